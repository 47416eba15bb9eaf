/* Pictures: decoding of files through FFmpeg's libraries, and the pixels that preprocessing works on. */
#ifndef AX_MEDIA_IMAGE_H
#define AX_MEDIA_IMAGE_H

#include <stdint.h>

#include "base/status.h"

/* 8-bit samples, row-major, interleaved. channels: 3 (RGB) or 1 (grey). */
struct ax_planes;
struct ax_image {
    int width, height, channels;
    int64_t stride; /* bytes; 64 bits, so that products with rows do not overflow */
    uint8_t *data;  /* malloc'ed */
    /* NULL; or what the decoder gave, of which a row of pixels is made when it is wanted (media/pixel_rows.h); data is NULL */
    struct ax_planes *planes;
};

/* An empty image of that size; data is uninitialised. AX_NO_MEMORY, or AX_INVALID_ARGUMENT for sizes outside 1..32768. */
enum ax_status ax_image_new(int width, int height, int channels, struct ax_image *out, struct ax_error *err);
enum ax_status ax_image_check_size(int width, int height, struct ax_error *err);
void ax_image_free(struct ax_image *im); /* a zeroed one is fine */

/* Decodes the first picture of a file (JPEG, PNG, BMP, WebP and whatever else the decoders know) to RGB: grey is spread,
 * palettes and CMYK are converted, 16-bit samples are rounded to 8, transparency is dropped, and the orientation that the
 * camera wrote (EXIF) is applied. A truncated or foreign file is AX_FORMAT and names the file. */
enum ax_status ax_image_load(const char *path, struct ax_image *out, struct ax_error *err);

/* The same, but of a JPEG that need not be turned the planes as they are: for preprocessing, which makes pixels of them on its
 * way. Nothing else takes such a picture. */
enum ax_status ax_image_load_planes(const char *path, struct ax_image *out, struct ax_error *err);
struct ax_jpeg_planes;
const struct ax_jpeg_planes *ax_image_planes(const struct ax_image *im); /* NULL: it has pixels */

/* Turns it by so many quarters clockwise after mirroring it left to right (flip). */
enum ax_status ax_image_turn(struct ax_image *im, int quarter, int flip, struct ax_error *err);
/* How FFmpeg's display matrix (9 numbers of 32 bits) wants a picture turned. */
void ax_display_turn(const void *matrix, int *quarter, int *flip);

/* Whether the name ends like a picture's: .jpg .jpeg .png .bmp .webp .ppm .pgm .tif .tiff (case ignored). */
int ax_image_named(const char *path);

/* Grey by ITU-R BT.601 in 16-bit fixed point: (19595 R + 38470 G + 7471 B + 32768) >> 16, as PIL does. */
enum ax_status ax_image_grey(const struct ax_image *rgb, struct ax_image *out, struct ax_error *err);
void ax_grey_row(const uint8_t *rgb, int n, uint8_t *out); /* n pixels */

#endif
