/* An instance: one executor for each sample of its batch, each on cores of its own, and a queue of requests. Everything is
 * allocated when it is made; running allocates nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h"
#include "api/sim_line.h"
#include "base/status.h"
#include "exec/pool.h"

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE };

struct slot {
    enum slot_state state;
    uint64_t id;
    struct ax_buffer *buffers; /* inputs, then outputs */
    ax_done *done;
    void *user;
    struct ax_error err;
};

struct ax_instance {
    struct ax_model *model;
    struct ax_connection *connection;
    struct ax_instance_options opt;
    int n_cores, *cores;
    struct ax_lane *lanes;
    struct ax_sim_line *line;   /* of a simulated device: its time */
    struct ax_sim_times *times; /* of the run at hand, by sample */
    ax_step_hook *hook;         /* of a simulated device; others have their own */
    void *hook_ctx;
    struct ax_error *lane_err;
    struct ax_pool *pool;             /* runs the lanes side by side; NULL with a batch of one */
    const struct ax_buffer *in, *out; /* of the request at hand */
    pthread_mutex_t turn;             /* held by who runs */
    pthread_mutex_t lock;             /* of everything below */
    pthread_cond_t work, finished;
    struct slot *slots;
    uint64_t next_id;
    int started, stop;
    pthread_t worker;
};

void ax_instance_options_default(struct ax_instance_options *opt)
{
    *opt = (struct ax_instance_options){.batch = 1, .cores = 0, .pin = 0, .queue = 16};
}

const char *ax_instance_kernel_name(const struct ax_instance *i, int step)
{
    return i->lanes[0].type->kernel_name(i->lanes[0].self, step);
}

void ax_instance_set_hook(struct ax_instance *i, ax_step_hook *hook, void *ctx)
{
    pthread_mutex_lock(&i->turn);
    i->hook = hook;
    i->hook_ctx = ctx;
    if (!i->line) i->lanes[0].type->set_hook(i->lanes[0].self, hook, ctx);
    pthread_mutex_unlock(&i->turn);
}

/* -- running -- */

static struct ax_buffer sample_of(const struct ax_buffer *b, const struct ax_tensor *t, int sample)
{
    struct ax_buffer s = *b;
    s.data = (char *)b->data + (int64_t)sample * t->elements * (int64_t)ax_dtype_bytes(b->dtype);
    return s;
}

static void run_lane(void *ctx, int lane)
{
    struct ax_instance *i = ctx;
    const struct ax_lane *e = &i->lanes[lane];
    struct ax_error *err = &i->lane_err[lane];
    const struct ax_program *p = i->model->program;
    err->status = AX_OK;
    for (int k = 0; k < p->n_inputs; k++) {
        struct ax_buffer b = sample_of(&i->in[k], &i->model->inputs[k], lane);
        if (e->type->set_input(e->self, k, b.data, b.dtype, err)) return;
    }
    e->type->run(e->self, 0, p->n_steps);
    for (int k = 0; k < p->n_outputs; k++) {
        struct ax_buffer b = sample_of(&i->out[k], &i->model->outputs[k], lane);
        if (e->type->get_output(e->self, k, b.data, b.dtype, err)) return;
    }
}

/* Steps of the first sample, one after another behind the inputs and what is streamed. */
static void show_steps(const struct ax_instance *i)
{
    const struct ax_device_desc *chip = i->connection->chip;
    const struct ax_program *p = i->model->program;
    struct ax_device_run r = ax_device_run_of(chip, p, i->opt.cores);
    int64_t t = i->times[0].end - r.out - r.compute;
    double faster = 1 + (i->opt.cores - 1) * chip->cooperation;
    for (int k = 0; k < p->n_steps; k++) {
        int64_t end = t + (int64_t)((double)ax_device_step_ps(chip, p, &p->steps[k]) / faster);
        i->hook(i->hook_ctx, k, t / 1000, end / 1000);
        t = end;
    }
}

static void pass_time(struct ax_instance *i)
{
    int64_t pushed;
    ax_connection_advance(i->connection, ax_sim_request(i->line, true, i->times, &pushed));
    if (i->hook) show_steps(i);
}

static enum ax_status run_now(struct ax_instance *i, const struct ax_buffer *in, const struct ax_buffer *out,
                              struct ax_error *err)
{
    pthread_mutex_lock(&i->turn);
    i->in = in;
    i->out = out;
    if (i->opt.share) pthread_mutex_lock(&i->connection->turn);
    if (i->pool)
        ax_pool_run(i->pool, run_lane, i);
    else
        run_lane(i, 0);
    if (i->opt.share) pthread_mutex_unlock(&i->connection->turn);
    enum ax_status s = AX_OK;
    for (int k = 0; k < i->opt.batch && s == AX_OK; k++)
        if (i->lane_err[k].status) *err = i->lane_err[k], s = err->status;
    if (i->line) pass_time(i);
    pthread_mutex_unlock(&i->turn);
    return s;
}

