/* Gathers and scatters: elements by index. */
#include "graph/infer.h"

static enum ax_status set_joined(struct ax_graph *g, int node, const struct ax_shape *parts, int count, struct ax_error *err)
{
    struct ax_shape s = {0};
    for (int p = 0; p < count; p++)
        for (int i = 0; i < parts[p].rank; i++) {
            if (s.rank == AX_MAX_RANK) return ax_rule_fail(g, node, err, "the output has more than %d dimensions", AX_MAX_RANK);
            s.dim[s.rank++] = parts[p].dim[i];
        }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status check_indices(const struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_value *v = &g->values[ax_rule_node(g, node)->inputs[1]];
    if (v->dtype == AX_DTYPE_INT64 || v->dtype == AX_DTYPE_INT32 || v->dtype == AX_DTYPE_NONE) return AX_OK;
    return ax_rule_fail(g, node, err, "indices '%s' must be int64 or int32, but are %s", v->name, ax_dtype_text(v->dtype));
}

static enum ax_status infer_gather(struct ax_graph *g, int node, struct ax_error *err)
{
    int axis;
    enum ax_status status = check_indices(g, node, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape x = *ax_rule_shape(g, node, 0);
    if ((status = ax_rule_axis(g, node, "axis", 0, x.rank, &axis, err))) return status;
    struct ax_shape parts[3] = {ax_shape_make(axis, x.dim), *ax_rule_shape(g, node, 1),
                                ax_shape_make(x.rank - axis - 1, x.dim + axis + 1)};
    return set_joined(g, node, parts, 3, err);
}

static enum ax_status infer_gather_elements(struct ax_graph *g, int node, struct ax_error *err)
{
    int axis;
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    enum ax_status status = check_indices(g, node, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0), s = *ax_rule_shape(g, node, 1);
    if ((status = ax_rule_axis(g, node, "axis", 0, x->rank, &axis, err))) return status;
    bool fits = s.rank == x->rank;
    for (int i = 0; fits && i < s.rank; i++) fits = i == axis || s.dim[i] <= x->dim[i];
    if (!fits)
        return ax_rule_fail(g, node, err, "indices of shape %s do not fit data of shape %s along axis %d", ax_shape_text(&s, a),
                            ax_shape_text(x, b), axis);
    return ax_rule_like(g, node, 0, 0, &s, err);
}

/* The index tuples of GatherND and ScatterND: their length, checked against the dimensions that they index. */
static enum ax_status tuple_length(const struct ax_graph *g, int node, int64_t batch, int *out, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *idx = ax_rule_shape(g, node, 1);
    int64_t k = idx->rank > batch ? idx->dim[idx->rank - 1] : 0;
    if (idx->rank <= batch || k > x->rank - batch || (k < 1 && x->rank))
        return ax_rule_fail(g, node, err, "indices of shape %s do not index data of shape %s (batch_dims %lld)",
                            ax_shape_text(idx, a), ax_shape_text(x, b), (long long)batch);
    *out = (int)k;
    return AX_OK;
}

static enum ax_status infer_gather_nd(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t batch = 0;
    int k = 0;
    enum ax_status status = check_indices(g, node, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape x = *ax_rule_shape(g, node, 0), idx = *ax_rule_shape(g, node, 1);
    if ((status = ax_rule_int(g, node, "batch_dims", 0, 0, x.rank, &batch, err))) return status;
    if ((status = tuple_length(g, node, batch, &k, err))) return status;
    for (int i = 0; i < batch; i++)
        if (x.dim[i] != idx.dim[i])
            return ax_rule_fail(g, node, err, "batch dimension %d is %lld in the data, but %lld in the indices", i,
                                (long long)x.dim[i], (long long)idx.dim[i]);
    struct ax_shape parts[2] = {ax_shape_make(idx.rank - 1, idx.dim),
                                ax_shape_make(x.rank - (int)batch - k, x.dim + batch + k)};
    return set_joined(g, node, parts, 2, err);
}

static enum ax_status infer_scatter_nd(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT];
    int k = 0;
    enum ax_status status = check_indices(g, node, err);
    if (!status) status = ax_rule_same_type(g, node, 0, 2, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *idx = ax_rule_shape(g, node, 1), *u = ax_rule_shape(g, node, 2);
    if ((status = tuple_length(g, node, 0, &k, err))) return status;
    bool fits = u->rank == idx->rank - 1 + x->rank - k;
    for (int i = 0; fits && i < u->rank; i++)
        fits = u->dim[i] == (i < idx->rank - 1 ? idx->dim[i] : x->dim[i - (idx->rank - 1) + k]);
    if (!fits) return ax_rule_fail(g, node, err, "updates of shape %s do not fit data and indices", ax_shape_text(u, a));
    return ax_infer_same(g, node, err);
}

static const struct ax_attr_row axis[] = {{"axis", AX_KIND_INT, "default 0"}, AX_ATTRS_END};
static const struct ax_attr_row batch_dims[] = {{"batch_dims", AX_KIND_INT, "default 0"}, AX_ATTRS_END};
static const struct ax_attr_row scatter[] = {{"reduction", AX_KIND_STRING, "none (default); no other"}, AX_ATTRS_END};

#define GATHER(row, NAME, SINCE, INPUTS, ATTRS, RULE, NOTE)                                                                    \
    AX_ONNX_OP(row, NAME, INPUTS, INPUTS, 1, .since = SINCE, .attrs = ATTRS, .quant = AX_Q_FLOAT, .infer = RULE, .note = NOTE)

GATHER(ax_op_gather, "Gather", 1, 2, axis, infer_gather, "Any type; indices int32 or int64.");
GATHER(ax_op_gather_elements, "GatherElements", 11, 2, axis, infer_gather_elements, "Any type; indices int32 or int64.");
GATHER(ax_op_gather_nd, "GatherND", 11, 2, batch_dims, infer_gather_nd, "Any type; indices int32 or int64.");
GATHER(ax_op_scatter_nd, "ScatterND", 11, 3, scatter, infer_scatter_nd, "Any type; no reduction.");
