#include "media/post_gfl.h"

#include "media/post_objects.h"

/* An output that belongs to one scale. */
struct head {
    struct ax_candidates c; /* a cell a candidate */
    struct ax_level level;
};

/* Rank 4 ([1, numbers, h, w] or [1, h, w, numbers]) or rank 3; which dimensions are the grid shows in the input's size. */
static bool head_of(const struct ax_post_step *s, const struct ax_post_tensor *t, const struct ax_post_input *in,
                    struct head *h)
{
    const int64_t *d = t->shape.dim;
    if (t->shape.rank == 3 && d[0] == 1) {
        bool across = ax_level_of(s, in, d[1], 1, &h->level);
        if (!across && !ax_level_of(s, in, d[2], 1, &h->level)) return false;
        int64_t count = across ? d[1] : d[2], numbers = across ? d[2] : d[1];
        h->c = (struct ax_candidates){t->data, count, across ? numbers : 1, across ? 1 : count, (int)numbers};
        return numbers > 0 && numbers < 100000;
    }
    if (t->shape.rank != 4 || d[0] != 1) return false;
    bool planes = ax_level_of(s, in, d[2] * d[3], 1, &h->level) && h->level.width == d[3];
    if (!planes && !(ax_level_of(s, in, d[1] * d[2], 1, &h->level) && h->level.width == d[2])) return false;
    int64_t count = planes ? d[2] * d[3] : d[1] * d[2], numbers = planes ? d[1] : d[3];
    h->c = (struct ax_candidates){t->data, count, planes ? 1 : numbers, planes ? count : 1, (int)numbers};
    return numbers > 0 && numbers < 100000;
}

/* The middle of a distribution over 0, 1, 2... bins, in strides. */
static double expectation(const struct ax_candidates *c, int64_t i, int first, int bins)
{
    double largest = -INFINITY, sum = 0, weighted = 0;
    for (int b = 0; b < bins; b++) largest = fmax(largest, (double)ax_candidate(c, i, first + b));
    for (int b = 0; b < bins; b++) {
        double e = ax_post_exp((float)(ax_candidate(c, i, first + b) - largest));
        sum += e;
        weighted += e * b;
    }
    return weighted / sum;
}

/* Boxes and scores of one scale; both may be views of one output. */
struct pair {
    struct ax_candidates boxes, scores;
    int first_box, first_score, classes;
    struct ax_level level;
};

static void decode(const struct ax_post_step *s, const struct ax_gfl *g, const struct pair *p, bool logits,
                   const struct ax_post_input *in, struct ax_prediction *r)
{
    struct ax_scoring sc = {p->first_score, p->classes, logits, (float)ax_step_number(s->step, "confidence_threshold")};
    const struct ax_level *l = &p->level;
    ax_objects_reserve(r, 0);
    for (int64_t i = 0; i < p->boxes.count; i++) {
        struct ax_object *o = ax_object_take(s, &p->scores, i, &sc, 1, r);
        if (!o) continue;
        double side[4], x = ((double)(i % l->width) + g->offset) * l->stride_x;
        double y = ((double)(i / l->width) + g->offset) * l->stride_y;
        for (int d = 0; d < 4; d++)
            side[d] = expectation(&p->boxes, i, p->first_box + d * g->bins, g->bins) * (d & 1 ? l->stride_y : l->stride_x);
        ax_object_place(o, (float)(x - side[0]), (float)(y - side[1]), (float)(x + side[2]), (float)(y + side[3]), in);
    }
}

static bool is_combined(const struct ax_gfl *g, int numbers)
{
    return g->classes ? numbers == 4 * g->bins + g->classes : numbers > 4 * g->bins;
}

static struct pair combined(const struct ax_gfl *g, const struct ax_candidates *c, const struct ax_level *level)
{
    int classes = c->numbers - 4 * g->bins;
    return (struct pair){*c, *c, g->boxes_first ? 0 : classes, g->boxes_first ? 4 * g->bins : 0, classes, *level};
}

