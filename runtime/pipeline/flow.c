/* What a stage's threads do: look whether the next request can be taken, skip it or run it, let go of what it read. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "pipeline/internal.h"

bool pl_stopped(const struct pl_watch *w)
{
    if (atomic_load_explicit(w->stop, memory_order_relaxed)) return true;
    return w->deadline_ns != INT64_MAX && pl_now() > w->deadline_ns;
}

void pl_wake_all(struct ax_pipeline *p)
{
    for (int i = 0; i < p->n_stages; i++) pthread_cond_broadcast(&p->stages[i].wake);
    pthread_cond_broadcast(&p->can_push);
    pthread_cond_broadcast(&p->can_pop);
}

/* -- failures -- */

/* The first stage that has not passed a request yet. */
static int stage_having(const struct ax_pipeline *p, const struct pl_ticket *t)
{
    for (int i = 0; i < p->n_stages; i++)
        if (!t->passed[i]) return i;
    return -1;
}

static void mark_failed(struct ax_pipeline *p, struct pl_ticket *t, int stage, enum ax_status s, const char *message)
{
    if (t->failed || t->stages_left == 0) return;
    t->failed = true;
    t->fail_stage = stage < 0 ? stage_having(p, t) : stage;
    ax_fail(&t->err, s, "request %llu, stage '%s': %s", (unsigned long long)t->id,
            t->fail_stage < 0 ? "-" : p->stages[t->fail_stage].name, message);
    atomic_store(&t->stop, 1);
}

void pl_cancel_from(struct ax_pipeline *p, uint64_t id, const char *why)
{
    if (id < p->first) id = p->first;
    for (; id <= p->last; id++) mark_failed(p, pl_ticket(p, id), -1, AX_CANCELLED, why);
}

void pl_fail_ticket(struct ax_pipeline *p, struct pl_ticket *t, int stage, enum ax_status s, const char *message)
{
    if (t->failed) return;
    mark_failed(p, t, stage, s, message);
    if (!t->failed) return;
    if (p->opt.on_error == AX_ON_ERROR_CLOSE && s != AX_CANCELLED) {
        char why[64];
        snprintf(why, sizeof why, "cancelled, because request %llu failed", (unsigned long long)t->id);
        p->closed = true;
        pl_cancel_from(p, t->id + 1, why);
    }
    pl_wake_all(p);
}

/* -- taking the next request -- */

static bool passed_before(const struct pl_stage *s, const struct pl_ticket *t)
{
    for (int i = 0; i < s->n_before; i++)
        if (!t->passed[s->before[i]]) return false;
    return true;
}

static bool outputs_free(const struct pl_stage *s, uint64_t r)
{
    const struct ax_pipeline *p = s->pipeline;
    for (int i = 0; i < s->worker.n_out; i++) {
        const struct pl_wire *w = &p->wires[s->out[i]];
        for (int k = 0; k < w->n_blocks; k++) {
            const struct pl_block *b = &p->blocks[w->blocks[k]];
            if (b->from == s->index && b->refs[r % (uint64_t)b->slots]) return false;
        }
    }
    return true;
}

enum pl_look pl_look(struct pl_stage *s)
{
    struct ax_pipeline *p = s->pipeline;
    uint64_t r = s->next;
    if (r > p->last) return p->closed ? PL_EXIT : PL_STARVED;
    while (s->ready <= p->last && passed_before(s, pl_ticket(p, s->ready))) s->ready++;
    if (s->ready <= r) return PL_STARVED;
    struct pl_ticket *t = pl_ticket(p, r);
    if (!t->failed && t->deadline_ns != INT64_MAX && pl_now() > t->deadline_ns)
        pl_fail_ticket(p, t, s->index, AX_TIMEOUT, "its time was up before the stage could start it");
    if (t->failed) return PL_SKIP;
    if (s->last && r - p->first >= (uint64_t)p->opt.output_queue + (uint64_t)s->replicas) return PL_BLOCKED;
    return outputs_free(s, r) ? PL_RUN : PL_BLOCKED;
}

/* The lane that is to take the next request: its own, or a guest on its thread. */
static struct pl_lane *wait_for_work(struct pl_lane *l, enum pl_look *what)
{
    struct pl_stage *s = l->stage;
    for (struct pl_lane *guest;;) {
        *what = pl_look(s);
        if (*what != PL_STARVED && *what != PL_BLOCKED) return l;
        if ((guest = pl_lend_visit(l))) return *what = PL_RUN, guest;
        int64_t begin = pl_now();
        s->waiting++;
        pthread_cond_wait(&s->wake, &s->pipeline->lock);
        s->waiting--;
        if (!s->pipeline->line) *(*what == PL_STARVED ? &s->starved_ns : &s->blocked_ns) += pl_now() - begin;
    }
}

