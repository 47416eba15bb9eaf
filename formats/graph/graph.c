/* Building a graph: values, nodes and the index of names. */
#include "graph/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *grow(void *p, int *cap, int need, size_t size)
{
    if (need <= *cap) return p;
    int n = *cap ? *cap * 2 : 64;
    if (n < need) n = need;
    p = realloc(p, (size_t)n * size);
    if (!p) {
        fprintf(stderr, "axon: out of memory (%zu bytes)\n", (size_t)n * size);
        abort();
    }
    *cap = n;
    return p;
}

struct ax_graph *ax_graph_new(const char *name)
{
    struct ax_graph *g = calloc(1, sizeof *g);
    if (!g) abort();
    ax_arena_init(&g->arena);
    g->name = ax_arena_str(&g->arena, name ? name : "");
    return g;
}

void ax_graph_free(struct ax_graph *g)
{
    if (!g) return;
    if (g->mapping) munmap(g->mapping, g->mapping_bytes);
    ax_arena_free(&g->arena);
    free(g->values);
    free(g->nodes);
    free(g->name_slots);
    free(g);
}

/* -- names: open addressing over value indices + 1. A renamed value leaves its old slot behind; a lookup compares with the
 *    name that the value has now, and the next rehash drops the slot. -- */

static uint32_t name_hash(const char *s)
{
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static void slot_put(struct ax_graph *g, int v)
{
    unsigned mask = (unsigned)g->n_name_slots - 1, i = name_hash(g->values[v].name) & mask;
    while (g->name_slots[i]) i = (i + 1) & mask;
    g->name_slots[i] = v + 1;
    g->n_named++;
}

static void index_name(struct ax_graph *g, int v)
{
    if ((g->n_named + 1) * 2 <= g->n_name_slots) {
        slot_put(g, v);
        return;
    }
    int n = 256;
    while (n < g->n_values * 4) n *= 2;
    free(g->name_slots);
    g->name_slots = calloc((size_t)n, sizeof(int));
    if (!g->name_slots) abort();
    g->n_name_slots = n;
    g->n_named = 0;
    for (int i = 0; i < g->n_values; i++) slot_put(g, i);
}

static int indexed(const struct ax_graph *g, const char *name)
{
    if (!g->n_name_slots) return AX_NONE;
    unsigned mask = (unsigned)g->n_name_slots - 1, i = name_hash(name) & mask;
    for (; g->name_slots[i]; i = (i + 1) & mask)
        if (!strcmp(g->values[g->name_slots[i] - 1].name, name)) return g->name_slots[i] - 1;
    return AX_NONE;
}

int ax_graph_find_value(const struct ax_graph *g, const char *name)
{
    return indexed(g, name);
}

static const char *unique_name(struct ax_graph *g, const char *name)
{
    if (!name || !*name) name = "value";
    if (indexed(g, name) == AX_NONE) return ax_arena_str(&g->arena, name);
    size_t room = strlen(name) + 16;
    char *s = ax_arena_alloc(&g->arena, room);
    for (int i = 2; i == 2 || indexed(g, s) != AX_NONE; i++) snprintf(s, room, "%s_%d", name, i);
    return s;
}

void ax_value_rename(struct ax_graph *g, int v, const char *name)
{
    if (!strcmp(g->values[v].name, name)) return;
    g->values[v].name = unique_name(g, name);
    index_name(g, v);
}

/* -- values -- */

int ax_graph_value(struct ax_graph *g, const char *name, enum ax_dtype t, const struct ax_shape *shape)
{
    const char *own = unique_name(g, name);
    struct ax_shape s = shape ? *shape : (struct ax_shape){.rank = -1}; /* before the growth: it may be another value's */
    g->values = grow(g->values, &g->cap_values, g->n_values + 1, sizeof *g->values);
    int v = g->n_values++;
    g->values[v] = (struct ax_value){.name = own, .dtype = t, .producer = AX_NONE, .shape = s};
    index_name(g, v);
    return v;
}

int ax_graph_const(struct ax_graph *g, const char *name, enum ax_dtype t, const struct ax_shape *shape, const void *data)
{
    int v = ax_graph_value(g, name, t, shape);
    int64_t bytes = ax_value_bytes(&g->values[v]);
    assert(bytes >= 0);
    g->values[v].data = ax_arena_copy(&g->arena, data, (size_t)bytes);
    return v;
}

int ax_graph_const_f32(struct ax_graph *g, const char *name, int rank, const int64_t *dim, const float *data)
{
    struct ax_shape s = ax_shape_make(rank, dim);
    return ax_graph_const(g, name, AX_DTYPE_FLOAT32, &s, data);
}

int ax_graph_const_i64(struct ax_graph *g, const char *name, int count, const int64_t *data)
{
    struct ax_shape s = {.rank = 1, .dim = {count}};
    return ax_graph_const(g, name, AX_DTYPE_INT64, &s, data);
}

/* -- nodes -- */

int ax_graph_node(struct ax_graph *g, enum ax_op op, const char *name, const int *in, int n_in, const int *out, int n_out)
{
    g->nodes = grow(g->nodes, &g->cap_nodes, g->n_nodes + 1, sizeof *g->nodes);
    int k = g->n_nodes++;
    g->nodes[k] = (struct ax_node){
        .op = op,
        .name = ax_arena_str(&g->arena, name ? name : ""),
        .inputs = ax_arena_copy(&g->arena, in, sizeof(int) * (size_t)n_in),
        .outputs = ax_arena_copy(&g->arena, out, sizeof(int) * (size_t)n_out),
        .n_inputs = n_in,
        .n_outputs = n_out,
    };
    for (int i = 0; i < n_out; i++)
        if (out[i] != AX_NONE) g->values[out[i]].producer = k;
    return k;
}

int ax_graph_apply(struct ax_graph *g, enum ax_op op, const char *name, const int *in, int n_in)
{
    struct ax_error ignored; /* attributes that the rule needs may still be to come */
    int v = ax_graph_value(g, name, AX_DTYPE_NONE, NULL);
    int k = ax_graph_node(g, op, name, in, n_in, &v, 1);
    if (ax_node_infer(g, k, &ignored)) g->values[v].shape.rank = -1;
    return v;
}

void ax_node_grow_inputs(struct ax_graph *g, int node, int count)
{
    struct ax_node *n = &g->nodes[node];
    if (count <= n->n_inputs) return;
    int *in = AX_NEW(&g->arena, int, count);
    for (int i = 0; i < count; i++) in[i] = ax_in(n, i);
    n->inputs = in;
    n->n_inputs = count;
}

struct ax_graph *ax_graph_clone(const struct ax_graph *g)
{
    struct ax_graph *c = ax_graph_new(g->name);
    c->opset = g->opset;
    c->values = grow(NULL, &c->cap_values, g->n_values, sizeof *c->values);
    c->nodes = grow(NULL, &c->cap_nodes, g->n_nodes, sizeof *c->nodes);
    c->n_values = g->n_values;
    c->n_nodes = g->n_nodes;
    if (g->n_values) memcpy(c->values, g->values, sizeof *c->values * (size_t)g->n_values);
    if (g->n_nodes) memcpy(c->nodes, g->nodes, sizeof *c->nodes * (size_t)g->n_nodes);
    for (int k = 0; k < c->n_nodes; k++) {
        struct ax_node *n = &c->nodes[k];
        n->inputs = ax_arena_copy(&c->arena, n->inputs, sizeof(int) * (size_t)n->n_inputs);
        n->outputs = ax_arena_copy(&c->arena, n->outputs, sizeof(int) * (size_t)n->n_outputs);
        n->attrs = ax_arena_copy(&c->arena, n->attrs, sizeof *n->attrs * (size_t)n->n_attrs);
    }
    c->inputs = ax_arena_copy(&c->arena, g->inputs, sizeof(int) * (size_t)g->n_inputs);
    c->outputs = ax_arena_copy(&c->arena, g->outputs, sizeof(int) * (size_t)g->n_outputs);
    c->n_inputs = g->n_inputs;
    c->n_outputs = g->n_outputs;
    for (int v = 0; v < c->n_values; v++) index_name(c, v);
    return c;
}

/* -- questions -- */

int64_t ax_value_bytes(const struct ax_value *v)
{
    int64_t n = ax_shape_count(&v->shape);
    return n < 0 ? -1 : n * (int64_t)ax_dtype_bytes(v->dtype);
}

static bool among(const int *list, int count, int v)
{
    for (int i = 0; i < count; i++)
        if (list[i] == v) return true;
    return false;
}

bool ax_is_graph_output(const struct ax_graph *g, int v)
{
    return among(g->outputs, g->n_outputs, v);
}

bool ax_is_graph_input(const struct ax_graph *g, int v)
{
    return among(g->inputs, g->n_inputs, v);
}
