/* SPDX-License-Identifier: MIT */
/*
 * Delivery from memory to memory through the library: DATA objects of 1 MiB, one behind the other, and an inbox that
 * gives each to its program.
 *
 *     bench-copy-data send BYTES ENDPOINT RECEIVERS    ends when all have given their receipts
 *     bench-copy-data receive BYTES ENDPOINT          prints "complete, verified" when it has had so many
 *
 * One object of the whole size would measure how fast the machine finds that much memory at each receiver.
 */
#include "common.h"

#include <herald/session.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 20 };

static _Noreturn void die(const struct herald_error *error)
{
    fprintf(stderr, "bench-copy-data: %s\n", error->cause);
    exit(3);
}

static void parse_endpoint(const char *text, struct herald_endpoint *ret_endpoint)
{
    struct herald_error error;

    if (herald_endpoint_parse(text, ret_endpoint, &error) < 0)
        die(&error);
}

/* One piece, which is sent again and again: as the blasts send what lies in their ring. */
static const char *make_piece(void)
{
    static char piece[PIECE_BYTES];
    uint64_t number = 1;

    for (size_t i = 0; i < sizeof(piece); i++) {
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        piece[i] = (char)(number >> 56);
    }
    return piece;
}

/* @return the receivers that lack it. */
static int send_bytes(const char *size, const char *endpoint, const char *receivers)
{
    struct herald_delivery_config config = {
        .rate_bytes_per_s = HERALD_NORM_RATE_MAX_BYTES_PER_S,
        .expect_count = (uint32_t)atoi(receivers),
    };
    struct herald_error error;
    herald_delivery *delivery;
    uint64_t size_bytes = strtoull(size, NULL, 10);
    const char *piece = make_piece();

    parse_endpoint(endpoint, &config.endpoint);
    if (herald_delivery_new(&delivery, &config, &error) < 0)
        die(&error);
    for (uint64_t at = 0; at < size_bytes; at += PIECE_BYTES) {
        size_t piece_bytes = size_bytes - at < PIECE_BYTES ? (size_t)(size_bytes - at) : PIECE_BYTES;
        char name[32];

        snprintf(name, sizeof(name), "piece-%llu", (unsigned long long)(at / PIECE_BYTES));
        if (herald_delivery_add_bytes(delivery, name, piece, piece_bytes, &error) < 0)
            die(&error);
    }
    int lacking = herald_delivery_run(delivery, NULL, NULL, &error);

    if (lacking < 0)
        die(&error);
    if (lacking > 0)
        fprintf(stderr, "bench-copy-data: %d of %s receivers lack it\n", lacking, receivers);
    herald_delivery_free(delivery);
    return lacking;
}

/* What is received in one run. */
struct receipt {
    uint64_t size_bytes; /* that are to come */
    uint64_t came_bytes; /* and verified */
};

static void on_event(void *user, const struct herald_inbox_event *event)
{
    struct receipt *receipt = user;
    const struct herald_inbox_object *object = &event->object;

    if (event->kind == HERALD_INBOX_FAILED)
        die(&event->error);
    if (event->kind != HERALD_INBOX_DONE)
        return;
    if (object->is_verified && object->bytes != NULL)
        receipt->came_bytes += object->size_bytes;
    if (receipt->came_bytes != receipt->size_bytes)
        return;
    puts("complete, verified");
    fflush(stdout); /* the inbox stays a little, so that the sender gets the receipt */
}

/* @return whether it came. */
static bool receive_bytes(const char *size, const char *endpoint)
{
    struct receipt receipt = { .size_bytes = strtoull(size, NULL, 10) };
    struct herald_inbox_config config = {
        .kind = HERALD_INBOX_MEMORY,
        .count = (receipt.size_bytes + PIECE_BYTES - 1) / PIECE_BYTES,
    };
    struct herald_error error;
    herald_inbox *inbox;

    parse_endpoint(endpoint, &config.endpoint);
    bench_schedule_batch(); /* as herald get */
    if (herald_inbox_new(&inbox, &config, &error) < 0 || herald_inbox_run(inbox, on_event, &receipt, &error) < 0)
        die(&error);
    herald_inbox_free(inbox);
    return receipt.came_bytes == receipt.size_bytes;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "send") == 0)
        return send_bytes(argv[2], argv[3], argv[4]) == 0 ? 0 : 1;
    if (argc == 4 && strcmp(argv[1], "receive") == 0)
        return receive_bytes(argv[2], argv[3]) ? 0 : 1;
    fprintf(stderr, "usage: %s send BYTES ENDPOINT RECEIVERS | receive BYTES ENDPOINT\n", argv[0]);
    return 2;
}
