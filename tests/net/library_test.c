/* SPDX-License-Identifier: MIT */
/*
 * The library's sockets as a program uses them: over lo, in a network namespace that the test makes itself, in one
 * thread and without ever blocking.
 */
#include "library.h"

/* ---- sending and receiving ------------------------------------------------------------------- */

static void a_datagram_arrives_with_all_its_facts(const char *group, uint8_t ttl)
{
    struct herald_receiver_config listen = { 0 };
    struct herald_sender_config send = { .ttl_given = true, .ttl = ttl };
    herald_receiver *receiver = open_receiver(group, listen);
    herald_sender *sender = open_sender(group, send);
    const struct herald_sender_facts *facts = herald_sender_facts(sender);
    struct herald_endpoint where = endpoint(group);
    struct herald_run runs[HERALD_RUNS_MAX];
    struct herald_error error;
    uint64_t sent_ns;

    assert_int_equal(herald_sender_send(sender, "hello", 5, &error), 0);
    assert_int_equal(receive(receiver, runs), 1);
    assert_int_equal(runs[0].size_bytes, 5);
    assert_memory_equal(runs[0].payload, "hello", 5);
    assert_int_equal(herald_run_count(&runs[0]), 1);
    assert_int_equal(runs[0].ttl, ttl);
    assert_int_equal(runs[0].group_port, where.port);
    assert_true(herald_address_equal(&runs[0].group, &where.group));
    assert_true(herald_address_equal(&runs[0].source.address, &facts->source));
    assert_int_equal(runs[0].source.port, facts->port);
    assert_int_equal(runs[0].source.interface_index, facts->interface.index);
    assert_string_equal(herald_receiver_interface_name(receiver, facts->interface.index), "lo");
    sent_ns = herald_sender_sent_time_ns(sender);
    assert_true(runs[0].time_ns + 1000000 >= sent_ns && runs[0].time_ns < sent_ns + PATIENCE_NS);
    assert_false(runs[0].truncated);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void an_ipv4_datagram_arrives_with_all_its_facts(void **state)
{
    (void)state;
    a_datagram_arrives_with_all_its_facts("239.1.2.3:10000", 7);
}

static void an_ipv6_datagram_arrives_with_all_its_facts(void **state)
{
    (void)state;
    a_datagram_arrives_with_all_its_facts("[ff15::7]:10000", 9);
}

static void a_link_local_ipv6_datagram_arrives_with_all_its_facts(void **state)
{
    (void)state;
    a_datagram_arrives_with_all_its_facts("[ff12::7%lo]:10000", 1);
}

static void ipv6_over_lo_without_its_route_names_the_command_that_adds_it(void **state)
{
    herald_sender *sender;
    struct herald_error error;

    (void)state;
    assert_int_equal(system("ip -6 route del local ff00::/8 dev lo table local"), 0);
    sender = open_sender("[ff15::7%lo]:10000", (struct herald_sender_config){ 0 });
    assert_int_equal(herald_sender_send(sender, "x", 1, &error), -ENETUNREACH);
    assert_string_equal(error.advice, "ip -6 route add local ff00::/8 dev lo table local");
    assert_int_equal(system(error.advice), 0);
    assert_int_equal(herald_sender_send(sender, "x", 1, &error), 0);
    herald_sender_free(sender);
}

static void an_empty_datagram_arrives(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_run runs[HERALD_RUNS_MAX];
    size_t size = 1;

    (void)state;
    assert_int_equal(herald_sender_send(sender, "", 0, NULL), 0);
    assert_int_equal(receive(receiver, runs), 1);
    assert_int_equal(herald_run_count(&runs[0]), 1);
    herald_run_datagram(&runs[0], 0, &size);
    assert_int_equal(size, 0);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

enum { SEGMENT = 1000, SEGMENTS = 64, LAST = 137 };

static void fill_segments(uint8_t *payload, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = (uint8_t)(i / SEGMENT * 7 + i % SEGMENT);
}

/* Sends one run of 63 whole datagrams and a short one and takes it in, by whatever means. */
static void pass_run(bool no_gso, bool no_gro)
{
    static uint8_t payload[(SEGMENTS - 1) * SEGMENT + LAST];
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ .no_gro = no_gro });
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ .no_gso = no_gso });
    struct herald_receiver_stats received;
    struct herald_sender_stats sent;
    size_t seen = 0;

    fill_segments(payload, sizeof(payload));
    assert_int_equal(herald_sender_send_run(sender, payload, sizeof(payload), SEGMENT, NULL), SEGMENTS);
    while (seen < SEGMENTS) {
        struct herald_run runs[HERALD_RUNS_MAX];
        size_t n = receive(receiver, runs);

        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < herald_run_count(&runs[i]); k++, seen++) {
                size_t size;
                const uint8_t *data = herald_run_datagram(&runs[i], k, &size);

                assert_int_equal(size, seen == SEGMENTS - 1 ? LAST : SEGMENT);
                assert_memory_equal(data, payload + seen * SEGMENT, size);
            }
    }
    herald_receiver_stats(receiver, &received);
    assert_int_equal(received.datagrams, SEGMENTS);
    /* Another socket that takes part in the delivery, and cannot coalesce, would have the kernel split it all. */
    if (!no_gso && !no_gro && kernel_coalesces())
        assert_true(received.runs < SEGMENTS / 4);
    herald_sender_stats(sender, &sent);
    assert_int_equal(sent.datagrams, SEGMENTS);
    assert_int_equal(sent.bytes, sizeof(payload));
    assert_true(no_gso ? sent.calls == SEGMENTS : sent.calls <= SEGMENTS);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void a_run_arrives_as_its_datagrams_however_it_travels(void **state)
{
    (void)state;
    pass_run(false, false);
    pass_run(false, true);
    pass_run(true, false);
    pass_run(true, true);
}

