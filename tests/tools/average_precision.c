/* average_precision TRUTH.json DETECTIONS.json: mAP@0.5 and 0.5:0.95 by boxes and by keypoints of detections in COCO's form, a
 * number a line, as axrun --eval computes them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "tools/axrun_ap.h"

static int find(const int64_t *ids, int n, int64_t id)
{
    int i = 0;
    while (i < n && ids[i] != id) i++;
    return i < n ? i : -1;
}

static void add(struct ax_json j, const struct ax_truth *t, struct ax_detections *found)
{
    double box[4] = {0}, v[3 * 64];
    struct ax_point points[64];
    int64_t image = ax_json_int(ax_json_need(j, "image_id"), 0, 1 << 30, 0);
    int category = find(t->category_ids, t->n_categories, ax_json_int(ax_json_need(j, "category_id"), 0, 1 << 30, 0)), at = 0;
    ax_json_numbers(ax_json_need(j, "bbox"), -1e9, 1e9, box, 4);
    int n = ax_json_numbers(ax_json_get(j, "keypoints"), -1e9, 1e9, v, 3 * 64) / 3;
    while (at < t->count && t->pictures[at].id != image) at++;
    for (int i = 0; i < n; i++) points[i] = (struct ax_point){(float)v[3 * i], (float)v[3 * i + 1], 1};
    struct ax_object o = {.is.score = (float)ax_json_number(ax_json_need(j, "score"), 0, 1, 0),
                          .left = (float)box[0],
                          .top = (float)box[1],
                          .right = (float)(box[0] + box[2]),
                          .bottom = (float)(box[1] + box[3]),
                          .points = points,
                          .n_points = n};
    if (category >= 0 && at < t->count) ax_detections_add(found, at, category, &o);
}

int main(int argc, char **argv)
{
    struct ax_error err;
    struct ax_truth t;
    struct ax_json_doc doc;
    struct ax_detections found = {0};
    struct ax_arena mem = {0};
    if (argc != 3) return 2;
    if (ax_truth_read(argv[1], NULL, &t, &err) || ax_json_open(argv[2], 1 << 28, &doc, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    struct ax_json list = ax_json_root(&doc);
    for (int i = 0, n = ax_json_count(list); i < n; i++) add(ax_json_at(list, i), &t, &found);
    for (int k = 0; k < 2 && !ax_json_status(&doc); k++) {
        struct ax_ap ap = ax_average_precision(&t, &found, k, &mem);
        printf("%.9f\n%.9f\n", ap.at50, ap.mean);
    }
    int failed = ax_json_status(&doc);
    if (failed) fprintf(stderr, "%s\n", err.message);
    ax_json_close(&doc);
    ax_detections_free(&found);
    ax_truth_free(&t);
    ax_arena_free(&mem);
    return failed != 0;
}
