/* The importer: canonical forms from every opset's way of saying things, folding, outputs, inputs, and its errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "onnx/import.h"
#include "onnx_model.h"
#include "temp.h"

static char path[TEMP_PATH];
static struct ax_error err;

static struct ax_graph *import_with(struct model *m, const struct ax_import_options *opt)
{
    struct ax_graph *g = NULL;
    model_save(m, path);
    ax_import(path, opt, &g, &err);
    return g;
}

static struct ax_graph *import(struct model *m)
{
    struct ax_graph *g = import_with(m, NULL);
    if (!g) fail_msg("%s", err.message);
    return g;
}

static void expect_error(struct model *m, enum ax_status status, const char *part)
{
    struct ax_graph *g = import_with(m, NULL);
    assert_null(g);
    if (!strstr(err.message, part)) fail_msg("'%s' is not in '%s'", part, err.message);
    assert_int_equal(err.status, status);
}

/* The only node of the graph that does `op`. */
static const struct ax_node *only(const struct ax_graph *g, enum ax_op op)
{
    const struct ax_node *found = NULL;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op != op) continue;
        assert_null(found);
        found = &g->nodes[i];
    }
    if (!found) fail_msg("the graph has no %s", ax_op_name(op));
    return found;
}

static void expect_ints(const struct ax_node *n, const char *attr, int count, const int64_t *want)
{
    int64_t got[32];
    assert_int_equal(ax_node_ints(n, attr, got, 32, -99), count);
    for (int i = 0; i < count; i++) assert_int_equal(got[i], want[i]);
}
#define EXPECT_INTS(n, attr, ...)                                                                                              \
    expect_ints(n, attr, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]){__VA_ARGS__})

static void expect_output(const struct ax_graph *g, int i, const char *name, const char *shape)
{
    char text[AX_SHAPE_TEXT];
    assert_true(i < g->n_outputs);
    assert_string_equal(g->values[g->outputs[i]].name, name);
    assert_string_equal(ax_shape_text(&g->values[g->outputs[i]].shape, text), shape);
}

/* x of a shape through one node to y. */
static void one_node(struct model *m, int opset, const char *shape, const char *op, const char *in, const char *attributes)
{
    model_begin(m, opset);
    model_input(m, "x", shape);
    model_node(m, op, in, "y", attributes);
    model_output(m, "y");
}

/* -- windows -- */

static void conv_pads(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 11, "1x3x5x6", "Conv", "x,w", "auto_pad='SAME_UPPER'; strides=[2,2]");
    model_floats(&m, "w", "4x3x3x3", NULL);
    struct ax_graph *g = import(&m);
    const struct ax_node *n = only(g, AX_OP_CONV);
    EXPECT_INTS(n, "pads", 1, 0, 1, 1);
    EXPECT_INTS(n, "kernel_shape", 3, 3);
    EXPECT_INTS(n, "dilations", 1, 1);
    assert_int_equal(ax_node_int(n, "group", 0), 1);
    expect_output(g, 0, "y", "1x4x3x3");
    ax_graph_free(g);

    one_node(&m, 11, "1x3x5x6", "Conv", "x,w", "auto_pad='SAME_LOWER'; strides=[2,2]; group=1");
    model_floats(&m, "w", "4x3x3x3", NULL);
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_CONV), "pads", 1, 1, 1, 0);
    ax_graph_free(g);

    one_node(&m, 11, "1x3x9", "Conv", "x,w", "auto_pad='VALID'");
    model_floats(&m, "w", "4x3x3", NULL);
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_CONV), "pads", 0, 0);
    expect_output(g, 0, "y", "1x4x7");
    ax_graph_free(g);
}

static void conv_transpose_shape(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 11, "1x1x3x3", "ConvTranspose", "x,w", "strides=[3,2]; output_shape=[10,8]");
    model_floats(&m, "w", "1x2x3x3", NULL);
    struct ax_graph *g = import(&m);
    expect_output(g, 0, "y", "1x2x10x8");
    EXPECT_INTS(only(g, AX_OP_CONV_TRANSPOSE), "output_padding", 1, 1);
    ax_graph_free(g);
}

/* -- shapes -- */

