/* The sum of two activations of one shape rides with the later of the convolutions or matrix products that make them: input 3
 * and the attribute residual, "pre" where the activation comes after the sum, "post" where it came before. The other operand
 * is always computed before that node, so that nothing is delayed and no cycle can arise. Needs fused activations and
 * topological order. */
#include "passes/pass.h"

static bool can_take(const struct ax_graph *g, int p, int sum)
{
    if (p == AX_NONE) return false;
    const struct ax_node *n = &g->nodes[p];
    if (n->op != AX_OP_CONV && n->op != AX_OP_CONV_TRANSPOSE && n->op != AX_OP_MATMUL) return false;
    if (n->op == AX_OP_MATMUL ? !pass_weighted(g, p) : !ax_node_int(n, "nhwc", 0)) return false;
    if (ax_node_attr(n, "residual") || ax_in(n, 3) != AX_NONE) return false;
    return !ax_node_attr(n, "act") || !ax_node_attr(&g->nodes[sum], "act");
}

static void take_act(struct ax_graph *g, int node, int sum)
{
    const struct ax_attr *act = ax_node_attr(&g->nodes[sum], "act");
    if (!act) return;
    ax_node_set_string(g, node, "act", act->s);
    if (ax_node_attr(&g->nodes[sum], "act_alpha"))
        ax_node_set_float(g, node, "act_alpha", ax_node_float(&g->nodes[sum], "act_alpha", 0));
    if (ax_node_attr(&g->nodes[sum], "act_beta"))
        ax_node_set_float(g, node, "act_beta", ax_node_float(&g->nodes[sum], "act_beta", 0));
}

static bool fuse(struct ax_graph *g, int sum)
{
    const struct ax_node *n = &g->nodes[sum];
    int a = n->inputs[0], b = n->inputs[1];
    if (a == b || ax_is_const(g, a) || ax_is_const(g, b) || !ax_shape_equal(pass_shape(g, a), pass_shape(g, b))) return false;
    int pa = g->values[a].producer, pb = g->values[b].producer;
    int node = pa > pb ? pa : pb, conv_out = pa > pb ? a : b, other = pa > pb ? b : a;
    if (pa == pb || !can_take(g, node, sum) || pass_only_user(g, conv_out) != sum) return false;
    bool post = ax_node_attr(&g->nodes[node], "act") != NULL;
    if (g->nodes[node].n_inputs < 4) ax_node_grow_inputs(g, node, 4);
    g->nodes[node].inputs[3] = other;
    take_act(g, node, sum);
    ax_node_set_string(g, node, "residual", post ? "post" : "pre");
    pass_take_output(g, node, sum);
    return true;
}

enum ax_status pass_fuse_residual(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (g->nodes[i].op == AX_OP_ADD && fuse(g, i)) *changed = 1;
    return AX_OK;
}
