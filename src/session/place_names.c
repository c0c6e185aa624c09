/* SPDX-License-Identifier: MIT */
/*
 * Names below a place. A name is what a sender gives, so none of it is believed: the kernel resolves it beneath the
 * place's directory (openat2(2), RESOLVE_BENEATH), or, where it cannot do that, we do, part by part and through no
 * link.
 */
#include "place_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ATTEMPTS = 256,           /* when names change under way */
    MADE_MAX = 65536,         /* directories whose modes and times are remembered */
    RENAMES_MAX = 100000,     /* "name.100000" */
    PART_BYTES_MAX = NAME_MAX /* of the file systems there are */
};

/* ---- checking -------------------------------------------------------------------------------- */

/* @return what is wrong with one part of a name; NULL: nothing */
static const char *find_fault(const char *part, size_t size_bytes)
{
    if (size_bytes == 0)
        return "an empty part";
    if (size_bytes > PART_BYTES_MAX)
        return "a part that is too long";
    if ((size_bytes == 1 && part[0] == '.') || (size_bytes == 2 && memcmp(part, "..", 2) == 0))
        return "\".\" or \"..\" in it";
    if (size_bytes == strlen(HD_PARTIAL_NAME) && memcmp(part, HD_PARTIAL_NAME, size_bytes) == 0)
        return "\"" HD_PARTIAL_NAME "\" in it";
    return NULL;
}

int hd_place_check_name(const char *name, struct herald_error *error)
{
    const char *fault;

    if (strnlen(name, HD_NAME_BYTES) == HD_NAME_BYTES)
        return herald_error_set(error, -EINVAL, "a name of more than %d bytes is refused", HD_NAME_BYTES - 1);
    if (name[0] == '/')
        return herald_error_set(error, -EINVAL, "the name \"%.200s\" is refused: it is absolute", name);
    for (const char *part = name;; part++) {
        size_t size_bytes = strcspn(part, "/");

        if ((fault = find_fault(part, size_bytes)) != NULL)
            return herald_error_set(error, -EINVAL, "the name \"%.200s\" is refused: it has %s", name, fault);
        part += size_bytes;
        if (*part == '\0')
            return 0;
    }
}

/* ---- opening directories --------------------------------------------------------------------- */

static int walk(const struct hd_place *place, char *path)
{
    int fd = openat(place->directory_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (char *part = path; fd >= 0 && part != NULL;) {
        char *slash = strchr(part, '/');
        int next;

        if (slash != NULL)
            *slash++ = '\0';
        next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            next = -errno;
        (void)close(fd);
        if (next < 0)
            return next;
        fd = next;
        part = slash;
    }
    return fd >= 0 ? fd : -errno;
}

int hd_place_open_below(const struct hd_place *place, const char *name, size_t name_bytes, bool no_links)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (no_links ? RESOLVE_NO_SYMLINKS : 0),
    };
    char path[HD_NAME_BYTES];
    long fd = -1;

    assert(name_bytes < sizeof(path));
    memcpy(path, name, name_bytes);
    strcpy(path + name_bytes, "");
    if (name_bytes == 0)
        strcpy(path, ".");
    if (place->walks)
        return walk(place, path);
    for (int i = 0; i < ATTEMPTS; i++) {
        fd = syscall(SYS_openat2, place->directory_fd, path, &how, sizeof(how));
        /* Something was renamed under way, so that the kernel cannot tell whether it was beneath. */
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd >= 0 ? (int)fd : -errno;
}

static int explain(const struct hd_place *place, const char *name, size_t name_bytes, int code,
                   struct herald_error *error)
{
    if (code == -EXDEV || code == -ELOOP)
        return herald_error_set(error, code, "%.*s is refused: a symbolic link leads out of %s", (int)name_bytes, name,
                                place->directory);
    if (code == -ENOTDIR)
        return herald_error_set(error, code, "%.*s is not a directory, and files should go into it", (int)name_bytes,
                                name);
    return herald_error_set(error, code, "cannot open %.*s: %s", (int)name_bytes, name, strerror(-code));
}

