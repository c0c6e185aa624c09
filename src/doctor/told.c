/* SPDX-License-Identifier: MIT */
#include "told.h"

#include "check.h"

#include <herald/endpoint.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char first_line[] = "herald 1\n";
static const char last_line[] = "end\n";
static const char command_word[] = "command";

enum { PARTS = 7, PART_MAX_BYTES = HERALD_FINDING_TEXT_BYTES, WORD_BYTES = 96 };

/* ---- writing --------------------------------------------------------------------------------- */

static void put_part(char **at, const char *part, char end)
{
    for (; *part != '\0'; part++)
        *(*at)++ = *part == '\t' || *part == '\n' ? ' ' : *part;
    *(*at)++ = end;
}

/* @return false: no room. */
static bool put(char *text, size_t size_bytes, size_t *length, const struct herald_finding *finding)
{
    const char *level = finding->level == HERALD_FINDING_FAULT ? "fault" : "warning";
    const char *kind = finding->remedy_is_command ? command_word : "words";
    size_t need = strlen(level) + strlen(finding->check) + strlen(finding->interface) + strlen(finding->seen) +
                  strlen(finding->meaning) + strlen(finding->remedy) + strlen(kind) + PARTS;
    char *at = text + *length;

    if (finding->level != HERALD_FINDING_FAULT && finding->level != HERALD_FINDING_WARNING)
        return true;
    if (*length + need + sizeof last_line > size_bytes)
        return false;
    put_part(&at, level, '\t');
    put_part(&at, finding->check, '\t');
    put_part(&at, finding->interface, '\t');
    put_part(&at, finding->seen, '\t');
    put_part(&at, finding->meaning, '\t');
    put_part(&at, finding->remedy, '\t');
    put_part(&at, kind, '\n');
    *at = '\0';
    *length += need;
    return true;
}

