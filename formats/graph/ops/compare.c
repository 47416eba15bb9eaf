/* Comparisons and logic: the output is bool. */
#include "graph/infer.h"

static enum ax_status infer_bool(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    enum ax_status status = ax_rule_same_type(g, node, 0, 1, err);
    if (status) return status;
    if (!ax_rule_ready(g, node)) return ax_rule_set(g, node, 0, AX_DTYPE_BOOL, &ax_shape_unknown, err);
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    if (!ax_broadcast(&s, ax_rule_shape(g, node, 1)))
        return ax_rule_fail(g, node, err, "shapes %s and %s do not broadcast", ax_shape_text(ax_rule_shape(g, node, 0), a),
                            ax_shape_text(ax_rule_shape(g, node, 1), b));
    return ax_rule_set(g, node, 0, AX_DTYPE_BOOL, &s, err);
}

#define COMPARE(row, NAME, SINCE, NOTE)                                                                                        \
    AX_ONNX_OP(row, NAME, 2, 2, 1, .since = SINCE, .quant = AX_Q_FLOAT, .infer = infer_bool, .note = NOTE)

COMPARE(ax_op_equal, "Equal", 1, "float32, int32, int64 and bool.");
COMPARE(ax_op_greater, "Greater", 1, "float32, int32 and int64.");
COMPARE(ax_op_greater_or_equal, "GreaterOrEqual", 12, "float32, int32 and int64.");
COMPARE(ax_op_less, "Less", 1, "float32, int32 and int64.");
COMPARE(ax_op_less_or_equal, "LessOrEqual", 12, "float32, int32 and int64.");
COMPARE(ax_op_and, "And", 1, "On bool.");
COMPARE(ax_op_or, "Or", 1, "On bool.");
COMPARE(ax_op_xor, "Xor", 1, "On bool.");
