/* SPDX-License-Identifier: MIT */
/*
 * Encoding and decoding are the same thing here: from the values of a polynomial of degree < k at k points X, find
 * its values at others. Lagrange's formula gives the factor of the known symbol i in the wanted symbol y:
 *
 *     N(y) / ((y - x_i) · N'(x_i)),    N(x) = product of all x - x_l for x_l in X
 *
 * Define W(i) as the product of all x_i - x_l, l in X, l ≠ i. That is N(y) for a wanted symbol and N'(x_i) for a
 * known one, so the factor is W(y) / W(i) / (y - x_i). If X is 0 .. k-1, W(i) is known in closed form, because the
 * points are powers of α (product_log). If some of them were lost and parity took their place, W(i) takes two more
 * factors for each. So no matrix is ever inverted, nor kept: a row of k' factors costs an encoder about 3·k' table
 * look-ups and k' copies of 32 bytes; a decoder spends 2·e more look-ups on each of the k' known symbols. The k - k'
 * symbols of a short block that are not there are known to be zero: they count in W, but need no factor.
 *
 * All of this is done with logarithms. No factor is ever 0, because all points differ.
 */
#include "fec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/erasure_code.h>

enum {
    GROUP = 255, /* the order of α: exponents count modulo this */
    POLYNOMIAL = 0x11d,
    TABLE_BYTES = 32,  /* the most that ISA-L prepares for one factor */
    ROWS_MAX = 12,     /* at once. ISA-L takes 4 or 6 at a time */
    LANE_BYTES = 64,   /* ISA-L goes byte by byte through less than this */
    ALIGN_BYTES = 64,  /* a cache line */
    ZERO_BYTES = 2048, /* of a vector that has ended, at a time */
    PIECE_BYTES = 1 << 20,
};

/* Stands in for vectors that have ended. */
static const uint8_t zeros[ZERO_BYTES];

/* A vector to be written. */
struct output {
    uint8_t *data;
    size_t bytes;
};

/* What encoder and decoder share: the field, and the room to multiply in. */
struct code {
    uint8_t log[256]; /* log[0] is 0: a difference of a point to itself drops out of a product */
    uint8_t exp[3 * GROUP];
    uint8_t point[HD_FEC_SYMBOLS_MAX];
    uint8_t factorial_log[HD_FEC_SYMBOLS_MAX]; /* [n]: of (α^1 - 1)(α^2 - 1) .. (α^n - 1) */
    uint8_t factor_tables[(256 + 1) * TABLE_BYTES];
    size_t table_bytes; /* of one factor */
    unsigned char *input_at[HD_FEC_SYMBOLS_MAX];
    unsigned char *output_at[ROWS_MAX];
    /* The rest is large and seldom used: at the end of everything, so that it takes no memory before it is. */
    uint8_t sink[ZERO_BYTES]; /* takes what nobody wants of an output that has ended */
    uint8_t staged_output[ROWS_MAX][LANE_BYTES];
    uint8_t staged_input[HD_FEC_SYMBOLS_MAX][LANE_BYTES];
};

/* The set X: the symbols 0 .. k-1, some of which parity has taken the place of. */
struct basis {
    unsigned k;
    unsigned exchanged; /* the lost, and the parity in their place */
    uint8_t lost_points[HD_FEC_SYMBOLS_MAX];
    uint8_t parity_points[HD_FEC_SYMBOLS_MAX];
    unsigned known; /* those in X that are not zero by definition, each with the logarithm of 1/W */
    uint8_t known_points[HD_FEC_SYMBOLS_MAX];
    uint8_t known_weight_logs[HD_FEC_SYMBOLS_MAX];
};

/* outputs = the matrix in `tables` · inputs */
struct pass {
    const struct hd_fec_symbol *inputs;
    const struct output *outputs;
    uint8_t *tables;
    size_t bytes; /* of the longest output */
    unsigned input_count;
    unsigned output_count; /* at most ROWS_MAX */
};

