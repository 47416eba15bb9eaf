/* Does the joined model fit on the chip? Its constants and the arena of its activations against the device's memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "join.h"
#include "lower/lower.h"
#include "passes/passes.h"

enum { MAX_ORDERS = 24 };

/* -- segments -- */

struct lifetime {
    int first, last; /* steps; first > last: never used */
};

static void use(struct lifetime *l, int step)
{
    if (step < l->first) l->first = step;
    if (step > l->last) l->last = step;
}

/* From the first step that touches an operand of the arena to the last. */
static struct lifetime *lifetimes(const struct ax_program *p)
{
    struct lifetime *l = calloc((size_t)p->n_operands + 1, sizeof *l);
    if (!l) abort();
    for (int o = 0; o < p->n_operands; o++) l[o] = (struct lifetime){p->n_steps, -1};
    for (int i = 0; i < p->n_steps; i++) {
        for (int k = 0; k < p->steps[i].n_in; k++)
            if (p->steps[i].in[k] >= 0) use(&l[p->steps[i].in[k]], i);
        for (int k = 0; k < p->steps[i].n_out; k++)
            if (p->steps[i].out[k] >= 0) use(&l[p->steps[i].out[k]], i);
    }
    for (int i = 0; i < p->n_inputs; i++) use(&l[p->inputs[i].operand], 0);
    for (int i = 0; i < p->n_outputs; i++) use(&l[p->outputs[i].operand], p->n_steps - 1);
    return l;
}

struct span {
    int64_t from, to;
};

