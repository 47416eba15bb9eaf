/* A node that computes y = x * mul[c] + add[c] with constants: Mul, Add, Sub, Div or BatchNormalization. */
#ifndef AX_PASSES_AFFINE_H
#define AX_PASSES_AFFINE_H

#include "passes/pass.h"

struct affine {
    int x; /* the value it is applied to */
    int channels;
    bool scales, shifts; /* mul is not all ones, add not all zeros */
    double *mul, *add;
};

/* Whether `node` is one over axis `axis` of its input x (AX_NONE: whichever input is not constant). */
bool affine_read(struct ax_graph *g, int node, int x, int axis, struct affine *a);

/* The weights of `node` times by[k] for the k-th output channel (or input channel), as a new constant. */
int affine_scale_outputs(struct ax_graph *g, int node, const double *by);
int affine_scale_inputs(struct ax_graph *g, int node, const double *by);
int affine_out_channels(const struct ax_graph *g, int node);
/* bias[k] = bias[k] * mul[k] + add[k]; NULL: ones, zeros */
void affine_set_bias(struct ax_graph *g, int node, const double *mul, const double *add);

#endif
