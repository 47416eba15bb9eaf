/* profile.json: how long each step of a compiled model takes on a device. axbench writes it, planners read it.
 * docs/schema/profile.schema.json and docs/profile.md describe it. */
#ifndef AX_FILES_PROFILE_H
#define AX_FILES_PROFILE_H

#include "base/arena.h"
#include "base/json.h"

struct ax_profile_step {
    const char *name;   /* the node's */
    const char *kind;   /* ax_step_text */
    const char *kernel; /* which did it */
    int node;           /* of the graph, or -1 */
    int64_t macs;
    double median_us, min_us, p95_us;
    double share;        /* of the sum of medians, 0..1 */
    const char *segment; /* of a partition; NULL: of one model */
};

struct ax_profile {
    const char *model;    /* name */
    const char *device;   /* "cpu" */
    const char *features; /* "avx2 avx512 ..." */
    int cores;
    int64_t count;     /* runs measured */
    double latency_ms; /* median of whole runs, measured without timing the steps */
    double total_us;   /* sum of the steps' medians */
    int64_t weights_bytes, activations_bytes;
    struct ax_profile_step *steps;
    int n_steps;
};

void ax_profile_write_steps(struct ax_json_writer *w, const char *key, const struct ax_profile *p);
char *ax_profile_text(const struct ax_profile *p); /* from malloc */
/* Everything read is in mem. */
enum ax_status ax_profile_read(const char *path, struct ax_profile *p, struct ax_arena *mem, struct ax_error *err);
enum ax_status ax_profile_parse(const char *json, size_t bytes, const char *file, struct ax_profile *p, struct ax_arena *mem,
                                struct ax_error *err);

#endif
