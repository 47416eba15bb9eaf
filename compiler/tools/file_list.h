/* All files below folders, sorted by path, so that every machine sees the same order. */
#ifndef AX_TOOLS_FILE_LIST_H
#define AX_TOOLS_FILE_LIST_H

#include "base/arena.h"
#include "base/status.h"

struct ax_file_list {
    const char **item; /* strings are in the arena */
    int count, cap;
};

/* A file, or a folder with everything below it (hidden names left out, at most eight folders deep). */
enum ax_status ax_file_list_add(struct ax_file_list *l, struct ax_arena *mem, const char *path, struct ax_error *err);
void ax_file_list_free(struct ax_file_list *l);

#endif
