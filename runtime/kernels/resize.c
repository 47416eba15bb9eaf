/* Coordinates and weights as ONNX's Resize defines them, in binary64 and rounded once to binary32. */
#include "kernels/resize.h"

#include <math.h>
#include <stdlib.h>

static double source(const struct ax_resize_params *p, int d, int rank, int64_t o, int64_t in, int64_t out)
{
    double scale = p->scale[d], x = (double)o, adjust, start, end;
    switch (p->coordinate) {
    case AX_RESIZE_ALIGN_CORNERS: return out > 1 ? x * (double)(in - 1) / (double)(out - 1) : 0;
    case AX_RESIZE_ASYMMETRIC: return x / scale;
    case AX_RESIZE_PYTORCH_HALF_PIXEL: return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case AX_RESIZE_HALF_PIXEL_SYMMETRIC:
        adjust = (double)out / (scale * (double)in);
        return (double)in / 2 * (1 - adjust) + (x + 0.5) / scale - 0.5;
    case AX_RESIZE_TF_CROP_AND_RESIZE:
        start = p->roi[d], end = p->roi[rank + d];
        if (out > 1) return start * (double)(in - 1) + x * (end - start) * (double)(in - 1) / (double)(out - 1);
        return 0.5 * (start + end) * (double)(in - 1);
    default: return (x + 0.5) / scale - 0.5;
    }
}

static int64_t clamped(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static int64_t nearest(const struct ax_resize_params *p, double x)
{
    switch (p->nearest) {
    case AX_RESIZE_ROUND_PREFER_CEIL: return (int64_t)floor(x + 0.5);
    case AX_RESIZE_FLOOR: return (int64_t)floor(x);
    case AX_RESIZE_CEIL: return (int64_t)ceil(x);
    default: return (int64_t)ceil(x - 0.5);
    }
}

static double cubic(double t, double a)
{
    t = fabs(t);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static double filter(const struct ax_resize_params *p, double t)
{
    if (p->mode == AX_RESIZE_CUBIC) return cubic(t, p->cubic_a);
    t = fabs(t);
    return t < 1 ? 1 - t : 0;
}

/* How far the filter reaches on either side; wider when it also smooths before making smaller. */
static double reach(const struct ax_resize_params *p, int d)
{
    double r = p->mode == AX_RESIZE_CUBIC ? 2 : 1, scale = p->scale[d];
    return p->antialias && scale < 1 ? r / scale : r;
}

static int taps_of(const struct ax_resize_params *p, int d)
{
    if (p->mode == AX_RESIZE_NEAREST) return 1;
    return 2 * (int)ceil(reach(p, d));
}

static void weights_at(const struct ax_resize_params *p, int d, double x, int64_t in, int taps, int32_t *index, float *weight)
{
    double stretch = p->antialias && p->scale[d] < 1 ? p->scale[d] : 1, sum = 0;
    int64_t first = (int64_t)floor(x) - taps / 2 + 1;
    for (int k = 0; k < taps; k++) {
        int outside = first + k < 0 || first + k >= in;
        if (!(outside && p->exclude_outside)) sum += filter(p, (x - (double)(first + k)) * stretch);
    }
    for (int k = 0; k < taps; k++) {
        int outside = first + k < 0 || first + k >= in;
        double w = outside && p->exclude_outside ? 0 : filter(p, (x - (double)(first + k)) * stretch);
        index[k] = (int32_t)clamped(first + k, in);
        weight[k] = (float)(sum != 0 ? w / sum : 0);
    }
}

static void fill_axis(const struct ax_resize_params *p, int rank, int64_t in, int64_t out, struct ax_resize_axis *a,
                      int32_t *index, float *weight)
{
    for (int64_t o = 0; o < out; o++) {
        double x = source(p, a->dim, rank, o, in, out);
        int32_t *i = index + o * a->taps;
        float *w = weight + o * a->taps;
        if (p->mode == AX_RESIZE_NEAREST) {
            i[0] = (int32_t)clamped(nearest(p, x), in);
            w[0] = 1;
        } else {
            if (p->mode == AX_RESIZE_LINEAR && !p->antialias) x = x < 0 ? 0 : x > (double)(in - 1) ? (double)(in - 1) : x;
            weights_at(p, a->dim, x, in, a->taps, i, w);
        }
        if (p->coordinate == AX_RESIZE_TF_CROP_AND_RESIZE) {
            x = source(p, a->dim, rank, o, in, out);
            if (x < 0 || x > (double)(in - 1)) i[0] = -1;
        }
    }
}

void *ax_resize_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_resize_params *r = s->params;
    const struct ax_operand *x = &p->operands[s->in[0]], *y = &p->operands[s->out[0]];
    int64_t cells = 0;
    int crop = r->coordinate == AX_RESIZE_TF_CROP_AND_RESIZE;
    for (int d = 0; d < x->rank; d++) cells += y->dim[d] * taps_of(r, d);
    struct ax_resize_plan *plan = calloc(1, sizeof *plan + (size_t)cells * 8);
    if (!plan) return NULL;
    int32_t *index = (int32_t *)(plan + 1);
    float *weight = (float *)(index + cells);
    plan->inner = 1;
    for (int d = 0; d < x->rank; d++) {
        int whole = crop && (r->roi[d] != 0 || r->roi[x->rank + d] != 1);
        plan->inner *= y->dim[d];
        if (x->dim[d] == y->dim[d] && r->scale[d] == 1 && !whole) continue;
        struct ax_resize_axis *a = &plan->axis[plan->n_axes++];
        *a = (struct ax_resize_axis){d, taps_of(r, d), index, weight};
        fill_axis(r, x->rank, x->dim[d], y->dim[d], a, index, weight);
        index += y->dim[d] * a->taps;
        weight += y->dim[d] * a->taps;
        plan->inner = 1;
    }
    if (plan->n_axes == 0) { /* nothing changes: the last dimension is copied as it is */
        struct ax_resize_axis *a = &plan->axis[plan->n_axes++];
        int d = x->rank ? x->rank - 1 : 0;
        *a = (struct ax_resize_axis){d, 1, index, weight};
        for (int64_t o = 0; o < (x->rank ? y->dim[d] : 1); o++) index[o] = (int32_t)o, weight[o] = 1;
        plan->inner = 1;
    }
    return plan;
}
