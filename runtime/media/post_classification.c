#include <math.h>
#include <stdlib.h>

#include "media/post_step.h"

/* Probabilities lie in 0..1 and sum to one; int8 steps of a scale blur that a little. */
static bool are_probabilities(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(x[i] >= -0.01f && x[i] <= 1.01f)) return false;
        sum += x[i];
    }
    return fabs(sum - 1) < 0.1;
}

static int compare(const void *a, const void *b)
{
    const struct ax_class *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

/* The k best, equal scores by index; NaN counts as the least. */
static void take_best(const struct ax_post_step *s, struct ax_prediction *r, int k)
{
    struct ax_class *all = malloc((size_t)r->n_scores * sizeof *all);
    int offset = ax_step_int(s->step, "offset");
    for (int i = 0; all && i < r->n_scores; i++)
        all[i] = (struct ax_class){i, isnan(r->scores[i]) ? -INFINITY : r->scores[i], ax_post_label(s, i + offset)};
    if (all) {
        qsort(all, (size_t)r->n_scores, sizeof *all, compare);
        r->n_classes = k < r->n_scores ? k : r->n_scores;
        r->classes = ax_arena_copy(&r->mem, all, (size_t)r->n_classes * sizeof *all);
    }
    free(all);
}

enum ax_status ax_post_classification(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                                      struct ax_error *err)
{
    if (!in->n_tensors) return ax_fail(err, AX_SHAPE, "classification: the model has no output of numbers");
    const struct ax_post_tensor *t = &in->tensors[0];
    int64_t n = ax_shape_count(&t->shape);
    char text[AX_SHAPE_TEXT];
    if (n < 1 || n > 10000000)
        return ax_fail(err, AX_SHAPE, "classification: output '%s' is %s; one score a class is expected", t->name,
                       ax_shape_text(&t->shape, text));
    bool automatic = ax_step_is(s->step, "softmax", "auto") && !are_probabilities(t->data, n);
    if (ax_step_is(s->step, "softmax", "yes") || automatic) ax_softmax(t->data, n, 1);
    r->scores = ax_arena_copy(&r->mem, t->data, (size_t)n * sizeof *t->data);
    r->n_scores = (int)n;
    take_best(s, r, s->top_k);
    return r->classes ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for %lld classes", (long long)n);
}
