/* SPDX-License-Identifier: MIT */
/* How wide texts are on a terminal, for what must not be wider than it. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stddef.h>

/*
 * The columns that an escaped text (see text_escape()) takes at most: what may be two columns wide counts as two,
 * what may combine with its neighbour as one.
 */
size_t columns_of(const char *text);

/* Copies as much of an escaped text as fits into `columns`; ".." at the end tells that something is missing. */
const char *columns_cut(const char *text, size_t columns, char *ret_text, size_t size_bytes);

#endif
