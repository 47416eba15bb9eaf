/* The importer's inside: one state, one node at a time, and the words in which the canonicalisers (canon_*.c) are written.
 *
 * Errors are sticky: the first one is kept, everything after it does nothing and returns something harmless, and the walk
 * stops before the next node. So a canonicaliser reads as the description of an operator, not as a ladder of checks; it only
 * must not index with what it read before asking im_ok(). */
#ifndef AX_ONNX_IMPORTER_H
#define AX_ONNX_IMPORTER_H

#include <string.h>

#include "onnx/import.h"
#include "onnx/names.h"
#include "onnx/tensor.h"

/* What names of a scope mean: a value of the graph, or an initializer that no node has used yet. */
enum { NAME_LAZY = 1 << 30 }; /* NAME_LAZY + i: initializer i of the scope's graph */

struct scope {
    const Onnx__GraphProto *graph;
    struct names names;
    struct scope *outer; /* of a branch of If; NULL for the main graph */
};

struct importer {
    const char *path;
    const struct ax_import_options *opt;
    struct model_file file;
    struct tensor_source source;
    struct ax_graph *g;
    struct scope *scope;
    int opset; /* of the default domain */
    int64_t folded_bytes;
    struct ax_error *err; /* status AX_OK as long as all is well */

    /* the node being imported */
    const Onnx__NodeProto *node;
    const char *label; /* its name, or that of its first output */
    int node_opset;    /* of its domain */
    int *in, n_in;     /* values; AX_NONE where absent */
    char *float_marks; /* per value: 1 where an integer of the model travels as a float (DynamicQuantizeLinear) */
    int n_marks;
};

