/* SPDX-License-Identifier: MIT */
/* The objects that an inbox is receiving, from their first packet into their place. */
#include "inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_BYTES = 1024, /* with its directory and the NUL */
    WINDOW_BYTES = 16 << 20,
    MEMORY_BYTES = 64 << 20,
};

/* Who is not heard for so long does not send. */
#define SILENT_NS UINT64_C(1000000000)

/* ---- the table ------------------------------------------------------------------------------- */

struct hd_arrival *hd_arrival_find(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        /* Under its ids it is known to the transport only as long as it is open there. */
        if (arrival->state == HD_ARRIVAL_OPEN && !arrival->is_superseded && arrival->sender_id == sender_id &&
            arrival->object_id == object_id)
            return arrival;
    }
    return NULL;
}

struct hd_arrival *hd_arrival_find_aborted(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_OPEN && arrival->is_superseded && arrival->sender_id == sender_id &&
            arrival->object_id == object_id)
            return arrival;
    }
    return hd_arrival_find(inbox, sender_id, object_id);
}

struct hd_arrival *hd_arrival_find_entry(herald_inbox *inbox, uint32_t sender_id, uint64_t delivery_id, uint32_t index)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state != HD_ARRIVAL_FREE && arrival->sender_id == sender_id && arrival->facts.is_entry &&
            arrival->facts.delivery_id == delivery_id && arrival->facts.index == index &&
            arrival->facts.type != HD_ENTRY_DIGEST && arrival->facts.type != HD_ENTRY_WITHDRAWN)
            return arrival;
    }
    return NULL;
}

struct hd_arrival *hd_arrival_add(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id)
{
    for (uint32_t i = 0; i < HD_ARRIVALS_MAX; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state != HD_ARRIVAL_FREE)
            continue;
        *arrival = (struct hd_arrival){
            .state = HD_ARRIVAL_OPEN,
            .sender_id = sender_id,
            .object_id = object_id,
            .begin_ns = inbox->now_ns,
            .cookie = ++inbox->next_cookie,
        };
        inbox->arrival_count++;
        if (i >= inbox->arrival_end)
            inbox->arrival_end = i + 1;
        return arrival;
    }
    return NULL;
}

/* Of the delivery that its sender is making now, and not only a note about one of its entries. */
static bool is_one_of_its_entries(const struct hd_arrival *arrival, const struct hd_origin *origin)
{
    return arrival->facts.is_entry && arrival->facts.delivery_id == origin->delivery_id &&
           arrival->facts.type != HD_ENTRY_DIGEST && arrival->facts.type != HD_ENTRY_WITHDRAWN;
}

/* The same entry comes, or is complete, as another object, too. */
static bool is_arriving_otherwise(const herald_inbox *inbox, const struct hd_arrival *arrival,
                                  const struct hd_origin *origin)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *other = &inbox->arrivals[i];
        /* One that only lacks its digest is asked for again. */
        bool is_coming = other->state == HD_ARRIVAL_OPEN
                             ? !other->is_superseded
                             : other->state == HD_ARRIVAL_FINISHING || other->state == HD_ARRIVAL_DRAINING;

        if (other != arrival && is_coming && other->sender_id == arrival->sender_id &&
            other->facts.index == arrival->facts.index && is_one_of_its_entries(other, origin))
            return true;
    }
    return false;
}

void hd_arrival_set_gone(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (origin == NULL || !is_one_of_its_entries(arrival, origin) || hd_origin_has_done(origin, arrival->facts.index) ||
        is_arriving_otherwise(inbox, arrival, origin))
        return;
    hd_origin_set_arriving(origin, arrival->facts.index, false);
}

