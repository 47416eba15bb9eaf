/* Dynamic programming over (ideal, stages used). From every ideal that can be reached, a walk visits the ideals above it
 * depth first, one node more a step, and keeps the cost of the stage between them up to date. */
#include <stdlib.h>
#include <string.h>

#include "search.h"

struct label {
    int64_t crossing; /* bytes so far */
    int32_t from;     /* ideal where this stage begins; -1: not reached */
    int32_t cores;    /* used so far, when they are distributed */
};

struct frame {
    int ideal, edge, node;
    int64_t in, out, crossing; /* bytes of the stage up to here */
};

struct walk {
    struct ax_seg_search *s;
    int64_t bound;
    int n;                /* stages */
    struct label *labels; /* n + 1 an ideal */
    int *seen, stamp;     /* by ideal */
    int *outside;         /* by tensor: its consumers that are not in the walk's ideal */
    int *used;            /* by tensor: its consumers in the stage */
    bool *made;           /* by tensor: made in the stage */
    struct frame *stack;
    int64_t cores_behind[AX_SEG_MAX_STAGES + 1]; /* replicas of stages k .. n - 1 */
};

static struct label *label_at(const struct walk *w, int ideal, int k)
{
    return &w->labels[(int64_t)ideal * (w->n + 1) + k];
}

static void rejected(struct walk *w, int64_t cost, int64_t cores)
{
    if (w->s->opt->n_cores || cores < 1) return;
    int64_t need = (cost + cores - 1) / cores;
    if (need > w->bound && need < w->s->next_bound) w->s->next_bound = need;
}

/* Whether n - k stages can still do what lies outside of the ideal. */
static bool can_finish(struct walk *w, int ideal, int k, int cores)
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
static bool crosses_too_much(const struct walk *w, int ideal, int64_t crossing)
{
    return w->s->crossing_limit && crossing + w->s->lattice->live[ideal] >= w->s->crossing_limit;
}

