/* --profile, --trace, --report: what a run's times come to. */
#ifndef AX_TOOLS_AXRUN_PROFILE_H
#define AX_TOOLS_AXRUN_PROFILE_H

#include "app/record.h"
#include "tools/axrun.h"
#include "tools/shared/stats.h"

/* Prints the tables (on stderr where stdout has CSV; with --json they become a value for the document, *json, from malloc) and
 * writes the files. */
enum ax_status ax_run_profile(const struct ax_run *r, const struct ax_record *record, int64_t elapsed_ns, int64_t frames,
                              char **json, struct ax_error *err);

#endif
