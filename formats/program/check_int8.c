/* Rules of the int8 steps. */
#include "program/activation.h"
#include "program/check.h"

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

struct images {
    int64_t n, h, w, c;
};

/* PLANES, or PLAIN with the channels last and everything between batch and channels as rows and columns. */
static struct images images_of(const struct ax_operand *o)
{
    if (o->layout == AX_LAYOUT_PLANES) return (struct images){o->n, o->h, o->w, o->c};
    struct images s = {1, 1, 1, 1};
    if (o->rank >= 1) s.c = o->dim[o->rank - 1];
    if (o->rank >= 3) s.w = o->dim[o->rank - 2];
    if (o->rank >= 4) s.h = o->dim[o->rank - 3];
    s.n = ax_check_count(o) / (s.c * s.w * s.h);
    return s;
}

static int same_images(const struct ax_operand *a, const struct ax_operand *b)
{
    struct images x = images_of(a), y = images_of(b);
    return x.n == y.n && x.h == y.h && x.w == y.w && x.c == y.c;
}

static int is_output(const struct ax_operand *o)
{
    return ax_is_planes(o) || ax_is_plain(o, AX_DTYPE_FLOAT32);
}

static int is_epilogue(const struct ax_operand *o, int64_t padded)
{
    if (!o || o->layout != AX_LAYOUT_PLAIN || ax_dtype_bytes(o->dtype) != 4) return 0;
    return ax_check_count(o) >= (int64_t)AX_EPI_ROWS * padded && o->space == AX_SPACE_CONST;
}

/* What the taps of the outermost output pixels read lies in the halo. */
static int halo_suffices(const struct ax_conv_params *p, const struct ax_operand *x, const struct images *y)
{
    int64_t bottom = (y->h - 1) * p->stride_h + (int64_t)(p->kh - 1) * p->dilation_h - p->pad_top - (x->h - 1);
    int64_t right = (y->w - 1) * p->stride_w + (int64_t)(p->kw - 1) * p->dilation_w - p->pad_left - (x->w - 1);
    return x->halo_top >= p->pad_top && x->halo_left >= p->pad_left && x->halo_bottom >= bottom && x->halo_right >= right;
}

/* The K of all groups together, from the runs; -1 where a run leaves its plane. */
static int64_t runs_k(const struct ax_check *c, const struct ax_conv_params *p)
{
    const struct ax_operand *x = c->in[0], *runs = c->in[2];
    const int32_t *r = (const int32_t *)(c->p->const_data + runs->offset);
    int64_t n = ax_check_count(runs), k = 0;
    if (n % (3 * (int64_t)p->groups) || n == 0) return -1;
    for (int64_t i = 0; i < n; i += 3) {
        if (r[i] < 0 || r[i] >= x->n_planes || r[i + 1] < 0 || r[i + 2] < 1 || r[i + 2] > 64) return -1;
        if (r[i + 1] > x->planes[r[i]].channels - r[i + 2]) return -1;
        k += round_up(r[i + 2], 4) * p->kh * p->kw;
    }
    return k;
}

static enum ax_status residual(const struct ax_check *c, const struct ax_operand *r)
{
    const struct ax_conv_params *p = c->s->params;
    AX_RULE(c, p->residual == AX_RESIDUAL_NONE || r, "its residual is missing");
    AX_RULE(c, !r || (ax_is_planes(r) && same_images(r, c->out[0])), "its residual and its output differ in shape");
    return AX_OK;
}

