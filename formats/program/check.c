#include "program/check.h"

#include <math.h>
#include <string.h>

#include "program/activation.h"

enum { MAX_HALO = 65536 };
static const int64_t max_dim = INT32_MAX, max_count = (int64_t)1 << 40;

enum ax_status ax_check_broken(const struct ax_check *c, const char *rule)
{
    return ax_fail(c->err, AX_FORMAT, "program step %d (%s, node '%s'): %s. The file is damaged or was not written by Axon.",
                   c->index, ax_step_text(c->s->kind), c->s->name ? c->s->name : "", rule);
}

/* -- operands -- */

static enum ax_status bad_operand(const struct ax_program *p, int index, const char *rule, struct ax_error *err)
{
    const char *name = p->operands[index].name;
    return ax_fail(err, AX_FORMAT, "program operand %d ('%s'): %s. The file is damaged or was not written by Axon.", index,
                   name ? name : "", rule);
}

static int64_t space_bytes(const struct ax_program *p, enum ax_space s)
{
    return s == AX_SPACE_ARENA ? p->arena_bytes : s == AX_SPACE_CONST ? p->const_bytes : 0;
}

static int known_count(const struct ax_operand *o)
{
    int64_t n = 1;
    if (o->rank < 0 || o->rank > AX_MAX_RANK) return 0;
    for (int i = 0; i < o->rank; i++) {
        if (o->dim[i] < 1 || o->dim[i] > max_dim || n > max_count / o->dim[i]) return 0;
        n *= o->dim[i];
    }
    return 1;
}

static int quant_sound(const struct ax_operand *o)
{
    const struct ax_quant *q = &o->quant;
    if (q->count == 0) return 1;
    if (q->count < 0 || !q->scale || !q->zero_point) return 0;
    if (q->count > 1 && (q->axis < 0 || q->axis >= o->rank || o->dim[q->axis] != q->count)) return 0;
    for (int i = 0; i < q->count; i++)
        if (!(q->scale[i] > 0) || isinf(q->scale[i]) || q->zero_point[i] < -(1 << 24) || q->zero_point[i] > 1 << 24) return 0;
    return 1;
}

static int planes_dims(const struct ax_operand *o)
{
    const int64_t *d = o->dim;
    if (o->n < 1 || o->h < 1 || o->w < 1 || o->c < 1) return 0;
    if (o->rank == 2) return o->n == d[0] && o->h == 1 && o->w == 1 && o->c == d[1];
    if (o->rank == 3) return o->n == d[0] && o->h == 1 && o->w == d[1] && o->c == d[2];
    return o->rank == 4 && o->n == d[0] && o->h == d[1] && o->w == d[2] && o->c == d[3];
}

static int halo_sound(int h)
{
    return h >= 0 && h <= MAX_HALO;
}

/* The first and the last byte of a plane, halo and padding channels included, lie in the space. */
static int plane_inside(const struct ax_operand *o, const struct ax_plane *p, int64_t space)
{
    int64_t columns = o->halo_left + o->w + o->halo_right, rows = o->halo_top + o->h + o->halo_bottom;
    if (p->channels < 1 || p->pixel_stride < p->channels || p->row_stride < 0 || p->image_stride < 0) return 0;
    if (p->offset < 0 || p->offset > space || columns > max_dim || rows > max_dim) return 0;
    if (p->row_stride > space || p->image_stride > space) return 0;
    if (rows > 1 && p->row_stride < columns * p->pixel_stride) return 0;
    if (o->n > 1 && (rows > max_count / (p->row_stride + 1) || p->image_stride < o->h * p->row_stride)) return 0;
    __int128 first = (__int128)p->offset - (__int128)o->halo_top * p->row_stride - (__int128)o->halo_left * p->pixel_stride;
    __int128 last =
        (__int128)p->offset + (__int128)(o->n - 1) * p->image_stride + (__int128)(o->h - 1 + o->halo_bottom) * p->row_stride +
        (__int128)(o->w - 1 + o->halo_right) * p->pixel_stride + (p->flags & AX_PLANE_SHARED ? p->channels : p->pixel_stride);
    return first >= 0 && last <= space;
}

static enum ax_status check_planes(const struct ax_program *p, int index, struct ax_error *err)
{
    const struct ax_operand *o = &p->operands[index];
    int64_t channels = 0;
    if (o->dtype != AX_DTYPE_INT8) return bad_operand(p, index, "planes hold int8 only", err);
    if (!planes_dims(o)) return bad_operand(p, index, "n, h, w, c and the dimensions disagree", err);
    if (!halo_sound(o->halo_top) || !halo_sound(o->halo_left) || !halo_sound(o->halo_bottom) || !halo_sound(o->halo_right))
        return bad_operand(p, index, "a halo is negative or too wide", err);
    if (o->n_planes < 1 || o->n_planes > o->c || !o->planes) return bad_operand(p, index, "it has no planes or too many", err);
    for (int i = 0; i < o->n_planes; i++) {
        if (!plane_inside(o, &o->planes[i], space_bytes(p, o->space)))
            return bad_operand(p, index, "a plane leaves its space or its strides overlap", err);
        channels += o->planes[i].channels;
    }
    return channels == o->c ? AX_OK : bad_operand(p, index, "the planes' channels do not add up to the tensor's", err);
}

