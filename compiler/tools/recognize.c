#include "tools/recognize.h"

#include <string.h>

enum { MAX_OUTPUTS = 32 };

/* Outputs as tables (1 x rows x columns, or without the 1) or as maps (1 x channels x h x w). */
struct out {
    int64_t rows, columns;
    int64_t channels, h, w;
};

struct view {
    int64_t width, height;
    struct out out[MAX_OUTPUTS];
    int n;
};

static struct out out_of(const struct ax_shape *s)
{
    struct out o = {0};
    const int64_t *d = s->dim;
    if (s->rank == 4 && d[0] == 1)
        o.channels = d[1], o.h = d[2], o.w = d[3];
    else if (s->rank == 2 || (s->rank == 3 && d[0] == 1))
        o.rows = d[s->rank - 2], o.columns = d[s->rank - 1];
    return o;
}

static bool view_of(const struct ax_graph *g, struct view *v)
{
    *v = (struct view){0};
    if (g->n_inputs != 1 || g->n_outputs < 1 || g->n_outputs > MAX_OUTPUTS) return false;
    const struct ax_shape *s = &g->values[g->inputs[0]].shape;
    if (s->rank != 4 || (s->dim[1] != 3 && s->dim[3] != 3)) return false;
    bool first = s->dim[1] == 3;
    v->height = s->dim[first ? 2 : 1], v->width = s->dim[first ? 3 : 2];
    v->n = g->n_outputs;
    for (int i = 0; i < v->n; i++) v->out[i] = out_of(&g->values[g->outputs[i]].shape);
    return v->width > 0 && v->height > 0 && v->width <= 65536 && v->height <= 65536;
}

static int64_t cells_at(const struct view *v, int64_t stride)
{
    return ((v->width + stride - 1) / stride) * ((v->height + stride - 1) / stride);
}

/* Of the strides 8, 16, 32 and on. */
static int64_t cells(const struct view *v, int levels)
{
    int64_t n = 0;
    for (int i = 0; i < levels; i++) n += cells_at(v, 8 << i);
    return n;
}

/* Tables of that size among the outputs. */
static int tables(const struct view *v, int64_t rows, int64_t columns)
{
    int n = 0;
    for (int i = 0; i < v->n; i++) n += v->out[i].rows == rows && v->out[i].columns == columns;
    return n;
}

static int maps(const struct view *v, int64_t channels, int64_t h, int64_t w)
{
    int n = 0;
    for (int i = 0; i < v->n; i++) n += v->out[i].channels == channels && v->out[i].h == h && v->out[i].w == w;
    return n;
}

/* -- faces, hands -- */

static bool is_yunet(const struct view *v)
{
    bool ok = v->n == 12;
    for (int64_t s = 8; s <= 32 && ok; s *= 2)
        ok = tables(v, cells_at(v, s), 1) == 2 && tables(v, cells_at(v, s), 4) == 1 && tables(v, cells_at(v, s), 10) == 1;
    return ok;
}

static bool is_scrfd(const struct view *v)
{
    bool ok = v->n == 9;
    for (int64_t s = 8; s <= 32 && ok; s *= 2) {
        int64_t n = 2 * cells_at(v, s);
        ok = tables(v, n, 1) == 1 && tables(v, n, 4) == 1 && tables(v, n, 10) == 1;
    }
    return ok;
}

static bool is_ultraface(const struct view *v)
{
    int64_t n = 3 * cells_at(v, 8) + 2 * cells_at(v, 16) + 2 * cells_at(v, 32) + 3 * cells_at(v, 64);
    return v->n == 2 && tables(v, n, 2) == 1 && tables(v, n, 4) == 1;
}

/* Two anchors a cell and layer, of strides 8, 16, 16, 16. */
static int64_t mediapipe_anchors(const struct view *v)
{
    return 2 * cells_at(v, 8) + 6 * cells_at(v, 16);
}

static bool is_palm(const struct view *v)
{
    int64_t n = mediapipe_anchors(v), before_2021 = 2 * cells_at(v, 8) + 2 * cells_at(v, 16) + 6 * cells_at(v, 32);
    for (int i = 0; i < 2; i++, n = before_2021)
        if (v->n == 2 && tables(v, n, 18) == 1 && tables(v, n, 1) == 1) return true;
    return false;
}

