/* The two ends of a pipeline: requests in, results out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "base/types.h"
#include "pipeline/internal.h"

static const int64_t for_ever = -1;
static _Thread_local const struct ax_pipeline *in_callback_of;

int pl_waiting(const struct ax_pipeline *p)
{
    return (int)(p->last - p->entered);
}

static int in_flight(const struct ax_pipeline *p)
{
    return (int)(p->last - p->first + 1);
}

/* Waits on `c` until `until` (NULL: for ever); false when that time came. */
static bool wait_on(struct ax_pipeline *p, pthread_cond_t *c, int *waiters, const struct timespec *until)
{
    ++*waiters;
    int e = until ? pthread_cond_timedwait(c, &p->lock, until) : pthread_cond_wait(c, &p->lock);
    --*waiters;
    return e != ETIMEDOUT;
}

static struct timespec deadline_in(int64_t ms)
{
    int64_t ns = pl_now() + (ms > 0 && ms < INT64_MAX / 2000000 ? ms * 1000000 : 0);
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

/* -- push -- */

static enum ax_status check_buffer(const char *what, const struct ax_tensor *t, const struct ax_buffer *b, bool converts,
                                   struct ax_error *err)
{
    int64_t size = (unsigned)b->dtype < AX_DTYPE_COUNT ? (int64_t)ax_dtype_bytes(b->dtype) : 0, need = size * t->elements;
    if (size == 0) return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s': unknown element type %d", what, t->name, (int)b->dtype);
    if (!converts && b->dtype != t->stored)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s' is %s; the buffer has %s", what, t->name, ax_dtype_text(t->stored),
                       ax_dtype_text(b->dtype));
    if (!b->data) return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s': the buffer has no memory", what, t->name);
    if (b->bytes < need)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s' needs %lld bytes as %s (%lld elements); the buffer has %lld", what,
                       t->name, (long long)need, ax_dtype_text(b->dtype), (long long)t->elements, (long long)b->bytes);
    return AX_OK;
}

static bool all_convert(const struct ax_pipeline *p, const struct pl_wire *w)
{
    for (int i = 0; i < w->n_readers && w->from < 0; i++)
        if (!p->stages[w->readers[i]].worker.type->converts) return false;
    return w->from < 0 || p->stages[w->from].worker.type->converts;
}

static enum ax_status check_request(const struct ax_pipeline *p, const struct ax_request *r, struct ax_error *err)
{
    if (!r->inputs && p->n_inputs) return ax_fail(err, AX_INVALID_ARGUMENT, "the request has no input buffers");
    for (int i = 0; i < p->n_inputs; i++) {
        const struct pl_wire *w = &p->wires[p->inputs[i]];
        if (check_buffer("input", w->tensor, &r->inputs[i], all_convert(p, w), err)) return err->status;
    }
    for (int i = 0; i < p->n_outputs && r->outputs; i++) {
        const struct pl_wire *w = &p->wires[p->outputs[i]];
        if (check_buffer("output", w->tensor, &r->outputs[i], all_convert(p, w), err)) return err->status;
    }
    return AX_OK;
}

static bool has_room(const struct ax_pipeline *p)
{
    return pl_waiting(p) < p->opt.input_queue && in_flight(p) < p->n_tickets;
}

static enum ax_status wait_for_room(struct ax_pipeline *p, int64_t ms, struct ax_error *err)
{
    struct timespec until = deadline_in(ms);
    bool late = ms == 0 || in_callback_of == p;
    while (!p->closed && !has_room(p)) {
        if (late)
            return ax_fail(err, ms > 0 ? AX_TIMEOUT : AX_AGAIN, "the pipeline is full: %d requests are under way, %d wait",
                           in_flight(p), pl_waiting(p));
        late = !wait_on(p, &p->can_push, &p->pushers, ms < 0 ? NULL : &until);
    }
    return p->closed ? ax_fail(err, AX_CLOSED, "the pipeline is closed and takes no more requests") : AX_OK;
}

static void fill_ticket(struct ax_pipeline *p, struct pl_ticket *t, const struct ax_request *r)
{
    t->failed = t->complete = false;
    t->stages_left = p->n_stages;
    t->fail_stage = -1;
    memset(t->passed, 0, (size_t)p->n_stages);
    for (int i = 0; i < p->n_inputs; i++) {
        t->in[i] = r->inputs[i];
        t->refs[i] = p->wires[p->inputs[i]].n_readers;
    }
    t->own_out = !r->outputs;
    for (int i = 0; i < p->n_outputs; i++) t->out[i] = r->outputs ? r->outputs[i] : (struct ax_buffer){0};
    t->user = r->user;
    t->alone = p->first > p->last;
    t->pushed_ns = pl_now();
    bool timed = r->timeout_ms > 0 && r->timeout_ms < INT64_MAX / 2000000;
    t->deadline_ns = timed ? t->pushed_ns + r->timeout_ms * 1000000 : INT64_MAX;
    atomic_store(&t->stop, 0);
    t->err.status = AX_OK;
    t->err.message[0] = 0;
}

static void count_push(struct ax_pipeline *p)
{
    p->n_pushed++;
    if (p->line) return;
    if (in_flight(p) > p->max_in_flight) p->max_in_flight = in_flight(p);
    if (pl_waiting(p) > p->max_waiting) p->max_waiting = pl_waiting(p);
}

