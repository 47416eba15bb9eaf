/* Float, integer and movement kernels: every instruction set and 1 to 3 threads leave the same bits (box_run), and the sums of
 * products and windows equal plain loops in double. */
#include <math.h>

#include "box.h"
#include "program/activation.h"

static int pick(struct box *b, int low, int high)
{
    return low + (int)(box_random(b) % (uint32_t)(high - low + 1));
}

static void near(const char *what, int64_t i, double got, double want, double size)
{
    if (isnan(want) || !(fabs(got - want) <= 1e-5 * size + 1e-6))
        fail_msg("%s: element %lld is %g, should be %g", what, (long long)i, got, want);
}

/* -- convolutions -- */

struct conv {
    struct ax_conv_params p;
    int64_t n, h, w, c, oh, ow, m;
};

static void random_conv(struct box *b, struct conv *v, int kind)
{
    struct ax_conv_params *p = &v->p;
    *p = (struct ax_conv_params){.kh = pick(b, 1, 4),
                                 .kw = pick(b, 1, 4),
                                 .stride_h = pick(b, 1, 3),
                                 .stride_w = pick(b, 1, 3),
                                 .dilation_h = pick(b, 1, 2),
                                 .dilation_w = pick(b, 1, 2)};
    p->pad_top = pick(b, 0, 2), p->pad_left = pick(b, 0, 2), p->pad_bottom = pick(b, 0, 2), p->pad_right = pick(b, 0, 2);
    p->groups = kind == AX_STEP_DWCONV_F32 ? pick(b, 1, 41) : pick(b, 0, 3) ? 1 : pick(b, 2, 3);
    p->act = pick(b, 0, 2) ? AX_ACT_NONE : pick(b, 0, 1) ? AX_ACT_SILU : AX_ACT_PRELU;
    p->alpha = 1;
    p->residual = pick(b, 0, 2);
    v->n = pick(b, 1, 2);
    v->c = kind == AX_STEP_DWCONV_F32 ? p->groups : p->groups * pick(b, 1, 20);
    v->m = kind == AX_STEP_DWCONV_F32 ? p->groups : p->groups * pick(b, 1, 37);
    int span_h = (p->kh - 1) * p->dilation_h + 1, span_w = (p->kw - 1) * p->dilation_w + 1;
    v->h = span_h + pick(b, 0, 9);
    v->w = span_w + pick(b, 0, 13);
    v->oh = (v->h + p->pad_top + p->pad_bottom - span_h) / p->stride_h + 1;
    v->ow = (v->w + p->pad_left + p->pad_right - span_w) / p->stride_w + 1;
    if (kind != AX_STEP_CONVT_F32) return;
    v->oh = (v->h - 1) * p->stride_h + span_h;
    v->ow = (v->w - 1) * p->stride_w + span_w;
    p->pad_top = pick(b, 0, 1), p->pad_left = pick(b, 0, 1);
    if (v->oh > p->pad_top) v->oh -= p->pad_top;
    if (v->ow > p->pad_left) v->ow -= p->pad_left;
}

static float weight_at(const struct conv *v, int kind, const float *w, int64_t m, int ky, int kx, int64_t c)
{
    int64_t cg = v->c / v->p.groups, mg = v->m / v->p.groups, k = cg * v->p.kh * v->p.kw, blocks = (mg + 15) / 16;
    if (kind == AX_STEP_DWCONV_F32) return w[((int64_t)ky * v->p.kw + kx) * v->c + m];
    int64_t g = m / mg, j = m % mg;
    return w[((g * blocks + j / 16) * k + ((int64_t)ky * v->p.kw + kx) * cg + c) * 16 + j % 16];
}

/* Input coordinate of a tap, or -1. */
static int64_t tap(int64_t o, int k, int stride, int pad, int dilation, int64_t size, int transposed)
{
    int64_t i = transposed ? o + pad - (int64_t)k * dilation : o * stride - pad + (int64_t)k * dilation;
    if (transposed && (i < 0 || i % stride)) return -1;
    if (transposed) i /= stride;
    return i < 0 || i >= size ? -1 : i;
}

