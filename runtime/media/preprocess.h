/* Preprocessing as model.json describes it: a decoded picture becomes the model's input tensor. */
#ifndef AX_MEDIA_PREPROCESS_H
#define AX_MEDIA_PREPROCESS_H

#include "base/types.h"
#include "files/modeljson.h"
#include "media/image.h"

/* Where a point of the model's input lies in the picture: picture = (model - offset) / scale, for x and y. */
struct ax_fit {
    double scale_x, scale_y, offset_x, offset_y;
};

/* Where the pixels go: the model's input, [1, C, H, W] or [1, H, W, C] (a layout step, or the dimension that is 1 or 3). */
struct ax_pixels_out {
    struct ax_shape shape;
    enum ax_dtype dtype;          /* FLOAT32, or INT8: as the device stores them */
    const struct ax_quant *quant; /* of INT8: how */
    void *data;
};

/* All steps in one pass over the rows: pictures between the steps do not exist, and the bits are those that the steps give one
 * by one. fit may be NULL. AX_SHAPE when the steps do not lead to the input's size or channels. May be called from several
 * threads at once. */
enum ax_status ax_preprocess_into(const struct ax_descriptor *p, const struct ax_image *im, const struct ax_pixels_out *out,
                                  struct ax_fit *fit, struct ax_error *err);

/* float32 */
enum ax_status ax_preprocess(const struct ax_descriptor *p, const struct ax_image *im, const struct ax_shape *shape, float *dst,
                             struct ax_fit *fit, struct ax_error *err);

/* The range of numbers that pixels of 0..255 become. */
void ax_preprocess_range(const struct ax_descriptor *p, float *low, float *high);

#endif
