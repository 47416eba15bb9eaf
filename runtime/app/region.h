/* Regions of a picture that a cascade's next model looks at: from an object to pixels, and from what is found there back to the
 * picture. */
#ifndef AX_APP_REGION_H
#define AX_APP_REGION_H

#include "files/cascade.h"
#include "media/image.h"
#include "media/prediction.h"

/* A rectangle, turned clockwise around its middle by the angle whose cosine and sine these are. */
struct ax_region {
    double x, y, width, height; /* middle and sides, in pixels of the picture */
    double cos, sin;
    bool turned;
    struct ax_image crop; /* a view into the picture, or an image of its own where it is turned */
};

/* The region of an object as the rule has it; false: none (its label, its score, its size, outside of the picture). Regions
 * that are not turned are clipped to the picture and cover whole pixels. */
bool ax_region_of(const struct ax_region_rule *rule, const struct ax_object *o, int width, int height, struct ax_region *out);
/* Makes the crop; what a turned region has outside of the picture repeats the edge. ax_region_free in any case. */
enum ax_status ax_region_crop(struct ax_region *r, const struct ax_image *im, struct ax_error *err);
void ax_region_free(struct ax_region *r);

/* Results in pixels of the crop become results in pixels of the picture, clipped to it. */
void ax_region_to_picture(const struct ax_region *r, struct ax_prediction *result, int width, int height);

/* Of all results together, objects that another one covers go; best scores stay. */
void ax_region_suppress(struct ax_prediction *const *results, int n, double iou_threshold, bool class_agnostic);

#endif
