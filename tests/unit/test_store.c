/* SPDX-License-Identifier: MIT */
/* Where the bytes of an object go: files, descriptors, memory. */
#include "store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { OBJECT_BYTES = 10050, WINDOW_BYTES = 3 * KIT_BLOCK_SYMBOLS * KIT_SEGMENT_BYTES };

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void shuffle(uint64_t *numbers, uint64_t count, uint32_t seed)
{
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = i;
    for (uint64_t i = count; i > 1; i--) {
        uint64_t other = next_random(&seed) % i, number = numbers[i - 1];

        numbers[i - 1] = numbers[other];
        numbers[other] = number;
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void open_memory(struct kit *kit)
{
    assert_int_equal(hd_store_new_memory(&kit->store, &kit->spares, OBJECT_BYTES, &kit->facts, &kit->error), 0);
    kit_use_store(kit);
}

static void memory_holds_what_was_written_in_any_order(void **state)
{
    struct kit *kit = *state;
    uint64_t order[OBJECT_BYTES / KIT_SEGMENT_BYTES + 1];
    uint8_t digest[HD_DIGEST_BYTES];

    kit_object(kit, OBJECT_BYTES, 1);
    for (uint32_t seed = 0; seed < 5; seed++) {
        open_memory(kit);
        shuffle(order, kit->facts.partition.segments, seed);
        for (uint64_t i = 0; i < kit->facts.partition.segments; i++) {
            assert_int_equal(hd_store_digest(kit->store, digest), -EAGAIN);
            assert_int_equal(kit_segment(kit, order[i]), 0);
        }
        kit_flush(kit);
        assert_memory_equal(hd_store_bytes(kit->store), kit->bytes, OBJECT_BYTES);
        assert_int_equal(hd_store_received_bytes(kit->store), OBJECT_BYTES);
        assert_true(hd_store_is_drained(kit->store));
        kit_require_digest(kit);
        kit->store = hd_store_free(kit->store);
    }
}

static void memory_is_used_again_for_what_is_about_as_large(void **state)
{
    struct kit *kit = *state;
    const uint8_t *first;

    kit_object(kit, OBJECT_BYTES, 1);
    open_memory(kit);
    first = hd_store_bytes(kit->store);
    kit->store = hd_store_free(kit->store);
    open_memory(kit);
    assert_ptr_equal(hd_store_bytes(kit->store), first);
    kit->store = hd_store_free(kit->store);
    kit_object(kit, OBJECT_BYTES / 3, 1); /* it would waste most of it */
    open_memory(kit);
    assert_ptr_not_equal(hd_store_bytes(kit->store), first);
}

static void memory_has_a_limit(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, OBJECT_BYTES, 1);
    assert_int_equal(hd_store_new_memory(&kit->store, &kit->spares, 9000, &kit->facts, &kit->error), -EFBIG);
    assert_string_equal(kit->error.cause, "it is larger (10.0 kB) than what is accepted in memory (9.0 kB)");
    assert_null(kit->store);
}

static void an_object_of_no_bytes_is_complete_at_once(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, 0, 1);
    open_memory(kit);
    assert_non_null(hd_store_bytes(kit->store));
    kit_require_digest(kit);
}

static void what_is_not_a_segment_is_refused(void **state)
{
    struct kit *kit = *state;
    static const uint8_t bytes[2 * KIT_SEGMENT_BYTES];
    static const struct {
        uint64_t offset_bytes;
        size_t size_bytes;
    } wrong[] = {
        { 1, KIT_SEGMENT_BYTES },
        { 0, KIT_SEGMENT_BYTES - 1 },
        { 0, KIT_SEGMENT_BYTES + 1 },
        { 0, 0 },
        { OBJECT_BYTES - 50, KIT_SEGMENT_BYTES },
        { OBJECT_BYTES - 50, 49 },
        { OBJECT_BYTES, 1 },
        { OBJECT_BYTES + 50, KIT_SEGMENT_BYTES },
        { UINT64_MAX - 1, KIT_SEGMENT_BYTES },
    };

    kit_object(kit, OBJECT_BYTES, 1);
    open_memory(kit);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(kit->sink.write_at(kit->sink.user, wrong[i].offset_bytes, bytes, wrong[i].size_bytes),
                         -EINVAL);
    assert_null(kit->sink.read_at(kit->sink.user, OBJECT_BYTES, 1));
    assert_null(kit->sink.read_at(kit->sink.user, 1, OBJECT_BYTES));
    assert_null(kit->sink.read_at(kit->sink.user, UINT64_MAX, 2));
    kit_everything(kit);
    kit_require_digest(kit);
}