static enum ax_status conv(const struct ax_check *c)
{
    const struct ax_conv_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *w = c->in[1], *runs = c->in[2], *y = c->out[0];
    AX_RULE(c, ax_is_planes(x) && is_output(y), "it reads PLANES and writes PLANES or float32");
    struct images out = images_of(y);
    AX_RULE(c, x->n == out.n, "input and output differ in batch");
    AX_CHECK_TRY(ax_check_conv_params(c, x->c, out.c));
    AX_RULE(c, c->s->kind == AX_STEP_CONVT_S8 || halo_suffices(p, x, &out), "its taps leave the input's halo");
    AX_RULE(c, runs && ax_is_plain(runs, AX_DTYPE_INT32) && runs->space == AX_SPACE_CONST, "its runs are missing");
    int64_t k = runs_k(c, p), padded = round_up(out.c / p->groups, 16);
    AX_RULE(c, k >= 0, "a run leaves its plane");
    AX_RULE(c, w && ax_has(w, AX_DTYPE_INT8, k * padded), "its weights are missing or too few");
    AX_RULE(c, is_epilogue(c->in[3], p->groups * padded), "its epilogue is missing or too small");
    return residual(c, c->in[4]);
}

static enum ax_status depthwise(const struct ax_check *c)
{
    const struct ax_conv_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *w = c->in[1], *y = c->out[0];
    AX_RULE(c, ax_is_planes(x) && is_output(y), "it reads PLANES and writes PLANES or float32");
    struct images out = images_of(y);
    AX_RULE(c, x->n == out.n && x->c == out.c && p->groups == x->c, "input and output differ in batch or channels");
    AX_CHECK_TRY(ax_check_conv_params(c, x->c, out.c));
    AX_RULE(c, halo_suffices(p, x, &out), "its taps leave the input's halo");
    int64_t padded = round_up(x->c, 16);
    AX_RULE(c, w && ax_has(w, AX_DTYPE_INT8, (int64_t)p->kh * p->kw * padded), "its weights are missing or too few");
    AX_RULE(c, is_epilogue(c->in[2], padded), "its epilogue is missing or too small");
    return residual(c, c->in[3]);
}

static enum ax_status pool(const struct ax_check *c)
{
    const struct ax_pool_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    AX_RULE(c, ax_is_planes(x) && is_output(y), "it reads PLANES and writes PLANES or float32");
    struct images out = images_of(y);
    AX_RULE(c, x->n == out.n && x->c == out.c, "input and output differ in batch or channels");
    AX_RULE(c,
            p->kh >= 1 && p->kw >= 1 && p->kh <= 65536 && p->kw <= 65536 && p->stride_h >= 1 && p->stride_w >= 1 &&
                p->stride_h <= 65536 && p->stride_w <= 65536 && p->dilation_h >= 1 && p->dilation_w >= 1 &&
                p->dilation_h <= 65536 && p->dilation_w <= 65536,
            "its window is out of range");
    AX_RULE(c,
            p->pad_top >= 0 && p->pad_left >= 0 && p->pad_bottom >= 0 && p->pad_right >= 0 && p->pad_top <= 1 << 20 &&
                p->pad_left <= 1 << 20 && p->pad_bottom <= 1 << 20 && p->pad_right <= 1 << 20,
            "a padding is out of range");
    AX_RULE(c, p->act >= 0 && p->act < AX_ACT_COUNT, "its activation is unknown");
    AX_RULE(c, p->average ? is_epilogue(c->in[1], round_up(x->c, 16)) : ax_is_planes(y),
            "its epilogue or its output does not fit");
    return AX_OK;
}

static enum ax_status matmul(const struct ax_check *c)
{
    const struct ax_matmul_params *p = c->s->params;
    AX_CHECK_TRY(ax_check_float_step(c));
    AX_RULE(c, is_epilogue(c->in[2], round_up(p->n, 16)), "its epilogue is missing or too small");
    return AX_OK;
}

static int int8_tensor(const struct ax_operand *o)
{
    return ax_is_planes(o) || ax_is_plain(o, AX_DTYPE_INT8);
}

static enum ax_status table(const struct ax_check *c)
{
    const struct ax_table_params *p = c->s->params;
    AX_RULE(c, int8_tensor(c->in[0]) && int8_tensor(c->out[0]) && same_images(c->in[0], c->out[0]),
            "input and output differ in shape");
    AX_RULE(c, p->tables == 1 || p->tables == images_of(c->in[0]).c, "it needs one table or one a channel");
    AX_RULE(c, c->in[1] && ax_has(c->in[1], AX_DTYPE_INT8, 256 * (int64_t)p->tables), "its tables are too few");
    return AX_OK;
}

