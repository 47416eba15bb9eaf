#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path_errno.h"

/* -- reading -- */

static enum ax_status open_read(const char *path, int *fd, struct stat *st, struct ax_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) return ax_fail_errno(err, path, "cannot open the file for reading");
    if (fstat(*fd, st)) {
        enum ax_status s = ax_fail_errno(err, path, "cannot ask for the file's size");
        close(*fd);
        return s;
    }
    if (S_ISDIR(st->st_mode)) {
        close(*fd);
        return ax_fail(err, AX_IO, "%s: is a folder; a file is expected", path);
    }
    return AX_OK;
}

static enum ax_status read_all(int fd, const char *path, size_t max, size_t guess, uint8_t **data, size_t *bytes,
                               struct ax_error *err)
{
    size_t cap = (guess < max ? guess : max) + 2, n = 0;
    uint8_t *buf = malloc(cap);
    while (buf) {
        ssize_t got = read(fd, buf + n, cap - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            free(buf);
            return ax_fail_errno(err, path, "cannot read the file");
        }
        n += (size_t)got;
        if (n > max) {
            free(buf);
            return ax_fail(err, AX_FORMAT, "%s: is larger than %zu bytes, the most that is accepted here", path, max);
        }
        if (!got) break;
        if (n + 1 < cap) continue;
        uint8_t *more = realloc(buf, cap *= 2);
        if (!more) free(buf);
        buf = more;
    }
    if (!buf) return ax_fail(err, AX_NO_MEMORY, "%s: out of memory while reading (%zu bytes)", path, cap);
    buf[n] = 0;
    *data = buf;
    *bytes = n;
    return AX_OK;
}

enum ax_status ax_file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, struct ax_error *err)
{
    int fd;
    struct stat st;
    enum ax_status s = open_read(path, &fd, &st, err);
    if (s) return s;
    size_t guess = st.st_size > 0 ? (size_t)st.st_size : 4096;
    s = read_all(fd, path, max_bytes, guess, data, bytes, err);
    close(fd);
    return s;
}

enum ax_status ax_file_map(const char *path, struct ax_mapping *out, struct ax_error *err)
{
    int fd;
    struct stat st;
    *out = (struct ax_mapping){0};
    enum ax_status s = open_read(path, &fd, &st, err);
    if (s) return s;
    if (!S_ISREG(st.st_mode)) s = ax_fail(err, AX_IO, "%s: is not a regular file", path);
    if (!s && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = ax_fail_errno(err, path, "cannot map the file into memory");
        else
            *out = (struct ax_mapping){p, (size_t)st.st_size};
    }
    close(fd);
    return s;
}

void ax_file_unmap(struct ax_mapping *m)
{
    if (m->data) munmap((void *)m->data, m->bytes);
    *m = (struct ax_mapping){0};
}

bool ax_file_exists(const char *path)
{
    struct stat st;
    return !stat(path, &st);
}

const char *ax_temp_dir(void)
{
    const char *dir = getenv("TMPDIR");
    return dir && *dir ? dir : P_tmpdir;
}

bool ax_dir_exists(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* -- folders and paths -- */

enum ax_status ax_dir_make(const char *path, struct ax_error *err)
{
    char *copy = strdup(path);
    enum ax_status s = copy ? AX_OK : ax_fail(err, AX_NO_MEMORY, "out of memory");
    size_t n = strlen(path);
    for (size_t i = 1; !s && i <= n; i++) {
        if (copy[i] && copy[i] != '/') continue;
        char c = copy[i];
        copy[i] = 0;
        if (mkdir(copy, 0777)) {
            int why = errno;
            bool there = ax_dir_exists(copy);
            errno = why;
            if (!there && why == EEXIST)
                s = ax_fail(err, AX_IO, "%s: cannot make the folder: a file of that name is there", copy);
            else if (!there)
                s = ax_fail_errno(err, copy, "cannot make the folder");
        }
        copy[i] = c;
    }
    free(copy);
    return s;
}

char *ax_path_join(struct ax_arena *mem, const char *dir, const char *name)
{
    size_t n = strlen(dir);
    if (!n || name[0] == '/') return ax_arena_str(mem, name);
    return ax_arena_printf(mem, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *ax_path_dir(struct ax_arena *mem, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ax_arena_str(mem, ".");
    return ax_arena_strn(mem, path, slash == path ? 1 : (size_t)(slash - path));
}

const char *ax_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *ax_path_stem(struct ax_arena *mem, const char *path)
{
    const char *base = ax_path_base(path), *dot = strrchr(base, '.');
    return ax_arena_strn(mem, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

bool ax_path_has_ext(const char *path, const char *ext)
{
    size_t n = strlen(path), m = strlen(ext);
    return n > m && !strcasecmp(path + n - m, ext);
}

bool ax_path_is_inside(const char *name)
{
    if (!*name || *name == '/') return false;
    while (*name) {
        size_t n = strcspn(name, "/");
        if (n == 2 && name[0] == '.' && name[1] == '.') return false;
        name += n + (name[n] == '/');
    }
    return true;
}

const char *ax_path_relative(struct ax_arena *mem, const char *dir, const char *path)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (!realpath(dir, from) || !realpath(path, to)) return path;
    size_t same = 0, i = 0;
    for (; from[i] && from[i] == to[i]; i++)
        if (from[i] == '/') same = i;
    if (!from[i] && to[i] == '/') same = i;
    const char *out = ax_arena_str(mem, to + same + 1);
    if (from[same]) /* a step up for each folder that is left */
        for (const char *p = from + same; *p; p++)
            if (*p == '/' && p[1]) out = ax_arena_printf(mem, "../%s", out);
    return out;
}
