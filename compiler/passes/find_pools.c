/* Reductions over all pixels become global pools: ReduceMean and ReduceMax over the spatial axes (of [N,C,H,W] or of
 * [N,H,W,C], the latter with nhwc = 1), AveragePool and MaxPool whose one window covers everything. */
#include "passes/pass.h"

/* Spatial axes begin at 2 (channels first), at 1 (channels last), or are not what is reduced: 0. */
static int spatial_start(const struct ax_graph *g, const struct ax_node *n)
{
    int64_t axes[AX_MAX_RANK];
    int count = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
    if (g->values[n->inputs[0]].shape.rank != 4 || count != 2 || axes[1] != axes[0] + 1) return 0;
    return axes[0] == 1 || axes[0] == 2 ? (int)axes[0] : 0;
}

static bool reduction(struct ax_graph *g, int i)
{
    struct ax_node n = g->nodes[i];
    int x = n.inputs[0], start = spatial_start(g, &n);
    if (!start || g->values[x].dtype != AX_DTYPE_FLOAT32) return false;
    enum ax_op op = n.op == AX_OP_REDUCE_MAX ? AX_OP_GLOBAL_MAX_POOL : AX_OP_GLOBAL_AVERAGE_POOL;
    struct ax_shape pooled = g->values[x].shape;
    pooled.dim[start] = pooled.dim[start + 1] = 1;
    int pool = i;
    if (!ax_node_int(&n, "keepdims", 1)) {
        int y = pass_value(g, n.outputs[0], "pooled", &pooled);
        pool = ax_graph_node(g, op, n.name, &x, 1, &y, 1);
        struct ax_shape shape = g->values[n.outputs[0]].shape;
        pass_become(g, i, AX_OP_RESHAPE, &y, 1);
        ax_node_set_ints(g, i, "shape", shape.dim, shape.rank);
    } else {
        pass_become(g, i, op, &x, 1);
    }
    if (start == 1) ax_node_set_int(g, pool, "nhwc", 1);
    return true;
}

static bool window_covers_all(struct ax_graph *g, int i)
{
    struct ax_node n = g->nodes[i];
    int64_t kernel[2], pads[4], dilations[2];
    const struct ax_shape *x = pass_shape(g, n.inputs[0]), *y = pass_shape(g, n.outputs[0]);
    if (x->rank != 4 || n.n_outputs != 1) return false;
    int nhwc = ax_node_int(&n, "nhwc", 0) != 0, h = nhwc ? 1 : 2;
    ax_node_ints(&n, "kernel_shape", kernel, 2, 0);
    ax_node_ints(&n, "pads", pads, 4, 0);
    ax_node_ints(&n, "dilations", dilations, 2, 1);
    for (int k = 0; k < 2; k++)
        if (kernel[k] != x->dim[h + k] || y->dim[h + k] != 1 || dilations[k] != 1 || pads[k] || pads[2 + k]) return false;
    int in = n.inputs[0];
    pass_become(g, i, n.op == AX_OP_MAX_POOL ? AX_OP_GLOBAL_MAX_POOL : AX_OP_GLOBAL_AVERAGE_POOL, &in, 1);
    if (nhwc) ax_node_set_int(g, i, "nhwc", 1);
    return true;
}

enum ax_status pass_find_pools(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        enum ax_op op = g->nodes[i].op;
        bool found = false;
        if (op == AX_OP_REDUCE_MEAN || op == AX_OP_REDUCE_MAX)
            found = reduction(g, i);
        else if (op == AX_OP_AVERAGE_POOL || op == AX_OP_MAX_POOL)
            found = window_covers_all(g, i);
        if (found) *changed = 1;
    }
    return AX_OK;
}
