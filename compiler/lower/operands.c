/* Operands and steps: where values are, in which form, and what is done with them. */
#include "lower/build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum ax_status low_fail(struct low *L, enum ax_status s, const char *fmt, ...)
{
    if (L->status != AX_OK) return L->status;
    va_list ap;
    va_start(ap, fmt);
    ax_vfail(L->err, s, fmt, ap);
    va_end(ap);
    if (L->node != AX_NONE) {
        const struct ax_node *n = &L->g->nodes[L->node];
        ax_fail_in(L->err, "node \"%s\" (%s)", n->name ? n->name : "", ax_op_name(n->op));
    }
    return L->status = s;
}

/* -- growing arrays: old ones stay behind in the arena of this lowering, which is dropped at the end -- */

static void *grown(struct low *L, void *old, int count, int *cap, size_t size)
{
    if (count < *cap) return old;
    int n = *cap ? 2 * *cap : 64;
    void *p = ax_arena_alloc(&L->tmp, size * (size_t)n);
    if (count) memcpy(p, old, size * (size_t)count);
    *cap = n;
    return p;
}

static int operand_new(struct low *L, const char *name, enum ax_space space, enum ax_dtype t, enum ax_layout layout)
{
    struct ax_program *p = L->p;
    L->places = grown(L, L->places, p->n_operands, &L->cap_places, sizeof *L->places);
    p->operands = grown(L, p->operands, p->n_operands, &L->cap_operands, sizeof *p->operands);
    int i = p->n_operands++;
    p->operands[i] = (struct ax_operand){.name = name ? name : "", .space = space, .dtype = t, .layout = layout};
    L->places[i] = (struct low_place){.buffer = -1};
    return i;
}

static int buffer_new(struct low *L)
{
    L->buffers = grown(L, L->buffers, L->n_buffers, &L->cap_buffers, sizeof *L->buffers);
    L->buffers[L->n_buffers] = (struct low_buffer){.first = -2, .last = -2};
    return L->n_buffers++;
}

static void set_dims(struct low *L, int op, int rank, const int64_t *dim)
{
    struct ax_operand *o = low_op(L, op);
    if (rank < 0 || rank > AX_MAX_RANK) {
        low_fail(L, AX_SHAPE, "the shape of \"%s\" is unknown", o->name);
        rank = 0;
    }
    struct ax_shape s = ax_shape_make(rank, dim);
    int64_t count = ax_shape_count(&s);
    if (count < 0) low_fail(L, AX_SHAPE, "the shape of \"%s\" is unknown or too large to lower", o->name), count = 0;
    o->rank = rank;
    memcpy(o->dim, dim, sizeof *dim * (size_t)rank);
    o->bytes = count * (int64_t)ax_dtype_bytes(o->dtype);
}

int low_plain_new(struct low *L, const char *name, enum ax_dtype t, int rank, const int64_t *dim)
{
    int op = operand_new(L, name, AX_SPACE_ARENA, t, AX_LAYOUT_PLAIN);
    set_dims(L, op, rank, dim);
    int b = buffer_new(L);
    L->buffers[b].bytes = low_op(L, op)->bytes;
    L->places[op].buffer = b;
    return op;
}

static bool same_dims(const struct ax_operand *o, int rank, const int64_t *dim)
{
    return o->rank == rank && !memcmp(o->dim, dim, sizeof *dim * (size_t)rank);
}

int low_view(struct low *L, int op, int rank, const int64_t *dim)
{
    const struct ax_operand from = *low_op(L, op);
    if (same_dims(&from, rank, dim)) return op;
    int v = operand_new(L, from.name, from.space, from.dtype, AX_LAYOUT_PLAIN);
    set_dims(L, v, rank, dim);
    if (low_op(L, v)->bytes != from.bytes)
        low_fail(L, AX_SHAPE, "\"%s\" cannot be seen under another number of elements", from.name);
    low_op(L, v)->offset = from.offset;
    L->places[v].buffer = L->places[op].buffer;
    return v;
}

