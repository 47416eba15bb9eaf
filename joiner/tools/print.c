/* The plan and what came of it, for people and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job.h"

static void print_inputs(const struct ax_join *j, FILE *f)
{
    char shape[AX_SHAPE_TEXT];
    for (int i = 0; i < j->n_inputs; i++) {
        const struct ax_join_input *in = &j->inputs[i];
        fprintf(f, "%-10s %s %s %s%s ->", i ? "" : "Inputs", in->name, ax_shape_text(&in->shape, shape),
                ax_dtype_text(in->dtype),
                in->raw         ? " pixels 0..255"
                : in->quantized ? " (one quantization)"
                                : "");
        for (int m = 0; m < j->n_models; m++)
            for (int k = 0; k < j->models[m].graph->n_inputs; k++) {
                const struct ax_join_feed *d = &j->models[m].feed[k];
                if (d->kind == AX_FEED_INPUT && d->input == i)
                    fprintf(f, " %s/%s", j->models[m].scope, j->models[m].graph->values[j->models[m].graph->inputs[k]].name);
            }
        fputc('\n', f);
    }
}

static void print_edges(const struct ax_join *j, FILE *f)
{
    for (int m = 0; m < j->n_models; m++)
        for (int k = 0; k < j->models[m].graph->n_inputs; k++) {
            const struct ax_join_feed *d = &j->models[m].feed[k];
            if (d->kind != AX_FEED_OUTPUT) continue;
            const struct ax_join_model *from = &j->models[d->model];
            fprintf(f, "%-10s %s/%s -> %s/%s\n", "Feeds", from->scope,
                    from->graph->values[from->graph->outputs[d->output]].name, j->models[m].scope,
                    j->models[m].graph->values[j->models[m].graph->inputs[k]].name);
        }
}

static void print_norms(const struct ax_join *j, FILE *f)
{
    for (int m = 0; m < j->n_models; m++) {
        const struct ax_join_norm *n = &j->models[m].norm;
        if (!n->moved) continue;
        fprintf(f, "%-10s %s: %s(pixel * %.9g - mean) / std within the branch; mean", "Moved", j->models[m].scope,
                n->reversed ? "RGB to BGR, " : "", (double)n->scale);
        for (int c = 0; c < n->channels; c++) fprintf(f, " %g", (double)n->mean[c]);
        fprintf(f, ", std");
        for (int c = 0; c < n->channels; c++) fprintf(f, " %g", (double)n->std[c]);
        fputc('\n', f);
    }
}

static void print_shared(const struct ax_join_job *b, FILE *f)
{
    char x[AX_BYTES_TEXT], y[AX_BYTES_TEXT];
    const struct ax_join_shared *s = &b->join.shared;
    if (b->set->no_share) {
        fprintf(f, "%-10s nothing (--no_share)\n", "Shared");
        return;
    }
    fprintf(f, "%-10s %d operations and %d constants (%s)", "Shared", s->nodes, s->constants,
            ax_bytes_text(s->constant_bytes, x));
    if (s->last) fprintf(f, ", the last one %s", s->last);
    fputc('\n', f);
    if (!b->join.program || !b->part_steps) return;
    int64_t macs = 0;
    for (int i = 0; i < b->join.program->n_steps; i++) macs += b->join.program->steps[i].macs;
    fprintf(f, "%-10s steps %d of %d, %.3f of %.3f GMAC, weights %s of %s\n", "", b->join.program->n_steps, b->part_steps,
            (double)macs * 1e-9, (double)b->part_macs * 1e-9, ax_bytes_text(b->join.program->const_bytes, x),
            ax_bytes_text(b->part_weights, y));
}

static char *order_text(struct ax_join_job *b)
{
    char *text = ax_arena_str(&b->join.mem, "");
    for (int i = 0; i < b->join.n_models; i++)
        text = ax_arena_printf(&b->join.mem, "%s%s%s", text, i ? ", " : "", b->join.models[b->join.fit.best_order[i]].scope);
    return text;
}

char *ax_join_fit_advice(struct ax_join_job *b)
{
    char x[AX_BYTES_TEXT], y[AX_BYTES_TEXT];
    const struct ax_join_fit *f = &b->join.fit;
    struct ax_arena *mem = &b->join.mem;
    if (f->fits) return ax_arena_str(mem, "fits");
    char *text = f->segments > 1 ? ax_arena_printf(mem, "%d segments would fit (axsegment)", f->segments)
                                 : ax_arena_str(mem, "no number of segments would fit: a single operation is too large");
    if (!f->best_order || f->best_activations >= f->activations)
        return ax_arena_printf(mem, "%s; no other order of the models needs less", text);
    int64_t over = f->weights + f->best_activations - f->limit;
    return ax_arena_printf(mem, "%s; in the order %s activations take %s: %s%s", text, order_text(b),
                           ax_bytes_text(f->best_activations, x), over > 0 ? ax_bytes_text(over, y) : "that fits",
                           over > 0 ? " too much" : "");
}

static void print_fit(struct ax_join_job *b, FILE *f)
{
    char w[AX_BYTES_TEXT], a[AX_BYTES_TEXT], l[AX_BYTES_TEXT], o[AX_BYTES_TEXT];
    const struct ax_join_fit *fit = &b->join.fit;
    if (b->fit_unknown) fprintf(f, "%-10s unknown: %s\n", "Memory", b->fit_unknown);
    if (!fit->limit) return;
    fprintf(f, "%-10s %sweights %s, activations %s, on chip of '%s' %s: ", "Memory", fit->estimated ? "once compiled: " : "",
            ax_bytes_text(fit->weights, w), ax_bytes_text(fit->activations, a), b->device.name, ax_bytes_text(fit->limit, l));
    if (!fit->fits) fprintf(f, "%s too much; ", ax_bytes_text(fit->over, o));
    fprintf(f, "%s\n", ax_join_fit_advice(b));
}

void ax_join_print(struct ax_join_job *b, FILE *f)
{
    const struct ax_join *j = &b->join;
    fprintf(f, "%-10s %s -> %s\n", b->set->dry_run ? "Plan" : "Joined", j->name, b->folder ? b->folder : b->model_path);
    for (int m = 0; m < j->n_models; m++)
        fprintf(f, "%-10s %s: %s\n", m ? "" : "Models", j->models[m].scope, j->models[m].file);
    print_inputs(j, f);
    print_edges(j, f);
    for (int i = 0; i < j->n_outputs; i++) fprintf(f, "%-10s %s\n", i ? "" : "Outputs", j->outputs[i].name);
    print_norms(j, f);
    for (int i = 0; i < b->precision.n; i++)
        fprintf(f, "%-10s %s %s: %s\n", i ? "" : "Precision", b->precision.rules[i].outputs ? "outputs" : "layers",
                b->precision.rules[i].pattern, b->precision.rules[i].to_float ? "float32" : "a8_w8");
    print_shared(b, f);
    print_fit(b, f);
    if (b->set->dry_run) return;
    if (!b->verify)
        fprintf(f, "%-10s no (--verify N)\n", "Verified");
    else if (b->proof.exact)
        fprintf(f, "%-10s %d inputs: every output equal to the bit\n", "Verified", b->proof.samples);
    else
        fprintf(f, "%-10s %d inputs: every output within %.2g of its range\n", "Verified", b->proof.samples, b->proof.worst);
}

static void json_ports(struct ax_json_writer *w, const struct ax_join *j)
{
    ax_jw_array(w, "inputs");
    for (int i = 0; i < j->n_inputs; i++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", j->inputs[i].name);
        ax_jw_ints(w, "shape", j->inputs[i].shape.dim, j->inputs[i].shape.rank);
        ax_jw_int(w, "readers", j->inputs[i].readers);
        ax_jw_bool(w, "raw", j->inputs[i].raw);
        ax_jw_end(w);
    }
    ax_jw_end(w);
    ax_jw_array(w, "outputs");
    for (int i = 0; i < j->n_outputs; i++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "name", j->outputs[i].name);
        ax_jw_text(w, "scope", j->models[j->outputs[i].model].scope);
        ax_jw_text(w, "origin", j->outputs[i].origin);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

char *ax_join_json(struct ax_join_job *b)
{
    const struct ax_join *j = &b->join;
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "name", j->name);
    ax_jw_text(w, "output", b->folder ? b->folder : b->model_path);
    ax_jw_array(w, "models");
    for (int m = 0; m < j->n_models; m++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "scope", j->models[m].scope);
        ax_jw_text(w, "file", j->models[m].file);
        ax_jw_end(w);
    }
    ax_jw_end(w);
    json_ports(w, j);
    ax_jw_array(w, "precision");
    for (int i = 0; i < b->precision.n; i++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, b->precision.rules[i].outputs ? "outputs" : "layers", b->precision.rules[i].pattern);
        ax_jw_text(w, "mode", b->precision.rules[i].to_float ? "float32" : "a8_w8");
        ax_jw_end(w);
    }
    ax_jw_end(w);
    ax_jw_object(w, "shared");
    ax_jw_int(w, "operations", j->shared.nodes);
    ax_jw_int(w, "constants", j->shared.constants);
    ax_jw_int(w, "constant_bytes", j->shared.constant_bytes);
    ax_jw_end(w);
    ax_jw_object(w, "memory");
    ax_jw_int(w, "weights_bytes", j->fit.weights);
    ax_jw_int(w, "activations_bytes", j->fit.activations);
    ax_jw_int(w, "on_chip_bytes", j->fit.limit);
    ax_jw_bool(w, "fits", j->fit.fits);
    ax_jw_int(w, "over_bytes", j->fit.over > 0 ? j->fit.over : 0);
    ax_jw_int(w, "segments_that_fit", j->fit.fits ? 1 : j->fit.segments);
    ax_jw_int(w, "best_order_activations_bytes", j->fit.best_activations);
    if (j->fit.best_order) ax_jw_text(w, "best_order", order_text(b));
    ax_jw_end(w);
    ax_jw_object(w, "proof");
    ax_jw_int(w, "samples", b->proof.samples);
    ax_jw_bool(w, "exact", b->proof.samples && b->proof.exact);
    ax_jw_double(w, "worst", b->proof.worst);
    ax_jw_end(w);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
