#include "base/options.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static int row_count(const struct ax_tool *t)
{
    int n = 0;
    while (t->options[n].name) n++;
    return n;
}

/* Equal when - and _ count as the same; `n` characters of a. */
static bool same_name(const char *a, size_t n, const char *b)
{
    for (size_t i = 0; i < n; i++)
        if (!b[i] || (a[i] == '-' ? '_' : a[i]) != b[i]) return false;
    return !b[n];
}

static int find_long(const struct ax_tool *t, const char *name, size_t n)
{
    for (int i = 0; t->options[i].name; i++)
        if (same_name(name, n, t->options[i].name)) return i;
    return -1;
}

static int find_short(const struct ax_tool *t, char letter)
{
    for (int i = 0; t->options[i].name; i++)
        if (t->options[i].letter == letter) return i;
    return -1;
}

/* -- values -- */

static enum ax_status check_range(const struct ax_option *o, const char *text, double v, struct ax_error *err)
{
    const char *dots = o->accepts ? strstr(o->accepts, "..") : NULL;
    if (!dots) return AX_OK;
    bool low = dots > o->accepts && v < strtod(o->accepts, NULL);
    bool high = dots[2] && v > strtod(dots + 2, NULL);
    if (low || high)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--%s: %s is out of range; %s of %s is expected", o->name, text,
                       o->kind == AX_OPT_INT ? "an integer" : "a number", o->accepts);
    return AX_OK;
}

static enum ax_status not_a(const struct ax_option *o, const char *text, const char *what, struct ax_error *err)
{
    return ax_fail(err, AX_INVALID_ARGUMENT, "--%s: '%s' is not %s%s%s", o->name, text, what, o->accepts ? " of " : "",
                   o->accepts ? o->accepts : "");
}

static enum ax_status read_int(const struct ax_option *o, const char *text, int64_t *v, struct ax_error *err)
{
    char *end;
    errno = 0;
    *v = strtoll(text, &end, 10);
    if (!*text || *end || errno == ERANGE) return not_a(o, text, "an integer", err);
    return check_range(o, text, (double)*v, err);
}

static enum ax_status read_float(const struct ax_option *o, const char *text, double *v, struct ax_error *err)
{
    char *end;
    errno = 0;
    *v = strtod(text, &end);
    if (!*text || *end || errno == ERANGE || !isfinite(*v)) return not_a(o, text, "a number", err);
    return check_range(o, text, *v, err);
}

