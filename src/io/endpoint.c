/* SPDX-License-Identifier: MIT */
#include <herald/endpoint.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (HERALD_ENDPOINT_TEXT_BYTES - 1)

/* Where a quotation in a cause is cut. */
enum { QUOTE_BYTES = 64 };

/* The parts of an endpoint as they stand in the text; each points into `copy`, NULL if absent. */
struct parts {
    char copy[HERALD_ENDPOINT_TEXT_BYTES];
    char *source;
    char *group;
    char *count;
    char *interface;
    char *port;
    bool source_brackets;
    bool group_brackets;
};

/* Quotes a part of the text for a cause: nothing unprintable, and not too much of it. */
static const char *quoted(const char *text, char ret_quote[QUOTE_BYTES])
{
    size_t length = 0;

    for (; *text != '\0'; text++) {
        bool plain = *text >= 0x20 && *text < 0x7f;

        if (length + sizeof "\\xff..." > QUOTE_BYTES) {
            (void)snprintf(ret_quote + length, QUOTE_BYTES - length, "...");
            return ret_quote;
        }
        length += (size_t)snprintf(ret_quote + length, QUOTE_BYTES - length, plain ? "%c" : "\\x%02x",
                                   (unsigned char)*text);
    }
    ret_quote[length] = '\0';
    return ret_quote;
}

/* ---- cutting the text into its parts --------------------------------------------------------- */

/* Cuts [SOURCE]@ or SOURCE@ off the front of *text. An '@' after '%' belongs to an interface's name. */
static int cut_source(struct parts *parts, char **text, struct herald_error *error)
{
    char quote[QUOTE_BYTES];
    char *at;

    if (**text == '[') {
        char *bracket = strchr(*text, ']');

        if (bracket == NULL)
            return herald_error_set(error, -EINVAL, "no closing ] in '%s'", quoted(*text, quote));
        if (bracket[1] != '@')
            return 0;
        parts->source = *text + 1;
        parts->source_brackets = true;
        *bracket = '\0';
        at = bracket + 1;
    } else {
        at = *text + strcspn(*text, "@%");
        if (*at != '@')
            return 0;
        parts->source = *text;
        *at = '\0';
    }
    *text = at + 1;
    if (*parts->source != '\0')
        return 0;
    (void)herald_error_set(error, -EINVAL, "no source address before the @");
    herald_error_advise(error, "without the @: any source");
    return -EINVAL;
}

/* Ends the text at the first `separator`, and returns what stands behind it, or NULL. */
static char *cut_at(char *text, char separator)
{
    char *place = strchr(text, separator);

    if (place == NULL)
        return NULL;
    *place = '\0';
    return place + 1;
}

/* GROUP[+N][%IFACE] with nothing around it. */
static void cut_group(struct parts *parts, char *text)
{
    parts->group = text;
    parts->interface = cut_at(text, '%');
    parts->count = cut_at(text, '+');
}

/* [GROUP[+N][%IFACE]][+N]:PORT */
static int cut_bracketed(struct parts *parts, char *text, struct herald_error *error)
{
    char quote[QUOTE_BYTES];
    char *bracket = strrchr(text, ']');
    char *rest;

    if (bracket == NULL)
        return herald_error_set(error, -EINVAL, "no closing ] in '%s'", quoted(text, quote));
    *bracket = '\0';
    rest = bracket + 1;
    cut_group(parts, text + 1);
    parts->group_brackets = true;
    parts->port = cut_at(rest, ':');
    if (*rest == '+' && parts->count != NULL)
        return herald_error_set(error, -EINVAL, "two numbers of groups: one before the ] and one after it");
    if (*rest == '+')
        parts->count = rest + 1;
    else if (*rest == '%')
        return herald_error_set(error, -EINVAL, "the interface belongs before the ]: [%s%s]:PORT",
                                quoted(parts->group, quote), rest);
    else if (*rest != '\0')
        return herald_error_set(error, -EINVAL, "'%s' after the ] is not understood", quoted(rest, quote));
    return 0;
}

/* Whether a text without brackets starts like an IPv6 address: two colons before anything foreign to one. */
static bool looks_like_ipv6(const char *text)
{
    size_t length = strspn(text, "0123456789abcdefABCDEF:");
    const char *colon = strchr(text, ':');

    return length >= strcspn(text, "%+") && colon != NULL && colon < text + length && strchr(colon + 1, ':') != NULL;
}

/* Somebody wrote an IPv6 group without brackets: shows how it is meant. What stands after the last colon is
   taken for the port if what stands before it is an address by itself. */
