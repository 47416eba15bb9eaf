/* The graph: one IR for the importer, the passes, the quantizer, the lowering, the segmenter and the joiner.
 *
 * Values and nodes live in index-addressed arrays of one graph; everything they point to lives in the graph's arena.
 * Nodes stand in topological order whenever a pass begins or ends; inside a pass new nodes may be appended anywhere and
 * ax_graph_tidy() restores the order, drops dead nodes and refreshes producers. Indices of values never change (dead
 * values stay as holes that nothing refers to); indices of nodes change only in ax_graph_tidy(). Pointers into the two
 * arrays end where a value or a node is added: keep indices, not pointers.
 *
 * Names: every value has a unique non-empty name: that of the ONNX model, or one derived from it ("conv1_out/nhwc"); it
 * changes only through ax_value_rename, which keeps the index of names.
 * A node's name is for people: errors, reports, profiles. */
#ifndef AX_GRAPH_GRAPH_H
#define AX_GRAPH_GRAPH_H

#include <stdio.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/types.h"
#include "graph/op.h"

#define AX_NONE (-1) /* no value, no node */

enum ax_attr_type { AX_ATTR_INT, AX_ATTR_FLOAT, AX_ATTR_STRING, AX_ATTR_INTS, AX_ATTR_FLOATS };

struct ax_attr {
    const char *name;
    enum ax_attr_type type;
    int count; /* of ints or floats; 1 for INT and FLOAT; length of a string */
    union {
        int64_t i;
        float f;
        const char *s;
        const int64_t *ints;
        const float *floats;
    };
};

struct ax_value {
    const char *name;
    const char *origin;  /* name in the model from before a join or a rename; NULL: the same as name */
    enum ax_dtype dtype; /* of the real values for FLOAT32; after quantization INT8 (or INT16) with `quant` */
    struct ax_shape shape;
    struct ax_quant quant; /* count 0 where the value is not quantized */
    const void *data;      /* constant: row-major elements, 64-byte aligned when in the arena; NULL for all others */
    int producer;          /* node, or AX_NONE for inputs and constants */
    /* A model input's or output's rank-4 layout as the user sees it is always that of the ONNX model. */
};

struct ax_node {
    enum ax_op op; /* AX_OP_NONE: dead, removed by ax_graph_tidy */
    const char *name;
    int *inputs; /* value indices; AX_NONE where an optional input is absent */
    int *outputs;
    int n_inputs, n_outputs;
    struct ax_attr *attrs;
    int n_attrs;
    const char *why_float; /* why a node that could run in int8 runs in float; NULL if it runs in int8 or cannot */
};

struct ax_graph {
    struct ax_arena arena;
    const char *name;
    struct ax_value *values;
    int n_values, cap_values;
    struct ax_node *nodes;
    int n_nodes, cap_nodes;
    int *inputs, n_inputs;   /* values fed by the user, in the model's order */
    int *outputs, n_outputs; /* values given to the user, in the model's order; one may occur twice */
    int opset;               /* of the default domain as it stood in the file */
    void *mapping;           /* file mapping that constants may point into (see ax_graph_free); NULL */
    size_t mapping_bytes;
    int *name_slots; /* hash table of value indices by name: graph.c's own */
    int n_name_slots, n_named;
};

struct ax_graph *ax_graph_new(const char *name);
void ax_graph_free(struct ax_graph *g);                    /* NULL is fine; unmaps g->mapping */
struct ax_graph *ax_graph_clone(const struct ax_graph *g); /* names and constants are shared with g, which must live longer */

/* -- building -- */

/* A new value; the name is copied and made unique by appending _2, _3...; shape NULL: unknown. Returns its index. */
int ax_graph_value(struct ax_graph *g, const char *name, enum ax_dtype t, const struct ax_shape *shape);
/* A constant; data is copied into the arena. */
int ax_graph_const(struct ax_graph *g, const char *name, enum ax_dtype t, const struct ax_shape *shape, const void *data);
int ax_graph_const_f32(struct ax_graph *g, const char *name, int rank, const int64_t *dim, const float *data);
int ax_graph_const_i64(struct ax_graph *g, const char *name, int count, const int64_t *data); /* rank 1 */
/* A node with existing values; arrays are copied. The name is copied; outputs' producers are set. Returns its index. */
int ax_graph_node(struct ax_graph *g, enum ax_op op, const char *name, const int *in, int n_in, const int *out, int n_out);
/* A node with one new output whose name is `name`; its shape is inferred at once where the inputs' are known. Returns the
 * output's value index. */
int ax_graph_apply(struct ax_graph *g, enum ax_op op, const char *name, const int *in, int n_in);

