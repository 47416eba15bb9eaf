/* What tests of pipelines of segments share: the segments of a partition.json, and what the whole model answers. */
#ifndef AX_TEST_BOTH_H
#define AX_TEST_BOTH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/file.h"
#include "base/text.h"
#include "files/partition.h"

enum { REQUESTS = 8, PORTS = 64 };

/* A partition's segments, the model they were cut from, and its answers to random numbers. */
struct both {
    struct ax_context *context;
    struct ax_connection *connection;
    struct ax_model *whole, *parts[AX_PARTITION_MAX_SEGMENTS];
    struct ax_instance *instance;
    struct ax_arena mem;
    struct ax_partition partition;
    struct ax_pipeline *pipeline;
    struct ax_buffer in[REQUESTS][PORTS], want[REQUESTS][PORTS], got[PORTS];
};

static uint64_t seed = 1;

static float number(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(seed >> 40) / (1 << 23) - 1;
}

/* Of the segments, with these queues in front of, between and behind them. */
static enum ax_status make_pipeline(struct both *b, int input_queue, int stage_queue, int output_queue, struct ax_error *err)
{
    const struct ax_partition *p = &b->partition;
    struct ax_stage stages[AX_PARTITION_MAX_SEGMENTS] = {0};
    struct ax_pipeline_options opt;
    const char **in = AX_NEW(&b->mem, const char *, p->n_inputs + 1), **out = AX_NEW(&b->mem, const char *, p->n_outputs + 1);
    memcpy(in, p->inputs, sizeof *in * (size_t)p->n_inputs);
    memcpy(out, p->outputs, sizeof *out * (size_t)p->n_outputs);
    ax_pipeline_options_default(&opt);
    opt.inputs = in, opt.outputs = out;
    opt.input_queue = input_queue, opt.stage_queue = stage_queue, opt.output_queue = output_queue;
    for (int i = 0; i < p->n_segments; i++) stages[i] = (struct ax_stage){.model = b->parts[i], .name = p->segments[i].file};
    return ax_pipeline_new(b->connection, stages, p->n_segments, &opt, &b->pipeline, err);
}

static void *room(const struct ax_tensor *t, struct ax_buffer *b)
{
    enum ax_dtype type = t->n_scales || t->dtype == AX_DTYPE_FLOAT16 ? AX_DTYPE_FLOAT32 : t->stored;
    b->dtype = type;
    b->bytes = t->elements * (int64_t)ax_dtype_bytes(type);
    return b->data = calloc(1, (size_t)b->bytes + 1);
}

static void randomize(struct ax_buffer *b)
{
    for (int64_t i = 0; b->dtype == AX_DTYPE_FLOAT32 && i < b->bytes / 4; i++) ((float *)b->data)[i] = number() * 100;
    for (int64_t i = 0; b->dtype == AX_DTYPE_UINT8 && i < b->bytes; i++)
        ((uint8_t *)b->data)[i] = (uint8_t)(number() * 100 + 100);
}

static int compare(struct both *b, int request)
{
    const struct ax_buffer *want = b->want[request];
    for (int i = 0; i < ax_model_outputs(b->whole); i++)
        if (want[i].bytes != b->got[i].bytes || memcmp(want[i].data, b->got[i].data, (size_t)want[i].bytes)) {
            fprintf(stderr, "%s: request %d: output \"%s\" differs\n", b->partition.name, request,
                    ax_model_output(b->whole, i)->name);
            return 1;
        }
    return 0;
}

static enum ax_status run_whole(struct both *b, struct ax_error *err)
{
    struct ax_instance_options one = {.batch = 1, .cores = 1, .queue = 1};
    enum ax_status s = ax_instance_new(b->connection, b->whole, &one, &b->instance, err);
    for (int k = 0; k < REQUESTS && !s; k++) {
        for (int i = 0; i < ax_model_inputs(b->whole); i++) room(ax_model_input(b->whole, i), &b->in[k][i]);
        for (int i = 0; i < ax_model_outputs(b->whole); i++) room(ax_model_output(b->whole, i), &b->want[k][i]);
        for (int i = 0; i < ax_model_inputs(b->whole); i++) randomize(&b->in[k][i]);
        s = ax_instance_run(b->instance, b->in[k], b->want[k], err);
    }
    ax_instance_free(b->instance);
    return s;
}

/* A core for every segment: threads on those that the machine does not have run where the system puts them. */
static void invent_cores(struct ax_connection *c, int n)
{
    for (; c->n < n; c->n++) {
        c->cores[c->n] = AX_MAX_CORES - c->n;
        c->lease[c->n] = dup(c->lease[0]);
    }
}

static enum ax_status open_both(const char *path, struct both *b, struct ax_error *err)
{
    const struct ax_partition *p = &b->partition;
    *b = (struct both){0};
    enum ax_status s = ax_partition_read(path, &b->partition, &b->mem, err);
    const char *dir = ax_path_dir(&b->mem, path);
    if (!s) s = ax_context_new(&b->context, err);
    if (!s) s = ax_connect(b->context, NULL, 0, &b->connection, err);
    if (!s) s = ax_model_load(b->context, ax_path_join(&b->mem, dir, p->source), &b->whole, err);
    for (int i = 0; !s && i < p->n_segments; i++)
        s = ax_model_load(b->context, ax_path_join(&b->mem, dir, p->segments[i].file), &b->parts[i], err);
    if (!s) s = run_whole(b, err);
    if (!s) invent_cores(b->connection, p->n_segments);
    return s;
}

static void close_both(struct both *b)
{
    ax_pipeline_free(b->pipeline);
    ax_model_free(b->whole);
    for (int i = 0; i < AX_PARTITION_MAX_SEGMENTS; i++) ax_model_free(b->parts[i]);
    ax_connection_free(b->connection);
    ax_context_free(b->context);
    for (int k = 0; k < REQUESTS; k++)
        for (int i = 0; i < PORTS; i++) free(b->in[k][i].data), free(b->want[k][i].data);
    ax_arena_free(&b->mem);
}

#endif
