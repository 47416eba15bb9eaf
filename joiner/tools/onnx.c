/* ONNX models: join as imported, share, write, and prove what was written by importing it. */
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "job.h"
#include "lower/lower.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "passes/passes.h"

/* Through the passes to Axon's float program. */
static enum ax_status to_program(struct ax_graph *g, struct ax_program **out, struct ax_error *err)
{
    enum ax_status s = ax_passes_run(g, NULL, err);
    return s ? s : ax_lower(g, NULL, out, NULL, err);
}

static enum ax_status lower_originals(struct ax_join *j, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    for (int m = 0; m < j->n_models && !s; m++) {
        struct ax_graph *g = ax_graph_clone(j->models[m].graph);
        s = to_program(g, &j->models[m].program, err);
        ax_graph_free(g);
        if (s) s = ax_fail_in(err, "%s", j->models[m].path);
    }
    return s;
}

static enum ax_status read_back(struct ax_join *j, const uint8_t *bytes, size_t n, struct ax_error *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = ax_arena_printf(&j->mem, "%s/axjoin-XXXXXX.onnx", tmp && *tmp ? tmp : "/tmp");
    struct ax_graph *g = NULL;
    struct ax_import_options opt = {.no_check = 1};
    int fd = mkstemps(path, 5);
    if (fd < 0) return ax_fail(err, AX_IO, "%s: no temporary file for the proof can be made", path);
    close(fd);
    enum ax_status s = ax_file_write(path, bytes, n, err);
    if (!s) s = ax_import(path, &opt, &g, err);
    if (!s) s = to_program(g, &j->program, err);
    ax_graph_free(g);
    unlink(path);
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

static enum ax_status write_files(struct ax_join_job *b, const uint8_t *bytes, size_t n, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    char *dir = ax_path_dir(&j->mem, b->model_path), *stem = ax_path_stem(&j->mem, b->model_path);
    enum ax_status s = ax_dir_make(dir, err);
    if (s) return s;
    char *descriptor = ax_join_descriptor(j, dir, ax_path_base(b->model_path));
    struct ax_commit *c = ax_commit_new();
    s = ax_commit_add(c, b->model_path, bytes, n, err);
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
    if (!s && !b->set->no_share) s = ax_join_share(j->graph, &j->shared, err);
    if (s || b->set->dry_run) return s;
    struct ax_export_pair pair = {"axon.join", origins(j)};
    struct ax_export_options opt = {.producer = "axjoin", .version = AXON_VERSION, .metadata = &pair, .n_metadata = 1};
    s = ax_export(j->graph, &opt, &bytes, &n, NULL, err);
    if (!s && b->verify) {
        s = lower_originals(j, err);
        if (!s) s = read_back(j, bytes, n, err);
        if (!s) s = ax_join_prove(b, j->graph, j->program, 1e-6, err);
    }
    if (!s) s = write_files(b, bytes, n, err);
    free(bytes);
    return s;
}
