#include "app/flow.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/record.h"

/* Frames wait in the ring of the stage that takes them next, each at its number modulo the depth: as no more than `depth` are
 * under way, a place is free when it is needed, and order is kept without sorting. */
struct stage {
    struct ax_flow *flow;
    struct ax_flow_stage is;
    int index, row;
    int64_t next;           /* number of the first frame that it has not taken */
    struct ax_frame **ring; /* NULL: not there yet */
    int64_t *arrived;
    struct ax_frame **taken; /* a group for each worker, and the part of it that is given to run */
    bool busy;               /* of an inline stage: a thread is in it */
    pthread_cond_t ready;
    pthread_t *threads;
    int n_threads;
};

struct worker {
    struct stage *stage;
    int index;
};

struct ax_flow {
    struct ax_flow_options opt;
    struct stage *stages;
    int n, depth, source_row;
    struct ax_frame *frames;
    int prepared;
    struct worker *workers;
    pthread_mutex_t lock; /* of everything below, and of the stages' rings */
    pthread_cond_t room, done;
    int64_t read, total, finished; /* frames; total INT64_MAX: not known yet */
    bool *left;                    /* by place: the frame left the last stage */
    struct ax_error err;           /* of the frame `total` where the flow was stopped */
    pthread_t source;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* -- frames -- */

void ax_frame_fail(struct ax_frame *f, const struct ax_error *why)
{
    f->status = why->status;
    f->err = *why;
}

void ax_frame_clear(struct ax_frame *f)
{
    for (int i = 0; i < f->n_answers; i++) {
        ax_prediction_free(&f->answers[i].result);
        ax_image_free(&f->answers[i].drawn);
    }
    ax_arena_free(&f->mem);
    struct ax_image keep = f->image;
    void *more = f->more;
    *f = (struct ax_frame){.image = keep, .more = more, .index = -1};
}

void ax_frame_free(struct ax_frame *f)
{
    ax_frame_clear(f);
    ax_image_free(&f->image);
}

/* -- the rings; all with the lock held -- */

enum claim { CLAIM_NONE, CLAIM_SOME, CLAIM_END };

static enum claim claim(struct stage *s, struct ax_frame **out, int *n)
{
    struct ax_flow *f = s->flow;
    int64_t want = s->is.group;
    if (s->next >= f->total) return CLAIM_END;
    if (f->total - s->next < want) want = f->total - s->next;
    for (int64_t i = 0; i < want; i++)
        if (!s->ring[(s->next + i) % f->depth]) return CLAIM_NONE;
    for (int64_t i = 0; i < want; i++) {
        struct ax_frame **place = &s->ring[(s->next + i) % f->depth];
        out[i] = *place;
        *place = NULL;
    }
    s->next += want;
    *n = (int)want;
    return CLAIM_SOME;
}

static void wake_all(struct ax_flow *f)
{
    for (int i = 0; i < f->n; i++) pthread_cond_broadcast(&f->stages[i].ready);
    pthread_cond_broadcast(&f->room);
    pthread_cond_broadcast(&f->done);
}

static void end_at(struct ax_flow *f, int64_t total)
{
    if (total < f->total) f->total = total;
    wake_all(f);
}

static void stop_at(struct ax_flow *f, int64_t number, const struct ax_error *why)
{
    if (number >= f->total && f->err.status) return; /* an earlier frame failed already */
    f->err = *why;
    end_at(f, number);
}

/* Frames that left the last stage, in whichever order, are finished in order. */
static void leave(struct ax_flow *f, const struct ax_frame *frame)
{
    f->left[frame->number % f->depth] = true;
    if (f->opt.record) ax_record_frame_time(f->opt.record, frame->number, frame->begin_ns, now_ns());
    while (f->left[f->finished % f->depth]) f->left[f->finished++ % f->depth] = false;
    pthread_cond_broadcast(&f->room);
    if (f->finished >= f->total) pthread_cond_broadcast(&f->done);
}

static void drain(struct stage *s);

static void pass_on(struct ax_flow *f, int stage, struct ax_frame *const *frames, int n)
{
    int64_t now = f->opt.record ? now_ns() : 0;
    if (stage == f->n) {
        for (int i = 0; i < n; i++) leave(f, frames[i]);
        return;
    }
    struct stage *s = &f->stages[stage];
    for (int i = 0; i < n; i++) {
        s->ring[frames[i]->number % f->depth] = frames[i];
        s->arrived[frames[i]->number % f->depth] = now;
    }
    if (s->is.thread == AX_FLOW_INLINE)
        drain(s);
    else
        pthread_cond_broadcast(&s->ready);
}

/* -- one group through one stage; called with the lock held, which is let go meanwhile -- */

static void note_times(const struct stage *s, int worker, struct ax_frame *const *frames, const int64_t *arrived, int n,
                       int64_t begin)
{
    int64_t end = now_ns();
    for (int i = 0; i < n; i++)
        ax_record_stage_time(s->flow->opt.record, s->row, worker, frames[i]->number,
                             arrived[frames[i]->number % s->flow->depth], begin, end);
}

static void work(struct stage *s, int worker, struct ax_frame **taken, int n)
{
    struct ax_flow *f = s->flow;
    struct ax_frame **given = taken + s->is.group, **rest = given + s->is.group;
    struct ax_error err = {0};
    enum ax_status st = AX_OK;
    int n_given = 0, n_rest = 0;
    int64_t first = taken[0]->number, begin = 0;
    for (int i = 0; i < n; i++)
        if (!taken[i]->status || s->is.failed_too)
            given[n_given++] = taken[i];
        else
            rest[n_rest++] = taken[i];
    pthread_mutex_unlock(&f->lock);
    if (f->opt.record) begin = now_ns();
    if (n_given) st = s->is.run(s->is.user, worker, given, n_given, &err);
    bool gone = s->is.delivers && !st; /* they may be through already: not looked at any more */
    for (int i = 0; i < n_given && !gone; i++)
        if (given[i]->status && !given[i]->failed_in) given[i]->failed_in = s->is.name;
    if (f->opt.record && !gone) note_times(s, worker, given, s->arrived, n_given, begin);
    pthread_mutex_lock(&f->lock);
    if (st)
        stop_at(f, first, &err);
    else if (gone)
        pass_on(f, s->index + 1, rest, n_rest);
    else
        pass_on(f, s->index + 1, taken, n);
}

/* One thread is in an inline stage at a time; what others bring meanwhile it takes as well. */
static void drain(struct stage *s)
{
    int n;
    while (!s->busy && claim(s, s->taken, &n) == CLAIM_SOME) {
        s->busy = true;
        work(s, 0, s->taken, n);
        s->busy = false;
    }
}

static void stage_loop(struct stage *s, int worker)
{
    struct ax_flow *f = s->flow;
    struct ax_frame **taken = s->taken + 3 * (ptrdiff_t)s->is.group * worker;
    int n = 0;
    pthread_mutex_lock(&f->lock);
    for (enum claim c; (c = claim(s, taken, &n)) != CLAIM_END;) {
        if (c == CLAIM_SOME)
            work(s, worker, taken, n);
        else
            pthread_cond_wait(&s->ready, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

static void *stage_main(void *arg)
{
    struct worker *w = arg;
    stage_loop(w->stage, w->index);
    return NULL;
}

/* -- the source -- */

/* A frame to read into; NULL: nothing more is to be read. */
static struct ax_frame *next_frame(struct ax_flow *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->read < f->total && f->read - f->finished >= f->depth) pthread_cond_wait(&f->room, &f->lock);
    struct ax_frame *frame = f->read < f->total ? &f->frames[f->read % f->depth] : NULL;
    int64_t number = f->read;
    pthread_mutex_unlock(&f->lock);
    if (frame) {
        ax_frame_clear(frame);
        frame->number = number;
        frame->begin_ns = now_ns();
    }
    return frame;
}

static void end_source(struct ax_flow *f)
{
    end_at(f, f->read);
    for (int i = 0; i < f->n; i++)
        if (f->stages[i].is.thread == AX_FLOW_INLINE) drain(&f->stages[i]); /* groups that stay short */
}

static void read_all(struct ax_flow *f)
{
    struct ax_frame *frame;
    enum ax_status s = AX_OK;
    struct ax_error err;
    while (!s && (frame = next_frame(f))) {
        s = f->opt.next(f->opt.user, frame, &err);
        if (frame->status && !frame->failed_in) frame->failed_in = f->opt.source_name;
        if (!s && f->opt.record)
            ax_record_stage_time(f->opt.record, f->source_row, 0, frame->number, frame->begin_ns, frame->begin_ns, now_ns());
        pthread_mutex_lock(&f->lock);
        if (!s && f->read < f->total) {
            f->read++;
            pass_on(f, 0, &frame, 1);
        } else if (s && s != AX_CLOSED) {
            stop_at(f, f->read, &err);
        }
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_lock(&f->lock);
    end_source(f);
    pthread_mutex_unlock(&f->lock);
}

static void *source_main(void *arg)
{
    read_all(arg);
    return NULL;
}

/* -- running -- */

static enum ax_status start(struct ax_flow *f, int *started, struct ax_error *err)
{
    struct worker *w = f->workers;
    if (pthread_create(&f->source, NULL, source_main, f)) return ax_fail(err, AX_DEVICE, "cannot start a thread");
    *started = 1;
    for (int i = 0; i < f->n; i++) {
        struct stage *s = &f->stages[i];
        for (int k = 0; s->is.thread == AX_FLOW_THREADS && k < s->is.workers; k++, w++, s->n_threads++) {
            *w = (struct worker){s, k};
            if (pthread_create(&s->threads[k], NULL, stage_main, w)) return ax_fail(err, AX_DEVICE, "cannot start a thread");
        }
    }
    return AX_OK;
}

static void run_threads(struct ax_flow *f)
{
    struct ax_error err = {0};
    int started = 0;
    if (start(f, &started, &err)) {
        pthread_mutex_lock(&f->lock);
        stop_at(f, 0, &err);
        pthread_mutex_unlock(&f->lock);
    }
    for (int i = 0; i < f->n; i++)
        if (f->stages[i].is.thread == AX_FLOW_CALLER) stage_loop(&f->stages[i], 0);
    if (started) pthread_join(f->source, NULL);
    for (int i = 0; i < f->n; i++)
        for (int k = 0; k < f->stages[i].n_threads; k++) pthread_join(f->stages[i].threads[k], NULL);
    pthread_mutex_lock(&f->lock); /* inline stages run elsewhere */
    while (f->finished < f->total) pthread_cond_wait(&f->done, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

enum ax_status ax_flow_run(struct ax_flow *f, struct ax_error *err)
{
    if (f->opt.synchronous)
        read_all(f);
    else
        run_threads(f);
    pthread_mutex_lock(&f->lock);
    enum ax_status s = f->err.status;
    if (s) *err = f->err;
    pthread_mutex_unlock(&f->lock);
    return s;
}

void ax_flow_deliver(struct ax_flow *f, int stage, struct ax_frame *const *frames, int n)
{
    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < n; i++)
        if (frames[i]->status && !frames[i]->failed_in) frames[i]->failed_in = f->stages[stage].is.name;
    pass_on(f, stage + 1, frames, n);
    pthread_mutex_unlock(&f->lock);
}

void ax_flow_end(struct ax_flow *f)
{
    pthread_mutex_lock(&f->lock);
    end_at(f, f->read);
    pthread_mutex_unlock(&f->lock);
}

void ax_flow_stop(struct ax_flow *f, const struct ax_frame *at, const struct ax_error *why)
{
    pthread_mutex_lock(&f->lock);
    stop_at(f, at->number, why);
    pthread_mutex_unlock(&f->lock);
}

int ax_flow_depth(const struct ax_flow *f)
{
    return f->depth;
}

int64_t ax_flow_finished(struct ax_flow *f)
{
    pthread_mutex_lock(&f->lock);
    int64_t n = f->finished;
    pthread_mutex_unlock(&f->lock);
    return n;
}

/* -- making and freeing -- */

static bool make_stage(struct ax_flow *f, int i, const struct ax_flow_stage *is)
{
    struct stage *s = &f->stages[i];
    size_t depth = (size_t)f->depth;
    s->flow = f, s->index = i, s->is = *is;
    if (s->is.workers < 1 || f->opt.synchronous) s->is.workers = 1;
    if (s->is.group < 1) s->is.group = 1;
    if (f->opt.synchronous) s->is.thread = AX_FLOW_INLINE;
    if (f->opt.record) s->row = ax_record_stage(f->opt.record, is->name);
    s->ring = calloc(depth, sizeof *s->ring);
    s->arrived = calloc(depth, sizeof *s->arrived);
    s->taken = calloc(3 * (size_t)s->is.group * (size_t)s->is.workers, sizeof *s->taken);
    s->threads = calloc((size_t)s->is.workers, sizeof *s->threads);
    pthread_cond_init(&s->ready, NULL);
    return s->ring && s->arrived && s->taken && s->threads;
}

/* So many frames may wait for others of their groups at the same time, and one more must be able to come. */
static int least_depth(const struct ax_flow_stage *stages, int n)
{
    int depth = 1;
    for (int i = 0; i < n; i++) depth += stages[i].group > 1 ? stages[i].group - 1 : 0;
    return depth;
}

static enum ax_status make(struct ax_flow *f, const struct ax_flow_stage *stages, int n, struct ax_error *err)
{
    int workers = 0;
    bool ok = true;
    f->depth = least_depth(stages, n);
    if (f->opt.depth > f->depth && !f->opt.synchronous) f->depth = f->opt.depth;
    f->stages = calloc((size_t)n + 1, sizeof *f->stages);
    f->frames = calloc((size_t)f->depth, sizeof *f->frames);
    f->left = calloc((size_t)f->depth, sizeof *f->left);
    if (!f->stages || !f->frames || !f->left) return ax_fail(err, AX_NO_MEMORY, "no memory for %d frames", f->depth);
    if (f->opt.record) f->source_row = ax_record_stage(f->opt.record, f->opt.source_name);
    for (f->n = 0; f->n < n && ok; f->n++) {
        ok = make_stage(f, f->n, &stages[f->n]);
        workers += f->stages[f->n].is.workers;
    }
    if (!ok || !(f->workers = calloc((size_t)workers + 1, sizeof *f->workers)))
        return ax_fail(err, AX_NO_MEMORY, "no memory for %d stages", n);
    for (f->prepared = 0; f->prepared < f->depth; f->prepared++)
        if (f->opt.prepare && f->opt.prepare(f->opt.user, &f->frames[f->prepared], err)) return err->status;
    return AX_OK;
}

enum ax_status ax_flow_new(const struct ax_flow_stage *stages, int n, const struct ax_flow_options *opt, struct ax_flow **out,
                           struct ax_error *err)
{
    struct ax_flow *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return ax_fail(err, AX_NO_MEMORY, "no memory for a flow");
    f->opt = *opt;
    f->total = INT64_MAX;
    if (!f->opt.source_name) f->opt.source_name = "decode";
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->room, NULL);
    pthread_cond_init(&f->done, NULL);
    enum ax_status s = make(f, stages, n, err);
    if (s)
        ax_flow_free(f);
    else
        *out = f;
    return s;
}

void ax_flow_free(struct ax_flow *f)
{
    if (!f) return;
    for (int i = 0; i < f->n; i++) {
        struct stage *s = &f->stages[i];
        free(s->ring);
        free(s->arrived);
        free(s->taken);
        free(s->threads);
        pthread_cond_destroy(&s->ready);
    }
    for (int i = 0; f->frames && i < f->depth; i++) {
        if (i < f->prepared && f->opt.release) f->opt.release(f->opt.user, &f->frames[i]);
        ax_frame_free(&f->frames[i]);
    }
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->room);
    pthread_cond_destroy(&f->done);
    free(f->workers);
    free(f->left);
    free(f->frames);
    free(f->stages);
    free(f);
}
