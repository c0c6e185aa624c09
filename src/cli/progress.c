/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include "columns.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

enum {
    LINE_BYTES = 1024, /* more than a line of the widest parts has */
    LINES_MAX = 500,   /* of a screen that claims to be higher */
    COLUMNS_MAX = 300,
    NAME_COLUMNS_MAX = 32,
    BAR_COLUMNS_MIN = 8,
    BAR_COLUMNS_MAX = 40,
    SHARE_COLUMNS = 5, /* " 100%" */
};

#define LIVE_INTERVAL_NS  (250 * MS)
#define PLAIN_INTERVAL_NS (5000 * MS)
#define AFTER_ERASE_NS    (50 * MS)

/* ---- the line about the whole ---------------------------------------------------------------- */

static bool is_kept(const struct progress_piece *piece, int rank_max)
{
    return piece->text != NULL && piece->text[0] != '\0' && (piece->rank <= rank_max || piece->rank == 0);
}

/* The pieces whose rank is not above `rank_max`, with commas between. */
static void join_pieces(const struct progress_view *view, int rank_max, char line[LINE_BYTES])
{
    size_t used = 0;

    line[0] = '\0';
    for (size_t i = 0; i < view->piece_count; i++) {
        const struct progress_piece *piece = &view->pieces[i];
        int length;

        if (!is_kept(piece, rank_max))
            continue;
        length = snprintf(line + used, LINE_BYTES - used, "%s%s", used > 0 ? ", " : "", piece->text);
        if (length > 0)
            used += (size_t)length;
        if (used >= LINE_BYTES)
            return; /* cut, which the caller does to the columns anyway */
    }
}

static int highest_rank(const struct progress_view *view)
{
    int highest = 0;

    for (size_t i = 0; i < view->piece_count; i++)
        if (view->pieces[i].rank > highest)
            highest = view->pieces[i].rank;
    return highest;
}

static void put_whole(FILE *stream, const struct progress_view *view, size_t columns)
{
    char line[LINE_BYTES];
    char cut[LINE_BYTES];
    int rank = highest_rank(view);

    do
        join_pieces(view, rank, line);
    while (columns_of(line) > columns && rank-- > 0);
    fputs(columns_cut(line, columns, cut, sizeof cut), stream);
}

/* ---- one bar --------------------------------------------------------------------------------- */

