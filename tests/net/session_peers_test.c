/* SPDX-License-Identifier: MIT */
/*
 * Deliveries and inboxes among senders and receivers that are not herald, that break off, or that are hostile: over lo
 * in a network namespace of the test's own.
 */
#include "sessions.h"

#include "digest.h"
#include "inbox.h"
#include "message.h"

enum { SEGMENT_BYTES = 1000, PACKETS_MAX = 400, NODE = 4711, DELIVERY = 5, TYPE_INFO = 1, TYPE_DATA = 2 };

/* ---- a sender of which each packet can be held back ------------------------------------------ */

struct packet {
    uint8_t bytes[SEGMENT_BYTES + 200];
    size_t size_bytes;
};

struct stranger {
    herald_norm_sender *norm;
    herald_sender *sender;
    struct packet packets[PACKETS_MAX];
    size_t packet_count;
    uint64_t ahead_ns;
};

static uint64_t stranger_now_ns(const struct stranger *stranger)
{
    return herald_clock_ns() + stranger->ahead_ns;
}

static void open_stranger(struct stranger *stranger, uint16_t instance_id)
{
    struct herald_norm_sender_config config;

    memset(stranger, 0, sizeof(*stranger));
    stranger->sender = open_sender(GROUP, (struct herald_sender_config){ .no_gso = false });
    herald_norm_sender_config_default(&config);
    config.node_id = NODE;
    config.instance_id = instance_id;
    config.segment_bytes = SEGMENT_BYTES;
    config.rate_bytes_per_s = 100000000;
    config.grtt_initial_ns = 5 * MS;
    config.stream_blocks_max = 16;
    assert_int_equal(herald_norm_sender_new(&stranger->norm, &config, stranger_now_ns(stranger)), 0);
}

static void close_stranger(struct stranger *stranger)
{
    herald_norm_sender_free(stranger->norm);
    herald_sender_free(stranger->sender);
}

/* Takes what it wants to send within so long. */
static void collect(struct stranger *stranger, uint64_t time_ns)
{
    uint64_t end_ns = stranger_now_ns(stranger) + time_ns;

    stranger->packet_count = 0;
    while (stranger_now_ns(stranger) < end_ns) {
        struct packet *packet = &stranger->packets[stranger->packet_count];
        struct herald_norm_datagram datagram = { .buffer = packet->bytes, .buffer_bytes = sizeof(packet->bytes) };
        struct herald_norm_sender_event event;

        while (herald_norm_sender_poll_event(stranger->norm, &event) > 0)
            continue;
        (void)herald_norm_sender_handle_timeout(stranger->norm, stranger_now_ns(stranger));
        if (herald_norm_sender_poll_output(stranger->norm, &datagram, stranger_now_ns(stranger)) > 0) {
            if (datagram.payload_bytes > 0)
                memcpy(packet->bytes + datagram.header_bytes, datagram.payload, datagram.payload_bytes);
            packet->size_bytes = datagram.header_bytes + datagram.payload_bytes;
            assert_true(++stranger->packet_count < PACKETS_MAX);
        } else {
            stranger->ahead_ns += MS; /* nobody waits for its clock */
        }
    }
}

static void send_packet(const struct stranger *stranger, const struct packet *packet)
{
    assert_int_equal(herald_sender_send(stranger->sender, packet->bytes, packet->size_bytes, NULL), 0);
}

static void send_all(struct stranger *stranger)
{
    collect(stranger, 100 * MS);
    for (size_t i = 0; i < stranger->packet_count; i++)
        send_packet(stranger, &stranger->packets[i]);
}

static bool is_of_object(const struct packet *packet, uint16_t object_id)
{
    unsigned type = packet->bytes[0] & 0x0f;

    return (type == TYPE_INFO || type == TYPE_DATA) && packet->bytes[14] << 8 == (object_id & 0xff00) &&
           packet->bytes[15] == (object_id & 0xff);
}

/* Sends INFO and data number `from` .. `to` of an object that was collected. */
static void send_of_object(struct stranger *stranger, uint16_t object_id, size_t from, size_t to)
{
    size_t number = 0;

    for (size_t i = 0; i < stranger->packet_count; i++) {
        if (!is_of_object(&stranger->packets[i], object_id))
            continue;
        if (number >= from && number <= to)
            send_packet(stranger, &stranger->packets[i]);
        number++;
    }
    assert_true(number > from);
}

