/* CONV_S8 on AVX2, exact although VPMADDUBSW saturates at 16 bits.
 *
 * Activations become unsigned, u = a + 128, so that a group of four k is VPMADDUBSW (u0 w0 + u1 w1, u2 w2 + u3 w3) and VPMADDWD
 * with ones; 128 times the weights' sum comes off again at the start of the sum. A pair cannot saturate when its positive
 * weights sum to at most 128, and its negative ones too. Where a group of four k by eight columns breaks that, it is paired
 * otherwise, (0 2)(1 3) or (0 3)(1 2), and where that does not help either, its weights are added in two halves. Which of the
 * four ways each group takes depends on the weights alone and is found at load. Of resnet50's groups 79 % are as they come,
 * 12 and 4 % in the other pairings, 5 % in halves.
 *
 * Output pixels are done in strips: their inputs are gathered into a panel of rows of K bytes, three times over for the three
 * pairings; tiles are 8 pixels x 8 channels in registers. */
#include "kernels/simd_avx2.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { TILE = 8, WAYS = 4, STRIP_BYTES = 24 << 10, STRIP_MIN = 16 };

struct half {
    int64_t list; /* into lists: groups of way 0, then 1, 2, 3 */
    uint16_t n[WAYS];
    int32_t start[8]; /* -128 times the weights' sum */
};

struct state {
    int strip; /* output pixels gathered at a time */
    int64_t k_most;
    uint16_t *lists;
    struct half halves[];
};

static const int8_t pairings[3][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                       {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15},
                                       {0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10, 12, 15, 13, 14}};

VF_INLINE __m256i pairing(int way)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)pairings[way]));
}

/* -- load: which way each group goes -- */

static int way_of(__m256i w)
{
    const __m256i one = _mm256_set1_epi8(1), zero = _mm256_setzero_si256(), most = _mm256_set1_epi16(128);
    for (int way = 0; way < 3; way++) {
        __m256i v = _mm256_shuffle_epi8(w, pairing(way));
        __m256i up = _mm256_maddubs_epi16(one, _mm256_max_epi8(v, zero));
        __m256i down = _mm256_maddubs_epi16(one, _mm256_min_epi8(v, zero));
        __m256i over = _mm256_or_si256(_mm256_cmpgt_epi16(up, most), _mm256_cmpgt_epi16(_mm256_sub_epi16(zero, most), down));
        if (_mm256_testz_si256(over, over)) return way;
    }
    return 3;
}

static void half_make(struct half *h, uint16_t *lists, const int8_t *w, int64_t k4, uint8_t *ways)
{
    __m256i sum = _mm256_setzero_si256();
    memset(h->n, 0, sizeof h->n);
    for (int64_t k = 0; k < k4; k++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(w + k * 64));
        ways[k] = (uint8_t)way_of(v);
        h->n[ways[k]]++;
        __m256i s = _mm256_maddubs_epi16(_mm256_set1_epi8(1), v);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(s, _mm256_set1_epi16(-128)));
    }
    _mm256_storeu_si256((__m256i *)h->start, sum);
    uint16_t *at[WAYS] = {lists + h->list};
    for (int i = 1; i < WAYS; i++) at[i] = at[i - 1] + h->n[i - 1];
    for (int64_t k = 0; k < k4; k++) *at[ways[k]]++ = (uint16_t)k;
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

static int conv_fits(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    return p->operands[s->in[1]].space == AX_SPACE_CONST && k_most(&g) / 4 <= 65535;
}

static void *conv_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    int64_t halves = g.groups * g.n_pad / 8, k4_all = 0, most = k_most(&g), list = 0;
    for (int i = 0; i < g.groups; i++) k4_all += s8_conv_k(&g, i) / 4;
    size_t head = sizeof(struct state) + (size_t)halves * sizeof(struct half), lists = (size_t)(k4_all * g.n_pad / 8) * 2;
    struct state *st = malloc(head + lists + (size_t)most / 4);
    if (!st) return NULL;
    st->strip = strip_of(most);
    st->k_most = most;
    st->lists = (uint16_t *)((uint8_t *)st + head);
    uint8_t *ways = (uint8_t *)st->lists + lists;
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    struct half *h = st->halves;
    for (int i = 0; i < g.groups; i++) {
        int64_t k4 = s8_conv_k(&g, i) / 4;
        for (int64_t b = 0; b < g.n_pad / 8; b++, list += k4, h++) {
            h->list = list;
            half_make(h, st->lists, w + b / 2 * k4 * 64 + b % 2 * 32, k4, ways);
        }
        w += k4 * 4 * g.n_pad;
    }
    return st;
}

