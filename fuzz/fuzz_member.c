/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: IGMP and MLD. The first byte chooses whether the rest is a packet, whose checksum must be right, or what
 * stands behind its IP header. Whatever can be read is taken into a census, and its texts are written.
 */
#include "census.h"
#include "fuzz.h"
#include "member_wire.h"

#include <stdlib.h>

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static int parse(uint8_t choice, const uint8_t *bytes, size_t size_bytes, struct hd_member_message *ret_message)
{
    int result;

    if (choice % 3 == 0)
        return hd_member_parse(bytes, size_bytes, ret_message);
    result = choice % 3 == 1 ? hd_member_parse_igmp(hd_cursor_over(bytes, size_bytes), ret_message)
                             : hd_member_parse_mld(hd_cursor_over(bytes, size_bytes), ret_message);
    if (result == 0)
        ret_message->from = (struct herald_address){ .family = ret_message->family, .bytes = { choice } };
    return result;
}

static void write_texts(struct hd_census *census)
{
    size_t hosts, groups;
    char text[160];

    hd_census_sort(census);
    hd_census_count(census, HERALD_FAMILY_IPV4, &hosts, &groups);
    require(hosts <= census->count && groups <= census->count);
    for (size_t place = 0, next; place < census->count; place = next) {
        next = hd_census_group_text(census, place, text, sizeof text);
        require(next > place && next <= census->count && strlen(text) < sizeof text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct hd_census_entry entries[HD_CENSUS_MAX];
    struct hd_census census = { .entries = entries };
    struct hd_member_message message;
    uint8_t *copy;
    int result;

    if (size_bytes == 0)
        return 0;
    copy = malloc(size_bytes); /* ends where the input ends, so that a byte read too many is seen */
    require(copy != NULL);
    memcpy(copy + 1, data + 1, size_bytes - 1);
    result = parse(data[0], copy + 1, size_bytes - 1, &message);
    require(result == 0 || result == -EBADMSG || result == -ENOMSG);
    if (result == 0) {
        require(message.version >= 1 && message.version <= 3);
        hd_census_take(&census, &message);
        write_texts(&census);
    }
    free(copy);
    return 0;
}
