/* Folding: a node whose inputs are all constant is lowered alone, run, and its outputs become constants. Operators whose
 * outputs only describe shapes need no program. */
#include "exec/exec.h"
#include "lower/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- shapes as data -- */

static void *new_constant(struct ax_graph *g, int v, enum ax_dtype t, int rank, const int64_t *dim)
{
    struct ax_value *o = &g->values[v];
    o->dtype = t;
    o->shape = ax_shape_make(rank, dim);
    o->producer = AX_NONE;
    int64_t bytes = ax_value_bytes(o);
    void *data = ax_arena_alloc(&g->arena, (size_t)(bytes > 0 ? bytes : 1));
    o->data = data;
    return data;
}

static bool all_const(const struct ax_graph *g, const struct ax_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != AX_NONE && !ax_is_const(g, n->inputs[i])) return false;
    return true;
}

static enum ax_status fold_shape(struct ax_graph *g, const struct ax_node *n, struct ax_error *err)
{
    const struct ax_shape x = g->values[n->inputs[0]].shape;
    if (!ax_shape_known(&x)) return ax_fail(err, AX_SHAPE, "node \"%s\": the shape of its input is not known", n->name);
    if (n->op == AX_OP_SIZE) {
        *(int64_t *)new_constant(g, n->outputs[0], AX_DTYPE_INT64, 0, x.dim) = ax_shape_count(&x);
        return AX_OK;
    }
    int64_t start = ax_node_int(n, "start", 0), end = ax_node_int(n, "end", x.rank);
    if (start < 0) start += x.rank;
    if (end < 0) end += x.rank;
    if (start < 0) start = 0;
    if (end > x.rank) end = x.rank;
    int64_t count = end > start ? end - start : 0;
    int64_t *d = new_constant(g, n->outputs[0], AX_DTYPE_INT64, 1, &count);
    if (count) memcpy(d, x.dim + start, sizeof *d * (size_t)count);
    return AX_OK;
}

static void put_number(void *data, enum ax_dtype t, int64_t i, double f, int64_t n)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: ((float *)data)[i] = (float)f; break;
    case AX_DTYPE_INT64: ((int64_t *)data)[i] = n; break;
    case AX_DTYPE_INT32: ((int32_t *)data)[i] = (int32_t)n; break;
    case AX_DTYPE_INT16: ((int16_t *)data)[i] = (int16_t)n; break;
    default: ((uint8_t *)data)[i] = (uint8_t)n; break;
    }
}

static enum ax_status fold_range(struct ax_graph *g, const struct ax_node *n, struct ax_error *err)
{
    double start = ax_const_at(g, n->inputs[0], 0), limit = ax_const_at(g, n->inputs[1], 0),
           step = ax_const_at(g, n->inputs[2], 0);
    enum ax_dtype t = g->values[n->inputs[0]].dtype;
    double length = step == 0 ? -1 : ceil((limit - start) / step);
    if (!(length <= (double)(1 << 28)) || step == 0)
        return ax_fail(err, AX_SHAPE, "node \"%s\" (Range): from %g to %g by %g has no sensible length", n->name, start, limit,
                       step);
    int64_t count = length > 0 ? (int64_t)length : 0;
    void *data = new_constant(g, n->outputs[0], t, 1, &count);
    for (int64_t i = 0; i < count; i++) put_number(data, t, i, start + (double)i * step, (int64_t)start + i * (int64_t)step);
    return AX_OK;
}

static enum ax_status fold_constant_of_shape(struct ax_graph *g, const struct ax_node *n, struct ax_error *err)
{
    int64_t dim[AX_MAX_RANK];
    int rank = ax_const_ints(g, n->inputs[0], dim, AX_MAX_RANK);
    if (rank < 0)
        return ax_fail(err, AX_UNSUPPORTED, "node \"%s\" (ConstantOfShape): more than %d dimensions", n->name, AX_MAX_RANK);
    struct ax_shape s = ax_shape_make(rank, dim);
    int64_t count = ax_shape_count(&s);
    if (count < 0 || count > INT32_MAX)
        return ax_fail(err, AX_SHAPE, "node \"%s\" (ConstantOfShape): the shape has no sensible size", n->name);
    const struct ax_attr *a = ax_node_attr(n, "value");
    enum ax_dtype t = g->values[n->outputs[0]].dtype;
    if (t == AX_DTYPE_NONE) t = a && a->type == AX_ATTR_INT ? AX_DTYPE_INT64 : AX_DTYPE_FLOAT32;
    double f = !a ? 0 : a->type == AX_ATTR_INT ? (double)a->i : (double)a->f;
    int64_t whole = !a ? 0 : a->type == AX_ATTR_INT ? a->i : (int64_t)a->f;
    void *data = new_constant(g, n->outputs[0], t, rank, dim);
    for (int64_t i = 0; i < count; i++) put_number(data, t, i, f, whole);
    return AX_OK;
}

