/* Segments equal the whole, bit for bit: every .axmodel named is cut into 2..8 segments by size, by latency, by the times that
 * its steps take here, and at random legal places; the segments run one after another and as a pipeline, against the whole.
 * Exit code 77 where there is nothing to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "axon/axon.h"
#include "chain.h"
#include "costs.h"
#include "cut.h"
#include "files/axmodel.h"
#include "lower/unpack.h"
#include "solver/solve.h"

static int n_done, n_wrong, n_piped;
static int64_t n_copied;
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

/* -- as a pipeline -- */

enum { REQUESTS = 3 };

struct line {
    struct ax_context *context;
    struct ax_connection *connection;
    struct ax_model *models[AX_SEG_MAX_STAGES];
    struct ax_pipeline *pipeline;
    struct ax_buffer in[64], out[256];
};

/* On a simulated chip, which has as many cores as are wanted: the same threads and buffers as on real ones. */
static enum ax_status open_line(struct line *l, const struct ax_program *const *programs, int n, const struct ax_program *whole,
                                struct ax_error *err)
{
    const struct ax_device_desc chip = {.name = "chip", .cores = AX_SEG_MAX_STAGES};
    const char *inputs[65] = {0}, *outputs[257] = {0};
    struct ax_stage stages[AX_SEG_MAX_STAGES] = {0};
    struct ax_pipeline_options opt;
    enum ax_status s = ax_context_new(&l->context, err);
    if (!s) s = ax_context_simulate(l->context, &chip, err);
    if (!s) s = ax_connect(l->context, "sim:chip", 0, &l->connection, err);
    for (int k = 0; k < n && !s; k++) {
        s = ax_model_from_program(l->context, programs[k], &l->models[k], err);
        stages[k] = (struct ax_stage){.model = l->models[k]};
    }
    ax_pipeline_options_default(&opt);
    for (int i = 0; i < whole->n_inputs && i < 64; i++) inputs[i] = whole->inputs[i].name;
    for (int i = 0; i < whole->n_outputs && i < 256; i++) outputs[i] = whole->outputs[i].name;
    opt.inputs = inputs, opt.outputs = outputs;
    opt.raw_outputs = 1;
    return s ? s : ax_pipeline_new(l->connection, stages, n, &opt, &l->pipeline, err);
}

static void close_line(struct line *l)
{
    ax_pipeline_free(l->pipeline);
    for (int k = 0; k < AX_SEG_MAX_STAGES; k++) ax_model_free(l->models[k]);
    ax_connection_free(l->connection);
    ax_context_free(l->context);
}

static bool same_results(struct line *l, struct ax_seg_chain *whole, const char *what)
{
    for (int i = 0; i < ax_pipeline_outputs(l->pipeline); i++) {
        int64_t bytes;
        const uint8_t *want = ax_seg_chain_tensor(whole, ax_pipeline_output(l->pipeline, i)->name, &bytes);
        if (want && bytes <= l->out[i].bytes && !memcmp(want, l->out[i].data, (size_t)bytes)) continue;
        fprintf(stderr, "%s, as a pipeline: output \"%s\" differs\n", what, ax_pipeline_output(l->pipeline, i)->name);
        return false;
    }
    return true;
}

static bool through_pipeline(const struct ax_program *const *programs, int n, struct ax_seg_chain *whole, const char *what)
{
    struct line l = {0};
    struct ax_error err;
    struct ax_result r = {0};
    struct ax_request q = {.inputs = l.in};
    bool same = true;
    enum ax_status s = open_line(&l, programs, n, whole->program[0], &err);
    for (int i = 0; !s && i < ax_pipeline_inputs(l.pipeline); i++) {
        const struct ax_tensor *t = ax_pipeline_input(l.pipeline, i);
        l.in[i].data = ax_seg_chain_tensor(whole, t->name, &l.in[i].bytes);
        l.in[i].dtype = t->stored;
    }
    for (int k = 0; k < REQUESTS && !s; k++) s = ax_pipeline_push(l.pipeline, &q, NULL, &err);
    for (int k = 0; k < REQUESTS && !s; k++) {
        s = ax_pipeline_pop(l.pipeline, &r, l.out, &err);
        if (!s && r.status) err = r.err, s = r.status;
        if (!s) same &= same_results(&l, whole, what);
        if (!s) ax_pipeline_release(l.pipeline, l.out);
    }
    struct ax_stage_stats stats;
    for (int k = 0; k < n && !s; k++)
        if (ax_pipeline_stage_stats(l.pipeline, k, &stats)) n_copied += stats.copied_bytes;
    if (s) fprintf(stderr, "%s, as a pipeline: %s\n", what, err.message);
    close_line(&l);
    n_piped += !s;
    return !s && same;
}

