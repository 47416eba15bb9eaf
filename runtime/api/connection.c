#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h"
#include "base/status.h"

static enum ax_status unknown_device(struct ax_context *c, const char *device, struct ax_error *err)
{
    struct ax_device known[16];
    int n = ax_context_devices(c, known, 16);
    char list[512];
    size_t at = 0;
    for (int i = 0; i < n && i < 16 && at < sizeof list - 80; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%.64s", i ? ", " : "", known[i].name);
    return ax_fail(err, AX_NOT_FOUND, "there is no device '%s'; known: %s", device, list);
}

static enum ax_status name_cores(struct ax_connection *c, const char *device, struct ax_error *err)
{
    c->device = c->named = strdup(device);
    if (!c->named) return ax_fail(err, AX_NO_MEMORY, "no memory for a connection");
    return ax_core_set_parse(device, c->only, &c->n_only, err);
}

enum ax_status ax_connect(struct ax_context *context, const char *device, int cores, struct ax_connection **out,
                          struct ax_error *err)
{
    *out = NULL;
    bool is_cpu = !device || ax_is_cpu(device), named = is_cpu && device && device[3];
    const struct ax_chip *chip = is_cpu ? NULL : ax_context_chip(context, device);
    if (!is_cpu && !chip) return unknown_device(context, device, err);
    if (cores < 0 || cores > AX_MAX_CORES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "%d cores asked for; expected 0 to %d", cores, AX_MAX_CORES);
    struct ax_connection *c = calloc(1, sizeof *c);
    if (!c) return ax_fail(err, AX_NO_MEMORY, "no memory for a connection");
    c->type = is_cpu ? &ax_cpu_device : &ax_sim_device;
    c->device = is_cpu ? "cpu" : chip->device;
    c->chip = is_cpu ? NULL : &chip->desc;
    enum ax_status s = named ? name_cores(c, device, err) : AX_OK;
    if (s == AX_OK) s = c->type->connect(c, cores, err);
    if (s != AX_OK) {
        c->type->disconnect(c);
        free(c->named);
        free(c);
        return s;
    }
    atomic_init(&c->refs, 1);
    atomic_init(&c->clock_ps, 0);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->turn, NULL);
    c->context = context;
    ax_context_hold(context);
    *out = c;
    return AX_OK;
}

const char *ax_connection_device(const struct ax_connection *c)
{
    return c->device;
}

int64_t ax_connection_time_ns(const struct ax_connection *c)
{
    struct timespec t;
    if (c->chip) return atomic_load(&c->clock_ps) / 1000;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void ax_connection_advance(struct ax_connection *c, int64_t ps)
{
    int64_t now = atomic_load(&c->clock_ps);
    while (ps > now && !atomic_compare_exchange_weak(&c->clock_ps, &now, ps)) {
    }
}

void ax_connection_hold(struct ax_connection *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void ax_connection_free(struct ax_connection *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1) return;
    c->type->disconnect(c);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->turn);
    ax_context_free(c->context);
    free(c->named);
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
    for (int i = 0; i < c->n; i++) n += !c->used[i] && !c->sharers[i];
    pthread_mutex_unlock(lock);
    return n;
}

static int is_free(const struct ax_connection *c, int i, int share)
{
    return !c->used[i] && (share || !c->sharers[i]);
}

int ax_connection_take(struct ax_connection *c, int want, int share, int *cores)
{
    int n = 0;
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < c->n; i++) n += is_free(c, i, share);
    int enough = n >= want;
    n = 0;
    for (int i = 0; i < c->n && enough && n < want; i++)
        if (is_free(c, i, share)) {
            if (share)
                c->sharers[i]++;
            else
                c->used[i] = 1;
            cores[n++] = c->cores[i];
        }
    pthread_mutex_unlock(&c->lock);
    return enough ? 0 : -1;
}

void ax_connection_give_back(struct ax_connection *c, const int *cores, int n, int share)
{
    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < n; k++) {
            if (c->cores[i] != cores[k]) continue;
            if (share)
                c->sharers[i]--;
            else
                c->used[i] = 0;
        }
    pthread_mutex_unlock(&c->lock);
}
