/* The scheduler: its decisions on invented times, and requests of several threads in the order that follows. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/replicas.h"
#include "app/schedule.h"

static struct ax_error err;

enum { MS = 1000000 };

static struct ax_schedule_state model(int priority, int threshold, int timeout_ms, int waiting, int64_t oldest_ms)
{
    return (struct ax_schedule_state){{priority, threshold, timeout_ms}, waiting, oldest_ms * MS};
}

static void decisions(void **state)
{
    (void)state;
    int64_t until;
    struct ax_schedule_state m[3] = {model(16, 1, 100, 1, 0), model(16, 1, 100, 1, 0), model(16, 1, 100, 1, 0)};
    /* Round robin. */
    assert_int_equal(ax_schedule_next(m, 3, -1, 0, &until), 0);
    assert_int_equal(ax_schedule_next(m, 3, 0, 0, &until), 1);
    assert_int_equal(ax_schedule_next(m, 3, 1, 0, &until), 2);
    assert_int_equal(ax_schedule_next(m, 3, 2, 0, &until), 0);
    m[1].waiting = 0;
    assert_int_equal(ax_schedule_next(m, 3, 0, 0, &until), 2);
    /* Priority before turn. */
    m[0].rule.priority = 20;
    assert_int_equal(ax_schedule_next(m, 3, 0, 0, &until), 0);
    m[0].waiting = 0;
    assert_int_equal(ax_schedule_next(m, 3, 0, 0, &until), 2);
    /* Nothing waits. */
    m[2].waiting = 0;
    assert_int_equal(ax_schedule_next(m, 3, 2, 0, &until), -1);
    assert_true(until == INT64_MAX);
    /* A threshold that is not reached, until the oldest waited long enough. */
    m[2] = model(16, 4, 50, 3, 10);
    assert_int_equal(ax_schedule_next(m, 3, 2, 40 * MS, &until), -1);
    assert_int_equal(until, 60 * MS);
    assert_int_equal(ax_schedule_next(m, 3, 2, 60 * MS, &until), 2);
    m[2].waiting = 4;
    assert_int_equal(ax_schedule_next(m, 3, 2, 40 * MS, &until), 2);
    /* One that is not ready does not hold back one of lower priority. */
    m[2] = model(31, 4, 50, 3, 10);
    m[1] = model(0, 1, 0, 1, 30);
    assert_int_equal(ax_schedule_next(m, 3, 2, 40 * MS, &until), 1);
}

/* -- with threads: a gate holds the first request until all others wait -- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static bool gate_open, at_gate;
static char order[64];
static int n_order;

static enum ax_status note(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                           struct ax_error *e)
{
    (void)samples, (void)out;
    pthread_mutex_lock(&lock);
    at_gate = true;
    pthread_cond_signal(&arrived);
    while (!gate_open) pthread_cond_wait(&opened, &lock);
    order[n_order++] = *(const char *)self;
    pthread_mutex_unlock(&lock);
    return *(const char *)in[0].data == '!' ? ax_fail(e, AX_DEVICE, "broken") : AX_OK;
}

static void open_gate(void)
{
    pthread_mutex_lock(&lock);
    gate_open = true;
    pthread_cond_broadcast(&opened);
    pthread_mutex_unlock(&lock);
}

static void await_arrival(void)
{
    pthread_mutex_lock(&lock);
    while (!at_gate) pthread_cond_wait(&arrived, &lock);
    pthread_mutex_unlock(&lock);
}

static struct ax_runner_device add(struct ax_schedule *s, const char *name, int priority, int threshold, int timeout_ms)
{
    struct ax_schedule_ways ways = {(void *)(uintptr_t)name, 1, 0, 1, note};
    struct ax_schedule_rule rule = {priority, threshold, timeout_ms};
    struct ax_runner_device d;
    if (ax_schedule_add(s, &ways, &rule, 16, &d, &err)) fail_msg("%s", err.message);
    return d;
}

static uint64_t send(const struct ax_runner_device *d, const char *data)
{
    uint64_t ticket;
    struct ax_engine_buffer in = {(void *)(uintptr_t)data, AX_DTYPE_UINT8};
    assert_int_equal(d->submit(d->self, 0, &in, NULL, NULL, NULL, &ticket, &err), AX_OK);
    return ticket;
}

static void in_turns(void **state)
{
    (void)state;
    struct ax_schedule *s;
    uint64_t a[9], b[9], c[9], bad;
    n_order = 0, gate_open = at_gate = false;
    assert_int_equal(ax_schedule_new(&s, &err), AX_OK);
    struct ax_runner_device da = add(s, "a", 16, 1, 1000), db = add(s, "b", 16, 2, 0), dc = add(s, "c", 20, 1, 1000);
    a[0] = send(&da, ".");
    await_arrival();
    assert_int_equal(da.wait(da.self, 0, a[0], 1, &err), AX_TIMEOUT);
    for (int i = 1; i < 4; i++) a[i] = send(&da, ".");
    for (int i = 0; i < 5; i++) b[i] = send(&db, ".");
    for (int i = 0; i < 2; i++) c[i] = send(&dc, ".");
    bad = send(&dc, "!");
    open_gate();
    for (int i = 0; i < 4; i++) assert_int_equal(da.wait(da.self, 0, a[i], -1, &err), AX_OK);
    for (int i = 0; i < 5; i++) assert_int_equal(db.wait(db.self, 0, b[i], -1, &err), AX_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(dc.wait(dc.self, 0, c[i], -1, &err), AX_OK);
    assert_int_equal(dc.wait(dc.self, 0, bad, -1, &err), AX_DEVICE);
    assert_string_equal(err.message, "broken");
    assert_int_equal(dc.wait(dc.self, 0, bad, -1, &err), AX_NOT_FOUND);
    /* c before all, then a and b in turns, b two at a time. */
    order[n_order] = 0;
    assert_string_equal(order, "acccabbabbab");
    struct ax_schedule_counts counts = ax_schedule_counts(s, 1);
    assert_int_equal(counts.served, 5);
    assert_int_equal(counts.turns, 3);
    ax_schedule_free(s);
}

