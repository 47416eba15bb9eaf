/* Families told from the shapes of inputs and outputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "files/modeljson_families.h"
#include "tools/recognize.h"

struct shape {
    int rank;
    int64_t dim[4];
};

/* The first shape is the input's; the others are the outputs'. */
static struct ax_graph *graph_of(const struct shape *shapes, int n)
{
    struct ax_graph *g = ax_graph_new("t");
    g->inputs = AX_NEW(&g->arena, int, 1);
    g->outputs = AX_NEW(&g->arena, int, n);
    for (int i = 0; i < n; i++) {
        struct ax_shape s = ax_shape_make(shapes[i].rank, shapes[i].dim);
        int v = ax_graph_value(g, "v", AX_DTYPE_FLOAT32, &s);
        if (i)
            g->outputs[g->n_outputs++] = v;
        else
            g->inputs[g->n_inputs++] = v;
    }
    return g;
}

static void expect_of(const char *family, bool certain, const struct shape *shapes, int n)
{
    struct ax_graph *g = graph_of(shapes, n);
    bool sure = false;
    const char *got = ax_family_recognize(g, &sure);
    if (!got != !family || (got && strcmp(got, family) != 0))
        fail_msg("%s instead of %s", got ? got : "none", family ? family : "none");
    assert_int_equal(sure, certain);
    ax_graph_free(g);
}
#define EXPECT(family, certain, ...)                                                                                           \
    expect_of(family, certain, (const struct shape[]){__VA_ARGS__},                                                            \
              sizeof((const struct shape[]){__VA_ARGS__}) / sizeof(struct shape))

#define IMAGE(h, w)                                                                                                            \
    {                                                                                                                          \
        4,                                                                                                                     \
        {                                                                                                                      \
            1, 3, h, w                                                                                                         \
        }                                                                                                                      \
    }
#define TABLE(r, c)                                                                                                            \
    {                                                                                                                          \
        3,                                                                                                                     \
        {                                                                                                                      \
            1, r, c                                                                                                            \
        }                                                                                                                      \
    }
#define MAP(c, h, w)                                                                                                           \
    {                                                                                                                          \
        4,                                                                                                                     \
        {                                                                                                                      \
            1, c, h, w                                                                                                         \
        }                                                                                                                      \
    }

static void certain(void **state)
{
    (void)state;
    EXPECT("yolov8", true, IMAGE(640, 640), TABLE(84, 8400));
    EXPECT("yolov8", true, IMAGE(320, 416), TABLE(84, 2730));
    EXPECT("yolov8_pose", true, IMAGE(640, 640), TABLE(56, 8400));
    EXPECT("yolov8_seg", true, IMAGE(320, 320), TABLE(116, 2100), MAP(32, 80, 80));
    EXPECT("yolov8_seg", true, IMAGE(320, 320), MAP(32, 80, 80), TABLE(39, 2100));
    EXPECT("yolov5", true, IMAGE(640, 640), TABLE(25200, 85));
    EXPECT("yolov5", true, IMAGE(320, 320), TABLE(6300, 8));
    EXPECT("yolox", true, IMAGE(416, 416), TABLE(3549, 85));
    EXPECT("yolo26", true, IMAGE(640, 640), TABLE(300, 6));
    EXPECT("nanodet", true, IMAGE(320, 320), TABLE(1600, 80), TABLE(400, 80), TABLE(100, 80), TABLE(1600, 32), TABLE(400, 32),
           TABLE(100, 32));
    EXPECT("picodet", true, IMAGE(320, 320), TABLE(1600, 80), TABLE(400, 80), TABLE(100, 80), TABLE(25, 80), TABLE(1600, 32),
           TABLE(400, 32), TABLE(100, 32), TABLE(25, 32));
    EXPECT("nanodet_plus", true, IMAGE(416, 416), TABLE(3598, 112));
    EXPECT("ultraface", true, IMAGE(240, 320), TABLE(4420, 2), TABLE(4420, 4));
    EXPECT("blazeface", true, IMAGE(128, 128), TABLE(896, 16), TABLE(896, 1));
    EXPECT("palm", true, {4, {1, 192, 192, 3}}, TABLE(2016, 18), TABLE(2016, 1));
    EXPECT("movenet", true, IMAGE(192, 192), MAP(1, 48, 48), MAP(17, 48, 48), MAP(34, 48, 48), MAP(34, 48, 48));
    EXPECT("posenet", true, IMAGE(353, 481), MAP(17, 23, 31), MAP(34, 23, 31), MAP(64, 23, 31));
    EXPECT("hand_landmark", true, {4, {1, 224, 224, 3}}, {2, {1, 63}}, {2, {1, 1}}, {2, {1, 1}}, {2, {1, 63}});
    EXPECT("yunet", true, IMAGE(320, 320), TABLE(1600, 1), TABLE(400, 1), TABLE(100, 1), TABLE(1600, 1), TABLE(400, 1),
           TABLE(100, 1), TABLE(1600, 4), TABLE(400, 4), TABLE(100, 4), TABLE(1600, 10), TABLE(400, 10), TABLE(100, 10));
    EXPECT("scrfd", true, IMAGE(640, 640), TABLE(12800, 1), TABLE(3200, 1), TABLE(800, 1), TABLE(12800, 4), TABLE(3200, 4),
           TABLE(800, 4), TABLE(12800, 10), TABLE(3200, 10), TABLE(800, 10));
}

