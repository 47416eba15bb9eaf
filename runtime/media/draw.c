#include "media/draw.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "media/font.h"

struct color {
    uint8_t rgb[3];
};

struct canvas {
    struct ax_image *im;
    int line, letter; /* thickness, and pixels a dot of the font */
};

/* Twenty colours that are told apart; classes beyond share them. */
static struct color color_of(int i)
{
    static const struct color colors[] = {{{230, 57, 70}},  {{42, 157, 143}},  {{69, 123, 217}},  {{244, 162, 97}},
                                          {{131, 56, 236}}, {{6, 214, 160}},   {{255, 190, 11}},  {{239, 71, 111}},
                                          {{17, 138, 178}}, {{120, 190, 33}},  {{255, 112, 67}},  {{94, 96, 206}},
                                          {{0, 180, 216}},  {{214, 40, 140}},  {{148, 163, 30}},  {{188, 108, 37}},
                                          {{72, 191, 227}}, {{181, 101, 216}}, {{249, 132, 150}}, {{64, 145, 108}}};
    int n = sizeof colors / sizeof *colors;
    return colors[((i % n) + n) % n];
}

static uint8_t *pixel(const struct canvas *c, int x, int y)
{
    return c->im->data + (size_t)y * (size_t)c->im->stride + (size_t)x * 3;
}

/* alpha: 256 covers. Clipped to the picture. */
static void fill(const struct canvas *c, int left, int top, int right, int bottom, struct color k, int alpha)
{
    left = left > 0 ? left : 0, top = top > 0 ? top : 0;
    right = right < c->im->width ? right : c->im->width, bottom = bottom < c->im->height ? bottom : c->im->height;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            for (int ch = 0; ch < 3; ch++) {
                uint8_t *p = pixel(c, x, y) + ch;
                *p = (uint8_t)((*p * (256 - alpha) + k.rgb[ch] * alpha) >> 8);
            }
}

static void frame(const struct canvas *c, int left, int top, int right, int bottom, struct color k)
{
    int t = c->line;
    fill(c, left, top, right, top + t, k, 256);
    fill(c, left, bottom - t, right, bottom, k, 256);
    fill(c, left, top + t, left + t, bottom - t, k, 256);
    fill(c, right - t, top + t, right, bottom - t, k, 256);
}

static void dot(const struct canvas *c, double x, double y, double radius, struct color k)
{
    for (int v = (int)floor(y - radius); v <= (int)ceil(y + radius); v++)
        for (int u = (int)floor(x - radius); u <= (int)ceil(x + radius); u++)
            if ((u + 0.5 - x) * (u + 0.5 - x) + (v + 0.5 - y) * (v + 0.5 - y) <= radius * radius)
                fill(c, u, v, u + 1, v + 1, k, 256);
}

/* Keypoints may lie far outside: a line that long would take for ever. */
static bool is_near(const struct canvas *c, const struct ax_point *p)
{
    return p->x > -c->im->width && p->x < 2 * c->im->width && p->y > -c->im->height && p->y < 2 * c->im->height;
}

static void stroke(const struct canvas *c, const struct ax_point *a, const struct ax_point *b, struct color k)
{
    double dx = b->x - a->x, dy = b->y - a->y, steps = ceil(fmax(fabs(dx), fabs(dy))) + 1;
    for (int i = 0; i <= (int)steps; i++) dot(c, a->x + dx * i / steps, a->y + dy * i / steps, c->line * 0.6, k);
}

/* -- text -- */

static void glyph(const struct canvas *c, int x, int y, char ch, struct color k)
{
    const uint8_t *columns = ax_font_glyph(ch);
    int d = c->letter;
    for (int u = 0; u < AX_FONT_WIDTH; u++)
        for (int v = 0; v < AX_FONT_HEIGHT; v++)
            if (columns[u] >> v & 1) fill(c, x + u * d, y + v * d, x + (u + 1) * d, y + (v + 1) * d, k, 256);
}

static int height_of_text(const struct canvas *c)
{
    return (AX_FONT_HEIGHT + 2) * c->letter;
}

static int width_of_text(const struct canvas *c, const char *text)
{
    return ((int)strlen(text) * AX_FONT_ADVANCE + 3) * c->letter;
}

/* On a plate of that colour, black or white as is read better; moved so that it stays inside. */
static void write_text(const struct canvas *c, int x, int y, const char *text, struct color k)
{
    int w = width_of_text(c, text), h = height_of_text(c), luma = 299 * k.rgb[0] + 587 * k.rgb[1] + 114 * k.rgb[2];
    struct color ink = luma > 140000 ? (struct color){{0, 0, 0}} : (struct color){{255, 255, 255}};
    x = x + w > c->im->width ? c->im->width - w : x, x = x > 0 ? x : 0;
    y = y + h > c->im->height ? c->im->height - h : y, y = y > 0 ? y : 0;
    fill(c, x, y, x + w, y + h, k, 256);
    for (int i = 0; text[i]; i++) glyph(c, x + (2 + i * AX_FONT_ADVANCE) * c->letter, y + c->letter, text[i], ink);
}

static void name_of(const struct ax_class *k, char *buf, size_t room)
{
    if (k->label && *k->label)
        snprintf(buf, room, "%.60s %.2f", k->label, (double)k->score);
    else
        snprintf(buf, room, "class %d %.2f", k->index, (double)k->score);
}

/* -- objects -- */

