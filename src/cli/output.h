/* SPDX-License-Identifier: MIT */
/*
 * Output: every record that a command prints is described by one table of fields, from which both the human
 * line and the JSON object come. Data goes to stdout, messages to stderr; with --json everything is one JSON
 * object per line on stdout, and --quiet drops the messages in both forms.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <herald/herald.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum field_kind {
    FIELD_TEXT,    /* const char *; NULL is left out. Escaped in both forms */
    FIELD_LIST,    /* struct list: human form a few of them; JSON: an array of all */
    FIELD_BYTES,   /* struct bytes: payload; text_escape()d, and " as \" since it stands between two; JSON: "payload" as
                         a string if it is UTF-8, else "payload_hex" (the key with _hex appended) */
    FIELD_NUMBER,  /* uint64_t */
    FIELD_INTEGER, /* int64_t; a negative value is "unknown": left out */
    FIELD_FLAG,    /* bool: human form prints only the text `before`, if true */
    FIELD_DURATION, /* int64_t ns; JSON key with _ns appended as an integer; negative is left out */
    FIELD_SIZE,     /* uint64_t bytes; JSON key with _bytes appended */
    FIELD_RATE,     /* double bits/s; JSON key with _bps appended */
    FIELD_TIME,     /* uint64_t CLOCK_REALTIME ns: human HH:MM:SS.uuuuuu local; JSON key with _ns, as an integer */
    FIELD_ADDRESS,  /* struct herald_address; NONE is left out */
};

struct bytes {
    const uint8_t *data;
    size_t size;
};

/* Texts. The human form is the first `shown`, joined by ", ", and " and N more"; for none at all it is `none`. */
struct list {
    const char *const *items;
    size_t count;
    size_t shown;
    const char *none;
};

/*
 * One field. The human form is `before` + value + `after`, or nothing if `before` is NULL. "(s)" in `after` becomes
 * "s", or nothing behind a number that is 1: " responder(s)".
 */
struct field {
    const char *key; /* JSON; NULL ends the table */
    enum field_kind kind;
    size_t offset; /* in the record struct */
    const char *before;
    const char *after;
};

enum output_channel {
    OUTPUT_DATA,    /* to stdout */
    OUTPUT_MESSAGE, /* to stderr, dropped by --quiet */
    OUTPUT_ERROR,   /* to stderr, never dropped */
};

struct common_settings;

struct output {
    bool json;
    bool quiet;
    bool verbose;
    const char *command;              /* prefix of error lines: "herald send" */
    int data_fd;                      /* 1, or a file that the command opened and closes itself */
    const char *data_name;            /* "standard output", or that file's path */
    bool data_is_file;                /* a regular file: writing never blocks for long */
    int message_fd;                   /* 2 */
    int interrupt_fd;                 /* readable at Ctrl-C, which ends a write that blocks; -1: none */
    uint64_t end_ns;                  /* so does this time (monotonic); HERALD_NEVER */
    int write_error;                  /* -errno of the first failed write to data_fd, sticky */
    void (*before_print)(void *user); /* called before anything is printed: to take a drawing off the screen; or NULL */
    void *before_print_user;
};

/* `command` as in "herald send". Data goes to stdout, messages to stderr; a command may set the fds afterwards. */
void output_init(struct output *output, const char *command, const struct common_settings *settings);

/*
 * The status to end with: `status`, or STATUS_FAILED when the data could not all be written. The first failed write
 * has already been reported in one line, so that a command never reports it.
 */
int output_status(const struct output *output, int status);

/*
 * Whether a path that was given is standard output, by whatever name: opened anew, a file behind it would be emptied,
 * or replaced, and written over by the messages.
 */
bool output_is_stdout(const char *path);

/*
 * Prints one record: `event` is the JSON object's first member ("event": "response"). The human form is one line
 * of the fields that have a `before`; a record without any such field prints no human line. Each record is written
 * at once, by one system call where the kernel takes it whole.
 * @return 0, or the output's write_error, so that a command can stop when nobody reads any more.
 */
int output_record(struct output *output, enum output_channel channel, const char *event, const struct field *fields,
                  const void *record);

/*
 * Prints records of one kind, an array of `count` at `record_bytes` each, as a table: one line each in columns, below a
 * line of headings. `before` of a field is its heading, `after` follows its value; one without `before` is not shown.
 * What is not known is "-"; a column of nothing else is left out. In JSON each is one object, as by output_record().
 * @return as output_record().
 */
int output_table(struct output *output, enum output_channel channel, const char *event, const struct field *fields,
                 const void *records, size_t record_bytes, size_t count);

/* Payload as it is, to where data goes. @return as output_record(). */
int output_raw(struct output *output, const void *data, size_t size_bytes);

/* The reader of the data has gone, which poll() tells: said and kept as a failed write is. */
void output_reader_gone(struct output *output);

/* An error line "herald send: CAUSE" and, if there is one, the advice on a line of its own ("  try: ..."); JSON event
   "error". The texts are escaped here: whoever makes them must not. */
void output_error(struct output *output, const struct herald_error *error);

/* The same, as a warning: "herald send: warning: ..."; dropped by --quiet; JSON event "warning". */
void output_warning(struct output *output, const struct herald_error *error);

/* One plain message line from a format: for what is said once and has no fields. JSON event "note" {"text"}. */
void output_note(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line "herald: CAUSE" and the advice on a second one to `fd`, escaped. For errors before there is an output. */
void output_error_to(int fd, const char *prefix, const struct herald_error *error);

/*
 * Escapes bytes for a terminal: printable ASCII and well-formed printable UTF-8 as they are, backslash as \\,
 * newline \n, tab \t, return \r, everything else (controls, C1, DEL, bidi controls, invalid bytes) as \xNN per byte.
 * @return the length that the whole text has, like snprintf; at most size_bytes - 1 are written, then a NUL.
 */
size_t text_escape(const uint8_t *data, size_t data_bytes, char *ret_text, size_t size_bytes);

/* Whole lines, escaped already, to where a record of that channel goes. @return as output_record(). */
int output_text(struct output *output, enum output_channel channel, const char *text, size_t size_bytes);

/* What a field holds, in the human form, without `before` and `after`. @return false, with nothing put: not known. */
bool output_put_value(FILE *stream, const struct field *field, const void *record);

/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
bool text_is_utf8(const uint8_t *data, size_t data_bytes);

#endif
