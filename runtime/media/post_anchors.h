/* MediaPipe's detectors: palms, and the faces of BlazeFace. */
#ifndef AX_MEDIA_POST_ANCHORS_H
#define AX_MEDIA_POST_ANCHORS_H

#include "media/post_objects.h"

struct ax_mediapipe {
    struct ax_candidates boxes, scores; /* found in the outputs */
    int keypoints;
    double anchor_offset; /* where in its cell an anchor lies */
    const char *label, *step;
};
enum ax_status ax_post_mediapipe(const struct ax_post_step *s, struct ax_mediapipe *m, const struct ax_post_input *in,
                                 struct ax_prediction *r, struct ax_error *err);

/* Centres of the anchors in 0..1, x and y each, into out (NULL: only counted); returns how many there are. */
int64_t ax_mediapipe_anchors(const double *strides, int n_strides, double offset, const struct ax_post_input *in, float *out);

#endif
