/* SPDX-License-Identifier: MIT */
/*
 * Errors in the user's terms.
 *
 * Every function returns a negative errno value on failure. Functions that can fail for a reason a
 * person should read also take a `struct herald_error *`, which may be NULL.
 */
#ifndef HERALD_ERROR_H
#define HERALD_ERROR_H

#include <herald/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why something failed, and what to do about it. The caller owns it; no pointer in it. */
struct herald_error {
    int code;         /**< the negative errno value that the function returned */
    char cause[256];  /**< one line without a final full stop: what is wrong. Never empty on failure */
    char advice[256]; /**< the next thing to try, often a command; empty when there is none */
};

/**
 * Fills *error, which may be NULL, from a printf format. Useful for code built on the library that
 * reports in the same way. A text that is too long is cut.
 *
 * @param code  a negative errno value
 * @return code, so that `return herald_error_set(error, -EINVAL, "...");` works. Any thread.
 */
HERALD_API int herald_error_set(struct herald_error *error, int code, const char *cause_format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Sets the advice of *error, which may be NULL. Call it after herald_error_set(), which clears it.
 * Any thread.
 */
HERALD_API void herald_error_advise(struct herald_error *error, const char *advice_format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
