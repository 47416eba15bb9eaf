/* The weights of Winograd convolutions, and which convolutions those are. */
#include "kernels/conv_s8_winograd.h"

#include <immintrin.h>
#include <stdlib.h>

/* Where it was faster than the direct kernel: tiles enough to share the weights, and not too many of their outputs outside of
 * the image; weights of few pixels must stay in a cache, others may come from memory meanwhile. */
enum { LEAST_TILES = 4, LEAST_CHANNELS = 16, MANY_CHANNELS = 32, FEW_PIXELS = 144, CACHED = 3 << 19, MOST_CHANNELS = 4096 };

/* -- weights: 2 input x 8 output channels of the 9 taps at a time -- */

static __m256i twice(__m256i v)
{
    return _mm256_add_epi16(v, v);
}

static __m256i thrice(__m256i v)
{
    return _mm256_add_epi16(twice(v), v);
}

/* Rows of G: (6 0 0), (-1 -1 -1), (-1 1 -1), (1 2 4), (1 -2 4), (0 0 3). */
static void six_of_three(const __m256i *g, int step, __m256i *to, int to_step)
{
    __m256i a = g[0], b = g[step], c = g[2 * step], ends = _mm256_add_epi16(a, c);
    __m256i far = _mm256_add_epi16(a, twice(twice(c)));
    to[0] = twice(thrice(a));
    to[to_step] = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_add_epi16(ends, b));
    to[2 * to_step] = _mm256_sub_epi16(b, ends);
    to[3 * to_step] = _mm256_add_epi16(far, twice(b));
    to[4 * to_step] = _mm256_sub_epi16(far, twice(b));
    to[5 * to_step] = thrice(c);
}

/* Bytes 0, 1 or 2, 3 of every four, as int16. */
static __m256i pair_of(const int8_t *w, int pair)
{
    const __m256i first = _mm256_set1_epi32((int)0x01800080), second = _mm256_set1_epi32((int)0x03800280);
    __m256i in_lane = _mm256_setr_epi32(0, 0x04000400, 0x08000800, 0x0c000c00, 0, 0x04000400, 0x08000800, 0x0c000c00);
    __m256i v = _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)w), _mm256_add_epi8(pair ? second : first, in_lane));
    return _mm256_srai_epi16(v, 8);
}

/* w: tap 0, of 4 input channels; taps are `step` bytes apart. to: place 0 of the pair; places are `places` int16 apart. */
static void transform(const int8_t *w, int64_t step, int pair, int16_t *to, int64_t places)
{
    __m256i g[9], half[18], u[WINO_IN];
    for (int t = 0; t < 9; t++) g[t] = pair_of(w + t * step, pair);
    for (int x = 0; x < 3; x++) six_of_three(g + x, 3, half + x, 3);
    for (int y = 0; y < WINO_IN; y++) {
        six_of_three(half + 3 * y, 1, u, 1);
        for (int x = 0; x < WINO_IN; x++) _mm256_store_si256((__m256i *)(to + (y * WINO_IN + x) * places), u[x]);
    }
}

void *ax_wino_prepare(const struct ax_program *p, const struct ax_step *s)
{
    struct s8_conv g = s8_conv_of_step(p, s);
    struct wino wino = wino_make(&g);
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    int64_t places = wino.channels * S8_BLOCK, blocks = g.n_pad / S8_BLOCK;
    int16_t *u = aligned_alloc(64, (size_t)(blocks * WINO_PLACES * places + 32) * sizeof *u);
    if (!u) return NULL;
    for (int64_t b = 0; b < blocks; b++) {
        int16_t *to = u + b * WINO_PLACES * places;
        for (int run = 0; run < g.runs_group; run++) {
            int64_t quads = s8_round_up(s8_conv_run(&g, 0, run)[2], 4) / 4;
            for (int64_t q = 0; q < quads; q++, to += 4 * S8_BLOCK)
                for (int i = 0; i < 4; i++)
                    transform(w + q * 64 + i % 2 * 32, quads * 64, i / 2, to + i / 2 * 32 + i % 2 * 16, places);
            w += 9 * quads * 64;
        }
    }
    return u;
}

/* -- which ones -- */

static int weights_are_small(const struct s8_conv *g, const int8_t *w)
{
    const __m256i one8 = _mm256_set1_epi8(1), one16 = _mm256_set1_epi16(1);
    const __m256i most = _mm256_set1_epi32(WINO_WEIGHTS);
    int64_t k4 = s8_conv_k(g, 0) / 4, halves = g->n_pad / 8;
    if (k4 * 4 * 128 <= WINO_WEIGHTS) return 1;
    for (int64_t h = 0; h < halves; h++) {
        const int8_t *from = w + h / 2 * k4 * 64 + h % 2 * 32;
        __m256i sum = _mm256_setzero_si256();
        for (int64_t k = 0; k < k4; k++) {
            __m256i v = _mm256_abs_epi8(_mm256_loadu_si256((const __m256i *)(from + k * 64)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(v, one8), one16));
        }
        if (_mm256_movemask_epi8(_mm256_cmpgt_epi32(sum, most))) return 0;
    }
    return 1;
}

static int is_worth_it(const struct s8_conv *g)
{
    struct wino w = wino_make(g);
    int64_t pixels = g->out.n * g->out.h * g->out.w, outputs = w.tiles * WINO_OUT * WINO_OUT;
    int many = w.channels >= MANY_CHANNELS && g->n_group >= MANY_CHANNELS;
    if (w.tiles < LEAST_TILES || w.channels < LEAST_CHANNELS || w.channels > MOST_CHANNELS || g->n_group < LEAST_CHANNELS)
        return 0;
    if (outputs * 10 > pixels * (many ? 16 : 12)) return 0;
    return pixels >= FEW_PIXELS || w.channels * g->n_pad * WINO_PLACES * 2 <= CACHED;
}

int ax_wino_fits(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_conv_params *c = s->params;
    if (p->operands[s->in[1]].space != AX_SPACE_CONST || p->operands[s->in[2]].space != AX_SPACE_CONST) return 0;
    if (c->kh != 3 || c->kw != 3 || c->stride_h != 1 || c->stride_w != 1 || c->dilation_h != 1 || c->dilation_w != 1 ||
        c->groups != 1)
        return 0;
    struct s8_conv g = s8_conv_of_step(p, s);
    if (g.runs_group > WINO_RUNS || !is_worth_it(&g)) return 0;
    return weights_are_small(&g, (const int8_t *)p->const_data + p->operands[s->in[1]].offset);
}
