/* Decoders on tensors made by hand: each family finds the one object that was put into its outputs, where it was put. The
 * input is 32 x 32 and the picture 64 x 64, so that a pixel of the input is two of the picture. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/npy.h"
#include "media/post_anchors.h"
#include "media/post_step.h"
#include "temp.h"

enum { SIDE = 32, MOST = 16 };

static struct ax_error err;
static struct ax_prediction found;

/* Outputs under construction, all zero at first. */
static struct ax_post_tensor tensors[MOST];
static int n_tensors;

static float *output(int rank, int64_t a, int64_t b, int64_t c, int64_t d, float fill)
{
    const int64_t dim[] = {a, b, c, d};
    struct ax_post_tensor *t = &tensors[n_tensors++];
    assert_true(n_tensors <= MOST);
    t->name = "out";
    t->shape = ax_shape_make(rank, dim);
    int64_t n = ax_shape_count(&t->shape);
    t->data = malloc((size_t)n * sizeof(float));
    assert_non_null(t->data);
    for (int64_t i = 0; i < n; i++) t->data[i] = fill;
    return t->data;
}

static float *table(int64_t rows, int64_t columns, float fill)
{
    return output(3, 1, rows, columns, 0, fill);
}

static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < n_tensors; i++) free(tensors[i].data); /* of a test that failed */
    n_tensors = 0;
    return 0;
}

static void clear(void)
{
    for (int i = 0; i < n_tensors; i++) free(tensors[i].data);
    n_tensors = 0;
    ax_prediction_free(&found);
}

/* The steps on the outputs; labels of the result are copied, as the descriptor goes away. */
static enum ax_status run_in(const char *steps, const struct ax_post_options *opt, const struct ax_post_input *shape)
{
    char json[2048];
    struct ax_descriptor p;
    struct ax_post *post;
    snprintf(json, sizeof json, "{\"name\": \"t\", \"model\": \"t.axmodel\", \"preprocessing\": [], \"postprocessing\": [%s]}",
             steps);
    if (ax_descriptor_parse(json, strlen(json), "test", &p, &err)) fail_msg("%s", err.message);
    ax_prediction_free(&found);
    enum ax_status s = ax_post_open(&p, opt, &post, &err);
    struct ax_post_input in = *shape;
    in.tensors = tensors, in.n_tensors = n_tensors;
    if (!s) s = ax_post_run(post, &in, &found, &err);
    for (int i = 0; i < found.n_objects; i++)
        if (found.objects[i].is.label) found.objects[i].is.label = ax_arena_str(&found.mem, found.objects[i].is.label);
    for (int i = 0; i < found.n_classes; i++)
        if (found.classes[i].label) found.classes[i].label = ax_arena_str(&found.mem, found.classes[i].label);
    ax_post_close(post);
    ax_descriptor_free(&p);
    return s;
}

static enum ax_status run(const char *steps)
{
    const struct ax_post_input in = {NULL, 0, {0.5, 0.5, 0, 0}, 2 * SIDE, 2 * SIDE, SIDE, SIDE};
    return run_in(steps, &(struct ax_post_options){0}, &in);
}

static void good(const char *steps)
{
    if (run(steps)) fail_msg("%s", err.message);
}

static void is_near(const char *what, double got, double want, double by)
{
    if (!(fabs(got - want) <= by)) fail_msg("%s: %g, not %g", what, got, want);
}

/* Object i: class, score and corners, in pixels of the input. */
static void expect(int i, int index, double score, double left, double top, double right, double bottom)
{
    if (i >= found.n_objects) fail_msg("%d objects only", found.n_objects);
    const struct ax_object *o = &found.objects[i];
    assert_int_equal(o->is.index, index);
    is_near("score", o->is.score, score, 1e-5);
    is_near("left", o->left / 2, left, 1e-3);
    is_near("top", o->top / 2, top, 1e-3);
    is_near("right", o->right / 2, right, 1e-3);
    is_near("bottom", o->bottom / 2, bottom, 1e-3);
}

static void expect_point(int i, int k, double x, double y, double score)
{
    const struct ax_point *p = &found.objects[i].points[k];
    is_near("x", p->x / 2, x, 1e-3);
    is_near("y", p->y / 2, y, 1e-3);
    is_near("visibility", p->score, score, 1e-5);
}

