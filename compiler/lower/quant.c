/* QuantizeLinear and DequantizeLinear: between the quantizer's int8 values and float ones they are where the form of a
 * value changes; on integers without a quantization they are steps with the node's own scales. */
#include "lower/rules.h"

/* Kernels take scales along the last dimension; others are brought there. */
static void scale_step(struct low *L, enum ax_step_kind kind, int x, int scale, int zero, int y, int axis)
{
    struct ax_none_params none = {0};
    struct ax_operand s = *low_op(L, scale), o = *low_op(L, x);
    struct ax_shape shape = ax_shape_make(s.rank, s.dim);
    if (ax_shape_count(&shape) == 1 || axis == o.rank - 1) {
        low_step(L, kind, LOW_LIST(x, scale, zero), LOW_LIST(y), &none, sizeof none);
        return;
    }
    int perm[AX_MAX_RANK];
    for (int i = 0; i < o.rank; i++) perm[i] = i;
    perm[axis] = o.rank - 1;
    perm[o.rank - 1] = axis;
    int moved = low_transpose(L, x, perm);
    struct ax_operand m = *low_op(L, moved);
    int out = low_plain_new(L, NULL, low_op(L, y)->dtype, m.rank, m.dim);
    low_step(L, kind, LOW_LIST(moved, scale, zero), LOW_LIST(out), &none, sizeof none);
    low_transpose_into(L, out, perm, y);
}

void low_scale_by(struct low *L, enum ax_step_kind kind, int x, const struct ax_quant *q, int y)
{
    int scale = low_const_f32(L, q->count, q->scale), zero = low_const_i32(L, q->count, q->zero_point);
    scale_step(L, kind, x, scale, zero, y, q->axis);
}

/* The zero point as int32; 0 where it is left out. */
static int zero_of(struct low *L, int v)
{
    static const int32_t none = 0;
    if (v == AX_NONE) return low_const_i32(L, 1, &none);
    const struct ax_value *z = low_value(L, v);
    int64_t count = ax_shape_count(&z->shape);
    if (ax_is_const(L->g, v)) {
        int32_t *n = AX_NEW(&L->tmp, int32_t, count);
        for (int64_t i = 0; i < count; i++) n[i] = (int32_t)ax_const_at(L->g, v, i);
        return low_const_i32(L, (int)count, n);
    }
    struct ax_none_params p = {0};
    int op = low_plain_new(L, z->name, AX_DTYPE_INT32, z->shape.rank, z->shape.dim);
    LOW_STEP(L, CAST, LOW_LIST(low_in(L, v)), LOW_LIST(op), p);
    return op;
}

/* A vector of scales given for one element broadcasts over the channels. */
static int matching_zero(struct low *L, const struct ax_node *n, int scale)
{
    int zero = zero_of(L, ax_in(n, 2));
    int64_t s = low_op(L, scale)->bytes / 4, z = low_op(L, zero)->bytes / 4;
    if (s == z || z != 1 || low_op(L, zero)->space != AX_SPACE_CONST) return zero;
    int32_t *all = AX_NEW(&L->tmp, int32_t, s), value = 0;
    if (ax_in(n, 2) != AX_NONE) value = (int32_t)ax_const_at(L->g, n->inputs[2], 0);
    for (int64_t i = 0; i < s; i++) all[i] = value;
    return low_const_i32(L, (int)s, all);
}

static int axis_of(const struct low *L, const struct ax_node *n)
{
    int64_t axis = ax_node_int(n, "axis", 1);
    int rank = low_value(L, n->inputs[0])->shape.rank;
    if (axis < 0) axis += rank;
    return axis < 0 || axis >= rank ? rank - 1 : (int)axis;
}

enum ax_status low_quantize(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), y = n->outputs[0];
    if (low_is_quant(low_value(L, y))) {
        low_set(L, y, x); /* settling quantizes it */
        return AX_OK;
    }
    int scale = low_in(L, n->inputs[1]);
    scale_step(L, AX_STEP_QUANTIZE, x, scale, matching_zero(L, n, scale), low_out(L, y), axis_of(L, n));
    return AX_OK;
}

enum ax_status low_dequantize(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    if (low_is_quant(low_value(L, n->inputs[0]))) {
        low_set(L, n->outputs[0], x);
        return AX_OK;
    }
    int scale = low_in(L, n->inputs[1]);
    scale_step(L, AX_STEP_DEQUANTIZE, x, scale, matching_zero(L, n, scale), low_out(L, n->outputs[0]), axis_of(L, n));
    return AX_OK;
}
