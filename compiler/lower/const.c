/* The constant section as it grows: 64-byte aligned pieces, equal ones stored once. */
#include "lower/build.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_bytes(const uint8_t *p, int64_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ (uint64_t)n;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    for (; n > 0; n--, p++) h = (h ^ *p) * 0x100000001b3u;
    return h ^ (h >> 29);
}

static bool grow_data(struct low_consts *c, int64_t need)
{
    if (need <= c->cap) return true;
    int64_t cap = c->cap ? c->cap : 1 << 16;
    while (cap < need) cap *= 2;
    void *p;
    if (posix_memalign(&p, 64, (size_t)cap)) return false;
    if (c->used) memcpy(p, c->data, (size_t)c->used);
    free(c->data);
    c->data = p;
    c->cap = cap;
    return true;
}

static struct low_const_slot *find_slot(const struct low_consts *c, uint64_t hash, const void *data, int64_t bytes)
{
    for (uint64_t i = hash;; i++) {
        struct low_const_slot *s = &c->slots[i & (uint64_t)(c->n_slots - 1)];
        if (!s->taken) return s;
        if (s->hash == hash && s->bytes == bytes && !memcmp(c->data + s->offset, data, (size_t)bytes)) return s;
    }
}

static bool grow_slots(struct low_consts *c)
{
    if (2 * (c->n_used + 1) <= c->n_slots) return true;
    struct low_const_slot *old = c->slots;
    int n_old = c->n_slots, n = n_old > 0 ? 2 * n_old : 256;
    struct low_const_slot *slots = calloc((size_t)n, sizeof *slots);
    if (!slots) return false;
    c->slots = slots;
    c->n_slots = n;
    for (int i = 0; i < n_old; i++)
        if (old[i].taken) *find_slot(c, old[i].hash, c->data + old[i].offset, old[i].bytes) = old[i];
    free(old);
    return true;
}

int64_t low_consts_add(struct low_consts *c, const void *data, int64_t bytes, bool own)
{
    struct low_const_slot *slot = NULL;
    uint64_t hash = 0;
    if (!own) {
        if (!grow_slots(c)) return -1;
        hash = hash_bytes(data, bytes);
        slot = find_slot(c, hash, data, bytes);
        if (slot->taken) return slot->offset;
    }
    int64_t offset = c->used, end = offset + (bytes + 63) / 64 * 64;
    if (!grow_data(c, end + AX_SLACK)) return -1;
    if (bytes) memcpy(c->data + offset, data, (size_t)bytes);
    memset(c->data + offset + bytes, 0, (size_t)(end + AX_SLACK - offset - bytes));
    c->used = end;
    if (slot) {
        *slot = (struct low_const_slot){hash, offset, bytes, true};
        c->n_used++;
    }
    return offset;
}

uint8_t *low_consts_take(struct low_consts *c)
{
    if (!grow_data(c, c->used + AX_SLACK)) return NULL;
    if (!c->used) memset(c->data, 0, AX_SLACK);
    uint8_t *data = c->data;
    c->data = NULL;
    return data;
}

void low_consts_free(struct low_consts *c)
{
    free(c->data);
    free(c->slots);
    *c = (struct low_consts){0};
}