/* ".herald-partial" by another name, such as that of a link? */
static bool is_partial(const struct hd_place *place, int fd)
{
    struct stat own, other;

    return fstatat(place->directory_fd, HD_PARTIAL_NAME, &own, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &other) == 0 &&
           own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

int hd_place_sync_directory(int path_fd)
{
    int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = 0;

    if (fd < 0) /* one that can be written to, but not read */
        return 0;
    if (fsync(fd) < 0 && errno != EINVAL)
        r = -errno;
    (void)close(fd);
    return r;
}

/* Opens the directory `name`, of name_bytes, making what is missing of it.
   @return the descriptor; -errno with *error */
static int make_all(struct hd_place *place, const char *name, size_t name_bytes, bool no_links,
                    struct herald_error *error)
{
    int parent = hd_place_open_below(place, name, 0, no_links);
    size_t begin = 0;

    while (parent >= 0 && begin < name_bytes) {
        size_t end = begin + strcspn(name + begin, "/");
        char part[NAME_MAX + 1];
        int next, made;

        assert(end <= name_bytes && end - begin < sizeof(part));
        memcpy(part, name + begin, end - begin);
        part[end - begin] = '\0';
        if (is_partial(place, parent)) {
            next = -ELOOP;
        } else if ((next = hd_place_open_below(place, name, end, no_links)) == -ENOENT) {
            hd_place_make_writable(place, name, begin > 0 ? begin - 1 : 0, parent);
            made = mkdirat(parent, part, 0777) == 0 ? 1 : -errno;
            if (made < 0 && made != -EEXIST) {
                next = made;
            } else {
                if (made > 0) {
                    if (!place->no_sync)
                        (void)!hd_place_sync_directory(parent);
                    (void)hd_place_note_made(place, &(struct hd_made){ .name = strndup(name, end) }, false);
                }
                next = hd_place_open_below(place, name, end, no_links);
            }
        }
        (void)close(parent);
        if (next < 0)
            return explain(place, name, end, next, error);
        parent = next;
        begin = end + 1;
    }
    return parent;
}

int hd_place_open_parent(struct hd_place *place, const char *name, bool make, bool no_links, const char **ret_last,
                         struct herald_error *error)
{
    const char *slash = strrchr(name, '/');
    size_t parent_bytes = slash != NULL ? (size_t)(slash - name) : 0;
    int fd = hd_place_open_below(place, name, parent_bytes, no_links);

    if (fd == -ENOENT && make)
        fd = make_all(place, name, parent_bytes, no_links, error);
    else if (fd < 0)
        return explain(place, name, parent_bytes, fd, error);
    if (fd < 0)
        return fd;
    if (slash != NULL && is_partial(place, fd)) {
        (void)close(fd);
        return explain(place, name, parent_bytes, -ELOOP, error);
    }
    hd_place_make_writable(place, name, parent_bytes, fd);
    *ret_last = slash != NULL ? slash + 1 : name;
    return fd;
}

/* ---- ".herald-partial" ----------------------------------------------------------------------- */

/* Whoever owns it can exchange what is in it: us, or the owner of all that is received. */
static bool is_trusted(const struct hd_place *place, int fd)
{
    struct stat own, above;

    return fstat(fd, &own) == 0 && fstat(place->directory_fd, &above) == 0 &&
           (own.st_uid == geteuid() || own.st_uid == above.st_uid);
}

/* @return whether it is there to stay, as long as we have it open: who wants to remove it must lock it for himself. */
static bool hold(int fd)
{
    struct stat status;

    /* Where there are no locks it may be removed, empty as it is, and is made anew when that shows. */
    if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return false;
    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

static int make_partial(const struct hd_place *place)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        int fd;

        /* Nobody else can look at files that have not got their mode yet. */
        if (mkdirat(place->directory_fd, HD_PARTIAL_NAME, 0700) < 0 && errno != EEXIST)
            return -errno;
        fd = openat(place->directory_fd, HD_PARTIAL_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
            return -errno;
        if (fd >= 0 && hold(fd))
            return fd;
        if (fd >= 0)
            (void)close(fd);
        (void)poll(NULL, 0, 1); /* another process is just removing it */
    }
    return -ENOENT;
}

void hd_place_remove_partial(struct hd_place *place)
{
    if (place->partial_fd >= 0 && (flock(place->partial_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
        (void)unlinkat(place->directory_fd, HD_PARTIAL_NAME, AT_REMOVEDIR);
}

int hd_place_open_partial(struct hd_place *place, bool anew, struct herald_error *error)
{
    int fd;

    if (place->partial_fd >= 0 && !anew)
        return 0;
    if ((fd = make_partial(place)) < 0)
        return herald_error_set(error, fd, "cannot write to %s/" HD_PARTIAL_NAME ": %s", place->directory,
                                strerror(-fd));
    if (!is_trusted(place, fd)) {
        (void)close(fd);
        return herald_error_set(error, -EPERM, "%s/" HD_PARTIAL_NAME " belongs to another user", place->directory);
    }
    if (place->partial_fd < 0) {
        place->partial_fd = fd;
        return 0;
    }
    /* The thread may be using the number. */
    if (dup3(fd, place->partial_fd, O_CLOEXEC) < 0) {
        int r = -errno;

        (void)close(fd);
        return herald_error_set(error, r, "cannot open %s/" HD_PARTIAL_NAME ": %s", place->directory, strerror(-r));
    }
    (void)close(fd);
    return 0;
}

void hd_temporary_name(char ret_name[HD_TEMPORARY_BYTES], const char *suffix)
{
    uint64_t number = 0;

    /* If there is no randomness yet, the name is taken perhaps, and then another is tried. */
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = herald_clock_ns() * UINT64_C(0x9e3779b97f4a7c15);
    (void)snprintf(ret_name, HD_TEMPORARY_BYTES, "%016llx%s", (unsigned long long)number, suffix);
}

const char *hd_size_text(char text[HD_SIZE_TEXT_BYTES], uint64_t size_bytes)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB", "PB" };
    uint64_t tenths = size_bytes / 100;
    size_t unit = 0;

    if (size_bytes < 1000) {
        (void)snprintf(text, HD_SIZE_TEXT_BYTES, "%u bytes", (unsigned)size_bytes);
        return text;
    }
    while (tenths >= 10000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths /= 1000;
        unit++;
    }
    (void)snprintf(text, HD_SIZE_TEXT_BYTES, "%llu.%u %s", (unsigned long long)(tenths / 10), (unsigned)(tenths % 10),
                   units[unit]);
    return text;
}

/* ---- directories that were made -------------------------------------------------------------- */

/* Where a name is in the list, or would be. */
static size_t find_made(const struct hd_place *place, const char *name)
{
    size_t low = 0, high = place->made_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(place->made[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct hd_place *place)
{
    size_t room = place->made_room > 0 ? place->made_room * 2 : 16;
    struct hd_made *made;

    if (place->made_count < place->made_room)
        return true;
    if (place->made_count >= MADE_MAX || (made = reallocarray(place->made, room, sizeof(*made))) == NULL)
        return false;
    place->made = made;
    place->made_room = room;
    return true;
}

/* Opens one that was made. @return the descriptor; -1: it is something else now, or cannot be read */
static int open_made(const struct hd_place *place, const char *name)
{
    int path_fd = hd_place_open_below(place, name, strlen(name), true);
    int fd = path_fd >= 0 ? openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (path_fd >= 0)
        (void)close(path_fd);
    return fd;
}

/* Takes from others what they will not be allowed in the end. */
static void narrow(const struct hd_place *place, const struct hd_made *made)
{
    int fd = open_made(place, made->name);
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 077 & ~made->mode) != 0)
        (void)fchmod(fd, status.st_mode & 07777 & ~(077U & ~(unsigned)made->mode));
    if (fd >= 0)
        (void)close(fd);
}

/* One that cannot be noted keeps the mode and time that it has. */
bool hd_place_note_made(struct hd_place *place, const struct hd_made *made, bool only_known)
{
    bool is_noted = false;
    size_t at;

    if (made->name == NULL)
        return false;
    (void)pthread_mutex_lock(&place->mutex);
    at = find_made(place, made->name);
    if (at < place->made_count && strcmp(place->made[at].name, made->name) == 0) {
        struct hd_made *known = &place->made[at];

        if (made->has_meta && !made->is_old && !known->is_old) {
            known->has_meta = true;
            known->mode = made->mode;
            known->mtime_ns = made->mtime_ns;
            narrow(place, made);
        }
        free(made->name);
        is_noted = true;
    } else if (only_known || !make_room(place)) {
        free(made->name);
    } else {
        memmove(place->made + at + 1, place->made + at, (place->made_count - at) * sizeof(*place->made));
        place->made[at] = *made;
        place->made_count++;
        is_noted = true;
    }
    (void)pthread_mutex_unlock(&place->mutex);
    return is_noted;
}

void hd_place_make_writable(struct hd_place *place, const char *name, size_t name_bytes, int path_fd)
{
    struct hd_made made = { .has_meta = true, .is_old = true };
    struct stat status, own;
    int fd;

    if (name_bytes == 0 || faccessat(path_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 || errno != EACCES ||
        fstat(path_fd, &status) < 0 || status.st_uid != geteuid() || (made.name = strndup(name, name_bytes)) == NULL)
        return;
    made.mode = status.st_mode & 0777;
    fd = open_made(place, made.name); /* as it will be opened to put its mode back: not through links */
    if (fd < 0 || fstat(fd, &own) < 0 || own.st_dev != status.st_dev || own.st_ino != status.st_ino)
        free(made.name);
    else if (hd_place_note_made(place, &made, false))
        (void)fchmod(fd, (status.st_mode & 07777) | 0300);
    if (fd >= 0)
        (void)close(fd);
}

static void settle(const struct hd_place *place, const struct hd_made *made)
{
    int fd = open_made(place, made->name);
    struct stat status;

    if (fd >= 0) {
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, hd_timespec(made->mtime_ns) };

        /* The group of what is made in it, for one, is inherited from above and stays. */
        if (fstat(fd, &status) == 0)
            (void)fchmod(fd, (status.st_mode & 07000) | (made->mode & 0777));
        if (!made->is_old)
            (void)futimens(fd, times);
        (void)close(fd);
    }
}

/* What is in a directory stands behind it in the list, so the end is the deepest. */
void hd_place_settle_directories(struct hd_place *place, bool has_broken_off)
{
    struct hd_made *made;
    size_t count;

    (void)pthread_mutex_lock(&place->mutex);
    made = place->made;
    count = place->made_count;
    place->made = NULL;
    place->made_count = place->made_room = 0;
    (void)pthread_mutex_unlock(&place->mutex);
    for (size_t i = count; i > 0; i--) {
        if (made[i - 1].has_meta && (made[i - 1].is_old || !has_broken_off))
            settle(place, &made[i - 1]);
        free(made[i - 1].name);
    }
    free(made);
}

/* ---- into place ------------------------------------------------------------------------------ */

/* rename(2) that takes no other's place, on whatever file system. @return 0; -errno */
static int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
    struct stat status;

    if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(from_fd, from, to_fd, to, 0) == 0) {
        (void)unlinkat(from_fd, from, 0);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
        return -errno;
    /* Nothing better is left. */
    if (fstatat(to_fd, to, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(from_fd, from, to_fd, to) == 0 ? 0 : -errno;
}

/* Only files and links give way: what else is there was not made by receiving, and is not replaced by accident. */
static int rename_over(int from_fd, const char *from, int to_fd, const char *to)
{
    struct stat status;

    if (fstatat(to_fd, to, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -ENOTSUP;
    return renameat(from_fd, from, to_fd, to) == 0 ? 0 : -errno;
}

static int explain_put(const struct hd_place *place, const char *last, int code, struct herald_error *error)
{
    switch (code) {
    case -EEXIST:
        return herald_error_set(error, code, "%s is here already", last);
    case -EISDIR:
        return herald_error_set(error, code, "%s is a directory, and cannot be replaced by a file", last);
    case -ENOTSUP:
        return herald_error_set(error, code, "%s is neither a file nor a link, and is not replaced", last);
    case -EXDEV:
        return herald_error_set(error, code, "%s lies on another file system than %s", last, place->directory);
    default:
        return herald_error_set(error, code, "cannot write %s: %s", last, strerror(-code));
    }
}

int hd_place_put(struct hd_place *place, const char *temporary, int parent_fd, const char *last,
                 char ret_last[NAME_MAX + 1], struct herald_error *error)
{
    char name[NAME_MAX + 1];
    int r;

    (void)snprintf(name, sizeof(name), "%s", last);
    if (place->clash == HERALD_CLASH_OVERWRITE)
        r = rename_over(place->partial_fd, temporary, parent_fd, name);
    else
        r = rename_new(place->partial_fd, temporary, parent_fd, name);
    for (unsigned i = 1; r == -EEXIST && place->clash == HERALD_CLASH_RENAME && i <= RENAMES_MAX; i++) {
        char suffix[12];
        int suffix_bytes = snprintf(suffix, sizeof(suffix), ".%u", i);

        (void)snprintf(name, sizeof(name), "%.*s%s", NAME_MAX - suffix_bytes, last, suffix);
        r = rename_new(place->partial_fd, temporary, parent_fd, name);
    }
    if (r < 0)
        return explain_put(place, last, r, error);
    memcpy(ret_last, name, sizeof(name));
    return 0;
}
