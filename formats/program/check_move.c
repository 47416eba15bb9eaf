/* Rules of the steps that move, pick or convert elements. */
#include "program/check.h"

static int64_t product(const struct ax_operand *o, int from, int to)
{
    int64_t n = 1;
    for (int d = from; d < to; d++) n *= o->dim[d];
    return n;
}

static int both_plain(const struct ax_check *c)
{
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    return x->layout == AX_LAYOUT_PLAIN && y->layout == AX_LAYOUT_PLAIN;
}

static int same_size(const struct ax_operand *a, const struct ax_operand *b)
{
    return ax_dtype_bytes(a->dtype) == ax_dtype_bytes(b->dtype);
}

static int index_type(const struct ax_operand *o)
{
    return o && o->layout == AX_LAYOUT_PLAIN && (o->dtype == AX_DTYPE_INT32 || o->dtype == AX_DTYPE_INT64);
}

static enum ax_status cast(const struct ax_check *c)
{
    enum ax_dtype a = c->in[0]->dtype, b = c->out[0]->dtype;
    AX_RULE(c, ax_check_count(c->in[0]) == ax_check_count(c->out[0]), "input and output differ in size");
    AX_RULE(c, a != AX_DTYPE_FLOAT16 && a != AX_DTYPE_FLOAT64 && b != AX_DTYPE_FLOAT16 && b != AX_DTYPE_FLOAT64,
            "16 and 64 bit floats do not occur in programs");
    return AX_OK;
}

static enum ax_status where(const struct ax_check *c)
{
    const struct ax_operand *y = c->out[0];
    AX_RULE(c, c->in[1] && c->in[2] && ax_is_plain(c->in[0], AX_DTYPE_BOOL), "its condition must be bool, its values present");
    for (int i = 0; i < 3; i++) {
        const struct ax_operand *o = c->in[i];
        AX_RULE(c, o->layout == AX_LAYOUT_PLAIN && o->rank <= y->rank, "its shapes do not broadcast");
        for (int d = 0; d < o->rank; d++)
            AX_RULE(c, o->dim[d] == 1 || o->dim[d] == y->dim[d + y->rank - o->rank], "its shapes do not broadcast");
        AX_RULE(c, i == 0 || same_size(o, y), "its types differ");
    }
    return AX_OK;
}

static enum ax_status transpose(const struct ax_check *c)
{
    const struct ax_transpose_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    int seen = 0;
    AX_RULE(c, x->rank == y->rank && same_size(x, y), "input and output differ in rank or type");
    for (int d = 0; d < x->rank; d++) {
        AX_RULE(c, p->perm[d] >= 0 && p->perm[d] < x->rank && !(seen >> p->perm[d] & 1), "perm is not a permutation");
        seen |= 1 << p->perm[d];
        AX_RULE(c, y->dim[d] == x->dim[p->perm[d]], "its output has the wrong shape");
    }
    return AX_OK;
}

/* Least and greatest offset that the strides reach lie in [0, count). */
static int reaches_inside(const struct ax_copy_params *p, const int32_t *stride, int32_t offset, int64_t count)
{
    __int128 low = offset, high = offset;
    for (int d = 0; d < p->rank; d++) {
        __int128 way = (__int128)(p->count[d] - 1) * stride[d];
        if (way < 0)
            low += way;
        else
            high += way;
    }
    return low >= 0 && high < count;
}

static enum ax_status copy(const struct ax_check *c)
{
    const struct ax_copy_params *p = c->s->params;
    AX_RULE(c, p->rank >= 0 && p->rank <= 8 && same_size(c->in[0], c->out[0]), "its rank or types do not fit");
    int64_t n = 1;
    for (int d = 0; d < p->rank; d++) {
        AX_RULE(c, p->count[d] >= 1 && n <= ((int64_t)1 << 40) / p->count[d], "a count is out of range");
        n *= p->count[d];
    }
    AX_RULE(c, reaches_inside(p, p->in_stride, p->in_offset, ax_check_count(c->in[0])), "it reads outside of its input");
    AX_RULE(c, reaches_inside(p, p->out_stride, p->out_offset, ax_check_count(c->out[0])), "it writes outside of its output");
    return AX_OK;
}

static enum ax_status pad(const struct ax_check *c)
{
    const struct ax_pad_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    AX_RULE(c, x->rank == y->rank && x->dtype == y->dtype && p->mode >= AX_PAD_CONSTANT && p->mode <= AX_PAD_WRAP,
            "its rank, type or mode does not fit");
    for (int d = 0; d < x->rank; d++)
        AX_RULE(c, x->dim[d] + p->pads[d] + p->pads[x->rank + d] == y->dim[d], "its output has the wrong shape");
    return AX_OK;
}

