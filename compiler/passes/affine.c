#include "passes/affine.h"

#include <math.h>

static struct affine affine_new(struct ax_graph *g, int x, int channels)
{
    struct affine a = {.x = x, .channels = channels};
    a.mul = AX_NEW(&g->arena, double, channels);
    a.add = AX_NEW(&g->arena, double, channels);
    for (int c = 0; c < channels; c++) a.mul[c] = 1;
    return a;
}

/* Constant v varies over `axis` of a shape of `rank` only. */
static bool by_channel(const struct ax_graph *g, int v, int rank, int axis, int channels)
{
    const struct ax_shape *s = &g->values[v].shape;
    if (!pass_is_f32_const(g, v) || s->rank > rank) return false;
    for (int i = 0; i < s->rank; i++) {
        int at = i + rank - s->rank;
        if (s->dim[i] != 1 && (at != axis || s->dim[i] != channels)) return false;
    }
    return true;
}

static double element(const struct ax_graph *g, int v, int c)
{
    return ax_const_at(g, v, ax_shape_count(&g->values[v].shape) == 1 ? 0 : c);
}

static bool read_batchnorm(struct ax_graph *g, int node, int axis, struct affine *a)
{
    const struct ax_node *n = &g->nodes[node];
    if (n->n_inputs < 5 || pass_channel_axis(g, node) != axis) return false;
    for (int i = 1; i < 5; i++)
        if (!pass_is_f32_const(g, n->inputs[i]) || ax_shape_count(&g->values[n->inputs[i]].shape) != a->channels) return false;
    double eps = (double)ax_node_float(n, "epsilon", 1e-5f);
    for (int c = 0; c < a->channels; c++) {
        double s = ax_const_at(g, n->inputs[1], c) / sqrt(ax_const_at(g, n->inputs[4], c) + eps);
        a->mul[c] = s;
        a->add[c] = ax_const_at(g, n->inputs[2], c) - ax_const_at(g, n->inputs[3], c) * s;
    }
    a->scales = a->shifts = true;
    return true;
}

static bool read_binary(struct ax_graph *g, int node, int axis, struct affine *a)
{
    const struct ax_node *n = &g->nodes[node];
    int side = n->inputs[0] == a->x ? 0 : 1, k = n->inputs[1 - side], rank = g->values[a->x].shape.rank;
    if (n->inputs[side] != a->x || !by_channel(g, k, rank, axis, a->channels) || (n->op == AX_OP_DIV && side)) return false;
    for (int c = 0; c < a->channels; c++) {
        double v = element(g, k, c);
        switch (n->op) {
        case AX_OP_ADD: a->add[c] = v; break;
        case AX_OP_SUB:
            a->add[c] = side ? v : -v;
            a->mul[c] = side ? -1 : 1;
            break;
        case AX_OP_MUL: a->mul[c] = v; break;
        default: a->mul[c] = 1 / v;
        }
    }
    a->shifts = n->op == AX_OP_ADD || n->op == AX_OP_SUB;
    a->scales = n->op == AX_OP_MUL || n->op == AX_OP_DIV || (n->op == AX_OP_SUB && side);
    return true;
}

bool affine_read(struct ax_graph *g, int node, int x, int axis, struct affine *a)
{
    const struct ax_node *n = &g->nodes[node];
    if (ax_node_attr(n, "act")) return false;
    bool binary = n->op == AX_OP_ADD || n->op == AX_OP_SUB || n->op == AX_OP_MUL || n->op == AX_OP_DIV;
    if (!binary && n->op != AX_OP_BATCH_NORMALIZATION) return false;
    if (x == AX_NONE) x = n->inputs[binary && ax_is_const(g, n->inputs[0]) ? 1 : 0];
    const struct ax_shape *s = &g->values[x].shape;
    if (g->values[x].dtype != AX_DTYPE_FLOAT32 || axis >= s->rank || !ax_shape_equal(s, &g->values[n->outputs[0]].shape))
        return false;
    *a = affine_new(g, x, (int)s->dim[axis]);
    if (!(binary ? read_binary(g, node, axis, a) : read_batchnorm(g, node, axis, a))) return false;
    for (int c = 0; c < a->channels; c++)
        if (!isfinite(a->mul[c]) || !isfinite(a->add[c])) return false;
    return true;
}

int affine_out_channels(const struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    const struct ax_shape *w = &g->values[n->inputs[1]].shape;
    if (n->op == AX_OP_CONV) return (int)w->dim[0];
    return (int)(n->op == AX_OP_MATMUL ? w->dim[1] : w->dim[1] * ax_node_int(n, "group", 1));
}

/* Weights as [a][b][rest]; the channel of (a, b) among outputs and inputs depends on the operator and its groups. */
static int scaled(struct ax_graph *g, int node, const double *by, bool outputs)
{
    struct ax_node n = g->nodes[node];
    int w = n.inputs[1];
    struct ax_shape s = g->values[w].shape;
    int64_t group = ax_node_int(&n, "group", 1), a = s.dim[0], b = s.dim[1], count = ax_shape_count(&s);
    int64_t rest = a > 0 && b > 0 ? count / (a * b) : 0;
    const float *in = g->values[w].data;
    float *out = ax_arena_alloc(&g->arena, sizeof *out * (size_t)count);
    bool first_is_output = n.op == AX_OP_CONV;
    for (int64_t i = 0; i < a; i++)
        for (int64_t j = 0; j < b; j++) {
            int64_t grouped = i / (a / group) * b + j; /* the second dimension counts within a group */
            double f = by[outputs == first_is_output ? i : grouped];
            for (int64_t k = 0; k < rest; k++) out[(i * b + j) * rest + k] = (float)((double)in[(i * b + j) * rest + k] * f);
        }
    int y = pass_value(g, w, "scaled", &s);
    g->values[y].data = out;
    return y;
}

int affine_scale_outputs(struct ax_graph *g, int node, const double *by)
{
    return scaled(g, node, by, true);
}

int affine_scale_inputs(struct ax_graph *g, int node, const double *by)
{
    return scaled(g, node, by, false);
}

void affine_set_bias(struct ax_graph *g, int node, const double *mul, const double *add)
{
    int channels = affine_out_channels(g, node), old = ax_in(&g->nodes[node], 2);
    float *bias = AX_NEW(&g->arena, float, channels);
    for (int c = 0; c < channels; c++) {
        double b = old == AX_NONE ? 0 : ax_const_at(g, old, c);
        bias[c] = (float)(b * (mul ? mul[c] : 1) + (add ? add[c] : 0));
    }
    int64_t dim = channels;
    int v = pass_const_like(g, g->nodes[node].outputs[0], "bias", 1, &dim, bias);
    if (g->nodes[node].n_inputs < 3) ax_node_grow_inputs(g, node, 3);
    g->nodes[node].inputs[2] = v;
}