static uint16_t enqueue(struct stranger *stranger, enum herald_norm_kind kind, const void *bytes, size_t size_bytes,
                        const void *info, size_t info_bytes)
{
    struct herald_norm_object object = { .kind = kind, .size_bytes = size_bytes, .info = info };
    uint16_t object_id;

    object.bytes = kind == HERALD_NORM_STREAM ? NULL : bytes;
    object.info_bytes = (uint16_t)info_bytes;
    assert_int_equal(herald_norm_sender_enqueue(stranger->norm, &object, stranger_now_ns(stranger), &object_id), 0);
    return object_id;
}

/* An entry of a delivery, as herald describes it. */
static uint16_t enqueue_entry(struct stranger *stranger, enum hd_entry_type type, const char *name, uint32_t index,
                              const void *bytes, size_t size_bytes, bool with_digest)
{
    uint8_t info_bytes[SEGMENT_BYTES];
    struct hd_info info = { .name = { name, strlen(name) }, .type = type, .delivery_id = DELIVERY, .index = index };
    struct hd_partition partition;
    struct hd_digest digest;
    int length;

    if (with_digest) {
        assert_int_equal(hd_partition_init(&partition, size_bytes, SEGMENT_BYTES, 64), 0);
        assert_int_equal(hd_digest_init(&digest, &partition, NULL), 0);
        for (uint64_t block = 0; block < partition.blocks; block++)
            digest.values[block] = hd_digest_of_block(
                &digest, block, (const uint8_t *)bytes + hd_partition_block_offset(&partition, block));
        assert_int_equal(hd_digest_finish(&digest, info.digest), 0);
        info.has_digest = true;
        hd_digest_release(&digest);
    }
    length = hd_info_encode(&info, info_bytes, sizeof(info_bytes));
    assert_true(length > 0);
    return enqueue(stranger, type == HD_ENTRY_FILE ? HERALD_NORM_FILE : HERALD_NORM_DATA, bytes, size_bytes, info_bytes,
                   (size_t)length);
}

static uint8_t old_bytes[3 * SEGMENT_BYTES], new_bytes[3 * SEGMENT_BYTES];

static int set_up(void **state)
{
    memset(old_bytes, 'o', sizeof(old_bytes));
    memset(new_bytes, 'n', sizeof(new_bytes));
    return enter_namespace(state);
}

struct wanted {
    struct party *party;
    enum herald_inbox_event_kind kind;
    unsigned count;
    struct stranger *stranger; /* who goes on sending; NULL: nobody does */
};

static bool has_told(void *user)
{
    struct wanted *wanted = user;

    if (wanted->stranger != NULL)
        send_all(wanted->stranger);
    return wanted->party->told[wanted->kind] >= wanted->count;
}

static void wait_for(struct party *party, enum herald_inbox_event_kind kind, unsigned count, struct stranger *stranger)
{
    struct wanted wanted = { party, kind, count, stranger };
    struct party *parties[] = { party };

    drive(parties, 1, has_told, &wanted);
}

/* Lets it read what is there. */
static void let_read(struct party *party)
{
    for (unsigned i = 0; i < 20; i++)
        turn(party);
}

/* ---- senders --------------------------------------------------------------------------------- */

static void what_plain_norm_sends_arrives_unverified(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party bob = open_inbox(&receive);

    (void)state;
    open_stranger(&stranger, 1);
    (void)enqueue(&stranger, HERALD_NORM_FILE, old_bytes, sizeof(old_bytes), "plain.txt", 9);
    wait_for(&bob, HERALD_INBOX_DONE, 1, &stranger);
    assert_string_equal(bob.name, "plain.txt");
    assert_false(bob.is_verified);
    assert_int_equal(bob.size_bytes, sizeof(old_bytes));
    assert_memory_equal(bob.bytes, old_bytes, sizeof(old_bytes));
    close_stranger(&stranger);
    close_party(&bob);
}

