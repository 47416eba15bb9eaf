/* Pools and means over space on planes. */
#include "lower/pool.h"
#include "lower/s8.h"

static struct low_act act_of_params(const struct ax_pool_params *p)
{
    return (struct low_act){.act = (enum ax_act)p->act, .alpha = p->alpha, .beta = p->beta, .slope = AX_NONE};
}

/* y = act(factor x mean of x) */
static void average(struct low *L, int xv, int yv, struct ax_pool_params *p, double factor)
{
    const struct ax_value *x = low_value(L, xv), *y = low_value(L, yv);
    int64_t c = y->shape.dim[y->shape.rank - 1];
    struct low_act act = act_of_params(p);
    struct low_epi e = low_epi_new(L, (int)((c + 15) / 16 * 16), &y->quant, &act, false);
    for (int64_t i = 0; i < c; i++) {
        double s = (double)low_scale(&x->quant, i) * factor;
        low_epi_channel(&e, (int)i, i, s, -low_zero(&x->quant, i) * s);
    }
    p->average = 1;
    p->linear = e.linear;
    int from = low_in_planes(L, xv);
    L->native[yv] = low_planes_like(L, y, from);
    LOW_STEP(L, POOL_S8, LOW_LIST(from, low_epi_const(L, &e)), LOW_LIST(L->native[yv]), *p);
}

/* A maximum has its input's scales; other ones, or a function, come by a table. */
static void maximum(struct low *L, int xv, int yv, struct ax_pool_params *p)
{
    const struct ax_value *x = low_value(L, xv), *y = low_value(L, yv);
    int64_t c = y->shape.dim[y->shape.rank - 1];
    struct low_function f = {.act = act_of_params(p)};
    struct ax_value between = low_requantized(y, &x->quant);
    bool alone = p->act == AX_ACT_NONE && low_same_scales(&x->quant, 0, &y->quant, 0, c);
    int from = low_in_planes(L, xv), at = low_planes_like(L, alone ? y : &between, from);
    p->average = p->act = 0;
    LOW_STEP(L, POOL_S8, LOW_LIST(from, -1), LOW_LIST(at), *p);
    if (!alone) {
        int to = low_planes_like(L, y, from);
        low_table(L, at, &x->quant, &f, y, to);
        at = to;
    }
    L->native[yv] = at;
}

static bool both_planes(const struct low *L, const struct ax_node *n)
{
    return low_is_planes(low_value(L, n->inputs[0])) && low_is_planes(low_value(L, n->outputs[0]));
}

enum ax_status low_pool_s8(struct low *L, const struct ax_node *n, bool *done)
{
    struct ax_pool_params p;
    if (!both_planes(L, n) || !ax_node_int(n, "nhwc", 0)) return AX_OK;
    LOW_TRY(low_pool_params(L, n, &p));
    if (p.act == AX_ACT_PRELU) return AX_OK;
    *done = true;
    if (p.average)
        average(L, n->inputs[0], n->outputs[0], &p, 1);
    else
        maximum(L, n->inputs[0], n->outputs[0], &p);
    return AX_OK;
}

/* The whole of some spatial axes (bits 1 and 2 of [N, H, W, C]) as one window. */
static enum ax_status whole(struct low *L, const struct ax_node *n, bool mean, bool sum, int spatial, bool *done)
{
    int64_t x[4], y[4];
    low_planes_dims(low_value(L, n->inputs[0]), x);
    low_planes_dims(low_value(L, n->outputs[0]), y);
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    int64_t kh = spatial & 1 ? x[1] : 1, kw = spatial & 2 ? x[2] : 1;
    if (act.slope != AX_NONE || y[0] != x[0] || y[1] != x[1] / kh || y[2] != x[2] / kw || y[3] != x[3]) return AX_OK;
    struct ax_pool_params p = {.kh = (int32_t)kh,
                               .kw = (int32_t)kw,
                               .stride_h = 1,
                               .stride_w = 1,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .act = act.act,
                               .alpha = act.alpha,
                               .beta = act.beta};
    *done = true;
    if (mean)
        average(L, n->inputs[0], n->outputs[0], &p, sum ? (double)(kh * kw) : 1);
    else
        maximum(L, n->inputs[0], n->outputs[0], &p);
    return AX_OK;
}

enum ax_status low_global_pool_s8(struct low *L, const struct ax_node *n, bool *done)
{
    if (!both_planes(L, n) || !ax_node_int(n, "nhwc", 0)) return AX_OK;
    return whole(L, n, n->op == AX_OP_GLOBAL_AVERAGE_POOL, false, 3, done);
}

enum ax_status low_reduce_s8(struct low *L, const struct ax_node *n, bool *done)
{
    bool mean = n->op == AX_OP_REDUCE_MEAN || n->op == AX_OP_REDUCE_SUM;
    if (!both_planes(L, n) || (!mean && n->op != AX_OP_REDUCE_MAX)) return AX_OK;
    int rank = low_value(L, n->inputs[0])->shape.rank, mask = low_reduce_axes(n, rank);
    int spatial = rank == 4 && !(mask & ~6) ? mask >> 1 : rank == 3 && mask == 2 ? 2 : 0;
    return spatial ? whole(L, n, mean, n->op == AX_OP_REDUCE_SUM, spatial, done) : AX_OK;
}
