#include "axon/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "pipeline/internal.h"

enum { MAX_STAGES = 256, MAX_QUEUE = 65536 };

void ax_pipeline_options_default(struct ax_pipeline_options *opt)
{
    *opt = (struct ax_pipeline_options){.input_queue = 8, .stage_queue = 4, .output_queue = 8, .pin = 1};
}

/* -- making -- */

static enum ax_status check_options(const struct ax_pipeline_options *o, struct ax_error *err)
{
    if (o->input_queue < 1 || o->stage_queue < 0 || o->output_queue < 1 || o->input_queue > MAX_QUEUE ||
        o->stage_queue > MAX_QUEUE || o->output_queue > MAX_QUEUE)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "queues of %d, %d and %d; expected 1 to %d at the ends and 0 to %d between stages", o->input_queue,
                       o->stage_queue, o->output_queue, MAX_QUEUE, MAX_QUEUE);
    if (!o->output_allocator.alloc != !o->output_allocator.free)
        return ax_fail(err, AX_INVALID_ARGUMENT, "an allocator of outputs needs both alloc and free");
    return AX_OK;
}

static void init_sync(struct ax_pipeline *p)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->can_push, &clock);
    pthread_cond_init(&p->can_pop, &clock);
    pthread_condattr_destroy(&clock);
}

static enum ax_status make_stage(struct ax_pipeline *p, int index, struct ax_connection *c, const struct ax_stage *from,
                                 struct ax_error *err)
{
    struct pl_stage *s = &p->stages[index];
    struct ax_stage d = *from;
    if (d.replicas == 0) d.replicas = 1;
    if (d.cores == 0) d.cores = 1;
    s->pipeline = p;
    s->index = index;
    s->next = s->ready = 1;
    s->timeout_ms = d.timeout_ms;
    s->replicas = d.replicas;
    s->queue = d.queue ? d.queue : p->opt.stage_queue;
    pthread_cond_init(&s->wake, NULL);
    if (d.name && *d.name)
        snprintf(s->name, sizeof s->name, "%.63s", d.name);
    else
        snprintf(s->name, sizeof s->name, "%d", index);
    if (d.replicas < 1 || d.replicas > AX_MAX_CORES || d.cores < 1 || d.cores > AX_MAX_CORES || d.queue < 0 ||
        d.queue > MAX_QUEUE || d.timeout_ms < 0)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%d replicas, %d cores, a queue of %d, %lld ms; expected 1 to %d replicas and cores, a queue up to %d",
                       d.replicas, d.cores, d.queue, (long long)d.timeout_ms, AX_MAX_CORES, MAX_QUEUE);
    if (!d.model == !d.run) return ax_fail(err, AX_INVALID_ARGUMENT, "a stage is either a model or a function");
    return d.model ? pl_model_worker(d.connection ? d.connection : c, &d, p, &s->worker, err)
                   : pl_function_worker(&d, &s->worker, err);
}

enum ax_status pl_lane_init(struct pl_stage *s, struct pl_lane *l, int replica, struct pl_lane *host, struct ax_error *err)
{
    *l = (struct pl_lane){.stage = s, .replica = replica, .host = host};
    l->in = calloc((size_t)s->worker.n_in + 1, sizeof *l->in);
    l->out = calloc((size_t)s->worker.n_out + 1, sizeof *l->out);
    l->windows = calloc((size_t)s->n_windows + 1, sizeof *l->windows);
    l->trash = calloc((size_t)(s->pipeline->n_inputs + s->pipeline->n_outputs) + 1, sizeof *l->trash);
    if (l->in && l->out && l->windows && l->trash) return AX_OK;
    return ax_fail(err, AX_NO_MEMORY, "no memory for replica %d of stage '%s'", replica, s->name);
}

