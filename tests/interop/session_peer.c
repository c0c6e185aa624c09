/* SPDX-License-Identifier: MIT */
/*
 * herald's sessions for tests against other implementations, for what no command sends: each file goes as bytes from
 * memory, which are DATA. It uses nothing but the public headers. See peer.h: it has the options of a sender of data,
 * and in the place of "acked" it prints for each receiver that was named by --ack
 *
 *   verified NODE        it has all, by its own comparison of digests
 *   confirmed NODE       it has all, but only speaks NORM
 *   lacks NODE
 */
#include "peer.h"

#include <herald/session.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* A signal that comes just before the wait ends it so late. */
enum { WAIT_MAX_MS = 100 };

static herald_delivery *open_delivery(const struct peer_options *options, struct herald_error *error)
{
    struct herald_expected expected[PEER_ACK_NODES_MAX] = { { 0 } };
    struct herald_delivery_config config = {
        .interface = options->interface,
        .node_id = options->node,
        .rate_mode = HERALD_NORM_RATE_FIXED,
        .rate_bytes_per_s = (uint64_t)options->rate_bytes_per_s,
        .fec_id = (uint8_t)options->fec_id,
        .segment_bytes = (uint16_t)options->segment_bytes,
        .block_segments = (uint16_t)options->block_segments,
        .parity_segments = (uint16_t)options->parity_segments,
        .unicast_feedback = options->unicast,
        .expected = expected,
        .expected_count = options->ack_nodes_count,
    };
    herald_delivery *delivery = NULL;
    char endpoint[64];

    for (unsigned i = 0; i < options->ack_nodes_count; i++)
        expected[i].node_id = options->ack_nodes[i];
    snprintf(endpoint, sizeof endpoint, "%s:%u", options->group, options->port);
    if (herald_endpoint_parse(endpoint, &config.endpoint, error) < 0 ||
        herald_delivery_new(&delivery, &config, error) < 0)
        peer_die("%s", error->cause);
    return delivery;
}

static int wait_ms(const herald_delivery *delivery)
{
    uint64_t now_ns = herald_clock_ns();
    uint64_t deadline_ns = herald_delivery_deadline(delivery);
    uint64_t left_ms = deadline_ns > now_ns ? (deadline_ns - now_ns + 999999) / 1000000 : 0;

    return left_ms < WAIT_MAX_MS ? (int)left_ms : WAIT_MAX_MS;
}

/* @return as herald_delivery_run() */
static int run(herald_delivery *delivery, struct herald_error *error)
{
    struct pollfd poll_fd = { .fd = herald_delivery_fd(delivery), .events = POLLIN };
    int result;

    while ((result = herald_delivery_process(delivery, herald_clock_ns(), error)) == 0) {
        if (peer_is_over())
            herald_delivery_stop(delivery);
        (void)poll(&poll_fd, 1, wait_ms(delivery));
    }
    return result < 0 ? result : herald_delivery_result(delivery, error);
}

static void print_receipts(const herald_delivery *delivery)
{
    struct herald_recipient recipient;

    for (uint32_t i = 0; herald_delivery_get_recipient(delivery, i, &recipient) == 0; i++)
        peer_print("%s %u",
                   recipient.state == HERALD_RECIPIENT_COMPLETE    ? "verified"
                   : recipient.state == HERALD_RECIPIENT_CONFIRMED ? "confirmed"
                                                                   : "lacks",
                   recipient.node_id);
}

int main(int argc, char **argv)
{
    struct peer_options options = peer_parse(argc, argv);
    struct peer_content contents[PEER_OBJECTS_MAX];
    struct herald_error error;
    herald_delivery *delivery = open_delivery(&options, &error);
    int missing;

    if (options.files_count == 0 || options.kind != PEER_DATA)
        peer_die("it sends, and only data");
    for (int i = 0; i < options.files_count; i++) {
        contents[i] = peer_load(options.files[i]);
        if (herald_delivery_add_bytes(delivery, peer_base_name(options.files[i]), contents[i].bytes,
                                      contents[i].size_bytes, &error) < 0)
            peer_die("%s", error.cause);
    }
    missing = run(delivery, &error);
    if (missing < 0)
        peer_die("%s", error.cause);
    print_receipts(delivery);
    if (missing > 0)
        peer_print("failed %d", missing);
    else
        peer_print("done");
    herald_delivery_free(delivery);
    for (int i = 0; i < options.files_count; i++)
        free(contents[i].bytes);
    return missing > 0;
}
