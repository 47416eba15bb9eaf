#include "tools/shared/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h" /* the steps of an instance, for profiles; all else is the public header */
#include "axon/axon.h"
#include "files/device.h"
#include "files/partition.h"
#include "tools/shared/collector.h"
#include "tools/shared/segments.h"

/* -- cores -- */

struct ax_cores {
    struct ax_arena mem;
    const char *device, *label;
    struct ax_context *context;
    struct ax_connection *connection;
};

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static enum ax_status connect_or_wait(struct ax_cores *c, int cores, double wait_s, struct ax_error *err)
{
    struct ax_device cpu;
    enum ax_status s = ax_connect(c->context, c->device, cores, &c->connection, err);
    if (s != AX_BUSY || !ax_is_cpu(c->device)) return s;
    if (ax_context_devices(c->context, &cpu, 1) < 1 || cores > cpu.cores) return s; /* waiting would not help */
    for (double waited = 0; s == AX_BUSY && waited < wait_s; waited += 0.05) {
        if (waited == 0) fprintf(stderr, "waiting up to %g s for cores: %s\n", wait_s, err->message);
        sleep_ms(50);
        s = ax_connect(c->context, c->device, cores, &c->connection, err);
    }
    return s;
}

/* Makes the simulated device known, unless it is the cpu. */
static enum ax_status make_device(struct ax_cores *c, const char *device, struct ax_error *err)
{
    struct ax_device_desc chip;
    bool simulated;
    c->device = ax_arena_str(&c->mem, device);
    if (ax_is_cpu(device)) return AX_OK;
    enum ax_status s = ax_device_find(device, &chip, &simulated, &c->mem, err);
    if (s) return s;
    if (!simulated)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "--device %s: a description is not there to run on. Give sim:%s to simulate it, or cpu", device, device);
    c->device = ax_arena_printf(&c->mem, "sim:%s", chip.name);
    return ax_context_simulate(c->context, &chip, err);
}

enum ax_status ax_cores_lease(int cores, double wait_s, struct ax_cores **out, struct ax_error *err)
{
    return ax_cores_lease_on("cpu", cores, wait_s, out, err);
}

enum ax_status ax_cores_lease_on(const char *device, int cores, double wait_s, struct ax_cores **out, struct ax_error *err)
{
    struct ax_cores *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for the device");
    enum ax_status s = ax_context_new(&c->context, err);
    if (!s) s = make_device(c, device, err);
    if (!s) s = connect_or_wait(c, cores, wait_s, err);
    if (s)
        ax_cores_free(c);
    else
        *out = c;
    return s;
}

void ax_cores_free(struct ax_cores *c)
{
    if (!c) return;
    ax_connection_free(c->connection);
    ax_context_free(c->context);
    ax_arena_free(&c->mem);
    free(c);
}

const char *ax_cores_device(const struct ax_cores *c)
{
    return c->device;
}

const char *ax_cores_label(const struct ax_cores *c)
{
    return c->label ? c->label : c->device;
}

void ax_cores_set_label(struct ax_cores *c, const char *label)
{
    c->label = label;
}

const struct ax_device_desc *ax_cores_chip(const struct ax_cores *c)
{
    return c->connection->chip;
}

int64_t ax_cores_time_ns(const struct ax_cores *c)
{
    return ax_connection_time_ns(c->connection);
}

int ax_cores_count(const struct ax_cores *c)
{
    return ax_connection_cores(c->connection, NULL, 0);
}

/* -- engines -- */

struct ax_engine {
    struct ax_cores *cores;
    struct ax_model *model;
    struct ax_instance **instances; /* NULL while it rests */
    struct ax_engine_options opt;
    int n_instances, queue;
    struct ax_segments *segments;   /* instead of the model */
    struct ax_collector *collector; /* of the segments' results */
    pthread_mutex_t submitting;
    int batch, n_in, n_out;
    struct ax_engine_port *inputs, *outputs;
    struct ax_buffer *in, *out;
    void **spare; /* whole batches for requests that hold less, by inputs and then outputs */
};

static struct ax_engine_port port_of(const struct ax_tensor *t)
{
    bool real = t->n_scales || t->dtype == AX_DTYPE_FLOAT16 || t->dtype == AX_DTYPE_FLOAT64;
    enum ax_dtype dtype = real ? AX_DTYPE_FLOAT32 : t->dtype;
    return (struct ax_engine_port){.name = t->name,
                                   .dtype = dtype,
                                   .stored = t->stored,
                                   .shape = ax_shape_make(t->rank, t->dim),
                                   .quant = {t->n_scales, t->scale_axis, t->scale, t->zero_point},
                                   .count = t->elements,
                                   .bytes = t->elements * (int64_t)ax_dtype_bytes(dtype)};
}

