/* ONNX's own tests (node, simple, pytorch-*) through the real importer, passes, lowering and executor.
 *
 *   node_tests DATA LIST [--doc FILE | --check FILE] [--only NAME] [--print]
 *
 * DATA holds one folder a category, each with one folder a test: model.onnx and test_data_set_0/{input,output}_N.pb. LIST
 * names the tests that are known to fail, each with its reason. Tests whose operator Axon does not know are counted apart.
 * --doc writes docs/onnx-node-tests.md, --check compares it. Fails when a test fails that LIST does not name, or one that it
 * names passes. Each test runs in a process of its own, so that a crash is one failed test. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/exec.h"
#include "lower/lower.h"
#include "onnx/file.h"
#include "onnx/import.h"
#include "passes/passes.h"

enum { MAX_IO = 64, MAX_TESTS = 4096, MAX_TEXT = 400 };
enum { SKIPPED = 77 };

enum verdict { PASS, FAIL, UNKNOWN };

struct result {
    char name[160], op[64];
    char text[MAX_TEXT], reason[200]; /* what happened; what the list says */
    enum verdict verdict;
    int listed;
};

struct tensor {
    char *name;
    enum ax_dtype dtype;
    struct ax_shape shape;
    void *data;
};

struct test {
    struct ax_arena arena;
    char dir[704];
    struct tensor in[MAX_IO], out[MAX_IO];
    int n_in, n_out;
    char bound[MAX_IO]; /* input i is a constant of the model */
    char text[MAX_TEXT];
};

static int read_tensors(struct test *t, const char *kind, struct tensor *to)
{
    struct ax_error err;
    for (int n = 0; n < MAX_IO; n++) {
        char path[800];
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", t->dir, kind, n);
        if (access(path, R_OK)) return n;
        if (!ax_import_tensor(path, &t->arena, &to[n].name, &to[n].dtype, &to[n].shape, &to[n].data, &err)) continue;
        snprintf(t->text, sizeof t->text, "test data: %.350s",
                 strrchr(err.message, '/') ? strrchr(err.message, '/') + 1 : err.message);
        return -1;
    }
    return MAX_IO;
}

/* Test data follow the order of the model's inputs; some have no names of their own. */
static void name_inputs(struct test *t, const Onnx__GraphProto *g)
{
    int n = 0;
    for (size_t i = 0; i < g->n_input && n < t->n_in; i++) {
        int is_weight = 0;
        for (size_t k = 0; k < g->n_initializer; k++) is_weight |= !strcmp(g->initializer[k]->name, g->input[i]->name);
        if (!is_weight) t->in[n++].name = ax_arena_str(&t->arena, g->input[i]->name);
    }
}

/* -- comparing -- */

static double at(const struct tensor *x, int64_t i)
{
    switch (x->dtype) {
    case AX_DTYPE_FLOAT32: return (double)((const float *)x->data)[i];
    case AX_DTYPE_INT64: return (double)((const int64_t *)x->data)[i];
    case AX_DTYPE_INT32: return ((const int32_t *)x->data)[i];
    case AX_DTYPE_INT16: return ((const int16_t *)x->data)[i];
    case AX_DTYPE_UINT16: return ((const uint16_t *)x->data)[i];
    case AX_DTYPE_UINT32: return ((const uint32_t *)x->data)[i];
    case AX_DTYPE_UINT64: return (double)((const uint64_t *)x->data)[i];
    case AX_DTYPE_INT8: return ((const int8_t *)x->data)[i];
    default: return ((const uint8_t *)x->data)[i];
    }
}

/* rtol 1e-3, atol 1e-7 as ONNX says, and a millionth of the largest value, since sums may be taken in another order. */
static int compare(struct test *t, int k, const struct tensor *got)
{
    const struct tensor *want = &t->out[k];
    char a[AX_SHAPE_TEXT], b[AX_SHAPE_TEXT];
    double largest = 0;
    if (!ax_shape_equal(&want->shape, &got->shape) || want->dtype != got->dtype) {
        snprintf(t->text, sizeof t->text, "output %d is %s %s, expected %s %s", k, ax_dtype_text(got->dtype),
                 ax_shape_text(&got->shape, a), ax_dtype_text(want->dtype), ax_shape_text(&want->shape, b));
        return 0;
    }
    int64_t n = ax_shape_count(&want->shape);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(at(want, i)) && fabs(at(want, i)) > largest) largest = fabs(at(want, i));
    for (int64_t i = 0; i < n; i++) {
        double x = at(got, i), y = at(want, i);
        if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-7 + 1e-3 * fabs(y) + 1e-6 * largest) continue;
        snprintf(t->text, sizeof t->text, "output %d, element %lld of %lld is %.7g, expected %.7g", k, (long long)i,
                 (long long)n, x, y);
        return 0;
    }
    return 1;
}

