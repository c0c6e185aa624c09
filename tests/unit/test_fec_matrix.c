/* SPDX-License-Identifier: MIT */
/* The erasure code's parity against the definition, computed slowly by other means. */
#include "fec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYMBOLS_MAX = HD_FEC_SYMBOLS_MAX, BYTES_MAX = 5000 };

/* ---- the definition: RFC 5510, section 8, with the points that are deployed ---- */

static uint8_t slow_multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;

    for (int bit = 7; bit >= 0; bit--) {
        product <<= 1;
        if (product & 0x100)
            product ^= 0x11d;
        if (b >> bit & 1)
            product ^= a;
    }
    return (uint8_t)product;
}

/* products[a][b] and inverses[a], for the definition and the checks. */
static struct {
    uint8_t products[256][256];
    uint8_t inverses[256];
} slow;

static int prepare_slow_field(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            slow.products[a][b] = slow_multiply((uint8_t)a, (uint8_t)b);
            if (slow.products[a][b] == 1)
                slow.inverses[a] = (uint8_t)b;
        }
    return 0;
}

/* Row `symbol` of the Vandermonde matrix: the powers 0 .. k-1 of its point. */
static void vandermonde_row(uint8_t *row, unsigned symbol, unsigned k)
{
    uint8_t point = symbol == 0 ? 0 : 1, power = 1;

    for (unsigned i = 1; i < symbol; i++)
        point = slow.products[point][2];
    for (unsigned i = 0; i < k; i++) {
        row[i] = power;
        power = slow.products[power][point];
    }
}

static void add_multiple(uint8_t *row, const uint8_t *other, uint8_t factor, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        row[i] ^= slow.products[factor][other[i]];
}

/* A parity row is its Vandermonde row · V_top^-1. The inverse is found by elimination (Gauss and Jordan). */
static void define_parity(uint8_t parity[][SYMBOLS_MAX], unsigned k, unsigned rows)
{
    static uint8_t top[SYMBOLS_MAX][2 * SYMBOLS_MAX];
    uint8_t wanted[SYMBOLS_MAX];

    memset(top, 0, sizeof(top));
    for (unsigned i = 0; i < k; i++) {
        vandermonde_row(top[i], i, k);
        top[i][k + i] = 1;
    }
    for (unsigned column = 0; column < k; column++) {
        unsigned pivot = column;
        uint8_t line[2 * SYMBOLS_MAX];

        while (top[pivot][column] == 0)
            pivot++;
        memcpy(line, top[pivot], sizeof(line));
        memcpy(top[pivot], top[column], sizeof(line));
        memset(top[column], 0, sizeof(line));
        add_multiple(top[column], line, slow.inverses[line[column]], 2 * k);
        for (unsigned i = 0; i < k; i++)
            if (i != column && top[i][column] != 0)
                add_multiple(top[i], top[column], top[i][column], 2 * k);
    }
    for (unsigned row = 0; row < rows; row++) {
        vandermonde_row(wanted, k + row, k);
        memset(parity[row], 0, SYMBOLS_MAX);
        for (unsigned i = 0; i < k; i++)
            add_multiple(parity[row], &top[i][k], wanted[i], k);
    }
}

/* ---- what is computed ---- */

static struct hd_fec_encoder *encoder_new(unsigned k, unsigned rows)
{
    struct hd_fec_encoder *encoder = NULL;

    assert_int_equal(hd_fec_encoder_new(&encoder, (uint16_t)k, (uint16_t)rows), 0);
    return encoder;
}

/* The parity of the unit vectors: byte j of symbol j is 1. */
static void read_matrix(uint8_t parity[][SYMBOLS_MAX], unsigned k, unsigned rows)
{
    static uint8_t unit[SYMBOLS_MAX][SYMBOLS_MAX];
    struct hd_fec_encoder *encoder = encoder_new(k, rows);
    struct hd_fec_symbol source[SYMBOLS_MAX];
    uint8_t *outputs[SYMBOLS_MAX];

    for (unsigned i = 0; i < k; i++) {
        unit[i][i] = 1;
        source[i] = (struct hd_fec_symbol){ unit[i], i + 1 };
    }
    for (unsigned i = 0; i < rows; i++) {
        outputs[i] = parity[i];
        memset(outputs[i], 0, SYMBOLS_MAX);
    }
    assert_int_equal(hd_fec_encode(encoder, source, (uint16_t)k, 0, (uint16_t)rows, outputs, k), 0);
    hd_fec_encoder_free(encoder);
}

