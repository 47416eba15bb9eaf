/* Small graphs through all passes: what is left of them, as a line of operators in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "passes/passes.h"

#define SHAPE(...) (&(struct ax_shape){.rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dim = {__VA_ARGS__}})
#define INTS(...) (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)
#define IN(...) (const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int)

static struct ax_error err;

static int input(struct ax_graph *g, const char *name, const struct ax_shape *s)
{
    int v = ax_graph_value(g, name, AX_DTYPE_FLOAT32, s);
    int *inputs = ax_arena_alloc(&g->arena, sizeof *inputs * (size_t)(g->n_inputs + 1));
    for (int i = 0; i < g->n_inputs; i++) inputs[i] = g->inputs[i];
    inputs[g->n_inputs++] = v;
    g->inputs = inputs;
    return v;
}

static void output(struct ax_graph *g, int v)
{
    int *outputs = ax_arena_alloc(&g->arena, sizeof *outputs * (size_t)(g->n_outputs + 1));
    for (int i = 0; i < g->n_outputs; i++) outputs[i] = g->outputs[i];
    outputs[g->n_outputs++] = v;
    g->outputs = outputs;
}

/* A constant of numbers that differ: first, first + step, ... */
static int constant(struct ax_graph *g, const struct ax_shape *s, float first, float step)
{
    int64_t count = ax_shape_count(s);
    float *data = ax_arena_alloc(&g->arena, sizeof *data * (size_t)count);
    for (int64_t i = 0; i < count; i++) data[i] = first + step * (float)(i % 37);
    return ax_graph_const_f32(g, "c", s->rank, s->dim, data);
}

static int number(struct ax_graph *g, float x)
{
    return ax_graph_const_f32(g, "k", 0, NULL, &x);
}

/* A node and its output; the shape follows when attributes are set, by infer(). */
static int node(struct ax_graph *g, enum ax_op op, const int *in, size_t n_in)
{
    int y = ax_graph_value(g, ax_op_name(op), AX_DTYPE_NONE, NULL);
    return ax_graph_node(g, op, g->values[y].name, in, (int)n_in, &y, 1);
}

static int infer(struct ax_graph *g, int n)
{
    if (ax_node_infer(g, n, &err)) fail_msg("%s", err.message);
    return g->nodes[n].outputs[0];
}

static int apply(struct ax_graph *g, enum ax_op op, const int *in, size_t n_in)
{
    return infer(g, node(g, op, in, n_in));
}

static int reshape(struct ax_graph *g, int x, const int64_t *shape, size_t rank)
{
    int n = node(g, AX_OP_RESHAPE, IN(x));
    ax_node_set_ints(g, n, "shape", shape, (int)rank);
    return infer(g, n);
}

static int transpose(struct ax_graph *g, int x, const int64_t *perm, size_t rank)
{
    int n = node(g, AX_OP_TRANSPOSE, IN(x));
    ax_node_set_ints(g, n, "perm", perm, (int)rank);
    return infer(g, n);
}

static int concat(struct ax_graph *g, int axis, const int *in, size_t n_in)
{
    int n = node(g, AX_OP_CONCAT, in, n_in);
    ax_node_set_int(g, n, "axis", axis);
    return infer(g, n);
}

static int conv(struct ax_graph *g, int x, int outputs, int kernel, int pad)
{
    int w = constant(g, SHAPE(outputs, g->values[x].shape.dim[1], kernel, kernel), 0.5f, 0.25f);
    int n = node(g, AX_OP_CONV, IN(x, w));
    ax_node_set_ints(g, n, "kernel_shape", INTS(kernel, kernel));
    ax_node_set_ints(g, n, "strides", INTS(1, 1));
    ax_node_set_ints(g, n, "dilations", INTS(1, 1));
    ax_node_set_ints(g, n, "pads", INTS(pad, pad, pad, pad));
    ax_node_set_int(g, n, "group", 1);
    return infer(g, n);
}

static int batchnorm(struct ax_graph *g, int x)
{
    const struct ax_shape *c = SHAPE(g->values[x].shape.dim[1]);
    return apply(g, AX_OP_BATCH_NORMALIZATION,
                 IN(x, constant(g, c, 1, 0.5f), constant(g, c, 0.5f, 1), constant(g, c, 0, 1), constant(g, c, 1, 1)));
}

