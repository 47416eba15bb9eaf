/* Pictures as rows that are made one after another: a stage asks the one before it only for the rows that it reads, and holds
 * no more of them than its filter spans, so that they stay in the cache from the decoder's picture to the tensor. */
#ifndef AX_MEDIA_PIXEL_ROWS_H
#define AX_MEDIA_PIXEL_ROWS_H

#include "media/image.h"
#include "media/resize_taps.h"

enum { AX_MAX_ROW_STAGES = 64 };

struct ax_row_stage {
    struct ax_row_stage *from; /* NULL: the picture */
    int width, height, channels;
    /* Row y, valid until the next call; y must not fall. */
    const uint8_t *(*row)(struct ax_row_stage *s, int y);
    const struct ax_image *image;
    struct { /* resize: the last rows, resized across, in a ring */
        struct ax_taps across, down;
        const uint8_t **window;
        int next, ring;
    } resize;
    int left, top; /* frame: where the rows before lie */
    uint8_t fill;
    uint8_t *memory;
};

struct ax_row_stages {
    struct ax_row_stage stage[AX_MAX_ROW_STAGES];
    int count;
};

/* The first stage is the picture; the others go on from the last one. AX_LIMIT for too many of them. */
enum ax_status ax_rows_begin(struct ax_row_stages *s, const struct ax_image *im, struct ax_error *err);
enum ax_status ax_rows_resize(struct ax_row_stages *s, double x, double y, double w, double h, int width, int height,
                              enum ax_filter filter, int antialias, struct ax_error *err);
/* A border around the picture; negative sizes cut. */
enum ax_status ax_rows_frame(struct ax_row_stages *s, int left, int top, int width, int height, uint8_t fill,
                             struct ax_error *err);
enum ax_status ax_rows_grey(struct ax_row_stages *s, struct ax_error *err);
static inline struct ax_row_stage *ax_rows_last(struct ax_row_stages *s)
{
    return &s->stage[s->count - 1];
}
void ax_rows_end(struct ax_row_stages *s);

#endif
