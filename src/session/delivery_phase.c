/* SPDX-License-Identifier: MIT */
/*
 * Roll call, sending, receipts, serving, good-bye: which questions are asked when, and what the answers lead to.
 */
#include "delivery.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    ASK_NODES_MAX = 128, /* in one question: the next one asks the others */
    QUESTION_GRTTS = 8,  /* a question is asked for so long, if that is more than QUESTION_NS */
    GOOD_BYES = 2,       /* of the transport's EOT, which nobody acknowledges */
    STRANGER_GRTTS = 6,  /* for so long it is asked who a node is: three questions */
};

#define MS(n) (UINT64_C(1000000) * (n))

/* How long nobody new has come when the roll call counts as answered, and how long that may take at most. */
#define QUIET_NS                MS(25)
#define ROLL_CALL_MAX_NS        MS(60)
#define QUESTION_NS             MS(300)
#define STATUS_INTERVAL_NS      MS(250)
#define RECEIPT_INTERVAL_MIN_NS MS(5)
#define RECEIPT_INTERVAL_MAX_NS MS(500)
#define GOOD_BYE_MIN_NS         MS(200)
#define GOOD_BYE_MAX_NS         MS(3000)
#define SERVING_INTERVAL_NS     MS(1000)
/* How long it goes on when nobody is left to send to: somebody else may just be joining. */
#define FORSAKEN_NS MS(1000)

void hd_delivery_set_phase(herald_delivery *delivery, enum herald_delivery_phase phase)
{
    static const bool legal[HERALD_DELIVERY_DONE + 1][HERALD_DELIVERY_DONE + 1] = {
        [HERALD_DELIVERY_ROLL_CALL] = { [HERALD_DELIVERY_SENDING] = true, [HERALD_DELIVERY_ENDING] = true },
        [HERALD_DELIVERY_SENDING] = { [HERALD_DELIVERY_RECEIPTS] = true, [HERALD_DELIVERY_ENDING] = true },
        [HERALD_DELIVERY_RECEIPTS] = { [HERALD_DELIVERY_SENDING] = true,
                                       [HERALD_DELIVERY_SERVING] = true,
                                       [HERALD_DELIVERY_ENDING] = true },
        [HERALD_DELIVERY_SERVING] = { [HERALD_DELIVERY_RECEIPTS] = true, [HERALD_DELIVERY_ENDING] = true },
        [HERALD_DELIVERY_ENDING] = { [HERALD_DELIVERY_DONE] = true },
    };
    struct herald_delivery_event event = { .kind = HERALD_DELIVERY_PHASE, .phase = phase };

    if (!legal[delivery->phase][phase])
        return;
    delivery->phase = phase;
    delivery->phase_ns = delivery->now_ns;
    delivery->ask_ns = delivery->now_ns;
    delivery->ask_interval_ns = RECEIPT_INTERVAL_MIN_NS;
    if (phase == HERALD_DELIVERY_SENDING && delivery->begin_ns == 0)
        delivery->begin_ns = delivery->now_ns;
    if (phase == HERALD_DELIVERY_ENDING) {
        delivery->end_ns = delivery->now_ns;
        hd_delivery_forget_all(delivery); /* or it would all be sent, or flushed, first */
        herald_norm_sender_end(delivery->norm, delivery->now_ns);
    }
    hd_delivery_tell(delivery, &event);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* What the user of a receiver that is left behind is told. */
static struct hd_text dismissal_reason(const herald_delivery *delivery, char text[HERALD_REASON_BYTES])
{
    uint64_t waited_ms = delivery->config.laggard_drop_ns / 1000000;
    bool is_long = waited_ms >= 1000 && waited_ms % 1000 == 0;
    int length = snprintf(text, HERALD_REASON_BYTES, "nothing new had arrived here for %llu %s",
                          (unsigned long long)(is_long ? waited_ms / 1000 : waited_ms), is_long ? "s" : "ms");

    return (struct hd_text){ text, (size_t)length };
}

/* From now on those who are asked have something to say. Without a list everybody is. */
static void note_asked(herald_delivery *delivery, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < (nodes != NULL ? count : delivery->people_count); i++) {
        struct hd_recipient *recipient = nodes != NULL ? hd_people_find(delivery, nodes[i]) : &delivery->people[i];

        if (recipient != NULL && recipient->asked_ns == 0)
            recipient->asked_ns = delivery->now_ns;
    }
}