static double conv_at(struct box *b, const struct conv *v, int kind, int64_t n, int64_t oy, int64_t ox, int64_t m, double *size)
{
    const float *x = box_data(b, b->in[0]), *w = box_data(b, b->in[1]), *bias = box_data(b, b->in[2]);
    int64_t cg = v->c / v->p.groups, g = m / (v->m / v->p.groups);
    double sum = bias[m];
    *size = fabs(sum) + 1;
    for (int ky = 0; ky < v->p.kh; ky++)
        for (int kx = 0; kx < v->p.kw; kx++) {
            int64_t iy = tap(oy, ky, v->p.stride_h, v->p.pad_top, v->p.dilation_h, v->h, kind == AX_STEP_CONVT_F32);
            int64_t ix = tap(ox, kx, v->p.stride_w, v->p.pad_left, v->p.dilation_w, v->w, kind == AX_STEP_CONVT_F32);
            for (int64_t c = 0; c < cg && iy >= 0 && ix >= 0; c++) {
                double t = (double)x[((n * v->h + iy) * v->w + ix) * v->c + g * cg + c] * weight_at(v, kind, w, m, ky, kx, c);
                sum += t;
                *size += fabs(t);
            }
        }
    double r = ((const float *)box_data(b, b->in[3]))[((n * v->oh + oy) * v->ow + ox) * v->m + m];
    double slope = ((const float *)box_data(b, b->in[4]))[m];
    if (v->p.residual == AX_RESIDUAL_PRE) sum += r;
    if (v->p.act == AX_ACT_PRELU && sum < 0) sum *= slope;
    if (v->p.act == AX_ACT_SILU) sum /= 1 + exp(-slope * sum);
    if (v->p.residual == AX_RESIDUAL_POST) sum += r;
    *size = (*size + fabs(r)) * (1 + fabs(slope));
    return sum;
}

static void conv_case(int kind, uint32_t seed)
{
    struct box b;
    struct conv v;
    box_begin(&b, (enum ax_step_kind)kind, &v.p, seed);
    random_conv(&b, &v, kind);
    int64_t k = v.c / v.p.groups * v.p.kh * v.p.kw, blocks = (v.m / v.p.groups + 15) / 16;
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(v.n, v.h, v.w, v.c));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(kind == AX_STEP_DWCONV_F32 ? v.p.kh * v.p.kw * v.c : v.p.groups * blocks * k * 16));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(v.m));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(v.n, v.oh, v.ow, v.m));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(v.m));
    box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(v.n, v.oh, v.ow, v.m));
    box_fill(&b);
    box_run(&b);
    const float *y = box_data(&b, b.out[0]);
    for (int64_t i = 0; i < v.n * v.oh * v.ow * v.m; i++) {
        double size, want = conv_at(&b, &v, kind, i / v.m / v.ow / v.oh, i / v.m / v.ow % v.oh, i / v.m % v.ow, i % v.m, &size);
        near("conv", i, y[i], want, size);
    }
    box_end(&b);
}

static void test_conv(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 60; s++) conv_case(AX_STEP_CONV_F32, s);
}
static void test_dwconv(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 40; s++) conv_case(AX_STEP_DWCONV_F32, s);
}
static void test_convt(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 40; s++) conv_case(AX_STEP_CONVT_F32, s);
}

/* -- matrix products -- */

