/* The cheapest stage that a node can be in, whatever else is there: a minimum cut.
 *
 * Of all sets of nodes that hold the node, the one of least compute + transfers; that it be a stage of some chain is not asked
 * for, so the bound holds for every partition. A set is the source's side. A node in it pays its compute; a tensor that it
 * reads and does not make pays for entering, one that it makes and that others read for leaving. Each tensor has two vertices:
 *
 *     reader --inf--> enters --in--> producer          producer --out--> leaves --inf--> reader
 *
 * Capacities are thousandths of the unit of costs, as rates are. */
#include "bound.h"

#include <stdlib.h>
#include <string.h>

struct arc {
    int to, next;
    int64_t left;
};

struct net {
    struct arc *arcs;
    int *first, *level, *at, *queue;
    int n, n_arcs;
};

static const int64_t infinite = INT64_MAX / 4;

static void *room(int64_t count, size_t size)
{
    void *p = calloc((size_t)count + 1, size);
    if (!p) abort();
    return p;
}

static void join(struct net *g, int a, int b, int64_t capacity)
{
    if (capacity <= 0) return;
    g->arcs[g->n_arcs] = (struct arc){b, g->first[a], capacity};
    g->first[a] = g->n_arcs++;
    g->arcs[g->n_arcs] = (struct arc){a, g->first[b], 0};
    g->first[b] = g->n_arcs++;
}

/* -- Dinic's algorithm -- */

static bool find_levels(struct net *g, int from, int to)
{
    int head = 0, tail = 0;
    for (int i = 0; i < g->n; i++) g->level[i] = -1;
    g->level[from] = 0;
    g->queue[tail++] = from;
    while (head < tail) {
        int v = g->queue[head++];
        for (int a = g->first[v]; a >= 0; a = g->arcs[a].next)
            if (g->arcs[a].left && g->level[g->arcs[a].to] < 0) {
                g->level[g->arcs[a].to] = g->level[v] + 1;
                g->queue[tail++] = g->arcs[a].to;
            }
    }
    return g->level[to] >= 0;
}

/* One path to the sink along rising levels, its arcs in the queue; how many, or 0. */
static int find_path(struct net *g, int from, int to)
{
    int depth = 0, v = from;
    while (v != to) {
        int a = g->at[v];
        while (a >= 0 && !(g->arcs[a].left && g->level[g->arcs[a].to] == g->level[v] + 1)) a = g->arcs[a].next;
        g->at[v] = a;
        if (a >= 0) {
            g->queue[depth++] = a;
            v = g->arcs[a].to;
        } else if (depth) {
            v = g->arcs[g->queue[--depth] ^ 1].to;
            g->at[v] = g->arcs[g->at[v]].next; /* a dead end */
        } else {
            return 0;
        }
    }
    return depth;
}

static int64_t max_flow(struct net *g, int from, int to)
{
    int64_t flow = 0;
    while (find_levels(g, from, to)) {
        memcpy(g->at, g->first, sizeof(int) * (size_t)g->n);
        for (int depth; (depth = find_path(g, from, to)) > 0;) {
            int64_t most = infinite;
            for (int i = 0; i < depth; i++)
                if (g->arcs[g->queue[i]].left < most) most = g->arcs[g->queue[i]].left;
            for (int i = 0; i < depth; i++) {
                g->arcs[g->queue[i]].left -= most;
                g->arcs[g->queue[i] ^ 1].left += most;
            }
            flow += most;
        }
    }
    return flow;
}

/* -- the problem as a network: nodes, two vertices a tensor, the sink -- */

static void build(struct net *g, const struct ax_seg_problem *p)
{
    int arcs = p->n_nodes, sink = p->n_nodes + 2 * p->n_tensors;
    for (int t = 0; t < p->n_tensors; t++) arcs += 3 + 2 * p->tensors[t].n_consumers;
    g->n = sink + 1;
    g->arcs = room(2 * (int64_t)arcs, sizeof *g->arcs);
    g->first = room(g->n, sizeof(int));
    g->level = room(g->n, sizeof(int));
    g->at = room(g->n, sizeof(int));
    g->queue = room(g->n, sizeof(int));
    for (int i = 0; i < g->n; i++) g->first[i] = -1;
    for (int v = 0; v < p->n_nodes; v++) join(g, v, sink, p->nodes[v].compute * 1000);
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        int enters = p->n_nodes + 2 * t, leaves = enters + 1;
        join(g, enters, x->producer < 0 ? sink : x->producer, x->bytes * p->rates.in);
        for (int i = 0; i < x->n_consumers; i++) join(g, x->consumers[i], enters, infinite);
        if (x->producer < 0) continue;
        join(g, x->producer, x->is_output ? sink : leaves, x->bytes * p->rates.out);
        for (int i = 0; i < x->n_consumers && !x->is_output; i++) join(g, leaves, x->consumers[i], infinite);
    }
}

static void release(struct net *g)
{
    free(g->arcs);
    free(g->first);
    free(g->level);
    free(g->at);
    free(g->queue);
}

/* -- which nodes -- */

struct candidate {
    int node;
    int64_t alone; /* cost of the stage that has only it, in thousandths */
};

static int dearest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->alone != y->alone) return x->alone < y->alone ? 1 : -1;
    return x->node - y->node;
}

static struct candidate *stages_alone(const struct ax_seg_problem *p)
{
    struct candidate *list = room(p->n_nodes, sizeof *list);
    for (int v = 0; v < p->n_nodes; v++) list[v] = (struct candidate){v, p->nodes[v].compute * 1000};
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        for (int i = 0; i < x->n_consumers; i++) list[x->consumers[i]].alone += x->bytes * p->rates.in;
        if (x->producer >= 0 && (x->n_consumers || x->is_output)) list[x->producer].alone += x->bytes * p->rates.out;
    }
    qsort(list, (size_t)p->n_nodes, sizeof *list, dearest_first);
    return list;
}

enum { MOST = 64 }; /* nodes that are looked at */

int64_t ax_seg_node_bound(const struct ax_seg_problem *p)
{
    struct net g = {0};
    struct candidate *list = stages_alone(p);
    int64_t best = 0;
    build(&g, p);
    struct arc *fresh = room(g.n_arcs, sizeof *fresh);
    memcpy(fresh, g.arcs, sizeof *fresh * (size_t)g.n_arcs);
    for (int i = 0; i < p->n_nodes && i < MOST && list[i].alone > best; i++) {
        memcpy(g.arcs, fresh, sizeof *fresh * (size_t)g.n_arcs);
        int64_t cut = max_flow(&g, list[i].node, g.n - 1);
        if (cut > best) best = cut;
    }
    free(fresh);
    free(list);
    release(&g);
    /* Bytes that enter and bytes that leave are each rounded down once. */
    return best > 1000 ? best / 1000 - 1 + p->rates.overhead : 0;
}
