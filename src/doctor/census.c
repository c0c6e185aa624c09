/* SPDX-License-Identifier: MIT */
#include "census.h"

#include <herald/endpoint.h>

#include <stdio.h>
#include <stdlib.h>

/* ff02::1:ff00:0/104, RFC 4291 section 2.7.1. */
static bool is_solicited_node(const struct herald_address *group)
{
    static const uint8_t prefix[13] = { 0xff, 2, [11] = 1, [12] = 0xff };

    return group->family == HERALD_FAMILY_IPV6 && memcmp(group->bytes, prefix, sizeof prefix) == 0;
}

static struct hd_census_entry *find_or_add(struct hd_census *census, const struct herald_address *group,
                                           const struct herald_address *host)
{
    struct hd_census_entry *entry;

    for (size_t i = 0; i < census->count; i++) {
        entry = &census->entries[i];
        if (herald_address_equal(&entry->group, group) && herald_address_equal(&entry->host, host))
            return entry;
    }
    if (census->count == HD_CENSUS_MAX) {
        census->lost++;
        return NULL;
    }
    entry = &census->entries[census->count++];
    *entry = (struct hd_census_entry){ .group = *group, .host = *host };
    return entry;
}

static void take_group(struct hd_census *census, const struct hd_member_message *message,
                       const struct herald_address *group, struct hd_member_record *record)
{
    bool include = record != NULL && (record->type == HD_RECORD_IS_INCLUDE || record->type == HD_RECORD_TO_INCLUDE ||
                                      record->type == HD_RECORD_ALLOW);
    struct hd_census_entry *entry;

    if (!herald_address_is_multicast(group))
        return;
    if (record != NULL && (record->type == HD_RECORD_BLOCK || (include && record->source_count == 0)))
        return; /* what is not wanted any more */
    if (is_solicited_node(group))
        return;
    entry = find_or_add(census, group, &message->from);
    if (entry == NULL)
        return;
    entry->any_source = entry->any_source || !include;
    if (include && record->source_count > entry->source_count) {
        entry->source_count = record->source_count;
        (void)hd_member_next_source(record, &entry->source);
    }
}

void hd_census_take(struct hd_census *census, struct hd_member_message *message)
{
    struct hd_member_record record;

    if (message->kind != HD_MEMBER_REPORT)
        return;
    if (message->group.family != HERALD_FAMILY_NONE) {
        take_group(census, message, &message->group, NULL);
        return;
    }
    while (hd_member_next_record(message, &record) == 1)
        take_group(census, message, &record.group, &record);
}

static int compare_addresses(const struct herald_address *a, const struct herald_address *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static int compare_entries(const void *a, const void *b)
{
    const struct hd_census_entry *left = a, *right = b;
    int order = compare_addresses(&left->group, &right->group);

    return order != 0 ? order : compare_addresses(&left->host, &right->host);
}

void hd_census_sort(struct hd_census *census)
{
    if (census->count > 0)
        qsort(census->entries, census->count, sizeof census->entries[0], compare_entries);
}

static bool host_was_before(const struct hd_census *census, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (herald_address_equal(&census->entries[i].host, &census->entries[place].host))
            return true;
    return false;
}

void hd_census_count(const struct hd_census *census, enum herald_family family, size_t *ret_hosts, size_t *ret_groups)
{
    const struct herald_address *group = NULL;
    size_t hosts = 0, groups = 0;

    for (size_t i = 0; i < census->count; i++) {
        if (census->entries[i].group.family != family)
            continue;
        if (group == NULL || !herald_address_equal(group, &census->entries[i].group))
            groups++;
        group = &census->entries[i].group;
        if (!host_was_before(census, i))
            hosts++;
    }
    *ret_hosts = hosts;
    *ret_groups = groups;
}

/* "10.0.0.2", "10.0.0.2 (from 10.0.0.9)", "10.0.0.2 (from 10.0.0.9 and 2 others)" */
static void host_text(const struct hd_census_entry *entry, char *ret_text, size_t size_bytes)
{
    char host[HERALD_ADDRESS_TEXT_BYTES], source[HERALD_ADDRESS_TEXT_BYTES], others[32] = "";

    if (entry->host.family == HERALD_FAMILY_IPV4 && hd_load_u32(entry->host.bytes) == 0)
        (void)snprintf(host, sizeof host, "a switch without an address");
    else
        (void)herald_address_format(&entry->host, host, sizeof host);
    (void)herald_address_format(&entry->source, source, sizeof source);
    if (entry->source_count > 1)
        (void)snprintf(others, sizeof others, " and %u other%s", entry->source_count - 1u,
                       entry->source_count == 2 ? "" : "s");
    if (entry->any_source)
        (void)snprintf(ret_text, size_bytes, "%s", host);
    else
        (void)snprintf(ret_text, size_bytes, "%s (from %s%s)", host, source, others);
}

size_t hd_census_group_text(const struct hd_census *census, size_t first, char *ret_text, size_t size_bytes)
{
    const struct herald_address *group = &census->entries[first].group;
    const size_t tail_bytes = sizeof ", and 4096 more";
    char address[HERALD_ADDRESS_TEXT_BYTES], host[2 * HERALD_ADDRESS_TEXT_BYTES + 48];
    size_t place = first, end = first, length;

    while (end < census->count && herald_address_equal(&census->entries[end].group, group))
        end++;
    (void)herald_address_format(group, address, sizeof address);
    length = (size_t)snprintf(ret_text, size_bytes, "%s:", address);
    for (; place < end; place++) {
        host_text(&census->entries[place], host, sizeof host);
        if (length + 2 + strlen(host) + tail_bytes > size_bytes)
            break;
        length += (size_t)snprintf(ret_text + length, size_bytes - length, "%s %s", place > first ? "," : "", host);
    }
    if (place < end && length < size_bytes)
        (void)snprintf(ret_text + length, size_bytes - length, "%s %zu more", place > first ? ", and" : "",
                       end - place);
    return end;
}
