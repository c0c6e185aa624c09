/* SPDX-License-Identifier: MIT */
/* The asker's requests: making them, sending them, and the end of their time. */
#include "ping_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_MS UINT64_C(1000000)

/* While it is not known how many members there are. */
#define ROLL_CALL_SPREAD_NS (100 * NS_PER_MS)
#define ROLL_CALL_WAIT_NS   (100 * NS_PER_MS)

/* 5,000 answers a second: a default receive buffer holds those of a tenth of a second. */
#define SPREAD_NS_PER_MEMBER UINT64_C(200000)

/* Members answer groups 20 times a second. */
#define MULTICAST_PERIOD_NS (50 * NS_PER_MS)

static uint64_t realtime_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct hd_mpp common_request(const struct herald_ping *ping, const struct hd_round *round, uint64_t now_ns)
{
    return (struct hd_mpp){
        .type = HD_MPP_ECHO_REQUEST,
        .version = HD_MPP_VERSION_NUMBER,
        .client_id = { ping->client_id, HD_CLIENT_ID_BYTES },
        .has_sequence = true,
        .sequence = round->sequence,
        .has_client_time = true,
        .client_seconds = (uint32_t)(now_ns / UINT64_C(1000000000)),
        .client_microseconds = (uint32_t)(now_ns % UINT64_C(1000000000) / 1000),
        .wants_info = true,
        .ttl = -1,
        .prefix_bits = -1,
    };
}

/* Pads it with an option that servers copy or pass over. */
static int finish(struct herald_ping *ping, const struct hd_mpp *message, enum hd_mpp_option padding, size_t size_bytes)
{
    struct hd_writer writer;
    int size = hd_mpp_encode(message, ping->buffer, HD_REQUEST_BYTES_MAX);

    if (size < 0)
        return size;
    writer = hd_writer_over(ping->buffer, HD_REQUEST_BYTES_MAX);
    (void)hd_writer_claim(&writer, (size_t)size);
    hd_mpp_pad(&writer, padding, size_bytes);
    return (int)hd_writer_size(&writer);
}

/* What a group is asked, or a member of it, who may have answered before. */
static int make_ask(struct herald_ping *ping, const struct hd_round *round, bool by_unicast,
                    const struct hd_member *member, uint64_t now_ns)
{
    struct hd_mpp message = common_request(ping, round, now_ns);

    message.ttl = by_unicast ? -1 : ping->facts.sender->ttl;
    message.has_ask = true;
    message.ask = (struct hd_mpp_ask){
        .by_multicast = round->by_multicast,
        .modulus = round->modulus,
        .remainder = round->remainder,
        .may_fragment = ping->config.fragment,
        .delay_us = (uint32_t)(round->spread_ns / 1000),
        .answer_bytes = (uint16_t)ping->config.answer_bytes,
    };
    message.has_only = ping->config.only_id != 0;
    message.only = ping->config.only_id;
    if (by_unicast)
        message.group = ping->group;
    if (member != NULL && member->session_bytes > 0) {
        message.session = (struct hd_mpp_span){ member->session, member->session_bytes };
        if (ping->config.findings && member->findings == NULL)
            message.text = (struct hd_mpp_span){ (const uint8_t *)"?", 1 };
    }
    return finish(ping, &message, HD_MPP_PADDING,
                  ping->config.size_bytes > HD_ASK_BYTES_MIN ? ping->config.size_bytes : HD_ASK_BYTES_MIN);
}

/* RFC 6450, section 4: asks for a session, and for the group. */
static int make_init(struct herald_ping *ping, const struct hd_round *round, uint64_t now_ns)
{
    struct hd_mpp message = common_request(ping, round, now_ns);

    message.type = HD_MPP_INIT;
    message.has_client_time = false;
    message.prefix = ping->config.endpoint.group;
    message.prefix_bits = message.prefix.family == HERALD_FAMILY_IPV6 ? 128 : 32;
    return hd_mpp_encode(&message, ping->buffer, HD_REQUEST_BYTES_MAX);
}

