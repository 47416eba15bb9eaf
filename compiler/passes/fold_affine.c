/* Constants that scale and shift channels go into the weights and the bias of the convolution or matrix product beside them.
 * Backward: y = conv(x) * m + a, whatever the padding. Forward: conv(x * m + a); a shift only without padding, because
 * padding puts zeros where the shift would have put `a`. Needs weights before activations and residuals are fused. */
#include "passes/affine.h"

static bool plain(const struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    return pass_weighted(g, node) && n->n_inputs <= 3 && !ax_node_attr(n, "act") && !ax_node_attr(n, "residual");
}

static bool fold_backward(struct ax_graph *g, int i)
{
    struct affine a;
    if (!plain(g, i)) return false;
    int y = g->nodes[i].outputs[0], user = pass_only_user(g, y);
    if (user == AX_NONE || !affine_read(g, user, y, pass_channel_axis(g, i), &a)) return false;
    if (a.channels != affine_out_channels(g, i)) return false;
    if (a.scales) {
        int w = affine_scale_outputs(g, i, a.mul);
        g->nodes[i].inputs[1] = w;
    }
    if (a.shifts || ax_in(&g->nodes[i], 2) != AX_NONE) affine_set_bias(g, i, a.mul, a.add);
    pass_take_output(g, i, user);
    return true;
}

enum ax_status pass_fold_affine(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    while (fold_backward(g, i)) *changed = 1;
    return AX_OK;
}

static bool unpadded(const struct ax_node *n)
{
    int64_t pads[4];
    int count = ax_node_ints(n, "pads", pads, 4, 0);
    for (int k = 0; k < count && k < 4; k++)
        if (pads[k]) return false;
    return true;
}

/* What a shift of the inputs adds to each output: the sum of weights times shift. */
static double *shift_outputs(struct ax_graph *g, int node, const double *shift)
{
    const struct ax_node *n = &g->nodes[node];
    const struct ax_shape *s = &g->values[n->inputs[1]].shape;
    const float *w = g->values[n->inputs[1]].data;
    int channels = affine_out_channels(g, node);
    double *add = AX_NEW(&g->arena, double, channels);
    if (n->op == AX_OP_MATMUL) {
        for (int64_t k = 0; k < s->dim[0]; k++)
            for (int c = 0; c < channels; c++) add[c] += (double)w[k * channels + c] * shift[k];
        return add;
    }
    int64_t per_group = channels / ax_node_int(n, "group", 1), in = s->dim[1], taps = s->dim[2] * s->dim[3];
    for (int c = 0; c < channels; c++)
        for (int64_t k = 0; k < in * taps; k++) add[c] += (double)w[c * in * taps + k] * shift[c / per_group * in + k / taps];
    return add;
}

static bool fold_forward(struct ax_graph *g, int i)
{
    struct affine a;
    int user = pass_only_user(g, g->nodes[i].outputs[0]);
    if (user == AX_NONE || !plain(g, user) || g->nodes[user].op == AX_OP_CONV_TRANSPOSE) return false;
    if (g->nodes[user].inputs[0] != g->nodes[i].outputs[0]) return false;
    if (g->nodes[user].op == AX_OP_CONV && g->values[g->nodes[user].inputs[1]].shape.rank != 4) return false;
    if (!affine_read(g, i, AX_NONE, pass_channel_axis(g, user), &a) || (a.shifts && !unpadded(&g->nodes[user]))) return false;
    if (a.shifts) affine_set_bias(g, user, NULL, shift_outputs(g, user, a.add));
    if (a.scales) {
        int w = affine_scale_inputs(g, user, a.mul);
        g->nodes[user].inputs[1] = w;
    }
    g->nodes[user].inputs[0] = a.x;
    ax_node_kill(g, i);
    return true;
}

enum ax_status pass_fold_affine_forward(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if (fold_forward(g, i)) *changed = 1;
    return AX_OK;
}
