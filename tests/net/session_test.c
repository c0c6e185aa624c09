/* SPDX-License-Identifier: MIT */
/* What <herald/session.h> promises, over lo in a network namespace of the test's own. */
#include "sessions.h"

#include <pthread.h>

/* ---- everybody has it ------------------------------------------------------------------------ */

static void memory_arrives_verified_and_its_receipt_comes_back(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna = open_delivery(&send), bob;
    struct party *parties[] = { &anna, &bob };
    struct herald_recipient recipient;

    (void)state;
    receive.once = true;
    bob = open_inbox(&receive);
    add_bytes(&anna, "greeting", "hello", 5);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(bob.told[HERALD_INBOX_BEGIN], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 0);
    assert_string_equal(bob.name, "greeting");
    assert_true(bob.is_verified);
    assert_int_equal(bob.size_bytes, 5);
    assert_memory_equal(bob.bytes, "hello", 5);
    assert_int_equal(count_recipients(&anna), 1);
    recipient = recipient_of(&anna, 0);
    assert_int_equal(recipient.state, HERALD_RECIPIENT_COMPLETE);
    assert_int_equal(recipient.node_id, herald_inbox_node_id(bob.inbox));
    assert_string_equal(recipient.host, "bob.example.org");
    assert_true(recipient.is_herald);
    assert_int_equal(recipient.objects, 1);
    assert_int_equal(recipient.bytes, 5);
    assert_true(recipient.duration_ns > 0);
    close_party(&anna);
    close_party(&bob);
}

/* More objects than the transport keeps at once. */
static void more_entries_arrive_than_are_kept_at_once(void **state)
{
    enum { ENTRIES = 700, LARGE_BYTES = 100000 };
    static uint8_t large[LARGE_BYTES];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.rate_bytes_per_s = 200000000;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    for (size_t i = 0; i < ENTRIES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%zu", i);
        add_bytes(&anna, name, large, i % 2 > 0 ? sizeof(large) : 7);
    }
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], ENTRIES);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 0);
    close_party(&anna);
    close_party(&bob);
}

static bool has_one(void *user)
{
    return ((struct party *)user)->told[HERALD_INBOX_DONE] > 0;
}

/* Their digests follow them, but not behind all that is there to be sent: receivers would have to keep all. */
static void objects_are_verified_as_they_come(void **state)
{
    enum { ENTRIES = 32, LARGE_BYTES = 2 << 20 };
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct herald_delivery_progress progress;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    uint8_t *large = calloc(1, LARGE_BYTES);

    (void)state;
    assert_non_null(large);
    send.rate_bytes_per_s = 100000000;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    for (size_t i = 0; i < ENTRIES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%zu", i);
        add_bytes(&anna, name, large, LARGE_BYTES);
    }
    drive(parties, 2, has_one, &bob);
    herald_delivery_get_progress(anna.delivery, &progress);
    assert_true(progress.objects_sent < ENTRIES / 2);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], ENTRIES);
    close_party(&anna);
    close_party(&bob);
    free(large);
}

static void silent_ends_transfer_without_a_word_back(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct herald_inbox_stats stats;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32];

    (void)state;
    make_directory(directory);
    send.silent_receivers = true;
    receive.silent = receive.once = true;
    receive.directory = directory;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "a", "alpha", 5);
    add_bytes(&anna, "b", "beta", 4);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(count_recipients(&anna), 0);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 2);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 0);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_int_equal(bob.failed_objects, 0);
    herald_inbox_get_statistics(bob.inbox, &stats);
    assert_int_equal(stats.failed_objects, 0);
    assert_true(is_file(directory, "a") && is_file(directory, "b"));
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

/* ---- who is waited for ----------------------------------------------------------------------- */

static void nobody_is_there(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct party anna;
    struct party *parties[] = { &anna };

    (void)state;
    send.wait_ns = 100 * MS;
    anna = open_delivery(&send);
    add_bytes(&anna, "x", "x", 1);
    drive(parties, 1, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -ENOENT);
    close_party(&anna);
}

