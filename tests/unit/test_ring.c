/* SPDX-License-Identifier: MIT */
/* The queue of events: in order, whatever was taken meanwhile, and no longer than allowed. */
#include "ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void put(struct hd_ring *ring, uint64_t value)
{
    uint64_t *item = hd_ring_add(ring);

    assert_non_null(item);
    *item = value;
}

static void test_order_while_it_grows_and_wraps(void **state)
{
    struct hd_ring ring;
    uint64_t in = 0, out = 0, value;

    (void)state;
    hd_ring_init(&ring, sizeof(value), 1024);
    assert_false(hd_ring_take(&ring, &value));
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 17; i++)
            put(&ring, in++);
        for (int i = 0; i < 13; i++) {
            assert_true(hd_ring_take(&ring, &value));
            assert_int_equal(value, out++);
        }
    }
    while (hd_ring_take(&ring, &value))
        assert_int_equal(value, out++);
    assert_int_equal(in, out);
    hd_ring_release(&ring);
}

static void test_limit(void **state)
{
    struct hd_ring ring;
    uint64_t value;

    (void)state;
    hd_ring_init(&ring, sizeof(value), 128);
    for (uint64_t i = 0; i < 128; i++)
        put(&ring, i);
    assert_null(hd_ring_add(&ring));
    assert_true(hd_ring_take(&ring, &value));
    assert_int_equal(value, 0);
    put(&ring, 128);
    assert_null(hd_ring_add(&ring));
    hd_ring_release(&ring);
    hd_ring_release(&ring);
    assert_false(hd_ring_take(&ring, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_while_it_grows_and_wraps),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
