/* Simulated devices: the events of a line by hand; instances and pipelines that keep virtual time and the bits of the cpu. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/internal.h"
#include "api/sim_line.h"
#include "sample_model.h"

static const struct ax_device_desc plain = {.name = "plain", .cores = 4};

static struct ax_sim_stage stage(int64_t in, int64_t compute, int64_t out, const int *cores, int replicas, const int *before)
{
    return (struct ax_sim_stage){.run = {.in = in, .compute = compute, .out = out},
                                 .replicas = replicas,
                                 .cores_each = 1,
                                 .cores = cores,
                                 .before = before,
                                 .n_before = before != NULL};
}

static const int core[4] = {0, 1, 2, 3}, first[1] = {0}, order[3] = {0, 1, 2};

/* Two stages of 10 and 30: the second one is the bottleneck; what it cannot take holds the first one back. */
static void test_chain(void **state)
{
    struct ax_sim_hold hold = {.reader = 1, .slots = 2};
    struct ax_sim_stage s[2] = {stage(2, 6, 2, core, 1, NULL), stage(5, 20, 5, core + 1, 1, first)};
    struct ax_sim_times t[2];
    int64_t pushed, done[8];
    (void)state;
    s[0].holds = &hold, s[0].n_holds = 1;
    struct ax_sim_line *l = ax_sim_line_new(&plain, s, 2, order, 8, 1);
    for (int r = 0; r < 8; r++) done[r] = ax_sim_request(l, false, t, &pushed);
    assert_int_equal(done[0], 40);
    for (int r = 1; r < 8; r++) assert_int_equal(done[r] - done[r - 1], 30);
    assert_int_equal(t[0].start, done[5]); /* request 7 waits for the buffer of request 5 */
    assert_int_equal(t[1].end - t[1].start, 30);
    int64_t now = ax_sim_now(l);
    assert_int_equal(ax_sim_request(l, true, t, &pushed), now + 40);
    assert_int_equal(pushed, now);
    ax_sim_line_free(l);
}

static void test_replicas(void **state)
{
    struct ax_sim_stage s[2] = {stage(0, 10, 0, core, 1, NULL), stage(0, 30, 0, core + 1, 3, first)};
    struct ax_sim_times t[2];
    int64_t pushed, last = 0;
    (void)state;
    struct ax_sim_line *l = ax_sim_line_new(&plain, s, 2, order, 16, 4);
    for (int r = 0; r < 20; r++) {
        int64_t done = ax_sim_request(l, false, t, &pushed);
        if (r > 4) assert_int_equal(done - last, 10);
        last = done;
    }
    ax_sim_line_free(l);
}

/* Cores that share a link wait for each other: what is moved in all takes as long as the link needs for it. */
static void test_shared_link(void **state)
{
    struct ax_device_desc shared = plain;
    struct ax_sim_stage s[2] = {stage(10, 1, 10, core, 1, NULL), stage(10, 1, 10, core + 1, 1, first)};
    struct ax_sim_times t[2];
    int64_t pushed, last = 0;
    (void)state;
    shared.shared_link = 1;
    struct ax_sim_line *own = ax_sim_line_new(&plain, s, 2, order, 8, 4), *one = ax_sim_line_new(&shared, s, 2, order, 8, 4);
    for (int r = 0; r < 50; r++) last = ax_sim_request(own, false, t, &pushed);
    assert_int_equal(last, 21 * 51);
    for (int r = 0; r < 50; r++) last = ax_sim_request(one, false, t, &pushed);
    assert_in_range(last, 40 * 50, 40 * 50 + 60);
    ax_sim_line_free(own);
    ax_sim_line_free(one);
}

/* Stages on one core take turns. */
static void test_shared_core(void **state)
{
    struct ax_sim_stage s[2] = {stage(0, 10, 0, core, 1, NULL), stage(0, 20, 0, core, 1, first)};
    struct ax_sim_times t[2];
    int64_t pushed, last = 0;
    (void)state;
    struct ax_sim_line *l = ax_sim_line_new(&plain, s, 2, order, 8, 4);
    for (int r = 0; r < 500; r++) last = ax_sim_request(l, false, t, &pushed);
    assert_int_equal(last, 30 * 500);
    ax_sim_line_free(l);
}

/* -- through the API -- */

static const struct ax_device_desc chip = {.name = "chip",
                                           .cores = 4,
                                           .clock_hz = 1e6,
                                           .int8_macs_per_cycle = 1,
                                           .depthwise_macs_per_cycle = 1,
                                           .float_macs_per_cycle = 1,
                                           .in_bytes_per_second = 1e6,
                                           .out_bytes_per_second = 1e6,
                                           .step_seconds = 1e-3,
                                           .call_seconds = 1e-2};

