/* Steps that move elements: COPY, TRANSPOSE, PAD, WHERE. Any type: only its size counts. */
#include <stdlib.h>
#include <string.h>

#include "kernels/lines.h"
#include "kernels/plain.h"

static int64_t size_of(const struct ax_operand *o)
{
    return (int64_t)ax_dtype_bytes(o->dtype);
}

#define STRIDED(T)                                                                                                             \
    for (int64_t i = 0; i < n; i++) ((T *)to)[i * to_step] = ((const T *)from)[i * from_step];                                 \
    break

static void copy_line(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t n, int64_t size)
{
    if (to_step == 1 && from_step == 1) {
        memcpy(to, from, (size_t)(n * size));
        return;
    }
    switch (size) {
    case 1: STRIDED(uint8_t);
    case 2: STRIDED(uint16_t);
    case 4: STRIDED(uint32_t);
    default: STRIDED(uint64_t);
    }
}

/* -- COPY -- */

static void *copy_prepare(const struct ax_program *p, const struct ax_step *s)
{
    (void)p;
    const struct ax_copy_params *c = s->params;
    struct ax_lines *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->rank = c->rank;
    l->tensors = 2;
    for (int d = 0; d < c->rank; d++) {
        l->dim[d] = c->count[d];
        l->stride[0][d] = c->out_stride[d];
        l->stride[1][d] = c->in_stride[d];
    }
    ax_lines_join(l);
    return l;
}

static void lines_copy(const struct ax_lines *l, struct ax_lines_part part, uint8_t *to, const uint8_t *from, int64_t size)
{
    for (int64_t i = part.from; i < part.to; i++) {
        int64_t at[AX_LINES_MAX];
        ax_lines_at(l, i, at);
        copy_line(to + (at[0] + part.begin * l->step[0]) * size, l->step[0], from + (at[1] + part.begin * l->step[1]) * size,
                  l->step[1], part.end - part.begin, size);
    }
}

static void copy_run(const struct ax_task *t)
{
    const struct ax_copy_params *c = t->params;
    const struct ax_lines *l = t->state;
    int64_t size = size_of(t->out[0]);
    lines_copy(l, ax_lines_share(l, t->thread, t->threads), t->out_data[0] + c->out_offset * size,
               t->in_data[0] + c->in_offset * size, size);
}

/* -- TRANSPOSE: where the input's contiguous dimension is not the output's, squares of the two are turned -- */

enum { SQUARE = 16 };

static void *transpose_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_transpose_params *perm = s->params;
    const struct ax_operand *x = &p->operands[s->in[0]];
    struct ax_lines *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    int64_t step[AX_MAX_RANK], n = 1;
    for (int d = x->rank - 1; d >= 0; n *= x->dim[d], d--) step[d] = n;
    l->rank = x->rank;
    l->tensors = 2;
    n = 1;
    for (int d = x->rank - 1; d >= 0; n *= l->dim[d], d--) {
        l->dim[d] = x->dim[perm->perm[d]];
        l->stride[1][d] = step[perm->perm[d]];
        l->stride[0][d] = n;
    }
    ax_lines_join(l);
    return l;
}

#define TURN(T)                                                                                                                \
    for (int64_t i = 0; i < rows; i++)                                                                                         \
        for (int64_t k = 0; k < cols; k++) ((T *)to)[i * to_row + k] = ((const T *)from)[i + k * from_col];                    \
    break

/* to[i][k] = from[k][i] */
static void turn(uint8_t *to, int64_t to_row, const uint8_t *from, int64_t from_col, int64_t rows, int64_t cols, int64_t size)
{
    switch (size) {
    case 1: TURN(uint8_t);
    case 2: TURN(uint16_t);
    case 4: TURN(uint32_t);
    default: TURN(uint64_t);
    }
}

static int contiguous_dim(const struct ax_lines *l)
{
    for (int d = 0; d < l->rank; d++)
        if (l->stride[1][d] == 1) return d;
    return -1;
}

static void turn_bands(const struct ax_lines *l, int d, int64_t band, int64_t bands, uint8_t *to, const uint8_t *from,
                       int64_t size)
{
    int64_t at = band % bands * SQUARE, rest = band / bands, o = 0, i = 0, last = l->rank - 1;
    for (int k = l->rank - 2; k >= 0; k--) {
        if (k == d) continue;
        o += rest % l->dim[k] * l->stride[0][k];
        i += rest % l->dim[k] * l->stride[1][k];
        rest /= l->dim[k];
    }
    int64_t rows = l->dim[d] - at < SQUARE ? l->dim[d] - at : SQUARE, n = l->dim[last];
    to += (o + at * l->stride[0][d]) * size;
    from += (i + at) * size;
    for (int64_t k = 0; k < n; k += SQUARE)
        turn(to + k * size, l->stride[0][d], from + k * l->stride[1][last] * size, l->stride[1][last], rows,
             n - k < SQUARE ? n - k : SQUARE, size);
}

