/* SPDX-License-Identifier: MIT */
/* The end of an arrival: verified and put into its place, given up, or waited for by a descriptor's reader. */
#include "inbox.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum {
    DAMAGED_MAX = 3, /* objects whose digest is wrong are sent again, so often */
};

/* ---- so many, and no more -------------------------------------------------------------------- */

/* Unless it fails, it will be done: nothing keeps it from its place any more, or some of it has left already. */
static bool is_promised(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    if (arrival->state == HD_ARRIVAL_FINISHING || arrival->state == HD_ARRIVAL_DRAINING)
        return true;
    return inbox->config.kind == HERALD_INBOX_DESCRIPTOR && arrival->state != HD_ARRIVAL_FREE &&
           arrival->store != NULL && (arrival->size_bytes > 0 || arrival->stream.is_stream);
}

bool hd_arrival_has_room(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    uint64_t count = inbox->stats.objects + inbox->stats.skipped_objects;

    if (inbox->config.count == 0)
        return true;
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        count += &inbox->arrivals[i] != arrival && is_promised(inbox, &inbox->arrivals[i]);
    return !inbox->has_enough && count < inbox->config.count;
}

static bool is_replacing(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    return inbox->config.kind == HERALD_INBOX_FILE && inbox->config.clash == HERALD_CLASH_OVERWRITE &&
           arrival->facts.is_entry;
}

int hd_arrival_check_only(const herald_inbox *inbox, const struct hd_arrival *arrival, struct herald_error *error)
{
    const struct hd_origin *origin = hd_origin_find((herald_inbox *)(uintptr_t)inbox, arrival->sender_id);

    if (!is_replacing(inbox, arrival) || origin == NULL || origin->delivery_id != arrival->facts.delivery_id ||
        origin->done_count == 0)
        return 0;
    return herald_error_set(error, -EBUSY, "another file of the same delivery has become the one that was wanted");
}

/* Another of its delivery is about to become the one file. */
static bool has_rival(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    for (uint32_t i = 0; i < inbox->arrival_end && is_replacing(inbox, arrival); i++) {
        const struct hd_arrival *other = &inbox->arrivals[i];

        if (other->state == HD_ARRIVAL_FINISHING && other->sender_id == arrival->sender_id && other->facts.is_entry &&
            other->facts.delivery_id == arrival->facts.delivery_id)
            return true;
    }
    return false;
}

/* It waits whether those before it get into their places. Meanwhile its sender need not send it again. */
static bool has_to_wait(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (hd_arrival_has_room(inbox, arrival) && !has_rival(inbox, arrival))
        return false;
    if (origin != NULL && arrival->facts.is_entry && arrival->facts.delivery_id == origin->delivery_id)
        hd_origin_set_arriving(origin, arrival->facts.index, true);
    inbox->has_waiting = true;
    return true;
}

/* ---- complete -------------------------------------------------------------------------------- */

/* The same entry was sent twice, because it was missing for long: it is here now. */
static void drop_others(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *other = &inbox->arrivals[i];
        bool waits = other->state == HD_ARRIVAL_OPEN || other->state == HD_ARRIVAL_UNCHECKED;

        if (other == arrival || !waits || other->is_superseded || other->sender_id != arrival->sender_id ||
            !other->facts.is_entry || other->facts.delivery_id != arrival->facts.delivery_id ||
            other->facts.index != arrival->facts.index || other->facts.type != arrival->facts.type)
            continue;
        if (other->store != NULL)
            hd_store_discard(other->store);
        hd_arrival_abandon(inbox, other, NULL);
    }
}

void hd_arrival_done(herald_inbox *inbox, struct hd_arrival *arrival, const char *path)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    uint64_t size_bytes = arrival->stream.is_stream ? arrival->stream.position_bytes : arrival->size_bytes;

    inbox->stats.objects++;
    inbox->stats.bytes += size_bytes;
    hd_inbox_tell_object(inbox, HERALD_INBOX_DONE, arrival, path, NULL);
    if (origin != NULL && arrival->facts.is_entry && arrival->facts.delivery_id == origin->delivery_id) {
        hd_origin_set_done(origin, arrival->facts.index, size_bytes, false);
        if (arrival->facts.type == HD_ENTRY_FILE && arrival->facts.has_digest)
            hd_origin_note_file(inbox, origin, arrival->facts.index, path);
        drop_others(inbox, arrival);
    }
    hd_arrival_remove(inbox, arrival);
    if (origin != NULL)
        hd_origin_check_ended(inbox, origin);
    hd_inbox_check_count(inbox);
}

