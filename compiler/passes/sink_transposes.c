/* Moves every Transpose from a node's inputs behind the node, as long as the node commutes with it, so that transposes meet
 * their inverses and cancel. Guarantees: a Transpose that is left stands before an output of the graph, before a node that
 * mixes its axes (a Reshape of pixels with channels, a product of two activations), or where moving it would make two of
 * one. Needs shapes. */
#include <string.h>

#include "passes/remap.h"

/* The node's outputs become new values in the order of the inputs' sources; a Transpose restores each. */
static void transpose_outputs(struct ax_graph *g, int node, const int64_t *perm)
{
    for (int k = 0; k < g->nodes[node].n_outputs; k++) {
        int y = g->nodes[node].outputs[k];
        if (y == AX_NONE) continue;
        struct ax_shape s = {.rank = g->values[y].shape.rank};
        for (int i = 0; i < s.rank; i++) s.dim[perm[i]] = g->values[y].shape.dim[i];
        int z = pass_value(g, y, s.rank == 4 && perm[1] == 3 ? "nhwc" : "moved", &s);
        g->nodes[node].outputs[k] = z;
        g->values[z].producer = node;
        pass_transpose_to(g, z, perm, y);
    }
}

static bool sink_unary(struct ax_graph *g, int node)
{
    int src;
    int64_t perm[AX_MAX_RANK];
    int rank = pass_is_transpose(g, g->nodes[node].inputs[0], &src, perm);
    if (!rank || g->values[g->nodes[node].outputs[0]].shape.rank != rank) return false;
    g->nodes[node].inputs[0] = src;
    remap_attrs(g, node, rank, perm);
    transpose_outputs(g, node, perm);
    return true;
}

static bool in_axes(const struct ax_node *n, int64_t axis)
{
    int64_t axes[AX_MAX_RANK];
    int count = ax_node_ints(n, "axes", axes, AX_MAX_RANK, 0);
    const struct ax_attr *one = ax_node_attr(n, "axis");
    if (one && one->i == axis) return true;
    for (int i = 0; i < count; i++)
        if (axes[i] == axis) return true;
    return false;
}

static bool sink_reduce(struct ax_graph *g, int node)
{
    int src;
    int64_t perm[AX_MAX_RANK], left[AX_MAX_RANK];
    int rank = pass_is_transpose(g, g->nodes[node].inputs[0], &src, perm), n_left = 0;
    if (!rank || (!ax_node_attr(&g->nodes[node], "axes") && !ax_node_attr(&g->nodes[node], "axis"))) return false;
    if (ax_node_int(&g->nodes[node], "keepdims", 1)) return sink_unary(g, node);
    for (int i = 0; i < rank; i++) {
        if (in_axes(&g->nodes[node], i)) continue;
        int64_t before = 0; /* axes of the source that stay and stand before this one */
        for (int k = 0; k < rank; k++) before += perm[k] < perm[i] && !in_axes(&g->nodes[node], k);
        left[n_left++] = before;
    }
    g->nodes[node].inputs[0] = src;
    remap_attrs(g, node, rank, perm);
    if (!pass_perm_is_identity(left, n_left)) transpose_outputs(g, node, left);
    return true;
}

/* -- operators with several inputs -- */

static bool same_perm(const int64_t *a, const int64_t *b, int rank)
{
    return !memcmp(a, b, sizeof *a * (size_t)rank);
}

static struct ax_shape padded_shape(const struct ax_shape *s, int rank)
{
    struct ax_shape p = {.rank = rank};
    for (int i = 0; i < rank; i++) p.dim[i] = i < rank - s->rank ? 1 : s->dim[i - (rank - s->rank)];
    return p;
}

/* All users of v undo the permutation. */
static bool users_undo(const struct ax_graph *g, int v, const int64_t *perm, int rank)
{
    int64_t p[AX_MAX_RANK], undo[AX_MAX_RANK];
    remap_inverse(perm, rank, undo);
    bool any = false;
    PASS_EACH_NODE(g, i)
    for (int k = 0; k < g->nodes[i].n_inputs; k++) {
        if (g->nodes[i].inputs[k] != v) continue;
        if (g->nodes[i].op != AX_OP_TRANSPOSE || ax_node_ints(&g->nodes[i], "perm", p, AX_MAX_RANK, 0) != rank) return false;
        if (!same_perm(p, undo, rank)) return false;
        any = true;
    }
    return any && !ax_is_graph_output(g, v);
}

