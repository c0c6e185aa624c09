/* SPDX-License-Identifier: MIT */
/* Parts of ping: percentiles, members and what is computed of them, limits and sessions of askers. */
#include "askers.h"
#include "members.h"
#include "ping_internal.h"
#include "responder_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

/* ---- samples --------------------------------------------------------------------------------- */

static void percentiles_are_of_the_nearest_rank(void **state)
{
    struct herald_ping_times times;
    struct hd_samples samples;
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 1);
    hd_samples_init(&samples, 1000);
    hd_samples_times(&samples, &times);
    assert_int_equal(times.count, 0);
    assert_int_equal(times.min_ns, -1);
    assert_int_equal(times.p99_ns, -1);
    for (int64_t value = 100; value > 0; value--)
        hd_samples_add(&samples, &random, value);
    hd_samples_times(&samples, &times);
    assert_int_equal(times.count, 100);
    assert_int_equal(times.min_ns, 1);
    assert_int_equal(times.p50_ns, 50);
    assert_int_equal(times.p99_ns, 99);
    assert_int_equal(times.max_ns, 100);
    hd_samples_release(&samples);
    hd_samples_init(&samples, 1000);
    hd_samples_add(&samples, &random, 7);
    hd_samples_times(&samples, &times);
    assert_true(times.min_ns == 7 && times.p50_ns == 7 && times.p99_ns == 7 && times.max_ns == 7);
    hd_samples_release(&samples);
}

/* More than are kept: the extremes stay exact, the median is that of a fair sample. */
static void a_sample_of_many_is_fair(void **state)
{
    struct herald_ping_times times;
    struct hd_samples samples;
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 2);
    hd_samples_init(&samples, 1000);
    for (int64_t value = 1; value <= 100000; value++)
        hd_samples_add(&samples, &random, value);
    hd_samples_times(&samples, &times);
    assert_int_equal(times.count, 100000);
    assert_int_equal(times.min_ns, 1);
    assert_int_equal(times.max_ns, 100000);
    assert_in_range(times.p50_ns, 44000, 56000);
    assert_in_range(times.p99_ns, 97500, 100000);
    assert_int_equal(samples.count, 1000);
    hd_samples_release(&samples);
}

/* ---- members --------------------------------------------------------------------------------- */

static struct herald_address address_of(uint32_t number)
{
    struct herald_address address = { .family = HERALD_FAMILY_IPV4 };

    hd_store_u32(address.bytes, number);
    return address;
}

static void members_are_found_again(void **state)
{
    struct hd_members members;
    const struct herald_address one = address_of(1), two = address_of(2);
    bool is_new;

    (void)state;
    hd_members_init(&members, 3);
    assert_int_equal(hd_members_find(&members, 77, &one, &is_new), 0);
    assert_true(is_new);
    assert_int_equal(hd_members_find(&members, 77, &two, &is_new), 0); /* another address, the same member */
    assert_false(is_new);
    assert_int_equal(hd_members_find(&members, 78, &one, &is_new), 1); /* two on one host */
    assert_true(is_new);
    assert_int_equal(hd_members_find(&members, 0, &one, &is_new), 2); /* one that has no id */
    assert_int_equal(hd_members_find(&members, 0, &one, &is_new), 2);
    assert_false(is_new);
    hd_members_release(&members);
}

static void there_is_a_limit_to_members(void **state)
{
    const struct herald_address address = address_of(1);
    struct hd_members members;
    bool is_new;

    (void)state;
    hd_members_init(&members, 4);
    for (uint64_t id = 1; id <= 3000; id++)
        assert_int_equal(hd_members_find(&members, id, &address, &is_new), (int)id - 1);
    for (uint64_t id = 1; id <= 3000; id++)
        assert_int_equal(hd_members_find(&members, id, &address, &is_new), (int)id - 1);
    assert_int_equal(members.present, 3000);
    members.count = HERALD_PING_MEMBERS_MAX; /* as if */
    members.capacity = HERALD_PING_MEMBERS_MAX + 1;
    assert_true(hd_members_find(&members, 5000, &address, &is_new) < 0);
    members.count = 3000;
    hd_members_release(&members);
}

