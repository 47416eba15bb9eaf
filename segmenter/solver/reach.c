/* Breadth first: the ideals that the first stage reaches, then the second, ... Each ideal counts once, with the fewest stages,
 * since stages may have nothing. And of two ideals that are reached, one within the other, the larger one is enough where the
 * nodes between are no dearer in front: taking a node v out of the later stage that has it saves computing and what only v
 * reads, and costs that what v makes now enters there. So an ideal is not walked from where one more node leads to an ideal
 * that is reached, or itself need not be walked from, and whose live bytes grow by less than that node's computing pays. */
#include "solver/reach.h"

#include <stdlib.h>
#include <string.h>

#include "solver/walk.h"

enum { UNREACHED = 255, TOO_LARGE = 2 };

struct search {
    struct ax_seg_reach *r;
    struct ax_seg_walk walk;
    int64_t limit[AX_SEG_MAX_STAGES];      /* of each stage's cost */
    int64_t behind[AX_SEG_MAX_STAGES + 1]; /* what stages k, k + 1, ... can do, but for their overheads */
    int64_t cores_behind[AX_SEG_MAX_STAGES + 1];
    bool all_useful; /* every stage's limit is above its overhead */
    uint8_t *k;      /* by ideal: stages that reach it */
    int64_t *tried;  /* by ideal: the widest limit of a stage that began there */
    bool *covered;   /* by ideal: reached, or a larger one that is as good */
    int *from;
    int64_t *exit; /* by ideal: the least computing + leaving bytes' cost of an ideal above it where the stage may well end */
    uint8_t *ends;
    bool *known;
    int *starts, n_starts, lowest;
    int start, stage, highest; /* of the walk; the highest ideal that is reached */
};

static void rejected(struct search *s, int64_t cost, int64_t cores)
{
    int64_t need = (cost + cores - 1) / cores;
    if (need < s->r->next_bound) s->r->next_bound = need;
}

/* Whether stages k, k + 1, ... can still do what lies outside of the ideal. */
static bool can_finish(struct search *s, int ideal, int k)
{
    const struct ax_lattice *l = s->r->lattice;
    const struct ax_seg_rates *r = &s->r->p->rates;
    int all = l->n_ideals - 1, left = s->r->n_stages - k;
    if (ideal == all) return true;
    if (!left) return false;
    int64_t params = l->param_bytes[all] - l->param_bytes[ideal];
    int64_t need = l->compute[all] - l->compute[ideal];
    /* What is alive, and the model's inputs that are still to be read, enter at least once; each stage rounds down twice. */
    need += ax_seg_move(l->live[ideal] + l->tail_in[ideal], r->in) + ax_seg_move(l->tail_out[ideal], r->out) - 2 * left;
    if (params > left * r->on_chip_bytes) need += ax_seg_move(params - left * r->on_chip_bytes, r->stream) - left;
    if (s->r->max_params && params > left * s->r->max_params) return false;
    if (need <= s->behind[k]) return true;
    rejected(s, need + (s->all_useful ? left : 1) * r->overhead, s->cores_behind[k]);
    return false;
}

static void reach(struct search *s, int to, int64_t cost)
{
    if (s->k[to] <= s->stage + 1) return;
    if (cost > s->limit[s->stage]) {
        rejected(s, cost, s->r->cores[s->stage]);
        return;
    }
    if (!can_finish(s, to, s->stage + 1)) return;
    s->k[to] = (uint8_t)(s->stage + 1);
    s->from[to] = s->start;
    if (to > s->highest) s->highest = to;
}

static bool visit(void *ctx, const struct ax_seg_frame *f)
{
    struct search *s = ctx;
    const struct ax_lattice *l = s->r->lattice;
    const struct ax_seg_rates *r = &s->r->p->rates;
    int64_t params = l->param_bytes[f->ideal] - l->param_bytes[s->start];
    if (s->r->max_params && params > s->r->max_params) return false;
    int64_t grows =
        l->compute[f->ideal] - l->compute[s->start] + ax_seg_stream(r, params) + ax_seg_move(f->bytes.in, r->in) + r->overhead;
    if (grows > s->limit[s->stage]) {
        rejected(s, grows, s->r->cores[s->stage]);
        return false;
    }
    if (s->exit[f->ideal] == INT64_MAX) return false;
    /* Wherever it ends: what is made before the stage and still alive here is all that will not leave it. */
    int64_t least =
        s->exit[f->ideal] + grows - l->compute[f->ideal] - 2 - ax_seg_move(l->head_out[f->ideal] - f->bytes.out, r->out);
    if (least > s->limit[s->stage]) {
        rejected(s, least, s->r->cores[s->stage]);
        return false;
    }
    reach(s, f->ideal, grows + ax_seg_move(f->bytes.out, r->out));
    return true;
}

