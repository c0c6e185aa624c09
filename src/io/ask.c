/* SPDX-License-Identifier: MIT */
#include <herald/ask.h>

#include "responders.h"
#include "sender.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define WAIT_NS UINT64_C(500000000)

enum {
    CHATTER_WAITS = 10, /* see prolong() */
    /* What one herald_ask_process() takes in at most; the rest stays in the sockets for the next one. */
    QUEUE_RESPONSES_MAX = 16384,
    QUEUE_BYTES_MAX = 4 * 1024 * 1024,
};

/* An answer that waits to be taken. Its payload is found by its place: the buffer may move when it grows. */
struct queued {
    struct herald_response response;
    size_t payload_at;
};

/* A sender that takes part, with the times of its latest two messages to tell which one an answer follows. */
struct participant {
    herald_sender *sender;
    uint64_t begun_ns;       /* CLOCK_REALTIME just before this question's first message */
    uint64_t sent_before_ns; /* when the message before the latest was sent; 0: there was none */
};

struct herald_ask {
    struct herald_ask_config config;
    int epoll_fd; /* -1 with a single sender */
    struct participant *participants;
    uint64_t end_ns;         /* config.limit_ns after the start, or HERALD_NEVER */
    uint64_t quiet_ns;       /* when the wait is over if nothing more comes */
    uint64_t chatter_end_ns; /* until when answers of those who have answered already prolong the wait */
    uint32_t attempts;
    bool over;
    struct hd_responders responders;

    struct queued *queue;
    size_t queue_count, queue_next, queue_capacity;
    uint8_t *bytes; /* the queue's payloads */
    size_t bytes_used, bytes_capacity;
};

/* ---- sending --------------------------------------------------------------------------------- */

/* A time to come; HERALD_NEVER stays what it is. */
static uint64_t later(uint64_t now_ns, uint64_t after_ns)
{
    return after_ns > HERALD_NEVER - now_ns ? HERALD_NEVER : now_ns + after_ns;
}

/*
 * Somebody answered: the wait begins anew. Who has answered before may prolong it too, with the rest of a long answer,
 * but not for ever.
 */
static void prolong(struct herald_ask *ask, uint64_t now_ns, bool is_new)
{
    uint64_t quiet_ns = later(now_ns, ask->config.wait_ns);

    if (is_new)
        ask->chatter_end_ns = later(now_ns, ask->config.wait_ns > HERALD_NEVER / CHATTER_WAITS
                                                ? HERALD_NEVER
                                                : ask->config.wait_ns * CHATTER_WAITS);
    ask->quiet_ns = quiet_ns < ask->chatter_end_ns ? quiet_ns : ask->chatter_end_ns;
}

/* Sends once on every sender. @return 0 if it went out anywhere; else the first failure. */
static int send_everywhere(struct herald_ask *ask, uint64_t now_ns, struct herald_error *error)
{
    int first_failure = 0;
    size_t sent = 0;

    for (size_t i = 0; i < ask->config.sender_count; i++) {
        struct participant *participant = &ask->participants[i];
        uint64_t before_ns = ask->attempts > 0 ? herald_sender_sent_time_ns(participant->sender) : 0;
        struct herald_error local;
        int r = herald_sender_send(participant->sender, ask->config.payload, ask->config.size_bytes, &local);

        participant->sent_before_ns = before_ns;
        /* The earliest, in case the clock was set back since. */
        if (ask->attempts == 0 || hd_sender_called_ns(participant->sender) < participant->begun_ns)
            participant->begun_ns = hd_sender_called_ns(participant->sender);
        if (r == 0)
            sent++;
        else if (first_failure == 0 && error != NULL)
            *error = local;
        if (r < 0 && first_failure == 0)
            first_failure = r;
    }
    ask->attempts++;
    prolong(ask, now_ns, true);
    return sent > 0 ? 0 : first_failure;
}

