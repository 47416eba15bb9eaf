/* Segments: requests stream through the pipeline, as many under way as it takes. */
#include <stdlib.h>

#include "axon/axon.h"
#include "base/progress.h"
#include "tools/axbench.h"

struct stream {
    struct ax_bench *b;
    struct ax_pipeline *pipeline;
    const struct ax_samples_file *samples;
    struct ax_buffer *in, *out;
    double *ms;
    int64_t pushed, popped;
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
        if (push_some(s, s->b->warmup + s->b->count + 1, err)) return err->status;
        if (ax_pipeline_pop(s->pipeline, &r, s->out, err)) return err->status;
        ax_pipeline_release(s->pipeline, s->out);
        if (r.status) return *err = r.err, r.status;
        int64_t i = s->popped++ - s->b->warmup - 1;
        if (i >= 0) s->ms[i] = (double)r.latency_ns * 1e-6;
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

enum ax_status ax_bench_pipeline(struct ax_bench *b, const struct ax_samples_file *samples, double *ms, struct ax_error *err)
{
    struct stream s = {.b = b, .pipeline = ax_engine_pipeline(b->engine), .samples = samples, .ms = ms};
    s.in = calloc((size_t)ax_engine_inputs(b->engine) + 1, sizeof *s.in);
    s.out = calloc((size_t)ax_engine_outputs(b->engine) + 1, sizeof *s.out);
    enum ax_status st = s.in && s.out ? stream_all(&s, err) : ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    free(s.in);
    free(s.out);
    return st;
}
