/* Reductions, ArgMax, TopK, Softmax: axes resolved, options as attributes. */
#include <string.h>

#include "onnx/importer.h"

static int reduce_of(struct importer *im, enum ax_op op, int x, const int64_t *axes, int n, const char *suffix)
{
    int node = im_begin(im, op, &x, 1, suffix);
    im_set_ints(im, node, "axes", axes, n);
    im_set_int(im, node, "keepdims", im_int(im, "keepdims", 1) != 0);
    return im_end(im, node);
}

static void reduce(struct importer *im, enum ax_op op, enum ax_op before, enum ax_op after)
{
    int64_t axes[AX_MAX_RANK];
    int x = im_need(im, 0, "data");
    int n = im_ints_or_input(im, "axes", op == AX_OP_REDUCE_SUM ? 13 : 18, 1, axes, AX_MAX_RANK);
    if (!im_ok(im)) return;
    int rank = im_shape(im, x)->rank;
    bool nothing = n <= 0 && im_int(im, "noop_with_empty_axes", 0);
    if (before != AX_OP_NONE) x = im_apply(im, before, &x, 1, nothing ? NULL : "before");
    if (nothing && before == AX_OP_NONE && after == AX_OP_NONE && op != AX_OP_REDUCE_L2 && op != AX_OP_REDUCE_SUM_SQUARE)
        im_result(im, 0, x);
    else if (nothing && before == AX_OP_NONE)
        im_fail(im, AX_UNSUPPORTED, "noop_with_empty_axes is not supported for it");
    if (nothing || !im_ok(im)) return;
    if (n <= 0)
        for (n = 0; n < rank; n++) axes[n] = n;
    n = im_resolve_axes(im, axes, n, rank);
    x = reduce_of(im, op, x, axes, n, after == AX_OP_NONE ? NULL : "sum");
    if (after != AX_OP_NONE) im_apply(im, after, &x, 1, NULL);
}

static void reduce_plain(struct importer *im)
{
    reduce(im, ax_op_find("", im->node->op_type), AX_OP_NONE, AX_OP_NONE);
}

static void reduce_l1(struct importer *im)
{
    reduce(im, AX_OP_REDUCE_SUM, AX_OP_ABS, AX_OP_NONE);
}

static void reduce_log_sum(struct importer *im)
{
    reduce(im, AX_OP_REDUCE_SUM, AX_OP_NONE, AX_OP_LOG);
}

static void arg(struct importer *im)
{
    int x = im_need(im, 0, "data");
    if (!im_ok(im)) return;
    int axis = im_axis(im, im_int(im, "axis", 0), im_shape(im, x)->rank);
    int node = im_begin(im, strcmp(im->node->op_type, "ArgMin") ? AX_OP_ARG_MAX : AX_OP_ARG_MIN, &x, 1, NULL);
    im_set_int(im, node, "axis", axis);
    im_set_int(im, node, "keepdims", im_int(im, "keepdims", 1) != 0);
    im_set_int(im, node, "select_last_index", im_int(im, "select_last_index", 0) != 0);
    im_end(im, node);
}

static void topk(struct importer *im)
{
    int64_t k = 0;
    int x = im_need(im, 0, "X");
    if (im->node_opset < 10)
        k = im_int(im, "k", -1);
    else if (im_const_ints(im, 1, "K", &k, 1) != 1)
        im_fail(im, AX_FORMAT, "its K must be one number");
    if (!im_ok(im)) return;
    int axis = im_axis(im, im_int(im, "axis", -1), im_shape(im, x)->rank);
    if (im_ok(im) && (k < 0 || k > im_shape(im, x)->dim[axis]))
        im_fail(im, AX_SHAPE, "K is %lld, but dimension %d is %lld", (long long)k, axis, (long long)im_shape(im, x)->dim[axis]);
    int node = im_begin(im, AX_OP_TOPK, &x, 1, NULL);
    im_set_int(im, node, "k", k);
    im_set_int(im, node, "axis", axis);
    im_set_int(im, node, "largest", im_int(im, "largest", 1) != 0);
    im_set_int(im, node, "sorted", im_int(im, "sorted", 1) != 0);
    im_end(im, node);
}

int canon_softmax_of(struct importer *im, enum ax_op op, int x, int axis, const char *suffix)
{
    int node = im_begin(im, op, &x, 1, suffix);
    im_set_int(im, node, "axis", axis);
    return im_end(im, node);
}

/* Below opset 13 all dimensions from `axis` on count as one. Where only one of them is more than 1 that is a plain softmax. */
static void softmax(struct importer *im)
{
    enum ax_op op = strcmp(im->node->op_type, "Softmax") ? AX_OP_LOG_SOFTMAX : AX_OP_SOFTMAX;
    int x = im_need(im, 0, "input"), wide = 0, last = 0;
    if (!im_ok(im)) return;
    struct ax_shape s = *im_shape(im, x);
    int64_t given = im_int(im, "axis", im->node_opset < 13 ? 1 : -1), flat[2] = {1, 1};
    if (im->node_opset < 13 && given == s.rank) given = s.rank - 1, wide = 2; /* over nothing: all ones; flattened below */
    int axis = im_axis(im, given, s.rank);
    for (int i = axis; i < s.rank; i++)
        if (s.dim[i] != 1) wide++, last = i;
    if (!im_ok(im)) return;
    if (im->node_opset >= 13 || wide <= 1) {
        canon_softmax_of(im, op, x, im->node_opset >= 13 || !wide ? axis : last, NULL);
        return;
    }
    if (im_int(im, "axis", 1) == s.rank) axis = s.rank;
    for (int i = 0; i < s.rank; i++) flat[i >= axis] *= s.dim[i];
    x = im_reshape(im, x, 2, flat, "flat");
    x = canon_softmax_of(im, op, x, 1, "softmax");
    im_reshape(im, x, s.rank, s.dim, NULL);
}

const struct canon canon_reduce[] = {
    {"ReduceMean", "", reduce_plain},
    {"ReduceSum", "", reduce_plain},
    {"ReduceMax", "", reduce_plain},
    {"ReduceMin", "", reduce_plain},
    {"ReduceProd", "", reduce_plain},
    {"ReduceL2", "", reduce_plain},
    {"ReduceSumSquare", "", reduce_plain},
    {"ReduceL1", "", reduce_l1},
    {"ReduceLogSum", "", reduce_log_sum},
    {"ArgMax", "", arg},
    {"ArgMin", "", arg},
    {"TopK", "", topk},
    {"Softmax", "", softmax},
    {"LogSoftmax", "", softmax},
    {NULL, NULL, NULL},
};
