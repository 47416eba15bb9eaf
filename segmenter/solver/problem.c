/* Cost of a given partition, and adjacency. */
#include <stdlib.h>
#include <string.h>

#include "solver/problem.h"

static bool place_tensor(const struct ax_seg_problem *p, const struct ax_seg_tensor *t, const int *stage_of,
                         struct ax_seg_stage *stages)
{
    int from = t->producer < 0 ? -1 : stage_of[t->producer];
    uint32_t seen = 0;
    for (int i = 0; i < t->n_consumers; i++) {
        int s = stage_of[t->consumers[i]];
        if (s < from) return false;
        if (s == from || seen >> s & 1) continue;
        seen |= 1u << s;
        stages[s].in_bytes += t->bytes;
        if (from >= 0) stages[s].crossing_bytes += t->bytes;
    }
    if (from >= 0 && (seen || t->is_output)) stages[from].out_bytes += t->bytes;
    (void)p;
    return true;
}

bool ax_seg_evaluate(const struct ax_seg_problem *p, const int *stage_of, int n_stages, struct ax_seg_stage *stages)
{
    const struct ax_seg_rates *r = &p->rates;
    memset(stages, 0, sizeof *stages * (size_t)n_stages);
    for (int v = 0; v < p->n_nodes; v++) {
        struct ax_seg_stage *s = &stages[stage_of[v]];
        s->n_nodes++;
        s->compute += p->nodes[v].compute;
        s->param_bytes += p->nodes[v].param_bytes;
    }
    for (int t = 0; t < p->n_tensors; t++)
        if (!place_tensor(p, &p->tensors[t], stage_of, stages)) return false;
    for (int i = 0; i < n_stages; i++) {
        struct ax_seg_stage *s = &stages[i];
        s->on_chip_bytes = s->param_bytes < r->on_chip_bytes ? s->param_bytes : r->on_chip_bytes;
        s->off_chip_bytes = s->param_bytes - s->on_chip_bytes;
        s->stream_cost = ax_seg_stream(r, s->param_bytes);
        s->transfer_cost = ax_seg_move(s->in_bytes, r->in) + ax_seg_move(s->out_bytes, r->out);
        s->cost = s->compute + s->stream_cost + s->transfer_cost + r->overhead;
    }
    return true;
}

/* Lists by node from pairs (node, item) given twice: counted first, then filled. */
static void prefix_sums(int *start, int n)
{
    for (int v = 0; v < n; v++) start[v + 1] += start[v];
}

static void tensors_by_node(struct ax_seg_links *l, const struct ax_seg_problem *p, struct ax_arena *mem)
{
    int n = p->n_nodes;
    l->in_start = AX_NEW(mem, int, n + 2);
    l->out_start = AX_NEW(mem, int, n + 2);
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        if (x->producer >= 0) l->out_start[x->producer + 1]++;
        for (int i = 0; i < x->n_consumers; i++) l->in_start[x->consumers[i] + 1]++;
    }
    prefix_sums(l->in_start, n);
    prefix_sums(l->out_start, n);
    l->in = AX_NEW(mem, int, l->in_start[n] + 1);
    l->out = AX_NEW(mem, int, l->out_start[n] + 1);
    int *fill_in = ax_arena_copy(mem, l->in_start, sizeof(int) * (size_t)(n + 1));
    int *fill_out = ax_arena_copy(mem, l->out_start, sizeof(int) * (size_t)(n + 1));
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        if (x->producer >= 0) l->out[fill_out[x->producer]++] = t;
        for (int i = 0; i < x->n_consumers; i++) l->in[fill_in[x->consumers[i]]++] = t;
    }
}

void ax_seg_links_make(struct ax_seg_links *l, const struct ax_seg_problem *p, struct ax_arena *mem)
{
    int n = p->n_nodes, n_edges = 0;
    tensors_by_node(l, p, mem);
    for (int t = 0; t < p->n_tensors; t++) n_edges += p->tensors[t].n_consumers;
    l->pred_start = AX_NEW(mem, int, n + 2);
    l->pred = AX_NEW(mem, int, n_edges + 1);
    l->succ_start = AX_NEW(mem, int, n + 2);
    l->succ = AX_NEW(mem, int, n_edges + 1);
    l->n_preds = AX_NEW(mem, int, n + 1);
    int *mark = AX_NEW(mem, int, n + 1), count = 0;
    for (int v = 0; v < n; v++) {
        for (int i = l->in_start[v]; i < l->in_start[v + 1]; i++) {
            int u = p->tensors[l->in[i]].producer;
            if (u < 0 || mark[u] == v + 1) continue;
            mark[u] = v + 1;
            l->pred[count++] = u;
            l->succ_start[u + 1]++;
        }
        l->pred_start[v + 1] = count;
        l->n_preds[v] = count - l->pred_start[v];
    }
    prefix_sums(l->succ_start, n);
    int *fill = ax_arena_copy(mem, l->succ_start, sizeof(int) * (size_t)(n + 1));
    for (int v = 0; v < n; v++)
        for (int i = l->pred_start[v]; i < l->pred_start[v + 1]; i++) l->succ[fill[l->pred[i]]++] = v;
}

void *ax_seg_zeroed(int64_t count, size_t size)
{
    void *p = calloc((size_t)(count > 0 ? count : 0) + 1, size);
    if (!p) abort();
    return p;
}
