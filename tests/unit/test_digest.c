/* SPDX-License-Identifier: MIT */
/* The digest of an object. Its known answers come from another implementation of the definition in doc/transfer.md. */
#include "digest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BIG_BYTES = 3 * 64 * 1400 + 5, HEX_BYTES = 2 * HD_DIGEST_BYTES + 1 };

/* An object, and its digest as it is being computed. */
struct object {
    uint8_t *bytes; /* of exactly its size, so that a sanitizer sees a byte read too many */
    struct hd_digest digest;
};

static void open_object(struct object *object, uint64_t object_bytes, uint16_t segment_bytes, uint16_t block_segments)
{
    struct hd_partition partition;

    assert_int_equal(hd_partition_init(&partition, object_bytes, segment_bytes, block_segments), 0);
    assert_int_equal(hd_digest_init(&object->digest, &partition, NULL), 0);
    object->bytes = malloc(object_bytes > 0 ? object_bytes : 1);
    assert_non_null(object->bytes);
    for (uint64_t i = 0; i < object_bytes; i++)
        object->bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + 5);
}

static void close_object(struct object *object)
{
    hd_digest_release(&object->digest);
    hd_digest_release(&object->digest); /* again does no harm */
    free(object->bytes);
}

static uint64_t block_value(const struct object *object, uint64_t block)
{
    const struct hd_partition *partition = &object->digest.partition;

    return hd_digest_of_block(&object->digest, block, object->bytes + hd_partition_block_offset(partition, block));
}

/* All blocks, then the digest, as hexadecimal digits. */
static void digest_of(struct object *object, char ret_hex[HEX_BYTES])
{
    uint8_t digest[HD_DIGEST_BYTES];

    for (uint64_t block = 0; block < object->digest.partition.blocks; block++)
        object->digest.values[block] = block_value(object, block);
    assert_int_equal(hd_digest_finish(&object->digest, digest), 0);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

static const struct {
    uint64_t object_bytes;
    uint16_t segment_bytes, block_segments;
    const char *digest;
} known[] = {
    { 0, 16, 4, "2c0a8a99dc147d5445c3b49d035665b2" },
    { 1, 16, 4, "f6a1c50763eda67ba2255cbd2c60352e" },
    { 16, 16, 4, "7f91c1a5c8c7f1907e992581ebde3959" },
    { 17, 16, 4, "8544fe843ad101f64ea702a5dbdef541" },   /* the last segment is short */
    { 100, 10, 4, "f559f1297e7240d79bf06468955901ce" },  /* blocks of 4, 3 and 3 */
    { 100, 10, 64, "0671b547402f0491cb73fb1a74645049" }, /* the same bytes in a single block */
    { BIG_BYTES, 1400, 64, "ab7bed5e1a493ad9182c695ecbc194ce" },
};

static void a_digest_is_what_it_always_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct object object;
        char hex[HEX_BYTES];

        open_object(&object, known[i].object_bytes, known[i].segment_bytes, known[i].block_segments);
        digest_of(&object, hex);
        assert_string_equal(hex, known[i].digest);
        close_object(&object);
    }
}

static void the_value_of_a_segment_is_what_it_always_was(void **state)
{
    const uint8_t *herald = (const uint8_t *)"herald";

    (void)state;
    assert_int_equal(hd_digest_segment(0, herald, 6), UINT64_C(0x905ea5676a922358));
    assert_int_equal(hd_digest_segment(1, herald, 6), UINT64_C(0xc6359ab85147ac64));
    assert_int_equal(hd_digest_segment(UINT64_C(1) << 40, herald, 6), UINT64_C(0x530861095d78031b));
}

/* What the document gives for others to try. */
static void the_example_of_the_document_holds(void **state)
{
    struct object object;
    char hex[HEX_BYTES];

    (void)state;
    open_object(&object, 7, 1400, 64);
    memcpy(object.bytes, "herald\n", 7);
    digest_of(&object, hex);
    assert_string_equal(hex, "71ca958fe50b12d3d29ec2d855110c72");
    close_object(&object);
}

static void segments_may_come_in_any_order(void **state)
{
    struct object object;
    const struct hd_partition *partition = &object.digest.partition;
    static const uint16_t order[] = { 2, 0, 3, 1 };
    uint64_t value = 0;

    (void)state;
    open_object(&object, 100, 10, 4);
    for (size_t i = 0; i < 4; i++) {
        uint64_t offset_bytes = hd_partition_offset(partition, 0, order[i]);

        value += hd_digest_segment(order[i], object.bytes + offset_bytes, hd_partition_bytes(partition, 0, order[i]));
    }
    assert_int_equal(value, block_value(&object, 0));
    close_object(&object);
}

static void swap(uint8_t *one, uint8_t *other, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        uint8_t byte = one[i];

        one[i] = other[i];
        other[i] = byte;
    }
}

