#include "tools/shared/collector.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/status.h"

struct request {
    ax_collector_done *done;
    void *user;
};

struct ax_collector {
    struct ax_pipeline *pipeline;
    pthread_mutex_t taking; /* held by who takes results; guards last */
    uint64_t last;          /* request whose result was taken */
    pthread_t thread;       /* calls back */
    int started;
};

enum ax_status ax_collector_new(struct ax_pipeline *p, struct ax_collector **out, struct ax_error *err)
{
    struct ax_collector *c = *out = calloc(1, sizeof *c);
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for the pipeline's results");
    c->pipeline = p;
    pthread_mutex_init(&c->taking, NULL);
    return AX_OK;
}

void ax_collector_free(struct ax_collector *c)
{
    if (!c) return;
    if (c->started) pthread_join(c->thread, NULL);
    pthread_mutex_destroy(&c->taking);
    free(c);
}

static void *call_back(void *arg)
{
    struct ax_collector *c = arg;
    struct ax_result r;
    struct ax_error closed;
    while (!ax_pipeline_pop(c->pipeline, &r, NULL, &closed)) {
        struct request *q = r.user;
        q->done(q->user, r.status, &r.err);
        free(q);
    }
    return NULL;
}

enum ax_status ax_collector_push(struct ax_collector *c, const struct ax_buffer *in, const struct ax_buffer *out,
                                 ax_collector_done *done, void *user, uint64_t *ticket, struct ax_error *err)
{
    struct ax_request r = {.inputs = in, .outputs = out};
    if (done) {
        struct request *q = r.user = malloc(sizeof *q);
        if (!q) return ax_fail(err, AX_NO_MEMORY, "no memory for a request");
        *q = (struct request){done, user};
        if (!c->started && pthread_create(&c->thread, NULL, call_back, c)) {
            free(q);
            return ax_fail(err, AX_DEVICE, "cannot start a thread");
        }
        c->started = 1;
    }
    enum ax_status s = ax_pipeline_push(c->pipeline, &r, ticket, err);
    if (s) free(r.user);
    return s;
}

enum ax_status ax_collector_wait(struct ax_collector *c, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    struct ax_result r = {.err = {0}};
    enum ax_status s = AX_OK;
    pthread_mutex_lock(&c->taking);
    while (!s && c->last < ticket) {
        s = timeout_ms < 0 ? ax_pipeline_pop(c->pipeline, &r, NULL, err)
                           : ax_pipeline_pop_for(c->pipeline, &r, NULL, timeout_ms, err);
        if (!s) c->last = r.request;
    }
    pthread_mutex_unlock(&c->taking);
    if (s || r.request != ticket) return s;
    if (r.status) *err = r.err;
    return r.status;
}
