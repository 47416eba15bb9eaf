/* Int8 lowering: each family as a graph with quantizations against the same graph in float. */
#include "lower_harness.h"

static struct ax_graph *begin(void)
{
    return ax_graph_new("t");
}

static void done(struct ax_graph *g, int y, float lsb)
{
    lh_output(g, y);
    lh_check_s8(g, lsb);
    ax_graph_free(g);
}

struct conv_case {
    int h, w, c, n, k, stride, dilation, pad, groups, vector, residual; /* residual: 1 pre, 2 post */
    const char *act;
    int to_float;
};

static int conv_node(struct ax_graph *g, int x, const struct conv_case *t, int residual)
{
    int w = lh_const(g, SHAPE(t->n, t->c / t->groups, t->k, t->k), 0.5f), b = lh_const(g, SHAPE(t->n), 0.5f);
    int y = lh_node(g, AX_OP_CONV, IN(x, w, b, residual));
    lh_int(g, "nhwc", 1);
    lh_conv_attributes(g, t->groups, t->k, t->stride, t->dilation, t->pad);
    if (t->act) lh_string(g, "act", t->act);
    if (residual >= 0) lh_string(g, "residual", t->residual == 2 ? "post" : "pre");
    lh_infer(g);
    lh_quant_weights(g, w, 0, g->values[x].quant.count > 1 ? &g->values[x].quant : NULL, 1, t->groups);
    return y;
}

static void check_conv(const struct conv_case *t)
{
    struct ax_graph *g = begin();
    int x = lh_input(g, SHAPE(2, t->h, t->w, t->c)), r = AX_NONE;
    if (t->vector)
        lh_quant_channels(g, x, -1, 1);
    else
        lh_quant_one(g, x, -1, 0.9f);
    if (t->residual) {
        int oh = (t->h + 2 * t->pad - t->dilation * (t->k - 1) - 1) / t->stride + 1;
        int ow = (t->w + 2 * t->pad - t->dilation * (t->k - 1) - 1) / t->stride + 1;
        r = lh_input(g, SHAPE(2, oh, ow, t->n));
        if (t->vector)
            lh_quant_channels(g, r, -1, 0.8f);
        else
            lh_quant_one(g, r, -1, 1);
    }
    int y = conv_node(g, x, t, r);
    if (!t->to_float) {
        if (t->vector)
            lh_quant_channels(g, y, -3, 3);
        else
            lh_quant_one(g, y, -3, 3);
    }
    done(g, y, 1);
}