static void impossible_runs_are_refused(void **state)
{
    static uint8_t payload[65 * 10];
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_error error;

    (void)state;
    assert_int_equal(herald_sender_send_run(sender, payload, sizeof(payload), 10, &error), -EINVAL);
    assert_int_equal(herald_sender_send_run(sender, payload, 0, 10, &error), -EINVAL);
    assert_int_equal(herald_sender_send_run(sender, payload, 10, 0, &error), -EINVAL);
    assert_int_equal(herald_sender_send_run(sender, payload, 10, SIZE_MAX, &error), -EMSGSIZE);
    assert_int_equal(herald_sender_send(sender, payload, 65508, &error), -EMSGSIZE);
    assert_non_null(strstr(error.cause, "65507 are the most"));
    herald_sender_free(sender);
}

static void waiting_ends_at_the_deadline_or_when_something_comes(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    uint64_t deadline_ns = herald_clock_ns() + 1000000;
    struct herald_run runs[HERALD_RUNS_MAX];

    (void)state;
    assert_int_equal(herald_receiver_wait(receiver, deadline_ns), 0);
    assert_true(herald_clock_ns() >= deadline_ns);
    assert_int_equal(herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX), 0);
    assert_int_equal(herald_sender_send(sender, "x", 1, NULL), 0);
    assert_int_equal(herald_receiver_wait(receiver, HERALD_NEVER), 0);
    assert_int_equal(herald_receiver_process(receiver, herald_clock_ns()), 0);
    assert_int_equal(herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX), 1);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

