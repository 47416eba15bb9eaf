/* Pipelines of functions: order, skips, branches and replicas; failures at every stage and moment; races of push, close, cancel
 * and pop; allocators that run out; what statistics say. AXON_PIPELINE_REQUESTS sets how many requests the long tests push. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "axon/axon.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { REQUESTS = 40000 };
#else
enum { REQUESTS = 1000000 };
#endif
enum { WIDTH = 4, MAX_STAGES = 8 };

static uint64_t requests(void)
{
    const char *e = getenv("AXON_PIPELINE_REQUESTS");
    return e ? strtoull(e, NULL, 10) : REQUESTS;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    return x * 0xbf58476d1ce4e5b9u ^ x >> 27;
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* -- stages: outputs are a function of the stage and of all that it read -- */

enum mode { FINE, FAILS_SOMETIMES, HANGS_AT, SLOW };
struct node {
    int index;
    enum mode mode;
    uint64_t at; /* HANGS_AT: the request; FAILS_SOMETIMES: one in so many */
    int delay;   /* one in so many runs sleeps */
    long delay_us;
    atomic_int running, most; /* at a time */
    _Atomic uint64_t runs;
    int n_in, n_out;
    struct ax_tensor in[4], out[4];
};

static int fails(const struct node *n, uint64_t request)
{
    return n->mode == FAILS_SOMETIMES && mix(request * 31 + (uint64_t)n->index) % n->at == 0;
}

static void loiter(const struct node *n, uint64_t request)
{
    uint64_t r = mix(request ^ (uint64_t)n->index << 40);
    for (volatile uint64_t i = 0; i < r % 200; i++) continue;
    if (n->delay && r % (uint64_t)n->delay == 0) sleep_us(n->delay_us);
}

static uint64_t combine(int index, int output, const uint64_t *in, int n_in)
{
    uint64_t v = (uint64_t)index * 17 + (uint64_t)output + 1;
    for (int i = 0; i < n_in; i++) v = mix(v * 3 + in[i]);
    return v;
}

static enum ax_status node_run(void *user, const struct ax_stage_call *c, struct ax_error *err)
{
    struct node *n = user;
    uint64_t in[4];
    int now = atomic_fetch_add(&n->running, 1) + 1, most = atomic_load(&n->most);
    while (now > most && !atomic_compare_exchange_weak(&n->most, &most, now)) continue;
    atomic_fetch_add(&n->runs, 1);
    for (int i = 0; i < n->n_in; i++) in[i] = ((const uint64_t *)c->inputs[i].data)[0];
    loiter(n, c->request);
    enum ax_status s = AX_OK;
    if (n->mode == HANGS_AT && c->request == n->at) {
        while (!ax_stage_stopped(c)) sleep_us(200);
        s = AX_DEVICE;
    }
    if (fails(n, c->request)) {
        err->status = s = AX_DEVICE;
        snprintf(err->message, sizeof err->message, "injected");
    }
    for (int i = 0; i < n->n_in && !s; i++) /* nobody wrote to what is read meanwhile */
        for (int k = 0; k < WIDTH; k++)
            if (((const uint64_t *)c->inputs[i].data)[k] != in[i] + (uint64_t)k) s = AX_INTERNAL;
    for (int i = 0; i < n->n_out && !s; i++)
        for (int k = 0; k < WIDTH; k++) ((uint64_t *)c->outputs[i].data)[k] = combine(n->index, i, in, n->n_in) + (uint64_t)k;
    atomic_fetch_sub(&n->running, 1);
    return s;
}

static struct ax_tensor tensor(const char *name)
{
    return (struct ax_tensor){.name = name, .stored = AX_DTYPE_INT64, .rank = 1, .dim = {WIDTH}};
}

static void node_set(struct node *n, int index, const char *const *in, const char *const *out)
{
    memset(n, 0, sizeof *n);
    n->index = index;
    for (; in[n->n_in]; n->n_in++) n->in[n->n_in] = tensor(in[n->n_in]);
    for (; out[n->n_out]; n->n_out++) n->out[n->n_out] = tensor(out[n->n_out]);
}
#define NAMES(...)                                                                                                             \
    (const char *const[])                                                                                                      \
    {                                                                                                                          \
        __VA_ARGS__, NULL                                                                                                      \
    }

static struct ax_stage stage_of(struct node *n)
{
    return (struct ax_stage){
        .run = node_run, .user = n, .inputs = n->in, .outputs = n->out, .n_inputs = n->n_in, .n_outputs = n->n_out};
}

