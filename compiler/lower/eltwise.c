/* Functions of one element, of two, of a condition; casts. */
#include "lower/rules.h"

#include <string.h>

void low_binary_step(struct low *L, enum ax_binary op, int a, int b, int y, const struct low_act *act)
{
    struct ax_binary_params p = {.op = op};
    if (act) p.act = act->act, p.alpha = act->alpha, p.beta = act->beta;
    LOW_STEP(L, BINARY, LOW_LIST(a, b), LOW_LIST(y), p);
}

static int cast(struct low *L, int op, enum ax_dtype t)
{
    if (op < 0 || low_op(L, op)->dtype == t) return op;
    struct ax_operand o = *low_op(L, op);
    struct ax_none_params none = {0};
    int y = low_plain_new(L, o.name, t, o.rank, o.dim);
    LOW_STEP(L, CAST, LOW_LIST(op), LOW_LIST(y), none);
    return y;
}

/* The type in which the kernels compute on numbers of this type. */
static enum ax_dtype computed_in(enum ax_dtype t)
{
    switch (t) {
    case AX_DTYPE_INT8:
    case AX_DTYPE_UINT8:
    case AX_DTYPE_INT16:
    case AX_DTYPE_UINT16: return AX_DTYPE_INT32;
    case AX_DTYPE_UINT32:
    case AX_DTYPE_UINT64: return AX_DTYPE_INT64;
    default: return t;
    }
}

/* Writes y (of its own type) by way of an operand of type t: returns the operand to write; finish() brings it to y. */
static int begin(struct low *L, int y, enum ax_dtype t)
{
    struct ax_operand o = *low_op(L, y);
    return o.dtype == t ? y : low_plain_new(L, o.name, t, o.rank, o.dim);
}

static void finish(struct low *L, int at, int y)
{
    struct ax_none_params none = {0};
    if (at != y) LOW_STEP(L, CAST, LOW_LIST(at), LOW_LIST(y), none);
}

static int in_computed(struct low *L, int v)
{
    int op = low_in(L, v);
    return cast(L, op, computed_in(low_op(L, op)->dtype));
}

static int number_like(struct low *L, int op, double v)
{
    enum ax_dtype t = low_op(L, op)->dtype;
    int64_t none[1] = {0}, i64 = (int64_t)v;
    int32_t i32 = (int32_t)v;
    uint8_t b = v != 0;
    float f = (float)v;
    const void *p = t == AX_DTYPE_INT64   ? (void *)&i64
                    : t == AX_DTYPE_INT32 ? (void *)&i32
                    : t == AX_DTYPE_BOOL  ? (void *)&b
                                          : &f;
    return low_const(L, t, 0, none, p);
}

/* -- one operand -- */

static double bound(float v)
{
    return v < -2e9f ? -2147483648.0 : v > 2e9f ? 2147483647.0 : (double)v;
}

/* Integers know few functions; each is one or two steps on two operands. */
static enum ax_status integer_unary(struct low *L, const struct low_act *act, int x, int y)
{
    int at = low_like(L, x);
    switch (act->act) {
    case AX_ACT_RELU: low_binary_step(L, AX_BINARY_MAX, x, number_like(L, x, 0), y, NULL); return AX_OK;
    case AX_ACT_NEG: low_binary_step(L, AX_BINARY_SUB, number_like(L, x, 0), x, y, NULL); return AX_OK;
    case AX_ACT_ABS:
        low_binary_step(L, AX_BINARY_SUB, number_like(L, x, 0), x, at, NULL);
        low_binary_step(L, AX_BINARY_MAX, x, at, y, NULL);
        return AX_OK;
    case AX_ACT_SIGN:
        low_binary_step(L, AX_BINARY_MAX, x, number_like(L, x, -1), at, NULL);
        low_binary_step(L, AX_BINARY_MIN, at, number_like(L, x, 1), y, NULL);
        return AX_OK;
    case AX_ACT_CLIP:
        low_binary_step(L, AX_BINARY_MAX, x, number_like(L, x, bound(act->alpha)), at, NULL);
        low_binary_step(L, AX_BINARY_MIN, at, number_like(L, x, bound(act->beta)), y, NULL);
        return AX_OK;
    default: return low_fail(L, AX_UNSUPPORTED, "on integers; float32 is supported");
    }
}

enum ax_status low_unary(struct low *L, const struct ax_node *n)
{
    struct low_act act;
    if (!low_unary_of(n, &act)) return low_fail(L, AX_INTERNAL, "not a function of one operand");
    int x = in_computed(L, n->inputs[0]), y = low_out(L, n->outputs[0]);
    enum ax_dtype t = low_op(L, x)->dtype;
    if (t != AX_DTYPE_FLOAT32) {
        int at = begin(L, y, t);
        LOW_TRY(integer_unary(L, &act, x, at));
        finish(L, at, y);
        return AX_OK;
    }
    struct ax_unary_params p = {act.act, act.alpha, act.beta};
    LOW_STEP(L, UNARY_F32, LOW_LIST(x), LOW_LIST(y), p);
    return AX_OK;
}

enum ax_status low_not(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    low_binary_step(L, AX_BINARY_XOR, x, number_like(L, x, 1), low_out(L, n->outputs[0]), NULL);
    return AX_OK;
}

