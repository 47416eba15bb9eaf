/* Compiled models: join, share, lower, prove, write. */
#include <stdlib.h>

#include "base/file.h"
#include "job.h"
#include "lower/lower.h"
#include "lower/unpack.h"
#include "tools/calib.h"

static void sum_parts(struct ax_join_job *b)
{
    for (int m = 0; m < b->join.n_models; m++) {
        const struct ax_program *p = b->join.models[m].program;
        b->part_weights += p->const_bytes;
        b->part_activations += p->arena_bytes;
        b->part_steps += p->n_steps;
        for (int i = 0; i < p->n_steps; i++) b->part_macs += p->steps[i].macs;
    }
}

/* How pictures become the joined model's input. */
static const struct ax_descriptor *joined_pipeline(struct ax_join *j)
{
    static const struct ax_descriptor none;
    if (!j->pipeline) return &none;
    struct ax_descriptor *p = ax_arena_copy(&j->mem, j->pipeline, sizeof *p);
    p->before = AX_NEW(&j->mem, struct ax_pipe_step, p->n_before + 1);
    p->n_before = ax_join_shared_steps(j, j->pipeline->before, j->pipeline->n_before, p->before);
    return p;
}

enum ax_status ax_join_prove(struct ax_join_job *b, const struct ax_graph *g, const struct ax_program *joined, double tolerance,
                             struct ax_error *err)
{
    const struct ax_join_settings *set = b->set;
    if (!b->verify) return AX_OK;
    struct ax_join_proof first = {.exact = true};
    enum ax_status s = AX_OK;
    if (set->calib.count) {
        struct ax_calib_options opt = {
            .paths = set->calib.item, .n_paths = set->calib.count, .count = b->verify, .seed = (uint64_t)set->seed};
        struct ax_calib *c = NULL;
        s = ax_calib_open(&opt, &c, err);
        if (!s) s = ax_calib_bind(c, g, joined_pipeline(&b->join), err);
        struct ax_samples samples = s ? (struct ax_samples){0} : ax_calib_samples(c);
        int n = samples.count < b->verify ? samples.count : b->verify;
        if (!s) s = ax_join_verify(&b->join, joined, &samples, n, 0, tolerance, (int)set->threads, &first, err);
        ax_calib_close(c);
    }
    if (!s)
        s = ax_join_verify(&b->join, joined, NULL, b->verify, (uint64_t)set->seed, tolerance, (int)set->threads, &b->proof,
                           err);
    b->proof.samples += first.samples;
    b->proof.exact &= first.exact;
    if (first.worst > b->proof.worst) b->proof.worst = first.worst;
    return s;
}

enum ax_status ax_join_check_fit(struct ax_join_job *b, struct ax_error *err)
{
    char *advice = ax_join_fit_advice(b);
    const struct ax_join_fit *f = &b->join.fit;
    if (f->fits || b->set->fit[0] != 'r') return AX_OK;
    return ax_fail(
        err, AX_LIMIT,
        "--fit require: %lld bytes of weights and %lld of activations are %lld more than the %lld on the chip of '%s'; "
        "%s. Nothing was written",
        (long long)f->weights, (long long)f->activations, (long long)f->over, (long long)f->limit, b->device.name, advice);
}

static enum ax_status write_all(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    struct ax_manifest m;
    enum ax_status s = ax_join_manifest(j, &m, err);
    if (s) return s;
    char *manifest = ax_manifest_text(&m), *descriptor = b->folder ? ax_join_descriptor(j, b->folder, "model.axmodel") : NULL;
    struct ax_commit *c = ax_commit_new();
    int *packed = AX_NEW(&j->mem, int, j->graph->n_values + 1);
    struct ax_axmodel_contents contents = {
        .program = j->program, .graph = j->graph, .meta = manifest, .packed_operand = packed, .compress = b->set->compress};
    s = ax_commit_dir(c, b->folder ? b->folder : ax_path_dir(&j->mem, b->model_path), err);
    if (!s) s = ax_lower_packed(j->graph, j->program, packed, err);
    if (!s) s = ax_axmodel_add(c, b->model_path, &contents, err);
    if (!s && b->folder) s = ax_commit_add_text(c, ax_path_join(&j->mem, b->folder, "manifest.json"), manifest, err);
    if (!s && b->folder && descriptor)
        s = ax_commit_add_text(c, ax_path_join(&j->mem, b->folder, "model.json"), descriptor, err);
    if (!s) s = ax_commit_finish(c, err);
    ax_commit_free(c);
    free(manifest);
    return s;
}

enum ax_status ax_join_make_compiled(struct ax_join_job *b, struct ax_error *err)
{
    struct ax_join *j = &b->join;
    sum_parts(b);
    enum ax_status s = ax_join_graph(j, err);
    if (!s && !b->set->no_share) s = ax_join_share(j->graph, NULL, &j->shared, err);
    if (!s) s = ax_lower(j->graph, NULL, &j->program, NULL, err);
    if (!s) ax_join_fits(j, j->graph, j->program, &b->device);
    if (!s) s = ax_join_check_fit(b, err);
    if (s || b->set->dry_run) return s;
    s = ax_join_prove(b, j->graph, j->program, 0, err);
    return s ? s : write_all(b, err);
}
