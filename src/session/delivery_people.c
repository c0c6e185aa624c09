/* SPDX-License-Identifier: MIT */
/* Who receives a delivery, and how far they are. */
#include "delivery.h"

#include "cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    ANSWER_GRTTS = 10,     /* after which a question that was asked again and again is not answered any more */
    STRANGER_MESSAGES = 3, /* after which a node that never answered a question counts as a recipient */
    TYPE_NACK = 4,
    TYPE_ACK = 5,
    FEEDBACK_HEADER_BYTES = 14, /* up to and including the instance */
};

#define MS(n) (UINT64_C(1000000) * (n))

/* A node id that was heard from one address is not taken from another for so long. */
#define ADDRESS_KEPT_NS MS(5000)

/* One that lacks things, while nothing is repaired, is reminded after so long; then they are sent again; and also if
   others keep the transport busy for very long. */
#define REMIND_NS   MS(250)
#define PATIENCE_NS MS(1000)
#define BUSY_NS     MS(30000)

bool hd_recipient_counts(const struct hd_recipient *recipient)
{
    return recipient->facts.is_expected || recipient->facts.state != HERALD_RECIPIENT_EXPECTED;
}

static void unlist(herald_delivery *delivery, struct hd_recipient *recipient)
{
    if (recipient->is_listed &&
        herald_norm_sender_remove_ack_node(delivery->norm, recipient->facts.node_id, delivery->now_ns) == 0)
        delivery->listed_count--;
    recipient->is_listed = false;
}

/*
 * When there is no room, made up node ids do not keep receivers out: first go those of which a packet or two were
 * heard, then those that only seem to take part, then those that gave one answer, and none to what they were asked
 * since.
 * @return the higher, the sooner; 0: it stays.
 */
static unsigned rank_nobody(const struct hd_recipient *recipient)
{
    if (!hd_recipient_counts(recipient))
        return 3;
    if (recipient->facts.is_expected || recipient->has_proved || recipient->facts.state == HERALD_RECIPIENT_BEHIND)
        return 0;
    if (!recipient->facts.is_herald)
        return 2;
    return recipient->asked_ns != 0 ? 1 : 0;
}

static struct hd_recipient *find_nobody(herald_delivery *delivery)
{
    struct hd_recipient *found = NULL;
    unsigned found_rank = 0;

    for (uint32_t i = 0; i < delivery->people_count; i++) {
        struct hd_recipient *recipient = &delivery->people[i];
        unsigned rank = rank_nobody(recipient);

        if (rank > found_rank ||
            (found != NULL && rank == found_rank && recipient->facts.heard_ns < found->facts.heard_ns)) {
            found = recipient;
            found_rank = rank;
        }
    }
    return found;
}

static struct hd_recipient *add(herald_delivery *delivery)
{
    struct hd_recipient *recipient;

    if (delivery->people_count < delivery->config.receivers_max)
        recipient = &delivery->people[delivery->people_count++];
    else if ((recipient = find_nobody(delivery)) != NULL)
        unlist(delivery, recipient);
    else
        return NULL;
    *recipient = (struct hd_recipient){ .facts.state = HERALD_RECIPIENT_EXPECTED };
    recipient->since_ns = recipient->progress_ns = recipient->facts.heard_ns = delivery->now_ns;
    return recipient;
}

int hd_people_init(herald_delivery *delivery, const struct herald_delivery_config *config)
{
    if (config->expected_count > delivery->config.receivers_max)
        return -E2BIG;
    delivery->people = calloc(delivery->config.receivers_max, sizeof(*delivery->people));
    if (delivery->people == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < config->expected_count; i++) {
        const struct herald_expected *expected = &config->expected[i];
        struct herald_recipient *facts = &add(delivery)->facts;

        facts->is_expected = true;
        facts->node_id = expected->node_id;
        facts->address.address = expected->address;
        if (expected->host != NULL)
            strncpy(facts->host, expected->host, sizeof(facts->host) - 1);
    }
    return 0;
}

