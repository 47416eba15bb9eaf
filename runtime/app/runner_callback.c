/* Requests that call back. The device's thread must not wait: what failed is submitted again by a helper, which also looks at
 * the time. A request whose time is up for good goes on without its result; its memory is used again once the device has let
 * go of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/runner_parts.h"

static bool deadline(const struct ax_runner *r)
{
    return r->opt.timeout_ms > 0;
}

/* -- how a request ends; with the lock held, which is let go -- */

/* The group is not used again before its frames have left the flow. */
static void hand_on(struct ax_runner *r, struct ax_frame *const *frames, int n)
{
    pthread_mutex_unlock(&r->lock);
    ax_flow_deliver(r->flow, r->stage, frames, n);
}

/* For good. */
static void give_up(struct ax_runner *r, struct ax_runner_group *g, enum ax_flight flight, struct ax_error *why)
{
    ax_runner_explain(r, g->frames[0], g->tries, why);
    g->flight = flight;
    pthread_cond_broadcast(&r->change);
    if (r->opt.on_error == AX_RUNNER_STOP)
        ax_flow_stop(r->flow, g->frames[0], why);
    else
        ax_runner_fail(r, g->frames, g->n_frames, why);
    hand_on(r, g->frames, g->n_frames);
}

static void succeed(struct ax_runner *r, struct ax_runner_group *g)
{
    for (int i = 0; i < g->n_frames; i++) g->frames[i]->attempts = g->tries - 1;
    if (g->tries > 1) atomic_fetch_add(&r->recovered, 1);
    g->flight = AX_FLIGHT_NONE;
    hand_on(r, g->frames, g->n_frames);
}

static bool may_try_again(struct ax_runner *r, struct ax_runner_group *g)
{
    if (g->tries >= ax_runner_most_tries(r)) return false;
    g->tries++;
    atomic_fetch_add(&r->retries, 1);
    return true;
}

static void called_back(void *user, enum ax_status s, const struct ax_error *err)
{
    struct ax_runner_group *g = user;
    struct ax_runner *r = g->runner;
    struct ax_error why = {0};
    if (s) why = *err, why.status = s;
    pthread_mutex_lock(&r->lock);
    if (g->flight == AX_FLIGHT_LOST) {
        g->flight = AX_FLIGHT_NONE;
        pthread_cond_broadcast(&r->change);
        pthread_mutex_unlock(&r->lock);
        return;
    }
    if (!s) return succeed(r, g);
    atomic_fetch_add(s == AX_TIMEOUT ? &r->timeouts : &r->failures, 1);
    if (!may_try_again(r, g)) return give_up(r, g, AX_FLIGHT_NONE, &why);
    g->flight = AX_FLIGHT_AGAIN;
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->lock);
}

/* -- submitting; without the lock -- */

/* The time counts from here on: before, the frames were still looked at. It may be through already, and the group in use again.
 */
static void set_deadline(struct ax_runner *r, struct ax_runner_group *g, uint64_t flight)
{
    pthread_mutex_lock(&r->lock);
    if (g->flights == flight && g->flight == AX_FLIGHT_DEVICE) {
        g->deadline_ns = ax_runner_now_ns() + r->opt.timeout_ms * 1000000;
        pthread_cond_broadcast(&r->change);
    }
    pthread_mutex_unlock(&r->lock);
}

static enum ax_status submit(struct ax_runner *r, struct ax_runner_group *g, struct ax_frame *first, struct ax_error *err)
{
    uint64_t ticket, flight = g->flights; /* nobody waits for the ticket */
    if (r->layers) ax_runner_layers_submitted(r->layers, g->instance, first->number);
    enum ax_status s = r->device.submit(r->device.self, g->instance, g->in, g->out, called_back, g, &ticket, err);
    if (s) return ax_runner_refused(first, err);
    if (deadline(r)) set_deadline(r, g, flight);
    return AX_OK;
}

