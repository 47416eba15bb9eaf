/* What the operators' inference rules share: reading attributes within ranges, setting outputs, broadcasting, windows. */
#include "graph/infer.h"

#include <string.h>

#include "program/activation.h"

const struct ax_shape ax_shape_unknown = {.rank = -1};

/* -- messages -- */

enum ax_status ax_rule_fail(const struct ax_graph *g, int node, struct ax_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ax_vfail(err, AX_SHAPE, fmt, ap);
    va_end(ap);
    return ax_fail_in(err, "%s node '%s'", ax_op_name(g->nodes[node].op), g->nodes[node].name);
}

/* -- inputs -- */

const struct ax_shape *ax_rule_shape(const struct ax_graph *g, int node, int i)
{
    return &g->values[g->nodes[node].inputs[i]].shape;
}

bool ax_rule_ready(struct ax_graph *g, int node)
{
    const struct ax_node *n = &g->nodes[node];
    bool known = true;
    for (int i = 0; i < n->n_inputs && known; i++)
        known = n->inputs[i] == AX_NONE || ax_shape_count(ax_rule_shape(g, node, i)) >= 0;
    for (int i = 0; i < n->n_outputs && !known; i++) {
        if (n->outputs[i] == AX_NONE) continue;
        struct ax_value *out = &g->values[n->outputs[i]];
        out->shape.rank = -1;
        if (out->dtype == AX_DTYPE_NONE && ax_in(n, 0) != AX_NONE) out->dtype = g->values[n->inputs[0]].dtype;
    }
    return known;
}

bool ax_is_real(const struct ax_value *v)
{
    return v->dtype == AX_DTYPE_FLOAT32 || (v->dtype != AX_DTYPE_NONE && v->quant.count > 0);
}

static bool types_agree(const struct ax_value *a, const struct ax_value *b)
{
    if (a->dtype == AX_DTYPE_NONE || b->dtype == AX_DTYPE_NONE) return true;
    return a->dtype == b->dtype || (ax_is_real(a) && ax_is_real(b));
}

enum ax_status ax_rule_same_type(const struct ax_graph *g, int node, int a, int b, struct ax_error *err)
{
    int va = ax_in(&g->nodes[node], a), vb = ax_in(&g->nodes[node], b);
    if (va == AX_NONE || vb == AX_NONE || types_agree(&g->values[va], &g->values[vb])) return AX_OK;
    return ax_rule_fail(g, node, err, "inputs '%s' and '%s' must have one type, but are %s and %s", g->values[va].name,
                        g->values[vb].name, ax_dtype_text(g->values[va].dtype), ax_dtype_text(g->values[vb].dtype));
}

enum ax_status ax_rule_rank(const struct ax_graph *g, int node, int input, int lo, int hi, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    const struct ax_shape *s = ax_rule_shape(g, node, input);
    if (s->rank >= lo && s->rank <= hi) return AX_OK;
    const char *name = g->values[g->nodes[node].inputs[input]].name;
    if (lo == hi)
        return ax_rule_fail(g, node, err, "input '%s' must have rank %d, but is %s", name, lo, ax_shape_text(s, text));
    return ax_rule_fail(g, node, err, "input '%s' must have a rank of %d to %d, but is %s", name, lo, hi,
                        ax_shape_text(s, text));
}

enum ax_status ax_rule_vector(const struct ax_graph *g, int node, int input, int64_t n, bool one, const char *what,
                              struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    if (ax_in(&g->nodes[node], input) == AX_NONE) return AX_OK;
    const struct ax_shape *s = ax_rule_shape(g, node, input);
    if (s->rank == 1 && s->dim[0] == n) return AX_OK;
    if (one && ax_shape_count(s) == 1 && s->rank <= 1) return AX_OK;
    return ax_rule_fail(g, node, err, "%s '%s' must have %lld elements in one dimension, but is %s", what,
                        g->values[g->nodes[node].inputs[input]].name, (long long)n, ax_shape_text(s, text));
}

/* -- outputs -- */

static enum ax_status set_shape(struct ax_graph *g, int node, int i, const struct ax_shape *s, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    if (ax_shape_known(s) && ax_shape_count(s) < 0)
        return ax_rule_fail(g, node, err, "the output of shape %s has more than 2^40 elements", ax_shape_text(s, text));
    g->values[g->nodes[node].outputs[i]].shape = *s;
    return AX_OK;
}

enum ax_status ax_rule_set(struct ax_graph *g, int node, int i, enum ax_dtype t, const struct ax_shape *s, struct ax_error *err)
{
    int v = ax_out(&g->nodes[node], i);
    if (v == AX_NONE) return AX_OK;
    g->values[v].dtype = t;
    return set_shape(g, node, i, s, err);
}

