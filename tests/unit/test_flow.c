/* Flows of frames: order, groups, failures and ends in every way of running; a runner whose device is late, fails or refuses.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/record.h"
#include "app/runner.h"
#include "app/timing.h"
#include "files/axmodel.h"
#include "sample_model.h"
#include "temp.h"

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    return x * 0xbf58476d1ce4e5b9u ^ x >> 27;
}

/* -- a flow of numbers -- */

enum { STAGES = 5 };

struct job;
struct step {
    struct job *job;
    int index;
    bool ordered, slow;
    int fails;       /* one frame in so many */
    int64_t stop_at; /* -1: never */
    int64_t next;    /* expected */
};

struct job {
    int64_t count, source_stop; /* frames; -1 */
    struct step steps[STAGES];
    struct ax_flow *flow;
    int64_t seen, failed, end_at; /* by the last stage; -1 */
    bool failed_too;
    atomic_int prepared;
};

static enum ax_status next(void *user, struct ax_frame *f, struct ax_error *err)
{
    struct job *j = user;
    assert_true(f->n_answers == 0 && f->status == AX_OK);
    if (f->number == j->source_stop) return ax_fail(err, AX_IO, "the source broke");
    if (f->number >= j->count) return ax_fail(err, AX_CLOSED, "no more");
    f->index = f->number;
    return AX_OK;
}

static bool is_bad(const struct step *s, int64_t number)
{
    return s->fails && mix((uint64_t)number * STAGES + (uint64_t)s->index) % (uint64_t)s->fails == 0;
}

static enum ax_status run(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct step *s = user;
    (void)worker;
    for (int i = 0; i < n; i++) {
        assert_int_equal(frames[i]->index, frames[i]->number);
        if (s->ordered && !s->job->steps[0].fails) assert_int_equal(frames[i]->number, s->next++);
        if (frames[i]->number == s->stop_at) return ax_fail(err, AX_DEVICE, "stage %d broke", s->index);
        if (s->slow && mix((uint64_t)frames[i]->number) % 16 == 0) sleep_us(100);
        if (is_bad(s, frames[i]->number)) ax_frame_fail(frames[i], &(struct ax_error){AX_FORMAT, "bad"});
    }
    return AX_OK;
}

static enum ax_status last(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct job *j = ((struct step *)user)->job;
    (void)worker, (void)err;
    for (int i = 0; i < n; i++) {
        const struct ax_frame *f = frames[i];
        bool bad = false;
        for (int k = 0; k < STAGES - 1; k++) bad |= is_bad(&j->steps[k], f->number);
        assert_int_equal(f->number, j->seen++);
        assert_int_equal(f->status != AX_OK, bad);
        if (bad) assert_non_null(f->failed_in);
        j->failed += f->status != AX_OK;
        if (f->number == j->end_at) ax_flow_end(j->flow);
    }
    return AX_OK;
}

static enum ax_status prepare(void *user, struct ax_frame *f, struct ax_error *err)
{
    struct job *j = user;
    (void)f, (void)err;
    atomic_fetch_add(&j->prepared, 1);
    return AX_OK;
}

static void release(void *user, struct ax_frame *f)
{
    struct job *j = user;
    (void)f;
    atomic_fetch_sub(&j->prepared, 1);
}

struct shape {
    int depth, workers[STAGES], group[STAGES];
    bool synchronous, inlined, caller;
};

static void init(struct job *j, int64_t count)
{
    *j = (struct job){.count = count, .source_stop = -1, .end_at = -1};
    for (int i = 0; i < STAGES; i++) j->steps[i] = (struct step){.job = j, .index = i, .stop_at = -1};
}

