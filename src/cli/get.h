/* SPDX-License-Identifier: MIT */
/*
 * herald get, in parts: cmd_get.c has the options and the loop, get_open.c makes an inbox of them, get_report.c says
 * what happens, get_exec.c runs a program for what has come.
 */
#ifndef CLI_GET_H
#define CLI_GET_H

#include "examined.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "runner.h"

#include <herald/herald.h>

/* What the command line says. */
struct get_settings {
    struct common_settings common;
    const char *directory; /* NULL: not given */
    const char *output_path;
    int64_t count; /* 0: not given */
    bool once;
    uint64_t for_ns; /* 0: no limit */
    const char *on_complete;
    bool shell;
    struct text_list accept;
    bool overwrite;
    bool rename;
    bool skip;
    bool any_links;
    bool no_sync;
    bool silent;
    bool no_ping;
    bool unicast_feedback;
    struct text_list interfaces;
    int64_t node_id; /* 0: not given */
    uint64_t receive_buffer_bytes;
};

/* One run of the command. */
struct get {
    const struct get_settings *settings;
    const struct operands *operands;
    struct output output;
    struct progress progress;
    struct herald_endpoint endpoint;
    struct herald_address accept[TEXT_LIST_MAX];
    const char *directory;    /* where names are below; NULL: not into a directory */
    bool to_stdout;           /* the data, and nothing else */
    int device_fd;            /* a fifo or device that --output names; -1: none */
    bool stdout_is_file;      /* nobody reads it who could go */
    struct examined examined; /* what askers are told about */
    herald_inbox *inbox;
    struct runner *runner; /* NULL without --on-complete */
    uint64_t start_ns;
    uint64_t unwanted_ns; /* nobody reads the output any more: it ends then; 0: somebody does */
    bool is_stopping;     /* good-bye is being said */
    bool interrupted;
    bool time_up;
    uint64_t programs_failed; /* --on-complete */
    uint64_t not_run;
    uint64_t shown_bytes; /* when it was last shown how far it is */
    uint64_t shown_ns;
};

/* ---- get_open.c ------------------------------------------------------------------------------ */

/* Reads the options and opens the inbox and the runner. @return 0; -EINVAL for a mistake; -errno. */
int get_open(struct get *get, struct herald_error *error);

/* Closes everything. */
void get_close(struct get *get);

/* ---- get_exec.c ------------------------------------------------------------------------------ */

/* Opens what --on-complete needs. @return 0; -errno. */
int get_open_runner(struct get *get, struct herald_error *error);

/* Runs the program for an object that has come, when it is its turn. */
void get_submit(struct get *get, const struct herald_inbox_object *object);

/* Moves the program along. */
void get_run_programs(struct get *get, uint64_t now_ns);

/* ---- get_report.c ---------------------------------------------------------------------------- */

/* Says what is listened to, and where things go. */
void get_introduce(struct get *get);

/* Says what has happened. */
void get_report_events(struct get *get);

/* Shows how far it is, if it is time: drawn on a terminal, otherwise a line. */
void get_show(struct get *get, uint64_t now_ns);

/* The sum at the end. @return the status. */
int get_conclude(struct get *get, int result, struct herald_error *error);

#endif
