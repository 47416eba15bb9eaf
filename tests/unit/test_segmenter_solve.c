/* The partitioner against exhaustive search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "solver/solve.h"

static uint64_t seed = 1;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

struct dag {
    struct ax_seg_problem p;
    struct ax_arena mem;
    uint32_t preds[16];
};

/* Each node makes one or two tensors; each node reads some earlier tensors or an input of the model. Some are views: they cost
 * nothing and make what they read. */
static void random_dag(struct dag *d, int n)
{
    static int consumers[64][16];
    static struct ax_seg_tensor tensors[64];
    memset(d, 0, sizeof *d);
    struct ax_seg_node *nodes = AX_NEW(&d->mem, struct ax_seg_node, n);
    int n_tensors = 0, n_inputs = 1 + (int)rnd(2), density = 1 + (int)rnd(3), span = 1 + (int)rnd((uint32_t)n);
    uint32_t views = rnd(3);
    memset(tensors, 0, sizeof tensors);
    for (int i = 0; i < n_inputs; i++) tensors[n_tensors++] = (struct ax_seg_tensor){.producer = -1, .bytes = rnd(50)};
    for (int v = 0; v < n; v++) {
        bool view = rnd(4) < views;
        int64_t read = 0;
        if (!view) nodes[v] = (struct ax_seg_node){rnd(4) ? rnd(100) : 0, rnd(3) ? rnd(60) : 0};
        for (int k = 0; k < density; k++) {
            int from = (int)rnd((uint32_t)n_tensors);
            if (tensors[from].producer >= 0 && tensors[from].producer < v - span) from = n_tensors - 1;
            struct ax_seg_tensor *t = &tensors[from];
            if (t->n_consumers && consumers[from][t->n_consumers - 1] == v) continue;
            consumers[from][t->n_consumers++] = v;
            read += t->bytes;
            if (t->producer >= 0) d->preds[v] |= 1u << t->producer;
        }
        for (int k = 0; k <= (int)rnd(2); k++)
            tensors[n_tensors++] =
                (struct ax_seg_tensor){.producer = v, .bytes = view && !k ? read : rnd(40), .is_output = !rnd(6)};
    }
    for (int t = 0; t < n_tensors; t++)
        tensors[t].consumers = ax_arena_copy(&d->mem, consumers[t], sizeof(int) * (size_t)(tensors[t].n_consumers + 1));
    d->p.n_nodes = n;
    d->p.nodes = nodes;
    d->p.n_tensors = n_tensors;
    d->p.tensors = ax_arena_copy(&d->mem, tensors, sizeof *tensors * (size_t)n_tensors);
    if (rnd(5)) d->p.rates = (struct ax_seg_rates){rnd(120), rnd(3000), rnd(1500), rnd(1500), rnd(30)};
}

/* Cost of the nodes of `set`, from the definition. */
static int64_t cost_of(const struct dag *d, uint32_t set, int64_t *crossing, int64_t *params_out)
{
    const struct ax_seg_rates *r = &d->p.rates;
    int64_t compute = 0, params = 0, in = 0, out = 0;
    for (int v = 0; v < d->p.n_nodes; v++)
        if (set >> v & 1) {
            compute += d->p.nodes[v].compute;
            params += d->p.nodes[v].param_bytes;
        }
    *crossing = 0;
    for (int t = 0; t < d->p.n_tensors; t++) {
        const struct ax_seg_tensor *x = &d->p.tensors[t];
        uint32_t readers = 0;
        for (int i = 0; i < x->n_consumers; i++) readers |= 1u << x->consumers[i];
        bool here = x->producer >= 0 && set >> x->producer & 1;
        if (!here && readers & set) {
            in += x->bytes;
            if (x->producer >= 0) *crossing += x->bytes;
        }
        if (here && (x->is_output || readers & ~set)) out += x->bytes;
    }
    int64_t beyond = params > r->on_chip_bytes ? params - r->on_chip_bytes : 0;
    *params_out = params;
    return compute + beyond * r->stream / 1000 + in * r->in / 1000 + out * r->out / 1000 + r->overhead;
}

struct best {
    int64_t bottleneck, crossing;
};

