#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/status.h"

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
    pthread_mutex_init(&c->lock, NULL);
    return AX_OK;
}

void ax_context_hold(struct ax_context *c)
{
    atomic_fetch_add(&c->refs, 1);
}

void ax_context_free(struct ax_context *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1) return;
    for (struct ax_chip *k = c->chips, *next; k; k = next) {
        next = k->next;
        ax_arena_free(&k->mem);
        free(k);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

int ax_context_devices(struct ax_context *c, struct ax_device *out, int max)
{
    int n = 1;
    if (max > 0) ax_cpu_describe(&out[0]);
    pthread_mutex_lock(&c->lock);
    for (const struct ax_chip *k = c->chips; k; k = k->next, n++)
        if (n < max) out[n] = (struct ax_device){k->device, k->text, k->desc.cores, k->desc.cores, k->desc.on_chip_bytes};
    pthread_mutex_unlock(&c->lock);
    return n;
}

/* -- simulated ones -- */

const struct ax_chip *ax_context_chip(struct ax_context *c, const char *device)
{
    pthread_mutex_lock(&c->lock);
    const struct ax_chip *k = c->chips;
    while (k && strcmp(k->device, device)) k = k->next;
    pthread_mutex_unlock(&c->lock);
    return k;
}

static enum ax_status check_chip(const struct ax_device_desc *d, struct ax_error *err)
{
    const double rates[] = {d->clock_hz,
                            d->int8_macs_per_cycle,
                            d->depthwise_macs_per_cycle,
                            d->float_macs_per_cycle,
                            d->on_chip_bytes_per_second,
                            d->stream_bytes_per_second,
                            d->in_bytes_per_second,
                            d->out_bytes_per_second,
                            d->step_seconds,
                            d->call_seconds,
                            d->cooperation};
    bool good = d->name && *d->name && d->cores >= 1 && d->cores <= 255 && d->on_chip_bytes >= 0 && d->cooperation <= 1 &&
                d->step_seconds <= 10 && d->call_seconds <= 10 && d->n_scales >= 0;
    for (int i = 0; i < (int)(sizeof rates / sizeof *rates); i++) good = good && rates[i] >= 0 && rates[i] <= 1e18;
    for (int i = 0; good && i < d->n_scales; i++)
        good = d->scales[i].step && d->scales[i].scale >= 0 && d->scales[i].scale <= 1e6;
    return good ? AX_OK
                : ax_fail(err, AX_INVALID_ARGUMENT,
                          "the description of '%s' makes no sense: expected a name, 1 to 255 cores, no negative numbers, "
                          "overheads up to 10 s, a cooperation of 0 to 1",
                          d->name ? d->name : "");
}

static struct ax_chip *copy_chip(const struct ax_device_desc *d)
{
    struct ax_chip *k = calloc(1, sizeof *k);
    if (!k) return NULL;
    struct ax_device_scale *scales = AX_NEW(&k->mem, struct ax_device_scale, d->n_scales + 1);
    for (int i = 0; i < d->n_scales; i++)
        scales[i] = (struct ax_device_scale){ax_arena_str(&k->mem, d->scales[i].step), d->scales[i].scale};
    k->desc = *d;
    k->desc.name = ax_arena_str(&k->mem, d->name);
    k->desc.description = ax_arena_str(&k->mem, d->description ? d->description : "");
    k->desc.scales = scales;
    k->device = ax_arena_printf(&k->mem, "sim:%s", d->name);
    k->text = ax_arena_printf(&k->mem, "simulated, virtual time: %s", k->desc.description);
    return k;
}

enum ax_status ax_context_simulate(struct ax_context *c, const struct ax_device_desc *chip, struct ax_error *err)
{
    enum ax_status s = check_chip(chip, err);
    if (s) return s;
    struct ax_chip *k = copy_chip(chip);
    if (!k) return ax_fail(err, AX_NO_MEMORY, "no memory for a device");
    pthread_mutex_lock(&c->lock);
    struct ax_chip **at = &c->chips;
    while (*at && strcmp((*at)->device, k->device)) at = &(*at)->next;
    if (*at) s = ax_fail(err, AX_INVALID_ARGUMENT, "the context has a device '%s' already", k->device);
    if (!s) *at = k;
    pthread_mutex_unlock(&c->lock);
    if (s) {
        ax_arena_free(&k->mem);
        free(k);
    }
    return s;
}
