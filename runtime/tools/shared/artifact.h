/* What the user named: a name under build/, a folder, a model.json or an .axmodel. */
#ifndef AX_TOOLS_ARTIFACT_H
#define AX_TOOLS_ARTIFACT_H

#include "base/arena.h"
#include "base/status.h"

struct ax_artifact {
    const char *dir;        /* folder of the model */
    const char *model;      /* path of the .axmodel */
    const char *descriptor; /* path of the model.json; NULL: there is none */
    const char *name;       /* for people */
};

/* Strings are in mem. AX_NOT_FOUND says where it looked and what is there. */
enum ax_status ax_artifact_find(const char *what, struct ax_arena *mem, struct ax_artifact *out, struct ax_error *err);

#endif
