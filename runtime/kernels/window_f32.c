#include "kernels/simd_scalar.h"

#include "kernels/window_f32.inc"
