/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include "told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

/* The wait is for hosts that are busy: who has answered everything is not waited for. */
enum { TURNS = 8, INTERVAL_MS = 25, WAIT_MS = 1500, FINDINGS_WAIT_MS = 4000 };

/* ---- asking ---------------------------------------------------------------------------------- */

struct herald_ping_config hd_peer_config(const struct hd_examination *examination)
{
    const struct herald_doctor_facts *facts = &examination->facts;
    struct herald_ping_config config = {
        .endpoint = facts->endpoint,
        .interface = facts->interface.name,
        .ttl_given = true,
        .ttl = facts->ttl,
        .interval_ns = INTERVAL_MS * NS_PER_MS,
        .wait_ns = WAIT_MS * NS_PER_MS,
        .only_id = examination->peer != NULL ? examination->peer->id : 0,
    };

    config.endpoint.group_count = 1;
    /* Another host's would be a server to be asked in its place. */
    if (facts->remote_source.family != HERALD_FAMILY_NONE)
        config.endpoint.source = (struct herald_address){ .family = HERALD_FAMILY_NONE };
    return config;
}

int hd_peer_run(struct hd_examination *examination, herald_ping *ping, hd_peer_watcher *watcher, void *userdata,
                struct herald_error *error)
{
    for (;;) {
        struct herald_ping_event event;
        int result = herald_ping_process(ping, herald_clock_ns(), error);
        bool enough = false;

        while (herald_ping_next_event(ping, &event) > 0)
            enough = watcher(userdata, ping, &event) || enough;
        enough = enough || watcher(userdata, ping, NULL);
        if (result != 0 || enough)
            return result < 0 ? result : 0;
        result = hd_wait(examination, herald_ping_fd(ping), herald_ping_deadline(ping));
        if (result < 0 && error != NULL)
            (void)herald_error_set(error, result, "cannot wait for answers: %s", strerror(-result));
        if (result < 0)
            return result;
    }
}

struct watch {
    const struct herald_ping_config *config;
    struct hd_peer_series *series;
};

/* Which way that request went. */
static struct hd_peer_way *way_of(const struct watch *watch, uint32_t sequence)
{
    bool to_host = watch->config->member.port != 0 && sequence % 2 == 1;

    return to_host ? &watch->series->to_host : &watch->series->to_group;
}

static void take_answer(const struct watch *watch, const struct herald_ping_event *event)
{
    struct hd_peer_way *way = way_of(watch, event->sequence);

    way->answered++;
    way->last = event->sequence > way->last ? event->sequence : way->last;
    if (event->unicast_ns >= 0 && way->by_unicast++ < HD_PEER_SAMPLES)
        way->unicast_ns[way->by_unicast - 1] = event->unicast_ns;
    if (event->multicast_ns >= 0 && way->by_multicast++ < HD_PEER_SAMPLES)
        way->multicast_ns[way->by_multicast - 1] = event->multicast_ns;
}

static bool take_event(void *userdata, herald_ping *ping, const struct herald_ping_event *event)
{
    const struct watch *watch = userdata;

    if (event == NULL) { /* once it has told, there is nothing more to wait for */
        for (size_t i = 0; i < herald_ping_members(ping) && watch->config->findings; i++) {
            if (herald_ping_findings(ping, i) != NULL)
                return true;
        }
        return false;
    }
    if (event->kind == HERALD_PING_ANSWERED)
        take_answer(watch, event);
    if (event->kind == HERALD_PING_ROUND && event->sequence > 0)
        way_of(watch, event->sequence)->sent++;
    if (event->kind == HERALD_PING_SEND_FAILED) {
        watch->series->code = event->error.code != 0 ? event->error.code : -EIO;
        watch->series->error = event->error;
    }
    return false;
}

static void take_told(struct hd_examination *examination, herald_ping *ping, struct hd_peer_series *series)
{
    struct hd_peer *peer = examination->peer;
    const char *text;

    for (size_t i = 0; i < herald_ping_members(ping); i++) {
        struct herald_ping_member member;

        if (herald_ping_member(ping, i, &member) < 0 || (series->answered && member.heard_unicast <= 0))
            continue;
        series->member = member;
        series->answered = true;
        text = herald_ping_findings(ping, i);
        if (text == NULL || peer->has_told)
            continue;
        peer->told_count = hd_told_read(text, peer->told, HD_PEER_TOLD_MAX, &peer->told_is_whole);
        peer->has_told = peer->told_count >= 0;
    }
}

/* Whoever is asked by unicast answers the group only once it has heard it. */
static void share_group_answers(struct hd_peer_series *series)
{
    int64_t lost = series->member.answers_lost_multicast > 0 ? series->member.answers_lost_multicast : 0;
    int64_t all = (int64_t)series->to_group.by_multicast + series->to_host.by_multicast + lost;

    series->to_group.group_answers = all < series->to_group.arrived ? all : series->to_group.arrived;
    series->to_host.group_answers = all - series->to_group.group_answers;
}

