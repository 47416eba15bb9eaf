#include "kernels/simd_scalar.h"

#include "kernels/unary_f32.inc"
