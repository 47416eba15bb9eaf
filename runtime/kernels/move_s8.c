/* Int8 steps that compute nothing: TABLE_S8, MOVE_S8, PACK and UNPACK. They run at the speed of memcpy where channels permit.
 */
#include <stdlib.h>

#include "kernels/isa.h"
#include "kernels/s8.h"

/* Rows of the output are shared out; `row` does one of them. */
typedef void row_fn(const struct ax_task *t, int64_t n, int64_t y);

static void for_rows(const struct ax_task *t, const struct ax_operand *o, row_fn *row)
{
    struct s8_shape s = s8_shape_of(o);
    int64_t from, to;
    ax_share(s.n * s.h, 1, t->thread, t->threads, &from, &to);
    for (int64_t u = from; u < to; u++) row(t, u / s.h, u % s.h);
    s8_fill_halo(t, t->out[0], t->out_data[0]);
}

/* PLAIN int8 seen as one run of channels. */
static struct s8_run bytes_run(const struct ax_operand *o, uint8_t *data, int64_t c)
{
    if (o->layout == AX_LAYOUT_PLANES) return s8_channel_run(o, data, c);
    struct s8_shape s = s8_shape_of(o);
    return (struct s8_run){data + c, s.c, s.w * s.c, s.h * s.w * s.c, (int)(s.c - c), (int)(s.c - c)};
}

/* -- table -- */

/* `channels` is a constant where this is called for few of them: one load and one store an element. */
static inline __attribute__((always_inline)) void table_run(const uint8_t *a, int64_t a_step, uint8_t *d, int64_t d_step,
                                                            const uint8_t *table, int64_t step, int channels, int64_t w)
{
    for (int64_t i = 0; i < w; i++, a += a_step, d += d_step)
        for (int c = 0; c < channels; c++) d[c] = table[c * step + (a[c] ^ 0x80)];
}

/* Three channels of pixels of four bytes, a pixel at a time: a load and a store for all of them. What lies behind the channels
 * may be read and written. */
static void table_of_three(const uint8_t *a, uint8_t *d, const uint8_t *table, int64_t step, int64_t w)
{
    for (int64_t i = 0; i < w; i++) {
        uint32_t v, r;
        memcpy(&v, a + 4 * i, 4);
        v ^= 0x808080;
        r = table[v & 255] | (uint32_t)table[step + (v >> 8 & 255)] << 8 | (uint32_t)table[2 * step + (v >> 16 & 255)] << 16;
        memcpy(d + 4 * i, &r, 4);
    }
}

static void table_pixels(const struct s8_run *x, const struct s8_run *y, const uint8_t *table, int64_t step, int channels,
                         int64_t n, int64_t row, int64_t w)
{
    const uint8_t *a = s8_at(x, n, row, 0);
    uint8_t *d = s8_at(y, n, row, 0);
    switch (channels) {
    case 1: table_run(a, x->pixel, d, y->pixel, table, step, 1, w); break;
    case 3:
        if (x->pixel == 4 && y->pixel == 4 && x->room >= 4 && y->room >= 4)
            table_of_three(a, d, table, step, w);
        else
            table_run(a, x->pixel, d, y->pixel, table, step, 3, w);
        break;
    case 4: table_run(a, x->pixel, d, y->pixel, table, step, 4, w); break;
    default: table_run(a, x->pixel, d, y->pixel, table, step, channels, w);
    }
}

static void table_row(const struct ax_task *t, int64_t n, int64_t y)
{
    const struct ax_table_params *p = t->params;
    int64_t step = p->tables > 1 ? 256 : 0, w = s8_shape_of(t->out[0]).w, channels = s8_shape_of(t->out[0]).c;
    for (int64_t c = 0; c < channels;) {
        struct s8_run from = bytes_run(t->in[0], t->in_data[0], c), to = bytes_run(t->out[0], t->out_data[0], c);
        int len = from.left < to.left ? from.left : to.left;
        table_pixels(&from, &to, t->in_data[1] + c * step, step, len, n, y, w);
        c += len;
    }
}

static void run_table(const struct ax_task *t)
{
    for_rows(t, t->out[0], table_row);
}

/* -- PLAIN to PLANES and back -- */

static void copy_row(const struct ax_task *t, int64_t n, int64_t y)
{
    struct s8_shape s = s8_shape_of(t->out[0]);
    for (int64_t c = 0; c < s.c;) {
        struct s8_run from = bytes_run(t->in[0], t->in_data[0], c), to = bytes_run(t->out[0], t->out_data[0], c);
        int len = from.left < to.left ? from.left : to.left;
        for (int64_t x = 0; x < s.w; x++) memcpy(s8_at(&to, n, y, x), s8_at(&from, n, y, x), (size_t)len);
        c += len;
    }
}

static void run_copy(const struct ax_task *t)
{
    for_rows(t, t->out[0], copy_row);
}

/* -- movement by maps -- */

/* Consecutive channels [c, c + len) of an output pixel that come from one piece of an input pixel; plane -1: the fill. */
struct move_run {
    int32_t c, len, plane, channel;
};

/* The maps with everything out of range made -1, and each phase's channels cut into runs: runs[first[i]..first[i + 1]). */
struct move_state {
    int32_t *ymap, *xmap, *first;
    struct move_run *runs;
    int whole; /* one phase; no column and no channel is filled */
};

static void move_plane_of(const struct ax_operand *o, int32_t c, int32_t *plane, int32_t *channel)
{
    *plane = -1, *channel = 0;
    if (c < 0 || c >= o->c) return;
    for (*plane = 0; *plane + 1 < o->n_planes && c >= o->planes[*plane].channels; ++*plane) c -= o->planes[*plane].channels;
    *channel = c;
}

