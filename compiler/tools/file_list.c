#include "tools/file_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { DEEPEST = 8 };

static void append(struct ax_file_list *l, const char *s)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->item = realloc(l->item, sizeof *l->item * (size_t)l->cap);
        if (!l->item) abort();
    }
    l->item[l->count++] = s;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum ax_status walk(struct ax_file_list *l, struct ax_arena *mem, const char *dir, int depth, struct ax_error *err)
{
    DIR *d = opendir(dir);
    if (!d) return ax_fail(err, AX_IO, "folder %s cannot be read", dir);
    struct ax_file_list here = {0};
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') append(&here, ax_arena_str(mem, e->d_name));
    closedir(d);
    if (here.count) qsort(here.item, (size_t)here.count, sizeof *here.item, by_name);
    enum ax_status s = AX_OK;
    for (int i = 0; i < here.count && !s; i++) {
        const char *path = ax_path_join(mem, dir, here.item[i]);
        if (!ax_dir_exists(path))
            append(l, path);
        else if (depth < DEEPEST)
            s = walk(l, mem, path, depth + 1, err);
    }
    ax_file_list_free(&here);
    return s;
}

enum ax_status ax_file_list_add(struct ax_file_list *l, struct ax_arena *mem, const char *path, struct ax_error *err)
{
    if (ax_dir_exists(path)) return walk(l, mem, path, 0, err);
    if (!ax_file_exists(path)) return ax_fail(err, AX_NOT_FOUND, "%s is not there", path);
    append(l, ax_arena_str(mem, path));
    return AX_OK;
}

void ax_file_list_free(struct ax_file_list *l)
{
    free(l->item);
    *l = (struct ax_file_list){0};
}
