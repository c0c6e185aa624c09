/* SPDX-License-Identifier: MIT */
/*
 * Senders: found by node id, made room for by forgetting the one not heard for longest, restarted, gone, silent.
 */
#include "norm_receiver.h"

enum {
    FORMER_MAX = 16, /* packets in a row as if there had been no restart, or EOT: it was that which was not true */
};

void hd_rx_remote_set_state(struct hd_rx_remote *remote, enum hd_rx_remote_state state)
{
    static const bool legal[HD_RX_REMOTE_STATES][HD_RX_REMOTE_STATES] = {
        [HD_RX_REMOTE_FREE] = { [HD_RX_REMOTE_UNSYNCED] = true },
        [HD_RX_REMOTE_UNSYNCED] = { [HD_RX_REMOTE_FREE] = true,
                                    [HD_RX_REMOTE_UNSYNCED] = true, /* restarted before it sent an object */
                                    [HD_RX_REMOTE_SYNCED] = true,
                                    [HD_RX_REMOTE_GONE] = true },
        [HD_RX_REMOTE_SYNCED] = { [HD_RX_REMOTE_FREE] = true,
                                  [HD_RX_REMOTE_UNSYNCED] = true,
                                  [HD_RX_REMOTE_GONE] = true },
        [HD_RX_REMOTE_GONE] = { [HD_RX_REMOTE_FREE] = true, [HD_RX_REMOTE_UNSYNCED] = true },
    };

    assert(legal[remote->state][state]);
    remote->state = state;
}

/* --- found --- */

static struct hd_rx_remote **bucket_of(const herald_norm_receiver *receiver, uint32_t node_id)
{
    return &receiver->remote_buckets[hd_random_hash(node_id) & receiver->remote_mask];
}

struct hd_rx_remote *hd_rx_remote_find(const herald_norm_receiver *receiver, uint32_t node_id)
{
    struct hd_rx_remote *remote = receiver->last_remote;

    if (remote && remote->node_id == node_id)
        return remote;
    for (remote = *bucket_of(receiver, node_id); remote; remote = remote->hash_next)
        if (remote->node_id == node_id)
            return remote;
    return NULL;
}

static void hash_remove(herald_norm_receiver *receiver, const struct hd_rx_remote *remote)
{
    struct hd_rx_remote **link = bucket_of(receiver, remote->node_id);

    while (*link != remote)
        link = &(*link)->hash_next;
    *link = remote->hash_next;
}

/* --- least recently heard --- */

static void lru_remove(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    *(remote->lru_prev ? &remote->lru_prev->lru_next : &receiver->lru_first) = remote->lru_next;
    *(remote->lru_next ? &remote->lru_next->lru_prev : &receiver->lru_last) = remote->lru_prev;
}

static void lru_add_first(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    remote->lru_prev = NULL;
    remote->lru_next = receiver->lru_first;
    *(receiver->lru_first ? &receiver->lru_first->lru_prev : &receiver->lru_last) = remote;
    receiver->lru_first = remote;
}

/* --- come and gone --- */

uint64_t hd_rx_remote_activity_timeout_ns(const struct hd_rx_remote *remote)
{
    uint64_t timeout_ns = 2 * HD_RX_ROBUST * remote->grtt_ns;

    return timeout_ns > HD_RX_ACTIVITY_MIN_NS ? timeout_ns : HD_RX_ACTIVITY_MIN_NS;
}

/* All that belongs to an instance is as if it had never been heard. */
static void forget_instance(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    receiver->statistics.lost_datagrams += hd_cc_receiver_lost_datagrams(&remote->cc);
    hd_cc_receiver_init(&remote->cc);
    hd_rx_output_forget(receiver, remote);
    hd_rx_repair_reset(remote);
    hd_rx_window_reset(receiver, remote);
    remote->has_fti = false;
    remote->is_beyond_limits = false;
    remote->contradictions = 0;
    remote->far_count = 0;
    remote->has_watermark = false;
    remote->has_asked = false;
    remote->was_acknowledged = false;
    remote->watermark_ns = HERALD_NEVER;
    remote->application_ns = HERALD_NEVER;
    remote->request_type = 0;
    remote->probe_ns = HERALD_NEVER;
    remote->activity_ns = HERALD_NEVER;
}

