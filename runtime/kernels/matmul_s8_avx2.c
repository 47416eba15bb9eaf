/* MATMUL_S8 on AVX2: both matrices less their zero points become int16, b in blocks of 16 columns with two k side by side, and
 * VPMADDWD sums the products; tiles are 4 rows x 16 columns. A unit of work is such a block of one batch element. */
#include "kernels/simd_avx2.h"

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"
#include "kernels/matmul_s8.h"

enum { ROWS = 4 };

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

VF_INLINE __m256i pair_of(const int16_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* Sums are named one by one: what is indexed does not stay in registers. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3)

VF_INLINE void tile_rows(int rows, const struct packed *p, int64_t row, int32_t *out)
{
    const int64_t step = p->pairs * 2;
    const int16_t *b = p->b;
#define NAME_ROW(i)                                                                                                            \
    vi low##i = vi_set1(0), high##i = vi_set1(0);                                                                              \
    const int16_t *a##i = p->a + (row + (rows > i ? i : 0)) * step;
    EACH_ROW(NAME_ROW)
    for (int64_t k = 0; k < p->pairs; k++, b += 2 * S8_BLOCK) {
        vi b0 = vi_load((const int32_t *)b), b1 = vi_load((const int32_t *)b + 8);
#define STEP_ROW(i)                                                                                                            \
    if (rows > i) {                                                                                                            \
        vi u = pair_of(a##i + k * 2);                                                                                          \
        low##i = vi_add(low##i, _mm256_madd_epi16(u, b0));                                                                     \
        high##i = vi_add(high##i, _mm256_madd_epi16(u, b1));                                                                   \
    }
        EACH_ROW(STEP_ROW)
    }
#define STORE_ROW(i)                                                                                                           \
    if (rows > i) vi_store(out + i * S8_BLOCK, low##i), vi_store(out + i * S8_BLOCK + 8, high##i);
    EACH_ROW(STORE_ROW)
}

static void block_of(const struct ax_task *t, const struct matmul_s8 *g, const struct epi *e, const struct packed *p,
                     int64_t batch, int64_t n)
{
    int64_t stride = g->p->n * g->element, at[ROWS] = {0, stride, 2 * stride, 3 * stride};
    int columns = (int)(g->p->n - n < S8_BLOCK ? g->p->n - n : S8_BLOCK);
    for (int64_t m = 0; m < g->p->m; m += ROWS) {
        int32_t acc[ROWS * S8_BLOCK] __attribute__((aligned(64)));
        int rows = (int)(g->p->m - m < ROWS ? g->p->m - m : ROWS);
        switch (rows) {
        case 1: tile_rows(1, p, m, acc); break;
        case 2: tile_rows(2, p, m, acc); break;
        case 3: tile_rows(3, p, m, acc); break;
        default: tile_rows(4, p, m, acc); break;
        }
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
