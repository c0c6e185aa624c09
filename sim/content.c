/* SPDX-License-Identifier: MIT */
#include "content.h"
#include "packet.h"
#include "random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sim_content_init(struct sim_content *content)
{
    size_t words = (SIM_CONTENT_PERIOD + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    struct sim_random random = sim_random_derive(0, 0, 0);

    content->scratch = sim_allocate(SIM_CONTENT_READ_MAX, 1);
    content->bytes = sim_allocate(words * sizeof(uint64_t) + SIM_CONTENT_READ_MAX, 1);
    for (size_t i = 0; i < words; i++) {
        uint64_t word = sim_random_next(&random);

        memcpy(content->bytes + i * sizeof word, &word, sizeof word);
    }
    memcpy(content->bytes + SIM_CONTENT_PERIOD, content->bytes, SIM_CONTENT_READ_MAX);
}

void sim_content_free(struct sim_content *content)
{
    free(content->bytes);
    free(content->scratch);
    *content = (struct sim_content){ 0 };
}

const uint8_t *sim_content_at(const struct sim_content *content, uint64_t number, uint64_t offset_bytes,
                              size_t size_bytes)
{
    assert(size_bytes <= SIM_CONTENT_READ_MAX);
    return content->bytes + (sim_mix(number + 1) % SIM_CONTENT_PERIOD + offset_bytes) % SIM_CONTENT_PERIOD;
}