/* One output with the cells of all scales. */
static int split_scales(const struct ax_post_step *s, const struct ax_gfl *g, const struct ax_post_input *in,
                        struct pair pairs[AX_MAX_LEVELS])
{
    struct ax_candidates c;
    struct ax_level levels[AX_MAX_LEVELS];
    if (!ax_candidates_of(&in->tensors[0], g->classes ? 4 * g->bins + g->classes : 0, &c) || !is_combined(g, c.numbers))
        return 0;
    int n = ax_levels_of(s, in, c.count, 1, levels);
    for (int i = 0; i < n; i++) {
        c.count = (int64_t)levels[i].width * levels[i].height;
        pairs[i] = combined(g, &c, &levels[i]);
        c.data += c.count * c.step;
    }
    return n;
}

/* The heads of one scale, scores and boxes in either order; where both have as many numbers the scores are first. */
static bool join(const struct ax_gfl *g, const struct head *a, const struct head *b, struct pair *out)
{
    bool boxes_second = b->c.numbers == 4 * g->bins;
    const struct head *boxes = boxes_second ? b : a, *scores = boxes_second ? a : b;
    *out = (struct pair){boxes->c, scores->c, 0, 0, scores->c.numbers, a->level};
    return boxes->c.numbers == 4 * g->bins && (!g->classes || g->classes == scores->c.numbers);
}

static int pair_heads(const struct ax_post_step *s, const struct ax_gfl *g, const struct ax_post_input *in,
                      struct pair pairs[AX_MAX_LEVELS])
{
    struct head heads[2 * AX_MAX_LEVELS];
    bool used[2 * AX_MAX_LEVELS] = {false};
    int n = in->n_tensors, found = 0;
    if (n > 2 * AX_MAX_LEVELS) return 0;
    for (int i = 0; i < n; i++)
        if (!head_of(s, &in->tensors[i], in, &heads[i])) return 0;
    for (int i = 0; i < n; i++) {
        if (used[i]) continue;
        if (found == AX_MAX_LEVELS) return 0;
        int other = i + 1;
        while (other < n && (used[other] || heads[other].c.count != heads[i].c.count)) other++;
        if (other < n) {
            if (!join(g, &heads[i], &heads[other], &pairs[found++])) return 0;
            used[other] = true;
        } else if (is_combined(g, heads[i].c.numbers))
            pairs[found++] = combined(g, &heads[i].c, &heads[i].level);
        else
            return 0;
    }
    return found;
}

enum ax_status ax_post_gfl(const struct ax_post_step *s, const struct ax_gfl *g, const struct ax_post_input *in,
                           struct ax_prediction *r, struct ax_error *err)
{
    struct pair pairs[AX_MAX_LEVELS];
    int n = in->n_tensors == 1 ? split_scales(s, g, in, pairs) : 0;
    if (!n) n = pair_heads(s, g, in, pairs);
    if (!n)
        return ax_post_unfit(in, g->step,
                             "a score a class and 4 distributions a cell, scale by scale or together; are \"reg_max\" and "
                             "\"strides\" right?",
                             err);
    bool logits = ax_step_is(s->step, "scores", "logits");
    for (int i = 0; i < n && ax_step_is(s->step, "scores", "auto"); i++)
        logits |= ax_candidates_are_logits(&pairs[i].scores, pairs[i].first_score, pairs[i].classes);
    for (int i = 0; i < n; i++) decode(s, g, &pairs[i], logits, in, r);
    ax_objects_sort(r, ax_step_int(s->step, "max_candidates"));
    return AX_OK;
}

enum ax_status ax_post_nanodet(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                               struct ax_error *err)
{
    struct ax_gfl g = {ax_step_int(s->step, "reg_max") + 1, ax_step_int(s->step, "classes"), false,
                       ax_step_number(s->step, "cell_offset"), "decode_nanodet"};
    return ax_post_gfl(s, &g, in, r, err);
}