static void likely(void **state)
{
    (void)state;
    EXPECT("yolov8", false, IMAGE(640, 640), TABLE(7, 8400)); /* three classes, or two and an angle */
    EXPECT("yolox", false, IMAGE(416, 416), TABLE(3549, 8));
    EXPECT("yolov5", false, IMAGE(640, 640), MAP(24, 80, 80), MAP(24, 40, 40), MAP(24, 20, 20));
    EXPECT("ssd_mobilenet", false, IMAGE(300, 300), TABLE(1917, 4), TABLE(1917, 91));
    EXPECT("deeplabv3", false, IMAGE(513, 513), MAP(21, 513, 513));
    EXPECT("classifier", false, IMAGE(224, 224), {2, {1, 1000}});
    EXPECT("classifier", false, IMAGE(224, 224), MAP(1000, 1, 1));
    EXPECT("classifier_tf", false, IMAGE(224, 224), {2, {1, 1001}});
}

static void none(void **state)
{
    (void)state;
    EXPECT(NULL, false, IMAGE(224, 224), {2, {1, 10}});
    EXPECT(NULL, false, {2, {1, 1000}}, {2, {1, 1000}});         /* no picture */
    EXPECT(NULL, false, {4, {1, 1, 640, 640}}, TABLE(84, 8400)); /* grey */
    EXPECT(NULL, false, IMAGE(0, 0), TABLE(84, 0));
    EXPECT(NULL, false, IMAGE(640, 640), {0, {0}});
    EXPECT(NULL, false, IMAGE(640, 640), TABLE(84, 8401));
}

/* Labels of a family stay only where there are as many classes. */
static void classes(void **state)
{
    (void)state;
    static const struct {
        const char *family;
        struct shape shapes[4];
        int n, classes;
    } cases[] = {
        {"yolov8", {IMAGE(640, 640), TABLE(7, 8400)}, 2, 3},
        {"yolov5", {IMAGE(640, 640), TABLE(25200, 8)}, 2, 3},
        {"yolov8_seg", {IMAGE(320, 320), MAP(32, 80, 80), TABLE(39, 2100)}, 3, 3},
        {"ssd_mobilenet", {IMAGE(300, 300), TABLE(1917, 4), TABLE(1917, 91)}, 3, 90},
        {"deeplabv3", {IMAGE(513, 513), MAP(21, 513, 513)}, 2, 21},
        {"nanodet", {IMAGE(320, 320), TABLE(1600, 32), TABLE(1600, 5)}, 3, 5},
        {"nanodet_plus", {IMAGE(416, 416), TABLE(3598, 37)}, 2, 5},
        {"palm", {IMAGE(192, 192), TABLE(2016, 18), TABLE(2016, 1)}, 3, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ax_descriptor d;
        struct ax_error err;
        struct ax_graph *g = graph_of(cases[i].shapes, cases[i].n);
        assert_int_equal(ax_family_read(cases[i].family, &d, &err), AX_OK);
        assert_int_equal(ax_family_classes(g, &d.after[0]), cases[i].classes);
        ax_descriptor_free(&d);
        ax_graph_free(g);
    }
}

/* Every descriptor that is compiled in says what it is and is whole. */
static void families(void **state)
{
    (void)state;
    for (const struct ax_family *f = ax_family_list(); f->name; f++) {
        struct ax_descriptor d;
        struct ax_error err;
        if (ax_family_read(f->name, &d, &err)) fail_msg("%s", err.message);
        assert_string_equal(d.name, f->name);
        assert_non_null(d.description);
        assert_true(d.n_before > 0 && d.n_after > 0);
        ax_descriptor_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(certain), cmocka_unit_test(likely), cmocka_unit_test(none),
                                       cmocka_unit_test(classes), cmocka_unit_test(families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