/* The device may call back before it has been submitted. */
static void take_off(struct ax_runner_group *g)
{
    g->flight = AX_FLIGHT_DEVICE;
    g->flights++;
    g->deadline_ns = INT64_MAX;
}

enum ax_status ax_runner_begin(void *runner, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct ax_runner *r = runner;
    struct ax_runner_group *g = ax_runner_group_at(r, frames[0]);
    (void)worker;
    pthread_mutex_lock(&r->lock);
    memcpy(g->frames, frames, (size_t)n * sizeof *frames);
    g->n_frames = n;
    g->tries = 1;
    g->instance = ax_runner_choose(r);
    take_off(g);
    pthread_mutex_unlock(&r->lock);
    if (!submit(r, g, frames[0], err)) return AX_OK;
    pthread_mutex_lock(&r->lock);
    g->flight = AX_FLIGHT_NONE;
    pthread_mutex_unlock(&r->lock);
    return err->status;
}

/* -- the helper; with the lock held unless it says so -- */

static void submit_again(struct ax_runner *r, struct ax_runner_group *g)
{
    struct ax_error err = {0};
    struct ax_frame *first = g->frames[0];
    take_off(g);
    pthread_mutex_unlock(&r->lock);
    enum ax_status s = submit(r, g, first, &err);
    pthread_mutex_lock(&r->lock);
    if (!s) return;
    g->flight = AX_FLIGHT_NONE;
    ax_flow_stop(r->flow, first, &err);
    hand_on(r, g->frames, g->n_frames);
    pthread_mutex_lock(&r->lock);
}

static void run_out(struct ax_runner *r, struct ax_runner_group *g)
{
    struct ax_error why;
    atomic_fetch_add(&r->timeouts, 1);
    if (may_try_again(r, g)) { /* waited for again */
        g->deadline_ns += r->opt.timeout_ms * 1000000;
        return;
    }
    ax_fail(&why, AX_TIMEOUT, "no result");
    give_up(r, g, AX_FLIGHT_LOST, &why);
    pthread_mutex_lock(&r->lock);
}

/* One thing that is due; false: nothing is before *until. */
static bool do_one(struct ax_runner *r, int64_t *until)
{
    int64_t now = ax_runner_now_ns();
    *until = INT64_MAX;
    for (int i = 0; i < r->n_groups; i++) {
        struct ax_runner_group *g = &r->groups[i];
        if (g->flight == AX_FLIGHT_AGAIN) return submit_again(r, g), true;
        if (g->flight != AX_FLIGHT_DEVICE) continue;
        if (g->deadline_ns <= now) return run_out(r, g), true;
        if (g->deadline_ns < *until) *until = g->deadline_ns;
    }
    return false;
}

static void *help(void *arg)
{
    struct ax_runner *r = arg;
    int64_t until;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        if (do_one(r, &until)) continue;
        const struct timespec t = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
        if (until == INT64_MAX)
            pthread_cond_wait(&r->change, &r->lock);
        else
            pthread_cond_timedwait(&r->change, &r->lock, &t);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

enum ax_status ax_runner_bind(struct ax_runner *r, struct ax_flow *flow, int stage, struct ax_error *err)
{
    r->flow = flow;
    r->stage = stage;
    if (!deadline(r) && r->opt.on_error != AX_RUNNER_RETRY) return AX_OK; /* there is nothing to help with */
    if (pthread_create(&r->helper, NULL, help, r)) return ax_fail(err, AX_DEVICE, "cannot start a thread");
    r->helped = true;
    return AX_OK;
}

void ax_runner_settle_flight(struct ax_runner *r, struct ax_runner_group *g)
{
    pthread_mutex_lock(&r->lock);
    while (g->flight != AX_FLIGHT_NONE) pthread_cond_wait(&r->change, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

void ax_runner_land(struct ax_runner *r)
{
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->lock);
    if (r->helped) pthread_join(r->helper, NULL);
}
