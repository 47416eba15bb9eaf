#include "app/region.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/post_objects.h"

/* -- from objects to regions -- */

static bool is_wanted(const struct ax_region_rule *rule, const struct ax_class *c)
{
    char number[16];
    if (c->score < (float)rule->min_score) return false;
    snprintf(number, sizeof number, "%d", c->index);
    for (int i = 0; i < rule->n_labels; i++)
        if (!strcmp(rule->labels[i], number) || (c->label && !strcmp(rule->labels[i], c->label))) return true;
    return rule->n_labels == 0;
}

/* Turns the region so that the line between two keypoints has the rule's direction. Cosine and sine of
 * a difference of angles follow from those of the angles: none has to be known. */
static void turn(const struct ax_region_rule *rule, const struct ax_object *o, struct ax_region *r)
{
    static const struct {
        int x, y; /* on the screen, where y grows downwards */
    } ways[4] = {{1, 0}, {0, -1}, {-1, 0}, {0, 1}};
    r->cos = 1, r->sin = 0;
    if (!rule->rotates || rule->rotate_from >= o->n_points || rule->rotate_to >= o->n_points) return;
    const struct ax_point *a = &o->points[rule->rotate_from], *b = &o->points[rule->rotate_to];
    double dx = (double)b->x - a->x, dy = (double)b->y - a->y, length = sqrt(dx * dx + dy * dy);
    if (!(length > 1e-6)) return;
    int way = (rule->angle / 90 + 4) % 4;
    r->cos = (ways[way].x * dx + ways[way].y * dy) / length;
    r->sin = (ways[way].x * dy - ways[way].y * dx) / length;
    r->turned = true;
}

static void clip(struct ax_region *r, int width, int height)
{
    double left = floor(fmax(r->x - r->width / 2, 0)), right = ceil(fmin(r->x + r->width / 2, width));
    double top = floor(fmax(r->y - r->height / 2, 0)), bottom = ceil(fmin(r->y + r->height / 2, height));
    r->width = right - left, r->height = bottom - top;
    r->x = left + r->width / 2, r->y = top + r->height / 2;
}

bool ax_region_of(const struct ax_region_rule *rule, const struct ax_object *o, int width, int height, struct ax_region *out)
{
    double w = (double)o->right - o->left, h = (double)o->bottom - o->top;
    *out = (struct ax_region){.x = o->left + w / 2, .y = o->top + h / 2};
    if (!is_wanted(rule, &o->is) || !(w > 0) || !(h > 0) || fmin(w, h) < rule->min_size) return false;
    turn(rule, o, out);
    double sx = rule->shift_x * w, sy = rule->shift_y * h;
    out->x += sx * out->cos - sy * out->sin;
    out->y += sx * out->sin + sy * out->cos;
    if (rule->square) w = h = fmax(w, h);
    out->width = w * rule->scale_x, out->height = h * rule->scale_y;
    if (!out->turned) clip(out, width, height);
    return out->width >= 1 && out->height >= 1 && out->width <= 32768 && out->height <= 32768;
}

/* -- pixels -- */

static int within(int v, int size)
{
    return v < 0 ? 0 : v > size - 1 ? size - 1 : v;
}

/* Bilinear, in 8-bit fractions of a pixel; outside the nearest pixel of the edge. */
static void sample(const struct ax_image *im, double x, double y, uint8_t *out)
{
    double fx = floor(x), fy = floor(y);
    int ax = (int)((x - fx) * 256), ay = (int)((y - fy) * 256);
    int x0 = within((int)fx, im->width), x1 = within((int)fx + 1, im->width);
    int y0 = within((int)fy, im->height), y1 = within((int)fy + 1, im->height);
    const uint8_t *a = im->data + y0 * im->stride, *b = im->data + y1 * im->stride;
    for (int c = 0; c < im->channels; c++) {
        int top = a[x0 * im->channels + c] * (256 - ax) + a[x1 * im->channels + c] * ax;
        int bottom = b[x0 * im->channels + c] * (256 - ax) + b[x1 * im->channels + c] * ax;
        out[c] = (uint8_t)((top * (256 - ay) + bottom * ay + 32768) >> 16);
    }
}

static struct ax_point to_picture(const struct ax_region *r, double x, double y)
{
    double u = x - r->width / 2, v = y - r->height / 2;
    return (struct ax_point){(float)(r->x + u * r->cos - v * r->sin), (float)(r->y + u * r->sin + v * r->cos), 0};
}

/* What lies far outside is outside: coordinates stay within what an int takes. */
static double near(double v, int size)
{
    return v < -1 ? -1 : v > size ? size : v;
}

