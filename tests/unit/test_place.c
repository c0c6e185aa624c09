/* SPDX-License-Identifier: MIT */
/* A directory that files are received into: names, links, clashes, modes and times, and that nothing gets out of it. */
#include "place_internal.h"
#include "store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

enum { OBJECT_BYTES = 2050, NOBODY = 65534 };

static const int64_t MTIME_NS = INT64_C(1234567890123456789);

/* A place in "inside", beside which lies "outside" with a file in it, where nobody must get. */
static void open_inside(struct kit *kit, enum herald_inbox_clash clash, bool any_links, bool walks)
{
    struct hd_place_config config = { .clash = clash, .any_links = any_links };

    (void)mkdir(kit_path(kit, "inside"), 0777);
    (void)mkdir(kit_path(kit, "outside"), 0777);
    kit_write_file(kit, "outside/secret", "secret", 6);
    config.directory = kit_path(kit, "inside");
    kit->place = hd_place_free(kit->place);
    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), 0);
    if (walks)
        kit->place->walks = true;
    kit_object(kit, OBJECT_BYTES, 1);
}

static void require_untouched(struct kit *kit)
{
    kit_require_file(kit, "outside/secret", "secret", 6);
    assert_int_equal(kit_count(kit, "outside", ""), 1);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_that_lead_anywhere_else_are_refused(void **state)
{
    static const char *const refused[] = {
        "",
        "/",
        "/etc/passwd",
        ".",
        "..",
        "../x",
        "a/../b",
        "a/..",
        "a//b",
        "a/",
        "./a",
        "a/./b",
        "//a",
        ".herald-partial",
        ".herald-partial/x",
        "a/.herald-partial/x",
        "a/.herald-partial",
    };
    static const char *const accepted[] = {
        "a",   "a/b/c",    "...",       "..a", "a..", ".hidden",          "a b",
        "-rf", "\xff\xfe", "new\nline", "*",   "\\",  ".herald-partial2",
    };
    struct herald_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(hd_place_check_name(refused[i], &error), -EINVAL);
        assert_int_not_equal(error.cause[0], '\0');
    }
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
        assert_int_equal(hd_place_check_name(accepted[i], &error), 0);
}

static void names_have_limits(void **state)
{
    char name[1100];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[255] = '\0';
    assert_int_equal(hd_place_check_name(name, NULL), 0);
    name[255] = 'x';
    name[256] = '\0';
    assert_int_equal(hd_place_check_name(name, NULL), -EINVAL);
    name[256] = 'x';
    for (size_t i = 200; i < sizeof(name); i += 200)
        name[i] = '/';
    name[1023] = '\0';
    assert_int_equal(hd_place_check_name(name, NULL), 0);
    name[1023] = 'x';
    name[1024] = '\0';
    assert_int_equal(hd_place_check_name(name, NULL), -EINVAL);
}

static void a_refused_name_is_not_received(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, true, false);
    assert_int_equal(kit_try_receive(kit, "../outside/secret"), -EINVAL);
    assert_int_equal(kit_try_receive(kit, "/tmp/x"), -EINVAL);
    assert_int_equal(hd_place_make_directory(kit->place, "../x", 0755, 0, &kit->error), -EINVAL);
    assert_int_equal(hd_place_make_link(kit->place, "../x", "y", 0, &kit->error), -EINVAL);
    assert_int_equal(kit_count(kit, "inside/.herald-partial", ""), 0);
    require_untouched(kit);
    assert_false(kit_exists(kit, "x"));
}

static void directories_that_are_missing_are_made(void **state)
{
    struct kit *kit = *state;

    for (int walks = 0; walks < 2; walks++) {
        open_inside(kit, HERALD_CLASH_OVERWRITE, false, walks);
        kit_receive(kit, walks ? "d/e/f/object" : "a/b/c/object");
        kit_receive(kit, walks ? "d/e/other" : "a/b/other");
        kit_require_object(kit, walks ? "inside/d/e/f/object" : "inside/a/b/c/object");
        kit_require_object(kit, walks ? "inside/d/e/other" : "inside/a/b/other");
    }
}

