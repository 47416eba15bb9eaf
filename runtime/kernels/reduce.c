#include "kernels/reduce.h"

#include <stdlib.h>

#include "kernels/plain.h"

/* Neighbouring dimensions of the same fate are one. */
static int joined(const struct ax_operand *x, uint32_t mask, int64_t *dim, int *reduced)
{
    int n = 0;
    for (int d = 0; d < x->rank; d++) {
        int r = mask >> d & 1;
        if (x->dim[d] == 1) continue;
        if (n && reduced[n - 1] == r)
            dim[n - 1] *= x->dim[d];
        else
            dim[n] = x->dim[d], reduced[n++] = r;
    }
    return n;
}

void *ax_reduce_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_reduce_params *params = s->params;
    int64_t dim[AX_MAX_RANK], step = 1;
    int reduced[AX_MAX_RANK], n = joined(&p->operands[s->in[0]], (uint32_t)params->axes_mask, dim, reduced);
    struct ax_reduce_plan *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->kept = r->reduced = r->row = 1;
    r->line = n == 0 ? 1 : reduced[n - 1] ? 0 : dim[n - 1];
    if (r->line == 0) r->row = dim[n - 1];
    if (n) step = dim[n - 1];
    for (int d = n - 2; d >= 0; step *= dim[d], d--) {
        int *rank = reduced[d] ? &r->reduced_rank : &r->kept_rank;
        (reduced[d] ? r->reduced_dim : r->kept_dim)[*rank] = dim[d];
        (reduced[d] ? r->reduced_stride : r->kept_stride)[*rank] = step;
        ++*rank;
        *(reduced[d] ? &r->reduced : &r->kept) *= dim[d];
    }
    for (int which = 0; which < 2; which++) { /* found from the inside out; the walk wants outermost first */
        int rank = which ? r->reduced_rank : r->kept_rank;
        int64_t *a = which ? r->reduced_dim : r->kept_dim, *b = which ? r->reduced_stride : r->kept_stride;
        for (int i = 0, k = rank - 1; i < k; i++, k--) {
            int64_t x = a[i], y = b[i];
            a[i] = a[k], b[i] = b[k];
            a[k] = x, b[k] = y;
        }
    }
    return r;
}

/* -- integers, products and positions: one element at a time -- */

static int64_t int_at(const struct ax_operand *x, const uint8_t *data, int64_t i)
{
    switch (x->dtype) {
    case AX_DTYPE_INT64: return ((const int64_t *)data)[i];
    case AX_DTYPE_INT32: return ((const int32_t *)data)[i];
    case AX_DTYPE_INT16: return ((const int16_t *)data)[i];
    case AX_DTYPE_INT8: return ((const int8_t *)data)[i];
    default: return data[i];
    }
}

static void store_int(const struct ax_operand *y, uint8_t *data, int64_t i, int64_t v)
{
    switch (y->dtype) {
    case AX_DTYPE_INT64: ((int64_t *)data)[i] = v; break;
    case AX_DTYPE_INT32: ((int32_t *)data)[i] = (int32_t)v; break;
    case AX_DTYPE_INT16: ((int16_t *)data)[i] = (int16_t)v; break;
    default: data[i] = (uint8_t)v;
    }
}

static int64_t int_sqrt(int64_t v)
{
    int64_t r = 0;
    for (int64_t bit = 1ll << 31; bit; bit >>= 1)
        if ((r + bit) <= v / (r + bit)) r += bit;
    return v > 0 ? r : 0;
}

/* Position k of the reduced elements of an output element: rows are the fastest. */
static int64_t element(const struct ax_reduce_plan *r, int64_t base, int64_t k)
{
    return base + ax_reduce_offset(r, k / r->row) + k % r->row;
}

static int64_t reduce_ints(const struct ax_task *t, const struct ax_reduce_plan *r, int op, int64_t base)
{
    int64_t n = r->reduced * r->row, first = int_at(t->in[0], t->in_data[0], element(r, base, 0)), low = first, high = first;
    uint64_t sum = 0, product = 1, squares = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t v = int_at(t->in[0], t->in_data[0], element(r, base, k));
        sum += (uint64_t)v;
        product *= (uint64_t)v;
        squares += (uint64_t)v * (uint64_t)v;
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    switch (op) {
    case AX_REDUCE_MEAN: return (int64_t)sum / n;
    case AX_REDUCE_MAX: return high;
    case AX_REDUCE_MIN: return low;
    case AX_REDUCE_PROD: return (int64_t)product;
    case AX_REDUCE_L2: return int_sqrt((int64_t)squares);
    case AX_REDUCE_SUM_SQUARE: return (int64_t)squares;
    default: return (int64_t)sum;
    }
}

static int better(const struct ax_task *t, int64_t a, int64_t b, int op, int last)
{
    int greater, equal;
    if (t->in[0]->dtype == AX_DTYPE_FLOAT32) {
        const float *x = (const float *)t->in_data[0];
        greater = x[a] > x[b], equal = x[a] == x[b];
    } else {
        int64_t x = int_at(t->in[0], t->in_data[0], a), y = int_at(t->in[0], t->in_data[0], b);
        greater = x > y, equal = x == y;
    }
    if (equal) return last;
    return op == AX_REDUCE_ARG_MAX ? greater : !greater;
}

static int64_t position(const struct ax_task *t, const struct ax_reduce_plan *r, const struct ax_reduce_params *p, int64_t base)
{
    int64_t best = 0, at = element(r, base, 0);
    for (int64_t k = 1; k < r->reduced * r->row; k++) {
        int64_t e = element(r, base, k);
        if (better(t, e, at, p->op, p->select_last)) best = k, at = e;
    }
    return best;
}

static float product(const struct ax_task *t, const struct ax_reduce_plan *r, int64_t base)
{
    float v = 1;
    for (int64_t k = 0; k < r->reduced * r->row; k++) v *= ((const float *)t->in_data[0])[element(r, base, k)];
    return v;
}

static void run(const struct ax_task *t)
{
    const struct ax_reduce_params *p = t->params;
    const struct ax_reduce_plan *r = t->state;
    int64_t line = r->line ? r->line : 1, from, to;
    ax_share(r->kept * line, 16, t->thread, t->threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t base = ax_reduce_base(r, i / line) + i % line;
        if (p->op == AX_REDUCE_ARG_MAX || p->op == AX_REDUCE_ARG_MIN)
            store_int(t->out[0], t->out_data[0], i, position(t, r, p, base));
        else if (t->in[0]->dtype == AX_DTYPE_FLOAT32)
            ((float *)t->out_data[0])[i] = product(t, r, base);
        else
            store_int(t->out[0], t->out_data[0], i, reduce_ints(t, r, p->op, base));
    }
}

AX_PLAIN_KERNEL(REDUCE, reduce, .prepare = ax_reduce_prepare, .run = run);
