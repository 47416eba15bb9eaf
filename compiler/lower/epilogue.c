/* Epilogues of int8 steps: from "real value = accumulator x factor + addend" to the rows of program/steps.h. Numbers are
 * computed in double and rounded once. */
#include "lower/s8.h"

#include <math.h>
#include <string.h>

#include "lower/pack.h"

void low_epi_put(const struct low_epi *e, int row, int n, double v)
{
    float f = (float)v;
    memcpy(low_epi_int(e, row, n), &f, sizeof f);
}

double low_epi_get(const struct low_epi *e, int row, int n)
{
    float f;
    memcpy(&f, low_epi_int(e, row, n), sizeof f);
    return (double)f;
}

struct low_epi low_epi_new(struct low *L, int p, const struct ax_quant *y, const struct low_act *act, bool post)
{
    bool clips = act->act == AX_ACT_NONE || act->act == AX_ACT_RELU || act->act == AX_ACT_CLIP;
    return (struct low_epi){
        .p = p, .rows = AX_NEW(&L->tmp, int32_t, (int64_t)AX_EPI_ROWS * p), .y = y, .act = *act, .linear = y && clips && !post};
}

static double clamp_s8(double v)
{
    return v > -128 ? v < 127 ? v : 127 : -128;
}

/* Bounds of the activation in units of the output; rounding is monotone, so that clipping before it is clipping after it. */
static void put_bounds(const struct low_epi *e, int n, double scale, double zero)
{
    double lo = -128, hi = 127;
    if (e->linear && e->act.act == AX_ACT_RELU) lo = zero;
    if (e->linear && e->act.act == AX_ACT_CLIP) {
        lo = rint((double)e->act.alpha / scale + zero);
        hi = rint((double)e->act.beta / scale + zero);
    }
    low_epi_put(e, AX_EPI_LO, n, clamp_s8(lo));
    low_epi_put(e, AX_EPI_HI, n, clamp_s8(hi));
}

void low_epi_channel(const struct low_epi *e, int n, int64_t c, double factor, double add)
{
    if (!e->y) {
        low_epi_put(e, AX_EPI_MUL, n, factor);
        low_epi_put(e, AX_EPI_ADD, n, add);
        return;
    }
    double scale = (double)low_scale(e->y, c), zero = low_zero(e->y, c);
    low_epi_put(e, AX_EPI_MUL, n, e->linear ? factor / scale : factor);
    low_epi_put(e, AX_EPI_ADD, n, e->linear ? add / scale + zero : add);
    low_epi_put(e, AX_EPI_INV, n, 1 / scale);
    low_epi_put(e, AX_EPI_ZERO, n, zero);
    put_bounds(e, n, scale, zero);
}

/* The residual's zero point goes into the row that is added before it: ADD, or ZERO behind the activation. */
void low_epi_residual(const struct low_epi *e, int n, int64_t c, const struct ax_quant *r, bool post)
{
    bool scaled = e->y && (e->linear || post);
    double factor = (double)low_scale(r, c) / (scaled ? (double)low_scale(e->y, c) : 1);
    int row = post ? AX_EPI_ZERO : AX_EPI_ADD;
    low_epi_put(e, AX_EPI_RES, n, factor);
    low_epi_put(e, row, n, low_epi_get(e, row, n) - low_zero(r, c) * factor);
}

int low_epi_const(struct low *L, const struct low_epi *e)
{
    int64_t dim[2] = {AX_EPI_ROWS, e->p};
    return low_const_own(L, AX_DTYPE_INT32, 2, dim, e->rows);
}