static enum ax_status go(struct job *j, const struct shape *sh, struct ax_error *err)
{
    struct ax_flow_stage stages[STAGES];
    struct ax_flow_options opt = {
        .depth = sh->depth, .synchronous = sh->synchronous, .next = next, .user = j, .prepare = prepare, .release = release};
    for (int i = 0; i < STAGES; i++) {
        j->steps[i].ordered = sh->workers[i] < 2 || sh->synchronous;
        stages[i] = (struct ax_flow_stage){.name = "stage",
                                           .run = i == STAGES - 1 ? last : run,
                                           .user = &j->steps[i],
                                           .workers = i == STAGES - 1 ? 1 : sh->workers[i],
                                           .group = sh->group[i],
                                           .thread = sh->inlined && i > 2 ? AX_FLOW_INLINE : AX_FLOW_THREADS};
    }
    stages[STAGES - 1].failed_too = true;
    if (sh->caller) stages[STAGES - 1].thread = AX_FLOW_CALLER;
    assert_int_equal(ax_flow_new(stages, STAGES, &opt, &j->flow, err), AX_OK);
    assert_int_equal(atomic_load(&j->prepared), ax_flow_depth(j->flow));
    enum ax_status s = ax_flow_run(j->flow, err);
    if (!s) assert_true(ax_flow_finished(j->flow) >= j->seen);
    ax_flow_free(j->flow);
    assert_int_equal(atomic_load(&j->prepared), 0);
    return s;
}

