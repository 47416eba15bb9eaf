/* Several models on the same cores: who is next.
 *
 * Every model has a queue. One that has as many requests waiting as its threshold, or one that waited as long as its timeout,
 * is ready; of the ready ones the highest priority is served, equals round robin; it runs up to its threshold of requests, and
 * then it is decided again. A high threshold means fewer changes of model, whose weights then stay in the cache. */
#ifndef AX_APP_SCHEDULE_H
#define AX_APP_SCHEDULE_H

#include "app/runner.h"

enum { AX_PRIORITY_MOST = 31, AX_PRIORITY_NORMAL = 16 };

struct ax_schedule_rule {
    int priority;       /* 0..31, higher ones first; default 16 */
    int threshold;      /* requests that wait until it is served; default 1 */
    int64_t timeout_ms; /* ... or one does so long; default 100 */
};
struct ax_schedule_rule ax_schedule_rule_default(void);

struct ax_schedule;
enum ax_status ax_schedule_new(struct ax_schedule **out, struct ax_error *err);
/* Requests that still wait end with AX_CANCELLED; the one that runs is waited for. NULL is fine. */
void ax_schedule_free(struct ax_schedule *s);

/* Adds a model and gives the device that its runner talks to; before the first request. `run` does a request: an engine's is
 * ax_schedule_run_engine. queue: requests that may wait or have results that nobody took. */
struct ax_schedule_ways {
    void *self;
    int inputs, outputs; /* buffers of a request */
    int samples;         /* of a request */
    enum ax_status (*run)(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                          struct ax_error *err);
};
enum ax_status ax_schedule_add(struct ax_schedule *s, const struct ax_schedule_ways *ways, const struct ax_schedule_rule *rule,
                               int queue, struct ax_runner_device *out, struct ax_error *err);
/* An engine that shares its cores (ax_engine_options.share). */
struct ax_schedule_ways ax_schedule_engine(struct ax_engine *e);

struct ax_schedule_counts {
    int64_t served, turns; /* requests, and times that it was chosen */
    int64_t waited_ns, longest_wait_ns;
};
struct ax_schedule_counts ax_schedule_counts(struct ax_schedule *s, int model);

/* -- the decision alone -- */

struct ax_schedule_state {
    struct ax_schedule_rule rule;
    int waiting;
    int64_t oldest_ns; /* when the oldest of them came */
};
/* Index of the model to serve; -1: none is ready before *until_ns (INT64_MAX: before another request comes). last: who was
 * served before, -1: nobody. */
int ax_schedule_next(const struct ax_schedule_state *m, int n, int last, int64_t now_ns, int64_t *until_ns);

#endif
