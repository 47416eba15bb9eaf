#include "onnx/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum ax_status file_map_open(struct file_map *m, const char *path, struct ax_error *err)
{
    struct stat st;
    *m = (struct file_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return ax_fail(err, errno == ENOENT ? AX_NOT_FOUND : AX_IO, "cannot open the file: %s", strerror(errno));
    enum ax_status status = AX_OK;
    if (fstat(fd, &st))
        status = ax_fail(err, AX_IO, "cannot read the file: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = ax_fail(err, AX_IO, "is %s; a file is expected", S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
    else if (st.st_size) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = ax_fail(err, AX_IO, "cannot map the file: %s", strerror(errno));
        else
            m->data = p, m->bytes = (size_t)st.st_size;
    }
    close(fd);
    if (!status) m->path = strdup(path);
    return status;
}

void file_map_close(struct file_map *m)
{
    if (m->data) munmap(m->data, m->bytes);
    free(m->path);
    *m = (struct file_map){0};
}

static enum ax_status unpack(struct model_file *f, struct ax_error *err)
{
    const char *kind = ax_file_kind(f->data, f->bytes);
    bool other = f->bytes && kind && strcmp(kind, "an ONNX model") != 0;
    enum ax_status st = skim(f->data, f->bytes, SKIM_MODEL, &f->skim, err);
    if (st == AX_FORMAT && other) {
        struct ax_error why = *err;
        return ax_fail(err, AX_FORMAT, "%.200s; the file is %s, and an ONNX model is expected", why.message, kind);
    }
    if (st) return st;
    f->proto = onnx__model_proto__unpack(NULL, f->skim.bytes, f->skim.skeleton);
    if (!f->proto) return ax_fail(err, AX_FORMAT, "not a valid ONNX file: protobuf cannot unpack it");
    if (!f->proto->graph) return ax_fail(err, AX_FORMAT, "not an ONNX model: it holds no graph");
    return AX_OK;
}

enum ax_status model_file_open(struct model_file *f, const char *path, struct ax_error *err)
{
    *f = (struct model_file){0};
    enum ax_status st = file_map_open(&f->main, path, err);
    if (st) return st;
    f->data = f->main.data;
    f->bytes = f->main.bytes;
    return unpack(f, err);
}

enum ax_status model_file_replace(struct model_file *f, uint8_t *bytes, size_t n, struct ax_error *err)
{
    onnx__model_proto__free_unpacked(f->proto, NULL);
    f->proto = NULL;
    skim_free(&f->skim);
    free(f->lifted);
    f->data = f->lifted = bytes;
    f->bytes = n;
    return unpack(f, err);
}

void model_file_close(struct model_file *f)
{
    if (f->proto) onnx__model_proto__free_unpacked(f->proto, NULL);
    skim_free(&f->skim);
    file_map_close(&f->main);
    for (int i = 0; i < f->n_external; i++) file_map_close(&f->external[i]);
    free(f->external);
    free(f->lifted);
    *f = (struct model_file){0};
}

/* A relative path without empty parts and "..". */
static int stays_inside(const char *s)
{
    if (!*s || *s == '/' || strchr(s, '\\')) return 0;
    for (;;) {
        size_t n = strcspn(s, "/");
        if (n == 0 || (n == 2 && s[0] == '.' && s[1] == '.')) return 0;
        if (!s[n]) return 1;
        s += n + 1;
    }
}

/* `path` beneath the folder of `model`, both as given and with symbolic links followed (a store that links models to blobs
 * links both into one folder). */
static int beneath(const char *path, const char *model)
{
    char *real = realpath(path, NULL), *dir = strdup(model), *real_model = realpath(model, NULL), *real_dir = NULL;
    int ok = 0;
    if (dir && real) {
        char *slash = strrchr(dir, '/');
        if (slash) slash[slash == dir] = 0;
        real_dir = realpath(slash ? dir : ".", NULL);
        size_t n = real_dir ? strlen(real_dir) : 0;
        if (n) ok = !strncmp(real, real_dir, n) && (real[n] == '/' || real_dir[n - 1] == '/');
        char *end = real_model ? strrchr(real_model, '/') : NULL;
        n = end ? (size_t)(end - real_model) + 1 : 0;
        if (!ok && n) ok = !strncmp(real, real_model, n);
    }
    free(real);
    free(dir);
    free(real_model);
    free(real_dir);
    return ok;
}

static char *beside(const char *model, const char *location)
{
    const char *slash = strrchr(model, '/');
    size_t n = slash ? (size_t)(slash - model) + 1 : 0, m = strlen(location);
    char *p = malloc(n + m + 1);
    if (!p) return NULL;
    memcpy(p, model, n);
    memcpy(p + n, location, m + 1);
    return p;
}

int model_file_external(struct model_file *f, const char *location, struct ax_error *err)
{
    if (!stays_inside(location)) {
        ax_fail(err, AX_FORMAT, "external data at '%.200s': expected a path inside the model's folder", location);
        return -1;
    }
    char *path = beside(f->main.path, location);
    for (int i = 0; path && i < f->n_external; i++)
        if (!strcmp(f->external[i].path, path)) {
            free(path);
            return i;
        }
    struct file_map *more = realloc(f->external, sizeof *more * (size_t)(f->n_external + 1)), m;
    if (more) f->external = more;
    enum ax_status st = AX_OK;
    if (!path || !more || f->n_external == MAX_EXTERNAL_FILES)
        st = ax_fail(err, AX_NO_MEMORY, "too many files of external data (%d)", f->n_external);
    else if (access(path, F_OK))
        st = ax_fail(err, AX_NOT_FOUND, "the file with its external data is missing: %s; put it beside the model", path);
    else if (!beneath(path, f->main.path))
        st = ax_fail(err, AX_FORMAT, "external data at '%s' is a link out of the model's folder; put the file itself there",
                     path);
    else
        st = file_map_open(&m, path, err);
    free(path);
    if (st) return -1;
    f->external[f->n_external] = m;
    return f->n_external++;
}
