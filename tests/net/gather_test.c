/* SPDX-License-Identifier: MIT */
/*
 * What reliable sessions need of the sockets beyond the public interface: runs that lie in pieces, unicast from a
 * sender's own port, and receivers whose kernel drops the message types that they do not want.
 */
#include "library.h"

#include "sender.h"

/* ---- runs in pieces -------------------------------------------------------------------------- */

enum { DATAGRAMS_MAX = HERALD_RUN_SEGMENTS_MAX };

/* A run of datagrams, each a header and a payload; the parts are far from each other in memory. */
struct pieces {
    uint8_t headers[DATAGRAMS_MAX][100];
    uint8_t payloads[DATAGRAMS_MAX][33000];
    struct iovec parts[HD_SENDER_PARTS_MAX];
    size_t datagrams;
    size_t header_bytes, segment_bytes, size_bytes;
};

static struct pieces *pieces_new(size_t datagrams, size_t header_bytes, size_t segment_bytes, size_t last_bytes)
{
    struct pieces *pieces = calloc(1, sizeof(*pieces));

    assert_non_null(pieces);
    pieces->datagrams = datagrams;
    pieces->header_bytes = header_bytes;
    pieces->segment_bytes = segment_bytes;
    pieces->size_bytes = (datagrams - 1) * segment_bytes + last_bytes;
    for (size_t i = 0; i < datagrams; i++) {
        size_t payload_bytes = (i + 1 < datagrams ? segment_bytes : last_bytes) - header_bytes;

        for (size_t k = 0; k < header_bytes; k++)
            pieces->headers[i][k] = (uint8_t)(i + k);
        for (size_t k = 0; k < payload_bytes; k++)
            pieces->payloads[i][k] = (uint8_t)(i * 7 + k * 3 + k / 256);
        pieces->parts[2 * i] = (struct iovec){ .iov_base = pieces->headers[i], .iov_len = header_bytes };
        pieces->parts[2 * i + 1] = (struct iovec){ .iov_base = pieces->payloads[i], .iov_len = payload_bytes };
    }
    return pieces;
}

/* Takes in what a run consists of, however it was coalesced, and compares it byte for byte. */
static void expect_pieces(herald_receiver *receiver, const struct pieces *pieces)
{
    size_t seen = 0;

    while (seen < pieces->datagrams) {
        struct herald_run runs[HERALD_RUNS_MAX];
        size_t n = receive(receiver, runs);

        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < herald_run_count(&runs[i]); k++, seen++) {
                size_t size;
                const uint8_t *data = herald_run_datagram(&runs[i], k, &size);

                assert_true(seen < pieces->datagrams);
                assert_int_equal(size, pieces->header_bytes + pieces->parts[2 * seen + 1].iov_len);
                assert_memory_equal(data, pieces->headers[seen], pieces->header_bytes);
                assert_memory_equal(data + pieces->header_bytes, pieces->payloads[seen], size - pieces->header_bytes);
            }
    }
}

