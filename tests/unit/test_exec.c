/* The executor and the public API: a program of large and tiny steps gives the same bits with any number of threads; user
 * tensors are converted both ways; cores are counted, within the process and across processes; requests, waits, timeouts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/internal.h"
#include "exec/exec.h"
#include "program/activation.h"
#include "temp.h"

/* -- a program: NCHW input, quantized into planes of 16 + 4 channels, back to float, then a chain -- */

enum { C = 20, H = 9, W = 13, N = C * H * W, CHAIN = 12, OPERANDS = CHAIN + 4 };

struct model {
    struct ax_program p;
    struct ax_operand ops[OPERANDS];
    struct ax_plane planes[2];
    struct ax_step steps[CHAIN + 1];
    int io[CHAIN + 1][4];
    struct ax_port in, out;
    struct ax_unary_params unary[CHAIN];
    struct ax_none_params none;
    float scale;
    int32_t zero;
    _Alignas(64) uint8_t consts[128 + AX_SLACK];
};

static int plain(struct model *m, int index)
{
    m->ops[index] =
        (struct ax_operand){.name = "x", .space = AX_SPACE_ARENA, .dtype = AX_DTYPE_FLOAT32, .rank = 4, .dim = {1, H, W, C}};
    m->ops[index].offset = m->p.arena_bytes;
    m->p.arena_bytes += (N * 4 + 63) / 64 * 64;
    return index;
}

static void input_planes(struct model *m)
{
    struct ax_operand *o = &m->ops[0];
    *o = (struct ax_operand){.name = "in",
                             .space = AX_SPACE_ARENA,
                             .dtype = AX_DTYPE_INT8,
                             .layout = AX_LAYOUT_PLANES,
                             .rank = 4,
                             .dim = {1, H, W, C},
                             .n = 1,
                             .h = H,
                             .w = W,
                             .c = C,
                             .n_planes = 2,
                             .planes = m->planes};
    o->halo_top = 1, o->halo_left = 2, o->halo_bottom = 1, o->halo_right = 1;
    o->quant = (struct ax_quant){1, 3, &m->scale, &m->zero};
    for (int i = 0; i < 2; i++) {
        struct ax_plane *p = &m->planes[i];
        p->channels = i ? 4 : 16;
        p->pixel_stride = i ? 4 : 16;
        p->row_stride = (W + 3) * p->pixel_stride;
        p->image_stride = (H + 2) * p->row_stride;
        p->offset = m->p.arena_bytes + p->row_stride + 2 * p->pixel_stride;
        m->p.arena_bytes += (p->image_stride + 63) / 64 * 64;
    }
}

static void constant(struct model *m, int index, enum ax_dtype t, int64_t offset)
{
    m->ops[index] =
        (struct ax_operand){.name = "", .space = AX_SPACE_CONST, .dtype = t, .rank = 1, .dim = {1}, .offset = offset};
}

static void step(struct model *m, int index, enum ax_step_kind kind, const void *params, int a, int b, int c, int y)
{
    int *io = m->io[index];
    io[0] = a, io[1] = b, io[2] = c, io[3] = y;
    m->steps[index] =
        (struct ax_step){.kind = kind, .name = "s", .n_in = 3, .n_out = 1, .in = io, .out = io + 3, .params = params};
    m->steps[index].macs = index % 3 ? 0 : 1 << 20; /* some are shared out, some are not */
}

