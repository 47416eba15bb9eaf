/* Rules of the float steps on PLAIN operands. */
#include <math.h>

#include "program/activation.h"
#include "program/check.h"

#define F32 AX_DTYPE_FLOAT32

static int act_known(int32_t act)
{
    return act >= 0 && act < AX_ACT_COUNT;
}
static int within(int64_t v, int64_t low, int64_t high)
{
    return v >= low && v <= high;
}
static int rank4(const struct ax_operand *o)
{
    return ax_is_plain(o, F32) && o->rank == 4;
}

enum ax_status ax_check_conv_params(const struct ax_check *c, int64_t in_channels, int64_t out_channels)
{
    const struct ax_conv_params *p = c->s->params;
    AX_RULE(c, within(p->kh, 1, 4096) && within(p->kw, 1, 4096), "the kernel's size is out of range");
    AX_RULE(c, within(p->stride_h, 1, 4096) && within(p->stride_w, 1, 4096), "a stride is out of range");
    AX_RULE(c, within(p->dilation_h, 1, 65536) && within(p->dilation_w, 1, 65536), "a dilation is out of range");
    AX_RULE(c,
            within(p->pad_top, 0, 1 << 20) && within(p->pad_left, 0, 1 << 20) && within(p->pad_bottom, 0, 1 << 20) &&
                within(p->pad_right, 0, 1 << 20),
            "a padding is out of range");
    AX_RULE(c, p->groups >= 1 && in_channels % p->groups == 0 && out_channels % p->groups == 0,
            "the groups do not divide the channels");
    AX_RULE(c, act_known(p->act), "its activation is unknown");
    AX_RULE(c, within(p->residual, AX_RESIDUAL_NONE, AX_RESIDUAL_POST), "its residual mode is unknown");
    AX_RULE(c, (int64_t)p->kh * p->kw * (in_channels / p->groups) <= INT32_MAX / 16, "its sums are too long");
    return AX_OK;
}

static enum ax_status conv(const struct ax_check *c)
{
    const struct ax_conv_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *w = c->in[1], *y = c->out[0];
    AX_RULE(c, rank4(x) && rank4(y) && x->dim[0] == y->dim[0],
            "input and output must be float32 of rank 4 with the same batch");
    AX_CHECK_TRY(ax_check_conv_params(c, x->dim[3], y->dim[3]));
    int64_t k = (int64_t)p->kh * p->kw * (x->dim[3] / p->groups), blocks = (y->dim[3] / p->groups + 15) / 16;
    int64_t need = p->groups * blocks * k * 16;
    if (c->s->kind == AX_STEP_DWCONV_F32) {
        AX_RULE(c, p->groups == x->dim[3] && y->dim[3] == x->dim[3], "a depthwise step needs as many groups as channels");
        need = (int64_t)p->kh * p->kw * x->dim[3];
    }
    AX_RULE(c, w && ax_has(w, F32, need), "its weights are missing or too few");
    AX_RULE(c, ax_has(c->in[2], F32, y->dim[3]), "its bias is not float32 with an entry a channel");
    AX_RULE(c, ax_has(c->in[4], F32, y->dim[3]), "its slopes are not float32 with an entry a channel");
    AX_RULE(c, ax_has(c->in[3], F32, ax_check_count(y)), "its residual is smaller than its output");
    AX_RULE(c, p->residual == AX_RESIDUAL_NONE || c->in[3], "its residual is missing");
    return AX_OK;
}

static enum ax_status matmul(const struct ax_check *c)
{
    const struct ax_matmul_params *p = c->s->params;
    AX_RULE(c, within(p->batch_rank, 0, 4) && p->m >= 1 && p->n >= 1 && p->k >= 1, "its sizes are not positive");
    AX_RULE(c, p->k <= INT32_MAX / 64 && act_known(p->act), "its sums are too long or its activation is unknown");
    __int128 a = (__int128)p->m * p->k, b = (__int128)p->k * p->n, y = (__int128)p->m * p->n;
    for (int d = 0; d < p->batch_rank; d++) {
        AX_RULE(c, p->batch[d] >= 1 && p->a_stride[d] >= 0 && p->b_stride[d] >= 0, "its batch is not positive");
        a += (__int128)(p->batch[d] - 1) * p->a_stride[d];
        b += (__int128)(p->batch[d] - 1) * p->b_stride[d];
        y *= p->batch[d];
        AX_RULE(c, y < (__int128)1 << 60, "its output is too large");
    }
    enum ax_dtype t = c->s->kind == AX_STEP_MATMUL_F32 ? F32 : AX_DTYPE_INT8, yt = c->out[0]->dtype;
    AX_RULE(c, c->in[1] && ax_has(c->in[0], t, 1) && ax_has(c->in[1], t, 1), "its operands have the wrong type or layout");
    AX_RULE(c, ax_check_count(c->in[0]) >= a && ax_check_count(c->in[1]) >= b, "its operands are too small");
    AX_RULE(c, (yt == F32 || yt == t) && ax_has(c->out[0], yt, 1) && ax_check_count(c->out[0]) >= y, "its output is too small");
    if (t == F32) AX_RULE(c, ax_has(c->in[2], F32, p->n), "its bias is too small");
    return AX_OK;
}