static void matmul_case(uint32_t seed)
{
    struct box b;
    struct ax_matmul_params p = {.batch_rank = 2, .act = AX_ACT_NONE};
    box_begin(&b, AX_STEP_MATMUL_F32, &p, seed);
    p.batch[0] = pick(&b, 1, 3), p.batch[1] = pick(&b, 1, 2), p.m = pick(&b, 1, 20), p.n = pick(&b, 1, 50),
    p.k = pick(&b, 1, 40);
    p.a_stride[0] = p.batch[1] * p.m * p.k, p.a_stride[1] = p.m * p.k; /* b is the same for all of batch 0 */
    p.b_stride[1] = p.k * p.n;
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(p.batch[0], p.batch[1], p.m, p.k));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(p.batch[1], p.k, p.n));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(p.n));
    box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(p.batch[0], p.batch[1], p.m, p.n));
    box_fill(&b);
    box_run(&b);
    const float *x = box_data(&b, b.in[0]), *w = box_data(&b, b.in[1]), *bias = box_data(&b, b.in[2]),
                *y = box_data(&b, b.out[0]);
    for (int64_t i = 0; i < (int64_t)p.batch[0] * p.batch[1] * p.m * p.n; i++) {
        int64_t n = i % p.n, m = i / p.n % p.m, b1 = i / p.n / p.m % p.batch[1], b0 = i / p.n / p.m / p.batch[1];
        double sum = bias[n], size = fabs(sum) + 1;
        for (int64_t k = 0; k < p.k; k++) {
            double t = (double)x[((b0 * p.batch[1] + b1) * p.m + m) * p.k + k] * w[(b1 * p.k + k) * p.n + n];
            sum += t, size += fabs(t);
        }
        near("matmul", i, y[i], sum, size);
    }
    box_end(&b);
}

static void test_matmul(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 40; s++) matmul_case(s);
}

/* -- pools -- */

static void pool_case(uint32_t seed)
{
    struct box b;
    struct ax_pool_params p = {0};
    box_begin(&b, AX_STEP_POOL_F32, &p, seed);
    p = (struct ax_pool_params){.kh = pick(&b, 1, 3),
                                .kw = pick(&b, 1, 4),
                                .stride_h = pick(&b, 1, 2),
                                .stride_w = pick(&b, 1, 3),
                                .dilation_h = pick(&b, 1, 2),
                                .dilation_w = 1};
    p.pad_top = pick(&b, 0, p.kh - 1), p.pad_left = pick(&b, 0, p.kw - 1);
    p.average = pick(&b, 0, 1);
    p.count_include_pad = pick(&b, 0, 1);
    int64_t c = pick(&b, 1, 40), h = 3 + pick(&b, 2, 9), w = pick(&b, 4, 9),
            oh = (h + p.pad_top - (p.kh - 1) * p.dilation_h - 1) / p.stride_h + 1;
    int64_t ow = (w + p.pad_left - p.kw) / p.stride_w + 1;
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(2, h, w, c));
    box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(2, oh, ow, c));
    box_fill(&b);
    box_run(&b);
    const float *x = box_data(&b, b.in[0]), *y = box_data(&b, b.out[0]);
    for (int64_t i = 0; i < 2 * oh * ow * c; i++) {
        int64_t ox = i / c % ow, oy = i / c / ow % oh, n = i / c / ow / oh, count = 0;
        double sum = 0, most = -INFINITY, size = 1;
        for (int ky = 0; ky < p.kh; ky++)
            for (int kx = 0; kx < p.kw; kx++) {
                int64_t iy = tap(oy, ky, p.stride_h, p.pad_top, p.dilation_h, h, 0),
                        ix = tap(ox, kx, p.stride_w, p.pad_left, 1, w, 0);
                count += p.count_include_pad || (iy >= 0 && ix >= 0);
                if (iy < 0 || ix < 0) continue;
                double v = x[((n * h + iy) * w + ix) * c + i % c];
                sum += v, size += fabs(v);
                most = v > most ? v : most;
            }
        near("pool", i, y[i], p.average ? sum / (double)count : most, size);
    }
    box_end(&b);
}

static void test_pool(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 40; s++) pool_case(s);
}

/* -- elements -- */

