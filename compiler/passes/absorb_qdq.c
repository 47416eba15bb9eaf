/* A model that comes quantized says so with nodes: QuantizeLinear rounds a value, DequantizeLinear brings the numbers back.
 * Here the pair becomes a property of the value: INT8 with the model's own scales, which the quantizer takes as fixed. Weights
 * behind a DequantizeLinear become INT8 constants. uint8 becomes int8 by moving the numbers and the zero point down by 128,
 * which changes no real number.
 *
 * Where a value is also read unrounded, its QuantizeLinear stays as a node and its output is the quantized value. Int32
 * biases are float constants by now (fold_constants). Runs last: other passes see the nodes and do not fold across them. */
#include <math.h>
#include <string.h>

#include "passes/pass.h"

/* Scales and zero points of a Quantize- or DequantizeLinear, for int8; false if they are not constant or not of 8 bits. */
static bool read_quant(struct ax_graph *g, int node, enum ax_dtype t, struct ax_quant *q)
{
    const struct ax_node *n = &g->nodes[node];
    int scale = n->inputs[1], zero = n->inputs[2];
    if ((t != AX_DTYPE_INT8 && t != AX_DTYPE_UINT8) || !pass_is_f32_const(g, scale) || !ax_is_const(g, zero)) return false;
    int count = (int)ax_shape_count(&g->values[scale].shape), rank = g->values[n->inputs[0]].shape.rank;
    int axis = (int)ax_node_int(n, "axis", 1);
    float *s = AX_NEW(&g->arena, float, count);
    int32_t *z = AX_NEW(&g->arena, int32_t, count);
    bool one_zero = ax_shape_count(&g->values[zero].shape) == 1;
    for (int i = 0; i < count; i++) {
        s[i] = (float)ax_const_at(g, scale, i);
        z[i] = (int32_t)ax_const_at(g, zero, one_zero ? 0 : i) - (t == AX_DTYPE_UINT8 ? 128 : 0);
        if (!(s[i] > 0) || !isfinite(s[i])) return false;
    }
    *q = (struct ax_quant){.count = count, .axis = axis < 0 ? axis + rank : axis, .scale = s, .zero_point = z};
    return count > 0;
}

static bool same_quant(const struct ax_quant *a, const struct ax_quant *b)
{
    return a->count == b->count && (a->count == 1 || a->axis == b->axis) &&
           !memcmp(a->scale, b->scale, sizeof *a->scale * (size_t)a->count) &&
           !memcmp(a->zero_point, b->zero_point, sizeof *a->zero_point * (size_t)a->count);
}

/* -- constants -- */

static bool absorb_constant(struct ax_graph *g, int dq)
{
    int v = g->nodes[dq].inputs[0], y = g->nodes[dq].outputs[0];
    struct ax_quant q;
    enum ax_dtype t = g->values[v].dtype;
    if (ax_is_graph_output(g, y) || !read_quant(g, dq, t, &q)) return false;
    struct ax_shape shape = g->values[v].shape;
    int c = pass_value(g, v, "int8", &shape);
    g->values[c].dtype = AX_DTYPE_INT8;
    g->values[c].quant = q;
    g->values[c].data = g->values[v].data;
    if (t == AX_DTYPE_UINT8) {
        int64_t count = ax_shape_count(&shape);
        int8_t *moved = ax_arena_alloc(&g->arena, (size_t)count);
        const uint8_t *data = g->values[v].data;
        for (int64_t i = 0; i < count; i++) moved[i] = (int8_t)(data[i] - 128);
        g->values[c].data = moved;
    }
    ax_node_kill(g, dq);
    ax_graph_replace(g, y, c);
    return true;
}

/* -- activations -- */

/* Every reader of q undoes exactly this quantization. */
static bool only_undone(struct ax_graph *g, int q_value, const struct ax_quant *quant)
{
    bool any = false;
    if (ax_is_graph_output(g, q_value)) return false;
    PASS_EACH_NODE(g, i)
    for (int k = 0; k < g->nodes[i].n_inputs; k++) {
        struct ax_quant undo;
        if (g->nodes[i].inputs[k] != q_value) continue;
        if (g->nodes[i].op != AX_OP_DEQUANTIZE_LINEAR || k != 0) return false;
        if (!read_quant(g, i, g->values[q_value].dtype, &undo) || !same_quant(quant, &undo)) return false;
        any = true;
    }
    return any;
}

