/* --check: is a committed partition still the best, and as fast as it was? */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tools/job.h"

struct verdict {
    const struct ax_partition *was;
    struct ax_seg_solution now, best; /* the committed cut, and the best one, under today's costs */
    double before, current, better;   /* bottlenecks in the unit of costs */
    double change, gain;              /* relative: > 0 slower than before; > 0 the best one is faster */
    double tolerance, noise;
    bool comparable; /* before and now are in the same unit, on the same device */
    bool regressed, improvable, noisy;
    const char *text;
};

enum ax_status ax_segment_tolerance(const char *text, double *out, struct ax_error *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end != text && !strcmp(end, "%")) *out /= 100;
    if (end != text && (!*end || !strcmp(end, "%")) && *out >= 0 && *out < 10) return AX_OK;
    return ax_fail(err, AX_INVALID_ARGUMENT, "--tolerance %s: expected a share as 5%% or 0.05", text);
}

static enum ax_status other_graph(struct ax_segment_job *j, struct ax_error *err, const char *fmt, ...)
{
    char why[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return ax_fail(err, AX_INVALID_ARGUMENT, "%s: the partition is not of \"%s\": %s. Segment the model again", j->set->check,
                   j->model_path, why);
}

static enum ax_status place_range(struct ax_segment_job *j, int segment, struct ax_partition_range r, struct ax_error *err)
{
    int n = j->graph->n_nodes, *stage_of = j->solution.stage_of;
    if (r.last >= n) return other_graph(j, err, "it has a node %d, the model %d nodes", r.last, n);
    for (int v = r.first; v <= r.last; v++) {
        if (stage_of[v] >= 0) return other_graph(j, err, "node %d is in segments %d and %d", v, stage_of[v], segment);
        stage_of[v] = segment;
    }
    return AX_OK;
}

/* Nodes are numbers; that they mean the same is seen by the names of what crosses. */
static enum ax_status same_names(struct ax_segment_job *j, const struct ax_partition *p, struct ax_error *err)
{
    for (int v = 0; v < j->graph->n_nodes; v++)
        if (j->solution.stage_of[v] < 0)
            return other_graph(j, err, "node %d (%s) is in no segment", v, j->graph->nodes[v].name);
    for (int t = 0; t < p->n_tensors; t++) {
        int v = ax_graph_find_value(j->graph, p->tensors[t].name);
        if (v == AX_NONE) return other_graph(j, err, "the model has no tensor \"%.80s\"", p->tensors[t].name);
        int producer = j->graph->values[v].producer, from = producer == AX_NONE ? -1 : j->solution.stage_of[producer];
        if (from != p->tensors[t].from) return other_graph(j, err, "tensor \"%.80s\" is made elsewhere", p->tensors[t].name);
    }
    return AX_OK;
}

/* The committed cut on today's graph. */
static enum ax_status place_nodes(struct ax_segment_job *j, const struct ax_partition *p, struct ax_error *err)
{
    int n = j->graph->n_nodes;
    enum ax_status st = AX_OK;
    struct ax_seg_solution *s = &j->solution;
    *s = (struct ax_seg_solution){.n_stages = p->n_segments, .stage_of = AX_NEW(&j->mem, int, n + 1)};
    for (int v = 0; v < n; v++) s->stage_of[v] = -1;
    for (int k = 0; k < p->n_segments; k++) {
        s->replicas[k] = p->segments[k].replicas;
        for (int i = 0; i < p->segments[k].n_nodes && !st; i++) st = place_range(j, k, p->segments[k].nodes[i], err);
    }
    if (!st) st = same_names(j, p, err);
    if (st) return st;
    j->n_segments = p->n_segments;
    if (ax_seg_complete(&j->costs.problem, s)) return AX_OK;
    return other_graph(j, err, "a tensor would run backwards");
}

/* From the profile's own spread: how far the sum of the medians may be off. */
static double profile_noise(const struct ax_profile *f)
{
    double spread = 0;
    for (int i = 0; i < f->n_steps; i++) spread += f->steps[i].p95_us - f->steps[i].median_us;
    return f->total_us > 0 && f->count > 0 ? spread / f->total_us / sqrt((double)f->count) : 0;
}

static enum ax_status price_now(struct ax_segment_job *j, struct verdict *v, struct ax_error *err)
{
    v->noise = j->profiled ? profile_noise(&j->profile) : 0;
    if (j->profiled && !j->set->no_measure && !j->set->profile) {
        enum ax_status s = ax_segment_cut(j, err);
        if (!s) s = ax_segment_measure_well(j, err);
        if (s) return s;
        ax_segment_correct(j);
        ax_seg_complete(&j->costs.problem, &j->solution);
        if (j->noise > v->noise) v->noise = j->noise;
    }
    v->now = j->solution;
    return AX_OK;
}

static enum ax_status find_best(struct ax_segment_job *j, struct verdict *v, struct ax_error *err)
{
    struct ax_seg_solve_options opt = {
        .n_stages = j->n_segments, .replicas = v->now.replicas, .max_stage_params = j->set->max_segment_bytes};
    ax_segment_effort(j, false, &opt);
    return ax_seg_solve(&j->costs.problem, &opt, &v->best, &j->mem, err);
}

static void judge(struct ax_segment_job *j, struct verdict *v)
{
    double scale = j->costs.in_time ? 1e-6 : 1;
    bool measured = j->measured && !isnan(v->was->measured_us);
    v->before = measured ? v->was->measured_us : v->was->bottleneck;
    v->current = (double)v->now.bottleneck * scale;
    v->better = (double)v->best.bottleneck * scale;
    v->comparable = !strcmp(v->was->unit, j->costs.in_time ? "us" : "bytes") && v->before > 0 &&
                    !strcmp(v->was->device, j->profiled ? j->profile.device : j->device_name);
    v->change = v->comparable ? v->current / v->before - 1 : 0;
    v->gain = v->current > 0 ? 1 - v->better / v->current : 0;
    v->regressed = v->change > v->tolerance && v->change > v->noise;
    v->improvable = v->gain > v->tolerance && v->gain > v->noise;
    v->noisy = !v->regressed && !v->improvable && (v->change > v->tolerance || v->gain > v->tolerance);
    v->text = v->regressed && v->improvable ? "the bottleneck regressed, and a better partition exists"
              : v->regressed                ? "the bottleneck regressed"
              : v->improvable               ? "a better partition exists"
              : v->noisy                    ? "no change (what differs is within the noise)"
                                            : "no change";
}

/* -- output -- */

static double shown(const struct ax_segment_job *j, int64_t cost)
{
    return j->costs.in_time ? (double)cost / 1e6 : (double)cost;
}

static void print_table(const struct ax_segment_job *j, const struct verdict *v)
{
    const char *unit = j->costs.in_time ? "us" : "bytes", *bar = j->set->markdown ? " | " : "  ",
               *edge = j->set->markdown ? "|" : "";
    const struct ax_partition *p = v->was;
    printf("%s%7s%s%10s%s%14s%s%14s%s%14s%s%10s%s\n", edge, "segment", bar, "operations", bar, "committed", bar, "now", bar,
           "best", bar, "operations", edge);
    if (j->set->markdown) printf("|--:|--:|--:|--:|--:|--:|\n");
    for (int k = 0; k < j->n_segments; k++)
        printf("%s%7d%s%10d%s%14.1f%s%14.1f%s%14.1f%s%10d%s\n", edge, k, bar, v->now.stage[k].n_nodes, bar,
               j->measured && !isnan(p->segments[k].measured_us) ? p->segments[k].measured_us : p->segments[k].cost, bar,
               shown(j, v->now.stage[k].cost), bar, shown(j, v->best.stage[k].cost), bar, v->best.stage[k].n_nodes, edge);
    printf("%s%7s%s%10s%s%14.1f%s%14.1f%s%14.1f%s%10s%s\n", edge, "slowest", bar, unit, bar, v->before, bar, v->current, bar,
           v->better, bar, "", edge);
    printf("\n");
    if (v->comparable)
        printf("%s: now %+.1f %% against the committed figure, the best cut %.1f %% faster than now; tolerance %.1f %%, noise "
               "%.1f %%\n",
               p->name, 100 * v->change, 100 * v->gain, 100 * v->tolerance, 100 * v->noise);
    else
        printf("%s: the best cut is %.1f %% faster than the committed one; tolerance %.1f %%, noise %.1f %% (committed figures "
               "are of "
               "another device or unit)\n",
               p->name, 100 * v->gain, 100 * v->tolerance, 100 * v->noise);
    printf("%s%s%s\n", j->set->markdown ? "**" : "", v->text, j->set->markdown ? "**" : "");
}

static void write_stages(struct ax_segment_job *j, struct ax_json_writer *w, const char *key, const struct ax_seg_solution *s)
{
    ax_jw_array(w, key);
    for (int k = 0; k < s->n_stages; k++) {
        ax_jw_object(w, NULL);
        ax_jw_line(w);
        ax_jw_int(w, "operations", s->stage[k].n_nodes);
        ax_jw_int(w, "parameter_bytes", s->stage[k].param_bytes);
        ax_jw_double(w, "cost", shown(j, s->stage[k].cost));
        ax_jw_end(w);
    }
    ax_jw_end(w);
}

/* Tensors that cross in the best partition: what --cuts or a new axsegment would make. */
static void write_crossing(struct ax_segment_job *j, struct ax_json_writer *w, const struct ax_seg_solution *s)
{
    const struct ax_seg_problem *p = &j->costs.problem;
    ax_jw_array(w, "best_crossing");
    for (int t = 0; t < p->n_tensors; t++) {
        bool crosses = false;
        for (int i = 0; p->tensors[t].producer >= 0 && i < p->tensors[t].n_consumers; i++)
            crosses |= s->stage_of[p->tensors[t].consumers[i]] > s->stage_of[p->tensors[t].producer];
        if (crosses) ax_jw_text(w, NULL, j->graph->values[j->costs.value_of[t]].name);
    }
    ax_jw_end(w);
}

static void print_json(struct ax_segment_job *j, const struct verdict *v)
{
    struct ax_json_writer *w = ax_jw_new();
    ax_jw_object(w, NULL);
    ax_jw_text(w, "format", "axon-partition-check");
    ax_jw_int(w, "version", 1);
    ax_jw_text(w, "name", v->was->name);
    ax_jw_text(w, "verdict", v->text);
    ax_jw_bool(w, "regressed", v->regressed);
    ax_jw_bool(w, "better_exists", v->improvable);
    ax_jw_text(w, "unit", j->costs.in_time ? "us" : "bytes");
    if (v->comparable) ax_jw_double(w, "committed", v->before);
    ax_jw_double(w, "now", v->current);
    ax_jw_double(w, "best", v->better);
    ax_jw_double(w, "lower_bound", shown(j, v->best.lower_bound));
    if (v->comparable) ax_jw_double(w, "change", v->change);
    ax_jw_double(w, "gain", v->gain);
    ax_jw_double(w, "tolerance", v->tolerance);
    ax_jw_double(w, "noise", v->noise);
    write_stages(j, w, "now_segments", &v->now);
    write_stages(j, w, "best_segments", &v->best);
    write_crossing(j, w, &v->best);
    ax_jw_end(w);
    char *text = ax_jw_finish(w);
    fputs(text, stdout);
    free(text);
}

enum ax_status ax_segment_check(struct ax_segment_job *j, const char *model, struct ax_error *err)
{
    struct ax_partition p;
    struct verdict v = {.was = &p};
    const char *path = j->set->check;
    if (ax_dir_exists(path)) path = ax_path_join(&j->mem, path, "partition.json");
    enum ax_status s = ax_segment_tolerance(j->set->tolerance, &v.tolerance, err);
    if (!s) s = ax_partition_read(path, &p, &j->mem, err);
    if (s) return s;
    j->path = model ? model : ax_path_join(&j->mem, ax_path_dir(&j->mem, path), p.source);
    s = ax_segment_load(j, err);
    if (!s) s = ax_segment_costs(j, err);
    if (!s) s = place_nodes(j, &p, err);
    if (!s) s = price_now(j, &v, err);
    if (!s) s = find_best(j, &v, err);
    if (s) return s;
    judge(j, &v);
    if (j->set->json)
        print_json(j, &v);
    else
        print_table(j, &v);
    if (!v.regressed && !v.improvable) return AX_OK;
    return ax_fail(err, AX_LIMIT, "%s: %s (now %.1f, best %.1f %s)", j->set->check, v.text, v.current, v.better,
                   j->costs.in_time ? "us" : "bytes");
}
