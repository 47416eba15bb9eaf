/* CONV_S8 on AVX2, exact although VPMADDUBSW saturates at 16 bits.
 *
 * Activations become unsigned, u = a + 128, so that a group of four k is VPMADDUBSW (u0 w0 + u1 w1, u2 w2 + u3 w3) and VPMADDWD
 * with ones; 128 times the weights' sum comes off again at the start of the sum. A pair cannot saturate when its positive
 * weights sum to at most 128, and its negative ones too. Where a group of four k by eight columns breaks that, it is paired
 * otherwise, (0 2)(1 3) or (0 3)(1 2), and where that does not help either, its weights are added in two halves. Which of the
 * four ways each group takes depends on the weights alone; at load they are written down as a list of entries, weights and
 * place of the activations. Of resnet50's groups 79 % are as they come, 12 and 4 % in the other pairings, 5 % in halves.
 *
 * Output pixels are done in strips: their inputs are gathered into a panel of rows of K bytes; tiles are 8 pixels x 8 channels
 * in registers. */
#include "kernels/simd_avx2.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { TILE = 8, COLUMNS = 8, ENTRY = 4 * COLUMNS };

#define PANEL_TILE TILE
#define PANEL_BLOCKS 1
#define PANEL_ROUND 4
#define PANEL_FLIP 0x80
#include "kernels/conv_s8_panel.inc"

enum way { AS_IT_IS, HALVES, SECOND, THIRD, WAYS };

/* Eight output channels: `n` entries from `first` on, of which `plain` need no other pairing, and -128 times the sum of the
 * weights. */
struct half {
    int64_t first, n, plain;
    int32_t start[COLUMNS];
};

/* Of each entry: 4 k of 8 columns, and where its activations lie in a row of the panel; the low bits say which pairing. */
struct state {
    const struct half *halves;
    const uint32_t *places;
    const int8_t *weights;
};

static const int8_t pairings[3][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                       {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15},
                                       {0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10, 12, 15, 13, 14}};

VF_INLINE __m256i pairing(unsigned i)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pairings[i]));
}

/* -- load: which way each group goes -- */

static int way_of(__m256i w)
{
    const __m256i one = _mm256_set1_epi8(1), zero = _mm256_setzero_si256(), most = _mm256_set1_epi16(128);
    for (unsigned i = 0; i < 3; i++) {
        __m256i v = _mm256_shuffle_epi8(w, pairing(i));
        __m256i up = _mm256_maddubs_epi16(one, _mm256_max_epi8(v, zero));
        __m256i down = _mm256_maddubs_epi16(one, _mm256_min_epi8(v, zero));
        __m256i over = _mm256_or_si256(_mm256_cmpgt_epi16(up, most), _mm256_cmpgt_epi16(_mm256_sub_epi16(zero, most), down));
        if (_mm256_testz_si256(over, over)) return i ? (int)i + HALVES : AS_IT_IS;
    }
    return HALVES;
}

static void half_ways(struct half *h, uint8_t *ways, const int8_t *w, int64_t k4)
{
    __m256i sum = _mm256_setzero_si256();
    for (int64_t k = 0; k < k4; k++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(w + k * 64));
        __m256i s = _mm256_maddubs_epi16(_mm256_set1_epi8(1), v);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s, _mm256_set1_epi16(-128)));
        ways[k] = (uint8_t)way_of(v);
        h->n += ways[k] == HALVES ? 2 : 1;
        h->plain += ways[k] == HALVES ? 2 : ways[k] == AS_IT_IS;
    }
    _mm256_storeu_si256((__m256i *)h->start, sum);
}

static void half_entries(const struct half *h, uint32_t *places, int8_t *weights, const uint8_t *ways, const int8_t *w,
                         int64_t k4)
{
    const __m256i flip = _mm256_set1_epi8(-128), mask = _mm256_set1_epi8(127), sixty_four = _mm256_set1_epi8(64);
    int64_t at = h->first;
    for (int way = 0; way < WAYS; way++)
        for (int64_t k = 0; k < k4; k++) {
            if (ways[k] != way) continue;
            __m256i v = _mm256_loadu_si256((const __m256i *)(w + k * 64));
            if (way == HALVES) { /* w = low + rest, each at most 64 */
                __m256i low = _mm256_and_si256(_mm256_srli_epi16(_mm256_xor_si256(v, flip), 1), mask);
                low = _mm256_sub_epi8(low, sixty_four);
                places[at] = (uint32_t)(k * 4);
                _mm256_storeu_si256((__m256i *)(weights + at++ * ENTRY), low);
                v = _mm256_sub_epi8(v, low);
            }
            unsigned other = way > HALVES ? (unsigned)(way - HALVES) : 0;
            v = _mm256_shuffle_epi8(v, pairing(other));
            places[at] = (uint32_t)(k * 4) + other;
            _mm256_storeu_si256((__m256i *)(weights + at++ * ENTRY), v);
        }
}

