/* SPDX-License-Identifier: MIT */
/*
 * How far something is, drawn in place on a terminal: a line about the whole, and below it a bar for each part.
 * What it shows is made by progress_layout(), which knows neither terminal nor time; struct progress draws it.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "output.h"

enum { PROGRESS_PIECES_MAX = 8, PROGRESS_NAME_BYTES = 160, PROGRESS_NOTE_BYTES = 200 };

/* One part of the line about the whole. */
struct progress_piece {
    const char *text; /* escaped */
    int rank;         /* when the line is too narrow, the highest go first; 0 never goes, but may be cut */
};

/* What becomes of those for which there is no room: they are counted by this. */
enum progress_kind { PROGRESS_WAITING, PROGRESS_MOVING, PROGRESS_DONE, PROGRESS_FAILED };

/* One of the parts. */
struct progress_bar {
    char name[PROGRESS_NAME_BYTES]; /* escaped */
    char note[PROGRESS_NOTE_BYTES]; /* escaped; what stands behind the bar */
    int permille;                   /* 0 .. 1000; negative: unknown */
    enum progress_kind kind;
};

struct progress_view {
    struct progress_piece pieces[PROGRESS_PIECES_MAX];
    size_t piece_count;
    const struct progress_bar *bars; /* in the order in which they are to be seen */
    size_t bar_count;
    size_t bars_max; /* draw no more than so many, however high the screen is; 0: no limit */
};

/*
 * Lays the view out for a screen: at most rows - 1 lines, and one at least, none wider than columns - 1, so that no
 * terminal wraps or scrolls. The text has a newline between two lines, and none at its end.
 * @return the number of lines; -ENOMEM.
 */
int progress_layout(const struct progress_view *view, size_t columns, size_t rows, char **ret_text);

/* What is drawn now. */
struct progress {
    struct output *output;
    bool is_live;         /* drawn in place; otherwise a line now and then */
    size_t lines;         /* that stand on the screen, the cursor at the end of the last */
    uint64_t due_ns;      /* when it is to be drawn again */
    uint64_t interval_ns; /* from one time to the next */
};

/*
 * Finds out whether messages go to a terminal that can be drawn on; with `may_draw` false it never draws. From then on
 * everything that is printed through `output` takes the drawing away first. progress_close() must come before `output`
 * ends.
 */
void progress_open(struct progress *progress, struct output *output, bool may_draw, uint64_t now_ns);

/* Takes the drawing away for good. */
void progress_close(struct progress *progress);

/*
 * Draws the view in place of the last one. @return whether it could; false on what is no terminal, or one that does
 * not know its size (any more): then a line is to be printed.
 */
bool progress_draw(struct progress *progress, const struct progress_view *view);

/* Takes the drawing away; it comes back with the next progress_draw(). */
void progress_erase(struct progress *progress);

/* Whether it is time, and sets the next one. */
bool progress_is_due(struct progress *progress, uint64_t now_ns);

#endif
