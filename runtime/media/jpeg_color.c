#include "media/jpeg_color.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* -- chroma to full size: each sample is 3/4 of the nearest and 1/4 of the next, across and down -- */

/* One row of sums down the columns: 3 of the nearest row and 1 of the next, or the row itself. */
static void sum_rows(const struct ax_jpeg_planes *in, int plane, int y, int width, int height, uint16_t *out)
{
    const uint8_t *data = in->data[plane];
    int near = in->shift_y ? y / 2 : y, next = y % 2 ? near + 1 : near - 1;
    next = next < 0 ? 0 : next > height - 1 ? height - 1 : next;
    const uint8_t *a = data + (long)near * in->stride[plane], *b = data + (long)next * in->stride[plane];
    for (int x = 0; x < width; x++) out[x] = in->shift_y ? (uint16_t)(3 * a[x] + b[x]) : a[x];
}

/* What libjpeg adds before it shifts, so that rounding leans to neither side. */
static void spread_row(const struct ax_jpeg_planes *in, const uint16_t *sums, int y, int width, uint8_t *out)
{
    int n = (width + in->shift_x) >> in->shift_x;
    if (!in->shift_x) {
        for (int x = 0; x < n; x++) out[x] = (uint8_t)(in->shift_y ? (sums[x] + (y % 2 ? 2 : 1)) >> 2 : sums[x]);
        return;
    }
    int shift = in->shift_y ? 4 : 2, even = in->shift_y ? 8 : 1, odd = in->shift_y ? 7 : 2;
    for (int x = 0; x < width; x++) {
        int i = x / 2, next = x % 2 ? i + 1 : i - 1;
        next = next < 0 ? 0 : next > n - 1 ? n - 1 : next;
        out[x] = (uint8_t)((3 * sums[i] + sums[next] + (x % 2 ? odd : even)) >> shift);
    }
}

/* libjpeg repeats chroma where it is too narrow to interpolate. */
static void repeat_row(const struct ax_jpeg_planes *in, int plane, int y, int width, uint8_t *out)
{
    const uint8_t *row = in->data[plane] + (long)(y >> in->shift_y) * in->stride[plane];
    for (int x = 0; x < width; x++) out[x] = row[x >> in->shift_x];
}

static void chroma_row(const struct ax_jpeg_planes *in, int plane, int y, const struct ax_image *size, uint16_t *sums,
                       uint8_t *out)
{
    int width = (size->width + in->shift_x) >> in->shift_x, height = (size->height + in->shift_y) >> in->shift_y;
    if (in->shift_x && width <= 2) {
        repeat_row(in, plane, y, size->width, out);
        return;
    }
    sum_rows(in, plane, y, width, height, sums);
    spread_row(in, sums, y, size->width, out);
}

/* -- colour: JFIF's matrix in 16-bit fixed point -- */

static uint8_t clip8(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void color_row(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *out)
{
    for (int x = 0; x < width; x++, out += 3) {
        int b = cb[x] - 128, r = cr[x] - 128;
        out[0] = clip8(luma[x] + ((91881 * r + 32768) >> 16));
        out[1] = clip8(luma[x] + ((-22554 * b + 32768 - 46802 * r) >> 16));
        out[2] = clip8(luma[x] + ((116130 * b + 32768) >> 16));
    }
}

enum ax_status ax_jpeg_to_rgb(const struct ax_jpeg_planes *in, struct ax_image *out, struct ax_error *err)
{
    size_t width = (size_t)out->width;
    uint8_t *rows = malloc(width * 2);
    uint16_t *sums = malloc(width * sizeof *sums);
    for (int y = 0; rows && sums && y < out->height; y++) {
        chroma_row(in, 1, y, out, sums, rows);
        chroma_row(in, 2, y, out, sums, rows + width);
        color_row(in->data[0] + (long)y * in->stride[0], rows, rows + width, out->width,
                  out->data + (size_t)y * (size_t)out->stride);
    }
    bool ok = rows && sums;
    free(rows);
    free(sums);
    return ok ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for a row of %d pixels", out->width);
}