/* The value that already is v transposed by `perm`, or AX_NONE. */
static int existing(const struct ax_graph *g, int v, const int64_t *perm, int rank)
{
    int64_t p[AX_MAX_RANK];
    PASS_EACH_NODE(g, i)
    if (g->nodes[i].op == AX_OP_TRANSPOSE && g->nodes[i].inputs[0] == v &&
        ax_node_ints(&g->nodes[i], "perm", p, AX_MAX_RANK, 0) == rank && same_perm(p, perm, rank))
        return g->nodes[i].outputs[0];
    return AX_NONE;
}

struct joint {
    int rank;
    int64_t perm[AX_MAX_RANK], undo[AX_MAX_RANK];
    int transposed, costly; /* inputs that lose a Transpose, that gain one */
};

static bool to_last(const struct joint *j)
{
    return j->rank == 4 && j->perm[1] == 3;
}

/* An input that is not transposed as the others are costs nothing where its transposition is a Reshape, or stands ready on the
 * way to channels-last. Both only for a `real` Transpose, one that moves more than dimensions of 1: else two nodes could undo
 * each other's work for ever. */
static bool costs(const struct ax_graph *g, int v, const struct joint *j, bool real)
{
    struct ax_shape s = padded_shape(&g->values[v].shape, j->rank);
    if (!real) return true;
    return !pass_perm_is_reshape(&s, j->undo) && !(to_last(j) && existing(g, v, j->undo, j->rank) != AX_NONE);
}

/* Whether the node should work in the order of input `driver`'s source. */
static bool read_joint(struct ax_graph *g, int node, int driver, struct joint *j)
{
    const struct ax_node *n = &g->nodes[node];
    int src;
    *j = (struct joint){.rank = 0};
    j->rank = pass_is_transpose(g, n->inputs[driver], &src, j->perm);
    if (!j->rank || g->values[n->outputs[0]].shape.rank != j->rank) return false;
    bool real = !pass_perm_is_reshape(pass_shape(g, src), j->perm);
    remap_inverse(j->perm, j->rank, j->undo);
    for (int k = 0; k < n->n_inputs; k++) {
        int64_t p[AX_MAX_RANK];
        int v = n->inputs[k];
        if (v == AX_NONE) return false;
        if (pass_is_transpose(g, v, &src, p) == j->rank && same_perm(p, j->perm, j->rank))
            j->transposed++;
        else if (!ax_is_const(g, v) && costs(g, v, j, real))
            j->costly++;
    }
    if (!real && j->costly) return false;
    if (j->transposed != j->costly || (j->rank == 4 && !to_last(j))) return j->transposed > j->costly;
    return users_undo(g, n->outputs[0], j->perm, j->rank);
}

static int joint_input(struct ax_graph *g, int node, int v, const struct joint *j)
{
    int src;
    int64_t p[AX_MAX_RANK];
    if (ax_is_const(g, v)) return remap_const(g, node, v, j->rank, j->perm);
    if (pass_is_transpose(g, v, &src, p) == j->rank && same_perm(p, j->perm, j->rank)) return src;
    int ready = existing(g, v, j->undo, j->rank);
    if (ready != AX_NONE) return ready;
    struct ax_shape s = padded_shape(&g->values[v].shape, j->rank);
    if (!ax_shape_equal(&s, &g->values[v].shape)) v = pass_reshape(g, v, &s, "broadcast");
    return pass_transpose(g, v, j->undo, "moved");
}

static bool sink_joint(struct ax_graph *g, int node)
{
    struct joint j = {0};
    int driver = 0;
    while (driver < g->nodes[node].n_inputs && !read_joint(g, node, driver, &j)) driver++;
    if (driver == g->nodes[node].n_inputs) return false;
    for (int k = 0; k < g->nodes[node].n_inputs; k++) {
        int v = joint_input(g, node, g->nodes[node].inputs[k], &j);
        g->nodes[node].inputs[k] = v;
    }
    remap_attrs(g, node, j.rank, j.perm);
    transpose_outputs(g, node, j.perm);
    return true;
}

