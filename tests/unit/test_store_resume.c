/* SPDX-License-Identifier: MIT */
/* Unfinished files of earlier runs: what of them counts, what is refused, and who may touch them. */
#include "store_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    BLOCKS = 50,
    BLOCK_BYTES = KIT_BLOCK_SYMBOLS * KIT_SEGMENT_BYTES,
    OBJECT_BYTES = BLOCKS * BLOCK_BYTES,
    HEADER_BYTES = 48 + 1024 + 8, /* of a journal */
    HOUR_S = 3600,
};

static const struct timespec OLD[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

static struct hd_identity identity_of(const char *name)
{
    struct hd_identity identity = {
        .size_bytes = OBJECT_BYTES,
        .segment_bytes = KIT_SEGMENT_BYTES,
        .block_symbols = KIT_BLOCK_SYMBOLS,
        .mtime_ns = 12345,
        .sender_id = 7,
        .instance_id = 8,
        .object_id = 9,
    };

    (void)snprintf(identity.name, sizeof(identity.name), "%s", name);
    return identity;
}

static void begin(struct kit *kit, const char *name)
{
    const struct hd_identity identity = identity_of(name);

    kit_object(kit, OBJECT_BYTES, 1);
    kit->facts.sender_id = 7;
    kit->facts.instance_id = 8;
    kit->facts.object_id = 9;
    if (kit->place == NULL)
        kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_open_file(kit);
    if (name[0] != '\0')
        assert_int_equal(hd_store_set_identity(kit->store, &identity), 0);
}

/* A run that ends in the middle: some blocks, and a part of one. The place is closed then. */
static void interrupted_run(struct kit *kit, const char *name, uint64_t blocks)
{
    begin(kit, name);
    kit_blocks(kit, 0, blocks);
    kit_segments(kit, blocks * KIT_BLOCK_SYMBOLS, 3);
    kit_flush(kit);
    kit_close_place(kit);
}

static void require_found(struct kit *kit, uint64_t files, uint64_t bytes)
{
    uint64_t found_files, found_bytes;

    assert_int_equal(hd_store_scan(kit->place, HOUR_S, &found_files, &found_bytes), 0);
    assert_int_equal(found_files, files);
    assert_int_equal(found_bytes, bytes);
}

/* Marks as the transport would: whole blocks. */
static void mark(void *user, uint64_t offset_bytes, uint64_t size_bytes)
{
    struct kit *kit = user;

    assert_true(size_bytes > 0);
    assert_int_equal(offset_bytes % BLOCK_BYTES, 0);
    assert_int_equal(size_bytes % BLOCK_BYTES, 0);
    for (uint64_t i = offset_bytes / KIT_SEGMENT_BYTES; i < (offset_bytes + size_bytes) / KIT_SEGMENT_BYTES; i++)
        kit->here[i] = 2;
}

static uint64_t resume(struct kit *kit, const char *name)
{
    const struct hd_identity identity = identity_of(name);

    return hd_store_resume(kit->store, kit->place, &identity, mark, kit);
}

/* What is missing comes, and the object is right. */
static void complete(struct kit *kit)
{
    struct hd_finished finished;

    for (uint64_t i = 0; i < kit->facts.partition.segments; i++)
        if (kit->here[i] == 0)
            assert_int_equal(kit_segment(kit, i), 0);
    kit_flush(kit);
    kit_require_digest(kit);
    kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
    assert_int_equal(finished.error.code, 0);
    kit_require_object(kit, "object");
    kit_close_place(kit);
    assert_false(kit_exists(kit, ".herald-partial"));
}

static void an_interrupted_file_is_gone_on_with(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "d/object", 20);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "");
    assert_int_equal(resume(kit, "d/object"), 20 * BLOCK_BYTES);
    assert_int_equal(hd_store_received_bytes(kit->store), 20 * BLOCK_BYTES);
    assert_int_equal(kit->here[0], 2);
    assert_int_equal(kit->here[20 * KIT_BLOCK_SYMBOLS - 1], 2);
    assert_int_equal(kit->here[20 * KIT_BLOCK_SYMBOLS], 0);
    require_found(kit, 0, 0); /* it is gone from the list, and locked */
    complete(kit);
}

