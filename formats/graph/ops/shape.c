/* Operators on shapes. They fold away on import; their rules serve that folding. And Dropout, which is Identity. */
#include <math.h>

#include "graph/infer.h"

static enum ax_status infer_shape(struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_node *n = ax_rule_node(g, node);
    int rank = ax_rule_shape(g, node, 0)->rank;
    if (rank < 0) return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &ax_shape_unknown, err);
    int64_t start = ax_node_int(n, "start", 0), end = ax_node_int(n, "end", rank);
    if (start < 0) start += rank;
    if (end < 0) end += rank;
    start = start < 0 ? 0 : start > rank ? rank : start;
    end = end < start ? start : end > rank ? rank : end;
    struct ax_shape s = {.rank = 1, .dim = {end - start}};
    return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &s, err);
}

static enum ax_status infer_size(struct ax_graph *g, int node, struct ax_error *err)
{
    return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &(struct ax_shape){0}, err);
}

static enum ax_status infer_range(struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_node *n = ax_rule_node(g, node);
    double v[3];
    for (int i = 0; i < 3; i++) {
        if (!ax_is_const(g, n->inputs[i]) || ax_shape_count(ax_rule_shape(g, node, i)) != 1)
            return ax_rule_like(g, node, 0, 0, &ax_shape_unknown, err);
        v[i] = ax_const_at(g, n->inputs[i], 0);
    }
    double count = ceil((v[1] - v[0]) / v[2]);
    if (!(count < 0x1p40)) return ax_rule_fail(g, node, err, "%g to %g by %g has no end", v[0], v[1], v[2]);
    struct ax_shape s = {.rank = 1, .dim = {count > 0 ? (int64_t)count : 0}};
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_constant_of_shape(struct ax_graph *g, int node, struct ax_error *err)
{
    struct ax_shape s = ax_shape_unknown;
    int out = ax_out(ax_rule_node(g, node), 0);
    enum ax_dtype t = out == AX_NONE ? AX_DTYPE_NONE : g->values[out].dtype;
    int rank = ax_const_ints(g, ax_rule_node(g, node)->inputs[0], s.dim, AX_MAX_RANK);
    for (int i = 0; i < rank; i++)
        if (s.dim[i] < 0) return ax_rule_fail(g, node, err, "dimension %d of the shape is %lld", i, (long long)s.dim[i]);
    s.rank = rank;
    return ax_rule_set(g, node, 0, t ? t : AX_DTYPE_FLOAT32, &s, err);
}

static enum ax_status infer_non_zero(struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    int v = ax_rule_node(g, node)->inputs[0];
    if (!ax_is_const(g, v)) return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &ax_shape_unknown, err);
    struct ax_shape s = {.rank = 2, .dim = {x->rank, 0}};
    for (int64_t i = 0; i < ax_shape_count(x); i++) s.dim[1] += ax_const_at(g, v, i) != 0;
    return ax_rule_set(g, node, 0, AX_DTYPE_INT64, &s, err);
}

static enum ax_status infer_dropout(struct ax_graph *g, int node, struct ax_error *err)
{
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    enum ax_status status = ax_rule_set(g, node, 1, AX_DTYPE_BOOL, &s, err);
    return status ? status : ax_infer_same(g, node, err);
}

static const struct ax_attr_row shape[] = {
    {"start", AX_KIND_INT, "default 0"}, {"end", AX_KIND_INT, "default: the rank"}, AX_ATTRS_END};
static const struct ax_attr_row value[] = {{"value", AX_KIND_TENSOR, "one element; default 0 as float32"}, AX_ATTRS_END};

#define SHAPE(row, NAME, SINCE, INPUTS, OUTPUTS, ATTRS, QUANT, RULE, NOTE)                                                     \
    AX_ONNX_OP(row, NAME, INPUTS, INPUTS, OUTPUTS, .since = SINCE, .attrs = ATTRS, .quant = QUANT, .infer = RULE, .note = NOTE)

SHAPE(ax_op_shape, "Shape", 1, 1, 1, shape, AX_Q_SHAPE, infer_shape, "Folds away on import.");
SHAPE(ax_op_size, "Size", 1, 1, 1, NULL, AX_Q_SHAPE, infer_size, "Folds away on import.");
SHAPE(ax_op_range, "Range", 11, 3, 1, NULL, AX_Q_SHAPE, infer_range, "Folds away on import: inputs must be constant.");
SHAPE(ax_op_constant_of_shape, "ConstantOfShape", 9, 1, 1, value, AX_Q_SHAPE, infer_constant_of_shape,
      "Folds away on import: the shape must be constant.");
SHAPE(ax_op_non_zero, "NonZero", 9, 1, 1, NULL, AX_Q_SHAPE, infer_non_zero,
      "Folds away on import: the input must be constant.");
SHAPE(ax_op_dropout, "Dropout", 1, 1, 2, NULL, AX_Q_MOVE, infer_dropout, "Imported as Identity; the mask is not supported.");
