/* What stands in front of a branch: from the joined model's input to what the branch's own input held, to the bit.
 *
 * Pixels that are stored as int8 reach an int8 branch through a table: 256 results of (pixel * scale - mean) / std and of the
 * quantization that the branch's own port would have done. Everything else takes these steps one by one, in float. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "join.h"

bool ax_join_same_quant(const struct ax_quant *a, const struct ax_quant *b)
{
    if (a->count != b->count) return false;
    return !a->count || (a->axis == b->axis && !memcmp(a->scale, b->scale, sizeof *a->scale * (size_t)a->count) &&
                         !memcmp(a->zero_point, b->zero_point, sizeof *a->zero_point * (size_t)a->count));
}

/* One scale: along which axis does not matter. */
static bool same_scales(const struct ax_quant *a, const struct ax_quant *b)
{
    if (a->count == 1 && b->count == 1) return a->scale[0] == b->scale[0] && a->zero_point[0] == b->zero_point[0];
    return ax_join_same_quant(a, b);
}

static bool all_equal(const float *v, int n, float x)
{
    for (int i = 0; i < n; i++)
        if (v[i] != x) return false;
    return true;
}

/* Not counting the order of channels. */
static bool keeps_numbers(const struct ax_join_norm *n)
{
    return !n->moved || (n->scale == 1 && all_equal(n->mean, n->channels, 0) && all_equal(n->std, n->channels, 1));
}

bool ax_join_as_it_is(const struct ax_value *from, const struct ax_value *to, const struct ax_join_norm *norm)
{
    return keeps_numbers(norm) && !(norm->moved && norm->reversed) && from->dtype == to->dtype &&
           same_scales(&from->quant, &to->quant);
}

/* -- in float, step by step -- */

/* One number, or one a channel along `axis`. */
static int vector_const(struct ax_graph *g, const char *name, int rank, int axis, int n, const float *v)
{
    int64_t dim[AX_MAX_RANK];
    for (int i = 0; i < rank; i++) dim[i] = i == axis ? n : 1;
    return ax_graph_const_f32(g, name, rank, dim, v);
}

static int convert(struct ax_graph *g, enum ax_op op, int v, const struct ax_quant *q, const char *name)
{
    int64_t n = q->count;
    struct ax_shape vec = {.rank = n > 1 ? 1 : 0, .dim = {n}}, shape = g->values[v].shape;
    int8_t *zero = AX_NEW(&g->arena, int8_t, n);
    for (int64_t i = 0; i < n; i++) zero[i] = (int8_t)q->zero_point[i];
    int in[3] = {v, ax_graph_const(g, ax_arena_printf(&g->arena, "%s/scale", name), AX_DTYPE_FLOAT32, &vec, q->scale),
                 ax_graph_const(g, ax_arena_printf(&g->arena, "%s/zero_point", name), AX_DTYPE_INT8, &vec, zero)};
    bool to8 = op == AX_OP_QUANTIZE_LINEAR;
    int out = ax_graph_value(g, name, to8 ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, &shape);
    int node = ax_graph_node(g, op, name, in, 3, &out, 1);
    ax_node_set_int(g, node, "axis", q->axis);
    if (to8) g->values[out].quant = *q;
    return out;
}

/* The other order of colours: an exact movement. */
static int reverse(struct ax_graph *g, int v, int axis, const char *name)
{
    static const int64_t end = -1, step = -1; /* canonical: before the first */
    int64_t at = axis, first = g->values[v].shape.dim[axis] - 1;
    struct ax_shape shape = g->values[v].shape;
    int out = ax_graph_value(g, name, g->values[v].dtype, &shape);
    g->values[out].quant = g->values[v].quant;
    int node = ax_graph_node(g, AX_OP_SLICE, name, &v, 1, &out, 1);
    ax_node_set_ints(g, node, "starts", &first, 1);
    ax_node_set_ints(g, node, "ends", &end, 1);
    ax_node_set_ints(g, node, "axes", &at, 1);
    ax_node_set_ints(g, node, "steps", &step, 1);
    return out;
}

