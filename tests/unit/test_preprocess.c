/* Preprocessing against values worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/preprocess.h"
#include "media/resize.h"

static struct ax_error err;

static struct ax_image picture(int width, int height, int channels)
{
    struct ax_image im;
    assert_int_equal(ax_image_new(width, height, channels, &im, &err), AX_OK);
    memset(im.data, 0, (size_t)im.stride * (size_t)height);
    return im;
}

/* Runs the steps on a picture; returns the status, and the tensor in `dst`. */
static enum ax_status run(const char *steps, const struct ax_image *im, const int64_t dim[4], float *dst, struct ax_fit *fit)
{
    char json[2048];
    struct ax_descriptor p;
    struct ax_shape shape = ax_shape_make(4, dim);
    snprintf(json, sizeof json, "{\"name\": \"t\", \"model\": \"t.axmodel\", \"preprocessing\": [%s], \"postprocessing\": []}",
             steps);
    enum ax_status s = ax_descriptor_parse(json, strlen(json), "test", &p, &err);
    if (s) fail_msg("%s", err.message);
    s = ax_preprocess(&p, im, &shape, dst, fit, &err);
    ax_descriptor_free(&p);
    return s;
}

static void resized(const uint8_t *in, int n, int to, enum ax_filter f, int antialias, const uint8_t *want)
{
    struct ax_image im = picture(n, 1, 1), out;
    memcpy(im.data, in, (size_t)n);
    assert_int_equal(ax_image_resize(&im, 0, 0, n, 1, to, 1, f, antialias, &out, &err), AX_OK);
    assert_memory_equal(out.data, want, (size_t)to);
    ax_image_free(&im);
    ax_image_free(&out);
}

static void resize_by_hand(void **state)
{
    (void)state;
    /* Centres of the four outputs lie at -0.25, 0.25, 0.75 and 1.25 of the two inputs' centres. */
    resized((const uint8_t[]){0, 100}, 2, 4, AX_FILTER_BILINEAR, 1, (const uint8_t[]){0, 25, 75, 100});
    resized((const uint8_t[]){0, 100}, 2, 4, AX_FILTER_NEAREST, 1, (const uint8_t[]){0, 0, 100, 100});
    resized((const uint8_t[]){10, 20, 30, 40}, 4, 2, AX_FILTER_AREA, 1, (const uint8_t[]){15, 35});
    resized((const uint8_t[]){10, 20, 30, 40}, 4, 2, AX_FILTER_NEAREST, 1, (const uint8_t[]){20, 40});
    /* Halving: a triangle over four inputs, weights 1 3 3 1 of 8; at the edge 3 3 1 of 7. */
    resized((const uint8_t[]){0, 70, 140, 210}, 4, 2, AX_FILTER_BILINEAR, 1, (const uint8_t[]){50, 160});
    /* Without antialias: the two inputs around the centre. */
    resized((const uint8_t[]){0, 70, 140, 210}, 4, 2, AX_FILTER_BILINEAR, 0, (const uint8_t[]){35, 175});
    resized((const uint8_t[]){77, 77, 77}, 3, 7, AX_FILTER_BICUBIC, 1, (const uint8_t[]){77, 77, 77, 77, 77, 77, 77});
    resized((const uint8_t[]){200}, 1, 5, AX_FILTER_LANCZOS, 1, (const uint8_t[]){200, 200, 200, 200, 200});
}

static void normalize_and_order(void **state)
{
    (void)state;
    struct ax_image im = picture(2, 1, 3);
    float x[6];
    memcpy(im.data, (const uint8_t[]){0, 51, 255, 102, 153, 204}, 6);
    const int64_t nchw[] = {1, 3, 1, 2}, nhwc[] = {1, 1, 2, 3};
    const char *steps = "{\"type\": \"normalize\", \"mean\": [0, 0.2, 0.5], \"std\": [1, 0.5, 0.25]}";
    assert_int_equal(run(steps, &im, nchw, x, NULL), AX_OK);
    const float want[] = {0, 0.4f, 0, 0.8f, 2, 1.2f};
    for (int i = 0; i < 6; i++) assert_float_equal(x[i], want[i], 1e-6);

    assert_int_equal(
        run("{\"type\": \"layout\", \"order\": \"NHWC\"}, {\"type\": \"normalize\", \"scale\": 1}", &im, nhwc, x, NULL), AX_OK);
    for (int i = 0; i < 6; i++) assert_float_equal(x[i], im.data[i], 0);

    assert_int_equal(
        run("{\"type\": \"color\", \"order\": \"bgr\"}, {\"type\": \"normalize\", \"scale\": 1}", &im, nchw, x, NULL), AX_OK);
    const float bgr[] = {255, 204, 51, 153, 0, 102};
    for (int i = 0; i < 6; i++) assert_float_equal(x[i], bgr[i], 0);
    ax_image_free(&im);
}

