/* Writing an .axmodel: which values are alive, where each constant goes, then the sections. */
#include <stdlib.h>
#include <string.h>

#include "files/axmodel.h"
#include "files/flat.h"

enum { INLINE_BYTES = 256 };

struct saver {
    const struct ax_axmodel_contents *c;
    struct ax_arena mem;
    struct ax_flat_plan plan;
    uint8_t *data; /* section DATA */
    int64_t data_bytes;
    uint8_t *program, *graph; /* FlatBuffers, from malloc */
    size_t program_bytes, graph_bytes;
};

static void mark(struct saver *s, const int *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] != AX_NONE) s->plan.value_at[values[i]] = 0;
}

/* New indices for what is alive: nodes that are not dead, and the values that they, the inputs and the outputs name. */
static void number(struct saver *s)
{
    const struct ax_graph *g = s->c->graph;
    int n_nodes = 0, n_values = 0;
    for (int i = 0; i < g->n_values; i++) s->plan.value_at[i] = -1;
    mark(s, g->inputs, g->n_inputs);
    mark(s, g->outputs, g->n_outputs);
    for (int i = 0; i < g->n_nodes; i++) {
        bool dead = g->nodes[i].op == AX_OP_NONE;
        s->plan.node_at[i] = dead ? -1 : n_nodes++;
        if (dead) continue;
        mark(s, g->nodes[i].inputs, g->nodes[i].n_inputs);
        mark(s, g->nodes[i].outputs, g->nodes[i].n_outputs);
    }
    for (int i = 0; i < g->n_values; i++)
        if (s->plan.value_at[i] >= 0) s->plan.value_at[i] = n_values++;
}

static void place_constant(struct saver *s, int v)
{
    const struct ax_value *value = &s->c->graph->values[v];
    int packed = s->c->packed_operand ? s->c->packed_operand[v] : -1;
    if (s->plan.value_at[v] < 0 || !value->data) return;
    if (packed >= 0) {
        s->plan.storage[v] = AX_STORAGE_PACKED;
        s->plan.operand[v] = packed;
    } else if (ax_value_bytes(value) <= INLINE_BYTES) {
        s->plan.storage[v] = AX_STORAGE_INLINE;
    } else {
        s->plan.storage[v] = AX_STORAGE_DATA;
        s->plan.offset[v] = s->data_bytes;
        s->data_bytes += (ax_value_bytes(value) + AX_FILE_ALIGN - 1) & -(int64_t)AX_FILE_ALIGN;
    }
}

static enum ax_status make_graph(struct saver *s, struct ax_error *err)
{
    const struct ax_graph *g = s->c->graph;
    s->plan.value_at = AX_NEW(&s->mem, int, g->n_values);
    s->plan.node_at = AX_NEW(&s->mem, int, g->n_nodes);
    s->plan.storage = AX_NEW(&s->mem, uint8_t, g->n_values);
    s->plan.operand = AX_NEW(&s->mem, int, g->n_values);
    s->plan.offset = AX_NEW(&s->mem, int64_t, g->n_values);
    number(s);
    for (int v = 0; v < g->n_values; v++) place_constant(s, v);
    s->data = calloc((size_t)s->data_bytes + 1, 1);
    if (!s->data) return ax_fail(err, AX_NO_MEMORY, "no memory for %lld bytes of constants", (long long)s->data_bytes);
    for (int v = 0; v < g->n_values; v++)
        if (s->plan.storage[v] == AX_STORAGE_DATA)
            memcpy(s->data + s->plan.offset[v], g->values[v].data, (size_t)ax_value_bytes(&g->values[v]));
    return ax_flat_write_graph(g, &s->plan, &s->graph, &s->graph_bytes, err);
}

static enum ax_status add_sections(struct saver *s, struct ax_commit *commit, const char *path, struct ax_error *err)
{
    struct ax_section_data all[5];
    const struct ax_axmodel_contents *c = s->c;
    int n = 0;
    if (c->meta) all[n++] = (struct ax_section_data){AX_SECTION_META, c->meta, strlen(c->meta), c->compress};
    all[n++] = (struct ax_section_data){AX_SECTION_PROGRAM, s->program, s->program_bytes, c->compress};
    all[n++] =
        (struct ax_section_data){AX_SECTION_WEIGHTS, c->program->const_data, (size_t)c->program->const_bytes, c->compress};
    if (s->graph) all[n++] = (struct ax_section_data){AX_SECTION_GRAPH, s->graph, s->graph_bytes, c->compress};
    if (s->data_bytes) all[n++] = (struct ax_section_data){AX_SECTION_DATA, s->data, (size_t)s->data_bytes, c->compress};
    return ax_container_add(commit, path, all, n, err);
}

enum ax_status ax_axmodel_add(struct ax_commit *commit, const char *path, const struct ax_axmodel_contents *c,
                              struct ax_error *err)
{
    struct saver s = {.c = c};
    ax_arena_init(&s.mem);
    enum ax_status st = c->graph ? make_graph(&s, err) : AX_OK;
    int n_nodes = c->graph ? c->graph->n_nodes : 0;
    if (!st) st = ax_flat_write_program(c->program, s.plan.node_at, n_nodes, &s.program, &s.program_bytes, err);
    if (!st) st = add_sections(&s, commit, path, err);
    free(s.data);
    free(s.program);
    free(s.graph);
    ax_arena_free(&s.mem);
    return st;
}

enum ax_status ax_axmodel_write(const char *path, const struct ax_axmodel_contents *c, struct ax_error *err)
{
    struct ax_commit *commit = ax_commit_new();
    enum ax_status s = ax_axmodel_add(commit, path, c, err);
    if (!s) s = ax_commit_finish(commit, err);
    ax_commit_free(commit);
    return s;
}
