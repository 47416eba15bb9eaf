/* Steps that drop results: by score, by label. */
#include <stdio.h>
#include <string.h>

#include "media/post_step.h"

typedef bool keep_fn(const struct ax_post_step *s, const struct ax_class *c);

static bool is_good(const struct ax_post_step *s, const struct ax_class *c)
{
    return c->score >= (float)ax_step_number(s->step, "confidence_threshold");
}

static bool is_named(const struct ax_post_step *s, const struct ax_class *c)
{
    const struct ax_param *keep = ax_step_param(s->step, "keep");
    char number[16];
    snprintf(number, sizeof number, "%d", c->index);
    for (int i = 0; i < keep->count; i++)
        if (!strcmp(keep->texts[i], number) || (c->label && !strcmp(keep->texts[i], c->label))) return true;
    return false;
}

static enum ax_status filter(const struct ax_post_step *s, struct ax_prediction *r, keep_fn *keep)
{
    int n = 0;
    for (int i = 0; i < r->n_classes; i++)
        if (keep(s, &r->classes[i])) r->classes[n++] = r->classes[i];
    r->n_classes = n;
    n = 0;
    for (int i = 0; i < r->n_objects; i++)
        if (keep(s, &r->objects[i].is)) r->objects[n++] = r->objects[i];
    r->n_objects = n;
    return AX_OK;
}

enum ax_status ax_post_threshold(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                 struct ax_error *err)
{
    (void)in, (void)err;
    return filter(s, r, is_good);
}

enum ax_status ax_post_label_filter(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                    struct ax_error *err)
{
    (void)in, (void)err;
    return filter(s, r, is_named);
}