static bool is_ideal(const struct dag *d, uint32_t set)
{
    for (int v = 0; v < d->p.n_nodes; v++)
        if (set >> v & 1 && d->preds[v] & ~set) return false;
    return true;
}

/* All partitions: by number of stages, over all pairs of ideals. Bottleneck first; then, with that bound known, crossing. */
static struct best exhaustive(const struct dag *d, const struct ax_seg_solve_options *opt)
{
    int n = d->p.n_nodes;
    uint32_t all = (1u << n) - 1, *ideals = malloc(sizeof(uint32_t) << n);
    int count = 0;
    for (uint32_t s = 0; s <= all; s++)
        if (is_ideal(d, s)) ideals[count++] = s;
    struct best *best = malloc(sizeof *best * ((size_t)count * (size_t)(opt->n_stages + 1) + 1));
    struct best result = {INT64_MAX, INT64_MAX};
    for (int round = 0; round < 2; round++) {
        int64_t bound = round ? result.bottleneck : INT64_MAX;
        for (int i = 0; i < count * (opt->n_stages + 1); i++) best[i] = (struct best){INT64_MAX, INT64_MAX};
        best[0] = (struct best){0, 0};
        for (int i = 0; i < count; i++)
            for (int j = i + 1; j < count; j++) {
                if ((ideals[i] & ideals[j]) != ideals[i]) continue;
                int64_t crossing, params, cost = cost_of(d, ideals[j] & ~ideals[i], &crossing, &params);
                if (opt->max_stage_params && params > opt->max_stage_params) continue;
                for (int k = 0; k < opt->n_stages; k++) {
                    struct best a = best[i + count * k], *b = &best[j + count * (k + 1)];
                    if (a.bottleneck == INT64_MAX) continue;
                    int64_t r = opt->replicas ? opt->replicas[k] : 1, c = (cost + r - 1) / r;
                    if (c > bound) continue;
                    if (c < a.bottleneck) c = a.bottleneck;
                    if (c < b->bottleneck) b->bottleneck = c;
                    if (a.crossing + crossing < b->crossing) b->crossing = a.crossing + crossing;
                }
            }
        result = best[count - 1 + count * opt->n_stages];
    }
    free(best);
    free(ideals);
    return result;
}

static void against_exhaustive(void **state)
{
    (void)state;
    struct ax_error err;
    int limits = 0;
    for (int i = 0; i < 6000; i++) {
        struct dag d;
        int n = i % 50 ? 2 + (int)rnd(9) : 11 + (int)rnd(4);
        random_dag(&d, n);
        int replicas[AX_SEG_MAX_STAGES];
        struct ax_seg_solve_options opt = {.n_stages = 1 + (int)rnd(n < 5 ? (uint32_t)n : 5)};
        for (int k = 0; k < opt.n_stages; k++) replicas[k] = 1 + (int)rnd(3);
        if (!rnd(3)) opt.replicas = replicas;
        if (!rnd(6)) opt.max_stage_params = 1 + rnd(200);
        struct best want = exhaustive(&d, &opt);
        struct ax_seg_solution got;
        enum ax_status s = ax_seg_solve(&d.p, &opt, &got, &d.mem, &err);
        if (want.bottleneck == INT64_MAX) {
            assert_int_equal(s, AX_LIMIT);
            limits++;
        } else {
            if (s) fail_msg("dag %d: %s", i, err.message);
            assert_int_equal(got.bottleneck, want.bottleneck);
            assert_int_equal(got.crossing_bytes, want.crossing);
            assert_int_equal(got.lower_bound, want.bottleneck);
            assert_true(ax_seg_relaxed_bound(&d.p, &opt) <= want.bottleneck);
            opt.max_ideals = 1; /* a beam: feasible, and the bound is a bound */
            opt.max_work = 2000;
            if (!ax_seg_solve(&d.p, &opt, &got, &d.mem, &err)) {
                assert_true(got.bottleneck >= want.bottleneck);
                assert_true(got.lower_bound <= want.bottleneck);
            }
        }
        ax_arena_free(&d.mem);
    }
    assert_true(limits > 10);
}

