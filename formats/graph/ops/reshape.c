/* Reshape, and what the importer turns into it: Flatten, Squeeze, Unsqueeze. */
#include "graph/infer.h"

static enum ax_status infer_reshape(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    struct ax_shape s;
    enum ax_status status = ax_rule_shape_attr(g, node, "shape", &s, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    if (ax_shape_count(&s) != ax_shape_count(x))
        return ax_rule_fail(g, node, err, "%lld elements of input %s do not make shape %s", (long long)ax_shape_count(x),
                            ax_shape_text(x, a), ax_shape_text(&s, b));
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_flatten(struct ax_graph *g, int node, struct ax_error *err)
{
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    struct ax_shape s = {.rank = 2, .dim = {1, 1}};
    int64_t axis = ax_node_int(ax_rule_node(g, node), "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return ax_rule_fail(g, node, err, "attribute axis is %lld, but the input has %d dimensions", (long long)axis, x->rank);
    if (axis < 0) axis += x->rank;
    for (int i = 0; i < x->rank; i++) s.dim[i >= axis] *= x->dim[i];
    return ax_rule_like(g, node, 0, 0, &s, err);
}

/* Marks the axes named by attribute or constant input 1 among `rank` dimensions; *given: were any named at all? */
static enum ax_status named_axes(const struct ax_graph *g, int node, int rank, bool *axis, bool *given, struct ax_error *err)
{
    int64_t list[AX_MAX_RANK];
    const struct ax_node *n = ax_rule_node(g, node);
    int count = ax_node_ints(n, "axes", list, AX_MAX_RANK, 0);
    *given = ax_node_attr(n, "axes") != NULL;
    if (!*given && ax_in(n, 1) != AX_NONE) {
        count = ax_const_ints(g, n->inputs[1], list, AX_MAX_RANK);
        if (count < 0) return ax_rule_fail(g, node, err, "axes '%s' are not constant", g->values[n->inputs[1]].name);
        *given = true;
    }
    for (int i = 0; i < count && i < AX_MAX_RANK; i++) {
        int64_t a = list[i] < 0 ? list[i] + rank : list[i];
        if (a < 0 || a >= rank || axis[a])
            return ax_rule_fail(g, node, err, "axis %lld is outside of %d dimensions or named twice", (long long)list[i], rank);
        axis[a] = true;
    }
    return AX_OK;
}

static enum ax_status infer_squeeze(struct ax_graph *g, int node, struct ax_error *err)
{
    bool axis[2 * AX_MAX_RANK] = {false}, given = false;
    char text[AX_SHAPE_TEXT];
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    struct ax_shape s = {0};
    enum ax_status status = named_axes(g, node, x->rank, axis, &given, err);
    if (status) return status;
    for (int i = 0; i < x->rank; i++) {
        if (axis[i] && x->dim[i] != 1)
            return ax_rule_fail(g, node, err, "dimension %d of input %s is not 1", i, ax_shape_text(x, text));
        if (given ? !axis[i] : x->dim[i] != 1) s.dim[s.rank++] = x->dim[i];
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_unsqueeze(struct ax_graph *g, int node, struct ax_error *err)
{
    bool axis[2 * AX_MAX_RANK] = {false}, given = false;
    int64_t list[AX_MAX_RANK];
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    int count =
        ax_node_attr(n, "axes") ? ax_node_ints(n, "axes", list, 0, 0) : ax_const_ints(g, ax_in(n, 1), list, AX_MAX_RANK);
    if (count < 0) return ax_rule_fail(g, node, err, "axes are missing or not constant");
    if (x->rank + count > AX_MAX_RANK)
        return ax_rule_fail(g, node, err, "the output would have %d dimensions; at most %d are supported", x->rank + count,
                            AX_MAX_RANK);
    struct ax_shape s = {.rank = x->rank + count};
    enum ax_status status = named_axes(g, node, s.rank, axis, &given, err);
    if (status) return status;
    for (int i = 0, from = 0; i < s.rank; i++) s.dim[i] = axis[i] ? 1 : x->dim[from++];
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row reshape[] = {{"shape", AX_KIND_INTS, "the full output shape; always there"}, AX_ATTRS_END};
static const struct ax_attr_row flatten[] = {{"axis", AX_KIND_INT, "default 1"}, AX_ATTRS_END};
static const struct ax_attr_row axes[] = {{"axes", AX_KIND_INTS, "or as constant input 1"}, AX_ATTRS_END};

#define RESHAPE(row, NAME, MAX_IN, ATTRS, RULE, NOTE)                                                                          \
    AX_ONNX_OP(row, NAME, 1, MAX_IN, 1, .since = 1, .attrs = ATTRS, .quant = AX_Q_MOVE, .infer = RULE, .note = NOTE)

RESHAPE(ax_op_reshape, "Reshape", 1, reshape, infer_reshape, "The shape must follow from constants and input shapes.");
RESHAPE(ax_op_flatten, "Flatten", 1, flatten, infer_flatten, "Imported as Reshape.");
RESHAPE(ax_op_squeeze, "Squeeze", 2, axes, infer_squeeze, "Imported as Reshape; axes must be constant.");
RESHAPE(ax_op_unsqueeze, "Unsqueeze", 2, axes, infer_unsqueeze, "Imported as Reshape; axes must be constant.");
