/* The tracker on scenes whose truth is known, and the assignment against all permutations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/assign.h"
#include "media/kalman.h"
#include "media/postprocess.h"
#include "media/tracker.h"

static struct ax_error err;

/* -- assignment -- */

static double best_by_hand(const double *cost, int rows, int columns, int row, unsigned used)
{
    double best = 1e300;
    if (row == rows) return 0;
    for (int j = 0; j < columns; j++)
        if (!(used >> j & 1)) {
            double v = cost[row * columns + j] + best_by_hand(cost, rows, columns, row + 1, used | 1u << j);
            best = v < best ? v : best;
        }
    return best;
}

static void assignment(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 400; round++) {
        int rows = 1 + round % 6, columns = 1 + round / 6 % 6, column_of[6];
        double cost[36], turned[36], sum = 0, want;
        struct ax_arena mem = {0};
        for (int i = 0; i < rows * columns; i++) {
            seed = seed * 1664525u + 1013904223u;
            cost[i] = round % 3 ? (double)(seed >> 16) / 65536 - 0.5 : (double)(seed >> 29); /* and with many equal ones */
            turned[i % columns * rows + i / columns] = cost[i];
        }
        ax_assign(cost, rows, columns, column_of, &mem);
        unsigned used = 0;
        int pairs = 0;
        for (int i = 0; i < rows; i++)
            if (column_of[i] >= 0) {
                assert_false(used >> column_of[i] & 1);
                used |= 1u << column_of[i];
                sum += cost[i * columns + column_of[i]];
                pairs++;
            }
        assert_int_equal(pairs, rows < columns ? rows : columns);
        want = rows <= columns ? best_by_hand(cost, rows, columns, 0, 0) : best_by_hand(turned, columns, rows, 0, 0);
        assert_float_equal(sum, want, 1e-9);
        ax_arena_free(&mem);
    }
}

/* -- the filter, against the matrices written out -- */

static void matrix_step(double P[7][7], double x[7], const double z[4])
{
    double F[7][7] = {{0}}, A[7][7] = {{0}}, B[7][7] = {{0}};
    const double Q[7] = {1, 1, 1, 1, 0.01, 0.01, 0.0001}, R[4] = {1, 1, 10, 10};
    for (int i = 0; i < 7; i++) F[i][i] = 1;
    for (int i = 0; i < 3; i++) F[i][i + 4] = 1, x[i] += x[i + 4];
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++)
            for (int k = 0; k < 7; k++) A[i][j] += F[i][k] * P[k][j];
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) {
            for (int k = 0; k < 7; k++) B[i][j] += A[i][k] * F[j][k];
            B[i][j] += i == j ? Q[i] : 0;
        }
    memcpy(P, B, sizeof B);
    for (int m = 0; m < 4; m++) { /* measurements one after another: their noise is independent */
        double gain[7], row[7], off = z[m] - x[m], s = P[m][m] + R[m];
        for (int i = 0; i < 7; i++) gain[i] = P[i][m] / s, row[i] = P[m][i];
        for (int i = 0; i < 7; i++) x[i] += gain[i] * off;
        for (int i = 0; i < 7; i++)
            for (int j = 0; j < 7; j++) P[i][j] -= gain[i] * row[j];
    }
}

static void filter_of_sort(void **state)
{
    (void)state;
    double P[7][7] = {{0}}, x[7] = {60, 45, 2000, 1.25, 0, 0, 0};
    struct ax_kalman k;
    ax_kalman_begin(&k, true, &(struct ax_box){35, 25, 85, 65});
    for (int i = 0; i < 7; i++) P[i][i] = i < 4 ? 10 : 10000;
    for (int frame = 1; frame < 12; frame++) {
        struct ax_box b = {35 + 3 * frame, 25 - frame, 85 + 3.5 * frame, 65 + frame % 3};
        double w = b.right - b.left, h = b.bottom - b.top;
        const double z[4] = {b.left + w / 2, b.top + h / 2, w * h, w / h};
        matrix_step(P, x, z);
        ax_kalman_predict(&k);
        ax_kalman_correct(&k, &b);
        for (int i = 0; i < 4; i++) assert_float_equal(k.axis[i].x, x[i], 1e-6 * (1 + x[i]));
        for (int i = 0; i < 3; i++) assert_float_equal(k.axis[i].v, x[i + 4], 1e-6 * (1 + x[i]));
    }
}

