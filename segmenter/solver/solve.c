/* Bisection of the bottleneck: first over the linear order (fast, gives a partition to start from), then over all ideals or
 * as many as can be held. */
#include <stdlib.h>
#include <string.h>

#include "solver/bound.h"
#include "solver/lattice.h"
#include "solver/prove.h"
#include "solver/reduce.h"
#include "solver/search.h"
#include "solver/solve.h"

enum { FEW = 10000 }; /* ideals: so few are all looked at at once, without a beam before */

static int64_t total_cores(const struct ax_seg_solve_options *opt)
{
    if (opt->n_cores) return opt->n_cores;
    int64_t sum = 0;
    for (int k = 0; k < opt->n_stages; k++) sum += opt->replicas ? opt->replicas[k] : 1;
    return sum;
}

static int64_t most_cores(const struct ax_seg_solve_options *opt)
{
    if (opt->n_cores) return opt->n_cores - (opt->n_stages - 1);
    int64_t most = 1;
    for (int k = 0; opt->replicas && k < opt->n_stages; k++)
        if (opt->replicas[k] > most) most = opt->replicas[k];
    return most;
}

static int64_t cores_before_last(const struct ax_seg_solve_options *opt)
{
    if (opt->n_cores) return opt->n_cores - 1;
    return total_cores(opt) - (opt->replicas ? opt->replicas[opt->n_stages - 1] : 1);
}

static int64_t share(int64_t cost, int64_t cores)
{
    return (cost + cores - 1) / cores;
}

int64_t ax_seg_relaxed_bound(const struct ax_seg_problem *p, const struct ax_seg_solve_options *opt)
{
    const struct ax_seg_rates *r = &p->rates;
    int64_t compute = 0, params = 0, moves = 0, largest = 0, n = opt->n_stages;
    int64_t *own =
        calloc((size_t)p->n_nodes + 1, sizeof *own); /* inputs and outputs of the model that the node's stage moves */
    if (!own) abort();
    for (int t = 0; t < p->n_tensors; t++) {
        const struct ax_seg_tensor *x = &p->tensors[t];
        int64_t in = x->producer < 0 && x->n_consumers ? ax_seg_move(x->bytes, r->in) : 0;
        int64_t out = x->producer >= 0 && x->is_output ? ax_seg_move(x->bytes, r->out) : 0;
        if (in && x->n_consumers) own[x->consumers[0]] = own[x->consumers[0]] > in ? own[x->consumers[0]] : in;
        if (out) own[x->producer] = own[x->producer] > out ? own[x->producer] : out;
        moves += in + out;
    }
    for (int v = 0; v < p->n_nodes; v++) {
        compute += p->nodes[v].compute;
        params += p->nodes[v].param_bytes;
        int64_t alone = p->nodes[v].compute + ax_seg_stream(r, p->nodes[v].param_bytes) + own[v] + r->overhead;
        if (alone > largest) largest = alone;
    }
    free(own);
    /* Rounding down happens once a stage and kind of move: 3 n units are left out. */
    int64_t sum = compute + moves + n * r->overhead - 3 * n;
    if (params > n * r->on_chip_bytes) sum += ax_seg_move(params - n * r->on_chip_bytes, r->stream);
    int64_t node = ax_seg_node_bound(p);
    if (node > largest) largest = node;
    int64_t a = share(sum > 0 ? sum : 0, total_cores(opt)), b = share(largest, most_cores(opt));
    return a > b ? a : b;
}

bool ax_seg_complete(const struct ax_seg_problem *p, struct ax_seg_solution *s)
{
    if (!ax_seg_evaluate(p, s->stage_of, s->n_stages, s->stage)) return false;
    s->bottleneck = s->crossing_bytes = 0;
    for (int k = 0; k < s->n_stages; k++) {
        int64_t cost = share(s->stage[k].cost, s->replicas[k]);
        if (cost > s->bottleneck) s->bottleneck = cost;
        s->crossing_bytes += s->stage[k].crossing_bytes;
    }
    return true;
}

