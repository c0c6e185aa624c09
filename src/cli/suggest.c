/* SPDX-License-Identifier: MIT */
/* "Did you mean": Damerau-Levenshtein distance, where two swapped neighbours count as one mistake. */
#include "options.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 32 };

static unsigned lower(char character)
{
    return (unsigned)tolower((unsigned char)character);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

/* Both words have at most WORD_MAX characters. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a_length; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b_length; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            unsigned cost = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost);
            bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    }
    return d[a_length][b_length];
}

/* A third of the letters may be wrong, but never all of them. */
static unsigned mistakes_allowed(size_t length)
{
    if (length < 2)
        return 0;
    return length < 6 ? 1 + (length > 3) : (unsigned)length / 3;
}

const char *suggest(const char *word, const char *const *candidates)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    unsigned nearest_distance = 0;

    if (length == 0 || length > WORD_MAX)
        return NULL;
    for (size_t i = 0; candidates[i] != NULL; i++) {
        size_t candidate_length = strlen(candidates[i]);
        if (candidate_length > WORD_MAX)
            continue;
        unsigned found = distance(word, length, candidates[i], candidate_length);
        size_t shorter = length < candidate_length ? length : candidate_length;
        bool near = found <= mistakes_allowed(shorter) && found < shorter;
        if (length >= 2 && strncasecmp(word, candidates[i], length) == 0) {
            near = true; /* an abbreviation is as good as one mistake */
            found = found < 1 ? found : 1;
        }
        if (near && (nearest == NULL || found < nearest_distance)) {
            nearest = candidates[i];
            nearest_distance = found;
        }
    }
    return nearest;
}
