/* Postprocessing: outputs become results. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "media/post_step.h"

static struct ax_error err;

/* Runs the steps on one output of n scores. */
static enum ax_status run(const char *steps, float *scores, int64_t n, int top_k, struct ax_prediction *r)
{
    char json[1024];
    struct ax_descriptor p;
    struct ax_post *post;
    snprintf(json, sizeof json, "{\"name\": \"t\", \"model\": \"t.axmodel\", \"preprocessing\": [], \"postprocessing\": [%s]}",
             steps);
    if (ax_descriptor_parse(json, strlen(json), "test", &p, &err)) fail_msg("%s", err.message);
    enum ax_status s = ax_post_open(&p, &(struct ax_post_options){.top_k = top_k}, &post, &err);
    *r = (struct ax_prediction){0};
    if (!s) {
        struct ax_post_tensor t = {"out", ax_shape_make(2, (const int64_t[]){1, n}), scores};
        s = ax_post_run(post, &(struct ax_post_input){&t, 1, {1, 1, 0, 0}, 10, 10, 10, 10}, r, &err);
    }
    ax_post_close(post);
    /* Labels are the descriptor's: what is looked at below is looked at while they live. */
    for (int i = 0; i < r->n_classes; i++)
        if (r->classes[i].label) r->classes[i].label = ax_arena_str(&r->mem, r->classes[i].label);
    ax_descriptor_free(&p);
    return s;
}

static void softmax(void **state)
{
    (void)state;
    float x[] = {1, 2, 3}, big[] = {1000, 0, -1000};
    ax_softmax(x, 3, 1);
    assert_float_equal(x[0], 0.09003057, 1e-7);
    assert_float_equal(x[1], 0.24472847, 1e-7);
    assert_float_equal(x[2], 0.66524096, 1e-7);
    ax_softmax(big, 3, 1);
    assert_float_equal(big[0], 1, 0);
    assert_float_equal(big[2], 0, 0);
}

static void best_classes(void **state)
{
    (void)state;
    struct ax_prediction r;
    float logits[] = {1, 5, 3, 5}, probabilities[] = {0.1f, 0.2f, 0.65f, 0.05f};
    const char *step = "{\"type\": \"classification\", \"top_k\": 3, \"labels\": [\"a\", \"b\", \"c\"]}";
    assert_int_equal(run(step, logits, 4, 0, &r), AX_OK);
    assert_int_equal(r.n_classes, 3);
    assert_int_equal(r.classes[0].index, 1); /* equal scores: the lower index first */
    assert_int_equal(r.classes[1].index, 3);
    assert_string_equal(r.classes[0].label, "b");
    assert_null(r.classes[1].label);
    assert_true(r.classes[0].score < 0.5f);
    ax_prediction_free(&r);
    /* Probabilities stay what they are; fewer asked for. */
    assert_int_equal(run(step, probabilities, 4, 1, &r), AX_OK);
    assert_int_equal(r.n_classes, 1);
    assert_float_equal(r.classes[0].score, 0.65, 1e-7);
    assert_int_equal(r.n_scores, 4);
    ax_prediction_free(&r);
}

static void offset_and_nan(void **state)
{
    (void)state;
    struct ax_prediction r;
    float x[] = {0, NAN, 2};
    const char *step = "{\"type\": \"classification\", \"softmax\": \"no\", \"offset\": -1, \"labels\": [\"a\", \"b\"]}";
    assert_int_equal(run(step, x, 3, 0, &r), AX_OK);
    assert_int_equal(r.classes[0].index, 2);
    assert_string_equal(r.classes[0].label, "b");
    assert_null(r.classes[1].label);
    assert_int_equal(r.classes[2].index, 1);
    ax_prediction_free(&r);
}

static void filters(void **state)
{
    (void)state;
    struct ax_prediction r;
    float x[] = {0.5f, 0.3f, 0.2f};
    const char *by_score = "{\"type\": \"classification\", \"softmax\": \"no\"}, "
                           "{\"type\": \"threshold\", \"confidence_threshold\": 0.25}";
    const char *by_label = "{\"type\": \"classification\", \"softmax\": \"no\", \"labels\": [\"a\", \"b\", \"c\"]}, "
                           "{\"type\": \"label_filter\", \"keep\": [\"c\", \"0\"]}";
    assert_int_equal(run(by_score, x, 3, 0, &r), AX_OK);
    assert_int_equal(r.n_classes, 2);
    ax_prediction_free(&r);
    assert_int_equal(run(by_label, x, 3, 0, &r), AX_OK);
    assert_int_equal(r.n_classes, 2);
    assert_int_equal(r.classes[0].index, 0);
    assert_int_equal(r.classes[1].index, 2);
    ax_prediction_free(&r);
}

/* Two anchors on one object, one on another, one too weak; the picture is 200x100, letterboxed into 64x64. */
static void boxes(void **state)
{
    (void)state;
    float x[] = {32,  33,  16,  16, /* cx */ 32, 32, 32,  32, /* cy */ 20, 20, 8, 8, /* w */ 10, 10, 8, 80, /* h */
                 .9f, .8f, .1f, 0,  /* a */ 0,   0,  .7f, .2f /* b */};
    const char *json = "{\"name\": \"t\", \"model\": \"t.axmodel\", \"preprocessing\": [], \"postprocessing\": ["
                       "{\"type\": \"decode_yolov8\", \"classes\": 2, \"labels\": [\"a\", \"b\"]}, {\"type\": \"nms\"}]}";
    struct ax_descriptor p;
    struct ax_post *post;
    struct ax_prediction r;
    struct ax_post_tensor t = {"out", ax_shape_make(3, (const int64_t[]){1, 6, 4}), x};
    struct ax_post_input in = {&t, 1, {0.32, 0.32, 0, 16}, 200, 100, 64, 64};
    assert_int_equal(ax_descriptor_parse(json, strlen(json), "test", &p, &err), AX_OK);
    assert_int_equal(ax_post_open(&p, &(struct ax_post_options){0}, &post, &err), AX_OK);
    assert_int_equal(ax_post_run(post, &in, &r, &err), AX_OK);
    assert_int_equal(r.n_objects, 2);
    assert_string_equal(r.objects[0].is.label, "a");
    assert_float_equal(r.objects[0].left, 22 / 0.32, 1e-3);
    assert_float_equal(r.objects[0].top, (27 - 16) / 0.32, 1e-3);
    assert_float_equal(r.objects[0].right, 42 / 0.32, 1e-3);
    assert_string_equal(r.objects[1].is.label, "b");
    assert_float_equal(r.objects[1].is.score, 0.7, 1e-6);
    ax_prediction_free(&r);
    /* Another count of classes than the output has. */
    t.shape = ax_shape_make(3, (const int64_t[]){1, 3, 8});
    assert_int_equal(ax_post_run(post, &in, &r, &err), AX_SHAPE);
    ax_prediction_free(&r);
    ax_post_close(post);
    ax_descriptor_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(softmax), cmocka_unit_test(best_classes),
                                       cmocka_unit_test(offset_and_nan), cmocka_unit_test(filters), cmocka_unit_test(boxes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
