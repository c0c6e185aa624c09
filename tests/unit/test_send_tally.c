/* SPDX-License-Identifier: MIT */
/* Who has answered herald send: anybody may say so, from any address. */
#include "send_tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct herald_peer peer(uint32_t number)
{
    struct herald_peer result = { .address.family = HERALD_FAMILY_IPV4, .port = 7777 };

    memcpy(result.address.bytes, &number, sizeof(number));
    return result;
}

static void each_responder_is_counted_once(void **state)
{
    struct tally tally = { 0 };
    struct herald_peer other_port = peer(5);

    (void)state;
    for (uint64_t message = 1; message <= 2; message++)
        for (uint32_t i = 0; i < 10000; i++) {
            struct herald_peer from = peer(i);

            assert_true(tally_is_first(&tally, &from, message));
            assert_int_equal(tally_add(&tally, &from, message, 100), 1);
            assert_int_equal(tally_add(&tally, &from, message, 300), 0);
            assert_false(tally_is_first(&tally, &from, message));
        }
    assert_int_equal(tally.count, 10000);
    assert_int_equal(tally.items[5].answered, 2);
    assert_int_equal(tally.items[5].responses, 4);
    assert_int_equal(tally.items[5].sum_ns, 200);
    other_port.port++;
    assert_int_equal(tally_add(&tally, &other_port, 2, -1), 1);
    assert_int_equal(tally.count, 10001);
    tally_release(&tally);
}

static void forged_responders_fill_no_memory(void **state)
{
    struct tally tally = { 0 };

    (void)state;
    for (uint32_t i = 0; i < TALLY_MAX + 1000; i++) {
        struct herald_peer from = peer(i);

        assert_int_equal(tally_add(&tally, &from, 1, 0), i < TALLY_MAX);
    }
    assert_int_equal(tally.count, TALLY_MAX);
    tally_release(&tally);
}

/* Where a peer belongs is a secret, or all could be made to belong to one place. */
static void nobody_can_choose_his_place(void **state)
{
    struct tally one = { 0 };
    struct tally other = { 0 };

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        struct herald_peer from = peer(i);

        assert_int_equal(tally_add(&one, &from, 1, 0), 1);
        assert_int_equal(tally_add(&other, &from, 1, 0), 1);
    }
    assert_int_equal(one.slot_count, other.slot_count);
    assert_memory_not_equal(one.slots, other.slots, one.slot_count * sizeof(*one.slots));
    tally_release(&one);
    tally_release(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_responder_is_counted_once),
        cmocka_unit_test(forged_responders_fill_no_memory),
        cmocka_unit_test(nobody_can_choose_his_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