static struct hd_mpp_told counts(uint32_t heard, uint32_t unicast, uint32_t multicast, uint32_t duplicates)
{
    return (struct hd_mpp_told){ .id = 9,
                                 .heard_multicast = heard,
                                 .answered_unicast = unicast,
                                 .answered_multicast = multicast,
                                 .duplicates = duplicates };
}

/* The member counts what it hears and says; the asker what it gets: so each direction has its own loss. */
static void the_directions_of_loss_are_told_apart(void **state)
{
    const struct herald_address address = address_of(1);
    struct herald_ping_member facts;
    struct hd_members members;
    struct hd_member *member;
    struct hd_mpp_told told;
    bool is_new;

    (void)state;
    hd_members_init(&members, 5);
    assert_int_equal(hd_members_find(&members, 9, &address, &is_new), 0);
    member = members.list[0];
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, -1);
    assert_int_equal(facts.answers_lost_unicast, -1);

    told = counts(5, 5, 2, 0); /* it has answered this asker before, as in an earlier life */
    hd_member_told(member, 10, &told, true);
    member->got_unicast = member->got_multicast = 1;
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, 0);
    assert_int_equal(facts.answers_lost_unicast, 0);
    assert_int_equal(facts.answers_lost_multicast, 0);

    told = counts(11, 11, 8, 2); /* of the ten requests since, six have come */
    hd_member_told(member, 20, &told, true);
    member->got_unicast = 4;   /* seven were sent */
    member->got_multicast = 7; /* seven were sent */
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, 4);
    assert_int_equal(facts.answers_lost_unicast, 3);
    assert_int_equal(facts.answers_lost_multicast, 0);
    assert_int_equal(facts.request_duplicates, 2);
    assert_int_equal(facts.answers_withheld, 0);

    told = counts(15, 12, 8, 2); /* four more came, one was answered */
    hd_member_told(member, 24, &told, true);
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, 4);
    assert_int_equal(facts.answers_withheld, 3);

    told = counts(10, 10, 7, 2); /* one that was overtaken changes nothing */
    hd_member_told(member, 19, &told, true);
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, 4);

    told = counts(1, 1, 1, 0); /* it has forgotten us: counted anew */
    hd_member_told(member, 25, &told, true);
    member->got_unicast = member->got_multicast = 1;
    hd_member_facts(member, &facts);
    assert_int_equal(facts.requests_lost, 0);
    assert_int_equal(facts.answers_lost_unicast, 0);
    hd_members_release(&members);
}

static void slots_are_used_again(void **state)
{
    struct hd_member member = { 0 };
    struct hd_slot *slot = hd_member_slot(&member, 3);

    (void)state;
    assert_int_equal(slot->unicast_ns, -1);
    slot->unicast_ns = 5;
    assert_ptr_equal(hd_member_slot(&member, 3), slot);
    assert_int_equal(slot->unicast_ns, 5);
    assert_ptr_equal(hd_member_slot(&member, 3 + HD_SLOTS), slot);
    assert_int_equal(slot->unicast_ns, -1);
    assert_int_equal(slot->sequence, 3 + HD_SLOTS);
}

/* ---- askers ---------------------------------------------------------------------------------- */

static void a_limit_allows_a_burst_and_then_its_rate(void **state)
{
    const struct hd_limit limit = { SECOND / 50, 100 };
    struct hd_bucket bucket = { 0 };
    uint64_t now_ns = 1000 * SECOND;
    int allowed = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        allowed += hd_bucket_take(&bucket, &limit, now_ns);
    assert_int_equal(allowed, 100);
    for (int i = 0; i < 1000; i++)
        allowed += hd_bucket_take(&bucket, &limit, now_ns + SECOND);
    assert_int_equal(allowed, 150);
    for (int i = 0; i < 1000; i++)
        allowed += hd_bucket_take(&bucket, &limit, now_ns + 100 * SECOND);
    assert_int_equal(allowed, 250);
}