/* -- running -- */

static const struct tensor *input_named(const struct test *t, const char *name)
{
    for (int i = 0; i < t->n_in; i++)
        if (!strcmp(t->in[i].name, name)) return &t->in[i];
    return NULL;
}

static int run_program(struct test *t, struct ax_exec *e, const struct ax_program *p, struct ax_error *err)
{
    for (int i = 0; i < p->n_inputs; i++) {
        const struct tensor *x = input_named(t, p->inputs[i].name);
        if (!x) return !ax_fail(err, AX_NOT_FOUND, "no test data for input '%s'", p->inputs[i].name);
        if (ax_exec_set_input(e, i, x->data, x->dtype, NULL, err)) return 0;
    }
    ax_exec_run(e, 0, p->n_steps, NULL);
    if (p->n_outputs != t->n_out) return !ax_fail(err, AX_INTERNAL, "%d outputs, expected %d", p->n_outputs, t->n_out);
    for (int k = 0; k < p->n_outputs; k++) {
        struct tensor got = {.dtype = p->outputs[k].dtype, .shape = p->outputs[k].shape};
        got.data = ax_arena_alloc(&t->arena, (size_t)ax_shape_count(&got.shape) * 8 + 8);
        if (ax_exec_get_output(e, k, got.data, got.dtype, NULL, err)) return 0;
        if (!compare(t, k, &got)) return !ax_fail(err, AX_INTERNAL, "wrong: %s", t->text);
    }
    return 1;
}

static struct ax_graph *import(const struct test *t, struct ax_error *err)
{
    struct ax_bound_input bound[MAX_IO];
    struct ax_input_shape shapes[MAX_IO];
    struct ax_import_options opt = {.bound = bound, .shapes = shapes, .no_check = 1};
    struct ax_graph *g = NULL;
    char path[800];
    for (int i = 0; i < t->n_in; i++) {
        const struct tensor *x = &t->in[i];
        if (t->bound[i])
            bound[opt.n_bound++] = (struct ax_bound_input){x->name, x->dtype, x->shape, x->data};
        else
            shapes[opt.n_shapes++] = (struct ax_input_shape){x->name, x->shape};
    }
    snprintf(path, sizeof path, "%s/model.onnx", t->dir);
    ax_import(path, &opt, &g, err);
    return g;
}

static int attempt(struct test *t, struct ax_error *err)
{
    struct ax_pass_options passes = {.verify = 1};
    struct ax_exec_options exec = {.threads = 1};
    struct ax_program *p = NULL;
    struct ax_exec *e = NULL;
    int ok = 0;
    struct ax_graph *g = import(t, err);
    if (g && !ax_passes_run(g, &passes, err) && !ax_lower(g, &(struct ax_lower_options){0}, &p, NULL, err) &&
        !ax_exec_new(p, &exec, &e, err))
        ok = run_program(t, e, p, err);
    ax_exec_free(e);
    ax_program_free(p);
    ax_graph_free(g);
    return ok;
}

/* Binds the inputs that the message names; else all integers; else all but the first. 0 when nothing is left to bind. */
static int bind_more(struct test *t, const char *message)
{
    int bound = 0, any = 0;
    char quoted[300];
    for (int i = 0; i < t->n_in; i++) {
        snprintf(quoted, sizeof quoted, "'%s'", t->in[i].name);
        if (!t->bound[i] && strstr(message, quoted)) t->bound[i] = 1, bound = 1;
    }
    for (int i = 0; i < t->n_in && !bound; i++)
        if (!t->bound[i] && t->in[i].dtype != AX_DTYPE_FLOAT32) t->bound[i] = any = 1;
    for (int i = 1; i < t->n_in && !bound && !any; i++)
        if (!t->bound[i]) t->bound[i] = any = 1;
    return bound || any;
}

