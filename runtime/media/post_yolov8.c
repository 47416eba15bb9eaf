/* Boxes of YOLOv8 and YOLO11 as their exporters give them: one output, a column an anchor, cx, cy, w, h in pixels of the
 * model's input and then a score a class. */
#include <math.h>
#include <stdlib.h>

#include "kernels/power.h"
#include "media/post_objects.h"

/* The output seen as anchors; `step` elements from anchor to anchor, `row` from number to number of one. */
struct anchors {
    const float *data;
    int64_t count, step, row;
    int classes;
    bool logits;
};

static enum ax_status view(const struct ax_post_step *s, const struct ax_post_input *in, struct anchors *a,
                           struct ax_error *err)
{
    int classes = ax_step_int(s->step, "classes"), fits = 0;
    char text[AX_SHAPE_TEXT] = "missing";
    if (in->n_tensors) ax_shape_text(&in->tensors[0].shape, text);
    if (in->n_tensors == 1 && in->tensors[0].shape.rank == 3) {
        int64_t rows = in->tensors[0].shape.dim[1], columns = in->tensors[0].shape.dim[2];
        bool across = classes ? rows != 4 + classes && columns == 4 + classes : columns < rows;
        int64_t numbers = across ? columns : rows;
        *a = (struct anchors){
            in->tensors[0].data, across ? rows : columns, across ? columns : 1, across ? 1 : columns, 0, false};
        fits = numbers > 4 && numbers <= 100004 && (!classes || numbers == 4 + classes);
        a->classes = fits ? (int)numbers - 4 : 0;
    }
    if (fits) return AX_OK;
    return ax_fail(err, AX_SHAPE,
                   "decode_yolov8: the model has %d outputs, the first is %s; one of 1 x (4 + classes) x anchors is expected%s",
                   in->n_tensors, text, classes ? ", with as many classes as model.json says" : "");
}

/* Whether scores still need a sigmoid: some are no probabilities. */
static bool are_logits(const struct ax_post_step *s, const struct anchors *a)
{
    if (!ax_step_is(s->step, "scores", "auto")) return ax_step_is(s->step, "scores", "logits");
    for (int64_t i = 0; i < a->count; i++)
        for (int c = 0; c < a->classes; c++) {
            float v = a->data[i * a->step + (4 + c) * a->row];
            if (v < -0.01f || v > 1.01f) return true;
        }
    return false;
}

static float sigmoid(float x)
{
    double e = -(double)x * 1.4426950408889634;
    return (float)(1 / (1 + ax_exp2(e > 1000 ? 1000 : e < -1000 ? -1000 : e)));
}

static void take_box(const float *at, int64_t row, const struct ax_post_input *in, struct ax_object *o)
{
    float x = at[0], y = at[row], w = at[2 * row] / 2, h = at[3 * row] / 2;
    ax_object_place(o, x - w, y - h, x + w, y + h, in);
}

enum ax_status ax_post_yolov8(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_result *r,
                              struct ax_error *err)
{
    struct anchors a = {0};
    enum ax_status st = view(s, in, &a, err);
    if (st) return st;
    float least = (float)ax_step_number(s->step, "confidence_threshold");
    a.logits = are_logits(s, &a);
    r->objects = AX_NEW(&r->mem, struct ax_object, a.count + 1);
    for (int64_t i = 0; i < a.count; i++) {
        const float *at = a.data + i * a.step, *scores = at + 4 * a.row;
        int best = 0;
        for (int c = 1; c < a.classes; c++)
            if (scores[c * a.row] > scores[best * a.row]) best = c;
        float score = a.logits ? sigmoid(scores[best * a.row]) : scores[best * a.row];
        if (!(score >= least)) continue;
        struct ax_object *o = &r->objects[r->n_objects++];
        o->is = (struct ax_class){best, score, ax_post_label(s, best)};
        take_box(at, a.row, in, o);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}
