#include "app/runner.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/runner_parts.h"

int64_t ax_runner_now_ns(void)
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

struct ax_runner_group *ax_runner_group_at(const struct ax_runner *r, const struct ax_frame *f)
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
    const struct ax_runner_group *g = ax_runner_group_at(r, f);
    int at = (int)(f->number % r->size);
    int64_t bytes = ax_engine_output(r->engine, output)->count * (int64_t)ax_dtype_bytes(g->out[output].dtype);
    *picture = at % r->pictures;
    return (char *)g->out[output].data + at / r->pictures * bytes;
}

/* -- requests -- */

/* A request that was given up still owns its memory. How it ended does not matter any more. */
static void settle(struct ax_runner *r, struct ax_runner_group *g)
{
    struct ax_error ignored;
    if (r->flow) return ax_runner_settle_flight(r, g);
    if (!atomic_load(&g->under_way)) return;
    r->device.wait(r->device.self, g->instance, g->ticket, -1, &ignored);
    atomic_store(&g->under_way, false);
}

enum ax_status ax_runner_input(struct ax_runner *r, const struct ax_frame *f, int input, void **data, struct ax_error *err)
{
    struct ax_runner_group *g = ax_runner_group_at(r, f);
    int64_t bytes = ax_engine_input(r->engine, input)->count / r->pictures * (int64_t)ax_dtype_bytes(g->in[input].dtype);
    (void)err;
    settle(r, g);
    *data = (char *)g->in[input].data + f->number % r->size * bytes;
    return AX_OK;
}

enum ax_status ax_runner_refused(const struct ax_frame *f, struct ax_error *err)
{
    struct ax_error why = *err;
    return ax_fail(err, why.status,
                   "frame %lld of %s: cannot be submitted to the device: %s. Later frames were not run; see "
                   "that the device is there and free, then run again",
                   (long long)f->number, f->name, why.message);
}

int ax_runner_choose(struct ax_runner *r)
{
    if (r->device.choose) return r->device.choose(r->device.self);
    int i = r->next_instance, n = r->device.instances ? r->device.instances : ax_engine_instances(r->engine);
    r->next_instance = (i + 1) % n;
    return i;
}

static enum ax_status submit(struct ax_runner *r, struct ax_runner_group *g, const struct ax_frame *first, struct ax_error *err)
{
    atomic_store(&g->under_way, true);
    if (r->layers) ax_runner_layers_submitted(r->layers, g->instance, first->number);
    enum ax_status s = r->device.submit(r->device.self, g->instance, g->in, g->out, NULL, NULL, &g->ticket, err);
    if (s) atomic_store(&g->under_way, false);
    return s ? ax_runner_refused(first, err) : AX_OK;
}

enum ax_status ax_runner_submit(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct ax_runner_group *g = ax_runner_group_at(r, frames[0]);
    (void)worker, (void)n;
    g->instance = ax_runner_choose(r);
    return submit(r, g, frames[0], err);
}

/* -- results that do not come -- */

void ax_runner_fail(struct ax_runner *r, struct ax_frame *const *frames, int n, const struct ax_error *why)
{
    for (int i = 0; i < n; i++) ax_frame_fail(frames[i], why);
    atomic_fetch_add(&r->skipped, n);
}

void ax_runner_explain(const struct ax_runner *r, const struct ax_frame *f, int tries, struct ax_error *err)
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

int ax_runner_most_tries(const struct ax_runner *r)
{
    return r->opt.on_error == AX_RUNNER_RETRY ? 1 + r->opt.retries : 1;
}

/* A timeout is waited for again, a failure is run again. */
static enum ax_status try_again(struct ax_runner *r, struct ax_runner_group *g, const struct ax_frame *first,
                                enum ax_status why, struct ax_error *err)
{
    atomic_fetch_add(&r->retries, 1);
    if (why == AX_TIMEOUT) return AX_OK;
    return submit(r, g, first, err);
}

static enum ax_status give_up(struct ax_runner *r, struct ax_frame *const *frames, int n, int tries, struct ax_error *err)
{
    ax_runner_explain(r, frames[0], tries, err);
    if (r->opt.on_error == AX_RUNNER_STOP) return err->status;
    ax_runner_fail(r, frames, n, err);
    return AX_OK;
}