struct solver {
    const struct ax_seg_problem *p;
    const struct ax_seg_solve_options *opt;
    struct ax_seg_links links;
    struct ax_seg_solution *best; /* stage_of NULL until one is known */
    int *scratch;
    const int *group;    /* by node, that of the problem in which it is being searched; NULL: they are the same */
    int64_t proven, top; /* no partition is below `proven`; `top` is above every cost */
    int64_t work_left;
};

/* stage_of: by node of the problem in which it was searched. */
static void take(struct solver *s, const int *stage_of, const int *replicas)
{
    struct ax_seg_solution *b = s->best;
    for (int v = 0; v < s->p->n_nodes; v++) b->stage_of[v] = stage_of[s->group ? s->group[v] : v];
    memcpy(b->replicas, replicas, sizeof(int) * (size_t)b->n_stages);
    ax_seg_complete(s->p, b);
}

/* One question with a share of the work that is left; TIRED when that is used up. */
static enum ax_seg_answer ask(struct solver *s, struct ax_seg_search *search, int64_t bound, int64_t share_of, int *replicas)
{
    int64_t all = search->work_left, given = all / share_of;
    search->work_left = given;
    enum ax_seg_answer a = ax_seg_search(search, bound, true, s->scratch, replicas);
    search->work_left += all - given;
    return a;
}

/* After NO to `mid`: the least bound that may have another answer. */
static int64_t least_above(const struct solver *s, const struct ax_seg_search *search, int64_t mid)
{
    return s->opt->n_cores || search->next_bound <= mid ? mid + 1 : search->next_bound;
}

/* Among partitions as fast as the best one, that of fewest cores, then fewest crossing bytes. False when the work was used up
 * before the end. */
static bool cross_fewest(struct solver *s, struct ax_seg_search *search)
{
    int replicas[AX_SEG_MAX_STAGES], n = s->p->n_nodes;
    struct ax_seg_solution old = *s->best;
    if (!s->opt->n_cores) search->crossing_limit = old.crossing_bytes;
    if (!s->opt->n_cores && !old.crossing_bytes) return true;
    memcpy(replicas, old.replicas, sizeof replicas);
    if (ax_seg_search(search, old.bottleneck, false, s->scratch, replicas) != AX_SEG_YES) return search->work_left > 0;
    int *kept = malloc(sizeof(int) * (size_t)(n + 1));
    if (!kept) abort();
    memcpy(kept, old.stage_of, sizeof(int) * (size_t)n);
    take(s, s->scratch, replicas);
    if (s->best->bottleneck > old.bottleneck ||
        (s->best->bottleneck == old.bottleneck && s->best->crossing_bytes > old.crossing_bytes && !s->opt->n_cores)) {
        memcpy(old.stage_of, kept, sizeof(int) * (size_t)n);
        *s->best = old;
    }
    free(kept);
    return search->work_left > 0;
}

/* The best partition over the lattice into s->best, if it beats what is there (bottleneck -1: nothing is). With an exact
 * lattice the proven bound rises: is what is known the best? Often it is, and one question says so; where that is too hard,
 * lower bounds are asked for. Returns false when the work was used up before the end. */
static bool bisect(struct solver *s, struct ax_seg_search *search, bool exact)
{
    int replicas[AX_SEG_MAX_STAGES];
    int64_t low = s->proven, roof = INT64_MAX, least = search->work_left / 50; /* roof: too hard from there on */
    bool ask_top = exact;
    for (int k = 0; k < s->opt->n_stages; k++) replicas[k] = s->opt->replicas ? s->opt->replicas[k] : 1;
    for (;;) {
        bool known = s->best->bottleneck >= 0, top = known && ask_top;
        int64_t high = known ? s->best->bottleneck : s->top;
        if (known && high - low <= high / AX_SEG_PRECISION) break;
        if (!known && low > high) return true;
        if (roof < high) high = roof;
        if ((known && low >= high) || search->work_left <= least) return false;
        int64_t mid = top ? high - 1 : low + (high - low) / (known ? 2 : 8);
        ask_top = exact && !ask_top && roof == INT64_MAX;
        enum ax_seg_answer a = ask(s, search, mid, exact && known ? 2 : 1, replicas);
        if (a == AX_SEG_TIRED) {
            if (!exact || !known) return false;
            roof = mid;
        } else if (a == AX_SEG_YES) {
            take(s, s->scratch, replicas);
        } else if (search->next_bound == INT64_MAX && !s->opt->n_cores) { /* no bound would help */
            if (!known) return true;
            low = s->best->bottleneck;
            if (exact) s->proven = low;
        } else {
            low = least_above(s, search, mid);
            if (known && low > s->best->bottleneck) low = s->best->bottleneck;
            if (!known && low > high) low = high + 1;
            if (exact) s->proven = low;
        }
    }
    if (search->work_left <= 0) return false;
    return cross_fewest(s, search);
}