/* Calls half_ways or half_entries for every eight channels; the halves' places among the entries come from the former. */
struct builder {
    struct half *halves;
    uint32_t *places;
    int8_t *weights;
    uint8_t *ways;
    int64_t entries;
};

static void build(struct builder *b, const struct s8_conv *g, const int8_t *w, int write)
{
    struct half *h = b->halves;
    uint8_t *ways = b->ways;
    for (int i = 0; i < g->groups; i++) {
        int64_t k4 = s8_conv_k(g, i) / 4;
        for (int64_t n = 0; n < g->n_pad / COLUMNS; n++, ways += k4, h++) {
            const int8_t *from = w + n / 2 * k4 * 64 + n % 2 * ENTRY;
            if (write) {
                half_entries(h, b->places, b->weights, ways, from, k4);
                continue;
            }
            h->first = b->entries;
            half_ways(h, ways, from, k4);
            b->entries += h->n;
        }
        w += k4 * 4 * g->n_pad;
    }
}

static void *conv_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    int64_t n_halves = g.groups * g.n_pad / COLUMNS, k4_all = 0;
    for (int i = 0; i < g.groups; i++) k4_all += s8_conv_k(&g, i) / 4;
    struct builder b = {.halves = calloc((size_t)n_halves, sizeof(struct half))};
    struct state *st = NULL;
    b.ways = malloc((size_t)(k4_all * g.n_pad / COLUMNS) + 1);
    if (!b.halves || !b.ways) goto done;
    build(&b, &g, w, 0);
    size_t head = sizeof *st, lists = (size_t)n_halves * sizeof(struct half), places = (size_t)b.entries * 4;
    st = malloc(head + lists + places + (size_t)b.entries * ENTRY);
    if (!st) goto done;
    memcpy((uint8_t *)st + head, b.halves, lists);
    b.places = (uint32_t *)((uint8_t *)st + head + lists);
    b.weights = (int8_t *)b.places + places;
    *st = (struct state){(struct half *)((uint8_t *)st + head), b.places, b.weights};
    build(&b, &g, w, 1);
done:
    free(b.halves);
    free(b.ways);
    return st;
}

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

/* Sums and rows are named one by one: what is indexed does not stay in registers. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

VF_INLINE void tile_rows(int rows, const uint8_t *a, int64_t lda, const struct state *st, const struct half *h,
                         const int32_t *bias, int32_t *out)
{
    const __m256i start = _mm256_add_epi32(vi_load(h->start), vi_load(bias)), one = _mm256_set1_epi16(1);
    const int8_t *w = st->weights + h->first * ENTRY;
#define NAME_ROW(i)                                                                                                            \
    __m256i sum##i = start;                                                                                                    \
    const uint8_t *a##i = a + i * lda;
    EACH_ROW(NAME_ROW)
    const uint32_t *place = st->places + h->first, *plain = place + h->plain, *end = place + h->n;
    for (; place < plain; place++, w += ENTRY) {
        __m256i v = vi_load((const int32_t *)w);
        int64_t k = *place;
#define STEP_ROW(i)                                                                                                            \
    if (rows > i) products(&sum##i, a##i + k, v, one);
        EACH_ROW(STEP_ROW)
    }
    for (; place < end; place++, w += ENTRY) {
        __m256i v = vi_load((const int32_t *)w), order = pairing(*place & 3);
        int64_t k = *place & ~3u;
#define PAIRED_ROW(i)                                                                                                          \
    if (rows > i) paired_products(&sum##i, a##i + k, v, one, order);
        EACH_ROW(PAIRED_ROW)
    }
#define STORE_ROW(i)                                                                                                           \
    if (rows > i) vi_store(out + i * S8_BLOCK, sum##i);
    EACH_ROW(STORE_ROW)
}

static void tile(int rows, const uint8_t *a, int64_t lda, const struct state *st, const struct half *h, const int32_t *bias,
                 int32_t *out)
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
    const struct state *st = k->t->state;
    int64_t n = group * k->g->n_pad + block * S8_BLOCK;
    const struct half *h = st->halves + n / COLUMNS;
    const int32_t *bias = k->e.rows + AX_EPI_BIAS * k->e.p + n;
    (void)blocks;
    for (int i = 0; i < S8_BLOCK / COLUMNS; i++, bias += COLUMNS, acc += COLUMNS)
        tile(rows, k->panel + first * k->row, k->row, st, h + i, bias, acc);
}

static void run_conv(const struct ax_task *t)
{
    panel_run(t, 1, 0);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
AX_ISA_KERNEL(CONVT_S8, convt_s8, .fits = panel_fits, .prepare = conv_prepare, .scratch = panel_scratch, .run = run_conv);
