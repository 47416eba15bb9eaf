/* Resize: attributes to codes. */
#include "lower/resize.h"
#include "lower/rules.h"

#include <string.h>

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize", NULL};
static const char *const nearests[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};

static enum ax_status code(struct low *L, const struct ax_node *n, const char *attr, const char *otherwise,
                           const char *const *names, int32_t *out)
{
    const char *text = ax_node_string(n, attr, otherwise);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text)) continue;
        *out = i;
        return AX_OK;
    }
    return low_fail(L, AX_UNSUPPORTED, "%s = \"%s\" is not known", attr, text);
}

static void floats_of(const struct ax_node *n, const char *attr, float *out, int count)
{
    const struct ax_attr *a = ax_node_attr(n, attr);
    if (!a || a->type != AX_ATTR_FLOATS) return;
    for (int i = 0; i < count && i < a->count; i++) out[i] = a->floats[i];
}

enum ax_status low_resize_params(struct low *L, const struct ax_node *n, struct ax_resize_params *p)
{
    const struct ax_shape *x = &low_value(L, n->inputs[0])->shape, *y = &low_value(L, n->outputs[0])->shape;
    *p = (struct ax_resize_params){.antialias = (int32_t)ax_node_int(n, "antialias", 0),
                                   .exclude_outside = (int32_t)ax_node_int(n, "exclude_outside", 0),
                                   .cubic_a = ax_node_float(n, "cubic_coeff_a", -0.75f),
                                   .extrapolation = ax_node_float(n, "extrapolation_value", 0)};
    for (int i = 0; i < x->rank; i++) p->scale[i] = (float)((double)y->dim[i] / (double)x->dim[i]), p->roi[x->rank + i] = 1;
    floats_of(n, "scales", p->scale, x->rank);
    floats_of(n, "roi", p->roi, 2 * x->rank);
    LOW_TRY(code(L, n, "mode", "nearest", modes, &p->mode));
    LOW_TRY(code(L, n, "coordinate_transformation_mode", "half_pixel", coordinates, &p->coordinate));
    return code(L, n, "nearest_mode", "round_prefer_floor", nearests, &p->nearest);
}

enum ax_status low_resize(struct low *L, const struct ax_node *n)
{
    struct ax_resize_params p;
    LOW_TRY(low_resize_params(L, n, &p));
    int x = low_in(L, n->inputs[0]);
    LOW_STEP(L, RESIZE_F32, LOW_LIST(x), LOW_LIST(low_out(L, n->outputs[0])), p);
    return AX_OK;
}