static bool over_lattice_of(struct solver *s, const struct ax_seg_problem *p, const struct ax_seg_links *links, int max_ideals,
                            struct ax_lattice_beam beam, int64_t work)
{
    struct ax_lattice l;
    struct ax_lattice_limit limit = {INT64_MAX, s->opt->n_stages - 1};
    if (s->best->bottleneck >= 0) limit.cost = s->best->bottleneck * cores_before_last(s->opt);
    ax_lattice_make(&l, p, links, max_ideals, &beam, &limit);
    if (!l.n_ideals) return false;
    if (work > s->work_left) work = s->work_left;
    struct ax_seg_search search = {.p = p, .links = links, .lattice = &l, .opt = s->opt, .work_left = work};
    bool done = bisect(s, &search, l.exact);
    s->work_left -= work - (search.work_left > 0 ? search.work_left : 0);
    if (l.n_ideals > s->best->n_ideals) s->best->n_ideals = l.n_ideals;
    s->best->exact |= done && l.exact;
    ax_lattice_free(&l);
    return done;
}

static bool over_lattice(struct solver *s, int max_ideals, struct ax_lattice_beam beam, int64_t work)
{
    return over_lattice_of(s, s->p, &s->links, max_ideals, beam, work);
}

/* All ideals of what may be cut if nothing is to be slower than what is known. */
static bool over_reduced(struct solver *s, int max_ideals, enum ax_seg_reasons why, int64_t work)
{
    struct ax_arena mem = {0};
    struct ax_seg_reduced r;
    bool done = false;
    if (s->best->bottleneck < 0) return over_lattice(s, max_ideals, (struct ax_lattice_beam){0}, work);
    ax_seg_reduce(s->p, s->best->bottleneck * most_cores(s->opt), s->opt->max_stage_params, why, &r, &mem);
    s->group = r.group;
    if (!r.hopeless) done = over_lattice_of(s, &r.p, &r.links, max_ideals, (struct ax_lattice_beam){0}, work);
    s->group = NULL;
    ax_arena_free(&mem);
    return done;
}

/* The known partition's nodes, stage after stage. */
static void order_of(const struct solver *s, int *order)
{
    int n = 0;
    for (int k = 0; k < s->best->n_stages; k++)
        for (int v = 0; v < s->p->n_nodes; v++)
            if (s->best->stage_of[v] == k) order[n++] = v;
}

enum { NEIGHBOURS = 24, ROUNDS = 12 };

/* Partitions near the best one, as long as that helps. */
static void improve(struct solver *s, int *order, int64_t work)
{
    for (int i = 0; i < ROUNDS && s->best->bottleneck > s->proven && s->work_left > 0; i++) {
        int64_t was = s->best->bottleneck;
        order_of(s, order);
        over_lattice(s, 0, (struct ax_lattice_beam){NEIGHBOURS << (i % 3), order}, work / ROUNDS);
        if (s->best->bottleneck == was && i % 3 == 2) break;
    }
}

/* The bottleneck is settled: fewer bytes between the stages. */
static void cross_less(struct solver *s, int few, int *order, int64_t work)
{
    if (over_reduced(s, few, AX_SEG_IN_ALL, work / 2)) return;
    over_lattice(s, 0, (struct ax_lattice_beam){.width = 16}, work);
    order_of(s, order);
    over_lattice(s, 0, (struct ax_lattice_beam){NEIGHBOURS, order}, work);
    over_reduced(s, few * 6, AX_SEG_IN_ONE, work);
}

