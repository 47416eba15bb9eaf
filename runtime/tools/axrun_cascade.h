/* axrun on several models: a cascade, or models that look at the same pictures. */
#ifndef AX_TOOLS_AXRUN_CASCADE_H
#define AX_TOOLS_AXRUN_CASCADE_H

#include "app/cascade.h"
#include "tools/axrun.h"

struct ax_run_cascade {
    struct ax_cascade is;
    struct ax_cascade_model *models;
    const char **labels;            /* by stage: a file; NULL: as the descriptors say */
    struct ax_schedule_rule *rules; /* of --models; NULL: a cascade */
    bool ruled;                     /* one was given */
    struct ax_cascade_run *running;
};

/* The descriptor at `path`, and its models; what is not compiled is compiled first. */
enum ax_status ax_run_find_cascade(struct ax_run *r, const char *path, struct ax_error *err);
/* "A,B:priority=20:threshold=4:timeout=50,C" */
enum ax_status ax_run_check_models(const char *list, struct ax_error *err); /* as far as it can be seen without a file */
enum ax_status ax_run_find_models(struct ax_run *r, const char *list, struct ax_error *err);
void ax_run_cascade_close(struct ax_run *r); /* once it runs no more */
void ax_run_cascade_free(struct ax_run *r);

enum ax_status ax_run_cascade_open(struct ax_run *r, int depth, bool all_candidates, struct ax_record *record,
                                   struct ax_error *err);
enum ax_runner_policy ax_run_policy(const struct ax_run_settings *set); /* of --on_error */
/* Of regions that could not be looked at, on stderr. */
void ax_run_cascade_warn(const struct ax_run *r);
/* Regions, and who had how many turns, on stderr. */
void ax_run_cascade_say(const struct ax_run *r);

#endif
