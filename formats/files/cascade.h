/* The descriptor of a cascade: models in sequence, each but the first on regions that an earlier one found.
 *
 *     {
 *       "name": "palm_hand",
 *       "stages": [
 *         {"name": "palm", "model": "palm_detection_192", "cores": 1},
 *         {"name": "hand", "model": "hand_landmark_224", "cores": "auto",
 *          "regions": {"labels": ["palm"], "max": 4, "scale": 2.6, "shift": [0, -0.5], "square": true,
 *                      "rotate": {"from": 0, "to": 2, "angle": 90}},
 *          "nms": {"iou_threshold": 0.45}}
 *       ]
 *     }
 *
 * docs/pipeline.md says what each means; docs/schema/cascade.schema.json is the schema. */
#ifndef AX_FILES_CASCADE_H
#define AX_FILES_CASCADE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

enum { AX_MAX_STAGES = 16 };

enum ax_region_fit {
    AX_REGION_FIT_MODEL, /* as the second model's own resize step says */
    AX_REGION_FIT_STRETCH,
    AX_REGION_FIT_LETTERBOX,
};

/* How an object becomes the region that the stage looks at. */
struct ax_region_rule {
    const char *const *labels; /* or class numbers as text; none: all */
    int n_labels;
    double min_score, min_size; /* size: shorter side, in pixels */
    int max;                    /* the best ones of a frame */
    int expected;               /* regions a frame, for the split of cores */
    double scale_x, scale_y;    /* of the box, around its middle */
    double shift_x, shift_y;    /* in widths and heights of the box, in its own directions */
    bool square;                /* the longer side for both */
    bool rotates;
    int rotate_from, rotate_to; /* keypoints whose direction shall be ... */
    int angle;                  /* ... this: 0 to the right, 90 upwards, and so on */
    enum ax_region_fit fit;
};

struct ax_cascade_stage {
    const char *name, *model; /* as the file has it: a path from its folder, or a name */
    int cores;                /* 0: auto */
    int of;                   /* the stage whose objects are looked at; -1: the whole picture */
    struct ax_region_rule rule;
    bool suppresses; /* objects of different regions that overlap */
    double iou_threshold;
    bool class_agnostic;
};

struct ax_cascade {
    struct ax_arena mem;
    const char *name, *description, *dir; /* description: NULL if absent; dir: folder of the file */
    struct ax_cascade_stage *stages;
    int n_stages;
};

/* Whether a file is such a descriptor: JSON with "stages". */
bool ax_cascade_named(const char *path);
/* Messages say FILE: PATH: what. Release with ax_cascade_free in any case. */
enum ax_status ax_cascade_read(const char *path, struct ax_cascade *c, struct ax_error *err);
enum ax_status ax_cascade_parse(const char *json, size_t bytes, const char *file, struct ax_cascade *c, struct ax_error *err);
void ax_cascade_free(struct ax_cascade *c);

#endif
