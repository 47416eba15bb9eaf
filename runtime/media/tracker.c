#include "media/tracker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/assign.h"
#include "media/kalman.h"

struct track {
    struct ax_kalman filter;
    struct ax_box predicted;
    int number;   /* 0: unconfirmed */
    int category; /* of the objects it follows */
    int hits;     /* frames it was found in, without a gap until it is confirmed */
    int missed;   /* frames since it was found */
    int object;   /* of the frame at hand; -1: none */
};

struct ax_tracker {
    bool sort, class_aware;
    int max_age, min_hits;
    double overlap, low_overlap, high, low, begin; /* least ones: of boxes, and of scores */
    struct track *tracks;
    int count, room;
    int frames, last_number;
};

enum ax_status ax_tracker_new(const struct ax_pipe_step *step, struct ax_tracker **out, struct ax_error *err)
{
    struct ax_tracker *t = *out = calloc(1, sizeof *t);
    if (!t) return ax_fail(err, AX_NO_MEMORY, "no memory for a tracker");
    t->sort = ax_step_is(step, "kind", "sort");
    t->class_aware = ax_step_number(step, "class_aware") != 0;
    t->max_age = ax_step_int(step, "max_age");
    t->min_hits = ax_step_int(step, "min_hits");
    t->overlap = ax_step_number(step, "iou_threshold");
    t->low_overlap = ax_step_number(step, "low_iou_threshold");
    t->high = t->sort ? 0 : ax_step_number(step, "high_threshold");
    t->low = t->sort ? 0 : ax_step_number(step, "low_threshold");
    t->begin = t->sort ? 0 : ax_step_number(step, "new_threshold");
    return AX_OK;
}

void ax_tracker_free(struct ax_tracker *t)
{
    if (!t) return;
    free(t->tracks);
    free(t);
}

void ax_tracker_reset(struct ax_tracker *t)
{
    t->count = t->frames = t->last_number = 0;
}

/* -- one frame -- */

struct frame {
    struct ax_tracker *t;
    struct ax_prediction *r;
    int *track_of; /* by object; -1: none */
    struct ax_arena mem;
};

static struct ax_box box_of(const struct ax_object *o)
{
    return (struct ax_box){o->left, o->top, o->right, o->bottom};
}

static double overlap(const struct ax_box *a, const struct ax_box *b)
{
    double w = fmin(a->right, b->right) - fmax(a->left, b->left), h = fmin(a->bottom, b->bottom) - fmax(a->top, b->top);
    if (!(w > 0) || !(h > 0)) return 0;
    double both = w * h;
    return both / ((a->right - a->left) * (a->bottom - a->top) + (b->right - b->left) * (b->bottom - b->top) - both);
}

/* Which tracks and objects take part in an association. */
struct stage {
    bool confirmed, unconfirmed, lost;
    double from, below; /* scores */
    double overlap;
};

static int tracks_of(const struct frame *f, const struct stage *s, int *list)
{
    int n = 0;
    for (int i = 0; i < f->t->count; i++) {
        const struct track *k = &f->t->tracks[i];
        if (k->object >= 0 || !(k->number ? s->confirmed : s->unconfirmed) || (k->missed && !s->lost)) continue;
        list[n++] = i;
    }
    return n;
}

static int objects_of(const struct frame *f, const struct stage *s, int *list)
{
    int n = 0;
    for (int i = 0; i < f->r->n_objects; i++) {
        double score = f->r->objects[i].is.score;
        if (f->track_of[i] < 0 && score >= s->from && score < s->below) list[n++] = i;
    }
    return n;
}

/* 0 for a pair that must not be. */
static double likeness(const struct frame *f, const struct stage *s, int track, int object)
{
    const struct track *k = &f->t->tracks[track];
    const struct ax_object *o = &f->r->objects[object];
    struct ax_box box = box_of(o);
    if (f->t->class_aware && k->category != o->is.index) return 0;
    double v = overlap(&k->predicted, &box);
    return v >= s->overlap ? v : 0;
}

static void join(struct frame *f, int track, int object)
{
    struct track *k = &f->t->tracks[track];
    struct ax_box box = box_of(&f->r->objects[object]);
    ax_kalman_correct(&k->filter, &box);
    k->object = object;
    f->track_of[object] = track;
}