/* The end of the old object is told when the new one has been accepted already. */
static void a_sender_begins_anew_with_the_same_ids(void **state)
{
    static struct stranger old, new;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party bob = open_inbox(&receive);
    uint16_t first, second;

    (void)state;
    open_stranger(&old, 1);
    first = enqueue(&old, HERALD_NORM_DATA, old_bytes, sizeof(old_bytes), NULL, 0);
    second = enqueue(&old, HERALD_NORM_DATA, old_bytes, sizeof(old_bytes), NULL, 0);
    collect(&old, 50 * MS);
    send_of_object(&old, first, 0, 0);
    send_of_object(&old, second, 0, 0);
    send_of_object(&old, first, 1, 9);
    wait_for(&bob, HERALD_INBOX_DONE, 1, NULL); /* the second is open still, behind the place that is free now */
    open_stranger(&new, 2);
    assert_int_equal(enqueue(&new, HERALD_NORM_DATA, new_bytes, sizeof(new_bytes), NULL, 0), first);
    assert_int_equal(enqueue(&new, HERALD_NORM_DATA, new_bytes, sizeof(new_bytes), NULL, 0), second);
    collect(&new, 50 * MS);
    send_of_object(&new, second, 0, 9);
    wait_for(&bob, HERALD_INBOX_DONE, 2, NULL);
    assert_memory_equal(bob.bytes, new_bytes, sizeof(new_bytes));
    close_stranger(&old);
    close_stranger(&new);
    close_party(&bob);
}

static void a_digest_that_never_comes_is_not_waited_for(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party *parties[1];
    struct party bob;

    (void)state;
    receive.once = true;
    bob = open_inbox(&receive);
    parties[0] = &bob;
    open_stranger(&stranger, 1);
    (void)enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), false);
    send_all(&stranger);
    herald_norm_sender_end(stranger.norm, stranger_now_ns(&stranger));
    wait_for(&bob, HERALD_INBOX_GONE, 1, &stranger);
    drive(parties, 1, NULL, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_true(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error) > 0);
    close_stranger(&stranger);
    close_party(&bob);
}

static void ask(struct stranger *stranger, enum hd_request_kind kind)
{
    const struct hd_request request = { .kind = kind, .delivery_id = DELIVERY, .entries = 1 };
    uint8_t bytes[HD_MESSAGE_BYTES];
    int length = hd_request_encode(&request, bytes, sizeof(bytes));

    assert_true(length > 0);
    assert_int_equal(herald_norm_sender_request(stranger->norm, HD_ACK_TYPE, 1, NULL, 0, bytes, (size_t)length,
                                                stranger_now_ns(stranger)),
                     0);
}

/* It has not said good-bye: nothing is heard of it for long. */
static void a_sender_that_breaks_off_is_gone_after_a_while(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party *parties[1];
    uint16_t object_id;
    struct party bob;

    (void)state;
    receive.once = true;
    bob = open_inbox(&receive);
    parties[0] = &bob;
    open_stranger(&stranger, 1);
    ask(&stranger, HD_REQUEST_ROLL_CALL);
    object_id = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    collect(&stranger, 50 * MS);
    for (size_t i = 0; i < stranger.packet_count; i++)
        if (!is_of_object(&stranger.packets[i], object_id))
            send_packet(&stranger, &stranger.packets[i]);
    send_of_object(&stranger, object_id, 0, 1);
    wait_for(&bob, HERALD_INBOX_BEGIN, 1, NULL);
    bob.ahead_ns = 10000 * MS;
    let_read(&bob);
    bob.ahead_ns = 14000 * MS;
    wait_for(&bob, HERALD_INBOX_SILENT, 1, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_GONE], 0); /* it may be a bad line */
    bob.ahead_ns = 60000 * MS;
    wait_for(&bob, HERALD_INBOX_GONE, 1, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_SILENT], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 1);
    drive(parties, 1, NULL, NULL);
    assert_true(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error) > 0);
    close_stranger(&stranger);
    close_party(&bob);
}

static void what_the_sender_cannot_read_any_more_has_failed(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party bob = open_inbox(&receive);
    uint16_t entry, note;

    (void)state;
    open_stranger(&stranger, 1);
    entry = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    note = enqueue_entry(&stranger, HD_ENTRY_WITHDRAWN, "", 0, NULL, 0, false);
    collect(&stranger, 50 * MS);
    send_of_object(&stranger, entry, 0, 1);
    send_of_object(&stranger, note, 0, 9);
    wait_for(&bob, HERALD_INBOX_FAILED, 1, NULL);
    assert_int_equal(bob.failure.code, -ENODATA);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    close_stranger(&stranger);
    close_party(&bob);
}

