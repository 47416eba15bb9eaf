#include "media/assign.h"

#include <math.h>
#include <stdbool.h>

/* Lines are the shorter side, places the longer one; both count from 1, and 0 stands for none. */
struct problem {
    const double *cost;
    int lines, places;
    int line_step, place_step;                /* in cost */
    double *line_price, *place_price, *least; /* potentials; slack of each place */
    int *line_at, *came_from;                 /* by place */
    bool *seen;
};

static double reduced(const struct problem *p, int line, int place)
{
    double c = p->cost[(int64_t)(line - 1) * p->line_step + (int64_t)(place - 1) * p->place_step];
    return c - p->line_price[line] - p->place_price[place];
}

/* One step of Dijkstra's search from the line at place `at`: prices move by the smallest slack, whose place comes next. */
static int next_place(struct problem *p, int at)
{
    int next = 0, line = p->line_at[at];
    double step = INFINITY;
    p->seen[at] = true;
    for (int j = 1; j <= p->places; j++) {
        if (p->seen[j]) continue;
        double slack = reduced(p, line, j);
        if (slack < p->least[j]) p->least[j] = slack, p->came_from[j] = at;
        if (p->least[j] < step) step = p->least[j], next = j;
    }
    for (int j = 0; j <= p->places; j++)
        if (p->seen[j])
            p->line_price[p->line_at[j]] += step, p->place_price[j] -= step;
        else
            p->least[j] -= step;
    return next;
}

/* The shortest augmenting path from the line to a free place. */
static void place_line(struct problem *p, int line)
{
    int at = 0;
    for (int j = 0; j <= p->places; j++) p->least[j] = INFINITY, p->seen[j] = false;
    p->line_at[0] = line;
    while (p->line_at[at]) at = next_place(p, at);
    for (int from; at; at = from) {
        from = p->came_from[at];
        p->line_at[at] = p->line_at[from];
    }
}

void ax_assign(const double *cost, int rows, int columns, int *column_of, struct ax_arena *mem)
{
    bool by_row = rows <= columns;
    struct problem p = {.cost = cost,
                        .lines = by_row ? rows : columns,
                        .places = by_row ? columns : rows,
                        .line_step = by_row ? columns : 1,
                        .place_step = by_row ? 1 : columns};
    p.line_price = AX_NEW(mem, double, p.lines + 1);
    p.place_price = AX_NEW(mem, double, p.places + 1);
    p.least = AX_NEW(mem, double, p.places + 1);
    p.line_at = AX_NEW(mem, int, p.places + 1);
    p.came_from = AX_NEW(mem, int, p.places + 1);
    p.seen = AX_NEW(mem, bool, p.places + 1);
    for (int i = 1; i <= p.lines; i++) place_line(&p, i);
    for (int i = 0; i < rows; i++) column_of[i] = -1;
    for (int j = 1; j <= p.places; j++) {
        if (!p.line_at[j]) continue;
        if (by_row)
            column_of[p.line_at[j] - 1] = j - 1;
        else
            column_of[j - 1] = p.line_at[j] - 1;
    }
}
