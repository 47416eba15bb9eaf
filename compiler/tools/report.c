/* What the compile came to, for people: printed at the end and kept in compile.log. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernels/cpu.h"
#include "tools/job.h"

enum { WORST = 5 };

struct row { /* operators of one kind, precision and reason */
    const char *op, *precision, *reason;
    int count;
};

static int by_row(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int d = strcmp(x->op, y->op);
    if (!d) d = strcmp(x->precision, y->precision);
    return d ? d : strcmp(x->reason, y->reason);
}

static int count_rows(struct ax_arena *mem, const struct ax_manifest *m, struct row **out)
{
    struct row *r = AX_NEW(mem, struct row, m->n_operations + 1);
    int n = 0;
    for (int i = 0; i < m->n_operations; i++)
        r[i] = (struct row){m->operations[i].op, m->operations[i].precision,
                            m->operations[i].reason ? m->operations[i].reason : "", 1};
    qsort(r, (size_t)m->n_operations, sizeof *r, by_row);
    for (int i = 0; i < m->n_operations; i++) {
        if (n && !by_row(&r[n - 1], &r[i]))
            r[n - 1].count++;
        else
            r[n++] = r[i];
    }
    *out = r;
    return n;
}

static void table(FILE *f, struct ax_arena *mem, const struct ax_manifest *m)
{
    struct row *r;
    int n = count_rows(mem, m, &r);
    fprintf(f, "\n  %-24s %6s  %-9s %s\n", "Operator", "Count", "Precision", "Reason");
    for (int i = 0; i < n; i++) fprintf(f, "  %-24s %6d  %-9s %s\n", r[i].op, r[i].count, r[i].precision, r[i].reason);
}

static void ports(FILE *f, const char *what, const struct ax_manifest_port *p, int n)
{
    char shape[AX_SHAPE_TEXT];
    for (int i = 0; i < n; i++) {
        fprintf(f, "%-10s %s %s %s", i ? "" : what, p[i].name, ax_shape_text(&p[i].shape, shape), ax_dtype_text(p[i].stored));
        if (p[i].quant.count == 1)
            fprintf(f, " scale %.6g zero point %d", (double)p[i].quant.scale[0], p[i].quant.zero_point[0]);
        fputc('\n', f);
    }
}

static void memory(FILE *f, const struct ax_compile_job *j, const struct ax_manifest *m)
{
    char a[AX_BYTES_TEXT], b[AX_BYTES_TEXT], c[AX_BYTES_TEXT], d[AX_BYTES_TEXT];
    const struct ax_manifest_memory *y = &m->memory;
    fprintf(f, "%-10s parameters %s, activations %s\n", "Memory", ax_bytes_text(y->weights_bytes, a),
            ax_bytes_text(y->activations_bytes, b));
    int64_t left = y->device_bytes - (j->device.name ? 0 : y->activations_bytes) - y->on_chip_bytes;
    fprintf(f, "%-10s on chip %s of %s used for parameters, %s remaining; off chip %s\n", "",
            ax_bytes_text(y->on_chip_bytes, a), ax_bytes_text(y->device_bytes, b), ax_bytes_text(left > 0 ? left : 0, c),
            ax_bytes_text(y->off_chip_bytes, d));
}

static void errors(FILE *f, const struct ax_quant_report *r)
{
    fprintf(f, "%-10s against float on %d calibration samples:\n", "Accuracy", r->n_samples);
    for (int i = 0; i < r->n_outputs; i++) {
        const struct ax_output_error *o = &r->outputs[i];
        fprintf(f, "%-10s   %s: SQNR %.1f dB, cosine %.5f", "", o->name, o->sqnr_db, o->cosine);
        if (o->top1_agreement >= 0) fprintf(f, ", top-1 agreement %.1f %%", 100 * o->top1_agreement);
        fputc('\n', f);
    }
    for (int i = 0; i < r->n_layers && i < WORST; i++)
        fprintf(f, "%-10s %6.1f dB  %s\n", i ? "" : "Worst", r->layers[i].sqnr_db, r->layers[i].value);
}

static double seconds_since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) + 1e-9 * (double)(now.tv_nsec - t->tv_nsec);
}

static void pipeline(FILE *f, const struct ax_compile_job *j)
{
    if (j->pipeline.family)
        fprintf(f, "%-10s family %s%s\n", "Pipeline", j->pipeline.family,
                j->family_recognized ? ", recognized from the outputs (--family says otherwise)" : "");
    if (j->labels_dropped)
        fprintf(f, "%-10s its %d labels are left out, the model has another number of classes; --labels names them\n", "",
                j->labels_dropped);
}

char *ax_job_report(struct ax_compile_job *j, const struct ax_manifest *m, bool operations)
{
    char *text = NULL, *out, params[AX_BYTES_TEXT];
    size_t bytes = 0;
    int int8 = 0, other = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return ax_arena_str(&j->mem, "");
    for (int i = 0; i < m->n_operations; i++) *(strcmp(m->operations[i].precision, "int8") ? &other : &int8) += 1;
    fprintf(f, "%-10s %s -> %s in %.1f s\n", "Compiled", j->path, j->dir, seconds_since(&j->begin));
    ports(f, "Inputs", m->inputs, m->n_inputs);
    ports(f, "Outputs", m->outputs, m->n_outputs);
    fprintf(f, "%-10s %d in int8, %d in float; %lld parameters (%s), %.3f GMAC\n", "Operations", int8, other,
            (long long)m->parameters, ax_bytes_text(m->memory.weights_bytes, params), (double)m->macs * 1e-9);
    memory(f, j, m);
    pipeline(f, j);
    if (j->calib)
        fprintf(f, "%-10s %lld samples of %s, seed %lld, ranges by %s\n", "Calibrated", (long long)m->calibration.count,
                m->calibration.source, (long long)m->calibration.seed, m->calibration.range);
    if (j->measured)
        fprintf(f, "%-10s %s, bias correction %s: best on the first samples\n", "Chosen",
                !j->report.channel_scales ? "one scale a tensor"
                : j->report.alpha > 0     ? ax_arena_printf(&j->mem, "scales by channel (alpha %.2f)", j->report.alpha)
                                          : "scales by channel before depthwise layers",
                j->report.bias_correction ? "on" : "off");
    if (j->measured) errors(f, &j->report);
    if (operations) table(f, &j->mem, m);
    fclose(f);
    out = ax_arena_str(&j->mem, text);
    free(text);
    return out;
}
