/* CAST: floats to integers truncate and saturate, NaN is 0; integers wrap; anything but 0 is true. */
#include "kernels/lines.h"
#include "kernels/plain.h"

enum { PART = 256 };

#define READ(T, to)                                                                                                            \
    for (int64_t i = 0; i < n; i++) (to)[i] = ((const T *)x)[at + i];                                                          \
    return

static void read_ints(enum ax_dtype t, const void *x, int64_t at, int64_t n, int64_t *v)
{
    switch (t) {
    case AX_DTYPE_INT8: READ(int8_t, v);
    case AX_DTYPE_INT16: READ(int16_t, v);
    case AX_DTYPE_UINT16: READ(uint16_t, v);
    case AX_DTYPE_INT32: READ(int32_t, v);
    case AX_DTYPE_UINT32: READ(uint32_t, v);
    case AX_DTYPE_INT64: READ(int64_t, v);
    case AX_DTYPE_UINT64:
        for (int64_t i = 0; i < n; i++) v[i] = (int64_t)((const uint64_t *)x)[at + i];
        return;
    default: READ(uint8_t, v);
    }
}

static int64_t saturated(float f, double low, double high)
{
    if (f != f) return 0;
    if ((double)f <= low) return (int64_t)low;
    return (double)f >= high ? (high >= 9223372036854775807.0 ? INT64_MAX : (int64_t)high) : (int64_t)f;
}

static void limits(enum ax_dtype t, double *low, double *high)
{
    int bits = (int)ax_dtype_bytes(t) * 8;
    int is_unsigned = t == AX_DTYPE_UINT8 || t == AX_DTYPE_UINT16 || t == AX_DTYPE_UINT32 || t == AX_DTYPE_UINT64;
    double whole = bits == 64 ? 9223372036854775808.0 : (double)(1ull << (bits - 1));
    *low = is_unsigned ? 0 : -whole;
    *high = bits == 64 ? whole : (is_unsigned ? 2 * whole : whole) - 1;
}

static void floats_to_ints(const float *x, int64_t n, enum ax_dtype to, int64_t *v)
{
    double low, high;
    if (to == AX_DTYPE_BOOL) {
        for (int64_t i = 0; i < n; i++) v[i] = x[i] != 0;
        return;
    }
    limits(to, &low, &high);
    for (int64_t i = 0; i < n; i++) v[i] = saturated(x[i], low, high);
}

#define WRITE(T)                                                                                                               \
    for (int64_t i = 0; i < n; i++) ((T *)y)[at + i] = (T)v[i];                                                                \
    return

static void write_ints(enum ax_dtype t, void *y, int64_t at, int64_t n, const int64_t *v)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: WRITE(float);
    case AX_DTYPE_INT8:
    case AX_DTYPE_UINT8: WRITE(uint8_t);
    case AX_DTYPE_INT16:
    case AX_DTYPE_UINT16: WRITE(uint16_t);
    case AX_DTYPE_INT32:
    case AX_DTYPE_UINT32: WRITE(uint32_t);
    case AX_DTYPE_BOOL:
        for (int64_t i = 0; i < n; i++) ((uint8_t *)y)[at + i] = v[i] != 0;
        return;
    default: WRITE(int64_t);
    }
}

static void run(const struct ax_task *t)
{
    enum ax_dtype from_type = t->in[0]->dtype, to_type = t->out[0]->dtype;
    const float *x = (const float *)t->in_data[0];
    int64_t from, to;
    ax_share(ax_count(t->out[0]), 64, t->thread, t->threads, &from, &to);
    for (int64_t at = from; at < to; at += PART) {
        int64_t v[PART], n = to - at < PART ? to - at : PART;
        if (from_type == AX_DTYPE_FLOAT32 && to_type == AX_DTYPE_FLOAT32) {
            for (int64_t i = 0; i < n; i++) ((float *)t->out_data[0])[at + i] = x[at + i];
            continue;
        }
        if (from_type == AX_DTYPE_FLOAT32)
            floats_to_ints(x + at, n, to_type, v);
        else
            read_ints(from_type, x, at, n, v);
        write_ints(to_type, t->out_data[0], at, n, v);
    }
}

AX_PLAIN_KERNEL(CAST, cast, .run = run);
