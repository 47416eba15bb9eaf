/* JSON: reading with checks that say where they failed, writing that gives the same text for the same calls.
 *
 * Reading: a document, and cursors into it that know their path. The first failed check is kept in doc->err; after that every
 * call answers with its default, so that a reader asks for everything and looks at ax_json_status once:
 *
 *     struct ax_json_doc doc;
 *     if (ax_json_open(path, 1 << 20, &doc, err)) return err->status;
 *     struct ax_json root = ax_json_root(&doc);
 *     const char *name = ax_json_text(ax_json_need(root, "name"), "");
 *     int64_t width = ax_json_int(ax_json_get(root, "width"), 1, 65536, 640);
 *     enum ax_status s = ax_json_status(&doc);
 *     ax_json_close(&doc);        // strings die with the document
 */
#ifndef AX_BASE_JSON_H
#define AX_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct json_t;

struct ax_json_doc {
    struct json_t *root;
    const char *file; /* for messages */
    struct ax_arena mem;
    struct ax_error *err;
    enum ax_status status;
};

/* A value, and the path to it: "$.preprocessing[1].width". v NULL: absent. */
struct ax_json {
    struct json_t *v;
    const char *path;
    struct ax_json_doc *doc;
};

/* AX_FORMAT with file, line and column for what is not JSON; duplicate keys are refused. err must outlive the document. */
enum ax_status ax_json_open(const char *path, size_t max_bytes, struct ax_json_doc *doc, struct ax_error *err);
enum ax_status ax_json_parse(const char *text, size_t bytes, const char *file, struct ax_json_doc *doc, struct ax_error *err);
void ax_json_close(struct ax_json_doc *doc); /* also after a failed open */
static inline enum ax_status ax_json_status(const struct ax_json_doc *doc)
{
    return doc->status;
}

struct ax_json ax_json_root(struct ax_json_doc *doc);
struct ax_json ax_json_get(struct ax_json object, const char *key);  /* absent is fine; not an object is an error */
struct ax_json ax_json_need(struct ax_json object, const char *key); /* absent is an error */
static inline bool ax_json_there(struct ax_json j)
{
    return j.v != NULL;
}
bool ax_json_is_object(struct ax_json j);
bool ax_json_is_array(struct ax_json j);
bool ax_json_is_text(struct ax_json j);
bool ax_json_is_number(struct ax_json j);

/* Values; `otherwise` where absent. A wrong type or a value outside [low, high] is an error. */
const char *ax_json_text(struct ax_json j, const char *otherwise);
int64_t ax_json_int(struct ax_json j, int64_t low, int64_t high, int64_t otherwise);
double ax_json_number(struct ax_json j, double low, double high, double otherwise);
bool ax_json_bool(struct ax_json j, bool otherwise);
/* Index of the word in the NULL-terminated list; others are an error that names the nearest. */
int ax_json_word(struct ax_json j, const char *const *words, int otherwise);

int ax_json_count(struct ax_json array); /* 0 where absent; not an array is an error */
struct ax_json ax_json_at(struct ax_json array, int i);
/* Up to max numbers of an array; returns how many, 0 where absent. More than max is an error. */
int ax_json_numbers(struct ax_json array, double low, double high, double *out, int max);
/* Members of an object in the order of the file: start with iterator NULL, ends with NULL; *key belongs to the document. */
void *ax_json_next(struct ax_json object, void *iterator, const char **key, struct ax_json *member);

/* Every key of the object must be in the NULL-terminated list; keys that begin with '_' or '$' are comments. */
void ax_json_only(struct ax_json object, const char *const *keys);
/* Records "FILE: PATH: message" unless an earlier failure stands. */
void ax_json_fail(struct ax_json j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* -- writing: keys in the order of the calls, two blanks a level; key NULL inside arrays -- */

struct ax_json_writer;
struct ax_json_writer *ax_jw_new(void);
void ax_jw_object(struct ax_json_writer *w, const char *key);
void ax_jw_array(struct ax_json_writer *w, const char *key);
void ax_jw_line(struct ax_json_writer *w); /* the object or array just begun, and all in it, stays on one line */
void ax_jw_end(struct ax_json_writer *w);  /* of the innermost object or array */
void ax_jw_text(struct ax_json_writer *w, const char *key, const char *s); /* NULL writes null; bad UTF-8 becomes U+FFFD */
void ax_jw_int(struct ax_json_writer *w, const char *key, int64_t v);
void ax_jw_float(struct ax_json_writer *w, const char *key, float v);   /* shortest text that reads back as the same float */
void ax_jw_double(struct ax_json_writer *w, const char *key, double v); /* ... double; not finite: null */
void ax_jw_bool(struct ax_json_writer *w, const char *key, bool v);
void ax_jw_null(struct ax_json_writer *w, const char *key);
void ax_jw_ints(struct ax_json_writer *w, const char *key, const int64_t *v, int count);
void ax_jw_ints32(struct ax_json_writer *w, const char *key, const int32_t *v, int count);
void ax_jw_floats(struct ax_json_writer *w, const char *key, const float *v, int count);
/* JSON text that stands already, as a value. It must be valid; it is indented to fit. */
void ax_jw_raw(struct ax_json_writer *w, const char *key, const char *json);
char *ax_jw_finish(struct ax_json_writer *w); /* the text, from malloc, ending with a newline; releases w */

#endif
