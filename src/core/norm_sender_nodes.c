/* SPDX-License-Identifier: MIT */
#include "norm_sender_nodes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static uint32_t bucket_of(const struct hd_norm_nodes *nodes, uint32_t node_id)
{
    /* Node ids are often addresses that differ in one byte: multiply, and take the high bits. */
    return (uint32_t)((node_id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & nodes->bucket_mask;
}

int hd_norm_nodes_init(struct hd_norm_nodes *nodes, uint32_t nodes_max)
{
    size_t buckets = 1;

    while (buckets < nodes_max)
        buckets *= 2;
    *nodes = (struct hd_norm_nodes){ .slots_max = nodes_max, .bucket_mask = (uint32_t)(buckets - 1) };
    nodes->slots = calloc(nodes_max > 0 ? nodes_max : 1, sizeof(*nodes->slots));
    nodes->buckets = calloc(buckets, sizeof(*nodes->buckets));
    if (!nodes->slots || !nodes->buckets) {
        hd_norm_nodes_fini(nodes);
        return -ENOMEM;
    }
    hd_norm_nodes_clear(nodes);
    return 0;
}

void hd_norm_nodes_fini(struct hd_norm_nodes *nodes)
{
    free(nodes->slots);
    free(nodes->buckets);
    *nodes = (struct hd_norm_nodes){ 0 };
}

void hd_norm_nodes_clear(struct hd_norm_nodes *nodes)
{
    for (uint32_t i = 0; i <= nodes->bucket_mask; i++)
        nodes->buckets[i] = HD_NORM_NO_SLOT;
    for (uint32_t i = 0; i < nodes->used_slots; i++)
        nodes->slots[i].node_id = 0;
    nodes->used_slots = 0;
    nodes->free_slot = HD_NORM_NO_SLOT;
    nodes->count = 0;
    nodes->due_count = 0;
}

uint32_t hd_norm_nodes_find(const struct hd_norm_nodes *nodes, uint32_t node_id)
{
    uint32_t slot = nodes->buckets[bucket_of(nodes, node_id)];

    while (slot != HD_NORM_NO_SLOT && nodes->slots[slot].node_id != node_id)
        slot = nodes->slots[slot].next;
    return slot;
}

int hd_norm_nodes_add(struct hd_norm_nodes *nodes, uint32_t node_id)
{
    uint32_t *bucket = &nodes->buckets[bucket_of(nodes, node_id)];
    uint32_t slot = nodes->free_slot;

    assert(node_id != 0);
    if (hd_norm_nodes_find(nodes, node_id) != HD_NORM_NO_SLOT)
        return -EEXIST;
    if (slot != HD_NORM_NO_SLOT)
        nodes->free_slot = nodes->slots[slot].next;
    else if (nodes->used_slots < nodes->slots_max)
        slot = nodes->used_slots++;
    else
        return -ENOBUFS;
    nodes->slots[slot] = (struct hd_norm_node){ .node_id = node_id, .next = *bucket };
    *bucket = slot;
    nodes->count++;
    return 0;
}

int hd_norm_nodes_remove(struct hd_norm_nodes *nodes, uint32_t node_id)
{
    uint32_t slot = hd_norm_nodes_find(nodes, node_id);
    uint32_t *link = &nodes->buckets[bucket_of(nodes, node_id)];

    if (slot == HD_NORM_NO_SLOT)
        return -ENOENT;
    while (*link != slot)
        link = &nodes->slots[*link].next;
    *link = nodes->slots[slot].next;
    if (nodes->slots[slot].answer == HD_NORM_ANSWER_DUE)
        nodes->due_count--;
    nodes->slots[slot] = (struct hd_norm_node){ .next = nodes->free_slot };
    nodes->free_slot = slot;
    nodes->count--;
    return 0;
}

void hd_norm_nodes_set(struct hd_norm_nodes *nodes, uint32_t slot, enum hd_norm_answer answer)
{
    struct hd_norm_node *node = &nodes->slots[slot];

    assert(slot < nodes->used_slots && node->node_id != 0);
    if (node->answer == HD_NORM_ANSWER_DUE)
        nodes->due_count--;
    if (answer == HD_NORM_ANSWER_DUE)
        nodes->due_count++;
    node->answer = answer;
}

void hd_norm_nodes_set_all(struct hd_norm_nodes *nodes, enum hd_norm_answer answer)
{
    for (uint32_t slot = 0; slot < nodes->used_slots; slot++)
        if (nodes->slots[slot].node_id != 0)
            hd_norm_nodes_set(nodes, slot, answer);
}

uint32_t hd_norm_nodes_next_due(const struct hd_norm_nodes *nodes, uint32_t slot)
{
    for (; slot < nodes->used_slots; slot++)
        if (nodes->slots[slot].node_id != 0 && nodes->slots[slot].answer == HD_NORM_ANSWER_DUE)
            return slot;
    return HD_NORM_NO_SLOT;
}
