#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/status.h"

static void close_leases(struct ax_connection *c)
{
    for (int i = 0; i < c->n; i++) close(c->lease[i]);
}

/* Takes up to `cores` leases (0: all there are) and says who has the first one that is missing. */
static enum ax_status take_leases(struct ax_connection *c, int cores, int *all, int *holder, struct ax_error *err)
{
    int candidates[AX_MAX_CORES], want;
    *all = ax_lease_candidates(candidates);
    want = cores ? cores : *all;
    for (int i = 0; i < *all && c->n < want; i++) {
        int who = 0, fd = ax_lease_take(candidates[i], &who, err);
        if (fd == -2) return err->status;
        if (fd == -1) {
            if (!*holder) *holder = who;
            continue;
        }
        c->cores[c->n] = candidates[i];
        c->lease[c->n++] = fd;
    }
    return AX_OK;
}

static enum ax_status too_few(const struct ax_connection *c, int cores, int all, int holder, struct ax_error *err)
{
    char who[64] = "";
    if (holder == getpid())
        strcpy(who, "; another connection of this process holds some");
    else if (holder)
        snprintf(who, sizeof who, "; process %d holds some", holder);
    return ax_fail(err, AX_BUSY,
                   "device 'cpu' has %d core%s, of which %d %s free; %d asked for%s. Ask for fewer, or free the others first",
                   all, all == 1 ? "" : "s", c->n, c->n == 1 ? "is" : "are", cores ? cores : 1, who);
}

enum ax_status ax_connect(struct ax_context *context, const char *device, int cores, struct ax_connection **out,
                          struct ax_error *err)
{
    *out = NULL;
    if (device && strcmp(device, "cpu")) return ax_fail(err, AX_NOT_FOUND, "there is no device '%s'; known: cpu", device);
    if (cores < 0 || cores > AX_MAX_CORES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d cores asked for; expected 0 to %d", cores, AX_MAX_CORES);
    struct ax_connection *c = calloc(1, sizeof *c);
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for a connection");
    int all = 0, holder = 0;
    enum ax_status s = take_leases(c, cores, &all, &holder, err);
    if (s == AX_OK && (c->n == 0 || c->n < cores)) s = too_few(c, cores, all, holder, err);
    if (s != AX_OK) {
        close_leases(c);
        free(c);
        return s;
    }
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->context = context;
    ax_context_hold(context);
    *out = c;
    return AX_OK;
}

void ax_connection_hold(struct ax_connection *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void ax_connection_free(struct ax_connection *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1) return;
    close_leases(c);
    pthread_mutex_destroy(&c->lock);
    ax_context_free(c->context);
    free(c);
}

int ax_connection_cores(const struct ax_connection *c, int *out, int max)
{
    for (int i = 0; i < c->n && i < max; i++) out[i] = c->cores[i];
    return c->n;
}

int ax_connection_free_cores(const struct ax_connection *c)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&c->lock;
    int n = 0;
    pthread_mutex_lock(lock);
    for (int i = 0; i < c->n; i++) n += !c->used[i];
    pthread_mutex_unlock(lock);
    return n;
}

int ax_connection_take(struct ax_connection *c, int want, int *cores)
{
    int n = 0;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < c->n; i++) n += !c->used[i];
    int enough = n >= want;
    n = 0;
    for (int i = 0; i < c->n && enough && n < want; i++)
        if (!c->used[i]) {
            c->used[i] = 1;
            cores[n++] = c->cores[i];
        }
    pthread_mutex_unlock(&c->lock);
    return enough ? 0 : -1;
}

void ax_connection_give_back(struct ax_connection *c, const int *cores, int n)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < n; k++)
            if (c->cores[i] == cores[k]) c->used[i] = 0;
    pthread_mutex_unlock(&c->lock);
}