static void an_entry_that_is_sent_twice_is_stored_once(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct party bob;
    struct herald_inbox_object object;
    uint16_t broken, entry, again, last;
    char directory[32];

    (void)state;
    make_directory(directory);
    receive.directory = directory;
    receive.clash = HERALD_CLASH_RENAME;
    bob = open_inbox(&receive);
    open_stranger(&stranger, 1);
    broken = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    entry = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    again = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    last = enqueue_entry(&stranger, HD_ENTRY_FILE, "last", 1, old_bytes, sizeof(old_bytes), true);
    collect(&stranger, 50 * MS);
    send_of_object(&stranger, broken, 0, 1);
    send_of_object(&stranger, entry, 0, 1);
    send_of_object(&stranger, again, 0, 9);
    send_of_object(&stranger, entry, 2, 9); /* at once: the disk may still have to be waited for */
    send_of_object(&stranger, last, 0, 9);
    wait_for(&bob, HERALD_INBOX_DONE, 2, NULL);
    assert_string_equal(bob.name, "last");
    assert_true(is_file(directory, "x"));
    assert_false(is_file(directory, "x.1"));
    assert_int_equal(herald_inbox_get_object(bob.inbox, 0, &object), -ENOENT); /* nor is it waited for */
    close_stranger(&stranger);
    close_party(&bob);
    remove_directory(directory);
}

static bool is_arriving(const struct party *party, uint32_t index)
{
    const struct hd_origin *origin = hd_origin_find(party->inbox, NODE);

    assert_non_null(origin);
    return origin->arriving[index / 64] >> index % 64 & 1;
}

/* The other one is on its way still: it is not missing. */
static void of_two_copies_one_may_be_damaged(void **state)
{
    static uint8_t changing_bytes[sizeof(old_bytes)];
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party bob = open_inbox(&receive);
    uint16_t entry, again, last;

    (void)state;
    open_stranger(&stranger, 1);
    memset(changing_bytes, 'o', sizeof(changing_bytes));
    entry = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, old_bytes, sizeof(old_bytes), true);
    again = enqueue_entry(&stranger, HD_ENTRY_FILE, "x", 0, changing_bytes, sizeof(changing_bytes), true);
    last = enqueue_entry(&stranger, HD_ENTRY_FILE, "last", 1, old_bytes, sizeof(old_bytes), true);
    memset(changing_bytes, 'n', sizeof(changing_bytes)); /* its digest is that of before */
    collect(&stranger, 50 * MS);
    send_of_object(&stranger, entry, 0, 1);
    send_of_object(&stranger, again, 0, 9);
    send_of_object(&stranger, last, 0, 9);
    wait_for(&bob, HERALD_INBOX_DONE, 1, NULL);
    assert_string_equal(bob.name, "last");
    assert_true(is_arriving(&bob, 0));
    send_of_object(&stranger, entry, 2, 9);
    wait_for(&bob, HERALD_INBOX_DONE, 2, NULL);
    assert_string_equal(bob.name, "x");
    close_stranger(&stranger);
    close_party(&bob);
}

static void write_stream(struct stranger *stranger, const void *info, size_t info_bytes)
{
    uint16_t object_id = enqueue(stranger, HERALD_NORM_STREAM, NULL, 128000, info, info_bytes);

    assert_int_equal(herald_norm_sender_stream_write(stranger->norm, object_id, old_bytes, sizeof(old_bytes), 0,
                                                     stranger_now_ns(stranger)),
                     sizeof(old_bytes));
    assert_int_equal(herald_norm_sender_stream_close(stranger->norm, object_id, stranger_now_ns(stranger)), 0);
}

static void a_stream_without_a_name_gets_one(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct party bob;
    char directory[32];

    (void)state;
    make_directory(directory);
    receive.directory = directory;
    bob = open_inbox(&receive);
    open_stranger(&stranger, 1);
    write_stream(&stranger, NULL, 0);
    wait_for(&bob, HERALD_INBOX_DONE, 1, &stranger);
    assert_int_equal(bob.told[HERALD_INBOX_BEGIN], 1);
    assert_int_equal(bob.size_bytes, sizeof(old_bytes));
    assert_true(is_file(directory, bob.name));
    close_stranger(&stranger);
    close_party(&bob);
    remove_directory(directory);
}

