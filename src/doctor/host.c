/* SPDX-License-Identifier: MIT */
#include "host.h"

#include "address.h"
#include "netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4 * 1024 * 1024, FILE_STEP_BYTES = 16384 };

/* ---- files ----------------------------------------------------------------------------------- */

/* @return what was read, less than asked at the end of the file; -errno. */
static ssize_t read_fully(int fd, char *buffer, size_t size_bytes)
{
    size_t length = 0;

    while (length < size_bytes) {
        ssize_t n = read(fd, buffer + length, size_bytes - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    return (ssize_t)length;
}

int hd_host_read(const char *path, char *ret_text, size_t size_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length;

    if (fd < 0)
        return -errno;
    length = read_fully(fd, ret_text, size_bytes - 1);
    close(fd);
    if (length < 0)
        return (int)length;
    ret_text[length] = '\0';
    return (int)length;
}

int hd_host_read_all(const char *path, char **ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;
    size_t length = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    do {
        char *larger = realloc(text, length + FILE_STEP_BYTES + 1);

        if (larger == NULL) {
            n = -ENOMEM;
            break;
        }
        text = larger;
        n = read_fully(fd, text + length, FILE_STEP_BYTES);
        if (n > 0)
            length += (size_t)n;
    } while (n == FILE_STEP_BYTES && length < FILE_MAX_BYTES);
    close(fd);
    if (n < 0) {
        free(text);
        return (int)n;
    }
    text[length] = '\0';
    *ret_text = text;
    return (int)length;
}

int hd_host_setting(int64_t *ret_value, const char *path_format, ...)
{
    char path[256] = "/proc/sys/";
    size_t start = strlen(path);
    char text[64];
    char *end;
    va_list arguments;
    int length;
    int64_t value;

    va_start(arguments, path_format);
    length = vsnprintf(path + start, sizeof path - start, path_format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof path - start)
        return -ENAMETOOLONG;
    length = hd_host_read(path, text, sizeof text);
    if (length < 0)
        return length;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (end == text || errno != 0)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

/* ---- counters -------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static int read_number(const char *text, uint64_t *ret_value)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (end == text)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

/* "Section: name name name\nSection: 1 2 3\n". */
static int find_in_columns(const char *names, const char *name, uint64_t *ret_value)
{
    const char *values = strchr(names, '\n');
    size_t length = strlen(name);

    if (values == NULL)
        return -ENOENT;
    values = strpbrk(values, ":");
    if (values == NULL)
        return -ENOENT;
    values = skip_blanks(values + 1);
    for (names = skip_blanks(names); *names != '\n' && *names != '\0'; names = skip_blanks(names)) {
        size_t word = strcspn(names, " \t\n");

        if (word == length && strncmp(names, name, word) == 0)
            return read_number(values, ret_value);
        names += word;
        values += strcspn(values, " \t\n");
        values = skip_blanks(values);
    }
    return -ENOENT;
}

/* "Name    1\n". */
static int find_in_lines(const char *text, const char *name, uint64_t *ret_value)
{
    size_t length = strlen(name);

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '\t'))
            return read_number(skip_blanks(line + length), ret_value);
        if (*line == '\0')
            break;
    }
    return -ENOENT;
}

int hd_host_find_counter(const char *text, const char *section, const char *name, uint64_t *ret_value)
{
    size_t length;

    if (section == NULL)
        return find_in_lines(text, name, ret_value);
    length = strlen(section);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, section, length) == 0 && line[length] == ':')
            return find_in_columns(line + length + 1, name, ret_value);
        if (*line == '\0')
            break;
    }
    return -ENOENT;
}

int hd_host_counter(const char *path, const char *section, const char *name, uint64_t *ret_value)
{
    char *text = NULL;
    int result = hd_host_read_all(path, &text);

    if (result < 0)
        return result;
    result = hd_host_find_counter(text, section, name, ret_value);
    free(text);
    return result;
}

/* ---- routes ---------------------------------------------------------------------------------- */

