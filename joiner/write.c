/* What stands in the joined model's model.json and manifest.json. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "join.h"

/* -- model.json -- */

/* Labels that stand in a file beside the old descriptor come with the new one. */
static void inline_labels(struct ax_join *j, const char *dir, const char *to_dir, struct ax_pipe_step *s)
{
    const struct ax_param_row *row = ax_pipe_row(s->kind)->params;
    for (int k = 0; row[k].name; k++) {
        struct ax_param *p = &s->params[k];
        struct ax_error ignored;
        uint8_t *data;
        size_t bytes;
        if (!p->given || !p->text || (row[k].kind != AX_PARAM_LABELS && row[k].kind != AX_PARAM_TEXT)) continue;
        const char *path = ax_path_join(&j->mem, dir, p->text);
        if (row[k].kind == AX_PARAM_TEXT) { /* a file that the step names */
            if (ax_file_exists(path)) p->text = ax_path_relative(&j->mem, to_dir, path);
            continue;
        }
        if (ax_file_read(path, 16 << 20, &data, &bytes, &ignored)) continue;
        const char **lines = AX_NEW(&j->mem, const char *, bytes + 1);
        int n = 0;
        char *text = ax_arena_strn(&j->mem, (char *)data, bytes), *rest = text;
        for (char *line; (line = strtok_r(rest, "\r\n", &rest));) lines[n++] = line;
        free(data);
        p->text = NULL;
        p->texts = lines;
        p->count = n;
    }
}

static struct ax_pipe_step *copy_steps(struct ax_join *j, const char *dir, const char *to_dir, const struct ax_pipe_step *steps,
                                       int n)
{
    struct ax_pipe_step *to = ax_arena_copy(&j->mem, steps, sizeof *steps * (size_t)n);
    for (int i = 0; i < n; i++) {
        int count = 0;
        while (ax_pipe_row(to[i].kind)->params[count].name) count++;
        to[i].params = ax_arena_copy(&j->mem, steps[i].params, sizeof *steps[i].params * (size_t)count);
        inline_labels(j, dir, to_dir, &to[i]);
    }
    return to;
}

static bool listed(const struct ax_branch *b, const char *origin)
{
    for (int i = 0; i < b->n_tensors; i++)
        if (!strcmp(b->tensors[i], origin)) return true;
    return false;
}

static const char *origin_in(const struct ax_branch *b, const char *tensor)
{
    for (int i = 0; i < b->n_tensors; i++)
        if (!strcmp(b->tensors[i], tensor)) return b->origins[i];
    return tensor;
}

/* The outputs of model m that belong to its branch `old`, or all of them. */
static void add_branch(struct ax_join *j, struct ax_descriptor *p, const char *to_dir, int m, const struct ax_branch *old)
{
    const struct ax_join_model *model = &j->models[m];
    struct ax_branch *b = &p->branches[p->n_branches++];
    const char **tensors = AX_NEW(&j->mem, const char *, j->n_outputs), **origins = AX_NEW(&j->mem, const char *, j->n_outputs);
    b->name = old ? ax_arena_printf(&j->mem, "%s/%s", model->scope, old->name) : model->scope;
    for (int i = 0; i < j->n_outputs; i++) {
        const struct ax_join_output *o = &j->outputs[i];
        if (o->model != m || (old && !listed(old, o->origin))) continue;
        tensors[b->n_tensors] = o->name;
        origins[b->n_tensors++] = old ? origin_in(old, o->origin) : o->origin;
    }
    b->tensors = tensors;
    b->origins = origins;
    if (!b->n_tensors) p->n_branches--; /* its outputs feed another model */
    if (!model->has_pipeline || !b->n_tensors) return;
    b->n_after = old ? old->n_after : model->pipeline.n_after;
    b->after = copy_steps(j, model->pipeline.dir, to_dir, old ? old->after : model->pipeline.after, b->n_after);
}