/* The next one's turn to write to the descriptor. */
static void give_turn(herald_inbox *inbox)
{
    if (inbox->config.kind != HERALD_INBOX_DESCRIPTOR)
        return;
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];
        struct herald_error error;
        int r = 0;

        if (arrival->state != HD_ARRIVAL_OPEN || arrival->is_superseded || arrival->store != NULL)
            continue;
        if (arrival->stream.is_stream)
            r = hd_stream_open(inbox, arrival, &error);
        else if (arrival->size_bytes > 0)
            r = hd_arrival_open_store(inbox, arrival, false, &error);
        inbox->is_busy |= arrival->stream.is_stream && arrival->store != NULL; /* it can be read now */
        if (r < 0)
            hd_arrival_fail(inbox, arrival, &error);
    }
}

/* The wrong digest: what was received is thrown away, and comes again because it is missing. */
static void refuse_damaged(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    bool has_left = arrival->store != NULL && hd_store_has_left(arrival->store);
    struct herald_error error;

    herald_error_set(&error, -EBADMSG, "its digest is not that of the sender");
    if (has_left || origin == NULL || ++origin->damaged_count >= DAMAGED_MAX || !arrival->facts.is_entry) {
        hd_arrival_fail(inbox, arrival, &error);
        return;
    }
    if (arrival->store != NULL)
        hd_store_discard(arrival->store);
    hd_arrival_remove(inbox, arrival);
}

/* Hands a verified file to the place's thread. */
static void finish_file(herald_inbox *inbox, struct hd_arrival *arrival)
{
    const struct hd_finish finish = {
        .name = arrival->name,
        .has_meta = arrival->facts.has_meta,
        .mode = arrival->facts.mode,
        .mtime_ns = arrival->facts.mtime_ns,
        .cookie = arrival->cookie,
    };
    struct hd_store *store = arrival->store;
    struct herald_error error;

    arrival->store = NULL;
    arrival->state = HD_ARRIVAL_FINISHING;
    if (hd_place_finish(inbox->place, store, &finish) == 0)
        return;
    herald_error_set(&error, -ENOMEM, "out of memory");
    hd_arrival_fail(inbox, arrival, &error);
}

static void conclude_note(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    const struct hd_arrival_facts *facts = &arrival->facts;
    struct hd_arrival *entry = hd_arrival_find_entry(inbox, arrival->sender_id, facts->delivery_id, facts->index);
    struct herald_error error;

    if (origin == NULL || !facts->is_entry || facts->delivery_id != origin->delivery_id) {
        ; /* of a delivery that is over */
    } else if (facts->type == HD_ENTRY_WITHDRAWN) {
        hd_origin_set_done(origin, facts->index, 0, true);
        if (entry != NULL && entry->state <= HD_ARRIVAL_UNCHECKED && entry->is_begun) {
            herald_error_set(&error, -ENODATA, "its sender cannot read it any more");
            hd_arrival_fail(inbox, entry, &error);
            give_turn(inbox);
        }
        hd_origin_check_ended(inbox, origin);
    } else if (facts->has_digest && entry != NULL && entry->state <= HD_ARRIVAL_UNCHECKED) {
        entry->facts.has_digest = true;
        entry->facts.digest_size_bytes = facts->digest_size_bytes;
        memcpy(entry->facts.digest, facts->digest, HD_DIGEST_BYTES);
        if (entry->state == HD_ARRIVAL_UNCHECKED)
            hd_arrival_conclude(inbox, entry);
    } else if (facts->has_digest) {
        struct hd_info info = { .index = facts->index, .size_bytes = facts->digest_size_bytes };

        memcpy(info.digest, facts->digest, HD_DIGEST_BYTES);
        hd_origin_keep_digest(origin, &info);
    }
    hd_arrival_remove(inbox, arrival);
}

/* Directories and links are made at once. */
static void conclude_made(herald_inbox *inbox, struct hd_arrival *arrival)
{
    const struct hd_arrival_facts *facts = &arrival->facts;
    struct herald_error error;
    int r = 0;

    if (has_to_wait(inbox, arrival))
        return;
    if (inbox->config.kind == HERALD_INBOX_DESCRIPTOR && !inbox->discards)
        r = herald_error_set(&error, -EINVAL, "%.200s is not a file, and has nothing that could be written",
                             arrival->name);
    else if (inbox->place != NULL && facts->type == HD_ENTRY_DIRECTORY)
        r = hd_place_make_directory(inbox->place, arrival->name, facts->mode, facts->mtime_ns, &error);
    else if (inbox->place != NULL)
        r = hd_place_make_link(inbox->place, arrival->name, arrival->link != NULL ? arrival->link : "", facts->mtime_ns,
                               &error);
    arrival->facts.has_digest = true; /* there is nothing about it that could be wrong */
    if (r == -EEXIST && inbox->config.clash == HERALD_CLASH_SKIP) {
        hd_arrival_skip(inbox, arrival, &error);
        hd_arrival_remove(inbox, arrival);
    } else if (r < 0) {
        hd_arrival_fail(inbox, arrival, &error);
    } else {
        hd_arrival_done(inbox, arrival, inbox->place != NULL ? arrival->name : NULL);
    }
}

