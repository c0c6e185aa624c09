/* SPDX-License-Identifier: MIT */
/* A record is made whole in memory, then written: half a line is never seen, and a signal cannot tear it. */
#include "output.h"
#include "options.h"
#include "status.h"
#include "units.h"
#include "words.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEY_BYTES = 64, ERROR_LINE_BYTES = 2304 }; /* two texts of 255 bytes, each byte escaped as \xNN, and a prefix */

static const char standard_output[] = "standard output";

void output_init(struct output *output, const char *command, const struct common_settings *settings)
{
    struct stat status;

    *output = (struct output){
        .json = settings->json,
        .quiet = settings->quiet,
        .verbose = settings->verbose,
        .command = command,
        .data_fd = STDOUT_FILENO,
        .data_name = standard_output,
        .message_fd = STDERR_FILENO,
        .interrupt_fd = -1,
        .end_ns = HERALD_NEVER,
    };
    output->data_is_file = fstat(output->data_fd, &status) == 0 && S_ISREG(status.st_mode);
}

bool output_is_stdout(const char *path)
{
    static const char *const names[] = { "-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", NULL };

    for (size_t i = 0; names[i] != NULL; i++)
        if (strcmp(path, names[i]) == 0)
            return true;
    return false;
}

int output_status(const struct output *output, int status)
{
    return output->write_error == 0 ? status : (int)STATUS_FAILED;
}

/* A reader that is merely slow still gets the summary. */
#define GRACE_NS UINT64_C(1000000000)

/* Waits until a write of PIECE_BYTES will not block. @return 0; -EINTR at Ctrl-C; -ETIMEDOUT when the time is up. */
static int wait_writable(const struct output *output, int fd)
{
    struct pollfd fds[] = {
        { .fd = fd, .events = POLLOUT },
        { .fd = output->interrupt_fd, .events = POLLIN },
    };

    for (;;) {
        uint64_t now_ns = output->end_ns == HERALD_NEVER ? 0 : herald_clock_ns();
        uint64_t left_ns = output->end_ns + GRACE_NS > now_ns ? output->end_ns + GRACE_NS - now_ns : 0;
        struct timespec timeout = { .tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000) };
        int ready = ppoll(fds, 2, output->end_ns == HERALD_NEVER ? NULL : &timeout, NULL);

        if (ready > 0 && fds[0].revents != 0)
            return 0; /* an error of the descriptor too: the write will tell */
        if (ready > 0)
            return -EINTR;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/*
 * A reader that has stopped, a pager say, must not keep Ctrl-C and --for from working: so whatever may block is
 * written in pieces that a ready descriptor takes whole. @return 0 or -errno.
 */
static int write_all(const struct output *output, int fd, bool is_file, const char *data, size_t size)
{
    enum { PIECE_BYTES = 4096 }; /* PIPE_BUF: what a pipe that is ready takes without blocking */

    while (size > 0) {
        size_t piece = is_file || size < PIECE_BYTES ? size : PIECE_BYTES;
        int result = is_file ? 0 : wait_writable(output, fd);
        ssize_t written = result == 0 ? write(fd, data, piece) : 0;

        if (result < 0)
            return result;
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno != EINTR && errno != EAGAIN) {
            return -errno;
        }
    }
    return 0;
}

static void clear_screen(const struct output *output)
{
    if (output->before_print != NULL)
        output->before_print(output->before_print_user);
}

/* Messages: when nobody can read them, there is nobody to tell. */
static void write_message(const struct output *output, const char *text, size_t size)
{
    int result;

    clear_screen(output);
    result = write_all(output, output->message_fd, false, text, size);
    (void)result;
}

/* "PREFIX: CAUSE" and the advice on a second line, both escaped. @return the length. */
static size_t format_error(const char *prefix, const struct herald_error *error, char line[ERROR_LINE_BYTES])
{
    char cause[4 * sizeof error->cause];
    char advice[4 * sizeof error->advice];
    int length;

    text_escape((const uint8_t *)error->cause, strlen(error->cause), cause, sizeof cause);
    text_escape((const uint8_t *)error->advice, strlen(error->advice), advice, sizeof advice);
    length = snprintf(line, ERROR_LINE_BYTES, "%s: %s\n%s%s%s", prefix, cause, advice[0] != '\0' ? "  try: " : "",
                      advice, advice[0] != '\0' ? "\n" : "");
    if (length < 0)
        return 0;
    return (size_t)length < ERROR_LINE_BYTES ? (size_t)length : ERROR_LINE_BYTES - 1;
}

