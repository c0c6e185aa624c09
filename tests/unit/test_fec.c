/* SPDX-License-Identifier: MIT */
/* The erasure code against every kind of loss, with vectors of all lengths. test_fec_matrix.c has its definition. */
#include "fec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum {
    SYMBOLS_MAX = HD_FEC_SYMBOLS_MAX,
    BYTES_MAX = 5000,
    GUARD = 0xa5,
};

/* ---- blocks ---- */

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/*
 * A block, with guards behind every vector. Each vector has memory of its own length, so that a sanitizer sees what
 * goes past its end.
 */
struct block {
    unsigned k;
    unsigned symbols;
    unsigned rows;
    size_t bytes; /* of parity */
    struct hd_fec_symbol source[SYMBOLS_MAX];
    uint8_t *parity[SYMBOLS_MAX];
};

static uint8_t *guarded_new(size_t bytes)
{
    uint8_t *data = malloc(bytes + 1);

    assert_non_null(data);
    memset(data, GUARD, bytes + 1);
    return data;
}

static void block_new(struct block *block, unsigned k, unsigned symbols, unsigned rows, size_t bytes)
{
    uint32_t seed = k * 65537u + rows;

    *block = (struct block){ .k = k, .symbols = symbols, .rows = rows, .bytes = bytes };
    for (unsigned i = 0; i < symbols; i++) {
        uint8_t *data = guarded_new(bytes);

        for (size_t at = 0; at < bytes; at++)
            data[at] = (uint8_t)random_next(&seed);
        block->source[i] = (struct hd_fec_symbol){ data, bytes };
    }
    for (unsigned i = 0; i < rows; i++)
        block->parity[i] = guarded_new(bytes);
}

/* Takes bytes away from the end of a source symbol. */
static void block_shorten(struct block *block, unsigned symbol, size_t bytes)
{
    uint8_t *data = guarded_new(bytes);

    memcpy(data, block->source[symbol].data, bytes);
    free((void *)(uintptr_t)block->source[symbol].data);
    block->source[symbol] = (struct hd_fec_symbol){ data, bytes };
}

static void block_free(struct block *block)
{
    for (unsigned i = 0; i < block->symbols; i++)
        free((void *)(uintptr_t)block->source[i].data);
    for (unsigned i = 0; i < block->rows; i++)
        free(block->parity[i]);
}

static void block_encode(struct block *block, struct hd_fec_encoder *encoder)
{
    assert_int_equal(hd_fec_encode(encoder, block->source, (uint16_t)block->symbols, 0, (uint16_t)block->rows,
                                   block->parity, block->bytes),
                     0);
    for (unsigned i = 0; i < block->rows; i++)
        assert_int_equal(block->parity[i][block->bytes], GUARD);
}

static struct hd_fec_encoder *encoder_new(unsigned k, unsigned rows)
{
    struct hd_fec_encoder *encoder = NULL;

    assert_int_equal(hd_fec_encoder_new(&encoder, (uint16_t)k, (uint16_t)rows), 0);
    return encoder;
}

static struct hd_fec_decoder *decoder_new(void)
{
    struct hd_fec_decoder *decoder = NULL;

    assert_int_equal(hd_fec_decoder_new(&decoder, HD_FEC_SYMBOLS_MAX), 0);
    return decoder;
}

static void block_make(struct block *block, unsigned k, unsigned symbols, unsigned rows, size_t bytes)
{
    struct hd_fec_encoder *encoder = encoder_new(k, rows);

    block_new(block, k, symbols, rows, bytes);
    block_encode(block, encoder);
    hd_fec_encoder_free(encoder);
}

