/* Two kinds of reasons.
 *
 * Views and the like: a node that has one predecessor and makes no more than it takes from there may as well be in the
 * predecessor's stage if its computing costs no more than that saves; so may a node that has one successor.
 *
 * Dear tensors: where every stage that gives tensor t away costs more than the bound, whatever else is in it, who makes t and
 * who reads it are together; likewise where every stage that takes t in does. Minimum cuts say so (bound.h), more of them the
 * larger the groups become. */
#include "solver/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "solver/bound.h"

struct reducer {
    struct ax_seg_reduced *to;
    struct ax_arena *mem;
    int64_t bound, max_params;
    bool any_bytes; /* bytes cost nothing: views may as well make more than they take */
    int n_original;
    struct ax_seg_union u;
};

/* Contracts what was joined. */
static void apply(struct reducer *r)
{
    struct ax_seg_contraction c;
    ax_seg_contract(&r->to->p, &r->to->links, &r->u, &c, r->mem);
    r->to->p = c.p;
    for (int v = 0; v < r->n_original; v++) r->to->group[v] = c.group[r->to->group[v]];
    ax_seg_links_make(&r->to->links, &r->to->p, r->mem);
}

/* -- nodes that are no dearer elsewhere -- */

/* What node v adds to the stage it moves to, but for transfers; negative: it may not move. */
static int64_t cost_of_moving(const struct reducer *r, int v)
{
    const struct ax_seg_node *n = &r->to->p.nodes[v];
    if (!n->param_bytes) return n->compute;
    if (r->max_params) return -1;
    return n->compute + ax_seg_move(n->param_bytes, r->to->p.rates.stream) + 1;
}

static int64_t bytes_made(const struct reducer *r, int v)
{
    const struct ax_seg_links *k = &r->to->links;
    int64_t sum = 0;
    for (int i = k->out_start[v]; i < k->out_start[v + 1]; i++) {
        const struct ax_seg_tensor *t = &r->to->p.tensors[k->out[i]];
        if (t->n_consumers || t->is_output) sum += t->bytes;
    }
    return sum;
}

/* To its only predecessor. */
static bool moves_back(const struct reducer *r, int v)
{
    const struct ax_seg_links *k = &r->to->links;
    int64_t cost = cost_of_moving(r, v), saved = -bytes_made(r, v);
    if (k->n_preds[v] != 1 || cost < 0) return false;
    for (int i = k->in_start[v]; i < k->in_start[v + 1]; i++) {
        const struct ax_seg_tensor *t = &r->to->p.tensors[k->in[i]];
        if (t->producer < 0) return false;
        if (t->n_consumers == 1 && !t->is_output) saved += t->bytes;
    }
    return (saved >= 0 || r->any_bytes) && cost <= ax_seg_move(saved, r->to->p.rates.out);
}

static bool reads(const struct ax_seg_tensor *t, int v)
{
    for (int i = 0; i < t->n_consumers; i++)
        if (t->consumers[i] == v) return true;
    return false;
}

/* To its only successor. What that reads too enters there in any case. */
static bool moves_on(const struct reducer *r, int v)
{
    const struct ax_seg_links *k = &r->to->links;
    int64_t cost = cost_of_moving(r, v), saved = bytes_made(r, v);
    if (k->succ_start[v + 1] - k->succ_start[v] != 1 || cost < 0) return false;
    for (int i = k->out_start[v]; i < k->out_start[v + 1]; i++)
        if (r->to->p.tensors[k->out[i]].is_output) return false;
    for (int i = k->in_start[v]; i < k->in_start[v + 1]; i++) {
        const struct ax_seg_tensor *t = &r->to->p.tensors[k->in[i]];
        if (!reads(t, k->succ[k->succ_start[v]])) saved -= t->bytes;
    }
    return (saved >= 0 || r->any_bytes) && cost <= ax_seg_move(saved, r->to->p.rates.in);
}

/* Each node takes part in one move at a time: a move must not take apart what another one has put together. */
static bool join_movers(struct reducer *r)
{
    int n = r->to->p.n_nodes;
    bool any = false, *taken = calloc((size_t)n + 1, sizeof *taken);
    if (!taken) abort();
    ax_seg_union_make(&r->u, n, r->mem);
    for (int v = 0; v < n; v++) {
        const struct ax_seg_links *k = &r->to->links;
        bool back = moves_back(r, v);
        if (taken[v] || (!back && !moves_on(r, v))) continue;
        int to = back ? k->pred[k->pred_start[v]] : k->succ[k->succ_start[v]];
        if (taken[to]) continue;
        taken[v] = taken[to] = any = true;
        ax_seg_union_join(&r->u, v, to);
    }
    free(taken);
    return any;
}

/* -- tensors that cannot cross -- */

static void must_be_together(struct reducer *r, int a, int b, int64_t cost, bool *any)
{
    if (cost < r->to->next_bound) r->to->next_bound = cost;
    *any |= ax_seg_union_join(&r->u, a, b);
}

static bool join_dear(struct reducer *r)
{
    const struct ax_seg_links *k = &r->to->links;
    int n = r->to->p.n_nodes;
    int64_t *alone = ax_seg_stages_alone(&r->to->p);
    struct ax_seg_flow *f = ax_seg_flow_new(&r->to->p);
    bool any = false;
    ax_seg_union_make(&r->u, n, r->mem);
    for (int v = 0; v < n && !r->to->hopeless; v++) {
        if (alone[v] <= r->bound) continue; /* a stage that has it is within the bound */
        int64_t least = ax_seg_flow_stage(f, v, -1), cost;
        if (least > r->bound) {
            r->to->hopeless = true;
            if (least < r->to->next_bound) r->to->next_bound = least;
        }
        for (int i = k->succ_start[v]; i < k->succ_start[v + 1] && !r->to->hopeless; i++)
            if ((cost = ax_seg_flow_stage(f, v, k->succ[i])) > r->bound) must_be_together(r, v, k->succ[i], cost, &any);
        for (int i = k->pred_start[v]; i < k->pred_start[v + 1] && !r->to->hopeless; i++)
            if ((cost = ax_seg_flow_stage(f, v, k->pred[i])) > r->bound) must_be_together(r, v, k->pred[i], cost, &any);
    }
    ax_seg_flow_free(f);
    free(alone);
    return any && !r->to->hopeless;
}

void ax_seg_reduce(const struct ax_seg_problem *p, int64_t bound, int64_t max_params, enum ax_seg_reasons why,
                   struct ax_seg_reduced *out, struct ax_arena *mem)
{
    struct reducer r = {.to = out, .mem = mem, .bound = bound, .max_params = max_params, .n_original = p->n_nodes};
    r.any_bytes = why == AX_SEG_IN_FASTEST && !p->rates.in && !p->rates.out;
    *out = (struct ax_seg_reduced){.p = *p, .next_bound = INT64_MAX};
    out->group = AX_NEW(mem, int, p->n_nodes + 1);
    for (int v = 0; v < p->n_nodes; v++) out->group[v] = v;
    ax_seg_links_make(&out->links, p, mem);
    for (bool more = true; more && !out->hopeless;) {
        while (why != AX_SEG_IN_ALL && join_movers(&r)) apply(&r);
        more = join_dear(&r);
        if (more) apply(&r);
    }
}
