/* Files: read whole, map read-only, write so that a reader sees the old file or the new one and never half of one. */
#ifndef AX_BASE_FILE_H
#define AX_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* -- reading -- */

/* The whole file in memory from malloc, with a zero byte behind it (not counted). Larger than max_bytes: AX_FORMAT. */
enum ax_status ax_file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes, struct ax_error *err);

/* A regular file mapped read-only. An empty file has data NULL and bytes 0. Unmapping a zeroed one is fine. */
struct ax_mapping {
    const uint8_t *data;
    size_t bytes;
};
enum ax_status ax_file_map(const char *path, struct ax_mapping *out, struct ax_error *err);
void ax_file_unmap(struct ax_mapping *m);

/* What a file seems to be by its first bytes, for messages ("a PNG picture", "empty"); NULL: nothing known. */
const char *ax_file_kind(const void *data, size_t bytes);

bool ax_file_exists(const char *path); /* anything by that name */
bool ax_dir_exists(const char *path);
const char *ax_temp_dir(void); /* $TMPDIR, else the system's folder for temporary files */

/* -- writing: one or several files in one commit --
 *
 *     struct ax_commit *c = ax_commit_new();
 *     s = ax_commit_add(c, "out/model.axmodel", data, bytes, err);
 *     if (!s) s = ax_commit_add(c, "out/manifest.json", ...);
 *     if (!s) s = ax_commit_finish(c, err);
 *     ax_commit_free(c);       // what was not finished leaves nothing behind
 *
 * Each file is written completely into a temporary file beside its place and synced; ax_commit_finish renames them all. A
 * full disk thus shows before anything is replaced. */
struct ax_commit;
struct ax_commit *ax_commit_new(void);
/* Makes the folder and those above it, once a commit; what was not there goes again unless the commit is finished. */
enum ax_status ax_commit_dir(struct ax_commit *c, const char *path, struct ax_error *err);
enum ax_status ax_commit_add(struct ax_commit *c, const char *path, const void *data, size_t bytes, struct ax_error *err);
struct ax_part {
    const void *data;
    size_t bytes;
};
/* One file from several pieces of memory. */
enum ax_status ax_commit_add_parts(struct ax_commit *c, const char *path, const struct ax_part *parts, int count,
                                   struct ax_error *err);
enum ax_status ax_commit_add_text(struct ax_commit *c, const char *path, const char *text, struct ax_error *err);
enum ax_status ax_commit_finish(struct ax_commit *c, struct ax_error *err);
void ax_commit_free(struct ax_commit *c); /* NULL is fine */

/* One file in a commit of its own. */
enum ax_status ax_file_write(const char *path, const void *data, size_t bytes, struct ax_error *err);
enum ax_status ax_file_write_parts(const char *path, const struct ax_part *parts, int count, struct ax_error *err);
enum ax_status ax_file_write_text(const char *path, const char *text, struct ax_error *err);

/* Makes the folder and those above it that are missing. */
enum ax_status ax_dir_make(const char *path, struct ax_error *err);

/* -- paths: results are in the arena -- */

char *ax_path_join(struct ax_arena *mem, const char *dir, const char *name); /* name alone if it is absolute or dir is "" */
char *ax_path_dir(struct ax_arena *mem, const char *path);                   /* "a/b" of "a/b/c", "." of "c", "/" of "/c" */
const char *ax_path_base(const char *path);                                  /* "c.d" of "a/b/c.d" */
char *ax_path_stem(struct ax_arena *mem, const char *path);                  /* "c" of "a/b/c.d", ".d" of ".d" */
bool ax_path_has_ext(const char *path, const char *ext);                     /* ext with its dot; case is ignored */
/* "../../a/b.onnx": from folder `dir` to `path`, both of which exist; path itself where they do not. */
const char *ax_path_relative(struct ax_arena *mem, const char *dir, const char *path);
/* Whether a name from a file stays below the folder it is relative to: not absolute, no "..", not empty. */
bool ax_path_is_inside(const char *name);

#endif
