#include <string.h>

#include "kernels/kernel.h"

/* One pixel's worth of a plane's zero points. */
static void pixel_of_zeros(const struct ax_operand *o, int64_t first, int channels, int8_t *pixel)
{
    const struct ax_quant *q = &o->quant;
    for (int c = 0; c < channels; c++) {
        int64_t at = q->count > 1 ? first + c : 0;
        pixel[c] = (int8_t)(at < q->count ? q->zero_point[at] : 0);
    }
}

static void fill_run(uint8_t *at, int64_t pixels, int64_t stride, const int8_t *pixel, int channels)
{
    for (int64_t i = 0; i < pixels; i++) memcpy(at + i * stride, pixel, (size_t)channels);
}

static void fill_plane(const struct ax_operand *o, const struct ax_plane *p, uint8_t *image, const int8_t *pixel, int channels,
                       int64_t y0, int64_t y1)
{
    int64_t left = o->halo_left, right = o->halo_right, stride = p->pixel_stride;
    int64_t top = y0 == 0 ? -o->halo_top : y0, bottom = y1 == o->h ? o->h + o->halo_bottom : y1;
    for (int64_t y = top; y < bottom; y++) {
        uint8_t *row = image + y * p->row_stride;
        if (y < 0 || y >= o->h) {
            fill_run(row - left * stride, left + o->w + right, stride, pixel, channels);
        } else {
            fill_run(row - left * stride, left, stride, pixel, channels);
            fill_run(row + o->w * stride, right, stride, pixel, channels);
        }
    }
}

void ax_planes_fill_halo(const struct ax_operand *o, uint8_t *space, int64_t image, int64_t y0, int64_t y1)
{
    enum { PART = 256 };
    int8_t pixel[PART];
    if (!(o->halo_top | o->halo_left | o->halo_bottom | o->halo_right)) return;
    int64_t first = 0;
    for (int i = 0; i < o->n_planes; i++) {
        const struct ax_plane *p = &o->planes[i];
        for (int32_t c = 0; c < p->channels; c += PART) {
            int n = p->channels - c < PART ? p->channels - c : PART;
            pixel_of_zeros(o, first + c, n, pixel);
            fill_plane(o, p, space + p->offset + image * p->image_stride + c, pixel, n, y0, y1);
        }
        first += p->channels;
    }
}