struct hd_fec_encoder {
    struct code code;
    struct basis basis;
    struct hd_fec_symbol inputs[HD_FEC_SYMBOLS_MAX];
    unsigned parity_symbols;
    unsigned prepared_symbols; /* the length of block that the tables are for; 0: none */
    unsigned prepared_rows;    /* from row 0 on */
    uint8_t *tables;           /* in memory */
    uint8_t memory[];
};

struct hd_fec_decoder {
    unsigned symbols_max; /* of a block */
    bool has_code;        /* `code` is filled: when it is needed first */
    struct basis basis;
    struct hd_fec_symbol inputs[HD_FEC_SYMBOLS_MAX];
    struct code code;
    uint8_t memory[];
};

static size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint8_t *align(uint8_t *memory)
{
    return memory + (-(uintptr_t)memory & (ALIGN_BYTES - 1));
}

/* ISA-L's functions do not say const. */
static unsigned char *not_const(const uint8_t *data)
{
    return (unsigned char *)(uintptr_t)data;
}

/*
 * How many bytes ISA-L prepares for one factor is its own affair: 32, or 8 where the processor multiplies in GF(2^8)
 * itself (ISA-L 2.31). For the factor 0 they are all zero.
 */
static size_t table_bytes_find(void)
{
    unsigned char factor = 0;
    unsigned char table[TABLE_BYTES];
    size_t bytes = 0;

    memset(table, 0xff, sizeof(table));
    ec_init_tables(1, 1, &factor, table);
    while (bytes < sizeof(table) && table[bytes] == 0)
        bytes++;
    return bytes;
}

static void code_init(struct code *code)
{
    unsigned char factors[256];
    unsigned value = 1;

    for (unsigned i = 0; i < GROUP; i++) {
        code->exp[i] = code->exp[i + GROUP] = code->exp[i + 2 * GROUP] = (uint8_t)value;
        code->log[value] = (uint8_t)i;
        value <<= 1;
        if (value > 0xff)
            value ^= POLYNOMIAL;
    }
    code->log[0] = 0;

    code->point[0] = 0;
    code->factorial_log[0] = 0;
    for (unsigned i = 1; i < HD_FEC_SYMBOLS_MAX; i++) {
        code->point[i] = code->exp[i - 1];
        code->factorial_log[i] = (uint8_t)((code->factorial_log[i - 1] + code->log[code->exp[i] ^ 1u]) % GROUP);
    }

    for (unsigned i = 0; i < sizeof(factors); i++)
        factors[i] = (unsigned char)i;
    ec_init_tables(sizeof(factors), 1, factors, code->factor_tables);
    code->table_bytes = table_bytes_find();
}

/*
 * The logarithm of the product of all x_i - x_l, l < k, l ≠ i. Apart from x_0 = 0 the points are α^0 .. α^(n-1),
 * n = k - 1, and x_i = α^a, a = i - 1. So with F(m) = (α^1 - 1) .. (α^m - 1), and + for - as always here,
 *     the factors with l < i are   α^a · α^(0 + 1 + .. + (a-1)) · F(a)    if i is in 0 .. k-1
 *     those with l > i             α^(a·(n-1-a)) · F(n-1-a)
 *     and if i ≥ k, all are        α^a · α^(0 + 1 + .. + (n-1)) · F(a) / F(a-n).
 */
static unsigned product_log(const struct code *code, unsigned i, unsigned k)
{
    const uint8_t *factorial_log = code->factorial_log;
    unsigned n = k - 1;
    unsigned a = i - 1;

    if (i == 0)
        return n * (n - 1) / 2;
    if (i < k)
        return a + a * (a - 1) / 2 + factorial_log[a] + a * (n - 1 - a) + factorial_log[n - 1 - a];
    return a + n * (n - 1) / 2 + factorial_log[a] + GROUP - factorial_log[a - n];
}

static unsigned weight_log(const struct code *code, const struct basis *basis, unsigned symbol)
{
    unsigned point = code->point[symbol];
    unsigned sum = product_log(code, symbol, basis->k);

    for (unsigned i = 0; i < basis->exchanged; i++)
        sum += code->log[point ^ basis->parity_points[i]] + GROUP - (unsigned)code->log[point ^ basis->lost_points[i]];
    return sum % GROUP;
}

