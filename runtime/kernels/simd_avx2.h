/* The vector abstraction on AVX2 and FMA, eight lanes; see simd_scalar.h for what each name means. */
#ifndef AX_KERNELS_SIMD_H
#define AX_KERNELS_SIMD_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VF_WIDTH 8
#define VF_ISA avx2
#define VF_INLINE static inline __attribute__((always_inline, unused))

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm; /* all ones or all zeros in each lane */

VF_INLINE __m256i vf_tail(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

VF_INLINE vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
VF_INLINE void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
VF_INLINE vf vf_load_n(const float *p, int n)
{
    return _mm256_maskload_ps(p, vf_tail(n));
}
/* Whole vectors apart: a masked store costs some processors a dozen cycles. */
VF_INLINE void vf_store_n(float *p, vf v, int n)
{
    if (n >= VF_WIDTH)
        vf_store(p, v);
    else
        _mm256_maskstore_ps(p, vf_tail(n), v);
}
/* Lane i of the result is lane i + 4 (2, 1) of v, for i below 4 (2, 1). */
VF_INLINE vf vf_upper4(vf v)
{
    return _mm256_permute2f128_ps(v, v, 1);
}
VF_INLINE vf vf_upper2(vf v)
{
    return _mm256_permute_ps(v, 0x4E);
}
VF_INLINE vf vf_upper1(vf v)
{
    return _mm256_permute_ps(v, 0xB1);
}
VF_INLINE float vf_first(vf v)
{
    return _mm256_cvtss_f32(v);
}
VF_INLINE vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}
VF_INLINE vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
VF_INLINE vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
VF_INLINE vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
VF_INLINE vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
VF_INLINE vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
VF_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
VF_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
VF_INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
VF_INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
VF_INLINE vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
VF_INLINE vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_floor(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_ceil(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_trunc(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
VF_INLINE vf vf_neg(vf a)
{
    return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a);
}
VF_INLINE vf vf_copysign(vf a, vf sign)
{
    return _mm256_or_ps(vf_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
}

VF_INLINE vm vf_lt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
VF_INLINE vm vf_le(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}
VF_INLINE vm vf_gt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}
VF_INLINE vm vf_ge(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}
VF_INLINE vm vf_eq(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
VF_INLINE vm vf_isnan(vf a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}
VF_INLINE vm vi_eq(vi a, vi b)
{
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b));
}
VF_INLINE vm vi_gt(vi a, vi b)
{
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b));
}
VF_INLINE vm vm_and(vm a, vm b)
{
    return _mm256_and_ps(a, b);
}
VF_INLINE vm vm_or(vm a, vm b)
{
    return _mm256_or_ps(a, b);
}
VF_INLINE int vm_any(vm m)
{
    return _mm256_movemask_ps(m) != 0;
}
VF_INLINE int vm_all(vm m)
{
    return _mm256_movemask_ps(m) == 0xff;
}
VF_INLINE vf vf_select(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, m);
}
VF_INLINE vi vi_select(vm m, vi a, vi b)
{
    return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m));
}

VF_INLINE vi vi_set1(int32_t x)
{
    return _mm256_set1_epi32(x);
}
VF_INLINE vi vi_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
VF_INLINE void vi_store(int32_t *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
VF_INLINE vi vi_load_n(const int32_t *p, int n)
{
    return _mm256_maskload_epi32((const int *)p, vf_tail(n));
}
VF_INLINE void vi_store_n(int32_t *p, vi v, int n)
{
    _mm256_maskstore_epi32((int *)p, vf_tail(n), v);
}
VF_INLINE vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}
VF_INLINE vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
VF_INLINE vi vi_mul(vi a, vi b)
{
    return _mm256_mullo_epi32(a, b);
}
VF_INLINE vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}
VF_INLINE vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}
VF_INLINE vi vi_xor(vi a, vi b)
{
    return _mm256_xor_si256(a, b);
}
VF_INLINE vi vi_min(vi a, vi b)
{
    return _mm256_min_epi32(a, b);
}
VF_INLINE vi vi_max(vi a, vi b)
{
    return _mm256_max_epi32(a, b);
}
#define vi_shl(a, bits) _mm256_slli_epi32((a), (bits))
#define vi_shr(a, bits) _mm256_srli_epi32((a), (bits))
#define vi_sar(a, bits) _mm256_srai_epi32((a), (bits))

VF_INLINE vf vf_from_vi(vi a)
{
    return _mm256_cvtepi32_ps(a);
}
VF_INLINE vi vi_trunc(vf a)
{
    return _mm256_cvttps_epi32(a);
}
VF_INLINE vi vi_round(vf a)
{
    return _mm256_cvtps_epi32(a);
}
VF_INLINE vi vi_bits(vf a)
{
    return _mm256_castps_si256(a);
}
VF_INLINE vf vf_bits(vi a)
{
    return _mm256_castsi256_ps(a);
}

VF_INLINE vi vi_load_s8(const int8_t *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
VF_INLINE vi vi_load_u8(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
VF_INLINE __m128i vf_bytes_n(const void *p, int n)
{
    int64_t r = 0;
    memcpy(&r, p, (size_t)n);
    return _mm_cvtsi64_si128(r);
}
VF_INLINE vi vi_load_s8_n(const int8_t *p, int n)
{
    return _mm256_cvtepi8_epi32(vf_bytes_n(p, n));
}
VF_INLINE vi vi_load_u8_n(const uint8_t *p, int n)
{
    return _mm256_cvtepu8_epi32(vf_bytes_n(p, n));
}
VF_INLINE int64_t vf_pack_s8(vi v)
{
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(_mm_packs_epi16(w, w));
}
VF_INLINE void vi_store_s8(int8_t *p, vi v)
{
    int64_t r = vf_pack_s8(v);
    memcpy(p, &r, 8);
}
VF_INLINE void vi_store_s8_n(int8_t *p, vi v, int n)
{
    int64_t r = vf_pack_s8(v);
    memcpy(p, &r, (size_t)n);
}

#endif