static struct ax_pipeline *make(const struct ax_stage *stages, int n, const struct ax_pipeline_options *opt)
{
    struct ax_pipeline *p;
    struct ax_error err;
    if (ax_pipeline_new(NULL, stages, n, opt, &p, &err)) fail_msg("%s", err.message);
    return p;
}

static const char *const chain_names[] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8"};

static struct ax_pipeline *chain(struct node *nodes, int n, int replicas, const struct ax_pipeline_options *opt)
{
    struct ax_stage stages[MAX_STAGES];
    for (int i = 0; i < n; i++) {
        stages[i] = stage_of(&nodes[i]);
        stages[i].replicas = 1 + (int)(mix((uint64_t)i + 5) % (uint64_t)replicas);
    }
    return make(stages, n, opt);
}

static void chain_nodes(struct node *nodes, int n, int delay)
{
    for (int i = 0; i < n; i++) {
        node_set(&nodes[i], i, NAMES(chain_names[i]), NAMES(chain_names[i + 1]));
        nodes[i].delay = delay;
        nodes[i].delay_us = 20;
    }
}

static uint64_t chain_value(int n, uint64_t x)
{
    for (int i = 0; i < n; i++) x = combine(i, 0, &x, 1);
    return x;
}

/* -- pushing -- */

struct feeder {
    struct ax_pipeline *p;
    uint64_t count, first;
    _Atomic uint64_t pushed;
    uint64_t (*cells)[WIDTH]; /* memory of requests, used again */
    int n_cells;
    int close, allocates;
    atomic_int *live_inputs;
    pthread_t thread;
};

static void fill(uint64_t *cell, uint64_t v)
{
    for (int k = 0; k < WIDTH; k++) cell[k] = v + (uint64_t)k;
}

static void *feed(void *arg)
{
    struct feeder *f = arg;
    struct ax_error err;
    for (uint64_t i = 0; i < f->count; i++) {
        uint64_t *cell = f->allocates ? malloc(sizeof *f->cells) : f->cells[i % (uint64_t)f->n_cells], id;
        fill(cell, f->first + i);
        struct ax_buffer in = {cell, AX_DTYPE_INT64, sizeof *f->cells};
        struct ax_request r = {.inputs = &in, .user = (void *)(uintptr_t)(f->first + i)};
        if (f->allocates) atomic_fetch_add(f->live_inputs, 1);
        enum ax_status s = ax_pipeline_push(f->p, &r, &id, &err);
        if (s && f->allocates) free(cell), atomic_fetch_sub(f->live_inputs, 1);
        if (s) break;
        f->pushed++;
    }
    if (f->close) ax_pipeline_close(f->p);
    return NULL;
}

/* More cells than requests can be under way. */
static struct feeder *feeder_start(struct ax_pipeline *p, uint64_t first, uint64_t count)
{
    struct feeder *f = calloc(1, sizeof *f);
    *f = (struct feeder){.p = p, .count = count, .first = first, .n_cells = 4096, .close = 1};
    f->cells = calloc((size_t)f->n_cells, sizeof *f->cells);
    pthread_create(&f->thread, NULL, feed, f);
    return f;
}

static uint64_t feeder_end(struct feeder *f)
{
    pthread_join(f->thread, NULL);
    uint64_t n = f->pushed;
    free(f->cells);
    free(f);
    return n;
}

/* -- order and values -- */

static void run_chain(int n, uint64_t count, int replicas)
{
    struct node nodes[MAX_STAGES];
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    uint64_t seen = 0;
    chain_nodes(nodes, n, 1000);
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.input_queue = 1 + (int)(mix((uint64_t)n) % 16);
    opt.output_queue = 1 + (int)(mix((uint64_t)n + 9) % 16);
    struct ax_pipeline *p = chain(nodes, n, replicas, &opt);
    struct feeder *f = feeder_start(p, 1, count);
    while (ax_pipeline_pop(p, &r, &out, &err) == AX_OK) {
        if (r.status || r.request != ++seen || (uint64_t)(uintptr_t)r.user != seen) fail_msg("%s", r.err.message);
        assert_int_equal(((uint64_t *)out.data)[0], chain_value(n, seen));
        ax_pipeline_release(p, &out);
    }
    assert_int_equal(err.status, AX_CLOSED);
    assert_int_equal(seen, count);
    assert_int_equal(feeder_end(f), count);
    ax_pipeline_free(p);
}

