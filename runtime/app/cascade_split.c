/* Cores for the stages of a cascade. */
#include <stdbool.h>

#include "app/cascade.h"

static int neediest(const double *work, const int *fixed, int n, const int *have)
{
    int worst = -1;
    for (int i = 0; i < n; i++)
        if (fixed[i] <= 0 && (worst < 0 || work[i] / have[i] > work[worst] / have[worst])) worst = i;
    return worst;
}

/* Each core goes to the stage that needs it most, which is best: a split that beats it would have to take a core from the
 * slowest stage of this one. */
bool ax_cascade_split(const double *work, const int *fixed, const int *least, int n, int cores, int *out)
{
    int left = cores;
    for (int i = 0; i < n; i++) left -= out[i] = fixed[i] > 0 ? fixed[i] : least[i];
    if (left < 0) return false;
    for (int k; left > 0 && (k = neediest(work, fixed, n, out)) >= 0; left--) out[k]++;
    return true;
}