static void put(float *to, int n, const float *from)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}
#define PUT(to, ...) put(to, sizeof((const float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* -- YOLO -- */

static void yolov8(void **state)
{
    (void)state;
    /* 2 classes, 21 cells; the other way round it is the same. */
    float *x = table(21, 6, 0);
    PUT(x + 5 * 6, 10, 12, 8, 4, .2f, .9f);
    good("{\"type\": \"decode_yolov8\"}");
    assert_int_equal(found.n_objects, 1);
    expect(0, 1, .9, 6, 10, 14, 14);
    good("{\"type\": \"decode_yolov8\", \"confidence_threshold\": 0.95}");
    assert_int_equal(found.n_objects, 0);
    x[5 * 6 + 4] = -3, x[5 * 6 + 5] = 2; /* below 0: logits */
    good("{\"type\": \"decode_yolov8\", \"classes\": 2, \"confidence_threshold\": 0.6}");
    expect(0, 1, sigmoid(2), 6, 10, 14, 14);
    good("{\"type\": \"decode_yolov8\", \"scores\": \"probabilities\"}");
    expect(0, 1, 2, 6, 10, 14, 14);
    clear();
}

/* Heads before their decoding: distributions of 4 bins, then scores, a scale of stride 16. */
static void yolov8_heads(void **state)
{
    (void)state;
    float *boxes = output(4, 1, 16, 2, 2, -20), *scores = output(4, 1, 3, 2, 2, -9);
    boxes[(0 * 4 + 1) * 4 + 3] = 20; /* cell 3: left 1, top 0, right 2, bottom 1 strides */
    boxes[(1 * 4 + 0) * 4 + 3] = 20;
    boxes[(2 * 4 + 2) * 4 + 3] = 20;
    boxes[(3 * 4 + 1) * 4 + 3] = 20;
    scores[2 * 4 + 3] = 3;
    good("{\"type\": \"decode_yolov8\", \"reg_max\": 4, \"strides\": 16}");
    expect(0, 2, sigmoid(3), 8, 24, 32, 32); /* right 56 and bottom 40 end with the picture */
    clear();
}

static void yolov5(void **state)
{
    (void)state;
    float *x = table(63, 7, 0);
    PUT(x + 40 * 7, 10, 12, 8, 4, .8f, .9f, .1f);
    PUT(x + 41 * 7, 10, 12, 8, 4, .2f, 1, .1f); /* hardly an object */
    good("{\"type\": \"decode_yolov5\"}");
    assert_int_equal(found.n_objects, 1);
    expect(0, 0, .72, 6, 10, 14, 14);
    clear();
    /* A raw head of stride 16 with two anchors; the second in cell (1, 0). */
    x = output(4, 1, 2 * 7, 2, 2, -9);
    for (int k = 0; k < 4; k++) x[(7 + k) * 4 + 1] = 0;
    x[(7 + 4) * 4 + 1] = 9, x[(7 + 6) * 4 + 1] = 9;
    good("{\"type\": \"decode_yolov5\", \"anchors\": [1, 1, 10, 6]}");
    expect(0, 1, sigmoid(9) * sigmoid(9), 24 - 5, 8 - 3, 24 + 5, 8 + 3);
    clear();
}

static void yolox(void **state)
{
    (void)state;
    float *x = table(20, 6, 0);                                /* strides 8 and 16 */
    PUT(x + 17 * 6, .5f, .25f, logf(.5f), logf(.25f), .9f, 1); /* the second of the coarse cells: (1, 0) */
    good("{\"type\": \"decode_yolox\", \"strides\": [8, 16]}");
    expect(0, 0, .9, 24 - 4, 4 - 2, 24 + 4, 4 + 2);
    assert_int_equal(run("{\"type\": \"decode_yolox\", \"strides\": [8, 32]}"), AX_SHAPE);
    clear();
}

