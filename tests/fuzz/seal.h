/* For fuzzers of .axmodel: what lies behind the checksums is reached too. */
#ifndef AX_TESTS_SEAL_H
#define AX_TESTS_SEAL_H

#include <stdint.h>
#include <string.h>

#include "base/hash.h"

/* Magic, file size and all checksums as they should be for these bytes. */
static inline void seal(uint8_t *p, size_t n)
{
    static const uint8_t magic[8] = {0x89, 'A', 'X', 'M', '\r', '\n', 0x1a, '\n'};
    uint64_t sum, size = n, offset, stored;
    uint32_t sections;
    if (n < 64) return;
    memcpy(p, magic, 8);
    memcpy(&sections, p + 12, 4);
    memcpy(p + 16, &size, 8);
    if (sections > 256 || 64 + 64 * (size_t)sections > n) return;
    for (uint32_t i = 0; i < sections; i++) {
        uint8_t *row = p + 64 + 64 * i;
        memcpy(&offset, row + 8, 8);
        memcpy(&stored, row + 16, 8);
        if (offset > n || stored > n - offset) continue;
        sum = ax_hash64(p + offset, stored);
        memcpy(row + 32, &sum, 8);
    }
    sum = ax_hash64(p + 64, 64 * (size_t)sections);
    memcpy(p + 24, &sum, 8);
    sum = ax_hash64(p, 56);
    memcpy(p + 56, &sum, 8);
}

#endif
