/* Ports outside of the arena: which can be, whether two are alike, and making their halos equal.
 *
 * A port's place is the range of the arena that its operand reaches. All operands that overlap it must lie wholly within: they
 * move with it. An input must moreover not be written by any step, since others may read the same bytes after this program. */
#include <string.h>

#include "exec/internal.h"

static const struct ax_port *port_at(const struct ax_program *p, int is_output, int index)
{
    return is_output ? &p->outputs[index] : &p->inputs[index];
}

static void plane_reach(const struct ax_operand *o, const struct ax_plane *p, int64_t *first, int64_t *end)
{
    *first = p->offset - o->halo_top * p->row_stride - (int64_t)o->halo_left * p->pixel_stride;
    *end = p->offset + (o->n - 1) * p->image_stride + (o->h - 1 + o->halo_bottom) * p->row_stride +
           (o->w - 1 + o->halo_right) * p->pixel_stride + (p->flags & AX_PLANE_SHARED ? p->channels : p->pixel_stride);
}

void ax_operand_reach(const struct ax_operand *o, int64_t *first, int64_t *end)
{
    *first = o->offset;
    *end = o->offset + ax_operand_span(o);
    for (int i = 0; o->layout == AX_LAYOUT_PLANES && i < o->n_planes; i++) {
        int64_t a, b;
        plane_reach(o, &o->planes[i], &a, &b);
        if (i == 0 || a < *first) *first = a;
        if (i == 0 || b > *end) *end = b;
    }
}

int ax_operand_within(const struct ax_operand *o, int64_t first, int64_t bytes)
{
    int64_t a, b;
    if (o->space != AX_SPACE_ARENA) return 0;
    ax_operand_reach(o, &a, &b);
    return a >= first && b <= first + bytes;
}

static int overlaps(const struct ax_operand *o, int64_t first, int64_t bytes)
{
    int64_t a, b;
    if (o->space != AX_SPACE_ARENA) return 0;
    ax_operand_reach(o, &a, &b);
    return a < first + bytes && b > first;
}

static int written(const struct ax_program *p, int operand)
{
    for (int s = 0; s < p->n_steps; s++)
        for (int i = 0; i < p->steps[s].n_out; i++)
            if (p->steps[s].out[i] == operand) return 1;
    return 0;
}

static int other_port(const struct ax_program *p, int is_output, int index, int operand)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].operand == operand && (is_output || i != index)) return 1;
    for (int i = 0; i < p->n_outputs; i++)
        if (p->outputs[i].operand == operand && (!is_output || i != index)) return 1;
    return 0;
}

int ax_port_place(const struct ax_program *p, int is_output, int index, int64_t *first, int64_t *bytes)
{
    const struct ax_operand *o = &p->operands[port_at(p, is_output, index)->operand];
    int64_t end;
    if (o->space != AX_SPACE_ARENA) return 0;
    ax_operand_reach(o, first, &end);
    *bytes = end - *first;
    if (*first % 64) return 0;
    for (int i = 0; i < p->n_operands; i++) {
        if (!overlaps(&p->operands[i], *first, *bytes)) continue;
        if (!ax_operand_within(&p->operands[i], *first, *bytes) || other_port(p, is_output, index, i)) return 0;
        if (!is_output && written(p, i)) return 0;
    }
    return 1;
}

/* -- likeness -- */

static int same_quant(const struct ax_quant *a, const struct ax_quant *b)
{
    if (a->count != b->count) return 0;
    if (!a->count) return 1;
    return !memcmp(a->scale, b->scale, sizeof *a->scale * (size_t)a->count) &&
           !memcmp(a->zero_point, b->zero_point, sizeof *a->zero_point * (size_t)a->count);
}

static int same_planes(const struct ax_operand *a, const struct ax_operand *b, int any_halo)
{
    int64_t a0, b0, end;
    if (a->n_planes != b->n_planes) return 0;
    for (int i = 0; i < a->n_planes; i++)
        if (a->planes[i].channels != b->planes[i].channels || a->planes[i].pixel_stride != b->planes[i].pixel_stride) return 0;
    if (any_halo) return 1;
    ax_operand_reach(a, &a0, &end);
    ax_operand_reach(b, &b0, &end);
    for (int i = 0; i < a->n_planes; i++) {
        const struct ax_plane *x = &a->planes[i], *y = &b->planes[i];
        if (x->offset - a0 != y->offset - b0 || x->row_stride != y->row_stride || x->image_stride != y->image_stride) return 0;
    }
    return a->halo_top == b->halo_top && a->halo_left == b->halo_left && a->halo_bottom == b->halo_bottom &&
           a->halo_right == b->halo_right;
}

