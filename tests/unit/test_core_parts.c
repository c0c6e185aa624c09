/* SPDX-License-Identifier: MIT */
/* The protocol core's small parts: bitmaps, random numbers, wrapped numbers, bitmaps' memory, the ring of events. */
#include "bits.h"
#include "events.h"
#include "extents.h"
#include "random.h"
#include "wrap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* --- bits --- */

enum { BITS = 200, WORDS = 4 };

static void every_range_of_bits_is_set_and_cleared_exactly(void **state)
{
    (void)state;
    for (uint64_t from = 0; from <= BITS; from++) {
        for (uint64_t limit = 0; limit <= BITS; limit++) {
            uint64_t set[WORDS] = { 0 };
            uint64_t cleared[WORDS] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

            hd_bits_set_range(set, from, limit);
            hd_bits_clear_range(cleared, from, limit);
            for (uint64_t i = 0; i < UINT64_C(64) * WORDS; i++) {
                assert_int_equal(hd_bits_test(set, i), i >= from && i < limit);
                assert_int_equal(hd_bits_test(cleared, i), !(i >= from && i < limit));
            }
            assert_int_equal(hd_bits_count(set, 0, BITS), from < limit ? limit - from : 0);
        }
    }
}

/* What a search must find, bit by bit. */
static uint64_t slow_first(const uint64_t *bits, uint64_t from, uint64_t limit, bool value)
{
    while (from < limit && hd_bits_test(bits, from) != value)
        from++;
    return from < limit ? from : limit;
}

static uint64_t slow_last(const uint64_t *bits, uint64_t from, uint64_t limit)
{
    for (uint64_t i = limit; i > from; i--) {
        if (hd_bits_test(bits, i - 1))
            return i - 1;
    }
    return limit;
}

static void searches_in_bits_find_what_a_slow_search_finds(void **state)
{
    uint64_t bits[WORDS];
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 1);
    for (int round = 0; round < 20000; round++) {
        uint64_t from = hd_random_below(&random, BITS + 1), limit = hd_random_below(&random, BITS + 1);

        /* Sparse and dense ones, so that whole words are skipped. */
        for (int i = 0; i < WORDS; i++) {
            uint64_t few = UINT64_MAX;

            for (int halvings = 0; halvings < 6; halvings++)
                few &= hd_random_u64(&random);
            bits[i] = round % 3 == 0 ? hd_random_u64(&random) : round % 3 == 1 ? few : ~few;
        }
        assert_int_equal(hd_bits_first_set(bits, from, limit), slow_first(bits, from, limit, true));
        assert_int_equal(hd_bits_first_clear(bits, from, limit), slow_first(bits, from, limit, false));
        assert_int_equal(hd_bits_last_set(bits, from, limit), slow_last(bits, from, limit));
    }
}

static void a_bitmap_of_whole_words_has_no_word_behind_it(void **state)
{
    uint64_t *bits = calloc(2, sizeof(*bits)); /* its end is guarded when the test is built with ASan */

    (void)state;
    assert_non_null(bits);
    assert_int_equal(hd_bits_words(128), 2);
    assert_int_equal(hd_bits_words(129), 3);
    assert_int_equal(hd_bits_words(0), 0);
    assert_int_equal(hd_bits_first_set(bits, 0, 128), 128);
    hd_bits_set_range(bits, 0, 128);
    assert_int_equal(hd_bits_first_clear(bits, 64, 128), 128);
    assert_int_equal(hd_bits_last_set(bits, 0, 128), 127);
    assert_int_equal(hd_bits_count(bits, 0, 128), 128);
    hd_bits_clear(bits, 127);
    assert_int_equal(hd_bits_last_set(bits, 0, 128), 126);
    hd_bits_set(bits, 127);
    assert_int_equal(hd_bits_first_clear(bits, 0, 128), 128);
    free(bits);
}

/* --- random numbers --- */