struct hd_recipient *hd_people_find(herald_delivery *delivery, uint32_t node_id)
{
    for (uint32_t i = 0; i < delivery->people_count; i++)
        if (delivery->people[i].facts.node_id == node_id)
            return &delivery->people[i];
    return NULL;
}

/* "alpha" is "alpha.example.org", but not the other way round. */
static bool is_same_host(const char *expected, const char *told)
{
    size_t length = strlen(expected);

    return strncasecmp(expected, told, length) == 0 && (told[length] == '\0' || told[length] == '.');
}

/* An expected one who is now here. */
static struct hd_recipient *find_expected(herald_delivery *delivery, const char *host,
                                          const struct herald_address *address)
{
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        struct hd_recipient *recipient = &delivery->people[i];
        const struct herald_recipient *facts = &recipient->facts;

        if (facts->node_id != 0 || !facts->is_expected)
            continue;
        if (facts->host[0] != '\0' ? is_same_host(facts->host, host)
                                   : herald_address_equal(&facts->address.address, address))
            return recipient;
    }
    return NULL;
}

bool hd_recipient_has_all(const struct hd_recipient *recipient)
{
    return recipient->facts.state == HERALD_RECIPIENT_COMPLETE || recipient->facts.state == HERALD_RECIPIENT_CONFIRMED;
}

bool hd_recipient_is_final(const struct hd_recipient *recipient)
{
    switch (recipient->facts.state) {
    case HERALD_RECIPIENT_EXPECTED:
        return recipient->facts.node_id == 0;
    case HERALD_RECIPIENT_HERE:
    case HERALD_RECIPIENT_RECEIVING:
        return false;
    case HERALD_RECIPIENT_COMPLETE:
    case HERALD_RECIPIENT_CONFIRMED:
    case HERALD_RECIPIENT_FAILED:
    case HERALD_RECIPIENT_BEHIND:
    case HERALD_RECIPIENT_VANISHED:
        break;
    }
    return true;
}

void hd_people_set_state(herald_delivery *delivery, struct hd_recipient *recipient, enum herald_recipient_state state)
{
    struct herald_recipient *facts = &recipient->facts;
    struct herald_delivery_event event = { .kind = HERALD_DELIVERY_RECIPIENT, .recipient = facts };

    if (facts->state == state && recipient->is_told)
        return;
    facts->state = state;
    if (hd_recipient_has_all(recipient) && facts->duration_ns == 0 && delivery->begin_ns != 0)
        facts->duration_ns = delivery->now_ns - delivery->begin_ns;
    recipient->is_told = true;
    hd_delivery_tell(delivery, &event);
}

/* ---- heard ----------------------------------------------------------------------------------- */

/* The expected one of that name, or that address, takes over what was heard under the node id. */
static struct hd_recipient *recognise(herald_delivery *delivery, struct hd_recipient *recipient, const char *host)
{
    struct hd_recipient *expected = find_expected(delivery, host, &recipient->facts.address.address);
    struct hd_recipient *last = &delivery->people[delivery->people_count - 1];

    if (expected == NULL)
        return recipient;
    expected->facts.node_id = recipient->facts.node_id;
    expected->facts.address = recipient->facts.address;
    expected->facts.heard_ns = recipient->facts.heard_ns;
    expected->messages = recipient->messages;
    unlist(delivery, recipient); /* a stranger so far, perhaps */
    *recipient = *last;
    delivery->people_count--;
    return expected == last ? recipient : expected;
}

/* One who says nothing of itself, and yet takes part: not herald. It may be expected by its address. */
static void meet_stranger(herald_delivery *delivery, struct hd_recipient *recipient)
{
    if (recipient->facts.state != HERALD_RECIPIENT_EXPECTED || recipient->facts.is_herald ||
        (!recipient->facts.is_expected && ++recipient->messages < STRANGER_MESSAGES))
        return;
    if (!recipient->facts.is_expected)
        recipient = recognise(delivery, recipient, "");
    delivery->someone_new = true;
    delivery->new_ns = delivery->now_ns;
    hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_HERE);
}