static void parity_matches_what_deployed_senders_send(void **state)
{
    static const uint8_t of_4[] = { 0x77, 0x40, 0x38, 0x0e };
    static const uint8_t of_64[] = { 0x45, 0xf5, 0x07, 0xe3 };
    uint8_t row[1][SYMBOLS_MAX];

    (void)state;
    read_matrix(row, 4, 1);
    assert_memory_equal(row[0], of_4, sizeof(of_4));
    read_matrix(row, 64, 1);
    assert_memory_equal(row[0], of_64, sizeof(of_64));
}

static void the_matrix_is_that_of_the_definition(void **state)
{
    static uint8_t is[SYMBOLS_MAX][SYMBOLS_MAX], should_be[SYMBOLS_MAX][SYMBOLS_MAX];
    static const unsigned some[] = { 33, 63, 64, 127, 128, 200, 223, 253, 254 };

    (void)state;
    for (unsigned i = 0; i < 32 + sizeof(some) / sizeof(some[0]); i++) {
        unsigned k = i < 32 ? i + 1 : some[i - 32];
        unsigned rows = SYMBOLS_MAX - k;

        read_matrix(is, k, rows);
        define_parity(should_be, k, rows);
        for (unsigned row = 0; row < rows; row++)
            assert_memory_equal(is[row], should_be[row], k);
    }
}

static void a_parity_row_is_the_same_in_every_code_of_its_k(void **state)
{
    static uint8_t all[SYMBOLS_MAX][SYMBOLS_MAX], few[SYMBOLS_MAX][SYMBOLS_MAX];

    (void)state;
    read_matrix(all, 20, SYMBOLS_MAX - 20);
    for (unsigned rows = 1; rows < 40; rows++) {
        read_matrix(few, 20, rows);
        for (unsigned i = 0; i < rows; i++)
            assert_memory_equal(few[i], all[i], SYMBOLS_MAX);
    }
}

static uint8_t parity_byte(const uint8_t *row, const struct hd_fec_symbol *source, unsigned k, size_t at)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < k; i++)
        sum ^= slow.products[row[i]][source[i].data[at]];
    return sum;
}

static void every_byte_of_vectors_of_any_length_is_coded(void **state)
{
    enum { K = 16, ROWS = 14 };
    static const size_t lengths[] = { 1, 7, 31, 32, 33, 63, 64, 65, 127, 129, 1400, 2047, 2049, BYTES_MAX };
    static uint8_t matrix[SYMBOLS_MAX][SYMBOLS_MAX], vectors[K][BYTES_MAX], parity[ROWS][BYTES_MAX];
    struct hd_fec_encoder *encoder = encoder_new(K, ROWS);
    struct hd_fec_symbol source[K];
    uint8_t *outputs[ROWS];

    (void)state;
    define_parity(matrix, K, ROWS);
    for (unsigned i = 0; i < ROWS; i++)
        outputs[i] = parity[i];
    for (unsigned i = 0; i < K; i++)
        for (size_t at = 0; at < BYTES_MAX; at++)
            vectors[i][at] = (uint8_t)((at * 1103515245u + i * 12345u) >> 7);

    for (size_t length = 0; length < sizeof(lengths) / sizeof(lengths[0]); length++) {
        for (unsigned i = 0; i < K; i++)
            source[i] = (struct hd_fec_symbol){ vectors[i], lengths[length] };
        memset(parity, 0, sizeof(parity));
        assert_int_equal(hd_fec_encode(encoder, source, K, 0, ROWS, outputs, lengths[length]), 0);
        for (unsigned row = 0; row < ROWS; row++)
            for (size_t at = 0; at < lengths[length]; at++)
                assert_int_equal(parity[row][at], parity_byte(matrix[row], source, K, at));
    }
    hd_fec_encoder_free(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parity_matches_what_deployed_senders_send),
        cmocka_unit_test(the_matrix_is_that_of_the_definition),
        cmocka_unit_test(a_parity_row_is_the_same_in_every_code_of_its_k),
        cmocka_unit_test(every_byte_of_vectors_of_any_length_is_coded),
    };

    return cmocka_run_group_tests(tests, prepare_slow_field, NULL);
}