/* The application is told of objects that end with it. */
static void remove_remote(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    if (remote->state != HD_RX_REMOTE_GONE)
        hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_GONE);
    hd_rx_object_abort_all(receiver, remote, HERALD_NORM_ABORT_GONE);
    forget_instance(receiver, remote);
    hd_rx_timer_remove(receiver, remote);
    hash_remove(receiver, remote);
    lru_remove(receiver, remote);
    if (receiver->last_remote == remote)
        receiver->last_remote = NULL;
    hd_rx_remote_set_state(remote, HD_RX_REMOTE_FREE);
    remote->hash_next = receiver->free_remote;
    receiver->free_remote = remote;
    receiver->statistics.senders--;
}

/*
 * A free struct; if need be the one not heard for longest makes room. But who is just sending does not: more senders
 * than there is room for, or made up ones, would push each other out by turns, and nobody would get on.
 */
static struct hd_rx_remote *take_remote(herald_norm_receiver *receiver, uint64_t now_ns)
{
    struct hd_rx_remote *remote = receiver->lru_last;

    if (!receiver->free_remote && receiver->remotes_used < receiver->config.senders_max)
        return &receiver->remotes[receiver->remotes_used++];
    if (!receiver->free_remote) {
        if (remote->state != HD_RX_REMOTE_GONE && now_ns - remote->heard_ns < HD_RX_ACTIVITY_MIN_NS)
            return NULL;
        remove_remote(receiver, remote);
    }
    remote = receiver->free_remote;
    receiver->free_remote = remote->hash_next;
    return remote;
}

/* @return NULL: no room, counted */
static struct hd_rx_remote *add_remote(herald_norm_receiver *receiver, const struct hd_header *header, uint64_t now_ns)
{
    struct hd_rx_remote *remote = take_remote(receiver, now_ns);
    struct hd_rx_remote **bucket = bucket_of(receiver, header->source_id);
    uint32_t index;

    if (!remote) {
        hd_rx_drop(receiver, HERALD_NORM_DROP_LIMIT);
        return NULL;
    }
    index = (uint32_t)(remote - receiver->remotes);
    *remote = (struct hd_rx_remote){
        .index = index,
        .node_id = header->source_id,
        .instance_id = header->instance_id,
        .slots = receiver->slots + (size_t)index * (receiver->window_mask + 1),
        .refused = receiver->refused + (size_t)index * (receiver->window_mask + 1),
        .heard_objects = receiver->heard_objects + (size_t)index * (receiver->window_mask + 1),
        .application_bytes = receiver->application_bytes + (size_t)index * receiver->config.application_bytes_max,
        .hash_next = *bucket,
    };
    *bucket = remote;
    hd_rx_remote_set_state(remote, HD_RX_REMOTE_UNSYNCED);
    forget_instance(receiver, remote);
    hd_rx_timer_add(receiver, remote);
    lru_add_first(receiver, remote);
    receiver->statistics.senders++;
    hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_NEW);
    return remote;
}

void hd_rx_remote_restart(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_RESTARTED);
    hd_rx_object_abort_all(receiver, remote, HERALD_NORM_ABORT_RESTARTED);
    forget_instance(receiver, remote);
    hd_rx_remote_set_state(remote, HD_RX_REMOTE_UNSYNCED);
    remote->is_silent = false;
}

/* A new instance_id: the node began anew, and knows nothing of what it sent before. */
static void change_instance(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint16_t instance_id)
{
    hd_rx_remote_restart(receiver, remote);
    remote->former_instance_id = remote->instance_id;
    remote->has_former = true;
    remote->former_count = 0;
    remote->instance_id = instance_id;
}

/* --- heard --- */

/* Late packets from before a restart must not undo it; but who goes on with the instance before did not restart. */
static bool is_straggler(struct hd_rx_remote *remote, const struct hd_message *message)
{
    if (message->kind == HD_KIND_EOT)
        return true;
    if (!remote->has_former || message->header.instance_id != remote->former_instance_id)
        return false;
    return ++remote->former_count < FORMER_MAX;
}

/*
 * Packets after EOT are late ones, or EOT again. But who goes on to send when EOT must be over has not sent it: it was
 * forged, or another command that was damaged.
 */
static bool is_undead(struct hd_rx_remote *remote, const struct hd_message *message, uint64_t now_ns)
{
    if (message->kind == HD_KIND_EOT)
        remote->heard_ns = now_ns;
    if (now_ns - remote->heard_ns < hd_rx_remote_activity_timeout_ns(remote))
        remote->undead_count = 0;
    else
        remote->undead_count++;
    return remote->undead_count >= FORMER_MAX;
}

