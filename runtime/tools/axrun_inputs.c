#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "media/image.h"
#include "tools/axrun_inputs.h"

enum { MAX_DEPTH = 8 };

void ax_inputs_append(struct ax_inputs *l, const char *path)
{
    if (l->count == l->room) {
        int room = l->room ? 2 * l->room : 64;
        const char **more = realloc(l->item, (size_t)room * sizeof *more);
        if (!more) abort();
        l->item = more;
        l->room = room;
    }
    l->item[l->count++] = path;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void add_folder(struct ax_inputs *l, struct ax_arena *mem, const char *dir, int depth)
{
    struct dirent **entries;
    int n = depth < MAX_DEPTH ? scandir(dir, &entries, not_hidden, by_name) : 0;
    for (int i = 0; i < n; i++) {
        const char *path = ax_path_join(mem, dir, entries[i]->d_name);
        if (ax_dir_exists(path))
            add_folder(l, mem, path, depth + 1);
        else if (ax_image_named(path))
            ax_inputs_append(l, path);
        free(entries[i]);
    }
    if (n > 0) free(entries);
}

enum ax_status ax_inputs_add(struct ax_inputs *l, struct ax_arena *mem, const char *path, struct ax_error *err)
{
    int before = l->count;
    if (!ax_file_exists(path)) return ax_fail(err, AX_NOT_FOUND, "%s: %s", path, strerror(ENOENT));
    if (ax_dir_exists(path))
        add_folder(l, mem, path, 0);
    else
        ax_inputs_append(l, ax_arena_str(mem, path));
    if (l->count == before) return ax_fail(err, AX_NOT_FOUND, "%s: holds no picture", path);
    return AX_OK;
}

void ax_inputs_free(struct ax_inputs *l)
{
    free(l->item);
    *l = (struct ax_inputs){0};
}
