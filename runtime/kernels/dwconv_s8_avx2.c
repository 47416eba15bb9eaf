/* DWCONV_S8 on AVX2: taps in pairs, two bytes of a channel side by side widened to 16 bits, VPMADDWD with the pair's weights.
 *
 * 3x3 of stride 1 does two output rows at a time, 8 channels wide: pairs are then neighbours in a column, and each serves both
 * rows and three columns of outputs. */
#include "kernels/simd_avx2.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { PIXELS = 32, STEP = 4 }; /* output pixels that are accumulated before their epilogue; of these at a time in registers */

/* Weights as [pair of taps][channel][2] int16; an odd last tap is paired with itself and a zero weight. Behind them, where rows
 * are done in twos, [channels / 8][column][rows 0 and 1 for the upper and the lower output, rows 2 and 3 for them][8][2]. */
enum { TWO_ROWS = 12 * 16 }; /* int16 of 8 channels */

struct state {
    int pairs;
    int64_t row;        /* channels of one pair, slack included */
    const int16_t *two; /* NULL: rows are done one by one */
    int16_t w[];
};

static int dw_in_twos(const struct ax_conv_params *c)
{
    return c->kh == 3 && c->kw == 3 && c->stride_h == 1 && c->stride_w == 1 && c->dilation_h == 1 && c->dilation_w == 1;
}

static void two_row_weights(const int8_t *w, int64_t padded, int16_t *to)
{
    for (int64_t i = 0; i < padded; i++)
        for (int x = 0; x < 3; x++) {
            int16_t *at = to + i / 8 * TWO_ROWS + x * 64 + i % 8 * 2;
            for (int y = 0; y < 3; y++) {
                int16_t v = w[(y * 3 + x) * padded + i];
                at[y / 2 * 32 + y % 2] = v;                  /* the upper output's row y */
                at[16 + (y + 1) / 2 * 32 + (y + 1) % 2] = v; /* the lower one's is row y + 1 */
            }
        }
}

static void *dw_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_conv_params *c = s->params;
    int64_t padded = s8_round_up(s8_shape_of(&p->operands[s->out[0]]).c, S8_BLOCK);
    int taps = c->kh * c->kw, pairs = (taps + 1) / 2;
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    size_t all = (size_t)pairs * (size_t)(padded + S8_BLOCK) * 2, two = dw_in_twos(c) ? (size_t)padded / 8 * TWO_ROWS : 0;
    struct state *st = calloc(1, sizeof *st + (all + two) * sizeof st->w[0]);
    if (!st) return NULL;
    if (two) two_row_weights(w, padded, st->w + all), st->two = st->w + all;
    st->pairs = pairs;
    st->row = padded + S8_BLOCK;
    for (int t = 0; t < taps; t++)
        for (int64_t i = 0; i < padded; i++) st->w[(t / 2 * st->row + i) * 2 + t % 2] = w[t * padded + i];
    return st;
}

static int dw_fits(const struct ax_program *p, const struct ax_step *s)
{
    return p->operands[s->in[1]].space == AX_SPACE_CONST;
}

static int64_t dw_scratch(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_conv_params *c = s->params;
    (void)p;
    return ((int64_t)c->kh * c->kw + 1) * 8;
}

/* n <= STEP neighbouring output pixels x 16 channels; at: offsets of the taps. Sums are named one by one: what is indexed does
 * not stay in registers. */
#define EACH_PIXEL(X) X(0) X(1) X(2) X(3)