/* Whether somebody else speaks for it: one who does not have its address. It may have moved if it was not heard. */
static bool is_impostor(const herald_delivery *delivery, const struct hd_recipient *recipient,
                        const struct herald_peer *from)
{
    return recipient->is_told && delivery->now_ns - recipient->facts.heard_ns < ADDRESS_KEPT_NS &&
           !herald_address_equal(&recipient->facts.address.address, &from->address);
}

/* Its receipt will not say anything about the other one. */
static void tell_double(herald_delivery *delivery, struct hd_recipient *recipient, const struct herald_peer *from)
{
    struct herald_delivery_event event = { .kind = HERALD_DELIVERY_SAME_ID, .recipient = &recipient->facts };
    char first[HERALD_ENDPOINT_TEXT_BYTES];
    char second[HERALD_ENDPOINT_TEXT_BYTES];

    if (recipient->has_double)
        return;
    recipient->has_double = true;
    (void)herald_address_format(&recipient->facts.address.address, first, sizeof(first));
    (void)herald_address_format(&from->address, second, sizeof(second));
    (void)herald_error_set(&event.error, -EADDRINUSE,
                           "two receivers have node id %u: %s and %s; the second one is not listened to",
                           recipient->facts.node_id, first, second);
    hd_delivery_tell(delivery, &event);
}

bool hd_people_on_packet(herald_delivery *delivery, const struct herald_peer *from, const uint8_t *packet,
                         size_t packet_bytes)
{
    uint8_t type = packet_bytes >= FEEDBACK_HEADER_BYTES ? packet[0] & 0x0f : 0;
    struct hd_recipient *recipient;
    uint32_t node_id;

    if ((type != TYPE_NACK && type != TYPE_ACK) || hd_load_u32(packet + 8) != delivery->norm_config.node_id)
        return true; /* the transport will count it */
    node_id = hd_load_u32(packet + 4);
    if (hd_load_u16(packet + 12) != delivery->norm_config.instance_id && hd_load_u16(packet + 12) != 0)
        return true;
    if (node_id == HERALD_NORM_NODE_NONE || node_id == HERALD_NORM_NODE_ANY || node_id == delivery->norm_config.node_id)
        return true;
    recipient = hd_people_find(delivery, node_id);
    if (recipient == NULL) {
        recipient = add(delivery);
        if (recipient == NULL)
            return true;
        recipient->facts.node_id = node_id;
    }
    if (recipient->is_ignored)
        return false;
    if (is_impostor(delivery, recipient, from)) {
        tell_double(delivery, recipient, from);
        return false;
    }
    recipient->facts.address = *from;
    recipient->facts.heard_ns = delivery->now_ns;
    recipient->asked_ns = 0;
    if (recipient->facts.state == HERALD_RECIPIENT_VANISHED && delivery->phase < HERALD_DELIVERY_ENDING) {
        recipient->progress_ns = delivery->now_ns;
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_RECEIVING); /* it is back */
    }
    meet_stranger(delivery, recipient);
    return true;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void copy_text(char *ret_text, size_t size_bytes, const struct hd_text *text)
{
    size_t length = text->size_bytes < size_bytes - 1 ? text->size_bytes : size_bytes - 1;

    memcpy(ret_text, text->at, length);
    ret_text[length] = '\0';
}

/* Who is expected by name and by address is one, not two. @return where the recipient is now. */
static struct hd_recipient *drop_repeated(herald_delivery *delivery, struct hd_recipient *recipient, const char *host)
{
    struct hd_recipient *other;

    while ((other = find_expected(delivery, host, &recipient->facts.address.address)) != NULL) {
        struct hd_recipient *last = &delivery->people[--delivery->people_count];

        if (other != last)
            *other = *last;
        if (recipient == last)
            recipient = other;
    }
    return recipient;
}

static struct hd_recipient *on_here(herald_delivery *delivery, struct hd_recipient *recipient,
                                    const struct hd_answer *answer)
{
    char host[HERALD_HOST_NAME_BYTES];

    if (recipient->facts.is_herald)
        return recipient;
    copy_text(host, sizeof(host), &answer->host);
    if (!recipient->facts.is_expected)
        recipient = recognise(delivery, recipient, host);
    if (recipient->facts.is_expected)
        recipient = drop_repeated(delivery, recipient, host);
    memcpy(recipient->facts.host, host, sizeof(host));
    recipient->facts.is_herald = true;
    recipient->progress_ns = delivery->now_ns;
    recipient->joined_bytes = delivery->stream.written_bytes;
    delivery->someone_new = true;
    delivery->new_ns = delivery->now_ns;
    recipient->is_told = false;
    hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_HERE);
    return recipient;
}

