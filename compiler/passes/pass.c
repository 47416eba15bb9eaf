#include "passes/pass.h"

#include <math.h>
#include <string.h>

int pass_uses(const struct ax_graph *g, int v)
{
    int count = 0;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op != AX_OP_NONE)
            for (int j = 0; j < g->nodes[i].n_inputs; j++) count += g->nodes[i].inputs[j] == v;
    for (int i = 0; i < g->n_outputs; i++) count += g->outputs[i] == v;
    return count;
}

int pass_only_user(const struct ax_graph *g, int v)
{
    int user = AX_NONE;
    if (ax_is_graph_output(g, v)) return AX_NONE;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op == AX_OP_NONE) continue;
        for (int j = 0; j < g->nodes[i].n_inputs; j++) {
            if (g->nodes[i].inputs[j] != v) continue;
            if (user != AX_NONE) return AX_NONE;
            user = i;
        }
    }
    return user;
}

int pass_maker(const struct ax_graph *g, int v, enum ax_op op)
{
    int p = v == AX_NONE ? AX_NONE : g->values[v].producer;
    return p != AX_NONE && g->nodes[p].op == op ? p : AX_NONE;
}

bool pass_scalar(const struct ax_graph *g, int v, double *x)
{
    if (!ax_is_const(g, v) || ax_shape_count(&g->values[v].shape) != 1) return false;
    *x = ax_const_at(g, v, 0);
    return true;
}

bool pass_scalar_is(const struct ax_graph *g, int v, double x)
{
    double c;
    return pass_scalar(g, v, &c) && fabs(c - x) <= 1e-4 * fabs(x);
}

bool pass_with_scalar(const struct ax_graph *g, int node, int *x, double *c)
{
    const struct ax_node *n = &g->nodes[node];
    if (n->n_inputs != 2) return false;
    for (int i = 0; i < 2; i++) {
        if (!pass_scalar(g, n->inputs[i], c) || ax_is_const(g, n->inputs[1 - i])) continue;
        *x = n->inputs[1 - i];
        return ax_shape_equal(&g->values[*x].shape, &g->values[n->outputs[0]].shape);
    }
    return false;
}

bool pass_is_f32_const(const struct ax_graph *g, int v)
{
    return ax_is_const(g, v) && g->values[v].dtype == AX_DTYPE_FLOAT32;
}

bool pass_perm_is_identity(const int64_t *perm, int rank)
{
    for (int i = 0; i < rank; i++)
        if (perm[i] != i) return false;
    return true;
}

