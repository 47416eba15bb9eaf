#include "media/post_objects.h"

#include <stdlib.h>
#include <string.h>

static float within(double v, int size)
{
    return (float)(v > 0 ? v < size ? v : size : 0);
}

void ax_object_place(struct ax_object *o, float left, float top, float right, float bottom, const struct ax_post_input *in)
{
    const struct ax_fit *f = &in->fit;
    o->left = within((left - f->offset_x) / f->scale_x, in->width);
    o->right = within((right - f->offset_x) / f->scale_x, in->width);
    o->top = within((top - f->offset_y) / f->scale_y, in->height);
    o->bottom = within((bottom - f->offset_y) / f->scale_y, in->height);
}

struct ranked {
    float score;
    int at;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

void ax_objects_sort(struct ax_result *r, int most)
{
    struct ranked *order = AX_NEW(&r->mem, struct ranked, r->n_objects + 1);
    for (int i = 0; i < r->n_objects; i++) order[i] = (struct ranked){r->objects[i].is.score, i};
    qsort(order, (size_t)r->n_objects, sizeof *order, compare);
    int n = r->n_objects < most ? r->n_objects : most;
    struct ax_object *sorted = AX_NEW(&r->mem, struct ax_object, n + 1);
    for (int i = 0; i < n; i++) sorted[i] = r->objects[order[i].at];
    r->objects = sorted;
    r->n_objects = n;
}

float ax_object_overlap(const struct ax_object *a, const struct ax_object *b)
{
    float left = a->left > b->left ? a->left : b->left, right = a->right < b->right ? a->right : b->right;
    float top = a->top > b->top ? a->top : b->top, bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
    if (right <= left || bottom <= top) return 0;
    float both = (right - left) * (bottom - top);
    float all = (a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) - both;
    return both / all;
}
