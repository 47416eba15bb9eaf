/* The bytes of a stage while nodes are added to it in topological order and taken out again. */
#ifndef AX_SEGMENTER_WALK_H
#define AX_SEGMENTER_WALK_H

#include "solver/lattice.h"

struct ax_seg_bytes {
    int64_t in, out, crossing; /* entering, leaving; of those that enter: what other nodes made */
};

struct ax_seg_frame {
    int ideal, edge, node;
    struct ax_seg_bytes bytes;
};

struct ax_seg_walk {
    const struct ax_seg_problem *p;
    const struct ax_seg_links *links;
    int *outside; /* by tensor made in the stage: its consumers that are not in it */
    int *used;    /* by tensor: its consumers in the stage */
    bool *made;   /* by tensor: made in the stage */
    struct ax_seg_frame *stack;
    int *seen, stamp; /* by ideal */
};

void ax_seg_walk_make(struct ax_seg_walk *w, const struct ax_seg_problem *p, const struct ax_seg_links *links, int n_ideals);
void ax_seg_walk_free(struct ax_seg_walk *w);
/* Adds node v to the stage, or with sign -1 takes it, the last one added, out again; only adding changes b. */
void ax_seg_walk_toggle(struct ax_seg_walk *w, int v, int sign, struct ax_seg_bytes *b);

/* Visits the ideals above one depth first, one node more a step, each once. visit tells whether those above shall be seen too.
 * Returns how many were visited. */
typedef bool ax_seg_visit_fn(void *ctx, const struct ax_seg_frame *f);
int64_t ax_seg_walk(struct ax_seg_walk *w, const struct ax_lattice *l, int from, ax_seg_visit_fn *visit, void *ctx);

#endif
