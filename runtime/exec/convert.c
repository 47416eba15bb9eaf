/* User tensors to operands and back: layouts, quantization, types. Lines of up to LINE elements go through the stack; a line
 * runs along x where images are wide and along the channels where they are not. */
#include <string.h>

#include "exec/internal.h"
#include "kernels/cpu.h"
#include "kernels/kernel.h"
#include "kernels/rows.h"

enum { LINE = 256 };

/* A user tensor seen in the operand's order: strides in elements of each operand dimension. */
struct view {
    const struct ax_operand *o;
    uint8_t *space_or_data;
    int64_t stride[AX_MAX_RANK];
    enum ax_dtype user;
    const struct ax_rows *rows;
};

static enum ax_status make_view(const struct ax_exec *e, const struct ax_port *port, enum ax_dtype t, uint8_t *arena,
                                struct view *v, struct ax_error *err)
{
    int64_t step = 1;
    if (!arena) arena = ax_exec_arena((struct ax_exec *)(uintptr_t)e);
    if (!arena)
        return ax_fail(err, AX_INVALID_ARGUMENT, "'%s': the executor has no arena of its own and none was given", port->name);
    v->o = ax_exec_operand(e, port->operand, arena);
    v->space_or_data = ax_exec_data(e, port->operand, arena);
    v->user = t;
    v->rows = ax_rows_find(ax_exec_cpu(e));
    for (int i = port->shape.rank - 1; i >= 0; i--) {
        v->stride[port->perm[i]] = step;
        step *= port->shape.dim[i];
    }
    return AX_OK;
}

static double number_at(const void *data, enum ax_dtype t, int64_t i)
{
    switch (t) {
    case AX_DTYPE_FLOAT32: return ((const float *)data)[i];
    case AX_DTYPE_FLOAT64: return ((const double *)data)[i];
    case AX_DTYPE_INT8: return ((const int8_t *)data)[i];
    case AX_DTYPE_UINT8:
    case AX_DTYPE_BOOL: return ((const uint8_t *)data)[i];
    case AX_DTYPE_INT16: return ((const int16_t *)data)[i];
    case AX_DTYPE_UINT16: return ((const uint16_t *)data)[i];
    case AX_DTYPE_INT32: return ((const int32_t *)data)[i];
    case AX_DTYPE_UINT32: return ((const uint32_t *)data)[i];
    case AX_DTYPE_INT64: return (double)((const int64_t *)data)[i];
    default: return 0;
    }
}

static int is_number(enum ax_dtype t)
{
    return t == AX_DTYPE_FLOAT32 || t == AX_DTYPE_FLOAT64 || t == AX_DTYPE_INT8 || t == AX_DTYPE_UINT8 || t == AX_DTYPE_BOOL ||
           t == AX_DTYPE_INT16 || t == AX_DTYPE_UINT16 || t == AX_DTYPE_INT32 || t == AX_DTYPE_UINT32 || t == AX_DTYPE_INT64;
}

static float scale_at(const struct ax_operand *o, int64_t c)
{
    return o->quant.count ? o->quant.scale[o->quant.count > 1 ? c : 0] : 1.0f;
}

static int32_t zero_at(const struct ax_operand *o, int64_t c)
{
    return o->quant.count ? o->quant.zero_point[o->quant.count > 1 ? c : 0] : 0;
}

/* -- lines between the user's memory and int8 -- */

static void take_line(const struct view *v, const void *data, int64_t at, int64_t step, int n, int64_t c, int channel_step,
                      int8_t *q)
{
    float line[LINE];
    if (v->user == AX_DTYPE_INT8) {
        for (int i = 0; i < n; i++) q[i] = ((const int8_t *)data)[at + i * step];
        return;
    }
    const float *x = (const float *)data + at;
    if (v->user == AX_DTYPE_UINT8)
        for (int i = 0; i < n; i++) line[i] = ((const uint8_t *)data)[at + i * step];
    else if (v->user != AX_DTYPE_FLOAT32)
        for (int i = 0; i < n; i++) line[i] = (float)number_at(data, v->user, at + i * step);
    else if (step != 1)
        for (int i = 0; i < n; i++) line[i] = x[i * step];
    if (v->user != AX_DTYPE_FLOAT32 || step != 1) x = line;
    if (channel_step && v->o->quant.count > 1)
        v->rows->quantize_s8_each(x, q, n, v->o->quant.scale + c, v->o->quant.zero_point + c);
    else
        v->rows->quantize_s8(x, q, n, scale_at(v->o, c), zero_at(v->o, c));
}