static void a_file_in_the_place_of_a_directory_is_an_error(void **state)
{
    struct kit *kit = *state;

    for (int walks = 0; walks < 2; walks++) {
        open_inside(kit, HERALD_CLASH_OVERWRITE, false, walks);
        kit_receive(kit, "a");
        assert_int_equal(kit_try_receive(kit, "a/b"), -ENOTDIR);
        assert_string_equal(kit->error.cause, "a is not a directory, and files should go into it");
        assert_int_equal(kit_try_receive(kit, "a/b/c"), -ENOTDIR);
        assert_int_equal(hd_place_make_directory(kit->place, "a/b", 0755, 0, &kit->error), -ENOTDIR);
        assert_int_equal(hd_place_make_directory(kit->place, "a", 0755, 0, &kit->error), -EEXIST);
        kit_require_object(kit, "inside/a");
    }
}

static void a_directory_in_the_place_of_a_file_stays(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_directory(kit->place, "a", 0755, 0, &kit->error), 0);
    assert_int_equal(kit_try_receive(kit, "a"), -EISDIR);
    assert_string_equal(kit->error.cause, "a is a directory, and cannot be replaced by a file");
    assert_int_equal(hd_place_make_link(kit->place, "a", "b", 0, &kit->error), -EISDIR);
}

static void what_is_no_file_is_not_replaced(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(mkfifo(kit_path(kit, "inside/fifo"), 0600), 0);
    assert_int_equal(kit_try_receive(kit, "fifo"), -ENOTSUP);
    assert_true(kit_exists(kit, "inside/fifo"));
}

/* ---- links ----------------------------------------------------------------------------------- */

static void names_are_not_followed_out_through_links(void **state)
{
    struct kit *kit = *state;
    static const char *const targets[] = { "../outside", "../../tmp", "/tmp", "sub/../../outside", "/proc/self/cwd" };

    for (int walks = 0; walks < 2; walks++)
        for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
            int r;

            open_inside(kit, HERALD_CLASH_OVERWRITE, true, walks);
            (void)mkdir(kit_path(kit, "inside/sub"), 0777);
            assert_int_equal(symlink(targets[i], kit_path(kit, "inside/out")), 0);
            r = kit_try_receive(kit, "out/secret");
            assert_true(r == -EXDEV || r == -ENOTDIR || r == -ELOOP);
            r = kit_try_receive(kit, "out/new/secret");
            assert_true(r == -EXDEV || r == -ENOTDIR || r == -ELOOP);
            assert_true(hd_place_make_directory(kit->place, "out/new", 0777, 0, &kit->error) < 0);
            assert_true(hd_place_make_directory(kit->place, "out", 0, 0, &kit->error) < 0);
            assert_true(hd_place_make_link(kit->place, "out/link", "x", 0, &kit->error) < 0);
            require_untouched(kit);
            assert_int_equal(unlink(kit_path(kit, "inside/out")), 0);
        }
}

static void nor_through_links_that_were_received(void **state)
{
    struct kit *kit = *state;
    int r;

    open_inside(kit, HERALD_CLASH_OVERWRITE, true, false);
    assert_int_equal(hd_place_make_link(kit->place, "out", "../outside", MTIME_NS, &kit->error), 0);
    r = kit_try_receive(kit, "out/secret");
    assert_int_equal(r, -EXDEV);
    assert_non_null(strstr(kit->error.cause, "out is refused: a symbolic link leads out of "));
    /* The file takes the link's place, and not that of what it points to. */
    assert_int_equal(hd_place_make_link(kit->place, "file", "../outside/secret", MTIME_NS, &kit->error), 0);
    kit_receive(kit, "file");
    kit_require_object(kit, "inside/file");
    kit_receive(kit, "out");
    kit_require_object(kit, "inside/out");
    require_untouched(kit);
}

