/* MatMul and Gemm: with constant weights a 1x1 convolution over rows, else a product of two activations. */
#include "lower/rules.h"
#include "lower/weighted.h"

#include <string.h>

/* B as [K, N] of one matrix; false if it is a batch of several. */
static bool one_matrix(const struct ax_shape *b, int64_t *k, int64_t *n)
{
    if (b->rank < 1) return false;
    for (int i = 0; i < b->rank - 2; i++)
        if (b->dim[i] != 1) return false;
    *k = b->rank == 1 ? b->dim[0] : b->dim[b->rank - 2];
    *n = b->rank == 1 ? 1 : b->dim[b->rank - 1];
    return true;
}

/* The third input of a Gemm can ride along only as a vector over columns. */
static bool gemm_bias_rides(const struct ax_graph *g, int c, int64_t n)
{
    if (c == AX_NONE) return true;
    const struct ax_shape *s = &g->values[c].shape;
    int64_t count = ax_shape_count(s);
    return ax_is_const(g, c) && (count == 1 || (count == n && s->rank >= 1 && s->dim[s->rank - 1] == n));
}

static bool weighted_gemm(const struct low *L, const struct ax_node *n)
{
    const struct ax_shape *b = &low_value(L, n->inputs[1])->shape;
    if (!ax_is_const(L->g, n->inputs[1]) || b->rank != 2 || ax_node_int(n, "transA", 0)) return false;
    return gemm_bias_rides(L->g, ax_in(n, 2), b->dim[ax_node_int(n, "transB", 0) ? 0 : 1]);
}

static bool weighted_matmul(const struct low *L, const struct ax_node *n)
{
    int64_t k, cols;
    return ax_is_const(L->g, n->inputs[1]) && one_matrix(&low_value(L, n->inputs[1])->shape, &k, &cols);
}

bool low_rows_weighted(const struct low *L, const struct ax_node *n)
{
    return n->op == AX_OP_GEMM ? weighted_gemm(L, n) : weighted_matmul(L, n);
}

enum ax_status low_weighted_rows(struct low *L, const struct ax_node *n, struct low_weighted *d)
{
    bool gemm = n->op == AX_OP_GEMM, trans_b = gemm && ax_node_int(n, "transB", 0);
    *d = (struct low_weighted){.node = n,
                               .x = n->inputs[0],
                               .w = n->inputs[1],
                               .bias = ax_in(n, 2),
                               .residual = ax_in(n, 3),
                               .y = n->outputs[0],
                               .rows = true,
                               .nhwc = true};
    d->alpha = gemm ? ax_node_float(n, "alpha", 1) : 1;
    d->beta = gemm ? ax_node_float(n, "beta", 1) : 1;
    LOW_TRY(low_act_of(L, n, &d->act));
    int64_t k, cols;
    if (!one_matrix(&low_value(L, d->w)->shape, &k, &cols)) return low_fail(L, AX_INTERNAL, "weights are not one matrix");
    struct ax_weights *v = &d->view;
    *v = (struct ax_weights){.groups = 1, .n = (int)cols, .c = (int)k, .kh = 1, .kw = 1, .sc = cols, .sn = 1};
    if (trans_b) v->n = (int)k, v->c = (int)cols, v->sc = 1, v->sn = cols;
    const struct ax_shape *x = &low_value(L, d->x)->shape;
    if (x->rank < 1 || x->dim[x->rank - 1] != v->c)
        return low_fail(L, AX_SHAPE, "rows of %lld elements do not fit weights of %d inputs",
                        (long long)(x->rank ? x->dim[x->rank - 1] : 1), v->c);
    d->params = (struct ax_conv_params){.kh = 1,
                                        .kw = 1,
                                        .stride_h = 1,
                                        .stride_w = 1,
                                        .dilation_h = 1,
                                        .dilation_w = 1,
                                        .groups = 1,
                                        .act = d->act.act,
                                        .alpha = d->act.alpha,
                                        .beta = d->act.beta,
                                        .weights = trans_b ? AX_WEIGHTS_N_K : AX_WEIGHTS_K_N};
    if (d->residual != AX_NONE)
        d->params.residual = strcmp(ax_node_string(n, "residual", "pre"), "post") ? AX_RESIDUAL_PRE : AX_RESIDUAL_POST;
    return AX_OK;
}

static int as_rows(struct low *L, int op, int64_t columns)
{
    if (op < 0) return op;
    struct ax_shape s = ax_shape_make(low_op(L, op)->rank, low_op(L, op)->dim);
    return low_view(L, op, 4, (int64_t[]){1, 1, columns ? ax_shape_count(&s) / columns : 0, columns});
}

static enum ax_status rows_f32(struct low *L, const struct ax_node *n)
{
    struct low_weighted d;
    LOW_TRY(low_weighted_rows(L, n, &d));
    int x = as_rows(L, low_in(L, d.x), d.view.c);
    int residual = as_rows(L, low_in(L, d.residual), d.view.n);
    return low_weighted_f32(L, &d, x, residual, as_rows(L, low_out(L, d.y), d.view.n));
}

/* -- two activations -- */

static int with_rank2(struct low *L, int op, bool right)
{
    struct ax_operand o = *low_op(L, op);
    if (o.rank > 1) return op;
    int64_t k = o.rank ? o.dim[0] : 1;
    return low_view(L, op, 2, right ? (int64_t[]){k, 1} : (int64_t[]){1, k});
}

