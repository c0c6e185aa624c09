/* SPDX-License-Identifier: MIT */
/*
 * What a delivery consists of. Each test has a directory of its own as working directory. Allocations of the library
 * are counted, and refused where a test wants that.
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAMES_MAX = 4096, NOBODY = 65534 };

static char root[128];
static struct hd_tree *tree;
static struct herald_error error;
static char complaints[NAMES_MAX]; /* "path=code " each */
static void (*on_complaint)(void);

static size_t allocations, allocations_max; /* as many succeed; 0: all */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static bool may_allocate(void)
{
    return ++allocations <= allocations_max || allocations_max == 0;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return may_allocate() ? __real_reallocarray(old, count, size) : NULL;
}

/* --- what the tests share --- */

static void complain(void *user, const char *path, const struct herald_error *why)
{
    size_t used = strlen(complaints);

    assert_ptr_equal(user, complaints);
    assert_true(why->code < 0);
    assert_true(why->cause[0] != '\0');
    snprintf(complaints + used, sizeof(complaints) - used, "%.40s=%s ", path, strerrorname_np(-why->code));
    if (on_complaint != NULL)
        on_complaint();
}

static int set_up(void **state)
{
    const char *where = getenv("TMPDIR");

    (void)state;
    snprintf(root, sizeof(root), "%s/herald-tree-XXXXXX", where != NULL && strlen(where) < 90 ? where : "/tmp");
    complaints[0] = '\0';
    on_complaint = NULL;
    allocations_max = 0;
    if (mkdtemp(root) == NULL || chdir(root) < 0)
        return -1;
    return hd_tree_new(&tree, complain, complaints);
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
    tree = hd_tree_free(tree);
    return chdir("/") < 0 || nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 ? -1 : 0;
}

/* Makes a file with the directories above it. */
static void make_file(const char *path, size_t size)
{
    char part[1100];
    int fd;

    assert_true(strlen(path) < sizeof(part));
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = '\0';
        assert_true(mkdir(part, 0755) == 0 || errno == EEXIST);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void make_directory(const char *path)
{
    assert_int_equal(mkdir(path, 0755), 0);
}

static int add(const char *path)
{
    return hd_tree_add_path(tree, path, NULL, 0, &error);
}

/* All names in their order: directories end in a slash, links in their target. */
static const char *names(void)
{
    static char text[NAMES_MAX];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < hd_tree_count(tree); i++) {
        const struct hd_entry *entry = hd_tree_entry(tree, i);

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s%s", used > 0 ? " " : "", entry->name,
                                 entry->type == HD_ENTRY_DIRECTORY ? "/" : "", entry->link != NULL ? "->" : "",
                                 entry->link != NULL ? entry->link : "");
        assert_true(used < sizeof(text));
    }
    return text;
}

/* The entry of a name. */
static const struct hd_entry *entry_called(const char *name)
{
    for (uint32_t i = 0; i < hd_tree_count(tree); i++)
        if (strcmp(hd_tree_entry(tree, i)->name, name) == 0)
            return hd_tree_entry(tree, i);
    fail_msg("nothing is called %s", name);
    return NULL;
}

static void start_anew(void)
{
    tree = hd_tree_free(tree);
    assert_int_equal(hd_tree_new(&tree, complain, complaints), 0);
    complaints[0] = '\0';
}

/* --- names and their order --- */

static void a_directory_comes_before_its_contents_and_names_are_sorted_by_their_bytes(void **state)
{
    (void)state;
    make_file("dir/b", 1);
    make_file("dir/a/y", 1);
    make_file("dir/a/x", 1);
    make_file("dir/a.txt", 1);
    make_file("dir/B", 1);
    make_file("dir/\xc3\xa4", 1);
    make_file("dir/\xff", 1);
    make_file("dir/-", 1);
    make_directory("dir/empty");
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/ dir/- dir/B dir/a/ dir/a/x dir/a/y dir/a.txt dir/b dir/empty/ dir/\xc3\xa4 "
                                 "dir/\xff");
    assert_string_equal(complaints, "");
    assert_int_equal(hd_tree_bytes(tree), 8);
}

