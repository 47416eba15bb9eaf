/* Convolutions and pools of [N,C,W] become those of [N,C,1,W], between Reshapes that cancel along a chain of them.
 * Guarantees: no 1-D convolution with constant weights, pool or BatchNormalization is left. */
#include "passes/pass.h"

static bool is_1d(const struct ax_graph *g, const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_CONV:
    case AX_OP_CONV_TRANSPOSE: return g->values[n->inputs[0]].shape.rank == 3 && ax_is_const(g, n->inputs[1]);
    case AX_OP_BATCH_NORMALIZATION:
    case AX_OP_MAX_POOL:
    case AX_OP_AVERAGE_POOL:
    case AX_OP_GLOBAL_AVERAGE_POOL:
    case AX_OP_GLOBAL_MAX_POOL: return g->values[n->inputs[0]].shape.rank == 3 && n->n_outputs == 1;
    default: return false;
    }
}

static struct ax_shape with_height(const struct ax_shape *s)
{
    return (struct ax_shape){.rank = 4, .dim = {s->dim[0], s->dim[1], 1, s->dim[2]}};
}

static void lift_attr(struct ax_graph *g, int node, const char *name, int64_t height)
{
    int64_t v[2];
    int count = ax_node_ints(&g->nodes[node], name, v, 2, 0);
    if (count == 1) ax_node_set_ints(g, node, name, (int64_t[]){height, v[0]}, 2);
}

static void lift(struct ax_graph *g, int i)
{
    int x = g->nodes[i].inputs[0], y = g->nodes[i].outputs[0];
    struct ax_shape in = with_height(pass_shape(g, x)), out = with_height(pass_shape(g, y));
    int x2 = pass_reshape(g, x, &in, "2d"), y2 = pass_value(g, y, "2d", &out);
    if (g->nodes[i].op == AX_OP_CONV || g->nodes[i].op == AX_OP_CONV_TRANSPOSE) {
        struct ax_shape w = with_height(pass_shape(g, g->nodes[i].inputs[1]));
        int w2 = pass_const_reshaped(g, g->nodes[i].inputs[1], &w);
        g->nodes[i].inputs[1] = w2;
    }
    g->nodes[i].inputs[0] = x2;
    g->nodes[i].outputs[0] = y2;
    g->values[y2].producer = i;
    lift_attr(g, i, "kernel_shape", 1);
    lift_attr(g, i, "strides", 1);
    lift_attr(g, i, "dilations", 1);
    lift_attr(g, i, "output_padding", 0);
    int64_t pads[2];
    if (ax_node_ints(&g->nodes[i], "pads", pads, 2, 0) == 2)
        ax_node_set_ints(g, i, "pads", (int64_t[]){0, pads[0], 0, pads[1]}, 4);
    pass_reshape_to(g, y2, y);
}

enum ax_status pass_lift_1d(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = 0; i < n; i++) {
        if (!is_1d(g, &g->nodes[i])) continue;
        lift(g, i);
        *changed = 1;
    }
    return pass_merge_moves(g, changed, err);
}
