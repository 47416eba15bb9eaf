/* The one place that asks the processor what it can do, and the operating system for leave to use AMX tiles. */
#ifndef AX_KERNELS_CPU_H
#define AX_KERNELS_CPU_H

#include <stdint.h>

#define AX_CPU_LIST(X) /* name, text, bit; each tier may be masked on its own */                                               \
    X(AVX2, "avx2", 0) /* AVX2 and FMA and F16C */                                                                             \
    X(AVX_VNNI, "avx_vnni", 1)                                                                                                 \
    X(AVX512, "avx512", 2) /* F, BW, DQ, VL */                                                                                 \
    X(AVX512_VNNI, "avx512_vnni", 3)                                                                                           \
    X(AVX512_VBMI, "avx512_vbmi", 4)                                                                                           \
    X(AMX_INT8, "amx_int8", 5) /* tiles permitted by the kernel */                                                             \
    X(NEON, "neon", 6)                                                                                                         \
    X(NEON_DOT, "neon_dot", 7)                                                                                                 \
    X(NEON_I8MM, "neon_i8mm", 8)

enum {
#define AX_CPU_ENUM(name, text, bit) AX_CPU_##name = 1 << bit,
    AX_CPU_LIST(AX_CPU_ENUM)
#undef AX_CPU_ENUM
};

/* Features present and allowed. The environment variable AXON_CPU (a comma-separated list of names, or "scalar") limits them;
 * a feature whose prerequisite is masked is masked too (AMX and VNNI need AVX512, AVX512 needs AVX2). */
uint32_t ax_cpu_features(void);
/* Parses "avx2,avx512" or "scalar" or "all" into a mask; returns 0 on success, -1 on an unknown name. */
int ax_cpu_parse(const char *text, uint32_t *mask);
void ax_cpu_text(uint32_t features, char *buf, int bytes);

struct ax_cpu_caches {
    int64_t l1d, l2, l3;
}; /* bytes a core, a core, shared; 0 unknown */
struct ax_cpu_caches ax_cpu_caches(void);
int ax_cpu_cores(void); /* that this process may use (affinity) */

#endif
