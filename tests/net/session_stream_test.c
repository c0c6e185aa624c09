/* SPDX-License-Identifier: MIT */
/*
 * Deliveries from descriptors, inboxes that write to them, and how far objects are: over lo in a network namespace of
 * the test's own.
 */
#include "sessions.h"

#include <stdbool.h>

enum { LARGE_BYTES = 1000000 };

struct flow {
    struct party *party;
    int fd; /* -1: none */
    uint8_t bytes[2 * LARGE_BYTES];
    size_t size_bytes;
    bool is_reading;
};

/* Takes what a pipe has, when it is read at all. */
static void take(struct flow *flow)
{
    struct pollfd poll_fd = { .fd = flow->fd, .events = POLLIN };

    while (flow->is_reading && flow->size_bytes < sizeof(flow->bytes) && poll(&poll_fd, 1, 0) > 0) {
        ssize_t n = read(flow->fd, flow->bytes + flow->size_bytes, sizeof(flow->bytes) - flow->size_bytes);

        assert_true(n > 0);
        flow->size_bytes += (size_t)n;
    }
}

static bool takes_until_done(void *user)
{
    struct flow *flow = user;

    take(flow);
    return flow->party->result == 1;
}

static bool is_waiting_for_reader(void *user)
{
    struct herald_delivery_progress progress;

    herald_delivery_get_progress(((struct flow *)user)->party->delivery, &progress);
    return progress.phase == HERALD_DELIVERY_RECEIPTS;
}

static void fill(uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 1000);
}

/* One is empty while the one before it still waits for the reader. */
static void objects_leave_one_after_the_other(void **state)
{
    static uint8_t large[LARGE_BYTES];
    static struct flow flow;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    int ends[2];

    (void)state;
    fill(large, sizeof(large));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    receive.fd = ends[1];
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "1", large, sizeof(large));
    add_bytes(&anna, "2", "", 0);
    add_bytes(&anna, "3", "end", 3);
    flow = (struct flow){ .party = &anna, .fd = ends[0] };
    drive(parties, 2, is_waiting_for_reader, &flow);
    flow.is_reading = true;
    drive(parties, 2, takes_until_done, &flow);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 3);
    assert_int_equal(flow.size_bytes, sizeof(large) + 3);
    assert_memory_equal(flow.bytes, large, sizeof(large));
    assert_memory_equal(flow.bytes + sizeof(large), "end", 3);
    close_party(&anna);
    close_party(&bob);
    close(ends[0]);
    close(ends[1]);
}

/* A pipe that can always be written to does not wake anybody as long as nothing has come. */
static void a_pipe_with_room_is_not_waited_for(void **state)
{
    static uint8_t slow[100000];
    static struct flow flow;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    receive.fd = ends[1];
    receive.once = true;
    send.rate_bytes_per_s = 100000;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "slow", slow, sizeof(slow));
    flow = (struct flow){ .party = &anna, .fd = ends[0], .is_reading = true };
    drive(parties, 2, takes_until_done, &flow);
    assert_int_equal(flow.size_bytes, sizeof(slow));
    assert_true(bob.turns < 3000); /* a packet or a question each, and some time-outs */
    close_party(&anna);
    close_party(&bob);
    close(ends[0]);
    close(ends[1]);
}

static void a_stream_arrives_as_it_was(void **state)
{
    static struct flow flow;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    uint8_t bytes[50000];
    int in[2], out[2];

    (void)state;
    fill(bytes, sizeof(bytes));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(write(in[1], bytes, sizeof(bytes)), sizeof(bytes));
    close(in[1]);
    receive.fd = out[1];
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "log", in[0], &anna.error), 0);
    flow = (struct flow){ .party = &anna, .fd = out[0], .is_reading = true };
    drive(parties, 2, takes_until_done, &flow);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_true(bob.is_verified);
    assert_string_equal(bob.name, "log");
    take(&flow);
    assert_int_equal(flow.size_bytes, sizeof(bytes));
    assert_memory_equal(flow.bytes, bytes, sizeof(bytes));
    close_party(&anna);
    close_party(&bob);
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

static void a_stream_of_nothing_arrives(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "nothing", fd, &anna.error), 0);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(bob.size_bytes, 0);
    close_party(&anna);
    close_party(&bob);
    close(fd);
}

/* It is not taken for the end. */
static void a_stream_that_cannot_be_read_fails(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "root", fd, &anna.error), 0);
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -EISDIR);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    close_party(&anna);
    close_party(&bob);
    close(fd);
}

struct writer {
    struct party *party;
    int fd;
    uint64_t written_bytes;
};