static void test_conv(void **state)
{
    (void)state;
    static const struct conv_case cases[] = {
        {5, 6, 3, 8, 3, 1, 1, 1, 1, 0, 0, NULL, 0},      {7, 5, 16, 16, 1, 1, 1, 0, 1, 0, 0, "relu", 0},
        {8, 9, 24, 40, 3, 2, 1, 1, 1, 1, 0, "relu", 0},  {9, 9, 70, 130, 3, 1, 2, 2, 1, 1, 0, "silu", 0},
        {6, 6, 32, 32, 3, 1, 1, 1, 1, 1, 1, "relu", 0},  {6, 6, 32, 32, 3, 1, 1, 1, 1, 0, 2, "relu", 0},
        {6, 6, 32, 32, 3, 1, 1, 1, 1, 1, 2, "silu", 0},  {6, 6, 80, 80, 1, 1, 1, 0, 1, 1, 2, NULL, 0},
        {6, 7, 20, 20, 3, 1, 1, 1, 20, 0, 0, NULL, 0},   {6, 7, 72, 72, 5, 2, 1, 2, 72, 1, 0, "hard_swish", 0},
        {6, 7, 24, 24, 3, 1, 1, 1, 24, 1, 1, "relu", 0}, {6, 7, 16, 32, 3, 1, 1, 1, 4, 1, 0, NULL, 0},
        {6, 7, 80, 40, 3, 1, 1, 1, 5, 0, 0, NULL, 0},    {4, 5, 96, 6, 3, 1, 1, 1, 3, 1, 0, NULL, 0},
        {4, 5, 144, 6, 3, 1, 1, 1, 3, 1, 0, NULL, 0},    {6, 7, 12, 24, 3, 1, 1, 1, 12, 1, 0, NULL, 0},
        {4, 4, 64, 10, 4, 1, 1, 0, 1, 0, 0, NULL, 1},    {4, 4, 64, 10, 1, 1, 1, 0, 1, 1, 1, "sigmoid", 1},
        {4, 4, 8, 8, 3, 1, 1, 1, 8, 1, 0, NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_conv(&cases[i]);
}

/* A residual that stays float, behind and before the activation; output int8 and float. */
static void test_float_residual(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct ax_graph *g = begin();
        struct conv_case t = {6, 6, 24, 24, 3, 1, 1, 1, 1, i & 4, 1 + (i & 1), "silu", 0};
        int x = lh_input(g, SHAPE(1, 6, 6, 24)), r = lh_input(g, SHAPE(1, 6, 6, 24));
        if (t.vector)
            lh_quant_channels(g, x, -1, 1);
        else
            lh_quant_one(g, x, -1, 1);
        int y = conv_node(g, x, &t, r);
        if (i & 2) lh_quant_one(g, y, -3, 3);
        lh_may_float = i & 2 ? 1 : 0;
        done(g, y, 1);
        lh_may_float = 0;
    }
}

/* Int8 weights where the product has to run in float, as NCHW. */
static void test_conv_in_float(void **state)
{
    (void)state;
    struct ax_graph *g = begin();
    int x = lh_input(g, SHAPE(1, 8, 5, 5)), w = lh_const(g, SHAPE(12, 8, 3, 3), 1);
    int y = lh_node(g, AX_OP_CONV, IN(x, w));
    lh_int(g, "group", 1);
    lh_ints(g, "kernel_shape", 2, 3, 3), lh_ints(g, "strides", 2, 1, 1), lh_ints(g, "dilations", 2, 1, 1),
        lh_ints(g, "pads", 4, 1, 1, 1, 1);
    lh_infer(g);
    lh_quant_one(g, x, -1, 1);
    lh_quant_weights(g, w, 0, NULL, 1, 1);
    lh_may_float = 1;
    done(g, y, 0);
    lh_may_float = 0;
}

static void test_conv_transpose(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(1, 4, 5, 24)), k = 2 + i / 2 % 3;
        if (i & 1)
            lh_quant_channels(g, x, -1, 1);
        else
            lh_quant_one(g, x, -0.7f, 1);
        int w = lh_const(g, SHAPE(24, 10, k, k), 0.4f), b = lh_const(g, SHAPE(10), 0.3f);
        int y = lh_node(g, AX_OP_CONV_TRANSPOSE, IN(x, w, b));
        lh_int(g, "nhwc", 1);
        lh_int(g, "group", 1);
        lh_ints(g, "kernel_shape", 2, k, k);
        lh_ints(g, "strides", 2, 2, 2);
        lh_ints(g, "dilations", 2, 1, 1);
        lh_ints(g, "pads", 4, k > 2, k > 2, k > 2, k > 2);
        lh_infer(g);
        lh_quant_weights(g, w, 1, NULL, 0, 1);
        if (i & 1) { /* absorb by hand: the input's channels are the first axis here */
            struct ax_value *v = &g->values[w];
            for (int o = 0; o < 10; o++) ((float *)(uintptr_t)v->quant.scale)[o] *= g->values[x].quant.scale[0];
        }
        lh_quant_channels(g, y, -4, 4);
        done(g, y, 1);
    }
}