static void reshapes(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 13, "2x3x4", "Reshape", "x,s", "");
    MODEL_LONGS(&m, "s", 0, -1);
    struct ax_graph *g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESHAPE), "shape", 2, 12);
    ax_graph_free(g);

    one_node(&m, 11, "2x3x4", "Flatten", "x", "axis=2");
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESHAPE), "shape", 6, 4);
    ax_graph_free(g);

    one_node(&m, 11, "1x3x1", "Squeeze", "x", "axes=[-1]");
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESHAPE), "shape", 1, 3);
    ax_graph_free(g);

    one_node(&m, 13, "1x3x1", "Squeeze", "x", "");
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESHAPE), "shape", 3);
    ax_graph_free(g);

    one_node(&m, 13, "3x4", "Unsqueeze", "x,a", "");
    MODEL_LONGS(&m, "a", -1, 0);
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESHAPE), "shape", 1, 3, 4, 1);
    ax_graph_free(g);
}

/* The chain that exporters write for x.view(x.size(0), -1) leaves one Reshape. */
static void shape_chains_fold(void **state)
{
    (void)state;
    struct model m;
    model_begin(&m, 11);
    model_input(&m, "x", "2x3x4");
    MODEL_LONG(&m, "zero", 0);
    MODEL_LONGS(&m, "rest", -1);
    model_node(&m, "Shape", "x", "shape", "");
    model_node(&m, "Gather", "shape,zero", "n", "axis=0");
    model_node(&m, "Unsqueeze", "n", "n1", "axes=[0]");
    model_node(&m, "Concat", "n1,rest", "to", "axis=0");
    model_node(&m, "Reshape", "x,to", "y", "");
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    assert_int_equal(g->n_nodes, 1);
    expect_output(g, 0, "y", "2x12");
    ax_graph_free(g);
}

static void slices(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 9, "1x8x10", "Slice", "x", "axes=[1,-1]; starts=[-3,0]; ends=[9223372036854775807,4]");
    struct ax_graph *g = import(&m);
    const struct ax_node *n = only(g, AX_OP_SLICE);
    EXPECT_INTS(n, "axes", 1, 2);
    EXPECT_INTS(n, "starts", 5, 0);
    EXPECT_INTS(n, "ends", 8, 4);
    EXPECT_INTS(n, "steps", 1, 1);
    ax_graph_free(g);

    one_node(&m, 13, "5", "Slice", "x,b,e,a,s", "");
    MODEL_LONGS(&m, "b", -1);
    MODEL_LONGS(&m, "e", -9223372036854775807);
    MODEL_LONGS(&m, "a", 0);
    MODEL_LONGS(&m, "s", -2);
    g = import(&m);
    n = only(g, AX_OP_SLICE);
    EXPECT_INTS(n, "starts", 4);
    EXPECT_INTS(n, "ends", -1);
    expect_output(g, 0, "y", "3");
    ax_graph_free(g);

    one_node(&m, 9, "1x8", "Slice", "x", "axes=[1]; starts=[0]; ends=[100]"); /* all of it */
    g = import(&m);
    only(g, AX_OP_IDENTITY);
    ax_graph_free(g);
}

static void splits(void **state)
{
    (void)state;
    struct model m;
    model_begin(&m, 18);
    model_input(&m, "x", "7x2");
    model_node(&m, "Split", "x", "a,b,c", "num_outputs=3");
    model_output(&m, "a");
    model_output(&m, "c");
    struct ax_graph *g = import(&m);
    EXPECT_INTS(only(g, AX_OP_SPLIT), "split", 3, 3, 1);
    assert_int_equal(ax_node_int(only(g, AX_OP_SPLIT), "axis", 9), 0);
    ax_graph_free(g);

    model_begin(&m, 11);
    model_input(&m, "x", "7x2");
    model_node(&m, "Split", "x", "a,b", "split=[3,5]");
    model_output(&m, "a");
    expect_error(&m, AX_SHAPE, "add up to 8");
}

