/* What the float convolutions prepare at load: where each tap of each output pixel reads.
 *
 * A convolution is one grid of output pixels; a transposed one is stride_h x stride_w grids, one for each phase, and each with
 * the taps that meet input pixels there. Within a grid, pixel (i, j) is output pixel (oy + i out_step_h, ox + j out_step_w),
 * and run r of its taps starts at input pixel (i in_step_h + dy, j in_step_w + dx) and at weight row k0, and is `len` long. */
#ifndef AX_KERNELS_CONV_GEOMETRY_H
#define AX_KERNELS_CONV_GEOMETRY_H

#include "kernels/kernel.h"

struct ax_conv_run {
    int32_t dy, dx;
    int32_t pixels; /* 1, or kw where taps lie next to each other and channels are few */
    int32_t k0, len;
};

struct ax_conv_grid {
    int32_t h, w, oy, ox, out_step_h, out_step_w, in_step_h, in_step_w;
    int32_t first_run, n_runs;
    int64_t pixels; /* n h w */
};

struct ax_conv_state {
    int32_t n_grids, n_runs, max_runs; /* max_runs: of a grid */
    int32_t block;                     /* output pixels that are done together, so that their inputs stay in L2 */
    int64_t blocks;                    /* of all grids */
    int64_t edge_floats;               /* scratch for runs that cross the image's left or right edge */
    int32_t group_in, group_out, group_blocks, k;
    int32_t by_channels; /* the threads share the output channels, not the pixels */
    struct ax_conv_grid *grids;
    struct ax_conv_run *runs;
    float *zeros;
};

enum { AX_CONV_TILE = 12 }; /* most output pixels in a micro-tile of any instruction set */

void *ax_conv_prepare(const struct ax_program *p, const struct ax_step *s);
int64_t ax_conv_scratch(const struct ax_program *p, const struct ax_step *s);

#endif