static uint32_t count_ranges(const herald_delivery *delivery, const struct hd_answer *answer)
{
    uint32_t count = 0;

    for (size_t i = 0; i < answer->missing_count; i++)
        for (uint32_t index = answer->missing[i].first;
             index <= answer->missing[i].last && index < hd_tree_count(delivery->tree); index++)
            count += !(delivery->void_entries[index / 64] >> index % 64 & 1);
    return count;
}

/* Those that the transport still has are left to it, unless it gets nowhere with them. */
static void send_missing(herald_delivery *delivery, struct hd_recipient *recipient, const struct hd_answer *answer)
{
    uint32_t count = count_ranges(delivery, answer);
    uint64_t quiet_ns = delivery->now_ns - delivery->repaired_ns;
    uint64_t same_ns;
    bool is_stuck;

    if (count != recipient->missing_count || recipient->progress_ns == delivery->now_ns ||
        recipient->missing_same_ns == 0) {
        recipient->missing_same_ns = delivery->now_ns;
        recipient->is_reminded = false;
    }
    recipient->missing_count = count;
    same_ns = delivery->now_ns - recipient->missing_same_ns;
    is_stuck = same_ns >= PATIENCE_NS && (quiet_ns >= PATIENCE_NS || same_ns >= BUSY_NS);
    if (is_stuck)
        recipient->missing_same_ns = delivery->now_ns;
    if (delivery->phase != HERALD_DELIVERY_RECEIPTS && delivery->phase != HERALD_DELIVERY_SERVING)
        return;
    for (size_t i = 0; i < answer->missing_count; i++)
        hd_delivery_send_again(delivery, answer->missing[i].first, answer->missing[i].last, is_stuck);
    /* One that was away when it was told that this was all does not know that it should ask. */
    if (answer->state == HD_STATE_RECEIVING &&
        (is_stuck || (!recipient->is_reminded && same_ns >= REMIND_NS && quiet_ns >= REMIND_NS))) {
        herald_norm_sender_flush(delivery->norm, delivery->now_ns);
        recipient->is_reminded = true;
    }
}

/* Who joins a stream late knows its place in it by 32 bits, and nobody is far behind. */
static uint64_t unwrap_bytes(const herald_delivery *delivery, uint64_t bytes)
{
    uint64_t written_bytes = delivery->stream.written_bytes;

    return bytes < written_bytes ? bytes + ((written_bytes - bytes) & ~(uint64_t)UINT32_MAX) : bytes;
}

/* Nothing of a stream is kept: who has not got it by now, and gets nothing new, will not. */
static void give_stream_up(herald_delivery *delivery, struct hd_recipient *recipient)
{
    if (delivery->stream.fd < 0 || hd_recipient_is_final(recipient) || recipient->missing_count == 0 ||
        delivery->phase < HERALD_DELIVERY_RECEIPTS ||
        delivery->now_ns - recipient->progress_ns < delivery->config.give_up_ns)
        return;
    strcpy(recipient->facts.reason, "it has not got the stream, which cannot be sent again");
    hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_FAILED);
}

