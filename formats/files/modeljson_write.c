/* model.json and its JSON Schema as text. */
#include <string.h>

#include "files/modeljson.h"

static void write_number(struct ax_json_writer *w, const char *key, double v)
{
    if (v == (double)(int64_t)v)
        ax_jw_int(w, key, (int64_t)v);
    else
        ax_jw_double(w, key, v);
}

static void write_texts(struct ax_json_writer *w, const char *key, const char *const *v, int count)
{
    ax_jw_array(w, key);
    for (int i = 0; i < count; i++) ax_jw_text(w, NULL, v[i]);
    ax_jw_end(w);
}

static void write_param(struct ax_json_writer *w, const struct ax_param_row *row, const struct ax_param *p)
{
    switch (row->kind) {
    case AX_PARAM_INT:
    case AX_PARAM_NUMBER: write_number(w, row->name, p->number); break;
    case AX_PARAM_BOOL: ax_jw_bool(w, row->name, p->number != 0); break;
    case AX_PARAM_WORD:
    case AX_PARAM_TEXT: ax_jw_text(w, row->name, p->text); break;
    case AX_PARAM_NUMBERS:
        ax_jw_array(w, row->name);
        for (int i = 0; i < p->count; i++) write_number(w, NULL, p->numbers[i]);
        ax_jw_end(w);
        break;
    case AX_PARAM_TEXTS: write_texts(w, row->name, p->texts, p->count); break;
    case AX_PARAM_LABELS:
        if (p->text)
            ax_jw_text(w, row->name, p->text);
        else
            write_texts(w, row->name, p->texts, p->count);
        break;
    }
}

