/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include "exclude.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    CHUNK_BYTES = 1 << 16, /* of strings, at once */
    LEVELS_OPEN_MAX = 32,  /* directories that are kept open; deeper ones are opened again */
    QUOTE_BYTES = 128,     /* of a path in an error's text, with its NUL */
    QUOTE_SHORT_BYTES = 72 /* if three paths must fit into one error */
};

#define SIZE_MAX_BYTES (UINT64_C(1) << 48) /* what NORM can number */
#define UNFINISHED     ".herald-partial"   /* where an inbox keeps unfinished files: receivers take no such name */
#define IS_UNFINISHED  " cannot be sent: receivers keep unfinished files under that name"
#define IS_TOO_LARGE   " is too large to be sent: 256 TiB or more"

struct chunk {
    struct chunk *next;
    char bytes[];
};

/* Of the set of names: open addressing, a power of two, half full at most. */
struct slot {
    uint32_t hash;
    uint32_t number; /* of the entry, from 1; 0: free */
};

struct hd_tree {
    hd_tree_complain *complain;
    void *user;
    struct hd_entry *entries;
    size_t count, room;
    uint64_t size_bytes;
    struct slot *slots;
    size_t slot_count;
    uint64_t seed;        /* of the hash: whoever names files must not be able to make them collide */
    const char **matches; /* patterns that have left something out */
    size_t match_count, matches_room;
    struct chunk *chunks;
    size_t chunk_used_bytes, chunk_room_bytes; /* of the first one */
};

/* A directory whose entries are being added. */
struct level {
    DIR *dir;         /* NULL: it is too deep to be kept open */
    const char *path; /* in the tree's memory */
    struct hd_entry *children;
    size_t count, room, next;
};

/* One hd_tree_add_path(). */
struct walk {
    struct hd_tree *tree;
    const char *const *excludes;
    size_t exclude_count;
    size_t below_at, name_at; /* where `below` and `name` begin in the path of whatever is found */
    struct level *levels;
    size_t depth, levels_room;
    struct herald_error *error;
    char path[PATH_MAX + NAME_MAX + 2]; /* of the entry that is looked at */
    bool has_matched[];                 /* each of the excludes */
};

/* --- texts --- */

const char *hd_quote_path(char *ret_text, size_t room_bytes, const char *path)
{
    size_t size = strlen(path);

    if (size < room_bytes)
        return memcpy(ret_text, path, size + 1);
    path += size - (room_bytes - 4);
    while ((*path & 0xc0) == 0x80) /* not from the middle of an UTF-8 character */
        path++;
    memcpy(ret_text, "...", 3);
    memcpy(ret_text + 3, path, strlen(path) + 1);
    return ret_text;
}

int hd_path_error(struct herald_error *error, int code, const char *before, const char *path, const char *after)
{
    char quote[QUOTE_BYTES];

    hd_quote_path(quote, sizeof(quote), path);
    if (after == NULL)
        return herald_error_set(error, code, "%s%s: %s", before, quote, strerror(-code));
    return herald_error_set(error, code, "%s%s%s", before, quote, after);
}

/* Tells that something below the given path is left out. */
static void complain(const struct walk *walk, const char *path, int code, const char *before, const char *after)
{
    struct herald_error error = { 0 };

    if (walk->tree->complain == NULL)
        return;
    hd_path_error(&error, code, before, path, after);
    walk->tree->complain(walk->tree->user, path, &error);
}

/* --- memory --- */

int hd_tree_new(struct hd_tree **ret_tree, hd_tree_complain *complain_of, void *user)
{
    struct hd_tree *tree = calloc(1, sizeof(*tree));

    if (tree == NULL)
        return -ENOMEM;
    tree->complain = complain_of;
    tree->user = user;
    if (getrandom(&tree->seed, sizeof(tree->seed), GRND_NONBLOCK) != sizeof(tree->seed))
        tree->seed = (uint64_t)(uintptr_t)tree;
    *ret_tree = tree;
    return 0;
}

