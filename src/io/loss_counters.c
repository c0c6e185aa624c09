/* SPDX-License-Identifier: MIT */
#include "loss_counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_ROOM_FIRST = 8192,
    FILE_BYTES_MAX = 4 * 1024 * 1024, /* softnet_stat has some 150 bytes for each processor */
    SOFTNET_DROPPED = 1,              /* columns */
    SOFTNET_SQUEEZED = 2,
};

/* ---- what counts as what --------------------------------------------------------------------- */

struct name {
    const char *section; /* of snmp and netstat, with its colon; in snmp6 the name begins with it */
    const char *name;
    enum hd_count count;
};

/* InCsumErrors of IP are among InHdrErrors. */
static const struct name pair_names[] = {
    { "Udp:", "RcvbufErrors", HD_COUNT_UDP_BUFFER },
    { "Udp:", "MemErrors", HD_COUNT_UDP_MEMORY },
    { "Udp:", "InErrors", HD_COUNT_UDP_ERRORS },
    { "Udp:", "InCsumErrors", HD_COUNT_UDP_CHECKSUM },
    { "Udp:", "IgnoredMulti", HD_COUNT_UDP_IGNORED },
    { "Ip:", "InReceives", HD_COUNT_IP_RECEIVED },
    { "Ip:", "InDelivers", HD_COUNT_IP_DELIVERED },
    { "Ip:", "ForwDatagrams", HD_COUNT_IP_FORWARDED },
    { "Ip:", "InHdrErrors", HD_COUNT_IP_HEADER },
    { "Ip:", "InAddrErrors", HD_COUNT_IP_UNWANTED },
    { "Ip:", "InUnknownProtos", HD_COUNT_IP_UNWANTED },
    { "Ip:", "InDiscards", HD_COUNT_IP_DISCARDS },
    { "Ip:", "ReasmReqds", HD_COUNT_IP_FRAGMENTS },
    { "Ip:", "ReasmOKs", HD_COUNT_IP_REASSEMBLED },
    { "Ip:", "ReasmFails", HD_COUNT_IP_REASSEMBLY_FAILS },
    { "IpExt:", "InNoRoutes", HD_COUNT_IP_UNWANTED },
    { "IpExt:", "InTruncatedPkts", HD_COUNT_IP_HEADER },
    { "TcpExt:", "IPReversePathFilter", HD_COUNT_IP_REVERSE_PATH },
};

static const struct name line_names[] = {
    { "", "Udp6RcvbufErrors", HD_COUNT_UDP_BUFFER },       { "", "Udp6MemErrors", HD_COUNT_UDP_MEMORY },
    { "", "Udp6InErrors", HD_COUNT_UDP_ERRORS },           { "", "Udp6InCsumErrors", HD_COUNT_UDP_CHECKSUM },
    { "", "Udp6IgnoredMulti", HD_COUNT_UDP_IGNORED },      { "", "Ip6InReceives", HD_COUNT_IP_RECEIVED },
    { "", "Ip6InDelivers", HD_COUNT_IP_DELIVERED },        { "", "Ip6OutForwDatagrams", HD_COUNT_IP_FORWARDED },
    { "", "Ip6InHdrErrors", HD_COUNT_IP_HEADER },          { "", "Ip6InTruncatedPkts", HD_COUNT_IP_HEADER },
    { "", "Ip6InAddrErrors", HD_COUNT_IP_UNWANTED },       { "", "Ip6InNoRoutes", HD_COUNT_IP_UNWANTED },
    { "", "Ip6InUnknownProtos", HD_COUNT_IP_UNWANTED },    { "", "Ip6InDiscards", HD_COUNT_IP_DISCARDS },
    { "", "Ip6ReasmReqds", HD_COUNT_IP_FRAGMENTS },        { "", "Ip6ReasmOKs", HD_COUNT_IP_REASSEMBLED },
    { "", "Ip6ReasmFails", HD_COUNT_IP_REASSEMBLY_FAILS },
};

/* ---- texts ----------------------------------------------------------------------------------- */

/* A piece of a text that need not end with a NUL. */
struct piece {
    const char *at;
    size_t length;
};

/* Takes the next line, without its end. @return false at the end of the text. */
static bool take_line(struct piece *text, struct piece *ret_line)
{
    const char *end;

    if (text->length == 0)
        return false;
    end = memchr(text->at, '\n', text->length);
    ret_line->at = text->at;
    ret_line->length = end != NULL ? (size_t)(end - text->at) : text->length;
    text->at += ret_line->length + (end != NULL);
    text->length -= ret_line->length + (end != NULL);
    return true;
}

/* Takes the next word. @return false if there is none. */
static bool take_word(struct piece *line, struct piece *ret_word)
{
    size_t start = 0;
    size_t end;

    while (start < line->length && (line->at[start] == ' ' || line->at[start] == '\t'))
        start++;
    for (end = start; end < line->length && line->at[end] != ' ' && line->at[end] != '\t';)
        end++;
    *ret_word = (struct piece){ line->at + start, end - start };
    line->at += end;
    line->length -= end;
    return ret_word->length > 0;
}