static void test_chains(void **state)
{
    (void)state;
    for (int n = 1; n <= MAX_STAGES; n++) run_chain(n, requests() / 16, 1);
    for (int n = 1; n <= MAX_STAGES; n++) run_chain(n, requests() / 16, 3);
}

/* -- failures -- */

static int first_failing(const struct node *nodes, int n, uint64_t request)
{
    for (int i = 0; i < n; i++)
        if (fails(&nodes[i], request)) return i;
    return -1;
}

static void run_failing(int n, int replicas, unsigned which, uint64_t count)
{
    struct node nodes[MAX_STAGES];
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    uint64_t seen = 0;
    chain_nodes(nodes, n, 500);
    for (int i = 0; i < n; i++)
        if (which >> i & 1) nodes[i].mode = FAILS_SOMETIMES, nodes[i].at = 5;
    struct ax_pipeline *p = chain(nodes, n, replicas, NULL);
    struct feeder *f = feeder_start(p, 1, count);
    while (ax_pipeline_pop(p, &r, &out, &err) == AX_OK) {
        int stage = first_failing(nodes, n, ++seen);
        assert_int_equal(r.request, seen);
        assert_int_equal(r.stage, stage);
        assert_int_equal(r.status, stage < 0 ? AX_OK : AX_DEVICE);
        if (stage < 0)
            assert_int_equal(((uint64_t *)out.data)[0], chain_value(n, seen));
        else
            assert_non_null(strstr(r.err.message, "injected"));
        if (stage >= 0) assert_null(out.data);
        ax_pipeline_release(p, &out);
    }
    assert_int_equal(seen, count);
    feeder_end(f);
    ax_pipeline_free(p);
}

static void test_failures(void **state)
{
    (void)state;
    for (int n = 1; n <= 6; n++)
        for (unsigned which = 1; which<1u << n; which += n> 3 ? 7 : 1)
            run_failing(n, 1 + (int)which % 3, which, requests() / 2000);
}

/* The first failure closes: older requests come out, younger ones finished or cancelled, each once. */
static void run_closing(int n, int at, uint64_t count)
{
    struct node nodes[MAX_STAGES];
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    uint64_t seen = 0, failed = 0;
    chain_nodes(nodes, n, 100);
    nodes[at].mode = FAILS_SOMETIMES, nodes[at].at = 200;
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.on_error = AX_ON_ERROR_CLOSE;
    struct ax_pipeline *p = chain(nodes, n, 2, &opt);
    struct feeder *f = feeder_start(p, 1, count);
    while (ax_pipeline_pop(p, &r, &out, &err) == AX_OK) {
        assert_int_equal(r.request, ++seen);
        if (!failed) assert_int_equal(r.status, fails(&nodes[at], seen) ? AX_DEVICE : AX_OK);
        if (failed && r.status && !fails(&nodes[at], seen)) assert_int_equal(r.status, AX_CANCELLED);
        if (!failed && r.status) failed = seen;
        if (!r.status) assert_int_equal(((uint64_t *)out.data)[0], chain_value(n, seen));
        ax_pipeline_release(p, &out);
    }
    assert_int_equal(feeder_end(f), seen);
    assert_true(failed > 0);
    ax_pipeline_free(p);
}

static void test_close_on_error(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++)
        for (int n = 1; n <= 4; n++)
            for (int at = 0; at < n; at++) run_closing(n, at, 100000);
}

/* -- a DAG: skips, branches, inputs that enter late, outputs that leave early -- */

