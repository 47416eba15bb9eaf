#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { MAX_DEPTH = 64 };

struct ax_json_writer {
    char *text;
    size_t length;
    FILE *out;
    int depth;
    int line_depth;       /* depth from which everything stays on one line; MAX_DEPTH: nowhere */
    bool some[MAX_DEPTH]; /* the container at that depth has members already */
    char close[MAX_DEPTH];
};

struct ax_json_writer *ax_jw_new(void)
{
    struct ax_json_writer *w = calloc(1, sizeof *w);
    if (w) w->out = open_memstream(&w->text, &w->length);
    if (!w || !w->out) {
        fprintf(stderr, "axon: out of memory\n");
        abort();
    }
    w->line_depth = MAX_DEPTH;
    return w;
}

static bool on_one_line(const struct ax_json_writer *w)
{
    return w->depth >= w->line_depth;
}

/* The length of the UTF-8 sequence at s if it is a valid one, else 0. */
static int utf8_length(const unsigned char *s)
{
    int n = s[0] < 0x80                   ? 1
            : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
            : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
            : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                          : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))) return 0;
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))) return 0;
    return n;
}

static void put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = utf8_length(s);
        if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", out);
        else if (*s == '\t')
            fputs("\\t", out);
        else if (*s < 0x20)
            fprintf(out, "\\u%04x", *s);
        else if (n)
            fwrite(s, 1, (size_t)n, out);
        else
            fputs("\xef\xbf\xbd", out);
        s += n ? n : 1;
    }
    fputc('"', out);
}

/* What stands before a value: comma, line, indentation, key. */
static void lead(struct ax_json_writer *w, const char *key)
{
    if (w->depth) {
        bool some = w->some[w->depth];
        if (some) fputc(',', w->out);
        if (on_one_line(w))
            fputs(some ? " " : "", w->out);
        else
            fprintf(w->out, "\n%*s", 2 * w->depth, "");
        w->some[w->depth] = true;
    }
    if (!key) return;
    put_text(w->out, key);
    fputs(": ", w->out);
}

static void begin(struct ax_json_writer *w, const char *key, char open, char close)
{
    lead(w, key);
    fputc(open, w->out);
    if (w->depth + 1 >= MAX_DEPTH) abort();
    w->depth++;
    w->some[w->depth] = false;
    w->close[w->depth] = close;
}

void ax_jw_object(struct ax_json_writer *w, const char *key)
{
    begin(w, key, '{', '}');
}

void ax_jw_array(struct ax_json_writer *w, const char *key)
{
    begin(w, key, '[', ']');
}

void ax_jw_line(struct ax_json_writer *w)
{
    if (w->line_depth == MAX_DEPTH) w->line_depth = w->depth;
}

void ax_jw_end(struct ax_json_writer *w)
{
    bool line = on_one_line(w);
    if (w->line_depth == w->depth) w->line_depth = MAX_DEPTH;
    char close = w->close[w->depth];
    bool some = w->some[w->depth--];
    if (some && !line) fprintf(w->out, "\n%*s", 2 * w->depth, "");
    fputc(close, w->out);
}

void ax_jw_text(struct ax_json_writer *w, const char *key, const char *s)
{
    lead(w, key);
    if (s)
        put_text(w->out, s);
    else
        fputs("null", w->out);
}

void ax_jw_int(struct ax_json_writer *w, const char *key, int64_t v)
{
    lead(w, key);
    fprintf(w->out, "%lld", (long long)v);
}

/* Digits that a reader takes as a real number, also where %g gives an integer. */
static void put_real(FILE *out, const char *digits)
{
    fputs(digits, out);
    if (!strpbrk(digits, ".e")) fputs(".0", out);
}

void ax_jw_float(struct ax_json_writer *w, const char *key, float v)
{
    char s[32];
    lead(w, key);
    if (!isfinite(v)) {
        fputs("null", w->out);
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)v);
        if (strtof(s, NULL) == v) break;
    }
    put_real(w->out, s);
}

void ax_jw_double(struct ax_json_writer *w, const char *key, double v)
{
    char s[40];
    lead(w, key);
    if (!isfinite(v)) {
        fputs("null", w->out);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v) break;
    }
    put_real(w->out, s);
}

void ax_jw_bool(struct ax_json_writer *w, const char *key, bool v)
{
    lead(w, key);
    fputs(v ? "true" : "false", w->out);
}

void ax_jw_null(struct ax_json_writer *w, const char *key)
{
    lead(w, key);
    fputs("null", w->out);
}

void ax_jw_ints(struct ax_json_writer *w, const char *key, const int64_t *v, int count)
{
    ax_jw_array(w, key);
    ax_jw_line(w);
    for (int i = 0; i < count; i++) ax_jw_int(w, NULL, v[i]);
    ax_jw_end(w);
}

void ax_jw_ints32(struct ax_json_writer *w, const char *key, const int32_t *v, int count)
{
    ax_jw_array(w, key);
    ax_jw_line(w);
    for (int i = 0; i < count; i++) ax_jw_int(w, NULL, v[i]);
    ax_jw_end(w);
}

void ax_jw_floats(struct ax_json_writer *w, const char *key, const float *v, int count)
{
    ax_jw_array(w, key);
    ax_jw_line(w);
    for (int i = 0; i < count; i++) ax_jw_float(w, NULL, v[i]);
    ax_jw_end(w);
}

void ax_jw_raw(struct ax_json_writer *w, const char *key, const char *json)
{
    size_t n = strlen(json);
    lead(w, key);
    while (n && strchr(" \n\t\r", json[n - 1])) n--;
    for (size_t i = 0; i < n; i++) { /* strings hold no raw newlines, so that every newline is between tokens */
        fputc(json[i], w->out);
        if (json[i] == '\n') fprintf(w->out, "%*s", 2 * w->depth, "");
    }
}

char *ax_jw_finish(struct ax_json_writer *w)
{
    fputc('\n', w->out);
    fclose(w->out);
    char *text = w->text;
    free(w);
    return text;
}
