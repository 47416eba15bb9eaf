#include "tools/shared/artifact.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "files/modeljson.h"
#include "files/partition.h"

enum { MAX_NAMES = 1000 };

/* build/resnet18/resnet18/1: the name says more than the version. */
static const char *name_of_dir(const char *dir, struct ax_arena *mem)
{
    char *full = realpath(dir, NULL);
    const char *path = ax_arena_str(mem, full ? full : dir), *base = ax_path_base(path);
    free(full);
    if (strspn(base, "0123456789") == strlen(base)) base = ax_path_base(ax_path_dir(mem, path));
    return *base ? base : "model";
}

/* The model that a descriptor names. */
static enum ax_status from_descriptor(const char *path, struct ax_arena *mem, struct ax_artifact *out, struct ax_error *err)
{
    struct ax_descriptor p;
    enum ax_status s = ax_descriptor_read(path, &p, err);
    if (!s) {
        out->descriptor = ax_arena_str(mem, path);
        out->dir = ax_path_dir(mem, path);
        out->model = ax_path_join(mem, out->dir, p.model);
        out->name = ax_arena_str(mem, p.name);
        if (ax_path_has_ext(p.model, ".onnx"))
            s = ax_fail(err, AX_UNSUPPORTED, "%s: names an ONNX model, which is not compiled yet; run: axcompile %s", path,
                        out->model);
        else if (!ax_file_exists(out->model))
            s = ax_fail(err, AX_NOT_FOUND, "%s: its \"model\" %s does not exist", path, out->model);
    }
    ax_descriptor_free(&p);
    return s;
}

/* Segments run in place of a model; the folder's model.json, if there is one, says how. */
static enum ax_status from_partition(const char *path, struct ax_arena *mem, struct ax_artifact *out)
{
    const char *dir = ax_path_dir(mem, path), *json = ax_path_join(mem, dir, "model.json");
    *out = (struct ax_artifact){dir, ax_arena_str(mem, path), ax_file_exists(json) ? json : NULL, name_of_dir(dir, mem)};
    return AX_OK;
}

static enum ax_status from_dir(const char *dir, struct ax_arena *mem, struct ax_artifact *out, struct ax_error *err)
{
    const char *json = ax_path_join(mem, dir, "model.json"), *model = ax_path_join(mem, dir, "model.axmodel");
    const char *parts = ax_path_join(mem, dir, "partition.json");
    if (ax_file_exists(json)) return from_descriptor(json, mem, out, err);
    if (!ax_file_exists(model) && ax_file_exists(parts)) return from_partition(parts, mem, out);
    if (!ax_file_exists(model))
        return ax_fail(
            err, AX_NOT_FOUND,
            "%s: holds neither model.json, model.axmodel nor partition.json; a folder that axcompile or axsegment wrote is "
            "expected",
            dir);
    *out = (struct ax_artifact){ax_arena_str(mem, dir), model, NULL, name_of_dir(dir, mem)};
    return AX_OK;
}

static enum ax_status from_axmodel(const char *path, struct ax_arena *mem, struct ax_artifact *out)
{
    const char *dir = ax_path_dir(mem, path), *json = ax_path_join(mem, dir, "model.json");
    bool plain = !strcmp(ax_path_base(path), "model.axmodel");
    *out = (struct ax_artifact){dir, ax_arena_str(mem, path), ax_file_exists(json) ? json : NULL,
                                plain ? name_of_dir(dir, mem) : ax_path_stem(mem, path)};
    return AX_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders of build/ that hold a model of their name. */
static const char **compiled_names(struct ax_arena *mem, int *count)
{
    const char **names = AX_NEW(mem, const char *, MAX_NAMES + 1);
    DIR *d = opendir("build");
    *count = 0;
    for (struct dirent *e; d && *count < MAX_NAMES && (e = readdir(d));)
        if (e->d_name[0] != '.' && ax_dir_exists(ax_arena_printf(mem, "build/%s/%s/1", e->d_name, e->d_name)))
            names[(*count)++] = ax_arena_str(mem, e->d_name);
    if (d) closedir(d);
    qsort(names, (size_t)*count, sizeof *names, compare_names);
    return names;
}

static enum ax_status not_found(const char *what, struct ax_arena *mem, struct ax_error *err)
{
    int count;
    const char **names = compiled_names(mem, &count), *near = ax_nearest(what, names), *list = "";
    for (int i = 0; i < count && i < 20; i++) list = ax_arena_printf(mem, "%s%s%s", list, i ? ", " : "", names[i]);
    if (strchr(what, '/') || ax_path_has_ext(what, ".axmodel") || ax_path_has_ext(what, ".json"))
        return ax_fail(err, AX_NOT_FOUND,
                       "%s: is not there; expected a folder that axcompile wrote, its model.json or its "
                       ".axmodel, or the name of one under build/%s%s",
                       what, *list ? ": " : "", list);
    return ax_fail(err, AX_NOT_FOUND, "no model '%s': neither a file nor a folder, nor build/%s/%s/1%s%s%s%s%s", what, what,
                   what, near ? "; did you mean " : "", near ? near : "", near ? "?" : ".",
                   *list ? " Compiled are: " : " Nothing is compiled here.", list);
}

static enum ax_status from_file(const char *path, struct ax_arena *mem, struct ax_artifact *out, struct ax_error *err)
{
    if (!strcmp(ax_path_base(path), "partition.json") || ax_partition_is(path)) return from_partition(path, mem, out);
    if (ax_path_has_ext(path, ".json")) return from_descriptor(path, mem, out, err);
    if (ax_path_has_ext(path, ".onnx"))
        return ax_fail(err, AX_UNSUPPORTED, "%s: is an ONNX model, which is not compiled yet; run: axcompile %s", path, path);
    return from_axmodel(path, mem, out);
}

enum ax_status ax_artifact_find(const char *what, struct ax_arena *mem, struct ax_artifact *out, struct ax_error *err)
{
    *out = (struct ax_artifact){0};
    const char *built = ax_arena_printf(mem, "build/%s/%s/1", what, what);
    bool is_name = *what && !strchr(what, '/') && ax_dir_exists(built);
    if (ax_dir_exists(what)) {
        enum ax_status s = from_dir(what, mem, out, err);
        return s == AX_NOT_FOUND && is_name ? from_dir(built, mem, out, err) : s;
    }
    if (ax_file_exists(what)) return from_file(what, mem, out, err);
    return is_name ? from_dir(built, mem, out, err) : not_found(what, mem, err);
}