static bool is_verified(const struct hd_arrival *arrival)
{
    uint8_t digest[HD_DIGEST_BYTES];

    if (arrival->stream.is_stream)
        return hd_stream_is_verified(arrival);
    return hd_store_digest(arrival->store, digest) == 0 && memcmp(digest, arrival->facts.digest, sizeof(digest)) == 0;
}

void hd_arrival_conclude(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct herald_error error;

    if (hd_arrival_is_here_otherwise(inbox, arrival)) {
        if (arrival->store != NULL)
            hd_store_discard(arrival->store);
        hd_arrival_remove(inbox, arrival);
        give_turn(inbox);
    } else if (hd_arrival_check_only(inbox, arrival, &error) < 0) {
        hd_arrival_fail(inbox, arrival, &error);
    } else if (has_to_wait(inbox, arrival)) {
        ; /* complete as it is */
    } else if (arrival->facts.has_digest && !is_verified(arrival)) {
        refuse_damaged(inbox, arrival);
        give_turn(inbox);
    } else if (inbox->place != NULL) {
        finish_file(inbox, arrival);
    } else if (arrival->store != NULL && !hd_store_is_drained(arrival->store)) {
        arrival->state = HD_ARRIVAL_DRAINING;
        hd_inbox_watch_reader(inbox, true);
    } else {
        hd_arrival_done(inbox, arrival, NULL);
        give_turn(inbox);
    }
}

/* An object of no bytes has had no store so far, unless it is to be a file. */
static int open_empty(herald_inbox *inbox, struct hd_arrival *arrival, struct herald_error *error)
{
    if (arrival->store != NULL || arrival->size_bytes > 0)
        return arrival->store != NULL ? 0 : herald_error_set(error, -EIO, "it has no store");
    return hd_arrival_open_store(inbox, arrival, false, error);
}

void hd_arrival_on_complete(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    struct herald_error error = { 0 };
    enum hd_entry_type type = arrival->facts.type;

    if (arrival->is_new && arrival->has_info) {
        arrival->is_new = false;
        hd_arrival_introduce(inbox, arrival);
    }
    arrival->state = HD_ARRIVAL_UNCHECKED;
    if (type == HD_ENTRY_DIGEST || type == HD_ENTRY_WITHDRAWN) {
        conclude_note(inbox, arrival);
    } else if (type == HD_ENTRY_DIRECTORY || type == HD_ENTRY_LINK) {
        conclude_made(inbox, arrival);
    } else if (open_empty(inbox, arrival, &error) < 0 || hd_store_flush(arrival->store) < 0) {
        if (error.code == 0)
            (void)hd_store_error(arrival->store, &error);
        hd_arrival_fail(inbox, arrival, &error);
        give_turn(inbox);
    } else {
        if (!arrival->facts.has_digest && origin != NULL && arrival->facts.is_entry)
            (void)hd_origin_take_digest(origin, arrival);
        if (arrival->facts.has_digest || !arrival->facts.is_entry)
            hd_arrival_conclude(inbox, arrival);
        else /* if the sender does not have its digest any more, the whole comes again */
            hd_arrival_set_gone(inbox, arrival);
    }
}

void hd_arrival_on_aborted(herald_inbox *inbox, struct hd_arrival *arrival,
                           const struct herald_norm_receiver_event *event)
{
    struct herald_error error;

    switch (event->abort) {
    case HERALD_NORM_ABORT_SINK:
        if (arrival->store == NULL || hd_store_error(arrival->store, &error) == 0)
            herald_error_set(&error, event->error, "it cannot be written: %s", strerror(-event->error));
        arrival->state = HD_ARRIVAL_FINISHING;
        hd_arrival_fail(inbox, arrival, &error);
        break;
    case HERALD_NORM_ABORT_LIMIT:
        herald_error_set(&error, -EFBIG, "it is larger than this receiver can keep track of");
        arrival->state = HD_ARRIVAL_FINISHING;
        hd_arrival_fail(inbox, arrival, &error);
        break;
    case HERALD_NORM_ABORT_SQUELCHED:
    case HERALD_NORM_ABORT_WINDOW:
    case HERALD_NORM_ABORT_RESTARTED:
    case HERALD_NORM_ABORT_GONE:
    case HERALD_NORM_ABORT_LOCAL:
        /* An entry comes again if its sender lives; what others send does not. */
        herald_error_set(&error, -ENODATA, "its sender does not have it any more");
        hd_arrival_abandon(inbox, arrival, arrival->is_begun && !arrival->facts.is_entry ? &error : NULL);
        break;
    }
    give_turn(inbox);
}

