/* MoveNet's heads: where a person's middle is, heatmaps of the 17 keypoints, the way from a middle to each keypoint, and where
 * in its cell a keypoint lies. One person, the best. And landmarks: networks that give the points themselves. */
#include "media/post_planes.h"

enum { POINTS = 17 };

struct heads {
    struct ax_planes center, heat, way, offset;
};

/* Told apart by their channels; of the two with 34 the one that reaches farther is the way. */
static bool heads_of(const struct ax_post_input *in, struct heads *h)
{
    struct ax_planes pairs[2];
    int n_center = 0, n_heat = 0, n_pairs = 0;
    for (int i = 0; i < in->n_tensors; i++) {
        struct ax_planes p;
        if (ax_planes_of(&in->tensors[i], 2 * POINTS, &p)) {
            if (n_pairs < 2) pairs[n_pairs] = p;
            n_pairs++;
        } else if (ax_planes_of(&in->tensors[i], POINTS, &p))
            h->heat = p, n_heat++;
        else if (ax_planes_of(&in->tensors[i], 1, &p))
            h->center = p, n_center++;
    }
    if (n_center != 1 || n_heat != 1 || n_pairs != 2) return false;
    double reach[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        if (pairs[k].width != h->heat.width || pairs[k].height != h->heat.height) return false;
        for (int64_t i = 0; i < (int64_t)2 * POINTS * pairs[k].width * pairs[k].height; i++)
            reach[k] += fabs((double)pairs[k].data[i]);
    }
    bool second = reach[1] > reach[0];
    h->way = pairs[second], h->offset = pairs[!second];
    return h->center.width == h->heat.width && h->center.height == h->heat.height;
}

struct cell {
    int x, y;
};

static struct cell best_center(const struct ax_planes *p)
{
    struct cell best = {0, 0};
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            if (ax_plane_at(p, 0, x, y) > ax_plane_at(p, 0, best.x, best.y)) best = (struct cell){x, y};
    return best;
}

/* The heatmap's best cell, where cells lose with their distance from where the middle says the point is. */
static struct cell best_point(const struct ax_planes *heat, int k, bool logits, double at_x, double at_y)
{
    const double blur = 1.8; /* of the published model */
    struct cell best = {0, 0};
    double most = -1;
    for (int y = 0; y < heat->height; y++)
        for (int x = 0; x < heat->width; x++) {
            float v = ax_plane_at(heat, k, x, y);
            double dx = x - at_x, dy = y - at_y;
            double weighted = (double)(logits ? ax_post_sigmoid(v) : v) / (sqrt(dx * dx + dy * dy) + blur);
            if (weighted > most) most = weighted, best = (struct cell){x, y};
        }
    return best;
}

enum ax_status ax_post_movenet(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                               struct ax_error *err)
{
    struct heads h;
    struct ax_point points[POINTS];
    float sum = 0;
    if (in->n_tensors != 4 || !heads_of(in, &h))
        return ax_post_unfit(in, "decode_movenet", "maps of 1, 17, 34 and 34 channels, all of the same size", err);
    double sx = (double)in->input_width / h.heat.width, sy = (double)in->input_height / h.heat.height;
    bool logits = ax_planes_are_logits(&h.heat);
    struct cell c = best_center(&h.center);
    for (int k = 0; k < POINTS; k++) {
        double y = c.y + (double)ax_plane_at(&h.way, 2 * k, c.x, c.y),
               x = c.x + (double)ax_plane_at(&h.way, 2 * k + 1, c.x, c.y);
        struct cell at = best_point(&h.heat, k, logits, x, y);
        float score = ax_plane_at(&h.heat, k, at.x, at.y);
        if (logits) score = ax_post_sigmoid(score);
        points[k] = ax_point_place((float)((at.x + (double)ax_plane_at(&h.offset, 2 * k + 1, at.x, at.y)) * sx),
                                   (float)((at.y + (double)ax_plane_at(&h.offset, 2 * k, at.x, at.y)) * sy), score, in);
        sum += score;
    }
    ax_objects_reserve(r, 1);
    if (sum / POINTS >= (float)ax_step_number(s->step, "confidence_threshold"))
        ax_object_of_points(s, r, sum / POINTS, (float)ax_step_number(s->step, "keypoint_threshold"), points, POINTS);
    return AX_OK;
}

/* -- landmarks -- */

/* The first output of so many numbers, 3 or 2 a point, in pixels of the input; the first single number is the score that the
 * object is there, the second, where there are two labels, which of both it is. */
enum ax_status ax_post_landmarks(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                 struct ax_error *err)
{
    const struct ax_post_tensor *marks = NULL, *single[2] = {NULL, NULL};
    int n = ax_step_int(s->step, "keypoints"), each = 3, singles = 0;
    for (int i = 0; i < in->n_tensors; i++) {
        int64_t count = ax_shape_count(&in->tensors[i].shape);
        if (count == 1 && singles < 2) single[singles++] = &in->tensors[i];
        if (!marks && n > 1 && (count == 3 * n || count == 2 * n)) marks = &in->tensors[i], each = count == 3 * n ? 3 : 2;
    }
    if (!marks || !singles)
        return ax_post_unfit(in, "decode_landmarks", "3 * keypoints numbers and a score; is \"keypoints\" right?", err);
    float score = single[0]->data[0];
    if (score < -0.01f || score > 1.01f) score = ax_post_sigmoid(score);
    struct ax_point *points = AX_NEW(&r->mem, struct ax_point, n);
    for (int k = 0; k < n; k++) points[k] = ax_point_place(marks->data[k * each], marks->data[k * each + 1], score, in);
    ax_objects_reserve(r, 1);
    if (!(score >= (float)ax_step_number(s->step, "confidence_threshold"))) return AX_OK;
    struct ax_object *o = ax_object_of_points(s, r, score, 0, points, n);
    if (s->n_labels == 2 && singles == 2) {
        o->is.index = single[1]->data[0] >= 0.5f;
        o->is.label = ax_post_label(s, o->is.index);
    }
    return AX_OK;
}
