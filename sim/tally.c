/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKET_NS SIM_MS(5)
#define MAP_BITS_MAX    ((uint64_t)1 << 26)

/* RFC 5740 section 4: where the fields are that this looks at. */
enum {
    TYPE_INFO = 1,
    TYPE_DATA,
    TYPE_CMD,
    TYPE_NACK,
    TYPE_ACK,
    COMMAND_OFFSET = 12,
    COMMAND_MAX = 7,
    FEC_ID_OFFSET = 13,
    OBJECT_ID_OFFSET = 14,
    PAYLOAD_ID_OFFSET = 16,
    FEC_SMALL_BLOCK = 129,
};

const char *sim_kind_name(enum sim_kind kind)
{
    static const char *const names[SIM_KINDS] = {
        [SIM_KIND_SOURCE] = "DATA source",
        [SIM_KIND_PARITY] = "DATA parity",
        [SIM_KIND_INFO] = "INFO",
        [SIM_KIND_FLUSH] = "CMD(FLUSH)",
        [SIM_KIND_EOT] = "CMD(EOT)",
        [SIM_KIND_SQUELCH] = "CMD(SQUELCH)",
        [SIM_KIND_CC] = "CMD(CC)",
        [SIM_KIND_REPAIR_ADV] = "CMD(REPAIR_ADV)",
        [SIM_KIND_ACK_REQ] = "CMD(ACK_REQ)",
        [SIM_KIND_APPLICATION] = "CMD(APPLICATION)",
        [SIM_KIND_NACK] = "NACK",
        [SIM_KIND_ACK] = "ACK",
        [SIM_KIND_OTHER] = "something else",
    };

    return names[kind];
}

void sim_tally_init(struct sim_tally *tally, const struct sim_scenario *scenario)
{
    *tally = (struct sim_tally){ .scenario = scenario, .blocks = sim_scenario_blocks(scenario) };
    tally->series.bucket_ns = FIRST_BUCKET_NS;
    tally->lost_map_bits = tally->blocks * scenario->objects * scenario->senders;
    if (tally->lost_map_bits > MAP_BITS_MAX)
        tally->lost_map_bits = MAP_BITS_MAX;
    tally->lost_map = sim_allocate(tally->lost_map_bits / 64 + 1, sizeof *tally->lost_map);
}

void sim_tally_free(struct sim_tally *tally)
{
    free(tally->lost_map);
    tally->lost_map = NULL;
}

static uint32_t read_bytes(const uint8_t *data, size_t bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | *data++;
    return value;
}

static struct sim_seen see_data(const struct sim_tally *tally, const struct sim_packet *packet)
{
    struct sim_seen seen = { .kind = SIM_KIND_OTHER };
    const uint8_t *id = packet->data + PAYLOAD_ID_OFFSET;

    if (packet->bytes < PAYLOAD_ID_OFFSET + 8)
        return seen;
    seen.object_id = (uint16_t)read_bytes(packet->data + OBJECT_ID_OFFSET, 2);
    if (packet->data[FEC_ID_OFFSET] == FEC_SMALL_BLOCK) {
        seen.block = read_bytes(id, 4);
        seen.symbol = read_bytes(id + 6, 2);
    } else {
        seen.block = read_bytes(id, 3);
        seen.symbol = id[3];
    }
    seen.kind = seen.symbol < sim_scenario_block_segments(tally->scenario, seen.block) ? SIM_KIND_SOURCE
                                                                                       : SIM_KIND_PARITY;
    return seen;
}

struct sim_seen sim_tally_see(const struct sim_tally *tally, const struct sim_packet *packet)
{
    static const enum sim_kind commands[COMMAND_MAX + 1] = {
        SIM_KIND_OTHER, SIM_KIND_FLUSH,      SIM_KIND_EOT,     SIM_KIND_SQUELCH,
        SIM_KIND_CC,    SIM_KIND_REPAIR_ADV, SIM_KIND_ACK_REQ, SIM_KIND_APPLICATION,
    };
    unsigned type = packet->bytes >= OBJECT_ID_OFFSET + 2 ? packet->data[0] & 0x0f : 0;
    struct sim_seen seen = { .kind = SIM_KIND_OTHER };

    if (type == TYPE_DATA)
        return see_data(tally, packet);
    if (type == TYPE_INFO) {
        seen.kind = SIM_KIND_INFO;
        seen.object_id = (uint16_t)read_bytes(packet->data + OBJECT_ID_OFFSET, 2);
    } else if (type == TYPE_CMD && packet->data[COMMAND_OFFSET] <= COMMAND_MAX) {
        seen.kind = commands[packet->data[COMMAND_OFFSET]];
    } else if (type == TYPE_NACK) {
        seen.kind = SIM_KIND_NACK;
    } else if (type == TYPE_ACK) {
        seen.kind = SIM_KIND_ACK;
    }
    return seen;
}

