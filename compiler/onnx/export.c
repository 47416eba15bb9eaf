#include "onnx/export.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "onnx.pb-c.h"

enum { OPSET = 17, NEWER = 20, IR = 8, IR_NEWER = 9 };

struct exporter {
    const struct ax_graph *g;
    struct ax_arena mem;
    int opset;
    Onnx__GraphProto *out;
    size_t cap_nodes, cap_init;
    struct ax_error *err;
    const struct ax_node *node;
    Onnx__NodeProto *to;
    int n_consts; /* made so far, for their names */
};

static int32_t onnx_type(enum ax_dtype t)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: return ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    case AX_DTYPE_INT8: return ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    case AX_DTYPE_UINT8: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
    case AX_DTYPE_INT16: return ONNX__TENSOR_PROTO__DATA_TYPE__INT16;
    case AX_DTYPE_UINT16: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT16;
    case AX_DTYPE_INT32: return ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    case AX_DTYPE_UINT32: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT32;
    case AX_DTYPE_INT64: return ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    case AX_DTYPE_UINT64: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT64;
    case AX_DTYPE_BOOL: return ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    case AX_DTYPE_FLOAT16: return ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    case AX_DTYPE_FLOAT64: return ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    default: return ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED;
    }
}

static char *text(struct exporter *e, const char *s)
{
    return ax_arena_str(&e->mem, s);
}

static void fail(struct exporter *e, const char *what)
{
    if (e->err->status) return;
    ax_fail(e->err, AX_UNSUPPORTED, "node '%s' (%s): %s cannot be written as ONNX", e->node->name, ax_op_name(e->node->op),
            what);
}

/* -- constants -- */

static void add_initializer(struct exporter *e, const char *name, enum ax_dtype t, const struct ax_shape *s, const void *data,
                            size_t bytes)
{
    Onnx__TensorProto *p = AX_NEW(&e->mem, Onnx__TensorProto, 1);
    onnx__tensor_proto__init(p);
    p->name = text(e, name);
    p->has_data_type = 1;
    p->data_type = onnx_type(t);
    p->n_dims = (size_t)s->rank;
    p->dims = ax_arena_copy(&e->mem, s->dim, sizeof *s->dim * (size_t)s->rank);
    p->has_raw_data = 1;
    p->raw_data.len = bytes;
    p->raw_data.data = (uint8_t *)(uintptr_t)data;
    e->out->initializer[e->out->n_initializer++] = p;
}

/* A constant for what the canonical form has as an attribute and ONNX as an input. Its name is new. */
static const char *small_const(struct exporter *e, const char *what, enum ax_dtype t, const struct ax_shape *s,
                               const void *data)
{
    size_t bytes = (size_t)ax_shape_count(s) * ax_dtype_bytes(t);
    const char *base = ax_arena_printf(&e->mem, "%s/%s", e->g->values[e->node->outputs[0]].name, what), *name = base;
    while (ax_graph_find_value(e->g, name) != AX_NONE) name = ax_arena_printf(&e->mem, "%s_%d", base, ++e->n_consts);
    add_initializer(e, name, t, s, ax_arena_copy(&e->mem, data, bytes ? bytes : 1), bytes);
    return name;
}

static const char *ints_const(struct exporter *e, const char *attr)
{
    const struct ax_attr *a = ax_node_attr(e->node, attr);
    if (!a) return "";
    struct ax_shape s = {.rank = 1, .dim = {a->type == AX_ATTR_INT ? 1 : a->count}};
    return small_const(e, attr, AX_DTYPE_INT64, &s, a->type == AX_ATTR_INT ? &a->i : a->ints);
}

static const char *scalar_const(struct exporter *e, const char *what, float v)
{
    enum ax_dtype t = e->g->values[e->node->inputs[0]].dtype;
    struct ax_shape s = {0};
    uint8_t room[8] = {0};
    int64_t i = (int64_t)v;
    if (t == AX_DTYPE_FLOAT32)
        memcpy(room, &v, sizeof v);
    else
        memcpy(room, &i, sizeof i); /* little-endian: the low bytes are the number in any width */
    return small_const(e, what, t, &s, room);
}

/* -- a node's parts -- */

static void add_input(struct exporter *e, const char *name)
{
    e->to->input[e->to->n_input++] = text(e, name);
}

