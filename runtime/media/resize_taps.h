/* What a filter reads for each output pixel of an axis, and the kernels that apply it to rows of pixels. */
#ifndef AX_MEDIA_RESIZE_TAPS_H
#define AX_MEDIA_RESIZE_TAPS_H

#include <stdbool.h>

#include "media/resize.h"

enum { AX_TAP_BITS = 22 }; /* fractional bits of a coefficient: 32 less 8 of a sample, a sign and one of overshoot */

/* Output pixel i reads count[i] inputs from first[i] with coefficients at [i * most]; first never falls. */
struct ax_taps {
    int *first, *count;
    int32_t *coefficient;
    double *weight; /* of one output, while the table is made */
    int most;
    bool copies; /* one input each, as it is */
    bool wide;   /* sums need 64 bits */
};

/* `size` inputs from `offset` become `out` pixels. False: no memory. ax_taps_free in any case. */
bool ax_taps_make(struct ax_taps *t, int in, double offset, double size, int out, enum ax_filter f, int antialias);
void ax_taps_free(struct ax_taps *t);

struct ax_resize_rows {
    /* A row of `in` pixels becomes one of `width`. */
    void (*across)(const uint8_t *row, int in, int channels, const struct ax_taps *t, int width, uint8_t *out);
    /* `count` rows, n samples each, become one. */
    void (*down)(const uint8_t *const *rows, const int32_t *coefficient, int count, bool wide, uint8_t *out, int n);
};
const struct ax_resize_rows *ax_resize_rows(void); /* the best ones of this processor; all give the same */

#endif
