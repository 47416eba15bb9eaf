#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "tools/axbench.h"
#include "tools/shared/outputs.h"
#include "tools/shared/samples.h"

struct work {
    struct ax_samples_file samples;
    struct ax_outputs outputs;
    struct ax_engine_buffer *in, *out;
    double *ms;
};

static enum ax_status prepare(struct ax_bench *b, struct work *w, const char *tensors, uint64_t seed, struct ax_error *err)
{
    enum ax_status s = tensors ? ax_samples_open(tensors, b->engine, &w->samples, err)
                               : ax_samples_random(b->engine, b->batch, seed, &w->samples, err);
    if (s || (s = ax_outputs_new(b->engine, b->batch, false, &w->outputs, err))) return s;
    if (w->samples.count < b->batch)
        return ax_fail(err, AX_SHAPE, "%s: holds %lld samples; a batch needs %d", tensors, (long long)w->samples.count,
                       b->batch);
    w->in = calloc((size_t)ax_engine_inputs(b->engine) + 1, sizeof *w->in);
    w->out = calloc((size_t)ax_engine_outputs(b->engine) + 1, sizeof *w->out);
    w->ms = calloc((size_t)b->count, sizeof *w->ms);
    if (!w->in || !w->out || !w->ms) return ax_fail(err, AX_NO_MEMORY, "no memory for %lld measurements", (long long)b->count);
    for (int i = 0; i < ax_engine_outputs(b->engine); i++) w->out[i] = ax_outputs_at(&w->outputs, i, 0);
    return AX_OK;
}

static void release(struct work *w)
{
    ax_samples_close(&w->samples);
    ax_outputs_free(&w->outputs);
    free(w->in);
    free(w->out);
    free(w->ms);
}

/* From the user's tensors to the user's tensors. */
static enum ax_status run_once(struct ax_bench *b, struct work *w, int64_t i, double *ms, struct ax_error *err)
{
    int64_t requests = w->samples.count / b->batch, first = i % requests * b->batch;
    for (int k = 0; k < ax_engine_inputs(b->engine); k++) w->in[k] = ax_samples_at(&w->samples, k, first);
    int64_t begin = ax_cores_time_ns(b->cores);
    enum ax_status s = ax_engine_run(b->engine, b->batch, w->in, w->out, err);
    *ms = (double)(ax_cores_time_ns(b->cores) - begin) * 1e-6;
    return s;
}

double ax_bench_rate(double count, int64_t ns)
{
    return ns > 0 ? count * 1e9 / (double)ns : 0;
}

static enum ax_status run_many(struct ax_bench *b, struct work *w, struct ax_error *err)
{
    struct ax_progress bar;
    double ms;
    enum ax_status s = run_once(b, w, 0, &b->first_ms, err);
    ax_progress_begin(&bar, "measuring", b->warmup + b->count);
    for (int64_t i = 0; i < b->warmup && !s; ax_progress_step(&bar, ++i)) s = run_once(b, w, i, &ms, err);
    int64_t begin = ax_cores_time_ns(b->cores);
    for (int64_t i = 0; i < b->count && !s; ax_progress_step(&bar, b->warmup + ++i)) s = run_once(b, w, i, &w->ms[i], err);
    b->per_second = ax_bench_rate((double)b->count * b->batch, ax_cores_time_ns(b->cores) - begin);
    ax_progress_end(&bar);
    if (!s) b->latency_ms = ax_stats_of(w->ms, b->count);
    return s;
}

/* -- steps -- */

static void take_time(void *ctx, int step, int64_t begin_ns, int64_t end_ns)
{
    struct ax_bench *b = ctx;
    b->step_us[(int64_t)step * b->count + b->run] = (double)(end_ns - begin_ns) * 1e-3;
}

static enum ax_status run_profiled(struct ax_bench *b, struct work *w, struct ax_error *err)
{
    double ms;
    enum ax_status s = AX_OK;
    ax_engine_set_hook(b->engine, take_time, b);
    for (b->run = 0; b->run < b->count && !s; b->run++) s = run_once(b, w, b->run, &ms, err);
    ax_engine_set_hook(b->engine, NULL, NULL);
    return s;
}

enum ax_status ax_bench_make_steps(struct ax_bench *b, int n, struct ax_error *err)
{
    b->profile.n_steps = n;
    b->profile.steps = calloc((size_t)n + 1, sizeof *b->profile.steps);
    b->step_us = calloc((size_t)n * (size_t)b->count + 1, sizeof *b->step_us);
    if (b->profile.steps && b->step_us) return AX_OK;
    return ax_fail(err, AX_NO_MEMORY, "no memory for %lld measurements", (long long)b->count);
}

void ax_bench_fill_steps(struct ax_bench *b)
{
    struct ax_profile *p = &b->profile;
    for (int i = 0; i < p->n_steps; i++) {
        struct ax_stats t = ax_stats_of(b->step_us + (int64_t)i * b->count, b->count);
        p->steps[i].median_us = t.median, p->steps[i].min_us = t.min, p->steps[i].p95_us = t.p95;
        p->total_us += t.median;
    }
    for (int i = 0; i < p->n_steps; i++) p->steps[i].share = p->total_us > 0 ? p->steps[i].median_us / p->total_us : 0;
    b->profiled = true;
}

static enum ax_status profile_steps(struct ax_bench *b, struct work *w, struct ax_error *err)
{
    enum ax_status s = ax_bench_make_steps(b, ax_engine_steps(b->engine), err);
    for (int i = 0; i < b->profile.n_steps && !s; i++) {
        struct ax_engine_step e = ax_engine_step(b->engine, i);
        b->profile.steps[i] = (struct ax_profile_step){
            .name = ax_arena_str(&b->mem, e.name), .kind = e.kind, .kernel = e.kernel, .node = e.node, .macs = e.macs};
    }
    if (!s) s = run_profiled(b, w, err);
    if (!s) ax_bench_fill_steps(b);
    return s;
}

enum ax_status ax_bench_measure(struct ax_bench *b, const char *tensors, uint64_t seed, bool profile, struct ax_error *err)
{
    struct work w = {0};
    bool segments = ax_engine_pipeline(b->engine) != NULL;
    enum ax_status s = prepare(b, &w, tensors, seed, err);
    if (!s) s = segments ? ax_bench_pipeline(b, &w.samples, w.ms, profile, err) : run_many(b, &w, err);
    b->profile.latency_ms = b->latency_ms.median;
    if (!s && profile && !segments) s = profile_steps(b, &w, err);
    if (s && segments) ax_engine_close(b->engine), b->engine = NULL; /* requests that are under way read the samples */
    release(&w);
    return s;
}
