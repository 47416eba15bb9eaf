#include "exec/place.h"

#include <string.h>

#include "exec/internal.h"

void ax_operand_reach(const struct ax_operand *o, int part, int64_t *first, int64_t *end)
{
    *first = o->offset;
    *end = o->offset + ax_operand_span(o);
    if (o->layout != AX_LAYOUT_PLANES) return;
    const struct ax_plane *p = &o->planes[part];
    *first = p->offset - o->halo_top * p->row_stride - (int64_t)o->halo_left * p->pixel_stride;
    *end = p->offset + (o->n - 1) * p->image_stride + (o->h - 1 + o->halo_bottom) * p->row_stride +
           (o->w - 1 + o->halo_right) * p->pixel_stride + (p->flags & AX_PLANE_SHARED ? p->channels : p->pixel_stride);
}

static bool overlaps(const struct ax_operand *o, int part, const struct ax_window *block)
{
    int64_t first, end;
    if (o->space != AX_SPACE_ARENA) return false;
    ax_operand_reach(o, part, &first, &end);
    return first < block->first + block->bytes && end > block->first;
}

static bool any_overlaps(const struct ax_operand *o, const struct ax_window *block)
{
    for (int i = 0; i < ax_operand_parts(o); i++)
        if (overlaps(o, i, block)) return true;
    return false;
}

int64_t ax_space_end(const struct ax_program *p)
{
    int64_t last = p->arena_bytes;
    for (int i = 0; i < p->n_operands; i++)
        for (int k = 0; p->operands[i].space == AX_SPACE_ARENA && k < ax_operand_parts(&p->operands[i]); k++) {
            int64_t first, end;
            ax_operand_reach(&p->operands[i], k, &first, &end);
            if (end > last) last = end;
        }
    return (last + 63) / 64 * 64;
}

/* -- blocks -- */

static bool join(struct ax_window *block, const struct ax_operand *o, int part)
{
    int64_t first, end, was = block->first + block->bytes;
    ax_operand_reach(o, part, &first, &end);
    if (first >= block->first && end <= was) return false;
    if (first > block->first) first = block->first;
    if (end < was) end = was;
    *block = (struct ax_window){first, end - first};
    return true;
}

bool ax_part_block(const struct ax_program *p, int operand, int part, struct ax_window *block)
{
    const struct ax_operand *o = &p->operands[operand];
    int64_t end;
    if (o->space != AX_SPACE_ARENA || part >= ax_operand_parts(o)) return false;
    ax_operand_reach(o, part, &block->first, &end);
    block->bytes = end - block->first;
    for (bool grew = true; grew;) {
        grew = false;
        for (int i = 0; i < p->n_operands; i++)
            for (int k = 0; k < ax_operand_parts(&p->operands[i]); k++)
                if (overlaps(&p->operands[i], k, block)) grew |= join(block, &p->operands[i], k);
    }
    block->bytes = (block->bytes + 63) / 64 * 64;
    return block->bytes > 0;
}

bool ax_block_has_input(const struct ax_program *p, const struct ax_window *block)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (any_overlaps(&p->operands[p->inputs[i].operand], block)) return true;
    return false;
}

static bool written(const struct ax_program *p, int operand)
{
    for (int s = 0; s < p->n_steps; s++)
        for (int i = 0; i < p->steps[s].n_out; i++)
            if (p->steps[s].out[i] == operand) return true;
    return false;
}

/* -- grids: planes whose pixels are neighbours in memory -- */

static bool same_images(const struct ax_operand *a, const struct ax_operand *b)
{
    return a->layout == AX_LAYOUT_PLANES && b->layout == AX_LAYOUT_PLANES && a->n == b->n && a->h == b->h && a->w == b->w;
}

/* Whether plane q holds some of plane r's channels, pixel by pixel. */
static bool part_of(const struct ax_operand *a, const struct ax_plane *r, const struct ax_operand *b, const struct ax_plane *q)
{
    int64_t channel = q->offset - r->offset;
    return same_images(a, b) && q->pixel_stride == r->pixel_stride && (a->h == 1 || q->row_stride == r->row_stride) &&
           (a->n == 1 || q->image_stride == r->image_stride) && channel >= 0 && channel + q->channels <= r->channels;
}

static void halo_of(const struct ax_operand *o, int halo[4])
{
    halo[0] = o->halo_top, halo[1] = o->halo_left, halo[2] = o->halo_bottom, halo[3] = o->halo_right;
}

/* A view knows of its own halo only; who writes the plane may write more. */
static void written_halo(const struct ax_program *p, const struct ax_operand *o, const struct ax_plane *r, int halo[4])
{
    halo_of(o, halo);
    for (int i = 0; i < p->n_operands; i++) {
        const struct ax_operand *w = &p->operands[i];
        int more[4];
        for (int k = 0; k < w->n_planes; k++) {
            if (w->space != AX_SPACE_ARENA || !part_of(w, &w->planes[k], o, r) || !written(p, i)) continue;
            halo_of(w, more);
            for (int j = 0; j < 4; j++)
                if (more[j] > halo[j]) halo[j] = more[j];
        }
    }
}

void ax_part_seat(const struct ax_program *p, int operand, int part, const struct ax_window *block, struct ax_seat *out)
{
    const struct ax_operand *o = &p->operands[operand];
    *out = (struct ax_seat){.plane.offset = o->offset, .block = *block};
    if (o->layout != AX_LAYOUT_PLANES) return;
    out->plane = o->planes[part];
    written_halo(p, o, &o->planes[part], out->halo);
}

/* -- likeness -- */

