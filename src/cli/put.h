/* SPDX-License-Identifier: MIT */
/*
 * herald put, in parts: cmd_put.c has the options and the loop, put_open.c makes a delivery of them, put_hosts.c reads
 * who is expected, put_show.c shows how far it is, put_report.c says everything else, put_receipts.c opens the file for
 * receipts.
 */
#ifndef CLI_PUT_H
#define CLI_PUT_H

#include "options.h"
#include "output.h"
#include "progress.h"
#include "put_hosts.h"

#include <herald/herald.h>

#include <sys/types.h>

enum put_fec { PUT_FEC_5, PUT_FEC_2, PUT_FEC_129 };

/* What the command line says. */
struct put_settings {
    struct common_settings common;
    int64_t expect;
    const char *expect_hosts;
    uint64_t wait_ns; /* 0: not given */
    const char *rate;
    bool tfmcc;
    int64_t fec_percent;
    bool unicast_feedback;
    bool silent_receivers;
    const char *laggard;
    uint64_t give_up_ns; /* 0: not given */
    bool repeat;
    uint64_t keep_serving_ns;
    struct text_list excludes;
    const char *name; /* NULL: not given */
    int64_t ttl;
    const char *interface;
    int64_t dscp;
    bool no_loop;
    int64_t node_id; /* 0: not given */
    const char *receipts;
    int fec_id;             /* enum put_fec */
    uint64_t segment_bytes; /* this and the next two 0: not given */
    int64_t block_segments;
    int64_t parity_segments;
};

/* Where --receipts are written. */
struct put_receipts {
    struct output output; /* data_fd is -1 if there is no such option, and for a file that will be replaced */
    char *target;         /* that file, without symbolic links; NULL: it is no regular one */
    char *temporary;      /* while that one's successor is written: its path */
    mode_t mode;          /* it is to have; 0: the usual */
    bool is_kept;         /* it cannot be replaced: it is emptied, and written to */
};

/* One run of the command. */
struct put {
    const struct put_settings *settings;
    const struct operands *operands; /* EP, and what to send */
    struct output output;
    struct put_receipts receipts;
    struct progress progress;
    struct herald_endpoint endpoint;
    struct put_hosts hosts;
    struct herald_delivery_config config;
    herald_delivery *delivery;
    bool reads_stdin;
    int interrupt_fd;
    bool interrupted;
    uint64_t unreadable;                 /* paths that could not be read */
    uint64_t sent_after_ns;              /* how long the first transmission took; 0: it is not over */
    struct herald_recipient *recipients; /* room for what is looked at again and again */
    size_t recipient_room;
};

/* How many receivers are how far. */
struct put_count {
    uint32_t known;    /* all, the expected that are not here included */
    uint32_t answered; /* was heard of */
    uint32_t complete; /* verified or confirmed */
    uint32_t lacking;  /* all others */
};

/* ---- put_open.c ------------------------------------------------------------------------------ */

/* Reads the options and opens the delivery, with everything in it. @return 0; -EINVAL for a mistake; -errno. */
int put_open(struct put *put, struct herald_error *error);

/* Closes and frees everything. */
void put_close(struct put *put);

/* ---- put_receipts.c -------------------------------------------------------------------------- */

/*
 * Finds out whether receipts can be written to --receipts, if it is given, without changing anything there.
 * @return 0; -EINVAL: that file is needed as it is; -errno.
 */
int put_receipts_open(struct put *put, struct herald_error *error);

/* Only if it is given: between these two put->receipts.output takes the receipts. @return 0; -errno. */
int put_receipts_begin(struct put *put, struct herald_error *error);
int put_receipts_end(struct put *put, struct herald_error *error);

void put_receipts_close(struct put *put);

/* ---- put_show.c ------------------------------------------------------------------------------ */

/* Shows how far it is, if it is time: drawn on a terminal, otherwise a line. */
void put_show(struct put *put, uint64_t now_ns);

/* The same as a record of JSON, at once. */
void put_show_phase(struct put *put);

/* ---- put_report.c ---------------------------------------------------------------------------- */

/* Takes the receivers as they are now. @return their number; put->recipients has them. */
size_t put_take_recipients(struct put *put);

struct put_count put_count_recipients(struct put *put);

/* What a receiver is called: its host's name, or else its address, or else its node id. The text as it came. */
const char *put_recipient_name(const struct herald_recipient *recipient, char text[HERALD_ENDPOINT_TEXT_BYTES]);

/* Says where, what and how is sent, and warns of what looks wrong. */
void put_introduce(struct put *put);

/* Says what has happened. */
void put_report_events(struct put *put);

/* Everything that is known at the end: a receipt for each receiver, and the sum. @return the status. */
int put_conclude(struct put *put, int result, const struct herald_error *error);

#endif