static void a_directory_gives_its_name_unless_its_contents_are_meant(void **state)
{
    static const struct {
        const char *path, *names, *path_of_last, *below;
    } rows[] = {
        { "up/dir", "dir/ dir/f dir/sub/ dir/sub/g", "up/dir/sub/g", "sub/g" },
        { "./up/dir", "dir/ dir/f dir/sub/ dir/sub/g", "./up/dir/sub/g", "sub/g" },
        { "up/dir/", "f sub/ sub/g", "up/dir/sub/g", "sub/g" },
        { "up/dir//", "f sub/ sub/g", "up/dir/sub/g", "sub/g" },
        { "up/dir/.", "f sub/ sub/g", "up/dir/./sub/g", "sub/g" },
        { "up/dir/sub/..", "f sub/ sub/g", "up/dir/sub/../sub/g", "sub/g" },
        { "up/dir/../dir", "dir/ dir/f dir/sub/ dir/sub/g", "up/dir/../dir/sub/g", "sub/g" },
        { ".", "up/ up/dir/ up/dir/f up/dir/sub/ up/dir/sub/g", "up/dir/sub/g", "up/dir/sub/g" },
        { "./", "up/ up/dir/ up/dir/f up/dir/sub/ up/dir/sub/g", "./up/dir/sub/g", "up/dir/sub/g" },
        { "up/dir/f", "f", "up/dir/f", NULL },
    };

    (void)state;
    make_file("up/dir/f", 1);
    make_file("up/dir/sub/g", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct hd_entry *last;

        assert_int_equal(add(rows[i].path), 0);
        assert_string_equal(names(), rows[i].names);
        last = hd_tree_entry(tree, hd_tree_count(tree) - 1);
        assert_string_equal(last->path, rows[i].path_of_last);
        if (rows[i].below != NULL)
            assert_string_equal(last->below, rows[i].below);
        else
            assert_null(last->below);
        assert_int_equal(access(last->path, R_OK), 0);
        start_anew();
    }
    assert_int_equal(chdir("up/dir"), 0);
    assert_int_equal(add(".."), 0);
    assert_string_equal(names(), "dir/ dir/f dir/sub/ dir/sub/g");
    assert_string_equal(hd_tree_entry(tree, 3)->path, "../dir/sub/g");
}

static void an_empty_directory_is_an_entry_and_its_contents_are_none(void **state)
{
    (void)state;
    make_directory("empty");
    assert_int_equal(add("empty/"), 0);
    assert_int_equal(hd_tree_count(tree), 0);
    assert_int_equal(add("empty"), 0);
    assert_string_equal(names(), "empty/");
    assert_int_equal(hd_tree_bytes(tree), 0);
}

static void strange_names_are_names(void **state)
{
    char longest[256];

    (void)state;
    memset(longest, 'n', 255);
    longest[255] = '\0';
    make_directory("dir");
    make_file("dir/line\nfeed", 1);
    make_file("dir/\x80\xfe%s", 1);
    make_file("dir/...", 1);
    make_file("dir/ *?[", 1);
    assert_int_equal(chdir("dir"), 0);
    make_file(longest, 1);
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(add("dir"), 0);
    assert_int_equal(hd_tree_count(tree), 6);
    assert_string_equal(hd_tree_entry(tree, 1)->name, "dir/ *?[");
    assert_string_equal(hd_tree_entry(tree, 2)->name, "dir/...");
    assert_string_equal(hd_tree_entry(tree, 3)->name, "dir/line\nfeed");
    assert_string_equal(hd_tree_entry(tree, 4)->name + 4, longest);
    assert_string_equal(hd_tree_entry(tree, 5)->name, "dir/\x80\xfe%s");
}

static void links_below_stay_links_and_the_given_path_is_followed(void **state)
{
    (void)state;
    make_file("real/f", 3);
    make_directory("dir");
    assert_int_equal(symlink("../real", "dir/to-directory"), 0);
    assert_int_equal(symlink("nowhere", "dir/dangling"), 0);
    assert_int_equal(symlink(".", "dir/itself"), 0);
    assert_int_equal(symlink("dir", "alias"), 0);
    assert_int_equal(symlink("real/f", "file"), 0);
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/ dir/dangling->nowhere dir/itself->. dir/to-directory->../real");
    assert_int_equal(hd_tree_bytes(tree), 0);
    assert_int_equal(add("alias"), 0);
    assert_int_equal(entry_called("alias")->type, HD_ENTRY_DIRECTORY);
    assert_int_equal(entry_called("alias/dangling")->type, HD_ENTRY_LINK);
    assert_int_equal(add("file"), 0);
    assert_int_equal(entry_called("file")->type, HD_ENTRY_FILE);
    assert_int_equal(entry_called("file")->size_bytes, 3);
    assert_null(entry_called("file")->below);
    assert_string_equal(complaints, "");
}

