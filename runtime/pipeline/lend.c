/* Cores that work for neighbours. A stage has its cores, and other stages can borrow them: while a thread finds nothing to do
 * in its own stage, it does the next request of a stage before or behind it, as one more replica of that one. So a stage that
 * is slower than the others, or from whose core the system takes time, holds them up no more than it must.
 *
 * For that a stage has a guest, a lane of its own program, on every thread of its neighbours. What they do not do themselves
 * moves on from neighbour to neighbour. */
#include <stdlib.h>

#include "base/status.h"
#include "pipeline/internal.h"

/* -- making -- */

static bool has(const int *list, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}

static bool may_visit(const struct pl_stage *host, const struct pl_stage *s)
{
    return host->worker.type == s->worker.type && s->worker.type->guest &&
           (has(host->after, host->n_after, s->index) || has(host->before, host->n_before, s->index));
}

static enum ax_status add_guest(struct pl_stage *s, struct pl_lane *host, struct ax_error *err)
{
    int replica;
    struct pl_lane *g = &s->guests[s->n_guests];
    enum ax_status st = s->worker.type->guest(s->worker.self, host->stage->worker.self, host->replica, &replica, err);
    if (st || replica < 0) return st;
    s->n_guests++;
    s->pipeline->memory_bytes += s->worker.type->program(s->worker.self)->arena_bytes;
    return pl_lane_init(s, g, replica, host, err);
}

static enum ax_status invite(struct ax_pipeline *p, struct pl_stage *s, struct ax_error *err)
{
    enum ax_status st = AX_OK;
    int most = 0;
    for (int i = 0; i < p->n_stages; i++) most += may_visit(&p->stages[i], s) ? p->stages[i].replicas : 0;
    if (!most) return AX_OK;
    s->guests = calloc((size_t)most, sizeof *s->guests);
    if (!s->guests) return ax_fail(err, AX_NO_MEMORY, "no memory for stage '%s'", s->name);
    for (int i = 0; i < p->n_stages; i++)
        for (int k = 0; k < p->stages[i].replicas && may_visit(&p->stages[i], s) && !st; k++)
            st = add_guest(s, &p->stages[i].lanes[k], err);
    return st;
}

static void list_visits(struct pl_lane *host, const int *stages, int n)
{
    struct ax_pipeline *p = host->stage->pipeline;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < p->stages[stages[i]].n_guests; k++) {
            struct pl_lane *g = &p->stages[stages[i]].guests[k];
            if (g->host == host) host->visits[host->n_visits++] = g;
        }
}

enum ax_status pl_lend_make(struct ax_pipeline *p, struct ax_error *err)
{
    enum ax_status st = AX_OK;
    for (int i = 0; i < p->n_stages && !st && !p->line; i++) st = invite(p, &p->stages[i], err);
    for (int i = 0; i < p->n_stages && !st; i++)
        for (int k = 0; k < p->stages[i].replicas && !st; k++) {
            struct pl_stage *s = &p->stages[i];
            s->lanes[k].visits = calloc((size_t)(s->n_after + s->n_before) + 1, sizeof *s->lanes[k].visits);
            if (!s->lanes[k].visits) return ax_fail(err, AX_NO_MEMORY, "no memory for stage '%s'", s->name);
            list_visits(&s->lanes[k], s->after, s->n_after);
            list_visits(&s->lanes[k], s->before, s->n_before);
        }
    return st;
}

/* -- with the lock held -- */

/* What a thread of the stage's own is about to take is left to it. */
struct pl_lane *pl_lend_visit(const struct pl_lane *l)
{
    for (int i = 0; i < l->n_visits && !l->stage->pipeline->n_hooked; i++) {
        struct pl_stage *s = l->visits[i]->stage;
        if (!s->waiting && pl_look(s) == PL_RUN) return l->visits[i];
    }
    return NULL;
}

void pl_wake(struct pl_stage *s)
{
    if (s->waiting) {
        pthread_cond_signal(&s->wake);
        return;
    }
    for (int i = 0; i < s->n_guests; i++) {
        struct pl_stage *host = s->guests[i].host->stage;
        if (!host->waiting) continue;
        pthread_cond_signal(&host->wake);
        return;
    }
}
