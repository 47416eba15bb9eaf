#include "kernels/simd_avx512.h"

#include "kernels/resize_s8.inc"
