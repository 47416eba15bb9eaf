/* Lower bounds that sums do not see: some node is dear in whatever stage it is. */
#ifndef AX_SEGMENTER_BOUND_H
#define AX_SEGMENTER_BOUND_H

#include "solver/problem.h"

/* No stage that holds the dearest node costs less. Weights that must be streamed are not counted. */
int64_t ax_seg_node_bound(const struct ax_seg_problem *p);

struct ax_seg_flow;
struct ax_seg_flow *ax_seg_flow_new(const struct ax_seg_problem *p);
void ax_seg_flow_free(struct ax_seg_flow *f);
/* No stage that holds node `with` and not node `without` (-1: any) costs less. */
int64_t ax_seg_flow_stage(struct ax_seg_flow *f, int with, int without);

/* By node: what the stage that has only it costs, but for streaming. The caller's to free. */
int64_t *ax_seg_stages_alone(const struct ax_seg_problem *p);

#endif
