/* Nodes that belong together in every partition that is good enough, or in at least one of the best: taken together, few
 * ideals are left. */
#ifndef AX_SEGMENTER_REDUCE_H
#define AX_SEGMENTER_REDUCE_H

#include "solver/contract.h"

struct ax_seg_reduced {
    struct ax_seg_problem p;
    struct ax_seg_links links;
    int *group;         /* by node of the original: node of p */
    int64_t next_bound; /* a larger bound below this one has the same reduction */
    bool hopeless;      /* no partition keeps the bound */
};

/* What may be taken together of all partitions none of whose stages costs more than `bound`. */
enum ax_seg_reasons {
    AX_SEG_IN_ALL,     /* what is together in each of them */
    AX_SEG_IN_ONE,     /* in one of the fewest crossing bytes, which may have fewer stages */
    AX_SEG_IN_FASTEST, /* in one of the fastest, which may have fewer stages */
};

/* max_params: 0 or what a stage may hold. In mem. */
void ax_seg_reduce(const struct ax_seg_problem *p, int64_t bound, int64_t max_params, enum ax_seg_reasons why,
                   struct ax_seg_reduced *out, struct ax_arena *mem);

#endif
