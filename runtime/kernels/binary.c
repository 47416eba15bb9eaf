/* BINARY for what vectors do not do: integers and truth values, comparisons, powers and remainders. */
#include <math.h>

#include "kernels/lines.h"
#include "kernels/plain.h"
#include "kernels/power.h"

struct line {
    const void *a, *b;
    void *y;
    int64_t n, a_step, b_step;
};

#define EACH(T, Y, expression)                                                                                                 \
    for (int64_t i = 0; i < l->n; i++) {                                                                                       \
        T a = ((const T *)l->a)[i * l->a_step], b = ((const T *)l->b)[i * l->b_step];                                          \
        ((Y *)l->y)[i] = (Y)(expression);                                                                                      \
    }                                                                                                                          \
    return

#define COMPARE(T)                                                                                                             \
    case AX_BINARY_EQUAL: EACH(T, uint8_t, a == b);                                                                            \
    case AX_BINARY_LESS: EACH(T, uint8_t, a < b);                                                                              \
    case AX_BINARY_LESS_OR_EQUAL: EACH(T, uint8_t, a <= b);                                                                    \
    case AX_BINARY_GREATER: EACH(T, uint8_t, a > b);                                                                           \
    case AX_BINARY_GREATER_OR_EQUAL: EACH(T, uint8_t, a >= b)

/* As Python's: the result has the divisor's sign. */
static float mod_float(float a, float b)
{
    float r = fmodf(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t mod_int(int64_t a, int64_t b)
{
    if (b == 0 || b == -1) return 0;
    int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t fmod_int(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t div_int(int64_t a, int64_t b)
{
    if (b == 0) return 0;
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t pow_int(int64_t a, int64_t b)
{
    uint64_t r = 1, x = (uint64_t)a;
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
    for (; b; b >>= 1, x *= x)
        if (b & 1) r *= x;
    return (int64_t)r;
}

static void line_float(int op, const struct line *l)
{
    switch (op) {
        COMPARE(float);
    case AX_BINARY_POW: EACH(float, float, ax_pow(a, b));
    case AX_BINARY_MOD: EACH(float, float, mod_float(a, b));
    case AX_BINARY_FMOD: EACH(float, float, fmodf(a, b));
    default: return;
    }
}

/* Integers of T, worked on as uint64 so that overflow wraps. */
#define INTEGER_LINE(name, T)                                                                                                  \
    static void name(int op, const struct line *l)                                                                             \
    {                                                                                                                          \
        switch (op) {                                                                                                          \
            COMPARE(T);                                                                                                        \
        case AX_BINARY_ADD: EACH(T, T, (uint64_t)a + (uint64_t)b);                                                             \
        case AX_BINARY_SUB: EACH(T, T, (uint64_t)a - (uint64_t)b);                                                             \
        case AX_BINARY_MUL: EACH(T, T, (uint64_t)a *(uint64_t)b);                                                              \
        case AX_BINARY_DIV: EACH(T, T, div_int((int64_t)a, (int64_t)b));                                                       \
        case AX_BINARY_POW: EACH(T, T, pow_int((int64_t)a, (int64_t)b));                                                       \
        case AX_BINARY_MIN: EACH(T, T, a < b ? a : b);                                                                         \
        case AX_BINARY_MAX: EACH(T, T, a > b ? a : b);                                                                         \
        case AX_BINARY_MOD: EACH(T, T, mod_int((int64_t)a, (int64_t)b));                                                       \
        case AX_BINARY_FMOD: EACH(T, T, fmod_int((int64_t)a, (int64_t)b));                                                     \
        case AX_BINARY_PRELU: EACH(T, T, a < 0 ? (uint64_t)a * (uint64_t)b : (uint64_t)a);                                     \
        case AX_BINARY_AND: EACH(T, T, a &&b);                                                                                 \
        case AX_BINARY_OR: EACH(T, T, a || b);                                                                                 \
        case AX_BINARY_XOR: EACH(T, T, !a != !b);                                                                              \
        default: return;                                                                                                       \
        }                                                                                                                      \
    }
INTEGER_LINE(line_i32, int32_t)
INTEGER_LINE(line_i64, int64_t)
INTEGER_LINE(line_i8, int8_t)
INTEGER_LINE(line_i16, int16_t)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
INTEGER_LINE(line_u8, uint8_t)
#pragma GCC diagnostic pop

typedef void (*line_fn)(int op, const struct line *l);

static line_fn line_of(enum ax_dtype t)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: return line_float;
    case AX_DTYPE_INT32: return line_i32;
    case AX_DTYPE_INT64: return line_i64;
    case AX_DTYPE_INT16: return line_i16;
    case AX_DTYPE_INT8: return line_i8;
    default: return line_u8; /* UINT8, BOOL */
    }
}

static void *prepare(const struct ax_program *p, const struct ax_step *s)
{
    return ax_lines_broadcast(p, s, 2);
}

static void run(const struct ax_task *t)
{
    const struct ax_binary_params *b = t->params;
    const struct ax_lines *l = t->state;
    struct ax_lines_part part = ax_lines_share(l, t->thread, t->threads);
    int64_t in = (int64_t)ax_dtype_bytes(t->in[0]->dtype), out = (int64_t)ax_dtype_bytes(t->out[0]->dtype);
    line_fn fn = line_of(t->in[0]->dtype);
    for (int64_t i = part.from; i < part.to; i++) {
        int64_t at[AX_LINES_MAX];
        ax_lines_at(l, i, at);
        struct line line = {t->in_data[0] + (at[1] + part.begin * l->step[1]) * in,
                            t->in_data[1] + (at[2] + part.begin * l->step[2]) * in,
                            t->out_data[0] + (at[0] + part.begin) * out,
                            part.end - part.begin,
                            l->step[1],
                            l->step[2]};
        fn(b->op, &line);
    }
}

AX_PLAIN_KERNEL(BINARY, binary, .prepare = prepare, .run = run);