static void report_write_error(const struct output *output)
{
    char line[ERROR_LINE_BYTES];
    char name[256];
    const char *reason = strerror(-output->write_error);
    struct herald_error error;

    if (output->write_error == -EBADF)
        reason = "it is closed";
    else if (output->write_error == -EINTR || output->write_error == -ETIMEDOUT)
        reason = "nobody reads it; what was left is lost";
    herald_error_set(&error, output->write_error, "cannot write to %s: %s", output->data_name, reason);
    if (output->write_error == -ENOSPC && strcmp(output->data_name, standard_output) != 0)
        herald_error_advise(&error, "df -h %s", words_quote(output->data_name, name, sizeof name));
    write_message(output, line, format_error(output->command, &error, line));
}

/* Data: the first failure is reported, and nothing is written after it. */
static int write_data(struct output *output, const char *data, size_t size)
{
    if (output->write_error != 0)
        return output->write_error;
    clear_screen(output);
    output->write_error = write_all(output, output->data_fd, output->data_is_file, data, size);
    if (output->write_error != 0)
        report_write_error(output);
    return output->write_error;
}

int output_raw(struct output *output, const void *data, size_t size_bytes)
{
    return write_data(output, data, size_bytes);
}

void output_reader_gone(struct output *output)
{
    if (output->write_error != 0)
        return;
    output->write_error = -EPIPE;
    report_write_error(output);
}

static void put_escaped(FILE *stream, const uint8_t *data, size_t size)
{
    char text[256];
    enum { PIECE = sizeof text / 4 - 1 }; /* even if every byte becomes \xNN */

    while (size > 0) {
        size_t piece = size < PIECE ? size : PIECE;
        /* Never cut a character: step back over continuation bytes to its start. */
        while (piece < size && piece > PIECE - 4 && (data[piece] & 0xC0) == 0x80)
            piece--;
        text_escape(data, piece, text, sizeof text);
        fputs(text, stream);
        data += piece;
        size -= piece;
    }
}

/* What stands between quotes: one of its own must not look like the end. */
static void put_quoted(FILE *stream, const uint8_t *data, size_t size)
{
    const uint8_t *quote;

    while (size > 0 && (quote = memchr(data, '"', size)) != NULL) {
        put_escaped(stream, data, (size_t)(quote - data));
        fputs("\\\"", stream);
        size -= (size_t)(quote - data) + 1;
        data = quote + 1;
    }
    put_escaped(stream, data, size);
}

static void put_list(FILE *stream, const struct list *list)
{
    size_t shown = list->count < list->shown ? list->count : list->shown;

    if (list->count == 0 && list->none != NULL)
        fputs(list->none, stream);
    for (size_t i = 0; i < shown; i++) {
        fputs(i > 0 ? ", " : "", stream);
        put_escaped(stream, (const uint8_t *)list->items[i], strlen(list->items[i]));
    }
    if (list->count > shown)
        fprintf(stream, " and %zu more", list->count - shown);
}

static void put_time(FILE *stream, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm local;

    if (localtime_r(&seconds, &local) == NULL)
        return;
    fprintf(stream, "%02d:%02d:%02d.%06u", local.tm_hour, local.tm_min, local.tm_sec,
            (unsigned)(ns % 1000000000 / 1000));
}

static const void *field_at(const struct field *field, const void *record)
{
    return (const char *)record + field->offset;
}

/* Whether the field has something to show at all. */
static bool field_is_known(const struct field *field, const void *at)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return *(const char *const *)at != NULL;
    case FIELD_INTEGER:
    case FIELD_DURATION:
        return *(const int64_t *)at >= 0;
    case FIELD_RATE:
        return *(const double *)at >= 0; /* and not NaN */
    case FIELD_ADDRESS:
        return ((const struct herald_address *)at)->family != HERALD_FAMILY_NONE;
    case FIELD_LIST:
    case FIELD_BYTES:
    case FIELD_NUMBER:
    case FIELD_FLAG:
    case FIELD_SIZE:
    case FIELD_TIME:
        return true;
    }
    return false;
}

