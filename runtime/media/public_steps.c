/* axon/media.h: the half that knows pictures and results. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* pipeline.h has a result of its own; nothing of it is needed here. */
#define AXON_PIPELINE_H
#include "axon/media.h"

#include "base/file.h"
#include "media/draw.h"
#include "media/postprocess.h"
#include "media/public.h"
#include "media/tracker.h"

/* -- pictures -- */

static struct ax_image image_of(const struct ax_picture *p)
{
    return (struct ax_image){.width = p->width, .height = p->height, .channels = 3, .stride = p->stride, .data = p->rgb};
}

enum ax_status ax_picture_load(const char *path, struct ax_picture *out, struct ax_error *err)
{
    struct ax_image im;
    enum ax_status s = ax_image_load(path, &im, err);
    *out = (struct ax_picture){im.width, im.height, im.stride, im.data};
    return s;
}

enum ax_status ax_picture_save(const char *path, const struct ax_picture *p, struct ax_error *err)
{
    struct ax_image im = image_of(p);
    return ax_image_save(path, &im, err);
}

void ax_picture_free(struct ax_picture *p)
{
    free(p->rgb);
    *p = (struct ax_picture){0};
}

/* The whole pixels that cover [low, high). */
static void bounds(float low, float high, int size, int *from, int *to)
{
    double a = floor((double)low), b = ceil((double)high);
    *from = (int)(a > 0 ? a < size - 1 ? a : size - 1 : 0); /* NaN: 0 */
    *to = (int)(b > *from + 1 ? b < size ? b : size : *from + 1);
}

struct ax_picture ax_picture_part(const struct ax_picture *p, float left, float top, float right, float bottom)
{
    int x0, x1, y0, y1;
    bounds(left, right, p->width, &x0, &x1);
    bounds(top, bottom, p->height, &y0, &y1);
    return (struct ax_picture){x1 - x0, y1 - y0, p->stride, p->rgb + y0 * p->stride + (int64_t)x0 * 3};
}

/* -- steps -- */

struct ax_media_steps {
    struct ax_descriptor descriptor;
    struct ax_post *post;
    const char *model;
    struct ax_tracker *tracker; /* NULL: none */
    pthread_mutex_t turn;       /* of the tracker */
};

enum ax_status ax_media_steps_open(const char *path, struct ax_media_steps **out, struct ax_error *err)
{
    struct ax_media_steps *s = calloc(1, sizeof *s);
    struct ax_arena mem = {0};
    struct ax_post_options opt = {0};
    *out = NULL;
    if (!s) return ax_fail(err, AX_NO_MEMORY, "%s: no memory to open it", path);
    pthread_mutex_init(&s->turn, NULL);
    const char *file = ax_dir_exists(path) ? ax_path_join(&mem, path, "model.json") : path;
    enum ax_status st = ax_descriptor_read(file, &s->descriptor, err);
    if (!st) s->model = ax_path_join(&s->descriptor.mem, s->descriptor.dir, s->descriptor.model);
    if (!st && s->descriptor.n_branches)
        st = ax_fail(err, AX_UNSUPPORTED, "%s: is of a joined model, whose outputs are several models'", file);
    if (!st) st = ax_post_open(&s->descriptor, &opt, &s->post, err);
    if (!st && ax_post_tracker(s->post)) st = ax_tracker_new(ax_post_tracker(s->post), &s->tracker, err);
    if (st)
        ax_media_steps_close(s);
    else
        *out = s;
    ax_arena_free(&mem);
    return st;
}

void ax_media_steps_close(struct ax_media_steps *s)
{
    if (!s) return;
    ax_tracker_free(s->tracker);
    ax_post_close(s->post);
    ax_descriptor_free(&s->descriptor);
    pthread_mutex_destroy(&s->turn);
    free(s);
}

const char *ax_media_steps_model(const struct ax_media_steps *s)
{
    return s->model;
}

/* -- views -- */