static void losses_to_a_full_buffer_are_counted(void **state)
{
    static uint8_t payload[32 * SEGMENT];
    struct herald_receiver_config small = { .receive_buffer_bytes = 8192, .no_gro = true };
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", small);
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_receiver_stats stats;

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_int_equal(herald_sender_send_run(sender, payload, sizeof(payload), SEGMENT, NULL), 32);
    herald_receiver_stats(receiver, &stats);
    assert_true(stats.kernel_drops > 200 && stats.kernel_drops < 320);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void a_sender_says_what_it_resolved_to(void **state)
{
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    const struct herald_sender_facts *facts = herald_sender_facts(sender);

    (void)state;
    assert_string_equal(facts->interface.name, "lo");
    assert_int_equal(facts->reason, HERALD_INTERFACE_LOOPBACK);
    assert_int_equal(facts->ttl, 1);
    assert_memory_equal(facts->source.bytes, "\x7f\0\0\x01", 4);
    assert_true(facts->port > 0);
    assert_true(facts->receive_buffer_bytes > 0);
    herald_sender_free(sender);
}

static void what_cannot_be_opened_names_its_cause(void **state)
{
    struct herald_sender_config config = { .endpoint = endpoint("239.1.2.3:10000"), .interface = "eth9" };
    struct herald_receiver_config listen = { 0 };
    struct herald_endpoint link_local = endpoint("[ff02::7]:10000");
    herald_sender *sender = NULL;
    herald_receiver *receiver = NULL;
    struct herald_error error;

    (void)state;
    assert_int_equal(herald_sender_new(&sender, &config, &error), -ENODEV);
    assert_string_equal(error.cause, "unknown interface 'eth9'; there are: lo");
    config.interface = NULL;
    assert_int_equal(herald_address_parse("192.0.2.1", &config.source), 0);
    assert_int_equal(herald_sender_new(&sender, &config, &error), -EADDRNOTAVAIL);
    assert_string_equal(error.cause, "192.0.2.1 is not an address of this host");
    config.source.family = HERALD_FAMILY_NONE;
    config.endpoint = link_local;
    assert_int_equal(herald_sender_new(&sender, &config, &error), -EINVAL);
    assert_string_equal(error.cause, "ff02::7 is a link-local group: it needs an interface");
    assert_int_equal(herald_receiver_new(&receiver, &listen, &error), -EINVAL);
    listen.endpoints = &link_local;
    listen.endpoint_count = 1;
    assert_int_equal(herald_receiver_new(&receiver, &listen, &error), -EINVAL);
    assert_string_equal(error.cause, "ff02::7 is a link-local group: it needs an interface");
    assert_null(sender);
    assert_null(receiver);
}

static void a_reply_port_in_use_is_refused(void **state)
{
    struct herald_sender_config config = { .reply_port = 4321 };
    herald_sender *first = open_sender("239.1.2.3:10000", config);
    herald_sender *second = NULL;
    struct herald_error error;

    (void)state;
    config.endpoint = endpoint("239.1.2.3:10000");
    assert_int_equal(herald_sender_new(&second, &config, &error), -EADDRINUSE);
    assert_string_equal(error.cause, "port 4321 is used by another program on this host");
    herald_sender_free(first);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Answers everything that has arrived. @return how much that was. */
static size_t answer_all(herald_receiver *receiver, const char *text)
{
    struct herald_run runs[HERALD_RUNS_MAX];
    size_t answered = 0;
    int n;

    while ((n = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX)) > 0)
        for (int i = 0; i < n; i++, answered++)
            assert_int_equal(
                herald_receiver_reply(receiver, &runs[i].source, runs[i].group_port, text, strlen(text), NULL), 0);
    return answered;
}

static void a_question_is_answered_by_each_receiver_and_ends_at_the_last_expected(void **state)
{
    herald_receiver *receivers[2] = { open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 }),
                                      open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 }) };
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_ask_config config = {
        .senders = &sender, .sender_count = 1, .payload = "who?", .size_bytes = 4, .expect = 2, .wait_ns = PATIENCE_NS
    };
    struct herald_response response;
    herald_ask *ask = NULL;
    size_t responses = 0;

    (void)state;
    assert_int_equal(herald_ask_new(&ask, &config, herald_clock_ns(), NULL), 0);
    assert_int_equal(answer_all(receivers[0], "me"), 1);
    assert_int_equal(answer_all(receivers[1], "me"), 1);
    while (!herald_ask_done(ask)) {
        assert_true(herald_ask_deadline(ask) > herald_clock_ns());
        wait_readable(herald_ask_fd(ask));
        assert_int_equal(herald_ask_process(ask, herald_clock_ns(), NULL), 0);
        while (herald_ask_next_response(ask, &response) > 0) {
            assert_int_equal(response.size_bytes, 2);
            assert_memory_equal(response.payload, "me", 2);
            assert_true(response.first);
            assert_int_equal(response.attempt, 1);
            assert_true(response.round_trip_ns > 0);
            responses++;
        }
    }
    assert_int_equal(responses, 2);
    assert_int_equal(herald_ask_responders(ask), 2);
    herald_ask_free(ask);
    herald_sender_free(sender);
    herald_receiver_free(receivers[0]);
    herald_receiver_free(receivers[1]);
}

