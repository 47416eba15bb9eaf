/* pipeline_doc [--check] FILE: the tables of parameters in docs/pipeline.md, made from the table of pipeline steps. A table
 * stands between "<!-- step NAME -->" and "<!-- end -->"; every step must have one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "files/modeljson.h"

static void number(FILE *f, double v)
{
    if (v == 1.0 / 255)
        fputs("1/255", f);
    else
        fprintf(f, "%.10g", v);
}

static const char *word_at(const char *words, int at, int *n)
{
    for (; at > 0; at--) words += strcspn(words, "|") + 1;
    *n = (int)strcspn(words, "|");
    return words;
}

static void words(FILE *f, const struct ax_param_row *r)
{
    for (const char *w = r->words; *w;) {
        int n = (int)strcspn(w, "|");
        fprintf(f, "%s`%.*s`", w == r->words ? "" : ", ", n, w);
        w += n + (w[n] == '|');
    }
}

static void values(FILE *f, const struct ax_param_row *r)
{
    switch (r->kind) {
    case AX_PARAM_INT:
    case AX_PARAM_NUMBER:
    case AX_PARAM_NUMBERS:
        fputs(r->kind == AX_PARAM_INT      ? "integer, "
              : r->kind == AX_PARAM_NUMBER ? "number, "
                                           : "number or list of numbers, ",
              f);
        number(f, r->low);
        fputs(" to ", f);
        number(f, r->high);
        break;
    case AX_PARAM_BOOL: fputs("`true`, `false`", f); break;
    case AX_PARAM_WORD: words(f, r); break;
    case AX_PARAM_TEXT: fputs("text", f); break;
    case AX_PARAM_TEXTS: fputs("list of texts", f); break;
    case AX_PARAM_LABELS: fputs("file name or list of texts", f); break;
    }
}

/* A number's 0 outside of its range means that there is no default. */
static void otherwise(FILE *f, const struct ax_param_row *r)
{
    int n;
    bool numeric = r->kind == AX_PARAM_INT || r->kind == AX_PARAM_NUMBER;
    if (r->required)
        fputs("must be given", f);
    else if (r->kind == AX_PARAM_BOOL)
        fputs(r->otherwise != 0 ? "`true`" : "`false`", f);
    else if (r->kind == AX_PARAM_WORD) {
        const char *w = word_at(r->words, (int)r->otherwise, &n);
        fprintf(f, "`%.*s`", n, w);
    } else if (numeric && r->otherwise >= r->low && r->otherwise <= r->high)
        number(f, r->otherwise);
}

static void table(FILE *f, const struct ax_pipe_row *row)
{
    if (!row->params[0].name) return;
    fputs("| parameter | values | default | |\n|---|---|---|---|\n", f);
    for (const struct ax_param_row *r = row->params; r->name; r++) {
        fprintf(f, "| `%s` | ", r->name);
        values(f, r);
        fputs(" | ", f);
        otherwise(f, r);
        fprintf(f, " | %s |\n", r->text);
    }
}

static const struct ax_pipe_row *step_of(const char *line, bool seen[AX_PIPE_COUNT])
{
    static const char begin[] = "<!-- step ";
    if (strncmp(line, begin, strlen(begin)) != 0) return NULL;
    const char *name = line + strlen(begin);
    size_t n = strcspn(name, " \n");
    for (int k = 0; k < AX_PIPE_COUNT; k++) {
        const struct ax_pipe_row *row = ax_pipe_row((enum ax_pipe_kind)k);
        if (strlen(row->name) == n && !memcmp(row->name, name, n)) {
            seen[k] = true;
            return row;
        }
    }
    fprintf(stderr, "pipeline_doc: '%.*s' is no step\n", (int)n, name);
    exit(1);
}

static char *made_anew(const char *text)
{
    bool seen[AX_PIPE_COUNT] = {false}, skip = false;
    char *out = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&out, &bytes);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        const struct ax_pipe_row *row = step_of(line, seen);
        if (!strncmp(line, "<!-- end", 8)) skip = false;
        if (!skip) fwrite(line, 1, n, f);
        if (row) table(f, row), skip = true;
        line += n;
    }
    fclose(f);
    for (int k = 0; k < AX_PIPE_COUNT; k++)
        if (!seen[k]) {
            fprintf(stderr, "pipeline_doc: the step '%s' is not described\n", ax_pipe_row((enum ax_pipe_kind)k)->name);
            exit(1);
        }
    return out;
}

int main(int argc, char **argv)
{
    bool check = argc == 3 && !strcmp(argv[1], "--check");
    struct ax_error err;
    uint8_t *data;
    size_t bytes;
    if (argc != 2 + check) return 2;
    if (ax_file_read(argv[argc - 1], 4 << 20, &data, &bytes, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    char *text = strndup((char *)data, bytes), *made = made_anew(text);
    int differ = strcmp(text, made) != 0;
    if (check && differ) fprintf(stderr, "%s does not follow the table of steps; run pipeline_doc on it\n", argv[2]);
    FILE *f = check ? NULL : fopen(argv[1], "w");
    if (f) fputs(made, f), fclose(f);
    free(data);
    free(text);
    free(made);
    return check && differ;
}