static void not_all_who_are_expected_come(void **state)
{
    struct herald_expected expected[] = { { .host = "bob" }, { .host = "carol" } };
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct herald_delivery_progress progress;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.wait_ns = 300 * MS;
    send.expected = expected;
    send.expected_count = 2;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "x", 1);
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -ETIMEDOUT);
    assert_int_equal(bob.told[HERALD_INBOX_BEGIN], 0);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 0);
    assert_int_equal(bob.result, 0); /* nothing has come that it could have been once */
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_HERE);
    assert_int_equal(recipient_of(&anna, 1).state, HERALD_RECIPIENT_EXPECTED);
    assert_string_equal(recipient_of(&anna, 1).host, "carol");
    herald_delivery_get_progress(anna.delivery, &progress);
    assert_int_equal(progress.receivers, 2);
    assert_int_equal(progress.objects_sent, 0);
    close_party(&anna);
    close_party(&bob);
}

static void one_is_recognised_by(const struct herald_expected *expected, size_t count, uint32_t node_id)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    send.expected = expected;
    send.expected_count = count;
    receive.node_id = node_id;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "x", 1);
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(count_recipients(&anna), 1);
    assert_true(recipient_of(&anna, 0).is_expected);
    assert_int_equal(recipient_of(&anna, 0).node_id, herald_inbox_node_id(bob.inbox));
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_COMPLETE);
    close_party(&anna);
    close_party(&bob);
}

static void who_is_expected_is_recognised(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct party anna = open_delivery(&send);
    struct herald_address own = herald_delivery_facts(anna.delivery)->source;

    (void)state;
    close_party(&anna);
    one_is_recognised_by(&(struct herald_expected){ .host = "bob" }, 1, 0);
    one_is_recognised_by(&(struct herald_expected){ .host = "BOB.example.org" }, 1, 0);
    one_is_recognised_by(&(struct herald_expected){ .address = own }, 1, 0);
    one_is_recognised_by(&(struct herald_expected){ .node_id = 77 }, 1, 77);
}

static void who_is_expected_in_several_ways_is_one(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct party anna = open_delivery(&send);
    struct herald_address own = herald_delivery_facts(anna.delivery)->source;
    const struct herald_expected expected[] = {
        { .address = own }, { .host = "bob" }, { .node_id = 77 }, { .host = "bob.example.org" }
    };

    (void)state;
    close_party(&anna);
    one_is_recognised_by(expected, 2, 0);
    one_is_recognised_by(expected, 4, 77);
    one_is_recognised_by(expected + 1, 3, 77);
    one_is_recognised_by(expected + 2, 2, 77);
}

/* ---- ends ------------------------------------------------------------------------------------ */

struct stopper {
    herald_delivery *delivery;
    unsigned events;
};

static void stop_at_once(void *user, const struct herald_delivery_event *event)
{
    struct stopper *stopper = user;

    (void)event;
    stopper->events++;
    herald_delivery_stop(stopper->delivery);
}

static void *run_inbox(void *user)
{
    struct party *party = user;

    party->result = herald_inbox_run(party->inbox, NULL, NULL, &party->error);
    return NULL;
}

