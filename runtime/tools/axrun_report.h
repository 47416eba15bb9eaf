/* What axrun says about each frame, as it comes: text, CSV, or members of a JSON document. */
#ifndef AX_TOOLS_AXRUN_REPORT_H
#define AX_TOOLS_AXRUN_REPORT_H

#include "app/frame.h"
#include "base/json.h"
#include "tools/axrun.h"

struct ax_run_report {
    const struct ax_run *run;
    bool headed;                  /* each answer below its input's name */
    bool moving;                  /* frames have numbers */
    bool any;                     /* a member was written */
    const struct ax_frame *frame; /* the present one */
};

void ax_report_begin(struct ax_run_report *r);
void ax_report_frame(struct ax_run_report *r, const struct ax_frame *f);
/* Failures are also said on stderr. */
void ax_report_failure(struct ax_run_report *r, const struct ax_frame *f);
void ax_report_input_failure(struct ax_run_report *r, const char *input, const struct ax_error *why);
/* profile: a JSON value for the document, indented to fit; NULL. */
void ax_report_end(struct ax_run_report *r, const char *profile);

#endif
