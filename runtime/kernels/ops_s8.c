#include "kernels/simd_scalar.h"

#include "kernels/ops_s8.inc"
