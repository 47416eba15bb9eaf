#include "media/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MAX_BYTES = 16 << 20 };

static const char *trimmed(struct ax_arena *mem, const char *line, size_t n)
{
    while (n && strchr(" \t\r", line[n - 1])) n--;
    while (n && strchr(" \t", *line)) line++, n--;
    return ax_arena_strn(mem, line, n);
}

enum ax_status ax_labels_read(const char *path, struct ax_arena *mem, const char *const **labels, int *count,
                              struct ax_error *err)
{
    uint8_t *data;
    size_t bytes;
    int lines = 1, used = 0;
    enum ax_status s = ax_file_read(path, MAX_BYTES, &data, &bytes, err);
    if (s) return s;
    for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n';
    const char **list = AX_NEW(mem, const char *, lines), *at = (const char *)data;
    for (int i = 0; i < lines; i++) {
        size_t n = strcspn(at, "\n");
        list[i] = trimmed(mem, at, n);
        if (*list[i]) used = i + 1;
        at += n + (at[n] == '\n');
    }
    free(data);
    *labels = list;
    *count = used;
    return used ? AX_OK : ax_fail(err, AX_FORMAT, "%s: holds no labels; one a line is expected", path);
}
