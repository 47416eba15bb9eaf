/* A small graph and a small program that belong together well enough for tests of files: a convolution with weights, bias and
 * scales; a program that quantizes its input into planes and back. */
#ifndef AX_TESTS_SAMPLE_MODEL_H
#define AX_TESTS_SAMPLE_MODEL_H

#include <string.h>

#include "graph/graph.h"
#include "program/program.h"

static const float sample_scales[3] = {0.5f, 0.25f, 0.125f};
static const int32_t sample_zeros[3] = {0, -3, 7};

static inline struct ax_graph *sample_graph(void)
{
    struct ax_graph *g = ax_graph_new("sample");
    static float weights[8 * 3 * 3 * 3], bias[8];
    for (int i = 0; i < 8 * 27; i++) weights[i] = (float)i - 100;
    int64_t xs[4] = {1, 3, 8, 8}, ws[4] = {8, 3, 3, 3}, bs[1] = {8}, ones[2] = {1, 1}, k3[2] = {3, 3}, pads[4] = {1, 1, 1, 1};
    struct ax_shape shape = ax_shape_make(4, xs);
    int in[3], v;
    g->opset = 17;
    in[0] = ax_graph_value(g, "x", AX_DTYPE_FLOAT32, &shape);
    in[1] = ax_graph_const_f32(g, "w", 4, ws, weights);
    in[2] = ax_graph_const_f32(g, "b", 1, bs, bias);
    ax_graph_value(g, "dead", AX_DTYPE_FLOAT32, NULL);
    int y = ax_graph_value(g, "y", AX_DTYPE_FLOAT32, NULL);
    int node = ax_graph_node(g, AX_OP_CONV, "conv", in, 3, &y, 1);
    ax_node_set_ints(g, node, "strides", ones, 2);
    ax_node_set_ints(g, node, "dilations", ones, 2);
    ax_node_set_ints(g, node, "kernel_shape", k3, 2);
    ax_node_set_ints(g, node, "pads", pads, 4);
    ax_node_set_int(g, node, "group", 1);
    ax_node_set_string(g, node, "act", "relu");
    v = ax_graph_value(g, "z", AX_DTYPE_FLOAT32, NULL);
    ax_graph_node(g, AX_OP_LEAKY_RELU, "leaky", &y, 1, &v, 1);
    ax_node_set_float(g, 1, "alpha", 0.1f);
    g->nodes[1].why_float = "because";
    g->values[in[0]].quant = (struct ax_quant){3, 1, sample_scales, sample_zeros};
    g->values[in[0]].origin = "input";
    g->inputs = ax_arena_copy(&g->arena, &in[0], sizeof(int));
    g->outputs = ax_arena_copy(&g->arena, &v, sizeof(int));
    g->n_inputs = g->n_outputs = 1;
    return g;
}

static inline struct ax_operand *sample_operand(struct ax_program *p, const char *name, enum ax_space space, enum ax_dtype t,
                                                int rank, const int64_t *dim, int64_t offset, int64_t bytes)
{
    struct ax_operand *o = &p->operands[p->n_operands++];
    *o = (struct ax_operand){.name = name, .space = space, .dtype = t, .rank = rank, .offset = offset, .bytes = bytes};
    memcpy(o->dim, dim, sizeof *dim * (size_t)rank);
    return o;
}

static inline void sample_step(struct ax_program *p, enum ax_step_kind kind, const char *name, int n_in, const int *in, int out)
{
    struct ax_step *s = &p->steps[p->n_steps++];
    *s = (struct ax_step){.kind = kind, .node = p->n_steps - 1, .name = name, .n_in = n_in, .n_out = 1, .macs = 12};
    s->in = ax_arena_copy(&p->mem, in, sizeof *in * (size_t)n_in);
    s->out = ax_arena_copy(&p->mem, &out, sizeof out);
    s->params = ax_arena_alloc(&p->mem, (size_t)ax_step_params_bytes(kind));
}

static inline struct ax_port *sample_port(struct ax_program *p, const char *name, int operand)
{
    struct ax_port *port = AX_NEW(&p->mem, struct ax_port, 1);
    *port = (struct ax_port){.name = name, .operand = operand, .dtype = AX_DTYPE_FLOAT32, .perm = {0, 3, 1, 2}};
    port->shape = ax_shape_make(4, (int64_t[]){1, 3, 2, 2});
    return port;
}

/* x [1,2,2,3] float -> quantize -> planes int8 -> dequantize -> relu -> y */
static inline void sample_program(struct ax_program *p)
{
    *p = (struct ax_program){0};
    int64_t dim[4] = {1, 2, 2, 3}, three[1] = {3};
    p->operands = AX_NEW(&p->mem, struct ax_operand, 8);
    p->steps = AX_NEW(&p->mem, struct ax_step, 4);
    sample_operand(p, "x", AX_SPACE_ARENA, AX_DTYPE_FLOAT32, 4, dim, 0, 48);
    sample_operand(p, "", AX_SPACE_CONST, AX_DTYPE_FLOAT32, 1, three, 0, 12);
    sample_operand(p, "", AX_SPACE_CONST, AX_DTYPE_INT32, 1, three, 64, 12);
    struct ax_operand *q = sample_operand(p, "q", AX_SPACE_ARENA, AX_DTYPE_INT8, 4, dim, 64, 64);
    q->layout = AX_LAYOUT_PLANES;
    q->n = 1, q->h = 2, q->w = 2, q->c = 3;
    q->halo_top = q->halo_left = q->halo_bottom = q->halo_right = 1;
    q->n_planes = 1;
    q->planes = AX_NEW(&p->mem, struct ax_plane, 1);
    q->planes[0] = (struct ax_plane){.offset = 64 + 20, .channels = 3, .pixel_stride = 4, .row_stride = 16, .image_stride = 64};
    q->quant = (struct ax_quant){3, 3, sample_scales, sample_zeros};
    sample_operand(p, "d", AX_SPACE_ARENA, AX_DTYPE_FLOAT32, 4, dim, 128, 48);
    sample_operand(p, "y", AX_SPACE_ARENA, AX_DTYPE_FLOAT32, 4, dim, 192, 48);
    sample_step(p, AX_STEP_QUANTIZE, "quantize", 3, (int[]){0, 1, 2}, 3);
    sample_step(p, AX_STEP_DEQUANTIZE, "dequantize", 3, (int[]){3, 1, 2}, 4);
    sample_step(p, AX_STEP_UNARY_F32, "relu", 1, (int[]){4}, 5);
    ((struct ax_unary_params *)(void *)p->steps[2].params)->act = 1;
    p->inputs = sample_port(p, "x", 0);
    p->outputs = sample_port(p, "y", 5);
    p->n_inputs = p->n_outputs = 1;
    p->arena_bytes = 256;
    uint8_t *c = ax_arena_alloc(&p->mem, 128 + AX_SLACK);
    memcpy(c, sample_scales, sizeof sample_scales);
    memcpy(c + 64, sample_zeros, sizeof sample_zeros);
    p->const_data = c;
    p->const_bytes = 128;
}

#endif
