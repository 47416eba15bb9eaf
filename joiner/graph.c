/* The joined graph of compiled models: every branch as it was lowered, behind the inputs that the plan gives it.
 *
 * A branch keeps its own input quantization (branch.c). Where all readers of a shared input have one and the same, the input is
 * stored so; pixels are stored as int8; else it is float, and each branch begins with the QuantizeLinear that its own port
 * would have done. A transposition that all
 * readers begin with stays the first thing done to a shared input, so that it remains the port's permutation. */
#include <stdlib.h>
#include <string.h>

#include "join.h"

struct joiner {
    struct ax_join *j;
    struct ax_graph *to;
    int **value; /* by model and value of its graph: in `to`, or AX_NONE */
    int *input;  /* by joined input */
    int *skip;   /* nodes of the present model that are done already */
    bool *flip;  /* nodes of the present model that take their weights in the other order of input channels */
};

/* -- transpositions that branches begin with -- */

/* The permutation with which all uses of value v begin; rank, or 0. */
static int first_transpose(const struct ax_graph *g, int v, int64_t perm[AX_MAX_RANK])
{
    int rank = 0;
    if (ax_is_graph_output(g, v)) return 0;
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_inputs; i++) {
            const struct ax_node *n = &g->nodes[k];
            int64_t p[AX_MAX_RANK];
            if (n->inputs[i] != v) continue;
            if (n->op != AX_OP_TRANSPOSE || ax_node_ints(n, "perm", p, AX_MAX_RANK, 0) != g->values[v].shape.rank) return 0;
            if (rank && memcmp(p, perm, sizeof *p * (size_t)rank)) return 0;
            rank = g->values[v].shape.rank;
            memcpy(perm, p, sizeof *p * (size_t)rank);
        }
    return rank;
}

/* The transposition of v, made once. */
static int transposed(struct ax_graph *g, int v, const int64_t *perm, int rank)
{
    int64_t p[AX_MAX_RANK];
    for (int k = 0; k < g->n_nodes; k++) {
        const struct ax_node *n = &g->nodes[k];
        if (n->op == AX_OP_TRANSPOSE && n->inputs[0] == v && ax_node_ints(n, "perm", p, AX_MAX_RANK, 0) == rank &&
            !memcmp(p, perm, sizeof *p * (size_t)rank))
            return n->outputs[0];
    }
    struct ax_shape s = {.rank = rank};
    for (int i = 0; i < rank; i++) s.dim[i] = g->values[v].shape.dim[perm[i]];
    const char *name = ax_arena_printf(&g->arena, "%s/transposed", g->values[v].name);
    int out = ax_graph_value(g, name, g->values[v].dtype, &s);
    struct ax_quant q = g->values[v].quant;
    for (int i = 0; i < rank && q.count > 1; i++)
        if (perm[i] == g->values[v].quant.axis) q.axis = i;
    g->values[out].quant = q;
    int node = ax_graph_node(g, AX_OP_TRANSPOSE, name, &v, 1, &out, 1);
    ax_node_set_ints(g, node, "perm", perm, rank);
    return out;
}

/* -- a branch's input -- */

/* An int8 convolution that reads v as its picture and nothing else. */
static bool is_first_conv(const struct ax_graph *g, const struct ax_node *n, int v, int channels)
{
    int weights = ax_in(n, 1);
    if (n->op != AX_OP_CONV || n->inputs[0] != v || ax_node_int(n, "group", 1) != 1 || !ax_is_const(g, weights)) return false;
    for (int i = 1; i < n->n_inputs; i++)
        if (n->inputs[i] == v) return false;
    const struct ax_value *x = &g->values[weights];
    return x->dtype == AX_DTYPE_INT8 && x->shape.rank == 4 && x->shape.dim[1] == channels &&
           (x->quant.count <= 1 || x->quant.axis == 0);
}

static bool only_convs_read(const struct joiner *w, const struct ax_graph *g, int v, int channels, bool mark)
{
    if (ax_is_graph_output(g, v)) return false;
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_inputs; i++) {
            const struct ax_node *n = &g->nodes[k];
            if (n->op == AX_OP_NONE || n->inputs[i] != v) continue;
            if (n->op == AX_OP_TRANSPOSE ? !only_convs_read(w, g, n->outputs[0], channels, mark)
                                         : !is_first_conv(g, n, v, channels))
                return false;
            if (mark) w->flip[k] = n->op == AX_OP_CONV;
        }
    return true;
}

/* The order of colours costs nothing where int8 convolutions alone read the picture: their sums are of whole numbers, so that
 * the weights may change places instead. The branch's normalization then counts its channels the other way round. */
static struct ax_join_model with_flipped_weights(const struct joiner *w, int m, int v)
{
    struct ax_join_model seen = w->j->models[m];
    struct ax_join_norm *n = &seen.norm;
    const struct ax_value *x = &seen.graph->values[v];
    bool can = n->moved && n->reversed && x->dtype == AX_DTYPE_INT8 && x->quant.count == 1;
    if (!can || !only_convs_read(w, seen.graph, v, n->channels, false)) return seen;
    only_convs_read(w, seen.graph, v, n->channels, true);
    n->reversed = false;
    for (int c = 0; c < n->channels; c++) {
        n->mean[c] = w->j->models[m].norm.mean[n->channels - 1 - c];
        n->std[c] = w->j->models[m].norm.std[n->channels - 1 - c];
    }
    return seen;
}

