/* SPDX-License-Identifier: MIT */
/* The senders that an inbox hears: what of their deliveries is here, and what they are told about it. */
#include "inbox.h"

#include "cursor.h"
#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TYPE_INFO = 1,
    TYPE_CMD = 3,
    SENDER_HEADER_BYTES = 12,
    NORM_VERSION = 1,
};

/* A node id that was heard from one address is not taken from another for so long. */
#define ADDRESS_KEPT_NS (UINT64_C(1000000000) * 5)

#define ONE_BIT(index) (UINT64_C(1) << (index) % 64)

/* ---- the table ------------------------------------------------------------------------------- */

struct hd_origin *hd_origin_find(herald_inbox *inbox, uint32_t node_id)
{
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++)
        if (inbox->origins[i].node_id == node_id && node_id != 0)
            return &inbox->origins[i];
    return NULL;
}

/* The one that was not heard for longest makes room for another, if nothing of it is open. */
static struct hd_origin *find_room(herald_inbox *inbox)
{
    struct hd_origin *oldest = NULL;

    hd_inbox_note_heard(inbox);
    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        struct hd_origin *origin = &inbox->origins[i];
        bool is_open = false;

        if (origin->node_id == 0)
            return origin;
        for (uint32_t k = 0; k < inbox->arrival_end && !is_open; k++)
            is_open = inbox->arrivals[k].state != HD_ARRIVAL_FREE && inbox->arrivals[k].sender_id == origin->node_id;
        if (!is_open && (oldest == NULL || origin->heard_ns < oldest->heard_ns))
            oldest = origin;
    }
    return oldest;
}

void hd_origin_release(herald_inbox *inbox, struct hd_origin *origin)
{
    if (origin->is_ended)
        origin->ledger = hd_ledger_delete(origin->ledger, inbox->place);
    origin->ledger = hd_ledger_close(origin->ledger);
    free(origin->done); /* and the other bitmaps, which lie behind it */
    free(origin->orphans);
    memset(origin, 0, sizeof(*origin)); /* not by assignment, which clang's analyzer does not follow */
}

struct hd_origin *hd_origin_get(herald_inbox *inbox, uint32_t node_id)
{
    struct hd_origin *origin = hd_origin_find(inbox, node_id);

    if (origin != NULL)
        return origin;
    origin = find_room(inbox);
    if (origin == NULL)
        return NULL;
    hd_origin_release(inbox, origin);
    origin->node_id = node_id;
    origin->heard_ns = origin->packet_ns = inbox->now_ns;
    return origin;
}

bool hd_origin_is_sender(const uint8_t *packet, size_t packet_bytes)
{
    uint8_t type = packet_bytes >= SENDER_HEADER_BYTES ? packet[0] & 0x0f : 0;

    return type >= TYPE_INFO && type <= TYPE_CMD && packet[0] >> 4 == NORM_VERSION;
}