void hd_arrival_settle_waiting(herald_inbox *inbox)
{
    if (!inbox->has_waiting)
        return;
    inbox->has_waiting = false;
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX && inbox->has_enough; i++)
        if (inbox->origins[i].node_id != 0)
            (void)hd_arrival_abandon_all(inbox, inbox->origins[i].node_id, NULL);
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state != HD_ARRIVAL_UNCHECKED)
            continue;
        if (arrival->facts.type == HD_ENTRY_DIRECTORY || arrival->facts.type == HD_ENTRY_LINK)
            conclude_made(inbox, arrival);
        else if (arrival->facts.has_digest || !arrival->facts.is_entry)
            hd_arrival_conclude(inbox, arrival);
    }
}

/* ---- in between ------------------------------------------------------------------------------ */

/* Something of it is here, and only waits for the descriptor's reader. */
static bool is_held_up(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    struct pollfd reader = { .fd = inbox->config.fd, .events = POLLOUT };

    if (arrival->store == NULL || arrival->stream.is_stream || hd_store_is_drained(arrival->store))
        return false;
    return arrival->state != HD_ARRIVAL_OPEN || poll(&reader, 1, 0) == 0;
}

void hd_arrival_flush_all(herald_inbox *inbox)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];
        bool is_written = arrival->state == HD_ARRIVAL_OPEN && arrival->store != NULL && !arrival->stream.is_stream;
        struct herald_error error;

        if (arrival->state == HD_ARRIVAL_FREE)
            continue;
        if (is_written && hd_store_flush(arrival->store) < 0) {
            (void)hd_store_error(arrival->store, &error);
            hd_arrival_fail(inbox, arrival, &error);
            give_turn(inbox);
        } else if (inbox->config.kind == HERALD_INBOX_DESCRIPTOR && is_held_up(inbox, arrival)) {
            hd_inbox_watch_reader(inbox, true);
        }
    }
}

static struct hd_arrival *find_finishing(herald_inbox *inbox, uint64_t cookie)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        if (inbox->arrivals[i].state == HD_ARRIVAL_FINISHING && inbox->arrivals[i].cookie == cookie)
            return &inbox->arrivals[i];
    return NULL;
}

/* What the descriptor's reader has made room for. */
static void collect_drained(herald_inbox *inbox)
{
    bool waits = false;

    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];
        struct herald_error error;

        if (arrival->state == HD_ARRIVAL_FREE || arrival->store == NULL || arrival->stream.is_stream)
            continue;
        if (hd_store_flush(arrival->store) < 0) {
            (void)hd_store_error(arrival->store, &error);
            hd_arrival_fail(inbox, arrival, &error);
            give_turn(inbox);
        } else if (arrival->state == HD_ARRIVAL_DRAINING && hd_store_is_drained(arrival->store)) {
            hd_arrival_done(inbox, arrival, NULL);
            give_turn(inbox);
        } else {
            waits |= is_held_up(inbox, arrival);
        }
    }
    hd_inbox_watch_reader(inbox, waits);
}

void hd_arrival_collect(herald_inbox *inbox)
{
    struct hd_finished finished;

    if (inbox->waits_for_reader)
        collect_drained(inbox);
    if (inbox->place == NULL)
        return;
    while (hd_place_next_finished(inbox->place, &finished) > 0) {
        struct hd_arrival *arrival = find_finishing(inbox, finished.cookie);

        if (arrival == NULL)
            continue;
        if (finished.error.code == 0) {
            hd_store_drop_kept(inbox->place, arrival->name);
            hd_arrival_done(inbox, arrival, finished.path);
        } else if (finished.error.code == -EEXIST && inbox->config.clash == HERALD_CLASH_SKIP) {
            hd_arrival_skip(inbox, arrival, &finished.error);
            hd_arrival_remove(inbox, arrival);
        } else if (hd_arrival_is_short(inbox, finished.error.code)) {
            hd_arrival_remove(inbox, arrival);
        } else {
            hd_arrival_fail(inbox, arrival, &finished.error);
        }
    }
}
