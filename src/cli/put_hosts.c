/* SPDX-License-Identifier: MIT */
#include "put_hosts.h"

#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A text of more is no list of hosts. */
enum { TEXT_BYTES_MAX = 8 << 20 };

static const char node_prefix[] = "node:";

/* One line that names somebody. */
struct line {
    char *word;
    size_t number; /* from 1 */
    size_t index;  /* among those that name somebody */
    struct herald_expected who;
};

struct parser {
    const char *name;
    struct line *lines;
    size_t count;
    struct herald_error *error;
};

/* ---- one line -------------------------------------------------------------------------------- */

static int refuse(const struct parser *parser, const struct line *line, const char *why, const char *advice)
{
    (void)herald_error_set(parser->error, -EINVAL, "%.80s, line %zu: '%.64s' %s", parser->name, line->number,
                           line->word, why);
    if (advice != NULL)
        herald_error_advise(parser->error, "%s", advice);
    return -EINVAL;
}

static int parse_node(const struct parser *parser, struct line *line)
{
    const char *digits = line->word + strlen(node_prefix);
    bool hex = strncasecmp(digits, "0x", 2) == 0;
    const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
    const char *start = hex ? digits + 2 : digits;
    unsigned long long id;

    errno = 0;
    id = strtoull(start, NULL, hex ? 16 : 10);
    if (*start == '\0' || start[strspn(start, allowed)] != '\0' || errno != 0 || id == HERALD_NORM_NODE_NONE ||
        id >= HERALD_NORM_NODE_ANY)
        return refuse(parser, line, "is no node id: it is a number from 1 to 4294967294", "node:17, or node:0x11");
    line->who.node_id = (uint32_t)id;
    return 0;
}

static int parse_name(const struct parser *parser, struct line *line)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const char *word = line->word;

    if (word[strspn(word, "0123456789.")] == '\0' || strpbrk(word, ":%/") != NULL)
        return refuse(parser, line, "is neither a host's name nor a numeric address",
                      "one a line: web1, 192.0.2.7, 2001:db8::7 or node:17; without port, prefix or zone");
    if (word[strspn(word, allowed)] != '\0')
        return refuse(parser, line, "is no host's name: it has other characters than letters, digits, - . and _", NULL);
    if (strlen(word) >= HERALD_HOST_NAME_BYTES)
        return refuse(parser, line, "is longer than a host's name can be (64)", "its address instead");
    line->who.host = word;
    return 0;
}

static int parse_word(const struct parser *parser, struct line *line)
{
    if (strncmp(line->word, node_prefix, strlen(node_prefix)) == 0)
        return parse_node(parser, line);
    if (herald_address_parse(line->word, &line->who.address) < 0)
        return parse_name(parser, line);
    if (herald_address_is_multicast(&line->who.address))
        return refuse(parser, line, "is a group, not a host", "herald get on each host; list the hosts here");
    return 0;
}

/* Cuts a line down to its word. @return whether there is one. */
static bool find_word(char *text, char **ret_word)
{
    static const char blanks[] = " \t\r\v\f";
    size_t length;

    text[strcspn(text, "#")] = '\0';
    text += strspn(text, blanks);
    length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    *ret_word = text;
    return length > 0;
}