/* Runs all passes and compares the operators that are left, e.g. "Transpose Conv[relu,pre]". */
static void expect(struct ax_graph *g, const char *want)
{
    char have[2048] = "";
    struct ax_pass_options opt = {.verify = 1};
    if (ax_passes_run(g, &opt, &err)) fail_msg("%s", err.message);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        const char *act = ax_node_string(n, "act", NULL), *residual = ax_node_string(n, "residual", NULL);
        size_t at = strlen(have);
        snprintf(have + at, sizeof have - at, "%s%s%s%s%s%s%s", i ? " " : "", ax_op_name(n->op), act || residual ? "[" : "",
                 act ? act : "", act && residual ? "," : "", residual ? residual : "", act || residual ? "]" : "");
    }
    if (strcmp(have, want)) ax_graph_print(g, stderr);
    assert_string_equal(have, want);
}

#define GRAPH struct ax_graph *g = ax_graph_new("test")
#define DONE(want)                                                                                                             \
    expect(g, want);                                                                                                           \
    ax_graph_free(g)

static void test_residual_block(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8, 16, 16));
    int a = apply(g, AX_OP_RELU, IN(batchnorm(g, conv(g, x, 8, 3, 1))));
    int b = batchnorm(g, conv(g, a, 8, 3, 1));
    output(g, apply(g, AX_OP_RELU, IN(apply(g, AX_OP_ADD, IN(b, a)))));
    DONE("Transpose Conv[relu] Conv[relu,pre] Transpose");
}

static void test_post_residual(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8, 16, 16)), y = conv(g, x, 8, 1, 0);
    int s = apply(g, AX_OP_MUL, IN(y, apply(g, AX_OP_SIGMOID, IN(y))));
    output(g, apply(g, AX_OP_ADD, IN(x, s)));
    DONE("Transpose Conv[silu,post] Transpose");
}

static void test_no_cycle(void **state) /* the sum's other operand is computed from the convolution itself */
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8, 16, 16)), a = conv(g, x, 8, 1, 0);
    output(g, apply(g, AX_OP_ADD, IN(a, apply(g, AX_OP_SOFTPLUS, IN(a)))));
    DONE("Transpose Conv Softplus Add Transpose");
}

static void test_activations(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 64));
    int clip = node(g, AX_OP_CLIP, IN(apply(g, AX_OP_ADD, IN(x, number(g, 3)))));
    ax_node_set_float(g, clip, "min", 0);
    ax_node_set_float(g, clip, "max", 6);
    int c = infer(g, clip);
    output(g, apply(g, AX_OP_DIV, IN(apply(g, AX_OP_MUL, IN(x, c)), number(g, 6))));
    int erf = apply(g, AX_OP_ERF, IN(apply(g, AX_OP_DIV, IN(x, number(g, 1.41421356f)))));
    int half = apply(g, AX_OP_MUL, IN(x, number(g, 0.5f)));
    output(g, apply(g, AX_OP_MUL, IN(half, apply(g, AX_OP_ADD, IN(erf, number(g, 1))))));
    int cube = apply(g, AX_OP_MUL, IN(number(g, 0.044715f), apply(g, AX_OP_POW, IN(x, number(g, 3)))));
    int inner = apply(g, AX_OP_MUL, IN(apply(g, AX_OP_ADD, IN(x, cube)), number(g, 0.7978845608f)));
    int tanh1 = apply(g, AX_OP_ADD, IN(number(g, 1), apply(g, AX_OP_TANH, IN(inner))));
    output(g, apply(g, AX_OP_MUL, IN(apply(g, AX_OP_MUL, IN(x, tanh1)), number(g, 0.5f))));
    output(g, apply(g, AX_OP_MUL, IN(x, apply(g, AX_OP_TANH, IN(apply(g, AX_OP_SOFTPLUS, IN(x)))))));
    DONE("HardSwish Gelu Gelu Mish");
}

static void test_not_an_activation(void **state) /* a gate is no SiLU */
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 64)), y = input(g, "y", SHAPE(1, 64));
    output(g, apply(g, AX_OP_MUL, IN(x, apply(g, AX_OP_SIGMOID, IN(y)))));
    DONE("Sigmoid Mul");
}

