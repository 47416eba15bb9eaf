/* What stands behind a connection. A device hands out cores and makes lanes: a program made ready to run on some of them, one
 * run at a time. Instances and pipelines know devices only through these two structs of functions; a GPU or a vendor's driver
 * would be one more file like cpu_device.c. */
#ifndef AX_API_DEVICE_H
#define AX_API_DEVICE_H

#include <stdbool.h>

#include "axon/axon.h"
#include "exec/exec.h"
#include "files/device.h"

typedef void ax_step_hook(void *ctx, int step, int64_t begin_ns, int64_t end_ns);

struct ax_lane_type {
    enum ax_status (*set_input)(void *lane, int input, const void *data, enum ax_dtype t, struct ax_error *err);
    enum ax_status (*get_output)(void *lane, int output, void *data, enum ax_dtype t, struct ax_error *err);
    void (*window)(void *lane, int window, uint8_t *data); /* as ax_exec_window */
    void (*run)(void *lane, int first, int last);          /* steps [first, last) */
    void (*set_hook)(void *lane, ax_step_hook *hook, void *ctx);
    const char *(*kernel_name)(void *lane, int step);
    void (*free)(void *lane);
};

struct ax_lane {
    const struct ax_lane_type *type; /* NULL: none */
    void *self;
};

struct ax_lane_options {
    int threads;
    int pin;
    const int *cores; /* threads of them, of the connection's */
    const struct ax_window *windows;
    int n_windows;
    const struct ax_lane *like; /* of the same program, whose tables it shares; NULL */
    const struct ax_lane *on;   /* whose threads it uses, for lanes that never run at once: then threads, pin and cores say
                                   nothing; NULL: its own */
};

struct ax_device_type {
    const char *name;
    /* Leases `cores` cores (0: all that are free): fills n, cores and lease of the connection. */
    enum ax_status (*connect)(struct ax_connection *c, int cores, struct ax_error *err);
    void (*disconnect)(struct ax_connection *c);
    /* The program must outlive the lane. */
    enum ax_status (*lane_new)(struct ax_connection *c, const struct ax_program *p, const struct ax_lane_options *opt,
                               struct ax_lane *out, struct ax_error *err);
    bool cooperates; /* several cores may do one sample when nobody asks for a number */
    bool lends;      /* lanes can use the threads of others */
};

extern const struct ax_device_type ax_cpu_device, ax_sim_device;

/* cpu_device.c, for context.c */
void ax_cpu_describe(struct ax_device *out);

static inline void ax_lane_free(struct ax_lane *l)
{
    if (l->type) l->type->free(l->self);
    l->type = NULL;
}

#endif