struct hd_tree *hd_tree_free(struct hd_tree *tree)
{
    if (tree == NULL)
        return NULL;
    while (tree->chunks != NULL) {
        struct chunk *chunk = tree->chunks;

        tree->chunks = chunk->next;
        free(chunk);
    }
    free(tree->entries);
    free(tree->slots);
    free(tree->matches);
    free(tree);
    return NULL;
}

/* @return a copy that lives as long as the tree; NULL: no memory. */
static const char *keep(struct hd_tree *tree, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy;

    if (tree->chunks == NULL || tree->chunk_room_bytes - tree->chunk_used_bytes < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        struct chunk *chunk = malloc(sizeof(*chunk) + room);

        if (chunk == NULL)
            return NULL;
        chunk->next = tree->chunks;
        tree->chunks = chunk;
        tree->chunk_used_bytes = 0;
        tree->chunk_room_bytes = room;
    }
    copy = tree->chunks->bytes + tree->chunk_used_bytes;
    tree->chunk_used_bytes += size;
    return memcpy(copy, text, size);
}

/* Makes room for one more in an array of `room`. @return the array, moved; NULL: no memory, nothing has changed. */
static void *grow(void *array, size_t count, size_t *room, size_t each_bytes)
{
    size_t more = *room > 0 ? *room * 2 : 16;
    void *moved;

    if (count < *room)
        return array;
    moved = reallocarray(array, more, each_bytes);
    if (moved != NULL)
        *room = more;
    return moved;
}

/* --- the set of names --- */

static uint32_t hash_name(const struct hd_tree *tree, const char *name)
{
    return (uint32_t)XXH3_64bits_withSeed(name, strlen(name), tree->seed);
}

/* @return the slot that has the name, or the free one where it belongs. */
static struct slot *find(const struct hd_tree *tree, const char *name, uint32_t hash)
{
    size_t at = hash & (tree->slot_count - 1);

    while (tree->slots[at].number != 0) {
        if (tree->slots[at].hash == hash && strcmp(tree->entries[tree->slots[at].number - 1].name, name) == 0)
            break;
        at = (at + 1) & (tree->slot_count - 1);
    }
    return &tree->slots[at];
}

/* Puts all entries into a new table. */
static int rehash(struct hd_tree *tree, size_t slot_count)
{
    struct slot *slots = calloc(slot_count, sizeof(*slots));

    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < tree->slot_count; i++) {
        size_t at = tree->slots[i].hash & (slot_count - 1);

        if (tree->slots[i].number == 0)
            continue;
        while (slots[at].number != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = tree->slots[i];
    }
    free(tree->slots);
    tree->slots = slots;
    tree->slot_count = slot_count;
    return 0;
}

static uint64_t add_up(uint64_t bytes, uint64_t more_bytes)
{
    return bytes > UINT64_MAX - more_bytes ? UINT64_MAX : bytes + more_bytes;
}

/* Forgets all but the first `count` entries. */
static void roll_back(struct hd_tree *tree, size_t count)
{
    if (tree->count == count)
        return;
    tree->count = count;
    tree->size_bytes = 0;
    memset(tree->slots, 0, tree->slot_count * sizeof(*tree->slots));
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = hash_name(tree, tree->entries[i].name);

        *find(tree, tree->entries[i].name, hash) = (struct slot){ .hash = hash, .number = (uint32_t)i + 1 };
        tree->size_bytes = add_up(tree->size_bytes, tree->entries[i].size_bytes);
    }
}

static int no_memory(struct herald_error *error)
{
    return herald_error_set(error, -ENOMEM, "no memory for the names of what is to be sent");
}

