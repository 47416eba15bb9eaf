/* A bitmap font for labels: printable ASCII, 5 columns of 8 rows, the lowest row for descenders; bit 0 is the top row. */
#ifndef AX_MEDIA_FONT_H
#define AX_MEDIA_FONT_H

#include <stdint.h>

enum { AX_FONT_WIDTH = 5, AX_FONT_HEIGHT = 8, AX_FONT_ADVANCE = 6 };

/* What cannot be printed shows as a box. */
const uint8_t *ax_font_glyph(char c);

#endif
