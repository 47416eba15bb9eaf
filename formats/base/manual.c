/* --help and the man page, from the same table as the parser. */
#include <string.h>

#include "base/options.h"

enum { WIDTH = 96, HELP_AT = 30 };

static const struct ax_option common[] = {
    {"help", 'h', NULL, AX_OPT_FLAG, 0, NULL, NULL, "Print this help.", "Help"},
    {"version", 0, NULL, AX_OPT_FLAG, 0, NULL, NULL, "Print the version.", NULL},
    {0},
};

/* -- --help -- */

/* Writes words of `text` from column `at`, breaking lines before WIDTH; new lines begin at `indent`. */
static int wrap(FILE *out, const char *text, int at, int indent)
{
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (n && at > indent && at + (int)n + 1 > WIDTH) at = -1;
        if (at < 0 || (*text == '\n' && at > indent)) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        }
        if (n) at += fprintf(out, "%s%.*s", at > indent ? " " : "", (int)n, text);
        text += n;
        if (*text) text++;
    }
    return at;
}

/* A range of numbers; words otherwise. */
static bool is_range(const struct ax_option *o)
{
    return o->kind == AX_OPT_INT || o->kind == AX_OPT_FLOAT || o->kind == AX_OPT_NUMBERS;
}

static void help_row(const struct ax_option *o, FILE *out)
{
    int at = o->letter ? fprintf(out, "  -%c, ", o->letter) : fprintf(out, "      ");
    at += fprintf(out, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    if (at >= HELP_AT - 1) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", HELP_AT - at, "");
    at = wrap(out, o->help, HELP_AT, HELP_AT);
    char more[256];
    if (o->accepts && !is_range(o)) {
        snprintf(more, sizeof more, "One of %s.", o->accepts);
        at = wrap(out, more, at, HELP_AT);
    }
    if (o->otherwise) {
        snprintf(more, sizeof more, "[%s]", o->otherwise);
        wrap(out, more, at, HELP_AT);
    }
    fputc('\n', out);
}

static void help_rows(const struct ax_option *o, FILE *out)
{
    const char *group = NULL;
    for (; o->name; o++) {
        if (o->group && (!group || strcmp(group, o->group)))
            fprintf(out, "\n%s:\n", o->group);
        else if (!o->group && !group)
            fprintf(out, "\nOptions:\n");
        group = o->group ? o->group : group ? group : "Options";
        help_row(o, out);
    }
}

static void help_paragraphs(const char *text, FILE *out)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);
        char line[4096];
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        for (char *c = line; *c; c++)
            if (*c == '\n') *c = ' ';
        fputc('\n', out);
        wrap(out, line, 0, 0);
        fputc('\n', out);
        text += n;
        while (*text == '\n') text++;
    }
}

void ax_options_help(const struct ax_tool *t, FILE *out)
{
    fprintf(out, "Usage: %s [OPTION...] %s\n%s %s.\n", t->name, t->synopsis, t->name, t->summary);
    if (t->description) help_paragraphs(t->description, out);
    help_rows(t->options, out);
    help_rows(common, out);
    if (t->examples) fprintf(out, "\nExamples:\n%s%s", t->examples, t->examples[strlen(t->examples) - 1] == '\n' ? "" : "\n");
    fprintf(out, "\nOptions may be written with - or _. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a limit was not met.\n");
}

/* -- the man page -- */

/* Text with what troff would take as its own escaped: backslashes, minus signs, a leading dot or quote. */
static void troff(FILE *out, const char *s)
{
    bool start = true;
    for (; *s; s++) {
        if (start && (*s == '.' || *s == '\'')) fputs("\\&", out);
        if (*s == '\\')
            fputs("\\e", out);
        else if (*s == '-')
            fputs("\\-", out);
        else
            fputc(*s, out);
        start = *s == '\n';
    }
}

static void man_row(const struct ax_option *o, FILE *out)
{
    fprintf(out, ".TP\n");
    if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
    fprintf(out, "\\fB\\-\\-%s\\fR", o->name);
    if (o->arg) fprintf(out, " \\fI%s\\fR", o->arg);
    fputc('\n', out);
    troff(out, o->help);
    if (o->accepts && !is_range(o)) {
        fputs("\nOne of ", out);
        troff(out, o->accepts);
        fputc('.', out);
    }
    if (o->accepts && is_range(o)) fprintf(out, "\nRange: %s.", o->accepts);
    if (o->otherwise) {
        fputs("\nDefault: ", out);
        troff(out, o->otherwise);
        fputc('.', out);
    }
    fputc('\n', out);
}

static void man_rows(const struct ax_option *o, FILE *out)
{
    const char *group = NULL;
    for (; o->name; o++) {
        if (o->group && (!group || strcmp(group, o->group))) fprintf(out, ".SS %s\n", o->group);
        group = o->group ? o->group : group;
        man_row(o, out);
    }
}

static void man_paragraphs(const char *s, FILE *out)
{
    for (const char *end; (end = strstr(s, "\n\n")); s = end + 2) {
        char part[4096];
        snprintf(part, sizeof part, "%.*s", (int)(end - s), s);
        troff(out, part);
        fputs("\n.PP\n", out);
    }
    troff(out, s);
    fputc('\n', out);
}

void ax_options_man(const struct ax_tool *t, FILE *out)
{
    fprintf(out, ".TH %s 1 \"\" \"Axon %s\" \"Axon\"\n.SH NAME\n%s \\- ", t->name, AXON_VERSION, t->name);
    troff(out, t->summary);
    fprintf(out, "\n.SH SYNOPSIS\n\\fB%s\\fR [\\fIOPTION\\fR...] ", t->name);
    troff(out, t->synopsis);
    fputs("\n.SH DESCRIPTION\n", out);
    man_paragraphs(t->description ? t->description : t->summary, out);
    fputs(".SH OPTIONS\nOptions may be written with \\- or _.\n", out);
    man_rows(t->options, out);
    man_rows(common, out);
    if (t->examples) {
        fputs(".SH EXAMPLES\n.nf\n", out);
        troff(out, t->examples);
        fputs("\n.fi\n", out);
    }
    fputs(".SH EXIT STATUS\n.TP\n0\nDone.\n.TP\n1\nIt failed; the message on stderr says why.\n.TP\n2\nWrong usage.\n"
          ".TP\n3\nA limit that the user set was not met.\n",
          out);
}