static void a_stream_that_claims_to_be_something_else_is_refused(void **state)
{
    static struct stranger stranger;
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    const struct hd_info info = {
        .name = { "x", 1 }, .directory = { "..", 2 }, .type = HD_ENTRY_DIGEST, .delivery_id = DELIVERY, .index = 1
    };
    uint8_t bytes[200];
    int length = hd_info_encode(&info, bytes, sizeof(bytes));
    struct party bob;
    char directory[32];

    (void)state;
    assert_true(length > 0);
    make_directory(directory);
    receive.directory = directory;
    bob = open_inbox(&receive);
    open_stranger(&stranger, 1);
    write_stream(&stranger, bytes, (size_t)length);
    wait_for(&bob, HERALD_INBOX_FAILED, 1, &stranger);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    close_stranger(&stranger);
    close_party(&bob);
    remove_directory(directory);
}

/* Another sender's object, which does not go on, does not keep an inbox that has what it wants. */
static void once_does_not_wait_for_others(void **state)
{
    static struct stranger stranger;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    uint16_t object_id;
    uint64_t begin_ns;

    (void)state;
    receive.once = true;
    bob = open_inbox(&receive);
    open_stranger(&stranger, 1);
    object_id = enqueue(&stranger, HERALD_NORM_DATA, old_bytes, sizeof(old_bytes), NULL, 0);
    collect(&stranger, 50 * MS);
    send_of_object(&stranger, object_id, 0, 0);
    wait_for(&bob, HERALD_INBOX_BEGIN, 1, NULL);
    anna = open_delivery(&send);
    add_bytes(&anna, "x", "x", 1);
    begin_ns = herald_clock_ns();
    drive(parties, 2, NULL, NULL);
    assert_true(herald_clock_ns() - begin_ns < 10000 * MS);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    close_stranger(&stranger);
    close_party(&anna);
    close_party(&bob);
}

/* ---- receivers ------------------------------------------------------------------------------- */

/* A NACK for nothing. */
static void send_feedback(herald_sender *sender, uint32_t node_id, uint32_t server_id)
{
    uint8_t bytes[24] = { 0x14, 6 };

    for (unsigned i = 0; i < 4; i++) {
        bytes[4 + i] = (uint8_t)(node_id >> (24 - 8 * i));
        bytes[8 + i] = (uint8_t)(server_id >> (24 - 8 * i));
    }
    assert_int_equal(herald_sender_send(sender, bytes, sizeof(bytes), NULL), 0);
}

static void made_up_node_ids_do_not_keep_receivers_out(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    herald_sender *sender = open_sender(GROUP, (struct herald_sender_config){ .no_gso = false });

    (void)state;
    send.receivers_max = 4;
    send.expect_count = 1;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "x", 1);
    for (uint32_t i = 1; i <= 50; i++)
        send_feedback(sender, i, herald_delivery_node_id(anna.delivery));
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(count_recipients(&anna), 1);
    assert_int_equal(recipient_of(&anna, 0).node_id, herald_inbox_node_id(bob.inbox));
    herald_sender_free(sender);
    close_party(&anna);
    close_party(&bob);
}

static bool knows_four(void *user)
{
    return count_recipients(user) == 4;
}

/* They seem to take part, and do not answer. */
static void made_up_receivers_do_not_keep_others_out(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    herald_sender *sender = open_sender(GROUP, (struct herald_sender_config){ .no_gso = false });
    unsigned complete = 0;

    (void)state;
    send.receivers_max = 4;
    send.keep_serving_ns = 3000 * MS;
    send.give_up_ns = 500 * MS;
    anna = open_delivery(&send);
    add_bytes(&anna, "x", "x", 1);
    for (uint32_t i = 1; i <= 150; i++)
        send_feedback(sender, i / 3 + 1, herald_delivery_node_id(anna.delivery));
    drive(parties, 1, knows_four, &anna);
    bob = open_inbox(&receive);
    drive(parties, 2, delivery_is_done, &anna);
    for (uint32_t i = 0; i < count_recipients(&anna); i++)
        complete += recipient_of(&anna, i).state == HERALD_RECIPIENT_COMPLETE &&
                    recipient_of(&anna, i).node_id == herald_inbox_node_id(bob.inbox);
    assert_int_equal(complete, 1);
    herald_sender_free(sender);
    close_party(&anna);
    close_party(&bob);
}

