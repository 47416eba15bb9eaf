#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/options.h"
#include "base/text.h"

struct settings {
    bool force, verbose;
    const char *out, *range;
    int64_t count;
    double limit;
    struct ax_list nodes, shapes;
};

#define AT(field) offsetof(struct settings, field)
static const struct ax_option rows[] = {
    {"output", 'o', "DIR", AX_OPT_STRING, AT(out), NULL, NULL, "Where the files go.", "Output"},
    {"force", 'f', NULL, AX_OPT_FLAG, AT(force), NULL, NULL, "Compile even if nothing changed.", NULL},
    {"verbose", 'v', NULL, AX_OPT_FLAG, AT(verbose), NULL, NULL, "Say more.", NULL},
    {"calib_count", 0, "N", AX_OPT_INT, AT(count), "100", "1..5000", "Samples to take.", "Calibration"},
    {"range", 0, "HOW", AX_OPT_STRING, AT(range), "mse", "minmax|percentile|mse", "How ranges are found.", NULL},
    {"min_sqnr", 0, "DB", AX_OPT_FLOAT, AT(limit), NULL, NULL, "Fail below this. 'Why - not?'", NULL},
    {"float_nodes", 0, "NAME,...", AX_OPT_LIST, AT(nodes), "a,b", NULL, "Nodes that run in float.", NULL},
    {"input_shape", 0, "NAME:SHAPE", AX_OPT_REPEAT, AT(shapes), NULL, NULL, "Shape of an input.", NULL},
    {0},
};
static const struct ax_tool tool = {
    "axtest", "MODEL", "tests options", "One paragraph.\n\nAnother.", "  axtest x\n", rows, 1, 2,
};

static struct settings set;
static struct ax_args args;
static struct ax_error err;

static enum ax_status parse(const char *line)
{
    static char copy[512];
    static char *argv[32];
    int n = 0;
    ax_args_free(&args);
    strcpy(copy, line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) argv[n++] = w;
    return ax_options_parse(&tool, n, argv, &set, &args, &err);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("axtest m.onnx"), AX_OK);
    assert_int_equal(set.count, 100);
    assert_string_equal(set.range, "mse");
    assert_null(set.out);
    assert_false(set.force);
    assert_int_equal(set.nodes.count, 2);
    assert_int_equal(args.count, 1);
    assert_string_equal(args.arg[0], "m.onnx");
    assert_false(ax_option_given(&tool, &args, "range"));
}

static void spellings(void **state)
{
    (void)state;
    assert_int_equal(parse("axtest --calib-count=7 m -o d --float-nodes x,y --float_nodes z -fv --min_sqnr -1.5"), AX_OK);
    assert_int_equal(set.count, 7);
    assert_string_equal(set.out, "d");
    assert_true(set.force && set.verbose);
    assert_int_equal(set.nodes.count, 3);
    assert_string_equal(set.nodes.item[2], "z");
    assert_true(set.limit == -1.5);
    assert_true(ax_option_given(&tool, &args, "calib_count"));
    assert_int_equal(parse("axtest -odir --input_shape a:1,2 --input_shape b:3 --no-force -- --x -"), AX_OK);
    assert_string_equal(set.out, "dir");
    assert_int_equal(set.shapes.count, 2);
    assert_string_equal(set.shapes.item[0], "a:1,2");
    assert_int_equal(args.count, 2);
    assert_string_equal(args.arg[0], "--x");
    assert_int_equal(parse("axtest --help"), AX_OK);
    assert_int_equal(args.action, AX_ACTION_HELP);
}

static void refuse(const char *line, const char *expected)
{
    assert_int_equal(parse(line), AX_INVALID_ARGUMENT);
    if (!strstr(err.message, expected)) fail_msg("'%s' lacks '%s'", err.message, expected);
}

static void wrong_usage(void **state)
{
    (void)state;
    refuse("axtest m --calib_coutn 3", "did you mean --calib_count?");
    refuse("axtest m --zzzzzzzzzz", "--help lists them");
    refuse("axtest m -x", "unknown option -x");
    refuse("axtest m --calib_count ten", "--calib_count: 'ten' is not an integer of 1..5000");
    refuse("axtest m --calib_count 0", "out of range");
    refuse("axtest m --calib_count 99999999999999999999", "not an integer");
    refuse("axtest m --range minimax", "did you mean minmax?");
    refuse("axtest m --force=1", "takes no value");
    refuse("axtest m --output", "write --output DIR");
    refuse("axtest m --min_sqnr nan", "not a number");
    refuse("axtest", "what to work on is missing");
    refuse("axtest a b c", "'c' is one argument too many");
}

static char *printed(void (*print)(const struct ax_tool *, FILE *))
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    print(&tool, f);
    fclose(f);
    return text;
}

static void printing(void **state)
{
    (void)state;
    char *help = printed(ax_options_help), *man = printed(ax_options_man);
    for (int i = 0; rows[i].name; i++) {
        assert_non_null(strstr(help, rows[i].name));
        assert_non_null(strstr(man, rows[i].name));
    }
    assert_non_null(strstr(help, "Calibration:"));
    assert_null(strstr(help, "--man"));
    assert_non_null(strstr(man, ".SH EXIT STATUS"));
    assert_non_null(strstr(man, "\n.PP\nAnother."));
    free(help);
    free(man);
}

static void words(void **state)
{
    (void)state;
    static const char *const known[] = {"resize", "normalize", "center_crop", NULL};
    assert_int_equal(ax_edit_distance("resize", "resise"), 1);
    assert_int_equal(ax_edit_distance("ab", "ba"), 1);
    assert_int_equal(ax_edit_distance("", "abc"), 3);
    assert_string_equal(ax_nearest("Resise", known), "resize");
    assert_string_equal(ax_nearest("center-crop", known), "center_crop");
    assert_null(ax_nearest("softmax", known));
    char buf[AX_BYTES_TEXT];
    assert_string_equal(ax_bytes_text(999, buf), "999 B");
    assert_string_equal(ax_bytes_text(12340000, buf), "12.34 MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(spellings), cmocka_unit_test(wrong_usage),
        cmocka_unit_test(printing), cmocka_unit_test(words),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    ax_args_free(&args);
    return rc;
}