static int64_t top_of(const struct ax_seg_problem *p)
{
    const struct ax_seg_rates *r = &p->rates;
    int64_t sum = r->overhead, params = 0;
    for (int v = 0; v < p->n_nodes; v++) {
        sum += p->nodes[v].compute;
        params += p->nodes[v].param_bytes;
    }
    sum += ax_seg_stream(r, params);
    for (int t = 0; t < p->n_tensors; t++)
        sum += ax_seg_move(p->tensors[t].bytes, r->in) * 2 + ax_seg_move(p->tensors[t].bytes, r->out) * 2 + 8;
    return sum + 1;
}

static enum ax_status check(const struct ax_seg_problem *p, const struct ax_seg_solve_options *opt, struct ax_error *err)
{
    if (opt->n_stages < 1 || opt->n_stages > AX_SEG_MAX_STAGES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d segments were asked for; 1 to %d can be made.", opt->n_stages,
                       AX_SEG_MAX_STAGES);
    if (p->n_nodes < opt->n_stages)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "The model has %d steps between which it can be cut, too few for %d segments. Ask for %d or fewer.",
                       p->n_nodes, opt->n_stages, p->n_nodes);
    if (opt->n_cores && (opt->n_cores < opt->n_stages || opt->n_cores > AX_SEG_MAX_CORES))
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d cores cannot be shared among %d segments; %d to %d can.", opt->n_cores,
                       opt->n_stages, opt->n_stages, AX_SEG_MAX_CORES);
    if (top_of(p) > INT64_MAX / 1024)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "The costs of this model add up to more than can be counted. Are the device's "
                       "rates in bytes a second?");
    return AX_OK;
}

enum ax_status ax_seg_solve(const struct ax_seg_problem *p, const struct ax_seg_solve_options *opt, struct ax_seg_solution *out,
                            struct ax_arena *mem, struct ax_error *err)
{
    if (check(p, opt, err)) return err->status;
    struct ax_arena own = {0};
    struct solver s = {.p = p, .opt = opt, .best = out};
    int64_t work = opt->max_work ? opt->max_work : 20000000;
    memset(out, 0, sizeof *out);
    out->n_stages = opt->n_stages;
    out->stage_of = AX_NEW(mem, int, p->n_nodes);
    out->bottleneck = -1;
    ax_seg_links_make(&s.links, p, &own);
    s.scratch = AX_NEW(&own, int, p->n_nodes);
    s.proven = ax_seg_relaxed_bound(p, opt);
    s.top = top_of(p);
    s.work_left = work;
    over_lattice(&s, 0, (struct ax_lattice_beam){.width = 1}, work); /* the linear order */
    int max_ideals = opt->max_ideals ? opt->max_ideals : 100000;
    int few = max_ideals < FEW ? max_ideals : FEW, *order = AX_NEW(&own, int, p->n_nodes);
    bool done = false, fixed = !opt->n_cores;
    if (fixed && out->bottleneck >= 0) {
        over_lattice(&s, 0, (struct ax_lattice_beam){.width = 16}, work / 20);
        struct ax_seg_proof proof = {p, opt, out, s.proven, s.scratch, max_ideals, s.work_left / 4 * 3};
        done = ax_seg_prove(&proof);
        s.work_left -= s.work_left / 4 * 3 - (proof.work > 0 ? proof.work : 0);
        s.proven = proof.proven;
        out->exact = done;
    }
    if (done)
        cross_less(&s, few, order, work / 8);
    else if (!over_reduced(&s, few, AX_SEG_IN_ALL, s.work_left / 2) && s.work_left > 0) {
        for (int width = 64; width > 1 && !over_lattice(&s, 0, (struct ax_lattice_beam){.width = width}, work / 8);
             width /= 4) {
        }
        if (out->bottleneck >= 0) improve(&s, order, work / 3);
        if (!fixed) over_reduced(&s, max_ideals, AX_SEG_IN_ALL, s.work_left);
    }
    ax_arena_free(&own);
    if (out->bottleneck < 0)
        return ax_fail(
            err, AX_LIMIT,
            "No cut into %d segments keeps each within %lld bytes of parameters. Ask for more segments or allow more "
            "bytes.",
            opt->n_stages, (long long)opt->max_stage_params);
    out->lower_bound = s.proven < out->bottleneck ? s.proven : out->bottleneck;
    return AX_OK;
}
