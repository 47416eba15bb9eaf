/* Rearrangements: Transpose, DepthToSpace, SpaceToDepth, ChannelShuffle. */
#include <string.h>

#include "graph/infer.h"

static enum ax_status infer_transpose(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t perm[AX_MAX_RANK];
    bool seen[AX_MAX_RANK] = {false};
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_shape x = *ax_rule_shape(g, node, 0);
    if (!ax_node_attr(ax_rule_node(g, node), "perm")) return ax_rule_fail(g, node, err, "attribute perm is missing");
    enum ax_status status = ax_rule_ints(g, node, "perm", x.rank, 0, 0, x.rank - 1, perm, err);
    if (status) return status;
    struct ax_shape s = {.rank = x.rank};
    for (int i = 0; i < x.rank; i++) {
        if (seen[perm[i]]) return ax_rule_fail(g, node, err, "perm names dimension %lld twice", (long long)perm[i]);
        seen[perm[i]] = true;
        s.dim[i] = x.dim[perm[i]];
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_blocks(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    int64_t b;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    if ((status = ax_rule_rank(g, node, 0, 4, 4, err))) return status;
    if ((status = ax_rule_int(g, node, "blocksize", 0, 1, 1024, &b, err))) return status;
    struct ax_shape x = *ax_rule_shape(g, node, 0), s = x;
    int c = ax_rule_channel_axis(n, 4), h = ax_rule_spatial_axis(n);
    bool deeper = n->op == AX_OP_SPACE_TO_DEPTH;
    if (deeper ? x.dim[h] % b || x.dim[h + 1] % b : x.dim[c] % (b * b))
        return ax_rule_fail(g, node, err, "input %s does not divide into blocks of %lld", ax_shape_text(&x, text),
                            (long long)b);
    s.dim[c] = deeper ? x.dim[c] * b * b : x.dim[c] / (b * b);
    s.dim[h] = deeper ? x.dim[h] / b : x.dim[h] * b;
    s.dim[h + 1] = deeper ? x.dim[h + 1] / b : x.dim[h + 1] * b;
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_shuffle(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t group;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    if ((status = ax_rule_rank(g, node, 0, 2, AX_MAX_RANK, err))) return status;
    if ((status = ax_rule_int(g, node, "group", 0, 1, AX_MAX_FACTOR, &group, err))) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    int64_t channels = x->dim[ax_rule_channel_axis(ax_rule_node(g, node), x->rank)];
    if (channels % group)
        return ax_rule_fail(g, node, err, "%lld channels do not divide into %lld groups", (long long)channels,
                            (long long)group);
    return ax_infer_same(g, node, err);
}

static const struct ax_attr_row transpose[] = {{"perm", AX_KIND_INTS, "always there"}, AX_ATTRS_END};
static const struct ax_attr_row depth_to_space[] = {
    {"blocksize", AX_KIND_INT, "always there"}, {"mode", AX_KIND_STRING, "DCR (default) or CRD"}, AX_ATTR_NHWC, AX_ATTRS_END};
static const struct ax_attr_row space_to_depth[] = {{"blocksize", AX_KIND_INT, "always there"}, AX_ATTR_NHWC, AX_ATTRS_END};
static const struct ax_attr_row shuffle[] = {{"group", AX_KIND_INT, "always there"}, AX_ATTR_NHWC, AX_ATTRS_END};

#define MOVE(row, NAME, DOMAIN, SINCE, ATTRS, QUANT, RULE, NOTE)                                                               \
    AX_OP_OF_DOMAIN(DOMAIN, row, NAME, 1, 1, 1, .since = SINCE, .attrs = ATTRS, .quant = QUANT, .infer = RULE, .note = NOTE)

MOVE(ax_op_transpose, "Transpose", "", 1, transpose, AX_Q_MOVE, infer_transpose,
     "Most vanish when the graph becomes channels-last.");
MOVE(ax_op_depth_to_space, "DepthToSpace", "", 1, depth_to_space, AX_Q_MOVE, infer_blocks, "Both modes.");
MOVE(ax_op_space_to_depth, "SpaceToDepth", "", 1, space_to_depth, AX_Q_FLOAT, infer_blocks, "In float.");
MOVE(ax_op_channel_shuffle, "ChannelShuffle", "axon", 1, shuffle, AX_Q_MOVE, infer_shuffle,
     "Channel j of group k becomes channel j * group + k: made of Reshape, Transpose, Reshape by a pass.");
