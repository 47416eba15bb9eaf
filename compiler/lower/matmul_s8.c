/* MatMul and Gemm on int8: with weights a 1x1 convolution over the pixels, of two activations a product of plain operands. */
#include "lower/rules.h"
#include "lower/s8.h"
#include "lower/weighted.h"

static bool two_fit(const struct low *L, const struct ax_node *n)
{
    const struct ax_value *a = low_value(L, n->inputs[0]), *b = low_value(L, n->inputs[1]), *y = low_value(L, n->outputs[0]);
    if (n->op != AX_OP_MATMUL || ax_in(n, 3) != AX_NONE || !low_is_quant(a) || !low_is_quant(b)) return false;
    if (a->quant.count != 1 || b->quant.count != 1 || a->shape.rank < 2 || b->shape.rank < 2) return false;
    if (y->dtype != AX_DTYPE_FLOAT32 && !low_is_quant(y)) return false;
    if (low_is_quant(y) && y->quant.count > 1 && y->quant.axis != y->shape.rank - 1) return false;
    return ax_in(n, 2) == AX_NONE || ax_is_const(L->g, n->inputs[2]);
}

static enum ax_status two(struct low *L, const struct ax_node *n)
{
    const struct ax_value *a = low_value(L, n->inputs[0]), *b = low_value(L, n->inputs[1]), *y = low_value(L, n->outputs[0]);
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    if (act.slope != AX_NONE) return low_fail(L, AX_UNSUPPORTED, "slopes on a product of two activations");
    L->form = LOW_MOVED;
    int x = low_in_plain(L, n->inputs[0]), w = low_in_plain(L, n->inputs[1]), out = low_out(L, n->outputs[0]);
    struct ax_matmul_params p;
    LOW_TRY(low_matmul_params(L, low_op(L, x), low_op(L, w), &p));
    const float *bias = ax_in(n, 2) == AX_NONE ? NULL : low_floats(L, n->inputs[2], "the bias");
    int64_t n_bias = bias ? ax_shape_count(&low_value(L, n->inputs[2])->shape) : 0;
    if (L->status != AX_OK) return L->status;
    if (bias && n_bias != 1 && n_bias != p.n)
        return low_fail(L, AX_SHAPE, "%lld biases for %d columns", (long long)n_bias, p.n);
    struct low_epi e = low_epi_new(L, (p.n + 15) / 16 * 16, low_is_quant(y) ? &y->quant : NULL, &act, false);
    for (int i = 0; i < p.n; i++) {
        low_epi_channel(&e, i, i, (double)a->quant.scale[0] * (double)b->quant.scale[0],
                        bias ? (double)bias[n_bias > 1 ? i : 0] : 0);
        *low_epi_int(&e, AX_EPI_ZA, i) = a->quant.zero_point[0];
        *low_epi_int(&e, AX_EPI_ZB, i) = b->quant.zero_point[0];
    }
    p.act = act.act, p.alpha = act.alpha, p.beta = act.beta, p.linear = e.linear;
    LOW_STEP(L, MATMUL_S8, LOW_LIST(x, w, low_epi_const(L, &e)), LOW_LIST(out), p);
    return AX_OK;
}

enum ax_status low_matmul_s8(struct low *L, const struct ax_node *n, bool *done)
{
    if (!low_is_quant(low_value(L, n->inputs[0]))) return AX_OK;
    if (low_rows_weighted(L, n)) {
        struct low_weighted d;
        LOW_TRY(low_weighted_rows(L, n, &d));
        return low_weighted_s8(L, &d, done);
    }
    if (!two_fit(L, n)) return AX_OK;
    *done = true;
    return two(L, n);
}