static void basis_add(struct basis *basis, const struct code *code, unsigned symbol)
{
    basis->known_points[basis->known] = code->point[symbol];
    basis->known_weight_logs[basis->known] = (uint8_t)(GROUP - weight_log(code, basis, symbol));
    basis->known++;
}

/* Prepares one row: what each known symbol contributes to this one. */
static void prepare_row(const struct code *code, const struct basis *basis, unsigned symbol, uint8_t *tables)
{
    unsigned point = code->point[symbol];
    unsigned row_log = weight_log(code, basis, symbol) + GROUP;

    for (unsigned i = 0; i < basis->known; i++) {
        unsigned distance_log = code->log[point ^ basis->known_points[i]];
        unsigned factor = code->exp[row_log + basis->known_weight_logs[i] - distance_log];

        /* A constant size is fast. What it copies too much, the next one overwrites. */
        memcpy(tables, code->factor_tables + factor * code->table_bytes, TABLE_BYTES);
        tables += code->table_bytes;
    }
}

/* How far from `at` all vectors go on, or have ended, without a change. */
static size_t find_piece(const struct pass *pass, size_t at)
{
    size_t end = size_min(pass->bytes, at + PIECE_BYTES);
    bool ended = false;

    for (unsigned i = 0; i < pass->input_count; i++) {
        if (pass->inputs[i].bytes > at)
            end = size_min(end, pass->inputs[i].bytes);
        else
            ended = true;
    }
    for (unsigned i = 0; i < pass->output_count; i++) {
        if (pass->outputs[i].bytes > at)
            end = size_min(end, pass->outputs[i].bytes);
        else
            ended = true;
    }
    return size_min(end - at, ended ? ZERO_BYTES : PIECE_BYTES);
}

static void multiply(struct code *code, const struct pass *pass, size_t bytes)
{
    ec_encode_data((int)bytes, (int)pass->input_count, (int)pass->output_count, pass->tables, code->input_at,
                   code->output_at);
}

/* A piece in which no vector ends. */
static void multiply_in_place(struct code *code, const struct pass *pass, size_t at, size_t bytes)
{
    for (unsigned i = 0; i < pass->input_count; i++) {
        const struct hd_fec_symbol *input = &pass->inputs[i];

        code->input_at[i] = not_const(input->bytes > at ? input->data + at : zeros);
    }
    for (unsigned i = 0; i < pass->output_count; i++) {
        const struct output *output = &pass->outputs[i];

        code->output_at[i] = output->bytes > at ? output->data + at : code->sink;
    }
    multiply(code, pass, bytes);
}

/* The next LANE_BYTES of every vector, or what it has of them, by way of copies. */
static void multiply_staged(struct code *code, const struct pass *pass, size_t at)
{
    for (unsigned i = 0; i < pass->input_count; i++) {
        const struct hd_fec_symbol *input = &pass->inputs[i];
        size_t bytes = input->bytes > at ? size_min(input->bytes - at, LANE_BYTES) : 0;

        if (bytes > 0)
            memcpy(code->staged_input[i], input->data + at, bytes);
        memset(code->staged_input[i] + bytes, 0, LANE_BYTES - bytes);
        code->input_at[i] = code->staged_input[i];
    }
    for (unsigned i = 0; i < pass->output_count; i++)
        code->output_at[i] = code->staged_output[i];
    multiply(code, pass, LANE_BYTES);
    for (unsigned i = 0; i < pass->output_count; i++) {
        const struct output *output = &pass->outputs[i];

        if (output->bytes > at)
            memcpy(output->data + at, code->staged_output[i], size_min(output->bytes - at, LANE_BYTES));
    }
}

static void run(struct code *code, const struct pass *pass)
{
    size_t at = 0;

    while (at < pass->bytes) {
        size_t bytes = find_piece(pass, at);

        if (bytes >= LANE_BYTES) {
            multiply_in_place(code, pass, at, bytes);
            at += bytes;
        } else {
            multiply_staged(code, pass, at);
            at += LANE_BYTES;
        }
    }
}

