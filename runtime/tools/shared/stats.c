#include "tools/shared/stats.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

int64_t ax_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, int64_t count, double p)
{
    double at = p * (double)(count - 1);
    int64_t low = (int64_t)at, high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (sorted[high] - sorted[low]) * (at - (double)low);
}

struct ax_stats ax_stats_of(double *values, int64_t count)
{
    double *v = values;
    int64_t n = count;
    double sum = 0;
    qsort(v, (size_t)n, sizeof *v, compare);
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return (struct ax_stats){
        v[0],    percentile(v, n, 0.5), sum / (double)n, percentile(v, n, 0.9), percentile(v, n, 0.95), percentile(v, n, 0.99),
        v[n - 1]};
}

void ax_stats_write(struct ax_json_writer *w, const char *key, const struct ax_stats *s)
{
    ax_jw_object(w, key);
    ax_jw_line(w);
    ax_jw_double(w, "min", s->min);
    ax_jw_double(w, "median", s->median);
    ax_jw_double(w, "mean", s->mean);
    ax_jw_double(w, "p90", s->p90);
    ax_jw_double(w, "p95", s->p95);
    ax_jw_double(w, "p99", s->p99);
    ax_jw_double(w, "max", s->max);
    ax_jw_end(w);
}

int64_t ax_peak_memory_bytes(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (int64_t)u.ru_maxrss * 1024;
}
