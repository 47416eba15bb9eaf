/* Settling: halos and strides of planes, then a place in the arena for every buffer over its lifetime. */
#include "lower/build.h"

#include <stdlib.h>
#include <string.h>

static int64_t round_up(int64_t v, int64_t to)
{
    return (v + to - 1) / to * to;
}

static int pixel_stride(int channels)
{
    return channels <= 4 ? 4 : (int)round_up(channels, 16);
}

static int64_t row_stride(const struct low_buffer *b, int plane)
{
    return (b->w + b->halo_left + b->halo_right) * pixel_stride(b->channels[plane]);
}

static int64_t image_stride(const struct low_buffer *b, int plane)
{
    return (b->h + b->halo_top + b->halo_bottom) * row_stride(b, plane);
}

static void lay_out_planes(struct low_buffer *b)
{
    b->bytes = 0;
    for (int i = 0; i < b->n_planes; i++) {
        b->plane_offset[i] = b->bytes;
        b->bytes += round_up(b->n * image_stride(b, i), 64);
    }
}

/* -- lifetimes -- */

static void touch_buffer(struct low *L, int buffer, int step)
{
    struct low_buffer *b = &L->buffers[buffer];
    if (b->first == -2 || step < b->first) b->first = step;
    if (step > b->last) b->last = step;
}

static void touch(struct low *L, int op, int step)
{
    if (op < 0 || low_op(L, op)->space != AX_SPACE_ARENA) return;
    const struct low_place *p = &L->places[op];
    if (p->buffer >= 0) touch_buffer(L, p->buffer, step);
    for (int i = 0; i < low_op(L, op)->n_planes; i++) touch_buffer(L, p->planes[i].buffer, step);
}

static void find_lifetimes(struct low *L)
{
    const struct ax_program *p = L->p;
    for (int s = 0; s < p->n_steps; s++) {
        for (int i = 0; i < p->steps[s].n_in; i++) touch(L, p->steps[s].in[i], s);
        for (int i = 0; i < p->steps[s].n_out; i++) touch(L, p->steps[s].out[i], s);
    }
    for (int i = 0; i < p->n_inputs; i++) touch(L, p->inputs[i].operand, -1);
    for (int i = 0; i < p->n_outputs; i++) touch(L, p->outputs[i].operand, p->n_steps);
    for (int i = 0; i < p->n_inputs && L->opt.own_ports; i++) touch(L, p->inputs[i].operand, p->n_steps);
    for (int i = 0; i < p->n_outputs && L->opt.own_ports; i++) touch(L, p->outputs[i].operand, -1);
    if (!L->opt.keep_all) return;
    for (int i = 0; i < p->n_operands; i++) touch(L, i, p->n_steps);
    for (int i = 0; i < L->n_buffers; i++)
        if (L->buffers[i].first != -2) L->buffers[i].first = -1, L->buffers[i].last = p->n_steps;
}

/* -- greedy by size: the largest first, each at the lowest place free over its lifetime -- */

struct item {
    int64_t bytes;
    int buffer;
};

static int larger_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->buffer - y->buffer;
}

/* `placed` holds the buffers with a place, by offset. Returns where among them the new one went. */
static int place_one(struct low *L, int *placed, int n, int buffer)
{
    struct low_buffer *b = &L->buffers[buffer];
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        const struct low_buffer *o = &L->buffers[placed[i]];
        if (o->last < b->first || o->first > b->last) continue;
        if (o->offset - at >= b->bytes) break;
        int64_t end = o->offset + round_up(o->bytes, 64);
        if (end > at) at = end;
    }
    b->offset = at;
    int i = n;
    while (i > 0 && L->buffers[placed[i - 1]].offset > at) placed[i] = placed[i - 1], i--;
    placed[i] = buffer;
    return i;
}

