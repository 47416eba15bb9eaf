/* Runs the segments of a model as a pipeline on random inputs and prints the average time of an inference.
 *
 *     model_pipelining DIR NAME NUM_SEGMENTS NUM_INFERENCES
 *
 * takes DIR/NAME_segment_I_of_N.axmodel (I from 0), as axsegment writes them; with one segment DIR/NAME.axmodel. */
#include <axon/axon.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_SEGMENTS = 16, MAX_TENSORS = 64 };

static void must(enum ax_status s, const struct ax_error *err)
{
    if (s == AX_OK) return;
    fprintf(stderr, "model_pipelining: %s\n", err->message);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Float32 numbers for what is quantized or real, raw ones for the rest. */
static struct ax_buffer random_input(const struct ax_tensor *t)
{
    struct ax_buffer b = {NULL, AX_DTYPE_FLOAT32, t->elements * 8};
    if (!t->n_scales && t->dtype != AX_DTYPE_FLOAT16 && t->dtype != AX_DTYPE_FLOAT64) b.dtype = t->dtype;
    b.data = calloc(1, (size_t)b.bytes);
    if (!b.data) exit(1);
    for (int64_t i = 0; b.dtype == AX_DTYPE_FLOAT32 && i < t->elements; i++)
        ((float *)b.data)[i] = (float)rand() / (float)RAND_MAX;
    for (int64_t i = 0; b.dtype == AX_DTYPE_UINT8 && i < t->elements; i++) ((unsigned char *)b.data)[i] = (unsigned char)rand();
    return b;
}

struct job {
    struct ax_pipeline *pipeline;
    struct ax_buffer inputs[MAX_TENSORS];
    long count;
};

static void *produce(void *arg)
{
    struct job *job = arg;
    struct ax_error err;
    struct ax_request request = {.inputs = job->inputs};
    for (long i = 0; i < job->count; i++) must(ax_pipeline_push(job->pipeline, &request, NULL, &err), &err);
    ax_pipeline_close(job->pipeline);
    return NULL;
}

static void consume(struct ax_pipeline *p)
{
    struct ax_error err;
    struct ax_result result;
    struct ax_buffer outputs[MAX_TENSORS];
    while (ax_pipeline_pop(p, &result, outputs, &err) == AX_OK) {
        must(result.status, &result.err);
        ax_pipeline_release(p, outputs);
    }
}

static void print_stages(struct ax_pipeline *p)
{
    struct ax_stage_stats s;
    for (int i = 0; ax_pipeline_stage_stats(p, i, &s); i++)
        printf("segment %d: median %.3f ms, 99 %% within %.3f ms, occupied %.0f %%\n", i, (double)s.run.p50 * 1e-6,
               (double)s.run.p99 * 1e-6, s.occupancy * 100);
}

int main(int argc, char **argv)
{
    int n = argc == 5 ? atoi(argv[3]) : 0;
    struct job job = {.count = argc == 5 ? atol(argv[4]) : 0};
    if (n < 1 || n > MAX_SEGMENTS || job.count < 1) {
        fprintf(stderr, "usage: model_pipelining DIR NAME NUM_SEGMENTS NUM_INFERENCES (1 to %d segments)\n", MAX_SEGMENTS);
        return 2;
    }
    struct ax_error err;
    struct ax_context *context;
    struct ax_connection *connection;
    struct ax_model *models[MAX_SEGMENTS];
    struct ax_stage stages[MAX_SEGMENTS] = {{0}};
    must(ax_context_new(&context, &err), &err);
    must(ax_connect(context, "cpu", 0, &connection, &err), &err);
    for (int i = 0; i < n; i++) {
        char path[4096];
        if (n == 1)
            snprintf(path, sizeof path, "%s/%s.axmodel", argv[1], argv[2]);
        else
            snprintf(path, sizeof path, "%s/%s_segment_%d_of_%d.axmodel", argv[1], argv[2], i, n);
        must(ax_model_load(context, path, &models[i], &err), &err);
        stages[i].model = models[i];
    }
    struct ax_pipeline_options options;
    ax_pipeline_options_default(&options);
    options.share_cores = 1; /* more segments than cores run too, only no faster */
    must(ax_pipeline_new(connection, stages, n, &options, &job.pipeline, &err), &err);
    if (ax_pipeline_inputs(job.pipeline) > MAX_TENSORS || ax_pipeline_outputs(job.pipeline) > MAX_TENSORS) return 1;
    for (int i = 0; i < ax_pipeline_inputs(job.pipeline); i++) job.inputs[i] = random_input(ax_pipeline_input(job.pipeline, i));

    pthread_t producer;
    double begin = seconds();
    if (pthread_create(&producer, NULL, produce, &job)) return 1;
    consume(job.pipeline);
    pthread_join(producer, NULL);
    printf("Average inference time: %.4f ms (%ld inferences, %d segments)\n", (seconds() - begin) * 1e3 / (double)job.count,
           job.count, n);
    print_stages(job.pipeline);

    for (int i = 0; i < ax_pipeline_inputs(job.pipeline); i++) free(job.inputs[i].data);
    ax_pipeline_free(job.pipeline);
    for (int i = 0; i < n; i++) ax_model_free(models[i]);
    ax_connection_free(connection);
    ax_context_free(context);
    return 0;
}