static int insert(struct hd_tree *tree, const struct hd_entry *entry, struct herald_error *error)
{
    char names[3][QUOTE_SHORT_BYTES];
    uint32_t hash = hash_name(tree, entry->name);
    struct hd_entry *entries = grow(tree->entries, tree->count, &tree->room, sizeof(*entries));
    struct slot *slot;

    if (entries == NULL)
        return no_memory(error);
    tree->entries = entries;
    if (tree->count == UINT32_MAX - 1)
        return herald_error_set(error, -EFBIG, "there is too much to be sent at once: more than 4 billion names");
    if (tree->count >= tree->slot_count / 2 && rehash(tree, tree->slot_count > 0 ? tree->slot_count * 2 : 64) < 0)
        return no_memory(error);
    slot = find(tree, entry->name, hash);
    if (slot->number != 0) {
        herald_error_set(error, -EEXIST, "%s and %s would both be sent as %s",
                         hd_quote_path(names[0], QUOTE_SHORT_BYTES, tree->entries[slot->number - 1].path),
                         hd_quote_path(names[1], QUOTE_SHORT_BYTES, entry->path),
                         hd_quote_path(names[2], QUOTE_SHORT_BYTES, entry->name));
        herald_error_advise(error, "send them one after the other, or the directory above them");
        return -EEXIST;
    }
    *slot = (struct slot){ .hash = hash, .number = (uint32_t)tree->count + 1 };
    tree->entries[tree->count++] = *entry;
    tree->size_bytes = add_up(tree->size_bytes, entry->size_bytes);
    return 0;
}

/* --- what is found --- */

static int64_t mtime_of(const struct stat *facts)
{
    int64_t time_ns;

    /* A file system may claim times beyond the year 2262. */
    if (__builtin_mul_overflow((int64_t)facts->st_mtim.tv_sec, INT64_C(1000000000), &time_ns) ||
        __builtin_add_overflow(time_ns, (int64_t)facts->st_mtim.tv_nsec, &time_ns))
        return facts->st_mtim.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return time_ns;
}

/* Everything but the strings. The type is UNKNOWN if it is nothing that can be sent. */
static struct hd_entry describe(const struct stat *facts)
{
    struct hd_entry entry = { .mode = (uint16_t)(facts->st_mode & 07777), .mtime_ns = mtime_of(facts), .fd = -1 };

    if (S_ISREG(facts->st_mode)) {
        entry.type = HD_ENTRY_FILE;
        entry.size_bytes = (uint64_t)facts->st_size;
        entry.is_sparse = (uint64_t)facts->st_blocks < (entry.size_bytes + 511) / 512;
    } else if (S_ISDIR(facts->st_mode)) {
        entry.type = HD_ENTRY_DIRECTORY;
    } else if (S_ISLNK(facts->st_mode)) {
        entry.type = HD_ENTRY_LINK;
    }
    return entry;
}

/* What an error says behind the path of what cannot be sent. */
static const char *what_it_is(mode_t mode)
{
    if (S_ISFIFO(mode))
        return " is a fifo, not a file or directory";
    if (S_ISSOCK(mode))
        return " is a socket, not a file or directory";
    return " is a device, not a file or directory";
}

/*
 * Whether walk->path is left out. All patterns are tried: one that only matches what another one does has matched, too.
 */
static bool is_excluded(struct walk *walk, const char *name, bool is_directory)
{
    const struct hd_exclude_found found = {
        .name = name,
        .path = walk->path,
        .sent_as = walk->path + walk->name_at,
        .below = walk->path + walk->below_at,
        .is_directory = is_directory,
    };
    bool is_out = false;

    for (size_t i = 0; i < walk->exclude_count; i++)
        if (hd_exclude_matches(walk->excludes[i], &found))
            is_out = walk->has_matched[i] = true;
    return is_out;
}

/* Notes which patterns have left something out. @return 0; -ENOMEM */
static int keep_matches(const struct walk *walk)
{
    struct hd_tree *tree = walk->tree;

    for (size_t i = 0; i < walk->exclude_count; i++) {
        const char **matches;

        if (!walk->has_matched[i] || hd_tree_has_excluded(tree, walk->excludes[i]))
            continue;
        matches = grow(tree->matches, tree->match_count, &tree->matches_room, sizeof(*matches));
        if (matches == NULL)
            return -ENOMEM;
        tree->matches = matches;
        matches[tree->match_count] = keep(tree, walk->excludes[i]);
        if (matches[tree->match_count] == NULL)
            return -ENOMEM;
        tree->match_count++;
    }
    return 0;
}

