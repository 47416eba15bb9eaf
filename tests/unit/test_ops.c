/* The op table and every family of inference rules. Cases are written as text:
 *
 *     "Conv x:1x3x224x224 w:64x3x7x7 | strides=2,2 pads=3,3,3,3 | 1x64x112x112"
 *
 * Inputs are NAME:SHAPE[:TYPE] or - (absent), attributes name=ints, name=~floats or name=!string, outputs SHAPE[:TYPE].
 * A case that must fail has "error PART OF THE MESSAGE" for its outputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static const char *const cases[] = {
    /* functions of one element, of two, of many */
    "Relu x:2x3 | | 2x3",
    "Not x:2:bool | | 2:bool",
    "Add a:2x3x4 b:3x1 | | 2x3x4",
    "Add a:1 b:scalar | | 1",
    "Add a:2x3:int64 b:3:int64 | act=!relu | 2x3:int64",
    "Add a:2x3 b:4 | | error input 'b' of shape 4 does not broadcast with 2x3",
    "Add a:2 b:2:int64 | | error must have one type",
    "Sum a:2x1 b:1x3 c:4x1x1 | | 4x2x3",
    "PRelu a:1x8x4x4 b:8x1x1 | | 1x8x4x4",
    "PRelu a:1x4x4x8 b:8 | nhwc=1 | 1x4x4x8",
    "PRelu a:1x8x1x1 b:8x4x4 | | error does not broadcast to",
    "Less a:2x1 b:3 | | 2x3:bool",
    "Equal a:2:int64 b:2:int64 | | 2:bool",
    "Where c:2x1:bool a:3:int64 b:1:int64 | | 2x3:int64",
    "Where c:2 a:2 b:2 | | error must be bool",
    /* convolutions */
    "Conv x:1x3x224x224 w:64x3x7x7 | strides=2,2 pads=3,3,3,3 | 1x64x112x112",
    "Conv x:1x224x224x3 w:64x3x7x7 | strides=2,2 pads=3,3,3,3 nhwc=1 | 1x112x112x64",
    "Conv x:2x32x9x9 w:32x1x3x3 b:32 | group=32 dilations=2,2 | 2x32x5x5",
    "Conv x:1x4x10 w:8x4x3 | pads=0,1 strides=2 | 1x8x5",
    "Conv x:1x2x4x5x6 w:3x2x1x2x3 | | 1x3x4x4x4",
    "Conv x:1x3x8x8 w:4x3x1x1 b:4 r:1x4x8x8 s:4 | residual=!post act=!prelu | 1x4x8x8",
    "Conv x:1x3x8x8 w:4x3x1x1 - r:1x4x8x8 | residual=!pre | 1x4x8x8",
    "Conv x:1x3x8x8 w:4x3x1x1 - r:1x4x8x1 | residual=!pre | error must have the output's shape 1x4x8x8, but is 1x4x8x1",
    "Conv x:1x3x8x8 w:4x3x1x1 b:3 | | error bias 'b' must have 4 elements",
    "Conv x:1x3x2x2 w:4x3x3x3 | | error no kernel of 3",
    "Conv x:1x3x8x8 w:4x3x3x3 | strides=0,1 | error entry 0 of attribute strides must be 1 to",
    "Conv x:1x3x8x8 w:4x3x3x3 | strides=1 | error strides must have 2 entries, but has 1",
    "Conv x:1x3x8x8 w:4x3x3x3 | kernel_shape=3,5 | error kernel_shape is 5, but the weights have 3",
    "Conv x:1x4x8x8 w:3x2x3x3 | group=2 | error 3 output channels",
    "Conv x:1x3x8 w:4x3x3x3 | | error must have rank 3",
    "ConvTranspose x:1x3x3x3 w:3x2x3x3 | | 1x2x5x5",
    "ConvTranspose x:1x3x3x3 w:3x2x3x3 | strides=3,2 output_padding=1,1 | 1x2x10x8",
    "ConvTranspose x:1x3x3x3 w:3x2x3x3 | strides=3,2 pads=1,2,1,2 | 1x2x7x3",
    "ConvTranspose x:1x3x3x4 w:4x2x2x2 | dilations=2,2 group=2 nhwc=1 | 1x5x5x4",
    "ConvTranspose x:1x4x3 w:4x2x4 | strides=2 pads=1,1 | 1x2x6",
    "ConvTranspose x:1x4x3x3 w:3x2x3x3 | | error input has 4 channels",
    /* pools, with the rule that a window starting in the end padding is none */
    "MaxPool x:1x3x32x32 | kernel_shape=2,2 | 1x3x31x31",
    "MaxPool x:1x1x4x4 | kernel_shape=3,3 strides=2,2 ceil_mode=1 | 1x1x2x2",
    "MaxPool x:1x1x2x2 | kernel_shape=1,1 strides=2,2 ceil_mode=1 | 1x1x1x1",
    "MaxPool x:1x1x3 | kernel_shape=2 strides=3 pads=0,1 ceil_mode=1 | 1x1x1",
    "MaxPool x:1x64x112x112 | kernel_shape=3,3 strides=2,2 pads=0,0,0,0 ceil_mode=1 | 1x64x56x56",
    "MaxPool x:1x112x112x64 | kernel_shape=3,3 strides=2,2 ceil_mode=1 nhwc=1 | 1x56x56x64",
    "MaxPool x:1x1x1x1 | kernel_shape=2,2 strides=2,2 ceil_mode=1 | 1x1x1x1",
    "MaxPool x:1x1x1x1 | kernel_shape=2,2 | error no window of 2",
    "AveragePool x:1x3x32x32 | kernel_shape=3,3 pads=1,1,1,1 count_include_pad=1 | 1x3x32x32",
    "AveragePool x:1x3x4x4x4 | kernel_shape=2,2,2 strides=2,2,2 dilations=1,1,1 | 1x3x2x2x2",
    "AveragePool x:1x3x4x4 | | error kernel_shape is missing",
    "GlobalAveragePool x:2x8x5x7 | | 2x8x1x1",
    "GlobalMaxPool x:2x5x7x8 | nhwc=1 | 2x1x1x8",
    /* products */
    "MatMul a:2x3 b:3x4 | | 2x4",
    "MatMul a:3 b:3x4 | | 4",
    "MatMul a:2x3 b:3 | | 2",
    "MatMul a:3 b:3 | | scalar",
    "MatMul a:5x1x2x3 b:6x3x4 | | 5x6x2x4",
    "MatMul a:7x3 b:2x3x4 | | 2x7x4",
    "MatMul a:2x7x3 b:3x4 c:4 | act=!gelu | 2x7x4",
    "MatMul a:2x3 b:4x4 | | error shapes 2x3 and 4x4 do not multiply",
    "Gemm a:2x3 b:4x3 c:4 | transB=1 | 2x4",
    "Gemm a:3x2 b:3x4 c:scalar | transA=1 alpha=~0.5 | 2x4",
    "Gemm a:2x3 b:3x4 c:2x1 | | 2x4",
    "Gemm a:2x3 b:3x4 c:3x4 | | error C of shape 3x4",
    "Gemm a:2x3 b:4x3 | | error do not multiply",
    /* normalizations */
    "BatchNormalization x:2x3x4 s:3 b:3 m:3 v:3 | epsilon=~0.1 | 2x3x4",
    "BatchNormalization x:2x4x3 s:3 b:3 m:3 v:3 | nhwc=1 | 2x4x3",
    "BatchNormalization x:2x3x4 s:3 b:3 m:4 v:3 | | error mean 'm' must have 3 elements",
    "InstanceNormalization x:2x3x4x4 s:3 b:3 | | 2x3x4x4",
    "LayerNormalization x:2x3x4 s:4 | | 2x3x4",
    "LayerNormalization x:2x3x4 s:3x4 b:3x4 | axis=1 | 2x3x4 2x1x1 2x1x1",
    "LayerNormalization x:2x3x4 s:3 | | error scale of shape 3",
    "LRN x:1x8x4x4 | size=5 | 1x8x4x4",
    "LRN x:1x8x4x4 | | error size must be 1",
    "Softmax x:2x3 | axis=1 | 2x3",
    "LogSoftmax x:2x3 | axis=2 | error axis is 2, but the input has 2 dimensions",
    /* types */
    "Cast x:2x3 | to=6 | 2x3:int64",
    "Cast x:2x3 | | error attribute to must be 1",
    "QuantizeLinear x:2x3 s:scalar z:scalar:uint8 | | 2x3:uint8",
    "QuantizeLinear x:2x3 s:3 z:3:int8 | axis=1 | 2x3:int8",
    "QuantizeLinear x:2x3 s:2 z:2:int8 | axis=1 | error scale 's' must have 3 elements",
    "DequantizeLinear x:2x3:int8 s:2 z:2:int8 | axis=0 | 2x3",
    /* movement */
    "Reshape x:2x3x4 | shape=4,6 | 4x6",
    "Reshape x:2x3x4 | shape=4,7 | error 24 elements of input 2x3x4 do not make shape 4x7",
    "Reshape x:2x3 | shape=6,-1 | error must not be negative",
    "Flatten x:2x3x4 | axis=2 | 6x4",
    "Flatten x:2x3x4 | axis=0 | 1x24",
    "Squeeze x:1x3x1 | | 3",
    "Squeeze x:1x3x1 | axes=-1 | 1x3",
    "Squeeze x:1x3x1 | axes=1 | error dimension 1 of input 1x3x1 is not 1",
    "Unsqueeze x:3x4 | axes=0,-1 | 1x3x4x1",
    "Unsqueeze x:3x4 | axes=4 | error axis 4 is outside",
    "Expand x:3x1 | shape=2,1,6 | 2x3x6",
    "Expand x:3x1 | shape=3 | 3x3",
    "Expand x:3 | shape=4 | error does not broadcast with shape 4",
    "Tile x:2x3 | repeats=2,0 | 4x0",
    "Concat a:2x3 b:2x4 c:2x1 | axis=1 | 2x8",
    "Concat a:2x3 b:3x3 | axis=1 | error input 1 of shape 3x3 does not fit input 0 of shape 2x3 along axis 1",
    "Concat a:2x3 | | error axis is missing",
    "Split x:2x6 | axis=1 split=1,2,3 | 2x1 2x2 2x3",
    "Split x:2x6 | axis=1 split=1,2 | 2x1 2x2 error leave 3",
    "Split x:2x6 | axis=1 split=4,4 | 2x4 2x4 error exceeds dimension 1",
    "Slice x:10x10 | starts=1,9 ends=8,-1 axes=0,1 steps=2,-3 | 4x4",
    "Slice x:10 | starts=3 ends=3 axes=0 | 0",
    "Slice x:10 | starts=3 ends=11 axes=0 | error is outside of 10",
    "Slice x:10 | starts=3 ends=8 axes=0 steps=0 | error steps by 0",
    "Slice x:10x10 | starts=0,0 ends=1,1 axes=1,1 | error named twice",
    "Pad x:1x2x3 | pads=0,0,1,0,0,2 | 1x2x6",
    "Pad x:4 | pads=-1,-1 | 2",
    "Pad x:3 | pads=3,0 mode=!reflect | error do not fit dimension 0",
    "Pad x:3 | pads=2,0 mode=!mirror | error mode 'mirror' is unknown",
    "Transpose x:2x3x4 | perm=2,0,1 | 4x2x3",
    "Transpose x:2x3 | perm=1,1 | error names dimension 1 twice",
    "Transpose x:2x3 | | error perm is missing",
    "DepthToSpace x:1x8x2x3 | blocksize=2 | 1x2x4x6",
    "DepthToSpace x:1x2x3x8 | blocksize=2 nhwc=1 | 1x4x6x2",
    "DepthToSpace x:1x6x2x3 | blocksize=2 | error does not divide",
    "SpaceToDepth x:1x2x4x6 | blocksize=2 | 1x8x2x3",
    "Gather x:5x6x7 i:2x3:int64 | axis=1 | 5x2x3x7",
    "Gather x:5 i:scalar:int32 | | scalar",
    "Gather x:5 i:2 | | error must be int64 or int32",
    "GatherElements x:3x4 i:2x4:int64 | axis=0 | 2x4",
    "GatherND x:2x3x4 i:2x1:int64 | batch_dims=1 | 2x4",
    "GatherND x:2x2x2 i:2x1x2:int64 | | 2x1x2",
    "GatherND x:2x2 i:2x3:int64 | | error do not index data",
    "ScatterND x:4x4x4 i:2x1:int64 u:2x4x4 | | 4x4x4",
    "ScatterND x:4x4x4 i:2x1:int64 u:2x4 | | error updates of shape 2x4",
    "Resize x:1x3x5x7 | scales=~1,1,2,1.5 | 1x3x10x10",
    "Resize x:1x3x5x7 | scales=~1,1,0.6,0.6 sizes=1,3,3,4 | 1x3x3x4",
    "Resize x:1x3x5x7 | scales=~1,1,0.6,0.6 | 1x3x3x4",
    "Resize x:1x3 | | error neither scales nor sizes",
    "Upsample x:1x1x2x2 | scales=~1,1,2,3 | 1x1x4x6",
    /* reductions, and what works on shapes */
    "ReduceMean x:2x3x4 | axes=1,2 | 2x1x1",
    "ReduceSum x:2x3x4 | axes=1 keepdims=0 | 2x4",
    "ReduceMax x:2x3x4 | keepdims=0 | scalar",
    "ReduceMean x:2x3 | axes=1,0 | error must rise",
    "ArgMax x:2x3x4 | axis=2 keepdims=0 | 2x3:int64",
    "TopK x:2x9 | k=4 axis=1 | 2x4 2x4:int64",
    "TopK x:2x9 | k=10 axis=1 | error attribute k must be 0 to 9",
    "Shape x:2x3x4 | | 3:int64",
    "Shape x:2x3x4 | start=-2 | 2:int64",
    "Size x:2x3x4 | | scalar:int64",
    "Dropout x:2x3 | | 2x3 2x3:bool",
    /* what passes make */
    "Silu x:2x3 | | 2x3",
    "ChannelShuffle x:1x4x4x8 | group=4 nhwc=1 | 1x4x4x8",
    "ChannelShuffle x:1x7x4x4 | group=4 | error 7 channels do not divide",
    /* nothing known, nothing said */
    "Conv x:? w:4x3x3x3 | | ?",
    "Relu x:1x?x4 | | 1x?x4",
    "Less a:? b:3 | | ?:bool",
    "Add a:1099511627776 b:2x1 | | error more than 2^40 elements",
};

