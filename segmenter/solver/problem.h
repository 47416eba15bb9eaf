/* What the solver knows of a model and a device: a DAG with costs. All costs are integers of one unit (picoseconds, or bytes
 * when balancing by size), so that every machine finds the same partition. */
#ifndef AX_SEGMENTER_PROBLEM_H
#define AX_SEGMENTER_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { AX_SEG_MAX_STAGES = 16, AX_SEG_MAX_CORES = 255 };

struct ax_seg_node {
    int64_t compute; /* cost of running it with its weights on chip */
    int64_t param_bytes;
};

struct ax_seg_tensor {
    int producer; /* node; -1: an input of the model */
    bool is_output;
    int64_t bytes;
    int n_consumers;
    const int *consumers; /* nodes, each once, ascending */
};

/* What surrounds the nodes. Cost of moving b bytes at a rate r: floor(b * r / 1000), r in thousandths of the unit a byte. */
struct ax_seg_rates {
    int64_t on_chip_bytes; /* for weights, a core */
    int64_t stream;        /* weights beyond on_chip_bytes, each run */
    int64_t in, out;       /* tensors that enter or leave a stage, inputs and outputs of the model too */
    int64_t overhead;      /* cost of a stage's call */
};

struct ax_seg_problem {
    int n_nodes, n_tensors;
    const struct ax_seg_node *nodes; /* in topological order: consumers come behind producers */
    const struct ax_seg_tensor *tensors;
    struct ax_seg_rates rates;
};

static inline int64_t ax_seg_move(int64_t bytes, int64_t rate)
{
    return bytes * rate / 1000;
}
static inline int64_t ax_seg_stream(const struct ax_seg_rates *r, int64_t param_bytes)
{
    return param_bytes > r->on_chip_bytes ? ax_seg_move(param_bytes - r->on_chip_bytes, r->stream) : 0;
}

/* A stage of a given partition. */
struct ax_seg_stage {
    int n_nodes;
    int64_t compute, param_bytes, on_chip_bytes, off_chip_bytes;
    int64_t in_bytes, out_bytes; /* all that enters and leaves */
    int64_t crossing_bytes;      /* of in_bytes: what earlier stages made */
    int64_t stream_cost, transfer_cost;
    int64_t cost; /* compute + streaming + transfers + overhead */
};
/* stage_of: 0 .. n_stages-1 for each node. Fills stages[n_stages]. Returns false where a tensor would run backwards. */
bool ax_seg_evaluate(const struct ax_seg_problem *p, const int *stage_of, int n_stages, struct ax_seg_stage *stages);

/* Whose tensors: adjacency by node, made from a problem. */
struct ax_seg_links {
    int *in_start, *in;   /* tensors read by node v: in[in_start[v] .. in_start[v + 1]) */
    int *out_start, *out; /* tensors made */
    int *succ_start, *succ, *n_preds;
    int *pred_start, *pred; /* each once */
};
void ax_seg_links_make(struct ax_seg_links *l, const struct ax_seg_problem *p, struct ax_arena *mem);

/* Zeros for count elements and one more, from malloc; ends the process where there is no memory. */
void *ax_seg_zeroed(int64_t count, size_t size);

#endif