static void place_input(struct joiner *w, int m, int i)
{
    const struct ax_join_model *model = &w->j->models[m];
    const struct ax_graph *g = model->graph;
    const struct ax_join_feed *f = &model->feed[i];
    int v = g->inputs[i], *value = w->value[m];
    int from =
        f->kind == AX_FEED_INPUT ? w->input[f->input] : w->value[f->model][w->j->models[f->model].graph->outputs[f->output]];
    const struct ax_value *like = &g->values[v];
    if (ax_join_as_it_is(&w->to->values[from], like, &model->norm)) {
        value[v] = from;
        return;
    }
    const struct ax_join_model seen = with_flipped_weights(w, m, v);
    const char *name = ax_arena_printf(&w->to->arena, "%s/%s", model->scope, like->name);
    int64_t perm[AX_MAX_RANK];
    int rank = f->kind == AX_FEED_INPUT ? first_transpose(g, v, perm) : 0;
    int axis = model->norm.moved ? ax_join_channel_axis(&like->shape, model->norm.channels) : -1;
    if (!rank) {
        value[v] = ax_join_adapt(w->to, &seen, from, like, axis, name);
        return;
    }
    from = transposed(w->to, from, perm, rank);
    for (int k = 0; k < rank; k++)
        if (axis >= 0 && perm[k] == axis) {
            axis = k;
            break;
        }
    int to = AX_NONE;
    for (int k = 0; k < g->n_nodes; k++) {
        const struct ax_node *n = &g->nodes[k];
        if (n->op != AX_OP_TRANSPOSE || n->inputs[0] != v) continue;
        if (to == AX_NONE) to = ax_join_adapt(w->to, &seen, from, &g->values[n->outputs[0]], axis, name);
        value[n->outputs[0]] = to;
        w->skip[k] = 1;
    }
    value[v] = to;
}

/* -- copying -- */

static int take_value(struct joiner *w, int m, int v)
{
    if (v == AX_NONE || w->value[m][v] != AX_NONE) return v == AX_NONE ? v : w->value[m][v];
    const struct ax_value *from = &w->j->models[m].graph->values[v];
    const char *name = ax_arena_printf(&w->to->arena, "%s/%s", w->j->models[m].scope, from->name);
    int n = ax_graph_value(w->to, name, from->dtype, &from->shape);
    struct ax_value *to = &w->to->values[n];
    to->origin = from->origin ? from->origin : from->name;
    to->quant = from->quant;
    to->data = from->data;
    return w->value[m][v] = n;
}

/* [M, C, h, w] with C the other way round. */
static int flipped(struct joiner *w, int m, int v)
{
    const struct ax_value *from = &w->j->models[m].graph->values[v];
    const int64_t *d = from->shape.dim, taps = d[2] * d[3];
    int8_t *data = ax_arena_alloc(&w->to->arena, (size_t)ax_value_bytes(from));
    for (int64_t o = 0; o < d[0]; o++)
        for (int64_t c = 0; c < d[1]; c++)
            memcpy(data + (o * d[1] + c) * taps, (const int8_t *)from->data + (o * d[1] + d[1] - 1 - c) * taps, (size_t)taps);
    const char *name = ax_arena_printf(&w->to->arena, "%s/%s/reversed", w->j->models[m].scope, from->name);
    int n = ax_graph_value(w->to, name, from->dtype, &from->shape);
    w->to->values[n].quant = from->quant;
    w->to->values[n].data = data;
    return n;
}

static void take_node(struct joiner *w, int m, const struct ax_node *n)
{
    struct ax_graph *g = w->to;
    int *in = AX_NEW(&g->arena, int, n->n_inputs + n->n_outputs + 1), *out = in + n->n_inputs;
    bool flip = w->flip[n - w->j->models[m].graph->nodes];
    for (int i = 0; i < n->n_inputs; i++) in[i] = flip && i == 1 ? flipped(w, m, n->inputs[i]) : take_value(w, m, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++) out[i] = take_value(w, m, n->outputs[i]);
    const char *name = ax_arena_printf(&g->arena, "%s/%s", w->j->models[m].scope, n->name);
    int k = ax_graph_node(g, n->op, name, in, n->n_inputs, out, n->n_outputs);
    g->nodes[k].attrs = ax_arena_copy(&g->arena, n->attrs, sizeof *n->attrs * (size_t)n->n_attrs);
    g->nodes[k].n_attrs = n->n_attrs;
    g->nodes[k].why_float = n->why_float;
}

static void take_model(struct joiner *w, int m)
{
    const struct ax_graph *g = w->j->models[m].graph;
    w->skip = AX_NEW(&w->to->arena, int, g->n_nodes + 1);
    w->flip = AX_NEW(&w->to->arena, bool, g->n_nodes + 1);
    for (int i = 0; i < g->n_inputs; i++) place_input(w, m, i);
    for (int k = 0; k < g->n_nodes; k++)
        if (g->nodes[k].op != AX_OP_NONE && !w->skip[k]) take_node(w, m, &g->nodes[k]);
}

