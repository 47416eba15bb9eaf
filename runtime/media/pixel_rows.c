#include "media/pixel_rows.h"

#include <stdlib.h>
#include <string.h>

#include "media/jpeg_color.h"

/* Room for a row of RGB, so that what lies behind it is aligned. */
static size_t row_room(int width)
{
    return ((size_t)width * 3 + 63) / 64 * 64;
}

/* -- rows of each kind of stage -- */

static const uint8_t *picture_row(struct ax_row_stage *s, int y)
{
    return s->image->data + (int64_t)y * s->image->stride;
}

/* Of a JPEG's planes: one row, and what it takes to make it. */
static const uint8_t *planes_row(struct ax_row_stage *s, int y)
{
    uint8_t *scratch = s->memory + row_room(s->width);
    ax_jpeg_row(ax_image_planes(s->image), s->width, s->height, y, scratch, s->memory);
    return s->memory;
}

static uint8_t *ring_row(struct ax_row_stage *s, int y)
{
    return s->memory + (size_t)(y % s->resize.ring) * (size_t)s->width * (size_t)s->channels;
}

static const uint8_t *resize_row(struct ax_row_stage *s, int y)
{
    const struct ax_resize_rows *k = ax_resize_rows();
    const struct ax_taps *across = &s->resize.across, *down = &s->resize.down;
    int first = down->first[y], count = down->count[y], n = s->width * s->channels;
    if (s->resize.next < first) s->resize.next = first;
    for (; s->resize.next < first + count; s->resize.next++)
        k->across(s->from->row(s->from, s->resize.next), s->from->width, s->channels, across, s->width,
                  ring_row(s, s->resize.next));
    if (down->copies) return ring_row(s, first);
    for (int i = 0; i < count; i++) s->resize.window[i] = ring_row(s, first + i);
    uint8_t *out = s->memory + (size_t)s->resize.ring * (size_t)n;
    k->down(s->resize.window, down->coefficient + (size_t)y * (size_t)down->most, count, down->wide, out, n);
    return out;
}

static const uint8_t *frame_row(struct ax_row_stage *s, int y)
{
    int x0 = s->left > 0 ? s->left : 0, x1 = s->left + s->from->width, c = s->channels;
    uint8_t *out = s->memory;
    x1 = x1 < s->width ? x1 : s->width;
    memset(out, s->fill, (size_t)s->width * (size_t)c);
    if (y >= s->top && y - s->top < s->from->height && x1 > x0)
        memcpy(out + x0 * c, s->from->row(s->from, y - s->top) + (x0 - s->left) * c, (size_t)(x1 - x0) * (size_t)c);
    return out;
}

static const uint8_t *grey_row(struct ax_row_stage *s, int y)
{
    ax_grey_row(s->from->row(s->from, y), s->width, s->memory);
    return s->memory;
}

/* -- making stages -- */

static enum ax_status add(struct ax_row_stages *s, int width, int height, int channels, struct ax_error *err)
{
    if (s->count == AX_MAX_ROW_STAGES) return ax_fail(err, AX_LIMIT, "more than %d steps change the picture", s->count - 1);
    enum ax_status st = ax_image_check_size(width, height, err);
    if (st) return st;
    s->stage[s->count] = (struct ax_row_stage){.from = ax_rows_last(s), .width = width, .height = height, .channels = channels};
    s->count++;
    return AX_OK;
}

static enum ax_status no_memory(const struct ax_row_stage *s, struct ax_error *err)
{
    return ax_fail(err, AX_NO_MEMORY, "no memory to turn a picture of %dx%d into one of %dx%d", s->from->width, s->from->height,
                   s->width, s->height);
}

enum ax_status ax_rows_begin(struct ax_row_stages *s, const struct ax_image *im, struct ax_error *err)
{
    s->count = 1;
    s->stage[0] = (struct ax_row_stage){
        .image = im, .width = im->width, .height = im->height, .channels = im->channels, .row = picture_row};
    if (!ax_image_planes(im)) return AX_OK;
    s->stage[0].row = planes_row;
    s->stage[0].memory = malloc(row_room(im->width) + ax_jpeg_scratch_bytes(im->width));
    return s->stage[0].memory ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a row of %d pixels", im->width);
}

enum ax_status ax_rows_resize(struct ax_row_stages *s, double x, double y, double w, double h, int width, int height,
                              enum ax_filter filter, int antialias, struct ax_error *err)
{
    const struct ax_row_stage *in = ax_rows_last(s);
    if (x == 0 && y == 0 && w == width && h == height && in->width == width && in->height == height)
        return AX_OK; /* every filter gives the pixel itself */
    enum ax_status st = add(s, width, height, in->channels, err);
    if (st) return st;
    struct ax_row_stage *me = ax_rows_last(s);
    me->row = resize_row;
    if (!ax_taps_make(&me->resize.across, in->width, x, w, width, filter, antialias) ||
        !ax_taps_make(&me->resize.down, in->height, y, h, height, filter, antialias))
        return no_memory(me, err);
    for (int i = 0; i < height; i++)
        if (me->resize.down.count[i] > me->resize.ring) me->resize.ring = me->resize.down.count[i];
    me->resize.window = calloc((size_t)me->resize.ring, sizeof *me->resize.window);
    me->memory = calloc((size_t)me->resize.ring + 1, (size_t)width * (size_t)me->channels);
    return me->resize.window && me->memory ? AX_OK : no_memory(me, err);
}

enum ax_status ax_rows_frame(struct ax_row_stages *s, int left, int top, int width, int height, uint8_t fill,
                             struct ax_error *err)
{
    const struct ax_row_stage *in = ax_rows_last(s);
    if (!left && !top && width == in->width && height == in->height) return AX_OK;
    enum ax_status st = add(s, width, height, in->channels, err);
    if (st) return st;
    struct ax_row_stage *me = ax_rows_last(s);
    me->row = frame_row;
    me->left = left, me->top = top, me->fill = fill;
    me->memory = malloc((size_t)width * (size_t)me->channels);
    return me->memory ? AX_OK : no_memory(me, err);
}

enum ax_status ax_rows_grey(struct ax_row_stages *s, struct ax_error *err)
{
    const struct ax_row_stage *in = ax_rows_last(s);
    if (in->channels == 1) return AX_OK;
    enum ax_status st = add(s, in->width, in->height, 1, err);
    if (st) return st;
    struct ax_row_stage *me = ax_rows_last(s);
    me->row = grey_row;
    me->memory = malloc((size_t)me->width);
    return me->memory ? AX_OK : no_memory(me, err);
}

void ax_rows_end(struct ax_row_stages *s)
{
    for (int i = 0; i < s->count; i++) {
        ax_taps_free(&s->stage[i].resize.across);
        ax_taps_free(&s->stage[i].resize.down);
        free(s->stage[i].resize.window);
        free(s->stage[i].memory);
    }
    s->count = 0;
}