bool hd_origin_is_impostor(herald_inbox *inbox, const struct herald_peer *from, const uint8_t *packet,
                           size_t packet_bytes)
{
    uint8_t type = packet_bytes >= SENDER_HEADER_BYTES ? packet[0] & 0x0f : 0;
    struct hd_origin *origin;

    if (type < TYPE_INFO || type > TYPE_CMD)
        return false; /* feedback, or nothing that the transport could use */
    origin = hd_origin_find(inbox, hd_load_u32(packet + 4));
    if (origin == NULL || origin->peer.address.family == HERALD_FAMILY_NONE)
        return false;
    if (!herald_address_equal(&origin->peer.address, &from->address)) {
        if (inbox->now_ns - origin->packet_ns < ADDRESS_KEPT_NS)
            return true;
        origin->peer = *from; /* it has moved */
    }
    origin->packet_ns = inbox->now_ns;
    return false;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* The three bitmaps lie behind each other, done first. */
static int make_room(struct hd_origin *origin, uint32_t index)
{
    uint32_t bits = origin->bits > 0 ? origin->bits : 1024;
    size_t words;
    uint64_t *larger;

    if (index < origin->bits)
        return 0;
    if (index >= HD_ENTRIES_MAX)
        return -E2BIG;
    while (bits <= index)
        bits *= 2;
    words = bits / 64;
    larger = calloc(3 * words, sizeof(*larger));
    if (larger == NULL)
        return -ENOMEM;
    if (origin->bits > 0) {
        memcpy(larger, origin->done, origin->bits / 8);
        memcpy(larger + words, origin->failed, origin->bits / 8);
        memcpy(larger + 2 * words, origin->arriving, origin->bits / 8);
    }
    free(origin->done);
    origin->done = larger;
    origin->failed = larger + words;
    origin->arriving = larger + 2 * words;
    origin->bits = bits;
    return 0;
}

/* An earlier run of ours has put it into its place. */
static void resume_entry(void *user, uint32_t index, uint64_t size_bytes)
{
    struct hd_origin *origin = user;

    if (make_room(origin, index) < 0)
        return;
    hd_origin_set_done(origin, index, size_bytes, false);
    origin->has_begun = true;
}

/* A sender has begun another delivery, or we have only now heard of it. */
static void start_over(herald_inbox *inbox, struct hd_origin *origin, uint64_t delivery_id)
{
    struct hd_origin old = *origin;

    hd_origin_release(inbox, origin);
    origin->node_id = old.node_id;
    origin->peer = old.peer;
    origin->heard_ns = old.heard_ns;
    origin->packet_ns = old.packet_ns;
    memcpy(origin->host, old.host, sizeof(origin->host));
    origin->is_told = old.is_told;
    origin->segment_bytes = old.segment_bytes;
    origin->silent_ns = old.silent_ns;
    origin->is_silence_told = old.is_silence_told;
    origin->delivery_id = delivery_id;
    if (inbox->place != NULL && !inbox->config.all_again)
        origin->ledger = hd_ledger_open(inbox->place, delivery_id, resume_entry, origin);
}

int hd_origin_note_entry(herald_inbox *inbox, struct hd_origin *origin, uint64_t delivery_id, uint32_t index)
{
    if (origin->delivery_id != delivery_id)
        start_over(inbox, origin, delivery_id);
    origin->is_herald = origin->has_begun = true;
    return make_room(origin, index);
}

void hd_origin_note_file(herald_inbox *inbox, struct hd_origin *origin, uint32_t index, const char *path)
{
    if (inbox->place == NULL || path == NULL || origin->is_ended || origin->entries == 1 || inbox->config.all_again)
        return;
    if (origin->ledger == NULL)
        origin->ledger = hd_ledger_new(inbox->place, origin->delivery_id);
    if (origin->ledger != NULL)
        hd_ledger_add(origin->ledger, inbox->place, index, path);
}

bool hd_origin_has_done(const struct hd_origin *origin, uint32_t index)
{
    return index < origin->bits && origin->done[index / 64] & ONE_BIT(index);
}

bool hd_origin_has_failed(const struct hd_origin *origin, uint32_t index)
{
    return index < origin->bits && origin->failed[index / 64] & ONE_BIT(index);
}

void hd_origin_set_done(struct hd_origin *origin, uint32_t index, uint64_t size_bytes, bool is_withdrawn)
{
    if (index >= origin->bits || hd_origin_has_done(origin, index))
        return;
    if (hd_origin_has_failed(origin, index)) {
        origin->failed[index / 64] &= ~ONE_BIT(index);
        origin->failed_count--;
        if (origin->skipped_count > origin->failed_count)
            origin->skipped_count = origin->failed_count;
    }
    origin->done[index / 64] |= ONE_BIT(index);
    if (is_withdrawn)
        origin->withdrawn_count++;
    else
        origin->done_count++;
    origin->done_bytes += size_bytes;
}

void hd_origin_set_failed(struct hd_origin *origin, uint32_t index, const char *name, const struct herald_error *error)
{
    char quote[65]; /* the rest is for the cause */

    if (index >= origin->bits || hd_origin_has_done(origin, index) || hd_origin_has_failed(origin, index))
        return;
    origin->failed[index / 64] |= ONE_BIT(index);
    origin->failed_count++;
    if (origin->reason[0] == '\0')
        snprintf(origin->reason, sizeof(origin->reason), "%s: %.90s", hd_quote_path(quote, sizeof(quote), name),
                 error->cause);
}

void hd_origin_set_skipped(struct hd_origin *origin, uint32_t index, const char *name, uint64_t size_bytes,
                           bool is_like)
{
    uint32_t done_count = origin->done_count, failed_count = origin->failed_count;
    struct herald_error error;

    if (is_like) {
        hd_origin_set_done(origin, index, size_bytes, false);
        origin->unverified_count += origin->done_count - done_count;
    } else {
        herald_error_set(&error, -EEXIST, "something else of that name is here already, and is to stay");
        hd_origin_set_failed(origin, index, name, &error);
        origin->skipped_count += origin->failed_count - failed_count;
    }
}

void hd_origin_set_arriving(struct hd_origin *origin, uint32_t index, bool is_arriving)
{
    if (index >= origin->bits)
        return;
    if (is_arriving)
        origin->arriving[index / 64] |= ONE_BIT(index);
    else
        origin->arriving[index / 64] &= ~ONE_BIT(index);
}

/* ---- digests that come on their own ---------------------------------------------------------- */

void hd_origin_keep_digest(struct hd_origin *origin, const struct hd_info *info)
{
    struct hd_orphan_digest *orphan;

    if (hd_origin_has_done(origin, info->index))
        return;
    if (origin->orphans == NULL)
        origin->orphans = calloc(HD_DIGESTS_MAX, sizeof(*origin->orphans));
    if (origin->orphans == NULL)
        return;
    /* When there are too many, the oldest goes: its object will be sent again, and its digest with it. */
    if (origin->orphan_count == HD_DIGESTS_MAX)
        memmove(origin->orphans, origin->orphans + 1, --origin->orphan_count * sizeof(*origin->orphans));
    orphan = &origin->orphans[origin->orphan_count++];
    orphan->index = info->index;
    orphan->size_bytes = info->size_bytes;
    memcpy(orphan->digest, info->digest, HD_DIGEST_BYTES);
}

bool hd_origin_take_digest(struct hd_origin *origin, struct hd_arrival *arrival)
{
    for (uint32_t i = origin->orphan_count; i-- > 0;) {
        struct hd_orphan_digest *orphan = &origin->orphans[i];

        if (orphan->index != arrival->facts.index)
            continue;
        memcpy(arrival->facts.digest, orphan->digest, HD_DIGEST_BYTES);
        arrival->facts.digest_size_bytes = orphan->size_bytes;
        arrival->facts.has_digest = true;
        *orphan = origin->orphans[--origin->orphan_count];
        return true;
    }
    return false;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void add_range(struct hd_answer *answer, uint32_t first, uint32_t last)
{
    struct hd_range *range = &answer->missing[answer->missing_count];

    if (answer->missing_count > 0 && range[-1].last + 1 == first)
        range[-1].last = last;
    else if (answer->missing_count < HD_RANGES_MAX)
        answer->missing[answer->missing_count++] = (struct hd_range){ first, last };
}

static void list_missing(const struct hd_origin *origin, struct hd_answer *answer)
{
    uint32_t known = origin->bits < origin->entries ? origin->bits : origin->entries;

    for (uint32_t index = 0; index < known; index++) {
        uint64_t here = origin->done[index / 64] | origin->failed[index / 64] | origin->arriving[index / 64];

        if (index % 64 == 0 && here == UINT64_MAX) {
            index += 63;
        } else if (index % 64 == 0 && here == 0 && known - index >= 64) {
            add_range(answer, index, index + 63);
            index += 63;
        } else if (!(here & ONE_BIT(index))) {
            add_range(answer, index, index);
        }
    }
    if (known < origin->entries)
        add_range(answer, known, origin->entries - 1);
}

/* Something of a sender is complete, and only waits for the disk or a reader. */
static bool is_finishing_something(const herald_inbox *inbox, const struct hd_origin *origin)
{
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->sender_id == origin->node_id &&
            (arrival->state == HD_ARRIVAL_FINISHING || arrival->state == HD_ARRIVAL_DRAINING))
            return true;
    }
    return false;
}

