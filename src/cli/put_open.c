/* SPDX-License-Identifier: MIT */
/* What the command line of herald put means. */
#include "put.h"

#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAGGARD_DROP_NS UINT64_C(30000000000)

enum { RECEIVERS_DEFAULT = 1024, SEGMENTS_MAX = 255 };

/* ---- options that are more than a number ----------------------------------------------------- */

/* --rate auto|RATE|max, and --tfmcc. */
static int set_rate(const struct put_settings *settings, struct herald_delivery_config *config,
                    struct herald_error *error)
{
    struct rate rate = { .kind = RATE_NONE };
    bool is_auto = strcmp(settings->rate, "auto") == 0;

    if (!is_auto && (rate_parse(settings->rate, &rate) < 0 || rate.kind == RATE_PACKETS))
        return herald_error_set(error, -EINVAL,
                                "--rate %.64s: must be auto, max, or a number with kbit, mbit or gbit, like 100mbit",
                                settings->rate[0] != '\0' ? settings->rate : "''");
    if (settings->tfmcc && rate.kind == RATE_MAX)
        return herald_error_set(error, -EINVAL,
                                "--tfmcc and --rate max exclude each other: fair, or as fast as it can");
    if (rate.kind == RATE_FIXED && rate.value / 8 > HERALD_NORM_RATE_MAX_BYTES_PER_S)
        return herald_error_set(error, -EINVAL, "--rate %.64s: 100gbit is the limit", settings->rate);
    if (rate.kind == RATE_FIXED && rate.value < 8)
        return herald_error_set(error, -EINVAL, "--rate %.64s: less than a byte per second", settings->rate);
    if (settings->tfmcc) {
        config->rate_mode = HERALD_NORM_RATE_TFMCC;
        config->rate_max_bytes_per_s = rate.value / 8;
    } else if (is_auto) {
        config->rate_mode = HERALD_NORM_RATE_AUTO;
    } else {
        config->rate_mode = HERALD_NORM_RATE_FIXED;
        config->rate_bytes_per_s = rate.kind == RATE_MAX ? HERALD_NORM_RATE_MAX_BYTES_PER_S : rate.value / 8;
    }
    return 0;
}

/* --laggard wait|drop[:TIME] */
static int set_laggard(const struct put_settings *settings, struct herald_delivery_config *config,
                       struct herald_error *error)
{
    static const char drop[] = "drop:";
    const char *text = settings->laggard;

    config->laggard_drop_ns = strcmp(text, "drop") == 0 ? LAGGARD_DROP_NS : 0;
    if (config->laggard_drop_ns > 0 || strcmp(text, "wait") == 0)
        return 0;
    if (strncmp(text, drop, strlen(drop)) == 0 && duration_parse(text + strlen(drop), &config->laggard_drop_ns) == 0 &&
        config->laggard_drop_ns > 0)
        return 0;
    return herald_error_set(error, -EINVAL, "--laggard %.64s: must be wait, drop, or drop:TIME like drop:10s",
                            text[0] != '\0' ? text : "''");
}

/* --block, or the usual, or so many as leave room for --parity and --fec. */
static unsigned choose_block(const struct put_settings *settings)
{
    unsigned percent = (unsigned)settings->fec_percent;
    unsigned parity = (unsigned)settings->parity_segments;
    unsigned most = SEGMENTS_MAX * 100 / (100 + percent);

    if (settings->block_segments > 0)
        return (unsigned)settings->block_segments;
    if (parity > 0 && most * percent > parity * 100)
        most = parity * 100 / percent;
    if (most > SEGMENTS_MAX - parity)
        most = SEGMENTS_MAX - parity;
    most = most > 0 ? most : 1;
    return most < HERALD_BLOCK_SEGMENTS ? most : HERALD_BLOCK_SEGMENTS;
}

/*
 * --fec, --block, --parity and --segment. What --fec needs is made room for, unless --parity says how much room there
 * is.
 */
static int set_fec(const struct put_settings *settings, struct herald_delivery_config *config,
                   struct herald_error *error)
{
    static const uint8_t ids[] = { [PUT_FEC_5] = 5, [PUT_FEC_2] = 2, [PUT_FEC_129] = 129 };
    unsigned block = choose_block(settings);
    unsigned percent = (unsigned)settings->fec_percent;
    unsigned needed = (percent * block + 99) / 100;
    unsigned parity = settings->parity_segments > 0 ? (unsigned)settings->parity_segments : HERALD_PARITY_SEGMENTS;

