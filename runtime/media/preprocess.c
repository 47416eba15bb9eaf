#include "media/preprocess.h"

#include <math.h>
#include <string.h>

#include "media/resize.h"

struct state {
    struct ax_image im; /* own copy once anything changed it */
    const struct ax_image *now;
    struct ax_fit fit;
    struct ax_error *err;
};

static void take(struct state *s, struct ax_image *im)
{
    ax_image_free(&s->im);
    s->im = *im;
    s->now = &s->im;
}

static enum ax_filter filter_of(const struct ax_pipe_step *step)
{
    static const struct {
        const char *word;
        enum ax_filter filter;
    } words[] = {{"nearest", AX_FILTER_NEAREST},
                 {"bilinear", AX_FILTER_BILINEAR},
                 {"bicubic", AX_FILTER_BICUBIC},
                 {"area", AX_FILTER_AREA},
                 {"lanczos", AX_FILTER_LANCZOS}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (ax_step_is(step, "interpolation", words[i].word)) return words[i].filter;
    return AX_FILTER_BILINEAR;
}

/* Scales the rectangle of the present picture to w x h and keeps account of it. */
static enum ax_status scale(struct state *s, const struct ax_pipe_step *step, double x, double y, double rw, double rh, int w,
                            int h)
{
    struct ax_image out;
    double sx = w / rw, sy = h / rh;
    enum ax_status st =
        ax_image_resize(s->now, x, y, rw, rh, w, h, filter_of(step), ax_step_number(step, "antialias") != 0, &out, s->err);
    if (st) return st;
    take(s, &out);
    s->fit = (struct ax_fit){s->fit.scale_x * sx, s->fit.scale_y * sy, (s->fit.offset_x - x) * sx, (s->fit.offset_y - y) * sy};
    return AX_OK;
}

/* A border around the picture; negative sizes cut. */
static enum ax_status frame(struct state *s, int left, int top, int width, int height, uint8_t fill)
{
    struct ax_image out;
    const struct ax_image *in = s->now;
    enum ax_status st = ax_image_new(width, height, in->channels, &out, s->err);
    if (st) return st;
    memset(out.data, fill, (size_t)out.stride * (size_t)height);
    int x0 = left > 0 ? left : 0, x1 = left + in->width < width ? left + in->width : width;
    for (int y = 0; y < height; y++)
        if (y - top >= 0 && y - top < in->height && x1 > x0)
            memcpy(out.data + y * out.stride + x0 * in->channels,
                   in->data + (y - top) * in->stride + (x0 - left) * in->channels, (size_t)(x1 - x0) * (size_t)in->channels);
    take(s, &out);
    s->fit.offset_x += left;
    s->fit.offset_y += top;
    return AX_OK;
}

static enum ax_status letterbox(struct state *s, const struct ax_pipe_step *step, int w, int h)
{
    double r = fmin((double)w / s->now->width, (double)h / s->now->height);
    int nw = (int)rint(s->now->width * r), nh = (int)rint(s->now->height * r), centre = ax_step_is(step, "align", "center");
    nw = nw < 1 ? 1 : nw, nh = nh < 1 ? 1 : nh;
    enum ax_status st = scale(s, step, 0, 0, s->now->width, s->now->height, nw, nh);
    if (st || (nw == w && nh == h)) return st;
    return frame(s, centre ? (w - nw) / 2 : 0, centre ? (h - nh) / 2 : 0, w, h, (uint8_t)ax_step_number(step, "fill"));
}

static enum ax_status cover(struct state *s, const struct ax_pipe_step *step, int w, int h)
{
    double r = fmax((double)w / s->now->width, (double)h / s->now->height), rw = w / r, rh = h / r;
    return scale(s, step, (s->now->width - rw) / 2, (s->now->height - rh) / 2, rw, rh, w, h);
}

static enum ax_status do_resize(struct state *s, const struct ax_pipe_step *step)
{
    int iw = s->now->width, ih = s->now->height;
    if (ax_step_given(step, "size")) {
        double r = ax_step_number(step, "size") / (iw < ih ? iw : ih);
        int w = (int)fmax(ax_step_number(step, "size"), rint(iw * r)),
            h = (int)fmax(ax_step_number(step, "size"), rint(ih * r));
        return scale(s, step, 0, 0, iw, ih, w, h);
    }
    int w = ax_step_int(step, "width"), h = ax_step_int(step, "height");
    if (ax_step_number(step, "letterbox") != 0 || ax_step_is(step, "mode", "letterbox")) return letterbox(s, step, w, h);
    if (ax_step_is(step, "mode", "crop")) return cover(s, step, w, h);
    return scale(s, step, 0, 0, iw, ih, w, h);
}

static enum ax_status do_crop(struct state *s, const struct ax_pipe_step *step)
{
    int square = ax_step_given(step, "size");
    int w = square ? ax_step_int(step, "size") : ax_step_int(step, "width");
    int h = square ? ax_step_int(step, "size") : ax_step_int(step, "height");
    return frame(s, -((s->now->width - w) / 2), -((s->now->height - h) / 2), w, h, 0);
}

static enum ax_status do_pad(struct state *s, const struct ax_pipe_step *step)
{
    int l = ax_step_int(step, "left"), t = ax_step_int(step, "top");
    return frame(s, l, t, s->now->width + l + ax_step_int(step, "right"), s->now->height + t + ax_step_int(step, "bottom"),
                 (uint8_t)ax_step_number(step, "fill"));
}

static enum ax_status do_grey(struct state *s)
{
    struct ax_image out;
    if (s->now->channels == 1) return AX_OK;
    enum ax_status st = ax_image_grey(s->now, &out, s->err);
    if (!st) take(s, &out);
    return st;
}

/* -- pixels to numbers -- */

struct numbers {
    float scale, mean[3], std[3];
    int reversed; /* BGR */
};

static float nth(const struct ax_pipe_step *step, const char *name, int c, float otherwise)
{
    const struct ax_param *p = ax_step_param(step, name);
    if (!p->given || !p->count) return otherwise;
    return (float)p->numbers[p->count > 1 ? (c < p->count ? c : p->count - 1) : 0];
}

static struct numbers numbers_of(const struct ax_descriptor *p)
{
    struct numbers n = {1, {0, 0, 0}, {1, 1, 1}, 0};
    const struct ax_pipe_step *norm = ax_descriptor_find(p, AX_PIPE_NORMALIZE), *color = ax_descriptor_find(p, AX_PIPE_COLOR);
    n.reversed = color && ax_step_is(color, "order", "bgr");
    if (!norm) return n;
    n.scale = (float)ax_step_number(norm, "scale");
    for (int c = 0; c < 3; c++) {
        n.mean[c] = nth(norm, "mean", c, 0);
        n.std[c] = nth(norm, "std", c, 1);
    }
    return n;
}

static int is_nhwc(const struct ax_descriptor *p, const struct ax_shape *s)
{
    const struct ax_pipe_step *l = ax_descriptor_find(p, AX_PIPE_LAYOUT);
    if (l) return ax_step_is(l, "order", "NHWC");
    return s->dim[1] != 1 && s->dim[1] != 3 && (s->dim[3] == 1 || s->dim[3] == 3);
}

static void store(const struct ax_image *im, const struct numbers *n, int nhwc, float *dst)
{
    int c = im->channels;
    size_t plane = (size_t)im->width * (size_t)im->height;
    for (int k = 0; k < c; k++) {
        float table[256];
        for (int v = 0; v < 256; v++) table[v] = ((float)v * n->scale - n->mean[k]) / n->std[k];
        int from = n->reversed ? c - 1 - k : k;
        for (int y = 0; y < im->height; y++) {
            const uint8_t *row = im->data + (size_t)y * (size_t)im->stride + from;
            size_t at = (size_t)y * (size_t)im->width;
            for (int x = 0; x < im->width; x++, at++)
                dst[nhwc ? at * (size_t)c + (size_t)k : (size_t)k * plane + at] = table[row[x * c]];
        }
    }
}

static enum ax_status fits(const struct ax_image *im, const struct ax_shape *shape, int nhwc, struct ax_error *err)
{
    int64_t h = nhwc ? shape->dim[1] : shape->dim[2], w = nhwc ? shape->dim[2] : shape->dim[3], c = shape->dim[nhwc ? 3 : 1];
    if (shape->dim[0] == 1 && h == im->height && w == im->width && c == im->channels) return AX_OK;
    char text[AX_SHAPE_TEXT];
    return ax_fail(err, AX_SHAPE,
                   "preprocessing ends with a picture of %dx%d (width x height) and %d channels, but the model's input is %s; "
                   "change the resize or color step of model.json",
                   im->width, im->height, im->channels, ax_shape_text(shape, text));
}

enum ax_status ax_preprocess(const struct ax_descriptor *p, const struct ax_image *im, const struct ax_shape *shape, float *dst,
                             struct ax_fit *fit, struct ax_error *err)
{
    struct state s = {.now = im, .fit = {1, 1, 0, 0}, .err = err};
    enum ax_status st = AX_OK;
    char text[AX_SHAPE_TEXT];
    if (shape->rank != 4)
        return ax_fail(err, AX_SHAPE, "pictures need an input of rank 4 (NCHW or NHWC); this model's is %s",
                       ax_shape_text(shape, text));
    for (int i = 0; i < p->n_before && !st; i++) {
        const struct ax_pipe_step *step = &p->before[i];
        if (step->kind == AX_PIPE_RESIZE)
            st = do_resize(&s, step);
        else if (step->kind == AX_PIPE_CENTER_CROP)
            st = do_crop(&s, step);
        else if (step->kind == AX_PIPE_PAD)
            st = do_pad(&s, step);
        else if (step->kind == AX_PIPE_COLOR && ax_step_is(step, "order", "gray"))
            st = do_grey(&s);
    }
    int nhwc = is_nhwc(p, shape);
    if (!st) st = fits(s.now, shape, nhwc, err);
    if (!st) {
        struct numbers n = numbers_of(p);
        store(s.now, &n, nhwc, dst);
        if (fit) *fit = s.fit;
    }
    ax_image_free(&s.im);
    return st;
}

void ax_preprocess_range(const struct ax_descriptor *p, float *low, float *high)
{
    struct numbers n = numbers_of(p);
    *low = INFINITY, *high = -INFINITY;
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v += 255) {
            float x = ((float)v * n.scale - n.mean[c]) / n.std[c];
            *low = fminf(*low, x);
            *high = fmaxf(*high, x);
        }
}