static void a_link_that_stays_inside_is_followed(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_directory(kit->place, "data/deep", 0755, 0, &kit->error), 0);
    assert_int_equal(symlink("data/deep", kit_path(kit, "inside/short")), 0);
    kit_receive(kit, "short/object");
    kit_require_object(kit, "inside/data/deep/object");
}

static void nothing_is_received_into_what_is_unfinished(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_link(kit->place, "x", ".herald-partial", 0, &kit->error), 0);
    kit_open_file(kit);
    kit->store = hd_store_free(kit->store);
    assert_int_equal(kit_try_receive(kit, "x/0123456789abcdef.journal"), -ELOOP);
    assert_int_equal(kit_try_receive(kit, "x/sub/file"), -ELOOP);
    assert_int_equal(hd_place_make_directory(kit->place, "x/sub", 0755, 0, &kit->error), -ELOOP);
    assert_int_equal(hd_place_make_directory(kit->place, "x/sub/sub", 0755, 0, &kit->error), -ELOOP);
    assert_int_equal(kit_count(kit, "inside/.herald-partial", "sub"), 0);
}

static void links_that_may_lead_out_are_refused_unless_allowed(void **state)
{
    struct kit *kit = *state;
    static const struct {
        const char *name, *target;
        bool is_inside;
    } cases[] = {
        { "l1", "x", true },
        { "l2", "./a/b", true },
        { "a/l3", "../x", true },
        { "a/b/l4", "../../x", true },
        { "a/b/l5", ".././../x/y", true },
        { "a/l6", "..", true },
        { "l7", ".", true },
        { "l8", "..a/...", true },
        { "l9", "/etc/passwd", false },
        { "l10", "/", false },
        { "l11", "..", false },
        { "l12", "../x", false },
        { "a/l13", "../../x", false },
        { "a/b/l14", "../../../x", false },
        { "l15", "a/..", false }, /* it would stay inside, as long as "a" is no link */
        { "l16", "a/../../x", false },
        { "l17", "a//..//..", false },
        { "a/l18", "./x/../../..", false },
    };

    for (int any = 0; any < 2; any++) {
        open_inside(kit, HERALD_CLASH_OVERWRITE, any, false);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char path[100], target[100];
            int r = hd_place_make_link(kit->place, cases[i].name, cases[i].target, 0, &kit->error);

            (void)snprintf(path, sizeof(path), "inside/%s", cases[i].name);
            assert_int_equal(r, any || cases[i].is_inside ? 0 : -EPERM);
            assert_int_equal(kit_exists(kit, path), r == 0);
            if (r == 0) {
                assert_int_equal(readlink(kit_path(kit, path), target, sizeof(target)), strlen(cases[i].target));
                assert_memory_equal(target, cases[i].target, strlen(cases[i].target));
                assert_int_equal(unlink(kit_path(kit, path)), 0);
            }
        }
    }
    assert_int_equal(hd_place_make_link(kit->place, "empty", "", 0, &kit->error), -EINVAL);
}

/* "s" leads up, so that a link made through it is not as deep as its name says. */
static void the_depth_of_a_link_is_that_of_where_it_really_is(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_link(kit->place, "a/b/s", "../..", 0, &kit->error), 0);
    assert_int_equal(hd_place_make_link(kit->place, "a/b/s/l", "../..", 0, &kit->error), -ELOOP);
    assert_false(kit_exists(kit, "inside/l"));
}