enum ax_status ax_check_operand(const struct ax_program *p, int index, struct ax_error *err)
{
    const struct ax_operand *o = &p->operands[index];
    if (o->space != AX_SPACE_ARENA && o->space != AX_SPACE_CONST) return bad_operand(p, index, "unknown memory space", err);
    if (o->dtype <= AX_DTYPE_NONE || o->dtype >= AX_DTYPE_COUNT) return bad_operand(p, index, "unknown element type", err);
    if (!known_count(o)) return bad_operand(p, index, "a dimension is not positive or the tensor is too large", err);
    if (!quant_sound(o)) return bad_operand(p, index, "its scales or zero points are not sound", err);
    if (o->layout == AX_LAYOUT_PLANES) return check_planes(p, index, err);
    if (o->layout != AX_LAYOUT_PLAIN) return bad_operand(p, index, "unknown layout", err);
    int64_t size = (int64_t)ax_dtype_bytes(o->dtype), bytes = ax_check_count(o) * size, space = space_bytes(p, o->space);
    if (o->offset < 0 || o->offset > space || bytes > space - o->offset)
        return bad_operand(p, index, "it leaves its space", err);
    return size < 1 || o->offset % size ? bad_operand(p, index, "its offset is not aligned to its elements", err) : AX_OK;
}

/* -- steps -- */

static enum ax_status gather_operands(struct ax_check *c)
{
    const struct ax_step *s = c->s;
    memset(c->in, 0, sizeof c->in);
    memset(c->out, 0, sizeof c->out);
    AX_RULE(c, s->n_in >= 0 && s->n_in <= AX_STEP_IO && s->n_out >= 1 && s->n_out <= AX_STEP_IO, "it has too many operands");
    AX_RULE(c, (s->in || s->n_in == 0) && s->out && s->params, "its operands or parameters are missing");
    for (int i = 0; i < s->n_in + s->n_out; i++) {
        int o = i < s->n_in ? s->in[i] : s->out[i - s->n_in];
        AX_RULE(c, o >= -1 && o < c->p->n_operands, "it names an operand that does not exist");
        if (i < s->n_in)
            c->in[i] = o < 0 ? NULL : &c->p->operands[o];
        else
            c->out[i - s->n_in] = o < 0 ? NULL : &c->p->operands[o];
        AX_RULE(c, i < s->n_in || o < 0 || c->p->operands[o].space == AX_SPACE_ARENA, "it writes to constants");
    }
    AX_RULE(c, c->in[0], "its first input is missing");
    AX_RULE(c, c->out[0] || s->kind == AX_STEP_TOPK, "its output is missing");
    return AX_OK;
}

static enum ax_status check_step(const struct ax_program *p, int index, struct ax_error *err)
{
    struct ax_check c = {.p = p, .s = &p->steps[index], .index = index, .err = err};
    AX_RULE(&c, (unsigned)c.s->kind < AX_STEP_COUNT, "its kind is unknown");
    AX_CHECK_TRY(gather_operands(&c));
    if (c.s->kind >= AX_STEP_CONV_S8) return ax_check_int8_step(&c);
    switch (c.s->kind) {
    case AX_STEP_CAST:
    case AX_STEP_WHERE:
    case AX_STEP_TRANSPOSE:
    case AX_STEP_COPY:
    case AX_STEP_PAD:
    case AX_STEP_GATHER:
    case AX_STEP_GATHER_ELEMENTS:
    case AX_STEP_GATHER_ND:
    case AX_STEP_SCATTER_ND:
    case AX_STEP_TOPK:
    case AX_STEP_QUANTIZE:
    case AX_STEP_DEQUANTIZE: return ax_check_move_step(&c);
    default: return ax_check_float_step(&c);
    }
}

static enum ax_status check_port(const struct ax_program *p, const struct ax_port *port, int is_output, struct ax_error *err)
{
    const char *what = is_output ? "output" : "input";
    int seen = 0;
    if (port->operand < 0 || port->operand >= p->n_operands)
        return ax_fail(err, AX_FORMAT, "program %s '%s' names an operand that does not exist", what,
                       port->name ? port->name : "");
    const struct ax_operand *o = &p->operands[port->operand];
    int sound = port->name && port->shape.rank == o->rank && (unsigned)port->dtype < AX_DTYPE_COUNT;
    for (int i = 0; sound && i < o->rank; i++) {
        int d = port->perm[i];
        sound = d >= 0 && d < o->rank && !(seen >> d & 1) && o->dim[d] == port->shape.dim[i];
        if (sound) seen |= 1 << d;
    }
    if (!sound)
        return ax_fail(err, AX_FORMAT, "program %s '%s': its shape and its operand's disagree", what,
                       port->name ? port->name : "");
    if (!is_output && o->space != AX_SPACE_ARENA)
        return ax_fail(err, AX_FORMAT, "program input '%s' is a constant", port->name);
    return AX_OK;
}

enum ax_status ax_program_check(const struct ax_program *p, struct ax_error *err)
{
    if (p->n_operands < 0 || p->n_steps < 0 || p->n_inputs < 0 || p->n_outputs < 0 || p->arena_bytes < 0 ||
        p->const_bytes < 0 || p->arena_bytes > max_count || p->const_bytes > max_count || (p->const_bytes && !p->const_data))
        return ax_fail(err, AX_FORMAT, "the program's counts or sizes are not sound");
    for (int i = 0; i < p->n_operands; i++) AX_CHECK_TRY(ax_check_operand(p, i, err));
    for (int i = 0; i < p->n_steps; i++) AX_CHECK_TRY(check_step(p, i, err));
    for (int i = 0; i < p->n_inputs; i++) AX_CHECK_TRY(check_port(p, &p->inputs[i], 0, err));
    for (int i = 0; i < p->n_outputs; i++) AX_CHECK_TRY(check_port(p, &p->outputs[i], 1, err));
    return AX_OK;
}
