#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/progress.h"
#include "tools/axrun.h"
#include "tools/shared/outputs.h"
#include "tools/shared/samples.h"

/* All samples through one engine. */
static enum ax_status run_samples(struct ax_engine *e, const struct ax_samples_file *f, bool raw, struct ax_outputs *out,
                                  struct ax_error *err)
{
    struct ax_progress bar;
    struct ax_engine_buffer *in = calloc((size_t)ax_engine_inputs(e) + 1, sizeof *in);
    struct ax_engine_buffer *to = calloc((size_t)ax_engine_outputs(e) + 1, sizeof *to);
    enum ax_status s = in && to ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for the model's tensors");
    if (!s) s = ax_outputs_new(e, f->count, raw, out, err);
    ax_progress_begin(&bar, "running", f->count);
    for (int64_t i = 0, n; in && to && i < f->count && !s; i += n) {
        n = f->count - i < ax_engine_batch(e) ? f->count - i : ax_engine_batch(e);
        for (int k = 0; k < ax_engine_inputs(e); k++) in[k] = ax_samples_at(f, k, i);
        for (int k = 0; k < ax_engine_outputs(e); k++) to[k] = ax_outputs_at(out, k, i);
        s = ax_engine_run(e, (int)n, in, to, err);
        ax_progress_step(&bar, i + n);
    }
    ax_progress_end(&bar);
    ax_engine_rest(e);
    free(in);
    free(to);
    return s;
}

static void print_difference(const struct ax_outputs *a, const struct ax_outputs *b, bool json)
{
    struct ax_json_writer *w = json ? ax_jw_new() : NULL;
    if (w) ax_jw_object(w, NULL), ax_jw_int(w, "samples", a->runs), ax_jw_object(w, "sqnr_db");
    for (int i = 0; i < a->arrays.count; i++) {
        const struct ax_array *x = &b->arrays.item[i], *y = &a->arrays.item[i];
        if (x->dtype != AX_DTYPE_FLOAT32) continue;
        double db = ax_sqnr(x->data, y->data, (int64_t)(x->bytes / 4));
        if (w)
            ax_jw_double(w, x->name, db);
        else
            printf("output '%s': SQNR %.2f dB over %lld samples\n", x->name, db, (long long)a->runs);
    }
    if (!w) return;
    ax_jw_end(w);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    fputs(text, stdout);
    free(text);
}

enum ax_status ax_run_tensors(struct ax_run *r, struct ax_error *err)
{
    const struct ax_run_settings *set = r->set;
    struct ax_samples_file in = {0};
    struct ax_outputs out[2] = {0};
    enum ax_status s = ax_samples_open(set->tensors, r->pipe[0].engine, &in, err);
    for (int i = 0; i < r->n_pipes && !s; i++) {
        s = run_samples(r->pipe[i].engine, &in, set->raw_outputs && !i && r->n_pipes == 1, &out[i], err);
    }
    if (!s && set->out) s = ax_npz_write(set->out, &out[0].arrays, err);
    if (!s && r->n_pipes == 2) print_difference(&out[0], &out[1], set->json);
    ax_samples_close(&in);
    for (int i = 0; i < 2; i++) ax_outputs_free(&out[i]);
    return s;
}
