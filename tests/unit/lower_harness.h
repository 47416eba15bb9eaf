/* Small graphs built by hand, lowered and run; the same graph with quantizations against itself in float. */
#ifndef AX_TEST_LOWER_HARNESS_H
#define AX_TEST_LOWER_HARNESS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "graph/graph.h"
#include "lower/lower.h"
#include "lower/unpack.h"

#define SHAPE(...) ax_shape_make((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})
#define IN(...) (int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))

static uint64_t lh_state = 1;
static float lh_random(void) /* in [-1, 1) */
{
    lh_state = lh_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(lh_state >> 32) / 2147483648.0f;
}

static inline void lh_ok(enum ax_status s, const struct ax_error *err)
{
    if (s != AX_OK) fail_msg("%s", err->message);
}

static inline int lh_input(struct ax_graph *g, struct ax_shape s)
{
    int v = ax_graph_value(g, "x", AX_DTYPE_FLOAT32, &s);
    int *list = AX_NEW(&g->arena, int, g->n_inputs + 1);
    if (g->n_inputs) memcpy(list, g->inputs, sizeof *list * (size_t)g->n_inputs);
    list[g->n_inputs++] = v;
    g->inputs = list;
    return v;
}

static inline void lh_output(struct ax_graph *g, int v)
{
    int *list = AX_NEW(&g->arena, int, g->n_outputs + 1);
    if (g->n_outputs) memcpy(list, g->outputs, sizeof *list * (size_t)g->n_outputs);
    list[g->n_outputs++] = v;
    g->outputs = list;
}

static inline int lh_const(struct ax_graph *g, struct ax_shape s, float size)
{
    int64_t n = ax_shape_count(&s);
    float *d = malloc(sizeof *d * (size_t)(n + 1));
    for (int64_t i = 0; i < n; i++) d[i] = lh_random() * size;
    int v = ax_graph_const(g, "k", AX_DTYPE_FLOAT32, &s, d);
    free(d);
    return v;
}

/* A node whose output's shape is inferred once its attributes stand: lh_infer. */
static inline int lh_node(struct ax_graph *g, enum ax_op op, const int *in, int n_in)
{
    struct ax_shape unknown = {.rank = -1};
    int y = ax_graph_value(g, "y", AX_DTYPE_FLOAT32, &unknown);
    ax_graph_node(g, op, ax_op_name(op), in, n_in, &y, 1);
    return y;
}

static inline int lh_last(struct ax_graph *g)
{
    return g->n_nodes - 1;
}
static inline void lh_ints(struct ax_graph *g, const char *name, int n, ...)
{
    int64_t v[16];
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n; i++) v[i] = va_arg(ap, int);
    va_end(ap);
    ax_node_set_ints(g, lh_last(g), name, v, n);
}
static inline void lh_int(struct ax_graph *g, const char *name, int v)
{
    ax_node_set_int(g, lh_last(g), name, v);
}
static inline void lh_string(struct ax_graph *g, const char *name, const char *v)
{
    ax_node_set_string(g, lh_last(g), name, v);
}
/* The attributes of a square convolution in two dimensions. */
static inline void lh_conv_attributes(struct ax_graph *g, int group, int k, int stride, int dilation, int pad)
{
    lh_int(g, "group", group);
    lh_ints(g, "kernel_shape", 2, k, k);
    lh_ints(g, "strides", 2, stride, stride);
    lh_ints(g, "dilations", 2, dilation, dilation);
    lh_ints(g, "pads", 4, pad, pad, pad, pad);
}
static inline void lh_infer(struct ax_graph *g)
{
    struct ax_error err;
    lh_ok(ax_node_infer(g, lh_last(g), &err), &err);
}

/* -- running -- */

static int lh_may_float; /* boundaries between int8 and float that a test expects; without them all must run in int8 */

