/* A lower bound that sums do not see: some node is dear in whatever stage it is. */
#ifndef AX_SEGMENTER_BOUND_H
#define AX_SEGMENTER_BOUND_H

#include "problem.h"

/* No stage that holds the dearest node costs less. Weights that must be streamed are not counted. */
int64_t ax_seg_node_bound(const struct ax_seg_problem *p);

#endif
