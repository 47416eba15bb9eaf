/* --num_segments: the artifact is handed to axsegment, which cuts it into segments beside it. */
#include "base/spawn.h"
#include "tools/job.h"

enum ax_status ax_job_segments(struct ax_compile_job *j, int *code, struct ax_error *err)
{
    const char *args[] = {
        j->dir, "--num_segments", j->set->num_segments, "--name", j->name, "-o", j->dir, j->set->compress ? "--compress" : NULL,
        NULL};
    fflush(stdout);
    return ax_spawn_tool("axsegment", args, j->set->json, code, err);
}
