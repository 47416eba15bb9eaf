#include "media/jpeg_color.h"

#include <stdlib.h>
#include <string.h>

#include "media/jpeg_rows.h"

/* -- chroma to full size: each sample is 3/4 of the nearest and 1/4 of the next, across and down -- */

/* One row of sums down the columns: 3 of the nearest row and 1 of the next; the row itself where it has full height. */
static void sum_rows(const struct ax_jpeg_planes *in, int plane, int y, int width, int height, uint16_t *out)
{
    const uint8_t *data = in->data[plane];
    int near = in->shift_y ? y / 2 : y, next = y % 2 ? near + 1 : near - 1;
    next = next < 0 ? 0 : next > height - 1 ? height - 1 : next;
    const uint8_t *a = data + (long)near * in->stride[plane], *b = data + (long)next * in->stride[plane];
    if (in->shift_y)
        ax_jpeg_rows()->sum(a, b, width, out);
    else
        for (int x = 0; x < width; x++) out[x] = a[x];
}

/* What libjpeg adds before it shifts, so that rounding leans to neither side. */
static void spread_row(const struct ax_jpeg_planes *in, const uint16_t *sums, int n, int y, int width, uint8_t *out)
{
    if (in->shift_x)
        ax_jpeg_rows()->spread(sums, n, width, in->shift_y ? 8 : 1, in->shift_y ? 7 : 2, in->shift_y ? 4 : 2, out);
    else
        for (int x = 0; x < n; x++) out[x] = (uint8_t)(in->shift_y ? (sums[x] + (y % 2 ? 2 : 1)) >> 2 : sums[x]);
}

/* libjpeg repeats chroma where it is too narrow to interpolate. */
static void repeat_row(const struct ax_jpeg_planes *in, int plane, int y, int width, uint8_t *out)
{
    const uint8_t *row = in->data[plane] + (long)(y >> in->shift_y) * in->stride[plane];
    for (int x = 0; x < width; x++) out[x] = row[x >> in->shift_x];
}

static void chroma_row(const struct ax_jpeg_planes *in, int plane, int y, int width, int height, uint16_t *sums, uint8_t *out)
{
    int w = (width + in->shift_x) >> in->shift_x, h = (height + in->shift_y) >> in->shift_y;
    if (in->shift_x && w <= 2) {
        repeat_row(in, plane, y, width, out);
        return;
    }
    sum_rows(in, plane, y, w, h, sums);
    spread_row(in, sums, w, y, width, out);
}

size_t ax_jpeg_scratch_bytes(int width)
{
    return (size_t)width * 4; /* sums, and two rows of chroma */
}

void ax_jpeg_row(const struct ax_jpeg_planes *in, int width, int height, int y, void *scratch, uint8_t *rgb)
{
    uint16_t *sums = scratch;
    uint8_t *cb = (uint8_t *)(sums + width), *cr = cb + width;
    chroma_row(in, 1, y, width, height, sums, cb);
    chroma_row(in, 2, y, width, height, sums, cr);
    ax_jpeg_rows()->color(in->data[0] + (long)y * in->stride[0], cb, cr, width, rgb);
}

enum ax_status ax_jpeg_to_rgb(const struct ax_jpeg_planes *in, struct ax_image *out, struct ax_error *err)
{
    void *scratch = malloc(ax_jpeg_scratch_bytes(out->width));
    if (!scratch) return ax_fail(err, AX_NO_MEMORY, "no memory for a row of %d pixels", out->width);
    for (int y = 0; y < out->height; y++) ax_jpeg_row(in, out->width, out->height, y, scratch, out->data + y * out->stride);
    free(scratch);
    return AX_OK;
}