static void both_can_be_stopped(void **state)
{
    static uint8_t large[10000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct stopper stopper = { 0 };
    pthread_t thread;

    (void)state;
    send.rate_bytes_per_s = 100000;
    receive.once = true; /* the good-bye ends it */
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    stopper.delivery = anna.delivery;
    assert_int_equal(pthread_create(&thread, NULL, run_inbox, &bob), 0);
    assert_int_equal(herald_delivery_run(anna.delivery, stop_at_once, &stopper, &anna.error), -EINTR);
    assert_true(stopper.events > 0);
    herald_inbox_stop(bob.inbox);
    pthread_join(thread, NULL);
    assert_int_equal(bob.result, -EINTR);
    close_party(&anna);
    close_party(&bob);
}

/* All that was queued is not sent first. */
static void receivers_are_told_that_it_was_stopped(void **state)
{
    static uint8_t large[10000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.rate_bytes_per_s = 100000;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, inbox_has_begun, &bob);
    herald_delivery_stop(anna.delivery);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -EINTR);
    assert_int_equal(bob.told[HERALD_INBOX_GONE], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 1);
    assert_true(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error) > 0);
    close_party(&anna);
    close_party(&bob);
}

static void the_sender_is_told_that_a_receiver_was_stopped(void **state)
{
    static uint8_t large[1000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.rate_bytes_per_s = 1000000;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, inbox_has_begun, &bob);
    herald_inbox_stop(bob.inbox);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_FAILED);
    assert_string_equal(recipient_of(&anna, 0).reason, "it was stopped");
    close_party(&anna);
    close_party(&bob);
}

/* It is the same host, and has everything in the end. */
static void a_receiver_that_was_stopped_and_started_again_is_one(void **state)
{
    static uint8_t large[1000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob, again;
    struct party *parties[] = { &anna, &bob, &again };

    (void)state;
    send.rate_bytes_per_s = 1000000;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, inbox_has_begun, &bob);
    herald_inbox_stop(bob.inbox);
    drive(parties, 2, delivery_is_done, &bob);
    receive.once = true;
    again = open_inbox(&receive);
    drive(parties, 3, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(count_recipients(&anna), 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_COMPLETE);
    close_party(&anna);
    close_party(&bob);
    close_party(&again);
}

static void a_receiver_that_vanishes_is_given_up(void **state)
{
    static uint8_t large[1000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.rate_bytes_per_s = 1000000;
    send.give_up_ns = 700 * MS;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, inbox_has_begun, &bob);
    bob.inbox = herald_inbox_free(bob.inbox);
    drive(parties, 1, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_VANISHED);
    close_party(&anna);
}

static bool is_serving(void *user)
{
    struct herald_delivery_progress progress;

    herald_delivery_get_progress(((struct party *)user)->delivery, &progress);
    return progress.phase == HERALD_DELIVERY_SERVING;
}

static void who_joins_late_is_served(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob, carol;
    struct party *parties[] = { &anna, &bob, &carol };

    (void)state;
    send.keep_serving_ns = 3000 * MS;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "late", 4);
    drive(parties, 2, is_serving, &anna);
    receive.host = "carol";
    carol = open_inbox(&receive);
    drive(parties, 3, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(carol.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(count_recipients(&anna), 2);
    assert_int_equal(recipient_of(&anna, 1).state, HERALD_RECIPIENT_COMPLETE);
    close_party(&anna);
    close_party(&bob);
    close_party(&carol);
}

/* ---- what is in the way ---------------------------------------------------------------------- */

static void what_is_here_already_is_skipped(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct herald_recipient recipient;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32], path[64];

    (void)state;
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/x", directory);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    receive.directory = directory;
    receive.clash = HERALD_CLASH_SKIP;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "new", 3);
    add_bytes(&anna, "y", "new", 3);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1); /* bob has another x */
    recipient = recipient_of(&anna, 0);
    assert_int_equal(recipient.state, HERALD_RECIPIENT_FAILED);
    assert_string_equal(recipient.reason, "x: something else of that name is here already, and is to stay");
    assert_int_equal(recipient.objects, 1);
    assert_int_equal(recipient.failed_objects, 1);
    assert_int_equal(bob.told[HERALD_INBOX_SKIPPED], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 0);
    assert_int_equal(bob.failed_objects, 0); /* he has all that he wants */
    assert_int_equal(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error), 0);
    assert_true(is_file(directory, "y"));
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

