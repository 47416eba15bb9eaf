/* [N,C,H,W] -> Reshape [N, C H W] -> MatMul with constant weights becomes a convolution whose kernel is the whole picture:
 * the product no longer cares about the order of C, H and W, so that channels may be last. */
#include "passes/remap.h"

/* v is [N,C,H,W] because a convolution or a pool made it so, not channels-last by the model's own transposes. */
static bool is_picture(const struct ax_graph *g, int v, int depth)
{
    int p = v == AX_NONE ? AX_NONE : g->values[v].producer;
    if (p == AX_NONE || depth > 16) return false;
    const struct ax_node *n = &g->nodes[p];
    switch (n->op) {
    case AX_OP_CONV:
    case AX_OP_CONV_TRANSPOSE:
    case AX_OP_AVERAGE_POOL:
    case AX_OP_MAX_POOL:
    case AX_OP_BATCH_NORMALIZATION: return !ax_node_int(n, "nhwc", 0);
    default: break;
    }
    enum remap_kind kind = remap_kind(g, n);
    if (kind != REMAP_UNARY && kind != REMAP_JOINT) return false;
    for (int k = 0; k < (kind == REMAP_UNARY ? 1 : n->n_inputs); k++)
        if (is_picture(g, n->inputs[k], depth + 1)) return true;
    return false;
}

static bool convert(struct ax_graph *g, int i)
{
    if (!pass_weighted(g, i) || ax_node_attr(&g->nodes[i], "act") || g->nodes[i].n_inputs > 3) return false;
    struct ax_node n = g->nodes[i];
    int flat = pass_maker(g, n.inputs[0], AX_OP_RESHAPE), y = n.outputs[0];
    if (flat == AX_NONE) return false;
    int x = g->nodes[flat].inputs[0];
    struct ax_shape in = g->values[x].shape, w = g->values[n.inputs[1]].shape;
    if (in.rank != 4 || in.dim[2] * in.dim[3] == 1 || in.dim[0] != g->values[y].shape.dim[0] || g->values[y].shape.rank != 2)
        return false;
    if (!is_picture(g, x, 0)) return false;
    if (w.dim[0] != in.dim[1] * in.dim[2] * in.dim[3]) return false;
    int rows = pass_const_transposed(g, n.inputs[1], (int64_t[]){1, 0});
    int kernel =
        pass_const_reshaped(g, rows, &(struct ax_shape){.rank = 4, .dim = {w.dim[1], in.dim[1], in.dim[2], in.dim[3]}});
    int picture = pass_value(g, y, "picture", &(struct ax_shape){.rank = 4, .dim = {in.dim[0], w.dim[1], 1, 1}});
    int conv = ax_graph_node(g, AX_OP_CONV, n.name, (int[]){x, kernel, ax_in(&n, 2)}, 3, &picture, 1);
    ax_node_set_ints(g, conv, "kernel_shape", &in.dim[2], 2);
    ax_node_set_ints(g, conv, "strides", (int64_t[]){1, 1}, 2);
    ax_node_set_ints(g, conv, "dilations", (int64_t[]){1, 1}, 2);
    ax_node_set_ints(g, conv, "pads", (int64_t[]){0, 0, 0, 0}, 4);
    ax_node_set_int(g, conv, "group", 1);
    struct ax_shape out = g->values[y].shape;
    pass_become(g, i, AX_OP_RESHAPE, &picture, 1);
    ax_node_set_ints(g, i, "shape", out.dim, out.rank);
    return true;
}

enum ax_status pass_flatten_to_conv(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = 0; i < n; i++)
        if (g->nodes[i].op == AX_OP_MATMUL && convert(g, i)) *changed = 1;
    return AX_OK;
}
