/* Models that are not compiled yet: axcompile does it on the first run, in its usual place; later runs find it there. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/spawn.h"
#include "files/manifest.h"
#include "tools/axrun.h"

enum { MAX_ARGS = 16 };

/* The model to compile: named itself, by a descriptor, or by a name in one of the usual places. NULL: there is none. */
static const char *find_onnx(struct ax_run *r, const char *what, enum ax_status why)
{
    if (why == AX_UNSUPPORTED) return r->artifact.model ? r->artifact.model : ax_path_has_ext(what, ".onnx") ? what : NULL;
    if (why != AX_NOT_FOUND || strchr(what, '/') || strchr(what, '.')) return NULL;
    const char *const places[] = {ax_arena_printf(&r->mem, "%s.onnx", what), ax_arena_printf(&r->mem, "models/%s.onnx", what),
                                  ax_arena_printf(&r->mem, "models/%s/%s.onnx", what, what)};
    for (int i = 0; i < 3; i++)
        if (ax_file_exists(places[i])) return places[i];
    return NULL;
}

/* Whether the folder holds what was made of this very file. */
static bool is_made_of(struct ax_run *r, const char *dir, const char *onnx)
{
    struct ax_manifest m = {0};
    struct ax_mapping file = {0};
    struct ax_error ignored;
    char hash[AX_HASH_TEXT];
    if (!ax_file_exists(ax_path_join(&r->mem, dir, "model.axmodel"))) return false;
    if (ax_manifest_read(ax_path_join(&r->mem, dir, "manifest.json"), &m, &r->mem, &ignored) || !m.source_hash) return false;
    if (ax_file_map(onnx, &file, &ignored)) return false;
    ax_hash_text(ax_hash128(file.data, file.bytes), hash);
    ax_file_unmap(&file);
    return !strcmp(hash, m.source_hash);
}

static const char *calibration(struct ax_run *r, const char *onnx)
{
    const char *beside = ax_path_join(&r->mem, ax_path_dir(&r->mem, onnx), "calib");
    return r->set->calib ? r->set->calib : ax_dir_exists(beside) ? beside : NULL;
}

static enum ax_status compile(struct ax_run *r, const char *onnx, const char *descriptor, const char *dir, struct ax_error *err)
{
    const char *args[MAX_ARGS] = {onnx, "-o", dir}, *calib = calibration(r, onnx);
    int n = 3, code = 0;
    if (descriptor) args[n++] = "--pipeline", args[n++] = descriptor;
    if (r->is_float)
        args[n++] = "--precision=float32";
    else if (calib)
        args[n++] = "--calib", args[n++] = calib;
    else
        return ax_fail(
            err, AX_NOT_FOUND,
            "%s: is not compiled yet, and int8 needs calibration inputs: give --calib FOLDER with pictures like those "
            "that it will see, or run: axcompile %s --calib FOLDER",
            onnx, onnx);
    enum ax_status s = ax_spawn_tool("axcompile", args, true, &code, err);
    if (!s && code) s = ax_fail(err, AX_FORMAT, "%s: axcompile could not compile it (exit code %d)", onnx, code);
    return s;
}

enum ax_status ax_run_find(struct ax_run *r, const char *what, struct ax_error *err)
{
    r->artifact = (struct ax_artifact){0};
    r->is_float = false;
    enum ax_status s = ax_artifact_find(what, &r->mem, &r->artifact, err);
    const char *onnx = s ? find_onnx(r, what, s) : NULL, *descriptor = r->artifact.descriptor;
    if (!s || !onnx) return s;
    r->is_float = !strcmp(r->set->pipe, "float");
    const char *name = ax_path_stem(&r->mem, onnx);
    const char *dir = ax_arena_printf(&r->mem, "build/%s/%s/%s", name, name, r->is_float ? "float" : "1");
    s = AX_OK;
    if (r->set->calib || !is_made_of(r, dir, onnx)) s = compile(r, onnx, descriptor, dir, err);
    return s ? s : ax_artifact_find(dir, &r->mem, &r->artifact, err);
}