static int make_server_request(struct herald_ping *ping, const struct hd_round *round, bool old, uint64_t now_ns)
{
    struct hd_mpp message = common_request(ping, round, now_ns);
    const struct hd_member *member = ping->members.count > 0 ? ping->members.list[0] : NULL;

    message.group = ping->group;
    if (old) {
        message.version = -1;
        message.client_id.size_bytes = HD_OLD_CLIENT_ID_BYTES;
        message.group_is_old = true;
        message.old_reply_bytes = (uint16_t)ping->config.answer_bytes;
    } else if (member != NULL && member->session_bytes > 0) {
        message.session = (struct hd_mpp_span){ member->session, member->session_bytes };
    }
    return finish(ping, &message, old ? HD_MPP_OLD_PADDING : HD_MPP_PADDING, ping->config.size_bytes);
}

int hd_ping_request_bytes(struct herald_ping *ping, struct herald_error *error)
{
    const struct hd_round round = { .modulus = 1 };
    size_t max_bytes = ping->facts.sender->payload_max_bytes;
    int size = ping->is_server_mode ? make_server_request(ping, &round, false, 0)
                                    : make_ask(ping, &round, false, NULL, 0);

    if (size < 0)
        return herald_error_set(error, size, "a request of that size cannot be made");
    if (ping->config.fragment || (size_t)size <= max_bytes)
        return size;
    herald_error_set(error, -EMSGSIZE, "a request of %d bytes does not fit into one packet on %s: %zu fit", size,
                     ping->facts.sender->interface.name, max_bytes);
    herald_error_advise(error, "--size %zu, or --fragment to have IP cut it up", max_bytes);
    return -EMSGSIZE;
}

/* ---- sending --------------------------------------------------------------------------------- */

static int send_to(struct herald_ping *ping, const struct herald_peer *peer, int size, struct herald_error *error)
{
    const struct iovec part = { .iov_base = ping->buffer, .iov_len = size > 0 ? (size_t)size : 0 };
    int r = size < 0 ? herald_error_set(error, size, "a request cannot be made: %s", strerror(-size))
                     : hd_sender_send_to(ping->sender, peer, &part, 1, error);

    if (r == 0)
        ping->summary.requests++;
    return r;
}

static int ask_group(struct herald_ping *ping, struct hd_round *round, struct herald_error *error)
{
    uint32_t first = ping->config.member.port != 0 ? 2 : 1;
    uint32_t copies = round->sequence == first && ping->config.burst > 1 ? ping->config.burst : 1;
    int size = make_ask(ping, round, false, NULL, realtime_ns());
    int r = size < 0 ? herald_error_set(error, size, "a request cannot be made: %s", strerror(-size)) : 0;

    for (uint32_t i = 0; i < copies && r == 0; i++)
        r = herald_sender_send(ping->sender, ping->buffer, (size_t)size, error);

    round->called_ns = hd_sender_called_ns(ping->sender);
    if (r == 0)
        ping->summary.requests++;
    return r;
}

/* @return 0 if it went out to anybody. */
static int ask_members(struct herald_ping *ping, struct hd_round *round, struct herald_error *error)
{
    int first = 0;
    size_t sent = 0;

    round->called_ns = realtime_ns();
    for (size_t i = 0; i < ping->members.count; i++) {
        struct hd_member *member = ping->members.list[i];
        int r = 0;

        if (!member->has_unicast_peer)
            continue;
        member->asked_ns = realtime_ns();
        member->asked_sequence = round->sequence;
        r = send_to(ping, &member->facts.peer, make_ask(ping, round, true, member, member->asked_ns), error);
        sent += r == 0;
        if (r < 0 && first == 0)
            first = r;
    }
    return sent > 0 ? 0 : first;
}

/* The member that the config names: it is asked whether it has answered or not. */
static int ask_named(struct herald_ping *ping, struct hd_round *round, struct herald_error *error)
{
    struct hd_member *member = NULL;

    for (size_t i = 0; i < ping->members.count && (member == NULL || member->session_bytes == 0); i++)
        if (herald_address_equal(&ping->members.list[i]->facts.peer.address, &ping->config.member.address))
            member = ping->members.list[i];
    round->called_ns = realtime_ns();
    return send_to(ping, &ping->config.member, make_ask(ping, round, true, member, round->called_ns), error);
}

static int ask_server(struct herald_ping *ping, struct hd_round *round, struct herald_error *error)
{
    bool old = ping->dialect != HD_DIALECT_RFC6450;
    int r = 0;

    if (ping->dialect == HD_DIALECT_UNKNOWN)
        r = send_to(ping, &ping->server, make_init(ping, round, realtime_ns()), error);
    round->called_ns = realtime_ns();
    return r < 0 ? r : send_to(ping, &ping->server, make_server_request(ping, round, old, round->called_ns), error);
}