static void end2end(void **state)
{
    (void)state;
    float *x = table(5, 6, 0);
    PUT(x, 1, 2, 3, 4, .3f, 7, 5, 6, 40, 8, .9f, 2);
    good("{\"type\": \"decode_end2end\", \"labels\": [\"a\", \"b\", \"c\"]}");
    assert_int_equal(found.n_objects, 2);
    expect(0, 2, .9, 5, 6, 32, 8);
    expect(1, 7, .3, 1, 2, 3, 4);
    assert_string_equal(found.objects[0].is.label, "c");
    assert_null(found.objects[1].is.label);
    clear();
}

static void yolo_pose(void **state)
{
    (void)state;
    float *x = table(21, 5 + 2 * 3, 0);
    PUT(x + 11, 10, 12, 8, 4, .9f, 7, 11, .8f, 33, -2, .1f);
    good("{\"type\": \"decode_yolo_pose\", \"keypoints\": 2}");
    expect(0, 0, .9, 6, 10, 14, 14);
    expect_point(0, 0, 7, 11, .8);
    expect_point(0, 1, 33, -2, .1); /* points may lie outside */
    clear();
    x = table(21, 5 + 2 * 2, 0);
    PUT(x + 9, 10, 12, 8, 4, .9f, 7, 11, 33, -2);
    good("{\"type\": \"decode_yolo_pose\", \"keypoints\": 2}");
    expect_point(0, 1, 33, -2, 1);
    clear();
}

static void yolo_seg(void **state)
{
    (void)state;
    float *x = table(21, 4 + 1 + 2, 0), *prototypes = output(4, 1, 2, 8, 8, 0);
    PUT(x + 7, 16, 16, 16, 16, .9f, 2, -1);
    for (int i = 0; i < 64; i++) { /* twice the left half less the whole: left 1, right -1 */
        prototypes[i] = i % 8 < 4;
        prototypes[64 + i] = 1;
    }
    good("{\"type\": \"decode_yolo_seg\", \"masks\": 2}, {\"type\": \"nms\"}");
    expect(0, 0, .9, 8, 8, 24, 24);
    const struct ax_mask *m = found.objects[0].mask;
    assert_int_equal(m->width, 32);
    assert_int_equal(m->height, 32);
    for (int i = 0; i < 32 * 32; i++) assert_int_equal(m->data[i], i % 32 < 16);
    clear();
}

/* -- distributions, anchors -- */

static void nanodet(void **state)
{
    (void)state;
    float *scores = table(16, 2, .01f), *sides = table(16, 8, -20); /* stride 8, bins 0 and 1 a side */
    scores[2 * 5 + 1] = .8f;                                        /* cell (1, 1) */
    for (int k = 0; k < 4; k++) sides[8 * 5 + 2 * k + 1] = 20;
    sides[8 * 5] = 20; /* to the left half a stride */
    good("{\"type\": \"decode_nanodet\", \"reg_max\": 1}");
    expect(0, 1, .8, 12 - 4, 12 - 8, 12 + 8, 12 + 8);
    good("{\"type\": \"decode_nanodet\", \"reg_max\": 1, \"cell_offset\": 0}");
    expect(0, 1, .8, 8 - 4, 8 - 8, 8 + 8, 8 + 8);
    clear();
}