static void test_matmul(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ax_graph *g = begin();
        int x = i & 1 ? lh_input(g, SHAPE(2, 7, 48)) : lh_input(g, SHAPE(5, 48));
        if (i & 2)
            lh_quant_channels(g, x, -1, 1);
        else
            lh_quant_one(g, x, -1, 1);
        int w = lh_const(g, SHAPE(48, 20), 0.3f), b = lh_const(g, SHAPE(20), 1);
        int y = lh_node(g, AX_OP_MATMUL, IN(x, w, b));
        if (i & 1) lh_string(g, "act", "gelu");
        lh_infer(g);
        lh_quant_weights(g, w, 1, i & 2 ? &g->values[x].quant : NULL, 0, 1);
        lh_quant_one(g, y, -2, 2);
        done(g, y, 1);
    }
    for (int i = 0; i < 2; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(3, 40));
        lh_quant_one(g, x, -1, 1);
        int w = lh_const(g, SHAPE(12, 40), 0.3f), b = lh_const(g, SHAPE(12), 1);
        int y = lh_node(g, AX_OP_GEMM, IN(x, w, b));
        lh_int(g, "transB", 1);
        ax_node_set_float(g, lh_last(g), "alpha", 0.5f);
        ax_node_set_float(g, lh_last(g), "beta", 2);
        lh_infer(g);
        lh_quant_weights(g, w, 0, NULL, 1, 1);
        if (i) lh_quant_channels(g, y, -3, 3);
        done(g, y, 1);
    }
}

static void test_matmul_two(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ax_graph *g = begin();
        int a = lh_input(g, SHAPE(2, 3, 7, 20)), b = lh_input(g, SHAPE(2, 3, 20, 11));
        lh_quant_one(g, a, -1, 0.8f);
        lh_quant_one(g, b, -0.9f, 1);
        int y = lh_node(g, AX_OP_MATMUL, IN(a, b));
        lh_infer(g);
        if (i) lh_quant_one(g, y, -3, 3);
        done(g, y, 1);
    }
}

static void test_binary(void **state)
{
    (void)state;
    static const enum ax_op ops[] = {AX_OP_ADD, AX_OP_SUB, AX_OP_MUL};
    for (int i = 0; i < 30; i++) {
        struct ax_graph *g = begin();
        int kind = i / 3 % 5; /* 1: [N,1,1,C] on the right, 2: on the left, 3: one channel, 4: one row */
        int a = lh_input(g, kind == 2 ? SHAPE(2, 1, 1, 72) : SHAPE(2, 5, 4, 72));
        int b = lh_input(g, kind == 1   ? SHAPE(2, 1, 1, 72)
                            : kind == 4 ? SHAPE(2, 1, 4, 72)
                            : kind == 3 ? SHAPE(2, 5, 4, 1)
                                        : SHAPE(2, 5, 4, 72));
        if (i >= 15 && kind != 3)
            lh_quant_channels(g, a, -1, 1), lh_quant_channels(g, b, -1, 0.7f);
        else
            lh_quant_one(g, a, -1, 1), lh_quant_one(g, b, -0.9f, 1);
        int y = lh_node(g, ops[i % 3], IN(a, b));
        if (i & 1) lh_string(g, "act", i & 2 ? "silu" : "relu");
        lh_infer(g);
        if (i >= 15)
            lh_quant_channels(g, y, -2, 2);
        else
            lh_quant_one(g, y, -2, 2);
        done(g, y, 1);
    }
}

