/* QUANTIZE and DEQUANTIZE between PLAIN float32 and PLAIN integers or PLANES int8. */
#include <math.h>

#include "kernels/cpu.h"
#include "kernels/lines.h"
#include "kernels/plain.h"
#include "kernels/rows.h"

/* One operand of integers with its constants; scale and zero have one entry or one a channel. */
struct scales {
    const float *scale;
    const int32_t *zero;
    int64_t count;
};

static struct scales scales_of(const struct ax_task *t)
{
    return (struct scales){(const float *)t->in_data[1], (const int32_t *)t->in_data[2], ax_count(t->in[1])};
}

/* -- PLANES: a pixel's channels are consecutive floats -- */

static void plane_pixel(const struct ax_rows *rows, const struct scales *s, const struct ax_plane *p, int64_t first, int8_t *q,
                        float *x, int quantizing)
{
    int many = s->count > 1;
    const float *scale = s->scale + (many ? first : 0);
    const int32_t *zero = s->zero + (many ? first : 0);
    if (quantizing && many)
        rows->quantize_s8_each(x, q, p->channels, scale, zero);
    else if (quantizing)
        rows->quantize_s8(x, q, p->channels, *scale, *zero);
    else if (many)
        rows->dequantize_s8_each(q, x, p->channels, scale, zero);
    else
        rows->dequantize_s8(q, x, p->channels, *scale, *zero);
}

/* A narrow plane (a picture's three channels): whole rows are quantized, then spread over the pixels. */
static void narrow_row(const struct ax_rows *rows, const struct scales *s, const struct ax_plane *p, int64_t width,
                       const float *x, int8_t *q)
{
    enum { LINE = 768 };
    int8_t line[LINE];
    int c = p->channels;
    int64_t most = LINE / c;
    for (int64_t k = 0; k < width; k += most) {
        int64_t n = width - k < most ? width - k : most;
        rows->quantize_s8(x + k * c, line, (int)(n * c), *s->scale, *s->zero);
        for (int64_t i = 0; i < n; i++)
            for (int j = 0; j < c; j++) q[(k + i) * p->pixel_stride + j] = line[i * c + j];
    }
}

static void planes_rows(const struct ax_task *t, const struct ax_rows *rows, const struct ax_operand *o, uint8_t *space,
                        float *plain, int quantizing)
{
    struct scales s = scales_of(t);
    int64_t from, to;
    int narrow = quantizing && s.count == 1 && o->n_planes == 1 && o->planes[0].channels <= 8;
    ax_share(o->n * o->h, 1, t->thread, t->threads, &from, &to);
    for (int64_t r = from; r < to; r++) {
        int64_t first = 0, image = r / o->h, y = r % o->h;
        for (int i = 0; i < o->n_planes; first += o->planes[i].channels, i++) {
            const struct ax_plane *p = &o->planes[i];
            uint8_t *q = space + p->offset + image * p->image_stride + y * p->row_stride;
            float *x = plain + r * o->w * o->c + first;
            if (narrow) narrow_row(rows, &s, p, o->w, x, (int8_t *)q);
            for (int64_t k = 0; k < o->w && !narrow; k++)
                plane_pixel(rows, &s, p, first, (int8_t *)q + k * p->pixel_stride, x + k * o->c, quantizing);
        }
        if (quantizing) ax_planes_fill_halo(o, space, image, y, y + 1);
    }
}

/* -- PLAIN of any integer -- */

static void store_clamped(enum ax_dtype t, uint8_t *data, int64_t i, double v)
{
    switch (t) {
    case AX_DTYPE_INT8: ((int8_t *)data)[i] = (int8_t)(v > -128 ? v < 127 ? v : 127 : -128); break;
    case AX_DTYPE_UINT8: data[i] = (uint8_t)(v > 0 ? v < 255 ? v : 255 : 0); break;
    case AX_DTYPE_INT16: ((int16_t *)data)[i] = (int16_t)(v > -32768 ? v < 32767 ? v : 32767 : -32768); break;
    case AX_DTYPE_UINT16: ((uint16_t *)data)[i] = (uint16_t)(v > 0 ? v < 65535 ? v : 65535 : 0); break;
    default: ((int32_t *)data)[i] = (int32_t)(v > -2147483648.0 ? v < 2147483647.0 ? v : 2147483647.0 : -2147483648.0);
    }
}

