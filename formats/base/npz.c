/* .npz: a zip archive of .npy files. */
#include <stdlib.h>
#include <string.h>

#include <zip.h>

#include "base/file.h"
#include "base/npy.h"

enum { DEFLATE_RATIO = 1040, MAX_ENTRIES = 65536 };
static const uint64_t max_total = (uint64_t)16 << 30;

/* -- reading -- */

static enum ax_status fail_zip(struct ax_error *err, zip_error_t *e, const char *what)
{
    return ax_fail(err, AX_FORMAT, "%s: %s", what, zip_error_strerror(e));
}

/* An entry larger than its compressed bytes can make is a lie or a trap. */
static enum ax_status entry_size(zip_t *z, zip_uint64_t i, uint64_t *total, zip_stat_t *st, struct ax_error *err)
{
    zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(z, i, 0, st) || (st->valid & needed) != needed)
        return ax_fail(err, AX_FORMAT, "entry %llu of the .npz cannot be read", (unsigned long long)i);
    if (st->size > max_total - *total || st->size / DEFLATE_RATIO > st->comp_size + 1)
        return ax_fail(err, AX_FORMAT, "entry '%s' of the .npz: %llu bytes are too many", st->name,
                       (unsigned long long)st->size);
    *total += st->size;
    return AX_OK;
}

static enum ax_status read_entry(zip_t *z, zip_uint64_t i, const zip_stat_t *st, struct ax_arrays *out, struct ax_error *err)
{
    struct ax_array a = {0};
    size_t name = strlen(st->name);
    uint8_t *data = malloc(st->size + 1);
    zip_file_t *f = data ? zip_fopen_index(z, i, 0) : NULL;
    enum ax_status s = AX_OK;
    if (!data)
        s = ax_fail(err, AX_NO_MEMORY, "no memory for %llu bytes", (unsigned long long)st->size);
    else if (!f)
        s = fail_zip(err, zip_get_error(z), "cannot be opened");
    else if (zip_fread(f, data, st->size) != (zip_int64_t)st->size || zip_fread(f, data + st->size, 1) != 0)
        s = fail_zip(err, zip_file_get_error(f), "its data is damaged");
    if (!s) s = ax_npy_parse(data, st->size, &a, err);
    if (s) ax_fail_in(err, "entry '%.100s' of the .npz", st->name);
    if (!s) {
        a.name = strndup(st->name, ax_path_has_ext(st->name, ".npy") ? name - 4 : name);
        if (ax_arrays_find(out, a.name))
            s = ax_fail(err, AX_FORMAT, "the .npz has two entries '%.100s'", a.name);
        else
            ax_arrays_add(out, &a);
    }
    ax_array_free(&a);
    if (f) zip_fclose(f);
    free(data);
    return s;
}

static enum ax_status read_archive(zip_t *z, struct ax_arrays *out, struct ax_error *err)
{
    zip_int64_t n = zip_get_num_entries(z, 0);
    uint64_t total = 0;
    enum ax_status s = AX_OK;
    if (n > MAX_ENTRIES)
        return ax_fail(err, AX_FORMAT, "the .npz has %lld entries; at most %d are accepted", (long long)n, MAX_ENTRIES);
    for (zip_int64_t i = 0; !s && i < n; i++) {
        zip_stat_t st;
        zip_stat_init(&st);
        s = entry_size(z, (zip_uint64_t)i, &total, &st, err);
        if (!s) s = read_entry(z, (zip_uint64_t)i, &st, out, err);
    }
    return s;
}

enum ax_status ax_npz_parse(const void *data, size_t bytes, struct ax_arrays *out, struct ax_error *err)
{
    zip_error_t e;
    *out = (struct ax_arrays){0};
    if (bytes < 22) return ax_fail(err, AX_FORMAT, "not an .npz archive: %zu bytes are too few", bytes);
    zip_error_init(&e);
    zip_source_t *src = zip_source_buffer_create(data, bytes, 0, &e);
    zip_t *z = src ? zip_open_from_source(src, ZIP_RDONLY, &e) : NULL;
    enum ax_status s = z ? read_archive(z, out, err) : fail_zip(err, &e, "not an .npz archive");
    if (z)
        zip_discard(z);
    else
        zip_source_free(src);
    if (s) ax_arrays_free(out);
    zip_error_fini(&e);
    return s;
}

enum ax_status ax_npz_read(const char *path, struct ax_arrays *out, struct ax_error *err)
{
    struct ax_mapping m;
    *out = (struct ax_arrays){0};
    enum ax_status s = ax_file_map(path, &m, err);
    if (!s && ax_npz_parse(m.data, m.bytes, out, err)) s = ax_fail_in(err, "%s", path);
    ax_file_unmap(&m);
    return s;
}

/* -- writing -- */

static enum ax_status add_entry(zip_t *z, const struct ax_array *a, struct ax_error *err)
{
    char header[AX_NPY_HEADER], *name = NULL;
    size_t n = ax_npy_header(a, header);
    uint8_t *data = malloc(n + a->bytes);
    if (!data || asprintf(&name, "%s.npy", a->name ? a->name : "array") < 0) {
        free(data);
        return ax_fail(err, AX_NO_MEMORY, "no memory for %zu bytes", a->bytes);
    }
    memcpy(data, header, n);
    memcpy(data + n, a->data, a->bytes);
    zip_source_t *src = zip_source_buffer(z, data, n + a->bytes, 1);
    zip_int64_t i = src ? zip_file_add(z, name, src, ZIP_FL_ENC_UTF_8) : -1;
    if (!src)
        free(data);
    else if (i < 0) /* NOLINT(clang-analyzer-unix.Malloc): libzip frees the data */
        zip_source_free(src);
    free(name);
    bool good = i >= 0 && !zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_STORE, 0) &&
                !zip_file_set_dostime(z, (zip_uint64_t)i, 0, 33, 0); /* 1980-01-01 */
    return good ? AX_OK : fail_zip(err, zip_get_error(z), "cannot make the .npz");
}

static enum ax_status write_source(const char *path, zip_source_t *src, struct ax_error *err)
{
    zip_stat_t st;
    zip_stat_init(&st);
    uint8_t *data = zip_source_stat(src, &st) ? NULL : malloc(st.size + 1);
    if (!data) return ax_fail(err, AX_NO_MEMORY, "%s: no memory", path);
    enum ax_status s = AX_OK;
    if (zip_source_open(src) || zip_source_read(src, data, st.size) != (zip_int64_t)st.size)
        s = fail_zip(err, zip_source_error(src), path);
    zip_source_close(src);
    if (!s) s = ax_file_write(path, data, st.size, err);
    free(data);
    return s;
}

enum ax_status ax_npz_write(const char *path, const struct ax_arrays *all, struct ax_error *err)
{
    zip_error_t e;
    zip_error_init(&e);
    enum ax_status s = AX_OK;
    zip_source_t *src = zip_source_buffer_create(NULL, 0, 0, &e);
    zip_t *z = src ? zip_open_from_source(src, ZIP_TRUNCATE, &e) : NULL;
    if (!z) {
        s = fail_zip(err, &e, path);
        zip_source_free(src);
        zip_error_fini(&e);
        return s;
    }
    zip_source_keep(src);
    for (int i = 0; !s && i < all->count; i++) s = add_entry(z, &all->item[i], err);
    if (!s && zip_close(z)) s = fail_zip(err, zip_get_error(z), path);
    if (s)
        zip_discard(z);
    else
        s = write_source(path, src, err);
    zip_source_free(src);
    zip_error_fini(&e);
    return s;
}
