/* The epilogue of int8 steps, from exact int32 accumulators to int8 or float: steps.h says what, this is the code of every
 * instruction set. Include simd_ISA.h and act.h first. */
#ifndef AX_KERNELS_EPILOGUE_H
#define AX_KERNELS_EPILOGUE_H

#include "kernels/s8.h"

enum epi_form { EPI_LINEAR, EPI_LINEAR_RES, EPI_ACT, EPI_ACT_PRE, EPI_ACT_POST, EPI_FLOAT, EPI_FLOAT_PRE, EPI_FLOAT_POST };

struct epi {
    const int32_t *rows; /* AX_EPI_ROWS x p words */
    int64_t p;
    int act;
    float alpha, beta;
    enum epi_form form;
    int bias_done; /* the accumulators hold the bias already */
};

static inline struct epi epi_make(const void *rows, int64_t p, int act, float alpha, float beta, int linear, int residual,
                                  int to_float)
{
    struct epi e = {rows, p, act, alpha, beta, EPI_LINEAR, 0};
    int with = residual == AX_RESIDUAL_PRE ? 1 : residual == AX_RESIDUAL_POST ? 2 : 0;
    if (to_float)
        e.form = (enum epi_form)(EPI_FLOAT + with);
    else if (linear)
        e.form = (enum epi_form)(EPI_LINEAR + (with != 0));
    else
        e.form = (enum epi_form)(EPI_ACT + with);
    return e;
}

static inline struct epi epi_of_conv(const struct s8_conv *g, const void *rows)
{
    const struct ax_conv_params *p = g->p;
    return epi_make(rows, g->groups * g->n_pad, p->act, p->alpha, p->beta, p->linear, g->res ? p->residual : AX_RESIDUAL_NONE,
                    g->y->layout == AX_LAYOUT_PLAIN && g->y->dtype == AX_DTYPE_FLOAT32);
}

VF_INLINE const float *epi_row(const struct epi *e, int row, int64_t n)
{
    return (const float *)(e->rows + row * e->p + n);
}

VF_INLINE int epi_is_float(enum epi_form f)
{
    return f >= EPI_FLOAT;
}
VF_INLINE int epi_has_residual(enum epi_form f)
{
    return f == EPI_LINEAR_RES || f == EPI_ACT_PRE || f == EPI_ACT_POST || f == EPI_FLOAT_PRE || f == EPI_FLOAT_POST;
}

/* Everything that the epilogue reads of VF_WIDTH channels. */
struct epi_lane {
    vi bias;
    vf mul, add, inv, zero, lo, hi, res, alpha, beta;
};

VF_INLINE struct epi_lane epi_lane(const struct epi *e, enum epi_form f, int act, int64_t n)
{
    struct epi_lane l = {.bias = e->bias_done ? vi_set1(0) : vi_load(e->rows + n)};
    l.mul = vf_load(epi_row(e, AX_EPI_MUL, n));
    l.add = vf_load(epi_row(e, AX_EPI_ADD, n));
    if (epi_has_residual(f)) l.res = vf_load(epi_row(e, AX_EPI_RES, n));
    if (f >= EPI_ACT) l.alpha = act == AX_ACT_PRELU ? vf_load(epi_row(e, AX_EPI_SLOPE, n)) : vf_set1(e->alpha);
    if (f >= EPI_ACT) l.beta = vf_set1(e->beta);
    if (f >= EPI_FLOAT) return l;
    if (f >= EPI_ACT) l.inv = vf_load(epi_row(e, AX_EPI_INV, n));
    if (f >= EPI_ACT) l.zero = vf_load(epi_row(e, AX_EPI_ZERO, n));
    l.lo = vf_load(epi_row(e, AX_EPI_LO, n));
    l.hi = vf_load(epi_row(e, AX_EPI_HI, n));
    return l;
}

VF_INLINE vf epi_scale(const struct epi_lane *l, vi acc)
{
    return vf_fma(vf_from_vi(vi_add(acc, l->bias)), l->mul, l->add);
}

