/* BatchNormalization that stands before no weights and behind none. Over [N,C,H,W] it becomes a depthwise 1x1 convolution: one
 * weight a channel is exact in int8 (it is its own scale), and an activation behind it can ride in its epilogue. Other ranks
 * become Mul and Add. Guarantees: no BatchNormalization with constant parameters is left. */
#include "passes/affine.h"

static float *narrowed(struct ax_graph *g, const double *v, int count)
{
    float *out = AX_NEW(&g->arena, float, count);
    for (int i = 0; i < count; i++) out[i] = (float)v[i];
    return out;
}

static void as_depthwise(struct ax_graph *g, int i, const struct affine *a)
{
    int y = g->nodes[i].outputs[0];
    bool nhwc = ax_node_int(&g->nodes[i], "nhwc", 0) != 0;
    int w = pass_const_like(g, y, "scale", 4, (int64_t[]){a->channels, 1, 1, 1}, narrowed(g, a->mul, a->channels));
    int b = pass_const_like(g, y, "shift", 1, (int64_t[]){a->channels}, narrowed(g, a->add, a->channels));
    pass_become(g, i, AX_OP_CONV, (int[]){a->x, w, b}, 3);
    ax_node_set_ints(g, i, "kernel_shape", (int64_t[]){1, 1}, 2);
    ax_node_set_ints(g, i, "strides", (int64_t[]){1, 1}, 2);
    ax_node_set_ints(g, i, "dilations", (int64_t[]){1, 1}, 2);
    ax_node_set_ints(g, i, "pads", (int64_t[]){0, 0, 0, 0}, 4);
    ax_node_set_int(g, i, "group", a->channels);
    if (nhwc) ax_node_set_int(g, i, "nhwc", 1);
}

static void as_mul_add(struct ax_graph *g, int i, const struct affine *a, int axis)
{
    int y = g->nodes[i].outputs[0];
    struct ax_shape full = g->values[y].shape, s = {.rank = full.rank};
    for (int k = 0; k < s.rank; k++) s.dim[k] = k == axis ? a->channels : 1;
    int m = pass_const_like(g, y, "scale", s.rank, s.dim, narrowed(g, a->mul, a->channels));
    int b = pass_const_like(g, y, "shift", s.rank, s.dim, narrowed(g, a->add, a->channels));
    int scaled = pass_value(g, y, "scaled", &full);
    ax_graph_node(g, AX_OP_MUL, g->values[scaled].name, (int[]){a->x, m}, 2, &scaled, 1);
    pass_become(g, i, AX_OP_ADD, (int[]){scaled, b}, 2);
}

enum ax_status pass_lower_batchnorm(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    PASS_EACH_NODE(g, i)
    {
        struct affine a;
        if (g->nodes[i].op != AX_OP_BATCH_NORMALIZATION) continue;
        int x = g->nodes[i].inputs[0], axis = pass_channel_axis(g, i);
        if (!affine_read(g, i, x, axis, &a)) continue;
        if (g->values[x].shape.rank == 4)
            as_depthwise(g, i, &a);
        else
            as_mul_add(g, i, &a, axis);
        g->nodes[i].n_outputs = 1;
        *changed = 1;
    }
    return AX_OK;
}
