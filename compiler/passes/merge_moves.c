/* Chains of Reshape become one, chains of Transpose become one, a Transpose that moves only dimensions of 1 becomes a Reshape.
 * Guarantees: no Reshape reads a Reshape, no Transpose reads a Transpose (but where both are outputs of the graph). */
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

enum ax_status pass_merge_moves(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        enum ax_op op = g->nodes[i].op;
        if (reshape_like(op) && merge_reshape(g, i))
            *changed = 1;
        else if (op == AX_OP_TRANSPOSE && (merge_transpose(g, i) || transpose_to_reshape(g, i)))
            *changed = 1;
    }
    return AX_OK;
}
