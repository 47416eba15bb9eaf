/* Reading numbers out of constants. Data may lie in a mapped file at any address, so every element is copied out. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"

static double half_at(const unsigned char *p)
{
    uint16_t h;
    memcpy(&h, p, 2);
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double v = exponent == 31 ? (mantissa ? NAN : INFINITY)
               : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                              : ldexp(mantissa, -24);
    return h >> 15 ? -v : v;
}

#define READ(type)                                                                                                             \
    ({                                                                                                                         \
        type x_;                                                                                                               \
        memcpy(&x_, p, sizeof x_);                                                                                             \
        x_;                                                                                                                    \
    })

static double number_at(enum ax_dtype t, const unsigned char *p)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: return READ(float);
    case AX_DTYPE_FLOAT64: return READ(double);
    case AX_DTYPE_FLOAT16: return half_at(p);
    case AX_DTYPE_INT8: return READ(int8_t);
    case AX_DTYPE_BOOL:
    case AX_DTYPE_UINT8: return READ(uint8_t);
    case AX_DTYPE_INT16: return READ(int16_t);
    case AX_DTYPE_UINT16: return READ(uint16_t);
    case AX_DTYPE_INT32: return READ(int32_t);
    case AX_DTYPE_UINT32: return READ(uint32_t);
    case AX_DTYPE_INT64: return (double)READ(int64_t);
    case AX_DTYPE_UINT64: return (double)READ(uint64_t);
    case AX_DTYPE_NONE:
    case AX_DTYPE_COUNT: break;
    }
    return 0;
}

static int64_t integer_of(double x)
{
    if (isnan(x)) return 0;
    if (x >= 0x1p63) return INT64_MAX;
    return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

static const unsigned char *element(const struct ax_value *v, int64_t i)
{
    return (const unsigned char *)v->data + i * (int64_t)ax_dtype_bytes(v->dtype);
}

double ax_const_at(const struct ax_graph *g, int v, int64_t i)
{
    return number_at(g->values[v].dtype, element(&g->values[v], i));
}

int ax_const_ints(const struct ax_graph *g, int v, int64_t *out, int max)
{
    if (!ax_is_const(g, v)) return -1;
    const struct ax_value *c = &g->values[v];
    int64_t count = ax_shape_count(&c->shape);
    if (count < 0 || count > max) return -1;
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *p = element(c, i);
        out[i] = c->dtype == AX_DTYPE_INT64 ? READ(int64_t) : integer_of(number_at(c->dtype, p));
    }
    return (int)count;
}