static void fold_non_zero(struct ax_graph *g, const struct ax_node *n)
{
    const struct ax_shape x = g->values[n->inputs[0]].shape;
    int64_t count = ax_shape_count(&x), found = 0;
    for (int64_t i = 0; i < count; i++) found += ax_const_at(g, n->inputs[0], i) != 0;
    int64_t dim[2] = {x.rank, found}, at = 0;
    int64_t *out = new_constant(g, n->outputs[0], AX_DTYPE_INT64, 2, dim);
    for (int64_t i = 0; i < count; i++) {
        if (ax_const_at(g, n->inputs[0], i) == 0) continue;
        int64_t left = i;
        for (int d = x.rank - 1; d >= 0; d--) {
            out[d * found + at] = left % x.dim[d];
            left /= x.dim[d];
        }
        at++;
    }
}

/* -- running -- */

static void copy_value(struct ax_graph *to, int v, const struct ax_value *from)
{
    const char *name = to->values[v].name;
    to->values[v] = *from;
    to->values[v].name = name;
    to->values[v].producer = AX_NONE;
}

/* The node alone in a graph of its own; constants are shared. Values are numbered inputs first. */
static struct ax_graph *alone(const struct ax_graph *g, const struct ax_node *n)
{
    struct ax_graph *one = ax_graph_new("fold");
    int *list = AX_NEW(&one->arena, int, n->n_inputs + n->n_outputs + 1), count = 0;
    for (int i = 0; i < n->n_inputs + n->n_outputs; i++) {
        int v = i < n->n_inputs ? n->inputs[i] : n->outputs[i - n->n_inputs];
        list[i] = AX_NONE;
        if (v == AX_NONE) continue;
        list[i] = ax_graph_value(one, g->values[v].name, g->values[v].dtype, &g->values[v].shape);
        copy_value(one, list[i], &g->values[v]);
    }
    int node = ax_graph_node(one, n->op, n->name, list, n->n_inputs, list + n->n_inputs, n->n_outputs);
    one->nodes[node].attrs = n->attrs;
    one->nodes[node].n_attrs = n->n_attrs;
    one->outputs = AX_NEW(&one->arena, int, n->n_outputs + 1);
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE) one->outputs[count++] = list[n->n_inputs + i];
    one->n_outputs = count;
    return one;
}

static void take_outputs(struct ax_graph *g, const struct ax_node *n, const struct ax_program *p, const uint8_t *arena)
{
    for (int i = 0, o = 0; i < n->n_outputs; i++) {
        if (n->outputs[i] == AX_NONE) continue;
        const struct ax_operand *from = &p->operands[p->outputs[o++].operand];
        const uint8_t *space = from->space == AX_SPACE_CONST ? p->const_data : arena;
        struct ax_value *v = &g->values[n->outputs[i]];
        int64_t dim[AX_MAX_RANK];
        memcpy(dim, v->shape.dim, sizeof dim);
        void *data = new_constant(g, n->outputs[i], v->dtype, v->shape.rank, dim);
        if (from->bytes) memcpy(data, space + from->offset, (size_t)from->bytes);
    }
}

static enum ax_status run_alone(struct ax_graph *g, const struct ax_node *n, const struct ax_graph *one, struct ax_error *err)
{
    const struct ax_exec_options opt = {.threads = 1};
    struct ax_program *p = NULL;
    struct ax_exec *e = NULL;
    enum ax_status s = low_graph(one, NULL, true, &p, NULL, err);
    if (s == AX_OK) s = ax_exec_new(p, &opt, &e, err);
    if (s == AX_OK) {
        ax_exec_run(e, 0, p->n_steps, NULL);
        take_outputs(g, n, p, ax_exec_arena(e));
    }
    ax_exec_free(e);
    ax_program_free(p);
    return s;
}

static enum ax_status fold(struct ax_graph *g, const struct ax_node *n, struct ax_error *err)
{
    if (n->op == AX_OP_SHAPE || n->op == AX_OP_SIZE) return fold_shape(g, n, err);
    if (!all_const(g, n))
        return ax_fail(err, AX_INVALID_ARGUMENT, "node \"%s\" cannot fold: an input is not constant", n->name);
    switch (n->op) {
    case AX_OP_RANGE: return fold_range(g, n, err);
    case AX_OP_CONSTANT_OF_SHAPE: return fold_constant_of_shape(g, n, err);
    case AX_OP_NON_ZERO: fold_non_zero(g, n); return AX_OK;
    default: break;
    }
    struct ax_graph *one = alone(g, n);
    enum ax_status s = run_alone(g, n, one, err);
    ax_graph_free(one);
    return s;
}

enum ax_status ax_fold_node(struct ax_graph *g, int node, struct ax_error *err)
{
    enum ax_status s = fold(g, &g->nodes[node], err);
    if (s != AX_OK) return s;
    ax_node_kill(g, node);
    return AX_OK;
}