/* Reads where a link points. @return its length; -ENAMETOOLONG: above HD_NAME_AND_LINK_BYTES_MAX; another -errno. */
static ssize_t read_link(int directory, const char *name, char ret_target[HD_NAME_AND_LINK_BYTES_MAX + 1])
{
    ssize_t size = readlinkat(directory, name, ret_target, HD_NAME_AND_LINK_BYTES_MAX + 1);

    if (size < 0)
        return -errno;
    if (size > HD_NAME_AND_LINK_BYTES_MAX)
        return -ENAMETOOLONG;
    ret_target[size] = '\0';
    return size;
}

/* @return 0; -errno, complained of: walk->path cannot be sent. */
static int check_entry(const struct walk *walk, int directory, const char *name, const struct stat *facts,
                       const struct hd_entry *entry)
{
    size_t name_bytes = strlen(walk->path + walk->name_at);
    int r = 0;

    if (entry->type == HD_ENTRY_UNKNOWN)
        complain(walk, walk->path, r = -EINVAL, "", what_it_is(facts->st_mode));
    else if (strcmp(name, UNFINISHED) == 0)
        complain(walk, walk->path, r = -EINVAL, "", IS_UNFINISHED);
    else if (name_bytes > HD_NAME_BYTES_MAX || strlen(walk->path) >= PATH_MAX)
        complain(walk, walk->path, r = -ENAMETOOLONG, "", " is too long a name to be sent");
    else if (entry->size_bytes >= SIZE_MAX_BYTES)
        complain(walk, walk->path, r = -EFBIG, "", IS_TOO_LARGE);
    else if (entry->type == HD_ENTRY_FILE && faccessat(directory, name, R_OK, AT_EACCESS) < 0)
        complain(walk, walk->path, r = -errno, "cannot read ", NULL);
    return r;
}

/* Copies the strings of what walk->path is. */
static int keep_strings(const struct walk *walk, struct hd_entry *entry, const char *link)
{
    entry->path = keep(walk->tree, walk->path);
    if (entry->path == NULL)
        return -ENOMEM;
    entry->below = entry->path + walk->below_at;
    entry->name = entry->path + walk->name_at;
    entry->link = link != NULL ? keep(walk->tree, link) : NULL;
    return link != NULL && entry->link == NULL ? -ENOMEM : 0;
}

/* Looks at one name in a directory; walk->path is its path. @return 1 with *ret_entry; 0: it is left out; -ENOMEM. */
static int look_at(struct walk *walk, int directory, const char *name, struct hd_entry *ret_entry)
{
    char target[HD_NAME_AND_LINK_BYTES_MAX + 1];
    const char *link = NULL;
    struct hd_entry entry;
    struct stat facts;
    ssize_t size = 0;

    if (is_excluded(walk, name, false))
        return 0;
    if (fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) < 0) {
        complain(walk, walk->path, -errno, "cannot read ", NULL);
        return 0;
    }
    if (S_ISDIR(facts.st_mode) && (strcmp(name, UNFINISHED) == 0 || is_excluded(walk, name, true)))
        return 0;
    entry = describe(&facts);
    if (check_entry(walk, directory, name, &facts, &entry) < 0)
        return 0;
    if (entry.type == HD_ENTRY_LINK) {
        size = read_link(directory, name, target);
        if (size >= 0 && strlen(walk->path + walk->name_at) + (size_t)size > HD_NAME_AND_LINK_BYTES_MAX)
            size = -ENAMETOOLONG;
        if (size == -ENAMETOOLONG)
            complain(walk, walk->path, (int)size, "", " is a link with too long a name and target to be sent");
        else if (size < 0)
            complain(walk, walk->path, (int)size, "cannot read ", NULL);
        if (size < 0)
            return 0;
        link = target;
    }
    if (keep_strings(walk, &entry, link) < 0)
        return -ENOMEM;
    *ret_entry = entry;
    return 1;
}

