/* Two convolutions of one input that are added or subtracted are one: the weights are added, the smaller kernel where it lies
 * within the larger one. Training with parallel branches (RepVGG, MobileOne) leaves such pairs. Only between equal groups:
 * a depthwise branch within dense weights would stand out among them and cost the others their bits. Needs BatchNormalization
 * folded; runs before activations and residuals are fused. */
#include <string.h>

#include "passes/affine.h"

struct window {
    int64_t kernel[2], strides[2], dilations[2], pads[4];
    int64_t group;
};

static bool read_conv(const struct ax_graph *g, int v, struct window *w)
{
    int node = pass_maker(g, v, AX_OP_CONV);
    if (node == AX_NONE || !pass_weighted(g, node)) return false;
    const struct ax_node *n = &g->nodes[node];
    if (n->n_inputs > 3 || ax_node_attr(n, "act") || g->values[n->inputs[0]].shape.rank != 4) return false;
    w->group = ax_node_int(n, "group", 1);
    ax_node_ints(n, "strides", w->strides, 2, 1);
    ax_node_ints(n, "dilations", w->dilations, 2, 1);
    return ax_node_ints(n, "kernel_shape", w->kernel, 2, 0) == 2 && ax_node_ints(n, "pads", w->pads, 4, 0) == 4;
}

/* Where the small kernel lies within the large one; false if it does not. */
static bool place(const struct window *large, const struct window *small, int64_t at[2])
{
    if (large->group != small->group) return false;
    for (int k = 0; k < 2; k++) {
        at[k] = large->pads[k] - small->pads[k];
        if (at[k] < 0 || at[k] + small->kernel[k] > large->kernel[k] || large->strides[k] != small->strides[k]) return false;
        if (small->kernel[k] > 1 && large->dilations[k] != small->dilations[k]) return false;
        if (large->dilations[k] != 1 && at[k]) return false;
    }
    return true;
}

/* large := sign_large * large + sign_small * small */
static void add_weights(struct ax_graph *g, int large, int small, const struct window *l, const struct window *s,
                        const int64_t at[2], const float sign[2])
{
    int wl = g->nodes[large].inputs[1], ws = g->nodes[small].inputs[1];
    struct ax_shape shape = g->values[wl].shape;
    int64_t filters = shape.dim[0] * shape.dim[1];
    const float *a = g->values[wl].data, *b = g->values[ws].data;
    float *sum = AX_NEW(&g->arena, float, ax_shape_count(&shape));
    for (int64_t i = 0; i < ax_shape_count(&shape); i++) sum[i] = sign[0] * a[i];
    for (int64_t f = 0; f < filters; f++)
        for (int64_t y = 0; y < s->kernel[0]; y++)
            for (int64_t x = 0; x < s->kernel[1]; x++)
                sum[(f * l->kernel[0] + at[0] + y) * l->kernel[1] + at[1] + x] +=
                    sign[1] * b[(f * s->kernel[0] + y) * s->kernel[1] + x];
    int w = pass_value(g, wl, "merged", &shape), bias = ax_in(&g->nodes[small], 2);
    g->values[w].data = sum;
    g->nodes[large].inputs[1] = w;
    int channels = (int)shape.dim[0];
    double *mul = AX_NEW(&g->arena, double, channels), *add = AX_NEW(&g->arena, double, channels);
    for (int c = 0; c < channels; c++) {
        mul[c] = (double)sign[0];
        add[c] = bias == AX_NONE ? 0 : (double)sign[1] * ax_const_at(g, bias, c);
    }
    affine_set_bias(g, large, mul, add);
}

static bool merge(struct ax_graph *g, int sum)
{
    const struct ax_node *n = &g->nodes[sum];
    struct window w[2];
    int64_t at[2];
    if (ax_node_attr(n, "act") || n->inputs[0] == n->inputs[1]) return false;
    int conv[2] = {g->values[n->inputs[0]].producer, g->values[n->inputs[1]].producer};
    if (!read_conv(g, n->inputs[0], &w[0]) || !read_conv(g, n->inputs[1], &w[1])) return false;
    const struct ax_node *a = &g->nodes[conv[0]], *b = &g->nodes[conv[1]];
    if (a->inputs[0] != b->inputs[0] || ax_node_int(a, "nhwc", 0) != ax_node_int(b, "nhwc", 0)) return false;
    if (!ax_shape_equal(pass_shape(g, n->inputs[0]), pass_shape(g, n->inputs[1]))) return false;
    for (int large = 0; large < 2; large++) { /* the smaller one may have other readers and stay for them */
        if (!place(&w[large], &w[1 - large], at) || pass_only_user(g, n->inputs[large]) != sum) continue;
        float minus = n->op == AX_OP_SUB ? -1 : 1;
        add_weights(g, conv[large], conv[1 - large], &w[large], &w[1 - large], at,
                    large ? (float[]){minus, 1} : (float[]){1, minus});
        pass_take_output(g, conv[large], sum);
        return true;
    }
    return false;
}

enum ax_status pass_merge_convs(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    if ((g->nodes[i].op == AX_OP_ADD || g->nodes[i].op == AX_OP_SUB) && merge(g, i)) *changed = 1;
    return AX_OK;
}
