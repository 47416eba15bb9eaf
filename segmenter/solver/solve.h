/* The partitioner: a chain of stages over a DAG whose slowest stage is as fast as can be.
 *
 * A partition is a chain of ideals (lattice.h). Where the cores of each stage are given (prove.h), nodes that belong together
 * in any good enough partition are taken together (reduce.h), and for a bound B on the slowest stage a search over the ideals
 * of what is left (reach.h) finds whether n stages can keep it; B is bisected between a proven lower bound and the best
 * partition known. Else dynamic programming over ideals and stages (search.h) answers; it also finds the fewest crossing bytes.
 * Where the DAG has more ideals than can be held, only some are (a beam around few live bytes, always with the linear order);
 * the answer is then feasible, and the bound that is printed beside it is what was proven. All counts are of work, never of
 * time: the same input gives the same answer on every machine. */
#ifndef AX_SEGMENTER_SOLVE_H
#define AX_SEGMENTER_SOLVE_H

#include "base/status.h"
#include "solver/problem.h"

struct ax_seg_solve_options {
    int n_stages;
    /* Cores of each stage, n_stages entries: a stage's cost counts divided by them. NULL: one each. */
    const int *replicas;
    int n_cores;              /* > 0: the solver distributes that many itself (replicas must be NULL) */
    int64_t max_stage_params; /* parameter bytes that a stage may hold; 0: any */
    int max_ideals;           /* 0: 100,000 */
    int64_t max_work;         /* ideals visited in all; 0: 20 million */
};

struct ax_seg_solution {
    int n_stages;
    int *stage_of; /* by node; in mem of the caller */
    int replicas[AX_SEG_MAX_STAGES];
    struct ax_seg_stage stage[AX_SEG_MAX_STAGES];
    int64_t bottleneck;     /* max of cost / replicas, rounded up */
    int64_t lower_bound;    /* proven for every partition; equal to bottleneck when optimal */
    int64_t crossing_bytes; /* made in one stage, read in later ones; once for each that reads */
    int64_t n_ideals;       /* looked at; for reports */
    bool exact;             /* none better was left out */
};

/* AX_LIMIT when max_stage_params cannot be kept, AX_INVALID_ARGUMENT when the graph has fewer nodes than stages. stage_of is in
 * mem. */
enum ax_status ax_seg_solve(const struct ax_seg_problem *p, const struct ax_seg_solve_options *opt, struct ax_seg_solution *out,
                            struct ax_arena *mem, struct ax_error *err);

/* Fills everything of a solution but lower_bound, n_ideals and exact from stage_of, n_stages and replicas. */
bool ax_seg_complete(const struct ax_seg_problem *p, struct ax_seg_solution *s);

/* No partition is faster than this: from sums, single nodes and what must be streamed. */
int64_t ax_seg_relaxed_bound(const struct ax_seg_problem *p, const struct ax_seg_solve_options *opt);

#endif