static void ssd(void **state)
{
    (void)state;
    char npy[TEMP_PATH], steps[1024];
    temp_path(npy, "anchors.npy");
    /* y, x, h, w of the first two; as corners the third. */
    float anchors[] = {.25f, .25f, .5f, .25f, .5f, .5f, .5f, .5f, .25f, .25f, .75f, .5f};
    struct ax_array a = {.dtype = AX_DTYPE_FLOAT32,
                         .shape = ax_shape_make(2, (const int64_t[]){3, 4}),
                         .data = anchors,
                         .bytes = sizeof anchors};
    assert_int_equal(ax_npy_write(npy, &a, &err), AX_OK);
    float *boxes = table(3, 4, 0), *scores = table(3, 3, 0);
    PUT(boxes, 5, -5, 5 * logf(2), 0); /* half a height down, half a width to the left, twice as high */
    PUT(scores, .1f, .2f, .7f, .9f, .05f, .05f);
    snprintf(steps, sizeof steps, "{\"type\": \"decode_ssd\", \"anchors\": \"%s\"}", npy);
    good(steps);
    assert_int_equal(found.n_objects, 1); /* the second is background */
    expect(0, 1, .7, 0, 0, 8, 32);
    PUT(boxes + 8, .5f, 0, .5f, 0);
    PUT(scores, .9f, .1f, 0, .9f, 0, .1f, .2f, .8f, 0);
    snprintf(steps, sizeof steps, "{\"type\": \"decode_ssd\", \"anchors\": \"%s\", \"anchor_form\": \"corners\"}", npy);
    good(steps);
    expect(0, 0, .8, 8 + .5 * 16, 8, 24 + .5 * 16, 16);
    snprintf(steps, sizeof steps, "{\"type\": \"decode_ssd\", \"anchors\": \"%s\", \"background\": false, \"variances\": [1]}",
             npy);
    good(steps);
    assert_int_equal(found.n_objects, 3);
    assert_int_equal(run("{\"type\": \"decode_ssd\"}"), AX_INVALID_ARGUMENT);
    assert_int_equal(run("{\"type\": \"decode_ssd\", \"anchors\": \"/nowhere/anchors.npy\"}"), AX_NOT_FOUND);
    clear();
}

static void mediapipe_anchors(void **state)
{
    (void)state;
    const double published[] = {8, 16, 16, 16};
    struct ax_post_input in = {.input_width = 192, .input_height = 192};
    assert_int_equal(ax_mediapipe_anchors(published, 4, .5, &in, NULL), 2016);
    in.input_width = in.input_height = 128;
    assert_int_equal(ax_mediapipe_anchors(published, 4, .5, &in, NULL), 896);
    float *a = malloc(896 * 2 * sizeof *a);
    ax_mediapipe_anchors(published, 4, .5, &in, a);
    is_near("x", a[0], .5 / 16, 1e-6); /* two a cell of 8 pixels */
    is_near("x", a[2], .5 / 16, 1e-6);
    is_near("x", a[4], 1.5 / 16, 1e-6);
    is_near("x", a[2 * 512], .5 / 8, 1e-6); /* then six a cell of 16 */
    is_near("x", a[2 * 517], .5 / 8, 1e-6);
    is_near("x", a[2 * 518], 1.5 / 8, 1e-6);
    is_near("y", a[2 * 895 + 1], 7.5 / 8, 1e-6);
    free(a);
}

static void palms(void **state)
{
    (void)state;
    float *boxes = table(56, 18, 0), *scores = table(56, 1, -9); /* 32 anchors of stride 8, 24 of 16 */
    scores[33] = 2;                                              /* in the first of the coarse cells: (8, 8) */
    PUT(boxes + 33 * 18, 2, 4, 8, 6, -3, 1);
    good("{\"type\": \"decode_palm\"}, {\"type\": \"nms\"}");
    expect(0, 0, sigmoid(2), 10 - 4, 12 - 3, 10 + 4, 12 + 3);
    assert_string_equal(found.objects[0].is.label, "palm");
    assert_int_equal(found.objects[0].n_points, 7);
    expect_point(0, 0, 5, 9, 1);
    expect_point(0, 6, 8, 8, 1);
    clear();
}

/* -- faces -- */

static void blazeface(void **state)
{
    (void)state;
    float *scores = table(56, 1, -9), *boxes = table(56, 16, 0);
    scores[0] = 1;
    PUT(boxes, 4, 4, 8, 8);
    good("{\"type\": \"decode_face\"}");
    expect(0, 0, sigmoid(1), 4, 4, 12, 12);
    assert_int_equal(found.objects[0].n_points, 6);
    clear();
}

