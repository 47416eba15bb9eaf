/* The decision of the scheduler, apart from threads and clocks. */
#include "app/schedule.h"

static bool is_ready(const struct ax_schedule_state *m, int64_t now_ns, int64_t *until_ns)
{
    if (!m->waiting) return false;
    int64_t due = m->oldest_ns + m->rule.timeout_ms * 1000000;
    if (m->waiting >= m->rule.threshold || now_ns >= due) return true;
    if (due < *until_ns) *until_ns = due;
    return false;
}

int ax_schedule_next(const struct ax_schedule_state *m, int n, int last, int64_t now_ns, int64_t *until_ns)
{
    int best = -1;
    *until_ns = INT64_MAX;
    for (int k = 1; k <= n; k++) {
        int i = (last + k + n) % n; /* the one behind the last comes first among equals */
        if (is_ready(&m[i], now_ns, until_ns) && (best < 0 || m[i].rule.priority > m[best].rule.priority)) best = i;
    }
    return best;
}