size_t hd_told_write(char *text, size_t size_bytes, const struct herald_finding *findings, size_t count)
{
    size_t length = sizeof first_line - 1;
    bool is_whole = true;

    (void)snprintf(text, size_bytes, "%s", first_line);
    for (size_t i = 0; i < count; i++)
        is_whole = put(text, size_bytes, &length, &findings[i]) && is_whole;
    if (!is_whole)
        return length;
    (void)snprintf(text + length, size_bytes - length, "%s", last_line);
    return length + sizeof last_line - 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Copies the bytes up to a tab, the line's end or the text's. @return what stands behind them; NULL: no tab did. */
static const char *take_part(const char *at, char *ret_part, size_t size_bytes)
{
    size_t length = strcspn(at, "\t\n");
    size_t kept = length < size_bytes ? length : size_bytes - 1;

    for (size_t i = 0; i < kept; i++) {
        unsigned char byte = (unsigned char)at[i];

        ret_part[i] = byte < ' ' || byte == 0x7f ? '?' : (char)byte;
    }
    ret_part[kept] = '\0';
    return at[length] == '\t' ? at + length + 1 : NULL;
}

static const char *known_check(const char *name)
{
    for (const struct hd_check *check = hd_checks; check->name != NULL; check++) {
        if (strcmp(check->name, name) == 0)
            return check->name;
    }
    return "other";
}

/* @return whether the line is a finding. */
static bool read_line(const char *line, struct herald_finding *finding)
{
    char level[16], check[32], kind[16];
    const char *at = take_part(line, level, sizeof level);

    memset(finding, 0, sizeof *finding);
    if (strcmp(level, "fault") == 0)
        finding->level = HERALD_FINDING_FAULT;
    else if (strcmp(level, "warning") == 0)
        finding->level = HERALD_FINDING_WARNING;
    else
        return false;
    if (at == NULL || (at = take_part(at, check, sizeof check)) == NULL ||
        (at = take_part(at, finding->interface, sizeof finding->interface)) == NULL ||
        (at = take_part(at, finding->seen, sizeof finding->seen)) == NULL ||
        (at = take_part(at, finding->meaning, sizeof finding->meaning)) == NULL ||
        (at = take_part(at, finding->remedy, sizeof finding->remedy)) == NULL)
        return false;
    (void)take_part(at, kind, sizeof kind);
    finding->check = known_check(check);
    finding->remedy_is_command = strcmp(kind, command_word) == 0 && hd_told_is_harmless(finding->remedy);
    return true;
}

int hd_told_read(const char *text, struct herald_finding *ret_findings, size_t max, bool *ret_is_whole)
{
    size_t count = 0;
    bool is_whole = false;

    if (strncmp(text, first_line, sizeof first_line - 1) != 0)
        return -EBADMSG;
    for (const char *line = strchr(text, '\n') + 1; *line != '\0' && !is_whole;) {
        const char *end = strchr(line, '\n');

        if (end == NULL) /* cut */
            break;
        is_whole = strncmp(line, last_line, sizeof last_line - 1) == 0;
        if (!is_whole && count < max && read_line(line, &ret_findings[count]))
            count++;
        line = end + 1;
    }
    *ret_is_whole = is_whole;
    return (int)count;
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Every word behind "sysctl -w " is a setting of the network. */
static bool is_harmless_sysctl(const char *words)
{
    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        if (!begins(at, "net.") && !begins(at, "net/"))
            return false;
    }
    return true;
}

/* "ip6" and "ip" are FAMILY, "eth0" is NAME, and so on. */
static bool word_matches(const char *word, const char *pattern)
{
    struct herald_address address;
    size_t length = strlen(word);

    if (strcmp(pattern, "NAME") == 0)
        return word[0] != '-';
    if (strcmp(pattern, "FAMILY") == 0)
        return strcmp(word, "ip") == 0 || strcmp(word, "ip6") == 0;
    if (strcmp(pattern, "PORT") == 0)
        return strspn(word, "0123456789") == length;
    if (strcmp(pattern, "GROUP") == 0)
        return herald_address_parse(word, &address) == 0 && herald_address_is_multicast(&address);
    if (strcmp(pattern, "HOST/32") == 0)
        return length > 3 && strcmp(word + length - 3, "/32") == 0 && strspn(word, "0123456789.") == length - 3;
    return strcmp(word, pattern) == 0;
}

/* Takes the next word. @return what stands behind it. */
static const char *take_word(const char *at, char ret_word[WORD_BYTES])
{
    size_t length;

    at += strspn(at, " ");
    length = strcspn(at, " ");
    (void)snprintf(ret_word, WORD_BYTES, "%.*s", (int)(length < WORD_BYTES ? length : WORD_BYTES - 1), at);
    return at + length;
}

static bool matches(const char *command, const char *pattern)
{
    char word[WORD_BYTES], wanted[WORD_BYTES];

    do {
        command = take_word(command, word);
        pattern = take_word(pattern, wanted);
        if (wanted[0] != '\0' && !word_matches(word, wanted))
            return false;
    } while (wanted[0] != '\0' && word[0] != '\0');
    return wanted[0] == '\0' && word[0] == '\0';
}

/* One command, without what a shell treats specially: of those that tell.c may come upon, and no wider. */
static bool is_harmless_part(const char *command)
{
    static const char *const patterns[] = {
        "nft insert rule NAME NAME NAME FAMILY daddr GROUP udp dport PORT accept",
        "ip route add HOST/32 dev NAME",
        "ip link set NAME up",
        "ip link set NAME multicast on",
        "ip link set NAME up multicast on",
    };

    if (begins(command, "sysctl -w "))
        return is_harmless_sysctl(command + strlen("sysctl -w"));
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (matches(command, patterns[i]))
            return true;
    return false;
}

bool hd_told_is_harmless(const char *command)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/=,@%+";
    char part[PART_MAX_BYTES];

    for (const char *at = command; at != NULL;) {
        const char *end = strstr(at, " && ");
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);

        if (length == 0 || length >= sizeof part || strspn(at, allowed) < length)
            return false;
        memcpy(part, at, length);
        part[length] = '\0';
        if (!is_harmless_part(part))
            return false;
        at = end != NULL ? end + 4 : NULL;
    }
    return true;
}
