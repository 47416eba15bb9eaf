/* Segments: requests stream through the pipeline, as many under way as it takes. */
#include <stdlib.h>

#include "api/internal.h" /* the steps of a pipeline's stages; all else is public */
#include "base/progress.h"
#include "tools/axbench.h"
#include "tools/shared/segments.h"

struct stream {
    struct ax_bench *b;
    struct ax_pipeline *pipeline;
    const struct ax_samples_file *samples;
    struct ax_buffer *in, *out;
    double *ms;
    int64_t pushed, popped, most; /* most: to be pushed in all */
    uint64_t last;                /* request that came out */
    struct ax_progress bar;
};

static enum ax_status push_some(struct stream *s, int64_t total, struct ax_error *err)
{
    int n_in = ax_engine_inputs(s->b->engine);
    while (s->pushed < total) {
        for (int k = 0; k < n_in; k++) {
            struct ax_engine_buffer from = ax_samples_at(s->samples, k, s->pushed % s->samples->count);
            s->in[k] = (struct ax_buffer){from.data, from.dtype,
                                          ax_engine_input(s->b->engine, k)->count * (int64_t)ax_dtype_bytes(from.dtype)};
        }
        struct ax_request r = {.inputs = s->in};
        enum ax_status st = ax_pipeline_try_push(s->pipeline, &r, NULL, err);
        if (st) return st == AX_AGAIN ? AX_OK : st;
        s->pushed++;
    }
    return AX_OK;
}

static enum ax_status stream_until(struct stream *s, int64_t total, struct ax_error *err)
{
    struct ax_result r;
    while (s->popped < total) {
        if (push_some(s, s->most, err)) return err->status;
        if (ax_pipeline_pop(s->pipeline, &r, s->out, err)) return err->status;
        ax_pipeline_release(s->pipeline, s->out);
        if (r.status) return *err = r.err, r.status;
        s->last = r.request;
        int64_t i = s->popped++ - s->b->warmup - 1;
        if (i >= 0 && i < s->b->count) s->ms[i] = (double)r.latency_ns * 1e-6;
        ax_progress_step(&s->bar, s->popped);
    }
    return AX_OK;
}

static void take_stages(struct ax_bench *b, struct ax_pipeline *p)
{
    while (b->n_stages < AX_BENCH_MAX_STAGES && ax_pipeline_stage_stats(p, b->n_stages, &b->stages[b->n_stages])) b->n_stages++;
}

/* The first one alone, the warm-up, then those that count. */
static enum ax_status stream_all(struct stream *s, struct ax_error *err)
{
    struct ax_bench *b = s->b;
    int64_t begin = ax_cores_time_ns(b->cores);
    ax_progress_begin(&s->bar, "measuring", b->warmup + b->count + 1);
    enum ax_status st = stream_until(s, 1, err);
    b->first_ms = (double)(ax_cores_time_ns(b->cores) - begin) * 1e-6;
    if (!st) st = stream_until(s, b->warmup + 1, err);
    ax_pipeline_reset_stats(s->pipeline);
    begin = ax_cores_time_ns(b->cores);
    if (!st) st = stream_until(s, b->warmup + 1 + b->count, err);
    b->per_second = ax_bench_rate((double)b->count, ax_cores_time_ns(b->cores) - begin);
    ax_progress_end(&s->bar);
    if (!st) b->latency_ms = ax_stats_of(s->ms, b->count);
    if (!st) take_stages(b, s->pipeline);
    return st;
}

/* -- steps -- */

struct segment_steps { /* where the times of a segment go; each request passes one of its replicas */
    double *us;        /* [step][run] */
    int64_t count;
    uint64_t first; /* request */
};

static void take_time(void *ctx, uint64_t request, int step, int64_t begin_ns, int64_t end_ns)
{
    const struct segment_steps *s = ctx;
    if (request >= s->first && request - s->first < (uint64_t)s->count)
        s->us[(int64_t)step * s->count + (int64_t)(request - s->first)] = (double)(end_ns - begin_ns) * 1e-3;
}

static void name_steps(struct ax_bench *b, struct ax_pipeline *p, const struct ax_segments *s)
{
    struct ax_profile_step *to = b->profile.steps;
    for (int k = 0; k < ax_segments_count(s); k++) {
        const struct ax_program *program = ax_segments_program(s, k);
        for (int i = 0; i < program->n_steps; i++) {
            const struct ax_step *step = &program->steps[i];
            *to++ = (struct ax_profile_step){.name = ax_arena_str(&b->mem, step->name ? step->name : ""),
                                             .segment = ax_segments_name(s, k),
                                             .kind = ax_step_text(step->kind),
                                             .kernel = ax_pipeline_kernel_name(p, k, i),
                                             .node = step->node,
                                             .macs = step->macs};
        }
    }
}

static void hook_all(struct ax_pipeline *p, const struct ax_segments *s, ax_request_hook *hook, struct segment_steps *to)
{
    for (int k = 0; k < ax_segments_count(s); k++)
        for (int i = 0; i < ax_segments_replicas(s, k); i++) ax_pipeline_set_hook(p, k, i, hook, &to[k]);
}

/* The pipeline is empty before and after. */
static enum ax_status stream_profiled(struct stream *s, const struct ax_segments *segments, struct ax_error *err)
{
    int n = ax_segments_count(segments);
    struct segment_steps *to = AX_NEW(&s->b->mem, struct segment_steps, n); /* after a failure requests are still under way */
    double *us = s->b->step_us;
    for (int k = 0; k < n; k++) {
        to[k] = (struct segment_steps){us, s->b->count, s->last + 1};
        us += ax_segments_program(segments, k)->n_steps * s->b->count;
    }
    hook_all(s->pipeline, segments, take_time, to);
    s->most += s->b->count;
    enum ax_status st = stream_until(s, s->most, err);
    if (!st) hook_all(s->pipeline, segments, NULL, to);
    return st;
}

static enum ax_status profile_steps(struct stream *s, struct ax_error *err)
{
    struct ax_bench *b = s->b;
    const struct ax_segments *segments = ax_engine_segments(b->engine);
    int n = 0, cores[1];
    for (int k = 0; k < ax_segments_count(segments); k++) n += ax_segments_program(segments, k)->n_steps;
    enum ax_status st = ax_bench_make_steps(b, n, err);
    if (!st) name_steps(b, s->pipeline, segments);
    if (!st) st = stream_profiled(s, segments, err);
    if (!st) ax_bench_fill_steps(b);
    b->stage_cores = ax_pipeline_cores(s->pipeline, 0, 0, cores, 1);
    return st;
}

enum ax_status ax_bench_pipeline(struct ax_bench *b, const struct ax_samples_file *samples, double *ms, bool profile,
                                 struct ax_error *err)
{
    struct stream s = {
        .b = b, .pipeline = ax_engine_pipeline(b->engine), .samples = samples, .ms = ms, .most = b->warmup + b->count + 1};
    s.in = calloc((size_t)ax_engine_inputs(b->engine) + 1, sizeof *s.in);
    s.out = calloc((size_t)ax_engine_outputs(b->engine) + 1, sizeof *s.out);
    enum ax_status st = s.in && s.out ? stream_all(&s, err) : ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    if (!st && profile) st = profile_steps(&s, err);
    free(s.in);
    free(s.out);
    return st;
}
