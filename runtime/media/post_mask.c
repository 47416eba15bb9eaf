/* Semantic segmentation: the best class of each pixel of the picture, and each class's share of it. */
#include <stdlib.h>

#include "media/post_step.h"

/* Scores of one pixel stand `row` elements apart. */
struct planes {
    const float *data;
    int classes, width, height;
    int64_t row, step_x, step_y;
};

static bool view(const struct ax_post_step *s, const struct ax_post_input *in, struct planes *p)
{
    const struct ax_shape *shape = in->n_tensors ? &in->tensors[0].shape : NULL;
    if (!shape || shape->rank != 4 || shape->dim[0] != 1) return false;
    const int64_t *d = shape->dim;
    int axis = ax_step_int(s->step, "axis");
    axis += axis < 0 ? 4 : 0;
    if (axis == 1)
        *p = (struct planes){in->tensors[0].data, (int)d[1], (int)d[3], (int)d[2], d[2] * d[3], 1, d[3]};
    else if (axis == 3)
        *p = (struct planes){in->tensors[0].data, (int)d[3], (int)d[2], (int)d[1], 1, d[3], d[2] * d[3]};
    else
        return false;
    return d[1] > 0 && d[2] > 0 && d[3] > 0 && p->classes <= 256;
}

static uint8_t best_at(const struct planes *p, int x, int y)
{
    const float *v = p->data + x * p->step_x + y * p->step_y;
    int best = 0;
    for (int k = 1; k < p->classes; k++)
        if (v[k * p->row] > v[best * p->row]) best = k;
    return (uint8_t)best;
}

static int nearest(double v, int size)
{
    return v > 0 ? v < size - 1 ? (int)v : size - 1 : 0;
}

/* The classes of the output's pixels, spread over the picture. */
static void fill(const struct planes *p, const struct ax_post_input *in, struct ax_mask *m, struct ax_arena *mem)
{
    uint8_t *small = AX_NEW(mem, uint8_t, p->width * p->height);
    int *column = AX_NEW(mem, int, m->width);
    double sx = (double)p->width / in->input_width, sy = (double)p->height / in->input_height;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) small[y * p->width + x] = best_at(p, x, y);
    for (int x = 0; x < m->width; x++) column[x] = nearest(((x + 0.5) * in->fit.scale_x + in->fit.offset_x) * sx, p->width);
    for (int y = 0; y < m->height; y++) {
        const uint8_t *row = small + nearest(((y + 0.5) * in->fit.scale_y + in->fit.offset_y) * sy, p->height) * p->width;
        for (int x = 0; x < m->width; x++) m->data[(size_t)y * (size_t)m->width + (size_t)x] = row[column[x]];
    }
}

static int compare(const void *a, const void *b)
{
    const struct ax_class *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static void count_classes(const struct ax_post_step *s, struct ax_prediction *r)
{
    int64_t n = (int64_t)r->mask->width * r->mask->height, pixels[256] = {0};
    for (int64_t i = 0; i < n; i++) pixels[r->mask->data[i]]++;
    r->classes = AX_NEW(&r->mem, struct ax_class, 256);
    r->n_classes = 0;
    for (int k = 0; k < 256; k++)
        if (pixels[k])
            r->classes[r->n_classes++] = (struct ax_class){k, (float)((double)pixels[k] / (double)n), ax_post_label(s, k)};
    qsort(r->classes, (size_t)r->n_classes, sizeof *r->classes, compare);
}

enum ax_status ax_post_argmax_mask(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                   struct ax_error *err)
{
    struct planes p;
    char text[AX_SHAPE_TEXT] = "missing";
    if (!view(s, in, &p)) {
        if (in->n_tensors) ax_shape_text(&in->tensors[0].shape, text);
        return ax_fail(err, AX_SHAPE,
                       "argmax_mask: the first output is %s; 1 x classes x h x w (or classes last, with \"axis\": 3)"
                       " and at most 256 classes are expected",
                       text);
    }
    r->mask = AX_NEW(&r->mem, struct ax_mask, 1);
    *r->mask = (struct ax_mask){in->width, in->height, AX_NEW(&r->mem, uint8_t, (size_t)in->width * (size_t)in->height)};
    fill(&p, in, r->mask, &r->mem);
    count_classes(s, r);
    return AX_OK;
}
