/* A partition for people: a table of its segments, what crosses between them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "files/partition.h"

/* A name from a file, without what a terminal would obey. */
static void put_name(FILE *f, const char *s)
{
    for (; *s; s++) putc((unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s, f);
}

const char *ax_partition_cost_text(const struct ax_partition *p, double cost, char buf[AX_BYTES_TEXT])
{
    if (!strcmp(p->unit, "bytes")) return ax_bytes_text((long long)cost, buf);
    if (cost >= 1000)
        snprintf(buf, AX_BYTES_TEXT, "%.3f ms", cost / 1000);
    else
        snprintf(buf, AX_BYTES_TEXT, "%.1f us", cost);
    return buf;
}

static void print_segment(FILE *f, const struct ax_partition *p, int k)
{
    const struct ax_partition_segment *s = &p->segments[k];
    char b[7][AX_BYTES_TEXT];
    fprintf(f, "%7d %10d %11s %10s %10s %10s %10s %10s %12s", k, s->operations, ax_bytes_text(s->parameter_bytes, b[0]),
            ax_bytes_text(s->on_chip_bytes, b[1]), ax_bytes_text(s->remaining_bytes, b[2]),
            ax_bytes_text(s->off_chip_bytes, b[3]), ax_bytes_text(s->input_bytes, b[4]), ax_bytes_text(s->output_bytes, b[5]),
            ax_partition_cost_text(p, s->cost, b[6]));
    if (!isnan(s->measured_us)) fprintf(f, " %9.3f ms", s->measured_us / 1000);
    if (s->replicas > 1) fprintf(f, "  on %d cores", s->replicas);
    putc('\n', f);
}

void ax_partition_print(const struct ax_partition *p, void *file)
{
    FILE *f = file;
    char a[AX_BYTES_TEXT], b[AX_BYTES_TEXT];
    put_name(f, p->name);
    fprintf(f, ": %d segment%s by %s, device ", p->n_segments, p->n_segments == 1 ? "" : "s", p->by);
    put_name(f, p->device);
    fprintf(f, "\n\n%7s %10s %11s %10s %10s %10s %10s %10s %12s%s\n", "segment", "operations", "parameters", "on-chip",
            "remaining", "off-chip", "input", "output", "cost", isnan(p->measured_us) ? "" : "     measured");
    for (int k = 0; k < p->n_segments; k++) print_segment(f, p, k);
    fprintf(f, "\nbottleneck: %s, lower bound %s, gap %.2f %%%s\n", ax_partition_cost_text(p, p->bottleneck, a),
            ax_partition_cost_text(p, p->lower_bound, b), 100 * p->gap, p->gap > 1e-8 ? "" : " (no cut is better)");
}

void ax_partition_print_crossing(const struct ax_partition *p, void *file)
{
    FILE *f = file;
    char b[AX_BYTES_TEXT], shape[AX_SHAPE_TEXT];
    int n = 0;
    for (int i = 0; i < p->n_tensors; i++) n += p->tensors[i].from >= 0;
    fprintf(f, "crossing: %d tensor%s, %s\n", n, n == 1 ? "" : "s", ax_bytes_text(p->crossing_bytes, b));
    for (int i = 0; i < p->n_tensors; i++) {
        const struct ax_partition_tensor *t = &p->tensors[i];
        if (t->from < 0) continue;
        fprintf(f, "  %d ->", t->from);
        for (int k = 0; k < t->n_to; k++) fprintf(f, " %d", t->to[k]);
        fputs("  ", f);
        put_name(f, t->name);
        fprintf(f, "  %s %s, %s\n", ax_dtype_text(t->dtype), ax_shape_text(&t->shape, shape), ax_bytes_text(t->bytes, b));
    }
}