void ax_node_set_int(struct ax_graph *g, int node, const char *attr, int64_t v);
void ax_node_set_float(struct ax_graph *g, int node, const char *attr, float v);
void ax_node_set_ints(struct ax_graph *g, int node, const char *attr, const int64_t *v, int count);
void ax_node_set_floats(struct ax_graph *g, int node, const char *attr, const float *v, int count);
void ax_node_set_string(struct ax_graph *g, int node, const char *attr, const char *v);
void ax_node_unset(struct ax_graph *g, int node, const char *attr);
void ax_node_copy_attrs(struct ax_graph *g, int to, int from);
/* Grows the list of inputs with AX_NONE up to count, so that input[i] may be set. */
void ax_node_grow_inputs(struct ax_graph *g, int node, int count);

/* -- reading -- */

const struct ax_attr *ax_node_attr(const struct ax_node *n, const char *attr); /* NULL if absent */
bool ax_attr_equal(const struct ax_attr *a, const struct ax_attr *b);          /* type and bits of the values; not the name */
int64_t ax_node_int(const struct ax_node *n, const char *attr, int64_t otherwise);
float ax_node_float(const struct ax_node *n, const char *attr, float otherwise);
const char *ax_node_string(const struct ax_node *n, const char *attr, const char *otherwise);
/* Fills out[0..max) with the list or with `otherwise`; returns how many the attribute has (0 when absent). */
int ax_node_ints(const struct ax_node *n, const char *attr, int64_t *out, int max, int64_t otherwise);
static inline int ax_in(const struct ax_node *n, int i)
{
    return i < n->n_inputs ? n->inputs[i] : AX_NONE;
}
static inline int ax_out(const struct ax_node *n, int i)
{
    return i < n->n_outputs ? n->outputs[i] : AX_NONE;
}
static inline bool ax_is_const(const struct ax_graph *g, int v)
{
    return v != AX_NONE && g->values[v].data != NULL;
}
int64_t ax_value_bytes(const struct ax_value *v); /* -1 if the shape is unknown */
/* Reads a constant of INT64, INT32 or FLOAT32 (or BOOL, INT8...) as int64 numbers; returns the count, -1 if it is not
 * constant or has more than max elements. */
int ax_const_ints(const struct ax_graph *g, int v, int64_t *out, int max);
/* Reads element i of a numeric constant as double. */
double ax_const_at(const struct ax_graph *g, int v, int64_t i);
bool ax_is_graph_output(const struct ax_graph *g, int v);
bool ax_is_graph_input(const struct ax_graph *g, int v);
int ax_graph_find_value(const struct ax_graph *g, const char *name); /* AX_NONE if there is none */

/* Users of each value, as of now: users[start[v] .. start[v + 1]) are node indices (a node once for each use).
 * Free with ax_uses_free. */
struct ax_uses {
    int *start, *users;
};
struct ax_uses ax_graph_uses(const struct ax_graph *g);
void ax_uses_free(struct ax_uses *u);
static inline int ax_use_count(const struct ax_uses *u, int v)
{
    return u->start[v + 1] - u->start[v];
}

/* -- changing -- */

/* Every use of `from` (by nodes and among the outputs) becomes `to`. An output's name must stay what the user knows: when
 * `from` is a graph output and `to` is not, they exchange names. Where `to` is a graph input or an output itself, so that its
 * name is taken, `from` stays among the outputs and only its uses by nodes change. */
void ax_graph_replace(struct ax_graph *g, int from, int to);
/* A new name, made unique as ax_graph_value does. */
void ax_value_rename(struct ax_graph *g, int v, const char *name);
void ax_node_kill(struct ax_graph *g, int node);
/* Restores topological order (stable), drops dead nodes, refreshes producers. AX_INTERNAL on a cycle. */
enum ax_status ax_graph_tidy(struct ax_graph *g, struct ax_error *err);
/* Removes nodes of which no output is used. Returns how many. Tidy afterwards is included. */
int ax_graph_sweep(struct ax_graph *g);

/* -- whole-graph services -- */

/* Infers dtype and shape of a node's outputs from its inputs (op table); AX_SHAPE or AX_UNSUPPORTED with node, rule and
 * values in the message. */
enum ax_status ax_node_infer(struct ax_graph *g, int node, struct ax_error *err);
enum ax_status ax_graph_infer(struct ax_graph *g, struct ax_error *err); /* all nodes in order */
/* Checks every invariant of this header and the op table's (arity, attributes, order, shapes as inferred). */
enum ax_status ax_graph_verify(const struct ax_graph *g, struct ax_error *err);
/* One line a node: outputs = Op(inputs) attributes : shapes, types, scales. For people and golden tests. */
void ax_graph_print(const struct ax_graph *g, FILE *out);

#endif
