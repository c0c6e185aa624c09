/* SPDX-License-Identifier: MIT */
/*
 * What the erasure code costs, beside what it is made of: the same vectors through ISA-L alone, with tables that were
 * prepared before; for decoding also in the way of ISA-L's own examples, which find the factors of each pattern of
 * losses by inverting a k x k matrix; and through memcpy.
 *
 *     bench-core-fec [SYMBOL_BYTES]
 *
 * Prints one JSON object per line. GB/s count source bytes. The ratios compare medians of rounds that alternate, since
 * other load on the machine then hits both sides alike.
 */
#include "fec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <isa-l/erasure_code.h>

enum {
    ROUNDS = 31,
    ROUND_NS = 1000000,
    SYMBOL_BYTES = 1400,
    SYMBOL_BYTES_MAX = 65536,
    BLOCKS = 4, /* coded in turn, as a sender would */
};

/* All vectors, and what is to be done to those of one block. */
struct job {
    unsigned k;
    unsigned parity_symbols;
    unsigned lost; /* 0: encode */
    size_t bytes;
    unsigned turn;
    uint8_t *memory;
    unsigned char *tables;  /* for ISA-L alone */
    unsigned char *matrix;  /* k rows of identity, then the parity rows: for ISA-L with inversion */
    unsigned char *scratch; /* two k x k matrices, then tables of parity_symbols rows */
    struct hd_fec_encoder *encoder;
    struct hd_fec_decoder *decoder;
};

enum side { SIDE_HERALD, SIDE_ISAL, SIDE_INVERSION, SIDE_MEMCPY, SIDES };

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void expect(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench-core-fec: %s\n", what);
    exit(1);
}

/* Symbol `index` of the block whose turn it is: source, then parity, then room for results. */
static uint8_t *vector(const struct job *job, unsigned index)
{
    unsigned vectors = job->k + 2 * job->parity_symbols;

    return job->memory + (job->turn % BLOCKS * (size_t)vectors + index) * job->bytes;
}

/* Losses are spread over the block. */
static unsigned lost_symbol(const struct job *job, unsigned i)
{
    return i * job->k / job->lost;
}

static void encode(struct job *job)
{
    struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX];
    uint8_t *parity[HD_FEC_SYMBOLS_MAX];

    for (unsigned i = 0; i < job->k; i++)
        source[i] = (struct hd_fec_symbol){ vector(job, i), job->bytes };
    for (unsigned i = 0; i < job->parity_symbols; i++)
        parity[i] = vector(job, job->k + i);
    expect(hd_fec_encode(job->encoder, source, (uint16_t)job->k, 0, (uint16_t)job->parity_symbols, parity,
                         job->bytes) == 0,
           "encoding failed");
}