VF_INLINE void dw_step(int n, const struct state *st, int64_t c, const uint8_t *x, int64_t step, const int64_t *at,
                       int32_t *out)
{
    const int16_t *p = st->w + c * 2;
#define NAME_PIXEL(i)                                                                                                          \
    __m256i low##i = _mm256_setzero_si256(), high##i = low##i;                                                                 \
    const uint8_t *x##i = x + i * step;
    EACH_PIXEL(NAME_PIXEL)
    for (int t = 0; t < st->pairs; t++, p += st->row * 2) {
        const __m256i w0 = vi_load((const int32_t *)p), w1 = vi_load((const int32_t *)p + 8);
        int64_t a = at[2 * t], b = at[2 * t + 1];
#define PAIR_PIXEL(i)                                                                                                          \
    if (n > i) {                                                                                                               \
        __m128i u = _mm_loadu_si128((const __m128i *)(x##i + a)), v = _mm_loadu_si128((const __m128i *)(x##i + b));            \
        low##i = vi_add(low##i, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(u, v)), w0));                         \
        high##i = vi_add(high##i, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_unpackhi_epi8(u, v)), w1));                       \
    }
        EACH_PIXEL(PAIR_PIXEL)
    }
#define STORE_PIXEL(i)                                                                                                         \
    if (n > i) vi_store(out + i * S8_BLOCK, low##i), vi_store(out + i * S8_BLOCK + 8, high##i);
    EACH_PIXEL(STORE_PIXEL)
}

/* n neighbouring output pixels of two rows x 8 channels, from four rows of input. A column's products go to three outputs. */
VF_INLINE void dw_two_rows(int n, const int16_t *w, const uint8_t *x, int64_t step, int64_t row, int32_t *upper, int32_t *lower)
{
    const __m256i *p = (const __m256i *)w;
    __m256i upper0 = _mm256_setzero_si256(), upper1 = upper0, lower0 = upper0, lower1 = upper0;
    for (int i = -2; i < n; i++, x += step) {
        __m128i a = _mm_loadl_epi64((const __m128i *)x), b = _mm_loadl_epi64((const __m128i *)(x + row));
        __m128i c = _mm_loadl_epi64((const __m128i *)(x + 2 * row)), d = _mm_loadl_epi64((const __m128i *)(x + 3 * row));
        __m256i s = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)), t = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(c, d));
#define COLUMN(j)                                                                                                              \
    vi_add(_mm256_madd_epi16(s, _mm256_loadu_si256(p + (j))), _mm256_madd_epi16(t, _mm256_loadu_si256(p + (j) + 2)))
        if (i >= 0) {
            vi_store(upper + i * S8_BLOCK, vi_add(upper0, COLUMN(8)));
            vi_store(lower + i * S8_BLOCK, vi_add(lower0, COLUMN(9)));
        }
        upper0 = vi_add(upper1, COLUMN(4)), lower0 = vi_add(lower1, COLUMN(5));
        upper1 = COLUMN(0), lower1 = COLUMN(1);
    }
}

struct dw {
    const struct ax_conv_params *p;
    const struct state *st;
    struct epi e;
    const struct ax_operand *x, *y, *res;
    uint8_t *x_data, *y_data, *res_data;
    struct s8_shape out;
    int64_t *at;
};

static void tap_offsets(const struct dw *d, const struct s8_run *x)
{
    int taps = d->p->kh * d->p->kw;
    for (int t = 0; t < taps; t++)
        d->at[t] = t / d->p->kw * d->p->dilation_h * x->row + t % d->p->kw * d->p->dilation_w * x->pixel;
    d->at[taps] = d->at[taps - 1];
}

/* The sums of n output pixels of `lines` rows from input `x` on: acc is [lines][PIXELS][16]. */
static void dw_sums(const struct dw *d, int lines, int n, int64_t c, const uint8_t *x, const struct s8_run *run, int32_t *acc)
{
    int64_t step = d->p->stride_w * run->pixel;
    if (lines == 2) {
        const int16_t *w = d->st->two + c / 8 * TWO_ROWS;
        for (int half = 0; half < 2; half++, x += 8, w += TWO_ROWS, acc += 8)
            dw_two_rows(n, w, x, step, run->row, acc, acc + PIXELS * S8_BLOCK);
        return;
    }
    int i = 0;
    for (; i + STEP <= n; i += STEP) dw_step(STEP, d->st, c, x + i * step, step, d->at, acc + i * S8_BLOCK);
    for (; i < n; i++) dw_step(1, d->st, c, x + i * step, step, d->at, acc + i * S8_BLOCK);
}

