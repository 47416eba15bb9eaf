/* The op table: one row an operator, each row in a small file of its own under graph/ops/.
 *
 * To add an operator: write graph/ops/NAME.c with its row, and name it in graph/ops.list. Nothing else changes for the
 * importer, verifier, printer, inference and documentation (docs/operators.md is made from this table); kernels and lowering
 * are found by the op's enum in runtime/ and compiler/lower/. */
#ifndef AX_GRAPH_OP_H
#define AX_GRAPH_OP_H

#include "base/status.h"

/* Canonical form. ONNX said many things in two ways over its opsets (axes as attribute, then as input). The importer brings
 * every node to one form, which is all that passes, inference, lowering and kernels know:
 *
 *   op                  inputs                          attributes (ints unless said otherwise)
 *   Clip                X                               min, max (floats; absent: unbounded). Bounds that are not constant
 *                                                       become Max and Min nodes.
 *   Reshape, Flatten..  X                               Reshape: shape (full, resolved: no 0, no -1). Flatten, Squeeze,
 *                                                       Unsqueeze of ONNX are imported as Reshape.
 *   Expand              X                               shape (the output's)
 *   Tile                X                               repeats
 *   Slice               X                               starts, ends, axes, steps: one entry an axis in `axes`, axes and
 *                                                       bounds resolved to 0 <= .. (end -1 with a negative step: before 0)
 *   Split               X                               axis, split (sizes, one an output)
 *   Concat              X...                            axis (resolved, >= 0)
 *   Pad                 X                               pads (2 x rank, resolved), mode (string), value (float)
 *   Transpose           X                               perm (always there)
 *   Gather              X, indices                      axis
 *   Reduce*, ArgMax/Min X                               axes (resolved, sorted; ArgMax: axis), keepdims
 *   Resize              X                               scales (floats, one a dimension), mode, coordinate_transformation_mode,
 *                                                       nearest_mode (strings), cubic_coeff_a (float), antialias,
 *                                                       exclude_outside; sizes (the output's full shape). Upsample too.
 *   TopK                X                               k, axis, largest, sorted
 *   Softmax, LogSoftmax X                               axis (resolved). Below opset 13 the importer flattens by Reshape.
 *   Dropout             X                               imported as Identity; BatchNormalization only in inference form
 *   Conv, ConvTranspose, pools: kernel_shape, strides, dilations, pads [begin..., end...] all present and resolved
 *                       (auto_pad is gone), group; pools: ceil_mode, count_include_pad. 1-D ones keep rank 3 on import; a pass
 *                       makes them 2-D with height 1.
 *   Gemm                A, B, C                         alpha, beta (floats), transA, transB
 *   MatMul              A, B [, bias [, residual [, slope]]]  B constant: weights [K,N]
 *   Cast                X                               to (an ax_dtype)
 *   ConstantOfShape, Range, Shape, Size, NonZero        fold away on import; else an error that says so
 *   QuantizeLinear / DequantizeLinear  X, scale, zero_point (always there)   axis
 * QLinearConv and the other QLinear operators are imported as DequantizeLinear, the float operator, QuantizeLinear.
 *
 * What passes add:
 *   Conv, ConvTranspose, MatMul: inputs X, W, bias, residual, slope (bias, residual, slope may be AX_NONE), and attributes
 *     act (string, see program/activation.h; absent: none), act_alpha, act_beta (floats), slope as input 4 for prelu [C];
 *     residual: "pre" or "post" (string): added before or after the activation.
 *   Add, Sub, Mul and pools may carry act too.
 *   nhwc = 1 on layout-sensitive nodes (Conv, ConvTranspose, pools, global pools, BatchNormalization, Resize has none: its
 *     scales are by dimension; DepthToSpace, SpaceToDepth, LRN, InstanceNormalization, PRelu, ChannelShuffle): activations are
 *     [N, spatial..., C]. Weights keep ONNX's order: Conv [M, C/group, kh, kw], ConvTranspose [C, M/group, kh, kw].
 */

/* Every operator, alphabetical. AX_OP(ENUM, row): row is the C name of `const struct ax_op_row ax_op_row`. */
enum ax_op {
    AX_OP_NONE = 0,
#define AX_OP(ENUM, row) AX_OP_##ENUM,
#include "graph/ops.list"
#undef AX_OP
    AX_OP_COUNT
};

/* How the quantizer treats an operator. */
enum ax_quant_class {
    AX_Q_FLOAT,    /* runs in float only (or is folded away before) */
    AX_Q_WEIGHTED, /* products with weights: Conv, ConvTranspose, Gemm, MatMul; absorbs a vector of input scales */
    AX_Q_MOVE,     /* moves elements: outputs carry the input's scales (Concat: each part its own) */
    AX_Q_SUM,      /* Add, Sub, average pooling, ReduceMean: reads vectors of scales, writes any */
    AX_Q_PRODUCT,  /* Mul of two activations, MatMul of two: one scale an operand */
    AX_Q_UNARY,    /* a function of one element: 256-entry table, by channel where the scales are */
    AX_Q_MAXPOOL,  /* order-preserving: output has the input's scales */
    AX_Q_SHAPE,    /* works on shapes and integers; must fold away or run on integers */
};

enum ax_attr_kind { AX_KIND_INT, AX_KIND_FLOAT, AX_KIND_STRING, AX_KIND_INTS, AX_KIND_FLOATS, AX_KIND_TENSOR };

struct ax_attr_row {
    const char *name;
    enum ax_attr_kind kind;
    const char *text; /* default and legal values, for the documentation and for errors */
};

struct ax_graph;

struct ax_op_row {
    const char *name;   /* "Conv" */
    const char *domain; /* "" for ONNX, "axon" for what only passes make, "com.microsoft" */
    int since, until;   /* ONNX opsets that the importer takes it from; until 0: to the newest */
    int min_inputs, max_inputs, min_outputs, max_outputs; /* max -1: any number */
    const struct ax_attr_row *attrs; /* ends with name NULL; NULL: none */
    enum ax_quant_class quant;
    /* Sets dtype and shape of the outputs. May read constant inputs. Unknown shapes in: unknown shapes out, no error. */
    enum ax_status (*infer)(struct ax_graph *g, int node, struct ax_error *err);
    const char *note;   /* one sentence for docs/operators.md: what is supported, what is not */
};

const struct ax_op_row *ax_op_row(enum ax_op op); /* never NULL for a valid op; row of NONE has name "none" */
static inline const char *ax_op_name(enum ax_op op) { return ax_op_row(op)->name; }
enum ax_op ax_op_find(const char *domain, const char *name); /* AX_OP_NONE if unknown; "ai.onnx" equals "" */
/* The known name nearest to `name` by edit distance, for messages; NULL if none is near. */
const char *ax_op_nearest(const char *name);

#endif
