/* CONV_S8 on AMX tiles: TDPBSSD multiplies 16 pixels x 64 k by 64 k x 16 channels, signed by signed, and the packed weights are
 * its tiles as they are. Tiles in registers are 2 x 2: 32 pixels x 32 channels.
 *
 * Where all runs are whole planes of 64 channels and rows are at least 16 pixels long, the pixels' tiles are loaded from the
 * planes, every tap in its place; otherwise they are gathered first, and the k of a pixel padded with zeros to a multiple
 * of 64. The weights of such a last, short tile are copied at load, so that all tiles have one shape and one configuration. */
#include "kernels/simd_avx512.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/amx.h"
#include "kernels/epilogue.h"

#undef VF_ISA
#define VF_ISA amx
#include "kernels/isa.h"
#undef VF_CPU
#define VF_CPU (AX_CPU_AVX512 | AX_CPU_AMX_INT8)

enum { TILE = 32, TILE_K = 64, TILE_BYTES = 1024 };

#define PANEL_TILE TILE
#define PANEL_BLOCKS 2
#define PANEL_ROUND TILE_K
#define PANEL_FLIP 0
#include "kernels/conv_s8_panel.inc"

/* One group: its weights, the last tile of each block where k is no multiple of 64 (else -1), and in direct mode the place of
 * each tile of 64 k within its plane, from that of pixel (0, 0)'s first tap. */
struct group {
    int64_t weights, k, tails, places;
};

struct state {
    int direct;
    int64_t pixel, row, image; /* strides of all planes in direct mode */
    struct group *groups;
    int64_t *places;
    int taps; /* of a run: so many places lie in one plane */
    int8_t *tails;
};

static int can_be_direct(const struct s8_conv *g, enum ax_step_kind kind)
{
    const struct ax_plane *first = &g->x->planes[s8_conv_run(g, 0, 0)[0]];
    if (kind != AX_STEP_CONV_S8 || g->out.w < PANEL_LEAST) return 0;
    for (int i = 0; i < g->groups * g->runs_group; i++) {
        const int32_t *r = s8_conv_run(g, 0, i);
        const struct ax_plane *p = &g->x->planes[r[0]];
        if (r[2] != TILE_K || p->pixel_stride != first->pixel_stride || p->row_stride != first->row_stride ||
            p->image_stride != first->image_stride)
            return 0;
    }
    return 1;
}

static int64_t *group_places(const struct s8_conv *g, int group, int64_t *at)
{
    const struct ax_conv_params *p = g->p;
    for (int i = 0; i < g->runs_group; i++) {
        const int32_t *r = s8_conv_run(g, group, i);
        const struct ax_plane *x = &g->x->planes[r[0]];
        for (int t = 0; t < p->kh * p->kw; t++)
            *at++ = r[1] + t / p->kw * p->dilation_h * x->row_stride + t % p->kw * p->dilation_w * x->pixel_stride;
    }
    return at;
}

static int8_t *group_tails(const struct s8_conv *g, const struct group *q, const int8_t *w, int8_t *at)
{
    int64_t tail = q->k % TILE_K, blocks = g->n_pad / S8_BLOCK;
    if (!tail) return at;
    for (int64_t b = 0; b < blocks; b++, at += TILE_BYTES)
        memcpy(at, w + q->weights + ((b + 1) * q->k - tail) * S8_BLOCK, (size_t)(tail * S8_BLOCK));
    return at;
}

static void *conv_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    int64_t blocks = g.n_pad / S8_BLOCK, taps = (int64_t)g.groups * g.runs_group * g.p->kh * g.p->kw, weights = 0;
    size_t groups = (size_t)g.groups * sizeof(struct group), places = (size_t)taps * 8;
    struct state *st = calloc(1, sizeof *st + groups + places + (size_t)(g.groups * blocks) * TILE_BYTES);
    if (!st) return NULL;
    st->groups = (struct group *)(st + 1);
    st->places = (int64_t *)((uint8_t *)st->groups + groups);
    st->tails = (int8_t *)st->places + places;
    st->direct = can_be_direct(&g, s->kind);
    st->taps = g.p->kh * g.p->kw;
    const struct ax_plane *first = &g.x->planes[s8_conv_run(&g, 0, 0)[0]];
    st->pixel = first->pixel_stride, st->row = first->row_stride, st->image = first->image_stride;
    int64_t *place = st->places;
    int8_t *tail = st->tails;
    for (int i = 0; i < g.groups; i++) {
        struct group *q = &st->groups[i];
        *q = (struct group){weights, s8_conv_k(&g, i), tail - st->tails, place - st->places};
        place = group_places(&g, i, place);
        tail = group_tails(&g, q, w, tail);
        weights += q->k * g.n_pad;
    }
    return st;
}

