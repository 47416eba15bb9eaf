/* What a kind of postprocessing step is to postprocess.c: one row of its table, one file media/post_NAME.c. */
#ifndef AX_MEDIA_POST_STEP_H
#define AX_MEDIA_POST_STEP_H

#include "media/postprocess.h"

/* A step made ready. */
struct ax_post_step {
    const struct ax_pipe_step *step;
    const char *const *labels;
    int n_labels;
    int top_k;
    bool all_classes;     /* a candidate is an object of each class that is good enough, not only of the best */
    const float *anchors; /* 4 numbers each */
    int n_anchors;
};

typedef enum ax_status ax_post_fn(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                  struct ax_error *err);
ax_post_fn ax_post_softmax, ax_post_classification, ax_post_threshold, ax_post_label_filter, ax_post_nms, ax_post_argmax_mask;
ax_post_fn ax_post_yolov5, ax_post_yolov8, ax_post_yolox, ax_post_ssd, ax_post_nanodet, ax_post_yolo_pose, ax_post_yolo_seg,
    ax_post_palm, ax_post_face, ax_post_end2end, ax_post_movenet, ax_post_posenet, ax_post_landmarks;

/* After all steps: the masks of those objects that are left. */
ax_post_fn ax_post_yolo_seg_masks;

/* In place, `count` scores `stride` elements apart. */
void ax_softmax(float *x, int64_t count, int64_t stride);
const char *ax_post_label(const struct ax_post_step *s, int index); /* NULL: there is none */

#endif