static void give_line(const struct view *v, void *data, int64_t at, int64_t step, int n, int64_t c, int channel_step,
                      const int8_t *q)
{
    float line[LINE];
    if (v->user == AX_DTYPE_INT8) {
        for (int i = 0; i < n; i++) ((int8_t *)data)[at + i * step] = q[i];
        return;
    }
    float *x = step == 1 ? (float *)data + at : line;
    if (channel_step && v->o->quant.count > 1)
        v->rows->dequantize_s8_each(q, x, n, v->o->quant.scale + c, v->o->quant.zero_point + c);
    else
        v->rows->dequantize_s8(q, x, n, scale_at(v->o, c), zero_at(v->o, c));
    if (step != 1)
        for (int i = 0; i < n; i++) ((float *)data)[at + i * step] = line[i];
}

/* -- PLANES -- */

struct nhwc {
    int64_t n, h, w, c; /* the user's strides */
};

static struct nhwc planes_strides(const struct view *v)
{
    int r = v->o->rank;
    struct nhwc s = {v->stride[0], r == 4 ? v->stride[1] : 0, r >= 3 ? v->stride[r - 2] : 0, v->stride[r - 1]};
    return s;
}

/* A line of plane p at pixel (y, x): along x for channel c, or along the channels from c. */
static void planes_line(const struct view *v, void *data, int input, const struct ax_plane *p, int64_t image, int64_t y,
                        int64_t x, int64_t c, int64_t first, int along_x, int n, const struct nhwc *s)
{
    int8_t q[LINE];
    int8_t *at = (int8_t *)v->space_or_data + p->offset + image * p->image_stride + y * p->row_stride + x * p->pixel_stride + c;
    int64_t user = image * s->n + y * s->h + x * s->w + (first + c) * s->c;
    int64_t step = along_x ? s->w : s->c, stride = along_x ? p->pixel_stride : 1;
    if (input) {
        take_line(v, data, user, step, n, first + c, !along_x, q);
        for (int i = 0; i < n; i++) at[i * stride] = q[i];
    } else {
        for (int i = 0; i < n; i++) q[i] = at[i * stride];
        give_line(v, data, user, step, n, first + c, !along_x, q);
    }
}

static void planes_row(const struct view *v, void *data, int input, int64_t image, int64_t y, const struct nhwc *s)
{
    const struct ax_operand *o = v->o;
    int64_t first = 0;
    for (int i = 0; i < o->n_planes; first += o->planes[i].channels, i++) {
        const struct ax_plane *p = &o->planes[i];
        if (o->w >= p->channels) {
            for (int32_t c = 0; c < p->channels; c++)
                for (int64_t x = 0; x < o->w; x += LINE)
                    planes_line(v, data, input, p, image, y, x, c, first, 1, (int)(o->w - x < LINE ? o->w - x : LINE), s);
        } else {
            for (int64_t x = 0; x < o->w; x++)
                for (int32_t c = 0; c < p->channels; c += LINE)
                    planes_line(v, data, input, p, image, y, x, c, first, 0, p->channels - c < LINE ? p->channels - c : LINE,
                                s);
        }
    }
}

static void planes_all(const struct view *v, void *data, int input)
{
    struct nhwc s = planes_strides(v);
    for (int64_t n = 0; n < v->o->n; n++) {
        for (int64_t y = 0; y < v->o->h; y++) planes_row(v, data, input, n, y, &s);
        if (input) ax_planes_fill_halo(v->o, v->space_or_data, n, 0, v->o->h);
    }
}

/* -- PLAIN -- */

static void copy_line(uint8_t *to, int64_t to_step, const uint8_t *from, int64_t from_step, int64_t n, size_t size)
{
    if (to_step == 1 && from_step == 1) {
        memcpy(to, from, (size_t)n * size);
        return;
    }
    switch (size) {
    case 1:
        for (int64_t i = 0; i < n; i++) to[i * to_step] = from[i * from_step];
        break;
    case 4:
        for (int64_t i = 0; i < n; i++) memcpy(to + i * to_step * 4, from + i * from_step * 4, 4);
        break;
    default:
        for (int64_t i = 0; i < n; i++) memcpy(to + i * to_step * (int64_t)size, from + i * from_step * (int64_t)size, size);
    }
}