/* From v on; r: the residual's integers. What is returned is a float in both cases: the output, or one to round to int8. */
VF_INLINE vf epi_from(const struct epi_lane *l, enum epi_form f, int act, vf v, vf r)
{
    if (f == EPI_LINEAR_RES || f == EPI_ACT_PRE || f == EPI_FLOAT_PRE) v = vf_fma(r, l->res, v);
    if (f >= EPI_ACT) v = vf_act(act, v, l->alpha, l->beta);
    if (f >= EPI_FLOAT) return f == EPI_FLOAT_POST ? vf_fma(r, l->res, v) : v;
    if (f >= EPI_ACT) v = vf_fma(v, l->inv, l->zero);
    if (f == EPI_ACT_POST) v = vf_fma(r, l->res, v);
    return vf_min(vf_max(v, l->lo), l->hi);
}

/* `rows` pixels of up to 16 channels that start at padded channel n: acc + i lda goes to dst + dst_at[i], `count` channels of
 * each, with the residual from res + res_at[i]. */
struct epi_tile {
    const int32_t *acc;
    int lda, rows, count;
    int64_t n;
    uint8_t *dst;
    const int64_t *dst_at;
    const uint8_t *res;
    const int64_t *res_at;
};

VF_INLINE void epi_tile_part(const struct epi_tile *t, const struct epi_lane *l, enum epi_form f, int act, int j, int n)
{
    for (int i = 0; i < t->rows; i++) {
        vf r = vf_zero();
        if (epi_has_residual(f)) {
            const int8_t *p = (const int8_t *)t->res + t->res_at[i] + j;
            r = vf_from_vi(n == VF_WIDTH ? vi_load_s8(p) : vi_load_s8_n(p, n));
        }
        vf v = epi_from(l, f, act, epi_scale(l, vi_load(t->acc + (int64_t)i * t->lda + j)), r);
        if (epi_is_float(f)) {
            float *d = (float *)(t->dst + t->dst_at[i]) + j;
            if (n == VF_WIDTH)
                vf_store(d, v);
            else
                vf_store_n(d, v, n);
        } else {
            int8_t *d = (int8_t *)t->dst + t->dst_at[i] + j;
            if (n == VF_WIDTH)
                vi_store_s8(d, vi_round(v));
            else
                vi_store_s8_n(d, vi_round(v), n);
        }
    }
}

VF_INLINE void epi_tile_form(const struct epi *e, const struct epi_tile *t, enum epi_form f, int act)
{
    for (int j = 0; j < t->count; j += VF_WIDTH) {
        struct epi_lane l = epi_lane(e, f, act, t->n + j);
        if (t->count - j >= VF_WIDTH)
            epi_tile_part(t, &l, f, act, j, VF_WIDTH);
        else
            epi_tile_part(t, &l, f, e->act, j, t->count - j);
    }
}

#if VF_WIDTH == 8
/* Two rows of 16 linear outputs at a time. HI is applied to floats, with its operands in the order that keeps a NaN, which
 * becomes INT32_MIN; LO to the packed bytes. The result is that of the plain form. */