static void draw_mask(const struct canvas *c, const struct ax_object *o, struct color k)
{
    const struct ax_mask *m = o->mask;
    double w = o->right - o->left, h = o->bottom - o->top;
    if (!(w > 0) || !(h > 0)) return;
    for (int y = (int)o->top; y < (int)ceilf(o->bottom); y++)
        for (int x = (int)o->left; x < (int)ceilf(o->right); x++) {
            int u = (int)((x + 0.5 - o->left) / w * m->width), v = (int)((y + 0.5 - o->top) / h * m->height);
            if (u < 0 || v < 0 || u >= m->width || v >= m->height || !m->data[v * m->width + u]) continue;
            fill(c, x, y, x + 1, y + 1, k, 112);
        }
}

struct bone {
    uint8_t from, to;
};
/* COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles. */
static const struct bone person[] = {{0, 1},  {0, 2},  {1, 3},  {2, 4},   {5, 6},   {5, 7},   {7, 9},   {6, 8},
                                     {8, 10}, {5, 11}, {6, 12}, {11, 12}, {11, 13}, {13, 15}, {12, 14}, {14, 16}};
/* MediaPipe's: wrist, then four joints a finger. */
static const struct bone hand[] = {{0, 1},   {1, 2},   {2, 3},   {3, 4},   {0, 5},   {5, 6},   {6, 7},
                                   {7, 8},   {5, 9},   {9, 10},  {10, 11}, {11, 12}, {9, 13},  {13, 14},
                                   {14, 15}, {15, 16}, {13, 17}, {17, 18}, {18, 19}, {19, 20}, {0, 17}};

static void draw_points(const struct canvas *c, const struct ax_object *o, struct color k)
{
    const struct bone *bones = o->n_points == 17 ? person : hand;
    int n = o->n_points == 17   ? (int)(sizeof person / sizeof *person)
            : o->n_points == 21 ? (int)(sizeof hand / sizeof *hand)
                                : 0;
    for (int i = 0; i < n; i++) {
        const struct ax_point *a = &o->points[bones[i].from], *b = &o->points[bones[i].to];
        if (a->score >= o->least_visible && b->score >= o->least_visible && is_near(c, a) && is_near(c, b)) stroke(c, a, b, k);
    }
    for (int i = 0; i < o->n_points; i++)
        if (o->points[i].score >= o->least_visible && is_near(c, &o->points[i])) {
            dot(c, o->points[i].x, o->points[i].y, c->line * 1.5 + 0.5, (struct color){{255, 255, 255}});
            dot(c, o->points[i].x, o->points[i].y, c->line * 1.1 + 0.3, color_of(i));
        }
}

static void draw_object(const struct canvas *c, const struct ax_object *o);

/* What a cascade's later stages found: objects as all others, the best class below the object's own label. */
static void draw_nested(const struct canvas *c, const struct ax_object *o, int below)
{
    char text[96];
    for (int i = 0; i < o->n_nested; i++) {
        const struct ax_prediction *r = o->nested[i].result;
        for (int k = r->n_objects - 1; k >= 0; k--) draw_object(c, &r->objects[k]);
        if (!r->n_classes) continue;
        name_of(&r->classes[0], text, sizeof text);
        write_text(c, (int)lrintf(o->left), below, text, color_of(r->classes[0].index));
        below += height_of_text(c);
    }
}

static void draw_object(const struct canvas *c, const struct ax_object *o)
{
    char text[96];
    struct color k = color_of(o->track ? o->track : o->is.index);
    int left = (int)lrintf(o->left), top = (int)lrintf(o->top);
    if (o->mask) draw_mask(c, o, k);
    frame(c, left, top, (int)lrintf(o->right), (int)lrintf(o->bottom), k);
    if (o->n_points) draw_points(c, o, k);
    name_of(&o->is, text, sizeof text);
    if (o->track) snprintf(text + strlen(text), sizeof text - strlen(text), " #%d", o->track);
    int above = top - height_of_text(c);
    write_text(c, left, above >= 0 ? above : top, text, k);
    draw_nested(c, o, above >= 0 ? top : top + height_of_text(c));
}

static void draw_classes(const struct canvas *c, const struct ax_prediction *r)
{
    char text[96];
    for (int i = 0; i < r->n_classes && i < 5; i++) {
        name_of(&r->classes[i], text, sizeof text);
        write_text(c, 0, i * height_of_text(c), text, color_of(r->mask ? r->classes[i].index : 2));
    }
}

/* Class 0 is the background, and stays as it is. */
static void draw_classes_of_pixels(const struct canvas *c, const struct ax_mask *m)
{
    for (int y = 0; y < c->im->height && y < m->height; y++)
        for (int x = 0; x < c->im->width && x < m->width; x++) {
            int k = m->data[(size_t)y * (size_t)m->width + (size_t)x];
            if (k) fill(c, x, y, x + 1, y + 1, color_of(k), 128);
        }
}

void ax_draw_prediction(struct ax_image *im, const struct ax_prediction *r)
{
    int side = im->width < im->height ? im->width : im->height;
    struct canvas c = {im, side / 240 + 1, side / 300 + 1};
    if (r->mask) draw_classes_of_pixels(&c, r->mask);
    for (int i = r->n_objects - 1; i >= 0; i--) draw_object(&c, &r->objects[i]); /* the best on top */
    if (r->n_classes) draw_classes(&c, r);
}
