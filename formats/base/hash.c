#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct ax_hasher {
    XXH3_state_t state;
};

uint64_t ax_hash64(const void *p, size_t bytes)
{
    return XXH3_64bits(p, bytes);
}

struct ax_hash128 ax_hash128(const void *p, size_t bytes)
{
    XXH128_hash_t h = XXH3_128bits(p, bytes);
    return (struct ax_hash128){h.low64, h.high64};
}

struct ax_hasher *ax_hasher_new(void)
{
    struct ax_hasher *h = aligned_alloc(64, (sizeof *h + 63) & ~(size_t)63);
    if (!h) {
        fprintf(stderr, "axon: out of memory\n");
        abort();
    }
    XXH3_128bits_reset(&h->state);
    return h;
}

void ax_hasher_add(struct ax_hasher *h, const void *p, size_t bytes)
{
    if (bytes) XXH3_128bits_update(&h->state, p, bytes);
}

void ax_hasher_add_text(struct ax_hasher *h, const char *s)
{
    ax_hasher_add(h, s, strlen(s) + 1);
}

struct ax_hash128 ax_hasher_end(struct ax_hasher *h)
{
    XXH128_hash_t r = XXH3_128bits_digest(&h->state);
    free(h);
    return (struct ax_hash128){r.low64, r.high64};
}

char *ax_hash_text(struct ax_hash128 h, char buf[AX_HASH_TEXT])
{
    snprintf(buf, AX_HASH_TEXT, "%016" PRIx64 "%016" PRIx64, h.high, h.low);
    return buf;
}
