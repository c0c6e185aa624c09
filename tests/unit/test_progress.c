/* SPDX-License-Identifier: MIT */
/* How far something is, on screens of all sizes; tables of records; texts cut to columns. */
#include "columns.h"
#include "options.h"
#include "progress.h"

#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { BARS = 40 };

struct sample {
    struct progress_bar bars[BARS];
    struct progress_view view;
};

static void make_sample(struct sample *sample, size_t bars)
{
    memset(sample, 0, sizeof *sample);
    for (size_t i = 0; i < bars; i++) {
        struct progress_bar *bar = &sample->bars[i];

        snprintf(bar->name, sizeof bar->name, "web%zu", i + 1);
        snprintf(bar->note, sizeof bar->note, "%zu.0 MiB", i);
        bar->permille = (int)(i * 1000 / bars);
        bar->kind = i % 4 == 3 ? PROGRESS_FAILED : PROGRESS_MOVING;
    }
    sample->view = (struct progress_view){
        .pieces = { { "45%", 0 }, { "1.20 GiB of 2.60 GiB", 3 }, { "94.1 Mbit/s", 2 }, { "3 of 5 receivers done", 1 } },
        .piece_count = 4,
        .bars = sample->bars,
        .bar_count = bars,
    };
}

/* The lines of a layout, each checked against the screen. @return their number; the text is to be freed. */
static int lay_out(const struct progress_view *view, size_t columns, size_t rows, char **ret_text)
{
    int lines = progress_layout(view, columns, rows, ret_text);
    int seen = 1;
    char *copy = strdup(*ret_text);
    char *next = copy;
    const char *line;

    assert_true(lines >= 1);
    assert_true((size_t)lines <= (rows > 1 ? rows - 1 : 1));
    for (const char *at = *ret_text; *at != '\0'; at++)
        seen += *at == '\n';
    assert_int_equal(seen, lines);
    while ((line = strsep(&next, "\n")) != NULL)
        if (columns_of(line) > (columns > 2 ? columns - 1 : 1))
            fail_msg("%zu columns are too many for a screen of %zu: '%s'", columns_of(line), columns, line);
    free(copy);
    return lines;
}

static void an_ordinary_screen_shows_everything(void **state)
{
    struct sample sample;
    char *text;

    (void)state;
    make_sample(&sample, 2);
    assert_int_equal(lay_out(&sample.view, 80, 24, &text), 3);
    assert_string_equal(text, "45%, 1.20 GiB of 2.60 GiB, 94.1 Mbit/s, 3 of 5 receivers done\n"
                              "web1 [>                                     ]   0%  0.0 MiB\n"
                              "web2 [===================>                  ]  50%  1.0 MiB");
    free(text);
}

static void what_does_not_fit_below_is_summed_up(void **state)
{
    struct sample sample;
    char *text;

    (void)state;
    make_sample(&sample, 40);
    sample.bars[39].kind = PROGRESS_DONE;
    sample.bars[38].kind = PROGRESS_WAITING;
    assert_int_equal(lay_out(&sample.view, 40, 5, &text), 4);
    assert_non_null(strstr(text, "\nweb2 "));
    assert_null(strstr(text, "\nweb3 "));
    assert_non_null(strstr(text, "\nand 38 more: 1 done, 27 under way, 1 .."));
    free(text);
    assert_int_equal(lay_out(&sample.view, 80, 41, &text), 40);
    assert_non_null(strstr(text, "\nand 2 more: 1 done, 1 waiting"));
    free(text);
    assert_int_equal(lay_out(&sample.view, 80, 42, &text), 41);
    assert_null(strstr(text, " more"));
    free(text);
}

static void a_limit_of_bars_holds_on_any_screen(void **state)
{
    struct sample sample;
    char *text;

    (void)state;
    make_sample(&sample, 9);
    sample.view.bars_max = 5;
    assert_int_equal(lay_out(&sample.view, 80, 100, &text), 7);
    assert_non_null(strstr(text, "\nand 4 more: 3 under way, 1 failed"));
    free(text);
}

static void the_least_important_parts_give_way_first(void **state)
{
    struct sample sample;
    char *text;

    (void)state;
    make_sample(&sample, 0);
    lay_out(&sample.view, 50, 24, &text);
    assert_string_equal(text, "45%, 94.1 Mbit/s, 3 of 5 receivers done");
    free(text);
    lay_out(&sample.view, 30, 24, &text);
    assert_string_equal(text, "45%, 3 of 5 receivers done");
    free(text);
    lay_out(&sample.view, 10, 24, &text);
    assert_string_equal(text, "45%");
    free(text);
}

