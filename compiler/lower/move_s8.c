/* Movement on planes: views where elements stay, MOVE_S8 where pixels or channels change places. */
#include "lower/move.h"
#include "lower/resize.h"
#include "lower/s8.h"

#include <math.h>
#include <string.h>

static bool both_planes(const struct low *L, const struct ax_node *n)
{
    return low_is_planes(low_value(L, n->inputs[0])) && low_is_planes(low_value(L, n->outputs[0]));
}

static int64_t channels_of(const struct ax_value *v)
{
    return v->shape.dim[v->shape.rank - 1];
}

/* -- the same elements under other dimensions -- */

static int view_as(struct low *L, int x, const struct ax_value *v)
{
    return low_planes_view(L, v, L->places[x].planes, low_op(L, x)->n_planes);
}

enum ax_status low_alias_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    if (!both_planes(L, n) || channels_of(x) != channels_of(y) || n->n_outputs > 1) return AX_OK;
    int64_t a[4], b[4];
    low_planes_dims(x, a);
    low_planes_dims(y, b);
    int op = low_in_planes(L, n->inputs[0]);
    if (memcmp(a, b, sizeof a) && !low_make_dense(L, op)) {
        op = low_copy_planes(L, op, x, NULL, 0);
        low_make_dense(L, op);
    }
    struct ax_value same = low_requantized(y, &x->quant);
    bool equal = low_same_scales(&x->quant, 0, &y->quant, 0, channels_of(y));
    L->native[n->outputs[0]] = low_rescaled(L, view_as(L, op, equal ? y : &same), &x->quant, y);
    *done = true;
    return AX_OK;
}

/* -- joining and parting channels -- */

enum ax_status low_concat_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *y = low_value(L, n->outputs[0]);
    int64_t axis = ax_node_int(n, "axis", 0), c = 0;
    if (axis < 0) axis += y->shape.rank;
    if (!low_is_planes(y) || axis != y->shape.rank - 1) return AX_OK;
    for (int i = 0; i < n->n_inputs; i++)
        if (!low_is_planes(low_value(L, n->inputs[i]))) return AX_OK;
    int total = 0, *parts = AX_NEW(&L->tmp, int, n->n_inputs);
    for (int i = 0; i < n->n_inputs; i++) {
        const struct ax_value *x = low_value(L, n->inputs[i]);
        struct ax_value part = low_part(y, c, channels_of(x));
        parts[i] = low_rescaled(L, low_in_planes(L, n->inputs[i]), &x->quant, &part);
        total += low_op(L, parts[i])->n_planes;
        c += channels_of(x);
    }
    struct low_plane *all = AX_NEW(&L->tmp, struct low_plane, total);
    for (int i = 0, at = 0; i < n->n_inputs; at += low_op(L, parts[i++])->n_planes)
        memcpy(all + at, L->places[parts[i]].planes, sizeof *all * (size_t)low_op(L, parts[i])->n_planes);
    L->native[n->outputs[0]] = low_planes_view(L, y, all, total);
    *done = true;
    return AX_OK;
}

/* Channels [c, c + count) of an operand as a view for y, with y's scales by way of a table where they differ. */
static int channels_view(struct low *L, int x, const struct ax_quant *xq, int64_t c, const struct ax_value *y)
{
    int n = low_op(L, x)->n_planes, count = 0;
    int64_t from = c, to = c + channels_of(y), first = 0;
    struct low_plane *list = AX_NEW(&L->tmp, struct low_plane, n);
    for (int i = 0; i < n; i++) {
        const struct low_plane *p = &L->places[x].planes[i];
        int64_t a = from > first ? from - first : 0, b = to - first < p->channels ? to - first : p->channels;
        if (a < b) list[count++] = (struct low_plane){p->buffer, p->plane, p->first + (int)a, (int)(b - a)};
        first += p->channels;
    }
    struct ax_quant part = *xq;
    if (part.count > 1) part.count = (int)channels_of(y), part.scale += c, part.zero_point += c;
    struct ax_value same = low_requantized(y, &part);
    bool equal = low_same_scales(&part, 0, &y->quant, 0, channels_of(y));
    return low_rescaled(L, low_planes_view(L, equal ? y : &same, list, count), &part, y);
}

enum ax_status low_split_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]);
    int64_t axis = ax_node_int(n, "axis", 0), c = 0;
    if (axis < 0) axis += x->shape.rank;
    if (!low_is_planes(x) || axis != x->shape.rank - 1) return AX_OK;
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] == AX_NONE || !low_is_planes(low_value(L, n->outputs[i]))) return AX_OK;
    for (int i = 0; i < n->n_outputs; i++) {
        const struct ax_value *y = low_value(L, n->outputs[i]);
        L->native[n->outputs[i]] = channels_view(L, low_in_planes(L, n->inputs[0]), &x->quant, c, y);
        c += channels_of(y);
    }
    *done = true;
    return AX_OK;
}

/* -- by maps -- */

static void fill_map(int32_t *map, int64_t n, int64_t first, int64_t step)
{
    for (int64_t i = 0; i < n; i++) map[i] = (int32_t)(first + i * step);
}

