/* The table of operators: rows from ops/, found by enum and by name. */
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AX_OP(ENUM, row) extern const struct ax_op_row row;
#include "graph/ops.list"
#undef AX_OP

static const struct ax_op_row none = {.name = "none", .domain = "axon", .note = "a node that a pass removed"};

static const struct ax_op_row *const rows[AX_OP_COUNT] = {
    [AX_OP_NONE] = &none,
#define AX_OP(ENUM, row) [AX_OP_##ENUM] = &row,
#include "graph/ops.list"
#undef AX_OP
};

const struct ax_op_row *ax_op_row(enum ax_op op)
{
    return (unsigned)op < AX_OP_COUNT ? rows[op] : &none;
}

enum ax_op ax_op_find(const char *domain, const char *name)
{
    if (!domain || !strcmp(domain, "ai.onnx")) domain = "";
    for (int op = 1; op < AX_OP_COUNT; op++)
        if (!strcmp(rows[op]->name, name) && !strcmp(rows[op]->domain, domain)) return (enum ax_op)op;
    return AX_OP_NONE;
}

static int lower_case(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Levenshtein's distance, case aside, one row of the matrix at a time. */
enum { NAME_MAX = 64 };
static int edit_distance(const char *a, const char *b)
{
    int cost[NAME_MAX + 1], n = (int)strlen(b);
    for (int j = 0; j <= n; j++) cost[j] = j;
    for (int i = 1; *a; a++, i++) {
        int diagonal = cost[0];
        cost[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (lower_case(*a) != lower_case(b[j - 1]));
            if (cost[j] + 1 < best) best = cost[j] + 1;
            if (cost[j - 1] + 1 < best) best = cost[j - 1] + 1;
            diagonal = cost[j];
            cost[j] = best;
        }
    }
    return cost[n];
}

const char *ax_op_nearest(const char *name)
{
    int best = (int)strlen(name) / 3 + 1;
    const char *found = NULL;
    if (strlen(name) > NAME_MAX) return NULL;
    for (int op = 1; op < AX_OP_COUNT; op++) {
        if (strcmp(rows[op]->domain, "") != 0) continue;
        int d = edit_distance(name, rows[op]->name);
        if (d >= best) continue;
        best = d;
        found = rows[op]->name;
    }
    return found;
}
