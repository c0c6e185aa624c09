/* SPDX-License-Identifier: MIT */
/* Records one below the other in columns. */
#include "columns.h"
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const struct field *fields;
    const char *records;
    size_t record_bytes;
    size_t count;
    size_t *widths; /* of each field; 0: it is not shown */
};

static bool is_number(const struct field *field)
{
    switch (field->kind) {
    case FIELD_NUMBER:
    case FIELD_INTEGER:
    case FIELD_DURATION:
    case FIELD_SIZE:
    case FIELD_RATE:
        return true;
    case FIELD_TEXT:
    case FIELD_LIST:
    case FIELD_BYTES:
    case FIELD_FLAG:
    case FIELD_TIME:
    case FIELD_ADDRESS:
        return false;
    }
    return false;
}

/* The text of a cell, to be freed. @return NULL without memory. */
static char *cell_text(const struct table *table, const struct field *field, size_t row, bool *ret_known)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    if (stream == NULL)
        return NULL;
    *ret_known = output_put_value(stream, field, table->records + row * table->record_bytes);
    fputs(*ret_known ? (field->after != NULL ? field->after : "") : "-", stream);
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* @return 0; -ENOMEM. */
static int measure(struct table *table, size_t column)
{
    const struct field *field = &table->fields[column];
    size_t width = columns_of(field->before);
    bool any = false;

    for (size_t row = 0; row < table->count; row++) {
        bool known = false;
        char *text = cell_text(table, field, row, &known);

        if (text == NULL)
            return -ENOMEM;
        if (columns_of(text) > width)
            width = columns_of(text);
        any = any || known;
        free(text);
    }
    table->widths[column] = any ? width : 0;
    return 0;
}

static void put_cell(FILE *stream, const char *text, size_t width, bool right, bool first, bool last)
{
    size_t blanks = width - columns_of(text);

    fputs(first ? "" : "  ", stream);
    for (size_t i = 0; right && i < blanks; i++)
        putc(' ', stream);
    fputs(text, stream);
    for (size_t i = 0; !right && !last && i < blanks; i++)
        putc(' ', stream);
}

/* The index of the last column that is shown. */
static size_t last_column(const struct table *table)
{
    size_t last = 0;

    for (size_t i = 0; table->fields[i].key != NULL; i++)
        if (table->widths[i] > 0)
            last = i;
    return last;
}

/* Row number `row`, or the headings for row `count`. @return 0; -ENOMEM. */
static int put_row(FILE *stream, const struct table *table, size_t row)
{
    size_t last = last_column(table);
    bool first = true;

    for (size_t i = 0; table->fields[i].key != NULL; i++) {
        const struct field *field = &table->fields[i];
        bool known;
        char *text;

        if (table->widths[i] == 0)
            continue;
        text = row < table->count ? cell_text(table, field, row, &known) : strdup(field->before);
        if (text == NULL)
            return -ENOMEM;
        put_cell(stream, text, table->widths[i], is_number(field), first, i == last);
        free(text);
        first = false;
    }
    if (!first)
        putc('\n', stream);
    return 0;
}

static int put_table(FILE *stream, struct table *table)
{
    int result = 0;

    for (size_t i = 0; table->fields[i].key != NULL && result == 0; i++)
        if (table->fields[i].before != NULL)
            result = measure(table, i);
    if (result == 0)
        result = put_row(stream, table, table->count);
    for (size_t row = 0; row < table->count && result == 0; row++)
        result = put_row(stream, table, row);
    return result;
}

static int print_objects(struct output *output, enum output_channel channel, const char *event,
                         const struct table *table)
{
    for (size_t row = 0; row < table->count; row++)
        (void)output_record(output, channel, event, table->fields, table->records + row * table->record_bytes);
    return output->write_error;
}

static size_t count_fields(const struct field *fields)
{
    size_t count = 0;

    while (fields[count].key != NULL)
        count++;
    return count;
}

int output_table(struct output *output, enum output_channel channel, const char *event, const struct field *fields,
                 const void *records, size_t record_bytes, size_t count)
{
    struct table table = { .fields = fields, .records = records, .record_bytes = record_bytes, .count = count };
    char *text = NULL;
    size_t size = 0;
    FILE *stream;
    int result = -ENOMEM;

    if (output->json)
        return print_objects(output, channel, event, &table);
    if (count == 0)
        return output->write_error;
    table.widths = calloc(count_fields(fields) + 1, sizeof *table.widths);
    stream = table.widths != NULL ? open_memstream(&text, &size) : NULL;
    if (stream != NULL) {
        result = put_table(stream, &table);
        if (fclose(stream) != 0)
            result = -ENOMEM;
        if (result == 0)
            result = output_text(output, channel, text, size);
    }
    free(text);
    free(table.widths);
    return result;
}