/* Weights of products must come back from where they are packed. */
static inline void lh_check_packed(const struct ax_graph *g, const struct ax_program *p)
{
    struct ax_error err;
    int *packed = calloc((size_t)g->n_values + 1, sizeof *packed);
    lh_ok(ax_lower_packed(g, p, packed, &err), &err);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        bool weighted = n->op == AX_OP_CONV || n->op == AX_OP_CONV_TRANSPOSE || n->op == AX_OP_MATMUL;
        if (!weighted || !ax_is_const(g, n->inputs[1])) continue;
        bool widened = lh_may_float && g->values[n->inputs[1]].dtype == AX_DTYPE_INT8;
        assert_true(widened || packed[n->inputs[1]] >= 0);
    }
    free(packed);
}

static int lh_float_steps; /* boundaries between int8 and float in the program lowered last */

struct lh_tensors {
    float *data[8];
    int64_t count[8];
    int n;
};

static inline void lh_free(struct lh_tensors *t)
{
    for (int i = 0; i < t->n; i++) free(t->data[i]);
    t->n = 0;
}

static inline struct lh_tensors lh_random_inputs(const struct ax_graph *g)
{
    struct lh_tensors t = {.n = g->n_inputs};
    for (int i = 0; i < t.n; i++) {
        t.count[i] = ax_shape_count(&g->values[g->inputs[i]].shape);
        t.data[i] = malloc(sizeof(float) * (size_t)(t.count[i] + 1));
        for (int64_t k = 0; k < t.count[i]; k++) t.data[i][k] = lh_random();
    }
    return t;
}

static inline struct lh_tensors lh_run_once(const struct ax_graph *g, const struct lh_tensors *in, int keep_all, int threads,
                                            uint32_t cpu)
{
    struct ax_error err = {0};
    struct ax_program *p;
    struct ax_exec *e;
    struct ax_lower_options opt = {.keep_all = keep_all};
    struct ax_exec_options eo = {.threads = threads, .cpu_mask = cpu};
    lh_ok(ax_lower(g, &opt, &p, NULL, &err), &err);
    lh_ok(ax_program_check(p, &err), &err);
    lh_check_packed(g, p);
    lh_ok(ax_exec_new(p, &eo, &e, &err), &err);
    lh_float_steps = 0;
    for (int i = 0; i < p->n_steps; i++)
        lh_float_steps += p->steps[i].kind == AX_STEP_DEQUANTIZE || p->steps[i].kind == AX_STEP_QUANTIZE;
    memset(ax_exec_arena(e), 0x5a, (size_t)p->arena_bytes);
    for (int i = 0; i < in->n; i++) lh_ok(ax_exec_set_input(e, i, in->data[i], AX_DTYPE_FLOAT32, NULL, &err), &err);
    ax_exec_run(e, 0, p->n_steps, NULL);
    struct lh_tensors out = {.n = p->n_outputs};
    for (int i = 0; i < out.n; i++) {
        out.count[i] = ax_shape_count(&p->outputs[i].shape);
        out.data[i] = calloc((size_t)(out.count[i] + 1), sizeof(float));
        lh_ok(ax_exec_get_output(e, i, out.data[i], AX_DTYPE_FLOAT32, NULL, &err), &err);
    }
    ax_exec_free(e);
    ax_program_free(p);
    return out;
}

static inline void lh_same(const struct lh_tensors *a, const struct lh_tensors *b)
{
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++)
        for (int64_t k = 0; k < a->count[i]; k++)
            if (memcmp(&a->data[i][k], &b->data[i][k], 4))
                fail_msg("output %d element %lld: %a against %a", i, (long long)k, (double)a->data[i][k],
                         (double)b->data[i][k]);
}

/* Sharing memory, or not, or threads, or the kernel chosen, must not change a bit. */
static inline struct lh_tensors lh_run(const struct ax_graph *g, const struct lh_tensors *in)
{
    struct lh_tensors out = lh_run_once(g, in, 0, 1, 0), kept = lh_run_once(g, in, 1, 2, 0);
    lh_same(&out, &kept);
    lh_free(&kept);
    return out;
}

/* -- int8 against float -- */

