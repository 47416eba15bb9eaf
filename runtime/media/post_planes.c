#include "media/post_planes.h"

bool ax_planes_of(const struct ax_post_tensor *t, int channels, struct ax_planes *out)
{
    const int64_t *d = t->shape.dim;
    if (t->shape.rank != 4 || d[0] != 1 || d[1] < 1 || d[2] < 1 || d[3] < 1) return false;
    bool first = d[1] == channels;
    if (!first && d[3] != channels) return false;
    int64_t h = first ? d[2] : d[1], w = first ? d[3] : d[2];
    if (h > 65536 || w > 65536) return false;
    if (first)
        *out = (struct ax_planes){t->data, channels, (int)w, (int)h, h * w, 1, w};
    else
        *out = (struct ax_planes){t->data, channels, (int)w, (int)h, 1, channels, channels * w};
    return true;
}

bool ax_planes_are_logits(const struct ax_planes *p)
{
    for (int64_t i = 0; i < (int64_t)p->channels * p->width * p->height; i++)
        if (p->data[i] < -0.1f) return true;
    return false;
}

static void widen(struct ax_object *o, const struct ax_point *p)
{
    o->left = fminf(o->left, p->x), o->right = fmaxf(o->right, p->x);
    o->top = fminf(o->top, p->y), o->bottom = fmaxf(o->bottom, p->y);
}

struct ax_object *ax_object_of_points(const struct ax_post_step *s, struct ax_prediction *r, float score, float least_visible,
                                      const struct ax_point *points, int n_points)
{
    ax_objects_reserve(r, 1);
    struct ax_object *o = &r->objects[r->n_objects++];
    int visible = 0;
    *o = (struct ax_object){.is = {0, score, ax_post_label(s, 0)},
                            .left = INFINITY,
                            .top = INFINITY,
                            .right = -INFINITY,
                            .bottom = -INFINITY,
                            .n_points = n_points,
                            .least_visible = least_visible};
    o->points = ax_arena_copy(&r->mem, points, (size_t)n_points * sizeof *points);
    for (int i = 0; i < n_points; i++) visible += points[i].score >= least_visible;
    for (int i = 0; i < n_points; i++)
        if (!visible || points[i].score >= least_visible) widen(o, &points[i]);
    return o;
}
