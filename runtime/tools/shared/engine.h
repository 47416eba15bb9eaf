/* A model made ready to run, for the tools: on leased cores, one request at a time. */
#ifndef AX_TOOLS_ENGINE_H
#define AX_TOOLS_ENGINE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/types.h"

/* -- cores -- */

struct ax_cores;
struct ax_device_desc;
/* Leases cores of the device; 0: all that are free. Where others hold them it waits up to wait_s seconds, and says so. */
enum ax_status ax_cores_lease(int cores, double wait_s, struct ax_cores **out, struct ax_error *err);
/* The same on a device as --device names it: "cpu", or "sim:NAME" with the name or path of a description. */
enum ax_status ax_cores_lease_on(const char *device, int cores, double wait_s, struct ax_cores **out, struct ax_error *err);
void ax_cores_free(struct ax_cores *c);                               /* NULL is fine */
const char *ax_cores_device(const struct ax_cores *c);                /* "cpu", "cpu:0-1", "sim:NAME" */
const char *ax_cores_label(const struct ax_cores *c);                 /* for people: the same unless one was set */
void ax_cores_set_label(struct ax_cores *c, const char *label);       /* kept as it is */
const struct ax_device_desc *ax_cores_chip(const struct ax_cores *c); /* simulated: what it is; else NULL */
int64_t ax_cores_time_ns(const struct ax_cores *c);                   /* of the device: virtual where it is simulated */
int ax_cores_count(const struct ax_cores *c);

/* -- engines -- */

/* An input or output as the user knows it. */
struct ax_engine_port {
    const char *name;
    enum ax_dtype dtype;  /* given and got unless asked for raw */
    enum ax_dtype stored; /* on the device: what raw means */
    struct ax_shape shape;
    struct ax_quant quant; /* count 0: not quantized */
    int64_t count, bytes;  /* elements; bytes of `dtype` */
};

struct ax_engine_memory {
    int64_t weights_bytes, activations_bytes;
};

struct ax_engine;

/* batch: samples that a request may hold, done at the same time on cores of their own. The path of a partition.json opens its
 * segments as a pipeline: samples of a request follow one another through it, and a batch of 1 becomes as many as keep it full.
 */
enum ax_status ax_engine_open(struct ax_cores *cores, const char *axmodel, int batch, struct ax_engine **out,
                              struct ax_error *err);
struct ax_engine_options {
    int batch;     /* as above; default 1 */
    int instances; /* of one model: copies that work at the same time, each on its share of the cores; default 1 */
    int queue;     /* requests that may be under way on each; default 16 */
    int cores;     /* for all of them together; default: all that are free */
    struct ax_cores *const *devices; /* of segments: one each; default: all of them on `cores` */
    int n_devices;
    bool fixed_cores; /* of segments: each works on its own cores only, also where neighbours have nothing to do */
    bool share;       /* a model's cores may be given to other engines that share as well; their requests take turns */
};
enum ax_status ax_engine_open_with(struct ax_cores *cores, const char *axmodel, const struct ax_engine_options *opt,
                                   struct ax_engine **out, struct ax_error *err);
void ax_engine_close(struct ax_engine *e); /* NULL is fine; requests under way are finished or cancelled first */
/* Gives the cores to others until the next run. */
void ax_engine_rest(struct ax_engine *e);

int ax_engine_inputs(const struct ax_engine *e);
int ax_engine_outputs(const struct ax_engine *e);
const struct ax_engine_port *ax_engine_input(const struct ax_engine *e, int i);
const struct ax_engine_port *ax_engine_output(const struct ax_engine *e, int i);
int ax_engine_batch(const struct ax_engine *e);
void ax_engine_limit_batch(struct ax_engine *e, int batch); /* requests will hold at most so many */
/* Labels of the device that it is on, and of the one that a segment is on. */
const char *ax_engine_device(const struct ax_engine *e);
const char *ax_engine_segment_device(const struct ax_engine *e, int segment);
struct ax_segments;
struct ax_segments *ax_engine_segments(const struct ax_engine *e); /* of segments.h; NULL: one model */
struct ax_pipeline;
struct ax_pipeline *ax_engine_pipeline(const struct ax_engine *e); /* of axon/pipeline.h; NULL: one model, or resting */
struct ax_engine_memory ax_engine_memory(const struct ax_engine *e);

/* One tensor a sample, row-major in the port's shape, one after another. */
struct ax_engine_buffer {
    void *data;
    enum ax_dtype dtype;
};
/* samples: 1 to the batch. */
enum ax_status ax_engine_run(struct ax_engine *e, int samples, const struct ax_engine_buffer *in,
                             const struct ax_engine_buffer *out, struct ax_error *err);

/* -- requests that do not wait for one another -- */

int ax_engine_instances(const struct ax_engine *e);
/* Whole batches, of a single sample where segments run; buffers must stay until it is done. With `done` it is called from a
 * thread of the engine; else ax_engine_wait takes the result. */
typedef void ax_engine_done(void *user, enum ax_status s, const struct ax_error *err);
enum ax_status ax_engine_submit(struct ax_engine *e, int instance, const struct ax_engine_buffer *in,
                                const struct ax_engine_buffer *out, ax_engine_done *done, void *user, uint64_t *ticket,
                                struct ax_error *err);
/* AX_TIMEOUT: it goes on and may be waited for again. timeout_ms < 0: for ever. Those of an instance are waited for in the
 * order of their submissions; earlier ones that nobody waited for are done as well. */
enum ax_status ax_engine_wait(struct ax_engine *e, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err);
bool ax_engine_is_float(const struct ax_engine *e); /* no tensor of it is quantized */
/* The numbers of the cores that an instance works on; returns how many. */
int ax_engine_cores(const struct ax_engine *e, int instance, int *out, int max);

/* -- steps, for profiles -- */

struct ax_program;
const struct ax_program *ax_engine_program(const struct ax_engine *e); /* NULL: segments */

struct ax_engine_step {
    const char *name, *kind, *kernel;
    int node;
    int64_t macs;
};
int ax_engine_steps(const struct ax_engine *e);
struct ax_engine_step ax_engine_step(const struct ax_engine *e, int i);
/* Called around every step of the first sample of the runs to come on the first instance; NULL ends that. The engine must have
 * run once. */
void ax_engine_set_hook(struct ax_engine *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx);
/* The same of any instance, while nothing runs on it. */
void ax_engine_hook_instance(struct ax_engine *e, int instance,
                             void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx);

#endif
