/* Pipelines: stages that work on different requests at the same time, each on its own cores. Included by axon/axon.h.
 *
 * A stage is a compiled model (a segment, or any model) or a function of yours. Stages are wired by the names of their tensors:
 * an input that another stage gives comes from there, also past stages in between; what no stage gives is an input of the
 * pipeline and may enter at any stage; what no stage reads is an output of the pipeline and may leave at any.
 *
 *     struct ax_stage stages[2] = {{.model = first}, {.model = second, .replicas = 2}};
 *     struct ax_pipeline *p;
 *     ax_pipeline_new(connection, stages, 2, NULL, &p, &err);
 *
 *     one thread                                            another
 *     while (next(picture))                                 while (ax_pipeline_pop(p, &result, outputs, &err) == AX_OK) {
 *         ax_pipeline_push(p, &request, &id, &err);             if (result.status == AX_OK) use(outputs);
 *     ax_pipeline_close(p);                                     ax_pipeline_release(p, outputs);
 *                                                           }
 *
 * Order. Requests are numbered from 1 in the order of their pushes and come out in that order, failed ones too: each exactly
 * once. Every stage does them in that order; replicas of a stage do several at a time.
 *
 * Memory is bounded: buffers between stages are allocated when the pipeline is made; what a stage gives is written straight
 * into what the next one reads where their layouts agree (ax_pipeline_stage_stats: copied_bytes). A push waits while the queue
 * of the first stage is full, a stage while its readers or the taker of results are behind.
 *
 * Errors. A request that fails, runs out of time or is cancelled is skipped by the stages to come and reported by one result
 * that names the request and the stage. Others are not touched: the pipeline goes on, or closes (ax_pipeline_options.on_error).
 *
 * Threads. All functions may be called from any thread at any time, but nothing after ax_pipeline_free was called, and that not
 * from the pipeline's own threads.
 *
 * On a simulated device (axon/sim.h) results are as elsewhere and latencies and statistics are in virtual time, counted as
 * results are popped; time limits stay real. With stages on several devices all times are real. */
#ifndef AXON_PIPELINE_H
#define AXON_PIPELINE_H

#ifndef AXON_AXON_H
#include "axon/axon.h"
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct ax_pipeline;

/* -- stages -- */

/* One request in a stage that is a function. Buffers are in the order of the stage's tensors, row-major. */
struct ax_stage_call {
    uint64_t request;
    int replica; /* which of the stage's replicas runs it, from 0 */
    const struct ax_buffer *inputs, *outputs;
    const void *watch; /* for ax_stage_stopped */
};
/* 1 when the request was cancelled or its time is up: a long call should then return, with any status. */
int ax_stage_stopped(const struct ax_stage_call *call);

struct ax_stage {
    const char *name;       /* for messages and statistics; NULL: its number */
    struct ax_model *model; /* a compiled model; or, with NULL, a function: */
    enum ax_status (*run)(void *user, const struct ax_stage_call *call, struct ax_error *err);
    void *user;
    const struct ax_tensor *inputs, *outputs; /* of a function: name, stored, rank, dim; copied */
    int n_inputs, n_outputs;
    int cores;          /* of each replica of a model; default 1 */
    int replicas;       /* default 1 */
    int queue;          /* requests that may wait before it; default: ax_pipeline_options.stage_queue */
    int64_t timeout_ms; /* a run that takes longer fails with AX_TIMEOUT, models between two steps; default: no limit */
    struct ax_connection *connection; /* whose cores a model runs on; NULL: those of the pipeline's connection */
};

/* -- options -- */

/* Memory of the caller's, at least 64-byte aligned for speed. Called from several threads at once. */
struct ax_allocator {
    void *(*alloc)(void *user, int64_t bytes); /* NULL: there is none, and the request fails with AX_NO_MEMORY */
    void (*free)(void *user, void *data);
    void *user;
};

enum ax_on_error {
    AX_ON_ERROR_CONTINUE, /* the next request goes on */
    AX_ON_ERROR_CLOSE     /* no more pushes; older requests finish, younger ones that are not done yet are cancelled */
};

/* What became of a request. */
struct ax_result {
    uint64_t request;
    enum ax_status status;  /* AX_OK, or why there are no outputs */
    int stage;              /* that failed or had it when it was cancelled; -1 */
    const char *stage_name; /* "" */
    void *user;             /* as pushed */
    int64_t latency_ns;     /* from the push to the last stage's end */
    struct ax_error err;
};
/* Called for every result, in order, from a thread of the pipeline's own. A push from within does not wait (AX_AGAIN). */
typedef void ax_pipeline_done(void *user, const struct ax_result *result, const struct ax_buffer *outputs);

struct ax_pipeline_options {
    int input_queue;  /* requests that may wait for the first stage; default 8 */
    int stage_queue;  /* and between stages; default 4 */
    int output_queue; /* results that may wait for a pop; default 8 */
    int pin;          /* threads of models stay on their cores; default 1 */
    int share_cores;  /* 1: stages for which no free core is left run on cores of other stages; default 0: AX_BUSY */
    int fixed_cores;  /* 1: a core works for its own stage only. Default 0: while a model has nothing to do on its cores, they
                         do the next request of a neighbouring stage, as one more replica of it. Models with cores of their own
                         on the processor; not while hooks watch them */
    enum ax_on_error on_error;
    struct ax_allocator input_allocator;  /* free: called for each input buffer when nothing reads it any more; default:
                                             inputs stay the caller's, who keeps them until the result */
    struct ax_allocator output_allocator; /* for requests that bring no output buffers; default: the pipeline's own */
    ax_pipeline_done *done;               /* results go there instead of to ax_pipeline_pop */
    void *user;
    const char *const *inputs;  /* names of the pipeline's inputs in the order wanted, NULL at the end; default: by stages */
    const char *const *outputs; /* the same of the outputs, also such that a stage reads; default: those that none reads */
    int raw_outputs;            /* outputs that the pipeline allocates hold the stored type instead of float32 */
};
void ax_pipeline_options_default(struct ax_pipeline_options *opt);

