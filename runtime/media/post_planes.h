/* Outputs that are maps over the picture: [1, channels, h, w] or [1, h, w, channels]; and the points of a person found in
 * them. */
#ifndef AX_MEDIA_POST_PLANES_H
#define AX_MEDIA_POST_PLANES_H

#include "media/post_objects.h"

struct ax_planes {
    const float *data;
    int channels, width, height;
    int64_t plane, step_x, step_y; /* elements from channel to channel, column to column, row to row */
};
static inline float ax_plane_at(const struct ax_planes *p, int channel, int x, int y)
{
    return p->data[channel * p->plane + x * p->step_x + y * p->step_y];
}
/* False: the output is no map of so many channels. */
bool ax_planes_of(const struct ax_post_tensor *t, int channels, struct ax_planes *out);
/* Whether the values are logits: some lie below 0. */
bool ax_planes_are_logits(const struct ax_planes *p);

/* A new object of these points, in pixels of the picture: its box is that of the visible points, of all where none is. */
struct ax_object *ax_object_of_points(const struct ax_post_step *s, struct ax_prediction *r, float score, float least_visible,
                                      const struct ax_point *points, int n_points);

#endif
