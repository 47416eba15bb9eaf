#include "tools/shared/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h" /* the executor of an instance, for profiles; all else is the public header */
#include "axon/axon.h"
#include "tools/shared/segments.h"

/* -- cores -- */

struct ax_cores {
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
    enum ax_status s = ax_connect(c->context, NULL, cores, &c->connection, err);
    if (ax_context_devices(c->context, &cpu, 1) < 1 || cores > cpu.cores) return s; /* waiting would not help */
    for (double waited = 0; s == AX_BUSY && waited < wait_s; waited += 0.05) {
        if (waited == 0) fprintf(stderr, "waiting up to %g s for cores: %s\n", wait_s, err->message);
        sleep_ms(50);
        s = ax_connect(c->context, NULL, cores, &c->connection, err);
    }
    return s;
}

enum ax_status ax_cores_lease(int cores, double wait_s, struct ax_cores **out, struct ax_error *err)
{
    struct ax_cores *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for the device");
    enum ax_status s = ax_context_new(&c->context, err);
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
    free(c);
}

int ax_cores_count(const struct ax_cores *c)
{
    return ax_connection_cores(c->connection, NULL, 0);
}

/* -- engines -- */

struct ax_engine {
    struct ax_cores *cores;
    struct ax_model *model;
    struct ax_instance *instance; /* NULL while it rests */
    struct ax_segments *segments; /* instead of the model */
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

static enum ax_status wake(struct ax_engine *e, struct ax_error *err)
{
    struct ax_instance_options opt;
    if (e->segments) return ax_segments_start(e->segments, e->cores->connection, err);
    if (e->instance) return AX_OK;
    ax_instance_options_default(&opt);
    opt.batch = e->batch;
    return ax_instance_new(e->cores->connection, e->model, &opt, &e->instance, err);
}

enum ax_status ax_engine_open(struct ax_cores *cores, const char *axmodel, int batch, struct ax_engine **out,
                              struct ax_error *err)
{
    struct ax_engine *e = calloc(1, sizeof *e);
    *out = NULL;
    if (!e) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", axmodel);
    e->cores = cores;
    e->batch = batch;
    enum ax_status s = ax_segments_named(axmodel) ? ax_segments_load(cores->context, axmodel, &e->segments, err)
                                                  : ax_model_load(cores->context, axmodel, &e->model, err);
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
    ax_instance_free(e->instance);
    ax_model_free(e->model);
    ax_segments_free(e->segments);
    free(e->inputs);
    free(e->outputs);
    free(e->in);
    free(e->out);
    free(e->spare);
    free(e);
}

void ax_engine_rest(struct ax_engine *e)
{
    ax_instance_free(e->instance);
    e->instance = NULL;
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
    if (!s) s = ax_instance_run(e->instance, e->in, e->out, err);
    for (int i = 0; i < n_out && !s; i++)
        if (e->out[i].data != out[i].data)
            memcpy(out[i].data, e->out[i].data, (size_t)(samples * sample_bytes(&e->outputs[i], out[i].dtype)));
    return s;
}

/* -- steps -- */

int ax_engine_steps(const struct ax_engine *e)
{
    return e->segments ? 0 : e->model->program->n_steps;
}

struct ax_engine_step ax_engine_step(const struct ax_engine *e, int i)
{
    const struct ax_step *s = &e->model->program->steps[i];
    const char *kernel = e->instance ? ax_exec_kernel_name(ax_instance_exec(e->instance, 0), i) : "";
    return (struct ax_engine_step){s->name ? s->name : "", ax_step_text(s->kind), kernel, s->node, s->macs};
}

void ax_engine_set_hook(struct ax_engine *e, void (*hook)(void *ctx, int step, int64_t begin_ns, int64_t end_ns), void *ctx)
{
    if (e->instance) ax_exec_set_hook(ax_instance_exec(e->instance, 0), hook, ctx);
}
