/* Command-line options: one table a tool, from which parsing, --help, --version and the man page are made.
 *
 *     struct settings { const char *out; int64_t count; double min_sqnr; bool force; struct ax_list files; };
 *     static const struct ax_option options[] = {
 *         {"output", 'o', "DIR", AX_OPT_STRING, offsetof(struct settings, out), NULL, NULL, "Where the files go.", "Output"},
 *         {"calib_count", 0, "N", AX_OPT_INT, offsetof(struct settings, count), "100", "1..", "Samples to take.",
 * "Calibration"},
 *         {"force", 'f', NULL, AX_OPT_FLAG, offsetof(struct settings, force), NULL, NULL, "Compile even if nothing changed.",
 * NULL}, {0}};
 *
 * Names may be written with - or _, values as `--name value`, `--name=value`, `-n value` or `-nvalue`; `--no_NAME` clears a
 * flag; `--` ends options. --help (-h), --version and --man (troff; not shown in --help) belong to every tool. */
#ifndef AX_BASE_OPTIONS_H
#define AX_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/status.h"

enum { AX_EXIT_DONE, AX_EXIT_FAILED, AX_EXIT_USAGE, AX_EXIT_LIMIT };

/* The kind decides the type of the field in the settings. */
enum ax_option_kind {
    AX_OPT_FLAG,    /* bool */
    AX_OPT_STRING,  /* const char *, NULL without default */
    AX_OPT_NAME,    /* the same, for what becomes the name of a file: not empty, without / */
    AX_OPT_INT,     /* int64_t, 0 without default */
    AX_OPT_FLOAT,   /* double, 0 without default */
    AX_OPT_LIST,    /* struct ax_list: "a,b,c", and may be repeated; a default is replaced */
    AX_OPT_NUMBERS, /* the same, each of them a number */
    AX_OPT_REPEAT,  /* struct ax_list: one entry each time it is given, commas are kept */
};

struct ax_list {
    const char **item;
    int count;
};

struct ax_option {
    const char *name; /* with underscores; NULL ends the table */
    char letter;      /* short name, or 0 */
    const char *arg;  /* "N", "FILE"; NULL for flags */
    enum ax_option_kind kind;
    size_t offset;         /* of the field in the settings */
    const char *otherwise; /* default as one would write it; NULL: none */
    const char *accepts;   /* words "a|b|1..16" for STRING and LIST, with .. for integers; a range "1..64", "0..", "..1" for
                            * numbers; NULL: anything */
    const char *help;      /* one or more sentences */
    const char *group;     /* heading; NULL: that of the row before */
};

struct ax_tool {
    const char *name, *synopsis; /* "axrun", "MODEL IMAGE..." */
    const char *summary;         /* a phrase without full stop: "runs a compiled model" */
    const char *description;     /* paragraphs divided by empty lines; NULL */
    const char *examples;        /* lines; NULL */
    const struct ax_option *options;
    int min_args, max_args; /* of what is not an option; max_args -1: any number */
};

enum ax_action { AX_ACTION_RUN, AX_ACTION_HELP, AX_ACTION_VERSION, AX_ACTION_MAN };

/* What was given; strings belong to argv or to mem. */
struct ax_args {
    struct ax_arena mem;
    const char **arg; /* what is not an option */
    int count;
    enum ax_action action;
    bool *given; /* by row of the table */
};

/* Fills the settings with defaults, then with what argv says. AX_INVALID_ARGUMENT names the option, the value and what would
 * be accepted. args is released with ax_args_free in any case. */
enum ax_status ax_options_parse(const struct ax_tool *tool, int argc, char **argv, void *settings, struct ax_args *args,
                                struct ax_error *err);
void ax_args_free(struct ax_args *args);
bool ax_option_given(const struct ax_tool *tool, const struct ax_args *args, const char *name);

/* For main(): parses, prints help, version, man page or the error. Returns -1 to go on, else the exit code (and args is
 * released already). From here on a file that grows too large is an error and no signal, and a standard output that could not
 * be written (a full disk) is an error at the end, with exit code 1. */
int ax_options_begin(const struct ax_tool *tool, int argc, char **argv, void *settings, struct ax_args *args);
/* Prints "NAME: MESSAGE" on stderr and returns the exit code for err->status: 3 for AX_LIMIT, else 1. */
int ax_tool_failed(const struct ax_tool *tool, const struct ax_error *err);

void ax_options_help(const struct ax_tool *tool, FILE *out);
void ax_options_man(const struct ax_tool *tool, FILE *out);

#endif