static void pads(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 18, "1x3x4x4", "Pad", "x,p,v,a", "mode='constant'");
    MODEL_LONGS(&m, "p", 1, 2, 3, 4);
    model_floats(&m, "v", "scalar", (const float[]){7});
    MODEL_LONGS(&m, "a", 2, -1);
    struct ax_graph *g = import(&m);
    EXPECT_INTS(only(g, AX_OP_PAD), "pads", 0, 0, 1, 2, 0, 0, 3, 4);
    assert_float_equal(ax_node_float(only(g, AX_OP_PAD), "value", 0), 7, 0);
    ax_graph_free(g);

    one_node(&m, 9, "1x4", "Pad", "x", "pads=[0,-1,0,2]"); /* crops, then pads */
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_SLICE), "starts", 1);
    EXPECT_INTS(only(g, AX_OP_PAD), "pads", 0, 0, 0, 2);
    expect_output(g, 0, "y", "1x5");
    ax_graph_free(g);
}

/* -- elements -- */

static void clips(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 7, "4", "Clip", "x", "min=0.0; max=6.0");
    struct ax_graph *g = import(&m);
    assert_float_equal(ax_node_float(only(g, AX_OP_CLIP), "max", 0), 6, 0);
    ax_graph_free(g);

    one_node(&m, 13, "4", "Clip", "x,,hi", "");
    model_floats(&m, "hi", "scalar", (const float[]){6});
    g = import(&m);
    assert_null(ax_node_attr(only(g, AX_OP_CLIP), "min"));
    assert_float_equal(ax_node_float(only(g, AX_OP_CLIP), "max", 0), 6, 0);
    ax_graph_free(g);

    one_node(&m, 13, "4", "Clip", "x,lo,hi", ""); /* bounds that are computed */
    model_input(&m, "lo", "scalar");
    model_floats(&m, "hi", "scalar", (const float[]){6});
    g = import(&m);
    only(g, AX_OP_MAX);
    only(g, AX_OP_MIN);
    ax_graph_free(g);
}

static void softmax_before_13(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 11, "2x3x4", "Softmax", "x", "");
    struct ax_graph *g = import(&m);
    assert_int_equal(g->n_nodes, 3); /* flat, softmax, back */
    assert_int_equal(ax_node_int(only(g, AX_OP_SOFTMAX), "axis", 9), 1);
    ax_graph_free(g);

    one_node(&m, 11, "1x1000x1x1", "Softmax", "x", ""); /* only one dimension counts: no reshapes */
    g = import(&m);
    assert_int_equal(g->n_nodes, 1);
    ax_graph_free(g);

    one_node(&m, 13, "2x3x4", "Softmax", "x", "axis=-2");
    g = import(&m);
    assert_int_equal(ax_node_int(only(g, AX_OP_SOFTMAX), "axis", 9), 1);
    ax_graph_free(g);
}

static void reductions(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 18, "2x3x4", "ReduceMean", "x,a", "keepdims=0");
    MODEL_LONGS(&m, "a", -1, 1);
    struct ax_graph *g = import(&m);
    EXPECT_INTS(only(g, AX_OP_REDUCE_MEAN), "axes", 1, 2);
    expect_output(g, 0, "y", "2");
    ax_graph_free(g);

    one_node(&m, 11, "2x3", "ReduceSum", "x", "");
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_REDUCE_SUM), "axes", 0, 1);
    ax_graph_free(g);

    one_node(&m, 18, "2x3", "ReduceMax", "x", "noop_with_empty_axes=1");
    g = import(&m);
    only(g, AX_OP_IDENTITY);
    ax_graph_free(g);
}

static void resizes(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 9, "1x3x4x4", "Upsample", "x,s", "mode='nearest'");
    model_floats(&m, "s", "4", (const float[]){1, 1, 2, 2});
    struct ax_graph *g = import(&m);
    const struct ax_node *n = only(g, AX_OP_RESIZE);
    EXPECT_INTS(n, "sizes", 1, 3, 8, 8);
    assert_string_equal(ax_node_string(n, "coordinate_transformation_mode", ""), "asymmetric");
    assert_string_equal(ax_node_string(n, "nearest_mode", ""), "floor");
    ax_graph_free(g);

    one_node(&m, 18, "1x3x4x6", "Resize", "x,,,z", "axes=[3,2]; mode='linear'; keep_aspect_ratio_policy='not_larger'");
    MODEL_LONGS(&m, "z", 12, 6);
    g = import(&m);
    EXPECT_INTS(only(g, AX_OP_RESIZE), "sizes", 1, 3, 6, 9);
    ax_graph_free(g);
}