int low_like(struct low *L, int op)
{
    struct ax_operand o = *low_op(L, op);
    return low_plain_new(L, o.name, o.dtype, o.rank, o.dim);
}

/* -- constants -- */

static int const_new(struct low *L, enum ax_dtype t, int rank, const int64_t *dim, const void *data, bool own)
{
    int op = operand_new(L, NULL, AX_SPACE_CONST, t, AX_LAYOUT_PLAIN);
    set_dims(L, op, rank, dim);
    if (L->status != AX_OK) return op;
    int64_t offset = low_consts_add(&L->consts, data, low_op(L, op)->bytes, own);
    if (offset < 0) low_fail(L, AX_NO_MEMORY, "no memory for constants"), offset = 0;
    low_op(L, op)->offset = offset;
    return op;
}

int low_const(struct low *L, enum ax_dtype t, int rank, const int64_t *dim, const void *data)
{
    return const_new(L, t, rank, dim, data, false);
}

int low_const_own(struct low *L, enum ax_dtype t, int rank, const int64_t *dim, const void *data)
{
    return const_new(L, t, rank, dim, data, true);
}

int low_const_f32(struct low *L, int count, const float *data)
{
    int64_t dim = count;
    return low_const(L, AX_DTYPE_FLOAT32, 1, &dim, data);
}

int low_const_i32(struct low *L, int count, const int32_t *data)
{
    int64_t dim = count;
    return low_const(L, AX_DTYPE_INT32, 1, &dim, data);
}

int low_scalar_f32(struct low *L, float v)
{
    return low_const(L, AX_DTYPE_FLOAT32, 0, (int64_t[1]){0}, &v);
}

const float *low_floats(struct low *L, int v, const char *what)
{
    if (!ax_is_const(L->g, v)) {
        low_fail(L, AX_UNSUPPORTED, "%s must be constant; fold it, or give the model a constant there", what);
        return NULL;
    }
    const struct ax_value *c = low_value(L, v);
    if (c->dtype == AX_DTYPE_FLOAT32) return c->data;
    int64_t count = ax_shape_count(&c->shape), inner = 1;
    for (int i = c->quant.axis + 1; i < c->shape.rank; i++) inner *= c->shape.dim[i];
    float *f = AX_NEW(&L->tmp, float, count);
    for (int64_t i = 0; i < count; i++) {
        f[i] = (float)ax_const_at(L->g, v, i);
        if (!c->quant.count) continue;
        int q = c->quant.count == 1 ? 0 : (int)(i / inner % c->quant.count);
        f[i] = (f[i] - (float)c->quant.zero_point[q]) * c->quant.scale[q];
    }
    return f;
}

/* -- planes -- */

void low_planes_dims(const struct ax_value *v, int64_t nhwc[4])
{
    const int64_t *d = v->shape.dim;
    int r = v->shape.rank;
    nhwc[0] = d[0];
    nhwc[1] = r == 4 ? d[1] : 1;
    nhwc[2] = r == 4 ? d[2] : r == 3 ? d[1] : 1;
    nhwc[3] = d[r - 1];
}

int low_planes_view(struct low *L, const struct ax_value *v, const struct low_plane *planes, int n_planes)
{
    int op = operand_new(L, v->name, AX_SPACE_ARENA, AX_DTYPE_INT8, AX_LAYOUT_PLANES);
    set_dims(L, op, v->shape.rank, v->shape.dim);
    int64_t d[4];
    low_planes_dims(v, d);
    struct ax_operand *o = low_op(L, op);
    o->n = d[0], o->h = d[1], o->w = d[2], o->c = d[3];
    o->n_planes = n_planes;
    o->quant = v->quant;
    o->quant.axis = v->shape.rank - 1;
    if (v->quant.count > 1 && (v->quant.axis != v->shape.rank - 1 || v->quant.count != d[3]))
        low_fail(L, AX_INTERNAL, "\"%s\" has %d scales along axis %d, but is stored by its last axis of %lld", v->name,
                 v->quant.count, v->quant.axis, (long long)d[3]);
    L->places[op].planes = ax_arena_copy(&L->tmp, planes, sizeof *planes * (size_t)n_planes);
    return op;
}

