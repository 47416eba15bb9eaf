/* Does the joined model fit on the chip? Its constants and the arena of its activations against the device's memory. */
#include <stdlib.h>

#include "join.h"
#include "lower/lower.h"

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

/* Activations with the models in the opposite order, where nothing feeds anything. */
static int64_t opposite_order(struct ax_join *j)
{
    struct ax_error ignored;
    struct ax_program *p = NULL;
    struct ax_graph *g = ax_graph_clone(j->graph);
    for (int a = 0, b = g->n_nodes - 1; a < b; a++, b--) {
        struct ax_node t = g->nodes[a];
        g->nodes[a] = g->nodes[b];
        g->nodes[b] = t;
    }
    int64_t bytes = j->program->arena_bytes;
    if (!ax_graph_tidy(g, &ignored) && !ax_lower(g, NULL, &p, NULL, &ignored)) bytes = p->arena_bytes;
    ax_program_free(p);
    ax_graph_free(g);
    return bytes;
}

enum ax_status ax_join_fits(struct ax_join *j, const struct ax_device_desc *d, struct ax_error *err)
{
    (void)err;
    struct ax_join_fit *f = &j->fit;
    *f = (struct ax_join_fit){
        .limit = d->on_chip_bytes, .weights = j->program->const_bytes, .activations = j->program->arena_bytes};
    f->over = f->weights + f->activations - f->limit;
    f->fits = f->over <= 0;
    if (f->fits) return AX_OK;
    f->segments = f->activations < f->limit ? segments_needed(j->program, f->limit - f->activations) : 0;
    f->other_order = opposite_order(j);
    return AX_OK;
}