static size_t address_bytes(const struct herald_address *address)
{
    return address->family == HERALD_FAMILY_IPV4 ? 4 : 16;
}

static void put_address(struct nlmsghdr *request, uint16_t type, const struct herald_address *address)
{
    if (address->family != HERALD_FAMILY_NONE)
        mnl_attr_put(request, type, address_bytes(address), address->bytes);
}

static struct herald_address get_address(const struct nlattr *attribute, enum herald_family family)
{
    struct herald_address address = { .family = family };
    const void *bytes = hd_netlink_payload(attribute, address_bytes(&address));

    if (bytes == NULL)
        return (struct herald_address){ .family = HERALD_FAMILY_NONE };
    memcpy(address.bytes, bytes, address_bytes(&address));
    return address;
}

static int read_answer(const struct nlmsghdr *answer, enum herald_family family, struct hd_route_answer *ret_answer)
{
    const struct nlattr *table[RTA_MAX + 1];
    const struct rtmsg *route = mnl_nlmsg_get_payload(answer);
    int result;

    if (answer->nlmsg_type != RTM_NEWROUTE)
        return -EBADMSG;
    result = hd_netlink_attributes(answer, sizeof *route, table, RTA_MAX);
    if (result < 0)
        return result;
    *ret_answer = (struct hd_route_answer){
        .interface_index = hd_netlink_u32(table[RTA_OIF], 0),
        .gateway = table[RTA_GATEWAY] != NULL || table[RTA_VIA] != NULL,
        .via = get_address(table[RTA_GATEWAY], family),
        .prefix = get_address(table[RTA_DST], family),
        .prefix_bits = route->rtm_dst_len,
        .table = hd_netlink_u32(table[RTA_TABLE], route->rtm_table),
    };
    return 0;
}

int hd_host_route(const struct hd_route_question *question, struct hd_route_answer *ret_answer)
{
    _Alignas(struct nlmsghdr) char request_buffer[256];
    _Alignas(struct nlmsghdr) char answer_buffer[8192];
    struct nlmsghdr *request = mnl_nlmsg_put_header(request_buffer);
    const struct nlmsghdr *answer;
    struct rtmsg *route;
    int result;

    request->nlmsg_type = RTM_GETROUTE;
    route = mnl_nlmsg_put_extra_header(request, sizeof *route);
    route->rtm_family = (unsigned char)hd_address_af(&question->destination);
    route->rtm_dst_len = (uint8_t)(address_bytes(&question->destination) * 8);
    if (question->source.family != HERALD_FAMILY_NONE)
        route->rtm_src_len = route->rtm_dst_len;
    if (question->match)
        route->rtm_flags |= RTM_F_FIB_MATCH;
    put_address(request, RTA_DST, &question->destination);
    put_address(request, RTA_SRC, &question->source);
    if (question->output_interface != 0)
        mnl_attr_put_u32(request, RTA_OIF, question->output_interface);
    if (question->input_interface != 0)
        mnl_attr_put_u32(request, RTA_IIF, question->input_interface);
    result = hd_netlink_ask(request, answer_buffer, sizeof answer_buffer, &answer);
    return result < 0 ? result : read_answer(answer, question->destination.family, ret_answer);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    return name[0] != '-' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:+-")] == '\0';
}

const char *hd_word(const char *name, char ret_word[HD_WORD_BYTES])
{
    size_t length = 0;

    if (is_plain(name)) {
        (void)snprintf(ret_word, HD_WORD_BYTES, "%s", name);
        return ret_word;
    }
    ret_word[length++] = '\'';
    for (size_t i = 0; name[i] != '\0' && i < HERALD_INTERFACE_NAME_BYTES; i++) {
        /* A quote ends the quoted part, stands by itself, and begins the next part. */
        const char *text = (char[]){ name[i], '\0' };

        if (name[i] == '\'')
            text = "'\\''";
        memcpy(ret_word + length, text, strlen(text));
        length += strlen(text);
    }
    ret_word[length++] = '\'';
    ret_word[length] = '\0';
    return ret_word;
}
