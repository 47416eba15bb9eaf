/* Working on transposed tensors: what becomes of a node's attributes when axis a of its operands becomes axis to[a]. */
#ifndef AX_PASSES_REMAP_H
#define AX_PASSES_REMAP_H

#include "passes/pass.h"

enum remap_kind {
    REMAP_NO,     /* the node does not commute with transposition */
    REMAP_UNARY,  /* one activation; every other input is a constant that does not care */
    REMAP_JOINT,  /* broadcasting operators and Concat: all inputs are transposed alike */
    REMAP_REDUCE, /* an axis list; without keepdims the output loses these axes */
};

enum remap_kind remap_kind(const struct ax_graph *g, const struct ax_node *n);
void remap_attrs(struct ax_graph *g, int node, int rank, const int64_t *to);
/* A constant operand of a JOINT node in the new order: padded to `rank` with leading ones, dimension i moved to to[i]. */
int remap_const(struct ax_graph *g, int node, int v, int rank, const int64_t *to);
void remap_inverse(const int64_t *perm, int rank, int64_t *inverse);

#endif