int low_planes_new(struct low *L, const struct ax_value *v, const int *channels, int n_planes)
{
    int64_t d[4];
    low_planes_dims(v, d);
    if (!channels) n_planes = (int)((d[3] + AX_PLANE_CHANNELS - 1) / AX_PLANE_CHANNELS);
    int b = buffer_new(L);
    struct low_buffer *buf = &L->buffers[b];
    buf->n = d[0], buf->h = d[1], buf->w = d[2];
    buf->n_planes = n_planes;
    buf->channels = AX_NEW(&L->tmp, int, n_planes);
    buf->plane_offset = AX_NEW(&L->tmp, int64_t, n_planes);
    struct low_plane *planes = AX_NEW(&L->tmp, struct low_plane, n_planes);
    int64_t left = d[3];
    for (int i = 0; i < n_planes; i++) {
        int c = channels ? channels[i] : left < AX_PLANE_CHANNELS ? (int)left : AX_PLANE_CHANNELS;
        buf->channels[i] = c;
        planes[i] = (struct low_plane){b, i, 0, c};
        left -= c;
    }
    return low_planes_view(L, v, planes, n_planes);
}

static struct low_buffer *plane_buffer(struct low *L, int op, int plane)
{
    return &L->buffers[L->places[op].planes[plane].buffer];
}

bool low_need_halo(struct low *L, int op, int top, int left, int bottom, int right)
{
    if (top <= 0 && left <= 0 && bottom <= 0 && right <= 0) return true;
    for (int i = 0; i < low_op(L, op)->n_planes; i++)
        if (plane_buffer(L, op, i)->dense) return false;
    for (int i = 0; i < low_op(L, op)->n_planes; i++) {
        struct low_buffer *b = plane_buffer(L, op, i);
        if (b->halo_top < top) b->halo_top = top;
        if (b->halo_left < left) b->halo_left = left;
        if (b->halo_bottom < bottom) b->halo_bottom = bottom;
        if (b->halo_right < right) b->halo_right = right;
    }
    return true;
}

bool low_make_dense(struct low *L, int op)
{
    for (int i = 0; i < low_op(L, op)->n_planes; i++) {
        const struct low_buffer *b = plane_buffer(L, op, i);
        if (b->halo_top || b->halo_left || b->halo_bottom || b->halo_right) return false;
    }
    for (int i = 0; i < low_op(L, op)->n_planes; i++) plane_buffer(L, op, i)->dense = true;
    return true;
}

/* -- values -- */

static int const_value(struct low *L, int v)
{
    if (L->native[v] < 0) {
        const struct ax_value *c = low_value(L, v);
        L->native[v] = low_const(L, c->dtype, c->shape.rank, c->shape.dim, c->data);
        low_op(L, L->native[v])->name = c->name;
    }
    return L->native[v];
}

static int real_const(struct low *L, int v)
{
    const struct ax_value *c = low_value(L, v);
    if (L->real[v] < 0) L->real[v] = low_const(L, AX_DTYPE_FLOAT32, c->shape.rank, c->shape.dim, low_floats(L, v, c->name));
    return L->real[v];
}

static int value_missing(struct low *L, int v)
{
    low_fail(L, AX_INTERNAL, "\"%s\" is read before it is made; the graph is not in order", low_value(L, v)->name);
    return low_plain_new(L, NULL, AX_DTYPE_FLOAT32, 0, (int64_t[1]){0});
}