enum { MAX_PARTS = 8 };

static struct ax_shape parse_shape(char *s, enum ax_dtype *t)
{
    struct ax_shape shape = {.rank = -1};
    char *type = strchr(s, ':');
    *t = type ? ax_dtype_from_text(type + 1) : AX_DTYPE_FLOAT32;
    if (type) *type = 0;
    if (!strcmp(s, "?")) return shape;
    shape.rank = 0;
    if (!strcmp(s, "scalar")) return shape;
    for (char *rest, *p = strtok_r(s, "x", &rest); p; p = strtok_r(NULL, "x", &rest))
        shape.dim[shape.rank++] = *p == '?' ? -1 : strtoll(p, NULL, 10);
    return shape;
}

static void parse_attr(struct ax_graph *g, int node, char *text)
{
    int64_t ints[2 * AX_MAX_RANK];
    float floats[2 * AX_MAX_RANK];
    char *v = strchr(text, '='), *rest;
    int n = 0;
    *v++ = 0;
    const struct ax_attr_row *row = ax_op_row(g->nodes[node].op)->attrs;
    while (row && row->name && strcmp(row->name, text) != 0) row++;
    assert_true(row && row->name);
    char sign = *v;
    if (sign == '!') {
        ax_node_set_string(g, node, text, v + 1);
        return;
    }
    for (char *p = strtok_r(v + (sign == '~'), ",", &rest); p; p = strtok_r(NULL, ",", &rest), n++) {
        ints[n] = strtoll(p, NULL, 10);
        floats[n] = strtof(p, NULL);
    }
    if (row->kind == AX_KIND_INT)
        ax_node_set_int(g, node, text, ints[0]);
    else if (row->kind == AX_KIND_FLOAT)
        ax_node_set_float(g, node, text, floats[0]);
    else if (row->kind == AX_KIND_INTS)
        ax_node_set_ints(g, node, text, ints, n);
    else
        ax_node_set_floats(g, node, text, floats, n);
}