/* -- scenes -- */

static struct ax_tracker *tracker_of(const char *step, struct ax_descriptor *p)
{
    char json[512];
    struct ax_tracker *t;
    snprintf(json, sizeof json,
             "{\"name\": \"t\", \"model\": \"t.axmodel\", \"postprocessing\": [{\"type\": \"tracker\", %s}]}", step);
    if (ax_descriptor_parse(json, strlen(json), "test", p, &err)) fail_msg("%s", err.message);
    assert_int_equal(ax_tracker_new(&p->after[0], &t, &err), AX_OK);
    return t;
}

static void see(struct ax_prediction *r, int class, double score, double x, double y, double w, double h)
{
    if (!r->objects) r->objects = AX_NEW(&r->mem, struct ax_object, 16);
    r->objects[r->n_objects++] = (struct ax_object){.is = {class, (float)score, NULL},
                                                    .left = (float)(x - w / 2),
                                                    .top = (float)(y - h / 2),
                                                    .right = (float)(x + w / 2),
                                                    .bottom = (float)(y + h / 2)};
}

/* The track of the object of that class nearest to x; 0: none. */
static int track_at(const struct ax_prediction *r, int class, double x)
{
    int best = 0;
    double reached = 40;
    for (int i = 0; i < r->n_objects; i++) {
        double d = (double)(r->objects[i].left + r->objects[i].right) / 2 - x;
        d = d < 0 ? -d : d;
        if (r->objects[i].is.index == class && d < reached) reached = d, best = r->objects[i].track;
    }
    return best;
}

/* Two persons walk through each other; a car drives behind a wall and comes out again. */
static void crossing_scene(const char *step)
{
    struct ax_descriptor p;
    struct ax_tracker *t = tracker_of(step, &p);
    int right = 0, left = 0, car = 0;
    for (int frame = 0; frame < 60; frame++) {
        struct ax_prediction r = {0};
        double a = 50 + 5 * frame, b = 350 - 5 * frame, c = 20 + 6 * frame, wobble = frame * 7 % 3 - 1;
        bool hidden = frame >= 25 && frame < 33; /* the car */
        if (frame % 2) see(&r, 0, 0.9, a, 100 + wobble, 40, 90);
        see(&r, 0, 0.8, b, 112 - wobble, 42, 88);
        if (frame % 2 == 0) see(&r, 0, 0.9, a, 100 + wobble, 40, 90);
        if (!hidden) see(&r, 2, 0.7, c, 300 + wobble, 60, 40);
        assert_int_equal(ax_tracker_update(t, &r, &err), AX_OK);
        if (frame == 0) {
            right = track_at(&r, 0, a), left = track_at(&r, 0, b), car = track_at(&r, 2, c);
            assert_true(right && left && car && right != left && car != left && car != right);
        }
        bool together = a > b - 25 && a < b + 25; /* which is which cannot be told by place */
        if (!together) {
            assert_int_equal(track_at(&r, 0, a), right);
            assert_int_equal(track_at(&r, 0, b), left);
        }
        assert_int_equal(r.n_objects, hidden ? 2 : 3);
        if (!hidden) assert_int_equal(track_at(&r, 2, c), car);
        ax_prediction_free(&r);
    }
    ax_tracker_free(t);
    ax_descriptor_free(&p);
}

static void crossing(void **state)
{
    (void)state;
    crossing_scene("\"kind\": \"sort\", \"iou_threshold\": 0.2");
    crossing_scene("\"kind\": \"bytetrack\", \"iou_threshold\": 0.2");
}

