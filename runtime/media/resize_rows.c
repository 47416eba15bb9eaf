#define AX_ISA(name) name##_scalar
#include "media/resize_rows.inc"

#include "kernels/cpu.h"

#if defined(__x86_64__)
extern const struct ax_resize_rows ax_resize_rows_avx2;
#endif

const struct ax_resize_rows *ax_resize_rows(void)
{
#if defined(__x86_64__)
    if (ax_cpu_features() & AX_CPU_AVX2) return &ax_resize_rows_avx2;
#endif
    return &ax_resize_rows_scalar;
}
