#include <math.h>
#include <stdlib.h>

#include "kernels/resize_s8.h"
#include "kernels/s8.h"

/* ONNX's coordinate of output position o, in double: sums, products and quotients only, so that all machines agree. */
static double coordinate(const struct ax_resize_params *p, int axis, int rank, int64_t o, int64_t in, int64_t out)
{
    double scale = p->scale[axis] > 0 ? p->scale[axis] : 1.0;
    switch ((enum ax_resize_coordinate)p->coordinate) {
    case AX_RESIZE_HALF_PIXEL: return ((double)o + 0.5) / scale - 0.5;
    case AX_RESIZE_HALF_PIXEL_SYMMETRIC: {
        double adjust = (double)out / (scale * (double)in), center = (double)in / 2;
        return center * (1 - adjust) + ((double)o + 0.5) / scale - 0.5;
    }
    case AX_RESIZE_PYTORCH_HALF_PIXEL: return out > 1 ? ((double)o + 0.5) / scale - 0.5 : 0.0;
    case AX_RESIZE_ALIGN_CORNERS: return out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0.0;
    case AX_RESIZE_ASYMMETRIC: return (double)o / scale;
    case AX_RESIZE_TF_CROP_AND_RESIZE: {
        double a = p->roi[axis], b = p->roi[rank + axis], last = (double)(in - 1);
        return out > 1 ? a * last + (double)o * (b - a) * last / (double)(out - 1) : 0.5 * (a + b) * last;
    }
    }
    return (double)o;
}

static struct resize_s8_tap tap_at(double x, int64_t in)
{
    double last = (double)(in - 1);
    if (!(x > 0)) x = 0;
    if (x > last) x = last;
    double low = floor(x);
    struct resize_s8_tap t = {(int32_t)low, (int32_t)low, (int32_t)rint((x - low) * RESIZE_S8_ONE)};
    if (t.a + 1 < in) t.b = t.a + 1;
    return t;
}

void *ax_resize_s8_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_operand *x = &p->operands[s->in[0]], *y = &p->operands[s->out[0]];
    const struct ax_resize_params *r = s->params;
    struct resize_s8_tap *taps = malloc((size_t)(y->h + y->w) * sizeof *taps);
    if (!taps) return NULL;
    for (int64_t i = 0; i < y->h; i++)
        taps[i] = tap_at(x->rank >= 4 ? coordinate(r, x->rank - 3, x->rank, i, x->h, y->h) : (double)i, x->h);
    for (int64_t i = 0; i < y->w; i++)
        taps[y->h + i] = tap_at(x->rank >= 3 ? coordinate(r, x->rank - 2, x->rank, i, x->w, y->w) : (double)i, x->w);
    return taps;
}
