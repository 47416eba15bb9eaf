/* Buffers between stages: what crosses as it lies, and the slots that hold it.
 *
 * A tensor between two models is bound where its readers can take it as its giver lays it: the giver's planes become windows of
 * both executors onto the same bytes. Planes that the giver only passes on stay in the block of the stage that made them. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "exec/place.h"
#include "pipeline/internal.h"

static struct ax_program *program_of(const struct pl_stage *s)
{
    return s->worker.type->program ? s->worker.type->program(s->worker.self) : NULL;
}

static void *grown(void *list, int n, size_t size)
{
    if (n & (n - 1)) return list; /* doubled at every power of two */
    void *p = realloc(list, (n ? 2 * (size_t)n : 1) * size);
    if (!p) abort();
    return p;
}

/* -- blocks and windows -- */

static int add_block(struct ax_pipeline *p, int from, int64_t bytes)
{
    p->blocks = grown(p->blocks, p->n_blocks, sizeof *p->blocks);
    p->blocks[p->n_blocks] = (struct pl_block){.from = from, .bytes = bytes};
    return p->n_blocks++;
}

static void add_window(struct pl_stage *s, struct ax_window range, int block)
{
    s->windows = grown(s->windows, s->n_windows, sizeof *s->windows);
    s->window_block = grown(s->window_block, s->n_windows, sizeof *s->window_block);
    s->windows[s->n_windows] = range;
    s->window_block[s->n_windows++] = block;
}

/* The window that an address lies in; -1. */
static int window_of(const struct pl_stage *s, int64_t at)
{
    for (int i = 0; i < s->n_windows; i++)
        if (at >= s->windows[i].first && at < s->windows[i].first + s->windows[i].bytes) return i;
    return -1;
}

static int window_on(const struct pl_stage *s, int block)
{
    for (int i = 0; i < s->n_windows; i++)
        if (s->window_block[i] == block) return i;
    return -1;
}

/* -- one wire -- */

struct part {            /* of a bound tensor */
    struct ax_seat seat; /* as the giver has it */
    int block;           /* -1: a new one */
};

static bool find_parts(const struct pl_stage *s, const struct ax_program *a, int operand, struct part *parts, int n)
{
    for (int i = 0; i < n; i++) {
        struct ax_window block;
        if (!ax_part_block(a, operand, i, &block)) return false;
        int w = window_of(s, block.first);
        if (w < 0 && (block.first % 64 || ax_block_has_input(a, &block))) return false;
        parts[i].block = w < 0 ? -1 : s->window_block[w];
        if (w >= 0) block = s->windows[w];
        ax_part_seat(a, operand, i, &block, &parts[i].seat);
    }
    return true;
}

static void add_blocks(struct ax_pipeline *p, struct pl_stage *from, struct part *parts, int n)
{
    for (int i = 0; i < n; i++) {
        int w = window_of(from, parts[i].seat.block.first); /* also one that an earlier part has added */
        if (w < 0) {
            add_window(from, parts[i].seat.block, add_block(p, from->index, parts[i].seat.block.bytes));
            w = from->n_windows - 1;
        }
        parts[i].block = from->window_block[w];
    }
}

/* The seats of a reader: the giver's, at addresses of the reader's own. Blocks that are not known yet get addresses by turn. */
static int64_t seats_for(const struct pl_stage *s, const struct part *parts, int n, struct ax_seat *seats)
{
    int64_t end = s->space_end ? s->space_end : ax_space_end(program_of(s));
    for (int i = 0; i < n; i++) {
        int w = parts[i].block < 0 ? -1 : window_on(s, parts[i].block);
        int64_t at = w >= 0 ? s->windows[w].first : end;
        for (int k = 0; k < i && w < 0; k++)
            if (parts[k].seat.block.first == parts[i].seat.block.first) at = seats[k].block.first;
        seats[i] = parts[i].seat;
        seats[i].block.first = at;
        seats[i].plane.offset += at - parts[i].seat.block.first;
        if (at == end) end += seats[i].block.bytes;
    }
    return end;
}

static void seat_reader(struct pl_stage *s, int port, const struct part *parts, int n, struct ax_seat *seats)
{
    s->space_end = seats_for(s, parts, n, seats);
    ax_port_seat(program_of(s), port, seats, true);
    for (int i = 0; i < n; i++)
        if (window_on(s, parts[i].block) < 0) add_window(s, seats[i].block, parts[i].block);
}

static bool readers_agree(struct ax_pipeline *p, struct pl_wire *w, const struct part *parts, int n, struct ax_seat *seats)
{
    const struct ax_program *a = program_of(&p->stages[w->from]);
    int ports = 0;
    PL_EACH_READER(p, w, s, k)
    {
        struct ax_program *b = program_of(s);
        if (!b || !ax_port_same(a, w->from_port, b, k) || ++ports > w->n_readers) return false;
        seats_for(s, parts, n, seats);
        if (!ax_port_seat(b, k, seats, false)) return false;
    }
    return true;
}