void hd_arrival_remove(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (origin != NULL && arrival->facts.is_entry && arrival->facts.delivery_id == origin->delivery_id)
        origin->repaired_segments += arrival->repaired_segments;
    hd_arrival_set_gone(inbox, arrival);
    hd_store_free(arrival->store);
    hd_stream_release(arrival);
    free(arrival->name);
    free(arrival->link);
    *arrival = (struct hd_arrival){ .state = HD_ARRIVAL_FREE };
    inbox->arrival_count--;
    while (inbox->arrival_end > 0 && inbox->arrivals[inbox->arrival_end - 1].state == HD_ARRIVAL_FREE)
        inbox->arrival_end--;
}

uint64_t hd_arrival_received_bytes(const struct hd_arrival *arrival)
{
    if (arrival->stream.is_stream)
        return arrival->stream.position_bytes;
    if (arrival->state == HD_ARRIVAL_FINISHING) /* its store is on the way into its place */
        return arrival->size_bytes;
    return arrival->store != NULL ? hd_store_received_bytes(arrival->store) : 0;
}

void hd_arrival_describe(const herald_inbox *inbox, const struct hd_arrival *arrival,
                         struct herald_inbox_object *ret_object)
{
    const struct hd_origin *origin = hd_origin_find((herald_inbox *)(uintptr_t)inbox, arrival->sender_id);

    *ret_object = (struct herald_inbox_object){
        .sender_id = arrival->sender_id,
        .name = arrival->name != NULL ? arrival->name : "",
        .type = arrival->facts.type != HD_ENTRY_UNKNOWN ? (char)arrival->facts.type
                : arrival->kind == HERALD_NORM_FILE     ? 'f'
                : arrival->kind == HERALD_NORM_STREAM   ? 's'
                                                        : 'b',
        .size_bytes = arrival->stream.is_stream ? arrival->stream.position_bytes : arrival->size_bytes,
        .received_bytes = hd_arrival_received_bytes(arrival),
        .resumed_bytes = arrival->resumed_bytes,
        .is_verified = arrival->facts.has_digest,
        .repaired_segments = arrival->repaired_segments,
        .duration_ns = inbox->now_ns - arrival->begin_ns,
    };
    if (origin != NULL) {
        ret_object->sender = origin->peer;
        memcpy(ret_object->sender_host, origin->host, sizeof(origin->host));
    }
}

/* ---- failing --------------------------------------------------------------------------------- */

static void note_failure(herald_inbox *inbox, const struct hd_arrival *arrival, const struct herald_error *error)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (origin != NULL && is_one_of_its_entries(arrival, origin))
        hd_origin_set_failed(origin, arrival->facts.index, arrival->name != NULL ? arrival->name : "an object", error);
}

void hd_arrival_fail(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error)
{
    bool is_open = arrival->state == HD_ARRIVAL_OPEN && !arrival->is_superseded;
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    uint32_t sender_id = arrival->sender_id;
    uint16_t object_id = arrival->object_id;

    note_failure(inbox, arrival, error);
    (void)hd_inbox_check_cut(inbox, arrival, error);
    inbox->stats.failed_objects++;
    hd_inbox_tell_object(inbox, HERALD_INBOX_FAILED, arrival, NULL, error);
    if (arrival->store != NULL)
        hd_store_discard(arrival->store);
    hd_arrival_remove(inbox, arrival);
    if (is_open)
        (void)herald_norm_receiver_abort(inbox->norm, sender_id, object_id);
    if (origin != NULL)
        hd_origin_check_ended(inbox, origin);
}

