/* One measurement of axbench. */
#ifndef AX_TOOLS_AXBENCH_H
#define AX_TOOLS_AXBENCH_H

#include "axon/axon.h"
#include "files/profile.h"
#include "tools/shared/engine.h"
#include "tools/shared/samples.h"
#include "tools/shared/stats.h"

enum { AX_BENCH_MAX_STAGES = 64 };

struct ax_bench {
    struct ax_arena mem;
    const char *name, *model;
    struct ax_cores *cores;
    struct ax_engine *engine;
    int batch;
    int64_t count, warmup;
    double load_ms, first_ms;
    struct ax_stats latency_ms;
    double per_second;
    struct ax_profile profile; /* steps are there where they were measured */
    bool profiled;
    double *step_us;                                   /* [step][run], of the profile; until the engine is closed */
    int64_t run;                                       /* that is profiled */
    struct ax_stage_stats stages[AX_BENCH_MAX_STAGES]; /* of segments */
    int n_stages;
    int stage_cores; /* of each copy of a segment that was profiled; 0: one model */
};

/* axbench_measure.c: runs the model warmup + count times on its inputs; then, for a profile, count times more with every step
 * timed. */
enum ax_status ax_bench_measure(struct ax_bench *b, const char *tensors, uint64_t seed, bool profile, struct ax_error *err);

double ax_bench_rate(double count, int64_t ns); /* a second; 0 where nothing took time */

/* axbench_pipeline.c: the same for segments, which run as a pipeline; ms has room for b->count latencies. */
enum ax_status ax_bench_pipeline(struct ax_bench *b, const struct ax_samples_file *samples, double *ms, bool profile,
                                 struct ax_error *err);

/* Room for n steps in the profile and for count times of each. */
enum ax_status ax_bench_make_steps(struct ax_bench *b, int n, struct ax_error *err);
/* What the times come to, once every step has its name. */
void ax_bench_fill_steps(struct ax_bench *b);

/* axbench_describe.c: what the profile says of this machine, as a device's description. The bench must be of one model on one
 * core, which the first of the two checks. */
enum ax_status ax_bench_describable(const struct ax_bench *b, struct ax_error *err);
enum ax_status ax_bench_describe(struct ax_bench *b, const char *path, struct ax_error *err);

/* axbench_print.c */
void ax_bench_print(const struct ax_bench *b, bool layers);
char *ax_bench_json(const struct ax_bench *b, bool layers); /* from malloc */

#endif
