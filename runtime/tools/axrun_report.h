/* What axrun says about each input: text at once, or one JSON document at the end. */
#ifndef AX_TOOLS_AXRUN_REPORT_H
#define AX_TOOLS_AXRUN_REPORT_H

#include "base/json.h"
#include "media/postprocess.h"
#include "tools/axrun.h"

struct ax_run_answer { /* of one pipe */
    const char *pipe;
    struct ax_result result;
    struct ax_post_tensor *tensors; /* as the model gave them; results that no step describes are shown so */
    int n_tensors;
};

struct ax_run_report {
    const struct ax_run *run;
    struct ax_json_writer *json; /* NULL: text */
    bool headed;                 /* each answer below its input's name */
    bool described;              /* there are postprocessing steps */
    const char *input;           /* the present one */
    bool in_branches;            /* the JSON object of the branches is open */
};

void ax_report_begin(struct ax_run_report *r);
/* An input's answers stand between these two: one, or one for each branch of a joined model. branch NULL: not joined. */
void ax_report_input(struct ax_run_report *r, const char *input, int width, int height);
void ax_report_answer(struct ax_run_report *r, const char *branch, const struct ax_run_answer *answers, int n_answers);
void ax_report_input_end(struct ax_run_report *r);
/* Also on stderr. */
void ax_report_failure(struct ax_run_report *r, const char *input, const struct ax_error *why);
void ax_report_end(struct ax_run_report *r); /* prints the document */

#endif