/* Strides over the output's batch dimensions, 0 where the operand is broadcast. */
static bool batch_strides(const struct ax_operand *o, int batch_rank, const int32_t *batch, int32_t *stride)
{
    int64_t at = o->dim[o->rank - 2] * o->dim[o->rank - 1];
    int own = o->rank - 2;
    for (int i = batch_rank - 1; i >= 0; i--) {
        int j = i - (batch_rank - own);
        int64_t d = j < 0 ? 1 : o->dim[j];
        if ((d != 1 && d != batch[i]) || at > INT32_MAX) return false;
        stride[i] = d == 1 ? 0 : (int32_t)at;
        at *= d;
    }
    return true;
}

enum ax_status low_matmul_params(struct low *L, const struct ax_operand *a, const struct ax_operand *b,
                                 struct ax_matmul_params *p)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    *p = (struct ax_matmul_params){.batch_rank = rank - 2, .batch = {1, 1, 1, 1}};
    if (rank - 2 > 4) return low_fail(L, AX_UNSUPPORTED, "%d batch dimensions; at most 4 are supported", rank - 2);
    for (int i = 0; i < rank - 2; i++) {
        int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        p->batch[i] = (int32_t)(da == 1 ? db : da);
    }
    if (!batch_strides(a, rank - 2, p->batch, p->a_stride) || !batch_strides(b, rank - 2, p->batch, p->b_stride))
        return low_fail(L, AX_SHAPE, "batches of \"%s\" and \"%s\" do not fit each other", a->name, b->name);
    p->m = (int32_t)a->dim[a->rank - 2];
    p->k = (int32_t)a->dim[a->rank - 1];
    p->n = (int32_t)b->dim[b->rank - 1];
    if (b->dim[b->rank - 2] != p->k)
        return low_fail(L, AX_SHAPE, "rows of %d elements do not fit columns of %lld", p->k, (long long)b->dim[b->rank - 2]);
    return AX_OK;
}

/* What a product of two activations cannot carry itself (a residual, slopes) follows as steps of its own. */
static enum ax_status matmul_two(struct low *L, const struct ax_node *n)
{
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    int a = with_rank2(L, low_in(L, n->inputs[0]), false), b = with_rank2(L, low_in(L, n->inputs[1]), true);
    int bias = low_in(L, ax_in(n, 2)), residual = low_in(L, ax_in(n, 3)), y = low_out(L, n->outputs[0]);
    struct ax_matmul_params p;
    LOW_TRY(low_matmul_params(L, low_op(L, a), low_op(L, b), &p));
    bool post = residual >= 0 && !strcmp(ax_node_string(n, "residual", "pre"), "post");
    bool rides = act.slope == AX_NONE && (residual < 0 || post);
    if (rides) p.act = act.act, p.alpha = act.alpha, p.beta = act.beta;
    int at = residual >= 0 || act.slope != AX_NONE ? low_like(L, y) : y;
    LOW_STEP(L, MATMUL_F32, LOW_LIST(a, b, bias), LOW_LIST(at), p);
    int slope = low_in(L, act.slope);
    if (residual >= 0 && !post) {
        int to = slope >= 0 ? low_like(L, y) : y;
        low_binary_step(L, AX_BINARY_ADD, at, residual, to, slope >= 0 ? NULL : &act);
        at = to;
    }
    if (slope >= 0) {
        int to = post ? low_like(L, y) : y;
        low_binary_step(L, AX_BINARY_PRELU, at, slope, to, NULL);
        at = to;
    }
    if (post) low_binary_step(L, AX_BINARY_ADD, at, residual, y, NULL);
    return AX_OK;
}

static int scaled(struct low *L, int op, float factor)
{
    if (op < 0 || factor == 1) return op;
    int y = low_like(L, op);
    low_binary_step(L, AX_BINARY_MUL, op, low_scalar_f32(L, factor), y, NULL);
    return y;
}

static enum ax_status gemm_two(struct low *L, const struct ax_node *n)
{
    static const int swap[] = {1, 0};
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    if (act.slope != AX_NONE || ax_in(n, 3) != AX_NONE)
        return low_fail(L, AX_UNSUPPORTED, "residual or slopes on a Gemm whose weights are not constant");
    int a = low_in(L, n->inputs[0]), b = low_in(L, n->inputs[1]), c = low_in(L, ax_in(n, 2));
    if (ax_node_int(n, "transA", 0)) a = low_transpose(L, a, swap);
    if (ax_node_int(n, "transB", 0)) b = low_transpose(L, b, swap);
    struct ax_matmul_params p;
    LOW_TRY(low_matmul_params(L, low_op(L, a), low_op(L, b), &p));
    int y = low_out(L, n->outputs[0]);
    float alpha = ax_node_float(n, "alpha", 1);
    bool alone = c < 0 && alpha == 1;
    if (alone) p.act = act.act, p.alpha = act.alpha, p.beta = act.beta;
    int at = alone ? y : low_like(L, y);
    LOW_STEP(L, MATMUL_F32, LOW_LIST(a, b, -1), LOW_LIST(at), p);
    if (alone) return AX_OK;
    if (c < 0)
        low_binary_step(L, AX_BINARY_MUL, at, low_scalar_f32(L, alpha), y, &act);
    else
        low_binary_step(L, AX_BINARY_ADD, scaled(L, at, alpha), scaled(L, c, ax_node_float(n, "beta", 1)), y, &act);
    return AX_OK;
}

enum ax_status low_matmul(struct low *L, const struct ax_node *n)
{
    return low_rows_weighted(L, n) ? rows_f32(L, n) : matmul_two(L, n);
}

enum ax_status low_gemm(struct low *L, const struct ax_node *n)
{
    return low_rows_weighted(L, n) ? rows_f32(L, n) : gemm_two(L, n);
}
