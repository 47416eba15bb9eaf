#include "files/container.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/file.h"
#include "base/hash.h"
#include "files/container_layout.h"

/* -- header and table -- */

static enum ax_status not_one(const void *file, size_t bytes, struct ax_error *err)
{
    const char *kind = ax_file_kind(file, bytes);
    return ax_fail(err, AX_FORMAT, "not an .axmodel, as axcompile writes it: %s%s",
                   kind ? "it is " : "it does not begin as one", kind ? kind : "");
}

static enum ax_status check_header(const struct header *h, size_t bytes, struct ax_error *err)
{
    if (bytes < sizeof *h || memcmp(h->magic, magic, sizeof magic)) return not_one(h, bytes, err);
    if (h->checksum != ax_hash64(h, offsetof(struct header, checksum)))
        return ax_fail(err, AX_FORMAT, "the header is damaged: its checksum does not fit");
    if (h->major > AX_FILE_MAJOR)
        return ax_fail(err, AX_VERSION, "format version %d.%d is newer than %d.%d, which this program reads; update Axon",
                       h->major, h->minor, AX_FILE_MAJOR, AX_FILE_MINOR);
    if (h->file_bytes != bytes)
        return ax_fail(err, AX_FORMAT, "the file is %s: %zu bytes, its header says %llu",
                       bytes < h->file_bytes ? "cut short" : "too long", bytes, (unsigned long long)h->file_bytes);
    if (h->n_sections > AX_FILE_MAX_SECTIONS || sizeof *h + sizeof(struct row) * (size_t)h->n_sections > bytes)
        return ax_fail(err, AX_FORMAT, "%u sections do not fit into the file", h->n_sections);
    return AX_OK;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static enum ax_status check_row(const struct row *r, int i, const uint8_t *file, uint64_t *end, uint64_t bytes,
                                struct ax_error *err)
{
    char name[8];
    ax_section_text(r->type, name);
    if (r->compression > AX_COMPRESSION_ZSTD)
        return ax_fail(err, AX_VERSION, "section %d (%s): compression %u is unknown; update Axon", i, name, r->compression);
    if (r->offset % AX_FILE_ALIGN || r->offset < *end || r->offset > bytes || r->stored_bytes > bytes - r->offset)
        return ax_fail(err, AX_FORMAT, "section %d (%s): offset %llu and size %llu do not fit", i, name,
                       (unsigned long long)r->offset, (unsigned long long)r->stored_bytes);
    if (r->compression == AX_COMPRESSION_NONE && r->raw_bytes != r->stored_bytes)
        return ax_fail(err, AX_FORMAT, "section %d (%s): raw and stored size differ without compression", i, name);
    if (r->raw_bytes > FREE_EXPANSION && r->raw_bytes / MAX_EXPANSION > r->stored_bytes)
        return ax_fail(err, AX_FORMAT, "section %d (%s): %llu bytes cannot come from %llu", i, name,
                       (unsigned long long)r->raw_bytes, (unsigned long long)r->stored_bytes);
    if (!all_zero(file + *end, r->offset - *end))
        return ax_fail(err, AX_FORMAT, "the gap before section %d (%s) is not zero", i, name);
    *end = r->offset + r->stored_bytes;
    return AX_OK;
}

static enum ax_status read_table(struct ax_container *c, struct ax_error *err)
{
    const struct header *h = (const struct header *)c->file.data;
    enum ax_status s = check_header(h, c->file.bytes, err);
    if (s) return s;
    const struct row *rows = (const struct row *)(h + 1);
    uint64_t end = sizeof *h + sizeof *rows * h->n_sections;
    if (h->table_checksum != ax_hash64(rows, end - sizeof *h))
        return ax_fail(err, AX_FORMAT, "the section table is damaged: its checksum does not fit");
    c->major = h->major;
    c->minor = h->minor;
    c->sections = calloc(h->n_sections + 1, sizeof *c->sections);
    c->unpacked = calloc(h->n_sections + 1, sizeof *c->unpacked);
    if (!c->sections || !c->unpacked) return ax_fail(err, AX_NO_MEMORY, "out of memory");
    c->n_sections = (int)h->n_sections;
    for (int i = 0; !s && i < c->n_sections; i++) {
        const struct row *r = &rows[i];
        s = check_row(r, i, c->file.data, &end, c->file.bytes, err);
        c->sections[i] = (struct ax_section){r->type, r->compression, r->offset, r->stored_bytes, r->raw_bytes, r->checksum};
    }
    if (!s && !all_zero(c->file.data + end, c->file.bytes - end))
        s = ax_fail(err, AX_FORMAT, "what follows the last section is not zero");
    return s;
}

enum ax_status ax_container_open_memory(const uint8_t *data, size_t bytes, struct ax_container *c, struct ax_error *err)
{
    *c = (struct ax_container){.file = {data, bytes}, .borrowed = true};
    return read_table(c, err);
}

enum ax_status ax_container_open(const char *path, struct ax_container *c, struct ax_error *err)
{
    *c = (struct ax_container){0};
    enum ax_status s = ax_file_map(path, &c->file, err);
    if (!s && read_table(c, err)) s = ax_fail_in(err, "%s", path);
    return s;
}

void ax_container_close(struct ax_container *c)
{
    for (int i = 0; c->unpacked && i < c->n_sections; i++) free(c->unpacked[i]);
    free(c->unpacked);
    free(c->sections);
    if (!c->borrowed) ax_file_unmap(&c->file);
    *c = (struct ax_container){0};
}

/* -- sections -- */

int ax_container_find(const struct ax_container *c, uint32_t type)
{
    for (int i = 0; i < c->n_sections; i++)
        if (c->sections[i].type == type) return i;
    return -1;
}

bool ax_container_intact(const struct ax_container *c, int section)
{
    const struct ax_section *s = &c->sections[section];
    return ax_hash64(c->file.data + s->offset, s->stored_bytes) == s->checksum;
}

static enum ax_status unpack(struct ax_container *c, int section, const char *name, struct ax_error *err)
{
    const struct ax_section *s = &c->sections[section];
    const uint8_t *src = c->file.data + s->offset;
    size_t size = (s->raw_bytes + AX_FILE_TAIL + 63) & ~(size_t)63;
    uint8_t *p = aligned_alloc(AX_FILE_ALIGN, size);
    if (!p) return ax_fail(err, AX_NO_MEMORY, "section %s: no memory for %zu bytes", name, size);
    size_t n = s->stored_bytes;
    if (s->compression == AX_COMPRESSION_ZSTD)
        n = ZSTD_decompress(p, s->raw_bytes, src, s->stored_bytes);
    else
        memcpy(p, src, n);
    if (ZSTD_isError(n) || n != s->raw_bytes) {
        free(p);
        return ax_fail(err, AX_FORMAT, "section %s: does not decompress: %s", name,
                       ZSTD_isError(n) ? ZSTD_getErrorName(n) : "its size differs from the table's");
    }
    memset(p + n, 0, size - n);
    c->unpacked[section] = p;
    return AX_OK;
}

enum ax_status ax_container_load(struct ax_container *c, int section, bool trust, const uint8_t **data, size_t *bytes,
                                 struct ax_error *err)
{
    const struct ax_section *s = &c->sections[section];
    char name[8];
    ax_section_text(s->type, name);
    if (!trust && !c->unpacked[section] && !ax_container_intact(c, section))
        return ax_fail(err, AX_FORMAT, "section %s is damaged: its checksum does not fit", name);
    *bytes = s->raw_bytes;
    *data = c->file.data + s->offset;
    bool in_place = s->compression == AX_COMPRESSION_NONE && !((uintptr_t)*data % AX_FILE_ALIGN) &&
                    c->file.bytes - s->offset - s->stored_bytes >= AX_FILE_TAIL;
    if (in_place) return AX_OK;
    enum ax_status st = c->unpacked[section] ? AX_OK : unpack(c, section, name, err);
    *data = c->unpacked[section];
    return st;
}

char *ax_section_text(uint32_t type, char buf[8])
{
    for (int i = 0; i < 4; i++) {
        char ch = (char)(type >> 8 * i);
        buf[i] = ch >= ' ' && ch <= '~' ? ch : '.';
    }
    buf[4] = 0;
    return buf;
}
