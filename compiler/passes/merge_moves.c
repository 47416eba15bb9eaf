/* Chains of Reshape become one, chains of Transpose become one, a Transpose that moves only dimensions of 1 becomes a Reshape.
 * A Reshape moves behind functions of single elements, and behind sums and products of two values reshaped alike: nearer to the
 * Reshape that undoes it, and out of the way between a convolution and its activation. Guarantees: no Reshape reads a Reshape,
 * no Transpose reads a Transpose (but where both are outputs of the graph). */
#include "passes/pass.h"

static bool reshape_like(enum ax_op op)
{
    return op == AX_OP_RESHAPE || op == AX_OP_FLATTEN || op == AX_OP_SQUEEZE || op == AX_OP_UNSQUEEZE;
}

static bool merge_reshape(struct ax_graph *g, int i)
{
    int x = g->nodes[i].inputs[0], p = g->values[x].producer;
    if (p == AX_NONE || !reshape_like(g->nodes[p].op)) return false;
    int src = g->nodes[p].inputs[0], y = g->nodes[i].outputs[0];
    struct ax_shape shape = g->values[y].shape;
    if (ax_shape_equal(&g->values[src].shape, &shape) && pass_bypass(g, i, src)) return true;
    pass_become(g, i, AX_OP_RESHAPE, &src, 1);
    ax_node_set_ints(g, i, "shape", shape.dim, shape.rank);
    return true;
}

static bool merge_transpose(struct ax_graph *g, int i)
{
    int src, x = g->nodes[i].inputs[0];
    int64_t first[AX_MAX_RANK], second[AX_MAX_RANK], both[AX_MAX_RANK];
    int rank = pass_is_transpose(g, x, &src, first);
    if (!rank) return false;
    ax_node_ints(&g->nodes[i], "perm", second, AX_MAX_RANK, 0);
    for (int k = 0; k < rank; k++) both[k] = first[second[k]];
    if (pass_perm_is_identity(both, rank) && pass_bypass(g, i, src)) return true;
    pass_become(g, i, AX_OP_TRANSPOSE, &src, 1);
    ax_node_set_ints(g, i, "perm", both, rank);
    return true;
}

static bool transpose_to_reshape(struct ax_graph *g, int i)
{
    int64_t perm[AX_MAX_RANK];
    int x = g->nodes[i].inputs[0], rank = ax_node_ints(&g->nodes[i], "perm", perm, AX_MAX_RANK, 0);
    if (pass_perm_is_identity(perm, rank) || !pass_perm_is_reshape(pass_shape(g, x), perm)) return false;
    struct ax_shape shape = g->values[g->nodes[i].outputs[0]].shape;
    pass_become(g, i, AX_OP_RESHAPE, &x, 1);
    ax_node_set_ints(g, i, "shape", shape.dim, shape.rank);
    return true;
}

static bool elementwise(const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_CLIP:
    case AX_OP_ELU:
    case AX_OP_GELU:
    case AX_OP_HARD_SIGMOID:
    case AX_OP_HARD_SWISH:
    case AX_OP_LEAKY_RELU:
    case AX_OP_MISH:
    case AX_OP_RELU:
    case AX_OP_SELU:
    case AX_OP_SIGMOID:
    case AX_OP_SILU:
    case AX_OP_SOFTPLUS:
    case AX_OP_TANH:
    case AX_OP_ADD:
    case AX_OP_SUB:
    case AX_OP_MUL: return !ax_node_attr(n, "act");
    default: return false;
    }
}

/* f(Reshape(x)) becomes Reshape(f(x)); every input of f is a Reshape of one and the same shape that only f reads, or one
 * number. */
static bool sink_reshape(struct ax_graph *g, int i)
{
    int source[2] = {AX_NONE, AX_NONE}, y = g->nodes[i].outputs[0], n_in = g->nodes[i].n_inputs;
    struct ax_shape shape = {.rank = -1}, out = g->values[y].shape;
    double c;
    for (int k = 0; k < n_in; k++) {
        int v = g->nodes[i].inputs[k], p = pass_maker(g, v, AX_OP_RESHAPE);
        source[k] = v;
        if (pass_scalar(g, v, &c) && n_in == 2) continue;
        if (p == AX_NONE || pass_only_user(g, v) != i || !ax_shape_equal(&g->values[v].shape, &out)) return false;
        source[k] = g->nodes[p].inputs[0];
        if (shape.rank >= 0 && !ax_shape_equal(&shape, &g->values[source[k]].shape)) return false;
        shape = g->values[source[k]].shape;
    }
    for (int k = 0; k < n_in; k++) /* a scalar [1,1,1] must not raise the rank */
        if (g->values[source[k]].shape.rank > shape.rank) return false;
    int z = pass_value(g, y, "unshaped", &shape);
    for (int k = 0; k < n_in; k++) g->nodes[i].inputs[k] = source[k];
    g->nodes[i].outputs[0] = z;
    g->values[z].producer = i;
    pass_reshape_to(g, z, y);
    return true;
}

static bool merge(struct ax_graph *g, int i)
{
    enum ax_op op = g->nodes[i].op;
    if (reshape_like(op)) return merge_reshape(g, i);
    if (op == AX_OP_TRANSPOSE) return merge_transpose(g, i) || transpose_to_reshape(g, i);
    return elementwise(&g->nodes[i]) && sink_reshape(g, i);
}

enum ax_status pass_merge_moves(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = 0; i < n; i++)
        if (g->nodes[i].op != AX_OP_NONE && merge(g, i)) *changed = 1;
    return AX_OK;
}
