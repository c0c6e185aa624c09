/* SPDX-License-Identifier: MIT */
/*
 * Which of a sender's objects are wanted.
 *
 * The window is first_object .. next_object - 1, at most objects_per_sender of them. Its beginning is always an object
 * that is open or unheard: what has ended leaves it at once, so that searches begin where something is missing.
 */
#include "norm_receiver.h"

enum {
    FAR_MAX = 16,         /* packets in a row that are behind where we joined by one packet: that one was damaged */
    RESTART_TIMEOUTS = 4, /* activity time-outs until all that we thought of a sender is given up */
};

static bool is_slot(uint16_t entry)
{
    return entry < HD_RX_SLOTS_MAX;
}

static bool is_never_heard(uint16_t entry)
{
    return entry == HD_RX_UNSYNCED || entry == HD_RX_LOST;
}

static bool is_failure(uint16_t entry)
{
    return entry == HD_RX_EXCEEDED || entry == HD_RX_FAILED || entry == HD_RX_LOST;
}

/* From now on it is wanted. */
static void want(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    *hd_rx_window_slot(receiver, remote, id) = HD_RX_UNHEARD;
    remote->refused[id & receiver->window_mask] = 0;
    remote->unheard_count++;
}

/* An object that is wanted ends, and nothing of it was here. */
static void lose(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    hd_rx_window_end(receiver, remote, id, id < remote->own_object ? HD_RX_UNSYNCED : HD_RX_LOST);
}

struct hd_rx_object *hd_rx_window_open_object(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote,
                                              uint64_t id)
{
    uint16_t entry;

    if (!hd_rx_window_holds(remote, id))
        return NULL;
    entry = *hd_rx_window_slot(receiver, remote, id);
    return is_slot(entry) ? &receiver->objects[entry] : NULL;
}

void hd_rx_window_reset(const herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    for (uint32_t i = 0; i <= receiver->window_mask; i++)
        remote->slots[i] = HD_RX_UNSYNCED;
    memset(remote->heard_objects, 0, receiver->window_mask + 1);
    remote->is_any_object_heard = false;
    remote->doubt_count = 0;
    remote->first_object = 0;
    remote->next_object = 0;
    remote->sync_object = 0;
    remote->own_object = 0;
    remote->told_end = 0;
    remote->failed_end = 0;
    remote->unheard_count = 0;
}

/*
 * How many objects before the one that was heard are wanted. With SYNC_ALL as many as the window holds; but a sender
 * that has just begun has none with ids below 0, and to ask for them would cost a SQUELCH at every start.
 */
static uint64_t wanted_before(const herald_norm_receiver *receiver, uint16_t object_id)
{
    uint64_t most = (uint64_t)receiver->config.objects_per_sender - 1;

    if (receiver->config.sync == HERALD_NORM_SYNC_CURRENT)
        return 0;
    return object_id < most ? object_id : most;
}

void hd_rx_window_sync(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint16_t object_id)
{
    uint64_t id = hd_wrap_origin(object_id, HD_RX_ID_BITS);

    hd_rx_remote_set_state(remote, HD_RX_REMOTE_SYNCED);
    remote->near_count = 0;
    remote->far_count = 0;
    remote->sync_object = id - wanted_before(receiver, object_id);
    remote->own_object = id;
    remote->first_object = remote->sync_object;
    remote->next_object = remote->sync_object;
    remote->at = (struct hd_rx_place){ .object = remote->sync_object };
    hd_rx_window_extend(receiver, remote, id);
}

/* Moves the beginning over what has ended. */
static void trim(const herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    while (remote->first_object < remote->next_object) {
        uint16_t entry = *hd_rx_window_slot(receiver, remote, remote->first_object);

        if (is_slot(entry) || entry == HD_RX_UNHEARD)
            return;
        remote->first_object++;
    }
}

/* One that failed only after a watermark behind it had come was not told by that one, or has yet to be. */
static void note_failure(struct hd_rx_remote *remote, uint64_t id)
{
    if (remote->was_acknowledged && remote->asked_object > id)
        remote->asked_object = id;
    else if (remote->told_end > id)
        remote->told_end = id;
}

void hd_rx_window_end(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint16_t how)
{
    uint16_t *entry = hd_rx_window_slot(receiver, remote, id);

    assert(hd_rx_window_holds(remote, id) && how > HD_RX_UNHEARD);
    if (*entry == HD_RX_UNHEARD)
        remote->unheard_count--;
    *entry = how;
    if (is_failure(how))
        note_failure(remote, id);
    trim(receiver, remote);
}

