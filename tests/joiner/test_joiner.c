/* The joiner's parts: scopes, plans, preprocessing, what stands in front of a branch, sharing, memory, precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/exec.h"
#include "join.h"
#include "lower/lower.h"

static struct ax_error err;

static void ok(enum ax_status s)
{
    if (s) fail_msg("%s", err.message);
}

static void fails(enum ax_status s, const char *part)
{
    assert_int_not_equal(s, AX_OK);
    if (!strstr(err.message, part)) fail_msg("'%s' is not in '%s'", part, err.message);
}

/* -- models by hand: inputs of the given shapes; output k is a function of input k -- */

static const int64_t nchw[4] = {1, 3, 4, 4}, nhwc[4] = {1, 16, 16, 3}, wide[4] = {1, 3, 4, 8};

static struct ax_join_model *add_model(struct ax_join *j, const char *file, int n, const char *const *names,
                                       const int64_t (*dims)[4], float gain)
{
    struct ax_join_model *m = &j->models[j->n_models++];
    struct ax_graph *g = m->graph = ax_graph_new(file);
    int in[8], out[8];
    m->path = m->file = ax_arena_printf(&j->mem, "%s.onnx", file);
    for (int i = 0; i < n; i++) {
        struct ax_shape s = ax_shape_make(4, dims[i]);
        int64_t one = 1;
        in[i] = ax_graph_value(g, names[i], AX_DTYPE_FLOAT32, &s);
        int x[2] = {in[i], ax_graph_const_f32(g, "gain", 1, &one, &gain)};
        int y = ax_graph_apply(g, AX_OP_MUL, ax_arena_printf(&j->mem, "mul%d", i), x, 2);
        out[i] = ax_graph_apply(g, AX_OP_RELU, ax_arena_printf(&j->mem, "y%d", i), &y, 1);
    }
    g->inputs = ax_arena_copy(&g->arena, in, sizeof *in * (size_t)n);
    g->outputs = ax_arena_copy(&g->arena, out, sizeof *out * (size_t)n);
    g->n_inputs = g->n_outputs = n;
    m->feed = AX_NEW(&j->mem, struct ax_join_feed, n + 1);
    return m;
}

static struct ax_join_model *simple(struct ax_join *j, const char *file, const char *input, const int64_t *dim, float gain)
{
    int64_t dims[1][4];
    memcpy(dims[0], dim, sizeof dims[0]);
    return add_model(j, file, 1, &input, (const int64_t(*)[4])dims, gain);
}

static void plan(struct ax_join *j)
{
    ok(ax_join_scopes(j, NULL, 0, &err));
    ok(ax_join_plan(j, NULL, 0, NULL, 0, &err));
}

/* -- scopes -- */

static void scopes(void **state)
{
    (void)state;
    struct ax_join j;
    ax_join_init(&j);
    for (int i = 0; i < 3; i++) simple(&j, i < 2 ? "a" : "b", "x", nchw, 1);
    ok(ax_join_scopes(&j, NULL, 0, &err));
    assert_string_equal(j.models[0].scope, "a_1");
    assert_string_equal(j.models[1].scope, "a_2");
    assert_string_equal(j.models[2].scope, "b");
    const char *same[3] = {"s", "s", NULL}, *taken[3] = {NULL, NULL, "a_1"}, *bad[3] = {"a/b"};
    for (int i = 0; i < 3; i++) j.models[i].scope = NULL;
    fails(ax_join_scopes(&j, same, 3, &err), "given to two models");
    for (int i = 0; i < 3; i++) j.models[i].scope = NULL;
    ok(ax_join_scopes(&j, taken, 3, &err));
    assert_string_equal(j.models[0].scope, "a_2");
    assert_string_equal(j.models[1].scope, "a_3");
    fails(ax_join_scopes(&j, bad, 3, &err), "a/b");
    fails(ax_join_scopes(&j, same, 4, &err), "4 times for 3");
    ax_join_free(&j);
}

