/* Kalman filters of constant velocity for boxes. All noise is of one coordinate alone, so that a box's filter falls apart into
 * four of two states, which give what the 7x7 and 8x8 matrices of the papers give. */
#ifndef AX_MEDIA_KALMAN_H
#define AX_MEDIA_KALMAN_H

#include <stdbool.h>

struct ax_box {
    double left, top, right, bottom;
};

struct ax_kalman_axis {
    double x, v;       /* value, velocity a frame */
    double xx, xv, vv; /* their covariance */
};

/* sort: centre, area, aspect ratio (which has no velocity); else centre, aspect ratio, height. */
struct ax_kalman {
    bool sort;
    struct ax_kalman_axis axis[4];
};

void ax_kalman_begin(struct ax_kalman *k, bool sort, const struct ax_box *seen);
void ax_kalman_predict(struct ax_kalman *k);
void ax_kalman_correct(struct ax_kalman *k, const struct ax_box *seen);
struct ax_box ax_kalman_box(const struct ax_kalman *k);

#endif
