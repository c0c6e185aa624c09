/* SPDX-License-Identifier: MIT */
/* Where a delivery's bytes are read from. Each test has a directory of its own as working directory. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { SEGMENT_BYTES = 100, BLOCK_SEGMENTS = 8, BLOCK_BYTES = SEGMENT_BYTES * BLOCK_SEGMENTS, NOBODY = 65534 };

static char root[128];
static struct hd_block_cache *cache;
static struct herald_error error;

/* --- what the tests share --- */

static int set_up(void **state)
{
    const char *where = getenv("TMPDIR");

    (void)state;
    snprintf(root, sizeof(root), "%s/herald-source-XXXXXX", where != NULL && strlen(where) < 90 ? where : "/tmp");
    error = (struct herald_error){ 0 };
    if (mkdtemp(root) == NULL || chdir(root) < 0)
        return -1;
    return hd_block_cache_new(&cache, BLOCK_BYTES);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    cache = hd_block_cache_free(cache);
    return chdir("/") < 0 || nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 ? -1 : 0;
}

/* The byte at an offset of every object here: no block and no segment is like another. */
static uint8_t byte_at(uint64_t offset_bytes)
{
    return (uint8_t)(offset_bytes * 31 + offset_bytes / 256 * 7 + offset_bytes / 65536);
}

static void write_bytes(const char *path, int flags, uint64_t from_bytes, uint64_t to_bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);

    assert_true(fd >= 0);
    for (uint64_t i = from_bytes; i < to_bytes; i++) {
        uint8_t byte = byte_at(i);

        assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
    }
    close(fd);
}

static void make_file(const char *path, uint64_t size_bytes)
{
    write_bytes(path, O_TRUNC, 0, size_bytes);
}

/* Changes one byte. */
static void spoil(const char *path, uint64_t offset_bytes)
{
    uint8_t byte = (uint8_t)~byte_at(offset_bytes);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset_bytes), 1);
    close(fd);
}

static struct hd_entry file_entry(const char *path)
{
    return (struct hd_entry){ .type = HD_ENTRY_FILE, .path = path, .name = path, .fd = -1 };
}

/* The entry of what was found below a directory; `path` begins with that and a slash. */
static struct hd_entry found_entry(const char *path)
{
    struct hd_entry entry = file_entry(path);

    entry.below = strchr(path, '/') + 1;
    return entry;
}

static int try_open(const struct hd_entry *entry)
{
    struct hd_source *source = NULL;
    uint64_t size_bytes = 4711;
    int r;

    alarm(20); /* one that blocks must not block the tests */
    r = hd_source_open(&source, entry, cache, SEGMENT_BYTES, BLOCK_SEGMENTS, &size_bytes, &error);
    alarm(0);
    if (r < 0) {
        assert_null(source);
        assert_int_equal(size_bytes, 4711);
        assert_int_equal(error.code, r);
        assert_non_null(strstr(error.cause, entry->path));
    }
    hd_source_close(source);
    return r;
}

static struct hd_source *open_entry(const struct hd_entry *entry, uint64_t expected_bytes)
{
    struct hd_source *source = NULL;
    uint64_t size_bytes;

    assert_int_equal(hd_source_open(&source, entry, cache, SEGMENT_BYTES, BLOCK_SEGMENTS, &size_bytes, &error), 0);
    assert_int_equal(size_bytes, expected_bytes);
    return source;
}

/* A source of a new file. */
static struct hd_source *open_new(const char *path, uint64_t size_bytes)
{
    struct hd_entry entry = file_entry(path);

    make_file(path, size_bytes);
    return open_entry(&entry, size_bytes);
}

static const uint8_t *read_at(struct hd_source *source, uint64_t offset_bytes, size_t size_bytes)
{
    struct herald_norm_source norm;

    hd_source_as_norm(source, &norm);
    return norm.read_at(norm.user, offset_bytes, size_bytes);
}

static bool is_right(const uint8_t *bytes, uint64_t offset_bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != byte_at(offset_bytes + i))
            return false;
    return true;
}