/* One or two rows of up to 16 channels from channel c on, all in one plane of every operand; returns how many. */
static int dw_rows(const struct dw *d, int lines, int64_t n, int64_t oy, int64_t c)
{
    int32_t acc[2 * PIXELS * S8_BLOCK] __attribute__((aligned(64)));
    int64_t dst_at[PIXELS], res_at[PIXELS];
    struct s8_run x = s8_channel_run(d->x, d->x_data, c), res = {0};
    struct s8_run y = epi_is_float(d->e.form) ? s8_float_run(d->y, d->y_data, c) : s8_channel_run(d->y, d->y_data, c);
    int channels = x.left < y.left ? x.left : y.left;
    if (d->res) res = s8_channel_run(d->res, d->res_data, c);
    if (d->res && res.left < channels) channels = res.left;
    if (channels > S8_BLOCK) channels = S8_BLOCK;
    int count = channels == y.left && y.room >= S8_BLOCK && c % S8_BLOCK == 0 ? S8_BLOCK : channels;
    int64_t iy = oy * d->p->stride_h - d->p->pad_top, step = d->p->stride_w * x.pixel;
    const uint8_t *row = s8_at(&x, n, iy, -(int64_t)d->p->pad_left);
    tap_offsets(d, &x);
    for (int i = 0; i < PIXELS; i++) dst_at[i] = i * y.pixel, res_at[i] = i * res.pixel;
    for (int64_t ox = 0; ox < d->out.w; ox += PIXELS) {
        int pixels = (int)(d->out.w - ox < PIXELS ? d->out.w - ox : PIXELS);
        dw_sums(d, lines, pixels, c, row + ox * step, &x, acc);
        for (int i = 0; i < lines; i++) {
            struct epi_tile tile = {acc + i * PIXELS * S8_BLOCK,
                                    S8_BLOCK,
                                    pixels,
                                    count,
                                    c,
                                    s8_at(&y, n, oy + i, ox),
                                    dst_at,
                                    d->res ? s8_at(&res, n, oy + i, ox) : NULL,
                                    res_at};
            epi_tile_run(&d->e, &tile);
        }
    }
    return channels;
}

static void run_dwconv(const struct ax_task *t)
{
    struct dw d = {.p = t->params, .st = t->state, .x = t->in[0], .y = t->out[0], .x_data = t->in_data[0]};
    d.y_data = t->out_data[0];
    d.out = s8_shape_of(t->out[0]);
    d.at = (int64_t *)t->scratch;
    if (t->step->n_in > 3 && t->in_data[3]) d.res = t->in[3], d.res_data = t->in_data[3];
    d.e = epi_make(t->in_data[2], s8_round_up(d.out.c, S8_BLOCK), d.p->act, d.p->alpha, d.p->beta, d.p->linear,
                   d.res ? d.p->residual : AX_RESIDUAL_NONE, t->out[0]->dtype == AX_DTYPE_FLOAT32);
    int64_t from, to;
    ax_share(d.out.n * d.out.h, 1, t->thread, t->threads, &from, &to);
    for (int64_t u = from, lines; u < to; u += lines) {
        int64_t n = u / d.out.h, y = u % d.out.h;
        lines = d.st->two && u + 1 < to && y + 1 < d.out.h ? 2 : 1;
        for (int64_t c = 0; c < d.out.c;) {
            int together = c % S8_BLOCK ? 1 : (int)lines, channels = dw_rows(&d, together, n, y, c);
            if (together < lines) dw_rows(&d, 1, n, y + 1, c);
            c += channels;
        }
    }
    s8_fill_halo(t, t->out[0], t->out_data[0]);
}

AX_ISA_KERNEL(DWCONV_S8, dwconv_s8, .fits = dw_fits, .prepare = dw_prepare, .scratch = dw_scratch, .run = run_dwconv);