static enum ax_status check_buffer(const struct ax_instance *i, const char *what, const struct ax_tensor *t,
                                   const struct ax_buffer *b, struct ax_error *err)
{
    int64_t size = (unsigned)b->dtype < AX_DTYPE_COUNT ? (int64_t)ax_dtype_bytes(b->dtype) : 0,
            need = size * t->elements * i->opt.batch;
    if (size == 0) return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s': unknown element type %d", what, t->name, (int)b->dtype);
    if (!b->data) return ax_fail(err, AX_INVALID_ARGUMENT, "%s '%s': the buffer has no memory", what, t->name);
    if (b->bytes < need)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s '%s' needs %lld bytes as %s (%lld elements, batch %d); the buffer has %lld", what, t->name,
                       (long long)need, ax_dtype_text(b->dtype), (long long)t->elements, i->opt.batch, (long long)b->bytes);
    return AX_OK;
}

static enum ax_status check_buffers(const struct ax_instance *i, const struct ax_buffer *in, const struct ax_buffer *out,
                                    struct ax_error *err)
{
    const struct ax_program *p = i->model->program;
    if ((!in && p->n_inputs) || (!out && p->n_outputs)) return ax_fail(err, AX_INVALID_ARGUMENT, "buffers are missing");
    for (int k = 0; k < p->n_inputs; k++)
        if (check_buffer(i, "input", &i->model->inputs[k], &in[k], err)) return err->status;
    for (int k = 0; k < p->n_outputs; k++)
        if (check_buffer(i, "output", &i->model->outputs[k], &out[k], err)) return err->status;
    return AX_OK;
}

enum ax_status ax_instance_run(struct ax_instance *i, const struct ax_buffer *inputs, const struct ax_buffer *outputs,
                               struct ax_error *err)
{
    enum ax_status s = check_buffers(i, inputs, outputs, err);
    return s == AX_OK ? run_now(i, inputs, outputs, err) : s;
}

/* -- the queue -- */

/* The queued request with the lowest id; NULL if none. */
static struct slot *next_queued(struct ax_instance *i)
{
    struct slot *first = NULL;
    for (int k = 0; k < i->opt.queue; k++) {
        struct slot *s = &i->slots[k];
        if (s->state == SLOT_QUEUED && (!first || s->id < first->id)) first = s;
    }
    return first;
}

/* Called with the lock held; lets go of it while the user's function runs. */
static void finish(struct ax_instance *i, struct slot *s)
{
    if (s->done) {
        pthread_mutex_unlock(&i->lock);
        s->done(s->user, s->id, s->err.status, &s->err);
        pthread_mutex_lock(&i->lock);
    }
    s->state = s->done ? SLOT_FREE : SLOT_DONE;
    pthread_cond_broadcast(&i->finished);
}

static void *worker_main(void *arg)
{
    struct ax_instance *i = arg;
    struct slot *s;
    pthread_mutex_lock(&i->lock);
    for (;;) {
        while (!(s = next_queued(i)) && !i->stop) pthread_cond_wait(&i->work, &i->lock);
        if (i->stop) break;
        s->state = SLOT_RUNNING;
        pthread_mutex_unlock(&i->lock);
        s->err.status = AX_OK;
        s->err.message[0] = 0;
        run_now(i, s->buffers, s->buffers + i->model->program->n_inputs, &s->err);
        pthread_mutex_lock(&i->lock);
        finish(i, s);
    }
    while ((s = next_queued(i))) {
        s->state = SLOT_RUNNING;
        ax_fail(&s->err, AX_CANCELLED, "request %llu was cancelled: its instance is gone", (unsigned long long)s->id);
        finish(i, s);
    }
    pthread_mutex_unlock(&i->lock);
    return NULL;
}

static struct slot *slot_in(struct ax_instance *i, enum slot_state state, uint64_t id)
{
    for (int k = 0; k < i->opt.queue; k++) {
        struct slot *s = &i->slots[k];
        if (state == SLOT_FREE ? s->state == SLOT_FREE : s->state != SLOT_FREE && s->id == id) return s;
    }
    return NULL;
}