static struct model *model_new(void)
{
    static const int acts[] = {AX_ACT_SILU, AX_ACT_TANH, AX_ACT_ERF, AX_ACT_GELU};
    struct model *m = aligned_alloc(64, (sizeof *m + 63) / 64 * 64);
    memset(m, 0, sizeof *m);
    m->scale = 0.05f, m->zero = -7;
    input_planes(m);
    constant(m, OPERANDS - 2, AX_DTYPE_FLOAT32, 0);
    constant(m, OPERANDS - 1, AX_DTYPE_INT32, 64);
    memcpy(m->consts, &m->scale, 4);
    memcpy(m->consts + 64, &m->zero, 4);
    step(m, 0, AX_STEP_DEQUANTIZE, &m->none, 0, OPERANDS - 2, OPERANDS - 1, plain(m, 1));
    for (int i = 1; i < CHAIN; i++) {
        m->unary[i] = (struct ax_unary_params){acts[i % 4], 1, 0};
        step(m, i, AX_STEP_UNARY_F32, &m->unary[i], i, -1, -1, plain(m, i + 1));
    }
    m->in = (struct ax_port){
        .name = "image", .operand = 0, .dtype = AX_DTYPE_FLOAT32, .shape = {4, {1, C, H, W}}, .perm = {0, 3, 1, 2}};
    m->out = (struct ax_port){
        .name = "y", .operand = CHAIN, .dtype = AX_DTYPE_FLOAT32, .shape = {4, {1, C, H, W}}, .perm = {0, 3, 1, 2}};
    constant(m, CHAIN + 1, AX_DTYPE_FLOAT32, 0); /* unused */
    m->p.operands = m->ops, m->p.n_operands = OPERANDS;
    m->p.steps = m->steps, m->p.n_steps = CHAIN;
    m->p.inputs = &m->in, m->p.outputs = &m->out;
    m->p.n_inputs = m->p.n_outputs = 1;
    m->p.const_data = m->consts, m->p.const_bytes = 128;
    struct ax_error err;
    if (ax_program_check(&m->p, &err)) fail_msg("%s", err.message);
    return m;
}

static void picture(float *x, int sample)
{
    for (int i = 0; i < N; i++) x[i] = (float)((i * 37 + sample * 11) % 101) * 0.13f - 6.0f;
}

static struct ax_exec *exec_new(const struct model *m, int threads)
{
    struct ax_exec *e;
    struct ax_error err;
    struct ax_exec_options opt = {.threads = threads};
    if (ax_exec_new(&m->p, &opt, &e, &err)) fail_msg("%s", err.message);
    return e;
}

static void run_once(const struct model *m, int threads, float *y)
{
    struct ax_error err;
    struct ax_exec *e = exec_new(m, threads);
    float x[N];
    picture(x, 0);
    for (int k = 0; k < 20; k++) {
        assert_int_equal(ax_exec_set_input(e, 0, x, AX_DTYPE_FLOAT32, NULL, &err), AX_OK);
        ax_exec_run(e, 0, m->p.n_steps, NULL);
    }
    assert_int_equal(ax_exec_get_output(e, 0, y, AX_DTYPE_FLOAT32, NULL, &err), AX_OK);
    ax_exec_free(e);
}

static void test_threads(void **state)
{
    (void)state;
    struct model *m = model_new();
    float want[N], got[N];
    run_once(m, 1, want);
    for (int threads = 2; threads <= 4; threads++) {
        run_once(m, threads, got);
        assert_memory_equal(want, got, sizeof want);
    }
    free(m);
}

static int8_t quantized(const struct model *m, float x)
{
    float q = rintf(x / m->scale) + (float)m->zero;
    return (int8_t)(q < -128 ? -128 : q > 127 ? 127 : q);
}

/* Where channel c of pixel (y, x) lies. */
static const int8_t *at(const struct model *m, const uint8_t *arena, int c, int y, int x)
{
    const struct ax_plane *p = &m->planes[c >= 16];
    return (const int8_t *)arena + p->offset + y * p->row_stride + x * p->pixel_stride + c % 16;
}

static void check_planes(const struct model *m, const uint8_t *arena, const float *x)
{
    for (int c = 0; c < C; c++)
        for (int y = -1; y <= H; y++)
            for (int k = -2; k <= W; k++) {
                int inside = y >= 0 && y < H && k >= 0 && k < W;
                assert_int_equal(*at(m, arena, c, y, k), inside ? quantized(m, x[(c * H + y) * W + k]) : m->zero);
            }
}

