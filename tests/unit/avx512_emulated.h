/* AVX-512 (VNNI too) and AMX in portable C: SIMDe's functions under the names of the intrinsics, what SIMDe lacks written here.
 * Include before any kernel source; <immintrin.h> is kept out, because compilers refuse its functions where the target lacks
 * the instructions. */
#ifndef TEST_AVX512_EMULATED_H
#define TEST_AVX512_EMULATED_H

#define _IMMINTRIN_H_INCLUDED /* gcc */
#define __IMMINTRIN_H         /* clang */
#define SIMDE_ENABLE_NATIVE_ALIASES
#define SIMDE_NO_INLINE
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wextra"
#include <simde/x86/avx512.h>
#pragma GCC diagnostic pop

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Calls stay calls: with everything inlined, as the kernels ask for, compilation takes minutes. */
#define always_inline unused
#define EMULATED static __attribute__((unused, noinline))

typedef uint16_t __mmask16;

#ifndef _MM_FROUND_NO_EXC
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#endif
#ifndef _MM_FROUND_TO_NEAREST_INT
#define _MM_FROUND_TO_NEAREST_INT SIMDE_MM_FROUND_TO_NEAREST_INT
#define _MM_FROUND_TO_NEG_INF SIMDE_MM_FROUND_TO_NEG_INF
#define _MM_FROUND_TO_POS_INF SIMDE_MM_FROUND_TO_POS_INF
#define _MM_FROUND_TO_ZERO SIMDE_MM_FROUND_TO_ZERO
#endif

/* Lanes of a vector as an array, and back. */
#define LANES(type, name, from)                                                                                                \
    type name[sizeof(from) / sizeof(type)];                                                                                    \
    memcpy(name, &(from), sizeof name)
#define FROM_LANES(vector, name)                                                                                               \
    vector name##_vector;                                                                                                      \
    memcpy(&name##_vector, name, sizeof name##_vector);                                                                        \
    return name##_vector

EMULATED __m512 _mm512_maskz_loadu_ps(__mmask16 m, const void *p)
{
    float r[16] = {0};
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) memcpy(&r[i], (const float *)p + i, 4);
    FROM_LANES(__m512, r);
}
EMULATED __m512i _mm512_maskz_loadu_epi32(__mmask16 m, const void *p)
{
    int32_t r[16] = {0};
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) memcpy(&r[i], (const int32_t *)p + i, 4);
    FROM_LANES(__m512i, r);
}
EMULATED __m128i _mm_maskz_loadu_epi8(__mmask16 m, const void *p)
{
    int8_t r[16] = {0};
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) r[i] = ((const int8_t *)p)[i];
    FROM_LANES(__m128i, r);
}
EMULATED void _mm512_mask_storeu_ps(void *p, __mmask16 m, __m512 v)
{
    LANES(float, a, v);
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) memcpy((float *)p + i, &a[i], 4);
}
EMULATED void _mm512_mask_storeu_epi32(void *p, __mmask16 m, __m512i v)
{
    LANES(int32_t, a, v);
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) memcpy((int32_t *)p + i, &a[i], 4);
}
EMULATED void _mm_mask_storeu_epi8(void *p, __mmask16 m, __m128i v)
{
    LANES(int8_t, a, v);
    for (int i = 0; i < 16; i++)
        if (m >> i & 1) ((int8_t *)p)[i] = a[i];
}
EMULATED __m512 _mm512_cvtepi32_ps(__m512i v)
{
    LANES(int32_t, a, v);
    float r[16];
    for (int i = 0; i < 16; i++) r[i] = (float)a[i];
    FROM_LANES(__m512, r);
}
EMULATED int32_t emulated_to_int(float a)
{
    return a >= -2147483648.0f && a < 2147483648.0f ? (int32_t)a : INT32_MIN;
}
EMULATED __m512i _mm512_cvttps_epi32(__m512 v)
{
    LANES(float, a, v);
    int32_t r[16];
    for (int i = 0; i < 16; i++) r[i] = emulated_to_int(a[i]);
    FROM_LANES(__m512i, r);
}
EMULATED __m512i _mm512_cvtps_epi32(__m512 v)
{
    LANES(float, a, v);
    int32_t r[16];
    for (int i = 0; i < 16; i++) r[i] = emulated_to_int(rintf(a[i]));
    FROM_LANES(__m512i, r);
}
EMULATED __m512i _mm512_cvtepi8_epi32(__m128i v)
{
    LANES(int8_t, a, v);
    int32_t r[16];
    for (int i = 0; i < 16; i++) r[i] = a[i];
    FROM_LANES(__m512i, r);
}
EMULATED __m512i _mm512_cvtepu8_epi32(__m128i v)
{
    LANES(uint8_t, a, v);
    int32_t r[16];
    for (int i = 0; i < 16; i++) r[i] = a[i];
    FROM_LANES(__m512i, r);
}
EMULATED __m512i _mm512_srai_epi32(__m512i v, unsigned bits)
{
    LANES(int32_t, a, v);
    for (int i = 0; i < 16; i++) a[i] >>= bits;
    FROM_LANES(__m512i, a);
}

