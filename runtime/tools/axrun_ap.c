#include "tools/axrun_ap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "media/post_objects.h"

/* Detections of a picture and class that count: of boxes, of keypoints. */
enum { MOST_BOXES = 100, MOST_POSES = 20, POINTS = 101 };

void ax_detections_add(struct ax_detections *d, int picture, int category, const struct ax_object *o)
{
    if (d->count == d->room) {
        d->room = d->room ? 2 * d->room : 1024;
        struct ax_detection *more = realloc(d->item, (size_t)d->room * sizeof *more);
        if (!more) abort();
        d->item = more;
    }
    struct ax_detection *mine = &d->item[d->count++];
    *mine = (struct ax_detection){picture, category, d->count - 1, o->is.score, *o};
    if (o->n_points) mine->object.points = ax_arena_copy(&d->mem, o->points, (size_t)o->n_points * sizeof *o->points);
}

void ax_detections_free(struct ax_detections *d)
{
    free(d->item);
    ax_arena_free(&d->mem);
    *d = (struct ax_detections){0};
}

/* -- overlaps -- */

/* Of a crowd the detection's own area counts. */
static double box_overlap(const struct ax_object *o, const struct ax_truth_box *b)
{
    double w = (double)fminf(o->right, b->right) - (double)fmaxf(o->left, b->left);
    double h = (double)fminf(o->bottom, b->bottom) - (double)fmaxf(o->top, b->top);
    if (!(w > 0) || !(h > 0)) return 0;
    double own = ((double)o->right - o->left) * ((double)o->bottom - o->top);
    double all = b->crowd ? own : own + ((double)b->right - b->left) * ((double)b->bottom - b->top) - w * h;
    return w * h / all;
}

/* How far v lies outside of the box's side and as much again to both sides. */
static double outside(double v, double low, double size)
{
    return fmax(0, low - size - v) + fmax(0, v - (low + 2 * size));
}

/* Object keypoint similarity with COCO's tolerances; others than 17 points have a common one. Who has no keypoints labeled
 * stands for any that lie about the box. */
static double point_overlap(const struct ax_object *o, const struct ax_truth_box *b)
{
    static const double coco[17] = {.026, .025, .025, .035, .035, .079, .079, .072, .072,
                                    .062, .062, .107, .107, .087, .087, .089, .089};
    int n = o->n_points < b->n_keypoints ? o->n_points : b->n_keypoints, counted = 0;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double dx, dy, k = b->n_keypoints == 17 ? 2 * coco[i] : 0.1;
        if (b->n_labeled && !(b->keypoints[3 * i + 2] > 0)) continue;
        if (b->n_labeled) {
            dx = (double)o->points[i].x - b->keypoints[3 * i], dy = (double)o->points[i].y - b->keypoints[3 * i + 1];
        } else {
            dx = outside(o->points[i].x, b->left, (double)b->right - b->left);
            dy = outside(o->points[i].y, b->top, (double)b->bottom - b->top);
        }
        double e = (dx * dx + dy * dy) / (2 * k * k * ((double)b->area + 1e-9));
        sum += ax_exp2(-fmin(e, 60) * 1.4426950408889634);
        counted++;
    }
    return counted ? sum / counted : 0;
}

/* -- matching one picture -- */

struct scoring {
    const struct ax_truth *truth;
    bool by_keypoints;
    int category;
    bool *used;
};

/* What it stands for must neither be found nor is wrong to find. */
static bool is_ignored(const struct scoring *s, const struct ax_truth_box *b)
{
    return b->crowd || (s->by_keypoints && !b->n_labeled);
}

/* The box that the detection is matched with: the best one that is asked for, else an ignored one; -1: none. */
static int match(const struct scoring *s, const struct ax_truth_picture *p, const struct ax_object *o, double least)
{
    int best = -1;
    bool best_ignored = true;
    double reached = fmin(least, 1 - 1e-10);
    for (int i = 0; i < p->n_boxes; i++) {
        const struct ax_truth_box *b = &p->boxes[i];
        bool ignored = is_ignored(s, b);
        if (b->category != s->category || (s->used[i] && !b->crowd)) continue;
        double v = s->by_keypoints ? point_overlap(o, b) : box_overlap(o, b);
        if (v < least) continue;
        bool better = best < 0 || (best_ignored && !ignored) || (best_ignored == ignored && v >= reached);
        if (!better) continue;
        best = i, best_ignored = ignored, reached = v;
    }
    return best;
}

