/* Scopes: one word a model, put before each of its names. */
#include <string.h>

#include "base/file.h"
#include "join.h"

static const char *made_up(struct ax_join *j, const struct ax_join_model *m)
{
    char *s = ax_path_stem(&j->mem, m->file);
    const char *inside = m->has_pipeline ? m->pipeline.name : m->has_manifest ? m->manifest.name : NULL;
    if (m->compiled && !strcmp(s, "model") && inside && *inside) s = ax_arena_str(&j->mem, inside);
    for (char *p = s; *p; p++)
        if (strchr("/=,:* \t", *p)) *p = '_';
    return *s ? s : "model";
}

static enum ax_status check(const char *s, struct ax_error *err)
{
    if (*s && !strpbrk(s, "/=,:* \t\n")) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--scope '%s': expected a word without blanks and / = , : *", s);
}

static bool taken(const struct ax_join *j, int but, const char *s)
{
    for (int i = 0; i < j->n_models; i++)
        if (i != but && j->models[i].scope && !strcmp(j->models[i].scope, s)) return true;
    return false;
}

/* resnet18, resnet18 -> resnet18_1, resnet18_2 */
static void number_equal(struct ax_join *j, const bool *fixed)
{
    for (int i = 0; i < j->n_models; i++) {
        const char *name = j->models[i].scope;
        int n = 0;
        if (fixed[i] || !taken(j, i, name)) continue;
        for (int k = i; k < j->n_models; k++) {
            if (fixed[k] || strcmp(j->models[k].scope, name)) continue;
            do j->models[k].scope = ax_arena_printf(&j->mem, "%s_%d", name, ++n);
            while (taken(j, k, j->models[k].scope));
        }
    }
}

enum ax_status ax_join_scopes(struct ax_join *j, const char *const *given, int n_given, struct ax_error *err)
{
    bool fixed[AX_JOIN_MAX_MODELS] = {false};
    if (n_given > j->n_models)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--scope is given %d times for %d models", n_given, j->n_models);
    for (int i = 0; i < j->n_models; i++) {
        fixed[i] = i < n_given && given[i];
        if (!fixed[i]) continue;
        if (check(given[i], err)) return err->status;
        if (taken(j, i, given[i]))
            return ax_fail(err, AX_INVALID_ARGUMENT, "--scope '%s' is given to two models (%s and another); give each its own",
                           given[i], j->models[i].path);
        j->models[i].scope = ax_arena_str(&j->mem, given[i]);
    }
    for (int i = 0; i < j->n_models; i++)
        if (!fixed[i]) j->models[i].scope = made_up(j, &j->models[i]);
    number_equal(j, fixed);
    return AX_OK;
}