static void what_is_known_of_a_file_is_kept(void **state)
{
    const struct timespec times[2] = { { 1, 0 }, { 1234567890, 123456789 } };
    const struct timespec before_1970[2] = { { 1, 0 }, { -5, 250000000 } };
    const struct hd_entry *entry;

    (void)state;
    make_file("dir/dense", 1000);
    make_file("dir/sparse", 0);
    assert_int_equal(truncate("dir/sparse", 1 << 20), 0);
    assert_int_equal(chmod("dir/dense", 04751), 0);
    assert_int_equal(utimensat(AT_FDCWD, "dir/dense", times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, "dir/sparse", before_1970, 0), 0);
    assert_int_equal(chmod("dir", 01700), 0);
    assert_int_equal(add("dir"), 0);
    assert_int_equal(entry_called("dir")->mode, 01700);
    entry = entry_called("dir/dense");
    assert_int_equal(entry->type, HD_ENTRY_FILE);
    assert_int_equal(entry->mode, 04751);
    assert_int_equal(entry->mtime_ns, INT64_C(1234567890123456789));
    assert_int_equal(entry->size_bytes, 1000);
    assert_false(entry->is_sparse);
    assert_null(entry->link);
    assert_null(entry->bytes);
    assert_int_equal(entry->fd, -1);
    entry = entry_called("dir/sparse");
    assert_int_equal(entry->mtime_ns, INT64_C(-4750000000));
    assert_int_equal(entry->size_bytes, 1 << 20);
    assert_true(entry->is_sparse);
    assert_int_equal(hd_tree_bytes(tree), 1000 + (1 << 20));
}

static void a_time_beyond_what_nanoseconds_can_count_is_the_last_one(void **state)
{
    const struct timespec times[2] = { { 1, 0 }, { INT64_C(20000000000), 5 } };
    struct stat facts;

    (void)state;
    make_file("far", 0);
    if (utimensat(AT_FDCWD, "far", times, 0) < 0 || stat("far", &facts) < 0 || facts.st_mtim.tv_sec != 20000000000)
        skip(); /* this file system knows no such time */
    assert_int_equal(add("far"), 0);
    assert_int_equal(hd_tree_entry(tree, 0)->mtime_ns, INT64_MAX);
}

/* --- what is left out --- */

