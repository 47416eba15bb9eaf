/* Preprocessing against values worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rows.h"
#include "media/draw.h"
#include "media/jpeg_color.h"
#include "media/preprocess.h"
#include "media/resize_taps.h"
#include "temp.h"

static struct ax_error err;

static struct ax_image picture(int width, int height, int channels)
{
    struct ax_image im;
    assert_int_equal(ax_image_new(width, height, channels, &im, &err), AX_OK);
    memset(im.data, 0, (size_t)im.stride * (size_t)height);
    return im;
}

/* Runs the steps on a picture into `out`. */
static enum ax_status run_into(const char *steps, const struct ax_image *im, const struct ax_pixels_out *out,
                               struct ax_fit *fit)
{
    char json[2048];
    struct ax_descriptor p;
    snprintf(json, sizeof json, "{\"name\": \"t\", \"model\": \"t.axmodel\", \"preprocessing\": [%s], \"postprocessing\": []}",
             steps);
    enum ax_status s = ax_descriptor_parse(json, strlen(json), "test", &p, &err);
    if (s) fail_msg("%s", err.message);
    s = ax_preprocess_into(&p, im, out, fit, &err);
    ax_descriptor_free(&p);
    return s;
}

static enum ax_status run(const char *steps, const struct ax_image *im, const int64_t dim[4], float *dst, struct ax_fit *fit)
{
    struct ax_pixels_out out = {ax_shape_make(4, dim), AX_DTYPE_FLOAT32, NULL, dst};
    return run_into(steps, im, &out, fit);
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

/* -- one pass against the steps one by one -- */

static uint32_t seed;

static uint8_t noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint8_t)(seed >> 24);
}

/* One step alone: float levels of a result of any size, which are whole numbers. */
static void one_step(const char *step, const struct ax_image *im, int width, int height, int channels, struct ax_image *out)
{
    char steps[512];
    const int64_t dim[] = {1, height, width, channels};
    float *x = calloc((size_t)width * (size_t)height * (size_t)channels, sizeof *x);
    snprintf(steps, sizeof steps, "%s, {\"type\": \"layout\", \"order\": \"NHWC\"}, {\"type\": \"normalize\", \"scale\": 1}",
             step);
    if (run(steps, im, dim, x, NULL)) fail_msg("%s: %s", step, err.message);
    *out = picture(width, height, channels);
    for (int i = 0; i < width * height * channels; i++) out->data[i] = (uint8_t)x[i];
    free(x);
}

static void same_in_one_pass(const struct ax_image *im, const char *resize, int to_w, int to_h, bool grey_too, bool bgr)
{
    enum { MORE_X = 3, MORE_Y = 5 };
    const char *pad = "{\"type\": \"pad\", \"left\": 1, \"right\": 2, \"top\": 5, \"fill\": 7}";
    const char *color = grey_too ? "{\"type\": \"color\", \"order\": \"gray\"}"
                        : bgr    ? "{\"type\": \"color\", \"order\": \"bgr\"}"
                                 : "{\"type\": \"color\", \"order\": \"rgb\"}";
    const char *norm = "{\"type\": \"normalize\", \"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225]}";
    int w = to_w + MORE_X, h = to_h + MORE_Y, c = grey_too ? 1 : 3;
    size_t n = (size_t)w * (size_t)h * (size_t)c;
    char all[1024];
    struct ax_image a, b, last;
    one_step(resize, im, to_w, to_h, 3, &a);
    one_step(pad, &a, w, h, 3, &b);
    one_step(grey_too ? color : "{\"type\": \"color\", \"order\": \"rgb\"}", &b, w, h, c, &last);
    float *want = calloc(n, sizeof *want), *got = calloc(n, sizeof *got);
    int8_t *raw = calloc(n, 1), *raw_want = calloc(n, 1);
    const float scale = 0.0186f;
    const int32_t zero = -14;
    const struct ax_quant quant = {.count = 1, .scale = &scale, .zero_point = &zero};
    const int64_t dim[] = {1, c, h, w};
    snprintf(all, sizeof all, "%s, %s", bgr ? color : "{\"type\": \"color\", \"order\": \"rgb\"}", norm);
    assert_int_equal(run(all, &last, dim, want, NULL), AX_OK);
    ax_rows_find(0)->quantize_s8(want, raw_want, (int64_t)n, scale, zero);

    snprintf(all, sizeof all, "%s, %s, %s, %s", resize, pad, color, norm);
    assert_int_equal(run(all, im, dim, got, NULL), AX_OK);
    assert_memory_equal(got, want, n * sizeof *want);
    struct ax_pixels_out out = {ax_shape_make(4, dim), AX_DTYPE_INT8, &quant, raw};
    assert_int_equal(run_into(all, im, &out, NULL), AX_OK);
    assert_memory_equal(raw, raw_want, n);
    ax_image_free(&a);
    ax_image_free(&b);
    ax_image_free(&last);
    free(want);
    free(got);
    free(raw);
    free(raw_want);
}

