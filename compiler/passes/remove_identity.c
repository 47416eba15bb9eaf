/* Drops nodes whose output equals their input, element for element. Needs shapes. A node stays where the graph's output
 * would otherwise lose its name (an Identity from input to output). */
#include <string.h>

#include "passes/pass.h"

static bool all_are(const struct ax_node *n, const char *attr, int64_t value)
{
    int64_t v[2 * AX_MAX_RANK];
    int count = ax_node_ints(n, attr, v, 2 * AX_MAX_RANK, value);
    for (int i = 0; i < count && i < 2 * AX_MAX_RANK; i++)
        if (v[i] != value) return false;
    return true;
}

static bool every_element_is(const struct ax_graph *g, int v, double x)
{
    if (!ax_is_const(g, v)) return false;
    int64_t count = ax_shape_count(&g->values[v].shape);
    for (int64_t i = 0; i < count; i++)
        if (ax_const_at(g, v, i) != x) return false;
    return count > 0;
}

static bool same_shape(const struct ax_graph *g, const struct ax_node *n)
{
    return ax_shape_equal(&g->values[n->inputs[0]].shape, &g->values[n->outputs[0]].shape);
}

/* The input that a binary node passes through because the other one is neutral; AX_NONE. */
static int neutral(const struct ax_graph *g, const struct ax_node *n, double x, bool commutes)
{
    for (int i = 0; i < (commutes ? 2 : 1); i++)
        if (every_element_is(g, n->inputs[1 - i], x) &&
            ax_shape_equal(&g->values[n->inputs[i]].shape, &g->values[n->outputs[0]].shape))
            return n->inputs[i];
    return AX_NONE;
}

static bool resize_is_identity(const struct ax_graph *g, const struct ax_node *n)
{
    const struct ax_attr *scales = ax_node_attr(n, "scales");
    if (!same_shape(g, n) || !strcmp(ax_node_string(n, "coordinate_transformation_mode", ""), "tf_crop_and_resize"))
        return false;
    for (int i = 0; scales && i < scales->count; i++)
        if (scales->floats[i] != 1.0f) return false;
    return true;
}

static bool transpose_is_identity(const struct ax_node *n)
{
    int64_t perm[AX_MAX_RANK];
    int rank = ax_node_ints(n, "perm", perm, AX_MAX_RANK, 0);
    return pass_perm_is_identity(perm, rank);
}

static bool pool_is_identity(const struct ax_graph *g, const struct ax_node *n)
{
    return same_shape(g, n) && n->n_outputs == 1 && all_are(n, "kernel_shape", 1) && all_are(n, "strides", 1) &&
           all_are(n, "pads", 0);
}

/* The value that the node only repeats, or AX_NONE. */
static int repeated(const struct ax_graph *g, const struct ax_node *n)
{
    int x = n->inputs[0];
    switch (n->op) {
    case AX_OP_IDENTITY:
    case AX_OP_DROPOUT: return x;
    case AX_OP_RESHAPE:
    case AX_OP_FLATTEN:
    case AX_OP_SQUEEZE:
    case AX_OP_UNSQUEEZE:
    case AX_OP_EXPAND:
    case AX_OP_TILE: return same_shape(g, n) ? x : AX_NONE;
    case AX_OP_TRANSPOSE: return transpose_is_identity(n) ? x : AX_NONE;
    case AX_OP_SLICE: return same_shape(g, n) && all_are(n, "steps", 1) ? x : AX_NONE;
    case AX_OP_PAD: return all_are(n, "pads", 0) ? x : AX_NONE;
    case AX_OP_CONCAT:
    case AX_OP_SUM:
    case AX_OP_MEAN:
    case AX_OP_MAX:
    case AX_OP_MIN: return n->n_inputs == 1 ? x : AX_NONE;
    case AX_OP_SPLIT: return n->n_outputs == 1 ? x : AX_NONE;
    case AX_OP_CAST: return g->values[x].dtype == g->values[n->outputs[0]].dtype ? x : AX_NONE;
    case AX_OP_RESIZE: return resize_is_identity(g, n) ? x : AX_NONE;
    case AX_OP_MAX_POOL:
    case AX_OP_AVERAGE_POOL: return pool_is_identity(g, n) ? x : AX_NONE;
    case AX_OP_CLIP: return !ax_node_attr(n, "min") && !ax_node_attr(n, "max") ? x : AX_NONE;
    case AX_OP_ADD: return neutral(g, n, 0, true);
    case AX_OP_SUB: return neutral(g, n, 0, false);
    case AX_OP_MUL: return neutral(g, n, 1, true);
    case AX_OP_DIV:
    case AX_OP_POW: return neutral(g, n, 1, false);
    default: return AX_NONE;
    }
}

enum ax_status pass_remove_identity(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        if (g->nodes[i].n_inputs == 0 || ax_node_attr(&g->nodes[i], "act")) continue;
        int x = repeated(g, &g->nodes[i]);
        if (x != AX_NONE && pass_bypass(g, i, x)) *changed = 1;
    }
    return AX_OK;
}
