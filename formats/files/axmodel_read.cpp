// Section PROG and GRPH -> C structs. Built without exceptions and RTTI, and uses nothing of the C++ runtime, so that a C
// program links it as it is. The FlatBuffers verifier checks structure; every number is checked here.
#include <cstring>

#include "axmodel_generated.h"
#include "files/flat.h"

namespace fb = flatbuffers;
namespace af = axon::file;

namespace
{

enum { MAX_DEPTH = 16, MAX_TABLES = 1 << 24 };

// Tables and vectors of a FlatBuffer may be shared, so that a small file could describe endless copies. What is copied is
// bounded by what an honest file of that size can hold.
struct reader {
    struct ax_arena *mem;
    struct ax_error *err;
    const char *section;
    size_t budget;
};

enum ax_status bad(reader *r, const char *what, int index, const char *why)
{
    return ax_fail(r->err, AX_FORMAT, "section %s: %s %d: %s", r->section, what, index, why);
}

bool spend(reader *r, size_t bytes)
{
    if (bytes > r->budget) return false;
    r->budget -= bytes;
    return true;
}

template <class T>
enum ax_status open_root(reader *r, const uint8_t *buf, size_t bytes, const T **root)
{
    if (bytes < 8 || bytes >= FLATBUFFERS_MAX_BUFFER_SIZE)
        return ax_fail(r->err, AX_FORMAT, "section %s: %zu bytes are no FlatBuffer", r->section, bytes);
    fb::Verifier v(buf, bytes, MAX_DEPTH, MAX_TABLES);
    if (!v.VerifyBuffer<T>(nullptr)) return ax_fail(r->err, AX_FORMAT, "section %s: its FlatBuffer is malformed", r->section);
    *root = fb::GetRoot<T>(buf);
    return AX_OK;
}

template <class V>
int length(const V *v)
{
    return v ? static_cast<int>(v->size()) : 0;
}

// The verifier lets vectors of 8-byte elements begin at odd multiples of 4.
template <class V>
bool aligned(const V *v)
{
    return !v || v->size() == 0 || reinterpret_cast<uintptr_t>(v->Data()) % 8 == 0; // an empty vector lies anywhere
}

const char *text(const fb::String *s)
{
    return s ? s->c_str() : "";
}

// A copy of a vector of indices, each in [-1, limit).
enum ax_status copy_indices(reader *r, const fb::Vector<int32_t> *v, int limit, int **out, int *count, const char *what,
                            int index)
{
    int n = length(v);
    if (!spend(r, sizeof(int) * static_cast<size_t>(n))) return bad(r, what, index, "more lists than the file has room for");
    *out = AX_NEW(r->mem, int, n);
    *count = n;
    for (int i = 0; i < n; i++) {
        int x = v->Get(static_cast<fb::uoffset_t>(i));
        if (x < -1 || x >= limit) return bad(r, what, index, "an index is out of range");
        (*out)[i] = x;
    }
    return AX_OK;
}

bool read_dims(const fb::Vector<int64_t> *v, int *rank, int64_t *dim, int64_t least)
{
    int n = length(v);
    if (n > AX_MAX_RANK || !aligned(v)) return false;
    *rank = n;
    for (int i = 0; i < n; i++) {
        dim[i] = v->Get(static_cast<fb::uoffset_t>(i));
        if (dim[i] < least) return false;
    }
    return true;
}

bool read_quant(const af::Quant *q, int rank, const int64_t *dim, struct ax_quant *out)
{
    if (!q || !length(q->scale())) return true;
    int n = length(q->scale());
    if (n != length(q->zero_point())) return false;
    if (n > 1 && (q->axis() < 0 || q->axis() >= rank || dim[q->axis()] != n)) return false;
    out->count = n;
    out->axis = q->axis();
    out->scale = q->scale()->data();
    out->zero_point = q->zero_point()->data();
    return true;
}

// -- program --

enum ax_status read_planes(reader *r, const fb::Vector<const af::Plane *> *v, struct ax_operand *o, int index)
{
    o->n_planes = length(v);
    if (!aligned(v) || !spend(r, sizeof(struct ax_plane) * static_cast<size_t>(o->n_planes)))
        return bad(r, "operand", index, "more planes than the file has room for");
    o->planes = AX_NEW(r->mem, struct ax_plane, o->n_planes);
    for (int i = 0; i < o->n_planes; i++) {
        const af::Plane *p = v->Get(static_cast<fb::uoffset_t>(i));
        struct ax_plane *q = &o->planes[i];
        q->offset = p->offset();
        q->row_stride = p->row_stride();
        q->image_stride = p->image_stride();
        q->channels = p->channels();
        q->pixel_stride = p->pixel_stride();
        q->flags = p->flags();
    }
    return AX_OK;
}

enum ax_status read_operand(reader *r, const af::Operand *in, struct ax_operand *o, int index)
{
    if (in->space() > AX_SPACE_CONST || in->layout() > AX_LAYOUT_PLANES || in->dtype() >= AX_DTYPE_COUNT)
        return bad(r, "operand", index, "unknown space, layout or type");
    o->name = text(in->name());
    o->space = static_cast<enum ax_space>(in->space());
    o->layout = static_cast<enum ax_layout>(in->layout());
    o->dtype = static_cast<enum ax_dtype>(in->dtype());
    o->offset = in->offset();
    o->bytes = in->bytes();
    o->n = in->n();
    o->h = in->h();
    o->w = in->w();
    o->c = in->c();
    if (!read_dims(in->dim(), &o->rank, o->dim, 0))
        return bad(r, "operand", index, "a dimension is negative, or there are too many");
    if (!read_quant(in->quant(), o->rank, o->dim, &o->quant))
        return bad(r, "operand", index, "its scales do not fit its shape");
    if (length(in->halo()) == 4) {
        o->halo_top = in->halo()->Get(0);
        o->halo_left = in->halo()->Get(1);
        o->halo_bottom = in->halo()->Get(2);
        o->halo_right = in->halo()->Get(3);
    } else if (length(in->halo())) {
        return bad(r, "operand", index, "its halo needs four numbers");
    }
    return read_planes(r, in->planes(), o, index);
}

enum ax_status read_params(reader *r, const fb::Vector<uint32_t> *v, struct ax_step *s, int index)
{
    size_t known = static_cast<size_t>(ax_step_params_bytes(s->kind)),
           given = sizeof(uint32_t) * static_cast<size_t>(length(v));
    char *p = static_cast<char *>(ax_arena_alloc(r->mem, known));
    s->params = p;
    if (given) memcpy(p, v->data(), given < known ? given : known);
    for (size_t i = known / sizeof(uint32_t); i < given / sizeof(uint32_t); i++)
        if (v->Get(static_cast<fb::uoffset_t>(i)))
            return bad(r, "step", index, "has parameters that this version does not know");
    return AX_OK;
}

enum ax_status read_step(reader *r, const af::Step *in, struct ax_step *s, int n_operands, int index)
{
    s->kind = ax_step_from_text(in->kind()->c_str());
    if (s->kind == AX_STEP_COUNT)
        return ax_fail(r->err, AX_VERSION, "section %s: step %d: kind '%.40s' is unknown; update Axon", r->section, index,
                       in->kind()->c_str());
    s->node = in->node();
    s->name = text(in->name());
    s->macs = in->macs();
    enum ax_status st = copy_indices(r, in->inputs(), n_operands, &s->in, &s->n_in, "step", index);
    if (!st) st = copy_indices(r, in->outputs(), n_operands, &s->out, &s->n_out, "step", index);
    return st ? st : read_params(r, in->params(), s, index);
}

bool is_permutation(const int *perm, int rank)
{
    unsigned seen = 0;
    for (int i = 0; i < rank; i++)
        if (perm[i] >= 0 && perm[i] < rank) seen |= 1u << perm[i];
    return seen == (1u << rank) - 1;
}

enum ax_status read_port(reader *r, const af::Port *in, struct ax_port *p, int n_operands, int index)
{
    p->name = in->name()->c_str();
    p->operand = in->operand();
    if (in->dtype() >= AX_DTYPE_COUNT || p->operand < 0 || p->operand >= n_operands)
        return bad(r, "port", index, "unknown type or operand");
    p->dtype = static_cast<enum ax_dtype>(in->dtype());
    if (!read_dims(in->shape(), &p->shape.rank, p->shape.dim, 0) || length(in->perm()) != p->shape.rank)
        return bad(r, "port", index, "its shape and permutation do not fit");
    for (int i = 0; i < p->shape.rank; i++) p->perm[i] = in->perm()->Get(static_cast<fb::uoffset_t>(i));
    if (!is_permutation(p->perm, p->shape.rank)) return bad(r, "port", index, "its permutation is none");
    return AX_OK;
}

enum ax_status read_ports(reader *r, const fb::Vector<fb::Offset<af::Port>> *v, struct ax_port **out, int *count,
                          int n_operands)
{
    *count = length(v);
    *out = AX_NEW(r->mem, struct ax_port, *count);
    for (int i = 0; i < *count; i++) {
        enum ax_status s = read_port(r, v->Get(static_cast<fb::uoffset_t>(i)), &(*out)[i], n_operands, i);
        if (s) return s;
    }
    return AX_OK;
}

// -- graph --

enum ax_status unpack_constant(reader *r, const af::Value *in, const struct ax_flat_sources *src, struct ax_value *v, int index,
                               bool *complete)
{
    int o = in->operand();
    int64_t bytes = ax_value_bytes(v);
    if (o < 0 || o >= src->program->n_operands || src->program->operands[o].space != AX_SPACE_CONST || bytes <= 0)
        return bad(r, "value", index, "its packed weights do not exist");
    if (!src->unpack) {
        *complete = false;
        return AX_OK;
    }
    if (bytes / 8 > src->program->operands[o].bytes || !spend(r, static_cast<size_t>(bytes)))
        return bad(r, "value", index, "is larger than its packed weights");
    v->data = ax_arena_alloc(r->mem, static_cast<size_t>(bytes));
    return src->unpack(src->ctx, src->program, o, v, const_cast<void *>(v->data), r->err);
}

enum ax_status read_constant(reader *r, const af::Value *in, const struct ax_flat_sources *src, struct ax_value *v, int index,
                             bool *complete)
{
    int64_t bytes = ax_value_bytes(v);
    switch (in->storage()) {
    case af::Storage_None: return AX_OK;
    case af::Storage_Inline:
        if (bytes != length(in->inline_data()) || !spend(r, static_cast<size_t>(bytes)))
            return bad(r, "value", index, "its inline data does not have the size of its shape");
        v->data =
            bytes ? ax_arena_copy(r->mem, in->inline_data()->data(), static_cast<size_t>(bytes)) : ax_arena_alloc(r->mem, 1);
        return AX_OK;
    case af::Storage_Data:
        if (bytes < 0 || static_cast<uint64_t>(bytes) != in->data_bytes() || in->data_offset() % AX_FILE_ALIGN ||
            in->data_offset() > src->data_bytes || in->data_bytes() > src->data_bytes - in->data_offset())
            return bad(r, "value", index, "its place in section DATA does not fit");
        v->data = src->data + in->data_offset();
        return AX_OK;
    case af::Storage_Packed: return unpack_constant(r, in, src, v, index, complete);
    }
    return bad(r, "value", index, "unknown storage");
}

enum ax_status read_value(reader *r, const af::Value *in, const struct ax_flat_sources *src, struct ax_graph *g, int index,
                          bool *complete)
{
    struct ax_shape shape = {-1, {0}};
    struct ax_quant quant = {0, 0, nullptr, nullptr};
    if (in->dtype() >= AX_DTYPE_COUNT) return bad(r, "value", index, "unknown type");
    if (in->shape() && !read_dims(in->shape(), &shape.rank, shape.dim, -1))
        return bad(r, "value", index, "a dimension is negative, or there are too many");
    if (!read_quant(in->quant(), shape.rank, shape.dim, &quant))
        return bad(r, "value", index, "its scales do not fit its shape");
    if (!in->name()->size() || !spend(r, in->name()->size() + 1))
        return bad(r, "value", index, "has no name, or too long a one");
    int k = ax_graph_value(g, in->name()->c_str(), static_cast<enum ax_dtype>(in->dtype()), &shape);
    struct ax_value *v = &g->values[k];
    if (strcmp(v->name, in->name()->c_str())) return bad(r, "value", index, "has the name of another value");
    v->quant = quant;
    if (in->origin()) v->origin = in->origin()->c_str();
    return read_constant(r, in, src, v, index, complete);
}

enum ax_status read_attr(reader *r, const af::Attr *a, struct ax_graph *g, int node)
{
    const char *name = a->name()->c_str();
    int n = length(a->ints()), m = length(a->floats());
    size_t cost = a->name()->size() + sizeof(int64_t) * static_cast<size_t>(n) + sizeof(float) * static_cast<size_t>(m) +
                  (a->text() ? a->text()->size() : 0);
    if (!aligned(a->ints()) || !spend(r, cost)) return bad(r, "node", node, "more attributes than the file has room for");
    switch (a->type()) {
    case AX_ATTR_INT:
        if (n != 1) return bad(r, "node", node, "an int attribute has no value");
        ax_node_set_int(g, node, name, a->ints()->Get(0));
        return AX_OK;
    case AX_ATTR_FLOAT:
        if (m != 1) return bad(r, "node", node, "a float attribute has no value");
        ax_node_set_float(g, node, name, a->floats()->Get(0));
        return AX_OK;
    case AX_ATTR_STRING: ax_node_set_string(g, node, name, text(a->text())); return AX_OK;
    case AX_ATTR_INTS: ax_node_set_ints(g, node, name, n ? a->ints()->data() : nullptr, n); return AX_OK;
    case AX_ATTR_FLOATS: ax_node_set_floats(g, node, name, m ? a->floats()->data() : nullptr, m); return AX_OK;
    default: return bad(r, "node", node, "an attribute has an unknown type");
    }
}

enum ax_status read_node(reader *r, const af::Node *in, struct ax_graph *g, int index)
{
    int *inputs, *outputs, n_in, n_out;
    enum ax_op op = ax_op_find(text(in->domain()), in->op()->c_str());
    if (op == AX_OP_NONE)
        return ax_fail(r->err, AX_VERSION, "section %s: node %d: operator '%.60s' is unknown; update Axon", r->section, index,
                       in->op()->c_str());
    enum ax_status s = copy_indices(r, in->inputs(), g->n_values, &inputs, &n_in, "node", index);
    if (!s) s = copy_indices(r, in->outputs(), g->n_values, &outputs, &n_out, "node", index);
    if (s) return s;
    for (int i = 0; i < n_out; i++)
        if (outputs[i] != AX_NONE && (g->values[outputs[i]].producer != AX_NONE || g->values[outputs[i]].data))
            return bad(r, "node", index, "makes a value that another one makes");
    if (in->name() && !spend(r, in->name()->size())) return bad(r, "node", index, "too long a name");
    int k = ax_graph_node(g, op, text(in->name()), inputs, n_in, outputs, n_out);
    if (in->why_float()) g->nodes[k].why_float = in->why_float()->c_str();
    for (int i = 0; !s && i < length(in->attrs()); i++) s = read_attr(r, in->attrs()->Get(static_cast<fb::uoffset_t>(i)), g, k);
    return s;
}

enum ax_status read_ends(reader *r, const af::Graph *in, struct ax_graph *g)
{
    enum ax_status s = copy_indices(r, in->inputs(), g->n_values, &g->inputs, &g->n_inputs, "graph input list", 0);
    if (!s) s = copy_indices(r, in->outputs(), g->n_values, &g->outputs, &g->n_outputs, "graph output list", 0);
    for (int i = 0; !s && i < g->n_inputs; i++)
        if (g->inputs[i] < 0) s = bad(r, "graph input", i, "is missing");
    for (int i = 0; !s && i < g->n_outputs; i++)
        if (g->outputs[i] < 0) s = bad(r, "graph output", i, "is missing");
    return s;
}

} // namespace