static enum verdict run_test(struct test *t, char *op, size_t op_bytes)
{
    struct ax_error err = {0};
    struct model_file f = {0};
    char path[800];
    snprintf(path, sizeof path, "%s/model.onnx", t->dir);
    if (model_file_open(&f, path, &err)) {
        snprintf(t->text, sizeof t->text, "%.390s", err.message);
        return FAIL;
    }
    if (f.proto->graph->n_node) snprintf(op, op_bytes, "%s", f.proto->graph->node[0]->op_type);
    ax_graph_free(import(t, &err)); /* without any data: is the operator known? */
    const char *unknown = strstr(err.message, "operator ");
    if (unknown && strstr(unknown, "is unknown to Axon")) {
        snprintf(op, op_bytes, "%.*s", (int)strcspn(unknown + 9, " "), unknown + 9);
        model_file_close(&f);
        return UNKNOWN;
    }
    t->n_in = read_tensors(t, "input", t->in);
    t->n_out = t->n_in < 0 ? -1 : read_tensors(t, "output", t->out);
    if (t->n_in >= 0) name_inputs(t, f.proto->graph);
    model_file_close(&f);
    if (t->n_in < 0 || t->n_out < 0) return FAIL;
    do
        if (attempt(t, &err)) return PASS;
    while (strncmp(err.message, "wrong", 5) && bind_more(t, err.message));
    const char *m = strstr(err.message, "model.onnx: ");
    snprintf(t->text, sizeof t->text, "%.390s", m ? m + 12 : err.message);
    return FAIL;
}

static void run_apart(const char *dir, struct result *r)
{
    int fd[2], status = 0;
    if (pipe(fd)) exit(1);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        static struct test t;
        close(fd[0]);
        alarm(60);
        snprintf(t.dir, sizeof t.dir, "%s", dir);
        r->verdict = run_test(&t, r->op, sizeof r->op);
        snprintf(r->text, sizeof r->text, "%s", t.text);
        if (write(fd[1], r, sizeof *r) != (ssize_t)sizeof *r) _exit(1);
        ax_arena_free(&t.arena);
        _exit(0);
    }
    close(fd[1]);
    ssize_t n = read(fd[0], r, sizeof *r);
    close(fd[0]);
    waitpid(pid, &status, 0);
    if (n == (ssize_t)sizeof *r && WIFEXITED(status) && !WEXITSTATUS(status)) return;
    r->verdict = FAIL;
    snprintf(r->text, sizeof r->text, "crashed (%s)", WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit");
}

/* -- the list of known failures -- */

