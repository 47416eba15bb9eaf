#include "api/sim_line.h"

#include <stdlib.h>
#include <string.h>

/* When a thing is busy: disjoint intervals, ascending. */
struct calendar {
    struct span {
        int64_t begin, end;
    } * busy;
    int n, cap;
};

struct line_stage {
    struct ax_sim_stage s;
    int *cores, *before; /* cores: indices of calendars */
    struct ax_sim_hold *holds;
    int64_t *start, *end; /* of the last `depth` requests */
    int64_t *last_end;    /* by replica */
};

struct ax_sim_line {
    struct ax_device_desc chip;
    struct line_stage *stages;
    int n_stages, depth, input_queue;
    int *order;
    struct calendar *cores, link, memory; /* link and memory: used where all cores share them */
    int n_cores;
    uint64_t count; /* requests entered */
    int64_t *entered, *done;
    int64_t pushed, now;
};

/* -- calendars -- */

static int first_after(const struct calendar *c, int64_t t)
{
    int low = 0, high = c->n;
    while (low < high) {
        int mid = (low + high) / 2;
        if (c->busy[mid].end > t)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void reserve(struct calendar *c, int64_t begin, int64_t end)
{
    if (begin >= end) return;
    int at = first_after(c, begin);
    if (at > 0 && c->busy[at - 1].end == begin) {
        c->busy[at - 1].end = end;
        return;
    }
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->busy = realloc(c->busy, sizeof *c->busy * (size_t)c->cap);
        if (!c->busy) abort();
    }
    memmove(c->busy + at + 1, c->busy + at, sizeof *c->busy * (size_t)(c->n - at));
    c->busy[at] = (struct span){begin, end};
    c->n++;
}

/* Nothing will be asked of what is before t. */
static void forget(struct calendar *c, int64_t t)
{
    int old = first_after(c, t);
    if (old < 64) return; /* rarely, for many at once */
    memmove(c->busy, c->busy + old, sizeof *c->busy * (size_t)(c->n - old));
    c->n -= old;
}

/* From t on it takes `need` of the free time; when is that done? Keeps it where `keep`. */
static int64_t use(struct calendar *c, int64_t t, int64_t need, bool keep)
{
    while (need > 0) {
        int at = first_after(c, t);
        int64_t until = at < c->n ? c->busy[at].begin : INT64_MAX;
        if (until <= t) {
            t = c->busy[at].end;
            continue;
        }
        int64_t part = until - t < need ? until - t : need;
        if (keep) reserve(c, t, t + part);
        t += part;
        need -= part;
    }
    return t;
}

/* -- runs -- */

static int64_t end_of_run(struct ax_sim_line *l, const struct line_stage *s, int64_t t, bool keep)
{
    const struct ax_device_run *r = &s->s.run;
    t += r->call;
    t = l->chip.shared_link ? use(&l->link, t, r->in, keep) : t + r->in;
    t = l->chip.shared_memory ? use(&l->memory, t, r->stream, keep) : t + r->stream;
    t += r->compute;
    return l->chip.shared_link ? use(&l->link, t, r->out, keep) : t + r->out;
}

/* The first time from `ready` on at which all cores of the replica are free for the whole run. */
static int64_t earliest(struct ax_sim_line *l, const struct line_stage *s, int replica, int64_t ready, int64_t *end)
{
    for (int64_t t = ready;;) {
        int64_t next = t;
        *end = end_of_run(l, s, t, false);
        for (int i = 0; i < s->s.cores_each; i++) {
            const struct calendar *c = &l->cores[s->cores[replica * s->s.cores_each + i]];
            int at = first_after(c, t);
            if (at < c->n && c->busy[at].begin < *end && c->busy[at].end > next) next = c->busy[at].end;
        }
        if (next == t) return t;
        t = next;
    }
}

static int64_t *slot(const struct ax_sim_line *l, int64_t *ring, uint64_t request)
{
    return &ring[request % (uint64_t)l->depth];
}

/* Older requests whose runs began after t: they were waiting then. */
static int waiting_at(const struct ax_sim_line *l, const struct line_stage *s, int64_t t)
{
    int n = 0;
    for (uint64_t r = l->count; r > 0 && n < l->depth - 1 && *slot(l, s->start, r - 1) > t; r--) n++;
    return n;
}

static void run_stage(struct ax_sim_line *l, int stage, struct ax_sim_times *t)
{
    struct line_stage *s = &l->stages[stage];
    int64_t ready, best_end = 0, best_start = INT64_MAX;
    int best = 0;
    t->inputs = l->pushed;
    for (int i = 0; i < s->s.n_before; i++) {
        int64_t end = *slot(l, l->stages[s->before[i]].end, l->count);
        if (end > t->inputs) t->inputs = end;
    }
    ready = t->inputs;
    if (l->count && *slot(l, s->start, l->count - 1) > ready) ready = *slot(l, s->start, l->count - 1); /* in order */
    for (int i = 0; i < s->s.n_holds; i++) {
        const struct ax_sim_hold *h = &s->holds[i];
        if (l->count < (uint64_t)h->slots) continue;
        int64_t *ring = h->reader < 0 ? l->done : l->stages[h->reader].end;
        int64_t end = *slot(l, ring, l->count - (uint64_t)h->slots);
        if (end > ready) ready = end;
    }
    for (int k = 0; k < s->s.replicas; k++) {
        int64_t end, start = earliest(l, s, k, ready, &end);
        if (start >= best_start) continue;
        best_start = start, best_end = end, best = k;
    }
    end_of_run(l, s, best_start, true);
    for (int i = 0; i < s->s.cores_each; i++) reserve(&l->cores[s->cores[best * s->s.cores_each + i]], best_start, best_end);
    int64_t idle = best_start - s->last_end[best], starved = t->inputs - s->last_end[best];
    t->start = best_start, t->end = best_end;
    t->idle = idle > 0 ? idle : 0;
    t->starved = starved < 0 ? 0 : starved < t->idle ? starved : t->idle;
    t->queue = waiting_at(l, s, t->inputs);
    s->last_end[best] = best_end;
    *slot(l, s->start, l->count) = best_start;
    *slot(l, s->end, l->count) = best_end;
}

int64_t ax_sim_request(struct ax_sim_line *l, bool alone, struct ax_sim_times *times, int64_t *pushed)
{
    int64_t entered = INT64_MAX, done = 0;
    if (alone && l->now > l->pushed) l->pushed = l->now;
    if (l->count >= (uint64_t)l->input_queue) {
        int64_t room = *slot(l, l->entered, l->count - (uint64_t)l->input_queue);
        if (room > l->pushed) l->pushed = room;
    }
    if (l->count >= (uint64_t)l->depth && *slot(l, l->done, l->count) > l->pushed) l->pushed = *slot(l, l->done, l->count);
    for (int i = 0; i < l->n_cores; i++) forget(&l->cores[i], l->pushed);
    forget(&l->link, l->pushed);
    forget(&l->memory, l->pushed);
    for (int i = 0; i < l->n_stages; i++) run_stage(l, l->order[i], &times[l->order[i]]);
    for (int i = 0; i < l->n_stages; i++) {
        if (times[i].end > done) done = times[i].end;
        if (!l->stages[i].s.n_before && times[i].start < entered) entered = times[i].start;
    }
    if (done < l->now) done = l->now; /* results come out in order */
    *slot(l, l->entered, l->count) = entered;
    *slot(l, l->done, l->count) = done;
    l->count++;
    *pushed = l->pushed;
    return l->now = done;
}

int64_t ax_sim_now(const struct ax_sim_line *l)
{
    return l->now;
}

/* -- making -- */

static void *copy(const void *from, int n, size_t size)
{
    void *to = calloc((size_t)n + 1, size);
    if (to && n) memcpy(to, from, (size_t)n * size);
    return to;
}

static bool copy_stage(struct ax_sim_line *l, struct line_stage *to, const struct ax_sim_stage *from)
{
    int n = from->cores ? from->replicas * from->cores_each : 0;
    to->s = *from;
    if (!n) to->s.cores_each = 0;
    to->cores = copy(from->cores, n, sizeof *to->cores);
    to->before = copy(from->before, from->n_before, sizeof *to->before);
    to->holds = copy(from->holds, from->n_holds, sizeof *to->holds);
    to->start = calloc((size_t)l->depth, sizeof *to->start);
    to->end = calloc((size_t)l->depth, sizeof *to->end);
    to->last_end = calloc((size_t)from->replicas, sizeof *to->last_end);
    for (int i = 0; i < n; i++)
        if (from->cores[i] >= l->n_cores) l->n_cores = from->cores[i] + 1;
    return to->cores && to->before && to->holds && to->start && to->end && to->last_end;
}

struct ax_sim_line *ax_sim_line_new(const struct ax_device_desc *chip, const struct ax_sim_stage *stages, int n_stages,
                                    const int *order, int depth, int input_queue)
{
    struct ax_sim_line *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->chip = *chip;
    l->depth = depth;
    l->input_queue = input_queue < depth ? input_queue : depth;
    l->stages = calloc((size_t)n_stages, sizeof *l->stages);
    l->order = copy(order, n_stages, sizeof *order);
    l->entered = calloc((size_t)depth, sizeof *l->entered);
    l->done = calloc((size_t)depth, sizeof *l->done);
    bool ok = l->stages && l->order && l->entered && l->done;
    for (; ok && l->n_stages < n_stages; l->n_stages++) ok = copy_stage(l, &l->stages[l->n_stages], &stages[l->n_stages]);
    if (ok) ok = (l->cores = calloc((size_t)l->n_cores + 1, sizeof *l->cores)) != NULL;
    if (ok) return l;
    ax_sim_line_free(l);
    return NULL;
}

void ax_sim_line_free(struct ax_sim_line *l)
{
    if (!l) return;
    for (int i = 0; i < l->n_stages; i++) {
        struct line_stage *s = &l->stages[i];
        free(s->cores);
        free(s->before);
        free(s->holds);
        free(s->start);
        free(s->end);
        free(s->last_end);
    }
    for (int i = 0; l->cores && i < l->n_cores; i++) free(l->cores[i].busy);
    free(l->link.busy);
    free(l->memory.busy);
    free(l->cores);
    free(l->stages);
    free(l->order);
    free(l->entered);
    free(l->done);
    free(l);
}