static void transpose_run(const struct ax_task *t)
{
    const struct ax_lines *l = t->state;
    int d = contiguous_dim(l);
    int64_t size = size_of(t->out[0]), from, to;
    if (d < 0 || d == l->rank - 1) {
        lines_copy(l, ax_lines_share(l, t->thread, t->threads), t->out_data[0], t->in_data[0], size);
        return;
    }
    int64_t bands = (l->dim[d] + SQUARE - 1) / SQUARE;
    ax_share(l->count / l->dim[d] * bands, 1, t->thread, t->threads, &from, &to);
    for (int64_t b = from; b < to; b++) turn_bands(l, d, b, bands, t->out_data[0], t->in_data[0], size);
}

/* -- PAD -- */

static int64_t reflect(int64_t i, int64_t n)
{
    if (n == 1) return 0;
    int64_t period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

/* Which input element stands at i of a dimension of n; -1: the padding value. */
static int64_t pad_source(int64_t i, int64_t n, int mode)
{
    if (i >= 0 && i < n) return i;
    if (n == 0) return -1;
    switch (mode) {
    case AX_PAD_REFLECT: return reflect(i, n);
    case AX_PAD_EDGE: return i < 0 ? 0 : n - 1;
    case AX_PAD_WRAP: return (i % n + n) % n;
    default: return -1;
    }
}

static void pad_value(uint8_t *v, enum ax_dtype t, float value)
{
    int64_t i = value >= -9e18f && value <= 9e18f ? (int64_t)value : 0;
    if (t == AX_DTYPE_FLOAT32)
        memcpy(v, &value, 4);
    else
        memcpy(v, &i, ax_dtype_bytes(t));
}

static void pad_line(const struct ax_pad_params *p, uint8_t *to, int64_t n, const uint8_t *from, int64_t m, int64_t begin,
                     const uint8_t *value, int64_t size)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i - begin;
        if (at == 0 || (i == 0 && at > 0)) { /* the part that is the input's own */
            int64_t run = from ? (n - i < m - at ? n - i : m - at) : 0;
            if (run > 0) {
                memcpy(to + i * size, from + at * size, (size_t)(run * size));
                i += run - 1;
                continue;
            }
        }
        at = from ? pad_source(at, m, p->mode) : -1;
        memcpy(to + i * size, at < 0 ? value : from + at * size, (size_t)size);
    }
}

static void pad_run(const struct ax_task *t)
{
    const struct ax_pad_params *p = t->params;
    const struct ax_operand *x = t->in[0], *y = t->out[0];
    int last = y->rank - 1;
    int64_t size = size_of(y), n = y->rank ? y->dim[last] : 1, m = x->rank ? x->dim[last] : 1, from, to;
    uint8_t value[8] = {0};
    pad_value(value, y->dtype, p->value);
    if (n == 0) return;
    ax_share(ax_count(y) / n, 1, t->thread, t->threads, &from, &to);
    for (int64_t line = from; line < to; line++) {
        int64_t rest = line, at = 0, step = m;
        for (int d = last - 1; d >= 0; d--) {
            int64_t s = pad_source(rest % y->dim[d] - p->pads[d], x->dim[d], p->mode);
            at = s < 0 || at < 0 ? -1 : at + s * step;
            rest /= y->dim[d];
            step *= x->dim[d];
        }
        pad_line(p, t->out_data[0] + line * n * size, n, at < 0 ? NULL : t->in_data[0] + at * size, m,
                 y->rank ? p->pads[last] : 0, value, size);
    }
}

/* -- WHERE -- */

static void *where_prepare(const struct ax_program *p, const struct ax_step *s)
{
    return ax_lines_broadcast(p, s, 3);
}

#define CHOOSE(T)                                                                                                              \
    for (int64_t i = part.begin; i < part.end; i++)                                                                            \
        ((T *)y)[i] = c[i * l->step[1]] ? ((const T *)a)[i * l->step[2]] : ((const T *)b)[i * l->step[3]];                     \
    break

static void where_run(const struct ax_task *t)
{
    const struct ax_lines *l = t->state;
    struct ax_lines_part part = ax_lines_share(l, t->thread, t->threads);
    int64_t size = size_of(t->out[0]);
    for (int64_t k = part.from; k < part.to; k++) {
        int64_t at[AX_LINES_MAX];
        ax_lines_at(l, k, at);
        uint8_t *y = t->out_data[0] + at[0] * size;
        const uint8_t *c = t->in_data[0] + at[1], *a = t->in_data[1] + at[2] * size, *b = t->in_data[2] + at[3] * size;
        switch (size) {
        case 1: CHOOSE(uint8_t);
        case 2: CHOOSE(uint16_t);
        case 4: CHOOSE(uint32_t);
        default: CHOOSE(uint64_t);
        }
    }
}

AX_PLAIN_KERNEL(COPY, copy, .prepare = copy_prepare, .run = copy_run);
AX_PLAIN_KERNEL(TRANSPOSE, transpose, .prepare = transpose_prepare, .run = transpose_run);
AX_PLAIN_KERNEL(PAD, pad, .run = pad_run);
AX_PLAIN_KERNEL(WHERE, where, .prepare = where_prepare, .run = where_run);
