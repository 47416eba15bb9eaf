#include "tools/shared/segments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h" /* bytes of weights; all else is the public header */
#include "base/file.h"
#include "base/text.h"
#include "files/partition.h"

struct ax_segments {
    struct ax_arena mem;
    struct ax_partition partition;
    struct ax_model *models[AX_PARTITION_MAX_SEGMENTS];
    const char *names[AX_PARTITION_MAX_SEGMENTS];
    const char **inputs, **outputs; /* names, NULL at the end */
    struct ax_pipeline *pipeline;
    struct ax_buffer *in, *out; /* of the request at hand */
    bool warned;
};

bool ax_segments_named(const char *path)
{
    return ax_path_has_ext(path, ".json") || ax_partition_is(path);
}

static const char **names(struct ax_arena *mem, const char **list, int n)
{
    const char **copy = AX_NEW(mem, const char *, n + 1);
    if (n) memcpy(copy, list, sizeof *copy * (size_t)n);
    return copy;
}

enum ax_status ax_segments_load(struct ax_context *c, const char *partition, struct ax_segments **out, struct ax_error *err)
{
    struct ax_segments *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", partition);
    enum ax_status st = ax_partition_read(partition, &s->partition, &s->mem, err);
    const struct ax_partition *p = &s->partition;
    const char *dir = ax_path_dir(&s->mem, partition);
    for (int i = 0; !st && i < p->n_segments; i++)
        st = ax_model_load(c, ax_path_join(&s->mem, dir, p->segments[i].file), &s->models[i], err);
    for (int i = 0; !st && i < p->n_segments; i++) s->names[i] = ax_path_stem(&s->mem, p->segments[i].file);
    if (!st) {
        s->inputs = names(&s->mem, p->inputs, p->n_inputs);
        s->outputs = names(&s->mem, p->outputs, p->n_outputs);
        s->in = AX_NEW(&s->mem, struct ax_buffer, p->n_inputs + 1);
        s->out = AX_NEW(&s->mem, struct ax_buffer, p->n_outputs + 1);
        *out = s;
    } else {
        ax_segments_free(s);
    }
    return st;
}

void ax_segments_free(struct ax_segments *s)
{
    if (!s) return;
    ax_segments_stop(s);
    for (int i = 0; i < AX_PARTITION_MAX_SEGMENTS; i++) ax_model_free(s->models[i]);
    ax_arena_free(&s->mem);
    free(s);
}

void ax_segments_stop(struct ax_segments *s)
{
    ax_pipeline_free(s->pipeline);
    s->pipeline = NULL;
}

static int workers_of(const struct ax_segments *s)
{
    int n = 0;
    for (int i = 0; i < s->partition.n_segments; i++) n += s->partition.segments[i].replicas;
    return n;
}

/* What is left over is shared out. */
static int cores_each(struct ax_segments *s, struct ax_connection *c, int workers)
{
    int cores = ax_connection_free_cores(c);
    if (workers > cores && !s->warned)
        fprintf(stderr, "%s: %d segment%s on %d core%s: they share cores and gain little; cut into fewer\n",
                ax_connection_device(c), workers, workers == 1 ? "" : "s", cores, cores == 1 ? "" : "s");
    if (workers > cores) s->warned = true;
    return c->type->cooperates && cores / workers ? cores / workers : 1;
}