static int missing_brackets(const char *text, struct herald_error *error)
{
    struct herald_address address;
    char head[HERALD_ENDPOINT_TEXT_BYTES];
    char quote[QUOTE_BYTES];
    char *port;
    char *rest;
    char cut_off;
    bool complete;

    (void)snprintf(head, sizeof head, "%s", text);
    port = strrchr(head, ':');
    *port++ = '\0';
    rest = head + strcspn(head, "%+");
    cut_off = *rest;
    *rest = '\0';
    complete = herald_address_parse(head, &address) == 0 && *port != '\0' && strspn(port, "0123456789") == strlen(port);
    *rest = cut_off;
    return herald_error_set(error, -EINVAL, "an IPv6 group must stand in brackets: [%s]:%.8s",
                            quoted(complete ? head : text, quote), complete ? port : "PORT");
}

static int cut(const char *text, struct parts *parts, struct herald_error *error)
{
    char *rest = parts->copy;
    int result;

    memset(parts, 0, sizeof *parts);
    if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
        return herald_error_set(error, -EINVAL, "the endpoint is longer than %d characters", TEXT_MAX);
    memcpy(parts->copy, text, strlen(text) + 1);
    if (*rest == '\0') {
        (void)herald_error_set(error, -EINVAL, "the endpoint is empty");
        herald_error_advise(error, "GROUP:PORT, such as 239.1.2.3:10000");
        return -EINVAL;
    }
    result = cut_source(parts, &rest, error);
    if (result < 0)
        return result;
    if (*rest == '[')
        return cut_bracketed(parts, rest, error);
    if (looks_like_ipv6(rest))
        return missing_brackets(rest, error);
    parts->port = cut_at(rest, ':');
    cut_group(parts, rest);
    return 0;
}

/* ---- the parts ------------------------------------------------------------------------------- */

/* Decimal digits without sign, blanks or leading zeros. @return 0; -EINVAL; -ERANGE above `max`. */
static int parse_number(const char *text, uint32_t max, uint32_t *ret_number)
{
    uint64_t number = 0;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || (text[0] == '0' && text[1] != '\0'))
        return -EINVAL;
    for (; *text != '\0'; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max)
            return -ERANGE;
    }
    *ret_number = (uint32_t)number;
    return 0;
}

static int parse_address(const char *text, const char *what, struct herald_address *ret_address,
                         struct herald_error *error)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    char quote[QUOTE_BYTES];

    if (text == NULL || *text == '\0')
        return herald_error_set(error, -EINVAL, "no %s address", what);
    if (herald_address_parse(text, ret_address) == 0) {
        if (ret_address->family != HERALD_FAMILY_IPV6 || memcmp(ret_address->bytes, mapped, sizeof mapped) != 0)
            return 0;
        return herald_error_set(error, -EINVAL, "%s is IPv4 written as IPv6; write the IPv4 address alone",
                                quoted(text, quote));
    }
    if (strspn(text, "0123456789.") == strlen(text))
        return herald_error_set(error, -EINVAL,
                                "'%s' is not an IPv4 address: four numbers from 0 to 255 without leading zeros",
                                quoted(text, quote));
    if (strchr(text, ':') != NULL && strspn(text, "0123456789abcdefABCDEF:.") == strlen(text))
        return herald_error_set(error, -EINVAL, "'%s' is not an IPv6 address", quoted(text, quote));
    return herald_error_set(error, -EINVAL, "'%s' is not a numeric IP address (names are not looked up)",
                            quoted(text, quote));
}

static int parse_group(const struct parts *parts, struct herald_endpoint *endpoint, struct herald_error *error)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];
    int result = parse_address(parts->group, "group", &endpoint->group, error);

    if (result < 0)
        return result;
    (void)herald_address_format(&endpoint->group, text, sizeof text);
    if (!herald_address_is_multicast(&endpoint->group))
        return herald_error_set(error, -EINVAL, "%s is not a multicast address (%s)", text,
                                endpoint->group.family == HERALD_FAMILY_IPV4 ? "224.0.0.0 to 239.255.255.255"
                                                                             : "ff00::/8");
    if (parts->group_brackets && endpoint->group.family == HERALD_FAMILY_IPV4)
        return herald_error_set(error, -EINVAL, "an IPv4 group stands without brackets: %s:PORT", text);
    if (!parts->group_brackets && endpoint->group.family == HERALD_FAMILY_IPV6)
        return herald_error_set(error, -EINVAL, "an IPv6 group must stand in brackets: [%s]:PORT", text);
    return 0;
}

/* An address that a host can have and send from. */
static bool is_unicast(const struct herald_address *address)
{
    static const uint8_t zeros[16];
    static const uint8_t ones[4] = { 255, 255, 255, 255 };

    if (herald_address_is_multicast(address) || memcmp(address->bytes, zeros, sizeof zeros) == 0)
        return false;
    return address->family != HERALD_FAMILY_IPV4 || memcmp(address->bytes, ones, sizeof ones) != 0;
}

