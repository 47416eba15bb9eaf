/* Import -> export -> import: the graph that comes back is the one that went, to the bit of every constant and attribute, and
 * the same graph gives the same bytes.
 *
 *   export_tests PATH...      .onnx files, or folders in which all model.onnx and *.onnx are taken, at any depth
 *
 * Models that the importer does not take are counted and left out; what the exporter refuses fails. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "temp.h"

enum { SKIPPED = 77 };

static int equal, different, refused;

/* -- two graphs -- */

static const char *value_difference(const struct ax_graph *g, int a, const struct ax_graph *h, int b)
{
    if (a == AX_NONE || b == AX_NONE) return a == b ? NULL : "an input is absent in one of them";
    const struct ax_value *x = &g->values[a], *y = &h->values[b];
    if (!x->data && strcmp(x->name, y->name)) return "a name";
    if (x->dtype != y->dtype || !ax_shape_equal(&x->shape, &y->shape)) return "a type or shape";
    if (!x->data != !y->data) return "what is constant";
    if (x->data && memcmp(x->data, y->data, (size_t)ax_value_bytes(x))) return "a constant";
    return NULL;
}

static const char *node_difference(const struct ax_graph *g, const struct ax_node *a, const struct ax_graph *h,
                                   const struct ax_node *b)
{
    const char *d = NULL;
    if (a->op != b->op) return "an operator";
    if (a->n_attrs != b->n_attrs) return "how many attributes";
    for (int i = 0; i < a->n_attrs; i++) {
        const struct ax_attr *other = ax_node_attr(b, a->attrs[i].name);
        if (!other || !ax_attr_equal(&a->attrs[i], other)) return a->attrs[i].name;
    }
    for (int i = 0; (i < a->n_inputs || i < b->n_inputs) && !d; i++) d = value_difference(g, ax_in(a, i), h, ax_in(b, i));
    for (int i = 0; (i < a->n_outputs || i < b->n_outputs) && !d; i++) d = value_difference(g, ax_out(a, i), h, ax_out(b, i));
    return d;
}

/* What differs; NULL: nothing. */
static const char *difference(const struct ax_graph *g, const struct ax_graph *h, char *where, size_t room)
{
    const char *d = NULL;
    *where = 0;
    if (g->n_inputs != h->n_inputs || g->n_outputs != h->n_outputs || g->n_nodes != h->n_nodes)
        return "how many inputs, outputs or nodes";
    for (int i = 0; i < g->n_inputs && !d; i++) d = value_difference(g, g->inputs[i], h, h->inputs[i]);
    for (int i = 0; i < g->n_outputs && !d; i++) d = value_difference(g, g->outputs[i], h, h->outputs[i]);
    for (int k = 0; k < g->n_nodes && !d; k++) {
        d = node_difference(g, &g->nodes[k], h, &h->nodes[k]);
        if (d) snprintf(where, room, "node %s (%s): ", g->nodes[k].name, ax_op_name(g->nodes[k].op));
    }
    return d;
}

/* -- one model -- */

static enum ax_status import_bytes(const uint8_t *bytes, size_t n, struct ax_graph **out, struct ax_error *err)
{
    char path[TEMP_PATH];
    struct ax_import_options opt = {.no_check = 1};
    enum ax_status s = ax_file_write(temp_path(path, "model.onnx"), bytes, n, err);
    if (!s) s = ax_import(path, &opt, out, err);
    return s;
}

static void report(const char *path, const char *where, const char *what)
{
    different++;
    printf("%s: %s%s\n", path, where, what);
}

static void round_trip(const char *path, const struct ax_graph *g)
{
    static const struct ax_export_options opt = {.producer = "test", .version = "1"};
    struct ax_error err;
    struct ax_graph *h = NULL;
    uint8_t *first = NULL, *second = NULL;
    size_t n = 0, m = 0;
    char where[300] = "";
    const char *d;
    if (ax_export(g, &opt, &first, &n, NULL, &err))
        report(path, "exporting: ", err.message);
    else if (import_bytes(first, n, &h, &err))
        report(path, "importing again: ", err.message);
    else if ((d = difference(g, h, where, sizeof where)))
        report(path, where, d);
    else if (ax_export(g, &opt, &second, &m, NULL, &err) || n != m || memcmp(first, second, n))
        report(path, "", "another export of the same graph gives other bytes");
    else
        equal++;
    free(first);
    free(second);
    ax_graph_free(h);
}

static void test_file(const char *path)
{
    struct ax_error err;
    struct ax_graph *g = NULL;
    struct ax_import_options opt = {.no_check = 1, .batch = 0};
    if (ax_import(path, &opt, &g, &err)) {
        opt.batch = 1;
        if (ax_import(path, &opt, &g, &err)) {
            refused++;
            return;
        }
    }
    round_trip(path, g);
    ax_graph_free(g);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_path(const char *path)
{
    struct stat st;
    struct dirent *e;
    char *names[8192];
    int n = 0;
    if (stat(path, &st)) return;
    if (!S_ISDIR(st.st_mode)) {
        size_t len = strlen(path);
        if (len > 5 && !strcmp(path + len - 5, ".onnx")) test_file(path);
        return;
    }
    DIR *d = opendir(path);
    while (d && (e = readdir(d)) && n < 8192)
        if (e->d_name[0] != '.') names[n++] = strdup(e->d_name);
    if (d) closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    for (int i = 0; i < n; i++) {
        char inner[4096];
        if ((size_t)snprintf(inner, sizeof inner, "%s/%s", path, names[i]) < sizeof inner) test_path(inner);
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) test_path(argv[i]);
    printf("%d models came back equal, %d did not; %d are not imported\n", equal, different, refused);
    if (!equal && !different) return SKIPPED;
    return different > 0;
}
