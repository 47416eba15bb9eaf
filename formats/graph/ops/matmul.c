/* MatMul of any ranks, and Gemm. */
#include "graph/infer.h"

/* Batch dimensions of s: all but the last two. */
static struct ax_shape batch_of(const struct ax_shape *s)
{
    return ax_shape_make(s->rank > 2 ? s->rank - 2 : 0, s->dim);
}

static enum ax_status infer_matmul(struct ax_graph *g, int node, struct ax_error *err)
{
    char ta[AX_SHAPE_TEXT], tb[AX_SHAPE_TEXT];
    enum ax_status status = ax_rule_same_type(g, node, 0, 1, err);
    if (status || !ax_rule_ready(g, node)) return status;
    const struct ax_shape *a = ax_rule_shape(g, node, 0), *b = ax_rule_shape(g, node, 1);
    if ((status = ax_rule_rank(g, node, 0, 1, AX_MAX_RANK, err))) return status;
    if ((status = ax_rule_rank(g, node, 1, 1, AX_MAX_RANK, err))) return status;
    int64_t k = a->dim[a->rank - 1], n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
    int64_t kb = b->dim[b->rank > 1 ? b->rank - 2 : 0];
    struct ax_shape s = batch_of(a), bb = batch_of(b);
    if (k != kb || !ax_broadcast(&s, &bb))
        return ax_rule_fail(g, node, err, "shapes %s and %s do not multiply", ax_shape_text(a, ta), ax_shape_text(b, tb));
    if (a->rank > 1) s.dim[s.rank++] = a->dim[a->rank - 2];
    if (b->rank > 1) s.dim[s.rank++] = n;
    if ((status = ax_rule_fused(g, node, n, &s, err))) return status;
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_gemm(struct ax_graph *g, int node, struct ax_error *err)
{
    char ta[AX_SHAPE_TEXT], tb[AX_SHAPE_TEXT];
    enum ax_status status = ax_rule_same_type(g, node, 0, 1, err);
    if (status || !ax_rule_ready(g, node)) return status;
    if ((status = ax_rule_rank(g, node, 0, 2, 2, err)) || (status = ax_rule_rank(g, node, 1, 2, 2, err))) return status;
    const struct ax_node *nd = ax_rule_node(g, node);
    const struct ax_shape *a = ax_rule_shape(g, node, 0), *b = ax_rule_shape(g, node, 1);
    int trans_a = ax_node_int(nd, "transA", 0) != 0, trans_b = ax_node_int(nd, "transB", 0) != 0;
    if (a->dim[!trans_a] != b->dim[trans_b])
        return ax_rule_fail(g, node, err, "shapes %s (transA %d) and %s (transB %d) do not multiply", ax_shape_text(a, ta),
                            trans_a, ax_shape_text(b, tb), trans_b);
    struct ax_shape s = {.rank = 2, .dim = {a->dim[trans_a], b->dim[!trans_b]}}, with_c = s;
    if (ax_in(nd, 2) != AX_NONE && (!ax_broadcast(&with_c, ax_rule_shape(g, node, 2)) || !ax_shape_equal(&with_c, &s)))
        return ax_rule_fail(g, node, err, "C of shape %s does not broadcast to the product's shape %s",
                            ax_shape_text(ax_rule_shape(g, node, 2), ta), ax_shape_text(&s, tb));
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row matmul[] = {
    {"residual", AX_KIND_STRING, "pre or post: input 3 is added before or after the activation"}, AX_ATTRS_ACT, AX_ATTRS_END};
static const struct ax_attr_row gemm[] = {{"alpha", AX_KIND_FLOAT, "default 1"},
                                          {"beta", AX_KIND_FLOAT, "default 1"},
                                          {"transA", AX_KIND_INT, "0 (default) or 1"},
                                          {"transB", AX_KIND_INT, "0 (default) or 1"},
                                          AX_ATTRS_END};

AX_ONNX_OP(ax_op_matmul, "MatMul", 2, 5, 1, .since = 1, .attrs = matmul, .quant = AX_Q_WEIGHTED, .infer = infer_matmul,
           .note = "Any ranks. Constant weights in int8; of two activations in float.");
AX_ONNX_OP(ax_op_gemm, "Gemm", 2, 3, 1, .since = 1, .attrs = gemm, .quant = AX_Q_WEIGHTED, .infer = infer_gemm,
           .note = "alpha, beta and transposes; C may be absent.");