static void test_inputs(void **state)
{
    (void)state;
    struct model *m = model_new();
    struct ax_error err;
    struct ax_exec *e = exec_new(m, 1);
    float x[N];
    uint8_t u[N];
    int8_t raw[N];
    picture(x, 3);
    memset(ax_exec_arena(e), 99, (size_t)m->p.arena_bytes);
    assert_int_equal(ax_exec_set_input(e, 0, x, AX_DTYPE_FLOAT32, NULL, &err), AX_OK);
    check_planes(m, ax_exec_arena(e), x);
    for (int i = 0; i < N; i++) u[i] = (uint8_t)(i * 7), x[i] = u[i];
    assert_int_equal(ax_exec_set_input(e, 0, u, AX_DTYPE_UINT8, NULL, &err), AX_OK);
    check_planes(m, ax_exec_arena(e), x);
    for (int i = 0; i < N; i++) raw[i] = (int8_t)(i * 5), x[i] = (float)(raw[i] - m->zero) * m->scale;
    assert_int_equal(ax_exec_set_input(e, 0, raw, AX_DTYPE_INT8, NULL, &err), AX_OK);
    check_planes(m, ax_exec_arena(e), x);
    float *back = malloc(sizeof x);
    ax_operand_to_float(&m->p, 0, ax_exec_arena(e), back); /* channels last */
    for (int i = 0; i < N; i++) assert_true(back[i] == x[(i % C * H + i / C / W) * W + i / C % W]);
    free(back);
    assert_int_equal(ax_exec_set_input(e, 1, x, AX_DTYPE_FLOAT32, NULL, &err), AX_INVALID_ARGUMENT);
    assert_int_equal(ax_exec_get_output(e, 0, x, AX_DTYPE_INT32, NULL, &err), AX_INVALID_ARGUMENT);
    ax_exec_free(e);
    free(m);
}

static void count_hook(void *ctx, int index, int64_t begin, int64_t end)
{
    int *n = ctx;
    assert_int_equal(index, *n);
    assert_true(end >= begin);
    ++*n;
}

static void test_hook(void **state)
{
    (void)state;
    struct model *m = model_new();
    struct ax_exec *e = exec_new(m, 2);
    int n = 0;
    ax_exec_set_hook(e, count_hook, &n);
    ax_exec_run(e, 0, m->p.n_steps, NULL);
    assert_int_equal(n, m->p.n_steps);
    assert_non_null(strstr(ax_exec_kernel_name(e, 1), "unary_f32"));
    ax_exec_free(e);
    free(m);
}

/* -- hostile programs -- */