static enum ax_status pool(const struct ax_check *c)
{
    const struct ax_pool_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    AX_RULE(c, rank4(x) && rank4(y) && x->dim[0] == y->dim[0] && x->dim[3] == y->dim[3],
            "input and output must be float32 of rank 4 with the same batch and channels");
    AX_RULE(c,
            within(p->kh, 1, 65536) && within(p->kw, 1, 65536) && within(p->stride_h, 1, 65536) &&
                within(p->stride_w, 1, 65536) && within(p->dilation_h, 1, 65536) && within(p->dilation_w, 1, 65536),
            "its window is out of range");
    AX_RULE(c,
            within(p->pad_top, 0, 1 << 20) && within(p->pad_left, 0, 1 << 20) && within(p->pad_bottom, 0, 1 << 20) &&
                within(p->pad_right, 0, 1 << 20) && act_known(p->act),
            "a padding is out of range or its activation is unknown");
    return AX_OK;
}

static int arithmetic(enum ax_dtype t)
{
    return t == F32 || t == AX_DTYPE_INT32 || t == AX_DTYPE_INT64 || t == AX_DTYPE_INT16 || t == AX_DTYPE_INT8 ||
           t == AX_DTYPE_UINT8 || t == AX_DTYPE_BOOL;
}

static int broadcasts(const struct ax_operand *a, const struct ax_operand *y)
{
    if (a->layout != AX_LAYOUT_PLAIN || a->rank > y->rank) return 0;
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d] != 1 && a->dim[d] != y->dim[d + y->rank - a->rank]) return 0;
    return 1;
}

static enum ax_status binary(const struct ax_check *c)
{
    const struct ax_binary_params *p = c->s->params;
    const struct ax_operand *a = c->in[0], *b = c->in[1], *y = c->out[0];
    AX_RULE(c, b && within(p->op, 0, AX_BINARY_COUNT - 1) && act_known(p->act), "its operation is unknown");
    AX_RULE(c, y->layout == AX_LAYOUT_PLAIN && broadcasts(a, y) && broadcasts(b, y), "its shapes do not broadcast");
    AX_RULE(c, a->dtype == b->dtype && arithmetic(a->dtype), "its operands' types differ or have no arithmetic");
    int compares = p->op >= AX_BINARY_EQUAL && p->op <= AX_BINARY_GREATER_OR_EQUAL;
    AX_RULE(c, compares ? y->dtype == AX_DTYPE_BOOL : y->dtype == a->dtype, "its output has the wrong type");
    AX_RULE(c, a->dtype != F32 || p->op < AX_BINARY_AND, "logic on floats");
    return AX_OK;
}

static enum ax_status reduce(const struct ax_check *c)
{
    const struct ax_reduce_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    int64_t kept = 1;
    AX_RULE(c, within(p->op, 0, AX_REDUCE_COUNT - 1) && p->axes_mask >= 0 && p->axes_mask < 1 << x->rank,
            "its axes are out of range");
    AX_RULE(c, x->layout == AX_LAYOUT_PLAIN && y->layout == AX_LAYOUT_PLAIN && arithmetic(x->dtype),
            "its operands have no arithmetic");
    for (int d = 0; d < x->rank; d++) kept *= p->axes_mask >> d & 1 ? 1 : x->dim[d];
    AX_RULE(c, ax_check_count(y) == kept, "its output has the wrong size");
    if (p->op == AX_REDUCE_ARG_MAX || p->op == AX_REDUCE_ARG_MIN)
        AX_RULE(c, y->dtype == AX_DTYPE_INT64 || y->dtype == AX_DTYPE_INT32, "positions must be integers");
    else
        AX_RULE(c, y->dtype == x->dtype, "its output has the wrong type");
    return AX_OK;
}