static void two_segments_in_each_others_place_are_noticed(void **state)
{
    struct object object;
    char before[HEX_BYTES], after[HEX_BYTES];

    (void)state;
    open_object(&object, 100, 10, 4);
    digest_of(&object, before);
    for (size_t one = 0; one < 10; one++) {
        for (size_t other = one + 1; other < 10; other++) {
            swap(object.bytes + 10 * one, object.bytes + 10 * other, 10);
            digest_of(&object, after);
            assert_string_not_equal(after, before);
            swap(object.bytes + 10 * one, object.bytes + 10 * other, 10);
        }
    }
    digest_of(&object, after);
    assert_string_equal(after, before);
    close_object(&object);
}

/* Each bit, and only the block that holds it is suspected. */
static void one_flipped_bit_is_noticed_in_its_block(void **state)
{
    struct object object;
    uint64_t values[3];
    char before[HEX_BYTES], after[HEX_BYTES];

    (void)state;
    open_object(&object, 97, 10, 4); /* the last segment has 7 bytes */
    digest_of(&object, before);
    memcpy(values, object.digest.values, sizeof(values));
    for (size_t bit = 0; bit < 97 * 8; bit++) {
        size_t segment = bit / 80;
        size_t hit = segment < 4 ? 0 : (segment - 1) / 3;

        object.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        digest_of(&object, after);
        assert_string_not_equal(after, before);
        for (size_t block = 0; block < 3; block++)
            assert_int_equal(object.digest.values[block] != values[block], block == hit);
        object.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    close_object(&object);
}

static void a_flipped_bit_anywhere_in_a_large_object_is_noticed(void **state)
{
    static const size_t at[] = { 0, 1399, 1400, 64 * 1400 - 1, 2 * 64 * 1400, BIG_BYTES - 6, BIG_BYTES - 1 };
    struct object object;
    char after[HEX_BYTES];

    (void)state;
    open_object(&object, BIG_BYTES, 1400, 64);
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        object.bytes[at[i]] ^= 0x10;
        digest_of(&object, after);
        assert_string_not_equal(after, known[6].digest);
        object.bytes[at[i]] ^= 0x10;
    }
    close_object(&object);
}

/* What was written too much or too little may be all zeroes. */
static void zeroes_at_the_end_count(void **state)
{
    char digests[20][HEX_BYTES];

    (void)state;
    for (size_t size_bytes = 0; size_bytes < 20; size_bytes++) {
        struct object object;

        open_object(&object, size_bytes, 16, 4);
        memset(object.bytes, 0, size_bytes);
        digest_of(&object, digests[size_bytes]);
        close_object(&object);
        for (size_t less = 0; less < size_bytes; less++)
            assert_string_not_equal(digests[less], digests[size_bytes]);
    }
}

static void a_digest_waits_for_every_block(void **state)
{
    struct object object;
    uint8_t digest[HD_DIGEST_BYTES] = { 0xab };
    char hex[HEX_BYTES];

    (void)state;
    open_object(&object, 100, 10, 4);
    assert_int_equal(hd_digest_finish(&object.digest, digest), -EAGAIN);
    digest_of(&object, hex);
    for (size_t block = 0; block < 3; block++) {
        uint64_t value = object.digest.values[block];

        object.digest.values[block] = 0;
        assert_int_equal(hd_digest_finish(&object.digest, digest), -EAGAIN);
        object.digest.values[block] = value;
    }
    assert_int_equal(digest[0], 0xab);
    assert_int_equal(hd_digest_finish(&object.digest, digest), 0);
    assert_int_not_equal(digest[0], 0xab);
    close_object(&object);
}

/* Those of an earlier run, mapped from its journal. */
static void values_may_lie_in_somebody_elses_memory(void **state)
{
    struct object object;
    struct hd_digest other;
    uint64_t *values = calloc(3, sizeof(*values));
    uint8_t digest[HD_DIGEST_BYTES], expected[HD_DIGEST_BYTES];
    char hex[HEX_BYTES];

    (void)state;
    assert_non_null(values);
    open_object(&object, 100, 10, 4);
    digest_of(&object, hex);
    assert_int_equal(hd_digest_finish(&object.digest, expected), 0);
    memcpy(values, object.digest.values, 3 * sizeof(*values));
    assert_int_equal(hd_digest_init(&other, &object.digest.partition, values), 0);
    assert_int_equal(hd_digest_finish(&other, digest), 0);
    assert_memory_equal(digest, expected, sizeof(digest));
    hd_digest_release(&other);
    assert_int_equal(values[2], object.digest.values[2]); /* still there */
    free(values);
    close_object(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_what_it_always_was),
        cmocka_unit_test(the_value_of_a_segment_is_what_it_always_was),
        cmocka_unit_test(the_example_of_the_document_holds),
        cmocka_unit_test(segments_may_come_in_any_order),
        cmocka_unit_test(two_segments_in_each_others_place_are_noticed),
        cmocka_unit_test(one_flipped_bit_is_noticed_in_its_block),
        cmocka_unit_test(a_flipped_bit_anywhere_in_a_large_object_is_noticed),
        cmocka_unit_test(zeroes_at_the_end_count),
        cmocka_unit_test(a_digest_waits_for_every_block),
        cmocka_unit_test(values_may_lie_in_somebody_elses_memory),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
