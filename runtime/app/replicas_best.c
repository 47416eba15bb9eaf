/* Which of several instances a request goes to, apart from threads and clocks. */
#include "app/replicas.h"

enum { FORGET = 64 }; /* decisions, about */

/* What is not known yet is taken for as fast as the fastest, so that it is tried. */
static double least_mean(const double *mean, int n)
{
    double least = 0;
    for (int i = 0; i < n; i++)
        if (mean[i] > 0 && (least <= 0 || mean[i] < least)) least = mean[i];
    return least > 0 ? least : 1;
}

int ax_replicas_best(const double *mean, const int *under_way, int n, int last)
{
    double unknown = least_mean(mean, n), soonest = 0;
    int best = -1;
    for (int k = 1; k <= n; k++) {
        int i = (last + k + n) % n;
        double done = (mean[i] > 0 ? mean[i] : unknown) * (under_way[i] + 1);
        if (best < 0 || done < soonest) best = i, soonest = done;
    }
    return best;
}

void ax_replicas_forget(double *mean, const int *under_way, int n)
{
    double least = least_mean(mean, n);
    for (int i = 0; i < n; i++)
        if (!under_way[i] && mean[i] > 0) mean[i] -= (mean[i] - least) / FORGET;
}
