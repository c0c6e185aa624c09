/* SPDX-License-Identifier: MIT */
/* Where the message of herald send comes from. */
#include "send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_memory(struct herald_error *error)
{
    return herald_error_set(error, -ENOMEM, "out of memory");
}

/* Reads to the end, or one byte more than a datagram can carry: enough to see that it is too much. */
static int read_all(int fd, const char *name, size_t max_bytes, struct payload *ret_payload, struct herald_error *error)
{
    size_t room = max_bytes + 1;
    uint8_t *data = malloc(room);
    size_t size = 0;
    ssize_t count = 1;

    if (data == NULL)
        return fail_memory(error);
    while (count != 0 && size < room) {
        count = read(fd, data + size, room - size);
        if (count > 0)
            size += (size_t)count;
        else if (count < 0 && errno != EINTR) {
            int code = -errno;

            free(data);
            return herald_error_set(error, code, "cannot read %s: %s", name, strerror(-code));
        }
    }
    ret_payload->data = data;
    ret_payload->size = size;
    return 0;
}

/* `size`: 0 if nobody knows how much more it would have been. */
static int fail_too_large(uint64_t size, size_t max_bytes, struct herald_error *error)
{
    (void)herald_error_set(error, -EMSGSIZE, "the message has %s%llu bytes; one datagram carries at most %zu",
                           size == 0 ? "more than " : "", (unsigned long long)(size == 0 ? max_bytes : size),
                           max_bytes);
    herald_error_advise(error, "several smaller messages: herald send makes one datagram of each");
    return -EMSGSIZE;
}

static int read_file(const char *path, size_t max_bytes, struct payload *ret_payload, struct herald_error *error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int result;

    if (fd < 0)
        return herald_error_set(error, -errno, "cannot open %s: %s", path, strerror(errno));
    if (fstat(fd, &status) < 0)
        result = herald_error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        result = herald_error_set(error, -EISDIR, "%s is a directory, not a file", path);
    else if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > max_bytes)
        result = fail_too_large((uint64_t)status.st_size, max_bytes, error);
    else
        result = read_all(fd, path, max_bytes, ret_payload, error);
    (void)close(fd);
    return result;
}

static int hex_digit(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *place = character == '\0' ? NULL : strchr(digits, character | 0x20);

    /* The bit that makes capitals small makes other characters of digits, too. */
    if (place == NULL || (*place < 'a' && *place != character))
        return -1;
    return (int)(place - digits);
}

static int parse_hex(const char *text, struct payload *ret_payload, struct herald_error *error)
{
    uint8_t *data = malloc(strlen(text) / 2 + 1);
    size_t digits = 0;

    if (data == NULL)
        return fail_memory(error);
    for (; *text != '\0'; text++) {
        int digit = hex_digit(*text);

        if (*text == ' ' || *text == ':' || *text == '\t' || *text == '\n')
            continue;
        if (digit < 0) {
            free(data);
            return herald_error_set(error, -EINVAL, "--hex: '%.1s' is not a hex digit (0-9, a-f)", text);
        }
        data[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : data[digits / 2] | digit);
        digits++;
    }
    if (digits % 2 != 0) {
        free(data);
        return herald_error_set(error, -EINVAL, "--hex: %zu hex digits are no whole number of bytes", digits);
    }
    ret_payload->data = data;
    ret_payload->size = digits / 2;
    return 0;
}

static int copy_text(const char *text, struct payload *ret_payload, struct herald_error *error)
{
    size_t size = strlen(text);
    uint8_t *data = malloc(size + 1);

    if (data == NULL)
        return fail_memory(error);
    memcpy(data, text, size + 1);
    ret_payload->data = data;
    ret_payload->size = size;
    return 0;
}

static int read_from_source(const struct send_settings *settings, const char *message, size_t max_bytes,
                            struct payload *ret_payload, struct herald_error *error)
{
    const char *from = message != NULL ? message : settings->file;

    if (settings->hex != NULL)
        return parse_hex(settings->hex, ret_payload, error);
    if (from == NULL || strcmp(from, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", max_bytes, ret_payload, error);
    if (message != NULL)
        return copy_text(message, ret_payload, error);
    return read_file(settings->file, max_bytes, ret_payload, error);
}

int send_payload_read(const struct send_settings *settings, const struct operands *operands, size_t max_bytes,
                      struct payload *ret_payload, struct herald_error *error)
{
    const char *message = operands->count > 1 ? operands->items[1] : NULL;
    struct payload payload = { .data = NULL };
    int given = (message != NULL) + (settings->file != NULL) + (settings->hex != NULL);
    int result;

    if (given > 1)
        return herald_error_set(error, -EINVAL, "more than one message: give one of MESSAGE, --file and --hex");
    if (given == 0 && isatty(STDIN_FILENO)) {
        (void)herald_error_set(error, -EINVAL, "no message");
        herald_error_advise(error, "herald send %.80s MESSAGE, or - to type it here", operands->items[0]);
        return -EINVAL;
    }
    result = read_from_source(settings, message, max_bytes, &payload, error);
    if (result < 0)
        return result;
    if (payload.size > max_bytes) {
        bool whole = settings->hex != NULL || (message != NULL && strcmp(message, "-") != 0);

        free(payload.data);
        return fail_too_large(whole ? payload.size : 0, max_bytes, error);
    }
    *ret_payload = payload;
    return 0;
}
