/* Does the joined model fit on the chip? Its constants and the arena of its activations against the device's memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "join.h"
#include "lower/lower.h"
#include "passes/passes.h"

enum { MAX_ORDERS = 24 };

/* So many segments, cut between steps, that the constants of each fit beside the activations; 0 if one step's alone do not. */
static int segments_needed(const struct ax_program *p, int64_t room)
{
    char *seen = calloc((size_t)p->n_operands + 1, 1);
    int64_t used = 0;
    int n = 1;
    if (!seen) abort();
    for (int i = 0; i < p->n_steps && n; i++) {
        int64_t bytes = 0;
        for (int k = 0; k < p->steps[i].n_in; k++) {
            int o = p->steps[i].in[k];
            if (o < 0 || seen[o] || p->operands[o].space != AX_SPACE_CONST) continue;
            seen[o] = 1;
            bytes += p->operands[o].bytes;
        }
        if (bytes > room)
            n = 0;
        else if (used + bytes > room)
            n++, used = bytes;
        else
            used += bytes;
    }
    free(seen);
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
    f->segments = f->activations < f->limit ? segments_needed(p, f->limit - f->activations) : 0;
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