/* Elements [at, at + n step) of the user against [mine, ...) of the operand, converting where the types differ. */
static void plain_line(const struct view *v, void *data, int input, int64_t user, int64_t user_step, int64_t mine,
                       int64_t my_step, int64_t n, int64_t channel, int channel_step)
{
    const struct ax_operand *o = v->o;
    size_t size = ax_dtype_bytes(o->dtype);
    uint8_t *me = v->space_or_data + mine * (int64_t)size, *you = (uint8_t *)data + user * (int64_t)size;
    if (v->user == o->dtype) {
        if (input)
            copy_line(me, my_step, you, user_step, n, size);
        else
            copy_line(you, user_step, me, my_step, n, size);
    } else if (o->dtype == AX_DTYPE_FLOAT32) {
        for (int64_t i = 0; i < n; i++)
            if (input)
                ((float *)me)[i * my_step] = (float)number_at(data, v->user, user + i * user_step);
            else
                ((double *)data)[user + i * user_step] = ((const float *)me)[i * my_step]; /* FLOAT64 is all that is let in */
    } else if (o->dtype == AX_DTYPE_INT8) {
        for (int64_t i = 0; i < n; i++) {
            int8_t *q = (int8_t *)me + i * my_step;
            int64_t c = channel + (channel_step ? i : 0);
            if (input)
                take_line(v, data, user + i * user_step, 1, 1, c, 0, q);
            else
                give_line(v, data, user + i * user_step, 1, 1, c, 0, q);
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            ((float *)data)[user + i * user_step] = (float)number_at(v->space_or_data, o->dtype, mine + i * my_step);
    }
}

/* Lines run along the dimension that is contiguous for the user, so that one side at least streams. */
static void plain_all(const struct view *v, void *data, int input)
{
    const struct ax_operand *o = v->o;
    int64_t mine[AX_MAX_RANK], at[AX_MAX_RANK] = {0}, step = 1, count = ax_operand_count(o);
    int inner = o->rank - 1, axis = o->quant.count > 1 ? o->quant.axis : -1;
    for (int d = o->rank - 1; d >= 0; step *= o->dim[d], d--) mine[d] = step;
    for (int d = 0; d < o->rank; d++)
        if (v->stride[d] == 1 && o->dim[d] > 1) inner = d;
    if (count == 0) return;
    int64_t n = o->rank ? o->dim[inner] : 1, lines = count / n;
    for (int64_t i = 0; i < lines; i++) {
        int64_t user = 0, my = 0;
        for (int d = 0; d < o->rank; d++) user += at[d] * v->stride[d], my += at[d] * mine[d];
        plain_line(v, data, input, user, o->rank ? v->stride[inner] : 1, my, o->rank ? mine[inner] : 1, n,
                   axis >= 0 ? at[axis] : 0, axis == inner && axis >= 0);
        for (int d = o->rank - 1; d >= 0; d--) {
            if (d == inner) continue;
            if (++at[d] < o->dim[d]) break;
            at[d] = 0;
        }
    }
}

enum ax_status ax_exec_set_input(struct ax_exec *e, int input, const void *data, enum ax_dtype t, uint8_t *arena,
                                 struct ax_error *err)
{
    const struct ax_program *p = ax_exec_program(e);
    if (input < 0 || input >= p->n_inputs)
        return ax_fail(err, AX_INVALID_ARGUMENT, "input %d asked for; the model has %d", input, p->n_inputs);
    const struct ax_port *port = &p->inputs[input];
    struct view v;
    if (make_view(e, port, t, arena, &v, err)) return err->status;
    int converts = (v.o->dtype == AX_DTYPE_FLOAT32 || v.o->dtype == AX_DTYPE_INT8) && is_number(t);
    if (t != v.o->dtype && !converts)
        return ax_fail(err, AX_INVALID_ARGUMENT, "input '%s' takes %s; %s was given", port->name, ax_dtype_text(v.o->dtype),
                       ax_dtype_text(t));
    if (v.o->layout == AX_LAYOUT_PLANES)
        planes_all(&v, (void *)(uintptr_t)data, 1);
    else
        plain_all(&v, (void *)(uintptr_t)data, 1);
    return AX_OK;
}

enum ax_status ax_exec_get_output(struct ax_exec *e, int output, void *data, enum ax_dtype t, uint8_t *arena,
                                  struct ax_error *err)
{
    const struct ax_program *p = ax_exec_program(e);
    if (output < 0 || output >= p->n_outputs)
        return ax_fail(err, AX_INVALID_ARGUMENT, "output %d asked for; the model has %d", output, p->n_outputs);
    const struct ax_port *port = &p->outputs[output];
    struct view v;
    if (make_view(e, port, t, arena, &v, err)) return err->status;
    int widens = v.o->dtype == AX_DTYPE_FLOAT32 && t == AX_DTYPE_FLOAT64;
    if (t != v.o->dtype && !widens && !(t == AX_DTYPE_FLOAT32 && is_number(v.o->dtype)))
        return ax_fail(err, AX_INVALID_ARGUMENT, "output '%s' gives %s or float32; %s was asked for", port->name,
                       ax_dtype_text(v.o->dtype), ax_dtype_text(t));
    if (v.o->layout == AX_LAYOUT_PLANES)
        planes_all(&v, data, 0);
    else
        plain_all(&v, data, 0);
    return AX_OK;
}

void ax_operand_to_float(const struct ax_program *p, int operand, const uint8_t *arena, float *out)
{
    struct view v = {.o = &p->operands[operand], .user = AX_DTYPE_FLOAT32, .rows = ax_rows_find(ax_cpu_features())};
    int64_t step = 1;
    v.space_or_data = ax_operand_data(p, v.o, arena);
    for (int d = v.o->rank - 1; d >= 0; step *= v.o->dim[d], d--) v.stride[d] = step;
    if (v.o->layout == AX_LAYOUT_PLANES)
        planes_all(&v, out, 0);
    else
        plain_all(&v, out, 0);
}
