/* SPDX-License-Identifier: MIT */
#include "link.h"

uint64_t sim_duration_ns(uint64_t bytes, uint64_t rate_bytes_per_s)
{
    unsigned __int128 scaled = (unsigned __int128)bytes * 1000000000 + rate_bytes_per_s - 1;

    return (uint64_t)(scaled / rate_bytes_per_s);
}

/* How much still waits at a port that is busy for another `busy_ns`. */
static uint64_t waiting_bytes(uint64_t busy_ns, uint64_t rate_bytes_per_s)
{
    return (uint64_t)((unsigned __int128)busy_ns * rate_bytes_per_s / 1000000000);
}

enum sim_loss sim_link_enter(const struct sim_link *link, struct sim_port *port, uint64_t now_ns, size_t bytes,
                             uint64_t *ret_arrival_ns)
{
    uint64_t arrival_ns = now_ns;

    if (link->rate_bytes_per_s > 0) {
        uint64_t size = bytes + SIM_OVERHEAD_BYTES;
        uint64_t start_ns = port->free_ns > now_ns ? port->free_ns : now_ns;

        if (link->queue_bytes > 0 &&
            waiting_bytes(start_ns - now_ns, link->rate_bytes_per_s) + size > link->queue_bytes)
            return SIM_QUEUE_FULL;
        port->free_ns = start_ns + sim_duration_ns(size, link->rate_bytes_per_s);
        arrival_ns = port->free_ns;
    }
    arrival_ns += link->delay_ns;
    if (link->jitter_ns > 0)
        arrival_ns += sim_random_below(&port->random, link->jitter_ns);
    if (arrival_ns < port->arrival_ns)
        arrival_ns = port->arrival_ns;
    port->arrival_ns = arrival_ns;
    *ret_arrival_ns = arrival_ns;
    return SIM_PASSED;
}

static bool is_cut(const struct sim_link *link, uint64_t now_ns)
{
    for (int i = 0; i < SIM_CUTS_MAX; i++) {
        if (sim_interval_has(&link->cuts[i], now_ns))
            return true;
    }
    return false;
}

/* The state changes first, so that a burst begins with its first lost packet. */
static bool is_lost_in_burst(const struct sim_link *link, struct sim_port *port)
{
    if (link->burst_enter_ppm == 0)
        return false;
    if (sim_random_chance(&port->random, port->bad ? link->burst_leave_ppm : link->burst_enter_ppm))
        port->bad = !port->bad;
    return port->bad && sim_random_chance(&port->random, link->burst_loss_ppm);
}

struct sim_fate sim_link_fate(const struct sim_link *link, struct sim_port *port, uint64_t now_ns)
{
    struct sim_fate fate = { .loss = SIM_PASSED };
    bool burst = is_lost_in_burst(link, port);

    if (is_cut(link, now_ns))
        fate.loss = SIM_CUT;
    else if (burst || sim_random_chance(&port->random, link->loss_ppm))
        fate.loss = SIM_LOST;
    if (fate.loss != SIM_PASSED)
        return fate;
    if (sim_random_chance(&port->random, link->reorder_ppm))
        fate.late_ns = 1 + sim_random_below(&port->random, link->lag_ns);
    if (sim_random_chance(&port->random, link->duplicate_ppm)) {
        fate.duplicate = true;
        fate.duplicate_ns = 1 + sim_random_below(&port->random, link->lag_ns);
    }
    return fate;
}

struct sim_attack sim_link_attack(const struct sim_link *link, struct sim_port *port, uint64_t now_ns)
{
    if (!sim_interval_has(&link->attack, now_ns))
        return (struct sim_attack){ 0 };
    return (struct sim_attack){
        .present = true,
        .truncate = sim_random_chance(&port->random, link->truncate_ppm),
        .flip = sim_random_chance(&port->random, link->flip_ppm),
        .replay = sim_random_chance(&port->random, link->replay_ppm),
        .forge = sim_random_chance(&port->random, link->forge_ppm),
    };
}
