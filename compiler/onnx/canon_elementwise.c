/* Operators on single elements where ONNX and the graph differ. */
#include <math.h>
#include <string.h>

#include "onnx/importer.h"

/* -- Clip -- */

static int bound(struct importer *im, enum ax_op op, int x, int limit, const char *suffix)
{
    return im_apply(im, op, (const int[]){x, limit}, 2, suffix);
}

/* Bounds that are not constant, or integers: Min(Max(x, low), high). */
static void clip_by_nodes(struct importer *im, int x, int low, int high)
{
    if (low != AX_NONE) x = bound(im, AX_OP_MAX, x, low, high == AX_NONE ? NULL : "max");
    if (high != AX_NONE) bound(im, AX_OP_MIN, x, high, NULL);
}

static void clip(struct importer *im)
{
    int x = im_need(im, 0, "input");
    bool inputs = im->node_opset >= 11 && (im_has(im, 1) || im_has(im, 2));
    int low = inputs ? im_in(im, 1) : AX_NONE, high = inputs ? im_in(im, 2) : AX_NONE;
    float v[2] = {-INFINITY, INFINITY};
    if (!im_ok(im)) return;
    bool constant = (low == AX_NONE || ax_is_const(im->g, low)) && (high == AX_NONE || ax_is_const(im->g, high));
    if (!inputs)
        v[0] = im_float(im, "min", v[0]), v[1] = im_float(im, "max", v[1]);
    else if (!constant || im_value(im, x)->dtype != AX_DTYPE_FLOAT32) {
        clip_by_nodes(im, x, low, high);
        return;
    }
    for (int i = 1; i <= 2 && inputs; i++)
        if (im_has(im, i) && im_const_floats(im, i, i == 1 ? "lower bound" : "upper bound", &v[i - 1], 1) != 1)
            im_fail(im, AX_FORMAT, "its %s bound must be one number", i == 1 ? "lower" : "upper");
    if (v[0] > v[1]) v[0] = v[1]; /* as ONNX says: all become the upper bound */
    if (v[0] <= -3.4028234e38f && v[1] >= 3.4028234e38f) {
        if (im_ok(im)) im_result(im, 0, x);
        return;
    }
    int node = im_begin(im, AX_OP_CLIP, &x, 1, NULL);
    if (v[0] > -3.4028234e38f) im_set_float(im, node, "min", v[0]);
    if (v[1] < 3.4028234e38f) im_set_float(im, node, "max", v[1]);
    im_end(im, node);
}

/* -- Sum, Mean, Max, Min of any number: chains of two -- */

static int chain(struct importer *im, enum ax_op op, bool last)
{
    int x = im_need(im, 0, "data");
    for (int i = 1; i < im->n_in; i++) {
        int in[2] = {x, im_need(im, i, "data")};
        x = im_apply(im, op, in, 2, last && i == im->n_in - 1 ? NULL : "part");
    }
    if (last && im->n_in == 1 && im_ok(im)) im_result(im, 0, x);
    return x;
}

static void variadic(struct importer *im)
{
    const char *op = im->node->op_type;
    chain(im, !strcmp(op, "Max") ? AX_OP_MAX : !strcmp(op, "Min") ? AX_OP_MIN : AX_OP_ADD, true);
}

static void mean(struct importer *im)
{
    int n = im->n_in, sum = chain(im, AX_OP_ADD, n == 1);
    if (n == 1 || !im_ok(im)) return;
    int in[2] = {sum, im_scalar(im, 1.0f / (float)n, "share")};
    im_apply(im, AX_OP_MUL, in, 2, NULL);
}

/* Before opset 7 the second operand was laid along the first from `axis` on, where `broadcast` was set. */
static int lay_along(struct importer *im, int x, int y)
{
    if (im->node_opset >= 7 || !im_int(im, "broadcast", 0) || !im_attr(im, "axis") || !im_ok(im)) return y;
    const struct ax_shape sx = *im_shape(im, x), sy = *im_shape(im, y);
    int axis = im_axis(im, im_int(im, "axis", 0), sx.rank), end = axis + sy.rank;
    if (im_ok(im) && end > sx.rank)
        im_fail(im, AX_SHAPE, "axis %d leaves no room for the second operand's %d dimensions", axis, sy.rank);
    if (!im_ok(im) || end == sx.rank) return y;
    struct ax_shape to = {.rank = sx.rank - axis};
    for (int i = 0; i < to.rank; i++) to.dim[i] = i < sy.rank ? sy.dim[i] : 1;
    return im_reshape(im, y, to.rank, to.dim, "along");
}

static void binary(struct importer *im)
{
    int x = im_need(im, 0, "A"), y = im_need(im, 1, "B");
    if (!im_ok(im)) return;
    im->in[1] = lay_along(im, x, y);
    canon_generic(im, ax_op_find("", im->node->op_type));
}

/* -- types -- */

static void cast(struct importer *im)
{
    int x = im_need(im, 0, "input");
    int to = (int)im_int(im, "to", 0);
    if (!im_attr(im, "to")) im_fail(im, AX_FORMAT, "attribute 'to' is missing");
    if (im_ok(im) && tensor_dtype(to) == AX_DTYPE_NONE)
        im_fail(im, AX_UNSUPPORTED, "a cast to %s is not supported", tensor_type_name(to));
    if (!im_ok(im)) return;
    if (im_marked_float(im, x))
        im_result(im, 0, x); /* an integer that already travels as a float */
    else
        im_cast(im, x, tensor_dtype(to), NULL);
}

static void cast_like(struct importer *im)
{
    int x = im_need(im, 0, "input"), like = im_need(im, 1, "target_type");
    if (im_ok(im)) im_cast(im, x, im_value(im, like)->dtype, NULL);
}