/* -- two -- */

static enum ax_binary binary_of(const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_ADD:
    case AX_OP_SUM:
    case AX_OP_MEAN: return AX_BINARY_ADD;
    case AX_OP_SUB: return AX_BINARY_SUB;
    case AX_OP_MUL: return AX_BINARY_MUL;
    case AX_OP_DIV: return AX_BINARY_DIV;
    case AX_OP_POW: return AX_BINARY_POW;
    case AX_OP_MIN: return AX_BINARY_MIN;
    case AX_OP_MAX: return AX_BINARY_MAX;
    case AX_OP_MOD: return ax_node_int(n, "fmod", 0) ? AX_BINARY_FMOD : AX_BINARY_MOD;
    case AX_OP_EQUAL: return AX_BINARY_EQUAL;
    case AX_OP_LESS: return AX_BINARY_LESS;
    case AX_OP_LESS_OR_EQUAL: return AX_BINARY_LESS_OR_EQUAL;
    case AX_OP_GREATER: return AX_BINARY_GREATER;
    case AX_OP_GREATER_OR_EQUAL: return AX_BINARY_GREATER_OR_EQUAL;
    case AX_OP_AND: return AX_BINARY_AND;
    case AX_OP_OR: return AX_BINARY_OR;
    case AX_OP_XOR: return AX_BINARY_XOR;
    default: return AX_BINARY_COUNT;
    }
}

enum ax_status low_binary(struct low *L, const struct ax_node *n)
{
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    int a = in_computed(L, n->inputs[0]);
    enum ax_dtype t = low_op(L, a)->dtype;
    int b = cast(L, low_in(L, n->inputs[1]), t), y = low_out(L, n->outputs[0]);
    int at = begin(L, y, t);
    if (act.slope != AX_NONE) return low_fail(L, AX_UNSUPPORTED, "activation prelu rides on products with weights only");
    low_binary_step(L, binary_of(n), a, b, at, &act);
    finish(L, at, y);
    return AX_OK;
}

enum ax_status low_compare(struct low *L, const struct ax_node *n)
{
    int a = in_computed(L, n->inputs[0]), b = in_computed(L, n->inputs[1]);
    low_binary_step(L, binary_of(n), a, b, low_out(L, n->outputs[0]), NULL);
    return AX_OK;
}

static int broadcast_new(struct low *L, int a, int b)
{
    struct ax_operand x = *low_op(L, a), y = *low_op(L, b);
    if (x.rank < y.rank) {
        struct ax_operand t = x;
        x = y, y = t;
    }
    for (int i = 0; i < y.rank; i++)
        if (x.dim[x.rank - 1 - i] == 1) x.dim[x.rank - 1 - i] = y.dim[y.rank - 1 - i];
    return low_plain_new(L, NULL, x.dtype, x.rank, x.dim);
}

enum ax_status low_nary(struct low *L, const struct ax_node *n)
{
    if (n->n_inputs == 1) return low_alias(L, n);
    int at = in_computed(L, n->inputs[0]), y = low_out(L, n->outputs[0]);
    int last = begin(L, y, low_op(L, at)->dtype);
    bool mean = n->op == AX_OP_MEAN;
    for (int i = 1; i < n->n_inputs; i++) {
        int b = in_computed(L, n->inputs[i]);
        int to = i == n->n_inputs - 1 && !mean ? last : broadcast_new(L, at, b);
        low_binary_step(L, binary_of(n), at, b, to, NULL);
        at = to;
    }
    if (mean) low_binary_step(L, AX_BINARY_DIV, at, number_like(L, at, n->n_inputs), last, NULL);
    finish(L, last, y);
    return AX_OK;
}

/* Slopes of ONNX stand as [C, 1, 1] for images; channels-last ones need [C]. */
enum ax_status low_prelu(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), slope = low_in(L, n->inputs[1]);
    const struct ax_shape *s = &low_value(L, n->inputs[1])->shape, *xs = &low_value(L, n->inputs[0])->shape;
    int64_t count = ax_shape_count(s);
    bool leading = s->rank > 1 && s->dim[0] == count && s->dim[s->rank - 1] == 1;
    if (ax_node_int(n, "nhwc", 0) && leading && count == xs->dim[xs->rank - 1]) slope = low_view(L, slope, 1, &count);
    low_binary_step(L, AX_BINARY_PRELU, x, slope, low_out(L, n->outputs[0]), NULL);
    return AX_OK;
}

enum ax_status low_where(struct low *L, const struct ax_node *n)
{
    struct ax_none_params none = {0};
    int c = low_in(L, n->inputs[0]), a = low_in(L, n->inputs[1]), b = low_in(L, n->inputs[2]);
    LOW_STEP(L, WHERE, LOW_LIST(c, a, b), LOW_LIST(low_out(L, n->outputs[0])), none);
    return AX_OK;
}

enum ax_status low_cast(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    if (low_op(L, x)->dtype == low_value(L, n->outputs[0])->dtype) return low_alias(L, n);
    struct ax_none_params none = {0};
    LOW_STEP(L, CAST, LOW_LIST(x), LOW_LIST(low_out(L, n->outputs[0])), none);
    return AX_OK;
}
