/* Expand and Tile: repeat what is there. */
#include "graph/infer.h"

static enum ax_status infer_expand(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    struct ax_shape want;
    enum ax_status status = ax_rule_shape_attr(g, node, "shape", &want, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    struct ax_shape s = *x;
    if (!ax_broadcast(&s, &want))
        return ax_rule_fail(g, node, err, "input of shape %s does not broadcast with shape %s", ax_shape_text(x, a),
                            ax_shape_text(&want, b));
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_tile(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t repeats[AX_MAX_RANK];
    if (!ax_rule_ready(g, node)) return AX_OK;
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    enum ax_status status = ax_rule_ints(g, node, "repeats", s.rank, 1, 0, AX_MAX_FACTOR, repeats, err);
    if (status) return status;
    for (int i = 0; i < s.rank; i++) s.dim[i] *= repeats[i];
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row expand[] = {{"shape", AX_KIND_INTS, "the output's; always there"}, AX_ATTRS_END};
static const struct ax_attr_row tile[] = {{"repeats", AX_KIND_INTS, "one a dimension"}, AX_ATTRS_END};

AX_ONNX_OP(ax_op_expand, "Expand", 1, 1, 1, .since = 8, .attrs = expand, .quant = AX_Q_FLOAT, .infer = infer_expand,
           .note = "Any type; the shape must be constant.");
AX_ONNX_OP(ax_op_tile, "Tile", 1, 1, 1, .since = 6, .attrs = tile, .quant = AX_Q_FLOAT, .infer = infer_tile,
           .note = "Any type; repeats must be constant.");