static void write_steps(struct ax_json_writer *w, const char *key, const struct ax_pipe_step *steps, int count)
{
    ax_jw_array(w, key);
    for (int i = 0; i < count; i++) {
        const struct ax_pipe_row *row = ax_pipe_row(steps[i].kind);
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_text(w, "type", row->name);
        for (int k = 0; row->params[k].name; k++)
            if (steps[i].params[k].given) write_param(w, &row->params[k], &steps[i].params[k]);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

static void write_branches(struct ax_json_writer *w, const struct ax_descriptor *p)
{
    ax_jw_array(w, "branches");
    for (int i = 0; i < p->n_branches; i++) {
        const struct ax_branch *b = &p->branches[i];
        ax_jw_object(w, NULL);
        ax_jw_text(w, "name", b->name);
        ax_jw_array(w, "outputs");
        for (int k = 0; k < b->n_tensors; k++) {
            ax_jw_object(w, NULL);
            ax_jw_line(w);
            ax_jw_text(w, "tensor", b->tensors[k]);
            ax_jw_text(w, "origin", b->origins[k]);
            ax_jw_end(w);
        }
        ax_jw_end(w);
        write_steps(w, "postprocessing", b->after, b->n_after);
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

char *ax_descriptor_text(const struct ax_descriptor *p)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "name", p->name);
    ax_jw_text(w, "model", p->model);
    if (p->source) ax_jw_text(w, "source", p->source);
    if (p->family) ax_jw_text(w, "family", p->family);
    if (p->description) ax_jw_text(w, "description", p->description);
    write_steps(w, "preprocessing", p->before, p->n_before);
    if (p->n_branches)
        write_branches(w, p);
    else
        write_steps(w, "postprocessing", p->after, p->n_after);
    ax_jw_end(w);
    return ax_jw_finish(w);
}

/* -- schema -- */

static void schema_bounds(struct ax_json_writer *w, const char *type, const struct ax_param_row *row)
{
    ax_jw_text(w, "type", type);
    write_number(w, "minimum", row->low);
    write_number(w, "maximum", row->high);
}

static void schema_words(struct ax_json_writer *w, const char *words)
{
    ax_jw_array(w, "enum");
    while (*words) {
        char word[64];
        size_t n = strcspn(words, "|");
        memcpy(word, words, n);
        word[n] = 0;
        ax_jw_text(w, NULL, word);
        words += n + (words[n] == '|');
    }
    ax_jw_end(w);
}

static void schema_texts(struct ax_json_writer *w)
{
    ax_jw_text(w, "type", "array");
    ax_jw_object(w, "items");
    ax_jw_text(w, "type", "string");
    ax_jw_end(w);
}

static void schema_numbers(struct ax_json_writer *w, const struct ax_param_row *row)
{
    ax_jw_array(w, "oneOf");
    ax_jw_object(w, NULL);
    schema_bounds(w, "number", row);
    ax_jw_end(w);
    ax_jw_object(w, NULL);
    ax_jw_text(w, "type", "array");
    ax_jw_object(w, "items");
    schema_bounds(w, "number", row);
    ax_jw_end(w);
    ax_jw_end(w);
    ax_jw_end(w);
}

static void schema_labels(struct ax_json_writer *w)
{
    ax_jw_array(w, "oneOf");
    ax_jw_object(w, NULL);
    ax_jw_text(w, "type", "string");
    ax_jw_end(w);
    ax_jw_object(w, NULL);
    schema_texts(w);
    ax_jw_end(w);
    ax_jw_end(w);
}

static void schema_param(struct ax_json_writer *w, const struct ax_param_row *row)
{
    ax_jw_object(w, row->name);
    ax_jw_line(w);
    ax_jw_text(w, "description", row->text);
    switch (row->kind) {
    case AX_PARAM_INT: schema_bounds(w, "integer", row); break;
    case AX_PARAM_NUMBER: schema_bounds(w, "number", row); break;
    case AX_PARAM_BOOL: ax_jw_text(w, "type", "boolean"); break;
    case AX_PARAM_WORD: schema_words(w, row->words); break;
    case AX_PARAM_TEXT: ax_jw_text(w, "type", "string"); break;
    case AX_PARAM_NUMBERS: schema_numbers(w, row); break;
    case AX_PARAM_TEXTS: schema_texts(w); break;
    case AX_PARAM_LABELS: schema_labels(w); break;
    }
    if (row->kind <= AX_PARAM_NUMBER && row->otherwise != 0) write_number(w, "default", row->otherwise);
    if (row->kind == AX_PARAM_BOOL) ax_jw_bool(w, "default", row->otherwise != 0);
    ax_jw_end(w);
}

static void schema_comments(struct ax_json_writer *w)
{
    ax_jw_object(w, "patternProperties");
    ax_jw_line(w);
    ax_jw_object(w, "^[_$]");
    ax_jw_end(w);
    ax_jw_end(w);
    ax_jw_bool(w, "additionalProperties", false);
}

static void schema_step(struct ax_json_writer *w, const struct ax_pipe_row *row)
{
    ax_jw_object(w, NULL);
    ax_jw_text(w, "description", row->text);
    ax_jw_text(w, "type", "object");
    ax_jw_object(w, "properties");
    ax_jw_object(w, "type");
    ax_jw_line(w);
    ax_jw_text(w, "const", row->name);
    ax_jw_end(w);
    for (int i = 0; row->params[i].name; i++) schema_param(w, &row->params[i]);
    ax_jw_end(w);
    ax_jw_array(w, "required");
    ax_jw_line(w);
    ax_jw_text(w, NULL, "type");
    for (int i = 0; row->params[i].name; i++)
        if (row->params[i].required) ax_jw_text(w, NULL, row->params[i].name);
    ax_jw_end(w);
    schema_comments(w);
    ax_jw_end(w);
}

static void schema_steps(struct ax_json_writer *w, const char *key, bool before)
{
    ax_jw_object(w, key);
    ax_jw_text(w, "type", "array");
    ax_jw_object(w, "items");
    ax_jw_array(w, "oneOf");
    for (int k = 0; k < AX_PIPE_COUNT; k++)
        if (ax_pipe_row((enum ax_pipe_kind)k)->before == before) schema_step(w, ax_pipe_row((enum ax_pipe_kind)k));
    ax_jw_end(w);
    ax_jw_end(w);
    ax_jw_end(w);
}

static void schema_text(struct ax_json_writer *w, const char *key, const char *description)
{
    ax_jw_object(w, key);
    ax_jw_line(w);
    ax_jw_text(w, "type", "string");
    ax_jw_text(w, "description", description);
    ax_jw_end(w);
}

static void schema_required(struct ax_json_writer *w, const char *a, const char *b)
{
    ax_jw_array(w, "required");
    ax_jw_line(w);
    ax_jw_text(w, NULL, a);
    ax_jw_text(w, NULL, b);
    ax_jw_end(w);
}

static void schema_branches(struct ax_json_writer *w)
{
    ax_jw_object(w, "branches");
    ax_jw_text(w, "description", "Of a joined model, in place of postprocessing: each model's outputs and steps.");
    ax_jw_text(w, "type", "array");
    ax_jw_object(w, "items");
    ax_jw_text(w, "type", "object");
    ax_jw_object(w, "properties");
    schema_text(w, "name", "The model's scope.");
    ax_jw_object(w, "outputs");
    ax_jw_text(w, "type", "array");
    ax_jw_object(w, "items");
    ax_jw_text(w, "type", "object");
    ax_jw_object(w, "properties");
    schema_text(w, "tensor", "The output's name in the joined model.");
    schema_text(w, "origin", "Its name in the model from before.");
    ax_jw_end(w);
    schema_required(w, "tensor", "origin");
    schema_comments(w);
    ax_jw_end(w);
    ax_jw_end(w);
    schema_steps(w, "postprocessing", false);
    ax_jw_end(w);
    schema_required(w, "name", "outputs");
    schema_comments(w);
    ax_jw_end(w);
    ax_jw_end(w);
}

char *ax_descriptor_schema(void)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    ax_jw_text(w, "title", "Axon pipeline descriptor (model.json)");
    ax_jw_text(w, "type", "object");
    ax_jw_object(w, "properties");
    schema_text(w, "name", "What the pipeline is called.");
    schema_text(w, "model", "The .axmodel, relative to the folder of this file.");
    schema_text(w, "source", "The .onnx that it was compiled from, for --pipe float.");
    schema_text(w, "family", "Whose pipeline it began as: a name that axrun --list shows.");
    schema_text(w, "description", "For people.");
    schema_steps(w, "preprocessing", true);
    schema_steps(w, "postprocessing", false);
    schema_branches(w);
    ax_jw_end(w);
    schema_required(w, "name", "model");
    schema_comments(w);
    ax_jw_end(w);
    return ax_jw_finish(w);
}