static bool has_enough(const struct herald_ask *ask)
{
    return ask->config.expect > 0 ? ask->responders.count >= ask->config.expect : ask->responders.count > 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

/* With one sender its own descriptor does: to wait on another one for it costs a wake-up more. */
static int open_epoll(struct herald_ask *ask)
{
    if (ask->config.sender_count == 1)
        return 0;
    ask->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (ask->epoll_fd < 0)
        return -errno;
    for (size_t i = 0; i < ask->config.sender_count; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

        if (epoll_ctl(ask->epoll_fd, EPOLL_CTL_ADD, herald_sender_fd(ask->config.senders[i]), &event) < 0)
            return -errno;
    }
    return 0;
}

static int open_ask(struct herald_ask *ask, struct herald_error *error)
{
    int r = open_epoll(ask);

    if (r < 0)
        return herald_error_set(error, r, "cannot wait for answers: %s", strerror(-r));
    ask->participants = calloc(ask->config.sender_count, sizeof(*ask->participants));
    if (ask->participants == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < ask->config.sender_count; i++)
        ask->participants[i].sender = ask->config.senders[i];
    return 0;
}

int herald_ask_new(herald_ask **ret_ask, const struct herald_ask_config *config, uint64_t now_ns,
                   struct herald_error *error)
{
    struct herald_ask *ask;
    int r;

    if (config->sender_count == 0)
        return herald_error_set(error, -EINVAL, "a question needs a sender");
    ask = calloc(1, sizeof(*ask));
    if (ask == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    ask->config = *config;
    ask->epoll_fd = -1;
    if (ask->config.wait_ns == 0)
        ask->config.wait_ns = WAIT_NS;
    ask->end_ns = config->limit_ns > 0 ? later(now_ns, config->limit_ns) : HERALD_NEVER;
    hd_responders_init(&ask->responders);
    r = open_ask(ask, error);
    if (r == 0)
        r = send_everywhere(ask, now_ns, error);
    if (r < 0) {
        herald_ask_free(ask);
        return r;
    }
    *ret_ask = ask;
    return 0;
}

herald_ask *herald_ask_free(herald_ask *ask)
{
    if (ask == NULL)
        return NULL;
    if (ask->epoll_fd >= 0)
        close(ask->epoll_fd);
    hd_responders_release(&ask->responders);
    free(ask->participants);
    free(ask->queue);
    free(ask->bytes);
    free(ask);
    return NULL;
}

/* ---- taking answers in ----------------------------------------------------------------------- */

/* Makes room for one more answer of that size. @return it, or NULL. */
static struct queued *new_queued(struct herald_ask *ask, size_t size_bytes)
{
    if (ask->queue_count == ask->queue_capacity) {
        size_t capacity = ask->queue_capacity * 2 + 16;
        struct queued *grown = realloc(ask->queue, capacity * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        ask->queue = grown;
        ask->queue_capacity = capacity;
    }
    if (ask->bytes_used + size_bytes > ask->bytes_capacity) {
        size_t capacity = ask->bytes_capacity * 2 + size_bytes + 1024;
        uint8_t *grown = realloc(ask->bytes, capacity);

        if (grown == NULL)
            return NULL;
        ask->bytes = grown;
        ask->bytes_capacity = capacity;
    }
    return &ask->queue[ask->queue_count];
}

/* Which message an answer follows, and how long after it: the latest, unless the answer is older than that. */
static void set_times(const struct herald_ask *ask, const struct participant *participant,
                      struct herald_response *response)
{
    uint64_t called_ns = hd_sender_called_ns(participant->sender);
    uint64_t sent_ns = herald_sender_sent_time_ns(participant->sender);

    response->attempt = ask->attempts;
    if (response->time_ns < called_ns && participant->sent_before_ns != 0) {
        sent_ns = participant->sent_before_ns;
        response->attempt--;
    } else if (response->time_ns < sent_ns) {
        sent_ns = called_ns; /* somebody on this host was faster than the interface */
    }
    response->round_trip_ns = (int64_t)(response->time_ns - sent_ns);
}

static int take_run(struct herald_ask *ask, size_t sender_index, const struct herald_run *run)
{
    struct participant *participant = &ask->participants[sender_index];
    struct queued *queued;
    int is_new;

    if (run->time_ns < participant->begun_ns)
        return 0; /* it came before the question: it belongs to an earlier one on the same sender */
    queued = new_queued(ask, run->size_bytes);
    is_new = hd_responders_add(&ask->responders, &run->source);
    if (queued == NULL || is_new < 0)
        return -ENOMEM;
    queued->payload_at = ask->bytes_used;
    queued->response = (struct herald_response){
        .peer = run->source,
        .size_bytes = run->size_bytes,
        .time_ns = run->time_ns,
        .sender_index = sender_index,
        .ttl = run->ttl,
        .first = is_new == 1,
    };
    set_times(ask, participant, &queued->response);
    if (run->size_bytes > 0)
        memcpy(ask->bytes + ask->bytes_used, run->payload, run->size_bytes);
    ask->bytes_used += run->size_bytes;
    ask->queue_count++;
    return 0;
}

static bool queue_is_full(const struct herald_ask *ask)
{
    return ask->queue_count >= QUEUE_RESPONSES_MAX || ask->bytes_used >= QUEUE_BYTES_MAX;
}

static bool has_all_expected(const struct herald_ask *ask)
{
    return ask->config.expect > 0 && has_enough(ask);
}

/* @return 1 when that sender's socket is empty; 0 when there may be more; -errno. */
static int drain(struct herald_ask *ask, size_t sender_index, uint64_t now_ns)
{
    enum { ROUNDS_MAX = 4096 }; /* late answers to an earlier question fill no queue, but may never end */

    for (int round = 0; round < ROUNDS_MAX && !queue_is_full(ask) && !has_all_expected(ask); round++) {
        struct herald_run runs[HERALD_RUNS_MAX];
        size_t queued = ask->queue_count;
        uint32_t responders = ask->responders.count;
        int n = herald_sender_receive(ask->participants[sender_index].sender, runs, HERALD_RUNS_MAX);

        for (int i = 0; i < n; i++) {
            int r = take_run(ask, sender_index, &runs[i]);

            if (r < 0)
                return r;
        }
        if (ask->queue_count > queued)
            prolong(ask, now_ns, ask->responders.count > responders);
        if (n < HERALD_RUNS_MAX)
            return n < 0 ? n : 1;
    }
    return 0;
}

int herald_ask_process(herald_ask *ask, uint64_t now_ns, struct herald_error *error)
{
    bool drained = true;

    if (ask->queue_next == ask->queue_count) {
        ask->queue_count = ask->queue_next = 0;
        ask->bytes_used = 0;
    }
    for (size_t i = 0; i < ask->config.sender_count; i++) {
        int r = drain(ask, i, now_ns);

        if (r < 0)
            return herald_error_set(error, r, "cannot receive answers: %s", strerror(-r));
        drained &= r == 1;
    }
    if (ask->over)
        return 0;
    if (has_all_expected(ask) || now_ns >= ask->end_ns) {
        ask->over = true;
    } else if (drained && now_ns >= ask->quiet_ns) {
        if (has_enough(ask) || ask->attempts > ask->config.retries)
            ask->over = true;
        else
            return send_everywhere(ask, now_ns, error);
    }
    return 0;
}

int herald_ask_next_response(herald_ask *ask, struct herald_response *ret_response)
{
    if (ask->queue_next == ask->queue_count)
        return 0;
    *ret_response = ask->queue[ask->queue_next].response;
    ret_response->payload = ask->bytes + ask->queue[ask->queue_next].payload_at;
    ask->queue_next++;
    return 1;
}

/* ---- what is known --------------------------------------------------------------------------- */

int herald_ask_fd(const herald_ask *ask)
{
    return ask->epoll_fd >= 0 ? ask->epoll_fd : herald_sender_fd(ask->participants[0].sender);
}

uint64_t herald_ask_deadline(const herald_ask *ask)
{
    if (ask->over)
        return 0;
    return ask->quiet_ns < ask->end_ns ? ask->quiet_ns : ask->end_ns;
}

bool herald_ask_done(const herald_ask *ask)
{
    return ask->over && ask->queue_next == ask->queue_count;
}

uint32_t herald_ask_responders(const herald_ask *ask)
{
    return ask->responders.count;
}

uint32_t herald_ask_attempts(const herald_ask *ask)
{
    return ask->attempts;
}

/* ---- blocking -------------------------------------------------------------------------------- */

static int wait_for_answers(const struct herald_ask *ask, struct herald_error *error)
{
    struct pollfd poll_fd = { .fd = herald_ask_fd(ask), .events = POLLIN };
    uint64_t now_ns = herald_clock_ns();
    uint64_t deadline_ns = herald_ask_deadline(ask);
    struct timespec timeout = { 0 };

    if (deadline_ns > now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - now_ns) / UINT64_C(1000000000));
        timeout.tv_nsec = (long)((deadline_ns - now_ns) % UINT64_C(1000000000));
    }
    if (ppoll(&poll_fd, 1, deadline_ns == HERALD_NEVER ? NULL : &timeout, NULL) < 0 && errno != EINTR)
        return herald_error_set(error, -errno, "cannot wait for answers: %s", strerror(errno));
    return 0;
}

int herald_ask_run(herald_ask *ask, void (*on_response)(void *userdata, const struct herald_response *response),
                   void *userdata, struct herald_error *error)
{
    while (!herald_ask_done(ask)) {
        struct herald_response response;
        int r = wait_for_answers(ask, error);

        if (r == 0)
            r = herald_ask_process(ask, herald_clock_ns(), error);
        if (r < 0)
            return r;
        while (herald_ask_next_response(ask, &response) > 0)
            if (on_response != NULL)
                on_response(userdata, &response);
    }
    return (int)herald_ask_responders(ask);
}