static enum ax_status gather(const struct ax_check *c)
{
    const struct ax_gather_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0], *idx = c->in[1];
    AX_RULE(c, index_type(idx) && same_size(x, y), "its indices are not integers or its types differ");
    AX_RULE(c, p->axis >= 0 && p->axis < x->rank, "its axis is out of range");
    if (c->s->kind == AX_STEP_GATHER_ELEMENTS) {
        AX_RULE(c, ax_same_dims(idx, y) && y->rank == x->rank, "indices and output differ in shape");
        for (int d = 0; d < x->rank; d++) AX_RULE(c, d == p->axis || y->dim[d] <= x->dim[d], "its output has the wrong shape");
        return AX_OK;
    }
    __int128 n = (__int128)product(x, 0, p->axis) * product(x, p->axis + 1, x->rank) * ax_check_count(idx);
    AX_RULE(c, ax_check_count(y) == n, "its output has the wrong size");
    return AX_OK;
}

static enum ax_status nd(const struct ax_check *c)
{
    const struct ax_gather_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0], *idx = c->in[1];
    int scatter = c->s->kind == AX_STEP_SCATTER_ND, batch = scatter ? 0 : p->batch_dims;
    AX_RULE(c, index_type(idx) && idx->rank >= 1 && same_size(x, y), "its indices are not integers or its types differ");
    AX_RULE(c, batch >= 0 && batch < idx->rank && batch + idx->dim[idx->rank - 1] <= x->rank, "its indices are too long");
    for (int d = 0; d < batch; d++) AX_RULE(c, idx->dim[d] == x->dim[d], "its batches differ");
    int length = (int)idx->dim[idx->rank - 1];
    __int128 n = (__int128)product(idx, 0, idx->rank - 1) * product(x, batch + length, x->rank);
    if (!scatter) {
        AX_RULE(c, ax_check_count(y) == n, "its output has the wrong size");
        return AX_OK;
    }
    AX_RULE(c, c->in[2] && c->in[2]->layout == AX_LAYOUT_PLAIN && same_size(c->in[2], x) && ax_check_count(c->in[2]) == n,
            "its updates have the wrong size");
    AX_RULE(c, ax_check_count(x) == ax_check_count(y), "input and output differ in size");
    return AX_OK;
}

static enum ax_status topk(const struct ax_check *c)
{
    const struct ax_topk_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0], *i = c->out[1];
    AX_RULE(c, x->layout == AX_LAYOUT_PLAIN && p->axis >= 0 && p->axis < x->rank, "its axis is out of range");
    AX_RULE(c, p->k >= 1 && p->k <= x->dim[p->axis], "k is out of range");
    AX_RULE(c,
            x->dtype == AX_DTYPE_FLOAT32 || x->dtype == AX_DTYPE_INT32 || x->dtype == AX_DTYPE_INT64 ||
                x->dtype == AX_DTYPE_INT8 || x->dtype == AX_DTYPE_UINT8,
            "its type cannot be sorted");
    int64_t n = ax_check_count(x) / x->dim[p->axis] * p->k;
    AX_RULE(c, !y || (y->layout == AX_LAYOUT_PLAIN && y->dtype == x->dtype && ax_check_count(y) == n),
            "its values have the wrong size");
    AX_RULE(c, ax_has(i, AX_DTYPE_INT64, n), "its indices have the wrong size");
    return AX_OK;
}

static enum ax_status quantize(const struct ax_check *c)
{
    int to = c->s->kind == AX_STEP_QUANTIZE;
    const struct ax_operand *f = to ? c->in[0] : c->out[0], *q = to ? c->out[0] : c->in[0];
    AX_RULE(c, ax_is_plain(f, AX_DTYPE_FLOAT32), "its float side must be PLAIN float32");
    AX_RULE(c,
            q->dtype == AX_DTYPE_INT8 || q->dtype == AX_DTYPE_UINT8 || q->dtype == AX_DTYPE_INT16 ||
                q->dtype == AX_DTYPE_UINT16 || q->dtype == AX_DTYPE_INT32,
            "its integer side has the wrong type");
    AX_RULE(c, ax_check_count(f) == ax_check_count(q), "input and output differ in size");
    AX_RULE(c, c->in[1] && c->in[2] && ax_has(c->in[1], AX_DTYPE_FLOAT32, 1) && ax_has(c->in[2], AX_DTYPE_INT32, 1),
            "its scale must be float32, its zero point int32");
    int64_t n = ax_check_count(c->in[1]);
    AX_RULE(c, n == ax_check_count(c->in[2]), "scales and zero points differ in number");
    AX_RULE(c, n == 1 || q->layout == AX_LAYOUT_PLAIN || n == q->c, "it needs one scale or one a channel");
    return AX_OK;
}

enum ax_status ax_check_move_step(const struct ax_check *c)
{
    switch (c->s->kind) {
    case AX_STEP_QUANTIZE:
    case AX_STEP_DEQUANTIZE: return quantize(c);
    case AX_STEP_TOPK: return topk(c);
    default: break;
    }
    AX_RULE(c, both_plain(c), "it works on PLAIN operands");
    switch (c->s->kind) {
    case AX_STEP_CAST: return cast(c);
    case AX_STEP_WHERE: return where(c);
    case AX_STEP_TRANSPOSE: return transpose(c);
    case AX_STEP_COPY: return copy(c);
    case AX_STEP_PAD: return pad(c);
    case AX_STEP_GATHER:
    case AX_STEP_GATHER_ELEMENTS: return gather(c);
    default: return nd(c);
    }
}
