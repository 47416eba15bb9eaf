#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files/profile.h"

static void round_trip(void **state)
{
    (void)state;
    struct ax_profile_step steps[] = {{"conv1", "conv_s8", "conv_s8_avx2", 3, 1000000, 12.5, 11, 20.25, 0.75, NULL},
                                      {"a \"b\"", "copy", "copy", -1, 0, 4.25, 4, 5, 0.25, "net_segment_1_of_2"}};
    struct ax_profile in = {"net", "cpu", "avx2", 2, 30, 0.5, 16.75, 1000, 2000, steps, 2}, out;
    struct ax_arena mem = {0};
    struct ax_error err = {0};
    char *text = ax_profile_text(&in);
    assert_int_equal(ax_profile_parse(text, strlen(text), "profile.json", &out, &mem, &err), AX_OK);
    char *again = ax_profile_text(&out);
    assert_string_equal(text, again);
    assert_int_equal(out.n_steps, 2);
    assert_string_equal(out.steps[1].name, "a \"b\"");
    assert_null(out.steps[0].segment);
    assert_string_equal(out.steps[1].segment, "net_segment_1_of_2");
    free(text);
    free(again);
    ax_arena_free(&mem);
}

static void refused(const char *text, const char *says)
{
    struct ax_profile p;
    struct ax_arena mem = {0};
    struct ax_error err = {0};
    assert_int_equal(ax_profile_parse(text, strlen(text), "p.json", &p, &mem, &err), AX_FORMAT);
    if (!strstr(err.message, says)) fail_msg("'%s' lacks '%s'", err.message, says);
    ax_arena_free(&mem);
}

static void wrong_files(void **state)
{
    (void)state;
    refused("{", "p.json");
    refused("{\"format\": \"x\"}", "$.format");
    refused("{\"format\": \"axon-profile\", \"version\": 2}", "$.version");
    refused("{\"format\": \"axon-profile\", \"version\": 1, \"model\": \"m\", \"device\": {\"name\": \"cpu\", \"cores\": 1}, "
            "\"steps\": [{\"name\": \"a\", \"kind\": \"copy\", \"median_us\": -1}]}",
            "$.steps[0].median_us");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(wrong_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
