/* Conv: X [N, C, spatial...] or with nhwc [N, spatial..., C]; W [M, C/group, spatial...] always. */
#include "graph/infer.h"

static enum ax_status check_channels(const struct ax_graph *g, int node, int64_t c, const struct ax_shape *w,
                                     struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    int64_t group;
    enum ax_status status = ax_rule_int(g, node, "group", 1, 1, AX_MAX_FACTOR, &group, err);
    if (status) return status;
    if (w->dim[1] * group != c)
        return ax_rule_fail(g, node, err, "input has %lld channels, but weights %s with group %lld expect %lld", (long long)c,
                            ax_shape_text(w, text), (long long)group, (long long)w->dim[1] * group);
    if (w->dim[0] % group)
        return ax_rule_fail(g, node, err, "%lld output channels (weights %s) are not a multiple of group %lld",
                            (long long)w->dim[0], ax_shape_text(w, text), (long long)group);
    return AX_OK;
}

static enum ax_status infer_conv(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    struct ax_window win;
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *w = ax_rule_shape(g, node, 1);
    if ((status = ax_rule_rank(g, node, 0, 3, 5, err))) return status;
    if ((status = ax_rule_rank(g, node, 1, x->rank, x->rank, err))) return status;
    int channels = ax_rule_channel_axis(n, x->rank), first = ax_rule_spatial_axis(n);
    if ((status = check_channels(g, node, x->dim[channels], w, err))) return status;
    if ((status = ax_rule_window(g, node, x->rank - 2, w->dim + 2, &win, err))) return status;
    struct ax_shape s = *x;
    s.dim[channels] = w->dim[0];
    for (int i = 0; i < win.n; i++) {
        s.dim[first + i] = ax_window_out(&win, i, x->dim[first + i], false);
        if (s.dim[first + i] < 1)
            return ax_rule_fail(g, node, err,
                                "no kernel of %lld (dilation %lld) fits dimension %d of input %s with pads %lld, %lld",
                                (long long)win.kernel[i], (long long)win.dilation[i], first + i, ax_shape_text(x, text),
                                (long long)win.begin[i], (long long)win.end[i]);
    }
    if ((status = ax_rule_fused(g, node, w->dim[0], &s, err))) return status;
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row attrs[] = {
    {"kernel_shape", AX_KIND_INTS, "as the weights say"},
    {"strides", AX_KIND_INTS, "default 1 each"},
    {"dilations", AX_KIND_INTS, "default 1 each"},
    {"pads", AX_KIND_INTS, "begins, then ends; default 0 each"},
    {"group", AX_KIND_INT, "default 1"},
    AX_ATTR_NHWC,
    {"residual", AX_KIND_STRING, "pre or post: input 3 is added before or after the activation"},
    AX_ATTRS_ACT,
    AX_ATTRS_END};

AX_ONNX_OP(ax_op_conv, "Conv", 2, 5, 1, .since = 1, .attrs = attrs, .quant = AX_Q_WEIGHTED, .infer = infer_conv,
           .note = "1-D and 2-D, groups, depthwise, strides, dilations, every auto_pad. Weights must be constant.");
