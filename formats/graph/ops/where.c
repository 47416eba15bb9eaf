/* Where: choose element by element. */
#include "graph/infer.h"

static enum ax_status infer_where(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT], c[AX_SHAPE_TEXT];
    const struct ax_node *n = ax_rule_node(g, node);
    enum ax_dtype t = g->values[n->inputs[0]].dtype;
    enum ax_status status = ax_rule_same_type(g, node, 1, 2, err);
    if (status) return status;
    if (t != AX_DTYPE_BOOL && t != AX_DTYPE_NONE)
        return ax_rule_fail(g, node, err, "the condition '%s' must be bool, but is %s", g->values[n->inputs[0]].name,
                            ax_dtype_text(t));
    const struct ax_shape *s0 = ax_rule_shape(g, node, 0), *s1 = ax_rule_shape(g, node, 1), *s2 = ax_rule_shape(g, node, 2);
    if (!ax_shape_known(s0) || !ax_shape_known(s1) || !ax_shape_known(s2))
        return ax_rule_like(g, node, 0, 1, &ax_shape_unknown, err);
    struct ax_shape s = *s0;
    if (!ax_broadcast(&s, s1) || !ax_broadcast(&s, s2))
        return ax_rule_fail(g, node, err, "shapes %s, %s and %s do not broadcast", ax_shape_text(s0, a), ax_shape_text(s1, b),
                            ax_shape_text(s2, c));
    return ax_rule_like(g, node, 0, 1, &s, err);
}

AX_ONNX_OP(ax_op_where, "Where", 3, 3, 1, .since = 9, .quant = AX_Q_FLOAT, .infer = infer_where, .note = "Any type.");
