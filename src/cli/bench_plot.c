/* SPDX-License-Identifier: MIT */
/*
 * A run as a picture: rate and loss over time and the one-way delays, a line for each receiver. SVG, written by hand:
 * three panels below each other, with the legend under the title.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WIDTH = 900,
    PLOT_LEFT = 90,
    PLOT_RIGHT = 870,
    PANEL_HEIGHT = 200,
    PANEL_STEP = 275, /* from one panel to the next */
    LEGEND_TOP = 62,
    LEGEND_STEP = 20,
    LEGEND_COLUMNS = 2,
    COLORS = 8,
    TICKS_MAX = 12,
    LABEL_BYTES = 64,
};

/* Colours that people who do not see all of them can tell apart (Okabe and Ito); black is for text. */
static const char *const colors[COLORS] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                            "#e69f00", "#56b4e9", "#7f3c8d", "#5b5b5b" };

/* Dashes tell lines apart where colours do not: in print. */
static const char *const dashes[COLORS] = { "none", "8 3", "2 3", "10 3 2 3", "5 5", "none", "8 3", "2 3" };

struct picture {
    FILE *file;
    const herald_bench_sender *sender;
    size_t peers;
    size_t *order; /* of the receivers: who lost most comes first, and has a colour */
    int top;       /* of the panel that is being drawn */
};

/* What an axis shows, from low to high. */
struct axis {
    double low;
    double high;
    bool logarithmic;
};

/* ---- text ------------------------------------------------------------------------------------------ */

/* Names come from other hosts: nothing of them may be read as markup, and what is not printable is left out. */
static void put_text(FILE *file, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;

        if (byte == '&')
            fputs("&amp;", file);
        else if (byte == '<')
            fputs("&lt;", file);
        else if (byte == '>')
            fputs("&gt;", file);
        else if (byte == '"')
            fputs("&quot;", file);
        else
            putc(byte >= 0x20 && byte < 0x7f ? byte : '?', file);
    }
}

/* ---- axes ------------------------------------------------------------------------------------------ */

static double place(const struct axis *axis, double value)
{
    if (axis->logarithmic)
        return (log10(value) - log10(axis->low)) / (log10(axis->high) - log10(axis->low));
    return (value - axis->low) / (axis->high - axis->low);
}

static double at_x(const struct axis *axis, double value)
{
    return PLOT_LEFT + place(axis, value) * (PLOT_RIGHT - PLOT_LEFT);
}

static double at_y(const struct picture *picture, const struct axis *axis, double value)
{
    return picture->top + PANEL_HEIGHT - place(axis, value) * PANEL_HEIGHT;
}

/* 1, 2 or 5 times a power of ten, so that there are about five of them. */
static double tick_step(double range)
{
    double power = pow(10, floor(log10(range / 5)));
    double unit = range / 5 / power;

    return power * (unit < 1.5 ? 1 : unit < 3.5 ? 2 : unit < 7.5 ? 5 : 10);
}

/* A little more than the largest value, so that the top line of the grid is a round number. */
static struct axis axis_up_to(double high)
{
    double step;

    if (!(high > 0))
        high = 1;
    step = tick_step(high);
    return (struct axis){ .low = 0, .high = step * ceil(high / step + 0.05) };
}

static void label_rate(double value, char text[LABEL_BYTES])
{
    char rate[UNITS_TEXT_BYTES];

    snprintf(text, LABEL_BYTES, "%s", value > 0 ? rate_format(value, rate) : "0");
}

static void label_percent(double value, char text[LABEL_BYTES])
{
    snprintf(text, LABEL_BYTES, "%g %%", value);
}

static void label_seconds(double value, char text[LABEL_BYTES])
{
    if (value > 0 && value < 0.01)
        snprintf(text, LABEL_BYTES, "%g ms", value * 1e3);
    else
        snprintf(text, LABEL_BYTES, "%g s", value);
}

static void label_delay(double value, char text[LABEL_BYTES])
{
    if (value < 1e3)
        snprintf(text, LABEL_BYTES, "%g ns", value);
    else if (value < 1e6)
        snprintf(text, LABEL_BYTES, "%g \302\265s", value / 1e3);
    else if (value < 1e9)
        snprintf(text, LABEL_BYTES, "%g ms", value / 1e6);
    else
        snprintf(text, LABEL_BYTES, "%g s", value / 1e9);
}