/* As far as can be seen without reading it: that is not as sure as a receipt, and counts towards `count`. */
static void what_looks_the_same_is_not_called_verified(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32], command[160], path[64];

    (void)state;
    make_directory(directory);
    snprintf(command, sizeof(command), "cd %s && mkdir a b && echo 1 >a/x && echo 2 >b/x && touch -r a/x b/x",
             directory);
    run_command(command);
    snprintf(path, sizeof(path), "%s/b", directory);
    receive.directory = path;
    receive.clash = HERALD_CLASH_SKIP;
    receive.count = 1;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    snprintf(path, sizeof(path), "%s/a/x", directory);
    assert_int_equal(herald_delivery_add_path(anna.delivery, path, NULL, 0, &anna.error), 0);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_CONFIRMED);
    assert_string_not_equal(recipient_of(&anna, 0).reason, "");
    assert_int_equal(bob.told[HERALD_INBOX_SKIPPED], 1);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

static void only_accepted_senders_are_listened_to(void **state)
{
    struct herald_address other = endpoint("192.0.2.1@232.1.1.1:1").source;
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.wait_ns = 200 * MS;
    receive.accept = &other;
    receive.accept_count = 1;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "x", 1);
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -ENOENT);
    assert_int_equal(bob.told[HERALD_INBOX_SENDER], 0);
    assert_int_equal(bob.told[HERALD_INBOX_IGNORED], 1);
    close_party(&anna);
    close_party(&bob);
}

static void what_cannot_be_read_is_told_to_both_ends(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32], path[64];

    (void)state;
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/x", directory);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    assert_int_equal(herald_delivery_add_path(anna.delivery, directory, NULL, 0, &anna.error), 0);
    assert_int_equal(unlink(path), 0);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_int_equal(anna.told[HERALD_DELIVERY_UNREADABLE], 1);
    assert_int_equal(anna.failure.code, -ENOENT);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1); /* the directory */
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_int_equal(bob.failed_objects, 0);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

static void what_is_too_large_fails_at_both_ends(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct herald_recipient recipient;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    uint8_t bytes[100] = { 0 };

    (void)state;
    receive.memory_bytes = 10;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "small", bytes, 10);
    add_bytes(&anna, "large", bytes, 100);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 1);
    assert_int_equal(bob.failure.code, -EFBIG);
    assert_int_equal(bob.failed_objects, 1);
    assert_int_equal(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error), 1);
    recipient = recipient_of(&anna, 0);
    assert_int_equal(recipient.state, HERALD_RECIPIENT_FAILED);
    assert_int_equal(recipient.failed_objects, 1);
    assert_int_equal(strncmp(recipient.reason, "large: ", 7), 0);
    close_party(&anna);
    close_party(&bob);
}

/* The rest of it would be for nobody. */
static void when_nobody_is_left_nothing_more_is_sent(void **state)
{
    static uint8_t large[2000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct herald_delivery_progress progress;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };

    (void)state;
    send.rate_bytes_per_s = 200000;
    receive.memory_bytes = 10;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    drive(parties, 2, delivery_is_done, &anna);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_FAILED);
    herald_delivery_get_progress(anna.delivery, &progress);
    assert_true(progress.bytes_sent < sizeof(large));
    close_party(&anna);
    close_party(&bob);
}

static void a_file_is_replaced_whatever_the_name(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_FILE);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32], path[64], content[8] = { 0 };
    int fd;

    (void)state;
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/own", directory);
    receive.path = path;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "theirs", "hello", 5);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 0);
    assert_string_equal(bob.name, "theirs");
    assert_false(is_file(directory, "theirs"));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, content, sizeof(content)), 5);
    assert_string_equal(content, "hello");
    close(fd);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