/* Recovers the symbols `lost` with the parity `rows`, into memory of their own length, and compares. */
static void block_recover(const struct block *block, struct hd_fec_decoder *decoder, const unsigned *lost,
                          unsigned lost_count, const unsigned *rows, unsigned row_count)
{
    struct hd_fec_symbol source[SYMBOLS_MAX];
    struct hd_fec_lost holes[SYMBOLS_MAX];
    struct hd_fec_parity parity[SYMBOLS_MAX];
    struct hd_fec_repair repair = {
        .source = source,
        .parity = parity,
        .lost = holes,
        .source_symbols_max = (uint16_t)block->k,
        .source_symbols = (uint16_t)block->symbols,
        .parity_count = (uint16_t)row_count,
        .lost_count = (uint16_t)lost_count,
    };

    memcpy(source, block->source, sizeof(source));
    for (unsigned i = 0; i < lost_count; i++) {
        size_t bytes = block->source[lost[i]].bytes;

        holes[i] = (struct hd_fec_lost){ guarded_new(bytes), bytes, (uint16_t)lost[i] };
        source[lost[i]] = (struct hd_fec_symbol){ NULL, 7 }; /* not looked at */
    }
    for (unsigned i = 0; i < row_count; i++)
        parity[i] = (struct hd_fec_parity){ block->parity[rows[i]], block->bytes, (uint16_t)rows[i] };
    assert_int_equal(hd_fec_decode(decoder, &repair), 0);
    for (unsigned i = 0; i < lost_count; i++) {
        const struct hd_fec_symbol *original = &block->source[lost[i]];

        if (original->bytes > 0)
            assert_memory_equal(holes[i].data, original->data, original->bytes);
        assert_int_equal(holes[i].data[original->bytes], GUARD);
        free(holes[i].data);
    }
}

/* `count` different numbers below `limit`, in no order. */
static void choose(unsigned *chosen, unsigned count, unsigned limit, uint32_t *seed)
{
    unsigned all[SYMBOLS_MAX];

    for (unsigned i = 0; i < limit; i++)
        all[i] = i;
    assert_true(count <= limit);
    for (unsigned i = 0; i < count && i < limit; i++) {
        unsigned other = i + random_next(seed) % (limit - i);

        chosen[i] = all[other];
        all[other] = all[i];
    }
}

static void block_recover_random(const struct block *block, struct hd_fec_decoder *decoder, unsigned lost_count,
                                 uint32_t *seed)
{
    unsigned lost[SYMBOLS_MAX] = { 0 }, rows[SYMBOLS_MAX] = { 0 };

    choose(lost, lost_count, block->symbols, seed);
    choose(rows, lost_count, block->rows, seed);
    block_recover(block, decoder, lost, lost_count, rows, lost_count);
}

static unsigned bits_of(unsigned set, unsigned *ret_members)
{
    unsigned count = 0;

    for (unsigned i = 0; set >> i != 0; i++)
        if (set >> i & 1)
            ret_members[count++] = i;
    return count;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* ---- parts of a block ---- */

static void some_rows_of_a_block_equal_those_of_the_whole(void **state)
{
    enum { ROWS = 30 };
    struct hd_fec_encoder *encoder = encoder_new(40, ROWS);
    struct block block;

    (void)state;
    block_make(&block, 40, 40, ROWS, 200);
    /* From the last row to the first, so that rows are prepared in no convenient order. */
    for (unsigned first = ROWS; first-- > 0;)
        for (unsigned rows = 0; first + rows <= ROWS; rows++) {
            uint8_t room[ROWS + 1][200];
            uint8_t *outputs[ROWS];

            memset(room, GUARD, sizeof(room));
            for (unsigned i = 0; i < rows; i++)
                outputs[i] = room[i];
            assert_int_equal(hd_fec_encode(encoder, block.source, 40, (uint16_t)first, (uint16_t)rows, outputs, 200),
                             0);
            for (unsigned i = 0; i < rows; i++)
                assert_memory_equal(room[i], block.parity[first + i], 200);
            assert_int_equal(room[rows][0], GUARD);
        }
    block_free(&block);
    hd_fec_encoder_free(encoder);
}

static void one_encoder_serves_blocks_of_all_lengths_in_any_order(void **state)
{
    enum { K = 50, ROWS = 5 };
    struct hd_fec_encoder *encoder = encoder_new(K, ROWS);
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        unsigned symbols = round % 3 == 0 ? random_next(&seed) % K + 1 : 24 + random_next(&seed) % 3;
        struct block fresh, block;

        block_make(&fresh, K, symbols, ROWS, 40);
        block_new(&block, K, symbols, ROWS, 40);
        block_encode(&block, encoder);
        for (unsigned i = 0; i < ROWS; i++)
            assert_memory_equal(block.parity[i], fresh.parity[i], 40);
        block_free(&fresh);
        block_free(&block);
    }
    hd_fec_encoder_free(encoder);
}

