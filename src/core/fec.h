/* SPDX-License-Identifier: MIT */
/*
 * The erasure code of NORM's fec_ids 5, 2 (m = 8) and 129: systematic Reed-Solomon over GF(2^8), 0x11d.
 *
 * The symbols of a block are the values of one polynomial of degree < k at fixed points: symbol 0 at the point 0,
 * symbol i at α^(i-1). The k source symbols come first; parity row r is symbol k + r. So a row depends on k, but
 * not on how many rows there are. RFC 5510, section 8.2.1, read literally gives other rows than these, which are
 * those that are deployed.
 *
 * k is the sender's largest block ("max_block" of the FTI). A shorter block, of k' symbols, is coded as if zero
 * symbols followed up to k: its parity is row 0, 1, ... of the same code, even though its encoding symbol ids on
 * the wire begin at k'.
 *
 * Vectors may end early: every byte after the end of a vector counts as zero, and is never read or written. That
 * covers the last symbol of an object, short segments of a stream, and parity that is as long as the longest payload
 * of its block.
 *
 * An encoder belongs to a sender, whose k is fixed. A decoder serves blocks of any k up to its limit, and any number
 * of parity symbols: one is enough for a receiver of many senders. Only _new allocates. No thread may use an encoder
 * or a decoder while another one does.
 */
#ifndef CORE_FEC_H
#define CORE_FEC_H

#include <herald/types.h>

#include <stddef.h>
#include <stdint.h>

enum {
    HD_FEC_SYMBOLS_MAX = 255, /* k + parity: as many as an 8-bit encoding symbol id can tell apart, less one */
};

/* Something to be read. data may be NULL where bytes is 0. */
struct hd_fec_symbol {
    const uint8_t *data;
    size_t bytes;
};

struct hd_fec_encoder;

/*
 * Memory: 32 · source_symbols_max · parity_symbols bytes (64 KB for 64 and 32; at most 520 KB), and 36 KB.
 * parity_symbols may be 0.
 * @return 0; -EINVAL for a k of 0 or more than HD_FEC_SYMBOLS_MAX symbols in all; -ENOMEM.
 */
HERALD_CHECKED int hd_fec_encoder_new(struct hd_fec_encoder **ret_encoder, uint16_t source_symbols_max,
                                      uint16_t parity_symbols);
struct hd_fec_encoder *hd_fec_encoder_free(struct hd_fec_encoder *encoder);

/*
 * Computes the parity rows first_row .. first_row + rows - 1 of a block of source_symbols symbols: the first
 * parity_bytes bytes of parity[0] .. parity[rows - 1]. To lose nothing, parity_bytes must be the length of the longest
 * source symbol, or more. The parity vectors may overlap neither each other nor a source.
 *
 * What is prepared for a row is kept while the length of blocks stays the same, give or take the one symbol by which
 * the blocks of an object differ (RFC 5052, section 9.1).
 * @return 0; -EINVAL for a block longer than k or of no symbol, or a row that the encoder was not made for.
 */
HERALD_CHECKED int hd_fec_encode(struct hd_fec_encoder *encoder, const struct hd_fec_symbol source[],
                                 uint16_t source_symbols, uint16_t first_row, uint16_t rows, uint8_t *const parity[],
                                 size_t parity_bytes);

/* A parity symbol that arrived. row = its encoding symbol id - k' of its block. */
struct hd_fec_parity {
    const uint8_t *data;
    size_t bytes;
    uint16_t row;
};

/* A source symbol that did not arrive, and where it shall go: exactly its first `bytes` bytes are written. */
struct hd_fec_lost {
    uint8_t *data;
    size_t bytes;
    uint16_t symbol;
};

struct hd_fec_repair {
    const struct hd_fec_symbol *source; /* source_symbols of them; the lost ones are not looked at */
    const struct hd_fec_parity *parity; /* in any order; the first lost_count of them are used */
    const struct hd_fec_lost *lost;     /* in any order; every symbol of the block that is not there */
    uint16_t source_symbols_max;        /* k */
    uint16_t source_symbols;            /* k' */
    uint16_t parity_count;
    uint16_t lost_count;
};

struct hd_fec_decoder;

/*
 * Memory: 36 KB, and 384 bytes for each symbol of the longest block (k); what is touched of it is next to
 * nothing before the first decoding, then 16 KB and what the number of lost symbols takes.
 * @return 0; -EINVAL for a k of 0 or more than HD_FEC_SYMBOLS_MAX; -ENOMEM.
 */
HERALD_CHECKED int hd_fec_decoder_new(struct hd_fec_decoder **ret_decoder, uint16_t source_symbols_max);
struct hd_fec_decoder *hd_fec_decoder_free(struct hd_fec_decoder *decoder);

/*
 * Recovers all lost symbols of a block at once. No buffer of a lost symbol may overlap another vector.
 * @return 0; -EINVAL if that is no block (k' of 0 or above k, k above the decoder's limit, a symbol or row out of
 * range or named twice), in which case nothing is written; -ENODATA if there are fewer parity symbols than lost ones.
 */
HERALD_CHECKED int hd_fec_decode(struct hd_fec_decoder *decoder, const struct hd_fec_repair *repair);

#endif
