/* A quantization for every stored value.
 *
 * Values that some computation makes ("roots") choose their scales from what calibration saw; values that movements make carry
 * those of their sources. A root may have a scale and a zero point for each channel when every int8 reader, through the
 * movements, can absorb a vector: weights take the scale of their input channel, sums, products by element, pools and tables
 * read a vector.
 *
 * By channel: scale_c = R (r_c / R)^alpha / 255 with r_c the channel's range and R the widest, so that alpha = 0 gives all
 * channels one range and alpha = 1 each its own; larger alpha moves error from the activations into the weights that absorb.
 * Where only depthwise layers read, alpha is 1: their weights have one input channel each and lose nothing. */
#include <math.h>
#include <string.h>

#include "quantizer/internal.h"

struct chooser {
    const struct ax_graph *g;
    const struct ax_plan *plan;
    const struct ax_calibration *c;
    const struct ax_quant_options *opt;
    struct ax_arena *a;
    struct ax_uses uses;
    int8_t *vector;    /* by value: may have a vector of scales */
    int8_t *depthwise; /* by value: all readers are depthwise layers */
    struct ax_quant *quant;
    double alpha;
};

static int last_dim(const struct ax_graph *g, int v)
{
    const struct ax_shape *s = &g->values[v].shape;
    return s->rank ? (int)s->dim[s->rank - 1] : 1;
}

static int is_depthwise(const struct ax_graph *g, const struct ax_node *n)
{
    return n->op == AX_OP_CONV && ax_node_int(n, "group", 1) == last_dim(g, n->inputs[0]) && last_dim(g, n->inputs[0]) > 1;
}

/* Concat along the channels joins vectors; along anything else the parts are brought to the result's own scales. */
static int joins_channels(const struct ax_graph *g, const struct ax_node *n)
{
    return n->op == AX_OP_CONCAT && ax_node_int(n, "axis", 1) == g->values[n->outputs[0]].shape.rank - 1;
}

/* Nodes whose output carries its input's scales. */
static int carries(const struct ax_graph *g, const struct ax_node *n)
{
    switch (n->op) {
    case AX_OP_CONCAT: return joins_channels(g, n);
    case AX_OP_SPLIT:
    case AX_OP_SLICE:
    case AX_OP_RESHAPE:
    case AX_OP_TRANSPOSE:
    case AX_OP_CHANNEL_SHUFFLE:
    case AX_OP_DEPTH_TO_SPACE:
    case AX_OP_PAD:
    case AX_OP_RESIZE: return 1;
    case AX_OP_MAX_POOL:
    case AX_OP_GLOBAL_MAX_POOL: return !ax_node_attr(n, "act");
    default: return 0;
    }
}

/* Whether channel c of the input is channel c (or a known channel) of the output. */
static int keeps_channels(const struct ax_graph *g, const struct ax_node *n)
{
    int x = n->inputs[0], y = n->outputs[0];
    const struct ax_shape *sx = &g->values[x].shape, *sy = &g->values[y].shape;
    int64_t perm[AX_MAX_RANK], axes[AX_MAX_RANK], pads[2 * AX_MAX_RANK];
    switch (n->op) {
    case AX_OP_RESHAPE: return sx->dim[sx->rank - 1] == sy->dim[sy->rank - 1];
    case AX_OP_TRANSPOSE: return ax_node_ints(n, "perm", perm, AX_MAX_RANK, 0) && perm[sx->rank - 1] == sx->rank - 1;
    case AX_OP_DEPTH_TO_SPACE: return 0;
    case AX_OP_PAD:
        ax_node_ints(n, "pads", pads, 2 * AX_MAX_RANK, 0);
        return pads[sx->rank - 1] == 0 && pads[2 * sx->rank - 1] == 0;
    case AX_OP_SLICE: {
        int64_t steps[AX_MAX_RANK];
        int k = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
        ax_node_ints(n, "steps", steps, AX_MAX_RANK, 1);
        for (int i = 0; i < k; i++)
            if (axes[i] == sx->rank - 1 && steps[i] != 1) return 0;
        return 1;
    }
    default: return 1;
    }
}

/* Whether reader n can absorb or pass on a vector of scales in its input v. */
static int absorbs(const struct chooser *k, const struct ax_node *n, int v)
{
    const struct ax_graph *g = k->g;
    if (ax_weighted(g, n)) return 1;
    if (carries(g, n)) {
        if (!keeps_channels(g, n)) return 0;
        for (int o = 0; o < n->n_outputs; o++)
            if (!k->vector[n->outputs[o]]) return 0;
        return 1;
    }
    switch (n->op) {
    case AX_OP_ADD:
    case AX_OP_SUB:
    case AX_OP_MUL:
    case AX_OP_DIV: return last_dim(g, v) == last_dim(g, n->outputs[0]);
    case AX_OP_AVERAGE_POOL:
    case AX_OP_GLOBAL_AVERAGE_POOL:
    case AX_OP_REDUCE_MEAN:
    case AX_OP_MAX_POOL:
    case AX_OP_GLOBAL_MAX_POOL: return 1;
    case AX_OP_CONCAT: return 0;
    default: return ax_op_row(n->op)->quant == AX_Q_UNARY;
    }
}