static bool is_blazeface(const struct view *v)
{
    int64_t n = mediapipe_anchors(v);
    return v->n == 2 && tables(v, n, 16) == 1 && tables(v, n, 1) == 1;
}

static bool is_hand_landmark(const struct view *v)
{
    return v->width == 224 && v->height == 224 && v->n == 4 && tables(v, 1, 63) == 2 && tables(v, 1, 1) == 2;
}

/* -- poses -- */

static bool is_movenet(const struct view *v)
{
    int64_t h = v->height / 4, w = v->width / 4;
    return v->n == 4 && maps(v, 1, h, w) == 1 && maps(v, 17, h, w) == 1 && maps(v, 34, h, w) == 2;
}

static bool is_posenet(const struct view *v)
{
    int64_t h = v->out[0].h, w = v->out[0].w;
    return v->n == 3 && maps(v, 17, h, w) == 1 && maps(v, 34, h, w) == 1 && maps(v, 64, h, w) == 1;
}

/* A box, a score and 17 keypoints of three numbers. */
static bool is_yolov8_pose(const struct view *v)
{
    return v->n == 1 && tables(v, 56, cells(v, 3)) == 1;
}

/* -- detectors -- */

static bool is_yolov8_seg(const struct view *v)
{
    int64_t n = cells(v, 3);
    if (v->n != 2 || maps(v, 32, v->height / 4, v->width / 4) != 1) return false;
    for (int i = 0; i < 2; i++)
        if (v->out[i].columns == n && v->out[i].rows > 4 + 32) return true;
    return false;
}

/* 80 classes are COCO's; another count may be anything's, as an oriented box's angle. */
static bool is_yolov8(const struct view *v)
{
    return v->n == 1 && tables(v, 84, cells(v, 3)) == 1;
}

static bool may_be_yolov8(const struct view *v)
{
    return v->n == 1 && v->out[0].columns == cells(v, 3) && v->out[0].rows > 4;
}

static bool is_yolov5(const struct view *v)
{
    return v->n == 1 && v->out[0].rows == 3 * cells(v, 3) && v->out[0].columns > 5;
}

/* Raw heads of three anchors a scale; older YOLOs have the same and decode them otherwise. */
static bool may_be_yolov5(const struct view *v)
{
    for (int i = 0; i < 3 && v->n == 3; i++) {
        int64_t s = 8 << i;
        int found = 0;
        for (int k = 0; k < 3; k++)
            found += v->out[k].h == v->height / s && v->out[k].w == v->width / s && v->out[k].channels > 15 &&
                     v->out[k].channels % 3 == 0;
        if (found != 1) return false;
    }
    return v->n == 3;
}

static bool is_yolox(const struct view *v)
{
    return v->n == 1 && tables(v, cells(v, 3), 85) == 1;
}

static bool may_be_yolox(const struct view *v)
{
    return v->n == 1 && v->out[0].rows == cells(v, 3) && v->out[0].columns > 5;
}

static bool is_yolo26(const struct view *v)
{
    return v->n == 1 && tables(v, 300, 6) == 1;
}

/* Scores and distributions of 8 bins for each scale. */
static bool has_gfl_heads(const struct view *v, int levels)
{
    if (v->n != 2 * levels) return false;
    for (int i = 0; i < levels; i++) {
        int64_t n = cells_at(v, 8 << i);
        int all = 0;
        for (int k = 0; k < v->n; k++) all += v->out[k].rows == n && v->out[k].columns > 0;
        if (all != 2 || !tables(v, n, 32)) return false;
    }
    return true;
}

static bool is_nanodet(const struct view *v)
{
    return has_gfl_heads(v, 3);
}

static bool is_picodet(const struct view *v)
{
    return has_gfl_heads(v, 4);
}

static bool is_nanodet_plus(const struct view *v)
{
    return v->n == 1 && v->out[0].rows == cells(v, 4) && v->out[0].columns > 32;
}

/* Anchors are in a file of their own, and their number says nothing. */
static bool may_be_ssd(const struct view *v)
{
    for (int i = 0; i < 2 && v->n == 2; i++) {
        const struct out *boxes = &v->out[i], *scores = &v->out[1 - i];
        if (boxes->columns == 4 && boxes->rows > 100 && scores->rows == boxes->rows && scores->columns > 1) return true;
    }
    return false;
}