/* --- directories --- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct hd_entry *)a)->name, ((const struct hd_entry *)b)->name);
}

/* Sorts what was found. A directory that changes while it is read may have told a name twice. */
static void sort_children(struct level *level)
{
    size_t count = 0;

    if (level->count == 0)
        return;
    qsort(level->children, level->count, sizeof(*level->children), compare_entries);
    for (size_t i = 1; i < level->count; i++)
        if (strcmp(level->children[count].name, level->children[i].name) != 0)
            level->children[++count] = level->children[i];
    level->count = count + 1;
}

/* Reads the names of a directory and looks at each. @return 0; -ENOMEM. */
static int list_children(struct walk *walk, struct level *level)
{
    size_t path_bytes = strlen(level->path);
    const struct dirent *found;

    memcpy(walk->path, level->path, path_bytes + 1);
    if (path_bytes > 0 && level->path[path_bytes - 1] != '/')
        walk->path[path_bytes++] = '/';
    while (errno = 0, (found = readdir(level->dir)) != NULL) {
        size_t name_bytes = strlen(found->d_name);
        struct hd_entry *children;
        int r;

        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (name_bytes > NAME_MAX) { /* what FUSE serves may have such */
            complain(walk, level->path, -ENAMETOOLONG, "", " has an entry with too long a name to be sent");
            continue;
        }
        memcpy(walk->path + path_bytes, found->d_name, name_bytes + 1);
        children = grow(level->children, level->count, &level->room, sizeof(*children));
        if (children == NULL)
            return -ENOMEM;
        level->children = children;
        r = look_at(walk, dirfd(level->dir), found->d_name, &children[level->count]);
        if (r < 0)
            return r;
        level->count += (size_t)r;
    }
    if (errno != 0)
        complain(walk, level->path[0] != '\0' ? level->path : ".", -errno, "cannot read all of ", NULL);
    sort_children(level);
    return 0;
}

/* Goes down into a directory; `fd` is taken over, whatever happens. @return 0; -ENOMEM. */
static int push_level(struct walk *walk, int fd, const char *path)
{
    struct level level = { .path = path, .dir = fdopendir(fd) };
    struct level *levels;
    int r;

    if (level.dir == NULL) {
        r = -errno;
        close(fd);
        return r;
    }
    levels = grow(walk->levels, walk->depth, &walk->levels_room, sizeof(*levels));
    r = levels != NULL ? 0 : -ENOMEM;
    if (r == 0) {
        walk->levels = levels;
        r = list_children(walk, &level);
    }
    if (r < 0 || walk->depth >= LEVELS_OPEN_MAX) {
        closedir(level.dir);
        level.dir = NULL;
    }
    if (r < 0)
        free(level.children);
    else
        walk->levels[walk->depth++] = level;
    return r;
}

static void pop_level(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];

    if (level->dir != NULL)
        closedir(level->dir);
    free(level->children);
}

static int open_directory(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 ? fd : -errno;
}

/* Opens a directory that was found in the innermost level, if need be by way of some that are not open any more. */
static int open_child(const struct walk *walk, const struct hd_entry *child)
{
    size_t kept = walk->depth < LEVELS_OPEN_MAX ? walk->depth : LEVELS_OPEN_MAX;
    int at = dirfd(walk->levels[kept - 1].dir);
    int fd = -1;

    for (size_t i = kept; i <= walk->depth; i++) {
        const char *path = i < walk->depth ? walk->levels[i].path : child->path;
        const char *slash = strrchr(path, '/');
        int next = open_directory(at, slash != NULL ? slash + 1 : path);

        if (fd >= 0)
            close(fd);
        if (next < 0)
            return next;
        fd = at = next;
    }
    return fd;
}