/* Takes the move when it keeps every channel's scales; else the plain rule has to, in float. */
static enum ax_status take_move(struct low *L, const struct ax_node *n, const struct low_maps *m, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    if (!low_maps_keep(m, &x->quant, y)) return AX_OK;
    L->native[n->outputs[0]] = low_move(L, low_in_planes(L, n->inputs[0]), y, m, NULL, 0);
    *done = true;
    return AX_OK;
}

enum ax_status low_slice_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    if (!both_planes(L, n)) return AX_OK;
    int64_t first[AX_MAX_RANK] = {0}, step[AX_MAX_RANK] = {0}, d[4], s[4];
    int rank = x->shape.rank, last = rank - 1;
    low_slice_box(n, rank, first, step);
    if (first[0] || y->shape.dim[0] != x->shape.dim[0]) return AX_OK;
    low_planes_dims(y, d);
    low_planes_dims(x, s);
    bool pixels = d[1] != s[1] || d[2] != s[2];
    for (int i = 1; i < last; i++) pixels = pixels || first[i] || step[i] != 1;
    if (!pixels && step[last] == 1) {
        L->native[n->outputs[0]] = channels_view(L, low_in_planes(L, n->inputs[0]), &x->quant, first[last], y);
        *done = true;
        return AX_OK;
    }
    struct low_maps m = low_maps_identity(L, y, 1, 1);
    if (rank == 4) fill_map(m.y, d[1], first[1], step[1]);
    if (rank >= 3) fill_map(m.x, d[2], first[rank - 2], step[rank - 2]);
    fill_map(m.c, d[3], first[last], step[last]);
    return take_move(L, n, &m, done);
}

/* Where element o of a padded axis comes from; -1: the fill. */
static int32_t padded_from(int64_t o, int64_t before, int64_t size, enum ax_pad_mode mode)
{
    int64_t i = o - before;
    if (i >= 0 && i < size) return (int32_t)i;
    switch (mode) {
    case AX_PAD_EDGE: return i < 0 ? 0 : (int32_t)(size - 1);
    case AX_PAD_REFLECT:
        if (size < 2) return 0;
        i = ((i % (2 * size - 2)) + 2 * size - 2) % (2 * size - 2);
        return (int32_t)(i < size ? i : 2 * size - 2 - i);
    case AX_PAD_WRAP: return (int32_t)((i % size + size) % size);
    default: return -1;
    }
}

static int8_t quantized(float v, float scale, int32_t zero)
{
    double q = rint((double)(v / scale)) + zero;
    return (int8_t)(q > -128 ? q < 127 ? q : 127 : -128);
}

enum ax_status low_pad_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    if (!both_planes(L, n)) return AX_OK;
    int64_t pads[2 * AX_MAX_RANK], d[4], s[4];
    int rank = x->shape.rank, last = rank - 1;
    ax_node_ints(n, "pads", pads, 2 * rank, 0);
    if (pads[0] || pads[rank]) return AX_OK;
    low_planes_dims(y, d);
    low_planes_dims(x, s);
    enum ax_pad_mode mode = low_pad_mode(n);
    float value = ax_node_float(n, "value", 0);
    struct low_maps m = low_maps_identity(L, y, 1, 1);
    for (int64_t i = 0; i < d[1] && rank == 4; i++) m.y[i] = padded_from(i, pads[1], s[1], mode);
    for (int64_t i = 0; i < d[2] && rank >= 3; i++) m.x[i] = padded_from(i, pads[rank - 2], s[2], mode);
    for (int64_t i = 0; i < d[3]; i++) {
        m.c[i] = padded_from(i, pads[last], s[3], mode);
        m.fill[i] = quantized(value, low_scale(&y->quant, i), low_zero(&y->quant, i));
    }
    return take_move(L, n, &m, done);
}

/* -- channels and space -- */

enum ax_status low_depth_to_space_s8(struct low *L, const struct ax_node *n, bool *done)
{
    if (!both_planes(L, n) || !ax_node_int(n, "nhwc", 0) || low_value(L, n->inputs[0])->shape.rank != 4) return AX_OK;
    const struct ax_value *y = low_value(L, n->outputs[0]);
    int b = (int)ax_node_int(n, "blocksize", 1);
    bool crd = !strcmp(ax_node_string(n, "mode", "DCR"), "CRD");
    int64_t d[4];
    low_planes_dims(y, d);
    struct low_maps m = low_maps_identity(L, y, b, b);
    for (int64_t i = 0; i < d[1]; i++) m.y[i] = (int32_t)(i / b);
    for (int64_t i = 0; i < d[2]; i++) m.x[i] = (int32_t)(i / b);
    for (int64_t i = 0; i < b * b * d[3]; i++) m.c[i] = (int32_t)(crd ? i % d[3] * b * b + i / d[3] : i);
    return take_move(L, n, &m, done);
}