/* Distributed cores against all ways to distribute them. */
static void cores(void **state)
{
    (void)state;
    struct ax_error err;
    for (int i = 0; i < 600; i++) {
        struct dag d;
        random_dag(&d, 3 + (int)rnd(7));
        struct ax_seg_solve_options opt = {.n_stages = 3, .n_cores = 3 + (int)rnd(4)};
        struct ax_seg_solution got;
        if (ax_seg_solve(&d.p, &opt, &got, &d.mem, &err)) fail_msg("%s", err.message);
        int64_t best = INT64_MAX;
        for (int a = 1; a <= opt.n_cores; a++)
            for (int b = 1; a + b < opt.n_cores; b++) {
                int r[3] = {a, b, opt.n_cores - a - b};
                struct ax_seg_solve_options fixed = {.n_stages = 3, .replicas = r};
                int64_t c = exhaustive(&d, &fixed).bottleneck;
                if (c < best) best = c;
            }
        assert_int_equal(got.bottleneck, best);
        assert_int_equal(got.lower_bound, best);
        assert_true(got.replicas[0] + got.replicas[1] + got.replicas[2] <= opt.n_cores);
        ax_arena_free(&d.mem);
    }
}

/* Blocks of 1 to 4 branches joined again, as real models have, with skips over a few blocks. */
static void block_model(struct dag *d, int n)
{
    memset(d, 0, sizeof *d);
    struct ax_seg_node *nodes = AX_NEW(&d->mem, struct ax_seg_node, n);
    struct ax_seg_tensor *t = AX_NEW(&d->mem, struct ax_seg_tensor, n + 1);
    int(*consumers)[16] = (int(*)[16])ax_arena_alloc(&d->mem, sizeof(int[16]) * (size_t)(n + 1));
    t[0] = (struct ax_seg_tensor){.producer = -1, .bytes = 150528, .consumers = consumers[0]};
    int v = 0, joined = 0, skip = 0;
    while (v < n) {
        int branches = 1 + (int)rnd(4), ends[5], n_ends = 0;
        for (int b = 0; b < branches && v < n - 1; b++) {
            int from = joined, length = 1 + (int)rnd(4);
            for (int k = 0; k < length && v < n - 1; k++) {
                consumers[from][t[from].n_consumers++] = v;
                nodes[v] = (struct ax_seg_node){1000 + rnd(1000000), rnd(2) ? rnd(200000) : 0};
                t[v + 1] = (struct ax_seg_tensor){.producer = v, .bytes = 1000 + rnd(100000), .consumers = consumers[v + 1]};
                from = ++v;
            }
            ends[n_ends++] = from;
        }
        if (!rnd(3) && skip != joined && t[skip].n_consumers < 12) {
            ends[n_ends++] = skip;
            skip = joined;
        }
        for (int e = 0; e < n_ends; e++) {
            int same = 0;
            for (int f = 0; f < e; f++) same |= ends[f] == ends[e];
            if (!same) consumers[ends[e]][t[ends[e]].n_consumers++] = v;
        }
        nodes[v] = (struct ax_seg_node){1000 + rnd(10000), 0};
        t[v + 1] = (struct ax_seg_tensor){.producer = v, .bytes = 1000 + rnd(100000), .consumers = consumers[v + 1]};
        joined = ++v;
    }
    t[n].is_output = true;
    d->p = (struct ax_seg_problem){n, n + 1, nodes, t, {n * 10000, 400, 2000, 2000, 20000}};
}

static void a_thousand_nodes(void **state)
{
    (void)state;
    static const int stages[] = {2, 3, 4, 8, 16};
    struct ax_error err;
    for (int i = 0; i < 5; i++) {
        struct dag d;
        block_model(&d, 1000);
        struct ax_seg_solve_options opt = {.n_stages = stages[i]};
        struct ax_seg_solution got;
        struct timespec a, b;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
        if (ax_seg_solve(&d.p, &opt, &got, &d.mem, &err)) fail_msg("%s", err.message);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        double s = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
        print_message("%d stages of 1000 nodes: %.3f s, %lld ideals, gap %.4f %%\n", stages[i], s, (long long)got.n_ideals,
                      100.0 * (double)(got.bottleneck - got.lower_bound) / (double)got.bottleneck);
        assert_int_equal(got.lower_bound, got.bottleneck);
        ax_arena_free(&d.mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_exhaustive), cmocka_unit_test(cores),
                                       cmocka_unit_test(a_thousand_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
