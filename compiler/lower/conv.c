/* Conv and ConvTranspose: geometry, and the float steps that every product with constant weights shares. */
#include "lower/rules.h"
#include "lower/weighted.h"

#include <string.h>

static void spatial(const struct ax_node *n, const char *attr, int rank, int64_t otherwise, int32_t *h, int32_t *w)
{
    int64_t v[2] = {otherwise, otherwise};
    ax_node_ints(n, attr, v, rank, otherwise);
    *h = rank == 2 ? (int32_t)v[0] : 1;
    *w = (int32_t)v[rank - 1];
}

static void read_pads(const struct ax_node *n, int rank, struct ax_conv_params *p)
{
    int64_t v[4] = {0};
    ax_node_ints(n, "pads", v, 2 * rank, 0);
    if (rank == 2)
        p->pad_top = (int32_t)v[0], p->pad_left = (int32_t)v[1], p->pad_bottom = (int32_t)v[2], p->pad_right = (int32_t)v[3];
    else
        p->pad_left = (int32_t)v[0], p->pad_right = (int32_t)v[1];
}

static void read_geometry(const struct ax_node *n, int rank, struct ax_conv_params *p)
{
    int32_t out_h = 0, out_w = 0;
    spatial(n, "strides", rank, 1, &p->stride_h, &p->stride_w);
    spatial(n, "dilations", rank, 1, &p->dilation_h, &p->dilation_w);
    read_pads(n, rank, p);
    spatial(n, "output_padding", rank, 0, &out_h, &out_w);
    p->out_pad_h = rank == 2 ? out_h : 0;
    p->out_pad_w = out_w;
    p->groups = (int32_t)ax_node_int(n, "group", 1);
}

static enum ax_residual read_residual(const struct ax_node *n)
{
    if (ax_in(n, 3) == AX_NONE) return AX_RESIDUAL_NONE;
    return strcmp(ax_node_string(n, "residual", "pre"), "post") ? AX_RESIDUAL_PRE : AX_RESIDUAL_POST;
}

static void view_weights(const struct ax_shape *s, int groups, bool transposed, struct ax_weights *v)
{
    int rank = s->rank - 2;
    v->groups = groups;
    v->kh = rank == 2 ? (int)s->dim[2] : 1;
    v->kw = (int)s->dim[s->rank - 1];
    v->sx = 1;
    v->sy = v->kw;
    int64_t taps = (int64_t)v->kh * v->kw;
    if (transposed) {
        v->n = (int)s->dim[1];
        v->c = (int)(s->dim[0] / groups);
        v->sn = taps;
        v->sc = taps * v->n;
        v->sg = v->sc * v->c;
    } else {
        v->n = (int)(s->dim[0] / groups);
        v->c = (int)s->dim[1];
        v->sc = taps;
        v->sn = taps * v->c;
        v->sg = v->sn * v->n;
    }
}

enum ax_status low_weighted_conv(struct low *L, const struct ax_node *n, struct low_weighted *d)
{
    *d = (struct low_weighted){.node = n,
                               .x = n->inputs[0],
                               .w = n->inputs[1],
                               .bias = ax_in(n, 2),
                               .residual = ax_in(n, 3),
                               .y = n->outputs[0],
                               .alpha = 1,
                               .beta = 1};
    d->nhwc = ax_node_int(n, "nhwc", 0);
    d->transposed = n->op == AX_OP_CONV_TRANSPOSE;
    const struct ax_shape *x = &low_value(L, d->x)->shape, *w = &low_value(L, d->w)->shape;
    int rank = x->rank - 2;
    if (rank < 1 || rank > 2 || w->rank != x->rank)
        return low_fail(L, AX_UNSUPPORTED, "%d spatial dimensions; one or two are supported", rank);
    LOW_TRY(low_act_of(L, n, &d->act));
    read_geometry(n, rank, &d->params);
    struct ax_conv_params *p = &d->params;
    int64_t channels = x->dim[d->nhwc ? x->rank - 1 : 1];
    if (p->groups < 1 || w->dim[0] % p->groups || channels % p->groups ||
        channels != (d->transposed ? w->dim[0] : w->dim[1] * p->groups))
        return low_fail(L, AX_SHAPE, "%lld input channels and %d groups do not fit weights of %lld x %lld channels",
                        (long long)channels, p->groups, (long long)w->dim[0], (long long)w->dim[1]);
    view_weights(w, p->groups, d->transposed, &d->view);
    p->kh = d->view.kh;
    p->kw = d->view.kw;
    p->act = d->act.act;
    p->alpha = d->act.alpha;
    p->beta = d->act.beta;
    p->residual = read_residual(n);
    d->depthwise = !d->transposed && p->groups > 1 && d->view.n == 1 && d->view.c == 1;
    return AX_OK;
}