    if (settings->parity_segments == 0 && block + parity > SEGMENTS_MAX)
        parity = SEGMENTS_MAX - block;
    if (needed > parity && settings->parity_segments == 0)
        parity = needed;
    if (needed > parity) {
        (void)herald_error_set(error, -EINVAL, "--fec %u: %u of %u segments, and --parity leaves room for %u", percent,
                               needed, block, parity);
        herald_error_advise(error, "--parity %u", needed);
        return -EINVAL;
    }
    if (block + parity > SEGMENTS_MAX) {
        (void)herald_error_set(error, -EINVAL, "a block of %u and %u segments: together they may be %d at most", block,
                               parity, (int)SEGMENTS_MAX);
        herald_error_advise(error, "a smaller --block, or less --parity or --fec");
        return -EINVAL;
    }
    config->fec_id = ids[settings->fec_id];
    config->fec_percent = (uint8_t)percent;
    config->block_segments = (uint16_t)block;
    config->parity_segments = (uint16_t)parity;
    config->segment_bytes = (uint16_t)settings->segment_bytes;
    return 0;
}

/* What answers are needed for. */
static int check_silent(const struct put_settings *settings, struct herald_error *error)
{
    const struct {
        const char *name;
        bool is_given;
    } others[] = {
        { "expect", settings->expect > 0 },
        { "expect-hosts", settings->expect_hosts != NULL },
        { "wait", settings->wait_ns > 0 },
        { "receipts", settings->receipts != NULL },
        { "unicast-feedback", settings->unicast_feedback },
        { "laggard", strcmp(settings->laggard, "wait") != 0 },
        { "give-up", settings->give_up_ns > 0 },
        { "keep-serving", settings->keep_serving_ns > 0 },
        { "tfmcc", settings->tfmcc },
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].is_given)
            return herald_error_set(error, -EINVAL, "--silent-receivers and --%s exclude each other: nobody answers",
                                    others[i].name);
    return 0;
}

static int check_together(const struct put *put, struct herald_error *error)
{
    const struct put_settings *settings = put->settings;

    if (settings->silent_receivers && check_silent(settings, error) < 0)
        return -EINVAL;
    if (settings->receipts != NULL && (settings->receipts[0] == '\0' || strcmp(settings->receipts, "-") == 0)) {
        (void)herald_error_set(error, -EINVAL, "--receipts needs the name of a file");
        herald_error_advise(error, "--json, which writes receipts and all else to standard output");
        return -EINVAL;
    }
    if (settings->name != NULL && !put->reads_stdin)
        return herald_error_set(error, -EINVAL, "--name is for what comes from standard input (-): files have names");
    if (settings->expect_hosts != NULL && strcmp(settings->expect_hosts, "-") == 0 && put->reads_stdin) {
        (void)herald_error_set(error, -EINVAL, "standard input cannot be what is sent and the list of --expect-hosts");
        herald_error_advise(error, "a file for one of them");
        return -EINVAL;
    }
    if (settings->repeat && put->reads_stdin)
        return herald_error_set(error, -EINVAL, "--repeat: standard input can only be read once");
    if (settings->repeat && settings->keep_serving_ns > 0)
        return herald_error_set(error, -EINVAL, "--repeat and --keep-serving exclude each other");
    return 0;
}

/* ---- operands -------------------------------------------------------------------------------- */

static int parse_endpoint(struct put *put, struct herald_error *error)
{
    const char *text = put->operands->items[0];
    const char *asked = put->settings->interface;
    int result = herald_endpoint_parse(text, &put->endpoint, error);

    if (result < 0 && access(text, F_OK) == 0) {
        (void)herald_error_set(error, result, "'%.64s' is a file, not an endpoint: EP comes first, then PATH", text);
        herald_error_advise(error, "herald put 239.1.2.3:10000 PATH...");
    }
    if (result < 0)
        return result;
    if (put->endpoint.group_count != 1)
        return herald_error_set(error, -EINVAL, "one group at a time: '%.64s' names %u", text,
                                put->endpoint.group_count);
    if (asked != NULL && put->endpoint.interface[0] != '\0' && strcmp(asked, put->endpoint.interface) != 0)
        return herald_error_set(error, -EINVAL, "the endpoint names the interface %s, --interface another one",
                                put->endpoint.interface);
    return 0;
}

static int check_operands(struct put *put, struct herald_error *error)
{
    for (size_t i = 1; i < put->operands->count; i++) {
        if (put->operands->items[i][0] == '\0')
            return herald_error_set(error, -EINVAL, "a path is empty");
        put->reads_stdin = put->reads_stdin || strcmp(put->operands->items[i], "-") == 0;
    }
    if (!put->reads_stdin || put->operands->count == 2)
        return 0;
    (void)herald_error_set(error, -EINVAL, "- (standard input) can only be sent alone");
    herald_error_advise(error, "./- if a file of that name is meant");
    return -EINVAL;
}

