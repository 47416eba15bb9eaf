/* Upsample 7 and 9, Resize 10, 11, 13, 18 and 19 -> Resize with scales and sizes of all dimensions. */
#include <math.h>
#include <string.h>

#include "onnx/importer.h"

struct resize {
    int rank;
    float scale[AX_MAX_RANK];
    int64_t size[AX_MAX_RANK];
    const char *mode, *coordinates, *nearest;
    float coeff, roi[2 * AX_MAX_RANK], extrapolation;
    int64_t antialias, exclude;
};

static void finish(struct importer *im, int x, struct resize *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coordinates[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                              "align_corners", "asymmetric",           "tf_crop_and_resize"};
    static const char *const rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    bool mode = false, coordinate = false, nearest = false;
    for (int i = 0; i < 3; i++) mode |= !strcmp(modes[i], r->mode);
    for (int i = 0; i < 6; i++) coordinate |= !strcmp(coordinates[i], r->coordinates);
    for (int i = 0; i < 4; i++) nearest |= !strcmp(rounding[i], r->nearest);
    if (!mode) im_fail(im, AX_UNSUPPORTED, "mode '%.40s'; nearest, linear and cubic are supported", r->mode);
    if (!coordinate) im_fail(im, AX_UNSUPPORTED, "coordinate_transformation_mode '%.40s' is not supported", r->coordinates);
    if (!nearest) im_fail(im, AX_UNSUPPORTED, "nearest_mode '%.40s' is not supported", r->nearest);
    for (int i = 0; i < r->rank; i++)
        if (r->size[i] < 1 || r->size[i] > 1 << 24)
            im_fail(im, AX_SHAPE, "dimension %d of the output would be %lld", i, (long long)r->size[i]);
    int node = im_begin(im, AX_OP_RESIZE, &x, 1, NULL);
    im_set_floats(im, node, "scales", r->scale, r->rank);
    im_set_ints(im, node, "sizes", r->size, r->rank);
    im_set_string(im, node, "mode", r->mode);
    im_set_string(im, node, "coordinate_transformation_mode", r->coordinates);
    im_set_string(im, node, "nearest_mode", r->nearest);
    im_set_float(im, node, "cubic_coeff_a", r->coeff);
    im_set_int(im, node, "antialias", r->antialias);
    im_set_int(im, node, "exclude_outside", r->exclude);
    if (!strcmp(r->coordinates, "tf_crop_and_resize")) {
        im_set_floats(im, node, "roi", r->roi, 2 * r->rank);
        im_set_float(im, node, "extrapolation_value", r->extrapolation);
    }
    im_end(im, node);
}

/* sizes = floor(in * scale), in float as ONNX computes it. */
static void from_scales(struct importer *im, const struct ax_shape *s, struct resize *r)
{
    for (int i = 0; i < s->rank; i++) {
        if (!(r->scale[i] > 0) || r->scale[i] > 1e6f) im_fail(im, AX_FORMAT, "scale %d is %g", i, (double)r->scale[i]);
        float size = floorf((float)s->dim[i] * r->scale[i]);
        r->size[i] = im_ok(im) && size < 0x1p30f ? (int64_t)size : 0;
    }
}

static void upsample(struct importer *im)
{
    struct resize r = {.coordinates = "asymmetric", .nearest = "floor", .coeff = -0.75f};
    int x = im_need(im, 0, "X");
    int n = im->node_opset < 9 ? im_floats(im, "scales", r.scale, AX_MAX_RANK)
                               : im_const_floats(im, 1, "scales", r.scale, AX_MAX_RANK);
    if (!im_ok(im)) return;
    r.rank = im_shape(im, x)->rank;
    r.mode = im_string(im, "mode", "nearest");
    if (!strcmp(r.mode, "bilinear")) r.mode = "linear";
    if (n != r.rank) im_fail(im, AX_FORMAT, "%d scales for an input of %d dimensions", n, r.rank);
    if (im_ok(im)) from_scales(im, im_shape(im, x), &r);
    if (im_ok(im)) finish(im, x, &r);
}

/* Resize 10 knew no modes. onnxruntime, whose models these are, rounds up where it makes smaller, else down. */
static void resize_10(struct importer *im)
{
    struct resize r = {.coordinates = "asymmetric", .nearest = "floor", .coeff = -0.75f};
    int x = im_need(im, 0, "X"), n = im_const_floats(im, 1, "scales", r.scale, AX_MAX_RANK);
    if (!im_ok(im)) return;
    r.rank = im_shape(im, x)->rank;
    r.mode = im_string(im, "mode", "nearest");
    if (n != r.rank) im_fail(im, AX_FORMAT, "%d scales for an input of %d dimensions", n, r.rank);
    if (im_ok(im)) from_scales(im, im_shape(im, x), &r);
    for (int i = 0; i < n; i++)
        if (r.scale[i] < 1) r.nearest = "ceil";
    if (im_ok(im)) finish(im, x, &r);
}

