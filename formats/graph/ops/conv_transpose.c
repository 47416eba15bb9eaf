/* ConvTranspose: X [N, C, spatial...] or with nhwc [N, spatial..., C]; W [C, M/group, spatial...] always. */
#include "graph/infer.h"

static enum ax_status infer_conv_transpose(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    struct ax_window win;
    int64_t group, extra[AX_MAX_RANK];
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    const struct ax_shape *x = ax_rule_shape(g, node, 0), *w = ax_rule_shape(g, node, 1);
    if ((status = ax_rule_rank(g, node, 0, 3, 5, err))) return status;
    if ((status = ax_rule_rank(g, node, 1, x->rank, x->rank, err))) return status;
    int channels = ax_rule_channel_axis(n, x->rank), first = ax_rule_spatial_axis(n);
    if ((status = ax_rule_int(g, node, "group", 1, 1, AX_MAX_FACTOR, &group, err))) return status;
    if (w->dim[0] != x->dim[channels] || w->dim[0] % group)
        return ax_rule_fail(g, node, err, "input has %lld channels, but weights %s with group %lld expect %lld",
                            (long long)x->dim[channels], ax_shape_text(w, text), (long long)group, (long long)w->dim[0]);
    if ((status = ax_rule_window(g, node, x->rank - 2, w->dim + 2, &win, err))) return status;
    if ((status = ax_rule_ints(g, node, "output_padding", win.n, 0, 0, AX_MAX_FACTOR, extra, err))) return status;
    struct ax_shape s = *x;
    s.dim[channels] = w->dim[1] * group;
    for (int i = 0; i < win.n; i++) {
        int64_t *d = &s.dim[first + i], reach = (win.kernel[i] - 1) * win.dilation[i] + 1;
        *d = win.stride[i] * (*d - 1) + extra[i] + reach - win.begin[i] - win.end[i];
        if (*d < 1)
            return ax_rule_fail(g, node, err, "pads %lld, %lld leave nothing of dimension %d of the output for input %s",
                                (long long)win.begin[i], (long long)win.end[i], first + i, ax_shape_text(x, text));
    }
    if ((status = ax_rule_fused(g, node, s.dim[channels], &s, err))) return status;
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row attrs[] = {
    {"kernel_shape", AX_KIND_INTS, "as the weights say"},
    {"strides", AX_KIND_INTS, "default 1 each"},
    {"dilations", AX_KIND_INTS, "default 1 each"},
    {"pads", AX_KIND_INTS, "begins, then ends; default 0 each; output_shape becomes pads"},
    {"output_padding", AX_KIND_INTS, "default 0 each"},
    {"group", AX_KIND_INT, "default 1"},
    AX_ATTR_NHWC,
    {"residual", AX_KIND_STRING, "pre or post: input 3 is added before or after the activation"},
    AX_ATTRS_ACT,
    AX_ATTRS_END};

AX_ONNX_OP(
    ax_op_conv_transpose, "ConvTranspose", 2, 5, 1, .since = 1, .attrs = attrs, .quant = AX_Q_WEIGHTED,
    .infer = infer_conv_transpose,
    .note = "1-D and 2-D, groups, strides, dilations, output_padding, output_shape, every auto_pad. Weights must be constant.");