static const uint8_t *read_block(struct hd_source *source, uint64_t block)
{
    return read_at(source, block * BLOCK_BYTES, BLOCK_BYTES);
}

static bool is_block(const uint8_t *bytes, uint64_t block)
{
    return bytes != NULL && is_right(bytes, block * BLOCK_BYTES, BLOCK_BYTES);
}

/* Reads other blocks until nothing of the first ones is in a buffer. */
static void read_past(struct hd_source *source, uint64_t from_block, uint64_t to_block)
{
    for (uint64_t block = from_block; block < to_block; block++) {
        hd_block_cache_batch_sent(cache);
        assert_true(is_block(read_block(source, block), block));
    }
    hd_block_cache_batch_sent(cache);
}

static void assert_fails_for_good(struct hd_source *source, const char *text)
{
    uint8_t digest[HD_DIGEST_BYTES];

    assert_int_equal(hd_source_error(source, &error), -ESTALE);
    assert_int_equal(error.code, -ESTALE);
    assert_string_equal(error.cause, text);
    assert_null(read_at(source, 0, 1));
    assert_int_equal(hd_source_digest(source, true, digest), -ESTALE);
    assert_int_equal(hd_source_digest(source, false, digest), -ESTALE);
}

/* --- what is read --- */

/* The digest, by its definition. */
static void compute_digest(uint64_t size_bytes, uint8_t ret_bytes[HD_DIGEST_BYTES])
{
    struct hd_partition partition;
    struct hd_digest digest;
    uint8_t block_bytes[BLOCK_BYTES];

    assert_int_equal(hd_partition_init(&partition, size_bytes, SEGMENT_BYTES, BLOCK_SEGMENTS), 0);
    assert_int_equal(hd_digest_init(&digest, &partition, NULL), 0);
    for (uint64_t block = 0; block < partition.blocks; block++) {
        for (uint64_t i = 0; i < hd_partition_block_bytes(&partition, block); i++)
            block_bytes[i] = byte_at(hd_partition_block_offset(&partition, block) + i);
        digest.values[block] = hd_digest_of_block(&digest, block, block_bytes);
    }
    assert_int_equal(hd_digest_finish(&digest, ret_bytes), 0);
    hd_digest_release(&digest);
}

static void segments_come_in_any_order_and_give_the_digest(void **state)
{
    static const uint64_t sizes[] = { 1, 99, 100, 101, BLOCK_BYTES, BLOCK_BYTES + 1, 13 * BLOCK_BYTES - 7 };

    (void)state;
    for (size_t s = 0; s < 2 * sizeof(sizes) / sizeof(sizes[0]); s++) {
        uint64_t size_bytes = sizes[s / 2];
        uint64_t segments = (size_bytes + SEGMENT_BYTES - 1) / SEGMENT_BYTES;
        struct hd_source *source = open_new("file", size_bytes);
        uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];

        assert_int_equal(hd_source_digest(source, false, digest), -EAGAIN);
        for (uint64_t i = 0; i < segments; i++) {
            uint64_t offset_bytes = (s % 2 == 0 ? i : segments - 1 - i) * SEGMENT_BYTES;
            size_t left_bytes = (size_t)(size_bytes - offset_bytes);
            size_t here_bytes = left_bytes < SEGMENT_BYTES ? left_bytes : SEGMENT_BYTES;
            const uint8_t *bytes = read_at(source, offset_bytes, here_bytes);

            assert_non_null(bytes);
            assert_true(is_right(bytes, offset_bytes, here_bytes));
            hd_block_cache_batch_sent(cache);
        }
        compute_digest(size_bytes, expected);
        assert_int_equal(hd_source_digest(source, false, digest), 0);
        assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
        assert_int_equal(hd_source_error(source, &error), 0);
        assert_null(hd_source_close(source));
    }
}

