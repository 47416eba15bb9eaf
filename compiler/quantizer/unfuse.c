/* A residual that is naturally float (a transformer's stream between its LayerNormalizations) is not worth rounding to int8
 * only to be added: the addition leaves the layer again and runs in float. */
#include <string.h>

#include "quantizer/internal.h"
#include "quantizer/unfuse.h"

static int read_as_main(const struct ax_graph *g, const struct ax_uses *u, const struct ax_plan *p, int v)
{
    for (int k = u->start[v]; k < u->start[v + 1]; k++) {
        const struct ax_node *n = &g->nodes[u->users[k]];
        if (!p->int8[u->users[k]]) continue;
        if (!ax_weighted(g, n) || n->inputs[0] == v) return 1;
    }
    return 0;
}

static int naturally_float(const struct ax_graph *g, const struct ax_uses *u, const struct ax_plan *p, int v)
{
    int producer = g->values[v].producer;
    if (read_as_main(g, u, p, v)) return 0;
    if (producer == AX_NONE || producer >= p->n_nodes) return 1; /* beyond the plan: a sum that has just been split off */
    return !p->int8[producer] || ax_weighted(g, &g->nodes[producer]);
}

static void split(struct ax_graph *g, int node)
{
    struct ax_node *n = &g->nodes[node];
    int out = n->outputs[0], residual = n->inputs[3];
    const char *name = ax_arena_printf(&g->arena, "%s/sum", n->name);
    int inner = ax_graph_value(g, ax_arena_printf(&g->arena, "%s/before_sum", g->values[out].name), g->values[out].dtype,
                               &g->values[out].shape);
    n->outputs[0] = inner;
    n->inputs[3] = AX_NONE;
    ax_node_unset(g, node, "residual");
    int in[2] = {inner, residual};
    ax_graph_node(g, AX_OP_ADD, name, in, 2, &out, 1);
}

int ax_unfuse_float_residuals(struct ax_graph *g, const struct ax_plan *p)
{
    struct ax_uses u = ax_graph_uses(g);
    int changed = 0, n_nodes = g->n_nodes;
    for (int i = 0; i < n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        if (!p->int8[i] || !ax_weighted(g, n) || ax_in(n, 3) == AX_NONE) continue;
        const char *act = ax_node_string(n, "act", "none");
        if (!strcmp(ax_node_string(n, "residual", "pre"), "pre") && strcmp(act, "none")) continue;
        if (!naturally_float(g, &u, p, n->inputs[3]) || read_as_main(g, &u, p, n->outputs[0])) continue;
        split(g, i);
        changed = 1;
    }
    ax_uses_free(&u);
    return changed;
}
