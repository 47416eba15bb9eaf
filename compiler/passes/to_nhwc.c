/* Layout-sensitive nodes of rank 4 work channels-last: nhwc = 1, a Transpose before and one behind. That nearly all of these
 * cancel is the work of sink_transposes. Guarantees: no layout-sensitive node of rank 4 is left channels-first. */
#include "passes/pass.h"

static const int64_t last[4] = {0, 2, 3, 1}, first[4] = {0, 3, 1, 2};

static bool sensitive(const struct ax_graph *g, const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_CONV:
    case AX_OP_CONV_TRANSPOSE:
    case AX_OP_AVERAGE_POOL:
    case AX_OP_MAX_POOL:
    case AX_OP_GLOBAL_AVERAGE_POOL:
    case AX_OP_GLOBAL_MAX_POOL:
    case AX_OP_BATCH_NORMALIZATION:
    case AX_OP_INSTANCE_NORMALIZATION:
    case AX_OP_LRN:
    case AX_OP_DEPTH_TO_SPACE:
    case AX_OP_SPACE_TO_DEPTH:
    case AX_OP_CHANNEL_SHUFFLE: break;
    default: return false;
    }
    for (int i = 1; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && pass_uses(g, n->outputs[i])) return false;
    return g->values[n->inputs[0]].shape.rank == 4 && !ax_node_int(n, "nhwc", 0);
}

enum ax_status pass_to_nhwc(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = 0; i < n; i++) {
        if (g->nodes[i].op == AX_OP_NONE || !sensitive(g, &g->nodes[i])) continue;
        int y = g->nodes[i].outputs[0];
        const struct ax_shape *s = pass_shape(g, y);
        struct ax_shape out = {.rank = 4, .dim = {s->dim[0], s->dim[2], s->dim[3], s->dim[1]}};
        int x = pass_transpose(g, g->nodes[i].inputs[0], last, "nhwc");
        int z = pass_value(g, y, "nhwc", &out);
        g->nodes[i].inputs[0] = x;
        g->nodes[i].outputs[0] = z;
        g->values[z].producer = i;
        ax_node_set_int(g, i, "nhwc", 1);
        pass_transpose_to(g, z, first, y);
        *changed = 1;
    }
    return AX_OK;
}
