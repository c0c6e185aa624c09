/* SPDX-License-Identifier: MIT */
/*
 * herald listen, in parts: cmd_listen.c has the options and the loop, listen_data.c prints the datagrams,
 * listen_answer.c acknowledges them, listen_report.c says what happens around them, listen_silence.c why nothing came.
 */
#ifndef CLI_LISTEN_H
#define CLI_LISTEN_H

#include "examined.h"
#include "options.h"
#include "output.h"
#include "runner.h"
#include "sources.h"

#include <herald/herald.h>

enum listen_format { FORMAT_TEXT, FORMAT_HEX, FORMAT_RAW, FORMAT_JSON };

struct listen_settings {
    struct common_settings common;
    struct text_list interfaces;
    const char *ack; /* NULL: "ack" */
    int format;      /* enum listen_format */
    const char *output_path;
    const char *exec;
    const char *reply_exec;
    bool shell;
    uint64_t exec_timeout_ns;
    int64_t count; /* 0: no limit */
    uint64_t for_ns;
    uint64_t stats_ns;
    uint64_t receive_buffer_bytes;
    bool keep_duplicates;
    bool no_ping;
    bool no_print;
};

/* How datagrams are answered. */
struct answers {
    bool enabled;
    bool unlimited;
    const char *text;
    uint64_t sent;
    uint64_t withheld; /* by the limit per source */
    uint64_t failed;
    bool failure_told;
};

struct listener {
    const struct listen_settings *settings;
    struct output data;      /* the datagrams: stdout or a file */
    struct output messages;  /* everything else */
    const char *output_path; /* of -o; NULL: standard output */
    off_t data_end;          /* of a regular file: behind the last record that was written whole; -1: none */
    struct herald_endpoint *endpoints;
    size_t endpoint_count;
    herald_receiver *receiver;
    herald_loss *loss;           /* since the start */
    herald_loss *interval_loss;  /* since the last line of --stats; NULL without */
    struct runner *runner;       /* NULL without --exec and --reply-exec */
    herald_responder *responder; /* answers pings; NULL: nobody does */
    struct examined examined;    /* what it tells about */
    struct answers answers;
    struct sources sources;

    uint64_t start_ns; /* monotonic */
    uint64_t first_ns; /* when the first datagram came, 0: none yet */
    uint64_t stats_due_ns;
    uint64_t stats_last_ns;
    struct herald_receiver_stats stats_last;
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t printed; /* written whole */
    uint64_t not_run; /* datagrams for which the program did not run to its end: too many waited, or the end came */
    bool overflow_told;
    bool finished; /* nothing more is taken; what --exec still does is waited for */
    bool time_up;  /* --for is over */
};

/* listen_data.c: the path of -o, or NULL when it means standard output. */
const char *listen_output_path(const char *given);
/* Opens -o FILE. @return 0; -errno with *error filled. */
int listen_open_output(struct listener *listener, struct herald_error *error);
/* Ends a file that could not be written whole behind its last whole record, and closes it. */
void listen_close_output(struct listener *listener);
/* Prints the first `count` datagrams of a run. */
void listen_print_run(struct listener *listener, const struct herald_run *run, size_t count);

/* listen_answer.c */
void listen_setup_answers(struct listener *listener);
/* Acknowledges the first `count` datagrams of a run, all of them from one source. */
void listen_answer_run(struct listener *listener, const struct herald_run *run, struct source *source, size_t count,
                       uint64_t now_ns);
/* Gives the first `count` datagrams of a run to --exec or --reply-exec. */
void listen_submit_run(struct listener *listener, const struct herald_run *run, size_t count);
/* Moves the program along and sends what it answers. */
void listen_run_programs(struct listener *listener, uint64_t now_ns);

/* listen_report.c */
void listen_report_start(struct listener *listener);
void listen_report_events(struct listener *listener);
void listen_report_stats(struct listener *listener, uint64_t now_ns);
void listen_report_end(struct listener *listener, uint64_t now_ns);
/* Fewer than --count came. */
void listen_report_shortage(struct listener *listener);

/* listen_silence.c: why nothing came, as far as this host can tell without looking further. */
void listen_report_silence(struct listener *listener);

#endif
