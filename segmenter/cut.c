#include "cut.h"

#include <stdlib.h>
#include <string.h>

#include "lower/lower.h"

struct cutter {
    const struct ax_graph *g;
    const int *stage_of;
    int stage;
    struct ax_graph *to;
    int *value; /* by value of g: that of the segment, or AX_NONE */
    struct ax_uses uses;
};

static int place_of(const struct cutter *c, int v)
{
    int node = c->g->values[v].producer;
    return node == AX_NONE ? -1 : c->stage_of[node];
}

static bool read_here(const struct cutter *c, int v)
{
    for (int i = c->uses.start[v]; i < c->uses.start[v + 1]; i++)
        if (c->stage_of[c->uses.users[i]] == c->stage) return true;
    return false;
}

static bool read_later(const struct cutter *c, int v)
{
    for (int i = c->uses.start[v]; i < c->uses.start[v + 1]; i++)
        if (c->stage_of[c->uses.users[i]] > c->stage) return true;
    return false;
}

static int take_value(struct cutter *c, int v)
{
    if (v == AX_NONE) return AX_NONE;
    if (c->value[v] != AX_NONE) return c->value[v];
    const struct ax_value *from = &c->g->values[v];
    int n = ax_graph_value(c->to, from->name, from->dtype, &from->shape);
    struct ax_value *to = &c->to->values[n];
    to->origin = from->origin;
    to->quant = from->quant;
    to->data = from->data;
    return c->value[v] = n;
}

static void take_node(struct cutter *c, int node)
{
    const struct ax_node *n = &c->g->nodes[node];
    int *in = malloc(sizeof(int) * (size_t)(n->n_inputs + n->n_outputs + 1)), *out = in + n->n_inputs;
    if (!in) abort();
    for (int i = 0; i < n->n_inputs; i++) in[i] = take_value(c, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++) out[i] = take_value(c, n->outputs[i]);
    int k = ax_graph_node(c->to, n->op, n->name, in, n->n_inputs, out, n->n_outputs);
    c->to->nodes[k].attrs = ax_arena_copy(&c->to->arena, n->attrs, sizeof *n->attrs * (size_t)n->n_attrs);
    c->to->nodes[k].n_attrs = n->n_attrs;
    c->to->nodes[k].why_float = n->why_float;
    free(in);
}

static void add(int *list, int *count, int v)
{
    for (int i = 0; i < *count; i++)
        if (list[i] == v) return;
    list[(*count)++] = v;
}

/* An output of the model that no node makes (an input or a constant passed through) leaves from the first segment. */
static bool gives(const struct cutter *c, int v)
{
    int place = place_of(c, v);
    return place == c->stage || (place < 0 && c->stage == 0);
}

static void take_inputs(struct cutter *c)
{
    const struct ax_graph *g = c->g;
    c->to->inputs = AX_NEW(&c->to->arena, int, g->n_values + 1);
    for (int i = 0; i < g->n_inputs; i++) {
        int v = g->inputs[i];
        if (read_here(c, v) || (c->stage == 0 && ax_is_graph_output(g, v)))
            add(c->to->inputs, &c->to->n_inputs, take_value(c, v));
    }
    for (int v = 0; v < g->n_values; v++)
        if (place_of(c, v) >= 0 && place_of(c, v) < c->stage && read_here(c, v))
            add(c->to->inputs, &c->to->n_inputs, take_value(c, v));
}

static void take_outputs(struct cutter *c)
{
    const struct ax_graph *g = c->g;
    c->to->outputs = AX_NEW(&c->to->arena, int, g->n_values + 1);
    for (int i = 0; i < g->n_outputs; i++)
        if (gives(c, g->outputs[i])) add(c->to->outputs, &c->to->n_outputs, take_value(c, g->outputs[i]));
    for (int v = 0; v < g->n_values; v++)
        if (place_of(c, v) == c->stage && read_later(c, v)) add(c->to->outputs, &c->to->n_outputs, take_value(c, v));
}

/* Ports of what crosses say int8, so that whoever connects segments passes the numbers as they are. */
static void mark_raw(const struct ax_graph *g, const struct ax_program *p, struct ax_port *ports, int n, bool inputs)
{
    for (int i = 0; i < n; i++) {
        int v = ax_graph_find_value(g, ports[i].name);
        bool user = inputs ? ax_is_graph_input(g, v) : ax_is_graph_output(g, v);
        if (v != AX_NONE && !user) ports[i].dtype = p->operands[ports[i].operand].dtype;
    }
}

static enum ax_status make_graph(const struct ax_graph *g, const int *stage_of, int stage, const char *name,
                                 struct ax_graph **out, struct ax_error *err)
{
    struct cutter c = {.g = g, .stage_of = stage_of, .stage = stage, .to = ax_graph_new(name), .uses = ax_graph_uses(g)};
    c.value = malloc(sizeof(int) * (size_t)(g->n_values + 1));
    if (!c.value) abort();
    for (int v = 0; v < g->n_values; v++) c.value[v] = AX_NONE;
    c.to->opset = g->opset;
    take_inputs(&c);
    for (int i = 0; i < g->n_nodes; i++)
        if (stage_of[i] == stage && g->nodes[i].op != AX_OP_NONE) take_node(&c, i);
    take_outputs(&c);
    ax_uses_free(&c.uses);
    free(c.value);
    *out = c.to;
    return ax_graph_verify(c.to, err);
}