/* Adds what was found; of directories, what is in them as well. @return 0; -errno with walk->error. */
static int descend(struct walk *walk)
{
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];
        const struct hd_entry *child;
        int fd = -1;
        int r;

        if (level->next == level->count) {
            pop_level(walk);
            continue;
        }
        child = &level->children[level->next++];
        if (child->type == HD_ENTRY_DIRECTORY) {
            fd = open_child(walk, child);
            if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM) /* it is not the directory's fault */
                return hd_path_error(walk->error, fd, "cannot read ", child->path, NULL);
            if (fd < 0) { /* it may have become something else meanwhile */
                complain(walk, child->path, fd, "cannot read ", NULL);
                continue;
            }
        }
        r = insert(walk->tree, child, walk->error);
        if (r < 0) {
            if (fd >= 0)
                close(fd);
            return r;
        }
        if (fd >= 0 && push_level(walk, fd, child->path) < 0)
            return no_memory(walk->error);
    }
    return 0;
}

/* --- what is given --- */

/* Where the last part of a path begins, if it is one that names what is sent; otherwise its end. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;

    return strcmp(last, ".") == 0 || strcmp(last, "..") == 0 ? last + strlen(last) : last;
}

/*
 * Finds out how what is below a given directory is called: sets below_at and name_at. @return the directory's path,
 * which everything below it begins with; NULL: no memory.
 */
static const char *choose_prefix(struct walk *walk, const char *given)
{
    const char *last = last_part(given);
    size_t size = strlen(given);
    const char *path;

    while (size > 1 && given[size - 1] == '/')
        size--;
    if (strcmp(given, ".") == 0)
        size = 0; /* "file" reads better than "./file" */
    memcpy(walk->path, given, size);
    walk->path[size] = '\0';
    path = keep(walk->tree, walk->path);
    walk->below_at = size + (size > 0 && given[size - 1] != '/');
    walk->name_at = last[0] != '\0' ? (size_t)(last - given) : walk->below_at;
    return path;
}