void hd_arrival_abandon(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error)
{
    struct herald_norm_object_status status;
    bool is_open = arrival->state == HD_ARRIVAL_OPEN && !arrival->is_superseded &&
                   herald_norm_receiver_get_object(inbox->norm, arrival->sender_id, arrival->object_id, &status) == 0;
    uint32_t sender_id = arrival->sender_id;
    uint16_t object_id = arrival->object_id;
    struct herald_error given_up, kept;

    herald_error_set(&given_up, -ENODATA, "its sender has begun again, or given it up");
    if (hd_inbox_check_cut(inbox, arrival, error != NULL ? error : &given_up)) {
        error = error != NULL ? error : &given_up;
        note_failure(inbox, arrival, error);
    }
    if (error != NULL && inbox->place != NULL && arrival->store != NULL && !arrival->stream.is_stream &&
        hd_store_is_resumable(arrival->store)) {
        herald_error_set(&kept, error->code, "%.150s; what is here of it is kept, and gone on with when it comes again",
                         error->cause);
        error = &kept;
    }
    if (error != NULL) {
        arrival->state = HD_ARRIVAL_UNCHECKED;
        inbox->stats.failed_objects++;
        hd_inbox_tell_object(inbox, HERALD_INBOX_FAILED, arrival, NULL, error);
    }
    if (arrival->store != NULL && inbox->place != NULL && !arrival->stream.is_stream) {
        hd_store_keep(arrival->store, inbox->place);
        arrival->store = NULL;
    }
    hd_arrival_remove(inbox, arrival);
    if (is_open)
        (void)herald_norm_receiver_abort(inbox->norm, sender_id, object_id);
}

static bool waits_for_more(const struct hd_arrival *arrival, uint32_t sender_id)
{
    return arrival->sender_id == sender_id &&
           (arrival->state == HD_ARRIVAL_OPEN || arrival->state == HD_ARRIVAL_UNCHECKED);
}

bool hd_arrival_is_awaited(const herald_inbox *inbox, uint32_t sender_id)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        if (waits_for_more(&inbox->arrivals[i], sender_id) && inbox->arrivals[i].is_begun)
            return true;
    return false;
}

/* An entry that is sent twice counts once, and not at all if it is complete. */
static bool is_under_way(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    const struct hd_arrival_facts *facts = &arrival->facts;

    if (arrival->state == HD_ARRIVAL_FREE || arrival->state == HD_ARRIVAL_FINISHING || !arrival->is_begun ||
        arrival->is_superseded || hd_arrival_is_here_otherwise(inbox, arrival))
        return false;
    for (const struct hd_arrival *other = inbox->arrivals; facts->is_entry && other < arrival; other++)
        if (other->state != HD_ARRIVAL_FREE && other->is_begun && !other->is_superseded && other->facts.is_entry &&
            other->sender_id == arrival->sender_id && other->facts.delivery_id == facts->delivery_id &&
            other->facts.index == facts->index)
            return false;
    return true;
}

static void count_one(herald_inbox *inbox, const struct hd_arrival *arrival, struct herald_inbox_stats *stats)
{
    if (!is_under_way(inbox, arrival))
        return;
    stats->under_way_objects++;
    stats->resumable_objects += inbox->place != NULL && !arrival->stream.is_stream && arrival->store != NULL &&
                                hd_store_is_resumable(arrival->store);
}

void hd_arrival_count_under_way(herald_inbox *inbox, struct herald_inbox_stats *stats)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++)
        count_one(inbox, &inbox->arrivals[i], stats);
}

uint32_t hd_arrival_abandon_all(herald_inbox *inbox, uint32_t sender_id, const struct herald_error *error)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < inbox->arrival_end && inbox->is_finishing && !inbox->has_enough; i++)
        if (waits_for_more(&inbox->arrivals[i], sender_id))
            count_one(inbox, &inbox->arrivals[i], &inbox->stats); /* of which nothing is told any more */
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (!waits_for_more(arrival, sender_id) || arrival->is_superseded)
            continue;
        count++;
        hd_arrival_abandon(inbox, arrival, arrival->is_begun && !inbox->is_finishing ? error : NULL);
    }
    return count;
}

/* The digests of another delivery do not come any more. */
void hd_arrival_abandon_stale(herald_inbox *inbox, const struct hd_origin *origin)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_UNCHECKED && arrival->sender_id == origin->node_id &&
            arrival->facts.is_entry && arrival->facts.delivery_id != origin->delivery_id)
            hd_arrival_abandon(inbox, arrival, NULL);
    }
}

