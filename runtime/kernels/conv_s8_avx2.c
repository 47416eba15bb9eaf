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

enum { TILE = 8, COLUMNS = 8, ENTRY = 4 * COLUMNS, STRIP_BYTES = 16 << 10, STRIP_MIN = 16 };
enum way { AS_IT_IS, HALVES, SECOND, THIRD, WAYS };

/* Eight output channels: `n` entries from `first` on, of which `plain` need no other pairing, and -128 times the sum of the
 * weights. */
struct half {
    int64_t first, n, plain;
    int32_t start[COLUMNS];
};

/* Of each entry: 4 k of 8 columns, and where its activations lie in a row of the panel; the low bits say which pairing. */
struct state {
    int strip; /* output pixels gathered at a time */
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

static int64_t k_most(const struct s8_conv *g)
{
    int64_t most = 0;
    for (int i = 0; i < g->groups; i++) {
        int64_t k = s8_conv_k(g, i);
        if (k > most) most = k;
    }
    return most;
}

static int strip_of(int64_t k)
{
    int64_t n = STRIP_BYTES / (k + 1) / TILE * TILE;
    return (int)(n < STRIP_MIN ? STRIP_MIN : n > EPI_PIXELS ? EPI_PIXELS : n);
}

static int64_t panel_bytes(int64_t k, int strip)
{
    return s8_round_up(k * strip + 64, 64);
}

static int conv_fits(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    int64_t k = k_most(&g);
    return p->operands[s->in[1]].space == AX_SPACE_CONST && panel_bytes(k, strip_of(k)) <= INT32_MAX;
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
    *st = (struct state){strip_of(k_most(&g)), (struct half *)((uint8_t *)st + head), b.places, b.weights};
    build(&b, &g, w, 1);
done:
    free(b.halves);
    free(b.ways);
    return st;
}

static int64_t conv_scratch(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    int64_t k = k_most(&g);
    return panel_bytes(k, strip_of(k));
}

/* -- gathering -- */

struct panel {
    uint8_t *data;
    int64_t k; /* bytes from row to row */
};

/* n bytes, a multiple of 4; up to 28 more are written behind them, which the next call overwrites. */
VF_INLINE uint8_t *gather(uint8_t *to, const uint8_t *from, int64_t n)
{
    const __m256i flip = _mm256_set1_epi8(-128);
    for (int64_t i = 0; i < n; i += 32)
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(from + i)), flip));
    return to + n;
}

