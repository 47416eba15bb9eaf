/* Cutting: a graph and a stage for each node become a graph and a program for each stage. Values keep their names, types and
 * quantization; what crosses goes raw (int8 stays int8), so that nothing is rounded again. */
#ifndef AX_SEGMENTER_CUT_H
#define AX_SEGMENTER_CUT_H

#include "graph/graph.h"
#include "program/program.h"

struct ax_segment {
    struct ax_graph *graph; /* constants and scales are shared with the whole, which must live longer */
    struct ax_program *program;
};

/* All n segments; those of a failure are released. stage_of: by node, never falling along an edge. Inputs of a segment: those
 * of the model that it reads, then what earlier segments made; outputs: those of the model, then what later segments read.
 * Crossing int8 tensors have ports of type int8, and lie in the same planes on both sides. */
enum ax_status ax_segments_make(const struct ax_graph *g, const int *stage_of, int n, const char *const *names,
                                struct ax_segment *out, struct ax_error *err);
void ax_segment_free(struct ax_segment *s); /* zeroed is fine */

#endif
