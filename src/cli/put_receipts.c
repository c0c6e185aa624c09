/* SPDX-License-Identifier: MIT */
/* The file that --receipts names. A regular one is replaced when all is in its successor, and not touched before. */
#include "put.h"

#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *path, int number, const char *look_at, struct herald_error *error)
{
    int code = number == EINVAL ? -EIO : -number; /* EINVAL would be a mistake in the command line */
    char quoted[200];

    (void)herald_error_set(error, code, "cannot write the receipts to %.120s: %s", path, strerror(number));
    herald_error_advise(error, "ls -ld %s", words_quote(look_at, quoted, sizeof quoted));
    return code;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

static bool is_descriptor_of(int fd, const struct stat *file)
{
    struct stat status;

    return fstat(fd, &status) == 0 && is_same(&status, file);
}

/* An operand, or the value of an option: NULL is none, "-" standard input. */
static bool is_path_of(const char *path, const struct stat *file)
{
    struct stat status;

    if (path != NULL && strcmp(path, "-") == 0)
        return is_descriptor_of(STDIN_FILENO, file);
    return path != NULL && stat(path, &status) == 0 && is_same(&status, file);
}

/* What the file is needed for as it is; NULL: for nothing. */
static const char *use_of(const struct put *put, const struct stat *file)
{
    for (size_t i = 1; i < put->operands->count; i++)
        if (is_path_of(put->operands->items[i], file))
            return "what is to be sent";
    return is_path_of(put->settings->expect_hosts, file) ? "the list of --expect-hosts" : NULL;
}

/* Where the new file is written: beside the old one, so that it can take its place. */
static int create_temporary(struct put_receipts *receipts)
{
    const char *slash = strrchr(receipts->target, '/');
    int directory_bytes = slash != NULL ? (int)(slash + 1 - receipts->target) : 0;
    unsigned long long number = 0;
    int fd;

    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
        number = (unsigned long long)getpid();
    if (asprintf(&receipts->temporary, "%.*s.herald-receipts-%016llx", directory_bytes, receipts->target, number) < 0) {
        receipts->temporary = NULL;
        return -ENOMEM;
    }
    fd = open(receipts->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        fd = -errno;
        free(receipts->temporary);
        receipts->temporary = NULL;
    }
    return fd;
}

static void remove_temporary(struct put_receipts *receipts)
{
    if (receipts->temporary != NULL)
        (void)unlink(receipts->temporary);
    free(receipts->temporary);
    receipts->temporary = NULL;
}

static void write_to(struct put_receipts *receipts, int fd)
{
    struct stat status;

    receipts->output.data_fd = fd;
    receipts->output.data_is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Nothing can be created beside the file, but the file itself can be written to. */
static int keep_file(struct put_receipts *receipts, const char *path, struct herald_error *error)
{
    int fd = open(receipts->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return refuse(path, errno, path, error);
    receipts->is_kept = true;
    write_to(receipts, fd);
    return 0;
}

static int refuse_directory(struct put_receipts *receipts, const char *path, int number, struct herald_error *error)
{
    char *slash = strrchr(receipts->target, '/');

    if (slash != NULL)
        slash[1] = '\0';
    return refuse(path, number, slash != NULL ? receipts->target : ".", error);
}

/* A file that is there or not: makes sure that it can be replaced. */
static int prepare_file(struct put *put, const char *path, const struct stat *old, struct herald_error *error)
{
    struct put_receipts *receipts = &put->receipts;
    int fd;

    if (old != NULL && use_of(put, old) != NULL)
        return herald_error_set(error, -EINVAL, "--receipts %.120s: that file is %s", path, use_of(put, old));
    if (old != NULL && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
        return refuse(path, errno, path, error);
    receipts->target = old != NULL ? realpath(path, NULL) : strdup(path);
    if (receipts->target == NULL)
        return refuse(path, errno, path, error);
    receipts->mode = old != NULL ? old->st_mode & 07777 : 0;
    fd = create_temporary(receipts);
    if (fd >= 0) {
        (void)close(fd);
        remove_temporary(receipts); /* a run that is killed leaves nothing behind */
        return 0;
    }
    return old != NULL ? keep_file(receipts, path, error) : refuse_directory(receipts, path, -fd, error);
}

int put_receipts_open(struct put *put, struct herald_error *error)
{
    const char *path = put->settings->receipts;
    const struct common_settings common = { .json = true };
    struct put_receipts *receipts = &put->receipts;
    struct stat status;
    struct stat link;
    int fd;

    output_init(&receipts->output, "herald put", &common);
    receipts->output.data_fd = -1;
    receipts->output.data_name = path;
    if (path == NULL)
        return 0;
    if (stat(path, &status) < 0) {
        int number = errno;

        /* A link that leads nowhere would be replaced itself. */
        return number == ENOENT && lstat(path, &link) < 0 ? prepare_file(put, path, NULL, error)
                                                          : refuse(path, number, path, error);
    }
    /* Opened anew it would have a place of its own, and each would write over what the other has written. */
    if (is_descriptor_of(STDOUT_FILENO, &status))
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else if (is_descriptor_of(STDERR_FILENO, &status))
        fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else if (S_ISREG(status.st_mode))
        return prepare_file(put, path, &status, error);
    else
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse(path, errno, path, error);
    write_to(receipts, fd);
    return 0;
}

int put_receipts_begin(struct put *put, struct herald_error *error)
{
    struct put_receipts *receipts = &put->receipts;
    int fd;

    if (receipts->is_kept && ftruncate(receipts->output.data_fd, 0) < 0)
        return refuse(put->settings->receipts, errno, put->settings->receipts, error);
    if (receipts->output.data_fd >= 0)
        return 0;
    fd = create_temporary(receipts);
    if (fd < 0)
        return refuse(put->settings->receipts, -fd, put->settings->receipts, error);
    if (receipts->mode != 0)
        (void)fchmod(fd, receipts->mode);
    write_to(receipts, fd);
    return 0;
}

int put_receipts_end(struct put *put, struct herald_error *error)
{
    struct put_receipts *receipts = &put->receipts;

    if (receipts->temporary == NULL)
        return 0;
    if (receipts->output.write_error != 0) { /* which was told */
        remove_temporary(receipts);
    } else if (rename(receipts->temporary, receipts->target) < 0) {
        int code = errno == EINVAL ? -EIO : -errno;

        (void)herald_error_set(error, code, "cannot replace %.80s: %s; the receipts are in %.120s", receipts->target,
                               strerror(errno), receipts->temporary);
        return code; /* and stay there */
    }
    free(receipts->temporary);
    receipts->temporary = NULL;
    return 0;
}

void put_receipts_close(struct put *put)
{
    if (put->receipts.output.data_fd >= 0)
        (void)close(put->receipts.output.data_fd);
    free(put->receipts.temporary);
    free(put->receipts.target);
}