/* -- quantized models -- */

static void quantized_weights_stay(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 13, "1x2x4x4", "Conv", "x,w", "");
    model_raw(&m, "q", MODEL_INT8, "1x2x1x1", "\x05\x80", 2);
    model_floats(&m, "s", "1", (const float[]){0.5f});
    struct bytes head = m.graph; /* the DequantizeLinear must stand before the Conv */
    m.graph = (struct bytes){0};
    put_node(&m.graph, "DequantizeLinear", "q,s", "w", "axis=0", NULL);
    put(&m.graph, head.p, head.n);
    free(head.p);
    struct ax_graph *g = import(&m);
    const struct ax_node *n = only(g, AX_OP_DEQUANTIZE_LINEAR);
    assert_int_equal(n->n_inputs, 3);
    assert_true(ax_is_const(g, n->inputs[0]));
    assert_int_equal(g->values[n->inputs[2]].dtype, AX_DTYPE_INT8);
    ax_graph_free(g);
}

static void qlinear_add(void **state)
{
    (void)state;
    struct model m;
    model_begin(&m, 13);
    m.extra_domain = "com.microsoft";
    model_input_of(&m, "x", MODEL_UINT8, "4");
    model_floats(&m, "s", "scalar", (const float[]){0.5f});
    model_raw(&m, "z", MODEL_UINT8, "scalar", "\x80", 1);
    model_node(&m, "com.microsoft:QLinearAdd", "x,s,z,x,s,z,s,z", "y", "");
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    only(g, AX_OP_ADD);
    only(g, AX_OP_QUANTIZE_LINEAR);
    assert_int_equal(g->values[g->outputs[0]].dtype, AX_DTYPE_UINT8);
    ax_graph_free(g);
}

/* DynamicQuantizeLinear, ConvInteger, Cast, Mul: a float Conv with the weights as they are, and the Mul. */
static void dynamic_quantization(void **state)
{
    (void)state;
    struct model m;
    model_begin(&m, 11);
    model_input(&m, "x", "1x1x4x4");
    model_raw(&m, "w", MODEL_UINT8, "1x1x1x1", "\x05", 1);
    model_raw(&m, "wz", MODEL_UINT8, "scalar", "\x07", 1);
    model_floats(&m, "ws", "scalar", (const float[]){0.25f});
    model_node(&m, "DynamicQuantizeLinear", "x", "q,qs,qz", "");
    model_node(&m, "Mul", "qs,ws", "scale", "");
    model_node(&m, "ConvInteger", "q,w,qz,wz", "i", "");
    model_node(&m, "Cast", "i", "f", "to=1");
    model_node(&m, "Mul", "f,scale", "y", "");
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    const struct ax_node *n = only(g, AX_OP_CONV), *mul = only(g, AX_OP_MUL);
    assert_float_equal(ax_const_at(g, n->inputs[1], 0), -2, 0);
    assert_float_equal(ax_const_at(g, mul->inputs[1], 0), 0.25, 0);
    ax_graph_free(g);
}

/* -- tensors -- */

static void half_precision(void **state)
{
    (void)state;
    static const uint16_t half[4] = {0x3c00, 0xc000, 0x0001, 0x7bff}; /* 1, -2, 2^-24, 65504 */
    struct model m;
    model_begin(&m, 13);
    model_input_of(&m, "x", MODEL_HALF, "4");
    model_raw(&m, "h", MODEL_HALF, "4", half, sizeof half);
    model_node(&m, "Add", "x,h", "y", "");
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    int v = only(g, AX_OP_ADD)->inputs[1];
    assert_int_equal(g->values[v].dtype, AX_DTYPE_FLOAT32);
    assert_float_equal(ax_const_at(g, v, 1), -2, 0);
    assert_true(ax_const_at(g, v, 2) == ldexp(1, -24));
    assert_float_equal(ax_const_at(g, v, 3), 65504, 0);
    assert_int_equal(g->values[g->inputs[0]].dtype, AX_DTYPE_FLOAT32);
    ax_graph_free(g);
}