static enum hd_answer_state state_of(const herald_inbox *inbox, const struct hd_origin *origin)
{
    uint32_t ended = origin->done_count + origin->withdrawn_count + origin->failed_count;

    if (origin->entries > 0 && ended >= origin->entries)
        return origin->failed_count > 0 ? HD_STATE_ENDED : HD_STATE_COMPLETE;
    if (origin->is_dismissed)
        return HD_STATE_ENDED;
    /* Who takes no more has still what is on its way into its place. */
    return inbox->is_finishing && !is_finishing_something(inbox, origin) ? HD_STATE_ENDED : HD_STATE_RECEIVING;
}

static void fill_answer(herald_inbox *inbox, struct hd_origin *origin, bool with_missing, struct hd_answer *ret_answer)
{
    static const char takes_no_more[] = "it takes no more: it has all that it was to receive";
    static const char was_stopped[] = "it was stopped";
    static const char was_cut[] = "it has ended: what it had written of an object could not be completed";
    static const char was_here[] = "what was here already, of the same size and time, was not received again";
    struct hd_answer *answer = ret_answer;

    *answer = (struct hd_answer){
        .kind = HD_ANSWER_STATUS,
        .delivery_id = origin->delivery_id,
        .host = { inbox->host, strlen(inbox->host) },
        .state = state_of(inbox, origin),
        .complete_count = origin->done_count,
        .failed_count = origin->failed_count,
        .unverified_count = origin->unverified_count,
        .received_bytes = origin->done_bytes,
        .repaired_segments = origin->repaired_segments,
        .reason = { origin->reason, strlen(origin->reason) },
    };
    for (uint32_t i = 0; i < inbox->arrival_end; i++) {
        const struct hd_arrival *arrival = &inbox->arrivals[i];

        if (arrival->state == HD_ARRIVAL_FREE || arrival->sender_id != origin->node_id)
            continue;
        answer->received_bytes += hd_arrival_received_bytes(arrival);
        answer->repaired_segments += arrival->repaired_segments;
    }
    answer->has_left = answer->state == HD_STATE_ENDED && inbox->is_stopped;
    /* Who was dismissed need not tell the sender why. */
    if (answer->state == HD_STATE_ENDED && answer->reason.size_bytes == 0 && origin->dismissal[0] == '\0')
        answer->reason = inbox->is_cut       ? (struct hd_text){ was_cut, sizeof(was_cut) - 1 }
                         : inbox->is_stopped ? (struct hd_text){ was_stopped, sizeof(was_stopped) - 1 }
                                             : (struct hd_text){ takes_no_more, sizeof(takes_no_more) - 1 };
    if (answer->state == HD_STATE_COMPLETE && answer->unverified_count > 0)
        answer->reason = (struct hd_text){ was_here, sizeof(was_here) - 1 };
    if (with_missing)
        list_missing(origin, answer);
}

