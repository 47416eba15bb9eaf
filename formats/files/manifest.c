/* A manifest's facts from the program and the graph. */
#include "files/manifest.h"

#include <math.h>
#include <string.h>

/* -- ports -- */

static bool few(int64_t channels)
{
    return channels >= 1 && channels <= 4;
}

/* A rank-4 tensor is NCHW, as ONNX has it, unless its order reached the device unchanged and the number of channels, or else
 * the device's own order, speaks for NHWC. */
static const char *layout_of(const struct ax_port *port, const struct ax_operand *o)
{
    static const char *const names[] = {"", "N", "NC", "NCW", "NCHW", "NCDHW"};
    const struct ax_shape *s = &port->shape;
    if (s->rank != 4) return s->rank <= 5 ? names[s->rank] : "";
    bool unchanged = port->perm[1] == 1 && port->perm[2] == 2 && port->perm[3] == 3;
    if (!unchanged || (few(s->dim[1]) && !few(s->dim[3]))) return "NCHW";
    return (few(s->dim[3]) && !few(s->dim[1])) || o->layout == AX_LAYOUT_PLANES ? "NHWC" : "NCHW";
}

void ax_manifest_port_from(struct ax_manifest_port *out, const struct ax_program *p, const struct ax_port *port,
                           struct ax_arena *mem)
{
    const struct ax_operand *o = &p->operands[port->operand];
    *out = (struct ax_manifest_port){.name = ax_arena_str(mem, port->name), .dtype = port->dtype, .shape = port->shape};
    out->layout = layout_of(port, o);
    out->stored = o->dtype;
    out->stored_layout = o->layout == AX_LAYOUT_PLANES ? "planes" : "plain";
    out->stored_shape = ax_shape_make(o->rank, o->dim);
    if (o->layout == AX_LAYOUT_PLANES) {
        memcpy(out->padding, (int[]){o->halo_top, o->halo_left, o->halo_bottom, o->halo_right}, sizeof out->padding);
        for (int i = 0; i < o->n_planes; i++) out->channel_pad += o->planes[i].pixel_stride - o->planes[i].channels;
    }
    out->quant = o->quant;
    for (int i = 0; i < port->shape.rank && o->quant.count; i++)
        if (port->perm[i] == o->quant.axis) out->quant.axis = i;
}

static struct ax_manifest_port *ports(const struct ax_program *p, const struct ax_port *list, int count, struct ax_arena *mem)
{
    struct ax_manifest_port *out = AX_NEW(mem, struct ax_manifest_port, count);
    for (int i = 0; i < count; i++) ax_manifest_port_from(&out[i], p, &list[i], mem);
    return out;
}

void ax_manifest_add_program(struct ax_manifest *m, const struct ax_program *p, struct ax_arena *mem)
{
    m->inputs = ports(p, p->inputs, p->n_inputs, mem);
    m->outputs = ports(p, p->outputs, p->n_outputs, mem);
    m->n_inputs = p->n_inputs;
    m->n_outputs = p->n_outputs;
    m->memory.weights_bytes = p->const_bytes;
    m->memory.activations_bytes = p->arena_bytes;
    m->macs = 0;
    for (int i = 0; i < p->n_steps; i++) m->macs += p->steps[i].macs;
}

/* -- graph -- */

static void add_tensors(struct ax_manifest *m, const struct ax_graph *g, struct ax_arena *mem)
{
    m->tensors = AX_NEW(mem, struct ax_manifest_tensor, g->n_values);
    for (int v = 0; v < g->n_values; v++) {
        const struct ax_value *val = &g->values[v];
        bool alive = val->data || val->producer != AX_NONE || ax_is_graph_input(g, v);
        if (alive && val->quant.count)
            m->tensors[m->n_tensors++] = (struct ax_manifest_tensor){val->name, val->dtype, val->shape, val->quant};
    }
}

/* Constants that some node reads. */
static void count_parameters(struct ax_manifest *m, const struct ax_graph *g)
{
    struct ax_uses u = ax_graph_uses(g);
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].data && g->values[v].dtype != AX_DTYPE_INT64 && ax_use_count(&u, v))
            m->parameters += ax_shape_count(&g->values[v].shape);
    ax_uses_free(&u);
}

/* A node computes in the type of what it reads; a layer that reads int8 and writes float32 from its accumulators is int8. */
static const char *precision_of(const struct ax_graph *g, const struct ax_node *n)
{
    int out = ax_out(n, 0), in = ax_in(n, 0);
    if (in != AX_NONE && n->op != AX_OP_DEQUANTIZE_LINEAR && g->values[in].dtype == AX_DTYPE_INT8) return "int8";
    return out == AX_NONE ? "none" : ax_dtype_text(g->values[out].dtype);
}

void ax_manifest_add_graph(struct ax_manifest *m, const struct ax_graph *g, struct ax_arena *mem)
{
    m->opset = g->opset;
    m->n_tensors = m->n_operations = 0;
    m->parameters = 0;
    add_tensors(m, g, mem);
    count_parameters(m, g);
    m->operations = AX_NEW(mem, struct ax_manifest_op, g->n_nodes);
    for (int i = 0; i < g->n_nodes; i++) {
        const struct ax_node *n = &g->nodes[i];
        if (n->op == AX_OP_NONE) continue;
        m->operations[m->n_operations++] = (struct ax_manifest_op){
            .name = n->name,
            .op = ax_op_name(n->op),
            .precision = precision_of(g, n),
            .reason = n->why_float,
            .sqnr = (double)NAN,
        };
    }
}
