#include "media/resize_taps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double bicubic(double x, double a)
{
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double area(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double sinc(double x)
{
    if (x == 0) return 1;
    x *= M_PI;
    return sin(x) / x;
}

static double weight(enum ax_filter f, double x, int antialias)
{
    switch (f) {
    case AX_FILTER_BILINEAR: return bilinear(x);
    case AX_FILTER_BICUBIC: return bicubic(x, antialias ? -0.5 : -0.75);
    case AX_FILTER_AREA: return area(x);
    case AX_FILTER_LANCZOS: return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    case AX_FILTER_NEAREST: break;
    }
    return 0;
}

static double support(enum ax_filter f)
{
    return f == AX_FILTER_BILINEAR ? 1 : f == AX_FILTER_BICUBIC ? 2 : f == AX_FILTER_LANCZOS ? 3 : 0.5;
}

void ax_taps_free(struct ax_taps *t)
{
    free(t->first);
    free(t->count);
    free(t->coefficient);
    free(t->weight);
}

static bool make_room(struct ax_taps *t, int out)
{
    t->first = calloc((size_t)out, sizeof *t->first);
    t->count = calloc((size_t)out, sizeof *t->count);
    t->coefficient = calloc((size_t)out * (size_t)t->most, sizeof *t->coefficient);
    t->weight = calloc((size_t)t->most, sizeof *t->weight);
    return t->first && t->count && t->coefficient && t->weight;
}

/* Fixed-point coefficients of output i that sum to one; taps beyond the edge count for the edge pixel. */
static void fill(struct ax_taps *t, int i, double centre, double scale, double reach, enum ax_filter f, int antialias, int in)
{
    int from = (int)floor(centre - reach + 0.5), to = (int)floor(centre + reach + 0.5);
    if (antialias) {
        from = from < 0 ? 0 : from;
        to = to > in ? in : to;
    }
    double *w = t->weight, sum = 0;
    int first = from < 0 ? 0 : from > in - 1 ? in - 1 : from, n = 0;
    memset(w, 0, sizeof *w * (size_t)t->most);
    for (int k = from; k < to || !n; k++) {
        int at = k < 0 ? 0 : k > in - 1 ? in - 1 : k;
        double v = weight(f, (k + 0.5 - centre) / scale, antialias);
        if (at - first >= t->most) break;
        w[at - first] += v;
        sum += v;
        n = at - first + 1 > n ? at - first + 1 : n;
    }
    t->first[i] = first;
    t->count[i] = n;
    for (int k = 0; k < n; k++)
        t->coefficient[(size_t)i * (size_t)t->most + (size_t)k] = (int32_t)lround(w[k] / sum * (1 << AX_TAP_BITS));
}

/* Inputs at the ends of a filter's reach often count for nothing. */
static void trim(struct ax_taps *t, int out)
{
    t->copies = true;
    for (int i = 0; i < out; i++) {
        int32_t *w = t->coefficient + (size_t)i * (size_t)t->most;
        int n = t->count[i];
        while (n > 1 && !w[n - 1]) n--;
        t->count[i] = n;
        t->copies = t->copies && n == 1 && w[0] == 1 << AX_TAP_BITS;
    }
}

/* Whether a sum of 8-bit samples could leave 32 bits. */
static bool is_wide(const struct ax_taps *t, int out)
{
    for (int i = 0; i < out; i++) {
        int64_t most = 1 << (AX_TAP_BITS - 1);
        for (int k = 0; k < t->count[i]; k++)
            most += 255 * llabs((int64_t)t->coefficient[(size_t)i * (size_t)t->most + (size_t)k]);
        if (most > INT32_MAX) return true;
    }
    return false;
}

static void fill_nearest(struct ax_taps *t, double offset, double ratio, int in, int out)
{
    for (int i = 0; i < out; i++) {
        int at = (int)floor(offset + (i + 0.5) * ratio);
        t->first[i] = at < 0 ? 0 : at > in - 1 ? in - 1 : at;
        t->count[i] = 1;
        t->coefficient[(size_t)i * (size_t)t->most] = 1 << AX_TAP_BITS;
    }
}

bool ax_taps_make(struct ax_taps *t, int in, double offset, double size, int out, enum ax_filter f, int antialias)
{
    double ratio = size / out, scale = antialias && ratio > 1 ? ratio : 1, reach = support(f) * scale;
    *t = (struct ax_taps){0};
    if (f == AX_FILTER_AREA && ratio > 1) scale = ratio, reach = 0.5 * ratio;
    if (f == AX_FILTER_NEAREST) reach = 0.5;
    t->most = (int)ceil(reach) * 2 + 2;
    if (!make_room(t, out)) return false;
    if (f == AX_FILTER_NEAREST)
        fill_nearest(t, offset, ratio, in, out);
    else
        for (int i = 0; i < out; i++) fill(t, i, offset + (i + 0.5) * ratio, scale, reach, f, antialias, in);
    trim(t, out);
    t->wide = is_wide(t, out);
    return true;
}
