/* Several files written as one: all temporaries first, then all renames. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path_errno.h"

struct entry {
    struct entry *next;
    char *path, *temporary;
};

struct folder { /* that was not there before */
    struct folder *above;
    char *path;
};

struct ax_commit {
    struct ax_arena mem;
    struct entry *first, **last;
    struct folder *made; /* the deepest first */
    bool finished;
};

struct ax_commit *ax_commit_new(void)
{
    struct ax_commit *c = calloc(1, sizeof *c);
    if (!c) {
        fprintf(stderr, "axon: out of memory\n");
        abort();
    }
    ax_arena_init(&c->mem);
    c->last = &c->first;
    return c;
}

void ax_commit_free(struct ax_commit *c)
{
    if (!c) return;
    for (struct entry *e = c->first; e; e = e->next)
        if (e->temporary) unlink(e->temporary);
    for (struct folder *f = c->made; f && !c->finished; f = f->above) rmdir(f->path); /* stays where others wrote into it */
    ax_arena_free(&c->mem);
    free(c);
}

enum ax_status ax_commit_dir(struct ax_commit *c, const char *path, struct ax_error *err)
{
    struct folder *made = NULL;
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] && path[i] != '/') continue;
        char *part = ax_arena_strn(&c->mem, path, i);
        if (ax_dir_exists(part)) continue;
        struct folder *f = AX_NEW(&c->mem, struct folder, 1);
        *f = (struct folder){made, part};
        made = f;
    }
    enum ax_status s = ax_dir_make(path, err);
    if (!c->made) c->made = made;
    return s;
}

/* A new file beside `path`, with the permissions that open() would have given it. */
static int open_temporary(struct ax_commit *c, struct entry *e)
{
    e->temporary = ax_arena_printf(&c->mem, "%s.XXXXXX", e->path);
    int fd = mkostemp(e->temporary, O_CLOEXEC);
    if (fd < 0) {
        e->temporary = NULL;
        return fd;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    return fd;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    enum { CHUNK = 64 << 20 };
    while (n) {
        ssize_t done = write(fd, p, n < CHUNK ? n : CHUNK);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_parts(int fd, const struct ax_part *parts, int count)
{
    for (int i = 0; i < count; i++)
        if (!write_all(fd, parts[i].data, parts[i].bytes)) return false;
    return true;
}

enum ax_status ax_commit_add_parts(struct ax_commit *c, const char *path, const struct ax_part *parts, int count,
                                   struct ax_error *err)
{
    struct entry *e = AX_NEW(&c->mem, struct entry, 1);
    e->path = ax_arena_str(&c->mem, path);
    *c->last = e;
    c->last = &e->next;
    if (ax_dir_exists(path)) return ax_fail(err, AX_IO, "%s: is a folder; a file is to be written there", path);
    int fd = open_temporary(c, e);
    if (fd < 0) return ax_fail_errno(err, path, "cannot write into the folder");
    bool good = write_parts(fd, parts, count) && (!fsync(fd) || errno == EINVAL);
    int why = errno;
    if (close(fd) && good) {
        good = false;
        why = errno;
    }
    errno = why;
    return good ? AX_OK : ax_fail_errno(err, path, "cannot write the file");
}

enum ax_status ax_commit_add(struct ax_commit *c, const char *path, const void *data, size_t bytes, struct ax_error *err)
{
    return ax_commit_add_parts(c, path, &(struct ax_part){data, bytes}, 1, err);
}

enum ax_status ax_commit_add_text(struct ax_commit *c, const char *path, const char *text, struct ax_error *err)
{
    return ax_commit_add(c, path, text, strlen(text), err);
}

static void sync_folder(struct ax_commit *c, const char *path)
{
    int fd = open(ax_path_dir(&c->mem, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!fsync(fd);
    close(fd);
}

enum ax_status ax_commit_finish(struct ax_commit *c, struct ax_error *err)
{
    for (struct entry *e = c->first; e; e = e->next) {
        if (!e->temporary) continue;
        if (rename(e->temporary, e->path)) return ax_fail_errno(err, e->path, "cannot put the new file in its place");
        e->temporary = NULL;
        sync_folder(c, e->path);
    }
    c->finished = true;
    return AX_OK;
}

enum ax_status ax_file_write_parts(const char *path, const struct ax_part *parts, int count, struct ax_error *err)
{
    struct ax_commit *c = ax_commit_new();
    enum ax_status s = ax_commit_add_parts(c, path, parts, count, err);
    if (!s) s = ax_commit_finish(c, err);
    ax_commit_free(c);
    return s;
}

enum ax_status ax_file_write(const char *path, const void *data, size_t bytes, struct ax_error *err)
{
    return ax_file_write_parts(path, &(struct ax_part){data, bytes}, 1, err);
}

enum ax_status ax_file_write_text(const char *path, const char *text, struct ax_error *err)
{
    return ax_file_write(path, text, strlen(text), err);
}