/* Gives up the objects of the window before one. */
static void give_up_before(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id,
                           enum herald_norm_abort why)
{
    while (remote->first_object < id && remote->first_object < remote->next_object) {
        struct hd_rx_object *object = hd_rx_window_open_object(receiver, remote, remote->first_object);

        if (object)
            hd_rx_object_abort(receiver, object, why, 0);
        else
            lose(receiver, remote, remote->first_object);
    }
}

/* The sender is where we thought that it had been before we joined: so much more is wanted. */
static void reopen(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    for (uint64_t i = id; i < remote->first_object; i++) {
        if (is_never_heard(*hd_rx_window_slot(receiver, remote, i)))
            want(receiver, remote, i);
    }
    remote->first_object = id;
    remote->sync_object = id;
    if (remote->own_object > id)
        remote->own_object = id;
    remote->far_count = 0;
}

/* Packets that are of no use here, since when? Only those near each other count as one. */
static void note_far(struct hd_rx_remote *remote, uint64_t id, uint64_t window, uint64_t now_ns)
{
    if (remote->far_count == 0 || id + window < remote->far_object || id > remote->far_object + window) {
        remote->far_count = 0;
        remote->far_ns = now_ns;
    }
    remote->far_object = id;
    if (remote->far_count < FAR_MAX)
        remote->far_count++;
}

/* Behind the window, and not because it ended: we never had anything of it. */
static bool is_missed(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote, uint64_t id)
{
    if (id >= remote->first_object)
        return false;
    return id < remote->sync_object || remote->next_object - id > receiver->window_mask ||
           is_never_heard(*hd_rx_window_slot(receiver, remote, id));
}

/*
 * Ahead by more than the window, or not the next object and yet one that would push out what is still wanted: two
 * damaged packets, each a little less than a window ahead, must not do together what one of them may not.
 */
static bool is_far_ahead(const struct hd_rx_remote *remote, uint64_t id, uint64_t window)
{
    if (id >= remote->next_object + window)
        return true;
    return id > remote->next_object && remote->first_object < remote->next_object &&
           id >= remote->first_object + window;
}

bool hd_rx_window_admit(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint64_t now_ns)
{
    uint64_t window = receiver->config.objects_per_sender;
    bool is_ahead = is_far_ahead(remote, id, window);
    bool is_behind = id + 2 * window < remote->first_object;
    uint64_t timeout_ns = hd_rx_remote_activity_timeout_ns(remote);

    if (!is_ahead && !is_behind && !is_missed(receiver, remote, id)) {
        hd_rx_window_near(remote, 1);
        return true;
    }
    note_far(remote, id, window, now_ns);
    if (is_ahead && remote->far_count >= HD_RX_BELIEVE)
        return true;
    /* What is behind may be repaired for others for a while; but who sends nothing else is not where we thought. */
    if (!is_ahead && remote->next_object - id <= window && now_ns - remote->far_ns >= timeout_ns) {
        reopen(receiver, remote, id);
        return true;
    }
    if (!is_ahead && (now_ns - remote->far_ns >= RESTART_TIMEOUTS * timeout_ns ||
                      (remote->far_count == FAR_MAX && remote->near_count < HD_RX_BELIEVE))) {
        hd_rx_remote_restart(receiver, remote);
        return false;
    }
    if (!is_ahead && !is_behind)
        return true;
    hd_rx_drop(receiver, is_ahead ? HERALD_NORM_DROP_INCONSISTENT : hd_rx_window_drop_reason(remote, id));
    return false;
}

void hd_rx_window_cut(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t end)
{
    /* Not before the window: the entries there are those of objects in it. */
    for (uint64_t id = end > remote->first_object ? end : remote->first_object; id < remote->next_object; id++) {
        struct hd_rx_object *object = hd_rx_window_open_object(receiver, remote, id);

        if (object)
            hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_WINDOW, 0);
        else if (hd_rx_window_holds(remote, id) && *hd_rx_window_slot(receiver, remote, id) == HD_RX_UNHEARD)
            remote->unheard_count--;
        *hd_rx_window_slot(receiver, remote, id) = HD_RX_UNSYNCED;
    }
    remote->next_object = end;
    if (remote->first_object > end)
        remote->first_object = end;
    if (remote->sync_object > end)
        remote->sync_object = end;
    if (remote->own_object > end)
        remote->own_object = end;
    if (remote->told_end > end)
        remote->told_end = end;
    if (remote->failed_end > end)
        remote->failed_end = end;
}

bool hd_rx_window_has_failed(const herald_norm_receiver *receiver, const struct hd_rx_remote *remote, uint64_t first,
                             uint64_t last)
{
    uint64_t ring = (uint64_t)receiver->window_mask + 1;

    if (remote->failed_end > first)
        return true;
    if (remote->next_object > ring && first < remote->next_object - ring)
        first = remote->next_object - ring;
    for (uint64_t id = first; id <= last; id++)
        if (is_failure(*hd_rx_window_slot(receiver, remote, id)))
            return true;
    return false;
}