/* (pixel * scale - mean) / std in the order and the roundings of preprocessing; steps that change nothing are left out. */
static int normalize(struct ax_graph *g, int v, const struct ax_join_norm *n, int axis, const char *name)
{
    int rank = g->values[v].shape.rank;
    if (n->scale != 1) {
        int in[2] = {v, vector_const(g, ax_arena_printf(&g->arena, "%s/scale", name), rank, axis, 1, &n->scale)};
        v = ax_graph_apply(g, AX_OP_MUL, ax_arena_printf(&g->arena, "%s/scaled", name), in, 2);
    }
    if (!all_equal(n->mean, n->channels, 0)) {
        int in[2] = {v, vector_const(g, ax_arena_printf(&g->arena, "%s/mean", name), rank, axis, n->channels, n->mean)};
        v = ax_graph_apply(g, AX_OP_SUB, ax_arena_printf(&g->arena, "%s/centred", name), in, 2);
    }
    if (!all_equal(n->std, n->channels, 1)) {
        int in[2] = {v, vector_const(g, ax_arena_printf(&g->arena, "%s/std", name), rank, axis, n->channels, n->std)};
        v = ax_graph_apply(g, AX_OP_DIV, name, in, 2);
    }
    return v;
}

/* -- as a table -- */

static bool table_fits(const struct ax_value *from, const struct ax_value *like, int axis, int channels)
{
    int last = like->shape.rank - 1;
    return from->dtype == AX_DTYPE_INT8 && from->quant.count == 1 && like->dtype == AX_DTYPE_INT8 && like->quant.count >= 1 &&
           like->shape.rank >= 2 && like->shape.rank <= 4 && like->shape.dim[last] <= 1 << 16 &&
           (like->quant.count == 1 || like->quant.axis == last) && (axis == last || channels <= 1);
}

/* What QuantizeLinear does with one number. */
static int8_t quantized(float x, const struct ax_quant *q, int64_t c)
{
    int64_t i = q->count > 1 ? c : 0;
    double v = (double)rintf(x / q->scale[i]) + q->zero_point[i];
    return (int8_t)(v > -128 ? v < 127 ? v : 127 : -128);
}

static void fill_table(int8_t *t, const struct ax_quant *from, const struct ax_join_norm *n, const struct ax_quant *to,
                       int64_t c)
{
    for (int q = -128; q < 128; q++) {
        float x = (float)(q - from->zero_point[0]) * from->scale[0];
        t[q + 128] = quantized(n->moved ? ax_join_norm_at(n, x, (int)c) : x, to, c);
    }
}

static int lookup(struct ax_graph *g, int v, const struct ax_join_norm *n, const struct ax_value *like, const char *name)
{
    int64_t channels = like->shape.dim[like->shape.rank - 1], rows = 1;
    int8_t *t = AX_NEW(&g->arena, int8_t, channels * 256);
    for (int64_t c = 0; c < channels; c++) {
        fill_table(t + c * 256, &g->values[v].quant, n, &like->quant, c);
        if (memcmp(t, t + c * 256, 256)) rows = channels;
    }
    struct ax_shape shape = {.rank = 2, .dim = {rows, 256}};
    int in[2] = {v, ax_graph_const(g, ax_arena_printf(&g->arena, "%s/table", name), AX_DTYPE_INT8, &shape, t)};
    struct ax_shape same = g->values[v].shape;
    int out = ax_graph_value(g, name, AX_DTYPE_INT8, &same);
    g->values[out].quant = like->quant;
    ax_graph_node(g, AX_OP_LOOKUP, name, in, 2, &out, 1);
    return out;
}

int ax_join_adapt(struct ax_graph *g, const struct ax_join_model *m, int from, const struct ax_value *like, int axis,
                  const char *name)
{
    const struct ax_join_norm *n = &m->norm;
    const char *norm = ax_arena_printf(&g->arena, "%s/normalization", m->scope);
    if (n->moved && n->reversed && axis >= 0) from = reverse(g, from, axis, ax_arena_printf(&g->arena, "%s/reversed", norm));
    if (n->moved && table_fits(&g->values[from], like, axis, n->channels))
        return keeps_numbers(n) && same_scales(&g->values[from].quant, &like->quant) ? from : lookup(g, from, n, like, name);
    if (g->values[from].quant.count) {
        struct ax_quant q = g->values[from].quant;
        from = convert(g, AX_OP_DEQUANTIZE_LINEAR, from, &q, ax_arena_printf(&g->arena, "%s/real", name));
    }
    if (n->moved) from = normalize(g, from, n, axis, norm);
    return like->quant.count ? convert(g, AX_OP_QUANTIZE_LINEAR, from, &like->quant, name) : from;
}
