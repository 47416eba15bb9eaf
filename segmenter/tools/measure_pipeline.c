/* Measuring segments where they meet the state of a pipeline: all of them at once, each on its cores. What counts is the time
 * that their threads computed, and of the runs the fastest tenth: what other processes and machines took of the cores, their
 * caches and their clock meanwhile says nothing about the cut. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "axon/axon.h"
#include "base/file.h"
#include "tools/job.h"

enum { WARM_UP = 8, GROUPS = 6 };
static const double least_seconds = 1, most_seconds = 5; /* a moment without others is likely within the least */

struct line {
    struct ax_context *context;
    struct ax_connection *connection;
    struct ax_model *models[AX_SEG_MAX_STAGES];
    struct ax_pipeline *pipeline;
    struct ax_buffer *inputs, *outputs;
    int n_models;
};

static int cores_needed(const struct ax_segment_job *j)
{
    int n = 0;
    for (int k = 0; k < j->n_segments; k++) n += j->solution.replicas[k];
    return n;
}

static enum ax_status load_part(struct ax_segment_job *j, struct line *l, const char *dir, int k, struct ax_error *err)
{
    const char *path = ax_path_join(&j->mem, dir, "segment.axmodel");
    struct ax_axmodel_contents contents = {.program = j->parts[k].program};
    enum ax_status s = ax_axmodel_write(path, &contents, err);
    if (!s) s = ax_model_load(l->context, path, &l->models[k], err);
    unlink(path); /* what is mapped stays */
    if (!s) l->n_models++;
    return s;
}

static enum ax_status load_parts(struct ax_segment_job *j, struct line *l, struct ax_error *err)
{
    char *dir = ax_arena_printf(&j->mem, "%s/axsegment-XXXXXX", ax_temp_dir());
    enum ax_status s = AX_OK;
    if (!mkdtemp(dir)) return ax_fail(err, AX_IO, "cannot make a temporary folder %s", dir);
    for (int k = 0; k < j->n_segments && !s; k++) s = load_part(j, l, dir, k, err);
    rmdir(dir);
    return s;
}

static void fill(const struct ax_tensor *t, struct ax_buffer *b, uint64_t seed)
{
    bool is_float = t->dtype == AX_DTYPE_FLOAT32;
    b->dtype = t->dtype;
    b->bytes = t->elements * (int64_t)ax_dtype_bytes(t->dtype);
    b->data = calloc(1, (size_t)b->bytes + 1);
    if (!b->data) abort();
    for (int64_t i = 0; i < t->elements && is_float; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ((float *)b->data)[i] = (float)(seed >> 40) / (1 << 23) - 1;
    }
}