static int parse_line(struct parser *parser, char *text, size_t number)
{
    struct line *line = &parser->lines[parser->count];
    int result;

    *line = (struct line){ .number = number, .index = parser->count };
    if (!find_word(text, &line->word))
        return 0;
    if (strpbrk(line->word, " \t") != NULL)
        return refuse(parser, line, "is more than one word", "one host a line; # begins a comment");
    result = parse_word(parser, line);
    if (result < 0)
        return result;
    if (parser->count == PUT_HOSTS_MAX)
        return herald_error_set(parser->error, -EINVAL, "%.80s names more than %d hosts", parser->name,
                                (int)PUT_HOSTS_MAX);
    parser->count++;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int compare_addresses(const struct herald_address *a, const struct herald_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static int compare_who(const struct herald_expected *a, const struct herald_expected *b)
{
    if ((a->host != NULL) != (b->host != NULL))
        return a->host != NULL ? -1 : 1;
    if (a->host != NULL)
        return strcasecmp(a->host, b->host);
    if (a->node_id != b->node_id)
        return a->node_id < b->node_id ? -1 : 1;
    return compare_addresses(&a->address, &b->address);
}

/* Equal ones stand together afterwards, the first of the text first. */
static int by_who(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    int order = compare_who(&left->who, &right->who);

    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static int by_index(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;

    return (left->index > right->index) - (left->index < right->index);
}

static void drop_repeated(struct parser *parser)
{
    size_t kept = 0;

    qsort(parser->lines, parser->count, sizeof *parser->lines, by_who);
    for (size_t i = 0; i < parser->count; i++) {
        if (kept == 0 || compare_who(&parser->lines[kept - 1].who, &parser->lines[i].who) != 0)
            parser->lines[kept++] = parser->lines[i];
    }
    parser->count = kept;
    qsort(parser->lines, parser->count, sizeof *parser->lines, by_index);
}

static size_t count_lines(const char *text)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static int parse_lines(struct parser *parser, char *text)
{
    size_t number = 1;

    for (char *next = text; next != NULL; number++) {
        char *line = strsep(&next, "\n");
        int result = parse_line(parser, line, number);

        if (result < 0)
            return result;
    }
    if (parser->count > 0)
        return 0;
    (void)herald_error_set(parser->error, -EINVAL, "%.80s names nobody", parser->name);
    herald_error_advise(parser->error, "one host a line: its name, address, or node:ID");
    return -EINVAL;
}

int put_hosts_parse(const char *text, size_t size_bytes, const char *name, struct put_hosts *ret_hosts,
                    struct herald_error *error)
{
    struct parser parser = { .name = name, .error = error };
    struct put_hosts hosts = { .text = strndup(text, size_bytes) };
    size_t lines;
    int result = -ENOMEM;

    if (memchr(text, '\0', size_bytes) != NULL) {
        free(hosts.text);
        return herald_error_set(error, -EINVAL, "%.80s is no text: it has a zero byte", name);
    }
    if (hosts.text != NULL) {
        lines = count_lines(hosts.text);
        parser.lines = calloc(lines + 1, sizeof *parser.lines);
        hosts.items = calloc(lines, sizeof *hosts.items);
    }
    if (parser.lines != NULL && hosts.items != NULL)
        result = parse_lines(&parser, hosts.text);
    else
        (void)herald_error_set(error, -ENOMEM, "out of memory");
    if (result == 0) {
        drop_repeated(&parser);
        for (size_t i = 0; i < parser.count; i++)
            hosts.items[i] = parser.lines[i].who;
        hosts.count = parser.count;
        *ret_hosts = hosts;
    } else {
        put_hosts_release(&hosts);
    }
    free(parser.lines);
    return result;
}

/* @return 0 with *ret_text to be freed; -errno; -EFBIG. */
static int read_text(int fd, char **ret_text, size_t *ret_bytes)
{
    char *text = malloc(TEXT_BYTES_MAX);
    size_t used = 0;
    ssize_t got = 1;

    while (text != NULL && used < TEXT_BYTES_MAX && got != 0) {
        got = read(fd, text + used, TEXT_BYTES_MAX - used);
        if (got < 0 && errno != EINTR) {
            int code = -errno;

            free(text);
            return code;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    if (text == NULL || used == TEXT_BYTES_MAX) {
        free(text);
        return text == NULL ? -ENOMEM : -EFBIG;
    }
    *ret_text = text;
    *ret_bytes = used;
    return 0;
}

int put_hosts_read(const char *path, struct put_hosts *ret_hosts, struct herald_error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int result = fd < 0 ? -errno : 0;
    size_t size_bytes = 0;
    char *text = NULL;
    char quoted[200];

    if (is_stdin)
        path = "standard input";
    if (fd >= 0) {
        result = read_text(fd, &text, &size_bytes);
        (void)close(fd);
    }
    if (result < 0 || text == NULL) {
        (void)herald_error_set(error, result == -EINVAL ? -EIO : result, "cannot read %.120s: %s", path,
                               result == -EFBIG ? "it is too long to be a list of hosts" : strerror(-result));
        if (!is_stdin)
            herald_error_advise(error, "ls -l %s", words_quote(path, quoted, sizeof quoted));
        return result == -EINVAL ? -EIO : result;
    }
    result = put_hosts_parse(text, size_bytes, path, ret_hosts, error);
    free(text);
    return result;
}

void put_hosts_release(struct put_hosts *hosts)
{
    free(hosts->items);
    free(hosts->text);
    *hosts = (struct put_hosts){ 0 };
}