/* @return whether it is asked now; otherwise the last question is not answered yet. */
static bool ask(herald_delivery *delivery, enum hd_request_kind kind, const uint32_t *nodes, uint32_t count)
{
    bool is_known = delivery->stream.fd < 0 || delivery->stream.is_closed;
    char reason[HERALD_REASON_BYTES];
    struct hd_request request = {
        .kind = kind,
        .delivery_id = delivery->delivery_id,
        .entries = kind == HD_REQUEST_RECEIPT || is_known ? hd_tree_count(delivery->tree) : 0,
        .size_bytes = delivery->stream.fd < 0 ? delivery->tree_bytes : delivery->stream.written_bytes,
        .host = { delivery->host, strlen(delivery->host) },
    };
    uint8_t bytes[HD_MESSAGE_BYTES];
    size_t room_bytes = delivery->norm_config.segment_bytes < sizeof(bytes) ? delivery->norm_config.segment_bytes
                                                                            : sizeof(bytes);
    int size_bytes;

    if (kind == HD_REQUEST_DISMISS)
        request.reason = dismissal_reason(delivery, reason);
    size_bytes = hd_request_encode(&request, bytes, room_bytes);
    if (size_bytes == -EMSGSIZE) { /* segments that small are rare: the reason is the least */
        request.reason.size_bytes = 0;
        size_bytes = hd_request_encode(&request, bytes, room_bytes);
    }
    if (delivery->request_active || size_bytes < 0)
        return false;
    if (herald_norm_sender_request(delivery->norm, HD_ACK_TYPE, ++delivery->request_id, nodes, count, bytes,
                                   (size_t)size_bytes, delivery->now_ns) < 0)
        return false;
    delivery->request_active = true;
    delivery->request_kind = kind;
    delivery->request_ns = delivery->now_ns;
    note_asked(delivery, nodes, count);
    delivery->someone_new = false;
    return true;
}

/* Asks those who are not done yet: as many as one question can name, the others next time. */
static bool ask_people(herald_delivery *delivery, enum hd_request_kind kind)
{
    uint32_t nodes[ASK_NODES_MAX];
    uint32_t count = 0;
    uint32_t people = delivery->people_count;

    for (uint32_t i = 0; i < people && count < ASK_NODES_MAX; i++) {
        struct hd_recipient *recipient = &delivery->people[(delivery->ask_next + i) % people];

        if (recipient->facts.is_herald && !recipient->is_ignored && !hd_recipient_is_final(recipient))
            nodes[count++] = recipient->facts.node_id;
        if (count == ASK_NODES_MAX)
            delivery->ask_next = (delivery->ask_next + i + 1) % people;
    }
    return count > 0 && ask(delivery, kind, nodes, count);
}

void hd_delivery_on_request_done(herald_delivery *delivery)
{
    bool is_receipts = delivery->phase == HERALD_DELIVERY_RECEIPTS;

    delivery->request_active = false;
    /* Who was told that it is left behind, and could answer that, is not listened to any more. */
    for (uint32_t i = 0; i < delivery->people_count; i++)
        delivery->people[i].is_ignored |= delivery->people[i].facts.state == HERALD_RECIPIENT_BEHIND &&
                                          !delivery->people[i].is_dismissal_due;
    delivery->ask_ns = delivery->now_ns + (is_receipts ? delivery->ask_interval_ns : STATUS_INTERVAL_NS);
    /* A stream goes on only when its readers have told how far they are. */
    if (delivery->stream.fd >= 0 && !is_receipts)
        delivery->ask_ns = delivery->now_ns + RECEIPT_INTERVAL_MIN_NS;
    if (delivery->phase == HERALD_DELIVERY_SERVING)
        delivery->ask_ns = delivery->now_ns + SERVING_INTERVAL_NS;
    delivery->ask_interval_ns *= 2;
    if (delivery->ask_interval_ns > RECEIPT_INTERVAL_MAX_NS)
        delivery->ask_interval_ns = RECEIPT_INTERVAL_MAX_NS;
}

