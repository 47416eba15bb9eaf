/* Planes of values: parts, structure, moves by maps. */
#include "lower/s8.h"

bool low_same_scales(const struct ax_quant *a, int64_t ca, const struct ax_quant *b, int64_t cb, int64_t n)
{
    if (a->count <= 1 && b->count <= 1) n = 1;
    for (int64_t i = 0; i < n; i++)
        if (low_scale(a, ca + i) != low_scale(b, cb + i) || low_zero(a, ca + i) != low_zero(b, cb + i)) return false;
    return true;
}

struct ax_value low_part(const struct ax_value *v, int64_t c, int64_t n)
{
    struct ax_value part = *v;
    part.shape.dim[v->shape.rank - 1] = n;
    if (v->quant.count <= 1) return part;
    part.quant.count = (int)n;
    part.quant.scale += c;
    part.quant.zero_point += c;
    return part;
}

struct ax_value low_requantized(const struct ax_value *v, const struct ax_quant *q)
{
    struct ax_value r = *v;
    r.quant = *q;
    r.quant.axis = v->shape.rank - 1;
    return r;
}

int low_structure(struct low *L, int op, int **channels)
{
    int n = low_op(L, op)->n_planes;
    *channels = AX_NEW(&L->tmp, int, n + 1);
    for (int i = 0; i < n; i++) (*channels)[i] = L->places[op].planes[i].channels;
    return n;
}

bool low_same_structure(struct low *L, int a, int b)
{
    int n = low_op(L, a)->n_planes;
    if (n != low_op(L, b)->n_planes) return false;
    for (int i = 0; i < n; i++)
        if (L->places[a].planes[i].channels != L->places[b].planes[i].channels) return false;
    return true;
}

int low_planes_like(struct low *L, const struct ax_value *v, int op)
{
    int *channels, n = low_structure(L, op, &channels);
    return low_planes_new(L, v, channels, n);
}

/* -- moves -- */

struct low_maps low_maps_identity(struct low *L, const struct ax_value *to, int block_h, int block_w)
{
    int64_t d[4];
    low_planes_dims(to, d);
    struct low_maps m = {.y = AX_NEW(&L->tmp, int32_t, d[1] + 1),
                         .x = AX_NEW(&L->tmp, int32_t, d[2] + 1),
                         .c = AX_NEW(&L->tmp, int32_t, block_h * block_w * d[3] + 1),
                         .fill = AX_NEW(&L->tmp, int8_t, d[3] + 1),
                         .block_h = block_h,
                         .block_w = block_w};
    for (int64_t i = 0; i < d[1]; i++) m.y[i] = (int32_t)i;
    for (int64_t i = 0; i < d[2]; i++) m.x[i] = (int32_t)i;
    for (int64_t i = 0; i < block_h * block_w * d[3]; i++) m.c[i] = (int32_t)(i % d[3]);
    for (int64_t i = 0; i < d[3]; i++) m.fill[i] = (int8_t)low_zero(&to->quant, i);
    return m;
}

int low_move(struct low *L, int x, const struct ax_value *to, const struct low_maps *m, const int *channels, int n_planes)
{
    struct ax_move_params p = {m->block_h, m->block_w};
    int64_t d[4];
    low_planes_dims(to, d);
    int y = low_planes_new(L, to, channels, n_planes);
    int ymap = low_const_i32(L, (int)d[1], m->y), xmap = low_const_i32(L, (int)d[2], m->x);
    int cmap = low_const_i32(L, (int)(m->block_h * m->block_w * d[3]), m->c);
    int fill = low_const(L, AX_DTYPE_INT8, 1, &d[3], m->fill);
    LOW_STEP(L, MOVE_S8, LOW_LIST(x, ymap, xmap, cmap, fill), LOW_LIST(y), p);
    return y;
}

bool low_maps_keep(const struct low_maps *m, const struct ax_quant *from, const struct ax_value *to)
{
    int64_t c = to->shape.dim[to->shape.rank - 1];
    for (int64_t i = 0; i < m->block_h * m->block_w * c; i++)
        if (m->c[i] >= 0 && !low_same_scales(from, m->c[i], &to->quant, i % c, 1)) return false;
    return true;
}

int low_copy_planes(struct low *L, int x, const struct ax_value *v, const int *channels, int n_planes)
{
    struct low_maps m = low_maps_identity(L, v, 1, 1);
    return low_move(L, x, v, &m, channels, n_planes);
}