static void offer(struct walk *w, int from, int to, int k, int64_t cost, int64_t crossing)
{
    const struct label *a = label_at(w, from, k);
    int cores = 0;
    if (w->s->opt->n_cores) {
        cores = a->cores + (int)((cost + w->bound - 1) / w->bound);
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

/* Adds node v to the stage, or with sign -1 takes it out again; f->in, out, crossing follow. */
static void toggle(struct walk *w, int v, int sign, struct frame *f)
{
    const struct ax_seg_links *k = w->s->links;
    const struct ax_seg_tensor *tensors = w->s->p->tensors;
    for (int i = k->in_start[v]; i < k->in_start[v + 1]; i++) {
        int t = k->in[i];
        const struct ax_seg_tensor *x = &tensors[t];
        if (w->made[t]) {
            w->outside[t] -= sign;
            if (sign > 0 && !w->outside[t] && !x->is_output) f->out -= x->bytes;
            continue;
        }
        if (sign > 0 && !w->used[t]) {
            f->in += x->bytes;
            if (x->producer >= 0) f->crossing += x->bytes;
        }
        w->used[t] += sign;
    }
    for (int i = k->out_start[v]; i < k->out_start[v + 1]; i++) {
        int t = k->out[i];
        const struct ax_seg_tensor *x = &tensors[t];
        w->made[t] = sign > 0;
        w->outside[t] = x->n_consumers;
        if (sign > 0 && (x->n_consumers || x->is_output)) f->out += x->bytes;
    }
}

struct start { /* the ideal where a walk begins, and the labels that it has */
    int ideal;
    int ks[AX_SEG_MAX_STAGES], n_ks;
    int64_t power;    /* the most that a stage may cost, in bounds */
    int64_t crossing; /* the fewest bytes so far */
};

/* For stages that are neither the first nor the last. */
static bool find_start(struct walk *w, int ideal, struct start *st)
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
static bool visit(struct walk *w, const struct start *st, const struct frame *f)
{
    const struct ax_lattice *l = w->s->lattice;
    const struct ax_seg_rates *r = &w->s->p->rates;
    int64_t params = l->param_bytes[f->ideal] - l->param_bytes[st->ideal];
    if (w->s->opt->max_stage_params && params > w->s->opt->max_stage_params) return false;
    int64_t grows =
        l->compute[f->ideal] - l->compute[st->ideal] + ax_seg_stream(r, params) + ax_seg_move(f->in, r->in) + r->overhead;
    if (grows > w->bound * st->power) {
        rejected(w, grows, st->power);
        return false;
    }
    if (w->s->crossing_limit && st->crossing + f->crossing >= w->s->crossing_limit) return false;
    int64_t cost = grows + ax_seg_move(f->out, r->out);
    for (int i = 0; i < st->n_ks; i++) offer(w, st->ideal, f->ideal, st->ks[i], cost, f->crossing);
    return true;
}

/* Visits every ideal above the start within the bound. False when the work is used up. */
static bool walk_from(struct walk *w, const struct start *st)
{
    const struct ax_lattice *l = w->s->lattice;
    int depth = 0;
    w->stamp++;
    w->stack[0] = (struct frame){.ideal = st->ideal, .edge = l->first_edge[st->ideal], .node = -1};
    while (depth >= 0) {
        struct frame *f = &w->stack[depth];
        if (f->edge == l->first_edge[f->ideal + 1]) {
            if (f->node >= 0) toggle(w, f->node, -1, f);
            depth--;
            continue;
        }
        int to = l->edge_to[f->edge], v = l->edge_node[f->edge];
        f->edge++;
        if (w->seen[to] == w->stamp) continue;
        w->seen[to] = w->stamp;
        w->s->work_left--;
        struct frame *g = &w->stack[++depth];
        *g = (struct frame){to, l->first_edge[to], v, f->in, f->out, f->crossing};
        toggle(w, v, 1, g);
        if (!visit(w, st, g)) g->edge = l->first_edge[to + 1];
    }
    return w->s->work_left > 0;
}

/* First stages, from nothing to any ideal, and last ones, from any ideal to the end, need no walk. */
static void first_stages(struct walk *w)
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

static void last_stage(struct walk *w, int i)
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

static void extract(struct walk *w, int *stage_of, int *replicas)
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

static void *zeroed(int64_t count, size_t size)
{
    void *q = calloc((size_t)count + 1, size);
    if (!q) abort();
    return q;
}

static void begin(struct walk *w)
{
    const struct ax_lattice *l = w->s->lattice;
    int64_t n_labels = (int64_t)l->n_ideals * (w->n + 1);
    w->labels = zeroed(n_labels, sizeof *w->labels);
    for (int64_t i = 0; i < n_labels; i++) w->labels[i].from = -1;
    label_at(w, 0, 0)->from = 0;
    w->seen = zeroed(l->n_ideals, sizeof(int));
    w->outside = zeroed(w->s->p->n_tensors, sizeof(int));
    w->used = zeroed(w->s->p->n_tensors, sizeof(int));
    w->made = zeroed(w->s->p->n_tensors, sizeof(bool));
    w->stack = zeroed(l->n_nodes + 1, sizeof *w->stack);
    for (int k = w->n - 1; k >= 0; k--)
        w->cores_behind[k] = w->cores_behind[k + 1] + (w->s->opt->replicas ? w->s->opt->replicas[k] : 1);
}

static void finish(struct walk *w)
{
    free(w->labels);
    free(w->seen);
    free(w->outside);
    free(w->used);
    free(w->made);
    free(w->stack);
}

enum ax_seg_answer ax_seg_search(struct ax_seg_search *s, int64_t bound, bool any, int *stage_of, int *replicas)
{
    struct walk w = {.s = s, .bound = bound, .n = s->opt->n_stages};
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
    finish(&w);
    return answer;
}
