/* SPDX-License-Identifier: MIT */
/* The stream buffers of sender and receiver: alone, against each other, and against a hostile sender. */
#include "random.h"
#include "stream_rx.h"
#include "stream_tx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BLOCKS = 4, SYMBOLS = 5, SEGMENT = 16, VECTOR = 8 + SEGMENT, BUFFER = BLOCKS * SYMBOLS * SEGMENT };

/* Where a receiver's numbers begin when it hears block 0 first. */
#define ORIGIN hd_wrap_origin(0, 24)

struct pair {
    struct hd_stream_tx tx;
    struct hd_stream_rx rx;
    uint8_t *tx_memory; /* on the heap, so that ASan guards its ends */
    void *rx_memory;
};

static int open_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    *state = pair;
    if (!pair)
        return -1;
    pair->tx_memory = malloc(hd_stream_tx_memory_bytes(BLOCKS, SYMBOLS, SEGMENT));
    pair->rx_memory = malloc(hd_stream_rx_memory_bytes(BLOCKS, SYMBOLS, SEGMENT));
    if (!pair->tx_memory || !pair->rx_memory)
        return -1;
    hd_stream_tx_init(&pair->tx, pair->tx_memory, BLOCKS, SYMBOLS, SEGMENT);
    hd_stream_rx_init(&pair->rx, pair->rx_memory, BLOCKS, SYMBOLS, SEGMENT, ORIGIN);
    return 0;
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    free(pair->tx_memory);
    free(pair->rx_memory);
    free(pair);
    return 0;
}

static void write_text(struct pair *pair, const char *text, bool is_message_start)
{
    size_t size_bytes = strlen(text);

    assert_int_equal(hd_stream_tx_write(&pair->tx, (const uint8_t *)text, size_bytes, is_message_start), size_bytes);
}

/* One symbol of the sender into the receiver, making room as it needs. */
static int carry(struct pair *pair, uint64_t block, uint16_t symbol)
{
    struct hd_fec_symbol vector = hd_stream_tx_vector(&pair->tx, block, symbol);

    hd_stream_rx_make_room(&pair->rx, ORIGIN + block);
    return hd_stream_rx_store(&pair->rx, ORIGIN + block, symbol, vector.data, vector.bytes);
}

/* All symbols that the sender holds, of which the receiver takes what it lacks. */
static void carry_all(struct pair *pair)
{
    for (uint64_t block = pair->tx.first_block; block <= pair->tx.next_block; block++) {
        for (uint16_t symbol = 0; symbol < hd_stream_tx_ready_symbols(&pair->tx, block); symbol++) {
            int result = carry(pair, block, symbol);

            assert_true(result == 0 || result == -EALREADY);
        }
    }
}

/* Reads one piece and compares it with a text; NULL: there is none. */
static struct herald_norm_stream_piece expect_piece(struct pair *pair, const char *text)
{
    uint8_t buffer[256];
    struct herald_norm_stream_piece piece = { 0 };

    assert_int_equal(hd_stream_rx_read(&pair->rx, buffer, sizeof(buffer), &piece), text != NULL);
    if (text) {
        assert_int_equal(piece.size_bytes, strlen(text));
        assert_memory_equal(buffer, text, piece.size_bytes);
    }
    return piece;
}

/* --- the sender's side --- */

static void a_full_segment_is_ready_and_a_part_of_one_is_not(void **state)
{
    struct pair *pair = *state;
    struct hd_fec_symbol vector;

    write_text(pair, "0123456789abcde", true);
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 0), 0);
    assert_false(hd_stream_tx_has(&pair->tx, 0, 0));
    write_text(pair, "fGH", false);
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 0), 1);
    assert_false(hd_stream_tx_has(&pair->tx, 0, 1));
    vector = hd_stream_tx_vector(&pair->tx, 0, 0);
    assert_int_equal(vector.bytes, VECTOR);
    assert_memory_equal(vector.data,
                        "\0\20\0\1\0\0\0\0"
                        "0123456789abcdef",
                        VECTOR);
    assert_true(hd_stream_tx_flush(&pair->tx));
    assert_false(hd_stream_tx_flush(&pair->tx));
    vector = hd_stream_tx_vector(&pair->tx, 0, 1);
    assert_int_equal(vector.bytes, 10);
    assert_memory_equal(vector.data,
                        "\0\2\0\0\0\0\0\20"
                        "GH",
                        10);
}