static void on_status(herald_delivery *delivery, struct hd_recipient *recipient, const struct hd_answer *answer)
{
    struct herald_recipient *facts = &recipient->facts;
    struct herald_norm_sender_statistics statistics;
    uint32_t entries = hd_tree_count(delivery->tree);
    uint64_t bytes = unwrap_bytes(delivery, answer->received_bytes);

    recipient->has_proved = true;
    if (bytes > facts->bytes || answer->complete_count > facts->objects)
        recipient->progress_ns = delivery->now_ns;
    /* What comes a second time may be counted twice until it is known what it is. */
    if (delivery->stream.fd < 0 && bytes > delivery->tree_bytes)
        bytes = delivery->tree_bytes;
    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    hd_recipient_set_bytes(recipient, bytes, statistics.payload_bytes);
    facts->objects = answer->complete_count;
    facts->failed_objects = answer->failed_count;
    facts->repaired_segments = answer->repaired_segments;
    if (answer->reason.size_bytes > 0)
        copy_text(facts->reason, sizeof(facts->reason), &answer->reason);
    if (hd_recipient_is_final(recipient))
        return;
    send_missing(delivery, recipient, answer);
    recipient->has_left = answer->state == HD_STATE_ENDED && answer->has_left;
    if (answer->state == HD_STATE_COMPLETE && (uint64_t)answer->complete_count + delivery->void_count >= entries)
        hd_people_set_state(delivery, recipient,
                            answer->unverified_count > 0 ? HERALD_RECIPIENT_CONFIRMED : HERALD_RECIPIENT_COMPLETE);
    else if (answer->state == HD_STATE_ENDED)
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_FAILED);
    else
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_RECEIVING);
    give_stream_up(delivery, recipient);
}

void hd_people_on_answer(herald_delivery *delivery, uint32_t node_id, const uint8_t *content, size_t content_bytes)
{
    struct hd_recipient *recipient = hd_people_find(delivery, node_id);
    struct hd_answer answer;

    if (recipient == NULL || recipient->is_ignored || hd_answer_decode(content, content_bytes, &answer) < 0)
        return;
    /* A host may answer before it has heard which delivery this is, but not for another. */
    if (answer.delivery_id != delivery->delivery_id && answer.delivery_id != 0)
        return;
    recipient = on_here(delivery, recipient, &answer);
    if (answer.kind == HD_ANSWER_STATUS)
        on_status(delivery, recipient, &answer);
}

void hd_people_on_acked(herald_delivery *delivery, uint32_t node_id, uint16_t object_id)
{
    struct hd_recipient *recipient = hd_people_find(delivery, node_id);

    if (object_id != delivery->last_object_id || !hd_delivery_is_all_sent(delivery))
        return; /* there is more to come */
    if (recipient != NULL && !recipient->facts.is_herald && !hd_recipient_is_final(recipient)) {
        recipient->has_proved = true;
        recipient->facts.bytes = delivery->tree_bytes + delivery->stream.written_bytes;
        recipient->facts.objects = hd_tree_count(delivery->tree);
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_CONFIRMED);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* A host whose program was started anew is another node: the one that came after it fell silent, or had left. */
static struct hd_recipient *find_successor(herald_delivery *delivery, const struct hd_recipient *silent)
{
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        struct hd_recipient *recipient = &delivery->people[i];

        if (recipient != silent && recipient->facts.is_herald && silent->facts.is_herald &&
            recipient->since_ns > silent->facts.heard_ns && strcmp(recipient->facts.host, silent->facts.host) == 0 &&
            herald_address_equal(&recipient->facts.address.address, &silent->facts.address.address))
            return recipient;
    }
    return NULL;
}

/* @return whether there is one, which takes its place. */
static bool has_successor(herald_delivery *delivery, struct hd_recipient *silent)
{
    struct hd_recipient *successor = find_successor(delivery, silent);

    if (successor == NULL)
        return false;
    unlist(delivery, silent);
    successor->facts.is_expected |= silent->facts.is_expected;
    *silent = delivery->people[--delivery->people_count];
    return true;
}

/* It is not heard of any more: either it is gone, or known under another node id. */
static void tick_silent(herald_delivery *delivery, struct hd_recipient *recipient)
{
    if (has_successor(delivery, recipient))
        return;
    unlist(delivery, recipient);
    if (recipient->is_told || recipient->facts.is_expected) {
        /* A node id of which never anything was heard but a packet or two is nobody. */
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_VANISHED);
    }
}

/* Answers come within some round-trips, and these may be longer than the user thought. */
static uint64_t patience_ns(const herald_delivery *delivery)
{
    struct herald_norm_sender_statistics statistics;

    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    return delivery->config.give_up_ns > ANSWER_GRTTS * statistics.grtt_ns ? delivery->config.give_up_ns
                                                                           : ANSWER_GRTTS * statistics.grtt_ns;
}

