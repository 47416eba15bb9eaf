/* Whether some partition into at most n stages keeps a bound. */
#ifndef AX_SEGMENTER_REACH_H
#define AX_SEGMENTER_REACH_H

#include "solver/lattice.h"
#include "solver/search.h"

struct ax_seg_reach {
    const struct ax_seg_problem *p;
    const struct ax_seg_links *links;
    const struct ax_lattice *lattice;
    int n_stages;
    int cores[AX_SEG_MAX_STAGES]; /* of each stage */
    int64_t max_params;           /* 0: any */
    int64_t work_left;
    int64_t next_bound; /* after NO: no bound below this one is answered otherwise */
};

/* After YES stage_of is filled; some stages may have nothing, where all have as many cores the last ones. */
enum ax_seg_answer ax_seg_reach(struct ax_seg_reach *r, int64_t bound, int *stage_of);

#endif