/* -- operators that leave some axes alone -- */

static bool keeps_last(const int64_t *perm, int rank, int count)
{
    for (int i = rank - count; i < rank; i++)
        if (i < 0 || perm[i] != i) return false;
    return true;
}

/* A convolution that sees one pixel at a time does not care where the pixels stand. */
static bool is_pointwise(const struct ax_graph *g, int node)
{
    int64_t kernel[2], strides[2], pads[4];
    const struct ax_node *n = &g->nodes[node];
    if (!pass_weighted(g, node) || !ax_node_int(n, "nhwc", 0) || n->n_inputs > 3) return false;
    if (ax_node_ints(n, "kernel_shape", kernel, 2, 0) != 2 || ax_node_ints(n, "pads", pads, 4, 0) != 4) return false;
    ax_node_ints(n, "strides", strides, 2, 1);
    return kernel[0] * kernel[1] == 1 && strides[0] * strides[1] == 1 && !(pads[0] | pads[1] | pads[2] | pads[3]);
}

/* LayerNormalization over axes, MatMul and pointwise Conv with weights: over axes that the Transpose does not move. */
static bool sink_rows(struct ax_graph *g, int node)
{
    int src;
    int64_t perm[AX_MAX_RANK];
    const struct ax_node *n = &g->nodes[node];
    int rank = pass_is_transpose(g, n->inputs[0], &src, perm);
    if (!rank || g->values[n->outputs[0]].shape.rank != rank || n->n_outputs != 1) return false;
    if (n->op == AX_OP_MATMUL && !(pass_weighted(g, node) && n->n_inputs <= 3 && keeps_last(perm, rank, 1))) return false;
    if (n->op == AX_OP_CONV && !(keeps_last(perm, rank, 1) && is_pointwise(g, node))) return false;
    int axis = (int)ax_node_int(n, "axis", -1);
    if (n->op == AX_OP_LAYER_NORMALIZATION && !keeps_last(perm, rank, axis < 0 ? -axis : rank - axis)) return false;
    g->nodes[node].inputs[0] = src;
    transpose_outputs(g, node, perm);
    return true;
}

static bool sink_gather(struct ax_graph *g, int node)
{
    int src, indices = g->nodes[node].inputs[1];
    int64_t perm[AX_MAX_RANK], left[AX_MAX_RANK], axis = ax_node_int(&g->nodes[node], "axis", 0);
    int rank = pass_is_transpose(g, g->nodes[node].inputs[0], &src, perm), n_left = 0;
    int index_rank = g->values[indices].shape.rank;
    if (!rank || index_rank > 1) return false;
    g->nodes[node].inputs[0] = src;
    ax_node_set_int(g, node, "axis", perm[axis]);
    for (int i = 0; i < rank; i++)
        if (index_rank == 1)
            left[n_left++] = perm[i];
        else if (i != axis)
            left[n_left++] = perm[i] - (perm[i] > perm[axis]);
    if (!pass_perm_is_identity(left, n_left)) transpose_outputs(g, node, left);
    return true;
}

/* -- Reshape: where it only splits and merges axes that are neighbours in the source too -- */

struct group {
    int from, to;     /* axes [from, to) of the Transpose's output */
    int out, out_end; /* axes of the Reshape's output */
    int64_t place;    /* position in the source: its first axis that is not 1 */
    int start;        /* where it begins in the output in the source's order */
};

/* Cuts both shapes into the smallest groups of equal size; axes of 1 join the group before them (the first group: after
 * leading ones, which stand apart). Returns how many, 0 if the shapes do not divide. */
static int cut_groups(const struct ax_shape *in, const struct ax_shape *out, struct group group[AX_MAX_RANK])
{
    int i = 0, o = 0, n = 0;
    while (i < in->rank && in->dim[i] == 1) i++;
    while (o < out->rank && out->dim[o] == 1) o++;
    while (i < in->rank && o < out->rank) {
        struct group c = {.from = i, .out = o};
        int64_t a = in->dim[i++], b = out->dim[o++];
        while (a != b) {
            if (a < b && i < in->rank)
                a *= in->dim[i++];
            else if (b < a && o < out->rank)
                b *= out->dim[o++];
            else
                return 0;
        }
        while (i < in->rank && in->dim[i] == 1) i++;
        while (o < out->rank && out->dim[o] == 1) o++;
        c.to = i;
        c.out_end = o;
        group[n++] = c;
    }
    return i == in->rank && o == out->rank ? n : 0;
}

