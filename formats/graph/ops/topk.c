/* TopK: outputs values and indices. */
#include "graph/infer.h"

static enum ax_status infer_topk(struct ax_graph *g, int node, struct ax_error *err)
{
    int axis;
    int64_t k;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return ax_rule_set(g, node, 1, AX_DTYPE_INT64, &ax_shape_unknown, err);
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    if ((status = ax_rule_axis(g, node, "axis", -1, s.rank, &axis, err))) return status;
    if ((status = ax_rule_int(g, node, "k", -1, 0, s.dim[axis], &k, err))) return status;
    s.dim[axis] = k;
    if ((status = ax_rule_like(g, node, 0, 0, &s, err))) return status;
    return ax_rule_set(g, node, 1, AX_DTYPE_INT64, &s, err);
}

static const struct ax_attr_row attrs[] = {{"k", AX_KIND_INT, "always there"},
                                           {"axis", AX_KIND_INT, "default -1"},
                                           {"largest", AX_KIND_INT, "1 (default) or 0"},
                                           {"sorted", AX_KIND_INT, "1 (default) or 0; the output is always sorted"},
                                           AX_ATTRS_END};

AX_ONNX_OP(ax_op_topk, "TopK", 1, 1, 2, .since = 1, .attrs = attrs, .quant = AX_Q_FLOAT, .infer = infer_topk,
           .note = "k must be constant.");
