/* Pictures in, answers out: what model.json says around a compiled model. Needs libaxmedia (and FFmpeg's libraries) beside
 * libaxon; programs that bring their own tensors need axon/axon.h only.
 *
 * One full use, without looking at the statuses (context and connection as in axon/axon.h):
 *
 *     struct ax_media *media;
 *     struct ax_media_frame *frame;
 *     struct ax_picture picture;
 *     const struct ax_found *found;
 *     ax_media_open(context, "build/shapes/shapes/1", &media, &err);
 *     ax_instance_new(connection, ax_media_model(media), NULL, &instance, &err);
 *     ax_media_frame_new(media, &frame, &err);
 *
 *     ax_picture_load("street.jpg", &picture, &err);
 *     ax_media_prepare(frame, &picture, &err);
 *     ax_instance_run(instance, ax_media_inputs(frame), ax_media_outputs(frame), &err);
 *     ax_media_answer(frame, &found, &err);
 *     for (int i = 0; i < found->n_objects; i++)
 *         printf("%s %.2f\n", found->objects[i].is.label, found->objects[i].is.score);
 *
 * Ownership. What ..._new, _open and _load give is yours until you hand it to its _free; what a frame found belongs to the
 * frame and lasts until it is prepared again. A frame must be freed before its media; it does not matter when the model's
 * instances are.
 *
 * Threads. A media may be used from several threads at once, a frame from one at a time. */
#ifndef AXON_MEDIA_H
#define AXON_MEDIA_H

#include "axon/axon.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- pictures -- */

/* RGB, 8 bits, row-major. */
struct ax_picture {
    int width, height;
    int64_t stride; /* bytes from row to row */
    unsigned char *rgb;
};

/* JPEG, PNG, BMP, WebP and what else FFmpeg decodes; the camera's orientation is applied. */
enum ax_status ax_picture_load(const char *path, struct ax_picture *out, struct ax_error *err);
enum ax_status ax_picture_save(const char *path, const struct ax_picture *p, struct ax_error *err); /* PNG, or JPEG by name */
void ax_picture_free(struct ax_picture *p);
/* The part of a picture in these bounds, clipped to it, a pixel at least. It is in the picture's memory: never freed. */
struct ax_picture ax_picture_part(const struct ax_picture *p, float left, float top, float right, float bottom);

/* -- answers, in pixels of the picture -- */

struct ax_found_class {
    int index; /* in the model's scores */
    float score;
    const char *label; /* NULL: it has none */
};
struct ax_found_point {
    float x, y, score;
};
struct ax_found_object {
    struct ax_found_class is;
    float left, top, right, bottom;
    int track; /* its number through the frames, where model.json has a tracker; else 0 */
    int n_points;
    const struct ax_found_point *points;
};
struct ax_found {
    int n_classes, n_objects; /* best first */
    const struct ax_found_class *classes;
    const struct ax_found_object *objects;
};

/* -- a model with its model.json -- */

struct ax_media;

/* A folder that axcompile wrote, or a model.json. AX_UNSUPPORTED for a model that does not take one picture at a time. */
enum ax_status ax_media_open(struct ax_context *c, const char *path, struct ax_media **out, struct ax_error *err);
void ax_media_free(struct ax_media *m);
struct ax_model *ax_media_model(const struct ax_media *m); /* the media's own */

/* -- a picture on its way: memory for the model's inputs and outputs -- */

struct ax_media_frame;

enum ax_status ax_media_frame_new(struct ax_media *m, struct ax_media_frame **out, struct ax_error *err);
void ax_media_frame_free(struct ax_media_frame *f);

/* Decoded picture to the device's input, in one pass. */
enum ax_status ax_media_prepare(struct ax_media_frame *f, const struct ax_picture *p, struct ax_error *err);
/* For ax_instance_run, ax_instance_submit and pipelines; for as long as the frame. */
const struct ax_buffer *ax_media_inputs(const struct ax_media_frame *f);
const struct ax_buffer *ax_media_outputs(const struct ax_media_frame *f);
/* What the outputs mean. Where model.json has a tracker, frames must come here in the order of their pictures. */
enum ax_status ax_media_answer(struct ax_media_frame *f, const struct ax_found **out, struct ax_error *err);
/* Boxes, labels, points and masks of the last answer, into the picture or a copy of it. */
void ax_media_draw(const struct ax_media_frame *f, struct ax_picture *p);

#ifdef __cplusplus
}
#endif

#endif
