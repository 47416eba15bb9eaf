/* MATMUL_S8 by definition: two activations, both PLAIN int8. */
#include "kernels/simd_scalar.h"

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"
#include "kernels/matmul_s8.h"

static void matmul_block(const struct matmul_s8 *g, int64_t batch, int64_t m, int64_t n0, int32_t acc[S8_BLOCK])
{
    const int8_t *a = matmul_s8_a(g, batch) + m * g->p->k, *b = matmul_s8_b(g, batch) + n0;
    int64_t left = g->p->n - n0 < S8_BLOCK ? g->p->n - n0 : S8_BLOCK;
    for (int64_t k = 0; k < g->p->k; k++)
        for (int64_t j = 0; j < left; j++) acc[j] += (a[k] - g->za) * (b[k * g->p->n + j] - g->zb);
}

static void run_matmul(const struct ax_task *t)
{
    struct matmul_s8 g = matmul_s8_make(t);
    struct epi e = epi_make(t->in_data[2], s8_round_up(g.p->n, S8_BLOCK), g.p->act, g.p->alpha, g.p->beta, g.p->linear,
                            AX_RESIDUAL_NONE, g.element == 4);
    int64_t from, to;
    ax_share(g.batches * g.p->m, 1, t->thread, t->threads, &from, &to);
    for (int64_t u = from; u < to; u++)
        for (int64_t n = 0; n < g.p->n; n += S8_BLOCK) {
            int32_t acc[S8_BLOCK] = {0};
            matmul_block(&g, u / g.p->m, u % g.p->m, n, acc);
            const int64_t at = (u * g.p->n + n) * g.element;
            int count = (int)(g.p->n - n < S8_BLOCK ? g.p->n - n : S8_BLOCK);
            struct epi_tile tile = {acc, S8_BLOCK, 1, count, n, t->out_data[0], &at, NULL, NULL};
            epi_tile_run(&e, &tile);
        }
}

AX_ISA_KERNEL(MATMUL_S8, matmul_s8, .run = run_matmul);
