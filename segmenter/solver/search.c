/* Dynamic programming over (ideal, stages used): from every ideal that can be reached, a walk over those above it. */
#include <stdlib.h>
#include <string.h>

#include "solver/search.h"
#include "solver/walk.h"

struct label {
    int64_t crossing; /* bytes so far */
    int32_t from;     /* ideal where this stage begins; -1: not reached */
    int32_t cores;    /* used so far, when they are distributed */
};

struct search {
    struct ax_seg_search *s;
    int64_t bound;
    int n;                /* stages */
    struct label *labels; /* n + 1 an ideal */
    struct ax_seg_walk walk;
    struct start *start;
    int64_t *least_live; /* by ideal: the fewest live bytes of those above it; NULL without a limit of crossing bytes */
    int64_t cores_behind[AX_SEG_MAX_STAGES + 1]; /* replicas of stages k .. n - 1 */
};

static struct label *label_at(const struct search *w, int ideal, int k)
{
    return &w->labels[(int64_t)ideal * (w->n + 1) + k];
}

static void rejected(struct search *w, int64_t cost, int64_t cores)
{
    if (w->s->opt->n_cores || cores < 1) return;
    int64_t need = (cost + cores - 1) / cores;
    if (need > w->bound && need < w->s->next_bound) w->s->next_bound = need;
}

/* Whether n - k stages can still do what lies outside of the ideal. */
static bool can_finish(struct search *w, int ideal, int k, int cores)
{
    const struct ax_lattice *l = w->s->lattice;
    const struct ax_seg_rates *r = &w->s->p->rates;
    int left = w->n - k, all = l->n_ideals - 1;
    if (l->n_nodes - l->size[ideal] < left) return false;
    if (!left) return ideal == all;
    if (ideal == all) return false;
    int64_t params = l->param_bytes[all] - l->param_bytes[ideal];
    int64_t cost = l->compute[all] - l->compute[ideal] + left * r->overhead;
    /* What is alive, and the model's inputs that are still to be read, enter at least once; each stage rounds down twice. */
    cost += ax_seg_move(l->live[ideal] + l->tail_in[ideal], r->in) + ax_seg_move(l->tail_out[ideal], r->out) - 2 * left;
    if (params > left * r->on_chip_bytes) cost += ax_seg_move(params - left * r->on_chip_bytes, r->stream) - left;
    if (w->s->opt->max_stage_params && params > left * w->s->opt->max_stage_params) return false;
    int64_t power = w->s->opt->n_cores ? w->s->opt->n_cores - cores : w->cores_behind[k];
    if (power < left) return false;
    if (cost <= w->bound * power) return true;
    rejected(w, cost, power);
    return false;
}

/* What is alive behind an ideal crosses once more at least. */
static bool crosses_too_much(const struct search *w, int ideal, int64_t crossing)
{
    return w->s->crossing_limit && crossing + w->s->lattice->live[ideal] >= w->s->crossing_limit;
}

static void offer(struct search *w, int from, int to, int k, int64_t cost, int64_t crossing)
{
    const struct label *a = label_at(w, from, k);
    int cores = 0;
    if (w->s->opt->n_cores) {
        if (cost > w->bound * w->s->opt->n_cores) return;
        cores = a->cores + (w->bound ? (int)((cost + w->bound - 1) / w->bound) : 1);
        if (cores == a->cores) cores++;
        if (cores > w->s->opt->n_cores) return;
    } else {
        int64_t replicas = w->cores_behind[k] - w->cores_behind[k + 1];
        if (cost > w->bound * replicas) {
            rejected(w, cost, replicas);
            return;
        }
    }
    struct label *b = label_at(w, to, k + 1);
    crossing += a->crossing;
    if (crosses_too_much(w, to, crossing)) return;
    if (b->from >= 0 && (b->cores < cores || (b->cores == cores && b->crossing <= crossing))) return;
    if (!can_finish(w, to, k + 1, cores)) return;
    *b = (struct label){crossing, from, cores};
}

struct start { /* the ideal where a walk begins, and the labels that it has */
    int ideal;
    int ks[AX_SEG_MAX_STAGES], n_ks;
    int64_t power;    /* the most that a stage may cost, in bounds */
    int64_t crossing; /* the fewest bytes so far */
};

/* For stages that are neither the first nor the last. */
static bool find_start(struct search *w, int ideal, struct start *st)
{
    st->ideal = ideal;
    st->n_ks = 0;
    st->power = 0;
    st->crossing = INT64_MAX;
    for (int k = 1; k < w->n - 1; k++) {
        const struct label *a = label_at(w, ideal, k);
        if (a->from < 0) continue;
        st->ks[st->n_ks++] = k;
        if (a->crossing < st->crossing) st->crossing = a->crossing;
        int64_t power =
            w->s->opt->n_cores ? w->s->opt->n_cores - a->cores - (w->n - k - 1) : w->cores_behind[k] - w->cores_behind[k + 1];
        if (power > st->power) st->power = power;
    }
    return st->n_ks > 0;
}