static uint32_t at_least(uint32_t value, int64_t other)
{
    return other > value ? (uint32_t)other : value;
}

int hd_peer_ask(struct hd_examination *examination, const struct herald_ping_config *config,
                struct hd_peer_series *ret_series)
{
    struct hd_peer_series series = { .size_bytes = config->size_bytes, .made = true };
    struct watch watch = { .config = config, .series = &series };
    struct herald_error failure;
    herald_ping *ping;
    int result = herald_ping_new(&ping, config, &series.error);

    series.code = result;
    series.to_group.arrived = series.to_host.arrived = -1;
    series.to_group.group_answers = series.to_host.group_answers = -1;
    if (result == 0) {
        series.size_bytes = herald_ping_facts(ping)->size_bytes;
        result = hd_peer_run(examination, ping, take_event, &watch, &failure);
        if (result < 0 && result != -ECANCELED) { /* the interface is gone, say */
            series.broken = true;
            series.code = result;
            series.error = failure;
        }
        take_told(examination, ping, &series);
        if (series.answered && series.member.heard_multicast >= 0) {
            series.to_group.arrived = series.member.heard_multicast;
            series.to_host.arrived = series.member.heard_unicast;
            share_group_answers(&series);
        }
        if (result == -ECANCELED) { /* what is under way has no end */
            series.to_group.sent = at_least(series.to_group.sent, series.to_group.arrived);
            series.to_host.sent = at_least(series.to_host.sent, series.to_host.arrived);
        }
        (void)herald_ping_free(ping);
    }
    *ret_series = series;
    return result == -ECANCELED ? result : 0;
}

int hd_peer_ask_in_turns(struct hd_examination *examination, size_t size_bytes, uint8_t ttl,
                         struct hd_peer_series *ret_series)
{
    struct herald_ping_config config = hd_peer_config(examination);
    char address[HERALD_ADDRESS_TEXT_BYTES];

    config.member = examination->peer->at;
    config.count = TURNS + 1; /* the last one goes by unicast, so that it tells of all before it */
    config.size_bytes = size_bytes;
    config.fragment = true;
    config.ttl = ttl;
    if (config.only_id == 0)
        config.only = hd_address_text(&examination->peer->at.address, address);
    return hd_peer_ask(examination, &config, ret_series);
}

int hd_peer_ask_findings(struct hd_examination *examination)
{
    struct herald_ping_config config = hd_peer_config(examination);
    char address[HERALD_ADDRESS_TEXT_BYTES];
    struct hd_peer_series series;

    config.member = examination->peer->at;
    config.count = 3; /* for a session, to be heard in the group, and the question */
    config.wait_ns = FINDINGS_WAIT_MS * NS_PER_MS;
    config.no_multicast = true;
    config.findings = true;
    if (config.only_id == 0)
        config.only = hd_address_text(&examination->peer->at.address, address);
    return hd_peer_ask(examination, &config, &series);
}

/* ---- the table ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t hd_peer_median(const int64_t *values, uint32_t count)
{
    int64_t sorted[HD_PEER_SAMPLES];

    if (count > HD_PEER_SAMPLES)
        count = HD_PEER_SAMPLES;
    if (count == 0)
        return -1;
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted[(count - 1) / 2];
}

static void keep_way(struct hd_peer *peer, const char *what, size_t size_bytes, const struct hd_peer_way *way,
                     bool by_multicast)
{
    if (way->sent == 0 || peer->trial_count == HERALD_DOCTOR_TRIALS_MAX)
        return;
    peer->trials[peer->trial_count++] = (struct herald_doctor_trial){
        .what = what,
        .size_bytes = size_bytes,
        .by_multicast = by_multicast,
        .sent = way->sent,
        .arrived = way->arrived,
        .answers_unicast = way->arrived,
        .answers_multicast = way->group_answers,
        .came_unicast = way->by_unicast,
        .came_multicast = way->by_multicast,
        .unicast_ns = hd_peer_median(way->unicast_ns, way->by_unicast),
        .multicast_ns = hd_peer_median(way->multicast_ns, way->by_multicast),
    };
}

void hd_peer_keep(struct hd_peer *peer, const char *what, const struct hd_peer_series *series)
{
    size_t first = peer->trial_count;

    keep_way(peer, what, series->size_bytes, &series->to_host, false);
    keep_way(peer, what, series->size_bytes, &series->to_group, true);
    /* It limits its answers: which it has left out is not known. */
    for (size_t i = first; i < peer->trial_count && series->member.answers_withheld > 0; i++)
        peer->trials[i].answers_unicast = -1;
}

size_t hd_peer_trials(const struct hd_peer *peer, struct herald_doctor_trial *ret_trials, size_t max)
{
    size_t count = peer != NULL ? peer->trial_count : 0;

    for (size_t i = 0; i < count && i < max; i++)
        ret_trials[i] = peer->trials[i];
    return count;
}

void hd_peer_free(struct hd_peer *peer)
{
    if (peer == NULL)
        return;
    (void)herald_ping_free(peer->anchor);
    free(peer);
}
