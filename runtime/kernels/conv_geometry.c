#include "kernels/conv_geometry.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_CHANNELS = 8, BLOCK_FLOATS = 49152, MAX_BLOCK = 192 };

struct shape {
    const struct ax_conv_params *c;
    const struct ax_operand *x, *y;
    int transposed, merged;
};

static struct shape shape_of(const struct ax_program *p, const struct ax_step *s)
{
    struct shape h = {s->params, &p->operands[s->in[0]], &p->operands[s->out[0]], s->kind == AX_STEP_CONVT_F32, 0};
    h.merged = !h.transposed && h.c->groups == 1 && h.c->dilation_w == 1 && h.c->kw > 1 && h.x->dim[3] <= FEW_CHANNELS;
    return h;
}

static int64_t block_of(const struct shape *h)
{
    int64_t taps = (int64_t)h->c->kh * h->c->kw, step = (int64_t)h->c->stride_h * h->c->stride_w;
    int64_t floats = h->x->dim[3] * (h->transposed || step > taps ? 1 : step);
    int64_t block = BLOCK_FLOATS / (floats > 0 ? floats : 1) / AX_CONV_TILE * AX_CONV_TILE;
    if (block < AX_CONV_TILE) return AX_CONV_TILE;
    return block < MAX_BLOCK ? block : MAX_BLOCK;
}

int64_t ax_conv_scratch(const struct ax_program *p, const struct ax_step *s)
{
    struct shape h = shape_of(p, s);
    int64_t taps = (int64_t)h.c->kh * h.c->kw, block = block_of(&h);
    int64_t runs = h.merged ? h.c->kh : taps;
    int64_t edges = h.merged ? block * taps * h.x->dim[3] * 4 : 0;
    return block * (runs + 1) * (int64_t)sizeof(void *) + edges + 64;
}

static void conv_runs(const struct shape *h, struct ax_conv_state *st)
{
    const struct ax_conv_params *c = h->c;
    struct ax_conv_run *r = st->runs;
    for (int ky = 0; ky < c->kh; ky++)
        for (int kx = 0; kx < c->kw; kx += h->merged ? c->kw : 1, r++) {
            r->dy = ky * c->dilation_h - c->pad_top;
            r->dx = kx * c->dilation_w - c->pad_left;
            r->pixels = h->merged ? c->kw : 1;
            r->k0 = (ky * c->kw + kx) * st->group_in;
            r->len = r->pixels * st->group_in;
        }
    struct ax_conv_grid *g = st->grids;
    *g = (struct ax_conv_grid){.h = (int32_t)h->y->dim[1],
                               .w = (int32_t)h->y->dim[2],
                               .out_step_h = 1,
                               .out_step_w = 1,
                               .in_step_h = c->stride_h,
                               .in_step_w = c->stride_w,
                               .n_runs = (int32_t)(r - st->runs)};
    st->n_grids = 1;
}

/* The taps of phase (oy, ox): those whose distance to it is a multiple of the stride. */
static int phase_runs(const struct ax_conv_params *c, int oy, int ox, int group_in, struct ax_conv_run *r)
{
    int n = 0;
    for (int ky = 0; ky < c->kh; ky++)
        for (int kx = 0; kx < c->kw; kx++) {
            int64_t y = (int64_t)oy + c->pad_top - (int64_t)ky * c->dilation_h;
            int64_t x = (int64_t)ox + c->pad_left - (int64_t)kx * c->dilation_w;
            if (y % c->stride_h || x % c->stride_w) continue;
            r[n++] = (struct ax_conv_run){(int32_t)(y / c->stride_h), (int32_t)(x / c->stride_w), 1,
                                          (ky * c->kw + kx) * group_in, group_in};
        }
    return n;
}

static void transposed_runs(const struct shape *h, struct ax_conv_state *st)
{
    const struct ax_conv_params *c = h->c;
    int used = 0;
    for (int oy = 0; oy < c->stride_h && oy < h->y->dim[1]; oy++)
        for (int ox = 0; ox < c->stride_w && ox < h->y->dim[2]; ox++) {
            struct ax_conv_grid *g = &st->grids[st->n_grids++];
            *g = (struct ax_conv_grid){.oy = oy,
                                       .ox = ox,
                                       .out_step_h = c->stride_h,
                                       .out_step_w = c->stride_w,
                                       .in_step_h = 1,
                                       .in_step_w = 1,
                                       .first_run = used};
            g->h = (int32_t)((h->y->dim[1] - oy + c->stride_h - 1) / c->stride_h);
            g->w = (int32_t)((h->y->dim[2] - ox + c->stride_w - 1) / c->stride_w);
            g->n_runs = phase_runs(c, oy, ox, st->group_in, st->runs + used);
            used += g->n_runs;
        }
}

static void count_blocks(struct ax_conv_state *st, int64_t images)
{
    for (int i = 0; i < st->n_grids; i++) {
        struct ax_conv_grid *g = &st->grids[i];
        g->pixels = images * g->h * g->w;
        st->blocks += (g->pixels + st->block - 1) / st->block;
        st->n_runs += g->n_runs;
        if (g->n_runs > st->max_runs) st->max_runs = g->n_runs;
    }
}

void *ax_conv_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct shape h = shape_of(p, s);
    const struct ax_conv_params *c = h.c;
    int64_t taps = (int64_t)c->kh * c->kw, channels = h.x->dim[3];
    int64_t phases = h.transposed ? (int64_t)c->stride_h * c->stride_w : 1;
    size_t zeros = (size_t)(channels * (h.merged ? c->kw : 1)) * sizeof(float);
    size_t grids = (size_t)phases * sizeof(struct ax_conv_grid), runs = (size_t)taps * sizeof(struct ax_conv_run);
    struct ax_conv_state *st = calloc(1, sizeof *st + grids + runs + zeros);
    if (!st) return NULL;
    st->grids = (struct ax_conv_grid *)(st + 1);
    st->runs = (struct ax_conv_run *)((char *)st->grids + grids);
    st->zeros = (float *)((char *)st->runs + runs);
    st->group_in = (int32_t)(channels / c->groups);
    st->group_out = (int32_t)(h.y->dim[3] / c->groups);
    st->group_blocks = (st->group_out + 15) / 16;
    st->k = (int32_t)(taps * st->group_in);
    st->block = (int32_t)block_of(&h);
    if (h.transposed)
        transposed_runs(&h, st);
    else
        conv_runs(&h, st);
    count_blocks(st, h.y->dim[0]);
    st->edge_floats = h.merged ? (int64_t)c->kw * channels : 0;
    int64_t weights = (int64_t)st->k * h.y->dim[3];
    st->by_channels = weights > h.x->dim[0] * h.x->dim[1] * h.x->dim[2] * channels || st->blocks < 4;
    return st;
}