static bool piece_is(const struct piece *piece, const char *text)
{
    return piece->length == strlen(text) && memcmp(piece->at, text, piece->length) == 0;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* @return the number; 0 for what is none, or too large ("-1" stands among the numbers of snmp). */
static uint64_t piece_number(const struct piece *piece, unsigned base)
{
    uint64_t value = 0;

    for (size_t i = 0; i < piece->length; i++) {
        int digit = digit_value(piece->at[i]);

        if (digit < 0 || (unsigned)digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, (unsigned)digit, &value))
            return 0;
    }
    return value;
}

static void add(struct hd_counts *counts, enum hd_count count, uint64_t value)
{
    counts->values[count] += value; /* unsigned: a text of nonsense gives nonsense, and nothing worse */
}

static void add_named(struct hd_counts *counts, const struct name *names, size_t name_count,
                      const struct piece *section, const struct piece *name, const struct piece *value)
{
    for (size_t i = 0; i < name_count; i++)
        if (piece_is(name, names[i].name) && (section == NULL || piece_is(section, names[i].section)))
            add(counts, names[i].count, piece_number(value, 10));
}

void hd_counts_parse_pairs(struct hd_counts *counts, const char *text, size_t size_bytes)
{
    struct piece rest = { text, size_bytes };
    struct piece names;
    struct piece values;

    while (take_line(&rest, &names) && take_line(&rest, &values)) {
        struct piece section;
        struct piece name;
        struct piece value;

        if (!take_word(&names, &section) || !take_word(&values, &value) || section.length != value.length ||
            memcmp(section.at, value.at, section.length) != 0)
            return; /* no pair: nothing that follows can be trusted to be one */
        while (take_word(&names, &name) && take_word(&values, &value))
            add_named(counts, pair_names, sizeof(pair_names) / sizeof(pair_names[0]), &section, &name, &value);
    }
}

void hd_counts_parse_lines(struct hd_counts *counts, const char *text, size_t size_bytes)
{
    struct piece rest = { text, size_bytes };
    struct piece line;

    while (take_line(&rest, &line)) {
        struct piece name;
        struct piece value;

        if (take_word(&line, &name) && take_word(&line, &value))
            add_named(counts, line_names, sizeof(line_names) / sizeof(line_names[0]), NULL, &name, &value);
    }
}

void hd_counts_parse_softnet(struct hd_counts *counts, const char *text, size_t size_bytes)
{
    struct piece rest = { text, size_bytes };
    struct piece line;

    while (take_line(&rest, &line)) {
        struct piece word;

        for (int column = 0; column <= SOFTNET_SQUEEZED && take_word(&line, &word); column++) {
            if (column == SOFTNET_DROPPED)
                add(counts, HD_COUNT_BACKLOG_DROPS, piece_number(&word, 16));
            else if (column == SOFTNET_SQUEEZED)
                add(counts, HD_COUNT_BACKLOG_SQUEEZES, piece_number(&word, 16));
        }
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Reads until the end of the file. @return its size, with what was read in *text; -errno. */
static ssize_t read_all(int fd, char **text, size_t *room)
{
    size_t size = 0;

    for (;;) {
        ssize_t n;

        if (size == *room) {
            size_t larger = *room == 0 ? FILE_ROOM_FIRST : *room * 2;
            char *moved = larger > FILE_BYTES_MAX ? NULL : realloc(*text, larger);

            if (moved == NULL)
                return -ENOMEM;
            *text = moved;
            *room = larger;
        }
        n = read(fd, *text + size, *room - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return (ssize_t)size;
        size += (size_t)n;
    }
}

size_t hd_counts_read_buffer_max(void)
{
    char text[32];
    struct piece rest = { text, 0 };
    struct piece line;
    int fd = open("/proc/sys/net/core/rmem_max", O_RDONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0)
        return 0;
    size = read(fd, text, sizeof(text));
    close(fd);
    rest.length = size > 0 ? (size_t)size : 0;
    return take_line(&rest, &line) ? (size_t)piece_number(&line, 10) : 0;
}

int hd_counts_read(struct hd_counts *ret_counts)
{
    static const struct {
        const char *path;
        void (*parse)(struct hd_counts *counts, const char *text, size_t size_bytes);
    } files[] = {
        { "/proc/thread-self/net/snmp", hd_counts_parse_pairs },
        { "/proc/thread-self/net/netstat", hd_counts_parse_pairs },
        { "/proc/thread-self/net/snmp6", hd_counts_parse_lines },
        { "/proc/thread-self/net/softnet_stat", hd_counts_parse_softnet },
    };
    struct hd_counts counts = { 0 };
    char *text = NULL;
    size_t room = 0;
    ssize_t size = 0;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && size != -ENOMEM; i++) {
        int fd = open(files[i].path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            continue;
        size = read_all(fd, &text, &room);
        close(fd);
        if (size <= 0)
            continue;
        files[i].parse(&counts, text, (size_t)size);
        counts.files |= 1u << i;
    }
    free(text);
    if (size == -ENOMEM)
        return -ENOMEM;
    *ret_counts = counts;
    return 0;
}