static enum ax_status make_lanes(struct pl_stage *s, struct ax_error *err)
{
    s->lanes = calloc((size_t)s->replicas, sizeof *s->lanes);
    if (!s->lanes) return ax_fail(err, AX_NO_MEMORY, "no memory for %d replicas", s->replicas);
    for (int i = 0; i < s->replicas; i++)
        if (pl_lane_init(s, &s->lanes[i], i, &s->lanes[i], err)) return err->status;
    return s->worker.type->start ? s->worker.type->start(s->worker.self, s->windows, s->n_windows, err) : AX_OK;
}

static enum ax_status make_tickets(struct ax_pipeline *p, struct ax_error *err)
{
    int64_t n = (int64_t)p->opt.input_queue + p->opt.output_queue + 1;
    for (int i = 0; i < p->n_stages; i++) n += p->stages[i].queue + p->stages[i].replicas;
    if (n > 1 << 24) return ax_fail(err, AX_INVALID_ARGUMENT, "the queues hold %lld requests; that is too many", (long long)n);
    p->n_tickets = (int)n;
    p->tickets = calloc((size_t)n, sizeof *p->tickets);
    for (int i = 0; p->tickets && i < p->n_tickets; i++) {
        struct pl_ticket *t = &p->tickets[i];
        atomic_init(&t->stop, 0);
        t->passed = calloc((size_t)p->n_stages, 1);
        t->refs = calloc((size_t)p->n_inputs + 1, sizeof *t->refs);
        t->in = calloc((size_t)(p->n_inputs + p->n_outputs) + 1, sizeof *t->in);
        t->out = t->in ? t->in + p->n_inputs : NULL;
        if (!t->passed || !t->refs || !t->in) return ax_fail(err, AX_NO_MEMORY, "no memory for %d requests", p->n_tickets);
    }
    return p->tickets ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for %d requests", p->n_tickets);
}

static enum ax_status start_threads(struct ax_pipeline *p, struct ax_error *err)
{
    for (int i = 0; i < p->n_stages; i++)
        for (struct pl_stage *s = &p->stages[i]; s->started < s->replicas; s->started++)
            if (pthread_create(&s->lanes[s->started].thread, NULL, pl_lane_main, &s->lanes[s->started]))
                return ax_fail(err, AX_DEVICE, "cannot start a thread for stage '%s'", s->name);
    if (p->opt.done && pthread_create(&p->deliverer, NULL, pl_deliver_main, p))
        return ax_fail(err, AX_DEVICE, "cannot start a thread for results");
    p->delivering = p->opt.done != NULL;
    return AX_OK;
}

static enum ax_status make_all(struct ax_pipeline *p, struct ax_connection *c, const struct ax_stage *stages, int n,
                               struct ax_error *err)
{
    p->stages = calloc((size_t)n, sizeof *p->stages);
    if (!p->stages) return ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline of %d stages", n);
    for (; p->n_stages < n; p->n_stages++)
        if (make_stage(p, p->n_stages, c, &stages[p->n_stages], err)) {
            p->n_stages++; /* what it has is released */
            return ax_fail_in(err, "stage '%s'", p->stages[p->n_stages - 1].name);
        }
    enum ax_status s = pl_wire_up(p, err);
    if (!s) s = make_tickets(p, err);
    for (int i = 0; i < n && !s; i++)
        if ((s = make_lanes(&p->stages[i], err))) ax_fail_in(err, "stage '%s'", p->stages[i].name);
    bool one = true; /* device: its clock, if it has one */
    for (int i = 0; i < n; i++) one &= !stages[i].connection || stages[i].connection == c;
    if (!s && one) s = pl_line_make(p, c, err);
    if (!s && !p->opt.fixed_cores) s = pl_lend_make(p, err);
    return s ? s : start_threads(p, err);
}

