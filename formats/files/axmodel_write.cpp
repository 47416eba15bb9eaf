// C structs -> sections PROG and GRPH. The order of everything is that of the structs: same structs, same bytes.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <vector>

#include "axmodel_generated.h"
#include "files/flat.h"

namespace fb = flatbuffers;
namespace af = axon::file;

namespace
{

using builder = fb::FlatBufferBuilder;
template <class T>
using list = std::vector<fb::Offset<T>>;

fb::Offset<fb::String> text(builder &b, const char *s)
{
    return s && *s ? b.CreateSharedString(s) : fb::Offset<fb::String>();
}

template <class T>
fb::Offset<fb::Vector<T>> numbers(builder &b, const T *v, int n)
{
    return n > 0 ? b.CreateVector(v, static_cast<size_t>(n)) : fb::Offset<fb::Vector<T>>();
}

fb::Offset<af::Quant> quant(builder &b, const struct ax_quant &q)
{
    if (!q.count) return {};
    auto scale = b.CreateVector(q.scale, static_cast<size_t>(q.count));
    auto zero = b.CreateVector(q.zero_point, static_cast<size_t>(q.count));
    return af::CreateQuant(b, q.axis, scale, zero);
}

enum ax_status finish(builder &b, uint8_t **out, size_t *bytes, struct ax_error *err)
{
    *bytes = b.GetSize();
    *out = static_cast<uint8_t *>(malloc(*bytes));
    if (!*out) return ax_fail(err, AX_NO_MEMORY, "out of memory while writing the model");
    memcpy(*out, b.GetBufferPointer(), *bytes);
    return AX_OK;
}

// Exceptions (memory that ends) become a status here and go no further.
template <class F>
enum ax_status guarded(struct ax_error *err, F f)
{
    try {
        return f();
    } catch (const std::exception &e) {
        return ax_fail(err, AX_NO_MEMORY, "writing the model: %s", e.what());
    }
}

// -- graph --

fb::Offset<af::Value> value(builder &b, const struct ax_value &v, const struct ax_flat_plan &plan, int index)
{
    auto name = b.CreateString(v.name);
    auto origin = text(b, v.origin);
    auto q = quant(b, v.quant);
    fb::Offset<fb::Vector<int64_t>> shape;
    if (v.shape.rank >= 0) shape = b.CreateVector(v.shape.dim, static_cast<size_t>(v.shape.rank));
    fb::Offset<fb::Vector<uint8_t>> inlined;
    int64_t bytes = ax_value_bytes(&v);
    if (plan.storage[index] == AX_STORAGE_INLINE)
        inlined = b.CreateVector(static_cast<const uint8_t *>(v.data), static_cast<size_t>(bytes));
    af::ValueBuilder vb(b);
    vb.add_name(name);
    vb.add_origin(origin);
    vb.add_dtype(static_cast<uint8_t>(v.dtype));
    vb.add_shape(shape);
    vb.add_quant(q);
    vb.add_storage(static_cast<af::Storage>(plan.storage[index]));
    vb.add_inline_data(inlined);
    if (plan.storage[index] == AX_STORAGE_DATA) {
        vb.add_data_offset(static_cast<uint64_t>(plan.offset[index]));
        vb.add_data_bytes(static_cast<uint64_t>(bytes));
    }
    if (plan.storage[index] == AX_STORAGE_PACKED) vb.add_operand(plan.operand[index]);
    return vb.Finish();
}

fb::Offset<af::Attr> attribute(builder &b, const struct ax_attr &a)
{
    auto name = b.CreateSharedString(a.name);
    fb::Offset<fb::Vector<int64_t>> ints;
    fb::Offset<fb::Vector<float>> floats;
    fb::Offset<fb::String> s;
    switch (a.type) {
    case AX_ATTR_INT: ints = b.CreateVector(&a.i, 1); break;
    case AX_ATTR_FLOAT: floats = b.CreateVector(&a.f, 1); break;
    case AX_ATTR_STRING: s = b.CreateSharedString(a.s); break;
    case AX_ATTR_INTS: ints = numbers(b, a.ints, a.count); break;
    case AX_ATTR_FLOATS: floats = numbers(b, a.floats, a.count); break;
    }
    return af::CreateAttr(b, name, static_cast<uint8_t>(a.type), ints, floats, s);
}

fb::Offset<fb::Vector<int32_t>> indices(builder &b, const int *v, int n, const int *at)
{
    std::vector<int32_t> mapped;
    mapped.reserve(static_cast<size_t>(n));
    for (int i = 0; i < n; i++) mapped.push_back(v[i] == AX_NONE ? -1 : at[v[i]]);
    return numbers(b, mapped.data(), n);
}

fb::Offset<af::Node> node(builder &b, const struct ax_node &n, const int *value_at)
{
    const struct ax_op_row *row = ax_op_row(n.op);
    list<af::Attr> attrs;
    for (int i = 0; i < n.n_attrs; i++) attrs.push_back(attribute(b, n.attrs[i]));
    auto op = b.CreateSharedString(row->name);
    auto domain = text(b, row->domain);
    auto name = text(b, n.name);
    auto in = indices(b, n.inputs, n.n_inputs, value_at);
    auto out = indices(b, n.outputs, n.n_outputs, value_at);
    auto av = numbers(b, attrs.data(), static_cast<int>(attrs.size()));
    return af::CreateNode(b, op, domain, name, in, out, av, text(b, n.why_float));
}

enum ax_status write_graph(const struct ax_graph *g, const struct ax_flat_plan *plan, uint8_t **out, size_t *bytes,
                           struct ax_error *err)
{
    builder b(1 << 16);
    list<af::Value> values;
    list<af::Node> nodes;
    for (int i = 0; i < g->n_values; i++)
        if (plan->value_at[i] >= 0) values.push_back(value(b, g->values[i], *plan, i));
    for (int i = 0; i < g->n_nodes; i++)
        if (plan->node_at[i] >= 0) nodes.push_back(node(b, g->nodes[i], plan->value_at));
    auto vv = b.CreateVector(values);
    auto nv = b.CreateVector(nodes);
    auto in = indices(b, g->inputs, g->n_inputs, plan->value_at);
    auto ends = indices(b, g->outputs, g->n_outputs, plan->value_at);
    b.Finish(af::CreateGraph(b, text(b, g->name), g->opset, vv, nv, in, ends));
    return finish(b, out, bytes, err);
}

// -- program --

fb::Offset<af::Operand> operand(builder &b, const struct ax_operand &o)
{
    int32_t halo[4] = {o.halo_top, o.halo_left, o.halo_bottom, o.halo_right};
    std::vector<af::Plane> planes;
    for (int i = 0; i < o.n_planes; i++) {
        const struct ax_plane &p = o.planes[i];
        planes.emplace_back(p.offset, p.row_stride, p.image_stride, p.channels, p.pixel_stride, p.flags, 0);
    }
    auto name = text(b, o.name);
    auto q = quant(b, o.quant);
    auto dim = b.CreateVector(o.dim, static_cast<size_t>(o.rank));
    fb::Offset<fb::Vector<int32_t>> hv;
    if (halo[0] || halo[1] || halo[2] || halo[3]) hv = b.CreateVector(halo, 4);
    fb::Offset<fb::Vector<const af::Plane *>> pv;
    if (!planes.empty()) pv = b.CreateVectorOfStructs(planes);
    return af::CreateOperand(b, name, static_cast<uint8_t>(o.space), static_cast<uint8_t>(o.dtype),
                             static_cast<uint8_t>(o.layout), dim, o.offset, o.bytes, o.n, o.h, o.w, o.c, hv, pv, q);
}

fb::Offset<af::Step> step(builder &b, const struct ax_step &s, const int *node_at, int n_nodes)
{
    auto kind = b.CreateSharedString(ax_step_text(s.kind));
    auto name = text(b, s.name);
    auto in = numbers(b, s.in, s.n_in);
    auto out = numbers(b, s.out, s.n_out);
    std::vector<uint32_t> words(static_cast<size_t>(ax_step_params_bytes(s.kind)) / sizeof(uint32_t));
    if (s.params) memcpy(words.data(), s.params, words.size() * sizeof(uint32_t));
    while (!words.empty() && !words.back()) words.pop_back();
    auto params = numbers(b, words.data(), static_cast<int>(words.size()));
    int at = s.node;
    if (node_at) at = s.node >= 0 && s.node < n_nodes ? node_at[s.node] : -1;
    return af::CreateStep(b, kind, at, name, in, out, params, s.macs);
}

fb::Offset<fb::Vector<fb::Offset<af::Port>>> ports(builder &b, const struct ax_port *p, int count)
{
    list<af::Port> all;
    for (int i = 0; i < count; i++) {
        auto name = b.CreateString(p[i].name);
        size_t rank = static_cast<size_t>(p[i].shape.rank);
        auto shape = b.CreateVector(p[i].shape.dim, rank);
        auto perm = b.CreateVector(p[i].perm, rank);
        all.push_back(af::CreatePort(b, name, p[i].operand, static_cast<uint8_t>(p[i].dtype), shape, perm));
    }
    return b.CreateVector(all);
}

enum ax_status write_program(const struct ax_program *p, const int *node_at, int n_nodes, uint8_t **out, size_t *bytes,
                             struct ax_error *err)
{
    builder b(1 << 16);
    list<af::Operand> operands;
    list<af::Step> steps;
    for (int i = 0; i < p->n_operands; i++) operands.push_back(operand(b, p->operands[i]));
    for (int i = 0; i < p->n_steps; i++) steps.push_back(step(b, p->steps[i], node_at, n_nodes));
    auto ov = b.CreateVector(operands);
    auto sv = b.CreateVector(steps);
    auto in = ports(b, p->inputs, p->n_inputs);
    auto ends = ports(b, p->outputs, p->n_outputs);
    b.Finish(af::CreateProgram(b, ov, sv, in, ends, p->arena_bytes, p->const_bytes));
    return finish(b, out, bytes, err);
}

} // namespace

enum ax_status ax_flat_write_graph(const struct ax_graph *g, const struct ax_flat_plan *plan, uint8_t **out, size_t *bytes,
                                   struct ax_error *err)
{
    return guarded(err, [&] { return write_graph(g, plan, out, bytes, err); });
}

enum ax_status ax_flat_write_program(const struct ax_program *p, const int *node_at, int n_nodes, uint8_t **out, size_t *bytes,
                                     struct ax_error *err)
{
    return guarded(err, [&] { return write_program(p, node_at, n_nodes, out, bytes, err); });
}
