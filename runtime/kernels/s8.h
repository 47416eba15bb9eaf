/* What every int8 kernel needs to know about its operands: where a channel lies, where a block of output channels goes. */
#ifndef AX_KERNELS_S8_H
#define AX_KERNELS_S8_H

#include <string.h>

#include "kernels/kernel.h"

enum { S8_BLOCK = 16 }; /* output channels that share one packed block of weights and one epilogue */

static inline int64_t s8_round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* A tensor as images of rows of pixels of channels, whatever its layout and rank. */
struct s8_shape {
    int64_t n, h, w, c;
};

static inline struct s8_shape s8_shape_of(const struct ax_operand *o)
{
    if (o->layout == AX_LAYOUT_PLANES) return (struct s8_shape){o->n, o->h, o->w, o->c};
    struct s8_shape s = {1, 1, 1, 1};
    if (o->rank >= 1) s.c = o->dim[o->rank - 1];
    if (o->rank >= 3) s.w = o->dim[o->rank - 2];
    if (o->rank >= 4) s.h = o->dim[o->rank - 3];
    int lead = o->rank >= 4 ? o->rank - 3 : o->rank == 3 ? 1 : o->rank - 1;
    for (int i = 0; i < lead; i++) s.n *= o->dim[i];
    return s;
}

static inline int32_t s8_zero_point(const struct ax_operand *o, int64_t c)
{
    if (o->quant.count <= 0 || !o->quant.zero_point) return 0;
    return o->quant.zero_point[o->quant.count > 1 ? c : 0];
}

/* A range of consecutive channels of every pixel: base is (image 0, row 0, column 0, first channel). `left` channels from
 * there on lie in the same plane; `room` bytes may be written from base on without touching what belongs to others. */
struct s8_run {
    uint8_t *base;
    int64_t pixel, row, image; /* strides in bytes */
    int left, room;
};

static inline uint8_t *s8_at(const struct s8_run *r, int64_t n, int64_t y, int64_t x)
{
    return r->base + n * r->image + y * r->row + x * r->pixel;
}

static inline struct s8_run s8_plane_run(const struct ax_operand *o, uint8_t *space, int plane, int64_t channel)
{
    const struct ax_plane *p = &o->planes[plane];
    struct s8_run r = {space + p->offset + channel, p->pixel_stride, p->row_stride, p->image_stride, 0, 0};
    r.left = (int)(p->channels - channel);
    r.room = p->flags & AX_PLANE_SHARED ? r.left : (int)(p->pixel_stride - channel);
    return r;
}

/* The run that starts at a channel of the whole tensor. */
static inline struct s8_run s8_channel_run(const struct ax_operand *o, uint8_t *space, int64_t c)
{
    int p = 0;
    while (p + 1 < o->n_planes && c >= o->planes[p].channels) c -= o->planes[p++].channels;
    return s8_plane_run(o, space, p, c);
}

/* A PLAIN float tensor seen the same way; pixel strides in bytes. */
static inline struct s8_run s8_float_run(const struct ax_operand *o, uint8_t *data, int64_t c)
{
    struct s8_shape s = s8_shape_of(o);
    return (struct s8_run){data + c * 4, s.c * 4, s.w * s.c * 4, s.h * s.w * s.c * 4, (int)(s.c - c), (int)(s.c - c)};
}

/* Halo of this thread's share of an output's rows. It does not matter who wrote the rows themselves: nobody writes both. */
static inline void s8_fill_halo(const struct ax_task *t, const struct ax_operand *o, uint8_t *space)
{
    if (o->layout != AX_LAYOUT_PLANES) return;
    int64_t from, to;
    ax_share(o->n * o->h, 1, t->thread, t->threads, &from, &to);
    while (from < to) {
        int64_t n = from / o->h, y = from % o->h, rows = to - from < o->h - y ? to - from : o->h - y;
        ax_planes_fill_halo(o, space, n, y, y + rows);
        from += rows;
    }
}

/* -- a convolution's geometry, with everything that its loops ask for -- */

struct s8_conv {
    const struct ax_conv_params *p;
    const struct ax_operand *x, *y, *res; /* res: NULL if none */
    struct s8_shape in, out;
    int groups, runs_group;
    const int32_t *runs;    /* [group][runs_group][3] */
    int64_t n_group, n_pad; /* output channels of a group; rounded up to 16 */
};

static inline const int32_t *s8_conv_run(const struct s8_conv *g, int group, int run)
{
    return g->runs + ((int64_t)group * g->runs_group + run) * 3;
}

/* K of one group, padding channels included: a multiple of 4. */
static inline int64_t s8_conv_k(const struct s8_conv *g, int group)
{
    int64_t c = 0;
    for (int r = 0; r < g->runs_group; r++) c += s8_round_up(s8_conv_run(g, group, r)[2], 4);
    return c * g->p->kh * g->p->kw;
}

static inline struct s8_conv s8_conv_make(const struct ax_step *s, const struct ax_operand *x, const struct ax_operand *y,
                                          const struct ax_operand *runs_operand, const struct ax_operand *res, const void *runs)
{
    struct s8_conv g = {.p = s->params, .x = x, .y = y, .res = res};
    g.in = s8_shape_of(x);
    g.out = s8_shape_of(y);
    g.groups = g.p->groups;
    int64_t words = 1;
    for (int i = 0; i < runs_operand->rank; i++) words *= runs_operand->dim[i];
    g.runs_group = (int)(words / 3 / g.groups);
    g.runs = runs;
    g.n_group = g.out.c / g.groups;
    g.n_pad = s8_round_up(g.n_group, S8_BLOCK);
    return g;
}

/* From a step of a program (prepare, scratch, fits): constants are at hand. */
static inline struct s8_conv s8_conv_of_step(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_operand *o = p->operands, *runs = &o[s->in[2]];
    const struct ax_operand *res = s->n_in > 4 && s->in[4] >= 0 ? &o[s->in[4]] : NULL;
    return s8_conv_make(s, &o[s->in[0]], &o[s->out[0]], runs, res, p->const_data + runs->offset);
}

static inline struct s8_conv s8_conv_of_task(const struct ax_task *t)
{
    const struct ax_operand *res = t->step->n_in > 4 && t->in_data[4] ? t->in[4] : NULL;
    return s8_conv_make(t->step, t->in[0], t->out[0], t->in[2], res, t->in_data[2]);
}

#endif