enum ax_status ax_pipeline_new(struct ax_connection *c, const struct ax_stage *stages, int n_stages,
                               const struct ax_pipeline_options *opt, struct ax_pipeline **out, struct ax_error *err)
{
    *out = NULL;
    if (n_stages < 1 || n_stages > MAX_STAGES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d stages; expected 1 to %d", n_stages, MAX_STAGES);
    struct ax_pipeline *p = calloc(1, sizeof *p);
    if (!p) return ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline");
    ax_pipeline_options_default(&p->opt);
    if (opt) p->opt = *opt;
    p->first = 1;
    p->since_ns = pl_now();
    init_sync(p);
    enum ax_status s = check_options(&p->opt, err);
    if (!p->opt.output_allocator.alloc)
        p->opt.output_allocator = (struct ax_allocator){pl_alloc_default, pl_free_default, NULL};
    if (!s) s = make_all(p, c, stages, n_stages, err);
    p->opt.inputs = p->opt.outputs = NULL; /* the caller's, who may free them now */
    if (s)
        ax_pipeline_free(p);
    else
        *out = p;
    return s;
}

/* -- freeing -- */

static void stop_threads(struct ax_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    if (p->tickets) pl_cancel_from(p, p->first, "cancelled: the pipeline is freed");
    pl_wake_all(p);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_stages; i++)
        for (int k = 0; k < p->stages[i].started; k++) pthread_join(p->stages[i].lanes[k].thread, NULL);
    if (p->delivering) pthread_join(p->deliverer, NULL);
}

static void free_lanes(struct pl_lane *list, int n)
{
    for (int i = 0; list && i < n; i++) {
        free(list[i].visits);
        free(list[i].in);
        free(list[i].out);
        free(list[i].windows);
        free(list[i].trash);
    }
    free(list);
}

static void free_stage(struct pl_stage *s)
{
    free_lanes(s->lanes, s->replicas);
    free_lanes(s->guests, s->n_guests);
    if (s->worker.type) s->worker.type->free(s->worker.self);
    pthread_cond_destroy(&s->wake);
    free(s->in);
    free(s->out);
    free(s->before);
    free(s->after);
}

static void free_tickets(struct ax_pipeline *p)
{
    for (uint64_t id = p->first; p->tickets && id <= p->last; id++) {
        struct pl_ticket *t = pl_ticket(p, id);
        if (t->own_out && !t->failed) ax_pipeline_release(p, t->out);
    }
    for (int i = 0; p->tickets && i < p->n_tickets; i++) {
        free(p->tickets[i].passed);
        free(p->tickets[i].refs);
        free(p->tickets[i].in);
    }
    free(p->tickets);
}

void ax_pipeline_free(struct ax_pipeline *p)
{
    if (!p) return;
    if (pl_thread_of == p) {
        fputs("ax_pipeline_free was called from the pipeline's own thread, a stage's function or a callback\n", stderr);
        abort();
    }
    stop_threads(p);
    free_tickets(p);
    pl_wires_free(p);
    for (int i = 0; i < p->n_stages; i++) free_stage(&p->stages[i]);
    pl_line_free(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->can_push);
    pthread_cond_destroy(&p->can_pop);
    free(p->stages);
    free(p);
}

/* -- what it is -- */

int ax_pipeline_stages(const struct ax_pipeline *p)
{
    return p->n_stages;
}

int ax_pipeline_inputs(const struct ax_pipeline *p)
{
    return p->n_inputs;
}

int ax_pipeline_outputs(const struct ax_pipeline *p)
{
    return p->n_outputs;
}

const struct ax_tensor *ax_pipeline_input(const struct ax_pipeline *p, int i)
{
    return i >= 0 && i < p->n_inputs ? p->wires[p->inputs[i]].tensor : NULL;
}

const struct ax_tensor *ax_pipeline_output(const struct ax_pipeline *p, int i)
{
    return i >= 0 && i < p->n_outputs ? p->wires[p->outputs[i]].tensor : NULL;
}

int64_t ax_pipeline_memory_bytes(const struct ax_pipeline *p)
{
    return p->memory_bytes;
}

/* -- statistics -- */

