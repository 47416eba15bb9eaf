/* Activation functions: what rides on a node, and what a node is by itself. */
#include "lower/build.h"

#include <math.h>
#include <string.h>

static float default_alpha(enum ax_act a)
{
    switch (a) {
    case AX_ACT_CLIP: return -INFINITY;
    case AX_ACT_LEAKY_RELU: return 0.01f;
    case AX_ACT_SILU:
    case AX_ACT_ELU:
    case AX_ACT_THRESHOLDED_RELU:
    case AX_ACT_AFFINE: return 1.0f;
    case AX_ACT_HARD_SIGMOID: return 0.2f;
    case AX_ACT_SELU: return 1.67326319217681884765625f;
    default: return 0.0f;
    }
}

static float default_beta(enum ax_act a)
{
    switch (a) {
    case AX_ACT_CLIP: return INFINITY;
    case AX_ACT_HARD_SIGMOID: return 0.5f;
    case AX_ACT_SELU: return 1.05070102214813232421875f;
    default: return 0.0f;
    }
}

enum ax_status low_act_of(struct low *L, const struct ax_node *n, struct low_act *out)
{
    const char *text = ax_node_string(n, "act", "none");
    enum ax_act act = ax_act_from_text(text);
    if (act == AX_ACT_COUNT) return low_fail(L, AX_INTERNAL, "attribute act = \"%s\" is no activation", text);
    *out = (struct low_act){
        .act = act,
        .alpha = ax_node_float(n, "act_alpha", default_alpha(act)),
        .beta = ax_node_float(n, "act_beta", default_beta(act)),
        .slope = act == AX_ACT_PRELU ? ax_in(n, 4) : AX_NONE,
    };
    if (act == AX_ACT_PRELU && out->slope == AX_NONE)
        return low_fail(L, AX_INTERNAL, "activation prelu without slopes; expected input 4");
    return AX_OK;
}

static const struct {
    enum ax_op op;
    enum ax_act act;
    const char *alpha, *beta;
} unary[] = {
    {AX_OP_RELU, AX_ACT_RELU, "", ""},
    {AX_OP_CLIP, AX_ACT_CLIP, "min", "max"},
    {AX_OP_LEAKY_RELU, AX_ACT_LEAKY_RELU, "alpha", ""},
    {AX_OP_SILU, AX_ACT_SILU, "alpha", ""},
    {AX_OP_SIGMOID, AX_ACT_SIGMOID, "", ""},
    {AX_OP_HARD_SWISH, AX_ACT_HARD_SWISH, "", ""},
    {AX_OP_HARD_SIGMOID, AX_ACT_HARD_SIGMOID, "alpha", "beta"},
    {AX_OP_GELU, AX_ACT_GELU, "", ""},
    {AX_OP_TANH, AX_ACT_TANH, "", ""},
    {AX_OP_ELU, AX_ACT_ELU, "alpha", ""},
    {AX_OP_SELU, AX_ACT_SELU, "alpha", "gamma"},
    {AX_OP_SOFTPLUS, AX_ACT_SOFTPLUS, "", ""},
    {AX_OP_SOFTSIGN, AX_ACT_SOFTSIGN, "", ""},
    {AX_OP_MISH, AX_ACT_MISH, "", ""},
    {AX_OP_ERF, AX_ACT_ERF, "", ""},
    {AX_OP_EXP, AX_ACT_EXP, "", ""},
    {AX_OP_LOG, AX_ACT_LOG, "", ""},
    {AX_OP_SQRT, AX_ACT_SQRT, "", ""},
    {AX_OP_RECIPROCAL, AX_ACT_RECIPROCAL, "", ""},
    {AX_OP_ABS, AX_ACT_ABS, "", ""},
    {AX_OP_NEG, AX_ACT_NEG, "", ""},
    {AX_OP_FLOOR, AX_ACT_FLOOR, "", ""},
    {AX_OP_CEIL, AX_ACT_CEIL, "", ""},
    {AX_OP_ROUND, AX_ACT_ROUND, "", ""},
    {AX_OP_SIGN, AX_ACT_SIGN, "", ""},
    {AX_OP_SIN, AX_ACT_SIN, "", ""},
    {AX_OP_COS, AX_ACT_COS, "", ""},
    {AX_OP_THRESHOLDED_RELU, AX_ACT_THRESHOLDED_RELU, "alpha", ""},
};

bool low_unary_of(const struct ax_node *n, struct low_act *out)
{
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
        if (unary[i].op != n->op) continue;
        enum ax_act act = unary[i].act;
        if (act == AX_ACT_GELU && !strcmp(ax_node_string(n, "approximate", "none"), "tanh")) act = AX_ACT_GELU_TANH;
        *out = (struct low_act){
            .act = act,
            .alpha = ax_node_float(n, unary[i].alpha, default_alpha(act)),
            .beta = ax_node_float(n, unary[i].beta, default_beta(act)),
            .slope = AX_NONE,
        };
        return true;
    }
    return false;
}
