/* Which nodes run in int8, and which values are stored as int8.
 *
 * Weighted layers want int8; everything between them follows when it can; what stands behind the last weighted layer of every
 * path (the tail: decoding, softmax, a final resize) stays float and is fed float32 from that layer's accumulators, so that
 * nothing that leaves the model is rounded for nothing. Softmax, LayerNormalization and products of two activations by MatMul
 * are float islands. */
#include <string.h>

#include "base/text.h"
#include "quantizer/internal.h"

int ax_weighted(const struct ax_graph *g, const struct ax_node *n)
{
    if (n->op != AX_OP_CONV && n->op != AX_OP_CONV_TRANSPOSE && n->op != AX_OP_MATMUL) return 0;
    int w = ax_in(n, 1);
    return ax_is_const(g, w) && !ax_is_const(g, n->inputs[0]) && g->values[w].shape.rank >= 2 &&
           (g->values[w].dtype == AX_DTYPE_FLOAT32 || g->values[w].dtype == AX_DTYPE_INT8);
}

int64_t ax_node_macs(const struct ax_graph *g, const struct ax_node *n)
{
    if (!ax_weighted(g, n)) return 0;
    const struct ax_shape *w = &g->values[n->inputs[1]].shape;
    int64_t out = ax_shape_count(&g->values[n->outputs[0]].shape);
    if (n->op == AX_OP_MATMUL) return out * w->dim[0];
    int64_t taps = 1;
    for (int i = 2; i < w->rank; i++) taps *= w->dim[i];
    if (n->op == AX_OP_CONV) return out * w->dim[1] * taps;
    return ax_shape_count(&g->values[n->inputs[0]].shape) * w->dim[1] * taps;
}

static const struct ax_shape *shape_of(const struct ax_graph *g, int v)
{
    return &g->values[v].shape;
}

static int is_float(const struct ax_graph *g, int v)
{
    return v != AX_NONE && g->values[v].dtype == AX_DTYPE_FLOAT32;
}

/* [N, 1, 1, C] beside [N, H, W, C] */
static int pixel_broadcast(const struct ax_shape *small, const struct ax_shape *big)
{
    return small->rank == 4 && big->rank == 4 && small->dim[0] == big->dim[0] && small->dim[1] == 1 && small->dim[2] == 1 &&
           small->dim[3] == big->dim[3];
}

/* A constant of one element, or one by channel of the last axis. */
static int channel_constant(const struct ax_graph *g, int v, const struct ax_shape *x)
{
    const struct ax_shape *s = shape_of(g, v);
    int64_t n = ax_shape_count(s);
    if (!ax_is_const(g, v) || !is_float(g, v)) return 0;
    return n == 1 || (s->rank >= 1 && s->rank <= x->rank && n == s->dim[s->rank - 1] && n == x->dim[x->rank - 1]);
}

static int elementwise_fits(const struct ax_graph *g, const struct ax_node *n)
{
    int a = n->inputs[0], b = n->inputs[1];
    const struct ax_shape *sa = shape_of(g, a), *sb = shape_of(g, b), *y = shape_of(g, n->outputs[0]);
    if (n->op == AX_OP_DIV) return channel_constant(g, b, sa) && ax_shape_equal(sa, y);
    if (ax_is_const(g, a)) return channel_constant(g, a, sb) && ax_shape_equal(sb, y);
    if (ax_is_const(g, b)) return channel_constant(g, b, sa) && ax_shape_equal(sa, y);
    if (ax_shape_equal(sa, sb)) return 1;
    return (pixel_broadcast(sa, sb) && ax_shape_equal(sb, y)) || (pixel_broadcast(sb, sa) && ax_shape_equal(sa, y));
}

static int spatial_reduce(const struct ax_graph *g, const struct ax_node *n)
{
    int64_t axes[AX_MAX_RANK];
    return shape_of(g, n->inputs[0])->rank == 4 && ax_node_ints(n, "axes", axes, AX_MAX_RANK, -1) == 2 && axes[0] == 1 &&
           axes[1] == 2 && ax_node_int(n, "keepdims", 1) == 1;
}

