/* SPDX-License-Identifier: MIT */
/* The library's sockets when the network changes under them, when resources run out, and when peers lie. */
#include "library.h"

static void an_endpoint_may_name_its_interface_by_index_or_another_name(void **state)
{
    const char *const texts[] = { "239.1.2.3%lan0:10000", "239.1.2.3%1:10000", "239.1.2.3%lo:10000" };

    (void)state;
    run_command("ip link property add dev lo altname lan0");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        herald_receiver *receiver = open_receiver(texts[i], (struct herald_receiver_config){ 0 });
        struct herald_receiver_stats stats;

        herald_receiver_stats(receiver, &stats);
        assert_int_equal(stats.memberships, 1);
        herald_receiver_free(receiver);
    }
    run_command("ip link property del dev lo altname lan0");
}

static void a_flood_to_one_group_does_not_starve_another(void **state)
{
    struct herald_endpoint both[2] = { endpoint("239.1.2.3:10000"), endpoint("239.1.2.4:10000") };
    struct herald_receiver_config config = { .endpoints = both, .endpoint_count = 2, .no_gro = true };
    herald_sender *flood = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    herald_sender *other = open_sender("239.1.2.4:10000", (struct herald_sender_config){ 0 });
    herald_receiver *receiver = NULL;
    bool heard = false;

    (void)state;
    assert_int_equal(herald_receiver_new(&receiver, &config, NULL), 0);
    assert_int_equal(herald_sender_send_run(flood, "0123456789", 10, 1, NULL), 10);
    for (int round = 0; round < 100 && !heard; round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        int n;

        assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
        n = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX);
        for (int i = 0; i < n; i++)
            heard = heard || herald_address_equal(&runs[i].group, &both[1].group);
        assert_int_equal(herald_sender_send_run(flood, "0123", 4, 1, NULL), 4); /* never empty */
        if (round == 0)
            assert_int_equal(herald_sender_send(other, "x", 1, NULL), 0);
    }
    assert_true(heard);
    herald_receiver_free(receiver);
    herald_sender_free(flood);
    herald_sender_free(other);
}

