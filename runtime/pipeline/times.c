/* Times in buckets: 64 to each power of two, so that percentiles are within 2 % and memory does not grow. */
#include <string.h>
#include <time.h>

#include "pipeline/internal.h"

int64_t pl_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t pl_cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int bucket_of(int64_t ns)
{
    uint64_t v = ns < 0 ? 0 : (uint64_t)ns;
    if (v < PL_SUB) return (int)v;
    int power = 63 - __builtin_clzll(v), sub = (int)(v >> (power - 6)) - PL_SUB;
    int b = (power - 5) * PL_SUB + sub;
    return b < PL_BUCKETS ? b : PL_BUCKETS - 1;
}

/* The middle of a bucket. */
static int64_t value_of(int b)
{
    if (b < PL_SUB) return b;
    int power = b / PL_SUB + 5, sub = b % PL_SUB;
    int64_t width = (int64_t)1 << (power - 6);
    return (int64_t)(PL_SUB + sub) * width + width / 2;
}

void pl_times_add(struct pl_times *t, int64_t ns)
{
    if (t->count == 0 || ns < t->min) t->min = ns;
    if (t->count == 0 || ns > t->max) t->max = ns;
    t->count++;
    t->sum += ns;
    t->bucket[bucket_of(ns)]++;
}

static int64_t percentile(const struct pl_times *t, int percent)
{
    uint64_t want = (t->count * (uint64_t)percent + 99) / 100, seen = 0;
    for (int b = 0; b < PL_BUCKETS; b++) {
        seen += t->bucket[b];
        if (seen < want) continue;
        int64_t v = value_of(b);
        return v < t->min ? t->min : v > t->max ? t->max : v;
    }
    return t->max;
}

struct ax_times pl_times_sum(const struct pl_times *t)
{
    struct ax_times s = {.count = t->count};
    if (!t->count) return s;
    s.min = t->min, s.max = t->max, s.mean = t->sum / (int64_t)t->count;
    s.p10 = percentile(t, 10), s.p50 = percentile(t, 50), s.p90 = percentile(t, 90), s.p95 = percentile(t, 95), s.p99 = percentile(t, 99);
    return s;
}
