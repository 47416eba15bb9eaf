/* Several devices, as --devices names them. */
#ifndef AX_TOOLS_DEVICES_H
#define AX_TOOLS_DEVICES_H

#include <stdio.h>

#include "base/arena.h"
#include "tools/shared/engine.h"

enum { AX_MOST_DEVICES = 64 };

struct ax_devices {
    struct ax_arena mem;
    struct ax_cores *item[AX_MOST_DEVICES];
    int count;
};

/* "cpu:0,cpu:1,sim:metis": each with all its cores; "all" stands for every core of the processor, a device each. Waits for
 * cores as ax_cores_lease does. ax_devices_free in any case. */
enum ax_status ax_devices_lease(const char *list, double wait_s, struct ax_devices *out, struct ax_error *err);
void ax_devices_free(struct ax_devices *d);

/* What there is, and who holds it. */
enum ax_status ax_devices_print(FILE *out, bool json, struct ax_error *err);

#endif