int hd_fec_encoder_new(struct hd_fec_encoder **ret_encoder, uint16_t source_symbols_max, uint16_t parity_symbols)
{
    struct hd_fec_encoder *encoder;
    size_t factors = (size_t)source_symbols_max * parity_symbols;

    if (source_symbols_max == 0 || source_symbols_max + parity_symbols > HD_FEC_SYMBOLS_MAX)
        return -EINVAL;
    encoder = calloc(1, sizeof(*encoder) + ALIGN_BYTES + (factors + 1) * TABLE_BYTES);
    if (!encoder)
        return -ENOMEM;
    code_init(&encoder->code);
    encoder->basis.k = source_symbols_max;
    encoder->parity_symbols = parity_symbols;
    encoder->tables = align(encoder->memory);
    *ret_encoder = encoder;
    return 0;
}

struct hd_fec_encoder *hd_fec_encoder_free(struct hd_fec_encoder *encoder)
{
    free(encoder);
    return NULL;
}

static uint8_t *encoder_row(const struct hd_fec_encoder *encoder, unsigned row)
{
    return encoder->tables + (size_t)row * encoder->prepared_symbols * encoder->code.table_bytes;
}

/* Makes tables for blocks of that many symbols, or one more, and for the rows before `rows_end`. */
static void encoder_prepare(struct hd_fec_encoder *encoder, unsigned source_symbols, unsigned rows_end)
{
    struct basis *basis = &encoder->basis;

    if (encoder->prepared_symbols != source_symbols && encoder->prepared_symbols != source_symbols + 1) {
        basis->known = 0;
        for (unsigned i = 0; i < source_symbols; i++)
            basis_add(basis, &encoder->code, i);
        encoder->prepared_symbols = source_symbols;
        encoder->prepared_rows = 0;
    }
    for (; encoder->prepared_rows < rows_end; encoder->prepared_rows++)
        prepare_row(&encoder->code, basis, basis->k + encoder->prepared_rows,
                    encoder_row(encoder, encoder->prepared_rows));
}

int hd_fec_encode(struct hd_fec_encoder *encoder, const struct hd_fec_symbol source[], uint16_t source_symbols,
                  uint16_t first_row, uint16_t rows, uint8_t *const parity[], size_t parity_bytes)
{
    struct output outputs[ROWS_MAX];
    struct pass pass = { .inputs = encoder->inputs, .outputs = outputs, .bytes = parity_bytes };

    if (source_symbols == 0 || source_symbols > encoder->basis.k || first_row + rows > (int)encoder->parity_symbols)
        return -EINVAL;
    encoder_prepare(encoder, source_symbols, first_row + rows);
    memcpy(encoder->inputs, source, source_symbols * sizeof(*source));
    if (encoder->prepared_symbols > source_symbols)
        encoder->inputs[source_symbols] = (struct hd_fec_symbol){ 0 };
    pass.input_count = encoder->prepared_symbols;

    for (unsigned row = 0; row < rows; row += pass.output_count) {
        pass.output_count = (unsigned)size_min(rows - row, ROWS_MAX);
        for (unsigned i = 0; i < pass.output_count; i++)
            outputs[i] = (struct output){ .data = parity[row + i], .bytes = parity_bytes };
        pass.tables = encoder_row(encoder, first_row + row);
        run(&encoder->code, &pass);
    }
    return 0;
}

/* Neither cleared nor filled: of a receiver that never decodes, the kernel need not back this memory. */
int hd_fec_decoder_new(struct hd_fec_decoder **ret_decoder, uint16_t source_symbols_max)
{
    struct hd_fec_decoder *decoder;
    size_t factors = (size_t)ROWS_MAX * source_symbols_max;

    if (source_symbols_max == 0 || source_symbols_max > HD_FEC_SYMBOLS_MAX)
        return -EINVAL;
    decoder = malloc(sizeof(*decoder) + ALIGN_BYTES + (factors + 1) * TABLE_BYTES);
    if (!decoder)
        return -ENOMEM;
    decoder->symbols_max = source_symbols_max;
    decoder->has_code = false;
    *ret_decoder = decoder;
    return 0;
}

