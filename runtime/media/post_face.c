/* Faces: UltraFace, YuNet, SCRFD; BlazeFace is MediaPipe's (post_anchors.c). Which one it is shows in the outputs. */
#include <stdlib.h>

#include "media/post_anchors.h"

enum { MAX_POINTS = 64 };

static float least_of(const struct ax_post_step *s)
{
    return (float)ax_step_number(s->step, "confidence_threshold");
}

static struct ax_object *add(struct ax_prediction *r, float score)
{
    struct ax_object *o = &r->objects[r->n_objects++];
    o->is = (struct ax_class){0, score, "face"};
    return o;
}

/* -- UltraFace -- */

/* Its priors: cx, cy, w, h in 0..1; NULL when they are not as many. */
static float *ultraface_priors(const struct ax_post_input *in, int64_t count, struct ax_arena *mem)
{
    static const int strides[] = {8, 16, 32, 64}, n_sizes[] = {3, 2, 2, 3};
    static const float sizes[4][3] = {{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}};
    float *p = AX_NEW(mem, float, 4 * count), *at = p, *end = p + 4 * count;
    for (int l = 0; l < 4; l++) {
        int w = (in->input_width + strides[l] - 1) / strides[l], h = (in->input_height + strides[l] - 1) / strides[l];
        float scale_w = (float)in->input_width / (float)strides[l], scale_h = (float)in->input_height / (float)strides[l];
        for (int64_t i = 0; i < (int64_t)w * h; i++)
            for (int k = 0; k < n_sizes[l]; k++, at += 4) {
                if (at == end) return NULL;
                at[0] = ((float)(i % w) + 0.5f) / scale_w;
                at[1] = ((float)(i / w) + 0.5f) / scale_h;
                at[2] = sizes[l][k] / (float)in->input_width;
                at[3] = sizes[l][k] / (float)in->input_height;
            }
    }
    return at == end ? p : NULL;
}

/* Boxes that are decoded in the graph lie where their priors are; offsets lie anywhere. */
static bool are_decoded(const struct ax_candidates *boxes, const float *priors)
{
    double sum = 0;
    for (int64_t i = 0; i < boxes->count; i++)
        for (int k = 0; k < 2; k++)
            sum += fabs((double)((ax_candidate(boxes, i, k) + ax_candidate(boxes, i, k + 2)) / 2 - priors[4 * i + k]));
    return sum / (double)(2 * boxes->count) < 0.12;
}

static void ultraface_box(struct ax_object *o, const struct ax_candidates *b, int64_t i, const float *prior,
                          const struct ax_post_input *in)
{
    float w = (float)in->input_width, h = (float)in->input_height, v[4];
    for (int k = 0; k < 4; k++) v[k] = ax_candidate(b, i, k);
    if (prior) {
        float cx = prior[0] + v[0] * 0.1f * prior[2], cy = prior[1] + v[1] * 0.1f * prior[3];
        float bw = prior[2] * ax_post_exp(v[2] * 0.2f) / 2, bh = prior[3] * ax_post_exp(v[3] * 0.2f) / 2;
        v[0] = cx - bw, v[1] = cy - bh, v[2] = cx + bw, v[3] = cy + bh;
    }
    ax_object_place(o, v[0] * w, v[1] * h, v[2] * w, v[3] * h, in);
}

static bool ultraface(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r)
{
    struct ax_candidates boxes, scores;
    int b = in->n_tensors == 2 && ax_candidates_of(&in->tensors[0], 4, &boxes) ? 0 : 1;
    if (in->n_tensors != 2 || !ax_candidates_of(&in->tensors[b], 4, &boxes) ||
        !ax_candidates_of(&in->tensors[1 - b], 2, &scores) || boxes.count != scores.count)
        return false;
    float *priors = ultraface_priors(in, boxes.count, &r->mem), least = least_of(s);
    bool decoded = !priors || are_decoded(&boxes, priors), logits = ax_candidates_are_logits(&scores, 0, 2);
    ax_objects_reserve(r, boxes.count);
    for (int64_t i = 0; i < boxes.count; i++) {
        float score = ax_candidate(&scores, i, 1);
        if (logits) score = ax_post_sigmoid(score - ax_candidate(&scores, i, 0)); /* softmax of two */
        if (score >= least) ultraface_box(add(r, score), &boxes, i, decoded ? NULL : priors + 4 * i, in);
    }
    return true;
}

/* -- YuNet and SCRFD: heads a scale -- */

struct face_level {
    struct ax_level grid;
    struct ax_candidates score[2], boxes, points;
    int n_scores, n_boxes, n_points, per_cell;
};

/* A head by its numbers: 1 a score, 4 a box, twice as many as keypoints the points. */
static bool take_head(const struct ax_post_step *s, const struct ax_post_input *in, int t, struct face_level *levels, int *n)
{
    int points = ax_step_int(s->step, "keypoints"), l = 0;
    struct ax_candidates c;
    if (!ax_candidates_of(&in->tensors[t], 0, &c)) return false;
    while (l < *n && levels[l].score[0].count != c.count) l++;
    if (l == *n) {
        if (*n == AX_MAX_LEVELS) return false;
        levels[l] = (struct face_level){.per_cell = 1};
        levels[l].score[0].count = c.count;
        for (; !ax_level_of(s, in, c.count, levels[l].per_cell, &levels[l].grid); levels[l].per_cell++)
            if (levels[l].per_cell == 4) return false;
        ++*n;
    }
    struct face_level *v = &levels[l];
    if (c.numbers == 1 && v->n_scores < 2)
        v->score[v->n_scores++] = c;
    else if (c.numbers == 4 && !v->n_boxes++)
        v->boxes = c;
    else if (c.numbers == 2 * points && !v->n_points++)
        v->points = c;
    else
        return false;
    return true;
}