const float *low_weighted_bias(struct low *L, const struct low_weighted *d)
{
    int64_t n = (int64_t)d->view.n * d->view.groups;
    float *b = AX_NEW(&L->tmp, float, n);
    if (d->bias == AX_NONE) return b;
    const float *from = low_floats(L, d->bias, "the bias");
    int64_t count = ax_shape_count(&low_value(L, d->bias)->shape);
    if (!from) return b;
    if (count != 1 && count != n)
        low_fail(L, AX_SHAPE, "a bias of %lld elements for %lld output channels", (long long)count, (long long)n);
    else
        for (int64_t i = 0; i < n; i++) b[i] = from[count == 1 ? 0 : i] * d->beta;
    return b;
}

/* Int8 weights that have absorbed a vector of input scales, without them. */
static const float *without_scales(struct low *L, const struct low_weighted *d, const float *w)
{
    const struct ax_quant *q = &low_value(L, d->x)->quant;
    if (!low_is_quant(low_value(L, d->x)) || !low_is_quant(low_value(L, d->w)) || q->count <= 1) return w;
    const struct ax_weights *v = &d->view;
    float *f = ax_arena_copy(&L->tmp, w, (size_t)ax_shape_count(&low_value(L, d->w)->shape) * sizeof *w);
    for (int g = 0; g < v->groups; g++)
        for (int n = 0; n < v->n; n++)
            for (int c = 0; c < v->c; c++)
                for (int t = 0; t < v->kh * v->kw; t++)
                    f[ax_weights_at(v, g, n, c, t / v->kw, t % v->kw)] /= q->scale[(g * v->c + c) % q->count];
    return f;
}

static int pack_weights(struct low *L, const struct low_weighted *d)
{
    const float *w = low_floats(L, d->w, "the weights");
    if (!w) return -1;
    w = without_scales(L, d, w);
    const struct ax_weights *v = &d->view;
    int64_t count = d->depthwise ? (int64_t)v->kh * v->kw * v->groups : ax_packed_f32_count(v);
    struct ax_arena a = {0};
    float *packed = AX_NEW(&a, float, count);
    if (d->depthwise)
        ax_pack_dw_f32(v, w, packed);
    else
        ax_pack_f32(v, w, packed);
    if (d->alpha != 1)
        for (int64_t i = 0; i < count; i++) packed[i] *= d->alpha;
    int64_t dim[4] = {v->kh, v->kw, v->groups, 0};
    if (!d->depthwise) dim[0] = v->groups, dim[1] = (v->n + 15) / 16, dim[2] = (int64_t)v->kh * v->kw * v->c, dim[3] = 16;
    int op = low_const(L, AX_DTYPE_FLOAT32, d->depthwise ? 3 : 4, dim, packed);
    ax_arena_free(&a);
    return op;
}

int low_slopes(struct low *L, int v, int n)
{
    const float *s = low_floats(L, v, "the slope");
    int64_t count = ax_shape_count(&low_value(L, v)->shape);
    float *all = AX_NEW(&L->tmp, float, n);
    if (!s) return -1;
    if (count != 1 && count != n)
        low_fail(L, AX_SHAPE, "%lld slopes for %d output channels", (long long)count, n);
    else
        for (int i = 0; i < n; i++) all[i] = s[count == 1 ? 0 : i];
    return low_const_f32(L, n, all);
}

enum ax_status low_weighted_f32(struct low *L, const struct low_weighted *d, int x, int residual, int y)
{
    int w = pack_weights(L, d), bias = -1, slope = -1;
    int n = d->view.n * d->view.groups;
    if (d->bias != AX_NONE) bias = low_const_f32(L, n, low_weighted_bias(L, d));
    if (d->act.slope != AX_NONE) slope = low_slopes(L, d->act.slope, n);
    if (L->status != AX_OK) return L->status;
    enum ax_step_kind kind = d->depthwise ? AX_STEP_DWCONV_F32 : d->transposed ? AX_STEP_CONVT_F32 : AX_STEP_CONV_F32;
    low_step(L, kind, LOW_LIST(x, w, bias, residual, slope), LOW_LIST(y), &d->params, sizeof d->params);
    return AX_OK;
}

enum ax_status low_conv(struct low *L, const struct ax_node *n)
{
    struct low_weighted d;
    LOW_TRY(low_weighted_conv(L, n, &d));
    int x = low_image_in(L, d.x, d.nhwc), residual = low_image_in(L, d.residual, d.nhwc);
    int y = low_image_out(L, d.y, d.nhwc);
    LOW_TRY(low_weighted_f32(L, &d, x, residual, y));
    low_image_done(L, d.y, d.nhwc, y);
    return AX_OK;
}
