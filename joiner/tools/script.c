/* The script: what a command line says, and what it cannot say, in one JSON file. docs/joining.md describes it. */
#include <string.h>

#include "base/file.h"
#include "job.h"

enum { MAX_ITEMS = 10000 };

static const char *text_in(struct ax_join_job *b, struct ax_json j)
{
    const char *s = ax_json_text(j, NULL);
    return s ? ax_arena_str(&b->join.mem, s) : NULL;
}

static void read_norm(struct ax_join_job *b, int m, struct ax_json j)
{
    static const char *const keys[] = {"mean", "std", "scale", "color", NULL}, *const colors[] = {"rgb", "bgr", NULL};
    double mean[AX_JOIN_MAX_CHANNELS], std[AX_JOIN_MAX_CHANNELS];
    if (!ax_json_there(j)) return;
    ax_json_only(j, keys);
    b->norms[m].reversed = ax_json_word(ax_json_get(j, "color"), colors, 0) == 1;
    int n = ax_json_numbers(ax_json_get(j, "mean"), -1e6, 1e6, mean, AX_JOIN_MAX_CHANNELS);
    int k = ax_json_numbers(ax_json_get(j, "std"), 1e-9, 1e6, std, AX_JOIN_MAX_CHANNELS);
    struct ax_join_norm *norm = &b->norms[m];
    norm->scale = (float)ax_json_number(ax_json_get(j, "scale"), -1e6, 1e6, 1);
    for (int c = 0; c < AX_JOIN_MAX_CHANNELS; c++) {
        norm->mean[c] = n ? (float)mean[c < n ? c : n - 1] : 0;
        norm->std[c] = k ? (float)std[c < k ? c : k - 1] : 1;
    }
    b->has_norm[m] = true;
}

static void read_models(struct ax_join_job *b, struct ax_json list, const char *dir, const char **paths, int *n_paths)
{
    static const char *const keys[] = {"path", "scope", "normalization", NULL};
    int n = ax_json_count(list);
    if (n > AX_JOIN_MAX_MODELS) ax_json_fail(list, "%d models; at most %d can be joined", n, AX_JOIN_MAX_MODELS);
    for (int m = 0; m < n && !ax_json_status(list.doc); m++) {
        struct ax_json j = ax_json_at(list, m);
        ax_json_only(j, keys);
        const char *path = text_in(b, ax_json_get(j, "path"));
        if (path) paths[(*n_paths)++] = ax_path_join(&b->join.mem, dir, path);
        b->scopes[m] = text_in(b, ax_json_get(j, "scope"));
        read_norm(b, m, ax_json_get(j, "normalization"));
    }
}

static void read_map(struct ax_join_job *b, struct ax_json list)
{
    int n = ax_json_count(list);
    if (n > MAX_ITEMS) ax_json_fail(list, "%d entries are too many", n);
    if (!n || ax_json_status(list.doc)) return;
    b->edges = AX_NEW(&b->join.mem, struct ax_join_edge, n);
    for (int i = 0; i < n && !ax_json_status(list.doc); i++) {
        static const char *const keys[] = {"from", "to", NULL};
        struct ax_json j = ax_json_at(list, i);
        ax_json_only(j, keys);
        b->edges[b->n_edges++] = (struct ax_join_edge){text_in(b, ax_json_need(j, "from")), text_in(b, ax_json_need(j, "to"))};
    }
}

static void read_outputs(struct ax_join_job *b, struct ax_json list)
{
    int n = ax_json_count(list);
    if (n > MAX_ITEMS) ax_json_fail(list, "%d entries are too many", n);
    if (!n || ax_json_status(list.doc)) return;
    b->outputs = AX_NEW(&b->join.mem, const char *, n);
    for (int i = 0; i < n && !ax_json_status(list.doc); i++) b->outputs[b->n_outputs++] = text_in(b, ax_json_at(list, i));
}

enum ax_status ax_join_read_script(struct ax_join_job *b, const char *path, struct ax_error *err)
{
    static const char *const keys[] = {"models", "action", "map", "outputs", "precision", NULL};
    static const char *const actions[] = {"auto_join_inputs", "none", "auto_chain", "custom", NULL};
    struct ax_arena *mem = &b->join.mem;
    struct ax_json_doc doc;
    const char **paths = AX_NEW(mem, const char *, AX_JOIN_MAX_MODELS);
    int n_paths = 0;
    b->scopes = AX_NEW(mem, const char *, AX_JOIN_MAX_MODELS);
    b->norms = AX_NEW(mem, struct ax_join_norm, AX_JOIN_MAX_MODELS);
    b->has_norm = AX_NEW(mem, bool, AX_JOIN_MAX_MODELS);
    enum ax_status s = ax_json_open(path, 1 << 20, &doc, err);
    if (!s) {
        struct ax_json root = ax_json_root(&doc);
        ax_json_only(root, keys);
        read_models(b, ax_json_get(root, "models"), ax_path_dir(mem, path), paths, &n_paths);
        if (ax_json_there(ax_json_get(root, "action")))
            b->action = actions[ax_json_word(ax_json_get(root, "action"), actions, 0)];
        read_map(b, ax_json_get(root, "map"));
        read_outputs(b, ax_json_get(root, "outputs"));
        ax_precision_read(ax_json_get(root, "precision"), mem, &b->precision);
        s = ax_json_status(&doc);
    }
    ax_json_close(&doc);
    for (int i = 0; i < n_paths && !s; i++) s = ax_join_load(&b->join, paths[i], &b->set->input_shapes, b->set->batch, err);
    return s;
}

enum ax_status ax_join_apply_script(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    if (b->precision.n && j->compiled)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s: precision is chosen when a model is compiled; join the .onnx files, or compile again",
                       b->set->script);
    for (int m = 0; b->has_norm && m < j->n_models; m++)
        if (b->has_norm[m] && ax_join_normalize(j, m, &b->norms[m], err)) return err->status;
    return AX_OK;
}