/* Pixels, where the branches normalize what no model has a descriptor for. */
static enum ax_status picture_steps(struct ax_join *j, struct ax_descriptor *p, struct ax_error *err)
{
    for (int i = 0; i < j->n_inputs; i++) {
        const struct ax_join_input *in = &j->inputs[i];
        if (!in->raw) continue;
        bool last = !strcmp(ax_join_layout(&j->models[in->model], in->index), "NHWC");
        const char *text = ax_arena_printf(
            &j->mem,
            "{\"name\": \"x\", \"model\": \"x\", \"preprocessing\": [{\"type\": \"resize\", \"width\": %lld, \"height\": %lld, "
            "\"mode\": \"crop\"}, {\"type\": \"color\", \"order\": \"%s\"}, {\"type\": \"layout\", \"order\": \"%s\"}]}",
            (long long)in->shape.dim[last ? 2 : 3], (long long)in->shape.dim[last ? 1 : 2],
            in->shape.dim[last ? 3 : 1] == 1 ? "gray" : "rgb", last ? "NHWC" : "NCHW");
        return ax_descriptor_parse(text, strlen(text), "model.json", p, err);
    }
    return AX_OK;
}

static const struct ax_descriptor *first_pipeline(const struct ax_join *j)
{
    for (int m = 0; m < j->n_models && !j->pipeline; m++)
        if (j->models[m].has_pipeline) return &j->models[m].pipeline;
    return j->pipeline;
}

char *ax_join_descriptor(struct ax_join *j, const char *dir, const char *model_file)
{
    struct ax_descriptor p = {.name = j->name, .model = model_file, .dir = ""}, pictures = {0};
    const struct ax_descriptor *before = first_pipeline(j);
    struct ax_error ignored;
    int n = 0;
    bool raw = false;
    for (int i = 0; i < j->n_inputs; i++) raw |= j->inputs[i].raw;
    if (!before && raw && !picture_steps(j, &pictures, &ignored)) before = &pictures;
    if (!before && !j->compiled) { /* axcompile looks at the model itself */
        ax_descriptor_free(&pictures);
        return NULL;
    }
    if (!before) before = &pictures;
    for (int m = 0; m < j->n_models; m++) n += j->models[m].pipeline.n_branches ? j->models[m].pipeline.n_branches : 1;
    p.branches = AX_NEW(&j->mem, struct ax_branch, n);
    for (int m = 0; m < j->n_models; m++) {
        const struct ax_descriptor *d = &j->models[m].pipeline;
        for (int b = 0; b < d->n_branches; b++) add_branch(j, &p, dir, m, &d->branches[b]);
        if (!d->n_branches) add_branch(j, &p, dir, m, NULL);
    }
    p.before = copy_steps(j, before->dir, dir, before->before, before->n_before);
    p.n_before = ax_join_shared_steps(j, p.before, before->n_before, p.before);
    char *made = ax_descriptor_text(&p), *text = ax_arena_str(&j->mem, made);
    free(made);
    ax_descriptor_free(&pictures);
    return text;
}

/* -- manifest.json -- */

static enum ax_status hash_files(struct ax_join *j, struct ax_manifest *m, struct ax_error *err)
{
    struct ax_hasher *h = ax_hasher_new();
    enum ax_status s = AX_OK;
    char text[AX_HASH_TEXT];
    for (int i = 0; i < j->n_models && !s; i++) {
        struct ax_mapping map = {0};
        s = ax_file_map(j->models[i].file, &map, err);
        if (!s) ax_hasher_add(h, map.data, map.bytes);
        ax_file_unmap(&map);
    }
    m->source_hash = ax_arena_str(&j->mem, ax_hash_text(ax_hasher_end(h), text));
    h = ax_hasher_new();
    ax_hasher_add_text(h, m->source_hash);
    for (int i = 0; i < j->n_inputs; i++) ax_hasher_add_text(h, j->inputs[i].name);
    for (int i = 0; i < j->n_outputs; i++) ax_hasher_add_text(h, j->outputs[i].name);
    m->key = ax_arena_str(&j->mem, ax_hash_text(ax_hasher_end(h), text));
    return s;
}