/* How widely answers are spread, and who answers by multicast. */
static void plan_round(struct herald_ping *ping, struct hd_round *round)
{
    size_t members = ping->members.present;
    size_t share = (members + HERALD_PING_MULTICAST_MAX - 1) / HERALD_PING_MULTICAST_MAX;

    round->by_multicast = !ping->config.no_multicast && round->sequence > 0 &&
                          (round->start_ns >= ping->multicast_due_ns || ping->config.only_id != 0);
    if (round->by_multicast)
        ping->multicast_due_ns = round->start_ns + MULTICAST_PERIOD_NS;
    round->modulus = (uint16_t)(share > 1 ? share : 1);
    round->remainder = (uint16_t)(round->sequence % round->modulus);
    if (ping->is_server_mode)
        round->spread_ns = 0;
    else if (ping->config.spread_given)
        round->spread_ns = ping->config.spread_ns;
    else if (round->sequence == 0)
        round->spread_ns = ROLL_CALL_SPREAD_NS;
    else if (members > HERALD_PING_MULTICAST_MAX)
        round->spread_ns = members * SPREAD_NS_PER_MEMBER;
    if (round->spread_ns > HD_MPP_DELAY_MAX_MS * NS_PER_MS)
        round->spread_ns = HD_MPP_DELAY_MAX_MS * NS_PER_MS;
}

/* The time of the round before is known for good only now. */
static void settle_sent_time(struct herald_ping *ping)
{
    struct hd_round *before = &ping->rounds[(ping->next_sequence - 1) % HD_SLOTS];

    if (ping->next_sequence > 0 && !ping->is_server_mode && hd_sender_called_ns(ping->sender) == before->called_ns)
        before->sent_ns = herald_sender_sent_time_ns(ping->sender);
}

static void tell_failure(struct herald_ping *ping, int code, const struct herald_error *error)
{
    struct herald_ping_event event = { .kind = HERALD_PING_SEND_FAILED, .sequence = ping->next_sequence };

    if (code == ping->send_failure)
        return;
    ping->send_failure = code;
    event.error = *error;
    hd_ping_tell(ping, &event);
}

static int send_request(struct herald_ping *ping, struct hd_round *round, struct herald_error *error)
{
    if (ping->is_server_mode)
        return ask_server(ping, round, error);
    if (ping->config.member.port != 0 && round->sequence % 2 == 1)
        return ask_named(ping, round, error);
    if (ping->config.by_unicast && round->sequence > 0)
        return ask_members(ping, round, error);
    return ask_group(ping, round, error);
}

/* There will be no answers any more: what has come is counted. */
static void close_all(struct herald_ping *ping)
{
    for (; ping->oldest_open < ping->next_sequence; ping->oldest_open++)
        if (ping->rounds[ping->oldest_open % HD_SLOTS].open)
            hd_ping_close_round(ping, &ping->rounds[ping->oldest_open % HD_SLOTS]);
}

int hd_ping_send_round(struct herald_ping *ping, uint64_t now_ns, struct herald_error *error)
{
    struct hd_round *round = &ping->rounds[ping->next_sequence % HD_SLOTS];
    bool is_roll_call = ping->next_sequence == 0;
    struct herald_error failure;
    uint64_t wait_ns = ping->facts.wait_ns;
    int r;

    if (round->open)
        hd_ping_close_round(ping, round);
    if (ping->next_sequence - ping->oldest_open >= HD_SLOTS) /* that was it */
        ping->oldest_open = ping->next_sequence - HD_SLOTS + 1;
    settle_sent_time(ping);
    *round = (struct hd_round){ .sequence = ping->next_sequence, .start_ns = now_ns };
    plan_round(ping, round);
    r = send_request(ping, round, &failure);
    ping->attempts++;
    ping->due_ns = now_ns + (round->spread_ns > ping->facts.interval_ns ? round->spread_ns : ping->facts.interval_ns);
    if (round->sequence > 0 && round->sequence < ping->config.rush)
        ping->due_ns = now_ns;
    if (r == -ENODEV || r == -ENXIO) {
        close_all(ping);
        if (error != NULL)
            *error = failure;
        return r;
    }
    if (r < 0) {
        tell_failure(ping, r, &failure);
        ping->next_sequence += ping->config.member.port != 0; /* it is the other's turn */
        return 0;
    }
    ping->send_failure = 0;
    round->open = true;
    if (is_roll_call && wait_ns > ROLL_CALL_WAIT_NS)
        wait_ns = ROLL_CALL_WAIT_NS;
    round->close_ns = now_ns + round->spread_ns + wait_ns;
    if (is_roll_call) {
        ping->due_ns = HERALD_NEVER; /* when it is over */
        ping->attempts = 1;          /* what failed before was no request of those that are counted */
    } else {
        ping->summary.rounds++;
    }
    ping->next_sequence++;
    return 0;
}