static void a_short_block_is_one_with_zero_symbols_at_its_end(void **state)
{
    enum { K = 23, ROWS = 9, BYTES = 97 };
    struct hd_fec_decoder *decoder = decoder_new();
    uint32_t seed = 2;

    (void)state;
    for (unsigned symbols = 1; symbols <= K; symbols++) {
        struct block block, padded;

        block_make(&block, K, symbols, ROWS, BYTES);
        block_new(&padded, K, K, ROWS, BYTES);
        for (unsigned i = symbols; i < K; i++)
            memset((void *)(uintptr_t)padded.source[i].data, 0, BYTES);
        struct hd_fec_encoder *encoder = encoder_new(K, ROWS);

        block_encode(&padded, encoder);
        hd_fec_encoder_free(encoder);
        for (unsigned i = 0; i < ROWS; i++)
            assert_memory_equal(block.parity[i], padded.parity[i], BYTES);
        for (unsigned lost = 1; lost <= smaller(symbols, ROWS); lost++)
            block_recover_random(&block, decoder, lost, &seed);
        block_free(&block);
        block_free(&padded);
    }
    hd_fec_decoder_free(decoder);
}

/* ---- vectors of any length ---- */

static void vectors_of_any_length_are_recovered(void **state)
{
    static const size_t lengths[] = { 1, 7, 31, 32, 33, 63, 64, 65, 127, 129, 1400, 2047, 2049, BYTES_MAX };
    struct hd_fec_decoder *decoder = decoder_new();
    uint32_t seed = 3;

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct block block;

        block_make(&block, 16, 16, 14, lengths[i]);
        block_recover_random(&block, decoder, 14, &seed);
        block_free(&block);
    }
    hd_fec_decoder_free(decoder);
}

static void no_byte_is_nothing_to_do(void **state)
{
    struct hd_fec_decoder *decoder = decoder_new();
    uint32_t seed = 4;
    struct block block;

    (void)state;
    block_make(&block, 3, 3, 2, 0);
    block_recover_random(&block, decoder, 2, &seed);
    block_recover_random(&block, decoder, 0, &seed);
    block_free(&block);
    hd_fec_decoder_free(decoder);
}

/* Compares with the same block padded by the caller, then loses each symbol in turn and some together. */
static void check_uneven(struct block *block, struct hd_fec_encoder *encoder, struct hd_fec_decoder *decoder)
{
    uint8_t *parity[SYMBOLS_MAX] = { NULL };
    struct hd_fec_symbol padded[SYMBOLS_MAX] = { { 0 } };
    uint32_t seed = 5;

    for (unsigned i = 0; i < block->symbols; i++) {
        uint8_t *data = calloc(1, block->bytes + 1);

        assert_non_null(data);
        memcpy(data, block->source[i].data, block->source[i].bytes);
        padded[i] = (struct hd_fec_symbol){ data, block->bytes };
    }
    for (unsigned i = 0; i < block->rows; i++)
        parity[i] = guarded_new(block->bytes);
    block_encode(block, encoder);
    assert_int_equal(
        hd_fec_encode(encoder, padded, (uint16_t)block->symbols, 0, (uint16_t)block->rows, parity, block->bytes), 0);
    for (unsigned i = 0; i < block->rows; i++)
        assert_memory_equal(parity[i], block->parity[i], block->bytes);
    for (unsigned i = 0, row = 0; i < block->symbols; i++) {
        block_recover(block, decoder, &i, 1, &row, 1);
        row = row + 1 < block->rows ? row + 1 : 0;
    }
    for (unsigned lost = 1; lost <= smaller(block->symbols, block->rows); lost++)
        block_recover_random(block, decoder, lost, &seed);
    for (unsigned i = 0; i < block->symbols; i++)
        free((void *)(uintptr_t)padded[i].data);
    for (unsigned i = 0; i < block->rows; i++)
        free(parity[i]);
}

