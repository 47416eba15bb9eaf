#include "onnx/names.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t hash(const char *s)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

static struct names_slot *slot(const struct names *m, const char *key)
{
    size_t i = hash(key) & (m->cap - 1);
    while (m->slots[i].key && strcmp(m->slots[i].key, key)) i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

int *names_find(const struct names *m, const char *key)
{
    if (!m->cap) return NULL;
    struct names_slot *s = slot(m, key);
    return s->key ? &s->value : NULL;
}

static void grow(struct names *m)
{
    struct names old = *m;
    m->cap = old.cap ? old.cap * 2 : 64;
    m->slots = calloc(m->cap, sizeof *m->slots);
    if (!m->slots) {
        fprintf(stderr, "axon: out of memory (%zu bytes)\n", m->cap * sizeof *m->slots);
        abort();
    }
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key) *slot(m, old.slots[i].key) = old.slots[i];
    free(old.slots);
}

void names_put(struct names *m, const char *key, int value)
{
    if ((m->count + 1) * 2 > m->cap) grow(m);
    struct names_slot *s = slot(m, key);
    if (!s->key) m->count++;
    *s = (struct names_slot){key, value};
}

void names_free(struct names *m)
{
    free(m->slots);
    *m = (struct names){0};
}
