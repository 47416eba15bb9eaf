/* CONV_S8 on AVX2 for few inputs: activations and weights as int16, VPMADDWD with two k to a lane. Twice the instructions of
 * conv_s8_lists.h's VPMADDUBSW where weights are small; but with few k, quantized by output channel, many weights are large,
 * and lists of halves are longer and short loops cost more than they do. */
#include "kernels/simd_avx2.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/conv_s8_lists.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"
#include "kernels/s16_avx2.h"

#define PANEL_TILE S16_ROWS
#define PANEL_BLOCKS 1
#define PANEL_ROUND 4
#define PANEL_FLIP 0
#include "kernels/conv_s8_panel.inc"

enum { MOST_K = 64, SLACK = 128 };

/* The strip's panel again, as int16, behind the bytes. */
static const int16_t *widened(const struct work *k, int64_t block)
{
    int64_t bytes = s8_round_up(k->row * k->at.n, 64);
    int16_t *to = (int16_t *)(k->panel + bytes + SLACK);
    for (int64_t i = 0; block == k->from && i < bytes; i += 16) {
        __m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(k->panel + i)));
        _mm256_store_si256((__m256i *)(to + i), v);
    }
    return to;
}

static void panel_tiles(struct work *k, int group, int64_t block, int32_t *acc)
{
    const int16_t *u = k->t->state, *v = widened(k, block);
    for (int i = 0; i < group; i++) u += s8_conv_k(k->g, i) * k->g->n_pad;
    u += block * k->row * S8_BLOCK;
    for (int i = 0; i < k->tiles; i++) {
        int first = k->tile[i].first;
        s16_product(k->tile[i].rows, v + first * k->row, k->row, u, k->row, acc + first * S8_BLOCK, (const uint8_t *)u, 0);
    }
}

static void *pairs_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    int64_t k = 0;
    for (int i = 0; i < g.groups; i++) k += s8_conv_k(&g, i);
    int16_t *u = aligned_alloc(64, (size_t)(k * g.n_pad + 32) * sizeof *u), *to = u;
    for (int64_t i = 0; u && i < k * g.n_pad; i += 64, w += 64) /* [16][4] to [2][16][2] */
        for (int pair = 0; pair < 2; pair++)
            for (int n = 0; n < S8_BLOCK; n++, to += 2) to[0] = w[n * 4 + pair * 2], to[1] = w[n * 4 + pair * 2 + 1];
    return u;
}

/* Cycles for 8 pixels, as measured: of gathering and these products, and of the lists that the weights ask for. */
static int is_faster(const struct ax_program *p, const struct ax_step *s, const struct s8_conv *g)
{
    struct s8_lists *st = ax_s8_lists_prepare(p, s);
    if (!st) return 0;
    double lists = 0, pairs = 0;
    for (int i = 0; i < g->groups; i++) {
        pairs += 64.0 * g->p->kh + 4.0 * (double)s8_conv_k(g, i);
        for (int64_t n = 0; n < g->n_pad / LIST_COLUMNS; n++) {
            const struct s8_list *l = &st->lists[i * (g->n_pad / LIST_COLUMNS) + n];
            lists += 6.9 * (double)l->couples + 8.4 * (double)(l->n - l->couples) + 25;
            pairs += 2.5 * (double)s8_conv_k(g, i) + 15;
        }
    }
    free(st);
    return pairs * 1.05 < lists;
}

static int pairs_fits(const struct ax_program *p, const struct ax_step *s)
{
    if (!panel_fits(p, s)) return 0;
    struct s8_conv g = s8_conv_of_step(p, s);
    return panel_k_most(&g) <= MOST_K && is_faster(p, s, &g);
}

static int64_t pairs_scratch(const struct ax_program *p, const struct ax_step *s)
{
    return 3 * (panel_scratch(p, s) + SLACK);
}

static void run_pairs(const struct ax_task *t)
{
    panel_run(t, 0, S16_ROWS, gathered_strips);
}

AX_ISA_KERNEL(CONV_S8, conv_s8_pairs, .fits = pairs_fits, .prepare = pairs_prepare, .scratch = pairs_scratch, .run = run_pairs);
