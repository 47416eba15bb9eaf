/* Axon's runtime: loads compiled models (.axmodel) and runs them.
 *
 *     Context (one a process) -> Model (a loaded file, shared)
 *                             -> Connection (a lease on cores of a device, held against other processes)
 *                                  -> Instance (a model on its cores), run synchronously or not
 *
 * One full use, without looking at the statuses:
 *
 *     struct ax_error err;
 *     struct ax_context *context;
 *     struct ax_model *model;
 *     struct ax_connection *connection;
 *     struct ax_instance *instance;
 *     ax_context_new(&context, &err);
 *     ax_model_load(context, "build/resnet50/resnet50/1/model.axmodel", &model, &err);
 *     ax_connect(context, "cpu", 2, &connection, &err);
 *     ax_instance_new(connection, model, NULL, &instance, &err);
 *
 *     struct ax_buffer in = {picture, AX_DTYPE_UINT8, 3 * 224 * 224}, out = {scores, AX_DTYPE_FLOAT32, 1000 * sizeof(float)};
 *     while (next_picture(picture))
 *         if (ax_instance_run(instance, &in, &out, &err) != AX_OK)
 *             fprintf(stderr, "%s\n", err.message);
 *
 *     ax_instance_free(instance);
 *     ax_connection_free(connection);
 *     ax_model_free(model);
 *     ax_context_free(context);
 *
 * Errors. A function that can fail returns a status and writes a message of one or more sentences to *err, which must not be
 * NULL. On failure *out is NULL and nothing needs releasing.
 *
 * Ownership. What a ..._new, _load or ax_connect gives is yours until you hand it to its _free; NULL may always be freed. The
 * order does not matter: an instance keeps its model and connection alive, those keep the context. Strings and arrays that
 * a function returns belong to the object it was asked of. Buffers are always the caller's.
 *
 * Threads. Different objects may be used from different threads at once. A context, model or connection may be shared; an
 * instance does one request at a time and makes callers wait their turn.
 *
 * Results do not depend on the machine: the same model and input give the same bits on every instruction set, with any number
 * of cores and any batch. The environment variable AXON_CPU ("scalar", "avx2", ...) limits the instructions used, for tests.
 *
 * This header is plain C99 and needs nothing but the C library. */
#ifndef AXON_AXON_H
#define AXON_AXON_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- statuses -- */

#ifndef AX_ERROR_DEFINED
#define AX_ERROR_DEFINED
enum ax_status {
    AX_OK,
    AX_INVALID_ARGUMENT,
    AX_NO_MEMORY,
    AX_IO,      /* a file could not be read or written */
    AX_FORMAT,  /* a file is damaged or not what it should be */
    AX_VERSION, /* a file was written by a newer Axon */
    AX_UNSUPPORTED,
    AX_SHAPE,
    AX_NOT_FOUND,
    AX_LIMIT,
    AX_BUSY, /* the cores are taken, by this or another process */
    AX_TIMEOUT,
    AX_CANCELLED, /* the instance was freed before the request's turn came */
    AX_CLOSED,
    AX_AGAIN, /* the queue is full */
    AX_DEVICE,
    AX_INTERNAL
};

struct ax_error {
    enum ax_status status;
    char message[1024];
};
#endif

const char *ax_status_text(enum ax_status s); /* "out of memory"; never NULL */
const char *ax_version(void);                 /* "0.1.0" */

/* -- element types -- */

#ifndef AX_DTYPE_DEFINED
#define AX_DTYPE_DEFINED
enum ax_dtype {
    AX_DTYPE_NONE,
    AX_DTYPE_FLOAT32,
    AX_DTYPE_INT8,
    AX_DTYPE_UINT8,
    AX_DTYPE_INT16,
    AX_DTYPE_INT32,
    AX_DTYPE_INT64,
    AX_DTYPE_BOOL,
    AX_DTYPE_FLOAT16,
    AX_DTYPE_FLOAT64,
    AX_DTYPE_UINT16,
    AX_DTYPE_UINT32,
    AX_DTYPE_UINT64,
    AX_DTYPE_COUNT
};
#endif

/* -- context and devices -- */

struct ax_context;

enum ax_status ax_context_new(struct ax_context **out, struct ax_error *err);
void ax_context_free(struct ax_context *c);

struct ax_device {
    const char *name;         /* "cpu": what ax_connect takes */
    const char *text;         /* for people: the instruction set in use */
    int cores;                /* that this process may use */
    int free_cores;           /* not leased by anybody at this moment */
    int64_t core_cache_bytes; /* on-chip memory of a core (L2); 0 if unknown */
};
/* Writes up to max devices; returns how many there are. */
int ax_context_devices(struct ax_context *c, struct ax_device *out, int max);

/* -- models -- */

struct ax_model;

/* An input or output. The shape is that of the original model; the first dimension is its batch as compiled. */
struct ax_tensor {
    const char *name;
    enum ax_dtype dtype;  /* in the original model */
    enum ax_dtype stored; /* inside: what raw buffers of this tensor hold (AX_DTYPE_INT8 where quantized) */
    int rank;
    int64_t dim[8];
    const char *layout; /* "NCHW", "NHWC", "NC"...; "" where there is nothing to say */
    int64_t elements;
    int n_scales; /* 0: not quantized; 1; or one for each index of dimension scale_axis */
    int scale_axis;
    const float *scale; /* real = scale[i] * (q - zero_point[i]) */
    const int32_t *zero_point;
};

