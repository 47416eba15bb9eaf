/* From a compiled model to what the solver works on: costs of the graph's nodes by size, by a device's description, or as
 * measured. */
#ifndef AX_SEGMENTER_COSTS_H
#define AX_SEGMENTER_COSTS_H

#include "files/device.h"
#include "files/profile.h"
#include "graph/graph.h"
#include "solver/problem.h"

struct ax_seg_costs {
    struct ax_seg_problem problem;
    struct ax_seg_node *nodes; /* problem.nodes: may be corrected */
    int *value_of;             /* by tensor: the graph's value */
    const int64_t *macs;       /* by node */
    bool in_time;              /* costs are picoseconds; else bytes */
};

enum ax_seg_by { AX_SEG_BY_SIZE, AX_SEG_BY_LATENCY, AX_SEG_BY_PROFILE };

/* p is the graph's program. d and profile: see `by`; a profile takes the device's transfer rates and overheads, and no
 * streaming, which its times hold already (unless it is of a simulated device). Everything is in mem. AX_INVALID_ARGUMENT where
 * the profile is not of this model. */
enum ax_status ax_seg_costs_make(struct ax_seg_costs *c, const struct ax_graph *g, const struct ax_program *p,
                                 enum ax_seg_by by, const struct ax_device_desc *d, const struct ax_profile *profile,
                                 struct ax_arena *mem, struct ax_error *err);

#endif
