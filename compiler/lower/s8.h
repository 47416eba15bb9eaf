/* What the int8 rules share: epilogues, tables, moves. */
#ifndef AX_LOWER_S8_H
#define AX_LOWER_S8_H

#include "lower/build.h"

/* -- quantization by channel -- */

static inline float low_scale(const struct ax_quant *q, int64_t c)
{
    return q->scale[q->count > 1 ? c : 0];
}
static inline int32_t low_zero(const struct ax_quant *q, int64_t c)
{
    return q->zero_point[q->count > 1 ? c : 0];
}
/* n channels of a from channel ca and of b from cb have the same scales and zero points. */
bool low_same_scales(const struct ax_quant *a, int64_t ca, const struct ax_quant *b, int64_t cb, int64_t n);
/* A copy of the value with channels [c, c + n) of its last axis. */
struct ax_value low_part(const struct ax_value *v, int64_t c, int64_t n);
/* The same value with other quantization, for what lies between two steps. */
struct ax_value low_requantized(const struct ax_value *v, const struct ax_quant *q);

/* -- epilogues (epilogue.c) -- */

struct low_epi {
    int p; /* padded channels */
    int32_t *rows;
    const struct ax_quant *y; /* NULL: float output */
    struct low_act act;
    bool linear;
};
struct low_epi low_epi_new(struct low *L, int p, const struct ax_quant *y, const struct low_act *act, bool post);
static inline int32_t *low_epi_int(const struct low_epi *e, int row, int n)
{
    return &e->rows[row * e->p + n];
}
void low_epi_put(const struct low_epi *e, int row, int n, double v);
double low_epi_get(const struct low_epi *e, int row, int n);
/* Padded channel n is channel c of the output; real value = acc * factor + add. */
void low_epi_channel(const struct low_epi *e, int n, int64_t c, double factor, double add);
void low_epi_residual(const struct low_epi *e, int n, int64_t c, const struct ax_quant *r, bool post);
int low_epi_const(struct low *L, const struct low_epi *e); /* an operand of its own */

/* -- tables (table.c) -- */

/* A function of one real number of channel c. */
struct low_function {
    bool binary;
    enum ax_binary op; /* with a constant: x op k, or k op x */
    bool left;         /* the constant stands on the left */
    const float *k;
    int64_t n_k;        /* 1 or as many as channels */
    struct low_act act; /* after it, or alone */
    const float *slope; /* of PRelu */
    int64_t n_slope;
};
float low_function_at(const struct low_function *f, float x, int64_t c);
/* TABLE_S8 from operand x (planes or plain) with scales xq to y. */
void low_table(struct low *L, int x, const struct ax_quant *xq, const struct low_function *f, const struct ax_value *yv, int y);
/* x as planes with the scales of `yv`: itself under yv's name, or through a table. */
int low_rescaled(struct low *L, int x, const struct ax_quant *xq, const struct ax_value *yv);

/* -- moves (planes.c) -- */

struct low_maps {
    int32_t *y, *x, *c; /* -1: fill */
    int8_t *fill;
    int block_h, block_w;
};
struct low_maps low_maps_identity(struct low *L, const struct ax_value *to, int block_h, int block_w);
/* New planes of `to`, filled from operand x; channels as in low_planes_new. */
int low_move(struct low *L, int x, const struct ax_value *to, const struct low_maps *m, const int *channels, int n_planes);
/* Whether every channel that the maps move keeps its scale and zero point. */
bool low_maps_keep(const struct low_maps *m, const struct ax_quant *from, const struct ax_value *to);
int low_copy_planes(struct low *L, int x, const struct ax_value *v, const int *channels, int n_planes);
/* Structure of an operand's planes: how many channels each has. Returns how many planes. */
int low_structure(struct low *L, int op, int **channels);
bool low_same_structure(struct low *L, int a, int b);
int low_planes_like(struct low *L, const struct ax_value *v, int op); /* new planes for v with the structure of op */

/* -- rules on planes -- */

typedef enum ax_status low_planes_rule(struct low *L, const struct ax_node *n, bool *done);
low_planes_rule low_conv_s8, low_matmul_s8, low_pool_s8, low_global_pool_s8, low_reduce_s8;
low_planes_rule low_unary_s8, low_binary_s8, low_prelu_s8, low_quantize_s8, low_lookup_s8;
low_planes_rule low_alias_s8, low_concat_s8, low_split_s8, low_slice_s8, low_pad_s8, low_resize_s8;
low_planes_rule low_depth_to_space_s8, low_space_to_depth_s8, low_channel_shuffle_s8;

#endif
