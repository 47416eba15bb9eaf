/* For kernel templates (*.inc), after simd_ISA.h: names and feature bits of the instruction set at hand. */
#ifndef AX_KERNELS_ISA_H
#define AX_KERNELS_ISA_H

#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/plain.h"

#define AX_ISA_CAT2(a, b) a##_##b
#define AX_ISA_CAT(a, b) AX_ISA_CAT2(a, b)
#define AX_ISA(name) AX_ISA_CAT(name, VF_ISA) /* conv_f32 -> conv_f32_avx2 */
#define AX_ISA_STR2(a) #a
#define AX_ISA_STR(a) AX_ISA_STR2(a)

#if VF_WIDTH == 1
#define VF_CPU 0
#elif VF_WIDTH == 8
#define VF_CPU AX_CPU_AVX2
#else
#define VF_CPU AX_CPU_AVX512
#endif

/* Defines the table's row ax_kernel_NAME_ISA; the fields after the name are given as designated initializers. */
#define AX_ISA_KERNEL(step, base, ...)                                                                                         \
    extern const struct ax_kernel AX_ISA(ax_kernel_##base);                                                                    \
    const struct ax_kernel AX_ISA(ax_kernel_##base) = {                                                                        \
        .kind = AX_STEP_##step, .name = #base "_" AX_ISA_STR(VF_ISA), .cpu = VF_CPU, __VA_ARGS__}

#endif