int ax_port_same(const struct ax_program *from, int output, const struct ax_program *to, int input, int any_halo)
{
    const struct ax_port *p = &from->outputs[output], *q = &to->inputs[input];
    const struct ax_operand *a = &from->operands[p->operand], *b = &to->operands[q->operand];
    if (a->dtype != b->dtype || a->layout != b->layout || a->rank != b->rank) return 0;
    if (memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank)) return 0;
    if (memcmp(p->perm, q->perm, sizeof *p->perm * (size_t)a->rank) || !same_quant(&a->quant, &b->quant)) return 0;
    return a->layout == AX_LAYOUT_PLAIN || same_planes(a, b, any_halo);
}

/* -- wider halos -- */

enum { MAX_PLANES = 256 };

/* The plane of the port that a plane of another operand lies in; -1 if it is seen under other strides. */
static int plane_of(const struct ax_operand *port, const struct ax_operand *o, const struct ax_plane *p)
{
    for (int i = 0; i < port->n_planes; i++) {
        const struct ax_plane *q = &port->planes[i];
        int64_t within = p->offset - q->offset;
        if (within >= 0 && within + p->channels <= q->pixel_stride && p->pixel_stride == q->pixel_stride &&
            (o->h == 1 || p->row_stride == q->row_stride) && (o->n == 1 || p->image_stride == q->image_stride))
            return i;
    }
    return -1;
}

static int same_images(const struct ax_operand *a, const struct ax_operand *b)
{
    return b->layout == AX_LAYOUT_PLANES && a->n == b->n && a->h == b->h && a->w == b->w;
}

/* Planes one behind the other, as the compiler lays them. */
static int apart(const struct ax_operand *o)
{
    int64_t last = INT64_MIN;
    for (int i = 0; i < o->n_planes; i++) {
        int64_t first, end;
        plane_reach(o, &o->planes[i], &first, &end);
        if (first < last) return 0;
        last = end;
    }
    return 1;
}

static int can_widen(const struct ax_program *p, const struct ax_operand *port, int64_t first, int64_t bytes)
{
    if (port->layout != AX_LAYOUT_PLANES || port->n_planes > MAX_PLANES || !apart(port)) return 0;
    for (int i = 0; i < p->n_operands; i++) {
        const struct ax_operand *o = &p->operands[i];
        if (!ax_operand_within(o, first, bytes)) continue;
        if (!same_images(port, o)) return 0;
        for (int k = 0; k < o->n_planes; k++)
            if (plane_of(port, o, &o->planes[k]) < 0) return 0;
    }
    return 1;
}

static void lay_out(const struct ax_operand *port, const int halo[4], int64_t at, struct ax_plane *to)
{
    for (int i = 0; i < port->n_planes; i++) {
        struct ax_plane *q = &to[i];
        *q = port->planes[i];
        q->row_stride = (port->w + halo[1] + halo[3]) * q->pixel_stride;
        q->image_stride = (port->h + halo[0] + halo[2]) * q->row_stride;
        q->offset = at + halo[0] * q->row_stride + (int64_t)halo[1] * q->pixel_stride;
        at += (port->n * q->image_stride + 63) / 64 * 64;
    }
}

static void move_operand(struct ax_operand *o, const struct ax_operand *port, const struct ax_plane *to, const int halo[4])
{
    for (int k = 0; k < o->n_planes; k++) {
        struct ax_plane *q = &o->planes[k];
        int i = plane_of(port, o, q);
        q->offset = to[i].offset + (q->offset - port->planes[i].offset);
        q->row_stride = to[i].row_stride;
        q->image_stride = to[i].image_stride;
    }
    o->halo_top = halo[0], o->halo_left = halo[1], o->halo_bottom = halo[2], o->halo_right = halo[3];
}

static int64_t space_end(const struct ax_program *p)
{
    int64_t last = p->arena_bytes;
    for (int i = 0; i < p->n_operands; i++) {
        int64_t first, end;
        if (p->operands[i].space != AX_SPACE_ARENA) continue;
        ax_operand_reach(&p->operands[i], &first, &end);
        if (end > last) last = end;
    }
    return (last + 63) / 64 * 64;
}

int ax_port_widen(struct ax_program *p, int is_output, int index, const int want[4])
{
    struct ax_operand *o = &p->operands[port_at(p, is_output, index)->operand];
    struct ax_plane to[MAX_PLANES], from[MAX_PLANES];
    int64_t first, bytes;
    int halo[4] = {o->halo_top, o->halo_left, o->halo_bottom, o->halo_right};
    if (!ax_port_place(p, is_output, index, &first, &bytes) || !can_widen(p, o, first, bytes)) return 0;
    if (!want) return 1;
    for (int i = 0; i < 4; i++)
        if (want[i] > halo[i]) halo[i] = want[i];
    lay_out(o, halo, space_end(p), to);
    struct ax_operand old = *o;
    memcpy(from, o->planes, sizeof *from * (size_t)o->n_planes);
    old.planes = from;
    for (int i = 0; i < p->n_operands; i++)
        if (ax_operand_within(&p->operands[i], first, bytes)) move_operand(&p->operands[i], &old, to, halo);
    return 1;
}