static void segments_that_come_at_once_are_as_good_as_one_by_one(void **state)
{
    enum { STRIDE_BYTES = KIT_SEGMENT_BYTES + 7 };
    struct kit *kit = *state;
    const struct herald_norm_sink *sink = &kit->sink;
    uint8_t *run;
    uint16_t count;

    kit_object(kit, OBJECT_BYTES, 1);
    open_memory(kit);
    count = hd_partition_block_symbols(&kit->facts.partition, 0);
    run = calloc(count + 1u, STRIDE_BYTES);
    assert_non_null(run);
    for (uint16_t i = 0; i < count; i++)
        memcpy(run + (size_t)i * STRIDE_BYTES, kit->bytes + (size_t)i * KIT_SEGMENT_BYTES, KIT_SEGMENT_BYTES);
    assert_int_equal(sink->write_many(sink->user, 1, run, KIT_SEGMENT_BYTES, STRIDE_BYTES, 1), 0);
    assert_int_equal(sink->write_many(sink->user, OBJECT_BYTES, run, KIT_SEGMENT_BYTES, STRIDE_BYTES, 1), 0);
    assert_int_equal(sink->write_many(sink->user, 0, run, KIT_SEGMENT_BYTES, STRIDE_BYTES, count + 1u), 0);
    assert_int_equal(sink->write_many(sink->user, 0, run, KIT_SEGMENT_BYTES, STRIDE_BYTES, count), count);
    sink->block_changed(sink->user, 0, true);
    assert_int_equal(sink->write_many(sink->user, 0, run, KIT_SEGMENT_BYTES, STRIDE_BYTES, count), 0);
    kit_blocks(kit, 1, kit->facts.partition.blocks - 1);
    kit_require_digest(kit);
    free(run);
}

/* As the transport does when it has to forget a block. */
static void a_block_that_begins_anew_counts_once(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, OBJECT_BYTES, 1);
    open_memory(kit);
    kit_segments(kit, 0, 5);
    kit->sink.block_changed(kit->sink.user, 0, false);
    kit_everything(kit);
    kit_require_digest(kit);
    assert_int_equal(hd_store_received_bytes(kit->store), OBJECT_BYTES);
}

static void segments_of_a_complete_block_change_nothing(void **state)
{
    struct kit *kit = *state;
    uint8_t other[KIT_SEGMENT_BYTES] = "other";

    kit_object(kit, OBJECT_BYTES, 1);
    open_memory(kit);
    kit_everything(kit);
    assert_int_equal(kit->sink.write_at(kit->sink.user, 0, other, sizeof(other)), 0);
    kit->sink.block_changed(kit->sink.user, 0, true);
    kit->sink.block_changed(kit->sink.user, 0, false);
    assert_memory_equal(hd_store_bytes(kit->store), kit->bytes, OBJECT_BYTES);
    assert_int_equal(hd_store_received_bytes(kit->store), OBJECT_BYTES);
    kit_require_digest(kit);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void a_file_holds_what_was_written_in_any_order(void **state)
{
    struct kit *kit = *state;
    uint64_t order[OBJECT_BYTES / KIT_SEGMENT_BYTES + 1] = { 0 };

    kit_object(kit, OBJECT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    for (uint32_t seed = 0; seed < 5; seed++) {
        struct hd_finished finished;

        kit_open_file(kit);
        shuffle(order, kit->facts.partition.segments, seed);
        for (uint64_t i = 0; i < kit->facts.partition.segments; i++)
            assert_int_equal(kit_segment(kit, order[i]), 0);
        kit_flush(kit);
        kit_require_digest(kit);
        kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
        assert_int_equal(finished.error.code, 0);
        kit_require_object(kit, "object");
    }
}

static void a_file_with_gaps_is_filled_later(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, UINT64_C(1000) * KIT_SEGMENT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    /* All of it, with nothing but the last segment of each block missing, which come then. */
    for (int round = 0; round < 2; round++)
        for (uint64_t segment = 0; segment < 1000; segment++) {
            uint64_t offset_bytes = segment * KIT_SEGMENT_BYTES;
            bool is_last = segment % KIT_BLOCK_SYMBOLS == KIT_BLOCK_SYMBOLS - 1;

            if (is_last != (round == 1))
                continue;
            assert_int_equal(
                kit->sink.write_at(kit->sink.user, offset_bytes, kit->bytes + offset_bytes, KIT_SEGMENT_BYTES), 0);
            if (is_last)
                kit->sink.block_changed(kit->sink.user, segment / KIT_BLOCK_SYMBOLS, true);
        }
    kit_flush(kit);
    kit_require_digest(kit);
    assert_memory_equal(kit->sink.read_at(kit->sink.user, 0, 100000), kit->bytes, 100000);
}

/* How much of the object, from its beginning, lies in the unfinished file. */
static size_t written_bytes(struct kit *kit)
{
    size_t size_bytes = (size_t)kit->facts.partition.object_bytes, same_bytes = 0;
    uint8_t *bytes = calloc(1, size_bytes);
    int fd = open(kit_partial(kit, ".part"), O_RDONLY | O_CLOEXEC);

    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, size_bytes, 0), size_bytes);
    (void)close(fd);
    while (same_bytes < size_bytes && bytes[same_bytes] == kit->bytes[same_bytes])
        same_bytes++;
    free(bytes);
    return same_bytes;
}