static void pass_pieces(const char *group, bool no_gso, const struct pieces *pieces)
{
    herald_receiver *receiver = open_receiver(group, (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender(group, (struct herald_sender_config){ .no_gso = no_gso });
    struct herald_sender_stats sent;
    struct herald_error error;
    size_t most = (pieces->size_bytes + 65506) / 65507 + 1;

    assert_int_equal(hd_sender_send_parts(sender, pieces->parts, 2 * pieces->datagrams, pieces->size_bytes,
                                          pieces->segment_bytes, &error),
                     pieces->datagrams);
    expect_pieces(receiver, pieces);
    herald_sender_stats(sender, &sent);
    assert_int_equal(sent.datagrams, pieces->datagrams);
    assert_int_equal(sent.bytes, pieces->size_bytes);
    if (no_gso)
        assert_int_equal(sent.calls, pieces->datagrams);
    else if (sent.gso)
        assert_true(sent.calls <= most);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void a_run_in_pieces_arrives_byte_for_byte(void **state)
{
    static const struct {
        size_t datagrams, header_bytes, segment_bytes, last_bytes;
    } runs[] = {
        { 1, 32, 1432, 1432 },    /* one alone */
        { 1, 1, 2, 2 },           /* and hardly anything of it */
        { 2, 33, 1001, 34 },      /* odd sizes, the last short */
        { 64, 32, 1023, 1023 },   /* as many as fit into one call */
        { 64, 32, 1400, 1400 },   /* more than that: two calls */
        { 63, 17, 1399, 17 },     /* the last has a header only */
        { 3, 0, 999, 1 },         /* empty parts */
        { 2, 100, 32753, 32753 }, /* just within what one call takes, in IPv4 */
        { 3, 100, 32763, 200 },   /* in IPv6 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        struct pieces *pieces = pieces_new(runs[i].datagrams, runs[i].header_bytes, runs[i].segment_bytes,
                                           runs[i].last_bytes);

        pass_pieces("239.1.2.3:10000", false, pieces);
        pass_pieces("239.1.2.3:10000", true, pieces);
        pass_pieces("[ff15::7]:10000", false, pieces);
        pass_pieces("[ff15::7]:10000", true, pieces);
        free(pieces);
    }
}

static void parts_need_not_end_where_datagrams_do(void **state)
{
    static char texts[4][12] = { "one", "", "twothree", "fo" };
    static const size_t sizes[4] = { 3, 0, 8, 2 };
    static const char *const datagrams[4] = { "onet", "woth", "reef", "o" };
    struct iovec parts[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        parts[i] = (struct iovec){ .iov_base = texts[i], .iov_len = sizes[i] };
    for (int no_gso = 0; no_gso < 2; no_gso++) {
        herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ .no_gro = true });
        herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ .no_gso = no_gso != 0 });
        struct herald_run runs[HERALD_RUNS_MAX];
        size_t seen = 0;

        assert_int_equal(hd_sender_send_parts(sender, parts, 4, 13, 4, NULL), 4);
        while (seen < 4)
            for (size_t i = 0, n = receive(receiver, runs); i < n; i++, seen++) {
                assert_int_equal(runs[i].size_bytes, strlen(datagrams[seen]));
                assert_memory_equal(runs[i].payload, datagrams[seen], runs[i].size_bytes);
            }
        herald_sender_free(sender);
        herald_receiver_free(receiver);
    }
}

static void impossible_runs_in_pieces_are_refused(void **state)
{
    static uint8_t bytes[1000];
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct iovec parts[HD_SENDER_PARTS_MAX + 1];
    struct herald_sender_stats sent;
    struct herald_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        parts[i] = (struct iovec){ .iov_base = bytes, .iov_len = 10 };
    assert_int_equal(hd_sender_send_parts(sender, parts, 2, 21, 21, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 3, 20, 20, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 2, 20, 0, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 0, 0, 10, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 128, 1280, 19, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 129, 1290, 1290, &error), -EINVAL);
    assert_int_equal(hd_sender_send_parts(sender, parts, 2, 20, 70000, &error), -EMSGSIZE);
    herald_sender_stats(sender, &sent);
    assert_int_equal(sent.datagrams, 0);
    assert_int_equal(hd_sender_send_parts(sender, parts, 128, 1280, 20, &error), 64);
    herald_sender_free(sender);
}

/* Datagrams that wait in the queue of a slow interface fill the send buffer. */
static void a_full_send_buffer_takes_a_part_of_a_run_or_none(void **state)
{
    struct pieces *pieces = pieces_new(64, 32, 1432, 1432);
    herald_sender *sender;
    struct herald_error error;
    int sent;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip address add 10.9.0.1/24 dev veth0 && ip link set veth0 txqueuelen 10000");
    if (system("tc qdisc replace dev veth0 root tbf rate 1kbit burst 2000 limit 100000000") != 0) {
        run_command("ip link del veth0");
        free(pieces);
        skip(); /* this kernel cannot slow an interface down */
        return;
    }
    sender = open_sender("239.1.2.3%veth0:10000",
                         (struct herald_sender_config){ .no_gso = true, .send_buffer_bytes = 50000 });
    sent = hd_sender_send_parts(sender, pieces->parts, 128, pieces->size_bytes, 1432, &error);
    assert_true(sent > 0 && sent < 64);
    assert_int_equal(hd_sender_send_parts(sender, pieces->parts, 128, pieces->size_bytes, 1432, &error), -EAGAIN);
    herald_sender_free(sender);
    free(pieces);
    run_command("ip link del veth0");
}

/* ---- unicast from a sender's port ------------------------------------------------------------ */

static struct herald_peer peer(const char *address, uint16_t port, uint32_t interface_index)
{
    struct herald_peer result = { .port = port, .interface_index = interface_index };

    assert_int_equal(herald_address_parse(address, &result.address), 0);
    return result;
}

/* Waits for one datagram that was sent to the sender's own port. */
static struct herald_run expect_unicast(herald_sender *sender, const char *text)
{
    struct herald_run run;

    wait_readable(herald_sender_fd(sender));
    assert_int_equal(herald_sender_receive(sender, &run, 1), 1);
    assert_int_equal(run.size_bytes, strlen(text));
    assert_memory_equal(run.payload, text, strlen(text));
    return run;
}

static void pass_unicast(const char *group, const char *address, uint32_t interface_index)
{
    char first[] = "NACK";
    char second[] = " me";
    const struct iovec parts[2] = { { .iov_base = first, .iov_len = 4 }, { .iov_base = second, .iov_len = 3 } };
    herald_sender *from = open_sender(group, (struct herald_sender_config){ .ttl_given = true, .ttl = 3 });
    herald_sender *other = open_sender(group, (struct herald_sender_config){ 0 });
    struct herald_peer to = peer(address, herald_sender_facts(other)->port, interface_index);
    struct herald_sender_stats sent;
    struct herald_error error;
    struct herald_run run;

    assert_int_equal(hd_sender_send_to(from, &to, parts, 2, &error), 0);
    run = expect_unicast(other, "NACK me");
    assert_int_equal(run.source.port, herald_sender_facts(from)->port);
    assert_int_equal(run.ttl, 77);
    herald_sender_stats(from, &sent);
    assert_int_equal(sent.datagrams, 1);
    assert_int_equal(sent.bytes, 7);
    herald_sender_free(from);
    herald_sender_free(other);
}

static void unicast_arrives_from_the_senders_port_with_the_systems_ttl(void **state)
{
    (void)state;
    write_file("/proc/sys/net/ipv4/ip_default_ttl", "77");
    write_file("/proc/sys/net/ipv6/conf/lo/hop_limit", "77");
    pass_unicast("239.1.2.3:10000", "127.0.0.1", 1);
    pass_unicast("[ff15::7]:10000", "::1", 1);
}

/* Both ends of a cable in one namespace: only the interface tells which way a link-local address is meant. */
static void unicast_finds_a_link_local_peer_by_its_interface(void **state)
{
    char byte[] = "x";
    const struct iovec part = { .iov_base = byte, .iov_len = 1 };
    herald_sender *sender;
    struct herald_error error;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip -6 address flush dev veth1 && ip -6 address add fe80::7/64 dev veth1 nodad");
    run_command("ip -6 address flush dev veth0 && ip -6 address add fe80::8/64 dev veth0 nodad");
    sender = open_sender("[ff15::7%veth0]:10000", (struct herald_sender_config){ 0 });
    for (size_t i = 0; i < 2; i++) { /* over the cable, and without leaving veth1 */
        static const char *const names[] = { "veth0", "veth1" };
        static const char *const sources[] = { "fe80::8", "fe80::7" };
        struct herald_peer to = peer("fe80::7", herald_sender_facts(sender)->port, if_nametoindex(names[i]));
        struct herald_address source;
        struct herald_run run;

        assert_int_equal(herald_address_parse(sources[i], &source), 0);
        assert_int_equal(hd_sender_send_to(sender, &to, &part, 1, &error), 0);
        run = expect_unicast(sender, "x");
        assert_true(herald_address_equal(&run.source.address, &source));
    }
    herald_sender_free(sender);
    run_command("ip link del veth0");
}

static void unicast_to_nobody_is_refused(void **state)
{
    static const char *const forged[] = { "0.0.0.0", "127.0.0.1", "239.1.2.3", "::", "::1", "ff02::1" };
    static uint8_t large[70000];
    char byte[] = "x";
    const struct iovec part = { .iov_base = byte, .iov_len = 1 };
    const struct iovec too_large = { .iov_base = large, .iov_len = sizeof(large) };
    const struct herald_sender_config defaults = { .interface = NULL };
    herald_sender *senders[2] = { open_sender("239.1.2.3:10000", defaults), open_sender("[ff15::7]:10000", defaults) };
    struct herald_peer to;
    struct herald_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        to = peer(forged[i], 7777, 2);
        assert_int_equal(hd_sender_send_to(senders[i / 3], &to, &part, 1, &error), -EINVAL);
        assert_non_null(strstr(error.cause, "forged"));
    }
    to = peer("127.0.0.1", 0, 1);
    assert_int_equal(hd_sender_send_to(senders[0], &to, &part, 1, &error), -EINVAL);
    to = peer("::1", 7777, 1);
    assert_int_equal(hd_sender_send_to(senders[0], &to, &part, 1, &error), -EAFNOSUPPORT);
    to = peer("127.0.0.1", 7777, 1);
    assert_int_equal(hd_sender_send_to(senders[1], &to, &part, 1, &error), -EAFNOSUPPORT);
    to = peer("192.0.2.1", 7777, 0);
    assert_int_equal(hd_sender_send_to(senders[0], &to, &part, 1, &error), -ENETUNREACH);
    to = peer("127.0.0.1", 7777, 1);
    assert_int_equal(hd_sender_send_to(senders[0], &to, &too_large, 1, &error), -EMSGSIZE);
    herald_sender_free(senders[0]);
    herald_sender_free(senders[1]);
}

/* ---- only some types ------------------------------------------------------------------------- */

enum { NACK = 4, ACK = 5 };

static const struct herald_receiver_config feedback = { .first_nibbles = 1U << NACK | 1U << ACK };

/* NORM's first byte: version 1, and the type. */
static void send_type(herald_sender *sender, unsigned type)
{
    const uint8_t datagram[2] = { (uint8_t)(0x10 | type), (uint8_t)~type };

    assert_int_equal(herald_sender_send(sender, datagram, sizeof(datagram), NULL), 0);
}

/* Takes what is there, which is one datagram of that type. @return false: nothing is. */
static bool take_type(herald_receiver *receiver, unsigned type)
{
    struct herald_run runs[HERALD_RUNS_MAX];
    int n = herald_receiver_receive(receiver, runs, 1);

    assert_true(n >= 0);
    if (n == 0)
        return false;
    assert_int_equal(herald_run_count(&runs[0]), 1);
    assert_int_equal(runs[0].payload[0], 0x10 | type);
    assert_int_equal(runs[0].kernel_drops, 0);
    return true;
}

static void expect_type(herald_receiver *receiver, unsigned type)
{
    while (!take_type(receiver, type)) {
        wait_readable(herald_receiver_fd(receiver));
        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
    }
}

static void pass_wanted(const char *group)
{
    herald_receiver *receiver = open_receiver(group, feedback);
    herald_sender *sender = open_sender(group, (struct herald_sender_config){ 0 });
    struct herald_receiver_stats stats;

    for (unsigned type = 0; type < 16; type++)
        send_type(sender, type);
    assert_int_equal(herald_sender_send(sender, "", 0, NULL), 0);
    send_type(sender, NACK);
    expect_type(receiver, NACK);
    expect_type(receiver, ACK);
    expect_type(receiver, NACK);
    herald_receiver_stats(receiver, &stats);
    assert_int_equal(stats.datagrams, 3);
    assert_int_equal(stats.bytes, 6);
    assert_int_equal(stats.strays, 0);
    assert_int_equal(stats.kernel_drops, 0);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void only_wanted_types_are_delivered(void **state)
{
    (void)state;
    pass_wanted("239.1.2.3:10000");
    pass_wanted("[ff15::7]:10000");
}

static void every_type_can_be_wanted_or_not(void **state)
{
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });

    (void)state;
    for (unsigned wanted = 0; wanted < 16; wanted++) {
        const uint16_t nibbles = (uint16_t)(1U << wanted);
        herald_receiver *only = open_receiver("239.1.2.3:10000",
                                              (struct herald_receiver_config){ .first_nibbles = nibbles });
        herald_receiver *others = open_receiver("239.1.2.3:10000",
                                                (struct herald_receiver_config){ .first_nibbles = (uint16_t)~nibbles });

        for (unsigned type = 0; type < 16; type++)
            send_type(sender, type);
        expect_type(only, wanted);
        for (unsigned type = 0; type < 16; type++)
            if (type != wanted)
                expect_type(others, type);
        send_type(sender, wanted);
        expect_type(only, wanted); /* and there was nothing in between */
        herald_receiver_free(only);
        herald_receiver_free(others);
    }
    herald_sender_free(sender);
}

/* Follows the interfaces until the receiver has so many memberships; what arrives meanwhile is of that type. */
static void follow_until(herald_receiver *receiver, unsigned type, uint32_t memberships)
{
    uint64_t end_ns = herald_clock_ns() + PATIENCE_NS;
    struct herald_receiver_stats stats;

    herald_receiver_stats(receiver, &stats);
    while (stats.memberships != memberships) {
        assert_true(herald_clock_ns() < end_ns);
        assert_int_equal(herald_receiver_wait(receiver, end_ns), 0);
        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
        while (take_type(receiver, type))
            ;
        herald_receiver_stats(receiver, &stats);
    }
}

/* A socket that is opened when an interface appears has the filter from its first moment, too. */
static void a_socket_opened_later_has_the_filter(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", feedback);
    uint64_t end_ns = herald_clock_ns() + PATIENCE_NS;
    struct herald_receiver_stats stats;
    herald_sender *sender;
    bool looped = false;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip address add 10.9.0.1/24 dev veth0");
    follow_until(receiver, NACK, 3);
    sender = open_sender("239.1.2.3%veth0:10000", (struct herald_sender_config){ 0 });
    while (!looped) { /* the groups are left for a moment when carrier comes */
        struct pollfd poll_fd = { .fd = herald_receiver_fd(receiver), .events = POLLIN };

        send_type(sender, 2);
        send_type(sender, NACK);
        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
        if (poll(&poll_fd, 1, 20) > 0)
            looped = take_type(receiver, NACK);
        assert_true(herald_clock_ns() < end_ns);
    }
    herald_sender_free(sender);
    run_command("ip link del veth0");
    follow_until(receiver, NACK, 1);
    herald_receiver_stats(receiver, &stats);
    assert_int_equal(stats.kernel_drops, 0); /* nor are they counted when the socket is closed */
    herald_receiver_free(receiver);
}

/* How many packets the kernel has counted as not delivered: by a filter, here. */
static unsigned long count_refused(void)
{
    FILE *file = fopen("/proc/self/net/snmp", "re");
    unsigned long refused = 0;
    char line[1000];

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Udp: %*u %*u %lu", &refused) == 1)
            break;
    fclose(file);
    return refused;
}

/*
 * Who sends and is a member itself must not pay for its own data: the kernel has to drop a run as the one packet that
 * it is, instead of cutting it into its datagrams for a socket that does not take it whole.
 */
static void own_runs_are_dropped_whole(void **state)
{
    struct pieces *data = pieces_new(32, 32, 1432, 1432);
    struct pieces *nacks = pieces_new(32, 32, 1432, 1432);
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", feedback);
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_receiver_stats received;
    uint64_t end_ns = herald_clock_ns() + PATIENCE_NS;
    unsigned long before = count_refused();

    (void)state;
    for (size_t i = 0; i < 32; i++) {
        data->headers[i][0] = 0x12;
        nacks->headers[i][0] = 0x10 | NACK;
    }
    assert_int_equal(hd_sender_send_parts(sender, data->parts, 64, data->size_bytes, 1432, NULL), 32);
    assert_int_equal(hd_sender_send_parts(sender, nacks->parts, 64, nacks->size_bytes, 1432, NULL), 32);
    expect_pieces(receiver, nacks);
    herald_receiver_stats(receiver, &received);
    assert_int_equal(received.datagrams, 32);
    while (count_refused() == before)
        assert_true(herald_clock_ns() < end_ns);
    if (kernel_coalesces()) {
        assert_int_equal(received.runs, 1);
        assert_int_equal(count_refused() - before, 1);
    }
    herald_sender_free(sender);
    herald_receiver_free(receiver);
    free(data);
    free(nacks);
}

/* Two interfaces on one LAN: with keep_duplicates both copies come, and nothing has looked at them. */
static void kept_duplicates_are_delivered_as_they_came(void **state)
{
    struct herald_receiver_config config = { .keep_duplicates = true };
    struct herald_receiver_stats stats;
    struct herald_run runs[HERALD_RUNS_MAX];
    herald_receiver *receiver;
    herald_sender *sender;
    size_t seen = 0;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip address add 10.9.0.1/24 dev veth0 && ip address add 10.9.0.2/24 dev veth1");
    write_file("/proc/sys/net/ipv4/conf/veth1/accept_local", "1");
    receiver = open_receiver("239.1.2.3:10000", config);
    sender = open_sender("239.1.2.3%veth0:10000", (struct herald_sender_config){ 0 });
    assert_int_equal(herald_sender_send(sender, "twice", 5, NULL), 0);
    while (seen < 2)
        seen += receive(receiver, runs);
    herald_receiver_stats(receiver, &stats);
    assert_int_equal(stats.datagrams, 2);
    assert_int_equal(stats.duplicates, 0);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
    run_command("ip link del veth0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_in_pieces_arrives_byte_for_byte),
        cmocka_unit_test(parts_need_not_end_where_datagrams_do),
        cmocka_unit_test(impossible_runs_in_pieces_are_refused),
        cmocka_unit_test(a_full_send_buffer_takes_a_part_of_a_run_or_none),
        cmocka_unit_test(unicast_arrives_from_the_senders_port_with_the_systems_ttl),
        cmocka_unit_test(unicast_finds_a_link_local_peer_by_its_interface),
        cmocka_unit_test(unicast_to_nobody_is_refused),
        cmocka_unit_test(only_wanted_types_are_delivered),
        cmocka_unit_test(every_type_can_be_wanted_or_not),
        cmocka_unit_test(a_socket_opened_later_has_the_filter),
        cmocka_unit_test(own_runs_are_dropped_whole),
        cmocka_unit_test(kept_duplicates_are_delivered_as_they_came),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