void hd_arrival_skip(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error)
{
    struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (!hd_arrival_has_room(inbox, arrival))
        return;
    if (origin != NULL && is_one_of_its_entries(arrival, origin)) {
        const struct hd_arrival_facts *facts = &arrival->facts;
        bool is_like = facts->type == HD_ENTRY_FILE && facts->has_meta &&
                       hd_place_has_like(inbox->place, arrival->name, arrival->size_bytes, facts->mtime_ns);

        hd_origin_set_skipped(origin, facts->index, arrival->name, arrival->size_bytes, is_like);
    }
    inbox->stats.skipped_objects++;
    hd_inbox_tell_object(inbox, HERALD_INBOX_SKIPPED, arrival, NULL, error);
    if (origin != NULL)
        hd_origin_check_ended(inbox, origin);
    hd_inbox_check_count(inbox);
}

/* ---- what it is ------------------------------------------------------------------------------ */

/* Joins directory and name. @return NULL: too long, or no memory. */
static char *join_name(const struct hd_info *info)
{
    char *name = malloc(NAME_BYTES);
    int length;

    if (name == NULL)
        return NULL;
    length = snprintf(name, NAME_BYTES, "%.*s%s%.*s", (int)info->directory.size_bytes, info->directory.at,
                      info->directory.size_bytes > 0 ? "/" : "", (int)info->name.size_bytes, info->name.at);
    if (length >= 0 && length < NAME_BYTES)
        return name;
    free(name);
    return NULL;
}

/* One that has no name, or that only another program could make sense of. */
static char *make_name(const struct hd_arrival *arrival)
{
    char *name = malloc(64);

    if (name != NULL)
        snprintf(name, 64, "object-%08x-%u", arrival->sender_id, arrival->object_id);
    return name;
}

static bool wants_bytes(const struct hd_arrival *arrival)
{
    return !arrival->has_info || arrival->facts.type == HD_ENTRY_FILE || arrival->facts.type == HD_ENTRY_BYTES ||
           arrival->facts.type == HD_ENTRY_UNKNOWN;
}

/* What its INFO says and what the transport says it is can be true together. */
static bool fits_its_kind(const struct hd_arrival *arrival)
{
    if (arrival->stream.is_stream)
        return arrival->facts.type == HD_ENTRY_STREAM || arrival->facts.type == HD_ENTRY_UNKNOWN;
    return arrival->facts.type != HD_ENTRY_STREAM && (wants_bytes(arrival) || arrival->size_bytes == 0);
}

bool hd_arrival_is_here_otherwise(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    const struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);
    const struct hd_arrival_facts *facts = &arrival->facts;

    if (!facts->is_entry || origin == NULL || !is_one_of_its_entries(arrival, origin))
        return false;
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *other = &inbox->arrivals[i];

        if (other != arrival && (other->state == HD_ARRIVAL_FINISHING || other->state == HD_ARRIVAL_DRAINING) &&
            other->sender_id == arrival->sender_id && other->facts.index == facts->index &&
            is_one_of_its_entries(other, origin))
            return true;
    }
    return hd_origin_has_done(origin, facts->index);
}

