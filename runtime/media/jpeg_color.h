/* From a JPEG's planes to RGB with the arithmetic of libjpeg, so that a picture has the pixels here that it had where the model
 * was trained. */
#ifndef AX_MEDIA_JPEG_COLOR_H
#define AX_MEDIA_JPEG_COLOR_H

#include <stddef.h>

#include "media/image.h"

/* 8-bit planes of full range: Y, Cb, Cr; chroma halved (rounded up) across and down as shift_x and shift_y (0 or 1) say. */
struct ax_jpeg_planes {
    const uint8_t *data[3];
    int stride[3];
    int shift_x, shift_y;
};

/* One row of pixels, for which scratch has ax_jpeg_scratch_bytes. */
size_t ax_jpeg_scratch_bytes(int width);
void ax_jpeg_row(const struct ax_jpeg_planes *in, int width, int height, int y, void *scratch, uint8_t *rgb);

/* Fills an image of 3 channels; its size is that of the planes. */
enum ax_status ax_jpeg_to_rgb(const struct ax_jpeg_planes *in, struct ax_image *out, struct ax_error *err);

#endif
