/* SPDX-License-Identifier: MIT */
/* When an inbox has enough, or cannot go on, over lo in a network namespace of the test's own. */
#include "sessions.h"

/* ---- so many, and no more -------------------------------------------------------------------- */

/* Five objects of a byte each, so that all are complete before the first is in its place. */
static void add_five(struct party *party)
{
    static const char *const names[] = { "a", "b", "c", "d", "e" };

    for (unsigned i = 0; i < 5; i++)
        add_bytes(party, names[i], names[i], 1);
}

static void takes_two_of_five(enum herald_inbox_kind kind)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(kind);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32];
    unsigned files = 0;

    make_directory(directory);
    receive.directory = directory;
    receive.count = 2;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_five(&anna);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 2);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 0);
    assert_int_equal(bob.told[HERALD_INBOX_DELIVERY], 1);
    assert_int_equal(bob.failed_objects, 0);
    assert_int_equal(bob.untaken_objects, 3);
    assert_int_equal(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error), 0);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).objects, 2);
    assert_string_equal(recipient_of(&anna, 0).reason, "it takes no more: it has all that it was to receive");
    for (char name[] = "a"; name[0] <= 'e'; name[0]++)
        files += is_file(directory, name);
    assert_int_equal(files, kind == HERALD_INBOX_DIRECTORY ? 2 : 0);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

static void an_inbox_takes_exactly_so_many_objects(void **state)
{
    (void)state;
    takes_two_of_five(HERALD_INBOX_MEMORY);
    takes_two_of_five(HERALD_INBOX_DIRECTORY);
}

/* What the first file of a delivery has become is not lost to the second. */
static void a_delivery_does_not_replace_its_own_file(void **state)
{
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_FILE);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    char directory[32], path[64], content[2] = "";
    int fd;

    (void)state;
    make_directory(directory);
    snprintf(path, sizeof(path), "%s/x", directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(write(fd, "0", 1), 1);
    close(fd);
    receive.path = path;
    receive.once = true;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_five(&anna);
    drive(parties, 2, NULL, NULL);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 1);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 4);
    assert_int_equal(bob.failure.code, -EBUSY);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, content, sizeof(content)), 1);
    close(fd);
    assert_int_equal(content[0], bob.name[0]);
    assert_int_equal(herald_delivery_result(anna.delivery, &anna.error), 1);
    assert_int_equal(recipient_of(&anna, 0).failed_objects, 4);
    close_party(&anna);
    close_party(&bob);
    remove_directory(directory);
}

/* ---- what was written cannot be taken back --------------------------------------------------- */

/* A pipe's reader, who stops the sender, if there is one, when he has got a part. */
struct reader {
    struct party *sender, *party;
    int fd;
    size_t size_bytes;
};

static bool reads_until_done(void *user)
{
    struct reader *reader = user;
    struct pollfd poll_fd = { .fd = reader->fd, .events = POLLIN };
    char bytes[65536];

    while (poll(&poll_fd, 1, 0) > 0) {
        ssize_t n = read(reader->fd, bytes, sizeof(bytes));

        assert_true(n > 0);
        reader->size_bytes += (size_t)n;
    }
    if (reader->size_bytes > 0 && reader->sender != NULL)
        herald_delivery_stop(reader->sender->delivery);
    return reader->party->result == 1;
}

/* A pipe's reader, who lets others in when he has got a part. */
static bool reads_a_part(void *user)
{
    struct reader *reader = user;

    (void)reads_until_done(reader);
    return reader->size_bytes > 0 || reader->party->result == 1;
}

/* Another sender's object could begin between two of the delivery, or be cut off by its end. */
static void once_writes_a_single_delivery(void **state)
{
    static uint8_t bytes[5000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, bob, carl;
    struct party *parties[] = { &anna, &bob, &carl };
    struct reader reader;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    receive.fd = ends[1];
    receive.once = true;
    send.rate_bytes_per_s = 1000000;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "first", bytes, 300000);
    add_bytes(&anna, "second", bytes, 200000);
    reader = (struct reader){ .party = &bob, .fd = ends[0] };
    drive(parties, 2, reads_a_part, &reader);
    carl = open_delivery(&send);
    add_bytes(&carl, "other", bytes, sizeof(bytes));
    drive(parties, 3, reads_until_done, &reader);
    assert_int_equal(reader.size_bytes, 500000);
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 2);
    assert_int_equal(herald_inbox_result(bob.inbox, &bob.error), 0);
    close_party(&anna);
    close_party(&bob);
    close_party(&carl);
    close(ends[0]);
    close(ends[1]);
}

static void nothing_follows_what_is_incomplete(void **state)
{
    static uint8_t large[1000000];
    struct herald_delivery_config send = delivery_config();
    struct herald_inbox_config receive = inbox_config(HERALD_INBOX_DESCRIPTOR);
    struct party anna, bob;
    struct party *parties[] = { &anna, &bob };
    struct herald_inbox_stats stats;
    struct reader reader;
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    receive.fd = ends[1];
    receive.count = 3;
    send.rate_bytes_per_s = 1000000;
    anna = open_delivery(&send);
    bob = open_inbox(&receive);
    add_bytes(&anna, "large", large, sizeof(large));
    reader = (struct reader){ .sender = &anna, .party = &bob, .fd = ends[0] };
    drive(parties, 2, reads_until_done, &reader);
    assert_true(reader.size_bytes < sizeof(large));
    assert_int_equal(bob.told[HERALD_INBOX_DONE], 0);
    assert_int_equal(bob.told[HERALD_INBOX_FAILED], 1);
    herald_inbox_get_statistics(bob.inbox, &stats);
    assert_int_equal(stats.failed_objects, 1);
    assert_int_equal(herald_inbox_result(bob.inbox, &bob.error), -EIO);
    assert_string_equal(bob.error.cause, "what was written of large is incomplete or wrong: its sender is gone");
    assert_int_equal(herald_inbox_run(bob.inbox, NULL, NULL, &bob.error), -EIO);
    close_party(&anna);
    close_party(&bob);
    close(ends[0]);
    close(ends[1]);
}

/* ---- good-bye -------------------------------------------------------------------------------- */

/* What it gives up makes events, and the good-bye is not forgotten over them. */
static void an_inbox_that_wakes_late_says_good_bye(void **state)
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
    for (unsigned i = 0; i < 100; i++) /* until nothing is there to be received */
        turn(&bob);
    herald_inbox_stop(bob.inbox);
    turn(&bob);
    bob.ahead_ns = 500 * MS;
    turn(&bob);
    drive(parties, 2, NULL, NULL); /* another answer of his may have to leave first */
    assert_int_equal(recipient_of(&anna, 0).state, HERALD_RECIPIENT_FAILED);
    assert_string_equal(recipient_of(&anna, 0).reason, "it was stopped");
    close_party(&anna);
    close_party(&bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inbox_takes_exactly_so_many_objects),
        cmocka_unit_test(a_delivery_does_not_replace_its_own_file),
        cmocka_unit_test(once_writes_a_single_delivery),
        cmocka_unit_test(nothing_follows_what_is_incomplete),
        cmocka_unit_test(an_inbox_that_wakes_late_says_good_bye),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
