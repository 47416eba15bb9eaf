/* Compiled models in axjoin: a hostile .axmodel (its checksums made right) joined with itself, shared and lowered again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "join.h"
#include "lower/lower.h"
#include "lower/unpack.h"
#include "seal.h"

static bool add(struct ax_join *j, const uint8_t *data, size_t bytes)
{
    struct ax_error err;
    struct ax_join_model *m = &j->models[j->n_models];
    m->path = m->file = "fuzz.axmodel";
    m->compiled = true;
    if (ax_axmodel_open_memory(data, bytes, 0, &m->axmodel, &err)) return false;
    j->n_models++;
    m->program = m->axmodel->program;
    if (ax_axmodel_graph(m->axmodel, ax_lower_unpack, NULL, &m->graph, &err)) return false;
    if (m->program->arena_bytes > 1 << 24) return false; /* legal, and slow */
    if (ax_join_check_compiled(m->graph, m->program, &err)) return false;
    m->feed = AX_NEW(&j->mem, struct ax_join_feed, m->graph->n_inputs + 1);
    return true;
}

static void join(const uint8_t *data, size_t bytes, bool raw)
{
    static const struct ax_join_norm norm = {.scale = 0.5f, .mean = {1, 2, 3}, .std = {1, 1, 2, 1}, .reversed = true};
    struct ax_error err;
    struct ax_join j;
    ax_join_init(&j);
    j.compiled = true;
    j.name = "fuzz";
    bool good = true;
    for (int twice = 0; twice < 2 && good; twice++) good = add(&j, data, bytes);
    if (good) good = !ax_join_scopes(&j, NULL, 0, &err) && !ax_join_plan(&j, NULL, 0, NULL, 0, &err);
    if (good && raw) good = !ax_join_normalize(&j, 0, &norm, &err);
    if (good) good = !ax_join_preprocessing(&j, &err) && !ax_join_graph(&j, &err);
    if (good) good = !ax_join_share(j.graph, NULL, &j.shared, &err);
    if (good && !ax_lower(j.graph, NULL, &j.program, NULL, &err)) {
        struct ax_join_proof proof;
        ax_join_fits(&j, j.graph, j.program, &ax_device_cpu);
        ax_join_verify(&j, j.program, NULL, 1, 0, 0, 1, &proof, &err);
    }
    ax_join_free(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = aligned_alloc(64, (bytes + 64) / 64 * 64);
    memcpy(copy, data, bytes);
    seal(copy, bytes);
    join(copy, bytes, false);
    join(copy, bytes, true);
    free(copy);
    return 0;
}

uint8_t *fuzz_seed(int i, size_t *bytes)
{
    (void)i, (void)bytes; /* tests/fuzz/corpus/join */
    return NULL;
}