static enum ax_status push(struct ax_pipeline *p, const struct ax_request *r, int64_t ms, uint64_t *id, struct ax_error *err)
{
    enum ax_status s = check_request(p, r, err);
    if (id) *id = 0;
    if (s) return s;
    pthread_mutex_lock(&p->lock);
    s = wait_for_room(p, ms, err);
    if (!s) {
        struct pl_ticket *t = pl_ticket(p, p->last + 1);
        t->id = p->last + 1;
        fill_ticket(p, t, r);
        p->last++;
        if (id) *id = t->id;
        count_push(p);
        for (int i = 0; i < p->n_stages; i++)
            if (!p->stages[i].n_before) pl_wake(&p->stages[i]);
        if (p->pushers && has_room(p)) pthread_cond_signal(&p->can_push);
    }
    pthread_mutex_unlock(&p->lock);
    return s;
}

enum ax_status ax_pipeline_push(struct ax_pipeline *p, const struct ax_request *r, uint64_t *id, struct ax_error *err)
{
    return push(p, r, for_ever, id, err);
}

enum ax_status ax_pipeline_try_push(struct ax_pipeline *p, const struct ax_request *r, uint64_t *id, struct ax_error *err)
{
    return push(p, r, 0, id, err);
}

enum ax_status ax_pipeline_push_for(struct ax_pipeline *p, const struct ax_request *r, int64_t ms, uint64_t *id,
                                    struct ax_error *err)
{
    return push(p, r, ms > 0 ? ms : 0, id, err);
}

/* -- pop -- */

static bool has_result(struct ax_pipeline *p)
{
    return p->first <= p->last && pl_ticket(p, p->first)->complete;
}

static void take_result(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs)
{
    struct pl_ticket *t = pl_ticket(p, p->first);
    pl_line_account(p, t);
    *result = (struct ax_result){.request = t->id,
                                 .status = t->failed ? t->err.status : AX_OK,
                                 .stage = t->fail_stage,
                                 .stage_name = t->fail_stage < 0 ? "" : p->stages[t->fail_stage].name,
                                 .user = t->user,
                                 .latency_ns = t->done_ns - t->pushed_ns,
                                 .err = t->err};
    if (outputs && p->n_outputs) memcpy(outputs, t->out, sizeof *outputs * (size_t)p->n_outputs);
    p->first++;
    p->finished--;
    if (p->poppers && (has_result(p) || (p->closed && p->first > p->last))) pthread_cond_broadcast(&p->can_pop);
    if (p->pushers) pthread_cond_signal(&p->can_push);
    for (int i = 0; i < p->n_stages; i++)
        if (p->stages[i].last) pl_wake(&p->stages[i]);
}

static enum ax_status pop(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs, int64_t ms,
                          struct ax_error *err)
{
    struct timespec until = deadline_in(ms);
    bool late = ms == 0 || in_callback_of == p;
    enum ax_status s = AX_OK;
    pthread_mutex_lock(&p->lock);
    while (!s && !has_result(p)) {
        if (p->closed && p->first > p->last)
            s = ax_fail(err, AX_CLOSED, "the pipeline is closed and all its results were taken");
        else if (late)
            s = ax_fail(err, ms > 0 ? AX_TIMEOUT : AX_AGAIN, "no result yet: %d requests are under way", in_flight(p));
        else
            late = !wait_on(p, &p->can_pop, &p->poppers, ms < 0 ? NULL : &until);
    }
    if (!s) take_result(p, result, outputs);
    pthread_mutex_unlock(&p->lock);
    return s;
}

enum ax_status ax_pipeline_pop(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs, struct ax_error *err)
{
    return pop(p, result, outputs, for_ever, err);
}

enum ax_status ax_pipeline_try_pop(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs,
                                   struct ax_error *err)
{
    return pop(p, result, outputs, 0, err);
}

enum ax_status ax_pipeline_pop_for(struct ax_pipeline *p, struct ax_result *result, struct ax_buffer *outputs, int64_t ms,
                                   struct ax_error *err)
{
    return pop(p, result, outputs, ms > 0 ? ms : 0, err);
}

void ax_pipeline_release(struct ax_pipeline *p, struct ax_buffer *outputs)
{
    for (int i = 0; i < p->n_outputs; i++) {
        if (outputs[i].data) p->opt.output_allocator.free(p->opt.output_allocator.user, outputs[i].data);
        outputs[i].data = NULL;
    }
}

void *pl_deliver_main(void *pipeline)
{
    struct ax_pipeline *p = pipeline;
    struct ax_result result;
    struct ax_error err;
    struct ax_buffer *outputs = calloc((size_t)p->n_outputs + 1, sizeof *outputs);
    pl_thread_of = p;
    while (outputs && pop(p, &result, outputs, for_ever, &err) == AX_OK) {
        in_callback_of = p;
        p->opt.done(p->opt.user, &result, outputs);
        in_callback_of = NULL;
    }
    free(outputs);
    return NULL;
}

/* -- close, cancel -- */

enum ax_status ax_pipeline_close(struct ax_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    enum ax_status s = p->closed ? AX_CLOSED : AX_OK;
    p->closed = true;
    pl_wake_all(p);
    pthread_mutex_unlock(&p->lock);
    return s;
}

enum ax_status ax_pipeline_cancel(struct ax_pipeline *p, uint64_t request)
{
    enum ax_status s = AX_NOT_FOUND;
    pthread_mutex_lock(&p->lock);
    if (request == 0) {
        pl_cancel_from(p, p->first, "cancelled");
        s = AX_OK;
    } else if (request >= p->first && request <= p->last) {
        struct pl_ticket *t = pl_ticket(p, request);
        if (t->stages_left && !t->failed) s = AX_OK, pl_fail_ticket(p, t, -1, AX_CANCELLED, "cancelled");
    }
    pl_wake_all(p);
    pthread_mutex_unlock(&p->lock);
    return s;
}