/* @return whether it will be sent: otherwise an older one is still to be. */
static bool answer(herald_inbox *inbox, struct hd_origin *origin, const struct hd_answer *content, uint8_t ack_id)
{
    uint8_t bytes[HD_MESSAGE_BYTES];
    bool is_small = origin->segment_bytes > 0 && origin->segment_bytes < sizeof(bytes);
    int size_bytes = hd_answer_encode(content, bytes, is_small ? origin->segment_bytes : sizeof(bytes));
    int r;

    if (size_bytes < 0)
        return false;
    r = herald_norm_receiver_acknowledge(inbox->norm, origin->node_id, HD_ACK_TYPE, ack_id, bytes, (size_t)size_bytes,
                                         inbox->now_ns);
    if (r == 0)
        origin->was_greeted = true;
    return r == 0;
}

/* An answer leaves at some time within the sender's GRTT, so that not all come at once. */
static uint64_t answered_ns(const herald_inbox *inbox, const struct hd_origin *origin)
{
    struct herald_norm_sender_status status;

    for (uint32_t i = 0; herald_norm_receiver_get_sender(inbox->norm, i, &status) == 0; i++)
        if (status.node_id == origin->node_id)
            return inbox->now_ns + status.grtt_ns;
    return inbox->now_ns;
}

