/* A pipeline of segments equals the whole, bit for bit: for every partition.json named, requests of random numbers go through
 * the segments and through the model that was cut. Prints what was copied between stages; with --no_copies first that must be
 * nothing. Exit code 77: nothing to do. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axon/axon.h"
#include "base/file.h"
#include "base/text.h"
#include "files/partition.h"

enum { REQUESTS = 6 };

struct both {
    struct ax_context *context;
    struct ax_connection *connection;
    struct ax_model *whole, *parts[AX_PARTITION_MAX_SEGMENTS];
    struct ax_instance *instance;
    struct ax_pipeline *pipeline;
    struct ax_buffer in[64], want[64], got[64];
};

static uint64_t seed = 1;

static float number(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(seed >> 40) / (1 << 23) - 1;
}

static enum ax_status open_segments(struct both *b, const struct ax_partition *p, const char *dir, struct ax_arena *mem,
                                    struct ax_error *err)
{
    struct ax_stage stages[AX_PARTITION_MAX_SEGMENTS] = {0};
    struct ax_pipeline_options opt;
    const char **in = AX_NEW(mem, const char *, p->n_inputs + 1), **out = AX_NEW(mem, const char *, p->n_outputs + 1);
    memcpy(in, p->inputs, sizeof *in * (size_t)p->n_inputs);
    memcpy(out, p->outputs, sizeof *out * (size_t)p->n_outputs);
    ax_pipeline_options_default(&opt);
    opt.inputs = in, opt.outputs = out;
    opt.share_cores = 1;
    for (int i = 0; i < p->n_segments; i++) {
        if (ax_model_load(b->context, ax_path_join(mem, dir, p->segments[i].file), &b->parts[i], err)) return err->status;
        stages[i] = (struct ax_stage){.model = b->parts[i], .name = p->segments[i].file};
    }
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

static int compare(struct both *b, const char *path, int n_out)
{
    for (int i = 0; i < n_out; i++)
        if (b->want[i].bytes != b->got[i].bytes || memcmp(b->want[i].data, b->got[i].data, (size_t)b->want[i].bytes)) {
            fprintf(stderr, "%s: output \"%s\" differs\n", path, ax_model_output(b->whole, i)->name);
            return 1;
        }
    return 0;
}

static enum ax_status run_requests(struct both *b, const char *path, int *wrong, struct ax_error *err)
{
    int n_in = ax_model_inputs(b->whole), n_out = ax_model_outputs(b->whole);
    struct ax_result r;
    for (int i = 0; i < n_in; i++) room(ax_model_input(b->whole, i), &b->in[i]);
    for (int i = 0; i < n_out; i++) room(ax_model_output(b->whole, i), &b->want[i]);
    for (int k = 0; k < REQUESTS; k++) {
        for (int i = 0; i < n_in; i++) randomize(&b->in[i]);
        if (ax_instance_run(b->instance, b->in, b->want, err)) return err->status;
        struct ax_request q = {.inputs = b->in};
        if (ax_pipeline_push(b->pipeline, &q, NULL, err)) return err->status;
        if (ax_pipeline_pop(b->pipeline, &r, b->got, err)) return err->status;
        if (r.status) return *err = r.err, r.status;
        *wrong |= compare(b, path, n_out);
        ax_pipeline_release(b->pipeline, b->got);
    }
    return AX_OK;
}

static int64_t report(struct both *b, const char *path)
{
    int64_t copied = 0;
    for (int i = 0; i < ax_pipeline_stages(b->pipeline); i++) {
        struct ax_stage_stats s;
        ax_pipeline_stage_stats(b->pipeline, i, &s);
        copied += s.copied_bytes;
    }
    printf("%s: %d stages, %lld bytes copied, %lld bytes of buffers\n", path, ax_pipeline_stages(b->pipeline),
           (long long)copied, (long long)ax_pipeline_memory_bytes(b->pipeline));
    return copied;
}

static void release(struct both *b)
{
    ax_pipeline_free(b->pipeline);
    ax_instance_free(b->instance);
    ax_model_free(b->whole);
    for (int i = 0; i < AX_PARTITION_MAX_SEGMENTS; i++) ax_model_free(b->parts[i]);
    ax_connection_free(b->connection);
    ax_context_free(b->context);
    for (int i = 0; i < 64; i++) free(b->in[i].data), free(b->want[i].data);
}

static int check(const char *path, bool no_copies)
{
    struct ax_arena mem = {0};
    struct ax_partition p;
    struct ax_error err = {0};
    struct both b = {0};
    int wrong = 0;
    enum ax_status s = ax_partition_read(path, &p, &mem, &err);
    const char *dir = ax_path_dir(&mem, path);
    if (!s) s = ax_context_new(&b.context, &err);
    if (!s) s = ax_connect(b.context, NULL, 0, &b.connection, &err);
    if (!s) s = ax_model_load(b.context, ax_path_join(&mem, dir, p.source), &b.whole, &err);
    struct ax_instance_options one = {.batch = 1, .cores = 1, .queue = 1};
    if (!s) s = ax_instance_new(b.connection, b.whole, &one, &b.instance, &err);
    if (!s) s = open_segments(&b, &p, dir, &mem, &err);
    if (!s) s = run_requests(&b, path, &wrong, &err);
    if (!s && report(&b, path) && no_copies) {
        fprintf(stderr, "%s: bytes are copied between its stages\n", path);
        wrong = 1;
    }
    if (s) fprintf(stderr, "%s: %s\n", path, err.message);
    release(&b);
    ax_arena_free(&mem);
    return s ? 1 : wrong;
}

int main(int argc, char **argv)
{
    int wrong = 0, first = argc > 1 && !strcmp(argv[1], "--no_copies") ? 2 : 1;
    for (int i = first; i < argc; i++) wrong |= check(argv[i], first > 1);
    return argc > first ? wrong : 77;
}