static void bind(struct ax_pipeline *p, struct pl_wire *w, struct part *parts, int n, struct ax_seat *seats)
{
    add_blocks(p, &p->stages[w->from], parts, n);
    PL_EACH_READER(p, w, s, k) seat_reader(s, k, parts, n, seats);
    for (int i = 0; i < n; i++) {
        bool again = false;
        for (int k = 0; k < w->n_blocks; k++) again |= w->blocks[k] == parts[i].block;
        if (!again) w->blocks[w->n_blocks++] = parts[i].block;
    }
    w->bound = true;
}

static void try_bind(struct ax_pipeline *p, struct pl_wire *w, struct part *parts, struct ax_seat *seats)
{
    const struct pl_stage *from = &p->stages[w->from];
    const struct ax_program *a = program_of(from);
    const struct ax_operand *o = a ? &a->operands[a->outputs[w->from_port].operand] : NULL;
    int n = !o ? 0 : o->layout == AX_LAYOUT_PLANES ? o->n_planes : 1;
    if (n && n <= AX_MAX_PARTS && find_parts(from, a, a->outputs[w->from_port].operand, parts, n) &&
        readers_agree(p, w, parts, n, seats))
        bind(p, w, parts, n, seats);
}

static void count_use(struct ax_pipeline *p, const struct pl_wire *w, const int *place)
{
    for (int i = 0; i < w->n_blocks; i++) {
        struct pl_block *b = &p->blocks[w->blocks[i]];
        b->uses += w->n_readers + 1;
        if (place[w->from] > b->last) b->last = place[w->from];
        for (int k = 0; k < w->n_readers; k++)
            if (place[w->readers[k]] > b->last) b->last = place[w->readers[k]];
    }
}

enum ax_status pl_blocks_choose(struct ax_pipeline *p, struct pl_wire *w, const int *place, struct ax_error *err)
{
    if (w->from < 0) return AX_OK;
    bool unused_function = !w->n_readers && w->output < 0 && !p->stages[w->from].worker.type->converts;
    if (!w->n_readers && !unused_function) return AX_OK;
    struct part *parts = calloc(AX_MAX_PARTS, sizeof *parts);
    struct ax_seat *seats = calloc(AX_MAX_PARTS, sizeof *seats);
    w->blocks = calloc(AX_MAX_PARTS, sizeof *w->blocks);
    bool ok = parts && seats && w->blocks;
    if (ok && w->n_readers) try_bind(p, w, parts, seats);
    if (ok && !w->bound) w->blocks[w->n_blocks++] = add_block(p, w->from, w->bytes);
    if (ok) count_use(p, w, place);
    free(parts);
    free(seats);
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for tensor '%s' between stages", w->tensor->name);
}

/* -- slots -- */

static int64_t slots_of(const struct ax_pipeline *p, const struct pl_block *b, const int *place)
{
    int64_t n = p->stages[b->from].replicas;
    for (int i = 0; i < p->n_stages; i++)
        if (place[i] > place[b->from] && place[i] <= b->last) n += p->stages[i].queue + p->stages[i].replicas;
    return n;
}

static enum ax_status allocate(struct ax_pipeline *p, struct pl_block *b, const int *place, struct ax_error *err)
{
    b->slots = (int)slots_of(p, b, place);
    b->data = calloc((size_t)b->slots, sizeof *b->data);
    b->owner = calloc((size_t)b->slots, sizeof *b->owner);
    b->refs = calloc((size_t)b->slots, sizeof *b->refs);
    bool ok = b->data && b->owner && b->refs;
    for (int i = 0; i < b->slots && ok; i++) {
        size_t bytes = ((size_t)b->bytes + AX_SLACK + 63) / 64 * 64;
        ok = (b->data[i] = aligned_alloc(64, bytes)) != NULL;
        if (ok) memset(b->data[i], 0, bytes);
        p->memory_bytes += (int64_t)bytes;
    }
    return ok ? AX_OK
              : ax_fail(err, AX_NO_MEMORY, "no memory for %d buffers of %lld bytes behind stage '%s'; shorten the queues",
                        b->slots, (long long)b->bytes, p->stages[b->from].name);
}

enum ax_status pl_blocks_allocate(struct ax_pipeline *p, const int *place, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int i = 0; i < p->n_blocks && !s; i++) s = allocate(p, &p->blocks[i], place, err);
    return s;
}

void pl_blocks_free(struct ax_pipeline *p)
{
    for (int i = 0; i < p->n_blocks; i++) {
        struct pl_block *b = &p->blocks[i];
        for (int k = 0; b->data && k < b->slots; k++) free(b->data[k]);
        free(b->data);
        free(b->owner);
        free(b->refs);
    }
    free(p->blocks);
    for (int i = 0; i < p->n_stages; i++) {
        free(p->stages[i].windows);
        free(p->stages[i].window_block);
    }
}
