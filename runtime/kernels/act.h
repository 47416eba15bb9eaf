/* The activation functions, written once on the vector abstraction: every instruction set runs these very operations in this
 * very order, so that all give the same bits. Include simd_ISA.h first. Accuracy (against the exact function, measured by
 * tests/unit/test_act.c): exp, log, tanh, erf, expm1 within 2 units in the last place, what is built from them within 4.
 * NaN stays NaN; infinities go to the functions' limits. docs/numerics.md repeats this in words. */
#ifndef AX_KERNELS_ACT_H
#define AX_KERNELS_ACT_H

#include <float.h>
#include <math.h>

#include "program/activation.h"

/* exp's constants, for who computes several side by side: ln 2 in two parts, the coefficients of r^2 to r^7, and below which
 * magnitude neither result nor power of two is near its limits. */
#define VF_EXP_LOG2E 1.44269504088896341f
#define VF_EXP_LN2_HIGH 0.693145751953125f
#define VF_EXP_LN2_LOW 1.428606820309417e-6f
#define VF_EXP_7 1.9875691500e-4f
#define VF_EXP_6 1.3981999507e-3f
#define VF_EXP_5 8.3334519073e-3f
#define VF_EXP_4 4.1665795894e-2f
#define VF_EXP_3 1.6666665459e-1f
#define VF_EXP_2 5.0000001201e-1f
#define VF_EXP_NEAR 86.0f

