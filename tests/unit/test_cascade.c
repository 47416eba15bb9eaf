/* Descriptors of cascades, the geometry of regions, and how cores are split. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/cascade.h"
#include "app/region.h"

static struct ax_error err;

/* -- descriptors -- */

static enum ax_status parse(const char *second, struct ax_cascade *c)
{
    char json[2048];
    snprintf(json, sizeof json,
             "{\"name\": \"c\", \"stages\": [{\"name\": \"a\", \"model\": \"m\"}, {\"name\": \"b\", \"model\": \"n\"%s}]}",
             second);
    return ax_cascade_parse(json, strlen(json), "test", c, &err);
}

static void descriptor(void **state)
{
    (void)state;
    struct ax_cascade c;
    if (parse(", \"cores\": 3, \"regions\": {\"labels\": [\"x\", \"7\"], \"min_score\": 0.5, \"max\": 4, \"scale\": 2.6, "
              "\"shift\": [0, -0.5], \"square\": true, \"rotate\": {\"from\": 0, \"to\": 2}, \"fit\": \"letterbox\"}, "
              "\"nms\": {\"iou_threshold\": 0.3}",
              &c))
        fail_msg("%s", err.message);
    assert_int_equal(c.n_stages, 2);
    assert_int_equal(c.stages[0].of, -1);
    assert_int_equal(c.stages[0].cores, 0);
    const struct ax_cascade_stage *b = &c.stages[1];
    assert_int_equal(b->of, 0);
    assert_int_equal(b->cores, 3);
    assert_string_equal(b->rule.labels[1], "7");
    assert_float_equal(b->rule.scale_y, 2.6, 0);
    assert_float_equal(b->rule.shift_x, 0, 0);
    assert_float_equal(b->rule.shift_y, -0.5, 0);
    assert_true(b->rule.square && b->rule.rotates && b->suppresses);
    assert_int_equal(b->rule.angle, 90);
    assert_int_equal(b->rule.fit, AX_REGION_FIT_LETTERBOX);
    ax_cascade_free(&c);
}

static void refuse(const char *second, const char *expected)
{
    struct ax_cascade c;
    assert_int_equal(parse(second, &c), AX_FORMAT);
    if (!strstr(err.message, expected)) fail_msg("'%s' lacks '%s'", err.message, expected);
    ax_cascade_free(&c);
}

static void mistakes(void **state)
{
    (void)state;
    refuse("", "$.stages[1]: \"regions\" is missing");
    refuse(", \"regions\": {\"of\": \"b\"}", "$.stages[1].regions.of");
    refuse(", \"regions\": {\"max\": 0}", "$.stages[1].regions.max: 0 is out of range");
    refuse(", \"regions\": {\"scale\": [1, 2, 3]}", "$.stages[1].regions.scale");
    refuse(", \"regions\": {\"scale\": [1]}", "two are expected");
    refuse(", \"regions\": {\"rotate\": {\"from\": 1, \"to\": 1}}", "same keypoint");
    refuse(", \"regions\": {\"rotate\": {\"from\": 1, \"to\": 2, \"angle\": 45}}", "no multiple of 90");
    refuse(", \"regions\": {\"fit\": \"strech\"}", "$.stages[1].regions.fit");
    refuse(", \"regions\": {}, \"cores\": \"all\"", "$.stages[1].cores");
    refuse(", \"regions\": {}, \"cores\": 0", "$.stages[1].cores: 0 is out of range");
    refuse(", \"region\": {}", "did you mean \"regions\"?");
    struct ax_cascade c;
    const char *one = "{\"name\": \"c\", \"stages\": [{\"name\": \"a\", \"model\": \"m\"}]}";
    assert_int_equal(ax_cascade_parse(one, strlen(one), "test", &c, &err), AX_FORMAT);
    assert_non_null(strstr(err.message, "2 to 16"));
    ax_cascade_free(&c);
    const char *twice = "{\"name\": \"c\", \"stages\": [{\"name\": \"a\", \"model\": \"m\"}, {\"name\": \"a\", \"model\": "
                        "\"m\", \"regions\": {}}]}";
    assert_int_equal(ax_cascade_parse(twice, strlen(twice), "test", &c, &err), AX_FORMAT);
    assert_non_null(strstr(err.message, "another stage"));
    ax_cascade_free(&c);
}

/* -- regions -- */

static const struct ax_region_rule plain = {.scale_x = 1, .scale_y = 1, .max = 8};

