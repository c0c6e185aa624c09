/* SPDX-License-Identifier: MIT */
#include <herald/error.h>

#include <stdarg.h>
#include <stdio.h>

/* Causes quote what users and networks supply: a control character must neither break the line nor reach a terminal. */
static void replace_controls(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

static void __attribute__((format(printf, 3, 0)))
format_line(char *ret_text, size_t size_bytes, const char *format, va_list arguments)
{
    if (vsnprintf(ret_text, size_bytes, format, arguments) < 0)
        ret_text[0] = '\0';
    replace_controls(ret_text);
}

int herald_error_set(struct herald_error *error, int code, const char *cause_format, ...)
{
    va_list arguments;

    if (error == NULL)
        return code;
    error->code = code;
    error->advice[0] = '\0';
    va_start(arguments, cause_format);
    format_line(error->cause, sizeof error->cause, cause_format, arguments);
    va_end(arguments);
    return code;
}

void herald_error_advise(struct herald_error *error, const char *advice_format, ...)
{
    va_list arguments;

    if (error == NULL)
        return;
    va_start(arguments, advice_format);
    format_line(error->advice, sizeof error->advice, advice_format, arguments);
    va_end(arguments);
}