/* Adds a directory that was given and everything below it. `own` describes the directory itself. */
static int add_directory(struct walk *walk, const char *given, struct hd_entry *own)
{
    const char *path = choose_prefix(walk, given);
    int fd;
    int r = 0;

    if (path == NULL)
        return no_memory(walk->error);
    if (strcmp(last_part(given), UNFINISHED) == 0)
        return hd_path_error(walk->error, -EINVAL, "", given, IS_UNFINISHED);
    fd = open(given, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return hd_path_error(walk->error, -errno, "cannot read ", given, NULL);
    if (walk->name_at < walk->below_at) { /* it keeps its name */
        own->path = path;
        own->name = path + walk->name_at;
        r = insert(walk->tree, own, walk->error);
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    r = push_level(walk, fd, path) < 0 ? no_memory(walk->error) : descend(walk);
    while (walk->depth > 0)
        pop_level(walk);
    return r;
}

static int add_file(struct hd_tree *tree, const char *given, struct hd_entry *entry, struct herald_error *error)
{
    if (entry->size_bytes >= SIZE_MAX_BYTES)
        return hd_path_error(error, -EFBIG, "", given, IS_TOO_LARGE);
    if (faccessat(AT_FDCWD, given, R_OK, AT_EACCESS) < 0)
        return hd_path_error(error, -errno, "cannot read ", given, NULL);
    if (strcmp(last_part(given), UNFINISHED) == 0)
        return hd_path_error(error, -EINVAL, "", given, IS_UNFINISHED);
    entry->path = keep(tree, given);
    if (entry->path == NULL)
        return no_memory(error);
    entry->name = last_part(entry->path);
    return insert(tree, entry, error);
}

int hd_tree_add_path(struct hd_tree *tree, const char *path, const char *const *excludes, size_t exclude_count,
                     struct herald_error *error)
{
    size_t count = tree->count;
    struct hd_entry entry;
    struct walk *walk;
    struct stat facts;
    int r;

    if (path[0] == '\0')
        return herald_error_set(error, -ENOENT, "a path to be sent is empty");
    if (stat(path, &facts) < 0)
        return hd_path_error(error, -errno, "cannot read ", path, NULL);
    entry = describe(&facts);
    if (entry.type == HD_ENTRY_FILE)
        return add_file(tree, path, &entry, error);
    if (entry.type != HD_ENTRY_DIRECTORY) {
        hd_path_error(error, -EINVAL, "", path, what_it_is(facts.st_mode));
        herald_error_advise(error, "open it, and send what comes from it as a stream");
        return -EINVAL;
    }
    walk = calloc(1, sizeof(*walk) + exclude_count * sizeof(walk->has_matched[0]));
    if (walk == NULL)
        return no_memory(error);
    walk->tree = tree;
    walk->excludes = excludes;
    walk->exclude_count = exclude_count;
    walk->error = error;
    r = add_directory(walk, path, &entry);
    if (r == 0 && keep_matches(walk) < 0)
        r = no_memory(error);
    if (r < 0)
        roll_back(tree, count);
    free(walk->levels);
    free(walk);
    return r;
}

bool hd_tree_has_excluded(const struct hd_tree *tree, const char *pattern)
{
    for (size_t i = 0; i < tree->match_count; i++)
        if (strcmp(tree->matches[i], pattern) == 0)
            return true;
    return false;
}

/* @return 0; -EINVAL, -ENAMETOOLONG with *error: receivers would refuse the name. */
static int check_name(const char *name, struct herald_error *error)
{
    if (strlen(name) > HD_NAME_BYTES_MAX)
        return hd_path_error(error, -ENAMETOOLONG, "", name, " is too long a name to be sent");
    for (const char *part = name;; part++) {
        size_t size = strcspn(part, "/");

        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
            return hd_path_error(error, -EINVAL, "\"", name,
                                 "\" cannot be sent: a part of that name is empty, \".\" or \"..\"");
        if (size > NAME_MAX)
            return hd_path_error(error, -ENAMETOOLONG, "", name, " has too long a part to be sent");
        if (size == sizeof(UNFINISHED) - 1 && memcmp(part, UNFINISHED, size) == 0)
            return hd_path_error(error, -EINVAL, "", name, IS_UNFINISHED);
        part += size;
        if (*part == '\0')
            return 0;
    }
}

/* Adds what has no path. */
static int add_named(struct hd_tree *tree, struct hd_entry *entry, const char *name, struct herald_error *error)
{
    int r = check_name(name, error);

    if (r < 0)
        return r;
    entry->name = entry->path = keep(tree, name);
    return entry->name != NULL ? insert(tree, entry, error) : no_memory(error);
}

int hd_tree_add_bytes(struct hd_tree *tree, const char *name, const void *bytes, size_t size_bytes,
                      struct herald_error *error)
{
    struct hd_entry entry = { .type = HD_ENTRY_BYTES, .size_bytes = size_bytes, .bytes = bytes, .fd = -1 };

    if (entry.size_bytes >= SIZE_MAX_BYTES)
        return hd_path_error(error, -EFBIG, "", name, IS_TOO_LARGE);
    return add_named(tree, &entry, name, error);
}

int hd_tree_add_stream(struct hd_tree *tree, const char *name, int fd, struct herald_error *error)
{
    struct hd_entry entry = { .type = HD_ENTRY_STREAM, .fd = fd };

    return add_named(tree, &entry, name, error);
}

uint32_t hd_tree_count(const struct hd_tree *tree)
{
    return (uint32_t)tree->count;
}

uint64_t hd_tree_bytes(const struct hd_tree *tree)
{
    return tree->size_bytes;
}

const struct hd_entry *hd_tree_entry(const struct hd_tree *tree, uint32_t index)
{
    assert(index < tree->count);
    return &tree->entries[index];
}
