/* The ONNX importer: a graph that verifies, or an error with a message. The bytes are tried as a model (with its open
 * dimensions left open, and set) and as a tensor of test data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "onnx/import.h"
#include "onnx_model.h"

static void must(int holds, const char *what, const char *message)
{
    if (holds) return;
    fprintf(stderr, "fuzz_import: %s: %s\n", what, message);
    abort();
}

static void import_model(const char *path, int64_t batch)
{
    struct ax_import_options opt = {.batch = batch};
    struct ax_graph *g = NULL;
    struct ax_error err = {0};
    if (ax_import(path, &opt, &g, &err)) {
        must(!g, "a graph came with an error", err.message);
        must(err.status != AX_OK && err.message[0], "an error without a message", "");
        must(err.status != AX_INTERNAL, "an internal error", err.message);
        return;
    }
    must(g != NULL, "no graph and no error", "");
    must(!ax_graph_verify(g, &err), "the graph does not verify", err.message);
    ax_graph_free(g);
}

static void import_tensor(const char *path)
{
    struct ax_arena arena;
    struct ax_error err;
    enum ax_dtype t;
    struct ax_shape s;
    void *p;
    char *name;
    ax_arena_init(&arena);
    ax_import_tensor(path, &arena, &name, &t, &s, &p, &err);
    ax_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || (bytes && write(fd, data, bytes) != (ssize_t)bytes)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    import_model(path, 0);
    import_model(path, 1);
    import_tensor(path);
    close(fd);
    return 0;
}

/* -- seeds: small models that reach most of the importer -- */

static void network(struct model *m, int opset)
{
    model_begin(m, opset);
    model_input(m, "x", "Nx3x8x8");
    model_floats(m, "w", "4x3x3x3", NULL);
    model_floats(m, "b", "4", NULL);
    model_floats(m, "two", "4", (const float[]){1, 1, 2, 2});
    model_floats(m, "fc", "64x16", NULL);
    MODEL_LONGS(m, "flat", 0, -1);
    model_node(m, "Conv", "x,w,b", "c", "auto_pad='SAME_UPPER'; strides=[2,2]");
    model_node(m, "BatchNormalization", "c,b,b,b,b", "n", "epsilon=0.001");
    model_node(m, "Relu", "n", "r", "");
    model_node(m, "MaxPool", "r", "p", "kernel_shape=[2,2]; strides=[2,2]; ceil_mode=1");
    model_node(m, opset < 10 ? "Upsample" : "Resize", opset < 11 ? "p,two" : "p,,two", "u", "mode='nearest'");
    model_node(m, "Add", "u,r", "a", "");
    model_node(m, "Reshape", "a,flat", "f", "");
    model_node(m, "MatMul", "f,fc", "g", "");
    model_node(m, "Softmax", "g", "y", "axis=1");
    model_output(m, "y");
}

static void shapes(struct model *m)
{
    model_begin(m, 13);
    model_input(m, "x", "2x3x4");
    MODEL_LONG(m, "zero", 0);
    MODEL_LONGS(m, "axes", 0);
    MODEL_LONGS(m, "rest", -1);
    MODEL_LONGS(m, "from", 0, 1);
    MODEL_LONGS(m, "to", 2, 3);
    MODEL_LONGS(m, "pads", 0, 1, 0, 1);
    MODEL_LONGS(m, "repeat", 2, 1);
    model_node(m, "Shape", "x", "s", "");
    model_node(m, "Gather", "s,zero", "n", "axis=0");
    model_node(m, "Unsqueeze", "n,axes", "n1", "");
    model_node(m, "Concat", "n1,rest", "shape", "axis=0");
    model_node(m, "Reshape", "x,shape", "r", "");
    model_node(m, "Slice", "r,from,to", "l", "");
    model_node(m, "Pad", "l,pads", "p", "mode='reflect'");
    model_node(m, "Tile", "p,repeat", "t", "");
    model_node(m, "Split", "t", "a,b", "axis=0");
    model_node(m, "Transpose", "b", "y", "perm=[1,0]");
    model_node(m, "ReduceMean", "a", "z", "axes=[-1]; keepdims=0");
    model_output(m, "y");
    model_output(m, "z");
}

static void quantized(struct model *m)
{
    model_begin(m, 13);
    m->extra_domain = "com.microsoft";
    model_input(m, "x", "1x2x4x4");
    model_floats(m, "s", "scalar", (const float[]){0.5f});
    model_raw(m, "z", MODEL_UINT8, "scalar", "\x80", 1);
    model_raw(m, "w", MODEL_UINT8, "2x2x1x1", "\x01\x02\x03\x04", 4);
    model_raw(m, "b", MODEL_INT32, "2", "\x01\0\0\0\x02\0\0\0", 8);
    model_node(m, "QuantizeLinear", "x,s,z", "q", "");
    model_node(m, "QLinearConv", "q,s,z,w,s,z,s,z,b", "c", "");
    model_node(m, "com.microsoft:QLinearAdd", "c,s,z,q,s,z,s,z", "d", "");
    model_node(m, "DequantizeLinear", "d,s,z", "f", "");
    model_node(m, "DynamicQuantizeLinear", "f", "dq,ds,dz", "");
    model_node(m, "ConvInteger", "dq,w,dz,z", "i", "");
    model_node(m, "Cast", "i", "fi", "to=1");
    model_node(m, "Mul", "fi,ds", "y", "");
    model_output(m, "y");
}

static void conditional(struct model *m)
{
    struct bytes node = {0}, a = {0};
    model_begin(m, 13);
    model_input(m, "x", "2x2");
    model_raw(m, "yes", MODEL_BOOL, "scalar", "\x01", 1);
    put_text(&node, 1, "yes");
    put_text(&node, 2, "y");
    put_text(&node, 4, "If");
    model_branch(&a, "then_branch", "Relu");
    put_message(&node, 5, &a);
    model_branch(&a, "else_branch", "Sigmoid");
    put_message(&node, 5, &a);
    put_message(&m->graph, 1, &node);
    model_output(m, "y");
}

static void old(struct model *m)
{
    model_begin(m, 6);
    m->ir = 3;
    model_input(m, "x", "2x3x4");
    model_input(m, "b", "3");
    model_floats(m, "b", "3", NULL);
    model_node(m, "Add", "x,b", "y", "broadcast=1; axis=1");
    model_node(m, "Clip", "y", "z", "min=0.0; max=6.0");
    model_output(m, "z");
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    struct model m;
    switch (i) {
    case 0: network(&m, 9); break;
    case 1: network(&m, 20); break;
    case 2: shapes(&m); break;
    case 3: quantized(&m); break;
    case 4: conditional(&m); break;
    case 5: old(&m); break;
    default: return NULL;
    }
    struct bytes b = model_bytes(&m);
    *bytes = b.n;
    return b.p;
}