struct world {
    struct ax_program program;
    struct ax_context *context;
    struct ax_model *model;
    struct ax_connection *sim;
    int64_t run_ns;
    float in[1024], want[1024], got[1024];
    struct ax_buffer from, to;
};

static void open_world(struct world *w)
{
    struct ax_error err;
    memset(w, 0, sizeof *w);
    sample_program(&w->program);
    assert_int_equal(ax_context_new(&w->context, &err), AX_OK);
    assert_int_equal(ax_context_simulate(w->context, &chip, &err), AX_OK);
    assert_int_equal(ax_context_simulate(w->context, &chip, &err), AX_INVALID_ARGUMENT);
    assert_int_equal(ax_model_from_program(w->context, &w->program, &w->model, &err), AX_OK);
    assert_int_equal(ax_connect(w->context, "sim:absent", 0, &w->sim, &err), AX_NOT_FOUND);
    assert_non_null(strstr(err.message, "sim:chip"));
    assert_int_equal(ax_connect(w->context, "sim:chip", 5, &w->sim, &err), AX_BUSY);
    assert_int_equal(ax_connect(w->context, "sim:chip", 0, &w->sim, &err), AX_OK);
    assert_int_equal(ax_connection_cores(w->sim, NULL, 0), 4);
    assert_string_equal(ax_connection_device(w->sim), "sim:chip");
    struct ax_device_run r = ax_device_run_of(&chip, &w->program, 1);
    w->run_ns = ax_device_run_ps(&r) / 1000;
    assert_true(w->run_ns > 10000000);
    for (int i = 0; i < 1024; i++) w->in[i] = (float)(i % 37) / 7 - 2;
    w->from = (struct ax_buffer){w->in, AX_DTYPE_FLOAT32, sizeof w->in};
    w->to = (struct ax_buffer){w->got, AX_DTYPE_FLOAT32, sizeof w->got};
}

static void close_world(struct world *w)
{
    ax_connection_free(w->sim);
    ax_model_free(w->model);
    ax_context_free(w->context);
    ax_arena_free(&w->program.mem);
}

static int steps_seen;
static int64_t step_ns;

static void see_step(void *ctx, int step, int64_t begin, int64_t end)
{
    (void)ctx;
    assert_int_equal(step, steps_seen++);
    step_ns += end - begin;
}

static void test_instance(void **state)
{
    struct world w;
    struct ax_error err;
    struct ax_exec *e;
    struct ax_instance *one, *batch;
    (void)state;
    open_world(&w);
    assert_int_equal(ax_exec_new(&w.program, &(struct ax_exec_options){.threads = 1}, &e, &err), AX_OK);
    assert_int_equal(ax_exec_set_input(e, 0, w.in, AX_DTYPE_FLOAT32, NULL, &err), AX_OK);
    ax_exec_run(e, 0, w.program.n_steps, NULL);
    assert_int_equal(ax_exec_get_output(e, 0, w.want, AX_DTYPE_FLOAT32, NULL, &err), AX_OK);
    ax_exec_free(e);

    assert_int_equal(ax_instance_new(w.sim, w.model, NULL, &one, &err), AX_OK);
    assert_int_equal(ax_connection_free_cores(w.sim), 3); /* chips' cores work alone unless asked */
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(ax_instance_run(one, &w.from, &w.to, &err), AX_OK);
        assert_memory_equal(w.want, w.got, (size_t)ax_model_output(w.model, 0)->elements * sizeof(float));
        assert_int_equal(ax_connection_time_ns(w.sim), i * w.run_ns);
    }
    ax_instance_set_hook(one, see_step, NULL);
    assert_int_equal(ax_instance_run(one, &w.from, &w.to, &err), AX_OK);
    assert_int_equal(steps_seen, w.program.n_steps);
    int64_t sum = 0;
    for (int i = 0; i < w.program.n_steps; i++) sum += ax_device_step_ps(&chip, &w.program, &w.program.steps[i]);
    assert_in_range(step_ns, sum / 1000 - w.program.n_steps, sum / 1000 + w.program.n_steps);
    ax_instance_free(one);

    struct ax_instance_options opt = {.batch = 2, .cores = 2, .queue = 1};
    assert_int_equal(ax_instance_new(w.sim, w.model, &opt, &batch, &err), AX_UNSUPPORTED); /* cooperation 0 */
    close_world(&w);
}

