/* CONV_S8 on AVX-512 VNNI: VPDPBUSD takes unsigned times signed, so activations become u = a + 128, and 128 times the weights'
 * sum comes off at the start of the sum. Tiles are 8 pixels x 32 channels. */
#include "kernels/simd_avx512.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/epilogue.h"

#undef VF_ISA
#define VF_ISA vnni
#include "kernels/isa.h"
#undef VF_CPU
#define VF_CPU (AX_CPU_AVX512 | AX_CPU_AVX512_VNNI)

enum { TILE = 8 };

#define PANEL_TILE TILE
#define PANEL_BLOCKS 2
#define PANEL_ROUND 4
#define PANEL_FLIP 0x80
#include "kernels/conv_s8_panel.inc"

/* Where each group's weights begin, and -128 times the sum of each output channel's weights. */
struct state {
    int64_t *groups;
    int32_t *start;
};

static void *conv_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset, *at = w;
    size_t groups = (size_t)g.groups * 8;
    struct state *st = calloc(1, sizeof *st + groups + (size_t)(g.groups * g.n_pad) * 4);
    if (!st) return NULL;
    st->groups = (int64_t *)(st + 1);
    st->start = (int32_t *)((uint8_t *)st->groups + groups);
    int32_t *start = st->start;
    for (int i = 0; i < g.groups; i++) {
        int64_t k4 = s8_conv_k(&g, i) / 4;
        st->groups[i] = at - w;
        for (int64_t b = 0; b < g.n_pad / S8_BLOCK; b++, start += S8_BLOCK)
            for (int64_t j = 0; j < k4 * 64; j++, at++) start[j % 64 / 4] -= 128 * *at;
    }
    return st;
}

/* Sums are named one by one: what is indexed does not stay in registers. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

VF_INLINE __m512i four(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

VF_INLINE void tile_rows(int rows, int blocks, const uint8_t *a, int64_t lda, const int8_t *w0, int64_t k4, const vi start[2],
                         int32_t *out)
{
    const int8_t *w1 = w0 + (blocks > 1 ? k4 * 64 : 0);
#define NAME_ROW(i)                                                                                                            \
    vi low##i = start[0], high##i = start[1];                                                                                  \
    const uint8_t *a##i = a + i * lda;
    EACH_ROW(NAME_ROW)
    for (int64_t k = 0; k < k4; k++) {
        vi v0 = vi_load((const int32_t *)(w0 + k * 64)), v1 = vi_load((const int32_t *)(w1 + k * 64));
#define STEP_ROW(i)                                                                                                            \
    if (rows > i) {                                                                                                            \
        vi u = four(a##i + k * 4);                                                                                             \
        low##i = _mm512_dpbusd_epi32(low##i, u, v0);                                                                           \
        if (blocks > 1) high##i = _mm512_dpbusd_epi32(high##i, u, v1);                                                         \
    }
        EACH_ROW(STEP_ROW)
    }
#define STORE_ROW(i)                                                                                                           \
    if (rows > i) {                                                                                                            \
        vi_store(out + i * S8_BLOCK, low##i);                                                                                  \
        if (blocks > 1) vi_store(out + (TILE + i) * S8_BLOCK, high##i);                                                        \
    }
    EACH_ROW(STORE_ROW)
}

#define TILE_CASE(i)                                                                                                           \
    case i + 1:                                                                                                                \
        if (blocks > 1)                                                                                                        \
            tile_rows(i + 1, 2, a, k->row, w, k4, start, acc);                                                                 \
        else                                                                                                                   \
            tile_rows(i + 1, 1, a, k->row, w, k4, start, acc);                                                                 \
        break;

static void panel_tile(struct work *k, int group, int64_t block, int blocks, int first, int rows, int32_t *acc)
{
    const struct state *st = k->t->state;
    int64_t k4 = k->row / 4, n = group * k->g->n_pad + block * S8_BLOCK;
    const int8_t *w = (const int8_t *)k->t->in_data[1] + st->groups[group] + block * k4 * 64;
    const uint8_t *a = k->panel + first * k->row;
    const int32_t *bias = k->e.rows + AX_EPI_BIAS * k->e.p + n;
    vi start[2];
    for (int i = 0; i < 2; i++) {
        int at = i < blocks ? i * S8_BLOCK : 0;
        start[i] = vi_add(vi_load(st->start + n + at), vi_load(bias + at));
    }
    switch (rows) {
        EACH_ROW(TILE_CASE)
    }
}

static void run_conv(const struct ax_task *t)
{
    panel_run(t, 1, PANEL_TILE, gathered_strips);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
