/* SPDX-License-Identifier: MIT */
/* Who has sent something: counted, and how many answers each may get. */
#ifndef CLI_SOURCES_H
#define CLI_SOURCES_H

#include <herald/types.h>

/* Whoever forges more sources than this makes the table start anew: those that really send come in again at once. */
#define SOURCES_MAX 65536

/* A program that answers itself, or a stream, must not become a flood of answers. */
#define ANSWERS_PER_SECOND_MAX 50

struct source {
    struct herald_address address; /* family NONE: a free slot */
    uint64_t datagrams;
    uint64_t second_ns; /* when the current second of its answers began */
    uint32_t answers;   /* in that second */
    bool limit_told;
};

struct sources {
    struct source *slots; /* open addressing */
    size_t slot_count;    /* 0 or a power of two */
    size_t count;         /* in the table */
    uint64_t seen;        /* in all; sources that came again after the table started anew are counted again */
    uint64_t seed;
};

void sources_init(struct sources *sources);
void sources_release(struct sources *sources);

/* Counts datagrams of a source. @return it, valid until the next call; NULL without memory. */
struct source *sources_count(struct sources *sources, const struct herald_address *address, size_t datagrams);

/* Whether one more answer may go to that source now. *ret_tell: it is the first one that may not. */
bool source_may_be_answered(struct source *source, uint64_t now_ns, bool *ret_tell);

#endif
