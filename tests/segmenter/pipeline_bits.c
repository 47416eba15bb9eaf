/* A pipeline of segments equals the whole, bit for bit: for every partition.json named, requests of random numbers go through
 * the model that was cut, and then all at once through the segments, whose cores also work for their neighbours. Prints what
 * was copied between stages; with --no_copies first that must be nothing. Exit code 77: nothing to do. */
#include "both.h"

static enum ax_status run_segments(struct both *b, int *wrong, struct ax_error *err)
{
    struct ax_result r;
    for (int k = 0; k < REQUESTS; k++)
        if (ax_pipeline_push(b->pipeline, &(struct ax_request){.inputs = b->in[k]}, NULL, err)) return err->status;
    for (int k = 0; k < REQUESTS; k++) {
        if (ax_pipeline_pop(b->pipeline, &r, b->got, err)) return err->status;
        if (r.status) return *err = r.err, r.status;
        *wrong |= compare(b, k);
        ax_pipeline_release(b->pipeline, b->got);
    }
    return AX_OK;
}

static int64_t report(struct both *b, const char *path)
{
    int64_t copied = 0, lent = 0;
    for (int i = 0; i < ax_pipeline_stages(b->pipeline); i++) {
        struct ax_stage_stats s;
        ax_pipeline_stage_stats(b->pipeline, i, &s);
        copied += s.copied_bytes;
        lent += (int64_t)s.by_neighbours;
    }
    printf("%s: %d stages, %lld bytes copied, %lld bytes of buffers, %lld of %d runs by neighbours\n", path,
           ax_pipeline_stages(b->pipeline), (long long)copied, (long long)ax_pipeline_memory_bytes(b->pipeline),
           (long long)lent, REQUESTS * ax_pipeline_stages(b->pipeline));
    return copied;
}

static int check(const char *path, bool no_copies)
{
    struct ax_error err = {0};
    struct both b;
    int wrong = 0;
    enum ax_status s = open_both(path, &b, &err);
    if (!s) s = make_pipeline(&b, REQUESTS, 4, REQUESTS, &err);
    if (!s) s = run_segments(&b, &wrong, &err);
    if (!s && report(&b, path) && no_copies) {
        fprintf(stderr, "%s: bytes are copied between its stages\n", path);
        wrong = 1;
    }
    if (s) fprintf(stderr, "%s: %s\n", path, err.message);
    close_both(&b);
    return s ? 1 : wrong;
}

int main(int argc, char **argv)
{
    int wrong = 0, first = argc > 1 && !strcmp(argv[1], "--no_copies") ? 2 : 1;
    for (int i = first; i < argc; i++) wrong |= check(argv[i], first > 1);
    return argc > first ? wrong : 77;
}
