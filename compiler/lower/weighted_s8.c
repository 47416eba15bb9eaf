/* Products with constant int8 weights on planes: CONV_S8, DWCONV_S8, CONVT_S8.
 *
 * acc = sum of q_x w over the taps, halo and all. With one input scale the real value is w.scale[n] x.scale (acc - sum of z_x
 * w); with a vector of them the quantizer has multiplied the weights by the input's scales, and w.scale[n] alone is the factor.
 */
#include "lower/s8.h"
#include "lower/weighted.h"

#include <math.h>
#include <string.h>

static bool quantized_weights(const struct low *L, int w)
{
    const struct ax_value *v = low_value(L, w);
    if (!ax_is_const(L->g, w) || !low_is_quant(v)) return false;
    for (int i = 0; i < v->quant.count; i++)
        if (v->quant.zero_point[i]) return false;
    return true;
}

static bool same_pixels(const struct ax_value *a, const struct ax_value *b)
{
    int64_t x[4], y[4];
    low_planes_dims(a, x);
    low_planes_dims(b, y);
    return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/* Whether the residual can ride; makes it PRE where there is no activation between. */
static bool residual_rides(const struct low *L, struct low_weighted *d)
{
    if (d->residual == AX_NONE) return true;
    const struct ax_value *r = low_value(L, d->residual), *y = low_value(L, d->y);
    if (!low_is_planes(r) || !ax_shape_equal(&r->shape, &y->shape)) return false;
    if (d->act.act == AX_ACT_NONE) d->params.residual = AX_RESIDUAL_PRE;
    if (y->dtype != AX_DTYPE_FLOAT32 || d->params.residual == AX_RESIDUAL_PRE) return true;
    for (int i = 0; i < r->quant.count; i++)
        if (r->quant.zero_point[i]) return false; /* a float output has no row to take it */
    return true;
}

static bool fits(const struct low *L, struct low_weighted *d)
{
    const struct ax_value *x = low_value(L, d->x), *y = low_value(L, d->y);
    if (!d->nhwc || !low_is_planes(x) || !quantized_weights(L, d->w)) return false;
    if (!low_is_planes(y) && (y->dtype != AX_DTYPE_FLOAT32 || y->shape.rank != x->shape.rank)) return false;
    if (x->shape.rank != y->shape.rank || (d->rows && !same_pixels(x, y))) return false;
    return residual_rides(L, d);
}

/* A residual that cannot ride (it is float, or a float output has no row for its zero point) is added behind a bare product.
 * True when d, or d made bare, can run on planes. */
static bool runs(const struct low *L, struct low_weighted *d)
{
    if (fits(L, d)) return true;
    if (d->residual == AX_NONE) return false;
    struct low_weighted bare = *d;
    bare.bare = true;
    bare.residual = AX_NONE;
    if (d->params.residual == AX_RESIDUAL_PRE) {
        bare.act = (struct low_act){.act = AX_ACT_NONE, .slope = AX_NONE};
        bare.params.act = AX_ACT_NONE;
    }
    bare.params.residual = AX_RESIDUAL_NONE;
    if (!fits(L, &bare)) return false;
    *d = bare;
    return true;
}

/* -- the epilogue -- */

static int32_t weight_zero_sum(const struct low_weighted *d, const int8_t *w, const struct ax_quant *xq, int g, int n)
{
    const struct ax_weights *v = &d->view;
    int64_t sum = 0;
    for (int c = 0; c < v->c; c++) {
        int32_t zero = low_zero(xq, (int64_t)g * v->c + c), part = 0;
        if (!zero) continue;
        for (int y = 0; y < v->kh; y++)
            for (int x = 0; x < v->kw; x++) part += w[ax_weights_at(v, g, n, c, y, x)];
        sum += (int64_t)zero * part;
    }
    return sum > INT32_MAX ? INT32_MAX : sum < -INT32_MAX ? -INT32_MAX : (int32_t)sum;
}

static double weight_scale(const struct ax_quant *q, const struct ax_weights *v, int g, int n)
{
    return (double)q->scale[q->count == 1 ? 0 : q->count == v->n * v->groups ? g * v->n + n : n];
}

/* The bias as an integer where it fits beside the accumulator, else as a real addend. Returns the addend. */
static double put_bias(const struct low_epi *e, int at, double bias, double factor, int32_t zero_sum)
{
    double whole = rint(bias / factor);
    bool fit = whole > -1073741824.0 && whole < 1073741824.0;
    int64_t sum = (fit ? (int64_t)whole : 0) - zero_sum;
    *low_epi_int(e, AX_EPI_BIAS, at) = (int32_t)(sum > INT32_MAX ? INT32_MAX : sum < -INT32_MAX ? -INT32_MAX : sum);
    return fit ? 0 : bias;
}

static const float *slopes(struct low *L, const struct low_weighted *d, int64_t *count)
{
    if (d->act.slope == AX_NONE) return NULL;
    *count = ax_shape_count(&low_value(L, d->act.slope)->shape);
    return low_floats(L, d->act.slope, "the slope");
}

static struct low_epi epilogue(struct low *L, const struct low_weighted *d)
{
    const struct ax_value *x = low_value(L, d->x), *w = low_value(L, d->w), *y = low_value(L, d->y);
    const struct ax_weights *v = &d->view;
    bool post = d->params.residual == AX_RESIDUAL_POST;
    int lanes = d->depthwise ? ax_round_up(v->groups, 16) : v->groups * ax_round_up(v->n, 16);
    struct low_epi e = low_epi_new(L, lanes, low_is_quant(y) && !d->bare ? &y->quant : NULL, &d->act, post);
    const float *bias = low_weighted_bias(L, d);
    int64_t n_slope = 0;
    const float *slope = slopes(L, d, &n_slope);
    if (L->status != AX_OK) return e;
    for (int g = 0; g < v->groups; g++)
        for (int n = 0; n < v->n; n++) {
            int c = g * v->n + n, at = d->depthwise ? g : g * ax_round_up(v->n, 16) + n;
            double factor = weight_scale(&w->quant, v, g, n) * (double)d->alpha;
            if (x->quant.count == 1) factor *= (double)x->quant.scale[0];
            double add = put_bias(&e, at, (double)bias[c], factor, weight_zero_sum(d, w->data, &x->quant, g, n));
            low_epi_channel(&e, at, c, factor, add);
            if (d->params.residual) low_epi_residual(&e, at, c, &low_value(L, d->residual)->quant, post);
            if (slope) low_epi_put(&e, AX_EPI_SLOPE, at, (double)slope[n_slope > 1 ? c : 0]);
        }
    return e;
}

/* -- weights -- */

/* Channels [c, c + n) of an operand as runs of at most 64 channels of one plane. */
static int find_runs(struct low *L, int x, int c, int n, struct ax_run *runs)
{
    const struct low_plane *planes = L->places[x].planes;
    int count = 0;
    for (int i = 0, first = 0; i < low_op(L, x)->n_planes; first += planes[i++].channels) {
        int from = c > first ? c - first : 0, to = c + n - first < planes[i].channels ? c + n - first : planes[i].channels;
        for (; from < to; from += AX_PLANE_CHANNELS) {
            int32_t len = to - from < AX_PLANE_CHANNELS ? to - from : AX_PLANE_CHANNELS;
            runs[count++] = (struct ax_run){i, from, len};
        }
    }
    return count;
}

/* Cuts the longest run in two until there are `want`. */
static void cut_runs(struct ax_run *runs, int n, int want)
{
    for (; n < want; n++) {
        int longest = 0;
        for (int i = 1; i < n; i++)
            if (runs[i].channels > runs[longest].channels) longest = i;
        memmove(runs + longest + 1, runs + longest, sizeof *runs * (size_t)(n - longest));
        int32_t first = runs[longest].channels > 4 ? ax_round_up(runs[longest].channels / 2, 4) : runs[longest].channels / 2;
        runs[longest].channels = first;
        runs[longest + 1].first += first;
        runs[longest + 1].channels -= first;
    }
}

/* All groups have as many runs as the one with most. */
static struct ax_run *all_runs(struct low *L, const struct ax_weights *v, int x, int *per_group)
{
    int most = 0, bound = low_op(L, x)->n_planes + v->c / AX_PLANE_CHANNELS + 2;
    struct ax_run *one = AX_NEW(&L->tmp, struct ax_run, bound);
    for (int g = 0; g < v->groups; g++) {
        int n = find_runs(L, x, g * v->c, v->c, one);
        if (n > most) most = n;
    }
    struct ax_run *all = AX_NEW(&L->tmp, struct ax_run, (int64_t)v->groups * most + bound);
    for (int g = 0; g < v->groups; g++) {
        int n = find_runs(L, x, g * v->c, v->c, one);
        memcpy(all + (int64_t)g * most, one, sizeof *one * (size_t)n);
        cut_runs(all + (int64_t)g * most, n, most);
    }
    *per_group = most;
    return all;
}

static int packed(struct low *L, const struct low_weighted *d, const struct ax_run *runs, int n_runs)
{
    const struct ax_weights *v = &d->view;
    int64_t taps = (int64_t)v->kh * v->kw;
    int64_t bytes = d->depthwise ? taps * ax_round_up(v->groups, 16) : ax_packed_s8_bytes(v, runs, n_runs);
    struct ax_arena a = {0};
    int8_t *p = AX_NEW(&a, int8_t, bytes);
    if (d->depthwise)
        ax_pack_dw_s8(v, low_value(L, d->w)->data, p);
    else
        ax_pack_s8(v, runs, n_runs, low_value(L, d->w)->data, p);
    int64_t dim[2] = {taps, bytes / taps};
    int op = d->depthwise ? low_const(L, AX_DTYPE_INT8, 2, dim, p) : low_const(L, AX_DTYPE_INT8, 1, &bytes, p);
    ax_arena_free(&a);
    return op;
}

/* -- the step -- */

static int input_with_halo(struct low *L, const struct low_weighted *d)
{
    const struct ax_value *xv = low_value(L, d->x), *yv = low_value(L, d->y);
    const struct ax_conv_params *p = &d->params;
    int x = low_in_planes(L, d->x);
    if (d->transposed) return x;
    int64_t in[4], out[4];
    low_planes_dims(xv, in);
    low_planes_dims(yv, out);
    int64_t bottom = (out[1] - 1) * p->stride_h + (int64_t)(p->kh - 1) * p->dilation_h - p->pad_top - (in[1] - 1);
    int64_t right = (out[2] - 1) * p->stride_w + (int64_t)(p->kw - 1) * p->dilation_w - p->pad_left - (in[2] - 1);
    if (low_need_halo(L, x, p->pad_top, p->pad_left, (int)bottom, (int)right)) return x;
    x = low_copy_planes(L, x, xv, NULL, 0);
    low_need_halo(L, x, p->pad_top, p->pad_left, (int)bottom, (int)right);
    return x;
}

static int output_of(struct low *L, const struct low_weighted *d)
{
    const struct ax_value *y = low_value(L, d->y);
    if (d->bare) return low_plain_new(L, y->name, AX_DTYPE_FLOAT32, y->shape.rank, y->shape.dim);
    if (!low_is_planes(y)) return low_out(L, d->y);
    return L->native[d->y] = low_planes_new(L, y, NULL, 0);
}

static int residual_of(struct low *L, const struct low_weighted *d, int y)
{
    if (d->residual == AX_NONE) return -1;
    int r = low_in_planes(L, d->residual);
    if (low_op(L, y)->layout != AX_LAYOUT_PLANES || low_same_structure(L, r, y)) return r;
    return low_copy_planes(L, r, low_value(L, d->residual), NULL, 0);
}

static enum ax_status emit(struct low *L, const struct low_weighted *d, int y)
{
    int x = input_with_halo(L, d), residual = residual_of(L, d, y);
    struct low_epi e = epilogue(L, d);
    if (L->status != AX_OK) return L->status;
    struct ax_conv_params p = d->params;
    p.linear = e.linear;
    if (d->depthwise) {
        LOW_STEP(L, DWCONV_S8, LOW_LIST(x, packed(L, d, NULL, 0), low_epi_const(L, &e), residual), LOW_LIST(y), p);
        return AX_OK;
    }
    int per_group;
    struct ax_run *list = all_runs(L, &d->view, x, &per_group);
    int64_t dim[3] = {d->view.groups, per_group, 3};
    int w = packed(L, d, list, per_group), runs_op = low_const(L, AX_DTYPE_INT32, 3, dim, list), epi = low_epi_const(L, &e);
    enum ax_step_kind kind = d->transposed ? AX_STEP_CONVT_S8 : AX_STEP_CONV_S8;
    low_step(L, kind, LOW_LIST(x, w, runs_op, epi, residual), LOW_LIST(y), &p, sizeof p);
    return AX_OK;
}

/* What a bare product left out, in float. */
static void add_residual(struct low *L, const struct low_weighted *whole, int at)
{
    L->form = LOW_REAL;
    int r = low_in_real(L, whole->residual), y = low_out(L, whole->y);
    bool post = whole->params.residual == AX_RESIDUAL_POST, prelu = !post && whole->act.slope != AX_NONE;
    int sum = prelu ? low_like(L, at) : y;
    low_binary_step(L, AX_BINARY_ADD, at, r, sum, post || prelu ? NULL : &whole->act);
    if (prelu)
        low_binary_step(L, AX_BINARY_PRELU, sum, low_slopes(L, whole->act.slope, whole->view.n * whole->view.groups), y, NULL);
}

enum ax_status low_weighted_s8(struct low *L, struct low_weighted *d, bool *done)
{
    const struct low_weighted whole = *d;
    if (!runs(L, d)) return AX_OK;
    *done = true;
    int y = output_of(L, d);
    LOW_TRY(emit(L, d, y));
    if (d->bare) add_residual(L, &whole, y);
    return L->status;
}

enum ax_status low_conv_s8(struct low *L, const struct ax_node *n, bool *done)
{
    struct low_weighted d;
    if (!low_is_planes(low_value(L, n->inputs[0]))) return AX_OK;
    LOW_TRY(low_weighted_conv(L, n, &d));
    return low_weighted_s8(L, &d, done);
}

/* -- a new bias for a step that stands -- */

static enum ax_status update_step(struct low *L, const struct ax_node *n, const struct ax_step *s)
{
    struct low_weighted d;
    bool conv = n->op == AX_OP_CONV || n->op == AX_OP_CONV_TRANSPOSE;
    LOW_TRY(conv ? low_weighted_conv(L, n, &d) : low_weighted_rows(L, n, &d));
    if (!runs(L, &d)) return low_fail(L, AX_INVALID_ARGUMENT, "no longer has the int8 form that the program was made from");
    struct low_epi e = epilogue(L, &d);
    if (L->status != AX_OK) return L->status;
    const struct ax_operand *o = &L->p->operands[s->in[s->kind == AX_STEP_DWCONV_S8 ? 2 : 3]];
    int64_t bytes = (int64_t)sizeof *e.rows * AX_EPI_ROWS * e.p;
    if (o->bytes != bytes) return low_fail(L, AX_INVALID_ARGUMENT, "does not fit the program's step \"%s\"", s->name);
    memcpy((uint8_t *)(uintptr_t)L->p->const_data + o->offset, e.rows, (size_t)bytes);
    return AX_OK;
}

enum ax_status ax_lower_update_bias(const struct ax_graph *g, int node, struct ax_program *p, struct ax_error *err)
{
    struct low L = {.g = g, .p = p, .err = err, .node = node};
    const struct ax_step *step = NULL;
    for (int i = 0; i < p->n_steps; i++)
        if (p->steps[i].node == node && (p->steps[i].kind == AX_STEP_CONV_S8 || p->steps[i].kind == AX_STEP_DWCONV_S8 ||
                                         p->steps[i].kind == AX_STEP_CONVT_S8))
            step = &p->steps[i];
    if (!step) return low_fail(&L, AX_UNSUPPORTED, "has no int8 step whose bias could change");
    ax_arena_init(&L.tmp);
    enum ax_status s = update_step(&L, &g->nodes[node], step);
    ax_arena_free(&L.tmp);
    return s;
}
