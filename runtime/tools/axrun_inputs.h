/* The pictures that a user named: files, and folders with all pictures below them. */
#ifndef AX_TOOLS_AXRUN_INPUTS_H
#define AX_TOOLS_AXRUN_INPUTS_H

#include "base/arena.h"
#include "base/status.h"

struct ax_inputs {
    const char **item; /* in the order of the command line; a folder's sorted by name */
    int count, room;
};

/* Adds a file as it is, or what is below a folder. AX_NOT_FOUND for what does not exist or holds no picture. */
enum ax_status ax_inputs_add(struct ax_inputs *list, struct ax_arena *mem, const char *path, struct ax_error *err);
void ax_inputs_append(struct ax_inputs *list, const char *path); /* as it is */
void ax_inputs_free(struct ax_inputs *list);

#endif
