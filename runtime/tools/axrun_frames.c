/* Pictures and videos through the pipes: the flow is put together here, and its last stage says what was found. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/display.h"
#include "app/pictures.h"
#include "app/save.h"
#include "app/source.h"
#include "tools/axrun_cascade.h"
#include "tools/axrun_eval.h"
#include "tools/axrun_profile.h"
#include "tools/axrun_report.h"

enum { LINGER_MS = 2000 }; /* a picture in the window, unless a key is pressed */

struct frames {
    struct ax_run *run;
    struct ax_run_report report;
    struct ax_inputs inputs;
    struct ax_source *source;
    struct ax_pictures *pictures;
    struct ax_saver *saver;     /* NULL: not asked for */
    struct ax_display *display; /* likewise */
    struct ax_eval *eval;       /* NULL: answers are reported */
    struct ax_record *record;   /* NULL: no profile */
    struct ax_flow *flow;
    int64_t done, begin_ns, elapsed_ns; /* frames with answers */
    int *failed;
};

static enum ax_pictures_mode mode_of(const struct ax_run_settings *set)
{
    return set->synchronous ? AX_PICTURES_SYNCHRONOUS : set->callback ? AX_PICTURES_CALLBACK : AX_PICTURES_ASYNCHRONOUS;
}

/* -- the last stage -- */

static enum ax_status show(struct frames *w, const struct ax_frame *f, struct ax_error *err)
{
    enum ax_status s = AX_OK;
    char title[300];
    double seconds = (double)(ax_now_ns() - w->begin_ns) * 1e-9;
    snprintf(title, sizeof title, "axrun %.60s - %.160s - %.1f frames/s", w->run->artifact.name, f->name,
             seconds > 0 ? (double)w->done / seconds : 0);
    for (int i = 0; i < f->n_answers && !s; i++) {
        bool quit = false;
        s = ax_display_show(w->display, ax_drawn(f, i), title, f->index < 0 ? LINGER_MS : 0, &quit, err);
        if (!quit) continue;
        ax_source_stop(w->source);
        ax_flow_end(w->flow);
        break;
    }
    return s;
}

static enum ax_status report(void *user, int worker, struct ax_frame *const *frames, int n, struct ax_error *err)
{
    struct frames *w = user;
    struct ax_frame *f = frames[0];
    (void)worker, (void)n;
    if (f->status) {
        ++*w->failed;
        ax_report_failure(&w->report, f);
        return AX_OK;
    }
    w->done++;
    if (w->eval) return ax_eval_add(w->eval, f->input, f->answers, f->n_answers, err);
    ax_report_frame(&w->report, f);
    return w->display ? show(w, f, err) : AX_OK;
}

/* -- putting it together -- */

static int depth_of(const struct frames *w, int group)
{
    if (w->run->cascade) return w->run->set->depth ? (int)w->run->set->depth : 6;
    int instances = 0;
    for (int i = 0; i < w->run->pipe[0].n_replicas; i++) instances += ax_engine_instances(w->run->pipe[0].replicas[i]);
    if (ax_engine_pipeline(w->run->pipe[0].engine)) instances = ax_engine_batch(w->run->pipe[0].engine);
    return w->run->set->depth ? (int)w->run->set->depth : 4 + 2 * group * instances;
}

static enum ax_status open_pictures(struct frames *w, struct ax_error *err)
{
    if (w->run->cascade) return ax_run_cascade_open(w->run, depth_of(w, 1), ax_eval_has_boxes(w->eval), w->record, err);
    const struct ax_run *r = w->run;
    const struct ax_run_settings *set = r->set;
    struct ax_pictures_pipe pipes[2] = {0};
    struct ax_pictures_options opt = {.name = r->artifact.name, .mode = mode_of(set), .workers = 1};
    if (!r->has_pipeline)
        return ax_fail(err, AX_NOT_FOUND, "%s: pictures need a model.json beside it that says how they become the input",
                       r->artifact.model);
    for (int i = 0; i < r->n_pipes; i++)
        pipes[i] = (struct ax_pictures_pipe){r->pipe[i].name, r->pipe[i].engine, r->pipe[i].replicas, r->pipe[i].n_replicas};
    opt.post = (struct ax_post_options){(int)set->top_k, set->labels, w->eval != NULL};
    int group = ax_pictures_group(pipes[0].engine, opt.mode);
    opt.runner.depth = depth_of(w, group) + 2 * group; /* the flow may need room for groups that fill up */
    opt.runner.timeout_ms = set->timeout;
    opt.runner.on_error = ax_run_policy(set);
    opt.runner.retries = (int)set->retries;
    opt.runner.record = w->record;
    return ax_pictures_new(&r->pipeline, pipes, r->n_pipes, &opt, &w->pictures, err);
}