/* What cannot be opened now is asked for again. */
static void few_descriptors_are_enough(void **state)
{
    enum { ENTRIES = 150 };
    static uint8_t bytes[100000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DIRECTORY);
    struct rlimit limit, few;
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32];

    (void)state;
    make_directory(directory);
    send.rate_bytes_per_s = 100000000;
    receive.directory = directory;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    for (size_t i = 0; i < ENTRIES; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%zu", i);
        add_bytes(&anna, name, bytes, sizeof(bytes));
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (herald_delivery_result(anna.delivery, &anna.error) != 0)
        fail_msg("%s", recipient_of(&anna, 0).reason);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], ENTRIES);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

static void what_is_repeated_reaches_who_comes_later(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_MEMORY);
    struct party anna, bob, carol;
    struct party *parties[] = { &anna, &bob, &carol };

    (void)state;
    send.repeat = true;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "x", "again", 5);
    drive(parties, 2, delivery_is_done, &bob);
    carol = open_inbox(&receive);
    drive(parties, 3, delivery_is_done, &carol);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(carol.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(anna.result, 0);
    herald_delivery_stop(anna.delivery);
    drive(parties, 1, NULL, NULL);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), -EINTR);
    assert_int_equal(herald_delivery_process(anna.delivery, herald_clock_ns(), &anna.error), 1);
    close_party(&anna);
    close_party(&bob);
    close_party(&carol);
}

static void mistakes_are_refused(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct party anna = open_delivery(&send);
    struct herald_error error;
    herald_delivery *none = NULL;
    int ends[2];

    (void)state;
    assert_int_equal(herald_delivery_process(anna.delivery, herald_clock_ns(), &error), -EINVAL); /* nothing to send */
    add_bytes(&anna, "x", "x", 1);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "stream", ends[0], &error), -EBUSY);
    assert_int_equal(herald_delivery_process(anna.delivery, herald_clock_ns(), &error), 0);
    assert_int_equal(herald_delivery_add_bytes(anna.delivery, "y", "y", 1, &error), -EBUSY);
    close_party(&anna);
    send.repeat = true;
    anna = open_delivery(&send);
    assert_int_equal(herald_delivery_add_descriptor(anna.delivery, "stream", ends[0], &error), -EINVAL);
    close_party(&anna);
    close(ends[0]);
    close(ends[1]);
    send.segment_bytes = 50; /* no description fits */
    assert_int_equal(herald_delivery_new(&none, &send, &error), -EINVAL);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_arrives_verified_and_its_receipt_comes_back),
        cmocka_unit_test(more_entries_arrive_than_are_kept_at_once),
        cmocka_unit_test(objects_are_verified_as_they_come),
        cmocka_unit_test(silent_ends_transfer_without_a_word_back),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(not_all_who_are_expected_come),
        cmocka_unit_test(who_is_expected_is_recognised),
        cmocka_unit_test(who_is_expected_in_several_ways_is_one),
        cmocka_unit_test(both_can_be_stopped),
        cmocka_unit_test(receivers_are_told_that_it_was_stopped),
        cmocka_unit_test(the_sender_is_told_that_a_receiver_was_stopped),
        cmocka_unit_test(a_receiver_that_was_stopped_and_started_again_is_one),
        cmocka_unit_test(a_receiver_that_vanishes_is_given_up),
        cmocka_unit_test(who_joins_late_is_served),
        cmocka_unit_test(what_is_here_already_is_skipped),
        cmocka_unit_test(what_looks_the_same_is_not_called_verified),
        cmocka_unit_test(only_accepted_senders_are_listened_to),
        cmocka_unit_test(what_cannot_be_read_is_told_to_both_ends),
        cmocka_unit_test(what_is_too_large_fails_at_both_ends),
        cmocka_unit_test(when_nobody_is_left_nothing_more_is_sent),
        cmocka_unit_test(a_file_is_replaced_whatever_the_name),
        cmocka_unit_test(few_descriptors_are_enough),
        cmocka_unit_test(what_is_repeated_reaches_who_comes_later),
        cmocka_unit_test(mistakes_are_refused),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