static void test_dag(void **state)
{
    (void)state;
    struct node nodes[5];
    struct ax_stage stages[5];
    struct ax_error err;
    struct ax_result r;
    uint64_t count = requests() / 50, cells[256][2][WIDTH];
    node_set(&nodes[0], 0, NAMES("a"), NAMES("b", "c", "early"));
    node_set(&nodes[1], 1, NAMES("b"), NAMES("d"));
    node_set(&nodes[2], 2, NAMES("c", "late"), NAMES("e", "unused"));
    node_set(&nodes[3], 3, NAMES("d", "e", "b"), NAMES("f"));
    node_set(&nodes[4], 4, NAMES("f", "c", "a"), NAMES("g", "h"));
    static const int order[5] = {3, 1, 4, 0, 2};
    for (int i = 0; i < 5; i++) {
        nodes[i].delay = 300, nodes[i].delay_us = 30;
        stages[order[i]] = stage_of(&nodes[i]);
        stages[order[i]].replicas = 1 + i % 3;
        stages[order[i]].queue = 1;
    }
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.inputs = NAMES("late", "a");
    opt.outputs = NAMES("h", "early", "d", "g");
    struct ax_pipeline *p = make(stages, 5, &opt);
    assert_int_equal(ax_pipeline_inputs(p), 2);
    assert_int_equal(ax_pipeline_outputs(p), 4);
    assert_string_equal(ax_pipeline_input(p, 0)->name, "late");
    assert_string_equal(ax_pipeline_output(p, 2)->name, "d");
    for (uint64_t pushed = 0, popped = 0; popped < count;) {
        uint64_t(*cell)[WIDTH] = cells[pushed % 256];
        fill(cell[0], pushed * 5);
        fill(cell[1], pushed + 7);
        struct ax_buffer in[2] = {{cell[0], AX_DTYPE_INT64, 64}, {cell[1], AX_DTYPE_INT64, 64}}, out[4];
        struct ax_request request = {.inputs = in};
        while (pushed < count && ax_pipeline_try_push(p, &request, NULL, &err) == AX_OK) {
            pushed++;
            cell = cells[pushed % 256];
            fill(cell[0], pushed * 5);
            fill(cell[1], pushed + 7);
            in[0].data = cell[0], in[1].data = cell[1];
        }
        assert_int_equal(ax_pipeline_pop(p, &r, out, &err), AX_OK);
        assert_int_equal(r.status, AX_OK);
        uint64_t late = popped * 5, a = popped + 7;
        uint64_t b = combine(0, 0, &a, 1), c = combine(0, 1, &a, 1), d = combine(1, 0, &b, 1);
        uint64_t e = combine(2, 0, (uint64_t[]){c, late}, 2), f = combine(3, 0, (uint64_t[]){d, e, b}, 3);
        assert_int_equal(((uint64_t *)out[0].data)[0], combine(4, 1, (uint64_t[]){f, c, a}, 3));
        assert_int_equal(((uint64_t *)out[1].data)[0], combine(0, 2, &a, 1));
        assert_int_equal(((uint64_t *)out[2].data)[0], d);
        assert_int_equal(((uint64_t *)out[3].data)[0], combine(4, 0, (uint64_t[]){f, c, a}, 3));
        ax_pipeline_release(p, out);
        popped++;
    }
    ax_pipeline_free(p);
}

static void expect_error(const struct ax_stage *stages, int n, enum ax_status want, const char *word)
{
    struct ax_pipeline *p;
    struct ax_error err;
    assert_int_equal(ax_pipeline_new(NULL, stages, n, NULL, &p, &err), want);
    assert_null(p);
    if (!strstr(err.message, word)) fail_msg("'%s' lacks '%s'", err.message, word);
}

static void test_wrong_wiring(void **state)
{
    (void)state;
    struct node nodes[2];
    struct ax_stage stages[2];
    node_set(&nodes[0], 0, NAMES("a", "y"), NAMES("x"));
    node_set(&nodes[1], 1, NAMES("x"), NAMES("y"));
    for (int i = 0; i < 2; i++) stages[i] = stage_of(&nodes[i]);
    expect_error(stages, 2, AX_INVALID_ARGUMENT, "circle");
    nodes[0].n_in = 1, nodes[0].in[0] = tensor("a"), nodes[1].out[0] = tensor("x");
    stages[0] = stage_of(&nodes[0]);
    expect_error(stages, 2, AX_INVALID_ARGUMENT, "two stages");
    nodes[1].out[0] = tensor("y"), nodes[1].in[0].dim[0] = 5;
    expect_error(stages, 2, AX_SHAPE, "'x'");
    nodes[1].in[0].dim[0] = WIDTH, nodes[1].in[0].stored = AX_DTYPE_FLOAT32;
    expect_error(stages, 2, AX_SHAPE, "'x'");
    stages[1].run = NULL;
    expect_error(stages, 2, AX_INVALID_ARGUMENT, "model");
}

/* -- races -- */

struct taker {
    struct ax_pipeline *p;
    _Atomic uint64_t *taken;
    atomic_char *seen;
    int n;
    pthread_t thread;
};

static void *take_all(void *arg)
{
    struct taker *t = arg;
    struct ax_result r;
    struct ax_buffer out;
    struct ax_error err;
    while (ax_pipeline_pop(t->p, &r, &out, &err) == AX_OK) {
        if (atomic_exchange(&t->seen[r.request], 1)) abort();
        uint64_t x = (uint64_t)(uintptr_t)r.user;
        if (!r.status && ((uint64_t *)out.data)[0] != chain_value(t->n, x)) abort();
        if (r.status && r.status != AX_DEVICE && r.status != AX_CANCELLED) abort();
        ax_pipeline_release(t->p, &out);
        atomic_fetch_add(t->taken, 1);
    }
    return NULL;
}

