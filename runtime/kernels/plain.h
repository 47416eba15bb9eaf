/* For kernels that need no vectors: defines the table's row ax_kernel_NAME; the fields after the name are given as
 * designated initializers. */
#ifndef AX_KERNELS_PLAIN_H
#define AX_KERNELS_PLAIN_H

#include "kernels/kernel.h"

#define AX_PLAIN_KERNEL(step, base, ...)                                                                                       \
    extern const struct ax_kernel ax_kernel_##base;                                                                            \
    const struct ax_kernel ax_kernel_##base = {.kind = AX_STEP_##step, .name = #base, .cpu = 0, __VA_ARGS__}

#endif
