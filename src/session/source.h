/* SPDX-License-Identifier: MIT */
/*
 * Where a delivery's bytes are read from, for the transport: files by way of a cache of blocks, memory directly; both
 * compute the digest on the way.
 *
 * Files are read by pread(2), not mapped: a mapped file that somebody else makes shorter would end the process by
 * SIGBUS, which a library must not catch.
 */
#ifndef SESSION_SOURCE_H
#define SESSION_SOURCE_H

#include "digest.h"
#include "tree.h"

#include <herald/norm.h>

/*
 * Buffers of a block each, shared by all sources of a delivery. A buffer that holds the payload of a datagram which
 * was not sent yet is not used for anything else: whoever sends tells where a batch of at most 64 datagrams ends.
 *
 * The transport takes one segment after the other from the block that it asked for last, without asking again, in
 * this batch and in the next. So the block that was handed out last stays what it is, too, however many batches are
 * sent, until another is handed out.
 */
struct hd_block_cache;

/* `block_bytes`: of the largest block there can be. Buffers are allocated as they are needed, 66 at most. */
HERALD_CHECKED int hd_block_cache_new(struct hd_block_cache **ret_cache, size_t block_bytes);
struct hd_block_cache *hd_block_cache_free(struct hd_block_cache *cache);
/* All datagrams that were made so far have been sent. */
void hd_block_cache_batch_sent(struct hd_block_cache *cache);

struct hd_source;

/*
 * Opens what an entry of type FILE or BYTES consists of. The size is taken anew from the open file; *ret_size_bytes
 * is what is to be sent, even if the file grows later. What is no regular file any more is not opened, and no link is
 * followed in the path below a directory that was given (hd_entry.below). Never blocks. The entry's strings, and the
 * cache, must outlive the source.
 * @return 0; -errno with *error: "cannot read NAME: Permission denied".
 */
HERALD_CHECKED int hd_source_open(struct hd_source **ret_source, const struct hd_entry *entry,
                                  struct hd_block_cache *cache, uint16_t segment_bytes, uint16_t block_segments,
                                  uint64_t *ret_size_bytes, struct herald_error *error);
/* What datagrams of the batch point to stays until it was sent. Takes NULL; returns NULL. */
struct hd_source *hd_source_close(struct hd_source *source);

/*
 * For herald_norm_sender_enqueue(); `user` is the source. A block is read as a whole when a part of it is asked for.
 * One that has to be read again, for a repair, must have the same digest as before.
 */
void hd_source_as_norm(struct hd_source *source, struct herald_norm_source *ret_norm_source);

/*
 * The digest, once all of it was read. `read_now`: what was not read yet is read first (for small files, before they
 * are sent). @return 0; -EAGAIN: not all was read yet; -ESTALE: the file was written to meanwhile, and what was read is
 * not what is there now; another -errno: it cannot be read.
 */
HERALD_CHECKED int hd_source_digest(struct hd_source *source, bool read_now, uint8_t ret_bytes[HD_DIGEST_BYTES]);

/* Why read_at() gave nothing: *error says that the file became shorter (-ESTALE) or was changed (-ESTALE), or what the
   disk said. It gives nothing any more then. @return its code; 0: all is well, *error is untouched. */
int hd_source_error(const struct hd_source *source, struct herald_error *error);

#endif