static void test_squeeze_excite(void **state)
{
    (void)state;
    GRAPH;
    int x = conv(g, input(g, "x", SHAPE(1, 8, 16, 16)), 8, 3, 1);
    int mean = node(g, AX_OP_REDUCE_MEAN, IN(x));
    ax_node_set_ints(g, mean, "axes", INTS(2, 3));
    ax_node_set_int(g, mean, "keepdims", 0);
    int m = apply(g, AX_OP_MATMUL, IN(infer(g, mean), constant(g, SHAPE(8, 8), 1, 1)));
    int s = reshape(g, apply(g, AX_OP_SIGMOID, IN(m)), INTS(1, 8, 1, 1));
    output(g, conv(g, apply(g, AX_OP_MUL, IN(x, s)), 8, 3, 1));
    DONE("Transpose Conv GlobalAveragePool Reshape MatMul[sigmoid] Reshape Mul Conv Transpose");
}

static void test_gate_of_an_input(void **state) /* the small side moves, not the picture; and nothing moves for ever */
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8, 16, 16));
    int s = apply(g, AX_OP_SIGMOID, IN(conv(g, apply(g, AX_OP_GLOBAL_AVERAGE_POOL, IN(x)), 8, 1, 0)));
    output(g, apply(g, AX_OP_MUL, IN(x, s)));
    DONE("Transpose GlobalAveragePool Conv[sigmoid] Reshape Mul");
}

static void test_shuffle(void **state)
{
    (void)state;
    GRAPH;
    int x = conv(g, input(g, "x", SHAPE(1, 8, 4, 4)), 8, 1, 0);
    int t = transpose(g, reshape(g, x, INTS(1, 2, 4, 4, 4)), INTS(0, 2, 1, 3, 4));
    int y = conv(g, reshape(g, t, INTS(1, 8, 4, 4)), 12, 1, 0);
    int d = transpose(g, reshape(g, y, INTS(1, 3, 2, 2, 4, 4)), INTS(0, 1, 4, 2, 5, 3));
    output(g, reshape(g, d, INTS(1, 3, 8, 8)));
    DONE("Transpose Conv ChannelShuffle Conv DepthToSpace Transpose");
}

static void test_head(void **state) /* [1,C,H,W] -> [1,C,HW] of two scales, joined, as every YOLO ends */
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8, 8, 8));
    int a = reshape(g, conv(g, x, 16, 1, 0), INTS(1, 16, 64)), b = reshape(g, conv(g, x, 16, 3, 0), INTS(1, 16, 36));
    output(g, apply(g, AX_OP_SIGMOID, IN(concat(g, 2, IN(a, b)))));
    DONE("Transpose Conv Reshape Conv Reshape Concat Sigmoid Transpose");
}

static void test_layernorm(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 10, 32));
    int mean = node(g, AX_OP_REDUCE_MEAN, IN(x));
    ax_node_set_ints(g, mean, "axes", INTS(2));
    ax_node_set_int(g, mean, "keepdims", 1);
    int d = apply(g, AX_OP_SUB, IN(x, infer(g, mean)));
    int var = node(g, AX_OP_REDUCE_MEAN, IN(apply(g, AX_OP_POW, IN(d, number(g, 2)))));
    ax_node_set_ints(g, var, "axes", INTS(2));
    ax_node_set_int(g, var, "keepdims", 1);
    int dev = apply(g, AX_OP_SQRT, IN(apply(g, AX_OP_ADD, IN(infer(g, var), number(g, 1e-5f)))));
    int n = apply(g, AX_OP_DIV, IN(d, dev));
    n = apply(g, AX_OP_MUL, IN(n, constant(g, SHAPE(32), 1, 1)));
    output(g, apply(g, AX_OP_ADD, IN(n, constant(g, SHAPE(32), 0, 1))));
    DONE("LayerNormalization");
}

static void test_flatten_gemm(void **state)
{
    (void)state;
    GRAPH;
    int x = apply(g, AX_OP_RELU, IN(conv(g, input(g, "x", SHAPE(1, 4, 8, 8)), 4, 3, 0)));
    int gemm =
        node(g, AX_OP_GEMM, IN(reshape(g, x, INTS(1, 144)), constant(g, SHAPE(10, 144), 0, 1), constant(g, SHAPE(10), 0, 1)));
    ax_node_set_int(g, gemm, "transB", 1);
    output(g, infer(g, gemm));
    DONE("Transpose Conv[relu] Conv Reshape");
}

