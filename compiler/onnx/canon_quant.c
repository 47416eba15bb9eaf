/* Quantized models: QuantizeLinear and DequantizeLinear with everything explicit; QLinear and integer operators as
 * DequantizeLinear, the float operator, QuantizeLinear. Their scales stay as constants of the graph. */
#include <string.h>

#include "onnx/importer.h"

/* -- parts -- */

static int zeros(struct importer *im, enum ax_dtype t, const struct ax_shape *s)
{
    void *p = im_const_alloc(im, t, s);
    return im_const(im, t, s, p, "zero_point");
}

/* Scale or zero point as a value of rank 0, or of rank 1 with an entry for every index of the axis. */
static int flat(struct importer *im, int v)
{
    if (!im_ok(im)) return 0;
    const struct ax_shape s = *im_shape(im, v);
    if (s.rank == 0 || (s.rank == 1 && s.dim[0] != 1)) return v;
    if (ax_shape_count(&s) == 1) return im_reshape(im, v, 0, NULL, "scalar");
    char text[AX_SHAPE_TEXT];
    im_fail(im, AX_UNSUPPORTED, "scales of shape %s; one scale, or one an entry of an axis, is supported",
            ax_shape_text(&s, text));
    return 0;
}

/* A zero point of one for scales of many is repeated. */
static int spread(struct importer *im, int zero, int scale)
{
    if (!im_ok(im)) return 0;
    const struct ax_shape want = *im_shape(im, scale);
    if (ax_shape_equal(im_shape(im, zero), &want)) return zero;
    if (ax_shape_count(im_shape(im, zero)) != 1) {
        im_fail(im, AX_SHAPE, "its zero point has %lld elements, its scale %lld", (long long)ax_shape_count(im_shape(im, zero)),
                (long long)ax_shape_count(&want));
        return 0;
    }
    int node = im_begin(im, AX_OP_EXPAND, &zero, 1, "zero_points");
    im_set_ints(im, node, "shape", want.dim, want.rank);
    return im_end(im, node);
}

static void check_scale(struct importer *im, int scale)
{
    if (!im_ok(im) || !ax_is_const(im->g, scale)) return;
    for (int64_t i = 0, n = ax_shape_count(im_shape(im, scale)); i < n; i++) {
        double s = ax_const_at(im->g, scale, i);
        if (!(s > 0) || s > 3e38) {
            im_fail(im, AX_FORMAT, "its scale '%.100s' is %g at element %lld, expected a positive number",
                    im_value(im, scale)->name, s, (long long)i);
            return;
        }
    }
}

/* One of the two operators. zero AX_NONE: zeros of `zero_type`. */
static int linear(struct importer *im, enum ax_op op, int x, int scale, int zero, enum ax_dtype zero_type, int64_t axis,
                  const char *suffix)
{
    if (!im_ok(im)) return 0;
    int rank = im_shape(im, x)->rank;
    scale = flat(im, scale);
    check_scale(im, scale);
    if (!im_ok(im)) return 0;
    if (zero == AX_NONE) zero = zeros(im, zero_type, im_shape(im, scale));
    zero = spread(im, flat(im, zero), scale);
    if (!im_ok(im)) return 0;
    int at = im_shape(im, scale)->rank ? im_axis(im, axis, rank) : 0;
    int node = im_begin(im, op, (const int[]){x, scale, zero}, 3, suffix);
    im_set_int(im, node, "axis", at);
    return im_end(im, node);
}

static int dequantize_of(struct importer *im, int x, int scale, int zero, int64_t axis, const char *suffix)
{
    if (!im_ok(im)) return 0;
    if (zero != AX_NONE && im_value(im, zero)->dtype != im_value(im, x)->dtype) {
        im_fail(im, AX_FORMAT, "its zero point is %s, but what it belongs to is %s", ax_dtype_text(im_value(im, zero)->dtype),
                ax_dtype_text(im_value(im, x)->dtype));
        return 0;
    }
    return linear(im, AX_OP_DEQUANTIZE_LINEAR, x, scale, zero, im_value(im, x)->dtype, axis, suffix);
}