/* "Conv x:.. w:.." -> operator and input values */
static enum ax_op parse_inputs(struct ax_graph *g, char *text, int *in, int *n_in)
{
    char *rest, *name = strtok_r(text, " ", &rest);
    enum ax_op op = ax_op_find("", name);
    if (!op) op = ax_op_find("axon", name);
    if (!op) fail_msg("operator %s is unknown", name);
    *n_in = 0;
    for (char *p; (p = strtok_r(NULL, " ", &rest));) {
        enum ax_dtype t;
        if (!strcmp(p, "-")) {
            in[(*n_in)++] = AX_NONE;
            continue;
        }
        char *shape_text = strchr(p, ':');
        *shape_text++ = 0;
        struct ax_shape s = parse_shape(shape_text, &t);
        in[(*n_in)++] = ax_graph_value(g, p, t, &s);
    }
    return op;
}

static void check_outputs(const struct ax_graph *g, const struct ax_shape *want, const enum ax_dtype *type, int n,
                          const char *which)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    for (int i = 0; i < n; i++) {
        const struct ax_value *v = &g->values[g->nodes[0].outputs[i]];
        if (!ax_shape_equal(&v->shape, &want[i]) || v->dtype != type[i])
            fail_msg("%s: output %d is %s %s, not %s %s", which, i, ax_shape_text(&v->shape, a), ax_dtype_text(v->dtype),
                     ax_shape_text(&want[i], b), ax_dtype_text(type[i]));
    }
}