static struct hd_rx_remote *find_or_add(herald_norm_receiver *receiver, const struct hd_message *message,
                                        uint64_t now_ns)
{
    struct hd_rx_remote *remote = hd_rx_remote_find(receiver, message->header.source_id);

    if (!remote) {
        if (message->kind != HD_KIND_EOT)
            return add_remote(receiver, &message->header, now_ns);
        hd_rx_drop(receiver, HERALD_NORM_DROP_OLD);
        return NULL;
    }
    if (remote->instance_id != message->header.instance_id) {
        if (!is_straggler(remote, message)) {
            change_instance(receiver, remote, message->header.instance_id);
            return remote;
        }
        hd_rx_drop(receiver, HERALD_NORM_DROP_INSTANCE);
        return NULL;
    }
    if (remote->state == HD_RX_REMOTE_GONE) {
        if (!is_undead(remote, message, now_ns)) {
            hd_rx_drop(receiver, HERALD_NORM_DROP_OLD);
            return NULL;
        }
        hd_rx_remote_restart(receiver, remote);
    }
    return remote;
}

/* What is left of a wait shrinks as the round-trip time did: random times stay as far apart as they shall be. */
static void shrink(uint64_t *deadline_ns, uint64_t now_ns, uint64_t old_grtt_ns, uint64_t grtt_ns)
{
    if (*deadline_ns != HERALD_NEVER && *deadline_ns > now_ns)
        *deadline_ns = now_ns + (uint64_t)((unsigned __int128)(*deadline_ns - now_ns) * grtt_ns / old_grtt_ns);
}

/* What was scheduled by a longer round-trip time, perhaps a wrong one, does not wait for it. */
static void shrink_waits(struct hd_rx_remote *remote, uint64_t old_grtt_ns, uint64_t now_ns)
{
    uint64_t timeout_ns = hd_rx_remote_activity_timeout_ns(remote);

    shrink(&remote->repair_ns, now_ns, old_grtt_ns, remote->grtt_ns);
    shrink(&remote->watermark_ns, now_ns, old_grtt_ns, remote->grtt_ns);
    shrink(&remote->application_ns, now_ns, old_grtt_ns, remote->grtt_ns);
    if (remote->activity_ns != HERALD_NEVER && remote->activity_ns > now_ns + timeout_ns)
        remote->activity_ns = now_ns + timeout_ns;
}

/* RFC 5740 section 4.2: every message says how large the group is, in time and in number. */
static void learn_group(struct hd_rx_remote *remote, const struct hd_header *header, uint64_t now_ns)
{
    uint64_t old_grtt_ns = remote->grtt_ns;

    if (remote->group_size == 0 || remote->quantised_gsize != header->gsize) {
        remote->quantised_gsize = header->gsize;
        remote->group_size = (uint32_t)hd_gsize_decode(header->gsize);
    }
    remote->backoff_factor = header->backoff;
    if (remote->grtt_ns != 0 && remote->quantised_grtt == header->grtt)
        return;
    remote->quantised_grtt = header->grtt;
    remote->grtt_ns = hd_rtt_decode_ns(header->grtt);
    if (remote->grtt_ns < old_grtt_ns)
        shrink_waits(remote, old_grtt_ns, now_ns);
}

struct hd_rx_remote *hd_rx_remote_hear(herald_norm_receiver *receiver, const struct hd_message *message,
                                       const struct herald_peer *from, size_t packet_bytes, uint64_t now_ns)
{
    struct hd_rx_remote *remote = find_or_add(receiver, message, now_ns);

    if (!remote)
        return NULL;
    receiver->statistics.datagrams++;
    receiver->statistics.bytes += packet_bytes;
    receiver->last_remote = remote;
    if (receiver->lru_first != remote) {
        lru_remove(receiver, remote);
        lru_add_first(receiver, remote);
    }
    learn_group(remote, &message->header, now_ns);
    hd_cc_receiver_on_datagram(&remote->cc, message->header.sequence, packet_bytes, now_ns);
    remote->address = *from;
    remote->heard_ns = now_ns;
    remote->former_count = 0;
    if (message->kind == HD_KIND_DATA || message->kind == HD_KIND_INFO || message->kind == HD_KIND_FLUSH) {
        remote->sending_ns = now_ns;
        remote->silent_count = 0;
        remote->is_asking_all = false;
    }
    if (remote->is_silent) {
        remote->is_silent = false;
        hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_ACTIVE);
    }
    if (remote->activity_ns == HERALD_NEVER)
        remote->activity_ns = now_ns + hd_rx_remote_activity_timeout_ns(remote);
    return remote;
}