/* Where a tile's two operands lie: pixels and their distance, weights of both blocks. */
struct tiles {
    const uint8_t *a0, *a1;
    int64_t a_step;
    const int8_t *b0, *b1;
};

/* Tile registers: 0 to 3 sums, 4 and 5 pixels, 6 and 7 weights. */
VF_INLINE void multiply(const struct tiles *t, int two_rows, int two_blocks)
{
    _tile_loadd(6, t->b0, 64);
    _tile_loadd(4, t->a0, t->a_step);
    _tile_dpbssd(0, 4, 6);
    if (two_blocks) {
        _tile_loadd(7, t->b1, 64);
        _tile_dpbssd(1, 4, 7);
    }
    if (!two_rows) return;
    _tile_loadd(5, t->a1, t->a_step);
    _tile_dpbssd(2, 5, 6);
    if (two_blocks) _tile_dpbssd(3, 5, 7);
}

VF_INLINE void store(int32_t *acc, int two_rows, int two_blocks)
{
    _tile_stored(0, acc, 64);
    if (two_rows) _tile_stored(2, acc + 16 * S8_BLOCK, 64);
    if (!two_blocks) return;
    _tile_stored(1, acc + TILE * S8_BLOCK, 64);
    if (two_rows) _tile_stored(3, acc + (TILE + 16) * S8_BLOCK, 64);
}

/* In direct mode: where the pixel's first tap lies, without the plane. */
static int64_t pixel_place(const struct work *k, const struct state *st, int i)
{
    const struct ax_conv_params *p = k->g->p;
    int64_t y = (int64_t)k->at.y[i] * p->stride_h - p->pad_top, x = (int64_t)k->at.x[i] * p->stride_w - p->pad_left;
    return k->at.image[i] * st->image + y * st->row + x * st->pixel;
}

/* Of tile i: its place, from where the pixel lies without the plane. */
static int64_t tile_place(const struct work *k, const struct state *st, int group, int64_t i)
{
    const struct ax_plane *x = &k->g->x->planes[s8_conv_run(k->g, group, (int)(i / st->taps))[0]];
    return x->offset + st->places[st->groups[group].places + i];
}

VF_INLINE void tile_sums(struct work *k, int group, int64_t block, int two_blocks, int first, int two_rows, int32_t *acc)
{
    const struct state *st = k->t->state;
    const struct group *q = &st->groups[group];
    const int8_t *w = (const int8_t *)k->t->in_data[1] + q->weights + block * q->k * S8_BLOCK;
    const int8_t *tail = st->tails + q->tails + block * TILE_BYTES;
    const uint8_t *a = k->panel + first * k->row;
    struct tiles t = {.a_step = k->row};
    if (k->direct) a = k->t->in_data[0] + pixel_place(k, st, first), t.a_step = st->pixel * k->g->p->stride_w;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    int64_t n = (q->k + TILE_K - 1) / TILE_K, whole = q->k / TILE_K;
    for (int64_t i = 0; i < n; i++) {
        t.a0 = a + (k->direct ? tile_place(k, st, group, i) : i * TILE_K);
        t.a1 = t.a0 + 16 * t.a_step;
        t.b0 = i < whole ? w + i * TILE_BYTES : tail;
        t.b1 = i < whole ? w + q->k * S8_BLOCK + i * TILE_BYTES : tail + TILE_BYTES;
        multiply(&t, two_rows, two_blocks);
    }
    store(acc, two_rows, two_blocks);
}

static void panel_tile(struct work *k, int group, int64_t block, int blocks, int first, int rows, int32_t *acc)
{
    if (rows > 16 && blocks > 1)
        tile_sums(k, group, block, 1, first, 1, acc);
    else if (rows > 16)
        tile_sums(k, group, block, 0, first, 1, acc);
    else if (blocks > 1)
        tile_sums(k, group, block, 1, first, 0, acc);
    else
        tile_sums(k, group, block, 0, first, 0, acc);
}

/* The configuration costs ten products, once a step: other libraries on this thread may have changed it. */
static void run_conv(const struct ax_task *t)
{
    const struct state *st = t->state;
    ax_amx_thread_init();
    if (st->direct)
        panel_run(t, 0, s8_shape_of(t->out[0]).w, direct_strips);
    else
        panel_run(t, 0, PANEL_TILE, gathered_strips);
}

void ax_amx_thread_init(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config __attribute__((aligned(64))) = {.palette = 1};
    for (int i = 0; i < 8; i++) config.bytes[i] = 64, config.rows[i] = 16;
    _tile_loadconfig(&config);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