enum ax_status ax_rule_like(struct ax_graph *g, int node, int i, int from, const struct ax_shape *s, struct ax_error *err)
{
    int v = ax_out(&g->nodes[node], i);
    if (v == AX_NONE) return AX_OK;
    struct ax_value *out = &g->values[v];
    const struct ax_value *in = &g->values[g->nodes[node].inputs[from]];
    if (out->dtype == AX_DTYPE_NONE) out->dtype = in->dtype;
    if (!types_agree(in, out))
        return ax_rule_fail(g, node, err, "output '%s' must have the type of input '%s', %s, but is %s", out->name, in->name,
                            ax_dtype_text(in->dtype), ax_dtype_text(out->dtype));
    return set_shape(g, node, i, s, err);
}

/* -- attributes -- */

enum ax_status ax_rule_int(const struct ax_graph *g, int node, const char *attr, int64_t otherwise, int64_t lo, int64_t hi,
                           int64_t *out, struct ax_error *err)
{
    *out = ax_node_int(&g->nodes[node], attr, otherwise);
    if (*out >= lo && *out <= hi) return AX_OK;
    return ax_rule_fail(g, node, err, "attribute %s must be %lld to %lld, but is %lld", attr, (long long)lo, (long long)hi,
                        (long long)*out);
}

enum ax_status ax_rule_ints(const struct ax_graph *g, int node, const char *attr, int count, int64_t otherwise, int64_t lo,
                            int64_t hi, int64_t *out, struct ax_error *err)
{
    int has = ax_node_ints(&g->nodes[node], attr, out, count, otherwise);
    if (ax_node_attr(&g->nodes[node], attr) && has != count)
        return ax_rule_fail(g, node, err, "attribute %s must have %d entries, but has %d", attr, count, has);
    for (int i = 0; i < count; i++)
        if (out[i] < lo || out[i] > hi)
            return ax_rule_fail(g, node, err, "entry %d of attribute %s must be %lld to %lld, but is %lld", i, attr,
                                (long long)lo, (long long)hi, (long long)out[i]);
    return AX_OK;
}

