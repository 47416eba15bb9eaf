/* Questions to ax_seg_reach, about the reduced problem (reduce.h). Both allow fewer stages than asked for, which no bound
 * suffers from; a partition that has fewer is split further where that is free.
 *
 * Low bounds are refused quickly, high ones are long in granting: so the questions come nearer from below, and from time to
 * time whether anything is better than what is known. */
#include "solver/prove.h"

#include <stdlib.h>
#include <string.h>

#include "solver/reach.h"
#include "solver/reduce.h"

static int cores_of(const struct ax_seg_proof *f, int k)
{
    return f->opt->replicas ? f->opt->replicas[k] : 1;
}

static int most_cores(const struct ax_seg_proof *f)
{
    int most = 1;
    for (int k = 0; k < f->opt->n_stages; k++)
        if (cores_of(f, k) > most) most = cores_of(f, k);
    return most;
}

/* -- more stages -- */

static int next_stage(const struct ax_seg_proof *f, const int *stage_of, int k, int step)
{
    for (k += step; k >= 0 && k < f->opt->n_stages; k += step)
        for (int v = 0; v < f->p->n_nodes; v++)
            if (stage_of[v] == k) return k;
    return -1;
}

static bool within(const struct ax_seg_proof *f, const int *stage_of, int a, int b, int64_t bound)
{
    struct ax_seg_stage stages[AX_SEG_MAX_STAGES];
    return ax_seg_evaluate(f->p, stage_of, f->opt->n_stages, stages) && stages[a].cost <= bound * cores_of(f, a) &&
           stages[b].cost <= bound * cores_of(f, b);
}

/* Gives stage k, which has nothing, the first nodes of the next stage or (step -1) the last ones of the one before: as few as
 * the bound allows. */
static bool fill_from(const struct ax_seg_proof *f, int *stage_of, int k, int step, int64_t bound)
{
    int from = next_stage(f, stage_of, k, step), n = f->p->n_nodes, left = 0;
    for (int v = 0; v < n; v++) left += stage_of[v] == from;
    for (int i = 0; i < n && from >= 0 && left > 1; i++) {
        int v = step > 0 ? i : n - 1 - i;
        if (stage_of[v] != from) continue;
        stage_of[v] = k;
        left--;
        if (within(f, stage_of, k, from, bound)) return true;
    }
    for (int v = 0; v < n && from >= 0; v++)
        if (stage_of[v] == k) stage_of[v] = from;
    return false;
}

/* Stage k has nothing: takes over what the stages behind it have, one after another, so that another one has nothing. */
static bool pass_on(const struct ax_seg_proof *f, int *stage_of, int k, int step)
{
    int from = next_stage(f, stage_of, k, step);
    if (from < 0 || cores_of(f, from) > cores_of(f, k)) return false;
    for (int v = 0; v < f->p->n_nodes; v++)
        if (stage_of[v] == from) stage_of[v] = k;
    return true;
}

/* Leaves no stage without nodes. An empty one that its neighbours cannot fill wanders to the front. */
static bool spread(const struct ax_seg_proof *f, int *stage_of, int64_t bound)
{
    for (int k = f->opt->n_stages - 1; k >= 0; k--) {
        bool empty = true;
        for (int v = 0; v < f->p->n_nodes && empty; v++) empty = stage_of[v] != k;
        if (!empty || fill_from(f, stage_of, k, -1, bound) || fill_from(f, stage_of, k, 1, bound)) continue;
        if (!pass_on(f, stage_of, k, -1)) return false;
    }
    return true;
}

/* -- questions -- */

/* The reduced problem with its ideals, which serve every question up to a bound. */
struct room {
    struct ax_arena mem;
    struct ax_seg_reduced r;
    struct ax_lattice lattice; /* n_ideals 0: there are too many, or none is needed */
    int64_t bound;             /* -1: nothing is there */
};

static void leave(struct room *p)
{
    ax_lattice_free(&p->lattice);
    ax_arena_free(&p->mem);
    *p = (struct room){.bound = -1};
}

static void reduce(const struct ax_seg_proof *f, int64_t bound, struct room *p)
{
    *p = (struct room){.bound = bound};
    ax_seg_reduce(f->p, bound * most_cores(f), f->opt->max_stage_params, AX_SEG_IN_FASTEST, &p->r, &p->mem);
}

