#include "media/resize.h"

#include <string.h>

#include "media/pixel_rows.h"

enum ax_status ax_image_resize(const struct ax_image *in, double x, double y, double w, double h, int width, int height,
                               enum ax_filter filter, int antialias, struct ax_image *out, struct ax_error *err)
{
    struct ax_row_stages rows;
    enum ax_status s = ax_image_new(width, height, in->channels, out, err);
    if (s) return s;
    s = ax_rows_begin(&rows, in, err);
    if (!s) s = ax_rows_resize(&rows, x, y, w, h, width, height, filter, antialias, err);
    struct ax_row_stage *last = ax_rows_last(&rows);
    for (int i = 0; i < height && !s; i++)
        memcpy(out->data + i * out->stride, last->row(last, i), (size_t)width * (size_t)in->channels);
    ax_rows_end(&rows);
    if (s) ax_image_free(out);
    return s;
}