static int by_from(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Bytes of the arena that hold something while a step runs. Views of one buffer count once. */
static int64_t alive(const struct ax_program *p, const struct lifetime *l, int step, struct span *spans)
{
    int n = 0;
    int64_t bytes = 0, end = INT64_MIN;
    for (int o = 0; o < p->n_operands; o++) {
        const struct ax_operand *x = &p->operands[o];
        if (x->space == AX_SPACE_ARENA && l[o].first <= step && l[o].last >= step)
            spans[n++] = (struct span){x->offset, x->offset + x->bytes};
    }
    qsort(spans, (size_t)n, sizeof *spans, by_from);
    for (int i = 0; i < n; i++) {
        int64_t from = spans[i].from > end ? spans[i].from : end;
        if (spans[i].to > from) bytes += spans[i].to - from;
        if (spans[i].to > end) end = spans[i].to;
    }
    return bytes;
}

/* Bytes of constants that step i reads and that the present segment does not have yet. */
static int64_t new_constants(const struct ax_program *p, int i, int *in_segment, int segment)
{
    int64_t bytes = 0;
    for (int k = 0; k < p->steps[i].n_in; k++) {
        int o = p->steps[i].in[k];
        if (o < 0 || in_segment[o] == segment || p->operands[o].space != AX_SPACE_CONST) continue;
        in_segment[o] = segment;
        bytes += p->operands[o].bytes;
    }
    return bytes;
}

/* So many segments, cut between steps, whose constants and activations fit; 0 if those of a single step do not. */
static int segments_needed(const struct ax_program *p, int64_t limit)
{
    struct lifetime *l = lifetimes(p);
    int *in_segment = calloc((size_t)p->n_operands + 1, sizeof *in_segment), n = 1;
    struct span *spans = calloc((size_t)p->n_operands + 1, sizeof *spans);
    if (!in_segment || !spans) abort();
    int64_t constants = 0, most = 0;
    for (int i = 0; i < p->n_steps && n; i++) {
        int64_t live = alive(p, l, i, spans), more = new_constants(p, i, in_segment, n);
        if (live > most) most = live;
        constants += more;
        if (constants + most <= limit) continue;
        n++;
        constants = new_constants(p, i, in_segment, n);
        most = live;
        if (constants + most > limit) n = 0;
    }
    free(spans);
    free(in_segment);
    free(l);
    return n;
}

/* -- the models in other orders -- */

/* The model whose scope a node's name begins with; what stands in front of all of them belongs to the first. */
static int model_of(const struct ax_join *j, const struct ax_node *n, int first)
{
    for (int m = 0; m < j->n_models; m++) {
        size_t len = strlen(j->models[m].scope);
        if (!strncmp(n->name, j->models[m].scope, len) && n->name[len] == '/') return m;
    }
    return first;
}

static int64_t activations_in(const struct ax_join *j, const struct ax_graph *from, const int *order)
{
    struct ax_error ignored;
    struct ax_program *p = NULL;
    struct ax_graph *g = ax_graph_clone(from);
    struct ax_node *nodes = AX_NEW(&g->arena, struct ax_node, g->n_nodes + 1);
    int n = 0;
    for (int i = 0; i < j->n_models; i++)
        for (int k = 0; k < g->n_nodes; k++)
            if (model_of(j, &g->nodes[k], order[0]) == order[i]) nodes[n++] = g->nodes[k];
    memcpy(g->nodes, nodes, sizeof *nodes * (size_t)g->n_nodes);
    int64_t bytes = INT64_MAX;
    if (!ax_graph_tidy(g, &ignored) && !ax_lower(g, NULL, &p, NULL, &ignored)) bytes = p->arena_bytes;
    ax_program_free(p);
    ax_graph_free(g);
    return bytes;
}

static bool feeds(const struct ax_join *j, int from, int to)
{
    for (int i = 0; i < j->models[to].graph->n_inputs; i++)
        if (j->models[to].feed[i].kind == AX_FEED_OUTPUT && j->models[to].feed[i].model == from) return true;
    return false;
}

static bool order_allowed(const struct ax_join *j, const int *order)
{
    for (int a = 0; a < j->n_models; a++)
        for (int b = a + 1; b < j->n_models; b++)
            if (feeds(j, order[b], order[a])) return false;
    return true;
}

/* The next permutation in lexical order; false after the last. */
static bool next_order(int *p, int n)
{
    int i = n - 2, k = n - 1;
    while (i >= 0 && p[i] > p[i + 1]) i--;
    if (i < 0) return false;
    while (p[k] < p[i]) k--;
    int t = p[i];
    p[i] = p[k];
    p[k] = t;
    for (int a = i + 1, b = n - 1; a < b; a++, b--) {
        t = p[a];
        p[a] = p[b];
        p[b] = t;
    }
    return true;
}

/* The order in which activations take least, among the first that there are. */
static void find_order(struct ax_join *j, const struct ax_graph *g, struct ax_join_fit *f)
{
    int *order = AX_NEW(&j->mem, int, j->n_models);
    f->best_order = AX_NEW(&j->mem, int, j->n_models);
    for (int m = 0; m < j->n_models; m++) order[m] = m;
    memcpy(f->best_order, j->order, sizeof *order * (size_t)j->n_models);
    f->best_activations = f->activations;
    for (int tried = 0; tried < MAX_ORDERS; tried++) {
        int64_t bytes = order_allowed(j, order) ? activations_in(j, g, order) : INT64_MAX;
        if (bytes < f->best_activations) {
            f->best_activations = bytes;
            memcpy(f->best_order, order, sizeof *order * (size_t)j->n_models);
        }
        if (!next_order(order, j->n_models)) return;
    }
}

void ax_join_fits(struct ax_join *j, const struct ax_graph *g, const struct ax_program *p, const struct ax_device_desc *d)
{
    struct ax_join_fit *f = &j->fit;
    *f = (struct ax_join_fit){.limit = d->on_chip_bytes, .weights = p->const_bytes, .activations = p->arena_bytes};
    f->over = f->weights + f->activations - f->limit;
    f->fits = f->over <= 0;
    f->best_activations = f->activations;
    if (f->fits) return;
    f->segments = segments_needed(p, f->limit);
    find_order(j, g, f);
}

/* -- ONNX: what it will be as int8 -- */

/* Sizes do not depend on the numbers: anything will do. */
static enum ax_status some_numbers(void *ctx, int sample, int input, float *dst, struct ax_error *err)
{
    const struct ax_graph *g = ctx;
    const struct ax_value *v = &g->values[g->inputs[input]];
    (void)sample, (void)err;
    for (int64_t i = 0, n = ax_shape_count(&v->shape); i < n; i++)
        dst[i] = v->dtype == AX_DTYPE_FLOAT32 ? (float)(i * 37 % 255) / 127 - 1 : 0;
    return AX_OK;
}

static enum ax_status quantize(const struct ax_graph *g, struct ax_precision *precision, struct ax_arena *mem,
                               struct ax_graph **out, struct ax_error *err)
{
    struct ax_quant_report ignored;
    struct ax_samples samples = {.count = 1, .ctx = (void *)(uintptr_t)g, .get = some_numbers};
    struct ax_quant_options opt = {.percentile = 100};
    ax_precision_apply(precision, g, mem, &opt);
    return ax_quantize(g, &samples, &opt, out, &ignored, err);
}

enum ax_status ax_join_fits_compiled(struct ax_join *j, struct ax_precision *precision, const struct ax_device_desc *d,
                                     struct ax_error *err)
{
    struct ax_graph *g = ax_graph_clone(j->graph), *q = NULL;
    struct ax_program *p = NULL;
    enum ax_status s = ax_passes_run(g, NULL, err);
    if (!s && !ax_graph_prequantized(g)) s = quantize(g, precision, &j->mem, &q, err);
    if (!s) s = ax_lower(q ? q : g, NULL, &p, NULL, err);
    if (!s) ax_join_fits(j, q ? q : g, p, d);
    j->fit.estimated = true;
    ax_program_free(p);
    ax_graph_free(q);
    ax_graph_free(g);
    return s ? ax_fail_in(err, "what the joined model takes once it is compiled") : AX_OK;
}
