/* What the cut came to, for people. */
#include <stdio.h>

#include "tools/job.h"

void ax_segment_report(const struct ax_segment_job *j, const struct ax_partition *p)
{
    ax_partition_print(p, stdout);
    if (j->measured)
        printf("measured: slowest %.3f ms (predicted %.3f ms before), slowest/mean %.3f, noise %.1f %%, %d round%s\n",
               p->measured_us / 1000, j->predicted_ns / 1e6, p->balance, 100 * p->noise, j->rounds, j->rounds == 1 ? "" : "s");
    if (j->measured && j->in_pipeline)
        printf("pipeline: %.1f a second\n", j->per_second);
    else if (j->measured)
        printf("measured one segment after another: fewer cores than segments are free\n");
    ax_partition_print_crossing(p, stdout);
    printf("written: %s/partition.json and %s_segment_0..%d_of_%d.axmodel\n", j->dir, p->name, p->n_segments - 1,
           p->n_segments);
}
