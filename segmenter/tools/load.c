/* The compiled model: an .axmodel, the folder that axcompile wrote, or an .onnx that axcompile compiles first. */
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "lower/unpack.h"
#include "tools/job.h"

extern char **environ;

/* axcompile beside this program, else from the path. */
static const char *axcompile(struct ax_arena *mem)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        const char *beside = ax_path_join(mem, ax_path_dir(mem, self), "axcompile");
        if (ax_file_exists(beside)) return beside;
    }
    return "axcompile";
}

static enum ax_status compile(struct ax_segment_job *j, struct ax_error *err)
{
    const struct ax_list *given = &j->set->compile_options;
    const char *tmp = getenv("TMPDIR");
    char *dir = ax_arena_printf(&j->mem, "%s/axsegment-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) return ax_fail(err, AX_IO, "cannot make a temporary folder %s: %s", dir, strerror(errno));
    j->temporary = dir;
    char **argv = AX_NEW(&j->mem, char *, given->count + 8);
    int n = 0, status;
    argv[n++] = (char *)axcompile(&j->mem);
    argv[n++] = (char *)j->path;
    argv[n++] = (char *)"--output";
    argv[n++] = dir;
    argv[n++] = (char *)"--name";
    argv[n++] = (char *)j->name;
    for (int i = 0; i < given->count; i++) argv[n++] = (char *)given->item[i];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, 2, 1); /* its report is talk here */
    pid_t pid;
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) return ax_fail(err, AX_IO, "%s: cannot run %s: %s", j->path, argv[0], strerror(failed));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return ax_fail(err, AX_IO, "waiting for %s: %s", argv[0], strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "%s: axcompile failed (exit code %d). Its options can be given with --compile_option, for example "
                       "--compile_option=--calib=FOLDER; or compile first and give the .axmodel",
                       j->path, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    j->model_path = ax_path_join(&j->mem, dir, "model.axmodel");
    return AX_OK;
}

static enum ax_status find(struct ax_segment_job *j, struct ax_error *err)
{
    j->name = j->set->name;
    if (ax_path_has_ext(j->path, ".onnx")) {
        if (!j->name) j->name = ax_path_stem(&j->mem, j->path);
        return compile(j, err);
    }
    j->model_path = ax_dir_exists(j->path) ? ax_path_join(&j->mem, j->path, "model.axmodel") : j->path;
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