/*
 * The transport asks those who do not answer again and again, for seconds. The others, who have answered, may have more
 * to say meanwhile: so everybody is asked anew before.
 */
static void end_old_question(herald_delivery *delivery)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t long_ns;

    if (!delivery->request_active ||
        (delivery->request_kind != HD_REQUEST_STATUS && delivery->request_kind != HD_REQUEST_RECEIPT))
        return;
    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    long_ns = QUESTION_GRTTS * statistics.grtt_ns > QUESTION_NS ? QUESTION_GRTTS * statistics.grtt_ns : QUESTION_NS;
    if (delivery->now_ns - delivery->request_ns < long_ns || delivery->config.silent_receivers)
        return;
    herald_norm_sender_cancel_request(delivery->norm);
    hd_delivery_on_request_done(delivery);
}

void hd_delivery_on_acks_done(herald_delivery *delivery, uint32_t missing_count)
{
    (void)missing_count; /* who did not answer is asked again, until it has vanished */
    if (delivery->is_room_asked) {
        delivery->is_room_asked = false;
        return;
    }
    delivery->acks_active = false;
    delivery->acks_ns = delivery->now_ns + RECEIPT_INTERVAL_MAX_NS / 5;
}

/* Those who were left behind are told, so that they know why nothing comes any more. */
static void dismiss(herald_delivery *delivery)
{
    uint32_t nodes[ASK_NODES_MAX] = { 0 };
    uint32_t count = 0;

    if (delivery->dismiss_count == 0 || delivery->request_active)
        return;
    for (uint32_t i = 0; i < delivery->people_count && count < ASK_NODES_MAX; i++) {
        struct hd_recipient *recipient = &delivery->people[i];

        if (recipient->is_dismissal_due)
            nodes[count++] = recipient->facts.node_id;
    }
    if (!ask(delivery, HD_REQUEST_DISMISS, nodes, count))
        return;
    for (uint32_t i = 0; i < count; i++)
        hd_people_find(delivery, nodes[i])->is_dismissal_due = false;
    delivery->dismiss_count -= count;
}

/* ---- phases ---------------------------------------------------------------------------------- */

void hd_delivery_fail(herald_delivery *delivery, int code, const char *cause)
{
    if (delivery->result == 0)
        delivery->result = herald_error_set(&delivery->result_error, code, "%s", cause);
    hd_delivery_set_phase(delivery, HERALD_DELIVERY_ENDING);
}

/* When the roll call may end, if all who are waited for are here. */
static uint64_t roll_call_end_ns(const herald_delivery *delivery)
{
    const struct herald_delivery_config *config = &delivery->config;
    uint64_t max_ns = delivery->phase_ns + ROLL_CALL_MAX_NS;

    /* Whoever is only heard may still be herald: it is if it answers. Otherwise its receipt would be a mere ACK. */
    if (hd_people_has_strangers(delivery)) {
        uint64_t asked_ns = STRANGER_GRTTS * delivery->norm_config.grtt_initial_ns;

        return delivery->new_ns + (asked_ns > ROLL_CALL_MAX_NS ? asked_ns : ROLL_CALL_MAX_NS);
    }
    if (config->expect_count > 0 || config->expected_count > 0)
        return 0;
    return delivery->new_ns + QUIET_NS < max_ns ? delivery->new_ns + QUIET_NS : max_ns;
}

