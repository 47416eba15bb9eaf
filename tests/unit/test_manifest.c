#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files/manifest.h"
#include "sample_model.h"

static struct ax_error err;

static void fill(struct ax_manifest *m, const struct ax_program *p, const struct ax_graph *g, struct ax_arena *mem)
{
    static const char *warnings[] = {"only 3 samples"};
    static struct ax_manifest_option options[] = {{"range", "mse"}, {"calib_count", "3"}};
    *m = (struct ax_manifest){
        .name = "sample", .source = "sample.onnx", .source_hash = "ab", .key = "cd", .axon_version = "0.1.0"};
    m->calibration = (struct ax_manifest_calibration){"pictures", "mse", "ef", 3, 7, warnings, 1};
    m->accuracy = (struct ax_manifest_accuracy){33.25, 0.999, __builtin_nan("")};
    m->options = options;
    m->n_options = 2;
    ax_manifest_add_program(m, p, mem);
    ax_manifest_add_graph(m, g, mem);
}

static void round_trip(void **state)
{
    (void)state;
    struct ax_program p;
    struct ax_arena mem = {0};
    struct ax_manifest m, back;
    struct ax_graph *g = sample_graph();
    assert_int_equal(ax_graph_infer(g, &err), AX_OK);
    sample_program(&p);
    p.inputs[0].operand = 3; /* as if the user fed the planes */
    fill(&m, &p, g, &mem);
    char *text = ax_manifest_text(&m);
    if (ax_manifest_parse(text, strlen(text), "manifest.json", &back, &mem, &err)) fail_msg("%s", err.message);
    char *again = ax_manifest_text(&back);
    assert_string_equal(text, again);
    assert_string_equal(back.inputs[0].layout, "NCHW");
    assert_int_equal(back.inputs[0].stored, AX_DTYPE_INT8);
    assert_int_equal(back.inputs[0].padding[2], 1);
    assert_int_equal(back.inputs[0].channel_pad, 1);
    assert_int_equal(back.inputs[0].quant.count, 3);
    assert_int_equal(back.inputs[0].quant.axis, 1); /* of the user's shape */
    assert_true(back.inputs[0].quant.scale[1] == 0.25f);
    assert_int_equal(back.outputs[0].quant.count, 0);
    assert_int_equal(back.n_operations, 2);
    assert_string_equal(back.operations[1].reason, "because");
    assert_int_equal(back.n_tensors, 1);
    assert_int_equal(back.parameters, 8 * 27 + 8);
    assert_int_equal(back.macs, 36);
    assert_string_equal(back.calibration.warnings[0], "only 3 samples");
    assert_string_equal(back.options[1].value, "3");
    free(text);
    free(again);
    ax_graph_free(g);
    ax_arena_free(&p.mem);
    ax_arena_free(&mem);
}

static void mistakes(void **state)
{
    (void)state;
    static const char rank_9[] = "{\"name\": \"n\", \"outputs\": [], \"inputs\": [{\"name\": \"x\", \"type\": \"int8\", "
                                 "\"shape\": [1,1,1,1,1,1,1,1,1]}]}";
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"name\": \"n\", \"inputs\": [], \"outputs\": 3}",
        "{\"name\": \"n\", \"outputs\": [], \"inputs\": [{\"name\": \"x\", \"type\": \"int9\"}]}",
        rank_9,
    };
    struct ax_arena mem = {0};
    struct ax_manifest m;
    for (int i = 0; i < 5; i++) assert_int_equal(ax_manifest_parse(wrong[i], strlen(wrong[i]), "m", &m, &mem, &err), AX_FORMAT);
    ax_arena_free(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