static void count_free(void *user, void *data)
{
    atomic_fetch_sub((atomic_int *)user, 1);
    free(data);
}

static void race_once(int round)
{
    enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 3000 };
    struct node nodes[MAX_STAGES];
    struct feeder feeders[PRODUCERS];
    struct taker takers[CONSUMERS];
    atomic_int live = 0;
    _Atomic uint64_t taken = 0;
    atomic_char *seen = calloc(PRODUCERS * EACH + 1, 1);
    int n = 1 + round % 5;
    chain_nodes(nodes, n, 400);
    if (round & 1) nodes[n / 2].mode = FAILS_SOMETIMES, nodes[n / 2].at = 9;
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.input_queue = 1 + round % 3, opt.output_queue = 1 + round % 2;
    opt.input_allocator = (struct ax_allocator){NULL, count_free, &live};
    struct ax_pipeline *p = chain(nodes, n, 3, &opt);
    for (int i = 0; i < PRODUCERS; i++) {
        feeders[i] = (struct feeder){.p = p, .count = EACH, .first = (uint64_t)i * EACH, .allocates = 1, .live_inputs = &live};
        pthread_create(&feeders[i].thread, NULL, feed, &feeders[i]);
    }
    for (int i = 0; i < CONSUMERS; i++) {
        takers[i] = (struct taker){p, &taken, seen, n, 0};
        pthread_create(&takers[i].thread, NULL, take_all, &takers[i]);
    }
    sleep_us(500 + (long)(mix((uint64_t)round) % 20000));
    if (round % 3 == 0) ax_pipeline_cancel(p, 0);
    uint64_t pushed = 0;
    if (round % 2) assert_int_equal(ax_pipeline_close(p), AX_OK);
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(feeders[i].thread, NULL);
        pushed += feeders[i].pushed;
    }
    assert_int_equal(ax_pipeline_close(p), round % 2 ? AX_CLOSED : AX_OK);
    for (int i = 0; i < CONSUMERS; i++) pthread_join(takers[i].thread, NULL);
    assert_int_equal(atomic_load(&taken), pushed);
    assert_int_equal(atomic_load(&live), 0);
    ax_pipeline_free(p);
    free(seen);
}

static void test_races(void **state)
{
    (void)state;
    int rounds = requests() >= 1000000 ? 60 : 12;
    for (int round = 0; round < rounds; round++) race_once(round);
}

/* Freed at any moment, with full queues and nobody to take results. */
static void test_free_anytime(void **state)
{
    (void)state;
    static uint64_t cells[64][WIDTH];
    for (int round = 0; round < 200; round++) {
        struct node nodes[MAX_STAGES];
        struct ax_error err;
        int n = 1 + round % 6;
        atomic_int live = 0;
        chain_nodes(nodes, n, 5);
        struct ax_pipeline_options opt;
        ax_pipeline_options_default(&opt);
        opt.input_allocator = (struct ax_allocator){NULL, count_free, &live};
        struct ax_pipeline *p = chain(nodes, n, 2, &opt);
        for (int i = 0; i < round % 40; i++) {
            void *cell = malloc(sizeof cells[0]);
            fill(cell, (uint64_t)i);
            struct ax_buffer in = {cell, AX_DTYPE_INT64, sizeof cells[0]};
            struct ax_request r = {.inputs = &in};
            if (ax_pipeline_try_push(p, &r, NULL, &err) == AX_OK)
                atomic_fetch_add(&live, 1);
            else
                free(cell);
        }
        if (round % 4 == 1) ax_pipeline_close(p);
        if (round % 4 == 2) sleep_us(300);
        ax_pipeline_free(p);
        assert_int_equal(atomic_load(&live), 0);
    }
}

/* -- waiting forms, cancelling, time limits -- */

static void push_one(struct ax_pipeline *p, uint64_t *cell, enum ax_status want)
{
    struct ax_error err;
    struct ax_buffer in = {cell, AX_DTYPE_INT64, WIDTH * 8};
    struct ax_request r = {.inputs = &in};
    assert_int_equal(ax_pipeline_try_push(p, &r, NULL, &err), want);
}