static void so_is_one_that_was_resumed_before(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 20);
    for (uint64_t round = 1; round < 4; round++) {
        kit_reopen_place(kit);
        require_found(kit, 1, (19 + round) * BLOCK_BYTES);
        begin(kit, "");
        assert_int_equal(resume(kit, "object"), (19 + round) * BLOCK_BYTES);
        kit_blocks(kit, 19 + round, 1);
        kit_flush(kit);
    }
    complete(kit);
}

/* The INFO, and with it the name, may come late: some blocks are here then, and others half. */
static void both_runs_are_put_together(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 20);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "");
    kit_blocks(kit, 15, 10);
    kit_segments(kit, 3 * KIT_BLOCK_SYMBOLS, 4);  /* part of one that was there before */
    kit_segments(kit, 40 * KIT_BLOCK_SYMBOLS, 5); /* and of one that was not */
    assert_int_equal(resume(kit, "object"), 15 * BLOCK_BYTES);
    assert_int_equal(hd_store_received_bytes(kit->store), 25 * BLOCK_BYTES);
    complete(kit);
}

static void the_smaller_part_is_copied(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 4);
    kit_reopen_place(kit);
    require_found(kit, 1, 4 * BLOCK_BYTES);
    begin(kit, "");
    kit_blocks(kit, 2, 10);
    kit_segments(kit, 40 * KIT_BLOCK_SYMBOLS, 5);
    assert_int_equal(resume(kit, "object"), 2 * BLOCK_BYTES);
    assert_int_equal(hd_store_received_bytes(kit->store), 12 * BLOCK_BYTES);
    complete(kit);
}

/* Blocks whose journal entry says one thing and the sender, now, another: what came last counts. */
static void what_came_now_wins(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 20);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "");
    memset(kit->bytes, 'n', 2 * BLOCK_BYTES);
    kit_blocks(kit, 0, 2);
    assert_int_equal(resume(kit, "object"), 18 * BLOCK_BYTES);
    complete(kit);
}

static void without_a_name_the_sender_s_numbers_count(void **state)
{
    struct kit *kit = *state;
    struct hd_identity other = identity_of("");

    interrupted_run(kit, "object", 20);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "");
    other.instance_id++;
    assert_int_equal(hd_store_resume(kit->store, kit->place, &other, mark, kit), 0);
    assert_int_equal(resume(kit, ""), 20 * BLOCK_BYTES);
    complete(kit);
}

static void another_file_is_not_gone_on_with(void **state)
{
    struct kit *kit = *state;
    struct hd_identity other[5];

    interrupted_run(kit, "object", 20);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "");
    for (size_t i = 0; i < 5; i++)
        other[i] = identity_of("object");
    other[0].mtime_ns++;
    other[1].size_bytes++;
    other[2].segment_bytes++;
    other[3].block_symbols--;
    (void)snprintf(other[4].name, sizeof(other[4].name), "objecu");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(hd_store_resume(kit->store, kit->place, &other[i], mark, kit), 0);
    assert_int_equal(resume(kit, "object"), 20 * BLOCK_BYTES);
    assert_int_equal(resume(kit, "object"), 0);
    complete(kit);
}

static void a_small_file_is_not_kept(void **state)
{
    struct kit *kit = *state;

    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    kit_object(kit, 7 * BLOCK_BYTES, 1);
    kit_open_file(kit);
    kit_blocks(kit, 0, 6);
    kit_flush(kit);
    kit_close_place(kit);
    assert_false(kit_exists(kit, ".herald-partial"));
}

static void a_discarded_file_leaves_nothing(void **state)
{
    struct kit *kit = *state;

    begin(kit, "object");
    kit_blocks(kit, 0, 20);
    kit_flush(kit);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    hd_store_discard(kit->store);
    kit_close_place(kit);
    assert_false(kit_exists(kit, ".herald-partial"));
}

