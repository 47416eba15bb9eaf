#define AX_ISA(name) name##_scalar
#include "media/jpeg_rows.inc"

#include "kernels/cpu.h"

#if defined(__x86_64__)
extern const struct ax_jpeg_rows ax_jpeg_rows_avx2;
#endif

const struct ax_jpeg_rows *ax_jpeg_rows(void)
{
#if defined(__x86_64__)
    if (ax_cpu_features() & AX_CPU_AVX2) return &ax_jpeg_rows_avx2;
#endif
    return &ax_jpeg_rows_scalar;
}