/* -- making -- */

/* Models take their cores (replicas x cores each) from the connection: AX_BUSY when there are too few. The connection may be
 * NULL without models, or when each brings its own. Stages may be in any order that is no circle. AX_SHAPE, naming tensor and
 * stages, where sizes differ. */
enum ax_status ax_pipeline_new(struct ax_connection *c, const struct ax_stage *stages, int n_stages,
                               const struct ax_pipeline_options *opt, struct ax_pipeline **out, struct ax_error *err);
/* Cancels what is under way, waits for the stages' runs at hand, frees results that nobody took. Not from within a stage's
 * function or ax_pipeline_done, which would wait for themselves: that aborts the process with a message. */
void ax_pipeline_free(struct ax_pipeline *p);

int ax_pipeline_stages(const struct ax_pipeline *p);
int ax_pipeline_inputs(const struct ax_pipeline *p);
int ax_pipeline_outputs(const struct ax_pipeline *p);
const struct ax_tensor *ax_pipeline_input(const struct ax_pipeline *p, int i); /* NULL if there is none */
const struct ax_tensor *ax_pipeline_output(const struct ax_pipeline *p, int i);
/* Of the buffers between stages, and of activations for work on neighbours' cores. */
int64_t ax_pipeline_memory_bytes(const struct ax_pipeline *p);

/* -- running -- */

struct ax_request {
    const struct ax_buffer *inputs;  /* one an input; types as for ax_instance_run. The array need not stay */
    const struct ax_buffer *outputs; /* one an output, or NULL: allocated for the result */
    void *user;                      /* comes back with the result */
    int64_t timeout_ms;              /* from now to the last stage's start; 0: no limit */
};

/* Blocks while the queue is full. AX_CLOSED after ax_pipeline_close. On failure the buffers stay the caller's. */
enum ax_status ax_pipeline_push(struct ax_pipeline *p, const struct ax_request *r, uint64_t *id, struct ax_error *err);
/* AX_AGAIN instead of waiting. */
enum ax_status ax_pipeline_try_push(struct ax_pipeline *p, const struct ax_request *r, uint64_t *id, struct ax_error *err);
/* AX_TIMEOUT after that many milliseconds. */
enum ax_status ax_pipeline_push_for(struct ax_pipeline *p, const struct ax_request *r, int64_t ms, uint64_t *id,
                                    struct ax_error *err);

/* The next result, in the order of the pushes. AX_OK: *result says what became of its request, and outputs (room for
 * ax_pipeline_outputs of them, or NULL if all requests bring their own) holds the outputs; data is NULL where it failed and
 * the pipeline had allocated it. AX_CLOSED: closed, and all results were taken. */
enum ax_status ax_pipeline_pop(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs,
                               struct ax_error *err);
enum ax_status ax_pipeline_try_pop(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs,
                                   struct ax_error *err);
enum ax_status ax_pipeline_pop_for(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs, int64_t ms,
                                   struct ax_error *err);
/* Gives outputs that the pipeline allocated back to its output allocator; data becomes NULL. */
void ax_pipeline_release(struct ax_pipeline *p, struct ax_buffer *outputs);

/* No more pushes, blocked ones return AX_CLOSED; what was pushed goes on and can be popped. Does not wait. AX_CLOSED if it
 * was closed already. */
enum ax_status ax_pipeline_close(struct ax_pipeline *p);
/* Cancels a request that is not finished (0: all of them). AX_NOT_FOUND if it is unknown or finished. */
enum ax_status ax_pipeline_cancel(struct ax_pipeline *p, uint64_t request);

/* -- statistics -- */

struct ax_times { /* nanoseconds; percentiles within 2 % */
    uint64_t count;
    int64_t min, mean, p10, p50, p90, p95, p99, max;
};

struct ax_pipeline_stats {
    uint64_t pushed, succeeded, failed; /* since the last reset */
    int64_t elapsed_ns;                 /* since then */
    struct ax_times latency;            /* from push to the last stage's end, of those that succeeded */
    int in_flight, max_in_flight;       /* pushed and not popped */
    int waiting, max_waiting;           /* for the first stage */
    int finished, max_finished;         /* and not popped */
};
struct ax_stage_stats {
    const char *name;
    int replicas;
    uint64_t succeeded, failed, skipped;
    struct ax_times run;
    struct ax_times cpu;     /* of `run`, what the stage's thread computed: without the time in which others had its core */
    double occupancy;        /* share of the time that its replicas worked, also for neighbours */
    double starved, blocked; /* share that they waited for their inputs; for room for their outputs */
    double mean_queue;       /* requests that were ready for it whenever it took one, that one not counted */
    int max_queue;
    uint64_t by_neighbours; /* of `succeeded`, what cores of other stages did */
    int64_t copied_bytes;   /* moved a request because layouts differ from what neighbours have; 0: none */
};
void ax_pipeline_stats(struct ax_pipeline *p, struct ax_pipeline_stats *out);
int ax_pipeline_stage_stats(struct ax_pipeline *p, int stage, struct ax_stage_stats *out); /* 0: there is no such stage */
void ax_pipeline_reset_stats(struct ax_pipeline *p);

#ifdef __cplusplus
}
#endif

#endif