static int quantize_of(struct importer *im, int x, int scale, int zero, const char *suffix)
{
    return linear(im, AX_OP_QUANTIZE_LINEAR, x, scale, zero, AX_DTYPE_UINT8, 1, suffix);
}

/* Input i with scale i + 1 and zero point i + 2. */
static int dequantize_input(struct importer *im, int i, int64_t axis, const char *suffix)
{
    int x = im_need(im, i, "a quantized input"), scale = im_need(im, i + 1, "its scale");
    return dequantize_of(im, x, scale, im_in(im, i + 2), axis, suffix);
}

/* -- QuantizeLinear, DequantizeLinear -- */

static void no_blocks(struct importer *im)
{
    if (im_int(im, "block_size", 0))
        im_fail(im, AX_UNSUPPORTED, "block_size = %lld (a scale a block) is not supported",
                (long long)im_int(im, "block_size", 0));
}

static void quantize(struct importer *im)
{
    int x = im_need(im, 0, "x"), scale = im_need(im, 1, "y_scale");
    int type = (int)im_int(im, "output_dtype", 0);
    enum ax_dtype t = type ? tensor_dtype(type) : AX_DTYPE_UINT8;
    no_blocks(im);
    if (im_ok(im) && im_value(im, x)->dtype != AX_DTYPE_FLOAT32) x = im_cast(im, x, AX_DTYPE_FLOAT32, "float");
    if (t == AX_DTYPE_NONE) im_fail(im, AX_UNSUPPORTED, "output of %s is not supported", tensor_type_name(type));
    linear(im, AX_OP_QUANTIZE_LINEAR, x, scale, im_in(im, 2), t, im_int(im, "axis", 1), NULL);
}

static void dequantize(struct importer *im)
{
    int x = im_need(im, 0, "x"), scale = im_need(im, 1, "x_scale");
    no_blocks(im);
    dequantize_of(im, x, scale, im_in(im, 2), im_int(im, "axis", 1), NULL);
}

/* -- QLinear operators -- */

/* Bias of a convolution: int32 of scale x_scale * w_scale. */
static int bias(struct importer *im, int b, int x_scale, int w_scale)
{
    if (!im_ok(im)) return 0;
    if (im_value(im, b)->dtype == AX_DTYPE_FLOAT32) return b;
    int scale = im_apply(im, AX_OP_MUL, (const int[]){flat(im, x_scale), flat(im, w_scale)}, 2, "bias_scale");
    return dequantize_of(im, b, scale, AX_NONE, 0, "bias");
}

static void qlinear_conv(struct importer *im)
{
    int in[3], n = 2;
    in[0] = dequantize_input(im, 0, 1, "x");
    in[1] = dequantize_input(im, 3, 0, "w");
    int y_scale = im_need(im, 6, "y_scale"), y_zero = im_need(im, 7, "y_zero_point");
    if (im_has(im, 8) && im_ok(im)) in[n++] = bias(im, im->in[8], im->in[1], im->in[4]);
    int y = canon_conv_of(im, in, n, "float");
    quantize_of(im, y, y_scale, y_zero, NULL);
}

/* Rows of A and columns of B may have scales of their own. */
static void qlinear_matmul(struct importer *im)
{
    int a = dequantize_input(im, 0, -2, "a"), b = dequantize_input(im, 3, -1, "b");
    int scale = im_need(im, 6, "y_scale"), zero = im_need(im, 7, "y_zero_point");
    quantize_of(im, canon_matmul_of(im, a, b, "float"), scale, zero, NULL);
}

static void qgemm(struct importer *im)
{
    int in[3], n = 2;
    bool transposed = im_int(im, "transB", 0) != 0;
    in[0] = dequantize_input(im, 0, -1, "a");
    in[1] = dequantize_input(im, 3, transposed ? 0 : 1, "b");
    if (im_has(im, 6) && im_ok(im)) in[n++] = bias(im, im->in[6], im->in[1], im->in[4]);
    if (!im_ok(im)) return;
    int node = im_begin(im, AX_OP_GEMM, in, n, im_has(im, 7) ? "float" : NULL);
    im_set_float(im, node, "alpha", im_float(im, "alpha", 1));
    im_set_float(im, node, "beta", 1);
    im_set_int(im, node, "transA", im_int(im, "transA", 0) != 0);
    im_set_int(im, node, "transB", transposed);
    int y = im_end(im, node);
    if (im_has(im, 7)) quantize_of(im, y, im->in[7], im_in(im, 8), NULL);
}

