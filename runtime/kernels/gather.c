/* GATHER, GATHER_ELEMENTS, GATHER_ND, SCATTER_ND: any element type, indices int32 or int64. Negative indices count from the
 * end; what still lies outside is brought to the nearest element, so that no index can reach foreign memory. */
#include <string.h>

#include "kernels/lines.h"
#include "kernels/plain.h"

static int64_t index_at(const struct ax_operand *o, const uint8_t *data, int64_t i, int64_t size)
{
    int64_t v = o->dtype == AX_DTYPE_INT64 ? ((const int64_t *)data)[i] : ((const int32_t *)data)[i];
    if (v < 0) v += size;
    return v < 0 ? 0 : v >= size ? size - 1 : v;
}

static int64_t product(const struct ax_operand *o, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= o->dim[d];
    return n;
}

static void gather_run(const struct ax_task *t)
{
    const struct ax_gather_params *p = t->params;
    const struct ax_operand *x = t->in[0];
    int64_t size = (int64_t)ax_dtype_bytes(x->dtype), axis = x->dim[p->axis], n = ax_count(t->in[1]);
    int64_t inner = product(x, p->axis + 1, x->rank) * size, from, to;
    ax_share(product(x, 0, p->axis) * n, 1, t->thread, t->threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t at = i / n * axis + index_at(t->in[1], t->in_data[1], i % n, axis);
        memcpy(t->out_data[0] + i * inner, t->in_data[0] + at * inner, (size_t)inner);
    }
}

static void gather_elements_run(const struct ax_task *t)
{
    const struct ax_gather_params *p = t->params;
    const struct ax_operand *x = t->in[0], *y = t->out[0];
    int64_t size = (int64_t)ax_dtype_bytes(x->dtype), from, to;
    ax_share(ax_count(y), 16, t->thread, t->threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int d = x->rank - 1; d >= 0; step *= x->dim[d], d--) {
            int64_t c = rest % y->dim[d];
            rest /= y->dim[d];
            at += (d == p->axis ? index_at(t->in[1], t->in_data[1], i, x->dim[d]) : c) * step;
        }
        memcpy(t->out_data[0] + i * size, t->in_data[0] + at * size, (size_t)size);
    }
}

/* Start, in elements, of the slice of x that index tuple `tuple` names, behind `batch` batch dimensions. */
static int64_t slice_at(const struct ax_operand *x, const struct ax_operand *indices, const uint8_t *data, int64_t tuple,
                        int length, int batch)
{
    int64_t at = 0;
    for (int k = 0; k < length; k++)
        at = at * x->dim[batch + k] + index_at(indices, data, tuple * length + k, x->dim[batch + k]);
    return at * product(x, batch + length, x->rank);
}

static void gather_nd_run(const struct ax_task *t)
{
    const struct ax_gather_params *p = t->params;
    const struct ax_operand *x = t->in[0], *idx = t->in[1];
    int length = (int)idx->dim[idx->rank - 1], batch = p->batch_dims;
    int64_t size = (int64_t)ax_dtype_bytes(x->dtype), slice = product(x, batch + length, x->rank) * size, from, to;
    int64_t per_batch = product(idx, batch, idx->rank - 1), image = product(x, batch, x->rank);
    ax_share(product(idx, 0, idx->rank - 1), 1, t->thread, t->threads, &from, &to);
    for (int64_t i = from; i < to; i++) {
        int64_t at = i / per_batch * image + slice_at(x, idx, t->in_data[1], i, length, batch);
        memcpy(t->out_data[0] + i * slice, t->in_data[0] + at * size, (size_t)slice);
    }
}

/* One thread: a later update of the same place must win. */
static void scatter_nd_run(const struct ax_task *t)
{
    const struct ax_operand *x = t->in[0], *idx = t->in[1];
    if (t->thread) return;
    int length = (int)idx->dim[idx->rank - 1];
    int64_t size = (int64_t)ax_dtype_bytes(x->dtype), slice = product(x, length, x->rank) * size;
    int64_t n = product(idx, 0, idx->rank - 1);
    memcpy(t->out_data[0], t->in_data[0], (size_t)(ax_count(x) * size));
    for (int64_t i = 0; i < n; i++)
        memcpy(t->out_data[0] + slice_at(x, idx, t->in_data[1], i, length, 0) * size, t->in_data[2] + i * slice, (size_t)slice);
}

AX_PLAIN_KERNEL(GATHER, gather, .run = gather_run);
AX_PLAIN_KERNEL(GATHER_ELEMENTS, gather_elements, .run = gather_elements_run);
AX_PLAIN_KERNEL(GATHER_ND, gather_nd, .run = gather_nd_run);
AX_PLAIN_KERNEL(SCATTER_ND, scatter_nd, .run = scatter_nd_run);
