/* Float lowering against plain loops; packing, folding, ports, memory. */
#include "lower_harness.h"

#include "lower/pack.h"

static struct lh_tensors run(struct ax_graph *g, int y, struct lh_tensors *in)
{
    struct ax_error err;
    lh_output(g, y);
    lh_ok(ax_graph_verify(g, &err), &err);
    *in = lh_random_inputs(g);
    return lh_run(g, in);
}

static void near(const struct lh_tensors *got, const float *want)
{
    for (int64_t i = 0; i < got->count[0]; i++)
        if (!(fabsf(got->data[0][i] - want[i]) <= 1e-4f * (1 + fabsf(want[i]))))
            fail_msg("element %lld: %g, expected %g", (long long)i, (double)got->data[0][i], (double)want[i]);
}

/* -- convolutions, in both layouts -- */

struct conv {
    int c, n, h, w, k, stride, dilation, pad, groups, nhwc, transposed;
    const char *act, *residual;
};

static int64_t at4(const struct conv *t, int64_t c, int64_t y, int64_t x, int64_t channels, int64_t h, int64_t w)
{
    return t->nhwc ? (y * w + x) * channels + c : (c * h + y) * w + x;
}

static float activated(const char *act, float v)
{
    if (!act) return v;
    if (!strcmp(act, "relu")) return v > 0 ? v : 0;
    return v / (1 + expf(-v));
}

static void conv_reference(const struct conv *t, const float *x, const float *w, const float *b, const float *r, float *y,
                           int oh, int ow)
{
    int cg = t->c / t->groups, ng = t->n / t->groups;
    for (int n = 0; n < t->n; n++)
        for (int i = 0; i < oh; i++)
            for (int j = 0; j < ow; j++) {
                double v = (double)b[n];
                for (int c = 0; c < cg; c++)
                    for (int ky = 0; ky < t->k; ky++)
                        for (int kx = 0; kx < t->k; kx++) {
                            int g = n / ng, iy, ix;
                            if (t->transposed) {
                                iy = i + t->pad - ky * t->dilation, ix = j + t->pad - kx * t->dilation;
                                if (iy % t->stride || ix % t->stride) continue;
                                iy /= t->stride, ix /= t->stride;
                            } else {
                                iy = i * t->stride - t->pad + ky * t->dilation, ix = j * t->stride - t->pad + kx * t->dilation;
                            }
                            if (iy < 0 || ix < 0 || iy >= t->h || ix >= t->w) continue;
                            int64_t wi = t->transposed ? ((int64_t)(g * cg + c) * ng + n % ng) : ((int64_t)n * cg + c);
                            v += (double)x[at4(t, g * cg + c, iy, ix, t->c, t->h, t->w)] *
                                 (double)w[(wi * t->k + ky) * t->k + kx];
                        }
                int64_t o = at4(t, n, i, j, t->n, oh, ow);
                float f = (float)v;
                if (t->residual && !strcmp(t->residual, "pre")) f += r[o];
                f = activated(t->act, f);
                if (t->residual && !strcmp(t->residual, "post")) f += r[o];
                y[o] = f;
            }
}