static void qlinear_binary(struct importer *im)
{
    enum ax_op op = strcmp(im->node->op_type, "QLinearAdd") ? AX_OP_MUL : AX_OP_ADD;
    int in[2] = {dequantize_input(im, 0, 0, "a"), dequantize_input(im, 3, 0, "b")};
    int scale = im_need(im, 6, "C_scale");
    quantize_of(im, im_apply(im, op, in, 2, "float"), scale, im_in(im, 7), NULL);
}

static void no_channels_last(struct importer *im)
{
    if (im_int(im, "channels_last", 0)) im_fail(im, AX_UNSUPPORTED, "channels_last = 1 is not supported");
}

static int function_of(struct importer *im, int x)
{
    const char *op = im->node->op_type;
    if (!im_ok(im)) return 0;
    if (!strcmp(op, "QLinearGlobalAveragePool")) return im_apply(im, AX_OP_GLOBAL_AVERAGE_POOL, &x, 1, "float");
    if (!strcmp(op, "QLinearAveragePool")) return canon_pool_of(im, AX_OP_AVERAGE_POOL, x, "float");
    if (!strcmp(op, "QLinearSigmoid")) return im_apply(im, AX_OP_SIGMOID, &x, 1, "float");
    if (!strcmp(op, "QLinearSoftmax")) {
        int axis = im_axis(im, im_int(im, "axis", -1), im_shape(im, x)->rank);
        if (im_ok(im) && im_int(im, "opset", 13) < 13 && axis != im_shape(im, x)->rank - 1)
            im_fail(im, AX_UNSUPPORTED, "below opset 13 only axis -1 is supported");
        return canon_softmax_of(im, AX_OP_SOFTMAX, x, axis, "float");
    }
    int node = im_begin(im, AX_OP_LEAKY_RELU, &x, 1, "float");
    im_set_float(im, node, "alpha", im_float(im, "alpha", 0.01f));
    return im_end(im, node);
}

static void qlinear_unary(struct importer *im)
{
    int x = dequantize_input(im, 0, 0, "x"), scale = im_need(im, 3, "Y_scale");
    no_channels_last(im);
    quantize_of(im, function_of(im, x), scale, im_in(im, 4), NULL);
}

static void qlinear_concat(struct importer *im)
{
    int scale = im_need(im, 0, "Y_scale"), zero = im_need(im, 1, "Y_zero_point"), n = (im->n_in - 2) / 3;
    if (im_ok(im) && (n < 1 || (im->n_in - 2) % 3))
        im_fail(im, AX_FORMAT, "it has %d inputs, expected two and three for each part", im->n_in);
    if (!im_ok(im)) return;
    int *in = AX_NEW(&im->g->arena, int, n);
    for (int i = 0; i < n; i++) in[i] = dequantize_input(im, 2 + 3 * i, 0, "part");
    if (!im_ok(im)) return;
    int axis = im_axis(im, im_int(im, "axis", 1), im_shape(im, in[0])->rank);
    int node = im_begin(im, AX_OP_CONCAT, in, n, "float");
    im_set_int(im, node, "axis", axis);
    quantize_of(im, im_end(im, node), scale, zero, NULL);
}

/* -- dynamic quantization: computed in float, where Axon's own calibration takes over -- */

/* y = x as it is, of scale 1 and zero point 0; what reads y knows it by its mark. */
static void dynamic_quantize(struct importer *im)
{
    const struct ax_shape scalar = {0};
    int x = im_need(im, 0, "x");
    if (!im_ok(im)) return;
    int y = ax_graph_value(im->g, im->node->output[0], AX_DTYPE_NONE, NULL);
    im_alias(im, 0, y);
    im_end(im, im_ok(im) ? ax_graph_node(im->g, AX_OP_IDENTITY, im->label, &x, 1, &y, 1) : -1);
    im_mark_float(im, y);
    int scale = im_scalar(im, 1, "scale");
    im_alias(im, 1, scale);
    im_alias(im, 2, zeros(im, AX_DTYPE_UINT8, &scalar));
}

