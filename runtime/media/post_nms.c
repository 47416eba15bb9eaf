#include "media/post_objects.h"

/* Objects come best first: each is kept unless one that was kept covers it. */
enum ax_status ax_post_nms(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                           struct ax_error *err)
{
    (void)in, (void)err;
    float limit = (float)ax_step_number(s->step, "iou_threshold");
    bool agnostic = ax_step_number(s->step, "class_agnostic") != 0;
    int most = ax_step_int(s->step, "max_boxes"), kept = 0;
    for (int i = 0; i < r->n_objects && kept < most; i++) {
        const struct ax_object *o = &r->objects[i];
        bool covered = false;
        for (int k = 0; k < kept && !covered; k++)
            covered = (agnostic || r->objects[k].is.index == o->is.index) && ax_object_overlap(&r->objects[k], o) > limit;
        if (!covered) r->objects[kept++] = *o;
    }
    r->n_objects = kept;
    return AX_OK;
}
