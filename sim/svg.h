/* SPDX-License-Identifier: MIT */
/* A plot of lines over time, written as SVG: axes with units, a grid, a legend. */
#ifndef SIM_SVG_H
#define SIM_SVG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct sim_svg_line {
    const char *label;
    const char *colour;
    const double *values; /* one for each step */
};

struct sim_svg_plot {
    const char *title;
    const char *x_label;
    const char *y_label;
    double x_step; /* between two values */
    uint32_t values_count;
    const struct sim_svg_line *lines;
    uint32_t lines_count;
};

/* @return 0; -errno of writing */
int sim_svg_write(FILE *file, const struct sim_svg_plot *plot);

/* The least of 1, 2, 5, 10, 20 ... (and their tenths) that divides `range` into `parts` at most. */
double sim_svg_tick(double range, int parts);

#endif