/* A herald says something when it is asked, and only then need it. Others are known by what they say unasked. */
static bool is_silent(const herald_delivery *delivery, const struct hd_recipient *recipient)
{
    uint64_t since_ns = recipient->facts.is_herald ? recipient->asked_ns : recipient->facts.heard_ns;

    return since_ns != 0 && delivery->now_ns - since_ns > patience_ns(delivery);
}

static void tick_one(herald_delivery *delivery, struct hd_recipient *recipient)
{
    const struct herald_delivery_config *config = &delivery->config;
    uint64_t now_ns = delivery->now_ns;

    if (recipient->facts.node_id == 0 || hd_recipient_is_final(recipient))
        return;
    if (recipient->facts.state == HERALD_RECIPIENT_EXPECTED && delivery->phase == HERALD_DELIVERY_ROLL_CALL)
        recipient->facts.heard_ns = now_ns;         /* nothing is sent that it could say something to */
    if (delivery->is_failing || delivery->is_cut) { /* it is us whom nobody hears */
        recipient->facts.heard_ns = recipient->progress_ns = now_ns;
        recipient->asked_ns = 0;
    }
    if (is_silent(delivery, recipient)) {
        tick_silent(delivery, recipient);
    } else if (config->laggard_drop_ns != 0 && delivery->begin_ns != 0 && recipient->facts.is_herald &&
               now_ns - recipient->progress_ns > config->laggard_drop_ns) {
        hd_people_set_state(delivery, recipient, HERALD_RECIPIENT_BEHIND);
        recipient->is_dismissal_due = true; /* then it is ignored */
        delivery->dismiss_count++;
        unlist(delivery, recipient);
    }
}

/* One that was heard; and a node id that was expected, which need not say anything before data comes. */
static bool is_here(const struct hd_recipient *recipient)
{
    return recipient->facts.state != HERALD_RECIPIENT_EXPECTED ||
           (recipient->facts.is_expected && recipient->facts.node_id != 0);
}

static void note_repairs(herald_delivery *delivery)
{
    struct herald_norm_sender_statistics statistics;
    uint64_t repairs;

    herald_norm_sender_get_statistics(delivery->norm, &statistics);
    repairs = statistics.repair_source_datagrams + statistics.repair_parity_datagrams +
              statistics.repair_info_datagrams;
    if (repairs == delivery->repairs)
        return;
    delivery->repairs = repairs;
    delivery->repaired_ns = delivery->now_ns;
}

/* Who is asked for acknowledgement by watermark: of those that are herald, receipts tell more in the end. */
static void update_listing(herald_delivery *delivery, struct hd_recipient *recipient)
{
    const struct herald_recipient *facts = &recipient->facts;
    bool is_final = hd_recipient_is_final(recipient);

    if (facts->is_herald && (!delivery->lists_all || is_final || recipient->is_ignored)) {
        unlist(delivery, recipient);
    } else if (facts->node_id != 0 && is_here(recipient) && !recipient->is_listed && !is_final) {
        recipient->is_listed = herald_norm_sender_add_ack_node(delivery->norm, facts->node_id) == 0;
        delivery->listed_count += recipient->is_listed;
    }
}

void hd_people_list_all(herald_delivery *delivery, bool all)
{
    if (delivery->lists_all == all)
        return;
    delivery->lists_all = all;
    for (uint32_t i = 0; i < delivery->people_count; i++)
        update_listing(delivery, &delivery->people[i]);
}

void hd_people_tick(herald_delivery *delivery)
{
    note_repairs(delivery);
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        struct hd_recipient *recipient = &delivery->people[i];

        update_listing(delivery, recipient);
        if (!recipient->has_left || !has_successor(delivery, recipient))
            tick_one(delivery, recipient);
    }
}

bool hd_people_are_here(const herald_delivery *delivery)
{
    uint32_t here = 0;

    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct hd_recipient *recipient = &delivery->people[i];

        if (recipient->facts.is_expected && !is_here(recipient))
            return false;
        here += is_here(recipient);
    }
    return here > 0 && here >= delivery->config.expect_count;
}

