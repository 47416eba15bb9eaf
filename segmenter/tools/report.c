/* What the cut came to, for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tools/job.h"

static const char *cost_text(const struct ax_partition *p, double cost, char buf[AX_BYTES_TEXT])
{
    if (!strcmp(p->unit, "bytes")) return ax_bytes_text((long long)cost, buf);
    if (cost >= 1000)
        snprintf(buf, AX_BYTES_TEXT, "%.3f ms", cost / 1000);
    else
        snprintf(buf, AX_BYTES_TEXT, "%.1f us", cost);
    return buf;
}

static void show_segment(const struct ax_partition *p, int k)
{
    const struct ax_partition_segment *s = &p->segments[k];
    char b[7][AX_BYTES_TEXT];
    printf("%7d %10d %11s %10s %10s %10s %10s %10s %12s", k, s->operations, ax_bytes_text(s->parameter_bytes, b[0]),
           ax_bytes_text(s->on_chip_bytes, b[1]), ax_bytes_text(s->remaining_bytes, b[2]),
           ax_bytes_text(s->off_chip_bytes, b[3]), ax_bytes_text(s->input_bytes, b[4]), ax_bytes_text(s->output_bytes, b[5]),
           cost_text(p, s->cost, b[6]));
    if (!isnan(s->measured_us)) printf(" %9.3f ms", s->measured_us / 1000);
    if (s->replicas > 1) printf("  on %d cores", s->replicas);
    putchar('\n');
}

static void show_crossing(const struct ax_partition *p)
{
    char b[AX_BYTES_TEXT], shape[AX_SHAPE_TEXT];
    int n = 0;
    for (int i = 0; i < p->n_tensors; i++) n += p->tensors[i].from >= 0;
    printf("crossing: %d tensor%s, %s\n", n, n == 1 ? "" : "s", ax_bytes_text(p->crossing_bytes, b));
    for (int i = 0; i < p->n_tensors; i++) {
        const struct ax_partition_tensor *t = &p->tensors[i];
        if (t->from < 0) continue;
        printf("  %d ->", t->from);
        for (int k = 0; k < t->n_to; k++) printf(" %d", t->to[k]);
        printf("  %s  %s %s, %s\n", t->name, ax_dtype_text(t->dtype), ax_shape_text(&t->shape, shape),
               ax_bytes_text(t->bytes, b));
    }
}

void ax_segment_report(const struct ax_segment_job *j, const struct ax_partition *p)
{
    char a[AX_BYTES_TEXT], b[AX_BYTES_TEXT];
    printf("%s: %d segment%s by %s, device %s\n\n", p->name, p->n_segments, p->n_segments == 1 ? "" : "s", p->by, p->device);
    printf("%7s %10s %11s %10s %10s %10s %10s %10s %12s%s\n", "segment", "operations", "parameters", "on-chip", "remaining",
           "off-chip", "input", "output", "cost", j->measured ? "     measured" : "");
    for (int k = 0; k < p->n_segments; k++) show_segment(p, k);
    printf("\nbottleneck: %s, lower bound %s, gap %.2f %%%s\n", cost_text(p, p->bottleneck, a), cost_text(p, p->lower_bound, b),
           100 * p->gap, p->gap > 0 ? "" : " (no cut is better)");
    if (j->measured)
        printf("measured: slowest %.3f ms (predicted %.3f ms before), slowest/mean %.3f, noise %.1f %%, %d round%s\n",
               p->measured_us / 1000, j->predicted_ns / 1e6, p->balance, 100 * p->noise, j->rounds, j->rounds == 1 ? "" : "s");
    if (j->measured && j->in_pipeline)
        printf("pipeline: %.1f a second\n", j->per_second);
    else if (j->measured)
        printf("measured one segment after another: fewer cores than segments are free\n");
    show_crossing(p);
    printf("written: %s/partition.json and %s_segment_0..%d_of_%d.axmodel\n", j->dir, p->name, p->n_segments - 1,
           p->n_segments);
}
