/* --num_segments: the artifact is handed to axsegment, which cuts it into segments beside it. */
#include "base/spawn.h"
#include "tools/job.h"

enum ax_status ax_job_segments(struct ax_compile_job *j, int *code, struct ax_error *err)
{
    const char *args[12] = {j->dir, "--num_segments", j->set->num_segments, "--name", j->name, "-o", j->dir};
    int n = 7;
    if (j->set->compress) args[n++] = "--compress";
    if (j->set->device) {
        args[n++] = "--device";
        args[n++] = j->set->device;
    }
    fflush(stdout);
    return ax_spawn_tool("axsegment", args, j->set->json, code, err);
}
