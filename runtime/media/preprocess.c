#include "media/preprocess.h"

#include <math.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/rows.h"
#include "media/pixel_rows.h"

struct state {
    struct ax_row_stages rows;
    struct ax_fit fit;
    struct ax_error *err;
};

static const struct ax_row_stage *now(struct state *s)
{
    return ax_rows_last(&s->rows);
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
    double sx = w / rw, sy = h / rh;
    enum ax_status st =
        ax_rows_resize(&s->rows, x, y, rw, rh, w, h, filter_of(step), ax_step_number(step, "antialias") != 0, s->err);
    if (st) return st;
    s->fit = (struct ax_fit){s->fit.scale_x * sx, s->fit.scale_y * sy, (s->fit.offset_x - x) * sx, (s->fit.offset_y - y) * sy};
    return AX_OK;
}

static enum ax_status frame(struct state *s, int left, int top, int width, int height, uint8_t fill)
{
    enum ax_status st = ax_rows_frame(&s->rows, left, top, width, height, fill, s->err);
    if (st) return st;
    s->fit.offset_x += left;
    s->fit.offset_y += top;
    return AX_OK;
}

static enum ax_status letterbox(struct state *s, const struct ax_pipe_step *step, int w, int h)
{
    double r = fmin((double)w / now(s)->width, (double)h / now(s)->height);
    int nw = (int)rint(now(s)->width * r), nh = (int)rint(now(s)->height * r), centre = ax_step_is(step, "align", "center");
    nw = nw < 1 ? 1 : nw, nh = nh < 1 ? 1 : nh;
    enum ax_status st = scale(s, step, 0, 0, now(s)->width, now(s)->height, nw, nh);
    if (st || (nw == w && nh == h)) return st;
    return frame(s, centre ? (w - nw) / 2 : 0, centre ? (h - nh) / 2 : 0, w, h, (uint8_t)ax_step_number(step, "fill"));
}

static enum ax_status cover(struct state *s, const struct ax_pipe_step *step, int w, int h)
{
    double r = fmax((double)w / now(s)->width, (double)h / now(s)->height), rw = w / r, rh = h / r;
    return scale(s, step, (now(s)->width - rw) / 2, (now(s)->height - rh) / 2, rw, rh, w, h);
}

static enum ax_status do_resize(struct state *s, const struct ax_pipe_step *step)
{
    int iw = now(s)->width, ih = now(s)->height;
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
    return frame(s, -((now(s)->width - w) / 2), -((now(s)->height - h) / 2), w, h, 0);
}

