/* Pooling: windows, and the whole image. */
#include "graph/infer.h"

static enum ax_status infer_pool(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    struct ax_window w;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape *x = ax_rule_shape(g, node, 0);
    if ((status = ax_rule_rank(g, node, 0, 3, 5, err))) return status;
    if ((status = ax_rule_window(g, node, x->rank - 2, NULL, &w, err))) return status;
    struct ax_shape s = *x;
    for (int i = 0; i < w.n; i++) {
        int d = ax_rule_spatial_axis(n) + i;
        s.dim[d] = ax_window_out(&w, i, x->dim[d], ax_node_int(n, "ceil_mode", 0) != 0);
        if (s.dim[d] < 1)
            return ax_rule_fail(g, node, err,
                                "no window of %lld (dilation %lld) fits dimension %d of input %s with pads %lld, %lld",
                                (long long)w.kernel[i], (long long)w.dilation[i], d, ax_shape_text(x, text),
                                (long long)w.begin[i], (long long)w.end[i]);
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_global(struct ax_graph *g, int node, struct ax_error *err)
{
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    if ((status = ax_rule_rank(g, node, 0, 2, AX_MAX_RANK, err))) return status;
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    int channels = ax_rule_channel_axis(ax_rule_node(g, node), s.rank);
    for (int i = 1; i < s.rank; i++)
        if (i != channels) s.dim[i] = 1;
    return ax_rule_like(g, node, 0, 0, &s, err);
}

#define WINDOW                                                                                                                 \
    {"kernel_shape", AX_KIND_INTS, "always there"}, {"strides", AX_KIND_INTS, "default 1 each"},                               \
        {"dilations", AX_KIND_INTS, "default 1 each"}, {"pads", AX_KIND_INTS, "begins, then ends; default 0 each"},            \
    {                                                                                                                          \
        "ceil_mode", AX_KIND_INT,                                                                                              \
            "1: windows that stick out at the end count, unless they start in the end padding; default 0"                      \
    }

static const struct ax_attr_row max_pool[] = {WINDOW, AX_ATTR_NHWC, AX_ATTRS_ACT, AX_ATTRS_END};
static const struct ax_attr_row average_pool[] = {
    WINDOW,
    {"count_include_pad", AX_KIND_INT, "1: padding counts in the divisor; default 0"},
    AX_ATTR_NHWC,
    AX_ATTRS_ACT,
    AX_ATTRS_END};
static const struct ax_attr_row global[] = {AX_ATTR_NHWC, AX_ATTRS_ACT, AX_ATTRS_END};

#define POOL(row, NAME, ATTRS, QUANT, RULE, NOTE)                                                                              \
    AX_ONNX_OP(row, NAME, 1, 1, 1, .since = 1, .attrs = ATTRS, .quant = QUANT, .infer = RULE, .note = NOTE)

POOL(ax_op_max_pool, "MaxPool", max_pool, AX_Q_MAXPOOL, infer_pool,
     "1-D and 2-D, every auto_pad, ceil_mode; the output of indices and storage_order 1 are not supported.");
POOL(ax_op_average_pool, "AveragePool", average_pool, AX_Q_SUM, infer_pool,
     "1-D and 2-D, every auto_pad, ceil_mode, count_include_pad.");
POOL(ax_op_global_average_pool, "GlobalAveragePool", global, AX_Q_SUM, infer_global, "Any number of spatial dimensions.");
POOL(ax_op_global_max_pool, "GlobalMaxPool", global, AX_Q_MAXPOOL, infer_global, "Any number of spatial dimensions.");
