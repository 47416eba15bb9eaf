#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct ax_error err;

static struct ax_json parse(struct ax_json_doc *doc, const char *text)
{
    if (ax_json_parse(text, strlen(text), "f.json", doc, &err)) fail_msg("%s", err.message);
    return ax_json_root(doc);
}

static void expect(struct ax_json_doc *doc, const char *message)
{
    assert_int_equal(ax_json_status(doc), AX_FORMAT);
    if (!strstr(err.message, message)) fail_msg("'%s' lacks '%s'", err.message, message);
    ax_json_close(doc);
}

static void reading(void **state)
{
    (void)state;
    struct ax_json_doc doc;
    struct ax_json j =
        parse(&doc, "{\"name\": \"n\", \"w\": 64, \"x\": 1, \"mean\": [1, 2.5], \"on\": true, \"mode\": \"cubic\"}");
    static const char *const modes[] = {"linear", "cubic", NULL};
    double mean[3];
    assert_string_equal(ax_json_text(ax_json_need(j, "name"), ""), "n");
    assert_int_equal(ax_json_int(ax_json_get(j, "w"), 1, 100, 5), 64);
    assert_int_equal(ax_json_int(ax_json_get(j, "h"), 1, 100, 5), 5);
    assert_true(ax_json_number(ax_json_get(j, "x"), 0, 1, 0.5) == 1.0);
    assert_int_equal(ax_json_numbers(ax_json_get(j, "mean"), -10, 10, mean, 3), 2);
    assert_true(mean[1] == 2.5);
    assert_true(ax_json_bool(ax_json_get(j, "on"), false));
    assert_int_equal(ax_json_word(ax_json_get(j, "mode"), modes, 0), 1);
    assert_int_equal(ax_json_status(&doc), AX_OK);
    ax_json_close(&doc);
}

static void messages(void **state)
{
    (void)state;
    struct ax_json_doc doc;
    static const char *const keys[] = {"width", "height", NULL};
    assert_int_equal(ax_json_parse("{\n \"a\": }", 9, "f.json", &doc, &err), AX_FORMAT);
    assert_non_null(strstr(err.message, "f.json:2:"));
    ax_json_close(&doc);
    assert_int_equal(ax_json_parse("{\"a\":1,\"a\":2}", 13, "f.json", &doc, &err), AX_FORMAT);
    ax_json_close(&doc);
    struct ax_json j = parse(&doc, "{\"a\": [{\"width\": \"x\"}]}");
    ax_json_int(ax_json_get(ax_json_at(ax_json_get(j, "a"), 0), "width"), 1, 9, 1);
    expect(&doc, "f.json: $.a[0].width: is a string; an integer is expected");
    j = parse(&doc, "{\"widht\": 3}");
    ax_json_only(j, keys);
    expect(&doc, "$.widht: is not known here; did you mean \"width\"?");
    j = parse(&doc, "{\"_comment\": 3, \"w\": 70000}");
    ax_json_only(ax_json_get(j, "absent"), keys);
    ax_json_int(ax_json_get(j, "w"), 1, 65536, 1);
    ax_json_need(j, "later"); /* the first failure stands */
    expect(&doc, "$.w: 70000 is out of range; an integer of 1..65536 is expected");
    j = parse(&doc, "[1]");
    ax_json_get(j, "x");
    expect(&doc, "$: is an array; an object is expected");
    j = parse(&doc, "{}");
    ax_json_need(j, "name");
    expect(&doc, "$: \"name\" is missing");
}

static void writing(void **state)
{
    (void)state;
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "name", "a\"b\\\n\x01\xff\xc3\xa9");
    ax_jw_float(w, "f", 0.1f);
    ax_jw_float(w, "g", 3);
    ax_jw_double(w, "d", 0.1);
    ax_jw_double(w, "nan", (double)__builtin_nan(""));
    ax_jw_ints(w, "shape", (int64_t[]){1, 3}, 2);
    ax_jw_array(w, "list");
    ax_jw_object(w, NULL);
    ax_jw_line(w);
    ax_jw_bool(w, "b", true);
    ax_jw_floats(w, "s", (float[]){1e-9f, 16777216}, 2);
    ax_jw_end(w);
    ax_jw_end(w);
    ax_jw_array(w, "empty");
    ax_jw_end(w);
    ax_jw_raw(w, "raw", "{\n  \"x\": 1\n}\n");
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    assert_string_equal(text, "{\n"
                              "  \"name\": \"a\\\"b\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\n"
                              "  \"f\": 0.1,\n"
                              "  \"g\": 3.0,\n"
                              "  \"d\": 0.1,\n"
                              "  \"nan\": null,\n"
                              "  \"shape\": [1, 3],\n"
                              "  \"list\": [\n"
                              "    {\"b\": true, \"s\": [1e-09, 16777216.0]}\n"
                              "  ],\n"
                              "  \"empty\": [],\n"
                              "  \"raw\": {\n"
                              "    \"x\": 1\n"
                              "  }\n"
                              "}\n");
    struct ax_json_doc doc;
    parse(&doc, text);
    ax_json_close(&doc);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reading), cmocka_unit_test(messages), cmocka_unit_test(writing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