static void links_have_times_and_replace_each_other(void **state)
{
    struct kit *kit = *state;
    struct stat status;
    char target[8];

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    for (int i = 0; i < 3; i++) { /* the same one twice */
        const char *wanted = i < 2 ? "one" : "two";

        assert_int_equal(hd_place_make_link(kit->place, "link", wanted, MTIME_NS, &kit->error), 0);
        assert_int_equal(readlink(kit_path(kit, "inside/link"), target, sizeof(target)), 3);
        assert_memory_equal(target, wanted, 3);
    }
    assert_int_equal(lstat(kit_path(kit, "inside/link"), &status), 0);
    assert_int_equal(status.st_mtim.tv_sec, 1234567890);
    assert_int_equal(status.st_mtim.tv_nsec, 123456789);
    open_inside(kit, HERALD_CLASH_RENAME, false, false);
    assert_int_equal(hd_place_make_link(kit->place, "link", "six", 0, &kit->error), 0);
    assert_int_equal(readlink(kit_path(kit, "inside/link.1"), target, sizeof(target)), 3);
    assert_memory_equal(target, "six", 3);
    open_inside(kit, HERALD_CLASH_SKIP, false, false);
    assert_int_equal(hd_place_make_link(kit->place, "link", "ten", 0, &kit->error), -EEXIST);
    kit_close_place(kit);
    assert_false(kit_exists(kit, "inside/.herald-partial"));
}

/* ---- clashes --------------------------------------------------------------------------------- */

static void a_new_file_overwrites_once_it_is_complete(void **state)
{
    struct kit *kit = *state;
    struct hd_finished finished;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_write_file(kit, "inside/a", "old", 3);
    assert_int_equal(hd_place_check_clash(kit->place, "a", &kit->error), 0);
    kit_open_file(kit);
    kit_everything(kit);
    kit_require_file(kit, "inside/a", "old", 3);
    kit_finish(kit, &(struct hd_finish){ .name = "a" }, &finished);
    assert_int_equal(finished.error.code, 0);
    assert_string_equal(finished.path, "a");
    kit_require_object(kit, "inside/a");
}

static void a_new_file_gets_the_next_number(void **state)
{
    struct kit *kit = *state;
    char name[256], path[300];

    open_inside(kit, HERALD_CLASH_RENAME, false, false);
    kit_write_file(kit, "inside/a", "old", 3);
    assert_int_equal(mkdir(kit_path(kit, "inside/a.2"), 0777), 0);
    for (int i = 0; i < 3; i++) {
        static const char *const wanted[] = { "a.1", "a.3", "a.4" };
        struct hd_finished finished;

        assert_int_equal(hd_place_check_clash(kit->place, "a", &kit->error), 0);
        kit_open_file(kit);
        kit_everything(kit);
        kit_finish(kit, &(struct hd_finish){ .name = "a" }, &finished);
        assert_int_equal(finished.error.code, 0);
        assert_string_equal(finished.path, wanted[i]);
    }
    kit_require_file(kit, "inside/a", "old", 3);
    /* A name that leaves no room for a number is cut. */
    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    kit_receive(kit, name);
    kit_receive(kit, name);
    name[253] = '.';
    name[254] = '1';
    (void)snprintf(path, sizeof(path), "inside/%s", name);
    kit_require_object(kit, path);
}

static void a_name_that_is_here_is_skipped(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_SKIP, false, false);
    assert_int_equal(hd_place_check_clash(kit->place, "d/a", &kit->error), 0);
    kit_receive(kit, "d/a");
    assert_int_equal(hd_place_check_clash(kit->place, "d/a", &kit->error), -EEXIST);
    assert_string_equal(kit->error.cause, "d/a is here already");
    assert_int_equal(hd_place_check_clash(kit->place, "d/a/b", &kit->error), 0);
    /* It has come under way. */
    kit_object(kit, OBJECT_BYTES, 2);
    assert_int_equal(kit_try_receive(kit, "d/a"), -EEXIST);
    assert_int_equal(kit_count(kit, "inside/.herald-partial", ""), 0);
    kit_object(kit, OBJECT_BYTES, 1);
    kit_require_object(kit, "inside/d/a");
}