enum ax_status ax_flat_read_program(const uint8_t *buf, size_t bytes, struct ax_program *p, struct ax_error *err)
{
    reader r = {&p->mem, err, "PROG", 2 * bytes};
    const af::Program *root = nullptr;
    enum ax_status s = open_root(&r, buf, bytes, &root);
    if (s) return s;
    p->arena_bytes = root->arena_bytes();
    p->const_bytes = root->const_bytes();
    p->n_operands = length(root->operands());
    p->n_steps = length(root->steps());
    p->operands = AX_NEW(&p->mem, struct ax_operand, p->n_operands);
    p->steps = AX_NEW(&p->mem, struct ax_step, p->n_steps);
    for (int i = 0; !s && i < p->n_operands; i++)
        s = read_operand(&r, root->operands()->Get(static_cast<fb::uoffset_t>(i)), &p->operands[i], i);
    for (int i = 0; !s && i < p->n_steps; i++)
        s = read_step(&r, root->steps()->Get(static_cast<fb::uoffset_t>(i)), &p->steps[i], p->n_operands, i);
    if (!s) s = read_ports(&r, root->inputs(), &p->inputs, &p->n_inputs, p->n_operands);
    if (!s) s = read_ports(&r, root->outputs(), &p->outputs, &p->n_outputs, p->n_operands);
    return s;
}

enum ax_status ax_flat_read_graph(const uint8_t *buf, size_t bytes, const struct ax_flat_sources *src, struct ax_graph *g,
                                  bool *complete, struct ax_error *err)
{
    reader r = {&g->arena, err, "GRPH", 2 * bytes + 8 * static_cast<size_t>(src->program->const_bytes)};
    const af::Graph *root = nullptr;
    enum ax_status s = open_root(&r, buf, bytes, &root);
    if (s) return s;
    *complete = true;
    g->name = ax_arena_str(&g->arena, text(root->name()));
    g->opset = root->opset();
    for (int i = 0; !s && i < length(root->values()); i++)
        s = read_value(&r, root->values()->Get(static_cast<fb::uoffset_t>(i)), src, g, i, complete);
    for (int i = 0; !s && i < length(root->nodes()); i++)
        s = read_node(&r, root->nodes()->Get(static_cast<fb::uoffset_t>(i)), g, i);
    return s ? s : read_ends(&r, root, g);
}
