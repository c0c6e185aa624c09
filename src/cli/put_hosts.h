/* SPDX-License-Identifier: MIT */
/* Who is expected: a text with one a line. */
#ifndef CLI_PUT_HOSTS_H
#define CLI_PUT_HOSTS_H

#include <herald/session.h>

/* More than so many in one file are a mistake. */
enum { PUT_HOSTS_MAX = 65536 };

/* All zero: nobody. */
struct put_hosts {
    struct herald_expected *items; /* in the order of the text, each once */
    size_t count;
    char *text; /* what the names point into */
};

/*
 * Reads lines that are each a host's name, its numeric address, or "node:ID" (decimal, or hex after 0x). Blanks around
 * it, empty lines, and what follows a # are skipped; one that stands there twice counts once.
 * @param name  what the text is called in errors, which tell the line's number: "hosts.txt, line 3: ..."
 * @return 0; -EINVAL for a mistake in it, or if it names nobody; -ENOMEM.
 */
int put_hosts_parse(const char *text, size_t size_bytes, const char *name, struct put_hosts *ret_hosts,
                    struct herald_error *error);

/* The same from a file; "-" is standard input. @return also -errno when it cannot be read. */
int put_hosts_read(const char *path, struct put_hosts *ret_hosts, struct herald_error *error);

/* Frees everything. */
void put_hosts_release(struct put_hosts *hosts);

#endif