static void ultraface(void **state)
{
    (void)state;
    int n = 3 * 16 + 2 * 4 + 2 * 1 + 3 * 1;
    float *scores = table(n, 2, 0), *boxes = table(n, 4, 0);
    scores[2 * 49 + 1] = .9f; /* the larger prior of the first cell of stride 16: (8, 8), 48 pixels */
    PUT(boxes + 4 * 49, 1, 0, -5 * logf(2), -5 * logf(4));
    good("{\"type\": \"decode_face\"}");
    double cx = 8 + .1 * 48;
    expect(0, 0, .9, cx - 12, 8 - 6, cx + 12, 8 + 6);
    /* Decoded already: corners in 0..1, which lie about their priors. */
    static const int strides[] = {8, 16, 32, 64}, each[] = {3, 2, 2, 3};
    float *at = boxes;
    for (int l = 0; l < 4; l++)
        for (int i = 0, w = l < 2 ? SIDE / strides[l] : 1; i < w * w * each[l]; i++, at += 4) {
            int column = i / each[l] % w, row = i / each[l] / w;
            float cell = (float)strides[l] / SIDE, x = ((float)column + .5f) * cell, y = ((float)row + .5f) * cell;
            PUT(at, x - .1f, y - .1f, x + .1f, y + .1f);
        }
    PUT(boxes + 4 * 49, .125f, .25f, .375f, .5f);
    good("{\"type\": \"decode_face\", \"family\": \"ultraface\"}");
    expect(0, 0, .9, 4, 8, 12, 16);
    clear();
}

static void heads_of_faces(void **state)
{
    (void)state;
    float *score = table(16, 1, 0), *object = table(16, 1, 0), *box = table(16, 4, 0), *points = table(16, 10, 0);
    score[6] = .9f, object[6] = .4f; /* cell (2, 1) of stride 8 */
    PUT(box + 4 * 6, .5f, .25f, logf(2), logf(1));
    PUT(points + 10 * 6, 1, -1);
    good("{\"type\": \"decode_face\", \"confidence_threshold\": 0.5}");
    expect(0, 0, .6, 20 - 8, 10 - 4, 20 + 8, 10 + 4);
    expect_point(0, 0, 24, 0, 1);
    clear();
    /* SCRFD: two anchors a cell, distances to the sides. */
    score = table(32, 1, 0), box = table(32, 4, 0), points = table(32, 10, 0);
    score[13] = .9f; /* the second anchor of cell (2, 1) */
    PUT(box + 4 * 13, 1, .5f, .5f, 1);
    PUT(points + 10 * 13, 1, -1);
    good("{\"type\": \"decode_face\"}");
    expect(0, 0, .9, 8, 4, 20, 16);
    expect_point(0, 0, 24, 0, 1);
    assert_int_equal(run("{\"type\": \"decode_face\", \"family\": \"yunet\"}"), AX_SHAPE);
    clear();
}

/* -- poses -- */

static void movenet(void **state)
{
    (void)state;
    float *center = output(4, 1, 1, 8, 8, 0), *heat = output(4, 1, 17, 8, 8, 0);
    float *way = output(4, 1, 34, 8, 8, 0), *offset = output(4, 1, 34, 8, 8, 0);
    center[3 * 8 + 4] = 1; /* the person's middle is (4, 3) */
    for (int k = 0; k < 17; k++) {
        way[(2 * k) * 64 + 3 * 8 + 4] = 2, way[(2 * k + 1) * 64 + 3 * 8 + 4] = -2; /* all points about (2, 5) */
        heat[k * 64 + 5 * 8 + 2] = .8f;
        heat[k * 64 + 0 * 8 + 7] = .9f; /* someone else's, far from there */
        offset[(2 * k) * 64 + 5 * 8 + 2] = .5f, offset[(2 * k + 1) * 64 + 5 * 8 + 2] = .25f;
    }
    good("{\"type\": \"decode_movenet\", \"labels\": [\"person\"]}");
    expect(0, 0, .8, 9, 22, 9, 22);
    expect_point(0, 16, 2.25 * 4, 5.5 * 4, .8);
    assert_string_equal(found.objects[0].is.label, "person");
    good("{\"type\": \"decode_movenet\", \"confidence_threshold\": 0.81}");
    assert_int_equal(found.n_objects, 0);
    clear();
}

/* 33 x 33 pixels are 3 x 3 cells of stride 16. All keypoints but the last lie in the middle cell, the right ankle in the one
 * below, where only the way from the right knee leads. */
