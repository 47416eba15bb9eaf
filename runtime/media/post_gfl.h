/* Heads of a score a class and cell, with a distribution for each side of the box (generalized focal loss): NanoDet, PicoDet,
 * and YOLOv8 cut before its own decoding. */
#ifndef AX_MEDIA_POST_GFL_H
#define AX_MEDIA_POST_GFL_H

#include "media/post_step.h"

struct ax_gfl {
    int bins, classes; /* bins a side; classes 0: as many as the output has */
    bool boxes_first;  /* where one output holds both */
    double offset;     /* where in its cell a box's point lies */
    const char *step;  /* for messages */
};
enum ax_status ax_post_gfl(const struct ax_post_step *s, const struct ax_gfl *g, const struct ax_post_input *in,
                           struct ax_prediction *r, struct ax_error *err);

#endif
