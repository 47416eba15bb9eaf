/* What is there twice is stored and computed once: equal constants, then nodes of equal operator, attributes, inputs and types
 * and scales of outputs. Walking in topological order, a trunk that two models begin with merges layer by layer. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "join.h"

struct slot {
    uint64_t hash;
    int index; /* value or node, plus one */
};

struct table {
    struct slot *slots;
    uint64_t mask;
    const uint8_t *kind; /* by index: entries of different kinds are not the same; NULL: one kind */
};

static struct table table_new(int n)
{
    struct table t = {.mask = 64};
    while (t.mask < (uint64_t)n * 4) t.mask *= 2;
    t.slots = calloc(t.mask, sizeof *t.slots);
    if (!t.slots) abort();
    t.mask--;
    return t;
}

static bool same_kind(const struct table *t, int a, int b)
{
    return !t->kind || t->kind[a] == t->kind[b];
}

/* The first entry with this hash that `same` agrees to; -1 when `index` is now entered itself. */
static int find_or_add(struct table *t, uint64_t hash, int index, const struct ax_graph *g,
                       bool (*same)(const struct ax_graph *g, int a, int b))
{
    uint64_t i = hash & t->mask;
    for (; t->slots[i].index; i = (i + 1) & t->mask)
        if (t->slots[i].hash == hash && same_kind(t, t->slots[i].index - 1, index) && same(g, t->slots[i].index - 1, index))
            return t->slots[i].index - 1;
    t->slots[i] = (struct slot){hash, index + 1};
    return -1;
}

static void add_text(struct ax_hasher *h, const char *s)
{
    ax_hasher_add_text(h, s);
}

static void add_quant(struct ax_hasher *h, const struct ax_quant *q)
{
    ax_hasher_add(h, &q->count, sizeof q->count);
    if (!q->count) return;
    ax_hasher_add(h, &q->axis, sizeof q->axis);
    ax_hasher_add(h, q->scale, sizeof *q->scale * (size_t)q->count);
    ax_hasher_add(h, q->zero_point, sizeof *q->zero_point * (size_t)q->count);
}

static void add_type(struct ax_hasher *h, const struct ax_value *v)
{
    ax_hasher_add(h, &v->dtype, sizeof v->dtype);
    ax_hasher_add(h, &v->shape.rank, sizeof v->shape.rank);
    if (v->shape.rank > 0) ax_hasher_add(h, v->shape.dim, sizeof *v->shape.dim * (size_t)v->shape.rank);
    add_quant(h, &v->quant);
}

static bool same_type(const struct ax_value *a, const struct ax_value *b)
{
    return a->dtype == b->dtype && ax_shape_equal(&a->shape, &b->shape) && ax_join_same_quant(&a->quant, &b->quant);
}

/* -- constants -- */

static uint64_t const_hash(const struct ax_value *v)
{
    struct ax_hasher *h = ax_hasher_new();
    add_type(h, v);
    ax_hasher_add(h, v->data, (size_t)ax_value_bytes(v));
    return ax_hasher_end(h).low;
}

static bool same_const(const struct ax_graph *g, int a, int b)
{
    const struct ax_value *x = &g->values[a], *y = &g->values[b];
    return same_type(x, y) && (x->data == y->data || !memcmp(x->data, y->data, (size_t)ax_value_bytes(x)));
}

static void merge_constants(struct ax_graph *g, int *becomes, struct ax_join_shared *out)
{
    struct table t = table_new(g->n_values);
    char *used = calloc((size_t)g->n_values + 1, 1);
    if (!used) abort();
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_inputs; i++)
            if (g->nodes[k].inputs[i] != AX_NONE) used[g->nodes[k].inputs[i]] = 1;
    for (int v = 0; v < g->n_values; v++) {
        if (!used[v] || !g->values[v].data || ax_is_graph_output(g, v)) continue;
        int first = find_or_add(&t, const_hash(&g->values[v]), v, g, same_const);
        if (first < 0) continue;
        becomes[v] = first;
        out->constants++;
        out->constant_bytes += ax_value_bytes(&g->values[v]);
    }
    free(used);
    free(t.slots);
}

/* -- nodes -- */