static void test_conv_1d(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 4, 32));
    for (int k = 0; k < 2; k++) {
        int n = node(g, AX_OP_CONV, IN(x, constant(g, SHAPE(4, 4, 3), 1, 1)));
        ax_node_set_ints(g, n, "kernel_shape", INTS(3));
        ax_node_set_ints(g, n, "strides", INTS(1));
        ax_node_set_ints(g, n, "dilations", INTS(1));
        ax_node_set_ints(g, n, "pads", INTS(1, 1));
        ax_node_set_int(g, n, "group", 1);
        x = apply(g, AX_OP_RELU, IN(infer(g, n)));
    }
    output(g, x);
    DONE("Reshape Transpose Conv[relu] Conv[relu] Reshape Transpose");
}

static void test_normalization_and_pad(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 3, 8, 8));
    int n = apply(g, AX_OP_DIV, IN(apply(g, AX_OP_SUB, IN(x, constant(g, SHAPE(3, 1, 1), 1, 1))), number(g, 58)));
    int pad = node(g, AX_OP_PAD, IN(conv(g, n, 4, 3, 0)));
    ax_node_set_ints(g, pad, "pads", INTS(0, 0, 1, 1, 0, 0, 2, 2));
    ax_node_set_string(g, pad, "mode", "constant");
    output(g, conv(g, infer(g, pad), 4, 3, 0));
    DONE("Transpose Conv Conv Transpose");
}

static void test_shift_before_padding_stays(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 3, 8, 8));
    output(g, conv(g, apply(g, AX_OP_ADD, IN(x, number(g, 1))), 4, 3, 1));
    DONE("Transpose Add Conv Transpose");
}

static void test_slices(void **state)
{
    (void)state;
    GRAPH;
    int x = conv(g, input(g, "x", SHAPE(1, 4, 8, 8)), 8, 1, 0), part[2];
    for (int k = 0; k < 2; k++) {
        int s = node(g, AX_OP_SLICE, IN(x));
        ax_node_set_ints(g, s, "starts", INTS(4 * k));
        ax_node_set_ints(g, s, "ends", INTS(4 * k + 4));
        ax_node_set_ints(g, s, "axes", INTS(1));
        ax_node_set_ints(g, s, "steps", INTS(1));
        part[k] = infer(g, s);
    }
    output(g, concat(g, 1, IN(part[0], conv(g, part[1], 4, 3, 1))));
    DONE("Transpose Conv Split Conv Concat Transpose");
}

static void test_parallel_branches(void **state) /* 3x3 + 1x1 + BatchNormalization, as RepVGG trains */
{
    (void)state;
    GRAPH;
    int x = conv(g, input(g, "x", SHAPE(1, 8, 8, 8)), 8, 1, 0), a = conv(g, x, 8, 3, 1), b = conv(g, x, 8, 1, 0);
    output(g, apply(g, AX_OP_RELU, IN(apply(g, AX_OP_ADD, IN(b, a)))));
    const float *large = NULL, *small = NULL;
    large = g->values[g->nodes[g->values[a].producer].inputs[1]].data;
    small = g->values[g->nodes[g->values[b].producer].inputs[1]].data;
    expect(g, "Transpose Conv Conv[relu] Transpose");
    const float *merged = g->values[g->nodes[2].inputs[1]].data;
    assert_true(merged[4] == large[4] + small[0] && merged[0] == large[0] && merged[9 + 4] == large[9 + 4] + small[1]);
    ax_graph_free(g);
}

static void test_attention_scale(void **state)
{
    (void)state;
    GRAPH;
    int q = input(g, "q", SHAPE(1, 3, 10, 16)), k = input(g, "k", SHAPE(1, 3, 10, 16));
    q = apply(g, AX_OP_MUL, IN(q, number(g, 0.5f)));
    k = transpose(g, apply(g, AX_OP_MUL, IN(k, number(g, 0.25f))), INTS(0, 1, 3, 2));
    output(g, apply(g, AX_OP_MATMUL, IN(q, k)));
    expect(g, "Transpose MatMul[affine]");
    assert_true(ax_node_float(&g->nodes[1], "act_alpha", 0) == 0.125f);
    ax_graph_free(g);
}

static void test_scaled_silu(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 8));
    int s = apply(g, AX_OP_SIGMOID, IN(apply(g, AX_OP_MUL, IN(x, number(g, 1.702f)))));
    output(g, apply(g, AX_OP_MUL, IN(s, x)));
    expect(g, "Silu");
    assert_true(ax_node_float(&g->nodes[0], "alpha", 0) == 1.702f);
    ax_graph_free(g);
}

