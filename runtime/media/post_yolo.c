/* The YOLO family where one output holds a candidate's box and scores: YOLOv8 and YOLO11 with their poses and masks, YOLOv5,
 * YOLOX. Boxes are cx, cy, w, h in pixels of the model's input unless a function says otherwise. */
#include "media/post_gfl.h"
#include "media/post_objects.h"

static void place_center(struct ax_object *o, float x, float y, float w, float h, const struct ax_post_input *in)
{
    ax_object_place(o, x - w / 2, y - h / 2, x + w / 2, y + h / 2, in);
}

static void take_box(struct ax_object *o, const struct ax_candidates *c, int64_t i, const struct ax_post_input *in)
{
    place_center(o, ax_candidate(c, i, 0), ax_candidate(c, i, 1), ax_candidate(c, i, 2), ax_candidate(c, i, 3), in);
}

/* -- YOLOv8 and YOLO11 -- */

/* The output of boxes: the first of rank 3 or less; `extra` numbers follow the scores. */
static bool boxes_of(const struct ax_post_step *s, const struct ax_post_input *in, int classes, int extra,
                     struct ax_candidates *c)
{
    (void)s;
    for (int i = 0; i < in->n_tensors; i++)
        if (ax_candidates_of(&in->tensors[i], classes ? 4 + classes + extra : 0, c)) return c->numbers > 4 + extra;
    return false;
}