static inline void lh_quant(struct ax_graph *g, int v, int count, int axis, float lowest, float highest)
{
    float *scale = AX_NEW(&g->arena, float, count);
    int32_t *zero = AX_NEW(&g->arena, int32_t, count);
    for (int i = 0; i < count; i++) {
        float spread = count > 1 ? 0.6f + 0.4f * lh_random() : 1;
        scale[i] = (highest - lowest) * spread / 255;
        zero[i] = (int32_t)rintf(-128 - lowest * spread / scale[i]);
    }
    g->values[v].dtype = AX_DTYPE_INT8;
    g->values[v].quant = (struct ax_quant){count, axis, scale, zero};
}
static inline void lh_quant_one(struct ax_graph *g, int v, float lowest, float highest)
{
    lh_quant(g, v, 1, 0, lowest, highest);
}
static inline void lh_quant_channels(struct ax_graph *g, int v, float lowest, float highest)
{
    int rank = g->values[v].shape.rank;
    lh_quant(g, v, (int)g->values[v].shape.dim[rank - 1], rank - 1, lowest, highest);
}
static inline void lh_quant_like(struct ax_graph *g, int v, int from) /* the scales of another value */
{
    g->values[v].dtype = AX_DTYPE_INT8;
    g->values[v].quant = g->values[from].quant;
    if (g->values[v].quant.count > 1) g->values[v].quant.axis = g->values[v].shape.rank - 1;
}

/* Weights to int8, by index along `axis`; with absorb the vector of input scales is multiplied in first, along `in_axis`
 * (channel index `in_of` counts within the group: depthwise and grouped weights repeat). */
static inline void lh_quant_weights(struct ax_graph *g, int w, int axis, const struct ax_quant *absorb, int in_axis, int groups)
{
    struct ax_value *v = &g->values[w];
    int64_t n = ax_shape_count(&v->shape), m = v->shape.dim[axis], inner[8] = {0}, at = 1;
    for (int i = v->shape.rank - 1; i >= 0; i--) inner[i] = at, at *= v->shape.dim[i];
    float *f = AX_NEW(&g->arena, float, n), *scale = AX_NEW(&g->arena, float, m);
    int32_t *zero = AX_NEW(&g->arena, int32_t, m);
    int8_t *q = AX_NEW(&g->arena, int8_t, n);
    for (int64_t i = 0; i < n; i++) {
        f[i] = ((const float *)v->data)[i];
        int64_t o = i / inner[axis] % m, c = i / inner[in_axis] % v->shape.dim[in_axis];
        if (absorb) f[i] *= absorb->scale[absorb->count > 1 ? o / (m / groups) * v->shape.dim[in_axis] + c : 0];
        if (fabsf(f[i]) > scale[o]) scale[o] = fabsf(f[i]);
    }
    for (int64_t o = 0; o < m; o++) scale[o] = scale[o] > 0 ? scale[o] / 127 : 1;
    for (int64_t i = 0; i < n; i++) q[i] = (int8_t)rintf(f[i] / scale[i / inner[axis] % m]);
    v->dtype = AX_DTYPE_INT8;
    v->data = q;
    v->quant = (struct ax_quant){(int)m, axis, scale, zero};
}