static void step_roll_call(herald_delivery *delivery)
{
    const struct herald_delivery_config *config = &delivery->config;
    uint64_t now_ns = delivery->now_ns;
    bool for_anybody = config->expect_count == 0 && config->expected_count == 0;

    if (config->silent_receivers || (hd_people_are_here(delivery) && now_ns >= roll_call_end_ns(delivery))) {
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_SENDING);
        return;
    }
    if (now_ns - delivery->phase_ns >= config->wait_ns) {
        if (for_anybody)
            hd_delivery_fail(delivery, -ENOENT, "nobody answered the roll call; nothing was sent");
        else
            hd_delivery_fail(delivery, -ETIMEDOUT,
                             "not everyone who is expected answered the roll call; nothing was sent");
        return;
    }
    if (!delivery->request_active)
        (void)ask(delivery, HD_REQUEST_ROLL_CALL, NULL, 0);
}

/* Nobody else is expected: the roll call, which is meant for anybody, need not be asked to its end. */
static void end_roll_call(herald_delivery *delivery)
{
    const struct herald_delivery_config *config = &delivery->config;

    if (!delivery->request_active || delivery->request_kind != HD_REQUEST_ROLL_CALL ||
        (config->expect_count == 0 && config->expected_count == 0) || !hd_people_are_here(delivery))
        return;
    herald_norm_sender_cancel_request(delivery->norm);
    delivery->request_active = false;
}

static bool all_are_final(const herald_delivery *delivery)
{
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct hd_recipient *recipient = &delivery->people[i];

        if (hd_recipient_counts(recipient) && !hd_recipient_is_final(recipient))
            return false;
    }
    return true;
}

/* Whether one that is not herald may only have had nothing to say for long: it is not asked as it receives. */
static bool may_be_listening(const herald_delivery *delivery)
{
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct herald_recipient *facts = &delivery->people[i].facts;

        if (facts->state == HERALD_RECIPIENT_VANISHED && !facts->is_herald)
            return true;
    }
    return false;
}

/* All have failed, or are gone, or have it already, and nobody else is waited for. Without answers the automatic rate
   would be the lowest, and sending the rest take for ever. */
static bool is_forsaken(herald_delivery *delivery)
{
    const struct herald_delivery_config *config = &delivery->config;

    if (config->silent_receivers || config->repeat || config->keep_serving_ns > 0 || !all_are_final(delivery) ||
        may_be_listening(delivery)) {
        delivery->forsaken_ns = 0;
        return false;
    }
    if (delivery->forsaken_ns == 0)
        delivery->forsaken_ns = delivery->now_ns;
    return delivery->now_ns - delivery->forsaken_ns >= FORSAKEN_NS;
}

static void step_sending(herald_delivery *delivery)
{
    if (hd_delivery_is_all_sent(delivery)) {
        delivery->is_room_asked = false;
        hd_people_list_all(delivery, false);
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_RECEIPTS);
        return;
    }
    if (is_forsaken(delivery)) {
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_ENDING);
        return;
    }
    end_roll_call(delivery);
    if (!delivery->config.silent_receivers && delivery->now_ns >= delivery->ask_ns && !delivery->request_active &&
        !ask_people(delivery, HD_REQUEST_STATUS))
        delivery->ask_ns = delivery->now_ns + STATUS_INTERVAL_NS;
}

/* Everybody has everything, or never will: what now? */
static void go_on(herald_delivery *delivery)
{
    uint64_t serve_ns = delivery->config.keep_serving_ns;

    if (delivery->config.repeat) {
        delivery->next_index = 0;
        delivery->objects_sent = 0;
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_SENDING);
    } else if (serve_ns > 0 && delivery->phase == HERALD_DELIVERY_RECEIPTS) {
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_SERVING);
    } else if (delivery->phase == HERALD_DELIVERY_RECEIPTS || delivery->now_ns - delivery->phase_ns >= serve_ns) {
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_ENDING);
    }
}

/* Without answers: those who listen are told how much it was, so that they know when they have everything. */
static void step_silent_receipts(herald_delivery *delivery)
{
    if (!delivery->has_asked_silent)
        delivery->has_asked_silent = ask(delivery, HD_REQUEST_RECEIPT, NULL, 0);
    else if (!delivery->request_active) {
        delivery->has_asked_silent = false;
        go_on(delivery);
    }
}

