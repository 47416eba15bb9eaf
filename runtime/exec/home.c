/* Where operands lie when parts of the arena's addresses are windows onto other memory.
 *
 * An operand within one window is read from that window's base. One whose planes lie in several places (a concatenation of what
 * another stage made with what this one makes) has a copy here; its planes' offsets are counted from the run's arena to
 * wherever each of them is, so that kernels read it like any other. */
#include <stdlib.h>
#include <string.h>

#include "exec/internal.h"

struct moved { /* a plane of a copy */
    struct ax_plane *plane;
    int64_t offset;
    int window;
};

struct ax_home {
    int n_windows, n_moved;
    struct ax_window *windows;
    uintptr_t *base;          /* what stands for the start of the arena, by window */
    int *of;                  /* by operand: 1 + its window; 0: the arena */
    struct ax_operand **copy; /* by operand; NULL: none is needed */
    struct moved *moved;
    bool stale;
    const uint8_t *arena; /* that the copies' offsets count from */
    struct ax_arena mem;
};

static int window_at(const struct ax_home *h, int64_t first)
{
    for (int i = 0; i < h->n_windows; i++)
        if (first >= h->windows[i].first && first < h->windows[i].first + h->windows[i].bytes) return i;
    return -1;
}

static int part_window(const struct ax_home *h, const struct ax_operand *o, int part)
{
    int64_t first, end;
    ax_operand_reach(o, part, &first, &end);
    return window_at(h, first);
}

static void copy_operand(struct ax_home *h, const struct ax_operand *o, int index)
{
    struct ax_operand *c = h->copy[index] = ax_arena_copy(&h->mem, o, sizeof *o);
    c->planes = ax_arena_copy(&h->mem, o->planes, sizeof *o->planes * (size_t)o->n_planes);
    for (int i = 0; i < o->n_planes; i++)
        h->moved[h->n_moved++] = (struct moved){&c->planes[i], o->planes[i].offset, part_window(h, o, i)};
}

static void place_operand(struct ax_home *h, const struct ax_operand *o, int index)
{
    if (o->space != AX_SPACE_ARENA || ax_operand_parts(o) == 0) return;
    int first = part_window(h, o, 0);
    bool one = true;
    for (int i = 1; i < ax_operand_parts(o); i++) one &= part_window(h, o, i) == first;
    if (one)
        h->of[index] = 1 + first;
    else
        copy_operand(h, o, index);
}

enum ax_status ax_home_new(const struct ax_program *p, const struct ax_window *windows, int n, struct ax_home **out,
                           struct ax_error *err)
{
    struct ax_home *h = *out = calloc(1, sizeof *h);
    if (!h) return ax_fail(err, AX_NO_MEMORY, "no memory for an executor");
    int planes = 0;
    for (int i = 0; i < p->n_operands; i++) planes += p->operands[i].n_planes;
    h->n_windows = n;
    h->windows = ax_arena_copy(&h->mem, windows, sizeof *windows * (size_t)n);
    h->base = AX_NEW(&h->mem, uintptr_t, n + 1);
    h->of = AX_NEW(&h->mem, int, p->n_operands + 1);
    h->copy = AX_NEW(&h->mem, struct ax_operand *, p->n_operands + 1);
    h->moved = AX_NEW(&h->mem, struct moved, planes + 1);
    for (int i = 0; i < p->n_operands; i++) place_operand(h, &p->operands[i], i);
    return AX_OK;
}

void ax_home_free(struct ax_home *h)
{
    if (!h) return;
    ax_arena_free(&h->mem);
    free(h);
}

void ax_home_window(struct ax_home *h, int window, uint8_t *data)
{
    h->base[window] = (uintptr_t)data - (uintptr_t)h->windows[window].first;
    h->stale = true;
}

void ax_home_settle(struct ax_home *h, const uint8_t *arena)
{
    if (!h || (!h->stale && h->arena == arena)) return;
    for (int i = 0; i < h->n_moved; i++) {
        const struct moved *m = &h->moved[i];
        m->plane->offset = m->offset + (m->window < 0 ? 0 : (int64_t)(h->base[m->window] - (uintptr_t)arena));
    }
    h->stale = false;
    h->arena = arena;
}

const struct ax_operand *ax_home_operand(const struct ax_home *h, const struct ax_program *p, int operand)
{
    return h && h->copy[operand] ? h->copy[operand] : &p->operands[operand];
}

uint8_t *ax_home_data(const struct ax_home *h, const struct ax_program *p, int operand, const uint8_t *arena)
{
    int window = h ? h->of[operand] : 0;
    return ax_operand_data(p, &p->operands[operand], window ? (const uint8_t *)h->base[window - 1] : arena);
}
