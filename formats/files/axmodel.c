#include "files/axmodel.h"

#include <stdlib.h>
#include <string.h>

#include "files/flat.h"

struct model {
    struct ax_axmodel pub;
    struct ax_program program;
};

/* Changes what an older major version meant into what this one means, in place. Version 0 was never released. */
static enum ax_status (*const migrate[AX_FILE_MAJOR])(struct ax_container *, struct ax_error *);

static enum ax_status check_version(struct ax_container *c, struct ax_error *err)
{
    for (int v = c->major; v < AX_FILE_MAJOR; v++) {
        if (!migrate[v]) return ax_fail(err, AX_VERSION, "format version %d.%d is not known", c->major, c->minor);
        enum ax_status s = migrate[v](c, err);
        if (s) return s;
    }
    return AX_OK;
}

static enum ax_status load(struct ax_container *c, uint32_t type, bool trust, const uint8_t **data, size_t *bytes,
                           struct ax_error *err)
{
    char name[8];
    int i = ax_container_find(c, type);
    if (i < 0) return ax_fail(err, AX_FORMAT, "section %s is missing", ax_section_text(type, name));
    return ax_container_load(c, i, trust, data, bytes, err);
}

static enum ax_status load_program(struct model *m, int flags, struct ax_error *err)
{
    struct ax_container *c = &m->pub.file;
    struct ax_program *p = &m->program;
    const uint8_t *buf;
    size_t bytes, weights;
    bool trust = flags & AX_AXMODEL_TRUST_WEIGHTS;
    enum ax_status s = load(c, AX_SECTION_PROGRAM, false, &buf, &bytes, err);
    if (!s) s = ax_flat_read_program(buf, bytes, p, err);
    if (!s) s = load(c, AX_SECTION_WEIGHTS, trust, &p->const_data, &weights, err);
    if (!s && (int64_t)weights != p->const_bytes)
        s = ax_fail(err, AX_FORMAT, "section WGHT has %zu bytes, the program expects %lld", weights, (long long)p->const_bytes);
    return s ? s : ax_program_check(p, err);
}

static enum ax_status load_meta(struct ax_axmodel *m, struct ax_error *err)
{
    const uint8_t *data = NULL;
    m->meta = "";
    if (ax_container_find(&m->file, AX_SECTION_META) < 0) return AX_OK;
    enum ax_status s = load(&m->file, AX_SECTION_META, false, &data, &m->meta_bytes, err);
    m->meta = (const char *)data;
    return s;
}

static enum ax_status load_model(struct model *m, int flags, struct ax_error *err)
{
    m->pub.program = &m->program;
    m->pub.has_graph = ax_container_find(&m->pub.file, AX_SECTION_GRAPH) >= 0;
    enum ax_status s = check_version(&m->pub.file, err);
    if (!s) s = load_meta(&m->pub, err);
    return s ? s : load_program(m, flags, err);
}

static struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof *m);
    if (m) ax_arena_init(&m->program.mem);
    return m;
}

enum ax_status ax_axmodel_open(const char *path, int flags, struct ax_axmodel **out, struct ax_error *err)
{
    struct model *m = model_new();
    *out = NULL;
    if (!m) return ax_fail(err, AX_NO_MEMORY, "out of memory");
    enum ax_status s = ax_container_open(path, &m->pub.file, err);
    if (!s && load_model(m, flags, err)) s = ax_fail_in(err, "%s", path);
    if (s)
        ax_axmodel_close(&m->pub);
    else
        *out = &m->pub;
    return s;
}

enum ax_status ax_axmodel_open_memory(const uint8_t *data, size_t bytes, int flags, struct ax_axmodel **out,
                                      struct ax_error *err)
{
    struct model *m = model_new();
    *out = NULL;
    if (!m) return ax_fail(err, AX_NO_MEMORY, "out of memory");
    enum ax_status s = ax_container_open_memory(data, bytes, &m->pub.file, err);
    if (!s) s = load_model(m, flags, err);
    if (s)
        ax_axmodel_close(&m->pub);
    else
        *out = &m->pub;
    return s;
}

void ax_axmodel_close(struct ax_axmodel *pub)
{
    struct model *m = (struct model *)pub;
    if (!m) return;
    ax_arena_free(&m->program.mem);
    ax_container_close(&m->pub.file);
    free(m);
}

enum ax_status ax_axmodel_graph(struct ax_axmodel *m, ax_unpack_fn *unpack, void *ctx, struct ax_graph **out,
                                struct ax_error *err)
{
    const uint8_t *buf;
    size_t bytes;
    bool complete = false;
    struct ax_flat_sources src = {.program = m->program, .unpack = unpack, .ctx = ctx};
    *out = NULL;
    if (!m->has_graph) return ax_fail(err, AX_NOT_FOUND, "the .axmodel holds no graph; compile the model again from its .onnx");
    enum ax_status s = load(&m->file, AX_SECTION_GRAPH, false, &buf, &bytes, err);
    if (!s && ax_container_find(&m->file, AX_SECTION_DATA) >= 0)
        s = load(&m->file, AX_SECTION_DATA, false, &src.data, &src.data_bytes, err);
    if (s) return s;
    struct ax_graph *g = ax_graph_new("");
    s = ax_flat_read_graph(buf, bytes, &src, g, &complete, err);
    if (!s && complete) s = ax_graph_verify(g, err);
    if (s)
        ax_graph_free(g);
    else
        *out = g;
    return s;
}
