/* Convolutions that read a copy of the image's rows: how many output pixels share a copy, and where a tap lies in it. The copy
 * holds the rows that a strip reaches of one plane after another, each with the strides that the plane has. */
#ifndef AX_KERNELS_CONV_S8_ROWS_H
#define AX_KERNELS_CONV_S8_ROWS_H

#include "kernels/s8.h"

enum { ROWS_TILE = 8, ROWS_LEAST = 16, ROWS_PIXELS = 128, ROWS_BYTES = 24 << 10, ROWS_MOST = 512 << 10 };

static inline const struct ax_plane *s8_rows_plane(const struct s8_conv *g, int run)
{
    return &g->x->planes[s8_conv_run(g, 0, run)[0]];
}

static inline int64_t s8_rows_used(const struct s8_conv *g, int run)
{
    return s8_round_up(s8_conv_run(g, 0, run)[2], 4);
}

/* Rows of the image that `n` output rows reach. */
static inline int64_t s8_rows_reached(const struct s8_conv *g, int64_t n)
{
    return (n - 1) * g->p->stride_h + (int64_t)(g->p->kh - 1) * g->p->dilation_h + 1;
}

/* Bytes of a plane's row that `n` output pixels side by side reach. */
static inline int64_t s8_rows_bytes(const struct s8_conv *g, int64_t n)
{
    int64_t pixels = (n - 1) * g->p->stride_w + (int64_t)(g->p->kw - 1) * g->p->dilation_w;
    return pixels * s8_rows_plane(g, 0)->pixel_stride + s8_rows_used(g, 0);
}

/* Whole output rows of a strip; 0: strips are parts of a row. */
static inline int64_t s8_rows_together(const struct s8_conv *g)
{
    int64_t w = g->out.w, row = s8_rows_bytes(g, w) * g->runs_group, n = 1;
    if (w > ROWS_PIXELS || (w >= 4 * ROWS_LEAST && s8_rows_reached(g, 1) * row > ROWS_BYTES)) return 0;
    while (n < g->out.h && (n + 1) * w <= ROWS_PIXELS && (n * w < ROWS_LEAST || s8_rows_reached(g, n + 1) * row <= ROWS_BYTES))
        n++;
    return n;
}

/* Else the pixels of a strip. */
static inline int64_t s8_rows_part(const struct s8_conv *g)
{
    int64_t w = g->out.w, most = ROWS_LEAST, rows = s8_rows_reached(g, 1) * g->runs_group;
    while (most + ROWS_TILE <= ROWS_PIXELS && rows * s8_rows_bytes(g, most + ROWS_TILE) <= ROWS_BYTES) most += ROWS_TILE;
    int64_t parts = (w + most - 1) / most;
    return s8_round_up((w + parts - 1) / parts, ROWS_TILE);
}

/* From plane to plane of the copy. */
static inline int64_t s8_rows_pitch(const struct s8_conv *g)
{
    int64_t rows = s8_rows_together(g);
    return s8_round_up(s8_rows_reached(g, rows ? rows : 1) * s8_rows_plane(g, 0)->row_stride + 64, 64);
}

/* Worth it where taps share much (or, in a single plane, where each pixel is read by some tap), and nothing but this input lies
 * between its pixels. */
static inline int s8_rows_fit(const struct s8_conv *g, enum ax_step_kind kind)
{
    const struct ax_conv_params *p = g->p;
    const struct ax_plane *first = s8_rows_plane(g, 0);
    if (kind != AX_STEP_CONV_S8 || g->groups != 1 || p->kh < p->stride_h || p->kw < p->stride_w) return 0;
    if (g->runs_group > 1 && (int64_t)p->kh * p->kw < 4 * (int64_t)p->stride_h * p->stride_w) return 0;
    for (int i = 0; i < g->runs_group; i++) {
        const struct ax_plane *x = s8_rows_plane(g, i);
        int64_t used = s8_rows_used(g, i);
        if (s8_conv_run(g, 0, i)[1] || x->flags & AX_PLANE_SHARED || x->pixel_stride % 4 || x->row_stride % 4 ||
            x->pixel_stride != first->pixel_stride || x->row_stride != first->row_stride || x->pixel_stride - used >= 16 ||
            (used != s8_rows_used(g, 0) && i + 1 < g->runs_group) || used > s8_rows_used(g, 0))
            return 0;
    }
    return first->row_stride <= ROWS_MOST && s8_rows_pitch(g) <= ROWS_MOST / g->runs_group;
}

/* Where element k of a pixel's row of K bytes lies, counted from the pixel's first tap in the first plane. */
static inline int64_t s8_rows_place(const struct s8_conv *g, int64_t pitch, int64_t k)
{
    const struct ax_conv_params *p = g->p;
    const struct ax_plane *x = s8_rows_plane(g, 0);
    int64_t per_run = (int64_t)p->kh * p->kw * s8_rows_used(g, 0), run = k / per_run, used = s8_rows_used(g, (int)run);
    int64_t tap = k % per_run / used, c = k % per_run % used;
    return run * pitch + tap / p->kw * p->dilation_h * x->row_stride + tap % p->kw * p->dilation_w * x->pixel_stride + c;
}

#endif