/* 2^n for integers -126 <= n <= 127. */
VF_INLINE vf vf_exp2i(vi n)
{
    return vf_bits(vi_shl(vi_add(n, vi_set1(127)), 23));
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns e^r - 1 - r divided by r^2 as *q. x must be within [-104, 89]. */
VF_INLINE vf vf_exp_reduce(vf x, vf *q, vi *n)
{
    vf m = vf_round(vf_mul(x, vf_set1(VF_EXP_LOG2E)));
    vf r = vf_fnma(m, vf_set1(VF_EXP_LN2_HIGH), x);
    r = vf_fnma(m, vf_set1(VF_EXP_LN2_LOW), r);
    vf p = vf_set1(VF_EXP_7);
    p = vf_fma(p, r, vf_set1(VF_EXP_6));
    p = vf_fma(p, r, vf_set1(VF_EXP_5));
    p = vf_fma(p, r, vf_set1(VF_EXP_4));
    p = vf_fma(p, r, vf_set1(VF_EXP_3));
    *q = vf_fma(p, r, vf_set1(VF_EXP_2));
    *n = vi_round(m);
    return r;
}

/* For every x: the power of two in two factors, for results below 2^-126 and powers of 128. */
VF_INLINE vf vf_exp_far(vf x)
{
    vf q;
    vi n;
    vf r = vf_exp_reduce(vf_min(vf_max(x, vf_set1(-104.0f)), vf_set1(89.0f)), &q, &n);
    vf e = vf_add(vf_fma(q, vf_mul(r, r), r), vf_set1(1.0f));
    vi half = vi_sar(n, 1);
    e = vf_mul(vf_mul(e, vf_exp2i(half)), vf_exp2i(vi_sub(n, half)));
    return vf_select(vf_isnan(x), x, e);
}

/* Where no lane is near the limits, the same product by adding to the exponent. */
VF_INLINE vf vf_exp(vf x)
{
    if (VF_WIDTH == 1 || __builtin_expect(!vm_all(vf_lt(vf_abs(x), vf_set1(VF_EXP_NEAR))), 0)) return vf_exp_far(x);
    vf q;
    vi n;
    vf r = vf_exp_reduce(x, &q, &n);
    vf e = vf_add(vf_fma(q, vf_mul(r, r), r), vf_set1(1.0f));
    return vf_bits(vi_add(vi_bits(e), vi_shl(n, 23)));
}

/* e^x - 1 for x <= 0, exact to the last places also near 0. */
VF_INLINE vf vf_expm1_neg(vf x)
{
    vf q;
    vi n;
    vf r = vf_exp_reduce(vf_min(vf_max(x, vf_set1(-30.0f)), vf_set1(0.0f)), &q, &n);
    vf t = vf_exp2i(n);
    vf e = vf_fma(t, vf_fma(q, vf_mul(r, r), r), vf_sub(t, vf_set1(1.0f)));
    return vf_select(vf_isnan(x), x, e);
}

VF_INLINE vf vf_log(vf x)
{
    vm tiny = vf_lt(x, vf_set1(FLT_MIN));
    vf y = vf_select(tiny, vf_mul(x, vf_set1(8388608.0f)), x);
    vi b = vi_bits(y);
    vi e = vi_sub(vi_and(vi_shr(b, 23), vi_set1(255)), vi_set1(126));
    vf m = vf_bits(vi_or(vi_and(b, vi_set1(0x7fffff)), vi_set1(0x3f000000))); /* [0.5, 1) */
    vm low = vf_lt(m, vf_set1(0.707106781186547524f));
    vf k = vf_sub(vf_from_vi(e), vf_select(tiny, vf_set1(23.0f), vf_zero()));
    k = vf_sub(k, vf_select(low, vf_set1(1.0f), vf_zero()));
    m = vf_sub(vf_add(m, vf_select(low, m, vf_zero())), vf_set1(1.0f));
    vf z = vf_mul(m, m);
    vf p = vf_set1(7.0376836292e-2f);
    p = vf_fma(p, m, vf_set1(-1.1514610310e-1f));
    p = vf_fma(p, m, vf_set1(1.1676998740e-1f));
    p = vf_fma(p, m, vf_set1(-1.2420140846e-1f));
    p = vf_fma(p, m, vf_set1(1.4249322787e-1f));
    p = vf_fma(p, m, vf_set1(-1.6668057665e-1f));
    p = vf_fma(p, m, vf_set1(2.0000714765e-1f));
    p = vf_fma(p, m, vf_set1(-2.4999993993e-1f));
    p = vf_fma(p, m, vf_set1(3.3333331174e-1f));
    vf r = vf_mul(vf_mul(p, m), z);
    r = vf_fma(k, vf_set1(-2.12194440e-4f), r);
    r = vf_fma(z, vf_set1(-0.5f), r);
    r = vf_add(m, r);
    r = vf_fma(k, vf_set1(0.693359375f), r);
    r = vf_select(vf_eq(x, vf_set1(INFINITY)), x, r);
    r = vf_select(vf_eq(x, vf_zero()), vf_set1(-INFINITY), r);
    r = vf_select(vf_lt(x, vf_zero()), vf_set1(NAN), r);
    return vf_select(vf_isnan(x), x, r);
}

VF_INLINE vf vf_tanh(vf x)
{
    vf a = vf_abs(x), z = vf_mul(x, x);
    vf p = vf_set1(-5.70498872745e-3f);
    p = vf_fma(p, z, vf_set1(2.06390887954e-2f));
    p = vf_fma(p, z, vf_set1(-5.37397155531e-2f));
    p = vf_fma(p, z, vf_set1(1.33314422036e-1f));
    p = vf_fma(p, z, vf_set1(-3.33332819422e-1f));
    vf small = vf_fma(vf_mul(p, z), x, x);
    vf e = vf_exp(vf_add(a, a));
    vf large = vf_sub(vf_set1(1.0f), vf_div(vf_set1(2.0f), vf_add(e, vf_set1(1.0f))));
    return vf_select(vf_lt(a, vf_set1(0.625f)), small, vf_copysign(large, x));
}

/* Two minimax polynomials: in x^2 below 0.93, in the exponent above. */
VF_INLINE vf vf_erf(vf x)
{
    vf s = vf_mul(x, x);
    vf p = vf_set1(-5.96761703e-4f);
    p = vf_fma(p, s, vf_set1(4.99119423e-3f));
    p = vf_fma(p, s, vf_set1(-2.67681349e-2f));
    p = vf_fma(p, s, vf_set1(1.12819925e-1f));
    p = vf_fma(p, s, vf_set1(-3.76125336e-1f));
    p = vf_fma(p, s, vf_set1(1.28379166e-1f));
    vf small = vf_fma(p, x, x);
    vf t = vf_min(vf_set1(4.0f), vf_abs(x)), u = vf_mul(t, t);
    vf r = vf_fma(vf_set1(-1.72853470e-5f), t, vf_set1(3.83197126e-4f));
    r = vf_fma(r, u, vf_fma(vf_set1(-3.88396438e-3f), t, vf_set1(2.42546219e-2f)));
    r = vf_fma(r, t, vf_set1(-1.06777877e-1f));
    r = vf_fma(r, t, vf_set1(-6.34846687e-1f));
    r = vf_fma(r, t, vf_set1(-1.28717512e-1f));
    r = vf_fma(r, t, vf_neg(t));
    vf large = vf_copysign(vf_sub(vf_set1(1.0f), vf_exp(r)), x);
    return vf_select(vf_gt(t, vf_set1(0.927734375f)), large, small);
}

/* log(1 + u) for 0 <= u <= 1 (NaN stays). */
VF_INLINE vf vf_log1p_unit(vf u)
{
    vf w = vf_add(u, vf_set1(1.0f));
    return vf_add(vf_log(w), vf_div(vf_sub(u, vf_sub(w, vf_set1(1.0f))), w));
}

/* sin (quadrant 0) or cos (quadrant 1): x = n pi/2 + r. The reduction is good to |x| of about 1e5. */
VF_INLINE vf vf_sin_from(vf x, int quadrant)
{
    vf m = vf_round(vf_mul(x, vf_set1(0.636619772367581343f)));
    m = vf_min(vf_max(m, vf_set1(-1e9f)), vf_set1(1e9f));
    vf r = vf_fnma(m, vf_set1(1.57079601287841796875f), x);
    r = vf_fnma(m, vf_set1(3.13916473e-7f), r);
    r = vf_fnma(m, vf_set1(5.39030253e-15f), r);
    vi n = vi_add(vi_round(m), vi_set1(quadrant));
    vf z = vf_mul(r, r);
    vf s = vf_fma(vf_set1(-1.9515295891e-4f), z, vf_set1(8.3321608736e-3f));
    s = vf_fma(s, z, vf_set1(-1.6666654611e-1f));
    s = vf_fma(vf_mul(s, z), r, r);
    vf c = vf_fma(vf_set1(2.443315711809948e-5f), z, vf_set1(-1.388731625493765e-3f));
    c = vf_fma(c, z, vf_set1(4.166664568298827e-2f));
    c = vf_fma(vf_mul(c, z), z, vf_fma(z, vf_set1(-0.5f), vf_set1(1.0f)));
    vf y = vf_select(vi_eq(vi_and(n, vi_set1(1)), vi_set1(0)), s, c);
    y = vf_bits(vi_xor(vi_bits(y), vi_shl(vi_and(n, vi_set1(2)), 30)));
    y = vf_max(vf_set1(-1.0f), vf_min(vf_set1(1.0f), y)); /* beyond the reduction's reach: still a sine */
    return vf_sub(y, vf_sub(x, x));                       /* NaN for NaN and infinities */
}

/* -- the functions of program/activation.h: vf_act_NAME(x, a, b) -- */

#define VF_ACT static inline __attribute__((always_inline, unused)) vf
#define VF_UNUSED_AB (void)a, (void)b

VF_ACT vf_act_NONE(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, x;
}
VF_ACT vf_act_RELU(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_max(x, vf_zero());
}
VF_ACT vf_act_CLIP(vf x, vf a, vf b)
{
    return vf_min(vf_max(x, a), b);
}
VF_ACT vf_act_LEAKY_RELU(vf x, vf a, vf b)
{
    return (void)b, vf_select(vf_lt(x, vf_zero()), vf_mul(x, a), x);
}
VF_ACT vf_act_PRELU(vf x, vf a, vf b)
{
    return vf_act_LEAKY_RELU(x, a, b);
}
/* Never minus infinity, so that x times or over its limit is 0; NaN stays. */
VF_ACT vf_finite_low(vf x)
{
    return vf_max(vf_set1(-FLT_MAX), x);
}
VF_ACT vf_act_SILU(vf x, vf a, vf b)
{
    (void)b;
    vf d = vf_add(vf_set1(1.0f), vf_exp(vf_neg(vf_mul(a, x))));
    return vf_div(vf_finite_low(x), d);
}
VF_ACT vf_act_SIGMOID(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    return vf_div(vf_set1(1.0f), vf_add(vf_set1(1.0f), vf_exp(vf_neg(x))));
}
VF_ACT vf_unit(vf x)
{
    return vf_min(vf_max(x, vf_zero()), vf_set1(1.0f));
}
VF_ACT vf_act_HARD_SWISH(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    return vf_mul(vf_finite_low(x), vf_unit(vf_fma(x, vf_set1(0.166666666666666667f), vf_set1(0.5f))));
}
VF_ACT vf_act_HARD_SIGMOID(vf x, vf a, vf b)
{
    return vf_unit(vf_fma(a, x, b));
}
VF_ACT vf_act_GELU(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf e = vf_erf(vf_mul(x, vf_set1(0.707106781186547524f)));
    return vf_mul(vf_mul(vf_finite_low(x), vf_set1(0.5f)), vf_add(vf_set1(1.0f), e));
}
VF_ACT vf_act_GELU_TANH(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf cube = vf_mul(vf_mul(x, x), x);
    vf t = vf_tanh(vf_mul(vf_set1(0.797884560802865356f), vf_fma(vf_set1(0.044715f), cube, x)));
    return vf_mul(vf_mul(vf_finite_low(x), vf_set1(0.5f)), vf_add(vf_set1(1.0f), t));
}
VF_ACT vf_act_TANH(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_tanh(x);
}
VF_ACT vf_act_ELU(vf x, vf a, vf b)
{
    (void)b;
    return vf_select(vf_lt(x, vf_zero()), vf_mul(a, vf_expm1_neg(x)), x);
}
VF_ACT vf_act_SELU(vf x, vf a, vf b)
{
    return vf_mul(b, vf_act_ELU(x, a, b));
}
VF_ACT vf_act_SOFTPLUS(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf y = vf_add(vf_max(x, vf_zero()), vf_log1p_unit(vf_exp(vf_neg(vf_abs(x)))));
    return vf_select(vf_isnan(x), x, y);
}
VF_ACT vf_act_SOFTSIGN(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf y = vf_div(x, vf_add(vf_set1(1.0f), vf_abs(x)));
    return vf_select(vf_eq(vf_abs(x), vf_set1(INFINITY)), vf_copysign(vf_set1(1.0f), x), y);
}
/* tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2). */
VF_ACT vf_act_MISH(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf e = vf_exp(vf_min(vf_set1(20.0f), x));
    vf n = vf_mul(e, vf_add(e, vf_set1(2.0f)));
    return vf_mul(vf_finite_low(x), vf_div(n, vf_add(n, vf_set1(2.0f))));
}
VF_ACT vf_act_ERF(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_erf(x);
}
VF_ACT vf_act_EXP(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_exp(x);
}
VF_ACT vf_act_LOG(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_log(x);
}
VF_ACT vf_act_SQRT(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_sqrt(x);
}
VF_ACT vf_act_RECIPROCAL(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_div(vf_set1(1.0f), x);
}
VF_ACT vf_act_ABS(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_abs(x);
}
VF_ACT vf_act_NEG(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_neg(x);
}
VF_ACT vf_act_FLOOR(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_floor(x);
}
VF_ACT vf_act_CEIL(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_ceil(x);
}
VF_ACT vf_act_ROUND(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_round(x);
}
VF_ACT vf_act_SIGN(vf x, vf a, vf b)
{
    VF_UNUSED_AB;
    vf y = vf_select(vf_lt(x, vf_zero()), vf_set1(-1.0f), x);
    return vf_select(vf_gt(x, vf_zero()), vf_set1(1.0f), y);
}
VF_ACT vf_act_SIN(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_sin_from(x, 0);
}
VF_ACT vf_act_COS(vf x, vf a, vf b)
{
    return VF_UNUSED_AB, vf_sin_from(x, 1);
}
VF_ACT vf_act_THRESHOLDED_RELU(vf x, vf a, vf b)
{
    return (void)b, vf_select(vf_gt(x, a), x, vf_zero());
}
VF_ACT vf_act_AFFINE(vf x, vf a, vf b)
{
    return vf_fma(a, x, b);
}

/* VF_ACT_SWITCH(act, BODY): one case a function, each with BODY(NAME) in it: the choice stands outside of the loop that BODY
 * holds. For loops that do nothing else. */
#define VF_ACT_SWITCH_CASE(name, text, formula)                                                                                \
    case AX_ACT_##name: {                                                                                                      \
        VF_ACT_SWITCH_BODY(name)                                                                                               \
    } break;