/* The same graph in float: int8 weights become the floats that they stand for, with absorbed scales taken out again. */
static inline struct ax_graph *lh_float_twin(const struct ax_graph *g)
{
    struct ax_graph *f = ax_graph_clone(g);
    for (int v = 0; v < f->n_values; v++) {
        if (f->values[v].dtype != AX_DTYPE_INT8 || !f->values[v].quant.count) continue;
        f->values[v].dtype = AX_DTYPE_FLOAT32;
        f->values[v].quant.count = 0;
    }
    for (int i = 0; i < f->n_nodes; i++) {
        const struct ax_node *n = &f->nodes[i];
        bool weighted = n->op == AX_OP_CONV || n->op == AX_OP_CONV_TRANSPOSE || n->op == AX_OP_MATMUL || n->op == AX_OP_GEMM;
        if (!weighted || g->values[n->inputs[1]].dtype != AX_DTYPE_INT8 || !g->values[n->inputs[1]].data) continue;
        const struct ax_value *w = &g->values[n->inputs[1]];
        const struct ax_quant *xq = &g->values[n->inputs[0]].quant;
        int64_t count = ax_shape_count(&w->shape), inner = 1, in_axis, in_inner = 1;
        int groups = (int)ax_node_int(n, "group", 1);
        if (n->op == AX_OP_CONV)
            in_axis = 1;
        else if (n->op == AX_OP_GEMM && ax_node_int(n, "transB", 0))
            in_axis = 1;
        else
            in_axis = 0;
        for (int k = w->quant.axis + 1; k < w->shape.rank; k++) inner *= w->shape.dim[k];
        for (int k = (int)in_axis + 1; k < w->shape.rank; k++) in_inner *= w->shape.dim[k];
        float *d = AX_NEW(&f->arena, float, count);
        for (int64_t k = 0; k < count; k++) {
            int64_t o = k / inner % w->quant.count, c = k / in_inner % w->shape.dim[in_axis];
            d[k] = (float)((const int8_t *)w->data)[k] * w->quant.scale[o];
            if (xq->count > 1) d[k] /= xq->scale[n->op == AX_OP_CONV ? o / (w->quant.count / groups) * w->shape.dim[1] + c : c];
        }
        f->values[n->inputs[1]].data = d;
    }
    return f;
}

static inline float lh_grid(const struct ax_value *v, int64_t i, float x)
{
    if (v->dtype != AX_DTYPE_INT8) return x;
    int64_t inner = 1;
    for (int k = v->quant.axis + 1; k < v->shape.rank; k++) inner *= v->shape.dim[k];
    int64_t c = v->quant.count > 1 ? i / inner % v->quant.count : 0;
    float q = rintf(x / v->quant.scale[c]) + (float)v->quant.zero_point[c];
    q = q < -128 ? -128 : q > 127 ? 127 : q;
    return (q - (float)v->quant.zero_point[c]) * v->quant.scale[c];
}

static inline float lh_step_of(const struct ax_value *v, int64_t i)
{
    if (v->dtype != AX_DTYPE_INT8) return 0;
    int64_t inner = 1;
    for (int k = v->quant.axis + 1; k < v->shape.rank; k++) inner *= v->shape.dim[k];
    return v->quant.scale[v->quant.count > 1 ? i / inner % v->quant.count : 0];
}

/* Runs an int8 graph whose inner values are all exact moves, or one computing node, against its float twin: at most `lsb`
 * steps of the output's scale apart, plus a little for float sums. */
static inline void lh_check_s8(const struct ax_graph *g, float lsb)
{
    struct ax_error err;
    struct ax_graph *f = lh_float_twin(g);
    lh_ok(ax_graph_verify(f, &err), &err);
    struct lh_tensors in = lh_random_inputs(g);
    for (int i = 0; i < in.n; i++)
        for (int64_t k = 0; k < in.count[i]; k++) in.data[i][k] = lh_grid(&g->values[g->inputs[i]], k, in.data[i][k]);
    struct lh_tensors got = lh_run(g, &in), want;
    assert_int_equal(lh_float_steps, lh_may_float);
    want = lh_run_once(f, &in, 0, 1, 0);
    for (int i = 0; i < got.n; i++)
        for (int64_t k = 0; k < got.count[i]; k++) {
            const struct ax_value *v = &g->values[g->outputs[i]];
            float expected = lh_grid(v, k, want.data[i][k]), room = lsb * lh_step_of(v, k) * 1.001f + 2e-4f;
            if (!(fabsf(got.data[i][k] - expected) <= room))
                fail_msg("output %d element %lld: %g, expected %g within %g", i, (long long)k, (double)got.data[i][k],
                         (double)expected, (double)room);
        }
    lh_free(&in);
    lh_free(&got);
    lh_free(&want);
    ax_graph_free(f);
}

#endif