static const struct ax_tensor *tensor_of(const struct ax_engine *e, bool output, int i)
{
    if (!e->segments) return output ? ax_model_output(e->model, i) : ax_model_input(e->model, i);
    struct ax_pipeline *p = ax_segments_pipeline(e->segments);
    return output ? ax_pipeline_output(p, i) : ax_pipeline_input(p, i);
}

static void count_ports(struct ax_engine *e)
{
    e->n_in = e->segments ? ax_pipeline_inputs(ax_segments_pipeline(e->segments)) : ax_model_inputs(e->model);
    e->n_out = e->segments ? ax_pipeline_outputs(ax_segments_pipeline(e->segments)) : ax_model_outputs(e->model);
}

static enum ax_status make_ports(struct ax_engine *e, struct ax_error *err)
{
    count_ports(e);
    e->inputs = calloc((size_t)e->n_in + 1, sizeof *e->inputs);
    e->outputs = calloc((size_t)e->n_out + 1, sizeof *e->outputs);
    e->in = calloc((size_t)e->n_in + 1, sizeof *e->in);
    e->out = calloc((size_t)e->n_out + 1, sizeof *e->out);
    e->spare = calloc((size_t)(e->n_in + e->n_out) + 1, sizeof *e->spare);
    if (!e->inputs || !e->outputs || !e->in || !e->out || !e->spare)
        return ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    for (int i = 0; i < e->n_in; i++) e->inputs[i] = port_of(tensor_of(e, false, i));
    for (int i = 0; i < e->n_out; i++) e->outputs[i] = port_of(tensor_of(e, true, i));
    return AX_OK;
}

static enum ax_status start_segments(struct ax_engine *e, struct ax_error *err)
{
    struct ax_connection *each[AX_PARTITION_MAX_SEGMENTS] = {e->cores->connection};
    int n = e->opt.n_devices;
    for (int i = 0; i < n && i < AX_PARTITION_MAX_SEGMENTS; i++) each[i] = e->opt.devices[i]->connection;
    return ax_segments_start(e->segments, each, n > 1 ? n : 1, e->opt.fixed_cores, err);
}

static enum ax_status wake(struct ax_engine *e, struct ax_error *err)
{
    struct ax_instance_options opt;
    if (e->segments) return start_segments(e, err);
    ax_instance_options_default(&opt);
    opt.batch = e->batch;
    opt.queue = e->queue;
    opt.share = e->opt.share;
    int cores = e->opt.cores ? e->opt.cores : ax_connection_free_cores(e->cores->connection);
    bool split = e->n_instances > 1 || e->opt.cores;
    if (split && e->cores->connection->type->cooperates) opt.cores = cores / (e->n_instances * e->batch);
    if (split && !opt.cores) opt.cores = 1; /* too few: the last one says so */
    enum ax_status s = AX_OK;
    for (int i = 0; i < e->n_instances && !s; i++)
        if (!e->instances[i]) s = ax_instance_new(e->cores->connection, e->model, &opt, &e->instances[i], err);
    return s;
}

enum ax_status ax_engine_open(struct ax_cores *cores, const char *axmodel, int batch, struct ax_engine **out,
                              struct ax_error *err)
{
    return ax_engine_open_with(cores, axmodel, &(struct ax_engine_options){.batch = batch}, out, err);
}

enum ax_status ax_engine_open_with(struct ax_cores *cores, const char *axmodel, const struct ax_engine_options *opt,
                                   struct ax_engine **out, struct ax_error *err)
{
    struct ax_engine *e = calloc(1, sizeof *e);
    int batch = opt->batch > 0 ? opt->batch : 1;
    *out = NULL;
    if (!e) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", axmodel);
    e->cores = cores;
    e->opt = *opt;
    e->batch = batch;
    e->queue = opt->queue > 0 ? opt->queue : 16;
    pthread_mutex_init(&e->submitting, NULL);
    e->n_instances = opt->instances > 0 ? opt->instances : 1;
    e->instances = calloc((size_t)e->n_instances, sizeof *e->instances);
    if (!e->instances) {
        free(e);
        return ax_fail(err, AX_NO_MEMORY, "%s: no memory for %d instances", axmodel, opt->instances);
    }
    enum ax_status s = ax_segments_named(axmodel) ? ax_segments_load(cores->context, axmodel, &e->segments, err)
                                                  : ax_model_load(cores->context, axmodel, &e->model, err);
    if (!s && e->segments) e->n_instances = 1;
    if (!s && e->segments && batch == 1) e->batch = ax_segments_in_flight(e->segments);
    if (!s) s = wake(e, err);
    if (!s) s = make_ports(e, err);
    if (s)
        ax_engine_close(e);
    else
        *out = e;
    return s;
}

