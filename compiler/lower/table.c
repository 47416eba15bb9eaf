/* Functions of one element on int8: 256 entries, computed here with the arithmetic of the kernels. */
#include "kernels/simd_scalar.h"

#include "kernels/act.h"
#include "lower/rules.h"
#include "lower/s8.h"

#include <math.h>

static float with_constant(const struct low_function *f, float x, int64_t c)
{
    float k = f->k[f->n_k > 1 ? c : 0];
    float a = f->left ? k : x, b = f->left ? x : k;
    switch (f->op) {
    case AX_BINARY_ADD: return a + b;
    case AX_BINARY_SUB: return a - b;
    case AX_BINARY_MUL: return a * b;
    case AX_BINARY_DIV: return a / b;
    case AX_BINARY_MIN: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

float low_function_at(const struct low_function *f, float x, int64_t c)
{
    if (f->binary) x = with_constant(f, x, c);
    if (f->slope) return vf_act_any(AX_ACT_LEAKY_RELU, x, f->slope[f->n_slope > 1 ? c : 0], 0);
    return f->act.act == AX_ACT_NONE ? x : vf_act_any(f->act.act, x, f->act.alpha, f->act.beta);
}

static int8_t round_s8(float v)
{
    v = v > -128.0f ? v : -128.0f; /* a NaN becomes -128, as in epilogues */
    return (int8_t)rintf(v < 127.0f ? v : 127.0f);
}

void low_table(struct low *L, int x, const struct ax_quant *xq, const struct low_function *f, const struct ax_value *yv, int y)
{
    const struct ax_quant *yq = &yv->quant;
    int64_t channels = yv->shape.rank ? yv->shape.dim[yv->shape.rank - 1] : 1;
    bool by_channel = xq->count > 1 || yq->count > 1 || (f->binary && f->n_k > 1) || (f->slope && f->n_slope > 1);
    int64_t tables = by_channel ? channels : 1, dim[2] = {tables, 256};
    int8_t *t = AX_NEW(&L->tmp, int8_t, tables * 256);
    for (int64_t c = 0; c < tables; c++) {
        float inv = (float)(1 / (double)low_scale(yq, c)), zero = (float)low_zero(yq, c);
        for (int q = -128; q < 128; q++) {
            float v = low_function_at(f, (float)(q - low_zero(xq, c)) * low_scale(xq, c), c);
            t[c * 256 + q + 128] = round_s8(fmaf(v, inv, zero));
        }
    }
    struct ax_table_params p = {.tables = (int32_t)tables};
    LOW_STEP(L, TABLE_S8, LOW_LIST(x, low_const(L, AX_DTYPE_INT8, 2, dim, t)), LOW_LIST(y), p);
}

int low_rescaled(struct low *L, int x, const struct ax_quant *xq, const struct ax_value *yv)
{
    int64_t c = yv->shape.dim[yv->shape.rank - 1];
    if (low_same_scales(xq, 0, &yv->quant, 0, c)) return x;
    struct low_function same = {.act = {.act = AX_ACT_NONE}};
    int y = low_planes_like(L, yv, x);
    low_table(L, x, xq, &same, yv, y);
    return y;
}

enum ax_status low_lookup(struct low *L, const struct ax_node *n)
{
    (void)n;
    return low_fail(L, AX_UNSUPPORTED, "its input and output have to be quantized, of rank 2 to 4");
}

enum ax_status low_lookup_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *t = low_value(L, n->inputs[1]), *y = low_value(L, n->outputs[0]);
    if (!low_is_planes(x) || !low_is_planes(y)) return AX_OK;
    int from = low_in_planes(L, n->inputs[0]);
    struct ax_table_params p = {.tables = (int32_t)t->shape.dim[0]};
    int to = L->native[n->outputs[0]] = low_planes_like(L, y, from);
    LOW_STEP(L, TABLE_S8, LOW_LIST(from, low_const(L, AX_DTYPE_INT8, 2, t->shape.dim, t->data)), LOW_LIST(to), p);
    *done = true;
    return AX_OK;
}