/* Page caches take it at half the cost or less then. */
static void what_comes_in_order_is_written_in_aligned_parts(void **state)
{
    struct kit *kit = *state;
    struct hd_finished finished;

    kit_object(kit, 100000, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    kit_segments(kit, 0, 320);
    kit_flush(kit);
    assert_int_equal(written_bytes(kit), 0);
    kit_segments(kit, 320, 10);
    assert_int_equal(written_bytes(kit), 32768);
    kit_segments(kit, 330, 320);
    kit_flush(kit);
    assert_int_equal(written_bytes(kit), 32768);
    kit_segments(kit, 650, 350);
    kit_require_digest(kit);
    kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
    assert_int_equal(finished.error.code, 0);
    kit_require_object(kit, "object");
}

static void what_does_not_follow_has_the_part_before_it_written(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, 100000, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    kit_segments(kit, 0, 10);
    kit_flush(kit);
    assert_int_equal(written_bytes(kit), 0);
    kit_segments(kit, 11, 1);
    assert_int_equal(written_bytes(kit), 1000);
}

/* What is held back to the end meets a full disk only there. */
static void fill_disk_at_the_end(struct kit *kit)
{
    const struct hd_place_config config = { .directory = kit->directory };
    struct hd_finished finished;

    kit_require_step(hd_place_new(&kit->place, &config, NULL) == 0, 1);
    kit->facts.is_provisional = true;
    kit_open_file(kit);
    kit_everything(kit);
    kit_require_step(hd_store_error(kit->store, NULL) == 0, 2);
    kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
    kit_require_step(finished.error.code == -ENOSPC, 3);
    kit_require_step(strstr(finished.error.cause, "disk full: the file has 60.0 kB, ") != NULL, 4);
    kit_require_step(!kit_exists(kit, "object"), 5);
    kit->place = hd_place_free(kit->place);
}

static void a_disk_that_is_full_at_the_end_is_told(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, 60000, 1);
    kit_in_file_system(kit, "size=48k", fill_disk_at_the_end);
}