void ax_engine_close(struct ax_engine *e)
{
    if (!e) return;
    int n = e->spare ? e->n_in + e->n_out : 0;
    for (int i = 0; i < n; i++) free(e->spare[i]);
    ax_engine_rest(e);
    ax_model_free(e->model);
    ax_segments_free(e->segments);
    free(e->instances);
    free(e->inputs);
    free(e->outputs);
    free(e->in);
    free(e->out);
    free(e->spare);
    pthread_mutex_destroy(&e->submitting);
    free(e);
}

void ax_engine_rest(struct ax_engine *e)
{
    for (int i = 0; i < e->n_instances; i++) {
        ax_instance_free(e->instances[i]);
        e->instances[i] = NULL;
    }
    if (e->segments && ax_segments_pipeline(e->segments)) ax_pipeline_close(ax_segments_pipeline(e->segments));
    ax_collector_free(e->collector);
    e->collector = NULL;
    if (e->segments) ax_segments_stop(e->segments);
}

int ax_engine_inputs(const struct ax_engine *e)
{
    return e->n_in;
}

int ax_engine_outputs(const struct ax_engine *e)
{
    return e->n_out;
}

const struct ax_engine_port *ax_engine_input(const struct ax_engine *e, int i)
{
    return &e->inputs[i];
}

const struct ax_engine_port *ax_engine_output(const struct ax_engine *e, int i)
{
    return &e->outputs[i];
}

int ax_engine_batch(const struct ax_engine *e)
{
    return e->batch;
}

void ax_engine_limit_batch(struct ax_engine *e, int batch)
{
    if (batch < e->batch) e->batch = batch;
}

const char *ax_engine_device(const struct ax_engine *e)
{
    return ax_cores_label(e->cores);
}

const char *ax_engine_segment_device(const struct ax_engine *e, int segment)
{
    return ax_cores_label(e->opt.n_devices > 1 ? e->opt.devices[segment] : e->cores);
}

struct ax_segments *ax_engine_segments(const struct ax_engine *e)
{
    return e->segments;
}

struct ax_pipeline *ax_engine_pipeline(const struct ax_engine *e)
{
    return e->segments ? ax_segments_pipeline(e->segments) : NULL;
}

struct ax_engine_memory ax_engine_memory(const struct ax_engine *e)
{
    if (e->segments)
        return (struct ax_engine_memory){ax_segments_weights_bytes(e->segments), ax_segments_activations_bytes(e->segments)};
    return (struct ax_engine_memory){e->model->program->const_bytes, ax_model_arena_bytes(e->model)};
}

/* -- running -- */

static int64_t sample_bytes(const struct ax_engine_port *port, enum ax_dtype t)
{
    return port->count * (int64_t)ax_dtype_bytes(t);
}

/* The caller's memory for a full batch, spare memory for a part of one. */
static enum ax_status bind(struct ax_engine *e, const struct ax_engine_port *port, const struct ax_engine_buffer *b,
                           void **spare, int samples, struct ax_buffer *to, struct ax_error *err)
{
    *to = (struct ax_buffer){b->data, b->dtype, e->batch * sample_bytes(port, b->dtype)};
    if (samples == e->batch) return AX_OK;
    if (!*spare) *spare = calloc((size_t)e->batch, (size_t)port->count * 8); /* 8: the widest type */
    to->data = *spare;
    return *spare ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a batch of %d", e->batch);
}

static enum ax_status run_segments(struct ax_engine *e, int samples, const struct ax_engine_buffer *in,
                                   const struct ax_engine_buffer *out, struct ax_error *err)
{
    for (int i = 0; i < e->n_in; i++)
        e->in[i] = (struct ax_buffer){in[i].data, in[i].dtype, sample_bytes(&e->inputs[i], in[i].dtype)};
    for (int i = 0; i < e->n_out; i++)
        e->out[i] = (struct ax_buffer){out[i].data, out[i].dtype, sample_bytes(&e->outputs[i], out[i].dtype)};
    return ax_segments_run(e->segments, samples, e->in, e->out, err);
}

enum ax_status ax_engine_run(struct ax_engine *e, int samples, const struct ax_engine_buffer *in,
                             const struct ax_engine_buffer *out, struct ax_error *err)
{
    int n_in = ax_engine_inputs(e), n_out = ax_engine_outputs(e);
    enum ax_status s = wake(e, err);
    if (e->segments) return s ? s : run_segments(e, samples, in, out, err);
    for (int i = 0; i < n_in && !s; i++) {
        s = bind(e, &e->inputs[i], &in[i], &e->spare[i], samples, &e->in[i], err);
        if (!s && e->in[i].data != in[i].data)
            memcpy(e->in[i].data, in[i].data, (size_t)(samples * sample_bytes(&e->inputs[i], in[i].dtype)));
    }
    for (int i = 0; i < n_out && !s; i++) s = bind(e, &e->outputs[i], &out[i], &e->spare[n_in + i], samples, &e->out[i], err);
    if (!s) s = ax_instance_run(e->instances[0], e->in, e->out, err);
    for (int i = 0; i < n_out && !s; i++)
        if (e->out[i].data != out[i].data)
            memcpy(out[i].data, e->out[i].data, (size_t)(samples * sample_bytes(&e->outputs[i], out[i].dtype)));
    return s;
}