/* -- plans -- */

static void shared_inputs(void **state)
{
    (void)state;
    struct ax_join j;
    ax_join_init(&j);
    const char *const one[2] = {"left", "right"}, *const other[2] = {"right", "third"};
    int64_t dims[2][4];
    memcpy(dims[0], nchw, sizeof nchw), memcpy(dims[1], nchw, sizeof nchw);
    add_model(&j, "a", 2, one, (const int64_t(*)[4])dims, 1);
    add_model(&j, "b", 2, other, (const int64_t(*)[4])dims, 2);
    plan(&j);
    assert_int_equal(j.n_inputs, 2);
    assert_int_equal(j.models[1].feed[0].input, 1); /* by its name */
    assert_int_equal(j.models[1].feed[1].input, 0); /* what is left */
    assert_string_equal(j.inputs[1].name, "right"); /* of no scope */
    assert_int_equal(j.n_outputs, 4);
    assert_string_equal(j.outputs[3].name, "b/y1");
    assert_string_equal(j.outputs[3].origin, "y1");
    j.action = AX_JOIN_NONE;
    ok(ax_join_plan(&j, NULL, 0, NULL, 0, &err));
    assert_int_equal(j.n_inputs, 4);
    assert_string_equal(j.inputs[2].name, "b/right");
    ax_join_free(&j);

    ax_join_init(&j);
    simple(&j, "a", "x", nchw, 1);
    simple(&j, "b", "x", wide, 1);
    ok(ax_join_scopes(&j, NULL, 0, &err));
    fails(ax_join_plan(&j, NULL, 0, NULL, 0, &err), "a/x is float32 1x3x4x4 NCHW, b/x is float32 1x3x4x8 NCHW");
    ax_join_free(&j);
}

static void edges(void **state)
{
    (void)state;
    struct ax_join j;
    ax_join_init(&j);
    for (int i = 0; i < 3; i++) simple(&j, (const char *[]){"a", "b", "c"}[i], "x", nchw, 1);
    ok(ax_join_scopes(&j, NULL, 0, &err));
    j.action = AX_JOIN_CUSTOM;
    const struct ax_join_edge line[] = {{"c/y0", "b/x"}, {"b/y0", "a/x"}}, ring[] = {{"a/y0", "b/x"}, {"b/y0", "a/x"}},
                              self[] = {{"a/y0", "a/x"}}, twice[] = {{"b/y0", "a/x"}, {"c/y0", "a/x"}},
                              lost[] = {{"a/z", "b/x"}};
    ok(ax_join_plan(&j, line, 2, NULL, 0, &err));
    assert_int_equal(j.order[0], 2);
    assert_int_equal(j.order[2], 0);
    assert_int_equal(j.n_outputs, 1);
    const char *const outputs[] = {"c/y0", "a/y0"}, *const doubled[] = {"a/y0", "a/y0"};
    ok(ax_join_plan(&j, line, 2, outputs, 2, &err));
    assert_string_equal(j.outputs[0].name, "c/y0");
    fails(ax_join_plan(&j, line, 2, doubled, 2, &err), "twice");
    fails(ax_join_plan(&j, ring, 2, NULL, 0, &err), "cycle");
    fails(ax_join_plan(&j, self, 1, NULL, 0, &err), "cycle");
    fails(ax_join_plan(&j, twice, 2, NULL, 0, &err), "fed twice");
    fails(ax_join_plan(&j, lost, 1, NULL, 0, &err), "there are a/y0, b/y0, c/y0");
    fails(ax_join_plan(&j, NULL, 0, NULL, 0, &err), "--map");
    j.action = AX_JOIN_AUTO_CHAIN;
    ok(ax_join_plan(&j, NULL, 0, NULL, 0, &err));
    assert_int_equal(j.n_inputs, 1);
    assert_int_equal(j.models[2].feed[0].model, 1);
    ax_join_free(&j);
}