/* What each detection of a picture is: 1 right, 0 wrong, -1 not counted. */
static void judge(const struct scoring *s, const struct ax_detection *d, int n, double least, int8_t *verdict)
{
    const struct ax_truth_picture *p = &s->truth->pictures[d->picture];
    int most = s->by_keypoints ? MOST_POSES : MOST_BOXES;
    memset(s->used, 0, (size_t)p->n_boxes);
    for (int i = 0; i < n; i++) {
        int m = i < most ? match(s, p, &d[i].object, least) : -1;
        verdict[i] = i >= most ? -1 : m < 0 ? 0 : is_ignored(s, &p->boxes[m]) ? -1 : 1;
        if (m >= 0) s->used[m] = true;
    }
}

/* -- one class -- */

static int by_place(const void *a, const void *b)
{
    const struct ax_detection *x = a, *y = b;
    if (x->category != y->category) return x->category < y->category ? -1 : 1;
    if (x->picture != y->picture) return x->picture < y->picture ? -1 : 1;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->order - y->order;
}

struct ranked {
    float score;
    int at;
    int8_t verdict;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The mean precision at 101 points of recall, each the best at that recall or beyond. */
static double area(const struct ranked *r, int n, int64_t asked, double *precision, double *recall)
{
    int64_t right = 0, wrong = 0;
    int count = 0;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        if (r[i].verdict < 0) continue;
        right += r[i].verdict == 1, wrong += r[i].verdict == 0;
        recall[count] = (double)right / (double)asked;
        precision[count++] = (double)right / (double)(right + wrong);
    }
    for (int i = count - 1; i > 0; i--) precision[i - 1] = fmax(precision[i - 1], precision[i]);
    for (int p = 0, i = 0; p < POINTS; p++) {
        while (i < count && recall[i] < p * 0.01) i++;
        sum += i < count ? precision[i] : 0;
    }
    return sum / POINTS;
}

static double class_at(const struct scoring *s, const struct ax_detection *d, int n, int64_t asked, double least,
                       struct ax_arena *mem)
{
    int8_t *verdict = AX_NEW(mem, int8_t, n + 1);
    struct ranked *r = AX_NEW(mem, struct ranked, n + 1);
    for (int i = 0, k; i < n; i = k) {
        for (k = i; k < n && d[k].picture == d[i].picture; k++) continue;
        judge(s, d + i, k - i, least, verdict + i);
    }
    for (int i = 0; i < n; i++) r[i] = (struct ranked){d[i].score, i, verdict[i]};
    qsort(r, (size_t)n, sizeof *r, by_score);
    return area(r, n, asked, AX_NEW(mem, double, n + 1), AX_NEW(mem, double, n + 1));
}

static int64_t count_asked(const struct scoring *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->truth->count; i++)
        for (int k = 0; k < s->truth->pictures[i].n_boxes; k++) {
            const struct ax_truth_box *b = &s->truth->pictures[i].boxes[k];
            n += b->category == s->category && !is_ignored(s, b);
        }
    return n;
}

struct ax_ap ax_average_precision(const struct ax_truth *t, struct ax_detections *d, bool by_keypoints, struct ax_arena *mem)
{
    struct ax_ap ap = {.of_class = AX_NEW(mem, double, t->n_categories + 1)};
    int most = 0;
    for (int i = 0; i < t->count; i++) most = t->pictures[i].n_boxes > most ? t->pictures[i].n_boxes : most;
    struct scoring s = {t, by_keypoints, 0, AX_NEW(mem, bool, most + 1)};
    if (d->count) qsort(d->item, (size_t)d->count, sizeof *d->item, by_place);
    for (int begin = 0, end; s.category < t->n_categories; s.category++, begin = end) {
        for (end = begin; end < d->count && d->item[end].category == s.category; end++) continue;
        int64_t asked = count_asked(&s);
        ap.of_class[s.category] = asked ? 0 : -1;
        if (!asked) continue;
        ap.classes++;
        for (int k = 0; k < AX_AP_THRESHOLDS; k++) {
            struct ax_arena scratch = {0};
            double v = class_at(&s, d->item + begin, end - begin, asked, 0.5 + k * ((0.95 - 0.5) / 9), &scratch);
            ap.of_class[s.category] += v / AX_AP_THRESHOLDS;
            ap.at50 += k ? 0 : v;
            ax_arena_free(&scratch);
        }
        ap.mean += ap.of_class[s.category];
    }
    if (ap.classes) ap.at50 /= ap.classes, ap.mean /= ap.classes;
    return ap;
}