/* -- requests that do not wait for one another -- */

int ax_engine_instances(const struct ax_engine *e)
{
    return e->n_instances;
}

static void list_buffers(const struct ax_engine_port *ports, int n, const struct ax_engine_buffer *b, int batch,
                         struct ax_buffer *to)
{
    for (int i = 0; i < n; i++) to[i] = (struct ax_buffer){b[i].data, b[i].dtype, batch * sample_bytes(&ports[i], b[i].dtype)};
}

struct request { /* of an instance */
    ax_engine_done *done;
    void *user;
};

static void request_done(void *user, uint64_t id, enum ax_status s, const struct ax_error *err)
{
    struct request *r = user;
    (void)id;
    r->done(r->user, s, err);
    free(r);
}

static enum ax_status submit_to_instance(struct ax_engine *e, int instance, ax_engine_done *done, void *user, uint64_t *ticket,
                                         struct ax_error *err)
{
    struct request *r = done ? malloc(sizeof *r) : NULL;
    if (done && !r) return ax_fail(err, AX_NO_MEMORY, "no memory for a request");
    if (r) *r = (struct request){done, user};
    enum ax_status s = ax_instance_submit(e->instances[instance], e->in, e->out, r ? request_done : NULL, r, ticket, err);
    if (s) free(r);
    return s;
}

enum ax_status ax_engine_submit(struct ax_engine *e, int instance, const struct ax_engine_buffer *in,
                                const struct ax_engine_buffer *out, ax_engine_done *done, void *user, uint64_t *ticket,
                                struct ax_error *err)
{
    pthread_mutex_lock(&e->submitting); /* the lists of buffers are the engine's */
    enum ax_status s = wake(e, err);
    if (!s) list_buffers(e->inputs, e->n_in, in, e->segments ? 1 : e->batch, e->in);
    if (!s) list_buffers(e->outputs, e->n_out, out, e->segments ? 1 : e->batch, e->out);
    if (!s && !e->segments) s = submit_to_instance(e, instance, done, user, ticket, err);
    pthread_mutex_unlock(&e->submitting);
    if (s || !e->segments) return s;
    if (!e->collector && ax_collector_new(ax_segments_pipeline(e->segments), &e->collector, err)) return err->status;
    return ax_collector_push(e->collector, e->in, e->out, done, user, ticket, err);
}

enum ax_status ax_engine_wait(struct ax_engine *e, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    if (!e->segments) return ax_instance_wait(e->instances[instance], ticket, timeout_ms, err);
    return ax_collector_wait(e->collector, ticket, timeout_ms, err);
}

static bool has_int8(const struct ax_program *p)
{
    for (int i = 0; i < p->n_operands; i++)
        if (p->operands[i].dtype == AX_DTYPE_INT8) return true;
    return false;
}

bool ax_engine_is_float(const struct ax_engine *e)
{
    return e->segments ? !ax_segments_quantized(e->segments) : !has_int8(e->model->program);
}

int ax_engine_cores(const struct ax_engine *e, int instance, int *out, int max)
{
    int all[AX_MAX_CORES], n = ax_connection_cores(e->cores->connection, all, AX_MAX_CORES);
    int each = e->segments ? n : n / (e->n_instances * e->batch) * e->batch, first = e->segments ? 0 : instance * each;
    for (int i = 0; i < each && i < max && first + i < n; i++) out[i] = all[first + i];
    return each;
}

/* -- steps -- */

const struct ax_program *ax_engine_program(const struct ax_engine *e)
{
    return e->segments ? NULL : e->model->program;
}

int ax_engine_steps(const struct ax_engine *e)
{
    return e->segments ? 0 : e->model->program->n_steps;
}

struct ax_engine_step ax_engine_step(const struct ax_engine *e, int i)
{
    const struct ax_step *s = &e->model->program->steps[i];
    const char *kernel = !e->segments && e->instances[0] ? ax_instance_kernel_name(e->instances[0], i) : "";
    return (struct ax_engine_step){s->name ? s->name : "", ax_step_text(s->kind), kernel, s->node, s->macs};
}

void ax_engine_set_hook(struct ax_engine *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx)
{
    ax_engine_hook_instance(e, 0, hook, ctx);
}

void ax_engine_hook_instance(struct ax_engine *e, int instance,
                             void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx)
{
    if (e->instances[instance]) ax_instance_set_hook(e->instances[instance], hook, ctx);
}