static void a_short_last_symbol_needs_no_padding(void **state)
{
    static const size_t lengths[] = { 1, 31, 64, 100, 1400, 4900 };
    struct hd_fec_decoder *decoder = decoder_new();
    struct hd_fec_encoder *encoder = encoder_new(8, 4);

    (void)state;
    for (unsigned symbols = 1; symbols <= 8; symbols += 7)
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
            for (size_t last = 0; last <= lengths[i]; last += lengths[i] > 100 ? lengths[i] / 20 - 3 : 1) {
                struct block block;

                block_new(&block, 8, symbols, 4, lengths[i]);
                block_shorten(&block, symbols - 1, last);
                check_uneven(&block, encoder, decoder);
                block_free(&block);
            }
    hd_fec_encoder_free(encoder);
    hd_fec_decoder_free(decoder);
}

static void every_symbol_may_have_its_own_length(void **state)
{
    struct hd_fec_decoder *decoder = decoder_new();
    struct hd_fec_encoder *encoder = encoder_new(20, 13);
    uint32_t seed = 6;

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        struct block block;

        block_new(&block, 20, 20, 13, round < 40 ? 1 + random_next(&seed) % 1500 : BYTES_MAX);
        for (unsigned i = 0; i < 20; i++)
            block_shorten(&block, i, random_next(&seed) % (block.bytes + 1));
        check_uneven(&block, encoder, decoder);
        block_free(&block);
    }
    hd_fec_encoder_free(encoder);
    hd_fec_decoder_free(decoder);
}

static void parity_may_be_as_short_as_the_longest_symbol(void **state)
{
    enum { FULL = 500, LONGEST = 333 };
    struct hd_fec_decoder *decoder = decoder_new();
    struct hd_fec_encoder *encoder = encoder_new(6, 2);
    struct block block;
    uint8_t room[2][FULL];
    struct hd_fec_lost lost[] = { { room[0], FULL, 4 }, { room[1], FULL, 0 } };

    (void)state;
    block_new(&block, 6, 6, 2, LONGEST);
    block_shorten(&block, 4, 200);
    block_encode(&block, encoder);
    memset(room, GUARD, sizeof(room));

    struct hd_fec_parity parity[] = { { block.parity[1], LONGEST, 1 }, { block.parity[0], LONGEST, 0 } };
    struct hd_fec_repair repair = { block.source, parity, lost, 6, 6, 2, 2 };

    assert_int_equal(hd_fec_decode(decoder, &repair), 0);
    assert_memory_equal(room[0], block.source[4].data, 200);
    assert_memory_equal(room[1], block.source[0].data, LONGEST);
    for (size_t i = 200; i < FULL; i++)
        assert_int_equal(room[0][i], 0);
    for (size_t i = LONGEST; i < FULL; i++)
        assert_int_equal(room[1][i], 0);
    block_free(&block);
    hd_fec_encoder_free(encoder);
    hd_fec_decoder_free(decoder);
}

/*
 * Memory that ends, or begins, where a page that must not be touched begins or ends. A sanitizer cannot see what
 * ISA-L's assembly code does.
 */
enum { FENCE_PAGE = 4096, FENCED_VECTORS = 20 };

static uint8_t *fences_new(void)
{
    size_t bytes = (2 * FENCED_VECTORS + 1) * (size_t)FENCE_PAGE;
    uint8_t *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i <= FENCED_VECTORS; i++)
        assert_int_equal(mprotect(pages + 2 * i * FENCE_PAGE, FENCE_PAGE, PROT_NONE), 0);
    return pages;
}

