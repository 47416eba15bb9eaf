/* Functions of one element: the output is like the input. */
#include "graph/infer.h"

#define UNARY(row, NAME, SINCE, ATTRS, QUANT, NOTE)                                                                            \
    AX_ONNX_OP(row, NAME, 1, 1, 1, .since = SINCE, .attrs = ATTRS, .quant = QUANT, .infer = ax_infer_same, .note = NOTE)

#define INT8_TABLE "int8 by a table of 256 entries."

static const struct ax_attr_row clip[] = {
    {"min", AX_KIND_FLOAT, "absent: no lower bound"}, {"max", AX_KIND_FLOAT, "absent: no upper bound"}, AX_ATTRS_END};
static const struct ax_attr_row elu[] = {{"alpha", AX_KIND_FLOAT, "default 1"}, AX_ATTRS_END};
static const struct ax_attr_row gelu[] = {{"approximate", AX_KIND_STRING, "none (default) or tanh"}, AX_ATTRS_END};
static const struct ax_attr_row hard_sigmoid[] = {
    {"alpha", AX_KIND_FLOAT, "default 0.2"}, {"beta", AX_KIND_FLOAT, "default 0.5"}, AX_ATTRS_END};
static const struct ax_attr_row leaky_relu[] = {{"alpha", AX_KIND_FLOAT, "default 0.01"}, AX_ATTRS_END};
static const struct ax_attr_row selu[] = {{"alpha", AX_KIND_FLOAT, "default 1.67326319217681884765625"},
                                          {"gamma", AX_KIND_FLOAT, "default 1.05070102214813232421875"},
                                          AX_ATTRS_END};
static const struct ax_attr_row thresholded_relu[] = {{"alpha", AX_KIND_FLOAT, "default 1"}, AX_ATTRS_END};
static const struct ax_attr_row silu[] = {{"alpha", AX_KIND_FLOAT, "x sigmoid(alpha x); default 1"}, AX_ATTRS_END};

UNARY(ax_op_abs, "Abs", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_ceil, "Ceil", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_clip, "Clip", 1, clip, AX_Q_UNARY,
      "Constant bounds become attributes, others Max and Min; fused into the operator before it, else a table.");
UNARY(ax_op_cos, "Cos", 7, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_elu, "Elu", 1, elu, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_erf, "Erf", 9, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_exp, "Exp", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_floor, "Floor", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_gelu, "Gelu", 20, gelu, AX_Q_UNARY, "Both forms; its spelling in smaller operators is recognised too.");
UNARY(ax_op_hard_sigmoid, "HardSigmoid", 1, hard_sigmoid, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_hard_swish, "HardSwish", 14, NULL, AX_Q_UNARY, "Its spelling in smaller operators is recognised too.");
UNARY(ax_op_identity, "Identity", 1, NULL, AX_Q_MOVE, "Removed by a pass.");
UNARY(ax_op_leaky_relu, "LeakyRelu", 1, leaky_relu, AX_Q_UNARY, "Fused into the operator before it, else a table.");
UNARY(ax_op_log, "Log", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_mish, "Mish", 18, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_neg, "Neg", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_reciprocal, "Reciprocal", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_relu, "Relu", 1, NULL, AX_Q_UNARY, "Fused into the operator before it, else a table.");
UNARY(ax_op_round, "Round", 11, NULL, AX_Q_UNARY, "Ties to even. " INT8_TABLE);
UNARY(ax_op_selu, "Selu", 1, selu, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_sigmoid, "Sigmoid", 1, NULL, AX_Q_UNARY, "Fused into the operator before it, else a table.");
UNARY(ax_op_sign, "Sign", 9, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_sin, "Sin", 7, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_softplus, "Softplus", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_softsign, "Softsign", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_sqrt, "Sqrt", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_tanh, "Tanh", 1, NULL, AX_Q_UNARY, INT8_TABLE);
UNARY(ax_op_thresholded_relu, "ThresholdedRelu", 10, thresholded_relu, AX_Q_UNARY, INT8_TABLE);

AX_AXON_OP(ax_op_silu, "Silu", 1, 1, 1, .since = 1, .attrs = silu, .quant = AX_Q_UNARY, .infer = ax_infer_same,
           .note = "x sigmoid(x): made of Mul and Sigmoid by a pass; fused into the operator before it, else a table.");

static enum ax_status infer_not(struct ax_graph *g, int node, struct ax_error *err)
{
    struct ax_shape s = *ax_rule_shape(g, node, 0);
    return ax_rule_set(g, node, 0, AX_DTYPE_BOOL, &s, err);
}

AX_ONNX_OP(ax_op_not, "Not", 1, 1, 1, .since = 1, .quant = AX_Q_FLOAT, .infer = infer_not, .note = "On bool.");