static void posenet(void **state)
{
    (void)state;
    float *heat = output(4, 1, 17, 3, 3, -9), *near = output(4, 1, 34, 3, 3, 0), *far = output(4, 1, 64, 3, 3, 0);
    for (int k = 0; k < 16; k++) heat[k * 9 + 4] = 3;
    heat[16 * 9 + 7] = 2;
    far[15 * 9 + 4] = 12; /* along the last edge: 12 pixels down, and the rest by the short offset */
    for (int i = 0; i < 9; i++) near[16 * 9 + i] = i / 3 == 2 ? 0 : 4;
    const struct ax_post_input in = {NULL, 0, {1, 1, 0, 0}, 33, 33, 33, 33};
    if (run_in("{\"type\": \"decode_posenet\"}", &(struct ax_post_options){0}, &in)) fail_msg("%s", err.message);
    assert_int_equal(found.n_objects, 1);
    const struct ax_object *o = &found.objects[0];
    is_near("nose", o->points[0].y, 16, 1e-3);
    is_near("ankle x", o->points[16].x, 16, 1e-3);
    assert_true(o->points[16].y > 28 && o->points[16].y <= 32);
    assert_true(o->is.score > .8f);
    clear();
}

static void landmarks(void **state)
{
    (void)state;
    float *marks = output(2, 1, 6, 0, 0, 0), *score = output(2, 1, 1, 0, 0, 0), *side = output(2, 1, 1, 0, 0, 0);
    PUT(marks, 4, 8, 0, 12, 20, 1);
    score[0] = .9f, side[0] = .7f;
    good("{\"type\": \"decode_landmarks\", \"keypoints\": 2, \"labels\": [\"left\", \"right\"]}");
    expect(0, 1, .9, 4, 8, 12, 20);
    assert_string_equal(found.objects[0].is.label, "right");
    expect_point(0, 1, 12, 20, .9);
    score[0] = .3f;
    good("{\"type\": \"decode_landmarks\", \"keypoints\": 2}");
    assert_int_equal(found.n_objects, 0);
    clear();
}

/* -- steps after the decoder -- */

/* Four boxes: two of class 0 on each other, one of class 1 on them, one of class 1 elsewhere. */
static void make_four(void)
{
    float *x = table(5, 6, 0);
    PUT(x, 0, 0, 10, 10, .9f, 0, 1, 0, 11, 10, .8f, 0, 0, 0, 10, 9, .7f, 1, 20, 20, 30, 30, .6f, 1);
}

static void suppression(void **state)
{
    (void)state;
    make_four();
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"nms\"}");
    assert_int_equal(found.n_objects, 3);
    expect(1, 1, .7, 0, 0, 10, 9);
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"nms\", \"class_agnostic\": true}");
    assert_int_equal(found.n_objects, 2);
    expect(1, 1, .6, 20, 20, 30, 30);
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"nms\", \"iou_threshold\": 0.82}"); /* 9 of 11 tenths */
    assert_int_equal(found.n_objects, 4);
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"nms\", \"max_boxes\": 2}");
    assert_int_equal(found.n_objects, 2);
    good("{\"type\": \"decode_end2end\", \"max_candidates\": 1}, {\"type\": \"nms\"}");
    assert_int_equal(found.n_objects, 1);
    clear();
}

static void filters(void **state)
{
    (void)state;
    make_four();
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"threshold\", \"confidence_threshold\": 0.75}");
    assert_int_equal(found.n_objects, 2);
    good("{\"type\": \"decode_end2end\", \"labels\": [\"a\", \"b\"]}, {\"type\": \"label_filter\", \"keep\": [\"b\"]}");
    assert_int_equal(found.n_objects, 2);
    expect(0, 1, .7, 0, 0, 10, 9);
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"label_filter\", \"keep\": [\"0\"]}");
    assert_int_equal(found.n_objects, 2);
    clear();
}

/* Overlaps are those of whole boxes: what the picture cuts off counts. */
static void clipped_last(void **state)
{
    (void)state;
    float *x = table(5, 6, 0);
    PUT(x, -20, 0, 10, 10, .9f, 0, 0, 0, 10, 10, .8f, 0);
    good("{\"type\": \"decode_end2end\"}, {\"type\": \"nms\"}");
    assert_int_equal(found.n_objects, 2);
    expect(0, 0, .9, 0, 0, 10, 10);
    expect(1, 0, .8, 0, 0, 10, 10);
    clear();
}

