/* Slices of one tensor along one axis that together cover it, in order and without gaps, become one Split. A Split is a view
 * of planes where a Slice might be a copy, and one node instead of several. */
#include "passes/pass.h"

struct part {
    int node;
    int64_t start, end;
};

/* The node cuts [start, end) of one axis with step 1; false otherwise. */
static bool read_slice(const struct ax_graph *g, int node, int64_t *axis, struct part *p)
{
    const struct ax_node *n = &g->nodes[node];
    const struct ax_shape *in = &g->values[n->inputs[0]].shape, *out = &g->values[n->outputs[0]].shape;
    int64_t starts[AX_MAX_RANK], axes[AX_MAX_RANK], steps[AX_MAX_RANK];
    int count = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0), found = 0;
    ax_node_ints(n, "starts", starts, AX_MAX_RANK, 0);
    ax_node_ints(n, "steps", steps, AX_MAX_RANK, 1);
    for (int i = 0; i < count; i++) {
        if (steps[i] != 1) return false;
        if (in->dim[axes[i]] == out->dim[axes[i]]) continue;
        *axis = axes[i];
        *p = (struct part){node, starts[i], starts[i] + out->dim[axes[i]]};
        found++;
    }
    return found == 1;
}

enum { MAX_PARTS = 64 };

static int collect(const struct ax_graph *g, int first, int64_t axis, struct part part[MAX_PARTS])
{
    int count = 0, x = g->nodes[first].inputs[0];
    for (int i = first; i < g->n_nodes; i++) {
        int64_t a;
        struct part p;
        if (g->nodes[i].op != AX_OP_SLICE || g->nodes[i].inputs[0] != x) continue;
        if (!read_slice(g, i, &a, &p) || a != axis) continue;
        if (count == MAX_PARTS) return 0;
        int k = count++;
        for (; k > 0 && part[k - 1].start > p.start; k--) part[k] = part[k - 1];
        part[k] = p;
    }
    return count;
}

static bool join(struct ax_graph *g, int first)
{
    int64_t axis, sizes[MAX_PARTS], at = 0;
    struct part part[MAX_PARTS];
    int outputs[MAX_PARTS], x = g->nodes[first].inputs[0];
    if (!read_slice(g, first, &axis, &part[0])) return false;
    int count = collect(g, first, axis, part);
    if (count < 2) return false;
    for (int k = 0; k < count; k++) {
        if (part[k].start != at) return false;
        at = part[k].end;
        sizes[k] = part[k].end - part[k].start;
        outputs[k] = g->nodes[part[k].node].outputs[0];
    }
    if (at != g->values[x].shape.dim[axis]) return false;
    for (int k = 0; k < count; k++) ax_node_kill(g, part[k].node);
    int split = ax_graph_node(g, AX_OP_SPLIT, g->nodes[part[0].node].name, &x, 1, outputs, count);
    ax_node_set_int(g, split, "axis", axis);
    ax_node_set_ints(g, split, "split", sizes, count);
    return true;
}

enum ax_status pass_slices_to_split(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes;
    for (int i = 0; i < n; i++)
        if (g->nodes[i].op == AX_OP_SLICE && join(g, i)) *changed = 1;
    return AX_OK;
}
