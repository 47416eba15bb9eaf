#include "kernels/simd_scalar.h"

#include "kernels/reduce_f32.inc"
