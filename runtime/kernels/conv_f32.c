#include "kernels/simd_scalar.h"

#include "kernels/conv_f32.inc"