/* The stage from st->ideal to the frame's: whether a larger one may be within the bound. */
static bool visit(void *ctx, const struct ax_seg_frame *f)
{
    struct search *w = ctx;
    const struct start *st = w->start;
    const struct ax_lattice *l = w->s->lattice;
    const struct ax_seg_rates *r = &w->s->p->rates;
    int64_t params = l->param_bytes[f->ideal] - l->param_bytes[st->ideal];
    if (w->s->opt->max_stage_params && params > w->s->opt->max_stage_params) return false;
    int64_t grows =
        l->compute[f->ideal] - l->compute[st->ideal] + ax_seg_stream(r, params) + ax_seg_move(f->bytes.in, r->in) + r->overhead;
    if (grows > w->bound * st->power) {
        rejected(w, grows, st->power);
        return false;
    }
    if (w->least_live && st->crossing + f->bytes.crossing + w->least_live[f->ideal] >= w->s->crossing_limit) return false;
    int64_t cost = grows + ax_seg_move(f->bytes.out, r->out);
    for (int i = 0; i < st->n_ks; i++) offer(w, st->ideal, f->ideal, st->ks[i], cost, f->bytes.crossing);
    return true;
}

/* First stages, from nothing to any ideal, and last ones, from any ideal to the end, need no walk. */
static void first_stages(struct search *w)
{
    const struct ax_lattice *l = w->s->lattice;
    const struct ax_seg_rates *r = &w->s->p->rates;
    for (int i = w->n == 1 ? l->n_ideals - 1 : 1; i < l->n_ideals; i++) {
        if (w->s->opt->max_stage_params && l->param_bytes[i] > w->s->opt->max_stage_params) continue;
        offer(w, 0, i, 0,
              l->compute[i] + ax_seg_stream(r, l->param_bytes[i]) + ax_seg_move(l->head_in[i], r->in) +
                  ax_seg_move(l->head_out[i], r->out) + r->overhead,
              0);
    }
    w->s->work_left -= l->n_ideals;
}

static void last_stage(struct search *w, int i)
{
    const struct ax_lattice *l = w->s->lattice;
    const struct ax_seg_rates *r = &w->s->p->rates;
    int last = l->n_ideals - 1;
    int64_t params = l->param_bytes[last] - l->param_bytes[i];
    if (w->n == 1 || label_at(w, i, w->n - 1)->from < 0) return;
    if (w->s->opt->max_stage_params && params > w->s->opt->max_stage_params) return;
    offer(w, i, last, w->n - 1,
          l->compute[last] - l->compute[i] + ax_seg_stream(r, params) + ax_seg_move(l->tail_in[i] + l->live[i], r->in) +
              ax_seg_move(l->tail_out[i], r->out) + r->overhead,
          l->live[i]);
}

static void extract(struct search *w, int *stage_of, int *replicas)
{
    const struct ax_lattice *l = w->s->lattice;
    int ideal = l->n_ideals - 1;
    for (int k = w->n; k > 0; k--) {
        const struct label *b = label_at(w, ideal, k);
        for (int v = 0; v < l->n_nodes; v++)
            if (ax_lattice_has(l, ideal, v)) stage_of[v] = k - 1;
        if (w->s->opt->n_cores) replicas[k - 1] = b->cores - label_at(w, b->from, k - 1)->cores;
        ideal = b->from;
    }
}

static void find_least_live(struct search *w)
{
    const struct ax_lattice *l = w->s->lattice;
    w->least_live = malloc(sizeof *w->least_live * (size_t)l->n_ideals);
    if (!w->least_live) abort();
    for (int i = l->n_ideals - 1; i >= 0; i--) {
        int64_t least = l->live[i];
        for (int e = l->first_edge[i]; e < l->first_edge[i + 1]; e++)
            if (w->least_live[l->edge_to[e]] < least) least = w->least_live[l->edge_to[e]];
        w->least_live[i] = least;
    }
}

static void begin(struct search *w)
{
    const struct ax_lattice *l = w->s->lattice;
    int64_t n_labels = (int64_t)l->n_ideals * (w->n + 1);
    w->labels = calloc((size_t)n_labels, sizeof *w->labels);
    if (!w->labels) abort();
    for (int64_t i = 0; i < n_labels; i++) w->labels[i].from = -1;
    label_at(w, 0, 0)->from = 0;
    if (w->s->crossing_limit) find_least_live(w);
    ax_seg_walk_make(&w->walk, w->s->p, w->s->links, l->n_ideals);
    for (int k = w->n - 1; k >= 0; k--)
        w->cores_behind[k] = w->cores_behind[k + 1] + (w->s->opt->replicas ? w->s->opt->replicas[k] : 1);
}

static bool walk_from(struct search *w, struct start *st)
{
    w->start = st;
    w->s->work_left -= ax_seg_walk(&w->walk, w->s->lattice, st->ideal, visit, w);
    return w->s->work_left > 0;
}

enum ax_seg_answer ax_seg_search(struct ax_seg_search *s, int64_t bound, bool any, int *stage_of, int *replicas)
{
    struct search w = {.s = s, .bound = bound, .n = s->opt->n_stages};
    int last = s->lattice->n_ideals - 1;
    begin(&w);
    s->next_bound = INT64_MAX;
    struct start st;
    bool on = can_finish(&w, 0, 0, 0);
    if (on) first_stages(&w);
    for (int i = 1; i < last && on; i++) {
        last_stage(&w, i);
        if (find_start(&w, i, &st)) on = walk_from(&w, &st);
        if (any && label_at(&w, last, w.n)->from >= 0) break;
    }
    enum ax_seg_answer answer = label_at(&w, last, w.n)->from >= 0 ? AX_SEG_YES : s->work_left > 0 ? AX_SEG_NO : AX_SEG_TIRED;
    if (answer == AX_SEG_YES) extract(&w, stage_of, replicas);
    ax_seg_walk_free(&w.walk);
    free(w.labels);
    free(w.least_live);
    return answer;
}
