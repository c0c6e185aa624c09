/* SPDX-License-Identifier: MIT */
/* An object's division into blocks and segments: RFC 5052 section 9.1. */
#include "partition.h"
#include "random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OBJECT_MAX ((UINT64_C(1) << 48) - 1)

static struct hd_partition partition_of(uint64_t object_bytes, uint16_t segment_bytes, uint16_t max_block_symbols)
{
    struct hd_partition partition;

    assert_int_equal(hd_partition_init(&partition, object_bytes, segment_bytes, max_block_symbols), 0);
    return partition;
}

/* As NRL's sender divides it. */
static void larger_blocks_come_first(void **state)
{
    struct hd_partition partition = partition_of(100, 10, 4);

    (void)state;
    assert_int_equal(partition.segments, 10);
    assert_int_equal(partition.blocks, 3);
    assert_int_equal(hd_partition_block_symbols(&partition, 0), 4);
    assert_int_equal(hd_partition_block_symbols(&partition, 1), 3);
    assert_int_equal(hd_partition_block_symbols(&partition, 2), 3);
    assert_int_equal(hd_partition_offset(&partition, 1, 0), 40);
    assert_int_equal(hd_partition_offset(&partition, 2, 2), 90);
}

/* Every symbol in order: without gap or overlap, from 0 to the end. */
static void require_seamless(const struct hd_partition *partition, uint16_t max_block_symbols)
{
    uint64_t offset_bytes = 0, segment = 0;

    for (uint64_t block = 0; block < partition->blocks; block++) {
        uint64_t block_bytes = 0;
        uint16_t symbols = hd_partition_block_symbols(partition, block);

        assert_in_range(symbols, 1, max_block_symbols);
        assert_int_equal(hd_partition_block_segment(partition, block), segment);
        assert_int_equal(hd_partition_block_offset(partition, block), offset_bytes);
        for (uint16_t symbol = 0; symbol < symbols; symbol++, segment++) {
            uint64_t found_block;
            uint16_t found_symbol, bytes = hd_partition_bytes(partition, block, symbol);

            assert_true(hd_partition_has(partition, block, symbol));
            assert_int_equal(hd_partition_offset(partition, block, symbol), offset_bytes);
            assert_in_range(bytes, 1, partition->segment_bytes);
            hd_partition_locate(partition, segment, &found_block, &found_symbol);
            assert_int_equal(found_block, block);
            assert_int_equal(found_symbol, symbol);
            offset_bytes += bytes;
            block_bytes += bytes;
        }
        assert_int_equal(hd_partition_block_bytes(partition, block), block_bytes);
        assert_false(hd_partition_has(partition, block, symbols));
    }
    assert_int_equal(offset_bytes, partition->object_bytes);
    assert_int_equal(segment, partition->segments);
    assert_int_equal(hd_partition_block_segment(partition, partition->blocks), segment);
    assert_false(hd_partition_has(partition, partition->blocks, 0));
}

static void every_byte_of_small_objects_is_in_exactly_one_segment(void **state)
{
    (void)state;
    for (uint64_t object_bytes = 0; object_bytes <= 60; object_bytes++) {
        for (uint16_t segment_bytes = 1; segment_bytes <= 12; segment_bytes++) {
            for (uint16_t max_block_symbols = 1; max_block_symbols <= 12; max_block_symbols++) {
                struct hd_partition partition = partition_of(object_bytes, segment_bytes, max_block_symbols);

                require_seamless(&partition, max_block_symbols);
            }
        }
    }
}

/* Near the 48 bits of the wire: the first, the last and random segments agree with the direct computation. */
static void the_largest_objects_are_divided_without_overflow(void **state)
{
    static const uint16_t segments_bytes[] = { 1, 2, 1400, 65535 };
    static const uint16_t max_symbols[] = { 1, 7, 64, 255, 65535 };
    struct hd_random random;

    (void)state;
    hd_random_init(&random, 21);
    for (size_t i = 0; i < 4 * 5; i++) {
        uint16_t segment_bytes = segments_bytes[i % 4], symbols = max_symbols[i / 4];
        struct hd_partition partition = partition_of(OBJECT_MAX, segment_bytes, symbols);

        assert_int_equal(partition.segments, (OBJECT_MAX + segment_bytes - 1) / segment_bytes);
        for (int round = 0; round < 1000; round++) {
            uint64_t block, segment = round == 0   ? 0
                                      : round == 1 ? partition.segments - 1
                                                   : hd_random_below(&random, partition.segments);
            uint16_t symbol;

            hd_partition_locate(&partition, segment, &block, &symbol);
            assert_int_equal(hd_partition_block_segment(&partition, block) + symbol, segment);
            assert_int_equal(hd_partition_offset(&partition, block, symbol), segment * segment_bytes);
            assert_in_range(hd_partition_bytes(&partition, block, symbol), 1, segment_bytes);
        }
    }
}

static void a_division_that_makes_no_sense_is_refused(void **state)
{
    struct hd_partition partition = { .blocks = 77 };

    (void)state;
    assert_int_equal(hd_partition_init(&partition, 1000, 0, 64), -EINVAL);
    assert_int_equal(hd_partition_init(&partition, 1000, 1400, 0), -EINVAL);
    assert_int_equal(hd_partition_init(&partition, OBJECT_MAX + 1, 1400, 64), -EFBIG);
    assert_int_equal(hd_partition_init(&partition, UINT64_MAX, 1, 1), -EFBIG);
    assert_int_equal(partition.blocks, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(larger_blocks_come_first),
        cmocka_unit_test(every_byte_of_small_objects_is_in_exactly_one_segment),
        cmocka_unit_test(the_largest_objects_are_divided_without_overflow),
        cmocka_unit_test(a_division_that_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