#define BROKEN(change)                                                                                                         \
    do {                                                                                                                       \
        struct model *m = model_new();                                                                                         \
        struct ax_error err;                                                                                                   \
        change;                                                                                                                \
        if (ax_program_check(&m->p, &err) != AX_FORMAT) fail_msg("accepted: " #change);                                        \
        assert_true(strlen(err.message) > 20);                                                                                 \
        free(m);                                                                                                               \
    } while (0)

static void test_check(void **state)
{
    (void)state;
    BROKEN(m->p.arena_bytes -= 64);
    BROKEN(m->ops[3].offset = -4);
    BROKEN(m->ops[3].offset += 2);
    BROKEN(m->ops[3].dim[1] = 0);
    BROKEN(m->ops[3].dim[1] = INT64_MAX);
    BROKEN(m->ops[3].rank = 9);
    BROKEN(m->ops[3].dtype = AX_DTYPE_COUNT);
    BROKEN(m->ops[3].space = (enum ax_space)7);
    BROKEN(m->ops[3].layout = (enum ax_layout)7);
    BROKEN(m->ops[OPERANDS - 1].offset = 128);
    BROKEN(m->planes[0].row_stride = 1);
    BROKEN(m->planes[0].offset = 0);
    BROKEN(m->planes[1].offset += m->p.arena_bytes);
    BROKEN(m->planes[1].channels = 5);
    BROKEN(m->ops[0].halo_top = 1000000000);
    BROKEN(m->ops[0].halo_left = -1);
    BROKEN(m->ops[0].n_planes = 0);
    BROKEN(m->ops[0].quant.count = 3);
    BROKEN(m->scale = 0);
    BROKEN(m->scale = NAN);
    BROKEN(m->steps[2].kind = AX_STEP_COUNT);
    BROKEN(m->steps[2].params = NULL);
    BROKEN(m->steps[2].n_in = 1000);
    BROKEN(m->io[2][0] = OPERANDS);
    BROKEN(m->io[2][0] = -1);
    BROKEN(m->io[2][3] = OPERANDS - 2);
    BROKEN(m->io[2][3] = -1);
    BROKEN(m->unary[2].act = AX_ACT_COUNT);
    BROKEN(m->ops[4].dim[3] = 1);
    BROKEN(m->steps[0].kind = AX_STEP_CONV_S8);
    BROKEN(m->steps[0].kind = AX_STEP_COPY);
    BROKEN(m->in.operand = -1);
    BROKEN(m->in.perm[1] = 0);
    BROKEN(m->in.shape.dim[1] = C + 1);
}

/* -- the public API -- */

struct api {
    struct model *m;
    struct ax_context *context;
    struct ax_model *model;
};

static struct api api_new(void)
{
    struct ax_error err;
    struct api a = {.m = model_new()};
    assert_int_equal(ax_context_new(&a.context, &err), AX_OK);
    assert_int_equal(ax_model_from_program(a.context, &a.m->p, &a.model, &err), AX_OK);
    return a;
}

static void api_free(struct api *a)
{
    ax_model_free(a->model);
    ax_context_free(a->context);
    free(a->m);
}

static struct ax_connection *connect_all(struct api *a)
{
    struct ax_error err;
    struct ax_connection *c;
    if (ax_connect(a->context, NULL, 0, &c, &err)) fail_msg("%s", err.message);
    return c;
}

static void test_model(void **state)
{
    (void)state;
    struct api a = api_new();
    assert_int_equal(ax_model_inputs(a.model), 1);
    const struct ax_tensor *t = ax_model_input(a.model, 0);
    assert_string_equal(t->name, "image");
    assert_string_equal(t->layout, "NCHW");
    assert_int_equal(t->elements, N);
    assert_int_equal(t->stored, AX_DTYPE_INT8);
    assert_int_equal(t->n_scales, 1);
    assert_int_equal(t->zero_point[0], -7);
    assert_null(ax_model_input(a.model, 1));
    struct ax_error err;
    struct ax_model *none;
    assert_int_equal(ax_model_load(a.context, "/nowhere/model.axmodel", &none, &err), AX_NOT_FOUND);
    assert_null(none);
    api_free(&a);
}

static void test_cores(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_device d;
    assert_int_equal(ax_context_devices(a.context, &d, 1), 1);
    assert_string_equal(d.name, "cpu");
    assert_int_equal(d.free_cores, d.cores);
    struct ax_connection *c = connect_all(&a), *other;
    assert_int_equal(ax_connection_free_cores(c), d.cores);
    assert_int_equal(ax_connect(a.context, "cpu", 1, &other, &err), AX_BUSY);
    assert_null(other);
    assert_non_null(strstr(err.message, "0 are free"));
    assert_int_equal(ax_connect(a.context, "gpu", 1, &other, &err), AX_NOT_FOUND);
    struct ax_instance *i, *j;
    struct ax_instance_options opt = {.batch = d.cores + 1, .cores = 1, .queue = 1};
    assert_int_equal(ax_instance_new(c, a.model, &opt, &i, &err), AX_BUSY);
    assert_non_null(strstr(err.message, "the connection has"));
    opt.batch = d.cores;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &i, &err), AX_OK);
    opt.batch = 1;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &j, &err), AX_BUSY);
    ax_instance_free(i);
    assert_int_equal(ax_instance_new(c, a.model, &opt, &j, &err), AX_OK);
    ax_connection_free(c); /* the instance keeps it */
    assert_int_equal(ax_connect(a.context, "cpu", d.cores, &other, &err), AX_BUSY);
    ax_instance_free(j);
    assert_int_equal(ax_connect(a.context, "cpu", d.cores, &other, &err), AX_OK);
    ax_connection_free(other);
    api_free(&a);
}