VF_INLINE __m256i epi_pack(__m256i row0_low, __m256i row0_high, __m256i row1_low, __m256i row1_high)
{
    __m256i p = _mm256_packs_epi16(_mm256_packs_epi32(row0_low, row0_high), _mm256_packs_epi32(row1_low, row1_high));
    return _mm256_permutevar8x32_epi32(p, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

VF_INLINE vi epi_linear(vi acc, vf mul, vf add, vf hi)
{
    return vi_round(vf_min(hi, vf_fma(vf_from_vi(acc), mul, add)));
}

VF_INLINE vi epi_linear_res(vi acc, vf mul, vf add, vf hi, const int8_t *res, vf factor)
{
    return vi_round(vf_min(hi, vf_fma(vf_from_vi(vi_load_s8(res)), factor, vf_fma(vf_from_vi(acc), mul, add))));
}

/* Every constant is a variable of its own: compilers copy structs of vectors in pieces, which stalls. */
VF_INLINE void epi_tile_linear(const struct epi *e, const struct epi_tile *t, int with)
{
    const int64_t n = t->n, lda = t->lda, *dst_at = t->dst_at, *res_at = t->res_at;
    const vi no_bias = vi_set1(0), bias0 = e->bias_done ? no_bias : vi_load(e->rows + n);
    const vi bias1 = e->bias_done ? no_bias : vi_load(e->rows + n + 8);
    const vf mul0 = vf_load(epi_row(e, AX_EPI_MUL, n)), mul1 = vf_load(epi_row(e, AX_EPI_MUL, n + 8));
    const vf add0 = vf_load(epi_row(e, AX_EPI_ADD, n)), add1 = vf_load(epi_row(e, AX_EPI_ADD, n + 8));
    const vf hi0 = vf_load(epi_row(e, AX_EPI_HI, n)), hi1 = vf_load(epi_row(e, AX_EPI_HI, n + 8));
    const vf res0 = vf_load(epi_row(e, AX_EPI_RES, n)), res1 = vf_load(epi_row(e, AX_EPI_RES, n + 8));
    const vi lo0 = vi_round(vf_load(epi_row(e, AX_EPI_LO, n))), lo1 = vi_round(vf_load(epi_row(e, AX_EPI_LO, n + 8)));
    const __m256i lo = epi_pack(lo0, lo1, lo0, lo1);
    uint8_t *dst = t->dst;
    const int8_t *res = (const int8_t *)t->res;
    const int32_t *acc = t->acc;
    for (int i = 0, rows = t->rows; i < rows; i += 2) {
        int k = i + 1 < rows ? i + 1 : i;
        const int32_t *a = acc + i * lda, *b = acc + k * lda;
        vi a0 = vi_add(vi_load(a), bias0), a1 = vi_add(vi_load(a + 8), bias1);
        vi b0 = vi_add(vi_load(b), bias0), b1 = vi_add(vi_load(b + 8), bias1);
        if (with) {
            const int8_t *ra = res + res_at[i], *rb = res + res_at[k];
            a0 = epi_linear_res(a0, mul0, add0, hi0, ra, res0), a1 = epi_linear_res(a1, mul1, add1, hi1, ra + 8, res1);
            b0 = epi_linear_res(b0, mul0, add0, hi0, rb, res0), b1 = epi_linear_res(b1, mul1, add1, hi1, rb + 8, res1);
        } else {
            a0 = epi_linear(a0, mul0, add0, hi0), a1 = epi_linear(a1, mul1, add1, hi1);
            b0 = epi_linear(b0, mul0, add0, hi0), b1 = epi_linear(b1, mul1, add1, hi1);
        }
        __m256i p = _mm256_max_epi8(epi_pack(a0, a1, b0, b1), lo);
        _mm_storeu_si128((__m128i *)(dst + dst_at[k]), _mm256_extracti128_si256(p, 1));
        _mm_storeu_si128((__m128i *)(dst + dst_at[i]), _mm256_castsi256_si128(p));
    }
}

/* SiLU of four vectors side by side: alone, one would wait for its own results most of the time. Near the function's limits
 * (or where one is a NaN), one after another. */
VF_INLINE void epi_silu(vf *v, vf a)
{
    vf x[4], m[4], r[4], p[4];
    vi n[4], far = vi_set1(0);
#define EACH(statement)                                                                                                        \
    for (int i = 0; i < 4; i++) statement
    EACH(x[i] = vf_neg(vf_mul(a, v[i])));
    EACH(far = vi_max(far, vi_bits(vf_abs(x[i]))));
    if (__builtin_expect(vm_any(vi_gt(far, vi_bits(vf_set1(VF_EXP_NEAR)))), 0)) {
        EACH(v[i] = vf_act_SILU(v[i], a, a));
        return;
    }
    EACH(m[i] = vf_round(vf_mul(x[i], vf_set1(VF_EXP_LOG2E))));
    EACH(n[i] = vi_round(m[i]));
    EACH(r[i] = vf_fnma(m[i], vf_set1(VF_EXP_LN2_HIGH), x[i]));
    EACH(r[i] = vf_fnma(m[i], vf_set1(VF_EXP_LN2_LOW), r[i]));
    EACH(p[i] = vf_fma(vf_set1(VF_EXP_7), r[i], vf_set1(VF_EXP_6)));
    EACH(p[i] = vf_fma(p[i], r[i], vf_set1(VF_EXP_5)));
    EACH(p[i] = vf_fma(p[i], r[i], vf_set1(VF_EXP_4)));
    EACH(p[i] = vf_fma(p[i], r[i], vf_set1(VF_EXP_3)));
    EACH(p[i] = vf_fma(p[i], r[i], vf_set1(VF_EXP_2)));
    EACH(p[i] = vf_add(vf_fma(p[i], vf_mul(r[i], r[i]), r[i]), vf_set1(1.0f)));
    EACH(p[i] = vf_add(vf_set1(1.0f), vf_bits(vi_add(vi_bits(p[i]), vi_shl(n[i], 23)))));
    EACH(v[i] = vf_div(v[i], p[i]));
#undef EACH
}

/* Two rows of 16 outputs of SiLU at a time; bounds as in the linear form. */
VF_INLINE void epi_tile_silu(const struct epi *e, const struct epi_tile *t, enum epi_form f)
{
    const int64_t n = t->n, lda = t->lda;
    const vf alpha = vf_set1(e->alpha);
    vf mul[2], add[2], inv[2], zero[2], hi[2], factor[2];
    vi bias[2], lo[2];
    for (int j = 0; j < 2; j++) {
        bias[j] = e->bias_done ? vi_set1(0) : vi_load(e->rows + n + j * 8);
        mul[j] = vf_load(epi_row(e, AX_EPI_MUL, n + j * 8)), add[j] = vf_load(epi_row(e, AX_EPI_ADD, n + j * 8));
        inv[j] = vf_load(epi_row(e, AX_EPI_INV, n + j * 8)), zero[j] = vf_load(epi_row(e, AX_EPI_ZERO, n + j * 8));
        hi[j] = vf_load(epi_row(e, AX_EPI_HI, n + j * 8)), factor[j] = vf_load(epi_row(e, AX_EPI_RES, n + j * 8));
        lo[j] = vi_round(vf_load(epi_row(e, AX_EPI_LO, n + j * 8)));
    }
    const __m256i low = epi_pack(lo[0], lo[1], lo[0], lo[1]);
    for (int i = 0; i < t->rows; i += 2) {
        int row[2] = {i, i + 1 < t->rows ? i + 1 : i};
        vf v[4], r[4];
        vi q[4];
        for (int j = 0; j < 4; j++) {
            v[j] =
                vf_fma(vf_from_vi(vi_add(vi_load(t->acc + row[j / 2] * lda + j % 2 * 8), bias[j % 2])), mul[j % 2], add[j % 2]);
            if (f != EPI_ACT) r[j] = vf_from_vi(vi_load_s8((const int8_t *)t->res + t->res_at[row[j / 2]] + j % 2 * 8));
            if (f == EPI_ACT_PRE) v[j] = vf_fma(r[j], factor[j % 2], v[j]);
        }
        epi_silu(v, alpha);
        for (int j = 0; j < 4; j++) {
            v[j] = vf_fma(v[j], inv[j % 2], zero[j % 2]);
            if (f == EPI_ACT_POST) v[j] = vf_fma(r[j], factor[j % 2], v[j]);
            q[j] = vi_round(vf_min(hi[j % 2], v[j]));
        }
        __m256i p = _mm256_max_epi8(epi_pack(q[0], q[1], q[2], q[3]), low);
        _mm_storeu_si128((__m128i *)(t->dst + t->dst_at[row[1]]), _mm256_extracti128_si256(p, 1));
        _mm_storeu_si128((__m128i *)(t->dst + t->dst_at[row[0]]), _mm256_castsi256_si128(p));
    }
}

VF_INLINE int epi_tile_fast(const struct epi *e, const struct epi_tile *t)
{
    if (t->count != S8_BLOCK) return 0;
    if (e->form == EPI_LINEAR)
        epi_tile_linear(e, t, 0);
    else if (e->form == EPI_LINEAR_RES)
        epi_tile_linear(e, t, 1);
    else if (e->form == EPI_ACT && e->act == AX_ACT_SILU)
        epi_tile_silu(e, t, EPI_ACT);
    else if (e->form == EPI_ACT_PRE && e->act == AX_ACT_SILU)
        epi_tile_silu(e, t, EPI_ACT_PRE);
    else if (e->form == EPI_ACT_POST && e->act == AX_ACT_SILU)
        epi_tile_silu(e, t, EPI_ACT_POST);
    else
        return 0;
    return 1;
}
#else
VF_INLINE int epi_tile_fast(const struct epi *e, const struct epi_tile *t)
{
    return (void)e, (void)t, 0;
}
#endif

#define EPI_ACT_FORMS(act_)                                                                                                    \
    switch (e->form) {                                                                                                         \
    case EPI_ACT_PRE: epi_tile_form(e, t, EPI_ACT_PRE, act_); break;                                                           \
    case EPI_ACT_POST: epi_tile_form(e, t, EPI_ACT_POST, act_); break;                                                         \
    case EPI_FLOAT: epi_tile_form(e, t, EPI_FLOAT, act_); break;                                                               \
    default: epi_tile_form(e, t, EPI_ACT, act_); break;                                                                        \
    }

/* The choice of form and function stands outside of the loops. */
static __attribute__((unused)) void epi_tile_run(const struct epi *e, const struct epi_tile *t)
{
    if (epi_tile_fast(e, t)) return;
    if (e->form == EPI_LINEAR)
        epi_tile_form(e, t, EPI_LINEAR, 0);
    else if (e->form == EPI_LINEAR_RES)
        epi_tile_form(e, t, EPI_LINEAR_RES, 0);
    else if (e->form == EPI_FLOAT_PRE)
        epi_tile_form(e, t, EPI_FLOAT_PRE, e->act);
    else if (e->form == EPI_FLOAT_POST)
        epi_tile_form(e, t, EPI_FLOAT_POST, e->act);
    else if (e->act == AX_ACT_NONE)
        EPI_ACT_FORMS(AX_ACT_NONE)
    else if (e->act == AX_ACT_RELU)
        EPI_ACT_FORMS(AX_ACT_RELU)
    else if (e->act == AX_ACT_SILU)
        EPI_ACT_FORMS(AX_ACT_SILU)
    else if (e->act == AX_ACT_HARD_SWISH)
        EPI_ACT_FORMS(AX_ACT_HARD_SWISH)
    else if (e->act == AX_ACT_LEAKY_RELU)
        EPI_ACT_FORMS(AX_ACT_LEAKY_RELU)
    else
        EPI_ACT_FORMS(e->act)
}

/* -- where a block of 16 output channels goes and where its residual comes from -- */

struct epi_block {
    struct s8_run y, res;
    int64_t c; /* first channel of the tensor */
    int valid; /* channels of the block that exist */
    int count; /* channels to write: valid, or 16 where the padding channels are ours */
    int whole; /* y and the residual each lie in one piece */
};

static inline struct epi_block epi_block_make(const struct s8_conv *g, const struct ax_task *t, int group, int64_t block)
{
    struct epi_block b = {.c = group * g->n_group + block * S8_BLOCK};
    int64_t left = g->n_group - block * S8_BLOCK;
    b.valid = (int)(left < S8_BLOCK ? left : S8_BLOCK);
    b.count = b.valid;
    b.whole = 1;
    if (g->y->layout == AX_LAYOUT_PLANES) {
        b.y = s8_channel_run(g->y, t->out_data[0], b.c);
        if (b.y.left < b.valid)
            b.whole = 0;
        else if (b.y.left == b.valid && b.y.room >= S8_BLOCK)
            b.count = S8_BLOCK;
    } else
        b.y = s8_float_run(g->y, t->out_data[0], b.c);
    if (g->res) {
        b.res = s8_channel_run(g->res, t->in_data[4], b.c);
        if (b.res.left < b.valid) b.whole = 0;
    }
    return b;
}

/* Channel by channel, for blocks that groups or odd planes cut into pieces. */
static __attribute__((unused)) void epi_pieces(const struct s8_conv *g, const struct ax_task *t, const struct epi *e,
                                               const struct epi_block *b, const int32_t *acc, int64_t n, int64_t epi_n,
                                               int64_t y, int64_t x)
{
    int to_float = epi_is_float(e->form);
    int8_t r[S8_BLOCK] = {0};
    float out[S8_BLOCK]; /* or int8 */
    if (g->res)
        for (int c = 0; c < b->valid; c++) {
            struct s8_run from = s8_channel_run(g->res, t->in_data[4], b->c + c);
            r[c] = *(int8_t *)s8_at(&from, n, y, x);
        }
    uint8_t *dst = (uint8_t *)out;
    const int64_t here = 0;
    struct epi_tile one = {acc, S8_BLOCK, 1, S8_BLOCK, epi_n, dst, &here, (const uint8_t *)r, &here};
    epi_tile_run(e, &one);
    for (int c = 0; c < b->valid; c++) {
        struct s8_run to =
            to_float ? s8_float_run(g->y, t->out_data[0], b->c + c) : s8_channel_run(g->y, t->out_data[0], b->c + c);
        memcpy(s8_at(&to, n, y, x), dst + c * (to_float ? 4 : 1), to_float ? 4 : 1);
    }
}

/* Pixels of the output, one after another, and where they lie in a block's planes. */
enum { EPI_PIXELS = 128 };

struct epi_pixels {
    int n;
    int32_t image[EPI_PIXELS], y[EPI_PIXELS], x[EPI_PIXELS];
    int64_t dst_at[EPI_PIXELS], res_at[EPI_PIXELS];
    struct s8_run dst, res; /* whose strides the offsets are made of */
};

/* n <= EPI_PIXELS pixels from the first-th on, in the order of images, rows and columns. */
static __attribute__((unused)) void epi_pixels_set(struct epi_pixels *p, const struct s8_shape *out, int64_t first, int n)
{
    int64_t x = first % out->w, y = first / out->w % out->h, image = first / out->w / out->h;
    p->n = n;
    p->dst.pixel = p->res.pixel = -1;
    for (int i = 0; i < n; x = 0) {
        int end = n - i < out->w - x ? n : i + (int)(out->w - x);
        for (int32_t column = (int32_t)x; i < end; i++) p->image[i] = (int32_t)image, p->y[i] = (int32_t)y, p->x[i] = column++;
        if (++y == out->h) y = 0, image++;
    }
}

/* Row by row: the vectors that a compiler makes of this have no 64-bit products. */
static inline void epi_offsets(const struct epi_pixels *p, const struct s8_run *r, struct s8_run *known, int64_t *at)
{
    if (known->pixel == r->pixel && known->row == r->row && known->image == r->image) return;
    *known = *r;
    for (int i = 0; i < p->n;) {
        int32_t image = p->image[i], y = p->y[i];
        int64_t row = image * r->image + y * r->row;
        for (; i < p->n && p->y[i] == y && p->image[i] == image; i++) at[i] = row + p->x[i] * r->pixel;
    }
}

static __attribute__((unused)) void epi_pixels_aim(struct epi_pixels *p, const struct s8_conv *g, const struct epi_block *b)
{
    epi_offsets(p, &b->y, &p->dst, p->dst_at);
    if (g->res) epi_offsets(p, &b->res, &p->res, p->res_at);
}

/* Pixels [first, first + rows) of p, which aims at block b; acc is rows x 16. */
static __attribute__((unused)) void epi_pixels_run(const struct epi_pixels *p, const struct s8_conv *g, const struct ax_task *t,
                                                   const struct epi *e, const struct epi_block *b, const int32_t *acc,
                                                   int first, int rows, int64_t epi_n)
{
    if (b->whole) {
        struct epi_tile tile = {acc,       S8_BLOCK,          rows,        b->count,         epi_n,
                                b->y.base, p->dst_at + first, b->res.base, p->res_at + first};
        epi_tile_run(e, &tile);
        return;
    }
    for (int i = 0; i < rows; i++)
        epi_pieces(g, t, e, b, acc + i * S8_BLOCK, p->image[first + i], epi_n, p->y[first + i], p->x[first + i]);
}

#endif