/* The group's axes that are not 1 follow one another in the source. */
static bool contiguous(struct group *c, const struct ax_shape *in, const struct ax_shape *src, const int64_t *perm)
{
    int64_t last = -1;
    for (int i = c->from; i < c->to; i++) {
        if (in->dim[i] == 1) continue;
        if (last < 0)
            c->place = perm[i];
        else if (perm[i] < last)
            return false;
        for (int64_t k = last + 1; last >= 0 && k < perm[i]; k++)
            if (src->dim[k] != 1) return false;
        last = perm[i];
    }
    return last >= 0;
}

static bool sink_reshape(struct ax_graph *g, int node)
{
    int src, x = g->nodes[node].inputs[0], y = g->nodes[node].outputs[0];
    int64_t perm[AX_MAX_RANK], back[AX_MAX_RANK];
    struct group group[AX_MAX_RANK];
    if (!pass_is_transpose(g, x, &src, perm)) return false;
    const struct ax_shape in = g->values[x].shape, from = g->values[src].shape, out = g->values[y].shape;
    if (ax_shape_count(&in) <= 0) return false;
    int n = cut_groups(&in, &out, group);
    for (int k = 0; k < n; k++)
        if (!contiguous(&group[k], &in, &from, perm)) return false;
    if (!n) return false;
    struct ax_shape moved = {.rank = out.rank};
    int lead = group[0].out;
    for (int i = 0; i < lead; i++) {
        moved.dim[i] = 1;
        back[i] = i;
    }
    for (int k = 0; k < n; k++) {
        group[k].start = lead;
        for (int m = 0; m < n; m++)
            if (group[m].place < group[k].place) group[k].start += group[m].out_end - group[m].out;
        for (int i = group[k].out; i < group[k].out_end; i++) {
            back[i] = group[k].start + i - group[k].out;
            moved.dim[back[i]] = out.dim[i];
        }
    }
    g->nodes[node].inputs[0] = src;
    ax_node_set_ints(g, node, "shape", moved.dim, moved.rank);
    if (!pass_perm_is_identity(back, out.rank)) transpose_outputs(g, node, back);
    return true;
}

static bool cancel(struct ax_graph *g, int node)
{
    int src, x = g->nodes[node].inputs[0];
    int64_t a[AX_MAX_RANK], b[AX_MAX_RANK], both[AX_MAX_RANK];
    int rank = pass_is_transpose(g, x, &src, a);
    ax_node_ints(&g->nodes[node], "perm", b, AX_MAX_RANK, 0);
    if (!rank) return false;
    for (int i = 0; i < rank; i++) both[i] = a[b[i]];
    if (pass_perm_is_identity(both, rank) && pass_bypass(g, node, src)) return true;
    g->nodes[node].inputs[0] = src;
    ax_node_set_ints(g, node, "perm", both, rank);
    return true;
}

static bool sink(struct ax_graph *g, int i)
{
    const struct ax_node *n = &g->nodes[i];
    if (n->n_inputs == 0) return false;
    switch (n->op) {
    case AX_OP_TRANSPOSE: return cancel(g, i);
    case AX_OP_RESHAPE: return sink_reshape(g, i);
    case AX_OP_GATHER: return sink_gather(g, i);
    case AX_OP_CONV:
    case AX_OP_MATMUL:
    case AX_OP_LAYER_NORMALIZATION: return sink_rows(g, i);
    default: break;
    }
    switch (remap_kind(g, n)) {
    case REMAP_UNARY: return sink_unary(g, i);
    case REMAP_JOINT: return sink_joint(g, i);
    case REMAP_REDUCE: return sink_reduce(g, i);
    default: return false;
    }
}

enum ax_status pass_sink_transposes(struct ax_graph *g, int *changed, struct ax_error *err)
{
    (void)err;
    int n = g->n_nodes; /* what is appended is reached through its users in this round, in the next one by itself */
    for (int i = 0; i < n; i++)
        if (g->nodes[i].op != AX_OP_NONE && sink(g, i)) *changed = 1;
    return AX_OK;
}
