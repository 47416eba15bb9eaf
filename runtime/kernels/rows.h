/* Quantizing and dequantizing rows of numbers, shared by the QUANTIZE and DEQUANTIZE kernels and the executor's conversion of
 * user tensors: q = clamp(rne(x / scale) + zero), x = (float)(q - zero) * scale; a NaN becomes the least q. */
#ifndef AX_KERNELS_ROWS_H
#define AX_KERNELS_ROWS_H

#include <stdint.h>

struct ax_rows {
    /* one scale and zero point for all */
    void (*quantize_s8)(const float *x, int8_t *q, int64_t n, float scale, int32_t zero);
    void (*dequantize_s8)(const int8_t *q, float *x, int64_t n, float scale, int32_t zero);
    /* one for each element */
    void (*quantize_s8_each)(const float *x, int8_t *q, int64_t n, const float *scale, const int32_t *zero);
    void (*dequantize_s8_each)(const int8_t *q, float *x, int64_t n, const float *scale, const int32_t *zero);
};

const struct ax_rows *ax_rows_find(uint32_t cpu); /* for these features of kernels/cpu.h */

#endif
