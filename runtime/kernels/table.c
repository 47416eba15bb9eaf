#include "kernels/kernel.h"

#include <stddef.h>

/* The lists: AX_KERNEL(name) for each, best first within a kind, the last of a kind takes every legal step. */
#define AX_KERNEL(name) extern const struct ax_kernel ax_kernel_##name;
#include "kernels/table_float.inc"
#include "kernels/table_s8.inc"
#undef AX_KERNEL

const struct ax_kernel *const ax_kernels[] = {
#define AX_KERNEL(name) &ax_kernel_##name,
#include "kernels/table_float.inc"
#include "kernels/table_s8.inc"
#undef AX_KERNEL
    NULL};

const struct ax_kernel *ax_kernel_find(const struct ax_program *p, const struct ax_step *s, uint32_t cpu)
{
    for (int i = 0; ax_kernels[i]; i++) {
        const struct ax_kernel *k = ax_kernels[i];
        if (k->kind != s->kind || (k->cpu & ~cpu)) continue;
        if (!k->fits || k->fits(p, s)) return k;
    }
    return NULL;
}
