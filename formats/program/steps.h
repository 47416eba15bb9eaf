/* The kinds of steps, their operands and their parameters.
 *
 * Parameter structs hold only int32_t and float, so that they are stored as 32-bit little-endian words. Lists of unknown
 * length are constant operands of int32. Operand lists below: "x w [bias]" means in[0], in[1], in[2] (-1 if absent).
 * Arithmetic is fixed: float means IEEE binary32, round to nearest even; fma is one rounding; sums run in the stated order. */
#ifndef AX_PROGRAM_STEPS_H
#define AX_PROGRAM_STEPS_H

#include <stdint.h>

/* -- geometry of convolutions and pools; activations are channels-last, 1-D ones have height 1 -- */

enum ax_residual { AX_RESIDUAL_NONE, AX_RESIDUAL_PRE, AX_RESIDUAL_POST };

struct ax_conv_params {
    int32_t kh, kw, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, pad_bottom, pad_right;
    int32_t groups;
    int32_t act; /* enum ax_act */
    float alpha, beta;
    int32_t residual; /* enum ax_residual */
    int32_t linear;   /* int8 output only: see "Epilogue" */
    int32_t out_pad_h, out_pad_w; /* ConvTranspose's output_padding */
    int32_t weights;              /* enum ax_weights_order: how the graph holds what is packed here */
    int32_t reserved[2];
};

enum ax_weights_order {
    AX_WEIGHTS_CONV, /* [M, C/group, kernel...]; ConvTranspose [C, M/group, kernel...] */
    AX_WEIGHTS_K_N,  /* MatMul's [..., K, N] */
    AX_WEIGHTS_N_K,  /* Gemm's with transB */
};

struct ax_pool_params {
    int32_t kh, kw, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left, pad_bottom, pad_right;
    int32_t average;           /* 0: maximum */
    int32_t count_include_pad;
    int32_t act;
    float alpha, beta;
    int32_t linear;
};

/* -- Epilogue of int8 steps: from an exact int32 accumulator to the output ------------------------------------------------
 *
 * A constant operand `epi` of AX_EPI_ROWS x P 32-bit words (P: output channels rounded up to 16 in every group, group after
 * group), row r of padded channel n at [r * P + n]:
 */
enum {
    AX_EPI_BIAS,  /* int32, added to the accumulator (bias and folded zero points); no overflow by construction */
    AX_EPI_MUL,   /* float */
    AX_EPI_ADD,   /* float */
    AX_EPI_INV,   /* float, 1 / output scale (ACT form) */
    AX_EPI_ZERO,  /* float, output zero point (ACT form; a post-residual's zero point is folded in) */
    AX_EPI_LO,    /* float, an integer in [-128, 127] */
    AX_EPI_HI,    /* float, an integer in [-128, 127] */
    AX_EPI_RES,   /* float, factor of the residual's integer */
    AX_EPI_SLOPE, /* float, PRelu's slope */
    AX_EPI_ZA,    /* int32, zero point of operand a (Mul) */
    AX_EPI_ZB,    /* int32, zero point of operand b (Mul) */
    AX_EPI_ROWS
};
/*   a = acc + BIAS[n]                                        (int32)
 *   v = fma((float)a, MUL[n], ADD[n])
 *   residual PRE:  v = fma((float)r, RES[n], v)              (r: the residual's int8)
 *   linear = 1 (activation none, relu or clip; all in units of the output's scale; no POST):
 *       q = rne(min(max(v, LO[n]), HI[n]))
 *   linear = 0:
 *       v = act(v)
 *       u = fma(v, INV[n], ZERO[n])
 *       residual POST: u = fma((float)r, RES[n], u)
 *       q = rne(min(max(u, LO[n]), HI[n]))
 *   float32 output: v = act(v); residual POST: v = fma((float)r, RES[n], v); the output is v   (no LO, HI; linear ignored)
 * max(x, y) is x > y ? x : y and min(x, y) is x < y ? x : y (so that a NaN becomes LO); rne rounds to the nearest, ties to even.
 * Float residuals (float32 steps) are added as they are: v = v + r.
 *
 * -- Weights of int8 steps ------------------------------------------------------------------------------------------------
 * K order of a convolution's group: for each run (a range of channels of one input plane, see below), for ky, for kx, for the
 * run's channels padded with zero weights to a multiple of 4. Packed: [group][N / 16][K / 4][16][4] int8, N padded to 16 with
 * zeros. `runs` is an int32 constant: [group][runs a group][3] = plane index, first channel within the plane, channels.
 * A run lies in one plane and has at most 64 channels; a plane wider than that (never made, but legal) takes several.
 *
 * -- Weights of float steps -----------------------------------------------------------------------------------------------
 * [group][N / 16][K][16] float, K = ky, kx, channel of the group; N padded to 16 with zeros. Sums: one chain of fma an output,
 * from the bias (or +0): acc = bias, then acc = fma(x_k, w_k, acc) with k ascending. Pixels outside of the image are read as
 * +0 by CONV_F32 and CONVT_F32; DWCONV_F32 and pools skip them. Taps of CONVT_F32 between the strides are skipped. */

