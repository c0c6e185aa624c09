/* SPDX-License-Identifier: MIT */
/*
 * Ask: send one message to a group and gather the answers until none comes any more.
 *
 *     poll herald_ask_fd() until herald_ask_deadline()
 *     herald_ask_process(now)
 *     herald_ask_next_response() until 0
 *     stop when herald_ask_done()
 *
 * or simply herald_ask_run(), which does just that and blocks.
 */
#ifndef HERALD_ASK_H
#define HERALD_ASK_H

#include <herald/error.h>
#include <herald/socket.h>
#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What to ask. Zero everything first. */
struct herald_ask_config {
    herald_sender *const *senders; /**< borrowed until herald_ask_free(): the message goes out once on each */
    size_t sender_count;
    const void *payload; /**< borrowed too */
    size_t size_bytes;
    uint64_t wait_ns;  /**< done when no response came for this long; 0: 500 ms */
    uint64_t limit_ns; /**< done after this long in any case; 0: no limit */
    uint32_t expect;   /**< done as soon as this many distinct responders answered; 0: wait for all */
    uint32_t retries;  /**< send again this often while fewer than `expect` (or none, if 0) answered */
};

/** One answer. */
struct herald_response {
    struct herald_peer peer; /**< who answered */
    const uint8_t *payload;  /**< valid until the next herald_ask_process() or herald_ask_free() */
    size_t size_bytes;
    uint64_t time_ns;      /**< kernel receive time, CLOCK_REALTIME */
    int64_t round_trip_ns; /**< since the latest message sent on that sender, by kernel timestamps */
    uint32_t attempt;      /**< which sending it follows: 1 = the first */
    size_t sender_index;   /**< which of the senders heard it */
    int ttl;               /**< TTL or hop limit on arrival; -1 unknown */
    bool first;            /**< the first answer of this responder (address and port) */
};

/** A question under way. */
typedef struct herald_ask herald_ask;

/**
 * Prepares a question; sends the message at once on every sender. Answers that came in before that, to an
 * earlier question on the same sender, are passed over.
 *
 * @return 0; -EINVAL; whatever herald_sender_send() returned, if it failed on every sender.
 */
HERALD_API HERALD_CHECKED int herald_ask_new(herald_ask **ret_ask, const struct herald_ask_config *config,
                                             uint64_t now_ns, struct herald_error *error);

/** Ends a question. Takes NULL; returns NULL. The senders stay open. */
HERALD_API herald_ask *herald_ask_free(herald_ask *ask);

/** The descriptor to poll for POLLIN. It belongs to the question or to its only sender. */
HERALD_API int herald_ask_fd(const herald_ask *ask);

/** When herald_ask_process() must be called at the latest (monotonic). */
HERALD_API uint64_t herald_ask_deadline(const herald_ask *ask);

/** Reads what has arrived, sends again when that is due. @return 0; a negative errno with *error filled. */
HERALD_API HERALD_CHECKED int herald_ask_process(herald_ask *ask, uint64_t now_ns, struct herald_error *error);

/** Takes the next answer, in order of arrival. @return 1 with *ret_response, 0 when there is none. */
HERALD_API HERALD_CHECKED int herald_ask_next_response(herald_ask *ask, struct herald_response *ret_response);

/** Whether the question is over and every answer was taken. */
HERALD_API bool herald_ask_done(const herald_ask *ask);

/** Distinct responders so far, by address and port. */
HERALD_API uint32_t herald_ask_responders(const herald_ask *ask);

/** How often the message was sent so far (1 + retries made). */
HERALD_API uint32_t herald_ask_attempts(const herald_ask *ask);

/**
 * Blocks until the question is over, calling `on_response` (may be NULL) for each answer.
 *
 * @return the number of distinct responders; a negative errno with *error filled.
 */
HERALD_API HERALD_CHECKED int herald_ask_run(herald_ask *ask,
                                             void (*on_response)(void *userdata,
                                                                 const struct herald_response *response),
                                             void *userdata, struct herald_error *error);

#ifdef __cplusplus
}
#endif

#endif