enum ax_status ax_post_yolov8(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                              struct ax_error *err)
{
    struct ax_candidates c;
    if (in->n_tensors > 1 || (in->n_tensors && in->tensors[0].shape.rank == 4)) {
        struct ax_gfl g = {ax_step_int(s->step, "reg_max"), ax_step_int(s->step, "classes"), true, 0.5, "decode_yolov8"};
        return ax_post_gfl(s, &g, in, r, err);
    }
    if (!boxes_of(s, in, ax_step_int(s->step, "classes"), 0, &c))
        return ax_post_unfit(in, "decode_yolov8",
                             "one output of 1 x (4 + classes) x candidates, or heads of 4 * reg_max and of classes a scale",
                             err);
    struct ax_scoring sc = ax_scoring_of(s, &c, 4, c.numbers - 4);
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < c.count; i++) {
        struct ax_object *o = ax_object_take(s, &c, i, &sc, 1, r);
        if (!o) continue;
        take_box(o, &c, i, in);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* -- poses -- */

static void take_points(struct ax_object *o, const struct ax_candidates *c, int64_t i, int first, int each, bool logits,
                        const struct ax_post_input *in, struct ax_prediction *r)
{
    o->points = AX_NEW(&r->mem, struct ax_point, o->n_points);
    for (int p = 0; p < o->n_points; p++) {
        int at = first + p * each;
        float v = each == 3 ? ax_candidate(c, i, at + 2) : 1;
        o->points[p] = ax_point_place(ax_candidate(c, i, at), ax_candidate(c, i, at + 1),
                                      logits && each == 3 ? ax_post_sigmoid(v) : v, in);
    }
}

enum ax_status ax_post_yolo_pose(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                 struct ax_error *err)
{
    struct ax_candidates c;
    int points = ax_step_int(s->step, "keypoints"), each = 3;
    bool fits = in->n_tensors == 1 && ax_candidates_of(&in->tensors[0], 5 + 3 * points, &c);
    if (!fits && in->n_tensors == 1) {
        each = 2;
        fits = ax_candidates_of(&in->tensors[0], 5 + 2 * points, &c);
    }
    if (!fits)
        return ax_post_unfit(in, "decode_yolo_pose", "one of 1 x (5 + 3 * keypoints) x candidates; is \"keypoints\" right?",
                             err);
    struct ax_scoring sc = ax_scoring_of(s, &c, 4, 1);
    bool logits = false; /* of the points' visibility */
    for (int p = 0; p < points && each == 3; p++) logits |= ax_candidates_are_logits(&c, 5 + p * 3 + 2, 1);
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < c.count; i++) {
        struct ax_object *o = ax_object_take(s, &c, i, &sc, 1, r);
        if (!o) continue;
        o->n_points = points;
        o->least_visible = (float)ax_step_number(s->step, "keypoint_threshold");
        take_box(o, &c, i, in);
        take_points(o, &c, i, 5, each, logits, in, r);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* -- YOLOv5 -- */

/* YOLOv5's own for COCO, three a scale of 8, 16, 32. */
static const double coco_anchors[] = {10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326};

static struct ax_object *take_scored(const struct ax_post_step *s, const struct ax_candidates *c, int64_t i,
                                     const struct ax_scoring *sc, struct ax_prediction *r)
{
    float objectness = ax_candidate(c, i, 4);
    if (sc->logits) objectness = ax_post_sigmoid(objectness);
    return objectness >= sc->least ? ax_object_take(s, c, i, sc, objectness, r) : NULL;
}

/* A raw head: [1, anchors * (5 + classes), h, w] or [1, anchors, h, w, 5 + classes]. */
struct head {
    int width, height, anchors, numbers;
    int64_t anchor_step, cell_step, row;
    const float *data;
};

static bool head_of(const struct ax_post_tensor *t, int per_scale, int classes, struct head *h)
{
    const int64_t *d = t->shape.dim;
    if (t->shape.rank == 4 && d[0] == 1 && d[1] % per_scale == 0) {
        int64_t plane = d[2] * d[3], numbers = d[1] / per_scale;
        *h = (struct head){(int)d[3], (int)d[2], per_scale, (int)numbers, numbers * plane, 1, plane, t->data};
    } else if (t->shape.rank == 5 && d[0] == 1 && d[1] == per_scale)
        *h = (struct head){(int)d[3], (int)d[2], per_scale, (int)d[4], d[2] * d[3] * d[4], d[4], 1, t->data};
    else
        return false;
    return h->numbers > 5 && (!classes || h->numbers == 5 + classes) && h->width > 0 && h->height > 0;
}

static void take_raw(struct ax_object *o, const struct ax_candidates *c, int64_t i, int width, double sx, double sy,
                     const double anchor[2], const struct ax_post_input *in)
{
    float v[4];
    for (int k = 0; k < 4; k++) v[k] = 2 * ax_post_sigmoid(ax_candidate(c, i, k));
    float x = (float)((v[0] - 0.5 + (double)(i % width)) * sx), y = (float)((v[1] - 0.5 + (double)(i / width)) * sy);
    place_center(o, x, y, (float)(v[2] * v[2] * anchor[0]), (float)(v[3] * v[3] * anchor[1]), in);
}

static void decode_head(const struct ax_post_step *s, const struct head *h, const double *anchors,
                        const struct ax_post_input *in, struct ax_prediction *r)
{
    double sx = (double)in->input_width / h->width, sy = (double)in->input_height / h->height;
    struct ax_candidates c = {h->data, (int64_t)h->width * h->height, h->cell_step, h->row, h->numbers};
    struct ax_scoring sc = {5, h->numbers - 5, true, (float)ax_step_number(s->step, "confidence_threshold")};
    for (int a = 0; a < h->anchors; a++) {
        c.data = h->data + a * h->anchor_step;
        for (int64_t i = 0; i < c.count; i++) {
            struct ax_object *o = take_scored(s, &c, i, &sc, r);
            if (o) take_raw(o, &c, i, h->width, sx, sy, anchors + 2 * a, in);
        }
    }
}

/* Heads from fine to coarse, as anchors are listed; the outputs may come in any order. */
static enum ax_status yolov5_heads(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                   struct ax_error *err)
{
    const struct ax_param *p = ax_step_param(s->step, "anchors");
    const double *anchors = p->given ? p->numbers : coco_anchors;
    int n = p->given ? p->count : 18, scales = in->n_tensors, per_scale = scales ? n / 2 / scales : 0;
    struct head heads[AX_MAX_LEVELS];
    bool fits = scales > 0 && scales <= AX_MAX_LEVELS && per_scale > 0 && per_scale * 2 * scales == n;
    for (int i = 0; i < scales && fits; i++) {
        struct head h;
        int at = i;
        fits = head_of(&in->tensors[i], per_scale, ax_step_int(s->step, "classes"), &h);
        for (; fits && at > 0 && heads[at - 1].width * heads[at - 1].height < h.width * h.height; at--)
            heads[at] = heads[at - 1];
        if (fits) heads[at] = h;
    }
    if (!fits)
        return ax_post_unfit(
            in, "decode_yolov5",
            "one of 1 x candidates x (5 + classes), or a head of 1 x (anchors * (5 + classes)) x h x w a scale; "
            "\"anchors\" has a width and a height for each anchor of each scale",
            err);
    for (int i = 0; i < scales; i++) decode_head(s, &heads[i], anchors + (size_t)i * 2 * (size_t)per_scale, in, r);
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

enum ax_status ax_post_yolov5(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                              struct ax_error *err)
{
    struct ax_candidates c;
    int classes = ax_step_int(s->step, "classes");
    if (!in->n_tensors || !ax_candidates_of(&in->tensors[0], classes ? 5 + classes : 0, &c) || c.numbers < 6)
        return yolov5_heads(s, in, r, err);
    struct ax_scoring sc = ax_scoring_of(s, &c, 5, c.numbers - 5);
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < c.count; i++) {
        struct ax_object *o = take_scored(s, &c, i, &sc, r);
        if (o) take_box(o, &c, i, in);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* -- YOLOX: centres from their cell's corner, sizes as logarithms, both in strides -- */

static void yolox_level(const struct ax_post_step *s, const struct ax_candidates *c, const struct ax_level *l,
                        const struct ax_scoring *sc, const struct ax_post_input *in, struct ax_prediction *r)
{
    for (int64_t i = 0; i < c->count; i++) {
        struct ax_object *o = take_scored(s, c, i, sc, r);
        if (!o) continue;
        float x = (float)((ax_candidate(c, i, 0) + (double)(i % l->width)) * l->stride_x);
        float y = (float)((ax_candidate(c, i, 1) + (double)(i / l->width)) * l->stride_y);
        float w = (float)(ax_post_exp(ax_candidate(c, i, 2)) * l->stride_x);
        float h = (float)(ax_post_exp(ax_candidate(c, i, 3)) * l->stride_y);
        place_center(o, x, y, w, h, in);
    }
}

enum ax_status ax_post_yolox(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                             struct ax_error *err)
{
    struct ax_candidates c;
    struct ax_level levels[AX_MAX_LEVELS];
    int classes = ax_step_int(s->step, "classes"), n = 0;
    if (in->n_tensors == 1 && ax_candidates_of(&in->tensors[0], classes ? 5 + classes : 0, &c) && c.numbers > 5)
        n = ax_levels_of(s, in, c.count, 1, levels);
    if (!n)
        return ax_post_unfit(in, "decode_yolox",
                             "one of 1 x cells x (5 + classes), the cells of all scales; \"strides\" says which scales", err);
    struct ax_scoring sc = ax_scoring_of(s, &c, 5, c.numbers - 5);
    ax_objects_reserve(r, 0);
    for (int l = 0; l < n; l++) {
        c.count = (int64_t)levels[l].width * levels[l].height;
        yolox_level(s, &c, &levels[l], &sc, in, r);
        c.data += c.count * c.step;
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* -- masks -- */

/* The prototypes: [1, masks, h, w]. */
static const struct ax_post_tensor *prototypes_of(const struct ax_post_input *in, int masks)
{
    for (int i = 0; i < in->n_tensors; i++) {
        const struct ax_shape *s = &in->tensors[i].shape;
        if (s->rank == 4 && s->dim[0] == 1 && s->dim[1] == masks && s->dim[2] > 0 && s->dim[3] > 0) return &in->tensors[i];
    }
    return NULL;
}

enum ax_status ax_post_yolo_seg(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                struct ax_error *err)
{
    struct ax_candidates c;
    int masks = ax_step_int(s->step, "masks");
    if (!prototypes_of(in, masks) || !boxes_of(s, in, ax_step_int(s->step, "classes"), masks, &c))
        return ax_post_unfit(in, "decode_yolo_seg",
                             "1 x (4 + classes + masks) x candidates and 1 x masks x h x w; is \"masks\" right?", err);
    int classes = c.numbers - 4 - masks;
    struct ax_scoring sc = ax_scoring_of(s, &c, 4, classes);
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < c.count; i++) {
        struct ax_object *o = ax_object_take(s, &c, i, &sc, 1, r);
        if (!o) continue;
        float *weights = AX_NEW(&r->mem, float, masks);
        for (int m = 0; m < masks; m++) weights[m] = ax_candidate(&c, i, 4 + classes + m);
        o->mask_weights = weights;
        take_box(o, &c, i, in);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

/* Prototypes weighted and added. */
static void combine(const struct ax_post_tensor *t, const float *weights, float *plane)
{
    int64_t n = t->shape.dim[2] * t->shape.dim[3];
    for (int64_t k = 0; k < n; k++) plane[k] = 0;
    for (int64_t m = 0; m < t->shape.dim[1]; m++)
        for (int64_t k = 0; k < n; k++) plane[k] += weights[m] * t->data[m * n + k];
}

static double clamp(double v, double most)
{
    return v > 0 ? v < most ? v : most : 0;
}

static double sample(const float *plane, int w, int h, double x, double y)
{
    x = clamp(x, w - 1), y = clamp(y, h - 1);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + (x0 + 1 < w), y1 = y0 + (y0 + 1 < h);
    double fx = x - x0, fy = y - y0;
    double top = plane[y0 * w + x0] * (1 - fx) + plane[y0 * w + x1] * fx;
    double bottom = plane[y1 * w + x0] * (1 - fx) + plane[y1 * w + x1] * fx;
    return top * (1 - fy) + bottom * fy;
}

/* A mask covers its object's box, a pixel a pixel of the picture, in large boxes a pixel several. */
static struct ax_mask *make_mask(const struct ax_object *o, const float *plane, int w, int h, double least,
                                 const struct ax_post_input *in, struct ax_arena *mem)
{
    enum { LARGEST = 1024 };
    struct ax_mask *m = AX_NEW(mem, struct ax_mask, 1);
    double bw = o->right - o->left, bh = o->bottom - o->top;
    m->width = (int)clamp(ceil(bw) - 1, LARGEST - 1) + 1;
    m->height = (int)clamp(ceil(bh) - 1, LARGEST - 1) + 1;
    m->data = AX_NEW(mem, uint8_t, m->width * m->height);
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            double px = o->left + (x + 0.5) * bw / m->width, py = o->top + (y + 0.5) * bh / m->height;
            double u = (px * in->fit.scale_x + in->fit.offset_x) * w / in->input_width - 0.5;
            double v = (py * in->fit.scale_y + in->fit.offset_y) * h / in->input_height - 0.5;
            m->data[y * m->width + x] = sample(plane, w, h, u, v) > least;
        }
    return m;
}

enum ax_status ax_post_yolo_seg_masks(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                      struct ax_error *err)
{
    (void)err;
    const struct ax_post_tensor *t = prototypes_of(in, ax_step_int(s->step, "masks"));
    int w = (int)t->shape.dim[3], h = (int)t->shape.dim[2];
    double p = clamp(ax_step_number(s->step, "mask_threshold") - 1e-9, 1 - 2e-9) + 1e-9;
    double least = (ax_log2(p) - ax_log2(1 - p)) * 0.69314718055994531; /* where the sigmoid is p */
    float *plane = AX_NEW(&r->mem, float, (size_t)w *(size_t)h);
    for (int i = 0; i < r->n_objects; i++) {
        struct ax_object *o = &r->objects[i];
        if (!o->mask_weights) continue;
        combine(t, o->mask_weights, plane);
        o->mask = make_mask(o, plane, w, h, least, in, &r->mem);
    }
    return AX_OK;
}