static void every_message_start_is_named_by_a_header(void **state)
{
    struct pair *pair = *state;
    static const uint8_t starts[] = { 1, 4, 1 };

    write_text(pair, "one", true);
    write_text(pair, "two", true);
    write_text(pair, "+", false);
    write_text(pair, "three", true);
    hd_stream_tx_flush(&pair->tx);
    /* "one" alone, since the start of "two" is the second one. */
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 0), 3);
    for (uint16_t symbol = 0; symbol < 3; symbol++)
        assert_int_equal(hd_stream_tx_vector(&pair->tx, 0, symbol).data[3], symbol == 1 ? 1 : starts[symbol]);
}

static void a_message_may_start_behind_the_rest_of_another(void **state)
{
    struct pair *pair = *state;

    write_text(pair, "0123456789abcdefgh", true);
    write_text(pair, "next", true);
    hd_stream_tx_flush(&pair->tx);
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 0), 2);
    assert_memory_equal(hd_stream_tx_vector(&pair->tx, 0, 1).data,
                        "\0\6\0\3\0\0\0\20"
                        "ghnext",
                        14);
}

static void a_full_buffer_takes_nothing_until_a_block_is_dropped(void **state)
{
    struct pair *pair = *state;
    uint8_t bytes[BUFFER + 10] = { 1 };

    assert_int_equal(hd_stream_tx_room_bytes(&pair->tx), BUFFER);
    assert_false(hd_stream_tx_drop_block(&pair->tx));
    assert_int_equal(hd_stream_tx_write(&pair->tx, bytes, 3, false), 3);
    assert_int_equal(hd_stream_tx_room_bytes(&pair->tx), BUFFER - 3);
    assert_int_equal(hd_stream_tx_write(&pair->tx, bytes, sizeof(bytes), false), BUFFER - 3);
    assert_true(hd_stream_tx_is_full(&pair->tx));
    assert_int_equal(hd_stream_tx_room_bytes(&pair->tx), 0);
    assert_int_equal(hd_stream_tx_write(&pair->tx, bytes, 1, true), 0);
    assert_int_equal(hd_stream_tx_close(&pair->tx), -ENOBUFS);
    assert_true(hd_stream_tx_drop_block(&pair->tx));
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 0), 0);
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 1), SYMBOLS);
    assert_int_equal(hd_stream_tx_write(&pair->tx, bytes, 1, true), 1);
    assert_int_equal(hd_stream_tx_close(&pair->tx), 0);
    assert_int_equal(hd_stream_tx_close(&pair->tx), 0);
    assert_int_equal(hd_stream_tx_ready_symbols(&pair->tx, 4), 2);
    assert_int_equal(hd_stream_tx_write(&pair->tx, bytes, 1, false), 0);
}

static void a_block_goes_into_the_encoder_without_being_copied(void **state)
{
    struct pair *pair = *state;
    struct hd_fec_symbol source[SYMBOLS];

    write_text(pair, "0123456789abcdefgh", false);
    hd_stream_tx_flush(&pair->tx);
    assert_int_equal(hd_stream_tx_block(&pair->tx, 0, source), 2);
    assert_ptr_equal(source[0].data, pair->tx_memory);
    assert_int_equal(source[1].bytes, 8 + 2);
    assert_int_equal(hd_stream_tx_block(&pair->tx, 7, source), 0);
}

/* --- the receiver's side --- */

static void bytes_come_out_in_order_however_the_symbols_came(void **state)
{
    struct pair *pair = *state;

    write_text(pair, "0123456789abcdefGHIJKLMNOPQRSTUVwxyz", false);
    hd_stream_tx_flush(&pair->tx);
    assert_int_equal(carry(pair, 0, 2), 0);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_WAIT);
    expect_piece(pair, NULL);
    assert_int_equal(carry(pair, 0, 0), 0);
    assert_int_equal(carry(pair, 0, 0), -EALREADY);
    expect_piece(pair, "0123456789abcdef");
    assert_int_equal(carry(pair, 0, 0), -EALREADY);
    expect_piece(pair, NULL);
    assert_int_equal(hd_stream_rx_missing_symbols(&pair->rx, ORIGIN), SYMBOLS - 2);
    assert_int_equal(carry(pair, 0, 1), 0);
    assert_int_equal(expect_piece(pair, "GHIJKLMNOPQRSTUVwxyz").offset_bytes, 16);
    expect_piece(pair, NULL);
}