static int add_operands(struct put *put, struct herald_error *error)
{
    const struct text_list *excludes = &put->settings->excludes;
    int result = 0;

    if (put->reads_stdin) {
        result = herald_delivery_add_descriptor(
            put->delivery, put->settings->name != NULL ? put->settings->name : "stdin", STDIN_FILENO, error);
        return result == -ENAMETOOLONG ? -EINVAL : result; /* the command line's mistake */
    }
    for (size_t i = 1; i < put->operands->count && result >= 0; i++) {
        const char *path = put->operands->items[i];
        char quoted[200];

        result = herald_delivery_add_path(put->delivery, path, excludes->items, excludes->count, error);
        if (result < 0 && error->advice[0] == '\0')
            herald_error_advise(error, "ls -ld %s", words_quote(path, quoted, sizeof quoted));
    }
    return result;
}

/* @return 0; -EINVAL: the patterns are to blame; -ENODATA. */
static int check_not_empty(struct put *put, struct herald_error *error)
{
    size_t exclude_count = put->settings->excludes.count;
    struct herald_delivery_progress progress;

    herald_delivery_get_progress(put->delivery, &progress);
    if (progress.objects > 0)
        return 0;
    put_report_events(put); /* what could not be read */
    if (exclude_count == 0) {
        (void)herald_error_set(error, -ENODATA, "there is nothing to send");
        herald_error_advise(error, "ls -lA; a directory without / behind it is sent even if it is empty");
        return -ENODATA;
    }
    (void)herald_error_set(error, -EINVAL, "there is nothing to send: --exclude leaves nothing");
    herald_error_advise(error, "narrower patterns, in quotes; all of it without --exclude");
    return -EINVAL;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void fill_config(struct put *put)
{
    const struct put_settings *settings = put->settings;
    struct herald_delivery_config *config = &put->config;

    config->endpoint = put->endpoint;
    config->interface = settings->interface;
    config->ttl_given = true;
    config->ttl = (uint8_t)settings->ttl;
    config->dscp = (uint8_t)settings->dscp;
    config->no_loop = settings->no_loop;
    config->node_id = (uint32_t)settings->node_id;
    config->unicast_feedback = settings->unicast_feedback;
    config->silent_receivers = settings->silent_receivers;
    config->expect_count = (uint32_t)settings->expect;
    config->expected = put->hosts.items;
    config->expected_count = put->hosts.count;
    config->wait_ns = settings->wait_ns;
    config->give_up_ns = settings->give_up_ns;
    config->keep_serving_ns = settings->keep_serving_ns;
    config->repeat = settings->repeat;
    /* Twice as many as are expected: others may be there, too. */
    if (put->hosts.count > RECEIVERS_DEFAULT / 2 || settings->expect > RECEIVERS_DEFAULT / 2)
        config->receivers_max = 2 * (settings->expect > (int64_t)put->hosts.count ? (uint32_t)settings->expect
                                                                                  : (uint32_t)put->hosts.count);
}

int put_open(struct put *put, struct herald_error *error)
{
    const struct put_settings *settings = put->settings;
    int result = parse_endpoint(put, error);

    if (result >= 0)
        result = check_operands(put, error);
    if (result >= 0)
        result = check_together(put, error);
    if (result >= 0)
        result = set_rate(settings, &put->config, error);
    if (result >= 0)
        result = set_laggard(settings, &put->config, error);
    if (result >= 0)
        result = set_fec(settings, &put->config, error);
    if (result >= 0 && settings->expect_hosts != NULL)
        result = put_hosts_read(settings->expect_hosts, &put->hosts, error);
    if (result < 0)
        return result;
    fill_config(put);
    result = herald_delivery_new(&put->delivery, &put->config, error);
    if (result == -EMSGSIZE && settings->segment_bytes > 0)
        herald_error_advise(error, "a smaller --segment, or none: then it is what fits");
    if (result >= 0)
        result = add_operands(put, error);
    if (result >= 0)
        result = check_not_empty(put, error);
    return result >= 0 ? put_receipts_open(put, error) : result;
}

void put_close(struct put *put)
{
    put->delivery = herald_delivery_free(put->delivery);
    put_hosts_release(&put->hosts);
    free(put->recipients);
    put_receipts_close(put);
}
