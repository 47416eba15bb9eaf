#include "quantizer/precision.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RULES = 10000 };

/* -- patterns -- */

/* * stands for any text, ? for one character. On a mismatch only the last * is tried again: that is enough. */
static bool glob(const char *p, const char *s)
{
    const char *star = NULL, *from = s;
    while (*s) {
        if (*p == '*') {
            star = ++p;
            from = s;
        } else if (*p == '?' || *p == *s) {
            p++, s++;
        } else if (star) {
            p = star;
            s = ++from;
        } else
            return false;
    }
    while (*p == '*') p++;
    return !*p;
}

static bool answers(const char *pattern, const char *name)
{
    return !strcmp(pattern, name) || glob(pattern, name);
}

/* A value may have gone on under its name in the layout of the kernels. */
static bool value_answers(struct ax_arena *mem, const char *pattern, const char *name)
{
    const char *layout = strstr(name, "/nhwc");
    if (answers(pattern, name)) return true;
    return layout && answers(pattern, ax_arena_strn(mem, name, (size_t)(layout - name)));
}

static bool node_answers(struct ax_arena *mem, const char *pattern, const struct ax_graph *g, const struct ax_node *n)
{
    if (answers(pattern, n->name)) return true;
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] != AX_NONE && value_answers(mem, pattern, g->values[n->outputs[i]].name)) return true;
    return false;
}

/* -- reading and writing -- */

static void add_rule(struct ax_precision *p, struct ax_arena *mem, struct ax_json name, bool outputs, bool to_float)
{
    const char *pattern = ax_json_text(name, NULL);
    if (p->n == MAX_RULES) ax_json_fail(name, "more than %d names", MAX_RULES);
    if (pattern && p->n < MAX_RULES)
        p->rules[p->n++] = (struct ax_precision_rule){ax_arena_str(mem, pattern), outputs, to_float, false};
}

static void read_rule(struct ax_json rule, struct ax_arena *mem, struct ax_precision *p)
{
    static const char *const keys[] = {"layers", "outputs", "mode", NULL}, *const modes[] = {"a8_w8", "float32", NULL};
    struct ax_json layers = ax_json_get(rule, "layers"), outputs = ax_json_get(rule, "outputs");
    ax_json_only(rule, keys);
    bool to_float = ax_json_word(ax_json_need(rule, "mode"), modes, 0) == 1;
    if (ax_json_there(layers) == ax_json_there(outputs)) ax_json_fail(rule, "expected \"layers\" or \"outputs\"");
    if (ax_json_there(layers) && ax_json_is_text(layers)) {
        if (strcmp(ax_json_text(layers, ""), "output")) ax_json_fail(layers, "expected \"output\" or a list of names");
        if (p->n < MAX_RULES) p->rules[p->n++] = (struct ax_precision_rule){"*", true, to_float, false};
        return;
    }
    for (int i = 0; i < ax_json_count(layers) && !ax_json_status(rule.doc); i++)
        add_rule(p, mem, ax_json_at(layers, i), false, to_float);
    for (int i = 0; i < ax_json_count(outputs) && !ax_json_status(rule.doc); i++)
        add_rule(p, mem, ax_json_at(outputs, i), true, to_float);
}

void ax_precision_read(struct ax_json list, struct ax_arena *mem, struct ax_precision *p)
{
    *p = (struct ax_precision){0};
    if (!ax_json_there(list)) return;
    p->rules = AX_NEW(mem, struct ax_precision_rule, MAX_RULES);
    for (int i = 0; i < ax_json_count(list) && !ax_json_status(list.doc); i++) read_rule(ax_json_at(list, i), mem, p);
}