/* Its sender has restarted, and offers it again: in the same run. */
static void a_store_that_was_given_up_is_kept(void **state)
{
    struct kit *kit = *state;

    begin(kit, "object");
    kit_blocks(kit, 10, 20);
    kit_segments(kit, 0, 3);
    kit_flush(kit);
    hd_store_keep(kit->store, kit->place);
    kit->store = NULL;
    begin(kit, "");
    assert_int_equal(resume(kit, "object"), 20 * BLOCK_BYTES);
    assert_int_equal(kit->here[0], 0);
    complete(kit);
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* Runs until about half of it was received, and ends without a word. */
static void a_killed_process_leaves_what_it_received(void **state)
{
    struct kit *kit = *state;
    const uint64_t big_bytes = UINT64_C(8) << 20;
    uint64_t files, bytes;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        struct hd_identity identity = identity_of("object");

        kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
        kit_object(kit, big_bytes, 1);
        kit_open_file(kit);
        identity.size_bytes = big_bytes;
        if (hd_store_set_identity(kit->store, &identity) < 0)
            _exit(1);
        kit_blocks(kit, 0, kit->facts.partition.blocks / 2);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    assert_int_equal(hd_store_scan(kit->place, HOUR_S, &files, &bytes), 0);
    assert_int_equal(files, 1);
    assert_in_range(bytes, big_bytes / 2 - (1 << 20) - BLOCK_BYTES, big_bytes / 2 + BLOCK_BYTES);
}

static void two_processes_leave_each_other_s_files_alone(void **state)
{
    struct kit *kit = *state;
    struct hd_place_config config = { .directory = kit->directory };
    struct hd_place *other;
    uint64_t files, bytes;

    begin(kit, "object");
    kit_blocks(kit, 0, 20);
    kit_flush(kit);
    assert_int_equal(hd_place_new(&other, &config, &kit->error), 0);
    assert_int_equal(hd_store_scan(other, 0, &files, &bytes), 0);
    assert_int_equal(files, 0);
    other = hd_place_free(other);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    complete(kit);
}

/* Overwrites a byte of a file below ".herald-partial". */
static void garble(struct kit *kit, const char *suffix, off_t at_bytes)
{
    int fd = open(kit_partial(kit, suffix), O_RDWR | O_CLOEXEC);
    uint8_t byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at_bytes), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at_bytes), 1);
    (void)close(fd);
}

static void a_block_that_is_not_what_its_journal_says_is_received_again(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 20);
    garble(kit, ".part", 5 * BLOCK_BYTES + 17);
    garble(kit, ".journal", HEADER_BYTES + 8 * 11 + 3);
    kit_reopen_place(kit);
    require_found(kit, 1, 18 * BLOCK_BYTES);
    begin(kit, "");
    assert_int_equal(resume(kit, "object"), 18 * BLOCK_BYTES);
    assert_int_equal(kit->here[5 * KIT_BLOCK_SYMBOLS], 0);
    assert_int_equal(kit->here[11 * KIT_BLOCK_SYMBOLS], 0);
    complete(kit);
}

/* Zeroes are not written to a sparse file, but must be there in the end. */
static void the_rest_of_a_resumed_sparse_file_is_zero(void **state)
{
    struct kit *kit = *state;

    for (int is_known = 0; is_known < 2; is_known++) {
        interrupted_run(kit, "object", 20);
        garble(kit, ".part", 5 * BLOCK_BYTES + 17);
        kit_reopen_place(kit);
        require_found(kit, 1, 19 * BLOCK_BYTES);
        kit->facts.is_sparse = is_known;
        begin(kit, "");
        memset(kit->bytes + 5 * BLOCK_BYTES, 0, BLOCK_BYTES);
        memset(kit->bytes + 20 * BLOCK_BYTES, 0, OBJECT_BYTES - 20 * BLOCK_BYTES);
        if (is_known)
            kit_segments(kit, 30 * KIT_BLOCK_SYMBOLS, 3);
        assert_int_equal(resume(kit, "object"), 19 * BLOCK_BYTES);
        kit_segments(kit, 5 * KIT_BLOCK_SYMBOLS, 3);
        hd_store_set_sparse(kit->store);
        complete(kit);
        kit->facts.is_sparse = false;
    }
}

