/* Sets of cores by name: "cpu:0", "cpu:0-3", "cpu:0-3+8". */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/status.h"

static enum ax_status misspelt(const char *device, struct ax_error *err)
{
    return ax_fail(err, AX_INVALID_ARGUMENT, "device '%.80s': numbers of cores are expected, as cpu:0, cpu:0-3 or cpu:0-3+8",
                   device);
}

static const char *read_number(const char *at, long *out)
{
    char *end;
    if (!isdigit((unsigned char)*at)) return NULL;
    *out = strtol(at, &end, 10);
    return end;
}

static enum ax_status check_core(const char *device, long core, struct ax_error *err)
{
    int all[AX_MAX_CORES], n = ax_lease_candidates(all);
    for (int i = 0; i < n; i++)
        if (all[i] == core) return AX_OK;
    return ax_fail(err, AX_NOT_FOUND,
                   "device '%.80s': there is no core %ld that this process may use; it has %d, from %d to %d", device, core, n,
                   all[0], all[n - 1]);
}

/* In ascending order, each once. */
static enum ax_status add_core(const char *device, long core, int *cores, int *n, struct ax_error *err)
{
    int at = *n;
    if (check_core(device, core, err)) return err->status;
    while (at > 0 && cores[at - 1] > core) at--;
    if (at > 0 && cores[at - 1] == core) return AX_OK;
    memmove(cores + at + 1, cores + at, (size_t)(*n - at) * sizeof *cores);
    cores[at] = (int)core;
    ++*n;
    return AX_OK;
}

enum ax_status ax_core_set_parse(const char *device, int cores[AX_MAX_CORES], int *n, struct ax_error *err)
{
    const char *at = strchr(device, ':');
    *n = 0;
    do {
        long first, last;
        if (!at || !(at = read_number(at + 1, &first))) return misspelt(device, err);
        last = first;
        if (*at == '-' && !(at = read_number(at + 1, &last))) return misspelt(device, err);
        if (last < first) return misspelt(device, err);
        for (long c = first; c <= last; c++)
            if (add_core(device, c, cores, n, err)) return err->status;
    } while (*at == '+');
    return *at ? misspelt(device, err) : AX_OK;
}
