/* x^y in binary64 arithmetic, rounded to binary32: within half a unit and a bit of exact, the same on every machine (no libm:
 * only +, -, *, / and bits). */
#ifndef AX_KERNELS_POWER_H
#define AX_KERNELS_POWER_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* log2 of a positive normal number: exponent plus 2/ln 2 artanh((m - 1) / (m + 1)). */
static inline double ax_log2(double x)
{
    uint64_t b;
    memcpy(&b, &x, 8);
    int e = (int)(b >> 52) - 1023;
    b = (b & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    double m;
    memcpy(&m, &b, 8);
    if (m > 1.4142135623730951) m *= 0.5, e++;
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int k = 19; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
    return e + 2.8853900817779268 * s * sum;
}

/* 2^x for |x| <= 1000. */
static inline double ax_exp2(double x)
{
    double n = rint(x), r = (x - n) * 0.69314718055994531, sum = 1;
    for (int k = 13; k >= 1; k--) sum = 1 + r / k * sum;
    uint64_t b = (uint64_t)((int64_t)n + 1023) << 52;
    double p;
    memcpy(&p, &b, 8);
    return sum * p;
}

static inline float ax_pow(float x, float y)
{
    int whole = rintf(y) == y, odd = whole && fabsf(y) < 16777216.0f && ((int32_t)y & 1);
    if (y == 0 || x == 1) return 1;
    if (x != x || y != y) return x + y;
    float a = fabsf(x), r;
    if (y == 1) return x;
    if (y == 2) return x * x;
    if (isinf(y))
        r = a == 1 ? 1 : (a > 1) == (y > 0) ? INFINITY : 0;
    else if (a == 0 || isinf(a))
        r = (a == 0) == (y > 0) ? 0 : INFINITY;
    else if (x < 0 && !whole)
        return NAN;
    else {
        double e = y * ax_log2(a);
        r = e > 200 ? INFINITY : e < -200 ? 0 : (float)ax_exp2(e);
    }
    return odd && signbit(x) ? -r : r;
}

#endif