/* Big weights come from the mapping, whatever their alignment in the file. */
static void big_weights(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        struct model m;
        char name[8] = "wwwwww";
        name[shift + 1] = 0;
        float data[64 * 64];
        for (int i = 0; i < 64 * 64; i++) data[i] = (float)i;
        model_begin(&m, 13);
        model_input(&m, "x", "1x64");
        model_floats(&m, name, "64x64", data);
        char in[16];
        snprintf(in, sizeof in, "x,%s", name);
        model_node(&m, "MatMul", in, "y", "");
        model_output(&m, "y");
        struct ax_graph *g = import(&m);
        int v = only(g, AX_OP_MATMUL)->inputs[1];
        assert_int_equal((uintptr_t)g->values[v].data % 4, 0);
        assert_memory_equal(g->values[v].data, data, sizeof data);
        ax_graph_free(g);
    }
}

static void nan_in_weights(void **state)
{
    (void)state;
    struct model m;
    float w[4] = {1, 2, NAN, 4};
    one_node(&m, 13, "1x2", "MatMul", "x,w", "");
    model_floats(&m, "w", "2x2", w);
    expect_error(&m, AX_FORMAT, "'w' holds NaN at element 2");
    w[2] = INFINITY;
    one_node(&m, 13, "1x2", "MatMul", "x,w", "");
    model_floats(&m, "w", "2x2", w);
    expect_error(&m, AX_FORMAT, "infinite value at element 2");
}

static void put_pair(struct bytes *t, const char *key, const char *value)
{
    struct bytes e = {0};
    put_text(&e, 1, key);
    put_text(&e, 2, value);
    put_message(t, 13, &e);
}

static void external_model(struct model *m, const char *location, const char *offset, const char *length)
{
    struct bytes t = {0};
    one_node(m, 13, "1x2", "MatMul", "x,w", "");
    put_dims(&t, "2x2");
    put_int(&t, 2, MODEL_FLOAT);
    put_text(&t, 8, "w");
    put_pair(&t, "location", location);
    if (offset) put_pair(&t, "offset", offset);
    if (length) put_pair(&t, "length", length);
    put_int(&t, 14, 1);
    put_message(&m->graph, 5, &t);
}

static void external_data(void **state)
{
    (void)state;
    struct model m;
    char data[TEMP_PATH];
    temp_path(data, "w.bin");
    save_bytes(data, (const float[]){0, 1, 2, 3, 4, 5}, 24);
    external_model(&m, "w.bin", "8", "16");
    struct ax_graph *g = import(&m);
    assert_float_equal(ax_const_at(g, only(g, AX_OP_MATMUL)->inputs[1], 0), 2, 0);
    ax_graph_free(g);
    external_model(&m, "absent.bin", NULL, NULL);
    expect_error(&m, AX_NOT_FOUND, "missing");
    external_model(&m, "../w.bin", NULL, NULL);
    expect_error(&m, AX_FORMAT, "inside the model's folder");
    external_model(&m, "/etc/passwd", NULL, NULL);
    expect_error(&m, AX_FORMAT, "inside the model's folder");
    external_model(&m, "a/../../w.bin", NULL, NULL);
    expect_error(&m, AX_FORMAT, "inside the model's folder");
    external_model(&m, "w.bin", "16", NULL);
    expect_error(&m, AX_FORMAT, "truncated");
    external_model(&m, "w.bin", "18446744073709551615", NULL);
    expect_error(&m, AX_FORMAT, "truncated");
    external_model(&m, "w.bin", "0", "20");
    expect_error(&m, AX_FORMAT, "wants 16 bytes");
    unlink(data);
}

/* -- inputs and outputs -- */