static void excludes_match_names_and_with_a_slash_whole_paths(void **state)
{
    static const struct {
        const char *path, *pattern, *names;
    } rows[] = {
        { "dir", "*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/build/ dir/build/a.c" },
        { "dir", ".*", "dir/ dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "build", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "build/", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "a.c/", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "dir/build/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c" },
        { "dir", "build/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c" },
        { "dir", "build/*", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/" },
        { "dir/", "build/*", ".git/ .git/x a.c a.o build/" },
        { "dir", "/build", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "./build", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "/build/", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", ".//build//", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "/build/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c" },
        { "dir", "/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "/x", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "./", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir/", "build/*.o", ".git/ .git/x a.c a.o build/ build/a.c" },
        { "./dir", "./dir/build/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c" },
        { "./dir", "dir/build/*.o", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c" },
        { "dir", "*/a.c", "dir/ dir/.git/ dir/.git/x dir/a.o dir/build/ dir/build/a.o" },
        { "dir", "dir/build/", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o" },
        { "dir", "dir", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "[", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "/", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir", "di*", "dir/ dir/.git/ dir/.git/x dir/a.c dir/a.o dir/build/ dir/build/a.c dir/build/a.o" },
        { "dir/a.c", "*", "a.c" },
        { "dir", "*", "dir/" },
    };

    (void)state;
    make_file("dir/a.c", 1);
    make_file("dir/a.o", 1);
    make_file("dir/build/a.c", 1);
    make_file("dir/build/a.o", 1);
    make_file("dir/.git/x", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *patterns[] = { "matches nothing", rows[i].pattern };

        assert_int_equal(hd_tree_add_path(tree, rows[i].path, patterns, 2, &error), 0);
        assert_string_equal(names(), rows[i].names);
        assert_string_equal(complaints, "");
        start_anew();
    }
}

static void it_is_known_which_patterns_have_left_something_out(void **state)
{
    const char *patterns[] = { "*.o", "*/a.o", "a.o/", "build/", "lib/*", "other" };

    (void)state;
    make_file("one/build/a.o", 1);
    make_file("one/a.o", 1);
    make_file("two/other", 1);
    assert_int_equal(hd_tree_add_path(tree, "one", patterns, 6, &error), 0);
    assert_true(hd_tree_has_excluded(tree, "*.o"));
    assert_true(hd_tree_has_excluded(tree, "*/a.o")); /* though the first one would have sufficed */
    assert_false(hd_tree_has_excluded(tree, "a.o/"));
    assert_true(hd_tree_has_excluded(tree, "build/"));
    assert_false(hd_tree_has_excluded(tree, "lib/*"));
    assert_false(hd_tree_has_excluded(tree, "other"));
    assert_int_equal(hd_tree_add_path(tree, "two", patterns, 6, &error), 0);
    assert_true(hd_tree_has_excluded(tree, "*.o"));
    assert_true(hd_tree_has_excluded(tree, "other"));
    assert_string_equal(names(), "one/ two/");
}

static void what_is_excluded_is_not_complained_of(void **state)
{
    const char *patterns[] = { "pipe" };

    (void)state;
    make_directory("dir");
    assert_int_equal(mkfifo("dir/pipe", 0600), 0);
    assert_int_equal(hd_tree_add_path(tree, "dir", patterns, 1, &error), 0);
    assert_string_equal(complaints, "");
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void what_is_no_file_is_complained_of_and_left_out(void **state)
{
    (void)state;
    make_file("dir/file", 1);
    assert_int_equal(mkfifo("dir/pipe", 0600), 0);
    make_socket("dir/socket");
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/ dir/file");
    assert_non_null(strstr(complaints, "dir/pipe=EINVAL "));
    assert_non_null(strstr(complaints, "dir/socket=EINVAL "));
    assert_int_equal(strlen(complaints), strlen("dir/pipe=EINVAL dir/socket=EINVAL "));
}

static void nobody_need_listen_to_complaints(void **state)
{
    (void)state;
    tree = hd_tree_free(tree);
    assert_int_equal(hd_tree_new(&tree, NULL, NULL), 0);
    make_directory("dir");
    assert_int_equal(mkfifo("dir/pipe", 0600), 0);
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/");
}

static void unfinished_files_of_a_receiver_are_left_out(void **state)
{
    (void)state;
    make_file("dir/sub/.herald-partial/1", 1);
    make_file("dir/a", 1);
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/ dir/a dir/sub/");
    assert_string_equal(complaints, ""); /* nobody lacks anything */
    assert_int_equal(add("dir/sub/.herald-partial"), -EINVAL);
    assert_int_equal(add("dir/sub/.herald-partial/1"), 0);
    start_anew();
    make_file("other/.herald-partial", 1); /* somebody's own, whom its name brings bad luck */
    assert_int_equal(add("other"), 0);
    assert_string_equal(names(), "other/");
    assert_string_equal(complaints, "other/.herald-partial=EINVAL ");
}

static void what_may_not_be_read_is_complained_of_and_left_out(void **state)
{
    bool is_root = geteuid() == 0;

    (void)state;
    make_file("dir/closed/f", 1);
    make_file("dir/file", 1);
    make_file("dir/mine", 1);
    make_file("dir/names-only/f", 1);
    assert_int_equal(chmod("dir/closed", 0), 0);
    assert_int_equal(chmod("dir/file", 0), 0);
    assert_int_equal(chmod("dir/names-only", 0444), 0);
    assert_int_equal(chmod(".", 0755), 0);
    if (is_root && seteuid(NOBODY) < 0)
        skip(); /* root of a namespace of its own: nobody else is there */
    assert_int_equal(add("dir"), 0);
    assert_int_equal(add("dir/file"), -EACCES);
    assert_non_null(strstr(error.cause, "dir/file"));
    assert_int_equal(add("dir/closed"), -EACCES);
    assert_int_equal(add("dir/closed/f"), -EACCES);
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod("dir/closed", 0755), 0);
    assert_int_equal(chmod("dir/names-only", 0755), 0);
    assert_string_equal(names(), "dir/ dir/mine dir/names-only/");
    assert_non_null(strstr(complaints, "dir/closed=EACCES "));
    assert_non_null(strstr(complaints, "dir/file=EACCES "));
    assert_non_null(strstr(complaints, "dir/names-only/f=EACCES "));
}

/* --- limits --- */

static void a_name_of_1023_bytes_is_sent_and_a_longer_one_is_left_out(void **state)
{
    char part[256];

    (void)state;
    memset(part, 'p', 255);
    part[255] = '\0';
    for (int i = 0; i < 4; i++) { /* 4 parts and 3 slashes: 1,023 */
        make_directory(part);
        assert_int_equal(chdir(part), 0);
    }
    make_file("x", 1);
    assert_int_equal(chdir(root), 0);
    assert_int_equal(add("."), 0);
    assert_int_equal(hd_tree_count(tree), 4);
    assert_int_equal(strlen(hd_tree_entry(tree, 3)->name), 1023);
    assert_non_null(strstr(complaints, "=ENAMETOOLONG "));
}

static void name_and_link_together_have_at_most_1200_bytes(void **state)
{
    char target[1300];

    (void)state;
    make_directory("dir");
    memset(target, 't', sizeof(target));
    target[1200 - strlen("dir/fits")] = '\0';
    assert_int_equal(symlink(target, "dir/fits"), 0);
    target[1200 - strlen("dir/fits")] = 't';
    target[1201 - strlen("dir/many")] = '\0';
    assert_int_equal(symlink(target, "dir/many"), 0);
    target[1201 - strlen("dir/many")] = 't';
    target[1299] = '\0';
    assert_int_equal(symlink(target, "dir/more"), 0);
    assert_int_equal(add("dir"), 0);
    assert_int_equal(hd_tree_count(tree), 2);
    assert_int_equal(strlen(entry_called("dir/fits")->link), 1192);
    assert_non_null(strstr(complaints, "dir/many=ENAMETOOLONG "));
    assert_non_null(strstr(complaints, "dir/more=ENAMETOOLONG "));
}

static void a_deep_tree_needs_few_descriptors(void **state)
{
    enum { DEPTH = 500 };
    struct rlimit few, usual;
    int r;

    (void)state;
    for (int i = 0; i < DEPTH; i++) {
        make_directory("d");
        make_file("z", 1);
        assert_int_equal(chdir("d"), 0);
    }
    assert_int_equal(chdir(root), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    r = add(".");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(r, 0);
    assert_string_equal(complaints, "");
    assert_int_equal(hd_tree_count(tree), 2 * DEPTH);
    assert_string_equal(hd_tree_entry(tree, DEPTH - 1)->name + 2 * (DEPTH - 1), "d");
    for (uint32_t i = DEPTH; i < 2 * DEPTH; i++) /* on the way back up */
        assert_int_equal(strlen(hd_tree_entry(tree, i)->name), 2 * (2 * DEPTH - 1 - i) + 1);
}

static void too_few_descriptors_are_an_error_not_a_missing_directory(void **state)
{
    struct rlimit few, usual;
    int lowest = open(".", O_RDONLY | O_CLOEXEC);
    int r;

    (void)state;
    make_file("a/b/c/d/e/f/g/h/i/j", 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = (rlim_t)lowest + 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    r = add("a");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    close(lowest);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(hd_tree_count(tree), 0);
}

static void ten_thousand_files_take_few_allocations(void **state)
{
    char name[32];

    (void)state;
    make_directory("dir");
    for (int i = 9999; i >= 0; i--) {
        snprintf(name, sizeof(name), "dir/file-%04d", i);
        make_file(name, 0);
    }
    allocations = 0;
    assert_int_equal(add("dir"), 0);
    assert_true(allocations < 100);
    assert_int_equal(hd_tree_count(tree), 10001);
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "dir/file-%04u", i);
        assert_string_equal(hd_tree_entry(tree, i + 1)->name, name);
        assert_string_equal(hd_tree_entry(tree, i + 1)->path, name);
    }
    assert_int_equal(hd_tree_add_bytes(tree, "dir/file-7777", "", 0, &error), -EEXIST);
    assert_int_equal(hd_tree_add_bytes(tree, "dir/file-10000", "", 0, &error), 0);
}

static void without_memory_the_tree_stays_as_it_was(void **state)
{
    const char *patterns[] = { "/000/f" };
    char name[32];
    int r;

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "dir/%03d/f", i);
        make_file(name, 1);
    }
    assert_int_equal(hd_tree_add_bytes(tree, "first", "1", 1, &error), 0);
    allocations = allocations_max = 0;
    for (size_t limit = 1;; limit++) {
        allocations = 0;
        allocations_max = limit;
        r = hd_tree_add_path(tree, "dir", patterns, 1, &error);
        allocations_max = 0;
        if (r == 0)
            break;
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(error.code, -ENOMEM);
        assert_int_equal(hd_tree_count(tree), 1);
        assert_int_equal(hd_tree_bytes(tree), 1);
        assert_string_equal(complaints, "");
    }
    assert_int_equal(hd_tree_count(tree), 601);
}

/* --- mistakes --- */

static void a_mistake_in_the_path_itself_is_an_error(void **state)
{
    static const struct {
        const char *path;
        int code;
    } rows[] = {
        { "", -ENOENT },        { "nowhere", -ENOENT },   { "nowhere/", -ENOENT }, { "file/", -ENOTDIR },
        { "file/x", -ENOTDIR }, { "dangling", -ENOENT },  { "loop", -ELOOP },      { "pipe", -EINVAL },
        { "socket", -EINVAL },  { "/dev/null", -EINVAL },
    };

    (void)state;
    make_file("file", 1);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    make_socket("socket");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        error = (struct herald_error){ 0 };
        assert_int_equal(add(rows[i].path), rows[i].code);
        assert_int_equal(error.code, rows[i].code);
        assert_non_null(strstr(error.cause, rows[i].path));
        assert_int_equal(hd_tree_add_path(tree, rows[i].path, NULL, 0, NULL), rows[i].code);
    }
    assert_int_equal(hd_tree_count(tree), 0);
    assert_string_equal(complaints, "");
}

static void an_error_quotes_the_end_of_a_long_path_and_still_says_why(void **state)
{
    char path[3000];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(path); i++)
        path[i] = i % 200 == 0 ? '/' : '\xa4'; /* no character begins: nothing of that may be shown in halves */
    path[sizeof(path) - 1] = '\0';
    memcpy(path + sizeof(path) - 6, "/last", 5);
    assert_int_equal(add(path), -ENOENT);
    assert_string_equal(error.cause, "cannot read .../last: No such file or directory");
}

static void two_entries_of_one_name_are_an_error_that_names_both(void **state)
{
    (void)state;
    make_file("one/dir/f", 1);
    make_file("two/dir/f", 2);
    make_file("two/f", 4);
    assert_int_equal(add("one/dir"), 0);
    assert_int_equal(add("two/dir"), -EEXIST);
    assert_int_equal(error.code, -EEXIST);
    assert_string_equal(error.cause, "one/dir and two/dir would both be sent as dir");
    assert_int_equal(add("one/dir/"), 0);
    assert_int_equal(add("two/f"), -EEXIST);
    assert_string_equal(error.cause, "one/dir/f and two/f would both be sent as f");
    assert_int_equal(hd_tree_add_bytes(tree, "dir/f", "x", 1, &error), -EEXIST);
    assert_int_equal(hd_tree_add_stream(tree, "dir/f", 0, &error), -EEXIST);
    assert_string_equal(names(), "dir/ dir/f f");
    assert_int_equal(hd_tree_bytes(tree), 2);
}

static void what_was_added_before_an_error_is_taken_back(void **state)
{
    (void)state;
    make_file("dir/a", 1);
    make_file("dir/b", 2);
    make_file("dir/c", 4);
    make_file("b", 8);
    assert_int_equal(add("b"), 0);
    assert_int_equal(add("dir/"), -EEXIST);
    assert_string_equal(names(), "b");
    assert_int_equal(hd_tree_bytes(tree), 8);
    assert_int_equal(add("dir/a"), 0); /* its name is free again */
    assert_int_equal(add("b"), -EEXIST);
    assert_string_equal(names(), "b a");
}

/* --- directories that change --- */

static void replace_directory_by_link(void)
{
    assert_int_equal(rmdir("dir/a"), 0);
    assert_int_equal(symlink("../outside", "dir/a"), 0);
    on_complaint = NULL;
}

static void a_directory_that_becomes_a_link_meanwhile_is_not_followed(void **state)
{
    (void)state;
    make_file("outside/secret", 1);
    make_directory("dir");
    make_directory("dir/a");
    make_file("dir/b", 1);
    make_directory("dir/0");
    assert_int_equal(mkfifo("dir/0/pipe", 0600), 0);
    on_complaint = replace_directory_by_link; /* after dir was read, before dir/a is opened */
    assert_int_equal(add("dir"), 0);
    assert_string_equal(names(), "dir/ dir/0/ dir/b");
    assert_string_equal(complaints, "dir/0/pipe=EINVAL dir/a=ENOTDIR ");
}

static void remove_everything(void)
{
    on_complaint = NULL;
    unlink("dir/a/f");
    assert_int_equal(rmdir("dir/a"), 0);
    assert_int_equal(rename("dir/b", "b"), 0);
    assert_int_equal(rename("dir", "other"), 0);
}

static void a_directory_that_goes_while_it_is_read_is_complained_of(void **state)
{
    (void)state;
    make_directory("dir");
    make_directory("dir/0");
    make_file("dir/a/f", 1);
    make_directory("dir/b");
    make_file("dir/c/g", 1);
    assert_int_equal(mkfifo("dir/0/pipe", 0600), 0);
    on_complaint = remove_everything;
    assert_int_equal(add("dir"), 0);
    assert_string_equal(complaints, "dir/0/pipe=EINVAL dir/a=ENOENT dir/b=ENOENT ");
    assert_string_equal(names(), "dir/ dir/0/ dir/c/ dir/c/g"); /* moved as a whole: it is open, and read on */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_directory_comes_before_its_contents_and_names_are_sorted_by_their_bytes),
        TEST(a_directory_gives_its_name_unless_its_contents_are_meant),
        TEST(an_empty_directory_is_an_entry_and_its_contents_are_none),
        TEST(strange_names_are_names),
        TEST(links_below_stay_links_and_the_given_path_is_followed),
        TEST(what_is_known_of_a_file_is_kept),
        TEST(a_time_beyond_what_nanoseconds_can_count_is_the_last_one),
        TEST(excludes_match_names_and_with_a_slash_whole_paths),
        TEST(it_is_known_which_patterns_have_left_something_out),
        TEST(what_is_excluded_is_not_complained_of),
        TEST(what_is_no_file_is_complained_of_and_left_out),
        TEST(nobody_need_listen_to_complaints),
        TEST(unfinished_files_of_a_receiver_are_left_out),
        TEST(what_may_not_be_read_is_complained_of_and_left_out),
        TEST(a_name_of_1023_bytes_is_sent_and_a_longer_one_is_left_out),
        TEST(name_and_link_together_have_at_most_1200_bytes),
        TEST(a_deep_tree_needs_few_descriptors),
        TEST(too_few_descriptors_are_an_error_not_a_missing_directory),
        TEST(ten_thousand_files_take_few_allocations),
        TEST(without_memory_the_tree_stays_as_it_was),
        TEST(a_mistake_in_the_path_itself_is_an_error),
        TEST(an_error_quotes_the_end_of_a_long_path_and_still_says_why),
        TEST(two_entries_of_one_name_are_an_error_that_names_both),
        TEST(what_was_added_before_an_error_is_taken_back),
        TEST(a_directory_that_becomes_a_link_meanwhile_is_not_followed),
        TEST(a_directory_that_goes_while_it_is_read_is_complained_of),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