/* The scales with their heads; the same number of score heads in each, 2 for YuNet (class and objectness), 1 for SCRFD. */
static int face_levels(const struct ax_post_step *s, const struct ax_post_input *in, struct face_level *levels)
{
    int n = 0;
    for (int i = 0; i < in->n_tensors; i++)
        if (!take_head(s, in, i, levels, &n)) return 0;
    for (int i = 0; i < n; i++)
        if (levels[i].n_boxes != 1 || levels[i].n_scores < 1 || levels[i].n_scores != levels[0].n_scores) return 0;
    return n;
}

static float face_score(const struct face_level *l, int64_t i)
{
    float v[2];
    for (int k = 0; k < l->n_scores; k++) v[k] = ax_candidate(&l->score[k], i, 0);
    if (l->n_scores == 1) return v[0];
    for (int k = 0; k < 2; k++) v[k] = v[k] > 0 ? v[k] < 1 ? v[k] : 1 : 0;
    return sqrtf(v[0] * v[1]);
}

static void face_at(const struct face_level *l, int64_t i, struct ax_object *o, const struct ax_post_input *in,
                    struct ax_arena *mem)
{
    double sx = l->grid.stride_x, sy = l->grid.stride_y, v[4];
    int64_t cell = i / l->per_cell;
    double x = (double)(cell % l->grid.width) * sx, y = (double)(cell / l->grid.width) * sy;
    for (int k = 0; k < 4; k++) v[k] = ax_candidate(&l->boxes, i, k);
    if (l->n_scores == 2) {
        double cx = x + v[0] * sx, cy = y + v[1] * sy;
        double w = ax_post_exp((float)v[2]) * sx / 2, h = ax_post_exp((float)v[3]) * sy / 2;
        ax_object_place(o, (float)(cx - w), (float)(cy - h), (float)(cx + w), (float)(cy + h), in);
    } else
        ax_object_place(o, (float)(x - v[0] * sx), (float)(y - v[1] * sy), (float)(x + v[2] * sx), (float)(y + v[3] * sy), in);
    o->n_points = l->n_points ? l->points.numbers / 2 : 0;
    o->points = AX_NEW(mem, struct ax_point, o->n_points);
    for (int p = 0; p < o->n_points; p++)
        o->points[p] = ax_point_place((float)(x + ax_candidate(&l->points, i, 2 * p) * sx),
                                      (float)(y + ax_candidate(&l->points, i, 2 * p + 1) * sy), 1, in);
}

static bool heads(const struct ax_post_step *s, const struct ax_post_input *in, int scores, struct ax_prediction *r)
{
    struct face_level *levels = AX_NEW(&r->mem, struct face_level, AX_MAX_LEVELS);
    int n = face_levels(s, in, levels);
    float least = least_of(s);
    if (!n || (scores && levels[0].n_scores != scores)) return false;
    for (int l = 0; l < n; l++) {
        ax_objects_reserve(r, levels[l].boxes.count);
        for (int64_t i = 0; i < levels[l].boxes.count; i++) {
            float score = face_score(&levels[l], i);
            if (score >= least) face_at(&levels[l], i, add(r, score), in, &r->mem);
        }
    }
    return true;
}

/* -- the step -- */

static enum ax_status blazeface(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                struct ax_error *err)
{
    struct ax_mediapipe m = {.keypoints = 6, .anchor_offset = 0.5, .label = "face", .step = "decode_face"};
    if (ax_step_given(s->step, "keypoints")) m.keypoints = ax_step_int(s->step, "keypoints");
    return ax_post_mediapipe(s, &m, in, r, err);
}

static bool is_blazeface(const struct ax_post_input *in)
{
    int64_t wide = 0, one = 0;
    for (int i = 0; i < 2 && in->n_tensors == 2; i++) {
        const struct ax_shape *shape = &in->tensors[i].shape;
        if (shape->rank != 3) return false;
        wide += shape->dim[2] >= 6;
        one += shape->dim[2] == 1;
    }
    return wide == 1 && one == 1;
}

enum ax_status ax_post_face(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                            struct ax_error *err)
{
    bool any = ax_step_is(s->step, "family", "auto"), done = false;
    if (ax_step_is(s->step, "family", "blazeface") || (any && is_blazeface(in))) return blazeface(s, in, r, err);
    if (any || ax_step_is(s->step, "family", "ultraface")) done = ultraface(s, in, r);
    if (!done && !ax_step_is(s->step, "family", "ultraface"))
        done = heads(s, in, any ? 0 : ax_step_is(s->step, "family", "yunet") ? 2 : 1, r);
    if (!done)
        return ax_post_unfit(
            in, "decode_face",
            "UltraFace's scores and boxes, YuNet's cls, obj, bbox, kps or SCRFD's score, bbox, kps a scale, or "
            "BlazeFace's boxes and scores; are \"family\" and \"keypoints\" right?",
            err);
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}