static void large_answers_take_more_of_a_limit(void **state)
{
    const struct hd_limit limit = { SECOND / 50, 100 };
    struct hd_bucket bucket = { 0 };
    int allowed = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        allowed += hd_bucket_take_many(&bucket, &limit, 16, 1000 * SECOND);
    assert_int_equal(allowed, 6);
    assert_true(hd_bucket_take_many(&bucket, &limit, 4, 1000 * SECOND));
    assert_false(hd_bucket_take(&bucket, &limit, 1000 * SECOND));
    assert_true(hd_bucket_take_many(&bucket, &limit, 100, 1100 * SECOND));
    assert_false(hd_bucket_take_many(&bucket, &limit, 101, 1200 * SECOND));
}

static struct hd_askers *new_askers(void)
{
    struct hd_askers *askers = calloc(1, sizeof(*askers));

    assert_non_null(askers);
    askers->seed = 6;
    return askers;
}

static void clients_have_sessions_of_their_own(void **state)
{
    struct hd_askers *askers = new_askers();
    const struct herald_peer peer = { .address = address_of(1), .port = 7 };
    const struct herald_peer other = { .address = address_of(1), .port = 8 };
    const struct hd_mpp_span id = { (const uint8_t *)"id", 2 };
    uint8_t session[HD_SESSION_BYTES];
    struct hd_asker *client;
    bool is_new;

    (void)state;
    client = hd_askers_client(askers, &peer, id, &is_new);
    assert_true(is_new);
    memcpy(session, client->session, sizeof(session));
    client = hd_askers_client(askers, &other, id, &is_new);
    assert_true(is_new);
    assert_memory_not_equal(client->session, session, sizeof(session));
    client = hd_askers_client(askers, &peer, id, &is_new);
    assert_false(is_new);
    assert_memory_equal(client->session, session, sizeof(session));
    free(askers);
}

/* The limit is an address's, whatever port it asks from; and forged addresses cannot push out who asks now. */
static void a_flood_of_addresses_takes_bounded_room(void **state)
{
    const struct hd_limit limit = { SECOND / 50, 100 };
    struct hd_askers *askers = new_askers();
    const struct herald_address honest = address_of(1);
    int allowed = 0;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        const struct herald_address forged = address_of(i + 10);
        uint64_t now_ns = 1000 * SECOND + i * 1000;

        (void)hd_askers_address(askers, &forged);
        if (i % 100 == 0)
            allowed += hd_bucket_take(&hd_askers_address(askers, &honest)->answers, &limit, now_ns);
    }
    assert_in_range(allowed, 100, 110); /* it is remembered: 100 ms are worth five more */
    free(askers);
}

/* However many come at once: what was just found is not given away by looking for its address. */
static void a_client_stays_while_its_address_is_looked_up(void **state)
{
    struct hd_askers *askers = new_askers();
    const struct hd_mpp_span id = { (const uint8_t *)"id", 2 };

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        const struct herald_peer peer = { .address = address_of(i + 10), .port = 7 };
        bool is_new;
        const struct hd_asker *client = hd_askers_client(askers, &peer, id, &is_new);
        uint64_t key = client->key;

        (void)hd_askers_address(askers, &peer.address);
        assert_true(client->key == key);
    }
    free(askers);
}

static void requests_that_came_before_are_known(void **state)
{
    static const struct {
        uint32_t sequence;
        bool is_new;
    } rows[] = {
        { 5, true },   { 5, false },  { 7, true },  { 6, true },   { 6, false },         { 5, false },
        { 100, true }, { 30, false }, { 99, true }, { 99, false }, { UINT32_MAX, true }, { 100, false },
    };
    struct hd_asker asker = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hd_asker_note(&asker, rows[i].sequence), rows[i].is_new);
}

/* ---- answers that wait ----------------------------------------------------------------------- */

static void a_long_wait_does_not_keep_a_short_one_out(void **state)
{
    struct herald_responder *responder = calloc(1, sizeof(*responder));
    const struct hd_reply reply = { .request = (const uint8_t *)"request", .request_bytes = 7 };

    (void)state;
    assert_non_null(responder);
    responder->epoll_fd = -1;
    for (uint64_t i = 0; i < HD_PENDING_MAX; i++)
        assert_int_equal(hd_responder_defer(responder, &reply, 60 * SECOND + i), 0);
    assert_true(hd_responder_defer(responder, &reply, 70 * SECOND) < 0);
    assert_int_equal(responder->stats.withheld, 0);
    assert_int_equal(hd_responder_defer(responder, &reply, SECOND), 0);
    assert_int_equal(responder->stats.withheld, 1);
    assert_int_equal(responder->pending_count, HD_PENDING_MAX);
    assert_int_equal(responder->pending_bytes, 7 * HD_PENDING_MAX);
    assert_int_equal(herald_responder_deadline(responder), SECOND);
    /* The one that would have waited longest is gone: now this one waits longest. */
    assert_true(hd_responder_defer(responder, &reply, 60 * SECOND + HD_PENDING_MAX - 2) < 0);
    herald_responder_free(responder);
}