/* -- preprocessing -- */

static void describe(struct ax_join_model *m, const char *steps)
{
    char text[2000];
    snprintf(text, sizeof text, "{\"name\": \"m\", \"model\": \"m.onnx\", \"preprocessing\": [%s]}", steps);
    ok(ax_descriptor_parse(text, strlen(text), "test", &m->pipeline, &err));
    m->has_pipeline = true;
}

static void two(struct ax_join *j, const char *a, const char *b)
{
    ax_join_init(j);
    simple(j, "a", "x", nchw, 1);
    simple(j, "b", "x", nchw, 2);
    plan(j);
    if (a) describe(&j->models[0], a);
    if (b) describe(&j->models[1], b);
}

#define RESIZE "{\"type\": \"resize\", \"width\": 4, \"height\": 4}"
#define NORM "{\"type\": \"normalize\", \"mean\": [1, 2, 3], \"std\": [4, 5, 6]}"
#define BGR "{\"type\": \"color\", \"order\": \"bgr\"}"

static void preprocessing(void **state)
{
    (void)state;
    struct ax_join j;
    struct ax_pipe_step steps[8];
    two(&j, RESIZE "," NORM, RESIZE "," NORM);
    ok(ax_join_preprocessing(&j, &err));
    assert_false(j.inputs[0].raw);
    assert_int_equal(ax_join_shared_steps(&j, j.pipeline->before, j.pipeline->n_before, steps), 2);
    ax_join_free(&j);

    two(&j, RESIZE "," NORM, RESIZE);
    ok(ax_join_preprocessing(&j, &err));
    assert_true(j.inputs[0].raw && j.models[0].norm.moved && j.models[1].norm.moved);
    assert_int_equal(ax_join_shared_steps(&j, j.pipeline->before, j.pipeline->n_before, steps), 1);
    ax_join_free(&j);

    two(&j, RESIZE "," BGR "," NORM, RESIZE "," NORM);
    ok(ax_join_preprocessing(&j, &err));
    assert_true(j.inputs[0].raw && j.inputs[0].recolored && j.models[0].norm.reversed && !j.models[1].norm.reversed);
    assert_int_equal(ax_join_shared_steps(&j, j.pipeline->before, j.pipeline->n_before, steps), 1);
    ax_join_free(&j);

    two(&j, RESIZE "," BGR "," NORM, RESIZE "," BGR); /* one order of colours: it stays outside */
    ok(ax_join_preprocessing(&j, &err));
    assert_true(j.inputs[0].raw && !j.inputs[0].recolored && !j.models[0].norm.reversed);
    assert_int_equal(ax_join_shared_steps(&j, j.pipeline->before, j.pipeline->n_before, steps), 2);
    ax_join_free(&j);

    two(&j, RESIZE, "{\"type\": \"resize\", \"width\": 4, \"height\": 4, \"letterbox\": true}");
    fails(ax_join_preprocessing(&j, &err), "resize letterbox is 0 against 1");
    ax_join_free(&j);

    two(&j, RESIZE "," NORM, NULL); /* says nothing: wants what the other wants */
    ok(ax_join_preprocessing(&j, &err));
    assert_false(j.inputs[0].raw);
    ax_join_free(&j);

    two(&j, NULL, NULL);
    struct ax_join_norm norm = {.scale = 2, .mean = {1, 2, 3}, .std = {1, 1, 2}};
    ok(ax_join_normalize(&j, 0, &norm, &err));
    ok(ax_join_preprocessing(&j, &err));
    assert_true(j.inputs[0].raw && j.models[0].norm.moved && j.models[1].norm.moved);
    assert_true(j.models[1].norm.scale == 1 && j.models[1].norm.std[2] == 1);
    assert_true(ax_join_norm_at(&j.models[0].norm, 10, 2) == (10.0f * 2 - 3) / 2);
    ax_join_free(&j);
}