static void in_one_pass(void **state)
{
    static const char *const filters[] = {"nearest", "bilinear", "bicubic", "area", "lanczos"};
    static const char *const modes[] = {"stretch", "letterbox", "crop"};
    static const int from[][2] = {{1, 1}, {1, 9}, {31, 17}, {97, 61}, {40, 30}},
                     to[][2] = {{1, 1}, {24, 24}, {40, 30}, {33, 7}};
    (void)state;
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct ax_image im = picture(from[i][0], from[i][1], 3);
        for (int k = 0; k < im.stride * im.height; k++) im.data[k] = noise();
        for (size_t t = 0; t < sizeof to / sizeof *to; t++)
            for (int f = 0; f < 5; f++)
                for (int m = 0; m < 3; m++)
                    for (int antialias = 0; antialias < 2; antialias++) {
                        char resize[256];
                        snprintf(resize, sizeof resize,
                                 "{\"type\": \"resize\", \"width\": %d, \"height\": %d, \"mode\": \"%s\", "
                                 "\"interpolation\": \"%s\", \"antialias\": %s}",
                                 to[t][0], to[t][1], modes[m], filters[f], antialias ? "true" : "false");
                        same_in_one_pass(&im, resize, to[t][0], to[t][1], f % 2, m % 2);
                    }
        ax_image_free(&im);
    }
}

/* -- the kernels of rows -- */

/* As resize_taps.h says it, without a thought for speed. */
static void across_by_hand(const struct ax_image *im, const struct ax_taps *t, int width, uint8_t *out)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < im->channels; c++) {
            int64_t sum = 1 << (AX_TAP_BITS - 1);
            for (int i = 0; i < t->count[x]; i++)
                sum += (int64_t)t->coefficient[x * t->most + i] * im->data[(t->first[x] + i) * im->channels + c];
            sum >>= AX_TAP_BITS;
            out[x * im->channels + c] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
        }
}

static void rows_by_hand(void **state)
{
    static const int widths[][2] = {{1, 1}, {1, 5}, {2, 7}, {9, 4}, {64, 21}, {100, 33}, {33, 100}, {201, 200}, {300, 2}};
    (void)state;
    for (int f = AX_FILTER_NEAREST; f <= AX_FILTER_LANCZOS; f++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            for (int mode = 0; mode < 12; mode++) {
                int in = widths[i][0], to = widths[i][1], channels = mode & 1 ? 3 : 1, antialias = mode & 2;
                struct ax_image im = picture(in, 1, channels);
                struct ax_taps t;
                uint8_t want[3 * 256], got[3 * 256];
                /* Noise, and black and white at random: overshoot on both sides. */
                for (int k = 0; k < in * channels; k++) im.data[k] = mode < 8 ? noise() : noise() & 1 ? 255 : 0;
                assert_true(ax_taps_make(&t, in, 0, in, to, (enum ax_filter)f, antialias));
                across_by_hand(&im, &t, to, want);
                ax_resize_rows()->across(im.data, in, channels, &t, to, got);
                assert_memory_equal(got, want, (size_t)(to * channels));
                ax_taps_free(&t);
                ax_image_free(&im);
            }
}

/* libjpeg's arithmetic, pixel by pixel. */
static void jpeg_pixel(const struct ax_jpeg_planes *in, int width, int height, int x, int y, uint8_t rgb[3])
{
    int c[2], w = (width + in->shift_x) >> in->shift_x, h = (height + in->shift_y) >> in->shift_y;
    for (int k = 0; k < 2; k++) {
        const uint8_t *p = in->data[k + 1];
        int cx = x >> in->shift_x, cy = y >> in->shift_y, nx = x % 2 ? cx + 1 : cx - 1, ny = y % 2 ? cy + 1 : cy - 1;
        nx = nx < 0 ? 0 : nx > w - 1 ? w - 1 : nx, ny = ny < 0 ? 0 : ny > h - 1 ? h - 1 : ny;
        int stride = in->stride[k + 1], here = p[cy * stride + cx];
        if (in->shift_x && w <= 2) {
            c[k] = here;
            continue;
        }
        int a = in->shift_y ? 3 * here + p[ny * stride + cx] : here;
        int b = in->shift_y ? 3 * p[cy * stride + nx] + p[ny * stride + nx] : p[cy * stride + nx];
        if (in->shift_x)
            c[k] = in->shift_y ? (3 * a + b + (x % 2 ? 7 : 8)) >> 4 : (3 * a + b + (x % 2 ? 2 : 1)) >> 2;
        else
            c[k] = in->shift_y ? (a + (y % 2 ? 2 : 1)) >> 2 : here;
    }
    int l = in->data[0][y * in->stride[0] + x], b = c[0] - 128, r = c[1] - 128;
    const int v[3] = {l + ((91881 * r + 32768) >> 16), l + ((-22554 * b + 32768 - 46802 * r) >> 16),
                      l + ((116130 * b + 32768) >> 16)};
    for (int k = 0; k < 3; k++) rgb[k] = (uint8_t)(v[k] < 0 ? 0 : v[k] > 255 ? 255 : v[k]);
}

/* All samplings, odd sizes, strides, noise and extremes; planes end where their last row ends. */
static void jpeg_by_hand(void **state)
{
    (void)state;
    seed = 7;
    for (int round = 0; round < 600; round++) {
        int w = 1 + (round % 8 ? noise() % 40 : 7 * (noise() % 40)), h = 1 + noise() % 9;
        struct ax_jpeg_planes in = {.shift_x = round & 1, .shift_y = round >> 1 & 1};
        uint8_t *planes[3];
        for (int i = 0; i < 3; i++) {
            int pw = i ? (w + in.shift_x) >> in.shift_x : w, ph = i ? (h + in.shift_y) >> in.shift_y : h;
            in.stride[i] = pw + noise() % 20;
            size_t bytes = (size_t)in.stride[i] * (size_t)(ph - 1) + (size_t)pw;
            in.data[i] = planes[i] = malloc(bytes);
            for (size_t k = 0; k < bytes; k++) planes[i][k] = (uint8_t)(round % 3 ? noise() : noise() & 1 ? 255 : 0);
        }
        struct ax_image im = picture(w, h, 3);
        assert_int_equal(ax_jpeg_to_rgb(&in, &im, &err), AX_OK);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                uint8_t wanted[3];
                jpeg_pixel(&in, w, h, x, y, wanted);
                assert_memory_equal(im.data + y * im.stride + 3 * x, wanted, 3);
            }
        for (int i = 0; i < 3; i++) free(planes[i]);
        ax_image_free(&im);
    }
}

