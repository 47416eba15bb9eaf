/* Normalizations and softmax: the output is like the input. */
#include "graph/infer.h"

/* scale and B and statistics: one entry a channel each. */
static enum ax_status infer_by_channel(struct ax_graph *g, int node, struct ax_error *err)
{
    static const char *const what[] = {"input", "scale", "B", "mean", "variance"};
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    if ((status = ax_rule_rank(g, node, 0, 2, AX_MAX_RANK, err))) return status;
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    int64_t channels = x->dim[ax_rule_channel_axis(n, x->rank)];
    for (int i = 1; i < n->n_inputs && i < 5; i++)
        if ((status = ax_rule_vector(g, node, i, channels, false, what[i], err))) return status;
    return ax_infer_same(g, node, err);
}

static enum ax_status infer_softmax(struct ax_graph *g, int node, struct ax_error *err)
{
    int axis;
    if (!ax_rule_ready(g, node)) return AX_OK;
    enum ax_status status = ax_rule_axis(g, node, "axis", -1, ax_rule_shape(g, node, 0)->rank, &axis, err);
    return status ? status : ax_infer_same(g, node, err);
}

static enum ax_status infer_lrn(struct ax_graph *g, int node, struct ax_error *err)
{
    int64_t size;
    if (!ax_rule_ready(g, node)) return AX_OK;
    enum ax_status status = ax_rule_rank(g, node, 0, 2, AX_MAX_RANK, err);
    if (!status) status = ax_rule_int(g, node, "size", 0, 1, AX_MAX_FACTOR, &size, err);
    return status ? status : ax_infer_same(g, node, err);
}

/* Outputs: Y, and mean and 1 / deviation, in which the normalized dimensions are 1. */
static enum ax_status infer_layer_norm(struct ax_graph *g, int node, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    int axis;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    struct ax_shape x = *ax_rule_shape(g, node, 0), rest = x;
    if ((status = ax_rule_axis(g, node, "axis", -1, x.rank, &axis, err))) return status;
    for (int i = 1; i < n->n_inputs && i < 3; i++) {
        struct ax_shape s = x;
        if (n->inputs[i] == AX_NONE) continue;
        if (!ax_broadcast(&s, ax_rule_shape(g, node, i)) || !ax_shape_equal(&s, &x))
            return ax_rule_fail(g, node, err, "%s of shape %s does not broadcast to the input's shape %s",
                                i == 1 ? "scale" : "bias", ax_shape_text(ax_rule_shape(g, node, i), a), ax_shape_text(&x, b));
    }
    for (int i = axis; i < x.rank; i++) rest.dim[i] = 1;
    if ((status = ax_rule_like(g, node, 0, 0, &x, err))) return status;
    for (int i = 1; i < 3; i++)
        if ((status = ax_rule_set(g, node, i, AX_DTYPE_FLOAT32, &rest, err))) return status;
    return AX_OK;
}

static const struct ax_attr_row batch_norm[] = {{"epsilon", AX_KIND_FLOAT, "default 1e-5"}, AX_ATTR_NHWC, AX_ATTRS_END};
static const struct ax_attr_row instance_norm[] = {{"epsilon", AX_KIND_FLOAT, "default 1e-5"}, AX_ATTR_NHWC, AX_ATTRS_END};
static const struct ax_attr_row layer_norm[] = {{"axis", AX_KIND_INT, "the first normalized dimension; default -1"},
                                                {"epsilon", AX_KIND_FLOAT, "default 1e-5"},
                                                {"stash_type", AX_KIND_INT, "1 (default): float32; no other"},
                                                AX_ATTRS_END};
static const struct ax_attr_row lrn[] = {{"size", AX_KIND_INT, "channels summed; always there"},
                                         {"alpha", AX_KIND_FLOAT, "default 0.0001"},
                                         {"beta", AX_KIND_FLOAT, "default 0.75"},
                                         {"bias", AX_KIND_FLOAT, "default 1"},
                                         AX_ATTR_NHWC,
                                         AX_ATTRS_END};
static const struct ax_attr_row softmax[] = {{"axis", AX_KIND_INT, "default -1"}, AX_ATTRS_END};

#define NORM(row, NAME, SINCE, MIN_IN, MAX_IN, MAX_OUT, ATTRS, RULE, NOTE)                                                     \
    AX_ONNX_OP(row, NAME, MIN_IN, MAX_IN, MAX_OUT, .since = SINCE, .attrs = ATTRS, .quant = AX_Q_FLOAT, .infer = RULE,         \
               .note = NOTE)

NORM(ax_op_batch_normalization, "BatchNormalization", 1, 5, 5, 1, batch_norm, infer_by_channel,
     "Inference form only; folded into the convolution or product before it where it can.");
NORM(ax_op_instance_normalization, "InstanceNormalization", 1, 3, 3, 1, instance_norm, infer_by_channel, "In float.");
NORM(ax_op_layer_normalization, "LayerNormalization", 17, 2, 3, 3, layer_norm, infer_layer_norm,
     "In float; its spelling in smaller operators is recognised.");
NORM(ax_op_lrn, "LRN", 1, 1, 1, 1, lrn, infer_lrn, "In float.");
NORM(ax_op_softmax, "Softmax", 1, 1, 1, 1, softmax, infer_softmax, "In float; below opset 13 by way of Reshape.");
NORM(ax_op_log_softmax, "LogSoftmax", 1, 1, 1, 1, softmax, infer_softmax, "In float; below opset 13 by way of Reshape.");
