#include "app/inputs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "media/image.h"
#include "media/video.h"

enum { MAX_DEPTH = 8, MAX_LIST_BYTES = 64 << 20 };

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
        else if (ax_image_named(path) || ax_video_named(path))
            ax_inputs_append(l, path);
        free(entries[i]);
    }
    if (n > 0) free(entries);
}

static bool names_no_file(const char *input)
{
    return !strcmp(input, "-") || ax_camera_named(input) || strstr(input, "://");
}

/* A path a line, relative to the list's folder; empty lines and # comments are passed over. */
static enum ax_status add_list(struct ax_inputs *l, struct ax_arena *mem, const char *path, struct ax_error *err)
{
    uint8_t *data;
    size_t bytes;
    const char *dir = ax_path_dir(mem, path);
    if (ax_file_read(path, MAX_LIST_BYTES, &data, &bytes, err)) return err->status;
    for (char *rest = ax_arena_str(mem, (char *)data), *line; (line = strsep(&rest, "\n"));) {
        size_t n = strlen(line);
        while (n && strchr(" \t\r", line[n - 1])) line[--n] = 0;
        if (n && line[0] != '#')
            ax_inputs_append(l, names_no_file(line) ? line : ax_path_join(mem, strcmp(dir, ".") ? dir : "", line));
    }
    free(data);
    return AX_OK;
}

bool ax_input_moves(const char *path)
{
    return !strcmp(path, "-") || ax_camera_named(path) || ax_video_named(path);
}

enum ax_status ax_inputs_add(struct ax_inputs *l, struct ax_arena *mem, const char *path, struct ax_error *err)
{
    int before = l->count;
    if (path[0] == '@' && !ax_file_exists(path)) {
        if (add_list(l, mem, path + 1, err)) return err->status;
        return l->count > before ? AX_OK : ax_fail(err, AX_NOT_FOUND, "%s: the list is empty", path + 1);
    }
    bool is_file = !names_no_file(path);
    if (is_file && !ax_file_exists(path))
        return ax_fail(err, AX_NOT_FOUND,
                       "%s: is not there; expected a picture, a video, a folder of such, @LIST, a camera or -", path);
    if (is_file && ax_dir_exists(path))
        add_folder(l, mem, path, 0);
    else
        ax_inputs_append(l, ax_arena_str(mem, path));
    if (l->count == before) return ax_fail(err, AX_NOT_FOUND, "%s: holds no picture or video", path);
    return AX_OK;
}

void ax_inputs_free(struct ax_inputs *l)
{
    free(l->item);
    *l = (struct ax_inputs){0};
}

bool ax_inputs_moving(const struct ax_inputs *l)
{
    for (int i = 0; i < l->count; i++)
        if (ax_input_moves(l->item[i])) return true;
    return false;
}
