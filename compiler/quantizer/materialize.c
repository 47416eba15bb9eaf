/* The int8 graph: values typed and scaled, weights quantized with their input's scales absorbed, and a QuantizeLinear or
 * DequantizeLinear wherever int8 and float meet. */
#include <math.h>
#include <string.h>

#include "quantizer/internal.h"

struct maker {
    const struct ax_graph *g;
    const struct ax_plan *plan;
    const struct ax_quant *quant;
    const struct ax_quant_options *opt;
    struct ax_graph *q;
    int *int8_of;  /* by value of g: where its int8 form stands in q, AX_NONE */
    int *float_of; /* by value of g: where its float form stands in q */
    struct ax_error *err;
};

static struct ax_quant copied(struct ax_graph *q, const struct ax_quant *from)
{
    size_t n = (size_t)from->count;
    return (struct ax_quant){from->count, from->axis, ax_arena_copy(&q->arena, from->scale, n * sizeof(float)),
                             ax_arena_copy(&q->arena, from->zero_point, n * sizeof(int32_t))};
}

static void become_int8(struct ax_graph *q, int v, const struct ax_quant *quant)
{
    q->values[v].dtype = AX_DTYPE_INT8;
    q->values[v].quant = copied(q, quant);
}

/* A QuantizeLinear (to int8) or DequantizeLinear (from int8) of value v with its scales; returns the new value. */
static int convert(struct maker *m, enum ax_op op, int v, const struct ax_quant *quant)
{
    struct ax_graph *q = m->q;
    int64_t n = quant->count;
    struct ax_shape vec = {.rank = n > 1 ? 1 : 0, .dim = {n}}, shape = q->values[v].shape;
    int8_t *zero = AX_NEW(&q->arena, int8_t, n);
    for (int64_t i = 0; i < n; i++) zero[i] = (int8_t)quant->zero_point[i];
    const char *base = ax_arena_str(&q->arena, q->values[v].name);
    int in[3] = {v, ax_graph_const(q, ax_arena_printf(&q->arena, "%s/scale", base), AX_DTYPE_FLOAT32, &vec, quant->scale),
                 ax_graph_const(q, ax_arena_printf(&q->arena, "%s/zero_point", base), AX_DTYPE_INT8, &vec, zero)};
    int to8 = op == AX_OP_QUANTIZE_LINEAR;
    char *name = ax_arena_printf(&q->arena, to8 ? "%s/int8" : "%s/float", base);
    int out = ax_graph_value(q, name, to8 ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, &shape);
    int node = ax_graph_node(q, op, name, in, 3, &out, 1);
    ax_node_set_int(q, node, "axis", quant->axis);
    if (to8) q->values[out].quant = copied(q, quant);
    return out;
}

/* -- weights -- */

struct weight_view { /* output channel m, input channel of the whole tensor c, tap t -> index */
    int64_t out, in, taps, groups;
    enum ax_op op;
};

static struct weight_view view_of(const struct ax_node *n, const struct ax_shape *w)
{
    struct weight_view v = {.op = n->op, .groups = ax_node_int(n, "group", 1), .taps = 1};
    if (n->op == AX_OP_MATMUL) return (struct weight_view){w->dim[1], w->dim[0], 1, 1, n->op};
    for (int i = 2; i < w->rank; i++) v.taps *= w->dim[i];
    v.out = n->op == AX_OP_CONV ? w->dim[0] : w->dim[1] * v.groups;
    v.in = n->op == AX_OP_CONV ? w->dim[1] : w->dim[0] / v.groups;
    return v;
}

/* c counts within the group of m. */
static int64_t weight_index(const struct weight_view *v, int64_t m, int64_t c, int64_t t)
{
    if (v->op == AX_OP_MATMUL) return c * v->out + m;
    if (v->op == AX_OP_CONV) return (m * v->in + c) * v->taps + t;
    int64_t per = v->out / v->groups;
    return ((m / per * v->in + c) * per + m % per) * v->taps + t;
}

static float absorbed(const struct ax_quant *x, const struct weight_view *v, int64_t m, int64_t c)
{
    if (x->count == 1) return 1;
    return x->scale[m / (v->out / v->groups) * v->in + c];
}

/* A scale that represents the widest weight, and at which the bias still fits an int32 with room for the products. */
static float weight_scale(float widest, float bias, float input_scale)
{
    float s = widest / 127, least = fabsf(bias) / input_scale / (float)(1 << 29);
    if (s < least) s = least;
    return s > 1e-30f ? s : 1e-30f;
}

static int quantize_weights(struct maker *m, const struct ax_node *n, const struct ax_quant *x, const float *bias)
{
    struct ax_graph *q = m->q;
    const struct ax_value *w = &m->g->values[n->inputs[1]];
    struct weight_view v = view_of(n, &w->shape);
    const float *src = w->data;
    int8_t *dst = ax_arena_alloc(&q->arena, (size_t)ax_shape_count(&w->shape));
    float *scale = AX_NEW(&q->arena, float, v.out);
    for (int64_t o = 0; o < v.out; o++) {
        float widest = 0;
        for (int64_t c = 0; c < v.in; c++)
            for (int64_t t = 0; t < v.taps; t++)
                widest = fmaxf(widest, fabsf(src[weight_index(&v, o, c, t)] * absorbed(x, &v, o, c)));
        scale[o] = weight_scale(widest, bias ? bias[o] : 0, x->count == 1 ? x->scale[0] : 1);
        for (int64_t c = 0; c < v.in; c++)
            for (int64_t t = 0; t < v.taps; t++) {
                int64_t i = weight_index(&v, o, c, t);
                float r = rintf(src[i] * absorbed(x, &v, o, c) / scale[o]);
                dst[i] = (int8_t)fminf(fmaxf(r, -127), 127);
            }
    }
    int id = ax_graph_value(q, ax_arena_printf(&q->arena, "%s/int8", w->name), AX_DTYPE_INT8, &w->shape);
    q->values[id].data = dst;
    q->values[id].quant = (struct ax_quant){(int)v.out, n->op == AX_OP_CONV ? 0 : 1, scale, AX_NEW(&q->arena, int32_t, v.out)};
    return id;
}