/* -- the ends -- */

/* Pixels are whole numbers of 0 to 255: int8 holds them exactly. */
static struct ax_quant pixel_quant(struct ax_graph *g)
{
    static const float one = 1;
    static const int32_t zero = -128;
    return (struct ax_quant){1, 0, ax_arena_copy(&g->arena, &one, sizeof one), ax_arena_copy(&g->arena, &zero, sizeof zero)};
}

static bool read_as_int8(const struct ax_join *j, int input)
{
    for (int m = 0; m < j->n_models; m++)
        for (int i = 0; i < j->models[m].graph->n_inputs; i++) {
            const struct ax_join_feed *f = &j->models[m].feed[i];
            const struct ax_graph *g = j->models[m].graph;
            if (f->kind == AX_FEED_INPUT && f->input == input && g->values[g->inputs[i]].dtype == AX_DTYPE_INT8) return true;
        }
    return false;
}

/* The scales that all readers of an input have, or none. */
static struct ax_quant common_quant(const struct ax_join *j, int input)
{
    const struct ax_quant *first = NULL;
    for (int m = 0; m < j->n_models; m++)
        for (int i = 0; i < j->models[m].graph->n_inputs; i++) {
            const struct ax_join_feed *f = &j->models[m].feed[i];
            if (f->kind != AX_FEED_INPUT || f->input != input) continue;
            const struct ax_graph *g = j->models[m].graph;
            const struct ax_quant *q = &g->values[g->inputs[i]].quant;
            if (j->models[m].norm.moved || !q->count || (first && !ax_join_same_quant(first, q))) return (struct ax_quant){0};
            first = q;
        }
    return first ? *first : (struct ax_quant){0};
}

static void make_inputs(struct joiner *w)
{
    struct ax_join *j = w->j;
    w->input = AX_NEW(&w->to->arena, int, j->n_inputs + 1);
    w->to->inputs = AX_NEW(&w->to->arena, int, j->n_inputs + 1);
    for (int i = 0; i < j->n_inputs; i++) {
        struct ax_join_input *in = &j->inputs[i];
        struct ax_quant q = in->raw && read_as_int8(j, i) ? pixel_quant(w->to) : common_quant(j, i);
        const struct ax_graph *g = j->models[in->model].graph;
        int v = ax_graph_value(w->to, in->name, q.count ? AX_DTYPE_INT8 : in->dtype, &in->shape);
        if (q.count && !in->raw) w->to->values[v].dtype = g->values[g->inputs[in->index]].dtype;
        w->to->values[v].quant = q;
        w->to->values[v].origin = g->values[g->inputs[in->index]].name;
        in->quantized = q.count > 0 && !in->raw;
        w->input[i] = w->to->inputs[w->to->n_inputs++] = v;
    }
}

/* Every output is a value of its own under its own name. */
static int own_output(struct ax_graph *g, int v, const struct ax_join_output *o)
{
    bool taken = ax_is_graph_input(g, v) || ax_is_const(g, v) || ax_is_graph_output(g, v);
    if (!taken) return v;
    struct ax_shape shape = g->values[v].shape;
    int out = ax_graph_value(g, o->name, g->values[v].dtype, &shape);
    g->values[out].quant = g->values[v].quant;
    g->values[out].origin = o->origin;
    ax_graph_node(g, AX_OP_IDENTITY, o->name, &v, 1, &out, 1);
    return out;
}

static void make_outputs(struct joiner *w)
{
    struct ax_join *j = w->j;
    w->to->outputs = AX_NEW(&w->to->arena, int, j->n_outputs + 1);
    for (int i = 0; i < j->n_outputs; i++) {
        struct ax_join_output *o = &j->outputs[i];
        int v = take_value(w, o->model, j->models[o->model].graph->outputs[o->output]);
        v = own_output(w->to, v, o);
        o->name = w->to->values[v].name;
        w->to->outputs[w->to->n_outputs++] = v;
    }
}

enum ax_status ax_join_graph(struct ax_join *j, struct ax_error *err)
{
    struct joiner w = {.j = j, .to = ax_graph_new(j->name)};
    j->graph = w.to;
    w.value = AX_NEW(&w.to->arena, int *, j->n_models);
    for (int m = 0; m < j->n_models; m++) {
        int n = j->models[m].graph->n_values;
        w.value[m] = AX_NEW(&w.to->arena, int, n + 1);
        for (int v = 0; v < n; v++) w.value[m][v] = AX_NONE;
        if (j->models[m].graph->opset > w.to->opset) w.to->opset = j->models[m].graph->opset;
    }
    make_inputs(&w);
    for (int i = 0; i < j->n_models; i++) take_model(&w, j->order[i]);
    make_outputs(&w);
    enum ax_status s = ax_graph_tidy(w.to, err);
    if (!s) ax_graph_sweep(w.to);
    return s ? s : ax_graph_verify(w.to, err);
}
