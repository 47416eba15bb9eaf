/* What a user named: pictures, videos, cameras, "-" for the standard input, folders, and @FILE for a list of such. */
#ifndef AX_APP_INPUTS_H
#define AX_APP_INPUTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct ax_inputs {
    const char **item; /* in the order of the command line; a folder's sorted by name */
    int count, room;
};

/* Adds a file as it is, what is below a folder, or the lines of a list. AX_NOT_FOUND for what does not exist or holds neither
 * pictures nor videos. */
enum ax_status ax_inputs_add(struct ax_inputs *list, struct ax_arena *mem, const char *path, struct ax_error *err);
void ax_inputs_append(struct ax_inputs *list, const char *path); /* as it is */
void ax_inputs_free(struct ax_inputs *list);
/* Whether one of them has many frames: a video, a camera, the standard input. */
bool ax_inputs_moving(const struct ax_inputs *list);
bool ax_input_moves(const char *path);

#endif