void hd_rx_remote_hear_next(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint16_t sequence,
                            uint16_t count, size_t packet_bytes, uint64_t now_ns)
{
    receiver->statistics.datagrams += count;
    receiver->statistics.bytes += count * packet_bytes;
    hd_cc_receiver_on_datagrams(&remote->cc, sequence, count, packet_bytes, now_ns);
}

/* RFC 5740 section 4.2.3: it will neither send nor repair any more. */
void hd_rx_remote_end(herald_norm_receiver *receiver, struct hd_rx_remote *remote)
{
    struct hd_rx_object *next;

    hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_GONE);
    hd_rx_remote_set_state(remote, HD_RX_REMOTE_GONE);
    remote->undead_count = 0;
    for (struct hd_rx_object *object = remote->open_first; object; object = next) {
        next = object->next;
        if (hd_rx_object_is_stream(object) && hd_rx_stream_is_complete(receiver, object))
            hd_rx_object_set_state(object, HD_RX_OBJECT_DRAIN);
        else
            hd_rx_object_abort(receiver, object, HERALD_NORM_ABORT_GONE, 0);
    }
    hd_rx_output_forget(receiver, remote);
    hd_rx_repair_reset(remote);
    remote->watermark_ns = HERALD_NEVER;
    remote->application_ns = HERALD_NEVER;
    remote->activity_ns = HERALD_NEVER;
    receiver->statistics.lost_datagrams += hd_cc_receiver_lost_datagrams(&remote->cc);
    hd_cc_receiver_init(&remote->cc);
}

/*
 * Nothing comes any more of what the sender sends. While it still says other things, what lies before its place is
 * asked for; when it is silent, all that it may have sent. @return true: it is asked, or may have to be later
 */
static bool ask_again(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns)
{
    if (receiver->config.silent || remote->is_beyond_limits || remote->state != HD_RX_REMOTE_SYNCED ||
        remote->silent_count >= HD_RX_ROBUST)
        return false;
    remote->is_asking_all = remote->is_silent;
    hd_rx_repair_check(receiver, remote, now_ns);
    if (remote->repair_state == HD_RX_REPAIR_IDLE) {
        remote->is_asking_all = false; /* nothing is missing, as far as there is room for it: that may come */
        return remote->unheard_count > 0;
    }
    remote->silent_count++;
    return true;
}

void hd_rx_remote_check_activity(herald_norm_receiver *receiver, struct hd_rx_remote *remote, uint64_t now_ns)
{
    uint64_t timeout_ns = hd_rx_remote_activity_timeout_ns(remote);
    bool is_heard = now_ns - remote->heard_ns < timeout_ns;

    if (!is_heard && !remote->is_silent) {
        remote->is_silent = true;
        hd_rx_tell_sender(receiver, remote, HERALD_NORM_RECEIVER_SENDER_SILENT);
    }
    if (now_ns - remote->sending_ns < timeout_ns)
        remote->activity_ns = remote->sending_ns + timeout_ns;
    else if (ask_again(receiver, remote, now_ns))
        remote->activity_ns = now_ns + timeout_ns;
    else
        remote->activity_ns = is_heard ? remote->heard_ns + timeout_ns : HERALD_NEVER;
}

int herald_norm_receiver_get_sender(const herald_norm_receiver *receiver, uint32_t index,
                                    struct herald_norm_sender_status *ret_status)
{
    const struct hd_rx_remote *remote;

    if (index >= receiver->heap_count)
        return -ENOENT;
    remote = receiver->heap[index];
    *ret_status = (struct herald_norm_sender_status){
        .node_id = remote->node_id,
        .instance_id = remote->instance_id,
        .address = remote->address,
        .is_active = !remote->is_silent && remote->state != HD_RX_REMOTE_GONE,
        .grtt_ns = remote->grtt_ns,
        .rtt_ns = hd_cc_receiver_rtt_ns(&remote->cc),
        .rate_bytes_per_s = remote->cc.send_rate_bps,
        .receive_rate_bytes_per_s = hd_cc_receiver_rate_bps(&remote->cc),
        .loss_ppm = hd_cc_receiver_loss_ppm(&remote->cc),
    };
    return 0;
}
