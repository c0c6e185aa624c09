/* SPDX-License-Identifier: MIT */
/* Splits a command line into words: blanks separate, '…' "…" and \ keep together, nothing is expanded. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

/* @return 0 with a NULL-terminated array to be freed by words_free(); -EINVAL for an open quote or no word; -ENOMEM. */
int words_split(const char *text, char ***ret_words);

/* Takes NULL; returns NULL. */
char **words_free(char **words);

#endif
