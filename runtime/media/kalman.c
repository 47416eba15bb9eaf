#include "media/kalman.h"

#include <math.h>

struct noise {
    double value[4], velocity[4]; /* variances */
};

static void coordinates(bool sort, const struct ax_box *b, double out[4])
{
    double w = fmax(b->right - b->left, 1e-3), h = fmax(b->bottom - b->top, 1e-3);
    out[0] = b->left + w / 2;
    out[1] = b->top + h / 2;
    out[2] = sort ? w * h : w / h;
    out[3] = sort ? w / h : h;
}

static double square(double x)
{
    return x * x;
}

/* DeepSORT's and ByteTrack's: in shares of the height; the aspect ratio hardly changes. */
static struct noise by_height(double height, double value_share, double velocity_share, double aspect, double aspect_velocity)
{
    double p = square(value_share * height), v = square(velocity_share * height);
    return (struct noise){{p, p, square(aspect), p}, {v, v, square(aspect_velocity), v}};
}

static const double value_share = 1.0 / 20, velocity_share = 1.0 / 160;

static struct noise first_noise(const struct ax_kalman *k)
{
    if (k->sort) return (struct noise){{10, 10, 10, 10}, {10000, 10000, 10000, 0}};
    return by_height(k->axis[3].x, 2 * value_share, 10 * velocity_share, 1e-2, 1e-5);
}

static struct noise process_noise(const struct ax_kalman *k)
{
    if (k->sort) return (struct noise){{1, 1, 1, 1}, {0.01, 0.01, 0.0001, 0}};
    return by_height(k->axis[3].x, value_share, velocity_share, 1e-2, 1e-5);
}

static struct noise sensor_noise(const struct ax_kalman *k)
{
    if (k->sort) return (struct noise){{1, 1, 10, 10}, {0}};
    return by_height(k->axis[3].x, value_share, 0, 1e-1, 0);
}

void ax_kalman_begin(struct ax_kalman *k, bool sort, const struct ax_box *seen)
{
    double at[4];
    *k = (struct ax_kalman){.sort = sort};
    coordinates(sort, seen, at);
    for (int i = 0; i < 4; i++) k->axis[i].x = at[i];
    struct noise n = first_noise(k);
    for (int i = 0; i < 4; i++) k->axis[i].xx = n.value[i], k->axis[i].vv = n.velocity[i];
}

void ax_kalman_predict(struct ax_kalman *k)
{
    struct noise n = process_noise(k);
    int size = k->sort ? 2 : 3; /* area or height: must stay above nothing */
    if (k->axis[size].x + k->axis[size].v <= 0) k->axis[size].v = 0;
    for (int i = 0; i < 4; i++) {
        struct ax_kalman_axis *a = &k->axis[i];
        a->x += a->v;
        a->xx += 2 * a->xv + a->vv + n.value[i];
        a->xv += a->vv;
        a->vv += n.velocity[i];
    }
}

void ax_kalman_correct(struct ax_kalman *k, const struct ax_box *seen)
{
    double at[4];
    struct noise n = sensor_noise(k);
    coordinates(k->sort, seen, at);
    for (int i = 0; i < 4; i++) {
        struct ax_kalman_axis *a = &k->axis[i];
        double gain_x = a->xx / (a->xx + n.value[i]), gain_v = a->xv / (a->xx + n.value[i]), off = at[i] - a->x;
        a->x += gain_x * off;
        a->v += gain_v * off;
        a->vv -= gain_v * a->xv;
        a->xv -= gain_x * a->xv;
        a->xx -= gain_x * a->xx;
    }
}

struct ax_box ax_kalman_box(const struct ax_kalman *k)
{
    double h = k->sort ? sqrt(fmax(k->axis[2].x, 1e-6) / fmax(k->axis[3].x, 1e-6)) : k->axis[3].x;
    double w = h * (k->sort ? k->axis[3].x : k->axis[2].x), x = k->axis[0].x, y = k->axis[1].x;
    return (struct ax_box){x - w / 2, y - h / 2, x + w / 2, y + h / 2};
}