/* First stages, from nothing to any ideal, and last ones, from any ideal to the end, need no walk. */
static void first_stages(struct search *s)
{
    const struct ax_lattice *l = s->r->lattice;
    const struct ax_seg_rates *r = &s->r->p->rates;
    s->start = 0;
    for (int i = 1; i < l->n_ideals; i++)
        if (!s->r->max_params || l->param_bytes[i] <= s->r->max_params)
            reach(s, i,
                  l->compute[i] + ax_seg_stream(r, l->param_bytes[i]) + ax_seg_move(l->head_in[i], r->in) +
                      ax_seg_move(l->head_out[i], r->out) + r->overhead);
    s->r->work_left -= l->n_ideals / 4;
}

static void last_stage(struct search *s, int i)
{
    const struct ax_lattice *l = s->r->lattice;
    const struct ax_seg_rates *r = &s->r->p->rates;
    int last = l->n_ideals - 1;
    int64_t params = l->param_bytes[last] - l->param_bytes[i];
    if (s->r->max_params && params > s->r->max_params) return;
    s->start = i;
    reach(s, last,
          l->compute[last] - l->compute[i] + ax_seg_stream(r, params) + ax_seg_move(l->tail_in[i] + l->live[i], r->in) +
              ax_seg_move(l->tail_out[i], r->out) + r->overhead);
}

/* Edge e from ideal i: whether what it adds is no dearer in front. */
static bool pays(const struct search *s, int i, int e)
{
    const struct ax_lattice *l = s->r->lattice;
    int to = l->edge_to[e];
    int64_t grows = l->live[to] + l->tail_in[to] - l->live[i] - l->tail_in[i];
    if (grows <= 0) return true;
    return s->r->p->nodes[l->edge_node[e]].compute * 1000 >= grows * s->r->p->rates.in;
}

static bool better_above(const struct search *s, int i)
{
    const struct ax_lattice *l = s->r->lattice;
    for (int e = l->first_edge[i]; e < l->first_edge[i + 1]; e++)
        if (s->covered[l->edge_to[e]] && pays(s, i, e)) return true;
    return false;
}

/* Ideals from which no stage as wide has begun. */
static bool is_new(const struct search *s, int i)
{
    return s->k[i] <= s->stage && s->tried[i] < s->limit[s->stage];
}

/* Where walks begin: the largest ideals. */
static void find_starts(struct search *s)
{
    s->n_starts = 0;
    for (int i = s->highest; i > 0; i--) {
        bool better = better_above(s, i);
        s->covered[i] = better || s->k[i] <= s->stage;
        if (!is_new(s, i)) continue;
        s->tried[i] = s->limit[s->stage];
        if (!better) s->starts[s->n_starts++] = i;
    }
}

/* Which ideals this stage may well end at, whatever it begins with. */
static void find_ends(struct search *s)
{
    const struct ax_lattice *l = s->r->lattice;
    int64_t most = 0;
    for (int i = 0; i < s->n_starts; i++)
        if (l->compute[s->starts[i]] > most) most = l->compute[s->starts[i]];
    most += s->limit[s->stage] - s->r->p->rates.overhead;
    s->lowest = s->starts[s->n_starts - 1];
    for (int i = l->n_ideals - 2; i > s->lowest; i--)
        s->ends[i] = l->compute[i] > most ? TOO_LARGE : can_finish(s, i, s->stage + 1);
}

/* Ends that are reached by now, or have a better one above, are none any more. */
static void find_exits(struct search *s)
{
    const struct ax_lattice *l = s->r->lattice;
    int64_t rate = s->r->p->rates.out;
    for (int i = l->n_ideals - 2; i > s->lowest; i--) {
        int64_t least = INT64_MAX;
        bool known = s->k[i] <= s->stage + 1;
        for (int e = l->first_edge[i]; e < l->first_edge[i + 1] && s->ends[i] != TOO_LARGE; e++) {
            int to = l->edge_to[e];
            if (s->exit[to] < least) least = s->exit[to];
            known = known || (s->known[to] && pays(s, i, e));
        }
        s->known[i] = known;
        if (!known && s->ends[i] == 1) {
            int64_t here = l->compute[i] + ax_seg_move(l->head_out[i], rate);
            if (here < least) least = here;
        }
        s->exit[i] = least;
    }
}