static void a_file_shorter_than_its_journal_says_counts_as_far_as_it_goes(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 20);
    assert_int_equal(truncate(kit_partial(kit, ".part"), 7 * BLOCK_BYTES + 5), 0);
    kit_reopen_place(kit);
    require_found(kit, 1, 7 * BLOCK_BYTES);
    begin(kit, "");
    assert_int_equal(resume(kit, "object"), 7 * BLOCK_BYTES);
    complete(kit);
}

static void require_deleted(struct kit *kit)
{
    kit_reopen_place(kit);
    require_found(kit, 0, 0);
    kit_close_place(kit);
    assert_false(kit_exists(kit, ".herald-partial"));
}

static void a_journal_that_is_damaged_is_deleted_with_its_file(void **state)
{
    struct kit *kit = *state;
    static const off_t lengths[] = { 0, 1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 8 * BLOCKS - 1 };

    for (off_t at = 0; at < HEADER_BYTES; at += 37) { /* magic, version, numbers, name, check */
        interrupted_run(kit, "object", 20);
        garble(kit, ".journal", at);
        require_deleted(kit);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        interrupted_run(kit, "object", 20);
        assert_int_equal(truncate(kit_partial(kit, ".journal"), lengths[i]), 0);
        require_deleted(kit);
    }
    interrupted_run(kit, "object", 20);
    assert_int_equal(unlink(kit_partial(kit, ".journal")), 0);
    require_deleted(kit); /* however young it is */
    interrupted_run(kit, "object", 20);
    assert_int_equal(unlink(kit_partial(kit, ".journal")), 0);
    assert_int_equal(truncate(kit_partial(kit, ".part"), 0), 0);
    kit_reopen_place(kit);
    require_found(kit, 0, 0);
    assert_int_equal(kit_count(kit, ".herald-partial", ".part"), 1); /* another process may be just making it */
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".part"), OLD, 0), 0);
    require_deleted(kit);
    interrupted_run(kit, "object", 20);
    assert_int_equal(unlink(kit_partial(kit, ".part")), 0);
    require_deleted(kit);
}

/* Another version's journal, intact in its own way, is one that we cannot read. */
static void a_journal_that_is_no_file_does_no_harm(void **state)
{
    struct kit *kit = *state;
    char journal[400], part[400];

    interrupted_run(kit, "object", 20);
    (void)snprintf(journal, sizeof(journal), "%s", kit_partial(kit, ".journal"));
    (void)snprintf(part, sizeof(part), "%s", kit_partial(kit, ".part"));
    assert_int_equal(unlink(journal), 0);
    assert_int_equal(mkfifo(journal, 0600), 0);
    kit_reopen_place(kit);
    require_found(kit, 0, 0);
    kit_close_place(kit);
    (void)unlink(journal);
    (void)unlink(part);
    assert_int_equal(mkfifo(part, 0600) | symlink("/etc/passwd", journal), 0);
    kit_reopen_place(kit);
    require_found(kit, 0, 0);
}

static void what_is_not_ours_stays(void **state)
{
    struct kit *kit = *state;
    static const char *const names[] = {
        ".herald-partial/notes.txt",
        ".herald-partial/0123456789abcdeg.part",
        ".herald-partial/0123456789abcdef0.part",
        ".herald-partial/0123456789abcdef.partly",
        ".herald-partial/0123456789ABCDEF.journal",
    };
    char temporary[] = ".herald-partial/0123456789abcdef.link";

    interrupted_run(kit, "object", 20);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        kit_write_file(kit, names[i], "x", 1);
    assert_int_equal(symlink("x", kit_path(kit, temporary)), 0);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(kit_exists(kit, names[i]));
    assert_true(kit_exists(kit, temporary)); /* as long as somebody may be about to use it */
}

static void what_is_too_old_is_deleted(void **state)
{
    struct kit *kit = *state;
    interrupted_run(kit, "object", 20);
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".journal"), OLD, 0), 0);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES); /* one of the two is young */
    kit_close_place(kit);
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".part"), OLD, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".journal"), OLD, 0), 0);
    require_deleted(kit);
}