static void put_value(FILE *stream, const struct field *field, const void *at)
{
    char text[HERALD_ADDRESS_TEXT_BYTES > UNITS_TEXT_BYTES ? HERALD_ADDRESS_TEXT_BYTES : UNITS_TEXT_BYTES] = "";

    switch (field->kind) {
    case FIELD_TEXT: {
        const char *value = *(const char *const *)at;
        put_escaped(stream, (const uint8_t *)value, strlen(value));
        break;
    }
    case FIELD_LIST:
        put_list(stream, at);
        break;
    case FIELD_BYTES: {
        const struct bytes *value = at;
        put_quoted(stream, value->data, value->size);
        break;
    }
    case FIELD_NUMBER:
        fprintf(stream, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case FIELD_INTEGER:
        fprintf(stream, "%lld", (long long)*(const int64_t *)at);
        break;
    case FIELD_FLAG:
        break; /* `before` says it all */
    case FIELD_DURATION:
        fputs(duration_format(*(const int64_t *)at, text), stream);
        break;
    case FIELD_SIZE:
        fputs(size_format(*(const uint64_t *)at, text), stream);
        break;
    case FIELD_RATE:
        fputs(rate_format(*(const double *)at, text), stream);
        break;
    case FIELD_TIME:
        put_time(stream, *(const uint64_t *)at);
        break;
    case FIELD_ADDRESS:
        herald_address_format(at, text, sizeof text);
        fputs(text, stream);
        break;
    }
}

static bool is_one(const struct field *field, const void *at)
{
    return (field->kind == FIELD_NUMBER && *(const uint64_t *)at == 1) ||
           (field->kind == FIELD_INTEGER && *(const int64_t *)at == 1);
}

/* What follows a value: "(s)" in it is the plural's ending, or nothing behind a 1. */
static void put_after(FILE *stream, const struct field *field, const void *at)
{
    const char *plural = field->after != NULL ? strstr(field->after, "(s)") : NULL;

    if (field->after == NULL)
        return;
    if (plural == NULL) {
        fputs(field->after, stream);
        return;
    }
    fwrite(field->after, 1, (size_t)(plural - field->after), stream);
    fputs(is_one(field, at) ? "" : "s", stream);
    fputs(plural + 3, stream);
}

bool output_put_value(FILE *stream, const struct field *field, const void *record)
{
    const void *at = field_at(field, record);

    if (!field_is_known(field, at))
        return false;
    put_value(stream, field, at);
    return true;
}

/* @return whether there was anything to say */
static bool put_line(FILE *stream, const struct field *fields, const void *record)
{
    bool any = false;

    for (const struct field *field = fields; field->key != NULL; field++) {
        const void *at = field_at(field, record);
        if (field->before == NULL || !field_is_known(field, at))
            continue;
        if (field->kind == FIELD_FLAG && !*(const bool *)at)
            continue;
        fputs(field->before, stream);
        put_value(stream, field, at);
        put_after(stream, field, at);
        any = true;
    }
    if (any)
        putc('\n', stream);
    return any;
}

/* JSON has no unsigned 64-bit numbers that every reader takes; none of ours gets that large. */
static json_t *json_number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Text that is not UTF-8 is escaped as for a terminal. */
static json_t *json_text(const char *value)
{
    size_t length = strlen(value);

    if (text_is_utf8((const uint8_t *)value, length))
        return json_string(value);
    size_t size = 4 * length + 1;
    char *escaped = malloc(size);
    if (escaped == NULL)
        return NULL;
    text_escape((const uint8_t *)value, length, escaped, size);
    json_t *text = json_string(escaped);
    free(escaped);
    return text;
}

static json_t *json_list(const struct list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_text(list->items[i]));
    return array;
}

/* Payload that is not UTF-8, as hex digits. */
static json_t *json_hex(const struct bytes *bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * bytes->size + 1);

    if (hex == NULL)
        return NULL;
    for (size_t i = 0; i < bytes->size; i++) {
        hex[2 * i] = digits[bytes->data[i] >> 4];
        hex[2 * i + 1] = digits[bytes->data[i] & 15];
    }
    json_t *text = json_stringn(hex, 2 * bytes->size);
    free(hex);
    return text;
}

static json_t *json_address(const struct herald_address *address)
{
    char text[HERALD_ADDRESS_TEXT_BYTES] = "";

    herald_address_format(address, text, sizeof text);
    return json_string(text);
}

/* The value of a field, and what its key ends with. */
static json_t *json_value(const struct field *field, const void *at, const char **ret_suffix)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return json_text(*(const char *const *)at);
    case FIELD_LIST:
        return json_list(at);
    case FIELD_BYTES: {
        const struct bytes *bytes = at;
        if (bytes->size == 0)
            return json_string("");
        if (text_is_utf8(bytes->data, bytes->size))
            return json_stringn((const char *)bytes->data, bytes->size);
        *ret_suffix = "_hex";
        return json_hex(bytes);
    }
    case FIELD_NUMBER:
        return json_number(*(const uint64_t *)at);
    case FIELD_INTEGER:
        return json_integer(*(const int64_t *)at);
    case FIELD_FLAG:
        return json_boolean(*(const bool *)at);
    case FIELD_DURATION:
        *ret_suffix = "_ns";
        return json_integer(*(const int64_t *)at);
    case FIELD_SIZE:
        *ret_suffix = "_bytes";
        return json_number(*(const uint64_t *)at);
    case FIELD_RATE:
        *ret_suffix = "_bps";
        return json_number(*(const double *)at < 9e18 ? (uint64_t)(*(const double *)at + 0.5) : INT64_MAX);
    case FIELD_TIME:
        *ret_suffix = "_ns";
        return json_number(*(const uint64_t *)at);
    case FIELD_ADDRESS:
        return json_address(at);
    }
    return NULL;
}