static void a_block_can_be_read_back_before_it_was_flushed(void **state)
{
    struct kit *kit = *state;
    const uint8_t *found;

    kit_object(kit, OBJECT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    kit_segments(kit, 9, 3);
    found = kit->sink.read_at(kit->sink.user, 800, 800);
    assert_non_null(found);
    assert_memory_equal(found + 100, kit->bytes + 900, 300);
}

/*
 * Recovered segments lie in memory that is used again for the next block that is recovered, of whatever object: long
 * before any flush.
 */
static void recovered_segments_are_taken_when_their_block_is_complete(void **state)
{
    struct kit *kit = *state;
    uint8_t scratch[KIT_SEGMENT_BYTES];
    struct hd_finished finished;

    kit_object(kit, OBJECT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    for (uint64_t block = 0; block < kit->facts.partition.blocks; block++) {
        uint64_t first = hd_partition_block_segment(&kit->facts.partition, block);
        uint16_t symbols = hd_partition_block_symbols(&kit->facts.partition, block);
        uint16_t last_bytes = hd_partition_bytes(&kit->facts.partition, block, (uint16_t)(symbols - 1));
        uint64_t last_offset = (first + symbols - 1U) * KIT_SEGMENT_BYTES;

        kit_segments(kit, first, symbols - 1U);
        memcpy(scratch, kit->bytes + last_offset, last_bytes);
        assert_int_equal(kit->sink.write_at(kit->sink.user, last_offset, scratch, last_bytes), 0);
        kit->sink.block_changed(kit->sink.user, block, true);
        memset(scratch, 0xdd, sizeof(scratch));
    }
    kit_flush(kit);
    kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
    assert_int_equal(finished.error.code, 0);
    kit_require_object(kit, "object");
}

static uint64_t allocated_bytes(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

static void zeroes_of_a_sparse_file_take_no_room(void **state)
{
    struct kit *kit = *state;
    uint64_t size_bytes = UINT64_C(1) << 30, segment_bytes = 65000;
    uint8_t *segment = calloc(1, segment_bytes);
    struct hd_finished finished;
    struct stat status;

    assert_non_null(segment);
    kit_object(kit, 0, 0);
    assert_int_equal(hd_partition_init(&kit->facts.partition, size_bytes, (uint16_t)segment_bytes, 64), 0);
    kit->facts.is_sparse = true;
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    assert_int_equal(hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error), 0);
    hd_store_as_sink(kit->store, &kit->sink);
    for (uint64_t block = 0; block < kit->facts.partition.blocks; block++) {
        for (uint16_t i = 0; i < hd_partition_block_symbols(&kit->facts.partition, block); i++) {
            bool is_middle = block == kit->facts.partition.blocks / 2 && i == 3;

            memset(segment, is_middle ? 'x' : 0, segment_bytes);
            assert_int_equal(kit->sink.write_at(kit->sink.user, hd_partition_offset(&kit->facts.partition, block, i),
                                                segment, hd_partition_bytes(&kit->facts.partition, block, i)),
                             0);
        }
        kit->sink.block_changed(kit->sink.user, block, true);
        assert_int_equal(hd_store_flush(kit->store), 0);
    }
    free(segment);
    kit_finish(kit, &(struct hd_finish){ .name = "sparse" }, &finished);
    assert_int_equal(finished.error.code, 0);
    assert_int_equal(stat(kit_path(kit, "sparse"), &status), 0);
    assert_int_equal(status.st_size, size_bytes);
    assert_in_range(allocated_bytes(kit_path(kit, "sparse")), segment_bytes, 4 * segment_bytes);
}

/* Whether the file system of the tests' directory reserves room at all is not for us to say. */
static void what_turns_out_to_be_sparse_gives_back_its_room(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, UINT64_C(16) << 20, 0);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    kit->bytes[800] = 1;
    kit_segments(kit, 0, 20); /* two blocks and a half */
    kit_flush(kit);
    hd_store_set_sparse(kit->store);
    assert_in_range(allocated_bytes(kit_partial(kit, ".part")), 1, 1 << 20);
    kit_segments(kit, 20, kit->facts.partition.segments - 20);
    kit_flush(kit);
    assert_in_range(allocated_bytes(kit_partial(kit, ".part")), 1, 1 << 20);
    assert_memory_equal(kit->sink.read_at(kit->sink.user, 800, 800), kit->bytes + 800, 800);
}

/* Zeroes that come in the second place must not leave what came in the first. */
static void zeroes_replace_what_was_written_before_a_block_began_anew(void **state)
{
    struct kit *kit = *state;
    uint8_t first[KIT_SEGMENT_BYTES];

    memset(first, 'x', sizeof(first));
    kit_object(kit, OBJECT_BYTES, 0);
    kit->facts.is_sparse = true;
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    assert_int_equal(kit->sink.write_at(kit->sink.user, 0, first, sizeof(first)), 0);
    assert_int_equal(hd_store_flush(kit->store), 0);
    kit->sink.block_changed(kit->sink.user, 0, false);
    kit_everything(kit);
    kit_require_digest(kit);
    assert_memory_equal(kit->sink.read_at(kit->sink.user, 0, 800), kit->bytes, 800);
}

static void a_file_that_cannot_fit_is_refused_with_both_sizes(void **state)
{
    struct kit *kit = *state;
    const uint64_t size_bytes = UINT64_C(200) * 1000 * 1000 * 1000 * 1000;

    kit_object(kit, 0, 0);
    assert_int_equal(hd_partition_init(&kit->facts.partition, size_bytes, 65000, 255), 0);
    kit->facts.partition.blocks = 1; /* no memory for what is refused */
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    switch (hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error)) {
    case -ENOSPC:
        assert_non_null(strstr(kit->error.cause, "disk full: 200.0 TB are needed, "));
        assert_non_null(strstr(kit->error.cause, " are free in "));
        assert_non_null(strstr(kit->error.cause, kit->directory));
        break;
    case -EFBIG: /* ext4 */
        assert_non_null(strstr(kit->error.cause, "a file of 200.0 TB is larger than what "));
        break;
    default:
        fail_msg("%s", kit->error.cause);
    }
    assert_int_equal(kit->error.code < 0, 1);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 0);
}