static void a_digest_reads_what_was_not_read_yet(void **state)
{
    struct hd_source *source = open_new("file", 20 * BLOCK_BYTES);
    uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];
    const uint8_t *bytes;

    (void)state;
    bytes = read_block(source, 3);
    compute_digest(20 * BLOCK_BYTES, expected);
    assert_int_equal(hd_source_digest(source, false, digest), -EAGAIN);
    assert_int_equal(hd_source_digest(source, true, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    assert_true(is_block(bytes, 3)); /* the transport may be using it */
    hd_source_close(source);
}

static void nothing_has_a_digest_too(void **state)
{
    struct hd_entry bytes = { .type = HD_ENTRY_BYTES, .path = "bytes", .name = "bytes", .fd = -1 };
    struct hd_source *source = open_new("file", 0);
    uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];

    (void)state;
    compute_digest(0, expected);
    assert_int_equal(hd_source_digest(source, false, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);
    source = open_entry(&bytes, 0);
    assert_int_equal(hd_source_digest(source, true, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);
}

static void bytes_in_memory_are_not_copied(void **state)
{
    enum { SIZE = 5 * BLOCK_BYTES + 3 };
    uint8_t *memory = malloc(SIZE);
    struct hd_entry entry = { .type = HD_ENTRY_BYTES, .path = "b", .name = "b", .size_bytes = SIZE, .fd = -1 };
    struct hd_source *source;
    uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        memory[i] = byte_at(i);
    entry.bytes = memory;
    source = open_entry(&entry, SIZE);
    assert_int_equal(hd_source_digest(source, false, digest), -EAGAIN);
    for (size_t offset = 0; offset < SIZE; offset += SEGMENT_BYTES)
        assert_ptr_equal(read_at(source, offset, offset + SEGMENT_BYTES > SIZE ? 3 : SEGMENT_BYTES), memory + offset);
    compute_digest(SIZE, expected);
    assert_int_equal(hd_source_digest(source, false, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);
    source = open_entry(&entry, SIZE);
    assert_int_equal(hd_source_digest(source, true, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);
    free(memory);
}

/* --- files that change --- */

static void only_what_there_was_is_sent_of_a_file_that_grows(void **state)
{
    struct hd_source *source = open_new("file", BLOCK_BYTES + 150);
    uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];

    (void)state;
    write_bytes("file", 0, BLOCK_BYTES + 150, 5 * BLOCK_BYTES);
    compute_digest(BLOCK_BYTES + 150, expected);
    assert_int_equal(hd_source_digest(source, true, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);
}

static void the_size_is_the_one_when_opened(void **state)
{
    struct hd_entry entry = file_entry("file");

    (void)state;
    make_file("file", 70);
    entry.size_bytes = 5000;
    hd_source_close(open_entry(&entry, 70));
}

static void a_file_that_becomes_shorter_is_an_error(void **state)
{
    struct hd_source *source = open_new("file", 3 * BLOCK_BYTES);

    (void)state;
    assert_true(is_block(read_block(source, 0), 0));
    assert_int_equal(truncate("file", 2 * BLOCK_BYTES + 1), 0);
    assert_true(is_block(read_block(source, 1), 1));
    assert_int_equal(hd_source_error(source, &error), 0);
    assert_null(read_block(source, 2));
    assert_fails_for_good(source, "file became shorter while it was sent");
    hd_source_close(source);
}

static void a_digest_of_a_file_that_becomes_shorter_is_an_error(void **state)
{
    struct hd_source *source = open_new("file", 3 * BLOCK_BYTES);
    uint8_t digest[HD_DIGEST_BYTES];

    (void)state;
    assert_int_equal(truncate("file", 0), 0);
    assert_int_equal(hd_source_digest(source, true, digest), -ESTALE);
    assert_fails_for_good(source, "file became shorter while it was sent");
    hd_source_close(source);
}

static void a_block_that_was_changed_before_its_repair_is_an_error(void **state)
{
    struct hd_source *source = open_new("file", 20 * BLOCK_BYTES);

    (void)state;
    read_past(source, 0, 20);
    assert_true(is_block(read_block(source, 2), 2)); /* repaired as it is */
    spoil("file", 5 * BLOCK_BYTES + 799);
    read_past(source, 6, 16);
    assert_null(read_at(source, 5 * BLOCK_BYTES, SEGMENT_BYTES));
    assert_fails_for_good(source, "file was changed while it was sent");
    hd_source_close(source);
}

/* What was read first and what was read last would be of two files. */
static void what_was_written_to_under_way_has_no_digest(void **state)
{
    static const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
    struct hd_source *source = open_new("file", 20 * BLOCK_BYTES);
    uint8_t expected[HD_DIGEST_BYTES], digest[HD_DIGEST_BYTES];

    (void)state;
    read_past(source, 0, 10);
    spoil("file", 3);
    assert_int_equal(utimensat(AT_FDCWD, "file", times, 0), 0);
    read_past(source, 10, 20);
    assert_int_equal(hd_source_digest(source, false, digest), -ESTALE);
    assert_fails_for_good(source, "file was changed while it was sent");
    hd_source_close(source);

    source = open_new("file", 20 * BLOCK_BYTES);
    read_past(source, 0, 10);
    assert_int_equal(utimensat(AT_FDCWD, "file", times, 0), 0); /* only touched */
    write_bytes("file", 0, 20 * BLOCK_BYTES, 21 * BLOCK_BYTES); /* and appended to */
    read_past(source, 10, 20);
    compute_digest(20 * BLOCK_BYTES, expected);
    assert_int_equal(hd_source_digest(source, false, digest), 0);
    assert_memory_equal(digest, expected, HD_DIGEST_BYTES);
    hd_source_close(source);

    source = open_new("file", 20 * BLOCK_BYTES);
    read_past(source, 0, 10);
    assert_int_equal(rename("file", "old"), 0); /* what is open is what it was */
    make_file("file", 10);
    read_past(source, 10, 20);
    assert_int_equal(hd_source_digest(source, false, digest), 0);
    hd_source_close(source);
}

/* --- what cannot be opened --- */

static void make_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void what_is_no_file_any_more_is_an_error_and_blocks_nobody(void **state)
{
    static const char *const paths[] = { "dir/pipe", "dir/socket", "dir/directory" };

    (void)state;
    assert_int_equal(mkdir("dir", 0755), 0);
    assert_int_equal(mkdir("dir/directory", 0755), 0);
    assert_int_equal(mkfifo("dir/pipe", 0600), 0);
    make_socket("dir/socket");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct hd_entry given = file_entry(paths[i]);
        struct hd_entry found = found_entry(paths[i]);

        assert_int_equal(try_open(&given), -EINVAL);
        assert_non_null(strstr(error.cause, " is not a file any more"));
        assert_int_equal(try_open(&found), -EINVAL);
        assert_non_null(strstr(error.cause, " is not a file any more"));
    }
}

static void what_has_no_size_before_it_is_read_is_not_taken_for_empty(void **state)
{
    const struct hd_entry made_up = file_entry("/proc/self/status"),
                          too_short = file_entry("/sys/kernel/uevent_seqnum");
    const struct hd_entry empty = file_entry("empty");
    uint8_t digest[HD_DIGEST_BYTES];
    struct hd_source *source;
    struct stat facts;

    (void)state;
    if (access(made_up.path, R_OK) < 0 || access(too_short.path, R_OK) < 0)
        skip();
    assert_int_equal(stat(too_short.path, &facts), 0);
    source = open_entry(&too_short, (uint64_t)facts.st_size);
    assert_int_equal(hd_source_digest(source, true, digest), -EINVAL);
    assert_int_equal(hd_source_error(source, &error), -EINVAL);
    assert_non_null(strstr(error.cause, "its size is not known"));
    hd_source_close(source);
    assert_int_equal(try_open(&made_up), -EINVAL);
    assert_non_null(strstr(error.cause, "its size is not known"));
    assert_non_null(strstr(error.advice, "herald put EP - <"));
    make_file("empty", 0);
    assert_int_equal(try_open(&empty), 0);
}

static void what_has_vanished_is_an_error(void **state)
{
    struct hd_entry given = file_entry("file");
    struct hd_entry found = found_entry("dir/sub/file");

    (void)state;
    assert_int_equal(try_open(&given), -ENOENT);
    assert_string_equal(error.cause, "cannot read file: No such file or directory");
    assert_int_equal(try_open(&found), -ENOENT);
    assert_int_equal(mkdir("dir", 0755), 0);
    assert_int_equal(try_open(&found), -ENOENT);
    make_file("dir/sub", 1);
    assert_int_equal(try_open(&found), -ENOTDIR);
}

static void links_are_followed_in_the_given_path_but_not_below(void **state)
{
    struct hd_entry given = file_entry("link");
    struct hd_entry below_link = found_entry("alias/a/b/file");
    struct hd_entry found = found_entry("dir/a/b/file");

    (void)state;
    assert_int_equal(mkdir("dir", 0755), 0);
    assert_int_equal(mkdir("dir/a", 0755), 0);
    assert_int_equal(mkdir("dir/a/b", 0755), 0);
    assert_int_equal(mkdir("outside", 0755), 0);
    make_file("dir/a/b/file", 7);
    make_file("outside/file", 9);
    assert_int_equal(symlink("outside/file", "link"), 0);
    assert_int_equal(symlink("dir", "alias"), 0);
    hd_source_close(open_entry(&given, 9));
    hd_source_close(open_entry(&below_link, 7));
    hd_source_close(open_entry(&found, 7));
    assert_int_equal(unlink("dir/a/b/file"), 0);
    assert_int_equal(symlink("../../../outside/file", "dir/a/b/file"), 0);
    assert_int_equal(try_open(&found), -ELOOP);
    assert_string_equal(error.cause, "dir/a/b/file has become a symbolic link");
    assert_int_equal(unlink("dir/a/b/file"), 0);
    assert_int_equal(rmdir("dir/a/b"), 0);
    assert_int_equal(symlink("../../outside", "dir/a/b"), 0);
    assert_int_equal(try_open(&found), -ENOTDIR); /* the last directory */
    assert_int_equal(unlink("dir/a/b"), 0);
    assert_int_equal(rmdir("dir/a"), 0);
    assert_int_equal(mkdir("outside/b", 0755), 0);
    make_file("outside/b/file", 9);
    assert_int_equal(symlink("../outside", "dir/a"), 0);
    assert_int_equal(try_open(&found), -ENOTDIR); /* the one before it */
    assert_int_equal(unlink("outside/b/file"), 0);
}

static void what_is_below_the_working_directory_or_the_root_is_found(void **state)
{
    struct hd_entry entry = file_entry("file");
    char path[200];

    (void)state;
    make_file("file", 7);
    entry.below = entry.path;
    hd_source_close(open_entry(&entry, 7));
    snprintf(path, sizeof(path), "%s/file", root);
    entry = file_entry(path);
    entry.below = path + 1; /* "/" was given */
    hd_source_close(open_entry(&entry, 7));
}

static void what_may_not_be_read_is_an_error(void **state)
{
    bool is_root = geteuid() == 0;
    struct hd_entry entry = file_entry("secret");

    (void)state;
    make_file("secret", 1);
    assert_int_equal(chmod("secret", 0), 0);
    assert_int_equal(chmod(".", 0755), 0);
    if (is_root && seteuid(NOBODY) < 0)
        skip(); /* root of a namespace of its own: nobody else is there */
    assert_int_equal(try_open(&entry), -EACCES);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_string_equal(error.cause, "cannot read secret: Permission denied");
}

static void a_file_that_another_program_has_a_lease_on_does_not_block(void **state)
{
    void (*usual)(int) = signal(SIGIO, SIG_IGN);
    struct hd_entry entry = file_entry("file");
    int fd;

    (void)state;
    make_file("file", 1);
    fd = open("file", O_RDWR | O_CLOEXEC);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
        close(fd);
        signal(SIGIO, usual);
        skip(); /* this file system has none */
    }
    assert_int_equal(try_open(&entry), -EWOULDBLOCK);
    assert_string_equal(error.cause, "cannot read file: another program has a lease on it");
    close(fd);
    signal(SIGIO, usual);
    assert_int_equal(try_open(&entry), 0);
}

static void a_strange_name_is_opened_as_it_is(void **state)
{
    struct hd_entry entry = file_entry("-\n\xff%s*");

    (void)state;
    make_file(entry.path, 3);
    hd_source_close(open_entry(&entry, 3));
}

/* --- buffers --- */

static void sixty_four_blocks_of_one_batch_keep_their_bytes(void **state)
{
    struct hd_source *source = open_new("file", 80 * BLOCK_BYTES);
    const uint8_t *first = read_block(source, 70);
    const uint8_t *blocks[64];
    uint8_t digest[HD_DIGEST_BYTES];

    (void)state;
    hd_block_cache_batch_sent(cache);
    hd_block_cache_batch_sent(cache);
    /* Block 70 is still the transport's: it may take segments from it in this batch, too. */
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 64; i++)
            blocks[i] = read_block(source, i);
        assert_int_equal(hd_source_digest(source, true, digest), 0);
        for (uint64_t i = 0; i < 64; i++)
            assert_true(is_block(blocks[i], i));
        if (round == 0)
            assert_true(is_block(first, 70));
        hd_block_cache_batch_sent(cache);
        assert_true(is_block(blocks[63], 63));
    }
    hd_source_close(source);
}

