#include "files/modeljson.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

enum { MAX_BYTES = 4 << 20, MAX_STEPS = 1000, MAX_BRANCHES = 1000, MAX_NUMBERS = 100000, MAX_KEYS = 32 };

/* -- parameters -- */

static const char **split_words(struct ax_arena *mem, const char *words)
{
    const char **list = AX_NEW(mem, const char *, MAX_KEYS);
    for (int i = 0; i + 1 < MAX_KEYS; i++) {
        size_t n = strcspn(words, "|");
        list[i] = ax_arena_strn(mem, words, n);
        if (!words[n]) break;
        words += n + 1;
    }
    return list;
}

static void parse_numbers(struct ax_descriptor *p, struct ax_json j, const struct ax_param_row *row, struct ax_param *out)
{
    bool one = ax_json_is_number(j);
    out->count = one ? 1 : ax_json_count(j);
    if (out->count > MAX_NUMBERS) ax_json_fail(j, "has %d entries; at most %d are expected", out->count, MAX_NUMBERS);
    if (ax_json_status(j.doc)) return;
    double *v = AX_NEW(&p->mem, double, out->count);
    for (int i = 0; i < out->count; i++) v[i] = ax_json_number(one ? j : ax_json_at(j, i), row->low, row->high, 0);
    out->numbers = v;
}

static void parse_texts(struct ax_descriptor *p, struct ax_json j, struct ax_param *out)
{
    out->count = ax_json_count(j);
    const char **v = AX_NEW(&p->mem, const char *, out->count);
    for (int i = 0; i < out->count; i++) v[i] = ax_arena_str(&p->mem, ax_json_text(ax_json_at(j, i), ""));
    out->texts = v;
}

static void parse_param(struct ax_descriptor *p, struct ax_json step, const struct ax_param_row *row, struct ax_param *out)
{
    struct ax_json j = row->required ? ax_json_need(step, row->name) : ax_json_get(step, row->name);
    *out = (struct ax_param){.given = ax_json_there(j), .number = row->otherwise};
    if (!out->given) return;
    switch (row->kind) {
    case AX_PARAM_INT: out->number = (double)ax_json_int(j, (int64_t)row->low, (int64_t)row->high, 0); break;
    case AX_PARAM_NUMBER: out->number = ax_json_number(j, row->low, row->high, 0); break;
    case AX_PARAM_BOOL: out->number = ax_json_bool(j, false); break;
    case AX_PARAM_WORD:
        out->number = ax_json_word(j, split_words(&p->mem, row->words), 0);
        out->text = ax_arena_str(&p->mem, ax_json_text(j, ""));
        break;
    case AX_PARAM_TEXT: out->text = ax_arena_str(&p->mem, ax_json_text(j, "")); break;
    case AX_PARAM_NUMBERS: parse_numbers(p, j, row, out); break;
    case AX_PARAM_TEXTS: parse_texts(p, j, out); break;
    case AX_PARAM_LABELS:
        if (ax_json_is_array(j))
            parse_texts(p, j, out);
        else
            out->text = ax_arena_str(&p->mem, ax_json_text(j, ""));
        break;
    }
}

/* -- steps -- */

static int find_kind(struct ax_json type, bool before)
{
    const char *name = ax_json_text(type, NULL), *names[AX_PIPE_COUNT + 1] = {NULL};
    int n = 0;
    if (!name) return -1;
    for (int k = 0; k < AX_PIPE_COUNT; k++) {
        const struct ax_pipe_row *row = ax_pipe_row((enum ax_pipe_kind)k);
        bool same = !strcmp(name, row->name);
        if (same && row->before == before) return k;
        if (same)
            ax_json_fail(type, "'%s' is a step of %s, not of %s", name, before ? "postprocessing" : "preprocessing",
                         before ? "preprocessing" : "postprocessing");
        if (row->before == before) names[n++] = row->name;
    }
    const char *near = ax_nearest(name, names);
    if (near)
        ax_json_fail(type, "'%.60s' is no step that is known; did you mean '%s'?", name, near);
    else
        ax_json_fail(type, "'%.60s' is no step that is known; the schema of model.json lists them", name);
    return -1;
}

static void parse_step(struct ax_descriptor *p, struct ax_json j, bool before, struct ax_pipe_step *s)
{
    const char *keys[MAX_KEYS] = {"type"};
    int k = find_kind(ax_json_need(j, "type"), before), n = 0;
    if (k < 0) return;
    s->kind = (enum ax_pipe_kind)k;
    const struct ax_pipe_row *row = ax_pipe_row(s->kind);
    for (; row->params[n].name; n++) keys[n + 1] = row->params[n].name;
    ax_json_only(j, keys);
    s->params = AX_NEW(&p->mem, struct ax_param, n);
    for (int i = 0; i < n; i++) parse_param(p, j, &row->params[i], &s->params[i]);
    const char *wrong = !ax_json_status(j.doc) && row->check ? row->check(s) : NULL;
    if (wrong) ax_json_fail(j, "%s %s", row->name, wrong);
}

static struct ax_pipe_step *parse_steps(struct ax_descriptor *p, struct ax_json list, bool before, int *count)
{
    int n = ax_json_count(list);
    if (n > MAX_STEPS) ax_json_fail(list, "%d steps are too many", n);
    struct ax_pipe_step *steps = AX_NEW(&p->mem, struct ax_pipe_step, n < MAX_STEPS ? n : 0);
    for (int i = 0; i < n && !ax_json_status(list.doc); i++) parse_step(p, ax_json_at(list, i), before, &steps[i]);
    *count = ax_json_status(list.doc) ? 0 : n;
    return steps;
}

