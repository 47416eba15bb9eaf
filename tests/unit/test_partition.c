#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files/device.h"
#include "files/partition.h"
#include "temp.h"

static void round_trip(void **state)
{
    (void)state;
    struct ax_partition_range nodes[] = {{0, 4}, {6, 6}}, rest[] = {{5, 5}, {7, 9}};
    struct ax_partition_segment segments[] = {
        {"a_segment_0_of_2.axmodel", 1, 6, 1000, 500, 400, 0, 100, 48, 64, 1.5, 0.25, 0.125, 2, (double)NAN, nodes, 2},
        {"a_segment_1_of_2.axmodel", 2, 4, 2000, 300, 300, 100, 0, 64, 4, 2.5, 0, 0.5, 3.25, 3.5, rest, 2}};
    struct ax_partition_tensor tensors[] = {
        {"x", AX_DTYPE_FLOAT32, {2, {3, 4}}, 48, -1, {0, 1}, 2, false},
        {"y \"1\"", AX_DTYPE_INT8, {4, {1, 4, 4, 4}}, 64, 0, {1}, 1, true},
    };
    const char *inputs[] = {"x"}, *outputs[] = {"y \"1\"", "z"};
    struct ax_partition in = {"a",    "../a.axmodel", "ff", "profile", "cpu", "us", segments, 2,     tensors, 2,
                              inputs, outputs,        1,    2,         64,    2,    1.75,     0.125, true,    3.5,
                              1.02,   (double)NAN},
                        out;
    struct ax_arena mem = {0};
    struct ax_error err;
    char *text = ax_partition_text(&in);
    if (ax_partition_parse(text, strlen(text), "p", &out, &mem, &err)) fail_msg("%s", err.message);
    char *again = ax_partition_text(&out);
    assert_string_equal(text, again);
    assert_true(isnan(out.segments[0].measured_us) && isnan(out.noise));
    assert_int_equal(out.tensors[1].dtype, AX_DTYPE_INT8);
    assert_non_null(strstr(text, "\"after\": 0"));
    free(text);
    free(again);
    ax_arena_free(&mem);
}

#define HEAD "{\"format\": \"axon-partition\", \"version\": 1, \"name\": \"a\", \"inputs\": [], \"outputs\": [], "

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"[]", "expected"},
        {"{\"format\": \"axon-profile\"}", "$.format"},
        {HEAD "\"segments\": [], \"tensors\": []}", "$.segments"},
        {HEAD "\"segments\": [{\"file\": \"../x\"}], \"tensors\": []}", "$.segments[0].file"},
        {HEAD "\"segments\": [{\"file\": \"x\", \"replicas\": 0}], \"tensors\": []}", "$.segments[0].replicas"},
        {HEAD "\"segments\": [{\"file\": \"x\", \"nodes\": [[3, 1]]}], \"tensors\": []}", "$.segments[0].nodes[0]"},
        {HEAD "\"segments\": [{\"file\": \"x\"}], \"tensors\": [{\"name\": \"t\", \"type\": \"int8\", \"shape\": [1], "
              "\"from\": 0, \"to\": [0]}]}",
         "$.tensors[0].to[0]"},
        {HEAD "\"segments\": [{\"file\": \"x\"}], \"tensors\": [{\"name\": \"t\", \"type\": \"int9\", \"shape\": [1], "
              "\"from\": -1, \"to\": [0]}]}",
         "$.tensors[0].type"},
        {HEAD "\"segments\": [{\"file\": \"x\"}], \"tensors\": [{\"name\": \"t\", \"type\": \"int8\", \"shape\": [1], "
              "\"from\": -1, \"to\": [0, 0]}]}",
         "$.tensors[0].to"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ax_arena mem = {0};
        struct ax_partition p;
        struct ax_error err = {0};
        assert_int_equal(ax_partition_parse(wrong[i].text, strlen(wrong[i].text), "p", &p, &mem, &err), AX_FORMAT);
        if (i && !strstr(err.message, wrong[i].says)) fail_msg("\"%s\" lacks \"%s\"", err.message, wrong[i].says);
        ax_arena_free(&mem);
    }
}

static void by_content(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } files[] = {
        {"{\"format\": \"axon-partition\"}", true},
        {" \r\n\t{\"a\": 1, \"format\": \"axon-partition\", \"version\": 9}", true},
        {"", false},
        {"  ", false},
        {"{", false},
        {"[\"format\", \"axon-partition\"]", false},
        {"{\"format\": 5}", false},
        {"{}", false},
        {"{\"format\": \"axon-profile\"}", false},
        {"\x89"
         "AXM\r\n\x1a\n",
         false},
    };
    char path[TEMP_PATH];
    struct ax_error err;
    snprintf(path, sizeof path, "%s/any", temp_dir());
    assert_false(ax_partition_is(path));
    assert_false(ax_partition_is(temp_dir()));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(ax_file_write_text(path, files[i].text, &err), AX_OK);
        if (ax_partition_is(path) != files[i].is) fail_msg("'%s'", files[i].text);
    }
}

static void rates(void **state)
{
    (void)state;
    assert_int_equal(ax_device_fs_per_byte(1e9), 1000000);
    assert_int_equal(ax_device_fs_per_byte(0), 0);
    assert_int_equal(ax_device_fs_per_byte(1e-3), 1000000000);
    assert_int_equal(ax_device_ps(1e-6), 1000000);
    struct ax_step s = {.kind = AX_STEP_CONV_S8, .macs = 120000};
    struct ax_program p = {0};
    assert_int_equal(ax_device_step_ps(&ax_device_cpu, &p, &s), 3000000); /* 2 us of products, 1 us of overhead */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(mistakes), cmocka_unit_test(by_content),
                                       cmocka_unit_test(rates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