/* Whether IGMP and MLD treat a group as any-source whatever is asked (RFC 3376, 4604; RFC 4607, section 1). */
static const char *any_source_only(const struct herald_address *group)
{
    bool narrow = (group->bytes[1] & 0xf) <= 2;

    if (group->family == HERALD_FAMILY_IPV4 && memcmp(group->bytes, (const uint8_t[]){ 224, 0, 0 }, 3) == 0)
        return "groups in 224.0.0.0/24";
    if (group->family == HERALD_FAMILY_IPV6 && narrow && group->bytes[1] >> 4 < 3)
        return "IPv6 groups of interface-local or link-local scope outside ff30::/12";
    return NULL;
}

static int parse_source(const struct parts *parts, struct herald_endpoint *endpoint, struct herald_error *error)
{
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char group[HERALD_ADDRESS_TEXT_BYTES];
    bool ipv6;
    int result;

    if (parts->source == NULL)
        return 0;
    if (strchr(parts->source, '%') != NULL)
        return herald_error_set(error, -EINVAL, "the interface stands after the group, not after the source");
    result = parse_address(parts->source, "source", &endpoint->source, error);
    if (result < 0)
        return result;
    (void)herald_address_format(&endpoint->source, source, sizeof source);
    (void)herald_address_format(&endpoint->group, group, sizeof group);
    ipv6 = endpoint->source.family == HERALD_FAMILY_IPV6;
    if (!is_unicast(&endpoint->source))
        return herald_error_set(error, -EINVAL, "the source %s is not the address of one host", source);
    if (endpoint->source.family != endpoint->group.family)
        return herald_error_set(error, -EINVAL, "the source %s is %s but the group %s is %s", source,
                                ipv6 ? "IPv6" : "IPv4", group, ipv6 ? "IPv4" : "IPv6");
    if (ipv6 != parts->source_brackets)
        return herald_error_set(error, -EINVAL,
                                ipv6 ? "an IPv6 source must stand in brackets: [%s]@"
                                     : "an IPv4 source stands without brackets: %s@",
                                source);
    if (any_source_only(&endpoint->group) != NULL)
        return herald_error_set(error, -EINVAL, "%s@%s: %s never have a source", source, group,
                                any_source_only(&endpoint->group));
    return 0;
}

/* Adds to an address as if it were one big number. @return 0; -ERANGE when the result is out of the first one's /8
   (IPv4), or has other flags or another scope (IPv6). */
static int add_to_group(const struct herald_address *group, uint32_t addend, struct herald_address *ret_group)
{
    size_t size = group->family == HERALD_FAMILY_IPV4 ? 4 : 16;
    size_t prefix = group->family == HERALD_FAMILY_IPV4 ? 1 : 2;
    struct herald_address sum = *group;
    uint32_t carry = addend;

    for (size_t i = size; i > 0 && carry > 0; i--) {
        carry += sum.bytes[i - 1];
        sum.bytes[i - 1] = (uint8_t)(carry & 0xff);
        carry >>= 8;
    }
    if (carry > 0 || memcmp(sum.bytes, group->bytes, prefix) != 0)
        return -ERANGE;
    *ret_group = sum;
    return 0;
}

static int parse_count(const struct parts *parts, struct herald_endpoint *endpoint, struct herald_error *error)
{
    char quote[QUOTE_BYTES];
    char text[HERALD_ADDRESS_TEXT_BYTES];
    struct herald_address last;
    int result;

    endpoint->group_count = 1;
    if (parts->count == NULL)
        return 0;
    if (*parts->count == '\0')
        return herald_error_set(error, -EINVAL, "no number of groups after the +");
    result = parse_number(parts->count, HERALD_GROUPS_MAX, &endpoint->group_count);
    if (result == -EINVAL)
        return herald_error_set(error, -EINVAL, "'%s' after the + is not a number of groups",
                                quoted(parts->count, quote));
    if (result < 0 || endpoint->group_count == 0)
        return herald_error_set(error, -EINVAL, "+%s: the number of groups is not between 1 and %d",
                                quoted(parts->count, quote), HERALD_GROUPS_MAX);
    if (add_to_group(&endpoint->group, endpoint->group_count - 1, &last) == 0)
        return 0;
    (void)herald_address_format(&endpoint->group, text, sizeof text);
    if (endpoint->group.family == HERALD_FAMILY_IPV4)
        return herald_error_set(error, -EINVAL, "%s+%u runs past %u.255.255.255", text, endpoint->group_count,
                                endpoint->group.bytes[0]);
    return herald_error_set(error, -EINVAL, "%s+%u runs past the last group of ff%02x::/16", text,
                            endpoint->group_count, endpoint->group.bytes[1]);
}

