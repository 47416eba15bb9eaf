#include "tools/axrun_truth.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/inputs.h"
#include "base/file.h"
#include "base/json.h"

enum { MAX_BYTES = 1 << 30 };

/* -- a line a picture -- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *s)
{
    while (is_blank(*s)) s++;
    size_t n = strlen(s);
    while (n && is_blank(s[n - 1])) s[--n] = 0;
    return s;
}

/* At the comma, else at the last blank: names of files may hold blanks. */
static bool split_line(char *line, char **file, char **name)
{
    char *at = strrchr(line, ',');
    if (!at && !(at = strrchr(line, '\t'))) at = strrchr(line, ' ');
    if (!at) return false;
    *at = 0;
    *file = trim(line);
    *name = trim(at + 1);
    return **file && **name;
}

static bool is_number(const char *s)
{
    char *end;
    strtol(s, &end, 10);
    return end != s && !*end;
}

static enum ax_status read_lines(const char *path, const char *dir, struct ax_truth *t, struct ax_error *err)
{
    uint8_t *data;
    size_t bytes, lines = 1;
    enum ax_status s = ax_file_read(path, MAX_BYTES, &data, &bytes, err);
    if (s) return s;
    for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n';
    t->pictures = AX_NEW(&t->mem, struct ax_truth_picture, lines);
    char *next = ax_arena_strn(&t->mem, (char *)data, bytes), *file, *name;
    for (int row = 1; next && !s; row++) {
        char *line = next, *end = strchr(next, '\n');
        next = end ? end + 1 : NULL;
        if (end) *end = 0;
        line = trim(line);
        if (!*line || *line == '#') continue;
        if (!split_line(line, &file, &name))
            s = ax_fail(err, AX_FORMAT, "%s:%d: a file and its class are expected: FILE,CLASS", path, row);
        else if (row > 1 || strchr(file, '.') || is_number(name)) /* else a head line */
            t->pictures[t->count++] = (struct ax_truth_picture){.path = ax_path_join(&t->mem, dir, file), .class_name = name};
    }
    free(data);
    return s;
}

/* -- a folder a class -- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum ax_status read_folders(const char *path, struct ax_truth *t, struct ax_error *err)
{
    struct dirent **entries;
    struct ax_inputs list = {0};
    int n = scandir(path, &entries, NULL, by_name), room = 0;
    if (n < 0) return ax_fail(err, AX_IO, "%s: cannot be listed: %s", path, strerror(errno));
    t->by_folder = true;
    t->categories = AX_NEW(&t->mem, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        const char *dir = ax_path_join(&t->mem, path, entries[i]->d_name);
        struct ax_error ignored;
        int before = list.count;
        if (*entries[i]->d_name != '.' && ax_dir_exists(dir) && !ax_inputs_add(&list, &t->mem, dir, &ignored)) {
            const char *name = t->categories[t->n_categories++] = ax_arena_str(&t->mem, entries[i]->d_name);
            if (list.count > room) {
                struct ax_truth_picture *more = AX_NEW(&t->mem, struct ax_truth_picture, room = 2 * list.count);
                if (before) memcpy(more, t->pictures, (size_t)before * sizeof *more);
                t->pictures = more;
            }
            for (int k = before; k < list.count; k++)
                t->pictures[k] = (struct ax_truth_picture){.path = list.item[k], .class_name = name};
        }
        free(entries[i]);
    }
    free(entries);
    t->count = list.count;
    ax_inputs_free(&list);
    return AX_OK;
}

/* -- COCO -- */

struct id {
    int64_t id;
    int at;
};

