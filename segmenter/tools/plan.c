/* Costs, how many segments, which partition. */
#include <stdlib.h>
#include <string.h>

#include "tools/job.h"

enum ax_status ax_segment_costs(struct ax_segment_job *j, struct ax_error *err)
{
    const struct ax_segment_settings *set = j->set;
    if (ax_device_find(set->device, &j->device, &j->simulated, &j->mem, err)) return err->status;
    j->device_name = j->simulated ? ax_arena_printf(&j->mem, "sim:%s", j->device.name) : j->device.name;
    j->by = !strcmp(set->by, "size") ? AX_SEG_BY_SIZE : !strcmp(set->by, "latency") ? AX_SEG_BY_LATENCY : AX_SEG_BY_PROFILE;
    if (j->by == AX_SEG_BY_PROFILE) {
        enum ax_status s = set->profile ? ax_profile_read(set->profile, &j->profile, &j->mem, err) : ax_segment_profile(j, err);
        if (s) return s;
        j->profiled = true;
    }
    return ax_seg_costs_make(&j->costs, j->graph, j->model->program, j->by, &j->device, &j->profile, &j->mem, err);
}

/* -- replicas -- */

enum ax_status ax_segment_replicas(const char *text, int *list, int *n, struct ax_error *err)
{
    const char *p = text;
    *n = 0;
    if (!strcmp(text, "auto")) return AX_OK;
    for (char *end; *p && *n < AX_SEG_MAX_STAGES; p = *end ? end + 1 : end) {
        long r = strtol(p, &end, 10);
        if (end == p || r < 1 || r > 64 || (*end && *end != ',')) break;
        list[(*n)++] = (int)r;
    }
    if (*n && !*p) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--replicas %s: expected auto, or at most %d numbers of 1 to 64 as 1,2,1", text,
                   AX_SEG_MAX_STAGES);
}

static enum ax_status replicas_of(struct ax_segment_job *j, int n, struct ax_seg_solve_options *opt, int *list,
                                  struct ax_error *err)
{
    const char *text = j->set->replicas;
    if (!text) return AX_OK;
    if (!strcmp(text, "auto")) {
        opt->n_cores = j->set->cores ? (int)j->set->cores : j->device.cores;
        if (opt->n_cores >= n) return AX_OK;
        return ax_fail(err, AX_INVALID_ARGUMENT,
                       "--replicas auto shares the device's %d cores among %d segments; give --cores with "
                       "at least %d",
                       opt->n_cores, n, n);
    }
    int count;
    if (ax_segment_replicas(text, list, &count, err)) return err->status;
    if (count != n)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--replicas %s has %d numbers for %d segments; give one for each", text, count,
                       n);
    opt->replicas = list;
    return AX_OK;
}

enum { IDEALS = 2000000, WORK = 60000000 }; /* of the solver, for --effort 1: at most some seconds, 400 MB */

void ax_segment_effort(const struct ax_segment_job *j, bool quick, struct ax_seg_solve_options *opt)
{
    int effort = (int)j->set->effort;
    opt->max_ideals = quick ? 1 : effort > 10 ? 10 * IDEALS : effort * IDEALS;
    opt->max_work = quick ? WORK / 20 : (int64_t)effort * WORK;
}

enum ax_status ax_segment_solve(struct ax_segment_job *j, int n, bool quick, struct ax_seg_solution *out, struct ax_error *err)
{
    int replicas[AX_SEG_MAX_STAGES];
    struct ax_seg_solve_options opt = {.n_stages = n, .max_stage_params = j->set->max_segment_bytes};
    ax_segment_effort(j, quick, &opt);
    enum ax_status s = replicas_of(j, n, &opt, replicas, err);
    return s ? s : ax_seg_solve(&j->costs.problem, &opt, out, &j->mem, err);
}

/* -- how many -- */

static int most_segments(const struct ax_segment_job *j)
{
    int n = j->costs.problem.n_nodes;
    return n < AX_SEG_MAX_STAGES ? n : AX_SEG_MAX_STAGES;
}

static bool on_chip(const struct ax_seg_solution *s)
{
    for (int k = 0; k < s->n_stages; k++)
        if (s->stage[k].off_chip_bytes) return false;
    return true;
}