#define VF_ACT_SWITCH(act)                                                                                                     \
    switch ((enum ax_act)(act)) {                                                                                              \
        AX_ACT_LIST(VF_ACT_SWITCH_CASE)                                                                                        \
    case AX_ACT_COUNT: break;                                                                                                  \
    }

#define VF_ACT_CASE(name, text, formula)                                                                                       \
    case AX_ACT_##name: return vf_act_##name(x, a, b);
static __attribute__((noinline, unused)) vf vf_act_any(int act, vf x, vf a, vf b)
{
    switch ((enum ax_act)act) {
        AX_ACT_LIST(VF_ACT_CASE)
    case AX_ACT_COUNT: break;
    }
    return x;
}
/* One vector in an epilogue. Where the function is known when this is compiled, as in loops outside of which it is chosen, its
 * code alone; elsewhere the cheap ones inline, the others by a call: the branch is the same all along. */
VF_INLINE vf vf_act(int act, vf x, vf a, vf b)
{
    if (__builtin_constant_p(act)) switch ((enum ax_act)act) {
            AX_ACT_LIST(VF_ACT_CASE)
        case AX_ACT_COUNT: break;
        }
    if (act == AX_ACT_NONE) return x;
    if (act == AX_ACT_RELU) return vf_act_RELU(x, a, b);
    if (act == AX_ACT_CLIP) return vf_act_CLIP(x, a, b);
    return vf_act_any(act, x, a, b);
}

#endif
