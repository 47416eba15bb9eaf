#include "solver/walk.h"

#include <stdlib.h>

void ax_seg_walk_make(struct ax_seg_walk *w, const struct ax_seg_problem *p, const struct ax_seg_links *links, int n_ideals)
{
    *w = (struct ax_seg_walk){.p = p, .links = links};
    w->seen = ax_seg_zeroed(n_ideals, sizeof(int));
    w->outside = ax_seg_zeroed(p->n_tensors, sizeof(int));
    w->used = ax_seg_zeroed(p->n_tensors, sizeof(int));
    w->made = ax_seg_zeroed(p->n_tensors, sizeof(bool));
    w->stack = ax_seg_zeroed(p->n_nodes + 1, sizeof *w->stack);
}

void ax_seg_walk_free(struct ax_seg_walk *w)
{
    free(w->seen);
    free(w->outside);
    free(w->used);
    free(w->made);
    free(w->stack);
}

void ax_seg_walk_toggle(struct ax_seg_walk *w, int v, int sign, struct ax_seg_bytes *b)
{
    const struct ax_seg_links *k = w->links;
    const struct ax_seg_tensor *tensors = w->p->tensors;
    for (int i = k->in_start[v]; i < k->in_start[v + 1]; i++) {
        int t = k->in[i];
        const struct ax_seg_tensor *x = &tensors[t];
        if (w->made[t]) {
            w->outside[t] -= sign;
            if (sign > 0 && !w->outside[t] && !x->is_output) b->out -= x->bytes;
            continue;
        }
        if (sign > 0 && !w->used[t]) {
            b->in += x->bytes;
            if (x->producer >= 0) b->crossing += x->bytes;
        }
        w->used[t] += sign;
    }
    for (int i = k->out_start[v]; i < k->out_start[v + 1]; i++) {
        int t = k->out[i];
        const struct ax_seg_tensor *x = &tensors[t];
        w->made[t] = sign > 0;
        w->outside[t] = x->n_consumers;
        if (sign > 0 && (x->n_consumers || x->is_output)) b->out += x->bytes;
    }
}

int64_t ax_seg_walk(struct ax_seg_walk *w, const struct ax_lattice *l, int from, ax_seg_visit_fn *visit, void *ctx)
{
    int depth = 0;
    int64_t visited = 0;
    w->stamp++;
    w->stack[0] = (struct ax_seg_frame){.ideal = from, .edge = l->first_edge[from], .node = -1};
    while (depth >= 0) {
        struct ax_seg_frame *f = &w->stack[depth];
        if (f->edge == l->first_edge[f->ideal + 1]) {
            if (f->node >= 0) ax_seg_walk_toggle(w, f->node, -1, NULL);
            depth--;
            continue;
        }
        int to = l->edge_to[f->edge], v = l->edge_node[f->edge];
        f->edge++;
        if (w->seen[to] == w->stamp) continue;
        w->seen[to] = w->stamp;
        visited++;
        struct ax_seg_frame *g = &w->stack[++depth];
        *g = (struct ax_seg_frame){to, l->first_edge[to], v, f->bytes};
        ax_seg_walk_toggle(w, v, 1, &g->bytes);
        if (!visit(ctx, g)) g->edge = l->first_edge[to + 1];
    }
    return visited;
}