/* keep_aspect_ratio_policy: one scale for all axes named, the smallest or the largest; sizes round half up. */
static void keep_aspect(struct importer *im, const struct ax_shape *s, const int64_t *axes, int n, struct resize *r)
{
    const char *policy = im_string(im, "keep_aspect_ratio_policy", "stretch");
    if (!strcmp(policy, "stretch")) return;
    bool larger = !strcmp(policy, "not_smaller");
    if (!larger && strcmp(policy, "not_larger")) im_fail(im, AX_FORMAT, "keep_aspect_ratio_policy is '%.40s'", policy);
    float best = 0;
    for (int i = 0; i < n; i++) {
        float f = r->scale[axes[i]];
        if (!i || (larger ? f > best : f < best)) best = f;
    }
    for (int i = 0; i < n; i++) {
        r->scale[axes[i]] = best;
        r->size[axes[i]] = (int64_t)floorf(best * (float)s->dim[axes[i]] + 0.5f);
    }
}

/* Which dimensions scales and sizes speak of; all without `axes`. */
static int read_axes(struct importer *im, int rank, int64_t *axes)
{
    int n = im->node_opset >= 18 ? im_ints(im, "axes", axes, AX_MAX_RANK) : 0;
    for (int i = 0; i < n; i++) axes[i] = im_axis(im, axes[i], rank);
    if (n) return n;
    for (int i = 0; i < rank; i++) axes[i] = i;
    return rank;
}

static bool filled(struct importer *im, int i)
{
    return im_has(im, i) && ax_shape_count(im_shape(im, im->in[i])) != 0;
}

/* The part of the image that tf_crop_and_resize takes: starts, then ends, in parts of each dimension. */
static void read_roi(struct importer *im, const int64_t *axes, int n, struct resize *r)
{
    float given[2 * AX_MAX_RANK];
    for (int i = 0; i < r->rank; i++) r->roi[i] = 0, r->roi[r->rank + i] = 1;
    r->extrapolation = im_float(im, "extrapolation_value", 0);
    if (strcmp(r->coordinates, "tf_crop_and_resize") || !filled(im, 1)) return;
    if (im_const_floats(im, 1, "roi", given, 2 * AX_MAX_RANK) != 2 * n)
        im_fail(im, AX_FORMAT, "its roi must have %d numbers", 2 * n);
    for (int i = 0; i < n && im_ok(im); i++) r->roi[axes[i]] = given[i], r->roi[r->rank + axes[i]] = given[n + i];
}

static void resize(struct importer *im)
{
    int64_t axes[AX_MAX_RANK], size[AX_MAX_RANK] = {0};
    float scale[AX_MAX_RANK] = {0};
    struct resize r = {0};
    int x = im_need(im, 0, "X");
    if (im->node_opset < 11) {
        resize_10(im);
        return;
    }
    if (!im_ok(im)) return;
    const struct ax_shape s = *im_shape(im, x);
    r.rank = s.rank;
    r.mode = im_string(im, "mode", "nearest");
    r.coordinates = im_string(im, "coordinate_transformation_mode", "half_pixel");
    r.nearest = im_string(im, "nearest_mode", "round_prefer_floor");
    r.coeff = im_float(im, "cubic_coeff_a", -0.75f);
    r.antialias = im_int(im, "antialias", 0) != 0;
    r.exclude = im_int(im, "exclude_outside", 0) != 0;
    int n = read_axes(im, s.rank, axes), m = 0;
    bool by_size = filled(im, 3);
    read_roi(im, axes, n, &r);
    if (by_size)
        m = im_const_ints(im, 3, "sizes", size, AX_MAX_RANK);
    else if (filled(im, 2))
        m = im_const_floats(im, 2, "scales", scale, AX_MAX_RANK);
    else
        im_fail(im, AX_FORMAT, "neither scales nor sizes are given"), m = 0;
    if (im_ok(im) && m != n) im_fail(im, AX_FORMAT, "%d %s for %d dimensions", m, by_size ? "sizes" : "scales", n);
    if (!im_ok(im)) return;
    for (int i = 0; i < s.rank; i++) r.scale[i] = 1, r.size[i] = s.dim[i];
    for (int i = 0; i < n; i++) {
        if (by_size && (size[i] < 1 || size[i] > 1 << 24 || !s.dim[axes[i]]))
            im_fail(im, AX_SHAPE, "size %d is %lld", i, (long long)size[i]);
        if (!im_ok(im)) return;
        r.scale[axes[i]] = by_size ? (float)size[i] / (float)s.dim[axes[i]] : scale[i];
        if (by_size) r.size[axes[i]] = size[i];
    }
    if (!by_size)
        from_scales(im, &s, &r);
    else
        keep_aspect(im, &s, axes, n, &r);
    if (im_ok(im)) finish(im, x, &r);
}

const struct canon canon_resize[] = {
    {"Upsample", "", upsample},
    {"Resize", "", resize},
    {NULL, NULL, NULL},
};