static void test_pipeline(void **state)
{
    struct world w;
    struct ax_error err;
    struct ax_pipeline *p;
    struct ax_result r;
    struct ax_pipeline_stats all;
    struct ax_stage_stats one;
    (void)state;
    open_world(&w);
    struct ax_stage s = {.model = w.model, .replicas = 2};
    assert_int_equal(ax_pipeline_new(w.sim, &s, 1, NULL, &p, &err), AX_OK);
    struct ax_request q = {.inputs = &w.from, .outputs = &w.to};
    for (int i = 0; i < 3; i++) { /* one by one: each begins when the one before is out */
        assert_int_equal(ax_pipeline_push(p, &q, NULL, &err), AX_OK);
        assert_int_equal(ax_pipeline_pop(p, &r, NULL, &err), AX_OK);
        assert_int_equal(r.latency_ns, w.run_ns);
    }
    assert_int_equal(ax_connection_time_ns(w.sim), 3 * w.run_ns);
    ax_pipeline_reset_stats(p);
    for (int i = 0; i < 4; i++) assert_int_equal(ax_pipeline_push(p, &q, NULL, &err), AX_OK);
    for (int i = 0; i < 4; i++) assert_int_equal(ax_pipeline_pop(p, &r, NULL, &err), AX_OK);
    ax_pipeline_stats(p, &all);
    ax_pipeline_stage_stats(p, 0, &one);
    assert_int_equal(all.elapsed_ns, 2 * w.run_ns);
    assert_int_equal(all.succeeded, 4);
    assert_int_equal(one.run.count, 4);
    assert_in_range(one.run.p50, w.run_ns * 98 / 100, w.run_ns * 102 / 100);
    assert_true(one.occupancy > 0.99 && one.occupancy < 1.01);
    ax_pipeline_free(p);
    close_world(&w);
}

static void see_request(void *ctx, uint64_t request, int step, int64_t begin, int64_t end)
{
    (void)ctx;
    assert_int_equal(request, 1 + steps_seen / 3);
    assert_int_equal(step, steps_seen++ % 3);
    step_ns += end - begin;
}

static enum ax_status pass_on(void *user, const struct ax_stage_call *call, struct ax_error *err)
{
    (void)user, (void)err;
    memcpy(call->outputs[0].data, call->inputs[0].data, (size_t)call->inputs[0].bytes);
    return AX_OK;
}

/* A model on a device of its own, behind a function: time is real, but for the steps of that device, told apart by requests. */
static void test_devices(void **state)
{
    struct world w;
    struct ax_error err;
    struct ax_pipeline *p;
    struct ax_result r;
    int cores[4];
    (void)state;
    open_world(&w);
    struct ax_tensor in = *ax_model_input(w.model, 0), raw = in;
    raw.name = "raw", raw.stored = in.stored = AX_DTYPE_FLOAT32, raw.n_scales = in.n_scales = 0;
    struct ax_stage s[2] = {{.run = pass_on, .inputs = &raw, .outputs = &in, .n_inputs = 1, .n_outputs = 1},
                            {.name = "model", .model = w.model, .connection = w.sim, .cores = 1}};
    assert_int_equal(ax_pipeline_new(NULL, s, 2, NULL, &p, &err), AX_OK);
    assert_int_equal(ax_connection_free_cores(w.sim), 3);
    assert_int_equal(ax_pipeline_cores(p, 1, 0, cores, 4), 1);
    assert_int_equal(ax_pipeline_cores(p, 0, 0, cores, 4), 0);
    assert_string_equal(ax_pipeline_kernel_name(p, 0, 0), "");
    steps_seen = 0, step_ns = 0;
    ax_pipeline_set_hook(p, 1, 0, see_request, NULL);
    ax_pipeline_set_hook(p, 0, 0, see_request, NULL); /* a function has no steps */
    struct ax_request q = {.inputs = &w.from, .outputs = &w.to};
    for (int i = 0; i < 5; i++) assert_int_equal(ax_pipeline_push(p, &q, NULL, &err), AX_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ax_pipeline_pop(p, &r, NULL, &err), AX_OK);
        assert_int_equal(r.status, AX_OK);
    }
    assert_int_equal(steps_seen, 5 * w.program.n_steps);
    assert_int_equal(w.program.n_steps, 3);
    struct ax_device_run run = ax_device_run_of(&chip, &w.program, 1);
    assert_in_range(step_ns, 5 * run.compute / 1000 - 100, 5 * run.compute / 1000 + 100);
    assert_int_equal(ax_connection_time_ns(w.sim), 0);
    ax_pipeline_free(p);
    assert_int_equal(ax_connection_free_cores(w.sim), 4);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),       cmocka_unit_test(test_replicas), cmocka_unit_test(test_shared_link),
        cmocka_unit_test(test_shared_core), cmocka_unit_test(test_instance), cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