static const struct shape shapes[] = {
    {.depth = 1},
    {.depth = 8, .caller = true},
    {.depth = 8, .workers = {1, 4, 1, 3, 1}},
    {.depth = 16, .workers = {3, 2, 1, 2, 1}, .group = {1, 4, 1, 3, 1}, .caller = true},
    {.depth = 5, .group = {1, 4, 4, 1, 1}, .inlined = true},
    {.depth = 9, .workers = {2, 2, 2, 1, 1}, .inlined = true},
    {.depth = 2, .group = {3, 4, 5, 2, 6}},
    {.synchronous = true},
    {.synchronous = true, .group = {1, 4, 3, 1, 2}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void test_order(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 7, 40, 1000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int k = 0; k < SHAPES; k++) {
            struct job j;
            struct ax_error err;
            init(&j, counts[c]);
            j.steps[1].slow = j.steps[3].slow = true;
            assert_int_equal(go(&j, &shapes[k], &err), AX_OK);
            assert_int_equal(j.seen, counts[c]);
        }
}

static void test_failing_frames(void **state)
{
    (void)state;
    for (int k = 0; k < SHAPES; k++) {
        struct job j;
        struct ax_error err;
        init(&j, 500);
        j.steps[0].fails = 5, j.steps[2].fails = 7, j.steps[3].fails = 11;
        assert_int_equal(go(&j, &shapes[k], &err), AX_OK);
        assert_int_equal(j.seen, 500);
        assert_true(j.failed > 50 && j.failed < 300);
    }
}

/* What came before is finished, nothing that came after is seen. */
static void test_stop(void **state)
{
    (void)state;
    for (int k = 0; k < SHAPES; k++)
        for (int stage = 0; stage < STAGES - 1; stage++)
            for (int64_t at = 0; at < 90; at += 29) {
                struct job j;
                struct ax_error err;
                int group = shapes[k].group[stage] > 1 ? shapes[k].group[stage] : 1;
                init(&j, 100);
                j.steps[stage].stop_at = at;
                assert_int_equal(go(&j, &shapes[k], &err), AX_DEVICE);
                assert_non_null(strstr(err.message, "broke"));
                assert_int_equal(j.seen, at / group * group);
            }
}

static void test_source_that_breaks(void **state)
{
    (void)state;
    for (int k = 0; k < SHAPES; k++) {
        struct job j;
        struct ax_error err;
        init(&j, 100);
        j.source_stop = 42;
        assert_int_equal(go(&j, &shapes[k], &err), AX_IO);
        assert_int_equal(j.seen, 42);
    }
}

static void test_end(void **state)
{
    (void)state;
    for (int k = 0; k < SHAPES; k++) {
        struct job j;
        struct ax_error err;
        init(&j, 1000000);
        j.end_at = 50;
        assert_int_equal(go(&j, &shapes[k], &err), AX_OK);
        assert_true(j.seen > 50 && j.seen < 200);
    }
}

/* -- a stage that delivers later, from threads of its own, in any order -- */

struct later {
    struct job *job;
    pthread_t threads[64];
    struct ax_frame *frame[64];
    int64_t begun;
};

static void *deliver(void *arg)
{
    struct ax_frame *f = arg;
    struct later *l = f->more;
    sleep_us((long)(mix((uint64_t)f->number) % 300));
    ax_flow_deliver(l->job->flow, 0, &f, 1);
    return NULL;
}

static enum ax_status begin_later(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct later *l = user;
    (void)worker, (void)err;
    assert_int_equal(n, 1);
    frames[0]->more = l;
    pthread_t *t = &l->threads[l->begun++ % 64];
    if (l->begun > 64) pthread_join(*t, NULL);
    return pthread_create(t, NULL, deliver, frames[0]) ? AX_INTERNAL : AX_OK;
}

static void test_deliveries(void **state)
{
    (void)state;
    for (int inlined = 0; inlined < 2; inlined++) {
        struct job j;
        struct later l = {.job = &j};
        struct ax_error err;
        init(&j, 600);
        struct ax_flow_stage stages[2] = {
            {.name = "later", .run = begin_later, .user = &l, .delivers = true},
            {.name = "last", .run = last, .user = &j.steps[4], .thread = inlined ? AX_FLOW_INLINE : AX_FLOW_THREADS}};
        struct ax_flow_options opt = {.depth = 12, .next = next, .user = &j};
        assert_int_equal(ax_flow_new(stages, 2, &opt, &j.flow, &err), AX_OK);
        assert_int_equal(ax_flow_run(j.flow, &err), AX_OK);
        assert_int_equal(j.seen, 600);
        for (int i = 0; i < 64; i++) pthread_join(l.threads[(l.begun + i) % 64], NULL);
        ax_flow_free(j.flow);
    }
}

/* -- runners -- */

/* An engine that is late or fails when it is told to. */
struct device {
    struct ax_engine *engine;
    _Atomic int64_t submitted, refuse_at;  /* requests, from 1; 0: never */
    _Atomic int64_t late_at, late_for;     /* the wait that times out, how often */
    _Atomic int64_t broken_at, broken_for; /* the wait that fails */
    _Atomic int64_t waits;
    struct withheld { /* callbacks that come late, in the thread of another run or at the end */
        ax_engine_done *done;
        void *user;
    } held[16];
    _Atomic int n_held;
};

struct later_call {
    struct device *device;
    ax_engine_done *done;
    void *user;
};

/* Results in the order in which they come, counted as waits are: late ones are held back, broken ones are failures. */
static void call_back(void *user, enum ax_status s, const struct ax_error *err)
{
    struct later_call *c = user;
    struct device *d = c->device;
    struct ax_error broken = {AX_DEVICE, "no result"};
    int64_t n = ++d->waits;
    if (d->late_at && n >= d->late_at && n < d->late_at + d->late_for)
        d->held[d->n_held++] = (struct withheld){c->done, c->user};
    else if (d->broken_at && n >= d->broken_at && n < d->broken_at + d->broken_for)
        c->done(c->user, AX_DEVICE, &broken);
    else
        c->done(c->user, s, err);
    free(c);
}

/* What was held back comes, as if the device had been slow. */
static void release_held(struct device *d)
{
    struct ax_error none = {0};
    for (int i = 0, n = d->n_held; i < n; i++) d->held[i].done(d->held[i].user, AX_OK, &none);
    d->n_held = 0;
}

static enum ax_status submit(void *self, int instance, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                             ax_engine_done *done, void *user, uint64_t *ticket, struct ax_error *err)
{
    struct device *d = self;
    if (++d->submitted == d->refuse_at) return ax_fail(err, AX_DEVICE, "the device is gone");
    if (!done) return ax_engine_submit(d->engine, instance, in, out, NULL, NULL, ticket, err);
    struct later_call *c = malloc(sizeof *c);
    assert_non_null(c);
    *c = (struct later_call){d, done, user};
    return ax_engine_submit(d->engine, instance, in, out, call_back, c, ticket, err);
}

static enum ax_status wait(void *self, int instance, uint64_t ticket, int64_t timeout_ms, struct ax_error *err)
{
    struct device *d = self;
    if (timeout_ms < 0) return ax_engine_wait(d->engine, instance, ticket, -1, err); /* of what was given up */
    int64_t n = ++d->waits;
    if (d->late_at && n >= d->late_at && n < d->late_at + d->late_for) return ax_fail(err, AX_TIMEOUT, "late");
    enum ax_status s = ax_engine_wait(d->engine, instance, ticket, -1, err);
    if (d->broken_at && n >= d->broken_at && n < d->broken_at + d->broken_for) return ax_fail(err, AX_DEVICE, "no result");
    return s;
}

static enum ax_status run_once(void *self, int samples, const struct ax_engine_buffer *in, const struct ax_engine_buffer *out,
                               struct ax_error *err)
{
    struct device *d = self;
    int64_t n = ++d->waits;
    if (d->broken_at && n >= d->broken_at && n < d->broken_at + d->broken_for) return ax_fail(err, AX_DEVICE, "no result");
    return ax_engine_run(d->engine, samples, in, out, err);
}

struct bench {
    struct ax_runner *runner;
    struct ax_flow *flow;
    int64_t count, seen, failed;
    char messages[4096];
};

/* Values that int8 holds exactly. */
static float value(int64_t number, int i)
{
    return (float)((number * 7 + i) % 20) * 0.5f;
}

static enum ax_status next_number(void *user, struct ax_frame *f, struct ax_error *err)
{
    struct bench *b = user;
    f->name = "numbers";
    return f->number < b->count ? AX_OK : ax_fail(err, AX_CLOSED, "no more");
}

static enum ax_status fill(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct bench *b = user;
    void *data;
    (void)worker, (void)n;
    enum ax_status s = ax_runner_input(b->runner, frames[0], 0, &data, err);
    for (int i = 0; i < 12 && !s; i++) ((float *)data)[i] = value(frames[0]->number, i);
    return s;
}

static enum ax_status check(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct bench *b = user;
    const struct ax_frame *f = frames[0];
    int picture;
    (void)worker, (void)n, (void)err;
    assert_int_equal(f->number, b->seen++);
    b->failed += f->status != AX_OK;
    if (f->status) {
        size_t used = strlen(b->messages);
        snprintf(b->messages + used, sizeof b->messages - used, "%s\n", f->err.message);
        return AX_OK;
    }
    const float *y = ax_runner_output(b->runner, f, 0, &picture);
    for (int i = 0; i < 12; i++) assert_true(y[i] == value(f->number, i));
    return AX_OK;
}

static char model[TEMP_PATH];

static int write_model(void **state)
{
    struct ax_error err;
    struct ax_program p;
    (void)state;
    struct ax_graph *g = sample_graph();
    temp_path(model, "flow.axmodel");
    sample_program(&p);
    struct ax_axmodel_contents c = {.graph = g, .program = &p};
    enum ax_status s = ax_axmodel_write(model, &c, &err);
    if (s) print_error("%s\n", err.message);
    ax_arena_free(&p.mem);
    ax_graph_free(g);
    return s;
}

enum way { ASYNCHRONOUS, CALLBACK, SYNCHRONOUS };

static enum ax_status run_numbers(struct bench *b, struct device *d, enum way way, struct ax_runner_options opt,
                                  struct ax_runner_counts *counts, struct ax_error *err)
{
    struct ax_cores *cores;
    struct ax_flow_stage stages[4];
    const struct ax_runner_device device = {.self = d, .submit = submit, .wait = wait, .run = run_once};
    int n = 0;
    opt.depth = 8, opt.device = &device, opt.asynchronous = way != SYNCHRONOUS;
    *b = (struct bench){.count = b->count};
    assert_int_equal(ax_cores_lease(1, 30, &cores, err), AX_OK);
    assert_int_equal(ax_engine_open(cores, model, 1, &d->engine, err), AX_OK);
    assert_int_equal(ax_runner_new(d->engine, &opt, &b->runner, err), AX_OK);
    stages[n++] = (struct ax_flow_stage){.name = "fill", .run = fill, .user = b};
    if (way == CALLBACK) stages[n++] = (struct ax_flow_stage){.name = "begin", .run = ax_runner_begin, .delivers = true};
    if (way == ASYNCHRONOUS) {
        stages[n++] = (struct ax_flow_stage){.name = "submit", .run = ax_runner_submit};
        stages[n++] = (struct ax_flow_stage){.name = "wait", .run = ax_runner_wait};
    }
    if (way == SYNCHRONOUS) stages[n++] = (struct ax_flow_stage){.name = "run", .run = ax_runner_run};
    for (int i = 1; i < n; i++) stages[i].user = b->runner;
    stages[n++] = (struct ax_flow_stage){.name = "check",
                                         .run = check,
                                         .user = b,
                                         .failed_too = true,
                                         .thread = way == CALLBACK ? AX_FLOW_INLINE : AX_FLOW_CALLER};
    struct ax_flow_options f = {
        .depth = 8, .synchronous = way == SYNCHRONOUS, .next = next_number, .user = b, .record = opt.record};
    assert_int_equal(ax_flow_new(stages, n, &f, &b->flow, err), AX_OK);
    if (way == CALLBACK) assert_int_equal(ax_runner_bind(b->runner, b->flow, 1, err), AX_OK);
    enum ax_status s = ax_flow_run(b->flow, err);
    *counts = ax_runner_counts(b->runner);
    release_held(d);
    ax_runner_free(b->runner);
    ax_flow_free(b->flow);
    ax_engine_close(d->engine);
    ax_cores_free(cores);
    return s;
}

static void test_runs(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct bench b = {.count = 200};
        struct device d = {0};
        struct ax_runner_counts c;
        struct ax_error err;
        struct ax_record *record;
        struct ax_timings t;
        struct ax_arena mem = {0};
        assert_int_equal(ax_record_new(&record, &err), AX_OK);
        assert_int_equal(run_numbers(&b, &d, way, (struct ax_runner_options){.record = record}, &c, &err), AX_OK);
        assert_true(b.seen == 200 && b.failed == 0 && c.timeouts == 0 && c.failures == 0);
        ax_timings_of(record, &mem, &t);
        assert_int_equal(t.n_layers, 3);
        for (int i = 0; i < t.n_layers; i++) assert_int_equal(t.layers[i].count, 200);
        for (int i = 0; i < t.n_stages; i++) {
            assert_int_equal(t.stages[i].count, 200);
            assert_true(t.stages[i].min <= t.stages[i].p50 && t.stages[i].p50 <= t.stages[i].p99);
            assert_true(t.stages[i].p99 <= t.stages[i].max);
        }
        ax_arena_free(&mem);
        ax_record_free(record);
    }
}