static bool same_quant(const struct ax_quant *a, const struct ax_quant *b)
{
    if (a->count != b->count) return false;
    if (!a->count) return true;
    return !memcmp(a->scale, b->scale, sizeof *a->scale * (size_t)a->count) &&
           !memcmp(a->zero_point, b->zero_point, sizeof *a->zero_point * (size_t)a->count);
}

bool ax_port_same(const struct ax_program *from, int output, const struct ax_program *to, int input)
{
    const struct ax_port *p = &from->outputs[output], *q = &to->inputs[input];
    const struct ax_operand *a = &from->operands[p->operand], *b = &to->operands[q->operand];
    if (a->dtype != b->dtype || a->layout != b->layout || a->rank != b->rank || a->n_planes != b->n_planes) return false;
    if (memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank)) return false;
    if (memcmp(p->perm, q->perm, sizeof *p->perm * (size_t)a->rank) || !same_quant(&a->quant, &b->quant)) return false;
    for (int i = 0; i < a->n_planes; i++)
        if (a->planes[i].channels != b->planes[i].channels) return false;
    return true;
}

/* -- taking seats -- */

struct mover {
    struct ax_program *p;
    const struct ax_operand *port;
    struct ax_operand old; /* the port's, before it moves */
    struct ax_plane old_planes[AX_MAX_PARTS];
    const struct ax_seat *seats;
    struct ax_window block[AX_MAX_PARTS];
    int n;
};

static bool same_strides(const struct mover *m, int part)
{
    const struct ax_plane *a = &m->old_planes[part], *b = &m->seats[part].plane;
    const struct ax_operand *o = &m->old;
    return o->layout == AX_LAYOUT_PLAIN || (a->pixel_stride == b->pixel_stride && a->row_stride == b->row_stride &&
                                            (o->n == 1 || a->image_stride == b->image_stride));
}

static int64_t shift_of(const struct mover *m, int part)
{
    return m->seats[part].plane.offset - (m->old.layout == AX_LAYOUT_PLAIN ? m->old.offset : m->old_planes[part].offset);
}

static bool enough_halo(const struct ax_operand *q, const int halo[4])
{
    return q->halo_top <= halo[0] && q->halo_left <= halo[1] && q->halo_bottom <= halo[2] && q->halo_right <= halo[3];
}

/* Where the port's channels only come to lie under other strides, everything in the block must be some of them. */
static bool can_restride(const struct mover *m, int part, const struct ax_operand *q, int k)
{
    return q->layout == AX_LAYOUT_PLANES && m->old.layout == AX_LAYOUT_PLANES &&
           part_of(&m->old, &m->old_planes[part], q, &q->planes[k]) && enough_halo(q, m->seats[part].halo);
}

/* Where strides agree, views of any shape move along. */
static bool can_shift(const struct mover *m, int part, const struct ax_operand *q, int k)
{
    int64_t first, end, by = shift_of(m, part);
    const struct ax_window *block = &m->seats[part].block;
    static const int none[4];
    if (!same_strides(m, part) || !enough_halo(q, none)) return false;
    ax_operand_reach(q, k, &first, &end);
    return first + by >= block->first && end + by <= block->first + block->bytes;
}

static bool alone(const struct mover *m, int part)
{
    for (int i = 0; i < m->n; i++)
        if (i != part && m->block[i].first < m->block[part].first + m->block[part].bytes &&
            m->block[part].first < m->block[i].first + m->block[i].bytes)
            return false;
    return true;
}

static void move_plane(const struct mover *m, int part, struct ax_plane *q, bool restride)
{
    const struct ax_plane *to = &m->seats[part].plane;
    q->offset += shift_of(m, part);
    if (!restride) return;
    q->pixel_stride = to->pixel_stride;
    q->row_stride = to->row_stride;
    q->image_stride = to->image_stride;
    q->flags |= to->flags;
}

/* An operand's part that overlaps the block of the port's: whether it can go, and with `move` it goes. */
static bool take_along(const struct mover *m, int part, struct ax_operand *q, int k, bool move)
{
    bool restride = can_restride(m, part, q, k);
    if (!restride && !(alone(m, part) && can_shift(m, part, q, k))) return false;
    if (move && q->layout == AX_LAYOUT_PLANES)
        move_plane(m, part, &q->planes[k], restride);
    else if (move)
        q->offset += shift_of(m, part);
    return true;
}

static bool other_input(const struct ax_program *p, int input, int operand)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (i != input && p->inputs[i].operand == operand) return true;
    return false;
}

/* Of several blocks that a part overlaps (one, unless planes of the port lie in one another) the one where it fits. */
static bool take_part(const struct mover *m, int input, int operand, int k, bool move)
{
    struct ax_operand *q = &m->p->operands[operand];
    bool meets = false;
    for (int i = 0; i < m->n; i++) {
        if (!overlaps(q, k, &m->block[i])) continue;
        meets = true;
        if (!move && (other_input(m->p, input, operand) || written(m->p, operand))) return false;
        if (take_along(m, i, q, k, move)) return true;
    }
    return !meets;
}

bool ax_port_seat(struct ax_program *p, int input, const struct ax_seat *seats, bool move)
{
    int operand = p->inputs[input].operand;
    struct mover m = {.p = p, .port = &p->operands[operand], .seats = seats, .old = p->operands[operand]};
    m.n = ax_operand_parts(m.port);
    if (m.n > AX_MAX_PARTS) return false;
    for (int i = 0; i < m.port->n_planes; i++) m.old_planes[i] = m.port->planes[i];
    for (int i = 0; i < m.n; i++)
        if (!ax_part_block(p, operand, i, &m.block[i])) return false;
    for (int i = 0; i < p->n_operands; i++)
        for (int k = 0; k < ax_operand_parts(&p->operands[i]); k++)
            if (!take_part(&m, input, i, k, move)) return false;
    return true;
}