static int32_t move_phase(const struct ax_operand *x, const struct ax_operand *y, const int32_t *cmap, struct move_run *out)
{
    int32_t n = 0, y_plane = -1;
    for (int32_t c = 0; c < y->c; c++) {
        struct move_run r = {c, 1, 0, 0};
        int32_t to, to_channel;
        move_plane_of(x, cmap[c], &r.plane, &r.channel);
        move_plane_of(y, c, &to, &to_channel);
        struct move_run *last = &out[n - 1];
        int joins = n > 0 && to == y_plane && last->plane == r.plane && (r.plane < 0 || last->channel + last->len == r.channel);
        if (joins)
            last->len++;
        else
            out[n++] = r;
        y_plane = to;
    }
    return n;
}

static void move_clean(int32_t *to, const int32_t *from, int64_t n, int64_t limit)
{
    for (int64_t i = 0; i < n; i++) to[i] = from[i] >= 0 && from[i] < limit ? from[i] : -1;
}

static void *move_prepare(const struct ax_program *p, const struct ax_step *s)
{
    const struct ax_move_params *m = s->params;
    const struct ax_operand *x = &p->operands[s->in[0]], *y = &p->operands[s->out[0]];
    const int32_t *map[3];
    for (int i = 0; i < 3; i++) map[i] = (const int32_t *)(p->const_data + p->operands[s->in[1 + i]].offset);
    int64_t phases = (int64_t)m->block_h * m->block_w, words = y->h + y->w + phases + 1;
    size_t head = sizeof(struct move_state);
    struct move_state *st = malloc(head + (size_t)(words * 4) + (size_t)(phases * y->c) * sizeof(struct move_run));
    if (!st) return NULL;
    st->runs = (struct move_run *)(st + 1);
    st->ymap = (int32_t *)(st->runs + phases * y->c);
    st->xmap = st->ymap + y->h;
    st->first = st->xmap + y->w;
    move_clean(st->ymap, map[0], y->h, x->h);
    move_clean(st->xmap, map[1], y->w, x->w);
    st->first[0] = 0;
    for (int64_t i = 0; i < phases; i++)
        st->first[i + 1] = st->first[i] + move_phase(x, y, map[2] + i * y->c, st->runs + st->first[i]);
    st->whole = phases == 1;
    for (int64_t i = 0; i < y->w; i++) st->whole &= st->xmap[i] >= 0;
    for (int32_t i = 0; phases == 1 && i < st->first[1]; i++) st->whole &= st->runs[i].plane >= 0;
    return st;
}

/* One run of a row of which every pixel exists; `len` is a constant where it is small. */
static inline __attribute__((always_inline)) void move_pixels(uint8_t *to, int64_t to_step, const uint8_t *from,
                                                              int64_t from_step, const int32_t *xmap, int64_t w, size_t len)
{
    for (int64_t x = 0; x < w; x++, to += to_step) memcpy(to, from + xmap[x] * from_step, len);
}

/* Without phases and without fill: channels change places, pixels perhaps too. */
static void move_whole_row(const struct ax_task *t, const struct move_state *st, int64_t n, int64_t y)
{
    for (int32_t i = st->first[0]; i < st->first[1]; i++) {
        const struct move_run *r = &st->runs[i];
        struct s8_run to = s8_channel_run(t->out[0], t->out_data[0], r->c);
        struct s8_run from = s8_plane_run(t->in[0], t->in_data[0], r->plane, r->channel);
        uint8_t *d = s8_at(&to, n, y, 0);
        const uint8_t *a = s8_at(&from, n, st->ymap[y], 0);
        if (r->len == 1)
            move_pixels(d, to.pixel, a, from.pixel, st->xmap, t->out[0]->w, 1);
        else
            move_pixels(d, to.pixel, a, from.pixel, st->xmap, t->out[0]->w, (size_t)r->len);
    }
}

static void move_row(const struct ax_task *t, int64_t n, int64_t y)
{
    const struct ax_move_params *m = t->params;
    const struct move_state *st = t->state;
    const uint8_t *fill = t->in_data[4];
    if (st->whole && st->ymap[y] >= 0) {
        move_whole_row(t, st, n, y);
        return;
    }
    for (int64_t x = 0; x < t->out[0]->w; x++) {
        int64_t phase = (y % m->block_h) * m->block_w + x % m->block_w;
        int inside = st->ymap[y] >= 0 && st->xmap[x] >= 0;
        for (int32_t i = st->first[phase]; i < st->first[phase + 1]; i++) {
            const struct move_run *r = &st->runs[i];
            struct s8_run to = s8_channel_run(t->out[0], t->out_data[0], r->c);
            const uint8_t *src = fill + r->c;
            if (inside && r->plane >= 0) {
                struct s8_run from = s8_plane_run(t->in[0], t->in_data[0], r->plane, r->channel);
                src = s8_at(&from, n, st->ymap[y], st->xmap[x]);
            }
            memcpy(s8_at(&to, n, y, x), src, (size_t)r->len);
        }
    }
}

static void run_move(const struct ax_task *t)
{
    for_rows(t, t->out[0], move_row);
}

AX_PLAIN_KERNEL(TABLE_S8, table_s8, .run = run_table);
AX_PLAIN_KERNEL(PACK, pack, .run = run_copy);
AX_PLAIN_KERNEL(UNPACK, unpack, .run = run_copy);
AX_PLAIN_KERNEL(MOVE_S8, move_s8, .prepare = move_prepare, .run = run_move);
