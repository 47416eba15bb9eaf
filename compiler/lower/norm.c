/* Normalizations and softmax. */
#include "lower/rules.h"

#include <math.h>

static int resolved(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

/* Inference form, where no pass could fold it into a product: y = x a + b by channel. */
enum ax_status low_batchnorm(struct low *L, const struct ax_node *n)
{
    const float *scale = low_floats(L, n->inputs[1], "the scale"), *bias = low_floats(L, n->inputs[2], "the bias");
    const float *mean = low_floats(L, n->inputs[3], "the mean"), *var = low_floats(L, n->inputs[4], "the variance");
    if (L->status != AX_OK) return L->status;
    double eps = (double)ax_node_float(n, "epsilon", 1e-5f);
    int64_t c = ax_shape_count(&low_value(L, n->inputs[1])->shape);
    float *a = AX_NEW(&L->tmp, float, c), *b = AX_NEW(&L->tmp, float, c);
    for (int64_t i = 0; i < c; i++) {
        double f = (double)scale[i] / sqrt((double)var[i] + eps);
        a[i] = (float)f;
        b[i] = (float)((double)bias[i] - (double)mean[i] * f);
    }
    int x = low_in(L, n->inputs[0]), y = low_out(L, n->outputs[0]), at = low_like(L, y);
    int64_t dim[AX_MAX_RANK] = {c, 1, 1, 1, 1, 1, 1, 1};
    int rank = ax_node_int(n, "nhwc", 0) || low_op(L, x)->rank < 2 ? 1 : low_op(L, x)->rank - 1;
    struct low_act act;
    LOW_TRY(low_act_of(L, n, &act));
    low_binary_step(L, AX_BINARY_MUL, x, low_const(L, AX_DTYPE_FLOAT32, rank, dim, a), at, NULL);
    low_binary_step(L, AX_BINARY_ADD, at, low_const(L, AX_DTYPE_FLOAT32, rank, dim, b), y, &act);
    return AX_OK;
}

enum ax_status low_layernorm(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]), scale = low_in(L, ax_in(n, 1)), bias = low_in(L, ax_in(n, 2));
    for (int i = 1; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && (ax_use_count(&L->uses, n->outputs[i]) || ax_is_graph_output(L->g, n->outputs[i])))
            return low_fail(L, AX_UNSUPPORTED,
                            "the mean or deviation is used as an output; only the normalized values are computed");
    struct ax_norm_params p = {.axis = resolved(ax_node_int(n, "axis", -1), low_op(L, x)->rank),
                               .epsilon = ax_node_float(n, "epsilon", 1e-5f)};
    LOW_STEP(L, LAYERNORM_F32, LOW_LIST(x, scale, bias), LOW_LIST(low_out(L, n->outputs[0])), p);
    return AX_OK;
}

enum ax_status low_instnorm(struct low *L, const struct ax_node *n)
{
    bool nhwc = ax_node_int(n, "nhwc", 0);
    int x = low_image_in(L, n->inputs[0], nhwc), scale = low_in(L, n->inputs[1]), bias = low_in(L, n->inputs[2]);
    int y = low_image_out(L, n->outputs[0], nhwc);
    struct ax_norm_params p = {.axis = 1, .epsilon = ax_node_float(n, "epsilon", 1e-5f)};
    LOW_STEP(L, INSTNORM_F32, LOW_LIST(x, scale, bias), LOW_LIST(y), p);
    low_image_done(L, n->outputs[0], nhwc, y);
    return AX_OK;
}

enum ax_status low_lrn(struct low *L, const struct ax_node *n)
{
    bool nhwc = ax_node_int(n, "nhwc", 0);
    int x = low_image_in(L, n->inputs[0], nhwc), y = low_image_out(L, n->outputs[0], nhwc);
    struct ax_norm_params p = {.axis = 3,
                               .size = (int32_t)ax_node_int(n, "size", 1),
                               .alpha = ax_node_float(n, "alpha", 1e-4f),
                               .beta = ax_node_float(n, "beta", 0.75f),
                               .bias = ax_node_float(n, "bias", 1)};
    LOW_STEP(L, LRN_F32, LOW_LIST(x), LOW_LIST(y), p);
    low_image_done(L, n->outputs[0], nhwc, y);
    return AX_OK;
}

enum ax_status low_softmax(struct low *L, const struct ax_node *n)
{
    int x = low_in(L, n->inputs[0]);
    struct ax_softmax_params p = {.axis = resolved(ax_node_int(n, "axis", -1), low_op(L, x)->rank),
                                  .log = n->op == AX_OP_LOG_SOFTMAX};
    LOW_STEP(L, SOFTMAX_F32, LOW_LIST(x), LOW_LIST(low_out(L, n->outputs[0])), p);
    return AX_OK;
}