void ax_pipeline_stats(struct ax_pipeline *p, struct ax_pipeline_stats *out)
{
    pthread_mutex_lock(&p->lock);
    *out = (struct ax_pipeline_stats){.pushed = p->n_pushed,
                                      .succeeded = p->n_succeeded,
                                      .failed = p->n_failed,
                                      .elapsed_ns = pl_time(p) - p->since_ns,
                                      .latency = pl_times_sum(&p->latency),
                                      .in_flight = (int)(p->last - p->first + 1),
                                      .max_in_flight = p->max_in_flight,
                                      .waiting = pl_waiting(p),
                                      .max_waiting = p->max_waiting,
                                      .finished = p->finished,
                                      .max_finished = p->max_finished};
    pthread_mutex_unlock(&p->lock);
}

int ax_pipeline_stage_stats(struct ax_pipeline *p, int stage, struct ax_stage_stats *out)
{
    if (stage < 0 || stage >= p->n_stages) return 0;
    const struct pl_stage *s = &p->stages[stage];
    pthread_mutex_lock(&p->lock);
    int64_t elapsed = pl_time(p) - p->since_ns;
    double all = (double)(elapsed > 0 ? elapsed : 1) * s->replicas;
    *out = (struct ax_stage_stats){.name = s->name,
                                   .replicas = s->replicas,
                                   .succeeded = s->run.count,
                                   .failed = s->failed,
                                   .skipped = s->skipped,
                                   .run = pl_times_sum(&s->run),
                                   .cpu = pl_times_sum(&s->cpu),
                                   .occupancy = (double)s->busy_ns / all,
                                   .starved = (double)s->starved_ns / all,
                                   .blocked = (double)s->blocked_ns / all,
                                   .mean_queue = s->depth_count ? (double)s->depth_sum / (double)s->depth_count : 0,
                                   .max_queue = s->max_depth,
                                   .by_neighbours = s->by_neighbours,
                                   .copied_bytes = s->copied_bytes};
    pthread_mutex_unlock(&p->lock);
    return 1;
}

void ax_pipeline_reset_stats(struct ax_pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    memset(&p->latency, 0, sizeof p->latency);
    p->n_pushed = p->n_succeeded = p->n_failed = 0;
    p->max_in_flight = p->max_waiting = p->max_finished = 0;
    for (int i = 0; i < p->n_stages; i++) {
        struct pl_stage *s = &p->stages[i];
        memset(&s->run, 0, sizeof s->run);
        memset(&s->cpu, 0, sizeof s->cpu);
        s->failed = s->skipped = s->by_neighbours = s->depth_sum = s->depth_count = 0;
        s->busy_ns = s->starved_ns = s->blocked_ns = 0;
        s->max_depth = 0;
    }
    p->since_ns = pl_time(p);
    pthread_mutex_unlock(&p->lock);
}

/* -- for profiles -- */

static const struct pl_worker *worker_of(const struct ax_pipeline *p, int stage)
{
    return &p->stages[stage].worker;
}

void ax_pipeline_set_hook(struct ax_pipeline *p, int stage, int replica, ax_request_hook *hook, void *ctx)
{
    const struct pl_worker *w = worker_of(p, stage);
    struct pl_lane *l = &p->stages[stage].lanes[replica];
    if (!w->type->set_hook) return;
    pthread_mutex_lock(&p->lock);
    p->n_hooked += (hook != NULL) - l->hooked;
    l->hooked = hook != NULL;
    pthread_mutex_unlock(&p->lock);
    w->type->set_hook(w->self, replica, hook, ctx);
}

const char *ax_pipeline_kernel_name(const struct ax_pipeline *p, int stage, int step)
{
    const struct pl_worker *w = worker_of(p, stage);
    return w->type->kernel_name ? w->type->kernel_name(w->self, step) : "";
}

int ax_pipeline_cores(const struct ax_pipeline *p, int stage, int replica, int *out, int max)
{
    const struct pl_worker *w = worker_of(p, stage);
    return w->type->cores ? w->type->cores(w->self, replica, out, max) : 0;
}
