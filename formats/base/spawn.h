/* One tool of Axon runs another: found beside itself, else on the path. */
#ifndef AX_BASE_SPAWN_H
#define AX_BASE_SPAWN_H

#include <stdbool.h>

#include "base/status.h"

/* args without the tool's name, NULL at the end. talk: its stdout goes to our stderr. Waits; *code is its exit code. AX_IO when
 * it cannot be run or was killed. */
enum ax_status ax_spawn_tool(const char *name, const char *const *args, bool talk, int *code, struct ax_error *err);

#endif