static void step_receipts(herald_delivery *delivery)
{
    uint64_t now_ns = delivery->now_ns;

    if (delivery->config.silent_receivers) {
        step_silent_receipts(delivery);
        return;
    }
    if (all_are_final(delivery) && hd_delivery_is_all_sent(delivery)) {
        go_on(delivery);
        return;
    }
    end_roll_call(delivery);
    if ((now_ns >= delivery->ask_ns || delivery->someone_new) && !delivery->request_active &&
        hd_delivery_is_all_sent(delivery) && !ask_people(delivery, HD_REQUEST_RECEIPT))
        delivery->ask_ns = now_ns + RECEIPT_INTERVAL_MAX_NS;
    if (delivery->listed_count > 0 && !delivery->acks_active && now_ns >= delivery->acks_ns)
        delivery->acks_active = herald_norm_sender_request_acks(delivery->norm, delivery->last_object_id, now_ns) == 0;
}

static void step_serving(herald_delivery *delivery)
{
    if (!all_are_final(delivery)) {
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_RECEIPTS);
        return;
    }
    /* Who joins now hears nothing unless something is said. */
    if (!delivery->request_active && delivery->now_ns >= delivery->ask_ns &&
        ask(delivery, HD_REQUEST_ROLL_CALL, NULL, 0))
        delivery->ask_ns = HERALD_NEVER;
    go_on(delivery);
}

/* A question that nobody answers is asked to its end before the transport says good-bye. */
static uint64_t good_bye_max_ns(const struct herald_norm_sender_statistics *statistics)
{
    uint64_t asked_ns = 45 * statistics->grtt_ns;

    if (asked_ns < GOOD_BYE_MIN_NS)
        return GOOD_BYE_MIN_NS;
    return asked_ns < GOOD_BYE_MAX_NS ? asked_ns : GOOD_BYE_MAX_NS;
}

static void step_ending(herald_delivery *delivery)
{
    struct herald_norm_sender_statistics statistics;

    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    if (delivery->has_ended || statistics.eots >= GOOD_BYES ||
        delivery->now_ns - delivery->phase_ns >= good_bye_max_ns(&statistics))
        hd_delivery_set_phase(delivery, HERALD_DELIVERY_DONE);
}

void hd_delivery_step(herald_delivery *delivery)
{
    enum herald_delivery_phase before;

    if (delivery->now_ns >= delivery->tick_ns) {
        hd_people_tick(delivery);
        delivery->tick_ns = delivery->now_ns + HD_DELIVERY_TICK_NS;
    }
    if (delivery->is_stopped && delivery->phase < HERALD_DELIVERY_ENDING) {
        hd_delivery_fail(delivery, -EINTR, "it was stopped");
        return;
    }
    end_old_question(delivery);
    dismiss(delivery);
    do {
        before = delivery->phase;
        switch (before) {
        case HERALD_DELIVERY_ROLL_CALL:
            step_roll_call(delivery);
            break;
        case HERALD_DELIVERY_SENDING:
            step_sending(delivery);
            break;
        case HERALD_DELIVERY_RECEIPTS:
            step_receipts(delivery);
            break;
        case HERALD_DELIVERY_SERVING:
            step_serving(delivery);
            break;
        case HERALD_DELIVERY_ENDING:
            step_ending(delivery);
            break;
        case HERALD_DELIVERY_DONE:
            break;
        }
    } while (delivery->phase != before && delivery->phase != HERALD_DELIVERY_SENDING);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t hd_delivery_step_deadline(const herald_delivery *delivery)
{
    uint64_t deadline_ns = delivery->tick_ns;

    if (delivery->phase == HERALD_DELIVERY_DONE)
        return HERALD_NEVER;
    if (delivery->phase == HERALD_DELIVERY_ROLL_CALL && hd_people_are_here(delivery))
        deadline_ns = earlier(deadline_ns, roll_call_end_ns(delivery));
    /* What could not be asked when it was due is asked after the transport's next event, or at the next tick. */
    if (!delivery->request_active && delivery->ask_ns > delivery->now_ns)
        deadline_ns = earlier(deadline_ns, delivery->ask_ns);
    return deadline_ns;
}