/* -- in front of a branch -- */

/* Runs a graph of one input and one output on floats. */
static void run_graph(struct ax_graph *g, int input, int output, const float *x, float *y)
{
    struct ax_program *p = NULL;
    struct ax_exec *e = NULL;
    struct ax_exec_options opt = {.threads = 1};
    g->inputs = ax_arena_copy(&g->arena, &input, sizeof input);
    g->outputs = ax_arena_copy(&g->arena, &output, sizeof output);
    g->n_inputs = g->n_outputs = 1;
    ok(ax_graph_tidy(g, &err));
    ok(ax_graph_verify(g, &err));
    ok(ax_lower(g, NULL, &p, NULL, &err));
    ok(ax_exec_new(p, &opt, &e, &err));
    ok(ax_exec_set_input(e, 0, x, AX_DTYPE_FLOAT32, NULL, &err));
    ax_exec_run(e, 0, p->n_steps, NULL);
    ok(ax_exec_get_output(e, 0, y, AX_DTYPE_FLOAT32, NULL, &err));
    ax_exec_free(e);
    ax_program_free(p);
}

static int typed(struct ax_graph *g, const char *name, const int64_t *dim, const struct ax_quant *q)
{
    struct ax_shape s = ax_shape_make(4, dim);
    int v = ax_graph_value(g, name, q ? AX_DTYPE_INT8 : AX_DTYPE_FLOAT32, &s);
    if (q) g->values[v].quant = *q;
    return v;
}

/* All 256 pixels through a branch's adapter, and through what preprocessing and the branch's own port would do. */
static void adapter(const int64_t *dim, int axis, const struct ax_join_norm *n, const struct ax_quant *from,
                    const struct ax_quant *like, enum ax_op expected)
{
    enum { COUNT = 768 };
    float pixels[COUNT], wanted[COUNT], got[COUNT], reference[COUNT];
    struct ax_shape shape = ax_shape_make(4, dim);
    for (int i = 0; i < COUNT; i++) pixels[i] = (float)(axis == 3 ? i / 3 : i % 256);
    memcpy(wanted, pixels, sizeof pixels);
    ax_join_norm_apply(n, &shape, wanted);

    struct ax_join_model m = {.scope = "m", .norm = *n};
    struct ax_graph *g = ax_graph_new("adapter"), *port = ax_graph_new("port");
    int x = typed(g, "x", dim, from);
    struct ax_value value = {.name = "y", .dtype = AX_DTYPE_INT8, .shape = shape, .quant = *like};
    int y = ax_join_adapt(g, &m, x, &value, axis, "m/x");
    int k = g->values[y].producer;
    assert_int_equal(k == AX_NONE ? AX_OP_NONE : g->nodes[k].op, expected);
    if (k == AX_NONE) {
        int out = typed(g, "out", dim, like);
        ax_graph_node(g, AX_OP_IDENTITY, "out", &y, 1, &out, 1);
        y = out;
    }
    run_graph(g, x, y, pixels, got);
    int p = typed(port, "x", dim, like), out = typed(port, "out", dim, like);
    ax_graph_node(port, AX_OP_IDENTITY, "out", &p, 1, &out, 1);
    run_graph(port, p, out, wanted, reference);
    for (int i = 0; i < COUNT; i++)
        if (got[i] != reference[i]) fail_msg("element %d: %g, not %g", i, (double)got[i], (double)reference[i]);
    ax_graph_free(g);
    ax_graph_free(port);
}