static void test_timeouts(void **state)
{
    (void)state;
    struct bench b = {.count = 100};
    struct ax_runner_counts c;
    struct ax_error err;
    struct ax_runner_options opt = {.timeout_ms = 5};
    struct device d = {.late_at = 10, .late_for = 3};
    assert_int_equal(run_numbers(&b, &d, ASYNCHRONOUS, opt, &c, &err), AX_OK); /* skip */
    assert_true(b.seen == 100 && b.failed == 3 && c.timeouts == 3 && c.skipped == 3 && c.retries == 0);
    assert_non_null(strstr(b.messages, "frame 9 of numbers: the inference timed out: no result after 5 ms"));
    assert_non_null(strstr(b.messages, "--timeout"));

    opt.on_error = AX_RUNNER_RETRY, opt.retries = 3;
    d = (struct device){.late_at = 10, .late_for = 3};
    assert_int_equal(run_numbers(&b, &d, ASYNCHRONOUS, opt, &c, &err), AX_OK);
    assert_true(b.seen == 100 && b.failed == 0 && c.timeouts == 3 && c.retries == 3 && c.recovered == 1 && c.skipped == 0);

    d = (struct device){.late_at = 10, .late_for = 4};
    assert_int_equal(run_numbers(&b, &d, ASYNCHRONOUS, opt, &c, &err), AX_OK);
    assert_true(b.seen == 100 && b.failed == 1 && c.timeouts == 4 && c.retries == 3 && c.recovered == 0);
    assert_non_null(strstr(b.messages, "(tried 4 times)"));

    opt.on_error = AX_RUNNER_STOP;
    d = (struct device){.late_at = 10, .late_for = 1};
    assert_int_equal(run_numbers(&b, &d, ASYNCHRONOUS, opt, &c, &err), AX_TIMEOUT);
    assert_int_equal(b.seen, 9);
    assert_non_null(strstr(err.message, "frame 9 of numbers"));
}