/* (x - zero) in float: constants at once, others by DequantizeLinear of scale 1. */
static int integers(struct importer *im, int x, int zero, int64_t axis, const char *suffix)
{
    if (!im_ok(im) || im_value(im, x)->dtype == AX_DTYPE_FLOAT32) return x; /* marked: dynamically quantized */
    if (!ax_is_const(im->g, x) || (zero != AX_NONE && ax_shape_count(im_shape(im, zero)) != 1)) {
        struct ax_shape s = {0};
        if (zero != AX_NONE) s = *im_shape(im, flat(im, zero));
        float *p = im_const_alloc(im, AX_DTYPE_FLOAT32, &s);
        for (int64_t i = 0; p && i < ax_shape_count(&s); i++) p[i] = 1;
        return dequantize_of(im, x, im_const(im, AX_DTYPE_FLOAT32, &s, p, "one"), zero, axis, suffix);
    }
    const struct ax_shape s = *im_shape(im, x);
    if (zero != AX_NONE && !ax_is_const(im->g, zero)) im_fail(im, AX_UNSUPPORTED, "its weights' zero point must be constant");
    float *p = im_const_alloc(im, AX_DTYPE_FLOAT32, &s),
          z = zero != AX_NONE && im_ok(im) ? (float)ax_const_at(im->g, zero, 0) : 0;
    for (int64_t i = 0, n = ax_shape_count(&s); p && i < n; i++) p[i] = (float)ax_const_at(im->g, x, i) - z;
    return im_const(im, AX_DTYPE_FLOAT32, &s, p, suffix);
}

/* The product is an integer in the model: it travels as a float after a dynamic quantization, else it is cast. */
static void integer_result(struct importer *im, bool dynamic, int y)
{
    if (!im_ok(im)) return;
    if (!dynamic)
        im_cast(im, y, AX_DTYPE_INT32, NULL);
    else
        im_mark_float(im, y);
}

static void conv_integer(struct importer *im)
{
    int x = im_need(im, 0, "x"), w = im_need(im, 1, "w"), in[2];
    bool dynamic = im_marked_float(im, x);
    in[0] = integers(im, x, im_in(im, 2), 1, "x");
    in[1] = integers(im, w, im_in(im, 3), 0, "w");
    integer_result(im, dynamic, canon_conv_of(im, in, 2, dynamic ? NULL : "float"));
}

static void matmul_integer(struct importer *im)
{
    int a = im_need(im, 0, "A"), b = im_need(im, 1, "B");
    bool dynamic = im_marked_float(im, a);
    a = integers(im, a, im_in(im, 2), -2, "a");
    b = integers(im, b, im_in(im, 3), -1, "b");
    integer_result(im, dynamic, canon_matmul_of(im, a, b, dynamic ? NULL : "float"));
}

const struct canon canon_quant[] = {
    {"QuantizeLinear", "", quantize},
    {"QuantizeLinear", "com.microsoft", quantize},
    {"DequantizeLinear", "", dequantize},
    {"DequantizeLinear", "com.microsoft", dequantize},
    {"QLinearConv", "", qlinear_conv},
    {"QLinearConv", "com.microsoft", qlinear_conv},
    {"QLinearMatMul", "", qlinear_matmul},
    {"QGemm", "com.microsoft", qgemm},
    {"QLinearAdd", "com.microsoft", qlinear_binary},
    {"QLinearMul", "com.microsoft", qlinear_binary},
    {"QLinearGlobalAveragePool", "com.microsoft", qlinear_unary},
    {"QLinearAveragePool", "com.microsoft", qlinear_unary},
    {"QLinearSigmoid", "com.microsoft", qlinear_unary},
    {"QLinearSoftmax", "com.microsoft", qlinear_unary},
    {"QLinearLeakyRelu", "com.microsoft", qlinear_unary},
    {"QLinearConcat", "com.microsoft", qlinear_concat},
    {"DynamicQuantizeLinear", "", dynamic_quantize},
    {"ConvInteger", "", conv_integer},
    {"MatMulInteger", "", matmul_integer},
    {NULL, NULL, NULL},
};
