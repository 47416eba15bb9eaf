/* --pipe float: the ONNX model itself, compiled to float32 steps. Compiling is axcompile's business, so it is run as a process
 * of its own; it does nothing where its artifact is up to date. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "files/manifest.h"
#include "tools/axrun.h"

extern char **environ;

enum { MAX_ARGS = 64, MAX_OUTPUT = 4096 };

struct command {
    const char *arg[MAX_ARGS + 1];
    int count;
};

static void add(struct command *c, const char *s)
{
    if (c->count < MAX_ARGS) c->arg[c->count++] = s;
}

/* axcompile beside this program, else the one on the PATH. */
static const char *compiler(struct ax_arena *mem)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        const char *beside = ax_path_join(mem, ax_path_dir(mem, self), "axcompile");
        if (!access(beside, X_OK)) return beside;
    }
    return "axcompile";
}

/* Beside the artifact where that can be written, else in the user's cache. */
static const char *cache_dir(struct ax_run *r)
{
    const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME");
    char hash[AX_HASH_TEXT];
    if (!access(r->artifact.dir, W_OK)) return ax_path_join(&r->mem, r->artifact.dir, "float");
    if (!cache || !*cache) cache = ax_path_join(&r->mem, home ? home : ax_temp_dir(), ".cache");
    char *full = realpath(r->artifact.model, NULL);
    const char *path = full ? full : r->artifact.model;
    ax_hash_text(ax_hash128(path, strlen(path)), hash);
    free(full);
    return ax_arena_printf(&r->mem, "%s/axon/%s-%s", cache, r->artifact.name, hash);
}

/* Inputs of the same shapes, up to the same outputs. */
static void add_shape_options(struct command *c, struct ax_run *r)
{
    struct ax_manifest m = {0};
    struct ax_error ignored;
    char shape[AX_SHAPE_TEXT];
    const char *path = ax_path_join(&r->mem, r->artifact.dir, "manifest.json");
    if (ax_manifest_read(path, &m, &r->mem, &ignored)) return;
    for (int i = 0; i < m.n_inputs; i++)
        if (m.inputs[i].shape.rank > 0)
            add(c, ax_arena_printf(&r->mem, "--input_shape=%s:%s", m.inputs[i].name, ax_shape_text(&m.inputs[i].shape, shape)));
    for (int i = 0; i < m.n_options; i++)
        if (!strcmp(m.options[i].name, "until") && *m.options[i].value)
            add(c, ax_arena_printf(&r->mem, "--until=%s", m.options[i].value));
}

/* Reads to the end, keeps the last bytes. */
static void read_tail(int fd, char tail[MAX_OUTPUT + 1])
{
    char buf[1024];
    size_t n = 0;
    for (ssize_t got; (got = read(fd, buf, sizeof buf)) > 0 || (got < 0 && errno == EINTR);) {
        if (got < 0) continue;
        size_t drop = n + (size_t)got > MAX_OUTPUT ? n + (size_t)got - MAX_OUTPUT : 0;
        memmove(tail, tail + drop, n - drop);
        memcpy(tail + n - drop, buf, (size_t)got);
        n += (size_t)got - drop;
    }
    while (n && strchr(" \n\r\t", tail[n - 1])) n--;
    tail[n] = 0;
}

static enum ax_status run_child(const struct command *c, struct ax_error *err)
{
    int pipes[2], status = 0;
    pid_t child;
    posix_spawn_file_actions_t actions;
    char tail[MAX_OUTPUT + 1];
    if (pipe2(pipes, O_CLOEXEC)) return ax_fail(err, AX_IO, "cannot start %s: %s", c->arg[0], strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
    int failed = posix_spawnp(&child, c->arg[0], &actions, NULL, (char *const *)(uintptr_t)c->arg, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (!failed) read_tail(pipes[0], tail);
    close(pipes[0]);
    if (failed)
        return ax_fail(err, AX_NOT_FOUND, "--pipe float and --compare need axcompile, beside axrun or on the PATH; %s: %s",
                       c->arg[0], strerror(failed));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return ax_fail(err, AX_IO, "the float model cannot be made: %s", *tail ? tail : "axcompile ended early");
    return AX_OK;
}

enum ax_status ax_run_float_model(struct ax_run *r, const char *named, const char **path, struct ax_error *err)
{
    struct command c = {0};
    if (!named)
        return ax_fail(err, AX_NOT_FOUND,
                       "%s: --pipe float and --compare need a model.json whose \"source\" names the ONNX model",
                       r->artifact.model);
    const char *source = ax_path_join(&r->mem, r->artifact.dir, named), *dir = cache_dir(r);
    if (!ax_file_exists(source))
        return ax_fail(err, AX_NOT_FOUND, "%s: its \"source\" %s does not exist; the float model cannot run without it",
                       r->artifact.descriptor, source);
    add(&c, compiler(&r->mem));
    add(&c, source);
    add(&c, "--precision=float32");
    add(&c, "-o");
    add(&c, dir);
    add_shape_options(&c, r);
    *path = ax_path_join(&r->mem, dir, "model.axmodel");
    return run_child(&c, err);
}
