/* MATMUL_S8 on AVX2: both matrices less their zero points become int16, b in blocks of 16 columns with two k side by side, and
 * VPMADDWD sums the products; tiles are S16_ROWS rows x 16 columns. A unit of work is such a block of one batch element. */
#include "kernels/simd_avx2.h"

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"
#include "kernels/matmul_s8.h"
#include "kernels/s16_avx2.h"

/* a: rows of `pairs` pairs of k; b: pairs of k of 16 columns. */
struct packed {
    int16_t *a, *b;
    int64_t pairs;
};

static int64_t matmul_scratch(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_matmul_params *m = s->params;
    int64_t pairs = ((int64_t)m->k + 1) / 2;
    (void)p;
    return (m->m + S8_BLOCK) * pairs * 4 + 64;
}

static void pack_a(const struct packed *to, const struct matmul_s8 *g, const int8_t *a)
{
    int16_t *at = to->a;
    for (int64_t m = 0; m < g->p->m; m++, a += g->p->k) {
        for (int64_t k = 0; k < g->p->k; k++) *at++ = (int16_t)(a[k] - g->za);
        if (g->p->k % 2) *at++ = 0;
    }
}

static void pack_b(const struct packed *to, const struct matmul_s8 *g, const int8_t *b, int64_t columns)
{
    memset(to->b, 0, (size_t)(to->pairs * S8_BLOCK * 4));
    for (int64_t k = 0; k < g->p->k; k++, b += g->p->n)
        for (int64_t j = 0; j < columns; j++) to->b[(k / 2 * S8_BLOCK + j) * 2 + k % 2] = (int16_t)(b[j] - g->zb);
}

static void block_of(const struct ax_task *t, const struct matmul_s8 *g, const struct epi *e, const struct packed *p,
                     int64_t batch, int64_t n)
{
    int64_t at[S16_ROWS], k = p->pairs * 2;
    int columns = (int)(g->p->n - n < S8_BLOCK ? g->p->n - n : S8_BLOCK);
    for (int i = 0; i < S16_ROWS; i++) at[i] = i * g->p->n * g->element;
    for (int64_t m = 0; m < g->p->m; m += S16_ROWS) {
        int32_t acc[S16_ROWS * S8_BLOCK] __attribute__((aligned(64)));
        int rows = (int)(g->p->m - m < S16_ROWS ? g->p->m - m : S16_ROWS);
        s16_product(rows, p->a + m * k, k, p->b, k, acc, (const uint8_t *)p->b, 0);
        uint8_t *dst = t->out_data[0] + ((batch * g->p->m + m) * g->p->n + n) * g->element;
        struct epi_tile tile = {acc, S8_BLOCK, rows, columns, n, dst, at, NULL, NULL};
        epi_tile_run(e, &tile);
    }
}

static void run_matmul(const struct ax_task *t)
{
    struct matmul_s8 g = matmul_s8_make(t);
    struct packed p = {.pairs = ((int64_t)g.p->k + 1) / 2};
    struct epi e = epi_make(t->in_data[2], s8_round_up(g.p->n, S8_BLOCK), g.p->act, g.p->alpha, g.p->beta, g.p->linear,
                            AX_RESIDUAL_NONE, g.element == 4);
    int64_t blocks = s8_round_up(g.p->n, S8_BLOCK) / S8_BLOCK, from, to, packed = -1;
    p.b = (int16_t *)t->scratch;
    p.a = p.b + p.pairs * 2 * S8_BLOCK;
    ax_share(g.batches * blocks, 1, t->thread, t->threads, &from, &to);
    for (int64_t u = from; u < to; u++) {
        int64_t batch = u / blocks, n = u % blocks * S8_BLOCK, left = g.p->n - n;
        if (batch != packed) pack_a(&p, &g, matmul_s8_a(&g, batch));
        packed = batch;
        pack_b(&p, &g, matmul_s8_b(&g, batch) + n, left < S8_BLOCK ? left : S8_BLOCK);
        block_of(t, &g, &e, &p, batch, n);
    }
}

AX_ISA_KERNEL(MATMUL_S8, matmul_s8, .scratch = matmul_scratch, .run = run_matmul);