static void no_screen_is_too_small(void **state)
{
    struct sample sample;
    char *text;

    (void)state;
    make_sample(&sample, 12);
    snprintf(sample.bars[0].name, sizeof sample.bars[0].name, "a-host-whose-name-is-much-longer-than-it-need-be.org");
    snprintf(sample.bars[1].name, sizeof sample.bars[1].name, "名前が日本語のホスト");
    snprintf(sample.bars[2].note, sizeof sample.bars[2].note, "data/a/file/whose/name/is/long.iso: disk full, ñandú");
    sample.bars[3].permille = -1;
    for (size_t columns = 0; columns < 200; columns++)
        for (size_t rows = 0; rows < 20; rows++) {
            lay_out(&sample.view, columns, rows, &text);
            free(text);
        }
}

static void texts_are_cut_between_characters(void **state)
{
    char text[32];
    char little[6];

    (void)state;
    assert_int_equal(columns_of("µs"), 2);
    assert_int_equal(columns_of("日本"), 4);
    assert_string_equal(columns_cut("hello", 5, text, sizeof text), "hello");
    assert_string_equal(columns_cut("hello", 4, text, sizeof text), "he..");
    assert_string_equal(columns_cut("hello", 1, text, sizeof text), ".");
    assert_string_equal(columns_cut("hello", 0, text, sizeof text), "");
    assert_string_equal(columns_cut("日本語", 5, text, sizeof text), "日..");
    assert_string_equal(columns_cut("日本語", 6, text, sizeof text), "日本語");
    assert_string_equal(columns_cut("日本語", 6, little, sizeof little), "日..");
}

/* ---- on a terminal --------------------------------------------------------------------------- */

/* What arrives at the other end of a terminal, in its own time, up to what it is to end with. */
static void drain(int fd, const char *end, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    while (used < strlen(end) || strcmp(text + used - strlen(end), end) != 0) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        ssize_t got;

        if (poll(&poll_fd, 1, 20000) != 1)
            fail_msg("'%s' did not end with '%s'", text, end);
        got = read(fd, text + used, size - used - 1);
        assert_true(got > 0);
        used += (size_t)got;
        text[used] = '\0';
    }
}

static void open_terminal(int *master, struct output *output, unsigned short columns, unsigned short rows)
{
    const struct winsize size = { .ws_col = columns, .ws_row = rows };
    const struct common_settings common = { 0 };
    int slave;

    assert_int_equal(openpty(master, &slave, NULL, NULL, &size), 0);
    setenv("TERM", "xterm", 1);
    output_init(output, "herald test", &common);
    output->message_fd = slave;
}

static void a_drawing_is_replaced_and_taken_away_before_a_line(void **state)
{
    struct progress progress;
    struct output output;
    struct sample sample;
    char text[4096];
    int master;

    (void)state;
    make_sample(&sample, 2);
    open_terminal(&master, &output, 80, 24);
    progress_open(&progress, &output, true, 0);
    assert_true(progress_draw(&progress, &sample.view));
    drain(master, "\x1b[J", text, sizeof text);
    assert_non_null(strstr(text, "\r45%, "));
    assert_null(strchr(text, 'A'));
    assert_true(progress_draw(&progress, &sample.view));
    drain(master, "\x1b[J", text, sizeof text);
    assert_int_equal(strncmp(text, "\r\x1b[2A45%", 8), 0);
    output_note(&output, "a line");
    drain(master, "\r\n", text, sizeof text);
    assert_string_equal(text, "\r\x1b[2A\x1b[Ja line\r\n");
    output_note(&output, "another");
    drain(master, "\r\n", text, sizeof text);
    assert_string_equal(text, "another\r\n");
    assert_true(progress_draw(&progress, &sample.view));
    drain(master, "\x1b[J", text, sizeof text);
    progress_close(&progress);
    drain(master, "\x1b[J", text, sizeof text);
    assert_string_equal(text, "\r\x1b[2A\x1b[J");
    close(output.message_fd);
    close(master);
}