/* SIMDe overflows where the instruction wraps around. */
#undef _mm512_mullo_epi32
EMULATED __m512i _mm512_mullo_epi32(__m512i x, __m512i y)
{
    LANES(uint32_t, a, x);
    LANES(uint32_t, b, y);
    for (int i = 0; i < 16; i++) a[i] *= b[i];
    FROM_LANES(__m512i, a);
}

/* SIMDe rounds twice, and leaves NaNs to the compiler. */
#undef _mm512_fmadd_ps
#undef _mm512_fnmadd_ps
#undef _mm512_min_ps
#undef _mm512_max_ps
#define EACH_LANE(name, result)                                                                                                \
    EMULATED __m512 name(__m512 x, __m512 y, __m512 z)                                                                         \
    {                                                                                                                          \
        LANES(float, a, x);                                                                                                    \
        LANES(float, b, y);                                                                                                    \
        LANES(float, c, z);                                                                                                    \
        for (int i = 0; i < 16; i++) c[i] = (result);                                                                          \
        FROM_LANES(__m512, c);                                                                                                 \
    }
EACH_LANE(_mm512_fmadd_ps, fmaf(a[i], b[i], c[i]))
EACH_LANE(_mm512_fnmadd_ps, fmaf(-a[i], b[i], c[i]))
EACH_LANE(emulated_min, a[i] < b[i] ? a[i] : b[i])
EACH_LANE(emulated_max, a[i] > b[i] ? a[i] : b[i])
#define _mm512_min_ps(a, b) emulated_min(a, b, a)
#define _mm512_max_ps(a, b) emulated_max(a, b, a)

/* -- AMX: eight tiles of 16 rows of 64 bytes -- */

static struct {
    int rows, bytes;
    int8_t data[16][64];
} emulated_tile[8];

EMULATED void _tile_loadconfig(const void *p)
{
    const uint8_t *c = p;
    for (int i = 0; i < 8; i++) emulated_tile[i].bytes = c[16 + 2 * i] | c[17 + 2 * i] << 8, emulated_tile[i].rows = c[48 + i];
}
EMULATED void _tile_zero(int t)
{
    memset(emulated_tile[t].data, 0, sizeof emulated_tile[t].data);
}
EMULATED void _tile_loadd(int t, const void *p, int64_t stride)
{
    _tile_zero(t);
    for (int i = 0; i < emulated_tile[t].rows; i++)
        memcpy(emulated_tile[t].data[i], (const int8_t *)p + i * stride, (size_t)emulated_tile[t].bytes);
}
EMULATED void _tile_stored(int t, void *p, int64_t stride)
{
    for (int i = 0; i < emulated_tile[t].rows; i++)
        memcpy((int8_t *)p + i * stride, emulated_tile[t].data[i], (size_t)emulated_tile[t].bytes);
}
EMULATED void _tile_dpbssd(int to, int a, int b)
{
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            int32_t sum;
            memcpy(&sum, &emulated_tile[to].data[m][n * 4], 4);
            for (int k = 0; k < 64; k++) sum += emulated_tile[a].data[m][k] * emulated_tile[b].data[k / 4][n * 4 + k % 4];
            memcpy(&emulated_tile[to].data[m][n * 4], &sum, 4);
        }
}

#endif