static void binary_case(uint32_t seed, int op, enum ax_dtype t)
{
    struct box b;
    struct ax_binary_params p = {.op = op, .act = seed % 3 || t != AX_DTYPE_FLOAT32 ? AX_ACT_NONE : AX_ACT_RELU};
    if (op >= AX_BINARY_POW && op != AX_BINARY_MIN && op != AX_BINARY_MAX && op != AX_BINARY_PRELU) p.act = AX_ACT_NONE;
    box_begin(&b, AX_STEP_BINARY, &p, seed * 77 + (uint32_t)op);
    int64_t d[3] = {pick(&b, 1, 3), pick(&b, 1, 5), pick(&b, 1, 70)}, x[3], y[3];
    for (int i = 0; i < 3; i++) x[i] = pick(&b, 0, 3) ? d[i] : 1, y[i] = pick(&b, 0, 2) ? d[i] : 1;
    for (int i = 0; i < 3; i++) d[i] = x[i] > y[i] ? x[i] : y[i];
    int lead = pick(&b, 0, 2) == 0 && y[0] == 1;
    box_in(&b, t, 3, x);
    box_in(&b, t, 3 - lead, y + lead);
    box_out(&b, op >= AX_BINARY_EQUAL && op <= AX_BINARY_GREATER_OR_EQUAL ? AX_DTYPE_BOOL : t, 3, d);
    box_fill(&b);
    box_run(&b);
    box_end(&b);
}

static void test_binary(void **state)
{
    (void)state;
    for (int op = 0; op < AX_BINARY_COUNT; op++)
        for (uint32_t s = 1; s <= 8; s++) {
            if (op < AX_BINARY_AND) binary_case(s, op, AX_DTYPE_FLOAT32);
            binary_case(s, op, AX_DTYPE_INT32);
            binary_case(s, op, AX_DTYPE_INT64);
            binary_case(s, op, AX_DTYPE_BOOL);
        }
}

static void test_power(void **state)
{
    (void)state;
    struct box b;
    struct ax_binary_params p = {.op = AX_BINARY_POW};
    box_begin(&b, AX_STEP_BINARY, &p, 1);
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(5000));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(5000));
    box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(5000));
    box_fill(&b);
    box_run(&b);
    const float *x = box_data(&b, b.in[0]), *e = box_data(&b, b.in[1]), *y = box_data(&b, b.out[0]);
    for (int i = 0; i < 5000; i++) {
        float want = (float)pow((double)x[i], (double)e[i]);
        if (isnan(want) ? !isnan(y[i]) : y[i] != want && fabsf(y[i] - want) > 1.2e-7f * fabsf(want))
            fail_msg("pow(%a, %a) is %a, should be %a", x[i], e[i], y[i], want);
    }
    box_end(&b);
}

/* -- reductions and normalizations -- */

static void test_reduce(void **state)
{
    (void)state;
    for (int op = 0; op < AX_REDUCE_COUNT; op++)
        for (uint32_t s = 1; s <= 12; s++) {
            struct box b;
            struct ax_reduce_params p = {.op = op};
            box_begin(&b, AX_STEP_REDUCE, &p, s * 31 + (uint32_t)op);
            int64_t d[4] = {pick(&b, 1, 3), pick(&b, 1, 80), pick(&b, 1, 9), pick(&b, 1, 70)}, kept[4];
            int position = op == AX_REDUCE_ARG_MAX || op == AX_REDUCE_ARG_MIN;
            p.axes_mask = position ? 1 << pick(&b, 0, 3) : pick(&b, 0, 15);
            for (int i = 0; i < 4; i++) kept[i] = p.axes_mask >> i & 1 ? 1 : d[i];
            enum ax_dtype t = s % 3 ? AX_DTYPE_FLOAT32 : AX_DTYPE_INT64;
            box_in(&b, t, 4, d);
            box_out(&b, position ? AX_DTYPE_INT64 : t, 4, kept);
            box_fill(&b);
            box_run(&b);
            if (op == AX_REDUCE_SUM && t == AX_DTYPE_FLOAT32) {
                const float *x = box_data(&b, b.in[0]), *y = box_data(&b, b.out[0]);
                double total = 0, got = 0, size = 1;
                for (int64_t i = 0; i < d[0] * d[1] * d[2] * d[3]; i++) total += x[i], size += fabsf(x[i]);
                for (int64_t i = 0; i < kept[0] * kept[1] * kept[2] * kept[3]; i++) got += y[i];
                near("sum", 0, got, total, size);
            }
            box_end(&b);
        }
}

