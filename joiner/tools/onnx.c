/* ONNX models: join as imported, share, write, and prove what was written by importing it. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "job.h"
#include "lower/lower.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "passes/passes.h"

/* Axon's float program of a graph. As it is written, node by node, so that the proof compares what the files say: passes would
 * fold a branch's normalization into its first layer and round elsewhere. Through the passes where a node needs them. */
static enum ax_status to_program(struct ax_graph *g, bool passes, struct ax_program **out, struct ax_error *err)
{
    enum ax_status s = passes ? ax_passes_run(g, NULL, err) : AX_OK;
    return s ? s : ax_lower(g, NULL, out, NULL, err);
}

static enum ax_status lower_originals(struct ax_join *j, bool passes, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int m = 0; m < j->n_models && !s; m++) {
        struct ax_graph *g = ax_graph_clone(j->models[m].graph);
        ax_program_free(j->models[m].program);
        j->models[m].program = NULL;
        s = to_program(g, passes, &j->models[m].program, err);
        ax_graph_free(g);
        if (s) s = ax_fail_in(err, "%s", j->models[m].path);
    }
    return s;
}

static enum ax_status lower_all(struct ax_join *j, const struct ax_graph *joined, bool passes, struct ax_error *err)
{
    struct ax_graph *g = ax_graph_clone(joined);
    ax_program_free(j->program);
    j->program = NULL;
    enum ax_status s = to_program(g, passes, &j->program, err);
    ax_graph_free(g);
    return s ? s : lower_originals(j, passes, err);
}

/* The joined model as the file has it, and the originals, as programs. */
static enum ax_status read_back(struct ax_join *j, const uint8_t *bytes, size_t n, struct ax_error *err)
{
    char *path = ax_arena_printf(&j->mem, "%s/axjoin-XXXXXX.onnx", ax_temp_dir());
    struct ax_graph *g = NULL;
    struct ax_import_options opt = {.no_check = 1};
    struct ax_error first;
    int fd = mkstemps(path, 5);
    if (fd < 0) return ax_fail(err, AX_IO, "%s: no temporary file for the proof can be made", path);
    close(fd);
    enum ax_status s = ax_file_write(path, bytes, n, err);
    if (!s) s = ax_import(path, &opt, &g, err);
    unlink(path);
    if (!s && lower_all(j, g, false, &first)) s = lower_all(j, g, true, err);
    ax_graph_free(g);
    return s;
}

static const char *origins(struct ax_join *j)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_array(w, "models");
    for (int m = 0; m < j->n_models; m++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "scope", j->models[m].scope);
        ax_jw_text(w, "file", ax_path_base(j->models[m].file));
        ax_jw_end(w);
    }
    ax_jw_end(w);
    ax_jw_object(w, "outputs");
    for (int i = 0; i < j->n_outputs; i++) ax_jw_text(w, j->outputs[i].name, j->outputs[i].origin);
    ax_jw_end(w);
    ax_jw_end(w);
    char *made = ax_jw_finish(w), *text = ax_arena_str(&j->mem, made);
    free(made);
    return text;
}

/* The rules of all models under their new names, then the script's, each of which must mean something. */
static enum ax_status gather_precision(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    struct ax_precision own = b->precision, *all = &b->precision;
    int n = own.n;
    for (int m = 0; m < j->n_models; m++) n += j->models[m].precision.n;
    *all = (struct ax_precision){.rules = AX_NEW(&j->mem, struct ax_precision_rule, n + 1)};
    for (int m = 0; m < j->n_models; m++)
        for (int i = 0; i < j->models[m].precision.n; i++) {
            struct ax_precision_rule r = j->models[m].precision.rules[i];
            r.pattern = ax_arena_printf(&j->mem, "%s/%s", j->models[m].scope, r.pattern);
            all->rules[all->n++] = r;
        }
    ax_precision_mark(&own, j->graph);
    for (int i = 0; i < own.n; i++) {
        if (!own.rules[i].used)
            return ax_fail(err, AX_NOT_FOUND,
                           "%s: precision: no %s of the joined model is named '%s' (names begin with a scope, "
                           "%s/ for example; * stands for anything)",
                           b->set->script, own.rules[i].outputs ? "output" : "layer", own.rules[i].pattern, j->models[0].scope);
        all->rules[all->n++] = own.rules[i];
    }
    return AX_OK;
}

/* Where axcompile would fail, that is an error only for those who insist. */
static enum ax_status check_fit(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_error why;
    bool must = b->set->fit[0] == 'r';
    if (ax_join_fits_compiled(&b->join, &b->precision, &b->device, &why)) {
        if (must)
            *err = why;
        else
            b->fit_unknown = ax_arena_str(&b->join.mem, why.message);
        return must ? why.status : AX_OK;
    }
    return ax_join_check_fit(b, err);
}

static enum ax_status write_files(struct ax_join_job *b, const uint8_t *bytes, size_t n, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    char *dir = ax_path_dir(&j->mem, b->model_path), *stem = ax_path_stem(&j->mem, b->model_path);
    char *descriptor = ax_join_descriptor(j, dir, ax_path_base(b->model_path));
    struct ax_commit *c = ax_commit_new();
    enum ax_status s = ax_commit_dir(c, dir, err);
    if (!s) s = ax_commit_add(c, b->model_path, bytes, n, err);
    if (!s && descriptor)
        s = ax_commit_add_text(c, ax_path_join(&j->mem, dir, ax_arena_printf(&j->mem, "%s.json", stem)), descriptor, err);
    if (!s) s = ax_commit_finish(c, err);
    ax_commit_free(c);
    return s;
}

enum ax_status ax_join_make_onnx(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    uint8_t *bytes = NULL;
    size_t n = 0;
    enum ax_status s = ax_join_graph(j, err);
    if (!s) s = gather_precision(b, err);
    if (!s && !b->set->no_share)
        s = ax_join_share(j->graph, ax_precision_of_nodes(&b->precision, j->graph, &j->mem), &j->shared, err);
    if (!s) s = check_fit(b, err);
    if (s || b->set->dry_run) return s;
    struct ax_export_pair pairs[2] = {{"axon.join", origins(j)},
                                      {AX_PRECISION_METADATA, ax_precision_text(&b->precision, &j->mem)}};
    struct ax_export_options opt = {
        .producer = "axjoin", .version = AXON_VERSION, .metadata = pairs, .n_metadata = 1 + (b->precision.n > 0)};
    s = ax_export(j->graph, &opt, &bytes, &n, NULL, err);
    if (!s && b->verify) {
        s = read_back(j, bytes, n, err);
        if (!s) s = ax_join_prove(b, j->graph, j->program, 1e-6, err);
    }
    if (!s) s = write_files(b, bytes, n, err);
    free(bytes);
    return s;
}
