#include "passes/remap.h"

#include <string.h>

void remap_inverse(const int64_t *perm, int rank, int64_t *inverse)
{
    for (int i = 0; i < rank; i++) inverse[perm[i]] = i;
}

enum remap_kind remap_kind(const struct ax_graph *g, const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_ABS:
    case AX_OP_CAST:
    case AX_OP_CEIL:
    case AX_OP_CLIP:
    case AX_OP_COS:
    case AX_OP_DROPOUT:
    case AX_OP_ELU:
    case AX_OP_ERF:
    case AX_OP_EXP:
    case AX_OP_FLOOR:
    case AX_OP_GELU:
    case AX_OP_HARD_SIGMOID:
    case AX_OP_HARD_SWISH:
    case AX_OP_IDENTITY:
    case AX_OP_LEAKY_RELU:
    case AX_OP_LOG:
    case AX_OP_MISH:
    case AX_OP_NEG:
    case AX_OP_NOT:
    case AX_OP_RECIPROCAL:
    case AX_OP_RELU:
    case AX_OP_ROUND:
    case AX_OP_SELU:
    case AX_OP_SIGMOID:
    case AX_OP_SIGN:
    case AX_OP_SIN:
    case AX_OP_SOFTPLUS:
    case AX_OP_SOFTSIGN:
    case AX_OP_SQRT:
    case AX_OP_TANH:
    case AX_OP_THRESHOLDED_RELU:
    case AX_OP_SILU:
    case AX_OP_SOFTMAX:
    case AX_OP_LOG_SOFTMAX:
    case AX_OP_SPLIT:
    case AX_OP_SLICE:
    case AX_OP_PAD:
    case AX_OP_RESIZE:
    case AX_OP_TILE:
    case AX_OP_TOPK: return REMAP_UNARY;
    case AX_OP_EXPAND:
        return g->values[n->inputs[0]].shape.rank == g->values[n->outputs[0]].shape.rank ? REMAP_UNARY : REMAP_NO;
    case AX_OP_QUANTIZE_LINEAR:
    case AX_OP_DEQUANTIZE_LINEAR: return REMAP_UNARY;
    case AX_OP_ADD:
    case AX_OP_SUB:
    case AX_OP_MUL:
    case AX_OP_DIV:
    case AX_OP_POW:
    case AX_OP_MIN:
    case AX_OP_MAX:
    case AX_OP_MOD:
    case AX_OP_AND:
    case AX_OP_OR:
    case AX_OP_XOR:
    case AX_OP_EQUAL:
    case AX_OP_LESS:
    case AX_OP_LESS_OR_EQUAL:
    case AX_OP_GREATER:
    case AX_OP_GREATER_OR_EQUAL:
    case AX_OP_WHERE:
    case AX_OP_PRELU:
    case AX_OP_SUM:
    case AX_OP_MEAN:
    case AX_OP_CONCAT: return REMAP_JOINT;
    case AX_OP_REDUCE_L2:
    case AX_OP_REDUCE_MAX:
    case AX_OP_REDUCE_MEAN:
    case AX_OP_REDUCE_MIN:
    case AX_OP_REDUCE_PROD:
    case AX_OP_REDUCE_SUM:
    case AX_OP_REDUCE_SUM_SQUARE:
    case AX_OP_ARG_MAX:
    case AX_OP_ARG_MIN: return REMAP_REDUCE;
    default: return REMAP_NO;
    }
}

static void remap_axis(struct ax_graph *g, int node, int rank, const int64_t *to)
{
    const struct ax_attr *a = ax_node_attr(&g->nodes[node], "axis");
    if (!a) return;
    int64_t axis = a->i < 0 ? a->i + rank : a->i;
    if (axis >= 0 && axis < rank) ax_node_set_int(g, node, "axis", to[axis]);
}

/* One entry a dimension (or two: begins, then ends). */
static void remap_ints(struct ax_graph *g, int node, const char *name, int rank, const int64_t *to)
{
    int64_t old[2 * AX_MAX_RANK], v[2 * AX_MAX_RANK];
    int count = ax_node_ints(&g->nodes[node], name, old, 2 * AX_MAX_RANK, 0);
    if (count != rank && count != 2 * rank) return;
    for (int i = 0; i < count; i++) v[i / rank * rank + to[i % rank]] = old[i];
    ax_node_set_ints(g, node, name, v, count);
}

static void remap_floats(struct ax_graph *g, int node, const char *name, int rank, const int64_t *to)
{
    const struct ax_attr *a = ax_node_attr(&g->nodes[node], name);
    float v[2 * AX_MAX_RANK];
    if (!a || (a->count != rank && a->count != 2 * rank)) return;
    int count = a->count;
    for (int i = 0; i < count; i++) v[i / rank * rank + to[i % rank]] = a->floats[i];
    ax_node_set_floats(g, node, name, v, count);
}

/* A list of axes; `sorted` where their order carries no meaning of its own. */
static void remap_axes(struct ax_graph *g, int node, int rank, const int64_t *to, bool sorted)
{
    int64_t axes[AX_MAX_RANK];
    int count = ax_node_ints(&g->nodes[node], "axes", axes, AX_MAX_RANK, 0);
    if (!count) return;
    for (int i = 0; i < count; i++) axes[i] = to[axes[i] < 0 ? axes[i] + rank : axes[i]];
    for (int i = 1; sorted && i < count; i++)
        for (int k = i; k > 0 && axes[k - 1] > axes[k]; k--) {
            int64_t t = axes[k];
            axes[k] = axes[k - 1];
            axes[k - 1] = t;
        }
    ax_node_set_ints(g, node, "axes", axes, count);
}

void remap_attrs(struct ax_graph *g, int node, int rank, const int64_t *to)
{
    switch (g->nodes[node].op) {
    case AX_OP_CONCAT:
    case AX_OP_SPLIT:
    case AX_OP_SOFTMAX:
    case AX_OP_LOG_SOFTMAX:
    case AX_OP_TOPK:
    case AX_OP_ARG_MAX:
    case AX_OP_ARG_MIN:
    case AX_OP_QUANTIZE_LINEAR:
    case AX_OP_DEQUANTIZE_LINEAR: remap_axis(g, node, rank, to); break;
    case AX_OP_SLICE: remap_axes(g, node, rank, to, false); break;
    case AX_OP_PAD: remap_ints(g, node, "pads", rank, to); break;
    case AX_OP_TILE: remap_ints(g, node, "repeats", rank, to); break;
    case AX_OP_EXPAND: remap_ints(g, node, "shape", rank, to); break;
    case AX_OP_RESIZE:
        remap_floats(g, node, "scales", rank, to);
        remap_floats(g, node, "roi", rank, to);
        remap_ints(g, node, "sizes", rank, to);
        break;
    default:
        if (remap_kind(g, &g->nodes[node]) == REMAP_REDUCE) remap_axes(g, node, rank, to, true);
    }
}

int remap_const(struct ax_graph *g, int node, int v, int rank, const int64_t *to)
{
    struct ax_shape s = g->values[v].shape, padded = {.rank = rank};
    if (g->nodes[node].op != AX_OP_CONCAT && ax_shape_count(&s) == 1) return v;
    for (int i = 0; i < rank; i++) padded.dim[i] = i < rank - s.rank ? 1 : s.dim[i - (rank - s.rank)];
    int64_t perm[AX_MAX_RANK];
    remap_inverse(to, rank, perm);
    return pass_const_transposed(g, pass_const_reshaped(g, v, &padded), perm);
}
