/* Questions to ax_seg_reach, about the reduced problem (reduce.h). Both allow fewer stages than asked for, which no bound
 * suffers from; a partition that has fewer is split further where that is free.
 *
 * Low bounds are refused quickly, high ones are long in granting: so the questions come nearer from below, and from time to
 * time whether anything is better than what is known. */
#include "prove.h"

#include <stdlib.h>
#include <string.h>

#include "reach.h"
#include "reduce.h"

int ax_seg_same_cores(const struct ax_seg_solve_options *opt)
{
    if (opt->n_cores) return 0;
    for (int k = 1; opt->replicas && k < opt->n_stages; k++)
        if (opt->replicas[k] != opt->replicas[0]) return 0;
    return opt->replicas ? opt->replicas[0] : 1;
}

/* -- more stages -- */

static bool within(const struct ax_seg_proof *f, const int *stage_of, int k, int n_used, int64_t limit)
{
    struct ax_seg_stage stages[AX_SEG_MAX_STAGES];
    ax_seg_evaluate(f->p, stage_of, n_used, stages);
    return stages[k].cost <= limit && stages[k + 1].cost <= limit;
}

/* Splits stage k in two within the limit, at the first place in the order of nodes that allows it. */
static bool split(const struct ax_seg_proof *f, int *stage_of, int k, int n_used, int64_t limit)
{
    int n = f->p->n_nodes, left = 0;
    for (int v = 0; v < n; v++) left += stage_of[v] == k;
    for (int v = 0; v < n; v++) stage_of[v] += stage_of[v] >= k;
    for (int v = 0; v < n && left > 1; v++) {
        if (stage_of[v] != k + 1) continue;
        stage_of[v] = k;
        left--;
        if (within(f, stage_of, k, n_used + 1, limit)) return true;
    }
    for (int v = 0; v < n; v++) stage_of[v] -= stage_of[v] > k;
    return false;
}

static bool spread(const struct ax_seg_proof *f, int *stage_of, int n_used, int64_t limit)
{
    for (; n_used < f->opt->n_stages; n_used++) {
        int k = 0;
        while (k < n_used && !split(f, stage_of, k, n_used, limit)) k++;
        if (k == n_used) return false;
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
    ax_seg_reduce(f->p, bound * ax_seg_same_cores(f->opt), f->opt->max_stage_params, AX_SEG_IN_FASTEST, &p->r, &p->mem);
}

static void enumerate(const struct ax_seg_proof *f, struct room *p)
{
    struct ax_lattice_beam all = {0};
    int before_last = f->opt->n_stages - 1;
    struct ax_lattice_limit limit = {p->bound * ax_seg_same_cores(f->opt) * before_last, before_last};
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
    int cores = ax_seg_same_cores(f->opt), n_used = 0;
    q->next_bound = p->r.next_bound / cores;
    if (p->r.hopeless) return AX_SEG_NO;
    if (!p->lattice.n_ideals) return AX_SEG_TIRED;
    struct ax_seg_reach reach = {.p = &p->r.p,
                                 .links = &p->r.links,
                                 .lattice = &p->lattice,
                                 .n_stages = f->opt->n_stages,
                                 .replicas = cores,
                                 .max_params = f->opt->max_stage_params,
                                 .work_left = q->work};
    int *stage_of = malloc(sizeof(int) * (size_t)(p->r.p.n_nodes + 1));
    if (!stage_of) abort();
    enum ax_seg_answer answer = ax_seg_reach(&reach, q->bound, stage_of, &n_used);
    if (reach.next_bound < q->next_bound) q->next_bound = reach.next_bound;
    q->work = reach.work_left;
    for (int v = 0; v < f->p->n_nodes && answer == AX_SEG_YES; v++) f->scratch[v] = stage_of[p->r.group[v]];
    free(stage_of);
    if (answer == AX_SEG_YES && !spread(f, f->scratch, n_used, q->bound * cores)) return AX_SEG_TIRED;
    return answer;
}

static void take(struct ax_seg_proof *f)
{
    memcpy(f->best->stage_of, f->scratch, sizeof(int) * (size_t)f->p->n_nodes);
    for (int k = 0; k < f->opt->n_stages; k++) f->best->replicas[k] = ax_seg_same_cores(f->opt);
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
