/* What the decoders of boxes share. */
#ifndef AX_MEDIA_POST_OBJECTS_H
#define AX_MEDIA_POST_OBJECTS_H

#include "media/post_step.h"

/* A box from the model's input to the picture, clipped to it. */
void ax_object_place(struct ax_object *o, float left, float top, float right, float bottom, const struct ax_post_input *in);
/* Best first, equal ones in the order they came; at most so many stay. */
void ax_objects_sort(struct ax_result *r, int most);
/* Area of the intersection over area of the union. */
float ax_object_overlap(const struct ax_object *a, const struct ax_object *b);

#endif
