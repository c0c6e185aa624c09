/* SPDX-License-Identifier: MIT */
/*
 * A list of receivers that are asked for something, and who of them answered: of the watermark, and of a request.
 *
 * Nodes keep their slot while others come and go, so that a round of questions can stop in mid-list and go on.
 */
#ifndef HD_NORM_SENDER_NODES_H
#define HD_NORM_SENDER_NODES_H

#include <herald/types.h>

enum hd_norm_answer {
    HD_NORM_ANSWER_NONE, /* nobody has asked since the node was added */
    HD_NORM_ANSWER_DUE,  /* asked, or to be asked */
    HD_NORM_ANSWER_GIVEN,
    HD_NORM_ANSWER_FAILED, /* asked in vain */
};

struct hd_norm_node {
    uint32_t node_id; /* HERALD_NORM_NODE_NONE, 0, marks a free slot */
    uint32_t next;    /* slot of the next node in the same bucket, or of the next free one; HD_NORM_NO_SLOT ends it */
    enum hd_norm_answer answer;
};

#define HD_NORM_NO_SLOT UINT32_MAX

/* Invariant: due_count nodes have HD_NORM_ANSWER_DUE; every used slot is below used_slots. */
struct hd_norm_nodes {
    struct hd_norm_node *slots; /* slots_max of them */
    uint32_t *buckets;          /* first slot of each hash chain; a power of two of them, at least slots_max */
    uint32_t slots_max;
    uint32_t bucket_mask;
    uint32_t used_slots; /* no slot from here on was ever used: walks end here */
    uint32_t free_slot;  /* first of those that were used and given back */
    uint32_t count;
    uint32_t due_count;
};

HERALD_CHECKED int hd_norm_nodes_init(struct hd_norm_nodes *nodes, uint32_t nodes_max);
void hd_norm_nodes_fini(struct hd_norm_nodes *nodes);

/* Nothing is asked of it yet. @return 0; -EEXIST; -ENOBUFS. */
HERALD_CHECKED int hd_norm_nodes_add(struct hd_norm_nodes *nodes, uint32_t node_id);

/* @return 0; -ENOENT. */
int hd_norm_nodes_remove(struct hd_norm_nodes *nodes, uint32_t node_id);

void hd_norm_nodes_clear(struct hd_norm_nodes *nodes);

/* @return its slot, or HD_NORM_NO_SLOT. */
uint32_t hd_norm_nodes_find(const struct hd_norm_nodes *nodes, uint32_t node_id);

/* Changes what is known of the node in a used slot. */
void hd_norm_nodes_set(struct hd_norm_nodes *nodes, uint32_t slot, enum hd_norm_answer answer);

/* Changes it for all. */
void hd_norm_nodes_set_all(struct hd_norm_nodes *nodes, enum hd_norm_answer answer);

/* @return the first slot, from that one on, whose answer is due; HD_NORM_NO_SLOT. */
uint32_t hd_norm_nodes_next_due(const struct hd_norm_nodes *nodes, uint32_t slot);

#endif