/* A JPEG's planes through all steps in one pass, against its pixels: the same bits, in each sampling that the writer has. */
static void jpeg_in_one_pass(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "{\"type\": \"resize\", \"width\": 32, \"height\": 24, \"letterbox\": true}",
        "{\"type\": \"resize\", \"width\": 32, \"height\": 24, \"interpolation\": \"bicubic\", \"antialias\": false}",
        "{\"type\": \"resize\", \"width\": 40, \"height\": 40, \"mode\": \"crop\"}, {\"type\": \"center_crop\", \"width\": 32, "
        "\"height\": 24}",
        "{\"type\": \"center_crop\", \"width\": 32, \"height\": 24}"};
    char path[TEMP_PATH];
    const int64_t dim[] = {1, 3, 24, 32};
    static float a[3 * 24 * 32], b[3 * 24 * 32];
    temp_path(path, "planes.jpg");
    seed = 3;
    for (int round = 0; round < 24; round++) {
        struct ax_image im = picture(1 + noise(), 1 + noise(), 3), pixels, planes;
        struct ax_fit fit[2];
        for (int64_t i = 0; i < im.stride * im.height; i++) im.data[i] = round % 2 ? noise() : (uint8_t)(i / 7);
        assert_int_equal(ax_image_save(path, &im, &err), AX_OK);
        assert_int_equal(ax_image_load(path, &pixels, &err), AX_OK);
        assert_int_equal(ax_image_load_planes(path, &planes, &err), AX_OK);
        assert_true(pixels.data && !planes.data && planes.planes);
        struct ax_pixels_out out = {.shape = ax_shape_make(4, dim), .dtype = AX_DTYPE_FLOAT32, .data = a};
        assert_int_equal(run_into(steps[round % 4], &pixels, &out, &fit[0]), AX_OK);
        out.data = b;
        assert_int_equal(run_into(steps[round % 4], &planes, &out, &fit[1]), AX_OK);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(&fit[0], &fit[1], sizeof *fit);
        ax_image_free(&im);
        ax_image_free(&pixels);
        ax_image_free(&planes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resize_by_hand), cmocka_unit_test(normalize_and_order),
                                       cmocka_unit_test(grey),           cmocka_unit_test(letterbox),
                                       cmocka_unit_test(crop),           cmocka_unit_test(wrong_size),
                                       cmocka_unit_test(in_one_pass),    cmocka_unit_test(rows_by_hand),
                                       cmocka_unit_test(jpeg_by_hand),   cmocka_unit_test(jpeg_in_one_pass)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
