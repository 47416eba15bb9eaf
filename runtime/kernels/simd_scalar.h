/* The vector abstraction, one lane wide: the definition. simd_avx2.h and simd_avx512.h have the same names and give the same
 * bits in every lane (NaNs apart, of which only the fact is defined). A kernel template includes one of the three first.
 *
 *   vf, vi, vm   vectors of VF_WIDTH floats, int32 and truth values
 *   vf_min/max   x < y ? x : y and x > y ? x : y: a NaN in either gives y
 *   vi_round     to the nearest even; vi_trunc: towards zero; both give INT32_MIN for what does not fit
 *   *_n          the first n lanes only (0 <= n <= VF_WIDTH); lanes not loaded are 0, memory beyond is not touched */
#ifndef AX_KERNELS_SIMD_H
#define AX_KERNELS_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define VF_WIDTH 1
#define VF_ISA scalar
#define VF_INLINE static inline __attribute__((always_inline, unused))

typedef float vf;
typedef int32_t vi;
typedef int vm;

VF_INLINE vf vf_load(const float *p)
{
    return *p;
}
VF_INLINE void vf_store(float *p, vf v)
{
    *p = v;
}
VF_INLINE vf vf_load_n(const float *p, int n)
{
    return n > 0 ? *p : 0.0f;
}
VF_INLINE void vf_store_n(float *p, vf v, int n)
{
    if (n > 0) *p = v;
}
VF_INLINE float vf_first(vf v)
{
    return v;
}
VF_INLINE vf vf_set1(float x)
{
    return x;
}
VF_INLINE vf vf_zero(void)
{
    return 0.0f;
}
VF_INLINE vf vf_add(vf a, vf b)
{
    return a + b;
}
VF_INLINE vf vf_sub(vf a, vf b)
{
    return a - b;
}
VF_INLINE vf vf_mul(vf a, vf b)
{
    return a * b;
}
VF_INLINE vf vf_div(vf a, vf b)
{
    return a / b;
}
VF_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return fmaf(a, b, c);
} /* a b + c */
VF_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return fmaf(-a, b, c);
} /* c - a b */
VF_INLINE vf vf_min(vf a, vf b)
{
    return a < b ? a : b;
}
VF_INLINE vf vf_max(vf a, vf b)
{
    return a > b ? a : b;
}
VF_INLINE vf vf_sqrt(vf a)
{
    return sqrtf(a);
}
VF_INLINE vf vf_round(vf a)
{
    return rintf(a);
}
VF_INLINE vf vf_floor(vf a)
{
    return floorf(a);
}
VF_INLINE vf vf_ceil(vf a)
{
    return ceilf(a);
}
VF_INLINE vf vf_trunc(vf a)
{
    return truncf(a);
}
VF_INLINE vf vf_abs(vf a)
{
    return fabsf(a);
}
VF_INLINE vf vf_neg(vf a)
{
    return -a;
}
VF_INLINE vf vf_copysign(vf a, vf sign)
{
    return copysignf(a, sign);
}

VF_INLINE vm vf_lt(vf a, vf b)
{
    return a < b;
}
VF_INLINE vm vf_le(vf a, vf b)
{
    return a <= b;
}
VF_INLINE vm vf_gt(vf a, vf b)
{
    return a > b;
}
VF_INLINE vm vf_ge(vf a, vf b)
{
    return a >= b;
}
VF_INLINE vm vf_eq(vf a, vf b)
{
    return a == b;
}
VF_INLINE vm vf_isnan(vf a)
{
    return a != a;
}
VF_INLINE vm vi_eq(vi a, vi b)
{
    return a == b;
}
VF_INLINE vm vi_gt(vi a, vi b)
{
    return a > b;
}
VF_INLINE vm vm_and(vm a, vm b)
{
    return a & b;
}
VF_INLINE vm vm_or(vm a, vm b)
{
    return a | b;
}
VF_INLINE int vm_any(vm m)
{
    return m;
}
VF_INLINE int vm_all(vm m)
{
    return m;
}
VF_INLINE vf vf_select(vm m, vf a, vf b)
{
    return m ? a : b;
} /* m ? a : b */
VF_INLINE vi vi_select(vm m, vi a, vi b)
{
    return m ? a : b;
}

VF_INLINE vi vi_set1(int32_t x)
{
    return x;
}
VF_INLINE vi vi_load(const int32_t *p)
{
    return *p;
}
VF_INLINE void vi_store(int32_t *p, vi v)
{
    *p = v;
}
VF_INLINE vi vi_load_n(const int32_t *p, int n)
{
    return n > 0 ? *p : 0;
}
VF_INLINE void vi_store_n(int32_t *p, vi v, int n)
{
    if (n > 0) *p = v;
}
VF_INLINE vi vi_add(vi a, vi b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}
VF_INLINE vi vi_sub(vi a, vi b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}
VF_INLINE vi vi_mul(vi a, vi b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}
VF_INLINE vi vi_and(vi a, vi b)
{
    return a & b;
}
VF_INLINE vi vi_or(vi a, vi b)
{
    return a | b;
}
VF_INLINE vi vi_xor(vi a, vi b)
{
    return a ^ b;
}
VF_INLINE vi vi_min(vi a, vi b)
{
    return a < b ? a : b;
}
VF_INLINE vi vi_max(vi a, vi b)
{
    return a > b ? a : b;
}
#define vi_shl(a, bits) ((int32_t)((uint32_t)(a) << (bits)))
#define vi_shr(a, bits) ((int32_t)((uint32_t)(a) >> (bits))) /* zeros come in */
#define vi_sar(a, bits) ((int32_t)(a) >> (bits))             /* the sign comes in */

VF_INLINE vf vf_from_vi(vi a)
{
    return (float)a;
}
VF_INLINE vi vi_trunc(vf a)
{
    return a >= -2147483648.0f && a < 2147483648.0f ? (int32_t)a : INT32_MIN;
}
VF_INLINE vi vi_round(vf a)
{
    return vi_trunc(rintf(a));
}
VF_INLINE vi vi_bits(vf a)
{
    int32_t r;
    memcpy(&r, &a, 4);
    return r;
}
VF_INLINE vf vf_bits(vi a)
{
    float r;
    memcpy(&r, &a, 4);
    return r;
}

/* Bytes to int32 lanes and back; what is stored must lie within the byte type. */
VF_INLINE vi vi_load_s8(const int8_t *p)
{
    return *p;
}
VF_INLINE vi vi_load_u8(const uint8_t *p)
{
    return *p;
}
VF_INLINE vi vi_load_s8_n(const int8_t *p, int n)
{
    return n > 0 ? *p : 0;
}
VF_INLINE vi vi_load_u8_n(const uint8_t *p, int n)
{
    return n > 0 ? *p : 0;
}
VF_INLINE void vi_store_s8(int8_t *p, vi v)
{
    *p = (int8_t)v;
}
VF_INLINE void vi_store_s8_n(int8_t *p, vi v, int n)
{
    if (n > 0) *p = (int8_t)v;
}

#endif