/* -- pixels, classes -- */

static bool may_be_deeplabv3(const struct view *v)
{
    return v->n == 1 && v->out[0].channels == 21 && v->out[0].h * 16 >= v->height && v->out[0].w * 16 >= v->width;
}

static int64_t scores_of(const struct view *v)
{
    const struct out *o = &v->out[0];
    if (v->n != 1) return 0;
    return o->rows == 1 ? o->columns : o->h == 1 && o->w == 1 ? o->channels : 0;
}

static bool may_be_classifier(const struct view *v)
{
    return scores_of(v) == 1000;
}

static bool may_be_classifier_tf(const struct view *v)
{
    return scores_of(v) == 1001;
}

/* -- all -- */

static const struct rule {
    const char *family;
    bool certain;
    bool (*fits)(const struct view *v);
} rules[] = {
    {"yunet", true, is_yunet},
    {"scrfd", true, is_scrfd},
    {"ultraface", true, is_ultraface},
    {"palm", true, is_palm},
    {"blazeface", true, is_blazeface},
    {"hand_landmark", true, is_hand_landmark},
    {"movenet", true, is_movenet},
    {"posenet", true, is_posenet},
    {"yolov8_seg", true, is_yolov8_seg},
    {"yolov8_pose", true, is_yolov8_pose},
    {"yolov8", true, is_yolov8},
    {"yolov5", true, is_yolov5},
    {"yolox", true, is_yolox},
    {"yolo26", true, is_yolo26},
    {"nanodet", true, is_nanodet},
    {"picodet", true, is_picodet},
    {"nanodet_plus", true, is_nanodet_plus},
    {"yolov8", false, may_be_yolov8},
    {"yolox", false, may_be_yolox},
    {"yolov5", false, may_be_yolov5},
    {"ssd_mobilenet", false, may_be_ssd},
    {"deeplabv3", false, may_be_deeplabv3},
    {"classifier", false, may_be_classifier},
    {"classifier_tf", false, may_be_classifier_tf},
};

const char *ax_family_recognize(const struct ax_graph *g, bool *certain)
{
    struct view v;
    *certain = false;
    if (!view_of(g, &v)) return NULL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].fits(&v)) {
            *certain = rules[i].certain;
            return rules[i].family;
        }
    return NULL;
}

static int64_t ssd_classes(const struct view *v, const struct ax_pipe_step *step)
{
    for (int i = 0; i < 2 && v->n == 2; i++)
        if (v->out[i].columns == 4) return v->out[1 - i].columns - (ax_step_number(step, "background") != 0);
    return 0;
}

int ax_family_classes(const struct ax_graph *g, const struct ax_pipe_step *step)
{
    struct view v;
    int64_t n = 0;
    if (!view_of(g, &v)) return 0;
    const struct out *o = &v.out[0];
    int64_t shorter = o->rows < o->columns ? o->rows : o->columns;
    switch (step->kind) {
    case AX_PIPE_DECODE_YOLOV8: n = v.n == 1 ? shorter - 4 : 0; break;
    case AX_PIPE_DECODE_YOLOV5:
    case AX_PIPE_DECODE_YOLOX: n = v.n == 1 ? shorter - 5 : 0; break;
    case AX_PIPE_DECODE_YOLO_SEG: n = (o->rows ? o->rows : v.out[1].rows) - 4 - ax_step_int(step, "masks"); break;
    case AX_PIPE_DECODE_SSD: n = ssd_classes(&v, step); break;
    case AX_PIPE_ARGMAX_MASK: n = v.n == 1 ? o->channels : 0; break;
    case AX_PIPE_DECODE_NANODET:
        if (v.n == 1) n = o->columns - 4 * (ax_step_int(step, "reg_max") + 1);
        for (int i = 0; i < v.n && v.n > 1; i++)
            if (v.out[i].columns != 4 * (ax_step_int(step, "reg_max") + 1)) n = v.out[i].columns;
        break;
    default: break;
    }
    return n > 0 && n <= 100000 ? (int)n : 0;
}
