/* The ideals of a DAG (sets of nodes closed under predecessors), as far as they are wanted: a cut between two stages is one of
 * them. Numbered by size, so that a number is larger than those of all its subsets; edges add one node. */
#ifndef AX_SEGMENTER_LATTICE_H
#define AX_SEGMENTER_LATTICE_H

#include "solver/problem.h"

struct ax_lattice {
    int n_nodes, n_words;
    int n_ideals;    /* 0 is the empty set, n_ideals - 1 holds all nodes */
    bool exact;      /* no ideal was left out */
    uint64_t *bits;  /* n_words an ideal */
    int *first_edge; /* n_ideals + 1 */
    int *edge_node, *edge_to;
    int *size;
    int64_t *compute, *param_bytes; /* sums over the ideal */
    int64_t *live;                  /* bytes made inside and read outside */
    int64_t *head_in, *tail_in;     /* of the model's inputs that are read inside; outside */
    int64_t *head_out, *tail_out;   /* made inside and read outside or given out; given out from outside */
    int cap_ideals, n_edges, cap_edges;
};

/* What cannot be the last cut of a chain, and so no cut at all: monotone in compute and param_bytes. */
struct ax_lattice_limit {
    int64_t cost;   /* that all segments but the last may have together */
    int64_t stages; /* how many these are: their on-chip memory holds that many parameters */
};

/* Of each size only some ideals; width 0: all. */
struct ax_lattice_beam {
    int width;
    /* NULL: those across whose border the fewest bytes are alive, and always the first nodes in the problem's own order. Else a
     * topological order: those that differ in the fewest nodes from its first ones. */
    const int *order;
};

/* All ideals within the limit and the beam, and that of all nodes, if there are at most max_ideals of them (else n_ideals is 0
 * and nothing is held); a beam has no such limit. */
void ax_lattice_make(struct ax_lattice *out, const struct ax_seg_problem *p, const struct ax_seg_links *links, int max_ideals,
                     const struct ax_lattice_beam *beam, const struct ax_lattice_limit *limit);
void ax_lattice_free(struct ax_lattice *l);

static inline bool ax_lattice_has(const struct ax_lattice *l, int ideal, int node)
{
    return l->bits[(int64_t)ideal * l->n_words + node / 64] >> (node % 64) & 1;
}

#endif
