/* A cascade in a flow, or several models that look at the same pictures: each stage's model on the whole picture or on regions
 * that an earlier stage found.
 *
 *     source ─▶ stage 0 submit ─▶ stage 0 wait ─▶ stage 1 submit ─▶ stage 1 wait ─▶ ... ─▶ report
 *
 * Each is a stage of the flow of its own: while one frame's regions are under way on the cores of the second model, the first
 * one works on the next frames, and regions of several frames follow one another on the device. The frame's answer is that of
 * the first stage, with what the later ones found nested in its objects (ax_object.nested). */
#ifndef AX_APP_CASCADE_H
#define AX_APP_CASCADE_H

#include "app/flow.h"
#include "app/schedule.h"
#include "files/cascade.h"
#include "tools/shared/engine.h"

/* Where a stage's model is: found by who knows how names are looked up. */
struct ax_cascade_model {
    const char *axmodel, *descriptor;
};

/* A descriptor of stages that all look at the whole picture, named so. Release with ax_cascade_free. */
void ax_cascade_of_models(const char *const *names, int n, struct ax_cascade *out);

struct ax_cascade_options {
    int depth;                            /* frames under way; that of the flow */
    int64_t timeout_ms;                   /* that a result is waited for; 0: for ever */
    enum ax_runner_policy on_error;       /* of results that do not come */
    int retries;                          /* default 2 */
    int top_k;                            /* of classifications; 0: as the descriptors say */
    int batch;                            /* regions that a run of a later stage's model holds; default 1 */
    const char *const *labels;            /* by stage: a file that names the classes; NULL: as the descriptors say */
    bool all_candidates;                  /* of the last stage, as average precision wants them */
    struct ax_record *record;             /* where times of layers go; NULL */
    bool quiet;                           /* does not say how cores were split */
    bool share;                           /* all stages take turns, also where there are cores for each */
    const struct ax_schedule_rule *rules; /* of stages that take turns, one each; NULL: defaults */
};

struct ax_cascade_run;
/* models: one a stage. devices: one for all, or one a stage. All must live as long. */
enum ax_status ax_cascade_open(const struct ax_cascade *c, const struct ax_cascade_model *models,
                               struct ax_cores *const *devices, int n_devices, const struct ax_cascade_options *opt,
                               struct ax_cascade_run **out, struct ax_error *err);
void ax_cascade_close(struct ax_cascade_run *r); /* when the flow runs no more; NULL is fine */

/* The stages to put into a flow, whose frames' `more` they use; returns how many: two for each of the cascade's. */
int ax_cascade_flow_stages(struct ax_cascade_run *r, struct ax_flow_stage *out);

struct ax_post;
struct ax_descriptor;
struct ax_post *ax_cascade_post(const struct ax_cascade_run *r, int stage);
const struct ax_descriptor *ax_cascade_descriptor(const struct ax_cascade_run *r, int stage);

struct ax_runner_counts ax_cascade_failures(const struct ax_cascade_run *r); /* of results */
/* Regions that could not be made a stage's input, and what was wrong with the last one. */
int64_t ax_cascade_refused(const struct ax_cascade_run *r, int stage, struct ax_error *why);
/* Regions that a stage has looked at, and cores that it has (shared: all have the same ones). */
int64_t ax_cascade_regions(const struct ax_cascade_run *r, int stage);
struct ax_engine_memory ax_cascade_memory(const struct ax_cascade_run *r); /* of all models */
int ax_cascade_cores(const struct ax_cascade_run *r, int stage, bool *shared);
/* Of a stage that takes turns. */
struct ax_schedule_counts ax_cascade_counts(const struct ax_cascade_run *r, int stage);

/* Splits `cores` so that the largest work / cores is the least; fixed[i] > 0 stands as it is, others have least[i] at least.
 * False: there are too few. */
bool ax_cascade_split(const double *work, const int *fixed, const int *least, int n, int cores, int *out);

#endif
