/* Resampling of 8-bit pictures, separable, in fixed point.
 *
 * With antialias the filter is stretched when the picture shrinks, as PIL does (and its results are equalled within one level);
 * without, each output pixel reads the filter's own taps around its centre, as OpenCV does. */
#ifndef AX_MEDIA_RESIZE_H
#define AX_MEDIA_RESIZE_H

#include "media/image.h"

enum ax_filter { AX_FILTER_NEAREST, AX_FILTER_BILINEAR, AX_FILTER_BICUBIC, AX_FILTER_AREA, AX_FILTER_LANCZOS };

/* The rectangle (x, y, w, h; may be fractional, inside the picture) of `in` becomes the whole of a new image out. */
enum ax_status ax_image_resize(const struct ax_image *in, double x, double y, double w, double h, int width, int height,
                               enum ax_filter filter, int antialias, struct ax_image *out, struct ax_error *err);

#endif