static void test_tables(void **state)
{
    (void)state;
    static const enum ax_op unary[] = {AX_OP_RELU, AX_OP_SIGMOID, AX_OP_TANH, AX_OP_HARD_SWISH, AX_OP_LEAKY_RELU, AX_OP_GELU};
    for (size_t i = 0; i < 6; i++)
        for (int vector = 0; vector < 2; vector++) {
            struct ax_graph *g = begin();
            int x = lh_input(g, SHAPE(1, 3, 4, 70));
            if (vector)
                lh_quant_channels(g, x, -1, 1);
            else
                lh_quant_one(g, x, -1, 1);
            int y = lh_node(g, unary[i], IN(x));
            lh_infer(g);
            lh_quant_one(g, y, -1, 1);
            done(g, y, 1);
        }
    static const enum ax_op binary[] = {AX_OP_ADD, AX_OP_MUL, AX_OP_SUB, AX_OP_MAX};
    for (int i = 0; i < 16; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(1, 3, 4, 20));
        int k = i & 4 ? lh_const(g, SHAPE(20), 1) : lh_const(g, SHAPE(1, 1, 1, 1), 1);
        lh_quant_one(g, x, -1, 1);
        int y = i & 8 ? lh_node(g, binary[i % 4], IN(k, x)) : lh_node(g, binary[i % 4], IN(x, k));
        lh_infer(g);
        lh_quant_channels(g, y, -2, 2);
        done(g, y, 1);
    }
    struct ax_graph *g = begin();
    int x = lh_input(g, SHAPE(1, 3, 4, 20)), k = lh_const(g, SHAPE(20, 1, 1), 1);
    lh_quant_channels(g, x, -1, 1);
    int y = lh_node(g, AX_OP_PRELU, IN(x, k));
    lh_int(g, "nhwc", 1);
    g->values[y].shape = g->values[x].shape;
    g->values[k].shape = SHAPE(20);
    lh_infer(g);
    lh_quant_channels(g, y, -1, 1);
    done(g, y, 1);
}

static void test_pools(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(2, 7, 6, 70));
        if (i & 1)
            lh_quant_channels(g, x, -1, 1);
        else
            lh_quant_one(g, x, -1, 0.8f);
        int average = i & 2;
        int y = lh_node(g, average ? AX_OP_AVERAGE_POOL : AX_OP_MAX_POOL, IN(x));
        lh_int(g, "nhwc", 1);
        lh_ints(g, "kernel_shape", 2, 3, 3);
        lh_ints(g, "strides", 2, 2, 2);
        if (!average) lh_ints(g, "dilations", 2, 1, 1);
        lh_ints(g, "pads", 4, 1, 1, 1, 1);
        if (average) lh_int(g, "count_include_pad", i & 4 ? 1 : 0);
        lh_infer(g);
        if (!average && i < 8)
            lh_quant_like(g, y, x);
        else
            lh_quant_one(g, y, -1, 1);
        done(g, y, 1);
    }
    static const enum ax_op whole[] = {AX_OP_GLOBAL_AVERAGE_POOL, AX_OP_GLOBAL_MAX_POOL, AX_OP_REDUCE_MEAN, AX_OP_REDUCE_SUM,
                                       AX_OP_REDUCE_MAX};
    for (int i = 0; i < 10; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(2, 7, 6, 70)), op = i % 5;
        lh_quant_channels(g, x, -1, 1);
        int y = lh_node(g, whole[op], IN(x));
        if (op < 2)
            lh_int(g, "nhwc", 1);
        else
            lh_ints(g, "axes", 2, 1, 2), lh_int(g, "keepdims", i > 5);
        lh_infer(g);
        lh_quant_one(g, y, op == 3 ? -20 : -1, op == 3 ? 20 : 1);
        done(g, y, 1);
    }
}

static void test_concat_then_conv(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ax_graph *g = begin();
        int a = lh_input(g, SHAPE(1, 5, 6, 24)), b = lh_input(g, SHAPE(1, 5, 6, 70)), c = lh_input(g, SHAPE(1, 5, 6, 3));
        lh_quant_one(g, a, -1, 1);
        lh_quant_one(g, b, i & 1 ? -0.5f : -1, 1);
        lh_quant_channels(g, c, -1, 1);
        int j = lh_node(g, AX_OP_CONCAT, IN(a, b, c));
        lh_int(g, "axis", 3);
        lh_infer(g);
        lh_quant_channels(g, j, -1, 1);
        if (!(i & 2)) { /* the concatenation of the parts' own scales */
            struct ax_quant *q = &g->values[j].quant;
            for (int k = 0; k < 97; k++) {
                const struct ax_quant *p = &g->values[k < 24 ? a : k < 94 ? b : c].quant;
                ((float *)(uintptr_t)q->scale)[k] = p->scale[p->count > 1 ? k - 94 : 0];
                ((int32_t *)(uintptr_t)q->zero_point)[k] = p->zero_point[p->count > 1 ? k - 94 : 0];
            }
            struct conv_case t = {5, 6, 97, 16, 3, 1, 1, 1, 1, 1, 0, NULL, 0};
            j = conv_node(g, j, &t, AX_NONE);
            lh_quant_one(g, j, -4, 4);
        }
        done(g, j, 1);
    }
}

