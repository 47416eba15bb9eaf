#include "media/post_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- objects -- */

void ax_object_place(struct ax_object *o, float left, float top, float right, float bottom, const struct ax_post_input *in)
{
    const struct ax_fit *f = &in->fit;
    o->left = (float)((left - f->offset_x) / f->scale_x);
    o->right = (float)((right - f->offset_x) / f->scale_x);
    o->top = (float)((top - f->offset_y) / f->scale_y);
    o->bottom = (float)((bottom - f->offset_y) / f->scale_y);
}

struct ax_point ax_point_place(float x, float y, float score, const struct ax_post_input *in)
{
    const struct ax_fit *f = &in->fit;
    return (struct ax_point){(float)((x - f->offset_x) / f->scale_x), (float)((y - f->offset_y) / f->scale_y), score};
}

void ax_objects_reserve(struct ax_prediction *r, int64_t more)
{
    int64_t wanted = r->n_objects + more;
    if (r->objects && wanted <= r->objects_room) return;
    int room = r->objects_room ? r->objects_room : 256;
    while (room < wanted) room *= 2;
    struct ax_object *objects = AX_NEW(&r->mem, struct ax_object, room);
    if (r->n_objects) memcpy(objects, r->objects, (size_t)r->n_objects * sizeof *objects);
    r->objects = objects;
    r->objects_room = room;
}

static void complete_twins(struct ax_prediction *r)
{
    for (int i = 1; i < r->n_objects; i++) {
        struct ax_class is = r->objects[i].is;
        if (!r->objects[i].twin) continue;
        r->objects[i] = r->objects[i - 1];
        r->objects[i].is = is;
    }
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

void ax_objects_sort(struct ax_prediction *r, int most)
{
    struct ranked *order = AX_NEW(&r->mem, struct ranked, r->n_objects + 1);
    complete_twins(r);
    for (int i = 0; i < r->n_objects; i++) order[i] = (struct ranked){r->objects[i].is.score, i};
    qsort(order, (size_t)r->n_objects, sizeof *order, compare);
    int n = r->n_objects < most ? r->n_objects : most;
    struct ax_object *sorted = AX_NEW(&r->mem, struct ax_object, n + 1);
    for (int i = 0; i < n; i++) sorted[i] = r->objects[order[i].at];
    r->objects = sorted;
    r->n_objects = n;
    r->objects_room = n + 1;
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

/* -- outputs -- */

bool ax_candidates_of(const struct ax_post_tensor *t, int numbers, struct ax_candidates *out)
{
    const struct ax_shape *s = &t->shape;
    if (s->rank != 2 && (s->rank != 3 || s->dim[0] != 1)) return false;
    int64_t rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    bool across = numbers ? columns == numbers : columns <= rows; /* a line of the output is a candidate */
    int64_t each = across ? columns : rows, count = across ? rows : columns;
    if (count < 1 || count > 10000000 || each < 1 || each > 100100 || (numbers && each != numbers)) return false;
    *out = (struct ax_candidates){t->data, count, across ? columns : 1, across ? 1 : columns, (int)each};
    return true;
}

enum ax_status ax_post_unfit(const struct ax_post_input *in, const char *step, const char *expected, struct ax_error *err)
{
    char list[400] = "none", shape[AX_SHAPE_TEXT];
    size_t n = 0;
    for (int i = 0; i < in->n_tensors && n < sizeof list - 1; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", ax_shape_text(&in->tensors[i].shape, shape));
    return ax_fail(err, AX_SHAPE, "%s: the model's outputs are %s; expected: %s", step, list, expected);
}

bool ax_candidates_are_logits(const struct ax_candidates *c, int first, int count)
{
    for (int64_t i = 0; i < c->count; i++)
        for (int k = first; k < first + count; k++) {
            float v = ax_candidate(c, i, k);
            if (v < -0.1f) return true; /* above 1 are also probabilities whose int8 step is coarse */
        }
    return false;
}

struct ax_scoring ax_scoring_of(const struct ax_post_step *s, const struct ax_candidates *c, int first, int classes)
{
    struct ax_scoring sc = {first, classes, false, (float)ax_step_number(s->step, "confidence_threshold")};
    if (ax_step_is(s->step, "scores", "auto"))
        sc.logits = ax_candidates_are_logits(c, first, classes);
    else
        sc.logits = ax_step_is(s->step, "scores", "logits");
    return sc;
}

static float probability(const struct ax_candidates *c, int64_t i, const struct ax_scoring *sc, int k)
{
    float v = ax_candidate(c, i, sc->first + k);
    return sc->logits ? ax_post_sigmoid(v) : v;
}

static int best_class(const struct ax_candidates *c, int64_t i, const struct ax_scoring *sc)
{
    const float *v = c->data + i * c->step + sc->first * c->row;
    int best = 0;
    for (int k = 1; k < sc->classes; k++)
        if (v[k * c->row] > v[best * c->row]) best = k;
    return best;
}

static struct ax_object *add(struct ax_prediction *r, const struct ax_post_step *s, int k, float score)
{
    ax_objects_reserve(r, 1);
    struct ax_object *o = &r->objects[r->n_objects++];
    *o = (struct ax_object){.is = {k, score, ax_post_label(s, k)}};
    return o;
}

struct ax_object *ax_object_take(const struct ax_post_step *s, const struct ax_candidates *c, int64_t i,
                                 const struct ax_scoring *sc, float factor, struct ax_prediction *r)
{
    int best = best_class(c, i, sc), first = r->n_objects;
    float score = probability(c, i, sc, best) * factor;
    if (!(score >= sc->least)) return NULL;
    add(r, s, best, score);
    for (int k = 0; k < sc->classes && s->all_classes; k++) {
        score = probability(c, i, sc, k) * factor;
        if (k != best && score >= sc->least) add(r, s, k, score)->twin = true;
    }
    return &r->objects[first];
}

/* -- grids -- */

static struct ax_level level_at(const struct ax_post_input *in, double stride)
{
    int w = (int)ceil(in->input_width / stride), h = (int)ceil(in->input_height / stride);
    return (struct ax_level){w, h, stride, stride};
}

/* The strides of the step, else these. */
static int strides_of(const struct ax_post_step *s, const double **out)
{
    static const double usual[] = {8, 16, 32, 64, 128};
    const struct ax_param *p = ax_step_param(s->step, "strides");
    *out = p->given ? p->numbers : usual;
    return p->given ? p->count : 5;
}

int ax_levels_of(const struct ax_post_step *s, const struct ax_post_input *in, int64_t count, int per_cell,
                 struct ax_level out[AX_MAX_LEVELS])
{
    const double *strides;
    int n = strides_of(s, &strides);
    int64_t sum = 0;
    for (int i = 0; i < n && i < AX_MAX_LEVELS && sum < count; i++) {
        out[i] = level_at(in, strides[i]);
        sum += (int64_t)out[i].width * out[i].height * per_cell;
        if (sum == count) return i + 1;
    }
    return 0;
}

bool ax_level_of(const struct ax_post_step *s, const struct ax_post_input *in, int64_t count, int per_cell,
                 struct ax_level *out)
{
    const double *strides;
    int n = strides_of(s, &strides);
    for (int i = 0; i < n; i++) {
        *out = level_at(in, strides[i]);
        if ((int64_t)out->width * out->height * per_cell == count) return true;
    }
    return false;
}
