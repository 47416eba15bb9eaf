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
    double *step_us; /* [steps][count] */
    int64_t run, count;
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
    free(w->step_us);
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
    if (ax_engine_pipeline(b->engine)) return ax_bench_pipeline(b, &w->samples, w->ms, err);
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
    struct work *w = ctx;
    w->step_us[(int64_t)step * w->count + w->run] = (double)(end_ns - begin_ns) * 1e-3;
}

static enum ax_status run_profiled(struct ax_bench *b, struct work *w, struct ax_error *err)
{
    double ms;
    enum ax_status s = AX_OK;
    ax_engine_set_hook(b->engine, take_time, w);
    for (w->run = 0; w->run < b->count && !s; w->run++) s = run_once(b, w, w->run, &ms, err);
    ax_engine_set_hook(b->engine, NULL, NULL);
    return s;
}

static void fill_steps(struct ax_bench *b, struct work *w)
{
    struct ax_profile *p = &b->profile;
    for (int i = 0; i < p->n_steps; i++) {
        struct ax_engine_step s = ax_engine_step(b->engine, i);
        struct ax_stats t = ax_stats_of(w->step_us + (int64_t)i * b->count, b->count);
        p->steps[i] = (struct ax_profile_step){
            ax_arena_str(&b->mem, s.name), s.kind, s.kernel, s.node, s.macs, t.median, t.min, t.p95, 0};
        p->total_us += t.median;
    }
    for (int i = 0; i < p->n_steps; i++) p->steps[i].share = p->total_us > 0 ? p->steps[i].median_us / p->total_us : 0;
}

static enum ax_status profile_steps(struct ax_bench *b, struct work *w, struct ax_error *err)
{
    struct ax_profile *p = &b->profile;
    p->n_steps = ax_engine_steps(b->engine);
    p->steps = calloc((size_t)p->n_steps + 1, sizeof *p->steps);
    w->count = b->count;
    w->step_us = calloc((size_t)p->n_steps * (size_t)b->count + 1, sizeof *w->step_us);
    if (!p->steps || !w->step_us) return ax_fail(err, AX_NO_MEMORY, "no memory for %lld measurements", (long long)b->count);
    enum ax_status s = run_profiled(b, w, err);
    if (!s) fill_steps(b, w);
    b->profiled = !s;
    return s;
}

enum ax_status ax_bench_measure(struct ax_bench *b, const char *tensors, uint64_t seed, bool profile, struct ax_error *err)
{
    struct work w = {0};
    if (profile && ax_engine_pipeline(b->engine))
        return ax_fail(err, AX_UNSUPPORTED, "%s: steps are timed in one model; name a segment, or the model that was cut",
                       b->model);
    enum ax_status s = prepare(b, &w, tensors, seed, err);
    if (!s) s = run_many(b, &w, err);
    b->profile.latency_ms = b->latency_ms.median;
    if (!s && profile) s = profile_steps(b, &w, err);
    release(&w);
    return s;
}