static int slice(struct ax_graph *g, int x, int axis, int start, int end, int step)
{
    int y = lh_node(g, AX_OP_SLICE, IN(x));
    lh_ints(g, "starts", 1, start);
    lh_ints(g, "ends", 1, end);
    lh_ints(g, "axes", 1, axis);
    lh_ints(g, "steps", 1, step);
    lh_infer(g);
    return y;
}

static void test_slices(void **state)
{
    (void)state;
    static const int cases[][4] = {{3, 10, 80, 1}, {3, 0, 64, 1}, {3, 5, 95, 3}, {1, 1, 4, 1},
                                   {2, 5, -1, -1}, {2, 0, 6, 2},  {0, 1, 2, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int vector = 0; vector < 2; vector++) {
            struct ax_graph *g = begin();
            int x = lh_input(g, SHAPE(2, 5, 6, 96));
            if (vector)
                lh_quant_channels(g, x, -1, 1);
            else
                lh_quant_one(g, x, -1, 1);
            int y = slice(g, x, cases[i][0], cases[i][1], cases[i][2], cases[i][3]);
            if (vector)
                lh_quant_channels(g, y, -1, 1); /* other scales: by table, or in float */
            else
                lh_quant_like(g, y, x);
            lh_may_float = vector && i >= 2 ? 2 : 0;
            done(g, y, vector ? 1 : 0);
            lh_may_float = 0;
        }
}

/* Half of a tensor goes through a convolution and is joined with the other: views, halos and joined planes at once. */
static void test_split_conv_concat(void **state)
{
    (void)state;
    struct ax_graph *g = begin();
    struct ax_shape half = SHAPE(1, 8, 8, 24);
    int x = lh_input(g, SHAPE(1, 8, 8, 48));
    lh_quant_channels(g, x, -1, 1);
    int parts[2] = {ax_graph_value(g, "a", AX_DTYPE_FLOAT32, &half), ax_graph_value(g, "b", AX_DTYPE_FLOAT32, &half)};
    ax_graph_node(g, AX_OP_SPLIT, "split", &x, 1, parts, 2);
    lh_int(g, "axis", 3);
    lh_ints(g, "split", 2, 24, 24);
    for (int i = 0; i < 2; i++) {
        struct ax_quant q = g->values[x].quant;
        q.count = 24, q.scale += 24 * i, q.zero_point += 24 * i;
        g->values[parts[i]].dtype = AX_DTYPE_INT8;
        g->values[parts[i]].quant = q;
    }
    struct conv_case t = {8, 8, 24, 24, 3, 1, 1, 1, 1, 1, 1, "relu", 0};
    int c = conv_node(g, parts[1], &t, parts[0]);
    lh_quant_one(g, c, -2, 3);
    int j = lh_node(g, AX_OP_CONCAT, IN(parts[0], c, parts[1]));
    lh_int(g, "axis", 3);
    lh_infer(g);
    lh_quant_one(g, j, -2, 3);
    done(g, j, 2);
}

static void test_moves(void **state)
{
    (void)state;
    for (int i = 0; i < 14; i++) {
        struct ax_graph *g = begin();
        int x = lh_input(g, SHAPE(2, 4, 6, 72)), y = AX_NONE;
        lh_quant_one(g, x, -1, 1);
        switch (i) {
        case 0:
        case 1:
            y = lh_node(g, AX_OP_DEPTH_TO_SPACE, IN(x));
            lh_int(g, "blocksize", 2), lh_int(g, "nhwc", 1), lh_string(g, "mode", i ? "CRD" : "DCR");
            break;
        case 2:
            y = lh_node(g, AX_OP_SPACE_TO_DEPTH, IN(x));
            lh_int(g, "blocksize", 2), lh_int(g, "nhwc", 1);
            break;
        case 3:
            y = lh_node(g, AX_OP_CHANNEL_SHUFFLE, IN(x));
            lh_int(g, "group", 4), lh_int(g, "nhwc", 1);
            break;
        case 4:
        case 5:
        case 6:
            y = lh_node(g, AX_OP_PAD, IN(x));
            lh_ints(g, "pads", 8, 0, 1, 2, i == 4 ? 3 : 0, 0, 2, 1, 0);
            lh_string(g, "mode", i == 4 ? "constant" : i == 5 ? "reflect" : "edge");
            if (i == 4) ax_node_set_float(g, lh_last(g), "value", 0.3f);
            break;
        case 7:
        case 8:
        case 9: {
            static const float scales[] = {1, 2, 1.5f, 1};
            y = lh_node(g, AX_OP_RESIZE, IN(x));
            ax_node_set_floats(g, lh_last(g), "scales", scales, 4);
            lh_ints(g, "sizes", 4, 2, 8, 9, 72);
            lh_string(g, "mode", i == 9 ? "linear" : "nearest");
            lh_string(g, "coordinate_transformation_mode", i == 7 ? "asymmetric" : "half_pixel");
            lh_string(g, "nearest_mode", i == 7 ? "floor" : "round_prefer_floor");
            break;
        }
        case 10:
            y = lh_node(g, AX_OP_RESHAPE, IN(x));
            lh_ints(g, "shape", 3, 2, 24, 72);
            break;
        case 11:
            y = lh_node(g, AX_OP_RESHAPE, IN(x));
            lh_ints(g, "shape", 2, 2, 24 * 72);
            break;
        case 12:
            y = lh_node(g, AX_OP_TRANSPOSE, IN(x));
            lh_ints(g, "perm", 4, 0, 3, 1, 2);
            break;
        default:
            y = lh_node(g, AX_OP_RESHAPE, IN(x));
            lh_ints(g, "shape", 4, 4, 2, 6, 72);
            break;
        }
        lh_infer(g);
        lh_quant_like(g, y, x);
        done(g, y, i == 9 ? 1 : 0);
    }
}

/* A dense buffer (seen as [N, HW, C]) that a convolution wants a halo around, in both orders. */
static void test_dense_and_halo(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ax_graph *g = begin();
        struct conv_case t = {4, 6, 24, 24, 3, 1, 1, 1, 1, 0, 0, NULL, 0};
        int x = lh_input(g, SHAPE(1, 4, 6, 24)), c = AX_NONE;
        lh_quant_one(g, x, -1, 1);
        int a = lh_node(g, AX_OP_RELU, IN(x));
        lh_infer(g);
        lh_quant_one(g, a, -0.5f, 1);
        if (i) c = conv_node(g, a, &t, AX_NONE), lh_quant_one(g, c, -3, 3);
        int r = lh_node(g, AX_OP_RESHAPE, IN(a));
        lh_ints(g, "shape", 3, 1, 24, 24);
        lh_infer(g);
        lh_quant_like(g, r, a);
        if (!i) c = conv_node(g, a, &t, AX_NONE), lh_quant_one(g, c, -3, 3);
        lh_output(g, r);
        done(g, c, 3);
    }
}

