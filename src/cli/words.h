/* SPDX-License-Identifier: MIT */
/* Splits a command line into words: blanks separate, '…' "…" and \ keep together, nothing is expanded. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * @return 0 with a NULL-terminated array to be freed by words_free(); -ENODATA when there is no word; -EINVAL for a
 * quote that is not closed; -EILSEQ for a \ at the end, which has nothing to protect; -ENOMEM.
 */
int words_split(const char *text, char ***ret_words);

/*
 * The first thing in the text that only a shell would understand: an operator such as "|" or ">" where a word begins,
 * or an expansion, "$(" or "`", outside single quotes. @return its text, static; NULL when there is none.
 */
const char *words_shell_syntax(const char *text);

/*
 * Writes a text so that a shell, and words_split(), read it as one word: as it is when that is safe, else in single
 * quotes. @return ret_text; cut when `size_bytes`, at least 8, is too small.
 */
const char *words_quote(const char *text, char *ret_text, size_t size_bytes);

/*
 * Whether a cause already says which file it is about: "NAME is here already", "cannot read NAME: Permission denied".
 * A name that only occurs in it, such as "is", does not count.
 */
bool words_are_about(const char *cause, const char *name);

/* Takes NULL; returns NULL. */
char **words_free(char **words);

#endif