static const void *attr_data(const struct ax_attr *a, size_t *bytes)
{
    switch (a->type) {
    case AX_ATTR_INT: return *bytes = sizeof a->i, &a->i;
    case AX_ATTR_FLOAT: return *bytes = sizeof a->f, &a->f;
    case AX_ATTR_STRING: return *bytes = strlen(a->s), a->s;
    case AX_ATTR_INTS: return *bytes = sizeof *a->ints * (size_t)a->count, a->ints;
    case AX_ATTR_FLOATS: return *bytes = sizeof *a->floats * (size_t)a->count, a->floats;
    }
    return *bytes = 0, "";
}

static bool same_attr(const struct ax_attr *a, const struct ax_attr *b)
{
    size_t n, m;
    const void *x = attr_data(a, &n), *y = attr_data(b, &m);
    return a->type == b->type && n == m && !memcmp(x, y, n);
}

static uint64_t node_hash(const struct ax_graph *g, const struct ax_node *n)
{
    struct ax_hasher *h = ax_hasher_new();
    add_text(h, ax_op_name(n->op));
    ax_hasher_add(h, n->inputs, sizeof *n->inputs * (size_t)n->n_inputs);
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE) add_type(h, &g->values[n->outputs[i]]);
    return ax_hasher_end(h).low;
}

static bool same_node(const struct ax_graph *g, int k, int i)
{
    const struct ax_node *a = &g->nodes[k], *b = &g->nodes[i];
    if (a->op != b->op || a->n_inputs != b->n_inputs || a->n_outputs != b->n_outputs || a->n_attrs != b->n_attrs) return false;
    if (memcmp(a->inputs, b->inputs, sizeof *a->inputs * (size_t)a->n_inputs)) return false;
    for (int o = 0; o < a->n_outputs; o++) {
        if ((a->outputs[o] == AX_NONE) != (b->outputs[o] == AX_NONE)) return false;
        if (a->outputs[o] != AX_NONE && !same_type(&g->values[a->outputs[o]], &g->values[b->outputs[o]])) return false;
    }
    for (int x = 0; x < a->n_attrs; x++) {
        const struct ax_attr *other = ax_node_attr(b, a->attrs[x].name);
        if (!other || !same_attr(&a->attrs[x], other)) return false;
    }
    return true;
}

/* An output keeps its value and name, and gets them from the one that is computed. */
static void give_output(struct ax_graph *g, int from, int to)
{
    ax_graph_node(g, AX_OP_IDENTITY, g->values[to].name, &from, 1, &to, 1);
}

static void merge_nodes(struct ax_graph *g, const uint8_t *kind, int *becomes, struct ax_join_shared *out)
{
    int n = g->n_nodes;
    struct table t = table_new(n);
    t.kind = kind;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < g->nodes[i].n_inputs; k++)
            if (g->nodes[i].inputs[k] != AX_NONE) g->nodes[i].inputs[k] = becomes[g->nodes[i].inputs[k]];
        if (g->nodes[i].op == AX_OP_IDENTITY) continue; /* an output's own name */
        int first = find_or_add(&t, node_hash(g, &g->nodes[i]), i, g, same_node);
        if (first < 0) continue;
        out->nodes++;
        out->last = g->nodes[first].name;
        ax_node_kill(g, i);
        for (int o = 0; o < g->nodes[i].n_outputs; o++) {
            int a = g->nodes[first].outputs[o], b = g->nodes[i].outputs[o];
            if (b == AX_NONE) continue;
            becomes[b] = a;
            if (ax_is_graph_output(g, b)) give_output(g, a, b);
        }
    }
    free(t.slots);
}

enum ax_status ax_join_share(struct ax_graph *g, const uint8_t *kind, struct ax_join_shared *out, struct ax_error *err)
{
    *out = (struct ax_join_shared){0};
    int *becomes = AX_NEW(&g->arena, int, g->n_values + 1);
    for (int v = 0; v < g->n_values; v++) becomes[v] = v;
    merge_constants(g, becomes, out);
    merge_nodes(g, kind, becomes, out);
    enum ax_status s = ax_graph_tidy(g, err);
    if (!s) ax_graph_sweep(g);
    return s ? s : ax_graph_verify(g, err);
}