static bool try_cut(const struct ax_graph *g, struct ax_seg_chain *whole, const int *stage_of, int n, const char *what)
{
    struct ax_error err;
    struct ax_segment parts[AX_SEG_MAX_STAGES] = {0};
    const struct ax_program *programs[AX_SEG_MAX_STAGES];
    struct ax_seg_chain chain = {0};
    const char *names[AX_SEG_MAX_STAGES] = {0};
    for (int k = 0; k < n; k++) names[k] = "part";
    enum ax_status s = ax_segments_make(g, stage_of, n, names, parts, &err);
    for (int k = 0; k < n && !s; k++) {
        programs[k] = parts[k].program;
        if (!s) s = ax_program_check(programs[k], &err);
    }
    if (!s) s = ax_seg_chain_new(programs, n, 1, 0, &chain, &err);
    if (!s) ax_seg_chain_random(&chain, 99);
    if (!s) s = ax_seg_chain_run(&chain, &err);
    bool good = !s && same_outputs(whole, &chain, what);
    if (s) fprintf(stderr, "%s: %s\n", what, err.message);
    ax_seg_chain_free(&chain);
    if (!s) good &= through_pipeline(programs, n, whole, what);
    for (int k = 0; k < n; k++) ax_segment_free(&parts[k]);
    n_done++;
    n_wrong += !good;
    return good;
}

static void by_solver(const struct ax_graph *g, const struct ax_program *p, struct ax_seg_chain *whole, const char *path,
                      enum ax_seg_by by, const struct ax_profile *profile, int n)
{
    struct ax_arena mem = {0};
    struct ax_seg_costs c;
    struct ax_seg_solution s;
    struct ax_error err;
    char what[512];
    struct ax_seg_solve_options opt = {.n_stages = n};
    snprintf(what, sizeof what, "%s, %d segments by %s", path, n,
             by == AX_SEG_BY_SIZE      ? "size"
             : by == AX_SEG_BY_LATENCY ? "latency"
                                       : "profile");
    if (ax_seg_costs_make(&c, g, p, by, &ax_device_cpu, profile, &mem, &err) ||
        ax_seg_solve(&c.problem, &opt, &s, &mem, &err)) {
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

static void take_time(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct ax_profile *f = ctx;
    f->steps[step].median_us = (double)(end_ns - begin_ns) / 1e3;
}

/* One run's times: as uneven as they come. */
static enum ax_status profile_of(struct ax_seg_chain *whole, struct ax_profile *f, struct ax_arena *mem, struct ax_error *err)
{
    const struct ax_program *p = whole->program[0];
    *f = (struct ax_profile){.model = "model", .device = "cpu", .features = "", .cores = 1, .count = 1, .n_steps = p->n_steps};
    f->steps = AX_NEW(mem, struct ax_profile_step, p->n_steps + 1);
    for (int i = 0; i < p->n_steps; i++) {
        f->steps[i].name = p->steps[i].name;
        f->steps[i].kind = ax_step_text(p->steps[i].kind);
    }
    ax_exec_set_hook(whole->exec[0], take_time, f);
    enum ax_status s = ax_seg_chain_run(whole, err);
    ax_exec_set_hook(whole->exec[0], NULL, NULL);
    return s;
}

static void try_model(const char *path, int first, int last)
{
    struct ax_arena mem = {0};
    struct ax_profile profile;
    struct ax_error err;
    struct ax_axmodel *m = NULL;
    struct ax_graph *g = NULL;
    struct ax_seg_chain whole = {0};
    enum ax_status s = ax_axmodel_open(path, 0, &m, &err);
    if (!s) s = ax_axmodel_graph(m, ax_lower_unpack, NULL, &g, &err);
    if (!s) s = ax_seg_chain_new((const struct ax_program *const *)&m->program, 1, 1, 0, &whole, &err);
    if (!s) ax_seg_chain_random(&whole, 99);
    if (!s) s = profile_of(&whole, &profile, &mem, &err);
    if (s) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        n_wrong++;
    }
    int wrong = n_wrong;
    for (int n = first; !s && n <= last && n < g->n_nodes; n++) {
        by_solver(g, m->program, &whole, path, AX_SEG_BY_SIZE, NULL, n);
        by_solver(g, m->program, &whole, path, AX_SEG_BY_LATENCY, NULL, n);
        by_solver(g, m->program, &whole, path, AX_SEG_BY_PROFILE, &profile, n);
        by_chance(g, m->program, &whole, path, n);
    }
    if (!s) printf("%s: %s, %d nodes\n", path, n_wrong > wrong ? "DIFFERS" : "equal", g->n_nodes);
    ax_seg_chain_free(&whole);
    ax_graph_free(g);
    ax_axmodel_close(m);
    ax_arena_free(&mem);
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
    printf("%d cuts, %d as pipelines, %d wrong; %lld bytes copied a request and cut\n", n_done, n_piped, n_wrong,
           (long long)(n_piped ? n_copied / n_piped : 0));
    return n_wrong ? 1 : n_done ? 0 : 77;
}
