/* Boxes as offsets from anchors that are listed or generated: SSD, and MediaPipe's palms and faces. */
#include "media/post_anchors.h"

/* -- SSD -- */

/* Offsets [anchors, 4] and scores [anchors, classes] in either order. */
static bool ssd_outputs(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_candidates *boxes,
                        struct ax_candidates *scores)
{
    int given = ax_step_int(s->step, "classes"), background = ax_step_number(s->step, "background") != 0;
    int classes = given ? given + background : 0;
    for (int i = 0; i < 2 && in->n_tensors == 2; i++) {
        bool fits = ax_candidates_of(&in->tensors[i], 4, boxes) && boxes->count == s->n_anchors;
        if (fits && ax_candidates_of(&in->tensors[1 - i], classes, scores) && scores->count == s->n_anchors) return true;
    }
    return false;
}

static void ssd_box(const struct ax_post_step *s, const float v[4], const float a[4], const struct ax_post_input *in,
                    struct ax_object *o)
{
    float w = (float)in->input_width, h = (float)in->input_height;
    if (ax_step_is(s->step, "anchor_form", "corners")) {
        float aw = a[2] - a[0], ah = a[3] - a[1];
        ax_object_place(o, (a[0] + v[0] * aw) * w, (a[1] + v[1] * ah) * h, (a[2] + v[2] * aw) * w, (a[3] + v[3] * ah) * h, in);
        return;
    }
    float cy = a[0] + v[0] * a[2], cx = a[1] + v[1] * a[3];
    float bh = ax_post_exp(v[2]) * a[2] / 2, bw = ax_post_exp(v[3]) * a[3] / 2;
    ax_object_place(o, (cx - bw) * w, (cy - bh) * h, (cx + bw) * w, (cy + bh) * h, in);
}

enum ax_status ax_post_ssd(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                           struct ax_error *err)
{
    struct ax_candidates boxes, scores;
    bool center = ax_step_is(s->step, "anchor_form", "center");
    const struct ax_param *var = ax_step_param(s->step, "variances");
    float divisor[4] = {center ? 10 : 1, center ? 10 : 1, center ? 5 : 1, center ? 5 : 1};
    if (!ssd_outputs(s, in, &boxes, &scores))
        return ax_post_unfit(in, "decode_ssd", "1 x anchors x 4 and 1 x anchors x classes, as many anchors as the file has",
                             err);
    for (int k = 0; var->given && var->count && k < 4; k++)
        divisor[k] = (float)var->numbers[k < var->count ? k : var->count - 1];
    int background = ax_step_number(s->step, "background") != 0 && scores.numbers > 1;
    struct ax_scoring sc = ax_scoring_of(s, &scores, background, scores.numbers - background);
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < scores.count; i++) {
        struct ax_object *o = ax_object_take(s, &scores, i, &sc, 1, r);
        if (!o) continue;
        float v[4];
        for (int n = 0; n < 4; n++) v[n] = ax_candidate(&boxes, i, n) / divisor[n];
        ssd_box(s, v, s->anchors + 4 * i, in, o);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* -- MediaPipe -- */

/* SsdAnchorsCalculator with the options that MediaPipe publishes for palms and short-range faces: two anchors of size 1 a layer
 * and cell (aspect ratio 1 and the interpolated one); layers of the same stride share their cells. */
int64_t ax_mediapipe_anchors(const double *strides, int n_strides, double offset, const struct ax_post_input *in, float *out)
{
    int64_t count = 0;
    for (int first = 0, last; first < n_strides; first = last) {
        for (last = first; last < n_strides && strides[last] == strides[first]; last++) continue;
        int w = (int)ceil(in->input_width / strides[first]), h = (int)ceil(in->input_height / strides[first]);
        int each = 2 * (last - first);
        for (int64_t i = 0; i < (int64_t)w * h * each; i++, count++) {
            if (!out) continue;
            int64_t cell = i / each;
            out[2 * count] = (float)(((double)(cell % w) + offset) / w);
            out[2 * count + 1] = (float)(((double)(cell / w) + offset) / h);
        }
    }
    return count;
}

static void take_points(struct ax_object *o, const struct ax_mediapipe *m, int64_t i, const float *anchor,
                        const struct ax_post_input *in, struct ax_arena *mem)
{
    o->n_points = m->keypoints;
    o->points = AX_NEW(mem, struct ax_point, m->keypoints);
    for (int p = 0; p < m->keypoints; p++)
        o->points[p] = ax_point_place(ax_candidate(&m->boxes, i, 4 + 2 * p) + anchor[0] * (float)in->input_width,
                                      ax_candidate(&m->boxes, i, 5 + 2 * p) + anchor[1] * (float)in->input_height, 1, in);
}

static bool mediapipe_outputs(const struct ax_post_input *in, struct ax_mediapipe *m)
{
    for (int i = 0; i < 2 && in->n_tensors == 2; i++)
        if (ax_candidates_of(&in->tensors[i], 4 + 2 * m->keypoints, &m->boxes) &&
            ax_candidates_of(&in->tensors[1 - i], 1, &m->scores) && m->scores.count == m->boxes.count)
            return true;
    return false;
}

enum ax_status ax_post_mediapipe(const struct ax_post_step *s, struct ax_mediapipe *m, const struct ax_post_input *in,
                                 struct ax_prediction *r, struct ax_error *err)
{
    static const double published[] = {8, 16, 16, 16}, wide[] = {8, 16, 32, 32, 32};
    const struct ax_param *p = ax_step_param(s->step, "strides");
    const double *strides = p->given ? p->numbers : published;
    int n = p->given ? p->count : 4;
    bool fits = mediapipe_outputs(in, m);
    int64_t count = fits ? ax_mediapipe_anchors(strides, n, m->anchor_offset, in, NULL) : 0;
    if (fits && !p->given && count != m->boxes.count) /* the palm model before 2021 */
        count = ax_mediapipe_anchors(strides = wide, n = 5, m->anchor_offset, in, NULL);
    if (!fits || count != m->boxes.count)
        return ax_post_unfit(in, m->step,
                             "1 x anchors x (4 + 2 * keypoints) and 1 x anchors x 1, as many anchors as \"strides\" give", err);
    float *anchors = AX_NEW(&r->mem, float, 2 * count);
    ax_mediapipe_anchors(strides, n, m->anchor_offset, in, anchors);
    struct ax_scoring sc = {0, 1, ax_candidates_are_logits(&m->scores, 0, 1),
                            (float)ax_step_number(s->step, "confidence_threshold")};
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < count; i++) {
        struct ax_object *o = ax_object_take(s, &m->scores, i, &sc, 1, r);
        if (!o) continue;
        const float *a = anchors + 2 * i;
        float x = ax_candidate(&m->boxes, i, 0) + a[0] * (float)in->input_width;
        float y = ax_candidate(&m->boxes, i, 1) + a[1] * (float)in->input_height;
        float w = ax_candidate(&m->boxes, i, 2) / 2, h = ax_candidate(&m->boxes, i, 3) / 2;
        o->is.label = m->label;
        ax_object_place(o, x - w, y - h, x + w, y + h, in);
        take_points(o, m, i, a, in, &r->mem);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

enum ax_status ax_post_palm(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                            struct ax_error *err)
{
    struct ax_mediapipe m = {.keypoints = ax_step_int(s->step, "keypoints"),
                             .anchor_offset = ax_step_number(s->step, "anchor_offset"),
                             .label = "palm",
                             .step = "decode_palm"};
    return ax_post_mediapipe(s, &m, in, r, err);
}
