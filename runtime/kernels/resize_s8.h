/* Where each output row and column of RESIZE_S8 comes from: two neighbours and the second one's weight in 2048ths. */
#ifndef AX_KERNELS_RESIZE_S8_H
#define AX_KERNELS_RESIZE_S8_H

#include "kernels/kernel.h"

enum { RESIZE_S8_ONE = 2048 };

struct resize_s8_tap {
    int32_t a, b, weight;
};

void *ax_resize_s8_prepare(const struct ax_program *p, const struct ax_step *s); /* taps of h rows, then of w columns */

#endif
