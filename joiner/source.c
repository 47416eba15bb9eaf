/* Loading: whatever names a model, to its graph and its descriptor. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "join.h"
#include "lower/unpack.h"
#include "onnx/import.h"

/* Of a model that was joined before. */
static enum ax_status read_precision(struct ax_join *j, struct ax_join_model *m, struct ax_error *err)
{
    const char *text;
    struct ax_json_doc doc;
    enum ax_status s = ax_import_metadata(m->file, AX_PRECISION_METADATA, &j->mem, &text, err);
    if (s || !text) return s;
    s = ax_json_parse(text, strlen(text), ax_arena_printf(&j->mem, "%s, metadata " AX_PRECISION_METADATA, m->file), &doc, err);
    if (!s) ax_precision_read(ax_json_root(&doc), &j->mem, &m->precision);
    if (!s) s = ax_json_status(&doc);
    ax_json_close(&doc);
    return s;
}

/* Shapes are for all models; those whose name no input of this one has are for another. */
static enum ax_status load_onnx(struct ax_join *j, struct ax_join_model *m, const struct ax_list *shapes, int64_t batch,
                                struct ax_error *err)
{
    int n = shapes ? shapes->count : 0;
    struct ax_input_shape *list;
    enum ax_status s = ax_input_shapes_parse(shapes ? shapes->item : NULL, n, &j->mem, &list, err);
    if (s) return s;
    struct ax_import_options opt = {.shapes = list, .n_shapes = n, .batch = batch, .no_check = 1};
    s = ax_import(m->file, &opt, &m->graph, err);
    return s ? s : read_precision(j, m, err);
}

static enum ax_status check_port(const struct ax_graph *g, int v, const struct ax_port *port, struct ax_error *err)
{
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    const struct ax_value *x = &g->values[v];
    if (ax_shape_known(&x->shape) && ax_shape_equal(&x->shape, &port->shape) && ax_join_user_dtype(x) == port->dtype)
        return AX_OK;
    return ax_fail(err, AX_FORMAT, "'%s' is %s %s in the graph and %s %s in the program", x->name,
                   ax_dtype_text(ax_join_user_dtype(x)), ax_shape_text(&x->shape, a), ax_dtype_text(port->dtype),
                   ax_shape_text(&port->shape, b));
}

enum ax_status ax_join_check_compiled(const struct ax_graph *g, const struct ax_program *p, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    if (g->n_inputs != p->n_inputs || g->n_outputs != p->n_outputs)
        return ax_fail(err, AX_FORMAT, "its graph and its program differ in inputs or outputs");
    for (int i = 0; i < g->n_inputs && !s; i++) s = check_port(g, g->inputs[i], &p->inputs[i], err);
    for (int i = 0; i < g->n_outputs && !s; i++) s = check_port(g, g->outputs[i], &p->outputs[i], err);
    return s;
}

static enum ax_status load_compiled(struct ax_join *j, struct ax_join_model *m, struct ax_error *err)
{
    enum ax_status s = ax_axmodel_open(m->file, 0, &m->axmodel, err);
    if (s) return s;
    m->program = m->axmodel->program;
    if (ax_axmodel_graph(m->axmodel, ax_lower_unpack, NULL, &m->graph, err) ||
        ax_join_check_compiled(m->graph, m->program, err))
        return ax_fail_in(err, "%s", m->file);
    struct ax_error ignored;
    m->has_manifest = m->axmodel->meta_bytes &&
                      !ax_manifest_parse(m->axmodel->meta, m->axmodel->meta_bytes, m->file, &m->manifest, &j->mem, &ignored);
    return AX_OK;
}

static enum ax_status read_descriptor(struct ax_join_model *m, const char *path, struct ax_error *err)
{
    enum ax_status s = ax_descriptor_read(path, &m->pipeline, err);
    if (s)
        ax_descriptor_free(&m->pipeline);
    else
        m->has_pipeline = true;
    return s;
}

static enum ax_status find_files(struct ax_join *j, struct ax_join_model *m, struct ax_error *err)
{
    const char *p = m->path;
    if (ax_dir_exists(p)) {
        p = ax_path_join(&j->mem, p, "model.json");
        if (!ax_file_exists(p))
            return ax_fail(err, AX_NOT_FOUND, "%s: holds no model.json; a folder that axcompile wrote is expected", m->path);
    }
    if (!ax_file_exists(p))
        return ax_fail(err, AX_NOT_FOUND, "%s: is not there; expected a .onnx, an .axmodel, a model.json or a folder with one",
                       p);
    if (ax_path_has_ext(p, ".json")) {
        enum ax_status s = read_descriptor(m, p, err);
        if (!s) m->file = ax_path_join(&j->mem, m->pipeline.dir, m->pipeline.model);
        return s;
    }
    m->file = p;
    char *dir = ax_path_dir(&j->mem, p), *stem = ax_path_stem(&j->mem, p);
    const char *beside = ax_path_has_ext(p, ".axmodel") && !strcmp(stem, "model")
                             ? ax_path_join(&j->mem, dir, "model.json")
                             : ax_path_join(&j->mem, dir, ax_arena_printf(&j->mem, "%s.json", stem));
    return ax_file_exists(beside) ? read_descriptor(m, beside, err) : AX_OK;
}

static const char *kind_text(bool compiled)
{
    return compiled ? "compiled (.axmodel)" : "an ONNX model";
}

enum ax_status ax_join_load(struct ax_join *j, const char *path, const struct ax_list *shapes, int64_t batch,
                            struct ax_error *err)
{
    if (j->n_models == AX_JOIN_MAX_MODELS)
        return ax_fail(err, AX_LIMIT, "%s: at most %d models can be joined", path, AX_JOIN_MAX_MODELS);
    struct ax_join_model *m = &j->models[j->n_models++];
    m->path = ax_arena_str(&j->mem, path);
    enum ax_status s = find_files(j, m, err);
    if (s) return s;
    bool onnx = ax_path_has_ext(m->file, ".onnx");
    m->compiled = ax_path_has_ext(m->file, ".axmodel");
    if (!onnx && !m->compiled)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%s: expected a .onnx, an .axmodel, a model.json or a folder with one",
                       m->file);
    if (j->n_models > 1 && m->compiled != j->compiled)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s is %s, but %s is %s; join models of one kind, or compile the ONNX model first", j->models[0].path,
                       kind_text(j->compiled), path, kind_text(m->compiled));
    j->compiled = m->compiled;
    s = m->compiled ? load_compiled(j, m, err) : load_onnx(j, m, shapes, batch, err);
    if (!s) m->feed = AX_NEW(&j->mem, struct ax_join_feed, m->graph->n_inputs + 1);
    return s;
}