/* Backwards, so that readers behind movements are known first. */
static void find_vectors(struct chooser *k)
{
    const struct ax_graph *g = k->g;
    for (int v = g->n_values - 1; v >= 0; v--) k->vector[v] = k->depthwise[v] = 1;
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const struct ax_node *n = &g->nodes[i];
        for (int o = 0; o < n->n_outputs; o++) {
            int v = n->outputs[o], any = 0;
            if (!k->opt->channel_scales || g->values[v].shape.rank < 2) k->vector[v] = 0;
            for (int u = k->uses.start[v]; u < k->uses.start[v + 1]; u++) {
                const struct ax_node *r = &g->nodes[k->uses.users[u]];
                if (!k->plan->int8[k->uses.users[u]]) continue;
                any = 1;
                if (!absorbs(k, r, v)) k->vector[v] = 0;
                if (carries(g, r)) {
                    for (int q = 0; q < r->n_outputs; q++) k->depthwise[v] &= k->depthwise[r->outputs[q]];
                } else if (!is_depthwise(g, r) || r->inputs[0] != v)
                    k->depthwise[v] = 0;
            }
            if (!any) k->depthwise[v] = 0;
        }
    }
}

/* x^alpha for alpha a multiple of 1/8 by square roots: the same on every machine. */
static double power(double x, double alpha)
{
    double y = 1, root = x;
    int eighths = (int)(alpha * 8 + 0.5);
    if (eighths >= 8) return x;
    for (int bit = 4; bit; bit >>= 1) {
        root = sqrt(root);
        if (eighths & bit) y *= root;
    }
    return y;
}

static void one_scale(double lo, double hi, float *scale, int32_t *zero)
{
    double s = (hi - lo) / 255;
    if (!(s > 1e-30)) s = 1e-30 > (hi - lo) && hi - lo > 0 ? 1e-30 : 1.0 / 255;
    float f = (float)s;
    double z = rint(-128 - lo / (double)f);
    *scale = f;
    *zero = (int32_t)(z < -128 ? -128 : z > 127 ? 127 : z);
}

static struct ax_quant single(struct chooser *k, const struct ax_stats *s, int axis)
{
    float lo, hi, *scale = AX_NEW(k->a, float, 1);
    int32_t *zero = AX_NEW(k->a, int32_t, 1);
    ax_stats_range(s, k->opt->range, k->opt->percentile, &lo, &hi);
    one_scale(lo, hi, scale, zero);
    return (struct ax_quant){1, axis, scale, zero};
}

static struct ax_quant by_channel(struct chooser *k, const struct ax_stats *s, int axis, double alpha)
{
    int n = s->channels;
    float lo, hi, *scale = AX_NEW(k->a, float, n);
    int32_t *zero = AX_NEW(k->a, int32_t, n);
    ax_stats_range(s, k->opt->range, k->opt->percentile, &lo, &hi);
    double widest = 0;
    for (int c = 0; c < n; c++) {
        double r = fmin((double)s->hi[c], hi) - fmax((double)s->lo[c], lo);
        widest = r > widest ? r : widest;
    }
    for (int c = 0; c < n; c++) {
        double l = fmax((double)s->lo[c], lo), h = fmin((double)s->hi[c], hi), r = h - l;
        double w = widest > 0 ? widest * power(fmax(r / widest, 1e-6), alpha) : 1;
        if (r <= 0)
            l = 0, h = w; /* never seen anything but zero */
        else
            l *= w / r, h *= w / r;
        one_scale(l, h, &scale[c], &zero[c]);
    }
    return (struct ax_quant){n, axis, scale, zero};
}

static struct ax_quant root(struct chooser *k, int v)
{
    const struct ax_stats *s = &k->c->stats[v];
    int axis = k->g->values[v].shape.rank - 1;
    if (!k->vector[v] || s->channels < 2) return single(k, s, axis < 0 ? 0 : axis);
    return by_channel(k, s, axis, k->depthwise[v] ? 1.0 : k->alpha);
}

/* Vector of count entries, single scales spread out. */
static void widen(const struct ax_quant *q, int n, float *scale, int32_t *zero)
{
    for (int c = 0; c < n; c++) {
        scale[c] = q->scale[q->count > 1 ? c : 0];
        zero[c] = q->zero_point[q->count > 1 ? c : 0];
    }
}

