/* SPDX-License-Identifier: MIT */
/* Fuzz target: packets from the wire, as the doctor reads them. The input is one IP packet. */
#include "fuzz.h"
#include "group_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hd_wire_packet packet = { .port = 1 };

    if (hd_wire_parse(data, size, &packet) == 0 && packet.source.family != HERALD_FAMILY_IPV4 &&
        packet.source.family != HERALD_FAMILY_IPV6)
        abort();
    return 0;
}
