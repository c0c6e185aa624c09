/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Copies one word from *text without its quotes and moves *text behind it. @return 0; as words_split(). */
static int take_word(const char **text, char *word)
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
                return -EILSEQ;
            *word++ = **text;
        } else {
            *word++ = c;
        }
    }
    *word = '\0';
    return quote == '\0' ? 0 : -EINVAL;
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
        r = take_word(&text, word);
        if (r == 0 && (words[count++] = strdup(word)) == NULL)
            r = -ENOMEM;
    }
    free(word);
    if (r == 0 && count == 0)
        r = -ENODATA;
    if (r < 0) {
        words_free(words);
        return r;
    }
    *ret_words = words;
    return 0;
}

bool words_are_about(const char *cause, const char *name)
{
    static const char *const before[] = { "",
                                          "cannot read ",
                                          "cannot read all of ",
                                          "cannot send ",
                                          "cannot write ",
                                          "cannot make the directory ",
                                          "cannot make the link ",
                                          "the link " };
    static const char *const after[] = { ":",           " is ",    " was ",  " has ",       " became ",
                                         " cannot be ", " leads ", " lies ", " to the disk" };
    size_t name_bytes = strlen(name);

    if (strcmp(name, "it") == 0) /* "it is too large" is about any */
        return false;
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const char *at = cause + strlen(before[i]);

        if (strncmp(cause, before[i], strlen(before[i])) != 0 || strncmp(at, name, name_bytes) != 0)
            continue;
        for (size_t k = 0; k < sizeof(after) / sizeof(after[0]); k++)
            if (strncmp(at + name_bytes, after[k], strlen(after[k])) == 0)
                return true;
    }
    return false;
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

/* The operator at the beginning of a text, or NULL. */
static const char *operator_at(const char *text)
{
    static const char *const operators[] = { "||", "|", "&&", "&", ">>", ">", "<<", "<", ";", NULL };

    for (size_t i = 0; operators[i] != NULL; i++)
        if (strncmp(text, operators[i], strlen(operators[i])) == 0)
            return operators[i];
    return NULL;
}

/* The operator that a word begins with, perhaps behind the number of a descriptor as in "2>", or the ; that it ends
   with as in "a; b". */
static const char *operator_of_word(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    size_t length = strcspn(text, " \t\n'\"\\");

    if (digits > 0 && (text[digits] == '<' || text[digits] == '>'))
        return operator_at(text + digits);
    if (length > 0 && text[length - 1] == ';' && (text[length] == '\0' || is_blank(text[length])))
        return ";";
    return operator_at(text);
}

const char *words_shell_syntax(const char *text)
{
    char quote = '\0';
    bool begins = true; /* a word may begin here */

    for (; *text != '\0'; text++) {
        const char *found = quote == '\0' && begins ? operator_of_word(text) : NULL;

        if (found != NULL)
            return found;
        begins = quote == '\0' && is_blank(*text);
        if (quote != '\'' && *text == '`')
            return "`";
        if (quote != '\'' && strncmp(text, "$(", 2) == 0)
            return "$(";
        if (quote != '\'' && *text == '\\') {
            text++;
            if (*text == '\0')
                break;
        } else if (quote != '\0' && *text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*text == '\'' || *text == '"')) {
            quote = *text;
        }
    }
    return NULL;
}

const char *words_quote(const char *text, char *ret_text, size_t size_bytes)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
    size_t used = 0;

    if (text[0] != '\0' && text[strspn(text, safe)] == '\0') {
        snprintf(ret_text, size_bytes, "%s", text);
        return ret_text;
    }
    ret_text[used++] = '\'';
    for (const char *at = text; used + 6 <= size_bytes && *at != '\0'; at++) {
        if (*at == '\'') { /* it cannot stand inside: close, write it, open again */
            memcpy(ret_text + used, "'\\'", 3);
            used += 3;
        }
        ret_text[used++] = *at;
    }
    ret_text[used++] = '\'';
    ret_text[used] = '\0';
    return ret_text;
}
