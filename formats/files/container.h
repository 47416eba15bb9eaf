/* The container around every .axmodel: a fixed header, a table of sections, the sections. See docs/axmodel-format.md.
 * Knows nothing of what is inside them. */
#ifndef AX_FILES_CONTAINER_H
#define AX_FILES_CONTAINER_H

#include "base/file.h"

enum { AX_FILE_MAJOR = 1, AX_FILE_MINOR = 0, AX_FILE_ALIGN = 64, AX_FILE_TAIL = 256, AX_FILE_MAX_SECTIONS = 256 };

#define AX_FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define AX_SECTION_META AX_FOURCC('M', 'E', 'T', 'A')    /* JSON text: the manifest */
#define AX_SECTION_PROGRAM AX_FOURCC('P', 'R', 'O', 'G') /* FlatBuffer, root Program */
#define AX_SECTION_WEIGHTS AX_FOURCC('W', 'G', 'H', 'T') /* the program's constants */
#define AX_SECTION_GRAPH AX_FOURCC('G', 'R', 'P', 'H')   /* FlatBuffer, root Graph */
#define AX_SECTION_DATA AX_FOURCC('D', 'A', 'T', 'A')    /* the graph's constants */

enum ax_compression { AX_COMPRESSION_NONE, AX_COMPRESSION_ZSTD };

struct ax_section {
    uint32_t type;
    uint32_t compression;
    uint64_t offset, stored_bytes, raw_bytes;
    uint64_t checksum; /* XXH3-64 of the stored bytes */
};

struct ax_container {
    struct ax_mapping file;
    bool borrowed; /* file is the caller's memory */
    int major, minor;
    int n_sections;
    struct ax_section *sections;
    void **unpacked; /* by section: memory from malloc, NULL where the mapping is used */
};

/* Checks header, table and the places of all sections, not yet their contents. ax_container_close in any case. */
enum ax_status ax_container_open(const char *path, struct ax_container *c, struct ax_error *err);
/* The same from memory (aligned to 8) that stays the caller's and outlives c. */
enum ax_status ax_container_open_memory(const uint8_t *data, size_t bytes, struct ax_container *c, struct ax_error *err);
void ax_container_close(struct ax_container *c);

int ax_container_find(const struct ax_container *c, uint32_t type); /* index of the first of that type, -1 if there is none */

/* The raw bytes of a section: 64-byte aligned, AX_FILE_TAIL readable bytes behind them; straight from the mapping where that
 * is possible. Checks the checksum unless `trust`. They live until ax_container_close. */
enum ax_status ax_container_load(struct ax_container *c, int section, bool trust, const uint8_t **data, size_t *bytes,
                                 struct ax_error *err);
/* Whether the checksum fits. */
bool ax_container_intact(const struct ax_container *c, int section);

char *ax_section_text(uint32_t type, char buf[8]); /* "META"; unprintable characters as '.' */

/* Writing: sections in the order given. With compress, sections that shrink are stored as zstd. */
struct ax_section_data {
    uint32_t type;
    const void *data;
    size_t bytes;
    bool compress;
};
enum ax_status ax_container_add(struct ax_commit *commit, const char *path, const struct ax_section_data *sections, int count,
                                struct ax_error *err);

#endif
