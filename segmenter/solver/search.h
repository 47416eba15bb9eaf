/* One question to the ideals: is there a partition whose slowest stage stays within a bound, and which of them crosses least?
 */
#ifndef AX_SEGMENTER_SEARCH_H
#define AX_SEGMENTER_SEARCH_H

#include "solver/lattice.h"
#include "solver/solve.h"

enum ax_seg_answer { AX_SEG_NO, AX_SEG_YES, AX_SEG_TIRED };

struct ax_seg_search {
    const struct ax_seg_problem *p;
    const struct ax_seg_links *links;
    const struct ax_lattice *lattice;
    const struct ax_seg_solve_options *opt;
    int64_t work_left;
    int64_t crossing_limit; /* > 0: only partitions that cross with fewer bytes count */
    int64_t next_bound;     /* after NO: no bound below this one is answered otherwise */
};

/* With any: the first partition that keeps the bound; else the one of fewest cores, then fewest crossing bytes. Fills
 * stage_of and, when cores are distributed, replicas. */
enum ax_seg_answer ax_seg_search(struct ax_seg_search *s, int64_t bound, bool any, int *stage_of, int *replicas);

#endif