static void fill_disk(struct kit *kit)
{
    const struct hd_place_config config = { .directory = kit->directory };
    struct herald_error error;
    int r = 0;

    kit_require_step(hd_place_new(&kit->place, &config, NULL) == 0, 1);
    kit_require_step(hd_store_new_file(&kit->store, kit->place, &kit->facts, &error) == -ENOSPC, 2);
    kit_require_step(strstr(error.cause, "disk full: 2.0 MB are needed, ") != NULL, 3);
    kit->facts.is_provisional = true;
    kit_require_step(hd_store_new_file(&kit->store, kit->place, &kit->facts, &error) == 0, 4);
    kit_require_step(hd_store_reserve(kit->store, &error) == -ENOSPC, 5);
    hd_store_as_sink(kit->store, &kit->sink);
    for (uint64_t at_bytes = 0; r == 0 && at_bytes < 2000000; at_bytes += KIT_SEGMENT_BYTES) {
        r = kit->sink.write_at(kit->sink.user, at_bytes, kit->bytes + at_bytes, KIT_SEGMENT_BYTES);
        if (at_bytes % 1000 == 0)
            (void)!hd_store_flush(kit->store);
    }
    kit_require_step(r == -ENOSPC, 6);
    kit_require_step(hd_store_error(kit->store, &error) == -ENOSPC, 7);
    kit_require_step(strstr(error.cause, "disk full: the file has 2.0 MB, 0 bytes are free in ") != NULL, 8);
    kit_require_step(hd_store_flush(kit->store) == -ENOSPC, 9);
    hd_store_discard(kit->store);
    kit->store = hd_store_free(kit->store);
    kit->place = hd_place_free(kit->place);
    kit_require_step(!kit_exists(kit, ".herald-partial"), 10);
}

static void a_full_disk_is_told_and_stays_told(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, 2000000, 1);
    kit_in_file_system(kit, "size=1m", fill_disk);
}

static void a_limit_of_file_sizes_is_told_without_a_signal(void **state)
{
    struct kit *kit = *state;
    struct rlimit before, small = { .rlim_cur = 5000 };
    int r;

    kit_object(kit, OBJECT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    r = hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(r, -EFBIG);
    assert_non_null(strstr(kit->error.cause, "ulimit -f"));
}

static void a_file_that_somebody_cuts_off_is_an_error(void **state)
{
    struct kit *kit = *state;

    kit_object(kit, OBJECT_BYTES, 1);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    kit_segments(kit, 0, 4);
    kit_flush(kit);
    assert_int_equal(truncate(kit_partial(kit, ".part"), 10), 0);
    assert_null(kit->sink.read_at(kit->sink.user, 0, 800));
    assert_int_equal(hd_store_flush(kit->store), -EIO);
    assert_int_equal(kit_segment(kit, 4), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_holds_what_was_written_in_any_order, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(memory_is_used_again_for_what_is_about_as_large, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(memory_has_a_limit, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(an_object_of_no_bytes_is_complete_at_once, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_a_segment_is_refused, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(segments_that_come_at_once_are_as_good_as_one_by_one, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_block_that_begins_anew_counts_once, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(segments_of_a_complete_block_change_nothing, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_file_holds_what_was_written_in_any_order, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_file_with_gaps_is_filled_later, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_comes_in_order_is_written_in_aligned_parts, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_follow_has_the_part_before_it_written, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_at_the_end_is_told, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_block_can_be_read_back_before_it_was_flushed, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(recovered_segments_are_taken_when_their_block_is_complete, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(zeroes_of_a_sparse_file_take_no_room, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(what_turns_out_to_be_sparse_gives_back_its_room, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(zeroes_replace_what_was_written_before_a_block_began_anew, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_fit_is_refused_with_both_sizes, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_stays_told, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_limit_of_file_sizes_is_told_without_a_signal, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_somebody_cuts_off_is_an_error, kit_setup, kit_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
