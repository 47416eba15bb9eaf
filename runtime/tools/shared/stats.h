/* Times and what they come to. */
#ifndef AX_TOOLS_STATS_H
#define AX_TOOLS_STATS_H

#include <stdint.h>

#include "base/json.h"

struct ax_stats {
    double min, median, mean, p90, p95, p99, max;
};

int64_t ax_now_ns(void); /* CLOCK_MONOTONIC */

/* Sorts the values; count >= 1. Percentiles lie between neighbours where they fall between. */
struct ax_stats ax_stats_of(double *values, int64_t count);
void ax_stats_write(struct ax_json_writer *w, const char *key, const struct ax_stats *s);

int64_t ax_peak_memory_bytes(void); /* the most that this process ever had resident; 0 unknown */

#endif
