/* NumPy's files: .npy arrays and .npz archives of them. Little-endian numbers and booleans; C or Fortran order is read, C order
 * is written. float16 arrives as float32. */
#ifndef AX_BASE_NPY_H
#define AX_BASE_NPY_H

#include "base/status.h"
#include "base/types.h"

struct ax_array {
    char *name; /* in an .npz: without ".npy"; NULL for a lone .npy */
    enum ax_dtype dtype;
    struct ax_shape shape;
    void *data; /* row-major, 64-byte aligned, never NULL */
    size_t bytes;
};

struct ax_arrays {
    struct ax_array *item;
    int count;
};

/* Room for an array; name may be NULL. Zeroed. */
enum ax_status ax_array_new(const char *name, enum ax_dtype t, const struct ax_shape *shape, struct ax_array *out,
                            struct ax_error *err);
void ax_array_free(struct ax_array *a); /* also of a zeroed one */
/* Appends; takes over what `a` holds. */
void ax_arrays_add(struct ax_arrays *all, struct ax_array *a);
void ax_arrays_free(struct ax_arrays *all);
struct ax_array *ax_arrays_find(const struct ax_arrays *all, const char *name); /* NULL if there is none */

enum ax_status ax_npy_parse(const void *data, size_t bytes, struct ax_array *out, struct ax_error *err);
enum ax_status ax_npy_read(const char *path, struct ax_array *out, struct ax_error *err);
enum ax_status ax_npz_parse(const void *data, size_t bytes, struct ax_arrays *out, struct ax_error *err);
enum ax_status ax_npz_read(const char *path, struct ax_arrays *out, struct ax_error *err);

/* Written atomically, with fixed times: same arrays, same bytes. .npz entries are stored without compression. */
enum ax_status ax_npy_write(const char *path, const struct ax_array *a, struct ax_error *err);
enum ax_status ax_npz_write(const char *path, const struct ax_arrays *all, struct ax_error *err);

/* The header that stands before an array's data in a .npy; returns its length, a multiple of 64. */
enum { AX_NPY_HEADER = 512 };
size_t ax_npy_header(const struct ax_array *a, char buf[AX_NPY_HEADER]);

#endif
