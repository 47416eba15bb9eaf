/* Activation functions that ride in an epilogue or stand alone as a unary step. Numbers are stored in files: append only.
 * The exact arithmetic of each (order, rounding, approximation) is docs/numerics.md; its code is runtime/kernels/act.h. */
#ifndef AX_PROGRAM_ACTIVATION_H
#define AX_PROGRAM_ACTIVATION_H

#define AX_ACT_LIST(X) /* name, text, function of x with parameters a (alpha) and b (beta) */ \
    X(NONE, "none", "x")                                                                      \
    X(RELU, "relu", "max(x, 0)")                                                              \
    X(CLIP, "clip", "min(max(x, a), b)")                                                      \
    X(LEAKY_RELU, "leaky_relu", "x < 0 ? a x : x")                                            \
    X(PRELU, "prelu", "x < 0 ? slope[c] x : x")                                               \
    X(SILU, "silu", "x / (1 + exp(-a x)), a = 1 (x sigmoid(a x))")                            \
    X(SIGMOID, "sigmoid", "1 / (1 + exp(-x))")                                                \
    X(HARD_SWISH, "hard_swish", "x min(max(x / 6 + 0.5, 0), 1)")                              \
    X(HARD_SIGMOID, "hard_sigmoid", "min(max(a x + b, 0), 1)")                                \
    X(GELU, "gelu", "x / 2 (1 + erf(x / sqrt 2))")                                            \
    X(GELU_TANH, "gelu_tanh", "x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))")            \
    X(TANH, "tanh", "tanh(x)")                                                                \
    X(ELU, "elu", "x < 0 ? a (exp(x) - 1) : x")                                               \
    X(SELU, "selu", "b (x < 0 ? a (exp(x) - 1) : x)")                                         \
    X(SOFTPLUS, "softplus", "log(1 + exp(x))")                                                \
    X(SOFTSIGN, "softsign", "x / (1 + |x|)")                                                  \
    X(MISH, "mish", "x tanh(softplus(x))")                                                    \
    X(ERF, "erf", "erf(x)")                                                                   \
    X(EXP, "exp", "exp(x)")                                                                   \
    X(LOG, "log", "log(x)")                                                                   \
    X(SQRT, "sqrt", "sqrt(x)")                                                                \
    X(RECIPROCAL, "reciprocal", "1 / x")                                                      \
    X(ABS, "abs", "|x|")                                                                      \
    X(NEG, "neg", "-x")                                                                       \
    X(FLOOR, "floor", "floor(x)")                                                             \
    X(CEIL, "ceil", "ceil(x)")                                                                \
    X(ROUND, "round", "to the nearest, ties to even")                                         \
    X(SIGN, "sign", "-1, 0 or 1")                                                             \
    X(SIN, "sin", "sin(x)")                                                                   \
    X(COS, "cos", "cos(x)")                                                                   \
    X(THRESHOLDED_RELU, "thresholded_relu", "x > a ? x : 0")                                  \
    X(AFFINE, "affine", "a x + b")

enum ax_act {
#define AX_ACT_ENUM(name, text, formula) AX_ACT_##name,
    AX_ACT_LIST(AX_ACT_ENUM)
#undef AX_ACT_ENUM
    AX_ACT_COUNT
};

const char *ax_act_text(enum ax_act a);
enum ax_act ax_act_from_text(const char *s); /* AX_ACT_COUNT if unknown */

#endif