/* A person whose score sinks while half hidden: bytetrack goes on, and the low score begins no track of its own. */
static void low_scores(void **state)
{
    (void)state;
    struct ax_descriptor p;
    struct ax_tracker *t = tracker_of("\"kind\": \"bytetrack\"", &p);
    for (int frame = 0; frame < 30; frame++) {
        struct ax_prediction r = {0};
        double score = frame >= 10 && frame < 18 ? 0.2 : 0.9;
        see(&r, 0, score, 100 + 2 * frame, 100, 40, 80);
        see(&r, 0, 0.2, 400, 100, 40, 80);                   /* never good */
        if (frame == 20) see(&r, 0, 0.95, 250, 300, 40, 80); /* one frame only */
        assert_int_equal(ax_tracker_update(t, &r, &err), AX_OK);
        assert_int_equal(r.n_objects, 1);
        assert_int_equal(r.objects[0].track, 1);
        ax_prediction_free(&r);
    }
    ax_tracker_reset(t);
    struct ax_prediction r = {0};
    see(&r, 0, 0.9, 300, 300, 40, 80);
    assert_int_equal(ax_tracker_update(t, &r, &err), AX_OK);
    assert_int_equal(r.objects[0].track, 1);
    ax_prediction_free(&r);
    ax_tracker_free(t);
    ax_descriptor_free(&p);
}

/* min_hits, max_age and classes. */
static void ages(void **state)
{
    (void)state;
    struct ax_descriptor p;
    struct ax_tracker *t = tracker_of("\"kind\": \"sort\", \"min_hits\": 3, \"max_age\": 4", &p);
    static const struct {
        int seen, class, track;
    } frames[] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 1}, {1, 0, 1},
                  {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {1, 0, 1}, /* four missed: remembered */
                  {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {1, 0, 0}, {1, 0, 0}, {1, 0, 2}, /* five: another */
                  {1, 5, 0}, {1, 5, 0}, {1, 5, 3}};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct ax_prediction r = {0};
        if (frames[i].seen) see(&r, frames[i].class, 0.9, 100, 100, 40, 40);
        assert_int_equal(ax_tracker_update(t, &r, &err), AX_OK);
        int track = r.n_objects ? r.objects[0].track : 0;
        if (track != frames[i].track) fail_msg("frame %zu: track %d, expected %d", i, track, frames[i].track);
        ax_prediction_free(&r);
    }
    ax_tracker_free(t);
    ax_descriptor_free(&p);
}

/* 40 balls that bounce about, some unseen now and then, in every order: no number is ever exchanged. */
static void crowd(void **state)
{
    enum { BALLS = 16, FRAMES = 200 };
    (void)state;
    struct ax_descriptor p;
    struct ax_tracker *t = tracker_of("\"kind\": \"bytetrack\", \"iou_threshold\": 0.1", &p);
    int number[BALLS] = {0}, wrong = 0, seen = 0;
    uint32_t seed = 3;
    for (int frame = 0; frame < FRAMES; frame++) {
        struct ax_prediction r = {0};
        double x[BALLS];
        for (int k = 0; k < BALLS; k++) {
            int i = (k * 7 + frame) % BALLS, phase = (frame * (3 + i % 4) + i * 37) % 800;
            x[i] = phase < 400 ? phase : 800 - phase;
            seed = seed * 1664525u + 1013904223u;
            if (frame > 3 && (seed >> 24) % 10 == 0) continue; /* unseen */
            see(&r, 0, 0.7, x[i] + (seed >> 16) % 3, 50 * i, 40, 40);
        }
        assert_int_equal(ax_tracker_update(t, &r, &err), AX_OK);
        for (int k = 0; k < r.n_objects; k++) {
            int i = (int)((r.objects[k].top + r.objects[k].bottom) / 2 + 0.5f) / 50;
            if (!number[i]) number[i] = r.objects[k].track;
            wrong += r.objects[k].track != number[i];
            seen++;
        }
        ax_prediction_free(&r);
    }
    assert_true(seen > FRAMES * BALLS * 8 / 10);
    assert_int_equal(wrong, 0);
    ax_tracker_free(t);
    ax_descriptor_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(assignment), cmocka_unit_test(filter_of_sort),
                                       cmocka_unit_test(crossing),   cmocka_unit_test(low_scores),
                                       cmocka_unit_test(ages),       cmocka_unit_test(crowd)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