static void test_rows(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 24; s++) {
        static const enum ax_step_kind kinds[] = {AX_STEP_SOFTMAX_F32, AX_STEP_LAYERNORM_F32, AX_STEP_INSTNORM_F32,
                                                  AX_STEP_LRN_F32};
        struct box b;
        struct ax_norm_params n = {.epsilon = 1e-5f, .size = 5, .alpha = 1e-4f, .beta = 0.75f, .bias = 1};
        struct ax_softmax_params m = {0};
        enum ax_step_kind kind = kinds[s % 4];
        box_begin(&b, kind, kind == AX_STEP_SOFTMAX_F32 ? (void *)&m : (void *)&n, s);
        m.axis = n.axis = pick(&b, 0, 2);
        m.log = pick(&b, 0, 1);
        int64_t d[3] = {pick(&b, 1, 5), pick(&b, 1, 90), pick(&b, 1, 37)}, row = kind == AX_STEP_LAYERNORM_F32 ? 1 : d[2];
        for (int i = n.axis; kind == AX_STEP_LAYERNORM_F32 && i < 3; i++) row *= d[i];
        box_in(&b, AX_DTYPE_FLOAT32, 3, d);
        if (kind == AX_STEP_LAYERNORM_F32 || kind == AX_STEP_INSTNORM_F32) {
            box_in(&b, AX_DTYPE_FLOAT32, 1, &row);
            box_in(&b, AX_DTYPE_FLOAT32, 1, &row);
        }
        box_out(&b, AX_DTYPE_FLOAT32, 3, d);
        box_fill(&b);
        box_run(&b);
        box_end(&b);
    }
}

/* -- movement -- */

static void test_transpose(void **state)
{
    (void)state;
    static const enum ax_dtype types[] = {AX_DTYPE_INT8, AX_DTYPE_INT16, AX_DTYPE_FLOAT32, AX_DTYPE_INT64};
    for (uint32_t s = 1; s <= 40; s++) {
        struct box b;
        struct ax_transpose_params p;
        box_begin(&b, AX_STEP_TRANSPOSE, &p, s);
        int64_t d[4], o[4];
        for (int i = 0; i < 4; i++) d[i] = pick(&b, 1, 21), p.perm[i] = i;
        for (int i = 3; i > 0; i--) {
            int k = pick(&b, 0, i), t = p.perm[i];
            p.perm[i] = p.perm[k], p.perm[k] = t;
        }
        for (int i = 0; i < 4; i++) o[i] = d[p.perm[i]];
        int64_t size = (int64_t)ax_dtype_bytes(types[s % 4]);
        box_in(&b, types[s % 4], 4, d);
        box_out(&b, types[s % 4], 4, o);
        box_fill(&b);
        box_run(&b);
        int64_t at[4] = {0};
        for (int64_t i = 0; i < d[0] * d[1] * d[2] * d[3]; i++) {
            int64_t x[4];
            for (int k = 0; k < 4; k++) x[p.perm[k]] = at[k];
            int64_t from = ((x[0] * d[1] + x[1]) * d[2] + x[2]) * d[3] + x[3];
            assert_memory_equal((uint8_t *)box_data(&b, b.out[0]) + i * size, (uint8_t *)box_data(&b, b.in[0]) + from * size,
                                (size_t)size);
            for (int k = 3; k >= 0 && ++at[k] == o[k]; k--) at[k] = 0;
        }
        box_end(&b);
    }
}

static int64_t padded(int64_t i, int64_t n, int mode)
{
    while (mode == AX_PAD_REFLECT && (i < 0 || i >= n)) i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
    if (mode == AX_PAD_EDGE) i = i < 0 ? 0 : i >= n ? n - 1 : i;
    while (mode == AX_PAD_WRAP && i < 0) i += n;
    while (mode == AX_PAD_WRAP && i >= n) i -= n;
    return i < 0 || i >= n ? -1 : i;
}