/* Between int8 and float, and back, in the middle of a graph. */
static void test_boundaries(void **state)
{
    (void)state;
    struct ax_graph *g = begin();
    int x = lh_input(g, SHAPE(1, 4, 6, 24));
    lh_quant_one(g, x, -1, 1);
    float s = 0.01f;
    int8_t z = 3;
    struct ax_shape scalar = {0};
    int scale = ax_graph_const(g, "s", AX_DTYPE_FLOAT32, &scalar, &s),
        zero = ax_graph_const(g, "z", AX_DTYPE_INT8, &scalar, &z);
    int f = lh_node(g, AX_OP_SOFTMAX, IN(x));
    lh_int(g, "axis", 3);
    lh_infer(g);
    lh_quant_one(g, f, 0, 0.2f);
    int e = lh_node(g, AX_OP_EXP, IN(f));
    lh_infer(g);
    lh_quant_one(g, e, 1, 1.25f);
    int y = lh_node(g, AX_OP_DEQUANTIZE_LINEAR, IN(e, scale, zero));
    lh_infer(g);
    int back = lh_node(g, AX_OP_QUANTIZE_LINEAR, IN(y, scale, zero));
    lh_infer(g);
    lh_quant_one(g, back, 1, 1.2f);
    lh_output(g, back);
    struct lh_tensors in = lh_random_inputs(g), out = lh_run(g, &in);
    assert_int_equal(lh_float_steps, 4);
    for (int64_t i = 0; i < out.count[0]; i++) assert_true(out.data[0][i] > 1 && out.data[0][i] < 1.2f);
    lh_free(&in);
    lh_free(&out);
    ax_graph_free(g);
}

