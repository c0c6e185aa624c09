/* SPDX-License-Identifier: MIT */
/* herald bench send and herald bench recv: what their parts share. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "options.h"
#include "output.h"

#include <herald/bench.h>
#include <herald/herald.h>

extern const struct command command_bench_send;
extern const struct command command_bench_recv;

/* ---- figures (bench_figures.c) ------------------------------------------------------------------ */

enum { BENCH_LOSS_TEXT_BYTES = 64, BENCH_CAUSES_TEXT_BYTES = 256, BENCH_CLOCK_TEXT_BYTES = 96 };

/* What a receiver has counted, as it is printed. Points into itself: it must not be moved. */
struct figures_record {
    const char *name;      /* of the receiver, or of the stream */
    const char *peer;      /* ADDRESS:PORT */
    const char *host;      /* NULL: not known */
    const char *interface; /* NULL or "": not known */
    struct herald_address source;
    uint64_t source_port;
    const char *state; /* "final", "left early", "unfinished", "silent" */
    uint64_t stream;
    const char *sender; /* "herald" or "iperf" */
    int64_t interval_ns;
    uint64_t received;
    uint64_t received_bytes;
    uint64_t expected;
    uint64_t lost;
    uint64_t loss_ppm;
    const char *loss; /* "50 (5.00%)" */
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t bursts;
    uint64_t longest_burst;
    int64_t missed; /* -1: none */
    int64_t elapsed_ns;
    double rate_bps;
    int64_t jitter_ns;
    int64_t hops;
    uint64_t receive_buffer_bytes;
    uint64_t lost_by[HERALD_LOSS_CAUSE_COUNT];
    const char *causes; /* "network 50"; NULL: nothing is lost */
    const char *clock;  /* "same", "exchange", "none" */
    const char *clock_note;
    int64_t delay_uncertainty_ns; /* -1: none */
    int64_t delay_min_ns, delay_mean_ns, delay_p50_ns, delay_p90_ns, delay_p99_ns, delay_p999_ns, delay_max_ns;
    char loss_text[BENCH_LOSS_TEXT_BYTES];
    char causes_text[BENCH_CAUSES_TEXT_BYTES];
    char clock_text[BENCH_CLOCK_TEXT_BYTES];
};

/* Everything that comes from the figures; who it is of is left to the caller. */
void bench_fill_figures(struct figures_record *record, const struct herald_bench_figures *figures);

/* As columns of a table (what was reported to a sender), and as a line (what a receiver says of a stream). */
extern const struct field bench_table_fields[];
extern const struct field bench_line_fields[];

/* "0.35%" from lost and expected; three digits that mean something. */
const char *bench_percent(uint64_t lost, uint64_t expected, char text[BENCH_LOSS_TEXT_BYTES]);

/* Whether it has reported in this run. */
bool bench_is_heard(const struct herald_bench_peer *peer);

/* Whether its figures are those of the whole run: it has sent its last report, and not because it was ended before. */
bool bench_is_whole(const struct herald_bench_peer *peer);

/*
 * Receivers in the order in which they are shown: first those whose figures are not of the whole run, then by the part
 * that was lost, the most first; then by address. @return an array to be freed, of herald_bench_sender_peer_count()
 * indices; NULL without memory.
 */
size_t *bench_order(const herald_bench_sender *sender);

/* Waits until `fd` is readable, Ctrl-C, or the deadline (monotonic), to the nanosecond. */
void bench_wait(int fd, int interrupt_fd, uint64_t deadline_ns);

/* ---- sending ------------------------------------------------------------------------------------ */

struct bench_send_settings {
    struct common_settings common;
    struct rate rate;
    uint64_t size_bytes;  /* 0: not given */
    uint64_t duration_ns; /* 0: not given */
    int64_t count;        /* 0: not given */
    int64_t burst;        /* 0: not given */
    const char *interface;
    const char *source;
    int64_t ttl;
    int64_t dscp;
    bool no_loop;
    int64_t expect;
    uint64_t wait_ns;
    uint64_t interval_ns;
    bool no_reports;
    bool find_max;
    const char *loss_limit;
    const char *plot;
};

struct bench_send {
    const struct bench_send_settings *settings;
    struct output output;
    struct herald_endpoint endpoint;
    herald_bench_sender *sender;
    double loss_limit; /* 0 .. 1 */
    int interrupt_fd;
    bool interrupted;
    bool waiting;                       /* the last datagram has left */
    bool failed;                        /* has been reported */
    struct herald_bench_sent line_sent; /* as of the last line */
};

/* Runs until it is done; lines of progress unless `quiet`. @return false if it was interrupted or has failed. */
bool bench_send_run(struct bench_send *send, const struct herald_bench_run *run, bool quiet);

/* The fixed rate as a run; *ret_run is zeroed before. */
void bench_send_plan(const struct bench_send *send, struct herald_bench_run *ret_run);

/* Looks for the highest rate without loss. @return the status. */
int bench_find_max(struct bench_send *send);

/* bench_report.c */
void bench_report_sending(struct bench_send *send, const struct herald_bench_run *run);
void bench_report_progress(struct bench_send *send);
void bench_report_receivers(struct bench_send *send);
void bench_report_summary(struct bench_send *send);
void bench_report_trial(struct bench_send *send, const struct herald_bench_search *search, bool passed,
                        const char *verdict);
void bench_report_found(struct bench_send *send, const struct herald_bench_search *search, const char *limit,
                        const char *cause);

/* ---- the picture (bench_plot.c) ------------------------------------------------------------------- */

/* Whether it will be possible to write it there. @return 0; -errno with *error filled. */
int bench_plot_check(const char *path, struct herald_error *error);

/* Writes the run's development and delays as SVG. @return 0; -errno with *error. */
int bench_plot(const herald_bench_sender *sender, const char *title, const char *path, struct herald_error *error);

#endif
