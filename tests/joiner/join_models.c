/* Small ONNX models for the tests of axjoin, written into a folder: join_models DIR. */
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

int main(int argc, char **argv)
{
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
