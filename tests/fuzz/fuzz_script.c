/* The script of axjoin, and the precision that an .onnx carries to axcompile: the same reader. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "tools/job.h"

static void must(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_script: %s\n", what);
    abort();
}

static void read_script(const char *path)
{
    static const struct ax_join_settings set;
    struct ax_error err = {0};
    struct ax_join_job b = {.set = &set};
    ax_join_init(&b.join);
    enum ax_status s = ax_join_read_script(&b, path, &err);
    must(!s || err.message[0], "an error without a message");
    must(s != AX_INTERNAL, err.message);
    for (int i = 0; !s && i < b.n_edges; i++) must(b.edges[i].from && b.edges[i].to, "a map without an end");
    for (int i = 0; !s && i < b.n_outputs; i++) must(b.outputs[i] != NULL, "an output without a name");
    ax_join_free(&b.join);
}

static void read_precision(const char *text, size_t n)
{
    struct ax_error err;
    struct ax_json_doc doc, again;
    struct ax_arena mem;
    struct ax_precision p, q;
    ax_arena_init(&mem);
    if (!ax_json_parse(text, n, "fuzz", &doc, &err)) ax_precision_read(ax_json_root(&doc), &mem, &p);
    if (!ax_json_status(&doc)) {
        const char *written = ax_precision_text(&p, &mem);
        must(!ax_json_parse(written, strlen(written), "again", &again, &err), "what was written is not read");
        ax_precision_read(ax_json_root(&again), &mem, &q);
        must(!ax_json_status(&again) && p.n == q.n, "what was written reads as something else");
        ax_json_close(&again);
    }
    ax_json_close(&doc);
    ax_arena_free(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || (bytes && write(fd, data, bytes) != (ssize_t)bytes)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_script(path);
    close(fd);
    read_precision((const char *)data, bytes);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    static const char *const seeds[] = {
        "{\"models\":[{\"scope\":\"a\",\"normalization\":{\"mean\":[123.675,116.28,103.53],\"std\":[58.395,57.12,57.375],"
        "\"color\":\"bgr\"}},{\"scope\":\"b\",\"normalization\":{\"scale\":0.5}}],\"action\":\"custom\",\"map\":[{\"from\":"
        "\"a/y\",\"to\":\"b/x\"}],\"outputs\":[\"b/y\",\"a/y\"],\"precision\":[{\"layers\":\"output\",\"mode\":\"a8_w8\"},"
        "{\"layers\":[\"a/*\"],\"mode\":\"float32\"}]}",
        "{\"models\":[{\"path\":\"nowhere.onnx\",\"scope\":\"a\"}]}",
        "[{\"layers\":\"output\",\"mode\":\"a8_w8\"},{\"outputs\":[\"a/y\",\"b/?\"],\"mode\":\"float32\"},{\"layers\":[\"a/"
        "conv*\"],\"mode\":\"float32\"}]",
    };
    if (i >= 3) return NULL;
    *bytes = strlen(seeds[i]);
    return (uint8_t *)strdup(seeds[i]);
}