static enum ax_status turned_crop(struct ax_region *r, const struct ax_image *im, struct ax_error *err)
{
    int w = (int)lrint(r->width), h = (int)lrint(r->height);
    r->width = w = w < 1 ? 1 : w, r->height = h = h < 1 ? 1 : h;
    enum ax_status s = ax_image_new(w, h, im->channels, &r->crop, err);
    if (s) return s;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double u = x + 0.5 - r->width / 2, v = y + 0.5 - r->height / 2;
            double px = r->x + u * r->cos - v * r->sin - 0.5, py = r->y + u * r->sin + v * r->cos - 0.5;
            sample(im, near(px, im->width), near(py, im->height), r->crop.data + y * r->crop.stride + x * im->channels);
        }
    return AX_OK;
}

enum ax_status ax_region_crop(struct ax_region *r, const struct ax_image *im, struct ax_error *err)
{
    if (r->turned) return turned_crop(r, im, err);
    int left = (int)(r->x - r->width / 2), top = (int)(r->y - r->height / 2);
    r->crop = (struct ax_image){.width = (int)r->width,
                                .height = (int)r->height,
                                .channels = im->channels,
                                .stride = im->stride,
                                .data = im->data + top * im->stride + (int64_t)left * im->channels};
    return AX_OK;
}

void ax_region_free(struct ax_region *r)
{
    if (r->turned) ax_image_free(&r->crop);
    r->crop = (struct ax_image){0};
}

/* -- results -- */

static float inside(float v, int size)
{
    return v > 0 ? v < (float)size ? v : (float)size : 0;
}

/* The box around the turned box. */
static void place_box(const struct ax_region *r, struct ax_object *o, int width, int height)
{
    struct ax_point c[4] = {to_picture(r, o->left, o->top), to_picture(r, o->right, o->top), to_picture(r, o->left, o->bottom),
                            to_picture(r, o->right, o->bottom)};
    struct ax_point low = c[0], high = c[0];
    for (int i = 1; i < 4; i++) {
        low.x = fminf(low.x, c[i].x), low.y = fminf(low.y, c[i].y);
        high.x = fmaxf(high.x, c[i].x), high.y = fmaxf(high.y, c[i].y);
    }
    o->left = inside(low.x, width), o->right = inside(high.x, width);
    o->top = inside(low.y, height), o->bottom = inside(high.y, height);
}

void ax_region_to_picture(const struct ax_region *r, struct ax_prediction *result, int width, int height)
{
    for (int i = 0; i < result->n_objects; i++) {
        struct ax_object *o = &result->objects[i];
        place_box(r, o, width, height);
        if (r->turned) o->mask = NULL; /* it is of the box as the model saw it */
        for (int k = 0; k < o->n_points; k++) {
            struct ax_point p = to_picture(r, o->points[k].x, o->points[k].y);
            o->points[k].x = p.x, o->points[k].y = p.y;
        }
    }
    result->mask = NULL; /* of the crop's pixels, not the picture's */
}

/* -- duplicates -- */

struct candidate {
    struct ax_object *object;
    int order;
    bool dropped;
};

static int best_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->object->is.score != y->object->is.score) return x->object->is.score > y->object->is.score ? -1 : 1;
    return x->order - y->order;
}

static void mark_covered(struct candidate *c, int n, double limit, bool agnostic)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i && !c[i].dropped; k++)
            c[i].dropped = !c[k].dropped && (agnostic || c[k].object->is.index == c[i].object->is.index) &&
                           ax_object_overlap(c[k].object, c[i].object) > (float)limit;
    for (int i = 0; i < n; i++)
        if (c[i].dropped) c[i].object->is.score = -1;
}

void ax_region_suppress(struct ax_prediction *const *results, int n, double iou_threshold, bool class_agnostic)
{
    struct ax_arena mem = {0};
    int count = 0;
    for (int i = 0; i < n; i++) count += results[i]->n_objects;
    struct candidate *all = AX_NEW(&mem, struct candidate, count + 1);
    count = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < results[i]->n_objects; k++, count++)
            all[count] = (struct candidate){&results[i]->objects[k], count, false};
    qsort(all, (size_t)count, sizeof *all, best_first);
    mark_covered(all, count, iou_threshold, class_agnostic);
    for (int i = 0; i < n; i++) {
        int kept = 0;
        for (int k = 0; k < results[i]->n_objects; k++)
            if (results[i]->objects[k].is.score >= 0) results[i]->objects[kept++] = results[i]->objects[k];
        results[i]->n_objects = kept;
    }
    ax_arena_free(&mem);
}
