/* The cheapest stage that a node can be in, whatever else is there: a minimum cut.
 *
 * Of all sets of nodes that hold the node, the one of least compute + transfers; that it be a stage of some chain is not asked
 * for, so the bound holds for every partition. A set is the source's side. A node in it pays its compute; a tensor that it
 * reads and does not make pays for entering, one that it makes and that others read for leaving. Each tensor has two vertices:
 *
 *     reader --inf--> enters --in--> producer          producer --out--> leaves --inf--> reader
 *
 * Capacities are thousandths of the unit of costs, as rates are. */
#include "solver/bound.h"

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

struct ax_seg_flow {
    struct net net;
    struct arc *fresh; /* arcs before any flow */
    int64_t overhead;
};

static const int64_t infinite = INT64_MAX / 4;

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
    int arcs = p->n_nodes + 1, sink = p->n_nodes + 2 * p->n_tensors;
    for (int t = 0; t < p->n_tensors; t++) arcs += 3 + 2 * p->tensors[t].n_consumers;
    g->n = sink + 1;
    g->arcs = ax_seg_zeroed(2 * (int64_t)arcs, sizeof *g->arcs);
    g->first = ax_seg_zeroed(g->n, sizeof(int));
    g->level = ax_seg_zeroed(g->n, sizeof(int));
    g->at = ax_seg_zeroed(g->n, sizeof(int));
    g->queue = ax_seg_zeroed(g->n, sizeof(int));
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

struct ax_seg_flow *ax_seg_flow_new(const struct ax_seg_problem *p)
{
    struct ax_seg_flow *f = ax_seg_zeroed(1, sizeof *f);
    build(&f->net, p);
    f->overhead = p->rates.overhead;
    f->fresh = ax_seg_zeroed(f->net.n_arcs, sizeof *f->fresh);
    memcpy(f->fresh, f->net.arcs, sizeof *f->fresh * (size_t)f->net.n_arcs);
    return f;
}

void ax_seg_flow_free(struct ax_seg_flow *f)
{
    if (!f) return;
    release(&f->net);
    free(f->fresh);
    free(f);
}

int64_t ax_seg_flow_stage(struct ax_seg_flow *f, int with, int without)
{
    struct net *g = &f->net;
    int sink = g->n - 1, n_arcs = g->n_arcs, first = without < 0 ? 0 : g->first[without], last = g->first[sink];
    memcpy(g->arcs, f->fresh, sizeof *f->fresh * (size_t)n_arcs);
    if (without >= 0) join(g, without, sink, infinite);
    int64_t cut = max_flow(g, with, sink);
    if (without >= 0) g->first[without] = first;
    g->first[sink] = last;
    g->n_arcs = n_arcs;
    /* Bytes that enter and bytes that leave are each rounded down once. */
    return cut > 1000 ? cut / 1000 - 1 + f->overhead : 0;
}

/* -- which nodes -- */

struct candidate {
    int node;
    int64_t alone;
};

static int dearest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->alone != y->alone) return x->alone < y->alone ? 1 : -1;
    return x->node - y->node;
}

int64_t *ax_seg_stages_alone(const struct ax_seg_problem *p)
{
    int64_t *in = ax_seg_zeroed(p->n_nodes, sizeof *in), *out = ax_seg_zeroed(p->n_nodes, sizeof *out);
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        for (int i = 0; i < x->n_consumers; i++) in[x->consumers[i]] += x->bytes;
        if (x->producer >= 0 && (x->n_consumers || x->is_output)) out[x->producer] += x->bytes;
    }
    for (int v = 0; v < p->n_nodes; v++)
        in[v] = p->nodes[v].compute + ax_seg_move(in[v], p->rates.in) + ax_seg_move(out[v], p->rates.out) + p->rates.overhead;
    free(out);
    return in;
}

enum { MOST = 64 }; /* nodes that are looked at */

int64_t ax_seg_node_bound(const struct ax_seg_problem *p)
{
    struct ax_seg_flow *f = ax_seg_flow_new(p);
    struct candidate *list = ax_seg_zeroed(p->n_nodes, sizeof *list);
    int64_t best = 0, *alone = ax_seg_stages_alone(p);
    for (int v = 0; v < p->n_nodes; v++) list[v] = (struct candidate){v, alone[v]};
    qsort(list, (size_t)p->n_nodes, sizeof *list, dearest_first);
    for (int i = 0; i < p->n_nodes && i < MOST && list[i].alone > best; i++) {
        int64_t cost = ax_seg_flow_stage(f, list[i].node, -1);
        if (cost > best) best = cost;
    }
    free(alone);
    free(list);
    ax_seg_flow_free(f);
    return best;
}