static enum ax_status make_flow(struct frames *w, struct ax_error *err)
{
    struct ax_flow_stage stages[(AX_PICTURES_STAGES > 2 * AX_MAX_STAGES ? AX_PICTURES_STAGES : 2 * AX_MAX_STAGES) + 3];
    struct ax_cascade_run *several = w->run->cascade ? w->run->cascade->running : NULL;
    const struct ax_run_settings *set = w->run->set;
    enum ax_pictures_mode mode = mode_of(set);
    enum ax_flow_thread behind = mode == AX_PICTURES_CALLBACK ? AX_FLOW_INLINE : AX_FLOW_THREADS;
    int n = several ? ax_cascade_flow_stages(several, stages) : ax_pictures_stages(w->pictures, 0, stages);
    if (set->save || set->display) stages[n++] = (struct ax_flow_stage){.name = "draw", .run = ax_draw_stage, .thread = behind};
    if (set->save)
        stages[n++] = (struct ax_flow_stage){.name = "save", .run = ax_saver_stage, .user = w->saver, .thread = behind};
    if (mode != AX_PICTURES_CALLBACK) behind = AX_FLOW_CALLER; /* windows want the first thread */
    stages[n++] = (struct ax_flow_stage){
        .name = set->display ? "display" : "report", .run = report, .user = w, .thread = behind, .failed_too = true};
    struct ax_flow_options opt = {.depth = depth_of(w, stages[1].group > 1 ? stages[1].group : 1),
                                  .synchronous = set->synchronous,
                                  .next = ax_source_next,
                                  .user = w->source,
                                  .record = w->record};
    enum ax_status s = ax_flow_new(stages, n, &opt, &w->flow, err);
    return s || several ? s : ax_pictures_bind(w->pictures, w->flow, err);
}

/* What cannot be listed is said first, below the head, whose form depends on the inputs. */
static void list_inputs(struct frames *w, const char *const *inputs, int count)
{
    struct ax_error *errs = AX_NEW(&w->run->mem, struct ax_error, count + 1);
    for (int i = 0; i < count; i++) ax_inputs_add(&w->inputs, &w->run->mem, inputs[i], &errs[i]);
    w->report.moving = ax_inputs_moving(&w->inputs);
    ax_report_begin(&w->report);
    for (int i = 0; i < count; i++) {
        if (!errs[i].status) continue;
        ++*w->failed;
        ax_report_input_failure(&w->report, inputs[i], &errs[i]);
    }
}

/* The pictures of the labels; they are listed here, and counted only where they can be read. */
static enum ax_status open_eval(struct frames *w, const char *pictures, struct ax_error *err)
{
    if (w->run->pipeline.n_branches)
        return ax_fail(err, AX_UNSUPPORTED, "%s is a joined model; --eval scores the models that it was made from",
                       w->run->artifact.name);
    enum ax_status s = ax_eval_open(w->run, pictures, &w->eval, err);
    const struct ax_truth *t = s ? NULL : ax_eval_truth(w->eval);
    for (int i = 0; t && i < t->count; i++) ax_inputs_append(&w->inputs, t->pictures[i].path);
    return s;
}

/* -- running -- */

static volatile sig_atomic_t interrupted; /* by Ctrl-C: what is under way is finished, and videos are ended */

/* The second one ends at once; not within a second, as one press may signal the process and its group. */
static void on_interrupt(int sig)
{
    static volatile sig_atomic_t first;
    struct timespec now = {0};
    (void)sig;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (interrupted && now.tv_sec > first + 1) _exit(130);
    if (!interrupted) first = (sig_atomic_t)now.tv_sec;
    interrupted = 1;
}

static enum ax_status run_flow(struct frames *w, struct ax_error *err)
{
    struct ax_error why;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    w->begin_ns = ax_now_ns();
    enum ax_status s = ax_flow_run(w->flow, err), closed = ax_saver_close(w->saver, &why);
    w->elapsed_ns = ax_now_ns() - w->begin_ns;
    signal(SIGINT, SIG_DFL);
    w->saver = NULL;
    if (!s && closed) *err = why, s = closed;
    return s;
}