static void quantize_layer(struct maker *m, int node)
{
    struct ax_graph *q = m->q;
    const struct ax_node *n = &m->g->nodes[node];
    const struct ax_quant *x = &m->quant[n->inputs[0]];
    struct weight_view v = view_of(n, &m->g->values[n->inputs[1]].shape);
    float *bias = AX_NEW(&q->arena, float, v.out);
    int b = ax_in(n, 2);
    if (b != AX_NONE) memcpy(bias, m->g->values[b].data, sizeof(float) * (size_t)v.out);
    int w = quantize_weights(m, n, x, bias);
    ax_node_grow_inputs(q, node, 3);
    struct ax_shape shape = {.rank = 1, .dim = {v.out}};
    int id = ax_graph_value(q, ax_arena_printf(&q->arena, "%s/bias", n->name), AX_DTYPE_FLOAT32, &shape);
    q->values[id].data = bias;
    q->nodes[node].inputs[1] = w;
    q->nodes[node].inputs[2] = id;
}

/* -- values -- */

/* Whether anything reads v as float: a float node, the user, or nobody at all. */
static int wants_float(struct maker *m, const struct ax_uses *u, int v)
{
    if (ax_is_graph_output(m->g, v)) return 1;
    for (int k = u->start[v]; k < u->start[v + 1]; k++)
        if (!m->plan->int8[u->users[k]]) return 1;
    return 0;
}

static void place_value(struct maker *m, const struct ax_uses *u, int v)
{
    const struct ax_value *value = &m->g->values[v];
    const struct ax_quant *quant = &m->quant[v];
    int producer = value->producer, by_int8 = producer != AX_NONE && m->plan->int8[producer];
    int input = ax_is_graph_input(m->g, v), fl = wants_float(m, u, v);
    m->int8_of[v] = AX_NONE;
    m->float_of[v] = v;
    if (!m->plan->store[v] || value->data) return;
    if ((by_int8 && !m->plan->float_out[v]) || (input && !fl)) {
        become_int8(m->q, v, quant);
        m->int8_of[v] = v;
        m->float_of[v] = fl ? convert(m, AX_OP_DEQUANTIZE_LINEAR, v, quant) : AX_NONE;
    } else
        m->int8_of[v] = convert(m, AX_OP_QUANTIZE_LINEAR, v, quant);
}

static void rewire(struct maker *m, int node)
{
    const struct ax_node *n = &m->g->nodes[node];
    for (int i = 0; i < n->n_inputs; i++) {
        int v = n->inputs[i];
        if (v == AX_NONE || ax_is_const(m->g, v)) continue;
        int to = m->plan->int8[node] && ax_reads_int8(m->g, n, i) ? m->int8_of[v] : m->float_of[v];
        m->q->nodes[node].inputs[i] = to;
    }
}

/* What the user asked for stays under the name that he knows. */
static void place_output(struct maker *m, int o)
{
    struct ax_graph *q = m->q;
    int v = m->g->outputs[o];
    bool to8 = ax_output_int8(m->opt, m->g->values[v].name) && m->int8_of[v] != AX_NONE;
    int to = to8 ? m->int8_of[v] : m->float_of[v];
    if (to == v) return;
    const char *name = ax_arena_str(&q->arena, q->values[v].name);
    ax_value_rename(q, v, ax_arena_printf(&q->arena, "%s/inner", name));
    ax_value_rename(q, to, name);
    q->outputs[o] = to;
}

enum ax_status ax_materialize(const struct ax_graph *g, const struct ax_plan *plan, const struct ax_quant *quant,
                              const struct ax_quant_options *opt, struct ax_graph **out, struct ax_error *err)
{
    struct ax_graph *q = ax_graph_clone(g);
    struct ax_uses u = ax_graph_uses(g);
    struct maker m = {g, plan, quant, opt, q, AX_NEW(&q->arena, int, g->n_values), AX_NEW(&q->arena, int, g->n_values), err};
    int n_nodes = g->n_nodes;
    for (int v = 0; v < g->n_values; v++) place_value(&m, &u, v);
    for (int i = 0; i < n_nodes; i++) {
        rewire(&m, i);
        if (plan->int8[i] && ax_weighted(g, &g->nodes[i])) quantize_layer(&m, i);
        q->nodes[i].why_float = plan->int8[i] ? NULL : plan->why[i];
    }
    for (int o = 0; o < g->n_outputs; o++) place_output(&m, o);
    ax_uses_free(&u);
    enum ax_status s = ax_graph_tidy(q, err);
    if (s) {
        ax_graph_free(q);
        q = NULL;
    }
    *out = q;
    return s;
}
