/* Products of int16 on AVX2: up to 6 rows x 16 columns in registers, VPMADDWD of two k to a lane. Include simd_avx2.h first. */
#ifndef AX_KERNELS_S16_AVX2_H
#define AX_KERNELS_S16_AVX2_H

#include <string.h>

#include "kernels/s8.h"

enum { S16_ROWS = 6 };

VF_INLINE __m256i s16_pair(const int16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, 4);
    return _mm256_set1_epi32(pair);
}

/* m[row][16] = sums of v[row][k] u[k / 2][16][2], modulo 2^32; k is a multiple of 2. With each two k, the line at `ahead` is
 * asked for and `ahead` moves on by `stride`: weights that come next. */
#define S16_EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)

VF_INLINE void s16_rows(int rows, const int16_t *v, int64_t pitch, const int16_t *u, int64_t channels, int32_t *m,
                        const uint8_t *ahead, int64_t stride)
{
#define S16_NAME_ROW(i)                                                                                                        \
    __m256i low##i = _mm256_setzero_si256(), high##i = low##i;                                                                 \
    const int16_t *v##i = v + (rows > i ? i : 0) * pitch;
    S16_EACH_ROW(S16_NAME_ROW)
    for (int64_t c = 0; c < channels; c += 2, u += 32, ahead += stride) {
        __builtin_prefetch(ahead);
        __m256i u0 = _mm256_load_si256((const __m256i *)u), u1 = _mm256_load_si256((const __m256i *)(u + 16));
#define S16_ADD_ROW(i)                                                                                                         \
    if (rows > i) {                                                                                                            \
        __m256i x = s16_pair(v##i + c);                                                                                        \
        low##i = _mm256_add_epi32(low##i, _mm256_madd_epi16(x, u0));                                                           \
        high##i = _mm256_add_epi32(high##i, _mm256_madd_epi16(x, u1));                                                         \
    }
        S16_EACH_ROW(S16_ADD_ROW)
    }
#define S16_STORE_ROW(i)                                                                                                       \
    if (rows > i) vi_store(m + i * S8_BLOCK, low##i), vi_store(m + i * S8_BLOCK + 8, high##i);
    S16_EACH_ROW(S16_STORE_ROW)
}

static __attribute__((noinline)) void s16_product(int rows, const int16_t *v, int64_t pitch, const int16_t *u, int64_t channels,
                                                  int32_t *m, const uint8_t *ahead, int64_t stride)
{
    switch (rows) {
    case 1: s16_rows(1, v, pitch, u, channels, m, ahead, stride); break;
    case 2: s16_rows(2, v, pitch, u, channels, m, ahead, stride); break;
    case 3: s16_rows(3, v, pitch, u, channels, m, ahead, stride); break;
    case 4: s16_rows(4, v, pitch, u, channels, m, ahead, stride); break;
    case 5: s16_rows(5, v, pitch, u, channels, m, ahead, stride); break;
    default: s16_rows(6, v, pitch, u, channels, m, ahead, stride); break;
    }
}

#endif