/* Waits for cores that other processes hold. */
static enum ax_status lease(struct ax_segment_job *j, struct line *l, struct ax_error *err)
{
    enum ax_status s;
    for (double waited = 0;; waited += 0.1) {
        s = ax_connect(l->context, j->simulated ? j->device_name : NULL, cores_needed(j), &l->connection, err);
        if (s != AX_BUSY || j->simulated || waited >= j->set->wait) return s;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
}

static enum ax_status open_line(struct ax_segment_job *j, struct line *l, struct ax_error *err)
{
    struct ax_stage stages[AX_SEG_MAX_STAGES] = {0};
    struct ax_pipeline_options opt;
    enum ax_status s = ax_context_new(&l->context, err);
    if (!s && j->simulated) s = ax_context_simulate(l->context, &j->device, err);
    if (!s) s = lease(j, l, err);
    if (!s) s = load_parts(j, l, err);
    for (int k = 0; k < j->n_segments; k++)
        stages[k] = (struct ax_stage){.model = l->models[k], .cores = 1, .replicas = j->solution.replicas[k]};
    ax_pipeline_options_default(&opt);
    opt.fixed_cores = 1; /* what a segment takes, not what its neighbours do for it */
    if (!s) s = ax_pipeline_new(l->connection, stages, j->n_segments, &opt, &l->pipeline, err);
    if (s) return s;
    int n_in = ax_pipeline_inputs(l->pipeline), n_out = ax_pipeline_outputs(l->pipeline);
    l->inputs = calloc((size_t)n_in + 1, sizeof *l->inputs);
    l->outputs = calloc((size_t)n_out + 1, sizeof *l->outputs);
    if (!l->inputs || !l->outputs) abort();
    for (int i = 0; i < n_in; i++) fill(ax_pipeline_input(l->pipeline, i), &l->inputs[i], (uint64_t)i + 1);
    return AX_OK;
}

static void close_line(struct line *l)
{
    int n_in = l->pipeline && l->inputs ? ax_pipeline_inputs(l->pipeline) : 0;
    for (int i = 0; i < n_in; i++) free(l->inputs[i].data);
    free(l->inputs);
    free(l->outputs);
    if (l->pipeline) ax_pipeline_free(l->pipeline);
    for (int k = 0; k < l->n_models; k++) ax_model_free(l->models[k]);
    if (l->connection) ax_connection_free(l->connection);
    if (l->context) ax_context_free(l->context);
}

/* Keeps the pipeline full until n results are out. */
static enum ax_status run(struct line *l, int64_t n, struct ax_error *err)
{
    struct ax_request r = {.inputs = l->inputs};
    struct ax_result result;
    int64_t pushed = 0;
    for (int64_t popped = 0; popped < n; popped++) {
        enum ax_status s = AX_OK;
        while (pushed < n && !(s = ax_pipeline_try_push(l->pipeline, &r, NULL, err))) pushed++;
        if (s && s != AX_AGAIN) return s;
        s = ax_pipeline_pop(l->pipeline, &result, l->outputs, err);
        if (s) return s;
        ax_pipeline_release(l->pipeline, l->outputs);
        if (result.status) {
            *err = result.err;
            return result.status;
        }
    }
    return AX_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* In a group. */
static int64_t runs_of(const struct ax_segment_job *j, struct line *l)
{
    struct ax_pipeline_stats warm_up;
    int64_t n = j->set->count / GROUPS;
    ax_pipeline_stats(l->pipeline, &warm_up);
    double seconds = (double)warm_up.elapsed_ns * 1e-9 / WARM_UP * GROUPS; /* for each run of a group */
    if (seconds > 0) {
        if ((double)n * seconds < least_seconds) n = (int64_t)(least_seconds / seconds);
        if ((double)n * seconds > most_seconds || j->simulated) n = (int64_t)(most_seconds / seconds);
    }
    return n < WARM_UP ? WARM_UP : n;
}

static enum ax_status run_groups(struct ax_segment_job *j, struct line *l, struct ax_error *err)
{
    double ns[AX_SEG_MAX_STAGES][GROUPS], slowest[GROUPS] = {0};
    struct ax_pipeline_stats all;
    struct ax_stage_stats stage;
    enum ax_status s = run(l, WARM_UP, err);
    int64_t n = runs_of(j, l);
    for (int g = 0; g < GROUPS && !s; g++) {
        ax_pipeline_reset_stats(l->pipeline);
        s = run(l, n, err);
        for (int k = 0; k < j->n_segments && !s; k++) {
            ax_pipeline_stage_stats(l->pipeline, k, &stage);
            ns[k][g] = (double)stage.cpu.p10;
            double per_core = ns[k][g] / j->solution.replicas[k];
            if (per_core > slowest[g]) slowest[g] = per_core;
        }
    }
    if (s) return s;
    ax_pipeline_stats(l->pipeline, &all);
    j->per_second = all.elapsed_ns > 0 ? (double)all.succeeded * 1e9 / (double)all.elapsed_ns : 0;
    for (int k = 0; k < j->n_segments; k++) {
        qsort(ns[k], GROUPS, sizeof ns[k][0], by_value);
        j->segment_ns[k] = ns[k][0];
    }
    qsort(slowest, GROUPS, sizeof slowest[0], by_value);
    j->noise = slowest[GROUPS - 1] > 0 ? (slowest[GROUPS - 1] - slowest[0]) / 2 / slowest[GROUPS - 1] : 0;
    ax_segment_note_measured(j);
    return AX_OK;
}

enum ax_status ax_segment_measure_pipeline(struct ax_segment_job *j, struct ax_error *err)
{
    struct line l = {0};
    enum ax_status s = open_line(j, &l, err);
    if (!s) s = run_groups(j, &l, err);
    close_line(&l);
    return s;
}
