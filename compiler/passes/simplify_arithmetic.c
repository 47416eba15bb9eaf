/* One form for arithmetic with constants, so that later passes and the quantizer know fewer: x / c becomes x * (1/c), x - c
 * becomes x + (-c), Pow(x, 2) becomes x * x, Min and Max with one number become Clip, Clip after Clip or Relu becomes one
 * Clip. Multiplications by one number in a row are merged. Float only: integers keep their division. */
#include <float.h>
#include <math.h>

#include "passes/pass.h"

static int mapped_const(struct ax_graph *g, int v, bool invert)
{
    int64_t count = ax_shape_count(&g->values[v].shape);
    const float *in = g->values[v].data;
    for (int64_t i = 0; i < count; i++)
        if (invert && (in[i] == 0.0f || !isfinite(1.0f / in[i]))) return AX_NONE;
    float *out = ax_arena_alloc(&g->arena, sizeof *out * (size_t)count);
    for (int64_t i = 0; i < count; i++) out[i] = invert ? 1.0f / in[i] : -in[i];
    struct ax_shape shape = g->values[v].shape;
    int y = pass_value(g, v, invert ? "inverse" : "negative", &shape);
    g->values[y].data = out;
    return y;
}

static bool by_constant(struct ax_graph *g, int i)
{
    struct ax_node *n = &g->nodes[i];
    if (!pass_is_f32_const(g, n->inputs[1]) || ax_is_const(g, n->inputs[0])) return false;
    int x = n->inputs[0], c = mapped_const(g, n->inputs[1], n->op == AX_OP_DIV);
    if (c == AX_NONE) return false;
    pass_become(g, i, g->nodes[i].op == AX_OP_DIV ? AX_OP_MUL : AX_OP_ADD, (int[]){x, c}, 2);
    return true;
}

static bool power(struct ax_graph *g, int i)
{
    double e;
    int x = g->nodes[i].inputs[0];
    if (!pass_scalar(g, g->nodes[i].inputs[1], &e) || g->values[x].dtype != AX_DTYPE_FLOAT32 || ax_is_const(g, x)) return false;
    if (!ax_shape_equal(&g->values[x].shape, &g->values[g->nodes[i].outputs[0]].shape)) return false;
    if (e == 2)
        pass_become(g, i, AX_OP_MUL, (int[]){x, x}, 2);
    else if (e == 0.5)
        pass_become(g, i, AX_OP_SQRT, &x, 1);
    else if (e == -1)
        pass_become(g, i, AX_OP_RECIPROCAL, &x, 1);
    else
        return false;
    return true;
}

static bool bound(struct ax_graph *g, int i)
{
    int x;
    double c;
    bool is_max = g->nodes[i].op == AX_OP_MAX;
    if (!pass_with_scalar(g, i, &x, &c) || g->values[x].dtype != AX_DTYPE_FLOAT32) return false;
    pass_become(g, i, AX_OP_CLIP, &x, 1);
    ax_node_set_float(g, i, is_max ? "min" : "max", (float)c);
    return true;
}

/* Clip(Clip(x)), Clip(Relu(x)), Relu(Clip(x)): bounds [lo, hi] of the first, then of the second. */
static bool clip_of_clip(struct ax_graph *g, int i)
{
    struct ax_node *n = &g->nodes[i];
    int first = g->values[n->inputs[0]].producer;
    if (first == AX_NONE || (g->nodes[first].op != AX_OP_CLIP && g->nodes[first].op != AX_OP_RELU)) return false;
    if (g->values[n->inputs[0]].dtype != AX_DTYPE_FLOAT32 || pass_uses(g, n->inputs[0]) != 1) return false;
    float lo[2], hi[2];
    for (int k = 0; k < 2; k++) {
        const struct ax_node *m = &g->nodes[k ? i : first];
        lo[k] = m->op == AX_OP_RELU ? 0 : ax_node_float(m, "min", -FLT_MAX);
        hi[k] = m->op == AX_OP_RELU ? FLT_MAX : ax_node_float(m, "max", FLT_MAX);
    }
    if (lo[0] > hi[0] || lo[1] > hi[1]) return false;
    float low = fminf(fmaxf(lo[0], lo[1]), hi[1]), high = fminf(fmaxf(hi[0], lo[1]), hi[1]);
    int x = g->nodes[first].inputs[0];
    pass_become(g, i, AX_OP_CLIP, &x, 1);
    if (low > -FLT_MAX) ax_node_set_float(g, i, "min", low);
    if (high < FLT_MAX) ax_node_set_float(g, i, "max", high);
    return true;
}

static bool clip_is_relu(struct ax_graph *g, int i)
{
    const struct ax_node *n = &g->nodes[i];
    if (n->op != AX_OP_CLIP || ax_node_float(n, "min", -1) != 0.0f || ax_node_float(n, "max", FLT_MAX) < FLT_MAX) return false;
    int x = n->inputs[0];
    if (g->values[x].dtype != AX_DTYPE_FLOAT32) return false;
    pass_become(g, i, AX_OP_RELU, &x, 1);
    return true;
}

static bool mul_of_mul(struct ax_graph *g, int i)
{
    int x, y;
    double c, d;
    if (!pass_with_scalar(g, i, &y, &c) || g->values[y].dtype != AX_DTYPE_FLOAT32) return false;
    int first = pass_maker(g, y, AX_OP_MUL);
    if (first == AX_NONE || !pass_with_scalar(g, first, &x, &d) || pass_uses(g, y) != 1) return false;
    float product = (float)(c * d);
    if (!isfinite(product)) return false;
    int factor = pass_const_like(g, y, "factor", 0, NULL, &product);
    pass_become(g, i, AX_OP_MUL, (int[]){x, factor}, 2);
    return true;
}

static bool simplify(struct ax_graph *g, int i)
{
    switch (g->nodes[i].op) {
    case AX_OP_DIV:
    case AX_OP_SUB: return by_constant(g, i);
    case AX_OP_POW: return power(g, i);
    case AX_OP_MIN:
    case AX_OP_MAX: return bound(g, i);
    case AX_OP_CLIP: return clip_is_relu(g, i) || clip_of_clip(g, i);
    case AX_OP_RELU: return clip_of_clip(g, i);
    case AX_OP_MUL: return mul_of_mul(g, i);
    default: return false;
    }
}

enum ax_status pass_simplify_arithmetic(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (simplify(g, i)) *changed = 1;
    return AX_OK;
}