static void test_pad(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 60; s++) {
        struct box b;
        struct ax_pad_params p = {.mode = (int32_t)(s % 4), .value = 2.5f};
        box_begin(&b, AX_STEP_PAD, &p, s);
        int64_t d[2], o[2];
        for (int i = 0; i < 2; i++) {
            d[i] = pick(&b, 2, 9);
            p.pads[i] = pick(&b, -1, 5), p.pads[2 + i] = pick(&b, 0, 5);
            o[i] = d[i] + p.pads[i] + p.pads[2 + i];
        }
        box_in(&b, AX_DTYPE_FLOAT32, 2, d);
        box_out(&b, AX_DTYPE_FLOAT32, 2, o);
        box_fill(&b);
        box_run(&b);
        const float *x = box_data(&b, b.in[0]), *y = box_data(&b, b.out[0]);
        for (int64_t i = 0; i < o[0] * o[1]; i++) {
            int64_t r = padded(i / o[1] - p.pads[0], d[0], p.mode), c = padded(i % o[1] - p.pads[1], d[1], p.mode);
            assert_true(y[i] == (r < 0 || c < 0 ? 2.5f : x[r * d[1] + c]));
        }
        box_end(&b);
    }
}

static void test_resize(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 60; s++) {
        struct box b;
        struct ax_resize_params p = {
            .mode = (int32_t)(s % 3), .coordinate = (int32_t)(s / 3 % 5), .nearest = (int32_t)(s % 4), .cubic_a = -0.75f};
        box_begin(&b, AX_STEP_RESIZE_F32, &p, s);
        int64_t d[4] = {pick(&b, 1, 2), pick(&b, 2, 9), pick(&b, 2, 9), pick(&b, 1, 19)}, o[4];
        for (int i = 0; i < 4; i++) p.scale[i] = i == 1 || i == 2 ? (float)pick(&b, 2, 10) / 4 : 1;
        for (int i = 0; i < 4; i++) o[i] = (int64_t)floorf((float)d[i] * p.scale[i]);
        p.antialias = p.mode != AX_RESIZE_NEAREST && pick(&b, 0, 1);
        p.exclude_outside = pick(&b, 0, 1);
        if (o[1] == 0 || o[2] == 0) continue;
        box_in(&b, AX_DTYPE_FLOAT32, 4, d);
        box_out(&b, AX_DTYPE_FLOAT32, 4, o);
        box_fill(&b);
        float *x = box_data(&b, b.in[0]);
        for (int64_t i = 0; i < d[0] * d[1] * d[2] * d[3]; i++) x[i] = 3;
        box_run(&b);
        const float *y = box_data(&b, b.out[0]);
        for (int64_t i = 0; i < o[0] * o[1] * o[2] * o[3]; i++) near("resize of a constant", i, y[i], 3, 3);
        box_end(&b);
    }
}

static void test_topk(void **state)
{
    (void)state;
    for (uint32_t s = 1; s <= 20; s++) {
        struct box b;
        struct ax_topk_params p = {.axis = 1, .largest = (int32_t)(s & 1), .sorted = 1};
        box_begin(&b, AX_STEP_TOPK, &p, s);
        int64_t d[3] = {pick(&b, 1, 3), pick(&b, 1, 60), pick(&b, 1, 4)};
        p.k = pick(&b, 1, (int)d[1]);
        box_in(&b, AX_DTYPE_FLOAT32, 3, d);
        box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(d[0], p.k, d[2]));
        box_out(&b, AX_DTYPE_INT64, BOX_DIMS(d[0], p.k, d[2]));
        box_fill(&b);
        box_run(&b);
        const float *x = box_data(&b, b.in[0]), *y = box_data(&b, b.out[0]);
        const int64_t *at = box_data(&b, b.out[1]);
        for (int64_t l = 0; l < d[0] * d[2]; l++)
            for (int64_t k = 0; k < p.k; k++) {
                int64_t i = (l / d[2] * p.k + k) * d[2] + l % d[2], better = 0;
                assert_true(at[i] >= 0 && at[i] < d[1]);
                assert_true(y[i] == x[(l / d[2] * d[1] + at[i]) * d[2] + l % d[2]]);
                for (int64_t e = 0; e < d[1]; e++) {
                    float v = x[(l / d[2] * d[1] + e) * d[2] + l % d[2]];
                    better += v == y[i] ? e < at[i] : p.largest ? v > y[i] : v < y[i];
                }
                assert_int_equal(better, k);
            }
        box_end(&b);
    }
}