int hd_arrival_name_unnamed(herald_inbox *inbox, struct hd_arrival *arrival, struct herald_error *error)
{
    if (arrival->name == NULL)
        arrival->name = make_name(arrival);
    if (arrival->name == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    arrival->has_info = true;
    hd_arrival_introduce(inbox, arrival);
    return 0;
}

/* Stores what an INFO says. @return 0; -EEXIST: it is here already; -errno with *error: it cannot be taken. */
static int learn(herald_inbox *inbox, struct hd_arrival *arrival, const uint8_t *bytes, size_t size_bytes,
                 struct herald_error *error)
{
    struct hd_origin *origin = hd_origin_get(inbox, arrival->sender_id);
    struct hd_arrival_facts *facts = &arrival->facts;
    struct hd_info info;

    if (hd_info_decode(bytes, size_bytes, &info) < 0 || origin == NULL)
        return herald_error_set(error, -EBADMSG, "its description is malformed");
    arrival->has_info = true;
    facts->type = info.type;
    facts->is_entry = info.delivery_id != 0;
    facts->delivery_id = info.delivery_id;
    facts->index = info.index;
    facts->has_meta = info.has_meta;
    facts->mode = info.mode;
    facts->mtime_ns = info.mtime_ns;
    facts->has_digest = info.has_digest;
    facts->digest_size_bytes = info.size_bytes;
    memcpy(facts->digest, info.digest, HD_DIGEST_BYTES);
    arrival->name = info.name.size_bytes > 0 ? join_name(&info) : make_name(arrival);
    arrival->link = info.link.size_bytes > 0 ? strndup(info.link.at, info.link.size_bytes) : NULL;
    if (arrival->name == NULL || (info.link.size_bytes > 0 && arrival->link == NULL))
        return herald_error_set(error, -ENAMETOOLONG, "its name is too long");
    if (facts->is_entry && hd_origin_note_entry(inbox, origin, info.delivery_id, info.index) < 0)
        return herald_error_set(error, -E2BIG, "the delivery has too many entries");
    if (facts->is_entry)
        hd_arrival_abandon_stale(inbox, origin);
    origin->is_greeting_due = inbox->has_new = true; /* said later: this may be the transport's callback */
    if (!fits_its_kind(arrival))
        return herald_error_set(error, -EBADMSG, "its description is malformed");
    if (facts->type == HD_ENTRY_DIGEST || facts->type == HD_ENTRY_WITHDRAWN)
        return 0;
    if (facts->is_entry && (hd_arrival_is_here_otherwise(inbox, arrival) || hd_origin_has_failed(origin, info.index)))
        return -EEXIST;
    if (hd_arrival_check_only(inbox, arrival, error) < 0)
        return -EBUSY;
    if (facts->is_entry)
        hd_origin_set_arriving(origin, info.index, true);
    if (inbox->place == NULL)
        return 0;
    return hd_place_check_name(arrival->name, error);
}

static void fill_identity(const struct hd_arrival *arrival, bool with_name, struct hd_identity *ret_identity)
{
    *ret_identity = (struct hd_identity){
        .size_bytes = arrival->size_bytes,
        .segment_bytes = arrival->segment_bytes,
        .block_symbols = arrival->partition.large_symbols,
        .sender_id = arrival->sender_id,
        .instance_id = arrival->instance_id,
        .object_id = arrival->object_id,
    };
    if (!with_name || arrival->name == NULL)
        return;
    ret_identity->mtime_ns = arrival->facts.mtime_ns;
    snprintf(ret_identity->name, sizeof(ret_identity->name), "%s", arrival->name);
}

/* Says who it is to the application, and to its own journal. */
void hd_arrival_introduce(herald_inbox *inbox, struct hd_arrival *arrival)
{
    struct hd_identity identity;

    if (arrival->is_begun || arrival->facts.type == HD_ENTRY_DIGEST || arrival->facts.type == HD_ENTRY_WITHDRAWN)
        return;
    arrival->is_begun = true;
    hd_inbox_tell_object(inbox, HERALD_INBOX_BEGIN, arrival, NULL, NULL);
    if (arrival->store == NULL || inbox->place == NULL)
        return;
    fill_identity(arrival, true, &identity);
    if (hd_store_set_identity(arrival->store, &identity) < 0)
        return; /* it cannot be gone on with later: no more than that */
}

/* ---- accepting ------------------------------------------------------------------------------- */

static int store_write(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t size_bytes)
{
    struct hd_arrival *arrival = user;

    return arrival->store != NULL ? arrival->sink.write_at(arrival->sink.user, offset_bytes, bytes, size_bytes)
                                  : -EAGAIN;
}

static size_t store_write_many(void *user, uint64_t offset_bytes, const uint8_t *bytes, size_t segment_bytes,
                               size_t stride_bytes, size_t count)
{
    struct hd_arrival *arrival = user;

    return arrival->store != NULL
               ? arrival->sink.write_many(arrival->sink.user, offset_bytes, bytes, segment_bytes, stride_bytes, count)
               : 0;
}

static const uint8_t *store_read(void *user, uint64_t offset_bytes, size_t size_bytes)
{
    struct hd_arrival *arrival = user;

    return arrival->store != NULL ? arrival->sink.read_at(arrival->sink.user, offset_bytes, size_bytes) : NULL;
}

static void store_block_changed(void *user, uint64_t block, bool is_complete)
{
    struct hd_arrival *arrival = user;

    if (arrival->store != NULL)
        arrival->sink.block_changed(arrival->sink.user, block, is_complete);
}

bool hd_arrival_has_turn(const herald_inbox *inbox, const struct hd_arrival *arrival)
{
    if (inbox->is_finishing || inbox->is_stopped || !hd_arrival_has_room(inbox, arrival))
        return false;
    if (inbox->writer_id != 0 && inbox->writer_id != arrival->sender_id)
        return false;
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *other = &inbox->arrivals[i];

        if (other == arrival || other->state == HD_ARRIVAL_FREE)
            continue;
        if (other->size_bytes == 0 && !other->stream.is_stream)
            continue; /* there is nothing to write */
        if (other->store != NULL || (other->sender_id == arrival->sender_id && other->state == HD_ARRIVAL_OPEN &&
                                     (int16_t)(other->object_id - arrival->object_id) < 0))
            return false;
    }
    return true;
}