static int by_id(const void *a, const void *b)
{
    const struct id *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int find_id(const struct id *ids, int n, int64_t id)
{
    struct id key = {id, 0};
    const struct id *found = n ? bsearch(&key, ids, (size_t)n, sizeof *ids, by_id) : NULL;
    return found ? found->at : -1;
}

static int64_t id_of(struct ax_json j, const char *key)
{
    return ax_json_int(ax_json_need(j, key), -(1LL << 53), 1LL << 53, 0);
}

static struct id *read_ids(struct ax_truth *t, struct ax_json list)
{
    int n = ax_json_count(list);
    struct id *ids = AX_NEW(&t->mem, struct id, n + 1);
    for (int i = 0; i < n; i++) ids[i] = (struct id){id_of(ax_json_at(list, i), "id"), i};
    qsort(ids, (size_t)n, sizeof *ids, by_id);
    return ids;
}

static void read_keypoints(struct ax_truth *t, struct ax_json j, struct ax_truth_box *b)
{
    struct ax_json list = ax_json_get(j, "keypoints");
    int n = ax_json_count(list);
    if (!n) return;
    float *v = AX_NEW(&t->mem, float, n);
    for (int i = 0; i < n; i++) v[i] = (float)ax_json_number(ax_json_at(list, i), -1e9, 1e9, 0);
    b->keypoints = v;
    b->n_keypoints = n / 3;
    for (int i = 0; i < n / 3; i++) b->n_labeled += v[3 * i + 2] > 0;
}

static void read_box(struct ax_truth *t, struct ax_json j, int category, struct ax_truth_box *b)
{
    double v[4] = {0};
    if (ax_json_numbers(ax_json_need(j, "bbox"), -1e9, 1e9, v, 4) != 4) ax_json_fail(j, "needs a bbox of 4 numbers");
    *b = (struct ax_truth_box){
        .category = category,
        .left = (float)v[0],
        .top = (float)v[1],
        .right = (float)(v[0] + v[2]),
        .bottom = (float)(v[1] + v[3]),
        .area = (float)ax_json_number(ax_json_get(j, "area"), 0, 1e18, v[2] * v[3]),
        .crowd = ax_json_int(ax_json_get(j, "iscrowd"), 0, 1, 0) != 0,
    };
    read_keypoints(t, j, b);
}

/* Boxes are counted first, so that each picture's lie together. */
static void read_annotations(struct ax_truth *t, struct ax_json root, const struct id *images, const struct id *categories)
{
    struct ax_json list = ax_json_need(root, "annotations");
    int n = ax_json_count(list), *image = AX_NEW(&t->mem, int, n + 1);
    for (int i = 0; i < n; i++) {
        struct ax_json j = ax_json_at(list, i);
        image[i] = find_id(images, t->count, id_of(j, "image_id"));
        if (image[i] < 0) {
            ax_json_fail(j, "its image_id is none of the images'");
            return;
        }
        t->pictures[image[i]].n_boxes++;
    }
    for (int i = 0; i < t->count; i++) {
        t->pictures[i].boxes = AX_NEW(&t->mem, struct ax_truth_box, t->pictures[i].n_boxes + 1);
        t->pictures[i].n_boxes = 0;
    }
    for (int i = 0; i < n && !ax_json_status(list.doc); i++) {
        struct ax_json j = ax_json_at(list, i);
        struct ax_truth_picture *p = &t->pictures[image[i]];
        int at = find_id(categories, t->n_categories, id_of(j, "category_id"));
        if (at < 0) ax_json_fail(j, "its category_id is none of the categories'");
        read_box(t, j, at, &p->boxes[p->n_boxes++]);
    }
}

static enum ax_status read_coco(const char *path, const char *dir, struct ax_truth *t, struct ax_error *err)
{
    struct ax_json_doc doc;
    enum ax_status s = ax_json_open(path, MAX_BYTES, &doc, err);
    if (s) return s;
    struct ax_json root = ax_json_root(&doc), images = ax_json_need(root, "images"), names = ax_json_need(root, "categories");
    int n_images = ax_json_count(images), n_categories = ax_json_count(names);
    t->has_boxes = true;
    t->pictures = AX_NEW(&t->mem, struct ax_truth_picture, n_images + 1);
    t->categories = AX_NEW(&t->mem, const char *, n_categories + 1);
    t->category_ids = AX_NEW(&t->mem, int64_t, n_categories + 1);
    struct id *image_ids = read_ids(t, images), *category_ids = read_ids(t, names);
    for (int i = 0; i < n_images; i++) {
        const char *file = ax_json_text(ax_json_need(ax_json_at(images, image_ids[i].at), "file_name"), "");
        t->pictures[i] = (struct ax_truth_picture){.id = image_ids[i].id, .path = ax_path_join(&t->mem, dir, file)};
        image_ids[i].at = i;
    }
    for (int i = 0; i < n_categories; i++) {
        struct ax_json j = ax_json_at(names, category_ids[i].at);
        t->categories[i] = ax_arena_str(&t->mem, ax_json_text(ax_json_need(j, "name"), ""));
        t->category_ids[i] = category_ids[i].id;
        category_ids[i].at = i;
    }
    t->count = n_images;
    t->n_categories = n_categories;
    if (!ax_json_status(&doc)) read_annotations(t, root, image_ids, category_ids);
    s = ax_json_status(&doc);
    ax_json_close(&doc);
    return s;
}

enum ax_status ax_truth_read(const char *path, const char *pictures, struct ax_truth *out, struct ax_error *err)
{
    *out = (struct ax_truth){0};
    const char *dir = pictures ? pictures : ax_path_dir(&out->mem, path);
    enum ax_status s = ax_dir_exists(path)              ? read_folders(path, out, err)
                       : ax_path_has_ext(path, ".json") ? read_coco(path, dir, out, err)
                                                        : read_lines(path, dir, out, err);
    if (!s && !out->count) s = ax_fail(err, AX_FORMAT, "%s: no pictures are in these labels", path);
    return s;
}

void ax_truth_free(struct ax_truth *t)
{
    ax_arena_free(&t->mem);
    *t = (struct ax_truth){0};
}
