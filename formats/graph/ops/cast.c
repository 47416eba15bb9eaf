/* Cast, QuantizeLinear, DequantizeLinear: the operators that change types. */
#include "graph/infer.h"

static enum ax_status infer_cast(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t to;
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    enum ax_status status = ax_rule_int(g, node, "to", 0, AX_DTYPE_NONE + 1, AX_DTYPE_COUNT - 1, &to, err);
    return status ? status : ax_rule_set(g, node, 0, (enum ax_dtype)to, &s, err);
}

/* scale and zero_point: one, or one an entry of the axis. */
static enum ax_status check_scales(const struct ax_graph *g, int node, struct ax_error *err)
{
    int axis;
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *scale = ax_rule_shape(g, node, 1);
    enum ax_status status;
    if (ax_shape_count(scale) == 1 && scale->rank <= 1) return ax_rule_vector(g, node, 2, 1, true, "zero_point", err);
    if ((status = ax_rule_axis(g, node, "axis", 1, x->rank, &axis, err))) return status;
    if ((status = ax_rule_vector(g, node, 1, x->dim[axis], false, "scale", err))) return status;
    return ax_rule_vector(g, node, 2, x->dim[axis], false, "zero_point", err);
}

static enum ax_status infer_quantize(struct ax_graph *g, int node, struct ax_error *err)
{
    enum ax_dtype t = g->values[ax_rule_node(g, node)->inputs[2]].dtype;
    if (!ax_rule_ready(g, node)) return ax_rule_set(g, node, 0, t, &ax_shape_unknown, err);
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    enum ax_status status = check_scales(g, node, err);
    return status ? status : ax_rule_set(g, node, 0, t, &s, err);
}

static enum ax_status infer_dequantize(struct ax_graph *g, int node, struct ax_error *err)
{
    if (!ax_rule_ready(g, node)) return ax_rule_set(g, node, 0, AX_DTYPE_FLOAT32, &ax_shape_unknown, err);
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    enum ax_status status = check_scales(g, node, err);
    return status ? status : ax_rule_set(g, node, 0, AX_DTYPE_FLOAT32, &s, err);
}

static const struct ax_attr_row cast[] = {{"to", AX_KIND_INT, "a number of enum ax_dtype; always there"}, AX_ATTRS_END};
static const struct ax_attr_row axis[] = {{"axis", AX_KIND_INT, "of the scales, where there are several; default 1"},
                                          AX_ATTRS_END};

AX_ONNX_OP(ax_op_cast, "Cast", 1, 1, 1, .since = 1, .attrs = cast, .quant = AX_Q_FLOAT, .infer = infer_cast,
           .note = "Between float32, integers and bool; float16 and double count as float32. Not to or from strings.");
AX_ONNX_OP(
    ax_op_quantize_linear, "QuantizeLinear", 3, 3, 1, .since = 10, .attrs = axis, .quant = AX_Q_FLOAT, .infer = infer_quantize,
    .note = "The output has the type of zero_point. The model's own scales are kept. Blocked quantization is not supported.");
AX_ONNX_OP(ax_op_dequantize_linear, "DequantizeLinear", 3, 3, 1, .since = 10, .attrs = axis, .quant = AX_Q_FLOAT,
           .infer = infer_dequantize, .note = "The model's own scales are kept. Blocked quantization is not supported.");
