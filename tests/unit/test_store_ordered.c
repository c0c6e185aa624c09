/* SPDX-License-Identifier: MIT */
/* A store that writes to a descriptor, in order: whatever order the segments come in, however slow the reader is. */
#include "store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { OBJECT_BYTES = 10050, BLOCK_BYTES = KIT_BLOCK_SYMBOLS * KIT_SEGMENT_BYTES, WINDOW_BLOCKS = 3 };

static void open_descriptor(struct kit *kit, int fd)
{
    assert_int_equal(hd_store_new_descriptor(&kit->store, fd, WINDOW_BLOCKS * BLOCK_BYTES, &kit->facts, &kit->error),
                     0);
    kit_use_store(kit);
}

/* Everything that can be read now is the object from *at_bytes on. */
static void read_more(struct kit *kit, int fd, uint64_t *at_bytes)
{
    struct pollfd waiting = { .fd = fd, .events = POLLIN };
    uint8_t buffer[4096];

    while (poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0) {
        ssize_t n = read(fd, buffer, sizeof(buffer));

        assert_true(n > 0);
        assert_true(*at_bytes + (uint64_t)n <= kit->facts.partition.object_bytes);
        assert_memory_equal(buffer, kit->bytes + *at_bytes, (size_t)n);
        *at_bytes += (uint64_t)n;
    }
}

static void bytes_leave_as_soon_as_all_before_them_are_here(void **state)
{
    struct kit *kit = *state;
    uint64_t at_bytes = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    kit_object(kit, OBJECT_BYTES, 1);
    open_descriptor(kit, ends[1]);
    kit_segments(kit, 0, 3);
    kit_flush(kit);
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, 300);
    kit_segments(kit, 4, 8); /* one is missing */
    kit_flush(kit);
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, 300);
    kit_segments(kit, 3, 1);
    kit_flush(kit);
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, 1200);
    kit_segments(kit, 12, kit->facts.partition.segments - 12);
    kit_flush(kit);
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, OBJECT_BYTES);
    assert_true(hd_store_is_drained(kit->store));
    kit_require_digest(kit);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Gives segments near the first that is missing, in a random order, until all were taken; some are refused at first. */
static void give_randomly(struct kit *kit, int read_fd, uint32_t seed)
{
    uint64_t segments = kit->facts.partition.segments, at_bytes = 0;
    bool was_refused = false;

    while (!hd_store_is_drained(kit->store)) {
        uint8_t *missing = memchr(kit->here, 0, segments);

        if (missing != NULL) {
            uint64_t segment = (uint64_t)(missing - kit->here) + next_random(&seed) % 40;
            uint32_t what = next_random(&seed) % 64;

            if (segment < segments && !kit->here[segment]) {
                int r = kit_segment(kit, segment);

                assert_true(r == 0 || r == -EAGAIN);
                was_refused |= r == -EAGAIN;
            }
            if (what == 0)
                kit_flush(kit);
            if (what == 1) { /* as if something of the block was to be recovered */
                uint64_t block;
                uint16_t symbol;
                const uint8_t *found;

                hd_partition_locate(&kit->facts.partition, (uint64_t)(missing - kit->here), &block, &symbol);
                symbol = hd_partition_block_symbols(&kit->facts.partition, block);
                segment = hd_partition_block_segment(&kit->facts.partition, block);
                if (memchr(kit->here + segment, 1, symbol) == NULL || memchr(kit->here + segment, 0, symbol) == NULL)
                    continue;
                found = kit->sink.read_at(kit->sink.user, segment * KIT_SEGMENT_BYTES, KIT_SEGMENT_BYTES);
                assert_non_null(found);
                if (kit->here[segment])
                    assert_memory_equal(found, kit->bytes + segment * KIT_SEGMENT_BYTES, KIT_SEGMENT_BYTES);
            }
            if (what == 2 && *missing == 0) { /* the block of the first missing one begins anew */
                uint64_t block;
                uint16_t symbol;

                hd_partition_locate(&kit->facts.partition, (uint64_t)(missing - kit->here), &block, &symbol);
                kit->sink.block_changed(kit->sink.user, block, false);
                memset(kit->here + hd_partition_block_segment(&kit->facts.partition, block), 0,
                       hd_partition_block_symbols(&kit->facts.partition, block));
            }
        } else {
            kit_flush(kit);
        }
        if (read_fd >= 0 && next_random(&seed) % 16 == 0)
            read_more(kit, read_fd, &at_bytes);
    }
    if (read_fd >= 0) {
        read_more(kit, read_fd, &at_bytes);
        assert_int_equal(at_bytes, kit->facts.partition.object_bytes);
    }
    assert_true(was_refused);
    kit_require_digest(kit);
}

