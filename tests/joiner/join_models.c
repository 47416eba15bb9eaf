/* Small ONNX models for the tests of axjoin, written into a folder: join_models DIR. And a compiled model that is not what it
 * says, so that a proof has something to find: join_models A.axmodel B.axmodel OUT writes A's program beside B's graph. */
#include "files/axmodel.h"
#include "lower/unpack.h"
#include "onnx_model.h"

static const char *folder;

static const char *place(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    return path;
}

/* x -> conv (weights times `gain`) -> relu -> y. */
static void small(const char *name, int opset, const char *x, const char *in, const char *w, float gain, const char *y)
{
    struct model m;
    float weights[4 * 3 * 9];
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s,w", x);
    for (int i = 0; i < 4 * 3 * 9; i++) weights[i] = gain * (float)(i % 7 - 3);
    model_begin(&m, opset);
    model_input(&m, x, in);
    model_floats(&m, "w", w, weights);
    model_node(&m, "Conv", inputs, "c", "pads=[1,1,1,1]");
    model_node(&m, "Relu", "c", y, "");
    model_output(&m, y);
    model_save(&m, place(name));
}

/* Two inputs: a picture and a number a channel. */
static void with_gain(void)
{
    struct model m;
    model_begin(&m, 13);
    model_input(&m, "x", "1x3x8x8");
    model_input(&m, "gain", "1x3x1x1");
    model_node(&m, "Mul", "x,gain", "y", "");
    model_node(&m, "Sigmoid", "y", "z", "");
    model_output(&m, "y");
    model_output(&m, "z");
    model_save(&m, place("gain"));
}

static int mix(const char *a, const char *b, const char *out)
{
    struct ax_error err;
    struct ax_axmodel *x = NULL, *y = NULL;
    struct ax_graph *g = NULL;
    int bad = ax_axmodel_open(a, 0, &x, &err) || ax_axmodel_open(b, 0, &y, &err) ||
              ax_axmodel_graph(y, ax_lower_unpack, NULL, &g, &err);
    if (!bad) {
        int *packed = calloc((size_t)g->n_values + 1, sizeof *packed);
        for (int v = 0; v < g->n_values; v++) packed[v] = -1;
        struct ax_axmodel_contents c = {.program = x->program, .graph = g, .meta = "{}", .packed_operand = packed};
        bad = ax_axmodel_write(out, &c, &err);
        free(packed);
    }
    if (bad) fprintf(stderr, "%s\n", err.message);
    ax_graph_free(g);
    ax_axmodel_close(x);
    ax_axmodel_close(y);
    return bad;
}

int main(int argc, char **argv)
{
    if (argc == 4) return mix(argv[1], argv[2], argv[3]);
    if (argc != 2) return 2;
    folder = argv[1];
    small("a", 13, "x", "1x3x8x8", "4x3x3x3", 0.05f, "y");
    small("b", 7, "x", "1x3x8x8", "4x3x3x3", 0.03f, "y");
    small("other", 13, "data", "1x3x8x8", "4x3x3x3", 0.07f, "out");
    small("keeps", 13, "x", "1x3x8x8", "3x3x3x3", 0.01f, "y");
    small("wide", 13, "x", "1x3x8x16", "4x3x3x3", 0.05f, "y");
    with_gain();
    return 0;
}