static void every_file_has_the_only_name(void **state)
{
    struct kit *kit = *state;
    const struct hd_place_config config = { .directory = kit->directory, .only_name = "only" };

    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), 0);
    kit_object(kit, OBJECT_BYTES, 1);
    kit_receive(kit, "../../whatever");
    kit_require_object(kit, "only");
    assert_int_equal(hd_place_make_directory(kit->place, "d", 0755, 0, &kit->error), -EINVAL);
    assert_int_equal(hd_place_make_link(kit->place, "l", "x", 0, &kit->error), -EINVAL);
    kit->place = hd_place_free(kit->place);
    assert_int_equal(unlink(kit_path(kit, "only")), 0);
    assert_int_equal(mkdir(kit_path(kit, "only"), 0777), 0);
    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), -EISDIR);
    assert_int_equal(rmdir(kit_path(kit, "only")), 0);
    assert_int_equal(mkfifo(kit_path(kit, "only"), 0777), 0);
    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), -EINVAL);
}

/* ---- modes and times ------------------------------------------------------------------------- */

static void files_get_mode_and_time_but_no_privileges(void **state)
{
    struct kit *kit = *state;
    const struct hd_finish finish = { .name = "a", .has_meta = true, .mode = 07751, .mtime_ns = MTIME_NS };
    const struct hd_finish before_1970 = { .name = "b", .has_meta = true, .mode = 0400, .mtime_ns = -1 };
    struct hd_finished finished;
    struct stat status;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_open_file(kit);
    kit_everything(kit);
    kit_finish(kit, &finish, &finished);
    assert_int_equal(finished.error.code, 0);
    assert_int_equal(stat(kit_path(kit, "inside/a"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0751);
    assert_int_equal(status.st_mtim.tv_sec, 1234567890);
    assert_int_equal(status.st_mtim.tv_nsec, 123456789);
    kit_open_file(kit);
    kit_everything(kit);
    kit_finish(kit, &before_1970, &finished);
    assert_int_equal(stat(kit_path(kit, "inside/b"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0400);
    assert_int_equal(status.st_mtim.tv_sec, -1);
    assert_int_equal(status.st_mtim.tv_nsec, 999999999);
}

static void without_a_mode_the_umask_counts(void **state)
{
    struct kit *kit = *state;
    mode_t before = umask(027);
    struct stat status;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_receive(kit, "d/a");
    assert_int_equal(umask(before), 027);
    assert_int_equal(stat(kit_path(kit, "inside/d/a"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(stat(kit_path(kit, "inside/d"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
}

static void nobody_else_sees_what_is_unfinished(void **state)
{
    struct kit *kit = *state;
    struct stat status;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_open_file(kit);
    assert_int_equal(stat(kit_path(kit, "inside/.herald-partial"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

static void wait_until_idle(struct kit *kit)
{
    struct hd_finished finished;

    /* Directories have no result: what comes behind them in the queue has. */
    kit_open_file(kit);
    kit_everything(kit);
    kit_finish(kit, &(struct hd_finish){ .name = "behind" }, &finished);
    assert_true(hd_place_is_idle(kit->place));
}

static void require_directory(struct kit *kit, const char *name, mode_t mode, time_t mtime)
{
    struct stat status;

    assert_int_equal(stat(kit_path(kit, name), &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
    assert_int_equal(status.st_mtim.tv_sec, mtime);
}

static void directories_get_mode_and_time_when_all_is_in_them(void **state)
{
    struct kit *kit = *state;
    const int64_t second_ns = 1000000000;
    struct stat before, after;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(mkdir(kit_path(kit, "inside/old"), 0700), 0);
    assert_int_equal(stat(kit_path(kit, "inside/old"), &before), 0);
    assert_int_equal(hd_place_make_directory(kit->place, "a", 0555, 1000 * second_ns, &kit->error), 0);
    assert_int_equal(hd_place_make_directory(kit->place, "a/b", 02500, 2000 * second_ns, &kit->error), 0);
    assert_int_equal(hd_place_make_directory(kit->place, "old", 0777, 3000 * second_ns, &kit->error), 0);
    kit_receive(kit, "a/b/object");  /* "a" is not writable in the end, but it is now */
    kit_receive(kit, "late/object"); /* before its directory has come */
    assert_int_equal(hd_place_make_directory(kit->place, "late", 0711, 4000 * second_ns, &kit->error), 0);
    hd_place_finish_directories(kit->place);
    wait_until_idle(kit);
    require_directory(kit, "inside/a", 0555, 1000);
    require_directory(kit, "inside/a/b", 0500, 2000);
    require_directory(kit, "inside/late", 0711, 4000);
    /* What was here before keeps its own. */
    assert_int_equal(stat(kit_path(kit, "inside/old"), &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
    assert_int_equal(chmod(kit_path(kit, "inside/a"), 0755), 0);
}

/* Root may write anywhere: then somebody else tries. @return whether there is somebody. */
static bool become_nobody(struct kit *kit)
{
    if (geteuid() != 0)
        return true;
    assert_int_equal(chown(kit->directory, NOBODY, (gid_t)-1), 0);
    return seteuid(NOBODY) == 0;
}

static int teardown_as_before(void **state)
{
    if (geteuid() != getuid())
        assert_int_equal(seteuid(getuid()), 0);
    return kit_teardown(state);
}

static void a_directory_of_an_earlier_delivery_need_not_be_writable(void **state)
{
    struct kit *kit = *state;
    struct stat status;

    if (!become_nobody(kit))
        skip();
    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_directory(kit->place, "a", 0555, 0, &kit->error), 0);
    kit_receive(kit, "a/object");
    hd_place_finish_directories(kit->place);
    wait_until_idle(kit);
    assert_int_equal(hd_place_make_directory(kit->place, "a", 0500, 0, &kit->error), 0);
    kit_receive(kit, "a/b/object");
    assert_int_equal(hd_place_make_link(kit->place, "a/link", "object", 0, &kit->error), 0);
    hd_place_finish_directories(kit->place);
    wait_until_idle(kit);
    assert_int_equal(stat(kit_path(kit, "inside/a"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0555);
    kit_receive(kit, "a/another");
    kit_close_place(kit); /* it breaks off */
    assert_int_equal(stat(kit_path(kit, "inside/a"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0555);
    assert_int_equal(chmod(kit_path(kit, "inside/a"), 0755), 0);
}

/* What a directory hides is not shown while it is received, nor if it breaks off. */
static void directories_never_let_in_more_than_in_the_end(void **state)
{
    struct kit *kit = *state;
    mode_t before = umask(022);
    struct stat status;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(hd_place_make_directory(kit->place, "first", 0700, 0, &kit->error), 0);
    assert_int_equal(stat(kit_path(kit, "inside/first"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    kit_receive(kit, "late/object");
    assert_int_equal(stat(kit_path(kit, "inside/late"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0755);
    assert_int_equal(hd_place_make_directory(kit->place, "late", 0550, 0, &kit->error), 0);
    assert_int_equal(stat(kit_path(kit, "inside/late"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0750);
    kit_receive(kit, "late/another");
    (void)umask(before);
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void many_files_are_finished_each_with_its_cookie(void **state)
{
    struct kit *kit = *state;
    enum { FILES = 600 };
    static bool has_come[FILES];
    struct pollfd waiting;
    unsigned count = 0;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_object(kit, 150, 1);
    memset(has_come, 0, sizeof(has_come));
    for (unsigned i = 0; i < FILES; i++) {
        struct hd_finish finish = { .cookie = i };
        char name[32];

        (void)snprintf(name, sizeof(name), "%u/%u", i % 7, i);
        finish.name = name;
        kit_open_file(kit);
        kit_everything(kit);
        assert_int_equal(hd_place_finish(kit->place, kit->store, &finish), 0);
        kit->store = NULL;
    }
    assert_false(hd_place_is_idle(kit->place));
    while (count < FILES) {
        struct hd_finished finished;

        waiting = (struct pollfd){ .fd = hd_place_fd(kit->place), .events = POLLIN };
        assert_int_equal(poll(&waiting, 1, 60000), 1);
        while (hd_place_next_finished(kit->place, &finished) == 1) {
            assert_int_equal(finished.error.code, 0);
            assert_in_range(finished.cookie, 0, FILES - 1);
            assert_false(has_come[finished.cookie]);
            has_come[finished.cookie] = true;
            count++;
        }
    }
    assert_true(hd_place_is_idle(kit->place));
    assert_int_equal(poll(&waiting, 1, 0), 0);
    kit_require_object(kit, "inside/3/94");
    kit_close_place(kit);
    assert_false(kit_exists(kit, "inside/.herald-partial"));
}

static void closing_waits_for_what_was_to_be_finished(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    for (int i = 0; i < 20; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%d", i);
        kit_open_file(kit);
        kit_everything(kit);
        assert_int_equal(hd_place_finish(kit->place, kit->store, &(struct hd_finish){ .name = name }), 0);
        kit->store = NULL;
    }
    kit_close_place(kit);
    assert_int_equal(kit_count(kit, "inside", ""), 20);
    kit_require_object(kit, "inside/19");
}

/* As another process may that had it for itself until now. */
static void the_directory_of_unfinished_files_may_vanish(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_receive(kit, "a");
    assert_int_equal(rmdir(kit_path(kit, "inside/.herald-partial")), 0);
    kit_receive(kit, "b");
    kit_require_object(kit, "inside/b");
    assert_int_equal(rmdir(kit_path(kit, "inside/.herald-partial")), 0);
    assert_int_equal(hd_place_make_link(kit->place, "l", "x", 0, &kit->error), 0);
    assert_int_equal(hd_place_make_link(kit->place, "l", "y", 0, &kit->error), 0);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void a_directory_that_cannot_be_used_is_told(void **state)
{
    struct kit *kit = *state;
    struct hd_place_config config = { .directory = kit_path(kit, "nowhere") };

    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), -ENOENT);
    assert_non_null(strstr(kit->error.cause, "cannot open the directory "));
    kit_write_file(kit, "file", "x", 1);
    config.directory = kit_path(kit, "file");
    assert_int_equal(hd_place_new(&kit->place, &config, &kit->error), -ENOTDIR);
    config.directory = "/proc/self"; /* nobody can write to it */
    assert_true(hd_place_new(&kit->place, &config, &kit->error) < 0 || geteuid() == 0);
    if (kit->place != NULL) { /* root only notices when it tries */
        kit_object(kit, OBJECT_BYTES, 1);
        assert_true(hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error) < 0);
        assert_non_null(strstr(kit->error.cause, "cannot write to /proc/self/.herald-partial: "));
    }
}

static void receive_nothing(struct kit *kit)
{
    const struct hd_place_config config = { .directory = kit->directory };
    char wanted[400];

    (void)snprintf(wanted, sizeof(wanted), "cannot write to %s: Read-only file system", kit->directory);
    kit_require_step(hd_place_new(&kit->place, &config, &kit->error) == -EROFS, 1);
    kit_require_step(strcmp(kit->error.cause, wanted) == 0, 2);
}

static void a_file_system_that_is_read_only_is_told(void **state)
{
    kit_in_file_system(*state, "ro", receive_nothing);
}

static void receive_into_another_file_system(struct kit *kit)
{
    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_require_step(mkdir(kit_path(kit, "inside/other"), 0777) == 0, 1);
    kit_require_step(mount("none", kit_path(kit, "inside/other"), "tmpfs", 0, "size=1m") == 0, 2);
    kit_require_step(kit_try_receive(kit, "other/object") == -EXDEV, 3);
    kit_require_step(strstr(kit->error.cause, "object lies on another file system than ") != NULL, 4);
    kit_require_step(!kit_exists(kit, "inside/other/object"), 5);
    kit_receive(kit, "object");
}

static void another_file_system_below_is_told(void **state)
{
    kit_in_file_system(*state, "size=1m", receive_into_another_file_system);
}

/* Each start of another process on the same directory looks through what is unfinished, and tidies up. */
static void others_that_tidy_up_take_nothing_away(void **state)
{
    struct kit *kit = *state;
    int go[2], status;
    pid_t child;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit_close_place(kit);
    assert_int_equal(pipe2(go, O_CLOEXEC | O_NONBLOCK), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct hd_place_config config = { .directory = kit_path(kit, "inside") };
        struct hd_place *place;
        uint64_t files, bytes;
        char byte;

        (void)close(go[1]);
        while (read(go[0], &byte, 1) < 0) { /* until its other end is closed */
            kit_require_step(hd_place_new(&place, &config, NULL) == 0, 1);
            (void)!hd_store_scan(place, 0, &files, &bytes); /* ".herald-partial" may be gone just then */
            place = hd_place_free(place);
        }
        _exit(0);
    }
    (void)close(go[0]);
    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    kit->place->no_sync = true;
    for (int i = 0; i < 300; i++) {
        kit_object(kit, i % 2 == 0 ? 50 : 50000, (uint8_t)i);
        kit_receive(kit, "object");
        kit_require_object(kit, "inside/object");
        assert_int_equal(hd_place_make_link(kit->place, "link", i % 2 == 0 ? "x" : "y", 0, &kit->error), 0);
    }
    (void)close(go[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_link_in_the_place_of_the_unfinished_is_not_followed(void **state)
{
    struct kit *kit = *state;

    open_inside(kit, HERALD_CLASH_OVERWRITE, false, false);
    assert_int_equal(symlink("../outside", kit_path(kit, "inside/.herald-partial")), 0);
    assert_true(hd_store_new_file(&kit->store, kit->place, &kit->facts, &kit->error) < 0);
    require_untouched(kit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_that_lead_anywhere_else_are_refused),
        TEST(names_have_limits),
        TEST(a_refused_name_is_not_received),
        TEST(directories_that_are_missing_are_made),
        TEST(a_file_in_the_place_of_a_directory_is_an_error),
        TEST(a_directory_in_the_place_of_a_file_stays),
        TEST(what_is_no_file_is_not_replaced),
        TEST(names_are_not_followed_out_through_links),
        TEST(nor_through_links_that_were_received),
        TEST(a_link_that_stays_inside_is_followed),
        TEST(nothing_is_received_into_what_is_unfinished),
        TEST(links_that_may_lead_out_are_refused_unless_allowed),
        TEST(the_depth_of_a_link_is_that_of_where_it_really_is),
        TEST(links_have_times_and_replace_each_other),
        TEST(a_new_file_overwrites_once_it_is_complete),
        TEST(a_new_file_gets_the_next_number),
        TEST(a_name_that_is_here_is_skipped),
        TEST(every_file_has_the_only_name),
        TEST(files_get_mode_and_time_but_no_privileges),
        TEST(without_a_mode_the_umask_counts),
        TEST(nobody_else_sees_what_is_unfinished),
        TEST(directories_get_mode_and_time_when_all_is_in_them),
        cmocka_unit_test_setup_teardown(a_directory_of_an_earlier_delivery_need_not_be_writable, kit_setup,
                                        teardown_as_before),
        TEST(directories_never_let_in_more_than_in_the_end),
        TEST(many_files_are_finished_each_with_its_cookie),
        TEST(closing_waits_for_what_was_to_be_finished),
        TEST(the_directory_of_unfinished_files_may_vanish),
        TEST(a_directory_that_cannot_be_used_is_told),
        TEST(a_file_system_that_is_read_only_is_told),
        TEST(another_file_system_below_is_told),
        TEST(others_that_tidy_up_take_nothing_away),
        TEST(a_link_in_the_place_of_the_unfinished_is_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