struct ax_media_view {
    struct ax_media_steps *steps;
    struct ax_post_tensor *tensors;
    int n_tensors;
    struct ax_post_input in;
    struct ax_prediction result;
    struct ax_found found;
};

struct ax_media_view *ax_media_view_new(struct ax_media_steps *s, int outputs)
{
    struct ax_media_view *v = calloc(1, sizeof *v);
    struct ax_post_tensor *t = calloc((size_t)outputs + 1, sizeof *t);
    if (!v || !t) {
        free(v);
        free(t);
        return NULL;
    }
    *v = (struct ax_media_view){.steps = s, .tensors = t, .n_tensors = outputs};
    return v;
}

void ax_media_view_free(struct ax_media_view *v)
{
    if (!v) return;
    ax_prediction_free(&v->result);
    free(v->tensors);
    free(v);
}

void ax_media_view_output(struct ax_media_view *v, int i, const char *name, const struct ax_shape *shape, const float *data)
{
    v->tensors[i] = (struct ax_post_tensor){name, *shape, (float *)(uintptr_t)data};
}

enum ax_status ax_media_view_prepare(struct ax_media_view *v, const struct ax_picture *p, const struct ax_pixels_out *to,
                                     struct ax_error *err)
{
    struct ax_image im = image_of(p);
    const int64_t *dim = to->shape.dim;
    bool nhwc = dim[1] != 1 && dim[1] != 3 && (dim[3] == 1 || dim[3] == 3);
    v->in = (struct ax_post_input){.tensors = v->tensors,
                                   .n_tensors = v->n_tensors,
                                   .width = p->width,
                                   .height = p->height,
                                   .input_width = (int)dim[nhwc ? 2 : 3],
                                   .input_height = (int)dim[nhwc ? 1 : 2]};
    return ax_preprocess_into(&v->steps->descriptor, &im, to, &v->in.fit, err);
}

static struct ax_found_class class_of(const struct ax_class *c)
{
    return (struct ax_found_class){c->index, c->score, c->label};
}

/* The public form of the result, in the result's own memory. */
static void publish(struct ax_media_view *v)
{
    struct ax_prediction *r = &v->result;
    struct ax_found_class *classes = AX_NEW(&r->mem, struct ax_found_class, r->n_classes);
    struct ax_found_object *objects = AX_NEW(&r->mem, struct ax_found_object, r->n_objects);
    for (int i = 0; i < r->n_classes; i++) classes[i] = class_of(&r->classes[i]);
    for (int i = 0; i < r->n_objects; i++) {
        const struct ax_object *o = &r->objects[i];
        struct ax_found_point *points = AX_NEW(&r->mem, struct ax_found_point, o->n_points);
        for (int k = 0; k < o->n_points; k++)
            points[k] = (struct ax_found_point){o->points[k].x, o->points[k].y, o->points[k].score};
        objects[i] =
            (struct ax_found_object){class_of(&o->is), o->left, o->top, o->right, o->bottom, o->track, o->n_points, points};
    }
    v->found = (struct ax_found){r->n_classes, r->n_objects, classes, objects};
}

enum ax_status ax_media_view_answer(struct ax_media_view *v, const struct ax_found **out, struct ax_error *err)
{
    struct ax_media_steps *s = v->steps;
    *out = NULL;
    ax_prediction_free(&v->result);
    enum ax_status st = ax_post_run(s->post, &v->in, &v->result, err);
    if (!st && s->tracker) {
        pthread_mutex_lock(&s->turn);
        st = ax_tracker_update(s->tracker, &v->result, err);
        pthread_mutex_unlock(&s->turn);
    }
    if (st) return st;
    publish(v);
    *out = &v->found;
    return AX_OK;
}

void ax_media_view_draw(const struct ax_media_view *v, struct ax_picture *p)
{
    struct ax_image im = image_of(p);
    ax_draw_prediction(&im, &v->result);
}