static struct ax_quant part(const struct ax_quant *q, int axis, int64_t from, int64_t count)
{
    if (q->count == 1) return (struct ax_quant){1, axis, q->scale, q->zero_point};
    return (struct ax_quant){(int)count, axis, q->scale + from, q->zero_point + from};
}

static struct ax_quant shuffled(struct chooser *k, const struct ax_quant *q, int64_t groups)
{
    if (q->count == 1) return *q;
    float *scale = AX_NEW(k->a, float, q->count);
    int32_t *zero = AX_NEW(k->a, int32_t, q->count);
    int64_t per = q->count / groups;
    for (int64_t c = 0; c < q->count; c++) {
        scale[c] = q->scale[c % groups * per + c / groups];
        zero[c] = q->zero_point[c % groups * per + c / groups];
    }
    return (struct ax_quant){q->count, q->axis, scale, zero};
}

static struct ax_quant joined(struct chooser *k, const struct ax_node *n, int axis)
{
    const struct ax_graph *g = k->g;
    int total = last_dim(g, n->outputs[0]), at = 0, same = 1;
    const struct ax_quant *first = &k->quant[n->inputs[0]];
    float *scale = AX_NEW(k->a, float, total);
    int32_t *zero = AX_NEW(k->a, int32_t, total);
    for (int i = 0; i < n->n_inputs; i++) {
        const struct ax_quant *q = &k->quant[n->inputs[i]];
        widen(q, last_dim(g, n->inputs[i]), scale + at, zero + at);
        same &= q->count == 1 && q->scale[0] == first->scale[0] && q->zero_point[0] == first->zero_point[0];
        at += last_dim(g, n->inputs[i]);
    }
    if (same) return (struct ax_quant){1, axis, first->scale, first->zero_point};
    return (struct ax_quant){total, axis, scale, zero};
}

static int64_t slice_start(const struct ax_node *n, int axis)
{
    int64_t axes[AX_MAX_RANK], starts[AX_MAX_RANK];
    int count = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
    ax_node_ints(n, "starts", starts, AX_MAX_RANK, 0);
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return starts[i];
    return 0;
}

static void carry(struct chooser *k, const struct ax_node *n)
{
    const struct ax_graph *g = k->g;
    const struct ax_quant *q = &k->quant[n->inputs[0]];
    int x = n->inputs[0], in_axis = g->values[x].shape.rank - 1;
    int64_t at = 0;
    for (int o = 0; o < n->n_outputs; o++) {
        int v = n->outputs[o], axis = g->values[v].shape.rank - 1;
        if (v == AX_NONE) continue;
        if (n->op == AX_OP_CONCAT)
            k->quant[v] = joined(k, n, axis);
        else if (n->op == AX_OP_SPLIT && ax_node_int(n, "axis", 0) == in_axis) {
            k->quant[v] = part(q, axis, at, last_dim(g, v));
            at += last_dim(g, v);
        } else if (n->op == AX_OP_SLICE)
            k->quant[v] = part(q, axis, slice_start(n, in_axis), last_dim(g, v));
        else if (n->op == AX_OP_CHANNEL_SHUFFLE)
            k->quant[v] = shuffled(k, q, ax_node_int(n, "group", 1));
        else
            k->quant[v] = (struct ax_quant){q->count, axis, q->scale, q->zero_point};
    }
}

/* A concat of parts with different single scales would need a vector although its reader cannot take one: such a concat's
 * parts are forced to share one range. */
static int needs_common(const struct chooser *k, const struct ax_node *n)
{
    return joins_channels(k->g, n) && !k->vector[n->outputs[0]];
}

enum ax_status ax_scales_choose(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_calibration *c,
                                const struct ax_quant_options *opt, double alpha, struct ax_arena *a, struct ax_quant *quant,
                                struct ax_error *err)
{
    (void)err;
    struct chooser k = {
        g, plan, c, opt, a, ax_graph_uses(g), AX_NEW(a, int8_t, g->n_values), AX_NEW(a, int8_t, g->n_values), quant, alpha};
    find_vectors(&k);
    memset(quant, 0, sizeof *quant * (size_t)g->n_values);
    for (int i = 0; i < g->n_inputs; i++)
        if (plan->store[g->inputs[i]]) quant[g->inputs[i]] = root(&k, g->inputs[i]);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        int moved = plan->int8[i] && carries(g, n) && !needs_common(&k, n);
        if (moved)
            carry(&k, n);
        else
            for (int o = 0; o < n->n_outputs; o++)
                if (n->outputs[o] != AX_NONE && plan->store[n->outputs[o]]) quant[n->outputs[o]] = root(&k, n->outputs[o]);
    }
    ax_uses_free(&k.uses);
    return AX_OK;
}