static void the_block_of_last_stays_over_batches_until_the_next_was_sent(void **state)
{
    struct hd_source *source = open_new("file", 80 * BLOCK_BYTES);
    struct hd_source *other = open_new("other", 40 * BLOCK_BYTES);
    uint8_t digest[HD_DIGEST_BYTES];
    const uint8_t *last;

    (void)state;
    last = read_block(source, 70);
    for (int i = 0; i < 100; i++)
        hd_block_cache_batch_sent(cache);
    assert_int_equal(hd_source_digest(other, true, digest), 0);
    assert_true(is_block(last, 70));
    for (uint64_t i = 0; i < 20; i++)
        assert_true(is_block(read_block(other, i), i));
    assert_true(is_block(last, 70)); /* datagrams of this batch may point to it */
    hd_source_close(source);
    hd_source_close(other);
}

static void what_does_not_fit_into_the_buffers_is_an_error_and_spoils_nothing(void **state)
{
    struct hd_source *source = open_new("file", 80 * BLOCK_BYTES);
    const uint8_t *blocks[80];
    uint64_t count = 0;

    (void)state;
    while (count < 80 && (blocks[count] = read_block(source, count)) != NULL)
        count++;
    assert_int_equal(count, 66);
    assert_int_equal(hd_source_error(source, &error), -ENOBUFS);
    for (uint64_t i = 0; i < count; i++)
        assert_true(is_block(blocks[i], i));
    hd_source_close(source);
}

