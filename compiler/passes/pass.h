/* What the passes share: questions about a graph, and the few ways in which all of them change it.
 *
 * Uses are counted by walking the nodes, as the graph stands at that moment: passes rewrite while they walk, and a table of
 * users would be stale after the first change. Graphs have hundreds of nodes, not millions. */
#ifndef AX_PASSES_PASS_H
#define AX_PASSES_PASS_H

#include "passes/passes.h"

typedef enum ax_status pass_run(struct ax_graph *g, int *changed, struct ax_error *err);
pass_run pass_fold_constants, pass_dead_code, pass_remove_identity, pass_simplify_arithmetic, pass_common_subexpressions;
pass_run pass_merge_moves, pass_lower_gemm, pass_slices_to_split, pass_find_shuffles, pass_find_activations;
pass_run pass_find_layernorm, pass_find_pools, pass_lift_1d, pass_fold_pad, pass_fold_affine, pass_fold_affine_forward;
pass_run pass_lower_batchnorm, pass_flatten_to_conv, pass_to_nhwc, pass_sink_transposes, pass_raise_transposes;
pass_run pass_merge_convs, pass_hoist_scale, pass_fuse_activation, pass_fuse_residual, pass_absorb_qdq;

/* -- questions -- */

int pass_uses(const struct ax_graph *g, int v);                 /* by nodes and among the outputs */
int pass_only_user(const struct ax_graph *g, int v);            /* the node that is the one and only use; AX_NONE */
int pass_maker(const struct ax_graph *g, int v, enum ax_op op); /* producer of v if it is an `op`, else AX_NONE */
bool pass_scalar(const struct ax_graph *g, int v, double *x);   /* constant of one element */
bool pass_scalar_is(const struct ax_graph *g, int v, double x); /* one element within 1e-4 of x, relative */
/* node = x OP c with a one-element constant c on either side: which is which. */
bool pass_with_scalar(const struct ax_graph *g, int node, int *x, double *c);
bool pass_is_f32_const(const struct ax_graph *g, int v);
static inline struct ax_shape *pass_shape(struct ax_graph *g, int v)
{
    return &g->values[v].shape;
}
bool pass_perm_is_identity(const int64_t *perm, int rank);
/* Whether a transposition of this shape moves nothing but dimensions of 1, so that it is a Reshape. */
bool pass_perm_is_reshape(const struct ax_shape *from, const int64_t *perm);
/* v = Transpose(*src) with *perm[0..8): rank of the permutation, or 0 */
int pass_is_transpose(const struct ax_graph *g, int v, int *src, int64_t perm[AX_MAX_RANK]);
/* Position of the channels in a layout-sensitive node's input and output. */
int pass_channel_axis(const struct ax_graph *g, int node);
bool pass_weighted(const struct ax_graph *g, int node); /* Conv, ConvTranspose, MatMul with float constant weights */

/* -- changes -- */

int pass_value(struct ax_graph *g, int like, const char *suffix, const struct ax_shape *shape); /* dtype and name of `like` */
int pass_reshape(struct ax_graph *g, int x, const struct ax_shape *shape, const char *suffix);
int pass_transpose(struct ax_graph *g, int x, const int64_t *perm, const char *suffix);
void pass_transpose_to(struct ax_graph *g, int x, const int64_t *perm, int y); /* y exists, and gets this producer */
void pass_reshape_to(struct ax_graph *g, int x, int y);                        /* to y's shape */
/* A constant with the elements moved: dimension i of the result is dimension perm[i] of v. */
int pass_const_transposed(struct ax_graph *g, int v, const int64_t *perm);
int pass_const_reshaped(struct ax_graph *g, int v, const struct ax_shape *shape); /* shares the data */
int pass_const_like(struct ax_graph *g, int like, const char *suffix, int rank, const int64_t *dim, const float *data);
/* The node keeps its outputs and name and becomes another operator without attributes. */
void pass_become(struct ax_graph *g, int node, enum ax_op op, const int *in, int n_in);
/* `node` takes over output 0 of `user`, which dies: user was folded into node. */
void pass_take_output(struct ax_graph *g, int node, int user);
/* Uses of the node's output become `to` and the node dies; false (nothing done) where an output of the graph would lose its
 * name or an input would get one. */
bool pass_bypass(struct ax_graph *g, int node, int to);

#define PASS_EACH_NODE(g, i)                                                                                                   \
    for (int i = 0; i < (g)->n_nodes; i++)                                                                                     \
        if ((g)->nodes[i].op != AX_OP_NONE)

#endif