void hd_origin_greet(herald_inbox *inbox, struct hd_origin *origin)
{
    const struct hd_answer here = {
        .kind = HD_ANSWER_HERE,
        .delivery_id = origin->delivery_id,
        .host = { inbox->host, strlen(inbox->host) },
    };

    if (!origin->was_greeted)
        (void)answer(inbox, origin, &here, 0);
}

static void note_sender(herald_inbox *inbox, struct hd_origin *origin, const struct hd_request *request)
{
    struct herald_inbox_event event = { .kind = HERALD_INBOX_SENDER };
    size_t length = request->host.size_bytes < sizeof(origin->host) - 1 ? request->host.size_bytes
                                                                        : sizeof(origin->host) - 1;

    if (origin->delivery_id != request->delivery_id)
        start_over(inbox, origin, request->delivery_id);
    origin->is_herald = true;
    if (request->entries > 0 && request->entries <= HD_ENTRIES_MAX)
        origin->entries = request->entries;
    if (origin->host[0] != '\0' || length == 0)
        return;
    memcpy(origin->host, request->host.at, length);
    origin->host[length] = '\0';
    event.object.sender_id = origin->node_id;
    event.object.sender = origin->peer;
    memcpy(event.object.sender_host, origin->host, sizeof(origin->host));
    origin->is_told = true;
    hd_inbox_tell(inbox, &event, NULL);
}

/* Senders of earlier versions give no reason. */
static void note_dismissal(struct hd_origin *origin, const struct hd_text *reason)
{
    static const char no_reason[] = "it gives no reason";
    size_t size_bytes = reason->size_bytes < sizeof(origin->dismissal) ? reason->size_bytes
                                                                       : sizeof(origin->dismissal) - 1;

    origin->is_dismissed = true;
    memcpy(origin->dismissal, no_reason, sizeof(no_reason));
    if (size_bytes > 0) {
        memcpy(origin->dismissal, reason->at, size_bytes);
        origin->dismissal[size_bytes] = '\0';
    }
}