/* Of one delivery there is to be nothing else in the output: another's object would be cut off when it ends. */
void hd_arrival_note_writer(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    const struct hd_origin *origin = hd_origin_find(inbox, arrival->sender_id);

    if (inbox->config.once && inbox->writer_id == 0 && origin != NULL && origin->is_herald)
        inbox->writer_id = arrival->sender_id;
}

/* @return 0, also if it has to wait for its turn; -errno with *error. */
int hd_arrival_open_store(herald_inbox *inbox, struct hd_arrival *arrival, bool is_sparse, struct herald_error *error)
{
    struct hd_store_facts facts = {
        .partition = arrival->partition,
        .is_sparse = is_sparse,
        .is_provisional = !arrival->has_info,
        .sender_id = arrival->sender_id,
        .instance_id = arrival->instance_id,
        .object_id = arrival->object_id,
    };
    size_t memory_bytes = inbox->config.memory_bytes > 0 ? inbox->config.memory_bytes : MEMORY_BYTES;
    int r;

    if (inbox->place != NULL)
        r = hd_store_new_file(&arrival->store, inbox->place, &facts, error);
    else if (inbox->config.kind == HERALD_INBOX_MEMORY)
        r = hd_store_new_memory(&arrival->store, &inbox->spares, memory_bytes, &facts, error);
    else if (arrival->size_bytes == 0 || hd_arrival_has_turn(inbox, arrival))
        r = hd_store_new_descriptor(&arrival->store, inbox->config.fd, WINDOW_BYTES, &facts, error);
    else
        return 0;
    if (r == 0 && inbox->config.kind == HERALD_INBOX_DESCRIPTOR && arrival->size_bytes > 0)
        hd_arrival_note_writer(inbox, arrival);
    if (r == 0)
        hd_store_as_sink(arrival->store, &arrival->sink);
    return r;
}