/* One move for each pixel of a block; the planes that they fill are joined. */
enum ax_status low_space_to_depth_s8(struct low *L, const struct ax_node *n, bool *done)
{
    if (!both_planes(L, n) || !ax_node_int(n, "nhwc", 0) || low_value(L, n->inputs[0])->shape.rank != 4) return AX_OK;
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    int b = (int)ax_node_int(n, "blocksize", 1), count = 0;
    int64_t c = channels_of(x), d[4];
    for (int64_t i = 0; i < b * b; i++)
        if (!low_same_scales(&x->quant, 0, &y->quant, i * c, c)) return AX_OK;
    struct low_plane *all = AX_NEW(&L->tmp, struct low_plane, b * b * ((c + 63) / 64));
    for (int i = 0; i < b * b; i++) {
        struct ax_value part = low_part(y, i * c, c);
        struct low_maps m = low_maps_identity(L, &part, 1, 1);
        low_planes_dims(&part, d);
        fill_map(m.y, d[1], i / b, b);
        fill_map(m.x, d[2], i % b, b);
        int op = low_move(L, low_in_planes(L, n->inputs[0]), &part, &m, NULL, 0);
        for (int p = 0; p < low_op(L, op)->n_planes; p++) all[count++] = L->places[op].planes[p];
    }
    L->native[n->outputs[0]] = low_planes_view(L, y, all, count);
    *done = true;
    return AX_OK;
}

enum ax_status low_channel_shuffle_s8(struct low *L, const struct ax_node *n, bool *done)
{
    if (!both_planes(L, n) || !ax_node_int(n, "nhwc", 0)) return AX_OK;
    const struct ax_value *y = low_value(L, n->outputs[0]);
    int64_t g = ax_node_int(n, "group", 1), c = channels_of(y);
    struct low_maps m = low_maps_identity(L, y, 1, 1);
    for (int64_t i = 0; i < c; i++) m.c[i] = (int32_t)(i % g * (c / g) + i / g);
    return take_move(L, n, &m, done);
}

/* -- resize -- */

/* ONNX's coordinate in the input of output position o. */
static double coordinate(const struct ax_resize_params *p, int axis, int64_t o, int64_t in, int64_t out)
{
    double scale = (double)p->scale[axis], at = ((double)o + 0.5) / scale - 0.5;
    switch ((enum ax_resize_coordinate)p->coordinate) {
    case AX_RESIZE_HALF_PIXEL_SYMMETRIC: {
        double adjust = (double)out / (scale * (double)in), center = (double)in / 2;
        return center * (1 - adjust) + at;
    }
    case AX_RESIZE_PYTORCH_HALF_PIXEL: return out > 1 ? at : 0;
    case AX_RESIZE_ALIGN_CORNERS: return out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    case AX_RESIZE_ASYMMETRIC: return (double)o / scale;
    default: return at;
    }
}

static int32_t nearest(const struct ax_resize_params *p, double at, int64_t in)
{
    double i = at;
    switch ((enum ax_resize_nearest)p->nearest) {
    case AX_RESIZE_ROUND_PREFER_FLOOR: i = ceil(at - 0.5); break;
    case AX_RESIZE_ROUND_PREFER_CEIL: i = floor(at + 0.5); break;
    case AX_RESIZE_FLOOR: i = floor(at); break;
    case AX_RESIZE_CEIL: i = ceil(at); break;
    }
    return i > 0 ? i < (double)(in - 1) ? (int32_t)i : (int32_t)(in - 1) : 0;
}

static enum ax_status resize_linear(struct low *L, const struct ax_node *n, const struct ax_resize_params *p, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    struct ax_value same = low_requantized(y, &x->quant);
    bool equal = low_same_scales(&x->quant, 0, &y->quant, 0, channels_of(y));
    int from = low_in_planes(L, n->inputs[0]), at = low_planes_like(L, equal ? y : &same, from);
    LOW_STEP(L, RESIZE_S8, LOW_LIST(from), LOW_LIST(at), *p);
    L->native[n->outputs[0]] = low_rescaled(L, at, &x->quant, y);
    *done = true;
    return AX_OK;
}

enum ax_status low_resize_s8(struct low *L, const struct ax_node *n, bool *done)
{
    const struct ax_value *x = low_value(L, n->inputs[0]), *y = low_value(L, n->outputs[0]);
    struct ax_resize_params p;
    if (!both_planes(L, n)) return AX_OK;
    LOW_TRY(low_resize_params(L, n, &p));
    int64_t d[4], s[4];
    int rank = x->shape.rank;
    low_planes_dims(y, d);
    low_planes_dims(x, s);
    if (d[0] != s[0] || d[3] != s[3] || rank < 3 || p.coordinate == AX_RESIZE_TF_CROP_AND_RESIZE || p.mode == AX_RESIZE_CUBIC)
        return AX_OK;
    if (p.mode == AX_RESIZE_LINEAR) return p.antialias ? AX_OK : resize_linear(L, n, &p, done);
    struct low_maps m = low_maps_identity(L, y, 1, 1);
    for (int64_t i = 0; i < d[1] && rank == 4; i++) m.y[i] = nearest(&p, coordinate(&p, 1, i, s[1], d[1]), s[1]);
    for (int64_t i = 0; i < d[2]; i++) m.x[i] = nearest(&p, coordinate(&p, rank - 2, i, s[2], d[2]), s[2]);
    return take_move(L, n, &m, done);
}
