/* A product of two activations that are first multiplied by numbers (attention scales its queries and keys) is multiplied by
 * them once, behind: MatMul(a q, b k) = a b MatMul(q, k), in the epilogue as the function a x + b. The factor may stand before
 * movements that only the product reads. */
#include <math.h>

#include "passes/pass.h"
#include "program/activation.h"

/* The multiplication by a number that v comes from by way of single-use movements; AX_NONE. */
static int find_scale(const struct ax_graph *g, int v, int *x, double *factor)
{
    for (int depth = 0; depth < 8; depth++) {
        int p = g->values[v].producer;
        if (p == AX_NONE || pass_only_user(g, v) == AX_NONE) return AX_NONE;
        const struct ax_node *n = &g->nodes[p];
        if (n->op == AX_OP_MUL) return pass_with_scalar(g, p, x, factor) && !ax_node_attr(n, "act") ? p : AX_NONE;
        if (n->op != AX_OP_TRANSPOSE && n->op != AX_OP_RESHAPE) return AX_NONE;
        v = n->inputs[0];
    }
    return AX_NONE;
}

static bool hoist(struct ax_graph *g, int i)
{
    if (g->nodes[i].n_inputs != 2 || ax_node_attr(&g->nodes[i], "act")) return false;
    if (ax_is_const(g, g->nodes[i].inputs[0]) || ax_is_const(g, g->nodes[i].inputs[1])) return false;
    double product = 1;
    bool found = false;
    for (int k = 0; k < 2; k++) {
        int x;
        double factor;
        int mul = find_scale(g, g->nodes[i].inputs[k], &x, &factor);
        if (mul == AX_NONE || !isfinite((float)(product * factor)) || !pass_bypass(g, mul, x)) continue;
        product *= factor;
        found = true;
    }
    if (!found) return false;
    ax_node_set_string(g, i, "act", ax_act_text(AX_ACT_AFFINE));
    ax_node_set_float(g, i, "act_alpha", (float)product);
    return true;
}

/* The factor may also stand behind. */
static bool take_user(struct ax_graph *g, int i)
{
    if (ax_node_attr(&g->nodes[i], "act") || ax_is_const(g, g->nodes[i].inputs[1]) || ax_is_const(g, g->nodes[i].inputs[0]))
        return false;
    int y = g->nodes[i].outputs[0], user = pass_only_user(g, y), x;
    double factor;
    if (user == AX_NONE || g->nodes[user].op != AX_OP_MUL || !pass_with_scalar(g, user, &x, &factor) || x != y) return false;
    if (ax_node_attr(&g->nodes[user], "act")) return false;
    ax_node_set_string(g, i, "act", ax_act_text(AX_ACT_AFFINE));
    ax_node_set_float(g, i, "act_alpha", (float)factor);
    pass_take_output(g, i, user);
    return true;
}

enum ax_status pass_hoist_scale(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (g->nodes[i].op == AX_OP_MATMUL && (hoist(g, i) || take_user(g, i))) *changed = 1;
    return AX_OK;
}
