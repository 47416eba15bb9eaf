/* What the files of the runner share. */
#ifndef AX_APP_RUNNER_PARTS_H
#define AX_APP_RUNNER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/replicas.h"
#include "app/runner.h"
#include "app/runner_layers.h"

/* Where a request that calls back is. */
enum ax_flight {
    AX_FLIGHT_NONE,
    AX_FLIGHT_DEVICE, /* the device has it */
    AX_FLIGHT_AGAIN,  /* it failed and will be submitted again */
    AX_FLIGHT_LOST,   /* the device has it, but its frames went on without */
};

/* Memory and state of a request. */
struct ax_runner_group {
    struct ax_runner *runner;
    struct ax_engine_buffer *in, *out;
    int instance;
    uint64_t ticket;
    atomic_bool under_way; /* the device has it, or had it when it was given up */
    /* of a request that calls back; with the runner's lock held */
    enum ax_flight flight;
    int tries;
    uint64_t flights; /* how often it was submitted */
    int64_t deadline_ns;
    struct ax_frame **frames;
    int n_frames;
};

struct ax_runner {
    struct ax_engine *engine;
    struct ax_runner_options opt;
    struct ax_runner_device device;
    struct ax_replicas *replicas;    /* NULL: there is one engine */
    struct ax_runner_layers *layers; /* NULL: not recorded */
    int n_in, n_out, pictures, samples, size, n_groups;
    struct ax_runner_group *groups;
    int next_instance;
    _Atomic int64_t timeouts, failures, retries, recovered, skipped;
    /* callbacks */
    struct ax_flow *flow; /* NULL: none */
    int stage;
    pthread_mutex_t lock;
    pthread_cond_t change; /* of a request's flight */
    pthread_t helper;      /* submits again, and looks at the time */
    bool helped, stop;
};

int64_t ax_runner_now_ns(void);
int ax_runner_most_tries(const struct ax_runner *r);
int ax_runner_choose(struct ax_runner *r); /* the instance for the next request */
struct ax_runner_group *ax_runner_group_at(const struct ax_runner *r, const struct ax_frame *f);
/* Says in *err that the request could not be submitted; returns its status. */
enum ax_status ax_runner_refused(const struct ax_frame *first, struct ax_error *err);
/* Says in *err why there is no result. */
void ax_runner_explain(const struct ax_runner *r, const struct ax_frame *first, int tries, struct ax_error *err);
void ax_runner_fail(struct ax_runner *r, struct ax_frame *const *frames, int n, const struct ax_error *why);

/* runner_callback.c */
void ax_runner_settle_flight(struct ax_runner *r, struct ax_runner_group *g); /* until the device has it no more */
void ax_runner_land(struct ax_runner *r);                                     /* before the engine is put to rest */

#endif