static int native_of(struct low *L, int v)
{
    if (low_value(L, v)->data) return const_value(L, v);
    return L->native[v] >= 0 ? L->native[v] : value_missing(L, v);
}

int low_in_plain(struct low *L, int v)
{
    if (v == AX_NONE) return -1;
    const struct ax_value *value = low_value(L, v);
    int native = native_of(L, v);
    if (!low_is_planes(value)) return native;
    if (L->plain[v] < 0) {
        struct ax_none_params none = {0};
        L->plain[v] = low_plain_new(L, value->name, AX_DTYPE_INT8, value->shape.rank, value->shape.dim);
        low_op(L, L->plain[v])->quant = value->quant;
        LOW_STEP(L, UNPACK, LOW_LIST(native), LOW_LIST(L->plain[v]), none);
    }
    return L->plain[v];
}

int low_in_real(struct low *L, int v)
{
    if (v == AX_NONE) return -1;
    const struct ax_value *value = low_value(L, v);
    if (!low_is_quant(value)) return native_of(L, v);
    if (value->data) return real_const(L, v);
    int native = native_of(L, v);
    if (L->real[v] < 0) {
        L->real[v] = low_plain_new(L, value->name, AX_DTYPE_FLOAT32, value->shape.rank, value->shape.dim);
        low_scale_by(L, AX_STEP_DEQUANTIZE, native, &value->quant, L->real[v]);
    }
    return L->real[v];
}

int low_in_planes(struct low *L, int v)
{
    return native_of(L, v);
}

int low_in(struct low *L, int v)
{
    return L->form == LOW_REAL ? low_in_real(L, v) : low_in_plain(L, v);
}

void low_set(struct low *L, int v, int op)
{
    if (!low_is_quant(low_value(L, v)))
        L->native[v] = op;
    else if (L->form == LOW_REAL)
        L->real[v] = op;
    else
        L->plain[v] = op;
}

int low_out(struct low *L, int v)
{
    const struct ax_value *value = low_value(L, v);
    enum ax_dtype t = low_is_quant(value) && L->form == LOW_REAL ? AX_DTYPE_FLOAT32 : value->dtype;
    if (value->shape.rank < 0) low_fail(L, AX_SHAPE, "the shape of \"%s\" is not known", value->name);
    int op = low_plain_new(L, value->name, t, value->shape.rank < 0 ? 0 : value->shape.rank, value->shape.dim);
    low_set(L, v, op);
    return op;
}

static void settle_value(struct low *L, int v)
{
    const struct ax_value *value = low_value(L, v);
    if (!low_is_quant(value) || L->native[v] >= 0) return;
    struct ax_none_params none = {0};
    bool planes = low_is_planes(value);
    if (L->plain[v] >= 0 && !planes) {
        L->native[v] = L->plain[v];
        return;
    }
    int from = L->plain[v] >= 0 ? L->plain[v] : L->real[v];
    if (from < 0) return;
    int to = planes ? low_planes_new(L, value, NULL, 0)
                    : low_plain_new(L, value->name, AX_DTYPE_INT8, value->shape.rank, value->shape.dim);
    low_op(L, to)->quant = value->quant;
    L->native[v] = to;
    if (L->plain[v] >= 0) {
        LOW_STEP(L, PACK, LOW_LIST(from), LOW_LIST(to), none);
        return;
    }
    low_scale_by(L, AX_STEP_QUANTIZE, from, &value->quant, to);
    L->real[v] = -1; /* unrounded; other readers must see what is stored */
}

void low_settle(struct low *L, const struct ax_node *n)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE) settle_value(L, n->outputs[i]);
}

/* -- images -- */

void low_transpose_into(struct low *L, int op, const int *perm, int out)
{
    struct ax_transpose_params t = {{0}};
    for (int i = 0; i < low_op(L, op)->rank; i++) t.perm[i] = perm[i];
    LOW_STEP(L, TRANSPOSE, LOW_LIST(op), LOW_LIST(out), t);
}

