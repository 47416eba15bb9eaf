/* Tables of a resize, made at load: for each output coordinate of each resized dimension its input coordinates and weights. */
#ifndef AX_KERNELS_RESIZE_H
#define AX_KERNELS_RESIZE_H

#include "kernels/kernel.h"

struct ax_resize_axis {
    int dim;
    int taps;             /* for each output coordinate */
    const int32_t *index; /* [out][taps]; within the input; -1 in tap 0: outside, the extrapolation value */
    const float *weight;  /* [out][taps] */
};

struct ax_resize_plan {
    int n_axes; /* resized dimensions, outermost first */
    struct ax_resize_axis axis[AX_MAX_RANK];
    int64_t inner; /* elements behind the last resized dimension */
};

void *ax_resize_prepare(const struct ax_program *p, const struct ax_step *s);

#endif
