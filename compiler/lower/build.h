/* What the files of this room share: the program as it is being built.
 *
 * While nodes are lowered, an operand says only which buffer it lies in. Halos, strides and offsets are settled at the end
 * (arena.c), when every reader is known: a buffer's halo is the largest that any of its readers needs, its life spans the
 * steps that touch it.
 *
 * An INT8 value with a quantization is stored in planes. Rules for plain operands (conv.c, move.c...) know nothing of that:
 * low_in() gives them the value in the form that the walk chose for the node, and what they put with low_out() is brought
 * back to planes behind them. */
#ifndef AX_LOWER_BUILD_H
#define AX_LOWER_BUILD_H

#include "graph/graph.h"
#include "lower/lower.h"
#include "program/activation.h"
#include "program/program.h"

struct low_plane { /* where a plane of an operand comes from */
    int buffer;
    int plane; /* of the buffer's */
    int first; /* channel within that plane */
    int channels;
};

struct low_place {            /* beside every operand of the program */
    int buffer;               /* PLAIN operands of the arena; -1 */
    struct low_plane *planes; /* PLANES */
};

struct low_buffer {
    int64_t bytes;
    int n_planes; /* 0: plain */
    int *channels;
    int64_t n, h, w;
    int halo_top, halo_left, halo_bottom, halo_right;
    bool dense;            /* read under other dimensions too: its halo must stay empty */
    int64_t *plane_offset; /* of each plane's first byte, from the buffer's start */
    int first, last;       /* steps that touch it */
    int64_t offset;
};

enum low_form {
    LOW_REAL,  /* INT8 values appear as float32: dequantized before, quantized behind */
    LOW_MOVED, /* INT8 values appear as plain int8: unpacked before, packed behind */
};

struct low_consts {
    uint8_t *data;
    int64_t used, cap;
    struct low_const_slot {
        uint64_t hash;
        int64_t offset, bytes;
        bool taken;
    } * slots; /* open addressing */
    int n_slots, n_used;
};

struct low {
    const struct ax_graph *g;
    struct ax_lower_options opt;
    bool plain_ports; /* do not absorb transposes into ports */
    struct ax_program *p;
    struct ax_error *err;
    enum ax_status status; /* the first failure inside a helper; the walk looks after every node */
    struct ax_arena tmp;
    struct ax_uses uses;
    int node; /* being lowered; AX_NONE at the ports */
    enum low_form form;
    int *native, *plain, *real; /* operand of each value: as stored, as plain int8, as float32; -1 */
    struct low_place *places;   /* one an operand */
    struct low_buffer *buffers;
    int n_buffers, cap_buffers, cap_operands, cap_steps, cap_places;
    struct low_consts consts;
};

#define LOW_TRY(e)                                                                                                             \
    do {                                                                                                                       \
        enum ax_status low_try_ = (e);                                                                                         \
        if (low_try_ != AX_OK) return low_try_;                                                                                \
    } while (0)

