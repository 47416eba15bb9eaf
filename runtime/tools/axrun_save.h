/* --save DIR: pictures with what was found drawn into them. */
#ifndef AX_TOOLS_AXRUN_SAVE_H
#define AX_TOOLS_AXRUN_SAVE_H

#include "media/image.h"
#include "tools/axrun_report.h"

struct ax_saved {
    const char *name;
    struct ax_saved *next;
};
struct ax_saver {
    const char *dir;
    struct ax_arena mem;
    struct ax_saved *names; /* given away */
};

/* One picture an answer; branches (else NULL) and, where there are two answers, pipes are in the names. */
enum ax_status ax_saver_add(struct ax_saver *s, const char *input, const char *branch, const struct ax_image *im,
                            const struct ax_run_answer *answers, int n_answers, struct ax_error *err);

#endif
