/* From the packed weights of a program back to the graph's constants: what lets an .axmodel store its weights once. */
#ifndef AX_LOWER_UNPACK_H
#define AX_LOWER_UNPACK_H

#include "graph/graph.h"
#include "program/program.h"

/* By value of g: the operand of p (its lowering) from which ax_lower_unpack gives back exactly this constant, or -1. Each is
 * tried, so that what it names is sure. packed has n_values entries. */
enum ax_status ax_lower_packed(const struct ax_graph *g, const struct ax_program *p, int *packed, struct ax_error *err);

/* Fits ax_unpack_fn of files/axmodel.h; ctx is not used. AX_FORMAT where operand and value do not belong together. */
enum ax_status ax_lower_unpack(void *ctx, const struct ax_program *p, int operand, const struct ax_value *v, void *out,
                               struct ax_error *err);

#endif