static void run_case(const char *which)
{
    struct ax_graph *g = ax_graph_new("case");
    struct ax_shape want[MAX_PARTS];
    enum ax_dtype type[MAX_PARTS];
    int in[MAX_PARTS], out[MAX_PARTS], n_in, n_out = 0;
    char *text = ax_arena_str(&g->arena, which), *rest;
    char *attrs = strstr(text, " |"), *outs = strstr(attrs + 2, "| ");
    *attrs = *outs = 0;
    char *error = strstr(outs + 2, "error ");
    if (error) *error = 0;
    enum ax_op op = parse_inputs(g, text, in, &n_in);
    for (char *p = strtok_r(outs + 2, " ", &rest); p; p = strtok_r(NULL, " ", &rest)) {
        want[n_out] = parse_shape(p, &type[n_out]);
        out[n_out] = ax_graph_value(g, "out", AX_DTYPE_NONE, NULL);
        n_out++;
    }
    if (!n_out) out[n_out++] = ax_graph_value(g, "out", AX_DTYPE_NONE, NULL);
    int k = ax_graph_node(g, op, "n", in, n_in, out, n_out);
    for (char *p = strtok_r(attrs + 2, " ", &rest); p; p = strtok_r(NULL, " ", &rest)) parse_attr(g, k, p);

    struct ax_error err;
    enum ax_status status = ax_node_infer(g, k, &err);
    if (status && !error) fail_msg("%s: %s", which, err.message);
    if (error && !status) fail_msg("%s: did not fail", which);
    if (error && !strstr(err.message, error + 6)) fail_msg("%s: says '%s'", which, err.message);
    if (!error) check_outputs(g, want, type, n_out, which);
    ax_graph_free(g);
}

