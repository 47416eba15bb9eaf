/* Gemm becomes MatMul: transposition, alpha and beta go into constant weights and bias, the rest into nodes of their own.
 * Sum and Mean become chains of Add. Guarantees: no Gemm, Sum or Mean is left. */
#include "passes/pass.h"

static const int64_t swap[2] = {1, 0};

static int scaled_const(struct ax_graph *g, int v, float by)
{
    const struct ax_value *x = &g->values[v];
    int64_t count = ax_shape_count(&x->shape);
    const float *in = x->data;
    float *out = ax_arena_alloc(&g->arena, sizeof *out * (size_t)count);
    for (int64_t i = 0; i < count; i++) out[i] = in[i] * by;
    struct ax_shape shape = x->shape;
    int y = pass_value(g, v, "scaled", &shape);
    g->values[y].data = out;
    return y;
}

static int scaled(struct ax_graph *g, int v, float by, struct ax_error *err)
{
    if (by == 1.0f) return v;
    if (pass_is_f32_const(g, v)) return scaled_const(g, v, by);
    int c = pass_const_like(g, v, "factor", 0, NULL, &by);
    struct ax_shape shape = g->values[v].shape;
    int y = pass_value(g, v, "scaled", &shape);
    int node = ax_graph_node(g, AX_OP_MUL, g->values[y].name, (int[]){v, c}, 2, &y, 1);
    return ax_node_infer(g, node, err) ? AX_NONE : y;
}

/* The DequantizeLinear that makes v of a constant: weights of a model that comes quantized. */
static int dequantizer(const struct ax_graph *g, int v)
{
    int dq = pass_maker(g, v, AX_OP_DEQUANTIZE_LINEAR);
    return dq != AX_NONE && ax_is_const(g, g->nodes[dq].inputs[0]) ? dq : AX_NONE;
}

static int transposed_quantized(struct ax_graph *g, int v, int dq)
{
    struct ax_node n = g->nodes[dq];
    int c = pass_const_transposed(g, n.inputs[0], swap);
    int64_t axis = ax_node_int(&n, "axis", 1);
    struct ax_shape shape = g->values[c].shape;
    int y = pass_value(g, v, "transposed", &shape);
    int node = ax_graph_node(g, AX_OP_DEQUANTIZE_LINEAR, g->values[y].name, (int[]){c, n.inputs[1], n.inputs[2]}, 3, &y, 1);
    ax_node_set_int(g, node, "axis", axis < 0 ? -1 - axis : 1 - axis);
    return y;
}

static int transposed(struct ax_graph *g, int v)
{
    int dq = dequantizer(g, v);
    if (dq != AX_NONE) return transposed_quantized(g, v, dq);
    return ax_is_const(g, v) ? pass_const_transposed(g, v, swap) : pass_transpose(g, v, swap, "transposed");
}

/* C as the [N] bias of a MatMul; AX_NONE where it varies over rows. */
static int as_bias(struct ax_graph *g, int c, int64_t n)
{
    if (!pass_is_f32_const(g, c)) return AX_NONE;
    const struct ax_shape *s = &g->values[c].shape;
    int64_t count = ax_shape_count(s);
    if (count == n && (s->rank == 1 || s->dim[s->rank - 1] == n))
        return pass_const_reshaped(g, c, &(struct ax_shape){.rank = 1, .dim = {n}});
    if (count != 1) return AX_NONE;
    float *all = ax_arena_alloc(&g->arena, sizeof *all * (size_t)n);
    for (int64_t i = 0; i < n; i++) all[i] = *(const float *)g->values[c].data;
    return pass_const_like(g, c, "bias", 1, &n, all);
}

static enum ax_status gemm(struct ax_graph *g, int i, struct ax_error *err)
{
    struct ax_node n = g->nodes[i];
    int a = n.inputs[0], b = n.inputs[1], c = ax_in(&n, 2), y = n.outputs[0];
    float alpha = ax_node_float(&n, "alpha", 1), beta = ax_node_float(&n, "beta", 1);
    if (ax_node_int(&n, "transA", 0)) a = transposed(g, a);
    if (ax_node_int(&n, "transB", 0)) b = transposed(g, b);
    if (pass_is_f32_const(g, a) && !ax_is_const(g, b))
        a = scaled(g, a, alpha, err);
    else
        b = scaled(g, b, alpha, err);
    if (c != AX_NONE && beta == 0.0f) c = AX_NONE;
    if (c != AX_NONE) c = scaled(g, c, beta, err);
    if (a == AX_NONE || b == AX_NONE || (c == AX_NONE && ax_in(&n, 2) != AX_NONE && beta != 0.0f)) return err->status;
    bool weights = pass_is_f32_const(g, b) || dequantizer(g, b) != AX_NONE;
    int bias = c == AX_NONE || !weights ? AX_NONE : as_bias(g, c, g->values[y].shape.dim[1]);
    if (c == AX_NONE || bias != AX_NONE) {
        pass_become(g, i, AX_OP_MATMUL, (int[]){a, b, bias}, bias == AX_NONE ? 2 : 3);
        return AX_OK;
    }
    struct ax_shape shape = g->values[y].shape;
    int product = pass_value(g, y, "product", &shape);
    ax_graph_node(g, AX_OP_MATMUL, n.name, (int[]){a, b}, 2, &product, 1);
    pass_become(g, i, AX_OP_ADD, (int[]){product, c}, 2);
    return AX_OK;
}

static enum ax_status sum(struct ax_graph *g, int i, struct ax_error *err)
{
    struct ax_node n = g->nodes[i];
    int y = n.outputs[0], total = n.inputs[0];
    float share = 1.0f / (float)n.n_inputs;
    bool mean = n.op == AX_OP_MEAN;
    for (int k = 1; k < n.n_inputs - (mean ? 0 : 1); k++) {
        int part = pass_value(g, y, "sum", &(struct ax_shape){.rank = -1});
        int node = ax_graph_node(g, AX_OP_ADD, g->values[part].name, (int[]){total, n.inputs[k]}, 2, &part, 1);
        enum ax_status s = ax_node_infer(g, node, err);
        if (s) return s;
        total = part;
    }
    int last = mean ? pass_const_like(g, y, "share", 0, NULL, &share) : n.inputs[n.n_inputs - 1];
    pass_become(g, i, mean ? AX_OP_MUL : AX_OP_ADD, (int[]){total, last}, 2);
    return AX_OK;
}

enum ax_status pass_lower_gemm(struct ax_graph *g, int *changed, struct ax_error *err)
{
    PASS_EACH_NODE(g, i)
    {
        enum ax_op op = g->nodes[i].op;
        enum ax_status s = AX_OK;
        if (op == AX_OP_GEMM)
            s = gemm(g, i, err);
        else if ((op == AX_OP_SUM || op == AX_OP_MEAN) && g->nodes[i].n_inputs > 1)
            s = sum(g, i, err);
        else
            continue;
        if (s) return s;
        *changed = 1;
    }
    return AX_OK;
}