/* -- programs that fit together -- */

struct neighbours {
    struct ax_lower_neighbour *list;
    int n;
    bool narrow; /* some port has less halo than its neighbour */
};

static const struct ax_port *port_named(const struct ax_port *ports, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(ports[i].name, name)) return &ports[i];
    return NULL;
}

/* What segment k shares with another one that has a program already. */
static void meet(const struct ax_segment *own, const struct ax_segment *other, bool other_gives, struct neighbours *to,
                 struct ax_arena *mem)
{
    const struct ax_program *p = own->program, *q = other->program;
    const struct ax_graph *g = own->graph;
    int count = other_gives ? g->n_inputs : g->n_outputs;
    struct ax_lower_neighbour *list = AX_NEW(mem, struct ax_lower_neighbour, to->n + count + 1);
    if (to->n) memcpy(list, to->list, sizeof *list * (size_t)to->n);
    to->list = list;
    for (int i = 0; i < count; i++) {
        const char *name = g->values[(other_gives ? g->inputs : g->outputs)[i]].name;
        const struct ax_port *there =
            other_gives ? port_named(q->outputs, q->n_outputs, name) : port_named(q->inputs, q->n_inputs, name);
        if (!there) continue;
        const struct ax_operand *b = &q->operands[there->operand];
        list[to->n++] = (struct ax_lower_neighbour){name, b};
        if (!p || other_gives) continue;
        const struct ax_operand *a = &p->operands[port_named(p->outputs, p->n_outputs, name)->operand];
        to->narrow |= a->halo_top < b->halo_top || a->halo_left < b->halo_left || a->halo_bottom < b->halo_bottom ||
                      a->halo_right < b->halo_right;
    }
}

/* Names of what segment k gives to others or takes from them. */
static const char **shared_names(const struct ax_segment *parts, int n, int k, int *count, struct ax_arena *mem)
{
    const struct ax_graph *own = parts[k].graph;
    const char **list = AX_NEW(mem, const char *, own->n_inputs + own->n_outputs + 1);
    *count = 0;
    for (int i = 0; i < own->n_inputs + own->n_outputs; i++) {
        bool in = i < own->n_inputs;
        const char *name = own->values[in ? own->inputs[i] : own->outputs[i - own->n_inputs]].name;
        bool shared = false;
        for (int j = 0; j < n && !shared; j++) {
            int v = j == k ? AX_NONE : ax_graph_find_value(parts[j].graph, name);
            shared = v != AX_NONE && (in ? ax_is_graph_output(parts[j].graph, v) : ax_is_graph_input(parts[j].graph, v));
        }
        if (shared) list[(*count)++] = name;
    }
    return list;
}

static enum ax_status lower(const struct ax_graph *g, struct ax_segment *parts, int n, int k, const struct neighbours *with,
                            struct ax_arena *mem, struct ax_error *err)
{
    struct ax_lower_options own = {.own_ports = 1, .neighbours = with->list, .n_neighbours = with->n};
    struct ax_segment *s = &parts[k];
    own.straight = shared_names(parts, n, k, &own.n_straight, mem);
    ax_program_free(s->program);
    s->program = NULL;
    enum ax_status st = ax_lower(s->graph, &own, &s->program, NULL, err);
    if (st) return st;
    mark_raw(g, s->program, s->program->inputs, s->program->n_inputs, true);
    mark_raw(g, s->program, s->program->outputs, s->program->n_outputs, false);
    return AX_OK;
}

/* First from the front, each in the planes of those before it; then from the back, each with the halos of those behind it. */
static enum ax_status lower_all(const struct ax_graph *g, struct ax_segment *parts, int n, int *at, struct ax_error *err)
{
    struct ax_arena mem = {0};
    enum ax_status s = AX_OK;
    for (int turn = 0; turn < 2 * n && !s; turn++) {
        struct neighbours with = {0};
        int k = *at = turn < n ? turn : 2 * n - 1 - turn;
        for (int i = 0; i < k; i++) meet(&parts[k], &parts[i], true, &with, &mem);
        for (int i = k + 1; i < n && turn >= n; i++) meet(&parts[k], &parts[i], false, &with, &mem);
        if (turn < n || with.narrow) s = lower(g, parts, n, k, &with, &mem, err);
    }
    ax_arena_free(&mem);
    return s;
}

enum ax_status ax_segments_make(const struct ax_graph *g, const int *stage_of, int n, const char *const *names,
                                struct ax_segment *out, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    int at = 0;
    memset(out, 0, sizeof *out * (size_t)n);
    for (int k = 0; k < n && !s; k++) s = make_graph(g, stage_of, at = k, names[k], &out[k].graph, err);
    if (!s) s = lower_all(g, out, n, &at, err);
    for (int k = 0; k < n && s; k++) ax_segment_free(&out[k]);
    return s ? ax_fail_in(err, "segment %d", at) : AX_OK;
}

void ax_segment_free(struct ax_segment *s)
{
    ax_program_free(s->program);
    ax_graph_free(s->graph);
    *s = (struct ax_segment){0};
}