static void test_ports(void **state)
{
    (void)state;
    struct ax_graph *g = begin();
    int x = lh_input(g, SHAPE(1, 3, 8, 6));
    lh_quant_one(g, x, -1, 1);
    int t = lh_node(g, AX_OP_TRANSPOSE, IN(x));
    lh_ints(g, "perm", 4, 0, 2, 3, 1);
    lh_infer(g);
    lh_quant_like(g, t, x);
    struct conv_case c = {8, 6, 3, 20, 3, 2, 1, 1, 1, 0, 0, "relu", 0};
    int y = conv_node(g, t, &c, AX_NONE);
    lh_quant_one(g, y, 0, 3);
    int o = lh_node(g, AX_OP_TRANSPOSE, IN(y));
    lh_ints(g, "perm", 4, 0, 3, 1, 2);
    lh_infer(g);
    lh_quant_like(g, o, y);
    struct ax_error err;
    struct ax_program *p;
    lh_output(g, o);
    lh_ok(ax_lower(g, NULL, &p, NULL, &err), &err);
    assert_int_equal(p->n_steps, 1); /* both transposes are the ports' */
    ax_program_free(p);
    lh_check_s8(g, 1);
    ax_graph_free(g);
}

static void test_update_bias(void **state)
{
    (void)state;
    struct ax_graph *g = begin();
    struct ax_error err;
    struct ax_program *p, *q;
    int x = lh_input(g, SHAPE(1, 6, 6, 16));
    lh_quant_channels(g, x, -1, 1);
    struct conv_case t = {6, 6, 16, 20, 3, 1, 1, 1, 1, 1, 0, "silu", 0};
    int y = conv_node(g, x, &t, AX_NONE);
    lh_quant_one(g, y, -3, 3);
    lh_output(g, y);
    lh_ok(ax_lower(g, NULL, &p, NULL, &err), &err);
    int bias = g->nodes[0].inputs[2];
    for (int i = 0; i < 20; i++) ((float *)(uintptr_t)g->values[bias].data)[i] += 0.25f;
    lh_ok(ax_lower_update_bias(g, 0, p, &err), &err);
    lh_ok(ax_lower(g, NULL, &q, NULL, &err), &err);
    assert_int_equal(p->const_bytes, q->const_bytes);
    assert_memory_equal(p->const_data, q->const_data, (size_t)p->const_bytes);
    ax_program_free(p);
    ax_program_free(q);
    ax_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),          cmocka_unit_test(test_float_residual),
        cmocka_unit_test(test_conv_in_float), cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_matmul),        cmocka_unit_test(test_matmul_two),
        cmocka_unit_test(test_binary),        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_pools),         cmocka_unit_test(test_concat_then_conv),
        cmocka_unit_test(test_slices),        cmocka_unit_test(test_split_conv_concat),
        cmocka_unit_test(test_moves),         cmocka_unit_test(test_dense_and_halo),
        cmocka_unit_test(test_boundaries),    cmocka_unit_test(test_ports),
        cmocka_unit_test(test_update_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