static void associate(struct frame *f, const struct stage *s)
{
    int *tracks = AX_NEW(&f->mem, int, f->t->count + 1), *objects = AX_NEW(&f->mem, int, f->r->n_objects + 1);
    int rows = tracks_of(f, s, tracks), columns = objects_of(f, s, objects);
    if (!rows || !columns) return;
    double *cost = AX_NEW(&f->mem, double, (int64_t)rows *columns);
    int *column_of = AX_NEW(&f->mem, int, rows);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) cost[(int64_t)i * columns + j] = -likeness(f, s, tracks[i], objects[j]);
    ax_assign(cost, rows, columns, column_of, &f->mem);
    for (int i = 0; i < rows; i++)
        if (column_of[i] >= 0 && cost[(int64_t)i * columns + column_of[i]] < 0) join(f, tracks[i], objects[column_of[i]]);
}

static void associate_all(struct frame *f)
{
    const struct ax_tracker *t = f->t;
    if (t->sort) {
        associate(f, &(struct stage){true, true, true, 0, INFINITY, t->overlap});
        return;
    }
    associate(f, &(struct stage){true, false, true, t->high, INFINITY, t->overlap});
    associate(f, &(struct stage){true, false, false, t->low, t->high, t->low_overlap});
    associate(f, &(struct stage){false, true, false, t->high, INFINITY, t->overlap});
}

static enum ax_status begin_tracks(struct frame *f, struct ax_error *err)
{
    struct ax_tracker *t = f->t;
    for (int i = 0; i < f->r->n_objects; i++) {
        const struct ax_object *o = &f->r->objects[i];
        if (f->track_of[i] >= 0 || o->is.score < t->begin) continue;
        if (t->count == t->room) {
            int room = t->room ? 2 * t->room : 32;
            struct track *more = realloc(t->tracks, (size_t)room * sizeof *more);
            if (!more) return ax_fail(err, AX_NO_MEMORY, "no memory for %d tracks", room);
            t->tracks = more, t->room = room;
        }
        struct ax_box box = box_of(o);
        struct track *k = &t->tracks[t->count];
        *k = (struct track){.category = o->is.index, .object = i};
        ax_kalman_begin(&k->filter, t->sort, &box);
        f->track_of[i] = t->count++;
    }
    return AX_OK;
}

/* Counts the frame for each track. In the first frames of a scene nothing could have been confirmed before. */
static void age(struct ax_tracker *t)
{
    for (int i = 0; i < t->count; i++) {
        struct track *k = &t->tracks[i];
        k->missed = k->object >= 0 ? 0 : k->missed + 1;
        k->hits += k->object >= 0;
        if (!k->number && k->object >= 0 && (k->hits >= t->min_hits || t->frames <= t->min_hits)) k->number = ++t->last_number;
    }
}

/* Objects keep their order. */
static void number_objects(struct frame *f)
{
    int n = 0;
    for (int i = 0; i < f->r->n_objects; i++) {
        int number = f->track_of[i] >= 0 ? f->t->tracks[f->track_of[i]].number : 0;
        if (!number) continue;
        f->r->objects[n] = f->r->objects[i];
        f->r->objects[n++].track = number;
    }
    f->r->n_objects = n;
}

static void forget(struct ax_tracker *t)
{
    int n = 0;
    for (int i = 0; i < t->count; i++)
        if (t->tracks[i].missed <= (t->tracks[i].number ? t->max_age : 0)) t->tracks[n++] = t->tracks[i];
    t->count = n;
}

enum ax_status ax_tracker_update(struct ax_tracker *t, struct ax_prediction *r, struct ax_error *err)
{
    struct frame f = {.t = t, .r = r};
    f.track_of = AX_NEW(&f.mem, int, r->n_objects + 1);
    for (int i = 0; i < r->n_objects; i++) f.track_of[i] = -1;
    for (int i = 0; i < t->count; i++) {
        ax_kalman_predict(&t->tracks[i].filter);
        t->tracks[i].predicted = ax_kalman_box(&t->tracks[i].filter);
        t->tracks[i].object = -1;
    }
    t->frames++;
    associate_all(&f);
    enum ax_status s = begin_tracks(&f, err);
    if (!s) {
        age(t);
        number_objects(&f);
        forget(t);
    }
    ax_arena_free(&f.mem);
    return s;
}
