#include "kernels/simd_avx2.h"

#include "kernels/ops_s8.inc"
