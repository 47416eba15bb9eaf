#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"

/* -- documents -- */

enum ax_status ax_json_parse(const char *text, size_t bytes, const char *file, struct ax_json_doc *doc, struct ax_error *err)
{
    json_error_t e;
    *doc = (struct ax_json_doc){.err = err};
    ax_arena_init(&doc->mem);
    doc->file = ax_arena_str(&doc->mem, file);
    doc->root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (doc->root) return AX_OK;
    const char *kind = ax_file_kind(text, bytes);
    if (kind && strcmp(kind, "JSON") != 0 && strcmp(kind, "text") != 0)
        doc->status = ax_fail(err, AX_FORMAT, "%s: not JSON: it is %s", file, kind);
    else
        doc->status = ax_fail(err, AX_FORMAT, "%s:%d:%d: not valid JSON: %s", file, e.line, e.column, e.text);
    return doc->status;
}

enum ax_status ax_json_open(const char *path, size_t max_bytes, struct ax_json_doc *doc, struct ax_error *err)
{
    uint8_t *data = NULL;
    size_t n;
    *doc = (struct ax_json_doc){.err = err};
    doc->status = ax_file_read(path, max_bytes, &data, &n, err);
    if (doc->status) return doc->status;
    enum ax_status s = ax_json_parse((const char *)data, n, path, doc, err);
    free(data);
    return s;
}

void ax_json_close(struct ax_json_doc *doc)
{
    json_decref(doc->root);
    ax_arena_free(&doc->mem);
    doc->root = NULL;
}

void ax_json_fail(struct ax_json j, const char *fmt, ...)
{
    va_list ap;
    if (j.doc->status) return;
    va_start(ap, fmt);
    j.doc->status = ax_vfail(j.doc->err, AX_FORMAT, fmt, ap);
    va_end(ap);
    ax_fail_in(j.doc->err, "%s: %s", j.doc->file, j.path);
}

/* -- cursors -- */

struct ax_json ax_json_root(struct ax_json_doc *doc)
{
    return (struct ax_json){doc->root, "$", doc};
}