static void any_order_arrives_in_order_through_a_pipe(void **state)
{
    struct kit *kit = *state;

    for (uint32_t seed = 0; seed < 20; seed++) {
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
        kit_object(kit, 50050, (uint8_t)seed);
        open_descriptor(kit, ends[1]);
        give_randomly(kit, ends[0], seed);
        assert_false((fcntl(ends[1], F_GETFL) & O_NONBLOCK) != 0);
        kit->store = hd_store_free(kit->store);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

static void any_order_arrives_in_order_through_a_socket(void **state)
{
    struct kit *kit = *state;

    for (uint32_t seed = 0; seed < 10; seed++) {
        int ends[2], small = 1;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        kit_object(kit, 50050, (uint8_t)seed);
        open_descriptor(kit, ends[1]);
        give_randomly(kit, ends[0], seed);
        kit->store = hd_store_free(kit->store);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

/* What takes neither of the ways that never wait: a terminal. */
static void any_order_arrives_in_order_through_a_terminal(void **state)
{
    struct kit *kit = *state;
    uint64_t size_bytes = 3000;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;

    if (master < 0)
        skip();
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    kit_object(kit, size_bytes, 1);
    for (uint64_t i = 0; i < size_bytes; i++) /* nothing that the terminal would change */
        kit->bytes[i] = (uint8_t)('a' + i % 26);
    open_descriptor(kit, terminal);
    give_randomly(kit, master, 1);
    (void)close(master);
    (void)close(terminal);
}

static void any_order_arrives_in_order_in_a_file(void **state)
{
    struct kit *kit = *state;

    for (uint32_t seed = 0; seed < 10; seed++) {
        int fd = open(kit_path(kit, "out"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

        assert_true(fd >= 0);
        kit_object(kit, 50050, (uint8_t)seed);
        open_descriptor(kit, fd);
        give_randomly(kit, -1, seed);
        kit_require_object(kit, "out");
        kit->store = hd_store_free(kit->store);
        (void)close(fd);
    }
}

/* However far apart: there is no window, and nothing that could be read back. */
static void the_null_device_takes_everything_in_any_order(void **state)
{
    struct kit *kit = *state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(hd_store_discards(fd));
    kit_object(kit, 50050, 1);
    open_descriptor(kit, fd);
    assert_null(kit->sink.read_at);
    for (uint64_t i = kit->facts.partition.segments; i-- > 0;)
        assert_int_equal(kit_segment(kit, i), 0);
    kit_flush(kit);
    assert_true(hd_store_is_drained(kit->store));
    kit_require_digest(kit);
    (void)close(fd);
}

static void a_reader_that_does_not_read_is_waited_for(void **state)
{
    struct kit *kit = *state;
    struct pollfd writable;
    uint64_t at_bytes = 0, segment = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    kit_object(kit, 50050, 1);
    open_descriptor(kit, ends[1]);
    while (kit_segment(kit, segment) == 0)
        segment++;
    assert_in_range(segment * KIT_SEGMENT_BYTES, 4096, 4096 + (WINDOW_BLOCKS + 1) * BLOCK_BYTES);
    assert_int_equal(kit_segment(kit, segment), -EAGAIN);
    kit_flush(kit);
    assert_int_equal(kit_segment(kit, segment), -EAGAIN);
    read_more(kit, ends[0], &at_bytes);
    writable = (struct pollfd){ .fd = ends[1], .events = POLLOUT };
    assert_int_equal(poll(&writable, 1, 0), 1);
    kit_flush(kit);
    assert_int_equal(kit_segment(kit, segment), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void not_all_has_left_while_the_reader_is_late(void **state)
{
    struct kit *kit = *state;
    uint64_t at_bytes = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    kit_object(kit, 5000, 1);
    open_descriptor(kit, ends[1]);
    kit_everything(kit);
    kit_require_digest(kit);
    assert_false(hd_store_is_drained(kit->store));
    while (!hd_store_is_drained(kit->store)) {
        read_more(kit, ends[0], &at_bytes);
        kit_flush(kit);
    }
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, 5000);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void require_broken(struct kit *kit, int fd)
{
    sigset_t pending;

    kit_object(kit, OBJECT_BYTES, 1);
    open_descriptor(kit, fd);
    kit_segments(kit, 0, 3);
    assert_int_equal(hd_store_flush(kit->store), -EPIPE);
    assert_int_equal(hd_store_flush(kit->store), -EPIPE);
    assert_int_equal(kit_segment(kit, 3), -EPIPE);
    assert_int_equal(hd_store_error(kit->store, &kit->error), -EPIPE);
    assert_string_equal(kit->error.cause, "cannot write the output: its reader is gone");
    assert_int_equal(sigpending(&pending), 0);
    assert_false(sigismember(&pending, SIGPIPE));
    kit->store = hd_store_free(kit->store);
}

/* SIGPIPE would end this process. */
static void a_reader_that_is_gone_is_an_error_and_no_signal(void **state)
{
    int ends[2];

    assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_DFL);
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    require_broken(*state, ends[1]);
    (void)close(ends[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    (void)close(ends[0]);
    require_broken(*state, ends[1]);
    (void)close(ends[1]);
}

/* One that was pending before is not ours to take. */
static void a_signal_that_others_wait_for_stays(void **state)
{
    sigset_t blocked, before, pending;
    const struct timespec at_once = { 0 };
    struct kit *kit = *state;
    int ends[2];

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGPIPE);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    assert_int_equal(raise(SIGPIPE), 0);
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]);
    kit_object(kit, OBJECT_BYTES, 1);
    open_descriptor(kit, ends[1]);
    kit_segments(kit, 0, 3);
    assert_int_equal(hd_store_flush(kit->store), -EPIPE);
    assert_int_equal(sigpending(&pending), 0);
    assert_true(sigismember(&pending, SIGPIPE));
    assert_int_equal(sigtimedwait(&blocked, NULL, &at_once), SIGPIPE);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    (void)close(ends[1]);
}

static void a_full_device_is_told(void **state)
{
    struct kit *kit = *state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        skip();
    kit_object(kit, OBJECT_BYTES, 1);
    open_descriptor(kit, fd);
    kit_segments(kit, 0, 3);
    assert_int_equal(hd_store_flush(kit->store), -ENOSPC);
    assert_int_equal(hd_store_error(kit->store, &kit->error), -ENOSPC);
    assert_string_equal(kit->error.cause, "cannot write the output: disk full");
    (void)close(fd);
}

/* SIGXFSZ would end this process. */
static void an_output_that_exceeds_its_limit_is_an_error_and_no_signal(void **state)
{
    struct kit *kit = *state;
    struct rlimit before, small = { .rlim_cur = 250 };
    int fd = open(kit_path(kit, "out"), O_WRONLY | O_CREAT, 0600), r[2];

    kit_object(kit, OBJECT_BYTES, 1);
    open_descriptor(kit, fd);
    kit_segments(kit, 0, 4);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    r[0] = hd_store_flush(kit->store);
    r[1] = hd_store_flush(kit->store);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(r[0], -EFBIG);
    assert_int_equal(r[1], -EFBIG);
    (void)close(fd);
}

static void what_cannot_be_written_to_is_refused_at_once(void **state)
{
    struct kit *kit = *state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    kit_object(kit, OBJECT_BYTES, 1);
    assert_int_equal(hd_store_new_descriptor(&kit->store, fd, 100000, &kit->facts, &kit->error), -EBADF);
    assert_non_null(strstr(kit->error.cause, "cannot write to descriptor "));
    (void)close(fd);
    assert_int_equal(hd_store_new_descriptor(&kit->store, fd, 100000, &kit->facts, &kit->error), -EBADF);
}

static void an_empty_object_has_left_at_once(void **state)
{
    struct kit *kit = *state;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    kit_object(kit, 0, 1);
    open_descriptor(kit, ends[1]);
    assert_true(hd_store_is_drained(kit->store));
    kit_flush(kit);
    kit_require_digest(kit);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* A window smaller than a block is one block. */
static void the_smallest_window_is_enough(void **state)
{
    struct kit *kit = *state;
    uint64_t at_bytes = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    kit_object(kit, OBJECT_BYTES, 1);
    assert_int_equal(hd_store_new_descriptor(&kit->store, ends[1], 1, &kit->facts, &kit->error), 0);
    kit_use_store(kit);
    assert_int_equal(kit_segment(kit, 8), -EAGAIN);
    kit_everything(kit);
    read_more(kit, ends[0], &at_bytes);
    assert_int_equal(at_bytes, OBJECT_BYTES);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_leave_as_soon_as_all_before_them_are_here, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(any_order_arrives_in_order_through_a_pipe, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(any_order_arrives_in_order_through_a_socket, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(any_order_arrives_in_order_through_a_terminal, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(any_order_arrives_in_order_in_a_file, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(the_null_device_takes_everything_in_any_order, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_is_waited_for, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(not_all_has_left_while_the_reader_is_late, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_is_gone_is_an_error_and_no_signal, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_signal_that_others_wait_for_stays, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(a_full_device_is_told, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(an_output_that_exceeds_its_limit_is_an_error_and_no_signal, kit_setup,
                                        kit_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_to_is_refused_at_once, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(an_empty_object_has_left_at_once, kit_setup, kit_teardown),
        cmocka_unit_test_setup_teardown(the_smallest_window_is_enough, kit_setup, kit_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
