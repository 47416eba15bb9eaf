/* The proof: the same inputs through the originals, one after another, and through the joined model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "join.h"

struct tensor {
    void *data;
    int64_t count;
    enum ax_dtype dtype;
};

struct prover {
    const struct ax_join *j;
    const struct ax_program *joined;
    struct ax_exec *whole, *part[AX_JOIN_MAX_MODELS];
    float **input;                             /* by joined input: what the user would give */
    struct tensor *output[AX_JOIN_MAX_MODELS]; /* by output of each original */
    struct tensor *joined_output;
    struct ax_arena mem;
    double tolerance;
    struct ax_join_proof *proof;
    struct ax_error *err;
};

static void fill_random(const struct ax_join *j, int input, uint64_t *state, float *dst)
{
    const struct ax_join_input *in = &j->inputs[input];
    const struct ax_join_model *m = &j->models[in->model];
    const struct ax_quant *q = &m->graph->values[m->graph->inputs[in->index]].quant;
    int64_t n = ax_shape_count(&in->shape);
    float low = -1, high = 1;
    bool whole = in->raw || in->dtype != AX_DTYPE_FLOAT32;
    if (in->raw)
        low = 0, high = 256;
    else if (in->dtype != AX_DTYPE_FLOAT32)
        low = 0, high = 2; /* indices and flags */
    else if (q->count == 1)
        low = q->scale[0] * (float)(-130 - q->zero_point[0]), high = q->scale[0] * (float)(129 - q->zero_point[0]);
    for (int64_t i = 0; i < n; i++) {
        uint64_t z = (*state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        float u = (float)((z ^ (z >> 31)) >> 40) * 0x1p-24f;
        dst[i] = low + (high - low) * u;
        if (whole) dst[i] = floorf(dst[i]);
    }
}

static void store(enum ax_dtype t, const float *x, int64_t n, void *out)
{
    for (int64_t i = 0; i < n; i++) switch (t) {
        case AX_DTYPE_INT64: ((int64_t *)out)[i] = (int64_t)x[i]; break;
        case AX_DTYPE_INT32: ((int32_t *)out)[i] = (int32_t)x[i]; break;
        case AX_DTYPE_INT16: ((int16_t *)out)[i] = (int16_t)x[i]; break;
        case AX_DTYPE_INT8: ((int8_t *)out)[i] = (int8_t)x[i]; break;
        case AX_DTYPE_UINT8:
        case AX_DTYPE_BOOL: ((uint8_t *)out)[i] = (uint8_t)x[i]; break;
        default: ((float *)out)[i] = x[i];
        }
}

/* Numbers as floats into an input: quantized on the way where it is int8, as integers where it holds integers. */
static enum ax_status set(struct prover *p, struct ax_exec *e, const struct ax_program *prog, int input, const float *x)
{
    const struct ax_port *port = &prog->inputs[input];
    int64_t n = ax_shape_count(&port->shape);
    if (port->dtype == AX_DTYPE_FLOAT32) return ax_exec_set_input(e, input, x, AX_DTYPE_FLOAT32, NULL, p->err);
    void *tmp = calloc((size_t)n + 1, 8);
    if (!tmp) return ax_fail(p->err, AX_NO_MEMORY, "no memory to verify");
    store(port->dtype, x, n, tmp);
    enum ax_status s = ax_exec_set_input(e, input, tmp, port->dtype, NULL, p->err);
    free(tmp);
    return s;
}

/* What a user would get: real numbers, or the integers of an integer output. */
static enum ax_dtype given_as(const struct ax_program *prog, int output)
{
    const struct ax_operand *o = &prog->operands[prog->outputs[output].operand];
    return o->quant.count ? AX_DTYPE_FLOAT32 : o->dtype;
}

static struct tensor *make_outputs(struct prover *p, const struct ax_program *prog)
{
    struct tensor *t = AX_NEW(&p->mem, struct tensor, prog->n_outputs + 1);
    for (int i = 0; i < prog->n_outputs; i++) {
        t[i].count = ax_shape_count(&prog->outputs[i].shape);
        t[i].dtype = given_as(prog, i);
        t[i].data = ax_arena_alloc(&p->mem, (size_t)t[i].count * 8 + 8);
    }
    return t;
}

static enum ax_status get_outputs(struct prover *p, struct ax_exec *e, const struct ax_program *prog, struct tensor *t)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < prog->n_outputs && !s; i++) s = ax_exec_get_output(e, i, t[i].data, t[i].dtype, NULL, p->err);
    return s;
}

static const float *as_float(struct prover *p, const struct tensor *t, float *scratch)
{
    (void)p;
    if (t->dtype == AX_DTYPE_FLOAT32) return t->data;
    for (int64_t i = 0; i < t->count; i++) switch (t->dtype) {
        case AX_DTYPE_INT64: scratch[i] = (float)((const int64_t *)t->data)[i]; break;
        case AX_DTYPE_INT32: scratch[i] = (float)((const int32_t *)t->data)[i]; break;
        case AX_DTYPE_UINT8:
        case AX_DTYPE_BOOL: scratch[i] = ((const uint8_t *)t->data)[i]; break;
        case AX_DTYPE_INT8: scratch[i] = ((const int8_t *)t->data)[i]; break;
        default: scratch[i] = 0;
        }
    return scratch;
}