static void a_block_is_read_once_while_its_buffer_is_not_needed(void **state)
{
    struct hd_source *source = open_new("file", 20 * BLOCK_BYTES);
    const uint8_t *bytes = read_at(source, 0, SEGMENT_BYTES);

    (void)state;
    assert_ptr_equal(read_at(source, 3 * SEGMENT_BYTES, SEGMENT_BYTES), bytes + 3 * SEGMENT_BYTES);
    spoil("file", 5 * SEGMENT_BYTES); /* which is not noticed: the block is here */
    hd_block_cache_batch_sent(cache);
    assert_ptr_equal(read_block(source, 0), bytes);
    assert_true(is_block(bytes, 0));
    hd_source_close(source);
}

static void eight_buffers_are_used_in_turn(void **state)
{
    struct hd_source *source = open_new("file", 40 * BLOCK_BYTES);
    const uint8_t *seen[8];

    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        const uint8_t *bytes = read_block(source, i);

        if (i < 8)
            seen[i] = bytes;
        else
            assert_ptr_equal(bytes, seen[i % 8]);
        for (uint64_t other = 0; other < i && i < 8; other++)
            assert_ptr_not_equal(bytes, seen[other]);
        hd_block_cache_batch_sent(cache);
    }
    /* The one that was used longest ago is next, not the one that was filled longest ago. */
    assert_ptr_equal(read_block(source, 32), seen[0]);
    hd_block_cache_batch_sent(cache);
    assert_ptr_equal(read_block(source, 0), seen[1]);
    hd_source_close(source);
}

