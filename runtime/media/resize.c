#include "media/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISION = 22 }; /* fractional bits of a coefficient: 32 less 8 of a sample, a sign and one of overshoot */

/* Taps of one axis: output pixel i reads count[i] inputs from first[i] with coefficients at [i * most]. */
struct taps {
    int *first, *count;
    int32_t *coefficient;
    double *weight; /* of one output, while the table is made */
    int most;
};

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

static void taps_free(struct taps *t)
{
    free(t->first);
    free(t->count);
    free(t->coefficient);
    free(t->weight);
}

static int taps_alloc(struct taps *t, int out)
{
    t->first = calloc((size_t)out, sizeof *t->first);
    t->count = calloc((size_t)out, sizeof *t->count);
    t->coefficient = calloc((size_t)out * (size_t)t->most, sizeof *t->coefficient);
    t->weight = calloc((size_t)t->most, sizeof *t->weight);
    return t->first && t->count && t->coefficient && t->weight;
}

/* Fixed-point coefficients of output i that sum to one; taps beyond the edge count for the edge pixel. */
static void fill(struct taps *t, int i, double centre, double scale, double reach, enum ax_filter f, int antialias, int in)
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
        t->coefficient[(size_t)i * (size_t)t->most + (size_t)k] = (int32_t)lround(w[k] / sum * (1 << PRECISION));
}

static int taps_make(struct taps *t, int in, double offset, double size, int out, enum ax_filter f, int antialias)
{
    double ratio = size / out, scale = antialias && ratio > 1 ? ratio : 1, reach = support(f) * scale;
    if (f == AX_FILTER_AREA && ratio > 1) scale = ratio, reach = 0.5 * ratio;
    if (f == AX_FILTER_NEAREST) reach = 0.5;
    t->most = (int)ceil(reach) * 2 + 2;
    if (!taps_alloc(t, out)) return 0;
    for (int i = 0; i < out; i++) {
        double centre = offset + (i + 0.5) * ratio;
        if (f == AX_FILTER_NEAREST) {
            int at = (int)floor(centre);
            t->first[i] = at < 0 ? 0 : at > in - 1 ? in - 1 : at;
            t->count[i] = 1;
            t->coefficient[(size_t)i * (size_t)t->most] = 1 << PRECISION;
        } else
            fill(t, i, centre, scale, reach, f, antialias, in);
    }
    return 1;
}

static uint8_t clip8(int64_t v)
{
    v >>= PRECISION;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void horizontal(const struct ax_image *in, int y, const struct taps *t, int width, uint8_t *out)
{
    int c = in->channels;
    const uint8_t *row = in->data + (size_t)y * (size_t)in->stride;
    for (int x = 0; x < width; x++)
        for (int k = 0; k < c; k++) {
            int64_t sum = 1 << (PRECISION - 1);
            const int32_t *w = t->coefficient + (size_t)x * (size_t)t->most;
            for (int i = 0; i < t->count[x]; i++) sum += (int64_t)w[i] * row[(t->first[x] + i) * c + k];
            out[x * c + k] = clip8(sum);
        }
}

static void vertical(const uint8_t *rows, size_t stride, int first, const struct taps *t, int y, uint8_t *out, int n)
{
    const int32_t *w = t->coefficient + (size_t)y * (size_t)t->most;
    for (int x = 0; x < n; x++) {
        int64_t sum = 1 << (PRECISION - 1);
        for (int i = 0; i < t->count[y]; i++)
            sum += (int64_t)w[i] * rows[(size_t)(t->first[y] - first + i) * stride + (size_t)x];
        out[x] = clip8(sum);
    }
}

enum ax_status ax_image_resize(const struct ax_image *in, double x, double y, double w, double h, int width, int height,
                               enum ax_filter filter, int antialias, struct ax_image *out, struct ax_error *err)
{
    struct taps tx = {0}, ty = {0};
    uint8_t *rows = NULL;
    enum ax_status s = ax_image_new(width, height, in->channels, out, err);
    if (s) return s;
    if (!taps_make(&tx, in->width, x, w, width, filter, antialias) ||
        !taps_make(&ty, in->height, y, h, height, filter, antialias))
        goto memory;
    int first = ty.first[0], last = ty.first[height - 1] + ty.count[height - 1], n = width * in->channels;
    for (int i = 0; i < height; i++) {
        first = ty.first[i] < first ? ty.first[i] : first;
        last = ty.first[i] + ty.count[i] > last ? ty.first[i] + ty.count[i] : last;
    }
    rows = calloc((size_t)(last - first), (size_t)n);
    if (!rows) goto memory;
    for (int i = first; i < last; i++) horizontal(in, i, &tx, width, rows + (size_t)(i - first) * (size_t)n);
    for (int i = 0; i < height; i++) vertical(rows, (size_t)n, first, &ty, i, out->data + (size_t)i * (size_t)out->stride, n);
    goto done;
memory:
    s = ax_fail(err, AX_NO_MEMORY, "no memory to resize a picture of %dx%d to %dx%d", in->width, in->height, width, height);
    ax_image_free(out);
done:
    free(rows);
    taps_free(&tx);
    taps_free(&ty);
    return s;
}
