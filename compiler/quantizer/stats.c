/* What calibration saw of a value: the range of each channel, and a histogram of the whole for the methods that clip. */
#include <math.h>
#include <string.h>

#include "quantizer/internal.h"

void ax_stats_init(struct ax_stats *s, struct ax_arena *a, int channels, int histogram)
{
    *s = (struct ax_stats){.channels = channels, .lo = AX_NEW(a, float, channels), .hi = AX_NEW(a, float, channels)};
    if (histogram) s->bins = AX_NEW(a, int64_t, AX_STAT_BINS);
}

/* The limit grows by doubling, so that old bins merge in pairs and no sample has to be seen twice. */
static void grow(struct ax_stats *s, float need)
{
    int half = AX_STAT_BINS / 2;
    if (s->limit == 0) s->limit = ldexpf(1, -30);
    while (s->limit < need) {
        int64_t merged[AX_STAT_BINS] = {0};
        for (int i = 0; i < AX_STAT_BINS; i++) merged[half / 2 + i / 2] += s->bins[i];
        memcpy(s->bins, merged, sizeof merged);
        s->limit *= 2;
    }
}

AX_WIDE static void count(struct ax_stats *s, const float *x, int64_t n)
{
    float scale = (AX_STAT_BINS / 2) / s->limit;
    for (int64_t i = 0; i < n; i++) {
        int b = (int)(x[i] * scale + AX_STAT_BINS / 2);
        b = b < 0 ? 0 : b >= AX_STAT_BINS ? AX_STAT_BINS - 1 : b;
        s->bins[b]++;
    }
}

AX_WIDE void ax_stats_add(struct ax_stats *s, const float *x, int64_t n)
{
    int c = s->channels;
    float *restrict lo = s->lo, *restrict hi = s->hi;
    if (c == 1) {
        float l = lo[0], h = hi[0];
        for (int64_t i = 0; i < n; i++) {
            l = x[i] < l ? x[i] : l;
            h = x[i] > h ? x[i] : h;
        }
        lo[0] = l, hi[0] = h;
    } else
        for (int64_t i = 0; i + c <= n; i += c) {
            const float *restrict row = x + i;
            for (int k = 0; k < c; k++) {
                lo[k] = row[k] < lo[k] ? row[k] : lo[k];
                hi[k] = row[k] > hi[k] ? row[k] : hi[k];
            }
        }
    if (!s->bins) return;
    float most = 0;
    for (int k = 0; k < c; k++) most = fmaxf(most, fmaxf(hi[k], -lo[k]));
    grow(s, most);
    count(s, x, n);
}

static float edge(const struct ax_stats *s, int bin)
{
    return (float)(bin - AX_STAT_BINS / 2) * (s->limit / (AX_STAT_BINS / 2));
}

/* Bins [from, to] that hold all but (1 - p) of the elements, half of them cut at each end. */
static void percentile(const struct ax_stats *s, double p, int *from, int *to)
{
    int64_t total = 0, seen = 0;
    for (int i = 0; i < AX_STAT_BINS; i++) total += s->bins[i];
    int64_t cut = (int64_t)((double)total * (1 - p / 100) / 2);
    *from = 0, *to = AX_STAT_BINS - 1;
    while (*from < *to && seen + s->bins[*from] <= cut) seen += s->bins[(*from)++];
    seen = 0;
    while (*to > *from && seen + s->bins[*to] <= cut) seen += s->bins[(*to)--];
}

/* Mean-square error of rounding and clipping when [lo, hi] is spread over 255 steps. */
static double clip_error(const struct ax_stats *s, double lo, double hi)
{
    double step = (hi - lo) / 255, round = step * step / 12, sum = 0;
    for (int i = 0; i < AX_STAT_BINS; i++) {
        if (!s->bins[i]) continue;
        double x = (edge(s, i) + edge(s, i + 1)) * 0.5, d = x < lo ? lo - x : x > hi ? x - hi : 0;
        sum += (double)s->bins[i] * (d > 0 ? d * d : x == 0 ? 0 : round);
    }
    return sum;
}

static void least_error(const struct ax_stats *s, float *lo, float *hi)
{
    double best = clip_error(s, *lo, *hi), l = *lo, h = *hi;
    for (int i = 99; i >= 30; i--) {
        double f = i / 100.0, e = clip_error(s, l * f, h * f);
        if (e < best) best = e, *lo = (float)(l * f), *hi = (float)(h * f);
    }
}

void ax_stats_range(const struct ax_stats *s, enum ax_range method, double p, float *lo, float *hi)
{
    *lo = *hi = 0;
    for (int k = 0; k < s->channels; k++) {
        *lo = fminf(*lo, s->lo[k]);
        *hi = fmaxf(*hi, s->hi[k]);
    }
    if (!s->bins || method == AX_RANGE_MINMAX || *lo == *hi) return;
    if (method == AX_RANGE_MSE) {
        least_error(s, lo, hi);
        return;
    }
    int from, to;
    percentile(s, p, &from, &to);
    *lo = fmaxf(*lo, fminf(0, edge(s, from)));
    *hi = fminf(*hi, fmaxf(0, edge(s, to + 1)));
}
