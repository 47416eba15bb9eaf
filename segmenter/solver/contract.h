/* A problem with some nodes taken together, which therefore has fewer ideals. */
#ifndef AX_SEGMENTER_CONTRACT_H
#define AX_SEGMENTER_CONTRACT_H

#include "solver/problem.h"

/* Which nodes go together: sets of nodes, as rings of links. */
struct ax_seg_union {
    int n;
    int *root, *next;
};
void ax_seg_union_make(struct ax_seg_union *u, int n, struct ax_arena *mem);
/* False where they were together already. */
bool ax_seg_union_join(struct ax_seg_union *u, int a, int b);

struct ax_seg_contraction {
    struct ax_seg_problem p;
    int *group; /* by node of the problem that was contracted: node of p */
};
/* Nodes of a set become one, and with them those on paths from one to another. Everything is in mem. */
void ax_seg_contract(const struct ax_seg_problem *p, const struct ax_seg_links *links, const struct ax_seg_union *u,
                     struct ax_seg_contraction *out, struct ax_arena *mem);

#endif
