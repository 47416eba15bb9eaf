/* Functions of two elements, or of any number, with broadcasting as ONNX says. */
#include "graph/infer.h"

#define BINARY(row, NAME, SINCE, ATTRS, QUANT, NOTE)                                                                           \
    AX_ONNX_OP(row, NAME, 2, 2, 1, .since = SINCE, .attrs = ATTRS, .quant = QUANT, .infer = ax_infer_broadcast, .note = NOTE)
#define VARIADIC(row, NAME, SINCE, NOTE)                                                                                       \
    AX_ONNX_OP(row, NAME, 1, -1, 1, .since = SINCE, .quant = AX_Q_FLOAT, .infer = ax_infer_broadcast, .note = NOTE)

static const struct ax_attr_row act[] = {AX_ATTRS_ACT, AX_ATTRS_END};
static const struct ax_attr_row mod[] = {
    {"fmod", AX_KIND_INT, "0: sign of the divisor (integers; default); 1: of the dividend"}, AX_ATTRS_END};

BINARY(ax_op_add, "Add", 1, act, AX_Q_SUM, "int8; a constant operand folds into the convolution before it where it can.");
BINARY(ax_op_sub, "Sub", 1, act, AX_Q_SUM, "int8; a constant operand folds into the convolution before it where it can.");
BINARY(ax_op_mul, "Mul", 1, act, AX_Q_PRODUCT, "int8; a constant operand folds into the convolution before it where it can.");
BINARY(ax_op_div, "Div", 1, NULL, AX_Q_FLOAT, "By a constant it becomes Mul.");
BINARY(ax_op_pow, "Pow", 1, NULL, AX_Q_FLOAT, "The exponent may have another type than the base in ONNX; here both have one.");
BINARY(ax_op_mod, "Mod", 10, mod, AX_Q_FLOAT, "Integers, and float with fmod.");
VARIADIC(ax_op_max, "Max", 1, "Any number of inputs.");
VARIADIC(ax_op_min, "Min", 1, "Any number of inputs.");
VARIADIC(ax_op_mean, "Mean", 1, "Any number of inputs.");
VARIADIC(ax_op_sum, "Sum", 1, "Any number of inputs; of two it is Add.");

/* slope broadcasts to X, never the other way. */
static enum ax_status infer_prelu(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *slope = ax_rule_shape(g, node, 1);
    struct ax_shape s = *x;
    if (!ax_broadcast(&s, slope) || !ax_shape_equal(&s, x))
        return ax_rule_fail(g, node, err, "slope of shape %s does not broadcast to the input's shape %s",
                            ax_shape_text(slope, a), ax_shape_text(x, b));
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row prelu[] = {AX_ATTR_NHWC, AX_ATTRS_END};
AX_ONNX_OP(ax_op_prelu, "PRelu", 2, 2, 1, .since = 1, .attrs = prelu, .quant = AX_Q_FLOAT, .infer = infer_prelu,
           .note = "Constant slopes by channel are fused into the operator before it, in int8 too; others in float.");