/* Frames whose results come too late are skipped; their memory is not used before the device is done with it. */
static void test_late_callbacks(void **state)
{
    (void)state;
    struct bench b = {.count = 7}; /* all under way at once: none waits for the memory of those that are late */
    struct ax_runner_counts c;
    struct ax_error err;
    struct ax_runner_options opt = {.timeout_ms = 1000};
    struct device d = {.late_at = 3, .late_for = 2};
    assert_int_equal(run_numbers(&b, &d, CALLBACK, opt, &c, &err), AX_OK);
    assert_true(b.seen == 7 && b.failed == 2 && c.timeouts == 2 && c.skipped == 2 && c.retries == 0);
    assert_non_null(strstr(b.messages, "frame 2 of numbers: the inference timed out: no result after 1000 ms"));

    opt.on_error = AX_RUNNER_RETRY, opt.retries = 3, opt.timeout_ms = 500;
    d = (struct device){.late_at = 3, .late_for = 1};
    assert_int_equal(run_numbers(&b, &d, CALLBACK, opt, &c, &err), AX_OK);
    assert_true(b.seen == 7 && b.failed == 1 && c.timeouts == 4 && c.retries == 3 && c.recovered == 0);
    assert_non_null(strstr(b.messages, "(tried 4 times)"));

    opt.on_error = AX_RUNNER_STOP;
    d = (struct device){.late_at = 3, .late_for = 1};
    assert_int_equal(run_numbers(&b, &d, CALLBACK, opt, &c, &err), AX_TIMEOUT);
    assert_int_equal(b.seen, 2);
    assert_non_null(strstr(err.message, "frame 2 of numbers"));
}