static int called, cancelled;

static void on_done(void *user, enum ax_status st, const struct ax_error *why)
{
    (void)user, (void)why;
    pthread_mutex_lock(&lock);
    called++;
    cancelled += st == AX_CANCELLED;
    pthread_mutex_unlock(&lock);
}

static void *open_soon(void *arg)
{
    (void)arg;
    open_gate();
    return NULL;
}

/* A full queue, requests that call back, and freeing while some wait. */
static void freed_early(void **state)
{
    (void)state;
    struct ax_schedule *s;
    struct ax_engine_buffer in = {(void *)(uintptr_t) ".", AX_DTYPE_UINT8};
    pthread_t t;
    n_order = 0, gate_open = false;
    assert_int_equal(ax_schedule_new(&s, &err), AX_OK);
    struct ax_runner_device d = add(s, "a", 16, 16, 3600000); /* ready when the queue is full */
    for (int i = 0; i < 16; i++) assert_int_equal(d.submit(d.self, 0, &in, NULL, on_done, NULL, NULL, &err), AX_OK);
    assert_int_equal(d.submit(d.self, 0, &in, NULL, on_done, NULL, NULL, &err), AX_AGAIN);
    assert_int_equal(pthread_create(&t, NULL, open_soon, NULL), 0);
    ax_schedule_free(s);
    pthread_join(t, NULL);
    assert_int_equal(called, 16);
    assert_int_equal(cancelled, 16 - n_order);
    struct ax_schedule_ways ways = {NULL, 1, 0, 1, note};
    assert_int_equal(ax_schedule_new(&s, &err), AX_OK);
    assert_int_equal(ax_schedule_add(s, &ways, &(struct ax_schedule_rule){32, 1, 0}, 16, &d, &err), AX_INVALID_ARGUMENT);
    assert_int_equal(ax_schedule_add(s, &ways, &(struct ax_schedule_rule){16, 17, 0}, 16, &d, &err), AX_INVALID_ARGUMENT);
    ax_schedule_free(s);
}

/* The one that should be done first; unknown ones are tried, equals take turns. */
static void replicas(void **state)
{
    (void)state;
    const int none[3] = {0}, busy[3] = {2, 0, 1}, one[3] = {1, 1, 1};
    assert_int_equal(ax_replicas_best((const double[]){0, 0, 0}, none, 3, -1), 0);
    assert_int_equal(ax_replicas_best((const double[]){0, 0, 0}, none, 3, 0), 1);
    assert_int_equal(ax_replicas_best((const double[]){0, 0, 0}, none, 3, 2), 0);
    assert_int_equal(ax_replicas_best((const double[]){10, 30, 10}, none, 3, 0), 2);
    assert_int_equal(ax_replicas_best((const double[]){10, 31, 10}, busy, 3, 0), 2);
    assert_int_equal(ax_replicas_best((const double[]){10, 29, 15}, busy, 3, 0), 1);
    assert_int_equal(ax_replicas_best((const double[]){10, 0, 20}, one, 3, 0), 1);
    /* A slow one has its share: as often as it is fast. */
    const double mean[2] = {1, 3};
    int under_way[2] = {0}, given[2] = {0}, last = -1;
    for (int i = 0; i < 12; i++) {
        last = ax_replicas_best(mean, under_way, 2, last);
        under_way[last]++, given[last]++;
    }
    assert_int_equal(given[0], 9);
    assert_int_equal(given[1], 3);
    /* One that was slow once, or is slow, is tried again: not for long, and not often. */
    double unlucky[2] = {1, 40};
    int tries = 0, first = -1;
    for (int i = 0; i < 1000; i++) {
        int has[2] = {3, 0}, k = ax_replicas_best(unlucky, has, 2, 0);
        ax_replicas_forget(unlucky, has, 2);
        if (!k) continue;
        if (first < 0) first = i;
        tries++, unlucky[1] = 40;
    }
    assert_true(first > 50 && first < 300 && tries >= 4 && tries < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decisions), cmocka_unit_test(in_turns), cmocka_unit_test(freed_early),
                                       cmocka_unit_test(replicas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