/* One object in one line of ASCII: what a terminal could take for a command is \uNNNN. */
static void put_json(FILE *stream, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

    if (text == NULL)
        return;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\x7f') /* the one control character that jansson lets pass; it can only be inside a string */
            fputs("\\u007f", stream);
        else
            putc(*at, stream);
    }
    putc('\n', stream);
    free(text);
}

static void put_json_record(FILE *stream, const char *event, const struct field *fields, const void *record)
{
    json_t *object = json_object();

    json_object_set_new(object, "event", json_string(event));
    for (const struct field *field = fields; field->key != NULL; field++) {
        const void *at = field_at(field, record);
        if (!field_is_known(field, at))
            continue;
        const char *suffix = "";
        json_t *value = json_value(field, at, &suffix);
        char key[KEY_BYTES];
        snprintf(key, sizeof key, "%s%s", field->key, suffix);
        json_object_set_new(object, key, value);
    }
    put_json(stream, object);
    json_decref(object);
}

int output_text(struct output *output, enum output_channel channel, const char *text, size_t size_bytes)
{
    if (channel == OUTPUT_MESSAGE && output->quiet)
        return output->write_error;
    if (output->json || channel == OUTPUT_DATA)
        write_data(output, text, size_bytes);
    else
        write_message(output, text, size_bytes);
    return output->write_error;
}

int output_record(struct output *output, enum output_channel channel, const char *event, const struct field *fields,
                  const void *record)
{
    char *text = NULL;
    size_t size = 0;

    if (channel == OUTPUT_MESSAGE && output->quiet)
        return output->write_error;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return -ENOMEM;
    if (output->json)
        put_json_record(stream, event, fields, record);
    else
        put_line(stream, fields, record);
    if (fclose(stream) != 0) {
        free(text);
        return -ENOMEM;
    }
    if (size > 0)
        output_text(output, channel, text, size);
    free(text);
    return output->write_error;
}

void output_error_to(int fd, const char *prefix, const struct herald_error *error)
{
    const struct output patient = { .interrupt_fd = -1, .end_ns = HERALD_NEVER, .message_fd = fd };
    char line[ERROR_LINE_BYTES];

    write_message(&patient, line, format_error(prefix, error, line));
}

/* What an error or a warning is in JSON; the human form is output_error_to()'s. */
struct problem {
    const char *cause;
    const char *advice;
};

static const struct field problem_fields[] = {
    { .key = "cause", .kind = FIELD_TEXT, .offset = offsetof(struct problem, cause) },
    { .key = "advice", .kind = FIELD_TEXT, .offset = offsetof(struct problem, advice) },
    { .key = NULL },
};

static void output_problem(struct output *output, enum output_channel channel, const char *event, const char *prefix,
                           const struct herald_error *error)
{
    struct problem problem = { .cause = error->cause, .advice = error->advice[0] != '\0' ? error->advice : NULL };

    if (output->json) {
        output_record(output, channel, event, problem_fields, &problem);
    } else if (channel == OUTPUT_ERROR || !output->quiet) {
        clear_screen(output);
        output_error_to(output->message_fd, prefix, error);
    }
}

void output_error(struct output *output, const struct herald_error *error)
{
    output_problem(output, OUTPUT_ERROR, "error", output->command, error);
}

void output_warning(struct output *output, const struct herald_error *error)
{
    char prefix[KEY_BYTES];

    snprintf(prefix, sizeof prefix, "%s: warning", output->command);
    output_problem(output, OUTPUT_MESSAGE, "warning", prefix, error);
}

struct note {
    const char *text;
};

static const struct field note_fields[] = {
    { .key = "text", .kind = FIELD_TEXT, .offset = offsetof(struct note, text), .before = "" },
    { .key = NULL },
};

void output_note(struct output *output, const char *format, ...)
{
    char text[1024];
    struct note note = { .text = text };
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= 0)
        output_record(output, OUTPUT_MESSAGE, "note", note_fields, &note);
}
