#if defined(__x86_64__)
#include "kernels/simd_avx512.h"

#include "kernels/window_f32.inc"
#endif
