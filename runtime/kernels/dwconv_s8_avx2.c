/* DWCONV_S8 on AVX2: taps in pairs, two bytes of a channel side by side widened to 16 bits, VPMADDWD with the pair's weights.
 */
#include "kernels/simd_avx2.h"

#include <stdlib.h>

#include "kernels/act.h"
#include "kernels/epilogue.h"
#include "kernels/isa.h"

enum { PIXELS = 32, STEP = 4 }; /* output pixels that are accumulated before their epilogue; of these at a time in registers */

/* Weights as [pair of taps][channel][2] int16; an odd last tap is paired with itself and a zero weight. */
struct state {
    int pairs;
    int64_t row; /* channels of one pair, slack included */
    int16_t w[];
};

static void *dw_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_conv_params *c = s->params;
    int64_t padded = s8_round_up(s8_shape_of(&p->operands[s->out[0]]).c, S8_BLOCK);
    int taps = c->kh * c->kw, pairs = (taps + 1) / 2;
    const int8_t *w = (const int8_t *)p->const_data + p->operands[s->in[1]].offset;
    struct state *st = calloc(1, sizeof *st + (size_t)pairs * (size_t)(padded + S8_BLOCK) * 4);
    if (!st) return NULL;
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

/* One row of up to 16 channels from channel c on, all in one plane of every operand; returns how many. */
static int dw_row(const struct dw *d, int64_t n, int64_t oy, int64_t c)
{
    int32_t acc[PIXELS * S8_BLOCK] __attribute__((aligned(64)));
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
    for (int64_t ox = 0; ox < d->out.w; ox += PIXELS) {
        int rows = (int)(d->out.w - ox < PIXELS ? d->out.w - ox : PIXELS), i = 0;
        for (; i + STEP <= rows; i += STEP) dw_step(STEP, d->st, c, row + (ox + i) * step, step, d->at, acc + i * S8_BLOCK);
        for (; i < rows; i++) dw_step(1, d->st, c, row + (ox + i) * step, step, d->at, acc + i * S8_BLOCK);
        for (i = 0; i < rows; i++) dst_at[i] = i * y.pixel, res_at[i] = i * res.pixel;
        struct epi_tile tile = {
            acc, S8_BLOCK, rows, count, c, s8_at(&y, n, oy, ox), dst_at, d->res ? s8_at(&res, n, oy, ox) : NULL, res_at};
        epi_tile_run(&d->e, &tile);
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
    for (int64_t u = from; u < to; u++)
        for (int64_t c = 0; c < d.out.c;) c += dw_row(&d, u / d.out.h, u % d.out.h, c);
    s8_fill_halo(t, t->out[0], t->out_data[0]);
}

AX_ISA_KERNEL(DWCONV_S8, dwconv_s8, .fits = dw_fits, .prepare = dw_prepare, .scratch = dw_scratch, .run = run_dwconv);
