/* Segments equal the whole, bit for bit: every .axmodel named (or found in the folders named) is cut into 2..8 segments by
 * size, by latency and at random legal places, and run against itself. Exit code 77 where there is nothing to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "costs.h"
#include "cut.h"
#include "files/axmodel.h"
#include "lower/unpack.h"
#include "solve.h"

static int n_done, n_wrong;
static uint64_t seed = 7;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* A random chain: nodes in a random topological order, cut at random places. */
static void random_stages(const struct ax_seg_problem *p, int n, int *stage_of)
{
    struct ax_arena mem = {0};
    struct ax_seg_links l;
    ax_seg_links_make(&l, p, &mem);
    int *ready = AX_NEW(&mem, int, p->n_nodes + 1), n_ready = 0, *left = AX_NEW(&mem, int, p->n_nodes + 1);
    int *order = AX_NEW(&mem, int, p->n_nodes + 1), done = 0;
    bool deep = rnd(2);
    for (int v = 0; v < p->n_nodes; v++)
        if (!(left[v] = l.n_preds[v])) ready[n_ready++] = v;
    while (n_ready) {
        int i = deep ? n_ready - 1 - (int)rnd(n_ready > 3 ? 3 : (uint32_t)n_ready) : (int)rnd((uint32_t)n_ready), v = ready[i];
        ready[i] = ready[--n_ready];
        order[done++] = v;
        for (int k = l.succ_start[v]; k < l.succ_start[v + 1]; k++)
            if (!--left[l.succ[k]]) ready[n_ready++] = l.succ[k];
    }
    char *cut = AX_NEW(&mem, char, p->n_nodes + 1);
    for (int k = 1; k < n;) {
        int at = 1 + (int)rnd((uint32_t)p->n_nodes - 1);
        if (!cut[at]) cut[at] = 1, k++;
    }
    int stage = 0;
    for (int i = 0; i < done; i++) stage_of[order[i]] = stage += cut[i];
    ax_arena_free(&mem);
}

static bool same_outputs(struct ax_seg_chain *whole, struct ax_seg_chain *parts, const char *what)
{
    bool same = true;
    for (int i = 0; i < whole->program[0]->n_outputs; i++) {
        const char *name = whole->program[0]->outputs[i].name;
        int64_t a_bytes, b_bytes;
        const uint8_t *a = ax_seg_chain_tensor(whole, name, &a_bytes), *b = ax_seg_chain_tensor(parts, name, &b_bytes);
        if (b && a_bytes == b_bytes && !memcmp(a, b, (size_t)a_bytes)) continue;
        int64_t at = 0;
        while (b && at < a_bytes && at < b_bytes && a[at] == b[at]) at++;
        fprintf(stderr, "%s: output \"%s\" differs from byte %lld of %lld (%lld)\n", what, name, (long long)at,
                (long long)a_bytes, (long long)b_bytes);
        same = false;
    }
    return same;
}

static bool try_cut(const struct ax_graph *g, struct ax_seg_chain *whole, const int *stage_of, int n, const char *what)
{
    struct ax_error err;
    struct ax_segment parts[AX_SEG_MAX_STAGES] = {0};
    const struct ax_program *programs[AX_SEG_MAX_STAGES];
    struct ax_seg_chain chain = {0};
    enum ax_status s = AX_OK;
    for (int k = 0; k < n && !s; k++) {
        s = ax_segment_make(g, stage_of, k, "part", &parts[k], &err);
        programs[k] = parts[k].program;
        if (!s) s = ax_program_check(programs[k], &err);
    }
    if (!s) s = ax_seg_chain_new(programs, n, 1, 0, &chain, &err);
    if (!s) ax_seg_chain_random(&chain, 99);
    if (!s) s = ax_seg_chain_run(&chain, &err);
    bool good = !s && same_outputs(whole, &chain, what);
    if (s) fprintf(stderr, "%s: %s\n", what, err.message);
    ax_seg_chain_free(&chain);
    for (int k = 0; k < n; k++) ax_segment_free(&parts[k]);
    n_done++;
    n_wrong += !good;
    return good;
}

static void by_solver(const struct ax_graph *g, const struct ax_program *p, struct ax_seg_chain *whole, const char *path,
                      enum ax_seg_by by, int n)
{
    struct ax_arena mem = {0};
    struct ax_seg_costs c;
    struct ax_seg_solution s;
    struct ax_error err;
    char what[512];
    struct ax_seg_solve_options opt = {.n_stages = n};
    snprintf(what, sizeof what, "%s, %d segments by %s", path, n, by == AX_SEG_BY_SIZE ? "size" : "latency");
    if (ax_seg_costs_make(&c, g, p, by, &ax_device_cpu, NULL, &mem, &err) || ax_seg_solve(&c.problem, &opt, &s, &mem, &err)) {
        fprintf(stderr, "%s: %s\n", what, err.message);
        n_wrong++;
    } else {
        try_cut(g, whole, s.stage_of, n, what);
    }
    ax_arena_free(&mem);
}

static void by_chance(const struct ax_graph *g, const struct ax_program *p, struct ax_seg_chain *whole, const char *path, int n)
{
    struct ax_arena mem = {0};
    struct ax_seg_costs c;
    struct ax_error err;
    char what[512];
    int *stage_of = AX_NEW(&mem, int, g->n_nodes + 1);
    snprintf(what, sizeof what, "%s, %d segments by chance", path, n);
    if (!ax_seg_costs_make(&c, g, p, AX_SEG_BY_SIZE, &ax_device_cpu, NULL, &mem, &err)) {
        random_stages(&c.problem, n, stage_of);
        try_cut(g, whole, stage_of, n, what);
    }
    ax_arena_free(&mem);
}

static void try_model(const char *path, int first, int last)
{
    struct ax_error err;
    struct ax_axmodel *m = NULL;
    struct ax_graph *g = NULL;
    struct ax_seg_chain whole = {0};
    enum ax_status s = ax_axmodel_open(path, 0, &m, &err);
    if (!s) s = ax_axmodel_graph(m, ax_lower_unpack, NULL, &g, &err);
    if (!s) s = ax_seg_chain_new((const struct ax_program *const *)&m->program, 1, 1, 0, &whole, &err);
    if (!s) ax_seg_chain_random(&whole, 99);
    if (!s) s = ax_seg_chain_run(&whole, &err);
    if (s) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        n_wrong++;
    }
    int wrong = n_wrong;
    for (int n = first; !s && n <= last && n < g->n_nodes; n++) {
        by_solver(g, m->program, &whole, path, AX_SEG_BY_SIZE, n);
        by_solver(g, m->program, &whole, path, AX_SEG_BY_LATENCY, n);
        by_chance(g, m->program, &whole, path, n);
    }
    if (!s) printf("%s: %s, %d nodes\n", path, n_wrong > wrong ? "DIFFERS" : "equal", g->n_nodes);
    ax_seg_chain_free(&whole);
    ax_graph_free(g);
    ax_axmodel_close(m);
}

int main(int argc, char **argv)
{
    int first = argc > 1 ? atoi(argv[1]) : 2, last = argc > 2 ? atoi(argv[2]) : 8;
    for (int i = 3; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f) continue;
        fclose(f);
        try_model(argv[i], first, last);
    }
    printf("%d cuts, %d wrong\n", n_done, n_wrong);
    return n_wrong ? 1 : n_done ? 0 : 77;
}