static void clipped(void **state)
{
    (void)state;
    struct ax_object o = {.is = {3, 0.6f, "dog"}, .left = 10.4f, .top = -5, .right = 30.2f, .bottom = 20};
    struct ax_region r;
    struct ax_image im;
    assert_int_equal(ax_image_new(25, 50, 3, &im, &err), AX_OK);
    for (int i = 0; i < 25 * 50; i++) im.data[3 * i] = (uint8_t)(i % 25), im.data[3 * i + 1] = (uint8_t)(i / 25);
    assert_true(ax_region_of(&plain, &o, 25, 50, &r));
    assert_int_equal(ax_region_crop(&r, &im, &err), AX_OK);
    assert_int_equal(r.crop.width, 15);
    assert_int_equal(r.crop.height, 20);
    assert_int_equal(r.crop.data[0], 10);
    assert_int_equal(r.crop.data[19 * r.crop.stride + 14 * 3], 24);
    assert_int_equal(r.crop.data[19 * r.crop.stride + 14 * 3 + 1], 19);
    /* And back: pixels of the crop are pixels of the picture ten to the right. */
    struct ax_prediction found = {0};
    found.objects = AX_NEW(&found.mem, struct ax_object, 1);
    found.n_objects = 1;
    found.objects[0] = (struct ax_object){.left = 1, .top = 2, .right = 30, .bottom = 5, .n_points = 1};
    found.objects[0].points = AX_NEW(&found.mem, struct ax_point, 1);
    found.objects[0].points[0] = (struct ax_point){4, 6, 0.5f};
    ax_region_to_picture(&r, &found, 25, 50);
    assert_float_equal(found.objects[0].left, 11, 1e-5);
    assert_float_equal(found.objects[0].right, 25, 1e-5);
    assert_float_equal(found.objects[0].top, 2, 1e-5);
    assert_float_equal(found.objects[0].points[0].x, 14, 1e-5);
    assert_float_equal(found.objects[0].points[0].score, 0.5, 0);
    ax_region_free(&r);
    ax_prediction_free(&found);
    ax_image_free(&im);
}

static void filtered(void **state)
{
    (void)state;
    static const char *const labels[] = {"cat", "3"};
    struct ax_object o = {.is = {3, 0.6f, "dog"}, .left = 10, .top = 10, .right = 30, .bottom = 14};
    struct ax_region r;
    struct ax_region_rule rule = plain;
    rule.labels = labels;
    rule.n_labels = 1;
    assert_false(ax_region_of(&rule, &o, 100, 100, &r));
    rule.n_labels = 2;
    assert_true(ax_region_of(&rule, &o, 100, 100, &r));
    rule.min_score = 0.7;
    assert_false(ax_region_of(&rule, &o, 100, 100, &r));
    rule.min_score = 0;
    rule.min_size = 5;
    assert_false(ax_region_of(&rule, &o, 100, 100, &r)); /* 4 high */
    o.left = o.right = 200;
    rule = plain;
    assert_false(ax_region_of(&rule, &o, 100, 100, &r));
    o.left = 150, o.right = 180; /* outside */
    assert_false(ax_region_of(&rule, &o, 100, 100, &r));
    o.left = NAN;
    assert_false(ax_region_of(&rule, &o, 100, 100, &r));
}

/* A hand that lies to the right: the wrist left of the middle finger. Its region is turned so that the finger points up. */
static void turned(void **state)
{
    (void)state;
    struct ax_point points[3] = {{40, 50, 1}, {0, 0, 1}, {60, 50, 1}};
    struct ax_object o = {
        .is = {0, 0.9f, "palm"}, .left = 40, .top = 40, .right = 60, .bottom = 60, .points = points, .n_points = 3};
    struct ax_region_rule rule = plain;
    struct ax_region r;
    struct ax_image im;
    rule.rotates = true, rule.rotate_to = 2, rule.angle = 90, rule.square = true;
    rule.shift_y = -0.5; /* towards the fingers */
    rule.scale_x = rule.scale_y = 2;
    assert_true(ax_region_of(&rule, &o, 100, 100, &r));
    assert_true(r.turned);
    assert_float_equal(r.x, 60, 1e-9);
    assert_float_equal(r.y, 50, 1e-9);
    assert_float_equal(r.width, 40, 1e-9);
    assert_int_equal(ax_image_new(100, 100, 3, &im, &err), AX_OK);
    for (int y = 0; y < 100; y++)
        for (int x = 0; x < 100; x++) memset(im.data + y * im.stride + 3 * x, x, 3);
    assert_int_equal(ax_region_crop(&r, &im, &err), AX_OK);
    assert_int_equal(r.crop.width, 40);
    /* The crop's top is the picture's right. */
    assert_int_equal(r.crop.data[0], 79);
    assert_int_equal(r.crop.data[39 * r.crop.stride + 3 * 20], 40);
    struct ax_prediction found = {0};
    found.objects = AX_NEW(&found.mem, struct ax_object, 1);
    found.n_objects = 1;
    struct ax_point middle = {20, 20, 1};
    found.objects[0] = (struct ax_object){.left = 10, .top = 0, .right = 20, .bottom = 5, .points = &middle, .n_points = 1};
    ax_region_to_picture(&r, &found, 100, 100);
    assert_float_equal(middle.x, 60, 1e-4);
    assert_float_equal(middle.y, 50, 1e-4);
    assert_float_equal(found.objects[0].right, 80, 1e-4);
    assert_float_equal(found.objects[0].left, 75, 1e-4);
    assert_float_equal(found.objects[0].bottom - found.objects[0].top, 10, 1e-4);
    ax_region_free(&r);
    ax_prediction_free(&found);
    ax_image_free(&im);
}

