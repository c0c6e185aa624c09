/* SPDX-License-Identifier: MIT */
/* Whether what was encoded and decoded is what it was: for the unit test and the fuzz target of session messages. */
#ifndef MESSAGE_AGAIN_H
#define MESSAGE_AGAIN_H

#include "message.h"

#include <string.h>

static inline bool same_text(struct hd_text one, struct hd_text other)
{
    return one.size_bytes == other.size_bytes && (one.size_bytes == 0 || memcmp(one.at, other.at, one.size_bytes) == 0);
}

static inline bool same_info(const struct hd_info *one, const struct hd_info *other)
{
    return same_text(one->name, other->name) && one->type == other->type && one->delivery_id == other->delivery_id &&
           one->index == other->index && same_text(one->directory, other->directory) &&
           one->has_meta == other->has_meta && one->mode == other->mode && one->mtime_ns == other->mtime_ns &&
           one->is_sparse == other->is_sparse && one->has_digest == other->has_digest &&
           memcmp(one->digest, other->digest, HD_DIGEST_BYTES) == 0 && one->size_bytes == other->size_bytes &&
           same_text(one->link, other->link);
}

static inline bool same_request(const struct hd_request *one, const struct hd_request *other)
{
    return one->kind == other->kind && one->delivery_id == other->delivery_id && one->entries == other->entries &&
           one->size_bytes == other->size_bytes && same_text(one->host, other->host) &&
           same_text(one->reason, other->reason);
}

static inline bool same_answer(const struct hd_answer *one, const struct hd_answer *other)
{
    return one->kind == other->kind && one->delivery_id == other->delivery_id && same_text(one->host, other->host) &&
           one->state == other->state && one->complete_count == other->complete_count &&
           one->failed_count == other->failed_count && one->unverified_count == other->unverified_count &&
           one->has_left == other->has_left && one->received_bytes == other->received_bytes &&
           one->repaired_segments == other->repaired_segments && same_text(one->reason, other->reason) &&
           one->missing_count == other->missing_count &&
           memcmp(one->missing, other->missing, one->missing_count * sizeof(one->missing[0])) == 0;
}

#endif