bool hd_people_has_strangers(const herald_delivery *delivery)
{
    for (uint32_t i = 0; i < delivery->people_count; i++)
        if (is_here(&delivery->people[i]) && !delivery->people[i].facts.is_herald)
            return true;
    return false;
}

uint32_t hd_people_missing(const herald_delivery *delivery)
{
    uint32_t missing = 0;
    uint32_t all = 0;

    for (uint32_t i = 0; i < delivery->people_count; i++)
        if (hd_recipient_counts(&delivery->people[i])) {
            all++;
            missing += !hd_recipient_has_all(&delivery->people[i]);
        }
    return missing + (delivery->config.expect_count > all ? delivery->config.expect_count - all : 0);
}

uint64_t hd_people_least_bytes(const herald_delivery *delivery)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct hd_recipient *recipient = &delivery->people[i];
        uint64_t bytes = recipient->facts.bytes;

        /* Who lacks something of a stream for good has nothing to wait for. */
        if (!recipient->facts.is_herald || recipient->facts.failed_objects > 0 || hd_recipient_is_final(recipient))
            continue;
        if (bytes < recipient->joined_bytes) /* it was not to have what came before it */
            bytes = recipient->joined_bytes;
        if (bytes < least)
            least = bytes;
    }
    return least;
}

/* ---- how long it will take ------------------------------------------------------------------- */

void hd_recipient_set_bytes(struct hd_recipient *recipient, uint64_t bytes, uint64_t sent_bytes)
{
    recipient->facts.bytes = bytes;
    if (bytes > sent_bytes && bytes - sent_bytes > recipient->resumed_bytes)
        recipient->resumed_bytes = bytes - sent_bytes;
}

static uint64_t scale_ns(uint64_t taken_ns, uint64_t left_bytes, uint64_t done_bytes)
{
    return done_bytes > 0 && taken_ns > 0 ? (uint64_t)((double)taken_ns * (double)left_bytes / (double)done_bytes)
                                          : HERALD_NEVER;
}

/* As fast as it got what it did not have when it came. */
static uint64_t eta_ns(const herald_delivery *delivery, const struct hd_recipient *recipient, uint64_t all_bytes,
                       uint64_t now_ns)
{
    uint64_t since_ns = recipient->since_ns > delivery->begin_ns ? recipient->since_ns : delivery->begin_ns;
    uint64_t had_bytes = recipient->resumed_bytes;
    uint64_t bytes = recipient->facts.bytes;

    if (bytes >= all_bytes)
        return 0;
    if (had_bytes < recipient->joined_bytes)
        had_bytes = recipient->joined_bytes;
    return scale_ns(now_ns > since_ns ? now_ns - since_ns : 0, all_bytes - bytes,
                    bytes > had_bytes ? bytes - had_bytes : 0);
}

uint64_t hd_people_eta_ns(const herald_delivery *delivery, uint64_t all_bytes, uint64_t sent_bytes, uint64_t now_ns)
{
    uint64_t longest_ns = 0;
    bool is_anybody = false;

    if (delivery->begin_ns == 0 || now_ns <= delivery->begin_ns)
        return HERALD_NEVER;
    if (sent_bytes < all_bytes)
        longest_ns = scale_ns(now_ns - delivery->begin_ns, all_bytes - sent_bytes, sent_bytes);
    for (uint32_t i = 0; i < delivery->people_count; i++) {
        const struct hd_recipient *recipient = &delivery->people[i];
        uint64_t own_ns = eta_ns(delivery, recipient, all_bytes, now_ns);
        /* One that is sent again what it had before does not show how fast it is. */
        bool is_kept_waiting = recipient->resumed_bytes > 0 && sent_bytes < all_bytes;

        if (!recipient->facts.is_herald || recipient->facts.failed_objects > 0 || hd_recipient_is_final(recipient))
            continue;
        is_anybody = true;
        if (!is_kept_waiting && own_ns > longest_ns)
            longest_ns = own_ns;
    }
    return is_anybody ? longest_ns : HERALD_NEVER;
}
