/* A joined model against its parts run one after the other, in turns, in one process: join_bench PART... JOINED [ROUNDS].
 * Each run goes from the user's floats to the user's floats on one thread, whose processor time counts, so that others on the
 * machine disturb less. Prints the least and the median of both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/exec.h"
#include "files/axmodel.h"

enum { MAX = 16, ROUNDS = 200 };

struct runner {
    struct ax_axmodel *m;
    struct ax_exec *e;
    float **in, **out;
};

static int open_model(struct runner *r, const char *path)
{
    struct ax_error err;
    struct ax_exec_options opt = {.threads = 1};
    if (ax_axmodel_open(path, 0, &r->m, &err) || ax_exec_new(r->m->program, &opt, &r->e, &err)) {
        fprintf(stderr, "join_bench: %s\n", err.message);
        return 1;
    }
    const struct ax_program *p = r->m->program;
    r->in = calloc((size_t)p->n_inputs + 1, sizeof *r->in);
    r->out = calloc((size_t)p->n_outputs + 1, sizeof *r->out);
    for (int i = 0; i < p->n_inputs; i++) {
        int64_t n = ax_shape_count(&p->inputs[i].shape);
        r->in[i] = malloc(sizeof(float) * (size_t)n);
        for (int64_t k = 0; k < n; k++) r->in[i][k] = (float)(k * 37 % 256);
    }
    for (int o = 0; o < p->n_outputs; o++) r->out[o] = malloc(8 * (size_t)ax_shape_count(&p->outputs[o].shape));
    return 0;
}

static void run(struct runner *r)
{
    struct ax_error err;
    const struct ax_program *p = r->m->program;
    for (int i = 0; i < p->n_inputs; i++) ax_exec_set_input(r->e, i, r->in[i], AX_DTYPE_FLOAT32, NULL, &err);
    ax_exec_run(r->e, 0, p->n_steps, NULL);
    for (int o = 0; o < p->n_outputs; o++) ax_exec_get_output(r->e, o, r->out[o], AX_DTYPE_FLOAT32, NULL, &err);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void close_model(struct runner *r)
{
    for (int i = 0; r->in && i < r->m->program->n_inputs; i++) free(r->in[i]);
    for (int o = 0; r->out && o < r->m->program->n_outputs; o++) free(r->out[o]);
    free(r->in);
    free(r->out);
    ax_exec_free(r->e);
    ax_axmodel_close(r->m);
}

int main(int argc, char **argv)
{
    struct runner r[MAX] = {0};
    int rounds = ROUNDS, n = argc - 1, bad = 0;
    if (n > 1 && strspn(argv[n], "0123456789") == strlen(argv[n])) rounds = atoi(argv[n--]);
    if (n < 3 || n > MAX || rounds < 1) {
        fprintf(stderr, "usage: join_bench PART.axmodel PART.axmodel... JOINED.axmodel [ROUNDS]\n");
        return 2;
    }
    double *apart = calloc((size_t)rounds, sizeof *apart), *joined = calloc((size_t)rounds, sizeof *joined);
    for (int i = 0; i < n && !bad; i++) bad = open_model(&r[i], argv[i + 1]);
    for (int k = -3; k < rounds && !bad; k++) { /* the first ones warm up */
        double a = now();
        for (int i = 0; i + 1 < n; i++) run(&r[i]);
        double b = now();
        run(&r[n - 1]);
        if (k >= 0) apart[k] = b - a, joined[k] = now() - b;
    }
    if (!bad) {
        qsort(apart, (size_t)rounds, sizeof *apart, by_time);
        qsort(joined, (size_t)rounds, sizeof *joined, by_time);
        printf("min %.3f ms apart, %.3f joined (%.1f %%); median %.3f apart, %.3f joined (%.1f %%)\n", apart[0], joined[0],
               100 * joined[0] / apart[0], apart[rounds / 2], joined[rounds / 2], 100 * joined[rounds / 2] / apart[rounds / 2]);
    }
    for (int i = 0; i < n; i++) close_model(&r[i]);
    free(apart);
    free(joined);
    return bad;
}
