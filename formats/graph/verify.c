/* The verifier: every invariant of graph.h and of the op table, with what breaks it in the message. And inference over the
 * graph, which the verifier repeats on a copy of the values. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/infer.h"
#include "program/activation.h"

static enum ax_status node_fail(const struct ax_node *n, struct ax_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static enum ax_status node_fail(const struct ax_node *n, struct ax_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    ax_vfail(err, AX_INTERNAL, fmt, ap);
    va_end(ap);
    return ax_fail_in(err, "%s node '%s'", ax_op_name(n->op), n->name);
}

static bool arity_fits(int have, int lo, int hi)
{
    return have >= lo && (hi < 0 || have <= hi);
}

static const char *arity_text(char buf[32], int lo, int hi)
{
    if (hi < 0)
        snprintf(buf, 32, "at least %d", lo);
    else if (lo == hi)
        snprintf(buf, 32, "%d", lo);
    else
        snprintf(buf, 32, "%d to %d", lo, hi);
    return buf;
}

static enum ax_status check_arity(const struct ax_node *n, struct ax_error *err)
{
    const struct ax_op_row *row = ax_op_row(n->op);
    char text[32];
    if (!arity_fits(n->n_inputs, row->min_inputs, row->max_inputs))
        return node_fail(n, err, "has %d inputs, but takes %s", n->n_inputs,
                         arity_text(text, row->min_inputs, row->max_inputs));
    if (!arity_fits(n->n_outputs, row->min_outputs, row->max_outputs))
        return node_fail(n, err, "has %d outputs, but gives %s", n->n_outputs,
                         arity_text(text, row->min_outputs, row->max_outputs));
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] == AX_NONE && (i < row->min_inputs || row->max_inputs < 0))
            return node_fail(n, err, "input %d is missing", i);
    return AX_OK;
}

enum ax_status ax_node_infer(struct ax_graph *g, int node, struct ax_error *err)
{
    const struct ax_node *n = &g->nodes[node];
    const struct ax_op_row *row = ax_op_row(n->op);
    if (!row->infer) return ax_fail(err, AX_UNSUPPORTED, "node '%s' has no operator", n->name);
    enum ax_status s = check_arity(n, err);
    return s ? s : row->infer(g, node, err);
}

enum ax_status ax_graph_infer(struct ax_graph *g, struct ax_error *err)
{
    for (int k = 0; k < g->n_nodes; k++) {
        enum ax_status s = g->nodes[k].op ? ax_node_infer(g, k, err) : AX_OK;
        if (s) return s;
    }
    return AX_OK;
}

/* -- values -- */

static enum ax_status check_quant(const struct ax_value *v, struct ax_error *err)
{
    const struct ax_quant *q = &v->quant;
    if (!q->count) return AX_OK;
    if (q->count < 0 || !q->scale || !q->zero_point)
        return ax_fail(err, AX_INTERNAL, "value '%s': quantization with %d scales lacks its arrays", v->name, q->count);
    if (q->count > 1 && v->shape.rank >= 0 && (q->axis < 0 || q->axis >= v->shape.rank || v->shape.dim[q->axis] != q->count)) {
        char text[AX_SHAPE_TEXT];
        return ax_fail(err, AX_INTERNAL, "value '%s': %d scales along axis %d do not fit shape %s", v->name, q->count, q->axis,
                       ax_shape_text(&v->shape, text));
    }
    for (int i = 0; i < q->count; i++)
        if (!(q->scale[i] > 0 && isfinite(q->scale[i])))
            return ax_fail(err, AX_INTERNAL, "value '%s': scale %d is %g; it must be positive and finite", v->name, i,
                           (double)q->scale[i]);
    return AX_OK;
}

