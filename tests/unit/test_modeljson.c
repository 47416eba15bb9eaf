#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files/modeljson.h"

static struct ax_error err;

static enum ax_status parse(const char *text, struct ax_descriptor *p)
{
    return ax_descriptor_parse(text, strlen(text), "model.json", p, &err);
}

static const char yolo[] = "{\"name\": \"yolov5s-v7-coco\", \"model\": \"yolov5s-v7-coco/1/model.axmodel\","
                           "\"preprocessing\": ["
                           " { \"type\": \"resize\", \"width\": 640, \"height\": 640, \"letterbox\": true },"
                           " { \"type\": \"normalize\", \"mean\": [0, 0, 0], \"std\": [1, 1, 1] } ],"
                           "\"postprocessing\": ["
                           " { \"type\": \"decode_yolov5\", \"classes\": 80, \"confidence_threshold\": 0.25 },"
                           " { \"type\": \"nms\", \"iou_threshold\": 0.45 } ] }";

static void a_detector(void **state)
{
    (void)state;
    struct ax_descriptor p;
    if (parse(yolo, &p)) fail_msg("%s", err.message);
    assert_int_equal(p.n_before, 2);
    assert_int_equal(p.n_after, 2);
    assert_int_equal(ax_step_int(&p.before[0], "width"), 640);
    assert_true(ax_step_number(&p.before[0], "letterbox") == 1);
    assert_true(ax_step_is(&p.before[0], "interpolation", "bilinear"));
    assert_false(ax_step_is(&p.before[0], "interpolation", "bicubic"));
    assert_int_equal(ax_step_param(&p.before[1], "mean")->count, 3);
    assert_true(ax_step_number(&p.before[1], "scale") == 1.0 / 255);
    assert_int_equal(ax_step_int(ax_descriptor_find(&p, AX_PIPE_DECODE_YOLOV5), "classes"), 80);
    assert_int_equal(ax_step_int(&p.after[1], "max_boxes"), 300);
    assert_null(ax_descriptor_find(&p, AX_PIPE_TRACKER));
    char *text = ax_descriptor_text(&p);
    struct ax_descriptor again;
    if (parse(text, &again)) fail_msg("%s", err.message);
    char *text2 = ax_descriptor_text(&again);
    assert_string_equal(text, text2);
    free(text);
    free(text2);
    ax_descriptor_free(&p);
    ax_descriptor_free(&again);
}

static void refuse(const char *steps, const char *expected)
{
    char text[1024];
    struct ax_descriptor p;
    snprintf(text, sizeof text, "{\"name\":\"n\",\"model\":\"m\",%s}", steps);
    assert_int_equal(parse(text, &p), AX_FORMAT);
    if (!strstr(err.message, expected)) fail_msg("'%s' lacks '%s'", err.message, expected);
    ax_descriptor_free(&p);
}

static void mistakes(void **state)
{
    (void)state;
    refuse("\"preprocessing\":[{\"type\":\"resise\"}]",
           "$.preprocessing[0].type: 'resise' is no step that is known; did you mean 'resize'?");
    refuse("\"preprocessing\":[{\"type\":\"nms\"}]", "'nms' is a step of postprocessing");
    refuse("\"preprocessing\":[{\"width\":1}]", "$.preprocessing[0]: \"type\" is missing");
    refuse("\"preprocessing\":[{\"type\":\"resize\",\"width\":1}]", "needs \"width\" and \"height\"");
    refuse("\"preprocessing\":[{\"type\":\"resize\",\"width\":0,\"height\":4}]", "$.preprocessing[0].width: 0 is out of range");
    refuse("\"preprocessing\":[{\"type\":\"resize\",\"size\":4,\"letterbox\":true}]", "belong to \"width\"");
    refuse("\"preprocessing\":[{\"type\":\"resize\",\"size\":4,\"mode\":\"letter\"}]", "$.preprocessing[0].mode");
    refuse("\"preprocessing\":[{\"type\":\"normalize\",\"std\":[1,0,1]}]", "$.preprocessing[0].std[1]: 0 is out of range");
    refuse("\"preprocessing\":[{\"type\":\"normalize\",\"means\":[1]}]", "did you mean \"mean\"?");
    refuse("\"preprocessing\":{}", "$.preprocessing: is an object; an array is expected");
    refuse("\"postprocessing\":[{\"type\":\"nms\",\"iou_threshold\":\"big\"}]", "is a string; a number is expected");
    refuse("\"postprocessing\":[{\"type\":\"label_filter\"}]", "\"keep\" is missing");
    refuse("\"postprocesing\":[]", "did you mean \"postprocessing\"?");
    struct ax_descriptor p;
    assert_int_equal(parse("{\"name\":\"n\"}", &p), AX_FORMAT);
    ax_descriptor_free(&p);
    assert_int_equal(parse("[]", &p), AX_FORMAT);
    ax_descriptor_free(&p);
    assert_int_equal(ax_descriptor_read("/nonexistent/model.json", &p, &err), AX_NOT_FOUND);
    ax_descriptor_free(&p);
}

static void labels(void **state)
{
    (void)state;
    struct ax_descriptor p;
    if (parse("{\"name\":\"n\",\"model\":\"m\",\"source\":\"x.onnx\",\"_note\":1,\"postprocessing\":["
              "{\"type\":\"classification\",\"labels\":[\"cat\",\"dog\"]},{\"type\":\"classification\",\"labels\":\"l.txt\"}]}",
              &p))
        fail_msg("%s", err.message);
    assert_string_equal(ax_step_param(&p.after[0], "labels")->texts[1], "dog");
    assert_string_equal(ax_step_param(&p.after[1], "labels")->text, "l.txt");
    assert_string_equal(p.source, "x.onnx");
    ax_descriptor_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_detector), cmocka_unit_test(mistakes), cmocka_unit_test(labels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