/* Readers of the DequantizeLinears of q_value read `v` instead. */
static void bypass_undoing(struct ax_graph *g, int q_value, int v)
{
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op != AX_OP_DEQUANTIZE_LINEAR || g->nodes[i].inputs[0] != q_value) continue;
        if (!pass_bypass(g, i, v)) pass_become(g, i, AX_OP_IDENTITY, &v, 1);
    }
}

/* The QuantizeLinear stays; its output is the quantized value, and its zero point an int8. */
static void keep_node(struct ax_graph *g, int node, const struct ax_quant *quant)
{
    int q = g->nodes[node].outputs[0], zero = g->nodes[node].inputs[2];
    struct ax_shape shape = g->values[g->nodes[node].inputs[1]].shape;
    int8_t *z = AX_NEW(&g->arena, int8_t, quant->count);
    for (int i = 0; i < quant->count; i++) z[i] = (int8_t)quant->zero_point[i];
    int c = pass_value(g, zero, "int8", &shape);
    g->values[c].dtype = AX_DTYPE_INT8;
    g->values[c].data = z;
    g->nodes[node].inputs[2] = c;
    g->values[q].dtype = AX_DTYPE_INT8;
    g->values[q].quant = *quant;
}

static bool absorb_activation(struct ax_graph *g, int node)
{
    int v = g->nodes[node].inputs[0], q = g->nodes[node].outputs[0];
    struct ax_quant quant;
    if (g->values[q].quant.count || !read_quant(g, node, g->values[q].dtype, &quant) || !only_undone(g, q, &quant))
        return false;
    bool already = g->values[v].quant.count && same_quant(&g->values[v].quant, &quant);
    bool free = !g->values[v].quant.count && g->values[v].dtype == AX_DTYPE_FLOAT32 && !ax_is_const(g, v);
    if (already || (free && pass_only_user(g, v) == node)) {
        g->values[v].dtype = AX_DTYPE_INT8;
        g->values[v].quant = quant;
        bypass_undoing(g, q, v);
        ax_node_kill(g, node);
    } else {
        bypass_undoing(g, q, q);
        keep_node(g, node, &quant);
    }
    return true;
}

/* -- what only moves a quantized value -- */

static bool moves(enum ax_op op)
{
    switch (op) {
    case AX_OP_CHANNEL_SHUFFLE:
    case AX_OP_DEPTH_TO_SPACE:
    case AX_OP_SPACE_TO_DEPTH:
    case AX_OP_EXPAND:
    case AX_OP_IDENTITY:
    case AX_OP_MAX_POOL:
    case AX_OP_GLOBAL_MAX_POOL:
    case AX_OP_RESHAPE:
    case AX_OP_SLICE:
    case AX_OP_SPLIT:
    case AX_OP_TILE:
    case AX_OP_TRANSPOSE: return true;
    default: return false;
    }
}

static bool adopt(struct ax_graph *g, int to, int from)
{
    struct ax_value *v = &g->values[to], *src = &g->values[from];
    if (v->quant.count || v->dtype != AX_DTYPE_FLOAT32 || v->data || src->quant.count != 1) return false;
    v->dtype = src->dtype;
    v->quant = src->quant;
    return true;
}

/* The parts of a quantized value are quantized as it is; so is the input that a Transpose alone reads. */
static void spread(struct ax_graph *g, int *changed)
{
    PASS_EACH_NODE(g, i)
    {
        const struct ax_node *n = &g->nodes[i];
        if (!moves(n->op) || ax_node_attr(n, "act")) continue;
        for (int k = 0; k < n->n_outputs; k++)
            if (n->outputs[k] != AX_NONE && adopt(g, n->outputs[k], n->inputs[0])) *changed = 1;
        if ((n->op == AX_OP_TRANSPOSE || n->op == AX_OP_RESHAPE) && ax_is_graph_input(g, n->inputs[0]) &&
            pass_only_user(g, n->inputs[0]) == i && adopt(g, n->inputs[0], n->outputs[0]))
            *changed = 1;
    }
}

enum ax_status pass_absorb_qdq(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        const struct ax_node *n = &g->nodes[i];
        if (n->op == AX_OP_DEQUANTIZE_LINEAR && ax_is_const(g, n->inputs[0])) {
            if (absorb_constant(g, i)) *changed = 1;
        } else if (n->op == AX_OP_QUANTIZE_LINEAR && absorb_activation(g, i)) {
            *changed = 1;
        }
    }
    spread(g, changed);
    return AX_OK;
}
