/* PoseNet (Papandreou et al., PersonLab, ECCV 2018): heatmaps of 17 keypoints, short-range offsets from a cell to its keypoint,
 * and mid-range offsets along the 16 edges of a tree, forward and back. A person grows from the best keypoint that is left:
 * always the best scored neighbour of what was found is next. Coordinates are cells until the end. */
#include <stdlib.h>

#include "media/post_planes.h"

enum { POINTS = 17, EDGES = 16 };

/* Keypoints in COCO's order. */
static const uint8_t edges[EDGES][2] = {{0, 1},   {1, 3},   {0, 2}, {2, 4}, {0, 5},  {5, 7},  {7, 9},   {5, 11},
                                        {11, 13}, {13, 15}, {0, 6}, {6, 8}, {8, 10}, {6, 12}, {12, 14}, {14, 16}};

struct heads {
    struct ax_planes heat, near, far;
    double stride_x, stride_y;
    int refine;
};

struct spot {
    double x, y, score; /* the score as it is in the heatmap: a logit */
};

struct pose {
    struct spot at[POINTS];
    double score;
};

static bool heads_of(const struct ax_post_step *s, const struct ax_post_input *in, struct heads *h)
{
    int found = 0;
    for (int i = 0; i < in->n_tensors; i++) {
        const struct ax_post_tensor *t = &in->tensors[i];
        if (ax_planes_of(t, 4 * EDGES, &h->far))
            found |= 4;
        else if (ax_planes_of(t, 2 * POINTS, &h->near))
            found |= 2;
        else if (ax_planes_of(t, POINTS, &h->heat))
            found |= 1;
    }
    if (found != 7 || in->n_tensors != 3) return false;
    /* A network of stride 16 has (size - 1) / 16 + 1 cells: the last one lies on the last pixel. */
    int w = h->heat.width, t = h->heat.height;
    h->stride_x = w > 1 ? (in->input_width - 1.0) / (w - 1) : in->input_width;
    h->stride_y = t > 1 ? (in->input_height - 1.0) / (t - 1) : in->input_height;
    h->refine = ax_step_int(s->step, "refine_steps");
    return h->near.width == w && h->far.width == w && h->near.height == t && h->far.height == t;
}

static double clamp(double v, double most)
{
    return v > 0 ? v < most ? v : most : 0;
}

static double sample(const struct ax_planes *p, int channel, double x, double y)
{
    x = clamp(x, p->width - 1), y = clamp(y, p->height - 1);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + (x0 + 1 < p->width), y1 = y0 + (y0 + 1 < p->height);
    double fx = x - x0, fy = y - y0;
    double top = ax_plane_at(p, channel, x0, y0) * (1 - fx) + ax_plane_at(p, channel, x1, y0) * fx;
    double bottom = ax_plane_at(p, channel, x0, y1) * (1 - fx) + ax_plane_at(p, channel, x1, y1) * fx;
    return top * (1 - fy) + bottom * fy;
}

/* Along an offset: channels of y and x. */
static void move(const struct heads *h, const struct ax_planes *p, int cy, int cx, struct spot *at)
{
    double dx = sample(p, cx, at->x, at->y) / h->stride_x, dy = sample(p, cy, at->x, at->y) / h->stride_y;
    at->x = clamp(at->x + dx, p->width - 1);
    at->y = clamp(at->y + dy, p->height - 1);
}

/* From a keypoint along an edge to the one at its other end. Far offsets are all forward y, forward x, back y, back x. */
static struct spot follow(const struct heads *h, struct spot from, int edge, bool back, int target)
{
    int first = edge + (back ? 2 * EDGES : 0);
    move(h, &h->far, first, first + EDGES, &from);
    for (int i = 0; i < h->refine; i++) move(h, &h->near, target, POINTS + target, &from);
    from.score = sample(&h->heat, target, from.x, from.y);
    return from;
}

static void grow(const struct heads *h, int root, struct spot start, struct pose *p)
{
    bool done[POINTS] = {false}, reached[POINTS] = {false};
    p->at[root] = start;
    reached[root] = true;
    for (int next = root; next >= 0;) {
        done[next] = true;
        for (int e = 0; e < EDGES; e++)
            for (int back = 0; back < 2; back++) {
                int to = edges[e][!back];
                if (edges[e][back] != next || done[to]) continue;
                p->at[to] = follow(h, p->at[next], e, back, to);
                reached[to] = true;
            }
        int best = -1;
        for (int k = 0; k < POINTS; k++)
            if (reached[k] && !done[k] && (best < 0 || p->at[k].score > p->at[best].score)) best = k;
        next = best;
    }
}

/* -- candidates: cells that are the best of their neighbourhood -- */

