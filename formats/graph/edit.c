/* Changing a graph: uses, replace, tidy, sweep. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

static void *calloc_or_abort(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p) {
        fprintf(stderr, "axon: out of memory (%zu bytes)\n", count * size);
        abort();
    }
    return p;
}

/* -- uses -- */

struct ax_uses ax_graph_uses(const struct ax_graph *g)
{
    struct ax_uses u = {calloc_or_abort((size_t)g->n_values + 2, sizeof(int)), NULL};
    int *next = u.start + 1; /* counted two places on, so that filling leaves the starts one place on, where they belong */
    for (int k = 0; k < g->n_nodes; k++) {
        const struct ax_node *n = &g->nodes[k];
        for (int i = 0; n->op && i < n->n_inputs; i++)
            if (n->inputs[i] != AX_NONE) next[n->inputs[i] + 1]++;
    }
    for (int v = 0; v < g->n_values; v++) next[v + 1] += next[v];
    u.users = calloc_or_abort((size_t)next[g->n_values], sizeof(int));
    for (int k = 0; k < g->n_nodes; k++) {
        const struct ax_node *n = &g->nodes[k];
        for (int i = 0; n->op && i < n->n_inputs; i++)
            if (n->inputs[i] != AX_NONE) u.users[next[n->inputs[i]]++] = k;
    }
    return u;
}

void ax_uses_free(struct ax_uses *u)
{
    free(u->start);
    free(u->users);
    *u = (struct ax_uses){0};
}

/* -- replace -- */

static void exchange_names(struct ax_graph *g, int a, int b)
{
    struct ax_value *x = &g->values[a], *y = &g->values[b];
    const char *name = x->name, *origin = x->origin;
    char *aside = ax_arena_printf(&g->arena, "%s/replaced", name);
    x->origin = y->origin;
    y->origin = origin;
    const char *other = y->name;
    ax_value_rename(g, a, aside);
    ax_value_rename(g, b, name);
    ax_value_rename(g, a, other);
}

void ax_graph_replace(struct ax_graph *g, int from, int to)
{
    if (from == to) return;
    for (int k = 0; k < g->n_nodes; k++) {
        struct ax_node *n = &g->nodes[k];
        for (int i = 0; n->op && i < n->n_inputs; i++)
            if (n->inputs[i] == from) n->inputs[i] = to;
    }
    if (!ax_is_graph_output(g, from) || ax_is_graph_output(g, to) || ax_is_graph_input(g, to)) return;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == from) g->outputs[i] = to;
    exchange_names(g, from, to);
}

void ax_node_kill(struct ax_graph *g, int node)
{
    struct ax_node *n = &g->nodes[node];
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && g->values[n->outputs[i]].producer == node) g->values[n->outputs[i]].producer = AX_NONE;
    n->op = AX_OP_NONE;
}

/* -- tidy: depth-first from each node in the order that stands, so that a sorted graph stays as it is and a node appended
 *    at the end lands right before its first user -- */

struct sort {
    struct ax_graph *g;
    unsigned char *state; /* of each node: unseen, open (on the stack), done */
    int *stack, *next;    /* nodes on the way, and the input that each visits next */
    int *order, n_order;
};
enum { UNSEEN, OPEN, DONE };

static enum ax_status refresh_producers(struct ax_graph *g, struct ax_error *err)
{
    for (int v = 0; v < g->n_values; v++) g->values[v].producer = AX_NONE;
    for (int k = 0; k < g->n_nodes; k++) {
        const struct ax_node *n = &g->nodes[k];
        for (int i = 0; n->op && i < n->n_outputs; i++) {
            if (n->outputs[i] == AX_NONE) continue;
            struct ax_value *v = &g->values[n->outputs[i]];
            if (v->producer != AX_NONE)
                return ax_fail(err, AX_INTERNAL, "value '%s' is made twice: by %s node '%s' and by %s node '%s'", v->name,
                               ax_op_name(g->nodes[v->producer].op), g->nodes[v->producer].name, ax_op_name(n->op), n->name);
            v->producer = k;
        }
    }
    return AX_OK;
}

static enum ax_status visit(struct sort *s, int root, struct ax_error *err)
{
    int depth = 0;
    s->stack[0] = root;
    s->next[0] = 0;
    s->state[root] = OPEN;
    while (depth >= 0) {
        int k = s->stack[depth];
        const struct ax_node *n = &s->g->nodes[k];
        if (s->next[depth] == n->n_inputs) {
            s->state[k] = DONE;
            s->order[s->n_order++] = k;
            depth--;
            continue;
        }
        int v = n->inputs[s->next[depth]++];
        int from = v == AX_NONE ? AX_NONE : s->g->values[v].producer;
        if (from == AX_NONE || s->state[from] == DONE) continue;
        if (s->state[from] == OPEN)
            return ax_fail(err, AX_INTERNAL, "the graph has a cycle through value '%s' into %s node '%s'", s->g->values[v].name,
                           ax_op_name(n->op), n->name);
        depth++;
        s->state[from] = OPEN;
        s->stack[depth] = from;
        s->next[depth] = 0;
    }
    return AX_OK;
}

static void reorder(struct sort *s)
{
    struct ax_graph *g = s->g;
    struct ax_node *sorted = calloc_or_abort((size_t)g->n_nodes, sizeof *sorted);
    for (int i = 0; i < s->n_order; i++) sorted[i] = g->nodes[s->order[i]];
    free(g->nodes);
    g->cap_nodes = g->n_nodes;
    g->nodes = sorted;
    g->n_nodes = s->n_order;
}

enum ax_status ax_graph_tidy(struct ax_graph *g, struct ax_error *err)
{
    enum ax_status status = refresh_producers(g, err);
    if (status || !g->n_nodes) return status;
    size_t n = (size_t)g->n_nodes;
    int *memory = calloc_or_abort(3 * n, sizeof(int));
    struct sort s = {g, calloc_or_abort(n, 1), memory, memory + n, memory + 2 * n, 0};
    for (int k = 0; k < g->n_nodes && !status; k++)
        if (g->nodes[k].op && s.state[k] == UNSEEN) status = visit(&s, k, err);
    if (!status) {
        reorder(&s);
        status = refresh_producers(g, err);
    }
    free(s.state);
    free(memory);
    return status;
}

/* -- sweep -- */

static bool node_live(const struct ax_node *n, const unsigned char *value_live)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && value_live[n->outputs[i]]) return true;
    return false;
}

int ax_graph_sweep(struct ax_graph *g)
{
    struct ax_error err;
    int removed = 0;
    if (ax_graph_tidy(g, &err)) return 0; /* broken: the verifier says how */
    unsigned char *live = calloc_or_abort((size_t)g->n_values, 1);
    for (int i = 0; i < g->n_outputs; i++) live[g->outputs[i]] = 1;
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        const struct ax_node *n = &g->nodes[k];
        if (!node_live(n, live)) {
            ax_node_kill(g, k);
            removed++;
            continue;
        }
        for (int i = 0; i < n->n_inputs; i++)
            if (n->inputs[i] != AX_NONE) live[n->inputs[i]] = 1;
    }
    free(live);
    if (removed) ax_graph_tidy(g, &err);
    return removed;
}