/* As average precision wants it. */
static void all_classes(void **state)
{
    (void)state;
    float *x = table(21, 7, 0);
    PUT(x, 10, 12, 8, 4, .5f, .9f, .1f);
    const struct ax_post_input in = {NULL, 0, {0.5, 0.5, 0, 0}, 2 * SIDE, 2 * SIDE, SIDE, SIDE};
    assert_int_equal(run_in("{\"type\": \"decode_yolov8\"}", &(struct ax_post_options){.all_classes = true}, &in), AX_OK);
    assert_int_equal(found.n_objects, 2);
    expect(0, 1, .9, 6, 10, 14, 14);
    expect(1, 0, .5, 6, 10, 14, 14);
    clear();
}

static void pixels(void **state)
{
    (void)state;
    /* 3 classes of 2 x 2: class 2 at the top right, class 1 below, class 0 else. */
    float *x = output(4, 1, 3, 2, 2, 0);
    for (int i = 0; i < 4; i++) x[i] = .5f;
    x[2 * 4 + 1] = 1, x[1 * 4 + 2] = 1, x[1 * 4 + 3] = 1;
    const char *labeled = "{\"type\": \"argmax_mask\", \"labels\": [\"ground\", \"a\", \"b\"]}";
    good(labeled);
    assert_int_equal(found.mask->width, 64);
    assert_int_equal(found.mask->data[0], 0);
    assert_int_equal(found.mask->data[63], 2);
    assert_int_equal(found.mask->data[63 * 64], 1);
    assert_int_equal(found.n_classes, 3);
    assert_string_equal(found.classes[0].label, "a");
    is_near("share", found.classes[0].score, .5, 1e-6);
    clear();
    x = output(4, 1, 2, 2, 3, 0);
    x[3 * 1 + 2] = 1, x[3 * 2 + 1] = 1, x[3 * 3 + 1] = 1;
    good("{\"type\": \"argmax_mask\", \"axis\": 3}");
    assert_int_equal(found.mask->data[63], 2);
    assert_int_equal(found.mask->data[63 * 64], 1);
    assert_int_equal(run("{\"type\": \"argmax_mask\", \"axis\": 2}"), AX_SHAPE);
    clear();
}

/* Every decoder says what it expected of outputs that are not its own; numbers that are none do no harm. */
static void other_outputs(void **state)
{
    (void)state;
    static const char *const steps[] = {"yolov8", "yolov5", "yolox",   "nanodet", "yolo_pose", "yolo_seg",
                                        "palm",   "face",   "end2end", "movenet", "posenet",   "landmarks"};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char step[64], name[32];
        snprintf(step, sizeof step, "{\"type\": \"decode_%s\"}", steps[i]);
        snprintf(name, sizeof name, "decode_%s", steps[i]);
        clear();
        assert_int_equal(run(step), AX_SHAPE); /* no outputs at all */
        output(4, 1, 3, 5, 7, 0);
        assert_int_equal(run(step), AX_SHAPE);
        assert_non_null(strstr(err.message, name));
        assert_non_null(strstr(err.message, "expected"));
    }
    clear();
    float *x = table(21, 6, NAN);
    good("{\"type\": \"decode_yolov8\"}, {\"type\": \"nms\"}");
    assert_int_equal(found.n_objects, 0);
    PUT(x, NAN, INFINITY, -INFINITY, 4, .9f, 0);
    good("{\"type\": \"decode_yolov8\", \"scores\": \"probabilities\"}, {\"type\": \"nms\"}");
    for (int i = 0; i < found.n_objects; i++) assert_true(found.objects[i].left >= 0 && found.objects[i].right <= 64);
    clear();
}

/* Outputs of the right shapes full of anything: no decoder leaves its arrays, and what comes out lies in the picture. */
static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % below;
}

static float any_number(void)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, 0, 1, -1, 1e6f};
    return any(12) ? (float)any(2001) / 1000 - 0.5f : odd[any(10)];
}

