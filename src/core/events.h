/* SPDX-License-Identifier: MIT */
/*
 * Events that wait for the application: a ring of fixed size, of elements of one type.
 *
 * Rule of norm.h: while events are left, input() and handle_timeout() return -EBUSY and do nothing. So the ring must
 * hold what one call can cause at most, and is never full: pushing into a full one is a bug of ours. A call that may
 * cause several events, such as stream_write() between two of them, asks hd_events_room() first.
 */
#ifndef HD_EVENTS_H
#define HD_EVENTS_H

#include <herald/types.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hd_events {
    uint8_t *slots;
    size_t event_bytes;
    uint32_t slots_count;
    uint32_t first; /* index of the oldest */
    uint32_t count;
};

/* @return 0; -ENOMEM. */
HERALD_CHECKED static inline int hd_events_init(struct hd_events *events, size_t event_bytes, uint32_t slots_count)
{
    *events = (struct hd_events){ .slots = calloc(slots_count, event_bytes),
                                  .event_bytes = event_bytes,
                                  .slots_count = slots_count };
    return events->slots ? 0 : -ENOMEM;
}

/* Also for a struct of zeros. */
static inline void hd_events_fini(struct hd_events *events)
{
    free(events->slots);
    *events = (struct hd_events){ 0 };
}

static inline bool hd_events_pending(const struct hd_events *events)
{
    return events->count > 0;
}

/* How many more can be pushed. */
static inline uint32_t hd_events_room(const struct hd_events *events)
{
    return events->slots_count - events->count;
}

static inline uint8_t *hd_events_slot(const struct hd_events *events, uint32_t index)
{
    return events->slots + events->event_bytes * ((events->first + index) % events->slots_count);
}

/* Copies *event behind the others. */
static inline void hd_events_push(struct hd_events *events, const void *event)
{
    assert(events->count < events->slots_count);
    memcpy(hd_events_slot(events, events->count), event, events->event_bytes);
    events->count++;
}

/* @return 1: the oldest is in *ret_event; 0: there is none. */
HERALD_CHECKED static inline int hd_events_pop(struct hd_events *events, void *ret_event)
{
    if (events->count == 0)
        return 0;
    memcpy(ret_event, hd_events_slot(events, 0), events->event_bytes);
    events->first = (events->first + 1) % events->slots_count;
    events->count--;
    return 1;
}

#endif
