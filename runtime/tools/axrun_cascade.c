#include "tools/axrun_cascade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MOST_MODELS = 16 };

/* -- finding -- */

static enum ax_status make_room(struct ax_run *r, struct ax_error *err)
{
    r->cascade = calloc(1, sizeof *r->cascade);
    return r->cascade ? AX_OK : ax_fail(err, AX_NO_MEMORY, "no memory for several models");
}

static int stage_named(const struct ax_cascade *c, const char *name)
{
    int i = 0;
    while (i < c->n_stages && strcmp(c->stages[i].name, name)) i++;
    return i < c->n_stages ? i : -1;
}

static const char *stage_list(struct ax_run *r)
{
    const char *all = "";
    for (int i = 0; i < r->cascade->is.n_stages; i++)
        all = ax_arena_printf(&r->mem, "%s%s%s", all, i ? ", " : "", r->cascade->is.stages[i].name);
    return all;
}

/* --labels STAGE=FILE,... */
static enum ax_status find_labels(struct ax_run *r, struct ax_error *err)
{
    struct ax_run_cascade *c = r->cascade;
    char *text = r->set->labels ? ax_arena_str(&r->mem, r->set->labels) : NULL;
    c->labels = AX_NEW(&r->mem, const char *, c->is.n_stages);
    for (char *one; text && (one = strsep(&text, ","));) {
        char *file = strchr(one, '=');
        if (file) *file++ = 0;
        int i = file ? stage_named(&c->is, one) : -1;
        if (!file)
            return ax_fail(err, AX_INVALID_ARGUMENT,
                           "--labels %s: which model's classes are these? There are several (%s): --labels %s=%s", one,
                           stage_list(r), c->is.stages[c->is.n_stages - 1].name, one);
        if (i < 0)
            return ax_fail(err, AX_NOT_FOUND, "--labels %s=%s: there is no stage '%s'; the stages are %s", one, file, one,
                           stage_list(r));
        if (!ax_file_exists(file)) return ax_fail(err, AX_NOT_FOUND, "--labels %s=%s: there is no such file", one, file);
        c->labels[i] = file;
    }
    return AX_OK;
}

/* --pipe float: the model that the stage's was made from. */
static enum ax_status find_float(struct ax_run *r, const char **axmodel, struct ax_error *err)
{
    struct ax_descriptor d = {0};
    if (strcmp(r->set->pipe, "float") || r->is_float) return AX_OK;
    enum ax_status s = r->artifact.descriptor ? ax_descriptor_read(r->artifact.descriptor, &d, err) : AX_OK;
    if (!s) s = ax_run_float_model(r, d.source, axmodel, err);
    ax_descriptor_free(&d);
    return s;
}

static enum ax_status find_models(struct ax_run *r, struct ax_error *err)
{
    struct ax_run_cascade *c = r->cascade;
    c->models = AX_NEW(&r->mem, struct ax_cascade_model, c->is.n_stages);
    for (int i = 0; i < c->is.n_stages; i++) {
        const char *name = c->is.stages[i].model, *beside = ax_path_join(&r->mem, c->is.dir, name);
        enum ax_status s = ax_run_find(r, ax_file_exists(beside) ? beside : name, err);
        const char *axmodel = r->artifact.model;
        if (!s) s = find_float(r, &axmodel, err);
        if (s) return ax_fail_in(err, "stage '%s'", c->is.stages[i].name);
        c->models[i] = (struct ax_cascade_model){axmodel, r->artifact.descriptor};
    }
    r->artifact.name = c->is.name;
    return find_labels(r, err);
}

enum ax_status ax_run_find_cascade(struct ax_run *r, const char *path, struct ax_error *err)
{
    enum ax_status s = make_room(r, err);
    if (!s) s = ax_cascade_read(path, &r->cascade->is, err);
    return s ? s : find_models(r, err);
}

/* -- --models -- */

static enum ax_status parse_number(const char *what, const char *text, long low, long high, long *out, struct ax_error *err)
{
    char *end;
    *out = strtol(text, &end, 10);
    if (*text && !*end && *out >= low && *out <= high) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--models: %s=%s: a number from %ld to %ld is expected", what, text, low, high);
}

static enum ax_status parse_rule(char *text, struct ax_schedule_rule *rule, struct ax_error *err)
{
    long v;
    for (char *word; (word = strsep(&text, ":"));) {
        char *value = strchr(word, '=');
        if (value) *value++ = 0;
        enum ax_status s = AX_OK;
        if (value && !strcmp(word, "priority")) {
            s = parse_number(word, value, 0, AX_PRIORITY_MOST, &v, err);
            if (!s) rule->priority = (int)v;
        } else if (value && !strcmp(word, "threshold")) {
            s = parse_number(word, value, 1, 1000, &v, err);
            if (!s) rule->threshold = (int)v;
        } else if (value && !strcmp(word, "timeout")) {
            s = parse_number(word, value, 0, 3600000, &v, err);
            if (!s) rule->timeout_ms = v;
        } else
            s = ax_fail(err, AX_INVALID_ARGUMENT,
                        "--models: '%s' behind a model; priority=N, threshold=N or timeout=MS are expected", word);
        if (s) return s;
    }
    return AX_OK;
}