static int fits_or_broadcasts(const struct ax_operand *a, const struct images *y)
{
    struct images s = images_of(a);
    return s.n == y->n && s.c == y->c && ((s.h == y->h && s.w == y->w) || (s.h == 1 && s.w == 1));
}

static enum ax_status binary(const struct ax_check *c)
{
    const struct ax_binary_params *p = c->s->params;
    struct images y = images_of(c->out[0]);
    AX_RULE(c, ax_is_planes(c->in[0]) && ax_is_planes(c->in[1]) && is_output(c->out[0]),
            "it reads PLANES and writes PLANES or float32");
    AX_RULE(c, fits_or_broadcasts(c->in[0], &y) && fits_or_broadcasts(c->in[1], &y), "its shapes do not broadcast");
    AX_RULE(c, p->op == AX_BINARY_ADD || p->op == AX_BINARY_SUB || p->op == AX_BINARY_MUL, "its operation is unknown");
    AX_RULE(c, p->act >= 0 && p->act < AX_ACT_COUNT, "its activation is unknown");
    AX_RULE(c, is_epilogue(c->in[2], round_up(y.c, 16)), "its epilogue is missing or too small");
    return AX_OK;
}

static enum ax_status move(const struct ax_check *c)
{
    const struct ax_move_params *p = c->s->params;
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    AX_RULE(c, ax_is_planes(x) && ax_is_planes(y) && x->n == y->n, "it reads and writes PLANES of one batch");
    AX_RULE(c, p->block_h >= 1 && p->block_h <= 4096 && p->block_w >= 1 && p->block_w <= 4096, "its block is out of range");
    int64_t phases = (int64_t)p->block_h * p->block_w;
    AX_RULE(c, phases * y->c <= INT32_MAX / 64, "its maps are too large");
    for (int i = 1; i <= 4; i++) AX_RULE(c, c->in[i] && c->in[i]->space == AX_SPACE_CONST, "a map is missing");
    AX_RULE(c,
            ax_has(c->in[1], AX_DTYPE_INT32, y->h) && ax_has(c->in[2], AX_DTYPE_INT32, y->w) &&
                ax_has(c->in[3], AX_DTYPE_INT32, phases * y->c) && ax_has(c->in[4], AX_DTYPE_INT8, y->c),
            "a map is too small");
    return AX_OK;
}

static enum ax_status resize(const struct ax_check *c)
{
    const struct ax_operand *x = c->in[0], *y = c->out[0];
    AX_RULE(c, ax_is_planes(x) && ax_is_planes(y) && x->n == y->n && x->c == y->c,
            "it reads and writes PLANES of one batch and channels");
    return ax_check_resize(c);
}

enum ax_status ax_check_int8_step(const struct ax_check *c)
{
    switch (c->s->kind) {
    case AX_STEP_CONV_S8:
    case AX_STEP_CONVT_S8: return conv(c);
    case AX_STEP_DWCONV_S8: return depthwise(c);
    case AX_STEP_MATMUL_S8: return matmul(c);
    case AX_STEP_POOL_S8: return pool(c);
    case AX_STEP_TABLE_S8: return table(c);
    case AX_STEP_BINARY_S8: return binary(c);
    case AX_STEP_MOVE_S8: return move(c);
    case AX_STEP_RESIZE_S8: return resize(c);
    case AX_STEP_PACK:
    case AX_STEP_UNPACK:
        AX_RULE(c, int8_tensor(c->in[0]) && int8_tensor(c->out[0]) && same_images(c->in[0], c->out[0]),
                "input and output differ in shape");
        return AX_OK;
    default: return ax_check_broken(c, "its kind is unknown");
    }
}