static void each_message_begins_with_a_call_of_its_own(void **state)
{
    struct pair *pair = *state;
    struct herald_norm_stream_piece piece;
    uint8_t buffer[4];

    write_text(pair, "a message that needs two segments", true);
    write_text(pair, "short", true);
    write_text(pair, "er", true);
    hd_stream_tx_flush(&pair->tx);
    carry_all(pair);
    assert_true(expect_piece(pair, "a message that needs two segments").message_start);
    /* A small buffer gets a message in parts. */
    assert_int_equal(hd_stream_rx_read(&pair->rx, buffer, 4, &piece), 1);
    assert_true(piece.message_start);
    assert_memory_equal(buffer, "shor", 4);
    assert_false(expect_piece(pair, "t").message_start);
    assert_true(expect_piece(pair, "er").message_start);
    expect_piece(pair, NULL);
    assert_int_equal(hd_stream_rx_read(&pair->rx, buffer, 0, &piece), 0);
}

static void the_end_of_a_stream_is_seen_behind_its_last_byte(void **state)
{
    struct pair *pair = *state;

    write_text(pair, "last words", true);
    assert_int_equal(hd_stream_tx_close(&pair->tx), 0);
    assert_int_equal(carry(pair, 0, 1), 0);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_WAIT);
    assert_int_equal(carry(pair, 0, 0), 0);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_DATA);
    expect_piece(pair, "last words");
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_END);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_END);
    expect_piece(pair, NULL);
    assert_int_equal(pair->rx.lost_bytes, 0);
}

/* Writes numbered messages of 20 bytes, and drops the sender's old blocks as it must. */
static void write_messages(struct pair *pair, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        char text[32];

        snprintf(text, sizeof(text), "message number %05u", i);
        if (hd_stream_tx_room_bytes(&pair->tx) < 64)
            hd_stream_tx_drop_block(&pair->tx);
        write_text(pair, text, true);
        hd_stream_tx_flush(&pair->tx);
        carry_all(pair);
    }
}

static void a_slow_reader_loses_the_oldest_and_goes_on_at_a_message(void **state)
{
    struct pair *pair = *state;
    struct herald_norm_stream_piece piece;

    /* Two symbols each: the eleventh message needs a fifth block. */
    write_messages(pair, 0, 1);
    expect_piece(pair, "message number 00000");
    write_messages(pair, 1, 10);
    /* Block 0 made room, and block 1 begins in the middle of the third message. */
    piece = expect_piece(pair, "message number 00003");
    assert_int_equal(piece.lost_bytes, 40);
    assert_true(piece.message_start);
    assert_int_equal(piece.offset_bytes, 60);
    assert_int_equal(expect_piece(pair, "message number 00004").lost_bytes, 0);
    assert_int_equal(pair->rx.lost_bytes, 40);
}

static void without_messages_reading_goes_on_at_the_next_byte(void **state)
{
    struct pair *pair = *state;
    struct herald_norm_stream_piece piece;

    write_text(pair, "0123456789abcdefGHIJKLMNOPQRSTUVwxyz", false);
    hd_stream_tx_flush(&pair->tx);
    assert_int_equal(carry(pair, 0, 0), 0);
    assert_int_equal(carry(pair, 0, 2), 0);
    expect_piece(pair, "0123456789abcdef");
    hd_stream_rx_give_up(&pair->rx, ORIGIN + 1);
    piece = expect_piece(pair, "wxyz");
    assert_int_equal(piece.lost_bytes, 16);
    assert_int_equal(piece.offset_bytes, 32);
    assert_false(piece.message_start);
    /* The rest of the block was given up with it. */
    assert_int_equal(pair->rx.next_block, ORIGIN + 1);
    assert_int_equal(carry(pair, 0, 1), -EALREADY);
}

static void a_loss_in_the_middle_ends_a_piece(void **state)
{
    struct pair *pair = *state;

    write_text(pair, "0123456789abcdefGHIJKLMNOPQRSTUVwxyz", false);
    hd_stream_tx_flush(&pair->tx);
    assert_int_equal(carry(pair, 0, 0), 0);
    assert_int_equal(carry(pair, 0, 2), 0);
    hd_stream_rx_give_up(&pair->rx, ORIGIN + 1);
    assert_int_equal(expect_piece(pair, "0123456789abcdef").lost_bytes, 0);
    assert_int_equal(expect_piece(pair, "wxyz").lost_bytes, 16);
}

