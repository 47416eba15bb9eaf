/* LayerNormalization spelled out: d = x - mean(x); y = d / sqrt(mean(d d) + eps) [* gamma] [+ beta], means over the last
 * axes. Needs simplify_arithmetic (Pow(d, 2) is d * d by then). */
#include "passes/pass.h"

/* v = ReduceMean(x) over axes [*axis, rank), kept: x, else AX_NONE */
static int mean_of(const struct ax_graph *g, int v, int *axis)
{
    int node = pass_maker(g, v, AX_OP_REDUCE_MEAN);
    if (node == AX_NONE || !ax_node_int(&g->nodes[node], "keepdims", 1)) return AX_NONE;
    int64_t axes[AX_MAX_RANK];
    int x = g->nodes[node].inputs[0], rank = g->values[x].shape.rank;
    int count = ax_node_ints(&g->nodes[node], "axes", axes, AX_MAX_RANK, 0);
    for (int k = 0; k < count; k++)
        if (axes[k] != rank - count + k) return AX_NONE;
    *axis = rank - count;
    return count ? x : AX_NONE;
}

/* v = sqrt(mean(d d) + eps) */
static bool is_deviation(const struct ax_graph *g, int v, int d, int axis, double *eps)
{
    int root = pass_maker(g, v, AX_OP_SQRT), var, own_axis;
    int sum = root == AX_NONE ? AX_NONE : pass_maker(g, g->nodes[root].inputs[0], AX_OP_ADD);
    if (sum == AX_NONE || !pass_with_scalar(g, sum, &var, eps)) return false;
    int square = mean_of(g, var, &own_axis), mul = square == AX_NONE ? AX_NONE : pass_maker(g, square, AX_OP_MUL);
    return mul != AX_NONE && own_axis == axis && g->nodes[mul].inputs[0] == d && g->nodes[mul].inputs[1] == d;
}

struct norm {
    int x, axis;
    double eps;
};

/* node = d / deviation, or d * (1 / deviation) */
static bool read_norm(const struct ax_graph *g, int node, struct norm *f)
{
    const struct ax_node *n = &g->nodes[node];
    for (int k = 0; k < (n->op == AX_OP_MUL ? 2 : 1); k++) {
        int d = n->inputs[k], dev = n->inputs[1 - k], sub = pass_maker(g, d, AX_OP_SUB);
        if (n->op == AX_OP_MUL) {
            int inverse = pass_maker(g, dev, AX_OP_RECIPROCAL);
            if (inverse == AX_NONE) continue;
            dev = g->nodes[inverse].inputs[0];
        }
        if (sub == AX_NONE) continue;
        f->x = mean_of(g, g->nodes[sub].inputs[1], &f->axis);
        if (f->x == g->nodes[sub].inputs[0] && f->x != AX_NONE && is_deviation(g, dev, d, f->axis, &f->eps)) return true;
    }
    return false;
}

static bool fits_axes(const struct ax_shape *s, const struct ax_shape *x, int axis)
{
    int64_t count = 1;
    for (int k = axis; k < x->rank; k++) count *= x->dim[k];
    if (ax_shape_count(s) != count || s->rank > x->rank) return false;
    for (int k = 1; k <= s->rank; k++) {
        int64_t want = x->rank - k >= axis ? x->dim[x->rank - k] : 1;
        if (s->dim[s->rank - k] != want) return false;
    }
    return true;
}

/* The constant of the only user, if that is `op` with a constant that fits the normalized axes. */
static int take_user(struct ax_graph *g, int node, enum ax_op op, const struct norm *f, int *user)
{
    int y = g->nodes[node].outputs[0];
    *user = pass_only_user(g, y);
    if (*user == AX_NONE || g->nodes[*user].op != op) return AX_NONE;
    for (int k = 0; k < 2; k++) {
        int c = g->nodes[*user].inputs[k];
        if (g->nodes[*user].inputs[1 - k] == y && pass_is_f32_const(g, c) &&
            fits_axes(pass_shape(g, c), pass_shape(g, f->x), f->axis))
            return c;
    }
    return AX_NONE;
}

static int over_axes(struct ax_graph *g, int c, const struct norm *f)
{
    const struct ax_shape *x = pass_shape(g, f->x);
    struct ax_shape s = {.rank = x->rank - f->axis};
    for (int k = 0; k < s.rank; k++) s.dim[k] = x->dim[f->axis + k];
    if (c != AX_NONE) return pass_const_reshaped(g, c, &s);
    int64_t count = ax_shape_count(&s);
    float *ones = ax_arena_alloc(&g->arena, sizeof *ones * (size_t)count);
    for (int64_t k = 0; k < count; k++) ones[k] = 1;
    return pass_const_like(g, f->x, "ones", s.rank, s.dim, ones);
}

static void make_norm(struct ax_graph *g, int node, const struct norm *f)
{
    int mul, add, gamma = take_user(g, node, AX_OP_MUL, f, &mul), beta = AX_NONE;
    if (gamma != AX_NONE) beta = take_user(g, mul, AX_OP_ADD, f, &add);
    int in[3] = {f->x, over_axes(g, gamma, f), beta == AX_NONE ? AX_NONE : over_axes(g, beta, f)};
    pass_become(g, node, AX_OP_LAYER_NORMALIZATION, in, beta == AX_NONE ? 2 : 3);
    ax_node_set_int(g, node, "axis", f->axis);
    ax_node_set_float(g, node, "epsilon", (float)f->eps);
    if (gamma != AX_NONE) pass_take_output(g, node, mul);
    if (beta != AX_NONE) pass_take_output(g, node, add);
}

enum ax_status pass_find_layernorm(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        struct norm f;
        if ((g->nodes[i].op != AX_OP_DIV && g->nodes[i].op != AX_OP_MUL) || !read_norm(g, i, &f)) continue;
        make_norm(g, i, &f);
        *changed = 1;
    }
    return AX_OK;
}
