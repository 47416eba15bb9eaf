/* Attributes of nodes: small lists, searched from the front. */
#include <string.h>

#include "graph/graph.h"

static struct ax_attr *find(const struct ax_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (!strcmp(n->attrs[i].name, name)) return &n->attrs[i];
    return NULL;
}

/* The attribute of that name, made if absent; its contents are the caller's to set. */
static struct ax_attr *claim(struct ax_graph *g, int node, const char *name)
{
    struct ax_node *n = &g->nodes[node];
    struct ax_attr *a = find(n, name);
    if (a) return a;
    struct ax_attr *grown = AX_NEW(&g->arena, struct ax_attr, n->n_attrs + 1);
    if (n->n_attrs) memcpy(grown, n->attrs, sizeof *grown * (size_t)n->n_attrs);
    n->attrs = grown;
    a = &grown[n->n_attrs++];
    a->name = ax_arena_str(&g->arena, name);
    return a;
}

void ax_node_set_int(struct ax_graph *g, int node, const char *attr, int64_t v)
{
    struct ax_attr *a = claim(g, node, attr);
    *a = (struct ax_attr){.name = a->name, .type = AX_ATTR_INT, .count = 1, .i = v};
}

void ax_node_set_float(struct ax_graph *g, int node, const char *attr, float v)
{
    struct ax_attr *a = claim(g, node, attr);
    *a = (struct ax_attr){.name = a->name, .type = AX_ATTR_FLOAT, .count = 1, .f = v};
}

void ax_node_set_ints(struct ax_graph *g, int node, const char *attr, const int64_t *v, int count)
{
    const int64_t *own = ax_arena_copy(&g->arena, v, sizeof *v * (size_t)count);
    struct ax_attr *a = claim(g, node, attr);
    *a = (struct ax_attr){.name = a->name, .type = AX_ATTR_INTS, .count = count, .ints = own};
}

void ax_node_set_floats(struct ax_graph *g, int node, const char *attr, const float *v, int count)
{
    const float *own = ax_arena_copy(&g->arena, v, sizeof *v * (size_t)count);
    struct ax_attr *a = claim(g, node, attr);
    *a = (struct ax_attr){.name = a->name, .type = AX_ATTR_FLOATS, .count = count, .floats = own};
}

void ax_node_set_string(struct ax_graph *g, int node, const char *attr, const char *v)
{
    const char *own = ax_arena_str(&g->arena, v);
    struct ax_attr *a = claim(g, node, attr);
    *a = (struct ax_attr){.name = a->name, .type = AX_ATTR_STRING, .count = (int)strlen(v), .s = own};
}

void ax_node_unset(struct ax_graph *g, int node, const char *attr)
{
    struct ax_node *n = &g->nodes[node];
    struct ax_attr *a = find(n, attr);
    if (!a) return;
    n->n_attrs--;
    memmove(a, a + 1, sizeof *a * (size_t)(n->attrs + n->n_attrs - a));
}

void ax_node_copy_attrs(struct ax_graph *g, int to, int from)
{
    if (to == from) return;
    for (int i = 0; i < g->nodes[from].n_attrs; i++) {
        const struct ax_attr *source = &g->nodes[from].attrs[i];
        struct ax_attr *a = claim(g, to, source->name);
        const char *name = a->name;
        *a = *source; /* contents are never changed in place, so they may be shared */
        a->name = name;
    }
}

const struct ax_attr *ax_node_attr(const struct ax_node *n, const char *attr)
{
    return find(n, attr);
}

int64_t ax_node_int(const struct ax_node *n, const char *attr, int64_t otherwise)
{
    const struct ax_attr *a = find(n, attr);
    return a && a->type == AX_ATTR_INT ? a->i : otherwise;
}

float ax_node_float(const struct ax_node *n, const char *attr, float otherwise)
{
    const struct ax_attr *a = find(n, attr);
    return a && a->type == AX_ATTR_FLOAT ? a->f : otherwise;
}

const char *ax_node_string(const struct ax_node *n, const char *attr, const char *otherwise)
{
    const struct ax_attr *a = find(n, attr);
    return a && a->type == AX_ATTR_STRING ? a->s : otherwise;
}

int ax_node_ints(const struct ax_node *n, const char *attr, int64_t *out, int max, int64_t otherwise)
{
    const struct ax_attr *a = find(n, attr);
    int count = a && a->type == AX_ATTR_INTS ? a->count : 0;
    for (int i = 0; i < max; i++) out[i] = i < count ? a->ints[i] : otherwise;
    return count;
}

bool ax_attr_equal(const struct ax_attr *a, const struct ax_attr *b)
{
    if (a->type != b->type || a->count != b->count) return false;
    switch (a->type) {
    case AX_ATTR_INT: return a->i == b->i;
    case AX_ATTR_FLOAT: return !memcmp(&a->f, &b->f, sizeof a->f);
    case AX_ATTR_STRING: return !strcmp(a->s, b->s);
    case AX_ATTR_INTS: return !memcmp(a->ints, b->ints, sizeof *a->ints * (size_t)a->count);
    case AX_ATTR_FLOATS: return !memcmp(a->floats, b->floats, sizeof *a->floats * (size_t)a->count);
    }
    return false;
}