/* What is known of an object from its offer alone. */
static int fill_arrival(struct hd_arrival *arrival, const struct herald_norm_offer *offer)
{
    uint64_t block_segments = (offer->block_bytes + offer->segment_bytes - 1) / offer->segment_bytes;

    arrival->instance_id = offer->instance_id;
    arrival->kind = offer->kind;
    arrival->size_bytes = offer->size_bytes;
    arrival->segment_bytes = offer->segment_bytes;
    arrival->is_new = true;
    return hd_partition_init(&arrival->partition, offer->size_bytes, offer->segment_bytes,
                             block_segments > 0 ? (uint16_t)block_segments : 1);
}

static bool is_sparse(const struct herald_norm_offer *offer)
{
    struct hd_info info;

    return offer->info != NULL && hd_info_decode(offer->info, offer->info_bytes, &info) == 0 && info.is_sparse;
}

/* @return 0; -EEXIST: it is not wanted; -errno with *error. */
static int take(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_norm_offer *offer,
                struct herald_error *error)
{
    int r = fill_arrival(arrival, offer);

    if (r < 0)
        return herald_error_set(error, r, "its size makes no sense");
    if (!offer->has_info) {
        arrival->has_info = true;
        arrival->name = make_name(arrival);
    } else if (offer->info != NULL) {
        r = learn(inbox, arrival, offer->info, offer->info_bytes, error);
        if (r < 0)
            return r;
        if (inbox->place != NULL && wants_bytes(arrival) &&
            (r = hd_place_check_clash(inbox->place, arrival->name, error)) == -EEXIST) {
            arrival->state = HD_ARRIVAL_FINISHING; /* the transport does not have it */
            hd_arrival_skip(inbox, arrival, error);
            return r;
        }
    }
    if (!wants_bytes(arrival))
        return 0;
    return hd_arrival_open_store(inbox, arrival, is_sparse(offer), error);
}

/* What is short now may not be later: it is missing until then. */
bool hd_arrival_is_short(const herald_inbox *inbox, int code)
{
    return (code == -EMFILE || code == -ENFILE || code == -ENOMEM) && inbox->arrival_count > 1;
}

int hd_arrival_accept(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink)
{
    herald_inbox *inbox = user;
    struct herald_error error = { 0 };
    struct hd_arrival *arrival;
    struct hd_arrival *former = hd_arrival_find(inbox, offer->sender_id, offer->object_id);
    int r;

    if (former != NULL)
        former->is_superseded = true;
    if (inbox->is_finishing || hd_origin_get(inbox, offer->sender_id) == NULL)
        return -ENOENT;
    hd_origin_find(inbox, offer->sender_id)->segment_bytes = offer->segment_bytes;
    arrival = hd_arrival_add(inbox, offer->sender_id, offer->object_id);
    if (arrival == NULL)
        return -ENOBUFS;
    r = take(inbox, arrival, offer, &error);
    if (r < 0) {
        arrival->state = HD_ARRIVAL_FINISHING; /* the transport does not have it */
        if (r == -EEXIST || hd_arrival_is_short(inbox, r))
            hd_arrival_remove(inbox, arrival);
        else
            hd_arrival_fail(inbox, arrival, &error);
        return r;
    }
    inbox->has_new = true;
    /* A store takes its segments directly, unless it is still to be opened. */
    if (arrival->store != NULL && inbox->config.kind != HERALD_INBOX_DESCRIPTOR)
        *ret_sink = arrival->sink;
    else
        *ret_sink = (struct herald_norm_sink){ .user = arrival,
                                               .write_at = store_write,
                                               .write_many = store_write_many,
                                               .read_at = inbox->discards ? NULL : store_read,
                                               .block_changed = store_block_changed };
    return 0;
}

/* ---- going on with what earlier runs left ---------------------------------------------------- */

struct marking {
    herald_inbox *inbox;
    struct hd_arrival *arrival;
};

static void mark(void *user, uint64_t offset_bytes, uint64_t size_bytes)
{
    struct marking *marking = user;

    (void)herald_norm_receiver_mark_present(marking->inbox->norm, marking->arrival->sender_id,
                                            marking->arrival->object_id, offset_bytes, size_bytes,
                                            marking->inbox->now_ns);
}

