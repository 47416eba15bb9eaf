/* Real models import, and their outputs have the names, types and shapes that onnxruntime gives them.
 *
 *   model_shapes LIST FOLDER
 *
 * LIST is outputs.txt; FOLDER holds the models, plain or as .xz. Those that are not there are counted as skipped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnx/import.h"
#include "temp.h"

enum { LINE = 8192, SKIPPED = 77 };

static struct ax_shape parse_shape(const char *s)
{
    struct ax_shape r = {0};
    while (strcmp(s, "scalar") && r.rank < AX_MAX_RANK) {
        char *end;
        r.dim[r.rank++] = strtoll(s, &end, 10);
        if (*end != 'x') break;
        s = end + 1;
    }
    return r;
}

/* The file itself, or an unpacked copy of it, which the caller removes. */
static int find_model(const char *folder, const char *name, char *path, size_t size, int *temporary)
{
    char command[2048];
    *temporary = 0;
    snprintf(path, size, "%s/%s", folder, name);
    if (!access(path, R_OK)) return 1;
    if (!strncmp(name, "arch/", 5)) return 0; /* packed ones are without weights */
    snprintf(path, size, "%s/%s.xz", folder, name);
    if (access(path, R_OK)) return 0;
    char unpacked[TEMP_PATH];
    temp_path(unpacked, "model.onnx");
    snprintf(command, sizeof command, "xz -dc '%s' > '%s' 2>/dev/null", path, unpacked);
    snprintf(path, size, "%s", unpacked);
    *temporary = 1;
    return !system(command);
}

static int check_outputs(const struct ax_graph *g, char *expected, const char *name)
{
    char text[AX_SHAPE_TEXT], found[512], *save;
    int i = 0;
    for (char *p = strtok_r(expected, "|", &save); p; p = strtok_r(NULL, "|", &save), i++) {
        while (*p == ' ') p++;
        for (size_t n = strlen(p); n && (p[n - 1] == ' ' || p[n - 1] == '\n'); n--) p[n - 1] = 0;
        if (i < g->n_outputs) {
            const struct ax_value *v = &g->values[g->outputs[i]];
            snprintf(found, sizeof found, "%.300s %s %s", v->name, ax_dtype_text(v->dtype), ax_shape_text(&v->shape, text));
        }
        if (i < g->n_outputs && !strcmp(found, p)) continue;
        printf("FAIL %s: output %d is '%s', expected '%s'\n", name, i, i < g->n_outputs ? found : "missing", p);
        return 0;
    }
    if (i != g->n_outputs) printf("FAIL %s: %d outputs, expected %d\n", name, g->n_outputs, i);
    return i == g->n_outputs;
}

/* 1: good, 0: bad, -1: not there. */
static int check_line(char *line, const char *folder)
{
    struct ax_import_options opt = {0};
    struct ax_input_shape shapes[8];
    struct ax_graph *g = NULL;
    struct ax_error err;
    char path[1024], *save, *bar = strstr(line, " | ");
    int temporary, good = 0;
    if (!bar) return 0;
    *bar = 0;
    const char *name = strtok_r(line, " ", &save);
    for (char *p; (p = strtok_r(NULL, " ", &save));) {
        char *value = strtok_r(NULL, " ", &save), *colon = value ? strrchr(value, ':') : NULL;
        if (!strcmp(p, "--batch") && value) opt.batch = atoi(value);
        if (strcmp(p, "--input_shape") || !colon || opt.n_shapes == 8) continue;
        *colon = 0;
        shapes[opt.n_shapes++] = (struct ax_input_shape){value, parse_shape(colon + 1)};
    }
    opt.shapes = shapes;
    if (!find_model(folder, name, path, sizeof path, &temporary)) return -1;
    if (ax_import(path, &opt, &g, &err))
        printf("FAIL %s: %s\n", name, err.message);
    else
        good = check_outputs(g, bar + 3, name);
    ax_graph_free(g);
    if (temporary) unlink(path);
    return good;
}

int main(int argc, char **argv)
{
    static char line[LINE];
    int good = 0, bad = 0, absent = 0;
    FILE *f = argc == 3 ? fopen(argv[1], "r") : NULL;
    if (!f) return fprintf(stderr, "model_shapes LIST FOLDER\n"), 2;
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n') continue;
        int r = check_line(line, argv[2]);
        good += r == 1;
        bad += r == 0;
        absent += r < 0;
    }
    fclose(f);
    printf("%d models have onnxruntime's outputs, %d do not, %d are not there\n", good, bad, absent);
    return bad ? 1 : good ? 0 : SKIPPED;
}