static void decode(struct job *job)
{
    struct hd_fec_symbol source[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_parity parity[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_lost lost[HD_FEC_SYMBOLS_MAX];
    struct hd_fec_repair repair = {
        .source = source,
        .parity = parity,
        .lost = lost,
        .source_symbols_max = (uint16_t)job->k,
        .source_symbols = (uint16_t)job->k,
        .parity_count = (uint16_t)job->lost,
        .lost_count = (uint16_t)job->lost,
    };

    for (unsigned i = 0; i < job->k; i++)
        source[i] = (struct hd_fec_symbol){ vector(job, i), job->bytes };
    for (unsigned i = 0; i < job->lost; i++) {
        parity[i] = (struct hd_fec_parity){ vector(job, job->k + i), job->bytes, (uint16_t)i };
        lost[i] = (struct hd_fec_lost){ vector(job, job->k + job->parity_symbols + i), job->bytes,
                                        (uint16_t)lost_symbol(job, i) };
    }
    expect(hd_fec_decode(job->decoder, &repair) == 0, "decoding failed");
}

/* As many rows and vectors as the job has, with nothing to find out. */
static void isal(struct job *job, unsigned char *tables)
{
    unsigned rows = job->lost > 0 ? job->lost : job->parity_symbols;
    unsigned char *inputs[HD_FEC_SYMBOLS_MAX];
    unsigned char *outputs[HD_FEC_SYMBOLS_MAX];
    unsigned parity = 0;

    for (unsigned i = 0; i < job->k; i++)
        inputs[i] = vector(job, i);
    for (unsigned i = 0; i < job->lost; i++)
        inputs[lost_symbol(job, i)] = vector(job, job->k + parity++);
    for (unsigned i = 0; i < rows; i++)
        outputs[i] = vector(job, job->k + job->parity_symbols + i);
    ec_encode_data((int)job->bytes, (int)job->k, (int)rows, tables, inputs, outputs);
}

/* Finds the factors first: the rows that are there, inverted; of that, the rows of what was lost. */
static void isal_with_inversion(struct job *job)
{
    size_t k = job->k;
    unsigned char *rows = job->scratch, *inverse = rows + k * k, *tables = inverse + k * k;

    memcpy(rows, job->matrix, k * k);
    for (unsigned i = 0; i < job->lost; i++)
        memcpy(rows + lost_symbol(job, i) * k, job->matrix + (k + i) * k, k);
    expect(gf_invert_matrix(rows, inverse, (int)k) == 0, "a matrix cannot be inverted");
    for (unsigned i = 0; i < job->lost; i++)
        memcpy(rows + i * k, inverse + lost_symbol(job, i) * k, k);
    ec_init_tables((int)k, (int)job->lost, rows, tables);
    isal(job, tables);
}

/* The source bytes once, symbol by symbol. */
static void copy(struct job *job)
{
    uint8_t *room = vector(job, job->k + job->parity_symbols);

    for (unsigned i = 0; i < job->k; i++) {
        memcpy(room + i % job->parity_symbols * job->bytes, vector(job, i), job->bytes);
        __asm__ volatile("" : : "r"(room) : "memory");
    }
}

static void step(struct job *job, enum side side)
{
    switch (side) {
    case SIDE_HERALD:
        if (job->lost > 0)
            decode(job);
        else
            encode(job);
        break;
    case SIDE_ISAL:
        isal(job, job->tables);
        break;
    case SIDE_INVERSION:
        if (job->lost > 0)
            isal_with_inversion(job);
        break;
    case SIDE_MEMCPY:
        copy(job);
        break;
    case SIDES:
        break;
    }
    job->turn++;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Fills ret_ns with the time that each side takes for one block. */
static void measure(struct job *job, double ret_ns[SIDES])
{
    double samples[SIDES][ROUNDS];

    for (unsigned round = 0; round < ROUNDS; round++)
        for (enum side side = 0; side < SIDES; side++) {
            uint64_t begin_ns = clock_ns(), now_ns;
            unsigned count = 0;

            do {
                for (unsigned i = 0; i < BLOCKS; i++)
                    step(job, side);
                count += BLOCKS;
                now_ns = clock_ns();
            } while (now_ns - begin_ns < ROUND_NS);
            samples[side][round] = (double)(now_ns - begin_ns) / count;
        }
    for (enum side side = 0; side < SIDES; side++) {
        qsort(samples[side], ROUNDS, sizeof(double), compare);
        ret_ns[side] = samples[side][ROUNDS / 2];
    }
}

/* What was lost must have come back. */
static void verify(struct job *job)
{
    for (job->turn = 0; job->turn < BLOCKS; job->turn++)
        for (unsigned i = 0; i < job->lost; i++)
            expect(memcmp(vector(job, lost_symbol(job, i)), vector(job, job->k + job->parity_symbols + i),
                          job->bytes) == 0,
                   "decoded something else");
}

static void report(struct job *job)
{
    double ns[SIDES], source_bytes = (double)job->k * (double)job->bytes;

    measure(job, ns);
    if (job->lost > 0) {
        for (job->turn = 0; job->turn < BLOCKS;)
            step(job, SIDE_HERALD);
        verify(job);
    }
    printf("{\"operation\": \"%s\", \"k\": %u, \"parity\": %u, \"lost\": %u, \"symbol_bytes\": %zu, "
           "\"block_ns\": %.0f, \"gbytes_per_s\": %.2f, \"isal_gbytes_per_s\": %.2f, \"memcpy_gbytes_per_s\": %.2f, "
           "\"ratio_to_isal\": %.3f, \"ratio_to_memcpy\": %.3f",
           job->lost > 0 ? "decode" : "encode", job->k, job->parity_symbols, job->lost, job->bytes, ns[SIDE_HERALD],
           source_bytes / ns[SIDE_HERALD], source_bytes / ns[SIDE_ISAL], source_bytes / ns[SIDE_MEMCPY],
           ns[SIDE_ISAL] / ns[SIDE_HERALD], ns[SIDE_MEMCPY] / ns[SIDE_HERALD]);
    if (job->lost > 0)
        printf(", \"ratio_to_isal_with_inversion\": %.2f", ns[SIDE_INVERSION] / ns[SIDE_HERALD]);
    printf("}\n");
    fflush(stdout);
}

static void run_code(unsigned k, unsigned parity_symbols, size_t bytes)
{
    static const unsigned losses[] = { 0, 1, 2, 4, 8 };
    size_t memory_bytes = BLOCKS * (size_t)(k + 2 * parity_symbols) * bytes;
    size_t factors = (size_t)k * parity_symbols;
    unsigned char *matrix = malloc(factors);
    struct job job = {
        .k = k,
        .parity_symbols = parity_symbols,
        .bytes = bytes,
        .memory = malloc(memory_bytes),
        .tables = malloc(factors * 32),
        .matrix = malloc((size_t)(k + parity_symbols) * k),
        .scratch = malloc(2 * (size_t)k * k + factors * 32),
    };

    expect(matrix && job.memory && job.tables && job.matrix && job.scratch &&
               hd_fec_encoder_new(&job.encoder, (uint16_t)k, (uint16_t)parity_symbols) == 0 &&
               hd_fec_decoder_new(&job.decoder, HD_FEC_SYMBOLS_MAX) == 0,
           "out of memory");
    for (size_t i = 0; i < memory_bytes; i++)
        job.memory[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < factors; i++)
        matrix[i] = (unsigned char)(i % 255 + 1);
    ec_init_tables((int)k, (int)parity_symbols, matrix, job.tables);
    gf_gen_cauchy1_matrix(job.matrix, (int)(k + parity_symbols), (int)k);

    for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
        job.lost = losses[i];
        if (job.lost <= parity_symbols)
            report(&job);
    }
    hd_fec_encoder_free(job.encoder);
    hd_fec_decoder_free(job.decoder);
    free(job.scratch);
    free(job.matrix);
    free(job.tables);
    free(job.memory);
    free(matrix);
}

int main(int argc, char **argv)
{
    static const unsigned codes[][2] = { { 32, 8 }, { 64, 32 }, { 64, 8 }, { 128, 16 } };
    size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : SYMBOL_BYTES;

    expect(argc <= 2 && bytes > 0 && bytes <= SYMBOL_BYTES_MAX, "usage: bench-core-fec [SYMBOL_BYTES]");
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        run_code(codes[i][0], codes[i][1], bytes);
    return 0;
}