static const char *kind(struct ax_json j)
{
    switch (json_typeof(j.v)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

static void wrong_kind(struct ax_json j, const char *expected)
{
    ax_json_fail(j, "is %s; %s is expected", kind(j), expected);
}

struct ax_json ax_json_get(struct ax_json o, const char *key)
{
    struct ax_json j = {NULL, "", o.doc};
    if (!o.v || o.doc->status) return j;
    j.path = ax_arena_printf(&o.doc->mem, "%s.%s", o.path, key);
    if (!json_is_object(o.v))
        wrong_kind(o, "an object");
    else
        j.v = json_object_get(o.v, key);
    return j;
}

struct ax_json ax_json_need(struct ax_json o, const char *key)
{
    struct ax_json j = ax_json_get(o, key);
    if (!j.v && o.v) ax_json_fail(o, "\"%s\" is missing", key);
    return j;
}

bool ax_json_is_object(struct ax_json j)
{
    return json_is_object(j.v);
}

bool ax_json_is_array(struct ax_json j)
{
    return json_is_array(j.v);
}

bool ax_json_is_text(struct ax_json j)
{
    return json_is_string(j.v);
}

bool ax_json_is_number(struct ax_json j)
{
    return json_is_number(j.v);
}

const char *ax_json_text(struct ax_json j, const char *otherwise)
{
    if (!j.v || j.doc->status) return otherwise;
    if (json_is_string(j.v)) return json_string_value(j.v);
    wrong_kind(j, "a string");
    return otherwise;
}

int64_t ax_json_int(struct ax_json j, int64_t low, int64_t high, int64_t otherwise)
{
    if (!j.v || j.doc->status) return otherwise;
    int64_t v = json_integer_value(j.v);
    if (json_is_integer(j.v) && v >= low && v <= high) return v;
    if (json_is_integer(j.v))
        ax_json_fail(j, "%lld is out of range; an integer of %lld..%lld is expected", (long long)v, (long long)low,
                     (long long)high);
    else
        wrong_kind(j, "an integer");
    return otherwise;
}

double ax_json_number(struct ax_json j, double low, double high, double otherwise)
{
    if (!j.v || j.doc->status) return otherwise;
    double v = json_number_value(j.v);
    if (json_is_number(j.v) && v >= low && v <= high) return v;
    if (json_is_number(j.v))
        ax_json_fail(j, "%g is out of range; a number of %g..%g is expected", v, low, high);
    else
        wrong_kind(j, "a number");
    return otherwise;
}

bool ax_json_bool(struct ax_json j, bool otherwise)
{
    if (!j.v || j.doc->status) return otherwise;
    if (json_is_boolean(j.v)) return json_is_true(j.v);
    wrong_kind(j, "true or false");
    return otherwise;
}

static char *listed(struct ax_json j, const char *const *words)
{
    char *s = ax_arena_str(&j.doc->mem, "");
    for (int i = 0; words[i]; i++) s = ax_arena_printf(&j.doc->mem, "%s%s%s", s, i ? ", " : "", words[i]);
    return s;
}

int ax_json_word(struct ax_json j, const char *const *words, int otherwise)
{
    const char *s = ax_json_text(j, NULL);
    if (!s) return otherwise;
    for (int i = 0; words[i]; i++)
        if (!strcmp(s, words[i])) return i;
    const char *near = ax_nearest(s, words);
    if (near)
        ax_json_fail(j, "'%.60s' is not known; did you mean '%s'?", s, near);
    else
        ax_json_fail(j, "'%.60s' is not known; one of %s is expected", s, listed(j, words));
    return otherwise;
}

int ax_json_count(struct ax_json a)
{
    if (!a.v || a.doc->status) return 0;
    if (json_is_array(a.v) && json_array_size(a.v) < INT32_MAX) return (int)json_array_size(a.v);
    wrong_kind(a, "an array");
    return 0;
}

struct ax_json ax_json_at(struct ax_json a, int i)
{
    struct ax_json j = {NULL, "", a.doc};
    if (a.doc->status || i >= ax_json_count(a)) return j;
    j.path = ax_arena_printf(&a.doc->mem, "%s[%d]", a.path, i);
    j.v = json_array_get(a.v, (size_t)i);
    return j;
}

int ax_json_numbers(struct ax_json a, double low, double high, double *out, int max)
{
    int n = ax_json_count(a);
    if (n > max) {
        ax_json_fail(a, "has %d entries; at most %d are expected", n, max);
        return 0;
    }
    for (int i = 0; i < n; i++) out[i] = ax_json_number(ax_json_at(a, i), low, high, 0);
    return n;
}

void *ax_json_next(struct ax_json o, void *iterator, const char **key, struct ax_json *member)
{
    if (!o.v || o.doc->status || !json_is_object(o.v)) return NULL;
    iterator = iterator ? json_object_iter_next(o.v, iterator) : json_object_iter(o.v);
    if (!iterator) return NULL;
    *key = json_object_iter_key(iterator);
    *member = (struct ax_json){json_object_iter_value(iterator), ax_arena_printf(&o.doc->mem, "%s.%s", o.path, *key), o.doc};
    return iterator;
}

static bool among(const char *s, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(s, words[i])) return true;
    return false;
}

void ax_json_only(struct ax_json o, const char *const *keys)
{
    const char *key;
    struct ax_json member;
    for (void *it = NULL; (it = ax_json_next(o, it, &key, &member));) {
        if (*key == '_' || *key == '$' || among(key, keys)) continue;
        const char *near = ax_nearest(key, keys);
        if (near)
            ax_json_fail(member, "is not known here; did you mean \"%s\"?", near);
        else
            ax_json_fail(member, "is not known here; expected are %s", listed(o, keys));
    }
}
