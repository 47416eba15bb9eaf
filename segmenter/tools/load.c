/* The compiled model: an .axmodel, the folder that axcompile wrote, or an .onnx that axcompile compiles first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/spawn.h"
#include "files/modeljson.h"
#include "lower/unpack.h"
#include "tools/job.h"

/* The folder that axcompile or axjoin wrote: model.json names the model. */
static enum ax_status use_folder(struct ax_segment_job *j, const char *dir, struct ax_error *err)
{
    const char *json = ax_path_join(&j->mem, dir, "model.json");
    struct ax_descriptor d;
    j->model_path = ax_path_join(&j->mem, dir, "model.axmodel");
    if (!ax_file_exists(json)) return AX_OK;
    enum ax_status s = ax_descriptor_read(json, &d, err);
    if (!s) {
        j->descriptor = json;
        if (ax_path_has_ext(d.model, ".axmodel")) j->model_path = ax_path_join(&j->mem, dir, d.model);
    }
    ax_descriptor_free(&d);
    return s;
}

static enum ax_status compile(struct ax_segment_job *j, struct ax_error *err)
{
    const struct ax_list *given = &j->set->compile_options;
    char *dir = ax_arena_printf(&j->mem, "%s/axsegment-XXXXXX", ax_temp_dir());
    if (!mkdtemp(dir)) return ax_fail(err, AX_IO, "cannot make a temporary folder %s: %s", dir, strerror(errno));
    j->temporary = dir;
    const char **args = AX_NEW(&j->mem, const char *, given->count + 6);
    int n = 0, code;
    args[n++] = j->path;
    args[n++] = "--output";
    args[n++] = dir;
    args[n++] = "--name";
    args[n++] = j->name;
    for (int i = 0; i < given->count; i++) args[n++] = given->item[i];
    if (ax_spawn_tool("axcompile", args, true, &code, err)) return ax_fail_in(err, "%s", j->path);
    if (code)
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s: axcompile failed (exit code %d). Its options can be given with --compile_option, for example "
                       "--compile_option=--calib=FOLDER; or compile first and give the .axmodel",
                       j->path, code);
    return use_folder(j, dir, err);
}

static enum ax_status find(struct ax_segment_job *j, struct ax_error *err)
{
    j->name = j->set->name;
    if (ax_path_has_ext(j->path, ".onnx")) {
        if (!j->name) j->name = ax_path_stem(&j->mem, j->path);
        return compile(j, err);
    }
    if (ax_dir_exists(j->path) || !strcmp(ax_path_base(j->path), "model.json")) {
        enum ax_status s = use_folder(j, ax_dir_exists(j->path) ? j->path : ax_path_dir(&j->mem, j->path), err);
        if (s) return s;
    } else {
        j->model_path = j->path;
    }
    if (ax_file_exists(j->model_path)) return AX_OK;
    return ax_fail(err, AX_NOT_FOUND, "%s: no such file. Give an .axmodel, a folder that axcompile wrote, or an .onnx",
                   j->model_path);
}

static bool plain_name(const char *s)
{
    return *s && *s != '.' && !strchr(s, '/');
}

enum ax_status ax_segment_load(struct ax_segment_job *j, struct ax_error *err)
{
    struct ax_mapping file = {0};
    enum ax_status s = find(j, err);
    if (!s) s = ax_axmodel_open(j->model_path, 0, &j->model, err);
    if (!s && ax_axmodel_graph(j->model, ax_lower_unpack, NULL, &j->graph, err)) s = ax_fail_in(err, "%s", j->model_path);
    if (!s) s = ax_file_map(j->model_path, &file, err);
    if (s) return s;
    ax_hash_text(ax_hash128(file.data, file.bytes), j->source_hash);
    ax_file_unmap(&file);
    struct ax_error ignored;
    if (j->model->meta_bytes &&
        ax_manifest_parse(j->model->meta, j->model->meta_bytes, j->model_path, &j->manifest, &j->mem, &ignored))
        j->manifest = (struct ax_manifest){0};
    if (!j->name && j->manifest.name && plain_name(j->manifest.name)) j->name = j->manifest.name;
    if (!j->name) j->name = ax_path_stem(&j->mem, j->model_path);
    return AX_OK;
}

void ax_segment_unload(struct ax_segment_job *j)
{
    static const char *const files[] = {"model.axmodel", "manifest.json", "model.json", "compile.log"};
    ax_segment_drop_parts(j);
    ax_graph_free(j->graph);
    ax_axmodel_close(j->model);
    for (int i = 0; j->temporary && i < 4; i++) unlink(ax_path_join(&j->mem, j->temporary, files[i]));
    if (j->temporary) rmdir(j->temporary);
    ax_arena_free(&j->mem);
}