/* The copy of the descriptor in the child keeps the closed socket among what epoll names, if it is not taken out. */
static void an_interface_may_vanish_while_a_fork_has_the_sockets(void **state)
{
    herald_receiver *receiver;
    herald_sender *sender;
    struct herald_run runs[HERALD_RUNS_MAX];
    pid_t child;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    receiver = open_receiver("239.1.2.3%veth0:10000", (struct herald_receiver_config){ 0 });
    sender = open_sender("239.1.2.3%veth0:10000", (struct herald_sender_config){ 0 });
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(herald_sender_send(sender, "unread", 6, NULL), 0);
    run_command("ip link del veth0");
    wait_event(receiver, HERALD_RECEIVER_GONE);
    assert_int_equal(herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX), 0);
    assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void a_group_is_joined_again_when_ipv6_returns_with_the_mtu(void **state)
{
    herald_receiver *receiver = open_receiver("[ff15::7%lo]:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender;
    struct herald_run runs[HERALD_RUNS_MAX];

    (void)state;
    run_command("ip link set lo mtu 1200");
    run_command("ip link set lo mtu 65536 && ip -6 address add ::1/128 dev lo nodad");
    run_command("ip -6 route add local ff00::/8 dev lo table local");
    wait_event(receiver, HERALD_RECEIVER_REJOINED);
    sender = open_sender("[ff15::7%lo]:10000", (struct herald_sender_config){ 0 });
    assert_int_equal(herald_sender_send(sender, "x", 1, NULL), 0);
    assert_int_equal(receive(receiver, runs), 1);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void the_size_that_fits_follows_the_mtu(void **state)
{
    static uint8_t payload[8 * 900];
    herald_sender *sender;
    struct herald_sender_stats stats;
    struct herald_error error;

    (void)state;
    run_command("ip link set lo mtu 1500");
    sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    assert_int_equal(herald_sender_facts(sender)->payload_max_bytes, 1472);
    assert_int_equal(herald_sender_send(sender, payload, 4000, &error), -EMSGSIZE);
    assert_non_null(strstr(error.cause, "1472 fit"));
    run_command("ip link set lo mtu 9000");
    assert_int_equal(herald_sender_send(sender, payload, 4000, &error), 0);
    run_command("ip link set lo mtu 800");
    assert_int_equal(herald_sender_send(sender, payload, 1200, &error), -EMSGSIZE);
    assert_non_null(strstr(error.cause, "772 fit"));
    assert_int_equal(herald_sender_send_run(sender, payload, sizeof(payload), 900, &error), -EMSGSIZE);
    run_command("ip link set lo mtu 65536");
    assert_int_equal(herald_sender_send_run(sender, payload, sizeof(payload), 900, &error), 8);
    herald_sender_stats(sender, &stats);
    assert_true(stats.gso);
    herald_sender_free(sender);
}

static void a_sender_whose_interface_goes_down_or_away_says_so(void **state)
{
    herald_sender *sender;
    struct herald_error error;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    sender = open_sender("239.1.2.3%veth0:10000", (struct herald_sender_config){ 0 });
    assert_int_equal(herald_sender_send(sender, "x", 1, &error), 0);
    run_command("ip link set veth0 down");
    assert_int_equal(herald_sender_send(sender, "x", 1, &error), -ENETDOWN);
    assert_string_equal(error.cause, "interface veth0 is down");
    run_command("ip link del veth0");
    assert_int_equal(herald_sender_send(sender, "x", 1, &error), -ENODEV);
    assert_string_equal(error.cause, "interface veth0 does not exist any more");
    herald_sender_free(sender);
}

static void an_interface_without_ipv6_is_named(void **state)
{
    struct herald_endpoint where = endpoint("[ff15::7]:10000");
    struct herald_receiver_config config = { .endpoints = &where, .endpoint_count = 1 };
    struct herald_sender_config send = { .endpoint = where, .interface = "lo" };
    herald_receiver *receiver = NULL;
    herald_sender *sender = NULL;
    struct herald_error error;

    (void)state;
    write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1");
    assert_int_equal(herald_receiver_new(&receiver, &config, &error), -ENODEV);
    assert_string_equal(error.cause, "IPv6 is switched off on lo");
    assert_int_equal(herald_sender_new(&sender, &send, &error), -ENETDOWN);
    assert_string_equal(error.cause, "IPv6 is switched off on lo");
    assert_string_equal(error.advice, "sysctl -w net/ipv6/conf/lo/disable_ipv6=0");
    write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
    assert_int_equal(herald_receiver_new(&receiver, &config, &error), 0);
    herald_receiver_free(receiver);
}

static void too_few_descriptors_are_told_with_the_number_needed(void **state)
{
    struct herald_endpoint where = endpoint("239.1.2.1+100:10000");
    struct herald_receiver_config config = { .endpoints = &where, .endpoint_count = 1 };
    herald_receiver *receiver = NULL;
    struct rlimit before;
    struct rlimit few = { .rlim_cur = 60 };
    struct herald_error error;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(herald_receiver_new(&receiver, &config, &error), -EMFILE);
    assert_string_equal(error.cause, "100 groups need about 109 open files, and this process may have 60");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(herald_receiver_new(&receiver, &config, &error), 0);
    herald_receiver_free(receiver);
}

/* ---- peers and other programs ---------------------------------------------------------------- */

static struct herald_peer peer(const char *address, uint32_t interface_index)
{
    struct herald_peer result = { .port = 7777, .interface_index = interface_index };

    assert_int_equal(herald_address_parse(address, &result.address), 0);
    return result;
}

/* Else anybody on the link could have the answer go to services that only listen on loopback. */
static void forged_sources_are_not_answered(void **state)
{
    static const char *const forged[] = { "0.0.0.0", "127.0.0.1", "239.1.2.3", "::", "::1", "ff02::1" };
    struct herald_endpoint both[2] = { endpoint("239.1.2.3:10000"), endpoint("[ff15::7]:10000") };
    struct herald_receiver_config config = { .endpoints = both, .endpoint_count = 2 };
    struct herald_peer local = peer("127.0.0.1", 1);
    herald_receiver *receiver = NULL;
    struct herald_error error;

    (void)state;
    assert_int_equal(herald_receiver_new(&receiver, &config, &error), 0);
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        struct herald_peer from = peer(forged[i], 2);

        assert_int_equal(herald_receiver_reply(receiver, &from, 10000, "ack", 3, &error), -EINVAL);
        assert_non_null(strstr(error.cause, "forged"));
    }
    assert_int_equal(herald_receiver_reply(receiver, &local, 10000, "ack", 3, &error), 0);
    herald_receiver_free(receiver);
}

/* Thousands of answers that wait for ARP fill the send buffer; who really is there must get his all the same. */
static void forged_hosts_do_not_silence_the_answers(void **state)
{
    struct herald_peer host;
    herald_receiver *receiver;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip address add 10.9.0.1/24 dev veth0");
    receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    host = peer("10.9.0.2", 2);
    for (int i = 0; i < 20000; i++) {
        host.address.bytes[3] = (uint8_t)(2 + i % 250);
        assert_int_equal(herald_receiver_reply(receiver, &host, 10000, "ack", 3, NULL), 0);
    }
    herald_receiver_free(receiver);
    run_command("ip link del veth0");
}

static void a_program_started_later_keeps_its_unicast(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(10000) };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(10000) };
    int program = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* of both families, as Java and Go open them */
    int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int on = 1;
    char byte;

    (void)state;
    assert_int_equal(setsockopt(program, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(program, (struct sockaddr *)&any, sizeof(any)), 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sendto(client, "u", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
    wait_readable(program);
    assert_int_equal(recv(program, &byte, 1, 0), 1);
    close(client);
    close(program);
    herald_receiver_free(receiver);
}

static void one_who_repeats_himself_for_ever_does_not_keep_the_question_open(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_ask_config config = { .senders = &sender, .sender_count = 1, .payload = "?", .size_bytes = 1 };
    const uint64_t wait_ns = 500000000;
    const uint64_t start_ns = 1000000000;
    struct herald_run runs[HERALD_RUNS_MAX];
    uint64_t now_ns = start_ns;
    herald_ask *ask = NULL;

    (void)state;
    assert_int_equal(herald_ask_new(&ask, &config, now_ns, NULL), 0);
    assert_int_equal(receive(receiver, runs), 1);
    while (!herald_ask_done(ask)) {
        struct herald_response response;

        assert_true(now_ns <= start_ns + 12 * wait_ns);
        assert_int_equal(herald_receiver_reply(receiver, &runs[0].source, 10000, "again", 5, NULL), 0);
        wait_readable(herald_ask_fd(ask));
        now_ns += wait_ns / 2;
        assert_int_equal(herald_ask_process(ask, now_ns, NULL), 0);
        while (herald_ask_next_response(ask, &response) > 0)
            ;
    }
    assert_true(now_ns >= start_ns + 10 * wait_ns); /* the rest of a long answer is waited for */
    herald_ask_free(ask);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void a_wait_without_end_does_not_end(void **state)
{
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_ask_config config = { .senders = &sender,
                                        .sender_count = 1,
                                        .payload = "?",
                                        .size_bytes = 1,
                                        .wait_ns = HERALD_NEVER,
                                        .limit_ns = HERALD_NEVER };
    herald_ask *ask = NULL;

    (void)state;
    assert_int_equal(herald_ask_new(&ask, &config, herald_clock_ns(), NULL), 0);
    assert_int_equal(herald_ask_process(ask, herald_clock_ns(), NULL), 0);
    assert_false(herald_ask_done(ask));
    assert_true(herald_ask_deadline(ask) == HERALD_NEVER);
    herald_ask_free(ask);
    herald_sender_free(sender);
}

/* Else all that they have counted since the host was started would be blamed for what is lost now. */
static void counters_that_could_not_be_read_at_first_have_not_grown(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3%lo:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender("239.1.2.3%lo:10001", (struct herald_sender_config){ 0 });
    struct herald_loss_config config = { .receiver = receiver };
    struct herald_loss_report report;
    herald_loss *loss = NULL;
    struct rlimit usual;
    struct rlimit none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 3;
    assert_int_equal(herald_loss_new(&loss, &config, NULL), 0);
    assert_int_equal(herald_sender_send(sender, "to no port", 10, NULL), 0);
    assert_int_equal(herald_loss_read(loss, HERALD_LOSS_UNKNOWN, &report), 0);
    assert_int_equal(report.counters.udp_ignored, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(herald_loss_restart(loss), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(herald_loss_read(loss, HERALD_LOSS_UNKNOWN, &report), 0);
    assert_int_equal(report.counters.udp_ignored, 0);
    assert_int_equal(herald_sender_send(sender, "to no port", 10, NULL), 0);
    assert_int_equal(herald_loss_read(loss, HERALD_LOSS_UNKNOWN, &report), 0);
    assert_int_equal(report.counters.udp_ignored, 1);
    herald_loss_free(loss);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_may_name_its_interface_by_index_or_another_name),
        cmocka_unit_test(a_flood_to_one_group_does_not_starve_another),
        cmocka_unit_test(an_interface_may_vanish_while_a_fork_has_the_sockets),
        cmocka_unit_test(a_group_is_joined_again_when_ipv6_returns_with_the_mtu),
        cmocka_unit_test(the_size_that_fits_follows_the_mtu),
        cmocka_unit_test(a_sender_whose_interface_goes_down_or_away_says_so),
        cmocka_unit_test(an_interface_without_ipv6_is_named),
        cmocka_unit_test(too_few_descriptors_are_told_with_the_number_needed),
        cmocka_unit_test(forged_sources_are_not_answered),
        cmocka_unit_test(forged_hosts_do_not_silence_the_answers),
        cmocka_unit_test(a_program_started_later_keeps_its_unicast),
        cmocka_unit_test(one_who_repeats_himself_for_ever_does_not_keep_the_question_open),
        cmocka_unit_test(a_wait_without_end_does_not_end),
        cmocka_unit_test(counters_that_could_not_be_read_at_first_have_not_grown),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
