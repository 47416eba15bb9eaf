/* What is in the pictures: the labels that --eval scores against. */
#ifndef AX_TOOLS_AXRUN_TRUTH_H
#define AX_TOOLS_AXRUN_TRUTH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct ax_truth_box {
    int category; /* its place in the list of categories */
    float left, top, right, bottom, area;
    bool crowd;             /* stands for many; neither asked for nor wrong */
    const float *keypoints; /* x, y, visibility of each; NULL: none */
    int n_keypoints, n_labeled;
};

struct ax_truth_picture {
    int64_t id; /* COCO's */
    const char *path;
    const char *class_name; /* of a classifier's picture; a number or a label */
    struct ax_truth_box *boxes;
    int n_boxes;
};

struct ax_truth {
    struct ax_arena mem;
    bool has_boxes, by_folder;
    struct ax_truth_picture *pictures; /* COCO's by rising id */
    int count;
    const char **categories; /* by rising id */
    int64_t *category_ids;
    int n_categories;
};

/* A folder with one folder of pictures a class; a .json in COCO's form; or a text with "FILE,CLASS" or "FILE CLASS" a line.
 * Files are relative to `pictures` (NULL: the folder of the labels). Release with ax_truth_free in any case. */
enum ax_status ax_truth_read(const char *path, const char *pictures, struct ax_truth *out, struct ax_error *err);
void ax_truth_free(struct ax_truth *t);

#endif
