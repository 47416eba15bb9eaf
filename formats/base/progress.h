/* A progress bar with elapsed time on stderr: only on a terminal, only for what takes longer than a second. */
#ifndef AX_BASE_PROGRESS_H
#define AX_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct ax_progress {
    const char *what;
    int64_t total, begin_ns, drawn_ns;
    bool shown, terminal;
};

void ax_progress_begin(struct ax_progress *p, const char *what, int64_t total); /* `what` must live until the end */
void ax_progress_step(struct ax_progress *p, int64_t done);                     /* cheap: draws ten times a second at most */
void ax_progress_what(struct ax_progress *p, const char *what);                 /* another word before the bar */
void ax_progress_end(struct ax_progress *p);                                    /* clears the line */

#endif
