#include "base/spawn.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

extern char **environ;

static const char *find_tool(struct ax_arena *mem, const char *name)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return name;
    self[n] = 0;
    const char *beside = ax_path_join(mem, ax_path_dir(mem, self), name);
    return ax_file_exists(beside) ? beside : name;
}

static enum ax_status start(char **argv, bool talk, pid_t *pid, struct ax_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (talk) posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    int failed = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? ax_fail(err, AX_IO, "cannot run %s: %s", argv[0], strerror(failed)) : AX_OK;
}

enum ax_status ax_spawn_tool(const char *name, const char *const *args, bool talk, int *code, struct ax_error *err)
{
    struct ax_arena mem = {0};
    int count = 0, status = 0;
    pid_t pid;
    while (args[count]) count++;
    char **argv = AX_NEW(&mem, char *, count + 2);
    argv[0] = ax_arena_str(&mem, find_tool(&mem, name));
    for (int i = 0; i < count; i++) argv[i + 1] = ax_arena_str(&mem, args[i]);
    enum ax_status s = start(argv, talk, &pid, err);
    while (!s && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) s = ax_fail(err, AX_IO, "waiting for %s: %s", name, strerror(errno));
    if (!s && !WIFEXITED(status)) s = ax_fail(err, AX_IO, "%s was killed by signal %d", name, WTERMSIG(status));
    *code = s ? -1 : WEXITSTATUS(status);
    ax_arena_free(&mem);
    return s;
}