/* Some of the processor's cores by name: those and no others. */
static void test_named_cores(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_connection *c, *other;
    int all[AX_MAX_CORES], got[4], n = ax_lease_candidates(all), holder;
    char first[32], both[64], name[64];
    snprintf(first, sizeof first, "cpu:%d", all[0]);
    snprintf(both, sizeof both, "cpu:%d-%d+%d", all[0], all[0], all[n - 1]);
    assert_int_equal(ax_connect(a.context, both, 0, &c, &err), AX_OK);
    assert_string_equal(ax_connection_device(c), both);
    assert_int_equal(ax_connection_cores(c, got, 4), n > 1 ? 2 : 1);
    assert_int_equal(got[0], all[0]);
    assert_int_equal(got[n > 1], all[n - 1]);
    assert_int_equal(ax_lease_take(all[0], &holder, &err), -1);
    assert_int_equal(ax_connect(a.context, first, 0, &other, &err), AX_BUSY);
    assert_non_null(strstr(err.message, first));
    ax_connection_free(c);
    assert_int_equal(ax_connect(a.context, first, 1, &c, &err), AX_OK);
    if (n > 1) { /* all that are named, not those of them that are free */
        assert_int_equal(ax_connect(a.context, both, 0, &other, &err), AX_BUSY);
        assert_non_null(strstr(err.message, "another connection of this process"));
        assert_int_equal(ax_connect(a.context, both, 1, &other, &err), AX_OK);
        ax_connection_free(other);
    }
    ax_connection_free(c);
    assert_int_equal(ax_connect(a.context, first, 2, &c, &err), AX_INVALID_ARGUMENT);
    snprintf(name, sizeof name, "cpu:%d", all[n - 1] + 1);
    assert_int_equal(ax_connect(a.context, name, 0, &c, &err), AX_NOT_FOUND);
    static const char *const wrong[] = {"cpu:",    "cpu:a",  "cpu:0-", "cpu:0+", "cpu:1-0",
                                        "cpu:0,1", "cpu:-1", "cpu: 0", "cpu:0x1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ax_connect(a.context, wrong[i], 0, &c, &err), AX_INVALID_ARGUMENT);
    assert_int_equal(ax_connect(a.context, "cpux", 0, &c, &err), AX_NOT_FOUND);
    api_free(&a);
}

/* Instances that share cores: as many as are wanted, beside none that has its cores to itself. */
static void test_share(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_connection *c = connect_all(&a);
    struct ax_instance *shared[3], *own;
    struct ax_instance_options opt;
    ax_instance_options_default(&opt);
    opt.share = 1;
    int all = ax_connection_cores(c, NULL, 0);
    for (int i = 0; i < 3; i++) assert_int_equal(ax_instance_new(c, a.model, &opt, &shared[i], &err), AX_OK);
    assert_int_equal(ax_connection_free_cores(c), 0);
    opt.share = 0;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &own, &err), AX_BUSY);
    for (int i = 0; i < 3; i++) ax_instance_free(shared[i]);
    assert_int_equal(ax_connection_free_cores(c), all);
    opt.cores = all;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &own, &err), AX_OK);
    opt.share = 1;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &shared[0], &err), AX_BUSY);
    ax_instance_free(own);
    ax_connection_free(c);
    api_free(&a);
}

/* Another process holds the cores; when it dies they are free. */
static void test_processes(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_connection *c;
    int ready[2], go[2];
    char byte = 0;
    assert_int_equal(pipe(ready) | pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        struct ax_connection *own;
        byte = (char)ax_connect(a.context, NULL, 0, &own, &err);
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
        _exit(0); /* without letting go of anything */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, AX_OK);
    assert_int_equal(ax_connect(a.context, NULL, 1, &c, &err), AX_BUSY);
    char who[32];
    snprintf(who, sizeof who, "process %d", (int)child);
    assert_non_null(strstr(err.message, who));
    assert_int_equal(write(go[1], &byte, 1), 1);
    waitpid(child, NULL, 0);
    c = connect_all(&a);
    ax_connection_free(c);
    for (int i = 0; i < 2; i++) close(ready[i]), close(go[i]);
    api_free(&a);
}

static void test_batch(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_connection *c = connect_all(&a);
    int batch = ax_connection_free_cores(c) >= 2 ? 2 : 1;
    float *x = malloc(2 * N * sizeof *x), *y = malloc(2 * N * sizeof *y), one[N];
    picture(x, 0), picture(x + N, 5);
    struct ax_instance_options opt = {.batch = batch, .cores = 1, .queue = 1};
    struct ax_instance *i;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &i, &err), AX_OK);
    struct ax_buffer in = {x, AX_DTYPE_FLOAT32, batch * N * 4}, out = {y, AX_DTYPE_FLOAT32, batch * N * 4};
    assert_int_equal(ax_instance_run(i, &in, &out, &err), AX_OK);
    run_once(a.m, 1, one);
    assert_memory_equal(y, one, sizeof one);
    in.bytes--;
    assert_int_equal(ax_instance_run(i, &in, &out, &err), AX_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "'image' needs"));
    ax_instance_free(i);
    opt.batch = 1;
    assert_int_equal(ax_instance_new(c, a.model, &opt, &i, &err), AX_OK);
    in = (struct ax_buffer){x + N * (batch - 1), AX_DTYPE_FLOAT32, N * 4};
    out = (struct ax_buffer){one, AX_DTYPE_FLOAT32, N * 4};
    assert_int_equal(ax_instance_run(i, &in, &out, &err), AX_OK);
    assert_memory_equal(y + N * (batch - 1), one, sizeof one);
    ax_instance_free(i);
    ax_connection_free(c);
    free(x);
    free(y);
    api_free(&a);
}