static bool next_stages(struct search *s)
{
    const struct ax_lattice *l = s->r->lattice;
    int last = l->n_ideals - 1;
    for (int i = s->highest; i > 0; i--)
        if (is_new(s, i)) last_stage(s, i);
    if (s->k[last] != UNREACHED || s->stage + 1 >= s->r->n_stages) return true;
    s->r->work_left -= s->highest / 4;
    find_starts(s);
    if (s->n_starts) find_ends(s);
    int64_t visits = INT64_MAX / 2;
    for (int i = 0; i < s->n_starts && s->r->work_left > 0; i++) {
        if (visits > (last - s->lowest) / 4) {
            find_exits(s);
            s->r->work_left -= (last - s->lowest) / 8;
            visits = 0;
        }
        s->start = s->starts[i];
        int64_t now = ax_seg_walk(&s->walk, l, s->start, visit, s);
        s->r->work_left -= now;
        visits += now;
    }
    return s->r->work_left > 0;
}

static void extract(const struct search *s, int *stage_of)
{
    const struct ax_lattice *l = s->r->lattice;
    for (int ideal = l->n_ideals - 1; ideal; ideal = s->from[ideal])
        for (int v = 0; v < l->n_nodes; v++)
            if (ax_lattice_has(l, ideal, v)) stage_of[v] = s->k[ideal] - 1;
}

static void set_limits(struct search *s, int64_t bound)
{
    int64_t overhead = s->r->p->rates.overhead;
    s->all_useful = true;
    for (int k = s->r->n_stages - 1; k >= 0; k--) {
        s->limit[k] = bound * s->r->cores[k];
        s->all_useful &= s->limit[k] >= overhead;
        s->cores_behind[k] = s->cores_behind[k + 1] + s->r->cores[k];
        s->behind[k] = s->behind[k + 1] + (s->limit[k] > overhead ? s->limit[k] - overhead : 0);
    }
}

enum ax_seg_answer ax_seg_reach(struct ax_seg_reach *r, int64_t bound, int *stage_of)
{
    struct search s = {.r = r};
    int n_ideals = r->lattice->n_ideals, last = n_ideals - 1;
    int64_t widest = -1;
    r->next_bound = INT64_MAX;
    set_limits(&s, bound);
    ax_seg_walk_make(&s.walk, r->p, r->links, n_ideals);
    s.k = ax_seg_zeroed(n_ideals, 1);
    memset(s.k, UNREACHED, (size_t)n_ideals);
    s.k[0] = 0;
    s.tried = ax_seg_zeroed(n_ideals, sizeof *s.tried);
    memset(s.tried, 0xff, sizeof *s.tried * (size_t)n_ideals);
    s.covered = ax_seg_zeroed(n_ideals, sizeof *s.covered);
    s.from = ax_seg_zeroed(n_ideals, sizeof *s.from);
    s.starts = ax_seg_zeroed(n_ideals, sizeof *s.starts);
    s.exit = ax_seg_zeroed(n_ideals, sizeof *s.exit);
    s.ends = ax_seg_zeroed(n_ideals, 1);
    s.known = ax_seg_zeroed(n_ideals, sizeof *s.known);
    bool on = can_finish(&s, 0, 0);
    for (; on && s.stage < r->n_stages && s.k[last] == UNREACHED; s.stage++) {
        if (s.stage) on = next_stages(&s);
        if (s.limit[s.stage] > widest) first_stages(&s);
        if (s.limit[s.stage] > widest) widest = s.limit[s.stage];
    }
    enum ax_seg_answer answer = s.k[last] != UNREACHED ? AX_SEG_YES : r->work_left > 0 ? AX_SEG_NO : AX_SEG_TIRED;
    if (answer == AX_SEG_YES) extract(&s, stage_of);
    ax_seg_walk_free(&s.walk);
    free(s.k);
    free(s.tried);
    free(s.covered);
    free(s.from);
    free(s.starts);
    free(s.exit);
    free(s.ends);
    free(s.known);
    return answer;
}
