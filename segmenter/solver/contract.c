#include "solver/contract.h"

#include <stdlib.h>
#include <string.h>

void ax_seg_union_make(struct ax_seg_union *u, int n, struct ax_arena *mem)
{
    u->n = n;
    u->root = AX_NEW(mem, int, n + 1);
    u->next = AX_NEW(mem, int, n + 1);
    for (int v = 0; v < n; v++) u->root[v] = u->next[v] = v;
}

static int root_of(struct ax_seg_union *u, int v)
{
    while (u->root[v] != v) v = u->root[v] = u->root[u->root[v]];
    return v;
}

bool ax_seg_union_join(struct ax_seg_union *u, int a, int b)
{
    int x = root_of(u, a), y = root_of(u, b), t = u->next[a];
    if (x == y) return false;
    u->root[y] = x;
    u->next[a] = u->next[b];
    u->next[b] = t;
    return true;
}

/* -- strongly connected components of the graph with the rings (Tarjan) -- */

struct finder {
    const struct ax_seg_links *links;
    const struct ax_seg_union *u;
    int *seen, *low, *edge, *path, *stack; /* seen: number of a node, from 1 */
    int *group;                            /* -1: not known yet */
    int n_seen, n_path, n_stack, n_groups;
};

static void enter(struct finder *f, int v)
{
    f->seen[v] = f->low[v] = ++f->n_seen;
    f->edge[v] = f->links->succ_start[v] - 1;
    f->path[f->n_path++] = f->stack[f->n_stack++] = v;
}

static void leave(struct finder *f, int v)
{
    f->n_path--;
    if (f->low[v] == f->seen[v]) {
        int w;
        do f->group[w = f->stack[--f->n_stack]] = f->n_groups;
        while (w != v);
        f->n_groups++;
    }
    if (f->n_path) {
        int up = f->path[f->n_path - 1];
        if (f->low[v] < f->low[up]) f->low[up] = f->low[v];
    }
}

static void find_from(struct finder *f, int first)
{
    enter(f, first);
    while (f->n_path) {
        int v = f->path[f->n_path - 1], e = f->edge[v]++;
        if (e == f->links->succ_start[v + 1]) {
            leave(f, v);
            continue;
        }
        int w = e < f->links->succ_start[v] ? f->u->next[v] : f->links->succ[e];
        if (!f->seen[w])
            enter(f, w);
        else if (f->group[w] < 0 && f->seen[w] < f->low[v])
            f->low[v] = f->seen[w];
    }
}

/* Groups are found sinks first; they are numbered the other way. */
static int find_groups(const struct ax_seg_links *links, const struct ax_seg_union *u, int *group)
{
    int n = u->n;
    struct finder f = {links,
                       u,
                       ax_seg_zeroed(n, sizeof(int)),
                       ax_seg_zeroed(n, sizeof(int)),
                       ax_seg_zeroed(n, sizeof(int)),
                       ax_seg_zeroed(n, sizeof(int)),
                       ax_seg_zeroed(n, sizeof(int)),
                       group,
                       0,
                       0,
                       0,
                       0};
    for (int v = 0; v < n; v++) group[v] = -1;
    for (int v = n - 1; v >= 0; v--)
        if (!f.seen[v]) find_from(&f, v);
    for (int v = 0; v < n; v++) group[v] = f.n_groups - 1 - group[v];
    free(f.seen);
    free(f.low);
    free(f.edge);
    free(f.path);
    free(f.stack);
    return f.n_groups;
}

/* -- the problem over the groups -- */

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static struct ax_seg_tensor tensor_between(const struct ax_seg_tensor *t, const int *group, int *mark, int stamp,
                                           struct ax_arena *mem)
{
    int *list = AX_NEW(mem, int, t->n_consumers + 1), n = 0;
    struct ax_seg_tensor out = *t;
    if (t->producer >= 0) mark[out.producer = group[t->producer]] = stamp;
    for (int i = 0; i < t->n_consumers; i++) {
        int g = group[t->consumers[i]];
        if (mark[g] == stamp) continue;
        mark[g] = stamp;
        list[n++] = g;
    }
    qsort(list, (size_t)n, sizeof *list, by_number);
    out.consumers = list;
    out.n_consumers = n;
    return out;
}

void ax_seg_contract(const struct ax_seg_problem *p, const struct ax_seg_links *links, const struct ax_seg_union *u,
                     struct ax_seg_contraction *out, struct ax_arena *mem)
{
    out->group = AX_NEW(mem, int, p->n_nodes + 1);
    int n = find_groups(links, u, out->group), *mark = ax_seg_zeroed(n, sizeof(int));
    struct ax_seg_node *nodes = AX_NEW(mem, struct ax_seg_node, n + 1);
    struct ax_seg_tensor *tensors = AX_NEW(mem, struct ax_seg_tensor, p->n_tensors + 1);
    out->p = (struct ax_seg_problem){.n_nodes = n, .nodes = nodes, .tensors = tensors, .rates = p->rates};
    for (int v = 0; v < p->n_nodes; v++) {
        nodes[out->group[v]].compute += p->nodes[v].compute;
        nodes[out->group[v]].param_bytes += p->nodes[v].param_bytes;
    }
    for (int t = 0; t < p->n_tensors; t++) {
        struct ax_seg_tensor x = tensor_between(&p->tensors[t], out->group, mark, t + 1, mem);
        if (x.n_consumers || (x.is_output && x.producer >= 0)) tensors[out->p.n_tensors++] = x;
    }
    free(mark);
}