static void branches(void **state)
{
    (void)state;
    static const float one = 1, small = 0.0186584f, three[3] = {0.018f, 0.02f, 0.5f};
    static const int32_t low = -128, zero = -14, zeros[3] = {-14, 3, 127};
    const struct ax_quant pixel = {1, 0, &one, &low}, single = {1, 0, &small, &zero}, vector = {3, 3, three, zeros};
    const int64_t planar[4] = {1, 3, 16, 16};
    const struct ax_join_norm norm = {.moved = true,
                                      .scale = 0.00392156886f,
                                      .mean = {0.485f, 0.456f, 0.406f},
                                      .std = {0.229f, 0.224f, 0.225f, 1},
                                      .channels = 3},
                              none = {.moved = true, .scale = 1, .std = {1, 1, 1, 1}, .channels = 3};
    struct ax_join_norm bgr = norm, order = none;
    bgr.reversed = order.reversed = true;
    adapter(nhwc, 3, &norm, &pixel, &single, AX_OP_LOOKUP);
    adapter(nhwc, 3, &norm, &pixel, &vector, AX_OP_LOOKUP);
    adapter(nhwc, 3, &bgr, &pixel, &vector, AX_OP_LOOKUP);
    adapter(nhwc, 3, &none, &pixel, &single, AX_OP_LOOKUP);
    adapter(nhwc, 3, &none, &pixel, &pixel, AX_OP_NONE);
    adapter(nhwc, 3, &order, &pixel, &pixel, AX_OP_SLICE);
    adapter(planar, 1, &norm, &pixel, &single, AX_OP_QUANTIZE_LINEAR); /* channels are not last: step by step */
    adapter(planar, 1, &bgr, NULL, &single, AX_OP_QUANTIZE_LINEAR);
    adapter(nhwc, 3, &bgr, NULL, &vector, AX_OP_QUANTIZE_LINEAR);
}

/* -- sharing -- */

static void sharing(void **state)
{
    (void)state;
    struct ax_join j;
    ax_join_init(&j);
    simple(&j, "a", "x", nchw, 2);
    simple(&j, "a", "x", nchw, 2);
    simple(&j, "b", "x", nchw, 3);
    plan(&j);
    ok(ax_join_graph(&j, &err));
    assert_int_equal(j.graph->n_nodes, 6);
    struct ax_graph *apart = ax_graph_clone(j.graph);
    ok(ax_join_share(j.graph, NULL, &j.shared, &err));
    assert_int_equal(j.shared.nodes, 2);
    assert_int_equal(j.shared.constants, 1);
    assert_int_equal(j.shared.constant_bytes, 4);
    assert_string_equal(j.graph->values[j.graph->outputs[0]].name, "a_1/y0"); /* every output keeps its name */
    assert_string_equal(j.graph->values[j.graph->outputs[1]].name, "a_2/y0");
    assert_string_equal(j.graph->values[j.graph->outputs[2]].name, "b/y0");
    uint8_t kind[8] = {0};
    for (int k = 0; k < apart->n_nodes; k++) kind[k] = !strncmp(apart->nodes[k].name, "a_2/", 4);
    ok(ax_join_share(apart, kind, &j.shared, &err));
    assert_int_equal(j.shared.nodes, 0);
    ax_graph_free(apart);
    ax_join_free(&j);
}

/* Two models that share nothing but the input. */
static void joined_pair(struct ax_join *j)
{
    ax_join_init(j);
    simple(j, "a", "x", nchw, 2);
    simple(j, "b", "x", nchw, 3);
    plan(j);
    ok(ax_join_graph(j, &err));
}

/* -- memory -- */