static void read_list(const char *path, struct result *results, int n)
{
    char line[600];
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    while (fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (line[0] == '#' || !colon || colon[1] != ' ') continue;
        *colon = 0;
        int found = 0;
        for (int i = 0; i < n; i++)
            if (!strcmp(results[i].name, line)) {
                results[i].listed = found = 1;
                snprintf(results[i].reason, sizeof results[i].reason, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            }
        if (!found) printf("note: %s lists %s, which is not there\n", path, line);
    }
    fclose(f);
}

/* -- the report -- */

static int by_op(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    int c = strcmp(x->op, y->op);
    return c ? c : strcmp(x->name, y->name);
}

static void write_doc(FILE *f, struct result *r, int n)
{
    int pass = 0, fail = 0, unknown = 0;
    for (int i = 0; i < n; i++) pass += r[i].verdict == PASS, fail += r[i].verdict == FAIL, unknown += r[i].verdict == UNKNOWN;
    fprintf(
        f,
        ""
        "Made by `node_tests --doc` from the tests of ONNX 1.12 (Debian: libonnx-testdata), which run in ctest through the "
        "real\n"
        "importer, passes, lowering and executor in float. rtol 1e-3, atol 1e-7. Inputs that give shapes, axes or weights are\n"
        "bound as constants where Axon wants them constant.\n\n");
    fprintf(f, "Of %d tests, %d are of operators that Axon does not know. Of the other %d, **%d pass** and %d do not.\n\n", n,
            unknown, pass + fail, pass, fail);
    fprintf(f, "### By operator\n\n| first operator | pass | of |\n|---|---|---|\n");
    qsort(r, (size_t)n, sizeof *r, by_op);
    for (int i = 0, k; i < n; i = k) {
        int ok = 0, known = 0;
        for (k = i; k < n && !strcmp(r[i].op, r[k].op); k++) ok += r[k].verdict == PASS, known += r[k].verdict != UNKNOWN;
        if (known) fprintf(f, "| %s | %d | %d |\n", r[i].op, ok, known);
    }
    fprintf(f, "\n### What does not pass\n\n");
    for (int i = 0; i < n; i++)
        if (r[i].verdict == FAIL) fprintf(f, "- %s (%s): %s\n", r[i].name, r[i].op, r[i].listed ? r[i].reason : r[i].text);
    fprintf(f, "\n### Operators that Axon does not know\n\n");
    const char *last = "";
    for (int i = 0, first = 1; i < n; i++) {
        if (r[i].verdict != UNKNOWN || !strcmp(r[i].op, last)) continue;
        fprintf(f, "%s%s", first ? "" : ", ", last = r[i].op);
        first = 0;
    }
    fprintf(f, "\n");
}

static int check_doc(const char *path, struct result *r, int n)
{
    FILE *now = tmpfile(), *then = fopen(path, "r");
    int a, b, same = now && then;
    if (same) {
        write_doc(now, r, n);
        rewind(now);
        do {
            a = fgetc(now), b = fgetc(then);
            same &= a == b;
        } while (same && a != EOF);
    }
    if (now) fclose(now);
    if (then) fclose(then);
    if (!same) printf("FAIL: %s is not what --doc writes now; write it anew\n", path);
    return same;
}

/* -- all tests -- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct result *)a)->name, ((const struct result *)b)->name);
}

static int list_tests(const char *data, struct result *r)
{
    static const char *const categories[] = {"node", "simple", "pytorch-operator", "pytorch-converted"};
    int n = 0;
    for (int c = 0; c < 4; c++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", data, categories[c]);
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d)) && n < MAX_TESTS;)
            if (e->d_name[0] != '.') snprintf(r[n++].name, sizeof r->name, "%s/%.120s", categories[c], e->d_name);
        if (d) closedir(d);
    }
    qsort(r, (size_t)n, sizeof *r, by_name);
    return n;
}

static int judge(const struct result *r, int n)
{
    int bad = 0, count[3] = {0};
    for (int i = 0; i < n; i++) {
        count[r[i].verdict]++;
        if (r[i].verdict == FAIL && !r[i].listed) printf("FAIL: %s (%s): %s\n", r[i].name, r[i].op, r[i].text), bad++;
        if (r[i].verdict != FAIL && r[i].listed) printf("FAIL: %s is listed as failing but does not fail\n", r[i].name), bad++;
    }
    printf("%d tests: %d pass, %d fail, %d of operators unknown to Axon; %d unexpected\n", n, count[PASS], count[FAIL],
           count[UNKNOWN], bad);
    return bad;
}

int main(int argc, char **argv)
{
    static struct result r[MAX_TESTS];
    const char *doc = NULL, *check = NULL, *only = NULL;
    int print = 0;
    if (argc < 3) return fprintf(stderr, "node_tests DATA LIST [--doc FILE | --check FILE] [--only NAME] [--print]\n"), 2;
    for (int i = 3; i < argc; i++) {
        if (!strcmp(argv[i], "--print"))
            print = 1;
        else if (i + 1 < argc && !strcmp(argv[i], "--doc"))
            doc = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--check"))
            check = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--only"))
            only = argv[++i];
    }
    int n = list_tests(argv[1], r), kept = 0;
    if (!n) return printf("skipped: no tests at %s (Debian: libonnx-testdata)\n", argv[1]), SKIPPED;
    for (int i = 0; i < n; i++) {
        char dir[700];
        if (only && !strstr(r[i].name, only)) continue;
        r[kept] = r[i];
        snprintf(dir, sizeof dir, "%s/%s", argv[1], r[kept].name);
        run_apart(dir, &r[kept]);
        if (print)
            printf("%s %s (%s): %s\n", (const char *[]){"pass", "fail", "unknown"}[r[kept].verdict], r[kept].name, r[kept].op,
                   r[kept].text);
        kept++;
    }
    read_list(argv[2], r, kept);
    int bad = judge(r, kept);
    if (doc) {
        FILE *f = fopen(doc, "w");
        if (!f) return 1;
        write_doc(f, r, kept);
        fclose(f);
    }
    if (check && !only && !check_doc(check, r, kept)) bad++;
    return bad ? 1 : 0;
}
