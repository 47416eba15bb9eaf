/* CONV_S8 on AVX2, from lists of weights (conv_s8_lists.h). Output pixels are done in strips: their inputs are gathered into a
 * panel of rows of K bytes; tiles are 8 pixels x 8 channels in registers. */
#include "kernels/simd_avx2.h"

#include "kernels/act.h"
#include "kernels/conv_s8_lists.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { TILE = 8 };

#define PANEL_TILE TILE
#define PANEL_BLOCKS 1
#define PANEL_ROUND 4
#define PANEL_FLIP 0x80
#include "kernels/conv_s8_panel.inc"

/* -- tiles: R pixels x 8 channels -- */

/* acc += the products of four activations with w. Spelled out, because compilers copy and spill the accumulators of the plain
 * form, which costs a third of the speed. */
VF_INLINE void products(__m256i *acc, const uint8_t *u, __m256i w, __m256i one)
{
    __m256i t;
    __asm__("vpbroadcastd %[u], %[t]\n\t"
            "vpmaddubsw %[w], %[t], %[t]\n\t"
            "vpmaddwd %[one], %[t], %[t]\n\t"
            "vpaddd %[t], %[acc], %[acc]"
            : [acc] "+x"(*acc), [t] "=&x"(t)
            : [u] "m"(*(const int32_t *)u), [w] "x"(w), [one] "x"(one));
}

/* Two entries whose sums of pairs fit 16 bits together. */
VF_INLINE void couple_products(__m256i *acc, const uint8_t *u, const uint8_t *v, __m256i wu, __m256i wv, __m256i one)
{
    __m256i t, s;
    __asm__("vpbroadcastd %[u], %[t]\n\t"
            "vpbroadcastd %[v], %[s]\n\t"
            "vpmaddubsw %[wu], %[t], %[t]\n\t"
            "vpmaddubsw %[wv], %[s], %[s]\n\t"
            "vpaddw %[s], %[t], %[t]\n\t"
            "vpmaddwd %[one], %[t], %[t]\n\t"
            "vpaddd %[t], %[acc], %[acc]"
            : [acc] "+x"(*acc), [t] "=&x"(t), [s] "=&x"(s)
            : [u] "m"(*(const int32_t *)u), [v] "m"(*(const int32_t *)v), [wu] "x"(wu), [wv] "x"(wv), [one] "x"(one));
}

VF_INLINE void paired_products(__m256i *acc, const uint8_t *u, __m256i w, __m256i one, __m256i order)
{
    __m256i t;
    __asm__("vpbroadcastd %[u], %[t]\n\t"
            "vpshufb %[order], %[t], %[t]\n\t"
            "vpmaddubsw %[w], %[t], %[t]\n\t"
            "vpmaddwd %[one], %[t], %[t]\n\t"
            "vpaddd %[t], %[acc], %[acc]"
            : [acc] "+x"(*acc), [t] "=&x"(t)
            : [u] "m"(*(const int32_t *)u), [w] "x"(w), [one] "x"(one), [order] "x"(order));
}

VF_INLINE __m256i order_of(uint32_t pairing)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)ax_s8_pairings[pairing]));
}

/* Sums and rows are named one by one: what is indexed does not stay in registers. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

VF_INLINE void tile_rows(int rows, const uint8_t *a, int64_t lda, const struct s8_lists *st, const struct s8_list *h,
                         const int32_t *bias, int32_t *out)
{
    const __m256i start = _mm256_add_epi32(vi_load(h->start), vi_load(bias)), one = _mm256_set1_epi16(1);
    const int8_t *w = st->weights + h->first * LIST_ENTRY;
#define NAME_ROW(i)                                                                                                            \
    __m256i sum##i = start;                                                                                                    \
    const uint8_t *a##i = a + i * lda;
    EACH_ROW(NAME_ROW)
    const uint32_t *place = st->places + h->first, *couples = place + h->couples, *plain = place + h->plain,
                   *end = place + h->n;
    for (; place < couples; place += 2, w += 2 * LIST_ENTRY) {
        __m256i v0 = vi_load((const int32_t *)w), v1 = vi_load((const int32_t *)(w + LIST_ENTRY));
        int64_t k0 = place[0], k1 = place[1];
#define COUPLE_ROW(i)                                                                                                          \
    if (rows > i) couple_products(&sum##i, a##i + k0, a##i + k1, v0, v1, one);
        EACH_ROW(COUPLE_ROW)
    }
    for (; place < plain; place++, w += LIST_ENTRY) {
        __m256i v = vi_load((const int32_t *)w);
        int64_t k = *place;
#define STEP_ROW(i)                                                                                                            \
    if (rows > i) products(&sum##i, a##i + k, v, one);
        EACH_ROW(STEP_ROW)
    }
    for (; place < end; place++, w += LIST_ENTRY) {
        __m256i v = vi_load((const int32_t *)w), order = order_of(*place & 3);
        int64_t k = *place & ~3u;
#define PAIRED_ROW(i)                                                                                                          \
    if (rows > i) paired_products(&sum##i, a##i + k, v, one, order);
        EACH_ROW(PAIRED_ROW)
    }
#define STORE_ROW(i)                                                                                                           \
    if (rows > i) vi_store(out + i * S8_BLOCK, sum##i);
    EACH_ROW(STORE_ROW)
}

static __attribute__((noinline)) void tile(int rows, const uint8_t *a, int64_t lda, const struct s8_lists *st,
                                           const struct s8_list *h, const int32_t *bias, int32_t *out)
{
    switch (rows) {
    case 1: tile_rows(1, a, lda, st, h, bias, out); break;
    case 2: tile_rows(2, a, lda, st, h, bias, out); break;
    case 3: tile_rows(3, a, lda, st, h, bias, out); break;
    case 4: tile_rows(4, a, lda, st, h, bias, out); break;
    case 5: tile_rows(5, a, lda, st, h, bias, out); break;
    case 6: tile_rows(6, a, lda, st, h, bias, out); break;
    case 7: tile_rows(7, a, lda, st, h, bias, out); break;
    default: tile_rows(8, a, lda, st, h, bias, out); break;
    }
}

static void panel_tile(struct work *k, int group, int64_t block, int blocks, int first, int rows, int32_t *acc)
{
    const struct s8_lists *st = k->t->state;
    int64_t n = group * k->g->n_pad + block * S8_BLOCK;
    const struct s8_list *h = st->lists + n / LIST_COLUMNS;
    const int32_t *bias = k->e.rows + AX_EPI_BIAS * k->e.p + n;
    (void)blocks;
    for (int i = 0; i < S8_BLOCK / LIST_COLUMNS; i++, bias += LIST_COLUMNS, acc += LIST_COLUMNS)
        tile(rows, k->panel + first * k->row, k->row, st, h + i, bias, acc);
}

static void run_conv(const struct ax_task *t)
{
    panel_run(t, 1, 0);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = panel_fits, .prepare = ax_s8_lists_prepare, .scratch = panel_scratch, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .fits = panel_fits, .prepare = ax_s8_lists_prepare, .scratch = panel_scratch,
              .run = run_conv);
