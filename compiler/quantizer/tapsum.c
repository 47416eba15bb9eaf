/* Means of a weighted layer's output without running the layer: the layer is linear, so the mean of its output is its weights
 * times the mean of its input at each tap. Taps differ only at the borders and, with strides, by parity; the sum over a row is
 * taken once for each residue class of the columns and corrected at the ends, which costs about one addition an element.
 *
 * Works on what the step reads: PLAIN float32 (the float program) or PLANES int8 (the int8 program); a padding pixel is a real
 * zero in both. Int8 inputs with a scale for each channel count in steps, because the weights have absorbed those scales. For
 * ConvTranspose every tap sees every input pixel (the cropped border is neglected, on both sides alike). */
#include <stdlib.h>
#include <string.h>

#include "program/steps.h"
#include "quantizer/internal.h"

struct geometry {
    int kh, kw, sh, sw, dh, dw, pt, pl;
    int64_t oh, ow;
};

static struct geometry geometry(const struct ax_step *s, const struct ax_program *p)
{
    const struct ax_conv_params *c = s->params;
    const struct ax_operand *y = &p->operands[s->out[0]];
    int64_t oh = y->layout == AX_LAYOUT_PLANES ? y->h : y->rank == 4 ? y->dim[1] : 1;
    int64_t ow = y->layout == AX_LAYOUT_PLANES ? y->w : y->rank == 4 ? y->dim[2] : y->rank == 3 ? y->dim[1] : 1;
    return (struct geometry){c->kh,         c->kw,      c->stride_h, c->stride_w, c->dilation_h,
                             c->dilation_w, c->pad_top, c->pad_left, oh,          ow};
}

void ax_tapsum_init(struct ax_tapsum *t, struct ax_arena *a, const struct ax_graph *g, const struct ax_node *n)
{
    const struct ax_shape *x = &g->values[n->inputs[0]].shape, *w = &g->values[n->inputs[1]].shape;
    int conv = n->op == AX_OP_CONV;
    t->kh = conv ? (int)w->dim[2] : 1;
    t->kw = conv ? (int)w->dim[3] : 1;
    t->channels = (int)x->dim[x->rank - 1];
    t->sum = AX_NEW(a, double, (size_t)t->kh *(size_t)t->kw *(size_t)t->channels);
    t->count = 0;
}

/* Adds a row of one pixel's channels. */
static inline void add_f32(double *restrict sum, const float *restrict x, int c, double sign)
{
    for (int i = 0; i < c; i++) sum[i] += sign * (double)x[i];
}

static inline void add_s8(int32_t *restrict sum, const int8_t *restrict x, int c, int32_t sign)
{
    for (int i = 0; i < c; i++) sum[i] += sign * x[i];
}

/* Which columns tap kx reads: x = ox * sw - pl + kx * dw for ox in [0, ow) inside [0, w). First, and how many. */
static int64_t columns(const struct geometry *g, int kx, int64_t w, int64_t *first)
{
    int64_t off = kx * g->dw - g->pl, o0 = off < 0 ? (-off + g->sw - 1) / g->sw : 0;
    int64_t last = w - 1 - off;
    int64_t o1 = last < 0 ? 0 : last / g->sw + 1;
    if (o1 > g->ow) o1 = g->ow;
    *first = o0 * g->sw + off;
    return o1 > o0 ? o1 - o0 : 0;
}

/* For each kx the sum over its columns of a row: class sums by residue modulo the stride, minus what lies outside. */
AX_WIDE static void row_f32(const struct geometry *g, const float *row, int64_t w, int c, double *class_sum, double *out)
{
    memset(class_sum, 0, sizeof(double) * (size_t)(g->sw * c));
    for (int64_t x = 0; x < w; x++) add_f32(class_sum + (x % g->sw) * c, row + x * c, c, 1);
    for (int kx = 0; kx < g->kw; kx++) {
        int64_t first, n = columns(g, kx, w, &first);
        double *o = out + (size_t)kx * (size_t)c;
        memset(o, 0, sizeof(double) * (size_t)c);
        if (!n) continue;
        int64_t r = first % g->sw, end = first + n * g->sw;
        memcpy(o, class_sum + r * c, sizeof(double) * (size_t)c);
        for (int64_t x = r; x < first; x += g->sw) add_f32(o, row + x * c, c, -1);
        for (int64_t x = end; x < w; x += g->sw) add_f32(o, row + x * c, c, -1);
    }
}

/* The same for one plane of int8; zero points are taken off by the number of columns. */
AX_WIDE static void row_s8(const struct geometry *g, const int8_t *row, int64_t stride, int64_t w, int c,
                           const struct ax_quant *q, int c0, int32_t *class_sum, double *out, int channels)
{
    int32_t s[AX_PLANE_CHANNELS * 4];
    memset(class_sum, 0, sizeof(int32_t) * (size_t)(g->sw * c));
    for (int64_t x = 0; x < w; x++) add_s8(class_sum + (x % g->sw) * c, row + x * stride, c, 1);
    for (int kx = 0; kx < g->kw; kx++) {
        int64_t first, n = columns(g, kx, w, &first);
        double *o = out + (size_t)kx * (size_t)channels + c0;
        memset(o, 0, sizeof(double) * (size_t)c);
        if (!n) continue;
        int64_t r = first % g->sw, end = first + n * g->sw;
        memcpy(s, class_sum + r * c, sizeof(int32_t) * (size_t)c);
        for (int64_t x = r; x < first; x += g->sw) add_s8(s, row + x * stride, c, -1);
        for (int64_t x = end; x < w; x += g->sw) add_s8(s, row + x * stride, c, -1);
        for (int i = 0; i < c; i++) {
            int k = q->count > 1 ? c0 + i : 0;
            o[i] = ((double)s[i] - (double)n * q->zero_point[k]) * (q->count > 1 ? 1.0 : (double)q->scale[0]);
        }
    }
}