/* All that is in ".herald-partial". */
static void make_old(struct kit *kit)
{
    DIR *directory = opendir(kit_path(kit, ".herald-partial"));
    const struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            assert_int_equal(utimensat(dirfd(directory), entry->d_name, OLD, 0), 0);
    (void)closedir(directory);
}

/* Those that are not gone on with as there are too many, too: whichever these are. */
static void of_very_many_the_old_ones_are_deleted(void **state)
{
    enum { OLD_FILES = 40, YOUNG_FILES = 140, LISTED = 128 };
    struct kit *kit = *state;

    for (int i = 0; i < OLD_FILES; i++)
        interrupted_run(kit, "object", 10);
    make_old(kit);
    for (int i = 0; i < YOUNG_FILES; i++)
        interrupted_run(kit, "object", 10);
    kit_reopen_place(kit);
    require_found(kit, LISTED, LISTED * 10 * BLOCK_BYTES);
    assert_int_equal(kit_count(kit, ".herald-partial", ".part"), YOUNG_FILES);
    assert_int_equal(kit_count(kit, ".herald-partial", ".journal"), YOUNG_FILES);
}

static void what_becomes_too_old_is_deleted_while_a_run_lasts(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "one", 20);
    kit_reopen_place(kit);
    require_found(kit, 1, 20 * BLOCK_BYTES);
    begin(kit, "two");
    kit_blocks(kit, 0, 20);
    kit_flush(kit);
    hd_store_sweep(kit->place, HOUR_S);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 4);
    make_old(kit);
    hd_store_sweep(kit->place, HOUR_S);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2); /* the one that is on its way */
    require_found(kit, 0, 0);
    complete(kit);
}

/* Its sender is only known to be gone when another one has sent a later version. */
static void nothing_is_kept_of_what_has_come_since_in_another_version(void **state)
{
    static const struct timespec FUTURE[2] = { { .tv_sec = 4000000000 }, { .tv_sec = 4000000000 } };
    struct kit *kit = *state;

    begin(kit, "object");
    kit_write_file(kit, "object", "older", 5);
    kit_blocks(kit, 0, 20);
    kit_flush(kit);
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".part"), FUTURE, 0), 0);
    hd_store_keep(kit->store, kit->place);
    kit->store = NULL;
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    begin(kit, "");
    assert_int_equal(resume(kit, "object"), 20 * BLOCK_BYTES);
    assert_int_equal(utimensat(AT_FDCWD, kit_partial(kit, ".part"), OLD, 0), 0);
    hd_store_keep(kit->store, kit->place);
    kit->store = NULL;
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 0);
}

/* It has changed while it was sent, and come as it is now. */
static void a_file_that_has_come_needs_no_older_parts(void **state)
{
    struct kit *kit = *state;

    interrupted_run(kit, "object", 10);
    interrupted_run(kit, "objecu", 20);
    interrupted_run(kit, "object", 30);
    kit_reopen_place(kit);
    require_found(kit, 3, 60 * BLOCK_BYTES);
    hd_store_drop_kept(kit->place, "object");
    require_found(kit, 1, 20 * BLOCK_BYTES);
    assert_int_equal(kit_count(kit, ".herald-partial", ""), 2);
    kit_close_place(kit);
    kit_open_place(kit, HERALD_CLASH_RENAME, false); /* then each version is wanted */
    require_found(kit, 1, 20 * BLOCK_BYTES);
    hd_store_drop_kept(kit->place, "objecu");
    require_found(kit, 1, 20 * BLOCK_BYTES);
}

static void nothing_is_found_where_nothing_was_left(void **state)
{
    struct kit *kit = *state;

    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
    require_found(kit, 0, 0);
    assert_false(kit_exists(kit, ".herald-partial"));
}