static void open_dimensions(void **state)
{
    (void)state;
    struct model m;
    struct ax_graph *g;
    struct ax_input_shape shape = {"x", {4, {2, 3, 8, 8}}};
    one_node(&m, 13, "Nx3xHxW", "Relu", "x", "");
    expect_error(&m, AX_SHAPE, "x: N x 3 x H x W");
    one_node(&m, 13, "Nx3x4", "Relu", "x", "");
    assert_non_null(g = import_with(&m, &(struct ax_import_options){.batch = 5}));
    expect_output(g, 0, "y", "5x3x4");
    ax_graph_free(g);
    one_node(&m, 13, "Nx3xHxW", "Add", "x,z", "");
    model_input(&m, "z", "Nx3x1xW"); /* the same names mean the same numbers */
    assert_non_null(g = import_with(&m, &(struct ax_import_options){.shapes = &shape, .n_shapes = 1}));
    expect_output(g, 0, "y", "2x3x8x8");
    ax_graph_free(g);
    shape.name = "nobody";
    one_node(&m, 13, "1x3", "Relu", "x", "");
    assert_null(import_with(&m, &(struct ax_import_options){.shapes = &shape, .n_shapes = 1}));
    assert_non_null(strstr(err.message, "'nobody', which is no input"));
}

static void bound_inputs(void **state)
{
    (void)state;
    struct model m;
    struct ax_bound_input bound = {"s", AX_DTYPE_INT64, {1, {2}}, (const int64_t[]){3, 2}};
    one_node(&m, 13, "2x3", "Reshape", "x,s", "");
    model_input_of(&m, "s", MODEL_INT64, "2");
    struct ax_graph *g = import_with(&m, &(struct ax_import_options){.bound = &bound, .n_bound = 1});
    assert_non_null(g);
    assert_int_equal(g->n_inputs, 1);
    expect_output(g, 0, "y", "3x2");
    ax_graph_free(g);
    one_node(&m, 13, "2x3", "Reshape", "x,s", "");
    model_input_of(&m, "s", MODEL_INT64, "2");
    expect_error(&m, AX_UNSUPPORTED, "must be constant, but 's' is an input of the model");
}

static void odd_outputs(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 13, "2", "Relu", "x", "");
    model_floats(&m, "c", "2", NULL);
    model_output(&m, "x");
    model_output(&m, "c");
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    assert_int_equal(g->n_outputs, 4);
    assert_string_equal(g->values[g->outputs[1]].origin, "x"); /* the input has the name already */
    assert_string_equal(g->values[g->outputs[2]].name, "c");
    assert_int_equal(g->outputs[0], g->outputs[3]);
    ax_graph_free(g);
}

static void cuts(void **state)
{
    (void)state;
    struct model m;
    const char *until[] = {"a"};
    model_begin(&m, 13);
    model_input(&m, "x", "2");
    model_node(&m, "Relu", "x", "a", "");
    model_node(&m, "Sequins", "a", "b", "");
    model_node(&m, "Relu", "b", "y", "");
    model_output(&m, "y");
    struct ax_graph *g = import_with(&m, &(struct ax_import_options){.cut_outputs = until, .n_cut_outputs = 1});
    assert_non_null(g);
    expect_output(g, 0, "a", "2");
    ax_graph_free(g);
    model_begin(&m, 13);
    model_input(&m, "x", "2");
    model_node(&m, "Relu", "x", "a", "");
    model_node(&m, "Sigmoids", "a", "b", "");
    model_node(&m, "Relu", "b", "y", "");
    model_output(&m, "y");
    expect_error(&m, AX_UNSUPPORTED,
                 "operator Sigmoids (domain ai.onnx, opset 13) is unknown to Axon; the nearest known one is Sigmoid");
    assert_non_null(strstr(err.message, "--until a"));
}

/* -- If -- */

static void constant_if(void **state)
{
    (void)state;
    struct model m;
    struct bytes node = {0}, a = {0};
    model_begin(&m, 13);
    model_input(&m, "x", "2");
    model_raw(&m, "yes", MODEL_BOOL, "scalar", "\x01", 1);
    put_text(&node, 1, "yes");
    put_text(&node, 2, "y");
    put_text(&node, 4, "If");
    model_branch(&a, "then_branch", "Relu");
    put_message(&node, 5, &a);
    model_branch(&a, "else_branch", "Loop");
    put_message(&node, 5, &a);
    put_message(&m.graph, 1, &node);
    model_output(&m, "y");
    struct ax_graph *g = import(&m);
    assert_int_equal(g->n_nodes, 1);
    only(g, AX_OP_RELU);
    expect_output(g, 0, "y", "2");
    ax_graph_free(g);
}

/* -- hostile files -- */