enum ax_binary {
    AX_BINARY_ADD, AX_BINARY_SUB, AX_BINARY_MUL, AX_BINARY_DIV, AX_BINARY_POW, AX_BINARY_MIN, AX_BINARY_MAX, AX_BINARY_MOD,
    AX_BINARY_FMOD, AX_BINARY_PRELU, /* a < 0 ? a b : a */
    AX_BINARY_EQUAL, AX_BINARY_LESS, AX_BINARY_LESS_OR_EQUAL, AX_BINARY_GREATER, AX_BINARY_GREATER_OR_EQUAL,
    AX_BINARY_AND, AX_BINARY_OR, AX_BINARY_XOR,
    AX_BINARY_COUNT
};
enum ax_reduce {
    AX_REDUCE_SUM, AX_REDUCE_MEAN, AX_REDUCE_MAX, AX_REDUCE_MIN, AX_REDUCE_PROD, AX_REDUCE_L2, AX_REDUCE_SUM_SQUARE,
    AX_REDUCE_ARG_MAX, AX_REDUCE_ARG_MIN, AX_REDUCE_COUNT
};
enum ax_resize_mode { AX_RESIZE_NEAREST, AX_RESIZE_LINEAR, AX_RESIZE_CUBIC };
enum ax_resize_coordinate {
    AX_RESIZE_HALF_PIXEL, AX_RESIZE_HALF_PIXEL_SYMMETRIC, AX_RESIZE_PYTORCH_HALF_PIXEL, AX_RESIZE_ALIGN_CORNERS,
    AX_RESIZE_ASYMMETRIC, AX_RESIZE_TF_CROP_AND_RESIZE
};
enum ax_resize_nearest {
    AX_RESIZE_ROUND_PREFER_FLOOR, AX_RESIZE_ROUND_PREFER_CEIL, AX_RESIZE_FLOOR, AX_RESIZE_CEIL
};
enum ax_pad_mode { AX_PAD_CONSTANT, AX_PAD_REFLECT, AX_PAD_EDGE, AX_PAD_WRAP };

struct ax_matmul_params {
    int32_t batch_rank;           /* 0..4 */
    int32_t batch[4];             /* output's batch dims */
    int32_t a_stride[4], b_stride[4]; /* elements; 0 where broadcast */
    int32_t m, n, k;
    int32_t act; float alpha, beta; int32_t linear;
};
struct ax_unary_params { int32_t act; float alpha, beta; };
struct ax_binary_params { int32_t op; int32_t act; float alpha, beta; int32_t linear; };
struct ax_reduce_params { int32_t op; int32_t axes_mask; int32_t select_last; };
struct ax_softmax_params { int32_t axis; int32_t log; };
struct ax_norm_params { int32_t axis; float epsilon; int32_t size; float alpha, beta, bias; };
struct ax_transpose_params { int32_t perm[8]; };
struct ax_copy_params {           /* out[out_offset + sum i_d out_stride_d] = in[in_offset + sum i_d in_stride_d], elements */
    int32_t rank; int32_t count[8]; int32_t in_stride[8]; int32_t out_stride[8]; int32_t in_offset, out_offset;
};
struct ax_pad_params { int32_t pads[16]; int32_t mode; float value; };
struct ax_gather_params { int32_t axis; int32_t batch_dims; };
struct ax_resize_params {         /* all dimensions; tables are made at load from these */
    int32_t mode, coordinate, nearest, antialias, exclude_outside; float cubic_a, extrapolation;
    float scale[8];               /* output / input, as ONNX says */
    float roi[16];
};
struct ax_topk_params { int32_t k, axis, largest, sorted; };
struct ax_move_params { int32_t block_h, block_w; }; /* see MOVE_S8 */
struct ax_table_params { int32_t tables; };          /* 1, or as many as channels */
struct ax_none_params { int32_t none; };

