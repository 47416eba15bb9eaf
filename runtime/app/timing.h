/* What the times of a record come to. */
#ifndef AX_APP_TIMING_H
#define AX_APP_TIMING_H

#include "app/record.h"
#include "base/arena.h"

struct ax_timing { /* milliseconds; var: square milliseconds */
    const char *name, *kind, *kernel;
    const char *stage; /* of a layer, where several models run */
    int64_t count, macs;
    int instances; /* of a device: copies of models that it runs at a time */
    double min, max, mean, var, p50, p95, p99, total;
};

struct ax_timings {
    struct ax_timing *stages; /* as frames pass them; then "queue wait", "device" where layers are known, "frame" */
    int n_stages;
    struct ax_timing *layers; /* as they run */
    int n_layers;
    double layers_ms;          /* means together */
    struct ax_timing *devices; /* runs on each */
    int n_devices;
};

/* All in mem. What never happened is left out. */
void ax_timings_of(const struct ax_record *r, struct ax_arena *mem, struct ax_timings *out);

/* A run of a model on a device: from its first layer to its last. Returns how many; in mem. */
int64_t ax_record_runs(const struct ax_record *r, struct ax_arena *mem, struct ax_record_event **out);
/* How long each frame waited between stages, by frame from 0; returns how many frames there are. In mem. */
int64_t ax_record_waits(const struct ax_record *r, struct ax_arena *mem, double **ms);

#endif