static uint8_t *fenced(uint8_t *pages, unsigned vector, size_t bytes, bool at_end)
{
    return pages + (2 * vector + 1) * (size_t)FENCE_PAGE + (at_end ? FENCE_PAGE - bytes : 0);
}

static void check_fenced(uint8_t *pages, size_t bytes, size_t last_bytes, bool at_end)
{
    enum { K = 7, ROWS = 5 };
    struct hd_fec_encoder *encoder = encoder_new(K, ROWS);
    struct hd_fec_decoder *decoder = decoder_new();
    struct hd_fec_symbol source[K];
    struct hd_fec_parity parity[ROWS];
    struct hd_fec_lost lost[ROWS];
    struct hd_fec_repair repair = { source, parity, lost, K, K, ROWS, ROWS };
    uint8_t *outputs[ROWS];

    for (unsigned i = 0; i < K; i++) {
        size_t length = i == K - 1 ? last_bytes : bytes;
        uint8_t *data = fenced(pages, i, length, at_end);

        for (size_t at = 0; at < length; at++)
            data[at] = (uint8_t)(at * 7 + i);
        source[i] = (struct hd_fec_symbol){ data, length };
    }
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned symbol = K - 1 - i;

        outputs[i] = fenced(pages, K + i, bytes, at_end);
        parity[i] = (struct hd_fec_parity){ outputs[i], bytes, (uint16_t)i };
        lost[i] = (struct hd_fec_lost){ fenced(pages, K + ROWS + i, source[symbol].bytes, at_end), source[symbol].bytes,
                                        (uint16_t)symbol };
    }
    assert_int_equal(hd_fec_encode(encoder, source, K, 0, ROWS, outputs, bytes), 0);
    assert_int_equal(hd_fec_decode(decoder, &repair), 0);
    for (unsigned i = 0; i < ROWS; i++)
        assert_memory_equal(lost[i].data, source[lost[i].symbol].data, lost[i].bytes);
    hd_fec_encoder_free(encoder);
    hd_fec_decoder_free(decoder);
}

static void no_byte_beside_a_vector_is_touched(void **state)
{
    uint8_t *pages = fences_new();

    (void)state;
    for (size_t bytes = 1; bytes <= FENCE_PAGE; bytes += bytes < 200 ? 1 : 433)
        for (int at_end = 0; at_end < 2; at_end++) {
            check_fenced(pages, bytes, bytes, at_end);
            check_fenced(pages, bytes, bytes / 3, at_end);
            check_fenced(pages, bytes, bytes - 1, at_end);
        }
    munmap(pages, (2 * FENCED_VECTORS + 1) * (size_t)FENCE_PAGE);
}

/* ---- losses ---- */

static void every_loss_is_recovered_by_every_choice_of_parity(void **state)
{
    struct hd_fec_decoder *decoder = decoder_new();

    (void)state;
    for (unsigned k = 1; k <= 6; k++)
        for (unsigned symbols = 1; symbols <= k; symbols++) {
            struct block block;

            block_make(&block, k, symbols, 4, 5);
            for (unsigned holes = 0; holes < 1u << symbols; holes++)
                for (unsigned received = 0; received < 1u << 4; received++) {
                    unsigned lost[6], rows[4];
                    unsigned lost_count = bits_of(holes, lost), row_count = bits_of(received, rows);

                    if (row_count >= lost_count)
                        block_recover(&block, decoder, lost, lost_count, rows, row_count);
                }
            block_free(&block);
        }
    hd_fec_decoder_free(decoder);
}

