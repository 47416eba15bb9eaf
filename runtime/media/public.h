/* axon/media.h has two halves: one knows the public types of models and buffers (public.c), the other pictures and results
 * (public_steps.c), whose inner types have names of their own. This is what they say to each other. */
#ifndef AX_MEDIA_PUBLIC_H
#define AX_MEDIA_PUBLIC_H

#include "media/preprocess.h"

struct ax_picture;
struct ax_found;

/* A descriptor with its steps; model: the path that it names. */
struct ax_media_steps;
enum ax_status ax_media_steps_open(const char *path, struct ax_media_steps **out, struct ax_error *err);
void ax_media_steps_close(struct ax_media_steps *s); /* NULL is fine */
const char *ax_media_steps_model(const struct ax_media_steps *s);

/* One picture: where it lies in the input, and what was found. */
struct ax_media_view;
struct ax_media_view *ax_media_view_new(struct ax_media_steps *s, int outputs); /* NULL: no memory */
void ax_media_view_free(struct ax_media_view *v);
void ax_media_view_output(struct ax_media_view *v, int i, const char *name, const struct ax_shape *shape, const float *data);
enum ax_status ax_media_view_prepare(struct ax_media_view *v, const struct ax_picture *p, const struct ax_pixels_out *to,
                                     struct ax_error *err);
enum ax_status ax_media_view_answer(struct ax_media_view *v, const struct ax_found **out, struct ax_error *err);
void ax_media_view_draw(const struct ax_media_view *v, struct ax_picture *p);

#endif
