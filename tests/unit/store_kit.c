/* SPDX-License-Identifier: MIT */
#include "store_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int kit_setup(void **state)
{
    struct kit *kit = calloc(1, sizeof(*kit));

    if (kit == NULL)
        return -1;
    (void)snprintf(kit->directory, sizeof(kit->directory), "/tmp/herald-test-XXXXXX");
    *state = kit;
    return mkdtemp(kit->directory) != NULL ? 0 : -1;
}

static int delete (const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

int kit_teardown(void **state)
{
    struct kit *kit = *state;

    kit->store = hd_store_free(kit->store);
    kit->place = hd_place_free(kit->place);
    (void)nftw(kit->directory, delete, 16, FTW_DEPTH | FTW_PHYS);
    hd_spares_release(&kit->spares);
    free(kit->bytes);
    free(kit->here);
    free(kit);
    return 0;
}

void kit_object(struct kit *kit, uint64_t size_bytes, uint8_t seed)
{
    free(kit->bytes);
    free(kit->here);
    assert_int_equal(hd_partition_init(&kit->facts.partition, size_bytes, KIT_SEGMENT_BYTES, KIT_BLOCK_SYMBOLS), 0);
    kit->bytes = calloc(1, (size_t)size_bytes + 1);
    kit->here = calloc(1, (size_t)kit->facts.partition.segments + 1);
    assert_non_null(kit->bytes);
    assert_non_null(kit->here);
    for (uint64_t i = 0; seed != 0 && i < size_bytes; i++)
        kit->bytes[i] = (uint8_t)(1 + (i * 7 + i / KIT_SEGMENT_BYTES * 13 + seed) % 255);
}

void kit_open_place(struct kit *kit, enum herald_inbox_clash clash, bool any_links)
{
    const struct hd_place_config config = { .directory = kit->directory, .clash = clash, .any_links = any_links };

    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), 0);
}

void kit_reopen_place(struct kit *kit)
{
    kit_close_place(kit);
    kit_open_place(kit, HERALD_CLASH_OVERWRITE, false);
}

void kit_close_place(struct kit *kit)
{
    kit->store = hd_store_free(kit->store);
    kit->place = hd_place_free(kit->place);
}

void kit_use_store(struct kit *kit)
{
    hd_store_as_sink(kit->store, &kit->sink);
    kit->run_count = 0;
    memset(kit->here, 0, kit->facts.partition.segments);
}

void kit_open_file(struct kit *kit)
{
    int r = hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error);

    if (r < 0)
        print_error("%s\n", kit->error.cause);
    assert_int_equal(r, 0);
    kit_use_store(kit);
}

void kit_flush(struct kit *kit)
{
    assert_int_equal(hd_store_flush(kit->store), 0);
    kit->run_count = 0;
    /* Packets come into the same memory again. */
    memset(kit->run, 0xee, sizeof(kit->run));
}

static bool is_block_here(const struct kit *kit, uint64_t block)
{
    const struct hd_partition *partition = &kit->facts.partition;
    uint64_t first = hd_partition_block_segment(partition, block);

    return memchr(kit->here + first, 0, hd_partition_block_symbols(partition, block)) == NULL;
}

int kit_segment(struct kit *kit, uint64_t segment)
{
    const struct hd_partition *partition = &kit->facts.partition;
    uint64_t offset_bytes = segment * KIT_SEGMENT_BYTES, block;
    uint8_t *packet = kit->run[kit->run_count];
    uint16_t symbol, size_bytes;
    int r;

    hd_partition_locate(partition, segment, &block, &symbol);
    size_bytes = hd_partition_bytes(partition, block, symbol);
    memcpy(packet, kit->bytes + offset_bytes, size_bytes);
    r = kit->sink.write_at(kit->sink.user, offset_bytes, packet, size_bytes);
    if (r == 0) {
        kit->run_count++;
        kit->here[segment] = 1;
        if (is_block_here(kit, block))
            kit->sink.block_changed(kit->sink.user, block, true);
        if (kit->run_count == KIT_RUN)
            kit_flush(kit);
    }
    return r;
}

void kit_segments(struct kit *kit, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(kit_segment(kit, first + i), 0);
}

void kit_blocks(struct kit *kit, uint64_t first, uint64_t count)
{
    const struct hd_partition *partition = &kit->facts.partition;

    for (uint64_t block = first; block < first + count; block++)
        kit_segments(kit, hd_partition_block_segment(partition, block), hd_partition_block_symbols(partition, block));
}

void kit_everything(struct kit *kit)
{
    kit_segments(kit, 0, kit->facts.partition.segments);
    kit_flush(kit);
}