static void a_read_that_fails_spoils_no_other_block(void **state)
{
    struct hd_source *source = open_new("file", 8 * BLOCK_BYTES);
    struct hd_source *other = open_new("other", 3 * BLOCK_BYTES);

    (void)state;
    read_past(source, 0, 8);
    spoil("other", 0);
    assert_int_equal(truncate("other", BLOCK_BYTES / 2), 0);
    assert_null(read_block(other, 0)); /* half of a buffer is filled */
    for (uint64_t i = 0; i < 8; i++)
        assert_true(is_block(read_block(source, i), i));
    hd_source_close(source);
    hd_source_close(other);
}

static void a_closed_source_leaves_what_was_not_sent_yet(void **state)
{
    struct hd_source *source = open_new("file", 40 * BLOCK_BYTES);
    struct hd_source *other = open_new("other", 80 * BLOCK_BYTES);
    const uint8_t *blocks[20];

    (void)state;
    for (uint64_t i = 0; i < 20; i++)
        blocks[i] = read_block(source, i);
    hd_source_close(source);
    for (uint64_t i = 40; i < 80; i++)
        assert_true(is_block(read_block(other, i), i));
    for (uint64_t i = 0; i < 20; i++)
        assert_true(is_block(blocks[i], i));
    hd_source_close(other);
}

