/* The rules by op family; rules.c puts them into one table. */
#ifndef AX_LOWER_RULES_H
#define AX_LOWER_RULES_H

#include "lower/build.h"

low_rule low_conv, low_matmul, low_gemm;
low_rule low_pool, low_global_pool, low_reduce;
low_rule low_unary, low_not, low_binary, low_nary, low_compare, low_prelu, low_where, low_cast;
low_rule low_batchnorm, low_layernorm, low_instnorm, low_lrn, low_softmax;
low_rule low_alias, low_transpose_node, low_concat, low_split, low_slice, low_pad, low_expand, low_tile;
low_rule low_depth_to_space, low_space_to_depth, low_channel_shuffle;
low_rule low_gather, low_gather_elements, low_gather_nd, low_scatter_nd, low_topk;
low_rule low_resize, low_quantize, low_dequantize, low_lookup;

enum ax_status low_matmul_params(struct low *L, const struct ax_operand *a, const struct ax_operand *b,
                                 struct ax_matmul_params *p);

#endif