static void a_terminal_that_grows_small_is_drawn_smaller(void **state)
{
    const struct winsize small = { .ws_col = 20, .ws_row = 3 };
    const struct winsize unknown = { 0 };
    struct progress progress;
    struct output output;
    struct sample sample;
    char text[4096];
    int master;

    (void)state;
    make_sample(&sample, 2);
    open_terminal(&master, &output, 80, 24);
    progress_open(&progress, &output, true, 0);
    assert_true(progress_draw(&progress, &sample.view));
    assert_int_equal(progress.lines, 3);
    drain(master, "\x1b[J", text, sizeof text);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &small), 0);
    assert_true(progress_draw(&progress, &sample.view));
    assert_int_equal(progress.lines, 2);
    drain(master, "\x1b[J", text, sizeof text);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &unknown), 0);
    assert_false(progress_draw(&progress, &sample.view));
    drain(master, "\x1b[J", text, sizeof text);
    assert_string_equal(text, "\r\x1b[1A\x1b[J");
    progress_close(&progress);
    close(output.message_fd);
    close(master);
}

static void where_nothing_can_be_drawn_lines_come_every_5_seconds(void **state)
{
    const uint64_t second = UINT64_C(1000000000);
    struct progress progress;
    struct output output;
    struct sample sample;
    int master;

    (void)state;
    make_sample(&sample, 2);
    open_terminal(&master, &output, 0, 0);
    progress_open(&progress, &output, true, 0);
    assert_false(progress_draw(&progress, &sample.view));
    assert_false(progress_is_due(&progress, 5 * second - 1));
    assert_true(progress_is_due(&progress, 5 * second));
    assert_false(progress_is_due(&progress, 5 * second + 1));
    close(output.message_fd);
    close(master);
    for (int i = 0; i < 4; i++) {
        open_terminal(&master, &output, 80, 24);
        output.json = i == 0;
        output.quiet = i == 1;
        if (i == 2)
            setenv("TERM", "dumb", 1);
        progress_open(&progress, &output, i != 3, 0);
        assert_false(progress_draw(&progress, &sample.view));
        close(output.message_fd);
        close(master);
    }
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct record {
    const char *name;
    uint64_t number;
    int64_t never;
    const char *why;
};

static const struct field fields[] = {
    { "name", FIELD_TEXT, offsetof(struct record, name), "NAME", NULL },
    { "number", FIELD_NUMBER, offsetof(struct record, number), "NUMBER", NULL },
    { "hidden", FIELD_NUMBER, offsetof(struct record, number), NULL, NULL },
    { "never", FIELD_INTEGER, offsetof(struct record, never), "NEVER", NULL },
    { "why", FIELD_TEXT, offsetof(struct record, why), "WHY", "!" },
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static void print_table(bool json, bool quiet, enum output_channel channel, char *text, size_t size)
{
    static const struct record records[] = { { "web1", 7, -1, "full" }, { "ñandú\n", 12345678, -1, NULL } };
    const struct common_settings common = { .json = json, .quiet = quiet };
    struct output output;
    ssize_t got;

    output_init(&output, "herald test", &common);
    output.data_fd = output.message_fd = memfd_create("table", 0);
    assert_int_equal(output_table(&output, channel, "row", fields, records, sizeof *records, 2), 0);
    got = pread(output.data_fd, text, size - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(output.data_fd);
}

static void a_table_aligns_and_leaves_out_empty_columns(void **state)
{
    char text[1024];

    (void)state;
    print_table(false, false, OUTPUT_DATA, text, sizeof text);
    assert_string_equal(text, "NAME       NUMBER  WHY\n"
                              "web1            7  full!\n"
                              "ñandú\\n  12345678  -\n");
    print_table(true, false, OUTPUT_DATA, text, sizeof text);
    assert_string_equal(text, "{\"event\":\"row\",\"name\":\"web1\",\"number\":7,\"hidden\":7,\"why\":\"full\"}\n"
                              "{\"event\":\"row\",\"name\":\"\\u00F1and\\u00FA\\n\",\"number\":12345678,"
                              "\"hidden\":12345678}\n");
    print_table(false, true, OUTPUT_MESSAGE, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_screen_shows_everything),
        cmocka_unit_test(what_does_not_fit_below_is_summed_up),
        cmocka_unit_test(a_limit_of_bars_holds_on_any_screen),
        cmocka_unit_test(the_least_important_parts_give_way_first),
        cmocka_unit_test(no_screen_is_too_small),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(a_drawing_is_replaced_and_taken_away_before_a_line),
        cmocka_unit_test(a_terminal_that_grows_small_is_drawn_smaller),
        cmocka_unit_test(where_nothing_can_be_drawn_lines_come_every_5_seconds),
        cmocka_unit_test(a_table_aligns_and_leaves_out_empty_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
