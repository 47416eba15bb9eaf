/* What the files of api/ share, and what Axon's own tools may look at (axbench: the steps of an instance). */
#ifndef AX_API_INTERNAL_H
#define AX_API_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "api/device.h"
#include "axon/axon.h"
#include "exec/exec.h"
#include "files/axmodel.h"

enum { AX_MAX_CORES = 1024 };

/* Reference counts: the public _free gives one up, the last one releases. */
struct ax_context {
    atomic_int refs;
    pthread_mutex_t lock; /* of chips */
    struct ax_chip {
        struct ax_arena mem;
        struct ax_device_desc desc;
        const char *device, *text; /* "sim:NAME", for people */
        struct ax_chip *next;
    } * chips; /* simulated ones */
};

struct ax_model {
    atomic_int refs;
    struct ax_context *context;
    struct ax_axmodel *file; /* NULL: the program is the caller's */
    const struct ax_program *program;
    struct ax_tensor *inputs, *outputs;
};

struct ax_connection {
    atomic_int refs;
    struct ax_context *context;
    const struct ax_device_type *type;
    const char *device;                /* its name */
    char *named;                       /* the same where it is its own; NULL */
    int only[AX_MAX_CORES], n_only;    /* cores that the name says; 0: any */
    const struct ax_device_desc *chip; /* simulated: what it is; NULL: time is real */
    _Atomic int64_t clock_ps;          /* of the chip */
    pthread_mutex_t lock;              /* of used */
    int n;
    int cores[AX_MAX_CORES], lease[AX_MAX_CORES]; /* core numbers; for the device's own use */
    char used[AX_MAX_CORES];                      /* by an instance */
    short sharers[AX_MAX_CORES];                  /* instances that share it */
    pthread_mutex_t turn;                         /* held by the sharing instance that runs */
};

void ax_context_hold(struct ax_context *c);
void ax_model_hold(struct ax_model *m);
void ax_connection_hold(struct ax_connection *c);

/* Marks `want` free cores as used and lists them; -1 when there are not enough. With share, cores that others share are free
 * too. */
int ax_connection_take(struct ax_connection *c, int want, int share, int *cores);
void ax_connection_give_back(struct ax_connection *c, const int *cores, int n, int share);
/* The chip's clock is at least there. */
void ax_connection_advance(struct ax_connection *c, int64_t ps);
/* NULL: there is no such chip. */
const struct ax_chip *ax_context_chip(struct ax_context *c, const char *device);

/* A model around a program that the caller keeps: for tests and for compilers that measure what they made. */
enum ax_status ax_model_from_program(struct ax_context *c, const struct ax_program *p, struct ax_model **out,
                                     struct ax_error *err);

/* Around every step of the first sample: times of the device. hook NULL ends that. */
void ax_instance_set_hook(struct ax_instance *i, ax_step_hook *hook, void *ctx);
const char *ax_instance_kernel_name(const struct ax_instance *i, int step);

/* The same of a pipeline's stage that is a model, while nothing runs. On a simulated device the steps of a replica follow one
 * another without a pause. */
typedef void ax_request_hook(void *ctx, uint64_t request, int step, int64_t begin_ns, int64_t end_ns);
void ax_pipeline_set_hook(struct ax_pipeline *p, int stage, int replica, ax_request_hook *hook, void *ctx);
const char *ax_pipeline_kernel_name(const struct ax_pipeline *p, int stage, int step);
int ax_pipeline_cores(const struct ax_pipeline *p, int stage, int replica, int *out, int max); /* as ax_connection_cores */

/* -- leases (lease.c) -- */

/* Cores that this process may use, in ascending order; returns how many. */
int ax_lease_candidates(int *cores);
/* The cores of a device "cpu:...", ascending. AX_NOT_FOUND: this process may not use one of them. */
enum ax_status ax_core_set_parse(const char *device, int cores[AX_MAX_CORES], int *n, struct ax_error *err);
static inline bool ax_is_cpu(const char *device)
{
    return !strcmp(device, "cpu") || !strncmp(device, "cpu:", 4);
}
/* A descriptor holding the core's lock, or -1: taken (*holder: the process, 0 if unknown), -2: failed (err). */
int ax_lease_take(int core, int *holder, struct ax_error *err);

#endif