static void blocks_that_are_far_ahead_are_given_up_at_once(void **state)
{
    struct pair *pair = *state;
    const uint64_t far = ORIGIN + (UINT64_C(1) << 40);

    write_text(pair, "0123456789abcdef", false);
    carry_all(pair);
    hd_stream_rx_give_up(&pair->rx, far);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_WAIT);
    assert_int_equal(pair->rx.next_block, far);
    assert_int_equal(hd_stream_rx_unwrap(&pair->rx, 7, 24), far + 7);
}

static void who_joins_in_the_middle_begins_at_a_message_and_lost_nothing(void **state)
{
    struct pair *pair = *state;
    struct herald_norm_stream_piece piece;

    write_text(pair, "0123456789abcdefgh", true);
    write_text(pair, "next", true);
    hd_stream_tx_flush(&pair->tx);
    hd_stream_rx_init(&pair->rx, pair->rx_memory, BLOCKS, SYMBOLS, SEGMENT, ORIGIN);
    /* What was before the first symbol heard is not wanted. */
    hd_stream_rx_give_up(&pair->rx, ORIGIN + 1);
    assert_int_equal(carry(pair, 0, 1), 0);
    piece = expect_piece(pair, "next");
    assert_int_equal(piece.lost_bytes, 0);
    assert_int_equal(piece.offset_bytes, 18);
    assert_true(piece.message_start);
    assert_int_equal(pair->rx.lost_bytes, 0);
}

static void a_recovered_symbol_is_read_like_one_that_came(void **state)
{
    struct pair *pair = *state;
    struct hd_fec_symbol vector;

    write_text(pair, "0123456789abcdefgh", true);
    hd_stream_tx_flush(&pair->tx);
    vector = hd_stream_tx_vector(&pair->tx, 0, 0);
    memcpy(hd_stream_rx_room(&pair->rx, ORIGIN, 0), vector.data, vector.bytes);
    assert_int_equal(hd_stream_rx_recovered(&pair->rx, ORIGIN, 0, VECTOR), 0);
    /* Shorter than the vector that it is recovered into: the rest is zeros. */
    vector = hd_stream_tx_vector(&pair->tx, 0, 1);
    memset(hd_stream_rx_room(&pair->rx, ORIGIN, 1), 0, VECTOR);
    memcpy(hd_stream_rx_room(&pair->rx, ORIGIN, 1), vector.data, vector.bytes);
    assert_int_equal(hd_stream_rx_recovered(&pair->rx, ORIGIN, 1, VECTOR), 0);
    assert_int_equal(hd_stream_rx_vector(&pair->rx, ORIGIN, 1).bytes, VECTOR);
    expect_piece(pair, "0123456789abcdefgh");
}

/* --- a hostile sender --- */

static int store_header(struct pair *pair, uint16_t symbol, struct hd_stream_header header, size_t vector_bytes)
{
    uint8_t vector[VECTOR + 1] = "--------................";
    struct hd_writer writer = hd_writer_over(vector, sizeof(vector));

    hd_wire_put_stream_header(&writer, &header);
    return hd_stream_rx_store(&pair->rx, ORIGIN, symbol, vector, vector_bytes);
}

static void impossible_stream_headers_are_refused(void **state)
{
    struct pair *pair = *state;
    const struct hd_stream_header whole = { .size_bytes = SEGMENT };

    assert_int_equal(store_header(pair, 0, (struct hd_stream_header){ .size_bytes = SEGMENT + 1 }, VECTOR), -EBADMSG);
    assert_int_equal(store_header(pair, 0, (struct hd_stream_header){ .size_bytes = 65535 }, VECTOR), -EBADMSG);
    assert_int_equal(store_header(pair, 0, (struct hd_stream_header){ .size_bytes = 4, .message_start = 5 }, VECTOR),
                     -EBADMSG);
    assert_int_equal(store_header(pair, 0, whole, VECTOR + 1), -EBADMSG);
    assert_int_equal(store_header(pair, 0, whole, VECTOR - 1), -EBADMSG);
    assert_int_equal(store_header(pair, 0, whole, 7), -EBADMSG);
    assert_int_equal(store_header(pair, 0, whole, 0), -EBADMSG);
    assert_int_equal(store_header(pair, SYMBOLS, whole, VECTOR), -EBADMSG);
    assert_int_equal(hd_stream_rx_store(&pair->rx, ORIGIN + BLOCKS, 0, NULL, 0), -ERANGE);
    assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_WAIT);
    assert_int_equal(store_header(pair, 0, whole, VECTOR), 0);
}

