/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the endpoint parser. Whatever it accepts must keep its promises and survive the round trip
 * through its canonical text; whatever it refuses must come with a cause. Run by `make fuzz`, and over the
 * corpus as a test.
 */
#include "fuzz.h"

#include <herald/herald.h>

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 400 };

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static void require_valid(const struct herald_endpoint *endpoint)
{
    struct herald_address group;

    require(herald_address_is_multicast(&endpoint->group));
    require(endpoint->port != 0);
    require(endpoint->group_count >= 1 && endpoint->group_count <= HERALD_GROUPS_MAX);
    require(memchr(endpoint->interface, 0, sizeof(endpoint->interface)) != NULL);
    require(endpoint->source.family == HERALD_FAMILY_NONE || endpoint->source.family == endpoint->group.family);
    require(!herald_address_is_multicast(&endpoint->source));

    require(herald_endpoint_group(endpoint, 0, &group) == 0);
    require(herald_address_equal(&group, &endpoint->group));
    require(herald_endpoint_group(endpoint, endpoint->group_count - 1, &group) == 0);
    require(herald_address_is_multicast(&group));
    require(herald_endpoint_group(endpoint, endpoint->group_count, &group) < 0);
}

static void require_same(const struct herald_endpoint *a, const struct herald_endpoint *b)
{
    require(herald_address_equal(&a->group, &b->group));
    require(herald_address_equal(&a->source, &b->source));
    require(a->group_count == b->group_count);
    require(a->port == b->port);
    require(strcmp(a->interface, b->interface) == 0);
}

static void require_round_trip(const struct herald_endpoint *endpoint)
{
    struct herald_endpoint again;
    char text[HERALD_ENDPOINT_TEXT_BYTES], text_again[HERALD_ENDPOINT_TEXT_BYTES];
    int length = herald_endpoint_format(endpoint, text, sizeof(text));

    require(length > 0 && (size_t)length == strlen(text));
    require(herald_endpoint_parse(text, &again, NULL) == 0);
    require_same(endpoint, &again);
    require(herald_endpoint_format(&again, text_again, sizeof(text_again)) == length);
    require(strcmp(text, text_again) == 0);
    /* Too little room, by one byte, is refused rather than cut. */
    require(herald_endpoint_format(endpoint, text, (size_t)length) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char text[TEXT_BYTES_MAX + 1];
    struct herald_endpoint endpoint;
    struct herald_error error = { 0 };

    if (size_bytes > TEXT_BYTES_MAX)
        return 0;
    memcpy(text, data, size_bytes);
    text[size_bytes] = 0;

    if (herald_endpoint_parse(text, &endpoint, &error) < 0) {
        require(error.code < 0);
        require(error.cause[0] != 0);
        require(strpbrk(error.cause, "\n\r") == NULL);
    } else {
        require_valid(&endpoint);
        require_round_trip(&endpoint);
    }
    return 0;
}