/* Whether int8 kernels exist for a node that is not weighted, looking at the node alone. */
static int can_int8(const struct ax_graph *g, const struct ax_node *n)
{
    const char *mode;
    if (n->n_outputs < 1 || n->n_inputs < 1) return 0;
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != AX_NONE && !is_float(g, n->inputs[i])) return 0;
    for (int i = 0; i < n->n_outputs; i++)
        if (!is_float(g, n->outputs[i]) || shape_of(g, n->outputs[i])->rank > 4 || shape_of(g, n->outputs[i])->rank < 2)
            return 0;
    if (shape_of(g, n->inputs[0])->rank > 4) return 0;
    switch (n->op) {
    case AX_OP_ADD:
    case AX_OP_SUB:
    case AX_OP_MUL:
    case AX_OP_DIV: return elementwise_fits(g, n);
    case AX_OP_MAX_POOL:
    case AX_OP_AVERAGE_POOL:
    case AX_OP_GLOBAL_AVERAGE_POOL:
    case AX_OP_GLOBAL_MAX_POOL: return n->n_outputs == 1 && shape_of(g, n->inputs[0])->rank == 4 && ax_node_int(n, "nhwc", 0);
    case AX_OP_REDUCE_MEAN: return spatial_reduce(g, n);
    case AX_OP_CONCAT:
        for (int i = 0; i < n->n_inputs; i++)
            if (ax_is_const(g, n->inputs[i])) return 0;
        return 1;
    case AX_OP_SPLIT:
    case AX_OP_SLICE:
    case AX_OP_RESHAPE:
    case AX_OP_TRANSPOSE: return shape_of(g, n->inputs[0])->rank >= 2;
    case AX_OP_CHANNEL_SHUFFLE:
    case AX_OP_DEPTH_TO_SPACE: return ax_node_int(n, "nhwc", 0) != 0;
    case AX_OP_PAD:
        mode = ax_node_string(n, "mode", "constant");
        return shape_of(g, n->inputs[0])->rank == 4 && !strcmp(mode, "constant") && ax_node_float(n, "value", 0) == 0;
    case AX_OP_RESIZE:
        mode = ax_node_string(n, "mode", "nearest");
        return shape_of(g, n->inputs[0])->rank == 4 && (!strcmp(mode, "nearest") || !strcmp(mode, "linear")) &&
               !ax_node_int(n, "antialias", 0) && shape_of(g, n->inputs[0])->dim[3] == shape_of(g, n->outputs[0])->dim[3] &&
               strcmp(ax_node_string(n, "coordinate_transformation_mode", ""), "tf_crop_and_resize");
    default: return ax_op_row(n->op)->quant == AX_Q_UNARY && n->n_inputs == 1 && shape_of(g, n->inputs[0])->rank >= 2;
    }
}

/* By the node's own name, by its operator's, or by that of what it computes, as the report of the worst layers says it. */
static int is_named(const struct ax_graph *g, const struct ax_node *n, const char *name)
{
    if (!strcmp(name, n->name) || !strcmp(name, ax_op_name(n->op))) return 1;
    for (int o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != AX_NONE && !strcmp(name, g->values[n->outputs[o]].name)) return 1;
    return 0;
}

static int listed(const char *name, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(list[i], name)) return 1;
    return 0;
}

int ax_output_int8(const struct ax_quant_options *opt, const char *name)
{
    return opt->output_int8 || listed(name, opt->int8_outputs, opt->n_int8_outputs);
}

static int named(const struct ax_graph *g, const struct ax_node *n, const struct ax_quant_options *opt)
{
    for (int i = 0; i < opt->n_float_nodes; i++)
        if (is_named(g, n, opt->float_nodes[i])) return 1;
    return 0;
}

