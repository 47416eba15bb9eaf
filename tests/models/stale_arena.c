/* stale_arena MODEL.axmodel...: what memory held before a run must not matter. Each program runs step by step in two arenas,
 * one full of zeros and one of NaNs (0xff), and every operand that a step writes must come out the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "files/axmodel.h"

static void *must(void *p)
{
    if (!p) abort();
    return p;
}

static int set_inputs(struct ax_exec *e, const struct ax_program *p, uint8_t *arena, struct ax_error *err)
{
    for (int k = 0; k < p->n_inputs; k++) {
        int64_t n = ax_shape_count(&p->inputs[k].shape);
        float *x = must(calloc((size_t)n + 1, sizeof *x));
        uint32_t r = 12345;
        for (int64_t i = 0; i < n; i++) {
            r = r * 1664525u + 1013904223u;
            x[i] = (float)(r >> 8) / (float)(1 << 23) - 1;
        }
        enum ax_status s = ax_exec_set_input(e, k, x, AX_DTYPE_FLOAT32, arena, err);
        free(x);
        if (s) return -1;
    }
    return 0;
}

static int same(const struct ax_program *p, int operand, uint8_t *const arena[2])
{
    const struct ax_operand *o = &p->operands[operand];
    int64_t n = 1;
    for (int d = 0; d < o->rank; d++) n *= o->dim[d];
    float *v[2];
    for (int a = 0; a < 2; a++) {
        v[a] = must(calloc((size_t)n + 1, sizeof(float)));
        ax_operand_to_float(p, operand, arena[a], v[a]);
    }
    int equal = !memcmp(v[0], v[1], sizeof(float) * (size_t)n);
    for (int64_t i = 0; i < n && !equal; i++)
        if (memcmp(&v[0][i], &v[1][i], sizeof(float))) {
            printf("  element %lld of %lld of '%s': %g and %g\n", (long long)i, (long long)n, o->name, (double)v[0][i],
                   (double)v[1][i]);
            break;
        }
    free(v[0]);
    free(v[1]);
    return equal;
}

/* The first step whose output depends on what was there before; -1 none, -2 an error. A copy fills its part of an operand, so
 * partly written operands are compared where they are complete: when another step reads them. */
static int run(const struct ax_program *p, struct ax_error *err)
{
    struct ax_exec *e;
    struct ax_exec_options opt = {.threads = 1, .no_arena = 1};
    if (ax_exec_new(p, &opt, &e, err)) return -2;
    size_t bytes = ((size_t)ax_exec_arena_bytes(e) + 63) / 64 * 64;
    uint8_t *arena[2];
    int found = -1;
    for (int a = 0; a < 2; a++) {
        arena[a] = must(aligned_alloc(64, bytes + 64));
        memset(arena[a], a ? 0xff : 0, bytes);
        if (set_inputs(e, p, arena[a], err)) found = -2;
    }
    for (int i = 0; i < p->n_steps && found == -1; i++) {
        const struct ax_step *s = &p->steps[i];
        for (int k = 0; k < s->n_in && found == -1; k++)
            if (s->in[k] >= 0 && p->operands[s->in[k]].space == AX_SPACE_ARENA && !same(p, s->in[k], arena)) found = i;
        for (int a = 0; a < 2; a++) ax_exec_run(e, i, i + 1, arena[a]);
    }
    for (int k = 0; k < p->n_outputs && found == -1; k++)
        if (!same(p, p->outputs[k].operand, arena)) found = p->n_steps;
    free(arena[0]);
    free(arena[1]);
    ax_exec_free(e);
    return found;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct ax_axmodel *m;
        struct ax_error err;
        if (ax_axmodel_open(argv[i], 0, &m, &err)) {
            printf("%s: %s\n", argv[i], err.message);
            return 1;
        }
        int at = run(m->program, &err);
        if (at == -2)
            printf("%s: %s\n", argv[i], err.message);
        else if (at >= 0)
            printf("%s: what step %d (%s) reads depends on what the arena held before\n", argv[i], at,
                   at < m->program->n_steps ? m->program->steps[at].name : "the outputs");
        failed |= at != -1;
        ax_axmodel_close(m);
    }
    return failed;
}