bool pass_perm_is_reshape(const struct ax_shape *from, const int64_t *perm)
{
    int64_t last = -1;
    for (int i = 0; i < from->rank; i++) {
        if (from->dim[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

int pass_is_transpose(const struct ax_graph *g, int v, int *src, int64_t perm[AX_MAX_RANK])
{
    int p = pass_maker(g, v, AX_OP_TRANSPOSE);
    if (p == AX_NONE) return 0;
    *src = g->nodes[p].inputs[0];
    return ax_node_ints(&g->nodes[p], "perm", perm, AX_MAX_RANK, 0);
}

int pass_channel_axis(const struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    int rank = g->values[n->inputs[0]].shape.rank;
    return n->op == AX_OP_MATMUL || ax_node_int(n, "nhwc", 0) ? rank - 1 : 1;
}

bool pass_weighted(const struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    if (n->op != AX_OP_CONV && n->op != AX_OP_CONV_TRANSPOSE && n->op != AX_OP_MATMUL) return false;
    int w = ax_in(n, 1), bias = ax_in(n, 2);
    if (!pass_is_f32_const(g, w) || (bias != AX_NONE && !pass_is_f32_const(g, bias))) return false;
    return n->op != AX_OP_MATMUL || (g->values[w].shape.rank == 2 && g->values[n->inputs[0]].shape.rank >= 2);
}

int pass_value(struct ax_graph *g, int like, const char *suffix, const struct ax_shape *shape)
{
    struct ax_shape copy = *shape;
    const char *name = ax_arena_printf(&g->arena, "%s/%s", g->values[like].name, suffix);
    return ax_graph_value(g, name, g->values[like].dtype, &copy);
}

void pass_reshape_to(struct ax_graph *g, int x, int y)
{
    struct ax_shape s = g->values[y].shape;
    int node = ax_graph_node(g, AX_OP_RESHAPE, g->values[y].name, &x, 1, &y, 1);
    ax_node_set_ints(g, node, "shape", s.dim, s.rank);
}

int pass_reshape(struct ax_graph *g, int x, const struct ax_shape *shape, const char *suffix)
{
    int y = pass_value(g, x, suffix, shape);
    pass_reshape_to(g, x, y);
    return y;
}

void pass_transpose_to(struct ax_graph *g, int x, const int64_t *perm, int y)
{
    int node = ax_graph_node(g, AX_OP_TRANSPOSE, g->values[y].name, &x, 1, &y, 1);
    ax_node_set_ints(g, node, "perm", perm, g->values[x].shape.rank);
}

static struct ax_shape permuted(const struct ax_shape *s, const int64_t *perm)
{
    struct ax_shape t = {.rank = s->rank};
    for (int i = 0; i < s->rank; i++) t.dim[i] = s->dim[perm[i]];
    return t;
}

int pass_transpose(struct ax_graph *g, int x, const int64_t *perm, const char *suffix)
{
    struct ax_shape s = permuted(&g->values[x].shape, perm);
    int y = pass_value(g, x, suffix, &s);
    pass_transpose_to(g, x, perm, y);
    return y;
}

int pass_const_reshaped(struct ax_graph *g, int v, const struct ax_shape *shape)
{
    if (ax_shape_equal(&g->values[v].shape, shape)) return v;
    int y = pass_value(g, v, "reshaped", shape);
    g->values[y].data = g->values[v].data;
    g->values[y].quant = g->values[v].quant;
    return y;
}

int pass_const_transposed(struct ax_graph *g, int v, const int64_t *perm)
{
    struct ax_shape from = g->values[v].shape, to = permuted(&from, perm);
    if (pass_perm_is_reshape(&from, perm)) return pass_const_reshaped(g, v, &to);
    size_t size = ax_dtype_bytes(g->values[v].dtype);
    int64_t stride[AX_MAX_RANK], at[AX_MAX_RANK] = {0}, step = 1;
    for (int i = from.rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= from.dim[i];
    }
    unsigned char *out = ax_arena_alloc(&g->arena, size * (size_t)step);
    const unsigned char *in = g->values[v].data;
    for (int64_t k = 0; k < step; k++) {
        int64_t offset = 0;
        for (int i = 0; i < to.rank; i++) offset += at[i] * stride[perm[i]];
        memcpy(out + size * (size_t)k, in + size * (size_t)offset, size);
        for (int i = to.rank - 1; i >= 0 && ++at[i] == to.dim[i]; i--) at[i] = 0;
    }
    int y = pass_value(g, v, "transposed", &to);
    g->values[y].data = out;
    return y;
}

int pass_const_like(struct ax_graph *g, int like, const char *suffix, int rank, const int64_t *dim, const float *data)
{
    const char *name = ax_arena_printf(&g->arena, "%s/%s", g->values[like].name, suffix);
    return ax_graph_const_f32(g, name, rank, dim, data);
}

void pass_become(struct ax_graph *g, int node, enum ax_op op, const int *in, int n_in)
{
    struct ax_node *n = &g->nodes[node];
    n->inputs = ax_arena_copy(&g->arena, in, sizeof *in * (size_t)n_in);
    n->n_inputs = n_in;
    n->n_attrs = 0;
    n->attrs = NULL;
    n->op = op;
}

void pass_take_output(struct ax_graph *g, int node, int user)
{
    int y = g->nodes[user].outputs[0];
    ax_node_kill(g, user);
    g->nodes[node].outputs[0] = y;
    g->values[y].producer = node;
}

bool pass_bypass(struct ax_graph *g, int node, int to)
{
    int from = g->nodes[node].outputs[0];
    if (ax_is_graph_output(g, from) && (ax_is_graph_output(g, to) || ax_is_graph_input(g, to) || ax_is_const(g, to)))
        return false;
    ax_node_kill(g, node);
    ax_graph_replace(g, from, to);
    return true;
}
