/* One run of axsegment: what the user asked for and what came of it. */
#ifndef AX_SEGMENTER_TOOLS_JOB_H
#define AX_SEGMENTER_TOOLS_JOB_H

#include "base/hash.h"
#include "base/options.h"
#include "costs.h"
#include "cut.h"
#include "files/axmodel.h"
#include "files/manifest.h"
#include "files/partition.h"
#include "solver/solve.h"

struct ax_segment_settings {
    const char *num_segments, *by, *profile, *device, *replicas;
    struct ax_list cuts, compile_options;
    double fps, balance, wait;
    int64_t max_segment_bytes, cores, rounds, count, effort;
    const char *output, *name, *check, *tolerance;
    bool list_cuts, no_measure, compress, json, markdown;
};

struct ax_segment_job {
    const struct ax_segment_settings *set;
    struct ax_arena mem;
    const char *path;       /* as given */
    const char *model_path; /* the .axmodel */
    const char *temporary;  /* folder to remove; NULL */
    const char *descriptor; /* the model.json beside it; NULL: there is none */
    const char *name, *dir;
    char source_hash[AX_HASH_TEXT];
    struct ax_axmodel *model;
    struct ax_graph *graph;
    struct ax_manifest manifest; /* of the whole; name NULL: it has none */
    struct ax_device_desc device;
    const char
        *device_name; /* "cpu", "sim:NAME": where things are measured; a description that is only planned for: its name */
    bool simulated;
    enum ax_seg_by by;
    struct ax_profile profile;
    bool profiled;
    struct ax_seg_costs costs;
    int n_segments;
    struct ax_seg_solution solution;
    bool by_hand; /* --cuts */
    struct ax_segment parts[AX_SEG_MAX_STAGES];
    /* measured: as run, in nanoseconds */
    bool measured, in_pipeline;
    double per_second; /* of the pipeline */
    double segment_ns[AX_SEG_MAX_STAGES], noise, balance;
    int rounds;
    double predicted_ns; /* of the slowest, in the last round */
    char warning[512];
};

/* load.c */
enum ax_status ax_segment_load(struct ax_segment_job *j, struct ax_error *err);
void ax_segment_unload(struct ax_segment_job *j);

/* plan.c: costs, number of segments, the partition */
enum ax_status ax_segment_costs(struct ax_segment_job *j, struct ax_error *err);
enum ax_status ax_segment_plan(struct ax_segment_job *j, struct ax_error *err);
/* How long the solver may look, by --effort. quick: for a good partition, without the proof. */
void ax_segment_effort(const struct ax_segment_job *j, bool quick, struct ax_seg_solve_options *opt);
enum ax_status ax_segment_solve(struct ax_segment_job *j, int n, bool quick, struct ax_seg_solution *out, struct ax_error *err);
enum ax_status ax_segment_cut(struct ax_segment_job *j, struct ax_error *err); /* fills parts from the solution */
void ax_segment_drop_parts(struct ax_segment_job *j);

/* names.c: cuts by hand */
enum ax_status ax_segment_by_hand(struct ax_segment_job *j, struct ax_error *err);
void ax_segment_list_cuts(struct ax_segment_job *j);

/* measure.c */
/* Steps of the whole model, one after another on one core: medians of `count` runs. Fills j->profile. */
enum ax_status ax_segment_profile(struct ax_segment_job *j, struct ax_error *err);
/* The parts, as a pipeline where there are cores enough, else one after another: fills segment_ns, balance and noise. */
enum ax_status ax_segment_measure(struct ax_segment_job *j, struct ax_error *err);
/* The same several times, of which the least counts: moments in which nobody else disturbs are rare on some machines. */
enum ax_status ax_segment_measure_well(struct ax_segment_job *j, struct ax_error *err);
void ax_segment_note_measured(struct ax_segment_job *j); /* segment_ns is filled: what follows from it */
/* measure_pipeline.c. AX_BUSY where the cores are taken. */
enum ax_status ax_segment_measure_pipeline(struct ax_segment_job *j, struct ax_error *err);
/* Scales the computing of each segment's nodes so that the prediction equals the measurement. */
void ax_segment_correct(struct ax_segment_job *j);
/* Solves, cuts, measures, corrects, until balanced or no better cut is left; the best measured one stays. */
enum ax_status ax_segment_refine(struct ax_segment_job *j, struct ax_error *err);
double ax_segment_slowest_ns(const struct ax_segment_job *j); /* measured, over replicas */

/* write.c */
void ax_segment_partition(struct ax_segment_job *j, struct ax_partition *p);
enum ax_status ax_segment_write(struct ax_segment_job *j, struct ax_partition *p, struct ax_error *err);

/* report.c */
void ax_segment_report(const struct ax_segment_job *j, const struct ax_partition *p);

/* check.c: the whole of --check. AX_LIMIT when a better partition exists or the bottleneck regressed. */
/* "1,2,1" or "auto", of which n is 0; list has room for AX_SEG_MAX_STAGES. */
enum ax_status ax_segment_replicas(const char *text, int *list, int *n, struct ax_error *err);
enum ax_status ax_segment_tolerance(const char *text, double *out, struct ax_error *err);
enum ax_status ax_segment_check(struct ax_segment_job *j, const char *model, struct ax_error *err);

#endif