/* Half of the same file from a sender that was killed and started again, as another node: there is nobody else to
   finish it. */
static void release_orphan(herald_inbox *inbox, const struct hd_arrival *arrival)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *other = &inbox->arrivals[i];
        const struct hd_origin *origin;

        if (other->state != HD_ARRIVAL_OPEN || other->sender_id == arrival->sender_id || other->name == NULL ||
            other->store == NULL || other->stream.is_stream || other->size_bytes != arrival->size_bytes ||
            other->facts.mtime_ns != arrival->facts.mtime_ns || strcmp(other->name, arrival->name) != 0)
            continue;
        origin = hd_origin_find(inbox, other->sender_id);
        if (origin == NULL || inbox->now_ns - origin->packet_ns >= SILENT_NS)
            hd_arrival_abandon(inbox, other, NULL);
    }
}

static void resume(herald_inbox *inbox, struct hd_arrival *arrival, bool with_name)
{
    struct marking marking = { inbox, arrival };
    struct hd_identity identity;

    if (arrival->state != HD_ARRIVAL_OPEN || inbox->config.kind == HERALD_INBOX_MEMORY ||
        (inbox->place != NULL && arrival->store == NULL))
        return;
    if (with_name && arrival->name != NULL)
        release_orphan(inbox, arrival);
    if (inbox->place == NULL)
        return;
    fill_identity(arrival, with_name, &identity);
    arrival->resumed_bytes += hd_store_resume(arrival->store, inbox->place, &identity, mark, &marking);
    if (arrival->resumed_bytes > 0)
        hd_store_as_sink(arrival->store, &arrival->sink);
}

void hd_arrival_resume_new(herald_inbox *inbox)
{
    if (!inbox->has_new)
        return;
    inbox->has_new = false;
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        if (inbox->origins[i].node_id != 0 && inbox->origins[i].is_greeting_due)
            hd_origin_greet(inbox, &inbox->origins[i]);
        inbox->origins[i].is_greeting_due = false;
    }
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state != HD_ARRIVAL_OPEN || !arrival->is_new)
            continue;
        arrival->is_new = false;
        resume(inbox, arrival, arrival->has_info);
        if (arrival->has_info)
            hd_arrival_introduce(inbox, arrival);
    }
}

/* The name comes later than the first bytes, because its packet was lost, or this host joined late. */
void hd_arrival_on_info(herald_inbox *inbox, struct hd_arrival *arrival, const uint8_t *info, size_t info_bytes)
{
    struct herald_error error = { 0 };
    uint32_t sender_id = arrival->sender_id;
    uint16_t object_id = arrival->object_id;
    int r;

    if (arrival->has_info)
        return;
    r = learn(inbox, arrival, info, info_bytes, &error);
    if (r == 0 && inbox->place != NULL && !arrival->stream.is_stream &&
        (r = hd_place_check_clash(inbox->place, arrival->name, &error)) == -EEXIST)
        hd_arrival_skip(inbox, arrival, &error);
    if (r == 0 && arrival->store != NULL && inbox->place != NULL && !arrival->stream.is_stream) {
        struct hd_info decoded;

        if (hd_info_decode(info, info_bytes, &decoded) == 0 && decoded.is_sparse)
            hd_store_set_sparse(arrival->store);
        else
            r = hd_store_reserve(arrival->store, &error);
    }
    if (r == -EEXIST) {
        if (arrival->store != NULL)
            hd_store_discard(arrival->store);
        hd_arrival_remove(inbox, arrival);
        (void)herald_norm_receiver_abort(inbox->norm, sender_id, object_id);
    } else if (r < 0) {
        hd_arrival_fail(inbox, arrival, &error);
    } else {
        if (!arrival->is_new && !arrival->stream.is_stream)
            resume(inbox, arrival, true);
        hd_arrival_introduce(inbox, arrival);
    }
}