/* Adds a row's sums to every tap row that reads it. */
static void spread(struct ax_tapsum *t, const struct geometry *g, int64_t y, const double *sums)
{
    size_t width = (size_t)g->kw * (size_t)t->channels;
    for (int ky = 0; ky < g->kh; ky++) {
        int64_t at = y - (int64_t)ky * g->dh + g->pt;
        if (at < 0 || at % g->sh || at / g->sh >= g->oh) continue;
        double *to = t->sum + (size_t)ky * width;
        for (size_t i = 0; i < width; i++) to[i] += sums[i];
    }
}

static void dims(const struct ax_operand *o, int64_t *n, int64_t *h, int64_t *w)
{
    if (o->layout == AX_LAYOUT_PLANES) {
        *n = o->n, *h = o->h, *w = o->w;
        return;
    }
    int64_t all = 1;
    for (int i = 0; i < o->rank - 1; i++) all *= o->dim[i];
    *n = o->rank == 4 ? o->dim[0] : 1;
    *h = o->rank == 4 ? o->dim[1] : 1;
    *w = o->rank == 4 ? o->dim[2] : all;
}

static const uint8_t *space_of(const struct ax_program *p, const struct ax_operand *o, const uint8_t *arena)
{
    return o->space == AX_SPACE_CONST ? p->const_data : arena;
}

void ax_tapsum_add(struct ax_tapsum *t, const struct ax_program *p, const struct ax_step *s, const uint8_t *arena)
{
    const struct ax_operand *x = &p->operands[s->in[0]];
    const uint8_t *base = space_of(p, x, arena);
    struct geometry g = geometry(s, p);
    int64_t n, h, w;
    dims(x, &n, &h, &w);
    if (s->kind == AX_STEP_CONVT_F32 || s->kind == AX_STEP_CONVT_S8 || t->kh * t->kw == 1)
        if (s->kind != AX_STEP_CONV_F32 && s->kind != AX_STEP_CONV_S8 && s->kind != AX_STEP_DWCONV_F32 &&
            s->kind != AX_STEP_DWCONV_S8)
            g = (struct geometry){1, 1, 1, 1, 1, 1, 0, 0, h, w};
    if (x->rank != 4) g = (struct geometry){1, 1, 1, 1, 1, 1, 0, 0, h, w};
    double *sums = calloc((size_t)g.kw * (size_t)t->channels, sizeof *sums);
    double *classes = calloc((size_t)g.sw * (size_t)t->channels, sizeof *classes);
    int32_t *classes8 = calloc((size_t)g.sw * (size_t)t->channels, sizeof *classes8);
    for (int64_t image = 0; image < n; image++) {
        for (int64_t y = 0; y < h; y++) {
            if (x->layout == AX_LAYOUT_PLAIN)
                row_f32(&g, (const float *)(const void *)(base + x->offset) + ((image * h + y) * w) * t->channels, w,
                        t->channels, classes, sums);
            else
                for (int k = 0, c0 = 0; k < x->n_planes; c0 += x->planes[k++].channels) {
                    const struct ax_plane *pl = &x->planes[k];
                    row_s8(&g, (const int8_t *)base + pl->offset + image * pl->image_stride + y * pl->row_stride,
                           pl->pixel_stride, w, pl->channels, &x->quant, c0, classes8, sums, t->channels);
                }
            spread(t, &g, y, sums);
        }
        t->count += (double)(g.oh * g.ow);
    }
    free(sums);
    free(classes);
    free(classes8);
}

void ax_tapsum_join(struct ax_tapsum *t, const struct ax_tapsum *other)
{
    int64_t n = (int64_t)t->kh * t->kw * t->channels;
    for (int64_t i = 0; i < n; i++) t->sum[i] += other->sum[i];
    t->count += other->count;
}

static double weight_at(const struct ax_value *w, int64_t i)
{
    return w->dtype == AX_DTYPE_INT8 ? (double)((const int8_t *)w->data)[i] : (double)((const float *)w->data)[i];
}

void ax_tapsum_mean(const struct ax_tapsum *t, const struct ax_node *n, const struct ax_value *w, double *mean)
{
    int64_t groups = ax_node_int(n, "group", 1), taps = (int64_t)t->kh * t->kw;
    if (n->op == AX_OP_MATMUL || n->op == AX_OP_CONV_TRANSPOSE) {
        /* MatMul [K, N]; ConvTranspose [C, M / group, kh, kw]: all taps of an input channel see its sum */
        int64_t per = w->shape.dim[1], in = w->shape.dim[0] / groups, inner = 1;
        for (int i = 2; i < w->shape.rank; i++) inner *= w->shape.dim[i];
        for (int64_t m = 0; m < per * groups; m++) {
            double sum = 0;
            for (int64_t c = 0; c < in; c++)
                for (int64_t k = 0; k < inner; k++) {
                    int64_t channel = m / per * in + c;
                    sum += weight_at(w, (channel * per + m % per) * inner + k) * t->sum[channel];
                }
            mean[m] = sum / t->count;
        }
        return;
    }
    int64_t out = w->shape.dim[0], in = w->shape.dim[1], per = out / groups;
    for (int64_t m = 0; m < out; m++) {
        double sum = 0;
        for (int64_t c = 0; c < in; c++)
            for (int64_t k = 0; k < taps; k++)
                sum += weight_at(w, (m * in + c) * taps + k) * t->sum[k * t->channels + m / per * in + c];
        mean[m] = sum / t->count;
    }
}