static bool knows_two(void *user)
{
    return count_recipients(user) == 2;
}

/* Its feedback came before its name: it is one receiver, not two. */
static void an_expected_one_that_was_heard_before_is_recognised(void **state)
{
    const struct herald_expected expected = { .host = "bob" };
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    herald_sender *sender = open_sender(GROUP, (struct herald_sender_config){ .no_gso = false });

    (void)state;
    send.expected = &expected;
    send.expected_count = 1;
    anna = open_delivery(&send);
    add_bytes(&anna, "x", "x", 1);
    for (unsigned i = 0; i < 3; i++)
        send_feedback(sender, NODE, herald_delivery_node_id(anna.delivery));
    drive(parties, 1, knows_two, &anna);
    receive.node_id = NODE;
    bob = open_inbox(&receive);
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(count_recipients(&anna), 1);
    herald_sender_free(sender);
    close_party(&anna);
    close_party(&bob);
}

/* A receiver that answers, and gets nowhere. */
struct slacker {
    herald_norm_receiver *norm;
    herald_receiver *receiver;
    herald_sender *sender;
    struct party *anna;
    unsigned dismissals;
    char reason[HERALD_REASON_BYTES]; /* of the last */
};

static void open_slacker(struct slacker *slacker, struct party *anna)
{
    struct herald_norm_receiver_config config;

    *slacker = (struct slacker){ .receiver = open_receiver(GROUP, (struct herald_receiver_config){ .no_gro = false }),
                                 .sender = open_sender(GROUP, (struct herald_sender_config){ .no_gso = false }),
                                 .anna = anna };
    herald_norm_receiver_config_default(&config);
    config.node_id = NODE;
    assert_int_equal(herald_norm_receiver_new(&slacker->norm, &config, herald_clock_ns()), 0);
}

static void close_slacker(struct slacker *slacker)
{
    herald_norm_receiver_free(slacker->norm);
    herald_receiver_free(slacker->receiver);
    herald_sender_free(slacker->sender);
}

static void answer(struct slacker *slacker, const struct herald_norm_receiver_event *event)
{
    struct hd_request request;
    struct hd_answer said = { .host = { "sloth", 5 } };
    uint8_t bytes[HD_MESSAGE_BYTES];
    int length;

    if (event->type != HERALD_NORM_RECEIVER_REQUEST ||
        hd_request_decode(event->content, event->content_bytes, &request) < 0)
        return;
    if (request.kind == HD_REQUEST_DISMISS) {
        slacker->dismissals++;
        (void)snprintf(slacker->reason, sizeof(slacker->reason), "%.*s", (int)request.reason.size_bytes,
                       request.reason.size_bytes > 0 ? request.reason.at : "");
    }
    said.kind = request.kind == HD_REQUEST_ROLL_CALL ? HD_ANSWER_HERE : HD_ANSWER_STATUS;
    said.delivery_id = request.delivery_id;
    length = hd_answer_encode(&said, bytes, sizeof(bytes));
    assert_true(length > 0);
    assert_true(herald_norm_receiver_acknowledge(slacker->norm, event->sender_id, HD_ACK_TYPE, event->ack_id, bytes,
                                                 (size_t)length, herald_clock_ns()) <= 0);
}

static void drain_slacker(struct slacker *slacker)
{
    struct herald_norm_receiver_event event;

    while (herald_norm_receiver_poll_event(slacker->norm, &event) > 0)
        answer(slacker, &event);
}

