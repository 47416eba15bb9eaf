#include "kernels/power.h"
#include "media/post_step.h"

/* exp by the project's own arithmetic: the same digits on every machine. */
void ax_softmax(float *x, int64_t count, int64_t stride)
{
    const double log2_e = 1.4426950408889634;
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++) largest = x[i * stride] > largest ? x[i * stride] : largest;
    for (int64_t i = 0; i < count; i++) {
        double e = (x[i * stride] - largest) * log2_e;
        double v = e > -1000 ? ax_exp2(e) : 0;
        x[i * stride] = (float)v;
        sum += v;
    }
    for (int64_t i = 0; i < count; i++) x[i * stride] = (float)(x[i * stride] / sum);
}

enum ax_status ax_post_softmax(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                               struct ax_error *err)
{
    (void)r;
    char text[AX_SHAPE_TEXT];
    for (int t = 0; t < in->n_tensors; t++) {
        const struct ax_shape *shape = &in->tensors[t].shape;
        int axis = ax_step_int(s->step, "axis");
        axis += axis < 0 ? shape->rank : 0;
        if (axis < 0 || axis >= shape->rank)
            return ax_fail(err, AX_SHAPE, "softmax along axis %d: output '%s' is %s", ax_step_int(s->step, "axis"),
                           in->tensors[t].name, ax_shape_text(shape, text));
        int64_t inner = 1, count = shape->dim[axis], outer = 1;
        for (int i = 0; i < axis; i++) outer *= shape->dim[i];
        for (int i = axis + 1; i < shape->rank; i++) inner *= shape->dim[i];
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) ax_softmax(in->tensors[t].data + o * count * inner + i, count, inner);
    }
    return AX_OK;
}