static enum ax_status run_original(struct prover *p, int m)
{
    const struct ax_join_model *model = &p->j->models[m];
    enum ax_status s = AX_OK;
    for (int i = 0; i < model->graph->n_inputs && !s; i++) {
        const struct ax_join_feed *f = &model->feed[i];
        const struct ax_shape *shape = &model->program->inputs[i].shape;
        int64_t n = ax_shape_count(shape);
        float *x = calloc((size_t)n + 1, sizeof *x);
        if (!x) return ax_fail(p->err, AX_NO_MEMORY, "no memory to verify");
        const float *from = f->kind == AX_FEED_INPUT ? p->input[f->input] : as_float(p, &p->output[f->model][f->output], x);
        if (from != x) memcpy(x, from, sizeof *x * (size_t)n);
        if (model->norm.moved) ax_join_norm_apply(&model->norm, shape, x);
        s = set(p, p->part[m], model->program, i, x);
        free(x);
    }
    if (s) return s;
    ax_exec_run(p->part[m], 0, model->program->n_steps, NULL);
    return get_outputs(p, p->part[m], model->program, p->output[m]);
}

static enum ax_status run_joined(struct prover *p)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < p->j->n_inputs && !s; i++) s = set(p, p->whole, p->joined, i, p->input[i]);
    if (s) return s;
    ax_exec_run(p->whole, 0, p->joined->n_steps, NULL);
    return get_outputs(p, p->whole, p->joined, p->joined_output);
}

static enum ax_status compare(struct prover *p, int sample, int i)
{
    const struct ax_join_output *o = &p->j->outputs[i];
    const struct tensor *a = &p->output[o->model][o->output], *b = &p->joined_output[i];
    if (a->count != b->count || a->dtype != b->dtype)
        return ax_fail(p->err, AX_INTERNAL, "output '%s' has another size or type in the joined model; nothing was written",
                       o->name);
    if (!memcmp(a->data, b->data, (size_t)a->count * ax_dtype_bytes(a->dtype))) return AX_OK;
    double worst = a->dtype == AX_DTYPE_FLOAT32 ? 0 : INFINITY, most = 0;
    int64_t at = 0;
    const float *x = a->data, *y = b->data;
    for (int64_t k = 0; k < a->count && a->dtype == AX_DTYPE_FLOAT32; k++) {
        double d = fabs((double)x[k] - (double)y[k]);
        if (isfinite(x[k]) && fabs((double)x[k]) > most) most = fabs((double)x[k]);
        if (isnan(x[k]) != isnan(y[k])) d = INFINITY;
        if (isnan(x[k]) && isnan(y[k])) d = 0;
        if (d > worst) worst = d, at = k;
    }
    double relative = most > 0 ? worst / most : worst;
    p->proof->exact = false;
    if (relative > p->proof->worst) p->proof->worst = relative;
    if (relative <= p->tolerance) return AX_OK;
    return ax_fail(
        p->err, AX_LIMIT,
        "the proof failed: sample %d, output '%s', element %lld is %.9g in the original and %.9g in the joined model "
        "(%s); nothing was written",
        sample, o->name, (long long)at, a->dtype == AX_DTYPE_FLOAT32 ? (double)x[at] : 0.0,
        a->dtype == AX_DTYPE_FLOAT32 ? (double)y[at] : 0.0,
        p->tolerance > 0 ? "more than 1e-6 of its range apart" : "not equal to the bit");
}

static enum ax_status run_sample(struct prover *p, int sample)
{
    enum ax_status s = AX_OK;
    for (int k = 0; k < p->j->n_models && !s; k++) s = run_original(p, p->j->order[k]);
    if (!s) s = run_joined(p);
    for (int i = 0; i < p->j->n_outputs && !s; i++) s = compare(p, sample, i);
    return s;
}

static enum ax_status prepare(struct prover *p, int threads)
{
    struct ax_exec_options opt = {.threads = threads};
    enum ax_status s = ax_exec_new(p->joined, &opt, &p->whole, p->err);
    for (int m = 0; m < p->j->n_models && !s; m++) {
        s = ax_exec_new(p->j->models[m].program, &opt, &p->part[m], p->err);
        p->output[m] = make_outputs(p, p->j->models[m].program);
    }
    p->joined_output = make_outputs(p, p->joined);
    p->input = AX_NEW(&p->mem, float *, p->j->n_inputs + 1);
    for (int i = 0; i < p->j->n_inputs; i++) p->input[i] = AX_NEW(&p->mem, float, ax_shape_count(&p->j->inputs[i].shape) + 1);
    return s;
}

enum ax_status ax_join_verify(const struct ax_join *j, const struct ax_program *joined, const struct ax_samples *samples,
                              int count, uint64_t seed, double tolerance, int threads, struct ax_join_proof *out,
                              struct ax_error *err)
{
    struct prover p = {.j = j, .joined = joined, .tolerance = tolerance, .proof = out, .err = err};
    uint64_t state = seed * 1000003u + 1;
    *out = (struct ax_join_proof){.exact = true};
    ax_arena_init(&p.mem);
    enum ax_status s = prepare(&p, threads);
    for (int n = 0; n < count && !s; n++) {
        for (int i = 0; i < j->n_inputs && !s; i++) {
            if (samples)
                s = samples->get(samples->ctx, n % samples->count, i, p.input[i], err);
            else
                fill_random(j, i, &state, p.input[i]);
        }
        if (!s) s = run_sample(&p, n);
        if (!s) out->samples++;
    }
    ax_exec_free(p.whole);
    for (int m = 0; m < j->n_models; m++) ax_exec_free(p.part[m]);
    ax_arena_free(&p.mem);
    return s;
}