static int64_t panel_bytes(int64_t k, int strip)
{
    return s8_round_up(k * strip + 64, 64);
}

static int64_t conv_scratch(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    int64_t k = k_most(&g);
    return 3 * panel_bytes(k, strip_of(k));
}

/* -- gathering -- */

struct panel {
    uint8_t *data;
    int64_t k, way; /* bytes from row to row, and from one pairing's panel to the next */
};

/* n bytes, a multiple of 4; up to 28 more are written behind them, which the next call overwrites. */
VF_INLINE uint8_t *gather(uint8_t *to, int64_t way, const uint8_t *from, int64_t n)
{
    const __m256i flip = _mm256_set1_epi8(-128), second = pairing(1), third = pairing(2);
    for (int64_t i = 0; i < n; i += 32) {
        __m256i u = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(from + i)), flip);
        _mm256_storeu_si256((__m256i *)(to + i), u);
        _mm256_storeu_si256((__m256i *)(to + way + i), _mm256_shuffle_epi8(u, second));
        _mm256_storeu_si256((__m256i *)(to + 2 * way + i), _mm256_shuffle_epi8(u, third));
    }
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
                to = gather(to, p->way, from, len * c->kw);
            else
                for (int kx = 0; kx < c->kw; kx++) to = gather(to, p->way, from + kx * step, len);
    }
}

/* -- tiles: R pixels x 8 channels -- */

VF_INLINE __m256i products(__m256i acc, __m256i u, __m256i w)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(u, w), _mm256_set1_epi16(1)));
}

VF_INLINE __m256i four(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

VF_INLINE void tile_part(int rows, __m256i acc[TILE], const uint8_t *a, int64_t lda, const int8_t *w, const uint16_t *list,
                         int n, int way)
{
    const __m256i order = pairing(way < 3 ? way : 0);
    for (int i = 0; i < n; i++) {
        int64_t k = list[i];
        __m256i v = _mm256_loadu_si256((const __m256i *)(w + k * 64));
        if (way == 1 || way == 2) v = _mm256_shuffle_epi8(v, order);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) acc[r] = products(acc[r], four(a + r * lda + k * 4), v);
    }
}

/* Groups that no pairing tames: w = low + high, each at most 64. */
VF_INLINE void tile_halves(int rows, __m256i acc[TILE], const uint8_t *a, int64_t lda, const int8_t *w, const uint16_t *list,
                           int n)
{
    const __m256i flip = _mm256_set1_epi8(-128), mask = _mm256_set1_epi8(127), sixty_four = _mm256_set1_epi8(64);
    for (int i = 0; i < n; i++) {
        int64_t k = list[i];
        __m256i v = _mm256_loadu_si256((const __m256i *)(w + k * 64));
        __m256i low = _mm256_and_si256(_mm256_srli_epi16(_mm256_xor_si256(v, flip), 1), mask);
        low = _mm256_sub_epi8(low, sixty_four);
        __m256i high = _mm256_sub_epi8(v, low);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            __m256i u = four(a + r * lda + k * 4);
            acc[r] = products(products(acc[r], u, low), u, high);
        }
    }
}

VF_INLINE void tile_rows(int rows, const struct panel *p, int first, const struct state *st, const struct half *h,
                         const int8_t *w, int32_t *out)
{
    __m256i acc[TILE];
    const uint16_t *list = st->lists + h->list;
    const uint8_t *a = p->data + first * p->k;
    for (int r = 0; r < rows; r++) acc[r] = _mm256_loadu_si256((const __m256i *)h->start);
    tile_part(rows, acc, a, p->k, w, list, h->n[0], 0);
    tile_part(rows, acc, a + p->way, p->k, w, list += h->n[0], h->n[1], 1);
    tile_part(rows, acc, a + 2 * p->way, p->k, w, list += h->n[1], h->n[2], 2);
    tile_halves(rows, acc, a, p->k, w, list += h->n[2], h->n[3]);
    for (int r = 0; r < rows; r++) _mm256_storeu_si256((__m256i *)(out + r * S8_BLOCK), acc[r]);
}