/* A name that no node has would change nothing without a word. */
static enum ax_status check_float_nodes(const struct ax_graph *g, const struct ax_quant_options *opt, struct ax_arena *a,
                                        struct ax_error *err)
{
    for (int i = 0; i < opt->n_float_nodes; i++) {
        const char *name = opt->float_nodes[i];
        int k = 0;
        while (k < g->n_nodes && !is_named(g, &g->nodes[k], name)) k++;
        if (k < g->n_nodes) continue;
        const char **words = AX_NEW(a, const char *, g->n_nodes + 1);
        for (int n = 0; n < g->n_nodes; n++) words[n] = g->nodes[n].name;
        const char *near = ax_nearest(name, words);
        return ax_fail(err, AX_NOT_FOUND,
                       "--float_nodes: no node, operator or tensor of the graph is called '%s'%s%s%s. The passes fuse nodes: "
                       "--show_operations lists those that are left",
                       name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return AX_OK;
}

static int weighted_fits(const struct ax_graph *g, const struct ax_node *n)
{
    int rank = shape_of(g, n->inputs[0])->rank;
    if (n->op == AX_OP_MATMUL) return rank >= 2 && rank <= 4 && shape_of(g, n->inputs[1])->rank == 2;
    return rank == 4 && ax_node_int(n, "nhwc", 0);
}

int ax_reads_int8(const struct ax_graph *g, const struct ax_node *n, int i)
{
    int v = ax_in(n, i);
    if (v == AX_NONE || ax_is_const(g, v)) return 0;
    return ax_weighted(g, n) ? i == 0 || i == 3 : 1;
}

/* A small weighted layer fed through movements by a float island (the DFL convolution behind a softmax): part of the tail. */
static int behind_island(const struct ax_graph *g, int v)
{
    while (v != AX_NONE && g->values[v].producer != AX_NONE) {
        const struct ax_node *n = &g->nodes[g->values[v].producer];
        if (n->op == AX_OP_SOFTMAX || n->op == AX_OP_EXP) return 1;
        if (ax_op_row(n->op)->quant != AX_Q_MOVE || n->n_inputs != 1) return 0;
        v = n->inputs[0];
    }
    return 0;
}

/* Backwards over the nodes: one is in the tail when nothing but the tail and the user reads it. */
static void find_tail(const struct ax_graph *g, const struct ax_uses *u, const struct ax_quant_options *opt, struct ax_plan *p)
{
    int64_t total = 0;
    for (int i = 0; i < g->n_nodes; i++) total += ax_node_macs(g, &g->nodes[i]);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const struct ax_node *n = &g->nodes[i];
        int only = 1;
        for (int o = 0; o < n->n_outputs && only; o++)
            for (int k = u->start[n->outputs[o]]; k < u->start[n->outputs[o] + 1]; k++) only &= p->tail[u->users[k]];
        if (!only || listed(n->name, opt->int8_nodes, opt->n_int8_nodes)) continue;
        if (!ax_weighted(g, n))
            p->tail[i] = 1;
        else if (ax_node_macs(g, n) < total / 50 && behind_island(g, n->inputs[0]))
            p->tail[i] = 1;
    }
}

static int read_by_int8(const struct ax_graph *g, const struct ax_uses *u, const struct ax_plan *p, int v, int main_only)
{
    for (int k = u->start[v]; k < u->start[v + 1]; k++) {
        const struct ax_node *n = &g->nodes[u->users[k]];
        if (!p->int8[u->users[k]]) continue;
        for (int i = 0; i < n->n_inputs; i++)
            if (n->inputs[i] == v && ax_reads_int8(g, n, i) && !(main_only && ax_weighted(g, n) && i == 3)) return 1;
    }
    return 0;
}

static const char *reason(const struct ax_graph *g, const struct ax_plan *p, int i)
{
    const struct ax_node *n = &g->nodes[i];
    enum ax_quant_class q = ax_op_row(n->op)->quant;
    if (p->tail[i]) return "behind the last weighted layer: outputs are decoded in float";
    if (q == AX_Q_SHAPE) return NULL;
    if (n->op == AX_OP_MATMUL) return "product of two activations";
    if (q == AX_Q_FLOAT) return "no int8 form of this operator";
    if (ax_weighted(g, n)) return "shape or layout has no int8 kernel";
    return can_int8(g, n) ? "no int8 layer reads it" : "this form has no int8 kernel";
}

enum ax_status ax_plan_make(const struct ax_graph *g, const struct ax_quant_options *opt, struct ax_arena *a, struct ax_plan *p,
                            struct ax_error *err)
{
    enum ax_status s = check_float_nodes(g, opt, a, err);
    if (s) return s;
    struct ax_uses u = ax_graph_uses(g);
    *p = (struct ax_plan){.n_nodes = g->n_nodes,
                          .int8 = AX_NEW(a, uint8_t, g->n_nodes + 1),
                          .tail = AX_NEW(a, uint8_t, g->n_nodes + 1),
                          .store = AX_NEW(a, uint8_t, g->n_values + 1),
                          .float_out = AX_NEW(a, uint8_t, g->n_values + 1),
                          .why = AX_NEW(a, const char *, g->n_nodes + 1)};
    find_tail(g, &u, opt, p);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const struct ax_node *n = &g->nodes[i];
        if (p->tail[i]) continue;
        if (named(g, n, opt)) {
            p->why[i] = "the user asked for float";
            continue;
        }
        if (ax_weighted(g, n))
            p->int8[i] = (uint8_t)weighted_fits(g, n);
        else if (can_int8(g, n) && listed(n->name, opt->int8_nodes, opt->n_int8_nodes))
            p->int8[i] = 1;
        else if (can_int8(g, n))
            for (int o = 0; o < n->n_outputs; o++) p->int8[i] |= (uint8_t)read_by_int8(g, &u, p, n->outputs[o], 1);
    }
    for (int v = 0; v < g->n_values; v++)
        if (!ax_is_const(g, v) && is_float(g, v)) p->store[v] = (uint8_t)read_by_int8(g, &u, p, v, 0);
    /* Who else reads what a weighted layer makes? Float readers get the accumulators' float, int8 readers a rounded copy. */
    for (int i = 0; i < g->n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        if (!p->int8[i]) {
            if (!p->why[i]) p->why[i] = reason(g, p, i);
            continue;
        }
        if (!ax_weighted(g, n)) {
            for (int o = 0; o < n->n_outputs; o++) p->store[n->outputs[o]] = 1;
            continue;
        }
        int v = n->outputs[0], float_reader = 0;
        for (int k = u.start[v]; k < u.start[v + 1]; k++) float_reader |= !p->int8[u.users[k]];
        p->float_out[v] = (uint8_t)(!p->store[v] || ax_is_graph_output(g, v) || float_reader);
    }
    ax_uses_free(&u);
    return AX_OK;
}