static void test_full_and_stuck(void **state)
{
    (void)state;
    struct node nodes[2];
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out, in;
    uint64_t cell[WIDTH];
    chain_nodes(nodes, 2, 0);
    nodes[1].mode = HANGS_AT, nodes[1].at = 2;
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.input_queue = opt.output_queue = 1;
    struct ax_stage stages[2] = {stage_of(&nodes[0]), stage_of(&nodes[1])};
    stages[0].name = "first", stages[1].name = "second";
    stages[1].queue = 1;
    struct ax_pipeline *p = make(stages, 2, &opt);
    fill(cell, 3);
    in = (struct ax_buffer){cell, AX_DTYPE_INT64, sizeof cell};
    struct ax_request request = {.inputs = &in};
    assert_int_equal(ax_pipeline_try_pop(p, &r, &out, &err), AX_AGAIN);
    assert_int_equal(ax_pipeline_pop_for(p, &r, &out, 5, &err), AX_TIMEOUT);
    /* One result, one stuck, one before it, one in the first stage's hands, one before that: however slowly they get there. */
    uint64_t pushed = 0;
    while (pushed < 5)
        if (ax_pipeline_push_for(p, &request, 20, NULL, &err) == AX_OK)
            pushed++;
        else
            assert_int_equal(err.status, AX_TIMEOUT);
    assert_int_equal(ax_pipeline_push_for(p, &request, 20, NULL, &err), AX_TIMEOUT);
    push_one(p, cell, AX_AGAIN);
    assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
    assert_int_equal(r.status, AX_OK);
    ax_pipeline_release(p, &out);
    assert_int_equal(ax_pipeline_cancel(p, 1), AX_NOT_FOUND);
    assert_int_equal(ax_pipeline_cancel(p, 99), AX_NOT_FOUND);
    assert_int_equal(ax_pipeline_cancel(p, 2), AX_OK);
    assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
    assert_int_equal(r.status, AX_CANCELLED);
    assert_int_equal(r.request, 2);
    assert_string_equal(r.stage_name, "second");
    assert_int_equal(ax_pipeline_close(p), AX_OK);
    push_one(p, cell, AX_CLOSED);
    for (uint64_t i = 3; i <= pushed; i++) {
        assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
        assert_int_equal(r.status, AX_OK);
        ax_pipeline_release(p, &out);
    }
    assert_int_equal(ax_pipeline_try_pop(p, &r, &out, &err), AX_CLOSED);
    ax_pipeline_free(p);
}

static void test_time_limits(void **state)
{
    (void)state;
    for (int of_stage = 0; of_stage < 2; of_stage++) {
        struct node nodes[2];
        struct ax_error err;
        struct ax_result r;
        struct ax_buffer out;
        uint64_t cell[WIDTH];
        chain_nodes(nodes, 2, 0);
        nodes[0].mode = HANGS_AT, nodes[0].at = 1;
        struct ax_stage stages[2] = {stage_of(&nodes[0]), stage_of(&nodes[1])};
        if (of_stage) stages[0].timeout_ms = 250;
        struct ax_pipeline *p = make(stages, 2, NULL);
        fill(cell, 3);
        struct ax_buffer in = {cell, AX_DTYPE_INT64, sizeof cell};
        struct ax_request request = {.inputs = &in, .timeout_ms = of_stage ? 0 : 250};
        assert_int_equal(ax_pipeline_push(p, &request, NULL, &err), AX_OK);
        request.timeout_ms = 0;
        assert_int_equal(ax_pipeline_push(p, &request, NULL, &err), AX_OK);
        assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
        assert_int_equal(r.status, AX_TIMEOUT);
        assert_int_equal(r.stage, 0);
        assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
        assert_int_equal(r.status, AX_OK);
        ax_pipeline_release(p, &out);
        ax_pipeline_free(p);
    }
}

/* A push that waits is let go by close, and a stuck pipeline by free. */
static void test_close_wakes(void **state)
{
    (void)state;
    struct node nodes[1];
    chain_nodes(nodes, 1, 0);
    nodes[0].mode = HANGS_AT, nodes[0].at = 1;
    struct ax_pipeline *p = chain(nodes, 1, 1, NULL);
    struct feeder *f = feeder_start(p, 1, 1000);
    while (f->pushed < 2) sleep_us(1000);
    sleep_us(10000); /* by now it waits, or will soon */
    assert_int_equal(ax_pipeline_close(p), AX_OK);
    pthread_join(f->thread, NULL);
    assert_in_range(f->pushed, 2, 20);
    ax_pipeline_free(p); /* until then inputs are read */
    free(f->cells);
    free(f);
}