enum ax_status ax_runner_wait(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct ax_runner_group *g = ax_runner_group_at(r, frames[0]);
    int64_t limit = r->opt.timeout_ms > 0 ? r->opt.timeout_ms : -1;
    int most = ax_runner_most_tries(r);
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

/* Segments take samples as requests of their own. */
static void note_run(struct ax_runner *r, int64_t frame, int samples)
{
    if (!ax_engine_pipeline(r->engine)) samples = 1;
    for (int i = 0; i < samples; i++) ax_runner_layers_submitted(r->layers, 0, frame + (int64_t)i * r->pictures);
}

enum ax_status ax_runner_run(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct ax_runner_group *g = ax_runner_group_at(r, frames[0]);
    int most = ax_runner_most_tries(r);
    int used = (int)(frames[n - 1]->number % r->size) / r->pictures + 1; /* samples; a short group ends the input */
    (void)worker;
    for (int tries = 1;; tries++) {
        if (r->layers) note_run(r, frames[0]->number, used);
        int64_t begin = ax_runner_now_ns();
        enum ax_status s = r->device.run(r->device.self, used, g->in, g->out, err);
        if (!s && r->opt.timeout_ms > 0 && ax_runner_now_ns() - begin > r->opt.timeout_ms * 1000000)
            s = ax_fail(err, AX_TIMEOUT, "late");
        if (!s && tries > 1) atomic_fetch_add(&r->recovered, 1);
        for (int i = 0; i < n && !s; i++) frames[i]->attempts = tries - 1;
        if (!s) return AX_OK;
        atomic_fetch_add(s == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
        if (tries >= most) return give_up(r, frames, n, tries, err);
        atomic_fetch_add(&r->retries, 1);
    }
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

static bool make_group(struct ax_runner *r, struct ax_runner_group *g)
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

static enum ax_status open_device(struct ax_runner *r, struct ax_error *err)
{
    if (r->opt.n_replicas > 1) {
        if (ax_replicas_new(r->opt.replicas, r->opt.n_replicas, &r->replicas, err)) return err->status;
        r->device = ax_replicas_device(r->replicas);
    } else if (r->opt.device)
        r->device = *r->opt.device;
    else
        r->device =
            (struct ax_runner_device){.self = r->engine, .submit = engine_submit, .wait = engine_wait, .run = engine_run};
    return AX_OK;
}

static enum ax_status record_layers(struct ax_runner *r, struct ax_error *err)
{
    bool several = r->opt.n_replicas > 1;
    return ax_runner_layers_new(several ? r->opt.replicas : &r->engine, several ? r->opt.n_replicas : 1, r->opt.record, NULL,
                                &r->layers, err);
}

enum ax_status ax_runner_new(struct ax_engine *e, const struct ax_runner_options *opt, struct ax_runner **out,
                             struct ax_error *err)
{
    struct ax_runner *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->change, &clock);
    pthread_condattr_destroy(&clock);
    r->engine = e;
    r->opt = *opt;
    if (!r->opt.retries) r->opt.retries = 2;
    r->n_in = ax_engine_inputs(e), r->n_out = ax_engine_outputs(e);
    r->pictures = pictures_of(e);
    r->samples = samples_of(e, opt->asynchronous);
    r->size = r->pictures * r->samples;
    r->n_groups = (opt->depth > 1 ? opt->depth - 1 : 0) / r->size + 2;
    r->groups = calloc((size_t)r->n_groups, sizeof *r->groups);
    bool ok = r->groups != NULL;
    for (int i = 0; i < r->n_groups && ok; i++) ok = make_group(r, &r->groups[i]);
    enum ax_status s = ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the tensors of %d frames", opt->depth);
    if (!s) s = open_device(r, err);
    if (!s && opt->record) s = record_layers(r, err);
    if (s)
        ax_runner_free(r);
    else
        *out = r;
    return s;
}

/* Nobody calls back any more. */
static void rest(struct ax_runner *r)
{
    ax_runner_land(r);
    if (r->device.rest)
        r->device.rest(r->device.self);
    else
        ax_engine_rest(r->engine);
}

void ax_runner_free(struct ax_runner *r)
{
    if (!r) return;
    if (r->flow) rest(r);
    for (int i = 0; r->groups && i < r->n_groups; i++) {
        struct ax_runner_group *g = &r->groups[i];
        if (!r->flow) settle(r, g);
        for (int k = 0; g->in && k < r->n_in; k++) free(g->in[k].data);
        for (int k = 0; g->out && k < r->n_out; k++) free(g->out[k].data);
        free(g->in);
        free(g->out);
        free(g->frames);
    }
    if (r->replicas && !r->flow) rest(r); /* their threads look at it until they end */
    ax_runner_layers_free(r->layers);
    ax_replicas_free(r->replicas);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->change);
    free(r->groups);
    free(r);
}