static void test_failed_runs(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct bench b = {.count = 100};
        struct ax_runner_counts c;
        struct ax_error err;
        struct ax_runner_options opt = {.timeout_ms = 60000};
        struct device d = {.broken_at = 20, .broken_for = 2};
        assert_int_equal(run_numbers(&b, &d, way, opt, &c, &err), AX_OK);
        assert_true(b.seen == 100 && b.failed == 2 && c.failures == 2 && c.skipped == 2);
        assert_non_null(strstr(b.messages, "frame 19 of numbers: the inference failed: no result"));
        opt.on_error = AX_RUNNER_RETRY;
        d = (struct device){.broken_at = 20, .broken_for = 2};
        assert_int_equal(run_numbers(&b, &d, way, opt, &c, &err), AX_OK);
        assert_true(b.seen == 100 && b.failed == 0 && c.failures == 2 && c.retries == 2);
        /* Others are under way meanwhile, and one of them may be the second to fail. */
        assert_true(c.recovered == 1 || (way == CALLBACK && c.recovered == 2));
        opt.on_error = AX_RUNNER_STOP;
        d = (struct device){.broken_at = 20, .broken_for = 2};
        assert_int_equal(run_numbers(&b, &d, way, opt, &c, &err), AX_DEVICE);
        assert_int_equal(b.seen, 19);
    }
}

/* What cannot be submitted stops the run; results that are under way are not lost. */
static void test_refused_requests(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct bench b = {.count = 100};
        struct ax_runner_counts c;
        struct ax_error err;
        struct device d = {.refuse_at = 31};
        assert_int_equal(run_numbers(&b, &d, way, (struct ax_runner_options){.timeout_ms = 60000}, &c, &err), AX_DEVICE);
        assert_int_equal(b.seen, 30);
        assert_int_equal(b.failed, 0);
        assert_non_null(strstr(err.message, "frame 30 of numbers: cannot be submitted to the device: the device is gone"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_failing_frames),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_source_that_breaks),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_deliveries),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_failed_runs),
        cmocka_unit_test(test_refused_requests),
        cmocka_unit_test(test_late_callbacks),
    };
    return cmocka_run_group_tests(tests, write_model, NULL);
}
