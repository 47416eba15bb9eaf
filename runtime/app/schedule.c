#include "app/schedule.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_MODELS = 64 };
enum state { FREE, WAITING, RUNNING, DONE };

struct request {
    enum state state;
    uint64_t id;
    int64_t came_ns;
    struct ax_engine_buffer *in, *out;
    ax_engine_done *done;
    void *user;
    struct ax_error err;
};

struct model {
    struct ax_schedule *schedule;
    struct ax_schedule_ways ways;
    struct ax_schedule_state state;
    struct request *queue;
    int room;
    uint64_t last_id;
    struct ax_schedule_counts counts;
};

struct ax_schedule {
    pthread_mutex_t lock; /* of everything */
    pthread_cond_t work, finished;
    struct model models[MAX_MODELS];
    int n, last;
    bool started, stop;
    pthread_t thread;
};

struct ax_schedule_rule ax_schedule_rule_default(void)
{
    return (struct ax_schedule_rule){AX_PRIORITY_NORMAL, 1, 100};
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct timespec time_of(int64_t ns)
{
    return (struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
}

/* -- serving; with the lock held unless it says so -- */

static struct request *oldest(struct model *m)
{
    struct request *best = NULL;
    for (int i = 0; i < m->room; i++)
        if (m->queue[i].state == WAITING && (!best || m->queue[i].id < best->id)) best = &m->queue[i];
    return best;
}

static void refresh(struct model *m)
{
    struct request *r = oldest(m);
    m->state.oldest_ns = r ? r->came_ns : 0;
}

static void end(struct ax_schedule *s, struct request *r)
{
    if (r->done) {
        ax_engine_done *done = r->done;
        void *user = r->user;
        struct ax_error why = r->err;
        r->state = FREE;
        pthread_mutex_unlock(&s->lock);
        done(user, why.status, &why);
        pthread_mutex_lock(&s->lock);
    } else
        r->state = DONE;
    pthread_cond_broadcast(&s->finished);
}

static void serve(struct ax_schedule *s, struct model *m)
{
    struct request *r = oldest(m);
    int64_t waited = now_ns() - r->came_ns;
    r->state = RUNNING;
    m->state.waiting--;
    refresh(m);
    m->counts.served++;
    m->counts.waited_ns += waited;
    if (waited > m->counts.longest_wait_ns) m->counts.longest_wait_ns = waited;
    pthread_mutex_unlock(&s->lock);
    r->err = (struct ax_error){0};
    r->err.status = m->ways.run(m->ways.self, m->ways.samples, r->in, r->out, &r->err);
    pthread_mutex_lock(&s->lock);
    end(s, r);
}

static void cancel_all(struct ax_schedule *s)
{
    for (int i = 0; i < s->n; i++)
        for (struct request *r; (r = oldest(&s->models[i]));) {
            s->models[i].state.waiting--;
            ax_fail(&r->err, AX_CANCELLED, "the request was cancelled: its device is gone");
            end(s, r);
        }
}

static void *serve_all(void *arg)
{
    struct ax_schedule *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct ax_schedule_state states[MAX_MODELS];
        int64_t until;
        for (int i = 0; i < s->n; i++) states[i] = s->models[i].state;
        int next = ax_schedule_next(states, s->n, s->last, now_ns(), &until);
        if (next < 0) {
            struct timespec t = time_of(until);
            if (until == INT64_MAX)
                pthread_cond_wait(&s->work, &s->lock);
            else
                pthread_cond_timedwait(&s->work, &s->lock, &t);
            continue;
        }
        struct model *m = &s->models[next];
        s->last = next;
        m->counts.turns++;
        for (int k = 0; k < m->state.rule.threshold && m->state.waiting && !s->stop; k++) serve(s, m);
    }
    cancel_all(s);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* -- as a device -- */

static enum ax_status start(struct ax_schedule *s, struct ax_error *err)
{
    if (s->started) return AX_OK;
    if (pthread_create(&s->thread, NULL, serve_all, s)) return ax_fail(err, AX_DEVICE, "cannot start the scheduler's thread");
    s->started = true;
    return AX_OK;
}

static enum ax_status submit(void *self, int instance, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             ax_engine_done *done, void *user, uint64_t *ticket, struct ax_error *err)
{
    struct model *m = self;
    struct ax_schedule *s = m->schedule;
    struct request *r = NULL;
    (void)instance;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < m->room && !r; i++)
        if (m->queue[i].state == FREE) r = &m->queue[i];
    enum ax_status st =
        r ? start(s, err)
          : ax_fail(err, AX_AGAIN, "the queue is full: %d requests wait or have results that nobody took", m->room);
    if (!st) {
        for (int i = 0; i < m->ways.inputs; i++) r->in[i] = in[i];
        for (int i = 0; i < m->ways.outputs; i++) r->out[i] = out[i];
        r->state = WAITING, r->id = ++m->last_id, r->came_ns = now_ns();
        r->done = done, r->user = user;
        if (ticket) *ticket = r->id;
        if (!m->state.waiting++) m->state.oldest_ns = r->came_ns;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

static struct request *request_of(struct model *m, uint64_t ticket)
{
    for (int i = 0; i < m->room; i++)
        if (m->queue[i].state != FREE && m->queue[i].id == ticket) return &m->queue[i];
    return NULL;
}

static enum ax_status wait_for(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    struct model *m = self;
    struct ax_schedule *s = m->schedule;
    struct timespec until = time_of(now_ns() + (timeout_ms > 0 ? timeout_ms : 0) * 1000000);
    enum ax_status st;
    bool late = false;
    (void)instance;
    pthread_mutex_lock(&s->lock);
    struct request *r = request_of(m, ticket);
    while (r && r->id == ticket && (r->state == WAITING || r->state == RUNNING) && !late) {
        if (timeout_ms < 0)
            pthread_cond_wait(&s->finished, &s->lock);
        else
            late = timeout_ms == 0 || pthread_cond_timedwait(&s->finished, &s->lock, &until) == ETIMEDOUT;
    }
    if (!r || r->id != ticket || r->state == FREE) {
        st = ax_fail(err, AX_NOT_FOUND, "request %llu is unknown or its result was already taken", (unsigned long long)ticket);
    } else if (r->state == DONE) {
        r->state = FREE;
        st = r->err.status;
        if (st) *err = r->err;
    } else
        st = ax_fail(err, AX_TIMEOUT, "request %llu is not done after %lld ms", (unsigned long long)ticket,
                     (long long)timeout_ms);
    pthread_mutex_unlock(&s->lock);
    return st;
}

static enum ax_status run(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                          struct ax_error *err)
{
    uint64_t ticket;
    (void)samples; /* memory is that of a whole request */
    enum ax_status st = submit(self, 0, in, out, NULL, NULL, &ticket, err);
    return st ? st : wait_for(self, 0, ticket, -1, err);
}

/* -- making and freeing -- */

enum ax_status ax_schedule_new(struct ax_schedule **out, struct ax_error *err)
{
    pthread_condattr_t clock;
    struct ax_schedule *s = *out = calloc(1, sizeof *s);
    if (!s) return ax_fail(err, AX_NO_MEMORY, "no memory for a scheduler");
    s->last = -1;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, &clock);
    pthread_cond_init(&s->finished, &clock);
    pthread_condattr_destroy(&clock);
    return AX_OK;
}

void ax_schedule_free(struct ax_schedule *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    if (s->started) pthread_join(s->thread, NULL);
    for (int i = 0; i < s->n; i++) {
        for (int k = 0; s->models[i].queue && k < s->models[i].room; k++) {
            free(s->models[i].queue[k].in);
            free(s->models[i].queue[k].out);
        }
        free(s->models[i].queue);
    }
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->finished);
    free(s);
}

static enum ax_status check_rule(const struct ax_schedule_rule *r, int queue, struct ax_error *err)
{
    if (r->priority < 0 || r->priority > AX_PRIORITY_MOST)
        return ax_fail(err, AX_INVALID_ARGUMENT, "a priority of %d; 0 to %d are expected", r->priority, AX_PRIORITY_MOST);
    if (r->threshold < 1 || r->threshold > queue)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "a threshold of %d; 1 to %d are expected, for no more requests can wait at a time", r->threshold, queue);
    if (r->timeout_ms < 0)
        return ax_fail(err, AX_INVALID_ARGUMENT, "a timeout of %lld ms; 0 or more are expected", (long long)r->timeout_ms);
    return AX_OK;
}