static enum ax_status check_value(const struct ax_graph *g, int i, struct ax_error *err)
{
    const struct ax_value *v = &g->values[i];
    if (!v->name || !*v->name) return ax_fail(err, AX_INTERNAL, "value %d has no name", i);
    if (ax_graph_find_value(g, v->name) != i)
        return ax_fail(err, AX_INTERNAL, "value %d: name '%s' belongs to value %d (names change by ax_value_rename only)", i,
                       v->name, ax_graph_find_value(g, v->name));
    if ((unsigned)v->dtype >= AX_DTYPE_COUNT || v->shape.rank < -1 || v->shape.rank > AX_MAX_RANK)
        return ax_fail(err, AX_INTERNAL, "value '%s': type %d or rank %d out of range", v->name, (int)v->dtype, v->shape.rank);
    for (int d = 0; d < v->shape.rank; d++)
        if (v->shape.dim[d] < -1)
            return ax_fail(err, AX_INTERNAL, "value '%s': dimension %d is %lld", v->name, d, (long long)v->shape.dim[d]);
    if (ax_shape_known(&v->shape) && ax_shape_count(&v->shape) < 0)
        return ax_fail(err, AX_SHAPE, "value '%s' has more than 2^40 elements", v->name);
    if (v->data && (v->producer != AX_NONE || ax_value_bytes(v) < 0 || v->dtype == AX_DTYPE_NONE))
        return ax_fail(err, AX_INTERNAL, "constant '%s' has a producer, or lacks a type or a shape", v->name);
    return check_quant(v, err);
}

/* -- nodes -- */

/* Every input is a constant, a graph input, or made by a node before this one; every output is made here alone. */
static enum ax_status check_edges(const struct ax_graph *g, int k, struct ax_error *err)
{
    const struct ax_node *n = &g->nodes[k];
    for (int i = 0; i < n->n_inputs; i++) {
        int v = n->inputs[i];
        if (v == AX_NONE) continue;
        if (v < 0 || v >= g->n_values) return node_fail(n, err, "input %d is value %d of %d", i, v, g->n_values);
        const struct ax_value *in = &g->values[v];
        if (in->producer == AX_NONE && !in->data && !ax_is_graph_input(g, v))
            return node_fail(n, err, "input '%s' is made by no node", in->name);
        if (in->producer >= k) return node_fail(n, err, "input '%s' is made by a later node (order)", in->name);
    }
    for (int i = 0; i < n->n_outputs; i++) {
        int v = n->outputs[i];
        if (v == AX_NONE) continue;
        if (v < 0 || v >= g->n_values) return node_fail(n, err, "output %d is value %d of %d", i, v, g->n_values);
        if (g->values[v].producer != k)
            return node_fail(n, err, "output '%s' says that node %d makes it (tidy was not called, or it is made twice)",
                             g->values[v].name, g->values[v].producer);
        if (ax_is_graph_input(g, v)) return node_fail(n, err, "output '%s' is an input of the graph", g->values[v].name);
    }
    return AX_OK;
}

static const struct ax_attr_row *attr_row(const struct ax_op_row *row, const char *name)
{
    for (const struct ax_attr_row *a = row->attrs; a && a->name; a++)
        if (!strcmp(a->name, name)) return a;
    return NULL;
}

static bool kind_fits(enum ax_attr_kind kind, enum ax_attr_type type)
{
    static const enum ax_attr_type types[] = {[AX_KIND_INT] = AX_ATTR_INT,
                                              [AX_KIND_FLOAT] = AX_ATTR_FLOAT,
                                              [AX_KIND_STRING] = AX_ATTR_STRING,
                                              [AX_KIND_INTS] = AX_ATTR_INTS,
                                              [AX_KIND_FLOATS] = AX_ATTR_FLOATS};
    return kind == AX_KIND_TENSOR || types[kind] == type;
}

static enum ax_status check_attrs(const struct ax_node *n, struct ax_error *err)
{
    const struct ax_op_row *row = ax_op_row(n->op);
    for (int i = 0; i < n->n_attrs; i++) {
        const struct ax_attr *a = &n->attrs[i];
        const struct ax_attr_row *known = attr_row(row, a->name);
        if (!known) return node_fail(n, err, "has no attribute '%s' in canonical form", a->name);
        if (!kind_fits(known->kind, a->type)) return node_fail(n, err, "attribute '%s' has the wrong type", a->name);
        if (ax_node_attr(n, a->name) != a) return node_fail(n, err, "attribute '%s' occurs twice", a->name);
    }
    const char *act = ax_node_string(n, "act", "none");
    if (ax_act_from_text(act) == AX_ACT_COUNT) return node_fail(n, err, "act '%s' is unknown", act);
    return AX_OK;
}

