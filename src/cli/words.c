/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word from *text without its quotes and moves *text behind it. @return false for an open quote. */
static bool take_word(const char **text, char *word)
{
    char quote = '\0';

    for (; **text != '\0' && (quote != '\0' || !is_blank(**text)); (*text)++) {
        char c = **text;

        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (c == '\\' && quote != '\'') {
            (*text)++;
            if (**text == '\0')
                return false;
            *word++ = **text;
        } else {
            *word++ = c;
        }
    }
    *word = '\0';
    return quote == '\0';
}

int words_split(const char *text, char ***ret_words)
{
    /* No more words than half the characters, and no word longer than the text. */
    size_t length = strlen(text);
    char **words = calloc(length / 2 + 2, sizeof(*words));
    char *word = malloc(length + 1);
    size_t count = 0;
    int r = words != NULL && word != NULL ? 0 : -ENOMEM;

    while (r == 0) {
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            break;
        if (!take_word(&text, word))
            r = -EINVAL;
        else if ((words[count++] = strdup(word)) == NULL)
            r = -ENOMEM;
    }
    free(word);
    if (r == 0 && count == 0)
        r = -EINVAL;
    if (r < 0) {
        words_free(words);
        return r;
    }
    *ret_words = words;
    return 0;
}

char **words_free(char **words)
{
    if (words == NULL)
        return NULL;
    for (size_t i = 0; words[i] != NULL; i++)
        free(words[i]);
    free(words);
    return NULL;
}