/* It only lacked its place: a directory was in the way. */
static void a_file_that_could_not_be_placed_is_not_received_again(void **state)
{
    struct kit *kit = *state;
    struct hd_finished finished;

    begin(kit, "object");
    kit_everything(kit);
    assert_int_equal(mkdir(kit_path(kit, "object"), 0777), 0);
    kit_finish(kit, &(struct hd_finish){ .name = "object" }, &finished);
    assert_int_equal(finished.error.code, -EISDIR);
    assert_int_equal(rmdir(kit_path(kit, "object")), 0);
    kit_reopen_place(kit);
    require_found(kit, 1, OBJECT_BYTES);
    begin(kit, "");
    assert_int_equal(resume(kit, "object"), OBJECT_BYTES);
    complete(kit);
}

/* The file's rest fits, the whole does not: what earlier runs left is taken into account. */
static void go_on_in_small_file_system(struct kit *kit)
{
    const struct hd_identity identity = { .size_bytes = 800000,
                                          .segment_bytes = KIT_SEGMENT_BYTES,
                                          .block_symbols = KIT_BLOCK_SYMBOLS };
    struct hd_identity named = identity;
    uint64_t files, bytes;

    (void)snprintf(named.name, sizeof(named.name), "object");
    for (int run = 0; run < 3; run++) {
        const struct hd_place_config config = { .directory = kit->directory };

        kit_require_step(hd_place_new(&kit->place, &config, NULL) == 0, 1);
        kit_require_step(hd_store_scan(kit->place, HOUR_S, &files, &bytes) == 0, 2);
        kit_require_step(files == (run > 0) && bytes == (run > 0 ? 500000 : 0), 3);
        kit_object(kit, 800000, 1);
        kit_require_step(hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error) == 0, 4);
        kit_use_store(kit);
        if (run == 1) /* another one of that size, which does not fit beside it */
            (void)strcat(named.name, "2");
        kit_require_step(hd_store_resume(kit->store, kit->place, &named, mark, kit) == (run == 2 ? 500000 : 0), 5);
        kit_require_step(hd_store_error(kit->store, &kit->error) == (run == 1 ? -ENOSPC : 0), 6);
        if (run == 0) {
            kit_require_step(hd_store_set_identity(kit->store, &named) == 0, 7);
            kit_blocks(kit, 0, 625);
            kit_flush(kit);
        }
        if (run == 1) {
            kit_require_step(strstr(kit->error.cause, "disk full: 800.0 kB are needed, ") != NULL, 8);
            named.name[6] = '\0';
        }
        if (run == 2)
            complete(kit);
        else
            kit_close_place(kit);
    }
}

static void what_is_left_of_a_file_counts_as_room_for_it(void **state)
{
    kit_in_file_system(*state, "size=1m", go_on_in_small_file_system);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interrupted_file_is_gone_on_with),
        TEST(so_is_one_that_was_resumed_before),
        TEST(both_runs_are_put_together),
        TEST(the_smaller_part_is_copied),
        TEST(what_came_now_wins),
        TEST(without_a_name_the_sender_s_numbers_count),
        TEST(another_file_is_not_gone_on_with),
        TEST(a_small_file_is_not_kept),
        TEST(a_discarded_file_leaves_nothing),
        TEST(a_store_that_was_given_up_is_kept),
        TEST(a_killed_process_leaves_what_it_received),
        TEST(two_processes_leave_each_other_s_files_alone),
        TEST(a_block_that_is_not_what_its_journal_says_is_received_again),
        TEST(the_rest_of_a_resumed_sparse_file_is_zero),
        TEST(a_file_shorter_than_its_journal_says_counts_as_far_as_it_goes),
        TEST(a_journal_that_is_damaged_is_deleted_with_its_file),
        TEST(a_journal_that_is_no_file_does_no_harm),
        TEST(what_is_not_ours_stays),
        TEST(what_is_too_old_is_deleted),
        TEST(of_very_many_the_old_ones_are_deleted),
        TEST(what_becomes_too_old_is_deleted_while_a_run_lasts),
        TEST(nothing_is_kept_of_what_has_come_since_in_another_version),
        TEST(a_file_that_has_come_needs_no_older_parts),
        TEST(nothing_is_found_where_nothing_was_left),
        TEST(what_is_left_of_a_file_counts_as_room_for_it),
        TEST(a_file_that_could_not_be_placed_is_not_received_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