int low_transpose(struct low *L, int op, const int *perm)
{
    struct ax_operand o = *low_op(L, op);
    int64_t dim[AX_MAX_RANK];
    for (int i = 0; i < o.rank; i++) dim[i] = o.dim[perm[i]];
    int out = low_plain_new(L, NULL, o.dtype, o.rank, dim);
    low_transpose_into(L, op, perm, out);
    return out;
}

static int as_image(struct low *L, int op)
{
    struct ax_operand o = *low_op(L, op);
    if (o.rank == 4) return op;
    if (o.rank == 3) return low_view(L, op, 4, (int64_t[]){o.dim[0], 1, o.dim[1], o.dim[2]});
    low_fail(L, AX_UNSUPPORTED, "\"%s\" has %d dimensions; images of one or two spatial dimensions are supported", o.name,
             o.rank);
    return op;
}

static void to_last(int rank, int perm[AX_MAX_RANK])
{
    perm[0] = 0;
    for (int i = 1; i < rank - 1; i++) perm[i] = i + 1;
    if (rank > 1) perm[rank - 1] = 1;
}

static void to_first(int rank, int perm[AX_MAX_RANK])
{
    perm[0] = 0;
    if (rank > 1) perm[1] = rank - 1;
    for (int i = 2; i < rank; i++) perm[i] = i - 1;
}

int low_image_in(struct low *L, int v, bool nhwc)
{
    if (v == AX_NONE) return -1;
    int op = low_in(L, v), perm[AX_MAX_RANK] = {0};
    if (!nhwc) {
        to_last(low_op(L, op)->rank, perm);
        op = low_transpose(L, op, perm);
    }
    return as_image(L, op);
}

int low_image_out(struct low *L, int v, bool nhwc)
{
    if (nhwc) return as_image(L, low_out(L, v));
    const struct ax_shape *s = &low_value(L, v)->shape;
    int64_t dim[AX_MAX_RANK];
    int perm[AX_MAX_RANK] = {0};
    to_last(s->rank, perm);
    for (int i = 0; i < s->rank; i++) dim[i] = s->dim[perm[i]];
    enum ax_dtype t = low_is_quant(low_value(L, v)) && L->form == LOW_REAL ? AX_DTYPE_FLOAT32 : low_value(L, v)->dtype;
    return as_image(L, low_plain_new(L, NULL, t, s->rank, dim));
}

void low_image_done(struct low *L, int v, bool nhwc, int image)
{
    if (nhwc) return;
    const struct ax_shape *s = &low_value(L, v)->shape;
    int64_t dim[AX_MAX_RANK];
    int last[AX_MAX_RANK] = {0}, first[AX_MAX_RANK] = {0};
    to_last(s->rank, last);
    to_first(s->rank, first);
    for (int i = 0; i < s->rank; i++) dim[i] = s->dim[last[i]];
    low_transpose_into(L, low_view(L, image, s->rank, dim), first, low_out(L, v));
}

/* -- steps -- */

int low_step(struct low *L, enum ax_step_kind kind, const int *in, int n_in, const int *out, int n_out, const void *params,
             size_t params_bytes)
{
    struct ax_program *p = L->p;
    p->steps = grown(L, p->steps, p->n_steps, &L->cap_steps, sizeof *p->steps);
    struct ax_step *s = &p->steps[p->n_steps];
    *s = (struct ax_step){
        .kind = kind,
        .node = L->node,
        .name = L->node == AX_NONE || !L->g->nodes[L->node].name ? "" : L->g->nodes[L->node].name,
        .n_in = n_in,
        .n_out = n_out,
        .in = ax_arena_copy(&p->mem, in, sizeof *in * (size_t)n_in),
        .out = ax_arena_copy(&p->mem, out, sizeof *out * (size_t)n_out),
        .params = ax_arena_copy(&p->mem, params, params_bytes),
    };
    return p->n_steps++;
}
