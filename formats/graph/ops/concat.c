/* Concat and Split: join and part along one axis. */
#include "graph/infer.h"

static enum ax_status infer_concat(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    int axis;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    if (!ax_node_attr(n, "axis")) return ax_rule_fail(g, node, err, "attribute axis is missing");
    if ((status = ax_rule_axis(g, node, "axis", 0, x->rank, &axis, err))) return status;
    struct ax_shape s = *x;
    for (int i = 1; i < n->n_inputs; i++) {
        const struct ax_shape *y = ax_rule_shape(g, node, i);
        struct ax_shape like = *y;
        if ((status = ax_rule_same_type(g, node, 0, i, err))) return status;
        if (y->rank == x->rank) like.dim[axis] = x->dim[axis];
        if (!ax_shape_equal(&like, x))
            return ax_rule_fail(g, node, err, "input %d of shape %s does not fit input 0 of shape %s along axis %d", i,
                                ax_shape_text(y, a), ax_shape_text(x, b), axis);
        s.dim[axis] += y->dim[axis];
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_split(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    int axis;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape x = *ax_rule_shape(g, node, 0);
    if ((status = ax_rule_axis(g, node, "axis", 0, x.rank, &axis, err))) return status;
    const struct ax_attr *split = ax_node_attr(n, "split");
    if (!split || split->type != AX_ATTR_INTS || split->count != n->n_outputs)
        return ax_rule_fail(g, node, err, "attribute split must have one size for each of %d outputs", n->n_outputs);
    int64_t left = x.dim[axis];
    for (int i = 0; i < n->n_outputs; i++) {
        struct ax_shape s = x;
        s.dim[axis] = split->ints[i];
        if (s.dim[axis] < 0 || s.dim[axis] > left)
            return ax_rule_fail(g, node, err, "size %d of split, %lld, exceeds dimension %d of input %s", i,
                                (long long)s.dim[axis], axis, ax_shape_text(&x, text));
        left -= s.dim[axis];
        if ((status = ax_rule_like(g, node, i, 0, &s, err))) return status;
    }
    if (left)
        return ax_rule_fail(g, node, err, "the sizes of split leave %lld of dimension %d of input %s", (long long)left, axis,
                            ax_shape_text(&x, text));
    return AX_OK;
}

static const struct ax_attr_row concat[] = {{"axis", AX_KIND_INT, "always there"}, AX_ATTRS_END};
static const struct ax_attr_row split[] = {
    {"axis", AX_KIND_INT, "default 0"}, {"split", AX_KIND_INTS, "sizes, one an output; always there"}, AX_ATTRS_END};

AX_ONNX_OP(ax_op_concat, "Concat", 1, -1, 1, .since = 1, .attrs = concat, .quant = AX_Q_MOVE, .infer = infer_concat,
           .note = "Along channels it costs nothing in int8: each part keeps its own scales.");
AX_ONNX_OP(ax_op_split, "Split", 1, 1, -1, .since = 1, .attrs = split, .quant = AX_Q_MOVE, .infer = infer_split,
           .note = "Sizes must be constant.");
