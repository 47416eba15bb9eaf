/* What the files of pipeline/ share.
 *
 * One lock for the state of a pipeline; stages take it between runs only. Every request has a ticket in a ring. A stage does
 * requests in their order: the next one when the stages before it have passed it (run or skipped), when every buffer that it
 * writes was let go by its readers, and, where it ends the pipeline, when results have room. The oldest request that is not
 * done never waits for a younger one, so that something can always go on.
 *
 *     ticket r  -> wire w: slot r % w->slots, owned by r until all readers passed r */
#ifndef AX_PIPELINE_INTERNAL_H
#define AX_PIPELINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "api/internal.h"
#include "api/sim_line.h"

/* -- times (times.c) -- */

enum { PL_SUB = 64, PL_BUCKETS = 58 * PL_SUB };
struct pl_times {
    uint64_t count;
    int64_t sum, min, max;
    uint32_t bucket[PL_BUCKETS];
};
int64_t pl_now(void);
int64_t pl_cpu_now(void); /* of the calling thread */
void pl_times_add(struct pl_times *t, int64_t ns);
struct ax_times pl_times_sum(const struct pl_times *t);

/* -- what does a stage's work -- */

/* A tensor in a run: row-major elements of dtype, unless it is `bound`, that is, lies in windows. */
struct pl_data {
    void *data; /* NULL: not there */
    enum ax_dtype dtype;
    bool bound;
};
struct pl_output {
    struct pl_data wire; /* for the stages that read it */
    struct ax_buffer user;
};
struct pl_watch { /* what a run may look at */
    const atomic_int *stop;
    int64_t deadline_ns; /* INT64_MAX: none */
};
struct pl_call {
    uint64_t request;
    int replica;
    const struct pl_data *in;
    const struct pl_output *out;
    uint8_t *const *windows; /* what they show in this run */
    struct pl_watch watch;
};
bool pl_stopped(const struct pl_watch *w);

/* A struct of functions, so that anything can be a stage: models (model_stage.c), functions (function_stage.c). */
struct pl_worker_type {
    enum ax_status (*start)(void *self, const struct ax_window *windows, int n, struct ax_error *err); /* after the wiring */
    enum ax_status (*run)(void *self, const struct pl_call *call, struct ax_error *err);
    void (*free)(void *self);
    struct ax_program *(*program)(void *self);              /* NULL, or its own, whose ports can lie elsewhere */
    void (*describe)(void *self, struct ax_sim_stage *out); /* on a simulated device: run and cores; NULL: takes no time */
    /* of a model, for profiles; NULL */
    void (*set_hook)(void *self, int replica, ax_request_hook *hook, void *ctx);
    const char *(*kernel_name)(void *self, int step);
    int (*cores)(void *self, int replica, int *out, int max);
    /* One more replica, on the threads of a replica of another stage of this type, with which it never runs at once; *replica
     * becomes its number, -1 where threads cannot be lent. NULL: never. */
    enum ax_status (*guest)(void *self, void *host, int host_replica, int *replica, struct ax_error *err);
    bool converts; /* inputs and outputs of other types than stored */
};
struct pl_worker {
    const struct pl_worker_type *type;
    void *self;
    const struct ax_tensor *in, *out;
    int n_in, n_out;
};
enum ax_status pl_model_worker(struct ax_connection *c, const struct ax_stage *s, struct ax_pipeline *p, struct pl_worker *out,
                               struct ax_error *err);
enum ax_status pl_function_worker(const struct ax_stage *s, struct pl_worker *out, struct ax_error *err);

/* -- the pipeline -- */

/* Memory between stages, a slot for each request on its way. Several tensors may lie in one (parts of a Split), and one in
 * several (a Concat). */
struct pl_block {
    int from; /* the stage that takes a slot, as the first that writes to it */
    int last; /* place of the last one that reads */
    int64_t bytes;
    int uses; /* times that a slot is let go of: by the giver and the readers of every tensor in it */
    int slots;
    uint8_t **data;
    uint64_t *owner;
    int *refs;
};

/* A tensor: made by one stage or pushed, read by some stages, perhaps given out. */
struct pl_wire {
    const struct ax_tensor *tensor; /* of its producer, else its first reader */
    int from, from_port;            /* stage; -1: an input of the pipeline */
    int input, output;              /* index among the pipeline's; -1 */
    int *readers, n_readers;        /* stages, each once */
    bool bound;
    enum ax_dtype dtype; /* in the slots */
    int64_t bytes;
    int *blocks, n_blocks; /* 0: none is needed */
};

struct pl_stage {
    struct pl_worker worker;
    struct ax_pipeline *pipeline;
    char name[64];
    int index, replicas, queue;
    int64_t timeout_ms;
    int *in, *out; /* wires by port */
    struct ax_window *windows;
    int *window_block, n_windows; /* what each shows */
    int64_t space_end;            /* addresses that windows have not taken */
    int *before, n_before, *after, n_after;
    bool last;      /* gives outputs, or nothing follows */
    uint64_t next;  /* request to take */
    uint64_t ready; /* requests below it have been passed by all stages before */
    pthread_cond_t wake;
    int waiting;
    int started;     /* threads */
    struct pl_lane { /* of a replica, or of a guest of other stages' threads */
        struct pl_stage *stage;
        int replica;
        struct pl_lane *host; /* whose thread runs it; itself */
        pthread_t thread;
        bool hooked;
        struct pl_lane **visits; /* guests of other stages on this thread, those behind first */
        int n_visits;
        struct pl_data *in;
        struct pl_output *out;
        uint8_t **windows;
        void **trash; /* buffers to give back without the lock */
        int n_trash;
        struct ax_error err;
    } * lanes, *guests;
    int n_guests;
    /* statistics */
    struct pl_times run, cpu;
    uint64_t failed, skipped, by_neighbours, depth_sum, depth_count;
    int64_t busy_ns, starved_ns, blocked_ns, copied_bytes;
    int max_depth;
};