/* What the kernel accepts as a name (dev_valid_name), without what no terminal should be shown. */
static int parse_interface(const struct parts *parts, struct herald_endpoint *endpoint, struct herald_error *error)
{
    char quote[QUOTE_BYTES];
    const char *name = parts->interface;

    if (name == NULL)
        return 0;
    if (*name == '\0')
        return herald_error_set(error, -EINVAL, "no interface name after the %%");
    if (strlen(name) >= HERALD_INTERFACE_NAME_BYTES)
        return herald_error_set(error, -EINVAL, "the interface name '%s' is longer than %d characters",
                                quoted(name, quote), HERALD_INTERFACE_NAME_BYTES - 1);
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '/' || *c == ':')
            return herald_error_set(error, -EINVAL, "'%s' cannot be the name of an interface", quoted(name, quote));
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return herald_error_set(error, -EINVAL, "'%s' cannot be the name of an interface", name);
    memcpy(endpoint->interface, name, strlen(name) + 1);
    return 0;
}

static int parse_port(const struct parts *parts, struct herald_endpoint *endpoint, struct herald_error *error)
{
    char text[HERALD_ADDRESS_TEXT_BYTES];
    char quote[QUOTE_BYTES];
    uint32_t port = 0;
    int result;

    if (parts->port == NULL || *parts->port == '\0') {
        (void)herald_address_format(&endpoint->group, text, sizeof text);
        return herald_error_set(error, -EINVAL, "no port after the group; write %s%s%s:PORT",
                                parts->group_brackets ? "[" : "", text, parts->group_brackets ? "]" : "");
    }
    result = parse_number(parts->port, UINT16_MAX, &port);
    if (result == -EINVAL)
        return herald_error_set(error, -EINVAL, "port '%s' is not a number between 1 and 65535",
                                quoted(parts->port, quote));
    if (result < 0 || port == 0)
        return herald_error_set(error, -EINVAL, "port %s is not between 1 and 65535", quoted(parts->port, quote));
    endpoint->port = (uint16_t)port;
    return 0;
}

/* ---- public ---------------------------------------------------------------------------------- */

int herald_endpoint_parse(const char *text, struct herald_endpoint *ret_endpoint, struct herald_error *error)
{
    struct herald_endpoint endpoint;
    struct parts parts;
    int result;

    memset(&endpoint, 0, sizeof endpoint);
    result = cut(text == NULL ? "" : text, &parts, error);
    if (result >= 0)
        result = parse_group(&parts, &endpoint, error);
    if (result >= 0)
        result = parse_source(&parts, &endpoint, error);
    if (result >= 0)
        result = parse_count(&parts, &endpoint, error);
    if (result >= 0)
        result = parse_interface(&parts, &endpoint, error);
    if (result >= 0)
        result = parse_port(&parts, &endpoint, error);
    if (result >= 0)
        *ret_endpoint = endpoint;
    return result;
}

int herald_endpoint_format(const struct herald_endpoint *endpoint, char *ret_text, size_t size_bytes)
{
    char source[HERALD_ADDRESS_TEXT_BYTES];
    char group[HERALD_ADDRESS_TEXT_BYTES];
    char count[sizeof "+65536"] = "";
    bool ipv6 = endpoint->group.family == HERALD_FAMILY_IPV6;
    bool any_source = endpoint->source.family == HERALD_FAMILY_NONE;
    const char *open = ipv6 ? "[" : "";
    const char *close = ipv6 ? "]" : "";
    int length;

    (void)herald_address_format(&endpoint->source, source, sizeof source);
    (void)herald_address_format(&endpoint->group, group, sizeof group);
    if (endpoint->group_count > 1 && endpoint->group_count <= HERALD_GROUPS_MAX)
        (void)snprintf(count, sizeof count, "+%u", endpoint->group_count);
    length = snprintf(ret_text, size_bytes, "%s%s%s%s%s%s%s%s%.15s%s:%u", any_source ? "" : open,
                      any_source ? "" : source, any_source ? "" : close, any_source ? "" : "@", open, group, count,
                      endpoint->interface[0] != '\0' ? "%" : "", endpoint->interface, close, endpoint->port);
    return (size_t)length < size_bytes ? length : -ENOSPC;
}

int herald_endpoint_group(const struct herald_endpoint *endpoint, uint32_t index, struct herald_address *ret_group)
{
    if (index >= endpoint->group_count)
        return -ERANGE;
    return add_to_group(&endpoint->group, index, ret_group);
}
