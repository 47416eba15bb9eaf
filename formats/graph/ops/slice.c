/* Slice and Pad: take away and add at the borders. */
#include <string.h>

#include "graph/infer.h"

struct range {
    int64_t start, end, step;
};

/* Elements of start, start + step, ... before end. */
static int64_t range_count(const struct range *r)
{
    int64_t span = r->step > 0 ? r->end - r->start : r->start - r->end;
    int64_t step = r->step > 0 ? r->step : -r->step;
    return span <= 0 ? 0 : (span - 1) / step + 1;
}

static bool range_fits(const struct range *r, int64_t dim)
{
    if (!range_count(r)) return r->step != 0;
    if (r->step > 0) return r->start >= 0 && r->end <= dim;
    return r->start < dim && r->end >= -1;
}

static enum ax_status infer_slice(struct ax_graph *g, int node, struct ax_error *err)
{
    const int64_t limit = (int64_t)1 << 41;
    int64_t starts[AX_MAX_RANK], ends[AX_MAX_RANK], axes[AX_MAX_RANK], steps[AX_MAX_RANK];
    enum ax_status status;
    if (!ax_rule_ready(g, node)) return AX_OK;
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    int count = ax_node_ints(ax_rule_node(g, node), "axes", axes, 0, 0);
    if (count > s.rank) return ax_rule_fail(g, node, err, "%d axes are more than the input's %d dimensions", count, s.rank);
    if ((status = ax_rule_ints(g, node, "axes", count, 0, 0, s.rank - 1, axes, err))) return status;
    if ((status = ax_rule_ints(g, node, "starts", count, 0, 0, limit, starts, err))) return status;
    if ((status = ax_rule_ints(g, node, "ends", count, limit + 1, -1, limit, ends, err))) return status;
    if ((status = ax_rule_ints(g, node, "steps", count, 1, -limit, limit, steps, err))) return status;
    bool seen[AX_MAX_RANK] = {false};
    for (int i = 0; i < count; i++) {
        struct range r = {starts[i], ends[i], steps[i]};
        int64_t dim = s.dim[axes[i]];
        if (seen[axes[i]] || r.step == 0 || !range_fits(&r, dim))
            return ax_rule_fail(g, node, err,
                                "axis %lld: %lld to %lld step %lld is outside of %lld, steps by 0, or is named twice",
                                (long long)axes[i], (long long)r.start, (long long)r.end, (long long)r.step, (long long)dim);
        seen[axes[i]] = true;
        s.dim[axes[i]] = range_count(&r);
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static enum ax_status infer_pad(struct ax_graph *g, int node, struct ax_error *err)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    char text[AX_SHAPE_TEXT];
    int64_t pads[2 * AX_MAX_RANK];
    bool known = false;
    if (!ax_rule_ready(g, node)) return AX_OK;
    const char *mode = ax_node_string(ax_rule_node(g, node), "mode", "constant");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) known |= !strcmp(mode, modes[i]);
    if (!known) return ax_rule_fail(g, node, err, "mode '%s' is unknown; known are constant, reflect, edge, wrap", mode);
    struct ax_shape x = *ax_rule_shape(g, node, 0), s = x;
    enum ax_status status = ax_rule_ints(g, node, "pads", 2 * x.rank, 0, -AX_MAX_PAD, AX_MAX_PAD, pads, err);
    if (status) return status;
    for (int i = 0; i < x.rank; i++) {
        int64_t most = pads[i] > pads[x.rank + i] ? pads[i] : pads[x.rank + i];
        s.dim[i] += pads[i] + pads[x.rank + i];
        if (s.dim[i] < 0 || (*mode == 'r' && most >= x.dim[i] && most > 0) || (*mode != 'c' && !x.dim[i] && s.dim[i]))
            return ax_rule_fail(g, node, err, "pads %lld, %lld with mode %s do not fit dimension %d of input %s",
                                (long long)pads[i], (long long)pads[x.rank + i], mode, i, ax_shape_text(&x, text));
    }
    return ax_rule_like(g, node, 0, 0, &s, err);
}

static const struct ax_attr_row slice[] = {{"starts", AX_KIND_INTS, "resolved, one an entry of axes"},
                                           {"ends", AX_KIND_INTS, "resolved, exclusive; -1 with a negative step: before 0"},
                                           {"axes", AX_KIND_INTS, "resolved, each once"},
                                           {"steps", AX_KIND_INTS, "default 1 each"},
                                           AX_ATTRS_END};
static const struct ax_attr_row pad[] = {{"pads", AX_KIND_INTS, "begins, then ends, of all dimensions"},
                                         {"mode", AX_KIND_STRING, "constant (default), reflect, edge, wrap"},
                                         {"value", AX_KIND_FLOAT, "default 0"},
                                         AX_ATTRS_END};

AX_ONNX_OP(ax_op_slice, "Slice", 1, 1, 1, .since = 1, .attrs = slice, .quant = AX_Q_MOVE, .infer = infer_slice,
           .note = "Bounds must be constant; any steps.");
AX_ONNX_OP(ax_op_pad, "Pad", 1, 1, 1, .since = 1, .attrs = pad, .quant = AX_Q_MOVE, .infer = infer_pad,
           .note = "Pads and value must be constant; folded into the convolution after it where it can. Negative pads crop.");
