/* Average precision as COCO defines it: matches by rising overlap, 101 points of recall, at most 100
 * detections a picture and class, 20 by keypoints. */
#ifndef AX_TOOLS_AXRUN_AP_H
#define AX_TOOLS_AXRUN_AP_H

#include "media/prediction.h"
#include "tools/axrun_truth.h"

enum { AX_AP_THRESHOLDS = 10 }; /* 0.50, 0.55 ... 0.95 */

struct ax_detection {
    int picture, category, order; /* order: as they came */
    float score;
    struct ax_object object; /* its points belong to the detections' arena */
};

struct ax_detections {
    struct ax_arena mem;
    struct ax_detection *item;
    int count, room;
};
void ax_detections_add(struct ax_detections *d, int picture, int category, const struct ax_object *o);
void ax_detections_free(struct ax_detections *d);

struct ax_ap {
    double at50, mean; /* over classes that occur; mean also over the thresholds */
    double *of_class;  /* at 0.5:0.95, of each category; below 0: it does not occur. In mem */
    int classes;       /* that occur */
};
/* by_keypoints: overlap is that of keypoints (OKS), else of boxes. Sorts the detections. */
struct ax_ap ax_average_precision(const struct ax_truth *t, struct ax_detections *d, bool by_keypoints, struct ax_arena *mem);

#endif