static void nothing_of_a_closed_source_is_found_by_a_later_one(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) { /* most probably at the same address */
        struct hd_source *source = open_new("file", BLOCK_BYTES);
        const uint8_t *bytes = read_block(source, 0);

        assert_true(is_block(bytes, 0));
        hd_source_close(source);
        spoil("file", 17);
        source = open_entry(&(struct hd_entry){ .type = HD_ENTRY_FILE, .path = "file", .name = "file", .fd = -1 },
                            BLOCK_BYTES);
        bytes = read_block(source, 0);
        assert_int_equal(bytes[17], (uint8_t)~byte_at(17));
        hd_source_close(source);
        hd_block_cache_batch_sent(cache);
    }
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    assert_null(hd_source_close(NULL));
    assert_null(hd_block_cache_free(NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(segments_come_in_any_order_and_give_the_digest),
        TEST(a_digest_reads_what_was_not_read_yet),
        TEST(nothing_has_a_digest_too),
        TEST(bytes_in_memory_are_not_copied),
        TEST(only_what_there_was_is_sent_of_a_file_that_grows),
        TEST(the_size_is_the_one_when_opened),
        TEST(a_file_that_becomes_shorter_is_an_error),
        TEST(a_digest_of_a_file_that_becomes_shorter_is_an_error),
        TEST(a_block_that_was_changed_before_its_repair_is_an_error),
        TEST(what_was_written_to_under_way_has_no_digest),
        TEST(what_is_no_file_any_more_is_an_error_and_blocks_nobody),
        TEST(what_has_no_size_before_it_is_read_is_not_taken_for_empty),
        TEST(what_has_vanished_is_an_error),
        TEST(links_are_followed_in_the_given_path_but_not_below),
        TEST(what_is_below_the_working_directory_or_the_root_is_found),
        TEST(what_may_not_be_read_is_an_error),
        TEST(a_file_that_another_program_has_a_lease_on_does_not_block),
        TEST(a_strange_name_is_opened_as_it_is),
        TEST(sixty_four_blocks_of_one_batch_keep_their_bytes),
        TEST(the_block_of_last_stays_over_batches_until_the_next_was_sent),
        TEST(what_does_not_fit_into_the_buffers_is_an_error_and_spoils_nothing),
        TEST(a_block_is_read_once_while_its_buffer_is_not_needed),
        TEST(eight_buffers_are_used_in_turn),
        TEST(a_read_that_fails_spoils_no_other_block),
        TEST(a_closed_source_leaves_what_was_not_sent_yet),
        TEST(nothing_of_a_closed_source_is_found_by_a_later_one),
        TEST(closing_nothing_is_allowed),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
