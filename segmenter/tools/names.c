/* Cuts by hand: each tensor ends a segment. The segment holds all that the tensor needs, nothing that needs the tensor, and of
 * the rest what makes fewer bytes cross: either none of it or all of it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tools/job.h"

static bool can_cut(const struct ax_segment_job *j, int t)
{
    const struct ax_seg_tensor *x = &j->costs.problem.tensors[t];
    return x->producer >= 0 && x->n_consumers > 0;
}

static int find_tensor(const struct ax_segment_job *j, const char *name)
{
    for (int t = 0; t < j->costs.problem.n_tensors; t++)
        if (!strcmp(j->graph->values[j->costs.value_of[t]].name, name)) return t;
    return -1;
}

/* below[v]: node v is needed for tensor t; above[v]: it needs t. */
static void relate(const struct ax_segment_job *j, int t, char *below, char *above)
{
    const struct ax_seg_problem *p = &j->costs.problem;
    struct ax_arena mem = {0};
    struct ax_seg_links l;
    ax_seg_links_make(&l, p, &mem);
    memset(below, 0, (size_t)p->n_nodes);
    memset(above, 0, (size_t)p->n_nodes);
    below[p->tensors[t].producer] = 1;
    for (int v = p->n_nodes - 1; v >= 0; v--)
        for (int i = l.succ_start[v]; i < l.succ_start[v + 1]; i++) below[v] |= below[l.succ[i]];
    for (int i = 0; i < p->tensors[t].n_consumers; i++) above[p->tensors[t].consumers[i]] = 1;
    for (int v = 0; v < p->n_nodes; v++)
        for (int i = l.pred_start[v]; i < l.pred_start[v + 1]; i++) above[v] |= above[l.pred[i]];
    ax_arena_free(&mem);
}

/* Bytes and number of tensors that cross the border of a set. */
static int64_t crossing(const struct ax_seg_problem *p, const char *set, int *count)
{
    int64_t bytes = 0;
    *count = 0;
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        int out = 0;
        if (x->producer < 0 || !set[x->producer]) continue;
        for (int i = 0; i < x->n_consumers; i++) out |= !set[x->consumers[i]];
        if (!out) continue;
        bytes += x->bytes;
        ++*count;
    }
    return bytes;
}

/* The set before a cut at t; `set` has the segments before. Returns the bytes that cross. */
static int64_t choose(const struct ax_segment_job *j, int t, char *set, int *count)
{
    const struct ax_seg_problem *p = &j->costs.problem;
    size_t n = (size_t)p->n_nodes + 1;
    char *below = malloc(n * 4), *above = below + n, *small = above + n, *large = small + n;
    int n_small, n_large;
    if (!below) abort();
    relate(j, t, below, above);
    for (int v = 0; v < p->n_nodes; v++) {
        small[v] = set[v] | below[v];
        large[v] = set[v] | !above[v];
    }
    int64_t a = crossing(p, small, &n_small), b = crossing(p, large, &n_large);
    memcpy(set, a <= b ? small : large, (size_t)p->n_nodes);
    *count = a <= b ? n_small : n_large;
    free(below);
    return a <= b ? a : b;
}

static int cut_alone(const struct ax_segment_job *j, int t, int64_t *bytes) /* tensors that cross there */
{
    int count;
    char *set = calloc(1, (size_t)j->costs.problem.n_nodes + 1);
    if (!set) abort();
    *bytes = choose(j, t, set, &count);
    free(set);
    return count;
}

void ax_segment_list_cuts(struct ax_segment_job *j)
{
    printf("%-56s %9s  %s\n", "tensor", "crossing", "bytes");
    for (int t = 0; t < j->costs.problem.n_tensors; t++) {
        int64_t bytes;
        if (!can_cut(j, t)) continue;
        int count = cut_alone(j, t, &bytes);
        printf("%-56s %9d  %lld\n", j->graph->values[j->costs.value_of[t]].name, count, (long long)bytes);
    }
}

static enum ax_status unknown(struct ax_segment_job *j, const char *name, struct ax_error *err)
{
    const struct ax_seg_problem *p = &j->costs.problem;
    const char **names = AX_NEW(&j->mem, const char *, p->n_tensors + 1), *some = "";
    int n = 0, shown = 0;
    for (int t = 0; t < p->n_tensors; t++)
        if (can_cut(j, t)) names[n++] = j->graph->values[j->costs.value_of[t]].name;
    const char *near = ax_nearest(name, names);
    for (int t = 0; t < p->n_tensors && shown < 8; t++) {
        int64_t bytes;
        if (!can_cut(j, t) || cut_alone(j, t, &bytes) != 1) continue;
        some = ax_arena_printf(&j->mem, "%s%s\"%s\"", some, shown++ ? ", " : "", j->graph->values[j->costs.value_of[t]].name);
    }
    return ax_fail(
        err, AX_NOT_FOUND,
        "--cuts: no tensor \"%s\" at which %s can be cut%s%s%s. Where one tensor crosses alone: %s. All are shown by "
        "--list_cuts",
        name, j->path, near ? "; is \"" : "", near ? near : "", near ? "\" meant?" : "", *some ? some : "nowhere");
}

enum ax_status ax_segment_by_hand(struct ax_segment_job *j, struct ax_error *err)
{
    const struct ax_seg_problem *p = &j->costs.problem;
    const struct ax_list *cuts = &j->set->cuts;
    struct ax_seg_solution *s = &j->solution;
    if (cuts->count >= AX_SEG_MAX_STAGES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--cuts names %d tensors; at most %d segments can be made", cuts->count,
                       AX_SEG_MAX_STAGES);
    char *set = AX_NEW(&j->mem, char, p->n_nodes + 1);
    *s = (struct ax_seg_solution){.n_stages = cuts->count + 1, .stage_of = AX_NEW(&j->mem, int, p->n_nodes + 1)};
    for (int v = 0; v < p->n_nodes; v++) s->stage_of[v] = cuts->count;
    for (int k = 0; k < cuts->count; k++) {
        int t = find_tensor(j, cuts->item[k]), count, before = 0, after = 0;
        if (t < 0 || !can_cut(j, t)) return unknown(j, cuts->item[k], err);
        if (set[p->tensors[t].producer])
            return ax_fail(
                err, AX_INVALID_ARGUMENT,
                "--cuts: \"%s\" is made in the segment that the tensor before it ends, or before; give the tensors in the "
                "order in which they are made",
                cuts->item[k]);
        for (int v = 0; v < p->n_nodes; v++) before += set[v];
        choose(j, t, set, &count);
        for (int v = 0; v < p->n_nodes; v++) {
            after += set[v];
            if (set[v] && s->stage_of[v] > k) s->stage_of[v] = k;
        }
        if (after == before || after == p->n_nodes)
            return ax_fail(err, AX_INVALID_ARGUMENT, "--cuts: nothing would be left for a segment beside \"%s\"",
                           cuts->item[k]);
    }
    struct ax_seg_solve_options opt = {.n_stages = s->n_stages};
    j->by_hand = true;
    j->n_segments = s->n_stages;
    for (int k = 0; k < s->n_stages; k++) s->replicas[k] = 1;
    ax_seg_complete(p, s);
    struct ax_seg_solution best;
    enum ax_status st = ax_seg_solve(p, &opt, &best, &j->mem, err);
    if (st) return st;
    s->lower_bound = best.lower_bound;
    s->exact = best.exact;
    return AX_OK;
}
