#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/status.h"
#include "kernels/cpu.h"

/* The public header spells the lists out; both must say the same. */
enum {
#define CHECK_STATUS(name, text) CHECK_##name,
    AX_STATUS_LIST(CHECK_STATUS)
};
#define SAME_STATUS(name, text) _Static_assert((int)CHECK_##name == (int)AX_##name, "axon.h and status.h differ at " #name);
AX_STATUS_LIST(SAME_STATUS)
enum {
#define CHECK_DTYPE(name, text, bytes) CHECK_DTYPE_##name,
    AX_DTYPE_LIST(CHECK_DTYPE)
};
#define SAME_DTYPE(name, text, bytes)                                                                                          \
    _Static_assert((int)CHECK_DTYPE_##name == (int)AX_DTYPE_##name, "axon.h and types.h differ at " #name);
AX_DTYPE_LIST(SAME_DTYPE)

const char *ax_version(void)
{
    return AXON_VERSION;
}

enum ax_status ax_context_new(struct ax_context **out, struct ax_error *err)
{
    struct ax_context *c = *out = calloc(1, sizeof *c);
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for a context");
    atomic_init(&c->refs, 1);
    return AX_OK;
}

void ax_context_hold(struct ax_context *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void ax_context_free(struct ax_context *c)
{
    if (c && atomic_fetch_sub(&c->refs, 1) == 1) free(c);
}

static int count_free(void)
{
    int cores[AX_MAX_CORES], n = ax_lease_candidates(cores), free_cores = 0, holder;
    struct ax_error ignored;
    for (int i = 0; i < n; i++) {
        int fd = ax_lease_take(cores[i], &holder, &ignored);
        if (fd < 0) continue;
        free_cores++;
        close(fd);
    }
    return free_cores;
}

static char cpu_text[128];

static void write_cpu_text(void)
{
    char names[96];
    ax_cpu_text(ax_cpu_features(), names, sizeof names);
    snprintf(cpu_text, sizeof cpu_text, "processor with %s", names);
}

int ax_context_devices(struct ax_context *c, struct ax_device *out, int max)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int cores[AX_MAX_CORES];
    (void)c;
    pthread_once(&once, write_cpu_text);
    if (max > 0) out[0] = (struct ax_device){"cpu", cpu_text, ax_lease_candidates(cores), count_free(), ax_cpu_caches().l2};
    return 1;
}