/* How the columns of the lines below are shared out: the same for all of them, so that they align. */
struct shares {
    size_t name;
    size_t bar; /* with its brackets; 0: no room */
    size_t note;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct shares share_out(const struct progress_view *view, size_t shown, size_t columns)
{
    struct shares shares = { 0 };
    size_t name = 0;
    size_t note = 0;
    size_t left;

    for (size_t i = 0; i < shown; i++) {
        size_t name_columns = columns_of(view->bars[i].name);
        size_t note_columns = columns_of(view->bars[i].note);

        name = name_columns > name ? name_columns : name;
        note = note_columns > note ? note_columns : note;
    }
    /* The name may have a third, and more if that is all there is; the note what the shortest bar leaves. */
    shares.name = least(name, least(NAME_COLUMNS_MAX, columns / 3 > BAR_COLUMNS_MIN ? columns / 3 : BAR_COLUMNS_MIN));
    shares.name = least(shares.name, columns);
    left = columns - shares.name;
    if (left < SHARE_COLUMNS + 1 + BAR_COLUMNS_MIN)
        return shares;
    left -= SHARE_COLUMNS + 1; /* a blank before the bar */
    if (note > 0 && left >= BAR_COLUMNS_MIN + 2 + 4)
        shares.note = least(note, left - BAR_COLUMNS_MIN - 2);
    shares.bar = least(BAR_COLUMNS_MAX, shares.note > 0 ? left - shares.note - 2 : left);
    return shares;
}

static void put_blanks(FILE *stream, size_t count)
{
    for (; count > 0; count--)
        putc(' ', stream);
}

static void put_gauge(FILE *stream, const struct progress_bar *bar, size_t columns)
{
    size_t inside = columns - 2;
    size_t filled = bar->permille < 0 ? 0 : inside * (size_t)least((size_t)bar->permille, 1000) / 1000;

    fputs(" [", stream);
    for (size_t i = 0; i < inside; i++)
        putc(i < filled ? '=' : i == filled && bar->kind == PROGRESS_MOVING ? '>' : ' ', stream);
    putc(']', stream);
}

static void put_bar(FILE *stream, const struct progress_bar *bar, const struct shares *shares, size_t columns)
{
    char text[LINE_BYTES];

    columns_cut(bar->name, shares->name, text, sizeof text);
    fputs(text, stream);
    if (columns - shares->name < SHARE_COLUMNS)
        return;
    put_blanks(stream, shares->name - columns_of(text));
    if (shares->bar > 0)
        put_gauge(stream, bar, shares->bar);
    if (bar->permille >= 0)
        fprintf(stream, " %3zu%%", least((size_t)bar->permille, 1000) / 10);
    else
        put_blanks(stream, shares->note > 0 && bar->note[0] != '\0' ? SHARE_COLUMNS : 0);
    if (shares->note > 0 && bar->note[0] != '\0')
        fprintf(stream, "  %s", columns_cut(bar->note, shares->note, text, sizeof text));
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* "and 37 more: 30 done, 5 under way, 2 failed" */
static void put_rest(FILE *stream, const struct progress_view *view, size_t shown, size_t columns)
{
    static const char *const words[] = {
        [PROGRESS_WAITING] = "waiting",
        [PROGRESS_MOVING] = "under way",
        [PROGRESS_DONE] = "done",
        [PROGRESS_FAILED] = "failed",
    };
    static const enum progress_kind order[] = { PROGRESS_DONE, PROGRESS_MOVING, PROGRESS_WAITING, PROGRESS_FAILED };
    size_t counts[sizeof words / sizeof *words] = { 0 };
    char line[LINE_BYTES];
    char cut[LINE_BYTES];
    const char *before = ": ";
    int used = snprintf(line, sizeof line, "%s%zu%s", shown > 0 ? "and " : "", view->bar_count - shown,
                        shown > 0 ? " more" : "");

    for (size_t i = shown; i < view->bar_count; i++)
        counts[view->bars[i].kind]++;
    for (size_t i = 0; i < sizeof order / sizeof *order && used > 0; i++) {
        if (counts[order[i]] == 0)
            continue;
        used += snprintf(line + used, sizeof line - (size_t)used, "%s%zu %s", before, counts[order[i]],
                         words[order[i]]);
        before = ", ";
    }
    fputs(columns_cut(line, columns, cut, sizeof cut), stream);
}

/* How many bars are drawn when `lines` are left below the first. */
static size_t bars_shown(const struct progress_view *view, size_t lines)
{
    size_t wanted = view->bar_count;

    if (view->bars_max > 0)
        wanted = least(wanted, view->bars_max);
    if (wanted == view->bar_count && wanted <= lines)
        return wanted;
    return lines > 0 ? least(wanted, lines - 1) : 0; /* the last line is for the rest */
}

int progress_layout(const struct progress_view *view, size_t columns, size_t rows, char **ret_text)
{
    size_t width = columns > 2 ? least(columns, COLUMNS_MAX) - 1 : 1;
    size_t below = rows > 2 ? least(rows, LINES_MAX) - 2 : 0;
    size_t shown = bars_shown(view, below);
    struct shares shares = share_out(view, shown, width);
    char *text = NULL;
    size_t size = 0;
    int lines = 1;
    FILE *stream = open_memstream(&text, &size);

    if (stream == NULL)
        return -ENOMEM;
    put_whole(stream, view, width);
    for (size_t i = 0; i < shown; i++, lines++) {
        putc('\n', stream);
        put_bar(stream, &view->bars[i], &shares, width);
    }
    if (shown < view->bar_count && below > 0) {
        putc('\n', stream);
        put_rest(stream, view, shown, width);
        lines++;
    }
    if (fclose(stream) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    return lines;
}

/* ---- drawing --------------------------------------------------------------------------------- */

static bool find_size(int fd, size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *ret_columns = size.ws_col;
    *ret_rows = size.ws_row;
    return true;
}

static void erase_for_output(void *user)
{
    progress_erase(user);
}

void progress_open(struct progress *progress, struct output *output, bool may_draw, uint64_t now_ns)
{
    const char *terminal = getenv("TERM");
    size_t columns;
    size_t rows;
    bool can_draw = terminal != NULL && terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;

    *progress = (struct progress){ .output = output };
    progress->is_live = may_draw && !output->json && !output->quiet && can_draw && isatty(output->message_fd) &&
                        find_size(output->message_fd, &columns, &rows);
    progress->interval_ns = progress->is_live ? LIVE_INTERVAL_NS : PLAIN_INTERVAL_NS;
    progress->due_ns = now_ns + progress->interval_ns;
    if (progress->is_live) {
        output->before_print = erase_for_output;
        output->before_print_user = progress;
    }
}

void progress_close(struct progress *progress)
{
    if (progress->output == NULL)
        return;
    progress_erase(progress);
    if (progress->is_live)
        progress->output->before_print = NULL;
}

bool progress_is_due(struct progress *progress, uint64_t now_ns)
{
    if (now_ns < progress->due_ns)
        return false;
    progress->due_ns = now_ns + progress->interval_ns;
    return true;
}

/* A terminal that was stopped (Ctrl-S) must not stop us: then nothing is drawn. */
static bool write_terminal(int fd, const char *text, size_t size)
{
    while (size > 0) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
        ssize_t written;

        if (poll(&poll_fd, 1, 0) <= 0 || (poll_fd.revents & POLLOUT) == 0)
            return false;
        written = write(fd, text, size);
        if (written < 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return true;
}

/* To the beginning of what was drawn last. */
static void put_start(FILE *stream, size_t lines)
{
    putc('\r', stream);
    if (lines > 1)
        fprintf(stream, "\x1b[%zuA", lines - 1);
}

void progress_erase(struct progress *progress)
{
    char text[64];
    int length;

    if (progress->lines == 0)
        return;
    length = progress->lines > 1 ? snprintf(text, sizeof text, "\r\x1b[%zuA\x1b[J", progress->lines - 1)
                                 : snprintf(text, sizeof text, "\r\x1b[J");
    (void)write_terminal(progress->output->message_fd, text, (size_t)length);
    progress->lines = 0;
    progress->due_ns = least(progress->due_ns, herald_clock_ns() + AFTER_ERASE_NS);
}

/* Each line is written over the old one and the rest of that is erased, so that nothing flickers. */
static void put_lines(FILE *stream, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        fwrite(text, 1, length, stream);
        fputs("\x1b[K", stream);
        if (text[length] == '\n')
            fputs("\r\n", stream);
        text += length + (text[length] == '\n');
    }
    fputs("\x1b[J", stream);
}

bool progress_draw(struct progress *progress, const struct progress_view *view)
{
    size_t columns;
    size_t rows;
    char *text = NULL;
    char *drawing = NULL;
    size_t size = 0;
    FILE *stream;
    int lines;

    if (!progress->is_live)
        return false;
    if (!find_size(progress->output->message_fd, &columns, &rows)) {
        progress_erase(progress);
        progress->is_live = false;
        progress->interval_ns = PLAIN_INTERVAL_NS;
        return false;
    }
    lines = progress_layout(view, columns, rows, &text);
    if (lines < 0)
        return true; /* it comes again */
    stream = open_memstream(&drawing, &size);
    if (stream != NULL) {
        put_start(stream, least(progress->lines, rows));
        put_lines(stream, text);
        if (fclose(stream) == 0 && write_terminal(progress->output->message_fd, drawing, size))
            progress->lines = (size_t)lines;
        free(drawing);
    }
    free(text);
    return true;
}
