/* Reductions over axes, and the index of the largest or smallest along one. */
#include "graph/infer.h"

/* Drops the marked axes, or leaves 1 in their place. */
static struct ax_shape reduced(const struct ax_shape *s, const bool *axis, bool keep)
{
    struct ax_shape r = {0};
    for (int i = 0; i < s->rank; i++) {
        if (!axis[i])
            r.dim[r.rank++] = s->dim[i];
        else if (keep)
            r.dim[r.rank++] = 1;
    }
    return r;
}

static enum ax_status read_axes(const struct ax_graph *g, int node, int rank, bool *axis, struct ax_error *err)
{
    const struct ax_attr *a = ax_node_attr(ax_rule_node(g, node), "axes");
    for (int i = 0; i < rank; i++) axis[i] = !a;
    for (int i = 0; a && a->type == AX_ATTR_INTS && i < a->count; i++) {
        int64_t v = a->ints[i];
        if (v < 0 || v >= rank || (i && v <= a->ints[i - 1]))
            return ax_rule_fail(g, node, err, "attribute axes must rise within 0..%d, but entry %d is %lld", rank - 1, i,
                                (long long)v);
        axis[v] = true;
    }
    return AX_OK;
}

static enum ax_status infer_reduce(struct ax_graph *g, int node, struct ax_error *err)
{
    bool axis[AX_MAX_RANK] = {false};
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    if ((status = read_axes(g, node, x->rank, axis, err))) return status;
    struct ax_shape s = reduced(x, axis, ax_node_int(ax_rule_node(g, node), "keepdims", 1) != 0);
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_arg(struct ax_graph *g, int node, struct ax_error *err)
{
    bool along[AX_MAX_RANK] = {false};
    int axis = 0;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &ax_shape_unknown, err);
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    if ((status = ax_rule_axis(g, node, "axis", 0, x->rank, &axis, err))) return status;
    along[axis] = true;
    struct ax_shape s = reduced(x, along, ax_node_int(ax_rule_node(g, node), "keepdims", 1) != 0);
    return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &s, err);
}

static const struct ax_attr_row axes[] = {{"axes", AX_KIND_INTS, "resolved (>= 0) and rising; absent: all"},
                                          {"keepdims", AX_KIND_INT, "1 (default): reduced dimensions stay as 1"},
                                          AX_ATTRS_END};
static const struct ax_attr_row arg[] = {
    {"axis", AX_KIND_INT, "default 0"},
    {"keepdims", AX_KIND_INT, "1 (default): the reduced dimension stays as 1"},
    {"select_last_index", AX_KIND_INT, "which of equals: 0 (default) the first, 1 the last"},
    AX_ATTRS_END};

#define REDUCE(row, NAME, ATTRS, QUANT, RULE, NOTE)                                                                            \
    AX_ONNX_OP(row, NAME, 1, 1, 1, .since = 1, .attrs = ATTRS, .quant = QUANT, .infer = RULE, .note = NOTE)

REDUCE(ax_op_reduce_l2, "ReduceL2", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_reduce_max, "ReduceMax", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_reduce_mean, "ReduceMean", axes, AX_Q_SUM, infer_reduce,
       "Constant axes; int8 over both spatial dimensions, as GlobalAveragePool.");
REDUCE(ax_op_reduce_min, "ReduceMin", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_reduce_prod, "ReduceProd", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_reduce_sum, "ReduceSum", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_reduce_sum_square, "ReduceSumSquare", axes, AX_Q_FLOAT, infer_reduce, "Constant axes.");
REDUCE(ax_op_arg_max, "ArgMax", arg, AX_Q_FLOAT, infer_arg, "Output int64.");
REDUCE(ax_op_arg_min, "ArgMin", arg, AX_Q_FLOAT, infer_arg, "Output int64.");