/* -- allocators -- */

struct budget {
    atomic_int left, live, most, refused;
};

static void *budget_alloc(void *user, int64_t bytes)
{
    struct budget *b = user;
    if (atomic_fetch_sub(&b->left, 1) <= 0) {
        atomic_fetch_add(&b->left, 1);
        atomic_fetch_add(&b->refused, 1);
        return NULL;
    }
    int live = atomic_fetch_add(&b->live, 1) + 1;
    if (live > atomic_load(&b->most)) atomic_store(&b->most, live);
    return malloc((size_t)bytes);
}

static void budget_free(void *user, void *data)
{
    struct budget *b = user;
    atomic_fetch_sub(&b->live, 1);
    atomic_fetch_add(&b->left, 1);
    free(data);
}

static void test_allocator_runs_out(void **state)
{
    (void)state;
    struct node nodes[3];
    struct budget b = {.left = 2};
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    uint64_t seen = 0, none = 0, count = requests() / 50;
    chain_nodes(nodes, 3, 50);
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.output_allocator = (struct ax_allocator){budget_alloc, budget_free, &b};
    struct ax_pipeline *p = chain(nodes, 3, 2, &opt);
    struct feeder *f = feeder_start(p, 1, count);
    while (ax_pipeline_pop(p, &r, &out, &err) == AX_OK) {
        assert_int_equal(r.request, ++seen);
        if (seen % 64 == 0) sleep_us(200);
        if (r.status) {
            assert_int_equal(r.status, AX_NO_MEMORY);
            assert_int_equal(r.stage, 2);
            none++;
        } else {
            assert_int_equal(((uint64_t *)out.data)[0], chain_value(3, seen));
        }
        ax_pipeline_release(p, &out);
    }
    feeder_end(f);
    ax_pipeline_free(p);
    assert_int_equal(seen, count);
    assert_int_equal(none, atomic_load(&b.refused));
    assert_int_equal(atomic_load(&b.live), 0);
    assert_in_range(atomic_load(&b.most), 1, 2);
}

static void test_own_outputs(void **state)
{
    (void)state;
    struct node nodes[2];
    struct ax_error err;
    struct ax_result r;
    uint64_t cell[WIDTH], result[WIDTH];
    chain_nodes(nodes, 2, 0);
    struct ax_pipeline *p = chain(nodes, 2, 1, NULL);
    fill(cell, 42);
    struct ax_buffer in = {cell, AX_DTYPE_INT64, sizeof cell}, out = {result, AX_DTYPE_INT64, sizeof result};
    struct ax_request request = {.inputs = &in, .outputs = &out};
    assert_int_equal(ax_pipeline_push(p, &request, NULL, &err), AX_OK);
    assert_int_equal(ax_pipeline_pop(p, &r, NULL, &err), AX_OK);
    assert_int_equal(result[1], chain_value(2, 42) + 1);
    out.bytes = 8;
    assert_int_equal(ax_pipeline_push(p, &request, NULL, &err), AX_INVALID_ARGUMENT);
    out.bytes = sizeof result, in.dtype = AX_DTYPE_FLOAT32;
    assert_int_equal(ax_pipeline_push(p, &request, NULL, &err), AX_INVALID_ARGUMENT);
    ax_pipeline_free(p);
}

/* -- callbacks -- */

struct heard {
    struct ax_pipeline *_Atomic p;
    _Atomic uint64_t last, ok;
    uint64_t again;
    int n;
    uint64_t cell[WIDTH];
};

static void hear(void *user, const struct ax_result *r, const struct ax_buffer *outputs)
{
    struct heard *h = user;
    struct ax_error err;
    struct ax_buffer in = {h->cell, AX_DTYPE_INT64, sizeof h->cell}, out = *outputs;
    struct ax_request request = {.inputs = &in};
    if (r->request != ++h->last) abort();
    h->ok += r->status == AX_OK;
    ax_pipeline_release(h->p, &out);
    while (h->last < 50 && ax_pipeline_push(h->p, &request, NULL, &err) == AX_OK) continue; /* does not wait */
    h->again += h->last < 50 && err.status == AX_AGAIN;
}

static void test_callbacks(void **state)
{
    (void)state;
    struct node nodes[3];
    struct heard h = {.n = 3};
    chain_nodes(nodes, 3, 0);
    fill(h.cell, 1);
    struct ax_pipeline_options opt;
    ax_pipeline_options_default(&opt);
    opt.done = hear, opt.user = &h;
    struct ax_pipeline *p = chain(nodes, 3, 2, &opt);
    h.p = p;
    push_one(p, h.cell, AX_OK);
    while (!h.ok) sleep_us(1000);
    ax_pipeline_close(p);
    ax_pipeline_free(p); /* every request is heard of before */
    assert_true(h.last >= h.ok);
}