enum ax_status ax_instance_submit(struct ax_instance *i, const struct ax_buffer *inputs, const struct ax_buffer *outputs,
                                  ax_done *done, void *user, uint64_t *request, struct ax_error *err)
{
    const struct ax_program *p = i->model->program;
    enum ax_status st = check_buffers(i, inputs, outputs, err);
    if (request) *request = 0;
    if (st != AX_OK) return st;
    pthread_mutex_lock(&i->lock);
    struct slot *s = slot_in(i, SLOT_FREE, 0);
    if (!s) {
        st = ax_fail(err, AX_AGAIN, "the queue is full: %d requests wait or have results that nobody took", i->opt.queue);
    } else if (!i->started && pthread_create(&i->worker, NULL, worker_main, i)) {
        st = ax_fail(err, AX_DEVICE, "cannot start the instance's thread");
    } else {
        i->started = 1;
        s->state = SLOT_QUEUED;
        s->id = ++i->next_id;
        s->done = done;
        s->user = user;
        if (p->n_inputs) memcpy(s->buffers, inputs, (size_t)p->n_inputs * sizeof *inputs);
        if (p->n_outputs) memcpy(s->buffers + p->n_inputs, outputs, (size_t)p->n_outputs * sizeof *outputs);
        if (request) *request = s->id;
        pthread_cond_signal(&i->work);
    }
    pthread_mutex_unlock(&i->lock);
    return st;
}

static struct timespec deadline_in(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
    return t;
}

enum ax_status ax_instance_wait(struct ax_instance *i, uint64_t request, int64_t timeout_ms, struct ax_error *err)
{
    struct timespec until = deadline_in(timeout_ms > 0 ? timeout_ms : 0);
    enum ax_status st;
    int late = 0;
    pthread_mutex_lock(&i->lock);
    struct slot *s = slot_in(i, SLOT_QUEUED, request);
    while (s && s->id == request && (s->state == SLOT_QUEUED || s->state == SLOT_RUNNING) && !late) {
        if (timeout_ms < 0)
            pthread_cond_wait(&i->finished, &i->lock);
        else
            late = timeout_ms == 0 || pthread_cond_timedwait(&i->finished, &i->lock, &until) == ETIMEDOUT;
    }
    if (s && s->id == request && s->state == SLOT_DONE) {
        s->state = SLOT_FREE;
        st = s->err.status;
        if (st) *err = s->err;
    } else if (s && s->id == request && s->state != SLOT_FREE) {
        st = ax_fail(err, AX_TIMEOUT, "request %llu is not done after %lld ms", (unsigned long long)request,
                     (long long)timeout_ms);
    } else if (s) { /* it had a function of its own, which has the result */
        st = AX_OK;
    } else {
        st = ax_fail(err, AX_NOT_FOUND, "request %llu is unknown or its result was already taken", (unsigned long long)request);
    }
    pthread_mutex_unlock(&i->lock);
    return st;
}

/* -- making and freeing -- */

static void release(struct ax_instance *i)
{
    ax_pool_free(i->pool);
    for (int k = 0; i->lanes && k < i->opt.batch; k++) ax_lane_free(&i->lanes[k]);
    ax_sim_line_free(i->line);
    free(i->times);
    for (int k = 0; i->slots && k < i->opt.queue; k++) free(i->slots[k].buffers);
    if (i->cores) ax_connection_give_back(i->connection, i->cores, i->n_cores, i->opt.share);
    free(i->lanes);
    free(i->lane_err);
    free(i->slots);
    free(i->cores);
    pthread_mutex_destroy(&i->turn);
    pthread_mutex_destroy(&i->lock);
    pthread_cond_destroy(&i->work);
    pthread_cond_destroy(&i->finished);
    ax_model_free(i->model);
    ax_connection_free(i->connection);
    free(i);
}

void ax_instance_free(struct ax_instance *i)
{
    if (!i) return;
    pthread_mutex_lock(&i->lock);
    i->stop = 1;
    pthread_cond_signal(&i->work);
    pthread_mutex_unlock(&i->lock);
    if (i->started) pthread_join(i->worker, NULL);
    release(i);
}

static enum ax_status take_cores(struct ax_instance *i, struct ax_error *err)
{
    int want = i->opt.batch * i->opt.cores;
    i->cores = calloc((size_t)want, sizeof *i->cores);
    if (!i->cores) return ax_fail(err, AX_NO_MEMORY, "no memory for an instance of %d cores", want);
    if (ax_connection_take(i->connection, want, i->opt.share, i->cores)) {
        free(i->cores);
        i->cores = NULL;
        return ax_fail(err, AX_BUSY,
                       "the instance needs %d cores (a batch of %d on %d core%s each); the connection has %d of its %d left. "
                       "Lower the batch, "
                       "free another instance, or connect with more cores",
                       want, i->opt.batch, i->opt.cores, i->opt.cores == 1 ? "" : "s", ax_connection_free_cores(i->connection),
                       ax_connection_cores(i->connection, NULL, 0));
    }
    i->n_cores = want;
    return AX_OK;
}