static void plan(struct low *L)
{
    struct item *items = AX_NEW(&L->tmp, struct item, L->n_buffers + 1);
    int *placed = AX_NEW(&L->tmp, int, L->n_buffers + 1), n = 0;
    for (int i = 0; i < L->n_buffers; i++)
        if (L->buffers[i].first != -2) items[n++] = (struct item){round_up(L->buffers[i].bytes, 64), i};
    qsort(items, (size_t)n, sizeof *items, larger_first);
    for (int i = 0; i < n; i++) {
        place_one(L, placed, i, items[i].buffer);
        int64_t end = L->buffers[items[i].buffer].offset + items[i].bytes;
        if (end > L->p->arena_bytes) L->p->arena_bytes = end;
    }
}

/* -- operands -- */

static void settle_plane(const struct low *L, const struct ax_operand *o, const struct low_plane *from, struct ax_plane *to)
{
    const struct low_buffer *b = &L->buffers[from->buffer];
    bool same = b->n == o->n && b->h == o->h && b->w == o->w;
    int ps = pixel_stride(b->channels[from->plane]);
    int64_t row = same ? row_stride(b, from->plane) : o->w * ps;
    *to = (struct ax_plane){
        .offset = b->offset + b->plane_offset[from->plane] + b->halo_top * row + (int64_t)b->halo_left * ps + from->first,
        .channels = from->channels,
        .pixel_stride = ps,
        .row_stride = row,
        .image_stride = same ? image_stride(b, from->plane) : o->h * row,
        .flags = from->channels < b->channels[from->plane] ? AX_PLANE_SHARED : 0,
    };
}

static void settle_planes(struct low *L, int op)
{
    struct ax_operand *o = low_op(L, op);
    const struct low_place *p = &L->places[op];
    o->planes = AX_NEW(&L->p->mem, struct ax_plane, o->n_planes);
    for (int i = 0; i < o->n_planes; i++) {
        const struct low_buffer *b = &L->buffers[p->planes[i].buffer];
        settle_plane(L, o, &p->planes[i], &o->planes[i]);
        /* Planes of several buffers share only the narrowest halo. */
        if (i == 0 || b->halo_top < o->halo_top) o->halo_top = b->halo_top;
        if (i == 0 || b->halo_left < o->halo_left) o->halo_left = b->halo_left;
        if (i == 0 || b->halo_bottom < o->halo_bottom) o->halo_bottom = b->halo_bottom;
        if (i == 0 || b->halo_right < o->halo_right) o->halo_right = b->halo_right;
    }
    o->offset = L->buffers[p->planes[0].buffer].offset;
    o->bytes = L->buffers[p->planes[0].buffer].bytes;
}

enum ax_status low_settle_buffers(struct low *L)
{
    for (int i = 0; i < L->n_buffers; i++)
        if (L->buffers[i].n_planes) lay_out_planes(&L->buffers[i]);
    find_lifetimes(L);
    plan(L);
    for (int i = 0; i < L->p->n_operands; i++) {
        if (low_op(L, i)->layout == AX_LAYOUT_PLANES)
            settle_planes(L, i);
        else if (L->places[i].buffer >= 0)
            low_op(L, i)->offset = L->buffers[L->places[i].buffer].offset;
    }
    return AX_OK;
}

/* -- reports -- */

static int64_t elements(const struct ax_operand *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    return n;
}

int64_t low_step_macs(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_conv_params *c = s->params;
    const struct ax_matmul_params *m = s->params;
    switch (s->kind) {
    case AX_STEP_CONV_F32:
    case AX_STEP_DWCONV_F32:
    case AX_STEP_CONV_S8:
    case AX_STEP_DWCONV_S8: {
        const struct ax_operand *x = &p->operands[s->in[0]];
        return elements(&p->operands[s->out[0]]) * c->kh * c->kw * (x->dim[x->rank - 1] / c->groups);
    }
    case AX_STEP_CONVT_F32:
    case AX_STEP_CONVT_S8: {
        const struct ax_operand *y = &p->operands[s->out[0]];
        return elements(&p->operands[s->in[0]]) * c->kh * c->kw * (y->dim[y->rank - 1] / c->groups);
    }
    case AX_STEP_MATMUL_F32:
    case AX_STEP_MATMUL_S8: return (int64_t)m->batch[0] * m->batch[1] * m->batch[2] * m->batch[3] * m->m * m->n * m->k;
    default: return 0;
    }
}