/* Some more of an endless stream. */
static bool writes_some(void *user)
{
    struct writer *writer = user;
    static const uint8_t bytes[4000];
    struct pollfd poll_fd = { .fd = writer->fd, .events = POLLOUT };

    if (poll(&poll_fd, 1, 0) > 0)
        writer->written_bytes += (uint64_t)write(writer->fd, bytes, sizeof(bytes));
    return writer->party->told[HERALD_INBOX_BEGIN] > 0 && writer->written_bytes > 600000;
}

static void who_joins_a_stream_late_does_not_hold_it_up(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob, carol;
    struct party *parties[] = { &anna, &bob, &carol };
    struct writer writer;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    receive.once = true;
    send.segment_bytes = 500; /* few blocks are kept: when somebody joins, the first are gone */
    send.block_segments = send.parity_segments = 2;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "endless", ends[0], &anna.error), 0);
    writer = (struct writer){ .party = &bob, .fd = ends[1] };
    drive(parties, 2, writes_some, &writer);
    receive.host = "carol";
    carol = open_inbox(&receive);
    writer = (struct writer){ .party = &carol, .fd = ends[1] };
    drive(parties, 3, writes_some, &writer);
    close(ends[1]);
    drive(parties, 3, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(carol.told[HERALD_INBOX_FAILED], 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_COMPLETE);
    assert_int_equal(recipient_of(&anna, 1).state, HERALD_RECIPIENT_FAILED);
    close_party(&anna);
    close_party(&bob);
    close_party(&carol);
    close(ends[0]);
}

static bool is_sent(void *user)
{
    struct flow *flow = user;
    struct herald_delivery_progress progress;

    take(flow);
    herald_delivery_get_progress(flow->party->delivery, &progress);
    return progress.phase == HERALD_DELIVERY_RECEIPTS || flow->party->result == 1;
}

/* What two senders send is not mixed, whichever comes first. */
static void stream_and_object_leave_apart(bool is_stream_first)
{
    static uint8_t large[200000];
    static struct flow flow;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, carol, bob;
    struct party *parties[] = { &bob, &anna, &carol };
    int in[2], out[2];
    size_t from;

    memset(large, 'o', sizeof(large));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    receive.fd = out[1];
    receive.count = 2;
    send.rate_bytes_per_s = 400000; /* half a second of it */
    anna = open_delivery(&send);
    carol = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(write(in[1], "ssss", 4), 4);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "stream", in[0], &anna.error), 0);
    add_bytes(&carol, "object", large, sizeof(large));
    if (!is_stream_first)
        parties[1] = &carol;
    drive(parties, 2, inbox_has_begun, &bob);
    parties[1] = &anna;
    assert_int_equal(write(in[1], "tttt", 4), 4);
    flow = (struct flow){ .party = &carol, .fd = out[0], .is_reading = true };
    drive(parties, 3, is_sent, &flow);
    assert_int_equal(write(in[1], "uuuu", 4), 4);
    close(in[1]);
    flow.party = &bob;
    drive(parties, 3, takes_until_done, &flow);
    take(&flow);
    assert_int_equal(flow.size_bytes, sizeof(large) + 12);
    from = is_stream_first ? 0 : sizeof(large);
    assert_memory_equal(flow.bytes + from, "ssssttttuuuu", 12);
    close_party(&anna);
    close_party(&carol);
    close_party(&bob);
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

static void a_stream_and_an_object_are_not_mixed(void **state)
{
    (void)state;
    stream_and_object_leave_apart(true);
    stream_and_object_leave_apart(false);
}

/* ---- how far objects are --------------------------------------------------------------------- */

struct watch {
    struct party *receiver;
    uint64_t most_bytes;
    bool has_shrunk;
};

static bool watches_until_done(void *user)
{
    struct watch *watch = user;
    struct herald_inbox_object object;

    if (herald_inbox_get_object(watch->receiver->inbox, 0, &object) == 0) {
        watch->has_shrunk |= object.received_bytes < watch->most_bytes;
        watch->most_bytes = object.received_bytes;
    }
    return watch->receiver->result == 1;
}

/* Not even when it is complete, and on its way into its place. */
static void no_object_becomes_less(void **state)
{
    static uint8_t large[LARGE_BYTES];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    struct watch watch = { .receiver = &bob };
    char directory[32];

    (void)state;
    make_directory(directory);
    receive.once = true;
    receive.directory = directory;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, watches_until_done, &watch);
    assert_true(watch.most_bytes > 0);
    assert_false(watch.has_shrunk);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_leave_one_after_the_other),
        cmocka_unit_test(a_pipe_with_room_is_not_waited_for),
        cmocka_unit_test(a_stream_arrives_as_it_was),
        cmocka_unit_test(a_stream_of_nothing_arrives),
        cmocka_unit_test(a_stream_that_cannot_be_read_fails),
        cmocka_unit_test(who_joins_a_stream_late_does_not_hold_it_up),
        cmocka_unit_test(a_stream_and_an_object_are_not_mixed),
        cmocka_unit_test(no_object_becomes_less),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
