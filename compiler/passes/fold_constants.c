/* Computes nodes whose inputs are all constant. Guarantees: what is left with only constant inputs is a DequantizeLinear of 8
 * bits (weights of a model that comes quantized, which absorb_qdq reads; its int32 biases become floats here) or cannot be
 * computed ahead. */
#include "lower/lower.h"
#include "passes/pass.h"

enum { MAX_FOLDED_BYTES = 64 << 20 }; /* a constant larger than this (an Expand of a scalar) is better computed when run */

static bool foldable(const struct ax_graph *g, const struct ax_node *n)
{
    if (n->op == AX_OP_DEQUANTIZE_LINEAR && g->values[n->inputs[0]].dtype != AX_DTYPE_INT32) return false;
    int constants = 0;
    for (int i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] == AX_NONE) continue;
        if (!ax_is_const(g, n->inputs[i])) return false;
        constants++;
    }
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE &&
            (ax_value_bytes(&g->values[n->outputs[i]]) < 0 || ax_value_bytes(&g->values[n->outputs[i]]) > MAX_FOLDED_BYTES))
            return false;
    return constants > 0;
}

enum ax_status pass_fold_constants(struct ax_graph *g, int *changed, struct ax_error *err)
{
    PASS_EACH_NODE(g, i)
    {
        if (!foldable(g, &g->nodes[i])) continue;
        enum ax_status s = ax_fold_node(g, i, err);
        if (s == AX_UNSUPPORTED) continue;
        if (s) return s;
        *changed = 1;
    }
    return AX_OK;
}

enum ax_status pass_dead_code(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    *changed = ax_graph_sweep(g) > 0;
    return AX_OK;
}