struct root {
    struct spot at;
    float peak;
    int point, order;
};

static bool is_peak(const struct ax_planes *p, int k, int x, int y)
{
    float v = ax_plane_at(p, k, x, y);
    for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < p->height; j++)
        for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < p->width; i++)
            if (ax_plane_at(p, k, i, j) > v) return false;
    return true;
}

static int by_score(const void *a, const void *b)
{
    const struct root *x = a, *y = b;
    if (x->peak != y->peak) return x->peak < y->peak ? 1 : -1;
    return x->order - y->order;
}

static int roots_of(const struct heads *h, float least, struct root *out)
{
    int n = 0;
    for (int y = 0; y < h->heat.height; y++)
        for (int x = 0; x < h->heat.width; x++)
            for (int k = 0; k < POINTS; k++) {
                float v = ax_plane_at(&h->heat, k, x, y);
                if (!(ax_post_sigmoid(v) >= least) || !is_peak(&h->heat, k, x, y)) continue;
                struct root *r = &out[n];
                *r = (struct root){{x, y, 0}, v, k, n};
                n++;
                move(h, &h->near, k, POINTS + k, &r->at);
                r->at.score = sample(&h->heat, k, r->at.x, r->at.y);
            }
    qsort(out, (size_t)n, sizeof *out, by_score);
    return n;
}

/* -- persons -- */

static bool are_near(const struct heads *h, const struct spot *a, const struct spot *b, double radius)
{
    double dx = (a->x - b->x) * h->stride_x, dy = (a->y - b->y) * h->stride_y;
    return dx * dx + dy * dy <= radius * radius;
}

/* The mean of its keypoints; those that lie on a better person's own count nothing. */
static double score_of(const struct heads *h, const struct pose *p, const struct pose *others, int n, double radius)
{
    double sum = 0;
    for (int k = 0; k < POINTS; k++) {
        bool taken = false;
        for (int i = 0; i < n && !taken; i++) taken = are_near(h, &p->at[k], &others[i].at[k], radius);
        if (!taken) sum += (double)ax_post_sigmoid((float)p->at[k].score);
    }
    return sum / POINTS;
}

static int best_first(const void *a, const void *b)
{
    const struct pose *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

static int find_poses(const struct ax_post_step *s, const struct heads *h, struct pose *poses, struct ax_arena *mem)
{
    float least = (float)ax_step_number(s->step, "confidence_threshold");
    double radius = ax_step_number(s->step, "nms_radius");
    int most = ax_step_int(s->step, "max_poses"), n = 0;
    struct root *roots = AX_NEW(mem, struct root, (size_t)POINTS * (size_t)h->heat.width * (size_t)h->heat.height);
    int n_roots = roots_of(h, least, roots);
    for (int i = 0; i < n_roots && n < most; i++) {
        bool taken = false;
        for (int k = 0; k < n && !taken; k++) taken = are_near(h, &roots[i].at, &poses[k].at[roots[i].point], radius);
        if (taken) continue;
        grow(h, roots[i].point, roots[i].at, &poses[n]);
        poses[n].score = score_of(h, &poses[n], NULL, 0, radius);
        n += poses[n].score >= (double)least;
    }
    qsort(poses, (size_t)n, sizeof *poses, best_first);
    for (int i = 0; i < n; i++) poses[i].score = score_of(h, &poses[i], poses, i, radius);
    return n;
}

enum ax_status ax_post_posenet(const struct ax_post_step *s, const struct ax_post_input *in, struct ax_prediction *r,
                               struct ax_error *err)
{
    struct heads h;
    if (!heads_of(s, in, &h))
        return ax_post_unfit(in, "decode_posenet", "heatmaps of 17, short offsets of 34 and mid offsets of 64 channels", err);
    struct pose *poses = AX_NEW(&r->mem, struct pose, ax_step_int(s->step, "max_poses") + 1);
    int n = find_poses(s, &h, poses, &r->mem);
    float visible = (float)ax_step_number(s->step, "keypoint_threshold");
    ax_objects_reserve(r, n);
    for (int i = 0; i < n; i++) {
        struct ax_point points[POINTS];
        if (poses[i].score < ax_step_number(s->step, "confidence_threshold")) continue;
        for (int k = 0; k < POINTS; k++)
            points[k] = ax_point_place((float)(poses[i].at[k].x * h.stride_x), (float)(poses[i].at[k].y * h.stride_y),
                                       ax_post_sigmoid((float)poses[i].at[k].score), in);
        ax_object_of_points(s, r, (float)poses[i].score, visible, points, POINTS);
    }
    ax_objects_sort(r, r->n_objects);
    return AX_OK;
}