static void grey(void **state)
{
    (void)state;
    struct ax_image im = picture(4, 1, 3);
    float x[4];
    memcpy(im.data, (const uint8_t[]){255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}, 12);
    const int64_t dim[] = {1, 1, 1, 4};
    assert_int_equal(
        run("{\"type\": \"color\", \"order\": \"gray\"}, {\"type\": \"normalize\", \"scale\": 1}", &im, dim, x, NULL), AX_OK);
    const float want[] = {76, 150, 29, 255};
    for (int i = 0; i < 4; i++) assert_float_equal(x[i], want[i], 0);
    ax_image_free(&im);
}

static void letterbox(void **state)
{
    (void)state;
    static float x[3 * 64 * 64];
    struct ax_image im = picture(200, 100, 3);
    struct ax_fit fit;
    memset(im.data, 255, (size_t)im.stride * 100);
    const int64_t dim[] = {1, 3, 64, 64};
    const char *steps = "{\"type\": \"resize\", \"width\": 64, \"height\": 64, \"mode\": \"letterbox\"}, "
                        "{\"type\": \"normalize\", \"scale\": 1}";
    assert_int_equal(run(steps, &im, dim, x, &fit), AX_OK);
    /* 200x100 becomes 64x32 with 16 rows above and below. */
    assert_float_equal(x[15 * 64], 114, 0);
    assert_float_equal(x[16 * 64], 255, 0);
    assert_float_equal(x[47 * 64 + 63], 255, 0);
    assert_float_equal(x[48 * 64], 114, 0);
    assert_float_equal(fit.scale_x, 0.32, 1e-9);
    assert_float_equal(fit.scale_y, 0.32, 1e-9);
    assert_float_equal(fit.offset_x, 0, 1e-9);
    assert_float_equal(fit.offset_y, 16, 1e-9);
    /* A point of the model's input, back in the picture. */
    assert_float_equal((32 - fit.offset_x) / fit.scale_x, 100, 1e-4);
    assert_float_equal((32 - fit.offset_y) / fit.scale_y, 50, 1e-4);
    ax_image_free(&im);
}

static void crop(void **state)
{
    (void)state;
    static float x[3 * 4 * 4];
    struct ax_image im = picture(8, 6, 3);
    struct ax_fit fit;
    for (int i = 0; i < 8 * 6; i++) memset(im.data + i * 3, i, 3);
    const int64_t dim[] = {1, 3, 4, 4};
    const char *steps = "{\"type\": \"center_crop\", \"size\": 4}, {\"type\": \"normalize\", \"scale\": 1}";
    assert_int_equal(run(steps, &im, dim, x, &fit), AX_OK);
    for (int y = 0; y < 4; y++)
        for (int i = 0; i < 4; i++) assert_float_equal(x[y * 4 + i], (y + 1) * 8 + i + 2, 0);
    assert_float_equal(fit.offset_x, -2, 0);
    assert_float_equal(fit.offset_y, -1, 0);
    ax_image_free(&im);
}

static void wrong_size(void **state)
{
    (void)state;
    float x[12];
    struct ax_image im = picture(3, 2, 3);
    const int64_t dim[] = {1, 3, 2, 2};
    assert_int_equal(run("{\"type\": \"color\", \"order\": \"rgb\"}", &im, dim, x, NULL), AX_SHAPE);
    assert_non_null(strstr(err.message, "3x2"));
    ax_image_free(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resize_by_hand), cmocka_unit_test(normalize_and_order),
                                       cmocka_unit_test(grey),           cmocka_unit_test(letterbox),
                                       cmocka_unit_test(crop),           cmocka_unit_test(wrong_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
