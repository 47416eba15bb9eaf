#include "kernels/simd_avx2.h"

#include "kernels/resize_s8.inc"