/* -- the descriptor -- */

static const char *text_or_null(struct ax_descriptor *p, struct ax_json j)
{
    const char *s = ax_json_text(j, NULL);
    return s ? ax_arena_str(&p->mem, s) : NULL;
}

static void parse_branch(struct ax_descriptor *p, struct ax_json j, struct ax_branch *b)
{
    static const char *const keys[] = {"name", "outputs", "postprocessing", NULL}, *const pair[] = {"tensor", "origin", NULL};
    ax_json_only(j, keys);
    b->name = text_or_null(p, ax_json_need(j, "name"));
    struct ax_json list = ax_json_need(j, "outputs");
    b->n_tensors = ax_json_count(list);
    if (b->n_tensors > MAX_STEPS) ax_json_fail(list, "%d outputs are too many", b->n_tensors);
    if (ax_json_status(j.doc)) b->n_tensors = 0;
    const char **tensors = AX_NEW(&p->mem, const char *, b->n_tensors), **origins = AX_NEW(&p->mem, const char *, b->n_tensors);
    for (int i = 0; i < b->n_tensors; i++) {
        struct ax_json o = ax_json_at(list, i);
        ax_json_only(o, pair);
        tensors[i] = text_or_null(p, ax_json_need(o, "tensor"));
        origins[i] = text_or_null(p, ax_json_need(o, "origin"));
    }
    b->tensors = tensors;
    b->origins = origins;
    b->after = parse_steps(p, ax_json_get(j, "postprocessing"), false, &b->n_after);
}

static void parse_branches(struct ax_descriptor *p, struct ax_json list)
{
    int n = ax_json_count(list);
    if (n > MAX_BRANCHES) ax_json_fail(list, "%d branches are too many", n);
    if (n && p->n_after) ax_json_fail(list, "stand beside \"postprocessing\"; a joined model has one or the other");
    if (ax_json_status(list.doc)) return;
    p->branches = AX_NEW(&p->mem, struct ax_branch, n);
    for (int i = 0; i < n && !ax_json_status(list.doc); i++) parse_branch(p, ax_json_at(list, i), &p->branches[i]);
    p->n_branches = ax_json_status(list.doc) ? 0 : n;
}

static enum ax_status parse_document(struct ax_json_doc *doc, struct ax_descriptor *p)
{
    static const char *const keys[] = {"name",          "model",          "source",   "family", "description",
                                       "preprocessing", "postprocessing", "branches", NULL};
    struct ax_json root = ax_json_root(doc);
    ax_json_only(root, keys);
    p->name = text_or_null(p, ax_json_need(root, "name"));
    p->model = text_or_null(p, ax_json_need(root, "model"));
    p->source = text_or_null(p, ax_json_get(root, "source"));
    p->family = text_or_null(p, ax_json_get(root, "family"));
    p->description = text_or_null(p, ax_json_get(root, "description"));
    if (p->model && !*p->model) ax_json_fail(ax_json_get(root, "model"), "is empty; the name of an .axmodel is expected");
    p->before = parse_steps(p, ax_json_get(root, "preprocessing"), true, &p->n_before);
    p->after = parse_steps(p, ax_json_get(root, "postprocessing"), false, &p->n_after);
    parse_branches(p, ax_json_get(root, "branches"));
    return ax_json_status(doc);
}

enum ax_status ax_descriptor_parse(const char *json, size_t bytes, const char *file, struct ax_descriptor *p,
                                   struct ax_error *err)
{
    struct ax_json_doc doc;
    *p = (struct ax_descriptor){.dir = ""};
    ax_arena_init(&p->mem);
    enum ax_status s = ax_json_parse(json, bytes, file, &doc, err);
    if (!s) s = parse_document(&doc, p);
    ax_json_close(&doc);
    return s;
}

enum ax_status ax_descriptor_read(const char *path, struct ax_descriptor *p, struct ax_error *err)
{
    uint8_t *data;
    size_t n;
    *p = (struct ax_descriptor){.dir = ""};
    enum ax_status s = ax_file_read(path, MAX_BYTES, &data, &n, err);
    if (s) return s;
    s = ax_descriptor_parse((const char *)data, n, path, p, err);
    p->dir = ax_path_dir(&p->mem, path);
    free(data);
    return s;
}

void ax_descriptor_free(struct ax_descriptor *p)
{
    ax_arena_free(&p->mem);
    *p = (struct ax_descriptor){0};
}

/* -- looking up -- */

static int param_index(const struct ax_pipe_step *s, const char *name)
{
    const struct ax_param_row *rows = ax_pipe_row(s->kind)->params;
    int i = 0;
    while (rows[i].name && strcmp(rows[i].name, name)) i++;
    assert(rows[i].name);
    return i;
}

const struct ax_param *ax_step_param(const struct ax_pipe_step *s, const char *name)
{
    return &s->params[param_index(s, name)];
}

bool ax_step_is(const struct ax_pipe_step *s, const char *name, const char *word)
{
    int i = param_index(s, name), at = (int)s->params[i].number;
    const char *w = ax_pipe_row(s->kind)->params[i].words;
    for (; at > 0; at--) w += strcspn(w, "|") + 1;
    size_t n = strcspn(w, "|");
    return strlen(word) == n && !memcmp(word, w, n);
}

const struct ax_pipe_step *ax_descriptor_find(const struct ax_descriptor *p, enum ax_pipe_kind k)
{
    for (int i = 0; i < p->n_before; i++)
        if (p->before[i].kind == k) return &p->before[i];
    for (int i = 0; i < p->n_after; i++)
        if (p->after[i].kind == k) return &p->after[i];
    return NULL;
}