static void gather_pixel(const struct panel *p, const struct s8_conv *g, uint8_t *space, int group, const struct epi_pixels *at,
                         int i)
{
    const struct ax_conv_params *c = g->p;
    int64_t iy = (int64_t)at->y[i] * c->stride_h - c->pad_top, ix = (int64_t)at->x[i] * c->stride_w - c->pad_left;
    uint8_t *to = p->data + i * p->k;
    for (int run = 0; run < g->runs_group; run++) {
        const int32_t *def = s8_conv_run(g, group, run);
        struct s8_run x = s8_plane_run(g->x, space, def[0], def[1]);
        const uint8_t *from = s8_at(&x, at->image[i], iy, ix);
        int64_t len = s8_round_up(def[2], 4), step = c->dilation_w * x.pixel;
        for (int ky = 0; ky < c->kh; ky++, from += c->dilation_h * x.row)
            if (step == len)
                to = gather(to, from, len * c->kw);
            else
                for (int kx = 0; kx < c->kw; kx++) to = gather(to, from + kx * step, len);
    }
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

VF_INLINE void tile_rows(int rows, const struct panel *p, int first, const struct state *st, const struct half *h,
                         const int32_t *bias, int32_t *out)
{
    const __m256i start = _mm256_add_epi32(vi_load(h->start), vi_load(bias)), one = _mm256_set1_epi16(1);
    const int8_t *w = st->weights + h->first * ENTRY;
#define NAME_ROW(i)                                                                                                            \
    __m256i sum##i = start;                                                                                                    \
    const uint8_t *a##i = p->data + (first + i) * p->k;
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

static void tile(int rows, const struct panel *p, int first, const struct state *st, const struct half *h, const int32_t *bias,
                 int32_t *out)
{
    switch (rows) {
    case 1: tile_rows(1, p, first, st, h, bias, out); break;
    case 2: tile_rows(2, p, first, st, h, bias, out); break;
    case 3: tile_rows(3, p, first, st, h, bias, out); break;
    case 4: tile_rows(4, p, first, st, h, bias, out); break;
    case 5: tile_rows(5, p, first, st, h, bias, out); break;
    case 6: tile_rows(6, p, first, st, h, bias, out); break;
    case 7: tile_rows(7, p, first, st, h, bias, out); break;
    default: tile_rows(8, p, first, st, h, bias, out); break;
    }
}

/* -- strips -- */

struct work {
    const struct ax_task *t;
    const struct s8_conv *g;
    const struct state *st;
    struct epi e;
    struct panel panel;
    struct epi_pixels at;
    int64_t from, to; /* blocks of output channels of each group */
};

/* The strip in tiles as even as can be: 49 pixels are 7 x 7, not 6 x 8 + 1. */
static void strip_block(struct work *k, int group, int64_t block)
{
    struct epi_block b = epi_block_make(k->g, k->t, group, block);
    const struct half *h = k->st->halves + (group * k->g->n_pad + block * S8_BLOCK) / COLUMNS;
    const int32_t *bias = k->e.rows + AX_EPI_BIAS * k->e.p + group * k->g->n_pad + block * S8_BLOCK;
    int tiles = (k->at.n + TILE - 1) / TILE, first = 0;
    if (b.valid <= 8 && b.count > 8) b.count = 8;
    epi_pixels_aim(&k->at, k->g, &b);
    for (int i = 0; i < tiles; i++) {
        int32_t acc[TILE * S8_BLOCK] __attribute__((aligned(64)));
        int rows = (int)((int64_t)k->at.n * (i + 1) / tiles) - first;
        tile(rows, &k->panel, first, k->st, h, bias, acc);
        if (b.valid > 8) tile(rows, &k->panel, first, k->st, h + 1, bias + COLUMNS, acc + COLUMNS);
        epi_pixels_run(&k->at, k->g, k->t, &k->e, &b, acc, first, rows, group * k->g->n_pad + block * S8_BLOCK);
        first += rows;
    }
}

static void strip(struct work *k, int64_t first, int n)
{
    epi_pixels_set(&k->at, &k->g->out, first, n);
    for (int group = 0; group < k->g->groups; group++) {
        k->panel.k = s8_conv_k(k->g, group);
        for (int i = 0; i < n; i++) gather_pixel(&k->panel, k->g, k->t->in_data[0], group, &k->at, i);
        for (int64_t b = k->from; b < k->to; b++) strip_block(k, group, b);
    }
}

/* Threads share the output channels where those outnumber the pixels, so that each reads its own weights only. */
static void run_conv(const struct ax_task *t)
{
    struct s8_conv g = s8_conv_of_task(t);
    struct work k = {.t = t, .g = &g, .st = t->state, .e = epi_of_conv(&g, t->in_data[3])};
    int64_t blocks = g.n_pad / S8_BLOCK, pixels = g.out.n * g.out.h * g.out.w, from = 0, to = pixels;
    k.e.bias_done = 1;
    k.panel.data = t->scratch;
    k.to = blocks;
    if (g.n_pad > pixels && blocks >= t->threads)
        ax_share(blocks, 1, t->thread, t->threads, &k.from, &k.to);
    else
        ax_share(pixels, TILE, t->thread, t->threads, &from, &to);
    int64_t tiles = (to - from + TILE - 1) / TILE, strips = (tiles * TILE + k.st->strip - 1) / k.st->strip;
    for (int64_t i = 0; i < strips && k.from < k.to; i++) {
        int64_t a = from + tiles * i / strips * TILE, b = from + tiles * (i + 1) / strips * TILE;
        strip(&k, a, (int)((b < to ? b : to) - a));
    }
    s8_fill_halo(t, g.y, t->out_data[0]);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = conv_fits, .prepare = conv_prepare, .scratch = conv_scratch, .run = run_conv);