static enum ax_status norm(const struct ax_check *c)
{
    const struct ax_norm_params *p = c->s->params;
    const struct ax_operand *x = c->in[0];
    int64_t n = x->rank ? x->dim[x->rank - 1] : 1;
    AX_RULE(c, x->rank >= 1 && within(p->axis, c->s->kind == AX_STEP_LAYERNORM_F32 ? 0 : -AX_MAX_RANK, x->rank - 1),
            "its axis is out of range");
    if (c->s->kind == AX_STEP_LAYERNORM_F32)
        for (int d = p->axis; d + 1 < x->rank; d++) n *= x->dim[d];
    if (c->s->kind == AX_STEP_INSTNORM_F32) AX_RULE(c, x->rank >= 2, "its input has no channels");
    if (c->s->kind == AX_STEP_LRN_F32)
        AX_RULE(c, within(p->size, 1, 65536), "its window is out of range");
    else
        AX_RULE(c, ax_has(c->in[1], F32, n) && ax_has(c->in[2], F32, n), "its scale or bias is too small");
    return AX_OK;
}

enum ax_status ax_check_resize(const struct ax_check *c)
{
    const struct ax_resize_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    int64_t cells = 0;
    AX_RULE(c, x->rank == y->rank && x->rank >= 1, "its ranks differ");
    AX_RULE(c,
            within(p->mode, AX_RESIZE_NEAREST, AX_RESIZE_CUBIC) &&
                within(p->coordinate, AX_RESIZE_HALF_PIXEL, AX_RESIZE_TF_CROP_AND_RESIZE) &&
                within(p->nearest, AX_RESIZE_ROUND_PREFER_FLOOR, AX_RESIZE_CEIL),
            "its mode is unknown");
    for (int d = 0; d < x->rank; d++) {
        AX_RULE(c, p->scale[d] >= 1e-4f && p->scale[d] <= 1e5f, "a scale is out of range");
        AX_RULE(c, fabsf(p->roi[d]) <= 1e6f && fabsf(p->roi[x->rank + d]) <= 1e6f, "its region is out of range");
        cells += y->dim[d] * (int64_t)(4 + (p->antialias && p->scale[d] < 1 ? 4 / p->scale[d] : 0));
    }
    AX_RULE(c, cells <= 1 << 28, "its tables would be too large");
    return AX_OK;
}

static enum ax_status axis_of_softmax(const struct ax_check *c)
{
    const struct ax_softmax_params *p = c->s->params;
    AX_RULE(c, within(p->axis, 0, c->in[0]->rank - 1), "its axis is out of range");
    return AX_OK;
}

static enum ax_status unary(const struct ax_check *c)
{
    const struct ax_unary_params *p = c->s->params;
    AX_RULE(c, act_known(p->act), "its function is unknown");
    return AX_OK;
}

enum ax_status ax_check_float_step(const struct ax_check *c)
{
    switch (c->s->kind) {
    case AX_STEP_CONV_F32:
    case AX_STEP_DWCONV_F32:
    case AX_STEP_CONVT_F32: return conv(c);
    case AX_STEP_MATMUL_F32:
    case AX_STEP_MATMUL_S8: return matmul(c);
    case AX_STEP_POOL_F32: return pool(c);
    case AX_STEP_BINARY: return binary(c);
    case AX_STEP_REDUCE: return reduce(c);
    default: break;
    }
    AX_RULE(c, ax_is_plain(c->in[0], F32) && ax_is_plain(c->out[0], F32), "input and output must be float32");
    if (c->s->kind == AX_STEP_RESIZE_F32) return ax_check_resize(c);
    AX_RULE(c, ax_check_count(c->in[0]) == ax_check_count(c->out[0]), "input and output differ in size");
    switch (c->s->kind) {
    case AX_STEP_UNARY_F32: return unary(c);
    case AX_STEP_SOFTMAX_F32: return axis_of_softmax(c);
    case AX_STEP_LAYERNORM_F32:
    case AX_STEP_INSTNORM_F32:
    case AX_STEP_LRN_F32: return norm(c);
    default: return ax_check_broken(c, "its kind is unknown");
    }
}