static enum ax_status make_lanes(struct ax_instance *i, struct ax_error *err)
{
    i->lanes = calloc((size_t)i->opt.batch, sizeof *i->lanes);
    i->lane_err = calloc((size_t)i->opt.batch, sizeof *i->lane_err);
    if (!i->lanes || !i->lane_err) return ax_fail(err, AX_NO_MEMORY, "no memory for a batch of %d", i->opt.batch);
    for (int k = 0; k < i->opt.batch; k++) {
        struct ax_lane_options o = {
            .threads = i->opt.cores, .pin = i->opt.pin, .cores = i->cores + k * i->opt.cores, .like = k ? &i->lanes[0] : NULL};
        if (i->connection->type->lane_new(i->connection, i->model->program, &o, &i->lanes[k], err)) return err->status;
    }
    return i->opt.batch > 1 ? ax_pool_new(i->opt.batch, NULL, &i->pool, err) : AX_OK;
}

/* A line of one stage for each sample of the batch; they start together. */
static enum ax_status make_line(struct ax_instance *i, struct ax_error *err)
{
    const struct ax_device_desc *chip = i->connection->chip;
    int n = i->opt.batch;
    if (!chip) return AX_OK;
    struct ax_sim_stage *stages = calloc((size_t)n, sizeof *stages);
    int *order = calloc((size_t)n, sizeof *order);
    i->times = calloc((size_t)n, sizeof *i->times);
    if (stages && order && i->times) {
        for (int k = 0; k < n; k++) {
            order[k] = k;
            stages[k] = (struct ax_sim_stage){.run = ax_device_run_of(chip, i->model->program, i->opt.cores),
                                              .replicas = 1,
                                              .cores_each = i->opt.cores,
                                              .cores = i->cores + k * i->opt.cores};
        }
        i->line = ax_sim_line_new(chip, stages, n, order, 1, 1);
    }
    free(stages);
    free(order);
    return i->line ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a batch of %d", n);
}

static enum ax_status make_queue(struct ax_instance *i, struct ax_error *err)
{
    size_t n = (size_t)(i->model->program->n_inputs + i->model->program->n_outputs) + 1;
    i->slots = calloc((size_t)i->opt.queue, sizeof *i->slots);
    for (int k = 0; i->slots && k < i->opt.queue; k++)
        if (!(i->slots[k].buffers = calloc(n, sizeof(struct ax_buffer))))
            return ax_fail(err, AX_NO_MEMORY, "no memory for a queue of %d requests", i->opt.queue);
    return i->slots ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a queue of %d requests", i->opt.queue);
}

static enum ax_status settle_options(struct ax_instance *i, const struct ax_instance_options *opt, struct ax_error *err)
{
    ax_instance_options_default(&i->opt);
    if (opt) i->opt = *opt;
    if (i->opt.batch < 1 || i->opt.batch > AX_MAX_CORES || i->opt.cores < 0 || i->opt.cores > AX_MAX_CORES ||
        i->opt.queue < 1 || i->opt.queue > 65536)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "batch %d, cores %d, queue %d: expected a batch of 1 to %d, 0 to %d cores, a queue of 1 to 65536",
                       i->opt.batch, i->opt.cores, i->opt.queue, AX_MAX_CORES, AX_MAX_CORES);
    if (i->opt.cores == 0 && i->connection->type->cooperates)
        i->opt.cores = (i->opt.share ? i->connection->n : ax_connection_free_cores(i->connection)) / i->opt.batch;
    if (i->opt.cores == 0) i->opt.cores = 1; /* too few: take_cores says so */
    return AX_OK;
}

enum ax_status ax_instance_new(struct ax_connection *c, struct ax_model *m, const struct ax_instance_options *opt,
                               struct ax_instance **out, struct ax_error *err)
{
    pthread_condattr_t clock;
    *out = NULL;
    struct ax_instance *i = calloc(1, sizeof *i);
    if (!i) return ax_fail(err, AX_NO_MEMORY, "no memory for an instance");
    i->connection = c;
    i->model = m;
    ax_connection_hold(c);
    ax_model_hold(m);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&i->turn, NULL);
    pthread_mutex_init(&i->lock, NULL);
    pthread_cond_init(&i->work, NULL);
    pthread_cond_init(&i->finished, &clock);
    pthread_condattr_destroy(&clock);
    enum ax_status s = settle_options(i, opt, err);
    if (s == AX_OK) s = take_cores(i, err);
    if (s == AX_OK) s = make_lanes(i, err);
    if (s == AX_OK) s = make_line(i, err);
    if (s == AX_OK) s = make_queue(i, err);
    if (s == AX_OK)
        *out = i;
    else
        release(i);
    return s;
}