/* Puts "node NAME (OP): " before the message. Returns s and remembers it in L->status. */
enum ax_status low_fail(struct low *L, enum ax_status s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static inline const struct ax_value *low_value(const struct low *L, int v)
{
    return &L->g->values[v];
}
static inline struct ax_operand *low_op(const struct low *L, int op)
{
    return &L->p->operands[op];
}
static inline bool low_is_quant(const struct ax_value *v)
{
    return v->dtype == AX_DTYPE_INT8 && v->quant.count > 0;
}
static inline bool low_is_planes(const struct ax_value *v)
{
    return low_is_quant(v) && !v->data && v->shape.rank >= 2 && v->shape.rank <= 4;
}

/* -- activations (act.c) -- */

struct low_act {
    enum ax_act act;
    float alpha, beta;
    int slope; /* value of PRelu's slopes, AX_NONE */
};
/* What rides on a node (attributes act, act_alpha, act_beta, input 4). */
enum ax_status low_act_of(struct low *L, const struct ax_node *n, struct low_act *out);
/* The function that a node of one input is (Relu, Clip, LeakyRelu...); false if it is none. */
bool low_unary_of(const struct ax_node *n, struct low_act *out);

/* -- operands (operands.c) -- */

int low_plain_new(struct low *L, const char *name, enum ax_dtype t, int rank, const int64_t *dim);
int low_view(struct low *L, int op, int rank, const int64_t *dim); /* the same elements under other dimensions (PLAIN) */
int low_const(struct low *L, enum ax_dtype t, int rank, const int64_t *dim, const void *data);
int low_const_f32(struct low *L, int count, const float *data);   /* rank 1 */
int low_const_i32(struct low *L, int count, const int32_t *data); /* rank 1 */
int low_scalar_f32(struct low *L, float v);
/* A constant that shares its place with no other, so that it may be rewritten later. */
int low_const_own(struct low *L, enum ax_dtype t, int rank, const int64_t *dim, const void *data);

/* Planes of their own, in one new buffer: `channels` lists them (NULL: as many of 64 as fit, then the rest). */
int low_planes_new(struct low *L, const struct ax_value *v, const int *channels, int n_planes);
/* An operand over existing planes, with dimensions and quantization of `v`. */
int low_planes_view(struct low *L, const struct ax_value *v, const struct low_plane *planes, int n_planes);
/* n, h, w, c of a value stored in planes. */
void low_planes_dims(const struct ax_value *v, int64_t nhwc[4]);
/* Asks for halo around every plane of an operand; false if one of its buffers must stay dense. */
bool low_need_halo(struct low *L, int op, int top, int left, int bottom, int right);
/* Makes the buffers of an operand dense, so that it may be seen under other n, h, w; false if one has a halo already. */
bool low_make_dense(struct low *L, int op);

/* A value in the form of the node that is being lowered; -1 for AX_NONE. Constants become constant operands. */
int low_in(struct low *L, int v);
int low_in_plain(struct low *L, int v); /* as plain int8 (or what it is, when it is not quantized) */
int low_in_real(struct low *L, int v);  /* as float32 (or what it is, when it is not quantized) */
int low_in_planes(struct low *L, int v);
/* A new plain operand for a value in the form of the node, and noted as the value's. */
int low_out(struct low *L, int v);
void low_set(struct low *L, int v, int op);              /* op is the value in the form of the node */
void low_settle(struct low *L, const struct ax_node *n); /* brings outputs that were made plain to where they are stored */

/* Rank-4 channels-last images for the rules that need them: NCHW values are transposed on the way, 1-D ones get height 1. */
int low_image_in(struct low *L, int v, bool nhwc);
int low_image_out(struct low *L, int v, bool nhwc); /* to write; then: */
void low_image_done(struct low *L, int v, bool nhwc, int image);
int low_transpose(struct low *L, int op, const int *perm); /* into a new operand */
void low_transpose_into(struct low *L, int op, const int *perm, int out);

/* -- steps (operands.c) -- */

#define LOW_LIST(...) (const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
/* low_step(L, AX_STEP_X, LOW_LIST(in...), LOW_LIST(out...), &params, sizeof params); returns the step's index */
int low_step(struct low *L, enum ax_step_kind kind, const int *in, int n_in, const int *out, int n_out, const void *params,
             size_t params_bytes);
#define LOW_STEP(L, kind, in, out, params) low_step((L), AX_STEP_##kind, in, out, &(params), sizeof(params))

/* y = act(a op b); act NULL: none */
void low_binary_step(struct low *L, enum ax_binary op, int a, int b, int y, const struct low_act *act);
/* QUANTIZE or DEQUANTIZE with the scales of q. */
void low_scale_by(struct low *L, enum ax_step_kind kind, int x, const struct ax_quant *q, int y);
int low_like(struct low *L, int op); /* a new plain operand of the same type and dimensions */

/* -- constants (const.c) -- */

int64_t low_consts_add(struct low_consts *c, const void *data, int64_t bytes, bool own); /* offset; -1: no memory */
/* The section, zeros behind it; the caller's to free. NULL: no memory. */
uint8_t *low_consts_take(struct low_consts *c);
void low_consts_free(struct low_consts *c);

/* -- constants of the graph as numbers -- */

/* Elements of a constant as floats, dequantized where it is quantized. Fails when it is not constant. */
const float *low_floats(struct low *L, int v, const char *what);

/* -- settling (arena.c) -- */
enum ax_status low_settle_buffers(struct low *L);
int64_t low_step_macs(const struct ax_program *p, const struct ax_step *s);

/* -- the table (rules.c) -- */

typedef enum ax_status low_rule(struct low *L, const struct ax_node *n);
struct low_row {
    low_rule *plain;
    /* The same on planes: sets *done when it has lowered the node, leaves it when the plain rule has to. */
    enum ax_status (*planes)(struct low *L, const struct ax_node *n, bool *done);
    enum low_form form; /* of INT8 values in the plain rule */
};
const struct low_row *low_rule_of(enum ax_op op);

/* Lowers with ports left alone. What ax_lower and ax_fold_node have in common. */
enum ax_status low_graph(const struct ax_graph *g, const struct ax_lower_options *opt, bool plain_ports,
                         struct ax_program **out, int *operand_of, struct ax_error *err);

#endif
