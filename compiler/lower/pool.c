/* Pools over windows, over all of space, and reductions over any axes. */
#include "lower/pool.h"
#include "lower/rules.h"

static bool used(const struct low *L, int v)
{
    return v != AX_NONE && (ax_use_count(&L->uses, v) > 0 || ax_is_graph_output(L->g, v));
}

enum ax_status low_pool_params(struct low *L, const struct ax_node *n, struct ax_pool_params *p)
{
    int rank = low_value(L, n->inputs[0])->shape.rank - 2;
    int64_t k[2], s[2], d[2], pads[4];
    struct low_act act;
    if (rank < 1 || rank > 2) return low_fail(L, AX_UNSUPPORTED, "%d spatial dimensions; one or two are supported", rank);
    if (used(L, ax_out(n, 1)))
        return low_fail(L, AX_UNSUPPORTED, "the indices of the maxima are used; only the maxima are computed");
    LOW_TRY(low_act_of(L, n, &act));
    ax_node_ints(n, "kernel_shape", k, rank, 1);
    ax_node_ints(n, "strides", s, rank, 1);
    ax_node_ints(n, "dilations", d, rank, 1);
    ax_node_ints(n, "pads", pads, 2 * rank, 0);
    bool flat = rank == 1;
    *p = (struct ax_pool_params){
        .kh = flat ? 1 : (int32_t)k[0],
        .kw = (int32_t)k[rank - 1],
        .stride_h = flat ? 1 : (int32_t)s[0],
        .stride_w = (int32_t)s[rank - 1],
        .dilation_h = flat ? 1 : (int32_t)d[0],
        .dilation_w = (int32_t)d[rank - 1],
        .pad_top = flat ? 0 : (int32_t)pads[0],
        .pad_left = (int32_t)pads[rank - 1],
        .pad_bottom = flat ? 0 : (int32_t)pads[2],
        .pad_right = (int32_t)pads[flat ? 1 : 3],
        .average = n->op == AX_OP_AVERAGE_POOL,
        .count_include_pad = (int32_t)ax_node_int(n, "count_include_pad", 0),
        .act = act.act,
        .alpha = act.alpha,
        .beta = act.beta,
    };
    return AX_OK;
}

enum ax_status low_pool(struct low *L, const struct ax_node *n)
{
    struct ax_pool_params p;
    LOW_TRY(low_pool_params(L, n, &p));
    bool nhwc = ax_node_int(n, "nhwc", 0);
    int x = low_image_in(L, n->inputs[0], nhwc), y = low_image_out(L, n->outputs[0], nhwc);
    LOW_STEP(L, POOL_F32, LOW_LIST(x), LOW_LIST(y), p);
    low_image_done(L, n->outputs[0], nhwc, y);
    return AX_OK;
}

static void reduce(struct low *L, int x, int y, const struct ax_reduce_params *p, const struct low_act *act)
{
    bool rides = act->act != AX_ACT_NONE;
    int at = rides ? low_like(L, y) : y;
    LOW_STEP(L, REDUCE, LOW_LIST(x), LOW_LIST(at), *p);
    if (!rides) return;
    struct ax_unary_params u = {act->act, act->alpha, act->beta};
    LOW_STEP(L, UNARY_F32, LOW_LIST(at), LOW_LIST(y), u);
}

enum ax_status low_global_pool(struct low *L, const struct ax_node *n)
{
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    int x = low_in(L, n->inputs[0]), rank = low_op(L, x)->rank;
    int first = ax_node_int(n, "nhwc", 0) ? 1 : 2;
    struct ax_reduce_params p = {.op = n->op == AX_OP_GLOBAL_AVERAGE_POOL ? AX_REDUCE_MEAN : AX_REDUCE_MAX};
    for (int i = 0; i < rank - 2; i++) p.axes_mask |= 1 << (first + i);
    reduce(L, x, low_out(L, n->outputs[0]), &p, &act);
    return AX_OK;
}

static enum ax_reduce reduce_of(enum ax_op op)
{
    switch (op) {
    case AX_OP_REDUCE_SUM: return AX_REDUCE_SUM;
    case AX_OP_REDUCE_MEAN: return AX_REDUCE_MEAN;
    case AX_OP_REDUCE_MAX: return AX_REDUCE_MAX;
    case AX_OP_REDUCE_MIN: return AX_REDUCE_MIN;
    case AX_OP_REDUCE_PROD: return AX_REDUCE_PROD;
    case AX_OP_REDUCE_L2: return AX_REDUCE_L2;
    case AX_OP_REDUCE_SUM_SQUARE: return AX_REDUCE_SUM_SQUARE;
    case AX_OP_ARG_MAX: return AX_REDUCE_ARG_MAX;
    default: return AX_REDUCE_ARG_MIN;
    }
}

int low_reduce_axes(const struct ax_node *n, int rank)
{
    int64_t axes[AX_MAX_RANK];
    int mask = 0;
    if (n->op == AX_OP_ARG_MAX || n->op == AX_OP_ARG_MIN) {
        int64_t axis = ax_node_int(n, "axis", 0);
        return 1 << (axis < 0 ? axis + rank : axis);
    }
    int count = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
    for (int i = 0; i < count; i++) mask |= 1 << (axes[i] < 0 ? axes[i] + rank : axes[i]);
    return ax_node_attr(n, "axes") || ax_node_int(n, "noop_with_empty_axes", 0) ? mask : (1 << rank) - 1;
}

enum ax_status low_reduce(struct low *L, const struct ax_node *n)
{
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    int x = low_in(L, n->inputs[0]);
    struct ax_reduce_params p = {.op = reduce_of(n->op),
                                 .axes_mask = low_reduce_axes(n, low_op(L, x)->rank),
                                 .select_last = (int32_t)ax_node_int(n, "select_last_index", 0)};
    reduce(L, x, low_out(L, n->outputs[0]), &p, &act);
    return AX_OK;
}