static void large_codes_recover_random_losses(void **state)
{
    static const unsigned codes[][2] = { { 64, 32 }, { 223, 32 }, { 1, 254 }, { 254, 1 }, { 127, 128 }, { 32, 8 } };
    struct hd_fec_decoder *decoder = decoder_new();
    uint32_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct block block;
        unsigned most = smaller(codes[i][0], codes[i][1]);

        block_make(&block, codes[i][0], codes[i][0], codes[i][1], 100);
        for (unsigned round = 0; round < 40; round++)
            block_recover_random(&block, decoder, round == 0 ? most : random_next(&seed) % (most + 1), &seed);
        block_free(&block);
    }
    hd_fec_decoder_free(decoder);
}

static void every_code_encodes_and_decodes(void **state)
{
    static struct block block;
    struct hd_fec_decoder *decoder = decoder_new();
    uint32_t seed = 8;

    (void)state;
    for (unsigned k = 1; k < SYMBOLS_MAX; k++) {
        unsigned rows_max = SYMBOLS_MAX - k;

        block_new(&block, k, k, rows_max, 3);
        for (unsigned rows = 1; rows <= rows_max; rows++) {
            struct hd_fec_encoder *encoder = encoder_new(k, rows);
            struct block code = block;

            code.rows = rows;
            for (unsigned i = 0; i < rows; i++)
                memset(code.parity[i], GUARD, code.bytes);
            block_encode(&code, encoder);
            block_recover_random(&code, decoder, smaller(smaller(k, rows), 1 + random_next(&seed) % 16), &seed);
            hd_fec_encoder_free(encoder);
        }
        block_recover_random(&block, decoder, smaller(k, rows_max), &seed);
        block_free(&block);
    }
    hd_fec_decoder_free(decoder);
}

/* ---- what is refused ---- */

static void a_code_has_room_for_255_symbols(void **state)
{
    struct hd_fec_encoder *encoder = NULL;

    (void)state;
    assert_int_equal(hd_fec_encoder_new(&encoder, 0, 1), -EINVAL);
    assert_int_equal(hd_fec_encoder_new(&encoder, 1, 255), -EINVAL);
    assert_int_equal(hd_fec_encoder_new(&encoder, 256, 0), -EINVAL);
    assert_int_equal(hd_fec_encoder_new(&encoder, UINT16_MAX, UINT16_MAX), -EINVAL);
    assert_null(encoder);
    encoder = hd_fec_encoder_free(encoder_new(255, 0));
    assert_null(encoder);
    assert_null(hd_fec_encoder_free(NULL));
    assert_null(hd_fec_decoder_free(NULL));
}

static void an_encoder_refuses_what_it_was_not_made_for(void **state)
{
    struct hd_fec_encoder *encoder = encoder_new(4, 2);
    struct block block;

    (void)state;
    block_new(&block, 4, 4, 2, 8);
    assert_int_equal(hd_fec_encode(encoder, block.source, 0, 0, 2, block.parity, 8), -EINVAL);
    assert_int_equal(hd_fec_encode(encoder, block.source, 5, 0, 2, block.parity, 8), -EINVAL);
    assert_int_equal(hd_fec_encode(encoder, block.source, 4, 0, 3, block.parity, 8), -EINVAL);
    assert_int_equal(hd_fec_encode(encoder, block.source, 4, 2, 1, block.parity, 8), -EINVAL);
    assert_int_equal(hd_fec_encode(encoder, block.source, 4, UINT16_MAX, UINT16_MAX, block.parity, 8), -EINVAL);
    assert_int_equal(block.parity[0][0], GUARD);
    block_free(&block);
    hd_fec_encoder_free(encoder);
}

static void a_decoder_refuses_what_it_was_not_made_for(void **state)
{
    struct hd_fec_decoder *decoder = NULL;
    struct block block;
    uint8_t room[8];

    (void)state;
    assert_int_equal(hd_fec_decoder_new(&decoder, 0), -EINVAL);
    assert_int_equal(hd_fec_decoder_new(&decoder, 256), -EINVAL);
    assert_int_equal(hd_fec_decoder_new(&decoder, 3), 0);
    block_make(&block, 4, 3, 1, 8);

    struct hd_fec_lost lost = { room, 8, 1 };
    struct hd_fec_parity parity = { block.parity[0], 8, 0 };
    struct hd_fec_repair repair = { block.source, &parity, &lost, 4, 3, 1, 1 };

    assert_int_equal(hd_fec_decode(decoder, &repair), -EINVAL);
    hd_fec_decoder_free(decoder);
    assert_int_equal(hd_fec_decoder_new(&decoder, 4), 0);
    assert_int_equal(hd_fec_decode(decoder, &repair), 0);
    assert_memory_equal(room, block.source[1].data, 8);
    block_free(&block);
    hd_fec_decoder_free(decoder);
}

