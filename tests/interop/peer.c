/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static volatile sig_atomic_t is_over;

static void handle_signal(int number)
{
    (void)number;
    is_over = 1;
}

bool peer_is_over(void)
{
    return is_over != 0;
}

void peer_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

void peer_die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(3);
}

/* ------------------------------------------------------------------ options */

enum option_kind { FLAG, NUMBER, REAL, TEXT, KIND, NODES };

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset_bytes; /* in struct peer_options */
};

#define ROW(name, kind, field)                     \
 {                                                 \
  name, kind, offsetof(struct peer_options, field) \
 }

static const struct option_row rows[] = {
    ROW("group", TEXT, group),
    ROW("interface", TEXT, interface),
    ROW("port", NUMBER, port),
    ROW("node", NUMBER, node),
    ROW("rx-loss", REAL, rx_loss_percent),
    ROW("tx-loss", REAL, tx_loss_percent),
    ROW("unicast", FLAG, unicast),
    ROW("verbose", FLAG, verbose),
    ROW("seconds", REAL, seconds),
    ROW("kind", KIND, kind),
    ROW("message", NUMBER, message_bytes_max),
    ROW("flush-messages", FLAG, flush_messages),
    ROW("no-info", FLAG, no_info),
    ROW("cc", FLAG, congestion_control),
    ROW("auto", FLAG, auto_rate),
    ROW("rate", REAL, rate_bytes_per_s),
    ROW("grtt", REAL, grtt_s),
    ROW("segment", NUMBER, segment_bytes),
    ROW("block", NUMBER, block_segments),
    ROW("parity", NUMBER, parity_segments),
    ROW("proactive", NUMBER, proactive_parity),
    ROW("fec", NUMBER, fec_id),
    ROW("robust", NUMBER, robust_factor),
    ROW("stream-buffer", NUMBER, stream_bytes),
    ROW("ack", NODES, ack_nodes),
    ROW("directory", TEXT, directory),
    ROW("silent", FLAG, silent),
    ROW("sync-all", FLAG, sync_all),
};

enum { ROWS_COUNT = sizeof rows / sizeof rows[0] };

static enum peer_kind kind_named(const char *name)
{
    static const char *const names[] = { [PEER_FILE] = "file", [PEER_DATA] = "data", [PEER_STREAM] = "stream" };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return (enum peer_kind)i;
    peer_die("no kind of object: %s", name);
}

static unsigned number_in(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || number > UINT32_MAX)
        peer_die("not a number: %s", text);
    return (unsigned)number;
}

static double real_in(const char *text)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end != '\0' || number < 0)
        peer_die("not a number: %s", text);
    return number;
}

static void set(struct peer_options *options, const struct option_row *row, const char *value)
{
    void *field = (char *)options + row->offset_bytes;

    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        break;
    case NUMBER:
        *(unsigned *)field = number_in(value);
        break;
    case REAL:
        *(double *)field = real_in(value);
        break;
    case TEXT:
        *(const char **)field = value;
        break;
    case KIND:
        *(enum peer_kind *)field = kind_named(value);
        break;
    case NODES:
        if (options->ack_nodes_count == PEER_ACK_NODES_MAX)
            peer_die("too many nodes");
        options->ack_nodes[options->ack_nodes_count++] = number_in(value);
        break;
    }
}

static void catch_signals(const struct peer_options *options)
{
    const struct sigaction action = { .sa_handler = handle_signal };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(options->seconds < 1 ? 1 : (unsigned)options->seconds);
}

struct peer_options peer_parse(int argc, char **argv)
{
    struct option longs[ROWS_COUNT + 1] = { { 0 } };
    struct peer_options options = {
        .group = "239.1.2.3",
        .interface = "eth0",
        .port = 6003,
        .seconds = 60,
        .rate_bytes_per_s = 1e6,
        .grtt_s = 0.02,
        .segment_bytes = 1400,
        .block_segments = 64,
        .parity_segments = 32,
        .fec_id = 5,
        .robust_factor = 20,
        .stream_bytes = 1 << 20,
        .directory = ".",
    };
    int index = 0, found;

    for (unsigned i = 0; i < ROWS_COUNT; i++)
        longs[i] = (struct option){ rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument, NULL, 0 };
    while ((found = getopt_long(argc, argv, "", longs, &index)) == 0)
        set(&options, &rows[index], optarg);
    if (found != -1 || optind >= argc || options.node == 0)
        peer_die("usage: %s send|receive --node ID [OPTION...] [FILE...]", argv[0]);
    options.sends = strcmp(argv[optind], "send") == 0;
    options.files = argv + optind + 1;
    options.files_count = argc - optind - 1;
    if (options.sends != (options.files_count > 0) || options.files_count > PEER_OBJECTS_MAX)
        peer_die("send needs files, receive none");
    options.seed = options.node;
    catch_signals(&options);
    return options;
}

/* ------------------------------------------------------------------ messages */

unsigned peer_message_bytes(const struct peer_options *options, unsigned index)
{
    unsigned half = options->message_bytes_max / 2;

    return half + 1 + (index * 2654435761U >> 7) % (options->message_bytes_max - half);
}

void peer_note_start(const struct peer_options *options, struct peer_starts *starts, uint64_t offset_bytes)
{
    while (starts->offset_bytes < offset_bytes && options->message_bytes_max > 0)
        starts->offset_bytes += peer_message_bytes(options, starts->index++);
    if (starts->offset_bytes == offset_bytes)
        starts->right++;
    else
        starts->wrong++;
}

/* ------------------------------------------------------------------ content */

const char *peer_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

void peer_append(struct peer_content *content, const void *bytes, size_t size_bytes)
{
    if (size_bytes == 0) /* a read that found nothing: there may be no memory yet to copy it to */
        return;
    if (content->size_bytes + size_bytes > content->room_bytes) {
        content->room_bytes = 2 * (content->size_bytes + size_bytes);
        content->bytes = (char *)realloc(content->bytes, content->room_bytes);
        if (content->bytes == NULL)
            peer_die("no memory");
    }
    memcpy(content->bytes + content->size_bytes, bytes, size_bytes);
    content->size_bytes += size_bytes;
}

struct peer_content peer_load(const char *path)
{
    struct peer_content content = { .bytes = NULL };
    char buffer[65536];
    size_t got;
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        peer_die("%s: %s", path, strerror(errno));
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0)
        peer_append(&content, buffer, got);
    fclose(file);
    return content;
}

void peer_store(const struct peer_options *options, const char *name, const char *bytes, size_t size_bytes)
{
    char part[PATH_BYTES], path[PATH_BYTES];
    FILE *file;

    if (strchr(name, '/') != NULL)
        peer_die("a name with a slash: %s", name);
    snprintf(path, sizeof path, "%s/%s", options->directory, name);
    snprintf(part, sizeof part, "%s/.part-%u", options->directory, options->node);
    file = fopen(part, "wb");
    if (file == NULL || (size_bytes > 0 && fwrite(bytes, 1, size_bytes, file) != size_bytes) || fclose(file) != 0 ||
        rename(part, path) != 0)
        peer_die("%s: %s", path, strerror(errno));
}
