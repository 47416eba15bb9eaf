#include "kernels/simd_scalar.h"

#include "kernels/resize_f32.inc"
