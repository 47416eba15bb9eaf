/* On a simulated device: every request that comes out is entered in the line (api/sim_line.h), in its order, and the statistics
 * are of the line's time. What the threads here take is not looked at, except for time limits. */
#include <stdlib.h>

#include "base/status.h"
#include "pipeline/internal.h"

/* -- making -- */

struct made { /* what a line is made of */
    struct ax_sim_stage *stages;
    struct ax_sim_hold *holds;
    int *order;
};

/* Every stage behind those it reads from. */
static void sort_stages(const struct ax_pipeline *p, int *order)
{
    int n = 0;
    while (n < p->n_stages)
        for (int i = 0; i < p->n_stages; i++) {
            const struct pl_stage *s = &p->stages[i];
            int missing = s->n_before, there = 0;
            for (int k = 0; k < n; k++) {
                there |= order[k] == i;
                for (int b = 0; b < s->n_before; b++) missing -= order[k] == s->before[b];
            }
            if (!there && !missing) order[n++] = i;
        }
}

static bool lies_in(const struct pl_wire *w, int block)
{
    for (int i = 0; i < w->n_blocks; i++)
        if (w->blocks[i] == block) return true;
    return false;
}

/* The buffers that it writes; and, where it ends the pipeline, the results that may lie about. Returns how many; `holds` may be
 * NULL. */
static int fill_holds(const struct pl_stage *s, struct ax_sim_hold *holds)
{
    const struct ax_pipeline *p = s->pipeline;
    int n = 0;
    for (int b = 0; b < p->n_blocks; b++)
        for (int i = 0; i < p->n_wires && p->blocks[b].from == s->index; i++) {
            const struct pl_wire *w = &p->wires[i];
            for (int r = 0; r < w->n_readers && lies_in(w, b); r++, n++)
                if (holds) holds[n] = (struct ax_sim_hold){w->readers[r], p->blocks[b].slots};
        }
    if (!s->last) return n;
    if (holds) holds[n] = (struct ax_sim_hold){-1, p->opt.output_queue + s->replicas};
    return n + 1;
}

static bool fill(const struct ax_pipeline *p, struct made *m)
{
    int n = 0;
    for (int i = 0; i < p->n_stages; i++) n += fill_holds(&p->stages[i], NULL);
    m->stages = calloc((size_t)p->n_stages, sizeof *m->stages);
    m->holds = calloc((size_t)n + 1, sizeof *m->holds);
    m->order = calloc((size_t)p->n_stages, sizeof *m->order);
    if (!m->stages || !m->holds || !m->order) return false;
    struct ax_sim_hold *holds = m->holds;
    for (int i = 0; i < p->n_stages; i++) {
        const struct pl_stage *s = &p->stages[i];
        m->stages[i] = (struct ax_sim_stage){.replicas = s->replicas,
                                             .before = s->before,
                                             .n_before = s->n_before,
                                             .holds = holds,
                                             .n_holds = fill_holds(s, holds)};
        if (s->worker.type->describe) s->worker.type->describe(s->worker.self, &m->stages[i]);
        holds += m->stages[i].n_holds;
    }
    sort_stages(p, m->order);
    return true;
}

enum ax_status pl_line_make(struct ax_pipeline *p, struct ax_connection *c, struct ax_error *err)
{
    struct made m = {0};
    if (!c || !c->chip) return AX_OK;
    p->connection = c;
    ax_connection_hold(c);
    p->times = calloc((size_t)p->n_stages, sizeof *p->times);
    p->line_done = calloc((size_t)p->n_tickets, sizeof *p->line_done);
    if (p->times && p->line_done && fill(p, &m))
        p->line = ax_sim_line_new(c->chip, m.stages, p->n_stages, m.order, p->n_tickets, p->opt.input_queue);
    free(m.stages);
    free(m.holds);
    free(m.order);
    if (p->line) p->since_ns = 0;
    return p->line ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a pipeline of %d stages", p->n_stages);
}

void pl_line_free(struct ax_pipeline *p)
{
    ax_sim_line_free(p->line);
    free(p->times);
    free(p->line_done);
    if (p->connection) ax_connection_free(p->connection);
}

/* -- counting -- */

static void count_stage(struct pl_stage *s, const struct ax_sim_times *t)
{
    int64_t ns = (t->end - t->start) / 1000;
    pl_times_add(&s->run, ns);
    pl_times_add(&s->cpu, ns);
    s->busy_ns += ns;
    s->starved_ns += t->starved / 1000;
    s->blocked_ns += (t->idle - t->starved) / 1000;
    s->depth_sum += (uint64_t)t->queue;
    s->depth_count++;
    if (t->queue > s->max_depth) s->max_depth = t->queue;
}

static void count_in_flight(struct ax_pipeline *p, int64_t pushed, int64_t done)
{
    int n = 1, waiting = 0;
    for (uint64_t r = p->n_line; r > 0 && n < p->n_tickets; r--, n++)
        if (p->line_done[(r - 1) % (uint64_t)p->n_tickets] <= pushed) break;
    for (int i = 0; i < p->n_stages; i++)
        if (!p->stages[i].n_before && p->times[i].start > pushed && p->times[i].queue >= waiting)
            waiting = p->times[i].queue + 1;
    p->line_done[p->n_line++ % (uint64_t)p->n_tickets] = done;
    if (n > p->max_in_flight) p->max_in_flight = n;
    if (waiting > p->max_waiting) p->max_waiting = waiting;
    if (!p->max_finished) p->max_finished = 1;
}

/* Failed requests take no time. */
void pl_line_account(struct ax_pipeline *p, struct pl_ticket *t)
{
    if (!p->line) return;
    p->n_failed += t->failed;
    p->n_succeeded += !t->failed;
    if (t->failed) return;
    int64_t pushed, done = ax_sim_request(p->line, t->alone, p->times, &pushed);
    for (int i = 0; i < p->n_stages; i++) count_stage(&p->stages[i], &p->times[i]);
    count_in_flight(p, pushed, done);
    t->pushed_ns = pushed / 1000;
    t->done_ns = done / 1000;
    pl_times_add(&p->latency, t->done_ns - t->pushed_ns);
    ax_connection_advance(p->connection, done);
}