static void anything(void **state)
{
    (void)state;
    static const struct {
        const char *steps;
        int n;
        struct {
            int rank;
            int64_t dim[4];
        } shape[4];
    } cases[] = {
        {"{\"type\": \"decode_yolov8\"}", 1, {{3, {1, 7, 21}}}},
        {"{\"type\": \"decode_yolov8\", \"reg_max\": 4, \"strides\": 16}", 2, {{4, {1, 16, 2, 2}}, {4, {1, 3, 2, 2}}}},
        {"{\"type\": \"decode_yolov5\"}", 1, {{3, {1, 63, 7}}}},
        {"{\"type\": \"decode_yolov5\", \"anchors\": [1, 1, 10, 6]}", 1, {{4, {1, 14, 2, 2}}}},
        {"{\"type\": \"decode_yolox\", \"strides\": [8, 16]}", 1, {{3, {1, 20, 7}}}},
        {"{\"type\": \"decode_end2end\", \"labels\": [\"a\"]}", 1, {{3, {1, 30, 6}}}},
        {"{\"type\": \"decode_yolo_pose\", \"keypoints\": 3}", 1, {{3, {1, 21, 14}}}},
        {"{\"type\": \"decode_yolo_seg\", \"masks\": 4}", 2, {{3, {1, 10, 21}}, {4, {1, 4, 8, 8}}}},
        {"{\"type\": \"decode_nanodet\", \"reg_max\": 1}", 2, {{3, {1, 16, 2}}, {3, {1, 16, 8}}}},
        {"{\"type\": \"decode_palm\"}", 2, {{3, {1, 56, 18}}, {3, {1, 56, 1}}}},
        {"{\"type\": \"decode_face\"}", 2, {{3, {1, 61, 2}}, {3, {1, 61, 4}}}},
        {"{\"type\": \"decode_face\"}", 4, {{3, {1, 16, 1}}, {3, {1, 16, 1}}, {3, {1, 16, 4}}, {3, {1, 16, 10}}}},
        {"{\"type\": \"decode_movenet\"}", 4, {{4, {1, 1, 8, 8}}, {4, {1, 17, 8, 8}}, {4, {1, 34, 8, 8}}, {4, {1, 34, 8, 8}}}},
        {"{\"type\": \"decode_posenet\"}", 3, {{4, {1, 17, 3, 3}}, {4, {1, 34, 3, 3}}, {4, {1, 64, 3, 3}}}},
        {"{\"type\": \"decode_landmarks\", \"keypoints\": 4}", 2, {{2, {1, 12}}, {2, {1, 1}}}},
        {"{\"type\": \"argmax_mask\"}", 1, {{4, {1, 3, 5, 7}}}},
        {"{\"type\": \"softmax\"}, {\"type\": \"classification\"}", 1, {{2, {1, 9}}}},
    };
    for (int round = 0; round < 1500; round++) {
        int c = (int)any(sizeof cases / sizeof *cases);
        char steps[256];
        for (int i = 0; i < cases[c].n; i++) {
            const int64_t *d = cases[c].shape[i].dim;
            float *x = output(cases[c].shape[i].rank, d[0], d[1], d[2], d[3], 0);
            for (int64_t k = 0, n = ax_shape_count(&tensors[i].shape); k < n; k++) x[k] = any_number();
        }
        snprintf(steps, sizeof steps, "%s, {\"type\": \"nms\"}", cases[c].steps);
        good(steps);
        for (int i = 0; i < found.n_objects; i++) {
            const struct ax_object *o = &found.objects[i];
            assert_true(o->left >= 0 && o->right <= 2 * SIDE && o->top >= 0 && o->bottom <= 2 * SIDE);
        }
        clear();
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(yolov8),    TEST(yolov8_heads),   TEST(yolov5),      TEST(yolox),   TEST(end2end),           TEST(yolo_pose),
        TEST(yolo_seg),  TEST(nanodet),        TEST(ssd),         TEST(palms),   TEST(mediapipe_anchors), TEST(blazeface),
        TEST(ultraface), TEST(heads_of_faces), TEST(movenet),     TEST(posenet), TEST(landmarks),         TEST(suppression),
        TEST(filters),   TEST(clipped_last),   TEST(all_classes), TEST(pixels),  TEST(other_outputs),     TEST(anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
