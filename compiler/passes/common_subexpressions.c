/* Constants with equal type, shape and bytes become one; then nodes with equal operator, inputs and attributes do. */
#include <string.h>

#include "passes/pass.h"

static bool same_quant(const struct ax_quant *a, const struct ax_quant *b)
{
    if (a->count != b->count) return false;
    return !a->count || (a->axis == b->axis && !memcmp(a->scale, b->scale, sizeof *a->scale * (size_t)a->count) &&
                         !memcmp(a->zero_point, b->zero_point, sizeof *a->zero_point * (size_t)a->count));
}

static bool same_constant(const struct ax_value *a, const struct ax_value *b)
{
    if (a->dtype != b->dtype || !ax_shape_equal(&a->shape, &b->shape) || !same_quant(&a->quant, &b->quant)) return false;
    return a->data == b->data || !memcmp(a->data, b->data, (size_t)ax_value_bytes(a));
}

static void merge_constants(struct ax_graph *g, int *changed)
{
    int *seen = ax_arena_alloc(&g->arena, sizeof *seen * (size_t)g->n_values);
    int n_seen = 0;
    char *used = ax_arena_alloc(&g->arena, (size_t)g->n_values);
    PASS_EACH_NODE(g, i)
    for (int j = 0; j < g->nodes[i].n_inputs; j++)
        if (ax_is_const(g, g->nodes[i].inputs[j])) used[g->nodes[i].inputs[j]] = 1;
    for (int v = 0; v < g->n_values; v++) {
        if (!used[v] || ax_is_graph_output(g, v)) continue;
        int k = 0;
        while (k < n_seen && !same_constant(&g->values[seen[k]], &g->values[v])) k++;
        if (k == n_seen) {
            seen[n_seen++] = v;
            continue;
        }
        ax_graph_replace(g, v, seen[k]);
        *changed = 1;
    }
}

static bool same_node(const struct ax_node *a, const struct ax_node *b)
{
    if (a->op != b->op || a->n_inputs != b->n_inputs || a->n_outputs != b->n_outputs || a->n_attrs != b->n_attrs) return false;
    if (memcmp(a->inputs, b->inputs, sizeof *a->inputs * (size_t)a->n_inputs)) return false;
    for (int i = 0; i < a->n_attrs; i++) {
        const struct ax_attr *other = ax_node_attr(b, a->attrs[i].name);
        if (!other || !ax_attr_equal(&a->attrs[i], other)) return false;
    }
    return true;
}

/* Node `i` repeats node `k`: its outputs become k's. */
static bool merge_nodes(struct ax_graph *g, int k, int i)
{
    struct ax_node *a = &g->nodes[k], *b = &g->nodes[i];
    for (int j = 0; j < a->n_outputs; j++) {
        if ((a->outputs[j] == AX_NONE) != (b->outputs[j] == AX_NONE)) return false;
        if (b->outputs[j] != AX_NONE && ax_is_graph_output(g, b->outputs[j])) return false;
    }
    ax_node_kill(g, i);
    for (int j = 0; j < a->n_outputs; j++)
        if (b->outputs[j] != AX_NONE) ax_graph_replace(g, b->outputs[j], a->outputs[j]);
    return true;
}

enum ax_status pass_common_subexpressions(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    merge_constants(g, changed);
    PASS_EACH_NODE(g, i)
    for (int k = 0; k < i; k++) {
        if (g->nodes[k].op != g->nodes[i].op || !same_node(&g->nodes[k], &g->nodes[i])) continue;
        if (!merge_nodes(g, k, i)) continue;
        *changed = 1;
        break;
    }
    return AX_OK;
}