const char *ax_precision_text(const struct ax_precision *p, struct ax_arena *mem)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_array(w, NULL);
    ax_jw_line(w);
    for (int i = 0; i < p->n; i++) {
        ax_jw_object(w, NULL);
        ax_jw_array(w, p->rules[i].outputs ? "outputs" : "layers");
        ax_jw_text(w, NULL, p->rules[i].pattern);
        ax_jw_end(w);
        ax_jw_text(w, "mode", p->rules[i].to_float ? "float32" : "a8_w8");
        ax_jw_end(w);
    }
    ax_jw_end(w);
    char *made = ax_jw_finish(w), *text = ax_arena_strn(mem, made, strcspn(made, "\n"));
    free(made);
    return text;
}

/* -- against a graph -- */

/* The last rule that speaks of it, or NULL; all that do are marked. */
static const struct ax_precision_rule *rule_of_node(struct ax_precision *p, struct ax_arena *mem, const struct ax_graph *g,
                                                    const struct ax_node *n)
{
    const struct ax_precision_rule *last = NULL;
    for (int i = 0; i < p->n; i++) {
        struct ax_precision_rule *r = &p->rules[i];
        if (r->outputs || !node_answers(mem, r->pattern, g, n)) continue;
        r->used = true;
        last = r;
    }
    return last;
}

static const struct ax_precision_rule *rule_of_output(struct ax_precision *p, const char *name)
{
    const struct ax_precision_rule *last = NULL;
    for (int i = 0; i < p->n; i++) {
        struct ax_precision_rule *r = &p->rules[i];
        if (!r->outputs || !answers(r->pattern, name)) continue;
        r->used = true;
        last = r;
    }
    return last;
}

uint8_t *ax_precision_of_nodes(struct ax_precision *p, const struct ax_graph *g, struct ax_arena *mem)
{
    uint8_t *kind = AX_NEW(mem, uint8_t, g->n_nodes + 1);
    for (int k = 0; k < g->n_nodes && p->n; k++) {
        const struct ax_precision_rule *r = rule_of_node(p, mem, g, &g->nodes[k]);
        kind[k] = (uint8_t)(!r ? 0 : r->to_float ? 2 : 1);
    }
    return kind;
}

static void append(struct ax_arena *mem, const char *const **list, int *n, int more, const char *const *names)
{
    const char **all = AX_NEW(mem, const char *, *n + more + 1);
    for (int i = 0; i < *n; i++) all[i] = (*list)[i];
    for (int i = 0; i < more; i++) all[*n + i] = names[i];
    *list = all;
    *n += more;
}

void ax_precision_apply(struct ax_precision *p, const struct ax_graph *g, struct ax_arena *mem, struct ax_quant_options *opt)
{
    const char **to_float = AX_NEW(mem, const char *, g->n_nodes + 1), **to_int8 = AX_NEW(mem, const char *, g->n_nodes + 1);
    const char **outputs = AX_NEW(mem, const char *, g->n_outputs + 1);
    int n_float = 0, n_int8 = 0, n_outputs = 0;
    const uint8_t *kind = ax_precision_of_nodes(p, g, mem);
    for (int k = 0; k < g->n_nodes; k++) {
        if (kind[k] == 2) to_float[n_float++] = g->nodes[k].name;
        if (kind[k] == 1) to_int8[n_int8++] = g->nodes[k].name;
    }
    for (int o = 0; o < g->n_outputs; o++) {
        const char *name = g->values[g->outputs[o]].name;
        const struct ax_precision_rule *r = rule_of_output(p, name);
        if (r && !r->to_float) outputs[n_outputs++] = name;
    }
    append(mem, &opt->float_nodes, &opt->n_float_nodes, n_float, to_float);
    append(mem, &opt->int8_nodes, &opt->n_int8_nodes, n_int8, to_int8);
    append(mem, &opt->int8_outputs, &opt->n_int8_outputs, n_outputs, outputs);
}

void ax_precision_mark(struct ax_precision *p, const struct ax_graph *g)
{
    struct ax_arena mem;
    ax_arena_init(&mem);
    struct ax_quant_options ignored = {0};
    ax_precision_apply(p, g, &mem, &ignored);
    ax_arena_free(&mem);
}
