/* Resize, and Upsample, which was its name until opset 9. */
#include <math.h>
#include <string.h>

#include "graph/infer.h"

/* The attribute `sizes`, else floor(in * scale) in float, as ONNX says. */
static enum ax_status infer_resize(struct ax_graph *g, int node, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const struct ax_node *n = ax_rule_node(g, node);
    struct ax_shape x = *ax_rule_shape(g, node, 0), s = x;
    const struct ax_attr *scales = ax_node_attr(n, "scales");
    if (scales && (scales->type != AX_ATTR_FLOATS || scales->count != x.rank))
        return ax_rule_fail(g, node, err, "attribute scales must have %d floats, one a dimension of input %s", x.rank,
                            ax_shape_text(&x, text));
    if (ax_node_attr(n, "sizes")) {
        if ((status = ax_rule_ints(g, node, "sizes", x.rank, 0, 0, (int64_t)1 << 40, s.dim, err))) return status;
        return ax_rule_like(g, node, 0, 0, &s, err);
    }
    if (!scales) return ax_rule_fail(g, node, err, "neither scales nor sizes are given");
    for (int i = 0; i < x.rank; i++) {
        float d = floorf((float)x.dim[i] * scales->floats[i]);
        if (!(scales->floats[i] > 0 && d < 0x1p40f))
            return ax_rule_fail(g, node, err, "scale %g of dimension %d of input %s is out of range", (double)scales->floats[i],
                                i, ax_shape_text(&x, text));
        s.dim[i] = (int64_t)d;
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row resize[] = {
    {"scales", AX_KIND_FLOATS, "output by input, one a dimension"},
    {"sizes", AX_KIND_INTS, "the output's full shape; absent: floor(input * scale)"},
    {"mode", AX_KIND_STRING, "nearest (default), linear, cubic"},
    {"coordinate_transformation_mode", AX_KIND_STRING,
     "half_pixel (default), pytorch_half_pixel, align_corners, asymmetric, half_pixel_symmetric, tf_crop_and_resize"},
    {"nearest_mode", AX_KIND_STRING, "round_prefer_floor (default), round_prefer_ceil, floor, ceil"},
    {"cubic_coeff_a", AX_KIND_FLOAT, "default -0.75"},
    {"antialias", AX_KIND_INT, "default 0"},
    {"exclude_outside", AX_KIND_INT, "default 0"},
    {"extrapolation_value", AX_KIND_FLOAT, "default 0; of tf_crop_and_resize"},
    {"roi", AX_KIND_FLOATS, "starts, then ends; of tf_crop_and_resize"},
    AX_ATTRS_END};
static const struct ax_attr_row upsample[] = {{"scales", AX_KIND_FLOATS, "output by input, one a dimension"},
                                              {"sizes", AX_KIND_INTS, "the output's full shape"},
                                              {"mode", AX_KIND_STRING, "nearest (default), linear"},
                                              AX_ATTRS_END};

AX_ONNX_OP(ax_op_resize, "Resize", 1, 1, 1, .since = 10, .attrs = resize, .quant = AX_Q_MOVE, .infer = infer_resize,
           .note = "Constant scales or sizes. int8: nearest and linear; cubic in float.");
AX_ONNX_OP(ax_op_upsample, "Upsample", 1, 1, 1, .since = 7, .until = 9, .attrs = upsample, .quant = AX_Q_MOVE,
           .infer = infer_resize, .note = "Imported as Resize.");
