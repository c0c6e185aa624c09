/* SPDX-License-Identifier: MIT */
/*
 * What the objects contain: random bytes of a long period, begun at a place that depends on the object. So any part
 * of any object is just a pointer, nothing is stored for the receivers, and what they write can be verified at once.
 */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include <stddef.h>
#include <stdint.h>

struct sim_content {
    uint8_t *bytes;
    uint8_t *scratch; /* of SIM_CONTENT_READ_MAX, for receivers that read back */
};

/* A period that no segment or block size divides, so that bytes in a wrong place differ; and the most at once. */
#define SIM_CONTENT_PERIOD   ((size_t)1000003)
#define SIM_CONTENT_READ_MAX ((size_t)1 << 19)

void sim_content_init(struct sim_content *content);
void sim_content_free(struct sim_content *content);

/* `size_bytes` bytes at an offset of object `number`. */
const uint8_t *sim_content_at(const struct sim_content *content, uint64_t number, uint64_t offset_bytes,
                              size_t size_bytes);

#endif
