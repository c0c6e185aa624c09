/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include <errno.h>

enum { WIDTH = 860, HEIGHT = 420, LEFT = 80, RIGHT = 20, TOP = 50, BOTTOM = 60, TICKS = 8, LEGEND_STEP = 190 };

double sim_svg_tick(double range, int parts)
{
    double tick = 1;

    if (range <= 0)
        return 1;
    while (range / tick > parts)
        tick *= 10;
    while (range / (tick / 10) <= parts)
        tick /= 10;
    /* Now a tenth of it is too fine: try a half and a fifth. */
    if (range / (tick / 5) <= parts)
        return tick / 5;
    return range / (tick / 2) <= parts ? tick / 2 : tick;
}

struct frame {
    double x_max, y_max;
};

static double x_at(const struct frame *frame, double value)
{
    return LEFT + value / frame->x_max * (WIDTH - LEFT - RIGHT);
}

static double y_at(const struct frame *frame, double value)
{
    return HEIGHT - BOTTOM - value / frame->y_max * (HEIGHT - TOP - BOTTOM);
}

/* Labels are words of ours, but a title may hold anything. */
static void write_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", file);
        else if (*text == '&')
            fputs("&amp;", file);
        else
            fputc(*text, file);
    }
}

static void label_at(FILE *file, double x, double y, const char *attributes, const char *text)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    write_text(file, text);
    fputs("</text>\n", file);
}

static void number_at(FILE *file, double x, double y, const char *anchor, double value)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%g</text>\n", x, y, anchor, value);
}

static void write_axes(FILE *file, const struct sim_svg_plot *plot, const struct frame *frame)
{
    double x_tick = sim_svg_tick(frame->x_max, TICKS);
    double y_tick = sim_svg_tick(frame->y_max, TICKS);

    fputs("<g stroke=\"#dddddd\">\n", file);
    for (int i = 0; i * x_tick <= frame->x_max; i++)
        fprintf(file, "<path d=\"M%.1f %d V%d\"/>\n", x_at(frame, i * x_tick), TOP, HEIGHT - BOTTOM);
    for (int i = 0; i * y_tick <= frame->y_max; i++)
        fprintf(file, "<path d=\"M%d %.1f H%d\"/>\n", LEFT, y_at(frame, i * y_tick), WIDTH - RIGHT);
    fputs("</g>\n", file);
    for (int i = 0; i * x_tick <= frame->x_max; i++)
        number_at(file, x_at(frame, i * x_tick), HEIGHT - BOTTOM + 18, "middle", i * x_tick);
    for (int i = 0; i * y_tick <= frame->y_max; i++)
        number_at(file, LEFT - 6, y_at(frame, i * y_tick) + 4, "end", i * y_tick);
    fprintf(file, "<path d=\"M%d %d V%d H%d\" fill=\"none\" stroke=\"#000000\"/>\n", LEFT, TOP, HEIGHT - BOTTOM,
            WIDTH - RIGHT);
    label_at(file, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 18, "text-anchor=\"middle\"", plot->x_label);
    fprintf(file, "<g transform=\"translate(18 %.1f) rotate(-90)\">", (TOP + HEIGHT - BOTTOM) / 2.0);
    label_at(file, 0, 0, "text-anchor=\"middle\"", plot->y_label);
    fputs("</g>\n", file);
}

static void write_line(FILE *file, const struct sim_svg_plot *plot, const struct frame *frame, uint32_t index)
{
    const struct sim_svg_line *line = &plot->lines[index];
    double x = LEFT + 10 + (double)index * LEGEND_STEP;

    fprintf(file, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", line->colour);
    for (uint32_t i = 0; i < plot->values_count; i++)
        fprintf(file, "%s%.1f %.1f", i == 0 ? "M" : " L", x_at(frame, (i + 0.5) * plot->x_step),
                y_at(frame, line->values[i]));
    fputs("\"/>\n", file);
    fprintf(file, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M%.1f %d h24\"/>\n", line->colour, x, TOP - 12);
    label_at(file, x + 30, TOP - 8, "", line->label);
}

int sim_svg_write(FILE *file, const struct sim_svg_plot *plot)
{
    struct frame frame = { .x_max = plot->x_step * plot->values_count, .y_max = 0 };

    for (uint32_t i = 0; i < plot->lines_count; i++) {
        for (uint32_t n = 0; n < plot->values_count; n++)
            frame.y_max = plot->lines[i].values[n] > frame.y_max ? plot->lines[i].values[n] : frame.y_max;
    }
    if (frame.x_max <= 0)
        frame.x_max = 1;
    frame.y_max = frame.y_max > 0 ? frame.y_max * 1.05 : 1;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    label_at(file, LEFT, 22, "font-size=\"15\"", plot->title);
    write_axes(file, plot, &frame);
    for (uint32_t i = 0; i < plot->lines_count; i++)
        write_line(file, plot, &frame, i);
    fputs("</svg>\n", file);
    return ferror(file) ? -EIO : 0;
}