struct pl_ticket {
    uint64_t id;
    bool failed, complete;
    int stages_left, fail_stage;
    char *passed; /* by stage */
    int *refs;    /* by input: stages that still read it */
    struct ax_buffer *in, *out;
    bool own_out; /* outputs come from the allocator */
    void *user;
    int64_t pushed_ns, done_ns, deadline_ns;
    bool alone; /* nothing else was under way when it was pushed */
    atomic_int stop;
    struct ax_error err;
};

struct ax_pipeline {
    struct ax_pipeline_options opt;
    struct pl_stage *stages;
    int n_stages;
    struct pl_wire *wires;
    int n_wires;
    struct pl_block *blocks;
    int n_blocks;
    int *inputs, *outputs; /* wires */
    int n_inputs, n_outputs;
    int64_t memory_bytes;
    int shared_cores; /* handed out a second time */
    int n_hooked;     /* lanes */
    pthread_mutex_t lock;
    pthread_cond_t can_push, can_pop;
    int pushers, poppers; /* that wait */
    struct pl_ticket *tickets;
    int n_tickets;
    uint64_t last, first; /* pushed last; next to be popped */
    uint64_t entered;     /* the youngest that a stage took */
    bool closed;
    uint64_t cancel_from; /* AX_ON_ERROR_CLOSE: this request's failure cancels the younger ones; 0: none yet */
    int delivering;       /* the callback's thread exists */
    pthread_t deliverer;
    /* statistics */
    struct pl_times latency;
    uint64_t n_pushed, n_succeeded, n_failed;
    int64_t since_ns;
    int max_in_flight, max_waiting, finished, max_finished;
    /* on a simulated device: the statistics are of its time, and count what was popped */
    struct ax_connection *connection;
    struct ax_sim_line *line;
    struct ax_sim_times *times; /* by stage */
    uint64_t n_line;            /* requests that the line did */
    int64_t *line_done;         /* of the last n_tickets */
};

static inline struct pl_ticket *pl_ticket(struct ax_pipeline *p, uint64_t id)
{
    return &p->tickets[id % (uint64_t)p->n_tickets];
}

/* blocks.c */
enum ax_status pl_blocks_choose(struct ax_pipeline *p, struct pl_wire *w, const int *place, struct ax_error *err);
enum ax_status pl_blocks_allocate(struct ax_pipeline *p, const int *place, struct ax_error *err);
void pl_blocks_free(struct ax_pipeline *p);
static inline uint8_t *pl_block_slot(const struct ax_pipeline *p, int block, uint64_t request)
{
    const struct pl_block *b = &p->blocks[block];
    return b->data[request % (uint64_t)b->slots];
}

/* wire.c */
/* For every port at which a stage reads the wire. */
#define PL_EACH_READER(p, w, s, k)                                                                                             \
    for (int r_ = 0; r_ < (w)->n_readers; r_++)                                                                                \
        for (struct pl_stage *s = &(p)->stages[(w)->readers[r_]]; s; s = NULL)                                                 \
            for (int k = 0; k < s->worker.n_in; k++)                                                                           \
                if (&(p)->wires[s->in[k]] == (w))
enum ax_status pl_wire_up(struct ax_pipeline *p, struct ax_error *err);
void pl_wires_free(struct ax_pipeline *p);

/* virtual.c: nothing of it happens where time is real (line NULL) */
enum ax_status pl_line_make(struct ax_pipeline *p, struct ax_connection *c, struct ax_error *err);
void pl_line_free(struct ax_pipeline *p);
void pl_line_account(struct ax_pipeline *p, struct pl_ticket *t); /* as it is popped, with the lock held */
static inline int64_t pl_time(const struct ax_pipeline *p)
{
    return p->line ? ax_sim_now(p->line) / 1000 : pl_now();
}

extern _Thread_local const struct ax_pipeline *pl_thread_of; /* whose own thread this is; NULL: nobody's */

/* lend.c: threads that have nothing to do in their own stage */
enum ax_status pl_lend_make(struct ax_pipeline *p, struct ax_error *err);
struct pl_lane *pl_lend_visit(const struct pl_lane *l); /* a guest on this thread that has a request; NULL */
void pl_wake(struct pl_stage *s);                       /* there may be something for s: who does it? */

/* flow.c */
enum pl_look { PL_EXIT, PL_STARVED, PL_BLOCKED, PL_SKIP, PL_RUN };
enum pl_look pl_look(struct pl_stage *s);
void *pl_lane_main(void *lane);
/* With the lock held. */
void pl_fail_ticket(struct ax_pipeline *p, struct pl_ticket *t, int stage, enum ax_status s, const char *message);
void pl_cancel_from(struct ax_pipeline *p, uint64_t id, const char *why);
void pl_wake_all(struct ax_pipeline *p);

/* pipeline.c */
enum ax_status pl_lane_init(struct pl_stage *s, struct pl_lane *l, int replica, struct pl_lane *host, struct ax_error *err);

/* queue.c */
void *pl_deliver_main(void *pipeline);
int pl_waiting(const struct ax_pipeline *p);

/* memory.c */
void *pl_alloc_default(void *user, int64_t bytes);
void pl_free_default(void *user, void *data);
int64_t pl_output_bytes(const struct ax_pipeline *p, int output, enum ax_dtype *t);

#endif
