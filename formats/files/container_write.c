#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/hash.h"
#include "files/container.h"
#include "files/container_layout.h"

enum { ZSTD_LEVEL = 9, MAX_PARTS = 2 * AX_FILE_MAX_SECTIONS + 3 };

static const uint8_t zeros[AX_FILE_TAIL];

/* Stores a section as zstd where that makes it smaller (and its reader's limits allow it); *packed is from malloc or NULL. */
static void compress(const struct ax_section_data *in, struct row *r, void **packed)
{
    size_t cap = ZSTD_compressBound(in->bytes);
    void *p = malloc(cap ? cap : 1);
    size_t n = p ? ZSTD_compress(p, cap, in->data, in->bytes, ZSTD_LEVEL) : in->bytes;
    if (!p || ZSTD_isError(n) || n >= in->bytes || (in->bytes > FREE_EXPANSION && in->bytes / MAX_EXPANSION > n)) {
        free(p);
        return;
    }
    *packed = p;
    r->compression = AX_COMPRESSION_ZSTD;
    r->stored_bytes = n;
}

static void fill_header(struct header *h, const struct row *rows, int count, uint64_t file_bytes)
{
    *h = (struct header){
        .major = AX_FILE_MAJOR, .minor = AX_FILE_MINOR, .n_sections = (uint32_t)count, .file_bytes = file_bytes};
    memcpy(h->magic, magic, sizeof magic);
    h->table_checksum = ax_hash64(rows, sizeof *rows * (size_t)count);
    h->checksum = ax_hash64(h, offsetof(struct header, checksum));
}

enum ax_status ax_container_add(struct ax_commit *commit, const char *path, const struct ax_section_data *sections, int count,
                                struct ax_error *err)
{
    struct header h;
    struct row rows[AX_FILE_MAX_SECTIONS] = {0};
    void *packed[AX_FILE_MAX_SECTIONS] = {0};
    struct ax_part parts[MAX_PARTS];
    int n = 0;
    if (count > AX_FILE_MAX_SECTIONS) return ax_fail(err, AX_INTERNAL, "%s: %d sections are too many", path, count);
    uint64_t at = sizeof h + sizeof *rows * (size_t)count;
    parts[n++] = (struct ax_part){&h, sizeof h};
    parts[n++] = (struct ax_part){rows, sizeof *rows * (size_t)count};
    for (int i = 0; i < count; i++) {
        const struct ax_section_data *in = &sections[i];
        struct row *r = &rows[i];
        uint64_t gap = -at % AX_FILE_ALIGN;
        *r = (struct row){.type = in->type, .offset = at + gap, .stored_bytes = in->bytes, .raw_bytes = in->bytes};
        if (in->compress) compress(in, r, &packed[i]);
        const void *data = packed[i] ? packed[i] : in->data;
        r->checksum = ax_hash64(data, r->stored_bytes);
        parts[n++] = (struct ax_part){zeros, gap};
        parts[n++] = (struct ax_part){data, r->stored_bytes};
        at = r->offset + r->stored_bytes;
    }
    parts[n++] = (struct ax_part){zeros, AX_FILE_TAIL};
    fill_header(&h, rows, count, at + AX_FILE_TAIL);
    enum ax_status s = ax_commit_add_parts(commit, path, parts, n, err);
    for (int i = 0; i < count; i++) free(packed[i]);
    return s;
}