static void a_repair_that_makes_no_sense_writes_nothing(void **state)
{
    struct hd_fec_decoder *decoder = decoder_new();
    struct block block;
    uint8_t room[2][8];

    (void)state;
    memset(room, GUARD, sizeof(room));
    block_make(&block, 4, 3, 2, 8);

    struct hd_fec_lost lost[] = { { room[0], 8, 0 }, { room[1], 8, 2 } };
    struct hd_fec_lost twice[] = { { room[0], 8, 1 }, { room[1], 8, 1 } };
    struct hd_fec_lost beyond[] = { { room[0], 8, 1 }, { room[1], 8, 3 } };
    struct hd_fec_parity parity[] = { { block.parity[0], 8, 0 }, { block.parity[1], 8, 1 } };
    struct hd_fec_parity same[] = { { block.parity[0], 8, 1 }, { block.parity[1], 8, 1 } };
    struct hd_fec_parity no_row[] = { { block.parity[0], 8, 0 }, { block.parity[1], 8, 251 } };
    const struct {
        struct hd_fec_repair repair;
        int result;
    } rows[] = {
        { { block.source, parity, lost, 4, 0, 2, 2 }, -EINVAL },
        { { block.source, parity, lost, 2, 3, 2, 2 }, -EINVAL },
        { { block.source, parity, lost, 256, 3, 2, 2 }, -EINVAL },
        { { block.source, parity, lost, 255, 3, 2, 2 }, -EINVAL },
        { { block.source, parity, twice, 4, 3, 2, 2 }, -EINVAL },
        { { block.source, parity, beyond, 4, 3, 2, 2 }, -EINVAL },
        { { block.source, same, lost, 4, 3, 2, 2 }, -EINVAL },
        { { block.source, no_row, lost, 4, 3, 2, 2 }, -EINVAL },
        { { block.source, parity, lost, 4, 3, 1, 2 }, -ENODATA },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(hd_fec_decode(decoder, &rows[i].repair), rows[i].result);
    for (size_t i = 0; i < sizeof(room); i++)
        assert_int_equal(room[i / 8][i % 8], GUARD);
    block_free(&block);
    hd_fec_decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_rows_of_a_block_equal_those_of_the_whole),
        cmocka_unit_test(one_encoder_serves_blocks_of_all_lengths_in_any_order),
        cmocka_unit_test(a_short_block_is_one_with_zero_symbols_at_its_end),
        cmocka_unit_test(vectors_of_any_length_are_recovered),
        cmocka_unit_test(no_byte_is_nothing_to_do),
        cmocka_unit_test(a_short_last_symbol_needs_no_padding),
        cmocka_unit_test(every_symbol_may_have_its_own_length),
        cmocka_unit_test(parity_may_be_as_short_as_the_longest_symbol),
        cmocka_unit_test(no_byte_beside_a_vector_is_touched),
        cmocka_unit_test(every_loss_is_recovered_by_every_choice_of_parity),
        cmocka_unit_test(large_codes_recover_random_losses),
        cmocka_unit_test(every_code_encodes_and_decodes),
        cmocka_unit_test(a_code_has_room_for_255_symbols),
        cmocka_unit_test(an_encoder_refuses_what_it_was_not_made_for),
        cmocka_unit_test(a_decoder_refuses_what_it_was_not_made_for),
        cmocka_unit_test(a_repair_that_makes_no_sense_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
