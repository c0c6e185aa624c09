/* SPDX-License-Identifier: MIT */
#include "queue.h"
#include "packet.h"

#include <assert.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAPACITY = 256 };

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order;
}

void sim_queue_add(struct sim_queue *queue, struct sim_event event)
{
    size_t hole;

    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? FIRST_CAPACITY : 2 * queue->capacity;
        queue->events = sim_reallocate(queue->events, queue->capacity, sizeof *queue->events);
    }
    event.order = queue->next_order++;
    hole = queue->count++;
    while (hole > 0 && event_before(&event, &queue->events[(hole - 1) / ARITY])) {
        queue->events[hole] = queue->events[(hole - 1) / ARITY];
        hole = (hole - 1) / ARITY;
    }
    queue->events[hole] = event;
}

uint64_t sim_queue_time(const struct sim_queue *queue)
{
    return queue->count > 0 ? queue->events[0].time_ns : SIM_NEVER;
}

struct sim_event sim_queue_take(struct sim_queue *queue)
{
    struct sim_event first;
    struct sim_event last;
    size_t hole = 0;

    assert(queue->count > 0);
    first = queue->events[0];
    last = queue->events[--queue->count];
    for (;;) {
        size_t child = hole * ARITY + 1;
        size_t end = child + ARITY < queue->count ? child + ARITY : queue->count;
        size_t best = child;

        for (size_t i = child; i < end; i++) {
            if (event_before(&queue->events[i], &queue->events[best]))
                best = i;
        }
        if (child >= queue->count || event_before(&last, &queue->events[best]))
            break;
        queue->events[hole] = queue->events[best];
        hole = best;
    }
    queue->events[hole] = last;
    return first;
}

void sim_queue_free(struct sim_queue *queue)
{
    free(queue->events);
    *queue = (struct sim_queue){ 0 };
}

void sim_timers_init(struct sim_timers *timers, uint32_t nodes)
{
    timers->heap = sim_allocate(nodes, sizeof *timers->heap);
    timers->places = sim_allocate(nodes, sizeof *timers->places);
    timers->count = 0;
    timers->nodes = nodes;
}

void sim_timers_free(struct sim_timers *timers)
{
    free(timers->heap);
    free(timers->places);
    *timers = (struct sim_timers){ 0 };
}

static bool timer_before(struct sim_timer a, struct sim_timer b)
{
    return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.node < b.node;
}

static void timer_place(struct sim_timers *timers, uint32_t place, struct sim_timer timer)
{
    timers->heap[place] = timer;
    timers->places[timer.node] = place + 1;
}

/* Fills the hole at `place` with the timer, or with those that must go before or after it. */
static void timer_sift(struct sim_timers *timers, uint32_t place, struct sim_timer timer)
{
    while (place > 0 && timer_before(timer, timers->heap[(place - 1) / ARITY])) {
        timer_place(timers, place, timers->heap[(place - 1) / ARITY]);
        place = (place - 1) / ARITY;
    }
    for (;;) {
        uint32_t child = place * ARITY + 1;
        uint32_t end = child + ARITY < timers->count ? child + ARITY : timers->count;
        uint32_t best = child;

        for (uint32_t i = child; i < end; i++) {
            if (timer_before(timers->heap[i], timers->heap[best]))
                best = i;
        }
        if (child >= timers->count || timer_before(timer, timers->heap[best]))
            break;
        timer_place(timers, place, timers->heap[best]);
        place = best;
    }
    timer_place(timers, place, timer);
}

static void timer_remove(struct sim_timers *timers, uint32_t node)
{
    uint32_t place = timers->places[node] - 1;
    struct sim_timer last = timers->heap[--timers->count];

    timers->places[node] = 0;
    if (last.node != node)
        timer_sift(timers, place, last);
}

void sim_timers_set(struct sim_timers *timers, uint32_t node, uint64_t time_ns)
{
    struct sim_timer timer = { time_ns, node };

    assert(node < timers->nodes);
    if (time_ns == SIM_NEVER && timers->places[node] != 0)
        timer_remove(timers, node);
    else if (time_ns != SIM_NEVER)
        timer_sift(timers, timers->places[node] != 0 ? timers->places[node] - 1 : timers->count++, timer);
}

uint64_t sim_timers_get(const struct sim_timers *timers, uint32_t node)
{
    return timers->places[node] != 0 ? timers->heap[timers->places[node] - 1].time_ns : SIM_NEVER;
}

const struct sim_timer *sim_timers_first(const struct sim_timers *timers)
{
    return timers->count > 0 ? &timers->heap[0] : NULL;
}