/* ---- the end of a round ---------------------------------------------------------------------- */

bool hd_ping_is_multicast_asked(const struct herald_ping *ping, const struct hd_member *member,
                                const struct hd_round *round)
{
    if (!round->by_multicast || member->is_deaf)
        return false;
    return ping->is_server_mode || member->facts.id % round->modulus == round->remainder;
}

bool hd_ping_round_is_complete(const struct herald_ping *ping, const struct hd_round *round)
{
    for (size_t i = 0; i < ping->members.count; i++) {
        const struct hd_member *member = ping->members.list[i];
        const struct hd_slot *slot = &member->slots[round->sequence % HD_SLOTS];
        bool answered = slot->used && slot->sequence == round->sequence;

        if (!member->facts.present)
            continue;
        if (!answered || slot->unicast_ns < 0 || (slot->multicast_asked && slot->multicast_ns < 0))
            return false;
    }
    return ping->members.present > 0;
}

static void tell_member(struct herald_ping *ping, enum herald_ping_event_kind kind, size_t index, uint32_t sequence)
{
    const struct herald_ping_event event = {
        .kind = kind,
        .sequence = sequence,
        .member = index,
        .unicast_ns = -1,
        .multicast_ns = -1,
        .held_ns = -1,
        .ttl = -1,
    };

    hd_ping_tell(ping, &event);
}

static void lose(struct herald_ping *ping, size_t index, uint32_t sequence)
{
    struct hd_member *member = ping->members.list[index];

    /* Its time may end after that of a later answer has come: nobody has vanished who answers. */
    member->missed_rounds += sequence > member->highest_unicast && sequence > member->highest_multicast;
    if (!member->facts.present)
        return;
    tell_member(ping, HERALD_PING_LOST, index, sequence);
    if (member->missed_rounds >= HERALD_PING_VANISHED_ROUNDS) {
        member->facts.present = false;
        ping->members.present--;
        tell_member(ping, HERALD_PING_VANISHED, index, sequence);
    }
}

/* A member's part in the end of a round's time. */
static void close_slot(struct herald_ping *ping, size_t index, const struct hd_round *round,
                       struct herald_ping_event *tally)
{
    struct hd_member *member = ping->members.list[index];
    struct hd_slot *slot = hd_member_slot(member, round->sequence);
    bool by_multicast = slot->multicast_ns >= 0;
    bool answered = by_multicast || slot->unicast_ns >= 0;

    /* What it has answered counts, also when its answer to a later one has come before. */
    if (!answered && member->facts.first_sequence > round->sequence)
        return;
    slot->closed = true;
    tally->asked += member->facts.present;
    tally->answered += answered;
    if (answered && slot->multicast_asked) {
        tally->multicast_want++;
        tally->multicast += by_multicast;
    }
    if (round->sequence == 0)
        return;
    member->facts.sent++;
    if (!answered) {
        lose(ping, index, round->sequence);
        return;
    }
    hd_member_multicast_asked(member, slot, by_multicast);
    hd_ping_tell_answer(ping, index, slot);
}

void hd_ping_close_round(struct herald_ping *ping, struct hd_round *round)
{
    struct herald_ping_event event = {
        .kind = HERALD_PING_ROUND,
        .sequence = round->sequence,
        .spread_ns = round->spread_ns,
        .unicast_ns = -1,
        .multicast_ns = -1,
        .held_ns = -1,
        .ttl = -1,
    };

    round->open = false;
    for (size_t i = 0; i < ping->members.count; i++)
        close_slot(ping, i, round, &event);
    hd_ping_tell(ping, &event);
}