static enum ax_status frees_itself(void *user, const struct ax_stage_call *c, struct ax_error *err)
{
    (void)c, (void)err;
    ax_pipeline_free(*(struct ax_pipeline **)user);
    return AX_OK;
}

/* A stage that frees its own pipeline would wait for itself: the process ends with a message instead. */
static void test_free_from_within(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        static struct ax_pipeline *p;
        struct node n;
        uint64_t cell[WIDTH];
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        node_set(&n, 0, NAMES("t0"), NAMES("t1"));
        struct ax_stage s = stage_of(&n);
        s.run = frees_itself, s.user = &p;
        fill(cell, 1);
        p = make(&s, 1, NULL);
        push_one(p, cell, AX_OK);
        sleep_us(20000000);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* -- statistics -- */

static void test_stats(void **state)
{
    (void)state;
    struct node nodes[3];
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    struct ax_pipeline_stats all;
    struct ax_stage_stats s[3];
    chain_nodes(nodes, 3, 0);
    nodes[1].delay = 1, nodes[1].delay_us = 2000;
    struct ax_pipeline *p = chain(nodes, 3, 1, NULL);
    struct feeder *f = feeder_start(p, 1, 60);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
        ax_pipeline_release(p, &out);
    }
    ax_pipeline_stats(p, &all);
    for (int i = 0; i < 3; i++) assert_int_equal(ax_pipeline_stage_stats(p, i, &s[i]), 1);
    assert_int_equal(ax_pipeline_stage_stats(p, 3, &s[0]), 0);
    assert_int_equal(all.pushed, 60);
    assert_int_equal(all.succeeded, 60);
    assert_int_equal(all.latency.count, 60);
    assert_true(all.latency.p50 >= 2000000 && all.latency.p50 <= all.latency.p99 && all.latency.p99 <= all.latency.max);
    assert_true(s[1].run.p50 >= 1900000);
    assert_true(s[1].occupancy > 0.5 && s[1].occupancy <= 1.01);
    assert_true(s[0].blocked > 0.3); /* before the slow one: waits for room; behind it: for work */
    assert_true(s[2].starved > 0.3);
    assert_true(s[1].mean_queue > 0.5);
    assert_true(all.max_in_flight <= 4 + 4 + 1 + 9 && all.in_flight == 0);
    ax_pipeline_reset_stats(p);
    ax_pipeline_stats(p, &all);
    ax_pipeline_stage_stats(p, 1, &s[1]);
    assert_int_equal(all.pushed, 0);
    assert_int_equal(s[1].run.count, 0);
    feeder_end(f);
    ax_pipeline_free(p);
}

static void test_replicas(void **state)
{
    (void)state;
    struct node n;
    struct ax_error err;
    struct ax_result r;
    struct ax_buffer out;
    node_set(&n, 0, NAMES("t0"), NAMES("t1"));
    n.delay = 1, n.delay_us = 1000;
    struct ax_stage s = stage_of(&n);
    s.replicas = 4;
    struct ax_pipeline *p = make(&s, 1, NULL);
    struct feeder *f = feeder_start(p, 1, 100);
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(ax_pipeline_pop(p, &r, &out, &err), AX_OK);
        assert_int_equal(r.request, i);
        ax_pipeline_release(p, &out);
    }
    assert_in_range(atomic_load(&n.most), 2, 4);
    feeder_end(f);
    ax_pipeline_free(p);
}

int main(void)
{
    alarm(900); /* a deadlock is a failure, not a wait */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_wiring),     cmocka_unit_test(test_own_outputs),  cmocka_unit_test(test_full_and_stuck),
        cmocka_unit_test(test_time_limits),      cmocka_unit_test(test_close_wakes),  cmocka_unit_test(test_allocator_runs_out),
        cmocka_unit_test(test_free_from_within), cmocka_unit_test(test_callbacks),    cmocka_unit_test(test_stats),
        cmocka_unit_test(test_replicas),         cmocka_unit_test(test_dag),          cmocka_unit_test(test_failures),
        cmocka_unit_test(test_close_on_error),   cmocka_unit_test(test_free_anytime), cmocka_unit_test(test_races),
        cmocka_unit_test(test_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