/* X(NAME, text, params)
 * Float and integer steps on PLAIN operands (dtype float32 unless said otherwise):
 *  CONV_F32       x w [bias] [residual] [slope] -> y           [N,H,W,C]
 *  DWCONV_F32     x w [bias] [residual] [slope] -> y           groups = C = outputs; w [kh][kw][C]
 *  CONVT_F32      x w [bias] [residual] [slope] -> y           transposed; w [group][N/16][kh kw Cg][16]; sum in k order ky, kx, c
 *  MATMUL_F32     a b [bias [N]] -> y                          two activations; a's rows M x K, b's K x N
 *  POOL_F32       x -> y                                       average: sum in order ky, kx, then divided by the count
 *  UNARY_F32      x -> y
 *  BINARY         a b -> y                                     broadcast from the right; float32, int32, int64, bool (compare -> bool)
 *  REDUCE         x -> y                                       float32, int32, int64; sums of floats: see docs/numerics.md
 *  SOFTMAX_F32    x -> y
 *  LAYERNORM_F32  x [scale] [bias] -> y                        over dims axis..rank-1
 *  INSTNORM_F32   x scale bias -> y                            channels last
 *  LRN_F32        x -> y                                       channels last
 *  CAST           x -> y                                       by dtypes; float to integer truncates, saturates; NaN is 0
 *  WHERE          c a b -> y                                   broadcast; any dtype
 *  TRANSPOSE      x -> y                                       any dtype
 *  COPY           x -> y                                       any dtype; Slice, Split, Concat, Expand, Tile, Reshape; y may be
 *                                                              written by several COPY steps
 *  PAD            x -> y                                       any dtype
 *  GATHER         x indices -> y        GATHER_ELEMENTS, GATHER_ND, SCATTER_ND (x indices updates) alike; indices int32/int64
 *  RESIZE_F32     x -> y
 *  TOPK           x -> values indices(int64)
 *  QUANTIZE       x scale zero -> y                            PLAIN float32 -> PLAIN int8/uint8/int16/int32 or PLANES int8.
 *                 scale float [1 or C], zero int32: q = clamp(rne(x / scale) + zero), division IEEE, as ONNX says
 *  DEQUANTIZE     x scale zero -> y                            PLAIN or PLANES integers -> PLAIN float32: (float)(q - zero) * scale
 * Int8 steps on PLANES (or where said PLAIN):
 *  CONV_S8        x w runs epi [residual] -> y                 y PLANES int8 or PLAIN float32 [N,H,W,C]; MatMul with weights too (1x1)
 *  DWCONV_S8      x w epi [residual] -> y                      groups = C; w [kh kw][P] int8, P = C padded to 16
 *  CONVT_S8       x w runs epi [residual] -> y                 transposed; every tap counts in acc: where it meets no input pixel
 *                                                              (between strides, outside the image) x is the channel's zero point
 *  MATMUL_S8      a b epi -> y                                 PLAIN int8 both, y PLAIN int8 or float32; acc = sum (a - ZA[0])(b - ZB[0]);
 *                                                              epilogue rows with P = N padded to 16
 *  POOL_S8        x [epi] -> y                                 maximum: no epi, y has x's scales; average: t = (float)sum / (float)count,
 *                                                              then the epilogue from v = fma(t, MUL, ADD). Pixels outside the
 *                                                              image are skipped; with count_include_pad they count as zero points
 *  TABLE_S8       x table -> y                                 y = table[c or 0][q + 128]; also PLAIN int8
 *  BINARY_S8      a b epi -> y                                 ADD, SUB: v = fma((float)a, MUL, ADD), v = fma((float)b, RES, v);
 *                                                              MUL: v = fma((float)((a - ZA)(b - ZB)), MUL, ADD); then the epilogue
 *                                                              from `linear` on. b (or a) may be [N,1,1,C]: broadcast over pixels
 *  MOVE_S8        x ymap xmap cmap fill -> y                   y(y, x, c) = x(ymap[y], xmap[x], cmap[((y % block_h) * block_w + x % block_w)
 *                                                              * C + c]) or fill[c] where any of them is -1. Maps int32, fill int8 [C]
 *  RESIZE_S8      x -> y                                       linear; y has x's scales; see docs/numerics.md
 *  PACK           x -> y                                       PLAIN int8 [..., C] -> PLANES
 *  UNPACK         x -> y                                       PLANES -> PLAIN int8 */