static void the_same_seed_gives_the_same_numbers(void **state)
{
    struct hd_random a, b, c;
    int equal = 0;

    (void)state;
    hd_random_init(&a, 7);
    hd_random_init(&b, 7);
    hd_random_init(&c, 8);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = hd_random_u64(&a);

        assert_int_equal(value, hd_random_u64(&b));
        equal += value == hd_random_u64(&c);
    }
    assert_int_equal(equal, 0);
}

static void random_numbers_below_a_count_are_all_equally_likely(void **state)
{
    uint32_t seen[7] = { 0 };
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 3);
    for (int i = 0; i < 70000; i++)
        seen[hd_random_below(&random, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9600, 10400); /* four standard deviations */
    assert_int_equal(hd_random_below(&random, 1), 0);
    assert_int_equal(hd_random_below(&random, 0), 0);
    assert_int_equal(hd_random_uniform_ns(&random, 0), 0);
}

static void a_uniform_time_reaches_both_of_its_ends(void **state)
{
    struct hd_random random;
    bool low = false, high = false;

    (void)state;
    hd_random_init(&random, 4);
    for (int i = 0; i < 1000; i++) {
        uint64_t time_ns = hd_random_uniform_ns(&random, 9);

        assert_in_range(time_ns, 0, 9);
        low |= time_ns == 0;
        high |= time_ns == 9;
    }
    assert_true(low && high);
    assert_true(hd_random_uniform_ns(&random, UINT64_MAX) != hd_random_uniform_ns(&random, UINT64_MAX));
}

/* --- wrapped numbers --- */

static void a_wrapped_number_means_the_nearest_one(void **state)
{
    static const unsigned widths[] = { 16, 24, 32 };

    (void)state;
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        unsigned bits = widths[i];
        uint64_t period = UINT64_C(1) << bits;
        const uint64_t references[] = { period, 3 * period - 1, 5 * period, 5 * period + period / 2,
                                        UINT64_C(1) << 50 };
        const uint64_t distances[] = { 0, 1, 100, period / 2 - 1 };

        for (size_t r = 0; r < sizeof(references) / sizeof(references[0]); r++) {
            for (size_t d = 0; d < sizeof(distances) / sizeof(distances[0]); d++) {
                uint64_t ahead = references[r] + distances[d], behind = references[r] - distances[d];

                assert_int_equal(hd_wrap_near(references[r], hd_wrap_wire(ahead, bits), bits), ahead);
                assert_int_equal(hd_wrap_near(references[r], hd_wrap_wire(behind, bits), bits), behind);
            }
        }
    }
}

static void a_wrapped_number_never_falls_below_zero(void **state)
{
    (void)state;
    assert_int_equal(hd_wrap_near(5, 0xfffffe, 24), 0xfffffe);
    assert_int_equal(hd_wrap_near(5, 4, 24), 4);
    assert_int_equal(hd_wrap_near(hd_wrap_origin(5, 24), 0xfffffe, 24), 0xfffffe);
    assert_int_equal(hd_wrap_wire(hd_wrap_origin(0xffffffff, 32), 32), 0xffffffff);
}

/* --- bitmaps' memory --- */

enum { EXTENTS_WORDS = 64, EXTENTS_MAX = 12 };

/* A bitmap that lives, and what it was filled with. */
struct mine {
    uint64_t *bits;
    uint64_t words;
    uint64_t mark;
};

static void require_untouched(const struct mine *mine)
{
    for (uint64_t i = 0; i < mine->words; i++)
        assert_int_equal(mine->bits[i], mine->mark);
}