static enum ax_status check_name(const struct ax_option *o, const char *text, struct ax_error *err)
{
    if (*text && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--%s: '%s' cannot be the name of a file; expected one without /", o->name, text);
}

/* The words of "a|b|c" as a NULL-terminated list. */
static const char **words_of(const char *accepts, struct ax_arena *mem)
{
    int n = 1;
    for (const char *p = accepts; *p; p++) n += *p == '|';
    const char **words = AX_NEW(mem, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        size_t len = strcspn(accepts, "|");
        words[i] = ax_arena_strn(mem, accepts, len);
        accepts += len + 1;
    }
    return words;
}

/* Whether `word` is what one of "a|b|1..16" stands for. */
static bool is_accepted(const char *word, const char *accepted)
{
    const char *dots = strstr(accepted, "..");
    if (!dots) return !strcmp(word, accepted);
    char *end;
    long v = strtol(word, &end, 10);
    return *word && !*end && v >= strtol(accepted, NULL, 10) && v <= strtol(dots + 2, NULL, 10);
}

static enum ax_status check_word(const struct ax_option *o, const char *word, struct ax_arena *mem, struct ax_error *err)
{
    if (!o->accepts) return AX_OK;
    const char **words = words_of(o->accepts, mem);
    for (int i = 0; words[i]; i++)
        if (is_accepted(word, words[i])) return AX_OK;
    const char *near = ax_nearest(word, words);
    return ax_fail(err, AX_INVALID_ARGUMENT, "--%s: '%s' is not one of %s%s%s%s", o->name, word, o->accepts,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static void append(struct ax_list *l, const char *s, struct ax_arena *mem)
{
    const char **item = AX_NEW(mem, const char *, l->count + 1);
    for (int i = 0; i < l->count; i++) item[i] = l->item[i];
    item[l->count++] = s;
    l->item = item;
}

static enum ax_status set_list(const struct ax_option *o, const char *text, struct ax_list *l, struct ax_arena *mem,
                               struct ax_error *err)
{
    while (*text) {
        double number;
        size_t len = o->kind == AX_OPT_REPEAT ? strlen(text) : strcspn(text, ",");
        char *word = ax_arena_strn(mem, text, len);
        enum ax_status s = o->kind == AX_OPT_NUMBERS ? read_float(o, word, &number, err) : check_word(o, word, mem, err);
        if (s) return s;
        if (len) append(l, word, mem);
        text += len;
        if (*text == ',') text++;
    }
    return AX_OK;
}

static enum ax_status set_value(const struct ax_option *o, const char *text, void *settings, struct ax_arena *mem,
                                struct ax_error *err)
{
    void *field = (char *)settings + o->offset;
    switch (o->kind) {
    case AX_OPT_FLAG: *(bool *)field = true; return AX_OK;
    case AX_OPT_STRING: *(const char **)field = text; return check_word(o, text, mem, err);
    case AX_OPT_NAME: *(const char **)field = text; return check_name(o, text, err);
    case AX_OPT_INT: return read_int(o, text, field, err);
    case AX_OPT_FLOAT: return read_float(o, text, field, err);
    case AX_OPT_LIST:
    case AX_OPT_NUMBERS:
    case AX_OPT_REPEAT: return set_list(o, text, field, mem, err);
    }
    return AX_OK;
}

static enum ax_status set_defaults(const struct ax_tool *t, void *settings, struct ax_arena *mem, struct ax_error *err)
{
    static const size_t sizes[] = {[AX_OPT_FLAG] = sizeof(bool),
                                   [AX_OPT_STRING] = sizeof(char *),
                                   [AX_OPT_NAME] = sizeof(char *),
                                   [AX_OPT_INT] = sizeof(int64_t),
                                   [AX_OPT_FLOAT] = sizeof(double),
                                   [AX_OPT_LIST] = sizeof(struct ax_list),
                                   [AX_OPT_NUMBERS] = sizeof(struct ax_list),
                                   [AX_OPT_REPEAT] = sizeof(struct ax_list)};
    for (const struct ax_option *o = t->options; o->name; o++) {
        memset((char *)settings + o->offset, 0, sizes[o->kind]);
        enum ax_status s = o->otherwise ? set_value(o, o->otherwise, settings, mem, err) : AX_OK;
        if (s) return s;
    }
    return AX_OK;
}

/* -- parsing -- */

struct parser {
    const struct ax_tool *tool;
    int argc, at;
    char **argv;
    void *settings;
    struct ax_args *args;
    struct ax_error *err;
};

static enum ax_status give(struct parser *p, int row, const char *text)
{
    const struct ax_option *o = &p->tool->options[row];
    bool list = o->kind == AX_OPT_LIST || o->kind == AX_OPT_NUMBERS || o->kind == AX_OPT_REPEAT;
    if (list && !p->args->given[row]) *(struct ax_list *)((char *)p->settings + o->offset) = (struct ax_list){0};
    p->args->given[row] = true;
    return set_value(o, text, p->settings, &p->args->mem, p->err);
}

/* Takes the next word of argv as the value of the option in `row`. */
static enum ax_status give_next(struct parser *p, int row)
{
    const struct ax_option *o = &p->tool->options[row];
    if (p->at >= p->argc)
        return ax_fail(p->err, AX_INVALID_ARGUMENT, "--%s: a value is missing; write --%s %s", o->name, o->name, o->arg);
    return give(p, row, p->argv[p->at++]);
}

static enum ax_status unknown_option(struct parser *p, const char *name)
{
    int n = row_count(p->tool);
    const char **names = AX_NEW(&p->args->mem, const char *, n + 3);
    for (int i = 0; i < n; i++) names[i] = p->tool->options[i].name;
    names[n] = "help";
    names[n + 1] = "version";
    const char *near = ax_nearest(name, names);
    if (near) return ax_fail(p->err, AX_INVALID_ARGUMENT, "unknown option --%s; did you mean --%s?", name, near);
    return ax_fail(p->err, AX_INVALID_ARGUMENT, "unknown option --%s; %s --help lists them", name, p->tool->name);
}

static bool built_in(struct parser *p, const char *name)
{
    static const char *const names[] = {"help", "version", "man"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            p->args->action = (enum ax_action)(AX_ACTION_HELP + i);
            return true;
        }
    return false;
}

static enum ax_status parse_long(struct parser *p, const char *name)
{
    size_t n = strcspn(name, "=");
    const char *value = name[n] ? name + n + 1 : NULL;
    int row = find_long(p->tool, name, n);
    if (row < 0 && built_in(p, name)) return AX_OK;
    if (row < 0 && n > 3 && (same_name(name, 3, "no_"))) {
        row = find_long(p->tool, name + 3, n - 3);
        if (row >= 0 && p->tool->options[row].kind == AX_OPT_FLAG && !value) {
            p->args->given[row] = true;
            *((bool *)((char *)p->settings + p->tool->options[row].offset)) = false;
            return AX_OK;
        }
        row = -1;
    }
    if (row < 0) return unknown_option(p, ax_arena_strn(&p->args->mem, name, n));
    if (p->tool->options[row].kind != AX_OPT_FLAG) return value ? give(p, row, value) : give_next(p, row);
    if (value)
        return ax_fail(p->err, AX_INVALID_ARGUMENT, "--%s: takes no value, '%s' was given", p->tool->options[row].name, value);
    return give(p, row, "");
}

static enum ax_status parse_short(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        int row = find_short(p->tool, *letters);
        if (row < 0 && *letters == 'h') {
            p->args->action = AX_ACTION_HELP;
            continue;
        }
        if (row < 0)
            return ax_fail(p->err, AX_INVALID_ARGUMENT, "unknown option -%c; %s --help lists them", *letters, p->tool->name);
        if (p->tool->options[row].kind != AX_OPT_FLAG) return letters[1] ? give(p, row, letters + 1) : give_next(p, row);
        enum ax_status s = give(p, row, "");
        if (s) return s;
    }
    return AX_OK;
}

static enum ax_status check_count(struct parser *p)
{
    const struct ax_tool *t = p->tool;
    if (p->args->action != AX_ACTION_RUN) return AX_OK;
    if (p->args->count < t->min_args)
        return ax_fail(p->err, AX_INVALID_ARGUMENT, "%s is missing; usage: %s [OPTION...] %s",
                       p->args->count ? "an argument" : "what to work on", t->name, t->synopsis);
    if (t->max_args >= 0 && p->args->count > t->max_args)
        return ax_fail(p->err, AX_INVALID_ARGUMENT, "'%s' is one argument too many; usage: %s [OPTION...] %s",
                       p->args->arg[t->max_args], t->name, t->synopsis);
    return AX_OK;
}

enum ax_status ax_options_parse(const struct ax_tool *tool, int argc, char **argv, void *settings, struct ax_args *args,
                                struct ax_error *err)
{
    *args = (struct ax_args){0};
    ax_arena_init(&args->mem);
    args->given = AX_NEW(&args->mem, bool, row_count(tool) + 1);
    args->arg = AX_NEW(&args->mem, const char *, argc + 1);
    struct parser p = {tool, argc, 1, argv, settings, args, err};
    enum ax_status s = set_defaults(tool, settings, &args->mem, err);
    bool options_over = false;
    while (!s && p.at < argc) {
        const char *word = argv[p.at++];
        if (options_over || word[0] != '-' || !word[1])
            args->arg[args->count++] = word;
        else if (!strcmp(word, "--"))
            options_over = true;
        else if (word[1] == '-')
            s = parse_long(&p, word + 2);
        else
            s = parse_short(&p, word + 1);
    }
    return s ? s : check_count(&p);
}

void ax_args_free(struct ax_args *args)
{
    ax_arena_free(&args->mem);
    *args = (struct ax_args){0};
}

bool ax_option_given(const struct ax_tool *tool, const struct ax_args *args, const char *name)
{
    int row = find_long(tool, name, strlen(name));
    return row >= 0 && args->given[row];
}

/* What was printed must have arrived, whatever ends the program. */
static const char *tool_name;

static void check_output(void)
{
    if (!fflush(stdout) && !ferror(stdout)) return;
    fprintf(stderr, "%s: cannot write to the standard output\n", tool_name);
    _exit(AX_EXIT_FAILED);
}

int ax_options_begin(const struct ax_tool *tool, int argc, char **argv, void *settings, struct ax_args *args)
{
    struct ax_error err;
    tool_name = tool->name;
    atexit(check_output);
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
    enum ax_status s = ax_options_parse(tool, argc, argv, settings, args, &err);
    enum ax_action action = args->action;
    if (!s && action == AX_ACTION_RUN) return -1;
    ax_args_free(args);
    if (s) {
        fprintf(stderr, "%s: %s\n", tool->name, err.message);
        return AX_EXIT_USAGE;
    }
    if (action == AX_ACTION_HELP) ax_options_help(tool, stdout);
    if (action == AX_ACTION_MAN) ax_options_man(tool, stdout);
    if (action == AX_ACTION_VERSION) printf("%s (Axon) %s\n", tool->name, AXON_VERSION);
    return AX_EXIT_DONE;
}

int ax_tool_failed(const struct ax_tool *tool, const struct ax_error *err)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", tool->name, err->message);
    return err->status == AX_LIMIT ? AX_EXIT_LIMIT : AX_EXIT_FAILED;
}
