#include "files/cascade.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

enum { MAX_BYTES = 4 << 20, MAX_LABELS = 10000 };

static const char *text_of(struct ax_cascade *c, struct ax_json j)
{
    const char *s = ax_json_text(j, NULL);
    return s ? ax_arena_str(&c->mem, s) : NULL;
}

static void parse_labels(struct ax_cascade *c, struct ax_json list, struct ax_region_rule *r)
{
    int n = ax_json_count(list);
    if (n > MAX_LABELS) ax_json_fail(list, "%d labels are too many", n);
    if (ax_json_status(list.doc)) return;
    const char **v = AX_NEW(&c->mem, const char *, n);
    for (int i = 0; i < n; i++) v[i] = text_of(c, ax_json_at(list, i));
    r->labels = v;
    r->n_labels = n;
}

/* One number for both directions, or [x, y]. */
static void parse_pair(struct ax_json j, double low, double high, double *x, double *y)
{
    double v[2];
    if (ax_json_is_number(j)) {
        *x = *y = ax_json_number(j, low, high, *x);
    } else if (ax_json_there(j)) {
        int n = ax_json_numbers(j, low, high, v, 2);
        if (n != 2) ax_json_fail(j, "has %d numbers; two are expected, for x and y", n);
        if (n == 2) *x = v[0], *y = v[1];
    }
}

static void parse_rotation(struct ax_json j, struct ax_region_rule *r)
{
    static const char *const keys[] = {"from", "to", "angle", NULL};
    r->rotates = ax_json_there(j);
    if (!r->rotates) return;
    ax_json_only(j, keys);
    r->rotate_from = (int)ax_json_int(ax_json_need(j, "from"), 0, 1000, 0);
    r->rotate_to = (int)ax_json_int(ax_json_need(j, "to"), 0, 1000, 0);
    r->angle = (int)ax_json_int(ax_json_get(j, "angle"), -270, 270, 90);
    if (r->angle % 90) ax_json_fail(ax_json_get(j, "angle"), "%d is no multiple of 90", r->angle);
    if (r->rotate_from == r->rotate_to) ax_json_fail(j, "\"from\" and \"to\" are the same keypoint");
}

static int stage_named(const struct ax_cascade *c, int before, struct ax_json name)
{
    const char *names[AX_MAX_STAGES + 1] = {NULL};
    for (int i = 0; i < before; i++) names[i] = c->stages[i].name;
    return ax_json_word(name, names, before - 1);
}

static void parse_regions(struct ax_cascade *c, struct ax_json j, int stage)
{
    static const char *const keys[] = {"of",    "labels", "min_score", "min_size", "max", "expected",
                                       "scale", "shift",  "square",    "rotate",   "fit", NULL};
    static const char *const fits[] = {"model", "stretch", "letterbox", NULL};
    struct ax_region_rule *r = &c->stages[stage].rule;
    ax_json_only(j, keys);
    c->stages[stage].of = stage_named(c, stage, ax_json_get(j, "of"));
    parse_labels(c, ax_json_get(j, "labels"), r);
    r->min_score = ax_json_number(ax_json_get(j, "min_score"), 0, 1, 0);
    r->min_size = ax_json_number(ax_json_get(j, "min_size"), 0, 32768, 2);
    r->max = (int)ax_json_int(ax_json_get(j, "max"), 1, 1000, 8);
    r->expected = (int)ax_json_int(ax_json_get(j, "expected"), 1, 1000, r->max < 3 ? r->max : 3);
    parse_pair(ax_json_get(j, "scale"), 0.01, 100, &r->scale_x, &r->scale_y);
    parse_pair(ax_json_get(j, "shift"), -100, 100, &r->shift_x, &r->shift_y);
    r->square = ax_json_bool(ax_json_get(j, "square"), false);
    parse_rotation(ax_json_get(j, "rotate"), r);
    r->fit = (enum ax_region_fit)ax_json_word(ax_json_get(j, "fit"), fits, AX_REGION_FIT_MODEL);
}

