/* Convolutions, pooling, normalization, matrix products: windows with every attribute written out. */
#include <string.h>

#include "onnx/importer.h"

struct window {
    int n;
    int64_t kernel[AX_MAX_RANK], stride[AX_MAX_RANK], dilation[AX_MAX_RANK], pads[2 * AX_MAX_RANK];
};

/* n entries, each within [low, 2^20]; absent: all `otherwise`. */
static void window_ints(struct importer *im, const char *name, int n, int64_t low, int64_t otherwise, int64_t *out)
{
    int got = im_ints(im, name, out, 2 * AX_MAX_RANK);
    if (got && got != n) im_fail(im, AX_FORMAT, "attribute '%s' has %d entries, expected %d", name, got, n);
    for (int i = got; i < n; i++) out[i] = otherwise;
    for (int i = 0; i < n; i++)
        if (out[i] < low || out[i] > 1 << 20)
            im_fail(im, AX_UNSUPPORTED, "attribute '%s' has the entry %lld, expected %lld to %d", name, (long long)out[i],
                    (long long)low, 1 << 20);
}

/* SAME: as many outputs as strides fit into the input; what is odd goes to the end (UPPER) or the beginning (LOWER). */
static void same_pads(const struct ax_shape *x, struct window *w, bool upper)
{
    for (int i = 0; i < w->n; i++) {
        int64_t in = x->dim[2 + i], out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t total = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - in;
        if (total < 0) total = 0;
        w->pads[i] = upper ? total / 2 : total - total / 2;
        w->pads[w->n + i] = total - w->pads[i];
    }
}

/* `weights`: the shape whose spatial dimensions are the kernel; NULL for pools. */
static void read_window(struct importer *im, int x, const struct ax_shape *weights, struct window *w)
{
    const struct ax_shape *s = im_shape(im, x);
    const char *pad = im_string(im, "auto_pad", "NOTSET");
    if (!im_ok(im)) return;
    w->n = s->rank - 2;
    if (w->n != 1 && w->n != 2) {
        char text[AX_SHAPE_TEXT];
        im_fail(im, AX_UNSUPPORTED, "its input is %s; images of one or two spatial dimensions are supported",
                ax_shape_text(s, text));
        return;
    }
    if (weights && weights->rank != s->rank)
        im_fail(im, AX_SHAPE, "its weights have %d dimensions, its input %d", weights->rank, s->rank);
    if (!im_ok(im)) return;
    if (!weights && !im_attr(im, "kernel_shape")) im_fail(im, AX_FORMAT, "attribute 'kernel_shape' is missing");
    window_ints(im, "kernel_shape", w->n, 1, 1, w->kernel);
    if (weights && !im_attr(im, "kernel_shape")) memcpy(w->kernel, weights->dim + 2, (size_t)w->n * sizeof *w->kernel);
    window_ints(im, "strides", w->n, 1, 1, w->stride);
    window_ints(im, "dilations", w->n, 1, 1, w->dilation);
    window_ints(im, "pads", 2 * w->n, 0, 0, w->pads);
    if (!strcmp(pad, "VALID"))
        memset(w->pads, 0, sizeof w->pads);
    else if (!strcmp(pad, "SAME_UPPER") || !strcmp(pad, "SAME_LOWER"))
        same_pads(s, w, !strcmp(pad, "SAME_UPPER"));
    else if (strcmp(pad, "NOTSET") && *pad)
        im_fail(im, AX_FORMAT, "auto_pad is '%.40s'", pad);
}

static void set_window(struct importer *im, int node, const struct window *w)
{
    im_set_ints(im, node, "kernel_shape", w->kernel, w->n);
    im_set_ints(im, node, "strides", w->stride, w->n);
    im_set_ints(im, node, "dilations", w->dilation, w->n);
    im_set_ints(im, node, "pads", w->pads, 2 * w->n);
}

