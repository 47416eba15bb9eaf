/* The vector abstraction on AVX-512 (F, BW, DQ, VL), sixteen lanes; see simd_scalar.h for what each name means. */
#ifndef AX_KERNELS_SIMD_H
#define AX_KERNELS_SIMD_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define VF_WIDTH 16
#define VF_ISA avx512
#define VF_INLINE static inline __attribute__((always_inline, unused))

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

VF_INLINE __mmask16 vf_tail(int n)
{
    return (__mmask16)((1u << n) - 1u);
}

VF_INLINE vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
VF_INLINE void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
VF_INLINE vf vf_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(vf_tail(n), p);
}
VF_INLINE void vf_store_n(float *p, vf v, int n)
{
    _mm512_mask_storeu_ps(p, vf_tail(n), v);
}
/* Lane i of the result is lane i + 8 (4, 2, 1) of v, for i below 8 (4, 2, 1). */
VF_INLINE vf vf_upper8(vf v)
{
    return _mm512_castsi512_ps(_mm512_shuffle_i32x4(_mm512_castps_si512(v), _mm512_castps_si512(v), 0x4E));
}
VF_INLINE vf vf_upper4(vf v)
{
    return _mm512_castsi512_ps(_mm512_shuffle_i32x4(_mm512_castps_si512(v), _mm512_castps_si512(v), 0xB1));
}
VF_INLINE vf vf_upper2(vf v)
{
    return _mm512_castps128_ps512(_mm_permute_ps(_mm512_castps512_ps128(v), 0x4E));
}
VF_INLINE vf vf_upper1(vf v)
{
    return _mm512_castps128_ps512(_mm_permute_ps(_mm512_castps512_ps128(v), 0xB1));
}
VF_INLINE float vf_first(vf v)
{
    return _mm_cvtss_f32(_mm512_castps512_ps128(v));
}
VF_INLINE vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
VF_INLINE vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
VF_INLINE vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
VF_INLINE vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
VF_INLINE vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
VF_INLINE vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
VF_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
VF_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
VF_INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
VF_INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
VF_INLINE vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
VF_INLINE vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_floor(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_ceil(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_trunc(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_abs(vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
VF_INLINE vf vf_neg(vf a)
{
    return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a);
}
VF_INLINE vf vf_copysign(vf a, vf sign)
{
    return _mm512_or_ps(vf_abs(a), _mm512_and_ps(_mm512_set1_ps(-0.0f), sign));
}

VF_INLINE vm vf_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
VF_INLINE vm vf_le(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}
VF_INLINE vm vf_gt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
VF_INLINE vm vf_ge(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
VF_INLINE vm vf_eq(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
VF_INLINE vm vf_isnan(vf a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
VF_INLINE vm vi_eq(vi a, vi b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}
VF_INLINE vm vi_gt(vi a, vi b)
{
    return _mm512_cmpgt_epi32_mask(a, b);
}
VF_INLINE vm vm_and(vm a, vm b)
{
    return (vm)(a & b);
}
VF_INLINE vm vm_or(vm a, vm b)
{
    return (vm)(a | b);
}
VF_INLINE int vm_any(vm m)
{
    return m != 0;
}
VF_INLINE int vm_all(vm m)
{
    return m == 0xffff;
}
VF_INLINE vf vf_select(vm m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}
VF_INLINE vi vi_select(vm m, vi a, vi b)
{
    return _mm512_mask_blend_epi32(m, b, a);
}

VF_INLINE vi vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
VF_INLINE vi vi_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}
VF_INLINE void vi_store(int32_t *p, vi v)
{
    _mm512_storeu_si512(p, v);
}
VF_INLINE vi vi_load_n(const int32_t *p, int n)
{
    return _mm512_maskz_loadu_epi32(vf_tail(n), p);
}
VF_INLINE void vi_store_n(int32_t *p, vi v, int n)
{
    _mm512_mask_storeu_epi32(p, vf_tail(n), v);
}
VF_INLINE vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
VF_INLINE vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
VF_INLINE vi vi_mul(vi a, vi b)
{
    return _mm512_mullo_epi32(a, b);
}
VF_INLINE vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
VF_INLINE vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
VF_INLINE vi vi_xor(vi a, vi b)
{
    return _mm512_xor_si512(a, b);
}
VF_INLINE vi vi_min(vi a, vi b)
{
    return _mm512_min_epi32(a, b);
}
VF_INLINE vi vi_max(vi a, vi b)
{
    return _mm512_max_epi32(a, b);
}
#define vi_shl(a, bits) _mm512_slli_epi32((a), (bits))
#define vi_shr(a, bits) _mm512_srli_epi32((a), (bits))
#define vi_sar(a, bits) _mm512_srai_epi32((a), (bits))

VF_INLINE vf vf_from_vi(vi a)
{
    return _mm512_cvtepi32_ps(a);
}
VF_INLINE vi vi_trunc(vf a)
{
    return _mm512_cvttps_epi32(a);
}
VF_INLINE vi vi_round(vf a)
{
    return _mm512_cvtps_epi32(a);
}
VF_INLINE vi vi_bits(vf a)
{
    return _mm512_castps_si512(a);
}
VF_INLINE vf vf_bits(vi a)
{
    return _mm512_castsi512_ps(a);
}

VF_INLINE vi vi_load_s8(const int8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}
VF_INLINE vi vi_load_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
VF_INLINE vi vi_load_s8_n(const int8_t *p, int n)
{
    return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(vf_tail(n), p));
}
VF_INLINE vi vi_load_u8_n(const uint8_t *p, int n)
{
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(vf_tail(n), p));
}
VF_INLINE void vi_store_s8(int8_t *p, vi v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(v));
}
VF_INLINE void vi_store_s8_n(int8_t *p, vi v, int n)
{
    _mm_mask_storeu_epi8(p, vf_tail(n), _mm512_cvtsepi32_epi8(v));
}

#endif