static void rules_give_onnx_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) run_case(cases[i]);
}

static void constants_steer_shape_operators(void **state)
{
    (void)state;
    struct ax_graph *g = ax_graph_new("consts");
    struct ax_shape scalar = {0};
    int64_t v[3] = {2, 9, 3};
    int c[3];
    for (int i = 0; i < 3; i++) c[i] = ax_graph_const(g, "c", AX_DTYPE_INT64, &scalar, &v[i]);
    int range = ax_graph_apply(g, AX_OP_RANGE, "range", c, 3);
    assert_int_equal(g->values[range].shape.dim[0], 3);
    assert_int_equal(g->values[range].dtype, AX_DTYPE_INT64);
    int dims = ax_graph_const_i64(g, "dims", 3, (int64_t[]){2, 0, 5});
    int filled = ax_graph_apply(g, AX_OP_CONSTANT_OF_SHAPE, "filled", &dims, 1);
    assert_int_equal(g->values[filled].shape.rank, 3);
    assert_int_equal(g->values[filled].shape.dim[2], 5);
    int at = ax_graph_apply(g, AX_OP_NON_ZERO, "at", &dims, 1);
    assert_int_equal(g->values[at].shape.dim[0], 1);
    assert_int_equal(g->values[at].shape.dim[1], 2);
    ax_graph_free(g);
}

/* -- nonsense: rules must refuse or answer, whatever stands in shapes and attributes (sanitizers watch) -- */

static uint64_t seed = 1;

static int64_t pick(int64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(seed >> 33) % n;
}

static int64_t odd_number(void)
{
    static const int64_t odd[] = {0, -1, INT64_MAX, INT64_MIN, (int64_t)1 << 40, 1 << 20, 1 << 30, -(1 << 30), 7, 8};
    return pick(3) ? pick(6) - 1 : odd[pick(sizeof odd / sizeof *odd)];
}