static void memory(void **state)
{
    (void)state;
    struct ax_join j;
    joined_pair(&j);
    enum { STEPS = 5 };
    struct ax_operand operands[STEPS + 1] = {[STEPS] = {.space = AX_SPACE_ARENA, .bytes = 50}};
    struct ax_step steps[STEPS];
    int in[STEPS], out = STEPS;
    for (int i = 0; i < STEPS; i++) {
        operands[i] = (struct ax_operand){.space = AX_SPACE_CONST, .bytes = 100};
        in[i] = i;
        steps[i] = (struct ax_step){.n_in = 1, .in = &in[i], .n_out = 1, .out = &out};
    }
    struct ax_program p = {
        .operands = operands, .n_operands = STEPS + 1, .steps = steps, .n_steps = STEPS, .const_bytes = 500, .arena_bytes = 50};
    struct ax_device_desc d = ax_device_cpu;
    d.on_chip_bytes = 550;
    ax_join_fits(&j, j.graph, &p, &d);
    assert_true(j.fit.fits);
    d.on_chip_bytes = 300; /* two constants beside the activations */
    ax_join_fits(&j, j.graph, &p, &d);
    assert_false(j.fit.fits);
    assert_int_equal(j.fit.over, 250);
    assert_int_equal(j.fit.segments, 3);
    d.on_chip_bytes = 140; /* not even one */
    ax_join_fits(&j, j.graph, &p, &d);
    assert_int_equal(j.fit.segments, 0);
    ax_join_free(&j);
}

/* -- precision -- */

static struct ax_precision read_rules(struct ax_arena *mem, const char *text)
{
    struct ax_json_doc doc;
    struct ax_precision p = {0};
    if (!ax_json_parse(text, strlen(text), "test", &doc, &err)) ax_precision_read(ax_json_root(&doc), mem, &p);
    err.status = ax_json_status(&doc);
    ax_json_close(&doc);
    return p;
}

static void precision(void **state)
{
    (void)state;
    struct ax_join j;
    joined_pair(&j);
    struct ax_precision p =
        read_rules(&j.mem, "[{\"layers\": \"output\", \"mode\": \"a8_w8\"}, {\"outputs\": [\"b/*\"], \"mode\": "
                           "\"float32\"}, {\"layers\": [\"a/*\"], \"mode\": \"float32\"}, {\"layers\": "
                           "[\"a/mul?\", \"c*\"], \"mode\": \"a8_w8\"}]");
    ok(err.status);
    assert_int_equal(p.n, 5);
    struct ax_quant_options opt = {.float_nodes = (const char *[]){"given"}, .n_float_nodes = 1};
    ax_precision_apply(&p, j.graph, &j.mem, &opt);
    assert_int_equal(opt.n_float_nodes, 2);
    assert_string_equal(opt.float_nodes[0], "given");
    assert_string_equal(opt.float_nodes[1], "a/y0");
    assert_int_equal(opt.n_int8_nodes, 1);
    assert_string_equal(opt.int8_nodes[0], "a/mul0"); /* the last rule wins */
    assert_int_equal(opt.n_int8_outputs, 1);
    assert_string_equal(opt.int8_outputs[0], "a/y0");
    assert_true(p.rules[0].used && p.rules[1].used && p.rules[2].used && p.rules[3].used);
    assert_false(p.rules[4].used); /* nothing is named c... */
    assert_string_equal(ax_precision_text(&p, &j.mem),
                        "[{\"outputs\": [\"*\"], \"mode\": \"a8_w8\"}, {\"outputs\": [\"b/*\"], \"mode\": \"float32\"}, "
                        "{\"layers\": [\"a/*\"], \"mode\": \"float32\"}, {\"layers\": [\"a/mul?\"], \"mode\": \"a8_w8\"}, "
                        "{\"layers\": [\"c*\"], \"mode\": \"a8_w8\"}]");
    read_rules(&j.mem, "[{\"layers\": \"outputs\", \"mode\": \"a8_w8\"}]");
    fails(err.status, "expected \"output\" or a list");
    read_rules(&j.mem, "[{\"layers\": [\"a\"], \"mode\": \"a4\"}]");
    fails(err.status, "mode");
    read_rules(&j.mem, "[{\"mode\": \"a8_w8\"}]");
    fails(err.status, "\"layers\" or \"outputs\"");
    ax_join_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),   cmocka_unit_test(shared_inputs), cmocka_unit_test(edges),  cmocka_unit_test(preprocessing),
        cmocka_unit_test(branches), cmocka_unit_test(sharing),       cmocka_unit_test(memory), cmocka_unit_test(precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
