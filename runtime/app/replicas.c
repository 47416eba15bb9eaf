#include "app/replicas.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { KEEP = 8 }; /* the mean forgets: a request counts for one in so many */

struct request {
    struct request *next;
    struct ax_replicas *of;
    uint64_t id;
    int instance;
    int64_t begin_ns;
    bool done;
    ax_engine_done *call; /* NULL: it is waited for */
    void *user;
    struct ax_error err;
};

struct instance {
    struct ax_engine *engine;
    int index;       /* in the engine */
    int64_t last_ns; /* when it was done with one */
};

struct ax_replicas {
    struct ax_engine *const *engines;
    int n_engines, n, last;
    struct instance *instances;
    double *mean; /* ns, by instance */
    int *under_way;
    pthread_mutex_t lock; /* of all that changes */
    pthread_cond_t finished;
    struct request *open, *spare;
    uint64_t last_id;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* -- requests; with the lock held -- */

static struct request *take_request(struct ax_replicas *r)
{
    struct request *q = r->spare;
    if (q)
        r->spare = q->next;
    else
        q = malloc(sizeof *q);
    if (!q) return NULL;
    *q = (struct request){.next = r->open, .of = r, .id = ++r->last_id};
    r->open = q;
    return q;
}

static void drop_request(struct ax_replicas *r, struct request *q)
{
    struct request **at = &r->open;
    while (*at != q) at = &(*at)->next;
    *at = q->next;
    q->next = r->spare;
    r->spare = q;
}

static struct request *find_request(const struct ax_replicas *r, uint64_t id)
{
    struct request *q = r->open;
    while (q && q->id != id) q = q->next;
    return q;
}

/* An instance works on one at a time: on this one since it was there and the one before was done. */
static void learn(struct ax_replicas *r, const struct request *q)
{
    struct instance *i = &r->instances[q->instance];
    int64_t now = now_ns(), begin = q->begin_ns > i->last_ns ? q->begin_ns : i->last_ns;
    double *mean = &r->mean[q->instance], ns = (double)(now - begin);
    *mean = *mean > 0 ? *mean + (ns - *mean) / KEEP : ns;
    i->last_ns = now;
    r->under_way[q->instance]--;
}

/* -- as a device -- */

static void finished(void *user, enum ax_status s, const struct ax_error *err)
{
    struct request *q = user;
    struct ax_replicas *r = q->of;
    pthread_mutex_lock(&r->lock);
    learn(r, q);
    if (s) q->err = *err;
    q->err.status = s;
    q->done = true;
    ax_engine_done *call = q->call;
    void *whose = q->user;
    struct ax_error why = q->err;
    if (call) drop_request(r, q);
    pthread_cond_broadcast(&r->finished);
    pthread_mutex_unlock(&r->lock);
    if (call) call(whose, s, &why);
}

static enum ax_status submit(void *self, int instance, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             ax_engine_done *done, void *user, uint64_t *ticket, struct ax_error *err)
{
    struct ax_replicas *r = self;
    const struct instance *i = &r->instances[instance];
    uint64_t ignored;
    pthread_mutex_lock(&r->lock);
    struct request *q = take_request(r);
    if (q) {
        q->instance = instance, q->call = done, q->user = user, q->begin_ns = now_ns();
        *ticket = q->id;
        r->under_way[instance]++;
    }
    pthread_mutex_unlock(&r->lock);
    if (!q) return ax_fail(err, AX_NO_MEMORY, "no memory for a request");
    enum ax_status s = ax_engine_submit(i->engine, i->index, in, out, finished, q, &ignored, err);
    if (!s) return AX_OK;
    pthread_mutex_lock(&r->lock);
    r->under_way[instance]--;
    drop_request(r, q);
    pthread_mutex_unlock(&r->lock);
    return s;
}

static enum ax_status wait_for(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    struct ax_replicas *r = self;
    int64_t until = now_ns() + (timeout_ms > 0 ? timeout_ms : 0) * 1000000;
    const struct timespec t = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    enum ax_status s = AX_OK;
    bool late = false;
    (void)instance;
    pthread_mutex_lock(&r->lock);
    struct request *q = find_request(r, ticket);
    while (q && !q->done && !late) {
        if (timeout_ms < 0)
            pthread_cond_wait(&r->finished, &r->lock);
        else
            late = pthread_cond_timedwait(&r->finished, &r->lock, &t) == ETIMEDOUT;
    }
    if (!q) {
        s = ax_fail(err, AX_NOT_FOUND, "request %llu is unknown or its result was already taken", (unsigned long long)ticket);
    } else if (!q->done) {
        s = ax_fail(err, AX_TIMEOUT, "request %llu is not done after %lld ms", (unsigned long long)ticket,
                    (long long)timeout_ms);
    } else {
        s = q->err.status;
        if (s) *err = q->err;
        drop_request(r, q);
    }
    pthread_mutex_unlock(&r->lock);
    return s;
}

static enum ax_status run(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                          struct ax_error *err)
{
    (void)self, (void)samples, (void)in, (void)out;
    return ax_fail(err, AX_UNSUPPORTED, "several devices run nothing synchronously");
}

static int choose(void *self)
{
    struct ax_replicas *r = self;
    pthread_mutex_lock(&r->lock);
    int best = r->last = ax_replicas_best(r->mean, r->under_way, r->n, r->last);
    ax_replicas_forget(r->mean, r->under_way, r->n);
    pthread_mutex_unlock(&r->lock);
    return best;
}

static void rest(void *self)
{
    struct ax_replicas *r = self;
    for (int i = 0; i < r->n_engines; i++) ax_engine_rest(r->engines[i]);
}

struct ax_runner_device ax_replicas_device(struct ax_replicas *r)
{
    return (struct ax_runner_device){
        .self = r, .submit = submit, .wait = wait_for, .run = run, .instances = r->n, .choose = choose, .rest = rest};
}

/* -- making and freeing -- */

static bool make_instances(struct ax_replicas *r)
{
    int n = 0;
    for (int i = 0; i < r->n_engines; i++) n += ax_engine_instances(r->engines[i]);
    size_t room = n > 0 ? (size_t)n : 1;
    r->instances = calloc(room, sizeof *r->instances);
    r->mean = calloc(room, sizeof *r->mean);
    r->under_way = calloc(room, sizeof *r->under_way);
    if (!r->instances || !r->mean || !r->under_way) return false;
    for (int i = 0; i < r->n_engines; i++)
        for (int k = 0; k < ax_engine_instances(r->engines[i]); k++)
            r->instances[r->n++] = (struct instance){.engine = r->engines[i], .index = k};
    return true;
}

enum ax_status ax_replicas_new(struct ax_engine *const *engines, int n, struct ax_replicas **out, struct ax_error *err)
{
    pthread_condattr_t clock;
    struct ax_replicas *r = *out = calloc(1, sizeof *r);
    if (!r) return ax_fail(err, AX_NO_MEMORY, "no memory for %d devices", n);
    r->engines = engines, r->n_engines = n, r->last = -1;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->finished, &clock);
    pthread_condattr_destroy(&clock);
    if (make_instances(r)) return AX_OK;
    ax_replicas_free(r);
    *out = NULL;
    return ax_fail(err, AX_NO_MEMORY, "no memory for %d devices", n);
}

static void free_list(struct request *q)
{
    for (struct request *next; q; q = next) {
        next = q->next;
        free(q);
    }
}

void ax_replicas_free(struct ax_replicas *r)
{
    if (!r) return;
    free_list(r->open);
    free_list(r->spare);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->finished);
    free(r->instances);
    free(r->mean);
    free(r->under_way);
    free(r);
}
