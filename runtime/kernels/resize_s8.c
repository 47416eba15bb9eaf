#include "kernels/simd_scalar.h"

#include "kernels/resize_s8.inc"