/* `shadow` is g with its own copy of the values, on which the rule runs. */
static enum ax_status check_inferred(const struct ax_graph *g, struct ax_graph *shadow, int k, struct ax_error *err)
{
    char have[AX_SHAPE_TEXT], want[AX_SHAPE_TEXT];
    const struct ax_node *n = &g->nodes[k];
    enum ax_status s = ax_node_infer(shadow, k, err);
    if (s) return s;
    for (int i = 0; i < n->n_outputs; i++) {
        if (n->outputs[i] == AX_NONE) continue;
        const struct ax_value *is = &g->values[n->outputs[i]], *as = &shadow->values[n->outputs[i]];
        if (is->dtype != as->dtype)
            return node_fail(n, err, "output '%s' is %s, but follows as %s", is->name, ax_dtype_text(is->dtype),
                             ax_dtype_text(as->dtype));
        if (as->shape.rank >= 0 && !ax_shape_equal(&is->shape, &as->shape))
            return node_fail(n, err, "output '%s' is %s, but follows as %s", is->name, ax_shape_text(&is->shape, have),
                             ax_shape_text(&as->shape, want));
        shadow->values[n->outputs[i]] = *is;
    }
    return AX_OK;
}

static enum ax_status check_node(const struct ax_graph *g, struct ax_graph *shadow, int k, struct ax_error *err)
{
    const struct ax_node *n = &g->nodes[k];
    enum ax_status s;
    if (n->op <= AX_OP_NONE || n->op >= AX_OP_COUNT)
        return ax_fail(err, AX_INTERNAL, "node %d '%s' is dead (tidy was not called) or has no operator", k, n->name);
    if ((s = check_arity(n, err))) return s;
    if ((s = check_edges(g, k, err))) return s;
    if ((s = check_attrs(n, err))) return s;
    return check_inferred(g, shadow, k, err);
}

static enum ax_status check_ports(const struct ax_graph *g, struct ax_error *err)
{
    for (int i = 0; i < g->n_inputs; i++) {
        int v = g->inputs[i];
        if (v < 0 || v >= g->n_values) return ax_fail(err, AX_INTERNAL, "graph input %d is value %d of %d", i, v, g->n_values);
        if (g->values[v].producer != AX_NONE || g->values[v].data)
            return ax_fail(err, AX_INTERNAL, "graph input '%s' is a constant or has a producer", g->values[v].name);
    }
    for (int i = 0; i < g->n_outputs; i++) {
        int v = g->outputs[i];
        if (v < 0 || v >= g->n_values) return ax_fail(err, AX_INTERNAL, "graph output %d is value %d of %d", i, v, g->n_values);
        if (g->values[v].producer == AX_NONE && !g->values[v].data && !ax_is_graph_input(g, v))
            return ax_fail(err, AX_INTERNAL, "graph output '%s' is made by no node", g->values[v].name);
    }
    return AX_OK;
}

static bool lists_output(const struct ax_graph *g, int node, int v)
{
    if (node < 0 || node >= g->n_nodes) return false;
    for (int i = 0; i < g->nodes[node].n_outputs; i++)
        if (g->nodes[node].outputs[i] == v) return true;
    return false;
}

enum ax_status ax_graph_verify(const struct ax_graph *g, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int v = 0; v < g->n_values && !s; v++) {
        s = check_value(g, v, err);
        if (!s && g->values[v].producer != AX_NONE && !lists_output(g, g->values[v].producer, v))
            s = ax_fail(err, AX_INTERNAL, "value '%s': node %d does not make it", g->values[v].name, g->values[v].producer);
    }
    if (!s) s = check_ports(g, err);
    if (s) return s;

    struct ax_graph shadow = *g;
    shadow.values = malloc(sizeof *g->values * (size_t)(g->n_values + 1));
    if (!shadow.values) abort();
    if (g->n_values) memcpy(shadow.values, g->values, sizeof *g->values * (size_t)g->n_values);
    for (int k = 0; k < g->n_nodes && !s; k++) s = check_node(g, &shadow, k, err);
    free(shadow.values);
    return s;
}