/* The longest run of words that no live bitmap holds. */
static uint64_t longest_gap(const struct hd_extents *extents, const struct mine *mine)
{
    uint64_t longest = 0, run = 0;

    for (uint64_t word = 0; word < EXTENTS_WORDS; word++) {
        bool taken = false;

        for (int i = 0; i < EXTENTS_MAX; i++) {
            const uint64_t *at = extents->words + word;

            taken |= mine[i].bits && at >= mine[i].bits && at < mine[i].bits + mine[i].words;
        }
        run = taken ? 0 : run + 1;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void bitmaps_are_found_whenever_the_words_lie_side_by_side(void **state)
{
    struct mine mine[EXTENTS_MAX] = { 0 };
    struct hd_extents extents;
    struct hd_random random;
    int refused = 0;

    (void)state;
    hd_random_init(&random, 5);
    assert_int_equal(hd_extents_init(&extents, UINT64_C(64) * EXTENTS_WORDS - 63, EXTENTS_MAX), 0);
    for (uint64_t round = 1; round <= 20000; round++) {
        struct mine *one = &mine[hd_random_below(&random, EXTENTS_MAX)];

        if (one->bits) {
            require_untouched(one);
            hd_extents_free(&extents, one->bits);
            *one = (struct mine){ 0 };
        } else {
            uint64_t bits_count = 1 + hd_random_below(&random, UINT64_C(16) * 64);
            uint64_t words = hd_bits_words(bits_count);
            uint64_t gap = longest_gap(&extents, mine);

            one->bits = hd_extents_alloc(&extents, bits_count);
            assert_int_equal(one->bits != NULL, words <= gap);
            refused += !one->bits;
            if (!one->bits)
                continue;
            one->words = words;
            require_untouched(one); /* mark is still 0: bitmaps come clear */
            one->mark = round;
            for (uint64_t i = 0; i < words; i++)
                one->bits[i] = round;
        }
    }
    assert_true(refused > 100);
    hd_extents_fini(&extents);
}

static void no_more_bitmaps_live_than_were_agreed(void **state)
{
    struct hd_extents extents;
    uint64_t *first;

    (void)state;
    assert_int_equal(hd_extents_init(&extents, 640, 2), 0);
    first = hd_extents_alloc(&extents, 1);
    assert_non_null(first);
    assert_non_null(hd_extents_alloc(&extents, 65));
    assert_null(hd_extents_alloc(&extents, 1));
    hd_extents_free(&extents, NULL);
    hd_extents_free(&extents, first);
    assert_null(hd_extents_alloc(&extents, 641));
    assert_non_null(hd_extents_alloc(&extents, 448));
    hd_extents_fini(&extents);
    hd_extents_fini(&extents);
}

/* --- events --- */

struct event {
    uint64_t number;
    uint8_t odd_sized[3];
};

static void events_come_out_in_the_order_they_went_in(void **state)
{
    struct hd_events events;
    struct event event = { 0 };
    uint64_t pushed = 0, popped = 0;

    (void)state;
    assert_int_equal(hd_events_init(&events, sizeof(event), 5), 0);
    assert_int_equal(hd_events_pop(&events, &event), 0);
    for (uint64_t round = 0; round < 100; round++) {
        uint64_t count = round % 5 + 1;

        assert_int_equal(hd_events_room(&events), 5);
        for (uint64_t i = 0; i < count; i++) {
            event = (struct event){ .number = pushed++ };
            hd_events_push(&events, &event);
        }
        assert_true(hd_events_pending(&events));
        assert_int_equal(hd_events_room(&events), 5 - count);
        while (hd_events_pop(&events, &event) > 0)
            assert_int_equal(event.number, popped++);
        assert_false(hd_events_pending(&events));
        assert_int_equal(popped, pushed);
    }
    hd_events_fini(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_of_bits_is_set_and_cleared_exactly),
        cmocka_unit_test(searches_in_bits_find_what_a_slow_search_finds),
        cmocka_unit_test(a_bitmap_of_whole_words_has_no_word_behind_it),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(random_numbers_below_a_count_are_all_equally_likely),
        cmocka_unit_test(a_uniform_time_reaches_both_of_its_ends),
        cmocka_unit_test(a_wrapped_number_means_the_nearest_one),
        cmocka_unit_test(a_wrapped_number_never_falls_below_zero),
        cmocka_unit_test(bitmaps_are_found_whenever_the_words_lie_side_by_side),
        cmocka_unit_test(no_more_bitmaps_live_than_were_agreed),
        cmocka_unit_test(events_come_out_in_the_order_they_went_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
