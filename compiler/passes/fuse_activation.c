/* An activation function that alone reads a convolution, a matrix product, an Add, Sub, Mul or an average pool rides in its
 * epilogue: attributes act, act_alpha, act_beta, and PRelu's slope [C] as input 4. Needs channels last, so that C is the
 * last axis everywhere. Runs after everything that changes weights. */
#include <float.h>
#include <string.h>

#include "passes/pass.h"
#include "program/activation.h"

struct act {
    enum ax_act kind;
    float alpha, beta;
    int slope;
};

static bool read_act(const struct ax_graph *g, int node, struct act *a)
{
    const struct ax_node *n = &g->nodes[node];
    *a = (struct act){.slope = AX_NONE};
    switch (n->op) {
    case AX_OP_RELU: a->kind = AX_ACT_RELU; return true;
    case AX_OP_CLIP:
        a->kind = AX_ACT_CLIP;
        a->alpha = ax_node_float(n, "min", -FLT_MAX);
        a->beta = ax_node_float(n, "max", FLT_MAX);
        return true;
    case AX_OP_LEAKY_RELU:
        a->kind = AX_ACT_LEAKY_RELU;
        a->alpha = ax_node_float(n, "alpha", 0.01f);
        return true;
    case AX_OP_PRELU:
        a->kind = AX_ACT_PRELU;
        a->slope = n->inputs[1];
        return pass_is_f32_const(g, a->slope);
    case AX_OP_SILU:
        a->kind = AX_ACT_SILU;
        a->alpha = ax_node_float(n, "alpha", 1);
        return true;
    case AX_OP_SIGMOID: a->kind = AX_ACT_SIGMOID; return true;
    case AX_OP_HARD_SWISH: a->kind = AX_ACT_HARD_SWISH; return true;
    case AX_OP_HARD_SIGMOID:
        a->kind = AX_ACT_HARD_SIGMOID;
        a->alpha = ax_node_float(n, "alpha", 0.2f);
        a->beta = ax_node_float(n, "beta", 0.5f);
        return true;
    case AX_OP_GELU:
        a->kind = strcmp(ax_node_string(n, "approximate", "none"), "tanh") ? AX_ACT_GELU : AX_ACT_GELU_TANH;
        return true;
    case AX_OP_TANH: a->kind = AX_ACT_TANH; return true;
    case AX_OP_ELU:
        a->kind = AX_ACT_ELU;
        a->alpha = ax_node_float(n, "alpha", 1);
        return true;
    case AX_OP_SELU:
        a->kind = AX_ACT_SELU;
        a->alpha = ax_node_float(n, "alpha", 1.67326319217681884765625f);
        a->beta = ax_node_float(n, "gamma", 1.05070102214813232421875f);
        return true;
    case AX_OP_SOFTPLUS: a->kind = AX_ACT_SOFTPLUS; return true;
    case AX_OP_SOFTSIGN: a->kind = AX_ACT_SOFTSIGN; return true;
    case AX_OP_MISH: a->kind = AX_ACT_MISH; return true;
    default: return false;
    }
}

/* A maximum carries none: its int8 output has its input's scales. */
static bool can_carry(const struct ax_graph *g, const struct ax_node *n, const struct act *a)
{
    if (ax_node_attr(n, "act") || !strcmp(ax_node_string(n, "residual", ""), "post") ||
        g->values[n->outputs[0]].dtype != AX_DTYPE_FLOAT32)
        return false;
    switch (n->op) {
    case AX_OP_CONV:
    case AX_OP_CONV_TRANSPOSE: return ax_node_int(n, "nhwc", 0) != 0;
    case AX_OP_MATMUL: return a->kind != AX_ACT_PRELU || ax_is_const(g, n->inputs[1]);
    case AX_OP_ADD:
    case AX_OP_SUB:
    case AX_OP_MUL:
    case AX_OP_AVERAGE_POOL:
    case AX_OP_GLOBAL_AVERAGE_POOL: return a->kind != AX_ACT_PRELU;
    default: return false;
    }
}

/* The slope as [C], C the last axis; AX_NONE where it varies over anything else. */
static int slope_by_channel(struct ax_graph *g, int slope, int y)
{
    const struct ax_shape *s = pass_shape(g, slope), *out = pass_shape(g, y);
    int64_t channels = out->dim[out->rank - 1], count = ax_shape_count(s);
    if (count == channels && s->rank && s->dim[s->rank - 1] == channels)
        return pass_const_reshaped(g, slope, &(struct ax_shape){.rank = 1, .dim = {channels}});
    if (count != 1) return AX_NONE;
    float *all = AX_NEW(&g->arena, float, channels);
    for (int64_t c = 0; c < channels; c++) all[c] = *(const float *)g->values[slope].data;
    return pass_const_like(g, slope, "slope", 1, &channels, all);
}

static bool fuse(struct ax_graph *g, int i)
{
    struct act a;
    if (!read_act(g, i, &a)) return false;
    int x = g->nodes[i].inputs[0], p = g->values[x].producer;
    if (p == AX_NONE || !can_carry(g, &g->nodes[p], &a) || pass_only_user(g, x) != i) return false;
    if (a.kind == AX_ACT_PRELU) {
        int slope = slope_by_channel(g, a.slope, x);
        if (slope == AX_NONE) return false;
        if (g->nodes[p].n_inputs < 5) ax_node_grow_inputs(g, p, 5);
        g->nodes[p].inputs[4] = slope;
    }
    ax_node_set_string(g, p, "act", ax_act_text(a.kind));
    if (a.alpha != 0 || a.beta != 0) ax_node_set_float(g, p, "act_alpha", a.alpha);
    if (a.beta != 0) ax_node_set_float(g, p, "act_beta", a.beta);
    pass_take_output(g, p, i);
    return true;
}

enum ax_status pass_fuse_activation(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (fuse(g, i)) *changed = 1;
    return AX_OK;
}
