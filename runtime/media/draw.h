/* Results drawn into a picture: boxes with labels, keypoints with skeletons, masks, the best classes. */
#ifndef AX_MEDIA_DRAW_H
#define AX_MEDIA_DRAW_H

#include "media/image.h"
#include "media/prediction.h"

/* The picture (RGB) must be the one that the result is of. */
void ax_draw_prediction(struct ax_image *im, const struct ax_prediction *r);

/* Writes PNG, or JPEG for names that end in .jpg or .jpeg. */
enum ax_status ax_image_save(const char *path, const struct ax_image *im, struct ax_error *err);

#endif
