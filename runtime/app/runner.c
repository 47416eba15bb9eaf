#include "app/runner.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/runner_layers.h"

/* Memory and state of a request. */
struct group {
    struct ax_runner *runner;
    struct ax_engine_buffer *in, *out;
    int instance;
    uint64_t ticket;
    atomic_bool under_way; /* the device has it, or had it when it was given up */
    int64_t submitted_ns;
    struct ax_frame **frames; /* of a request that calls back */
    int n_frames;
};

struct ax_runner {
    struct ax_engine *engine;
    struct ax_runner_options opt;
    struct ax_runner_device device;
    struct ax_runner_layers *layers; /* NULL: not recorded */
    int n_in, n_out, pictures, samples, size, n_groups;
    struct group *groups;
    int next_instance;
    struct ax_flow *flow;
    int stage;
    _Atomic int64_t timeouts, failures, retries, recovered, skipped;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* -- the engine as a device -- */

static enum ax_status engine_submit(void *self, int instance, const struct ax_engine_buffer *in,
                                    const struct ax_engine_buffer *out, ax_engine_done *done, void *user, uint64_t *ticket,
                                    struct ax_error *err)
{
    return ax_engine_submit(self, instance, in, out, done, user, ticket, err);
}

static enum ax_status engine_wait(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    return ax_engine_wait(self, instance, ticket, timeout_ms, err);
}

static enum ax_status engine_run(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                                 struct ax_error *err)
{
    return ax_engine_run(self, samples, in, out, err);
}

/* -- where things lie -- */

static struct group *group_of(const struct ax_runner *r, const struct ax_frame *f)
{
    return &r->groups[f->number / r->size % r->n_groups];
}

struct ax_engine *ax_runner_engine(const struct ax_runner *r)
{
    return r->engine;
}

static int pictures_of(const struct ax_engine *e)
{
    const struct ax_shape *in = ax_engine_inputs(e) ? &ax_engine_input(e, 0)->shape : NULL;
    return in && in->rank && in->dim[0] > 0 ? (int)in->dim[0] : 1;
}

/* Segments take samples one by one. */
static int samples_of(const struct ax_engine *e, bool asynchronous)
{
    return ax_engine_pipeline(e) && asynchronous ? 1 : ax_engine_batch(e);
}

int ax_runner_group_of(const struct ax_engine *e, bool asynchronous)
{
    return pictures_of(e) * samples_of(e, asynchronous);
}

int ax_runner_group(const struct ax_runner *r)
{
    return r->size;
}

int ax_runner_pictures(const struct ax_runner *r)
{
    return r->pictures;
}

enum ax_dtype ax_runner_input_dtype(const struct ax_runner *r)
{
    return r->opt.input ? r->opt.input : AX_DTYPE_FLOAT32;
}

struct ax_shape ax_runner_input_shape(const struct ax_runner *r, int input)
{
    struct ax_shape s = ax_engine_input(r->engine, input)->shape;
    if (s.rank) s.dim[0] /= r->pictures;
    return s;
}

void *ax_runner_output(const struct ax_runner *r, const struct ax_frame *f, int output, int *picture)
{
    const struct group *g = group_of(r, f);
    int at = (int)(f->number % r->size);
    int64_t bytes = ax_engine_output(r->engine, output)->count * (int64_t)ax_dtype_bytes(g->out[output].dtype);
    *picture = at % r->pictures;
    return (char *)g->out[output].data + at / r->pictures * bytes;
}

/* -- requests -- */

/* A request that was given up still owns its memory. */
static enum ax_status settle(struct ax_runner *r, struct group *g)
{
    struct ax_error ignored;
    if (!atomic_load(&g->under_way) || r->flow) return AX_OK;
    enum ax_status s = r->device.wait(r->device.self, g->instance, g->ticket, -1, &ignored);
    atomic_store(&g->under_way, false);
    return s;
}

enum ax_status ax_runner_input(struct ax_runner *r, const struct ax_frame *f, int input, void **data, struct ax_error *err)
{
    struct group *g = group_of(r, f);
    int64_t bytes = ax_engine_input(r->engine, input)->count / r->pictures * (int64_t)ax_dtype_bytes(g->in[input].dtype);
    (void)err;
    settle(r, g); /* how it ended does not matter any more */
    *data = (char *)g->in[input].data + f->number % r->size * bytes;
    return AX_OK;
}

static enum ax_status stop_submit(const struct ax_frame *f, struct ax_error *err)
{
    struct ax_error why = *err;
    return ax_fail(err, why.status,
                   "frame %lld of %s: cannot be submitted to the device: %s. Later frames were not run; see "
                   "that the device is there and free, then run again",
                   (long long)f->number, f->name, why.message);
}

static enum ax_status submit(struct ax_runner *r, struct group *g, const struct ax_frame *first, ax_engine_done *done,
                             struct ax_error *err)
{
    g->submitted_ns = now_ns();
    atomic_store(&g->under_way, true);
    if (r->layers) ax_runner_layers_submitted(r->layers, g->instance, first->number);
    enum ax_status s = r->device.submit(r->device.self, g->instance, g->in, g->out, done, g, &g->ticket, err);
    if (s) atomic_store(&g->under_way, false);
    return s ? stop_submit(first, err) : AX_OK;
}

enum ax_status ax_runner_submit(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct group *g = group_of(r, frames[0]);
    (void)worker, (void)n;
    g->instance = r->next_instance;
    r->next_instance = (r->next_instance + 1) % ax_engine_instances(r->engine);
    return submit(r, g, frames[0], NULL, err);
}

/* -- results that do not come -- */

static void fail_all(struct ax_runner *r, struct ax_frame *const *frames, int n, const struct ax_error *why)
{
    for (int i = 0; i < n; i++) ax_frame_fail(frames[i], why);
    atomic_fetch_add(&r->skipped, n);
}

static void explain(const struct ax_runner *r, const struct ax_frame *f, int tries, struct ax_error *err)
{
    struct ax_error why = *err;
    char again[64] = "";
    if (tries > 1) snprintf(again, sizeof again, " (tried %d times)", tries);
    if (why.status == AX_TIMEOUT)
        ax_fail(
            err, AX_TIMEOUT,
            "frame %lld of %s: the inference timed out: no result after %lld ms%s. Allow more time (--timeout), more cores, "
            "or --on_error retry",
            (long long)f->number, f->name, (long long)r->opt.timeout_ms, again);
    else
        ax_fail(err, why.status, "frame %lld of %s: the inference failed%s: %s. Run that frame again (--on_error retry)",
                (long long)f->number, f->name, again, why.message);
}

/* A timeout is waited for again, a failure is run again. */
static enum ax_status try_again(struct ax_runner *r, struct group *g, const struct ax_frame *first, enum ax_status why,
                                struct ax_error *err)
{
    atomic_fetch_add(&r->retries, 1);
    if (why == AX_TIMEOUT) return AX_OK;
    return submit(r, g, first, NULL, err);
}

static enum ax_status give_up(struct ax_runner *r, struct ax_frame *const *frames, int n, int tries, struct ax_error *err)
{
    explain(r, frames[0], tries, err);
    if (r->opt.on_error == AX_RUNNER_STOP) return err->status;
    fail_all(r, frames, n, err);
    return AX_OK;
}

enum ax_status ax_runner_wait(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct group *g = group_of(r, frames[0]);
    int64_t limit = r->opt.timeout_ms > 0 ? r->opt.timeout_ms : -1;
    int most = r->opt.on_error == AX_RUNNER_RETRY ? 1 + r->opt.retries : 1;
    (void)worker;
    for (int tries = 1;; tries++) {
        enum ax_status s = r->device.wait(r->device.self, g->instance, g->ticket, limit, err);
        if (s != AX_TIMEOUT) atomic_store(&g->under_way, false);
        if (!s && tries > 1) atomic_fetch_add(&r->recovered, 1);
        for (int i = 0; i < n && !s; i++) frames[i]->attempts = tries - 1;
        if (!s) return AX_OK;
        atomic_fetch_add(s == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
        /* Segments give their results in order: one that is submitted again would come behind those that are waited for. */
        bool last = tries >= most || (s != AX_TIMEOUT && ax_engine_pipeline(r->engine));
        if (last) return give_up(r, frames, n, tries, err);
        if (try_again(r, g, frames[0], s, err)) return err->status;
    }
}

/* -- synchronous -- */

enum ax_status ax_runner_run(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct group *g = group_of(r, frames[0]);
    int most = r->opt.on_error == AX_RUNNER_RETRY ? 1 + r->opt.retries : 1;
    int used = (int)(frames[n - 1]->number % r->size) / r->pictures + 1; /* samples; a short group ends the input */
    (void)worker;
    for (int tries = 1;; tries++) {
        if (r->layers) ax_runner_layers_submitted(r->layers, 0, frames[0]->number);
        int64_t begin = now_ns();
        enum ax_status s = r->device.run(r->device.self, used, g->in, g->out, err);
        if (!s && r->opt.timeout_ms > 0 && now_ns() - begin > r->opt.timeout_ms * 1000000) s = ax_fail(err, AX_TIMEOUT, "late");
        if (!s && tries > 1) atomic_fetch_add(&r->recovered, 1);
        for (int i = 0; i < n && !s; i++) frames[i]->attempts = tries - 1;
        if (!s) return AX_OK;
        atomic_fetch_add(s == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
        if (tries >= most) return give_up(r, frames, n, tries, err);
        atomic_fetch_add(&r->retries, 1);
    }
}

/* -- callbacks -- */

void ax_runner_bind(struct ax_runner *r, struct ax_flow *flow, int stage)
{
    r->flow = flow;
    r->stage = stage;
}

/* In the device's thread, which must not wait: nothing is tried again. */
static void called_back(void *user, enum ax_status s, const struct ax_error *err)
{
    struct group *g = user;
    struct ax_runner *r = g->runner;
    struct ax_error why = {0};
    if (s) why = *err;
    if (!s && r->opt.timeout_ms > 0 && now_ns() - g->submitted_ns > r->opt.timeout_ms * 1000000)
        s = ax_fail(&why, AX_TIMEOUT, "late");
    if (s) {
        atomic_fetch_add(s == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
        explain(r, g->frames[0], 1, &why);
        if (r->opt.on_error == AX_RUNNER_STOP)
            ax_flow_stop(r->flow, g->frames[0], &why);
        else
            fail_all(r, g->frames, g->n_frames, &why);
    }
    atomic_store(&g->under_way, false);
    ax_flow_deliver(r->flow, r->stage, g->frames, g->n_frames);
}

enum ax_status ax_runner_begin(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct group *g = group_of(r, frames[0]);
    (void)worker;
    memcpy(g->frames, frames, (size_t)n * sizeof *frames);
    g->n_frames = n;
    g->instance = r->next_instance;
    r->next_instance = (r->next_instance + 1) % ax_engine_instances(r->engine);
    return submit(r, g, frames[0], called_back, err);
}

struct ax_runner_counts ax_runner_counts(const struct ax_runner *r)
{
    return (struct ax_runner_counts){r->timeouts, r->failures, r->retries, r->recovered, r->skipped};
}

/* -- making and freeing -- */

static void *room(int64_t count, enum ax_dtype t)
{
    int64_t bytes = count * (int64_t)ax_dtype_bytes(t);
    void *p = aligned_alloc(64, (size_t)(bytes + 127) / 64 * 64);
    if (p) memset(p, 0, (size_t)bytes);
    return p;
}

static bool make_group(struct ax_runner *r, struct group *g)
{
    bool ok = true;
    g->runner = r;
    g->in = calloc((size_t)r->n_in + 1, sizeof *g->in);
    g->out = calloc((size_t)r->n_out + 1, sizeof *g->out);
    g->frames = calloc((size_t)r->size, sizeof *g->frames);
    if (!g->in || !g->out || !g->frames) return false;
    for (int i = 0; i < r->n_in && ok; i++) {
        enum ax_dtype t = ax_runner_input_dtype(r);
        g->in[i] = (struct ax_engine_buffer){room(r->samples * ax_engine_input(r->engine, i)->count, t), t};
        ok = g->in[i].data != NULL;
    }
    for (int i = 0; i < r->n_out && ok; i++) {
        const struct ax_engine_port *p = ax_engine_output(r->engine, i);
        g->out[i] = (struct ax_engine_buffer){room(r->samples * p->count, p->dtype), p->dtype};
        ok = g->out[i].data != NULL;
    }
    return ok;
}

enum ax_status ax_runner_new(struct ax_engine *e, const struct ax_runner_options *opt, struct ax_runner **out,
                             struct ax_error *err)
{
    struct ax_runner *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    r->engine = e;
    r->opt = *opt;
    if (!r->opt.retries) r->opt.retries = 2;
    r->device = opt->device ? *opt->device : (struct ax_runner_device){e, engine_submit, engine_wait, engine_run};
    r->n_in = ax_engine_inputs(e), r->n_out = ax_engine_outputs(e);
    r->pictures = pictures_of(e);
    r->samples = samples_of(e, opt->asynchronous);
    r->size = r->pictures * r->samples;
    r->n_groups = (opt->depth > 1 ? opt->depth - 1 : 0) / r->size + 2;
    r->groups = calloc((size_t)r->n_groups, sizeof *r->groups);
    bool ok = r->groups != NULL;
    for (int i = 0; i < r->n_groups && ok; i++) ok = make_group(r, &r->groups[i]);
    enum ax_status s = ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the tensors of %d frames", opt->depth);
    if (!s && opt->record) s = ax_runner_layers_new(e, opt->record, &r->layers, err);
    if (s)
        ax_runner_free(r);
    else
        *out = r;
    return s;
}

void ax_runner_free(struct ax_runner *r)
{
    if (!r) return;
    if (r->flow) ax_engine_rest(r->engine); /* nobody calls back any more */
    for (int i = 0; r->groups && i < r->n_groups; i++) {
        struct group *g = &r->groups[i];
        settle(r, g);
        for (int k = 0; g->in && k < r->n_in; k++) free(g->in[k].data);
        for (int k = 0; g->out && k < r->n_out; k++) free(g->out[k].data);
        free(g->in);
        free(g->out);
        free(g->frames);
    }
    ax_runner_layers_free(r->layers);
    free(r->groups);
    free(r);
}