struct tally {
    int done, cancelled;
    uint64_t last;
    int block[2]; /* the first call waits until a byte comes */
};

static void count_done(void *user, uint64_t request, enum ax_status status, const struct ax_error *err)
{
    struct tally *t = user;
    char byte;
    (void)err;
    if (request == 1 && read(t->block[0], &byte, 1) != 1) return;
    if (request > t->last) t->last = request; /* in order */
    t->done += status == AX_OK;
    t->cancelled += status == AX_CANCELLED;
}

static void test_requests(void **state)
{
    (void)state;
    struct api a = api_new();
    struct ax_error err;
    struct ax_connection *c = connect_all(&a);
    struct ax_instance *i;
    struct ax_instance_options opt = {.batch = 1, .cores = 1, .queue = 4};
    float *x = malloc(N * sizeof *x), *y = malloc(4 * N * sizeof *y), want[N];
    picture(x, 0);
    run_once(a.m, 1, want);
    assert_int_equal(ax_instance_new(c, a.model, &opt, &i, &err), AX_OK);
    struct ax_buffer in = {x, AX_DTYPE_FLOAT32, N * 4}, out = {y, AX_DTYPE_FLOAT32, N * 4};
    struct tally t = {0};
    uint64_t id[5];
    char byte = 0;
    assert_int_equal(pipe(t.block), 0);
    assert_int_equal(ax_instance_submit(i, &in, &out, count_done, &t, &id[0], &err), AX_OK);
    for (int k = 1; k < 4; k++) {
        out.data = y + k * N;
        assert_int_equal(ax_instance_submit(i, &in, &out, NULL, NULL, &id[k], &err), AX_OK);
        assert_int_equal(id[k], id[0] + (uint64_t)k);
    }
    assert_int_equal(ax_instance_submit(i, &in, &out, NULL, NULL, &id[4], &err), AX_AGAIN);
    assert_int_equal(ax_instance_wait(i, id[3], 0, &err), AX_TIMEOUT);
    assert_int_equal(ax_instance_wait(i, id[3], 20, &err), AX_TIMEOUT);
    assert_int_equal(write(t.block[1], &byte, 1), 1);
    for (int k = 3; k >= 1; k--) assert_int_equal(ax_instance_wait(i, id[k], -1, &err), AX_OK);
    for (int k = 0; k < 4; k++) assert_memory_equal(y + k * N, want, sizeof want);
    assert_int_equal(t.done, 1);
    assert_int_equal(ax_instance_wait(i, id[3], 0, &err), AX_NOT_FOUND);
    assert_int_equal(ax_instance_submit(i, &in, &out, count_done, &t, &id[4], &err), AX_OK);
    assert_true(ax_instance_wait(i, id[4], -1, &err) == AX_OK || err.status == AX_NOT_FOUND); /* it may have ended before */
    ax_instance_free(i);
    assert_int_equal(t.done + t.cancelled, 2);
    ax_connection_free(c);
    close(t.block[0]), close(t.block[1]);
    free(x);
    free(y);
    api_free(&a);
}

int main(void)
{
    if (setenv("AXON_LEASE_DIR", temp_dir(), 1)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_inputs),   cmocka_unit_test(test_hook),
        cmocka_unit_test(test_check),       cmocka_unit_test(test_model),    cmocka_unit_test(test_cores),
        cmocka_unit_test(test_named_cores), cmocka_unit_test(test_share),    cmocka_unit_test(test_processes),
        cmocka_unit_test(test_batch),       cmocka_unit_test(test_requests),
    };
    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