/* The exponent's type is free in ONNX; here it is the base's. */
static void power(struct importer *im)
{
    int x = im_need(im, 0, "X"), y = im_need(im, 1, "Y");
    if (im_ok(im)) y = lay_along(im, x, y);
    if (!im_ok(im)) return;
    enum ax_dtype t = im_value(im, x)->dtype, e = im_value(im, y)->dtype;
    if (t != AX_DTYPE_FLOAT32 && e == AX_DTYPE_FLOAT32) { /* integer to a real power: in float and back */
        x = im_cast(im, x, e, "float");
        int p = im_apply(im, AX_OP_POW, (const int[]){x, y}, 2, "power");
        im_cast(im, p, t, NULL);
        return;
    }
    if (e != t) y = im_cast(im, y, t, "exponent");
    im_apply(im, AX_OP_POW, (const int[]){x, y}, 2, NULL);
}

/* -- what does nothing when a model runs -- */

static void identity(struct importer *im)
{
    int x = im_need(im, 0, "input");
    if (im_ok(im)) im_result(im, 0, x);
}

static void dropout(struct importer *im)
{
    int x = im_need(im, 0, "data");
    int64_t training = 0;
    float ratio = 0.5f;
    if (im->node_opset >= 12 && im_has(im, 2)) im_const_ints(im, 2, "training_mode", &training, 1);
    if (training && im_has(im, 1)) im_const_floats(im, 1, "ratio", &ratio, 1);
    if (training && ratio != 0)
        im_fail(im, AX_UNSUPPORTED, "training_mode is not supported; export the model for inference (model.eval())");
    if (!im_ok(im)) return;
    im_result(im, 0, x);
    if (!im_wants_output(im, 1)) return;
    const struct ax_shape s = *im_shape(im, x);
    uint8_t *mask = im_const_alloc(im, AX_DTYPE_BOOL, &s);
    if (mask) memset(mask, 1, (size_t)ax_shape_count(&s));
    im_alias(im, 1, im_const(im, AX_DTYPE_BOOL, &s, mask, "mask"));
}

/* -- Constant -- */

static void constant_floats(struct importer *im, const float *p, size_t n, int rank)
{
    struct ax_shape s = {.rank = rank, .dim = {(int64_t)n}};
    float *q = im_const_alloc(im, AX_DTYPE_FLOAT32, &s);
    if (q && n) memcpy(q, p, n * sizeof *q);
    im_const(im, AX_DTYPE_FLOAT32, &s, q, NULL);
}

static void constant_ints(struct importer *im, const int64_t *p, size_t n, int rank)
{
    struct ax_shape s = {.rank = rank, .dim = {(int64_t)n}};
    int64_t *q = im_const_alloc(im, AX_DTYPE_INT64, &s);
    if (q && n) memcpy(q, p, n * sizeof *q);
    im_const(im, AX_DTYPE_INT64, &s, q, NULL);
}

static void constant(struct importer *im)
{
    const Onnx__AttributeProto *a;
    if ((a = im_attr(im, "value")) && a->t) {
        int v = im_tensor(im, a->t, im_wants_output(im, 0) ? im->node->output[0] : im->label);
        im_alias(im, 0, v);
    } else if ((a = im_attr(im, "value_float")) && a->has_f)
        constant_floats(im, &a->f, 1, 0);
    else if ((a = im_attr(im, "value_int")) && a->has_i)
        constant_ints(im, &a->i, 1, 0);
    else if ((a = im_attr(im, "value_floats")))
        constant_floats(im, a->floats, a->n_floats, 1);
    else if ((a = im_attr(im, "value_ints")))
        constant_ints(im, a->ints, a->n_ints, 1);
    else
        im_fail(im, AX_UNSUPPORTED, "it holds no tensor and no numbers (strings and sparse tensors are not supported)");
}

/* -- by formula -- */

static void gelu_microsoft(struct importer *im)
{
    int x = im_need(im, 0, "X");
    bool fast = !strcmp(im->node->op_type, "FastGelu");
    if (fast && im_has(im, 1)) x = im_apply(im, AX_OP_ADD, im->in, 2, "biased");
    int node = im_begin(im, AX_OP_GELU, &x, 1, NULL);
    im_set_string(im, node, "approximate", fast ? "tanh" : "none");
    im_end(im, node);
}

static void gelu(struct importer *im)
{
    int x = im_need(im, 0, "X");
    const char *form = im_string(im, "approximate", "none");
    if (strcmp(form, "none") && strcmp(form, "tanh"))
        im_fail(im, AX_UNSUPPORTED, "approximate = '%.40s'; expected none or tanh", form);
    int node = im_begin(im, AX_OP_GELU, &x, 1, NULL);
    im_set_string(im, node, "approximate", form);
    im_end(im, node);
}

const struct canon canon_elementwise[] = {
    {"Add", "", binary},
    {"Sub", "", binary},
    {"Mul", "", binary},
    {"Div", "", binary},
    {"And", "", binary},
    {"Or", "", binary},
    {"Xor", "", binary},
    {"Equal", "", binary},
    {"Greater", "", binary},
    {"Less", "", binary},
    {"Clip", "", clip},
    {"Sum", "", variadic},
    {"Max", "", variadic},
    {"Min", "", variadic},
    {"Mean", "", mean},
    {"Cast", "", cast},
    {"CastLike", "", cast_like},
    {"Pow", "", power},
    {"Identity", "", identity},
    {"Dropout", "", dropout},
    {"Constant", "", constant},
    {"Gelu", "", gelu},
    {"Gelu", "com.microsoft", gelu_microsoft},
    {"FastGelu", "com.microsoft", gelu_microsoft},
    {NULL, NULL, NULL},
};
