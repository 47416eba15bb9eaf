/* Models that decode and suppress themselves: a line of left, top, right, bottom, score, class for each object, in pixels of
 * the model's input (YOLOv10, YOLO26). */
#include "media/post_objects.h"

static int class_of(float v, int classes)
{
    int most = classes ? classes - 1 : 99999;
    return v > 0 ? v < most ? (int)(v + 0.5f) : most : 0;
}

enum ax_status ax_post_end2end(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                               struct ax_error *err)
{
    struct ax_candidates c;
    float least = (float)ax_step_number(s->step, "confidence_threshold");
    if (in->n_tensors != 1 || !ax_candidates_of(&in->tensors[0], 6, &c))
        return ax_post_unfit(in, "decode_end2end", "one of 1 x objects x 6: left, top, right, bottom, score, class", err);
    ax_objects_reserve(r, c.count);
    for (int64_t i = 0; i < c.count; i++) {
        float v[6];
        for (int k = 0; k < 6; k++) v[k] = ax_candidate(&c, i, k);
        if (!(v[4] >= least)) continue;
        int k = class_of(v[5], ax_step_int(s->step, "classes"));
        struct ax_object *o = &r->objects[r->n_objects++];
        *o = (struct ax_object){.is = {k, v[4], ax_post_label(s, k)}};
        ax_object_place(o, v[0], v[1], v[2], v[3], in);
    }
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}