void canon_check_weights(struct importer *im, int v)
{
    if (!im_ok(im) || v == AX_NONE || !ax_is_const(im->g, v) || im_value(im, v)->dtype != AX_DTYPE_FLOAT32) return;
    int64_t i = tensor_find_nonfinite(im_value(im, v)->data, ax_shape_count(im_shape(im, v)), 1);
    if (i >= 0)
        im_fail(im, AX_FORMAT, "its weights '%.120s' hold an infinite value at element %lld", im_value(im, v)->name,
                (long long)i);
}

/* Conv of given inputs: shared with ConvInteger and QLinearConv. */
int canon_conv_of(struct importer *im, const int *in, int n_in, const char *suffix)
{
    struct window w = {0};
    if (!im_ok(im)) return 0;
    read_window(im, in[0], im_shape(im, in[1]), &w);
    for (int i = 1; i < n_in; i++) canon_check_weights(im, in[i]);
    int node = im_begin(im, AX_OP_CONV, in, n_in, suffix);
    set_window(im, node, &w);
    im_set_int(im, node, "group", im_int(im, "group", 1));
    return im_end(im, node);
}

static void conv(struct importer *im)
{
    im_need(im, 0, "X");
    im_need(im, 1, "W");
    if (im->n_in > 3) im_fail(im, AX_FORMAT, "it has %d inputs, expected 2 or 3", im->n_in);
    canon_conv_of(im, im->in, im->n_in, NULL);
}