static void an_unanswered_question_is_asked_again_and_then_ends(void **state)
{
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_ask_config config = {
        .senders = &sender, .sender_count = 1, .payload = "?", .size_bytes = 1, .retries = 2, .wait_ns = 1000
    };
    struct herald_sender_stats stats;
    herald_ask *ask = NULL;
    uint64_t now_ns = 5000000;

    (void)state;
    assert_int_equal(herald_ask_new(&ask, &config, now_ns, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_false(herald_ask_done(ask));
        assert_int_equal(herald_ask_attempts(ask), i + 1);
        assert_int_equal(herald_ask_deadline(ask), now_ns + 1000);
        now_ns += 1000;
        assert_int_equal(herald_ask_process(ask, now_ns, NULL), 0);
    }
    assert_true(herald_ask_done(ask));
    herald_sender_stats(sender, &stats);
    assert_int_equal(stats.datagrams, 3);
    herald_ask_free(ask);
    herald_sender_free(sender);
}

static void one_who_answers_twice_is_one_responder(void **state)
{
    herald_receiver *receiver = open_receiver("239.1.2.3:10000", (struct herald_receiver_config){ 0 });
    herald_sender *sender = open_sender("239.1.2.3:10000", (struct herald_sender_config){ 0 });
    struct herald_ask_config config = { .senders = &sender, .sender_count = 1, .payload = "?", .size_bytes = 1 };
    struct herald_run runs[HERALD_RUNS_MAX];
    struct herald_response response;
    herald_ask *ask = NULL;
    uint64_t now_ns = 1000;

    (void)state;
    assert_int_equal(herald_ask_new(&ask, &config, now_ns, NULL), 0);
    assert_int_equal(receive(receiver, runs), 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal(herald_receiver_reply(receiver, &runs[0].source, 10000, "a", 1, NULL), 0);
    wait_readable(herald_ask_fd(ask));
    assert_int_equal(herald_ask_process(ask, now_ns, NULL), 0);
    assert_int_equal(herald_ask_next_response(ask, &response), 1);
    assert_true(response.first);
    assert_int_equal(herald_ask_next_response(ask, &response), 1);
    assert_false(response.first);
    assert_int_equal(herald_ask_responders(ask), 1);
    assert_int_equal(herald_ask_process(ask, now_ns + UINT64_C(500000000), NULL), 0);
    assert_true(herald_ask_done(ask));
    herald_ask_free(ask);
    herald_sender_free(sender);
    herald_receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_datagram_arrives_with_all_its_facts),
        cmocka_unit_test(an_ipv6_datagram_arrives_with_all_its_facts),
        cmocka_unit_test(a_link_local_ipv6_datagram_arrives_with_all_its_facts),
        cmocka_unit_test(ipv6_over_lo_without_its_route_names_the_command_that_adds_it),
        cmocka_unit_test(an_empty_datagram_arrives),
        cmocka_unit_test(a_run_arrives_as_its_datagrams_however_it_travels),
        cmocka_unit_test(impossible_runs_are_refused),
        cmocka_unit_test(waiting_ends_at_the_deadline_or_when_something_comes),
        cmocka_unit_test(losses_to_a_full_buffer_are_counted),
        cmocka_unit_test(a_sender_says_what_it_resolved_to),
        cmocka_unit_test(what_cannot_be_opened_names_its_cause),
        cmocka_unit_test(a_reply_port_in_use_is_refused),
        cmocka_unit_test(a_question_is_answered_by_each_receiver_and_ends_at_the_last_expected),
        cmocka_unit_test(an_unanswered_question_is_asked_again_and_then_ends),
        cmocka_unit_test(one_who_answers_twice_is_one_responder),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
