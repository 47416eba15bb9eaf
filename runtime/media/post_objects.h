/* What the decoders of boxes share. */
#ifndef AX_MEDIA_POST_OBJECTS_H
#define AX_MEDIA_POST_OBJECTS_H

#include "kernels/power.h"
#include "media/post_step.h"

/* -- objects -- */

/* A box from the model's input to the picture. It may reach beyond: overlaps are those of whole boxes, and what is left in
 * the end is clipped. */
void ax_object_place(struct ax_object *o, float left, float top, float right, float bottom, const struct ax_post_input *in);
/* A point likewise; points are never clipped. */
struct ax_point ax_point_place(float x, float y, float score, const struct ax_post_input *in);
/* Ends a decoder: best first, equal ones in the order they came; at most so many stay. */
void ax_objects_sort(struct ax_prediction *r, int most);
/* Area of the intersection over area of the union. */
float ax_object_overlap(const struct ax_object *a, const struct ax_object *b);
/* Makes room for so many more. */
void ax_objects_reserve(struct ax_prediction *r, int64_t more);

/* -- outputs -- */

/* An output as candidates: one after another ([1, count, numbers]) or a row a number ([1, numbers, count]). */
struct ax_candidates {
    const float *data;
    int64_t count, step, row; /* elements from candidate to candidate, from number to number of one */
    int numbers;
};
static inline float ax_candidate(const struct ax_candidates *c, int64_t i, int k)
{
    return c->data[i * c->step + k * c->row];
}
/* numbers: how many each has; 0: the shorter side are the numbers. False: the output has no such form. */
bool ax_candidates_of(const struct ax_post_tensor *t, int numbers, struct ax_candidates *out);
/* AX_SHAPE: the outputs that there are, and what the step expects. */
enum ax_status ax_post_unfit(const struct ax_post_input *in, const char *step, const char *expected, struct ax_error *err);

/* Scores of classes among the numbers of a candidate. */
struct ax_scoring {
    int first, classes;
    bool logits; /* a sigmoid makes them probabilities */
    float least; /* what is below is dropped */
};
/* Threshold and form of scores as the step has them; logits are recognized by values below 0. */
struct ax_scoring ax_scoring_of(const struct ax_post_step *s, const struct ax_candidates *c, int first, int classes);
/* Whether these numbers [first, first + count) are logits: some lie below 0. */
bool ax_candidates_are_logits(const struct ax_candidates *c, int first, int count);
/* A new object of the candidate's best class, with its probability times `factor`; NULL: it is not good enough. Where all
 * classes are asked for, the others follow as twins, which get the box from ax_objects_sort. */
struct ax_object *ax_object_take(const struct ax_post_step *s, const struct ax_candidates *c, int64_t i,
                                 const struct ax_scoring *sc, float factor, struct ax_prediction *r);

/* -- grids -- */

enum { AX_MAX_LEVELS = 16 };
/* A scale of a detector: cells and how many pixels each stands for. */
struct ax_level {
    int width, height;
    double stride_x, stride_y;
};
/* The scales whose cells, per_cell candidates each, are `count` altogether: those of the step's "strides", else 8, 16, 32 and
 * on. 0: none are. */
int ax_levels_of(const struct ax_post_step *s, const struct ax_post_input *in, int64_t count, int per_cell,
                 struct ax_level out[AX_MAX_LEVELS]);
/* One scale likewise. */
bool ax_level_of(const struct ax_post_step *s, const struct ax_post_input *in, int64_t count, int per_cell,
                 struct ax_level *out);

/* -- numbers -- */

static inline float ax_post_exp(float x)
{
    double e = (double)x * 1.4426950408889634;
    return (float)ax_exp2(e > 100 ? 100 : e > -1000 ? e : -1000); /* NaN: the least */
}
static inline float ax_post_sigmoid(float x)
{
    double e = -(double)x * 1.4426950408889634;
    return (float)(1 / (1 + ax_exp2(e < 1000 ? e > -1000 ? e : -1000 : 1000)));
}

#endif