enum ax_status ax_rule_axis(const struct ax_graph *g, int node, const char *attr, int64_t otherwise, int rank, int *out,
                            struct ax_error *err)
{
    int64_t axis = ax_node_int(&g->nodes[node], attr, otherwise);
    if (axis < -rank || axis >= rank)
        return ax_rule_fail(g, node, err, "attribute %s is %lld, but the input has %d dimensions", attr, (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return AX_OK;
}

enum ax_status ax_rule_shape_attr(const struct ax_graph *g, int node, const char *attr, struct ax_shape *out,
                                  struct ax_error *err)
{
    const struct ax_attr *a = ax_node_attr(&g->nodes[node], attr);
    if (!a || a->type != AX_ATTR_INTS) return ax_rule_fail(g, node, err, "attribute %s (a list of ints) is missing", attr);
    if (a->count > AX_MAX_RANK)
        return ax_rule_fail(g, node, err, "attribute %s has %d entries; at most %d dimensions are supported", attr, a->count,
                            AX_MAX_RANK);
    *out = (struct ax_shape){.rank = a->count};
    for (int i = 0; i < a->count; i++) {
        if (a->ints[i] < 0)
            return ax_rule_fail(g, node, err, "entry %d of attribute %s must not be negative, but is %lld", i, attr,
                                (long long)a->ints[i]);
        out->dim[i] = a->ints[i];
    }
    return AX_OK;
}

/* -- shapes -- */

bool ax_broadcast(struct ax_shape *to, const struct ax_shape *s)
{
    int rank = to->rank > s->rank ? to->rank : s->rank;
    struct ax_shape r = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        int ia = i - (rank - to->rank), ib = i - (rank - s->rank);
        int64_t a = ia < 0 ? 1 : to->dim[ia], b = ib < 0 ? 1 : s->dim[ib];
        if (a != b && a != 1 && b != 1) return false;
        r.dim[i] = a == 1 ? b : a;
    }
    *to = r;
    return true;
}

/* -- windows -- */

enum ax_status ax_rule_window(const struct ax_graph *g, int node, int n_spatial, const int64_t *kernel, struct ax_window *w,
                              struct ax_error *err)
{
    int64_t pads[2 * AX_MAX_RANK];
    enum ax_status s;
    w->n = n_spatial;
    if (!kernel && !ax_node_attr(&g->nodes[node], "kernel_shape"))
        return ax_rule_fail(g, node, err, "attribute kernel_shape is missing");
    if ((s = ax_rule_ints(g, node, "kernel_shape", n_spatial, kernel ? 1 : 0, 1, AX_MAX_FACTOR, w->kernel, err))) return s;
    if ((s = ax_rule_ints(g, node, "strides", n_spatial, 1, 1, AX_MAX_FACTOR, w->stride, err))) return s;
    if ((s = ax_rule_ints(g, node, "dilations", n_spatial, 1, 1, AX_MAX_FACTOR, w->dilation, err))) return s;
    if ((s = ax_rule_ints(g, node, "pads", 2 * n_spatial, 0, -AX_MAX_PAD, AX_MAX_PAD, pads, err))) return s;
    for (int i = 0; i < n_spatial; i++) {
        w->begin[i] = pads[i];
        w->end[i] = pads[n_spatial + i];
        if (!kernel) continue;
        if (kernel[i] < 1 || kernel[i] > AX_MAX_FACTOR)
            return ax_rule_fail(g, node, err, "the weights' spatial dimension %d must be 1 to %d, but is %lld", i,
                                AX_MAX_FACTOR, (long long)kernel[i]);
        if (ax_node_attr(&g->nodes[node], "kernel_shape") && w->kernel[i] != kernel[i])
            return ax_rule_fail(g, node, err, "entry %d of kernel_shape is %lld, but the weights have %lld there", i,
                                (long long)w->kernel[i], (long long)kernel[i]);
        w->kernel[i] = kernel[i];
    }
    return AX_OK;
}

int64_t ax_window_out(const struct ax_window *w, int i, int64_t in, bool ceil_mode)
{
    int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, stride = w->stride[i];
    int64_t room = in + w->begin[i] + w->end[i] - extent;
    if (!ceil_mode) return room < 0 ? 0 : room / stride + 1;
    int64_t out = (room >= 0 ? (room + stride - 1) / stride : -(-room / stride)) + 1;
    if ((out - 1) * stride >= in + w->begin[i]) out--; /* a window that starts in the end padding is none */
    return out;
}

/* -- what passes add -- */

static enum ax_status check_residual(const struct ax_graph *g, int node, const struct ax_shape *out, struct ax_error *err)
{
    char have[AX_SHAPE_TEXT], want[AX_SHAPE_TEXT];
    const char *how = ax_node_string(&g->nodes[node], "residual", NULL);
    int v = ax_in(&g->nodes[node], 3);
    if ((v != AX_NONE) != (how != NULL))
        return ax_rule_fail(g, node, err, "input 3 (residual) and attribute residual come together, but only %s is there",
                            how ? "the attribute" : "the input");
    if (!how) return AX_OK;
    if (strcmp(how, "pre") && strcmp(how, "post"))
        return ax_rule_fail(g, node, err, "attribute residual must be pre or post, but is '%s'", how);
    if (!ax_shape_equal(&g->values[v].shape, out))
        return ax_rule_fail(g, node, err, "residual '%s' must have the output's shape %s, but is %s", g->values[v].name,
                            ax_shape_text(out, want), ax_shape_text(&g->values[v].shape, have));
    return AX_OK;
}

enum ax_status ax_rule_fused(const struct ax_graph *g, int node, int64_t channels, const struct ax_shape *out,
                             struct ax_error *err)
{
    const struct ax_node *n = &g->nodes[node];
    enum ax_status s;
    if ((s = ax_rule_vector(g, node, 2, channels, false, "bias", err))) return s;
    if ((s = check_residual(g, node, out, err))) return s;
    bool prelu = !strcmp(ax_node_string(n, "act", "none"), ax_act_text(AX_ACT_PRELU));
    if (prelu != (ax_in(n, 4) != AX_NONE))
        return ax_rule_fail(g, node, err, "input 4 (slope) and act prelu come together, but only %s is there",
                            prelu ? "the act" : "the input");
    return ax_rule_vector(g, node, 4, channels, true, "slope", err);
}

/* -- rules that several operators share -- */

enum ax_status ax_infer_same(struct ax_graph *g, int node, struct ax_error *err)
{
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    return ax_rule_like(g, node, 0, 0, &s, err);
}

enum ax_status ax_infer_broadcast(struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_node *n = &g->nodes[node];
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    for (int i = 1; i < n->n_inputs; i++) {
        if ((status = ax_rule_same_type(g, node, 0, i, err))) return status;
        struct ax_shape so_far = s;
        if (!ax_broadcast(&s, ax_rule_shape(g, node, i)))
            return ax_rule_fail(g, node, err, "input '%s' of shape %s does not broadcast with %s", g->values[n->inputs[i]].name,
                                ax_shape_text(ax_rule_shape(g, node, i), b), ax_shape_text(&so_far, a));
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}