/* The ring is about to forget an object, for the next one. */
static void forget_oldest(const herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    uint64_t ring = (uint64_t)receiver->window_mask + 1;

    if (remote->next_object >= ring && is_failure(*hd_rx_window_slot(receiver, remote, remote->next_object)))
        remote->failed_end = remote->next_object - ring + 1;
}

void hd_rx_window_extend(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    uint64_t window = receiver->config.objects_per_sender;
    uint64_t first = id >= window ? id + 1 - window : 0;

    if (id < remote->next_object)
        return;
    give_up_before(receiver, remote, first, HERALD_NORM_ABORT_WINDOW);
    if (remote->next_object < first) { /* a jump beyond the whole window: the objects between were never heard of */
        for (uint32_t i = 0; i <= receiver->window_mask; i++)
            remote->slots[i] = HD_RX_UNSYNCED;
        remote->first_object = first;
        remote->next_object = first;
        remote->failed_end = first;
    }
    for (; remote->next_object <= id; remote->next_object++) {
        forget_oldest(receiver, remote);
        want(receiver, remote, remote->next_object);
        remote->heard_objects[remote->next_object & receiver->window_mask] = 0;
    }
}

enum herald_norm_drop hd_rx_window_drop_reason(const struct hd_rx_remote *remote, uint64_t id)
{
    return id < remote->sync_object ? HERALD_NORM_DROP_UNSYNCED : HERALD_NORM_DROP_OLD;
}

void hd_rx_window_refuse(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint16_t how,
                         uint32_t said)
{
    remote->refused[id & receiver->window_mask] = said;
    hd_rx_window_end(receiver, remote, id, how);
}

uint8_t hd_rx_window_doubt(struct hd_rx_remote *remote, uint64_t id, uint32_t said)
{
    if (said == 0)
        return 0;
    if (remote->doubt_object != id || remote->doubt_said != said)
        remote->doubt_count = 0;
    remote->doubt_object = id;
    remote->doubt_said = said;
    return ++remote->doubt_count;
}

void hd_rx_window_revive(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    remote->doubt_count = 0;
    want(receiver, remote, id);
    if (id < remote->first_object)
        remote->first_object = id;
}

bool hd_rx_window_wants(const herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id, uint32_t said)
{
    bool is_known = id < remote->next_object && remote->next_object - id <= receiver->config.objects_per_sender;
    uint16_t entry = *hd_rx_window_slot(receiver, remote, id);

    if (hd_rx_window_holds(remote, id) && entry == HD_RX_UNHEARD)
        return true;
    if (!is_known || (entry != HD_RX_REFUSED && entry != HD_RX_EXCEEDED))
        return false;
    if (remote->refused[id & receiver->window_mask] == said) {
        remote->doubt_count = 0;
        return false;
    }
    if (hd_rx_window_doubt(remote, id, said) < HD_RX_BELIEVE)
        return false;
    hd_rx_window_revive(receiver, remote, id);
    return true;
}

/* One object that the sender no longer has. */
static void squelch_object(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t id)
{
    struct hd_rx_object *object = hd_rx_window_open_object(receiver, remote, id);

    if (object)
        hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_SQUELCHED, 0);
    else if (hd_rx_window_holds(remote, id) && *hd_rx_window_slot(receiver, remote, id) == HD_RX_UNHEARD)
        lose(receiver, remote, id);
}

/* RFC 5740 section 4.2.3: where the repair window begins, and what in it is invalid. */
void hd_rx_window_squelch(herald_norm_receiver *receiver, struct hd_rx_remote *remote, const struct hd_squelch *squelch)
{
    struct hd_cursor objects = squelch->objects;
    struct hd_rx_object *object;
    uint64_t first;
    uint16_t object_id;

    if (remote->state != HD_RX_REMOTE_SYNCED)
        return;
    if (squelch->position.fec_id != remote->fec_id) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return;
    }
    first = hd_rx_window_unwrap(remote, squelch->position.object_id);
    if (first > remote->next_object) { /* it cannot be ahead of what it sends; the window follows DATA, not this */
        hd_rx_drop(receiver, HERALD_NORM_DROP_INCONSISTENT);
        return;
    }
    give_up_before(receiver, remote, first, HERALD_NORM_ABORT_SQUELCHED);
    while (hd_wire_next_object(&objects, &object_id))
        squelch_object(receiver, remote, hd_rx_window_unwrap(remote, object_id));
    object = hd_rx_window_open_object(receiver, remote, first);
    if (object && object->is_started)
        hd_rx_stream_squelch(
            receiver, object,
            hd_rx_stream_block(receiver, object, squelch->position.fec_id, squelch->position.id.block));
}