static void say_what_failed(const struct frames *w)
{
    bool several = w->run->cascade != NULL;
    struct ax_runner_counts c = several ? ax_cascade_failures(w->run->cascade->running) : ax_pictures_counts(w->pictures);
    if (several) ax_run_cascade_warn(w->run);
    if (!c.timeouts && !c.failures) return;
    fprintf(stderr, "axrun: %lld timeout%s, %lld failed run%s; %lld tried again, %lld of them well; %lld frame%s skipped\n",
            (long long)c.timeouts, c.timeouts == 1 ? "" : "s", (long long)c.failures, c.failures == 1 ? "" : "s",
            (long long)c.retries, (long long)c.recovered, (long long)c.skipped, c.skipped == 1 ? "" : "s");
}

static void say_how_fast(const struct frames *w)
{
    double s = (double)w->elapsed_ns * 1e-9;
    if (!w->report.moving && !w->record) return;
    fflush(stdout);
    fprintf(stderr, "%lld frame%s in %.3f s: %.2f frames/s (%s)\n", (long long)w->done, w->done == 1 ? "" : "s", s,
            s > 0 ? (double)w->done / s : 0,
            w->run->set->synchronous ? "synchronous"
            : w->run->set->callback  ? "callbacks"
                                     : "asynchronous");
}

static enum ax_status run_all(struct frames *w, struct ax_error *err)
{
    const struct ax_run_settings *set = w->run->set;
    bool looked_at = set->save || set->display || w->run->cascade || w->run->n_pipes > 1; /* beside being preprocessed */
    struct ax_source_options source = {.raw = set->raw, .most = set->frames, .interrupted = &interrupted, .planes = !looked_at};
    char *profile = NULL;
    enum ax_status s = ax_source_new(&w->inputs, &source, &w->source, err);
    if (!s && set->save) s = ax_saver_new(set->save, &w->saver, err);
    if (!s && set->display) s = ax_display_open("axrun", &w->display, err);
    if (!s) s = make_flow(w, err);
    if (!s) s = run_flow(w, err);
    if (w->record) ax_record_close(w->record);
    if (!s && w->record) s = ax_run_profile(w->run, w->record, w->elapsed_ns, w->done, &profile, err);
    if (!w->eval) ax_report_end(&w->report, profile);
    if (!s && w->eval) s = ax_eval_finish(w->eval, err);
    if (w->flow) say_how_fast(w);
    if (w->run->cascade && w->run->cascade->running && (w->report.moving || w->record)) ax_run_cascade_say(w->run);
    if (w->flow) say_what_failed(w);
    free(profile);
    return s;
}

static bool wants_record(const struct ax_run_settings *set)
{
    return set->profile || set->trace || set->report;
}

static void release(struct frames *w)
{
    struct ax_error ignored;
    ax_pictures_free(w->pictures);
    ax_run_cascade_close(w->run); /* what was given up may still run, and look at the record */
    ax_flow_free(w->flow);
    ax_source_free(w->source);
    ax_saver_close(w->saver, &ignored);
    ax_display_close(w->display);
    ax_record_free(w->record);
    ax_eval_close(w->eval);
    ax_inputs_free(&w->inputs);
}

static enum ax_status bind_eval(struct frames *w, struct ax_error *err)
{
    const struct ax_run_cascade *c = w->run->cascade;
    if (!c) return ax_eval_bind(w->eval, ax_pictures_post(w->pictures), &w->run->pipeline, NULL, err);
    int last = c->is.n_stages - 1;
    return ax_eval_bind(w->eval, ax_cascade_post(c->running, last), ax_cascade_descriptor(c->running, last), &c->is, err);
}

enum ax_status ax_run_frames(struct ax_run *r, const char *const *inputs, int count, int *failed, struct ax_error *err)
{
    struct frames w = {.run = r, .failed = failed, .report = {.run = r}};
    enum ax_status s = AX_OK;
    if (wants_record(r->set)) s = ax_record_new(&w.record, err);
    if (!s && r->set->eval) s = open_eval(&w, count ? inputs[0] : NULL, err);
    if (!s) s = open_pictures(&w, err);
    if (!s && w.eval) s = bind_eval(&w, err);
    if (!s) {
        if (!w.eval) list_inputs(&w, inputs, count);
        w.report.headed = w.inputs.count > 1 || w.report.moving;
        s = run_all(&w, err);
    }
    release(&w);
    return s;
}
