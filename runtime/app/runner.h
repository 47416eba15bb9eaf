/* A model in a flow: memory for the tensors of all frames under way, and the stages that bring them to the device and back.
 *
 * Asynchronous:  preprocess ─▶ ax_runner_submit ─▶ ax_runner_wait ─▶ ...      two stages, in order
 * Callbacks:     preprocess ─▶ ax_runner_begin (delivers) ─▶ ...              the device's thread hands them on
 * Synchronous:   preprocess ─▶ ax_runner_run ─▶ ...
 *
 * Frames of a group share a request: ax_flow_stage.group of these stages is ax_runner_group. Where a frame's tensors lie
 * follows from its number. */
#ifndef AX_APP_RUNNER_H
#define AX_APP_RUNNER_H

#include "app/flow.h"
#include "tools/shared/engine.h"

enum ax_runner_policy {
    AX_RUNNER_SKIP,  /* the frame fails, the next ones go on */
    AX_RUNNER_RETRY, /* waited for, or run, again; then skipped */
    AX_RUNNER_STOP,  /* the flow stops */
};

/* What the runner asks of a device; an engine is one. Tests have others. */
struct ax_runner_device {
    void *self;
    enum ax_status (*submit)(void *self, int instance, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             ax_engine_done *done, void *user, uint64_t *ticket, struct ax_error *err);
    enum ax_status (*wait)(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err);
    enum ax_status (*run)(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                          struct ax_error *err);
    int instances;             /* that take requests; 0: as many as the engine has */
    int (*choose)(void *self); /* which of them the next request goes to; NULL: each in turn */
    void (*rest)(void *self);  /* until nobody calls back any more; NULL: that of the engine */
};

struct ax_runner_options {
    int depth;                      /* frames under way; that of the flow */
    bool asynchronous;              /* submit and wait, or begin; else run */
    int64_t timeout_ms;             /* that a result is waited for; 0: for ever */
    enum ax_runner_policy on_error; /* of timeouts and of results that failed; what cannot be submitted stops the flow */
    int retries;                    /* default 2 */
    enum ax_dtype input;            /* what preprocessing writes; default float32 */
    struct ax_record *record;
    const struct ax_runner_device *device; /* NULL: the engine */
    struct ax_engine *const *replicas;     /* engines of the model on several devices, the first one first; asynchronous */
    int n_replicas;                        /* 0 or 1: there is one */
};

struct ax_runner_counts {
    int64_t timeouts, failures; /* waits that were in vain, runs that failed */
    int64_t retries, recovered; /* what was tried again, and what was then well */
    int64_t skipped;            /* frames */
};

struct ax_runner;
enum ax_status ax_runner_new(struct ax_engine *e, const struct ax_runner_options *opt, struct ax_runner **out,
                             struct ax_error *err);
/* Waits for what is under way. The engine must still be there; one that calls back is put to rest, and the flow must still be
 * there as well. NULL is fine. */
void ax_runner_free(struct ax_runner *r);

struct ax_engine *ax_runner_engine(const struct ax_runner *r);
int ax_runner_group(const struct ax_runner *r); /* pictures in a request: the model's batch times the engine's */
int ax_runner_group_of(const struct ax_engine *e, bool asynchronous); /* the same before there is a runner */
int ax_runner_pictures(const struct ax_runner *r);                    /* in a sample: the model's own batch */

/* Where the frame's input goes: one picture, of options.input. Waits where a request that was given up still reads there. */
enum ax_status ax_runner_input(struct ax_runner *r, const struct ax_frame *f, int input, void **data, struct ax_error *err);
/* The shape of that: batch 1. */
struct ax_shape ax_runner_input_shape(const struct ax_runner *r, int input);
enum ax_dtype ax_runner_input_dtype(const struct ax_runner *r);
/* An output of the sample that the frame is in (all pictures of it), and which of them it is; in the port's dtype. */
void *ax_runner_output(const struct ax_runner *r, const struct ax_frame *f, int output, int *picture);

/* Stages; user is the runner. */
enum ax_status ax_runner_submit(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
enum ax_status ax_runner_wait(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
enum ax_status ax_runner_run(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
enum ax_status ax_runner_begin(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err);
/* Whom ax_runner_begin delivers to: this stage of this flow. */
enum ax_status ax_runner_bind(struct ax_runner *r, struct ax_flow *flow, int stage, struct ax_error *err);

struct ax_runner_counts ax_runner_counts(const struct ax_runner *r);

#endif