static enum ax_status do_pad(struct state *s, const struct ax_pipe_step *step)
{
    int l = ax_step_int(step, "left"), t = ax_step_int(step, "top");
    return frame(s, l, t, now(s)->width + l + ax_step_int(step, "right"), now(s)->height + t + ax_step_int(step, "bottom"),
                 (uint8_t)ax_step_number(step, "fill"));
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

/* What each level of each channel becomes. */
union table {
    float real[3][256];
    int8_t raw[3][256];
};

static void make_table(const struct numbers *n, const struct ax_pixels_out *out, int channels, union table *t)
{
    const struct ax_rows *rows = ax_rows_find(ax_cpu_features());
    for (int k = 0; k < channels; k++) {
        float real[256];
        for (int v = 0; v < 256; v++) real[v] = ((float)v * n->scale - n->mean[k]) / n->std[k];
        int q = out->dtype == AX_DTYPE_INT8 && out->quant->count > 1 ? k : 0;
        if (out->dtype == AX_DTYPE_INT8)
            rows->quantize_s8(real, t->raw[k], 256, out->quant->scale[q], out->quant->zero_point[q]);
        else
            memcpy(t->real[k], real, sizeof real);
    }
}

/* One channel of a row: every c-th sample through the table to every step-th place. */
static void store_floats(const uint8_t *row, int c, int width, const float *table, float *dst, int step)
{
    if (step == 1 && c == 3) /* the common case, with constants that the compiler sees */
        for (int x = 0; x < width; x++) dst[x] = table[row[x * 3]];
    else
        for (int x = 0; x < width; x++) dst[x * step] = table[row[x * c]];
}

static void store_bytes(const uint8_t *row, int c, int width, const int8_t *table, int8_t *dst, int step)
{
    if (step == 1 && c == 3)
        for (int x = 0; x < width; x++) dst[x] = table[row[x * 3]];
    else
        for (int x = 0; x < width; x++) dst[x * step] = table[row[x * c]];
}

static void store(struct ax_row_stage *rows, const struct numbers *n, int nhwc, const struct ax_pixels_out *out)
{
    union table t;
    int c = rows->channels, w = rows->width;
    size_t plane = (size_t)w * (size_t)rows->height;
    make_table(n, out, c, &t);
    for (int y = 0; y < rows->height; y++) {
        const uint8_t *row = rows->row(rows, y);
        size_t at = (size_t)y * (size_t)w;
        for (int k = 0; k < c; k++) {
            const uint8_t *from = row + (n->reversed ? c - 1 - k : k);
            size_t to = nhwc ? at * (size_t)c + (size_t)k : (size_t)k * plane + at;
            if (out->dtype == AX_DTYPE_INT8)
                store_bytes(from, c, w, t.raw[k], (int8_t *)out->data + to, nhwc ? c : 1);
            else
                store_floats(from, c, w, t.real[k], (float *)out->data + to, nhwc ? c : 1);
        }
    }
}

static enum ax_status fits(const struct ax_row_stage *im, const struct ax_shape *shape, int nhwc, struct ax_error *err)
{
    int64_t h = nhwc ? shape->dim[1] : shape->dim[2], w = nhwc ? shape->dim[2] : shape->dim[3], c = shape->dim[nhwc ? 3 : 1];
    if (shape->dim[0] == 1 && h == im->height && w == im->width && c == im->channels) return AX_OK;
    char text[AX_SHAPE_TEXT];
    return ax_fail(err, AX_SHAPE,
                   "preprocessing ends with a picture of %dx%d (width x height) and %d channels, but the model's input is %s; "
                   "change the resize or color step of model.json",
                   im->width, im->height, im->channels, ax_shape_text(shape, text));
}

static enum ax_status add_step(struct state *s, const struct ax_pipe_step *step)
{
    switch (step->kind) {
    case AX_PIPE_RESIZE: return do_resize(s, step);
    case AX_PIPE_CENTER_CROP: return do_crop(s, step);
    case AX_PIPE_PAD: return do_pad(s, step);
    case AX_PIPE_COLOR: return ax_step_is(step, "order", "gray") ? ax_rows_grey(&s->rows, s->err) : AX_OK;
    default: return AX_OK;
    }
}

static enum ax_status check_out(const struct ax_pixels_out *out, struct ax_error *err)
{
    char text[AX_SHAPE_TEXT];
    if (out->shape.rank != 4)
        return ax_fail(err, AX_SHAPE, "pictures need an input of rank 4 (NCHW or NHWC); this model's is %s",
                       ax_shape_text(&out->shape, text));
    bool raw = out->dtype == AX_DTYPE_INT8 && out->quant && out->quant->count > 0;
    if (out->dtype == AX_DTYPE_FLOAT32 || raw) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "pixels become float32 or int8 with a scale, not %s", ax_dtype_text(out->dtype));
}

enum ax_status ax_preprocess_into(const struct ax_descriptor *p, const struct ax_image *im, const struct ax_pixels_out *out,
                                  struct ax_fit *fit, struct ax_error *err)
{
    struct state s = {.fit = {1, 1, 0, 0}, .err = err};
    enum ax_status st = check_out(out, err);
    if (st) return st;
    st = ax_rows_begin(&s.rows, im, err);
    for (int i = 0; i < p->n_before && !st; i++) st = add_step(&s, &p->before[i]);
    int nhwc = is_nhwc(p, &out->shape);
    if (!st) st = fits(now(&s), &out->shape, nhwc, err);
    if (!st && out->dtype == AX_DTYPE_INT8 && out->quant->count > 1 && out->quant->count != now(&s)->channels)
        st = ax_fail(err, AX_SHAPE, "the input has %d scales for %d channels", out->quant->count, now(&s)->channels);
    if (!st) {
        struct numbers n = numbers_of(p);
        store(ax_rows_last(&s.rows), &n, nhwc, out);
        if (fit) *fit = s.fit;
    }
    ax_rows_end(&s.rows);
    return st;
}

enum ax_status ax_preprocess(const struct ax_descriptor *p, const struct ax_image *im, const struct ax_shape *shape, float *dst,
                             struct ax_fit *fit, struct ax_error *err)
{
    struct ax_pixels_out out = {.shape = *shape, .dtype = AX_DTYPE_FLOAT32, .data = dst};
    return ax_preprocess_into(p, im, &out, fit, err);
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