/* Reads and checks the whole file. */
enum ax_status ax_model_load(struct ax_context *c, const char *path, struct ax_model **out, struct ax_error *err);
void ax_model_free(struct ax_model *m);
int ax_model_inputs(const struct ax_model *m);
int ax_model_outputs(const struct ax_model *m);
const struct ax_tensor *ax_model_input(const struct ax_model *m, int i); /* NULL if there is none */
const struct ax_tensor *ax_model_output(const struct ax_model *m, int i);
const char *ax_model_manifest(const struct ax_model *m); /* JSON; "" if the file has none */
int64_t ax_model_arena_bytes(const struct ax_model *m);  /* memory for activations, an instance and sample of its batch */

/* -- connections: a lease on cores -- */

struct ax_connection;

/* Leases `cores` cores of a device (NULL: "cpu"; 0: all that are free). AX_BUSY when fewer are free, with who holds them.
 * "cpu:0", "cpu:0-3" or "cpu:0-3+8" are some of the processor's cores; 0 means all that are named, free or not.
 * "sim:NAME" is a simulated one (axon/sim.h), which nobody else can hold.
 * The lease ends with ax_connection_free, when the last instance on it is gone, or when the process dies.
 * Leases are files under $AXON_LEASE_DIR, else $XDG_RUNTIME_DIR/axon, else axon-UID among temporary files. */
enum ax_status ax_connect(struct ax_context *c, const char *device, int cores, struct ax_connection **out,
                          struct ax_error *err);
void ax_connection_free(struct ax_connection *c);
int ax_connection_cores(const struct ax_connection *c, int *out, int max); /* the cores' numbers; returns how many */
int ax_connection_free_cores(const struct ax_connection *c);               /* not yet given to instances */
const char *ax_connection_device(const struct ax_connection *c);           /* as it was named */
/* Time on the device in nanoseconds, to measure runs by. Simulated: its virtual clock, that of the instance or pipeline which
 * is farthest; it stands still while nothing finishes. Else a monotonic clock. */
int64_t ax_connection_time_ns(const struct ax_connection *c);

/* -- instances -- */

struct ax_instance;

struct ax_instance_options {
    int batch; /* samples a request holds, done at the same time; default 1 */
    int cores; /* for each sample; default: all free ones of the connection, shared out evenly (simulated: one) */
    int pin;   /* 1: threads stay on their cores, also the thread that calls ax_instance_run; default 0 */
    int queue; /* requests that may wait; default 16 */
    int share; /* 1: cores may be given to other instances that share as well; those take turns, a request each; default 0 */
};
void ax_instance_options_default(struct ax_instance_options *opt);

/* Takes batch x cores of the connection's cores; AX_BUSY when that many are not free. opt NULL: defaults. */
enum ax_status ax_instance_new(struct ax_connection *c, struct ax_model *m, const struct ax_instance_options *opt,
                               struct ax_instance **out, struct ax_error *err);
/* Waits for the request that runs; those that still wait end with AX_CANCELLED. */
void ax_instance_free(struct ax_instance *i);

/* A tensor in the original model's shape, row-major, `batch` of them one after another. The type says how it is meant:
 *   input    float32 real numbers, quantized on the way; uint8: numbers 0 to 255, taken as they are; int8 where the tensor is
 *            stored so: raw; or the tensor's own type
 *   output   float32: real numbers; the stored type: raw */
struct ax_buffer {
    void *data;
    enum ax_dtype dtype;
    int64_t bytes; /* checked against what the tensor needs */
};

/* One buffer an input, one an output, in the model's order. Blocks. */
enum ax_status ax_instance_run(struct ax_instance *i, const struct ax_buffer *inputs, const struct ax_buffer *outputs,
                               struct ax_error *err);

/* Called once from the instance's thread; it must not wait for the same instance. */
typedef void ax_done(void *user, uint64_t request, enum ax_status status, const struct ax_error *err);

/* Queues a request and returns at once; the buffers' memory must stay until it is done, the arrays need not. With `done`
 * NULL the result is taken by ax_instance_wait; otherwise `done` gets it. AX_AGAIN when the queue is full. Ids count from 1. */
enum ax_status ax_instance_submit(struct ax_instance *i, const struct ax_buffer *inputs, const struct ax_buffer *outputs,
                                  ax_done *done, void *user, uint64_t *request, struct ax_error *err);
/* Waits until a request is done and returns its status. timeout_ms < 0: for ever; 0: only looks. AX_TIMEOUT when it is not
 * done in time: it goes on, and may be waited for again. AX_NOT_FOUND for an id whose result was already taken. */
enum ax_status ax_instance_wait(struct ax_instance *i, uint64_t request, int64_t timeout_ms, struct ax_error *err);

#ifdef __cplusplus
}
#endif

#include "axon/pipeline.h"
#include "axon/sim.h"

#endif