static int64_t load_int(enum ax_dtype t, const uint8_t *data, int64_t i)
{
    switch (t) {
    case AX_DTYPE_INT8: return ((const int8_t *)data)[i];
    case AX_DTYPE_INT16: return ((const int16_t *)data)[i];
    case AX_DTYPE_UINT16: return ((const uint16_t *)data)[i];
    case AX_DTYPE_INT32: return ((const int32_t *)data)[i];
    default: return data[i];
    }
}

static void plain_all(const struct ax_task *t, const struct ax_rows *rows, const struct ax_operand *o, int quantizing)
{
    struct scales s = scales_of(t);
    uint8_t *q = quantizing ? t->out_data[0] : t->in_data[0];
    float *x = (float *)(quantizing ? t->in_data[0] : t->out_data[0]);
    int64_t inner = 1, from, to, axis = s.count > 1 && o->quant.count > 1 ? o->quant.axis : o->rank - 1;
    for (int64_t d = axis + 1; d < o->rank; d++) inner *= o->dim[d];
    ax_share(ax_count(o), 64, t->thread, t->threads, &from, &to);
    if (o->dtype == AX_DTYPE_INT8 && s.count == 1) {
        if (quantizing)
            rows->quantize_s8(x + from, (int8_t *)q + from, to - from, *s.scale, *s.zero);
        else
            rows->dequantize_s8((const int8_t *)q + from, x + from, to - from, *s.scale, *s.zero);
        return;
    }
    for (int64_t i = from; i < to; i++) {
        int64_t c = s.count > 1 ? i / inner % s.count : 0;
        if (quantizing)
            store_clamped(o->dtype, q, i, (double)rintf(x[i] / s.scale[c]) + s.zero[c]);
        else
            x[i] = (float)(load_int(o->dtype, q, i) - s.zero[c]) * s.scale[c];
    }
}

static void quantize_with(const struct ax_task *t, uint32_t cpu)
{
    const struct ax_operand *y = t->out[0];
    if (y->layout == AX_LAYOUT_PLANES)
        planes_rows(t, ax_rows_find(cpu), y, t->out_data[0], (float *)t->in_data[0], 1);
    else
        plain_all(t, ax_rows_find(cpu), y, 1);
}

static void dequantize_with(const struct ax_task *t, uint32_t cpu)
{
    const struct ax_operand *x = t->in[0];
    if (x->layout == AX_LAYOUT_PLANES)
        planes_rows(t, ax_rows_find(cpu), x, t->in_data[0], (float *)t->out_data[0], 0);
    else
        plain_all(t, ax_rows_find(cpu), x, 0);
}

static void quantize_run(const struct ax_task *t)
{
    quantize_with(t, 0);
}
static void dequantize_run(const struct ax_task *t)
{
    dequantize_with(t, 0);
}
AX_PLAIN_KERNEL(QUANTIZE, quantize_scalar, .run = quantize_run);
AX_PLAIN_KERNEL(DEQUANTIZE, dequantize_scalar, .run = dequantize_run);

#if defined(__x86_64__)
static void quantize_avx2_run(const struct ax_task *t)
{
    quantize_with(t, AX_CPU_AVX2);
}
static void dequantize_avx2_run(const struct ax_task *t)
{
    dequantize_with(t, AX_CPU_AVX2);
}
extern const struct ax_kernel ax_kernel_quantize_avx2, ax_kernel_dequantize_avx2;
const struct ax_kernel ax_kernel_quantize_avx2 = {
    .kind = AX_STEP_QUANTIZE, .name = "quantize_avx2", .cpu = AX_CPU_AVX2, .run = quantize_avx2_run};
const struct ax_kernel ax_kernel_dequantize_avx2 = {
    .kind = AX_STEP_DEQUANTIZE, .name = "dequantize_avx2", .cpu = AX_CPU_AVX2, .run = dequantize_avx2_run};
#endif
