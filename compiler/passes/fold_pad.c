/* A Pad with zeros over the spatial axes moves into the convolution or pool that alone reads it. A maximum may take it only
 * over inputs that are never negative (where a zero cannot win against a real pixel), an average only if it then counts the
 * padding as the Pad did. */
#include <string.h>

#include "passes/pass.h"

/* The pads [top, left, bottom, right] of the Pad node; false if it pads anything else. */
static bool read_pad(const struct ax_graph *g, int node, int spatial, int64_t pad[4])
{
    const struct ax_node *n = &g->nodes[node];
    int64_t all[2 * AX_MAX_RANK];
    int rank = g->values[n->inputs[0]].shape.rank;
    if (rank != 4 || strcmp(ax_node_string(n, "mode", "constant"), "constant") || ax_node_float(n, "value", 0) != 0)
        return false;
    if (ax_node_ints(n, "pads", all, 2 * AX_MAX_RANK, 0) != 2 * rank) return false;
    for (int i = 0; i < rank; i++) {
        int k = i - spatial;
        if (all[i] < 0 || all[rank + i] < 0) return false;
        if (k >= 0 && k < 2) {
            pad[k] = all[i];
            pad[2 + k] = all[rank + i];
        } else if (all[i] || all[rank + i]) {
            return false;
        }
    }
    return true;
}

static bool never_negative(const struct ax_graph *g, int v)
{
    int p = g->values[v].producer;
    if (p == AX_NONE) return false;
    const struct ax_node *n = &g->nodes[p];
    switch (n->op) {
    case AX_OP_RELU:
    case AX_OP_SIGMOID: return true;
    case AX_OP_CLIP: return ax_node_float(n, "min", -1) >= 0;
    case AX_OP_TRANSPOSE:
    case AX_OP_MAX_POOL: return never_negative(g, n->inputs[0]);
    default: return false;
    }
}

static bool can_take(const struct ax_graph *g, const struct ax_node *n, int source, const int64_t sum[4], const int64_t own[4],
                     bool *count)
{
    int64_t kernel[2];
    *count = false;
    if (n->op == AX_OP_CONV) return true;
    if (ax_node_int(n, "ceil_mode", 0) || ax_node_ints(n, "kernel_shape", kernel, 2, 0) != 2) return false;
    for (int k = 0; k < 4; k++)
        if (sum[k] >= kernel[k % 2]) return false;
    if (n->op == AX_OP_MAX_POOL) return n->n_outputs == 1 && never_negative(g, source);
    *count = true;
    return ax_node_int(n, "count_include_pad", 0) || !(own[0] | own[1] | own[2] | own[3]);
}

static bool fold(struct ax_graph *g, int i)
{
    int x = g->nodes[i].inputs[0], user = pass_only_user(g, g->nodes[i].outputs[0]);
    if (user == AX_NONE) return false;
    const struct ax_node *n = &g->nodes[user];
    if ((n->op != AX_OP_CONV && n->op != AX_OP_MAX_POOL && n->op != AX_OP_AVERAGE_POOL) ||
        n->inputs[0] != g->nodes[i].outputs[0])
        return false;
    int64_t pad[4], own[4];
    bool count;
    if (!read_pad(g, i, ax_node_int(n, "nhwc", 0) ? 1 : 2, pad) || ax_node_ints(n, "pads", own, 4, 0) != 4) return false;
    for (int k = 0; k < 4; k++) pad[k] += own[k];
    if (!can_take(g, n, x, pad, own, &count)) return false;
    ax_node_set_ints(g, user, "pads", pad, 4);
    if (count) ax_node_set_int(g, user, "count_include_pad", 1);
    g->nodes[user].inputs[0] = x;
    ax_node_kill(g, i);
    return true;
}

enum ax_status pass_fold_pad(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (g->nodes[i].op == AX_OP_PAD && fold(g, i)) *changed = 1;
    return AX_OK;
}