static void enumerate(const struct ax_seg_proof *f, struct room *p)
{
    struct ax_lattice_beam all = {0};
    struct ax_lattice_limit limit = {0, f->opt->n_stages - 1};
    for (int k = 0; k < f->opt->n_stages - 1; k++) limit.cost += p->bound * cores_of(f, k);
    ax_lattice_make(&p->lattice, &p->r.p, &p->r.links, f->max_ideals, &all, &limit);
}

/* A room for questions up to `top` if that has few enough ideals and about as many nodes as one for `bound`. */
static void enter(const struct ax_seg_proof *f, int64_t bound, int64_t top, struct room *p)
{
    struct room own, wide;
    reduce(f, bound, &own);
    int nodes = own.r.p.n_nodes + own.r.p.n_nodes / 8;
    bool serves = !own.r.hopeless && p->bound >= bound && p->lattice.n_ideals && p->r.p.n_nodes <= nodes;
    if (serves) {
        leave(&own);
        return;
    }
    leave(p);
    *p = own;
    if (own.r.hopeless) return;
    reduce(f, top, &wide);
    if (top > bound && wide.r.p.n_nodes <= nodes) enumerate(f, &wide);
    if (wide.lattice.n_ideals) {
        leave(p);
        *p = wide;
    } else {
        leave(&wide);
        enumerate(f, p);
    }
}

struct question {
    int64_t bound, next_bound; /* next_bound: after NO, the least that may be answered otherwise */
    int64_t work;
};

/* YES: the partition is in f->scratch, with all its stages. */
static enum ax_seg_answer ask(struct ax_seg_proof *f, struct question *q, const struct room *p)
{
    q->next_bound = p->r.next_bound / most_cores(f);
    if (p->r.hopeless) return AX_SEG_NO;
    if (!p->lattice.n_ideals) return AX_SEG_TIRED;
    struct ax_seg_reach reach = {.p = &p->r.p,
                                 .links = &p->r.links,
                                 .lattice = &p->lattice,
                                 .n_stages = f->opt->n_stages,
                                 .max_params = f->opt->max_stage_params,
                                 .work_left = q->work};
    for (int k = 0; k < f->opt->n_stages; k++) reach.cores[k] = cores_of(f, k);
    int *stage_of = malloc(sizeof(int) * (size_t)(p->r.p.n_nodes + 1));
    if (!stage_of) abort();
    enum ax_seg_answer answer = ax_seg_reach(&reach, q->bound, stage_of);
    if (reach.next_bound < q->next_bound) q->next_bound = reach.next_bound;
    q->work = reach.work_left;
    for (int v = 0; v < f->p->n_nodes && answer == AX_SEG_YES; v++) f->scratch[v] = stage_of[p->r.group[v]];
    free(stage_of);
    if (answer == AX_SEG_YES && !spread(f, f->scratch, q->bound)) return AX_SEG_TIRED;
    return answer;
}

static void take(struct ax_seg_proof *f)
{
    memcpy(f->best->stage_of, f->scratch, sizeof(int) * (size_t)f->p->n_nodes);
    for (int k = 0; k < f->opt->n_stages; k++) f->best->replicas[k] = cores_of(f, k);
    ax_seg_complete(f->p, f->best);
}

static bool proven(const struct ax_seg_proof *f)
{
    return f->best->bottleneck - f->proven <= f->best->bottleneck / AX_SEG_PRECISION;
}

bool ax_seg_prove(struct ax_seg_proof *f)
{
    struct room p = {.bound = -1};
    int64_t roof = f->best->bottleneck; /* what is just below is too hard, or is what is known */
    int refused = 0, crowded = 0;
    while (!proven(f) && f->proven < roof && f->work > 0 && crowded < 2) {
        bool top = refused == 2;
        struct question q = {.bound = top ? roof - 1 : f->proven + (roof - f->proven) / 3, .work = f->work / 2 + 1};
        int64_t given = q.work;
        enter(f, q.bound, roof - 1, &p);
        enum ax_seg_answer a = ask(f, &q, &p);
        f->work -= given - q.work;
        refused = top || a != AX_SEG_NO ? 0 : refused + 1;
        crowded = a == AX_SEG_TIRED && !p.lattice.n_ideals ? crowded + 1 : 0;
        if (a == AX_SEG_YES) {
            take(f);
            roof = f->best->bottleneck;
        } else if (a == AX_SEG_NO) {
            f->proven = q.next_bound > q.bound ? q.next_bound : q.bound + 1;
            if (f->proven > f->best->bottleneck) f->proven = f->best->bottleneck;
        } else {
            roof = q.bound;
        }
    }
    leave(&p);
    return proven(f);
}