/* build/a/a/1 is a, a.axmodel too; squeezenet1.1 stays as it is. */
static const char *short_name(struct ax_run *r, const char *path)
{
    const char *base = ax_path_base(path), *dir = path;
    while (*base && strspn(base, "0123456789") == strlen(base)) base = ax_path_base(dir = ax_path_dir(&r->mem, dir));
    bool file = ax_path_has_ext(base, ".axmodel") || ax_path_has_ext(base, ".json") || ax_path_has_ext(base, ".onnx");
    const char *stem = !*base ? path : file ? ax_path_stem(&r->mem, base) : base;
    return strcmp(stem, "model") ? stem : ax_path_base(ax_path_dir(&r->mem, path));
}

struct model_list {
    const char *path[MOST_MODELS];
    struct ax_schedule_rule rules[MOST_MODELS];
    int n;
    bool ruled; /* any of them has a rule of its own */
};

static enum ax_status parse_models(const char *list, struct ax_arena *mem, struct model_list *out, struct ax_error *err)
{
    char *text = ax_arena_str(mem, list);
    out->n = 0, out->ruled = false;
    for (char *one; (one = strsep(&text, ",")); out->n++) {
        if (out->n == MOST_MODELS) return ax_fail(err, AX_LIMIT, "--models: at most %d models", MOST_MODELS);
        char *rule = strchr(one, ':');
        if (rule) *rule++ = 0;
        if (!*one) return ax_fail(err, AX_INVALID_ARGUMENT, "--models: '%s' has an empty name", list);
        out->rules[out->n] = ax_schedule_rule_default();
        out->ruled |= rule != NULL;
        if (rule && parse_rule(rule, &out->rules[out->n], err)) return err->status;
        out->path[out->n] = one;
    }
    return AX_OK;
}

enum ax_status ax_run_check_models(const char *list, struct ax_error *err)
{
    struct ax_arena mem = {0};
    struct model_list models;
    enum ax_status s = parse_models(list, &mem, &models, err);
    ax_arena_free(&mem);
    return s;
}

enum ax_status ax_run_find_models(struct ax_run *r, const char *list, struct ax_error *err)
{
    const char *names[MOST_MODELS], *all = "";
    struct model_list *models = AX_NEW(&r->mem, struct model_list, 1);
    enum ax_status s = make_room(r, err);
    if (!s) s = parse_models(list, &r->mem, models, err);
    if (s) return s;
    for (int i = 0; i < models->n; i++) {
        names[i] = short_name(r, models->path[i]);
        all = ax_arena_printf(&r->mem, "%s%s%s", all, i ? "+" : "", names[i]);
    }
    ax_cascade_of_models(names, models->n, &r->cascade->is);
    for (int i = 0; i < models->n; i++) r->cascade->is.stages[i].model = models->path[i];
    r->cascade->is.name = all;
    r->cascade->rules = models->rules;
    r->cascade->ruled = models->ruled;
    return find_models(r, err);
}

void ax_run_cascade_close(struct ax_run *r)
{
    if (!r->cascade) return;
    ax_cascade_close(r->cascade->running);
    r->cascade->running = NULL;
}

void ax_run_cascade_free(struct ax_run *r)
{
    if (!r->cascade) return;
    ax_run_cascade_close(r);
    ax_cascade_free(&r->cascade->is);
    free(r->cascade);
    r->cascade = NULL;
}

/* -- running -- */

enum ax_runner_policy ax_run_policy(const struct ax_run_settings *set)
{
    if (!strcmp(set->on_error, "stop")) return AX_RUNNER_STOP;
    return !strcmp(set->on_error, "retry") ? AX_RUNNER_RETRY : AX_RUNNER_SKIP;
}

enum ax_status ax_run_cascade_open(struct ax_run *r, int depth, bool all_candidates, struct ax_record *record,
                                   struct ax_error *err)
{
    struct ax_run_cascade *c = r->cascade;
    struct ax_cascade_options opt = {.depth = depth,
                                     .timeout_ms = r->set->timeout,
                                     .on_error = ax_run_policy(r->set),
                                     .retries = (int)r->set->retries,
                                     .top_k = (int)r->set->top_k,
                                     .batch = (int)r->set->batch,
                                     .labels = c->labels,
                                     .all_candidates = all_candidates,
                                     .record = record,
                                     .share = c->rules != NULL,
                                     .rules = c->rules};
    return ax_cascade_open(&c->is, c->models, r->devices.item, r->devices.count, &opt, &c->running, err);
}

void ax_run_cascade_warn(const struct ax_run *r)
{
    const struct ax_run_cascade *c = r->cascade;
    struct ax_error why;
    for (int i = 0; i < c->is.n_stages; i++) {
        int64_t n = ax_cascade_refused(c->running, i, &why);
        if (n)
            fprintf(stderr, "axrun: stage '%s': %lld region%s passed over; the last one: %s\n", c->is.stages[i].name,
                    (long long)n, n == 1 ? " was" : "s were", why.message);
    }
}

void ax_run_cascade_say(const struct ax_run *r)
{
    const struct ax_run_cascade *c = r->cascade;
    bool shared;
    for (int i = 0; i < c->is.n_stages; i++) {
        int cores = ax_cascade_cores(c->running, i, &shared);
        fprintf(stderr, "%s: %lld runs on %d core%s", c->is.stages[i].name, (long long)ax_cascade_regions(c->running, i), cores,
                cores == 1 ? "" : "s");
        struct ax_schedule_counts n = ax_cascade_counts(c->running, i);
        if (shared)
            fprintf(stderr, ", %lld turns, waited %.2f ms on average, %.2f ms at most", (long long)n.turns,
                    n.served ? (double)n.waited_ns / (double)n.served * 1e-6 : 0, (double)n.longest_wait_ns * 1e-6);
        fprintf(stderr, "\n");
    }
}