/* ---- round trips ----------------------------------------------------------------------------- */

/* A ping that has sent `rounds` requests, whose time is not over. */
static struct herald_ping *new_ping(uint32_t rounds, uint64_t sent_ns, uint64_t passed_ns)
{
    struct herald_ping *ping = calloc(1, sizeof(*ping));

    assert_non_null(ping);
    memcpy(ping->client_id, "abcdefgh", HD_CLIENT_ID_BYTES);
    hd_members_init(&ping->members, 1);
    hd_samples_init(&ping->unicast, 8);
    hd_samples_init(&ping->multicast, 8);
    ping->next_sequence = rounds + 1;
    for (uint32_t i = 1; i <= rounds; i++)
        ping->rounds[i] = (struct hd_round){
            .sequence = i,
            .open = true,
            .by_multicast = true,
            .modulus = 1,
            .called_ns = sent_ns,
            .sent_ns = sent_ns,
            .start_ns = herald_clock_ns() - passed_ns,
        };
    return ping;
}

static void free_ping(struct herald_ping *ping)
{
    hd_members_release(&ping->members);
    hd_samples_release(&ping->unicast);
    hd_samples_release(&ping->multicast);
    free(ping->events);
    free(ping);
}

/* The member's answer to that round comes. */
static void answer(struct herald_ping *ping, uint32_t sequence, bool by_multicast, uint64_t time_ns, uint64_t held_ns)
{
    const struct hd_mpp message = {
        .type = HD_MPP_ECHO_REPLY,
        .version = HD_MPP_VERSION_NUMBER,
        .client_id = { (const uint8_t *)"abcdefgh", HD_CLIENT_ID_BYTES },
        .has_sequence = true,
        .sequence = sequence,
        .ttl = -1,
        .prefix_bits = -1,
        .has_told = true,
        .told = { .id = 77, .held_ns = held_ns, .heard_multicast = 1, .answered_unicast = 1 },
    };
    const struct herald_run run = {
        .source = { .address = address_of(1), .port = 7 },
        .group = address_of(by_multicast ? UINT32_C(0xef010203) : 2),
        .ttl = 64,
        .time_ns = time_ns,
    };
    uint8_t bytes[256];
    int size = hd_mpp_encode(&message, bytes, sizeof(bytes));

    assert_true(size > 0);
    hd_ping_take(ping, &run, bytes, (size_t)size);
}

/* An answer to round 1 that came `after_ns` the request left, by the clock that may be set. */
static int64_t round_trip(int64_t after_ns, uint64_t passed_ns, uint64_t held_ns, int64_t *ret_held_ns)
{
    const uint64_t sent_ns = 1000000 * SECOND;
    struct herald_ping *ping = new_ping(1, sent_ns, passed_ns);
    struct herald_ping_member member;

    answer(ping, 1, false, (uint64_t)((int64_t)sent_ns + after_ns), held_ns);
    assert_int_equal(herald_ping_member(ping, 0, &member), 0);
    free_ping(ping);
    *ret_held_ns = member.held_max_ns;
    return member.unicast.min_ns;
}

static void a_clock_that_is_set_does_not_make_a_round_trip(void **state)
{
    const int64_t second = (int64_t)SECOND;
    int64_t held_ns;

    (void)state;
    assert_int_equal(round_trip(second / 10, SECOND, 0, &held_ns), second / 10);
    /* Set forward, and back: what has passed since. */
    assert_in_range(round_trip(3600 * second, SECOND, 0, &held_ns), second, 100 * second);
    assert_in_range(round_trip(-3600 * second, SECOND, 0, &held_ns), second, 100 * second);
}