static bool slacks(void *user)
{
    struct slacker *slacker = user;
    uint8_t bytes[HERALD_NORM_BUFFER_BYTES(1500)];
    struct herald_norm_datagram datagram = { .buffer = bytes, .buffer_bytes = sizeof(bytes) };
    struct herald_run runs[HERALD_RUNS_MAX];
    int n;

    while ((n = herald_receiver_receive(slacker->receiver, runs, HERALD_RUNS_MAX)) > 0)
        for (int i = 0; i < n; i++)
            for (size_t k = 0; k < herald_run_count(&runs[i]); k++) {
                size_t size_bytes;
                const uint8_t *packet = herald_run_datagram(&runs[i], k, &size_bytes);

                (void)herald_norm_receiver_input(slacker->norm, &runs[i].source, false, packet, size_bytes,
                                                 herald_clock_ns());
                drain_slacker(slacker);
            }
    (void)herald_norm_receiver_handle_timeout(slacker->norm, herald_clock_ns());
    drain_slacker(slacker);
    while (herald_norm_receiver_poll_output(slacker->norm, &datagram, herald_clock_ns()) > 0) {
        if (datagram.payload_bytes > 0)
            memcpy(bytes + datagram.header_bytes, datagram.payload, datagram.payload_bytes);
        assert_int_equal(
            herald_sender_send(slacker->sender, bytes, datagram.header_bytes + datagram.payload_bytes, NULL), 0);
        datagram.buffer = bytes;
        datagram.buffer_bytes = sizeof(bytes);
    }
    return slacker->anna->result == 1;
}

static void who_gets_nowhere_is_left_behind_and_told_so(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct party anna;
    struct party *parties[] = { &anna };
    struct slacker slacker;
    uint64_t begin_ns = herald_clock_ns();

    (void)state;
    send.laggard_drop_ns = 500 * MS;
    anna = open_delivery(&send);
    add_bytes(&anna, "x", "x", 1);
    open_slacker(&slacker, &anna);
    drive(parties, 1, slacks, &slacker);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_BEHIND);
    assert_string_equal(recipient_of(&anna, 0).host, "sloth");
    assert_true(herald_clock_ns() - begin_ns < 10000 * MS);
    assert_true(slacker.dismissals > 0);
    assert_string_equal(slacker.reason, "nothing new had arrived here for 500 ms");
    close_slacker(&slacker);
    close_party(&anna);
}

/* ---- what runs for long ---------------------------------------------------------------------- */

static void unfinished_files_go_after_a_week_while_it_runs(void **state)
{
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    const uint64_t day_ns = UINT64_C(86400000) * MS;
    char directory[32], command[300];
    struct party bob;

    (void)state;
    make_directory(directory);
    receive.directory = directory;
    bob = open_inbox(&receive);
    snprintf(command, sizeof(command),
             "cd %s && mkdir .herald-partial && cd .herald-partial && touch -d '8 days ago' 0123456789abcdef.part "
             "0123456789abcdef.journal && touch -d '6 days ago' 123456789abcdef0.part 123456789abcdef0.journal",
             directory);
    run_command(command);
    turn(&bob);
    assert_true(is_file(directory, ".herald-partial/0123456789abcdef.part"));
    assert_true(herald_inbox_deadline(bob.inbox) <= herald_clock_ns() + day_ns);
    bob.ahead_ns = day_ns;
    turn(&bob);
    assert_false(is_file(directory, ".herald-partial/0123456789abcdef.part"));
    assert_false(is_file(directory, ".herald-partial/0123456789abcdef.journal"));
    assert_true(is_file(directory, ".herald-partial/123456789abcdef0.part"));
    assert_true(is_file(directory, ".herald-partial/123456789abcdef0.journal"));
    close_party(&bob);
    remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_plain_norm_sends_arrives_unverified),
        cmocka_unit_test(a_sender_begins_anew_with_the_same_ids),
        cmocka_unit_test(a_digest_that_never_comes_is_not_waited_for),
        cmocka_unit_test(a_sender_that_breaks_off_is_gone_after_a_while),
        cmocka_unit_test(what_the_sender_cannot_read_any_more_has_failed),
        cmocka_unit_test(an_entry_that_is_sent_twice_is_stored_once),
        cmocka_unit_test(of_two_copies_one_may_be_damaged),
        cmocka_unit_test(a_stream_without_a_name_gets_one),
        cmocka_unit_test(a_stream_that_claims_to_be_something_else_is_refused),
        cmocka_unit_test(once_does_not_wait_for_others),
        cmocka_unit_test(made_up_node_ids_do_not_keep_receivers_out),
        cmocka_unit_test(made_up_receivers_do_not_keep_others_out),
        cmocka_unit_test(an_expected_one_that_was_heard_before_is_recognised),
        cmocka_unit_test(who_gets_nowhere_is_left_behind_and_told_so),
        cmocka_unit_test(unfinished_files_go_after_a_week_while_it_runs),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