/* Padding from output_shape or auto_pad; what padding cannot give, output_padding adds. */
static void transposed_pads(struct importer *im, const struct ax_shape *x, struct window *w, int64_t *extra)
{
    int64_t want[2 * AX_MAX_RANK] = {0};
    const char *pad = im_string(im, "auto_pad", "NOTSET");
    bool upper = !strcmp(pad, "SAME_UPPER"), same = upper || !strcmp(pad, "SAME_LOWER");
    int n = im_ints(im, "output_shape", want, 2 * AX_MAX_RANK);
    if (n > w->n) memmove(want, want + n - w->n, (size_t)w->n * sizeof *want); /* some exporters give N and C too */
    if (n && n < w->n) im_fail(im, AX_FORMAT, "output_shape has %d entries, expected %d", n, w->n);
    if (!im_ok(im) || (!n && !same)) return;
    for (int i = 0; i < w->n; i++) {
        int64_t out = n ? want[i] : x->dim[2 + i] * w->stride[i];
        int64_t total = w->stride[i] * (x->dim[2 + i] - 1) + extra[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - out;
        if (out < 1 || out > (int64_t)1 << 30) im_fail(im, AX_FORMAT, "output_shape has the entry %lld", (long long)out);
        if (total < 0) extra[i] -= total, total = 0;
        w->pads[i] = upper ? total / 2 : total - total / 2;
        w->pads[w->n + i] = total - w->pads[i];
    }
}

static void conv_transpose(struct importer *im)
{
    struct window w = {0};
    int64_t extra[2 * AX_MAX_RANK];
    int x = im_need(im, 0, "X"), weights = im_need(im, 1, "W");
    if (im->n_in > 3) im_fail(im, AX_FORMAT, "it has %d inputs, expected 2 or 3", im->n_in);
    if (!im_ok(im)) return;
    read_window(im, x, im_shape(im, weights), &w);
    if (!im_ok(im)) return;
    window_ints(im, "output_padding", w.n, 0, 0, extra);
    transposed_pads(im, im_shape(im, x), &w, extra);
    canon_check_weights(im, weights);
    canon_check_weights(im, im_in(im, 2));
    int node = im_begin(im, AX_OP_CONV_TRANSPOSE, im->in, im->n_in, NULL);
    set_window(im, node, &w);
    im_set_ints(im, node, "output_padding", extra, w.n);
    im_set_int(im, node, "group", im_int(im, "group", 1));
    im_end(im, node);
}

int canon_pool_of(struct importer *im, enum ax_op op, int x, const char *suffix)
{
    struct window w = {0};
    if (!im_ok(im)) return 0;
    read_window(im, x, NULL, &w);
    int node = im_begin(im, op, &x, 1, suffix);
    set_window(im, node, &w);
    im_set_int(im, node, "ceil_mode", im_int(im, "ceil_mode", 0) != 0);
    if (op == AX_OP_AVERAGE_POOL) im_set_int(im, node, "count_include_pad", im_int(im, "count_include_pad", 0) != 0);
    return im_end(im, node);
}

static void max_pool(struct importer *im)
{
    int x = im_need(im, 0, "X");
    im_no_output(im, 1, "Indices");
    if (!im_ok(im)) return;
    enum ax_dtype t = im_value(im, x)->dtype;
    if (t == AX_DTYPE_FLOAT32) {
        canon_pool_of(im, AX_OP_MAX_POOL, x, NULL);
        return;
    }
    x = im_cast(im, x, AX_DTYPE_FLOAT32, "float"); /* integers of 8 bits are exact there */
    im_cast(im, canon_pool_of(im, AX_OP_MAX_POOL, x, "pooled"), t, NULL);
}

static void average_pool(struct importer *im)
{
    canon_pool_of(im, AX_OP_AVERAGE_POOL, im_need(im, 0, "X"), NULL);
}

static void batch_normalization(struct importer *im)
{
    static const char *const names[] = {"X", "scale", "B", "mean", "var"};
    for (int i = 0; i < 5; i++) im_need(im, i, names[i]);
    for (int i = 1; i < 5; i++) canon_check_weights(im, im_in(im, i));
    if (im->node_opset < 9 && !im_int(im, "spatial", 1))
        im_fail(im, AX_UNSUPPORTED, "spatial = 0 (a mean for every pixel) is not supported");
    if (im_int(im, "training_mode", 0))
        im_fail(im, AX_UNSUPPORTED, "training_mode = 1 is not supported; export the model for inference (model.eval())");
    for (int i = 1; i < 5; i++) im_no_output(im, i, "of training");
    int node = im_begin(im, AX_OP_BATCH_NORMALIZATION, im->in, 5, NULL);
    im_set_float(im, node, "epsilon", im_float(im, "epsilon", 1e-5f));
    im_end(im, node);
}

/* Mean and 1 / sqrt(variance + epsilon), where a model asks for them. */
static void layer_statistics(struct importer *im, int x, int axis, float epsilon)
{
    int64_t axes[AX_MAX_RANK];
    int rank = im_shape(im, x)->rank, n = 0;
    for (int i = axis; i < rank; i++) axes[n++] = i;
    int mean = im_begin(im, AX_OP_REDUCE_MEAN, &x, 1, "mean");
    im_set_ints(im, mean, "axes", axes, n);
    im_set_int(im, mean, "keepdims", 1);
    int m = im_end(im, mean), e = im_scalar(im, epsilon, "epsilon");
    int d = im_apply(im, AX_OP_SUB, (const int[]){x, m}, 2, "centred");
    int square = im_apply(im, AX_OP_MUL, (const int[]){d, d}, 2, "square");
    int variance = im_begin(im, AX_OP_REDUCE_MEAN, &square, 1, "variance");
    im_set_ints(im, variance, "axes", axes, n);
    im_set_int(im, variance, "keepdims", 1);
    int v = im_end(im, variance);
    v = im_apply(im, AX_OP_ADD, (const int[]){v, e}, 2, "more");
    v = im_apply(im, AX_OP_SQRT, &v, 1, "deviation");
    v = im_apply(im, AX_OP_RECIPROCAL, &v, 1, "inverse");
    im_result(im, 1, m);
    im_result(im, 2, v);
}

static void layer_normalization(struct importer *im)
{
    int x = im_need(im, 0, "X");
    im_need(im, 1, "Scale");
    canon_check_weights(im, im_in(im, 1));
    canon_check_weights(im, im_in(im, 2));
    if (!im_ok(im)) return;
    int axis = im_axis(im, im_int(im, "axis", -1), im_shape(im, x)->rank);
    float epsilon = im_float(im, "epsilon", 1e-5f);
    bool more = im_wants_output(im, 1) || im_wants_output(im, 2);
    int node = im_begin(im, AX_OP_LAYER_NORMALIZATION, im->in, im->n_in, more ? "normalized" : NULL);
    im_set_int(im, node, "axis", axis);
    im_set_float(im, node, "epsilon", epsilon);
    int y = im_end(im, node);
    if (!more || !im_ok(im)) return;
    layer_statistics(im, x, axis, epsilon);
    im_result(im, 0, y);
}

/* Before opset 7 a slope of rank 1 was one a channel; libonnx leaves it so when it converts. */
static void prelu(struct importer *im)
{
    int x = im_need(im, 0, "X"), slope = im_need(im, 1, "slope");
    if (!im_ok(im)) return;
    const struct ax_shape s = *im_shape(im, slope), sx = *im_shape(im, x);
    canon_check_weights(im, slope);
    if ((im->file.lifted || im->node_opset < 7) && s.rank == 1 && sx.rank > 2 && s.dim[0] == sx.dim[1] && s.dim[0] != 1) {
        struct ax_shape to = {.rank = sx.rank - 1, .dim = {s.dim[0], 1, 1, 1, 1, 1, 1, 1}};
        slope = im_reshape(im, slope, to.rank, to.dim, "slope");
    }
    im_apply(im, AX_OP_PRELU, (const int[]){x, slope}, 2, NULL);
}

static void gemm(struct importer *im)
{
    im_need(im, 0, "A");
    im_need(im, 1, "B");
    if (im->n_in > 3) im_fail(im, AX_FORMAT, "it has %d inputs, expected 2 or 3", im->n_in);
    canon_check_weights(im, im_in(im, 1));
    canon_check_weights(im, im_in(im, 2));
    int node = im_begin(im, AX_OP_GEMM, im->in, im->n_in, NULL);
    im_set_float(im, node, "alpha", im_float(im, "alpha", 1));
    im_set_float(im, node, "beta", im_float(im, "beta", 1));
    im_set_int(im, node, "transA", im_int(im, "transA", 0) != 0);
    im_set_int(im, node, "transB", im_int(im, "transB", 0) != 0);
    im_end(im, node);
}

/* Vectors become matrices for the product, and the dimension goes again afterwards. */
int canon_matmul_of(struct importer *im, int a, int b, const char *suffix)
{
    int64_t dim[AX_MAX_RANK];
    if (!im_ok(im)) return 0;
    const struct ax_shape sa = *im_shape(im, a), sb = *im_shape(im, b);
    if (sa.rank < 1 || sb.rank < 1) im_fail(im, AX_SHAPE, "its inputs must not be scalars");
    canon_check_weights(im, a);
    canon_check_weights(im, b);
    if (sa.rank == 1) a = im_reshape(im, a, 2, (const int64_t[]){1, sa.dim[0]}, "row");
    if (sb.rank == 1) b = im_reshape(im, b, 2, (const int64_t[]){sb.dim[0], 1}, "column");
    bool vector = sa.rank == 1 || sb.rank == 1;
    int y = im_apply(im, AX_OP_MATMUL, (const int[]){a, b}, 2, vector ? "matrix" : suffix);
    if (!vector || !im_ok(im)) return y;
    struct ax_shape s = *im_shape(im, y);
    int rank = 0;
    for (int i = 0; i < s.rank; i++)
        if (!(sa.rank == 1 && i == s.rank - 2) && !(sb.rank == 1 && i == s.rank - 1)) dim[rank++] = s.dim[i];
    return im_reshape(im, y, rank, dim, suffix);
}

static void matmul(struct importer *im)
{
    int a = im_need(im, 0, "A"), b = im_need(im, 1, "B");
    canon_matmul_of(im, a, b, NULL);
}

const struct canon canon_spatial[] = {
    {"Conv", "", conv},
    {"ConvTranspose", "", conv_transpose},
    {"MaxPool", "", max_pool},
    {"AveragePool", "", average_pool},
    {"BatchNormalization", "", batch_normalization},
    {"LayerNormalization", "", layer_normalization},
    {"LayerNormalization", "com.microsoft", layer_normalization},
    {"PRelu", "", prelu},
    {"Gemm", "", gemm},
    {"MatMul", "", matmul},
    {NULL, NULL, NULL},
};