static void tile(int rows, const struct panel *p, int first, const struct state *st, const struct half *h, const int8_t *w,
                 int32_t *out)
{
    switch (rows) {
    case 1: tile_rows(1, p, first, st, h, w, out); break;
    case 2: tile_rows(2, p, first, st, h, w, out); break;
    case 3: tile_rows(3, p, first, st, h, w, out); break;
    case 4: tile_rows(4, p, first, st, h, w, out); break;
    case 5: tile_rows(5, p, first, st, h, w, out); break;
    case 6: tile_rows(6, p, first, st, h, w, out); break;
    case 7: tile_rows(7, p, first, st, h, w, out); break;
    default: tile_rows(8, p, first, st, h, w, out); break;
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
static void strip_block(struct work *k, int group, int64_t block, const int8_t *w)
{
    struct epi_block b = epi_block_make(k->g, k->t, group, block);
    const struct half *h = k->st->halves + (group * k->g->n_pad + block * S8_BLOCK) / 8;
    int tiles = (k->at.n + TILE - 1) / TILE, first = 0;
    if (b.valid <= 8 && b.count > 8) b.count = 8;
    epi_pixels_aim(&k->at, k->g, &b);
    for (int i = 0; i < tiles; i++) {
        int32_t acc[TILE * S8_BLOCK] __attribute__((aligned(64)));
        int rows = (int)((int64_t)k->at.n * (i + 1) / tiles) - first;
        tile(rows, &k->panel, first, k->st, h, w, acc);
        if (b.valid > 8) tile(rows, &k->panel, first, k->st, h + 1, w + 32, acc + 8);
        epi_pixels_run(&k->at, k->g, k->t, &k->e, &b, acc, first, rows, group * k->g->n_pad + block * S8_BLOCK);
        first += rows;
    }
}

static void strip(struct work *k, int64_t first, int n)
{
    const int8_t *w = (const int8_t *)k->t->in_data[1];
    epi_pixels_set(&k->at, &k->g->out, first, n);
    for (int group = 0; group < k->g->groups; group++) {
        k->panel.k = s8_conv_k(k->g, group);
        for (int i = 0; i < n; i++) gather_pixel(&k->panel, k->g, k->t->in_data[0], group, &k->at, i);
        for (int64_t b = k->from; b < k->to; b++) strip_block(k, group, b, w + b * k->panel.k * S8_BLOCK);
        w += k->panel.k * k->g->n_pad;
    }
}

/* Threads share the output channels where those outnumber the pixels, so that each reads its own weights only. */
static void run_conv(const struct ax_task *t)
{
    struct s8_conv g = s8_conv_of_task(t);
    struct work k = {.t = t, .g = &g, .st = t->state, .e = epi_of_conv(&g, t->in_data[3])};
    int64_t blocks = g.n_pad / S8_BLOCK, pixels = g.out.n * g.out.h * g.out.w, from = 0, to = pixels;
    k.panel.data = t->scratch;
    k.panel.way = panel_bytes(k.st->k_most, k.st->strip);
    k.to = blocks;
    if (g.n_pad > pixels && blocks >= t->threads)
        ax_share(blocks, 1, t->thread, t->threads, &k.from, &k.to);
    else
        ax_share(pixels, TILE, t->thread, t->threads, &from, &to);
    int64_t strips = (to - from + k.st->strip - 1) / k.st->strip;
    for (int64_t i = 0; i < strips && k.from < k.to; i++) {
        int64_t a = from + (to - from) * i / strips, b = from + (to - from) * (i + 1) / strips;
        strip(&k, a, (int)(b - a));
    }
    s8_fill_halo(t, g.y, t->out_data[0]);
}

AX_ISA_KERNEL(CONV_S8, conv_s8, .fits = conv_fits, .prepare = conv_prepare, .scratch = conv_scratch, .run = run_conv);