static inline bool im_ok(const struct importer *im)
{
    return im->err->status == AX_OK;
}
void im_fail(struct importer *im, enum ax_status s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void im_note(struct importer *im, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* -- names (scope.c) -- */

int im_lookup(struct importer *im, const char *name); /* value; makes a constant of an initializer; fails if undefined */
void im_define(struct importer *im, const char *name, int value); /* fails if it is defined already */
void im_scope_enter(struct importer *im, struct scope *s, const Onnx__GraphProto *graph);
void im_scope_leave(struct importer *im);
int im_tensor(struct importer *im, const Onnx__TensorProto *t, const char *name); /* a constant from a TensorProto */

/* -- attributes of the ONNX node (read.c) -- */

const Onnx__AttributeProto *im_attr(const struct importer *im, const char *name);
int64_t im_int(struct importer *im, const char *name, int64_t otherwise);
float im_float(struct importer *im, const char *name, float otherwise);
const char *im_string(struct importer *im, const char *name, const char *otherwise); /* one of the arena */
int im_ints(struct importer *im, const char *name, int64_t *out, int max);           /* count; 0 if absent */
int im_floats(struct importer *im, const char *name, float *out, int max);

/* -- inputs -- */

static inline int im_in(const struct importer *im, int i)
{
    return i < im->n_in ? im->in[i] : AX_NONE;
}
static inline bool im_has(const struct importer *im, int i)
{
    return im_in(im, i) != AX_NONE;
}
static inline struct ax_value *im_value(struct importer *im, int v)
{
    return &im->g->values[v];
}
static inline const struct ax_shape *im_shape(struct importer *im, int v)
{
    return &im->g->values[v].shape;
}
int im_need(struct importer *im, int i, const char *what); /* input i, which must be there; 0 after a failure */
/* Input i as integers: it must be constant and have at most max elements. `what` names it in the message. -1: failed. */
int im_const_ints(struct importer *im, int i, const char *what, int64_t *out, int max);
int im_const_floats(struct importer *im, int i, const char *what, float *out, int max);
/* Attribute `name`, or from opset `since` on input i; -1 when neither is there (nothing failed) */
int im_ints_or_input(struct importer *im, const char *name, int since, int i, int64_t *out, int max);
int im_axis(struct importer *im, int64_t axis, int rank);                 /* resolved; 0 after a failure */
int im_resolve_axes(struct importer *im, int64_t *axes, int n, int rank); /* resolved, sorted, unique */
bool im_wants_output(const struct importer *im, int i);                   /* the node gives output i a name */
void im_no_output(struct importer *im, int i, const char *what);          /* fails if it has one */

/* -- building (emit.c) -- */

/* A node of the graph in place of the ONNX node or a part of it. Between begin and end the caller sets attributes; end infers,
 * folds what is constant, and fails where a shape stays open. begin returns the node, or -1 after a failure (all functions
 * take that). With `suffix` the one output is an intermediate value named after the ONNX node's first output; without,
 * the outputs are the ONNX node's own. */
int im_begin(struct importer *im, enum ax_op op, const int *in, int n_in, const char *suffix);
int im_end(struct importer *im, int node); /* first output's value; 0 after a failure */
/* The two at once, for nodes without attributes. */
int im_apply(struct importer *im, enum ax_op op, const int *in, int n_in, const char *suffix);
void im_set_int(struct importer *im, int node, const char *attr, int64_t v);
void im_set_float(struct importer *im, int node, const char *attr, float v);
void im_set_ints(struct importer *im, int node, const char *attr, const int64_t *v, int n);
void im_set_floats(struct importer *im, int node, const char *attr, const float *v, int n);
void im_set_string(struct importer *im, int node, const char *attr, const char *v);

int im_reshape(struct importer *im, int v, int rank, const int64_t *dim, const char *suffix); /* suffix NULL: the result */
int im_cast(struct importer *im, int v, enum ax_dtype t, const char *suffix);
int im_scalar(struct importer *im, float x, const char *suffix); /* a float constant of rank 0 */
int im_const(struct importer *im, enum ax_dtype t, const struct ax_shape *s, void *data, const char *suffix); /* data: arena */
void *im_const_alloc(struct importer *im, enum ax_dtype t, const struct ax_shape *s); /* NULL after a failure: too big */
/* The ONNX node's output i is value v: through an Identity, or directly where v is constant. */
void im_result(struct importer *im, int i, int v);
void im_alias(struct importer *im, int i, int v); /* directly in any case */
void im_mark_float(struct importer *im, int v);
bool im_marked_float(const struct importer *im, int v);

/* -- operators -- */

struct canon {
    const char *name, *domain;
    void (*run)(struct importer *im);
};
extern const struct canon canon_control[], canon_elementwise[], canon_move[], canon_quant[], canon_reduce[], canon_resize[],
    canon_shape[], canon_spatial[];
const struct canon *canon_find(const char *domain, const char *op); /* NULL: unknown */
bool canon_known(const char *domain, const char *op);               /* by a canonicaliser or by the op table alone */
void canon_generic(struct importer *im, enum ax_op op); /* as the op table has it: inputs and attributes one to one */

/* Parts that quantized operators share with the float ones. suffix as in im_begin. */
void canon_check_weights(struct importer *im, int v); /* fails where a constant holds an infinite value */
int canon_conv_of(struct importer *im, const int *in, int n_in, const char *suffix);
int canon_pool_of(struct importer *im, enum ax_op op, int x, const char *suffix);
int canon_softmax_of(struct importer *im, enum ax_op op, int x, int axis, const char *suffix);
int canon_matmul_of(struct importer *im, int a, int b, const char *suffix);

/* -- the walk (import.c) -- */

void im_walk(struct importer *im, const Onnx__GraphProto *graph, const char *needed); /* needed: per node, NULL: all */
int import_opset(const struct importer *im, const char *domain);                      /* 1 where the model names none */
static inline const char *im_domain(const Onnx__NodeProto *n)
{
    return n->domain && strcmp(n->domain, "ai.onnx") ? n->domain : "";
}

/* -- which nodes the outputs need, and what to say when one is unknown (reach.c) -- */

/* needed[i] = 1 for the nodes of the main graph that `outputs` depend on; fails for an unknown output. */
void reach_outputs(struct importer *im, const char *const *outputs, int n, char *needed);
/* Fails if a needed node is of an operator that Axon does not know, naming it and the nearest cut. */
void reach_unknown(struct importer *im, const char *needed);
/* Appends to the message where the model could be cut instead. */
void reach_suggest_cut(struct importer *im, const Onnx__NodeProto *bad);

/* -- inputs of the graph (inputs.c) -- */
void im_inputs(struct importer *im);

#endif
