#include "kernels/simd_scalar.h"

#include "kernels/matmul_f32.inc"