static void take_slots(struct pl_stage *s, const struct pl_wire *w, uint64_t r)
{
    for (int k = 0; k < w->n_blocks; k++) {
        struct pl_block *b = &s->pipeline->blocks[w->blocks[k]];
        if (b->from != s->index) continue;
        b->owner[r % (uint64_t)b->slots] = r;
        b->refs[r % (uint64_t)b->slots] = b->uses;
    }
}

static struct pl_ticket *take(struct pl_stage *s, enum pl_look what)
{
    struct ax_pipeline *p = s->pipeline;
    uint64_t r = s->next++;
    int behind = (int)(s->ready - r - 1);
    if (!p->line) {
        s->depth_sum += (uint64_t)behind;
        s->depth_count++;
        if (behind > s->max_depth) s->max_depth = behind;
    }
    if (r > p->entered) {
        p->entered = r;
        if (p->pushers) pthread_cond_signal(&p->can_push);
    }
    for (int i = 0; what == PL_RUN && i < s->worker.n_out; i++) take_slots(s, &p->wires[s->out[i]], r);
    pl_wake(s); /* a replica or a neighbour may have the one after */
    return pl_ticket(p, r);
}

/* -- letting go -- */

/* A slot that the request never had, since its giver skipped it, is another's. */
static void drop_wire(struct ax_pipeline *p, const struct pl_wire *w, uint64_t r)
{
    for (int k = 0; k < w->n_blocks; k++) {
        struct pl_block *b = &p->blocks[w->blocks[k]];
        uint64_t slot = r % (uint64_t)b->slots;
        if (b->owner[slot] == r && b->refs[slot] && --b->refs[slot] == 0) pl_wake(&p->stages[b->from]);
    }
}

static void drop_input(struct pl_lane *l, struct pl_ticket *t, int input)
{
    const struct ax_pipeline *p = l->stage->pipeline;
    if (--t->refs[input] == 0 && p->opt.input_allocator.free) l->trash[l->n_trash++] = t->in[input].data;
}

static void drop_read(struct pl_lane *l, struct pl_ticket *t)
{
    struct pl_stage *s = l->stage;
    for (int i = 0; i < s->worker.n_in; i++) {
        bool again = false;
        for (int k = 0; k < i; k++) again |= s->in[k] == s->in[i];
        struct pl_wire *w = &s->pipeline->wires[s->in[i]];
        if (again) continue;
        if (w->from < 0)
            drop_input(l, t, w->input);
        else
            drop_wire(s->pipeline, w, t->id);
    }
}

/* Users' functions are called without the lock. */
static void empty_trash(struct pl_lane *l, const struct ax_allocator *a)
{
    if (!l->n_trash) return;
    pthread_mutex_unlock(&l->stage->pipeline->lock);
    for (int i = 0; i < l->n_trash; i++) a->free(a->user, l->trash[i]);
    l->n_trash = 0;
    pthread_mutex_lock(&l->stage->pipeline->lock);
}

static void complete(struct pl_lane *l, struct pl_ticket *t)
{
    struct ax_pipeline *p = l->stage->pipeline;
    for (int i = 0; t->failed && t->own_out && i < p->n_outputs; i++)
        if (t->out[i].data) {
            l->trash[l->n_trash++] = t->out[i].data;
            t->out[i].data = NULL;
        }
    empty_trash(l, &p->opt.output_allocator);
    t->done_ns = pl_now();
    t->complete = true;
    p->finished++;
    if (!p->line) {
        p->n_failed += t->failed;
        p->n_succeeded += !t->failed;
        if (!t->failed) pl_times_add(&p->latency, t->done_ns - t->pushed_ns);
        if (p->finished > p->max_finished) p->max_finished = p->finished;
    }
    if (t->id == p->first && p->poppers) pthread_cond_signal(&p->can_pop);
}

static void pass(struct pl_lane *l, struct pl_ticket *t)
{
    struct pl_stage *s = l->stage;
    struct ax_pipeline *p = s->pipeline;
    t->passed[s->index] = 1;
    drop_read(l, t);
    for (int i = 0; i < s->worker.n_out; i++) drop_wire(p, &p->wires[s->out[i]], t->id);
    for (int i = 0; i < s->n_after; i++) pl_wake(&p->stages[s->after[i]]);
    empty_trash(l, &p->opt.input_allocator);
    if (--t->stages_left == 0) complete(l, t);
}

/* -- running -- */