void kit_require_digest(struct kit *kit)
{
    uint8_t found[HD_DIGEST_BYTES], wanted[HD_DIGEST_BYTES];
    const struct hd_partition *partition = &kit->facts.partition;
    struct hd_digest digest;

    assert_int_equal(hd_digest_init(&digest, partition, NULL), 0);
    for (uint64_t block = 0; block < partition->blocks; block++)
        digest.values[block] = hd_digest_of_block(&digest, block,
                                                  kit->bytes + hd_partition_block_offset(partition, block));
    assert_int_equal(hd_digest_finish(&digest, wanted), 0);
    hd_digest_release(&digest);
    assert_int_equal(hd_store_digest(kit->store, found), 0);
    assert_memory_equal(found, wanted, sizeof(wanted));
}

void kit_finish(struct kit *kit, const struct hd_finish *finish, struct hd_finished *ret_finished)
{
    struct pollfd waiting = { .fd = hd_place_fd(kit->place), .events = POLLIN };
    struct hd_store *store = kit->store;

    kit->store = NULL;
    assert_int_equal(hd_place_finish(kit->place, store, finish), 0);
    assert_int_equal(poll(&waiting, 1, 20000), 1);
    assert_int_equal(hd_place_next_finished(kit->place, ret_finished), 1);
}

int kit_try_receive(struct kit *kit, const char *name)
{
    struct hd_finished finished;

    kit_open_file(kit);
    kit_everything(kit);
    kit_finish(kit, &(struct hd_finish){ .name = name, .cookie = 77 }, &finished);
    assert_int_equal(finished.cookie, 77);
    kit->error = finished.error;
    return finished.error.code;
}

void kit_receive(struct kit *kit, const char *name)
{
    int r = kit_try_receive(kit, name);

    if (r < 0)
        print_error("%s\n", kit->error.cause);
    assert_int_equal(r, 0);
}

/* ---- file systems of one's own ---------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool has_worked = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        (void)close(fd);
    return has_worked;
}

/* Root of namespaces of one's own, where one may mount. */
static bool become_root(void)
{
    char uid_map[32], gid_map[32];

    (void)snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned)geteuid());
    (void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", uid_map) && write_text("/proc/self/gid_map", gid_map);
}

void kit_in_file_system(struct kit *kit, const char *options, void (*test)(struct kit *kit))
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (!become_root() || mount("none", kit->directory, "tmpfs", 0, options) < 0)
            _exit(77);
        test(kit);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

void kit_require_step(bool condition, int step)
{
    if (!condition)
        _exit(step);
}

/* ---- looking --------------------------------------------------------------------------------- */

const char *kit_path(struct kit *kit, const char *name)
{
    static char path[8][KIT_PATH_BYTES * 5];
    static unsigned next;
    char *text = path[next++ % 8];

    (void)snprintf(text, sizeof(path[0]), "%s/%s", kit->directory, name);
    return text;
}

void kit_write_file(struct kit *kit, const char *name, const void *bytes, size_t size_bytes)
{
    int fd = open(kit_path(kit, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size_bytes), size_bytes);
    (void)close(fd);
}

void kit_require_file(struct kit *kit, const char *name, const void *bytes, size_t size_bytes)
{
    int fd = open(kit_path(kit, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *found = malloc(size_bytes + 1);

    assert_true(fd >= 0);
    assert_non_null(found);
    assert_int_equal(read(fd, found, size_bytes + 1), size_bytes);
    assert_memory_equal(found, bytes, size_bytes);
    free(found);
    (void)close(fd);
}

void kit_require_object(struct kit *kit, const char *name)
{
    kit_require_file(kit, name, kit->bytes, (size_t)kit->facts.partition.object_bytes);
}

bool kit_exists(struct kit *kit, const char *name)
{
    struct stat status;

    return lstat(kit_path(kit, name), &status) == 0;
}

static size_t count_entries(struct kit *kit, const char *name, const char *suffix, char ret_last[256])
{
    DIR *directory = opendir(kit_path(kit, name));
    struct dirent *entry;
    size_t count = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        size_t length = strlen(entry->d_name), suffix_length = strlen(suffix);

        if (entry->d_name[0] == '.' || length < suffix_length ||
            strcmp(entry->d_name + length - suffix_length, suffix) != 0)
            continue;
        (void)snprintf(ret_last, 256, "%s", entry->d_name);
        count++;
    }
    if (directory != NULL)
        (void)closedir(directory);
    return count;
}

size_t kit_count(struct kit *kit, const char *name, const char *suffix)
{
    char last[256];

    return count_entries(kit, name, suffix, last);
}

const char *kit_partial(struct kit *kit, const char *suffix)
{
    char last[256], name[300];

    assert_int_equal(count_entries(kit, ".herald-partial", suffix, last), 1);
    (void)snprintf(name, sizeof(name), ".herald-partial/%s", last);
    return kit_path(kit, name);
}