static void parse_nms(struct ax_json j, struct ax_cascade_stage *s)
{
    static const char *const keys[] = {"iou_threshold", "class_agnostic", NULL};
    s->suppresses = ax_json_there(j);
    if (!s->suppresses) return;
    ax_json_only(j, keys);
    s->iou_threshold = ax_json_number(ax_json_get(j, "iou_threshold"), 0, 1, 0.45);
    s->class_agnostic = ax_json_bool(ax_json_get(j, "class_agnostic"), false);
}

static int parse_cores(struct ax_json j)
{
    static const char *const words[] = {"auto", NULL};
    if (ax_json_is_text(j)) return ax_json_word(j, words, 0);
    return (int)ax_json_int(j, 1, 1024, 0);
}

static void parse_stage(struct ax_cascade *c, struct ax_json j, int i)
{
    static const char *const keys[] = {"name", "model", "cores", "regions", "nms", NULL};
    struct ax_cascade_stage *s = &c->stages[i];
    *s = (struct ax_cascade_stage){.of = i - 1, .rule = {.scale_x = 1, .scale_y = 1}};
    ax_json_only(j, keys);
    s->name = text_of(c, ax_json_need(j, "name"));
    s->model = text_of(c, ax_json_need(j, "model"));
    s->cores = parse_cores(ax_json_get(j, "cores"));
    for (int k = 0; k < i && s->name; k++)
        if (!strcmp(s->name, c->stages[k].name))
            ax_json_fail(ax_json_get(j, "name"), "'%.60s' is the name of another stage", s->name);
    struct ax_json regions = ax_json_get(j, "regions");
    if (i == 0 && ax_json_there(regions)) ax_json_fail(regions, "the first stage looks at the whole picture");
    if (i > 0) parse_regions(c, ax_json_there(regions) ? regions : ax_json_need(j, "regions"), i);
    parse_nms(ax_json_get(j, "nms"), s);
}

static enum ax_status parse_document(struct ax_json_doc *doc, struct ax_cascade *c)
{
    static const char *const keys[] = {"name", "description", "stages", NULL};
    struct ax_json root = ax_json_root(doc);
    ax_json_only(root, keys);
    c->name = text_of(c, ax_json_need(root, "name"));
    c->description = text_of(c, ax_json_get(root, "description"));
    struct ax_json list = ax_json_need(root, "stages");
    int n = ax_json_count(list);
    if (n < 2 || n > AX_MAX_STAGES) ax_json_fail(list, "%d stages; 2 to %d are expected", n, AX_MAX_STAGES);
    if (ax_json_status(doc)) return ax_json_status(doc);
    c->stages = AX_NEW(&c->mem, struct ax_cascade_stage, n);
    for (int i = 0; i < n && !ax_json_status(doc); i++, c->n_stages++) parse_stage(c, ax_json_at(list, i), i);
    return ax_json_status(doc);
}

enum ax_status ax_cascade_parse(const char *json, size_t bytes, const char *file, struct ax_cascade *c, struct ax_error *err)
{
    struct ax_json_doc doc;
    *c = (struct ax_cascade){.dir = ""};
    ax_arena_init(&c->mem);
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    if (!s) s = parse_document(&doc, c);
    ax_json_close(&doc);
    return s;
}

enum ax_status ax_cascade_read(const char *path, struct ax_cascade *c, struct ax_error *err)
{
    uint8_t *data;
    size_t n;
    *c = (struct ax_cascade){.dir = ""};
    enum ax_status s = ax_file_read(path, MAX_BYTES, &data, &n, err);
    if (s) return s;
    s = ax_cascade_parse((const char *)data, n, path, c, err);
    c->dir = ax_path_dir(&c->mem, path);
    free(data);
    return s;
}

bool ax_cascade_named(const char *path)
{
    struct ax_json_doc doc;
    struct ax_error ignored;
    if (!ax_path_has_ext(path, ".json") || !ax_file_exists(path) || ax_dir_exists(path)) return false;
    bool is = !ax_json_open(path, MAX_BYTES, &doc, &ignored) && ax_json_is_object(ax_json_root(&doc)) &&
              ax_json_there(ax_json_get(ax_json_root(&doc), "stages"));
    ax_json_close(&doc);
    return is;
}

void ax_cascade_free(struct ax_cascade *c)
{
    ax_arena_free(&c->mem);
    *c = (struct ax_cascade){0};
}
