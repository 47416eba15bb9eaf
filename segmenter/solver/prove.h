/* The best bottleneck, and the proof that none is better, for given cores of each stage. */
#ifndef AX_SEGMENTER_PROVE_H
#define AX_SEGMENTER_PROVE_H

#include "solver/solve.h"

/* What the bound may be short of, since moves round down: some picoseconds in 1 ms. */
enum { AX_SEG_PRECISION = 100000000 };

struct ax_seg_proof {
    const struct ax_seg_problem *p;
    const struct ax_seg_solve_options *opt;
    struct ax_seg_solution *best; /* known before; becomes better */
    int64_t proven;               /* no partition is below; rises */
    int *scratch;                 /* n_nodes */
    int max_ideals;
    int64_t work; /* ideals that may be visited; sinks */
};

/* True when best is proven. opt->n_cores is 0. */
bool ax_seg_prove(struct ax_seg_proof *f);

#endif