static void what_was_held_is_taken_out_unless_it_is_a_lie(void **state)
{
    const int64_t second = (int64_t)SECOND;
    int64_t held_ns;

    (void)state;
    assert_int_equal(round_trip(second / 2, SECOND, SECOND / 4, &held_ns), second / 4);
    assert_int_equal(held_ns, second / 4);
    assert_int_equal(round_trip(second / 2, SECOND, SECOND, &held_ns), second / 2);
    assert_int_equal(held_ns, -1);
}

/* ---- what is counted ------------------------------------------------------------------------- */

/* What was asked for before the first answer by multicast is not lost; if that one itself is late, it has come. */
static void the_first_answer_by_multicast_may_be_late(void **state)
{
    const uint64_t sent_ns = 1000000 * SECOND;
    struct herald_ping *ping = new_ping(3, sent_ns, SECOND);
    struct herald_ping_member member;

    (void)state;
    answer(ping, 1, false, sent_ns + 1000, 0);
    hd_ping_close_round(ping, &ping->rounds[1]);
    answer(ping, 2, false, sent_ns + 1000, 0);
    hd_ping_close_round(ping, &ping->rounds[2]);
    assert_int_equal(herald_ping_member(ping, 0, &member), 0);
    assert_true(member.multicast_asked == 2 && member.by_multicast == 0);
    answer(ping, 2, true, sent_ns + 1000, 0);
    assert_int_equal(herald_ping_member(ping, 0, &member), 0);
    assert_true(member.multicast_asked == 1 && member.by_multicast == 1);
    assert_int_equal(member.multicast_first_sequence, 2);
    /* The whole answer to the third is late, and by multicast it does not come. */
    hd_ping_close_round(ping, &ping->rounds[3]);
    answer(ping, 3, false, sent_ns + 1000, 0);
    assert_int_equal(herald_ping_member(ping, 0, &member), 0);
    assert_true(member.multicast_asked == 2 && member.by_multicast == 1);
    assert_true(member.sent == 3 && member.answered == 3 && member.late == 1);
    free_ping(ping);
}

/* The answer to a later request comes first, and the member is met by it. */
static void a_request_from_before_the_member_was_known_counts_once_answered(void **state)
{
    const uint64_t sent_ns = 1000000 * SECOND;
    struct herald_ping *ping = new_ping(3, sent_ns, SECOND);
    struct herald_ping_member member;

    (void)state;
    answer(ping, 3, false, sent_ns + 1000, 0);
    answer(ping, 2, false, sent_ns + 1000, 0);
    for (uint32_t i = 1; i <= 3; i++)
        hd_ping_close_round(ping, &ping->rounds[i]);
    assert_int_equal(herald_ping_member(ping, 0, &member), 0);
    assert_true(member.sent == 2 && member.answered == 2 && member.lost == 0 && member.reordered == 1);
    free_ping(ping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_of_the_nearest_rank),
        cmocka_unit_test(a_sample_of_many_is_fair),
        cmocka_unit_test(members_are_found_again),
        cmocka_unit_test(there_is_a_limit_to_members),
        cmocka_unit_test(the_directions_of_loss_are_told_apart),
        cmocka_unit_test(slots_are_used_again),
        cmocka_unit_test(a_limit_allows_a_burst_and_then_its_rate),
        cmocka_unit_test(large_answers_take_more_of_a_limit),
        cmocka_unit_test(clients_have_sessions_of_their_own),
        cmocka_unit_test(a_flood_of_addresses_takes_bounded_room),
        cmocka_unit_test(a_client_stays_while_its_address_is_looked_up),
        cmocka_unit_test(requests_that_came_before_are_known),
        cmocka_unit_test(a_long_wait_does_not_keep_a_short_one_out),
        cmocka_unit_test(a_clock_that_is_set_does_not_make_a_round_trip),
        cmocka_unit_test(what_was_held_is_taken_out_unless_it_is_a_lie),
        cmocka_unit_test(the_first_answer_by_multicast_may_be_late),
        cmocka_unit_test(a_request_from_before_the_member_was_known_counts_once_answered),
    };

    return cmocka_run_group_tests_name("ping_parts", tests, NULL, NULL);
}