struct hd_fec_decoder *hd_fec_decoder_free(struct hd_fec_decoder *decoder)
{
    free(decoder);
    return NULL;
}

/* Looks at what the network may have told wrong, and marks which source symbols are lost. */
static int check_repair(const struct hd_fec_decoder *decoder, const struct hd_fec_repair *repair,
                        bool lost[HD_FEC_SYMBOLS_MAX])
{
    unsigned k = repair->source_symbols_max;
    bool used[HD_FEC_SYMBOLS_MAX] = { false };

    if (repair->source_symbols == 0 || repair->source_symbols > k || k > decoder->symbols_max)
        return -EINVAL;
    for (unsigned i = 0; i < repair->lost_count; i++) {
        unsigned symbol = repair->lost[i].symbol;

        if (symbol >= repair->source_symbols || lost[symbol])
            return -EINVAL;
        lost[symbol] = true;
    }
    if (repair->parity_count < repair->lost_count)
        return -ENODATA;
    for (unsigned i = 0; i < repair->lost_count; i++) {
        unsigned row = repair->parity[i].row;

        if (row >= HD_FEC_SYMBOLS_MAX - k || used[row])
            return -EINVAL;
        used[row] = true;
    }
    return 0;
}

/* Collects the symbols that are there: source first, then parity in place of the lost ones. */
static void decoder_collect(struct hd_fec_decoder *decoder, const struct hd_fec_repair *repair,
                            const bool lost[HD_FEC_SYMBOLS_MAX])
{
    const struct code *code = &decoder->code;
    struct basis *basis = &decoder->basis;

    basis->k = repair->source_symbols_max;
    basis->exchanged = repair->lost_count;
    basis->known = 0;
    for (unsigned i = 0; i < repair->lost_count; i++) {
        basis->lost_points[i] = code->point[repair->lost[i].symbol];
        basis->parity_points[i] = code->point[basis->k + repair->parity[i].row];
    }
    for (unsigned i = 0; i < repair->source_symbols; i++) {
        if (lost[i])
            continue;
        decoder->inputs[basis->known] = repair->source[i];
        basis_add(basis, code, i);
    }
    for (unsigned i = 0; i < repair->lost_count; i++) {
        const struct hd_fec_parity *parity = &repair->parity[i];

        decoder->inputs[basis->known] = (struct hd_fec_symbol){ .data = parity->data, .bytes = parity->bytes };
        basis_add(basis, code, basis->k + parity->row);
    }
}

/* Recovers some of the lost symbols. */
static void decoder_recover(struct hd_fec_decoder *decoder, const struct hd_fec_lost *lost, unsigned count)
{
    struct code *code = &decoder->code;
    const struct basis *basis = &decoder->basis;
    struct output outputs[ROWS_MAX];
    struct pass pass = {
        .inputs = decoder->inputs,
        .outputs = outputs,
        .tables = align(decoder->memory),
        .input_count = basis->known,
        .output_count = count,
    };

    for (unsigned i = 0; i < count; i++) {
        prepare_row(code, basis, lost[i].symbol, pass.tables + (size_t)i * basis->known * code->table_bytes);
        outputs[i] = (struct output){ .data = lost[i].data, .bytes = lost[i].bytes };
        if (pass.bytes < lost[i].bytes)
            pass.bytes = lost[i].bytes;
    }
    run(code, &pass);
}

int hd_fec_decode(struct hd_fec_decoder *decoder, const struct hd_fec_repair *repair)
{
    bool lost[HD_FEC_SYMBOLS_MAX] = { false };
    unsigned count;
    int r = check_repair(decoder, repair, lost);

    if (r < 0)
        return r;
    if (!decoder->has_code)
        code_init(&decoder->code);
    decoder->has_code = true;
    decoder_collect(decoder, repair, lost);
    for (unsigned i = 0; i < repair->lost_count; i += count) {
        count = (unsigned)size_min(repair->lost_count - i, ROWS_MAX);
        decoder_recover(decoder, repair->lost + i, count);
    }
    return 0;
}
