/* Graph -> program. The graph has been through the passes; a value with a quantization and dtype INT8 is int8, all others
 * float32 or integers. One lowering for the float model, the int8 model and anything between. */
#ifndef AX_LOWER_LOWER_H
#define AX_LOWER_LOWER_H

#include "graph/graph.h"
#include "program/program.h"

/* A neighbour's operand of an input or output, so that both can lie in the same memory: the input gets planes of as many
 * channels, the output at least as much halo. */
struct ax_lower_neighbour {
    const char *port;
    const struct ax_operand *operand;
};

struct ax_lower_options {
    int keep_all;  /* every value keeps its place in the arena to the end: for calibration */
    int own_ports; /* inputs and outputs share no place of the arena with others: pipelines then put them elsewhere */
    const struct ax_lower_neighbour *neighbours; /* a port may have several */
    int n_neighbours;
    const char *const *straight; /* ports that take in no transpose: both sides then have the tensor's own order */
    int n_straight;
};
/* *out is released with ax_program_free. operand_of (n_values entries, may be NULL) receives the operand of each value,
 * or -1 where it has none (fused away, or not stored).
 *
 * A transpose of an input, or to an output, is no step but the port's perm; operand_of gives both of its values the one
 * operand, whose dimensions are those of the side within the graph. Without keep_all the place of an input is used again
 * after its last reader: inputs are to be set before every run. */
enum ax_status ax_lower(const struct ax_graph *g, const struct ax_lower_options *opt, struct ax_program **out, int *operand_of,
                        struct ax_error *err);
void ax_program_free(struct ax_program *p);

/* Computes a node whose inputs are all constant, by lowering and running it alone; its outputs become constants and the node
 * is dead. AX_UNSUPPORTED if the op cannot run. */
enum ax_status ax_fold_node(struct ax_graph *g, int node, struct ax_error *err);

/* Recomputes the epilogue constants of the step that does `node` after its bias changed in the graph (bias correction);
 * p must be ax_lower's own (its const_data is writable memory). */
enum ax_status ax_lower_update_bias(const struct ax_graph *g, int node, struct ax_program *p, struct ax_error *err);

#endif
