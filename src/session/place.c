/* SPDX-License-Identifier: MIT */
#include "place_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ATTEMPTS = 256,      /* when another process removes what was made, as it is empty */
    TARGET_BYTES = 4096, /* PATH_MAX: no link is longer */
};

/* ---- opening and closing --------------------------------------------------------------------- */

/* Kernels before 5.6 do not have it, and old sandboxes do not let it pass. */
static bool has_openat2(int directory_fd)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, directory_fd, ".", &how, sizeof(how));

    if (fd < 0)
        return false;
    (void)close((int)fd);
    return true;
}

static int check_writable(const struct hd_place *place, struct herald_error *error)
{
    struct stat status;

    if (faccessat(place->directory_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return herald_error_set(error, -errno, "cannot write to %s: %s", place->directory, strerror(errno));
    if (place->only_name == NULL || fstatat(place->directory_fd, place->only_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISDIR(status.st_mode))
        return herald_error_set(error, -EISDIR, "cannot write to %s/%s: it is a directory", place->directory,
                                place->only_name);
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return herald_error_set(error, -EINVAL, "%s/%s is not a file, and will not be replaced by one",
                                place->directory, place->only_name);
    return 0;
}

static int open_place(struct hd_place *place, const struct hd_place_config *config, struct herald_error *error)
{
    if ((place->directory = strdup(config->directory)) == NULL ||
        (config->only_name != NULL && (place->only_name = strdup(config->only_name)) == NULL))
        return herald_error_set(error, -ENOMEM, "out of memory");
    place->directory_fd = open(config->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place->directory_fd < 0)
        return herald_error_set(error, -errno, "cannot open the directory %s: %s", config->directory, strerror(errno));
    place->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (place->event_fd < 0)
        return herald_error_set(error, -errno, "cannot make an eventfd: %s", strerror(errno));
    place->walks = !has_openat2(place->directory_fd);
    return check_writable(place, error);
}

int hd_place_new(struct hd_place **ret_place, const struct hd_place_config *config, struct herald_error *error)
{
    struct hd_place *place = calloc(1, sizeof(*place));
    int r;

    if (place == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    place->directory_fd = place->partial_fd = place->event_fd = -1;
    place->clash = config->clash;
    place->any_links = config->any_links;
    place->no_sync = config->no_sync;
    (void)pthread_mutex_init(&place->mutex, NULL);
    (void)pthread_cond_init(&place->changed, NULL);
    if ((r = open_place(place, config, error)) < 0) {
        (void)hd_place_free(place);
        return r;
    }
    *ret_place = place;
    return 0;
}

struct hd_place *hd_place_free(struct hd_place *place)
{
    const int descriptors[] = { place != NULL ? place->directory_fd : -1, place != NULL ? place->partial_fd : -1,
                                place != NULL ? place->event_fd : -1 };

    if (place == NULL)
        return NULL;
    hd_place_end_thread(place);
    hd_place_settle_directories(place, true);
    hd_kept_free_all(place);
    hd_place_remove_partial(place);
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
        if (descriptors[i] >= 0)
            (void)close(descriptors[i]);
    (void)pthread_cond_destroy(&place->changed);
    (void)pthread_mutex_destroy(&place->mutex);
    free(place->block);
    free(place->directory);
    free(place->only_name);
    free(place);
    return NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

bool hd_place_look_at(const struct hd_place *place, const char *name, struct stat *ret_status)
{
    const char *slash = strrchr(name, '/');
    int fd = hd_place_open_below(place, name, slash != NULL ? (size_t)(slash - name) : 0, false);
    bool is_here;

    if (fd < 0) /* what is wrong with it will show; it is not here, anyway */
        return false;
    is_here = fstatat(fd, slash != NULL ? slash + 1 : name, ret_status, AT_SYMLINK_NOFOLLOW) == 0;
    (void)close(fd);
    return is_here;
}

int hd_place_check_clash(const struct hd_place *place, const char *name, struct herald_error *error)
{
    struct stat status;
    int r;

    if (place->clash != HERALD_CLASH_SKIP)
        return 0;
    if (place->only_name != NULL)
        name = place->only_name;
    else if ((r = hd_place_check_name(name, error)) < 0)
        return r;
    return hd_place_look_at(place, name, &status) ? herald_error_set(error, -EEXIST, "%s is here already", name) : 0;
}

bool hd_place_has_like(const struct hd_place *place, const char *name, uint64_t size_bytes, int64_t mtime_ns)
{
    const struct timespec mtime = hd_timespec(mtime_ns);
    struct herald_error error;
    struct stat status;

    if (place->only_name != NULL)
        name = place->only_name;
    else if (hd_place_check_name(name, &error) < 0)
        return false;
    return hd_place_look_at(place, name, &status) && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_size == size_bytes && status.st_mtim.tv_sec == mtime.tv_sec &&
           status.st_mtim.tv_nsec == mtime.tv_nsec;
}

/* Only for what is not a file. */
static int check_entry(const struct hd_place *place, const char *name, struct herald_error *error)
{
    if (place->only_name != NULL)
        return herald_error_set(error, -EINVAL, "%.200s is not a file, and only one can become %s", name,
                                place->only_name);
    return hd_place_check_name(name, error);
}

/* ---- directories ----------------------------------------------------------------------------- */

int hd_place_make_directory(struct hd_place *place, const char *name, uint16_t mode, int64_t mtime_ns,
                            struct herald_error *error)
{
    struct hd_made made = { .has_meta = true, .mode = mode, .mtime_ns = mtime_ns };
    bool is_new;
    const char *last;
    int parent, fd, r;

    if ((r = check_entry(place, name, error)) < 0)
        return r;
    if ((parent = hd_place_open_parent(place, name, true, false, &last, error)) < 0)
        return parent;
    is_new = mkdirat(parent, last, (mode & 0777) | 0700) == 0;
    r = is_new ? 0 : -errno;
    (void)close(parent);
    if (r < 0 && r != -EEXIST)
        return herald_error_set(error, r, "cannot make the directory %s: %s", name, strerror(-r));
    if (r == -EEXIST) {
        fd = hd_place_open_below(place, name, strlen(name), false);
        if (fd < 0)
            return herald_error_set(error, -EEXIST, "%s is here already, and is no directory", name);
        (void)close(fd);
    }
    made.name = strdup(name);
    (void)hd_place_note_made(place, &made, !is_new);
    return 0;
}

/* ---- links ----------------------------------------------------------------------------------- */

/*
 * Whether a link in a directory `depth` levels below the place stays inside, whatever links lie on its way: first some
 * "..", no more than there are levels, and none later. Then each link leads to a place below, and so do any number of
 * them. A ".." behind a name would start from wherever that name may lead one day.
 */
static bool stays_inside(const char *target, unsigned depth)
{
    bool is_beginning = true;

    if (target[0] == '/')
        return false;
    for (const char *part = target; *part != '\0';) {
        size_t size_bytes = strcspn(part, "/");

        if (size_bytes == 2 && memcmp(part, "..", 2) == 0) {
            if (!is_beginning || depth == 0)
                return false;
            depth--;
        } else if (size_bytes > 1 || (size_bytes == 1 && part[0] != '.')) {
            is_beginning = false;
        }
        part += size_bytes;
        part += strspn(part, "/");
    }
    return true;
}

static bool is_same_link(int parent, const char *last, const char *target)
{
    char here[TARGET_BYTES];
    ssize_t n = readlinkat(parent, last, here, sizeof(here));

    return n >= 0 && (size_t)n == strlen(target) && memcmp(here, target, (size_t)n) == 0;
}

/* Under a temporary name first, and then in the place of what is here, or beside it. */
static int put_link(struct hd_place *place, int parent, const char *target, char last[NAME_MAX + 1],
                    struct herald_error *error)
{
    char temporary[HD_TEMPORARY_BYTES], wanted[NAME_MAX + 1];
    int r = -ENOENT;

    memcpy(wanted, last, sizeof(wanted));
    for (int i = 0; i < ATTEMPTS && (r == -ENOENT || r == -EEXIST); i++) {
        if ((r = hd_place_open_partial(place, i > 0, error)) < 0)
            return r;
        hd_temporary_name(temporary, ".link");
        if (symlinkat(target, place->partial_fd, temporary) < 0) {
            r = herald_error_set(error, -errno, "cannot make the link %s: %s", wanted, strerror(errno));
            continue;
        }
        r = hd_place_put(place, temporary, parent, wanted, last, error);
        if (r < 0)
            (void)unlinkat(place->partial_fd, temporary, 0);
    }
    return r;
}

static int make_link(struct hd_place *place, int parent, const char *target, char last[NAME_MAX + 1],
                     struct herald_error *error)
{
    if (symlinkat(target, parent, last) == 0)
        return 0;
    if (errno != EEXIST)
        return herald_error_set(error, -errno, "cannot make the link %s: %s", last, strerror(errno));
    if (is_same_link(parent, last, target))
        return 0;
    if (place->clash == HERALD_CLASH_SKIP)
        return herald_error_set(error, -EEXIST, "%s is here already", last);
    return put_link(place, parent, target, last, error);
}

int hd_place_make_link(struct hd_place *place, const char *name, const char *target, int64_t mtime_ns,
                       struct herald_error *error)
{
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, hd_timespec(mtime_ns) };
    char final[NAME_MAX + 1];
    unsigned depth = 0;
    const char *last;
    int parent, r;

    if ((r = check_entry(place, name, error)) < 0)
        return r;
    if (target[0] == '\0' || strnlen(target, TARGET_BYTES) == TARGET_BYTES)
        return herald_error_set(error, -EINVAL, "the link %s leads nowhere", name);
    for (const char *at = name; (at = strchr(at, '/')) != NULL; at++)
        depth++;
    if (!place->any_links && !stays_inside(target, depth))
        return herald_error_set(error, -EPERM, "the link %.100s is refused: %.100s may lead out of the directory", name,
                                target);
    /* Where it is really made must be as deep as its name says. */
    if ((parent = hd_place_open_parent(place, name, true, !place->any_links, &last, error)) < 0)
        return parent;
    memset(final, 0, sizeof(final));
    memcpy(final, last, strlen(last));
    r = make_link(place, parent, target, final, error);
    if (r == 0)
        (void)utimensat(parent, final, times, AT_SYMLINK_NOFOLLOW);
    (void)close(parent);
    return r;
}
