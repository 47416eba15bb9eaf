#include "kernels/simd_scalar.h"

#include "kernels/rows.inc"

#if defined(__x86_64__)
extern const struct ax_rows ax_rows_avx2;
#endif

const struct ax_rows *ax_rows_find(uint32_t cpu)
{
#if defined(__x86_64__)
    if (cpu & AX_CPU_AVX2) return &ax_rows_avx2;
#endif
    (void)cpu;
    return &ax_rows_scalar;
}