/* Numbers that lie exactly between two steps, far outside, and NaN. */
static void test_quantize(void **state)
{
    (void)state;
    struct box b;
    struct ax_none_params p = {0};
    box_begin(&b, AX_STEP_QUANTIZE, &p, 3);
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(700));
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(1));
    box_in(&b, AX_DTYPE_INT32, BOX_DIMS(1));
    box_out(&b, AX_DTYPE_INT8, BOX_DIMS(700));
    box_fill(&b);
    float *x = box_data(&b, b.in[0]);
    *(float *)box_data(&b, b.in[1]) = 0.5f;
    *(int32_t *)box_data(&b, b.in[2]) = -3;
    for (int i = 0; i < 700; i++) x[i] = (float)(i - 350) * 0.25f;
    x[0] = NAN, x[1] = INFINITY, x[2] = -INFINITY, x[3] = 1e30f;
    box_run(&b);
    const int8_t *q = box_data(&b, b.out[0]);
    assert_int_equal(q[0], -128);
    assert_int_equal(q[1], 127);
    assert_int_equal(q[2], -128);
    assert_int_equal(q[3], 127);
    for (int i = 4; i < 700; i++) {
        double v = rint((double)(i - 350) * 0.25 / 0.5) - 3;
        assert_int_equal(q[i], v < -128 ? -128 : v > 127 ? 127 : (int)v);
    }
    box_end(&b);
}

static void test_cast(void **state)
{
    (void)state;
    struct box b;
    struct ax_none_params p = {0};
    box_begin(&b, AX_STEP_CAST, &p, 3);
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(7));
    box_out(&b, AX_DTYPE_INT32, BOX_DIMS(7));
    box_fill(&b);
    const float x[7] = {NAN, INFINITY, -INFINITY, 1.9f, -1.9f, 3e9f, -0.0f};
    const int32_t want[7] = {0, INT32_MAX, INT32_MIN, 1, -1, INT32_MAX, 0};
    memcpy(box_data(&b, b.in[0]), x, sizeof x);
    box_run(&b);
    assert_memory_equal(box_data(&b, b.out[0]), want, sizeof want);
    box_end(&b);
}

static void test_gather(void **state)
{
    (void)state;
    struct box b;
    struct ax_gather_params p = {.axis = 1};
    box_begin(&b, AX_STEP_GATHER, &p, 3);
    box_in(&b, AX_DTYPE_FLOAT32, BOX_DIMS(3, 5, 2));
    box_in(&b, AX_DTYPE_INT64, BOX_DIMS(4));
    box_out(&b, AX_DTYPE_FLOAT32, BOX_DIMS(3, 4, 2));
    box_fill(&b);
    const int64_t idx[4] = {4, -1, 0, 1000}; /* 1000 is brought to the last */
    memcpy(box_data(&b, b.in[1]), idx, sizeof idx);
    box_run(&b);
    const float *x = box_data(&b, b.in[0]), *y = box_data(&b, b.out[0]);
    static const int at[4] = {4, 4, 0, 4};
    for (int i = 0; i < 24; i++) assert_true(y[i] == x[(i / 8 * 5 + at[i / 2 % 4]) * 2 + i % 2]);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),   cmocka_unit_test(test_dwconv),    cmocka_unit_test(test_convt),
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_pool),      cmocka_unit_test(test_binary),
        cmocka_unit_test(test_power),  cmocka_unit_test(test_reduce),    cmocka_unit_test(test_rows),
        cmocka_unit_test(test_resize), cmocka_unit_test(test_transpose), cmocka_unit_test(test_pad),
        cmocka_unit_test(test_topk),   cmocka_unit_test(test_quantize),  cmocka_unit_test(test_cast),
        cmocka_unit_test(test_gather),
    };
    return cmocka_run_group_tests_name("float kernels", tests, NULL, NULL);
}
