/* Header and section table as they stand in the file, for container.c and container_write.c. */
#ifndef AX_FILES_CONTAINER_LAYOUT_H
#define AX_FILES_CONTAINER_LAYOUT_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and used in place");

static const uint8_t magic[8] = {0x89, 'A', 'X', 'M', '\r', '\n', 0x1a, '\n'};

struct header {
    uint8_t magic[8];
    uint16_t major, minor;
    uint32_t n_sections;
    uint64_t file_bytes;
    uint64_t table_checksum; /* XXH3-64 of the table */
    uint8_t reserved[24];    /* zero */
    uint64_t checksum;       /* XXH3-64 of the 56 bytes before */
};

struct row {
    uint32_t type, compression;
    uint64_t offset, stored_bytes, raw_bytes, checksum;
    uint8_t reserved[24]; /* zero */
};

_Static_assert(sizeof(struct header) == 64 && sizeof(struct row) == 64, "layout of the file");

enum {
    MAX_EXPANSION = 64,      /* a section may grow so many times when unpacked ... */
    FREE_EXPANSION = 1 << 26 /* ... but always to 64 MiB */
};

#endif