static void a_recovered_symbol_that_makes_no_sense_is_stepped_over(void **state)
{
    struct pair *pair = *state;

    memset(hd_stream_rx_room(&pair->rx, ORIGIN, 0), 0xff, VECTOR);
    assert_int_equal(hd_stream_rx_recovered(&pair->rx, ORIGIN, 0, VECTOR), -EBADMSG);
    assert_int_equal(hd_stream_rx_missing_symbols(&pair->rx, ORIGIN), SYMBOLS - 1);
    assert_int_equal(store_header(pair, 1, (struct hd_stream_header){ .size_bytes = 3 }, VECTOR), 0);
    expect_piece(pair, "...");
    assert_int_equal(pair->rx.inconsistent_symbols, 1);
}

static void offsets_that_jump_are_not_believed(void **state)
{
    struct pair *pair = *state;
    static const uint32_t offsets[] = { 3, 0x7fffffff, 2, 0xfffffff0 };

    assert_int_equal(store_header(pair, 0, (struct hd_stream_header){ .size_bytes = 3 }, VECTOR), 0);
    expect_piece(pair, "...");
    for (uint16_t i = 0; i < 4; i++) {
        struct hd_stream_header header = { .size_bytes = 3, .offset_bytes = offsets[i] };

        assert_int_equal(store_header(pair, (uint16_t)(i + 1), header, VECTOR), 0);
        assert_int_equal(expect_piece(pair, "...").lost_bytes, 0);
    }
    assert_int_equal(pair->rx.inconsistent_symbols, 3);
    assert_int_equal(pair->rx.lost_bytes, 0);
}

/* --- both together --- */

enum { STREAM_BYTES = 20000 };

/* What is sent: bytes that tell their place, and where messages start. */
struct truth {
    uint8_t bytes[STREAM_BYTES];
    bool starts[STREAM_BYTES];
};

static void write_some(struct pair *pair, struct truth *truth, struct hd_random *random)
{
    uint64_t at = pair->tx.written_bytes;
    size_t size_bytes = 1 + hd_random_below(random, 40), taken_bytes;
    bool is_start = hd_random_below(random, 3) == 0;

    if (size_bytes > STREAM_BYTES - at)
        size_bytes = STREAM_BYTES - at;
    taken_bytes = hd_stream_tx_write(&pair->tx, truth->bytes + at, size_bytes, is_start);
    if (taken_bytes > 0 && is_start)
        truth->starts[at] = true;
    if (hd_random_below(random, 4) == 0)
        hd_stream_tx_flush(&pair->tx);
    if (hd_stream_tx_is_full(&pair->tx))
        hd_stream_tx_drop_block(&pair->tx);
    if (at == STREAM_BYTES)
        assert_true(hd_stream_tx_close(&pair->tx) == 0 || hd_stream_tx_is_full(&pair->tx));
}

/* A random symbol of those that the sender holds. */
static void carry_some(struct pair *pair, struct hd_random *random)
{
    uint64_t block = pair->tx.first_block + hd_random_below(random, BLOCKS);
    uint16_t symbol = (uint16_t)hd_random_below(random, SYMBOLS);

    if (hd_stream_tx_has(&pair->tx, block, symbol))
        assert_in_range(-carry(pair, block, symbol), 0, EALREADY);
}