enum ax_status ax_segments_start(struct ax_segments *s, struct ax_connection *const *devices, int n_devices, bool fixed_cores,
                                 struct ax_error *err)
{
    struct ax_stage stages[AX_PARTITION_MAX_SEGMENTS] = {0};
    struct ax_pipeline_options opt;
    int n = s->partition.n_segments, shared = n_devices == 1 && !s->pipeline ? cores_each(s, devices[0], workers_of(s)) : 0;
    if (s->pipeline) return AX_OK;
    if (n_devices != 1 && n_devices != n)
        return ax_fail(
            err, AX_INVALID_ARGUMENT,
            "%d segments on %d devices: each segment wants one of its own. Name %d devices, or cut the model into %d "
            "(axsegment --num_segments %d)",
            n, n_devices, n, n_devices, n_devices);
    for (int i = 0; i < n; i++) {
        struct ax_connection *c = n_devices == 1 ? devices[0] : devices[i];
        int replicas = s->partition.segments[i].replicas;
        stages[i] = (struct ax_stage){.name = s->names[i],
                                      .model = s->models[i],
                                      .cores = shared ? shared : cores_each(s, c, replicas),
                                      .replicas = replicas,
                                      .connection = c};
    }
    ax_pipeline_options_default(&opt);
    opt.inputs = s->inputs, opt.outputs = s->outputs;
    opt.share_cores = 1;
    opt.fixed_cores = fixed_cores;
    return ax_pipeline_new(devices[0], stages, n, &opt, &s->pipeline, err);
}

struct ax_pipeline *ax_segments_pipeline(struct ax_segments *s)
{
    return s->pipeline;
}

int ax_segments_in_flight(const struct ax_segments *s)
{
    return 4 * workers_of(s);
}

int ax_segments_count(const struct ax_segments *s)
{
    return s->partition.n_segments;
}

const char *ax_segments_name(const struct ax_segments *s, int segment)
{
    return s->names[segment];
}

int ax_segments_replicas(const struct ax_segments *s, int segment)
{
    return s->partition.segments[segment].replicas;
}

const struct ax_program *ax_segments_program(const struct ax_segments *s, int segment)
{
    return s->models[segment]->program;
}

bool ax_segments_quantized(const struct ax_segments *s)
{
    for (int i = 0; i < s->partition.n_segments; i++) {
        const struct ax_program *p = s->models[i]->program;
        for (int k = 0; k < p->n_operands; k++)
            if (p->operands[k].dtype == AX_DTYPE_INT8) return true;
    }
    return false;
}

int64_t ax_segments_weights_bytes(const struct ax_segments *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->partition.n_segments; i++) bytes += s->models[i]->program->const_bytes;
    return bytes;
}

int64_t ax_segments_activations_bytes(const struct ax_segments *s)
{
    int64_t bytes = s->pipeline ? ax_pipeline_memory_bytes(s->pipeline) : 0;
    for (int i = 0; i < s->partition.n_segments; i++)
        bytes += ax_model_arena_bytes(s->models[i]) * s->partition.segments[i].replicas;
    return bytes;
}

static void place(struct ax_buffer *to, const struct ax_buffer *from, int n, int sample)
{
    for (int i = 0; i < n; i++) {
        to[i] = from[i];
        to[i].data = (char *)from[i].data + sample * from[i].bytes;
    }
}

/* Whatever fails, all that was pushed is popped: the buffers are the caller's. */
enum ax_status ax_segments_run(struct ax_segments *s, int samples, const struct ax_buffer *in, const struct ax_buffer *out,
                               struct ax_error *err)
{
    enum ax_status first = AX_OK;
    for (int pushed = 0, popped = 0; popped < pushed || (pushed < samples && !first);) {
        struct ax_request r = {.inputs = s->in, .outputs = s->out};
        struct ax_result result;
        struct ax_error full;
        enum ax_status st = AX_OK;
        while (pushed < samples && !first && !st) {
            place(s->in, in, s->partition.n_inputs, pushed);
            place(s->out, out, s->partition.n_outputs, pushed);
            st = ax_pipeline_try_push(s->pipeline, &r, NULL, &full);
            if (st && st != AX_AGAIN) *err = full, first = st;
            pushed += !st;
        }
        if (popped == pushed) continue;
        st = ax_pipeline_pop(s->pipeline, &result, NULL, &full);
        popped++;
        if (st) result.status = st, result.err = full;
        if (result.status && !first) *err = result.err, first = result.status;
    }
    return first;
}