/* The smallest number with which every parameter stays on chip. */
static enum ax_status fit_on_chip(struct ax_segment_job *j, struct ax_error *err)
{
    struct ax_seg_solve_options opt = {.max_stage_params = j->device.on_chip_bytes};
    int64_t largest = 0;
    if (j->set->max_segment_bytes && j->set->max_segment_bytes < opt.max_stage_params)
        opt.max_stage_params = j->set->max_segment_bytes;
    for (int n = 1; n <= most_segments(j); n++) {
        int replicas[AX_SEG_MAX_STAGES];
        opt.n_stages = n;
        opt.replicas = NULL;
        if (replicas_of(j, n, &opt, replicas, err)) return err->status;
        enum ax_status s = ax_seg_solve(&j->costs.problem, &opt, &j->solution, &j->mem, err);
        if (s && s != AX_LIMIT) return s;
        j->n_segments = n;
        if (!s && on_chip(&j->solution)) return AX_OK;
    }
    for (int v = 0; v < j->graph->n_nodes; v++)
        if (j->costs.nodes[v].param_bytes > largest) largest = j->costs.nodes[v].param_bytes;
    return ax_fail(
        err, AX_LIMIT,
        "%s: no cut into up to %d segments keeps all parameters on chip: a core of \"%s\" holds %lld bytes, the largest "
        "operation alone has %lld. Give --num_segments N",
        j->path, most_segments(j), j->device.name, (long long)opt.max_stage_params, (long long)largest);
}

static enum ax_status reach_fps(struct ax_segment_job *j, struct ax_error *err)
{
    double best = 0;
    if (!j->costs.in_time)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--fps needs times: give --by latency or --by profile with it");
    for (int n = 1; n <= most_segments(j); n++) {
        enum ax_status s = ax_segment_solve(j, n, false, &j->solution, err);
        if (s && s != AX_LIMIT) return s;
        j->n_segments = n;
        double fps = s ? 0 : 1e12 / (double)j->solution.bottleneck;
        if (!s && fps >= j->set->fps) return AX_OK;
        if (fps > best) best = fps;
    }
    return ax_fail(err, AX_LIMIT, "%s: %.1f frames a second are out of reach: up to %d segments come to %.1f on \"%s\"",
                   j->path, j->set->fps, most_segments(j), best, j->device.name);
}

static enum ax_status count_segments(struct ax_segment_job *j, struct ax_error *err)
{
    char *end;
    long n = strtol(j->set->num_segments, &end, 10);
    if (*end || end == j->set->num_segments || n < 1 || n > AX_SEG_MAX_STAGES)
        return ax_fail(err, AX_INVALID_ARGUMENT, "--num_segments %s: expected auto, or a number of 1 to %d",
                       j->set->num_segments, AX_SEG_MAX_STAGES);
    j->n_segments = (int)n;
    return AX_OK;
}

/* Fewer segments that are as fast, within 2 %: less than that is noise in practice. */
static void warn_of_too_many(struct ax_segment_job *j)
{
    struct ax_error ignored;
    struct ax_seg_solution fewer;
    if (j->set->replicas && strcmp(j->set->replicas, "auto")) return;
    for (int n = 1; n < j->n_segments; n++) {
        if (ax_segment_solve(j, n, true, &fewer, &ignored)) continue;
        if ((double)fewer.bottleneck > 1.02 * (double)j->solution.bottleneck) continue;
        snprintf(j->warning, sizeof j->warning,
                 "%d segments help no more than %d: the slowest would stay within 2 %% of this one's", j->n_segments, n);
        return;
    }
}

enum ax_status ax_segment_plan(struct ax_segment_job *j, struct ax_error *err)
{
    enum ax_status s;
    if (j->set->cuts.count) {
        s = ax_segment_by_hand(j, err);
    } else if (strcmp(j->set->num_segments, "auto")) {
        s = count_segments(j, err);
        if (!s) s = ax_segment_solve(j, j->n_segments, false, &j->solution, err);
        if (!s) warn_of_too_many(j);
    } else {
        s = j->set->fps > 0 ? reach_fps(j, err) : fit_on_chip(j, err);
    }
    return s;
}

/* -- cutting -- */

void ax_segment_drop_parts(struct ax_segment_job *j)
{
    for (int k = 0; k < AX_SEG_MAX_STAGES; k++) ax_segment_free(&j->parts[k]);
}

enum ax_status ax_segment_cut(struct ax_segment_job *j, struct ax_error *err)
{
    const char *names[AX_SEG_MAX_STAGES];
    ax_segment_drop_parts(j);
    for (int k = 0; k < j->n_segments; k++)
        names[k] = ax_arena_printf(&j->mem, "%s_segment_%d_of_%d", j->name, k, j->n_segments);
    enum ax_status s = ax_segments_make(j->graph, j->solution.stage_of, j->n_segments, names, j->parts, err);
    return s ? ax_fail_in(err, "%s", j->path) : s;
}