/* Reads one piece and holds it against the truth. @return the position behind it. */
static uint64_t read_some(struct pair *pair, const struct truth *truth, uint64_t at, struct hd_random *random)
{
    uint8_t buffer[64];
    struct herald_norm_stream_piece piece;

    if (hd_stream_rx_read(&pair->rx, buffer, 1 + hd_random_below(random, sizeof(buffer)), &piece) == 0)
        return at;
    assert_true(at + piece.lost_bytes + piece.size_bytes <= STREAM_BYTES);
    at += piece.lost_bytes;
    assert_int_equal(piece.offset_bytes, at);
    assert_memory_equal(buffer, truth->bytes + at, piece.size_bytes);
    assert_int_equal(piece.message_start, truth->starts[at]);
    assert_true(piece.lost_bytes == 0 || piece.message_start || !pair->rx.has_messages);
    for (size_t i = 1; i < piece.size_bytes; i++)
        assert_false(truth->starts[at + i]);
    return at + piece.size_bytes;
}

/* Random writes, losses, orders and reading speeds: what is read is the truth, and what is not is counted. */
static void what_is_read_and_what_is_lost_make_up_the_stream(void **state)
{
    struct pair *pair = *state;
    struct truth *truth = calloc(1, sizeof(*truth));

    assert_non_null(truth);
    for (unsigned seed = 0; seed < 60; seed++) {
        uint64_t at = 0;
        struct hd_random random;

        hd_random_init(&random, seed);
        for (size_t i = 0; i < STREAM_BYTES; i++)
            truth->bytes[i] = (uint8_t)hd_random_u64(&random);
        memset(truth->starts, 0, sizeof(truth->starts));
        hd_stream_tx_init(&pair->tx, pair->tx_memory, BLOCKS, SYMBOLS, SEGMENT);
        hd_stream_rx_init(&pair->rx, pair->rx_memory, BLOCKS, SYMBOLS, SEGMENT, ORIGIN);
        /* The first byte is heard by all, so that what was lost counts from there. */
        truth->starts[0] = true;
        assert_int_equal(hd_stream_tx_write(&pair->tx, truth->bytes, 1, true), 1);
        hd_stream_tx_flush(&pair->tx);
        carry_all(pair);
        at = read_some(pair, truth, 0, &random);
        while (!pair->tx.is_closed) {
            write_some(pair, truth, &random);
            for (uint64_t i = hd_random_below(&random, 4 + seed % 8); i > 0; i--)
                carry_some(pair, &random);
            if (hd_random_below(&random, 1 + seed % 5) == 0)
                at = read_some(pair, truth, at, &random);
            if (hd_random_below(&random, 50) == 0)
                hd_stream_rx_give_up(&pair->rx, pair->rx.newest_block);
        }
        carry_all(pair);
        hd_stream_rx_give_up(&pair->rx, ORIGIN + pair->tx.first_block);
        for (int i = 0; i < 10000; i++)
            at = read_some(pair, truth, at, &random);
        assert_int_equal(hd_stream_rx_look(&pair->rx), HD_STREAM_RX_END);
        assert_int_equal(at + pair->rx.missed_bytes, STREAM_BYTES);
        assert_int_equal(pair->rx.inconsistent_symbols, 0);
    }
    free(truth);
}

int main(void)
{
#define PAIR_TEST(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_full_segment_is_ready_and_a_part_of_one_is_not),
        PAIR_TEST(every_message_start_is_named_by_a_header),
        PAIR_TEST(a_message_may_start_behind_the_rest_of_another),
        PAIR_TEST(a_full_buffer_takes_nothing_until_a_block_is_dropped),
        PAIR_TEST(a_block_goes_into_the_encoder_without_being_copied),
        PAIR_TEST(bytes_come_out_in_order_however_the_symbols_came),
        PAIR_TEST(each_message_begins_with_a_call_of_its_own),
        PAIR_TEST(the_end_of_a_stream_is_seen_behind_its_last_byte),
        PAIR_TEST(a_slow_reader_loses_the_oldest_and_goes_on_at_a_message),
        PAIR_TEST(without_messages_reading_goes_on_at_the_next_byte),
        PAIR_TEST(a_loss_in_the_middle_ends_a_piece),
        PAIR_TEST(blocks_that_are_far_ahead_are_given_up_at_once),
        PAIR_TEST(who_joins_in_the_middle_begins_at_a_message_and_lost_nothing),
        PAIR_TEST(a_recovered_symbol_is_read_like_one_that_came),
        PAIR_TEST(impossible_stream_headers_are_refused),
        PAIR_TEST(a_recovered_symbol_that_makes_no_sense_is_stepped_over),
        PAIR_TEST(offsets_that_jump_are_not_believed),
        PAIR_TEST(what_is_read_and_what_is_lost_make_up_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
