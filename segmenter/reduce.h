/* Nodes that belong together in every partition that is good enough, or in at least one of the best: taken together, few
 * ideals are left. */
#ifndef AX_SEGMENTER_REDUCE_H
#define AX_SEGMENTER_REDUCE_H

#include "contract.h"

struct ax_seg_reduced {
    struct ax_seg_problem p;
    struct ax_seg_links links;
    int *group;         /* by node of the original: node of p */
    int64_t next_bound; /* a larger bound below this one has the same reduction */
    bool hopeless;      /* no partition keeps the bound */
};

/* For partitions into at most some number of stages none of which costs more than `bound`, if there are any: one of them keeps
 * the groups together, and as few bytes cross in it as in the best. max_params: 0 or what a stage may hold. In mem. */
void ax_seg_reduce(const struct ax_seg_problem *p, int64_t bound, int64_t max_params, struct ax_seg_reduced *out,
                   struct ax_arena *mem);

#endif
