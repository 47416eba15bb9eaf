#include "base/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };
static const int64_t second = 1000000000;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * second + t.tv_nsec;
}

void ax_progress_begin(struct ax_progress *p, const char *what, int64_t total)
{
    *p = (struct ax_progress){.what = what, .total = total > 0 ? total : 1, .begin_ns = now_ns(), .terminal = isatty(2) == 1};
}

void ax_progress_what(struct ax_progress *p, const char *what)
{
    p->what = what;
    p->drawn_ns = 0;
}

static void draw(struct ax_progress *p, int64_t done, int64_t elapsed_ns)
{
    char bar[BAR + 1];
    int full = (int)(done * BAR / p->total);
    for (int i = 0; i < BAR; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR] = 0;
    long long s = elapsed_ns / second;
    fprintf(stderr, "\r%s [%s] %3d%% (", p->what, bar, (int)(done * 100 / p->total));
    if (s >= 60) fprintf(stderr, "%lldm ", s / 60);
    fprintf(stderr, "%llds)\033[K", s % 60);
    fflush(stderr);
}

void ax_progress_step(struct ax_progress *p, int64_t done)
{
    if (!p->terminal) return;
    int64_t now = now_ns();
    if (now - p->begin_ns < second || now - p->drawn_ns < second / 10) return;
    if (done > p->total) done = p->total;
    p->drawn_ns = now;
    p->shown = true;
    draw(p, done < 0 ? 0 : done, now - p->begin_ns);
}

void ax_progress_end(struct ax_progress *p)
{
    if (p->shown) fputs("\r\033[K", stderr);
    p->shown = false;
}