enum ax_status ax_schedule_add(struct ax_schedule *s, const struct ax_schedule_ways *ways, const struct ax_schedule_rule *rule,
                               int queue, struct ax_runner_device *out, struct ax_error *err)
{
    if (s->n == MAX_MODELS) return ax_fail(err, AX_LIMIT, "more than %d models on one device", MAX_MODELS);
    if (check_rule(rule, queue, err)) return err->status;
    struct model *m = &s->models[s->n];
    *m = (struct model){.schedule = s, .ways = *ways, .state = {.rule = *rule}};
    m->queue = calloc((size_t)queue, sizeof *m->queue);
    bool ok = m->queue != NULL;
    if (ok) s->n++, m->room = queue;
    for (int i = 0; i < queue && ok; i++) {
        m->queue[i].in = calloc((size_t)ways->inputs + 1, sizeof *m->queue[i].in);
        m->queue[i].out = calloc((size_t)ways->outputs + 1, sizeof *m->queue[i].out);
        ok = m->queue[i].in && m->queue[i].out;
    }
    *out = (struct ax_runner_device){.self = m, .submit = submit, .wait = wait_for, .run = run};
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a queue of %d requests", queue);
}

static enum ax_status run_engine(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                                 struct ax_error *err)
{
    return ax_engine_run(self, samples, in, out, err);
}

struct ax_schedule_ways ax_schedule_engine(struct ax_engine *e)
{
    return (struct ax_schedule_ways){e, ax_engine_inputs(e), ax_engine_outputs(e), ax_engine_batch(e), run_engine};
}

struct ax_schedule_counts ax_schedule_counts(struct ax_schedule *s, int model)
{
    pthread_mutex_lock(&s->lock);
    struct ax_schedule_counts c = s->models[model].counts;
    pthread_mutex_unlock(&s->lock);
    return c;
}