#define AX_STEP_LIST(X)                                      \
    X(CONV_F32, "conv_f32", ax_conv_params)                  \
    X(DWCONV_F32, "dwconv_f32", ax_conv_params)              \
    X(CONVT_F32, "convt_f32", ax_conv_params)                \
    X(MATMUL_F32, "matmul_f32", ax_matmul_params)            \
    X(POOL_F32, "pool_f32", ax_pool_params)                  \
    X(UNARY_F32, "unary_f32", ax_unary_params)               \
    X(BINARY, "binary", ax_binary_params)                    \
    X(REDUCE, "reduce", ax_reduce_params)                    \
    X(SOFTMAX_F32, "softmax_f32", ax_softmax_params)         \
    X(LAYERNORM_F32, "layernorm_f32", ax_norm_params)        \
    X(INSTNORM_F32, "instnorm_f32", ax_norm_params)          \
    X(LRN_F32, "lrn_f32", ax_norm_params)                    \
    X(CAST, "cast", ax_none_params)                          \
    X(WHERE, "where", ax_none_params)                        \
    X(TRANSPOSE, "transpose", ax_transpose_params)           \
    X(COPY, "copy", ax_copy_params)                          \
    X(PAD, "pad", ax_pad_params)                             \
    X(GATHER, "gather", ax_gather_params)                    \
    X(GATHER_ELEMENTS, "gather_elements", ax_gather_params)  \
    X(GATHER_ND, "gather_nd", ax_gather_params)              \
    X(SCATTER_ND, "scatter_nd", ax_gather_params)            \
    X(RESIZE_F32, "resize_f32", ax_resize_params)            \
    X(TOPK, "topk", ax_topk_params)                          \
    X(QUANTIZE, "quantize", ax_none_params)                  \
    X(DEQUANTIZE, "dequantize", ax_none_params)              \
    X(CONV_S8, "conv_s8", ax_conv_params)                    \
    X(DWCONV_S8, "dwconv_s8", ax_conv_params)                \
    X(CONVT_S8, "convt_s8", ax_conv_params)                  \
    X(MATMUL_S8, "matmul_s8", ax_matmul_params)              \
    X(POOL_S8, "pool_s8", ax_pool_params)                    \
    X(TABLE_S8, "table_s8", ax_table_params)                 \
    X(BINARY_S8, "binary_s8", ax_binary_params)              \
    X(MOVE_S8, "move_s8", ax_move_params)                    \
    X(RESIZE_S8, "resize_s8", ax_resize_params)              \
    X(PACK, "pack", ax_none_params)                          \
    X(UNPACK, "unpack", ax_none_params)

enum ax_step_kind {
#define AX_STEP_ENUM(name, text, params) AX_STEP_##name,
    AX_STEP_LIST(AX_STEP_ENUM)
#undef AX_STEP_ENUM
    AX_STEP_COUNT
};

const char *ax_step_text(enum ax_step_kind k);
enum ax_step_kind ax_step_from_text(const char *s); /* AX_STEP_COUNT if unknown */
int ax_step_params_bytes(enum ax_step_kind k);

#endif