void hd_origin_on_request(herald_inbox *inbox, const struct herald_norm_receiver_event *event)
{
    struct hd_origin *origin = hd_origin_get(inbox, event->sender_id);
    struct hd_request request;
    struct hd_answer content;

    if (origin == NULL || event->ack_type != HD_ACK_TYPE ||
        hd_request_decode(event->content, event->content_bytes, &request) < 0)
        return;
    note_sender(inbox, origin, &request);
    hd_arrival_abandon_stale(inbox, origin);
    origin->asks = true;
    if (request.kind == HD_REQUEST_ROLL_CALL) {
        content = (struct hd_answer){
            .kind = HD_ANSWER_HERE,
            .delivery_id = origin->delivery_id,
            .host = { inbox->host, strlen(inbox->host) },
        };
        if (!inbox->is_finishing)
            (void)answer(inbox, origin, &content, event->ack_id);
        return;
    }
    if (request.kind == HD_REQUEST_DISMISS)
        note_dismissal(origin, &request.reason);
    hd_origin_check_ended(inbox, origin);
    fill_answer(inbox, origin, request.kind == HD_REQUEST_RECEIPT, &content);
    if (!answer(inbox, origin, &content, event->ack_id) || content.state == HD_STATE_RECEIVING)
        return;
    origin->receipt_ns = answered_ns(inbox, origin);
    /* What the sender was told we lack must not get into its place afterwards. */
    if (content.state == HD_STATE_ENDED && inbox->is_finishing)
        (void)hd_arrival_abandon_all(inbox, origin->node_id, NULL);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void tell_ended(herald_inbox *inbox, struct hd_origin *origin, enum herald_inbox_event_kind kind)
{
    uint32_t ended = origin->done_count + origin->failed_count + origin->withdrawn_count;
    uint32_t rest = origin->entries > ended ? origin->entries - ended : 0;
    struct herald_inbox_event event = {
        .kind = kind,
        .object = { .sender_id = origin->node_id, .sender = origin->peer },
        .objects = origin->done_count,
        .failed_objects = origin->failed_count - origin->skipped_count,
        .bytes = origin->done_bytes,
    };

    /* What comes after the inbox has all that it was to receive is not missed here. */
    if (rest > 0 && inbox->is_finishing && !inbox->is_cut)
        event.untaken_objects = rest;
    else
        event.failed_objects += rest;
    memcpy(event.object.sender_host, origin->host, sizeof(origin->host));
    if (origin->dismissal[0] != '\0' && kind == HERALD_INBOX_DELIVERY)
        herald_error_set(&event.error, -ECANCELED, "the sender goes on without this host: %s", origin->dismissal);
    hd_inbox_tell(inbox, &event, NULL);
}

/* One that said good-bye before it asked anything has not told how much it was: then what has come counts. */
static bool lacks_something(const struct hd_origin *origin)
{
    uint32_t here = origin->done_count + origin->withdrawn_count + origin->skipped_count;

    return origin->entries > 0 ? here < origin->entries
                               : here == 0 || origin->failed_count > origin->skipped_count || origin->lost_count > 0;
}

void hd_origin_check_ended(herald_inbox *inbox, struct hd_origin *origin)
{
    /* Of a delivery that was only announced there is nothing to tell. */
    if (!origin->has_begun || origin->is_ended || (state_of(inbox, origin) == HD_STATE_RECEIVING && !origin->is_gone))
        return;
    if (origin->is_gone && state_of(inbox, origin) == HD_STATE_RECEIVING && is_finishing_something(inbox, origin))
        return;
    origin->is_ended = true;
    if (inbox->place != NULL)
        hd_place_finish_directories(inbox->place);
    tell_ended(inbox, origin, HERALD_INBOX_DELIVERY);
    if (inbox->config.once && !inbox->is_finishing) {
        inbox->is_finishing = true;
        inbox->finishing_ns = inbox->now_ns;
        /* Gone without having finished, or without us: what is missing will not come. */
        if ((origin->is_gone || origin->is_dismissed) && lacks_something(origin))
            inbox->stats.failed_objects += inbox->stats.failed_objects == 0;
    }
}

uint64_t hd_origin_say_good_bye(herald_inbox *inbox)
{
    uint64_t said_ns = 0;

    for (size_t i = 0; i < HD_INBOX_SENDERS_MAX; i++) {
        struct hd_origin *origin = &inbox->origins[i];
        struct hd_answer content;

        if (origin->node_id == 0 || !origin->is_herald || origin->is_gone || inbox->config.silent)
            continue;
        if (origin->receipt_ns == 0) {
            origin->is_dismissed = true; /* by us, but it is the same: nothing more will come */
            fill_answer(inbox, origin, false, &content);
            if (answer(inbox, origin, &content, 0)) {
                origin->receipt_ns = answered_ns(inbox, origin);
                /* As when it is asked: what it was told we lack does not get into its place afterwards. */
                (void)hd_arrival_abandon_all(inbox, origin->node_id, NULL);
            }
        }
        if (origin->receipt_ns == 0) /* an older answer is to leave first */
            said_ns = HERALD_NEVER;
        else if (origin->receipt_ns > said_ns)
            said_ns = origin->receipt_ns;
    }
    return said_ns;
}

void hd_origin_on_back(struct hd_origin *origin)
{
    if (origin->is_gone && origin->done_count + origin->withdrawn_count + origin->failed_count < origin->entries)
        origin->is_ended = false; /* it goes on */
    origin->is_gone = origin->is_silence_told = false;
    origin->silent_ns = 0;
}

void hd_origin_on_gone(herald_inbox *inbox, uint32_t node_id)
{
    struct hd_origin *origin = hd_origin_find(inbox, node_id);
    struct herald_error error;
    uint32_t lost_count;

    herald_error_set(&error, -ENODATA, "its sender is gone");
    lost_count = hd_arrival_abandon_all(inbox, node_id, &error);
    if (origin != NULL)
        origin->lost_count += lost_count;
    if (origin == NULL || origin->is_gone)
        return;
    origin->is_gone = true;
    hd_origin_check_ended(inbox, origin);
    if (!lacks_something(origin))
        origin->ledger = hd_ledger_delete(origin->ledger, inbox->place);
    tell_ended(inbox, origin, HERALD_INBOX_GONE);
}
