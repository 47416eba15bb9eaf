/* Products with constant weights: Conv, ConvTranspose, Gemm and MatMul brought to one description. */
#ifndef AX_LOWER_WEIGHTED_H
#define AX_LOWER_WEIGHTED_H

#include "lower/build.h"
#include "lower/pack.h"

struct low_weighted {
    const struct ax_node *node;
    int x, w, bias, residual, y;  /* values */
    struct ax_weights view;       /* of w */
    struct ax_conv_params params; /* geometry, activation, residual */
    struct low_act act;
    float alpha, beta;                /* Gemm's factors of the product and of the bias */
    bool depthwise, transposed, rows; /* rows: x is a list of rows (MatMul, Gemm) */
    bool nhwc;
    bool bare; /* int8: the residual, and what comes behind it, follow as float steps */
};

/* Reads a node into *d; the op decides which. */
enum ax_status low_weighted_conv(struct low *L, const struct ax_node *n, struct low_weighted *d);
bool low_rows_weighted(const struct low *L, const struct ax_node *n); /* MatMul or Gemm with constant weights */
enum ax_status low_weighted_rows(struct low *L, const struct ax_node *n, struct low_weighted *d);

/* The bias as out-channel floats times beta, zeros when there is none; fails if it is no vector over output channels. */
const float *low_weighted_bias(struct low *L, const struct low_weighted *d);

/* PRelu's slopes as a constant operand of n floats. */
int low_slopes(struct low *L, int v, int n);

/* Lowers with float weights. x, y, residual: rank-4 operands, channels last. */
enum ax_status low_weighted_f32(struct low *L, const struct low_weighted *d, int x, int residual, int y);
/* On planes; leaves *done false when the input is no int8 or the weights are not quantized. */
enum ax_status low_weighted_s8(struct low *L, struct low_weighted *d, bool *done);

#endif