typedef void label(double value, char text[LABEL_BYTES]);

static void put_x_tick(const struct picture *picture, double x, const char *text)
{
    int bottom = picture->top + PANEL_HEIGHT;

    fprintf(picture->file, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x, picture->top, x,
            bottom);
    fprintf(picture->file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, bottom + 17, text);
}

static void put_x_axis(const struct picture *picture, const struct axis *axis, label *format, const char *title)
{
    char text[LABEL_BYTES];
    double step = axis->logarithmic ? 0 : tick_step(axis->high - axis->low);

    if (axis->logarithmic) {
        /* Where there are few decades, something between them. */
        static const double steps[] = { 1, 2, 5 };
        size_t count = axis->high / axis->low < 1001 ? 3 : 1;

        double decade = axis->low;

        for (int n = 0; n <= DBL_MAX_10_EXP && decade <= axis->high * 1.001; n++, decade *= 10) {
            for (size_t i = 0; i < count && decade * steps[i] <= axis->high * 1.001; i++) {
                format(decade * steps[i], text);
                put_x_tick(picture, at_x(axis, decade * steps[i]), text);
            }
        }
    } else {
        for (int i = 0; i <= TICKS_MAX && axis->low + i * step <= axis->high * 1.001; i++) {
            format(axis->low + i * step, text);
            put_x_tick(picture, at_x(axis, axis->low + i * step), text);
        }
    }
    fprintf(picture->file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (PLOT_LEFT + PLOT_RIGHT) / 2,
            picture->top + PANEL_HEIGHT + 35, title);
}