static void duplicates(void **state)
{
    (void)state;
    struct ax_prediction a = {0}, b = {0}, *both[] = {&a, &b};
    a.objects = AX_NEW(&a.mem, struct ax_object, 2), a.n_objects = 2;
    b.objects = AX_NEW(&b.mem, struct ax_object, 3), b.n_objects = 3;
    a.objects[0] = (struct ax_object){.is = {0, 0.5f, NULL}, .left = 0, .right = 10, .top = 0, .bottom = 10};
    a.objects[1] = (struct ax_object){.is = {0, 0.4f, NULL}, .left = 50, .right = 60, .top = 0, .bottom = 10};
    b.objects[0] = (struct ax_object){.is = {0, 0.9f, NULL}, .left = 1, .right = 11, .top = 0, .bottom = 10};
    b.objects[1] = (struct ax_object){.is = {1, 0.8f, NULL}, .left = 1, .right = 11, .top = 0, .bottom = 10};
    b.objects[2] = (struct ax_object){.is = {0, 0.3f, NULL}, .left = 51, .right = 61, .top = 0, .bottom = 10};
    ax_region_suppress(both, 2, 0.45, false);
    assert_int_equal(a.n_objects, 1);
    assert_float_equal(a.objects[0].left, 50, 0);
    assert_int_equal(b.n_objects, 2);
    ax_region_suppress(both, 2, 0.45, true);
    assert_int_equal(b.n_objects, 1);
    assert_float_equal(b.objects[0].is.score, 0.9f, 1e-6);
    ax_prediction_free(&a);
    ax_prediction_free(&b);
}

/* -- cores -- */

static double slowest(const double *work, const int *have, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++) most = fmax(most, work[i] / have[i]);
    return most;
}

static void split(void **state)
{
    (void)state;
    int out[3];
    const int one[3] = {1, 1, 1};
    assert_true(ax_cascade_split((const double[]){1, 9}, (const int[]){0, 0}, (const int[]){2, 1}, 2, 4, out));
    assert_true(out[0] == 2 && out[1] == 2);
    assert_true(ax_cascade_split((const double[]){3, 1}, (const int[]){0, 0}, one, 2, 4, out));
    assert_int_equal(out[0], 3);
    assert_true(ax_cascade_split((const double[]){3, 1}, (const int[]){0, 2}, one, 2, 4, out));
    assert_int_equal(out[0], 2);
    assert_int_equal(out[1], 2);
    assert_false(ax_cascade_split((const double[]){3, 1}, (const int[]){0, 4}, one, 2, 4, out));
    /* No other split is better. */
    for (int round = 0; round < 200; round++) {
        double work[3] = {1 + round % 7, 1 + round * 5 % 11, 0.5 + round * 3 % 13};
        int cores = 3 + round % 9, fixed[3] = {0};
        assert_true(ax_cascade_split(work, fixed, one, 3, cores, out));
        assert_int_equal(out[0] + out[1] + out[2], cores);
        for (int a = 1; a <= cores - 2; a++)
            for (int b = 1; b <= cores - a - 1; b++) {
                int other[3] = {a, b, cores - a - b};
                assert_true(slowest(work, out, 3) <= slowest(work, other, 3) + 1e-12);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(descriptor), cmocka_unit_test(mistakes), cmocka_unit_test(clipped),
                                       cmocka_unit_test(filtered),   cmocka_unit_test(turned),   cmocka_unit_test(duplicates),
                                       cmocka_unit_test(split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