static void bind_call(struct pl_lane *l, const struct pl_ticket *t)
{
    struct pl_stage *s = l->stage;
    const struct ax_pipeline *p = s->pipeline;
    for (int i = 0; i < s->worker.n_in; i++) {
        const struct pl_wire *w = &p->wires[s->in[i]];
        l->in[i] = w->from < 0 ? (struct pl_data){t->in[w->input].data, t->in[w->input].dtype, false}
                               : (struct pl_data){pl_block_slot(p, w->blocks[0], t->id), w->dtype, w->bound};
    }
    for (int i = 0; i < s->worker.n_out; i++) {
        const struct pl_wire *w = &p->wires[s->out[i]];
        l->out[i] = (struct pl_output){0};
        if (w->n_blocks) l->out[i].wire = (struct pl_data){pl_block_slot(p, w->blocks[0], t->id), w->dtype, w->bound};
        if (w->output >= 0) l->out[i].user = t->out[w->output];
    }
}

static void show_windows(struct pl_lane *l, const struct pl_ticket *t)
{
    const struct pl_stage *s = l->stage;
    for (int i = 0; i < s->n_windows; i++) l->windows[i] = pl_block_slot(s->pipeline, s->window_block[i], t->id);
}

/* Buffers for the outputs that leave here, where the request brought none. */
static enum ax_status allocate_outputs(struct pl_lane *l, struct pl_ticket *t)
{
    struct pl_stage *s = l->stage;
    const struct ax_pipeline *p = s->pipeline;
    const struct ax_allocator *a = &p->opt.output_allocator;
    for (int i = 0; t->own_out && i < s->worker.n_out; i++) {
        int k = p->wires[s->out[i]].output;
        if (k < 0) continue;
        struct ax_buffer *b = &t->out[k];
        b->bytes = pl_output_bytes(p, k, &b->dtype);
        b->data = a->alloc(a->user, b->bytes);
        if (!b->data)
            return ax_fail(&l->err, AX_NO_MEMORY, "the allocator has no %lld bytes for output '%s'", (long long)b->bytes,
                           p->wires[s->out[i]].tensor->name);
        l->out[i].user = *b;
    }
    return AX_OK;
}

struct took {
    int64_t ns, cpu_ns;
};

static enum ax_status run_one(struct pl_lane *l, struct pl_ticket *t, struct took *took)
{
    struct pl_stage *s = l->stage;
    int64_t begin = pl_now(), cpu_begin = pl_cpu_now();
    struct pl_call c = {t->id, l->replica, l->in, l->out, l->windows, {&t->stop, t->deadline_ns}};
    int64_t limit = s->timeout_ms > 0 && s->timeout_ms < INT64_MAX / 2000000 ? begin + s->timeout_ms * 1000000 : INT64_MAX;
    if (limit < c.watch.deadline_ns) c.watch.deadline_ns = limit;
    l->err.status = AX_OK;
    l->err.message[0] = 0;
    enum ax_status st = allocate_outputs(l, t);
    if (!st) {
        st = s->worker.type->run(s->worker.self, &c, &l->err);
        if (st && !l->err.message[0]) ax_fail(&l->err, st, "%s", ax_status_text(st));
    }
    int64_t end = pl_now();
    *took = (struct took){end - begin, pl_cpu_now() - cpu_begin};
    if (end > limit)
        st = ax_fail(&l->err, AX_TIMEOUT, "it took %.1f ms; %lld are allowed", (double)took->ns * 1e-6,
                     (long long)s->timeout_ms);
    else if (st && st != AX_NO_MEMORY && end > t->deadline_ns)
        st = ax_fail(&l->err, AX_TIMEOUT, "the request's time was up after %.1f ms in the stage", (double)took->ns * 1e-6);
    return st;
}

static void run_taken(struct pl_lane *l, struct pl_ticket *t)
{
    struct pl_stage *s = l->stage;
    struct ax_pipeline *p = s->pipeline;
    struct took took;
    bind_call(l, t);
    show_windows(l, t);
    pthread_mutex_unlock(&p->lock);
    enum ax_status st = run_one(l, t, &took);
    pthread_mutex_lock(&p->lock);
    if (!p->line) l->host->stage->busy_ns += took.ns;
    if (st) {
        s->failed++;
        pl_fail_ticket(p, t, s->index, st, l->err.message);
    } else if (!p->line) {
        pl_times_add(&s->run, took.ns);
        pl_times_add(&s->cpu, took.cpu_ns);
        s->by_neighbours += l->host != l;
    }
    pass(l, t);
}

_Thread_local const struct ax_pipeline *pl_thread_of;

void *pl_lane_main(void *lane)
{
    struct pl_lane *own = lane, *l;
    struct ax_pipeline *p = own->stage->pipeline;
    enum pl_look what;
    pl_thread_of = p;
    pthread_mutex_lock(&p->lock);
    while (l = wait_for_work(own, &what), what != PL_EXIT) {
        struct pl_ticket *t = take(l->stage, what);
        if (what == PL_RUN) {
            run_taken(l, t);
        } else {
            l->stage->skipped++;
            pass(l, t);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}
