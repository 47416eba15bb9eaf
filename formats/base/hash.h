/* Hashes: XXH3, 64 and 128 bits. For checksums of sections and for "did anything change?", not against malice. */
#ifndef AX_BASE_HASH_H
#define AX_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct ax_hash128 {
    uint64_t low, high;
};

uint64_t ax_hash64(const void *p, size_t bytes);
struct ax_hash128 ax_hash128(const void *p, size_t bytes);

/* Streaming: many pieces, one hash; the hash does not depend on how the bytes are cut. */
struct ax_hasher;
struct ax_hasher *ax_hasher_new(void); /* never NULL */
void ax_hasher_add(struct ax_hasher *h, const void *p, size_t bytes);
void ax_hasher_add_text(struct ax_hasher *h,
                        const char *s);               /* with its terminating zero, so that "ab","c" differs from "a","bc" */
struct ax_hash128 ax_hasher_end(struct ax_hasher *h); /* releases h */

/* 32 hexadecimal digits, high word first. Returns buf. */
enum { AX_HASH_TEXT = 33 };
char *ax_hash_text(struct ax_hash128 h, char buf[AX_HASH_TEXT]);

#endif