static void test_channels_last_flatten_stays(void **state)
{
    (void)state;
    GRAPH;
    int x = reshape(g, input(g, "x", SHAPE(1, 2, 3, 4)), INTS(1, 24));
    output(g, apply(g, AX_OP_MATMUL, IN(x, constant(g, SHAPE(24, 5), 1, 1))));
    DONE("Reshape MatMul");
}

static int quantize(struct ax_graph *g, int x, float scale, uint8_t zero)
{
    int s = number(g, scale), z = ax_graph_const(g, "z", AX_DTYPE_UINT8, &(struct ax_shape){0}, &zero);
    int q = apply(g, AX_OP_QUANTIZE_LINEAR, IN(x, s, z));
    return apply(g, AX_OP_DEQUANTIZE_LINEAR, IN(q, s, z));
}

static void test_qdq(void **state)
{
    (void)state;
    GRAPH;
    static const int8_t w[16] = {1, 2, 3, 4, -1, -2, -3, -4, 5, 6, 7, 8, 127, -127, 9, 0};
    static const int8_t zeros[4] = {0};
    int x = quantize(g, input(g, "x", SHAPE(1, 4, 8, 8)), 0.5f, 100);
    int wq = ax_graph_const(g, "w", AX_DTYPE_INT8, SHAPE(4, 4, 1, 1), w);
    int z = ax_graph_const(g, "wz", AX_DTYPE_INT8, SHAPE(4), zeros);
    int dq = node(g, AX_OP_DEQUANTIZE_LINEAR, IN(wq, constant(g, SHAPE(4), 0.25f, 0.25f), z));
    ax_node_set_int(g, dq, "axis", 0);
    int c = conv(g, x, 4, 1, 0);
    g->nodes[g->values[c].producer].inputs[1] = infer(g, dq);
    int y = quantize(g, apply(g, AX_OP_RELU, IN(c)), 0.125f, 0);
    output(g, quantize(g, apply(g, AX_OP_ADD, IN(y, x)), 1, 3));
    assert_int_equal(ax_graph_tidy(g, &err), AX_OK);
    expect(g, "Transpose Conv[relu] Add Transpose");
    const struct ax_node *n = &g->nodes[1];
    const struct ax_value *in = &g->values[n->inputs[0]], *weights = &g->values[n->inputs[1]], *out = &g->values[n->outputs[0]];
    assert_int_equal(in->quant.zero_point[0], 100 - 128);
    assert_int_equal(weights->dtype, AX_DTYPE_INT8);
    assert_int_equal(weights->quant.count, 4);
    assert_int_equal(weights->quant.axis, 0);
    assert_int_equal(out->dtype, AX_DTYPE_INT8);
    assert_true(out->quant.scale[0] == 0.125f && out->quant.zero_point[0] == -128);
    ax_graph_free(g);
}

static void test_output_keeps_name(void **state)
{
    (void)state;
    GRAPH;
    int x = input(g, "x", SHAPE(1, 4)), y = apply(g, AX_OP_IDENTITY, IN(x));
    output(g, y);
    expect(g, "Identity");
    assert_string_equal(g->values[g->outputs[0]].name, "Identity");
    ax_graph_free(g);
}

static void test_unknown_pass(void **state)
{
    (void)state;
    GRAPH;
    struct ax_pass_options opt = {.stop_after = "fuse_everything"};
    assert_int_equal(ax_passes_run(g, &opt, &err), AX_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "fuse_residual"));
    ax_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residual_block),
        cmocka_unit_test(test_post_residual),
        cmocka_unit_test(test_no_cycle),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_not_an_activation),
        cmocka_unit_test(test_squeeze_excite),
        cmocka_unit_test(test_gate_of_an_input),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_layernorm),
        cmocka_unit_test(test_flatten_gemm),
        cmocka_unit_test(test_conv_1d),
        cmocka_unit_test(test_normalization_and_pad),
        cmocka_unit_test(test_shift_before_padding_stays),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_parallel_branches),
        cmocka_unit_test(test_attention_scale),
        cmocka_unit_test(test_scaled_silu),
        cmocka_unit_test(test_channels_last_flatten_stays),
        cmocka_unit_test(test_qdq),
        cmocka_unit_test(test_output_keeps_name),
        cmocka_unit_test(test_unknown_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