static int odd_input(struct ax_graph *g)
{
    static const enum ax_dtype types[] = {AX_DTYPE_FLOAT32, AX_DTYPE_INT64, AX_DTYPE_INT8, AX_DTYPE_BOOL, AX_DTYPE_NONE};
    struct ax_shape s = {.rank = (int)pick(AX_MAX_RANK + 2) - 1};
    int64_t data[16];
    if (!pick(16)) return AX_NONE;
    if (pick(2)) s.rank = 4;
    for (int i = 0; i < s.rank; i++) s.dim[i] = pick(4) ? pick(9) : odd_number();
    for (int i = 0; i < 16; i++) data[i] = odd_number();
    if (!pick(4)) return ax_graph_const_i64(g, "c", (int)pick(9), data);
    return ax_graph_value(g, "v", types[pick(3) ? 0 : pick(5)], &s);
}

static void odd_attr(struct ax_graph *g, int node, const struct ax_attr_row *row)
{
    static const char *const words[] = {"", "relu", "prelu", "pre", "reflect", "wrap"};
    int64_t ints[24];
    float floats[24];
    int n = pick(3) ? 2 + 2 * (int)pick(2) : (int)pick(24);
    for (int i = 0; i < 24; i++) floats[i] = (float)(ints[i] = pick(2) ? pick(4) : odd_number());
    switch (row->kind) {
    case AX_KIND_INT: ax_node_set_int(g, node, row->name, ints[0]); break;
    case AX_KIND_FLOAT: ax_node_set_float(g, node, row->name, floats[0]); break;
    case AX_KIND_STRING: ax_node_set_string(g, node, row->name, words[pick(6)]); break;
    case AX_KIND_INTS: ax_node_set_ints(g, node, row->name, ints, n); break;
    case AX_KIND_FLOATS: ax_node_set_floats(g, node, row->name, floats, n); break;
    case AX_KIND_TENSOR: break;
    }
}

static void rules_survive_nonsense(void **state)
{
    (void)state;
    int accepted = 0;
    for (int round = 0; round < 30000; round++) {
        struct ax_graph *g = ax_graph_new("nonsense");
        struct ax_error err = {0};
        enum ax_op op = (enum ax_op)(1 + pick(AX_OP_COUNT - 1));
        int in[8], out[4], n_in = ax_op_row(op)->min_inputs + (int)pick(3), n_out = 1 + (int)pick(2);
        for (int i = 0; i < n_in; i++) in[i] = odd_input(g);
        for (int i = 0; i < n_out; i++) out[i] = pick(16) ? ax_graph_value(g, "out", AX_DTYPE_NONE, NULL) : AX_NONE;
        int k = ax_graph_node(g, op, "n", in, n_in, out, n_out);
        for (const struct ax_attr_row *a = ax_op_row(op)->attrs; a && a->name; a++)
            if (pick(3)) odd_attr(g, k, a);
        if (!ax_node_infer(g, k, &err))
            accepted++;
        else
            assert_true(err.message[0]);
        ax_graph_verify(g, &err);
        ax_graph_free(g);
    }
    assert_true(accepted > 100);
}

static void table_is_complete(void **state)
{
    (void)state;
    for (int op = 1; op < AX_OP_COUNT; op++) {
        const struct ax_op_row *r = ax_op_row((enum ax_op)op);
        assert_non_null(r->name);
        assert_non_null(r->infer);
        assert_true(r->note && *r->note);
        assert_true(r->since >= 1 && r->min_outputs == 1);
        assert_true(r->max_inputs == -1 || r->max_inputs >= r->min_inputs);
        assert_int_equal(ax_op_find(r->domain, r->name), op);
        for (const struct ax_attr_row *a = r->attrs; a && a->name; a++) assert_true(a->text && *a->text);
    }
    assert_string_equal(ax_op_name(AX_OP_NONE), "none");
}

static void names_are_found(void **state)
{
    (void)state;
    assert_int_equal(ax_op_find("ai.onnx", "Conv"), AX_OP_CONV);
    assert_int_equal(ax_op_find("", "conv"), AX_OP_NONE);
    assert_int_equal(ax_op_find("com.example", "Conv"), AX_OP_NONE);
    assert_string_equal(ax_op_nearest("Convv"), "Conv");
    assert_string_equal(ax_op_nearest("relu"), "Relu");
    assert_string_equal(ax_op_nearest("Sigmoide"), "Sigmoid");
    assert_null(ax_op_nearest("NonMaxSuppression"));
    assert_null(ax_op_nearest("X"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_give_onnx_shapes), cmocka_unit_test(constants_steer_shape_operators),
        cmocka_unit_test(rules_survive_nonsense), cmocka_unit_test(table_is_complete),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
