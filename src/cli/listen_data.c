/* SPDX-License-Identifier: MIT */
#include "listen.h"

#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where datagrams go ---------------------------------------------------------------------- */

const char *listen_output_path(const char *given)
{
    return given != NULL && output_is_stdout(given) ? NULL : given;
}

static int refuse_output(const char *path, int code, struct herald_error *error)
{
    const char *slash = strrchr(path, '/');
    char directory[PATH_MAX] = ".";
    char quoted[200];

    if (slash != NULL && (size_t)(slash - path) < sizeof(directory))
        snprintf(directory, sizeof(directory), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    herald_error_set(error, code, "cannot write to %s: %s", path, strerror(-code));
    if (code == -EISDIR)
        herald_error_advise(error, "-o %s/datagrams",
                            words_quote(slash != NULL && slash[1] == '\0' ? directory : path, quoted, sizeof(quoted)));
    else if (code == -ENOENT && access(directory, F_OK) < 0)
        herald_error_advise(error, "mkdir -p %s", words_quote(directory, quoted, sizeof(quoted)));
    else if (code == -EACCES || code == -EPERM)
        herald_error_advise(error, "ls -ld %s",
                            words_quote(access(path, F_OK) == 0 ? path : directory, quoted, sizeof(quoted)));
    else if (code == -ENOSPC || code == -EROFS)
        herald_error_advise(error, "df -h %s", words_quote(directory, quoted, sizeof(quoted)));
    return code;
}

int listen_open_output(struct listener *listener, struct herald_error *error)
{
    const char *path = listener->output_path;
    struct stat status;
    int fd;

    listener->data_end = -1;
    if (path == NULL)
        return 0;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return refuse_output(path, -errno, error);
    listener->data.data_fd = fd;
    listener->data.data_name = path;
    listener->data.data_is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    if (listener->data.data_is_file)
        listener->data_end = 0;
    return 0;
}

void listen_close_output(struct listener *listener)
{
    struct output *data = &listener->data;

    if (listener->output_path == NULL || data->data_fd < 0)
        return;
    /* A full disk cuts a record in two: better a file that ends with the last whole one. */
    if (data->write_error != 0 && listener->data_end >= 0 && ftruncate(data->data_fd, listener->data_end) < 0) {
        struct herald_error error;

        herald_error_set(&error, -errno, "%s ends with half a record: %s", data->data_name, strerror(errno));
        output_warning(&listener->messages, &error);
    }
    if (close(data->data_fd) < 0 && data->write_error == 0) { /* some file systems only find out now */
        struct herald_error error;

        data->write_error = -errno;
        herald_error_set(&error, -errno, "cannot write to %s: %s", data->data_name, strerror(errno));
        output_error(&listener->messages, &error);
    }
    data->data_fd = -1;
}

/* ---- one datagram ---------------------------------------------------------------------------- */

struct datagram_record {
    uint64_t time_ns;
    const char *peer;
    const char *to;
    struct herald_address source;
    uint64_t source_port;
    struct herald_address group;
    uint64_t port;
    const char *interface;
    int64_t ttl;
    uint64_t size_bytes;
    bool truncated;
    struct bytes payload;
};

#define FIELD(key, kind, member, before, after)                      \
 {                                                                   \
  key, kind, offsetof(struct datagram_record, member), before, after \
 }

static const struct field datagram_fields[] = {
    FIELD("time", FIELD_TIME, time_ns, "", ""),
    FIELD("peer", FIELD_TEXT, peer, "  ", ""),
    FIELD("to", FIELD_TEXT, to, " > ", ""),
    FIELD("source", FIELD_ADDRESS, source, NULL, NULL),
    FIELD("source_port", FIELD_NUMBER, source_port, NULL, NULL),
    FIELD("group", FIELD_ADDRESS, group, NULL, NULL),
    FIELD("port", FIELD_NUMBER, port, NULL, NULL),
    FIELD("interface", FIELD_TEXT, interface, "  ", ""),
    FIELD("ttl", FIELD_INTEGER, ttl, "  ttl ", ""),
    FIELD("size", FIELD_SIZE, size_bytes, "  ", ""),
    FIELD("truncated", FIELD_FLAG, truncated, "  (cut)", ""),
    FIELD("payload", FIELD_BYTES, payload, "  \"", "\""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

/* What all datagrams of a run share, formatted once. */
struct run_texts {
    char peer[HERALD_ENDPOINT_TEXT_BYTES];
    char to[HERALD_ENDPOINT_TEXT_BYTES];
};

static void fill_record(const struct listener *listener, const struct herald_run *run, struct run_texts *texts,
                        struct datagram_record *record)
{
    const struct herald_peer to = { .address = run->group,
                                    .port = run->group_port,
                                    .interface_index = run->source.interface_index };

    *record = (struct datagram_record){
        .time_ns = run->time_ns,
        .peer = texts->peer,
        .to = texts->to,
        .source = run->source.address,
        .source_port = run->source.port,
        .group = run->group,
        .port = run->group_port,
        .interface = herald_receiver_interface_name(listener->receiver, run->source.interface_index),
        .ttl = run->ttl,
        .truncated = run->truncated,
    };
    herald_peer_format(&run->source, record->interface, texts->peer, sizeof(texts->peer));
    herald_peer_format(&to, record->interface, texts->to, sizeof(texts->to));
}

static int print_hex(struct output *output, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char line[2 * 65536 + 1];
    size_t used = 0;

    for (size_t i = 0; i < size && used + 3 <= sizeof(line); i++) {
        line[used++] = digits[data[i] >> 4];
        line[used++] = digits[data[i] & 15];
    }
    line[used++] = '\n';
    return output_raw(output, line, used);
}

static int print_datagram(struct listener *listener, struct datagram_record *record, const uint8_t *payload,
                          size_t size)
{
    switch ((enum listen_format)listener->settings->format) {
    case FORMAT_HEX:
        return print_hex(&listener->data, payload, size);
    case FORMAT_RAW:
        return output_raw(&listener->data, payload, size);
    case FORMAT_TEXT:
    case FORMAT_JSON:
        break;
    }
    record->size_bytes = size;
    record->payload = (struct bytes){ payload, size };
    return output_record(&listener->data, OUTPUT_DATA, "datagram", datagram_fields, record);
}

void listen_print_run(struct listener *listener, const struct herald_run *run, size_t count)
{
    struct datagram_record record;
    struct run_texts texts;

    fill_record(listener, run, &texts, &record);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *payload = herald_run_datagram(run, i, &size);

        if (print_datagram(listener, &record, payload, size) < 0) {
            listener->finished = true; /* nobody reads any more; the line about it is out already */
            return;
        }
        listener->printed++;
        if (listener->data_end >= 0)
            listener->data_end = lseek(listener->data.data_fd, 0, SEEK_CUR);
    }
}
