/* SPDX-License-Identifier: MIT */
#include "examined.h"

static bool has_group(const struct herald_endpoint *endpoint, const struct herald_address *group)
{
    struct herald_address own;

    for (uint32_t i = 0; i < endpoint->group_count; i++) {
        if (herald_endpoint_group(endpoint, i, &own) == 0 && herald_address_equal(&own, group))
            return true;
    }
    return false;
}

int examined_tell(void *userdata, const struct herald_responder_question *question, char *ret_text, size_t size_bytes)
{
    const struct examined *examined = userdata;

    for (size_t i = 0; i < examined->count; i++) {
        struct herald_endpoint endpoint = examined->endpoints[i];

        if (question->group.family != HERALD_FAMILY_NONE && !has_group(&endpoint, &question->group))
            continue;
        if (question->group.family != HERALD_FAMILY_NONE)
            endpoint.group = question->group;
        endpoint.group_count = 1;
        return herald_doctor_tell(&endpoint, question, ret_text, size_bytes);
    }
    return 0;
}
