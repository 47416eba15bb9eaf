/* What the operators' inference rules share. Internal to formats/graph.
 *
 * A rule reads its inputs' shapes and its attributes and sets the outputs. It adds nothing to the graph, so that the verifier
 * may run it on a copy of the values alone. Numbers from attributes pass ax_rule_ints with a range before any arithmetic:
 * with dimensions below 2^40 and factors below 2^20 nothing overflows. */
#ifndef AX_GRAPH_INFER_H
#define AX_GRAPH_INFER_H

#include "graph/graph.h"

enum { AX_MAX_FACTOR = 1 << 20, AX_MAX_PAD = 1 << 30 };

/* "Conv node 'conv7': " and the message. */
enum ax_status ax_rule_fail(const struct ax_graph *g, int node, struct ax_error *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static inline const struct ax_node *ax_rule_node(const struct ax_graph *g, int node)
{
    return &g->nodes[node];
}
/* Shape of input i, which must be there. */
const struct ax_shape *ax_rule_shape(const struct ax_graph *g, int node, int i);
/* Are the shapes of all inputs that are there fully known? If not, sets dtypes of outputs like input 0 and leaves their
 * shapes unknown. */
bool ax_rule_ready(struct ax_graph *g, int node);

/* Sets output i (if it is there): a dtype that the rule fixes. */
enum ax_status ax_rule_set(struct ax_graph *g, int node, int i, enum ax_dtype t, const struct ax_shape *s,
                           struct ax_error *err);
/* Sets output i to the dtype of input `from`, unless it is typed already: after quantization a real value may be FLOAT32 on
 * one side and INT8 on the other. */
enum ax_status ax_rule_like(struct ax_graph *g, int node, int i, int from, const struct ax_shape *s, struct ax_error *err);
/* Inputs a and b must have one dtype, where quantized and FLOAT32 ones count as the same. */
enum ax_status ax_rule_same_type(const struct ax_graph *g, int node, int a, int b, struct ax_error *err);
bool ax_is_real(const struct ax_value *v); /* FLOAT32, or quantized */

/* A list attribute: exactly `count` entries within [lo, hi]; absent: `otherwise` for all. */
enum ax_status ax_rule_ints(const struct ax_graph *g, int node, const char *attr, int count, int64_t otherwise, int64_t lo,
                            int64_t hi, int64_t *out, struct ax_error *err);
/* A number within [lo, hi]. */
enum ax_status ax_rule_int(const struct ax_graph *g, int node, const char *attr, int64_t otherwise, int64_t lo, int64_t hi,
                           int64_t *out, struct ax_error *err);
/* An axis attribute in [-rank, rank), made 0 <= axis < rank. */
enum ax_status ax_rule_axis(const struct ax_graph *g, int node, const char *attr, int64_t otherwise, int rank, int *out,
                            struct ax_error *err);
/* A shape attribute: at most AX_MAX_RANK entries, none negative. */
enum ax_status ax_rule_shape_attr(const struct ax_graph *g, int node, const char *attr, struct ax_shape *out,
                                  struct ax_error *err);
enum ax_status ax_rule_rank(const struct ax_graph *g, int node, int input, int lo, int hi, struct ax_error *err);
/* Input i, if it is there, must be a vector of n entries (or of one, where `one` is set); `what` names it in the message. */
enum ax_status ax_rule_vector(const struct ax_graph *g, int node, int input, int64_t n, bool one, const char *what,
                              struct ax_error *err);

/* to = to and s broadcast as ONNX says (from the right); false if they do not fit. */
bool ax_broadcast(struct ax_shape *to, const struct ax_shape *s);

/* The axis of channels, and the first spatial one, of an input [N, C, spatial...] or with nhwc [N, spatial..., C]. */
static inline int ax_rule_channel_axis(const struct ax_node *n, int rank)
{
    return ax_node_int(n, "nhwc", 0) ? rank - 1 : rank > 1;
}
static inline int ax_rule_spatial_axis(const struct ax_node *n)
{
    return ax_node_int(n, "nhwc", 0) ? 1 : 2;
}

/* Kernel, strides, dilations, pads of convolutions and pools; `n` spatial dimensions. */
struct ax_window {
    int n;
    int64_t kernel[AX_MAX_RANK], stride[AX_MAX_RANK], dilation[AX_MAX_RANK], begin[AX_MAX_RANK], end[AX_MAX_RANK];
};
/* kernel: NULL to read kernel_shape, else the weights' spatial dims, which kernel_shape must repeat where it is there. */
enum ax_status ax_rule_window(const struct ax_graph *g, int node, int n_spatial, const int64_t *kernel, struct ax_window *w,
                              struct ax_error *err);
/* Output size along spatial dimension i for `in` pixels; 0 or less if no window fits. */
int64_t ax_window_out(const struct ax_window *w, int i, int64_t in, bool ceil_mode);

/* Checks of the inputs and attributes that passes add to Conv, ConvTranspose and MatMul: bias, residual, slope, act. */
enum ax_status ax_rule_fused(const struct ax_graph *g, int node, int64_t channels, const struct ax_shape *out,
                             struct ax_error *err);

/* A row of the op table, of ONNX's own operators or of those that only passes make: inputs at least and at most (-1: any
 * number), outputs at most, at least one; then the other fields by name. */
#define AX_OP_OF_DOMAIN(DOMAIN, row, NAME, MIN_IN, MAX_IN, MAX_OUT, ...)                                                       \
    const struct ax_op_row row = {.name = NAME,                                                                                \
                                  .domain = DOMAIN,                                                                            \
                                  .min_inputs = MIN_IN,                                                                        \
                                  .max_inputs = MAX_IN,                                                                        \
                                  .min_outputs = 1,                                                                            \
                                  .max_outputs = MAX_OUT,                                                                      \
                                  __VA_ARGS__}
#define AX_ONNX_OP(...) AX_OP_OF_DOMAIN("", __VA_ARGS__)
#define AX_AXON_OP(...) AX_OP_OF_DOMAIN("axon", __VA_ARGS__)

/* Attribute rows that several operators share, and the end of a list. */
#define AX_ATTRS_ACT                                                                                                           \
    {"act", AX_KIND_STRING, "activation fused by a pass (formats/program/activation.h); default none"},                        \
        {"act_alpha", AX_KIND_FLOAT, "its first parameter"},                                                                   \
    {                                                                                                                          \
        "act_beta", AX_KIND_FLOAT, "its second parameter"                                                                      \
    }
#define AX_ATTR_NHWC                                                                                                           \
    {                                                                                                                          \
        "nhwc", AX_KIND_INT, "1: activations are [N, spatial..., C]; default 0"                                                \
    }
#define AX_ATTRS_END                                                                                                           \
    {                                                                                                                          \
        .name = NULL                                                                                                           \
    }

extern const struct ax_shape ax_shape_unknown;

/* Rules that several operators share. */
enum ax_status ax_infer_same(struct ax_graph *g, int node, struct ax_error *err);      /* one input: output is alike */
enum ax_status ax_infer_broadcast(struct ax_graph *g, int node, struct ax_error *err); /* output: all inputs broadcast */

#endif