static Onnx__AttributeProto *new_attr(struct exporter *e, const char *name, int type)
{
    Onnx__AttributeProto *a = AX_NEW(&e->mem, Onnx__AttributeProto, 1);
    onnx__attribute_proto__init(a);
    a->name = text(e, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    e->to->attribute[e->to->n_attribute++] = a;
    return a;
}

static void add_attr(struct exporter *e, const struct ax_attr *from)
{
    Onnx__AttributeProto *a;
    switch (from->type) {
    case AX_ATTR_INT:
        a = new_attr(e, from->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
        a->has_i = 1;
        a->i = from->i;
        break;
    case AX_ATTR_FLOAT:
        a = new_attr(e, from->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
        a->has_f = 1;
        a->f = from->f;
        break;
    case AX_ATTR_STRING:
        a = new_attr(e, from->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
        a->has_s = 1;
        a->s.len = strlen(from->s);
        a->s.data = (uint8_t *)text(e, from->s);
        break;
    case AX_ATTR_INTS:
        a = new_attr(e, from->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
        a->n_ints = (size_t)from->count;
        a->ints = ax_arena_copy(&e->mem, from->ints, sizeof *from->ints * (size_t)from->count);
        break;
    case AX_ATTR_FLOATS:
        a = new_attr(e, from->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
        a->n_floats = (size_t)from->count;
        a->floats = ax_arena_copy(&e->mem, from->floats, sizeof *from->floats * (size_t)from->count);
        break;
    }
}

static bool among(const char *word, const char *words)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n])) return true;
    return false;
}

/* Every attribute but those that became inputs. */
static void add_attrs(struct exporter *e, const char *but)
{
    for (int i = 0; i < e->node->n_attrs; i++)
        if (!among(e->node->attrs[i].name, but)) add_attr(e, &e->node->attrs[i]);
}

/* -- operators whose canonical form is not ONNX's -- */

static void as_inputs(struct exporter *e, const char *attrs, const char *a, const char *b)
{
    add_input(e, ints_const(e, a));
    if (b) add_input(e, ints_const(e, b));
    add_attrs(e, attrs);
}

static void export_clip(struct exporter *e)
{
    const struct ax_attr *low = ax_node_attr(e->node, "min"), *high = ax_node_attr(e->node, "max");
    if (low || high) add_input(e, low ? scalar_const(e, "min", low->f) : "");
    if (high) add_input(e, scalar_const(e, "max", high->f));
}

/* Canonical: an end of -1 with a negative step lies before the first element; ONNX would count it from the end. */
static void export_slice(struct exporter *e)
{
    int64_t ends[AX_MAX_RANK], steps[AX_MAX_RANK];
    int n = ax_node_ints(e->node, "ends", ends, AX_MAX_RANK, 0);
    ax_node_ints(e->node, "steps", steps, AX_MAX_RANK, 1);
    for (int i = 0; i < n; i++)
        if (steps[i] < 0 && ends[i] < 0) ends[i] = INT64_MIN / 2;
    struct ax_shape s = {.rank = 1, .dim = {n}};
    add_input(e, ints_const(e, "starts"));
    add_input(e, small_const(e, "ends", AX_DTYPE_INT64, &s, ends));
    add_input(e, ints_const(e, "axes"));
    add_input(e, ints_const(e, "steps"));
}

static void export_pad(struct exporter *e)
{
    float v = ax_node_float(e->node, "value", 0);
    add_input(e, ints_const(e, "pads"));
    if (v != 0) add_input(e, scalar_const(e, "value", v));
    add_attrs(e, "pads value");
}

static const char *floats_const(struct exporter *e, const char *attr)
{
    const struct ax_attr *a = ax_node_attr(e->node, attr);
    if (!a || a->type != AX_ATTR_FLOATS) return "";
    struct ax_shape s = {.rank = 1, .dim = {a->count}};
    return small_const(e, attr, AX_DTYPE_FLOAT32, &s, a->floats);
}

/* Scales where they lead to the output's size, sizes where they do not. */
static void export_resize(struct exporter *e)
{
    const struct ax_attr *scales = ax_node_attr(e->node, "scales");
    const struct ax_shape *x = &e->g->values[e->node->inputs[0]].shape, *y = &e->g->values[e->node->outputs[0]].shape;
    bool by_scales = scales && scales->count == x->rank;
    for (int i = 0; by_scales && i < x->rank; i++)
        by_scales = (int64_t)floor((double)x->dim[i] * (double)scales->floats[i]) == y->dim[i];
    add_input(e, floats_const(e, "roi"));
    add_input(e, by_scales ? floats_const(e, "scales") : "");
    if (!by_scales) {
        struct ax_shape s = {.rank = 1, .dim = {y->rank}};
        add_input(e, small_const(e, "sizes", AX_DTYPE_INT64, &s, y->dim));
    }
    bool anti = ax_node_int(e->node, "antialias", 0) != 0;
    add_attrs(e, anti ? "scales sizes roi" : "scales sizes roi antialias");
}

static void export_reduce(struct exporter *e)
{
    if (e->opset >= 18 || e->node->op == AX_OP_REDUCE_SUM)
        as_inputs(e, "axes", "axes", NULL);
    else
        add_attrs(e, "");
}

static bool all_ones(const struct ax_node *n, const char *attr)
{
    int64_t v[AX_MAX_RANK];
    int count = ax_node_ints(n, attr, v, AX_MAX_RANK, 1);
    for (int i = 0; i < count; i++)
        if (v[i] != 1) return false;
    return true;
}

static void export_cast(struct exporter *e)
{
    struct ax_attr to = {
        .name = "to", .type = AX_ATTR_INT, .count = 1, .i = onnx_type((enum ax_dtype)ax_node_int(e->node, "to", 0))};
    add_attr(e, &to);
}

static void export_body(struct exporter *e)
{
    switch (e->node->op) {
    case AX_OP_CLIP: export_clip(e); break;
    case AX_OP_RESHAPE:
    case AX_OP_EXPAND: as_inputs(e, "shape allowzero", "shape", NULL); break;
    case AX_OP_TILE: as_inputs(e, "repeats", "repeats", NULL); break;
    case AX_OP_SPLIT: as_inputs(e, "split", "split", NULL); break;
    case AX_OP_TOPK: as_inputs(e, "k", "k", NULL); break;
    case AX_OP_SLICE: export_slice(e); break;
    case AX_OP_PAD: export_pad(e); break;
    case AX_OP_RESIZE:
    case AX_OP_UPSAMPLE: export_resize(e); break;
    case AX_OP_CAST: export_cast(e); break;
    case AX_OP_AVERAGE_POOL: add_attrs(e, all_ones(e->node, "dilations") ? "dilations" : ""); break;
    case AX_OP_REDUCE_L2:
    case AX_OP_REDUCE_MAX:
    case AX_OP_REDUCE_MEAN:
    case AX_OP_REDUCE_MIN:
    case AX_OP_REDUCE_PROD:
    case AX_OP_REDUCE_SUM:
    case AX_OP_REDUCE_SUM_SQUARE: export_reduce(e); break;
    default: add_attrs(e, "");
    }
}

/* -- nodes -- */

static void check_form(struct exporter *e)
{
    static const char *const of_passes[] = {"nhwc", "act", "residual"};
    for (int i = 0; i < 3; i++)
        if (ax_node_attr(e->node, of_passes[i])) fail(e, of_passes[i]);
    if (*ax_op_row(e->node->op)->domain) fail(e, "an operator of Axon's own");
    if (e->node->op == AX_OP_CONSTANT_OF_SHAPE) fail(e, "it");
}

static void export_node(struct exporter *e, const struct ax_node *n)
{
    Onnx__NodeProto *p = AX_NEW(&e->mem, Onnx__NodeProto, 1);
    onnx__node_proto__init(p);
    e->node = n;
    e->to = p;
    check_form(e);
    if (e->err->status) return;
    p->name = text(e, n->name);
    p->op_type = text(e, n->op == AX_OP_UPSAMPLE ? "Resize" : ax_op_name(n->op));
    p->input = AX_NEW(&e->mem, char *, n->n_inputs + 4);
    p->output = AX_NEW(&e->mem, char *, n->n_outputs + 1);
    p->attribute = AX_NEW(&e->mem, Onnx__AttributeProto *, n->n_attrs + 2);
    int last = n->n_inputs;
    while (last > 0 && n->inputs[last - 1] == AX_NONE) last--;
    for (int i = 0; i < last; i++) add_input(e, n->inputs[i] == AX_NONE ? "" : e->g->values[n->inputs[i]].name);
    for (int i = 0; i < n->n_outputs; i++)
        p->output[p->n_output++] = text(e, n->outputs[i] == AX_NONE ? "" : e->g->values[n->outputs[i]].name);
    export_body(e);
    e->out->node[e->out->n_node++] = p;
}

static bool needs_newer(const struct ax_node *n)
{
    return n->op == AX_OP_GELU || n->op == AX_OP_MISH || (n->op == AX_OP_AVERAGE_POOL && !all_ones(n, "dilations")) ||
           ax_node_int(n, "antialias", 0) != 0 || (n->op == AX_OP_SCATTER_ND && ax_node_attr(n, "reduction"));
}

/* -- the graph -- */

static Onnx__ValueInfoProto *port(struct exporter *e, const struct ax_value *v)
{
    Onnx__ValueInfoProto *p = AX_NEW(&e->mem, Onnx__ValueInfoProto, 1);
    Onnx__TypeProto *t = AX_NEW(&e->mem, Onnx__TypeProto, 1);
    Onnx__TypeProto__Tensor *tensor = AX_NEW(&e->mem, Onnx__TypeProto__Tensor, 1);
    Onnx__TensorShapeProto *shape = AX_NEW(&e->mem, Onnx__TensorShapeProto, 1);
    onnx__value_info_proto__init(p);
    onnx__type_proto__init(t);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    p->name = text(e, v->name);
    p->type = t;
    t->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    t->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = onnx_type(v->dtype);
    tensor->shape = shape;
    shape->dim = AX_NEW(&e->mem, Onnx__TensorShapeProto__Dimension *, v->shape.rank + 1);
    for (int i = 0; i < v->shape.rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = AX_NEW(&e->mem, Onnx__TensorShapeProto__Dimension, 1);
        onnx__tensor_shape_proto__dimension__init(d);
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        d->dim_value = v->shape.dim[i];
        shape->dim[shape->n_dim++] = d;
    }
    return p;
}

static void export_constants(struct exporter *e)
{
    const struct ax_graph *g = e->g;
    char *used = AX_NEW(&e->mem, char, g->n_values + 1);
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_inputs; i++)
            if (g->nodes[k].op && g->nodes[k].inputs[i] != AX_NONE) used[g->nodes[k].inputs[i]] = 1;
    for (int v = 0; v < g->n_values; v++)
        if (used[v] && g->values[v].data)
            add_initializer(e, g->values[v].name, g->values[v].dtype, &g->values[v].shape, g->values[v].data,
                            (size_t)ax_value_bytes(&g->values[v]));
}

static void export_graph(struct exporter *e)
{
    const struct ax_graph *g = e->g;
    Onnx__GraphProto *out = e->out;
    out->name = text(e, g->name);
    out->node = AX_NEW(&e->mem, Onnx__NodeProto *, g->n_nodes + 1);
    out->initializer = AX_NEW(&e->mem, Onnx__TensorProto *, g->n_values + 4 * g->n_nodes + 1);
    out->input = AX_NEW(&e->mem, Onnx__ValueInfoProto *, g->n_inputs + 1);
    out->output = AX_NEW(&e->mem, Onnx__ValueInfoProto *, g->n_outputs + 1);
    for (int i = 0; i < g->n_inputs; i++) out->input[out->n_input++] = port(e, &g->values[g->inputs[i]]);
    for (int i = 0; i < g->n_outputs; i++) out->output[out->n_output++] = port(e, &g->values[g->outputs[i]]);
    export_constants(e);
    for (int k = 0; k < g->n_nodes && !e->err->status; k++)
        if (g->nodes[k].op != AX_OP_NONE) export_node(e, &g->nodes[k]);
}

static void add_metadata(struct exporter *e, Onnx__ModelProto *m, const struct ax_export_options *opt)
{
    m->metadata_props = AX_NEW(&e->mem, Onnx__StringStringEntryProto *, opt->n_metadata + 1);
    for (int i = 0; i < opt->n_metadata; i++) {
        Onnx__StringStringEntryProto *p = AX_NEW(&e->mem, Onnx__StringStringEntryProto, 1);
        onnx__string_string_entry_proto__init(p);
        p->key = text(e, opt->metadata[i].key);
        p->value = text(e, opt->metadata[i].value);
        m->metadata_props[m->n_metadata_props++] = p;
    }
}

static enum ax_status pack(const Onnx__ModelProto *m, uint8_t **bytes, size_t *n, struct ax_error *err)
{
    *n = onnx__model_proto__get_packed_size(m);
    if (*n > INT_MAX)
        return ax_fail(err, AX_LIMIT,
                       "the model takes %zu bytes; an ONNX file holds at most 2 GB: compile the parts and join those", *n);
    *bytes = malloc(*n + 1);
    if (!*bytes) return ax_fail(err, AX_NO_MEMORY, "no memory for %zu bytes of ONNX", *n);
    onnx__model_proto__pack(m, *bytes);
    return AX_OK;
}

enum ax_status ax_export(const struct ax_graph *g, const struct ax_export_options *opt, uint8_t **bytes, size_t *n, int *opset,
                         struct ax_error *err)
{
    struct exporter e = {.g = g, .opset = OPSET, .err = err};
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto set = ONNX__OPERATOR_SET_ID_PROTO__INIT, *sets = &set;
    *bytes = NULL;
    *err = (struct ax_error){0};
    for (int k = 0; k < g->n_nodes; k++)
        if (needs_newer(&g->nodes[k])) e.opset = NEWER;
    if (opset) *opset = e.opset;
    e.out = &graph;
    export_graph(&e);
    set.domain = text(&e, "");
    set.has_version = 1;
    set.version = e.opset;
    model.has_ir_version = 1;
    model.ir_version = e.opset > OPSET ? IR_NEWER : IR;
    model.producer_name = text(&e, opt->producer);
    model.producer_version = text(&e, opt->version);
    model.graph = &graph;
    model.opset_import = &sets;
    model.n_opset_import = 1;
    add_metadata(&e, &model, opt);
    if (!err->status) pack(&model, bytes, n, err);
    ax_arena_free(&e.mem);
    return err->status;
}
