/* What a picture's postprocessing finds, in the picture's own pixels. */
#ifndef AX_MEDIA_PREDICTION_H
#define AX_MEDIA_PREDICTION_H

#include <stdbool.h>

#include "base/arena.h"

struct ax_class {
    int index; /* in the model's scores */
    float score;
    const char *label; /* NULL: it has none */
};

struct ax_point {
    float x, y, score;
};

struct ax_mask {
    int width, height;
    uint8_t *data; /* row-major, one byte a pixel */
};

struct ax_prediction;
/* What a later stage of a cascade found in an object's region. */
struct ax_nested {
    const char *stage;
    const struct ax_prediction *result; /* in pixels of the picture */
};

struct ax_object {
    struct ax_class is;
    float left, top, right, bottom;
    bool twin; /* another class of the object before it, until the decoder is done */
    struct ax_point *points;
    int n_points;
    float least_visible;       /* points below this score are not drawn */
    struct ax_mask *mask;      /* of the box; NULL: none */
    const float *mask_weights; /* of the prototypes; the mask is made of them at the end */
    int track;                 /* number that follows it through the frames; 0: none */
    const struct ax_nested *nested;
    int n_nested;
};

/* Everything is in mem. */
struct ax_prediction {
    struct ax_arena mem;
    struct ax_class *classes; /* best first */
    int n_classes;
    const float *scores; /* of all classes, as reported */
    int n_scores;
    struct ax_object *objects; /* best first */
    int n_objects, objects_room;
    struct ax_mask *mask; /* of the whole picture: the class of each pixel */
};

#endif