/* ------------------------------------------------------------------ over time */

static void widen(struct sim_series *series)
{
    for (size_t i = 0; i < SIM_BUCKETS; i++) {
        bool in = 2 * i + 1 < SIM_BUCKETS;

        series->sent_bytes[i] = in ? series->sent_bytes[2 * i] + series->sent_bytes[2 * i + 1] : 0;
        series->written_bytes[i] = in ? series->written_bytes[2 * i] + series->written_bytes[2 * i + 1] : 0;
    }
    series->bucket_ns *= 2;
    series->count = (series->count + 1) / 2;
}

static uint32_t bucket_of(struct sim_series *series, uint64_t now_ns)
{
    uint32_t bucket;

    while (now_ns / series->bucket_ns >= SIM_BUCKETS)
        widen(series);
    bucket = (uint32_t)(now_ns / series->bucket_ns);
    if (bucket >= series->count)
        series->count = bucket + 1;
    return bucket;
}

void sim_tally_written(struct sim_tally *tally, uint64_t bytes, uint64_t now_ns)
{
    const struct sim_scenario *scenario = tally->scenario;

    tally->series.written_bytes[bucket_of(&tally->series, now_ns)] += bytes;
    if (now_ns >= scenario->goodput_from_ns && (scenario->goodput_until_ns == 0 || now_ns < scenario->goodput_until_ns))
        tally->goodput_bytes += bytes;
}

/* ------------------------------------------------------------------ packets */

static void trace(struct sim_tally *tally, const char *what, uint32_t node, const struct sim_packet *packet,
                  uint64_t now_ns)
{
    struct sim_seen seen;

    if (tally->trace == NULL)
        return;
    seen = sim_tally_see(tally, packet);
    fprintf(tally->trace, "%llu.%06llu ms %s node %u", (unsigned long long)(now_ns / 1000000),
            (unsigned long long)(now_ns % 1000000), what, node);
    if (node != packet->from)
        fprintf(tally->trace, " from %u", packet->from);
    fprintf(tally->trace, " %s", sim_kind_name(seen.kind));
    if (seen.kind <= SIM_KIND_INFO)
        fprintf(tally->trace, " object %u block %u symbol %u", seen.object_id, seen.block, seen.symbol);
    fprintf(tally->trace, " %u bytes", packet->bytes);
    if (seen.kind > SIM_KIND_INFO) {
        fputc(' ', tally->trace);
        for (uint32_t i = 0; i < packet->bytes && i < 96; i++)
            fprintf(tally->trace, i % 4 == 3 ? "%02x " : "%02x", packet->data[i]);
    }
    fputc('\n', tally->trace);
}

void sim_tally_sent(struct sim_tally *tally, const struct sim_packet *packet, uint64_t now_ns)
{
    enum sim_kind kind = sim_tally_see(tally, packet).kind;

    tally->packets[kind]++;
    tally->bytes[kind] += packet->bytes;
    if (packet->from < tally->scenario->senders)
        tally->series.sent_bytes[bucket_of(&tally->series, now_ns)] += packet->bytes;
    trace(tally, "sent by", packet->from, packet, now_ns);
}

void sim_tally_heard(struct sim_tally *tally, uint32_t node, const struct sim_packet *packet, uint64_t now_ns)
{
    if (node < tally->scenario->senders && sim_tally_see(tally, packet).kind == SIM_KIND_NACK)
        tally->nacks_heard++;
    trace(tally, "heard by", node, packet, now_ns);
}

void sim_tally_lost(struct sim_tally *tally, uint32_t node, const struct sim_packet *packet, uint64_t now_ns)
{
    struct sim_seen seen = sim_tally_see(tally, packet);
    uint64_t bit;

    trace(tally, "lost to", node, packet, now_ns);
    if (packet->from >= tally->scenario->senders || seen.kind > SIM_KIND_PARITY)
        return;
    tally->lost_packets++;
    bit = ((uint64_t)packet->from * tally->scenario->objects + seen.object_id % tally->scenario->objects) *
              tally->blocks +
          seen.block;
    if (bit < tally->lost_map_bits && (tally->lost_map[bit / 64] >> (bit % 64) & 1) == 0) {
        tally->lost_map[bit / 64] |= UINT64_C(1) << (bit % 64);
        tally->lost_blocks++;
    }
}