static void check_conv(const struct conv *t)
{
    struct ax_graph *g = ax_graph_new("t");
    struct lh_tensors in;
    int span = t->dilation * (t->k - 1) + 1;
    int oh = t->transposed ? (t->h - 1) * t->stride + span - 2 * t->pad : (t->h + 2 * t->pad - span) / t->stride + 1;
    int ow = t->transposed ? (t->w - 1) * t->stride + span - 2 * t->pad : (t->w + 2 * t->pad - span) / t->stride + 1;
    int x = lh_input(g, t->nhwc ? SHAPE(1, t->h, t->w, t->c) : SHAPE(1, t->c, t->h, t->w)), r = AX_NONE;
    if (t->residual) r = lh_input(g, t->nhwc ? SHAPE(1, oh, ow, t->n) : SHAPE(1, t->n, oh, ow));
    int w = t->transposed ? lh_const(g, SHAPE(t->c, t->n / t->groups, t->k, t->k), 1)
                          : lh_const(g, SHAPE(t->n, t->c / t->groups, t->k, t->k), 1);
    int b = lh_const(g, SHAPE(t->n), 1);
    int y = lh_node(g, t->transposed ? AX_OP_CONV_TRANSPOSE : AX_OP_CONV, IN(x, w, b, r));
    if (t->nhwc) lh_int(g, "nhwc", 1);
    lh_conv_attributes(g, t->groups, t->k, t->stride, t->dilation, t->pad);
    if (t->act) lh_string(g, "act", t->act);
    if (t->residual) lh_string(g, "residual", t->residual);
    lh_infer(g);
    struct lh_tensors out = run(g, y, &in);
    float *want = malloc(sizeof *want * (size_t)out.count[0]);
    conv_reference(t, in.data[0], g->values[w].data, g->values[b].data, t->residual ? in.data[1] : NULL, want, oh, ow);
    near(&out, want);
    free(want);
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

static void test_conv(void **state)
{
    (void)state;
    static const struct conv cases[] = {
        {3, 20, 7, 9, 3, 1, 1, 1, 1, 1, 0, NULL, NULL},     {3, 20, 7, 9, 3, 2, 1, 1, 1, 0, 0, "relu", NULL},
        {16, 33, 6, 5, 1, 1, 1, 0, 1, 1, 0, "silu", "pre"}, {16, 33, 6, 5, 3, 1, 2, 2, 1, 0, 0, "silu", "post"},
        {12, 24, 8, 8, 3, 1, 1, 1, 4, 1, 0, NULL, NULL},    {20, 20, 8, 8, 3, 1, 1, 1, 20, 1, 0, "relu", "pre"},
        {20, 20, 8, 8, 5, 2, 1, 2, 20, 0, 0, NULL, NULL},   {20, 40, 8, 8, 3, 1, 1, 1, 20, 1, 0, NULL, NULL},
        {8, 12, 5, 6, 3, 2, 1, 1, 1, 1, 1, NULL, NULL},     {8, 12, 5, 6, 2, 2, 1, 0, 2, 0, 1, "relu", NULL},
        {8, 12, 5, 6, 3, 1, 2, 1, 4, 1, 1, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_conv(&cases[i]);
}

static void test_conv_1d(void **state)
{
    (void)state;
    struct lh_tensors in;
    struct ax_graph *g = ax_graph_new("t");
    int x = lh_input(g, SHAPE(1, 2, 5)), w = lh_const(g, SHAPE(3, 2, 3), 1);
    int y = lh_node(g, AX_OP_CONV, IN(x, w));
    lh_int(g, "group", 1);
    lh_ints(g, "kernel_shape", 1, 3), lh_ints(g, "strides", 1, 1), lh_ints(g, "dilations", 1, 1), lh_ints(g, "pads", 2, 1, 1);
    lh_infer(g);
    struct lh_tensors out = run(g, y, &in);
    const float *k = g->values[w].data;
    float want[15] = {0};
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < 5; i++)
            for (int c = 0; c < 2; c++)
                for (int t = 0; t < 3; t++)
                    if (i + t - 1 >= 0 && i + t - 1 < 5)
                        want[n * 5 + i] += in.data[0][c * 5 + i + t - 1] * k[(n * 2 + c) * 3 + t];
    near(&out, want);
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

/* -- products -- */

static void test_matmul(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) { /* constant weights; two activations; with broadcast; Gemm of activations */
        struct lh_tensors in;
        struct ax_graph *g = ax_graph_new("t");
        int a = kind == 3 ? lh_input(g, SHAPE(9, 5)) : lh_input(g, SHAPE(2, 5, 9)), y;
        int b = kind == 0   ? lh_const(g, SHAPE(9, 18), 1)
                : kind == 1 ? lh_input(g, SHAPE(2, 9, 18))
                : kind == 2 ? lh_input(g, SHAPE(9, 18))
                            : lh_input(g, SHAPE(18, 9));
        y = lh_node(g, kind == 3 ? AX_OP_GEMM : AX_OP_MATMUL, IN(a, b));
        if (kind == 3) lh_int(g, "transA", 1), lh_int(g, "transB", 1), ax_node_set_float(g, lh_last(g), "alpha", 2);
        lh_infer(g);
        struct lh_tensors out = run(g, y, &in);
        const float *bd = kind == 0 ? g->values[b].data : in.data[1];
        float want[2 * 5 * 18];
        for (int n = 0; n < (kind == 3 ? 1 : 2); n++)
            for (int i = 0; i < 5; i++)
                for (int j = 0; j < 18; j++) {
                    double v = 0;
                    for (int k = 0; k < 9; k++)
                        v += kind == 3
                                 ? 2.0 * (double)in.data[0][k * 5 + i] * (double)bd[j * 9 + k]
                                 : (double)in.data[0][(n * 5 + i) * 9 + k] * (double)bd[((kind == 1 ? n : 0) * 9 + k) * 18 + j];
                    want[(n * 5 + i) * 18 + j] = (float)v;
                }
        near(&out, want);
        lh_free(&in);
        lh_free(&out);
        ax_graph_free(g);
    }
}

/* -- movement: everything is an index; floats hold indices exactly -- */

static void check_moved(struct ax_graph *g, int y, int64_t (*from)(const int64_t *i), const struct ax_shape *s)
{
    struct lh_tensors in;
    struct lh_tensors out = run(g, y, &in);
    assert_true(ax_shape_equal(&g->values[y].shape, s));
    for (int64_t k = 0; k < out.count[0]; k++) {
        int64_t i[8], left = k;
        for (int d = s->rank - 1; d >= 0; d--) i[d] = left % s->dim[d], left /= s->dim[d];
        int64_t src = from(i);
        float want = src < 0 ? 7 : in.data[0][src];
        if (out.data[0][k] != want)
            fail_msg("element %lld: %g, expected %g", (long long)k, (double)out.data[0][k], (double)want);
    }
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

static int64_t from_transpose(const int64_t *i)
{
    return (i[1] * 4 + i[2]) * 5 + i[0];
}
static int64_t from_slice(const int64_t *i)
{
    return (i[0] * 4 + 3 - 2 * i[1]) * 5 + 1 + i[2];
}
static int64_t from_pad(const int64_t *i)
{
    return i[1] < 1 || i[1] > 4 || i[2] < 2 || i[2] > 6 ? -1 : (i[0] * 4 + i[1] - 1) * 5 + i[2] - 2;
}
static int64_t from_expand(const int64_t *i)
{
    return (i[1] * 4 + i[2]) * 5 + i[3];
}
static int64_t from_tile(const int64_t *i)
{
    return (i[0] % 3 * 4 + i[1]) * 5 + i[2] % 5;
}
static int64_t from_depth(const int64_t *i)
{
    return ((i[0] * 8 + (i[2] % 2 * 2 + i[3] % 2) * 2 + i[1]) * 3 + i[2] / 2) * 2 + i[3] / 2;
}
static int64_t from_space(const int64_t *i)
{
    return ((i[0] * 2 + i[1] % 2) * 4 + i[2] * 2 + i[1] / 4) * 6 + i[3] * 2 + i[1] / 2 % 2;
}
static int64_t from_shuffle(const int64_t *i)
{
    return ((i[0] * 8 + i[1] % 2 * 4 + i[1] / 2) * 3 + i[2]) * 2 + i[3];
}

static void test_moves(void **state)
{
    (void)state;
    struct ax_shape s;
    struct ax_graph *g = ax_graph_new("t");
    int x = lh_input(g, SHAPE(3, 4, 5)), y = lh_node(g, AX_OP_TRANSPOSE, IN(x));
    lh_ints(g, "perm", 3, 2, 0, 1), lh_infer(g);
    check_moved(g, y, from_transpose, (s = SHAPE(5, 3, 4), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(3, 4, 5)), y = lh_node(g, AX_OP_SLICE, IN(x));
    lh_ints(g, "starts", 2, 3, 1), lh_ints(g, "ends", 2, -1, 4), lh_ints(g, "axes", 2, 1, 2), lh_ints(g, "steps", 2, -2, 1),
        lh_infer(g);
    check_moved(g, y, from_slice, (s = SHAPE(3, 2, 3), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(3, 4, 5)), y = lh_node(g, AX_OP_PAD, IN(x));
    lh_ints(g, "pads", 6, 0, 1, 2, 0, 0, 1), lh_string(g, "mode", "constant"), ax_node_set_float(g, lh_last(g), "value", 7),
        lh_infer(g);
    check_moved(g, y, from_pad, (s = SHAPE(3, 5, 8), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(3, 4, 5)), y = lh_node(g, AX_OP_EXPAND, IN(x));
    lh_ints(g, "shape", 4, 2, 3, 4, 5), lh_infer(g);
    check_moved(g, y, from_expand, (s = SHAPE(2, 3, 4, 5), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(3, 4, 5)), y = lh_node(g, AX_OP_TILE, IN(x));
    lh_ints(g, "repeats", 3, 2, 1, 3), lh_infer(g);
    check_moved(g, y, from_tile, (s = SHAPE(6, 4, 15), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(1, 8, 3, 2)), y = lh_node(g, AX_OP_DEPTH_TO_SPACE, IN(x));
    lh_int(g, "blocksize", 2), lh_infer(g);
    check_moved(g, y, from_depth, (s = SHAPE(1, 2, 6, 4), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(1, 2, 4, 6)), y = lh_node(g, AX_OP_SPACE_TO_DEPTH, IN(x));
    lh_int(g, "blocksize", 2), lh_infer(g);
    check_moved(g, y, from_space, (s = SHAPE(1, 8, 2, 3), &s));

    g = ax_graph_new("t"), x = lh_input(g, SHAPE(1, 8, 3, 2)), y = lh_node(g, AX_OP_CHANNEL_SHUFFLE, IN(x));
    lh_int(g, "group", 2), lh_infer(g);
    check_moved(g, y, from_shuffle, (s = SHAPE(1, 8, 3, 2), &s));
}

static void test_split_concat(void **state)
{
    (void)state;
    struct lh_tensors in;
    struct ax_graph *g = ax_graph_new("t");
    struct ax_shape a = SHAPE(2, 3, 4), b = SHAPE(2, 2, 4);
    int x = lh_input(g, SHAPE(2, 5, 4));
    int parts[2] = {ax_graph_value(g, "a", AX_DTYPE_FLOAT32, &a), ax_graph_value(g, "b", AX_DTYPE_FLOAT32, &b)};
    ax_graph_node(g, AX_OP_SPLIT, "split", &x, 1, parts, 2);
    lh_int(g, "axis", 1), lh_ints(g, "split", 2, 3, 2), lh_infer(g);
    int y = lh_node(g, AX_OP_CONCAT, IN(parts[1], parts[0], parts[1]));
    lh_int(g, "axis", 1), lh_infer(g);
    struct lh_tensors out = run(g, y, &in);
    for (int64_t i = 0; i < 2 * 7 * 4; i++) {
        int64_t n = i / 28, row = i / 4 % 7, from = row < 2 ? 3 + row : row - 2;
        assert_true(out.data[0][i] == in.data[0][(n * 5 + from) * 4 + i % 4]);
    }
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

/* -- elementwise, pools, reductions: spot checks; ONNX's node tests go further -- */

static void test_elementwise(void **state)
{
    (void)state;
    struct lh_tensors in;
    struct ax_graph *g = ax_graph_new("t");
    int a = lh_input(g, SHAPE(2, 3, 4)), b = lh_input(g, SHAPE(3, 1));
    int s = lh_node(g, AX_OP_SUB, IN(a, b));
    lh_string(g, "act", "relu"), lh_infer(g);
    int m = lh_node(g, AX_OP_MEAN, IN(s, a, b));
    lh_infer(g);
    struct lh_tensors out = run(g, m, &in);
    float want[24];
    for (int i = 0; i < 24; i++) {
        float x = in.data[0][i], y = in.data[1][i / 4 % 3], d = x - y > 0 ? x - y : 0;
        want[i] = (d + x + y) / 3;
    }
    near(&out, want);
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

static void test_pools(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) { /* max, average; NCHW, NHWC; both against global reductions of one window */
        struct lh_tensors in;
        struct ax_graph *g = ax_graph_new("t");
        bool average = kind & 1, nhwc = kind & 2;
        int x = lh_input(g, nhwc ? SHAPE(1, 4, 6, 5) : SHAPE(1, 5, 4, 6));
        int y = lh_node(g, average ? AX_OP_AVERAGE_POOL : AX_OP_MAX_POOL, IN(x));
        lh_ints(g, "kernel_shape", 2, 2, 3), lh_ints(g, "strides", 2, 2, 3), lh_ints(g, "pads", 4, 0, 0, 0, 0);
        if (nhwc) lh_int(g, "nhwc", 1);
        lh_infer(g);
        int z = lh_node(g, average ? AX_OP_GLOBAL_AVERAGE_POOL : AX_OP_GLOBAL_MAX_POOL, IN(y));
        if (nhwc) lh_int(g, "nhwc", 1);
        lh_infer(g);
        struct lh_tensors out = run(g, z, &in);
        float want[5];
        for (int c = 0; c < 5; c++) {
            float most = -2, sum = 0;
            for (int i = 0; i < 24; i++) {
                float v = nhwc ? in.data[0][i * 5 + c] : in.data[0][c * 24 + i];
                if (v > most) most = v;
                sum += v;
            }
            want[c] = average ? sum / 24 : most;
        }
        near(&out, want);
        lh_free(&in);
        lh_free(&out);
        ax_graph_free(g);
    }
}

static void test_batchnorm(void **state)
{
    (void)state;
    for (int nhwc = 0; nhwc < 2; nhwc++) {
        struct lh_tensors in;
        struct ax_graph *g = ax_graph_new("t");
        int x = lh_input(g, nhwc ? SHAPE(1, 2, 3, 4) : SHAPE(1, 4, 2, 3)), k[4];
        for (int i = 0; i < 4; i++) k[i] = lh_const(g, SHAPE(4), 1);
        for (int i = 0; i < 4; i++) ((float *)(uintptr_t)g->values[k[3]].data)[i] += 1.5f;
        int y = lh_node(g, AX_OP_BATCH_NORMALIZATION, IN(x, k[0], k[1], k[2], k[3]));
        if (nhwc) lh_int(g, "nhwc", 1);
        lh_infer(g);
        struct lh_tensors out = run(g, y, &in);
        float want[24];
        for (int i = 0; i < 24; i++) {
            int c = nhwc ? i % 4 : i / 6;
            const float *s = g->values[k[0]].data, *b = g->values[k[1]].data, *m = g->values[k[2]].data,
                        *v = g->values[k[3]].data;
            want[i] = (in.data[0][i] - m[c]) / sqrtf(v[c] + 1e-5f) * s[c] + b[c];
        }
        near(&out, want);
        lh_free(&in);
        lh_free(&out);
        ax_graph_free(g);
    }
}

/* -- folding -- */

static int whole_node(struct ax_graph *g, enum ax_op op, const int *in, int n_in)
{
    int y = lh_node(g, op, in, n_in);
    g->values[y].dtype = AX_DTYPE_INT64;
    return y;
}

static void test_fold(void **state)
{
    (void)state;
    struct ax_error err;
    struct ax_graph *g = ax_graph_new("t");
    int64_t four[4] = {1, -2, 3, 4}, dims[2] = {2, 2}, ten = 10;
    struct ax_shape s4 = SHAPE(4), scalar = {0};
    int a = ax_graph_const(g, "a", AX_DTYPE_INT64, &s4, four), b = ax_graph_const(g, "b", AX_DTYPE_INT64, &scalar, &ten);
    int m = whole_node(g, AX_OP_MUL, IN(a, b));
    lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    int64_t got[4];
    assert_int_equal(ax_const_ints(g, m, got, 4), 4);
    for (int i = 0; i < 4; i++) assert_int_equal(got[i], 10 * four[i]);
    assert_int_equal(g->nodes[lh_last(g)].op, AX_OP_NONE);

    int abs = whole_node(g, AX_OP_ABS, IN(m));
    lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    assert_int_equal(ax_const_ints(g, abs, got, 4), 4);
    assert_int_equal(got[1], 20);

    int r = whole_node(g, AX_OP_RESHAPE, IN(m));
    lh_ints(g, "shape", 2, 2, 2), lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    int t = whole_node(g, AX_OP_TRANSPOSE, IN(r));
    lh_ints(g, "perm", 2, 1, 0), lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    assert_int_equal(ax_const_ints(g, t, got, 4), 4);
    assert_int_equal(got[1], 30);

    int d = ax_graph_const_i64(g, "dims", 2, dims);
    int c = lh_node(g, AX_OP_CONSTANT_OF_SHAPE, IN(d));
    lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    assert_true(ax_const_at(g, c, 3) == 0);
    assert_int_equal(g->values[c].shape.rank, 2);

    int x = lh_input(g, SHAPE(3, 7)), shape = whole_node(g, AX_OP_SHAPE, IN(x));
    lh_infer(g);
    lh_ok(ax_fold_node(g, lh_last(g), &err), &err);
    assert_int_equal(ax_const_ints(g, shape, got, 4), 2);
    assert_int_equal(got[1], 7);

    int n = lh_node(g, AX_OP_RELU, IN(x));
    lh_infer(g);
    (void)n;
    assert_int_equal(ax_fold_node(g, lh_last(g), &err), AX_INVALID_ARGUMENT);
    ax_graph_free(g);
}

/* -- packing can be undone -- */

static void check_pack(const struct ax_weights *w, const struct ax_run *runs, int n_runs)
{
    int64_t n = (int64_t)w->groups * w->n * w->c * w->kh * w->kw;
    float *f = calloc((size_t)n, 4), *back = calloc((size_t)n, 4), *packed = calloc((size_t)ax_packed_f32_count(w), 4);
    int8_t *q = calloc((size_t)n, 1), *q_back = calloc((size_t)n, 1),
           *q_packed = calloc((size_t)ax_packed_s8_bytes(w, runs, n_runs), 1);
    for (int64_t i = 0; i < n; i++) f[i] = (float)i, q[i] = (int8_t)(i * 7);
    ax_pack_f32(w, f, packed);
    ax_unpack_f32(w, packed, back);
    assert_memory_equal(f, back, (size_t)n * 4);
    ax_pack_s8(w, runs, n_runs, q, q_packed);
    ax_unpack_s8(w, runs, n_runs, q_packed, q_back);
    assert_memory_equal(q, q_back, (size_t)n);
    free(f), free(back), free(packed), free(q), free(q_back), free(q_packed);
}

static void test_pack(void **state)
{
    (void)state;
    static const struct ax_run runs[] = {{0, 0, 5}, {1, 3, 6}, {1, 9, 4}, {2, 0, 7}};
    struct ax_weights w = {2, 21, 11, 3, 2, 21 * 66, 66, 6, 2, 1};
    check_pack(&w, runs, 2);
    struct ax_weights rows = {1, 33, 22, 1, 1, 0, 1, 33, 0, 0};
    check_pack(&rows, runs, 4);
}

/* -- ports and memory -- */

static void test_ports(void **state)
{
    (void)state;
    struct ax_error err;
    struct ax_program *p;
    struct ax_graph *g = ax_graph_new("t");
    int x = lh_input(g, SHAPE(1, 3, 4, 5)), list[2];
    for (int i = 0; i < 2; i++) {
        list[i] = lh_node(g, AX_OP_TRANSPOSE, IN(x));
        lh_ints(g, "perm", 4, 0, 2, 3, 1), lh_infer(g);
    }
    int s = lh_node(g, AX_OP_ADD, IN(list[0], list[1]));
    lh_infer(g);
    int y = lh_node(g, AX_OP_TRANSPOSE, IN(s));
    lh_ints(g, "perm", 4, 0, 3, 1, 2), lh_infer(g);
    struct lh_tensors in, out = run(g, y, &in);
    for (int64_t i = 0; i < out.count[0]; i++) assert_true(out.data[0][i] == 2 * in.data[0][i]);
    lh_ok(ax_lower(g, NULL, &p, NULL, &err), &err);
    assert_int_equal(p->n_steps, 1);
    ax_program_free(p);
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

/* A long chain needs room for two of its links only. */
static void test_memory(void **state)
{
    (void)state;
    struct ax_error err;
    struct ax_program *p, *kept;
    struct ax_graph *g = ax_graph_new("t");
    int v = lh_input(g, SHAPE(1, 16, 16, 16));
    for (int i = 0; i < 10; i++) {
        v = lh_node(g, i & 1 ? AX_OP_SIGMOID : AX_OP_TANH, IN(v));
        lh_infer(g);
    }
    v = lh_node(g, AX_OP_RESHAPE, IN(v));
    lh_ints(g, "shape", 2, 16, 256), lh_infer(g);
    v = lh_node(g, AX_OP_MATMUL, IN(v, lh_const(g, SHAPE(256, 256), 1)));
    lh_infer(g);
    lh_output(g, v);
    struct ax_lower_options keep = {.keep_all = 1};
    int operands[32];
    lh_ok(ax_lower(g, NULL, &p, NULL, &err), &err);
    lh_ok(ax_lower(g, &keep, &kept, operands, &err), &err);
    assert_int_equal(p->arena_bytes, 2 * 16 * 16 * 16 * 4);
    assert_int_equal(kept->arena_bytes, 12 * 16 * 16 * 16 * 4);
    for (int i = 0; i < g->n_values; i++) assert_true(operands[i] >= 0 || g->values[i].data);
    ax_program_free(p);
    ax_program_free(kept);
    ax_graph_free(g);
}

static void test_errors(void **state)
{
    (void)state;
    struct ax_error err;
    struct ax_program *p;
    struct ax_graph *g = ax_graph_new("t");
    int x = lh_input(g, SHAPE(1, 3, 4, 5)), w = lh_input(g, SHAPE(2, 3, 1, 1));
    int y = lh_node(g, AX_OP_CONV, IN(x, w));
    lh_ints(g, "kernel_shape", 2, 1, 1), lh_infer(g);
    lh_output(g, y);
    assert_int_equal(ax_lower(g, NULL, &p, NULL, &err), AX_UNSUPPORTED);
    assert_null(p);
    assert_non_null(strstr(err.message, "weights must be constant"));
    ax_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),   cmocka_unit_test(test_conv_1d),      cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_moves),  cmocka_unit_test(test_split_concat), cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_pools),  cmocka_unit_test(test_batchnorm),    cmocka_unit_test(test_fold),
        cmocka_unit_test(test_pack),   cmocka_unit_test(test_ports),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
