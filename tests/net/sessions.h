/* SPDX-License-Identifier: MIT */
/* What the tests of deliveries and inboxes share: both ends in one thread, driven by their calls for event loops. */
#ifndef TESTS_SESSIONS_H
#define TESTS_SESSIONS_H

#include "library.h"

#define GROUP "239.1.2.3:10000"
#define MS    UINT64_C(1000000)

enum { PARTIES_MAX = 8, BYTES_MAX = 64 << 10, KINDS = 10 };

/* One end, and what it told. */
struct party {
    herald_delivery *delivery;
    herald_inbox *inbox;
    int result; /* of process(): 1 is done */
    struct herald_error error;
    uint64_t turns; /* calls of process() */
    unsigned told[KINDS];
    char name[256];           /* of the last DONE */
    bool is_verified;         /* it, too */
    uint8_t bytes[BYTES_MAX]; /* of the last DONE */
    size_t size_bytes;
    struct herald_error failure; /* of the last FAILED, SKIPPED or UNREADABLE */
    uint64_t failed_objects;     /* of the last DELIVERY */
    uint64_t untaken_objects;    /* it, too */
    uint64_t ahead_ns;           /* its clock is this much ahead */
};

static inline struct herald_delivery_config delivery_config(void)
{
    return (struct herald_delivery_config){ .endpoint = endpoint(GROUP),
                                            .rate_bytes_per_s = 20000000,
                                            .host = "anna.example.org" };
}

static inline struct herald_inbox_config inbox_config(enum herald_inbox_kind kind)
{
    return (struct herald_inbox_config){ .endpoint = endpoint(GROUP), .kind = kind, .host = "bob.example.org" };
}

static inline struct party open_delivery(const struct herald_delivery_config *config)
{
    struct party party = { 0 };

    if (herald_delivery_new(&party.delivery, config, &party.error) < 0)
        fail_msg("%s", party.error.cause);
    return party;
}

static inline struct party open_inbox(const struct herald_inbox_config *config)
{
    struct party party = { 0 };

    if (herald_inbox_new(&party.inbox, config, &party.error) < 0)
        fail_msg("%s", party.error.cause);
    return party;
}

static inline void close_party(struct party *party)
{
    party->delivery = herald_delivery_free(party->delivery);
    party->inbox = herald_inbox_free(party->inbox);
}

static inline void add_bytes(struct party *party, const char *name, const void *bytes, size_t size_bytes)
{
    if (herald_delivery_add_bytes(party->delivery, name, bytes, size_bytes, &party->error) < 0)
        fail_msg("%s", party->error.cause);
}

static inline void note_inbox_event(struct party *party, const struct herald_inbox_event *event)
{
    const struct herald_inbox_object *object = &event->object;

    party->told[event->kind]++;
    if (event->kind == HERALD_INBOX_DELIVERY) {
        party->failed_objects = event->failed_objects;
        party->untaken_objects = event->untaken_objects;
    }
    if (event->kind == HERALD_INBOX_FAILED || event->kind == HERALD_INBOX_SKIPPED)
        party->failure = event->error;
    if (event->kind != HERALD_INBOX_DONE)
        return;
    snprintf(party->name, sizeof(party->name), "%s", object->name);
    party->is_verified = object->is_verified;
    party->size_bytes = (size_t)object->size_bytes;
    if (object->bytes != NULL && object->size_bytes <= BYTES_MAX)
        memcpy(party->bytes, object->bytes, (size_t)object->size_bytes);
}

static inline void turn(struct party *party)
{
    uint64_t now_ns = herald_clock_ns() + party->ahead_ns;
    struct herald_delivery_event said;
    struct herald_inbox_event heard;

    party->turns++;
    if (party->delivery != NULL) {
        party->result = herald_delivery_process(party->delivery, now_ns, &party->error);
        while (herald_delivery_next_event(party->delivery, &said) > 0) {
            party->told[said.kind]++;
            if (said.kind == HERALD_DELIVERY_UNREADABLE)
                party->failure = said.error;
        }
    } else if (party->inbox != NULL) {
        party->result = herald_inbox_process(party->inbox, now_ns, &party->error);
        while (herald_inbox_next_event(party->inbox, &heard) > 0)
            note_inbox_event(party, &heard);
    }
}

static inline uint64_t deadline_of(const struct party *party)
{
    uint64_t deadline_ns = party->delivery != NULL ? herald_delivery_deadline(party->delivery)
                                                   : herald_inbox_deadline(party->inbox);

    return deadline_ns == HERALD_NEVER || deadline_ns <= party->ahead_ns ? deadline_ns : deadline_ns - party->ahead_ns;
}

/* What else is to be done at each turn, and when to stop. */
typedef bool stop_when(void *user);

/* Lets all of them go on until those that can be done are, or the condition holds. */
static inline void drive(struct party *const *parties, size_t count, stop_when *is_enough, void *user)
{
    uint64_t end_ns = herald_clock_ns() + 3 * PATIENCE_NS;

    for (;;) {
        uint64_t deadline_ns = herald_clock_ns() + 10 * MS; /* for what the condition does */
        struct pollfd fds[PARTIES_MAX];
        uint64_t now_ns;
        bool all_done = true;

        assert_true(herald_clock_ns() < end_ns);
        for (size_t i = 0; i < count; i++) {
            struct party *party = parties[i];

            now_ns = herald_clock_ns();
            fds[i].fd = party->delivery != NULL ? herald_delivery_fd(party->delivery) : herald_inbox_fd(party->inbox);
            fds[i].events = POLLIN;
            if (party->turns == 0 || (party->result == 0 && (poll(&fds[i], 1, 0) > 0 || now_ns >= deadline_of(party))))
                turn(party);
            if (party->result < 0)
                fail_msg("%s", party->error.cause);
            all_done &= party->result == 1;
            if (party->result == 1)
                fds[i].fd = -1;
            else if (deadline_of(party) < deadline_ns)
                deadline_ns = deadline_of(party);
        }
        if (is_enough != NULL ? is_enough(user) : all_done)
            return;
        now_ns = herald_clock_ns();
        if (deadline_ns > now_ns)
            (void)poll(fds, (nfds_t)count, (int)((deadline_ns - now_ns) / MS) + 1);
    }
}

static inline bool delivery_is_done(void *user)
{
    return ((struct party *)user)->result == 1;
}

static inline bool inbox_has_begun(void *user)
{
    return ((struct party *)user)->told[HERALD_INBOX_BEGIN] > 0;
}

static inline struct herald_recipient recipient_of(const struct party *party, uint32_t index)
{
    struct herald_recipient recipient;

    assert_int_equal(herald_delivery_get_recipient(party->delivery, index, &recipient), 0);
    return recipient;
}

static inline uint32_t count_recipients(const struct party *party)
{
    struct herald_recipient recipient;
    uint32_t count = 0;

    while (herald_delivery_get_recipient(party->delivery, count, &recipient) == 0)
        count++;
    return count;
}

/* A directory that is removed again by remove_directory(). */
static inline void make_directory(char path[32])
{
    strcpy(path, "/tmp/herald-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void remove_directory(const char *path)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", path);
    run_command(command);
}

static inline bool is_file(const char *directory, const char *name)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

#endif
