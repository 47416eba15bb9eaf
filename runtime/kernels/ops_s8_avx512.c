#include "kernels/simd_avx512.h"

#include "kernels/ops_s8.inc"
