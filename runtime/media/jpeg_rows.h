/* The kernels of jpeg_color.c, on rows. */
#ifndef AX_MEDIA_JPEG_ROWS_H
#define AX_MEDIA_JPEG_ROWS_H

#include <stdint.h>

struct ax_jpeg_rows {
    /* 3 of the one and 1 of the other. */
    void (*sum)(const uint8_t *near, const uint8_t *next, int n, uint16_t *out);
    /* n sums, at most 1020 each, become `width` samples, 2 n or 2 n - 1: 3 of the nearest sum and 1 of the next, plus `even` or
     * `odd`, shifted. */
    void (*spread)(const uint16_t *sums, int n, int width, int even, int odd, int shift, uint8_t *out);
    void (*color)(const uint8_t *luma, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *rgb);
};
const struct ax_jpeg_rows *ax_jpeg_rows(void); /* the best ones of this processor; all give the same */

#endif
