/* Moves a Transpose before the node that it reads, where a path of nodes that commute with it leads from an input of the graph:
 * there it costs nothing, because the input's port takes it over. Runs after sink_transposes, and undoes none of its work:
 * elsewhere transposes stay down. */
#include <string.h>

#include "passes/remap.h"

static bool movable(const struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    enum remap_kind kind = remap_kind(g, n);
    return (kind == REMAP_UNARY || kind == REMAP_JOINT) && n->n_outputs == 1 && n->op != AX_OP_TOPK;
}

/* Everything that v is computed from commutes, up to inputs of the graph and constants. */
static bool comes_from_inputs(const struct ax_graph *g, int v, int rank, int depth)
{
    if (v == AX_NONE) return false;
    int p = g->values[v].producer;
    if (ax_is_const(g, v)) return true;
    if (g->values[v].shape.rank != rank || depth > 16) return false;
    if (p == AX_NONE) return ax_is_graph_input(g, v);
    if (!movable(g, p)) return false;
    int inputs = remap_kind(g, &g->nodes[p]) == REMAP_UNARY ? 1 : g->nodes[p].n_inputs;
    for (int i = 0; i < inputs; i++)
        if (!comes_from_inputs(g, g->nodes[p].inputs[i], rank, depth + 1)) return false;
    return true;
}

/* Every use of v is this very transposition. */
static bool only_transposed(const struct ax_graph *g, int v, const int64_t *perm, int rank)
{
    int64_t p[AX_MAX_RANK];
    if (ax_is_graph_output(g, v)) return false;
    PASS_EACH_NODE(g, i)
    for (int k = 0; k < g->nodes[i].n_inputs; k++) {
        if (g->nodes[i].inputs[k] != v) continue;
        if (g->nodes[i].op != AX_OP_TRANSPOSE || ax_node_ints(&g->nodes[i], "perm", p, AX_MAX_RANK, 0) != rank) return false;
        if (memcmp(p, perm, sizeof *p * (size_t)rank)) return false;
    }
    return true;
}

static void raise(struct ax_graph *g, int transpose, int node, const int64_t *perm, int rank)
{
    int64_t to[AX_MAX_RANK];
    remap_inverse(perm, rank, to);
    int old = g->nodes[node].outputs[0], y = g->nodes[transpose].outputs[0];
    int inputs = remap_kind(g, &g->nodes[node]) == REMAP_UNARY ? 1 : g->nodes[node].n_inputs;
    for (int k = 0; k < inputs; k++) {
        int v = g->nodes[node].inputs[k];
        v = ax_is_const(g, v) ? remap_const(g, node, v, rank, to)
                              : pass_transpose(g, v, perm, rank == 4 && perm[3] == 1 ? "nhwc" : "moved");
        g->nodes[node].inputs[k] = v;
    }
    remap_attrs(g, node, rank, to);
    pass_take_output(g, node, transpose);
    for (int i = 0; i < g->n_nodes; i++) /* the other readers are transposes of the same order */
        if (g->nodes[i].op == AX_OP_TRANSPOSE && g->nodes[i].inputs[0] == old && i != transpose) {
            if (ax_is_graph_output(g, g->nodes[i].outputs[0]))
                pass_become(g, i, AX_OP_IDENTITY, &y, 1);
            else
                pass_bypass(g, i, y);
        }
}

enum ax_status pass_raise_transposes(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = n - 1; i >= 0; i--) {
        int64_t perm[AX_MAX_RANK];
        if (g->nodes[i].op != AX_OP_TRANSPOSE) continue;
        int x = g->nodes[i].inputs[0], rank = ax_node_ints(&g->nodes[i], "perm", perm, AX_MAX_RANK, 0),
            p = g->values[x].producer;
        if (p == AX_NONE || !movable(g, p) || !comes_from_inputs(g, x, rank, 0) || !only_transposed(g, x, perm, rank)) continue;
        raise(g, i, p, perm, rank);
        *changed = 1;
    }
    return AX_OK;
}