static void expect_bad_file(const void *p, size_t n, const char *part)
{
    struct ax_graph *g;
    save_bytes(path, p, n);
    assert_int_not_equal(ax_import(path, NULL, &g, &err), AX_OK);
    assert_null(g);
    if (!strstr(err.message, part)) fail_msg("'%s' is not in '%s'", part, err.message);
}

static void hostile_files(void **state)
{
    (void)state;
    struct ax_graph *g;
    struct bytes nest = {0};
    expect_bad_file("", 0, "empty");
    expect_bad_file("\x08\x08", 2, "no graph");
    expect_bad_file("\x3a\x7f", 2, "longer than what holds it");
    expect_bad_file("\x3a\x00\x3a\x00", 4, "occurs twice");
    expect_bad_file("\x0b", 1, "wire type");
    for (int i = 0; i < 3000; i++) { /* graph in attribute in node in graph ... */
        struct bytes node = {0}, graph = {0};
        put_message(&node, 6, &nest);
        put_message(&graph, 5, &node);
        put_message(&nest, 1, &graph);
        if (i > 200) break;
    }
    struct bytes file = {0};
    put_message(&file, 7, &nest);
    expect_bad_file(file.p, file.n, "too deeply");
    free(file.p);
    assert_int_equal(ax_import(temp_dir(), NULL, &g, &err), AX_IO);
    assert_int_equal(ax_import("no-such-file.onnx", NULL, &g, &err), AX_NOT_FOUND);
}

static void versions(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 23, "2", "Relu", "x", "");
    expect_error(&m, AX_VERSION, "opsets 5 to 22");
    one_node(&m, 6, "2x3x4", "Add", "x,b", "broadcast=1; axis=1"); /* lifted by libonnx */
    model_floats(&m, "b", "3", NULL);
    model_input(&m, "b", "3");
    m.ir = 3;
    struct ax_graph *g = import(&m);
    expect_output(g, 0, "y", "2x3x4");
    ax_graph_free(g);
}

static void bad_graphs(void **state)
{
    (void)state;
    struct model m;
    one_node(&m, 13, "2", "Relu", "nobody", "");
    expect_error(&m, AX_FORMAT, "'nobody' is used before any node computes it");
    model_begin(&m, 13);
    model_input(&m, "x", "2");
    model_node(&m, "Relu", "x", "y", "");
    model_node(&m, "Abs", "x", "y", "");
    model_node(&m, "Add", "y,y", "z", "");
    model_output(&m, "z");
    struct ax_graph *g = import_with(&m, NULL); /* only the node that counts is read */
    ax_graph_free(g);
    one_node(&m, 13, "1x3x8x8", "Conv", "x,w", "");
    model_floats(&m, "w", "4x2x3x3", NULL);
    expect_error(&m, AX_SHAPE, "node 'y' (Conv, opset 13)");
    one_node(&m, 13, "2x3", "Transpose", "x", "perm=[0,5]");
    expect_error(&m, AX_FORMAT, "perm is no permutation");
    one_node(&m, 13, "2x3", "Concat", "x", "axis='one'");
    expect_error(&m, AX_FORMAT, "attribute 'axis' is not an integer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_pads),
        cmocka_unit_test(conv_transpose_shape),
        cmocka_unit_test(reshapes),
        cmocka_unit_test(shape_chains_fold),
        cmocka_unit_test(slices),
        cmocka_unit_test(splits),
        cmocka_unit_test(pads),
        cmocka_unit_test(clips),
        cmocka_unit_test(softmax_before_13),
        cmocka_unit_test(reductions),
        cmocka_unit_test(resizes),
        cmocka_unit_test(quantized_weights_stay),
        cmocka_unit_test(qlinear_add),
        cmocka_unit_test(dynamic_quantization),
        cmocka_unit_test(half_precision),
        cmocka_unit_test(big_weights),
        cmocka_unit_test(nan_in_weights),
        cmocka_unit_test(external_data),
        cmocka_unit_test(open_dimensions),
        cmocka_unit_test(bound_inputs),
        cmocka_unit_test(odd_outputs),
        cmocka_unit_test(cuts),
        cmocka_unit_test(constant_if),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(versions),
        cmocka_unit_test(bad_graphs),
    };
    temp_path(path, "model.onnx");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