/* How ranges were chosen, where all models say the same. */
static const char *common_range(const struct ax_join *j)
{
    const char *range = NULL;
    for (int i = 0; i < j->n_models; i++) {
        const char *own = j->models[i].has_manifest ? j->models[i].manifest.calibration.range : NULL;
        if (!own || (range && strcmp(range, own))) return "each model's own";
        range = own;
    }
    return range;
}

/* Sources of all models, warnings of all. */
static void gather(struct ax_join *j, struct ax_manifest *m)
{
    int warnings = 0;
    const char *files = "", *calib = "";
    for (int i = 0; i < j->n_models; i++) {
        const struct ax_manifest *o = &j->models[i].manifest;
        const char *file = j->models[i].has_manifest && o->source ? o->source : ax_path_base(j->models[i].file);
        files = ax_arena_printf(&j->mem, "%s%s%s", files, i ? " + " : "", file);
        warnings += j->models[i].has_manifest ? o->n_warnings : 0;
        if (!j->models[i].has_manifest || !o->calibration.source || !*o->calibration.source) continue;
        calib = ax_arena_printf(&j->mem, "%s%s%s: %s", calib, *calib ? "; " : "", j->models[i].scope, o->calibration.source);
        if (o->calibration.count > m->calibration.count) m->calibration.count = o->calibration.count;
    }
    m->source = files;
    m->calibration.source = calib;
    m->calibration.range = common_range(j);
    m->calibration.hash = "";
    m->warnings = AX_NEW(&j->mem, const char *, warnings + 1);
    for (int i = 0; i < j->n_models; i++)
        for (int k = 0; j->models[i].has_manifest && k < j->models[i].manifest.n_warnings; k++)
            m->warnings[m->n_warnings++] =
                ax_arena_printf(&j->mem, "%s: %s", j->models[i].scope, j->models[i].manifest.warnings[k]);
}

static void add_options(struct ax_join *j, struct ax_manifest *m)
{
    static const char *const words[] = {"auto_join_inputs", "none", "auto_chain", "custom"};
    struct ax_manifest_option *o = AX_NEW(&j->mem, struct ax_manifest_option, j->n_models + 1);
    o[0] = (struct ax_manifest_option){"join_action", words[j->action]};
    for (int i = 0; i < j->n_models; i++)
        o[i + 1] = (struct ax_manifest_option){ax_arena_printf(&j->mem, "scope_%s", j->models[i].scope),
                                               ax_path_base(j->models[i].file)};
    m->options = o;
    m->n_options = j->n_models + 1;
}

enum ax_status ax_join_manifest(struct ax_join *j, struct ax_manifest *m, struct ax_error *err)
{
    *m = (struct ax_manifest){.name = j->name, .axon_version = AXON_VERSION};
    enum ax_status s = hash_files(j, m, err);
    if (s) return s;
    ax_manifest_add_graph(m, j->graph, &j->mem);
    ax_manifest_add_program(m, j->program, &j->mem);
    m->opset = j->graph->opset;
    m->macs = 0;
    for (int i = 0; i < j->program->n_steps; i++) m->macs += j->program->steps[i].macs;
    struct ax_manifest_memory *y = &m->memory;
    y->device_bytes = j->fit.limit;
    int64_t room = y->device_bytes - y->activations_bytes;
    y->on_chip_bytes = room < 0 ? 0 : y->weights_bytes < room ? y->weights_bytes : room;
    y->off_chip_bytes = y->weights_bytes - y->on_chip_bytes;
    m->accuracy = (struct ax_manifest_accuracy){NAN, NAN, NAN};
    gather(j, m);
    add_options(j, m);
    return AX_OK;
}