static void put_y_axis(const struct picture *picture, const struct axis *axis, label *format)
{
    double step = tick_step(axis->high - axis->low);

    for (int i = 0; i <= TICKS_MAX && axis->low + i * step <= axis->high * 1.001; i++) {
        double y = at_y(picture, axis, axis->low + i * step);
        char text[LABEL_BYTES];

        format(axis->low + i * step, text);
        fprintf(picture->file, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", PLOT_LEFT, y,
                PLOT_RIGHT, y);
        fprintf(picture->file, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", PLOT_LEFT - 8, y + 4, text);
    }
}

static void put_panel_title(const struct picture *picture, const char *title)
{
    fprintf(picture->file, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", PLOT_LEFT, picture->top - 10, title);
}

static void put_frame(const struct picture *picture)
{
    fprintf(picture->file, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", PLOT_LEFT,
            picture->top, PLOT_RIGHT - PLOT_LEFT, PANEL_HEIGHT);
}

/* The receiver number `rank` of those that are drawn. */
static void get_peer(const struct picture *picture, size_t rank, struct herald_bench_peer *ret_peer)
{
    herald_bench_sender_peer(picture->sender, picture->order[rank], ret_peer);
}

/* ---- lines ------------------------------------------------------------------------------------------- */

/* The receivers beyond the colours are drawn, too, but cannot be told from each other. */
static void begin_line(const struct picture *picture, size_t peer)
{
    if (peer < COLORS)
        fprintf(picture->file, "<polyline class=\"line\" stroke=\"%s\" stroke-dasharray=\"%s\" points=\"", colors[peer],
                dashes[peer]);
    else
        fprintf(picture->file, "<polyline class=\"many\" points=\"");
}

#define INTERVAL_LEAST_NS UINT64_C(40000000)

/* What happened between two reports. */
struct interval {
    double end_s;
    double rate_bps;
    double loss_percent;
};

/*
 * What lies between sample *from (SIZE_MAX: the start) and sample `at`, which becomes *from if that is long enough to
 * have a rate: a burst more or less makes much of a short time. @return whether it is.
 */
static bool interval_at(const struct herald_bench_peer *peer, size_t *from, size_t at, struct interval *ret_interval)
{
    const struct herald_bench_sample none = { .elapsed_ns = 0 };
    const struct herald_bench_sample *before = *from != SIZE_MAX ? &peer->samples[*from] : &none;
    const struct herald_bench_sample *now = &peer->samples[at];
    double expected;

    /* Everything is a peer's word: time that stands still, or runs backwards, has no rate. */
    if (now->elapsed_ns < before->elapsed_ns || now->elapsed_ns - before->elapsed_ns < INTERVAL_LEAST_NS ||
        now->received_bytes < before->received_bytes || now->expected < before->expected)
        return false;
    *from = at;
    expected = (double)(now->expected - before->expected);
    *ret_interval = (struct interval){
        .end_s = (double)now->elapsed_ns / 1e9,
        .rate_bps = (double)(now->received_bytes - before->received_bytes) * 8e9 /
                    (double)(now->elapsed_ns - before->elapsed_ns),
    };
    /* A straggler makes earlier loss less. */
    if (expected > 0 && now->lost > before->lost)
        ret_interval->loss_percent = 100 * (double)(now->lost - before->lost) / expected;
    return true;
}

static double rate_of(const struct interval *interval)
{
    return interval->rate_bps;
}

static double loss_of(const struct interval *interval)
{
    return interval->loss_percent;
}

typedef double reading(const struct interval *interval);

static double greatest(const struct picture *picture, reading *read)
{
    double most = 0;

    for (size_t i = 0; i < picture->peers; i++) {
        struct herald_bench_peer peer;
        struct interval interval;
        size_t from = SIZE_MAX;

        get_peer(picture, i, &peer);
        for (size_t at = 0; at < peer.sample_count; at++)
            if (interval_at(&peer, &from, at, &interval) && read(&interval) > most)
                most = read(&interval);
    }
    return most;
}

/* A step for each interval: the figure is that of all of it. @return how many there were. */
static size_t put_series(const struct picture *picture, const struct axis *x, const struct axis *y, reading *read)
{
    size_t count = 0;

    for (size_t i = picture->peers; i-- > 0;) { /* those with colours on top */
        struct herald_bench_peer peer;
        double from_s = 0;
        struct interval interval;
        size_t from = SIZE_MAX;

        get_peer(picture, i, &peer);
        begin_line(picture, i);
        for (size_t at = 0; at < peer.sample_count; at++) {
            if (!interval_at(&peer, &from, at, &interval) || interval.end_s > x->high)
                continue;
            fprintf(picture->file, "%.1f,%.1f %.1f,%.1f ", at_x(x, from_s), at_y(picture, y, read(&interval)),
                    at_x(x, interval.end_s), at_y(picture, y, read(&interval)));
            from_s = interval.end_s;
            count++;
        }
        fputs("\"/>\n", picture->file);
    }
    return count;
}

static void put_over_time(struct picture *picture, const char *title, reading *read, double floor_value, label *format)
{
    struct herald_bench_sent sent;
    double most = greatest(picture, read);
    struct axis y = axis_up_to(most > floor_value ? most : floor_value);
    struct axis x;

    herald_bench_sender_sent(picture->sender, &sent);
    x = (struct axis){ .low = 0, .high = sent.elapsed_ns > 0 ? (double)sent.elapsed_ns / 1e9 * 1.02 : 1 };
    put_panel_title(picture, title);
    put_y_axis(picture, &y, format);
    put_x_axis(picture, &x, label_seconds, "time since the first datagram");
    if (put_series(picture, &x, &y, read) == 0)
        fprintf(picture->file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">too short to show a course</text>\n",
                (PLOT_LEFT + PLOT_RIGHT) / 2, picture->top + PANEL_HEIGHT / 2);
    put_frame(picture);
}

/* ---- delays ---------------------------------------------------------------------------------------------- */

/* On a logarithmic axis nothing is below this. */
#define DELAY_LEAST_NS 100.0

static double delay_of(int64_t value)
{
    return (double)value > DELAY_LEAST_NS ? (double)value : DELAY_LEAST_NS;
}

static uint64_t count_delays(const struct herald_bench_peer *peer)
{
    uint64_t count = 0;

    for (size_t i = 0; i < peer->bucket_count; i++)
        count += peer->buckets[i].count;
    return count;
}

/* Whole decades that hold all delays. */
static struct axis delay_axis(const struct picture *picture)
{
    double low = 1e18;
    double high = DELAY_LEAST_NS;

    for (size_t i = 0; i < picture->peers; i++) {
        struct herald_bench_peer peer;

        get_peer(picture, i, &peer);
        for (size_t at = 0; at < peer.bucket_count; at++) {
            low = fmin(low, delay_of(peer.buckets[at].low));
            high = fmax(high, delay_of(peer.buckets[at].high));
        }
    }
    if (low > high)
        low = 1e4;
    low = pow(10, floor(log10(low)));
    high = pow(10, ceil(log10(high)));
    return (struct axis){ .low = low, .high = high > low ? high : low * 10, .logarithmic = true };
}

/* The share of datagrams per eighth of an octave, so that buckets that are wider are not higher. */
static double density(const struct herald_histogram_bucket *bucket, uint64_t count)
{
    double octaves = log2(fmax(delay_of(bucket->high) + 1, delay_of(bucket->low) * 1.01) / delay_of(bucket->low));

    return count > 0 ? 100 * (double)bucket->count / (double)count / fmax(8 * octaves, 1) : 0;
}

static double greatest_density(const struct picture *picture)
{
    double most = 0;

    for (size_t i = 0; i < picture->peers; i++) {
        struct herald_bench_peer peer;

        get_peer(picture, i, &peer);
        for (size_t at = 0; at < peer.bucket_count; at++)
            most = fmax(most, density(&peer.buckets[at], count_delays(&peer)));
    }
    return most;
}

static void put_delay_lines(const struct picture *picture, const struct axis *x, const struct axis *y)
{
    for (size_t i = picture->peers; i-- > 0;) { /* those with colours on top */
        struct herald_bench_peer peer;
        uint64_t count;
        double end = 0;

        get_peer(picture, i, &peer);
        count = count_delays(&peer);
        begin_line(picture, i);
        for (size_t at = 0; at < peer.bucket_count; at++) {
            const struct herald_histogram_bucket *bucket = &peer.buckets[at];
            double left = at_x(x, delay_of(bucket->low));
            double right = at_x(x, fmin(fmax(delay_of(bucket->high) + 1, delay_of(bucket->low) * 1.01), x->high));
            double height = at_y(picture, y, density(bucket, count));
            double bottom = picture->top + PANEL_HEIGHT;

            /* Where nothing came, the line goes down to the axis. */
            if (left > end + 0.5)
                fprintf(picture->file, "%.1f,%.1f %.1f,%.1f ", at > 0 ? end : left, bottom, left, bottom);
            fprintf(picture->file, "%.1f,%.1f %.1f,%.1f ", left, height, right, height);
            if (at + 1 == peer.bucket_count)
                fprintf(picture->file, "%.1f,%.1f", right, bottom);
            end = right;
        }
        fputs("\"/>\n", picture->file);
    }
}

static void put_delays(struct picture *picture)
{
    struct axis x = delay_axis(picture);
    struct axis y = axis_up_to(greatest_density(picture));

    put_panel_title(picture, "One-way delay: share of datagrams in each 9 % step of the delay");
    put_y_axis(picture, &y, label_percent);
    put_x_axis(picture, &x, label_delay, "one-way delay (how each is known: see the legend)");
    put_delay_lines(picture, &x, &y);
    put_frame(picture);
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

static size_t legend_rows(size_t peers)
{
    size_t entries = peers < COLORS ? peers : COLORS + (peers > COLORS);

    return (entries + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
}

static void put_legend_entry(const struct picture *picture, size_t index)
{
    int x = PLOT_LEFT + (int)(index % LEGEND_COLUMNS) * (PLOT_RIGHT - PLOT_LEFT) / LEGEND_COLUMNS;
    int y = LEGEND_TOP + (int)(index / LEGEND_COLUMNS) * LEGEND_STEP;
    char address[HERALD_ADDRESS_TEXT_BYTES];
    struct figures_record figures;
    struct herald_bench_peer peer;

    get_peer(picture, index, &peer);
    bench_fill_figures(&figures, &peer.figures);
    (void)herald_address_format(&peer.address.address, address, sizeof(address));
    fprintf(
        picture->file,
        "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"3\" stroke-dasharray=\"%s\"/>\n", x,
        y - 4, x + 30, y - 4, colors[index], dashes[index]);
    fprintf(picture->file, "<text x=\"%d\" y=\"%d\">", x + 38, y);
    put_text(picture->file, peer.host[0] != '\0' ? peer.host : address);
    fprintf(picture->file, ", lost %s%s%s</text>\n", figures.loss, figures.clock_note != NULL ? ", delay: " : "",
            figures.clock_note != NULL ? figures.clock_note : "");
}

static void put_legend(const struct picture *picture)
{
    for (size_t i = 0; i < picture->peers && i < COLORS; i++)
        put_legend_entry(picture, i);
    if (picture->peers > COLORS)
        fprintf(picture->file, "<text x=\"%d\" y=\"%zu\">and %zu more, in grey</text>\n", PLOT_LEFT,
                LEGEND_TOP + (size_t)COLORS / LEGEND_COLUMNS * LEGEND_STEP, picture->peers - COLORS);
    if (picture->peers == 0)
        fprintf(picture->file, "<text x=\"%d\" y=\"%d\">no receiver has reported</text>\n", PLOT_LEFT, LEGEND_TOP);
}

static void put_picture(struct picture *picture, const char *title)
{
    int first = LEGEND_TOP + (int)legend_rows(picture->peers) * LEGEND_STEP + 30;
    int height = first + 3 * PANEL_STEP - 15;
    char rate[UNITS_TEXT_BYTES];
    struct herald_bench_sent sent;

    herald_bench_sender_sent(picture->sender, &sent);
    fprintf(picture->file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n"
            "<style>text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.head{font-size:18px;font-weight:bold}"
            ".grid{stroke:#ddd}.frame{fill:none;stroke:#444}.line{fill:none;stroke-width:2;stroke-linejoin:round}"
            ".many{fill:none;stroke:#bbb;stroke-width:1}</style>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<text class=\"head\" x=\"%d\" y=\"32\">",
            WIDTH, height, WIDTH, height, WIDTH, height, PLOT_LEFT);
    put_text(picture->file, title);
    fprintf(picture->file, ": sent at %s, %llu datagrams</text>\n", rate_format(sent.rate_bps, rate),
            (unsigned long long)sent.datagrams);
    put_legend(picture);
    picture->top = first;
    put_over_time(picture, "Rate received", rate_of, sent.rate_bps, label_rate);
    picture->top += PANEL_STEP;
    put_over_time(picture, "Lost", loss_of, 1, label_percent);
    picture->top += PANEL_STEP;
    put_delays(picture);
    fputs("</svg>\n", picture->file);
}

/* Whether fopen() would write to it, without touching what is in the file. @return 0; -errno. */
static int try_to_write(const char *path)
{
    struct stat facts;
    int fd;

    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return -EISDIR;
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
        return 0;
    if (errno != ENOENT)
        return -errno;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? 0 : -errno; /* a link to where there may be a file later */
    close(fd);
    (void)unlink(path);
    return 0;
}

int bench_plot_check(const char *path, struct herald_error *error)
{
    int r = try_to_write(path);

    return r == 0 ? 0 : herald_error_set(error, r, "cannot write %.150s: %s", path, strerror(-r));
}

int bench_plot(const herald_bench_sender *sender, const char *title, const char *path, struct herald_error *error)
{
    struct picture picture = {
        .sender = sender,
        .peers = herald_bench_sender_peer_count(sender),
        .order = bench_order(sender),
    };
    bool failed;

    if (picture.order == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    picture.file = fopen(path, "we");
    if (picture.file == NULL) {
        free(picture.order);
        return herald_error_set(error, -errno, "cannot write %.150s: %s", path, strerror(errno));
    }
    put_picture(&picture, title);
    free(picture.order);
    failed = ferror(picture.file) != 0;
    failed = fclose(picture.file) != 0 || failed;
    if (failed)
        return herald_error_set(error, -EIO, "cannot write all of %.150s: %s", path, strerror(errno));
    return 0;
}
